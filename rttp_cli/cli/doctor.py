"""`rttp doctor`: say how fit this host is for measuring, and what to change."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from rttp_cli.cli._options import parsed
from rttp_cli.errors import EXIT_INTERRUPTED

app = typer.Typer(add_completion=False, rich_markup_mode=None)

SHOWN_FROM = 2.0
"""Seconds of measuring from which there is a sign of life."""


@app.command()
def doctor(
    duration: Annotated[
        str, typer.Option("--duration", "-d", metavar="TIME", help="How long to record stalls of all cores.")
    ] = "3s",
    skip_floors: Annotated[
        bool, typer.Option("--skip-floors", help="Read settings only, measure nothing: some milliseconds.")
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="HOST[:PORT]",
            help="Look at the interface that leads there; nothing is sent. [default: loopback]",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Say how fit this host is for measuring, and what to change.

    It measures stalls, the way between cores, clocks and UDP over loopback, reads what the kernel tells, and judges
    each. It changes nothing. Warnings are no failure: the exit code is 0; after Ctrl-C 130, with what was measured.
    """
    from rttp_cli.doctor import DoctorOptions, examine
    from rttp_cli.units import parse_duration_ns

    options = DoctorOptions(
        target=target, duration_ns=parsed("duration", duration, parse_duration_ns), floors=not skip_floors
    )
    with _progress(options, quiet) as tell:
        document = examine(options, tell)
    if as_json:
        print(json.dumps(document, indent=1))
    else:
        from rttp_cli.doctor.text import render

        print(render(document, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    return EXIT_INTERRUPTED if document["interrupted"] else 0


@contextlib.contextmanager
def _progress(options: Any, quiet: bool) -> Iterator[Callable[[Any], None]]:
    """Tells on stderr what is measured. It draws between measurements only: while one lasts, drawing would be a stall
    on a core that is watched.
    """
    from rttp_cli.doctor.floors import steps

    planned = steps(options.duration_ns)
    seconds = sum(step.seconds for step in planned)
    if quiet or not options.floors or seconds < SHOWN_FROM:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(seconds) as tell:
            yield tell
    else:
        yield lambda step: print(f"measuring {step.title}: {step.seconds:g} s", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _bar(seconds: float) -> Iterator[Callable[[Any], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.1f} of {task.total:.1f} s"))
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=seconds)
        done = 0.0

        def tell(step: Any) -> None:
            nonlocal done
            bar.update(task, completed=done, description=f"{step.title} ({step.seconds:g} s)")
            bar.refresh()
            done += step.seconds

        yield tell
