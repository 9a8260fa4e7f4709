"""`rttp report`: results of any kind as text, tables, plots and pages."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rttp_cli.cli._options import check_writable, parsed, same_file
from rttp_cli.errors import EXIT_OK, RttpError
from rttp_cli.report.source import Unit

if TYPE_CHECKING:
    from rttp_cli.report.result import Result

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Plots = Literal["curve", "heat", "rate", "stalls", "all"]
SHOWN = ("response", "undisturbed", "service")
"""Metrics of one file's table where none is asked for; of several it is `response`."""
PATIENCE_S = 2.0
MOST_COLUMNS = 120
"""Of plots: wider ones have no more to show."""


@app.command()
def report(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULT...",
            help="Documents of rttp, .hlog, .hgrm, V2 histograms in base64; folders of them; - for stdin.",
        ),
    ],
    merge: Annotated[bool, typer.Option("--merge", "-m", help="Add them up to one result.")] = False,
    stream: Annotated[
        list[str] | None, typer.Option("--stream", "-s", metavar="NAME", help="This stream alone; may be repeated.")
    ] = None,
    priority: Annotated[
        str | None, typer.Option("--priority", metavar="A..B", help="These priorities alone: 128..255.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From this time of the run on, by whole intervals.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this time.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="response, service, lateness …; may be repeated."),
    ] = None,
    percentiles: Annotated[
        str | None, typer.Option("--percentiles", metavar="P,...", help="Such as 50,99,99.95. [to 99.999]")
    ] = None,
    unit: Annotated[
        Unit | None, typer.Option("--unit", help="Of values in files of other programs. [ns; of wrk2 ms]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, rttp.report/1.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables for pull requests.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="A line for each percentile.")] = False,
    hgrm: Annotated[bool, typer.Option("--hgrm", help="HdrHistogram's percentile table, in ns.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page with all plots; works offline.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write plots as an image.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write plots as a drawing.")] = None,
    plot: Annotated[Plots | None, typer.Option("--plot", help="Which, for --png and --svg. [all]")] = None,
    plots: Annotated[
        bool | None, typer.Option("--plots/--no-plots", help="Plots in the text. [if stdout is a terminal]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the text there, not to stdout.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Show results: one in full, several side by side or merged.

    Percentiles come with what they are worth: intervals, too few samples, loss. Nothing is averaged: merging adds up
    histograms.
    """
    from rttp_cli.report.source import Slice, cut, expand
    from rttp_cli.report.source import merge as merge_all
    from rttp_cli.units import parse_duration_ns

    form = _form(json=as_json, markdown=markdown, csv=csv, hgrm=hgrm)
    files = [file for file in (html, png, svg) if file is not None]
    for file in (*files, *([out] if out else [])):
        check_writable(file)
    _check_options(form, files, out, plot=plot, plots=plots, images=png is not None or svg is not None)
    metrics = _metrics(metric)
    quantiles = None if percentiles is None else parsed("percentiles", percentiles, _parse_percentiles)
    wanted = Slice(
        tuple(stream or ()),
        None if priority is None else parsed("priority", priority, _parse_priorities),
        None if since is None else parsed("from", since, parse_duration_ns),
        None if until is None else parsed("to", until, parse_duration_ns),
    )
    paths = expand(results)
    for file in (*files, *([out] if out else [])):
        if any(same_file(file, path) for path in paths):
            raise RttpError(
                "bad-option", f"`{file}` is one of the results, and would be overwritten", "name another file"
            )
    each = (cut(one, wanted) for one in _load(paths, form, metrics, unit, quiet=quiet))
    read = [merge_all(each)] if merge else list(each)

    if files:
        _write_plots(read, html, png, svg, plot or "all")
    if form != "text" or not files or out is not None:
        drawn = form == "text" and (sys.stdout.isatty() and out is None if plots is None else plots)
        _deliver(_text(read, form, metrics, quantiles, to_file=out is not None, plots=drawn), out)
    return EXIT_OK


def _form(**asked: bool) -> str:
    forms = [name for name, on in asked.items() if on]
    if len(forms) > 1:
        raise RttpError("usage", f"`--{forms[0]}` and `--{forms[1]}` do not go together: one form of output at a time")
    return forms[0] if forms else "text"


def _check_options(
    form: str, files: Sequence[Path], out: Path | None, *, plot: str | None, plots: bool | None, images: bool
) -> None:
    if plot is not None and not images:
        raise RttpError("usage", "`--plot` chooses what is in an image: say --png FILE or --svg FILE")
    if plots and form != "text":
        raise RttpError("usage", f"`--plots` and `--{form}` do not go together")
    if plots and files and out is None:
        raise RttpError("usage", "`--plots` draws into the text, which a page or an image replaces")


def _metrics(asked: Sequence[str] | None) -> tuple[str, ...] | None:
    from difflib import get_close_matches

    from rttp_cli.report.gate import TIMES

    for name in asked or ():
        if name not in TIMES:
            near = get_close_matches(name, TIMES, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(TIMES)}"
            raise RttpError("unknown-name", f"`--metric`: no metric is named `{name}`", hint)
    return None if asked is None else tuple(dict.fromkeys(asked))


def _parse_percentiles(text: str) -> tuple[float, ...]:
    found = set()
    for word in text.split(","):
        try:
            percent = float(word)
        except ValueError:
            raise ValueError(f"`{word}` is not a number, expected percentiles such as 50,99,99.95") from None
        if not 0 < percent < 100:
            raise ValueError(f"`{word.strip()}` is not between 0 and 100")
        found.add(round(percent / 100, 11))
    return tuple(sorted(found))


def _parse_priorities(text: str) -> tuple[int, int]:
    low, dots, high = text.partition("..")
    if not (dots and low.isdecimal() and high.isdecimal() and int(low) <= int(high) <= 255):
        raise ValueError(f"`{text}` is not a range such as 128..255")
    return int(low), int(high)


def _load(
    paths: Sequence[Path],
    form: str,
    metrics: tuple[str, ...] | None,
    unit: Unit | None,
    *,
    quiet: bool,
) -> Iterator[Result]:
    """All results; of many files only what is shown of them."""
    from rttp_cli.report.source import MANY, load_each

    few = len(paths) == 1
    kept: Collection[str] | None = metrics or (None if few or form in ("json", "csv") else ())
    told = paths if quiet else _telling(paths)
    return load_each(told, unit=unit, metrics=kept, intervals=len(paths) < MANY)


def _telling(paths: Sequence[Path]) -> Iterator[Path]:
    """The same paths; tells now and then how many were taken."""
    told = time.monotonic()
    for at, path in enumerate(paths):
        if time.monotonic() - told > PATIENCE_S:
            print(f"read {at:,} of {len(paths):,} files", file=sys.stderr)
            told = time.monotonic()
        yield path


def _text(
    results: Sequence[Result],
    form: str,
    metrics: tuple[str, ...] | None,
    quantiles: tuple[float, ...] | None,
    *,
    to_file: bool,
    plots: bool,
) -> str:
    from rttp_cli.report.distribution import QUANTILES

    at = quantiles or QUANTILES
    _check_samples(results, metrics or ("response",), form)
    if form == "json":
        from rttp_cli.report.output import figures

        return json.dumps(figures.report(results, metrics, at), indent=1)
    if form == "csv":
        from rttp_cli.report.output import csv

        return csv.render(results, metrics, at).rstrip("\n")
    if form == "markdown":
        from rttp_cli.report.output import markdown

        return markdown.render(results, metrics or ("response",), at)
    if form == "hgrm":
        from rttp_cli.report.output import hgrm

        if len(results) > 1:
            raise RttpError("usage", f"`--hgrm` is of one result, there are {len(results):,}", "say --merge")
        if len(metrics or ()) > 1:
            raise RttpError("usage", "`--hgrm` is of one metric")
        return hgrm.render(results[0], (metrics or ("response",))[0]).rstrip("\n")
    return _plain(results, metrics, quantiles, colour=not to_file, plots=plots)


def _plain(
    results: Sequence[Result],
    metrics: tuple[str, ...] | None,
    quantiles: tuple[float, ...] | None,
    *,
    colour: bool,
    plots: bool,
) -> str:
    from rttp_cli.report.distribution import QUANTILES
    from rttp_cli.report.output import text

    colour = colour and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if len(results) > 1:
        if quantiles is not None or len(metrics or ()) > 1:
            raise RttpError(
                "usage",
                "results side by side have one metric and fixed percentiles",
                "say --merge, or --markdown, --csv or --json for all",
            )
        return text.side_by_side(results, (metrics or ("response",))[0])
    (result,) = results
    if result.document is not None and metrics is None and quantiles is None:
        shown = text.of_run(result, colour=colour)
    else:
        shown = text.render(result, metrics or SHOWN, quantiles or QUANTILES, colour=colour)
    if plots:
        from rttp_cli.report.plot import terminal

        width = min(shutil.get_terminal_size().columns, MOST_COLUMNS)
        shown += "\n\n" + terminal.render(result, width, colour=colour)
    return shown


def _check_samples(results: Sequence[Result], metrics: Sequence[str], form: str) -> None:
    """Refuses what would be an empty table; a run one way has its text all the same."""
    if any(name in result.whole.histograms for result in results for name in metrics):
        return
    if form in ("text", "json") and any(result.whole.counts for result in results) and metrics == ("response",):
        return
    raise RttpError("bad-result", f"{results[0].source}: no samples of {', '.join(f'`{name}`' for name in metrics)}")


def _write_plots(results: Sequence[Result], html: Path | None, png: Path | None, svg: Path | None, plot: Plots) -> None:
    if html is not None:
        from rttp_cli.report.plot import html as page

        page.write(results, html)
    for file in (png, svg):
        if file is not None:
            from rttp_cli.report.plot import image

            image.write(results, file, plot)


def _deliver(text: str, out: Path | None) -> None:
    if out is None:
        from rttp_cli.cli._decode_output import to_stdout

        with to_stdout():
            print(text)
        return
    from rttp_cli.files import write_whole

    write_whole(out, f"{text}\n".encode())
