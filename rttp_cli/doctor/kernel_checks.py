"""Judgements of the kernel, memory, load and the container.

Every threshold is a constant with its reason. A check returns `None` when what it looks at could not be read.
"""

import shlex
from typing import Any

from rttp_cli.doctor.finding import Finding, State, judged
from rttp_cli.units import format_bytes

Environment = dict[str, Any]

MOVABLE_PREEMPTION = ("rt", "full", "lazy", "dynamic")
"""With these a thread that wakes takes the core from kernel work soon; with the others that work ends first."""
CORES_TO_ISOLATE = 4
"""On fewer, isolated cores leave too little for everything else, which then disturbs them all the same."""
LOAD_A_CORE_WARN = 0.25
"""One thread in four on a core already keeps a pulse waiting for a time slice now and then."""
LOAD_A_CORE_BAD = 1.0
"""As many threads as cores: with ours there are more threads than cores, and somebody always waits."""
MEMORY_LEFT = 0.05
"""Below this share the kernel reclaims pages in whoever asks for one, and that takes milliseconds."""
RT_RUNTIME_DEFAULT_US = 950_000
"""The kernel's own share of a second for real-time threads; the other 50 ms save a host whose thread never ends."""


def preemption(environment: Environment) -> Finding | None:
    """Whether kernel work gives way to a thread that wakes."""
    model = environment["kernel"]["preemption"]
    if model is None:
        return None
    good = model in MOVABLE_PREEMPTION
    switchable = "PREEMPT_DYNAMIC" in (environment["kernel"]["version"] or "").split()
    return judged(
        "preemption",
        "ok" if good else "warn",
        model,
        "without preemption a thread that wakes waits until the kernel ends what it is doing, up to milliseconds",
        command="echo full | sudo tee /sys/kernel/debug/sched/preempt" if switchable else None,
        advice=None if switchable else "boot a kernel built with CONFIG_PREEMPT or CONFIG_PREEMPT_DYNAMIC",
    )


def isolation(environment: Environment) -> Finding | None:
    """Whether cores are kept free of other work."""
    kernel, cores = environment["kernel"], environment["processor"]["logical_cores"]
    if kernel["isolcpus"] is None or cores is None:
        return None
    isolated = kernel["isolcpus"] or kernel["nohz_full"]
    worth_it = cores >= CORES_TO_ISOLATE
    wanted = f"{cores - 2}-{cores - 1}"
    return judged(
        "isolation",
        "ok" if isolated or not worth_it else "warn",
        f"isolated: {isolated}" if isolated else "none" if worth_it else f"none, too few cores for it ({cores})",
        "on cores of its own a thread meets no other thread, timer tick or kernel callback",
        advice=f"boot with isolcpus=managed_irq,domain,{wanted} nohz_full={wanted} rcu_nocbs={wanted},"
        f" then --pin {cores - 1},{cores - 2}",
    )


def load(environment: Environment) -> Finding | None:
    """Whether the host is busy with something else."""
    averages, cores = environment["load"], environment["processor"]["logical_cores"]
    if averages is None or not cores:
        return None
    share = averages[0] / cores
    state: State = "bad" if share >= LOAD_A_CORE_BAD else "warn" if share >= LOAD_A_CORE_WARN else "ok"
    return judged(
        "load",
        state,
        f"{averages[0]:.2f} threads on {cores} cores in the last minute",
        "other threads take the cores that pulses need",
        command="ps -eo pcpu,pid,comm --sort=-pcpu | head",
        advice="stop what is not needed; an average also remembers a run that has just ended",
    )


def memory(environment: Environment) -> Finding | None:
    """Whether memory is short."""
    memory, swap = environment["memory"], environment["memory"]["swap_used"]
    if memory["total"] is None or memory["used"] is None or memory["total"] <= 0:
        return None
    left = memory["total"] - memory["used"]
    short = left < memory["total"] * MEMORY_LEFT
    state: State = "warn" if short or swap else "ok"
    swapped = f", {format_bytes(swap)} in swap" if swap else ""
    return judged(
        "memory",
        state,
        f"{format_bytes(left)} of {format_bytes(memory['total'])} available{swapped}",
        "a page that was swapped out comes back from a disk: milliseconds in the middle of a run",
        command="sudo swapoff -a" if swap and not short else None,
        advice="stop what holds the memory" if short else "or run with --mlock, which keeps our own pages in memory",
    )


def rt_throttle(environment: Environment) -> Finding | None:
    """Whether real-time threads are limited as the kernel means it."""
    runtime = environment["kernel"]["sched_rt_runtime_us"]
    if runtime is None:
        return None
    endless = runtime < 0
    return judged(
        "rt-throttle",
        "warn" if endless or runtime == 0 else "ok",
        "off" if endless else f"{runtime / 1000:g} ms for real-time threads",
        "without the limit a real-time thread that spins hangs its core; with a limit of 0 none may run",
        command=f"sudo sysctl -w kernel.sched_rt_runtime_us={RT_RUNTIME_DEFAULT_US}",
    )


def irqbalance(environment: Environment) -> Finding | None:
    """Whether interrupts move between cores."""
    running = environment["irqbalance"]
    if running is None:
        return None
    return judged(
        "irqbalance",
        "warn" if running else "ok",
        "running" if running else "not running",
        "it moves interrupts to idle cores, and the core of a thread that sleeps between pulses looks idle",
        command="sudo systemctl stop irqbalance",
    )


def cpu_quota(environment: Environment) -> Finding | None:
    """Whether a container takes the core away when a share is used up."""
    container = environment["container"]
    quota, file = container["cpu_quota_cores"], container["cpu_quota_file"]
    if container["kind"] is None and quota is None:
        return None
    lift = "-1" if file and file.endswith("cfs_quota_us") else "max"
    return judged(
        "cpu-quota",
        "ok" if quota is None else "bad",
        "none" if quota is None else f"{quota:g} cores",
        "when the quota is used up every thread stops until the next period, up to 100 ms; spinning uses it up",
        command=f"echo {lift} | sudo tee {shlex.quote(file)}" if file else None,
        advice="or start the container without a limit of processor time (docker run without --cpus)",
    )


CHECKS = {
    "preemption": preemption,
    "isolation": isolation,
    "load": load,
    "memory": memory,
    "rt-throttle": rt_throttle,
    "irqbalance": irqbalance,
    "cpu-quota": cpu_quota,
}
