"""Whether new runs are slower than base runs, by quantiles and loss, and how sure that is (docs/COMPARE.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from statistics import fmean, stdev
from typing import Any

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.report import alike
from rttp_cli.report.dispersion import distribution_of
from rttp_cli.report.distribution import Percentile, distribution, quantile_name
from rttp_cli.report.doubts import doubts
from rttp_cli.report.effect import (
    ENOUGH_RUNS,
    FEW_RUNS,
    MOST_RUNS,
    Effect,
    more_lost,
    over_runs,
    runs_needed,
    slower_probability,
)
from rttp_cli.report.figure import achieved
from rttp_cli.report.judge import ACHIEVED
from rttp_cli.report.result import Part, Result
from rttp_cli.report.source.merge import identity
from rttp_cli.report.source.pieces import added
from rttp_cli.report.state import State, worst
from rttp_cli.units import format_share

SCHEMA = "rttp.compare/1"
SHOWN = (0.5, 0.9, 0.99, 0.999, 0.9999)
"""Quantiles that are always shown; only those asked for decide."""
APART_S = 3600.0
"""Sets of runs whose beginnings are further apart met another mood of the host."""
OPEN = 1_000.0
"""Ratio beyond which an upper end is open: runs that differ so much bound nothing."""
OF_LOSS = 0.1
"""Part of what is left of the confidence that loss has; the deciding quantiles share the rest."""
FAR, FAR_LEAST = 10.0, 0.01
"""With one run or two a side, one burst may be all that is lost: loss fails where it is so many times what base and the
tolerance allow, and so large a share of all pulses."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is compared, and what decides. Shares, not percent."""

    at: tuple[float, ...] = (0.99,)
    """Quantiles that decide."""
    tolerance: float = 0.1
    """How much slower is let pass."""
    loss_tolerance: float = 0.0
    """How much more may be lost, as a share of all pulses."""
    confidence: float = 0.95
    """Of the decision; loss and the deciding quantiles share what is left of it (Bonferroni)."""
    drift: float = 0.3
    """How far two runs of the same may lie apart, where there are too few to see it."""
    metric: str | None = None
    """A histogram of docs/RESULT.md. By default `undisturbed` where every run has it, else `response`."""
    stream: str | None = None
    """`None`: all streams together."""
    seed: int = 0
    """Of the resampling."""

    @property
    def each(self) -> float:
        """Confidence of each end of one quantile's interval."""
        return 1 - (1 - OF_LOSS) * (1 - self.confidence) / max(len(self.at), 1)

    @property
    def each_loss(self) -> float:
        """Confidence that more loss is no chance."""
        return 1 - OF_LOSS * (1 - self.confidence)


@dataclass(frozen=True)
class Side:
    """A set of runs."""

    sources: tuple[str, ...]
    samples: int
    lost: int | None
    """Lost and unfinished pulses; `None` where a run does not say."""
    touched: float | None
    """Share of the pulses that stalls touched; `None` where a run does not say."""

    @property
    def runs(self) -> int:
        """How many."""
        return len(self.sources)


@dataclass(frozen=True)
class Row:
    """One quantile on both sides. Figures are `None` where a run cannot tell them."""

    q: float
    base_ns: float | None
    """Geometric mean over the runs."""
    new_ns: float | None
    ratio: float | None
    """New over base."""
    lower: float | None
    upper: float | None
    """`None`, too, where nothing bounds it, or it is beyond `OPEN`."""
    shift: float | None
    """The logarithm of the ratio in standard deviations between runs of one side."""
    response_base_ns: float | None
    """The same quantile of `response`."""
    response_new_ns: float | None
    method: str | None
    state: State | None
    """`None`: it does not decide."""
    reason: str
    runs_needed: int | None = None
    """Of an inconclusive one: runs a side that would probably tell; `None` where nobody knows."""

    @property
    def name(self) -> str:
        """`P99`."""
        return quantile_name(self.q)

    @property
    def difference_ns(self) -> float | None:
        """New minus base."""
        return None if self.base_ns is None or self.new_ns is None else self.new_ns - self.base_ns


