"""Percentiles of a histogram, and how sure they are: order statistics (`_core.quantile_ranks`), no shape assumed."""

from dataclasses import dataclass
from typing import Literal

from rttp_cli import _core

QUANTILES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
CONFIDENCE = 0.95

State = Literal["ok", "few", "unbounded", "none"]


@dataclass(frozen=True)
class Percentile:
    """One quantile, in ns.

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
    inflation: float = 1.0
    """How many samples were taken to tell as much as one independent one (`report.dispersion`)."""

    @property
    def name(self) -> str:
        """`P99.99`."""
        return quantile_name(self.q)


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


def quantile_name(q: float) -> str:
    """`P99.99` of 0.9999."""
    return f"P{q * 100:.7f}".rstrip("0").rstrip(".")


def distribution(
    histogram: _core.Histogram, lost: int, quantiles: tuple[float, ...] = QUANTILES, *, inflation: float = 1.0
) -> Distribution:
    """Percentiles of a histogram in which `lost` samples stand behind every answer."""
    n = histogram.samples
    percentiles = []
    for q in quantiles:
        found = _core.quantile_ranks(n, q, CONFIDENCE, inflation)
        if not found:
            percentiles.append(Percentile(q, "none", 0, 0, None, 0, inflation))
            continue
        at, lower, upper = found
        state: State = "unbounded" if at > n - lost else "few" if upper is None else "ok"
        top = None if upper is None or upper > n - lost else histogram.at_rank(upper)
        bottom = histogram.at_rank(lower) if lower else 0
        percentiles.append(Percentile(q, state, histogram.at_rank(at), bottom, top, n - at, inflation))
    return Distribution(n, lost, histogram.min, histogram.mean, histogram.max, tuple(percentiles))


def samples_for(q: float, inflation: float = 1.0) -> int:
    """Fewest samples that bound a quantile from above."""
    low, high = 1, 1 << 40
    while low < high:
        middle = (low + high) // 2
        found = _core.quantile_ranks(middle, q, CONFIDENCE, inflation)
        if found and found[2] is not None:
            high = middle
        else:
            low = middle + 1
    return low
