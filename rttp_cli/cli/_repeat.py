"""`rttp bench --repeat` and `--against`: runs of the same, or of two things in turns, and how they compare."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rttp_cli.cli import _comparison
from rttp_cli.cli._output import reader_may_go
from rttp_cli.errors import EXIT_INTERRUPTED, EXIT_OF_STATE, EXIT_OK, RttpError
from rttp_cli.files import write_whole
from rttp_cli.report.effect import ENOUGH_RUNS

if TYPE_CHECKING:
    from rttp_cli.bench import Request
    from rttp_cli.report.compare import Comparison, Rules
    from rttp_cli.report.result import Result

MOST_RUNS = 1_000


@dataclass(frozen=True)
class Asked:
    """What both commands are told."""

    request: Request
    repeat: int | None
    rules: Rules
    verdict: tuple[int, float]
    """`--limit` in ns and `--limit-at` as a share."""
    as_json: bool
    out: Path | None
    quiet: bool

    @property
    def times(self) -> int:
        """Runs a side."""
        times = ENOUGH_RUNS if self.repeat is None else self.repeat
        if not 1 <= times <= MOST_RUNS:
            raise RttpError("bad-option", f"`--repeat` is {times}, expected 1 to {MOST_RUNS:,}")
        return times

    def told(self, point: Any) -> None:
        """Hears of each run as it ends."""
        from rttp_cli.report.runs import point_line

        if not self.quiet:
            state = f"  {point.state}" if point.reasons else ""
            print(f"{point_line(point.document())}{state}", file=sys.stderr, flush=True)


def repeat(asked: Asked) -> int:
    """Makes the same run several times; the profile's gates are judged on all of them together."""
    from rttp_cli.bench.explore import repeat as run

    request = _without_log(asked.request)
    made = run(request, asked.times, verdict=asked.verdict, told=asked.told)
    document, code = made.document, EXIT_OK
    try:
        if made.error is not None:
            raise made.error
        if request.gates and document["points"]:
            code = _judge(document, request)
    finally:
        _deliver(document, asked, None)
    return EXIT_INTERRUPTED if document["interrupted"] else code


def against(asked: Asked, base: str, interleave: bool | None, given: Mapping[str, Any]) -> int:
    """Compares with recorded runs, or with runs of something else made in turns; the comparison's exit code.

    Whatever ends it, the runs that were made are delivered.
    """
    from rttp_cli.bench import explore

    request, other = _without_log(asked.request), _request_of(base, given)
    if other is None and interleave:
        raise RttpError("usage", f"`--interleave`: `{base}` was recorded, so no run of it can be made in turns")
    sides = _Sides(asked.rules, base if other is None else None)
    made = explore.against(
        None if other is None else _without_log(other),
        request,
        asked.times,
        interleave=interleave is not False,
        verdict=asked.verdict,
        told=asked.told,
        check=sides.check,
    )
    document = made.document | {"base": base, "comparison": None}
    comparison = None
    try:
        if made.error is not None:
            raise made.error
        if not document["interrupted"]:
            comparison = sides.compared(document["points"], paired=document["interleaved"])
            document["comparison"] = None if comparison is None else comparison.document()
    finally:
        _deliver(document, asked, comparison)
    return EXIT_INTERRUPTED if comparison is None else _comparison.exit_code(comparison)


