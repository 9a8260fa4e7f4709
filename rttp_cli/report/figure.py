"""Figures that gates limit: what a result says of each, and between which ends the true one lies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.report.dispersion import distribution_of, inflation
from rttp_cli.report.distribution import CONFIDENCE, Percentile, samples_for
from rttp_cli.report.gate import Gate
from rttp_cli.report.result import WITH_LOSSES, Part, Result
from rttp_cli.units import format_ns, format_share

GRACE_NS = 50_000_000
"""A sender may be so late at its end without having been too slow all along: a host's stall is as long."""
MEAN_FROM = 30
"""Independent samples from which the normal law stands for the mean's."""


@dataclass(frozen=True)
class Figure:
    """A figure in a gate's unit. Without `observed` there is nothing to judge, and `said` says why."""

    said: str
    """In words: `P99 212 µs`, `0.10 % lost`."""
    observed: float | None = None
    lower: float = 0.0
    upper: float | None = None
    """`None`: open above."""
    unbounded: bool = False
    """More is lost than lies beyond it: above `lower`, and above every limit."""
    open_because: str = ""
    """Why it is open above."""
    samples: int | None = None
    """Of a distribution."""
    needed: int | None = None
    """Samples that would close it above; `None` where more of the same would not."""
    name: str = ""
    """Of a time, which is said together with its limit: `P99`."""

    @property
    def interval(self) -> tuple[float, float | None] | None:
        """Lower and upper end."""
        return None if self.observed is None else (self.lower, self.upper)


def part_of(result: Result, gate: Gate) -> Part:
    """What a gate looks at. Raises `RttpError` bad-gate: the result has no stream of that name."""
    if gate.priorities is not None:
        return _bands(result, *gate.priorities)
    if gate.stream is None:
        return result.whole
    for part in result.streams:
        if part.name == gate.stream:
            return part
    no_stream = f"`{gate}`: {result.source} has no stream `{gate.stream}`"
    raise RttpError("bad-gate", no_stream, result.streams_like(gate.stream))


def figure_of(result: Result, part: Part, gate: Gate) -> Figure:
    """The figure that a gate limits."""
    if not gate.of_time:
        return _OTHERS[gate.metric](result, part, gate)
    if gate.metric not in part.histograms:
        return Figure("no samples")
    if gate.statistic == "max":
        return _maximum(part, gate.metric)
    if gate.statistic == "mean":
        return _mean(result, part, gate.metric)
    assert isinstance(gate.statistic, float)
    return _percentile(result, part, gate.metric, gate.statistic)


def _percentile(result: Result, part: Part, metric: str, q: float) -> Figure:
    """Its interval is as wide as neighbouring samples are alike."""
    d = distribution_of(result, part, metric, (q,))
    (p,) = d.percentiles
    if p.state == "none":
        return Figure("no samples")
    if p.state == "unbounded":
        said = f"{p.name} is unbounded, {format_share(d.lost, d.samples)} lost"
        return Figure(said, p.value_ns, p.value_ns, unbounded=True, samples=d.samples)
    if not result.exact:
        return _of_table(part, metric, p)
    said = f"{p.name} {format_ns(p.value_ns)}"
    needed, why = None, f"{said}, loss leaves it open above"
    if p.state == "few":
        needed = samples_for(q, p.inflation)
        why = f"{p.name} needs {needed:,} samples, there are {d.samples:,}"
    return Figure(
        said, p.value_ns, p.lower_ns, p.upper_ns, open_because=why, samples=d.samples, needed=needed, name=p.name
    )


def _of_table(part: Part, metric: str, p: Percentile) -> Figure:
    """Of a percentile table nothing is known but that a sample lies between two of its rows."""
    cells = part.histograms[metric].cells()
    below = max((value for value, _ in cells if value < p.value_ns), default=0)
    said = f"{p.name} in {format_ns(below)} … {format_ns(p.value_ns)}"
    return Figure(said, p.value_ns, below, p.value_ns, samples=part.histograms[metric].samples, name=p.name)


def achieved(result: Result, part: Part) -> float | None:
    """Share of the schedule that was sent in its time; `None` without a schedule."""
    if not part.scheduled or part.counts is None or not result.duration_ns:
        return None
    sent = part.counts["sent"]
    due = sent + part.counts.get("unsent", 0) + part.counts.get("dropped", 0)
    # A sender that is behind goes on after its time: then what it sent is spread over more of it.
    over = max(0, (result.sending_ns or 0) - result.duration_ns - GRACE_NS * result.runs)
    if result.document is not None and result.document["run"]["count"] is not None:
        over = 0
    return sent / due * result.duration_ns / (result.duration_ns + over) if due else None


def _bands(result: Result, low: int, high: int) -> Part:
    """Bands of priorities together."""
    bands = [b for b in result.bands if b.priorities and low <= b.priorities[0] and b.priorities[1] <= high]
    histograms = [band.histograms["response"] for band in bands if "response" in band.histograms]
    return Part(
        name=f"{low} … {high}",
        histograms={"response": _core.Histogram.sum(histograms)} if histograms else {},
        missing=sum(band.missing for band in bands),
    )


