"""`rttp baseline save`."""

from pathlib import Path
from typing import Annotated

import typer

from rttp_cli.cli.baseline._folder import Folder
from rttp_cli.errors import EXIT_OK

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def save(
    results: Annotated[
        list[str],
        typer.Argument(metavar="RESULT...", help="Results of rttp bench, also of --repeat; folders of them."),
    ],
    name: Annotated[str, typer.Option("--name", help="One for each branch, release, place.")] = "main",
    folder: Folder = Path(".rttp/baselines"),
) -> int:
    """Keep runs under a name, by their traffic and the kind of machine. Runs add up; the same run is kept once."""
    from rttp_cli.cli._comparison import of_files
    from rttp_cli.report import baseline
    from rttp_cli.units import plain

    for path, new in baseline.save(folder, name, of_files(results)):
        print(f"{plain(str(path))}{'' if new else ' (kept already)'}")
    return EXIT_OK
