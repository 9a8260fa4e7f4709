"""The kernel and its settings, memory, load, and the container round us."""

import re
from typing import Any

from rttp_cli.host.files import Files, clean, core_list, integer

ISOLATION = ("isolcpus", "nohz_full", "rcu_nocbs")
"""Words of the kernel's command line that keep its own work off cores; the rest of the line is nobody's business."""
MOST_PROCESSES = 500
"""Processes looked at for irqbalance: each costs 10 µs, and a record is to take less than 30 ms."""
_CAPABILITIES = {"net_admin": 12, "ipc_lock": 14, "sys_nice": 23}
"""Bits of capabilities(7) that decide what a run may ask for."""


def kernel(files: Files) -> dict[str, Any]:
    """Which kernel, and how it yields a core."""
    version = files.line("proc/sys/kernel/version")
    arguments = _arguments(files)
    return {
        "release": files.line("proc/sys/kernel/osrelease"),
        "version": version,
        "preemption": _preemption(files, version, arguments),
        "sched_rt_runtime_us": files.number("proc/sys/kernel/sched_rt_runtime_us"),
        **{name: None if arguments is None else arguments.get(name, "") for name in ISOLATION},
    }


def _arguments(files: Files) -> dict[str, str] | None:
    line = files.text("proc/cmdline")
    if line is None:
        return None
    # What stands after a lone `--` is for the first process, not for the kernel.
    words = line.split(" -- ")[0].split()
    return {name: clean(value) for name, _, value in (word.partition("=") for word in words)}


def _preemption(files: Files, version: str | None, arguments: dict[str, str] | None) -> str | None:
    """`rt`, `full`, `lazy`, `dynamic`, or `voluntary or none`, which look the same from outside."""
    words = (version or "").split()
    chosen = (arguments or {}).get("preempt")
    if files.flag("sys/kernel/realtime") or "PREEMPT_RT" in words:
        found = "rt"
    elif version is None:
        return None
    elif "PREEMPT_DYNAMIC" in words:
        # Which of its modes it is in only root may read, unless somebody chose one.
        current = re.search(r"\((\w+)\)", files.line("sys/kernel/debug/sched/preempt") or "")
        found = current[1] if current else chosen or "dynamic"
    elif "PREEMPT_LAZY" in words:
        found = "lazy"
    else:
        found = "full" if "PREEMPT" in words else "voluntary or none"
    return found


def sysctls(files: Files) -> dict[str, int | None]:
    """Settings of the network stack; bytes, packets, µs."""
    names = ("rmem_max", "rmem_default", "wmem_max", "netdev_max_backlog", "busy_poll")
    return {name: files.number(f"proc/sys/net/core/{name}") for name in names}


def memory(files: Files) -> dict[str, int | None]:
    """Memory and swap, bytes."""
    text = files.text("proc/meminfo") or ""
    kib = {name: integer(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}

    def read(name: str) -> int | None:
        value = kib.get(name)
        return None if value is None else value * 1024

    total, available, swap, free = (read(n) for n in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree"))
    return {
        "total": total,
        "used": None if total is None or available is None else total - available,
        "swap_total": swap,
        "swap_used": None if swap is None or free is None else swap - free,
    }


def load(files: Files) -> list[float] | None:
    """Threads that wanted to run, on average over 1, 5 and 15 minutes."""
    found = re.match(r"(\d{1,7}\.\d+) (\d{1,7}\.\d+) (\d{1,7}\.\d+)(?: |$)", files.line("proc/loadavg") or "")
    return [float(number) for number in found.groups()] if found else None


def capabilities(files: Files) -> dict[str, bool] | None:
    """Whether this process may force buffers, lock memory and take priorities."""
    found = re.search(r"^CapEff:\s+([0-9a-f]{1,16})$", files.text("proc/self/status") or "", re.MULTILINE)
    if found is None:
        return None
    effective = int(found[1], 16)
    return {name: bool(effective >> bit & 1) for name, bit in _CAPABILITIES.items()}


def irqbalance_running(files: Files) -> bool | None:
    """Whether a daemon moves interrupts between cores; `None` where other processes are hidden, or too many."""
    if any(name.startswith("irqbalance") for name in files.names("run") or []):
        return True
    processes = [name for name in files.names("proc") or [] if name.isdigit()]
    if "1" not in processes:
        return None
    if any(files.line(f"proc/{number}/comm") == "irqbalance" for number in processes[:MOST_PROCESSES]):
        return True
    return None if len(processes) > MOST_PROCESSES else False


def container(files: Files) -> dict[str, Any]:
    """What a container takes from us: its kind, a share of time, cores."""
    groups = _groups(files)
    quota, file = _quota(files, groups)
    return {
        "kind": _kind(files, groups),
        "cpu_quota_cores": quota,
        "cpu_quota_file": file,
        "cpuset": _cpuset(files, groups),
    }


def _groups(files: Files) -> dict[str, str]:
    """Our control groups by controller; the one of version 2 by the empty name."""
    lines = [line.split(":", 2) for line in (files.text("proc/self/cgroup") or "").splitlines()]
    # A path that climbs leads out of what we are shown, and there is nothing to read there.
    rows = [line for line in lines if len(line) == 3 and ".." not in line[2].split("/")]
    return {name: path.strip("/") for _, controllers, path in rows for name in controllers.split(",")}


def _upwards(path: str) -> list[str]:
    """A group and all above it: each may set a limit."""
    parts = path.split("/") if path else []
    return ["/".join(parts[:n]) for n in range(len(parts), -1, -1)]


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _quota(files: Files, groups: dict[str, str]) -> tuple[float | None, str | None]:
    """The lowest limit in cores and the file that sets it; (`None`, `None`) without a limit."""
    limits: list[tuple[float, str]] = []
    for group in _upwards(groups.get("", "")):
        file = _join("sys/fs/cgroup", group, "cpu.max")
        limits += _limit((files.line(file) or "").split(), file)
    for group in _upwards(groups.get("cpu", "")):
        folder = _join("sys/fs/cgroup/cpu", group)
        file = f"{folder}/cpu.cfs_quota_us"
        limits += _limit([files.line(file) or "", files.line(f"{folder}/cpu.cfs_period_us") or ""], file)
    return min(limits) if limits else (None, None)


def _limit(words: list[str], file: str) -> list[tuple[float, str]]:
    if len(words) != 2:
        return []
    quota, period = integer(words[0]), integer(words[1])
    return [(quota / period, f"/{file}")] if quota and period and quota > 0 and period > 0 else []


def _cpuset(files: Files, groups: dict[str, str]) -> list[int] | None:
    for group in _upwards(groups.get("", "")):
        if cores := core_list(files.line(_join("sys/fs/cgroup", group, "cpuset.cpus.effective"))):
            return cores
    for group in _upwards(groups.get("cpuset", "")):
        if cores := core_list(files.line(_join("sys/fs/cgroup/cpuset", group, "cpuset.cpus"))):
            return cores
    return None


def _kind(files: Files, groups: dict[str, str]) -> str | None:
    """`docker`, `podman`, `kubernetes`, `lxc` or `none`."""
    if files.exists("run/.containerenv"):
        return "podman"
    for word, name in (("kubepods", "kubernetes"), ("docker", "docker"), ("libpod", "podman"), ("lxc", "lxc")):
        if any(word in path for path in groups.values()):
            return name
    if files.exists(".dockerenv"):
        return "docker"
    return "none" if groups else None
