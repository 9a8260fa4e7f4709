"""Round trips, one pulse at a time: rttp beside sockperf, and beside the bare loop of the same system calls.

spinning   both ends look at the socket all the time, pinned to two cores; /dev/cpu_dma_latency held for all
blocking   both ends sleep in the kernel, on one core; /dev/cpu_dma_latency held for all
default    what each does when asked for nothing; nothing is held for sockperf, rttp holds it and seats itself
"""

import argparse
import contextlib
from typing import Any

from common import (
    PERCENTILES,
    Contenders,
    Cores,
    Sockperf,
    Table,
    awake,
    floor,
    floor_program,
    interleave,
    main,
    medians,
    need,
    parser,
    percentiles_us,
    ratios,
    rttp_bench,
    shown_ratio,
    shown_us,
    two_cores,
)


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=7, seconds=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    need("sockperf", "sockperf")
    cores, seconds = two_cores(options.cores), options.seconds
    one = Cores(cores.client, cores.client)
    poll = ("--nonblocked",)
    with floor_program() as program:
        cases: dict[str, Contenders] = {
            "spinning": {
                "rttp": lambda: percentiles_us(
                    rttp_bench(seconds, "--spin", "--pin", f"{cores.client},{cores.server}"),
                ),
                "sockperf": lambda: Sockperf("ping-pong", poll, poll, cores).run(seconds),
                "floor": lambda: floor(program, seconds, cores, spin=True),
            },
            "blocking": {
                "rttp": lambda: percentiles_us(rttp_bench(seconds, "--pin", str(one.client))),
                "sockperf": lambda: Sockperf("ping-pong", cores=one).run(seconds),
                "floor": lambda: floor(program, seconds, one, spin=False),
            },
            "default": {
                "rttp": lambda: percentiles_us(rttp_bench(seconds)),
                "sockperf": lambda: Sockperf("ping-pong").run(seconds),
            },
        }
        return {
            "bench": "ping_pong",
            "cores": cores,
            "seconds": seconds,
            "cases": [_case(name, contenders, options.pairs) for name, contenders in cases.items()],
        }


def _case(name: str, contenders: Contenders, pairs: int) -> dict[str, Any]:
    with contextlib.nullcontext(None) if name == "default" else awake() as held:
        rounds = interleave(contenders, pairs, f"ping-pong {name}")
    peers = [peer for peer in contenders if peer != "rttp"]
    return {
        "case": name,
        "held_awake": held,
        "rounds": rounds,
        "median_us": medians(rounds, PERCENTILES),
        "ratios": {peer: ratios(rounds, "rttp", peer, PERCENTILES) for peer in peers},
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
    rounds = len(result["cases"][0]["rounds"])
    return [
        Table(
            "Round trip, one pulse at a time",
            ("mode", *(f"{q} µs" for q in PERCENTILES), *(f"rttp / it, {q}" for q in PERCENTILES)),
            rows,
            f"Medians over {rounds} interleaved rounds of {result['seconds']:g} s;"
            " ratios round by round: median (least…greatest).",
        )
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
