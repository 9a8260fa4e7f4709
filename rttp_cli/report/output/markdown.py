"""Results as Markdown tables, for pull requests and wikis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rttp_cli.report.output.figures import of_result
from rttp_cli.report.percentile import value
from rttp_cli.report.result import Result
from rttp_cli.units import format_ns, format_share


def render(results: Sequence[Result], metrics: Sequence[str], quantiles: tuple[float, ...]) -> str:
    """One table a metric: a row for each result, its streams and its bands."""
    return "\n".join(_lines(results, metrics, quantiles))


def _lines(results: Sequence[Result], metrics: Sequence[str], quantiles: tuple[float, ...]) -> Iterator[str]:
    figures = [of_result(result, metrics, quantiles) for result in results]
    first = True
    for metric in metrics:
        rows = [(one["source"], part) for one in figures for part in _parts(one) if metric in part["latency"]]
        if not rows:
            continue
        if not first:
            yield ""
        first = False
        names = [p["name"] for p in rows[0][1]["latency"][metric]["percentiles"]]
        yield f"| {metric} | | samples | lost | {' | '.join(names)} | max |"
        yield f"|---|---|{'---:|' * (len(names) + 3)}"
        for source, part in rows:
            latency = part["latency"][metric]
            cells = [value(p) for p in latency["percentiles"]]
            worst = ("≥ " if latency["lost"] else "") + format_ns(latency["max_ns"])
            lost = "-" if part["counts"] is None else format_share(latency["lost"], latency["samples"])
            yield (
                f"| {_cell(source)} | {_cell(part['name'] or 'all')} | {latency['samples']:,} | {lost} |"
                f" {' | '.join(cells)} | {worst} |"
            )
    notes = [(one["source"], note) for one in figures for note in one["notes"]]
    if notes:
        yield ""
        for source, note in notes:
            yield f"- {_cell(source)}: {_cell(note)}"


def _parts(figures: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield figures["whole"]
    for parts in (figures["streams"], figures["bands"]):
        # One alone is the whole.
        if len(parts) > 1:
            yield from parts


def _cell(text: str) -> str:
    """Text that nothing in it can make into Markdown or HTML."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~&" else c for c in text)
