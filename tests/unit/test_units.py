"""Quantities in and out: what is accepted, what is refused, and that nothing is shown as what it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.units import format_bytes, format_ns, format_share, parse_bytes, parse_duration_ns, parse_rate

YEAR_NS = 366 * 24 * 3600 * 10**9
EXACT = 2**53
"""Numbers are read as doubles: beyond this they are no longer exact to the nanosecond (104 days)."""


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("300us", 300_000),
        ("300µs", 300_000),
        ("300\u03bcs", 300_000),
        ("10ms", 10_000_000),
        ("1.5s", 1_500_000_000),
        ("1.5 s", 1_500_000_000),
        (" 5s\t", 5_000_000_000),
        (".5s", 500_000_000),
        ("+2s", 2_000_000_000),
        ("2m", 120_000_000_000),
        ("2min", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        ("8784h", YEAR_NS),
        ("1e3us", 1_000_000),
        ("1E-9s", 1),
        ("1_000us", 1_000_000),
        ("1,000us", 1_000_000),
        ("0s", 0),
        ("0.4ns", 0),
    ],
)
def test_a_time_is_read_with_its_unit(text: str, ns: int) -> None:
    assert parse_duration_ns(text) == ns


@pytest.mark.parametrize("text", ["5", "0", "1e3", "5S", "5US", "5MS", "5d", "5 seconds", "5/s"])
def test_a_time_without_a_unit_we_know_is_refused_and_the_units_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="needs a unit: ns, us, ms, s, min or h"):
        parse_duration_ns(text)


@pytest.mark.parametrize("text", ["-1ns", "-5s", "8785h", "1e300h", "99999999999999999999h"])
def test_a_time_below_zero_or_beyond_a_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="between 0 and a year"):
        parse_duration_ns(text)


@pytest.mark.parametrize("text", ["1e400s", "-1e400s", "1e400ns"])
def test_a_time_that_no_double_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"`{text}` is "):
        parse_duration_ns(text)


NOT_NUMBERS = ["", " ", "s", "us", "nan", "nans", "inf", "infs", "-", "+s", ".", ".s", "1.s", "1..5s", "1e", "1 0s"]
NOT_NUMBERS += ["_1s", "0x10s", "1s2ms", "1;s", "\x00", "1\x00s", "½s", "²s", "five s", "1s " * 1000, "--5s", "5s;rm"]


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_what_is_no_number_is_no_time_no_rate_and_no_size(text: str) -> None:
    for parse in (parse_duration_ns, parse_rate, parse_bytes):
        with pytest.raises(ValueError) as refused:
            parse(text)
        assert f"`{text}`" in str(refused.value), "the message shows what was typed"


@pytest.mark.parametrize(
    ("text", "per_second"),
    [
        ("100000", 1e5),
        ("100k", 1e5),
        ("100K", 1e5),
        ("2.5M", 2.5e6),
        ("2.5m", 2.5e6),
        ("1G", 1e9),
        ("2.5M/s", 2.5e6),
        ("7/s", 7.0),
        ("1e4", 1e4),
        ("0.5", 0.5),
        ("1,000,000", 1e6),
    ],
)
def test_a_rate_is_read_with_its_factor(text: str, per_second: float) -> None:
    assert parse_rate(text) == per_second


@pytest.mark.parametrize("text", ["100s", "100 pps", "100k/min", "100/s/s", "100//s", "/s", "k", "1Hz"])
def test_a_rate_in_a_unit_we_do_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1400", 1400),
        ("64B", 64),
        ("8k", 8000),
        ("8kB", 8000),
        ("8KiB", 8192),
        ("16MiB", 16 << 20),
        ("16mib", 16 << 20),
        ("1MB", 1_000_000),
        ("1GiB", 1 << 30),
        ("1.5k", 1500),
        ("0", 0),
    ],
)
def test_a_size_is_read_with_its_factor_of_1000_or_1024(text: str, count: int) -> None:
    found = parse_bytes(text)
    assert found == count
    assert isinstance(found, int)


@pytest.mark.parametrize("text", ["10bits", "10s", "10Ki", "10/s", "10TB"])
def test_a_size_in_a_unit_we_do_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_bytes(text)


@given(st.integers(0, EXACT))
def test_a_time_in_nanoseconds_comes_back_exactly(ns: int) -> None:
    assert parse_duration_ns(f"{ns}ns") == ns
    assert parse_duration_ns(f"{ns:,} ns") == ns
    assert parse_duration_ns(f"{ns:_}ns") == ns


@given(st.integers(1, YEAR_NS))
def test_a_time_that_was_formatted_is_read_back_to_its_three_digits(ns: int) -> None:
    assert abs(parse_duration_ns(format_ns(ns)) - ns) <= ns * 0.005


@given(st.floats(0.001, 1e8))
def test_a_rate_comes_back_as_it_was_written(rate: float) -> None:
    assert parse_rate(repr(rate)) == rate
    assert parse_rate(f"{rate!r}/s") == rate


@given(st.integers(0, 1 << 40))
def test_a_count_of_bytes_comes_back_exactly(count: int) -> None:
    assert parse_bytes(str(count)) == count
    assert parse_bytes(f"{count}KiB") == count << 10


@given(st.text("0123456789.,_eE+-nuµmsihkMGB/ \x00٣", max_size=12) | st.text(max_size=12))
def test_any_text_is_a_time_and_a_rate_or_refused_with_a_message_that_shows_it(text: str) -> None:
    for parse in (parse_duration_ns, parse_rate):
        try:
            found = parse(text)
        except ValueError as refused:
            assert f"`{text}`" in str(refused)
        else:
            assert parse is parse_rate or (isinstance(found, int) and 0 <= found <= YEAR_NS)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (1, "1 ns"),
        (999, "999 ns"),
        (999.4, "999 ns"),
        (999.5, "1.00 µs"),
        (1_000, "1.00 µs"),
        (1_004, "1.00 µs"),
        (9_994, "9.99 µs"),
        (9_996, "10.0 µs"),
        (58_123, "58.1 µs"),
        (99_949, "99.9 µs"),
        (99_951, "100 µs"),
        (999_400, "999 µs"),
        (999_600, "1.00 ms"),
        (1_000_000, "1.00 ms"),
        (3_980_000, "3.98 ms"),
        (999_600_000, "1.00 s"),
        (1_000_000_000, "1.00 s"),
        (59_949_000_000, "59.9 s"),
        (3_600_000_000_000, "3,600 s"),
        (-1_500, "-1.50 µs"),
    ],
)
def test_a_time_is_shown_in_three_digits_and_the_unit_that_fits(ns: float, text: str) -> None:
    assert format_ns(ns) == text


@given(st.floats(0, 0.9994e12))
def test_no_time_below_1000_seconds_is_shown_with_four_digits(ns: float) -> None:
    number, unit = format_ns(ns).split(" ")
    assert unit in {"ns", "µs", "ms", "s"}
    assert len(number.replace(".", "")) <= 3


@given(st.floats(0, 1e15), st.floats(0, 1e15))
def test_a_longer_time_is_never_shown_as_shorter(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert parse_duration_ns(format_ns(low)) <= parse_duration_ns(format_ns(high))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (138, "138 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (65_507, "63.97 KiB"),
        (16 << 20, "16 MiB"),
        (1 << 30, "1 GiB"),
        (5 << 40, "5120 GiB"),
    ],
)
def test_bytes_are_shown_in_powers_of_1024(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 100, "0 %"),
        (0, 0, "0 %"),
        (1, 0, "0 %"),
        (1, 3, "33.33 %"),
        (1, 1, "100.00 %"),
        (1, 10_000, "0.01 %"),
        (1, 20_000, "0.005 %"),
        (1, 10_000_000, "1e-05 %"),
    ],
)
def test_a_share_is_shown_in_per_cent(part: float, whole: float, text: str) -> None:
    assert format_share(part, whole) == text


@given(st.integers(1, 1 << 60), st.integers(1, 1 << 60))
def test_a_share_that_happened_is_never_shown_as_zero(part: int, whole: int) -> None:
    shown = float(format_share(part, part + whole).removesuffix(" %"))
    assert shown > 0
