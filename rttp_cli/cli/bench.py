"""`rttp bench`: send pulses, measure every answer, say what it is worth."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rttp_cli.cli._options import check_writable, parsed
from rttp_cli.errors import EXIT_INTERRUPTED, RttpError

if TYPE_CHECKING:
    from rttp_cli.bench import Request

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class ModeName(str, Enum):
    """Names of the modes."""

    PING_PONG = "ping-pong"
    OPEN_LOOP = "open-loop"
    FLOOD = "flood"


@app.command()
def bench(
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
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="PERCENT", help="How closely --search looks.")
    ] = 5.0,
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Send pulses on a schedule, measure every answer.

    Without --target it starts a responder in this process, over a real socket on loopback. Latency counts from the
    scheduled send; a lost pulse is a sample at its timeout; a percentile says how many samples stand behind it. A
    profile (`rttp profile list`) says more: several streams, arrival processes, priorities, sizes, fragments,
    deadlines, gates.
    """
    from rttp_cli.bench import BenchOptions, HostOptions, of_options
    from rttp_cli.units import parse_bytes, parse_duration_ns, parse_rate

    for file in (out, pcapng):
        if file is not None:
            check_writable(file)
    host: dict[str, Any] = {
        "spin": spin,
        "fifo": fifo,
        "awake": awake,
        "lock_memory": mlock,
        "meter": stall_meter,
        "stamps": stamps,
        "receive_buffer": parsed("receive-buffer", receive_buffer, parse_bytes),
        "interval_ns": parsed("interval", interval, parse_duration_ns),
        "interval_log": None if out is None else out.with_suffix(".hlog"),
        "slowest": slowest,
        "faults": _faults(fault or []),
    }
    host |= {k: v for k, v in {"pin": pin, "threads": threads, "segments": segments}.items() if v is not None}
    times = {
        "duration": None if duration is None else parsed("duration", duration, parse_duration_ns),
        "warmup": None if warmup is None else parsed("warmup", warmup, parse_duration_ns),
    }
    timeout_ns = None if timeout is None else parsed("timeout", timeout, parse_duration_ns)
    rate_pps = None if rate is None else parsed("rate", rate, parse_rate)
    limit_ns = parsed("limit", limit, parse_duration_ns)
    q = round(limit_at / 100, 9)
    if not 0 < q < 1:
        raise RttpError("bad-option", f"`--limit-at` is {limit_at:g}, expected a percentile between 0 and 100")
    options = None
    if profile is None:
        if set_:
            raise RttpError("bad-option", "`--set` changes a profile, and none is named", "such as: rttp bench default")
        given: dict[str, Any] = {
            "mode": mode.value if mode else None,
            "rate": rate_pps,
            "size": None if size is None else parsed("size", size, parse_bytes),
            "priority": priority,
            "duration_ns": times["duration"],
            "warmup_ns": times["warmup"],
            "timeout_ns": timeout_ns,
            "count": count,
            "seed": seed,
        }
        given = {key: value for key, value in given.items() if value is not None}
        options = BenchOptions(**host, target=target[0] if target else None, **given)
        request = replace(of_options(options), targets=tuple(target or ()))
    else:
        for option, value in {"mode": mode, "size": size, "priority": priority, "timeout": timeout}.items():
            if value is not None:
                raise RttpError(
                    "bad-option",
                    f"`--{option}` is for a run without a profile",
                    f"change the profile: --set streams.NAME.{option}=…",
                )
        run_keys = {"count": count, "seed": seed} | {
            key: None if ns is None else f"{ns}ns" for key, ns in times.items()
        }
        overrides = [f"run.{key}={value}" for key, value in run_keys.items() if value is not None]
        request = _of_profile(profile, [*(set_ or []), *overrides], HostOptions(**host), host, target, rate_pps)
    asked = {"search": search, "sweep": sweep, "matrix": matrix, "explain": explain or None}
    if any(value is not None for value in asked.values()):
        from rttp_cli.cli._explore import explore

        point_ns = parsed("point", point, parse_duration_ns)
        return explore(request, options, asked, point_ns, tolerance / 100, as_json=as_json, out=out, quiet=quiet)
    return _run(request, limit_ns, q, as_json, out, pcapng, quiet)


def _of_profile(
    name: str, overrides: list[str], checked: Any, host: dict[str, Any], targets: list[str] | None, rate: float | None
) -> Request:
    """The request of a profile; its `run` says how to use the host where no option does."""
    from rttp_cli.bench import HostOptions, of_profile
    from rttp_cli.profile import load

    profile = load(name, overrides)
    run = profile.run
    own: dict[str, Any] = {"threads": run.threads, "segments": run.segments, "spin": run.spin or checked.spin}
    own["pin"] = run.cores if isinstance(run.cores, str) else ",".join(map(str, run.cores))
    merged = own | {key: value for key, value in host.items() if key != "spin"}
    request = of_profile(profile, HostOptions(**merged), None if targets is None else tuple(targets))
    return request if rate is None else request.at_rate(rate)


def _run(
    request: Request, limit_ns: int, q: float, as_json: bool, out: Path | None, pcapng: Path | None, quiet: bool
) -> int:
    from rttp_cli.bench import run
    from rttp_cli.report.result import summarise

    watcher = None
    plan = request.plan
    if not quiet and plan["duration_ns"] + plan["warmup_ns"] > 1_500_000_000:
        from rttp_cli.cli._progress import show

        def watcher(look: Any) -> Any:
            interval = request.host.interval_ns / 1e9
            return show(look, plan["duration_ns"] / 1e9, plan["warmup_ns"] / 1e9, interval)

    result = summarise(run(request, watcher), limit_ns, q)
    if request.gates:
        from rttp_cli.report.judge import judge_gates

        result["gates"] = [vars(verdict) for verdict in judge_gates(result, request.gates)]
    return _deliver(result, as_json, out, pcapng)


def _deliver(result: dict[str, Any], as_json: bool, out: Path | None, pcapng: Path | None) -> int:
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
    if pcapng is not None:
        from rttp_cli.report.capture import write_flights

        write_flights(result, pcapng)
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
    from rttp_cli.errors import EXIT_GATE, EXIT_INCONCLUSIVE

    states = {gate["state"] for gate in result.get("gates", ())}
    return EXIT_GATE if "fail" in states else EXIT_INCONCLUSIVE if "inconclusive" in states else 0


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
