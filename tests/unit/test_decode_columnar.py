"""Rows as Parquet and Arrow IPC: whole or not there, the same rows as came, and folders that keep what is not ours."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import read_ipc, read_ipc_stream, read_parquet
from arro3.io import write_parquet as write_by_arro3

from rttp_cli.decode.columnar import ABOUT, MESSAGES, PULSES, Job, partition, write_ipc, write_parquet
from rttp_cli.errors import RttpError

TEXT = DataType.dictionary(DataType.int32(), DataType.utf8())
SCHEMA = Schema(
    [
        Field("packet", DataType.uint64(), nullable=True),
        Field("source", TEXT, nullable=True),
        Field("rpki_fingerprint", DataType.binary(32), nullable=True),
        Field("delay_ns", DataType.int64(), nullable=True),
    ]
)


def batch(start: int, texts: list[str | None]) -> RecordBatch:
    n = len(texts)
    columns = [
        Array(list(range(start, start + n)), type=DataType.uint64()),
        Array(texts, type=DataType.utf8()).cast(TEXT),
        Array([bytes([i % 3] * 32) for i in range(n)], type=DataType.binary(32)),
        Array([None if i % 2 else -i for i in range(n)], type=DataType.int64()),
    ]
    return RecordBatch.from_arrays(columns, schema=SCHEMA)


class Rows:
    """A stream as the core gives it: each batch has a dictionary of its own; at its end it may fail."""

    def __init__(
        self, batches: list[RecordBatch], end: Callable[[], None] = lambda: None, stopped: bool = False
    ) -> None:
        self.batches, self.end, self.stopped = batches, end, stopped
        self.asked = 0

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        def each() -> Iterator[RecordBatch]:
            for one in self.batches:
                self.asked += 1
                yield one
            self.end()

        return RecordBatchReader.from_batches(SCHEMA, each()).__arrow_c_stream__()  # type: ignore[arg-type]

    def write_parquet(self, path: str, texts: list[tuple[str, str]]) -> int:
        """As the core does, with its failure."""
        with Path(path).open("r+b" if Path(path).is_file() else "wb") as out:
            sink = io.BytesIO()
            write_by_arro3(RecordBatchReader.from_stream(self), sink, key_value_metadata=dict(texts))
            out.write(sink.getvalue())
        return sum(one.num_rows for one in self.batches)


TWO = [batch(1, ["a", None, "b"]), batch(4, ["ü", "", "a"])]
EXPECTED = [(1, "a"), (2, None), (3, "b"), (4, "ü"), (5, ""), (6, "a")]


def rows_of(reader: RecordBatchReader) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for one in reader:
        found += zip(one["packet"].to_pylist(), one["source"].to_pylist(), strict=True)
    return found


def raising(error: BaseException) -> Callable[[], None]:
    def end() -> None:
        raise error

    return end


def test_parquet_has_the_rows_their_types_and_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "ümläut 'x'.parquet"
    assert write_parquet(Rows(TWO), path, metadata={"rttp.capture": "ü"}) == (6, False)
    assert rows_of(read_parquet(path)) == EXPECTED
    assert [path.name] == [p.name for p in tmp_path.iterdir()], "nothing is left beside it"
    assert b"rttp.capture" in path.read_bytes()
    assert [f.type for f in (read_parquet(path).schema.field(i) for i in (0, 2, 3))] == [
        SCHEMA.field(i).type for i in (0, 2, 3)
    ]


def test_an_arrow_file_has_the_rows_although_every_batch_has_its_own_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    assert write_ipc(Rows(TWO), path) == (6, False)
    assert rows_of(read_ipc(path)) == EXPECTED
    assert read_ipc(path).schema.field("source").type == DataType.utf8()


def test_a_dash_is_the_stream_format_on_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    assert write_ipc(Rows(TWO), "-").rows == 6
    assert rows_of(read_ipc_stream(io.BytesIO(out.getvalue()))) == EXPECTED


def test_a_reader_that_has_gone_is_a_broken_pipe_and_nothing_more_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.BytesIO):
        def write(self, data: Any) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Gone()))
    rows = Rows(TWO * 50)
    with pytest.raises(BrokenPipeError):
        write_ipc(rows, "-")
    assert rows.asked < 20, "of 100: the writer has a small buffer of its own"


@pytest.mark.parametrize("write", [write_parquet, write_ipc])
def test_no_rows_are_a_file_with_columns(tmp_path: Path, write: Callable[..., Any]) -> None:
    path = tmp_path / "empty"
    assert write(Rows([]), path) == (0, False)
    read = read_parquet if write is write_parquet else read_ipc
    assert rows_of(read(path)) == []
    assert read(path).schema.names == SCHEMA.names


@pytest.mark.parametrize("write", [write_parquet, write_ipc])
def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, write: Callable[..., Any]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(Exception, match="boom"):
        write(Rows(TWO, end=raising(ValueError("boom"))), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_after_ctrl_c_the_file_has_what_was_read_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The interpreter sees Ctrl-C between two batches: in the generator that hands them on.
    from rttp_cli.decode import columnar

    reader = columnar._Batches._each

    def interrupted(self: Any, *args: Any) -> Iterator[RecordBatch]:
        class Source:
            def __iter__(self) -> Iterator[RecordBatch]:
                yield from list(source)[:1]
                raise KeyboardInterrupt

        source = self.source
        self.source = Source()
        return reader(self, *args)

    monkeypatch.setattr(columnar._Batches, "_each", interrupted)
    path = tmp_path / "x"
    assert write_ipc(Rows(TWO), path) == (3, True)
    assert rows_of(read_ipc(path)) == EXPECTED[:3]


def test_a_stream_that_a_signal_ended_is_said_to_be_stopped(tmp_path: Path) -> None:
    assert write_parquet(Rows(TWO, stopped=True), tmp_path / "x").stopped


@pytest.mark.parametrize("write", [write_parquet, write_ipc])
@pytest.mark.parametrize("path", ["/dev/full", "/nonexistent/x", "/proc/self"])
def test_what_cannot_be_written_is_unwritable(write: Callable[..., Any], path: str) -> None:
    with pytest.raises(RttpError) as error:
        write(Rows(TWO * 10), Path(path))
    assert error.value.slug == "unwritable" and path in error.value.message


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_parquet(Rows(TWO), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and rows_of(read_parquet(tmp_path / "target")) == EXPECTED


def job(capture: str, end: Callable[[], None] = lambda: None, stopped: bool = False) -> Job:
    return Job(capture, lambda: Rows(TWO, end, stopped), lambda: Rows(TWO[:1]))


def document(directory: Path) -> dict[str, Any]:
    found = json.loads((directory / ABOUT).read_text())
    assert isinstance(found, dict)
    return found


def names(directory: Path) -> set[str]:
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}


def test_a_folder_has_two_files_for_each_capture_and_says_what_it_holds(tmp_path: Path) -> None:
    directory, told = tmp_path / "new" / "folder", []
    captures = ["a/x.pcap", "b/x.pcap", "日本 語*[?].pcap", "-", "../.hidden", "x" * 400]
    done = partition(directory, map(job, captures), {"version": "0.1.0", "options": {"strict": True}}, told.append)
    assert told == captures and not done.stopped
    files = [entry["file"] for entry in done.captures]
    assert len(set(files)) == len(captures) and not any(set(f) & set("*?[]/") or f.startswith(".") for f in files)
    assert names(directory) == {ABOUT} | {f"{kind}/{f}" for kind in (PULSES, MESSAGES) for f in files}
    found = document(directory)
    assert found["schema"] == "rttp.decoded/1" and found["version"] == "0.1.0" and found["options"] == {"strict": True}
    assert {e["capture"]: e["rows"] for e in found["captures"]} == {c: {"pulses": 6, "messages": 3} for c in captures}
    assert rows_of(read_parquet(directory / PULSES / files[2])) == EXPECTED


def test_the_same_capture_replaces_its_files_and_others_stay(tmp_path: Path) -> None:
    partition(tmp_path / "d", [job("a"), job("b")], {})
    before = names(tmp_path / "d")
    again = Job("a", lambda: Rows(TWO[:1]), lambda: Rows([]))
    partition(tmp_path / "d", [again], {})
    assert names(tmp_path / "d") == before
    rows = {e["capture"]: e["rows"]["pulses"] for e in document(tmp_path / "d")["captures"]}
    assert rows == {"a": 3, "b": 6}


@pytest.mark.parametrize(
    "about", [None, "", "{}", '{"schema": "other/1"}', "[" * 10_000, '{"schema": ["rttp.decoded/1"]}']
)
def test_a_folder_that_is_not_ours_is_refused_untouched(tmp_path: Path, about: str | None) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    if about is not None:
        (tmp_path / ABOUT).write_text(about)
    before = names(tmp_path)
    with pytest.raises(RttpError) as error:
        partition(tmp_path, [job("a")], {})
    assert error.value.slug == "unwritable" and names(tmp_path) == before


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    with pytest.raises(RttpError) as error:
        partition(tmp_path / "d", [job("a")], {})
    assert error.value.slug == "unwritable"


def test_a_stop_keeps_what_was_read_and_begins_no_other_capture(tmp_path: Path) -> None:
    done = partition(tmp_path / "d", [job("a"), job("b", stopped=True), job("c")], {})
    assert done.stopped and [(e["capture"], e["whole"]) for e in done.captures] == [("a", True), ("b", False)]
    assert [e["capture"] for e in document(tmp_path / "d")["captures"]] != []
    assert len(names(tmp_path / "d")) == 5


def test_a_failure_keeps_the_captures_before_it(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="boom"):
        partition(tmp_path / "d", [job("a"), job("b", raising(ValueError("boom")))], {})
    assert [e["capture"] for e in document(tmp_path / "d")["captures"]] == ["a"]
    assert len(names(tmp_path / "d")) == 3
