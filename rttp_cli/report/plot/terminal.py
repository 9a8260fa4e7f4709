"""A result as characters: its percentile curve, and its latency over time as a heat map."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from rttp_cli.report.plot.axes import short_ns
from rttp_cli.report.plot.series import Curve, Timeline, curve, left_out, level, timeline
from rttp_cli.report.result import Result
from rttp_cli.units import format_share

NARROWEST = 40
_AXIS = 8
"""Characters left of a plot: a latency and the line."""
_ROWS = 12
_SHADES = "░░▒▒▓▓██"
_ASCII_SHADES = "..::oo##"
_BLUES = (153, 117, 111, 75, 69, 33, 27, 21)
"""Of the 256 colours of terminals, from few to many; all are seen on black and on white."""
_TO_ASCII = str.maketrans({"│": "|", "└": "+", "─": "-", "•": "*", "▲": "^", "µ": "u", "┴": "+", "…": "."})


def render(result: Result, width: int = 80, *, colour: bool = False, ascii_only: bool = False) -> str:
    """The plots of a result in at most `width` columns; what cannot be drawn is said instead."""
    width = max(width, NARROWEST)
    drawn = curve(result, result.whole, "response", "response")
    over_time = timeline(result)
    blocks = []
    if drawn is not None:
        blocks.append(list(_curve(drawn, width)))
    if over_time is not None:
        blocks.append(list(_heat(over_time, width, colour=colour, ascii_only=ascii_only)))
    blocks += [textwrap.wrap(text, width) for text in left_out(result) if over_time is None]
    text = "\n\n".join("\n".join(line.rstrip() for line in block) for block in blocks)
    return text.translate(_TO_ASCII) if ascii_only else text


def _curve(c: Curve, width: int) -> Iterator[str]:
    columns = width - _AXIS - 1
    end = max(c.points[-1][0], 1.0)
    # Of the points in a column the greatest: the last of them is the maximum.
    found: list[int | None] = [None] * columns
    for x, ns in c.points:
        found[min(int(x / end * columns), columns - 1)] = ns
    _fill(found)
    low, high = max(c.points[0][1], 1), max(c.points[-1][1], 2)
    yield f"response by percentile, {c.samples:,} samples"[:width]
    rows = [_row(ns, low, high) for ns in found]
    last = max(i for i, row in enumerate(rows) if row is not None)
    for row in reversed(range(_ROWS)):
        cells = []
        for i, at in enumerate(rows):
            before = rows[i - 1] if i and rows[i - 1] is not None else at
            # A jump is drawn as a stroke, or its ends would not seem to belong together.
            jumps = at is not None and before is not None and before < row < at
            mark = "▲" if c.lost and i == last else "•"
            cells.append(mark if at == row else "│" if jumps else " ")
        yield _left(row, low, high) + "".join(cells)
    yield from _quantiles(columns, end)
    if c.lost:
        yield f"{'':{_AXIS}} ▲ all beyond is lost: {format_share(c.lost, c.samples)} of the samples"[:width]


def _fill(found: list[int | None]) -> None:
    """Columns between two points have the value of the one before."""
    known = [i for i, ns in enumerate(found) if ns is not None]
    for i in range(known[0], known[-1]):
        found[i + 1] = found[i] if found[i + 1] is None else found[i + 1]


def _quantiles(columns: int, end: float) -> Iterator[str]:
    places = {0: "0", round(math.log10(2) / end * columns): "50"}
    for decades in range(1, int(end + 1e-9) + 1):
        places[round(decades / end * columns)] = f"{100 - 100 / 10**decades:.{max(decades - 2, 0)}f}"
    yield from _scale(places, columns, " %")


def _heat(t: Timeline, width: int, *, colour: bool, ascii_only: bool) -> Iterator[str]:
    columns = width - _AXIS - 1
    first, last = t.columns[0].from_s, t.columns[-1].to_s
    low, high = t.edges_ns[0], t.edges_ns[-1]
    # Shares of the pulses of all intervals that fall into one character.
    sums = [[0.0] * columns for _ in range(_ROWS)]
    filled = [0] * columns
    for column in t.columns:
        begin = int((column.from_s - first) / (last - first) * columns)
        behind = max(math.ceil((column.to_s - first) / (last - first) * columns - 1e-9), begin + 1)
        for place in range(begin, min(behind, columns)):
            filled[place] += 1
            for edge, share in zip(t.edges_ns, column.shares, strict=False):
                row = _row(edge, low, high)
                if share and row is not None:
                    sums[row][place] += share
    yield "response over time; denser: more of the pulses"[:width]
    for row in reversed(range(_ROWS)):
        shares = [total / n if n else 0.0 for total, n in zip(sums[row], filled, strict=True)]
        yield _left(row, low, high) + _cells(shares, colour=colour, ascii_only=ascii_only)
    seconds = [first + (last - first) * i / 4 for i in range(5)]
    places = {round(i / 4 * (columns - 1)): f"{at:.3g}" for i, at in enumerate(seconds)}
    yield from _scale(places, columns, " s")


def _cells(shares: Sequence[float], *, colour: bool, ascii_only: bool) -> str:
    shades = _ASCII_SHADES if ascii_only else _SHADES
    line, shown = "", None
    for share in shares:
        shade = level(share)
        if colour and shade != shown:
            line += "\x1b[0m" if shade is None else f"\x1b[38;5;{_BLUES[shade]}m"
            shown = shade
        line += " " if shade is None else shades[shade]
    return f"{line}\x1b[0m" if colour and shown is not None else line


def _row(ns: int | None, low: int, high: int) -> int | None:
    """Row of a latency on a logarithmic axis, 0 below."""
    if ns is None:
        return None
    share = math.log(max(ns, low) / low) / math.log(max(high / low, 1.0001))
    return min(int(share * _ROWS), _ROWS - 1)


def _left(row: int, low: int, high: int) -> str:
    """The axis beside a row, with the round latency that lies in it."""
    steps = (1,) if high / low > 50 else (1, 2, 5)
    under, over = (low * (high / low) ** (edge / _ROWS) for edge in (row, row + 1))
    exponent = math.floor(math.log10(over))
    found = [m * 10.0**e for e in (exponent - 1, exponent) for m in steps if under <= m * 10.0**e < over]
    return f"{short_ns(found[-1]) if found else '':>{_AXIS - 1}} │"


def _scale(places: dict[int, str], columns: int, unit: str) -> Iterator[str]:
    """The axis below a plot, and its labels as far as there is room."""
    ticks = "".join("┴" if i in places else "─" for i in range(columns))
    yield f"{'':{_AXIS}}└{ticks}"
    line = ""
    for place, label in sorted(places.items()):
        start = max(_AXIS + 1 + place - len(label) // 2, 0)
        start = min(start, _AXIS + 1 + columns - len(label) - len(unit))
        if not line or start > len(line):
            line = f"{line:<{start}}{label}"
    yield line + unit
