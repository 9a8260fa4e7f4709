"""SQL over decoded captures: DuckDB in this process, views over Parquet files, nothing else within its reach.

A query reads the files that it was opened on. It cannot write, reach another file or load an extension; its memory is
bounded, and what does not fit goes to a temporary folder that is gone afterwards.
"""

from __future__ import annotations

import json
import queue
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rttp_cli.decode.columnar import ABOUT, MESSAGES, PULSES, entries, whole_file
from rttp_cli.errors import RttpError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LEAST_MEMORY = 32 << 20
BATCH_ROWS = 2048
_POLL_S = 0.1

_TIME = "make_timestamp_ns(try_cast({} AS BIGINT))"
"""A moment as SQL knows it; one that it cannot hold (year 2262 and later) is NULL, and its number is still there."""


class View(NamedTuple):
    """What may be asked, with the columns that it needs of the rows below it."""

    of: str
    needs: tuple[str, ...]
    doc: str
    sql: str


VIEWS = {
    "flows": View(
        PULSES,
        (
            *("file", "flow", "source", "source_port", "destination", "destination_port", "length", "reject"),
            *("time_ns", "order", "missing"),
        ),
        "one row for each flow of each capture",
        # Lost: numbers jumped over, less those that came late. It is what `sequence.lost` of a summary is, as long as
        # no number came late that lies before the first of its flow, and no filter left rows out.
        f"""
        SELECT file, flow, any_value(source) AS source, any_value(source_port) AS source_port,
            any_value(destination) AS destination, any_value(destination_port) AS destination_port,
            count(*) AS pulses, sum(length)::UBIGINT AS bytes, count(reject) AS rejected,
            min(time_ns) AS first_ns, max(time_ns) AS last_ns,
            {_TIME.format("min(time_ns)")} AS first, {_TIME.format("max(time_ns)")} AS last,
            greatest(0, coalesce(sum(missing), 0) - count(*) FILTER ("order" = 'late'))::UBIGINT AS lost,
            count(*) FILTER ("order" IN ('late', 'old')) AS late,
            count(*) FILTER ("order" = 'duplicate') AS duplicates,
            count(*) FILTER ("order" = 'restart') AS restarts
        FROM pulses WHERE flow IS NOT NULL GROUP BY file, flow ORDER BY file, flow""",
    ),
    "percentiles": View(
        PULSES,
        ("file", "flow", "kind", "delay_bucket", "delay_ns"),
        "one-way delay of each flow and kind, exact to the bucket",
        # The lowest value of the first bucket at which so large a share of the samples is reached, by whole numbers.
        """
        WITH counts AS (
            SELECT file, flow, kind, delay_bucket, count(*) AS n FROM pulses
            WHERE delay_bucket IS NOT NULL GROUP BY file, flow, kind, delay_bucket
        ), ranked AS (
            SELECT *, sum(n) OVER (PARTITION BY file, flow, kind ORDER BY delay_bucket) AS upto,
                sum(n) OVER (PARTITION BY file, flow, kind) AS total FROM counts
        ), reached AS (
            SELECT file, flow, kind, any_value(total)::UBIGINT AS samples,
                min(delay_bucket) FILTER (upto * 2 >= total) AS p50_ns,
                min(delay_bucket) FILTER (upto * 10 >= total * 9) AS p90_ns,
                min(delay_bucket) FILTER (upto * 100 >= total * 99) AS p99_ns,
                min(delay_bucket) FILTER (upto * 1000 >= total * 999) AS p99_9_ns,
                max(delay_bucket) AS max_ns
            FROM ranked GROUP BY file, flow, kind
        ), signs AS (
            SELECT file, flow, kind, count(*) FILTER (delay_ns < 0) AS negative FROM pulses
            WHERE delay_ns IS NOT NULL GROUP BY file, flow, kind
        )
        SELECT s.file, s.flow, s.kind, coalesce(r.samples, 0)::UBIGINT AS samples, s.negative,
            r.p50_ns, r.p90_ns, r.p99_ns, r.p99_9_ns, r.max_ns
        FROM signs s LEFT JOIN reached r
            ON s.file IS NOT DISTINCT FROM r.file AND s.flow IS NOT DISTINCT FROM r.flow
            AND s.kind IS NOT DISTINCT FROM r.kind
        ORDER BY ALL""",
    ),
    "losses": View(
        PULSES,
        ("file", "flow", "time_ns", "missing", "order"),
        "missing numbers, duplicates, late ones of each flow and second",
        # Missing counts where the gap was seen: one that comes late is in both, maybe in another second.
        f"""
        SELECT file, flow, {_TIME.format("time_ns // 1000000000 * 1000000000")} AS second,
            count(*) AS pulses, coalesce(sum(missing), 0)::UBIGINT AS missing,
            count(*) FILTER ("order" = 'duplicate') AS duplicates,
            count(*) FILTER ("order" IN ('late', 'old')) AS late
        FROM pulses WHERE flow IS NOT NULL GROUP BY file, flow, second ORDER BY file, flow, second""",
    ),
    "rejects": View(
        PULSES,
        ("file", "packet", "time_ns", "reject", "reject_offset"),
        "broken rules, how often, and where first",
        f"""
        SELECT reject, count(*) AS count, {_TIME.format("min(time_ns)")} AS first,
            arg_min(file, time_ns) AS first_file, arg_min(packet, time_ns) AS first_packet,
            arg_min(reject_offset, time_ns) AS first_offset
        FROM pulses WHERE reject IS NOT NULL GROUP BY reject ORDER BY count DESC, reject""",
    ),
}
"""Views made of `pulses`."""

