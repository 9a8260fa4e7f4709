"""Judgements: a good host has none against it, each fault is seen by its check alone, and says what to do."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from unit.doctor_samples import core, environment, floors, round_trip

from rttp_cli.doctor import checks, floor_checks, kernel_checks, network_checks, processor_checks
from rttp_cli.doctor.checks import ALL, OF_ENVIRONMENT, findings, unread
from rttp_cli.doctor.floor_checks import LIMIT_NS, delayed_share
from rttp_cli.host.environment import record

DEEP = {"name": "C6", "exit_latency_us": 170, "disabled": False}
IDLE: dict[str, Any] = {"driver": "d", "governor": "g", "states": [DEEP], "can_stay_awake": False}
LO = environment()["interface"] | {"name": "lo", "driver": None, "coalescing": None, "mtu": 65_536, "speed_mbit": None}


def states(host: dict[str, Any], measured: dict[str, Any] | None = None) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in findings(host, measured)}


def finding(name: str, host: dict[str, Any], measured: dict[str, Any] | None = None) -> dict[str, Any]:
    return next(row for row in findings(host, measured) if row["name"] == name)


def stalled(*cores: dict[str, Any]) -> dict[str, Any]:
    return floors(stalls={"interrupted": False, "gaps_from_ns": 1_000, "cores": list(cores)})


def test_a_good_host_passes_every_check_there_is() -> None:
    found = findings(environment(), floors())
    assert [row["name"] for row in found] == list(ALL)
    assert {row["state"] for row in found} == {"ok"}
    assert all(row["command"] is None and row["advice"] is None for row in found), "nothing to change"
    assert unread(found, floors()) == []


ENVIRONMENT_FAULTS = [
    ("cores", "warn", {"processor__allowed_cores": [3]}),
    ("hypervisor", "warn", {"processor__hypervisor": "kvm"}),
    ("hypervisor", "warn", {"processor__hypervisor": "unknown"}),
    ("governor", "warn", {"processor__governors": {"0": "performance", "1": "powersave"}}),
    ("idle-states", "warn", {"processor__idle": IDLE}),
    ("clock-source", "bad", {"clock_source__current": "hpet"}),
    ("clock-source", "warn", {"clock_source__current": "kvm-clock"}),
    ("smt", "warn", {"processor__smt_active": True}),
    ("mitigations", "warn", {"processor__mitigations": {"meltdown": "Mitigation: PTI"}}),
    ("preemption", "warn", {"kernel__preemption": "voluntary or none"}),
    ("isolation", "warn", {"kernel__isolcpus": "", "kernel__nohz_full": ""}),
    ("load", "warn", {"load": [2.0, 0.0, 0.0]}),
    ("load", "bad", {"load": [8.0, 0.0, 0.0]}),
    ("memory", "warn", {"memory__swap_used": 4096}),
    ("memory", "warn", {"memory__used": (1 << 34) - 4096}),
    ("rt-throttle", "warn", {"kernel__sched_rt_runtime_us": -1}),
    ("rt-throttle", "warn", {"kernel__sched_rt_runtime_us": 0}),
    ("irqbalance", "warn", {"irqbalance": True}),
    ("cpu-quota", "bad", {"container__cpu_quota_cores": 0.5, "container__cpu_quota_file": "/sys/fs/cgroup/cpu.max"}),
    ("receive-buffer", "warn", {"sysctl__rmem_max": 212_992}),
    ("backlog", "warn", {"sysctl__netdev_max_backlog": 100}),
    ("busy-poll", "warn", {"sysctl__busy_poll": 0}),
    ("interface", "warn", {"interface__mtu": 576}),
    ("interface", "warn", {"interface__speed_mbit": 100}),
    ("coalescing", "warn", {"interface__coalescing": {"rx_us": 50, "adaptive_rx": False}}),
    ("coalescing", "warn", {"interface__coalescing": {"rx_us": 0, "adaptive_rx": True}}),
    ("lro", "warn", {"interface__offloads": {"lro": True}}),
]
FLOOR_FAULTS = [
    ("stalls", "warn", stalled(core(0), core(1, 150_000))),
    ("stalls", "bad", stalled(core(0), core(1, 4_000_000))),
    ("ring", "warn", floors(ring={"cores": [1, 0], "round_trip": round_trip(1_500, 5_000)})),
    ("clock", "warn", floors(clock={"run_ns": 150.0, "kernel_ns": 22.0})),
    ("clock", "bad", floors(clock={"run_ns": 10.0, "kernel_ns": 1_500.0})),
    ("udp-spin", "warn", floors(udp_spin={"cores": [1, 0], "round_trip": round_trip(25_000, 90_000)})),
    ("udp-spin", "warn", floors(udp_spin={"cores": [1, 0], "round_trip": round_trip(5_000, 400_000)})),
    ("udp-block", "warn", floors(udp_block={"cores": [1, 1], "round_trip": round_trip(50_000, 90_000)})),
    ("udp-block", "warn", floors(udp_block={"cores": [1, 1], "round_trip": round_trip(9_000, 90_000, lost=1)})),
]


@pytest.mark.parametrize(("name", "state", "changes"), ENVIRONMENT_FAULTS)
def test_a_fault_of_the_host_is_seen_by_its_check_alone(name: str, state: str, changes: dict[str, Any]) -> None:
    found = states(environment(**changes))
    assert {key: value for key, value in found.items() if value != "ok"} == {name: state}


@pytest.mark.parametrize(("name", "state", "measured"), FLOOR_FAULTS)
def test_a_floor_that_is_too_high_is_seen_by_its_check_alone(name: str, state: str, measured: dict[str, Any]) -> None:
    found = states(environment(), measured)
    assert {key: value for key, value in found.items() if value != "ok"} == {name: state}


def test_every_check_has_a_fault_in_the_tests_above() -> None:
    assert {name for name, _, _ in [*ENVIRONMENT_FAULTS, *FLOOR_FAULTS]} == set(ALL)


@pytest.mark.parametrize(("name", "_state", "changes"), ENVIRONMENT_FAULTS)
def test_a_fault_says_why_and_what_to_do_in_words_a_shell_takes(
    name: str, _state: str, changes: dict[str, Any]
) -> None:
    row = finding(name, environment(**changes))
    assert row["why"] and (row["command"] or row["advice"])
    if row["command"]:
        assert shlex.split(row["command"])[0] in {"echo", "sudo", "ps", "taskset"}


@pytest.mark.parametrize(("name", "_state", "measured"), FLOOR_FAULTS)
def test_a_high_floor_says_where_to_look(name: str, _state: str, measured: dict[str, Any]) -> None:
    assert finding(name, environment(), measured)["advice"]


def test_a_host_that_tells_nothing_is_not_judged(tmp_path: Path) -> None:
    host = record(None, tmp_path)
    host["processor"]["allowed_cores"] = None
    host["interface"]["offloads"] = None
    assert findings(host, None) == []
    assert unread([], None) == list(OF_ENVIRONMENT)
    assert unread([], floors()) == list(ALL)


def test_this_host_can_be_judged() -> None:
    assert {row["state"] for row in findings(record(None), None)} <= {"ok", "warn", "bad"}


def test_floors_that_were_not_measured_are_not_judged() -> None:
    none = floors(stalls=None, ring=None, clock=None, udp_spin=None, udp_block=None)
    assert set(states(environment(), none)) == set(OF_ENVIRONMENT)
    unwatched = stalled(core(0, watched_ns=0))
    assert "stalls" not in states(environment(), unwatched)


def test_the_delayed_share_is_that_of_instants_whose_wait_passes_the_limit() -> None:
    assert delayed_share(core(0, LIMIT_NS)) == 0.0, "the first instant waits the limit and no longer"
    # By hand: of 500 µs the first 200 wait over 300 µs, of 1 ms the first 700; 900 µs in 3 s.
    assert delayed_share(core(0, 250_000, 500_000, 1_000_000)) == pytest.approx(900_000 / 3e9)


def test_a_stall_is_bad_from_where_it_takes_more_than_one_instant_in_ten_thousand() -> None:
    just_not = LIMIT_NS + int(1e-4 * 3_000_000_000)
    assert states(environment(), stalled(core(0, just_not)))["stalls"] == "warn"
    assert states(environment(), stalled(core(0, just_not + 10)))["stalls"] == "bad"


def test_a_tail_from_too_few_samples_is_neither_shown_nor_judged() -> None:
    few = floors(udp_spin={"cores": [1, 0], "round_trip": round_trip(5_000, 900_000, tail_state="few")})
    row = finding("udp-spin", environment(), few)
    assert row["state"] == "ok" and "P99.99" not in row["found"]


def test_capabilities_make_up_for_a_small_buffer() -> None:
    capable = {"net_admin": True, "ipc_lock": False, "sys_nice": False}
    assert states(environment(sysctl__rmem_max=212_992, capabilities=capable))["receive-buffer"] == "ok"
    assert states(environment(sysctl__rmem_max=212_992, capabilities=None))["receive-buffer"] == "warn"


def test_deep_sleep_is_no_fault_where_rttp_may_prevent_it() -> None:
    row = finding("idle-states", environment(processor__idle=IDLE | {"can_stay_awake": True}))
    assert row["state"] == "ok" and row["found"] == "up to C6, 170 µs to leave; rttp may keep cores awake"
    off = IDLE | {"states": [DEEP | {"disabled": True}]}
    assert states(environment(processor__idle=off))["idle-states"] == "ok"


def test_a_guest_is_not_believed_that_its_cores_wake_fast() -> None:
    guest = environment(processor__hypervisor="kvm", processor__idle=IDLE | {"states": []})
    assert states(guest)["idle-states"] == "warn"


def test_virtual_interfaces_are_not_told_to_poll_a_card() -> None:
    found = states(environment(interface=LO, sysctl__busy_poll=0))
    assert "busy-poll" not in found and "coalescing" not in found and found["interface"] == "ok"


def test_small_hosts_are_not_told_to_isolate_cores() -> None:
    small = environment(kernel__isolcpus="", kernel__nohz_full="", processor__logical_cores=2)
    assert states(small)["isolation"] == "ok"


def test_a_quota_is_lifted_in_the_file_that_sets_it_by_the_word_it_takes() -> None:
    def lift(file: str) -> Any:
        quota = environment(container__cpu_quota_cores=1.0, container__cpu_quota_file=file)
        return finding("cpu-quota", quota)["command"]

    assert lift("/sys/fs/cgroup/a b/cpu.max") == "echo max | sudo tee '/sys/fs/cgroup/a b/cpu.max'"
    assert lift("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") == "echo -1 | sudo tee /sys/fs/cgroup/cpu/cpu.cfs_quota_us"


def test_a_clock_that_is_not_there_is_not_recommended() -> None:
    row = finding("clock-source", environment(clock_source={"current": "hpet", "available": ["hpet"]}))
    assert row["command"] is None and "dmesg" in row["advice"]


def test_names_of_checks_are_the_names_in_their_tables() -> None:
    tables = (floor_checks, processor_checks, kernel_checks, network_checks)
    assert sum(len(module.CHECKS) for module in tables) == len(ALL) == len(set(ALL))
    for name, check in checks.OF_ENVIRONMENT.items():
        made = check(environment())
        assert made is not None and made.name == name
