"""The core's histograms as the HdrHistogram library for Python reads and writes them.

hdrhistogram is a port of the Java library by its own authors; the core uses the one for Rust. They meet in the V2
encoding alone.
"""

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from rttp_cli.bench import BenchOptions, run
from rttp_cli.report.result import distribution

NAMES = ("response", "service", "lateness", "wakeup")
COOKIE, COMPRESSED_COOKIE = 0x1C849313, 0x1C849314


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """One short run with every kind of sample: answers, losses, lateness, kernel stamps."""
    from rttp_cli.bench.options import Faults

    options = BenchOptions(
        rate=2_000.0,
        duration_ns=10_000_000_000,
        count=400,
        warmup_ns=0,
        timeout_ns=200_000_000,
        stamps=True,
        faults=Faults(loss=0.05),
    )
    found = run(options)
    assert found["counts"]["lost"] > 0
    assert found["counts"]["answered"] > 0
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def recorded(histogram: HdrHistogram) -> list[tuple[int, int]]:
    """Values and their counts."""
    return [(each.value_iterated_to, each.count_at_value_iterated_to) for each in histogram.get_recorded_iterator()]


@pytest.mark.parametrize("name", NAMES)
def test_the_library_reads_a_histogram_of_the_core_with_all_its_samples(document: dict[str, Any], name: str) -> None:
    counts = document["counts"]
    histogram = HdrHistogram.decode(document["histograms"][name])
    assert histogram.get_total_count() == (counts["answered"] if name == "wakeup" else counts["sent"]) > 0
    assert histogram.significant_figures == 3
    assert sum(count for _, count in recorded(histogram)) == histogram.get_total_count()


@pytest.mark.parametrize("name", NAMES)
def test_a_histogram_written_by_the_library_again_is_the_same(document: dict[str, Any], name: str) -> None:
    first = HdrHistogram.decode(document["histograms"][name])
    again = first.encode().decode("ascii")
    second = HdrHistogram.decode(again)
    assert second.equals(first)
    assert recorded(second) == recorded(first)
    assert distribution(again, 0) == distribution(document["histograms"][name], 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_header_is_that_of_the_v2_encoding(document: dict[str, Any], name: str) -> None:
    raw = base64.b64decode(document["histograms"][name], validate=True)
    cookie, length = struct.unpack_from(">II", raw)
    assert (cookie, length) == (COMPRESSED_COOKIE, len(raw) - 8)
    inner = zlib.decompress(raw[8:])
    cookie, payload, offset, digits, low, high, ratio = struct.unpack_from(">IIIIQQd", inner)
    assert (cookie, payload, offset, digits, ratio) == (COOKIE, len(inner) - 40, 0, 3, 1.0)
    assert low == 1
    assert high >= 3_600_000_000_000, "an hour in ns fits"


def test_lost_pulses_stand_at_the_timeout(document: dict[str, Any]) -> None:
    service = HdrHistogram.decode(document["histograms"]["service"])
    timeout = document["run"]["timeout_ns"]
    at_timeout = [count for value, count in recorded(service) if service.values_are_equivalent(value, timeout)]
    assert sum(at_timeout) >= document["counts"]["lost"]


def test_the_library_adds_histograms_of_two_runs(document: dict[str, Any]) -> None:
    total = HdrHistogram(1, 3_600_000_000_000, 3)
    for _ in range(2):
        total.decode_and_add(document["histograms"]["response"])
    assert total.get_total_count() == 2 * document["counts"]["sent"]


def test_an_empty_histogram_can_be_read() -> None:
    found = run(BenchOptions(count=5, warmup_ns=0))
    assert HdrHistogram.decode(found["histograms"]["wakeup"]).get_total_count() == 0
