"""What `rttp decode` writes: each form of output to where it goes, progress meanwhile, warnings behind it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
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


ROWS_AT_ONCE = 256
"""Lines of a table between two writes: the first is seen before all of a batch are made."""
WIDTH = 80
_POLL_S = 0.1
_AGAIN_S = 1.0
"""A signal that comes sooner after the first is the same one, sent to a group of processes and by its leader."""
_GRACE_S = 10.0
"""How long a decoding that was stopped may take to end: its reader may have stopped reading."""


def run(options: DecodeOptions, form: Form, to: str | None, size: int | None, *, as_json: bool, quiet: bool) -> int:
    """Decodes in one form of output, to a file or to stdout, and gives the exit code."""
    if form == "table" and options.payload and options.fields is None:
        raise RttpError("bad-option", "a table has no payload", "say --jsonl, --csv or --fields packet,payload")
    asked = request(_shown(options) if form == "table" else options, form)
    to = None if to == "-" else to
    if to is not None:
        check_writable(Path(to))
        check_no_input(Path(to), () if options.live else options.captures)
    elif form in ("parquet", "pcap", "pcapng"):
        raise RttpError("usage", f"`--form {form}` needs a file", "say --to FILE")

    def work() -> None:
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

    with contextlib.nullcontext() if to is not None else to_stdout():
        with core_failures():
            decoder = _core.Decode(asked)
        shown_meanwhile = to is None and form != "summary" and sys.stdout.isatty()
        with _progress(decoder, size, quiet=quiet or shown_meanwhile):
            _until_ended(work)
    code = _ended([decoder], quiet=quiet)
    if form in {"pcap", "pcapng"} and decoder.reassembled and not quiet:
        counted = f"{decoder.reassembled:,} pulses came in several IP fragments"
        print(f"warning: {counted}: of each the last packet alone is in `{to}`", file=sys.stderr)
    # Programs take no rows for an answer; people wonder.
    if form == "table" and not quiet and sys.stderr.isatty() and not decoder.progress()[2]:
        _say_why_nothing(decoder)
    return code


def partition(folder: Path, options: DecodeOptions, size: int | None, *, quiet: bool) -> int:
    """Decodes each capture into Parquet files of a folder, for `rttp query`, and gives the exit code."""
    from rttp_cli.decode.columnar import partition as write

    for name in options.captures:
        if options.live or not Path(name).is_file():
            shown = "stdin" if name == "-" else f"`{name}`"
            raise RttpError("bad-option", f"{shown} can be read only once: a folder needs captures in files")
    if options.messages or options.fields or options.head or options.tail:
        raise RttpError("bad-option", "a folder has all rows: leave out --messages, --fields, --head and --tail")
    decoders: list[_core.Decode] = []

    def stream(capture: str, *, messages: bool) -> Callable[[], _core.Decode]:
        # A filter speaks of pulses: messages are whole or not without it.
        where = None if messages else options.where
        one = replace(options, captures=(capture,), messages=messages, where=where)

        def begin() -> _core.Decode:
            # After Ctrl-C a reading begun anew would go on to the end: its messages are those of nothing.
            over = bool(decoders) and decoders[-1].stopped
            asked = replace(one, captures=(os.devnull,), follow=False) if over else one
            with core_failures():
                decoders.append(_core.Decode(request(asked, "parquet")))
            return decoders[-1]

        return begin

    def told(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    request(options, "parquet")
    jobs = [(c, stream(c, messages=False), stream(c, messages=True)) for c in options.captures]
    about = {"filter": options.where, "ports": options.ports, "bytes": size}
    _until_ended(lambda: write(folder, jobs, about=about, told=told))
    # Both readings of a capture meet the same damage.
    return _ended(decoders[::2], quiet=quiet)


def list_columns(*, messages: bool, as_json: bool) -> int:
    """Prints all columns, and the names that filters know."""
    rows = _core.decode_columns(messages)
    with to_stdout():
        if as_json:
            print(json.dumps(rows, indent=1))
            return EXIT_OK
        for row in rows:
            _folded(f"{row['name']:<18} {row['type']:<9} ", row["doc"])
            if row["names"]:
                _folded(" " * 29, " ".join(row["names"]))
    return EXIT_OK


def wireshark_dissector(where: str) -> int:
    """Writes the Wireshark dissector to stdout, into a folder, or where Wireshark looks for it."""
    from rttp_cli.decode.wireshark import dissector, install

    with to_stdout():
        if where == "-":
            print(dissector(), end="")
        else:
            print(install(None if where == "install" else Path(where)))
    return EXIT_OK


@contextlib.contextmanager
def to_stdout() -> Iterator[None]:
    """A failure to write to stdout is an `RttpError` unwritable; that the reader has gone is left to `main`."""
    if sys.stdout is None:
        raise RttpError("unwritable", "standard output is closed", "open it, or say --to FILE")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is still buffered has nowhere to go at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise RttpError("unwritable", f"standard output: {error.strerror or error}") from None


def check_no_input(file: Path, inputs: Iterable[str]) -> None:
    """Refuses to write over what is read. Raises `RttpError` unwritable."""
    for name in inputs:
        try:
            target = file.stat()
            read = os.fstat(0) if name == "-" else Path(name).stat()
        except OSError:
            continue
        if stat.S_ISREG(target.st_mode) and os.path.samestat(target, read):
            shown = "standard input" if name == "-" else f"`{name}`"
            raise RttpError("unwritable", f"`{file}` is what is read ({shown})", "write to another file")


def _folded(label: str, text: str) -> None:
    print(textwrap.fill(text, WIDTH, initial_indent=label, subsequent_indent=" " * len(label)))


def _until_ended(work: Callable[[], object]) -> None:
    """Runs something that Ctrl-C and SIGTERM end through the core, in a thread: so neither interrupts a write.

    Only a second Ctrl-C, or one that is stuck, ends the process at once.
    """
    done = threading.Event()
    failure: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failure.append(error)
        finally:
            done.set()

    signals = _core.StopSignals()
    stopped: float | None = None
    thread = threading.Thread(target=run, name="decode", daemon=True)
    thread.start()
    while not done.is_set():
        try:
            done.wait(_POLL_S)
            if stopped is None:
                stopped = time.monotonic() if signals.seen else None
            elif time.monotonic() - stopped > _GRACE_S:
                _leave()
        except KeyboardInterrupt:
            if stopped is not None and time.monotonic() - stopped > _AGAIN_S:
                _leave()
            stopped = stopped or time.monotonic()
    if failure:
        raise failure[0]


def _leave() -> None:
    # An exit in order waits for the lock of stdout, which the thread that is stuck may hold.
    os._exit(EXIT_INTERRUPTED)


def _shown(options: DecodeOptions) -> DecodeOptions:
    """With the columns that lines are made from, where none were named."""
    from rttp_cli.decode.table import MESSAGE_FIELDS, PULSE_FIELDS

    if options.fields is not None:
        return options
    return replace(options, fields=MESSAGE_FIELDS if options.messages else PULSE_FIELDS)


def _say_why_nothing(decoder: _core.Decode) -> None:
    packets = json.loads(decoder.summary(0))["packets"]
    total, skipped = packets["total"], packets["skipped"]
    if not total:
        text = "no packet was read"
    elif total > sum(skipped.values()):
        text = "none passes the filter"
    elif skipped["other_port"]:
        text = f"UDP of other ports, or no pulse: {skipped['other_port']:,}; --port N or --any-port looks at them"
    elif skipped["outside"]:
        text = f"packets outside of --since and --until: {skipped['outside']:,}"
    else:
        text = f"packets that are no UDP datagram: {total:,}"
    print(f"no rows: {text}", file=sys.stderr)


def _summary(decoder: _core.Decode, to: str | None, *, as_json: bool) -> None:
    while decoder.summarise(DRAWN_EVERY_S):
        pass
    document = json.loads(decoder.summary(FLOWS_LISTED))
    if as_json or (to or "").endswith(".json"):
        text = json.dumps(document, indent=1)
    else:
        from rttp_cli.decode.summary_text import render_summary

        width, colour = _terminal(to)
        text = render_summary(document, width=min(width or WIDTH, WIDTH), colour=colour)
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
        from rttp_cli.decode.table import Lines

        width, colour = _terminal(to)
        several = len(options.captures) > 1
        lines = Lines(options.fields, messages=options.messages, several=several, width=width, colour=colour)
        for chunk in _text(decoder, "jsonl"):
            rendered = lines.render(chunk)
            while piece := list(islice(rendered, ROWS_AT_ONCE)):
                yield "".join(f"{line}\n" for line in piece).encode()


def _terminal(to: str | None) -> tuple[int | None, bool]:
    """Columns of the terminal that shows it, if one does, and whether in colour."""
    if to is not None or not sys.stdout.isatty():
        return None, False
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return max(shutil.get_terminal_size().columns, 40), not plain


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
    chosen += f", flow {options.flow}" if options.flow is not None else ""
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
