"""What stderr shows while a run lasts, from a thread of idle class: a live view on a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rttp_cli import _core
from rttp_cli.bench import Progress
from rttp_cli.host.aside import step_aside, step_back
from rttp_cli.units import format_ns

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_EVERY = 5.0
"""Seconds between plain lines."""
DRAWN_EVERY = 0.25
"""Seconds between frames of the live view."""
NARROWEST = 60
"""Columns for which the view is laid out at least; on fewer its lines are cut."""
WIDEST = 200
"""Columns that the view takes at most."""

Line = list[tuple[str, str]]
"""Texts with their styles, as `rich.text.Text.assemble` takes them."""

Body = Callable[[Callable[[], Progress], float, float, float, threading.Event], None]

_SHOW_CURSOR = "\x1b[?25h"


@contextlib.contextmanager
def show(look: Callable[[], Progress], seconds: float, warmup: float, interval: float = 1.0) -> Iterator[None]:
    """Shows the progress of a run of so many seconds from a thread that takes only idle time.

    `interval` is the length of `Progress.live`'s intervals in seconds.
    """
    done = threading.Event()
    on_terminal = _can_draw()
    body = _beside(_view if on_terminal else _lines)
    thread = threading.Thread(target=body, args=(look, seconds, warmup, interval, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # The run is over: nobody should wait for idle time to get the prompt back.
        step_back(thread)
        done.set()
        try:
            thread.join(2.0)
        finally:
            if on_terminal and thread.is_alive():
                sys.stderr.write(_SHOW_CURSOR)
                sys.stderr.flush()


def _can_draw() -> bool:
    """Whether stderr is a terminal that moves its cursor and has block characters."""
    known = os.environ.get("TERM", "") not in {"", "dumb", "unknown"}
    return sys.stderr.isatty() and known and (sys.stderr.encoding or "utf-8").lower().startswith("utf")


def _beside(body: Body) -> Body:
    def run(
        look: Callable[[], Progress], seconds: float, warmup: float, interval: float, done: threading.Event
    ) -> None:
        # Drawing must never delay a pulse.
        step_aside("rttp-sender", done)
        # A terminal that has gone away is no reason to end a run, or to complain.
        with contextlib.suppress(OSError):
            body(look, seconds, warmup, interval, done)

    return run


# Plain lines


def _lines(look: Callable[[], Progress], seconds: float, warmup: float, interval: float, done: threading.Event) -> None:
    while not done.wait(PLAIN_EVERY):
        print(plain(look(), seconds, interval), file=sys.stderr, flush=True)


def plain(p: Progress, seconds: float, interval: float = 1.0) -> str:
    """How far a run of so many seconds is, in a line; of the last interval what its worst stream saw."""
    at = min(p.elapsed, seconds)
    line = f"{at:.0f} of {seconds:.0f} s: sent {p.sent:,}, answered {p.answered:,}, lost {p.lost:,}"
    streams = p.live["streams"] if p.live else []
    worst = min(streams, key=_by_severity, default=None)
    if worst is None or (found := worst["percentiles_ns"]) is None:
        return line
    span = "second" if interval == 1.0 else format_ns(interval * 1e9)
    name = f" ({worst['name']})" if len(streams) > 1 else ""
    p50, p99, most = (format_ns(found[i]) for i in (0, 1, 4))
    return f"{line}; last {span} P50 {p50}, P99 {p99}, max {most}{name}"


def _by_severity(stream: _core.LiveStreamDict) -> int:
    """Orders streams by P99 of the last interval, highest first, those without answers last."""
    found = stream["percentiles_ns"]
    return 0 if found is None else -1 - found[1]


# The live view


def _view(look: Callable[[], Progress], seconds: float, warmup: float, interval: float, done: threading.Event) -> None:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, force_terminal=True, force_interactive=True)
    began = time.monotonic()
    drawn: list[int] = []
    with Live(
        console=console,
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        vertical_overflow="crop",
    ) as live:
        while True:
            over = done.is_set()
            columns, rows = console.size
            lines = frame(look(), seconds, warmup, time.monotonic() - began, columns, rows)
            _erase(console, wrapped_rows(drawn, columns))
            drawn = [sum(len(text) for text, _ in line) for line in lines]
            texts = [Text.assemble(*line, no_wrap=True, overflow="crop") for line in lines]
            # The cursor rests on a line of its own, so that the terminal's ^C does not make another one wrap.
            live.update(Group(*texts, Text("")), refresh=True)
            if over:
                return
            done.wait(DRAWN_EVERY)


def wrapped_rows(drawn: Sequence[int], columns: int) -> int:
    """Rows that lines of these lengths take in addition, once a narrower terminal has wrapped them."""
    return sum(max(0, math.ceil(length / columns) - 1) for length in drawn)


def _erase(console: Console, rows: int) -> None:
    """Erases so many rows from the cursor's up; Rich then erases as many as it has drawn lines."""
    from rich.control import Control
    from rich.segment import ControlType

    if rows:
        up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)) * rows
        console.control(Control(ControlType.CARRIAGE_RETURN, *up))


