"""What the scripts share: contenders side by side, ratios pair by pair, peers, tables."""

import argparse
import contextlib
import json
import math
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SIZE = 138
"""Bytes of every datagram: a header of 64, a tail of 10 and 64 of payload."""
PERCENTILES = {"P50": 0.5, "P99": 0.99, "P99.99": 0.9999}

Run = dict[str, Any]
Contenders = dict[str, Callable[[], Run]]


def refuse(why: str) -> SystemExit:
    """What ends a script that cannot measure: the reason on stderr, exit code 5 (host)."""
    print(f"error: {why}", file=sys.stderr)
    return SystemExit(5)


def need(program: str, package: str) -> str:
    """Where a program is; ends the script with what to install if it is missing."""
    found = shutil.which(program)
    if not found:
        raise refuse(f"{program} is missing: apt-get install {package}")
    return found


def find_rttp() -> str:
    """The command beside this Python, so that one environment is measured and not another on the path."""
    beside = Path(sys.executable).with_name("rttp")
    found = str(beside) if beside.exists() else shutil.which("rttp")
    if not found:
        raise refuse("rttp is missing: run ./ci.sh setup and use .venv/bin/python")
    return found


# Cores -----------------------------------------------------------------------------------------------------------


class Cores(NamedTuple):
    """Where the two ends run."""

    client: int
    server: int


def parse_cores(text: str) -> Cores:
    """`1,0`: client, then server."""
    client, server = (int(part) for part in text.split(","))
    return Cores(client, server)


def two_cores(given: Cores | None) -> Cores:
    """The cores asked for, else the last two that this process may use. Ends the script when there is only one."""
    if given:
        return given
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise refuse("this comparison needs two cores, this process may use one")
    return Cores(allowed[-1], allowed[-2])


@contextlib.contextmanager
def awake() -> Iterator[bool]:
    """Holds /dev/cpu_dma_latency at 0 for everybody; gives whether it could."""
    try:
        fd = os.open("/dev/cpu_dma_latency", os.O_WRONLY)
    except OSError:
        yield False
        return
    try:
        os.write(fd, struct.pack("=i", 0))
        yield True
    finally:
        os.close(fd)


# Programs --------------------------------------------------------------------------------------------------------


def output(command: Sequence[str], seconds: float) -> str:
    """Runs a program to its end; its stdout. Ends the script when it fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    except subprocess.TimeoutExpired:
        raise refuse(f"`{' '.join(command)}` did not end") from None
    if done.returncode:
        raise refuse(
            f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def rttp_bench(seconds: float, *options: str) -> dict[str, Any]:
    """The result document of a run."""
    command = [find_rttp(), "bench", "--json", "--quiet", "-d", f"{seconds:g}s", "-s", str(SIZE), *options]
    document: dict[str, Any] = json.loads(output(command, seconds))
    if document["rttp"]["profile"] != "release":
        raise refuse(f"the core is a {document['rttp']['profile']} build: run maturin develop --release")
    return document


def percentiles_us(document: dict[str, Any], which: str = "response") -> Run:
    """Percentiles of a result document in µs. One that loss leaves open is infinite: nothing bounds it."""
    found = {p["name"]: p for p in document["latency"][which]["percentiles"]}
    return {
        name: float("inf") if found[name]["state"] == "unbounded" else found[name]["value_ns"] / 1e3
        for name in PERCENTILES
    }


def free_port() -> int:
    """A UDP port on loopback that nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[Any], what: str) -> None:
    """Until somebody listens on a UDP port. Ends the script when the process ends first, or after five seconds."""
    wanted = f":{port:04X} "
    until = time.monotonic() + 5
    while time.monotonic() < until and process.poll() is None:
        if wanted in Path("/proc/net/udp").read_text(encoding="ascii"):
            return
        time.sleep(0.02)
    raise refuse(f"{what} does not listen on port {port}")


