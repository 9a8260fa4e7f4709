"""Verdicts as other programs read them: CI servers, test harnesses, people. Each form is a text of the same sheets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rttp_cli.report.judge import GateVerdict
from rttp_cli.report.state import worst

SCHEMA = "rttp.gate/1"


@dataclass(frozen=True)
class Row:
    """A verdict and where its gate is written."""

    verdict: GateVerdict
    file: str
    """A file of gates, or the result that was judged."""
    line: int = 1


@dataclass(frozen=True)
class Sheet:
    """What was judged and how."""

    source: str
    """The result, or what it was merged from."""
    duration_ns: int | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know of the result."""


def document(sheets: list[Sheet], exit_code: int) -> dict[str, Any]:
    """All verdicts as `rttp.gate/1` (docs/GATES.md)."""
    return {
        "schema": SCHEMA,
        "state": worst(row.verdict.state for sheet in sheets for row in sheet.rows),
        "exit_code": exit_code,
        "results": [
            {
                "source": sheet.source,
                "duration_ns": sheet.duration_ns,
                "notes": sheet.notes,
                "gates": [vars(row.verdict) for row in sheet.rows],
            }
            for sheet in sheets
        ],
    }