@dataclass(frozen=True)
class Loss:
    """Lost pulses on both sides, as shares of those that asked for an answer. `None` but the reason: not known."""

    base: float | None
    new: float | None
    chance: float | None
    """Probability that chance alone loses so many more than base and the tolerance."""
    state: State | None
    """`None`: it does not decide."""
    reason: str


@dataclass(frozen=True)
class Comparison:
    """What came out."""

    state: State
    reasons: tuple[str, ...]
    """What decided, in words."""
    metric: str
    paired: bool
    rules: Rules
    base: Side
    new: Side
    rows: tuple[Row, ...]
    loss: Loss
    slower: float | None
    """Probability that a pulse of the new runs takes longer than one of the base."""
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As docs/COMPARE.md has it."""
        sides = {name: vars(side) | {"runs": side.runs} for name, side in (("base", self.base), ("new", self.new))}
        rows = [{"name": row.name} | vars(row) | {"difference_ns": row.difference_ns} for row in self.rows]
        parts = {"rules": vars(self.rules), "rows": rows, "loss": vars(self.loss)}
        return {"schema": SCHEMA} | vars(self) | sides | parts


_DEFAULT = Rules()


def compare(
    base: Sequence[Result],
    new: Sequence[Result],
    rules: Rules = _DEFAULT,
    *,
    paired: bool = False,
    force: bool = False,
    notes: Sequence[str] = (),
) -> Comparison:
    """Compares two sets of runs. `paired`: run i of one side was made beside run i of the other, so both have as many.

    `force` compares what was not the same traffic; `notes` are what the caller knows beside. Raises `RttpError`:
    unknown-name (stream), bad-result (other traffic, a metric that a run lacks, no run, a run twice on a side).
    """
    if not base or not new:
        raise RttpError("bad-result", f"there is no run on the {'new' if base else 'base'} side")
    for side in (base, new):
        check_different(side)
    notes = [*notes, *_traffic(base, new, force=force), *_machines(base, new), *doubts([*base, *new])]
    if not paired:
        notes += _times(base, new)
    ours, theirs = (_runs(side, rules.stream) for side in (base, new))
    metric = rules.metric or ("undisturbed" if all(r.has("undisturbed") for r in ours + theirs) else "response")
    lacking = next((r for r in ours + theirs if not r.has(metric)), None)
    if lacking is not None:
        raise RttpError("bad-result", f"`{lacking.result.source}` has no samples of `{metric}`")
    rows = tuple(_row(q, ours, theirs, metric, rules, paired) for q in sorted({*SHOWN, *rules.at}))
    loss = _loss(ours, theirs, rules, paired)
    undecided = [*_shared(base, new), *_behind(ours, "base"), *_behind(theirs, "new")]
    state = worst(s for s in (loss.state, *(row.state for row in rows)) if s is not None)
    return Comparison(
        state="inconclusive" if undecided else state,
        reasons=(
            *(row.reason for row in rows if row.state is not None),
            *([] if loss.state in ("pass", None) else [loss.reason]),
            *undecided,
        ),
        metric=metric,
        paired=paired,
        rules=rules,
        base=_side(ours, metric),
        new=_side(theirs, metric),
        rows=rows,
        loss=loss,
        slower=slower_probability(*(_merged(side, metric).cells() for side in (ours, theirs))),
        notes=tuple(notes),
    )


def check_different(side: Sequence[Result]) -> None:
    """Refuses a run that is there twice: it would count as two that agree. Raises `RttpError` bad-result."""
    seen: dict[Any, str] = {}
    for result in side:
        run = identity(result)
        if run in seen:
            twice = "is there twice" if seen[run] == result.source else f"is the same run as `{seen[run]}`"
            raise RttpError("bad-result", f"`{result.source}` {twice} on one side", "name each run once")
        seen[run] = result.source


@dataclass(frozen=True)
class _Run:
    """One run and what of it is compared."""

    result: Result
    part: Part

    def has(self, metric: str) -> bool:
        return metric in self.part.histograms

    def quantile(self, q: float, metric: str, *, alone: bool) -> Percentile:
        """Its interval counts only where the run stands `alone`: then samples that came together are no evidence."""
        if alone:
            return distribution_of(self.result, self.part, metric, (q,)).percentiles[0]
        return distribution(self.part.histograms[metric], self.part.missing_in(metric), (q,)).percentiles[0]

    @property
    def lost(self) -> tuple[int, int] | None:
        """Lost pulses and those that asked for an answer; `None` where they were not counted."""
        counts = self.part.counts
        return None if counts is None else (self.part.missing, counts["sent"] - counts.get("one_way", 0))


def _runs(results: Sequence[Result], stream: str | None) -> list[_Run]:
    return [_Run(result, result.whole if stream is None else _stream(result, stream)) for result in results]


def _stream(result: Result, name: str) -> Part:
    found = next((part for part in result.streams if part.name == name), None)
    if found is None:
        names = [part.name for part in result.streams]
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(names) or 'none'}"
        raise RttpError("unknown-name", f"`{result.source}` has no stream `{name[:60]}`", hint)
    return found


def _merged(runs: Sequence[_Run], metric: str) -> _core.Histogram:
    return added([run.part.histograms[metric] for run in runs])


def _side(runs: Sequence[_Run], metric: str) -> Side:
    touched = None
    if all(run.has("undisturbed") and run.has("response") for run in runs):
        samples = sum(run.part.histograms["response"].samples for run in runs)
        touched = 1 - sum(run.part.histograms["undisturbed"].samples for run in runs) / samples
    samples = sum(run.part.histograms[metric].samples for run in runs)
    lost = None if any(run.lost is None for run in runs) else sum(run.part.missing for run in runs)
    return Side(tuple(run.result.source for run in runs), samples, lost, touched)


# One quantile ----------------------------------------------------------------------------------------------------


def _row(q: float, base: list[_Run], new: list[_Run], metric: str, rules: Rules, paired: bool) -> Row:
    few = min(len(base), len(new)) < FEW_RUNS
    ours, theirs = ([run.quantile(q, metric, alone=few) for run in side] for side in (base, new))
    effect = _few_runs(ours, theirs, rules) if few else _many_runs(ours, theirs, rules, paired)
    if effect.upper > math.log(OPEN):
        effect = replace(effect, upper=math.inf)
    untold = _untold(metric, (base, ours), (new, theirs))
    state, reason, needed = _decide(q, effect, untold, rules, few=few)
    within = [stdev(side) for side in (_logs(ours), _logs(theirs)) if len(side) > 1]
    spread = math.sqrt(fmean(s * s for s in within)) if within else 0.0
    return Row(
        q=q,
        base_ns=None if untold else math.exp(fmean(_logs(ours))),
        new_ns=None if untold else math.exp(fmean(_logs(theirs))),
        ratio=None if untold else math.exp(effect.centre),
        lower=None if untold else math.exp(effect.lower),
        upper=None if untold or effect.upper == math.inf else math.exp(effect.upper),
        shift=None if untold or not spread else effect.centre / spread,
        response_base_ns=_response(q, base),
        response_new_ns=_response(q, new),
        method=None if untold else effect.method,
        state=state if q in rules.at else None,
        reason=reason,
        runs_needed=needed if q in rules.at else None,
    )


def _logs(found: Sequence[Percentile]) -> list[float]:
    return [_log(p.value_ns) for p in found]


def _log(ns: int) -> float:
    # Figures are whole ns, and 0 of them is possible where nothing was late.
    return math.log(max(ns, 1))


def _many_runs(base: list[Percentile], new: list[Percentile], rules: Rules, paired: bool) -> Effect:
    return over_runs(_logs(base), _logs(new), paired=paired, confidence=rules.each, seed=rules.seed)


def _few_runs(base: list[Percentile], new: list[Percentile], rules: Rules) -> Effect:
    """Ends of the runs' own intervals against each other, and the drift that nobody could see."""

    def mean(values: list[int | None]) -> float:
        return fmean(math.inf if value is None else _log(value) for value in values)

    centre, drift = fmean(_logs(new)) - fmean(_logs(base)), math.log1p(rules.drift)
    lower = mean([p.lower_ns for p in new]) - mean([p.upper_ns for p in base]) - drift
    upper = mean([p.upper_ns for p in new]) - mean([p.lower_ns for p in base]) + drift
    return Effect(centre, lower, upper, "order statistics")


