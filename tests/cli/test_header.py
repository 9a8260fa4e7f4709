import base64
import json
from pathlib import Path

import pytest

from .conftest import Run

NOW = "1795255476480082194"
GOOD = (
    "01 80 30 04 18ea07581cab8112 00000007 00000000" + "00" * 32 + "0000000000000000 0001 0000" + b"hello".hex()
)  # a PING with ECHO and METERED, written by hand from RTTP-1.1
GOOD_HEX = GOOD.replace(" ", "")


def test_a_pulse_is_built_from_names_and_numbers(rttp: Run) -> None:
    for kind, flags, seq in (("ping", "echo,metered", "7"), ("0x04", "0x30", "0x7"), ("PING", "ECHO|METERED", "0b111")):
        done = rttp(
            *(["header", "build", "--payload-text", "hello", "--timestamp-ns"]),
            NOW,
            *("--kind", kind, "--flags", flags, "--seq-id", seq),
        )
        assert (done.code, done.out.strip()) == (0, GOOD_HEX)


def test_type_sets_flags_and_kind_together(rttp: Run) -> None:
    done = rttp(
        "header", "build", "--type", "0x3004", "--seq-id", "7", "--timestamp-ns", NOW, "--payload-hex", "68656c6c6f"
    )
    assert done.out.strip() == GOOD_HEX


@pytest.mark.parametrize("dress", [GOOD, GOOD_HEX, GOOD_HEX.upper(), "0x" + GOOD_HEX, ":".join(GOOD.split())])
def test_hex_is_read_in_every_dress(rttp: Run, dress: str) -> None:
    done = rttp("header", "decode", "--json", dress)
    document = json.loads(done.out)
    assert document["fields"]["kind"] == "PING"
    assert document["fields"]["flags"] == ["ECHO", "METERED"]
    assert bytes.fromhex(document["payload"]) == b"hello"
    assert (document["ground"], document["reject"], done.code) == ("rules", None, 0)


def test_hex_without_quotes_is_one_pulse(rttp: Run) -> None:
    pairs = [GOOD_HEX[i : i + 2] for i in range(0, len(GOOD_HEX), 2)]
    assert json.loads(rttp("header", "decode", "--json", *pairs).out)["length"] == 69


def test_base64_raw_files_and_stdin_say_the_same(rttp: Run, tmp_path: Path) -> None:
    data = bytes.fromhex(GOOD_HEX)
    (tmp_path / "raw").write_bytes(data)
    (tmp_path / "hex").write_text(f"# a comment\n\n{GOOD}\n")
    encoded = base64.b64encode(data).decode()
    want = rttp("header", "decode", "--json", GOOD_HEX).out
    assert rttp("header", "decode", "--json", encoded).out == want
    assert rttp("header", "decode", "--json", "--file", str(tmp_path / "raw")).out == want
    assert rttp("header", "decode", "--json", "-f", str(tmp_path / "hex")).out == want
    assert rttp("header", "decode", "--json", f"@{tmp_path / 'hex'}").out == want
    assert rttp("header", "decode", "--json", stdin=data).out == want
    assert rttp("header", "decode", "--json", "-", stdin=encoded.encode()).out == want


DUMP = bytes.fromhex(GOOD_HEX) + b" deadbeef cafe babe 00"


@pytest.mark.parametrize("tool", ["xxd", "hexdump -C", "od -Ax -tx1", "od -Ax -tx1z", "tcpdump -x"])
def test_a_hex_dump_is_read_without_its_offsets_and_characters(rttp: Run, tool: str) -> None:
    """Written as the tools write it (xxd 2022, util-linux 2.38, coreutils 9.1, tcpdump 4.99)."""
    lines, before = [], b""
    for i in range(0, len(DUMP), 16):
        part = DUMP[i : i + 16]
        shown = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
        if part == before and len(part) == 16 and tool != "xxd" and tool != "tcpdump -x":
            lines += ["*"] if lines[-1] != "*" else []
            continue
        before = part
        pairs = " ".join(part[j : j + 2].hex() for j in range(0, len(part), 2))
        match tool:
            case "xxd":
                lines.append(f"{i:08x}: {pairs:<39}  {shown}")
            case "hexdump -C":
                lines.append(f"{i:08x}  {part[:8].hex(' '):<23}  {part[8:].hex(' '):<23}  |{shown}|")
            case "od -Ax -tx1":
                lines.append(f"{i:06x} {part.hex(' ')}")
            case "od -Ax -tx1z":
                lines.append(f"{i:06x} {part.hex(' '):<47}  >{shown}<")
            case _:
                lines.append(f"\t0x{i:04x}:  {pairs}")
    if tool.startswith(("hexdump", "od")):
        lines.append(f"{len(DUMP):08x}" if tool == "hexdump -C" else f"{len(DUMP):06x}")
    done = rttp("header", "decode", "--json", stdin="\n".join(lines).encode())
    document = json.loads(done.out)
    assert (document["length"], bytes.fromhex(document["payload"])) == (len(DUMP), DUMP[64:])


