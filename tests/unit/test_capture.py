"""A run's flights as a capture: every record becomes packets with its own times, lengths and words."""

import io
import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.report.capture import packets, section_comment, write_flights
from rttp_cli.wire.scapy_layer import LONGEST_COMMENT, RTTP, Captured, write_pcapng

NOW = 1_795_266_640_363_050_389
"""Of the Unix times that a float cannot tell from its neighbours."""
ENDS = {4: ("127.0.0.1:40000", "127.0.0.1:21076"), 6: ("[::1]:40000", "[::1]:21076")}
HEADERS = {4: 14 + 20 + 8, 6: 14 + 40 + 8}


def header(kind: str, seq_id: int) -> bytes:
    kinds = next(row["names"] for row in _core.layouts()[0]["fields"] if row["name"] == "kind")
    return _core.emit({"kind": kinds[kind], "seq_id": seq_id, "timestamp_ns": NOW, "priority": 7})


def flight(seq_id: int, *, answered: bool = True, kernel: int | None = None, **changes: Any) -> dict[str, Any]:
    """Due at 1 ms, sent 2 µs late, taken 10 µs later, read 50 µs after the send."""
    sent_unix = NOW + 1_000_000 * seq_id
    return {
        "stream": "pulses",
        "seq_id": seq_id,
        "priority": 7,
        "length": 138,
        "due_ns": 1_000_000,
        "sent_ns": 1_002_000,
        "sent_unix_ns": sent_unix,
        "target_unix_ns": sent_unix + 10_000 if answered else None,
        "kernel_unix_ns": None if kernel is None else sent_unix + kernel,
        "landed_ns": 1_052_000 if answered else None,
        "landed_unix_ns": sent_unix + 50_000 if answered else None,
        "pulse": header("PING", seq_id).hex(),
        "answer": header("PONG", seq_id).hex() if answered else None,
    } | changes


def result(slowest: list[dict[str, Any]], lost: list[dict[str, Any]], version: int = 4) -> dict[str, Any]:
    local, target = ENDS[version]
    session = {"local": local, "target": target, "clock": {"shared": True}}
    return {
        "run": {"local": local, "target": target, "faults": {"loss": 0.0, "seed": 1}},
        "profile": {"name": "hft"},
        "schedule": {"seed": 42, "digest": "073943e3"},
        "counts": {"answered": 397, "lost": len(lost)},
        "streams": [{"name": "pulses", "timeout_ns": 20_000_000}],
        "sessions": [session],
        "flights": {"slowest": slowest, "lost": lost},
    }


def read(data: bytes) -> list[tuple[int, bytes, int]]:
    """Time in ns, captured bytes and original length of every packet, by scapy's reader."""
    with RawPcapNgReader(io.BytesIO(data)) as reader:
        found = list(reader)
    assert all(meta.tsresol == 10**9 for _, meta in found)
    return [((meta.tshigh << 32) + meta.tslow, frame, meta.wirelen) for frame, meta in found]


def words(document: dict[str, Any]) -> list[str]:
    return [packet[5] for packet in packets(document)]


@pytest.mark.parametrize("version", [4, 6])
def test_a_pulse_and_its_answer_are_two_packets_with_the_times_of_the_record(tmp_path: Path, version: int) -> None:
    path = tmp_path / "run.pcapng"
    write_flights(result([flight(1)], [], version), path)
    (sent, pulse, whole), (landed, answer, other) = read(path.read_bytes())
    assert (sent, landed) == (NOW + 1_000_000, NOW + 1_050_000)
    assert len(pulse) == len(answer) == HEADERS[version] + 64
    assert whole == other == HEADERS[version] + 138
    there, back = Ether(pulse), Ether(answer)
    assert (there[UDP].sport, there[UDP].dport, there[UDP].len) == (40_000, 21_076, 8 + 138)
    assert (back[UDP].sport, back[UDP].dport, back[UDP].len) == (21_076, 40_000, 8 + 138)
    assert (there.src, there.dst) == (back.dst, back.src)
    assert there.src != there.dst
    assert (bytes(there[RTTP]), bytes(back[RTTP])) == (header("PING", 1), header("PONG", 1))
    assert (there[UDP].chksum == 0) == (version == 4)