def _untold(metric: str, *sides: tuple[list[_Run], list[Percentile]]) -> str | None:
    """Why a quantile cannot be compared; `None` if it can."""
    for runs, found in sides:
        for run, p in zip(runs, found, strict=True):
            if p.state == "unbounded":
                lost = format_share(run.part.missing, run.part.histograms[metric].samples)
                return f"{p.name} is unbounded in `{run.result.source}`: {lost} lost"
            if p.state != "ok":
                return f"{p.name} has too few samples in `{run.result.source}`: run longer"
    return None


def _response(q: float, runs: list[_Run]) -> float | None:
    if not all(run.has("response") for run in runs):
        return None
    found = [run.quantile(q, "response", alone=False) for run in runs]
    return math.exp(fmean(_logs(found))) if all(p.state == "ok" for p in found) else None


def _decide(q: float, effect: Effect, untold: str | None, rules: Rules, *, few: bool) -> tuple[State, str, int | None]:
    if untold is not None:
        return "inconclusive", untold, None
    name, allowed = quantile_name(q), f"{rules.tolerance * 100:g} %"
    limit = math.log1p(rules.tolerance)
    said = f"{name} {change(effect.centre, effect.lower, effect.upper)}"
    if effect.lower > limit:
        return "fail", f"{said}: more than the {allowed} allowed", None
    if effect.upper <= limit:
        return "pass", f"{said}: {'not slower' if effect.upper <= 0 else f'within {allowed}'}", None
    if few or effect.spread is None:
        return "inconclusive", f"{said}: {_FEW}", None
    needed = runs_needed(abs(effect.centre - limit), effect.spread, rules.each)
    many = f"{MOST_RUNS:,} runs and more" if needed >= MOST_RUNS else f"about {needed:,} runs"
    return "inconclusive", f"{said}, and {allowed} lies between; {many} a side would probably tell", needed


