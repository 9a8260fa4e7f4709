"""`rttp baseline show`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rttp_cli.cli.baseline._folder import Folder
from rttp_cli.errors import EXIT_OK

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a baseline, with or without its @.")] = "main",
    folder: Folder = Path(".rttp/baselines"),
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list of the runs.")] = False,
) -> int:
    """Show the runs of a baseline: when each was made, and its percentiles from the schedule."""
    from rttp_cli.report.baseline import named
    from rttp_cli.report.distribution import distribution
    from rttp_cli.report.percentile import value
    from rttp_cli.report.source import load_all
    from rttp_cli.units import format_share, plain

    name = name.removeprefix("@")
    found = named(folder, name)
    rows = []
    for one in found:
        if not as_json:
            print(f"{plain(one.traffic)} on {plain(one.machine)}")
            print(f"{'':<26}{'P50':>12}{'P99':>12}{'P99.99':>12}{'lost':>12}")
        for run, result in zip(one.runs, load_all(one.runs, metrics=(), intervals=False), strict=True):
            part = result.whole
            response = part.histograms.get("response")
            percentiles = [] if response is None else list(distribution(response, part.missing).percentiles)
            numbers = [vars(p) | {"name": p.name} for p in percentiles]
            rows.append({"file": str(run), "traffic": one.traffic, "machine": one.machine, "percentiles": numbers})
            if not as_json:
                cells = "".join(f"{value(p):>12}" for p in numbers if p["q"] in (0.5, 0.99, 0.9999))
                lost = format_share(part.missing, 0 if response is None else response.samples)
                print(f"    {run.stem:<22}{cells}{lost:>12}")
    if as_json:
        print(json.dumps(rows, indent=1))
    return EXIT_OK
