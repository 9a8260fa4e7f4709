"""A host without a fault and floors without a stall, for tests to spoil; written from docs/DOCTOR.md."""

import copy
from typing import Any

_PERCENTILE = {"lower_ns": 0, "upper_ns": 0, "beyond": 0, "state": "ok"}


def environment(**changes: Any) -> dict[str, Any]:
    """A host's record; `group__key=value` changes one value, `key=value` a whole group."""
    found = copy.deepcopy(_ENVIRONMENT)
    for name, value in changes.items():
        group, _, key = name.partition("__")
        if key:
            found[group][key] = value
        else:
            found[group] = value
    return found


def round_trip(p50: int, p9999: int, lost: int = 0, tail_state: str = "ok") -> dict[str, Any]:
    """Percentiles as the report room gives them."""
    rows = [
        {**_PERCENTILE, "q": 0.5, "name": "P50", "value_ns": p50},
        {**_PERCENTILE, "q": 0.9999, "name": "P99.99", "value_ns": p9999, "state": tail_state},
    ]
    return {"samples": 100_000, "lost": lost, "min_ns": 1, "mean_ns": 1.0, "max_ns": p9999, "percentiles": rows}


def core(number: int, *gaps: int, watched_ns: int = 3_000_000_000) -> dict[str, Any]:
    """A core that was watched for three seconds and had such gaps."""
    levels = []
    for from_ns in (10_000, 100_000, 300_000, 1_000_000):
        over = [gap for gap in gaps if gap >= from_ns]
        levels.append({"from_ns": from_ns, "count": len(over), "total_ns": sum(over)})
    return {
        "core": number,
        "watched_ns": watched_ns,
        "readings": 1_000_000,
        "gaps": "",
        "longest_ns": max(gaps, default=0),
        "levels": levels,
        "stalls": [(0, gap) for gap in gaps if gap > 100_000],
    }


def floors(**changes: Any) -> dict[str, Any]:
    """All floors measured."""
    found: dict[str, Any] = {
        "interrupted": False,
        "stalls": {"interrupted": False, "gaps_from_ns": 1_000, "cores": [core(0), core(1)]},
        "ring": {"interrupted": False, "cores": [1, 0], "round_trip": round_trip(200, 5_000)},
        "clock": {"run_ns": 10.0, "kernel_ns": 22.0},
        "udp_spin": {"interrupted": False, "cores": [1, 0], "round_trip": round_trip(5_000, 90_000)},
        "udp_block": {"interrupted": False, "cores": [1, 1], "round_trip": round_trip(10_000, 50_000)},
        "skipped": {},
    }
    return found | changes


_ENVIRONMENT: dict[str, Any] = {
    "processor": {
        "model": "Xeon Gold 6338",
        "logical_cores": 8,
        "allowed_cores": list(range(8)),
        "smt_active": False,
        "governors": {str(number): "performance" for number in range(8)},
        "boost": True,
        "idle": {
            "driver": "intel_idle",
            "governor": "menu",
            "states": [{"name": "POLL", "exit_latency_us": 0, "disabled": False}],
            "can_stay_awake": True,
        },
        "hypervisor": "none",
        "mitigations": {"spectre_v1": "Mitigation: barriers"},
    },
    "clock_source": {"current": "tsc", "available": ["tsc", "hpet"]},
    "kernel": {
        "release": "6.12.1",
        "version": "#1 SMP PREEMPT_DYNAMIC Mon",
        "preemption": "dynamic",
        "sched_rt_runtime_us": 950_000,
        "isolcpus": "6-7",
        "nohz_full": "6-7",
        "rcu_nocbs": "6-7",
    },
    "load": [0.1, 0.1, 0.1],
    "memory": {"total": 1 << 34, "used": 1 << 32, "swap_total": 0, "swap_used": 0},
    "sysctl": {
        "rmem_max": 16 << 20,
        "rmem_default": 212_992,
        "wmem_max": 212_992,
        "netdev_max_backlog": 1_000,
        "busy_poll": 50,
    },
    "capabilities": {"net_admin": False, "ipc_lock": False, "sys_nice": False},
    "irqbalance": False,
    "container": {"kind": "none", "cpu_quota_cores": None, "cpu_quota_file": None, "cpuset": list(range(8))},
    "interface": {
        "name": "eth0",
        "mtu": 1_500,
        "speed_mbit": 10_000,
        "driver": "ice",
        "txqueuelen": 1_000,
        "offloads": {"gro": True, "lro": False},
        "coalescing": {"rx_us": 0, "adaptive_rx": False},
    },
}