_FEW = f"one run or two a side cannot tell a change from the host's mood; --repeat {ENOUGH_RUNS} can"


def change(centre: float, lower: float, upper: float) -> str:
    """`slower by 21 % (17 … 25)` of logarithms of ratios."""
    ends = [_percent(lower), "open" if upper == math.inf else _percent(upper)]
    if upper < 0:
        # Faster by so much: both ends turn their sign, and so their order.
        return f"faster by {_percent(centre)[1:]} % ({ends[1][1:]} … {ends[0][1:]})"
    if lower > 0:
        return f"slower by {_percent(centre)[1:]} % ({ends[0][1:]} … {ends[1].removeprefix('+')})"
    return f"changed by {_percent(centre)} % ({ends[0]} … {ends[1]})"


def _percent(log: float) -> str:
    percent = 100 * math.expm1(log)
    text = f"{abs(percent):.3g}" if abs(percent) < 99.95 else f"{abs(percent):,.0f}"
    return f"{'−' if percent < 0 else '+'}{text}"


# Loss ------------------------------------------------------------------------------------------------------------


def _loss(base: list[_Run], new: list[_Run], rules: Rules, paired: bool) -> Loss:
    """Fails where more is lost than tolerated, beyond chance: between pulses, and between runs where there are enough.

    Losses come together, so pulses alone would prove too much.
    """
    sides = [_counted(base), _counted(new)]
    unknown = next((side for side in sides if isinstance(side, str)), None)
    if unknown is not None:
        return Loss(None, None, None, None, f"loss is not known: {unknown}")
    counted = [side for side in sides if not isinstance(side, str)]
    totals = [(sum(lost for lost, _ in side), sum(asked for _, asked in side)) for side in counted]
    ours, theirs = (lost / asked for lost, asked in totals)
    # Base is given what is tolerated, as if it had lost it: then chance must make up for the rest.
    (lost, asked), tolerated = totals[0], math.ceil(rules.loss_tolerance * totals[0][1])
    chance = more_lost((lost + tolerated, asked), totals[1])
    state: State = "pass"
    words = "" if theirs <= ours else ", no more than chance and the tolerance explain"
    if theirs - ours > rules.loss_tolerance and chance < 1 - rules.each_loss:
        if min(len(base), len(new)) < FEW_RUNS:
            fails = theirs > max(FAR * (ours + rules.loss_tolerance), FAR_LEAST)
            open_because = f": more, but one run or two a side may have met one burst; --repeat {ENOUGH_RUNS} can tell"
        else:
            shares = [[lost / max(asked, 1) for lost, asked in side] for side in counted]
            between = over_runs(*shares, paired=paired, confidence=rules.each_loss, seed=rules.seed)
            fails = between.lower > rules.loss_tolerance
            open_because = ": more, but not in all runs alike; more runs can tell"
        state, words = ("fail", ": more than chance explains") if fails else ("inconclusive", open_because)
    said = f"lost {format_share(*totals[0])} → {format_share(*totals[1])}"
    return Loss(ours, theirs, chance, state, said + words)


