"""How much two sets of runs differ, and how sure that is: numbers in, numbers out.

A run is one observation: pulses of one run share its moment of the host, so their number says nothing about the next.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Literal

from rttp_cli import _core

FEW_RUNS = 3
"""From so many runs a side their spread is known."""
RESAMPLES = 50_000
TAIL = 10
"""Resamples that must lie beyond an end of an interval."""
MOST_RUNS = 1_000
ENOUGH_RUNS = 20
"""A side: they find a change of 20 % where pairs of runs differ by 11 % (docs/COMPARE.md)."""
NORMAL = 1e6
"""Variance of a binomial law from which the normal one stands for it: summed up it would take ever longer."""

Method = Literal["bootstrap", "student", "order statistics"]


@dataclass(frozen=True)
class Effect:
    """A difference with its interval; of logarithms, so that it is the logarithm of a ratio."""

    centre: float
    lower: float
    upper: float
    method: Method
    spread: float | None = None
    """Standard deviation of what one run a side would give; `None` with too few runs to know."""


def over_runs(base: Sequence[float], new: Sequence[float], *, paired: bool, confidence: float, seed: int) -> Effect:
    """The difference of means between runs, of one figure a run; at least `FEW_RUNS` a side.

    `confidence` is of each end of its interval: percentiles of a bootstrap over runs, expanded for small samples. Few
    runs cannot show a tail by resampling, since no resample leaves the range of what was measured: then it is Student's
    interval, to which the expansion is matched.
    """
    if paired:
        differences = [n - b for b, n in zip(base, new, strict=True)]
        centre, spread, runs = fmean(differences), stdev(differences), len(differences)
        error, freedom = spread / math.sqrt(runs), runs - 1.0
    else:
        centre, runs = fmean(new) - fmean(base), min(len(base), len(new))
        parts = [stdev(side) ** 2 / len(side) for side in (base, new)]
        error, spread = math.sqrt(sum(parts)), math.hypot(stdev(base), stdev(new))
        # Welch and Satterthwaite.
        pieces = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (base, new), strict=True))
        freedom = sum(parts) ** 2 / pieces if pieces else runs - 1.0
    outside = 1 - confidence
    rank = int(_expanded(outside, runs) * RESAMPLES)
    if rank < TAIL:
        reach = _core.student_quantile(1 - outside, freedom) * error
        return Effect(centre, centre - reach, centre + reach, "student", spread)
    means = _core.bootstrap_means(differences, RESAMPLES, seed) if paired else _differences(base, new, seed)
    return Effect(centre, means[rank - 1], means[-rank], "bootstrap", spread)


def _expanded(outside: float, runs: int) -> float:
    """Probability outside of one end at which a percentile of the bootstrap covers as Student's interval does.

    T. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69 (2015), section 5.3.
    """
    t = _core.student_quantile(1 - outside, runs - 1.0)
    return NormalDist().cdf(-math.sqrt(runs / (runs - 1)) * t)


def _differences(base: Sequence[float], new: Sequence[float], seed: int) -> list[float]:
    """Sorted differences of the means of independent resamples of each side."""
    ours = _core.bootstrap_means(base, RESAMPLES, seed)
    theirs = _core.bootstrap_means(new, RESAMPLES, seed + 1)
    # Both come sorted, and resamples are independent only in another order.
    random.Random(seed).shuffle(ours)
    return sorted(n - b for b, n in zip(ours, theirs, strict=True))


def runs_needed(distance: float, spread: float, confidence: float) -> int:
    """Runs a side whose interval would be as narrow as `distance`; `MOST_RUNS` for so many or more."""
    for runs in range(FEW_RUNS, MOST_RUNS):
        reach = _core.student_quantile(confidence, runs - 1.0) * spread / math.sqrt(runs)
        if reach < distance:
            return runs
    return MOST_RUNS


def slower_probability(base: Sequence[tuple[int, int]], new: Sequence[tuple[int, int]]) -> float | None:
    """Probability that a pulse of `new` takes longer than one of `base`, ties half; of (value, count), ascending."""
    total = sum(count for _, count in base) * sum(count for _, count in new)
    below, at, wins = 0, 0, 0.0
    for value, count in new:
        while at < len(base) and base[at][0] < value:
            below += base[at][1]
            at += 1
        ties = base[at][1] if at < len(base) and base[at][0] == value else 0
        wins += count * (below + ties / 2)
    return wins / total if total else None


def more_lost(base: tuple[int, int], new: tuple[int, int]) -> float:
    """Probability that chance alone gives `new` so large a share of all losses; each side is (lost, sent).

    Of all losses a pulse's chance to be of `new` is its share of what was sent (conditional test of two rates).
    """
    lost, sent = base[0] + new[0], base[1] + new[1]
    if not lost or not new[1]:
        return 1.0
    share = new[1] / sent
    if share == 1.0:
        return 1.0
    return _binomial_tail(new[0], lost, share)


def _binomial_tail(at_least: int, n: int, p: float) -> float:
    """Probability of `at_least` or more of `n`; terms fall beyond the mean, so it ends where they no longer count."""
    if at_least <= n * p:
        return 1.0
    variance = n * p * (1 - p)
    if variance > NORMAL:
        return math.erfc((at_least - 0.5 - n * p) / math.sqrt(2 * variance)) / 2
    log = (
        math.lgamma(n + 1)
        - math.lgamma(at_least + 1)
        - math.lgamma(n - at_least + 1)
        + at_least * math.log(p)
        + (n - at_least) * math.log1p(-p)
    )
    # Of huge numbers rounding alone can make it more than a probability.
    term = math.exp(min(log, 0.0))
    total = 0.0
    for k in range(at_least, n + 1):
        total += term
        term *= (n - k) / (k + 1) * p / (1 - p)
        # Not `<`: far out both are 0.
        if term <= total * 1e-12:
            break
    return min(total, 1.0)
