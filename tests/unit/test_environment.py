"""The host's record: what it reads from a tree, and that no tree makes it fail."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.host import interface as interface_module
from rttp_cli.host.environment import record
from rttp_cli.host.files import LONGEST, Files, clean, core_list, integer
from rttp_cli.host.interface import interface_name
from rttp_cli.host.system import MOST_PROCESSES

CPU = "sys/devices/system/cpu"
CLOCK = "sys/devices/system/clocksource/clocksource0"
BARE_METAL = {
    "proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon  Gold 6338\nflags\t\t: fpu tsc\n\n",
    f"{CPU}/online": "0-3\n",
    f"{CPU}/smt/active": "1\n",
    f"{CPU}/intel_pstate/no_turbo": "0\n",
    f"{CPU}/cpuidle/current_driver": "intel_idle\n",
    f"{CPU}/cpuidle/current_governor": "menu\n",
    f"{CPU}/cpu0/cpuidle/state0/name": "POLL\n",
    f"{CPU}/cpu0/cpuidle/state0/latency": "0\n",
    f"{CPU}/cpu0/cpuidle/state0/disable": "0\n",
    f"{CPU}/cpu0/cpuidle/state1/name": "C6\n",
    f"{CPU}/cpu0/cpuidle/state1/latency": "170\n",
    f"{CPU}/cpu0/cpuidle/state1/disable": "1\n",
    f"{CPU}/vulnerabilities/meltdown": "Mitigation: PTI\n",
    f"{CPU}/vulnerabilities/mds": "Not affected\n",
    f"{CLOCK}/current_clocksource": "tsc\n",
    f"{CLOCK}/available_clocksource": "tsc hpet acpi_pm \n",
    "proc/sys/kernel/osrelease": "6.12.1\n",
    "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Mon\n",
    "proc/sys/kernel/sched_rt_runtime_us": "-1\n",
    "proc/cmdline": "quiet password=secret isolcpus=2-3 nohz_full=2-3 -- isolcpus=9\n",
    "proc/loadavg": "0.50 1.25 2.00 1/300 4242\n",
    "proc/meminfo": "MemTotal:       1000 kB\nMemAvailable:    400 kB\nSwapTotal:   100 kB\nSwapFree:   90 kB\n",
    "proc/sys/net/core/rmem_max": "212992\n",
    "proc/sys/net/core/rmem_default": "212992\n",
    "proc/sys/net/core/wmem_max": "212992\n",
    "proc/sys/net/core/netdev_max_backlog": "1000\n",
    "proc/sys/net/core/busy_poll": "0\n",
    "proc/self/status": "Name:\trttp\nCapEff:\t0000000000801000\n",
    "proc/self/cgroup": "0::/user.slice/rttp.scope\n",
    "sys/fs/cgroup/user.slice/cpu.max": "50000 100000\n",
    "sys/fs/cgroup/user.slice/rttp.scope/cpu.max": "max 100000\n",
    "sys/fs/cgroup/cpuset.cpus.effective": "0-3\n",
    "proc/1/comm": "systemd\n",
    "proc/77/comm": "irqbalance\n",
    "sys/class/net/lo/mtu": "65536\n",
    "sys/class/net/lo/speed": "-1\n",
    "sys/class/net/lo/tx_queue_len": "1000\n",
}

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Makes a tree of files; `None` takes one out of the bare-metal host's."""

    def make(changes: dict[str, str | None] | None = None, files: dict[str, str] = BARE_METAL) -> Path:
        for name, text in (files | (changes or {})).items():
            if text is not None:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return make


def without_live(found: dict[str, Any]) -> dict[str, Any]:
    """A record without what comes from the running kernel and not from the tree."""
    interface = found["interface"] | {"offloads": None, "coalescing": None}
    return found | {"processor": found["processor"] | {"allowed_cores": None}, "interface": interface}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    return [value]


