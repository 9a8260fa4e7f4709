"""Judgements of cores: their clock, their sleep, and whom they are shared with.

Every threshold is a constant with its reason. A check returns `None` when what it looks at could not be read.
"""

from typing import Any

from rttp_cli.doctor.finding import Finding, State, judged

Environment = dict[str, Any]

CORES_FOR_SPINNING = 2
"""Sender and responder that both spin need one each; on one core each waits for the other to be thrown off."""
STEADY_GOVERNORS = ("performance",)
"""The others lower the clock between pulses; raising it again takes tens of µs, which a pulse then waits for."""
SHORT_EXIT_US = 10
"""A core that needs longer to leave its idle state adds more than a round trip over loopback (5 to 10 µs) costs."""
GOOD_CLOCKS = ("tsc", "arch_sys_counter")
"""Read in user space from a register of the core, 10 to 25 ns a reading."""
GUEST_CLOCKS = ("kvm-clock", "hyperv_clocksource_tsc_page")
"""Read in user space too, but through a page of the hypervisor: right, and some tens of ns dearer."""

_CPU = "/sys/devices/system/cpu"
_CLOCK_FILE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def cores(environment: Environment) -> Finding | None:
    """Whether there is a core for each end."""
    allowed, online = environment["processor"]["allowed_cores"], environment["processor"]["logical_cores"]
    if allowed is None:
        return None
    state: State = "ok" if len(allowed) >= CORES_FOR_SPINNING else "warn"
    return judged(
        "cores",
        state,
        f"{len(allowed)} of {'?' if online is None else online} cores may be used",
        "a spinning sender and a spinning responder need a core each",
        command="taskset -c 0-1 rttp bench --spin" if (online or 0) >= CORES_FOR_SPINNING else None,
        advice="give this process or machine a second core, or measure without --spin",
    )


def hypervisor(environment: Environment) -> Finding | None:
    """Whether somebody else decides when our cores run."""
    name = environment["processor"]["hypervisor"]
    if name is None:
        return None
    return judged(
        "hypervisor",
        "ok" if name == "none" else "warn",
        "none" if name == "none" else f"a guest of {'an unknown hypervisor' if name == 'unknown' else name}",
        "a hypervisor takes a core away for milliseconds, and the guest's own accounts do not show it",
        advice="measure on bare metal or with dedicated, pinned cores; else trust only runs without stalls",
    )


def governor(environment: Environment) -> Finding | None:
    """Whether the clock stays up between pulses."""
    governors = environment["processor"]["governors"]
    if not governors:
        return None
    slow = {core: name for core, name in governors.items() if name not in STEADY_GOVERNORS}
    names = ", ".join(sorted(set(governors.values())))
    return judged(
        "governor",
        "warn" if slow else "ok",
        f"{names} ({len(slow)} of {len(governors)} cores may slow down)" if slow else names,
        "a clock that falls between pulses must rise again before the next one is handled",
        command=f"echo performance | sudo tee {_CPU}/cpu*/cpufreq/scaling_governor",
    )


def idle_states(environment: Environment) -> Finding | None:
    """Whether a core that waits falls into a sleep that is long to leave."""
    idle = environment["processor"]["idle"]
    if idle["states"] is None:
        return None
    deep = [s for s in idle["states"] if not s["disabled"] and (s["exit_latency_us"] or 0) > SHORT_EXIT_US]
    # What a guest's states claim to cost is not what a halted virtual core costs: 20 µs and more.
    guest = environment["processor"]["hypervisor"] not in ("none", None)
    if not idle["states"]:
        found = "none exposed"
    elif deep:
        found = "up to " + max(deep, key=lambda s: s["exit_latency_us"])["name"]
        found += f", {max(s['exit_latency_us'] for s in deep)} µs to leave"
    else:
        found = f"none takes more than {SHORT_EXIT_US} µs to leave" + (", says the guest" if guest else "")
    sleeps = bool(deep) or guest
    held = "; rttp may keep cores awake" if idle["can_stay_awake"] else ""
    return judged(
        "idle-states",
        "warn" if sleeps and not idle["can_stay_awake"] else "ok",
        found + (held if sleeps else ""),
        "a core that sleeps must wake before it handles a pulse; rttp prevents it through /dev/cpu_dma_latency",
        command="sudo setfacl -m u:$USER:rw /dev/cpu_dma_latency",
        advice="or run rttp as root",
    )


def clock_source(environment: Environment) -> Finding | None:
    """Whether the time is read from the core itself."""
    current, available = environment["clock_source"]["current"], environment["clock_source"]["available"] or []
    if current is None:
        return None
    state: State = "ok" if current in GOOD_CLOCKS else "warn" if current in GUEST_CLOCKS else "bad"
    better = next((name for name in GOOD_CLOCKS if name in available), None)
    return judged(
        "clock-source",
        state,
        current,
        "every pulse takes several readings; a clock outside the core costs a microsecond each",
        command=f"echo {better} | sudo tee {_CLOCK_FILE}" if better else None,
        advice=None if better else "the kernel does not trust the core's counter: see `dmesg | grep -i tsc`",
    )


def smt(environment: Environment) -> Finding | None:
    """Whether two logical cores share one real one."""
    active = environment["processor"]["smt_active"]
    if active is None:
        return None
    return judged(
        "smt",
        "warn" if active else "ok",
        "on" if active else "off",
        "two threads on one real core slow each other down, by more in the tail than at the median",
        command=f"echo off | sudo tee {_CPU}/smt/control",
    )


def mitigations(environment: Environment) -> Finding | None:
    """Whether every system call changes page tables."""
    found = environment["processor"]["mitigations"]
    if found is None:
        return None
    isolated = "PTI" in found.get("meltdown", "").replace(":", " ").split()
    active = [name for name, text in found.items() if text.startswith("Mitigation")]
    shown = f"{len(active)} active" + (f": {', '.join(active[:3])}" if active else "") + (" …" if active[3:] else "")
    return judged(
        "mitigations",
        "warn" if isolated else "ok",
        "page-table isolation, " + shown if isolated else shown,
        "page-table isolation makes each system call some 100 ns dearer; the other mitigations cost less",
        advice="boot with mitigations=off, and only on a host that runs nothing but code you trust",
    )


CHECKS = {
    "cores": cores,
    "hypervisor": hypervisor,
    "governor": governor,
    "idle-states": idle_states,
    "clock-source": clock_source,
    "smt": smt,
    "mitigations": mitigations,
}
