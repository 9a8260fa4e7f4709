"""The measurements behind the decisions in ARCHITECTURE.md: each is `rttp bench` with and without one of them.

awake            idle cores held awake, or allowed to sleep; two cores, blocking
one core         both ends of a blocking ping-pong on one core, or on two; idle cores held awake
one core, sleep  the same where idle cores may sleep, which is what users without root have
idler            a thread of idle class that spins on the core of a blocking ping-pong, or none
fifo             a SCHED_FIFO responder in an open loop at 100,000 pulses a second, or an ordinary one
calls            a bare system call beside a datagram sent and received, one by one and in batches of 32
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from common import (
    PERCENTILES,
    SIZE,
    Contenders,
    Run,
    Table,
    floor_program,
    interleave,
    main,
    medians,
    output,
    parser,
    percentiles_us,
    ratios,
    rttp_bench,
    shown_ratio,
    shown_us,
    stop,
    two_cores,
)

CALLS = ("call_ns", "single_ns", "batch_ns")

_SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print("spinning", flush=True)
while os.getppid() == int(sys.argv[2]):
    for _ in range(1000000): pass
"""


@contextlib.contextmanager
def idle_spinner(core: int) -> Iterator[None]:
    """A thread that takes of a core what nobody else wants; it ends with this process."""
    command = [sys.executable, "-c", _SPIN, str(core), str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as spinner:
        try:
            assert spinner.stdout is not None
            spinner.stdout.readline()
            yield
        finally:
            stop(spinner)


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=7, seconds=2)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    cores, seconds = two_cores(options.cores), options.seconds
    both, one = ("--pin", f"{cores.client},{cores.server}"), ("--pin", str(cores.client))
    load = ("--rate", "100000", *both)

    def bench(*extra: str) -> Run:
        return percentiles_us(rttp_bench(seconds, *extra))

    def beside_a_spinner() -> Run:
        with idle_spinner(cores.client):
            return bench(*one)

    # The first is what rttp does, the second is the alternative.
    cases: dict[str, Contenders] = {
        "awake": {"held awake": lambda: bench(*both), "may sleep": lambda: bench("--no-awake", *both)},
        "one core": {"one": lambda: bench(*one), "two": lambda: bench(*both)},
        "one core, sleep": {"one": lambda: bench("--no-awake", *one), "two": lambda: bench("--no-awake", *both)},
        "idler": {"no idle thread": lambda: bench(*one), "idle thread": beside_a_spinner},
        "fifo": {"FIFO responder": lambda: bench(*load), "ordinary": lambda: bench("--fifo", "0", *load)},
    }
    found = []
    for name, contenders in cases.items():
        rounds = interleave(contenders, options.pairs, f"design {name}")
        ours, other = contenders
        found.append(
            {
                "case": name,
                "rounds": rounds,
                "median_us": medians(rounds, PERCENTILES),
                "ratios": {other: ratios(rounds, ours, other, PERCENTILES)},
            }
        )
    with floor_program() as program:
        command = [program, "calls", str(SIZE), str(seconds), str(cores.client)]
        calls = interleave({"calls": lambda: json.loads(output(command, seconds))}, options.pairs, "design calls")
    return {
        "bench": "design",
        "cores": cores,
        "seconds": seconds,
        "cases": found,
        "calls": {"rounds": calls, "median": medians(calls, CALLS)["calls"]},
    }


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for case in result["cases"]:
        for name, figures in case["median_us"].items():
            against = case["ratios"].get(name)
            rows.append(
                (
                    f"{case['case']}: {name}",
                    *(shown_us(figures[q]) for q in PERCENTILES),
                    *(shown_ratio(against[q]) if against else "" for q in PERCENTILES),
                )
            )
    call, single, batch = (result["calls"]["median"][name] for name in CALLS)
    calls = [
        ("a system call that does nothing", f"{call:,.0f}", ""),
        ("a datagram sent and received, one by one", f"{single:,.0f}", f"{single / call:.0f}"),
        ("the same in batches of 32 (sendmmsg, recvmmsg)", f"{batch:,.0f}", f"{batch / call:.0f}"),
    ]
    return [
        Table(
            "Decisions, with and without",
            ("decision", *(f"{q} µs" for q in PERCENTILES), *(f"first / it, {q}" for q in PERCENTILES)),
            rows,
            f"Medians over {len(result['cases'][0]['rounds'])} interleaved rounds of {result['seconds']:g} s. The first"
            " of each two is what rttp does when it may choose.",
        ),
        Table("System calls and the stack", ("work", "ns", "calls"), calls, f"{SIZE} bytes over loopback, one core."),
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