def test_an_answer_has_the_kernels_time_when_there_is_one() -> None:
    assert [p[0] - NOW for p in packets(result([flight(0, kernel=40_000)], []))] == [0, 40_000]


def test_packets_are_in_time_order_whatever_their_rank() -> None:
    found = packets(result([flight(5, kernel=-9), flight(2), flight(9)], [flight(3, answered=False)]))
    times = [packet[0] for packet in found]
    assert len(found) == 7
    assert times == sorted(times)
    assert found[0][5].startswith("pulse, slowest 2 of 3: ")


def test_a_lost_pulse_has_no_answer() -> None:
    assert words(result([], [flight(8, answered=False)])) == [
        "pulse, lost: stream pulses, seq_id 8; due at 1,000,000 ns; sent at 1,002,000 ns, 2.00 µs late;"
        " no answer within 20.0 ms"
    ]


def test_both_packets_tell_the_whole_timeline() -> None:
    told = (
        "slowest 1 of 1: stream pulses, seq_id 8; due at 1,000,000 ns; sent at 1,002,000 ns, 2.00 µs late;"
        " target took it 10.0 µs after the send; kernel stamped the answer 40.0 µs after the send;"
        " answer read at 1,052,000 ns; latency 52.0 µs from schedule, 50.0 µs from send"
    )
    assert words(result([flight(8, kernel=40_000)], [])) == [f"pulse, {told}", f"answer, {told}"]


def test_what_was_not_stamped_is_not_told() -> None:
    (pulse, _) = words(result([flight(8, target_unix_ns=None)], []))
    assert "target took it" not in pulse
    assert "kernel" not in pulse


def test_a_clock_that_is_behind_gives_less_than_zero() -> None:
    (pulse, _) = words(result([flight(8, target_unix_ns=NOW + 8_000_000 - 1_500)], []))
    assert "target took it -1.50 µs after the send" in pulse


def test_the_section_says_what_ran_and_that_payload_is_not_kept() -> None:
    said = section_comment(result([flight(1)], [flight(2, answered=False)]))
    assert said.startswith("rttp bench: profile hft, seed 42, digest 073943e3, target 127.0.0.1:21076\n")
    assert "the 1 slowest of 397 answered pulses, the first 1 of 1 lost ones" in said
    assert "payload is not kept" in said
    for doubt in ("faults", "sessions", "clock"):
        assert doubt not in said


def test_the_section_says_what_the_packets_cannot_be_trusted_for() -> None:
    document = result([flight(1)], [])
    document["profile"] = None
    document["run"]["faults"]["loss"] = 0.01
    document["sessions"] += [{"local": "127.0.0.1:2", "target": "127.0.0.1:3", "clock": {"shared": False}}]
    said = section_comment(document)
    assert "no profile, seed 42" in said
    assert "target 127.0.0.1:21076, 127.0.0.1:3\n" in said
    assert "faults were injected" in said
    assert "which of 2 sessions" in said
    assert "its own clock" in said


def test_a_run_without_flights_is_a_capture_without_packets(tmp_path: Path) -> None:
    path = tmp_path / "none.pcapng"
    write_flights(result([], []), path)
    assert read(path.read_bytes()) == []


def test_the_core_reads_the_capture_as_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    write_flights(result([flight(1), flight(4, length=64)], [flight(2, answered=False, length=1_400)]), path)
    trace = _core.Trace.load(str(path), port=21_076)
    assert (trace.format, trace.entries, trace.skipped, trace.sorted) == ("pcapng", 3, 2, 0)
    assert (trace.duration_ns, trace.sizes(), trace.has_priorities) == (3_000_000, [(0, 1), (74, 1), (1_336, 1)], True)