def test_many_pulses_come_as_arguments_lines_or_strides(rttp: Run) -> None:
    three = [rttp("header", "build", "--seq-id", str(i)).out.strip() for i in range(3)]
    want = [0, 1, 2]
    raw = bytes.fromhex("".join(three))
    assert [d["fields"]["seq_id"] for d in json.loads(rttp("header", "decode", "--json", *three).out)] == want
    lines = rttp("header", "decode", "--jsonl", stdin="\n".join(three).encode()).out.splitlines()
    assert [json.loads(line)["fields"]["seq_id"] for line in lines] == want
    strided = rttp("header", "decode", "--json", "--stride", "64", stdin=raw)
    assert [d["fields"]["seq_id"] for d in json.loads(strided.out)] == want


def test_a_rejected_pulse_shows_what_is_there_and_where_it_breaks(rttp: Run) -> None:
    done = rttp("header", "decode", GOOD_HEX[:100])
    assert done.code == 3
    assert "truncated at offset 50" in done.out
    assert "seq_id" in done.out
    bad_kind = GOOD_HEX[:6] + "99" + GOOD_HEX[8:]
    done = rttp("header", "decode", "--json", bad_kind)
    assert json.loads(done.out)["reject"] == {"slug": "unknown-kind", "offset": 3}
    assert "unknown-kind at offset 3 (`kind`)" in rttp("header", "decode", bad_kind).out


def test_a_rejected_tail_is_not_shown_twice(rttp: Run) -> None:
    bad = rttp("header", "build", "--flags", "FEC", "--fec-scheme", "9", "--payload-hex", "aabb", "--unchecked").out
    document = json.loads(rttp("header", "decode", "--dialect", "rttp1", "--json", bad).out)
    assert document["reject"] == {"slug": "fec-inconsistent", "offset": 64}
    assert (document["fields"]["fec_scheme"], document["payload"]) == (9, "aabb")


def test_a_guess_is_labelled_and_strict_never_guesses(rttp: Run) -> None:
    # The lowest byte of this time, read as the highest, makes a time that is plausible as well.
    args = [
        "--dialect",
        "struct74",
        "--byte-order",
        "little",
        "--type",
        "0x1234",
        "--timestamp-ns",
        "0x18ea07581cab8120",
    ]
    little = rttp("header", "build", *args).out.strip()
    guessed = rttp("header", "decode", little)
    assert guessed.code == 0
    assert "struct74, little-endian (A GUESS)" in guessed.out
    assert "as rttp1: unknown-flag at offset 2" in guessed.out
    strict = rttp("header", "decode", "--strict", little)
    assert strict.code == 3
    assert "rttp1 (the default: nothing fits)" in strict.out


@pytest.mark.parametrize("dialect", ["rttp1", "struct74", "rfc64", "pulse128"])
def test_what_decode_prints_builds_the_same_pulse(rttp: Run, dialect: str, tmp_path: Path) -> None:
    built = rttp("header", "build", "--dialect", dialect, "--priority", "201", "--payload-hex", "a5a5").out.strip()
    document = tmp_path / "fields.json"
    document.write_text(rttp("header", "decode", "--dialect", dialect, "--json", built).out)
    again = rttp("header", "build", "--dialect", dialect, "--fields", str(document), "--payload-hex", "a5a5")
    assert again.out.strip() == built


