"""How often gates and comparisons are wrong: simulated runs, drawn from recorded ones of this kind of machine.

    python benches/gate_errors.py --record 240     # records anew, twenty minutes on a quiet machine
    python benches/gate_errors.py                  # simulates from what is in benches/data; a minute or two

Recorded are runs of the same traffic, one after the other: histograms of `response` and `undisturbed`, the stalls, and
a few pieces of each run in time order. Simulated are

- an absolute gate, `p99 < 1.1 × P99 of all recorded runs together`: runs without a change, into which stalls are put as
  a shared machine of two cores has them, and the same with all times 20 % longer;
- a comparison of two sets of runs made in turns: consecutive recorded runs, of each pair one by lot for each side, with
  the new side as it is and with all its times 20 % longer.
"""

import argparse
import gzip
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import HERE, Table, machine, main, parser, refuse, rttp_bench, shown_share

from rttp_cli._core import Histogram
from rttp_cli.report.compare import Rules, compare
from rttp_cli.report.judge import judge_gates
from rttp_cli.report.result import CoreStalls, Interval, Part, Result, Stalls
from rttp_cli.report.source import merge

DATA = HERE / "data"
TRAFFIC = {"ping-pong": (), "20,000/s": ("--rate", "20000")}
"""Options of `rttp bench` by the name of what is recorded."""
PIECES = 8
"""Of a recorded run, in time order: what tells how alike neighbours are."""
SHIFT = 1.2
MARGINS = (1.1, 1.5)
"""Limits of the absolute gate, as multiples of P99 of all recorded runs together."""
STALLS_PER_S = 11 / 30
"""Gaps over 300 µs that a shared machine of two cores has: 8 to 14 in 30 s, the longest 4 to 5 ms."""
STALLS_NS = (300_000, 5_000_000)
SETS = (5, 10, 20)
"""Runs a side."""
JOINED = 2
"""Recorded runs, one after the other, that make one run of a comparison: by default a run is 5 s long."""
TOGETHER = (1, 5, 20)
"""Recorded runs that make one run for the absolute gate."""


def arguments() -> argparse.ArgumentParser:
    made = parser(__doc__, pairs=1, seconds=2)
    made.add_argument("--record", type=int, metavar="N", help="record N runs of --seconds, and simulate nothing")
    made.add_argument("--data", type=Path, default=DATA, help="folder of recorded runs")
    made.add_argument("--traffic", choices=TRAFFIC, action="append", help="only this one")
    made.add_argument("--simulations", type=int, default=1000, help="of each kind [1000]")
    made.add_argument("--tolerance", type=float, default=Rules.tolerance, help=f"share [{Rules.tolerance:g}]")
    made.add_argument("--confidence", type=float, default=Rules.confidence, help=f"share [{Rules.confidence:g}]")
    made.add_argument("--seed", type=int, default=1)
    return made


# Recording -------------------------------------------------------------------------------------------------------


def record(folder: Path, traffic: str, runs: int, seconds: float) -> dict[str, Any]:
    """Makes runs and keeps of each what the simulations need."""
    recorded = [_kept(rttp_bench(seconds, *TRAFFIC[traffic], "--slowest", "0")) for _ in range(runs)]
    document = {"machine": machine(), "traffic": traffic, "seconds": seconds, "runs": recorded}
    folder.mkdir(exist_ok=True)
    path = _path(folder, traffic)
    # Without a time in its header the same runs give the same file.
    path.write_bytes(gzip.compress(json.dumps(document).encode(), 9, mtime=0))
    return {"traffic": traffic, "runs": runs, "bytes": path.stat().st_size}


def _path(folder: Path, traffic: str) -> Path:
    return folder / f"gate_errors-{''.join(c if c.isalnum() else '-' for c in traffic)}.json.gz"


def _kept(document: dict[str, Any]) -> dict[str, Any]:
    intervals = document["intervals"]
    size = max(1, math.ceil(len(intervals) / PIECES))
    response, undisturbed = (Histogram.decode(document["histograms"][name]) for name in ("response", "undisturbed"))
    return {
        "undisturbed": undisturbed.encode(),
        "stalled": response.minus(undisturbed).encode(),
        "missing": document["counts"]["lost"] + document["counts"]["unfinished"],
        "stalls": [[core["role"], core["stalls"]] for core in document["stalls"]["cores"]],
        "intervals": [_piece(intervals[i : i + size]) for i in range(0, len(intervals), size)],
    }


def _piece(intervals: list[dict[str, Any]]) -> dict[str, Any]:
    stalled = [interval["stalled"] for interval in intervals if interval["stalled"]]
    return {
        "from_ns": intervals[0]["from_ns"],
        "length_ns": sum(interval["length_ns"] for interval in intervals),
        "sent": sum(interval["sent"] for interval in intervals),
        "lost": sum(interval["lost"] for interval in intervals),
        "response": Histogram.sum(Histogram.decode_all([i["response"] for i in intervals])).encode(),
        "stalled": Histogram.sum(Histogram.decode_all(stalled)).encode() if stalled else None,
    }


