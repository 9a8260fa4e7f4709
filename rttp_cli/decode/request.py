"""What is decoded and how: options checked before a byte is read."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.units import parse_duration_ns
from rttp_cli.wire.tables import unknown

Form = Literal["table", "json", "jsonl", "csv", "summary", "parquet", "arrow", "pcap", "pcapng"]

DEFAULT_PORT = 21076
LONGEST_TAIL = 100_000
_GLOB = re.compile(r"[*?\[]")
_FRACTION = re.compile(r"\.(\d+)")


@dataclass(frozen=True)
class DecodeOptions:
    """What is asked of captures."""

    captures: tuple[str, ...]
    """Paths, `-`, or interfaces if `live`."""
    live: bool = False
    follow: bool = False
    ports: tuple[int, ...] | None = (DEFAULT_PORT,)
    """`None` for any port."""
    dialect: str | None = None
    byte_order: str = "big"
    strict: bool = False
    where: str | None = None
    """A filter."""
    flow: int | None = None
    """Rows of this flow alone, of those that the filter passes."""
    messages: bool = False
    fields: tuple[str, ...] | None = None
    payload: bool = False
    every: int = 1
    head: int | None = None
    tail: int | None = None
    since: str | None = None
    until: str | None = None


def request(options: DecodeOptions, form: Form) -> _core.DecodeAsked:
    """The options as the core takes them. Raises `RttpError` usage, bad-option, unknown-name or bad-filter."""
    names = [row["name"] for row in columns(messages=options.messages)]
    _check_fields(options.fields or (), names)
    _check_numbers(options)
    _check_together(options, form)
    payload = options.payload or "payload" in (options.fields or ())
    return {
        "captures": list(options.captures),
        "live": options.live,
        "follow": options.follow,
        "ports": None if options.ports is None else list(options.ports),
        "dialect": "struct74-little" if options.byte_order == "little" else options.dialect,
        "strict": options.strict,
        "filter": _where(options),
        "messages": options.messages,
        "gather": "all" if options.messages else "fragmented" if form == "summary" else "no",
        "fields": None if options.fields is None else list(options.fields),
        "keep": "packet" if form in ("pcap", "pcapng") else "payload" if payload else "head",
        "every": options.every,
        "head": options.head,
        "tail": options.tail,
        "since": None if options.since is None else _moment("since", options.since),
        "until": None if options.until is None else _moment("until", options.until),
    }


def _where(options: DecodeOptions) -> str | None:
    """The filter, and the flow as a part of it."""
    if options.where is not None:
        _check_filter(options.where, messages=options.messages)
    if options.flow is None:
        return options.where
    flow = f"flow == {options.flow}"
    return flow if options.where is None else f"{flow} and (\n{options.where}\n)"


def _check_numbers(options: DecodeOptions) -> None:
    for name, value, least, most in (
        ("flow", options.flow, 0, 2**32 - 1),
        ("sample", options.every, 1, 10**12),
        ("head", options.head, 1, 2**63),
        ("tail", options.tail, 1, LONGEST_TAIL),
        *(("port", port, 0, 65535) for port in options.ports or ()),
    ):
        if value is not None and not least <= value <= most:
            raise RttpError("bad-option", f"`--{name}` is {value}, expected {least} to {most:,}")


def _check_together(options: DecodeOptions, form: Form) -> None:
    if options.head is not None and options.tail is not None:
        raise RttpError("bad-option", "`--head` and `--tail` do not go together")
    no_rows = {
        "pcap": "a capture holds packets",
        "pcapng": "a capture holds packets",
        "summary": "a summary has no rows",
    }
    if form in no_rows and (options.messages or options.fields or options.tail):
        raise RttpError("bad-option", f"{no_rows[form]}: leave out --messages, --fields and --tail")
    if options.follow and len(options.captures) > 1:
        raise RttpError("bad-option", "`--follow` takes one capture: a silent one would hold up the others")
    if options.byte_order == "little" and options.dialect != "struct74":
        raise RttpError("bad-option", "`--byte-order little` is for `--dialect struct74` alone")


def columns(*, messages: bool) -> list[_core.ColumnRow]:
    """All columns of pulses or of messages."""
    return _core.decode_columns(messages)


def _check_fields(fields: Sequence[str], names: list[str]) -> None:
    for i, field in enumerate(fields):
        if not field:
            raise RttpError("bad-option", "`--fields` has an empty name", "such as --fields packet,kind,seq_id")
        if field not in names:
            error = unknown("column", field, names)
            near = error.hint.startswith("did you mean")
            raise RttpError(error.slug, error.message, error.hint if near else "see `rttp decode --columns`")
        if field in fields[:i]:
            raise RttpError("bad-option", f"`--fields` has `{field}` twice")


def _check_filter(text: str, *, messages: bool) -> None:
    wrong = _core.check_filter(text, messages)
    if wrong is None:
        return
    at, length, message, hint = wrong
    # A long filter is cut so that the place stays in view.
    start = max(0, at - 60)
    shown = text[start : at + max(length, 1) + 20].replace("\n", " ")
    pointer = " " * (at - start) + "^" * max(1, min(length, 60))
    raise RttpError(
        "bad-filter",
        f"`--filter`, character {at + 1}: {message}",
        hint or "see `rttp decode --columns` for every field",
        details=(shown, pointer),
    )


def _moment(option: str, text: str) -> tuple[bool, int]:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise RttpError("bad-option", f"`--{option}`: {error}") from None


def parse_moment(text: str) -> tuple[bool, int]:
    """A moment of a capture: `+1.5s` after its first packet, or RFC 3339 or Unix seconds; ns. Raises `ValueError`."""
    text = text.strip()
    if text.startswith("+"):
        return True, parse_duration_ns(text[1:])
    if re.fullmatch(r"\d{1,10}(\.\d{1,9})?", text):
        whole, _, fraction = text.partition(".")
        return False, int(whole) * 10**9 + int(fraction.ljust(9, "0"))
    # datetime has microseconds: the fraction is taken apart and put back as ns.
    behind = _FRACTION.search(text)
    try:
        at = datetime.fromisoformat(_FRACTION.sub("", text, count=1))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or (behind and len(behind[1]) > 9):
        expected = "+1.5s after the first packet, 2026-11-21T10:00:00Z or Unix seconds"
        raise ValueError(f"`{text}` is no moment, expected {expected}")
    seconds = int(at.timestamp())
    if not 0 <= seconds < 2**34:
        raise ValueError(f"`{text}` is not between 1970 and 2514")
    return False, seconds * 10**9 + (int(behind[1].ljust(9, "0")) if behind else 0)


def expand(names: Sequence[str]) -> tuple[tuple[str, ...], int | None]:
    """Captures by path or pattern, each once, and their bytes; `None` where that cannot be known (a pipe).

    Raises `RttpError` unreadable: nothing matches a pattern, a path is a folder or is not there.
    """
    found: dict[str, None] = {}
    for name in names:
        if name == "-" or os.path.lexists(name) or not _GLOB.search(name):
            found[name] = None
            continue
        matches = sorted(path for path in glob.glob(name, recursive=True) if not Path(path).is_dir())  # noqa: PTH207
        if not matches:
            raise RttpError("unreadable", f"no file matches `{name}`")
        found.update(dict.fromkeys(matches))
    for name in found:
        if name != "-":
            _check(Path(name))
    return tuple(found), _total(found)


def _check(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise RttpError(
            "unreadable", f"`{path}`: a name that is not UTF-8", "rename it, or `rttp decode - < FILE`"
        ) from None
    if path.is_dir():
        raise RttpError(
            "unreadable", f"`{path}` is a folder, expected a capture", f"name its captures: '{path}/*.pcap'"
        )
    if not path.exists():
        text = str(path)
        if re.fullmatch(r"(?:0x)?[0-9A-Fa-f: ]{32,}", text):
            raise RttpError(
                "unreadable", "no file of that name; it reads like a pulse in hex", "see `rttp header decode HEX`"
            )
        raise RttpError("unreadable", f"`{path}`: no such file", "check the path")
    if not os.access(path, os.R_OK):
        raise RttpError("unreadable", f"`{path}`: permission denied")


def _total(paths: Sequence[str] | dict[str, None]) -> int | None:
    total = 0
    for path in paths:
        if path == "-" or not Path(path).is_file():
            return None
        total += Path(path).stat().st_size
    return total
