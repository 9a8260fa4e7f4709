"""`rttp profile schema`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rttp_cli.errors import RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to a file.")] = None,
) -> int:
    """Print the JSON Schema of profiles, for editors.

    With it in a file, `# yaml-language-server: $schema=FILE` in a profile's first line gives completion and checks.
    """
    from rttp_cli.profile.model import json_schema

    text = json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        print(text, end="")
        return 0
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RttpError("unwritable", f"`{out}`: {error.strerror}") from error
    return 0
