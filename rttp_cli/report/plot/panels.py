"""Panels: single plots, and the sheet on which they stand above each other. Drawn by matplotlib, without pyplot."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from rttp_cli.report.plot import axes
from rttp_cli.report.plot.series import LEVELS, CoreLine, Curve, Limit, Timeline, runs_of_cells
from rttp_cli.units import format_ns, format_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rttp_cli.report.plot.palette import Palette

WIDTH, LEFT, RIGHT = 9.2, 0.72, 1.75
"""Inches: of a sheet, and beside its plots."""
_Dashes = tuple[int, tuple[float, ...]]
_DASHES: tuple[_Dashes, ...] = ((0, ()), (0, (5, 2)), (0, (1, 1.4)))


@dataclass(frozen=True)
class Panel:
    """One plot of a sheet."""

    kind: Literal["curve", "heat", "rate", "stalls"]
    height: float
    """Of its axes, inches."""
    draw: Callable[[Axes, Palette], None]
    span: tuple[float, float] | None = None
    """Its time in s; panels above each other with the same one share the axis."""


@contextmanager
def drawing() -> Iterator[None]:
    """matplotlib as it is delivered, whatever the user's settings; quiet; names from files are never formulas."""
    # Of its fonts' cache and of the user's settings it would tell on stderr.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl

    with warnings.catch_warnings(), mpl.rc_context():
        # A letter that the font lacks is drawn as a box; that is no news for stderr.
        warnings.simplefilter("ignore")
        # Setting the backend would load pyplot and look for a display.
        mpl.rcParams.update({key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"})
        mpl.rcParams.update(
            {
                "text.parse_math": False,
                "svg.fonttype": "none",
                "svg.hashsalt": "rttp",
                "font.family": ["DejaVu Sans"],
                "axes.unicode_minus": False,
                "path.simplify": True,
            }
        )
        yield


def sheet(panels: Sequence[Panel], palette: Palette, remarks: Sequence[str] = ()) -> Figure:
    """Panels above each other, remarks below. Call it within `drawing`."""
    from matplotlib.figure import Figure

    shared = [a.span is not None and a.span == b.span and b.kind != "heat" for a, b in pairwise(panels)] + [False]
    above = 0.34
    below = [0.06 if with_next else 0.5 for with_next in shared]
    total = sum(panel.height + above for panel in panels) + sum(below) + 0.18 * len(remarks)
    figure = Figure(figsize=(WIDTH, total), facecolor=palette.paper)
    top = total
    for panel, under, with_next in zip(panels, below, shared, strict=True):
        bottom = top - above - panel.height
        box = (LEFT / WIDTH, bottom / total, (WIDTH - LEFT - RIGHT) / WIDTH, panel.height / total)
        ax = figure.add_axes(box)
        axes.frame(ax, palette)
        if panel.span is not None:
            axes.time_axis(ax, *panel.span, labelled=not with_next, palette=palette)
        panel.draw(ax, palette)
        top = bottom - under
    for i, remark in enumerate(remarks):
        place = (0.06 + 0.18 * (len(remarks) - 1 - i)) / total
        figure.text(LEFT / WIDTH, place, axes.plain(remark, 130), fontsize=7.5, color=palette.quiet)
    return figure


# Curves -----------------------------------------------------------------------------------------------------------


def curves(title: str, drawn: Sequence[Curve], limits: Sequence[Limit] = (), *, height: float = 3.0) -> Panel:
    """Latency over the quantile, one line a curve; a second curve of the same run comes with a band beside it."""

    def draw(ax: Axes, palette: Palette) -> None:
        values = [ns for c in drawn for _, ns in c.points] + [limit.value_ns for limit in limits]
        values += [upper for c in drawn for _, _, upper in c.band if upper is not None]
        low, high = max(min(values), 1) / 1.15, max(values) * 1.3
        last = max([c.points[-1][0] for c in drawn] + [limit.decades for limit in limits] + [1.0]) * 1.01
        axes.latency_axis(ax, low, high, palette)
        ax.set_xlim(0, last)
        axes.quantile_axis(ax, last, palette)
        axes.title(ax, title, _curve_note(drawn), palette)
        for i, c in enumerate(drawn):
            _curve(ax, c, *_look(i, c, palette), palette)
        _name_curves(ax, drawn, last, palette)
        for limit in limits:
            ax.plot(
                [max(limit.decades - 0.3, 0), limit.decades], [limit.value_ns] * 2, color=palette.ink, linewidth=1.6
            )
            ax.annotate(
                axes.plain(limit.text, 40), (limit.decades, limit.value_ns), xytext=(0, 3), ha="right",
                textcoords="offset points", fontsize=7.5, color=palette.ink,
            )  # fmt: skip

    return Panel("curve", height, draw)


def _look(i: int, c: Curve, palette: Palette) -> tuple[str, _Dashes]:
    """Colour and dashes of the i-th line."""
    turn = i // len(palette.lines) + c.beside
    return palette.lines[i % len(palette.lines)], _DASHES[turn % len(_DASHES)]


def _curve_note(drawn: Sequence[Curve]) -> str:
    said = []
    if any(c.band for c in drawn):
        said.append("band: 95 % interval, none where it is open above")
    if any(c.firm < c.points[-1][0] for c in drawn):
        said.append("thin: too few samples to bound it")
    if any(c.lost for c in drawn):
        said.append("▲: all beyond is lost")
    return " · ".join(said)


def _curve(ax: Axes, c: Curve, colour: str, dashes: _Dashes, palette: Palette) -> None:
    if c.band:
        x, lower, upper = zip(*c.band, strict=True)
        known = [ns is not None for ns in upper]
        ax.fill_between(x, lower, [ns or 0 for ns in upper], where=known, color=colour, alpha=0.18, linewidth=0)
    firm = [p for p in c.points if p[0] <= c.firm]
    rest = [p for p in c.points if p[0] >= c.firm]
    for points, width in ((firm, 1.6), (rest, 0.8)):
        if len(points) > 1:
            ax.plot(*zip(*points, strict=True), color=colour, linewidth=width, linestyle=dashes)
    end = ([c.points[-1][0]], [c.points[-1][1]])
    if c.lost:
        ax.plot(*end, marker="^", markersize=6, color=colour, markeredgecolor=palette.paper, clip_on=False)
    else:
        ax.plot(*end, marker="o", markersize=3, color=colour, clip_on=False)


def _name_curves(ax: Axes, drawn: Sequence[Curve], last: float, palette: Palette) -> None:
    """Names at the right, each joined to the end of its line, so that they are readable in grey."""
    low, high = ax.get_ylim()
    span = math.log(high / low)
    heights = [math.log(c.points[-1][1] / low) / span for c in drawn]
    gap = 18 / axes.points(ax)[1]
    for i, (c, at) in enumerate(zip(drawn, axes.spread(heights, gap, 0.02, 0.98), strict=True)):
        colour, dashes = _look(i, c, palette)
        (end, ns), y = c.points[-1], low * math.exp(at * span)
        # Level to the edge, then to the name: leaders do not cross what is drawn.
        ax.plot([end, last, last * 1.015], [ns, ns, y], color=colour, linewidth=0.5, alpha=0.7, clip_on=False)
        sample = [last * 1.015, last * 1.04]
        ax.plot(sample, [y, y], color=colour, linewidth=1.6, linestyle=dashes, clip_on=False)
        lost = f", {format_share(c.lost, c.samples)} lost" if c.lost else ""
        for text, size, ink, va in (
            (axes.plain(c.label), 8, palette.ink, "bottom"),
            (f"n = {c.samples:,}{lost}", 6.5, palette.quiet, "top"),
        ):
            ax.annotate(
                text, (last * 1.04, y), xytext=(3, 0), textcoords="offset points", va=va, fontsize=size, color=ink,
                annotation_clip=False,
            )  # fmt: skip


# Over time --------------------------------------------------------------------------------------------------------


def heat(t: Timeline, title: str, span: tuple[float, float]) -> Panel:
    """Latency over time: the colour is the share of a column's pulses, with P50, P99 and the greatest as lines."""

    def draw(ax: Axes, palette: Palette) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        rectangle = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
        axes.latency_axis(ax, t.edges_ns[0] / 1.1, t.edges_ns[-1] * 1.15, palette)
        lost = [(column.from_s + column.to_s) / 2 for column in t.columns if column.lost_pps]
        note = f"colour: share of each interval's pulses, {len(t.columns)} intervals"
        axes.title(ax, title, f"{note} · ▼: with loss" if lost else note, palette)
        for shade, runs in sorted(runs_of_cells(t).items()):
            vertices: list[tuple[float, float]] = []
            for row, first, behind in runs:
                left, right = t.columns[first].from_s, t.columns[behind - 1].to_s
                low, high = t.edges_ns[row], t.edges_ns[row + 1]
                vertices += [(left, low), (right, low), (right, high), (left, high), (left, low)]
            ax.add_patch(
                PathPatch(
                    Path(vertices, rectangle * len(runs)), facecolor=palette.heat[shade], linewidth=0, antialiased=False
                )
            )
        _heat_lines(ax, t, palette)
        _heat_key(ax, palette)
        if lost:
            ax.plot(lost, [t.edges_ns[-1] * 1.15] * len(lost), "v", color=palette.loss, markersize=4, clip_on=False)

    return Panel("heat", 2.3, draw, span)


def _heat_lines(ax: Axes, t: Timeline, palette: Palette) -> None:
    low, high = ax.get_ylim()
    span = math.log(high / low)
    shown: list[tuple[str, float]] = []
    greatest = [column for column in t.columns if column.max_ns is not None]
    ax.hlines(
        [column.max_ns or 0 for column in greatest], [column.from_s for column in greatest],
        [column.to_s for column in greatest], color=palette.ink, linewidth=0.9,
    )  # fmt: skip
    shown.append(("max", greatest[-1].max_ns or 1))
    for name, of, width in (("P99", [column.p99_ns for column in t.columns], 0.9),
                            ("P50", [column.p50_ns for column in t.columns], 1.3)):  # fmt: skip
        known = [value for value in of if value is not None]
        if not known:
            continue
        places = [at for column in t.columns for at in (column.from_s, column.to_s)]
        values = [math.nan if value is None else float(value) for value in of for _ in range(2)]
        # The rim keeps the line apart from cells of its own colour.
        ax.plot(places, values, color=palette.paper, linewidth=width + 1.2, alpha=0.75)
        ax.plot(places, values, color=palette.ink, linewidth=width)
        shown.append((name, known[-1]))
    gap = 10 / axes.points(ax)[1]
    # Below the key of the colours.
    heights = axes.spread([math.log(v / low) / span for _, v in shown], gap, 0.02, 0.93)
    for (name, _), at in zip(shown, heights, strict=True):
        _beside(ax, name, at, palette)


def _heat_key(ax: Axes, palette: Palette) -> None:
    """The colours and the shares they stand for, above the right corner."""
    from matplotlib.patches import Rectangle

    across, up = axes.points(ax)
    width, height = 9 / across, 7 / up
    left, bottom = 1 + 7 / across, 1 + 7 / up
    for i, colour in enumerate(palette.heat):
        place = (left + i * width, bottom)
        ax.add_patch(
            Rectangle(place, width, height, transform=ax.transAxes, facecolor=colour, linewidth=0, clip_on=False)
        )
    for text, i in ((f"{LEVELS[0]:.2%}", 1), (f"{LEVELS[-1]:.0%}", len(LEVELS))):
        ax.text(
            left + i * width, bottom - 1.5 / up, text.replace("%", " %"), transform=ax.transAxes,
            fontsize=6.5, color=palette.quiet, ha="center", va="top",
        )  # fmt: skip


def rates(t: Timeline, span: tuple[float, float]) -> Panel:
    """Offered against achieved: what was sent in each interval, the schedule's mean, and what was lost."""
    name = "sent" if t.sent_known else "answered"

    def draw(ax: Axes, palette: Palette) -> None:
        highest = max([column.rate_pps for column in t.columns] + [t.offered_pps or 0])
        axes.rate_axis(ax, highest, palette)
        lost = [column for column in t.columns if column.lost_pps]
        note = "" if t.sent_known else "the file does not say what was sent"
        axes.title(ax, f"Pulses a second: {'offered, ' if t.offered_pps else ''}{name}, lost", note, palette)
        places, values = _steps(t)
        ax.fill_between(places, values, color=palette.lines[0], alpha=0.15, linewidth=0)
        ax.plot(places, values, color=palette.lines[0], linewidth=1.1)
        shown = [(name, t.columns[-1].rate_pps)]
        if t.offered_pps:
            ax.axhline(t.offered_pps, color=palette.ink, linewidth=0.9, linestyle=(0, (4, 2)))
            shown.append((f"offered  {axes.short_rate(t.offered_pps)}/s", t.offered_pps))
        if lost:
            ax.bar(
                [column.from_s for column in lost], [column.lost_pps for column in lost],
                [column.to_s - column.from_s for column in lost], align="edge", color=palette.loss, linewidth=0,
            )  # fmt: skip
        total = sum(column.lost_pps * (column.to_s - column.from_s) for column in t.columns)
        shown.append((f"lost  {total:,.0f} in all", 0.0))
        gap = 10 / axes.points(ax)[1]
        top = ax.get_ylim()[1]
        for (text, _), at in zip(shown, axes.spread([v / top for _, v in shown], gap, 0.04, 0.98), strict=True):
            _beside(ax, text, at, palette)

    return Panel("rate", 0.95, draw, span)


def _steps(t: Timeline) -> tuple[list[float], list[float]]:
    places: list[float] = []
    values: list[float] = []
    for column in t.columns:
        if places and column.from_s > places[-1] + 1e-6:
            places += [places[-1], column.from_s]
            values += [0.0, 0.0]
        places += [column.from_s, column.to_s]
        values += [column.rate_pps] * 2
    return places, values


def stalls(cores: Sequence[CoreLine], from_ns: int, span: tuple[float, float]) -> Panel:
    """Each core a row, each stall a line whose height is its length, logarithmic."""

    def draw(ax: Axes, palette: Palette) -> None:
        low = max(from_ns, 1)
        high = max([core.longest_ns for core in cores] + [low * 10])
        decades = math.log10(high / low)
        ax.set_ylim(0, len(cores))
        ax.set_yticks([len(cores) - i - 0.92 for i in range(len(cores))], [""] * len(cores))
        said = f"cores kept from work for {format_ns(from_ns)} or more; height: length, to {format_ns(high)}, log"
        axes.title(ax, "Stalls", said, palette)
        for i, core in enumerate(cores):
            base = len(cores) - 1 - i + 0.08
            ax.axhline(base, color=palette.grid, linewidth=0.6)
            tops = [base + 0.06 + 0.74 * math.log10(max(length, low) / low) / decades for _, length in core.stems]
            ax.vlines([at for at, _ in core.stems], base, tops, color=palette.lines[5], linewidth=0.6)
            ax.annotate(
                core.label.replace(", ", "\n"), (0, base), xycoords=("axes fraction", "data"), xytext=(-5, 0),
                textcoords="offset points", ha="right", va="bottom", fontsize=7, color=palette.ink,
                annotation_clip=False,
            )  # fmt: skip
            told = f"{core.count:,}, longest {format_ns(core.longest_ns)}" if core.count else "none"
            if core.shown_of < core.count:
                told += f"\nthe first {core.shown_of:,} drawn"
            _beside(ax, told, (base + 0.1) / len(cores), palette, va="bottom")

    return Panel("stalls", 0.38 * len(cores) + 0.05, draw, span)


def _beside(ax: Axes, text: str, at: float, palette: Palette, va: Literal["center", "bottom"] = "center") -> None:
    ax.annotate(
        text, (1, at), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points", va=va,
        fontsize=7.5, color=palette.ink, annotation_clip=False,
    )  # fmt: skip
