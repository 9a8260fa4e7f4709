"""Runs the measurements: what this host costs when nobody asks anything difficult of it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rttp_cli import _core
from rttp_cli.errors import RttpError

Row = dict[str, Any]

RING_NS = 500_000_000
"""A round trip takes less than a microsecond: a million samples."""
UDP_NS = 1_000_000_000
"""100,000 round trips, enough to see P99.99."""
UDP_WARMUP_NS = 100_000_000
LONGEST_WAIT = 3600.0
"""Seconds. The core ends by itself and wakes us; waking up earlier would be a gap on a core that is watched."""


class Step(NamedTuple):
    """A measurement that is about to start."""

    name: str
    title: str
    seconds: float


class _Measurement(NamedTuple):
    step: Step
    measure: Callable[[], Row]


class _NotHereError(Exception):
    """A measurement that this host does not allow; the text says why."""


def measure(duration_ns: int, tell: Callable[[Step], None] = lambda _: None) -> Row:
    """All floors, one after the other; `tell` hears of each before it starts, and must be done when it returns.

    `skipped` has the reason of each that this host does not allow. Ctrl-C ends it and keeps what was measured.
    """
    floors: Row = {"interrupted": False, "stalls": None, "ring": None, "clock": None, "udp_spin": None}
    floors |= {"udp_block": None, "skipped": {}}
    try:
        for step, run in _measurements(duration_ns):
            tell(step)
            try:
                floors[step.name] = run()
            except (_NotHereError, RttpError, _core.CoreError) as reason:
                floors["skipped"][step.name] = str(reason.args[-1])
                continue
            if floors[step.name].get("interrupted"):
                floors["interrupted"] = True
                break
    except KeyboardInterrupt:
        floors["interrupted"] = True
    return floors


def steps(duration_ns: int) -> list[Step]:
    """What `measure` will do."""
    return [step for step, _ in _measurements(duration_ns)]


def _measurements(duration_ns: int) -> Iterator[_Measurement]:
    udp = (UDP_NS + UDP_WARMUP_NS) / 1e9
    yield _Measurement(Step("stalls", "stalls of all cores", duration_ns / 1e9), lambda: stall_floor(duration_ns))
    yield _Measurement(Step("ring", "core to core", RING_NS / 1e9), ring_floor)
    yield _Measurement(Step("clock", "clocks", 0.1), clock_floor)
    yield _Measurement(Step("udp_spin", "UDP, spinning", udp), lambda: udp_floor(True))
    yield _Measurement(Step("udp_block", "UDP, blocking", udp), lambda: udp_floor(False))


def stall_floor(duration_ns: int) -> Row:
    """Every gap on every core that this process may use. Raises `CoreError`."""
    return _finished(_core.Floor.stalls(cores=_core.allowed_cores(), duration=duration_ns / 1e9))


def ring_floor() -> Row:
    """Round trips of a number between the two cores that a run would take. Raises `CoreError`."""
    core_a, core_b = _two_cores("a ring between cores")
    record = _finished(_core.Floor.ring(core_a=core_a, core_b=core_b, duration=RING_NS / 1e9))
    return {
        "interrupted": record["interrupted"],
        "cores": record["cores"],
        "round_trip": _distribution(record["round_trips"]),
    }


def clock_floor() -> Row:
    """What one reading of each clock costs, ns."""
    run_ns, kernel_ns = _core.clock_cost()
    return {"run_ns": run_ns, "kernel_ns": kernel_ns}


def udp_floor(spin: bool) -> Row:
    """Ping-pong over loopback within this process: two spinning cores, or both ends blocking on one.

    Raises `RttpError`. The only place that knows how the load room is called.
    """
    from rttp_cli.bench import BenchOptions, run
    from rttp_cli.report.document import summarise

    if spin:
        _two_cores("spinning at both ends")
    options = BenchOptions(spin=spin, duration_ns=UDP_NS, warmup_ns=UDP_WARMUP_NS)
    result = summarise(run(options), limit_ns=300_000, q=0.9999)
    return {
        "interrupted": result["interrupted"],
        "cores": [result["run"]["sender_core"], result["run"]["responder_core"]],
        "round_trip": result["latency"]["response"],
    }


def _two_cores(what: str) -> tuple[int, int]:
    allowed = _core.allowed_cores()
    if len(allowed) < 2:
        raise _NotHereError(f"{what} needs two cores, this process may use one")
    return allowed[-1], allowed[-2]


def _finished(floor: _core.Floor) -> Row:
    """Waits for the end; Ctrl-C is the end, too."""
    stopped = False
    try:
        while not floor.wait(LONGEST_WAIT):
            pass
    except KeyboardInterrupt:
        stopped = True
        floor.stop()
    record: Row = dict(floor.finish())
    record["interrupted"] = record["interrupted"] or stopped
    return record


def _distribution(encoded: str) -> Row:
    from rttp_cli.report.distribution import distribution

    found = distribution(_core.Histogram.decode(encoded), 0)
    return vars(found) | {"percentiles": [vars(p) | {"name": p.name} for p in found.percentiles]}
