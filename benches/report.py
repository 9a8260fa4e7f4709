"""What a report takes: reading and merging 1,000 results of ten streams, and the page of a long run.

merge   `rttp report --merge DIR`: 1,000 files are read, checked, added up and shown
page    `rttp report --html FILE` of 600 s and twelve streams in 240 intervals, 4,096 stalls on each core
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from common import Run, Table, find_rttp, interleave, main, medians, output, parser, rttp_bench

RESULTS, STREAMS = 1000, 10
LONG_STREAMS, INTERVALS, LASTS_S = 12, 240, 600


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=5, seconds=2)


def with_streams(document: dict[str, Any], count: int) -> dict[str, Any]:
    """The document of a run of one stream as that of a run of many: each like the one there is."""
    (stream,) = document["streams"]
    names = [f"stream-{i}" for i in range(count)]
    whole = document["counts"] | {key: n * count for key, n in document["counts"].items() if isinstance(n, int)}
    return document | {"counts": whole, "streams": [stream | {"name": name} for name in names]}


def added_up(document: dict[str, Any], count: int) -> dict[str, Any]:
    """Histograms of all streams, so that counts and samples agree."""
    from rttp_cli._core import Histogram

    def times(text: str) -> str:
        return Histogram.sum([Histogram.decode(text)] * count).encode()

    said = {
        name: text if name in ("unit", "encoding") else times(text) for name, text in document["histograms"].items()
    }
    (band,) = document["bands"]
    counted = {key: band[key] * count for key in ("sent", "answered", "missing")}
    return document | {"histograms": said, "bands": [band | counted | {"response": times(band["response"])}]}


def long_run(document: dict[str, Any]) -> dict[str, Any]:
    """The same in 240 intervals over 600 s, each with the samples of the whole run: more than any run has."""
    length = LASTS_S * 10**9 // INTERVALS
    sent, response = document["counts"]["sent"], document["histograms"]["response"]
    piece = {"length_ns": length, "sent": sent, "lost": 0, "response": response, "stalled": None}
    stalled = [[i * length // 17, 100_000 + i * 997] for i in range(4096)]
    cores = [
        core | {"count": len(stalled), "stalls": stalled, "longest_ns": stalled[-1][1]}
        for core in document["stalls"]["cores"]
    ]
    return document | {
        "intervals": [piece | {"from_ns": i * length} for i in range(INTERVALS)],
        "sending_ns": LASTS_S * 10**9,
        "stalls": document["stalls"] | {"cores": cores},
    }


def once(command: Sequence[str]) -> Run:
    """Wall-clock time of one process, s."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return {"s": time.perf_counter() - start}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    run = rttp_bench(options.seconds, "-r", "2000")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, long, page = folder / "results", folder / "long.json", folder / "page.html"
        files.mkdir()
        many = json.dumps(added_up(with_streams(run, STREAMS), STREAMS))
        for i in range(RESULTS):
            (files / f"{i:04}.json").write_text(many, encoding="utf-8")
        document = long_run(added_up(with_streams(run, LONG_STREAMS), LONG_STREAMS))
        long.write_text(json.dumps(document), encoding="utf-8")
        commands = {
            "merge": [find_rttp(), "report", "--merge", str(files)],
            "page": [find_rttp(), "report", "--html", str(page), str(long)],
        }
        for command in commands.values():
            # Once before: files come into the page cache, and a command that fails is no figure.
            output(command, 60)
        rounds = interleave(
            {name: partial(once, command) for name, command in commands.items()}, options.pairs, "report"
        )
        size = page.stat().st_size
    return {"bench": "report", "rounds": rounds, "median": medians(rounds, ["s"]), "page_bytes": size}


def tables(result: dict[str, Any]) -> list[Table]:
    took = {name: f"{figures['s']:.2f} s" for name, figures in result["median"].items()}
    rows = [
        (f"read and merge {RESULTS:,} results of {STREAMS} streams", took["merge"], ""),
        (f"page of {LASTS_S} s, {LONG_STREAMS} streams", took["page"], f"{result['page_bytes'] / 1e6:.2f} MB"),
    ]
    note = f"Medians over {len(result['rounds'])} rounds, each a process of its own, imports included."
    return [Table("Reports", ("what", "time", "size"), rows, note)]


if __name__ == "__main__":
    main(arguments(), measure, tables)
