"""The core's histograms as the HdrHistogram library for Python reads and writes them, and the other way round.

hdrhistogram is a port of the Java library by its own authors; the core records with the one for Rust and reads with its
own code. They meet in the V2 encoding alone.
"""

import base64
import json
import math
import random
import struct
import zlib
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from rttp_cli._core import Histogram
from rttp_cli.bench import BenchOptions, run

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
    assert Histogram.decode(again) == Histogram.decode(document["histograms"][name])


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


GEOMETRIES = [(1, 3_600_000_000_000, 3), (1, 1_000_000, 1), (1, 1_000_000, 2), (1, 1 << 20, 4), (1, 1 << 18, 5)]
PERCENTILES = (0.001, 50, 90, 99, 99.9, 100)


def recorded_by_the_library(low: int, high: int, digits: int, seed: int) -> HdrHistogram:
    dice = random.Random(seed)
    made = HdrHistogram(low, high, digits)
    for _ in range(1_000):
        value = min(high, max(low, round(dice.lognormvariate(math.log(high) / 2, 1.5))))
        assert made.record_value(value, dice.choice([1, 1, 2, 900]))
    return made


def same(ours: Histogram, theirs: HdrHistogram) -> None:
    total = theirs.get_total_count()
    assert (ours.samples, ours.max) == (total, theirs.get_max_value())
    assert [(theirs.get_highest_equivalent_value(v), n) for v, n in recorded(theirs)] == ours.cells()
    assert ours.mean == pytest.approx(theirs.get_mean_value())
    assert ours.stdev == pytest.approx(theirs.get_stddev())
    for percentile in PERCENTILES:
        # The library rounds to the nearest rank, from half up.
        rank = max(1, int(percentile * total / 100 + 0.5))
        assert ours.at_rank(rank) == theirs.get_value_at_percentile(percentile), percentile


@pytest.mark.parametrize(("low", "high", "digits"), [*GEOMETRIES, (1_000, 1 << 40, 3), (7, 1 << 30, 2)])
def test_percentiles_are_the_librarys_on_the_same_bytes(low: int, high: int, digits: int) -> None:
    theirs = recorded_by_the_library(low, high, digits, 5)
    ours = Histogram.decode(theirs.encode())
    assert ours.digits == digits
    same(ours, theirs)
    same(ours, HdrHistogram.decode(ours.encode()))


def test_the_librarys_sum_is_ours() -> None:
    theirs = HdrHistogram(*GEOMETRIES[0])
    parts = [recorded_by_the_library(*GEOMETRIES[0], seed) for seed in range(3)]
    for part in parts:
        theirs.add(part)
    ours = Histogram.sum(Histogram.decode_all([part.encode().decode() for part in parts]))
    same(ours, theirs)
    last = Histogram.decode(parts.pop().encode())
    assert ours.minus(last) == Histogram.sum([Histogram.decode(part.encode()) for part in parts])


def test_the_library_reads_an_empty_one_and_makes_one() -> None:
    assert HdrHistogram.decode(Histogram.sum([]).encode()).get_total_count() == 0
    assert Histogram.decode(HdrHistogram(1, 1_000_000, 2).encode()).samples == 0