class _Sides:
    """What is compared with what: points made here, and with a `name` runs that were recorded under it.

    What can be known before the first run is checked at once. Raises `RttpError`.
    """

    def __init__(self, rules: Rules, name: str | None) -> None:
        from rttp_cli.report import baseline
        from rttp_cli.report.compare import check_different

        self._rules, self._name = rules, name
        self._recorded: list[Result] = []
        self._checked = False
        if name is not None and _comparison.is_baseline(name):
            baseline.named(baseline.folder(), name[1:])
        elif name is not None:
            self._recorded = _comparison.of_files([name])
            check_different(self._recorded)

    def check(self, points: list[dict[str, Any]]) -> None:
        """Compares as soon as there is something to compare: what is refused then would be after the last run, too."""
        self._checked = self._checked or self.compared(points) is not None

    def compared(self, points: list[dict[str, Any]], *, paired: bool = False) -> Comparison | None:
        """`None`: a side has no runs yet. Raises `RttpError`."""
        from rttp_cli.report import baseline
        from rttp_cli.report.compare import compare

        new = _results(points, "B")
        if new and self._name is not None and not self._recorded:
            self._recorded, _ = baseline.find(baseline.folder(), self._name[1:], new)
        base = self._recorded or _results(points, "A")
        # Runs made here differ because they were asked to.
        return compare(base, new, self._rules, paired=paired, force=self._name is None) if base and new else None


def _request_of(base: str, given: Mapping[str, Any]) -> Request | None:
    """The base as a run that can be made; `None` for one that was recorded. Raises `RttpError`."""
    from rttp_cli.cli._bench_request import request_of
    from rttp_cli.profile import shipped
    from rttp_cli.wire.address import resolve

    if not base.strip():
        raise RttpError("bad-option", "`--against` is empty, expected what to compare with")
    if base.startswith("-"):
        return request_of({**given, **_options(base)})[0]
    if _comparison.is_baseline(base):
        return None
    if base.endswith(shipped.SUFFIXES) or (not Path(base).exists() and shipped.find(base) is not None):
        return request_of({**given, "profile": base})[0]
    if Path(base).exists() or "/" in base:
        return None
    resolve(base)
    return request_of({**given, "target": (base,)})[0]


def _options(text: str) -> dict[str, Any]:
    """Parameters of `rttp bench` that a text of options gives."""
    import typer
    from typer.main import get_command

    from rttp_cli.cli._bench_request import OPTIONS
    from rttp_cli.cli.bench import app

    try:
        context = get_command(app).make_context("--against", shlex.split(text))
    except (typer.TyperException, ValueError) as error:
        said = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        raise RttpError("bad-option", f"`--against` is `{text[:80]}`: {said}") from None
    sources = {name: context.get_parameter_source(name) for name in context.params}
    found = {name: context.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    for parameter in context.command.params:
        if parameter.name in found and parameter.name not in OPTIONS:
            raise RttpError("bad-option", f"`--against`: `{parameter.opts[0]}` changes no run")
    return found


def _results(points: list[dict[str, Any]], side: str) -> list[Result]:
    from rttp_cli.report.source import of_document

    found = sorted((p for p in points if p["side"] == side), key=lambda p: p.get("pair", 0))
    return [of_document(point["result"], point["label"]) for point in found]


def _judge(document: dict[str, Any], request: Request) -> int:
    """Adds the gates' verdicts on all runs together; the exit code."""
    from rttp_cli.report.judge import judge_gates
    from rttp_cli.report.source import merge, of_document
    from rttp_cli.report.state import worst

    runs = merge([of_document(point["result"], point["label"]) for point in document["points"]])
    verdicts = judge_gates(runs, request.gates)
    document["gates"] = [vars(verdict) for verdict in verdicts]
    return EXIT_OF_STATE[worst(verdict.state for verdict in verdicts)]


def _without_log(request: Request) -> Request:
    # A log of one run would be overwritten by the next.
    return replace(request, host=replace(request.host, interval_log=None))


def _deliver(document: dict[str, Any], asked: Asked, comparison: Comparison | None) -> None:
    from rttp_cli.report.repeat_text import render_repeat

    text = json.dumps(document, indent=1)
    with reader_may_go():
        print(text if asked.as_json else render_repeat(document))
        if comparison is not None and not asked.as_json:
            print()
            _comparison.show(comparison, as_json=False)
    if asked.out is not None:
        write_whole(asked.out, text.encode() + b"\n")
