"""`rttp recv`: receive pulses; answer those that ask for it."""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from rttp_cli.cli._options import parsed
from rttp_cli.errors import EXIT_INTERRUPTED
from rttp_cli.host import parse_cores

app = typer.Typer(add_completion=False, rich_markup_mode=None)

EVERY = 5.0
"""Seconds between lines about the traffic."""


@app.command()
def recv(
    echo: Annotated[
        bool, typer.Option("--echo", help="Answer PINGs, REQUESTs and pulses with the ECHO flag; else only count.")
    ] = False,
    listen: Annotated[
        str,
        typer.Option(
            "--listen",
            "-l",
            metavar="HOST[:PORT]",
            help="Where to listen; 0.0.0.0 or [::] for every address, port 0 for a free one.",
        ),
    ] = "127.0.0.1:21076",
    spin: Annotated[bool, typer.Option("--spin", help="Look at the socket all the time rather than sleep.")] = False,
    pin: Annotated[str, typer.Option("--pin", metavar="CORE", help="Core to run on, or none.")] = "none",
    fifo: Annotated[
        int | None, typer.Option("--fifo", metavar="PRIORITY", help="SCHED_FIFO priority, 1 to 99.")
    ] = None,
    awake: Annotated[
        bool, typer.Option("--awake/--no-awake", help="Keep idle cores awake (/dev/cpu_dma_latency).")
    ] = True,
    mlock: Annotated[bool, typer.Option("--mlock", help="Lock all memory in RAM.")] = False,
    receive_buffer: Annotated[str, typer.Option("--receive-buffer", metavar="BYTES", help="Receive buffer.")] = "16MiB",
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="HOST:PORT", help="Serve Prometheus metrics there (TCP).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The final summary as JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but errors and the summary.")] = False,
) -> int:
    """Receive pulses; answer those that ask for it.

    Runs until Ctrl-C (exit 130) or SIGTERM (exit 0), then prints what it counted. It works without sessions: whoever
    can reach the port is answered, never with more bytes than were sent.
    """
    from rttp_cli.session.node import Node, NodeOptions
    from rttp_cli.units import parse_bytes

    options = NodeOptions(
        listen=listen,
        echo=echo,
        spin=spin,
        core=None if pin == "none" else parse_cores(pin, most=1)[0],
        fifo=fifo,
        awake=awake,
        lock_memory=mlock,
        receive_buffer=parsed("receive-buffer", receive_buffer, parse_bytes),
    )
    code = 0
    with Node(options) as node:
        try:
            with _serving(metrics, node, echo) as metrics_on:
                what = "answering" if echo else "counting"
                listening = [f"listening on {node.address}, {what}, open (no session, no seal)"]
                # With --quiet, too: with port 0 nobody could know where, and who can read them must be said.
                for line in [*([] if quiet else listening), *metrics_on]:
                    print(line, file=sys.stderr, flush=True)
                _watch(node, quiet)
        except KeyboardInterrupt:
            code = EXIT_INTERRUPTED
        summary = node.finish()
    print(json.dumps(summary, indent=1) if as_json else _text(summary))
    return code


@contextlib.contextmanager
def _serving(address: str | None, node: Any, echo: bool) -> Iterator[list[str]]:
    """Serves the node's metrics, if an address was given; gives what there is to say of it."""
    if address is None:
        yield []
        return
    from rttp_cli.metrics import Exporter, NodeMetrics

    with Exporter(address) as exporter, exporter.exposing(NodeMetrics(node, echo), after="rttp-server"):
        yield [exporter.announcement]


def _watch(node: Any, quiet: bool) -> None:
    before = 0
    while not node.wait(EVERY):
        received, answered, rejected = node.progress()
        if received != before and not quiet:
            print(f"received {received:,}, answered {answered:,}, rejected {rejected:,}", file=sys.stderr, flush=True)
        before = received


def _text(summary: Mapping[str, Any]) -> str:
    from rttp_cli.units import format_bytes

    lines = [
        f"received   {summary['received']:,} datagrams, {format_bytes(summary['bytes'])}",
        f"answered   {summary['answered']:,}",
        "rejected   " + (", ".join(f"{k} {v:,}" for k, v in summary["rejects"].items()) or "0"),
        f"dropped    {summary['buffer_drops']:,} in the receive buffer ({format_bytes(summary['receive_buffer'])}),"
        f" {summary['answers_dropped']:,} answers not sent",
    ]
    lines += [f"refused    {a['what']}: {a['detail']}" for a in summary["asked"] if not a["granted"]]
    return "\n".join(lines)
