"""Gates judged: what passes, what fails, and what nobody can tell from these samples or from this sender."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.gate import FIGURES, OPERATORS, TIMES
from rttp_cli.report.judge import GateVerdict, judge_gates, verdict_of
from rttp_cli.report.result import WITH_LOSSES, CoreStalls, Deadline, Interval, Part, Result, Stalls
from rttp_cli.report.source import merge
from rttp_cli.report.state import worst

US, MS = 1_000, 1_000_000
ROUND_TRIPS = ("response", "service")
METRICS = tuple(name for name in TIMES if name not in ("lateness", "undisturbed"))
"""The target's; the sender's own lateness and the machine's stalls can excuse them."""


def part(
    values: Mapping[int, int] | None = None,
    *,
    lost: int = 0,
    deadlines: Sequence[tuple[str, int, int]] = (),
    others: Mapping[str, Mapping[int, int]] | None = None,
    name: str = "pulses",
    scheduled: bool = True,
    **counts: int,
) -> Part:
    """A stream, or all of them: every metric of time has the same samples, round trips the lost ones besides."""
    values = {20 * US: 1_000} if values is None else values
    answered = sum(values.values())
    gone = {1_000 * MS: lost} if lost else {}
    histograms = {metric: {**values, **(gone if metric in WITH_LOSSES else {})} for metric in METRICS}
    histograms |= {"lateness": {1: answered}} | {metric: dict(found) for metric, found in (others or {}).items()}
    zero = dict.fromkeys(("unfinished", "unsent", "dropped", "one_way"), 0)
    counted = zero | {"sent": answered + lost, "answered": answered, "lost": lost} | counts
    return Part(
        name,
        {metric: Histogram.of(list(found.items())) for metric, found in histograms.items() if sum(found.values())},
        counted["lost"] + counted["unfinished"],
        counted,
        tuple(Deadline(MS, kind, kept, missed) for kind, kept, missed in deadlines),
        scheduled,
    )


def whole(of: Part, streams: Sequence[Part] | None = None, **others: Any) -> Result:
    """A run of a second."""
    times = {"duration_ns": 1_000 * MS, "sending_ns": 1_000 * MS}
    return Result("run.json", "result", of, (of,) if streams is None else tuple(streams), **(times | others))


def only(key: str, count: int) -> dict[str, Any]:
    """One count, by name."""
    return {key: count}


def state(result: Result, gate: str, stream: str | None = None) -> str:
    return verdict(result, gate, stream).state


def verdict(result: Result, gate: str, stream: str | None = None) -> GateVerdict:
    (found,) = judge_gates(result, [(stream, gate)])
    assert (found.stream, found.gate) == (stream, gate)
    assert found.reason
    return found


ABOVE, BELOW = ("<", "<="), (">", ">=")
"""Operators of limits from above and from below."""


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("at", ["p50", "p99", "max"])
def test_a_time_is_held_to_limits_from_above_and_from_below(metric: str, operator: str, at: str) -> None:
    result = whole(part())
    kept, broken = ("1ms", "1us") if operator in ABOVE else ("1us", "1ms")
    assert state(result, f"{metric}.{at} {operator} {kept}") == "pass"
    assert state(result, f"{metric}.{at} {operator} {broken}") == "fail"


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_time_whose_interval_holds_the_limit_is_inconclusive(metric: str, operator: str) -> None:
    # The median of these lies at 10 or at 30 µs, with about equal right.
    result = whole(part({10 * US: 500, 30 * US: 500}))
    assert state(result, f"{metric}.p50 {operator} 20us") == "inconclusive"


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_too_few_samples_are_inconclusive_unless_the_lower_end_decides(metric: str, operator: str) -> None:
    result = whole(part({20 * US: 100}))
    found = verdict(result, f"{metric}.p99.99 {operator} 1ms")
    assert found.state == "inconclusive"
    assert "needs 36,887 samples, there are 100" in found.reason
    assert state(result, f"{metric}.p99.99 {operator} 1us") == ("fail" if operator in ABOVE else "pass")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("at", ["p50", "max"])
