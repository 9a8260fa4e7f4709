"""`rttp header build`: every field of every dialect is an option, made from the tables."""

import base64
import inspect
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rttp_cli.cli._input import read, read_text
from rttp_cli.errors import RttpError
from rttp_cli.wire import tables
from rttp_cli.wire.pulse import MAX_PULSE, Pulse, build, describe

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _field_options() -> dict[str, str]:
    """Help of each field's option: its dialects and what it is."""
    found: dict[str, dict[str, list[str]]] = {}
    for layout in tables.layouts():
        if layout["byte_order"] == "big":
            for row in layout["fields"]:
                found.setdefault(row["name"], {}).setdefault(row["doc"], []).append(layout["name"])
    found["type"]["flags << 8 | kind"] = ["rttp1"]
    return {
        name: "; ".join(f"[{', '.join(names)}] {doc}" for doc, names in docs.items()) for name, docs in found.items()
    }


def _build(
    dialect: Annotated[
        Literal["rttp1", "struct74", "rfc64", "pulse128"], typer.Option("--dialect", help="Layout of the header.")
    ] = "rttp1",
    byte_order: Annotated[Literal["big", "little"], typer.Option(help="little: struct74 only.")] = "big",
    document: Annotated[
        str | None,
        typer.Option("--fields", metavar="FILE", help="JSON or YAML, an object of fields or a list; - is stdin."),
    ] = None,
    payload: Annotated[str | None, typer.Option(metavar="FILE", help="Payload from a file, - is stdin.")] = None,
    payload_hex: Annotated[str | None, typer.Option(metavar="HEX", help="Payload in hex.")] = None,
    payload_text: Annotated[str | None, typer.Option(metavar="TEXT", help="Payload as UTF-8.")] = None,
    tag_hex: Annotated[str | None, typer.Option(metavar="HEX", help="Tag of a SEALED pulse, 16 bytes.")] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Build it even if it breaks a rule.")] = False,
    to: Annotated[Literal["hex", "base64", "raw", "c", "pcap"], typer.Option("--to", help="How to write it.")] = "hex",
    as_json: Annotated[bool, typer.Option("--json", help="JSON with hex and fields.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to a file.")] = None,
    src: Annotated[str, typer.Option(metavar="HOST:PORT", help="Source address in a pcap.")] = "127.0.0.1:40000",
    dst: Annotated[str, typer.Option("--dst", metavar="HOST:PORT", help="Destination in a pcap.")] = "127.0.0.1:21076",
    **fields: str | None,
) -> int:
    """Build pulses from fields.

    Fields take numbers (decimal, 0x, 0b), names (--kind data, --flags ECHO,METERED), hex for bytes, `now` for times.
    What is not given has the table's default; see `rttp header fields`. Options win over --fields.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    sets = _documents(document) if document is not None else [{}]
    body = _payload(payload, payload_hex, payload_text)
    tag = _hex(tag_hex, "tag-hex") if tag_hex else b""
    pulses = [_one(i, {**s, **given}, body, tag, dialect, byte_order, unchecked) for i, s in enumerate(sets)]
    for pulse in pulses:
        if pulse.reject:
            print(f"warning: {describe(pulse)}", file=sys.stderr)
    _write(_pcap(pulses, src, dst) if to == "pcap" and not as_json else _encode(pulses, to, as_json), out)
    return 0


def _documents(name: str) -> list[dict[str, object]]:
    from rttp_cli.wire.documents import load

    return load(read_text(name), name)


def _one(
    index: int, given: dict[str, object], payload: bytes, tag: bytes, dialect: str, byte_order: str, unchecked: bool
) -> Pulse:
    given = {name.replace("-", "_"): value for name, value in given.items()}
    own = given.pop("payload", None)
    if own is not None and not isinstance(own, str):
        raise RttpError("bad-value", f"`payload` is {type(own).__name__}, expected hex in quotes")
    if own and not payload:
        payload = _hex(own, "payload")
    try:
        return build(given, payload, tag, dialect=dialect, byte_order=byte_order, unchecked=unchecked)
    except RttpError as error:
        where = f"pulse {index + 1}: " if index else ""
        raise RttpError(error.slug, where + error.message, error.hint) from None


def _payload(file: str | None, digits: str | None, text: str | None) -> bytes:
    if sum(x is not None for x in (file, digits, text)) > 1:
        raise RttpError("bad-option", "more than one of `--payload`, `--payload-hex` and `--payload-text`")
    if file is not None:
        data = read(file, MAX_PULSE)
        if len(data) > MAX_PULSE:
            raise RttpError("bad-value", f"`{file}` has over {MAX_PULSE:,} bytes, the most a datagram carries")
        return data
    if digits is not None:
        return _hex(digits, "payload-hex")
    # Bytes that the shell handed over and that are not UTF-8 come back as they were.
    return (text or "").encode("utf-8", "surrogateescape")


def _hex(digits: str, option: str) -> bytes:
    from rttp_cli.wire.encodings import decode

    try:
        return decode(digits, "hex") if digits.strip() else b""
    except RttpError as error:
        raise RttpError("bad-encoding", f"`--{option}`: {error.message}", "an even number of hex digits") from None


def _encode(pulses: list[Pulse], to: str, as_json: bool) -> bytes:
    if as_json:
        documents = [{"hex": p.data.hex(), **p.to_json()} for p in pulses]
        return json.dumps(documents[0] if len(documents) == 1 else documents, indent=1).encode() + b"\n"
    if to == "raw":
        return b"".join(p.data for p in pulses)
    if to == "c":
        return "\n".join(_c_array(i, p) for i, p in enumerate(pulses)).encode()
    write = (lambda d: d.hex()) if to == "hex" else (lambda d: base64.b64encode(d).decode())
    return "".join(write(p.data) + "\n" for p in pulses).encode()


def _c_array(index: int, pulse: Pulse) -> str:
    name, size = (f"pulse{index}" if index else "pulse"), len(pulse.data)
    lines = [f"/* {pulse.dialect}, {size} bytes */", f"static const unsigned char {name}[{size}] = {{"]
    for i in range(0, len(pulse.data), 12):
        lines.append("    " + " ".join(f"0x{b:02x}," for b in pulse.data[i : i + 12]))
    return "\n".join([*lines, "};", ""])


def _pcap(pulses: list[Pulse], src: str, dst: str) -> bytes:
    from rttp_cli.wire.address import resolve
    from rttp_cli.wire.scapy_layer import pcap_bytes

    return pcap_bytes([p.data for p in pulses], resolve(src), resolve(dst))


def _write(data: bytes, out: Path | None) -> None:
    if out is not None:
        try:
            out.write_bytes(data)
        except OSError as error:
            raise RttpError("unwritable", f"`{out}`: {error.strerror}") from error
        return
    if sys.stdout.isatty() and not (data.isascii() and b"\0" not in data):
        raise RttpError("bad-option", "raw bytes are not for a terminal", "give --out FILE, or pipe it")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _signature() -> inspect.Signature:
    fixed = [p for p in inspect.signature(_build).parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option("--" + name.replace("_", "-"), metavar="VALUE", help=text),
            ],
        )
        for name, text in _field_options().items()
    ]
    return inspect.Signature([p.replace(kind=p.KEYWORD_ONLY) for p in fixed] + options, return_annotation=int)


def _command(**options: Any) -> int:
    return _build(**options)


_command.__signature__ = _signature()  # type: ignore[attr-defined]
_command.__annotations__ = {p.name: p.annotation for p in _signature().parameters.values()} | {"return": int}
_command.__doc__ = _build.__doc__
app.command(name="build")(_command)
