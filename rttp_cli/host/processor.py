"""The processor: its cores, their clock, how they sleep, and whether there is a hypervisor below them."""

import os
import re
from typing import Any

from rttp_cli.host.files import Files, clean, core_list

_CPU = "sys/devices/system/cpu"
_CLOCK = "sys/devices/system/clocksource/clocksource0"

_VENDORS = (
    ("amazon", "amazon"),
    ("google", "google"),
    ("alibaba", "alibaba"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("parallels", "parallels"),
    ("xen", "xen"),
    ("bochs", "bochs"),
    ("qemu", "qemu"),
    ("kvm", "kvm"),
    ("microsoft", "hyper-v"),
)
"""Words of DMI's vendor and product by which systemd-detect-virt knows a hypervisor; the more special ones first."""
_CLOCKS = (("kvm-clock", "kvm"), ("hyperv_clocksource", "hyper-v"), ("xen", "xen"))
"""Clock sources that only a guest of that hypervisor has."""


def processor(files: Files) -> dict[str, Any]:
    """Everything that is decided by cores."""
    info = files.text("proc/cpuinfo")
    online = core_list(files.line(f"{_CPU}/online"))
    return {
        "model": _field(info, "model name"),
        "logical_cores": None if online is None else len(online),
        "allowed_cores": _allowed(),
        "smt_active": files.flag(f"{_CPU}/smt/active"),
        "governors": _governors(files, online or []),
        "boost": _boost(files),
        "idle": _idle(files, online or []),
        "hypervisor": _hypervisor(files, info),
        "mitigations": _mitigations(files),
    }


def clock_source(files: Files) -> dict[str, Any]:
    """Where the kernel takes the time from, and where else it could."""
    available = files.line(f"{_CLOCK}/available_clocksource")
    return {
        "current": files.line(f"{_CLOCK}/current_clocksource"),
        "available": None if available is None else available.split(),
    }


def _field(info: str | None, name: str) -> str | None:
    """The first processor's value of a field of /proc/cpuinfo."""
    found = re.search(rf"^{name}\s*:(.*)$", info or "", re.MULTILINE)
    return (clean(found[1]) or None) if found else None


def _allowed() -> list[int] | None:
    try:
        return sorted(os.sched_getaffinity(0))
    except OSError:
        return None


def _governors(files: Files, online: list[int]) -> dict[str, str] | None:
    """By core; `None` where the clock is not ours to govern, as in most guests."""
    found = {str(core): files.line(f"{_CPU}/cpu{core}/cpufreq/scaling_governor") for core in online}
    known = {core: governor for core, governor in found.items() if governor is not None}
    return known or None


def _boost(files: Files) -> bool | None:
    boost = files.flag(f"{_CPU}/cpufreq/boost")
    if boost is not None:
        return boost
    disabled = files.flag(f"{_CPU}/intel_pstate/no_turbo")
    return None if disabled is None else not disabled


def _idle(files: Files, online: list[int]) -> dict[str, Any]:
    """How the first core sleeps; all cores of a host have the same states."""
    folder = f"{_CPU}/cpu{online[0] if online else 0}/cpuidle"
    named = [name for name in files.names(folder) or [] if re.fullmatch(r"state[0-9]{1,3}", name)]
    states = [
        {
            "name": files.line(f"{folder}/{name}/name"),
            "exit_latency_us": files.number(f"{folder}/{name}/latency"),
            "disabled": files.flag(f"{folder}/{name}/disable"),
        }
        for name in sorted(named, key=lambda name: int(name[5:]))
    ]
    return {
        "driver": files.line(f"{_CPU}/cpuidle/current_driver"),
        "governor": files.line(f"{_CPU}/cpuidle/current_governor"),
        "states": states if states or files.exists(_CPU) else None,
        "can_stay_awake": os.access(files.path("dev/cpu_dma_latency"), os.W_OK),
    }


def _hypervisor(files: Files, info: str | None) -> str | None:
    """`none`, its name, or `unknown` for one without a name; `None` when the host does not say whether there is one."""
    if _is_x86(info):
        flags = _flags(info)
        if flags is None:
            return None
        return (_hypervisor_name(files) or "unknown") if "hypervisor" in flags else "none"
    # Other processors have no such flag, and a name that is missing proves nothing.
    return _hypervisor_name(files)


def _hypervisor_name(files: Files) -> str | None:
    if (kind := files.line("sys/hypervisor/type")) is not None:
        return kind
    dmi = [files.line(f"sys/class/dmi/id/{name}") or "" for name in ("sys_vendor", "product_name", "bios_vendor")]
    clocks = files.line(f"{_CLOCK}/available_clocksource") or ""
    for text, table in ((" ".join(dmi), _VENDORS), (clocks, _CLOCKS)):
        for word, name in table:
            if word in text.lower():
                return name
    return None


def _is_x86(info: str | None) -> bool:
    return _field(info, "vendor_id") is not None


def _flags(info: str | None) -> list[str] | None:
    # Not by `_field`: flags are longer than any value that is shown.
    found = re.search(r"^flags\s*:(.*)$", info or "", re.MULTILINE)
    return found[1].split() if found else None


def _mitigations(files: Files) -> dict[str, str] | None:
    """What the kernel does, or leaves undone, about each weakness that this processor has."""
    folder = f"{_CPU}/vulnerabilities"
    names = files.names(folder)
    if names is None:
        return None
    found = {clean(name): files.line(f"{folder}/{name}") for name in names}
    return {name: text for name, text in found.items() if text is not None and text != "Not affected"}