def test_no_samples_are_inconclusive(metric: str, operator: str, at: str) -> None:
    gate = f"{metric}.{at} {operator} 1ms"
    assert state(whole(part({})), gate) == "inconclusive"
    without = part(others={metric: {}})
    found = verdict(whole(without), gate, "pulses")
    assert (found.state, found.reason) == ("inconclusive", "no samples")
    assert (found.observed, found.interval, found.samples) == (None, None, None)


@pytest.mark.parametrize("at", ["p50", "max"])
@pytest.mark.parametrize(("operator", "expected"), [("<", "fail"), ("<=", "pass"), (">", "fail"), (">=", "pass")])
def test_at_the_limit_itself_the_operator_decides(at: str, operator: str, expected: str) -> None:
    # Below 1,024 ns the histogram is exact.
    assert state(whole(part({500: 1_000})), f"one_way_out.{at} {operator} 500ns") == expected


@pytest.mark.parametrize("metric", ROUND_TRIPS)
def test_loss_makes_the_maximum_unbounded(metric: str) -> None:
    result = whole(part({20 * US: 999}, lost=1))
    for operator in ABOVE:
        found = verdict(result, f"{metric}.max {operator} 1h")
        assert (found.state, found.reason) == ("fail", "max is unbounded, 0.10 % lost")
    for operator in BELOW:
        assert state(result, f"{metric}.max {operator} 500ms") == "pass", "it is not below the timeout"
        assert state(result, f"{metric}.max {operator} 2s") == "inconclusive"


def test_unfinished_pulses_make_the_maximum_unbounded_too() -> None:
    assert state(whole(part({20 * US: 999, 1_000 * MS: 1}, unfinished=1, sent=1_000)), "response.max <= 1h") == "fail"


@pytest.mark.parametrize("metric", [name for name in TIMES if name not in WITH_LOSSES])
def test_loss_is_no_sample_of_any_other_time(metric: str) -> None:
    assert state(whole(part({20 * US: 900}, lost=100)), f"{metric}.max <= 1ms") == "pass"


@pytest.mark.parametrize("metric", ROUND_TRIPS)
def test_a_percentile_beyond_which_more_was_lost_is_above_whatever_is_known(metric: str) -> None:
    result = whole(part({20 * US: 900}, lost=100))
    for operator in ABOVE:
        assert state(result, f"{metric}.p99 {operator} 1h") == "fail"
        assert state(result, f"{metric}.p50 {operator} 1ms") == "pass"
    for operator in BELOW:
        assert state(result, f"{metric}.p99 {operator} 500ms") == "pass"
        assert state(result, f"{metric}.p99 {operator} 2s") == "inconclusive"


def test_loss_that_reaches_only_the_interval_leaves_it_open() -> None:
    found = verdict(whole(part({20 * US: 991}, lost=9)), "response.p99 <= 1ms")
    assert (found.state, found.reason) == ("inconclusive", "P99 20.0 µs, loss leaves it open above")


def stalls(*cores: tuple[int, int, int], watched: bool = True) -> Stalls:
    """Cores with count, total and longest."""
    made = tuple(CoreStalls(at, "sender", *found, ()) for at, found in enumerate(cores))
    return Stalls(watched, 100 * US, made)


SHARE_CASES = {
    "loss": whole(part({20 * US: 990}, lost=10)),
    "misses": whole(part(deadlines=[("firm", 990, 10)])),
    "rate": whole(part({20 * US: 10}, unsent=990)),
    "stalls.share": whole(part(), stalls=stalls((3, 10 * MS, 5 * MS), (1, MS, MS))),
}
"""Each share is 1 %."""
COUNT_CASES = {
    "samples": (whole(part({20 * US: 1_000})), "999", "1k", "1001"),
    "sent_pps": (whole(part({20 * US: 1_000}), sending_ns=100 * MS), "9.9k/s", "10k/s", "10.1k/s"),
    "answered_pps": (whole(part({20 * US: 1_000}, lost=9)), "999", "1000", "1001"),
    "stalls.count": (whole(part(), stalls=stalls((3, MS, MS), (1, MS, MS))), "3", "4", "5"),
    "stalls.max": (whole(part(), stalls=stalls((3, 10 * MS, 5 * MS), (1, MS, MS))), "4ms", "5ms", "6ms"),
}
"""A result, and limits below, at and above what it has."""