def stop(process: subprocess.Popen[Any], how: signal.Signals = signal.SIGINT) -> None:
    """Ends a process that we started."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Sockperf:
    """A sockperf server and client on loopback, started anew for every run."""

    mode: str
    client: Sequence[str] = ()
    server: Sequence[str] = ()
    cores: Cores | None = None

    def run(self, seconds: float) -> Run:
        """Percentiles of full round trips in µs, and its own counts."""
        program, port = need("sockperf", "sockperf"), free_port()
        where = ["-i", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(
            [*self._on("server"), program, "server", *where, *self.server],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_port(port, server, "sockperf server")
            time.sleep(0.2)
            # It takes whole seconds only, and 450 ms of them are its warm-up and cool-down.
            options = ["-m", str(SIZE), "-t", f"{max(seconds, 1):.0f}", "--full-rtt", *self.client]
            return parse_sockperf(output([*self._on("client"), program, self.mode, *where, *options], seconds))
        finally:
            stop(server)

    def _on(self, end: str) -> list[str]:
        return [need("taskset", "util-linux"), "-c", str(getattr(self.cores, end))] if self.cores else []


_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def parse_sockperf(text: str) -> Run:
    """Reads what a client printed. Without an answer it exits 0 and prints no percentile: that ends the script."""
    plain = _ANSI.sub("", text)
    found = {float(q): float(us) for q, us in re.findall(r"percentile\s+([\d.]+)\s*=\s*([\d.]+)", plain)}
    total = re.search(r"\[Total Run\] RunTime=([\d.]+) sec.*?SentMessages=(\d+); ReceivedMessages=(\d+)", plain)
    valid = re.search(r"\[Valid Duration\] RunTime=([\d.]+) sec; SentMessages=(\d+); ReceivedMessages=(\d+)", plain)
    dropped = re.search(r"# dropped messages = (\d+)", plain)
    if not found or not total or not valid or not dropped:
        raise refuse(f"sockperf printed no percentiles:\n{plain.strip()}")
    sent, received = int(total[2]), int(total[3])
    return {
        **{name: found[round(q * 100, 6)] for name, q in PERCENTILES.items()},
        "samples": int(valid[3]),
        "sent_pps": int(valid[2]) / float(valid[1]),
        "no_reply": (sent - received) / sent,
        "dropped": int(dropped[1]) / max(int(valid[2]), 1),
    }


@contextlib.contextmanager
def floor_program() -> Iterator[str]:
    """Compiles floor.c into a folder that goes away afterwards."""
    compiler = need("cc", "gcc")
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "floor")
        output([compiler, "-O2", "-pthread", "-o", program, str(HERE / "floor.c")], 30)
        yield program


def floor(program: str, seconds: float, cores: Cores, *, spin: bool) -> Run:
    """The bare loop of the same system calls: percentiles in µs."""
    arguments = [SIZE, seconds, cores.client, cores.server, int(spin), 1]
    found = json.loads(output([program, "ping-pong", *map(str, arguments)], seconds))
    return {**{name: found[name] / 1e3 for name in PERCENTILES}, "samples": found["count"]}


# Pairs -----------------------------------------------------------------------------------------------------------


def interleave(contenders: Contenders, pairs: int, title: str) -> list[dict[str, Run]]:
    """Every contender once a round, the order turned round every time, so that drift of the host meets all alike."""
    rounds = []
    for i in range(pairs):
        order = list(contenders) if i % 2 == 0 else list(contenders)[::-1]
        print(f"{title}: {i + 1} of {pairs}", file=sys.stderr, flush=True)
        found = {name: contenders[name]() for name in order}
        rounds.append({name: found[name] for name in contenders})
    return rounds


def medians(rounds: list[dict[str, Run]], keys: Iterable[str]) -> dict[str, dict[str, float]]:
    """Median over the rounds, of every contender and key."""
    return {
        name: {key: statistics.median(r[name][key] for r in rounds) for key in keys if key in rounds[0][name]}
        for name in rounds[0]
    }


def ratios(rounds: list[dict[str, Run]], ours: str, peer: str, keys: Iterable[str]) -> dict[str, dict[str, float]]:
    """`ours / peer` in each round: median, least and greatest."""
    spread = {}
    for key in keys:
        each = [r[ours][key] / r[peer][key] for r in rounds]
        spread[key] = {"median": statistics.median(each), "min": min(each), "max": max(each)}
    return spread


def shown_ratio(ratio: dict[str, float]) -> str:
    """`0.98 (0.91…1.04)`: median, least and greatest."""
    median, least, greatest = (_two_digits(ratio[which]) for which in ("median", "min", "max"))
    return f"{median} ({least}…{greatest})"


def _two_digits(ratio: float) -> str:
    """Never a ratio rounded to zero, no decimals where they say nothing; `open` where loss left one of the two open."""
    if not ratio or not math.isfinite(ratio):
        return "open"
    return f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.2f}" if ratio >= 0.0995 else f"{ratio:.2g}"


def shown_us(value: float) -> str:
    """µs with three significant digits."""
    if value == float("inf"):
        return "unbounded"
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def shown_share(share: float) -> str:
    """A share in percent; what happened is never rounded to zero."""
    return "0 %" if not share else f"{100 * share:.2f} %" if abs(share) >= 5e-5 else f"{100 * share:.0e} %"


# Output ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A table with the command that makes it, as text or as Markdown."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""

    def text(self) -> str:
        """Columns aligned, the first to the left."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        shown = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        return "\n".join([self.title, *(line.rstrip() for line in shown), *([self.note] if self.note else [])])

    def markdown(self) -> str:
        """A heading of the third level, the table, the note."""
        rule = ("---", *("--:" for _ in self.head[1:]))
        lines = ["| " + " | ".join(line) + " |" for line in (self.head, rule, *self.rows)]
        return "\n".join([f"### {self.title}", "", *lines, *(["", self.note] if self.note else [])])


