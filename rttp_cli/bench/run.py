"""One run from a request to its result document."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rttp_cli import _core
from rttp_cli.bench.options import BenchOptions, Seats, choose_seats
from rttp_cli.bench.request import Request, mean_rate, of_options
from rttp_cli.errors import core_failures
from rttp_cli.host.environment import record
from rttp_cli.report.document import SCHEMA
from rttp_cli.wire.address import resolve


class Progress(NamedTuple):
    """How far a run is; counts are of measured pulses."""

    sent: int
    answered: int
    lost: int
    elapsed: float
    """Seconds since the measured time began, 0 during the warm-up."""
    live: _core.LiveDict | None = None
    """The latest interval, stream by stream."""


Look = Callable[[], Progress]
Watcher = Callable[[Look], contextlib.AbstractContextManager[None]]
"""Is given a way to look at the progress; is entered when the run starts and left when it ends."""


def run(request: Request | BenchOptions, watcher: Watcher | None = None) -> dict[str, Any]:
    """Sends, measures, and gives the result document (docs/RESULT.md). Ctrl-C gives what was measured by then.

    Raises `RttpError`: the target or the host refuse.
    """
    if isinstance(request, BenchOptions):
        request = of_options(request)
    seats = choose_seats(request.host, closed=request.closed, embedded=request.embedded, workers=request.workers)
    targets = [resolve(target) for target in request.targets]
    digest = request.digest
    environment = record(targets[0].rpartition(":")[0].strip("[]") if targets else None)
    stalls_before = _stalls_before(seats)
    before = _machine()
    load, stopped = None, False
    with _out_of_the_way(seats):
        try:
            load = _start(request, seats, targets)
            with watcher(_look(load)) if watcher else contextlib.nullcontext():
                while not load.wait(60.0):
                    pass
        except KeyboardInterrupt:
            # The core has seen the signal as well; it ends and keeps what it measured.
            if load is None:
                raise
            load.stop()
            stopped = True
        outcome = _finish(load)
    document = _document(request, seats, outcome, before, digest)
    document["interrupted"] |= stopped
    document["host"]["environment"] = environment
    document["stalls"]["before"] = stalls_before
    return document


STALLS_BEFORE_S = 0.1
"""How long the cores of a run are watched before it: long enough to see that a host is busy."""


def _stalls_before(seats: Seats) -> dict[str, Any] | None:
    """Gaps on the cores that will be used, while nothing runs there; `None` where no core is named."""
    cores = sorted({core for core in (*seats.senders, seats.responder) if core is not None})
    if not cores:
        return None
    with core_failures():
        record = dict(_core.Floor.stalls(cores=cores, duration=STALLS_BEFORE_S).finish())
    if record["interrupted"]:
        raise KeyboardInterrupt
    return record


def _look(load: _core.Load) -> Look:
    return lambda: Progress(*load.progress(), load.live())


def _start(request: Request, seats: Seats, targets: list[str]) -> _core.Load:
    host, faults = request.host, request.host.faults
    with core_failures():
        return _core.Load(
            json.dumps(request.plan),
            list(request.traces),
            targets=targets,
            workers=request.workers,
            spin=host.spin,
            cores=list(seats.senders),
            server_core=seats.responder,
            fifo=seats.fifo,
            fifo_required=seats.fifo_required,
            awake=host.awake,
            lock_memory=host.lock_memory,
            meter=host.meter,
            stamps=host.stamps,
            receive_buffer=host.receive_buffer,
            first_seq=request.first_seq,
            segments=host.segments,
            interval=host.interval_ns / 1e9,
            interval_log=None if host.interval_log is None else str(host.interval_log),
            slowest=host.slowest,
            loss=faults.loss,
            duplicate=faults.duplicate,
            corrupt=faults.corrupt,
            reorder=faults.reorder,
            delay=faults.delay,
            fault_seed=faults.seed,
        )


def _finish(load: _core.Load) -> _core.OutcomeDict:
    with core_failures():
        return load.finish()


@contextlib.contextmanager
def _out_of_the_way(seats: Seats) -> Iterator[None]:
    """Keeps this thread off the measured cores, if there are others."""
    before = os.sched_getaffinity(0)
    rest = before - {*seats.senders, seats.responder}
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
    request: Request,
    seats: Seats,
    outcome: _core.OutcomeDict,
    before: tuple[float, float, float, float],
    digest: str,
) -> dict[str, Any]:
    after = _machine()
    user, system, busy, total = (b - a for a, b in zip(before, after, strict=True))
    version, profile, commit = _core.build_info()
    counts = {**outcome["counts"], **outcome["session"]}
    sending_ns = outcome["sending_ns"]
    sessions = outcome["sessions"]
    return {
        "schema": SCHEMA,
        "rttp": {"version": version, "profile": profile, "commit": commit},
        "started_unix_ns": outcome["started_unix_ns"],
        "interrupted": outcome["interrupted"],
        "run": _run(request, seats, sessions),
        "profile": request.profile,
        "schedule": {"seed": request.plan["seed"], "digest": digest, "plan": request.plan},
        "host": _host(outcome),
        "counts": counts,
        "sending_ns": sending_ns,
        "lasted_ns": outcome["lasted_ns"],
        "rates": _rates(_offered_pps(request, counts), counts, sending_ns),
        "peer": _peer([session["tally"] for session in sessions]),
        "responder": outcome["server"],
        "sessions": sessions,
        "clocks": _clocks(request, sessions),
        "histograms": {"unit": "ns", "encoding": "HdrHistogram V2 compressed base64", **outcome["histograms"]},
        "streams": [
            _stream(plan, stream, sending_ns) for plan, stream in zip(request.streams, outcome["streams"], strict=True)
        ],
        "bands": outcome["bands"],
        "intervals": outcome["intervals"],
        "flights": {"slowest": _flights(outcome["slowest"]), "lost": _flights(outcome["lost"])},
        "stalls": {
            "watched": bool(outcome["stalls"]),
            "from_ns": 100_000,
            "stalled_pulses": outcome["stalled_pulses"],
            "cores": outcome["stalls"],
        },
        "cpu": {
            "sender": _sum([session["usage"] for session in sessions]),
            "process_user_s": user,
            "process_system_s": system,
            # The kernel's counts of a short time may go back, and floats do not add up to a whole.
            "machine_busy_share": min(max(busy / total, 0.0), 1.0) if total > 0 else None,
        },
    }


def _run(request: Request, seats: Seats, sessions: list[_core.SessionDict]) -> dict[str, Any]:
    only = request.streams[0] if len(request.streams) == 1 else None
    whole = only is not None and only["fragments"]["pattern"] == "none"
    fixed_size = only["size"].get("bytes") if only is not None and whole else None
    host = request.host
    mode = "ping-pong" if request.closed else "open-loop"
    if any(stream["arrival"]["process"] == "flood" for stream in request.streams):
        mode = "flood"
    return {
        "mode": mode,
        "target": sessions[0]["target"],
        "local": sessions[0]["local"],
        "embedded": request.embedded,
        "security": "open",
        "size": None if fixed_size is None else fixed_size + 64,
        "priority": only["priority"].get("value") if only is not None else None,
        "rate_pps": request.offered_mps,
        "duration_ns": request.plan["duration_ns"],
        "warmup_ns": request.plan["warmup_ns"],
        "cooldown_ns": request.plan["cooldown_ns"],
        "count": request.plan["count"],
        "first_seq": request.first_seq,
        "timeout_ns": max(stream["timeout_ns"] for stream in request.streams),
        "spin": host.spin,
        "threads": request.workers,
        "segments": host.segments,
        "sender_core": seats.senders[0],
        "sender_cores": list(seats.senders),
        "responder_core": seats.responder,
        "faults": vars(host.faults),
    }


def _clocks(request: Request, sessions: list[_core.SessionDict]) -> dict[str, str | None]:
    """Which clock each kind of figure is read from (docs/MEASURING.md)."""
    shared = all(session["clock"]["shared"] for session in sessions)
    return {
        "latency": "monotonic, time-stamp counter by quanta",
        "one_way": "Unix time of this host at both ends" if shared else "Unix time of each end, offset fitted",
        "wakeup": "SO_TIMESTAMPNS against Unix time" if request.host.stamps else None,
    }


def _offered_pps(request: Request, counts: dict[str, Any]) -> float | None:
    """Pulses per second of the schedule: what was due is what was sent, not sent and dropped."""
    if request.closed or any(stream["arrival"]["process"] == "flood" for stream in request.streams):
        return None
    if all(stream["fragments"]["pattern"] == "none" for stream in request.streams) and request.offered_mps is not None:
        return request.offered_mps
    seconds = request.plan["duration_ns"] / 1e9
    due = counts["sent"] + counts["unsent"] + counts["dropped"]
    return due / seconds if request.plan["count"] is None else None


def _rates(offered: float | None, counts: dict[str, Any], sending_ns: int) -> dict[str, float | None]:
    seconds = sending_ns / 1e9
    per_second = (lambda n: n / seconds) if seconds > 0 else (lambda _: None)
    return {
        "offered_pps": offered,
        "sent_pps": per_second(counts["sent"]),
        "answered_pps": per_second(counts["answered"]),
        "sent_bps": per_second(8 * counts["bytes"]),
    }


def _stream(plan: dict[str, Any], stream: _core.StreamDict, sending_ns: int) -> dict[str, Any]:
    counts = stream["counts"]
    deadline = None
    if plan["deadline_ns"] is not None:
        judged = {"kept": counts["kept"], "missed": counts["missed"]}
        deadline = {"limit_ns": plan["deadline_ns"], "class": plan["class"], **judged}
    return {
        "name": stream["name"],
        "mode": plan["mode"],
        "arrival": plan["arrival"]["process"],
        "timeout_ns": plan["timeout_ns"],
        "rate_mps": mean_rate(plan["arrival"]),
        "counts": counts,
        "rates": _rates(None, dict(counts), sending_ns),
        "deadline": deadline,
        "drift_ppm": stream["drift_ppm"],
        "histograms": stream["histograms"],
    }


def _peer(tallies: list[_core.TallyDict | None]) -> dict[str, Any] | None:
    told = [tally for tally in tallies if tally is not None]
    return _sum(told) if len(told) == len(tallies) else None


def _sum(parts: list[Any]) -> dict[str, Any]:
    """Adds numbers by key, and so the dicts below."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            total[key] = _sum([total.get(key, {}), value]) if isinstance(value, dict) else total.get(key, 0) + value
    return total


def _flights(records: list[_core.FlightDict]) -> list[dict[str, Any]]:
    def text(value: bytes | None) -> str | None:
        return None if value is None else value.hex()

    return [dict(record) | {"pulse": text(record["pulse"]), "answer": text(record["answer"])} for record in records]


def _host(outcome: _core.OutcomeDict) -> dict[str, Any]:
    import psutil

    return {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(),
        "asked": outcome["asked"],
        "receive_buffer": outcome["sessions"][0]["receive_buffer"],
    }


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(names, "") or platform.processor()
    except OSError:
        return platform.processor()
