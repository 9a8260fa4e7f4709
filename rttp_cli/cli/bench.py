"""`rttp bench`: send pulses, measure every answer, say what it is worth."""

import json
import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from rttp_cli.cli._options import check_writable, parsed
from rttp_cli.errors import EXIT_INTERRUPTED, RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class ModeName(str, Enum):
    """Names of the two modes."""

    PING_PONG = "ping-pong"
    OPEN_LOOP = "open-loop"


@app.command()
def bench(
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="HOST[:PORT]",
            help="Who answers: `rttp recv --echo` there. [default: a responder in this process]",
        ),
    ] = None,
    mode: Annotated[
        ModeName | None,
        typer.Option(help="ping-pong: one pulse at a time. open-loop: by the clock. [default: open-loop with --rate]"),
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", "-r", metavar="N[k|M]", help="Pulses a second, evenly spaced.")
    ] = None,
    size: Annotated[
        str, typer.Option("--size", "-s", metavar="BYTES", help="Whole pulse, header (64) and payload.")
    ] = "138",
    duration: Annotated[
        str, typer.Option("--duration", "-d", metavar="TIME", help="How long to measure, such as 5s.")
    ] = "5s",
    count: Annotated[int | None, typer.Option("--count", "-n", help="Measure at most so many pulses.")] = None,
    warmup: Annotated[str, typer.Option("--warmup", "-w", metavar="TIME", help="Sent before, not measured.")] = "500ms",
    priority: Annotated[int, typer.Option("--priority", "-p", help="0 to 255, higher goes first.")] = 128,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="A pulse not answered by then is lost.")
    ] = "1s",
    limit: Annotated[
        str, typer.Option("--limit", metavar="TIME", help="The verdict is against this limit …")
    ] = "300us",
    limit_at: Annotated[float, typer.Option("--limit-at", metavar="PERCENT", help="… at this percentile.")] = 99.99,
    spin: Annotated[bool, typer.Option("--spin", help="Look at the socket all the time rather than sleep.")] = False,
    pin: Annotated[
        str, typer.Option("--pin", metavar="CORES", help="auto, none, SENDER or SENDER,RESPONDER.")
    ] = "auto",
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
    seed: Annotated[int | None, typer.Option("--seed", help="First sequence number. [default: from the clock]")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME=VALUE",
            help="loss, duplicate, corrupt, reorder (0 to 1, or 5%), delay (time), seed; of what we send.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result document on stdout.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the result document there.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Send pulses on a schedule, measure every answer.

    Without --target it starts a responder in this process, over a real socket on loopback. Latency counts from the
    scheduled send; a lost pulse is a sample at its timeout; a percentile says how many samples stand behind it.
    """
    from rttp_cli.bench import BenchOptions, run
    from rttp_cli.units import parse_bytes, parse_duration_ns, parse_rate

    options = BenchOptions(
        target=target,
        mode=mode.value if mode else None,
        rate=None if rate is None else parsed("rate", rate, parse_rate),
        size=parsed("size", size, parse_bytes),
        priority=priority,
        duration_ns=parsed("duration", duration, parse_duration_ns),
        warmup_ns=parsed("warmup", warmup, parse_duration_ns),
        count=count,
        timeout_ns=parsed("timeout", timeout, parse_duration_ns),
        spin=spin,
        pin=pin,
        fifo=fifo,
        awake=awake,
        lock_memory=mlock,
        meter=stall_meter,
        stamps=stamps,
        receive_buffer=parsed("receive-buffer", receive_buffer, parse_bytes),
        seed=seed,
        faults=_faults(fault or []),
    )
    limit_ns = parsed("limit", limit, parse_duration_ns)
    q = round(limit_at / 100, 9)
    if not 0 < q < 1:
        raise RttpError("bad-option", f"`--limit-at` is {limit_at:g}, expected a percentile between 0 and 100")
    if out is not None:
        check_writable(out)
    watcher = None
    if not quiet and options.duration_ns + options.warmup_ns > 1_500_000_000:
        from rttp_cli.cli._progress import show

        def watcher(look: Any) -> Any:
            return show(look, options.duration_ns / 1e9, options.warmup_ns / 1e9)

    result = run(options, watcher)
    return _deliver(result, limit_ns, q, as_json, out)


def _deliver(document: dict[str, Any], limit_ns: int, q: float, as_json: bool, out: Path | None) -> int:
    from rttp_cli.report.result import summarise

    result = summarise(document, limit_ns, q)
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        from rttp_cli.report.text import render

        print(render(result, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    if out is not None:
        try:
            out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise RttpError("unwritable", f"`{out}`: {error.strerror}") from error
    if result["interrupted"]:
        return EXIT_INTERRUPTED
    counts = result["counts"]
    if not counts["answered"]:
        raise RttpError("no-answer", f"none of {counts['sent']:,} pulses was answered in time")
    return 0


def _faults(texts: list[str]) -> Any:
    from rttp_cli.bench.options import Faults
    from rttp_cli.units import parse_duration_ns

    values: dict[str, Any] = {}
    for text in (part for given in texts for part in given.split(",")):
        name, equals, value = text.partition("=")
        if not equals or name not in Faults.__dataclass_fields__:
            raise RttpError(
                "bad-option",
                f"`--fault` is `{text}`, expected NAME=VALUE with {', '.join(Faults.__dataclass_fields__)}",
            )
        try:
            if name == "delay":
                values[name] = parse_duration_ns(value) / 1e9
            elif name == "seed":
                values[name] = int(value)
            else:
                values[name] = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
        except ValueError as error:
            raise RttpError("bad-option", f"`--fault` is `{text}`: {error}") from None
        if name not in ("delay", "seed") and not 0 <= values[name] <= 1:
            raise RttpError("bad-option", f"`--fault` is `{text}`, expected a probability of 0 to 1, or 0% to 100%")
    if not 0 <= values.get("seed", 0) < 1 << 64:
        raise RttpError("bad-option", "`--fault seed` is outside 0 to 2^64-1")
    return Faults(**values)
