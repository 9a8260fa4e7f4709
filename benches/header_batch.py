"""Headers per second into columns, from Python: `Columns.parse` beside `struct`.

rttp          every rule of the dialect judged, every column made, and a memoryview of each taken
struct, zip   struct.iter_unpack and zip(*…): the fastest way that Python alone has; no rule is judged
struct, loop  a loop that looks at version and fragment count and appends to lists: how such code is usually written
"""

import argparse
import statistics
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from common import Contenders, Table, interleave, main, parser, ratios, refuse, shown_ratio

LAYOUT = struct.Struct(">BBBBQII32s8sHH")
SEQ_ID = 5
FRAGMENT_COUNT = 9
ROWS = (4_096, 65_536, 1_000_000)


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=7, seconds=1)


def batch(rows: int) -> bytes:
    """Good headers of kind DATA with consecutive sequence numbers."""
    pieces = (LAYOUT.pack(1, 128, 0, 0x10, 1_000 + i, i, 0, bytes(32), bytes(8), 1, 0) for i in range(rows))
    return b"".join(pieces)


def by_core(data: bytes) -> Any:
    from rttp_cli import _core

    columns = _core.Columns.parse(data)
    views = {name: memoryview(columns[name]) for name in columns.names}
    return views["seq_id"], memoryview(columns.status)


def by_zip(data: bytes) -> Any:
    return list(zip(*LAYOUT.iter_unpack(data), strict=True))


def by_loop(data: bytes) -> Any:
    columns: list[list[Any]] = [[] for _ in range(11)]
    for row in LAYOUT.iter_unpack(data):
        if row[0] == 1 and row[FRAGMENT_COUNT] >= 1:
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    return columns


def agree(data: bytes) -> None:
    """All three see the same headers: a fast answer that differs would be none."""
    seq_ids, status = by_core(data)
    if not list(seq_ids) == list(by_zip(data)[SEQ_ID]) == by_loop(data)[SEQ_ID] or any(status):
        raise refuse("Columns.parse and struct see different headers")


def per_second(work: Callable[[bytes], Any], data: bytes, rows: int, seconds: float) -> dict[str, float]:
    """Median and best rate of as many repetitions as fit, at least three."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    while len(took) < 3 or time.perf_counter() < until:
        start = time.perf_counter()
        made = work(data)
        took.append(time.perf_counter() - start)
        del made
    return {"median": rows / statistics.median(took), "best": rows / min(took), "repeats": len(took)}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    cases = []
    for rows in ROWS:
        data = batch(rows)
        agree(data[: 4096 * LAYOUT.size])
        each = options.seconds / options.pairs
        contenders: Contenders = {
            name: partial(per_second, work, data, rows, each)
            for name, work in (("rttp", by_core), ("struct, zip", by_zip), ("struct, loop", by_loop))
        }
        rounds = interleave(contenders, options.pairs, f"{rows:,} headers")
        cases.append(
            {
                "rows": rows,
                "rounds": rounds,
                "headers_per_s": {
                    name: {
                        "median": statistics.median(r[name]["median"] for r in rounds),
                        "best": max(r[name]["best"] for r in rounds),
                    }
                    for name in rounds[0]
                },
                "ratios": {p: ratios(rounds, "rttp", p, ["median"])["median"] for p in rounds[0] if p != "rttp"},
            }
        )
    return {"bench": "header_batch", "cases": cases}


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for case in result["cases"]:
        for name, rate in case["headers_per_s"].items():
            against = case["ratios"].get(name)
            shown = (f"{rate[which] / 1e6:,.2f}" for which in ("median", "best"))
            rows.append((f"{case['rows']:,} headers: {name}", *shown, shown_ratio(against) if against else ""))
    return [
        Table(
            "Headers into columns, from Python",
            ("batch", "median M/s", "best M/s", "rttp / it"),
            rows,
            f"One core, {sys.implementation.name}. rttp judges every rule; the peers judge none (zip) or two (loop).",
        )
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
