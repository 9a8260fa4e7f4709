"""Seconds until a trace of a million entries is a schedule, from Python: `Trace.load` of each format.

csv          lines of time, size and priority
json-lines   the same as one object a line
pcap         pulses of 36 bytes payload in Ethernet frames, ns
Python, csv  the CSV by Python's csv module into lists of numbers: no order, bound or range is looked at
"""

import argparse
import csv
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from common import Contenders, Run, Table, interleave, main, parser, refuse

ENTRIES = 1_000_000
GAP_NS = 10_000
PAYLOAD = 36
PRIORITY = 7
START_S = 1_700_000_000


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__, pairs=5, seconds=1)
    made.add_argument("--entries", type=int, default=ENTRIES, help=f"entries of each trace [{ENTRIES}]")
    return made


def lines_of_csv(entries: int) -> Iterator[bytes]:
    yield b"time,size,priority\n"
    for i in range(entries):
        yield b"%d.%09d,%d,%d\n" % (*divmod(i * GAP_NS, 10**9), PAYLOAD, PRIORITY)


def lines_of_json(entries: int) -> Iterator[bytes]:
    for i in range(entries):
        yield b'{"time": %d.%09d, "size": %d, "priority": %d}\n' % (*divmod(i * GAP_NS, 10**9), PAYLOAD, PRIORITY)


def records_of_pcap(entries: int) -> Iterator[bytes]:
    pulse = struct.pack(">BBBBQII32s8sHH", 1, PRIORITY, 0, 0x10, 1, 1, 0, bytes(32), bytes(8), 1, 0) + bytes(PAYLOAD)
    udp = struct.pack(">HHHH", 40_000, 21_076, 8 + len(pulse), 0) + pulse
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + bytes([127, 0, 0, 1]) * 2 + udp
    frame = bytes(12) + b"\x08\x00" + ip
    yield struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 1)
    for i in range(entries):
        seconds, fraction_ns = divmod(i * GAP_NS, 10**9)
        yield struct.pack("<IIII", START_S + seconds, fraction_ns, len(frame), len(frame)) + frame


FORMATS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "csv": lines_of_csv,
    "json-lines": lines_of_json,
    "pcap": records_of_pcap,
}


def timed(work: Callable[[], Any]) -> Run:
    start = time.perf_counter()
    made = work()
    took = time.perf_counter() - start
    del made
    return {"seconds": took}


def load(path: str, kind: str, entries: int) -> Any:
    """A trace that is not what was written would be a fast answer to another question."""
    from rttp_cli import _core

    trace = _core.Trace.load(path)
    last_ns = (entries - 1) * GAP_NS
    if (trace.format, trace.entries, trace.duration_ns, trace.has_priorities) != (kind, entries, last_ns, True):
        raise refuse(f"{kind}: {trace.entries} entries over {trace.duration_ns} ns as {trace.format}")
    return trace


def by_python(path: str) -> Any:
    with Path(path).open(newline="", encoding="ascii") as file:
        rows = csv.reader(file)
        next(rows)
        return [(float(time_s), int(size), int(priority)) for time_s, size, priority in rows]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        contenders: Contenders = {}
        bytes_of = {}
        for kind, pieces in FORMATS.items():
            path = Path(folder) / kind
            with path.open("wb") as file:
                file.writelines(pieces(options.entries))
            bytes_of[kind] = path.stat().st_size
            contenders[kind] = partial(timed, partial(load, str(path), kind, options.entries))
        contenders["Python, csv"] = partial(timed, partial(by_python, str(Path(folder) / "csv")))
        bytes_of["Python, csv"] = bytes_of["csv"]
        rounds = interleave(contenders, options.pairs, f"{options.entries:,} entries")
    taken = {
        name: {
            "median_s": statistics.median(r[name]["seconds"] for r in rounds),
            "best_s": min(r[name]["seconds"] for r in rounds),
            "bytes": bytes_of[name],
        }
        for name in contenders
    }
    return {"bench": "trace_load", "entries": options.entries, "rounds": rounds, "taken": taken}


def tables(result: dict[str, Any]) -> list[Table]:
    rows = [
        (name, f"{t['bytes'] / 1e6:,.0f}", f"{t['median_s']:.3f}", f"{t['best_s']:.3f}")
        for name, t in result["taken"].items()
    ]
    return [
        Table(
            f"Traces of {result['entries']:,} entries, from Python",
            ("trace", "MB", "median s", "best s"),
            rows,
            f"One core, {sys.implementation.name}; {len(result['rounds'])} rounds. "
            "Files lie in the page cache; reading is in the time.",
        )
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
