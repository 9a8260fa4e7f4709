"""Gates as texts: what is one, and where a text stops being one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.report.gate import DURATIONS, OPERATORS, GateError, parse_gate


@pytest.mark.parametrize(
    ("text", "metric", "quantile", "operator", "value"),
    [
        ("response.p99 <= 500us", "response", 0.99, "<=", 500_000),
        ("response.p99.99<1.5ms", "response", 0.9999, "<", 1_500_000),
        ("  token_gap.max  <  50 ms ", "token_gap", None, "<", 50_000_000),
        ("one_way_out.p5 >= 1ns", "one_way_out", 0.05, ">=", 1),
        ("loss <= 0", "loss", None, "<=", 0),
        ("loss < 0.1%", "loss", None, "<", 0.001),
        ("misses < .5", "misses", None, "<", 0.5),
        ("misses < 1e-3", "misses", None, "<", 0.001),
        ("rate >= 99.5 %", "rate", None, ">=", 0.995),
        ("rate > 1", "rate", None, ">", 1),
    ],
)
def test_a_gate_is_a_metric_an_operator_and_a_value(
    text: str, metric: str, quantile: float | None, operator: str, value: float
) -> None:
    gate = parse_gate(text)
    assert (gate.metric, gate.quantile, gate.operator) == (metric, quantile, operator)
    assert gate.value == pytest.approx(value, abs=1e-12)
    assert gate.of_time == (metric in DURATIONS)
    assert gate.text == text.strip()


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "a metric is missing"),
        ("  <= 5ms", 2, "a metric is missing"),
        ("respnse.p99 < 5ms", 0, "did you mean `response`?"),
        ("  zzz < 5ms", 2, "expected one of response, "),
        ("response < 5ms", 8, "the metric ends, expected a percentile"),
        ("response. < 5ms", 9, "the metric ends, expected a percentile"),
        ("response.mean < 5ms", 9, "found `mean`"),
        ("response.p100 < 5ms", 9, "found `p100`"),
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
        ("loss < -1%", 7, "found `-1%`"),
        ("loss < nan", 7, "found `nan`"),
        ("loss < 5ms", 7, "found `5ms`"),
        ("loss < 1% 2", 7, "found `1%`"),
        ("response.p99 < 5", 15, "found `5`, expected a time"),
        ("response.p99 < 5%", 15, "found `5%`"),
        ("response.p99 < 5ms or so", 15, "found `5ms`"),
        ("loss < 1%" + " " * 300, 200, "at most 200 characters"),
    ],
)
def test_what_is_no_gate_says_from_which_character_on(text: str, position: int, message: str) -> None:
    with pytest.raises(GateError) as refused:
        parse_gate(text)
    assert refused.value.position == position
    assert message in str(refused.value)
    assert str(refused.value).startswith(f"at character {position}: ")


_PARTS = [
    "response",
    ".p99",
    ".max",
    "loss",
    "rate",
    *OPERATORS,
    " ",
    "5ms",
    "1%",
    "0.5",
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
        assert parse_gate(gate.text) == gate
        assert gate.value >= 0
