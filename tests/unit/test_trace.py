"""`_core.Trace`: files in, counts out, failures by slug. What the formats mean is tested in rust/rttp-load."""

import os
import struct
import threading
from pathlib import Path

import pytest

from rttp_cli import _core
from rttp_cli.errors import CATALOGUE


def capture(ports: list[int]) -> bytes:
    """A pcap of raw IP with a datagram of three bytes to each port, a millisecond apart."""
    file = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)
    for i, port in enumerate(ports):
        udp = struct.pack(">HHHH", 40_000, port, 11, 0) + b"abc"
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + bytes([127, 0, 0, 1]) * 2
        file += struct.pack("<IIII", 5, 1_000 * i, len(ip + udp), len(ip + udp)) + ip + udp
    return file


def refusal(path: Path, port: int | None = None) -> tuple[str, str]:
    with pytest.raises(_core.CoreError) as caught:
        _core.Trace.load(str(path), port)
    slug, message = caught.value.args
    assert slug in CATALOGUE
    assert message.startswith(f"{path}: ")
    return slug, message.removeprefix(f"{path}: ")


def test_a_text_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time;size;priority\n1.5;512;7\n1.75;64\n2;512\n", encoding="utf-8")
    trace = _core.Trace.load(str(path))
    assert (trace.format, trace.entries, trace.duration_ns) == ("csv", 3, 500_000_000)
    assert (trace.has_sizes, trace.has_priorities, trace.skipped, trace.sorted) == (True, True, 0, 0)
    assert trace.sizes() == [(64, 1), (512, 2)]


def test_a_port_filters_a_capture(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture([7, 9, 7]))
    trace = _core.Trace.load(str(path), port=7)
    assert (trace.format, trace.entries, trace.duration_ns, trace.skipped) == ("pcap", 2, 2_000_000, 1)
    assert (trace.sizes(), trace.has_priorities) == ([(3, 2)], False)
    assert refusal(path, 8) == ("bad-trace", "none of 3 packets is UDP to port 8")


def test_a_bad_trace_names_file_place_and_value(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("0.7\n0.5\n", encoding="utf-8")
    assert refusal(path) == ("bad-trace", "line 2: time 0.5 is before 0.7 of line 1")
    path.write_bytes(capture([7])[:-1])
    assert refusal(path)[1].startswith("packet 1 at byte 24: the capture is cut off: 46 of 47 bytes are there")


def test_what_cannot_be_read_is_unreadable(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none")[0] == "unreadable"
    assert refusal(tmp_path)[0] == "unreadable"


def test_more_than_four_gibibytes_are_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**32 + 1)
    assert refusal(path) == ("bad-trace", "more than 4 GiB, expected less")


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"0\n" * 100_000,))
    writer.start()
    # Opening waits for the writer, which is a thread of ours: with the GIL held neither would come to an end.
    assert _core.Trace.load(str(path)).entries == 100_000
    writer.join()
