"""Gates judged: what passes, what fails, and what nobody can tell from these samples or from this sender."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from rttp_cli.report.gate import DURATIONS, OPERATORS, SHARES
from rttp_cli.report.judge import GateVerdict, judge_gates, verdict_of, worst

US, MS = 1_000, 1_000_000
ROUND_TRIPS = ("response", "service")
TIMES = tuple(name for name in DURATIONS if name != "lateness")
"""The target's; the sender's own lateness can excuse them."""


def encoded(values: dict[int, int]) -> str:
    made = HdrHistogram(1, 3_600_000_000_000, 3)
    for value, count in values.items():
        assert made.record_value(value, count)
    return str(made.encode().decode("ascii"))


def part(
    values: dict[int, int] | None = None,
    *,
    lost: int = 0,
    deadline: tuple[int, int] | None = None,
    others: dict[str, dict[int, int]] | None = None,
    **counts: int,
) -> dict[str, Any]:
    """A stream, or all of them: every time metric has the same samples, round trips the lost ones besides."""
    values = {20 * US: 1_000} if values is None else values
    answered = sum(values.values())
    with_losses = values | ({1_000 * MS: lost} if lost else {})
    histograms = {name: encoded(with_losses if name in ROUND_TRIPS else values) for name in TIMES}
    histograms["lateness"] = encoded({1: answered} if answered else {})
    histograms |= {name: encoded(each) for name, each in (others or {}).items()}
    zero = dict.fromkeys(("unfinished", "unsent", "dropped", "one_way"), 0)
    limits = None
    if deadline is not None:
        limits = {"limit_ns": MS, "class": "firm", "kept": deadline[0], "missed": deadline[1]}
    return {
        "name": "pulses",
        "arrival": "constant",
        "histograms": histograms,
        "counts": zero | {"sent": answered + lost, "answered": answered, "lost": lost} | counts,
        "deadline": limits,
    }


def only(key: str, count: int) -> dict[str, Any]:
    """One count, by name."""
    return {key: count}


def whole(of: dict[str, Any], streams: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A result as far as gates look at it."""
    return {
        "histograms": of["histograms"],
        "counts": of["counts"],
        "streams": [of] if streams is None else streams,
        "run": {"duration_ns": 1_000 * MS, "count": None},
        "sending_ns": 1_000 * MS,
    }


def state(document: dict[str, Any], gate: str, stream: str | None = None) -> str:
    return verdict(document, gate, stream).state


def verdict(document: dict[str, Any], gate: str, stream: str | None = None) -> GateVerdict:
    (found,) = judge_gates(document, [(stream, gate)])
    assert (found.stream, found.gate) == (stream, gate)
    assert found.reason
    return found


ABOVE, BELOW = ("<", "<="), (">", ">=")
"""Operators of limits from above and from below."""


@pytest.mark.parametrize("metric", TIMES)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("at", ["p50", "p99", "max"])
def test_a_time_is_held_to_limits_from_above_and_from_below(metric: str, operator: str, at: str) -> None:
    document = whole(part())
    kept, broken = ("1ms", "1us") if operator in ABOVE else ("1us", "1ms")
    assert state(document, f"{metric}.{at} {operator} {kept}") == "pass"
    assert state(document, f"{metric}.{at} {operator} {broken}") == "fail"


