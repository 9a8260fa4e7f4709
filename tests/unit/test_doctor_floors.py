"""The doctor's measurements: what is kept when one is refused or stopped. No figure is held to a bound."""

import os
import signal
import threading
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram

from rttp_cli import _core
from rttp_cli.doctor import DoctorOptions, Step, examine, floors
from rttp_cli.errors import RttpError

MS = 1_000_000
NAMES = ["stalls", "ring", "clock", "udp_spin", "udp_block"]
ROUND_TRIP = {"interrupted": False, "cores": [1, 0], "round_trip": {"percentiles": []}}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements of some milliseconds."""
    monkeypatch.setattr(floors, "RING_NS", 20 * MS)
    monkeypatch.setattr(floors, "UDP_NS", 30 * MS)
    monkeypatch.setattr(floors, "UDP_WARMUP_NS", 2 * MS)


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Measurements that take no time."""
    monkeypatch.setattr(floors, "stall_floor", lambda _: {"interrupted": False, "cores": []})
    monkeypatch.setattr(floors, "ring_floor", lambda: dict(ROUND_TRIP))
    monkeypatch.setattr(floors, "clock_floor", lambda: {"run_ns": 10.0, "kernel_ns": 20.0})
    monkeypatch.setattr(floors, "udp_floor", lambda spin: dict(ROUND_TRIP, spin=spin))
    return monkeypatch


def samples(encoded: str) -> int:
    return int(HdrHistogram.decode(encoded).get_total_count())


def test_all_floors_are_measured_on_this_host(short: None) -> None:
    told: list[Step] = []
    found = floors.measure(30 * MS, told.append)
    assert [step.name for step in told] == NAMES and told == floors.steps(30 * MS)
    assert found["interrupted"] is False
    cores = _core.allowed_cores()
    assert [core["core"] for core in found["stalls"]["cores"]] == cores
    for core in found["stalls"]["cores"]:
        assert core["watched_ns"] > 0 and core["readings"] > 1
        assert samples(core["gaps"]) >= core["levels"][0]["count"]
    assert found["clock"]["run_ns"] > 0 and found["clock"]["kernel_ns"] > 0
    assert found["udp_block"]["round_trip"]["samples"] > 0
    assert len(set(found["udp_block"]["cores"])) == 1
    if len(cores) > 1:
        assert found["skipped"] == {}
        assert found["ring"]["round_trip"]["samples"] > 0 and len(set(found["ring"]["cores"])) == 2
        assert len(set(found["udp_spin"]["cores"])) == 2


def test_one_core_skips_what_needs_two_and_says_so(short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "allowed_cores", lambda: [0])
    found = floors.measure(10 * MS)
    assert set(found["skipped"]) == {"ring", "udp_spin"}
    assert all("this process may use one" in reason for reason in found["skipped"].values())
    assert found["ring"] is None and found["udp_spin"] is None and found["udp_block"] is not None


def test_a_measurement_that_is_refused_does_not_keep_the_others_from_theirs(faked: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> Any:
        raise RttpError("socket", "socket: no sockets here")

    faked.setattr(floors, "udp_floor", refuse)
    found = floors.measure(10 * MS)
    assert found["skipped"] == {"udp_spin": "socket: no sockets here", "udp_block": "socket: no sockets here"}
    assert found["clock"] is not None and not found["interrupted"]


def test_a_core_that_the_kernel_refuses_is_a_reason_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floors, "_measurements", lambda _: iter([(Step("stalls", "", 0), refused)]))

    def refused() -> Any:
        return floors._finished(_core.Floor.stalls(cores=[1023], duration=60.0))

    found = floors.measure(10 * MS)
    assert "core 1023" in found["skipped"]["stalls"]


def test_a_stop_between_two_measurements_keeps_the_first(faked: pytest.MonkeyPatch) -> None:
    def stop() -> Any:
        raise KeyboardInterrupt

    faked.setattr(floors, "ring_floor", stop)
    found = floors.measure(10 * MS)
    assert found["interrupted"] and found["stalls"] is not None
    assert [name for name in NAMES if found[name] is None] == NAMES[1:]


def test_a_measurement_that_was_stopped_is_kept_and_is_the_last(faked: pytest.MonkeyPatch) -> None:
    faked.setattr(floors, "udp_floor", lambda spin: dict(ROUND_TRIP, interrupted=True))
    found = floors.measure(10 * MS)
    assert found["interrupted"] and found["udp_spin"] is not None and found["udp_block"] is None


def test_an_interrupt_ends_a_record_of_an_hour_and_keeps_it() -> None:
    # As Ctrl-C does to Python; the core is not told, so that it is `stop` that ends it.
    floor = _core.Floor.stalls(cores=_core.allowed_cores(), duration=3600.0)

    class Stopped:
        def wait(self, longest: float) -> bool:
            assert not floor.wait(0.05)
            raise KeyboardInterrupt

        stop = floor.stop
        finish = floor.finish

    record = floors._finished(Stopped())  # type: ignore[arg-type]
    assert record["interrupted"] is True
    assert all(core["watched_ns"] > 0 for core in record["cores"])


def test_the_core_is_waited_for_without_the_lock_of_python() -> None:
    floor = _core.Floor.stalls(cores=[_core.allowed_cores()[0]], duration=0.3)
    counted = []
    thread = threading.Thread(target=lambda: counted.extend(range(1000)))
    thread.start()
    assert floor.wait(60.0)
    thread.join()
    assert len(counted) == 1000 and floor.finish()["interrupted"] is False


def test_a_ring_on_one_core_is_refused() -> None:
    floor = _core.Floor.ring(core_a=0, core_b=0, duration=3600.0)
    with pytest.raises(_core.CoreError, match="needs two of them"):
        floor.finish()


def test_ctrl_c_ends_a_wait_in_the_core() -> None:
    floor = _core.Floor.stalls(cores=_core.allowed_cores(), duration=3600.0)
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        floor.wait(60.0)
    timer.join()
    assert floor.finish()["interrupted"] is True


def test_a_record_is_finished_once() -> None:
    floor = _core.Floor.stalls(cores=[], duration=0.0)
    floor.finish()
    assert floor.wait(0.0) is True
    with pytest.raises(RuntimeError, match="finished before"):
        floor.finish()


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="duration"):
        _core.Floor.stalls(cores=[0], duration=seconds)


@pytest.mark.parametrize("duration_ns", [0, 9_999_999, 3_600_000_000_001])
def test_durations_beside_their_range_are_refused(duration_ns: int) -> None:
    with pytest.raises(RttpError, match="`--duration`"):
        DoctorOptions(duration_ns=duration_ns)


def test_without_floors_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floors, "_measurements", lambda _: pytest.fail("measured"))
    found = examine(DoctorOptions(floors=False))
    assert found["floors"] is None and found["findings"] and not found["interrupted"]


@pytest.mark.parametrize(
    ("target", "address"), [("127.0.0.1", "127.0.0.1"), ("[::1]:9", "::1"), ("127.0.0.1:9", "127.0.0.1")]
)
def test_a_target_decides_whose_interface_is_looked_at(target: str, address: str) -> None:
    found = examine(DoctorOptions(target=target, floors=False))
    assert found["target"] == address and found["environment"]["interface"]["name"] == "lo"
