"""Resident memory of a responder and of a load over a long run: after the warm-up it should not grow.

sockperf and k6 keep every sample; a histogram of fixed size does not.
"""

import argparse
import subprocess
import time
from typing import Any

from common import Table, find_rttp, free_port, main, parser, refuse, stop, two_cores, wait_for_port

RATE = 50_000
SETTLED = 6.0
"""Seconds after the start from which memory is looked at: by then imports are in, and the ring of pulses on their way
has been written once round, which takes 2.6 s at this rate."""
STEP = 0.25


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=1, seconds=20)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    import psutil

    if options.seconds <= SETTLED:
        raise refuse(f"--seconds {options.seconds:g} is too short: memory is looked at from {SETTLED:g} s on")
    cores, port, rttp = two_cores(options.cores), free_port(), find_rttp()
    where = f"127.0.0.1:{port}"
    node = subprocess.Popen(
        [rttp, "recv", "--echo", "--quiet", "--listen", where, "--pin", str(cores.server)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, node, "rttp recv")
        options_of_the_load = [
            "--rate",
            str(RATE),
            "-d",
            f"{options.seconds:g}s",
            "--pin",
            str(cores.client),
            "--quiet",
        ]
        load = subprocess.Popen(
            [rttp, "bench", "--target", where, *options_of_the_load],
            stdout=subprocess.DEVNULL,
        )
        try:
            seen = _watch({"responder": psutil.Process(node.pid), "load": psutil.Process(load.pid)}, options.seconds)
            if load.wait(options.seconds + 30):
                raise refuse(f"rttp bench ended with {load.returncode}")
        finally:
            stop(load)
    finally:
        stop(node)
    return {
        "bench": "memory",
        "rate_pps": RATE,
        "seconds": options.seconds,
        "rss_kib": {
            name: {"settled": kib[0], "growth": kib[-1] - kib[0], "greatest": max(kib) - kib[0], "samples": len(kib)}
            for name, kib in seen.items()
        },
    }


def _watch(processes: dict[str, Any], seconds: float) -> dict[str, list[int]]:
    """Resident KiB in steps, from when they have settled until shortly before the run is over."""
    seen: dict[str, list[int]] = {name: [] for name in processes}
    time.sleep(SETTLED)
    until = time.monotonic() + seconds - SETTLED
    while True:
        for name, process in processes.items():
            seen[name].append(process.memory_info().rss // 1024)
        if time.monotonic() + STEP > until:
            return seen
        time.sleep(STEP)


def tables(result: dict[str, Any]) -> list[Table]:
    rows = [
        (name, f"{k['settled']:,}", f"{k['growth']:+,}", f"{k['greatest']:+,}", f"{k['samples']}")
        for name, k in result["rss_kib"].items()
    ]
    return [
        Table(
            "Resident memory over a run",
            ("process", "KiB", "growth KiB", "at most KiB", "looks"),
            rows,
            f"{result['rate_pps']:,} pulses a second for {result['seconds']:g} s, looked at from {SETTLED:g} s on;"
            " the Python that reads options and reports is in it.",
        )
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