@pytest.mark.parametrize("metric", TIMES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_time_whose_interval_holds_the_limit_is_inconclusive(metric: str, operator: str) -> None:
    # The median of these lies at 10 or at 30 µs, with about equal right.
    document = whole(part({10 * US: 500, 30 * US: 500}))
    assert state(document, f"{metric}.p50 {operator} 20us") == "inconclusive"


@pytest.mark.parametrize("metric", TIMES)
@pytest.mark.parametrize("operator", OPERATORS)
def test_too_few_samples_are_inconclusive_unless_the_lower_end_decides(metric: str, operator: str) -> None:
    document = whole(part({20 * US: 100}))
    found = verdict(document, f"{metric}.p99.99 {operator} 1ms")
    assert found.state == "inconclusive"
    assert "needs 36,887 samples, there are 100" in found.reason
    assert state(document, f"{metric}.p99.99 {operator} 1us") == ("fail" if operator in ABOVE else "pass")


@pytest.mark.parametrize("metric", TIMES)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("at", ["p50", "max"])
def test_no_samples_are_inconclusive(metric: str, operator: str, at: str) -> None:
    gate = f"{metric}.{at} {operator} 1ms"
    assert state(whole(part({})), gate) == "inconclusive"
    without = part()
    del without["histograms"][metric]
    found = verdict(whole(without, [without]), gate, "pulses")
    assert (found.state, found.reason) == ("inconclusive", "no samples"), "streams have only histograms with samples"


@pytest.mark.parametrize("at", ["p50", "max"])
@pytest.mark.parametrize(("operator", "expected"), [("<", "fail"), ("<=", "pass"), (">", "fail"), (">=", "pass")])
def test_at_the_limit_itself_the_operator_decides(at: str, operator: str, expected: str) -> None:
    # Below 1,024 ns the histogram is exact.
    assert state(whole(part({500: 1_000})), f"one_way_out.{at} {operator} 500ns") == expected


@pytest.mark.parametrize("metric", ROUND_TRIPS)
def test_loss_makes_the_maximum_unbounded(metric: str) -> None:
    document = whole(part({20 * US: 999}, lost=1))
    for operator in ABOVE:
        found = verdict(document, f"{metric}.max {operator} 1h")
        assert (found.state, found.reason) == ("fail", "max is unbounded, 0.10 % lost")
    for operator in BELOW:
        assert state(document, f"{metric}.max {operator} 500ms") == "pass", "it is not below the timeout"
        assert state(document, f"{metric}.max {operator} 2s") == "inconclusive"


def test_unfinished_pulses_make_the_maximum_unbounded_too() -> None:
    assert state(whole(part({20 * US: 999, 1_000 * MS: 1}, unfinished=1)), "response.max <= 1h") == "fail"


@pytest.mark.parametrize("metric", [name for name in DURATIONS if name not in ROUND_TRIPS])
def test_loss_is_no_sample_of_any_other_time(metric: str) -> None:
    assert state(whole(part({20 * US: 900}, lost=100)), f"{metric}.max <= 1ms") == "pass"


@pytest.mark.parametrize("metric", ROUND_TRIPS)
def test_a_percentile_beyond_which_more_was_lost_is_above_whatever_is_known(metric: str) -> None:
    document = whole(part({20 * US: 900}, lost=100))
    for operator in ABOVE:
        assert state(document, f"{metric}.p99 {operator} 1h") == "fail"
        assert state(document, f"{metric}.p50 {operator} 1ms") == "pass"
    for operator in BELOW:
        assert state(document, f"{metric}.p99 {operator} 500ms") == "pass"
        assert state(document, f"{metric}.p99 {operator} 2s") == "inconclusive"


def test_loss_that_reaches_only_the_interval_leaves_it_open() -> None:
    found = verdict(whole(part({20 * US: 991}, lost=9)), "response.p99 <= 1ms")
    assert (found.state, found.reason) == ("inconclusive", "P99 20.0 µs, loss leaves it open above")


SHARE_CASES = {
    "loss": part({20 * US: 990}, lost=10),
    "misses": part(deadline=(990, 10)),
    "rate": part({20 * US: 10}, unsent=990),
}
"""Each share is 1 %."""


def test_every_metric_of_shares_has_its_case() -> None:
    assert SHARE_CASES.keys() == set(SHARES)


@pytest.mark.parametrize("metric", SHARES)
@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [
        ("<", "fail", "fail", "pass"),
        ("<=", "fail", "pass", "pass"),
        (">", "pass", "fail", "fail"),
        (">=", "pass", "pass", "fail"),
    ],
)
def test_a_share_is_compared_as_it_is(metric: str, operator: str, below: str, at: str, above: str) -> None:
    document = whole(SHARE_CASES[metric])
    found = [state(document, f"{metric} {operator} {limit}") for limit in ("0.5%", "1%", "2%")]
    assert found == [below, at, above]


