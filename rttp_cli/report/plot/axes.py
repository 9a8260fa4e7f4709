"""Axes of latency, quantiles and rates, and words that do not run into each other. matplotlib's types alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rttp_cli.units import format_ns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rttp_cli.report.plot.palette import Palette

LABEL = 20
"""Characters of a name in a plot."""
_NARROW = 2.2
"""Decades up to which an axis of latency has labels at 2 and 5."""


def plain(text: str, length: int = LABEL) -> str:
    """A name from a file as it may stand in a plot: printable, on one line, cut."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def short_ns(ns: float) -> str:
    """`500 ns`, `20 µs`, `1.5 ms`: without zeros that say nothing."""
    number, unit = format_ns(ns).split()
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def short_rate(rate: float) -> str:
    """`20k`, `1.5M`."""
    for bound, divisor, unit in ((1e3, 1.0, ""), (1e6, 1e3, "k"), (math.inf, 1e6, "M")):
        if rate < bound:
            return f"{rate / divisor:.3g}{unit}"
    raise AssertionError("unreachable")


def points(ax: Axes) -> tuple[float, float]:
    """Width and height in points, 1/72 inch."""
    return ax.bbox.width / ax.figure.dpi * 72, ax.bbox.height / ax.figure.dpi * 72


def frame(ax: Axes, palette: Palette) -> None:
    """A quiet frame: the lower and the left line, a thin grid behind everything."""
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(palette.quiet)
        ax.spines[side].set_linewidth(0.7)
    ax.tick_params(which="both", colors=palette.quiet, labelcolor=palette.ink, width=0.7, length=3, labelsize=8)
    ax.tick_params(which="minor", length=1.5)
    ax.set_facecolor("none")


def title(ax: Axes, text: str, note: str, palette: Palette) -> None:
    """What is shown, above the left corner; what to know of it behind, smaller."""
    from matplotlib.transforms import ScaledTranslation

    up = ScaledTranslation(0, 7 / 72, ax.figure.dpi_scale_trans)
    put = ax.text(0, 1, text, transform=ax.transAxes + up, fontsize=9, fontweight="bold", color=palette.ink)
    ax.annotate(
        note, (1, 0), xycoords=put, xytext=(8, 0.5), textcoords="offset points", va="bottom", fontsize=7.5,
        color=palette.quiet,
    )  # fmt: skip


def latency_axis(ax: Axes, low_ns: float, high_ns: float, palette: Palette) -> None:
    """Makes y a logarithmic axis of latency from `low_ns` to `high_ns`."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    ax.set_yscale("log")
    ax.set_ylim(low_ns, high_ns)
    first, last = math.floor(math.log10(low_ns)), math.ceil(math.log10(high_ns))
    steps = (1, 2, 5) if math.log10(high_ns / low_ns) <= _NARROW else (1,)
    ticks = [m * 10.0**e for e in range(first, last + 1) for m in steps]
    between = [m * 10.0**e for e in range(first, last + 1) for m in range(2, 10) if m not in steps]
    ax.yaxis.set_major_locator(FixedLocator([t for t in ticks if low_ns <= t <= high_ns]))
    ax.yaxis.set_minor_locator(FixedLocator([t for t in between if low_ns <= t <= high_ns]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda ns, _: short_ns(ns)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", color=palette.grid, linewidth=0.6)


def quantile_axis(ax: Axes, last: float, palette: Palette) -> None:
    """Makes x the axis of HdrHistogram's plots, to `last` decades: 90, 99, 99.9 … at equal distances."""
    from matplotlib.ticker import FixedFormatter, FixedLocator

    whole = range(1, math.floor(last + 1e-9) + 1)
    places = [0.0, math.log10(2), *(float(d) for d in whole)]
    names = ["0", "50", *(f"{100 - 100 / 10**d:.{max(d - 2, 0)}f}" for d in whole)]
    ax.xaxis.set_major_locator(FixedLocator(places))
    ax.xaxis.set_major_formatter(FixedFormatter(names))
    ax.set_xlabel("percentile", fontsize=8, color=palette.ink)
    ax.grid(axis="x", color=palette.grid, linewidth=0.6)


def rate_axis(ax: Axes, high: float, palette: Palette) -> None:
    """Makes y an axis of pulses per second from 0."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.set_ylim(0, high * 1.12 or 1)
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: short_rate(rate)))
    ax.grid(axis="y", color=palette.grid, linewidth=0.6)


def time_axis(ax: Axes, from_s: float, to_s: float, *, labelled: bool, palette: Palette) -> None:
    """Makes x the time of the run; of plots above each other the lowest has the labels."""
    ax.set_xlim(from_s, to_s)
    ax.tick_params(axis="x", labelbottom=labelled)
    if labelled:
        ax.set_xlabel("time, s", fontsize=8, color=palette.ink)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved apart to at least `gap`, in their order, between `low` and `high` as far as there is room."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    put: list[float] = []
    for i in order:
        put.append(max(places[i], put[-1] + gap) if put else max(places[i], low))
    ceiling = high
    for k in reversed(range(len(put))):
        put[k] = min(put[k], ceiling)
        ceiling = put[k] - gap
    found = [0.0] * len(places)
    for i, place in zip(order, put, strict=True):
        found[i] = place
    return found
