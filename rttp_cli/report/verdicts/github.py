"""Verdicts for GitHub Actions: a job summary in Markdown, and annotations as workflow commands."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from rttp_cli.report.state import worst
from rttp_cli.report.verdicts import Sheet
from rttp_cli.report.verdicts.lines import reason

_SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}
_COMMANDS = {"fail": "error", "inconclusive": "warning"}


def summary(sheets: Sequence[Sheet]) -> Iterator[str]:
    """Lines of Markdown: a table for each result."""
    state = worst(row.verdict.state for sheet in sheets for row in sheet.rows)
    yield f"### {_SIGNS[state]} Latency gates: {state}"
    for sheet in sheets:
        yield ""
        yield _cell(sheet.source)
        yield ""
        yield "| | gate | verdict |"
        yield "|---|---|---|"
        for row in sheet.rows:
            verdict = row.verdict
            yield f"| {_SIGNS[verdict.state]} {verdict.state} | {_cell(verdict.name)} | {_cell(reason(verdict))} |"
    yield ""


def commands(sheets: Sequence[Sheet]) -> Iterator[str]:
    """`::error` for what fails and `::warning` for what nobody can tell, where the gate is written."""
    for sheet in sheets:
        for row in sheet.rows:
            verdict = row.verdict
            if verdict.state != "pass":
                where = f"file={_property(row.file)},line={row.line},title={_property(f'rttp gate {verdict.state}')}"
                yield f"::{_COMMANDS[verdict.state]} {where}::{_data(f'{verdict.name}: {reason(verdict)}')}"


def _cell(text: str) -> str:
    """Text that is neither HTML nor Markdown, nor ends a cell."""
    text = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]|~#@!" else c for c in text)


def _data(text: str) -> str:
    # As @actions/core escapes: a line break would end the command and could begin another.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