def test_a_share_of_nothing_is_inconclusive() -> None:
    document = whole(part({}, sent=5, one_way=5))
    assert verdict(document, "loss <= 1%").reason == "no pulse asked for an answer"
    assert verdict(document, "misses <= 1%").reason == "no message had a deadline"
    nothing = whole(part({}))
    assert verdict(nothing, "rate >= 1%").reason == "nothing was due: there is no schedule"
    for gate, of in (("loss <= 1%", document), ("misses <= 1%", document), ("rate >= 1%", nothing)):
        assert state(of, gate) == "inconclusive"


def test_loss_is_of_the_pulses_that_asked_and_unfinished_ones_count() -> None:
    document = whole(part({20 * US: 80}, lost=10, unfinished=10, sent=1_100, one_way=1_000))
    assert state(document, "loss <= 20%") == "pass"
    assert state(document, "loss < 20%") == "fail"
    assert verdict(document, "loss <= 1%").reason == "20.00 % lost"


def test_misses_are_summed_over_streams_that_have_a_deadline() -> None:
    streams = [
        part(deadline=(90, 10)) | {"name": "a"},
        part() | {"name": "b"},
        part(deadline=(900, 0)) | {"name": "c"},
    ]
    document = whole(part(), streams)
    assert state(document, "misses <= 1%") == "pass"
    assert state(document, "misses < 1%") == "fail"
    assert state(document, "misses <= 1%", "a") == "fail"
    assert state(document, "misses <= 1%", "b") == "inconclusive"
    assert state(document, "misses <= 0", "c") == "pass"


@pytest.mark.parametrize("key", ["unsent", "dropped"])
@pytest.mark.parametrize("metric", TIMES)
@pytest.mark.parametrize("limit", ["1us", "1ms"])
def test_below_99_of_100_of_what_was_due_a_time_says_nothing(key: str, metric: str, limit: str) -> None:
    gate = f"{metric}.p50 <= {limit}"
    found = verdict(whole(part({20 * US: 1_000}, **only(key, 11))), gate)
    assert found.state == "inconclusive"
    assert "only 98.9% of what was offered was sent: the sender was the limit" in found.reason
    assert state(whole(part({20 * US: 990}, **only(key, 10))), gate) == ("pass" if limit == "1ms" else "fail")


def test_a_share_of_what_was_hardly_sent_says_nothing_either_but_for_the_rate_itself() -> None:
    document = whole(part({20 * US: 10}, unsent=990, deadline=(10, 0)))
    assert [state(document, gate) for gate in ("loss <= 1%", "misses <= 1%")] == ["inconclusive"] * 2
    assert state(document, "rate >= 99%") == "fail"


def test_a_response_that_fails_where_the_service_passes_is_the_senders_own() -> None:
    document = whole(part({5 * MS: 1_000}, others={"service": {20 * US: 1_000}}))
    for gate in ("response.p99 <= 1ms", "response.max <= 1ms"):
        found = verdict(document, gate)
        assert found.state == "inconclusive"
        assert found.reason.endswith("but from the actual send it holds: the sender itself was late")
    assert state(document, "service.p99 <= 1ms") == "pass"
    assert state(document, "message.p99 <= 1ms") == "fail", "only responses have a service beside them"
    both = whole(part({5 * MS: 1_000}))
    assert state(both, "response.p99 <= 1ms") == "fail"
    unknown = whole(part({5 * MS: 1_000}, others={"service": {20 * US: 10}}))
    assert state(unknown, "response.p99 <= 1ms") == "fail", "a service that nobody knows excuses nothing"


