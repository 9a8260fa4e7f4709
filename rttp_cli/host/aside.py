"""Threads beside a run: they take time that nobody else wants, away from the cores that are measured."""

import contextlib
import os
import threading
from pathlib import Path

from rttp_cli import _core

_TASKS = Path("/proc/self/task")
_LOOKS = 15
"""At where the core's threads sit, 20 ms apart: they take their seats when a run starts."""


def step_aside(after: str, done: threading.Event) -> None:
    """Makes the calling thread one of idle class, on a core where no end of a run sits if there is one.

    It waits a moment until the thread named `after` has taken its core, or until `done`. Where the kernel refuses, the
    thread stays as it is.

    Idle class is not enough: next to a thread that never sleeps it gets a share of 0.3 %, and where the kernel does not
    preempt, takes it by whole ticks (2 to 5 ms of P99.9 at 250 Hz). A thread that sleeps gets its core at once.
    """
    with contextlib.suppress(OSError):
        _core.idle_thread()
    for _ in range(_LOOKS):
        allowed = os.sched_getaffinity(0)
        seats = _seats(allowed)
        if any(name == after for name, _, _ in seats):
            ends = set[int]().union(*(cores for _, cores, _ in seats))
            busy = set[int]().union(*(cores for _, cores, spins in seats if spins))
            senders = set[int]().union(*(cores for name, cores, _ in seats if name == "rttp-sender"))
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, allowed - ends or allowed - busy or allowed - senders or allowed)
            return
        if done.wait(0.02):
            return


def step_back(thread: threading.Thread) -> None:
    """Gives another thread its ordinary class again: when a run is over nobody should wait for idle time."""
    if thread.native_id is not None:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(thread.native_id, os.SCHED_OTHER, os.sched_param(0))


def _seats(allowed: set[int]) -> list[tuple[str, set[int], bool]]:
    """Name, cores and whether it may spin, of each thread of the core that is bound to cores.

    A responder of a real-time class sleeps while it has nothing to do.
    """
    found = []
    for task in _TASKS.iterdir():
        # Threads end while one looks.
        with contextlib.suppress(OSError):
            name, number = (task / "comm").read_text(encoding="utf-8", errors="replace").strip(), int(task.name)
            if name not in {"rttp-sender", "rttp-server"}:
                continue
            cores = os.sched_getaffinity(number)
            if not cores >= allowed:
                spins = name == "rttp-sender" or os.sched_getscheduler(number) == os.SCHED_OTHER
                found.append((name, cores, spins))
    return found
