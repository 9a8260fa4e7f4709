"""`rttp decode`: captures as a table, text, columns, a capture of the selection, or a summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from rttp_cli.errors import RttpError

if TYPE_CHECKING:
    from rttp_cli.decode import Form

app = typer.Typer(add_completion=False, rich_markup_mode=None)

BIG = 1 << 20
"""Bytes of captures above which a summary says more than a table."""
_BY_SUFFIX: dict[str, Form] = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".pcap": "pcap",
    ".pcapng": "pcapng",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".txt": "table",
}

Forms = Literal["table", "json", "jsonl", "csv", "summary", "parquet", "arrow", "pcap", "pcapng"]
Dialects = Literal["auto", "rttp1", "struct74", "rfc64", "pulse128"]


@app.command()
def decode(
    captures: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CAPTURE]...", help="pcap or pcapng, also gzip or zstd; patterns; - for stdin."),
    ] = None,
    form: Annotated[
        Forms | None,
        typer.Option("--form", "-F", help="Default: by --to; else a table, of more than 1 MiB a summary."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a row.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, with a heading.")] = False,
    summary: Annotated[
        bool, typer.Option("--summary", "-s", help="What is in it on one page; --json for all.")
    ] = False,
    table: Annotated[bool, typer.Option("--table", help="A line for each pulse, however many.")] = False,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", "-o", metavar="FILE|DIR/", help="Write a file, its form by its suffix; a folder for `rttp query`."
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--filter", "-f", metavar="EXPRESSION", help="Rows wanted: 'priority >= 192 and kind == DATA'."),
    ] = None,
    fields: Annotated[
        str | None, typer.Option("--fields", metavar="NAME,...", help="Columns, in this order; see --columns.")
    ] = None,
    columns: Annotated[bool, typer.Option("--columns", help="List all columns and what filters may ask.")] = False,
    messages: Annotated[bool, typer.Option("--messages", "-m", help="Rows are messages, not pulses.")] = False,
    payload: Annotated[bool, typer.Option("--payload", help="With a column of the payload's bytes.")] = False,
    port: Annotated[
        list[int] | None, typer.Option("--port", "-p", metavar="N", help="UDP port of pulses; may be repeated. [21076]")
    ] = None,
    any_port: Annotated[bool, typer.Option("--any-port", help="Find pulses on any UDP port by their rules.")] = False,
    dialect: Annotated[Dialects, typer.Option("--dialect", help="Layout of the headers.")] = "auto",
    byte_order: Annotated[
        Literal["big", "little"], typer.Option("--byte-order", help="little: struct74 dumped from memory on x86.")
    ] = "big",
    strict: Annotated[bool, typer.Option("--strict", help="Never guess the dialect.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="MOMENT", help="From then on: +1.5s, 2026-11-21T10:00:00Z, Unix s.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="MOMENT", help="Before then.")] = None,
    head: Annotated[int | None, typer.Option("--head", "-n", metavar="N", help="The first N rows.")] = None,
    tail: Annotated[int | None, typer.Option("--tail", metavar="N", help="The last N rows.")] = None,
    sample: Annotated[int, typer.Option("--sample", metavar="N", help="One row in N.")] = 1,
    flow: Annotated[int | None, typer.Option("--flow", metavar="N", help="Rows of this flow.")] = None,
    live: Annotated[str | None, typer.Option("--live", "-i", metavar="IFACE", help="Capture on an interface.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more at the end of a file.")] = False,
    wireshark: Annotated[
        str | None,
        typer.Option("--wireshark", metavar="WHERE", help="Write the Wireshark dissector: install, a folder, or -."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings.")] = False,
) -> int:
    """Decode captures of pulses.

    Several captures are read as one, by time. What is damaged is named and the rest is read; then the exit code is 3.
    """
    from rttp_cli.cli._decode_output import list_columns, partition, run, wireshark_dissector
    from rttp_cli.decode import DEFAULT_PORT, DecodeOptions, expand

    if wireshark is not None:
        return wireshark_dissector(wireshark)
    if columns:
        return list_columns(messages=messages, as_json=as_json)
    if live is not None and captures:
        raise RttpError("usage", "`--live` and captures do not go together")
    if live is None and not captures:
        raise RttpError("usage", "no capture given", "name one, `-` for stdin, or --live IFACE")
    paths, size = ((live,), None) if live is not None else expand(captures or [])
    options = DecodeOptions(
        captures=paths,
        live=live is not None,
        follow=follow,
        ports=None if any_port else tuple(port or (DEFAULT_PORT,)),
        dialect=None if dialect == "auto" else dialect,
        byte_order=byte_order,
        strict=strict,
        where=where,
        flow=flow,
        messages=messages,
        fields=None if fields is None else tuple(name.strip() for name in fields.split(",")),
        payload=payload,
        every=sample,
        head=head,
        tail=tail,
        since=since,
        until=until,
    )
    asked = [name for name, on in (("json", as_json), ("jsonl", jsonl), ("csv", csv), ("table", table)) if on]
    if summary and asked in ([], ["json"]):
        asked = ["summary"]
    elif summary or len({*asked, *([form] if form else [])}) > 1:
        raise RttpError("usage", "one form of output at a time", "--summary --json is the summary as JSON")
    chosen = form or (asked[0] if asked else None)
    if to is not None and (to.endswith("/") or Path(to).is_dir()):
        if chosen not in (None, "parquet"):
            raise RttpError("usage", "a folder holds Parquet: leave the form out")
        return partition(Path(to), options, size, quiet=quiet)
    selects = messages or fields or head or tail or payload or sample != 1
    settled = _form(chosen, to, big=(size or 0) > BIG and not selects)
    return run(options, settled, to, size, as_json=as_json, quiet=quiet)


def _form(chosen: str | None, to: str | None, *, big: bool) -> Form:
    if chosen is not None:
        return cast("Form", chosen)
    if to is not None:
        form = _BY_SUFFIX.get(Path(to).suffix.lower())
        if form is None:
            known = ", ".join(_BY_SUFFIX)
            raise RttpError("usage", f"`{to}` has no known suffix, expected one of {known}", "or say --form")
        return form
    return "summary" if big else "table"
