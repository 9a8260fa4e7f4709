"""Verdicts as TAP 14 (https://testanything.org/tap-version-14-specification.html)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rttp_cli.report.verdicts import Sheet
from rttp_cli.report.verdicts.lines import reason


def render(sheets: Sequence[Sheet]) -> Iterator[str]:
    """Lines of a stream. What is inconclusive is skipped: another directive would promise that it is known to fail."""
    rows = [(sheet, row.verdict) for sheet in sheets for row in sheet.rows]
    yield "TAP version 14"
    yield f"1..{len(rows)}"
    for number, (sheet, verdict) in enumerate(rows, 1):
        name = verdict.name if len(sheets) == 1 else f"{sheet.source}: {verdict.name}"
        outcome = "not ok" if verdict.state == "fail" else "ok"
        skipped = f" # SKIP inconclusive: {_line(reason(verdict))}" if verdict.state == "inconclusive" else ""
        yield f"{outcome} {number} - {_line(name)}{skipped}"
        if not skipped:
            yield "  ---"
            # JSON is YAML.
            yield f"  message: {json.dumps(reason(verdict))}"
            yield "  ..."


def _line(text: str) -> str:
    """On one line, with no `#` that would begin a directive."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("#", "\\#")