@st.composite
def captured(draw: st.DrawFn) -> list[Captured]:
    time_ns = draw(st.integers(0, 1 << 63))
    found: list[Captured] = []
    for _ in range(draw(st.integers(1, 12))):
        version = draw(st.sampled_from([4, 6]))
        src, dst = draw(st.permutations(ENDS[version]))
        data = draw(st.just(header("PING", 3)) | st.binary(min_size=1, max_size=90).map(lambda b: b"\xff" + b))
        length = len(data) + draw(st.integers(0, 2_000) | st.just(65_507 - len(data)))
        found.append((time_ns, src, dst, data, length, draw(st.text(max_size=30))))
        time_ns += draw(st.integers(0, 2_000_000_000))
    return found


@settings(deadline=None, max_examples=60)
@given(given_packets=captured(), comment=st.text(max_size=40))
def test_every_file_reads_back_with_the_same_times_and_sizes(
    tmp_path_factory: pytest.TempPathFactory, given_packets: list[Captured], comment: str
) -> None:
    data = write_pcapng(given_packets, comment)
    found = read(data)
    assert len(found) == len(given_packets)
    for (time_ns, frame, whole), (wanted_ns, src, _, known, length, _) in zip(found, given_packets, strict=True):
        headers = HEADERS[6 if src.startswith("[") else 4]
        assert (time_ns, len(frame), whole) == (wanted_ns, headers + len(known), headers + length)
        assert frame[headers:] == known
    path = tmp_path_factory.mktemp("capture") / "any.pcapng"
    path.write_bytes(data)
    trace = _core.Trace.load(str(path))
    assert (trace.entries, trace.skipped) == (len(found), 0)
    assert trace.duration_ns == found[-1][0] - found[0][0]
    pulse = header("PING", 3)
    assert dict(trace.sizes()) == Counter(length - 64 * (known == pulse) for _, _, _, known, length, _ in given_packets)


def test_an_interface_behind_an_address_is_left_out() -> None:
    ends = ("[fe80::1%eth0]:1", "[fe80::2%3]:2")
    ((_, frame, _),) = read(write_pcapng([(NOW, *ends, b"\xff", 1, "")], ""))
    assert Ether(frame).payload.src == "fe80::1"
    assert Ether(frame).payload.dst == "fe80::2"


def test_ends_of_two_families_are_refused() -> None:
    with pytest.raises(RttpError) as caught:
        write_pcapng([(NOW, ENDS[4][0], ENDS[6][1], b"\xff", 1, "")], "")
    assert caught.value.slug == "bad-target"


def test_a_comment_too_long_for_an_option_is_cut_between_characters() -> None:
    data = write_pcapng([(NOW, *ENDS[4], b"\xff", 1, "µ" * 40_000)], "x" * 70_000)
    assert len(read(data)) == 1
    assert data.count("µ".encode()) == LONGEST_COMMENT // 2
    assert data.count(b"x") == LONGEST_COMMENT


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path, link = tmp_path / "old.pcapng", tmp_path / "link"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    write_flights(result([flight(1)], []), link)
    assert len(read(path.read_bytes())) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, path]


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    path, other = tmp_path / "new.pcapng", tmp_path / "other"
    other.touch()
    write_flights(result([flight(1)], []), path)
    assert path.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_file_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "run.pcapng"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), fail)
    with pytest.raises(RttpError) as caught:
        write_flights(result([flight(1)], []), path)
    assert (caught.value.slug, caught.value.message) == ("unwritable", f"`{path}`: No space left on device")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_or_a_missing_one_is_unwritable(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "run.pcapng"):
        with pytest.raises(RttpError) as caught:
            write_flights(result([flight(1)], []), path)
        assert caught.value.slug == "unwritable"
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_flights(result([flight(1)], []), Path("/dev/null"))
    assert Path("/dev/null").is_char_device()
