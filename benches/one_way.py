"""Pulses a second, one way, as fast as it goes: `rttp bench --mode flood` beside sockperf, iperf3 and a bare loop.

plain     one datagram a system call, each a pulse of its own with sequence number and time
segments  32 pulses a call by UDP segmentation offload: they go through the stack as one and are cut apart at its end.
          They are segments, not packets, and are not compared with anything that sends packets.

All send datagrams of the same size on loopback, the two ends pinned to the same two cores. Receive buffers: 16 MiB for
rttp and the bare loop, what net.core.rmem_max grants to sockperf, 4 MiB for iperf3, which refuses more than that.
rttp and iperf3 are shown by what the far end received; sockperf does not tell, so it is by what it sent.
"""

import argparse
import json
import re
import subprocess
import time
from typing import Any

from common import (
    SIZE,
    Contenders,
    Cores,
    Run,
    Table,
    floor_program,
    free_port,
    interleave,
    main,
    medians,
    need,
    output,
    parser,
    ratios,
    refuse,
    rttp_bench,
    shown_ratio,
    shown_share,
    stop,
    two_cores,
    wait_for_port,
)

SEGMENTS = 32
KEYS = ("received_pps", "sent_pps", "lost")


def arguments() -> argparse.ArgumentParser:
    return parser(__doc__, pairs=7, seconds=3)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    need("sockperf", "sockperf")
    need("iperf3", "iperf3")
    cores, seconds = two_cores(options.cores), options.seconds
    with floor_program() as program:
        contenders: Contenders = {
            "rttp": lambda: _rttp(cores, seconds),
            "sockperf throughput": lambda: _sockperf(cores, seconds),
            "iperf3 -u": lambda: _iperf3(cores, seconds),
            "bare loop": lambda: _floor(program, cores, seconds),
            "rttp, segments": lambda: _rttp(cores, seconds, "--segments", str(SEGMENTS)),
        }
        rounds = interleave(contenders, options.pairs, "one way")
    for found in rounds:
        found["better peer"] = max(
            found["sockperf throughput"], found["iperf3 -u"], key=lambda run: run["received_pps"]
        )
    peers = [name for name in rounds[0] if name not in ("rttp", "rttp, segments")]
    return {
        "bench": "one_way",
        "cores": cores,
        "seconds": seconds,
        "rounds": rounds,
        "median": medians(rounds, KEYS),
        "ratios": {peer: ratios(rounds, "rttp", peer, ["received_pps"]) for peer in peers},
        "ratio_segments": ratios(rounds, "rttp, segments", "rttp", ["received_pps"]),
    }


def _rttp(cores: Cores, seconds: float, *more: str) -> Run:
    document = rttp_bench(seconds, "--mode", "flood", "--pin", f"{cores.client},{cores.server}", *more)
    sent, arrived = document["counts"]["sent_in_all"], document["peer"]["received"]
    rate = document["rates"]["sent_pps"]
    return {"sent_pps": rate, "received_pps": rate * arrived / sent, "lost": 1 - arrived / sent}


def _on(core: int) -> list[str]:
    return [need("taskset", "util-linux"), "-c", str(core)]


def _sockperf(cores: Cores, seconds: float) -> Run:
    program, port = need("sockperf", "sockperf"), free_port()
    where = ["-i", "127.0.0.1", "-p", str(port)]
    buffer = ["--buffer-size", str(16 << 20)]
    command = [*_on(cores.server), program, "server", *where, *buffer]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, server, "sockperf server")
        time.sleep(0.2)
        client = [*_on(cores.client), program, "throughput", *where, "-m", str(SIZE), "-t", f"{max(seconds, 1):.0f}"]
        text = output([*client, *buffer], seconds)
    finally:
        stop(server)
    found = re.search(r"Message Rate is (\d+) \[msg/sec\]", text)
    if not found:
        raise refuse(f"sockperf printed no rate:\n{text.strip()}")
    return {"sent_pps": float(found[1]), "received_pps": float(found[1])}


def _iperf3(cores: Cores, seconds: float) -> Run:
    program, port = need("iperf3", "iperf3"), free_port()
    command = [*_on(cores.server), program, "-s", "-1", "-p", str(port), "-B", "127.0.0.1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        client = [program, "-c", "127.0.0.1", "-p", str(port), "-u", "-b", "0", "-l", str(SIZE), "-w", "4M", "-J"]
        found = json.loads(output([*_on(cores.client), *client, "-t", f"{max(seconds, 1):.0f}"], seconds))["end"]["sum"]
    finally:
        stop(server)
    sent = found["packets"] / found["seconds"]
    lost = found["lost_packets"] / max(found["packets"], 1)
    return {"sent_pps": sent, "received_pps": sent * (1 - lost), "lost": lost}


def _floor(program: str, cores: Cores, seconds: float) -> Run:
    found = json.loads(
        output([program, "flood", str(SIZE), str(seconds), str(cores.client), str(cores.server)], seconds)
    )
    return {**found, "lost": 1 - found["received_pps"] / found["sent_pps"]}


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for name, figures in result["median"].items():
        against = result["ratios"].get(name)
        if name == "rttp, segments":
            shown = f"{shown_ratio(result['ratio_segments']['received_pps'])} segments to a pulse"
        else:
            shown = shown_ratio(against["received_pps"]) if against else ""
        lost = shown_share(figures["lost"]) if "lost" in figures else "not told"
        rows.append((name, f"{figures['sent_pps']:,.0f}", f"{figures['received_pps']:,.0f}", lost, shown))
    return [
        Table(
            f"One way, as fast as it goes, {SIZE}-byte datagrams",
            ("", "sent/s", "received/s", "lost on the way", "rttp received / it"),
            rows,
            f"Medians over {len(result['rounds'])} interleaved rounds of {result['seconds']:g} s; ratios round by"
            " round: median (least…greatest). *better peer* is in each round the faster of sockperf and iperf3."
            " *segments*: the ratio is segments received to rttp's own plain pulses received;"
            f" {SEGMENTS} pulses a call, which the kernel cuts apart after the stack.",
        )
    ]


if __name__ == "__main__":
    main(arguments(), measure, tables)
