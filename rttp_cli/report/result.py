"""Result documents (docs/RESULT.md): percentiles, how sure they are, and a verdict.

Histograms are read with the HdrHistogram library; intervals come from order statistics (`_core.quantile_ranks`).
"""

from dataclasses import dataclass
from typing import Any, Literal

from rttp_cli import _core

SCHEMA = "rttp.result/1"
QUANTILES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
CONFIDENCE = 0.95

State = Literal["ok", "few", "unbounded", "none"]


@dataclass(frozen=True)
class Percentile:
    """One quantile of a run, in ns.

    `few`: too few samples to bound it from above. `unbounded`: more pulses were lost than lie beyond it, so all that is
    known is that it is not below `value_ns`.
    """

    q: float
    state: State
    value_ns: int
    lower_ns: int
    upper_ns: int | None
    beyond: int
    """Samples above its rank."""

    @property
    def name(self) -> str:
        """`P99.99`."""
        return f"P{self.q * 100:.6f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Distribution:
    """A histogram with its percentiles, in ns."""

    samples: int
    lost: int
    min_ns: int | None
    """`None` without samples, as the next two."""
    mean_ns: float | None
    """Lost pulses are in it, where the histogram has them."""
    max_ns: int | None
    percentiles: tuple[Percentile, ...]

    def at(self, q: float) -> Percentile:
        """The percentile of a quantile that was asked for."""
        return next(p for p in self.percentiles if p.q == q)


def distribution(encoded: str, lost: int, quantiles: tuple[float, ...] = QUANTILES) -> Distribution:
    """Percentiles of a base64 V2 histogram in which `lost` samples stand at the timeout. Raises `ValueError`."""
    from hdrh.histogram import HdrHistogram

    try:
        histogram = HdrHistogram.decode(encoded)
    except Exception as error:
        # The library raises what its parts raise: binascii, zlib, its own.
        raise ValueError(f"not an HdrHistogram V2 in base64: {error}") from error
    n = histogram.get_total_count()
    ranks = {q: _core.quantile_ranks(n, q, CONFIDENCE) for q in quantiles} if n else {}
    wanted = sorted({r for found in ranks.values() if found for r in found if r})
    # One pass over the buckets for all ranks; the library takes percentiles, which it turns back into these ranks.
    percents = [100.0 * r / n for r in wanted]
    values = histogram.get_percentile_to_value_dict(percents) if wanted else {}
    value = {r: int(values[p]) for r, p in zip(wanted, percents, strict=True)}
    percentiles = []
    for q in quantiles:
        found = ranks.get(q)
        if not found:
            percentiles.append(Percentile(q, "none", 0, 0, None, 0))
            continue
        at, lower, upper = found
        state: State = "unbounded" if at > n - lost else "few" if upper is None else "ok"
        top = None if upper is None or upper > n - lost else value[upper]
        percentiles.append(Percentile(q, state, value[at], value.get(lower, 0), top, n - at))
    return Distribution(
        samples=n,
        lost=lost,
        min_ns=int(histogram.get_min_value()) if n else None,
        mean_ns=histogram.get_mean_value() if n else None,
        max_ns=int(histogram.get_max_value()) if n else None,
        percentiles=tuple(percentiles),
    )


@dataclass(frozen=True)
class Verdict:
    """Whether a percentile keeps a limit: only as sure as the samples are."""

    state: Literal["pass", "fail", "inconclusive"]
    q: float
    limit_ns: int
    reason: str


def judge(d: Distribution, q: float, limit_ns: int) -> Verdict:
    """Pass when the interval's upper end keeps the limit, fail when its lower end or loss breaks it."""
    from rttp_cli.units import format_ns, format_share

    p = d.at(q)
    shown, limit = f"{p.name} {format_ns(p.value_ns)}", format_ns(limit_ns)
    state: Literal["pass", "fail", "inconclusive"] = "inconclusive"
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


def samples_for(q: float) -> int:
    """Fewest samples that bound a quantile from above."""
    low, high = 1, 1 << 40
    while low < high:
        middle = (low + high) // 2
        found = _core.quantile_ranks(middle, q, CONFIDENCE)
        if found and found[2] is not None:
            high = middle
        else:
            low = middle + 1
    return low


def summarise(document: dict[str, Any], limit_ns: int, q: float) -> dict[str, Any]:
    """Adds `latency` (percentiles in numbers) and `verdict` to a result document."""
    counts = document["counts"]
    missing = counts["lost"] + counts["unfinished"]
    latency = {}
    for name, absent in (("response", missing), ("service", missing), ("lateness", 0), ("wakeup", 0)):
        quantiles = QUANTILES if q in QUANTILES else tuple(sorted({*QUANTILES, q}))
        d = distribution(document["histograms"][name], absent, quantiles)
        latency[name] = vars(d) | {"percentiles": [vars(p) | {"name": p.name} for p in d.percentiles]}
        if name == "response":
            verdict = judge(d, q, limit_ns)
            if counts["unsent"] and verdict.state == "pass":
                reason = f"{verdict.reason}, but {counts['unsent']:,} pulses that were due were never sent"
                verdict = Verdict("inconclusive", q, limit_ns, reason)
    return document | {"latency": latency, "verdict": vars(verdict)}
