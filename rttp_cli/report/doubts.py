"""What makes the figures of runs worth less, whatever is asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rttp_cli.report.result import Result


def doubts(results: Sequence[Result]) -> Iterator[str]:
    """Each doubt once, with the runs that it is of."""
    found: dict[str, list[str]] = {}
    for result in results:
        for doubt in _doubts(result):
            found.setdefault(doubt, []).append(result.source)
    for doubt, (first, *others) in found.items():
        yield f"{first}{f' and {len(others):,} more' if others else ''}: {doubt}"


def _doubts(result: Result) -> Iterator[str]:
    document = result.document or {}
    if document.get("interrupted"):
        yield "the run was stopped before its time"
    if document and document["rttp"]["profile"] != "release":
        yield f"measured by a {document['rttp']['profile']} build: its figures mean nothing"
