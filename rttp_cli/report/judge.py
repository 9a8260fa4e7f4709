"""Verdicts: whether figures keep their limits, as sure as the samples are, and whose doing it is where they do not."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypedDict

from rttp_cli.report.figure import Figure, achieved, figure_of, part_of
from rttp_cli.report.gate import Gate, Unit, parse_gate
from rttp_cli.report.result import Part, Result
from rttp_cli.report.state import State
from rttp_cli.units import format_ns, format_share

ACHIEVED = 0.99
"""Share of the offered pulses that must have been sent: with less, latency is the sender's and not the target's."""
LATE = 0.5
"""Share of a limit from which the sender's own lateness excuses what breaks it. A message has many pulses: what it
would have taken from their actual sends is not measured, so this stands for it."""
LONGEST_HINT = 1_000.0
"""Times the length of a run: nobody makes a longer one for one verdict."""
_OF_MESSAGES = ("message", "first_token", "token_gap")
_HOW_MUCH = ("rate", "samples", "sent_pps", "answered_pps", "stalls.count", "stalls.max", "stalls.share")
"""Metrics that mean the same whether or not the sender kept its schedule."""
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_KEPT = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
_BROKEN = {"<": "≥", "<=": ">", ">": "≤", ">=": "<"}


@dataclass(frozen=True)
class Verdict:
    """Whether a percentile keeps a limit."""

    state: State
    q: float
    limit_ns: float
    reason: str


class WithoutStalls(TypedDict):
    """The same figure of the pulses that no stall of a watched core touched."""

    state: State
    observed: float | None
    interval: tuple[float, float | None] | None
    touched_share: float
    """Of the samples, those that a stall touched."""
    stalls: int
    total_ns: int
    longest_ns: int


@dataclass(frozen=True)
class GateVerdict:
    """Whether one gate holds, and by which figures. Its fields are the keys of `gates[]` in documents."""

    stream: str | None
    """`None`: all streams together."""
    gate: str
    state: State
    reason: str
    unit: Unit = "ns"
    """Of `observed`, `limit` and `interval`."""
    observed: float | None = None
    """`None`: there is nothing to judge."""
    limit: float = 0.0
    interval: tuple[float, float | None] | None = None
    """95 % for a figure of samples; open above (`None`) where they are too few, or loss leaves it open."""
    samples: int | None = None
    """What a figure of a distribution stands on."""
    samples_needed: int | None = None
    """About so many would tell; `None` where these do, or where more of the same would not."""
    without_stalls: WithoutStalls | None = None
    """Where a limit from above on `response` is broken and stalls touched some of its pulses."""

    @property
    def name(self) -> str:
        """`control: p99 <= 1ms`."""
        return self.gate if self.stream is None else f"{self.stream}: {self.gate}"


def verdict_of(result: Result, q: float, limit_ns: float) -> Verdict:
    """Whether the response of all streams together keeps a limit: as a gate, and nothing due may be left unsent."""
    held = judge_gate(result, Gate("response", q, "<=", limit_ns))
    verdict = Verdict(held.state, q, limit_ns, held.reason)
    counts = result.whole.counts or {}
    unsent = counts.get("unsent", 0) + counts.get("dropped", 0)
    if unsent and verdict.state == "pass":
        reason = f"{verdict.reason}, but {unsent:,} pulses that were due were never sent"
        return replace(verdict, state="inconclusive", reason=reason)
    return verdict


def judge_gates(result: Result, gates: Iterable[tuple[str | None, str]]) -> list[GateVerdict]:
    """Each gate's verdict; `gates` are pairs of stream (`None`: as the text says) and text.

    Raises `GateError`, and `RttpError` bad-gate for a stream that the result does not have.
    """
    parsed = ((stream, parse_gate(text)) for stream, text in gates)
    return [judge_gate(result, gate if stream is None else replace(gate, stream=stream)) for stream, gate in parsed]


def judge_gate(result: Result, gate: Gate) -> GateVerdict:
    """One gate's verdict. Raises `RttpError` bad-gate for a stream that the result does not have."""
    part = part_of(result, gate)
    figure = figure_of(result, part, gate)
    state, reason = _held(figure, gate)
    needed = _needed(figure, gate) if state == "inconclusive" else None
    without = None
    if gate.metric not in _HOW_MUCH:
        sent = achieved(result, part)
        if sent is not None and sent < ACHIEVED:
            state, needed = "inconclusive", None
            reason += f"; only {sent:.1%} of what was offered was sent: the sender was the limit"
        elif state == "fail" and gate.from_above and not figure.unbounded:
            state, reason, without = _whose(result, part, gate, figure, reason)
    return GateVerdict(
        stream=gate.stream,
        gate=gate.body,
        state=state,
        reason=reason + _longer(result, figure, needed),
        unit=gate.unit,
        observed=figure.observed,
        limit=gate.value,
        interval=figure.interval,
        samples=figure.samples,
        samples_needed=needed,
        without_stalls=without,
    )


