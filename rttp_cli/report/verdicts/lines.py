"""Verdicts for people: one line a gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rttp_cli.report.judge import GateVerdict
from rttp_cli.report.verdicts import Sheet
from rttp_cli.units import format_ns, plain

_STYLES = {"pass": "32", "fail": "31", "inconclusive": "33"}


def render(sheets: Sequence[Sheet], *, colour: bool = False) -> Iterator[str]:
    """The lines; where several results were judged one by one, each under its name."""
    width = max((len(plain(row.verdict.name)) for sheet in sheets for row in sheet.rows), default=0)
    for sheet in sheets:
        if len(sheets) > 1:
            yield f"{plain(sheet.source)}:"
        for row in sheet.rows:
            verdict = row.verdict
            state = f"{verdict.state:<12}"
            painted = f"\x1b[{_STYLES[verdict.state]}m{state}\x1b[0m" if colour else state
            yield f"{painted}  {plain(verdict.name):<{width}}   {reason(verdict)}"


def reason(verdict: GateVerdict) -> str:
    """A verdict's reason; of a time that passes with what it stands on."""
    words = plain(verdict.reason)
    if verdict.state != "pass" or verdict.samples is None or verdict.interval is None:
        return words
    lower, upper = verdict.interval
    ends = "" if lower == upper else f"{format_ns(lower)} … {'open' if upper is None else format_ns(upper)}, "
    return f"{words} ({ends}{verdict.samples:,} samples)"
