"""Rows as Parquet and as Arrow IPC, and folders of Parquet files that grow by one capture at a time.

Parquet is written by the core, Arrow files from any stream of record batches. A file gets its name when it is whole:
what a reader finds under that name can be read.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

from rttp_cli.errors import RttpError, core_failures

if TYPE_CHECKING:
    from arro3.core import RecordBatch, RecordBatchReader, Schema

ABOUT = "rttp.json"
"""The file that says that a folder is one of `partition`, and what is in it."""
SCHEMA = "rttp.decoded/1"
PULSES = "pulses"
MESSAGES = "messages"
STDOUT = "-"

_NAME_BYTES = 200
_UNSAFE = frozenset("/\\*?[]'\"")


class Stream(Protocol):
    """Rows by the Arrow C stream interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule `arrow_array_stream`."""


class ParquetStream(Protocol):
    """Rows that write themselves down as Parquet, as the core's do."""

    def write_parquet(self, path: str, texts: list[tuple[str, str]]) -> int:
        """Writes all of them, with texts in the footer; how many."""

    @property
    def stopped(self) -> bool:
        """Whether a signal ended them."""


class Written(NamedTuple):
    """What came into one file."""

    rows: int
    stopped: bool
    """Whether Ctrl-C ended it early, or ended the stream: what was read by then is in the file."""


class Job(NamedTuple):
    """One capture to be decoded: its rows are asked for when it is its turn."""

    capture: str
    pulses: Callable[[], ParquetStream]
    messages: Callable[[], ParquetStream]


class Partitioned(NamedTuple):
    """What came of a folder of captures."""

    captures: list[dict[str, Any]]
    """As `rttp.json` lists them: those of this call, in their order."""
    stopped: bool


def write_parquet(stream: ParquetStream, path: Path, *, metadata: dict[str, str] | None = None) -> Written:
    """Writes all rows of a stream, with texts beside them for readers of the footer.

    Raises `RttpError` unwritable.
    """
    with _whole(path) as file, core_failures():
        rows = stream.write_parquet(file.name, list((metadata or {}).items()))
    return Written(rows, stream.stopped)


def write_ipc(stream: Stream, path: Path | str) -> Written:
    """Writes all rows as an Arrow IPC file, texts without dictionaries; `-` is the stream format on standard output.

    Raises `RttpError` unwritable, and `BrokenPipeError` where the reader of standard output has gone; errors of the
    stream go through.
    """
    from arro3.core import RecordBatchReader
    from arro3.io import write_ipc as write_file
    from arro3.io import write_ipc_stream

    reader = RecordBatchReader.from_stream(stream)
    batches = _Batches(reader, stream)
    if str(path) == STDOUT:
        batches.write(reader.schema, sys.stdout.buffer, write_ipc_stream)
        return batches.written()
    # The file format has one dictionary for a column, and every batch comes with its own.
    schema = _plain(reader.schema)
    with _whole(Path(path)) as file:
        batches.write(schema, file, partial(write_file, compression="lz4"))
    return batches.written()


def partition(
    directory: Path,
    jobs: Iterable[Job | tuple[str, Callable[[], ParquetStream], Callable[[], ParquetStream]]],
    about: dict[str, Any],
    told: Callable[[str], None] | None = None,
) -> Partitioned:
    """Writes each capture's pulses and messages to files of their own below a folder, and says so in its `rttp.json`.

    Files of the same capture are replaced, those of others stay. `about` goes into `rttp.json`; `told` hears of each
    capture before it is read. Ctrl-C ends it after the capture at hand. Raises `RttpError` unwritable, also for a
    folder with anything in it but no `rttp.json`.
    """
    known = claim(directory)
    done: list[dict[str, Any]] = []
    stopped = False
    for capture, pulses, messages in jobs:
        if told is not None:
            told(capture)
        name = _file_name(capture)
        entry: dict[str, Any] = {"capture": capture, "file": name, "whole": True, "rows": {}}
        for kind, make in ((PULSES, pulses), (MESSAGES, messages)):
            metadata = {"rttp.schema": SCHEMA, "rttp.capture": capture, "rttp.rows": kind}
            written = write_parquet(make(), directory / kind / name, metadata=metadata)
            entry["rows"][kind] = written.rows
            stopped |= written.stopped
        entry["whole"] = not stopped
        done.append(entry)
        known[name] = entry
        _tell_about(directory, about, known)
        if stopped:
            break
    _tell_about(directory, about, known)
    return Partitioned(done, stopped)


def claim(directory: Path) -> dict[str, dict[str, Any]]:
    """Makes a folder ours, or finds it so: entries of its captures by file name. Raises `RttpError` unwritable."""
    try:
        known = entries(directory)
        if known is None:
            if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
                raise RttpError(
                    "unwritable",
                    f"`{directory}` is not empty and has no {ABOUT}: it is not a folder of decoded captures",
                    "choose a new folder",
                )
            known = {}
        for kind in (PULSES, MESSAGES):
            (directory / kind).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RttpError("unwritable", f"`{directory}`: {error.strerror or error}") from None
    return known


