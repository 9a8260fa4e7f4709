"""`rttp bench`: send pulses, measure every answer, say what it is worth."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rttp_cli.cli import _comparison
from rttp_cli.cli._options import check_writable, parsed
from rttp_cli.cli._output import reader_may_go
from rttp_cli.errors import EXIT_INTERRUPTED, EXIT_OF_STATE, RttpError
from rttp_cli.files import write_whole

if TYPE_CHECKING:
    from rttp_cli.bench import Request
    from rttp_cli.bench.run import Look, Watcher
    from rttp_cli.metrics import Exporter

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class ModeName(str, Enum):
    """Names of the modes."""

    PING_PONG = "ping-pong"
    OPEN_LOOP = "open-loop"
    FLOOD = "flood"


@app.command()
def bench(
    context: typer.Context,
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROFILE]",
            help="What to send: a name of `rttp profile list` or a YAML file. [default: one stream, by the options]",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="HOST[:PORT]",
            help="Who answers: `rttp recv --echo` there; several share the load. [default: one in this process]",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the profile: streams.NAME.size=1k, run.seed=7 …"),
    ] = None,
    mode: Annotated[
        ModeName | None,
        typer.Option(
            help="ping-pong: one pulse at a time. open-loop: by the clock. flood: one way, as fast as it goes."
            " [default: open-loop with --rate]"
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate", "-r", metavar="N[k|M]", help="Pulses a second; of a profile: messages, all streams in proportion."
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", "-s", metavar="BYTES", help="Whole pulse, header (64) and payload. [138]")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--duration", "-d", metavar="TIME", help="How long to measure. [5s, or the profile's]")
    ] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", help="Measure at most so many pulses.")] = None,
    warmup: Annotated[
        str | None, typer.Option("--warmup", "-w", metavar="TIME", help="Sent before, not measured. [500ms]")
    ] = None,
    priority: Annotated[int | None, typer.Option("--priority", "-p", help="0 to 255, higher goes first. [128]")] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="A pulse not answered by then is lost. [1s]")
    ] = None,
    limit: Annotated[
        str, typer.Option("--limit", metavar="TIME", help="The verdict is against this limit …")
    ] = "300us",
    limit_at: Annotated[float, typer.Option("--limit-at", metavar="PERCENT", help="… at this percentile.")] = 99.99,
    spin: Annotated[bool, typer.Option("--spin", help="Look at the socket all the time rather than sleep.")] = False,
    pin: Annotated[
        str | None,
        typer.Option("--pin", metavar="CORES", help="auto, none, or SENDER… and then RESPONDER, such as 1,0. [auto]"),
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Sending threads for each target. [1]")] = None,
    segments: Annotated[
        int | None, typer.Option("--segments", help="In a flood: pulses a call by segmentation offload. [1]")
    ] = None,
    fifo: Annotated[
        int | None,
        typer.Option(
            "--fifo",
            metavar="PRIORITY",
            help="SCHED_FIFO for the embedded responder; 0: none. [default: 50 in an open loop, if it blocks]",
        ),
    ] = None,
    awake: Annotated[
        bool, typer.Option("--awake/--no-awake", help="Keep idle cores awake (/dev/cpu_dma_latency).")
    ] = True,
    mlock: Annotated[bool, typer.Option("--mlock", help="Lock all memory in RAM.")] = False,
    stall_meter: Annotated[
        bool, typer.Option("--stall-meter/--no-stall-meter", help="Watch the cores used for stalls.")
    ] = True,
    stamps: Annotated[
        bool, typer.Option("--stamps", help="Kernel receive timestamps: shows the wake-up apart.")
    ] = False,
    receive_buffer: Annotated[
        str, typer.Option("--receive-buffer", metavar="BYTES", help="Receive buffers.")
    ] = "16MiB",
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="The same seed, the same pulses. [default: the profile's, or from the clock]"),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME=VALUE",
            help="loss, duplicate, corrupt, reorder (0 to 1, or 5%), delay (time), seed; of what we send.",
        ),
    ] = None,
    slowest: Annotated[int, typer.Option("--slowest", help="Keep so many of the slowest pulses.")] = 32,
    interval: Annotated[
        str, typer.Option("--interval", metavar="TIME", help="How often it is logged and shown.")
    ] = "1s",
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--search",
            metavar="GATE",
            help="Find the highest rate that keeps it, such as 'response.p99 <= 500us', and the curve up to it.",
        ),
    ] = None,
    sweep: Annotated[
        str | None, typer.Option("--sweep", metavar="RATES", help="Measure at 1k,10k,100k or 1k..100k:5.")
    ] = None,
    matrix: Annotated[
        str | None,
        typer.Option("--matrix", metavar="PRIORITIES", help="Each class while each other floods, such as 32,128,224."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="The same ping-pong in the ways to wait for it: what waking costs here.")
    ] = False,
    point: Annotated[str, typer.Option("--point", metavar="TIME", help="Length of each run of these four.")] = "2s",
    repeat: Annotated[
        int | None, typer.Option("--repeat", metavar="N", help="Make the run so often. [default with --against: 20]")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="BASE",
            help="Compare with @BASELINE, results, a target, a profile, or options: --against='--spin'.",
        ),
    ] = None,
    interleave: Annotated[
        bool | None,
        typer.Option("--interleave/--no-interleave", help="Runs of both in turns, so that drift cancels. [interleave]"),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="PERCENT,...", help="Percentiles by which --against decides. [99]")
    ] = None,
    tolerance: Annotated[
        str | None,
        typer.Option(
            "--tolerance",
            metavar="PERCENT",
            help="How much slower --against lets pass [10]; how closely --search looks [5].",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result document on stdout.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write the result there, and an interval log (.hlog) beside it."
        ),
    ] = None,
    pcapng: Annotated[
        Path | None, typer.Option("--pcapng", metavar="FILE", help="Write the slowest and the lost pulses there.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="HOST:PORT", help="Serve Prometheus metrics there (TCP) …")
    ] = None,
    metrics_linger: Annotated[
        str, typer.Option("--metrics-linger", metavar="TIME", help="… and the last ones for so long after the run.")
    ] = "0s",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Send pulses on a schedule, measure every answer.

    Without --target it starts a responder in this process, over a real socket on loopback. Latency counts from the
    scheduled send; a lost pulse is a sample at its timeout; a percentile says how many samples stand behind it. A
    profile (`rttp profile list`) says more: several streams, arrival processes, priorities, sizes, fragments,
    deadlines, gates.
    """
    from rttp_cli.cli._bench_request import request_of
    from rttp_cli.units import parse_duration_ns

    for file in (out, pcapng):
        if file is not None:
            check_writable(file)
    if out is not None and out.suffix == ".hlog":
        raise RttpError("bad-option", f"`--out` is `{out}`, and the interval log goes there", "name it .json")
    _check_of_against(against, interleave=interleave, at=at)
    limit_ns = parsed("limit", limit, parse_duration_ns)
    q = round(limit_at / 100, 9)
    if not 0 < q < 1:
        raise RttpError("bad-option", f"`--limit-at` is {limit_at:g}, expected a percentile between 0 and 100")
    request, options = request_of(context.params)
    several = {"search": search, "sweep": sweep, "matrix": matrix, "explain": explain or None}
    named = [name for name, value in several.items() if value is not None]
    linger_s = parsed("metrics-linger", metrics_linger, parse_duration_ns) / 1e9
    if metrics is not None and (named or repeat is not None or against is not None):
        raise RttpError("bad-option", "`--metrics` is of one run, and here are several", "leave out --metrics")
    if repeat is not None or against is not None:
        from rttp_cli.cli import _repeat

        if named:
            raise RttpError("bad-option", f"`--{named[0]}` makes its own runs: leave out --repeat and --against")
        if pcapng is not None:
            raise RttpError("bad-option", "`--pcapng` is of one run: leave out --repeat and --against")
        rules = _comparison.rules(at=at, tolerance=tolerance)
        asked = _repeat.Asked(request, repeat, rules, (limit_ns, q), as_json=as_json, out=out, quiet=quiet)
        if against is None:
            return _repeat.repeat(asked)
        return _repeat.against(asked, against, interleave, context.params)
    if named:
        from rttp_cli.cli._explore import explore

        point_ns = parsed("point", point, parse_duration_ns)
        closely = _comparison.share("tolerance", tolerance or "5", most=100)
        return explore(request, options, several, point_ns, closely, as_json=as_json, out=out, quiet=quiet)
    with contextlib.ExitStack() as stack:
        exporter = None
        if metrics is not None:
            from rttp_cli.metrics import Exporter

            exporter = stack.enter_context(Exporter(metrics))
        result = _run(request, limit_ns, q, exporter, quiet)
        code = _deliver(result, as_json, out, pcapng)
        if exporter is not None and not result["interrupted"]:
            sys.stdout.flush()
            exporter.linger(linger_s)
        return code


