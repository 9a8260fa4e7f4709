"""The two ends of a run as processes of their own, and peers that a test makes itself."""

import contextlib
import json
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from rttp_cli import _core
from rttp_cli.cli import main

RTTP = str(Path(sys.executable).with_name("rttp"))
PATIENCE = 30.0
"""Seconds after which something that should have happened counts as not happening; never a measure of speed."""

_FIELDS = {row["name"]: row for row in _core.layouts()[0]["fields"]}
KIND = _FIELDS["kind"]["names"]
ECHO = _FIELDS["flags"]["names"]["ECHO"]
HEADER = 64


def rttp(*arguments: str, prefix: Sequence[str] = (), **options: Any) -> subprocess.CompletedProcess[str]:
    """A command line that ends by itself; `prefix` is a program that starts it."""
    return subprocess.run(
        [*prefix, RTTP, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE, **options
    )


def error_of(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Exit code and slug of a command that failed; nothing may be on its stdout and its hint must be on stderr."""
    lines = done.stderr.splitlines()
    assert done.stdout == "", "a failure leaves nothing that could be taken for a result"
    assert len(lines) == 2 and lines[0].startswith("error[") and lines[1].startswith("  hint: "), done.stderr
    return done.returncode, lines[0].removeprefix("error[").partition("]")[0]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and slug of a command line that fails before it starts anything, run in this process for speed."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    shown = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return error_of(subprocess.CompletedProcess([], end.value.code, shown.out, shown.err))


def pulse(kind: str | int, payload: bytes = b"", **values: int | bytes) -> bytes:
    """A datagram; values may be bad on purpose."""
    number = KIND[kind] if isinstance(kind, str) else kind
    return _core.emit({"kind": number, **values}, now_ns=time.time_ns()) + payload


def turned(datagram: bytes) -> bytes | None:
    """What a good node answers to a PING; it sends back other pulses as they came."""
    kind = _core.parse(datagram).fields["kind"]
    return datagram[:3] + bytes([KIND["PONG"]]) + datagram[4:] if kind == KIND["PING"] else datagram


def wait_until(what: str, happened: Callable[[], bool]) -> None:
    """Waits for something that another process does."""
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until, f"{what}: did not happen in {PATIENCE:g} s"
        time.sleep(0.01)


def threads(pid: int) -> dict[int, str]:
    """Names of a process's threads by number. One may end while it is looked at: that one is left out."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found[int(task.name)] = (task / "comm").read_text(encoding="utf-8").rstrip("\n")
    return found


def wait_until_it_waits(process: subprocess.Popen[str]) -> None:
    """Until the program's main thread has gone to sleep some times more: it looks at a run in steps of 20 ms."""

    def sleeps() -> int:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    before = sleeps()
    wait_until("the main thread sleeps", lambda: sleeps() >= before + 5)


class Program:
    """A command that runs until it is told to stop; whatever happens, it ends with the block."""

    def __init__(self, *arguments: str, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, RTTP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def first_line(self) -> str:
        """The first line on stderr."""
        stderr = self.process.stderr
        assert stderr is not None
        assert select.select([stderr], [], [], PATIENCE)[0], "nothing on stderr"
        return stderr.readline()

    def stop(self, by: signal.Signals) -> subprocess.CompletedProcess[str]:
        """Sends a signal and takes what it leaves."""
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess([], self.process.returncode, out, err)


class Receiver(Program):
    """`rttp recv` on a free port of a host."""

    def __init__(self, *arguments: str, host: str = "127.0.0.1", port: int = 0, prefix: Sequence[str] = ()) -> None:
        listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__("recv", "--json", "-l", listen, *arguments, prefix=prefix)
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self.greeting = self.first_line()
            assert self.greeting.startswith("listening on "), self.greeting
            undo.pop_all()
        self.address = self.greeting.removeprefix("listening on ").partition(",")[0]
        where, _, found = self.address.rpartition(":")
        self.socket_address = (where.strip("[]"), int(found))

    def summary(self) -> dict[str, Any]:
        """Ends it and gives its counts."""
        done = self.stop(signal.SIGTERM)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found


@contextlib.contextmanager
def asking(address: tuple[str, int]) -> Iterator[Callable[[bytes], bytes]]:
    """A socket that sends a datagram and waits for the next one that comes back."""
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(PATIENCE)
        own.connect(address)

        def ask(datagram: bytes) -> bytes:
            own.send(datagram)
            return own.recv(65_536)

        yield ask


@contextlib.contextmanager
def peer(answer: Callable[[bytes], bytes | None]) -> Iterator[tuple[str, list[int]]]:
    """A target on loopback that answers as it likes; gives its HOST:PORT and a list that holds what it has taken."""
    seen = [0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                    datagram, sender = own.recvfrom(65_536)
                    seen[0] += 1
                    reply = answer(datagram)
                    if reply is not None:
                        own.sendto(reply, sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{own.getsockname()[1]}", seen
        finally:
            done.set()
            thread.join(PATIENCE)
