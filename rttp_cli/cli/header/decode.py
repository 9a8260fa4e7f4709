"""`rttp header decode`."""

import json
from typing import Annotated, Literal

import typer

from rttp_cli.cli._input import datagrams
from rttp_cli.errors import CATALOGUE

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Dialects = Literal["auto", "rttp1", "struct74", "rfc64", "pulse128"]


@app.command()
def decode(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Hex (blanks, colons and 0x allowed) or base64; @FILE; - for stdin."),
    ] = None,
    file: Annotated[str | None, typer.Option("--file", "-f", metavar="FILE", help="Read a file, - for stdin.")] = None,
    source: Annotated[
        Literal["auto", "hex", "base64", "raw"], typer.Option("--from", help="How the bytes are written.")
    ] = "auto",
    stride: Annotated[
        int | None, typer.Option("--stride", metavar="BYTES", help="Raw input holds a pulse every so many bytes.")
    ] = None,
    dialect: Annotated[Dialects, typer.Option("--dialect", help="Layout of the header.")] = "auto",
    byte_order: Annotated[
        Literal["big", "little"], typer.Option("--byte-order", help="little: struct74 dumped from memory on x86.")
    ] = "big",
    strict: Annotated[bool, typer.Option("--strict", help="Never guess the dialect.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document: an object, a list for several.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line.")] = False,
    diagram: Annotated[bool, typer.Option("--diagram", help="Every byte with its offset and field.")] = False,
) -> int:
    """Show what pulses hold, good or not.

    Exit 3 if any of them breaks a rule of its dialect; what is there is shown all the same.
    """
    from rttp_cli.wire.pulse import Pulse

    name = None if dialect == "auto" else dialect
    found = datagrams(texts or [], file, source, stride)
    pulses = (Pulse.parse(data, name, byte_order, strict=strict) for data in found)
    bad = 0
    if jsonl:
        for pulse in pulses:
            print(json.dumps(pulse.to_json()))
            bad += pulse.reject is not None
    elif as_json:
        documents = [pulse.to_json() for pulse in pulses]
        bad = sum(d["reject"] is not None for d in documents)
        print(json.dumps(documents[0] if len(documents) == 1 else documents, indent=1))
    else:
        from rttp_cli.cli._pulse_text import hexdump, table

        for i, pulse in enumerate(pulses):
            text = hexdump(pulse) if diagram else table(pulse)
            print(("\n" if i else "") + text)
            bad += pulse.reject is not None
    return CATALOGUE["bad-pulse"].fault.value if bad else 0
