"""Plots as PNG or SVG files, on white."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rttp_cli.errors import RttpError
from rttp_cli.files import write_whole
from rttp_cli.report.plot import compose, series
from rttp_cli.report.plot.palette import LIGHT
from rttp_cli.report.plot.panels import Panel, drawing, sheet
from rttp_cli.report.result import Result

Which = Literal["curve", "heat", "rate", "stalls", "all"]

_DPI = 200
"""Twice what a screen shows at the size of the text beside it."""
MOST_TIMELINES = 8


def write(results: Sequence[Result], path: Path, which: Which = "all") -> None:
    """Writes the plots of results to a PNG or, by the suffix, an SVG; whole or not at all.

    Raises `RttpError`: `usage` for another suffix, `bad-result` where there is nothing to plot, `unwritable`.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise RttpError("usage", f"`{path}` has no known suffix, expected .png or .svg")
    write_whole(path, render(results, which, "svg" if kind == "svg" else "png"))


def render(results: Sequence[Result], which: Which, kind: Literal["png", "svg"]) -> bytes:
    """The file's bytes. Raises `RttpError` bad-result where there is nothing to plot."""
    drawn, remarks = _panels(results, which)
    if not drawn:
        raise RttpError("bad-result", " ".join(remarks) or "there are no samples to plot")
    buffer = io.BytesIO()
    with drawing():
        import matplotlib as mpl

        # Letters as outlines: an image looks the same where other fonts are installed.
        mpl.rcParams["svg.fonttype"] = "path"
        figure = sheet(drawn, LIGHT, remarks)
        figure.savefig(buffer, format=kind, dpi=_DPI, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _panels(results: Sequence[Result], which: Which) -> tuple[list[Panel], list[str]]:
    drawn: list[Panel] = []
    remarks: list[str] = []
    if which in ("curve", "all"):
        curves = [compose.distribution_panel(results)]
        curves += [compose.streams_panel(results[0])] if len(results) == 1 else []
        drawn += [panel for panel in curves if panel is not None]
    if which != "curve":
        shown = results[:MOST_TIMELINES]
        remarks = compose.remarks(shown)
        if len(shown) < len(results):
            remarks.append(f"Over time: the first {len(shown)} of {len(results)} results.")
        edges = series.cell_edges(shown)
        for result in shown:
            over_time = compose.time_panels(result, edges, named=len(results) > 1)
            drawn += [panel for panel in over_time if which in (panel.kind, "all")]
    return drawn, remarks
