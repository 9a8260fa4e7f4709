"""`rttp query` as users type it: views, forms, what it refuses, what it does with more rows than memory."""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.conftest import Run
from rttp_cli.decode.columnar import ABOUT, SCHEMA

PULSES = """
    SELECT file, packet::UBIGINT AS packet, time_ns::UBIGINT AS time_ns, '192.0.2.1' AS source,
        7::USMALLINT AS source_port, '192.0.2.2' AS destination, 21076::USMALLINT AS destination_port,
        flow::UINTEGER AS flow, 64::UINTEGER AS length, reject, reject_offset::UINTEGER AS reject_offset, kind,
        from_hex('00ff') AS rpki_fingerprint, "order", missing::UINTEGER AS missing, delay_ns::BIGINT AS delay_ns,
        CASE WHEN delay_ns >= 0 THEN delay_ns END::UBIGINT AS delay_bucket
    FROM rows
"""
COLUMNS = ["file", "packet", "time_ns", "flow", "reject", "reject_offset", "kind", "order", "missing", "delay_ns"]
T0 = 1_795_000_000_123_456_789
FAR = (1 << 64) - 1
ROWS = [
    # Flow 0: one number jumped over and come late, one lost; a duplicate; a reject. Flow 1: a negative delay.
    ("ü.pcap", 1, T0, 0, None, None, "DATA", "new", 0, 100),
    ("ü.pcap", 2, T0 + 1, 0, None, None, "DATA", "new", 2, 300),
    ("ü.pcap", 3, T0 + 2, 0, None, None, "DATA", "late", 0, 200),
    ("ü.pcap", 4, T0 + 3, 0, None, None, "DATA", "duplicate", 0, 400),
    ("ü.pcap", 5, T0 + 10**9, 0, "bad-version", 0, None, None, None, None),
    ("ü.pcap", 6, T0 + 4, 1, None, None, "PING", "new", 0, -50),
    ("ü.pcap", 7, FAR, 1, "truncated", 9, None, None, None, None),
]


def write_rows(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with duckdb.connect() as connection:
        types = [*("VARCHAR", "UBIGINT", "UBIGINT", "UINTEGER", "VARCHAR"), *("UINTEGER", "VARCHAR", "VARCHAR")]
        types += ["UINTEGER", "BIGINT"]
        columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(COLUMNS, types, strict=True))
        connection.execute(f"CREATE TABLE rows ({columns})")
        connection.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(COLUMNS))})", rows)
        connection.execute(f"COPY ({PULSES}) TO '{path}' (FORMAT parquet)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "it's [a] *folder*"
    for kind in ("pulses", "messages"):
        (directory / kind).mkdir(parents=True)
    (directory / ABOUT).write_text(json.dumps({"schema": SCHEMA, "captures": []}))
    write_rows(tmp_path / "p.parquet", ROWS)
    (tmp_path / "p.parquet").rename(directory / "pulses" / "[x].parquet")
    with duckdb.connect() as connection:
        target = str(directory / "messages" / "m.parquet").replace("'", "''")
        sql = f"SELECT 'ü.pcap' AS file, {T0}::UBIGINT AS time_ns, 'complete' AS state, 5::BIGINT AS whole_after_ns"
        connection.execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet)")
    return directory


def asked(rttp: Run, *args: object) -> list[dict[str, Any]]:
    done = rttp("query", *map(str, args), "--jsonl")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def refused(rttp: Run, *args: object) -> str:
    done = rttp("query", *map(str, args))
    assert (done.code, done.out) == (3, ""), done
    assert done.err.startswith("error[bad-query]: ") and len(done.err.splitlines()) == 2, done.err
    return done.err


def test_without_a_query_views_and_columns_are_listed(rttp: Run, folder: Path) -> None:
    done = rttp("query", str(folder))
    assert done.code == 0 and max(map(len, done.out.splitlines())) <= 80
    views = [line.partition(":")[0] for line in done.out.splitlines() if ": " in line]
    assert sorted(views) == ["flows", "losses", "messages", "percentiles", "pulses", "rejects"]
    listed = json.loads(rttp("query", str(folder), "--json").out)
    assert {"name": "time", "type": "TIMESTAMP_NS"} in listed[0]["columns"] and len(listed) == 6


def test_flows_count_pulses_bytes_and_what_is_lost(rttp: Run, folder: Path) -> None:
    first, second = asked(rttp, folder, "select * from flows")
    assert (first["file"], first["flow"], first["pulses"], first["bytes"]) == ("ü.pcap", 0, 5, 320)
    assert (first["lost"], first["late"], first["duplicates"], first["rejected"]) == (1, 1, 1, 1)
    assert (first["first_ns"], first["first"]) == (T0, "2026-11-18T11:06:40.123456789")
    assert (second["last_ns"], second["last"]) == (FAR, None), "a moment that SQL cannot hold is only a number"


