"""Histograms from other people's files: read exactly, or refused with the place and the reason."""

import base64
import importlib.util
import math
import random
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from rttp_cli._core import Histogram, bootstrap_means, quantile_ranks, read_interval_log

TOP = Path(__file__).parents[2]


def by_hand() -> ModuleType:
    """The writer of the fuzz seeds: the encoding by hand, in Python."""
    spec = importlib.util.spec_from_file_location("seed_histogram", TOP / "rust" / "fuzz" / "seed_histogram.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HAND = by_hand()
plain, compressed, text = HAND.plain, HAND.compressed, HAND.text


@pytest.mark.parametrize(
    ("encoded", "cells"),
    [
        (plain(-100, 3, 0, 7), [(100, 3), (102, 7)]),
        # Exact below 2,048; from there on each cell holds two values, from 4,096 on four.
        (plain(-2_047, 1, 2, -1_023, 3), [(2_047, 1), (2_049, 2), (4_099, 3)]),
        # A lowest value of 1,000: the first cells are 512 wide, and with one digit there are 32 of them.
        (plain(1, -30, 2, 3, low=1_000, high=1 << 30, digits=1), [(511, 1), (16_383, 2), (17_407, 3)]),
        (plain(5, digits=0, high=2), [(0, 5)]),
        (plain(-(26 * 131_072 - 1), 2, digits=5), [((1 << 42) - 1, 2)]),
        (plain(2**63 - 1), [(0, 2**63 - 1)]),
        (plain(), []),
    ],
)
def test_an_encoding_by_hand_has_the_cells_that_the_format_says(encoded: bytes, cells: list[tuple[int, int]]) -> None:
    forms = [encoded, compressed(encoded), text(encoded), text(compressed(encoded)), b" \n" + text(encoded) + b"\n"]
    for form in forms:
        found = Histogram.decode(form)
        assert found.cells() == cells
        assert found.samples == sum(count for _, count in cells)
    as_text = text(compressed(encoded)).decode()
    assert Histogram.decode(as_text).cells() == Histogram.decode(as_text.rstrip("=")).cells() == cells


@pytest.mark.parametrize(
    ("encoded", "complaint"),
    [
        ("", "byte 0 of the encoded histogram: the end, expected a cookie of 4 bytes"),
        ("SElTV!==", "byte 5 of the text: `!`, expected base64"),
        (" \nSElT?", "byte 6 of the text: `?`, expected base64"),
        ("é", "byte 0 of the text: `\\u{c3}`, expected base64"),
        (text(b"HISTOGRAM"), "byte 0 of the encoded histogram: cookie 0x48495354, expected cookie 0x1c849313 or"),
        (plain(1)[:39], "byte 39 of the encoded histogram: the end, expected 1 more bytes"),
        (plain(1, digits=6), "byte 12 of the encoded histogram: 6 significant digits, expected 0 … 5"),
        (plain(1, digits=1 << 31), "byte 12 of the encoded histogram: 2147483648 significant digits, expected 0 … 5"),
        (plain(1, shift=1), "byte 8 of the encoded histogram: cells shifted by 1, expected 0"),
        (plain(1, low=0), "byte 16 of the encoded histogram: lowest value 0, expected 1 or more"),
        (plain(1, low=8, high=15), "byte 24 of the encoded histogram: highest value 15 with lowest 8, expected twice"),
        (plain(1, low=1 << 62, high=1 << 63), "byte 24 of the encoded histogram: highest value"),
        (plain(1, ratio=0.5), "byte 32 of the encoded histogram: conversion ratio 0.5, expected 1"),
        (plain(1, ratio=math.nan), "byte 32 of the encoded histogram: conversion ratio NaN, expected 1"),
        (plain(1, more=1), "byte 41 of the encoded histogram: the end, expected 1 more bytes"),
        (plain(1, more=(1 << 32) - 2), "byte 4 of the encoded histogram: 4294967295 bytes of counts, expected at most"),
        (plain(1) + b"\0", "byte 41 of the encoded histogram: more bytes, expected the end of the counts"),
        (plain(1)[:-1] + b"\x80", "byte 41 of the encoded histogram: the end, expected the rest of a count"),
        (plain(7, -40_000), "byte 41 of the encoded histogram: cells up to 40001, expected 33792 by the header"),
        (plain(-(2**63)), "byte 40 of the encoded histogram: cells up to"),
        (plain(2**62, 2**62), "byte 40 of the encoded histogram: more than 2^63 - 1 samples, expected fewer"),
        (compressed(plain(1))[:7], "byte 7 of the encoded histogram: the end, expected a length of 4 bytes"),
        (compressed(plain(1))[:-1], "byte 4 of the encoded histogram: "),
        (compressed(plain(1)) + b"x", "byte 4 of the encoded histogram: "),
        (compressed(plain(1), b"behind"), "6 bytes behind the compressed ones, expected none"),
        (compressed(compressed(plain(1))), "byte 0 of the inflated histogram: "),
        (compressed(plain(1) + b"\0"), "byte 41 of the inflated histogram: more bytes"),
        (compressed(plain(1, digits=9)), "byte 12 of the inflated histogram: 9 significant digits, expected 0 … 5"),
    ],
)
def test_what_is_no_histogram_is_refused_where_it_is_wrong(encoded: str | bytes, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        Histogram.decode(encoded)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("cookie", "name"), [(0x1C849301, "V1"), (0x1C849308, "V0"), (0x0C72124E, "DoubleHistogram"), (7, "0x00000007")]
)
def test_other_encodings_are_refused_by_name(cookie: int, name: str) -> None:
    inner = cookie.to_bytes(4, "big") + plain(1)[4:]
    for encoded in (text(inner), compressed(inner)):
        with pytest.raises(ValueError, match=f"(?s){name}.*expected cookie 0x1c849313 or 0x1c849314"):
            Histogram.decode(encoded)


def test_a_broken_zlib_stream_is_refused() -> None:
    whole = compressed(plain(-100, 3, 0, 7))
    for damaged in (whole[:20] + bytes([whole[20] ^ 0xFF]) + whole[21:], whole[:-1] + bytes([whole[-1] ^ 1])):
        with pytest.raises(ValueError, match="expected a whole zlib stream"):
            Histogram.decode(damaged)


def test_a_bomb_does_not_grow() -> None:
    # A child of its own, since the highest memory use of a process never falls.
    script = """
import resource, struct, sys, zlib
from rttp_cli._core import Histogram
kind, head = sys.argv[1], struct.Struct(">IIIIQQd")
size = 1 << 28 if kind == "behind" else (4 << 20)
claim = {"behind": 1, "claimed": size, "ones": size}[kind]
squeeze = zlib.compressobj(9)
stream = squeeze.compress(head.pack(0x1C849313, claim, 0, 5, 1, 1 << 62, 1.0))
block = (b"\\2" if kind == "ones" else b"\\0") * (1 << 20)
for _ in range((size >> 20) if kind != "claimed" else 0):
    stream += squeeze.compress(block)
stream += squeeze.flush()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(Histogram.decode(struct.pack(">II", 0x1C849314, len(stream)) + stream).samples)
except ValueError as error:
    print(error)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 160 << 10, f"{grown} KiB"
"""
    for kind, said in [("behind", "more bytes"), ("claimed", "more bytes"), ("ones", str(4 << 20))]:
        ran = subprocess.run([sys.executable, "-c", script, kind], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert said in ran.stdout, ran.stdout


def test_many_are_read_in_order_and_a_bad_one_is_named() -> None:
    made = [Histogram.of([(value, 1)]) for value in range(1, 200)]
    texts = [each.encode() for each in made]
    assert Histogram.decode_all(texts) == made
    assert Histogram.decode_all([]) == []
    with pytest.raises(ValueError, match=r"^histogram 7: byte 0 of the encoded histogram"):
        Histogram.decode_all([*texts[:7], "", *texts[8:], "?"])


def test_ranks_are_those_of_the_sample() -> None:
    dice = random.Random(3)
    values = sorted(round(dice.lognormvariate(11, 2)) for _ in range(5_000))
    found = Histogram.of((value, 1) for value in values)
    assert found.samples == 5_000
    for rank in (1, 2, 2_500, 4_999, 5_000):
        assert values[rank - 1] <= found.at_rank(rank) <= values[rank - 1] * 1.001
    assert found.quantile(0.5) == found.at_rank(2_500)
    assert found.quantile(0) == found.at_rank(1)
    assert found.quantile(1) == found.max == found.at_rank(5_000)
    assert found.above(found.at_rank(4_000)) == sum(value > found.at_rank(4_000) for value in values)
    assert found.binned([0, 50_000, 1 << 50]) == [sum(v < 50_000 for v in values), sum(v >= 50_000 for v in values)]
    assert found.mean == pytest.approx(sum(values) / 5_000, rel=1e-3)
    for outside in (0, 5_001):
        with pytest.raises(ValueError, match=f"rank {outside}, expected 1 … 5000"):
            found.at_rank(outside)


def test_an_empty_histogram_has_no_values() -> None:
    empty = Histogram.sum([])
    assert (empty.samples, empty.digits, empty.cells()) == (0, 3, [])
    assert (empty.min, empty.max, empty.mean, empty.stdev) == (None, None, None, None)
    assert Histogram.decode(empty.encode()) == empty
    with pytest.raises(ValueError, match="samples"):
        empty.quantile(0.5)


def test_a_sum_keeps_what_each_part_says() -> None:
    fine, coarse = Histogram.of([(123_456, 2)], 4), Histogram.of([(5_000_000, 3), (130_000, 1)], 1)
    both = Histogram.sum([coarse, fine])
    assert both == Histogram.sum([fine, coarse])
    assert (both.samples, both.digits) == (6, 4)
    assert (both.at_rank(2), both.at_rank(3), both.max) == (fine.max, coarse.at_rank(1), coarse.max)
    assert both.minus(coarse).cells() == fine.cells()
    with pytest.raises(ValueError, match=rf"not a part of it: 1 samples at {coarse.at_rank(1)}, where it has 0"):
        fine.minus(coarse)


def test_scaling_changes_units() -> None:
    microseconds = Histogram.of([(5, 1), (1_500, 2)])
    assert [count for _, count in microseconds.scaled(1_000).cells()] == [1, 2]
    assert microseconds.scaled(1_000).quantile(1) == pytest.approx(1_500_000, rel=1e-3)
    for factor in (0, -1, math.nan, math.inf, 1e300):
        with pytest.raises(ValueError, match="factor"):
            microseconds.scaled(factor)


def test_senseless_calls_are_value_errors() -> None:
    for wrong in (
        lambda: Histogram.of([(1, 1)], 6),
        lambda: Histogram.of([(1, 2**63)]),
        lambda: bootstrap_means([], 1, 0),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(TypeError):
        Histogram.decode(3)  # type: ignore[arg-type]


def test_inflation_widens_an_interval_and_one_changes_nothing() -> None:
    assert quantile_ranks(10_000, 0.99, 0.95, 1.0) == quantile_ranks(10_000, 0.99, 0.95) == (9_900, 9_880, 9_920)
    at, lower, upper = quantile_ranks(10_000, 0.99, 0.95, 4.0) or (0, 0, None)
    assert at == 9_900 and lower < 9_865 and upper and upper > 9_935
    assert quantile_ranks(10_000, 0.99, 0.95, 100.0) == (9_900, 9_700, None)


def test_an_interval_log_names_its_lines() -> None:
    histogram = Histogram.of([(7, 2)])
    encoded = histogram.encode()
    log = f"#[StartTime: 10.5 (seconds since epoch)]\nTag=a,10.5,1,7,{encoded}\n11.5,0.5,7,{encoded}\n"
    assert read_interval_log(log.encode()) == [("a", 0.0, 1.0, histogram), (None, 1.0, 0.5, histogram)]
    with pytest.raises(ValueError, match=r"^line 4: 1 columns, expected start, length, maximum and histogram"):
        read_interval_log(log.encode() + b"rubbish\n")


def test_a_bootstrap_is_the_same_for_the_same_seed() -> None:
    means = bootstrap_means([1.0, 2.0, 6.0], 1_000, 42)
    assert means == sorted(means) == bootstrap_means([1.0, 2.0, 6.0], 1_000, 42)
    assert means[0] >= 1.0 and means[-1] <= 6.0
    assert sum(means) / 1_000 == pytest.approx(3.0, abs=0.2)


def test_text_is_the_v2_encoding_compressed() -> None:
    raw = base64.b64decode(Histogram.of([(100, 3), (102, 7)]).encode(), validate=True)
    assert raw[:4] == bytes.fromhex("1c849314")
    assert zlib.decompress(raw[8:]) == plain(-100, 3, 0, 7)