def _maximum(part: Part, metric: str) -> Figure:
    histogram, lost = part.histograms[metric], part.missing_in(metric)
    if histogram.max is None:
        return Figure("no samples")
    n, top = histogram.samples, histogram.max
    if lost:
        # All that is known of a lost pulse: no answer was slower.
        return Figure(f"max is unbounded, {format_share(lost, n)} lost", top, top, unbounded=True, samples=n)
    return Figure(f"max {format_ns(top)}", top, top, top, samples=n, name="max")


def _mean(result: Result, part: Part, metric: str) -> Figure:
    """The mean by the normal law. Lost pulses are in it at their timeout, so that it is at least this."""
    if not result.exact:
        return Figure("a percentile table does not tell the mean of its samples")
    histogram = part.histograms[metric]
    n, mean = histogram.samples, histogram.mean
    if mean is None:
        return Figure("no samples")
    said = f"mean {format_ns(mean)}"
    wider = inflation(result, part, metric, mean) if metric in WITH_LOSSES else 1.0
    needed = math.ceil(MEAN_FROM * wider)
    if n < needed:
        why = f"mean needs {needed:,} samples, there are {n:,}"
        return Figure(said, mean, open_because=why, samples=n, needed=needed, name="mean")
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * (histogram.stdev or 0.0) * math.sqrt(wider / n)
    upper = None if part.missing_in(metric) else mean + half
    why = f"{said}, loss leaves it open above"
    return Figure(said, mean, max(0.0, mean - half), upper, open_because=why, samples=n, name="mean")


def _exactly(value: float, said: str) -> Figure:
    return Figure(said, value, value, value)


def _loss(_: Result, part: Part, gate: Gate) -> Figure:
    if gate.priorities is not None:
        response = part.histograms.get("response")
        lost, asked = part.missing, response.samples if response is not None else 0
    elif part.counts is None:
        return Figure("pulses were not counted")
    else:
        lost = part.counts["lost"] + part.counts.get("unfinished", 0)
        asked = part.counts["sent"] - part.counts.get("one_way", 0)
    if not asked:
        return Figure("no pulse asked for an answer")
    return _exactly(lost / asked, f"{format_share(lost, asked)} lost")


def _misses(_: Result, part: Part, gate: Gate) -> Figure:
    kind = "" if gate.kind is None else f"{gate.kind} "
    deadlines = [deadline for deadline in part.deadlines if gate.kind in (None, deadline.kind)]
    missed = sum(deadline.missed for deadline in deadlines)
    messages = missed + sum(deadline.kept for deadline in deadlines)
    if not messages:
        return Figure(f"no message had a {kind}deadline")
    return _exactly(missed / messages, f"{format_share(missed, messages)} missed their {kind}deadline")


def _rate(result: Result, part: Part, _: Gate) -> Figure:
    share = achieved(result, part)
    if share is None:
        return Figure("nothing was due: there is no schedule")
    return _exactly(share, f"{share:.2%} of what was offered was sent")


def _samples(_: Result, part: Part, __: Gate) -> Figure:
    response = part.histograms.get("response")
    n = 0 if response is None else response.samples
    return _exactly(n, f"{n:,} samples")


def _pace(result: Result, part: Part, gate: Gate) -> Figure:
    if part.counts is None or not result.sending_ns:
        return Figure("pulses were not counted")
    what = gate.metric.removesuffix("_pps")
    pps = part.counts[what] * 1e9 / result.sending_ns
    return _exactly(pps, f"{what} {pps:,.0f}/s")


def _stalls(result: Result, _: Part, gate: Gate) -> Figure:
    stalls = result.stalls
    if stalls is None or not stalls.watched:
        return Figure("stalls were not watched")
    if gate.metric == "stalls.count":
        return _exactly(stalls.count, f"{stalls.count:,} stalls of {format_ns(stalls.from_ns)} or more")
    if gate.metric == "stalls.max":
        return _exactly(stalls.longest_ns, f"longest stall {format_ns(stalls.longest_ns)}")
    watched_ns = stalls.watched_ns or result.sending_ns or result.duration_ns
    if not watched_ns:
        return Figure("how long stalls were watched is not known")
    share = min(1.0, max((core.total_ns for core in stalls.cores), default=0) / watched_ns)
    return _exactly(share, f"stalled for {format_share(share, 1)} of the time")


_OTHERS: dict[str, Callable[[Result, Part, Gate], Figure]] = {
    "loss": _loss,
    "misses": _misses,
    "rate": _rate,
    "samples": _samples,
    "sent_pps": _pace,
    "answered_pps": _pace,
    "stalls.count": _stalls,
    "stalls.max": _stalls,
    "stalls.share": _stalls,
}