def test_percentiles_are_exact_to_the_bucket_and_count_negative_ones(rttp: Run, folder: Path) -> None:
    data, ping = asked(rttp, folder, "select * from percentiles")
    assert [data[k] for k in ("kind", "samples", "negative", "p50_ns", "p99_9_ns", "max_ns")] == [
        "DATA",
        4,
        0,
        200,
        400,
        400,
    ]
    assert [ping[k] for k in ("kind", "samples", "negative", "p50_ns")] == ["PING", 0, 1, None]


def test_losses_are_by_second_and_rejects_by_rule(rttp: Run, folder: Path) -> None:
    losses = asked(rttp, folder, "select * from losses where flow = 0")
    assert [(r["second"], r["pulses"], r["missing"], r["late"]) for r in losses] == [
        ("2026-11-18T11:06:40", 4, 2, 1),
        ("2026-11-18T11:06:41", 1, 0, 0),
    ]
    rejects = asked(rttp, folder, "select * from rejects order by reject")
    assert [(r["reject"], r["count"], r["first_packet"], r["first_offset"]) for r in rejects] == [
        ("bad-version", 1, 5, 0),
        ("truncated", 1, 7, 9),
    ]


def test_a_single_file_is_pulses_or_messages_by_its_columns(rttp: Run, folder: Path) -> None:
    pulses, messages = folder / "pulses" / "[x].parquet", folder / "messages" / "m.parquet"
    assert asked(rttp, pulses, "select count(*) n from pulses") == [{"n": 7}]
    assert asked(rttp, messages, "select state from messages") == [{"state": "complete"}]


def test_a_view_whose_columns_are_not_there_is_left_out(rttp: Run, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1::UBIGINT AS time_ns) TO '{tmp_path / 'x.parquet'}' (FORMAT parquet)")
    done = rttp("query", str(tmp_path / "x.parquet"))
    assert [line for line in done.out.splitlines() if not line.startswith(" ")] == ["pulses: one row for each datagram"]


def test_every_form_has_the_same_values(rttp: Run, folder: Path, tmp_path: Path) -> None:
    sql = "select packet, rpki_fingerprint, kind, time from pulses where packet in (1, 5) order by packet -- the two"
    objects = asked(rttp, folder, sql)
    assert objects[0] == {
        "packet": 1, "rpki_fingerprint": "00ff", "kind": "DATA", "time": "2026-11-18T11:06:40.123456789",
    }  # fmt: skip
    assert json.loads(rttp("query", str(folder), sql, "--json").out) == objects
    rows = list(csv.DictReader(io.StringIO(rttp("query", str(folder), sql, "--csv").out)))
    assert rows == [{k: "" if v is None else str(v) for k, v in o.items()} for o in objects]
    lines = rttp("query", str(folder), sql).out.splitlines()
    assert lines[0].split() == ["packet", "rpki_fingerprint", "kind", "time"] and lines[2].split()[2] == "-"
    target = tmp_path / "out.parquet"
    done = rttp("query", str(folder), sql, "--parquet", str(target))
    assert (done.code, done.out) == (0, "") and "2 rows" in done.err
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT packet, rpki_fingerprint FROM '{target}'").fetchall()
    assert found == [(1, b"\x00\xff"), (5, b"\x00\xff")]


def test_no_rows_are_an_empty_list_and_odd_values_have_a_form(rttp: Run, folder: Path) -> None:
    assert json.loads(rttp("query", str(folder), "select 1 where false", "--json").out) == []
    sql = "select 'nan'::double n, [rpki_fingerprint] l, {a: 1} s, 170141183460469231731687303715884105727 h, 'ü' u"
    (row,) = asked(rttp, folder, sql + " from pulses limit 1")
    assert row == {"n": None, "l": ["00ff"], "s": {"a": 1}, "h": (1 << 127) - 1, "u": "ü"}


def test_a_wide_row_is_shown_from_top_to_bottom_within_eighty_columns(rttp: Run, folder: Path) -> None:
    done = rttp("query", str(folder), "select *, repeat('x', 300) as long from flows")
    assert "row 2" in done.out and max(map(len, done.out.splitlines())) <= 80


def test_a_table_says_how_many_rows_it_left_out(rttp: Run, folder: Path) -> None:
    done = rttp("query", str(folder), "select range r from range(2500)")
    assert len(done.out.splitlines()) == 1001 and "1,500 more rows" in done.err
    done = rttp("query", str(folder), "select range r from range(2500)", "--all")
    assert len(done.out.splitlines()) == 2501 and done.err == ""


