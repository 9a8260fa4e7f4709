"""Verdicts as JUnit XML, as Jenkins' junit-10 schema has it and GitHub, GitLab and Azure read it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from rttp_cli.report.verdicts import Row, Sheet
from rttp_cli.report.verdicts.lines import reason


def render(sheets: Sequence[Sheet]) -> str:
    """One suite a result, one case a gate. What is inconclusive is skipped: no server knows a third outcome."""
    total = _counts([row for sheet in sheets for row in sheet.rows])
    # The schema knows `skipped` of suites alone.
    root = ET.Element("testsuites", {"name": "rttp gate"} | {k: v for k, v in total.items() if k != "skipped"})
    for sheet in sheets:
        time = f"{(sheet.duration_ns or 0) / 1e9:.3f}"
        suite = ET.SubElement(root, "testsuite", {"name": _legal(sheet.source)} | _counts(sheet.rows) | {"time": time})
        for row in sheet.rows:
            _case(suite, sheet.source, row)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _counts(rows: Sequence[Row]) -> dict[str, str]:
    states = [row.verdict.state for row in rows]
    counts = {"tests": len(states), "failures": states.count("fail"), "errors": 0}
    return {name: str(count) for name, count in (counts | {"skipped": states.count("inconclusive")}).items()}


def _case(suite: ET.Element, source: str, row: Row) -> None:
    verdict = row.verdict
    # Time is the run's, and stands at the suite: a gate takes none.
    case = ET.SubElement(suite, "testcase", name=_legal(verdict.name), classname=_legal(source), time="0.000")
    said = _legal(reason(verdict))
    if verdict.state == "fail":
        ET.SubElement(case, "failure", type="gate", message=said).text = f"{_legal(verdict.name)}: {said}"
    elif verdict.state == "inconclusive":
        ET.SubElement(case, "skipped", type="inconclusive", message=f"inconclusive: {said}")
    else:
        ET.SubElement(case, "system-out").text = said


def _legal(text: str) -> str:
    """Without what XML 1.0 cannot hold, not even escaped."""
    return "".join(
        c for c in text if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
