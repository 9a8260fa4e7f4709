"""Captures: pulses a second of `rttp decode` beside tshark with our dissector and scapy's reader, on the same packets.

Each contender is a whole process from start to end, so shorter captures are for the slow ones: their start-up is
measured on an empty capture and taken off. All captures lie in the page cache; ours runs on one core.

summary, jsonl, parquet     `rttp decode` of all pulses, one core
parquet, two cores          the same, both cores
tshark fields, tshark json  `tshark -T fields` of four fields, `tshark -T json`, with the dissector that we generate
scapy                       `PcapReader` with our layer, every pulse dissected
"""

import argparse
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from common import SIZE, Contenders, Run, Table, find_rttp, interleave, main, need, parser, refuse, two_cores

PULSES = 1_000_000
FEW = {"tshark fields": 50_000, "tshark json": 20_000, "scapy": 5_000}
"""Pulses for contenders that would take minutes."""
GAP_NS = 10_000
START_NS = 1_795_000_000_000_000_000
FLOWS = 8
RECORD = 16 + 14 + 20 + 8 + SIZE
BLOCK = 10_000


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__, pairs=5, seconds=1)
    made.add_argument("--pulses", type=int, default=PULSES, help=f"pulses of the large capture [{PULSES}]")
    made.add_argument("--gigabytes", type=float, default=10, help="size of the capture for memory and linearity [10]")
    return made