def test_yaml_fields_make_several_pulses_and_options_win(rttp: Run) -> None:
    text = b"- seq_id: 1\n  kind: data\n  flags: [ECHO, METERED]\n- {seq_id: 0x10, kind: 0x04, payload: 'beef'}\n"
    done = rttp("header", "build", "--fields", "-", "--priority", "9", stdin=text)
    first, second = (json.loads(rttp("header", "decode", "--json", line).out) for line in done.out.split())
    assert (first["fields"]["seq_id"], first["fields"]["kind"], first["fields"]["priority"]) == (1, "DATA", 9)
    assert first["fields"]["flags"] == ["ECHO", "METERED"]
    assert (second["fields"]["seq_id"], second["fields"]["kind"], second["payload"]) == (16, "PING", "beef")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"seq_id: 1\nseq_id: 2\n", "line 2 column 1: the key `seq_id` twice"),
        (b'{"seq_id": 1, "seq_id": 2}', "the key `seq_id` twice"),
        (b"seq_id: on\n", "`seq_id` is `on`"),
        (b"seq_id: 1:30\n", "`seq_id` is `1:30`"),
        (b"seq_id: [1\n", "line 2"),
        (b'{"seq_id": }', "line 1 column 12"),
        (b"a: &x [1]\nb: *x\n", "aliases are not allowed"),
        (b"!!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        (b"- 1\n", "holds int at index 0"),
        (b"", "holds nothing"),
        (b"[]", "an empty list"),
        (b"seq_ID: 1\n", "did you mean `seq_id`"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_document_that_cannot_be_used_says_where(rttp: Run, text: bytes, says: str) -> None:
    done = rttp("header", "build", "--fields", "-", stdin=text)
    assert done.code in (2, 3)
    assert says in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--priority", "256"], 3, "`priority` is 256, expected 0 to 255"),
        (["--priority", "-1"], 3, "`priority` is -1"),
        (["--seq-id", "9" * 5000], 3, "`seq_id` is `999"),
        (["--kind", "dta"], 2, "did you mean `DATA`"),
        (["--flags", "ECHO,NOPE"], 2, "no flag is named `NOPE`"),
        (["--flags", "0x01"], 3, "unknown-flag at offset 2 (`flags`)"),
        (["--fragment-count", "0"], 3, "fragment-count-zero at offset 60"),
        (["--fragment-index", "1"], 3, "fragment-range at offset 62"),
        (["--fec-repair", "2"], 3, "only sent with the flag FEC"),
        (["--rpki-fingerprint", "abcd"], 3, "`rpki_fingerprint` has 2 bytes, expected 32"),
        (["--rpki-fingerprint", "xyz"], 3, "`rpki_fingerprint` is `xyz`"),
        (["--bid", "1"], 2, "no field of rttp1 is named `bid`"),
        (["--payload-hex", "abc"], 3, "3 hex digits"),
        (["--payload-hex", "ab", "--payload-text", "x"], 2, "more than one"),
        (["--payload", "/nonexistent/file"], 3, "`/nonexistent/file`: No such file"),
        (["--payload", "/dev/zero"], 3, "over 65,507 bytes"),
        (["--flags", "SEALED", "--payload-hex", "00" * 16], 3, "the tag has 0 bytes, expected 16"),
        (["--tag-hex", "00" * 16], 3, "no tag without SEALED"),
        (["--byte-order", "little"], 2, "`rttp1` is only big-endian"),
        (["--dialect", "pulse128", "--action", "-x", "--spec-rev", "1"], 3, "bad-block at offset 105"),
        (["--dialect", "pulse128", "--action", "x" * 17], 3, "at most 16 characters"),
        (["--out", "/nonexistent/x"], 5, "`/nonexistent/x`"),
        (["--to", "pcap", "--dst", "[::1]:5"], 2, "different address families"),
    ],
)
def test_a_header_that_cannot_be_built_says_why(rttp: Run, args: list[str], code: int, says: str) -> None:
    done = rttp("header", "build", *args)
    assert says in done.err
    assert "hint:" in done.err
    assert (done.code, done.out) == (code, "")


def test_sealed_needs_its_tag_and_takes_it(rttp: Run) -> None:
    done = rttp("header", "build", "--flags", "SEALED", "--payload-hex", "aa", "--tag-hex", "bb" * 16)
    document = json.loads(rttp("header", "decode", "--json", done.out.strip()).out)
    assert (document["payload"], document["tag"]) == ("aa", "bb" * 16)


def test_unchecked_builds_a_bad_pulse_and_says_so(rttp: Run) -> None:
    done = rttp("header", "build", "--fragment-count", "0", "--unchecked")
    assert done.code == 0
    assert len(done.out.strip()) == 128
    assert "warning: fragment-count-zero" in done.err


def test_outputs_agree(rttp: Run, tmp_path: Path) -> None:
    args = ["header", "build", "--timestamp-ns", "5", "--payload-text", "xyz"]
    data = bytes.fromhex(rttp(*args).out)
    assert base64.b64decode(rttp(*args, "--to", "base64").out) == data
    assert rttp(*args, "--to", "raw").out.encode("utf-8", "surrogateescape") == data
    c = rttp(*args, "--to", "c").out
    assert bytes(int(x, 16) for x in c.partition("{")[2].partition("}")[0].split(",") if x.strip()) == data
    assert json.loads(rttp(*args, "--json").out)["hex"] == data.hex()
    target = tmp_path / "out.bin"
    assert rttp(*args, "--to", "raw", "--out", str(target)).out == ""
    assert target.read_bytes() == data


