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
        mean_ns=_core.histogram_mean(encoded),
        max_ns=int(histogram.get_max_value()) if n else None,
        percentiles=tuple(percentiles),
    )


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
    """Adds figures in numbers to a result document: `latency` (of all, of streams, of bands) and `verdict`."""
    from rttp_cli.report.judge import verdict_of

    quantiles = QUANTILES if q in QUANTILES else tuple(sorted({*QUANTILES, q}))
    named = {name: text for name, text in document["histograms"].items() if name not in ("unit", "encoding")}
    latency = _latencies(named, document["counts"], quantiles)
    streams = [
        stream | {"latency": _latencies(stream["histograms"], stream["counts"], QUANTILES)}
        for stream in document["streams"]
    ]
    bands = [
        band | {"latency": {"response": _numbers(distribution(band["response"], band["missing"]))}}
        for band in document["bands"]
    ]
    result = document | {"latency": latency, "streams": streams, "bands": bands}
    return result | {"verdict": vars(verdict_of(result, q, limit_ns))}


def _latencies(
    histograms: dict[str, str], counts: dict[str, int], quantiles: tuple[float, ...]
) -> dict[str, dict[str, Any]]:
    missing = counts["lost"] + counts["unfinished"]
    with_losses = ("response", "service")
    return {
        name: _numbers(distribution(text, missing if name in with_losses else 0, quantiles))
        for name, text in histograms.items()
    }


def _numbers(d: Distribution) -> dict[str, Any]:
    return vars(d) | {"percentiles": [vars(p) | {"name": p.name} for p in d.percentiles]}
