"""Results in numbers: the document `rttp.report/1` (docs/REPORT.md), from which the other forms are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rttp_cli.report.dispersion import distribution_of
from rttp_cli.report.distribution import QUANTILES
from rttp_cli.report.result import Part, Result
from rttp_cli.report.state import worst

SCHEMA = "rttp.report/1"


def report(
    results: Sequence[Result], metrics: Sequence[str] | None = None, quantiles: tuple[float, ...] = QUANTILES
) -> dict[str, Any]:
    """All results in numbers. `metrics` are the histograms that are wanted; `None`: all that have samples."""
    return {"schema": SCHEMA, "results": [of_result(result, metrics, quantiles) for result in results]}


def of_result(result: Result, metrics: Sequence[str] | None, quantiles: tuple[float, ...]) -> dict[str, Any]:
    """One result in numbers."""

    def of_part(part: Part) -> dict[str, Any]:
        return _part(result, part, metrics, quantiles)

    return {
        "source": result.source,
        "kind": result.kind,
        "runs": result.runs,
        "exact": result.exact,
        "notes": list(result.notes),
        "duration_ns": result.duration_ns,
        "sending_ns": result.sending_ns,
        "whole": of_part(result.whole),
        "streams": [of_part(stream) for stream in result.streams],
        "bands": [
            dict(zip(("from_priority", "to_priority"), band.priorities or (), strict=False)) | of_part(band)
            for band in result.bands
        ],
        "stalls": _stalls(result),
        "verdict": verdict(result),
    }


def verdict(result: Result) -> str | None:
    """What the run said of itself: `fail` if a gate of its profile fails, else `inconclusive` if one is, else `pass`.

    Without gates that of its limit; `None` for what is no single run.
    """
    if result.document is None:
        return None
    gates = result.document.get("gates") or [result.document.get("verdict") or {}]
    states = [gate["state"] for gate in gates if "state" in gate]
    return worst(states) if states else None


def sent_pps(result: Result, part: Part) -> float | None:
    """Pulses sent a second; `None` where it is not known."""
    if part.counts is None or not result.sending_ns:
        return None
    return part.counts["sent"] * 1e9 / result.sending_ns


def _part(result: Result, part: Part, metrics: Sequence[str] | None, quantiles: tuple[float, ...]) -> dict[str, Any]:
    names = list(part.histograms) if metrics is None else [name for name in metrics if name in part.histograms]
    return {
        "name": part.name,
        "counts": None if part.counts is None else dict(part.counts),
        "missing": part.missing,
        "sent_pps": sent_pps(result, part),
        "deadlines": [
            {"limit_ns": d.limit_ns, "class": d.kind, "kept": d.kept, "missed": d.missed} for d in part.deadlines
        ],
        "latency": {name: _latency(result, part, name, quantiles) for name in names},
    }


def _latency(result: Result, part: Part, metric: str, quantiles: tuple[float, ...]) -> dict[str, Any]:
    found = distribution_of(result, part, metric, quantiles)
    return {
        "samples": found.samples,
        "lost": found.lost,
        "min_ns": found.min_ns,
        "mean_ns": found.mean_ns,
        "stdev_ns": part.histograms[metric].stdev,
        "max_ns": found.max_ns,
        "percentiles": [{"name": p.name} | vars(p) for p in found.percentiles],
    }


def _stalls(result: Result) -> dict[str, Any] | None:
    if result.stalls is None:
        return None
    return {
        "watched": result.stalls.watched,
        "from_ns": result.stalls.from_ns,
        "count": result.stalls.count,
        "total_ns": result.stalls.total_ns,
        "longest_ns": result.stalls.longest_ns,
        "cores": [{key: value for key, value in vars(core).items() if key != "stalls"} for core in result.stalls.cores],
    }