def test_every_metric_that_is_one_figure_has_its_case() -> None:
    assert SHARE_CASES.keys() | COUNT_CASES.keys() == set(FIGURES)


@pytest.mark.parametrize("metric", COUNT_CASES)
@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("<", ["fail", "fail", "pass"]),
        ("<=", ["fail", "pass", "pass"]),
        (">", ["pass", "fail", "fail"]),
        (">=", ["pass", "pass", "fail"]),
    ],
)
def test_a_count_is_compared_as_it_is(metric: str, operator: str, expected: list[str]) -> None:
    result, *limits = COUNT_CASES[metric]
    assert [state(result, f"{metric} {operator} {limit}") for limit in limits] == expected


@pytest.mark.parametrize("metric", SHARE_CASES)
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
    found = [state(SHARE_CASES[metric], f"{metric} {operator} {limit}") for limit in ("0.5%", "1%", "2%")]
    assert found == [below, at, above]


def test_a_share_of_nothing_is_inconclusive() -> None:
    result = whole(part({}, sent=5, one_way=5))
    assert verdict(result, "loss <= 1%").reason == "no pulse asked for an answer"
    assert verdict(result, "misses <= 1%").reason == "no message had a deadline"
    nothing = whole(part({}))
    assert verdict(nothing, "rate >= 1%").reason == "nothing was due: there is no schedule"
    for gate, of in (("loss <= 1%", result), ("misses <= 1%", result), ("rate >= 1%", nothing)):
        assert state(of, gate) == "inconclusive"


def test_loss_is_of_the_pulses_that_asked_and_unfinished_ones_count() -> None:
    result = whole(part({20 * US: 80}, lost=10, unfinished=10, sent=1_100, one_way=1_000))
    assert state(result, "loss <= 20%") == "pass"
    assert state(result, "loss < 20%") == "fail"
    assert verdict(result, "loss <= 1%").reason == "20.00 % lost"


def test_misses_are_summed_over_streams_that_have_a_deadline() -> None:
    streams = [
        part(deadlines=[("hard", 90, 10)], name="a"),
        part(name="b"),
        part(deadlines=[("soft", 900, 0)], name="c"),
    ]
    result = whole(part(deadlines=[("hard", 90, 10), ("soft", 900, 0)]), streams)
    assert state(result, "misses <= 1%") == "pass"
    assert state(result, "misses < 1%") == "fail"
    assert state(result, "misses <= 1%", "a") == "fail"
    assert state(result, "misses <= 1%", "b") == "inconclusive"
    assert state(result, "misses <= 0", "c") == "pass"
    assert verdict(result, "misses[hard] <= 9%").reason == "10.00 % missed their hard deadline"
    assert state(result, "misses[soft] <= 0") == "pass"
    assert verdict(result, "misses[firm] <= 0").reason == "no message had a firm deadline"


