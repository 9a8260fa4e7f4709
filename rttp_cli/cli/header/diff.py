"""`rttp header diff`."""

import json
from typing import Annotated, Any, Literal

import typer

from rttp_cli.cli._input import datagrams
from rttp_cli.errors import RttpError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="Hex or base64; @FILE; - for stdin.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    source: Annotated[
        Literal["auto", "hex", "base64", "raw"], typer.Option("--from", help="How the bytes are written.")
    ] = "auto",
    dialect: Annotated[
        Literal["auto", "rttp1", "struct74", "rfc64", "pulse128"], typer.Option("--dialect", help="Layout of both.")
    ] = "auto",
    byte_order: Annotated[Literal["big", "little"], typer.Option("--byte-order")] = "big",
    everything: Annotated[bool, typer.Option("--all", help="Equal fields as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The differences as JSON.")] = False,
) -> int:
    """Compare two pulses field by field. Exit 0 when they are the same, 1 when they differ."""
    from rttp_cli.wire.pulse import Pulse

    name = None if dialect == "auto" else dialect
    pulses = []
    for text in (a, b):
        found = datagrams([text], None, source, None)
        if len(found) != 1:
            raise RttpError("bad-encoding", f"`{text}` holds {len(found)} pulses, expected one")
        pulses.append(Pulse.parse(found[0], name, byte_order))
    rows = _rows(*pulses)
    differing = [row for row in rows if row["a"] != row["b"]]
    shown = rows if everything else differing
    if as_json:
        print(json.dumps({"equal": pulses[0].data == pulses[1].data, "fields": shown}, indent=1))
    else:
        _print(shown, pulses[0].data == pulses[1].data)
    return 0 if pulses[0].data == pulses[1].data else 1


def _rows(a: Any, b: Any) -> list[dict[str, Any]]:
    from rttp_cli.wire import values

    def described(pulse: Any) -> dict[str, str]:
        order = "" if pulse.byte_order == "big" else " little-endian"
        found = {"dialect": pulse.dialect + order, "length": str(len(pulse.data))}
        for row, value in pulse.rows():
            names = " ".join(values.names_of(row, value))
            found[row["name"]] = names or values.to_text(value)
        found["payload"] = pulse.payload.hex()
        found["tag"] = pulse.tag.hex()
        found["reject"] = pulse.reject.slug if pulse.reject else ""
        return found

    left, right = described(a), described(b)
    rows: list[dict[str, Any]] = [
        {"field": k, "a": left.get(k), "b": right.get(k)} for k in dict.fromkeys([*left, *right])
    ]
    for row in rows:
        if row["field"] == "payload" and row["a"] != row["b"]:
            row["first_difference"] = _first_difference(a.payload, b.payload)
    return rows


def _first_difference(a: bytes, b: bytes) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _print(rows: list[dict[str, Any]], equal: bool) -> None:
    from rttp_cli.cli._pulse_text import columns, paint

    if equal:
        print("the pulses are the same")
    if not rows:
        return
    lines = []
    for row in rows:
        a, b = row["a"], row["b"]
        if "first_difference" in row:
            at = row["first_difference"]
            a, b = (f"{len(p) // 2} bytes, from {at}: {p[2 * at : 2 * at + 32]}" for p in (a, b))
        mark = " " if row["a"] == row["b"] else "≠"
        lines.append((mark, row["field"], "-" if a is None else a, "-" if b is None else b))
    print(paint("\n".join(columns([(" ", "field", "a", "b")], (1, 16, 28, 28))), "2"))
    print("\n".join(columns(lines, (1, 16, 28, 28))))
