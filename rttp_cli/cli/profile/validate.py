"""`rttp profile validate`."""

from typing import Annotated

import typer

from rttp_cli.errors import EXIT_OK, RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, or names of profiles.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Check them with this change.")
    ] = None,
) -> int:
    """Check profiles: a line for each good one, every error of each bad one.

    Exit 3 if any of them is bad. Nothing is sent; traces and captures that they name are read.
    """
    from rttp_cli.cli import complain
    from rttp_cli.profile import load
    from rttp_cli.profile.text import summary

    code = EXIT_OK
    for name in files:
        try:
            profile = load(name, overrides or ())
        except RttpError as error:
            code = max(code, complain(error))
        else:
            print(f"{name}: ok, {summary(profile)}")
    return code
