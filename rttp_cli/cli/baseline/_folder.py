"""The option that says where baselines are."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path,
    typer.Option("--dir", metavar="FOLDER", envvar="RTTP_BASELINES", help="Where baselines are kept."),
]
