"""Which plots a set of results has: panels of curves, panels over time, and why some are left out."""

from __future__ import annotations

from collections.abc import Sequence

from rttp_cli.report.plot import axes, panels
from rttp_cli.report.plot.panels import Panel
from rttp_cli.report.plot.series import (
    Curve,
    Limit,
    core_lines,
    curve,
    left_out,
    limits,
    timeline,
)
from rttp_cli.report.result import Result

MOST_CURVES = 21
"""Lines of one plot: seven colours, solid, dashed and dotted."""


def distribution_panel(results: Sequence[Result], *, height: float = 3.0) -> Panel | None:
    """Response over the quantile: of one result with its interval and what explains it, of several a line each."""
    if len(results) == 1:
        (result,) = results
        found = [curve(result, result.whole, "response", "response", band=True), _second(result)]
        title = "Response by percentile"
    else:
        found = [curve(result, result.whole, "response", short_source(result)) for result in results[:MOST_CURVES]]
        title = f"Response by percentile, {len(results)} results"
    drawn = [c for c in found if c is not None]
    return panels.curves(title, drawn, _same_limits(results), height=height) if drawn else None


def streams_panel(result: Result) -> Panel | None:
    """Response over the quantile, a line each stream; `None` with fewer than two that have answers."""
    found = [curve(result, stream, "response", stream.name) for stream in result.streams[:MOST_CURVES]]
    drawn = [c for c in found if c is not None]
    height = max(3.0, 0.26 * len(drawn))
    return panels.curves("Response by percentile, each stream", drawn, height=height) if len(drawn) > 1 else None


def time_panels(result: Result, edges_ns: Sequence[int] | None = None, *, named: bool = False) -> list[Panel]:
    """Heat map, rates and stalls on one time line, as far as the result has them."""
    t = timeline(result, edges_ns)
    cores = core_lines(result)
    ends = [result.sending_ns or result.duration_ns or 0]
    ends += [int(column.to_s * 1e9) for column in t.columns] if t else []
    ends += [int(at * 1e9) for core in cores for at, _ in core.stems]
    start = t.columns[0].from_s if t else 0.0
    span = (min(start, 0.0) if start < 1 else start, max(max(ends) / 1e9, start + 1e-9))
    of = f", {short_source(result)}" if named else ""
    drawn = [panels.heat(t, f"Response over time{of}", span), panels.rates(t, span)] if t else []
    if cores and result.stalls is not None:
        drawn.append(panels.stalls(cores, result.stalls.from_ns, span))
    return drawn


def short_source(result: Result) -> str:
    """A result's name as a label: of a long path the end, which differs."""
    source = result.source
    return source if len(source) <= axes.LABEL else "…" + source[1 - axes.LABEL :]


def remarks(results: Sequence[Result]) -> list[str]:
    """Why something is left out, with the result's name where there are several."""
    named = len(results) > 1
    return [f"{result.source}: {text}" if named else text for result in results for text in left_out(result)]


def _second(result: Result) -> Curve | None:
    """What explains the response: without stalls, or where that is not known, from the actual send."""
    if "undisturbed" in result.whole.histograms:
        return curve(result, result.whole, "undisturbed", "untouched by stalls", beside=True)
    return curve(result, result.whole, "service", "from actual send", beside=True)


def _same_limits(results: Sequence[Result]) -> list[Limit]:
    """Limits that all results have."""
    of_each = [limits(result) for result in results]
    return [limit for limit in of_each[0] if all(limit in others for others in of_each[1:])]