def test_a_bare_metal_host_is_read_value_by_value(tree: Tree) -> None:
    found = without_live(record(None, tree()))
    assert found["processor"] == {
        "model": "Xeon Gold 6338",
        "logical_cores": 4,
        "allowed_cores": None,
        "smt_active": True,
        "governors": None,
        "boost": True,
        "idle": {
            "driver": "intel_idle",
            "governor": "menu",
            "states": [
                {"name": "POLL", "exit_latency_us": 0, "disabled": False},
                {"name": "C6", "exit_latency_us": 170, "disabled": True},
            ],
            "can_stay_awake": False,
        },
        "hypervisor": "none",
        "mitigations": {"meltdown": "Mitigation: PTI"},
    }
    assert found["clock_source"] == {"current": "tsc", "available": ["tsc", "hpet", "acpi_pm"]}
    assert found["kernel"] == {
        "release": "6.12.1",
        "version": "#1 SMP PREEMPT_DYNAMIC Mon",
        "preemption": "dynamic",
        "sched_rt_runtime_us": -1,
        "isolcpus": "2-3",
        "nohz_full": "2-3",
        "rcu_nocbs": "",
    }
    assert found["load"] == [0.5, 1.25, 2.0]
    assert found["memory"] == {"total": 1_024_000, "used": 614_400, "swap_total": 102_400, "swap_used": 10_240}
    assert found["sysctl"]["rmem_max"] == 212_992
    assert found["capabilities"] == {"net_admin": True, "ipc_lock": False, "sys_nice": True}
    assert found["irqbalance"] is True
    assert found["container"] == {
        "kind": "none",
        "cpu_quota_cores": 0.5,
        "cpu_quota_file": "/sys/fs/cgroup/user.slice/cpu.max",
        "cpuset": [0, 1, 2, 3],
    }
    assert found["interface"]["name"] == "lo"
    assert (found["interface"]["mtu"], found["interface"]["speed_mbit"]) == (65_536, None)


def test_nothing_else_of_the_command_line_is_taken_along(tree: Tree) -> None:
    assert "secret" not in repr(record(None, tree()))


def test_an_empty_tree_is_a_record_of_the_same_keys_that_knows_nothing(tree: Tree, tmp_path: Path) -> None:
    full = record(None, tree())
    (tmp_path / "empty").mkdir()
    found = without_live(record(None, tmp_path / "empty"))
    assert found.keys() == full.keys()
    for key, value in found.items():
        if isinstance(full[key], dict) and value is not None:
            assert value.keys() == full[key].keys(), key
    assert {leaf for leaf in leaves(found) if leaf is not None} == {"lo", False}
    assert found["processor"]["idle"]["can_stay_awake"] is False


def test_a_folder_in_place_of_every_file_is_as_good_as_no_file(tmp_path: Path) -> None:
    for name in BARE_METAL:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    found = without_live(record(None, tmp_path))
    assert found["processor"]["model"] is None and found["kernel"]["release"] is None
    assert found["processor"]["mitigations"] == {}
    assert found["processor"]["idle"]["states"][0] == {"name": None, "exit_latency_us": None, "disabled": None}


def test_files_that_may_not_be_read_are_none(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    root = tree()
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "listdir", refuse)
    found = without_live(record(None, root))
    assert found["kernel"]["version"] is None and found["processor"]["mitigations"] is None
    assert found["irqbalance"] is None and found["memory"]["total"] is None


def test_a_file_that_fails_while_it_is_read_is_none(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(22, "Invalid argument")

    root = tree()
    monkeypatch.setattr(os, "read", fail)
    assert record(None, root)["kernel"]["version"] is None


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tree: Tree) -> None:
    root = tree({"proc/loadavg": None})
    (root / "proc/loadavg").unlink(missing_ok=True)
    os.mkfifo(root / "proc/loadavg")
    assert record(None, root)["load"] is None


@given(garbage=st.dictionaries(st.sampled_from(sorted(BARE_METAL)), st.binary(max_size=80), max_size=8))
def test_no_garbage_makes_it_raise(tmp_path_factory: pytest.TempPathFactory, garbage: dict[str, bytes]) -> None:
    root = tmp_path_factory.mktemp("tree")
    for name, text in BARE_METAL.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(garbage.get(name, text.encode()))
    for leaf in leaves(record(None, root)):
        assert not isinstance(leaf, str) or leaf.isprintable()


