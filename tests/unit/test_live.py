"""The live view of a run as lines of text: whatever a run is like and however small the terminal, no line wraps."""

import errno
import itertools
import os
import sys
import threading
from typing import Any

import pytest

from rttp_cli.bench import Progress
from rttp_cli.cli import _progress
from rttp_cli.cli._progress import frame, plain, wrapped_rows

CELLS = 96
SIZES = tuple(itertools.product((20, 60, 80, 120, 200, 400), (1, 3, 10, 24, 60)))
HUGE = 1 << 62
TIMES = [11_200, 13_600, 40_000, 90_000, 2_300_000]


def stream(name: str = "telemetry", **changed: Any) -> dict[str, Any]:
    values = {"sent_pps": 1_000.0, "sent": 5_000, "answered": 4_998, "lost": 2, "percentiles_ns": TIMES}
    return {"name": name, **values, **changed}


def tail(**counts: int) -> list[int]:
    cells = [0] * CELLS
    for cell, count in counts.items():
        cells[int(cell[1:])] = count
    return cells


def live(*streams: dict[str, Any], counts: list[int] | None = None) -> Any:
    return {"intervals": 5, "tail": tail(c14=4_000, c40=1) if counts is None else counts, "streams": list(streams)}


def progress(found: Any, elapsed: float = 5.0) -> Progress:
    return Progress(1_000_000, 999_998, 2, elapsed, found)


def shown(p: Progress, columns: int = 80, rows: int = 24, seconds: float = 10.0, warmup: float = 0.5) -> list[str]:
    lines = frame(p, seconds, warmup, 0.25, columns, rows)
    return ["".join(text for text, _ in line) for line in lines]


many = [stream(f"s{i:03}", percentiles_ns=[1_000, 1_000 * (i + 1), 10**6, 10**6, 10**6]) for i in range(256)]

