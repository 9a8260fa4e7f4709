"""`rttp baseline prune`."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from rttp_cli.cli.baseline._folder import Folder
from rttp_cli.errors import EXIT_OK, RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def prune(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of this baseline alone.", show_default=False)
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=0, metavar="N", help="The newest N of each traffic and machine.")
    ] = None,
    older_than: Annotated[str | None, typer.Option("--older-than", metavar="AGE", help="Such as 30d or 12h.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    folder: Folder = Path(".rttp/baselines"),
) -> int:
    """Remove runs that are too many or too old. What is not named like a run stays."""
    from rttp_cli.report import baseline
    from rttp_cli.units import plain

    if keep is None and older_than is None:
        raise RttpError("usage", "nothing says which runs go", "say --keep 20 or --older-than 30d")
    before = None if older_than is None else datetime.now(UTC) - _age(older_than)
    found = baseline.kept(folder, None if name is None else name.removeprefix("@"))
    for run in list(baseline.surplus(found, keep=keep, before=before)):
        if not dry_run:
            baseline.remove(run)
        print(f"{'would remove' if dry_run else 'removed'} {plain(str(run))}")
    return EXIT_OK


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})\s*([hdw])", text)
    if not found:
        raise RttpError("bad-option", f"`--older-than` is `{text[:40]}`, expected an age such as 12h, 30d or 8w")
    return timedelta(**{{"h": "hours", "d": "days", "w": "weeks"}[found[2]]: int(found[1])})
