"""`rttp header`: pulse headers by hand."""

import typer

from rttp_cli.cli._lazy import lazy_group

COMMANDS = {
    "build": "Build pulses from fields.",
    "decode": "Show what pulses hold.",
    "diff": "Compare two pulses field by field.",
    "fields": "List the fields of a dialect.",
}

app = typer.Typer(cls=lazy_group(__name__, COMMANDS), no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def header() -> None:
    """Build, decode, list and compare pulse headers."""