def _read(path: Path) -> tuple[dict[str, Any], list[Result]]:
    if not path.exists():
        raise refuse(f"`{path}` is missing: record some runs with --record 240")
    document = json.loads(gzip.decompress(path.read_bytes()))
    scheduled = bool(TRAFFIC[document["traffic"]])
    return document, [_result(i, run, document["seconds"], scheduled) for i, run in enumerate(document["runs"])]


def _result(number: int, run: dict[str, Any], seconds: float, scheduled: bool) -> Result:
    undisturbed, touched = Histogram.decode_all([run["undisturbed"], run["stalled"]])
    response = Histogram.sum([undisturbed, touched])
    lost = run["missing"]
    counts = {"sent": response.samples, "answered": response.samples - lost, "lost": lost, "unfinished": 0}
    counts |= {"one_way": 0, "unsent": 0, "dropped": 0}
    histograms = {"response": response, "undisturbed": undisturbed, "service": response}
    part = Part("", histograms, lost, counts, scheduled=scheduled)
    cores = tuple(_core(role, [(at, length) for at, length in stalls]) for role, stalls in run["stalls"])
    intervals = tuple(
        Interval(
            piece["from_ns"],
            piece["length_ns"],
            piece["sent"],
            piece["lost"],
            Histogram.decode(piece["response"]),
            None if piece["stalled"] is None else Histogram.decode(piece["stalled"]),
        )
        for piece in run["intervals"]
    )
    time_ns = round(seconds * 1e9)
    stalls = Stalls(True, 100_000, cores)
    return Result(f"run {number}", "result", part, (), (), intervals, stalls, duration_ns=time_ns, sending_ns=time_ns)


def _core(role: str, stalls: list[tuple[int, int]]) -> CoreStalls:
    lengths = [length for _, length in stalls]
    return CoreStalls(None, role, len(stalls), sum(lengths), max(lengths, default=0), tuple(stalls))


# What is put into them -------------------------------------------------------------------------------------------


def longer(result: Result, factor: float) -> Result:
    """The same run with all times so many times as long."""
    part = result.whole
    histograms = {name: histogram.scaled(factor) for name, histogram in part.histograms.items()}
    intervals = tuple(
        replace(
            piece,
            response=piece.response.scaled(factor),
            stalled=None if piece.stalled is None else piece.stalled.scaled(factor),
        )
        for piece in result.intervals
    )
    return replace(result, whole=replace(part, histograms=histograms), intervals=intervals)