@pytest.mark.parametrize("key", ["unsent", "dropped"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("limit", ["1us", "1ms"])
def test_below_99_of_100_of_what_was_due_a_time_says_nothing(key: str, metric: str, limit: str) -> None:
    gate = f"{metric}.p50 <= {limit}"
    found = verdict(whole(part({20 * US: 1_000}, **only(key, 11))), gate)
    assert found.state == "inconclusive"
    assert "only 98.9% of what was offered was sent: the sender was the limit" in found.reason
    assert state(whole(part({20 * US: 990}, **only(key, 10))), gate) == ("pass" if limit == "1ms" else "fail")


def test_a_share_of_what_was_hardly_sent_says_nothing_either_but_for_the_rate_itself() -> None:
    result = whole(part({20 * US: 10}, unsent=990, deadlines=[("soft", 10, 0)]))
    assert [state(result, gate) for gate in ("loss <= 1%", "misses <= 1%")] == ["inconclusive"] * 2
    assert state(result, "rate >= 99%") == "fail"


def test_a_response_that_fails_where_the_service_passes_is_the_senders_own() -> None:
    result = whole(part({5 * MS: 1_000}, others={"service": {20 * US: 1_000}}))
    for gate in ("response.p99 <= 1ms", "response.max <= 1ms"):
        found = verdict(result, gate)
        assert found.state == "inconclusive"
        assert found.reason.endswith("but from the actual send it holds: the sender itself was late")
    assert state(result, "service.p99 <= 1ms") == "pass"
    assert state(result, "message.p99 <= 1ms") == "fail", "only responses have a service beside them"
    both = whole(part({5 * MS: 1_000}))
    assert state(both, "response.p99 <= 1ms") == "fail"
    unknown = whole(part({5 * MS: 1_000}, others={"service": {20 * US: 10}}))
    assert state(unknown, "response.p99 <= 1ms") == "fail", "a service that nobody knows excuses nothing"


def test_a_gate_of_a_stream_looks_at_that_stream_alone() -> None:
    fast, slow = part(name="fast"), part({50 * MS: 900}, lost=100, unsent=500, name="slow")
    result = whole(part({20 * US: 1_000, 50 * MS: 900}, lost=100, unsent=500), [fast, slow])
    assert state(result, "response.p99 <= 1ms", "fast") == "pass"
    assert state(result, "loss <= 1%", "fast") == "pass"
    assert state(result, "rate >= 99%", "fast") == "pass"
    assert state(result, "loss <= 1%", "slow") == "inconclusive", "it was not sent as offered"
    assert state(result, "rate >= 99%", "slow") == "fail"
    assert state(result, "response.p99 <= 1ms", "slow") == "inconclusive"
    assert state(result, "loss <= 1%") == "inconclusive"


def test_gates_are_judged_in_their_order() -> None:
    result = whole(part())
    gates = [(None, "loss <= 1%"), ("pulses", "response.p99 <= 1us"), (None, "response.p99.99 <= 1ms")]
    found = judge_gates(result, gates)
    assert [(each.stream, each.gate) for each in found] == gates
    assert [each.state for each in found] == ["pass", "fail", "inconclusive"]


def test_the_worst_of_all_counts() -> None:
    good, bad, unknown = (GateVerdict(None, "", each, "") for each in ("pass", "fail", "inconclusive"))
    assert worst([]) == worst([good.state]) == "pass"
    assert worst([good.state, unknown.state]) == "inconclusive"
    assert worst([unknown.state, bad.state, good.state]) == "fail"


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
    result = whole(part(), sending_ns=1_300 * MS)
    assert state(result, "response.p99 <= 1ms") == "inconclusive"
    assert "80.00%" in verdict(result, "rate >= 99%").reason
    assert state(replace(result, sending_ns=1_050 * MS), "response.p99 <= 1ms") == "pass", "a stall at the end"
    assert state(replace(result, runs=6), "response.p99 <= 1ms") == "pass", "one at the end of each"
    counted = replace(result, document={"run": {"count": 1_000, "warmup_ns": 0}})
    assert state(counted, "response.p99 <= 1ms") == "pass", "a count, not a time, ended it"


def test_without_a_schedule_there_is_no_rate_to_keep() -> None:
    result = whole(part(scheduled=False, unsent=500))
    assert state(result, "rate >= 99%") == "inconclusive"
    assert state(result, "response.p99 <= 1ms") == "pass"


def test_lateness_has_gates_like_any_other_time() -> None:
    result = whole(part(others={"lateness": {20 * US: 1_000}}))
    assert state(result, "lateness.p99 <= 30us") == "pass"
    assert state(result, "lateness.p99 <= 10us") == "fail"
    assert state(result, "lateness.max > 10us") == "pass"


def test_gates_on_how_much_there_was_do_not_ask_whether_the_sender_kept_up() -> None:
    result = whole(part({20 * US: 10}, unsent=990), stalls=stalls((1, MS, MS)))
    assert state(result, "samples >= 5") == "pass"
    assert state(result, "sent_pps >= 5") == "pass"
    assert state(result, "stalls.count <= 1") == "pass"
    assert state(result, "loss <= 1%") == "inconclusive"


def test_the_share_of_stalls_is_of_the_time_in_which_they_were_watched() -> None:
    result = whole(part(), stalls=stalls((1, 15 * MS, 15 * MS)))
    assert state(result, "stalls.share <= 1%") == "fail"
    warmed_up = replace(result, stalls=replace(stalls((1, 15 * MS, 15 * MS)), watched_ns=1_500 * MS))
    assert state(warmed_up, "stalls.share <= 1%") == "pass"
    assert state(merge([warmed_up] * 3), "stalls.share <= 1%") == "pass", "the warm-up of each"
    assert state(merge([warmed_up, result]), "stalls.share <= 1.1%") == "fail", "of one it is not known"


def test_what_a_file_does_not_count_is_inconclusive() -> None:
    foreign = Result("a.hlog", "interval log", replace(part(), counts=None))
    for gate in ("loss <= 1%", "sent_pps >= 1", "stalls.count <= 1", "stalls.share <= 1%"):
        assert state(foreign, gate) == "inconclusive", gate
    assert state(foreign, "p99 <= 1ms") == "pass"
    unwatched = whole(part(), stalls=stalls(watched=False))
    assert verdict(unwatched, "stalls.max <= 1h").reason == "stalls were not watched"


# Stalls. Of 10,000 pulses 200 were slow, and a stall touched them.


def stalled(undisturbed: Mapping[int, int], *, of: Stalls | None = None, **others: Any) -> Result:
    slow = part({20 * US: 9_800, 5 * MS: 200}, others={"undisturbed": undisturbed}, **others)
    return whole(slow, stalls=stalls((14, 40 * MS, 4_200 * US)) if of is None else of)


QUIET = {20 * US: 9_800}
SLOW_ALL_THE_SAME = {20 * US: 9_650, 5 * MS: 150}
"""Without what stalls touched."""


@pytest.mark.parametrize("gate", ["p99 < 1ms", "p99 <= 1ms", "max <= 1ms", "mean <= 50us", "stream[pulses].p99 < 1ms"])
def test_a_response_that_only_stalls_made_slow_is_inconclusive_and_the_figures_say_so(gate: str) -> None:
    (found,) = judge_gates(stalled(QUIET), [(None, gate)])
    assert found.state == "inconclusive"
    assert "the machine's own stalls explain it" in found.reason
    assert "without the 2.00 % of pulses that stalls touched (14 stalls, longest 4.20 ms)" in found.reason
    without = found.without_stalls
    assert without is not None
    assert (without["state"], without["stalls"], without["longest_ns"]) == ("pass", 14, 4_200 * US)
    assert (without["total_ns"], without["touched_share"]) == (40 * MS, 0.02)
    assert found.observed is not None and without["observed"] is not None
    assert without["observed"] < found.limit < found.observed


@pytest.mark.parametrize("gate", ["p99 < 1ms", "max <= 1ms", "mean <= 50us"])
def test_a_response_that_is_slow_without_stalls_fails(gate: str) -> None:
    found = verdict(stalled(SLOW_ALL_THE_SAME), gate)
    assert found.state == "fail"
    assert "without the 2.00 % of pulses" in found.reason
    assert found.without_stalls is not None and found.without_stalls["state"] == "fail"


def test_where_the_undisturbed_cannot_tell_stalls_may_explain_it() -> None:
    found = verdict(stalled({20 * US: 10}), "p99 < 1ms")
    assert found.state == "inconclusive"
    assert "the machine's own stalls may explain it: without the 99.90 % of pulses" in found.reason
    assert found.reason.endswith(": P99 needs 368 samples, there are 10; a run of about 36.8 s would tell (now 1.00 s)")


def test_stalls_excuse_no_limit_that_is_kept_and_none_from_below() -> None:
    result = stalled(QUIET)
    kept = verdict(result, "p99 < 10ms")
    assert (kept.state, kept.without_stalls) == ("pass", None)
    below = verdict(result, "p50 >= 1ms")
    assert (below.state, below.without_stalls) == ("fail", None)


def test_stalls_excuse_no_loss() -> None:
    lossy = part({20 * US: 900}, lost=100, others={"undisturbed": {20 * US: 850, 1_000 * MS: 100}})
    found = verdict(whole(lossy, stalls=stalls((3, MS, MS))), "p99 <= 1ms")
    assert (found.state, found.reason) == ("fail", "P99 is unbounded, 10.00 % lost")


def test_where_nobody_knows_of_stalls_a_broken_limit_fails_and_the_reason_says_so() -> None:
    unknown = "; whether stalls explain it is not known: "
    silent = replace(stalled(QUIET), stalls=None)
    assert verdict(silent, "p99 < 1ms").reason.endswith(unknown + "the result does not say")
    unwatched = stalled(QUIET, of=stalls(watched=False))
    assert verdict(unwatched, "p99 < 1ms").reason.endswith(unknown + "nobody watched the cores")
    old = stalled({})
    assert verdict(old, "p99 < 1ms").reason.endswith(unknown + "the pulses that they touched are not told apart")
    quiet = stalled({20 * US: 9_800, 5 * MS: 200})
    assert verdict(quiet, "p99 < 1ms").reason.endswith("; no stall touched a pulse")
    for result in (silent, unwatched, old, quiet):
        assert state(result, "p99 < 1ms") == "fail"


def test_undisturbed_pulses_have_gates_of_their_own() -> None:
    assert state(stalled(QUIET), "undisturbed.p99 < 1ms") == "pass"
    assert state(stalled(SLOW_ALL_THE_SAME), "undisturbed.p99 < 1ms") == "fail"


# Intervals.


def test_a_mean_is_as_sure_as_its_samples() -> None:
    few = whole(part({10 * US: 10, 30 * US: 10}))
    assert verdict(few, "mean < 1ms").reason.startswith("mean needs 30 samples, there are 20")
    many = whole(part({10 * US: 500, 30 * US: 500}))
    assert state(many, "mean < 21us") == "pass"
    assert state(many, "mean < 20100ns") == "inconclusive"
    assert state(many, "mean < 19us") == "fail"
    assert state(many, "mean > 19us") == "pass"


def test_with_loss_a_mean_is_at_least_what_it_is_with_the_lost_at_their_timeout() -> None:
    result = whole(part({20 * US: 99_999}, lost=1))
    assert verdict(result, "response.mean < 1ms").reason == "mean 30.0 µs, loss leaves it open above"
    lossy = whole(part({20 * US: 1_000}, lost=1_000))
    assert state(lossy, "response.mean < 1ms") == "fail"
    assert state(lossy, "response.mean > 1ms") == "pass"


def test_neighbours_that_are_alike_make_an_interval_wider() -> None:
    # 1 of 100 pulses is slow; all of them in two of twenty pieces of the time.
    result = whole(part({20 * US: 19_900, 5 * MS: 100}))
    fast, slow = Histogram.of([(20 * US, 1_000)]), Histogram.of([(20 * US, 950), (5 * MS, 50)])
    pieces = tuple(Interval(i * 50 * MS, 50 * MS, 1_000, 0, slow if i in (3, 4) else fast) for i in range(20))
    assert state(result, "p99.3 < 1ms") == "pass"
    assert state(replace(result, intervals=pieces), "p99.3 < 1ms") == "inconclusive"


def test_runs_that_differ_among_themselves_widen_the_interval_of_all_merge() -> None:
    fast, slow = part({20 * US: 1_000}), part({20 * US: 900, 5 * MS: 100})

    def runs(*parts: Part) -> list[Result]:
        return [
            replace(whole(p, intervals=(Interval(0, MS, 1_000, 0, p.histograms["response"]),)), source=f"{i}.json")
            for i, p in enumerate(parts)
        ]

    # 1 of 100 pulses is slow, evenly or all in two of twenty runs.
    even = part({20 * US: 990, 5 * MS: 10})
    assert state(merge(runs(*[even] * 20)), "p98.8 < 1ms") == "pass"
    assert state(merge(runs(*[fast] * 18, slow, slow)), "p98.8 < 1ms") == "inconclusive"
    assert merge(one := runs(fast)) is one[0]


def test_what_is_inconclusive_says_how_long_a_run_would_tell() -> None:
    few = verdict(whole(part({20 * US: 1_000})), "p99.9 < 1ms")
    assert few.samples_needed == 3_688
    assert few.reason.endswith("; a run of about 3.69 s would tell (now 1.00 s)")
    # The interval of the mean is 19.4 … 20.6 µs: an eleventh of it needs 121 times the samples.
    near = verdict(whole(part({10 * US: 500, 30 * US: 500})), "mean < 20100ns")
    assert near.samples_needed is not None and 30_000 < near.samples_needed < 100_000
    assert "a run of about" in near.reason
    hopeless = verdict(whole(part({20 * US: 10})), "p99.999 < 1ms")
    assert "a run of" not in hopeless.reason, "nobody runs that long"
    assert verdict(whole(part()), "p99 < 1ms").samples_needed is None
    behind = verdict(whole(part({20 * US: 1_000}, unsent=500)), "p99.9 < 1ms")
    assert (behind.state, behind.samples_needed) == ("inconclusive", None)
    assert "a run of" not in behind.reason, "a longer one would be as late"


# Parts.


def test_a_stream_that_is_not_there_is_refused_with_the_names_that_are() -> None:
    result = whole(part(), [part(name="control"), part(name="bulk")])
    for name, hint in (("contrl", "did you mean `control`?"), ("zzz", "its streams are control, bulk")):
        with pytest.raises(RttpError, match=f"run.json has no stream `{name}`") as refused:
            judge_gates(result, [(None, f"stream[{name}].p99 < 1ms")])
        assert (refused.value.slug, refused.value.exit_code, refused.value.hint) == ("bad-gate", 2, hint)
    with pytest.raises(RttpError) as refused:
        judge_gates(whole(part(), []), [("a", "p99 < 1ms")])
    assert refused.value.hint == "it tells no streams apart"


def test_a_prefix_and_a_pair_mean_the_same_stream() -> None:
    result = whole(part(), [part(name="control")])
    assert judge_gates(result, [(None, "stream[control].p99 < 1ms")]) == judge_gates(result, [("control", "p99 < 1ms")])


def band(low: int, values: Mapping[int, int], lost: int = 0) -> Part:
    gone = [(1_000 * MS, lost)] if lost else []
    response = Histogram.of([*values.items(), *gone])
    return Part("", {"response": response}, lost, priorities=(low, low + 31))


def test_priorities_are_judged_by_the_bands_that_lie_within() -> None:
    bands = (band(0, {50 * MS: 1_000}), band(128, {20 * US: 1_000}), band(224, {20 * US: 900}, lost=100))
    result = whole(part(), bands=bands)
    assert state(result, "priority[0..127].p99 < 1ms") == "fail"
    assert state(result, "priority[128..223].p99 < 1ms") == "pass"
    assert state(result, "priority[128..255].p99 < 1ms") == "fail", "loss"
    assert verdict(result, "priority[128..255].loss <= 5%").reason == "5.00 % lost"
    assert state(result, "priority[128..255].samples >= 2000") == "pass"
    for gate in ("priority[32..63].p99 < 1ms", "priority[32..63].loss <= 1%"):
        assert state(result, gate) == "inconclusive"


def test_of_a_percentile_table_a_percentile_lies_between_two_rows_and_the_mean_is_not_told() -> None:
    rows = Histogram.of([(5 * MS, 900), (9 * MS, 90), (12 * MS, 10)])
    table = Result("wrk.txt", "percentile table", Part("", {"response": rows}), exact=False)
    states = {text: judge_gates(table, [(None, text)])[0].state for text in (
        "p95 < 4ms", "p95 < 7ms", "p95 < 10ms", "p50 < 4ms", "mean < 7ms",
    )}  # fmt: skip
    assert states == {
        "p95 < 4ms": "fail",
        "p95 < 7ms": "inconclusive",
        "p95 < 10ms": "pass",
        "p50 < 4ms": "inconclusive",
        "mean < 7ms": "inconclusive",
    }