_DOCS = {PULSES: "one row for each datagram", MESSAGES: "one row for each message"}


class Listed(NamedTuple):
    """A view that is there: what a row is, and its columns with their SQL types."""

    name: str
    doc: str
    columns: list[tuple[str, str]]


class Answer(NamedTuple):
    """Rows of a query, in batches, as they come; bytes are hex, moments ISO 8601 in UTC with nanoseconds."""

    columns: list[str]
    batches: Iterator[list[tuple[Any, ...]]]


class Dataset:
    """Decoded captures that answer SQL. Made by `open_dataset`."""

    def __init__(self, connection: DuckDBPyConnection, output: Path | None) -> None:
        self._connection = connection
        self._output = output

    def views(self) -> list[Listed]:
        """All views that the files allow, with their columns."""
        found = []
        for (name,) in self._connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY view_oid"
        ).fetchall():
            columns = self._connection.execute(f'DESCRIBE "{name}"').fetchall()
            doc = _DOCS[name] if name in _DOCS else VIEWS[name].doc
            found.append(Listed(name, doc, [(column[0], column[1]) for column in columns]))
        return found

    def query(self, sql: str) -> Answer:
        """Starts a query. Ctrl-C, and leaving the batches before their end, stops it.

        Raises `RttpError` bad-query, also out of the batches.
        """
        text = self._checked(sql)
        columns = self._columns(text)
        shown = ", ".join(_shown(i, kind) for i, (_, kind) in enumerate(columns, 1))
        return Answer([name for name, _ in columns], self._batches(f"SELECT {shown} FROM (", text, ")"))

    def save(self, sql: str) -> int:
        """Writes the answer as Parquet to the output that the dataset was opened with; how many rows."""
        if self._output is None:
            raise ValueError("opened without an output")
        text = self._checked(sql)
        self._columns(text)
        options = "FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false"
        rows = list(self._batches("COPY (", text, f") TO {_quoted(str(self._output))} ({options})"))
        return int(rows[0][0][0])

    def _columns(self, text: str) -> list[tuple[str, str]]:
        """Names and SQL types of an answer; a name that comes again has a number behind it."""
        before = "DESCRIBE SELECT * FROM ("
        with _located(text, before):
            return [(row[0], row[1]) for row in self._connection.execute(_around(before, text, ")")).fetchall()]

    def _checked(self, sql: str) -> str:
        import duckdb

        with _located(sql):
            statements = self._connection.extract_statements(sql)
        if len(statements) != 1:
            raise RttpError("bad-query", f"{len(statements)} statements, expected one")
        if statements[0].type != duckdb.StatementType.SELECT:
            kind = str(statements[0].type).rpartition(".")[2]
            raise RttpError("bad-query", f"{kind} is not a query", "ask with SELECT, DESCRIBE, SUMMARIZE or SHOW")
        return str(statements[0].query).rstrip().rstrip(";")

    def _batches(self, before: str, text: str, after: str) -> Iterator[list[tuple[Any, ...]]]:
        """Batches from a thread: the engine looks at no signal while it works, so this one waits for them."""
        ready: queue.Queue[list[tuple[Any, ...]] | Exception | None] = queue.Queue(maxsize=2)
        left = threading.Event()

        def put(item: list[tuple[Any, ...]] | Exception | None) -> None:
            while not left.is_set():
                try:
                    ready.put(item, timeout=_POLL_S)
                    return
                except queue.Full:
                    continue

        def work() -> None:
            try:
                cursor = self._connection.execute(_around(before, text, after))
                while not left.is_set() and (batch := cursor.fetchmany(BATCH_ROWS)):
                    put(batch)
                put(None)
            except Exception as error:
                put(error)

        thread = threading.Thread(target=work, name="query", daemon=True)
        thread.start()
        try:
            while (item := _wait(ready)) is not None:
                if isinstance(item, Exception):
                    with _located(text, before):
                        raise item
                yield item
        finally:
            left.set()
            # One that comes before the query has begun is lost: so it is said until the thread has ended.
            while thread.is_alive():
                self._connection.interrupt()
                thread.join(_POLL_S)