def stalled(result: Result, rng: random.Random) -> Result:
    """The same run with more stalls: pulses that were due in one wait for its end and then for their turn.

    What waits for each answer has one pulse due at a time: that one waits.
    """
    seconds, scheduled = (result.duration_ns or 0) / 1e9, result.whole.scheduled
    count, spent = 0, rng.expovariate(STALLS_PER_S)
    while spent < seconds:
        count, spent = count + 1, spent + rng.expovariate(STALLS_PER_S)
    low, high = (math.log(length) for length in STALLS_NS)
    intervals, response = list(result.intervals), [result.whole.histograms["response"]]
    undisturbed, added = result.whole.histograms["undisturbed"], []
    usual = undisturbed.at_rank(max(1, undisturbed.samples // 2))
    apart_ns = round(1e9 * seconds / undisturbed.samples)
    for _ in range(count):
        length = round(math.exp(rng.uniform(low, high)))
        waiting = length // apart_ns + 1 if scheduled else 1
        touched = Histogram.of([(length - i * apart_ns + usual, 1) for i in range(waiting)])
        at = rng.randrange(len(intervals))
        piece = intervals[at]
        before = [] if piece.stalled is None else [piece.stalled]
        intervals[at] = replace(
            piece,
            sent=(piece.sent or 0) + touched.samples,
            response=Histogram.sum([piece.response, touched]),
            stalled=Histogram.sum([*before, touched]),
        )
        response.append(touched)
        added.append((piece.from_ns, length))
    whole = Histogram.sum(response)
    histograms = {"response": whole, "service": whole, "undisturbed": undisturbed}
    counts = {**(result.whole.counts or {}), "sent": whole.samples, "answered": whole.samples - result.whole.missing}
    stalls = replace(result.stalls or Stalls(True, 100_000, ()), cores=(*_cores(result), _core("sender", added)))
    part = replace(result.whole, histograms=histograms, counts=counts)
    return replace(result, whole=part, intervals=tuple(intervals), stalls=stalls)


def _cores(result: Result) -> tuple[CoreStalls, ...]:
    return result.stalls.cores if result.stalls is not None else ()


# Simulating ------------------------------------------------------------------------------------------------------


def measure(options: argparse.Namespace) -> dict[str, Any]:
    traffic = options.traffic or list(TRAFFIC)
    if options.record is not None:
        done = [record(options.data, name, options.record, options.seconds) for name in traffic]
        return {"bench": "gate_errors", "recorded": done}
    rules = Rules(tolerance=options.tolerance, confidence=options.confidence)
    return {
        "bench": "gate_errors",
        "tolerance": options.tolerance,
        "confidence": options.confidence,
        "simulated": [
            _simulated(_path(options.data, name), options.simulations, rules, options.seed) for name in traffic
        ],
    }


def _simulated(path: Path, simulations: int, rules: Rules, seed: int) -> dict[str, Any]:
    about, results = _read(path)
    rng = random.Random(seed)
    shifted = [longer(result, SHIFT) for result in results]
    found = {}
    for margin in MARGINS:
        for runs in TOGETHER:
            for name, side in (("no change", results), ("+20 %", shifted)):
                if runs <= len(results):
                    case = f"p99 < {margin} × P99, {runs} × {about['seconds']:g} s, {name}"
                    found[case] = _states(simulations, _gated(results, side, runs, margin, rng))
    runs_of = [merge(results[i : i + JOINED]) for i in range(0, len(results) - JOINED + 1, JOINED)]
    slower = [longer(result, SHIFT) for result in runs_of]
    for runs in SETS:
        for name, side in (("no change", runs_of), ("+20 %", slower)):
            if 2 * runs <= len(runs_of):
                case = f"compare, {runs} pairs of {JOINED * about['seconds']:g} s, {name}"
                found[case] = _states(simulations, _compared(runs_of, side, runs, rules, rng))
    return {
        "recorded": {key: value for key, value in about.items() if key != "runs"} | {"runs": len(results)},
        "spread": _spread(runs_of),
        "states": found,
    }


def _states(simulations: int, simulate: Callable[[], str]) -> dict[str, int]:
    states = {"pass": 0, "fail": 0, "inconclusive": 0}
    for _ in range(simulations):
        states[simulate()] += 1
    return states


def _gated(
    recorded: Sequence[Result], results: Sequence[Result], runs: int, margin: float, rng: random.Random
) -> Callable[[], str]:
    pooled = Histogram.sum([result.whole.histograms["undisturbed"] for result in recorded])
    gate = f"p99 < {round(margin * pooled.quantile(0.99))}ns"

    def simulate() -> str:
        start = rng.randrange(len(results) - runs + 1)
        pieces = [stalled(result, rng) for result in results[start : start + runs]]
        return judge_gates(merge(pieces), [(None, gate)])[0].state

    return simulate


def _compared(
    base: Sequence[Result], new: Sequence[Result], runs: int, rules: Rules, rng: random.Random
) -> Callable[[], str]:
    def simulate() -> str:
        start = rng.randrange(len(base) - 2 * runs + 1)
        pairs = [(start + 2 * i, start + 2 * i + 1) for i in range(runs)]
        turned = [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs]
        sides = [base[a] for a, _ in turned], [new[b] for _, b in turned]
        return compare(*sides, replace(rules, seed=rng.randrange(1 << 32)), paired=True).state

    return simulate


def _spread(results: Sequence[Result]) -> dict[str, float]:
    """Standard deviation of the logarithm of P99 from run to run, and of its change between neighbours."""
    found = {}
    for metric in ("response", "undisturbed"):
        logs = [math.log(result.whole.histograms[metric].quantile(0.99)) for result in results]
        mean = sum(logs) / len(logs)
        found[metric] = math.sqrt(sum((x - mean) ** 2 for x in logs) / max(len(logs) - 1, 1))
        steps = [b - a for a, b in zip(logs[::2], logs[1::2], strict=False)]
        found[f"{metric}, neighbours"] = math.sqrt(sum(step * step for step in steps) / max(len(steps), 1))
    return found


def _share(count: int, of: int) -> str:
    """With its 95 % interval (Wilson)."""
    z, p = 1.96, count / of
    centre, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((centre + sign * half) / (1 + z * z / of) for sign in (-1, 1))
    return f"{100 * p:.1f} % ({100 * max(low, 0):.1f} … {100 * min(high, 1):.1f})"


def tables(result: dict[str, Any]) -> list[Table]:
    if "recorded" in result:
        rows = [(one["traffic"], str(one["runs"]), f"{one['bytes']:,}") for one in result["recorded"]]
        return [Table("Recorded", ("traffic", "runs", "bytes"), rows)]
    return [_table(one, result) for one in result["simulated"]]


def _table(simulated: dict[str, Any], result: dict[str, Any]) -> Table:
    rows = []
    for name, states in simulated["states"].items():
        of = sum(states.values())
        rows.append((name, *(_share(states[state], of) for state in ("fail", "inconclusive", "pass"))))
    spread = ", ".join(f"{name} {shown_share(value)}" for name, value in simulated["spread"].items())
    recorded = simulated["recorded"]
    return Table(
        f"Verdicts of simulated runs, {recorded['traffic']}",
        ("", "fail", "inconclusive", "pass"),
        rows,
        f"{recorded['runs']} recorded runs of {recorded['seconds']:g} s; tolerance {100 * result['tolerance']:g} %,"
        f" confidence {100 * result['confidence']:g} %. In parentheses 95 % of the simulation alone: all of it is drawn"
        f" from the same recorded runs. The logarithm of P99 differs by (standard deviation): {spread}.",
    )


if __name__ == "__main__":
    main(arguments(), measure, tables)
