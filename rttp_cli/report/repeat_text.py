"""Runs of the same, or of two things in turns, as text of 80 columns (`rttp.runs/1` of kind `repeat` and `against`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean, median, stdev
from textwrap import wrap
from typing import Any

from rttp_cli.report.distribution import quantile_name
from rttp_cli.report.runs import point_line
from rttp_cli.units import format_ns

_HEAD = f"{'':<24}{'sent/s':>10}{'P50':>9}{'P99':>10}{'P99.99':>12}{'lost':>9}"
_SUMMED_UP = (0.5, 0.99, 0.9999)


def render_repeat(document: dict[str, Any]) -> str:
    """A line a run, then the middle of their percentiles, the least and the greatest, and how far runs lie apart."""
    points = document["points"]
    title = "A is the base, B is new" if document["kind"] == "against" else "the same again and again"
    lines = [f"rttp bench: {len(points)} runs, {title}", _HEAD, *(point_line(point) for point in points)]
    for side in dict.fromkeys(point.get("side") for point in points):
        latencies = [p["result"]["latency"]["response"] for p in points if p.get("side") == side]
        if len(latencies) > 1:
            lines += ["", *_middle(latencies, "all runs" if side is None else f"runs of {side}")]
    for gate in document.get("gates", ()):
        of = "" if gate["stream"] is None else f" [{gate['stream']}]"
        first, *rest = wrap(f"{gate['state']}: {gate['gate']}{of}: {gate['reason']}", 69)
        lines += ["", f"gate       {first}", *(f"           {more}" for more in rest)]
    if document["interrupted"]:
        lines.append("stopped    before the end: what stands here was measured")
    return "\n".join(lines)


def _middle(latencies: list[dict[str, Any]], title: str) -> Iterator[str]:
    yield f"{title:<24}{'median':>12}{'least':>12}{'greatest':>12}{'run to run':>14}"
    for q in _SUMMED_UP:
        found = [p for latency in latencies for p in latency["percentiles"] if p["q"] == q]
        name = quantile_name(q)
        if all(p["state"] in ("ok", "few") for p in found):
            values = [max(p["value_ns"], 1) for p in found]
            factor = math.exp(stdev(math.log(value) for value in values))
            apart = f"± {100 * (factor - 1):.2g} %" if factor < 1.995 else f"× {factor:.2g}"
            middle, least, greatest = (format_ns(value) for value in (median(values), min(values), max(values)))
            yield f"{name:<24}{middle:>12}{least:>12}{greatest:>12}{apart:>14}"
        else:
            yield f"{name:<24}{'unbounded or without samples in some runs':>50}"
    lost = fmean((latency["lost"] / latency["samples"]) if latency["samples"] else 0.0 for latency in latencies)
    if lost:
        yield f"{'lost':<24}{f'{100 * lost:.2g} %':>12}"
