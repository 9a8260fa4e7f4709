"""`rttp profile`: load profiles."""

import typer

from rttp_cli.cli._lazy import lazy_group

COMMANDS = {
    "list": "List the profiles that have a name.",
    "new": "Write a new profile to fill in.",
    "schema": "Print the JSON Schema of profiles.",
    "show": "Show a profile as it takes effect.",
    "validate": "Check profiles; show every error.",
}

app = typer.Typer(cls=lazy_group(__name__, COMMANDS), no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def profile() -> None:
    """List, show, check and make load profiles."""
