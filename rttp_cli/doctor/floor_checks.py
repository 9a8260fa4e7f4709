"""Judgements of what was measured.

Every threshold is a constant with its reason. A check returns `None` when its floor was not measured.
"""

from typing import Any

from rttp_cli.doctor.finding import Finding, State, judged
from rttp_cli.units import format_ns, format_share

Floors = dict[str, Any]

LIMIT_NS = 300_000
"""What pulses are held to by default (`rttp bench --limit`)."""
DELAYED_BAD = 1e-4
"""As many instants as lie beyond P99.99: where more of them meet a stall beyond the limit, no code keeps it there."""
STALL_NS = 100_000
"""A pulse takes 5 to 10 µs and an interrupt 10: longer, somebody else had the core."""
RING_NS = 1_000
"""Cores of one socket answer in 100 to 300 ns, of two in 600; beyond, they were not running at the same time."""
CLOCK_WARN_NS = 100
"""Ten times a register of the core; a run takes about five readings for each pulse."""
CLOCK_BAD_NS = 1_000
"""A system call or a device for each reading: the clock is then a good part of what is measured."""
SPIN_NS = 20_000
"""Four times what a guest with two cores of a current server needs at the median."""
BLOCK_NS = 40_000
"""Four times the same; 20 µs more are an idle core waking up, each way."""

_STALL_ADVICE = "see what else is said here of hypervisor, load, isolation and cpu-quota"


def stalls(floors: Floors) -> Finding | None:
    """How often a thread that is always ready is kept from its core."""
    cores = [core for core in (floors["stalls"] or {}).get("cores", []) if core["watched_ns"]]
    if not cores:
        return None
    worst = max(cores, key=delayed_share)
    share, longest = delayed_share(worst), max(core["longest_ns"] for core in cores)
    stalled = sum(_level(core, STALL_NS)["count"] for core in cores)
    state: State = "bad" if share > DELAYED_BAD else "warn" if stalled else "ok"
    seconds = max(core["watched_ns"] for core in cores)
    found = f"{stalled:,} of {format_ns(STALL_NS)} and more in {format_ns(seconds)} on {_cores(len(cores))}"
    if stalled:
        found += f", longest {format_ns(longest)}"
    if share:
        found += f"; core {worst['core']}: {format_share(share, 1)} of instants wait over {format_ns(LIMIT_NS)}"
    return judged(
        "stalls",
        state,
        found,
        "a pulse that comes in a stall waits for its end, whatever the code: this is the floor of every tail",
        advice=_STALL_ADVICE,
    )


def delayed_share(core: dict[str, Any]) -> float:
    """Share of instants that a thread ready at that instant would have waited longer than the limit, exactly.

    A stall of length L delays the first L - limit of its instants by more than the limit.
    """
    level = _level(core, LIMIT_NS)
    return float((level["total_ns"] - level["count"] * LIMIT_NS) / core["watched_ns"])


def _level(core: dict[str, Any], from_ns: int) -> dict[str, Any]:
    return next(level for level in core["levels"] if level["from_ns"] == from_ns)


def _cores(count: int) -> str:
    return f"{count} core" if count == 1 else f"{count} cores"


def ring(floors: Floors) -> Finding | None:
    """Whether two cores reach each other fast."""
    median = _percentile(floors["ring"], 0.5)
    if median is None:
        return None
    first, second = floors["ring"]["cores"]
    return judged(
        "ring",
        "warn" if median > RING_NS else "ok",
        f"{format_ns(median)} there and back between cores {first} and {second}",
        "what two threads cost each other without a kernel: the least that any hand-over can take",
        advice="choose two cores of one socket with --pin (see `lscpu -e`), or fewer guests on the host",
    )


def clock(floors: Floors) -> Finding | None:
    """Whether a reading of the clock is cheap."""
    found = floors["clock"]
    if found is None:
        return None
    run_ns, kernel_ns = found["run_ns"], found["kernel_ns"]
    worst = max(run_ns, kernel_ns)
    state: State = "bad" if worst > CLOCK_BAD_NS else "warn" if worst > CLOCK_WARN_NS else "ok"
    return judged(
        "clock",
        state,
        f"{format_ns(run_ns)} a reading, the kernel's clock {format_ns(kernel_ns)}",
        "each pulse takes several readings, and their cost is in what is measured",
        advice="see clock-source",
    )


def udp_spin(floors: Floors) -> Finding | None:
    """Whether the network stack is fast when nobody sleeps."""
    return _udp(
        "udp-spin",
        floors["udp_spin"],
        SPIN_NS,
        "the stack's own cost, twice: no pulse over a socket is answered faster on this host",
        "see governor, mitigations and smt",
    )


def udp_block(floors: Floors) -> Finding | None:
    """Whether the network stack is fast when both ends sleep between pulses."""
    return _udp(
        "udp-block",
        floors["udp_block"],
        BLOCK_NS,
        "the same with both ends asleep between pulses: what waking up adds",
        "see idle-states and preemption",
    )


def _udp(name: str, floor: dict[str, Any] | None, slow_ns: int, why: str, advice: str) -> Finding | None:
    median, tail = _percentile(floor, 0.5), _percentile(floor, 0.9999)
    if median is None or floor is None:
        return None
    found = f"round trip P50 {format_ns(median)}"
    # A tail from too few samples would be a guess.
    if tail is not None:
        found += f", P99.99 {format_ns(tail)}"
    round_trip = floor["round_trip"]
    found += f" of {round_trip['samples']:,}"
    long_tail = tail is not None and tail > LIMIT_NS
    advice = _STALL_ADVICE if long_tail and median <= slow_ns else advice
    state: State = "warn" if median > slow_ns or long_tail or round_trip["lost"] else "ok"
    if round_trip["lost"]:
        found += f", {round_trip['lost']:,} lost"
    return judged(name, state, found, why, advice=advice)


def _percentile(floor: dict[str, Any] | None, q: float) -> int | None:
    """A percentile that the samples carry; `None` without one."""
    rows = [] if floor is None else floor["round_trip"]["percentiles"]
    return next((int(row["value_ns"]) for row in rows if row["q"] == q and row["state"] == "ok"), None)


CHECKS = {"stalls": stalls, "ring": ring, "clock": clock, "udp-spin": udp_spin, "udp-block": udp_block}
