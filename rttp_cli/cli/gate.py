"""`rttp gate`: hold results to limits, say what nobody can tell, and exit so that a build can act on it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from rttp_cli.cli._options import same_file
from rttp_cli.cli._output import reader_may_go
from rttp_cli.errors import EXIT_OF_STATE, RttpError
from rttp_cli.report.source import Unit

if TYPE_CHECKING:
    from rttp_cli.report.gate import Gate
    from rttp_cli.report.result import Result
    from rttp_cli.report.verdicts import Sheet

    Asked = dict[Gate, tuple[str, int]]
    """Gates and the file and line where each is written first."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)

MAX_GATES_BYTES = 1 << 20
MOST_GATES = 1_000
_COMMENT = re.compile(r"(?:^|\s)#.*")


class Taken(str, Enum):
    """What an inconclusive verdict counts as."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"


@app.command()
def gate(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULT…",
            help="Files of `rttp bench --out`, or what `rttp report` reads; of a folder all. -: stdin.",
        ),
    ],
    expr: Annotated[
        list[str] | None,
        typer.Option("--expr", "-e", metavar="GATE", help="Such as 'p99.99 < 300us' or 'stream[control].p99 <= 1ms'."),
    ] = None,
    gates: Annotated[
        list[Path] | None,
        typer.Option("--gates", "-g", metavar="FILE", help="Gates, one a line; # begins a comment."),
    ] = None,
    profile_gates: Annotated[
        bool, typer.Option("--profile-gates/--no-profile-gates", help="Also the gates of the profile that ran.")
    ] = True,
    each: Annotated[
        bool, typer.Option("--each", help="Judge each result by itself. [default: all of them merged]")
    ] = False,
    inconclusive: Annotated[
        Taken | None, typer.Option(help="What an inconclusive verdict counts as. [default: itself, exit code 6]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdicts as a document on stdout.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML; -: stdout.")] = None,
    tap: Annotated[Path | None, typer.Option("--tap", metavar="FILE", help="Write TAP 14; -: stdout.")] = None,
    gitlab: Annotated[
        Path | None, typer.Option("--gitlab", metavar="FILE", help="Write a GitLab Code Quality report; -: stdout.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Annotations, and a summary at the end of $GITHUB_STEP_SUMMARY.")
    ] = False,
    unit: Annotated[Unit | None, typer.Option(help="Of the values in files of other programs. [ns]")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")] = False,
) -> int:
    """Hold results to limits: pass, fail, or inconclusive.

    Exit code 0: all gates pass. 1: one fails. 6: none fails, and of one nobody can tell: too few samples, or the
    machine's own stalls explain what breaks it. docs/GATES.md has every metric and rule, docs/CI.md recipes.
    """
    from rttp_cli.report.source import MANY, expand, load_all
    from rttp_cli.report.state import worst

    files = expand(results)
    written = {"junit": junit, "tap": tap, "gitlab": gitlab}
    _check_outputs(written, files, gates or [], as_json=as_json)
    asked = _asked(expr or [], gates or [])
    loaded = load_all(files, unit=unit, intervals=len(files) < MANY)
    for result in loaded:
        _check_alone(result)
        _check_not_empty(result)
    groups = [[result] for result in loaded] if each else [loaded]
    sheets = [_judged(group, asked, profile_gates=profile_gates) for group in groups]
    state = worst(row.verdict.state for sheet in sheets for row in sheet.rows)
    code = EXIT_OF_STATE[state]
    if state == "inconclusive" and inconclusive is not None:
        code = EXIT_OF_STATE[inconclusive.value]
    with reader_may_go():
        _deliver(sheets, code, written, as_json=as_json, github=github)
    if not quiet:
        for note in dict.fromkeys(note for sheet in sheets for note in sheet.notes):
            print(f"note: {note}", file=sys.stderr)
        if state == "inconclusive" and inconclusive is not None:
            print(f"note: inconclusive counts as {inconclusive.value} (--inconclusive)", file=sys.stderr)
    return code


def _check_outputs(
    written: dict[str, Path | None], files: Sequence[Path], gates: Sequence[Path], *, as_json: bool
) -> None:
    on_stdout = ["json"] * as_json + [name for name, path in written.items() if path == Path("-")]
    if len(on_stdout) > 1:
        raise RttpError("usage", f"`--{on_stdout[0]}` and `--{on_stdout[1]}` both go to stdout", "name a file for one")
    read = [(file, "the result") for file in files] + [(file, "the gates") for file in gates]
    for name, path in written.items():
        if path is None or path == Path("-"):
            continue
        for other, what in read:
            if same_file(path, other):
                raise RttpError("bad-option", f"`--{name}` would overwrite {what} `{path}`", "name another file")
        read.append((path, f"--{name}"))


def _asked(texts: Sequence[str], files: Sequence[Path]) -> Asked:
    """Gates of options and files. Raises `RttpError`: bad-gate, unreadable."""
    found: Asked = {}
    for text in texts:
        found.setdefault(_parse(text, "`--expr`"), ("", 1))
    for file in files:
        for number, text in _lines(file):
            found.setdefault(_parse(text, f"`{file}` line {number}"), (str(file), number))
    return found


def _parse(text: str, where: str, slug: str = "bad-gate") -> Gate:
    from rttp_cli.report.gate import GateError, parse_gate

    try:
        return parse_gate(text)
    except GateError as error:
        raise RttpError(slug, f"{where}: `{text[:80]}`: {error}") from None


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_GATES_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise RttpError("unreadable", f"`{file}`: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RttpError("bad-gate", f"`{file}`: byte {error.start} is not UTF-8") from None
    if len(data) > MAX_GATES_BYTES:
        raise RttpError("bad-gate", f"`{file}` has more than {MAX_GATES_BYTES >> 20} MiB of gates")
    for number, line in enumerate(text.splitlines(), 1):
        if gate_text := _COMMENT.sub("", line).strip():
            yield number, gate_text


def _check_alone(result: Result) -> None:
    """Runs of different things are not one thing that keeps a limit."""
    if result.among is not None and result.among.kind != "repeat":
        kind = result.among.kind
        hint = "`rttp compare FILE` decides it" if kind == "against" else "`rttp report` shows it"
        raise RttpError("bad-result", f"{result.source}: one of the different runs of --{kind}", hint)


def _check_not_empty(result: Result) -> None:
    counts, histograms = result.whole.counts, result.whole.histograms.values()
    if not (counts["sent"] if counts is not None else any(histogram.samples for histogram in histograms)):
        raise RttpError("bad-result", f"{result.source}: it is empty: nothing was measured")


def _judged(results: Sequence[Result], asked: Asked, *, profile_gates: bool) -> Sheet:
    """Verdicts on results together. Raises `RttpError`: usage without a gate, bad-gate."""
    from rttp_cli.report.doubts import doubts
    from rttp_cli.report.gate import contradiction
    from rttp_cli.report.judge import judge_gate
    from rttp_cli.report.source import merge
    from rttp_cli.report.verdicts import Row, Sheet

    gates = dict(asked)
    for result in results if profile_gates else ():
        for one in _of_profile(result):
            gates.setdefault(one, (result.source, 1))
    if not gates:
        raise RttpError("usage", "there is no gate to judge by", "say --expr 'p99 < 1ms' or --gates FILE")
    if len(gates) > MOST_GATES:
        raise RttpError("bad-gate", f"there are {len(gates):,} gates, expected at most {MOST_GATES:,}")
    if pair := contradiction(list(gates)):
        raise RttpError("bad-gate", f"`{pair[0]}` and `{pair[1]}` cannot both hold")
    merged = merge(results)
    rows = (Row(judge_gate(merged, one), file or results[0].source, line) for one, (file, line) in gates.items())
    notes = (*merged.notes, *doubts(results))
    return Sheet(merged.source, merged.duration_ns, tuple(rows), notes)


def _of_profile(result: Result) -> Iterator[Gate]:
    """The gates by which `rttp bench` judged the run."""
    for i, row in enumerate((result.document or {}).get("gates", ())):
        one = _parse(row["gate"], f"{result.source}: gates[{i}].gate", "bad-result")
        yield one if row["stream"] is None else replace(one, stream=row["stream"])


def _deliver(sheets: list[Sheet], code: int, written: dict[str, Path | None], *, as_json: bool, github: bool) -> None:
    from rttp_cli.files import write_whole
    from rttp_cli.report.verdicts import document, gitlab, junit, lines, tap

    texts = {
        "junit": lambda: junit.render(sheets),
        "tap": lambda: "".join(f"{line}\n" for line in tap.render(sheets)),
        "gitlab": lambda: gitlab.render(sheets),
    }
    shown = None
    for name, path in written.items():
        if path == Path("-"):
            shown = texts[name]()
        elif path is not None:
            write_whole(path, texts[name]().encode("utf-8", "backslashreplace"))
    if as_json:
        shown = json.dumps(document(sheets, code), indent=1) + "\n"
    if shown is None:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(*lines.render(sheets, colour=colour), sep="\n")
    else:
        sys.stdout.write(shown)
    if github:
        _tell_github(sheets, sys.stdout if shown is None else sys.stderr)


def _tell_github(sheets: list[Sheet], stream: TextIO) -> None:
    """Annotations work on either stream of a step."""
    from rttp_cli.report.verdicts import github

    for line in github.commands(sheets):
        print(line, file=stream)
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as summary:
                summary.write("".join(f"{line}\n" for line in github.summary(sheets)))
        except OSError as error:
            raise RttpError("unwritable", f"`{file}`: {error.strerror or error}") from None