def frame(p: Progress, seconds: float, warmup: float, since: float, columns: int, rows: int) -> list[Line]:
    """What a terminal of that size shows of a run, `since` so many seconds: no line is longer than `columns`, and two
    rows stay free.
    """
    width = max(NARROWEST, min(columns, WIDEST))
    head = [_header(p, seconds, warmup, since, width), _counts(p, width)]
    room = max(0, rows - 2 - len(head))
    streams = p.live["streams"] if p.live else []
    plot = _tail(p.live["tail"], width) if p.live else []
    few = min(len(streams), 4)
    if len(plot) + few + 3 > room:
        plot = []
    table = _table(streams, width, room - len(plot))
    spare = room - len(table) - len(plot)
    # Blank lines are the first to go.
    above_plot: list[Line] = [[]] if plot and table and spare > 0 else []
    above_table: list[Line] = [[]] if table and spare > len(above_plot) else []
    lines = [*head, *above_table, *table, *above_plot, *plot]
    return [_cropped(line, columns) for line in lines[: max(1, rows - 2)]]


def _cropped(line: Line, columns: int) -> Line:
    kept: Line = []
    for text, style in line:
        kept.append((text[:columns], style))
        columns -= len(kept[-1][0])
    while kept and not (text := kept[-1][0].rstrip()):
        kept.pop()
    if kept:
        kept[-1] = (text, kept[-1][1])
    return kept


def _header(p: Progress, seconds: float, warmup: float, since: float, width: int) -> Line:
    if p.elapsed <= 0:
        phase, at, whole, left = "warm-up", min(since, warmup), warmup, max(0.0, warmup - since) + seconds
    else:
        phase, at, whole, left = "measuring", min(p.elapsed, seconds), seconds, max(0.0, seconds - p.elapsed)
    if p.elapsed >= seconds:
        phase = "waiting for answers"
    start = f"{phase:<19} {_clock(at, whole, '')} of {_clock(whole, whole)}  "
    end = f"  {_clock(left, seconds)} left"
    room = max(0, width - len(start) - len(end))
    full = round(room * at / whole) if whole > 0 else 0
    return [(start[:19], "bold"), (start[19:], ""), ("━" * full, "green"), ("─" * (room - full), "dim"), (end, "")]


def _clock(seconds: float, of: float, unit: str = " s") -> str:
    """Seconds; of ten minutes and more h:mm:ss. As wide as any time up to `of`, that the bar stays where it is."""
    if of < 600:
        return f"{seconds:>{len(f'{of:.1f}')}.1f}{unit}"
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def _counts(p: Progress, width: int) -> Line:
    room = (width - 24) // 3
    sent, answered, lost = (_count(n, room) for n in (p.sent, p.answered, p.lost))
    return [(f"{sent} sent, {answered} answered, {lost} lost", "")]


