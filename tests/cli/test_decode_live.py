"""`rttp decode` while something happens: pipes, files that grow, an interface, a terminal, Ctrl-C and SIGTERM."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from arro3.io import read_ipc, read_ipc_stream, read_parquet
from loopback.ends import PATIENCE, RTTP, error_of, rttp, wait_until

CAPTURES = Path(__file__).parents[2] / "captures"
SESSION = CAPTURES / "session.pcap"
PULSES = 438
PART = 5000
"""Bytes of a capture that end inside a record."""
STOPS = (signal.SIGINT, signal.SIGTERM)
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


class Decoding:
    """`rttp decode` under way, its output taken as it comes; whatever happens, it ends with the block."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [RTTP, "decode", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.out = bytearray()
        self.err = bytearray()
        ends = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self.threads = [threading.Thread(target=self._take, args=end, daemon=True) for end in ends]
        for thread in self.threads:
            thread.start()

    def __enter__(self) -> "Decoding":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _take(self, pipe: IO[bytes], into: bytearray) -> None:
        while data := os.read(pipe.fileno(), 1 << 16):
            into += data

    def give(self, data: bytes) -> None:
        """Writes to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_until_read(self) -> None:
        """Until it has taken all of its stdin and waits for more in the core."""
        stdin = self.process.stdin
        assert stdin is not None

        def waiting() -> int:
            return struct.unpack("i", fcntl.ioctl(stdin.fileno(), termios.FIONREAD, b"\0" * 4))[0]

        wait_until("all is read", lambda: waiting() == 0)
        # What is read is decoded by a thread that nobody can look into.
        time.sleep(0.2)

    def end(self, by: signal.Signals | None = None) -> tuple[int, bytes, str]:
        """Sends a signal, or closes its stdin; exit code, stdout, stderr."""
        if by is not None:
            self.process.send_signal(by)
        elif self.process.stdin is not None:
            self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        for thread in self.threads:
            thread.join(PATIENCE)
        return code, bytes(self.out), self.err.decode()


@contextlib.contextmanager
def halfway(*arguments: str) -> Iterator[Decoding]:
    """A decoding of a pipe from which a whole session came, and then nothing."""
    with Decoding("-", *arguments) as decoding:
        decoding.give(SESSION.read_bytes())
        decoding.wait_until_read()
        yield decoding


def rows_of_json(out: bytes) -> int:
    return len(json.loads(out)["rows"])


def rows_of_lines(out: bytes) -> int:
    return len([json.loads(line) for line in out.splitlines()])


def rows_of_summary(out: bytes) -> int:
    found = json.loads(out)["pulses"]["accepted"]
    assert isinstance(found, int)
    return found


def rows_of_table(out: bytes) -> int:
    return len([line for line in out.decode().splitlines()[2:] if not line.startswith("flow ")])


def rows_of_text(out: bytes) -> int:
    found = re.search(r"accepted (\d+)", out.decode())
    assert found is not None
    return int(found[1])


def packets_of(path: Path) -> int:
    done = subprocess.run(["tshark", "-r", str(path)], capture_output=True, text=True, check=True, timeout=PATIENCE)
    return len(done.stdout.splitlines())


@pytest.mark.parametrize("by", STOPS)
@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--json",), rows_of_json),
        (("--jsonl",), rows_of_lines),
        (("--csv",), lambda out: len(out.splitlines()) - 1),
        (("--table",), rows_of_table),
        (("--summary", "--json"), rows_of_summary),
        (("--summary",), rows_of_text),
        (("--form", "arrow"), lambda out: read_ipc_stream(io.BytesIO(out)).read_all().num_rows),
        (("--jsonl", "--tail", "7"), lambda out: rows_of_lines(out) + PULSES - 7),
    ],
)
def test_a_stop_lets_what_was_read_out_well_formed(
    by: signal.Signals, arguments: tuple[str, ...], count: Callable[[bytes], int]
) -> None:
    with halfway(*arguments) as decoding:
        code, out, err = decoding.end(by)
    assert (code, err) == (130, "")
    assert count(out) == PULSES


@pytest.mark.parametrize("by", STOPS)
@pytest.mark.parametrize(
    ("suffix", "count"),
    [
        ("parquet", lambda path: read_parquet(path).read_all().num_rows),
        ("arrow", lambda path: read_ipc(path).read_all().num_rows),
        ("pcap", packets_of),
        ("pcapng", packets_of),
        ("json", lambda path: rows_of_json(path.read_bytes())),
    ],
)
def test_a_stop_leaves_a_whole_file_and_nothing_beside_it(
    tmp_path: Path, by: signal.Signals, suffix: str, count: Callable[[Path], int]
) -> None:
    out = tmp_path / f"out.{suffix}"
    with halfway("-o", str(out)) as decoding:
        code, printed, err = decoding.end(by)
    assert (code, printed, err) == (130, b"", "")
    assert count(out) == PULSES
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("by", STOPS)
def test_a_stop_while_a_folder_is_written_keeps_it_readable(tmp_path: Path, by: signal.Signals) -> None:
    folder = tmp_path / "set"
    with Decoding(str(SESSION), "--follow", "-o", f"{folder}/") as decoding:
        wait_until("it has begun", lambda: any(folder.glob("pulses/.*.part")))
        # What is read is decoded by a thread that nobody can look into.
        time.sleep(0.5)
        code, out, err = decoding.end(by)
    assert (code, out, err) == (130, b"", f"{SESSION}\n")
    assert not list(folder.rglob("*.part"))
    done = rttp("query", str(folder), "--csv", "select count(*) from pulses")
    assert done.stdout.splitlines() == ["count_star()", str(PULSES)], done.stderr


def test_a_folder_is_not_made_of_what_can_be_read_only_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for source in (("-",), (str(fifo),), ("--live", "lo")):
        assert error_of(rttp("decode", *source, "-o", f"{tmp_path}/set/")) == (2, "bad-option")
    assert not (tmp_path / "set").exists()


def test_a_second_ctrl_c_ends_what_is_stuck_in_a_write(tmp_path: Path) -> None:
    whole = SESSION.read_bytes()
    large = tmp_path / "large.pcap"
    large.write_bytes(whole[:24] + whole[24:] * 40)
    process = subprocess.Popen([RTTP, "decode", str(large), "--jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    with process.stdout, process.stderr:
        # Nobody reads on: its next write waits.
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        time.sleep(1.3)
        assert process.poll() is None, "what was read by then may still be wanted"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read() == b""


def test_rows_come_while_the_pipe_is_still_open() -> None:
    with Decoding("-", "--jsonl") as decoding:
        decoding.give(SESSION.read_bytes()[:PART])
        wait_until("rows", lambda: decoding.out.count(b"\n") > 10)
        decoding.give(SESSION.read_bytes()[PART:])
        code, out, err = decoding.end()
    assert (code, rows_of_lines(out), err) == (0, PULSES, "")


def test_lines_of_a_table_come_while_the_pipe_is_still_open() -> None:
    with Decoding("-") as decoding:
        decoding.give(SESSION.read_bytes()[:PART])
        wait_until("rows", lambda: decoding.out.count(b"\n") > 10)
        decoding.give(SESSION.read_bytes()[PART:])
        assert decoding.end()[0] == 0


@pytest.mark.parametrize("cut", [28, 184, 254])
def test_a_pause_inside_a_record_is_a_wait_and_no_damage(cut: int) -> None:
    # In the first record's header, in its data, and in the second's header. A wait of the core is a tenth of a second:
    # the rest comes in the middle of one.
    with Decoding("-", "--jsonl", "--fields", "packet") as decoding:
        decoding.give(SESSION.read_bytes()[:cut])
        decoding.wait_until_read()
        time.sleep(0.37)
        decoding.give(SESSION.read_bytes()[cut:])
        code, out, err = decoding.end()
    assert (code, rows_of_lines(out), err) == (0, PULSES, "")


@pytest.mark.parametrize(
    ("given", "told"), [(b"", "the file is empty"), (b"GET / HTTP/1.1\r\n", "begins with"), (None, "cut off")]
)
def test_a_pipe_with_something_else_in_it_is_named(given: bytes | None, told: str) -> None:
    data = SESSION.read_bytes()[:PART] if given is None else given
    done = subprocess.run([RTTP, "decode", "-"], input=data, capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 3
    assert done.stderr.startswith(b"warning: -: ") and told.encode() in done.stderr


@pytest.mark.parametrize("name", ["session.pcap.gz", "session.pcapng.zst"])
def test_a_compressed_capture_comes_through_a_pipe(name: str) -> None:
    with Decoding("-", "--jsonl") as decoding:
        decoding.give((CAPTURES / name).read_bytes())
        code, out, _ = decoding.end()
    assert (code, rows_of_lines(out)) == (0, PULSES)


def test_a_fifo_is_a_capture(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with Decoding(str(fifo), "--jsonl") as decoding:
        fifo.write_bytes(SESSION.read_bytes())
        code, out, _ = decoding.end()
    assert (code, rows_of_lines(out)) == (0, PULSES)


def test_a_file_that_grows_is_followed_until_it_is_stopped(tmp_path: Path) -> None:
    growing = tmp_path / "growing.pcap"
    whole = SESSION.read_bytes()
    growing.write_bytes(whole[:PART])
    with Decoding(str(growing), "--follow", "--jsonl") as decoding:
        wait_until("the first rows", lambda: decoding.out.count(b"\n") > 10)
        with growing.open("ab") as more:
            more.write(whole[PART:])
        wait_until("all rows", lambda: decoding.out.count(b"\n") == PULSES)
        code, out, err = decoding.end(signal.SIGTERM)
    assert (code, rows_of_lines(out), err) == (130, PULSES, "")


def test_an_interface_without_the_privilege_is_refused() -> None:
    done = rttp("decode", "--live", "lo", prefix=NOBODY)
    assert error_of(done) == (5, "forbidden")
    assert "CAP_NET_RAW" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root (CAP_NET_RAW)")
def test_an_interface_is_decoded_until_it_is_stopped() -> None:
    # Other programs may use loopback meanwhile, so there may be more.
    with Decoding("--live", "lo", "--any-port", "--jsonl", "--fields", "kind,source_port,dialect") as decoding:
        wait_until("it listens", lambda: listens(decoding))
        bench = rttp("bench", "--json", "-d", "50ms", "-w", "10ms")
        assert bench.returncode == 0, bench.stderr
        sent = json.loads(bench.stdout)["counts"]["sent_in_all"]
        wait_until("pulses", lambda: decoding.out.count(b'"kind":"PING"') >= sent)
        code, out, err = decoding.end(signal.SIGINT)
    assert (code, err) == (130, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert {row["dialect"] for row in rows} == {"rttp1"}


def listens(decoding: Decoding) -> bool:
    """Whether it has a packet socket."""
    found = []
    for entry in Path(f"/proc/{decoding.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(entry.readlink()))
    inodes = {name[8:-1] for name in found if name.startswith("socket:[")}
    packet = Path("/proc/net/packet").read_text(encoding="ascii").splitlines()[1:]
    return any(line.split()[-1] in inodes for line in packet)


def on_a_terminal(*arguments: str, columns: int = 80, env: dict[str, str] | None = None) -> str:
    """What a terminal of that width gets to see, stdout and stderr."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "TERM")}
    process = subprocess.Popen(
        [RTTP, "decode", *arguments], stdout=theirs, stderr=theirs, env=known | {"TERM": "xterm"} | (env or {})
    )
    os.close(theirs)
    shown = bytearray()
    with contextlib.suppress(OSError):
        while data := os.read(ours, 1 << 16):
            shown += data
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    return shown.decode().replace("\r\n", "\n")


def bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("form", ["--table", "--summary"])
def test_a_terminal_has_colours_unless_they_are_not_wanted(form: str) -> None:
    arguments = (str(CAPTURES / "malicious-truncated.pcap"), form)
    shown = on_a_terminal(*arguments)
    assert "\x1b[" in shown
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert on_a_terminal(*arguments, env=env) == bare(shown)


def test_what_goes_to_a_file_has_no_colours_though_a_terminal_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    assert on_a_terminal(str(SESSION), "-o", str(out)) == ""
    assert "\x1b" not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["session.pcap", "malicious-fragment-count-zero.pcap", "snapped.pcap"])
def test_a_table_fits_its_terminal(name: str) -> None:
    for columns in (80, 60):
        lines = bare(on_a_terminal(str(CAPTURES / name), columns=columns)).splitlines()
        rows = [line for line in lines[2:] if not line.startswith("flow ")]
        assert max(map(len, rows)) <= columns


def test_a_summary_fits_its_terminal() -> None:
    for columns in (200, 80, 60):
        lines = bare(on_a_terminal(str(SESSION), "--summary", columns=columns)).splitlines()
        assert max(map(len, lines)) <= min(columns, 80)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((str(CAPTURES / "other-port.pcap"),), "--port N or --any-port"),
        ((str(SESSION), "--flow", "99"), "passes the filter"),
        ((str(SESSION), "--since", "+1h"), "--since"),
    ],
)
def test_a_table_without_a_row_says_why_to_people_alone(arguments: tuple[str, ...], reason: str) -> None:
    shown = on_a_terminal(*arguments)
    assert shown.startswith("no rows: ") and reason in shown and shown.count("\n") == 1
    assert on_a_terminal("--quiet", *arguments) == ""
    done = rttp("decode", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_progress_on_a_terminal_is_gone_at_the_end_and_never_fails() -> None:
    ours, theirs = pty.openpty()
    process: subprocess.Popen[Any] = subprocess.Popen(
        [RTTP, "decode", "-", "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    shown = bytearray()

    def take() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(ours, 1 << 16):
                shown.extend(data)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(SESSION.read_bytes())
        process.stdin.flush()
        wait_until("it is drawn", lambda: b"decoding" in shown)
        # Some more drawings while the core is at work.
        time.sleep(0.8)
    assert process.wait(PATIENCE) == 0
    thread.join(PATIENCE)
    os.close(ours)
    assert b"Traceback" not in shown and b"Error" not in shown
    assert shown.endswith(b"\x1b[2K") or shown.rstrip().endswith((b"\x1b[2K", b"\x1b[?25h"))
