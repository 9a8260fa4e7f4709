"""`rttp baseline`: runs that later ones are compared with."""

import typer

from rttp_cli.cli._lazy import lazy_group

COMMANDS = {
    "list": "List what is kept.",
    "prune": "Remove runs that are too many or too old.",
    "save": "Keep runs.",
    "show": "Show the runs of a baseline.",
}

app = typer.Typer(cls=lazy_group(__name__, COMMANDS), no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def baseline() -> None:
    """Keep runs to compare later ones with: `rttp compare @NAME NEW`, `rttp bench --against @NAME`."""
