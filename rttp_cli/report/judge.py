"""Verdicts: whether figures keep their limits, as sure as the samples are, where the sender kept its schedule."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from rttp_cli.report.gate import Gate, parse_gate
from rttp_cli.report.result import Distribution, distribution, samples_for
from rttp_cli.units import format_ns, format_share

State = Literal["pass", "fail", "inconclusive"]

ACHIEVED = 0.99
"""Share of the offered pulses that must have been sent: with less, latency is the sender's and not the target's."""


GRACE_NS = 50_000_000
"""A sender may be so late at its end without having been too slow all along: a host's stall is as long."""
LATE = 0.5
"""Share of a limit from which the sender's own lateness excuses what breaks it. A message has many pulses: what it
would have taken from their actual sends is not measured, so this stands for it."""
_OF_MESSAGES = ("message", "first_token", "token_gap")


@dataclass(frozen=True)
class Verdict:
    """Whether a percentile keeps a limit."""

    state: State
    q: float
    limit_ns: float
    reason: str


@dataclass(frozen=True)
class GateVerdict:
    """Whether one gate holds."""

    stream: str | None
    """`None`: all streams together."""
    gate: str
    state: State
    reason: str


def judge(d: Distribution, q: float, limit_ns: float) -> Verdict:
    """Pass when the interval's upper end keeps the limit, fail when its lower end or loss breaks it."""
    p = d.at(q)
    shown, limit = f"{p.name} {format_ns(p.value_ns)}", format_ns(limit_ns)
    state: State = "inconclusive"
    if p.state == "none":
        reason = "no samples"
    elif p.state == "unbounded":
        state, reason = "fail", f"{p.name} is unbounded, {format_share(d.lost, d.samples)} lost"
    elif p.lower_ns > limit_ns:
        state, reason = "fail", f"{shown} > {limit}"
    elif p.state == "few":
        reason = f"{p.name} needs {samples_for(q):,} samples, there are {d.samples:,}"
    elif p.upper_ns is None:
        reason = f"{shown}, loss leaves it open above"
    elif p.upper_ns <= limit_ns:
        state, reason = "pass", f"{shown} ≤ {limit}"
    else:
        reason = f"{p.name} lies in {format_ns(p.lower_ns)} … {format_ns(p.upper_ns)}, and so does the limit {limit}"
    return Verdict(state, q, limit_ns, reason)


def verdict_of(document: dict[str, Any], q: float, limit_ns: int) -> Verdict:
    """Whether the response of all streams together keeps a limit."""
    verdict = judge(_distribution(document, None, "response", q), q, limit_ns)
    unsent = document["counts"]["unsent"] + document["counts"]["dropped"]
    if unsent and verdict.state == "pass":
        reason = f"{verdict.reason}, but {unsent:,} pulses that were due were never sent"
        return Verdict("inconclusive", q, limit_ns, reason)
    return verdict


def judge_gates(document: dict[str, Any], gates: Iterable[tuple[str | None, str]]) -> list[GateVerdict]:
    """Each gate's verdict on a result document; `gates` are pairs of stream (`None`: all) and text."""
    return [GateVerdict(stream, text, *_judge_gate(document, stream, parse_gate(text))) for stream, text in gates]


def worst(verdicts: Iterable[GateVerdict]) -> State:
    """`fail` if one fails, else `inconclusive` if one is, else `pass`."""
    states = {verdict.state for verdict in verdicts}
    return "fail" if "fail" in states else "inconclusive" if "inconclusive" in states else "pass"


def _judge_gate(document: dict[str, Any], stream: str | None, gate: Gate) -> tuple[State, str]:
    part = _part(document, stream)
    state, reason = _judge_time(document, stream, gate) if gate.of_time else _judge_share(document, part, gate)
    achieved = _achieved(document, part)
    if achieved is not None and achieved < ACHIEVED and gate.metric != "rate":
        return "inconclusive", f"{reason}; only {achieved:.1%} of what was offered was sent: the sender was the limit"
    if state == "fail" and gate.metric == "response" and "service" in _histograms(document, stream):
        served = Gate(gate.text, "service", gate.quantile, gate.operator, gate.value)
        if _judge_time(document, stream, served)[0] == "pass":
            return "inconclusive", f"{reason}, but from the actual send it holds: the sender itself was late"
    if state == "fail" and gate.metric in _OF_MESSAGES and "lateness" in _histograms(document, stream):
        late = _lateness(document, stream, gate)
        if late > gate.value * LATE:
            return "inconclusive", f"{reason}, but the sender itself was late by {format_ns(late)}"
    return state, reason


