"""What `rttp decode` writes: each form of output to where it goes, progress meanwhile, warnings behind it."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from rttp_cli import _core
from rttp_cli.cli._options import check_writable
from rttp_cli.decode import DecodeOptions, Form, request
from rttp_cli.errors import CATALOGUE, EXIT_INTERRUPTED, EXIT_OK, RttpError, core_failures
from rttp_cli.units import format_bytes

if TYPE_CHECKING:
    from rich.progress import Progress

FLOWS_LISTED = 1000
WARNINGS_SHOWN = 20
PATIENCE_S = 2.0
"""Nothing is drawn before."""
DRAWN_EVERY_S = 0.25


def run(options: DecodeOptions, form: Form, to: str | None, size: int | None, *, as_json: bool, quiet: bool) -> int:
    """Decodes in one form of output, to a file or to stdout, and gives the exit code."""
    asked = request(options, form)
    to = None if to == "-" else to
    if to is not None:
        check_writable(Path(to))
    elif form in ("parquet", "pcap", "pcapng"):
        raise RttpError("usage", f"`--form {form}` needs a file", "say --to FILE")
    with core_failures():
        decoder = _core.Decode(asked)
    shown_meanwhile = to is None and form != "summary" and sys.stdout.isatty()
    with _progress(decoder, size, quiet=quiet or shown_meanwhile):
        if form == "summary":
            _summary(decoder, to, as_json=as_json)
        elif form in {"pcap", "pcapng"}:
            with core_failures():
                decoder.write(str(to), "pcap" if form == "pcap" else "pcapng", _comment(options))
        elif form == "parquet":
            from rttp_cli.decode.columnar import write_parquet

            write_parquet(decoder, Path(str(to)), metadata={"rttp": _comment(options)})
        elif form == "arrow":
            from rttp_cli.decode.columnar import write_ipc

            write_ipc(decoder, "-" if to is None else Path(to))
        else:
            _rows(decoder, form, to, options)
    return _ended([decoder], quiet=quiet)


def partition(folder: Path, options: DecodeOptions, size: int | None, *, quiet: bool) -> int:
    """Decodes each capture into Parquet files of a folder, for `rttp query`, and gives the exit code."""
    from rttp_cli.decode.columnar import partition as write

    if "-" in options.captures:
        raise RttpError("bad-option", "stdin can be read only once: a folder needs captures in files")
    if options.messages or options.fields or options.head or options.tail:
        raise RttpError("bad-option", "a folder has all rows: leave out --messages, --fields, --head and --tail")
    decoders: list[_core.Decode] = []

    def stream(capture: str, *, messages: bool) -> Callable[[], _core.Decode]:
        # A filter speaks of pulses: messages are whole or not without it.
        where = None if messages else options.where
        one = replace(options, captures=(capture,), messages=messages, where=where)

        def begin() -> _core.Decode:
            with core_failures():
                decoders.append(_core.Decode(request(one, "parquet")))
            return decoders[-1]

        return begin

    def told(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    request(options, "parquet")
    jobs = [(c, stream(c, messages=False), stream(c, messages=True)) for c in options.captures]
    write(folder, jobs, about={"filter": options.where, "ports": options.ports, "bytes": size}, told=told)
    # Both readings of a capture meet the same damage.
    return _ended(decoders[::2], quiet=quiet)


def list_columns(*, messages: bool, as_json: bool) -> int:
    """Prints all columns, and the names that filters know."""
    rows = _core.decode_columns(messages)
    if as_json:
        print(json.dumps(rows, indent=1))
        return EXIT_OK
    for row in rows:
        print(f"{row['name']:<18} {row['type']:<9} {row['doc']}")
        if row["names"]:
            print(f"{'':<28} {' '.join(row['names'])}")
    return EXIT_OK


def wireshark_dissector(where: str) -> int:
    """Writes the Wireshark dissector to stdout, into a folder, or where Wireshark looks for it."""
    from rttp_cli.decode.wireshark import dissector, install

    if where == "-":
        print(dissector(), end="")
    else:
        print(install(None if where == "install" else Path(where)))
    return EXIT_OK


def _summary(decoder: _core.Decode, to: str | None, *, as_json: bool) -> None:
    while decoder.summarise(DRAWN_EVERY_S):
        pass
    document = json.loads(decoder.summary(FLOWS_LISTED))
    if as_json or (to or "").endswith(".json"):
        text = json.dumps(document, indent=1)
    else:
        from rttp_cli.decode.summary_text import render_summary

        text = render_summary(document)
    with _out(to) as out:
        out.write(f"{text}\n".encode())


def _rows(decoder: _core.Decode, form: Form, to: str | None, options: DecodeOptions) -> None:
    with _out(to) as out:
        for chunk in _chunks(decoder, form, options, to):
            out.write(chunk)
            out.flush()


def _chunks(decoder: _core.Decode, form: Form, options: DecodeOptions, to: str | None) -> Iterator[bytes]:
    if form == "csv":
        yield from _text(decoder, "csv")
    elif form == "jsonl":
        yield from _text(decoder, "jsonl")
    elif form == "json":
        yield b'{"schema": "rttp.rows/1", "rows": ['
        before = b"\n"
        for chunk in _text(decoder, "jsonl"):
            yield before + chunk.rstrip(b"\n").replace(b"\n", b",\n")
            before = b",\n"
        yield b"\n]}\n"
    else:
        from rich.console import Console

        from rttp_cli.decode.table import Lines

        console = Console(no_color=True) if to is not None else Console()
        lines = Lines(console, options.fields, messages=options.messages)
        for chunk in _text(decoder, "jsonl"):
            yield "".join(f"{line}\n" for line in lines.render(chunk)).encode()


def _text(decoder: _core.Decode, form: Literal["jsonl", "csv"]) -> Iterator[bytes]:
    while (chunk := decoder.lines(form)) is not None:
        if chunk:
            yield chunk


@contextlib.contextmanager
def _out(to: str | None) -> Iterator[IO[bytes]]:
    if to is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with Path(to).open("wb") as out:
            yield out
    except OSError as error:
        raise RttpError("unwritable", f"`{to}`: {error.strerror}") from error


def _comment(options: DecodeOptions) -> str:
    version, _, commit = _core.build_info()
    names = ", ".join(options.captures[:20]) + (", …" if len(options.captures) > 20 else "")
    chosen = f", filter {options.where}" if options.where else ""
    return f"rttp {version} ({commit}), from {names}{chosen}"


def _ended(decoders: list[_core.Decode], *, quiet: bool) -> int:
    """Warnings on stderr, and the exit code: 130 after Ctrl-C, 3 if anything was damaged, else 0."""
    damaged = 0
    for decoder in decoders:
        listed, count = decoder.warnings()
        damaged += count
        if not quiet:
            for capture, _, _, _, text, _ in listed[:WARNINGS_SHOWN]:
                print(f"warning: {_printable(capture)}: {text}", file=sys.stderr)
            if count > WARNINGS_SHOWN:
                print(f"warning: {count - WARNINGS_SHOWN:,} more; --summary --json lists 100", file=sys.stderr)
            if decoder.drops:
                print(f"warning: the kernel dropped {decoder.drops:,} packets for want of room", file=sys.stderr)
    if any(decoder.stopped for decoder in decoders):
        return EXIT_INTERRUPTED
    return CATALOGUE["bad-capture"].fault.value if damaged else EXIT_OK


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextlib.contextmanager
def _progress(decoder: _core.Decode, size: int | None, *, quiet: bool) -> Iterator[None]:
    """A bar on stderr while captures are read, if that takes more than two seconds and stderr is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_draw, args=(decoder, size, done), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(2.0)


def _draw(decoder: _core.Decode, size: int | None, done: threading.Event) -> None:
    begun = time.monotonic()
    if done.wait(PATIENCE_S):
        return
    with _bar(size) as progress:
        task = progress.add_task("decoding", total=size, packets="", speed="")
        while not done.wait(DRAWN_EVERY_S):
            read, packets, _ = decoder.progress()
            speed = f"{format_bytes(read / (time.monotonic() - begun))}/s"
            progress.update(task, completed=read, packets=f"{packets:,} packets", speed=speed)


def _bar(size: int | None) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    known = [BarColumn(), TimeRemainingColumn()] if size else []
    texts = [TextColumn("{task.fields[packets]}"), TextColumn("{task.fields[speed]}")]
    return Progress(TextColumn("decoding"), *known, *texts, console=Console(stderr=True), transient=True)
