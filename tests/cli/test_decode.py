"""`rttp decode` as users type it: every form opened by its own tool, odd and hostile input, nothing overwritten."""

import csv
import gzip
import io
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from arro3.core import RecordBatchReader
from arro3.io import read_ipc, read_ipc_stream, read_parquet
from loopback.ends import PATIENCE, RTTP, error_of

from cli.conftest import Run
from rttp_cli import _core
from rttp_cli.decode.columnar import ABOUT

CAPTURES = Path(__file__).parents[2] / "captures"
SESSION = str(CAPTURES / "session.pcap")
SNAPSHOT = str(CAPTURES / "snapshot.pcapng")
TRUNCATED = str(CAPTURES / "truncated.pcap")
OTHER_PORT = str(CAPTURES / "other-port.pcap")
PULSES = 438
FORMS = ("--json", "--jsonl", "--csv", "--summary", "--table", "--form=arrow")


def rows_of(rttp: Run, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    done = rttp("decode", "--jsonl", *arguments)
    assert done.code == code, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def tool(*arguments: str, stdin: bytes = b"") -> str:
    """What another program prints."""
    done = subprocess.run(arguments, input=stdin, capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def piped(*arguments: str, stdin: bytes = b"", **options: Any) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own: for what touches its descriptors."""
    return subprocess.run(
        [RTTP, "decode", *arguments], input=stdin, capture_output=True, check=False, timeout=PATIENCE, **options
    )


def failed(rttp: Run, *arguments: str) -> tuple[int, str]:
    done = rttp("decode", *arguments)
    return error_of(subprocess.CompletedProcess([], done.code, done.out, done.err))


def written_over(capture: Path, target: str, *, stdin: Any = None) -> bytes:
    """What is in a capture after somebody named it, in some way, as the output."""
    source = "-" if stdin is not None else str(capture)
    done = subprocess.run(
        [RTTP, "decode", source, "-o", target],
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert error_of(done) == (5, "unwritable"), done.stderr
    assert "is what is read" in done.stderr
    return capture.read_bytes()


def test_a_small_capture_is_a_table_on_eighty_columns_without_colours(rttp: Run) -> None:
    done = rttp("decode", SESSION)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("time 0 is 2026-11-18 11:06:40.")
    assert len(lines) == 2 + 4 + PULSES, "two headings and a line for each flow and pulse"
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.out


def test_a_large_capture_is_a_summary_unless_rows_are_asked_for(rttp: Run, tmp_path: Path) -> None:
    large = tmp_path / "large.pcap"
    whole = Path(SESSION).read_bytes()
    large.write_bytes(whole[:24] + whole[24:] * 20)
    assert rttp("decode", str(large)).out.startswith("capture ")
    for asked in (("--head", "1"), ("--tail", "1"), ("--table",), ("--fields", "packet"), ("--sample", "9000")):
        assert not rttp("decode", "-q", str(large), *asked).out.startswith("capture "), asked


def test_json_is_one_document_that_jq_reads(rttp: Run) -> None:
    done = rttp("decode", SESSION, "--json", "-f", "kind == PING")
    counted = tool("jq", "-c", "[.schema, (.rows | length), .rows[0].kind]", stdin=done.out.encode())
    assert json.loads(counted) == ["rttp.rows/1", 40, "PING"]


def test_json_without_a_row_is_a_document_too(rttp: Run) -> None:
    assert json.loads(rttp("decode", SESSION, "--json", "--flow", "99").out)["rows"] == []


def test_json_lines_are_objects_one_by_one_for_jq(rttp: Run) -> None:
    done = rttp("decode", SESSION, "--jsonl")
    kinds = Counter(tool("jq", "-r", ".kind", stdin=done.out.encode()).split())
    assert kinds == {"STREAM": 320, "PING": 40, "PONG": 40, "RESPONSE": 24, "REQUEST": 8, "CLOSE": 4} | {
        "HELLO": 1,
        "WELCOME": 1,
    }


def test_csv_has_every_column_in_order_and_the_values_of_json(rttp: Run) -> None:
    done = rttp("decode", SESSION, "--csv")
    reader = csv.DictReader(io.StringIO(done.out))
    rows = list(reader)
    assert reader.fieldnames == [c["name"] for c in _core.decode_columns(False) if c["name"] != "payload"]
    plain = rows_of(rttp, SESSION)
    assert len(rows) == len(plain) == PULSES
    for cells, values in zip(rows, plain, strict=True):
        assert {n: v for n, v in cells.items() if v} == {
            n: str(v).lower() if isinstance(v, bool) else str(v) for n, v in values.items()
        }


def test_csv_without_a_row_has_its_heading(rttp: Run) -> None:
    assert rttp("decode", SESSION, "--csv", "--fields", "packet,kind", "--flow", "99").out == "packet,kind\n"


def test_csv_keeps_names_with_commas_quotes_and_newlines(rttp: Run, tmp_path: Path) -> None:
    odd = tmp_path / 'a,"b"\nc.pcap'
    odd.write_bytes(Path(SESSION).read_bytes())
    done = rttp("decode", str(odd), "--csv", "--fields", "file,packet", "-n", "1")
    assert list(csv.reader(io.StringIO(done.out, newline="")))[1] == [str(odd), "1"]


def test_parquet_is_read_by_duckdb_and_arro3(rttp: Run, tmp_path: Path) -> None:
    out = tmp_path / "pulses.parquet"
    assert rttp("decode", SESSION, "-o", str(out)).code == 0
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT kind, count(*) FROM '{out}' GROUP BY kind").fetchall()
    assert dict(found)["STREAM"] == 320
    table = read_parquet(out).read_all()
    assert table.num_rows == PULSES
    assert table.column_names == [c["name"] for c in _core.decode_columns(False) if c["name"] != "payload"]
    assert list(tmp_path.iterdir()) == [out]


def test_arrow_is_a_file_by_name_and_a_stream_on_stdout(rttp: Run, tmp_path: Path) -> None:
    out = tmp_path / "pulses.arrow"
    assert rttp("decode", SESSION, "-o", str(out)).code == 0
    assert read_ipc(out).read_all().num_rows == PULSES
    streamed = piped(SESSION, "--form", "arrow")
    assert read_ipc_stream(io.BytesIO(streamed.stdout)).read_all().num_rows == PULSES


def test_a_decoding_is_an_arrow_stream_for_any_library() -> None:
    from rttp_cli.decode import DecodeOptions, request

    decoder = _core.Decode(request(DecodeOptions(captures=(SESSION,)), "arrow"))
    assert RecordBatchReader.from_arrow(decoder).read_all().num_rows == PULSES


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_a_capture_of_the_selection_is_one_for_tshark_and_for_itself(rttp: Run, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"pings.{suffix}"
    assert rttp("decode", SESSION, "-f", "kind == PING", "-o", str(out)).code == 0
    fields = ("-T", "fields", "-e", "frame.time_epoch", "-e", "udp.srcport")
    seen = [line.split("\t") for line in tool("tshark", "-r", str(out), *fields).splitlines()]
    wanted = rows_of(rttp, SESSION, "-f", "kind == PING")
    assert [(int(t.replace(".", "")), int(p)) for t, p in seen] == [(w["time_ns"], w["source_port"]) for w in wanted]
    again = rows_of(rttp, str(out))
    # The flow had no other pulse in between, so nothing else changes.
    moved = {"file", "packet", "flow"}

    def kept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k not in moved} for row in rows]

    assert kept(again) == kept(wanted)


def test_the_form_follows_from_the_suffix(rttp: Run, tmp_path: Path) -> None:
    for name, begins in (("a.csv", b"packet,"), ("a.jsonl", b"{"), ("a.json", b'{"schema"'), ("a.txt", b"packet")):
        out = tmp_path / name
        done = rttp("decode", SESSION, "--fields", "packet,kind", "-n", "2", "-o", str(out))
        assert (done.code, done.out) == (0, "")
        assert out.read_bytes().startswith(begins), name


def test_a_summary_as_json_is_what_the_captures_were_made_of(rttp: Run, tmp_path: Path) -> None:
    done = rttp("decode", SESSION, "--summary", "--json")
    assert json.loads(done.out)["pulses"]["accepted"] == PULSES
    out = tmp_path / "summary.json"
    assert rttp("decode", SESSION, "-s", "-o", str(out)).code == 0
    assert json.loads(out.read_text()) == json.loads(done.out)


def test_a_folder_grows_by_a_capture_and_answers_queries(rttp: Run, tmp_path: Path) -> None:
    folder = f"{tmp_path}/set/"
    for capture in (SESSION, SNAPSHOT, SESSION):
        assert rttp("decode", capture, "-o", folder).code == 0
    assert rttp("query", folder, "--csv", "select count(*) as n from pulses where kind = 'PING'").out == "n\r\n40\r\n"
    found = rttp("query", folder, "--csv", "select state, count(*) from messages group by state").out
    assert dict(csv.reader(io.StringIO(found))) == {
        "state": "count_star()",
        "complete": str(422 + 61),
        "recoverable": "1",
        "incomplete": "1",
    }
    assert len(json.loads((tmp_path / "set" / ABOUT).read_text())["captures"]) == 2


@pytest.mark.parametrize("wrong", [("--csv",), ("-s",), ("--head", "1"), ("--messages",), ("--fields", "packet")])
def test_a_folder_takes_no_part_of_the_rows(rttp: Run, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    assert failed(rttp, SESSION, "-o", f"{tmp_path}/set/", *wrong)[0] == 2
    assert not (tmp_path / "set").exists()


def test_a_folder_with_something_else_in_it_is_left_alone(rttp: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert failed(rttp, SESSION, "-o", str(tmp_path)) == (5, "unwritable")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_query_does_not_write_over_what_it_asks(rttp: Run, tmp_path: Path) -> None:
    out = tmp_path / "pulses.parquet"
    assert rttp("decode", SESSION, "-o", str(out)).code == 0
    before = out.read_bytes()
    done = rttp("query", str(out), "select 1", "--parquet", str(out))
    assert (done.code, done.out) == (5, "")
    assert out.read_bytes() == before


@pytest.mark.parametrize("suffix", ["pcap", "pcapng", "parquet", "arrow", "csv", "jsonl", "json", "txt"])
def test_a_capture_is_never_its_own_output(tmp_path: Path, suffix: str) -> None:
    capture = tmp_path / f"a.{suffix}"
    whole = Path(SESSION).read_bytes()
    capture.write_bytes(whole)
    assert written_over(capture, str(capture)) == whole


def test_a_capture_is_no_output_by_another_name_either(tmp_path: Path) -> None:
    capture = tmp_path / "a.pcap"
    whole = Path(SESSION).read_bytes()
    capture.write_bytes(whole)
    (tmp_path / "soft.pcap").symlink_to(capture)
    (tmp_path / "hard.pcap").hardlink_to(capture)
    for name in ("soft.pcap", "hard.pcap", "../" + tmp_path.name + "/a.pcap"):
        assert written_over(capture, f"{tmp_path}/{name}") == whole
    with capture.open("rb") as stdin:
        assert written_over(capture, str(capture), stdin=stdin) == whole


@pytest.mark.parametrize("form", [*FORMS, "--columns", "--wireshark=-"])
def test_a_full_disk_behind_stdout_is_told_in_one_line(form: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [RTTP, "decode", SESSION, form],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    done.stdout = ""
    assert error_of(done) == (5, "unwritable")
    assert "standard output: No space left on device" in done.stderr


@pytest.mark.parametrize("form", ["json", "csv", "table", "summary", "parquet", "arrow", "pcap", "pcapng"])
def test_a_full_disk_or_no_folder_is_named(rttp: Run, form: str) -> None:
    for target in ("/dev/full", "/nonexistent/out"):
        done = rttp("decode", SESSION, "-F", form, "-o", target)
        assert error_of(subprocess.CompletedProcess([], done.code, done.out, done.err)) == (5, "unwritable")
        assert f"`{target}`" in done.err


@pytest.mark.parametrize("form", FORMS)
def test_a_reader_that_has_enough_ends_it_without_a_word(form: str, tmp_path: Path) -> None:
    whole = Path(SESSION).read_bytes()
    large = tmp_path / "large.pcap"
    large.write_bytes(whole[:24] + whole[24:] * 10)
    process = subprocess.Popen([RTTP, "decode", "-q", str(large), form], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 0)
    process.stderr.close()


def test_a_closed_stdout_is_an_error_and_not_a_bug() -> None:
    closing = ("sh", "-c", 'exec "$0" decode "$1" >&-', RTTP, SESSION)
    done = subprocess.run(closing, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert error_of(done) == (5, "unwritable")


@pytest.mark.parametrize(
    ("arguments", "code", "slug"),
    [
        ((), 2, "usage"),
        ((SESSION, "--live", "lo"), 2, "usage"),
        ((SESSION, "--json", "--csv"), 2, "usage"),
        ((SESSION, "--summary", "--csv"), 2, "usage"),
        ((SESSION, "--form", "xml"), 2, "usage"),
        ((SESSION, "--form", "parquet"), 2, "usage"),
        ((SESSION, "-o", "out.xyz"), 2, "usage"),
        ((SESSION, "--dialect", "tcp"), 2, "usage"),
        ((SESSION, "--head", "many"), 2, "usage"),
        ((SESSION, "--payload"), 2, "bad-option"),
        ((SESSION, "--summary", "--messages"), 2, "bad-option"),
        ((SESSION, "--since", "noon"), 2, "bad-option"),
        ((SESSION, "--fields", "colour"), 2, "unknown-name"),
        (("nothing.pcap",), 3, "unreadable"),
        (("nothing-*.pcap",), 3, "unreadable"),
        ((str(CAPTURES),), 3, "unreadable"),
        (("--live", "no-such-if"), 2, "bad-interface"),
    ],
)
def test_a_mistake_is_told_in_two_lines_and_nothing_is_printed(
    rttp: Run, arguments: tuple[str, ...], code: int, slug: str
) -> None:
    assert failed(rttp, *arguments) == (code, slug)


def test_a_mistake_in_a_filter_is_pointed_at(rttp: Run) -> None:
    done = rttp("decode", SESSION, "--flow", "1", "-f", "kind == PNIG")
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0].startswith("error[bad-filter]: `--filter`, character 9:")
    assert lines[1:3] == ["  kind == PNIG", "          ^^^^"]
    assert lines[3] == "  hint: did you mean `PING`?"


def test_selections_go_together(rttp: Run) -> None:
    every = rows_of(rttp, SESSION)
    pings = [row for row in every if row["kind"] == "PING"]
    flow = str(pings[0]["flow"])
    assert rows_of(rttp, SESSION, "--flow", flow, "-f", "kind == CLOSE or kind == PING", "--head", "3") == pings[:3]
    assert rows_of(rttp, SESSION, "-f", "kind == PING", "--tail", "2") == pings[-2:]
    assert rows_of(rttp, SESSION, "-f", "kind == PING", "--sample", "4") == pings[::4]
    assert rows_of(rttp, SESSION, "--head", "10000") == every


def test_a_time_span_is_half_open_by_any_way_to_write_it(rttp: Run) -> None:
    every = rows_of(rttp, SESSION)
    first = every[0]["time_ns"]
    begin, end = every[10]["time_ns"], every[20]["time_ns"]

    def seconds(ns: int) -> str:
        return f"{ns // 10**9}.{ns % 10**9:09d}"

    wanted = [row["packet"] for row in every if begin <= row["time_ns"] < end]
    for since, until in ((seconds(begin), seconds(end)), (f"+{begin - first}ns", f"+{end - first}ns")):
        found = rows_of(rttp, SESSION, "--since", since, "--until", until)
        assert [row["packet"] for row in found] == wanted


def test_columns_come_in_the_order_asked_for(rttp: Run) -> None:
    assert list(rows_of(rttp, SESSION, "--fields", "seq_id, kind,packet", "-n", "1")[0]) == ["seq_id", "kind", "packet"]


def test_payloads_are_hex_and_as_long_as_they_say(rttp: Run) -> None:
    for row in rows_of(rttp, SESSION, "--payload"):
        assert len(bytes.fromhex(row.get("payload", ""))) == row["payload_length"]


def test_a_table_with_payloads_says_where_they_can_be_had(rttp: Run) -> None:
    assert "--fields packet,payload" in rttp("decode", SESSION, "--payload").err
    assert "payload" in rttp("decode", SESSION, "--fields", "packet,payload", "-n", "1").out


def test_messages_are_rows(rttp: Run) -> None:
    states = Counter(row["state"] for row in rows_of(rttp, SNAPSHOT, "--messages"))
    assert states == {"complete": 61, "recoverable": 1, "incomplete": 1}
    table = rttp("decode", SNAPSHOT, "--messages", "-f", "fragment_count > 1").out.splitlines()
    assert max(map(len, table)) <= 80
    assert [line.split()[-1] for line in table[-2:]] == ["recoverable", "incomplete"]


def test_another_port_is_found_by_number_or_by_rules(rttp: Run) -> None:
    assert rows_of(rttp, OTHER_PORT) == []
    assert len(rows_of(rttp, OTHER_PORT, "--port", "4433")) == 80
    assert len(rows_of(rttp, OTHER_PORT, "--port", "21076", "-p", "4433")) == 80
    assert len(rows_of(rttp, OTHER_PORT, "--any-port")) == 80


def test_a_dialect_that_is_said_is_no_guess(rttp: Run) -> None:
    capture = str(CAPTURES / "dialects.pcap")
    grounds = {row["dialect"]: row["ground"] for row in rows_of(rttp, capture)}
    assert grounds["struct74"] == grounds["struct74-little"] == "guess"
    assert "guess" not in {row["ground"] for row in rows_of(rttp, capture, "--strict")}
    little = rows_of(rttp, capture, "--dialect", "struct74", "--byte-order", "little")
    assert {row["dialect"] for row in little if "reject" not in row} >= {"struct74-little"}


@pytest.mark.parametrize("name", ["session.pcap.gz", "session.pcapng.zst"])
def test_a_compressed_capture_has_the_rows_of_the_plain_one(rttp: Run, name: str) -> None:
    def bare(capture: str) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k != "file"} for row in rows_of(rttp, capture)]

    assert bare(str(CAPTURES / name)) == bare(SESSION)


def test_several_captures_and_patterns_are_one_by_time_and_once_each(rttp: Run, tmp_path: Path) -> None:
    for name in ("link-raw.pcap", "link-sll.pcap", "session.pcap"):
        (tmp_path / name).write_bytes((CAPTURES / name).read_bytes())
    pattern = f"{tmp_path}/link-*.pcap"
    rows = rows_of(rttp, pattern, f"{tmp_path}/session.pcap", f"{tmp_path}/link-raw.pcap")
    assert Counter(Path(row["file"]).name for row in rows) == {
        "link-raw.pcap": 40,
        "link-sll.pcap": 40,
        "session.pcap": PULSES,
    }
    times = [row["time_ns"] for row in rows]
    assert times == sorted(times)
    table = rttp("decode", pattern).out
    assert f"in {tmp_path}/link-raw.pcap\n" in table


def test_what_is_damaged_is_named_and_the_rest_is_read(rttp: Run) -> None:
    done = rttp("decode", TRUNCATED, SESSION, "--jsonl")
    assert done.code == 3
    assert len(done.out.splitlines()) == 54 + PULSES
    assert done.err.startswith(f"warning: {TRUNCATED}: packet 55 at byte 8664: ") and done.err.count("\n") == 1
    assert rttp("decode", "-q", TRUNCATED).err == ""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"hello\x1b[31m", "begins with `hello"),
        (b"\x1f\x8b\x08", ""),
        (b"\x28\xb5\x2f\xfd", ""),
        (b"\xd4\xc3\xb2\xa1", ""),
        (b"\x0a\x0d\x0d\x0a" + b"\xff" * 60, ""),
        (gzip.compress(b"not a capture"), "begins with"),
    ],
)
@pytest.mark.parametrize("form", [*FORMS, "--messages"])
def test_what_is_no_capture_is_a_warning_in_every_form(
    rttp: Run, tmp_path: Path, content: bytes, told: str, form: str
) -> None:
    odd = tmp_path / "odd.pcap"
    odd.write_bytes(content)
    done = rttp("decode", str(odd), form)
    assert done.code == 3
    assert "warning: " in done.err and told in done.err
    assert "Traceback" not in done.err and "\x1b" not in done.err + done.out


def test_a_name_cannot_write_to_the_terminal(rttp: Run, tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b[2J.pcap"
    odd.write_bytes(b"no capture")
    for form in ("--table", "--summary"):
        done = rttp("decode", str(odd), form)
        assert r"a\x1b[2J.pcap" in done.out + done.err
        assert "\x1b" not in done.out + done.err


def test_what_may_be_filtered_and_shown_is_listed(rttp: Run) -> None:
    for arguments, messages in (((), False), (("--messages",), True)):
        listed = rttp("decode", "--columns", *arguments)
        known = _core.decode_columns(messages)
        assert json.loads(rttp("decode", "--columns", "--json", *arguments).out) == known
        lines = listed.out.splitlines()
        assert max(map(len, lines)) <= 80
        assert [line.split()[0] for line in lines if not line.startswith(" ")] == [row["name"] for row in known]


def test_the_dissector_goes_where_it_is_wanted(rttp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    printed = rttp("decode", "--wireshark", "-")
    assert printed.code == 0 and printed.out.startswith("-- RTTP dissector")
    installed = rttp("decode", "--wireshark", "install").out.rstrip("\n")
    assert installed.startswith(str(tmp_path / "home"))
    put = rttp("decode", "--wireshark", str(tmp_path / "plugins")).out.rstrip("\n")
    for path in (installed, put):
        assert Path(path).read_text(encoding="utf-8") == printed.out
    assert failed(rttp, "--wireshark", SESSION) == (5, "unwritable")
