"""`rttp profile new`."""

from pathlib import Path
from typing import Annotated

import typer

from rttp_cli.errors import RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="NAME.yaml is written in the working directory.")],
    parent: Annotated[
        str, typer.Option("--from", metavar="PROFILE", help="Profile that it starts from, a name or a path.")
    ] = "default",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> int:
    """Write a new profile that extends another: what it may change stands in comments, with the values in effect."""
    from rttp_cli.profile import load, shipped
    from rttp_cli.profile.text import template

    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or len(name) > 63:
        raise RttpError("bad-option", f"`{name}` is not a name of letters, digits, - and _")
    if name in shipped.shipped():
        raise RttpError("bad-option", f"`{name}` is the name of a shipped profile", "choose another name")
    file = Path(f"{name}.yaml")
    extends = str(Path(parent).absolute()) if shipped.is_path(parent) else parent
    text = template(name, file.name, extends, load(parent))
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise RttpError("unwritable", f"`{file}` is there already", "--force writes over it") from None
    except OSError as error:
        raise RttpError("unwritable", f"`{file}`: {error.strerror}") from error
    print(f"wrote {file}; `rttp profile validate {file}` checks it")
    return 0