def entries(directory: Path) -> dict[str, dict[str, Any]] | None:
    """What a folder's `rttp.json` lists, by file name; `None` if it has none or one that is not ours."""
    try:
        document = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return None
    listed = document.get("captures")
    found = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return {entry["file"]: entry for entry in found if isinstance(entry.get("file"), str)}


class _Sink:
    """A file for a writer that panics where a file fails: the first failure is kept, and nothing is written after."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out = out
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        """Takes all of it, whatever happens."""
        if self.failure is None:
            try:
                self.out.write(data)
            except (OSError, KeyboardInterrupt) as error:
                self.failure = error
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """The writers ask that it is there; they never call it."""
        return self.out.seek(offset, whence)

    def flush(self) -> None:
        """Sends on what waits."""
        if self.failure is None:
            try:
                self.out.flush()
            except (OSError, KeyboardInterrupt) as error:
                self.failure = error


class _Batches:
    """Batches of a stream one by one, counted, until it ends, Ctrl-C comes or the sink fails.

    The writers hold the GIL from start to end; a generator between them and the stream gives other threads, and
    Ctrl-C, their turn after every batch.
    """

    def __init__(self, source: RecordBatchReader, stream: Stream) -> None:
        self.source = source
        self.stream = stream
        self.rows = 0
        self.interrupted = False
        self.failure: BaseException | None = None

    def write(self, schema: Schema, out: IO[bytes], write: Callable[[RecordBatchReader, Any], None]) -> None:
        """Puts them through a writer. Raises the sink's failure, else the stream's own, else the writer's."""
        from arro3.core import RecordBatchReader

        sink = _Sink(out)
        failure = None
        try:
            # The annotation says a sequence; any iterable is taken, and asked for a batch when one is needed.
            each: Any = self._each(schema, sink)
            write(RecordBatchReader.from_batches(schema, each), sink)
            sink.flush()
        except Exception as error:
            failure = error
        for found in (sink.failure, self.failure, failure):
            if found is not None:
                raise found

    def written(self) -> Written:
        """What went through."""
        return Written(self.rows, self.interrupted or bool(getattr(self.stream, "stopped", False)))

    def _each(self, schema: Schema, sink: _Sink) -> Iterator[RecordBatch]:
        try:
            for batch in self.source:
                if sink.failure is not None:
                    return
                self.rows += batch.num_rows
                yield batch if schema == batch.schema else _cast(batch, schema)
        except KeyboardInterrupt:
            self.interrupted = True
        except Exception as error:
            # The writer would wrap it in texts of its own, twice.
            self.failure = error


def _plain(schema: Schema) -> Schema:
    from arro3.core import DataType, Schema

    fields = []
    for i in range(len(schema)):
        field = schema.field(i)
        value = field.type.value_type if DataType.is_dictionary(field.type) else None
        fields.append(field if value is None else field.with_type(value))
    return Schema(fields)


def _cast(batch: RecordBatch, schema: Schema) -> RecordBatch:
    from arro3.core import RecordBatch

    columns = []
    for i in range(len(schema)):
        column, wanted = batch.column(i), schema.field(i).type
        columns.append(column if column.type == wanted else column.cast(wanted))
    return RecordBatch.from_arrays(columns, schema=schema)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside another that takes its name when the block ends well, and is gone when it does not.

    Raises `OSError`.
    """
    target = path.resolve()
    beside = target.with_name(f".{target.name[: _NAME_BYTES // 4]}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to. What is no regular file (a pipe, /dev/null) is written to as it is."""
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb") as file:
                yield file
            return
        with whole_file(path) as beside, beside.open("xb") as file:
            yield file
            file.flush()
    except OSError as error:
        raise RttpError("unwritable", f"`{path}`: {error.strerror or error}") from None


def _tell_about(directory: Path, about: dict[str, Any], known: dict[str, dict[str, Any]]) -> None:
    listed = sorted(known.values(), key=lambda entry: str(entry["file"]))
    document = {"schema": SCHEMA, **about, "captures": listed}
    with _whole(directory / ABOUT) as file:
        file.write(json.dumps(document, indent=1).encode() + b"\n")


def _file_name(capture: str) -> str:
    """Of a capture's files: readable, and another for a file of the same name in another folder."""
    path = "standard input" if capture == STDOUT else os.path.realpath(capture)
    raw = path.encode("utf-8", "surrogateescape")
    base = "".join(c if c.isprintable() and c not in _UNSAFE else "_" for c in Path(path).name).lstrip(".")
    short = base.encode("utf-8", "replace")[:_NAME_BYTES].decode("utf-8", "ignore") or "capture"
    return f"{short}-{hashlib.sha256(raw).hexdigest()[:12]}.parquet"