@pytest.mark.parametrize(
    ("name", "text", "look"),
    [
        (f"{CPU}/online", "all of them", lambda r: r["processor"]["logical_cores"]),
        (f"{CPU}/online", "0-99999999999", lambda r: r["processor"]["logical_cores"]),
        (f"{CPU}/smt/active", "maybe", lambda r: r["processor"]["smt_active"]),
        ("proc/loadavg", "nan inf -1 1/2 3", lambda r: r["load"]),
        ("proc/meminfo", "MemTotal: lots", lambda r: r["memory"]["total"]),
        ("proc/sys/net/core/rmem_max", "1e6", lambda r: r["sysctl"]["rmem_max"]),
        ("proc/sys/net/core/rmem_max", "9" * 5000, lambda r: r["sysctl"]["rmem_max"]),
        ("proc/self/status", "CapEff: everything", lambda r: r["capabilities"]),
        ("sys/fs/cgroup/user.slice/cpu.max", "50000 0", lambda r: r["container"]["cpu_quota_cores"]),
        ("proc/self/cgroup", "0::/../../etc", lambda r: r["container"]["cpu_quota_cores"]),
    ],
)
def test_what_is_no_value_is_none(tree: Tree, name: str, text: str, look: Callable[[Any], Any]) -> None:
    assert look(record(None, tree({name: text}))) is None


@pytest.mark.parametrize(
    ("version", "changes", "model"),
    [
        ("#1 SMP PREEMPT_RT Mon", {}, "rt"),
        ("#1 SMP", {"sys/kernel/realtime": "1\n"}, "rt"),
        ("#1 SMP PREEMPT Mon", {}, "full"),
        ("#1 SMP PREEMPT_LAZY Mon", {}, "lazy"),
        ("#1 SMP Mon", {}, "voluntary or none"),
        ("#1 SMP PREEMPT_DYNAMIC Mon", {"proc/cmdline": "preempt=none"}, "none"),
        ("#1 SMP PREEMPT_DYNAMIC Mon", {"sys/kernel/debug/sched/preempt": "none voluntary (full)\n"}, "full"),
    ],
)
def test_the_preemption_model_is_what_the_kernel_says_of_itself(
    tree: Tree, version: str, changes: dict[str, str], model: str
) -> None:
    root = tree({"proc/sys/kernel/version": version, **changes})
    assert record(None, root)["kernel"]["preemption"] == model


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"sys/class/dmi/id/sys_vendor": "Amazon EC2\n"}, "amazon"),
        ({"sys/class/dmi/id/sys_vendor": "QEMU\n", "sys/class/dmi/id/product_name": "KVM Virtual Machine\n"}, "qemu"),
        ({"sys/hypervisor/type": "xen\n"}, "xen"),
        ({f"{CLOCK}/available_clocksource": "tsc kvm-clock\n"}, "kvm"),
        ({}, "unknown"),
    ],
)
def test_a_guest_names_its_hypervisor(tree: Tree, changes: dict[str, str], name: str) -> None:
    guest = BARE_METAL["proc/cpuinfo"].replace("fpu tsc", "fpu tsc hypervisor")
    assert record(None, tree({"proc/cpuinfo": guest, **changes}))["processor"]["hypervisor"] == name


def test_a_host_of_a_cloud_without_the_flag_is_no_guest(tree: Tree) -> None:
    root = tree({"sys/class/dmi/id/sys_vendor": "Amazon EC2\n"})
    assert record(None, root)["processor"]["hypervisor"] == "none"


def test_governors_are_told_core_by_core(tree: Tree) -> None:
    names = {f"{CPU}/cpu{core}/cpufreq/scaling_governor": "performance\n" for core in (0, 1, 3)}
    found = record(None, tree(names))["processor"]["governors"]
    assert found == {"0": "performance", "1": "performance", "3": "performance"}


def test_no_folder_of_idle_states_means_that_none_are_exposed(tree: Tree) -> None:
    files = {name: text for name, text in BARE_METAL.items() if "cpuidle" not in name}
    assert record(None, tree(files=files))["processor"]["idle"]["states"] == []


def test_a_quota_of_the_first_version_is_found_where_that_is_mounted(tree: Tree) -> None:
    root = tree(
        {
            "proc/self/cgroup": "4:memory:/a\n3:cpuset:/a\n1:cpu,cpuacct:/a/b\n0::/\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpuset/a/cpuset.cpus": "1,3\n",
            "sys/fs/cgroup/cpuset.cpus.effective": "",
        }
    )
    found = record(None, root)["container"]
    assert (found["cpu_quota_cores"], found["cpuset"]) == (1.5, [1, 3])
    assert found["cpu_quota_file"] == "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"run/.containerenv": ""}, "podman"),
        ({".dockerenv": ""}, "docker"),
        ({"proc/self/cgroup": "0::/kubepods.slice/pod1\n"}, "kubernetes"),
        ({"proc/self/cgroup": "1:cpu:/docker/0a\n"}, "docker"),
    ],
)
def test_a_container_is_known_by_what_it_leaves(tree: Tree, changes: dict[str, str], kind: str) -> None:
    assert record(None, tree(changes))["container"]["kind"] == kind