def _table(streams: Sequence[_core.LiveStreamDict], width: int, room: int) -> list[Line]:
    """A row a stream and one of their total, in at most `room` rows; the most severe ones where they do not fit."""
    if not streams:
        return [[("streams are shown after their first interval", "dim")]][:room]
    cell = min(13, 9 + (width - NARROWEST) // 16)
    sent, lost = cell - 1, cell - 2
    name = width - sent - 4 * cell - lost
    name = min(name, max(8, *(len(stream["name"]) + 2 for stream in streams)))
    titles = "".join(f"{title:>{cell}}" for title in ("P50", "P99", "P99.9", "max"))
    lines: list[Line] = [[(f"{'stream':<{name}}{'sent/s':>{sent}}{titles}{'lost':>{lost}}", "dim")]]
    total = len(streams) > 1
    shown, more = streams, 0
    if 1 + len(streams) + total > room:
        fitting = max(0, room - 3)
        shown, more = sorted(streams, key=_by_severity)[:fitting], len(streams) - fitting
    for stream in shown:
        found = stream["percentiles_ns"]
        times = ["-"] * 4 if found is None else [_time(found[i], cell - 1) for i in (0, 1, 2, 4)]
        lines.append(_row(stream["name"], stream["sent_pps"], times, stream["lost"], (name, sent, cell, lost), ""))
    if more:
        lines.append([(f"… and {more:,} more", "dim")])
    if total:
        pps, gone = sum(s["sent_pps"] for s in streams), sum(s["lost"] for s in streams)
        lines.append(_row("total", pps, _total(streams, cell - 1), gone, (name, sent, cell, lost), "bold"))
    return lines[: max(0, room)]


def _row(
    name: str, sent_pps: float, times: Sequence[str], lost: int, widths: tuple[int, int, int, int], style: str
) -> Line:
    for_name, for_sent, for_time, for_lost = widths
    name = name if len(name) <= for_name else name[: for_name - 1] + "…"
    start = f"{name:<{for_name}}{_count(sent_pps, for_sent - 1):>{for_sent}}"
    start += "".join(f"{text:>{for_time}}" for text in times)
    return [(start, style), (f"{_count(lost, for_lost - 1):>{for_lost}}", "bold red" if lost else style)]


def _total(streams: Sequence[_core.LiveStreamDict], width: int) -> list[str]:
    """Times of all streams together. A percentile of them all is at most that of the worst stream."""
    found = [stream["percentiles_ns"] for stream in streams]
    answered = [percentiles for percentiles in found if percentiles is not None]
    if not answered:
        return ["-"] * 4
    worst = [max(percentiles[i] for percentiles in answered) for i in (0, 1, 2, 4)]
    return [*(f"≤{_time(ns, width - 1)}" for ns in worst[:3]), _time(worst[3], width)]


def _time(ns: int, width: int) -> str:
    text = format_ns(ns)
    return text if len(text) <= width else f"{ns / 1e9:.0e}s"


def _count(n: float, width: int) -> str:
    """With every digit if it fits, else three of them."""
    text = f"{n:,.0f}"
    for unit in "kMGTPE":
        if len(text) <= width:
            return text
        n /= 1000
        text = f"{n:.3g}{unit}" if n < 999.5 else " " * (width + 1)
    return text if len(text) <= width else f"{n * 1e18:.0e}"


_LEVELS = " ▁▂▃▄▅▆▇█"
_DECADES = (
    ("1 µs", 1e3),
    ("10 µs", 1e4),
    ("100 µs", 1e5),
    ("1 ms", 1e6),
    ("10 ms", 1e7),
    ("100 ms", 1e8),
    ("1 s", 1e9),
)


def _tail(tail: Sequence[int], width: int) -> list[Line]:
    """Counts by latency as columns two lines high on a log scale, above their axis; nothing without answers."""
    if not any(tail):
        return []
    cells, most = len(tail), max(tail)
    # A column shows the highest of its cells: a lone slow answer stays in sight.
    starts = [_first_cell(column, cells, width) for column in range(width + 1)]
    counts = [max(tail[first : max(after, first + 1)]) for first, after in itertools.pairwise(starts)]
    scale = 15 / math.log(max(10, most))
    levels = [1 + round(scale * math.log(count)) if count else 0 for count in counts]
    slow, slower = (_column(ns, cells, width) for ns in (1e6, 1e7))
    bars: list[Line] = []
    for below in (8, 0):
        text = "".join(_LEVELS[max(0, min(8, level - below))] for level in levels)
        bars.append([(text[:slow], "green"), (text[slow:slower], "yellow"), (text[slower:], "red")])
    axis = ""
    for label, ns in _DECADES:
        axis = f"{axis:<{_column(ns, cells, width)}}│{label}"
    caption = f"answers so far by latency, log scale up to {_count(most, 9)}"
    return [[(caption, "dim")], *bars, [(axis, "dim")]]


def _first_cell(column: int, cells: int, width: int) -> int:
    """The first of a column's cells; where columns are more than cells, the one that it is a part of."""
    return column * cells // width if width > cells else -(-column * cells // width)


def _column(ns: float, cells: int, width: int) -> int:
    """Where a latency is on the axis: four cells an octave from 1 µs up (`LiveDict.tail`)."""
    return int(4 * math.log2(ns / 1e3) * width / cells)
