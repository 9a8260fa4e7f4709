"""What the schedule costs: lateness of the pacer, and twelve streams beside one.

lateness  `rttp bench --rate 100k`: from when a pulse was due to when it left, of all pulses and of those that no stall
          of the core made late
streams   processor time of the sender for a pulse when more is due than it can send, so that it never waits: one
          constant stream, the shipped profile `mixed-priority` (twelve streams, every kind of pattern), and the same
          with pulses of one size, so that bytes do not count
"""

import argparse
import json
from typing import Any

from common import (
    Contenders,
    Cores,
    Run,
    Table,
    find_rttp,
    interleave,
    main,
    medians,
    output,
    parser,
    ratios,
    rttp_bench,
    shown_ratio,
    shown_share,
    shown_us,
    two_cores,
)

RATE = 100_000
OVERLOAD = 600_000
"""Messages a second that no core here sends."""
QUANTILES = ("P50", "P99", "P99.9", "P99.99")
TIMEOUT = "100ms"
ECHOED = (
    "alarm",
    "control",
    "clock",
    "telemetry",
    "events",
    "requests",
    "lookups",
    "frames",
    "tide",
    "shifts",
    "tokens",
)
STREAMS = (*ECHOED, "bulk")
SHORT_TOKENS = (
    "streams.tokens.token_interval=100us",
    "streams.tokens.first_token=100us",
    "streams.bulk.fragments.gap=0s",
)
"""At many times its rate the profile would have millions of pulses under way."""


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=7, seconds=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    cores, seconds = two_cores(options.cores), options.seconds
    late = interleave({"rttp": lambda: _lateness(cores, seconds)}, options.pairs, f"pacer at {RATE:,}/s")
    contenders: Contenders = {
        "twelve streams": lambda: _profile(cores, seconds),
        "twelve streams, one size": lambda: _profile(cores, seconds, one_size=True),
        "one stream": lambda: _one(cores, seconds),
    }
    rounds = interleave(contenders, options.pairs, "streams")
    many = [name for name in contenders if name != "one stream"]
    return {
        "bench": "pacer",
        "cores": cores,
        "seconds": seconds,
        "lateness_rounds": late,
        "lateness_us": {which: _median(late, which) for which in ("lateness", "pacing")},
        "stalled_share": sorted(r["rttp"]["stalled_share"] for r in late)[len(late) // 2],
        "rounds": rounds,
        "median": medians(rounds, ("cpu_ns", "user_ns", "bytes")),
        "ratios": {name: ratios(rounds, name, "one stream", ("cpu_ns", "user_ns")) for name in many},
    }


def _median(rounds: list[dict[str, Run]], which: str) -> dict[str, float]:
    return {q: sorted(r["rttp"][which][q] for r in rounds)[len(rounds) // 2] for q in QUANTILES}


def _lateness(cores: Cores, seconds: float) -> Run:
    document = rttp_bench(seconds, "--rate", str(RATE), "--pin", f"{cores.client},{cores.server}")
    found: Run = {"stalled_share": document["stalls"]["stalled_pulses"] / document["counts"]["sent"]}
    for which in ("lateness", "pacing"):
        percentiles = {p["name"]: p["value_ns"] / 1e3 for p in document["latency"][which]["percentiles"]}
        found[which] = {q: percentiles[q] for q in QUANTILES}
    return found


def _cost(document: dict[str, Any]) -> Run:
    usage, sent, peer = document["cpu"]["sender"], document["counts"]["sent_in_all"], document["peer"]
    return {
        "cpu_ns": (usage["user_ns"] + usage["system_ns"]) / sent,
        "user_ns": usage["user_ns"] / sent,
        "bytes": peer["bytes"] / peer["received"],
    }


def _one(cores: Cores, seconds: float) -> Run:
    where = ("--rate", str(OVERLOAD), "--timeout", TIMEOUT, "--warmup", "0s", "--pin", f"{cores.client},{cores.server}")
    return _cost(rttp_bench(seconds, *where))


def _profile(cores: Cores, seconds: float, *, one_size: bool = False) -> Run:
    changes = [f"streams.{name}.timeout={TIMEOUT}" for name in STREAMS]
    changes += [*SHORT_TOKENS, "streams.alarm.deadline=5ms", "streams.control.deadline=5ms"]
    if one_size:
        changes += [f"streams.{name}.size=74" for name in ECHOED]
        changes += ["streams.bulk.size=1184", "streams.bulk.fragments.fixed=16"]
    command = [find_rttp(), "bench", "mixed-priority", "--json", "--quiet", "-d", f"{seconds:g}s", "-w", "0s"]
    command += ["--rate", str(OVERLOAD), "--pin", f"{cores.client},{cores.server}"]
    command += [part for change in changes for part in ("--set", change)]
    return _cost(json.loads(output(command, seconds)))


def tables(result: dict[str, Any]) -> list[Table]:
    names = {"lateness": "all pulses", "pacing": "outside stalls"}
    lateness = [
        (names[which], *(shown_us(figures[q]) for q in QUANTILES)) for which, figures in result["lateness_us"].items()
    ]
    rows = []
    for name, figures in result["median"].items():
        found = result["ratios"].get(name)
        shown = [shown_ratio(found[key]) if found else "" for key in ("cpu_ns", "user_ns")]
        cells = (f"{figures['cpu_ns']:,.0f}", f"{figures['user_ns']:,.0f}", f"{figures['bytes']:,.0f}")
        rows.append((name, *cells, *shown))
    rounds = f"{len(result['rounds'])} interleaved rounds of {result['seconds']:g} s"
    return [
        Table(
            f"Lateness of the pacer at {RATE:,} pulses a second, µs",
            ("", *QUANTILES),
            lateness,
            f"Medians over {rounds}, every pulse answered. Stalls of the sender's core made"
            f" {shown_share(result['stalled_share'])} of the pulses late; they count in the first row, and from the"
            " schedule in every latency.",
        ),
        Table(
            "Twelve streams beside one, sender's processor time a pulse",
            ("", "ns", "in user mode", "bytes a pulse", "it / one stream", "in user mode"),
            rows,
            f"Medians over {rounds}, more due than can be sent; ratios round by round: median (least…greatest).",
        ),
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
