"""What `rttp bench` shows while it runs: on a terminal, on a poor one, and where there is none."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from typing import Self

import pytest
from loopback.ends import PATIENCE, RTTP, threads, wait_until

LONG = ("bench", "-d", "60s", "-w", "0s", "--rate", "200")
COLOUR = re.compile(r"\x1b\[[\d;]*\b(?:3[0-8]|9[0-7])(?:;[\d;]*)?m")


class Screen:
    """As much of a terminal as the view uses: text, line ends, cursor up, erase line, cursor shown or hidden."""

    def __init__(self) -> None:
        self.rows = [""]
        self.row, self.column, self.widest = 0, 0, 0
        self.cursor_shown = True

    def feed(self, text: str) -> Self:
        for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.row += 1
                self.rows += [""] * (self.row + 1 - len(self.rows))
            elif part.startswith("\x1b"):
                self.control(part[2:-1], part[-1])
            else:
                line = self.rows[self.row].ljust(self.column)
                self.rows[self.row] = line[: self.column] + part + line[self.column + len(part) :]
                self.column += len(part)
                self.widest = max(self.widest, self.column)
        return self

    def control(self, argument: str, what: str) -> None:
        if what == "A":
            self.row -= int(argument or 1)
            assert self.row >= 0, "the cursor went above the view's first line"
        elif what == "K":
            assert argument == "2"
            self.rows[self.row] = ""
        elif argument == "?25":
            self.cursor_shown = what == "h"
        else:
            assert what == "m", (argument, what)


class Terminal:
    """A command with its stderr on a terminal and its stdout elsewhere."""

    def __init__(self, process: subprocess.Popen[str], end: int) -> None:
        self.process, self.end = process, end
        self.raw = b""
        self.thread = threading.Thread(target=self.drain, daemon=True)
        self.thread.start()

    def drain(self) -> None:
        # A terminal whose program has ended gives an error rather than an end of file.
        with contextlib.suppress(OSError):
            while part := os.read(self.end, 65_536):
                self.raw += part

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "ignore")

    def wait_for(self, text: str) -> None:
        wait_until(text, lambda: text in self.text or self.process.poll() is not None)
        assert text in self.text

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def finish(self, by: signal.Signals | None = None) -> tuple[int, str]:
        """Exit code and stdout, after a signal if one is given."""
        if by is not None:
            self.process.send_signal(by)
        out, _ = self.process.communicate(timeout=PATIENCE)
        self.thread.join(PATIENCE)
        return self.process.returncode, out


@contextlib.contextmanager
def terminal(*arguments: str, columns: int = 100, rows: int = 30, **environment: str) -> Iterator[Terminal]:
    """Starts a command on a terminal of that size; whatever happens, it ends with the block."""
    end, other = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    variables = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"}
    kept = {key: value for key, value in os.environ.items() if key not in variables}
    process = subprocess.Popen(
        [RTTP, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=other,
        text=True,
        env=kept | {"TERM": "xterm-256color"} | environment,
    )
    os.close(other)
    shown = Terminal(process, end)
    try:
        yield shown
    finally:
        process.kill()
        process.communicate()
        shown.thread.join(PATIENCE)
        os.close(end)


def last_frame(text: str) -> tuple[int, int] | None:
    """Columns and rows of the last whole frame."""
    frames = [part for part in re.split(r"(?:\r|\x1b\[2K|\x1b\[1A)+", text) if part.endswith("\n")]
    screen = Screen().feed(frames[-1].replace("\n", "\r\n")) if frames else None
    return screen and (screen.widest, len(screen.rows))


def assert_clean(shown: Terminal) -> None:
    screen = Screen().feed(shown.text)
    assert not any(screen.rows), screen.rows
    assert (screen.row, screen.column, screen.cursor_shown) == (0, 0, True)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_the_view_appears_and_a_signal_leaves_the_terminal_as_it_was(by: signal.Signals) -> None:
    with terminal(*LONG) as shown:
        shown.wait_for("answers so far by latency")
        text = shown.text
        code, out = shown.finish(by)
    assert code == 130
    assert "verdict" in out and "\x1b" not in out
    for words in ("measuring", " of 60.0 s", "s left", "stream", "P99.9", "│100 µs", "█"):
        assert words in text, words
    assert Screen().feed(text[: text.rindex("\x1b[2K")]).cursor_shown is False
    assert Screen().feed(text).widest <= 100
    assert COLOUR.search(text)
    assert_clean(shown)


def test_a_run_that_ends_by_itself_leaves_a_clean_screen_and_its_json_whole() -> None:
    with terminal("bench", "--json", *LONG[1:], "-n", "500") as shown:
        code, out = shown.finish()
    assert code == 0
    assert json.loads(out)["counts"]["sent"] == 500
    assert "answered, " in shown.text
    assert_clean(shown)


def test_several_streams_have_a_row_each_and_a_total() -> None:
    with terminal("bench", "mixed-priority", "-d", "60s", "--rate", "2k") as shown:
        shown.wait_for("total ")
        shown.finish(signal.SIGINT)
    for name in ("alarm", "telemetry", "bulk"):
        assert re.search(rf"^\W*(?:\x1b\[[\d;]*m)?{name} +[\d,]+ ", shown.text, re.MULTILINE), name
    assert "≤" in shown.text
    assert_clean(shown)


def test_few_rows_show_some_streams_and_say_how_many_more_there_are() -> None:
    with terminal("bench", "mixed-priority", "-d", "60s", "--rate", "2k", rows=12) as shown:
        shown.wait_for("… and ")
        shown.finish(signal.SIGINT)
    assert re.search(r"… and [3-9] more", shown.text)
    assert len(Screen().feed(shown.text).rows) <= 12
    assert_clean(shown)


def test_quiet_shows_nothing_on_a_terminal() -> None:
    with terminal(*LONG, "-n", "400", "--quiet") as shown:
        code, out = shown.finish()
    assert (code, shown.text) == (0, "")
    assert "verdict" in out


def test_no_color_means_no_colours() -> None:
    with terminal(*LONG, NO_COLOR="1") as shown:
        shown.wait_for("answers so far by latency")
        shown.finish(signal.SIGINT)
    assert not COLOUR.search(shown.text)
    assert_clean(shown)


def test_columns_decide_the_width() -> None:
    with terminal(*LONG, columns=120, COLUMNS="60") as shown:
        shown.wait_for("answers so far by latency")
        shown.finish(signal.SIGINT)
    assert Screen().feed(shown.text).widest == 60
    assert_clean(shown)


def test_the_view_follows_the_terminals_size() -> None:
    with terminal(*LONG, columns=70) as shown:
        shown.wait_for("answers so far by latency")
        assert Screen().feed(shown.text).widest == 70
        shown.resize(130, 40)
        wait_until("wider", lambda: Screen().feed(shown.text).widest == 130)
        shown.resize(64, 9)
        wait_until("narrow and low", lambda: (size := last_frame(shown.text)) and size[0] <= 64 and size[1] <= 8)
        code, out = shown.finish(signal.SIGINT)
    assert (code, "verdict" in out) == (130, True)
    # This screen does not wrap what was drawn before, so how much is erased is no question here (`wrapped_rows`).
    assert shown.text.rindex("\x1b[?25h") > shown.text.rindex("\x1b[?25l")


def test_a_dumb_terminal_gets_lines() -> None:
    with terminal(*LONG, TERM="dumb") as shown:
        shown.wait_for("last second P50 ")
        shown.finish(signal.SIGINT)
    assert "\x1b" not in shown.text


def test_without_a_terminal_there_is_a_line_now_and_then() -> None:
    process = subprocess.Popen([RTTP, *LONG], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
    finally:
        process.kill()
        process.communicate()
    times = r"P50 [\d.]+ [nµm]?s, P99 [\d.]+ [nµm]?s, max [\d.]+ [nµm]?s"
    assert re.fullmatch(rf"\d+ of 60 s: sent [\d,]+, answered [\d,]+, lost 0; last second {times}\n", line), line


def test_the_view_is_drawn_in_idle_time() -> None:
    with terminal(*LONG) as shown:
        shown.wait_for("measuring")
        # The core's threads have names of their own.
        own = [number for number, name in threads(shown.process.pid).items() if name == "rttp"]
        policies = sorted(os.sched_getscheduler(number) for number in own)
        shown.finish(signal.SIGINT)
    assert policies == [os.SCHED_OTHER, os.SCHED_IDLE]


def test_the_view_is_not_drawn_on_a_senders_core() -> None:
    with terminal(*LONG) as shown:
        shown.wait_for("measuring")
        sits: dict[str, list[set[int]]] = {}
        for number, name in threads(shown.process.pid).items():
            with contextlib.suppress(ProcessLookupError):
                role = "view" if name == "rttp" and os.sched_getscheduler(number) == os.SCHED_IDLE else name
                sits.setdefault(role, []).append(os.sched_getaffinity(number))
        shown.finish(signal.SIGINT)
    if len(os.sched_getaffinity(0)) > 1:
        assert not sits["view"][0] & set.union(*sits["rttp-sender"]), sits