def _lateness(document: dict[str, Any], stream: str | None, gate: Gate) -> int:
    """The sender's own lateness at a gate's percentile, ns."""
    d = _distribution(document, stream, "lateness", gate.quantile or 0.5)
    return (d.max_ns or 0) if gate.quantile is None else d.at(gate.quantile).value_ns


def _judge_time(document: dict[str, Any], stream: str | None, gate: Gate) -> tuple[State, str]:
    if gate.metric not in _histograms(document, stream):
        return "inconclusive", "no samples"
    if gate.quantile is None:
        return _judge_max(_distribution(document, stream, gate.metric, 0.5), gate)
    # Half a nanosecond decides equality: `<` and `>=` draw the line below the limit, `<=` and `>` above it.
    line = gate.value + (0.5 if gate.operator in ("<=", ">") else -0.5)
    d = _distribution(document, stream, gate.metric, gate.quantile)
    verdict = judge(d, gate.quantile, line)
    if gate.operator in ("<", "<=") or verdict.state == "inconclusive":
        return verdict.state, verdict.reason
    p = d.at(gate.quantile)
    if p.state == "unbounded" and p.value_ns <= line:
        return "inconclusive", verdict.reason
    # A lower limit is kept where the upper one is broken.
    return ("fail" if verdict.state == "pass" else "pass"), verdict.reason


def _judge_max(d: Distribution, gate: Gate) -> tuple[State, str]:
    if d.max_ns is None:
        return "inconclusive", "no samples"
    holds = _holds(d.max_ns, gate)
    if not d.lost:
        return ("pass" if holds else "fail"), f"max {format_ns(d.max_ns)}"
    # All that is known of a lost pulse: no answer was slower.
    state: State = "fail" if gate.operator in ("<", "<=") else "pass" if holds else "inconclusive"
    return state, f"max is unbounded, {format_share(d.lost, d.samples)} lost"


def _judge_share(document: dict[str, Any], part: dict[str, Any], gate: Gate) -> tuple[State, str]:
    counts = part["counts"]
    if gate.metric == "loss":
        lost, asked = counts["lost"] + counts["unfinished"], counts["sent"] - counts["one_way"]
        if not asked:
            return "inconclusive", "no pulse asked for an answer"
        share, said = lost / asked, f"{format_share(lost, asked)} lost"
    elif gate.metric == "misses":
        deadlines = [s["deadline"] for s in part.get("streams", [part]) if s["deadline"]]
        missed = sum(d["missed"] for d in deadlines)
        messages = missed + sum(d["kept"] for d in deadlines)
        if not messages:
            return "inconclusive", "no message had a deadline"
        share, said = missed / messages, f"{format_share(missed, messages)} missed their deadline"
    else:
        achieved = _achieved(document, part)
        if achieved is None:
            return "inconclusive", "nothing was due: there is no schedule"
        share, said = achieved, f"{achieved:.2%} of what was offered was sent"
    return ("pass" if _holds(share, gate) else "fail"), said


def _holds(figure: float, gate: Gate) -> bool:
    compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
    return bool(compare[gate.operator](figure, gate.value))


def _achieved(document: dict[str, Any], part: dict[str, Any]) -> float | None:
    """Share of the schedule that was sent in its time; `None` without a schedule."""
    streams = part.get("streams", [part])
    if all(stream["arrival"] in ("closed", "flood") for stream in streams):
        return None
    counts, run = part["counts"], document["run"]
    due = counts["sent"] + counts["unsent"] + counts["dropped"]
    # A sender that is behind goes on after its time: then what it sent is spread over more of it.
    over = max(0, document["sending_ns"] - run["duration_ns"] - GRACE_NS) if run["count"] is None else 0
    return counts["sent"] / due * run["duration_ns"] / (run["duration_ns"] + over) if due else None


def _part(document: dict[str, Any], stream: str | None) -> dict[str, Any]:
    found = document if stream is None else next(s for s in document["streams"] if s["name"] == stream)
    return dict(found)


def _histograms(document: dict[str, Any], stream: str | None) -> dict[str, str]:
    return dict(_part(document, stream)["histograms"])


def _distribution(document: dict[str, Any], stream: str | None, metric: str, q: float) -> Distribution:
    part = _part(document, stream)
    missing = part["counts"]["lost"] + part["counts"]["unfinished"] if metric in ("response", "service") else 0
    return distribution(part["histograms"][metric], missing, (q,))
