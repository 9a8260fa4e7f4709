"""Latency under a fixed load: `rttp bench --rate` beside `sockperf under-load`, every pulse answered.

default   sockperf as it comes
tuned     sockperf pinned to the cores that rttp takes, with a receive buffer of 16 MiB asked for (the kernel grants it
          net.core.rmem_max) and /dev/cpu_dma_latency held

rttp is shown by both of its clocks: from the scheduled send, its headline, and from the actual send, which is where
sockperf counts from. rttp's percentiles hold its lost pulses as samples at the timeout; sockperf's leave them out.
"""

import argparse
from typing import Any

from common import (
    PERCENTILES,
    Contenders,
    Cores,
    Run,
    Sockperf,
    Table,
    awake,
    interleave,
    main,
    medians,
    need,
    parser,
    percentiles_us,
    ratios,
    rttp_bench,
    shown_ratio,
    shown_share,
    shown_us,
    two_cores,
)

RATES = (10_000, 50_000, 100_000)
KEYS = (*PERCENTILES, "sent_pps", "loss", "stalled")


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__, pairs=7, seconds=3)
    made.add_argument("--rates", type=int, nargs="+", default=RATES, help="pulses per second")
    return made


def measure(options: argparse.Namespace) -> dict[str, Any]:
    need("sockperf", "sockperf")
    cores = two_cores(options.cores)
    return {
        "bench": "open_loop",
        "cores": cores,
        "seconds": options.seconds,
        "cases": [_case(rate, cores, options) for rate in options.rates],
    }


def _rttp(rate: int, cores: Cores, seconds: float) -> Run:
    document = rttp_bench(seconds, "--rate", str(rate), "--pin", f"{cores.client},{cores.server}")
    counts, seen = document["counts"], document["stalls"]
    watched_ns = document["lasted_ns"] + document["run"]["warmup_ns"]
    return {
        **percentiles_us(document),
        "from_send": percentiles_us(document, "service"),
        "sent_pps": document["rates"]["sent_pps"],
        "loss": counts["lost"] / counts["sent"],
        "stalled": sum(core["total_ns"] for core in seen["cores"]) / watched_ns if seen["watched"] else None,
        "longest_stall_us": max((core["longest_ns"] for core in seen["cores"]), default=0) / 1e3,
    }


def _sockperf(rate: int, seconds: float, cores: Cores | None) -> Run:
    buffer = ("--buffer-size", str(16 << 20)) if cores else ()
    under_load = Sockperf("under-load", ("--mps", str(rate), "--reply-every", "1", *buffer), buffer, cores)
    found = under_load.run(seconds)
    return {**found, "loss": found["no_reply"]}


def _tuned(rate: int, seconds: float, cores: Cores) -> Run:
    with awake():
        return _sockperf(rate, seconds, cores)


def _case(rate: int, cores: Cores, options: argparse.Namespace) -> dict[str, Any]:
    seconds = options.seconds
    contenders: Contenders = {
        "rttp": lambda: _rttp(rate, cores, seconds),
        "sockperf default": lambda: _sockperf(rate, seconds, None),
        "sockperf tuned": lambda: _tuned(rate, seconds, cores),
    }
    rounds = interleave(contenders, options.pairs, f"open loop {rate:,}/s")
    by_send = [{name: run.get("from_send", run) for name, run in r.items()} for r in rounds]
    peers = [peer for peer in contenders if peer != "rttp"]
    return {
        "rate_pps": rate,
        "rounds": rounds,
        "median": medians(rounds, KEYS),
        "median_from_send_us": medians(by_send, PERCENTILES)["rttp"],
        "ratios": {peer: ratios(rounds, "rttp", peer, PERCENTILES) for peer in peers},
        "ratios_from_send": {peer: ratios(by_send, "rttp", peer, PERCENTILES) for peer in peers},
    }


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for case in result["cases"]:
        rate = f"{case['rate_pps'] // 1000} k/s"
        for name, figures in case["median"].items():
            stalled = shown_share(figures["stalled"]) if figures.get("stalled") is not None else ""
            shared = (f"{figures['sent_pps']:,.0f}", shown_share(figures["loss"]))
            against = [case[which].get(name) for which in ("ratios", "ratios_from_send")]
            rows.append(
                (
                    f"{rate}: {name}",
                    *shared,
                    *(shown_us(figures[q]) for q in PERCENTILES),
                    *(shown_ratio(found["P99"]) if found else "" for found in against),
                    stalled,
                )
            )
            if name == "rttp":
                by_send = (shown_us(case["median_from_send_us"][q]) for q in PERCENTILES)
                rows.append((f"{rate}: rttp from send", "", "", *by_send, "", "", ""))
    return [
        Table(
            "Round trip under a fixed load",
            (
                "load",
                "sent/s",
                "no answer",
                *(f"{q} µs" for q in PERCENTILES),
                "rttp / it, P99",
                "rttp from send / it, P99",
                "cores stalled",
            ),
            rows,
            f"Medians over {len(result['cases'][0]['rounds'])} interleaved rounds of {result['seconds']:g} s; ratios"
            " round by round: median (least…greatest). sockperf's *no answer* is of its whole run, with what is still"
            " on its way at the end. *cores stalled*: time in which a core was kept from work that was there, 100 µs or"
            " more at once, as a share of the run and summed over both; only rttp can tell.",
        )
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
