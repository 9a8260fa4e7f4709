"""`rttp profile show`."""

import json
from typing import Annotated

import typer

from rttp_cli.errors import RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a profile, or the path of a file.")] = "default",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one value: run.duration=3s, streams.NAME.rate=5k."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON in place of YAML.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="The compiled plan that the core runs, as JSON.")] = False,
) -> int:
    """Show a profile as it takes effect: after inheritance, --set and defaults."""
    if as_json and plan:
        raise RttpError("bad-option", "`--json` and `--plan` together", "a plan is JSON already")
    from rttp_cli.profile import compile_plan, load
    from rttp_cli.profile.text import effective, to_yaml

    profile = load(name, overrides or ())
    if plan:
        print(json.dumps(compile_plan(profile).plan, indent=1))
    elif as_json:
        print(json.dumps(effective(profile), indent=1, ensure_ascii=False))
    else:
        print(to_yaml(effective(profile)), end="")
    return 0