@pytest.mark.parametrize(
    ("args", "stdin", "code", "says"),
    [
        (["abc"], b"", 3, "3 hex digits"),
        (["zz!"], b"", 3, "is not hex or base64"),
        (["--from", "hex", "0g"], b"", 3, "'g' at character 1 is not a hex digit"),
        (["--from", "base64", "!!!"], b"", 3, "is not base64"),
        ([""], b"", 3, "there is no text"),
        ([], b"", 3, "the input is empty"),
        ([], b"# only\n", 3, "only blanks and comments"),
        ([], b"01\nxyz\n", 3, "line 2: `xyz`"),
        (["--from", "hex"], b"\xff", 3, "bytes beyond ASCII"),
        (["--stride", "0"], b"\xff", 2, "`--stride` is 0"),
        (["--stride", "8"], b"0102", 2, "`--stride` is for raw bytes"),
        (["--file", "/nonexistent"], b"", 3, "`/nonexistent`: No such file"),
        (["--file", "/"], b"", 3, "`/`: Is a directory"),
        (["--from", "raw", "00"], b"", 2, "raw bytes cannot be an argument"),
        (["00", "--file", "/x"], b"", 2, "text and `--file` together"),
        (["--dialect", "rfc64", "--byte-order", "little", "00"], b"", 2, "only big-endian"),
    ],
)
def test_input_that_is_no_pulse_at_all_is_one_line(
    rttp: Run, args: list[str], stdin: bytes, code: int, says: str
) -> None:
    done = rttp("header", "decode", *args, stdin=stdin)
    assert says in done.err
    assert (done.code, done.out) == (code, "")
    assert len(done.err.splitlines()) == 2


def test_more_than_a_datagram_is_oversized_and_more_than_the_bound_is_refused(rttp: Run) -> None:
    big = bytes.fromhex(GOOD_HEX[:128]) + bytes(65_508 - 64)
    assert "oversized at offset 65507" in rttp("header", "decode", stdin=big).out
    assert "over 16 MiB" in rttp("header", "decode", stdin=bytes(17 << 20)).err


def test_everything_fits_80_columns(rttp: Run) -> None:
    sealed = rttp("header", "build", "--flags", "FEC,SEALED", "--payload-hex", "ab" * 200, "--tag-hex", "cd" * 16).out
    for args in (
        ["decode", sealed],
        ["decode", "--diagram", sealed],
        ["fields", "all"],
        ["fields", "all", "--diagram"],
        ["diff", sealed, GOOD_HEX],
    ):
        lines = rttp("header", *args).out.splitlines()
        long = [line for line in lines if len(line) > 80 and ":" not in line.split("  ")[0]]
        assert not long, args


def test_fields_lists_every_row_of_every_dialect(rttp: Run) -> None:
    tables = json.loads(rttp("header", "fields", "all", "--json").out)
    assert [t["name"] for t in tables] == ["rttp1", "struct74", "rfc64", "pulse128"]
    for table in tables:
        text = rttp("header", "fields", table["name"]).out
        diagram = rttp("header", "fields", table["name"], "--diagram").out
        for row in table["fields"]:
            assert f"\n{row['name']:<17}{row['offset']:>6}{row['size']:>5}" in text
            assert row["name"] in diagram


def test_diff_names_what_differs_and_nothing_else(rttp: Run) -> None:
    other = rttp("header", "build", "--kind", "data", "--flags", "0x30", "--seq-id", "7", "--timestamp-ns", NOW,
                 "--payload-text", "help!").out.strip()  # fmt: skip
    done = rttp("header", "diff", "--json", GOOD_HEX, other)
    assert done.code == 1
    rows = {row["field"]: row for row in json.loads(done.out)["fields"]}
    assert set(rows) == {"kind", "payload"}
    assert (rows["kind"]["a"], rows["kind"]["b"]) == ("PING", "DATA")
    assert rows["payload"]["first_difference"] == 3
    same = rttp("header", "diff", GOOD_HEX, GOOD)
    assert (same.code, same.out) == (0, "the pulses are the same\n")


def test_diff_of_two_dialects_says_so(rttp: Run) -> None:
    rfc64 = rttp("header", "build", "--dialect", "rfc64").out.strip()
    done = rttp("header", "diff", "--json", GOOD_HEX, rfc64)
    rows = {row["field"]: row for row in json.loads(done.out)["fields"]}
    assert (rows["dialect"]["a"], rows["dialect"]["b"]) == ("rttp1", "rfc64")
    assert rows["magic"]["a"] is None
