"""What is shown on stderr while a run lasts: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

from rttp_cli import _core
from rttp_cli.bench import Progress

PLAIN_EVERY = 5.0
"""Seconds between plain lines."""


@contextlib.contextmanager
def show(look: Callable[[], Progress], seconds: float, warmup: float) -> Iterator[None]:
    """Shows the progress of a run of so many seconds from a thread that takes only idle time."""
    done = threading.Event()
    body = _bar if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=_idle(body), args=(look, seconds, warmup, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(2.0)


def _idle(body: Callable[..., None]) -> Callable[..., None]:
    def run(*args: object) -> None:
        # Drawing must never delay a pulse. Where the kernel refuses, it draws all the same.
        with contextlib.suppress(OSError):
            _core.idle_thread()
        body(*args)

    return run


def _bar(look: Callable[[], Progress], seconds: float, warmup: float, done: threading.Event) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("warm-up" if warmup else "run", total=seconds, counts="")
        while not done.wait(0.25):
            p = look()
            counts = f"{p.answered:,} answered, {p.lost:,} lost"
            description = "run    " if p.elapsed else "warm-up"
            bar.update(task, completed=min(p.elapsed, seconds), counts=counts, description=description)
            bar.refresh()


def _lines(look: Callable[[], Progress], seconds: float, warmup: float, done: threading.Event) -> None:
    while not done.wait(PLAIN_EVERY):
        p = look()
        print(
            f"{p.elapsed:.0f} of {seconds:.0f} s: sent {p.sent:,}, answered {p.answered:,}, lost {p.lost:,}",
            file=sys.stderr,
            flush=True,
        )