@contextmanager
def open_dataset(
    path: Path, *, memory: int, threads: int | None = None, output: Path | None = None
) -> Iterator[Dataset]:
    """A folder of decoded captures, or one Parquet file of them, as views. `memory` is in bytes.

    `output` is the one file that `save` may write; it is there when the block ends well. Raises `RttpError`
    unreadable for what is neither, unwritable for the output, bad-option for memory or threads.
    """
    import duckdb

    files = _files(path)
    if memory < LEAST_MEMORY:
        raise RttpError("bad-option", f"`--memory` is {memory:,} bytes, expected at least {LEAST_MEMORY:,}")
    if threads is not None and not 1 <= threads <= 1024:
        raise RttpError("bad-option", f"`--threads` is {threads}, expected 1 to 1024")
    with _target(output) as beside, tempfile.TemporaryDirectory(prefix="rttp-query-") as spill:
        config: dict[str, Any] = {
            "memory_limit": f"{memory // 1000}kB",
            "temp_directory": spill,
            "errors_as_json": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        if threads is not None:
            config["threads"] = str(threads)
        connection = duckdb.connect(config=config)
        try:
            with _unreadable(path):
                _make_views(connection, files)
            # A pattern is looked at before what it finds: both have to be allowed.
            allowed = [name for found in files.values() for file in found for name in {str(file), _literal_glob(file)}]
            allowed += [] if beside is None else [str(beside)]
            connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, allowed))}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET lock_configuration = true")
            yield Dataset(connection, beside)
        finally:
            connection.close()


def _files(path: Path) -> dict[str, list[Path]]:
    """Parquet files by what their rows are."""
    try:
        path = path.resolve()
        if path.is_dir():
            known = entries(path)
            found = {kind: sorted((path / kind).glob("*.parquet")) for kind in (PULSES, MESSAGES)}
            if known is not None and any(found.values()):
                return {kind: files for kind, files in found.items() if files}
            raise RttpError(
                "unreadable",
                f"`{path}` holds no decoded captures: expected {ABOUT} and {PULSES}/*.parquet",
                "make it with `rttp decode CAPTURE --to DIR/`",
            )
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                raise RttpError(
                    "unreadable",
                    f"`{path}` is not Parquet: expected `PAR1` at byte 0",
                    "make it with `rttp decode CAPTURE --to FILE.parquet`",
                )
    except OSError as error:
        raise RttpError("unreadable", f"`{path}`: {error.strerror or error}") from None
    return {"": [path]}