def test_hidden_or_too_many_processes_leave_irqbalance_open(tree: Tree) -> None:
    files = {name: text for name, text in BARE_METAL.items() if not name.startswith(("proc/1/", "proc/77/"))}
    root = tree(files=files)
    assert record(None, root)["irqbalance"] is None, "process 1 is hidden, so others are"
    for number in (1, *range(1000, 1000 + MOST_PROCESSES)):
        (root / "proc" / str(number)).mkdir()
    assert record(None, root)["irqbalance"] is None, "not all were looked at"
    (root / "run/irqbalance").mkdir(parents=True)
    assert record(None, root)["irqbalance"] is True


def test_this_host_is_read_without_a_process_and_within_thirty_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process is started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "posix_spawn", refuse)
    monkeypatch.setattr(os, "fork", refuse)
    took = []
    for _ in range(10):
        before = time.perf_counter()
        found = record("127.0.0.1")
        took.append(time.perf_counter() - before)
    assert found["kernel"]["release"] == os.uname().release
    assert found["processor"]["allowed_cores"] == sorted(os.sched_getaffinity(0))
    # The best of ten: what it costs, not what a stall of this machine adds.
    assert min(took) < 0.030


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("127.0.0.1", "lo"),
        ("127.9.9.9", "lo"),
        ("::1", "lo"),
        ("::ffff:127.0.0.1", "lo"),
        ("fe80::1%lo", "lo"),
        ("fe80::1%1", "lo"),
        ("fe80::1%no-such-interface", None),
        ("not an address", None),
        ("", None),
    ],
)
def test_an_address_leads_to_an_interface(target: str, name: str | None) -> None:
    assert interface_name(target) == name


class FakeSocket:
    """A socket that the kernel would give a local address of our choice; nothing is sent."""

    def __init__(self, local: str) -> None:
        self.local = local

    def __call__(self, *_: object) -> "FakeSocket":
        return self

    def __enter__(self) -> "FakeSocket":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def connect(self, _: object) -> None:
        pass

    def getsockname(self) -> tuple[str, int]:
        return self.local, 1


@pytest.mark.parametrize(("local", "name"), [("192.0.2.7", "eth9"), ("192.0.2.8", None), ("192.0.2.99", "lo")])
def test_the_owner_of_the_local_address_is_the_interface(
    monkeypatch: pytest.MonkeyPatch, local: str, name: str | None
) -> None:
    import psutil

    class Entry:
        address = "192.0.2.7"

    monkeypatch.setattr(interface_module.socket, "socket", FakeSocket(local))
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"eth9": [Entry()]})
    assert interface_name("192.0.2.99") == name, "an address of our own is reached through lo"


def test_a_target_without_a_way_has_no_interface(monkeypatch: pytest.MonkeyPatch, tree: Tree) -> None:
    monkeypatch.setattr("rttp_cli.host.interface.interface_name", lambda _: None)
    assert record("192.0.2.1", tree())["interface"] is None


def test_an_interface_that_does_not_exist_tells_no_offloads() -> None:
    assert interface_module._offloads("no-such-one") is None
    assert interface_module._coalescing("no-such-one") is None
    assert interface_module._offloads("lo") is not None


@pytest.mark.parametrize(
    ("text", "cores"),
    [("0-3,8", [0, 1, 2, 3, 8]), ("", []), ("5", [5]), ("3-1", None), ("a", None), ("1-", None), (None, None)],
)
def test_lists_of_cores_are_those_of_the_kernel(text: str | None, cores: list[int] | None) -> None:
    assert core_list(text) == cores


@pytest.mark.parametrize(
    ("text", "number"), [("-1", -1), ("0", 0), ("--1", None), ("٣", None), ("", None), (None, None)]
)
def test_numbers_are_decimal_digits(text: str | None, number: int | None) -> None:
    assert integer(text) == number


def test_texts_are_printable_and_bounded(tmp_path: Path) -> None:
    assert clean("a\x1b[31m\n b\x00") == "a [31m b"
    (tmp_path / "long").write_bytes(b"x" * (LONGEST + 10))
    assert len(Files(tmp_path).text("long") or "") == LONGEST
    assert len(Files(tmp_path).line("long") or "") == 400
    assert Files(tmp_path).text("a\0b") is None
