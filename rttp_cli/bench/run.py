"""One run from options to result."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rttp_cli import _core
from rttp_cli.bench.options import BenchOptions, Seats, choose_seats
from rttp_cli.errors import RttpError
from rttp_cli.report.result import SCHEMA
from rttp_cli.wire.address import resolve


class Progress(NamedTuple):
    """How far a run is; counts are of measured pulses."""

    sent: int
    answered: int
    lost: int
    elapsed: float
    """Seconds since the first measured pulse was due, 0 during the warm-up."""


Watcher = Callable[[Callable[[], Progress]], contextlib.AbstractContextManager[None]]
"""Is given a way to look at the progress; is entered when the run starts and left when it ends."""


def run(options: BenchOptions, watcher: Watcher | None = None) -> dict[str, Any]:
    """Sends, measures, and gives the result document (docs/RESULT.md). Ctrl-C gives what was measured by then.

    Raises `RttpError`: the target or the host refuse.
    """
    seats = choose_seats(options)
    target = None if options.target is None else resolve(options.target)
    psutil_before = _machine()
    first_seq = options.seed if options.seed is not None else time.time_ns() & 0xFFFF_FFFF
    load = None
    with _out_of_the_way(seats):
        try:
            load = _start(options, seats, target, first_seq)
            with watcher(lambda: Progress(*load.progress())) if watcher else contextlib.nullcontext():
                while not load.wait(60.0):
                    pass
        except KeyboardInterrupt:
            # The core has seen the signal as well; it ends and keeps what it measured.
            if load is None:
                raise
            load.stop()
        outcome = _finish(load)
    return _document(options, seats, outcome, psutil_before, first_seq)


def _start(options: BenchOptions, seats: Seats, target: str | None, first_seq: int) -> _core.Load:
    faults = options.faults
    try:
        return _core.Load(
            target=target,
            rate=options.rate,
            size=options.size,
            priority=options.priority,
            warmup=options.warmup_ns / 1e9,
            duration=options.duration_ns / 1e9,
            count=options.count,
            timeout=options.timeout_ns / 1e9,
            spin=options.spin,
            core=seats.sender,
            server_core=seats.responder,
            fifo=seats.fifo,
            fifo_required=seats.fifo_required,
            awake=options.awake,
            lock_memory=options.lock_memory,
            meter=options.meter,
            stamps=options.stamps,
            receive_buffer=options.receive_buffer,
            first_seq=first_seq,
            loss=faults.loss,
            duplicate=faults.duplicate,
            corrupt=faults.corrupt,
            reorder=faults.reorder,
            delay=faults.delay,
            fault_seed=faults.seed,
        )
    except _core.CoreError as error:
        raise RttpError(*error.args) from None


def _finish(load: _core.Load) -> _core.OutcomeDict:
    try:
        return load.finish()
    except _core.CoreError as error:
        raise RttpError(*error.args) from None


@contextlib.contextmanager
def _out_of_the_way(seats: Seats) -> Iterator[None]:
    """Keeps this thread off the measured cores, if there are others."""
    before = os.sched_getaffinity(0)
    rest = before - {seats.sender, seats.responder}
    if rest and rest != before:
        os.sched_setaffinity(0, rest)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _machine() -> tuple[float, float, float, float]:
    """Processor seconds so far: this process's user and system, the machine's busy and total."""
    import psutil

    own = psutil.Process().cpu_times()
    all_cores = psutil.cpu_times()
    idle = all_cores.idle + getattr(all_cores, "iowait", 0.0)
    return own.user, own.system, sum(all_cores[:8]) - idle, sum(all_cores[:8])


def _document(
    options: BenchOptions,
    seats: Seats,
    outcome: _core.OutcomeDict,
    before: tuple[float, float, float, float],
    first_seq: int,
) -> dict[str, Any]:
    import psutil

    after = _machine()
    user, system, busy, total = (b - a for a, b in zip(before, after, strict=True))
    version, profile, commit = _core.build_info()
    counts = outcome["counts"]
    seconds = outcome["sending_ns"] / 1e9
    per_second = (lambda n: n / seconds) if seconds > 0 else (lambda _: None)
    return {
        "schema": SCHEMA,
        "rttp": {"version": version, "profile": profile, "commit": commit},
        "started_unix_ns": outcome["started_unix_ns"],
        "interrupted": outcome["interrupted"],
        "run": {
            "mode": "open-loop" if options.open_loop else "ping-pong",
            "target": outcome["target"],
            "local": outcome["local"],
            "embedded": options.embedded,
            "security": "open",
            "size": options.size,
            "priority": options.priority,
            "rate_pps": options.rate,
            "duration_ns": options.duration_ns,
            "warmup_ns": options.warmup_ns,
            "count": options.count,
            "first_seq": first_seq,
            "timeout_ns": options.timeout_ns,
            "spin": options.spin,
            "sender_core": seats.sender,
            "responder_core": seats.responder,
            "faults": vars(options.faults),
        },
        "host": {
            "kernel": platform.release(),
            "machine": platform.machine(),
            "cpu": _cpu_name(),
            "cores": psutil.cpu_count(),
            "asked": outcome["asked"],
            "receive_buffer": outcome["receive_buffer"],
        },
        "counts": counts,
        "sending_ns": outcome["sending_ns"],
        "lasted_ns": outcome["lasted_ns"],
        "rates": {
            "offered_pps": options.rate,
            "sent_pps": per_second(counts["sent"]),
            "answered_pps": per_second(counts["answered"]),
        },
        "peer": outcome["tally"],
        "responder": outcome["server"],
        "histograms": {"unit": "ns", "encoding": "HdrHistogram V2 compressed base64", **outcome["histograms"]},
        "stalls": {"watched": bool(outcome["stalls"]), "from_ns": 100_000, "cores": outcome["stalls"]},
        "cpu": {
            "sender": outcome["usage"],
            "process_user_s": user,
            "process_system_s": system,
            "machine_busy_share": busy / total if total > 0 else None,
        },
    }


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(names, "") or platform.processor()
    except OSError:
        return platform.processor()
