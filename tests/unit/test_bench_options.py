"""What a run may not be asked to do, and where its two ends sit."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli import _core
from rttp_cli.bench.options import RESPONDER_FIFO, BenchOptions, Seats, choose_seats
from rttp_cli.errors import RttpError
from rttp_cli.session.node import NodeOptions


def seats_of(options: BenchOptions, allowed: list[int] | None = None) -> Seats:
    return choose_seats(options, closed=not options.open_loop, embedded=options.embedded, allowed=allowed)


def refusal(**options: Any) -> str:
    with pytest.raises(RttpError) as refused:
        BenchOptions(**options)
    assert (refused.value.slug, refused.value.exit_code) == ("bad-option", 2)
    return refused.value.message


def test_without_options_it_is_a_ping_pong_with_a_responder_of_its_own() -> None:
    options = BenchOptions()
    assert (options.open_loop, options.embedded, options.size, options.priority) == (False, True, 138, 128)


def test_a_rate_makes_an_open_loop_and_a_target_leaves_the_responder_to_others() -> None:
    options = BenchOptions(rate=1000.0, target="192.0.2.1")
    assert (options.open_loop, options.embedded) == (True, False)
    assert BenchOptions(rate=1000.0, mode="open-loop").open_loop
    assert not BenchOptions(mode="ping-pong").open_loop


@pytest.mark.parametrize("rate", [0.0, -0.0, -1.0, -1e9, 1e8 + 1, 1e12, 1e308, math.inf, -math.inf, math.nan])
def test_a_rate_of_nothing_less_or_too_much_is_refused(rate: float) -> None:
    assert "`--rate` is" in refusal(rate=rate)


@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 1.9), (0.1, 19.0), (1e-300, 3600.0), (1000.0, 0.001)])
def test_a_rate_that_sends_less_than_two_pulses_is_refused(rate: float, seconds: float) -> None:
    assert "at least two pulses" in refusal(rate=rate, duration_ns=round(seconds * 1e9))


@pytest.mark.parametrize(("rate", "seconds"), [(1e8, 1.0), (0.1, 20.0), (2.0, 1.0)])
def test_the_fastest_and_the_slowest_rate_are_accepted(rate: float, seconds: float) -> None:
    assert BenchOptions(rate=rate, duration_ns=round(seconds * 1e9)).rate == rate


@pytest.mark.parametrize(
    ("option", "bad", "good"),
    [
        ("size", (-1, 0, 63, 65_508, 1 << 40), (64, 65_507)),
        ("priority", (-1, 256, 1 << 40), (0, 255)),
        ("count", (0, -1, -(1 << 40)), (1, None)),
        ("duration_ns", (0, -1, 999_999), (1_000_000,)),
        ("timeout_ns", (-1, 0, 9_999), (10_000,)),
        ("receive_buffer", (-1, 0, 4095, (1 << 30) + 1), (4096, 1 << 30)),
        ("fifo", (-1, 100, 1 << 40), (0, 1, 99, None)),
    ],
)
def test_a_value_beside_its_range_is_refused_and_one_at_its_edge_is_not(
    option: str, bad: tuple[Any, ...], good: tuple[Any, ...]
) -> None:
    for value in bad:
        message = refusal(**{option: value})
        assert message.startswith(f"`--{option.removesuffix('_ns').replace('_', '-')}` is "), message
        assert "expected" in message
    for value in good:
        assert getattr(BenchOptions(**{option: value}), option) == value


def test_the_mode_and_the_rate_must_fit() -> None:
    assert "needs a `--rate`" in refusal(mode="open-loop")
    assert "ping-pong goes as fast as it is answered" in refusal(mode="ping-pong", rate=1000.0)


def test_a_real_time_responder_may_not_spin() -> None:
    message = refusal(fifo=50, spin=True)
    assert "`--fifo` and `--spin` do not go together" in message
    assert BenchOptions(fifo=0, spin=True).fifo == 0, "0 is none"
    with pytest.raises(RttpError):
        NodeOptions(fifo=50, spin=True)


def test_a_real_time_priority_is_not_given_to_the_responder_of_others() -> None:
    assert "embedded responder" in refusal(fifo=50, target="192.0.2.1")
    assert BenchOptions(fifo=0, target="192.0.2.1").fifo == 0


def test_options_cannot_be_changed_after_they_were_checked() -> None:
    options = BenchOptions()
    with pytest.raises(AttributeError):
        options.size = 1  # type: ignore[misc]


@given(
    rate=st.none() | st.floats(),
    size=st.integers(),
    priority=st.integers(),
    duration_ns=st.integers(),
    count=st.none() | st.integers(),
    timeout_ns=st.integers(),
    fifo=st.none() | st.integers(),
)
def test_any_numbers_are_options_or_refused(**numbers: Any) -> None:
    try:
        options = BenchOptions(**numbers)
    except RttpError as error:
        assert error.slug == "bad-option"
    else:
        assert 64 <= options.size <= 65_507
        assert options.rate is None or 0 < options.rate <= 1e8


ONE, TWO, FOUR = [2], [0, 1], [0, 1, 4, 7]
PING_PONG: dict[str, Any] = {}
OPEN_LOOP: dict[str, Any] = {"rate": 1000.0}
TARGET: dict[str, Any] = {"target": "192.0.2.1"}
SPIN: dict[str, Any] = {"spin": True}


@pytest.mark.parametrize(
    ("asked", "allowed", "seats"),
    [
        # Blocking ping-pong: the pulse wakes its reader where it arrives, so both share a core.
        (PING_PONG, ONE, Seats((2,), 2, None, False)),
        (PING_PONG, TWO, Seats((1,), 1, None, False)),
        (PING_PONG, FOUR, Seats((7,), 7, None, False)),
        # Open loop: a core each, and then a blocking responder may go before all others.
        (OPEN_LOOP, ONE, Seats((2,), 2, None, False)),
        (OPEN_LOOP, TWO, Seats((1,), 0, RESPONDER_FIFO, False)),
        (OPEN_LOOP, FOUR, Seats((7,), 4, RESPONDER_FIFO, False)),
        # Spinning: a core each, never a real-time priority.
        (SPIN, TWO, Seats((1,), 0, None, False)),
        (SPIN, FOUR, Seats((7,), 4, None, False)),
        (OPEN_LOOP | SPIN, TWO, Seats((1,), 0, None, False)),
        # A target elsewhere: no responder to seat.
        (TARGET, ONE, Seats((2,), None, None, False)),
        (TARGET, FOUR, Seats((7,), None, None, False)),
        (TARGET | OPEN_LOOP, TWO, Seats((1,), None, None, False)),
        (TARGET | SPIN, ONE, Seats((2,), None, None, False)),
        # Unpinned on request.
        ({"pin": "none"}, FOUR, Seats((None,), None, None, False)),
        (OPEN_LOOP | {"pin": "none"}, TWO, Seats((None,), None, None, False)),
        (SPIN | {"pin": "none"}, TWO, Seats((None,), None, None, False)),
        # A priority on request must be had; 0 is none even where there would be one.
        (PING_PONG | {"fifo": 10}, TWO, Seats((1,), 1, 10, True)),
        (OPEN_LOOP | {"fifo": 10}, TWO, Seats((1,), 0, 10, True)),
        (OPEN_LOOP | {"fifo": 0}, TWO, Seats((1,), 0, None, True)),
    ],
)
def test_both_ends_have_their_seats(asked: dict[str, Any], allowed: list[int], seats: Seats) -> None:
    assert seats_of(BenchOptions(**asked), allowed=allowed) == seats


def test_two_ends_cannot_spin_on_one_core() -> None:
    with pytest.raises(RttpError, match="needs 2 cores") as refused:
        seats_of(BenchOptions(spin=True), allowed=ONE)
    assert (refused.value.slug, refused.value.hint) == ("bad-option", "leave out --spin")
    core = _core.allowed_cores()[0]
    for pin in (f"{core}", f"{core},{core}"):
        with pytest.raises(RttpError, match="each would wait for the other"):
            seats_of(BenchOptions(spin=True, pin=pin))


def test_cores_are_taken_by_name() -> None:
    core = _core.allowed_cores()[-1]
    assert seats_of(BenchOptions(pin=f"{core}")) == Seats((core,), core, None, False)
    assert seats_of(BenchOptions(pin=f" {core} , {core} ")) == Seats((core,), core, None, False)
    assert seats_of(BenchOptions(pin=f"{core}", target="192.0.2.1")) == Seats((core,), None, None, False)


@pytest.mark.parametrize(
    "pin", ["", ",", "x", "-1", "0,", ",0", "0,0,0", "0;0", "0-1", "²", "٣", "0x0", "None", "AUTO", "1.0", "\x00"]
)
def test_what_names_no_cores_is_refused(pin: str) -> None:
    with pytest.raises(RttpError, match="expected auto, none, CORE or SENDER,RESPONDER") as refused:
        seats_of(BenchOptions(pin=pin))
    assert refused.value.slug == "bad-option"


def test_a_core_of_thousands_of_digits_is_no_core() -> None:
    with pytest.raises(RttpError, match="expected auto, none"):
        seats_of(BenchOptions(pin="9" * 5000))


def test_a_second_core_needs_a_responder_of_ours() -> None:
    with pytest.raises(RttpError, match="expected CORE or none"):
        seats_of(BenchOptions(pin="0,0", target="127.0.0.1"))


@pytest.mark.parametrize("core", [99_999, 9_999_999])
def test_a_core_that_this_process_may_not_use_is_refused_and_those_it_may_are_named(core: int) -> None:
    allowed = ", ".join(map(str, _core.allowed_cores()))
    with pytest.raises(RttpError, match=f"names core {core}, this process may use {allowed}"):
        seats_of(BenchOptions(pin=f"{core}"))
