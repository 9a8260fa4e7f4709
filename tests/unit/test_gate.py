"""Gates as texts: what is one, where a text stops being one, and which cannot both hold."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.errors import RttpError
from rttp_cli.profile import load
from rttp_cli.report.gate import CLASSES, FIGURES, OPERATORS, TIMES, GateError, contradiction, parse_gate


@pytest.mark.parametrize(
    ("text", "metric", "statistic", "operator", "value"),
    [
        ("response.p99 <= 500us", "response", 0.99, "<=", 500_000),
        ("response.p99.99<1.5ms", "response", 0.9999, "<", 1_500_000),
        ("p99.99 < 300us", "response", 0.9999, "<", 300_000),
        ("p50>=1µs", "response", 0.5, ">=", 1_000),
        ("max < 1min", "response", "max", "<", 60e9),
        ("mean <= 1s", "response", "mean", "<=", 1e9),
        ("undisturbed.mean < 20us", "undisturbed", "mean", "<", 20_000),
        ("  token_gap.max  <  50 ms ", "token_gap", "max", "<", 50_000_000),
        ("one_way_out.p5 >= 1ns", "one_way_out", 0.05, ">=", 1),
        ("loss <= 0", "loss", None, "<=", 0),
        ("loss < 0.1%", "loss", None, "<", 0.001),
        ("loss < 50 ppm", "loss", None, "<", 5e-5),
        ("misses < .5", "misses", None, "<", 0.5),
        ("misses < 1e-3", "misses", None, "<", 0.001),
        ("misses[hard] <= 0", "misses", None, "<=", 0),
        ("rate >= 99.5 %", "rate", None, ">=", 0.995),
        ("rate > 1", "rate", None, ">", 1),
        ("samples >= 50k", "samples", None, ">=", 50_000),
        ("sent_pps >= 100k/s", "sent_pps", None, ">=", 100_000),
        ("answered_pps > 2.5M", "answered_pps", None, ">", 2.5e6),
        ("stalls.count <= 10", "stalls.count", None, "<=", 10),
        ("stalls.max < 4ms", "stalls.max", None, "<", 4_000_000),
        ("stalls.share < 1%", "stalls.share", None, "<", 0.01),
    ],
)
def test_a_gate_is_a_metric_an_operator_and_a_value(
    text: str, metric: str, statistic: float | str | None, operator: str, value: float
) -> None:
    gate = parse_gate(text)
    assert (gate.metric, gate.statistic, gate.operator) == (metric, statistic, operator)
    assert gate.value == pytest.approx(value, abs=1e-12)
    assert (gate.of_time, gate.unit) == (metric in TIMES, FIGURES.get(metric, "ns"))
    assert (gate.stream, gate.priorities, gate.text, gate.body) == (None, None, text.strip(), text.strip())


def test_a_prefix_says_whose_figure_it_is() -> None:
    gate = parse_gate("  stream[control loop].p99 <= 1ms ")
    assert (gate.stream, gate.metric, gate.statistic) == ("control loop", "response", 0.99)
    assert (gate.text, gate.body) == ("stream[control loop].p99 <= 1ms", "p99 <= 1ms")
    assert str(gate) == gate.text
    band = parse_gate("priority[128..255].loss < 1%")
    assert (band.priorities, band.metric, band.stream) == ((128, 255), "loss", None)
    assert str(band) == band.body == band.text


@pytest.mark.parametrize("kind", CLASSES)
def test_misses_are_of_all_deadlines_or_of_one_class(kind: str) -> None:
    assert parse_gate(f"stream[a].misses[{kind}] < 1%").kind == kind


def test_gates_that_say_the_same_are_equal_however_they_are_written() -> None:
    assert parse_gate("p99 < 1ms") == parse_gate("response.p99<1000us")
    assert parse_gate("loss <= 1%") == parse_gate("loss <= 10000ppm")
    assert len({parse_gate("p99 < 1ms"), parse_gate(" p99<1ms"), parse_gate("stream[a].p99 < 1ms")}) == 2


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "a metric is missing"),
        ("  <= 5ms", 2, "a metric is missing"),
        ("respnse.p99 < 5ms", 0, "did you mean `response`?"),
        ("stalls.cout < 5", 0, "did you mean `stalls.count`?"),
        ("  zzz < 5ms", 2, "expected one of response, "),
        ("response < 5ms", 8, "the metric ends, expected a percentile"),
        ("response. < 5ms", 9, "the metric ends, expected a percentile"),
        ("response.median < 5ms", 9, "found `median`"),
        ("response.p100 < 5ms", 9, "found `p100`"),
        ("p100 < 5ms", 0, "found `p100`, expected a percentile such as `response.p99`"),
        ("response.p0 < 5ms", 9, "found `p0`"),
        ("response.p99. < 5ms", 9, "found `p99.`"),
        ("loss.p99 < 5%", 4, "`loss` has no percentiles"),
        ("loss", 4, "the text ends, expected one of < <= >= >"),
        ("loss = 5%", 5, "found `=`"),
        ("loss == 5%", 5, "found `==`"),
        ("loss <", 6, "the text ends, expected a share"),
        ("loss < = 5%", 7, "found `=`"),
        ("loss < 5", 7, "found `5`, expected a share"),
        ("loss < 101%", 7, "found `101%`"),
        ("loss < 1000001ppm", 7, "found `1000001ppm`"),
        ("loss < -1%", 7, "found `-1%`"),
        ("loss < nan", 7, "found `nan`"),
        ("loss < inf", 7, "found `inf`"),
        ("loss < 5ms", 7, "found `5ms`"),
        ("loss < 1% 2", 7, "found `1%`"),
        ("misses[any] < 1%", 7, "found `any`, expected one of soft, firm, hard"),
        ("loss[hard] < 1%", 4, "found `[hard]`, expected one of < <= >= >"),
        ("response.p99 < 5", 15, "found `5`, expected a time"),
        ("response.p99 < 5%", 15, "found `5%`"),
        ("response.p99 < nan", 15, "found `nan`"),
        ("response.p99 < nanms", 15, "found `nanms`"),
        ("response.p99 < 5ms or so", 15, "found `5ms`"),
        ("samples > many", 10, "found `many`, expected a count"),
        ("samples > 5/s", 10, "found `5/s`, expected a count"),
        ("samples > -5", 10, "found `-5`"),
        ("sent_pps > 1e400", 11, "found `1e400`, expected a rate"),
        ("stream[].p99 < 1ms", 7, "the name of a stream is missing"),
        ("stream[a.p99 < 1ms", 18, "the text ends, expected `].`"),
        ("stream[a] p99 < 1ms", 8, "expected `].`"),
        ("stream[a].pacing.p99 < 1ms", 10, "`pacing` is of the whole run"),
        ("stream[a].stalls.count < 1", 10, "`stalls.count` is of the whole run"),
        ("stream[a].respnse.p9 < 1ms", 10, "did you mean `response`?"),
        ("priority[1..255].p99 < 1ms", 9, "found `1..255`, expected bands of 32 priorities"),
        ("priority[128..256].p99 < 1ms", 9, "found `128..256`"),
        ("priority[224..127].p99 < 1ms", 9, "found `224..127`"),
        ("priority[200].p99 < 1ms", 9, "found `200`"),
        ("priority[0..31].service.p99 < 1ms", 16, "of priorities there are response, loss, samples alone"),
        ("loss < 1%" + " " * 300, 200, "at most 200 characters"),
    ],
)
def test_what_is_no_gate_says_from_which_character_on(text: str, position: int, message: str) -> None:
    with pytest.raises(GateError) as refused:
        parse_gate(text)
    assert message in str(refused.value)
    assert refused.value.position == position
    assert str(refused.value).startswith(f"at character {position}: ")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("p99 < 1ms", "p99 > 2ms"),
        ("p99 < 1ms", "p99 >= 1ms"),
        ("p99 < 1ms", "p50 > 2ms"),
        ("p99 > 2ms", "max <= 1ms"),
        ("mean > 2ms", "max <= 1ms"),
        ("loss < 1%", "loss > 2%"),
        ("misses[hard] <= 0", "misses[hard] > 0"),
        ("stream[a].p99 < 1ms", "stream[a].p99 > 1ms"),
    ],
)
def test_gates_that_cannot_both_hold_are_found_in_either_order(first: str, second: str) -> None:
    one, other = parse_gate(first), parse_gate(second)
    assert set(contradiction([one, other]) or ()) == set(contradiction([other, one]) or ()) == {one, other}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("p99 < 1ms", "p99 > 1us"),
        ("p99 <= 1ms", "p99 >= 1ms"),
        ("p50 < 1ms", "p99 > 2ms"),
        ("max > 2ms", "p99 <= 1ms"),
        ("mean > 2ms", "p99 <= 1ms"),
        ("p99 < 1ms", "service.p99 > 2ms"),
        ("stream[a].p99 < 1ms", "stream[b].p99 > 2ms"),
        ("priority[0..31].p99 < 1ms", "priority[32..63].p99 > 2ms"),
        ("misses[hard] <= 0", "misses[soft] > 1%"),
    ],
)
def test_gates_that_can_both_hold_are_left_alone(first: str, second: str) -> None:
    assert contradiction([parse_gate(first), parse_gate(second)]) is None


_PARTS = [
    "response",
    ".p99",
    ".max",
    "loss",
    "rate",
    "stalls.share",
    "samples",
    "stream[",
    "a",
    "].",
    "priority[",
    "0..31",
    "misses[hard]",
    *OPERATORS,
    " ",
    "5ms",
    "1%",
    "0.5",
    "5k/s",
    "x",
    "µs",
    "\n",
    "½",
    "\ud800",
]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(_PARTS), max_size=8).map("".join)))
def test_any_text_is_a_gate_or_refused_at_a_character_of_it(text: str) -> None:
    try:
        gate = parse_gate(text)
    except GateError as error:
        assert 0 <= error.position <= len(text)
    else:
        assert parse_gate(gate.text) == parse_gate(str(gate)) == gate
        assert 0 <= gate.value < float("inf")


PROFILE = """
streams:
  - {{name: control, rate: 100, deadline: {{limit: 5ms, class: hard}}, gates: [{stream}]}}
  - {{name: telemetry, mode: one-way, rate: 10}}
