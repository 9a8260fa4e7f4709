"""Verdicts as GitLab's Code Quality report (https://docs.gitlab.com/ci/testing/code_quality/)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from rttp_cli.report.verdicts import Sheet
from rttp_cli.report.verdicts.lines import reason

_SEVERITIES = {"fail": "major", "inconclusive": "info"}


def render(sheets: Sequence[Sheet]) -> str:
    """One finding for each gate that does not pass."""
    findings = [
        {
            "description": f"{row.verdict.name}: {row.verdict.state}: {reason(row.verdict)}",
            "check_name": "rttp gate",
            # Without figures, so that the same gate is the same finding in the next pipeline.
            "fingerprint": _digest(f"{place}\0{row.file}\0{row.verdict.name}"),
            "severity": _SEVERITIES[row.verdict.state],
            "location": {"path": row.file, "lines": {"begin": row.line}},
        }
        for place, sheet in enumerate(sheets)
        for row in sheet.rows
        if row.verdict.state in _SEVERITIES
    ]
    return json.dumps(findings, indent=1) + "\n"


def _digest(text: str) -> str:
    # Names of files may be no Unicode.
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
