"""Wireshark's reader sees a run's slowest and lost pulses with their times, lengths, ports and words."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapNgReader, wrpcap

from rttp_cli.bench import BenchOptions, run
from rttp_cli.bench.options import Faults
from rttp_cli.report.capture import packets, section_comment, write_flights
from rttp_cli.session import Node, NodeOptions

MS = 1_000_000
HEADERS = {"127.0.0.1": 14 + 20 + 8, "[::1]": 14 + 40 + 8}


def output(program: str, *arguments: str) -> str:
    found = shutil.which(program)
    assert found, f"{program} is not installed: apt-get install tshark"
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(path: Path, *fields: str) -> list[list[str]]:
    wanted = [part for field in fields for part in ("-e", field)]
    checks = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    out = output("tshark", "-n", "-r", str(path), *checks, "-T", "fields", *wanted)
    return [line.split("\t") for line in out.splitlines()]


@pytest.fixture(scope="module", params=["127.0.0.1", "[::1]"])
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A short run with kernel stamps in which some pulses are not sent."""
    with Node(NodeOptions(listen=f"{request.param}:0", echo=True)) as node:
        options = BenchOptions(
            target=node.address,
            rate=2_000,
            size=151,
            stamps=True,
            duration_ns=100 * MS,
            warmup_ns=10 * MS,
            timeout_ns=20 * MS,
            faults=Faults(loss=0.05, seed=1),
        )
        found = run(options)
    assert found["flights"]["slowest"]
    assert found["flights"]["lost"]
    return found


def test_tshark_reads_every_packet_as_it_was_recorded(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "run.pcapng"
    write_flights(document, path)
    fields = ["time_epoch", "len", "cap_len", "comment"]
    found = rows(path, *(f"frame.{name}" for name in fields), "udp.srcport", "udp.dstport", "udp.length")
    wanted = packets(document)
    flights = document["flights"]
    assert len(found) == len(wanted) == 2 * len(flights["slowest"]) + len(flights["lost"])
    headers = HEADERS[document["run"]["target"].rpartition(":")[0]]
    for row, (time_ns, src, dst, _, length, words) in zip(found, wanted, strict=True):
        assert row == [
            f"{time_ns // 10**9}.{time_ns % 10**9:09}",
            str(headers + length),
            str(headers + 64),
            words,
            src.rpartition(":")[2],
            dst.rpartition(":")[2],
            str(8 + length),
        ]
    assert [row[3].split(":")[0] for row in found].count("pulse, lost") == len(flights["lost"])


def test_tshark_knows_who_wrote_it_and_what_ran(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "run.pcapng"
    write_flights(document, path)
    told = output("capinfos", str(path)).splitlines()
    lines = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in told)}
    assert lines["Capture application"] == f"rttp {document['rttp']['version']}"
    assert lines["File timestamp precision"] == "nanoseconds (9)"
    assert lines["Capture comment"] == section_comment(document).replace("\n", " ")


def test_headers_are_sound_once_the_payload_of_zeros_is_there_again(tmp_path: Path, document: dict[str, Any]) -> None:
    cut, whole = tmp_path / "run.pcapng", tmp_path / "whole.pcap"
    write_flights(document, cut)
    with RawPcapNgReader(str(cut)) as reader:
        frames = [frame.ljust(meta.wirelen, b"\0") for frame, meta in reader]
    wrpcap(str(whole), frames, linktype=1)
    found = rows(whole, "udp.checksum.status", "ip.checksum.status", "_ws.malformed")
    assert len(found) == len(frames)
    # 1 is good, 3 is that there is none, which IPv4 alone allows; it alone has a checksum of its own.
    v6 = document["run"]["target"].startswith("[")
    assert {tuple(row) for row in found} == {("1", "", "") if v6 else ("3", "1", "")}


def test_the_command_writes_the_pulses_of_its_document(tmp_path: Path) -> None:
    path, out = tmp_path / "run.pcapng", tmp_path / "run.json"
    rttp = [sys.executable, "-c", "from rttp_cli.cli import main; main()"]
    bench = ["bench", "-r", "2k", "-d", "100ms", "-w", "10ms", "-q", "--pcapng", str(path), "--out", str(out)]
    subprocess.run(rttp + bench, capture_output=True, timeout=120, check=True)
    wanted = packets(json.loads(out.read_text(encoding="utf-8")))
    assert [row[0] for row in rows(path, "frame.comment")] == [packet[5] for packet in wanted]