def machine() -> dict[str, Any]:
    """What was measured on."""
    from rttp_cli import _core

    info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    name = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    version, profile, commit = _core.build_info()
    return {
        "cpu": name[1] if name else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "virtual": bool(re.search(r"^flags\s*:.*\bhypervisor\b", info, re.MULTILINE)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "rttp": f"{version} ({profile} build, commit {commit})",
    }


def busy_share(seconds: float = 1.0) -> float:
    """Share of all processors' time that somebody uses now, stolen time included."""
    readings = []
    for pause in (seconds, 0.0):
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        times = [int(word) for word in line.split()[1:9]]
        readings.append((sum(times), times[3] + times[4]))
        time.sleep(pause)
    (total, idle), (total_after, idle_after) = readings
    return 1 - (idle_after - idle) / max(total_after - total, 1)


Measure = Callable[[argparse.Namespace], dict[str, Any]]
Show = Callable[[dict[str, Any]], list[Table]]


def parser(doc: str | None, *, pairs: int, seconds: float) -> argparse.ArgumentParser:
    """The options that all scripts have."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--pairs", type=int, default=pairs, help=f"rounds; every contender runs once in each [{pairs}]")
    made.add_argument("--seconds", type=float, default=seconds, help=f"length of a run [{seconds:g}]")
    made.add_argument("--cores", type=parse_cores, metavar="CLIENT,SERVER", help="where the ends run [the last two]")
    made.add_argument("--json", action="store_true", help="all figures of all runs, as JSON")
    return made


def dump(result: Any) -> str:
    """JSON; what is unbounded becomes null, for JSON has no infinity."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(plain(result), indent=1, allow_nan=False)


def main(made: argparse.ArgumentParser, measure: Measure, show: Show) -> None:
    """Measures and prints."""
    options = made.parse_args()
    result = {"machine": machine(), **measure(options)}
    if options.json:
        print(dump(result))
    else:
        print("\n\n".join(table.text() for table in show(result)))