def _make_views(connection: DuckDBPyConnection, files: dict[str, list[Path]]) -> None:
    for kind, found in files.items():
        names = ", ".join(_quoted(_literal_glob(file)) for file in found)
        source = f"read_parquet([{names}], union_by_name = true)"
        columns = {column[0] for column in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        # A file by itself does not say what its rows are; only messages have a state.
        name = kind or (MESSAGES if "whole_after_ns" in columns or {"state", "fragments"} <= columns else PULSES)
        time = f", {_TIME.format('time_ns')} AS time" if "time_ns" in columns and "time" not in columns else ""
        connection.execute(f'CREATE VIEW "{name}" AS SELECT *{time} FROM {source}')
        for view, of in VIEWS.items():
            if of.of == name and columns.issuperset(of.needs):
                connection.execute(f'CREATE VIEW "{view}" AS {of.sql}')


def _wait(ready: queue.Queue[Any]) -> Any:
    while True:
        try:
            return ready.get(timeout=_POLL_S)
        except queue.Empty:
            continue


def _shown(position: int, kind: str) -> str:
    if kind == "BLOB":
        return f"lower(hex(#{position}))"
    if kind.startswith("TIMESTAMP"):
        # Python's moments end at microseconds.
        return f"replace(#{position}::VARCHAR, ' ', 'T')"
    return f"#{position}"


@contextmanager
def _target(output: Path | None) -> Iterator[Path | None]:
    if output is None:
        yield None
        return
    try:
        with whole_file(output) as beside:
            # Whether it can be written is said before the query and not after it.
            beside.touch()
            yield beside
    except OSError as error:
        raise RttpError("unwritable", f"`{output}`: {error.strerror or error}") from None


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise RttpError("unreadable", f"`{path}`: {_told(error)['exception_message']}") from None


@contextmanager
def _located(text: str, before: str = "") -> Iterator[None]:
    """A failure of the engine as one line, with its place in the query where it is known."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        message = str(_told(error)["exception_message"]).partition("\n")[0]
        raise RttpError("bad-query", message, "raise --memory, or ask for less at once") from None
    except duckdb.Error as error:
        told = _told(error)
        message = " ".join(str(told["exception_message"]).split())
        raise RttpError("bad-query", f"{_place(told.get('position'), text, before)}{message}") from None


def _place(position: object, text: str, before: str) -> str:
    """Of a byte of what was asked of the engine, in the query as it was typed; nothing if it is not in it."""
    if not isinstance(position, str) or not position.isdecimal():
        return ""
    raw = text.encode()
    # Behind what stands before the query, and the line break after that.
    at = int(position) - (len(before.encode()) + 1 if before else 0)
    if not 0 <= at <= len(raw):
        return ""
    lines = raw[:at].decode("utf-8", "ignore").split("\n")
    line = f"line {len(lines)}, " if "\n" in text else ""
    return f"{line}character {len(lines[-1]) + 1}: "


def _around(before: str, text: str, after: str) -> str:
    """A query on lines of its own, because it may end in a comment."""
    return f"{before}\n{text}\n{after}"


def _told(error: Exception) -> dict[str, Any]:
    """The engine's errors are `Kind Error: {JSON}`; those that are not are text."""
    text = str(error)
    try:
        found = json.loads(text[text.index("{") :])
    except ValueError:
        found = None
    if isinstance(found, dict) and "exception_message" in found:
        return found
    return {"exception_message": text}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literal_glob(path: Path) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))
