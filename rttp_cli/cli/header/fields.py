"""`rttp header fields`."""

import json
from typing import Annotated, Literal

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def fields(
    dialect: Annotated[
        Literal["rttp1", "struct74", "rfc64", "pulse128", "all"], typer.Argument(help="Which layout.")
    ] = "rttp1",
    as_json: Annotated[bool, typer.Option("--json", help="The tables as JSON.")] = False,
    diagram: Annotated[bool, typer.Option("--diagram", help="Bits and bytes as in an RFC.")] = False,
) -> int:
    """List the fields of a dialect: name, offset, size, rule, meaning, names of values."""
    from rttp_cli.wire import tables

    if dialect == "all":
        found = [layout for layout in tables.layouts() if layout["byte_order"] == "big"]
    else:
        found = [tables.layout(dialect)]
    if as_json:
        print(json.dumps(found if dialect == "all" else found[0], indent=1))
        return 0
    from rttp_cli.cli._pulse_text import layout_diagram, layout_table

    print("\n\n".join(layout_diagram(layout) if diagram else layout_table(layout) for layout in found))
    return 0
