"""`rttp profile list`."""

import json
from typing import Annotated, Any

import typer

from rttp_cli.errors import RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(name="list")
def list_profiles(as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False) -> int:
    """List the profiles that have a name: shipped ones, then those in ./profiles and in the user's configuration.

    A file that a shipped profile's name hides is reached by its path.
    """
    from rttp_cli.profile import shipped

    rows: list[dict[str, Any]] = []
    for name in shipped.shipped():
        rows.append({"name": name, **_described(name), "from": "shipped"})
    seen = set(shipped.shipped())
    for found in shipped.user_profiles():
        path = str(found.path)
        rows.append({"name": found.name, **_described(path), "from": path, "hidden": found.name in seen})
        seen.add(found.name)
    if as_json:
        print(json.dumps([{"hidden": False, **row} for row in rows], indent=1, ensure_ascii=False))
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        origin = row["from"] + (", hidden: use the path" if row.get("hidden") else "")
        print(f"{row['name']:<{width}}  {row['description'] or '-'}")
        print(f"{'':<{width}}  {row['summary'] or row['error']} ({origin})")
    return 0


def _described(name_or_path: str) -> dict[str, Any]:
    from rttp_cli.profile import load
    from rttp_cli.profile.text import summary

    try:
        # A user's file is named by its path: `./profiles/x.yaml` has a suffix, so it is one.
        profile = load(name_or_path)
    except RttpError as error:
        return {"description": None, "summary": None, "error": f"cannot be used: {error.message}"}
    return {"description": profile.description, "summary": summary(profile), "error": None}