def test_a_gate_of_a_stream_looks_at_that_stream_alone() -> None:
    fast, slow = part() | {"name": "fast"}, part({50 * MS: 900}, lost=100, unsent=500) | {"name": "slow"}
    document = whole(part({20 * US: 1_000, 50 * MS: 900}, lost=100, unsent=500), [fast, slow])
    assert state(document, "response.p99 <= 1ms", "fast") == "pass"
    assert state(document, "loss <= 1%", "fast") == "pass"
    assert state(document, "rate >= 99%", "fast") == "pass"
    assert state(document, "loss <= 1%", "slow") == "inconclusive", "it was not sent as offered"
    assert state(document, "rate >= 99%", "slow") == "fail"
    assert state(document, "response.p99 <= 1ms", "slow") == "inconclusive"
    assert state(document, "loss <= 1%") == "inconclusive"


def test_gates_are_judged_in_their_order_and_leave_the_document_alone() -> None:
    document = whole(part())
    before = copy.deepcopy(document)
    gates = [(None, "loss <= 1%"), ("pulses", "response.p99 <= 1us"), (None, "response.p99.99 <= 1ms")]
    found = judge_gates(document, gates)
    assert [(each.stream, each.gate) for each in found] == gates
    assert [each.state for each in found] == ["pass", "fail", "inconclusive"]
    assert document == before


def test_the_worst_of_all_counts() -> None:
    good, bad, unknown = (GateVerdict(None, "", each, "") for each in ("pass", "fail", "inconclusive"))
    assert worst([]) == worst([good]) == "pass"
    assert worst([good, unknown]) == "inconclusive"
    assert worst([unknown, bad, good]) == "fail"


@pytest.mark.parametrize("key", ["unsent", "dropped"])
def test_the_verdict_on_a_limit_never_passes_when_anything_due_was_not_sent(key: str) -> None:
    made = whole(part({20 * US: 100_000}, **only(key, 1)))
    assert verdict_of(made, 0.99, MS).state == "inconclusive"
    assert verdict_of(made, 0.99, US).state == "fail"
    assert verdict_of(whole(part({20 * US: 100_000})), 0.99, MS).state == "pass"


@pytest.mark.parametrize("metric", ["message", "first_token", "token_gap"])
def test_what_a_late_sender_did_to_a_message_is_not_the_targets(metric: str) -> None:
    late = {"lateness": {600 * US: 1_000}}
    slow = {metric: {2 * MS: 1_000}}
    assert state(whole(part(others=slow)), f"{metric}.p99 <= 1ms") == "fail"
    assert state(whole(part(others=slow | late)), f"{metric}.p99 <= 1ms") == "inconclusive"
    assert state(whole(part(others=slow | late)), f"{metric}.max <= 1ms") == "inconclusive"
    assert state(whole(part(others=slow | {"lateness": {400 * US: 1_000}})), f"{metric}.p99 <= 1ms") == "fail"


def test_a_sender_that_needed_longer_than_its_time_did_not_send_what_was_offered() -> None:
    document = whole(part()) | {"sending_ns": 1_300 * MS}
    assert state(document, "response.p99 <= 1ms") == "inconclusive"
    assert "80.00%" in verdict(document, "rate >= 99%").reason
    assert state(document | {"sending_ns": 1_050 * MS}, "response.p99 <= 1ms") == "pass", "a stall at the end"
    counted = document | {"run": {"duration_ns": 1_000 * MS, "count": 1_000}}
    assert state(counted, "response.p99 <= 1ms") == "pass", "a count, not a time, ended it"


@pytest.mark.parametrize("arrival", ["closed", "flood"])
def test_without_a_schedule_there_is_no_rate_to_keep(arrival: str) -> None:
    stream = part() | {"arrival": arrival}
    assert state(whole(stream), "rate >= 99%") == "inconclusive"
    assert state(whole(stream), "response.p99 <= 1ms") == "pass"


def test_lateness_has_gates_like_any_other_time() -> None:
    document = whole(part(others={"lateness": {20 * US: 1_000}}))
    assert state(document, "lateness.p99 <= 30us") == "pass"
    assert state(document, "lateness.p99 <= 10us") == "fail"
    assert state(document, "lateness.max > 10us") == "pass"