CASES = {
    "before the first look": Progress(0, 0, 0, 0.0),
    "no streams yet": progress(live(counts=[])),
    "one stream": progress(live(stream())),
    "twelve streams": progress(live(*many[:12])),
    "256 streams": progress(live(*many)),
    "no answers": progress(live(stream(percentiles_ns=None), stream(percentiles_ns=None), counts=[0] * CELLS)),
    "huge numbers": Progress(
        HUGE,
        HUGE,
        HUGE,
        1e7,
        live(*2 * [stream(sent_pps=1e18, lost=HUGE, percentiles_ns=5 * [HUGE])], counts=[HUGE] * 96),
    ),
    "long names": progress(live(stream("n" * 63), stream("m" * 63))),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_no_line_is_wider_than_the_terminal_and_all_fit_its_height(case: str, columns: int, rows: int) -> None:
    for seconds in (10.0, 1e7):
        lines = shown(CASES[case], columns, rows, seconds)
        assert 1 <= len(lines) <= max(1, rows - 2)
        assert max(map(len, lines)) <= columns, lines
        assert all(line == line.rstrip() for line in lines), "blanks at an end would wrap on a narrower terminal"


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_row_tells_of_its_stream(columns: int) -> None:
    row = next(line for line in shown(CASES["one stream"], columns) if line.startswith("telemetry"))
    assert row.split()[1:] == ["1,000", "11.2", "µs", "13.6", "µs", "40.0", "µs", "2.30", "ms", "2"]


def test_columns_stand_under_their_titles() -> None:
    lines = shown(CASES["twelve streams"])
    title = next(i for i, line in enumerate(lines) if line.startswith("stream"))
    assert lines[title].split() == ["stream", "sent/s", "P50", "P99", "P99.9", "max", "lost"]
    assert {len(line) for line in lines[title : title + 14]} == {len(lines[title])}


def test_a_total_is_shown_of_several_streams_and_bounds_their_percentiles() -> None:
    assert not any(line.startswith("total") for line in shown(CASES["one stream"]))
    both = live(
        stream("a"), stream("b", sent_pps=500.0, lost=3, percentiles_ns=[9_000, 50_000, 60_000, 70_000, 80_000])
    )
    row = next(line for line in shown(progress(both)) if line.startswith("total"))
    assert row.split() == ["total", "1,500", "≤11.2", "µs", "≤50.0", "µs", "≤60.0", "µs", "2.30", "ms", "5"]


def test_where_streams_do_not_fit_the_worst_come_first_and_the_others_are_counted() -> None:
    lines = shown(CASES["256 streams"], rows=24)
    names = [line.split()[0] for line in lines if line.startswith("s") and not line.startswith("stream")]
    assert names == [f"s{255 - i:03}" for i in range(len(names))]
    assert f"… and {256 - len(names)} more" in lines
    assert len(lines) == 22
    assert len(names) == 22 - len(("header", "counts", "titles", "more", "total")) - 4


def test_streams_that_fit_keep_the_order_of_the_plan() -> None:
    names = [line.split()[0] for line in shown(CASES["twelve streams"]) if line.startswith("s0")]
    assert names == [f"s{i:03}" for i in range(12)]


def test_a_stream_without_answers_has_no_times_and_is_no_trouble_to_the_total() -> None:
    lines = shown(progress(live(stream("one-way", percentiles_ns=None, lost=0), stream("b"))))
    assert next(line for line in lines if line.startswith("one-way")).split() == ["one-way", "1,000", *"----", "0"]
    assert "≤13.6 µs" in next(line for line in lines if line.startswith("total"))


@pytest.mark.parametrize(
    ("elapsed", "since", "told"),
    [
        (0.0, 0.2, ("warm-up", " 0.2 of 0.5 s ", "10.3 s left")),
        (0.0, 9.0, ("warm-up", " 0.5 of 0.5 s ", "10.0 s left")),
        (2.5, 3.0, ("measuring", "  2.5 of 10.0 s ", " 7.5 s left")),
        (10.4, 11.0, ("waiting for answers", " 10.0 of 10.0 s ", " 0.0 s left")),
    ],
)
def test_the_header_tells_the_phase_and_the_time_left(elapsed: float, since: float, told: tuple[str, ...]) -> None:
    first = "".join(text for text, _ in frame(progress(None, elapsed), 10.0, 0.5, since, 80, 24)[0])
    assert first.startswith(told[0]) and told[1] in first and first.endswith(told[2]), first
    assert len(first) == 80


def test_the_bar_is_as_full_as_the_run_is_far() -> None:
    for elapsed in (0.1, 2.5, 5.0, 10.0):
        line = shown(progress(None, elapsed), 200)[0]
        bar = line.count("━") + line.count("─")
        assert bar > 100
        assert line.count("━") == round(bar * elapsed / 10)


def test_a_run_of_hours_is_told_in_hours() -> None:
    assert " 1:01:01 of 24:00:00 " in shown(progress(None, 3661.0), seconds=86_400)[0]


def test_a_warm_up_of_nothing_divides_by_nothing() -> None:
    assert " 0.0 of 0.0 s " in shown(progress(None, 0.0), warmup=0.0)[0]


@pytest.mark.parametrize("columns", [60, 80, 96, 97, 120, 200])
def test_the_axis_has_every_decade_at_its_place(columns: int) -> None:
    axis = shown(CASES["one stream"], columns)[-1]
    assert " ".join(axis.replace("│", " ").split()) == "1 µs 10 µs 100 µs 1 ms 10 ms 100 ms 1 s"
    octaves = (0, 3.3219, 6.6439, 9.9658, 13.2877, 16.6096, 19.9316)
    at = [i for i, character in enumerate(axis) if character == "│"]
    assert at == [int(octave * 4 * columns / CELLS) for octave in octaves]


@pytest.mark.parametrize("columns", [60, 80, 96, 97, 120, 200])
@pytest.mark.parametrize("cell", [0, 1, 39, 40, 94, 95])
def test_a_lone_answer_among_many_is_seen_at_its_place(columns: int, cell: int) -> None:
    counts = tail(c20=10_000_000)
    counts[cell] = 1
    upper, lower = (line.ljust(columns) for line in shown(progress(live(stream(), counts=counts)), columns)[-3:-1])
    seen = [i for i, character in enumerate(lower) if character == "▁"]
    assert seen, lower
    assert all(abs((i + 0.5) / columns - (cell + 0.5) / CELLS) <= 0.5 / CELLS + 0.5 / columns for i in seen)
    assert {upper[i] for i in seen} == {" "}
    highest = [i for i, character in enumerate(upper) if character == "█"]
    assert highest and all(lower[i] == "█" for i in highest)


def test_more_answers_are_never_shown_lower() -> None:
    counts = [10 ** (i // 8) for i in range(CELLS)]
    upper, lower = shown(progress(live(stream(), counts=counts)), 96)[-3:-1]
    heights = [" ▁▂▃▄▅▆▇█".index(a) + " ▁▂▃▄▅▆▇█".index(b) for a, b in zip(upper.ljust(96), lower, strict=True)]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (1, 16)


def test_a_terminal_of_few_rows_gives_up_the_plot_before_the_streams() -> None:
    low, high = shown(CASES["one stream"], rows=8), shown(CASES["one stream"], rows=14)
    assert any(line.startswith("telemetry") for line in low) and not any("│" in line for line in low)
    assert any(line.startswith("telemetry") for line in high) and any("│" in line for line in high)


def test_losses_are_red() -> None:
    styles = {text.strip(): style for line in frame(CASES["one stream"], 10, 0, 5, 80, 24) for text, style in line}
    assert styles["2"] == "bold red"


def test_a_narrower_terminal_wraps_what_was_drawn() -> None:
    assert wrapped_rows([80, 10, 0, 61, 60], 60) == 2
    assert wrapped_rows([200], 20) == 9
    assert wrapped_rows([80, 80], 100) == wrapped_rows([], 10) == 0


def test_a_plain_line_names_the_worst_stream_where_there_are_several() -> None:
    counts = "10 of 60 s: sent 1,000,000, answered 999,998, lost 2"
    times = "; last second P50 11.2 µs, P99 13.6 µs, max 2.30 ms"
    better = stream("alarm", percentiles_ns=[12_000, 13_000, 14_000, 15_000, 9_000_000])
    silent = stream("bulk", percentiles_ns=None)
    assert plain(progress(None, 10.0), 60.0) == counts
    assert plain(progress(live(counts=[]), 10.0), 60.0) == counts
    assert plain(progress(live(silent), 10.0), 60.0) == counts
    assert plain(progress(live(stream()), 10.0), 60.0) == counts + times
    assert plain(progress(live(silent, better, stream()), 10.0), 60.0) == f"{counts}{times} (telemetry)"


def test_a_plain_line_says_how_long_an_interval_is() -> None:
    assert "; last 10.0 s P50 " in plain(progress(live(stream())), 60.0, 10.0)
    assert plain(progress(None, 63.0), 60.0).startswith("60 of 60 s: "), "a run waits for answers after its time"


class Stderr:
    """A stderr of some encoding, on a terminal or not."""

    def __init__(self, terminal: bool = True, encoding: str | None = "utf-8") -> None:
        self.terminal, self.encoding = terminal, encoding

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("stderr", "term", "drawn"),
    [
        (Stderr(), "xterm-256color", True),
        (Stderr(encoding=None), "xterm", True),
        (Stderr(terminal=False), "xterm", False),
        (Stderr(), "dumb", False),
        (Stderr(), "", False),
        (Stderr(encoding="iso-8859-1"), "xterm", False),
    ],
)
def test_it_draws_only_where_the_cursor_moves_and_blocks_can_be_written(
    monkeypatch: pytest.MonkeyPatch, stderr: Stderr, term: str, drawn: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", term)
    assert _progress._can_draw() is drawn


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_the_thread_takes_idle_time_until_the_run_is_over_and_a_lost_terminal_ends_it_quietly(
    monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    looked = threading.Event()
    policies: list[int] = []

    class Gone(Stderr):
        def write(self, text: str) -> int:
            if looked.is_set():
                raise OSError(errno.EIO, "Input/output error")
            return len(text)

        def flush(self) -> None:
            pass

    def look() -> Progress:
        policies.append(os.sched_getscheduler(0))
        looked.set()
        return CASES["one stream"]

    complaints: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    monkeypatch.setattr(_progress, "PLAIN_EVERY", 0.01)
    monkeypatch.setattr(sys, "stderr", Gone())
    monkeypatch.setenv("TERM", term)
    with _progress.show(look, 10.0, 0.0):
        assert looked.wait(30.0)
    assert policies[0] == os.SCHED_IDLE
    assert not any(thread.name == "progress" for thread in threading.enumerate())
    assert complaints == []
