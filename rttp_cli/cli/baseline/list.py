"""`rttp baseline list`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from rttp_cli.cli.baseline._folder import Folder
from rttp_cli.errors import EXIT_OK, RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(name="list")
def list_baselines(
    folder: Folder = Path(".rttp/baselines"),
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> int:
    """List what is kept: a name, its traffic, the kind of machine, and how many runs. Damaged files are named."""
    from rttp_cli.report.baseline import kept, moment
    from rttp_cli.report.source import load
    from rttp_cli.units import plain

    rows = []
    for one in kept(folder):
        good = []
        for run in one.runs:
            try:
                load(run, metrics=(), intervals=False)
            except RttpError as error:
                print(f"warning: damaged: {plain(error.message)}", file=sys.stderr)
            else:
                good.append(moment(run).strftime("%Y-%m-%dT%H:%M:%SZ"))
        first, last = (good[0], good[-1]) if good else (None, None)
        row = {"name": one.name, "traffic": one.traffic, "machine": one.machine, "runs": len(good)}
        rows.append(row | {"first": first, "last": last})
        if not as_json:
            print(f"{plain(one.name)}: {len(good)} runs{f', {first} … {last}' if good else ''}")
            print(f"    {plain(one.traffic)} on {plain(one.machine)}")
    if as_json:
        print(json.dumps(rows, indent=1))
        return EXIT_OK
    if not rows:
        print(f"nothing is kept in `{plain(str(folder))}`", file=sys.stderr)
    return EXIT_OK
