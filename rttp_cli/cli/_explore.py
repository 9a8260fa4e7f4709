"""`rttp bench --search | --sweep | --matrix | --explain`: several runs, told one by one, and what follows from them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rttp_cli.errors import EXIT_INTERRUPTED, RttpError
from rttp_cli.files import write_whole

if TYPE_CHECKING:
    from rttp_cli.bench import BenchOptions, Request

_LEAST_POINT_NS = 50_000_000


def explore(
    request: Request,
    options: BenchOptions | None,
    asked: dict[str, Any],
    point_ns: int,
    tolerance: float,
    *,
    as_json: bool,
    out: Path | None,
    quiet: bool,
) -> int:
    """Makes the runs, prints the table or the document, and gives the exit code."""
    from rttp_cli.report.runs import point_line, render_runs

    named = [name for name, value in asked.items() if value is not None]
    if len(named) > 1:
        raise RttpError("bad-option", f"`--{named[0]}` and `--{named[1]}` are two questions", "ask one at a time")
    if point_ns < _LEAST_POINT_NS:
        raise RttpError("bad-option", "`--point` is too short, expected at least 50ms")
    # A log of one run would be overwritten by the next.
    request = replace(request, host=replace(request.host, interval_log=None))

    def told(point: Any) -> None:
        if not quiet:
            print(f"{point_line(point.document())}  {point.state}", file=sys.stderr, flush=True)

    document = _RUNS[named[0]](request, options, asked[named[0]], point_ns, tolerance, told)
    print(json.dumps(document, indent=1) if as_json else render_runs(document))
    if out is not None:
        write_whole(out, json.dumps(document, indent=1).encode() + b"\n")
    return EXIT_INTERRUPTED if document["interrupted"] else 0


def _only(options: BenchOptions | None, name: str) -> BenchOptions:
    if options is None:
        raise RttpError("bad-option", f"`--{name}` makes its own traffic: leave the profile out")
    if options.rate is not None or options.mode not in (None, "ping-pong"):
        raise RttpError("bad-option", f"`--{name}` makes its own traffic: leave out --rate and --mode")
    return replace(options, interval_log=None)


def _search(request: Request, _: Any, gates: list[str], point_ns: int, tolerance: float, told: Any) -> dict[str, Any]:
    from rttp_cli.bench.explore import search
    from rttp_cli.report.gate import GateError, parse_gate

    for gate in gates:
        try:
            parse_gate(gate)
        except GateError as error:
            raise RttpError("bad-option", f"`--search` is `{gate[:80]}`: {error}") from None
    if not 0.001 <= tolerance <= 1:
        raise RttpError("bad-option", f"`--tolerance` is {tolerance * 100:g}, expected 0.1 to 100 percent")
    return search(request, gates, duration_ns=point_ns, tolerance=tolerance, told=told)


def _sweep(request: Request, _: Any, rates: str, point_ns: int, __: float, told: Any) -> dict[str, Any]:
    from rttp_cli.bench.explore import sweep
    from rttp_cli.bench.explore.sweep import parse_rates

    return sweep(request, parse_rates(rates), duration_ns=point_ns, told=told)


def _matrix(_: Any, options: Any, classes: str, point_ns: int, __: float, told: Any) -> dict[str, Any]:
    from rttp_cli.bench.explore import matrix
    from rttp_cli.bench.explore.matrix import parse_classes

    return matrix(_only(options, "matrix"), parse_classes(classes), duration_ns=point_ns, told=told)


def _explain(_: Any, options: Any, __: Any, point_ns: int, ___: float, told: Any) -> dict[str, Any]:
    from rttp_cli.bench.explore import explain

    return explain(_only(options, "explain"), duration_ns=point_ns, told=told)


_RUNS: dict[str, Callable[..., dict[str, Any]]] = {
    "search": _search,
    "sweep": _sweep,
    "matrix": _matrix,
    "explain": _explain,
}
