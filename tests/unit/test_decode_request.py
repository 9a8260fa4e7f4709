"""What is asked of captures: every option is checked before a byte is read, and the mistake is named."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.decode import DecodeOptions, Form, columns, expand, parse_moment, request
from rttp_cli.errors import RttpError

PLAIN = DecodeOptions(captures=("a.pcap",))
SECOND = 10**9


def refusal(options: DecodeOptions, form: Form = "jsonl") -> tuple[str, str]:
    with pytest.raises(RttpError) as failed:
        request(options, form)
    return failed.value.slug, failed.value.message


def unreadable(names: Sequence[str]) -> RttpError:
    with pytest.raises(RttpError) as failed:
        expand(names)
    assert failed.value.slug == "unreadable"
    return failed.value


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("+1.5s", (True, 1_500_000_000)),
        ("+0s", (True, 0)),
        ("0", (False, 0)),
        ("1795000000.000000001", (False, 1795000000 * SECOND + 1)),
        ("1795000000.5", (False, 1795000000 * SECOND + SECOND // 2)),
        ("2026-11-18T11:06:40Z", (False, 1795000000 * SECOND)),
        (" 2026-11-18T11:06:40.123456789Z ", (False, 1795000000 * SECOND + 123456789)),
        ("2026-11-18T13:06:40.25+02:00", (False, 1795000000 * SECOND + 250_000_000)),
    ],
)
def test_a_moment_is_read_to_the_nanosecond(text: str, moment: tuple[bool, int]) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-5", "+", "2026-11-18T11:06:40", "1.0000000001", "1950-01-01T00:00:00Z", "9" * 11]
)
def test_a_moment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_moment(text)
    assert refusal(replace(PLAIN, until=text))[0] == "bad-option"


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        relative, ns = parse_moment(text)
    except ValueError:
        return
    assert isinstance(relative, bool) and ns >= 0


@given(st.integers(0, 2**33), st.integers(0, SECOND - 1))
def test_unix_seconds_are_exact(seconds: int, ns: int) -> None:
    assert parse_moment(f"{seconds}.{ns:09d}") == (False, seconds * SECOND + ns)


@pytest.mark.parametrize(
    ("changed", "form", "slug", "names"),
    [
        (replace(PLAIN, head=0), "jsonl", "bad-option", "--head"),
        (replace(PLAIN, tail=100_001), "jsonl", "bad-option", "--tail"),
        (replace(PLAIN, every=0), "jsonl", "bad-option", "--sample"),
        (replace(PLAIN, head=1, tail=1), "jsonl", "bad-option", "--tail"),
        (replace(PLAIN, ports=(65_536,)), "jsonl", "bad-option", "--port"),
        (replace(PLAIN, flow=-1), "jsonl", "bad-option", "--flow"),
        (replace(PLAIN, byte_order="little"), "jsonl", "bad-option", "struct74"),
        (replace(PLAIN, byte_order="little", dialect="rfc64"), "jsonl", "bad-option", "struct74"),
        (replace(PLAIN, messages=True), "pcap", "bad-option", "--messages"),
        (replace(PLAIN, fields=("kind",)), "pcapng", "bad-option", "--fields"),
        (replace(PLAIN, tail=1), "summary", "bad-option", "--tail"),
        (replace(PLAIN, fields=("",)), "csv", "bad-option", "empty"),
        (replace(PLAIN, fields=("kind", "kind")), "csv", "bad-option", "twice"),
        (replace(PLAIN, fields=("knid",)), "csv", "unknown-name", "knid"),
        (replace(PLAIN, fields=("state",)), "csv", "unknown-name", "state"),
        (replace(PLAIN, where="priority >"), "csv", "bad-filter", "character 11"),
        (replace(PLAIN, where=""), "csv", "bad-filter", "empty"),
        (replace(PLAIN, where="state == complete"), "csv", "bad-filter", "state"),
    ],
)
def test_a_wrong_option_is_named(changed: DecodeOptions, form: Form, slug: str, names: str) -> None:
    found, message = refusal(changed, form)
    assert found == slug
    assert names in message


def test_a_name_that_is_nearly_a_column_brings_it_up_and_another_the_list() -> None:
    hints = []
    for field in ("prioriti", "xyzzy"):
        with pytest.raises(RttpError) as failed:
            request(replace(PLAIN, fields=(field,)), "csv")
        hints.append(failed.value.hint)
    assert hints == ["did you mean `priority`?", "see `rttp decode --columns`"]


def test_the_place_in_a_filter_is_pointed_at_however_long_it_is() -> None:
    long = "priority >= 1 and " * 40 + "prio == 2"
    with pytest.raises(RttpError) as failed:
        request(replace(PLAIN, where=long, flow=3), "csv")
    shown, pointer = failed.value.details
    assert shown[pointer.index("^") :][: pointer.count("^")] == "prio"
    assert f"character {long.index('prio ==') + 1}:" in failed.value.message, "counted in what was typed"


def test_a_flow_goes_with_a_filter_as_a_whole() -> None:
    asked = request(replace(PLAIN, flow=3, where="kind == PING or kind == PONG"), "jsonl")
    filtered = asked["filter"]
    assert filtered is not None
    assert " ".join(filtered.split()) == "flow == 3 and ( kind == PING or kind == PONG )"
    assert request(replace(PLAIN, flow=3), "jsonl")["filter"] == "flow == 3"


def test_what_is_kept_follows_from_the_form() -> None:
    assert request(PLAIN, "jsonl")["keep"] == "head"
    assert request(replace(PLAIN, payload=True), "parquet")["keep"] == "payload"
    assert request(replace(PLAIN, fields=("packet", "payload")), "csv")["keep"] == "payload"
    assert request(PLAIN, "pcapng")["keep"] == "packet"


def test_the_struct_dumped_on_x86_is_a_dialect_of_its_own() -> None:
    asked = request(replace(PLAIN, dialect="struct74", byte_order="little"), "jsonl")
    assert asked["dialect"] == "struct74-little"


def test_every_column_may_be_asked_for() -> None:
    for messages in (False, True):
        names = tuple(row["name"] for row in columns(messages=messages))
        assert request(replace(PLAIN, messages=messages, fields=names), "csv")["fields"] == list(names)


def test_patterns_find_files_once_each_and_know_their_bytes(tmp_path: Path) -> None:
    for name, size in (("b.pcap", 3), ("a.pcap", 4), ("a[1].pcap", 5)):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "d.pcap").mkdir()
    a, b, odd = (str(tmp_path / name) for name in ("a.pcap", "b.pcap", "a[1].pcap"))
    assert expand([f"{tmp_path}/?.pcap", a]) == ((a, b), 7)
    assert expand([odd]) == ((odd,), 5), "a file that is there is no pattern"
    assert expand([b, a]) == ((b, a), 7), "in the order given"
    assert expand(["-", a]) == (("-", a), None)
    assert expand(["/dev/null"]) == (("/dev/null",), None)


def test_what_is_no_capture_is_named_before_anything_is_read(tmp_path: Path) -> None:
    assert "no file matches" in unreadable([f"{tmp_path}/*.pcap"]).message
    folder = unreadable([str(tmp_path)])
    assert "is a folder" in folder.message and "*.pcap" in folder.hint
    assert "no such file" in unreadable([str(tmp_path / "none")]).message
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    assert "no such file" in unreadable([str(tmp_path / "dangling")]).message


def test_a_pulse_in_hex_is_sent_to_the_command_that_reads_it() -> None:
    assert "rttp header decode" in unreadable(["01 80" * 32]).hint


def test_a_name_that_is_not_utf_8_is_refused_with_a_way_around(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.pcap"
    Path(os.fsdecode(name)).write_bytes(b"")
    error = unreadable([os.fsdecode(name)])
    assert "not UTF-8" in error.message and "decode -" in error.hint