def _check_of_against(against: str | None, **options: object) -> None:
    given = next((name for name, value in options.items() if value is not None), None)
    if given is not None and against is None:
        raise RttpError("usage", f"`--{given}` says how --against compares", "say --against BASE, or leave it out")


def _run(request: Request, limit_ns: int, q: float, exporter: Exporter | None, quiet: bool) -> dict[str, Any]:
    from rttp_cli.bench import run
    from rttp_cli.report.document import summarise

    watchers: list[Watcher] = []
    if exporter is not None:
        from rttp_cli.metrics import watcher

        watchers.append(watcher(exporter, request))
        # With --quiet, too: with port 0 nobody could know where, and who can read it must be said.
        print(exporter.announcement, file=sys.stderr, flush=True)
    plan = request.plan
    if not quiet and plan["duration_ns"] + plan["warmup_ns"] > 1_500_000_000:
        from rttp_cli.cli._progress import show

        interval = request.host.interval_ns / 1e9
        watchers.append(lambda look: show(look, plan["duration_ns"] / 1e9, plan["warmup_ns"] / 1e9, interval))
    result = summarise(run(request, _together(watchers)), limit_ns, q)
    if request.gates:
        from rttp_cli.report.judge import judge_gates
        from rttp_cli.report.source import of_document

        verdicts = judge_gates(of_document(result, "this run"), request.gates)
        result["gates"] = [vars(verdict) for verdict in verdicts]
    return result