def test_texts_of_a_capture_cannot_control_the_terminal(rttp: Run, folder: Path) -> None:
    out = rttp("query", str(folder), r"select chr(27) || '[31m' || chr(10) as x").out
    assert "\x1b" not in out and len(out.splitlines()) == 2


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec", "character 1: syntax error"),
        ("select 1,\n  nope from pulses", 'line 2, character 3: Referenced column "nope"'),
        ("select 'ü', nope from pulses", "character 13: "),
        ("select * from nothing", "character 15: "),
        ("select kind::int from pulses", "character 12: Could not convert"),
        ("", "0 statements"),
        ("select 1; select 2", "2 statements"),
        ("select 1) union (select 2", "syntax error"),
    ],
)
def test_a_query_that_cannot_be_answered_is_one_message_with_its_place(
    rttp: Run, folder: Path, sql: str, said: str
) -> None:
    assert said in refused(rttp, folder, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "copy pulses to '{other}'",
        "create table t as select 1",
        "drop view pulses",
        "attach '{other}' as o",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma database_list",
        "explain analyze copy pulses to '{other}'",
        "select * from read_text('{secret}')",
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from '{secret}'",
        "select * from read_parquet('https://127.0.0.1:1/x.parquet')",
    ],
)
def test_nothing_beyond_the_files_is_read_or_written(rttp: Run, folder: Path, tmp_path: Path, sql: str) -> None:
    secret, other = tmp_path / "secret.txt", tmp_path / "other"
    secret.write_text("hush-hush")
    before = sorted(p.name for p in tmp_path.rglob("*"))
    assert "hush-hush" not in refused(rttp, folder, sql.format(secret=secret, other=other))
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_sources_that_are_none_are_unreadable(rttp: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("PAR")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    for source in ("", "text", "broken.parquet", "missing"):
        done = rttp("query", str(tmp_path / source), "select 1")
        assert (done.code, done.out) == (3, "") and done.err.startswith("error[unreadable]: "), done


@pytest.mark.parametrize(
    "options",
    [("--json", "--csv"), ("--memory", "1kB"), ("--memory", "much"), ("--threads", "0"), ("--threads", "100000")],
)
def test_options_that_cannot_be_meant_are_refused(rttp: Run, folder: Path, options: tuple[str, ...]) -> None:
    done = rttp("query", str(folder), "select 1", *options)
    assert (done.code, done.out) == (2, "") and "error[bad-option]" in done.err


def test_a_failed_query_leaves_the_output_as_it_was(rttp: Run, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    target.write_bytes(b"old")
    assert "Could not convert" in refused(rttp, folder, "select kind::int from pulses", "--parquet", target)
    assert target.read_bytes() == b"old" and not list(tmp_path.glob(".*"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six million rows of 40 bytes and more: 240 MB as they are read, a few as they lie there."""
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    with duckdb.connect() as connection:
        sql = """SELECT 'x.pcap' AS file, range::UBIGINT AS packet, (range * 7919 % 6000011)::UBIGINT AS time_ns,
            (range % 64)::UINTEGER AS flow, (range * 31 % 1000)::BIGINT AS delay_ns, range % 2 = 0 AS repair,
            md5((range % 1000)::VARCHAR) AS action FROM range(6000000)"""
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 61440)")
    return path


def test_more_rows_than_memory_are_grouped_and_sorted_and_the_temporary_files_go(
    rttp: Run, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setenv("TMPDIR", str(spill))
    monkeypatch.setattr("tempfile.tempdir", None)
    limits = ("--memory", "96MB", "--threads", "2")
    (grouped,) = asked(rttp, large, "select count(*) n from (select packet, count(*) from pulses group by 1)", *limits)
    assert grouped == {"n": 6_000_000}
    target = tmp_path / "sorted.parquet"
    sql = "select time_ns, packet, flow, action from pulses order by time_ns"
    done = rttp("query", str(large), sql, "--parquet", str(target), *limits)
    assert done.code == 0, done.err
    with duckdb.connect() as connection:
        first, n = connection.execute(f"SELECT arg_min(packet, time_ns), count(*) FROM '{target}'").fetchall()[0]
    assert (first, n) == (0, 6_000_000) and list(spill.iterdir()) == []


def test_too_little_memory_for_a_query_is_said_with_what_to_do(rttp: Run, large: Path) -> None:
    done = rttp("query", str(large), "select list(action) from pulses", "--memory", "40MB", "--threads", "1")
    assert done.code == 3 and "raise --memory" in done.err, done.err


def test_ctrl_c_stops_a_query_and_leaves_nothing(large: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    sql = "select count(*) from pulses a, pulses b where a.packet * b.packet % 11 = 7"
    # A program of its own: the signal must find this interpreter's main thread waiting.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from rttp_cli.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "query", str(large), sql, "--parquet", str(target)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={"TMPDIR": str(tmp_path)}) as process:
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob("rttp-query-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        asked_at = time.monotonic()
        assert process.wait(20) == 130
        assert time.monotonic() - asked_at < 5
    assert list(tmp_path.iterdir()) == []