def _counted(runs: list[_Run]) -> list[tuple[int, int]] | str:
    """Lost pulses of each run and those that asked for an answer, or why nobody knows."""
    counted = []
    for run in runs:
        if run.lost is None:
            return f"`{run.result.source}` has latencies alone"
        counted.append(run.lost)
    return counted if any(asked for _, asked in counted) else "no pulse asked for an answer"


# What must be known beside the figures ---------------------------------------------------------------------------


def _shared(base: Sequence[Result], new: Sequence[Result]) -> Iterator[str]:
    """A run beside itself makes sides more alike than they are."""
    known = {identity(result): result.source for result in base}
    both = [(known[of], result.source) for result in new if (of := identity(result)) in known]
    if both:
        ours, theirs = both[0]
        which = f"`{theirs}`" if ours == theirs else f"`{theirs}`, the same as `{ours}`"
        more = f" and {len(both) - 1:,} more" if len(both) > 1 else ""
        yield f"{which}{more} is on both sides: a run says nothing against itself"


def _behind(runs: list[_Run], side: str) -> Iterator[str]:
    shares = [achieved(run.result, run.part) for run in runs]
    late = sum(share is not None and share < ACHIEVED for share in shares)
    if late:
        yield f"{late} of {len(runs)} {side} runs sent less than 99 % of what was due: the sender was the limit"


def _documents(base: Sequence[Result], new: Sequence[Result]) -> Iterator[tuple[Mapping[str, Any], Result]]:
    """The first base run that has a document beside each other run that has one."""
    known = [result for result in (*base, *new) if result.document is not None]
    for other in known[1:]:
        yield known[0].document or {}, other


def _traffic(base: Sequence[Result], new: Sequence[Result], *, force: bool) -> Iterator[str]:
    if any(result.document is None for result in (*base, *new)):
        yield "not every file says what was sent: whether it was the same traffic is not known"
    for document, other in _documents(base, new):
        differences = alike.traffic(document).against(alike.traffic(other.document or {}))
        if differences and not force:
            raise RttpError(
                "bad-result",
                f"`{other.source}` is not the same traffic: {_listed(differences)}",
                "--force compares it all the same",
            )
        if differences:
            yield f"not the same traffic: {_listed(differences)}"
            return


def _machines(base: Sequence[Result], new: Sequence[Result]) -> Iterator[str]:
    for document, other in _documents(base, new):
        differences = alike.machine(document).against(alike.machine(other.document or {}))
        if differences:
            yield f"not the same kind of machine: {_listed(differences)}"
            return


def _listed(differences: list[str]) -> str:
    more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
    return "; ".join(differences[:3]) + more


def _times(base: Sequence[Result], new: Sequence[Result]) -> Iterator[str]:
    """A host changes its speed: what was measured at another time has that in the ratio."""
    starts = [[_started_s(result) for result in side] for side in (base, new)]
    known = [[start for start in side if start is not None] for side in starts]
    if all(known):
        apart = max(min(known[1]) - max(known[0]), min(known[0]) - max(known[1]))
        if apart > APART_S:
            words = f"{apart / 3600:,.0f} h" if apart < 48 * 3600 else f"{apart / 86400:,.0f} days"
            yield f"measured {words} apart: what changed on the host in between is in the ratio"


def _started_s(result: Result) -> float | None:
    start = (result.document or {}).get("started_unix_ns")
    return start / 1e9 if isinstance(start, int | float) else None