def _held(figure: Figure, gate: Gate) -> tuple[State, str]:
    """One rule for all figures: the worse end keeps the limit, or the better end breaks it, or nobody can tell."""
    if figure.observed is None:
        return "inconclusive", figure.said
    if figure.unbounded and gate.from_above:
        return "fail", figure.said
    kept = _COMPARE[gate.operator]
    better, worse = (figure.lower, figure.upper) if gate.from_above else (figure.upper, figure.lower)
    if worse is not None and kept(worse, gate.value):
        return "pass", _said(figure, gate, _KEPT)
    if better is not None and not kept(better, gate.value):
        return "fail", _said(figure, gate, _BROKEN)
    if figure.upper is None:
        return "inconclusive", figure.open_because or figure.said
    ends = f"{format_ns(figure.lower)} … {format_ns(figure.upper)}"
    return "inconclusive", f"{figure.name} lies in {ends}, and so does the limit {format_ns(gate.value)}"


def _said(figure: Figure, gate: Gate, signs: dict[str, str]) -> str:
    return f"{figure.said} {signs[gate.operator]} {format_ns(gate.value)}" if figure.name else figure.said


def _whose(
    result: Result, part: Part, gate: Gate, figure: Figure, reason: str
) -> tuple[State, str, WithoutStalls | None]:
    """Of a broken limit from above: whether the machine's stalls, or the sender's own lateness, explain it."""
    without = None
    if gate.metric == "response":
        without, told = _without_stalls(result, part, gate, figure)
        if without is not None and without["state"] != "fail":
            may = "" if without["state"] == "pass" else "may "
            return "inconclusive", f"{reason}, but the machine's own stalls {may}explain it: {told}", without
        if _holds_of("service", result, part, gate):
            late = f"{reason}, but from the actual send it holds: the sender itself was late"
            return "inconclusive", late, without
        reason += f"; {told}"
    if gate.metric in _OF_MESSAGES and "lateness" in part.histograms:
        late_ns = figure_of(result, part, replace(gate, metric="lateness")).observed or 0
        if late_ns > gate.value * LATE:
            return "inconclusive", f"{reason}, but the sender itself was late by {format_ns(late_ns)}", None
    return "fail", reason, without


def _holds_of(metric: str, result: Result, part: Part, gate: Gate) -> bool:
    other = replace(gate, metric=metric)
    return _held(figure_of(result, part, other), other)[0] == "pass"


def _without_stalls(result: Result, part: Part, gate: Gate, figure: Figure) -> tuple[WithoutStalls | None, str]:
    """The figure of undisturbed pulses, and what to say of it; `None` where there is none, or it is the same one."""
    stalls, unknown = result.stalls, "whether stalls explain it is not known: "
    if stalls is None or not stalls.watched:
        return None, unknown + ("the result does not say" if stalls is None else "nobody watched the cores")
    if "undisturbed" not in part.histograms or not figure.samples:
        return None, unknown + "the pulses that they touched are not told apart"
    touched = figure.samples - part.histograms["undisturbed"].samples
    if touched <= 0:
        return None, "no stall touched a pulse"
    undisturbed = replace(gate, metric="undisturbed")
    other = figure_of(result, part, undisturbed)
    state, reason = _held(other, undisturbed)
    if state == "inconclusive":
        reason += _longer(result, other, _needed(other, undisturbed))
    many = f"{stalls.count:,} stall{'s' if stalls.count > 1 else ''}, longest {format_ns(stalls.longest_ns)}"
    share = format_share(touched, figure.samples)
    return {
        "state": state,
        "observed": other.observed,
        "interval": other.interval,
        "touched_share": touched / figure.samples,
        "stalls": stalls.count,
        "total_ns": stalls.total_ns,
        "longest_ns": stalls.longest_ns,
    }, f"without the {share} of pulses that stalls touched ({many}): {reason}"


def _needed(figure: Figure, gate: Gate) -> int | None:
    """About how many samples would tell: an interval's width falls with their root."""
    if figure.observed is None or not figure.samples or figure.upper is None:
        return figure.needed
    end = figure.upper if gate.value > figure.observed else figure.lower
    apart = gate.value - figure.observed
    times = ((end - figure.observed) / apart) ** 2 if apart else math.inf
    return math.ceil(figure.samples * times) if times <= LONGEST_HINT else None


def _longer(result: Result, figure: Figure, needed: int | None) -> str:
    """How long a run with so many samples would be."""
    if needed is None or not figure.samples or not result.duration_ns:
        return ""
    times = needed / figure.samples
    if not 1 < times <= LONGEST_HINT:
        return ""
    return f"; a run of about {format_ns(times * result.duration_ns)} would tell (now {format_ns(result.duration_ns)})"