def write_capture(path: Path, pulses: int) -> None:
    """Pulses of several flows with their numbers, a few of them lost, as an ns capture of Ethernet."""
    import numpy as np

    header = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 1)
    with path.open("wb") as file:
        file.write(header)
        for first in range(0, pulses, BLOCK):
            n = min(BLOCK, pulses - first)
            i = np.arange(first, first + n, dtype=np.uint64)
            at = START_NS + i * GAP_NS
            flow = i % FLOWS
            rows = np.zeros((n, RECORD), dtype=np.uint8)

            def put(offset: int, values: Any, kind: str, rows: Any = rows, n: int = n) -> None:
                whole = np.broadcast_to(np.asarray(values, dtype=np.uint64), (n,)).astype(kind)
                rows[:, offset : offset + whole.itemsize] = whole.view(np.uint8).reshape(n, -1)

            put(0, at // 10**9, "<u4")
            put(4, at % 10**9, "<u4")
            put(8, RECORD - 16, "<u4")
            put(12, RECORD - 16, "<u4")
            put(28, 0x0800, ">u2")
            put(30, 0x4500, ">u2")
            put(32, RECORD - 30, ">u2")
            put(38, 64 << 8 | 17, ">u2")
            put(42, 0xC0000201 + flow, ">u4")
            put(46, 0xC6336401, ">u4")
            put(50, 40_000 + flow, ">u2")
            put(52, 21_076, ">u2")
            put(54, 8 + SIZE, ">u2")
            put(58, 1, "u1")
            put(59, i * 7 % 256, "u1")
            put(61, 0x10, "u1")
            put(62, at - 50_000 - i * 37 % 9_000, ">u8")
            put(70, i // FLOWS + i // 100_000, ">u4")
            put(78, flow + 1, "u1")
            put(118, 1, ">u2")
            file.write(rows.tobytes())


def timed(command: list[str], *, core: int | None = None) -> Run:
    """Seconds of a process that must succeed."""
    prefix = [] if core is None else ["taskset", "-c", str(core)]
    start = time.perf_counter()
    done = subprocess.run([*prefix, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise refuse(f"{' '.join(command)} ended with {done.returncode}")
    return {"seconds": time.perf_counter() - start}


def peak_bytes(pid: int) -> int:
    """The most that a process had in memory so far; what wait4 tells would hold the memory of whoever started it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


SCAPY = """
import sys
from scapy.utils import PcapReader
import scapy.layers.l2, rttp_cli.wire.scapy_layer as layer
n = 0
for packet in PcapReader(sys.argv[1]):
    n += layer.RTTP in packet and packet[layer.RTTP].seq_id >= 0
print(n)
"""


def measure(options: argparse.Namespace) -> dict[str, Any]:
    need("taskset", "util-linux")
    rttp, tshark, core = find_rttp(), need("tshark", "tshark"), two_cores(options.cores).client
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        lua = folder / "rttp.lua"
        lua.write_bytes(subprocess.run([rttp, "decode", "--wireshark", "-"], capture_output=True, check=True).stdout)
        large = folder / "large.pcap"
        write_capture(large, options.pulses)
        few = {contender: folder / f"{contender.replace(' ', '-')}.pcap" for contender in FEW}
        for contender, path in few.items():
            write_capture(path, FEW[contender])
        empty = folder / "empty.pcap"
        write_capture(empty, 0)
        dissect = [tshark, "-X", f"lua_script:{lua}", "-n"]
        fields = [part for field in ("kind", "priority", "seq_id", "timestamp_ns") for part in ("-e", f"rttp.{field}")]
        commands: dict[str, list[str]] = {
            "summary": [rttp, "decode", "--summary"],
            "jsonl": [rttp, "decode", "--jsonl"],
            "csv": [rttp, "decode", "--csv"],
            "parquet": [rttp, "decode", "-o", str(folder / "out.parquet")],
            "parquet, two cores": [rttp, "decode", "-o", str(folder / "out.parquet")],
            "tshark fields": [*dissect, "-T", "fields", *fields, "-r"],
            "tshark json": [*dissect, "-T", "json", "-r"],
            "scapy": [sys.executable, "-c", SCAPY],
        }
        contenders: Contenders = {}
        started: dict[str, float] = {}
        counts: dict[str, int] = {}
        for contender, command in commands.items():
            pinned = None if contender == "parquet, two cores" else core
            path, counts[contender] = few.get(contender, large), FEW.get(contender, options.pulses)
            started[contender] = min(timed([*command, str(empty)], core=pinned)["seconds"] for _ in range(3))
            contenders[contender] = partial(timed, [*command, str(path)], core=pinned)
        rounds = interleave(contenders, options.pairs, f"{options.pulses:,} pulses")
        sizes = {path.suffix: path.stat().st_size for path in (large, folder / "out.parquet")}
        first_rows = [_first_row(rttp, large) for _ in range(5)]
        long = _long(rttp, folder, options.gigabytes, core)
    per_s = {
        name: [counts[name] / max(r[name]["seconds"] - started[name], 1e-6) for r in rounds] for name in contenders
    }
    return {
        "bench": "decode",
        "pulses": options.pulses,
        "rounds": rounds,
        "started_s": started,
        "per_s": per_s,
        "bytes": sizes,
        "first_row_s": first_rows,
        "long": long,
    }


def _first_row(rttp: str, capture: Path) -> float:
    """Seconds from the start until the first line of a table is there."""
    start = time.perf_counter()
    with subprocess.Popen([rttp, "decode", "--table", str(capture)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        took = time.perf_counter() - start
        process.kill()
    return took


def _long(rttp: str, folder: Path, gigabytes: float, core: int) -> dict[str, Any]:
    """A capture of so many gigabytes through a pipe, made as it is read: memory, and time beside a tenth of it."""
    found: dict[str, Any] = {}
    part = folder / "part.pcap"
    write_capture(part, 500_000)
    with part.open("rb") as file:
        header, body = file.read(24), file.read()
    for share in (0.1, 1.0):
        copies = max(1, round(gigabytes * 1e9 * share / len(body)))
        command = ["taskset", "-c", str(core), rttp, "decode", "--summary", "-"]
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            process.stdin.write(header)
            for _ in range(copies):
                process.stdin.write(body)
            peak = peak_bytes(process.pid)
            process.stdin.close()
            process.wait()
        # Each copy begins at the same time again, which is one warning and exit code 3.
        if process.returncode not in (0, 3):
            raise refuse(f"the capture of {gigabytes * share:g} GB ended with {process.returncode}")
        found[f"{share:g}"] = {
            "bytes": copies * len(body),
            "seconds": time.perf_counter() - start,
            "peak_bytes": peak,
        }
    return found


def tables(result: dict[str, Any]) -> list[Table]:
    median = {name: statistics.median(rates) for name, rates in result["per_s"].items()}

    def ratio(name: str, other: str) -> str:
        pairs = zip(result["per_s"][name], result["per_s"][other], strict=True)
        ratios = sorted(a / b for a, b in pairs)
        return f"{statistics.median(ratios):,.0f} × ({ratios[0]:,.0f}…{ratios[-1]:,.0f})"

    beside = {
        "summary": f"{ratio('summary', 'tshark fields')} tshark fields, {ratio('summary', 'scapy')} scapy",
        "jsonl": f"{ratio('jsonl', 'tshark json')} tshark json",
    }
    rows = [
        (
            name,
            _rate(median[name]),
            f"{_rate(min(result['per_s'][name]))}…{_rate(max(result['per_s'][name]))}",
            beside.get(name, ""),
        )
        for name in median
    ]
    tenth, whole = result["long"]["0.1"], result["long"]["1"]
    growth = whole["seconds"] / tenth["seconds"] / (whole["bytes"] / tenth["bytes"])
    first = statistics.median(result["first_row_s"])
    return [
        Table(
            f"Captures of {result['pulses']:,} pulses of {SIZE} B",
            ("contender", "pulses/s", "all rounds", "beside"),
            rows,
            f"{len(result['rounds'])} rounds; the start-up of each process is taken off. "
            f"First line of a table after {first * 1e3:.0f} ms. "
            f"A capture of {whole['bytes'] / 1e9:.1f} GB through a pipe: {whole['seconds']:.0f} s, "
            f"{whole['peak_bytes'] / 1e6:.0f} MB at most, {growth:.2f} × the time a byte of one "
            "tenth of it. tshark and scapy read "
            + ", ".join(f"{n:,} ({name})" for name, n in FEW.items())
            + " pulses.",
        )
    ]


def _rate(per_s: float) -> str:
    return f"{per_s / 1e6:,.2f} M" if per_s >= 1e5 else f"{per_s / 1e3:,.1f} k"


if __name__ == "__main__":
    main(arguments(), measure, tables)