def _together(watchers: Sequence[Watcher]) -> Watcher:
    @contextlib.contextmanager
    def watch(look: Look) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for watcher in watchers:
                stack.enter_context(watcher(look))
            yield

    return watch


def _deliver(result: dict[str, Any], as_json: bool, out: Path | None, pcapng: Path | None) -> int:
    if out is not None:
        write_whole(out, json.dumps(result, indent=1).encode() + b"\n")
    if pcapng is not None:
        from rttp_cli.report.capture import write_flights

        write_flights(result, pcapng)
    with reader_may_go():
        if as_json:
            print(json.dumps(result, indent=1))
        else:
            from rttp_cli.report.text import render

            print(render(result, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    return exit_code(result)


def exit_code(result: dict[str, Any]) -> int:
    """130 when it was stopped, 1 and 6 by its gates, else 0. Raises `RttpError` no-answer: nothing was delivered."""
    if result["interrupted"]:
        return EXIT_INTERRUPTED
    counts, peer = result["counts"], result["peer"]
    asked = counts["sent"] - counts["one_way"]
    if asked and not counts["answered"]:
        raise RttpError("no-answer", f"none of {asked:,} pulses was answered in time")
    if not asked and (peer is None or not peer["received"]):
        raise RttpError("no-answer", f"the target does not say that it received any of {counts['sent']:,} pulses")
    from rttp_cli.report.state import worst

    return EXIT_OF_STATE[worst(gate["state"] for gate in result.get("gates", ()))]