gates: [{whole}]
"""


def in_profile(tmp_path: Path, *, whole: str = "", stream: str = "") -> list[str]:
    """What is wrong with these gates in a profile."""
    file = tmp_path / "gated.yaml"
    # Brackets would be lists.
    quoted = {"whole": f'"{whole}"' if whole else "", "stream": f'"{stream}"' if stream else ""}
    file.write_text(PROFILE.format(**quoted), encoding="utf-8")
    try:
        load(str(file))
    except RttpError as error:
        assert error.slug == "bad-profile"
        return [detail.split(": ", 1)[1] for detail in error.details] or [error.message.split(": ", 1)[1]]
    return []


@pytest.mark.parametrize(
    "gate",
    [
        "stream[control].p99 < 1ms",
        "stream[control].misses[hard] <= 0",
        "misses[hard] <= 0",
        "stream[telemetry].lateness.p99 < 1ms",
        "priority[128..255].p99 < 1ms",
        "stalls.share < 1%",
        "pacing.max < 1ms",
        "samples > 10",
        "mean < 1ms",
    ],
)
def test_a_profile_has_the_same_gates_at_its_top(tmp_path: Path, gate: str) -> None:
    assert in_profile(tmp_path, whole=gate) == []


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ("stream[contrl].p99 < 1ms", "gates[0]: there is no stream `contrl`"),
        ("stream[telemetry].p99 < 1ms", "gates[0]: there is no `response` in mode one-way"),
        ("misses[soft] <= 0", "gates[0]: `misses` needs a soft deadline, no stream has one"),
        ("stream[telemetry].misses <= 0", "gates[0]: `misses` needs a deadline, the stream has none"),
    ],
)
def test_a_gate_that_its_profile_cannot_answer_is_refused(tmp_path: Path, gate: str, reason: str) -> None:
    assert [found.endswith(reason) for found in in_profile(tmp_path, whole=gate)] == [True]


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ("stream[control].p99 < 1ms", "a stream's own gate has no `stream[NAME].` before it"),
        ("priority[128..255].p99 < 1ms", "`response` here is of all streams: put the gate at the top of the profile"),
        ("stalls.count < 5", "`stalls.count` here is of all streams: put the gate at the top of the profile"),
    ],
)
def test_a_stream_s_own_gate_is_of_that_stream(tmp_path: Path, gate: str, reason: str) -> None:
    assert [found.endswith(reason) for found in in_profile(tmp_path, stream=gate)] == [True]
    assert in_profile(tmp_path, stream="p99 < 1ms") == []
