"""One self-contained page: plots and tables of results. No script, nothing to load, light and dark, for print too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rttp_cli.files import write_whole
from rttp_cli.report.plot import compose, sections, series
from rttp_cli.report.plot.markup import Html, element, join
from rttp_cli.report.plot.palette import MARKERS
from rttp_cli.report.plot.panels import Panel, drawing, sheet
from rttp_cli.report.plot.style import style_sheet
from rttp_cli.report.plot.svg import inline
from rttp_cli.report.result import Result

MOST_IN_FULL = 12
"""Results with plots and tables of their own; the others have their line in the first table."""


def write(results: Sequence[Result], path: Path, *, title: str | None = None) -> None:
    """Writes the page of at least one result, whole or not at all. Raises `RttpError` unwritable."""
    write_whole(path, render(results, title=title).encode())


def render(results: Sequence[Result], *, title: str | None = None) -> str:
    """The page as text."""
    heading = title or (results[0].source if len(results) == 1 else f"{len(results)} results")
    with drawing():
        body = join(_body(results))
    head = join(
        (
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            # Without this a browser asks for /favicon.ico.
            Html('<link rel="icon" href="data:,">'),
            element("title", f"{heading} · rttp report"),
            element("style", Html(style_sheet())),
        )
    )
    main = element("main", element("header", element("h1", heading), sections.origin(results)), body)
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head.text}\n</head>\n<body>\n{main.text}\n</body>\n</html>\n'


def _body(results: Sequence[Result]) -> Iterator[Html]:
    if len(results) == 1:
        yield from _result(results[0], None, "r0")
        return
    yield sections.side_by_side(results)
    panel = compose.distribution_panel(results)
    if panel is not None:
        yield _figure([panel], f"Response by percentile of {len(results)} results.", "all")
    edges = series.cell_edges(results[:MOST_IN_FULL])
    for i, result in enumerate(results[:MOST_IN_FULL]):
        yield element("h2", result.source)
        yield from _result(result, edges, f"r{i}")
    if len(results) > MOST_IN_FULL:
        yield element("p", f"The first {MOST_IN_FULL} of {len(results)} results are shown in full.", class_="quiet")


def _result(result: Result, edges_ns: Sequence[int] | None, prefix: str) -> Iterator[Html]:
    yield sections.verdicts(result)
    yield sections.summary(result)
    panel = compose.distribution_panel([result])
    if panel is not None:
        yield _figure([panel], "Response by percentile; the table below has the figures.", f"{prefix}q")
    yield sections.percentiles(result)
    over_time = compose.time_panels(result, edges_ns)
    if over_time:
        yield element("h3", "Over time")
        shown = {"heat": "response as heat map", "rate": "rates", "stalls": "stalls of each core", "curve": ""}
        names = ", ".join(shown[panel.kind] for panel in over_time)
        yield _figure(over_time, f"Over the measured time: {names}.", f"{prefix}t")
    yield join(element("p", text, class_="quiet") for text in compose.remarks([result]))
    yield sections.stalls(result)
    panel = compose.streams_panel(result)
    yield sections.streams(result)
    if panel is not None:
        yield _figure([panel], "Response by percentile of each stream; the table above has the figures.", f"{prefix}s")
    yield sections.bands(result)
    yield sections.other_times(result)
    yield sections.what_ran(result)
    yield sections.notes(result)


def _figure(panels: Sequence[Panel], caption: str, prefix: str) -> Html:
    drawn = Html(inline(sheet(panels, MARKERS), caption, f"{prefix}-"))
    # Wider than a narrow window: then it is scrolled, also with the keyboard.
    return element("figure", drawn, tabindex="0", aria_label=caption)
