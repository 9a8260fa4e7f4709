"""Texts and document values to field values, by the table; and back into what JSON can hold."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rttp_cli.errors import RttpError
from rttp_cli.wire.layout import find_layout, row_at, row_of, shown, unknown

if TYPE_CHECKING:
    from rttp_cli._core import FieldRow, Layout, Reject
    from rttp_cli.wire.pulse import Pulse

Value = int | bytes | str

_NUMBER = re.compile(
    r"0[xX](?P<hex>_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)|0[bB](?P<bin>_?[01]+(?:_[01]+)*)|(?P<dec>[0-9]+(?:_[0-9]+)*)"
)
_LONGEST_NUMBER = 300
"""Characters; 128 bits written with an underscore after every digit need fewer."""
_MARKS = re.compile(r"(?<![0-9a-fA-F])0[xX]|\\x|[\s:,-]")
_HEX = re.compile(r"[0-9a-fA-F]*")


def parse_values(layout: "Layout", given: Mapping[str, object], now_ns: int) -> dict[str, Value]:
    """Field values of a mapping of names to texts, numbers or lists of flag names.

    Where the dialect has `flags` and `kind` but no `type`, the name `type` sets both (`RTTP-1.2`).
    Raises `RttpError` unknown-name, bad-value.
    """
    values: dict[str, Value] = {}
    for name, value in given.items():
        row = row_of(layout, name)
        if row is not None:
            values[name] = parse_value(row, value, now_ns)
        elif name == "type" and has_type(layout):
            if "flags" in given or "kind" in given:
                raise RttpError("bad-value", "`type` is `flags` and `kind` together: give the one or the others")
            number = _number(name, value, 0xFFFF)
            values |= {"flags": number >> 8, "kind": number & 0xFF}
        else:
            raise unknown(f"field in `{layout['name']}`", name, (r["name"] for r in layout["fields"]))
    return values


def has_type(layout: "Layout") -> bool:
    """Whether `type` stands for the two octets `flags` and `kind` (`RTTP-1.2`)."""
    return not row_of(layout, "type") and bool(row_of(layout, "flags") and row_of(layout, "kind"))


def parse_value(row: "FieldRow", value: object, now_ns: int) -> Value:
    """One field's value: a number, a name, `now`, hex, or text, as the row's type wants it.

    Raises `RttpError` unknown-name, bad-value.
    """
    name = row["name"]
    if row["type"] == "bytes":
        return _bytes(name, value, row["size"])
    if row["type"] == "text":
        return _text(name, value, row["size"])
    largest = (1 << (8 * row["size"])) - 1
    if row["rule"] == "bits":
        return _bits(row, value, largest)
    if isinstance(value, str) and value.strip().lower() == "now" and row["default"] == "now":
        return now_ns & largest
    if row["rule"] == "one-of" and isinstance(value, str):
        return _named(row, value.strip(), largest)
    return _number(name, value, largest)


def _named(row: "FieldRow", word: str, largest: int) -> int:
    wanted = word.upper().replace("-", "_")
    if wanted in row["names"]:
        return row["names"][wanted]
    if word[:1].isalpha():
        raise unknown(f"name for `{row['name']}`", word, row["names"])
    return _number(row["name"], word, largest)


def _bits(row: "FieldRow", value: object, largest: int) -> int:
    if isinstance(value, str):
        words: list[object] = [word for word in re.split(r"[\s,|+]+", value) if word]
        if not words:
            raise RttpError("bad-value", f"`{row['name']}` is empty, expected names, a number or 0")
    else:
        words = value if isinstance(value, list) else [value]
    bits = 0
    for word in words:
        bits |= _named(row, word, largest) if isinstance(word, str) else _number(row["name"], word, largest)
    return bits


def _number(name: str, value: object, largest: int) -> int:
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value.strip()) if len(value) <= _LONGEST_NUMBER else None
        if found is None:
            raise RttpError("bad-value", f"`{name}` is `{shown(value)}`, expected a number from 0 to {largest}")
        base = {"hex": 16, "bin": 2, "dec": 10}[found.lastgroup or "dec"]
        number = int((found[found.lastgroup or 0]).replace("_", ""), base)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise RttpError("bad-value", f"`{name}` is {_kind(value)}, expected a number from 0 to {largest}")
    if not 0 <= number <= largest:
        # Hex digits have no limit; a number of thousands of decimal digits cannot even be shown.
        found_text = str(number) if number.bit_length() <= 256 else "a number of more than 256 bits"
        raise RttpError("bad-value", f"`{name}` is {found_text}, expected 0 to {largest}")
    return number


def _bytes(name: str, value: object, size: int) -> bytes:
    if isinstance(value, bytes):
        found = value
    elif isinstance(value, str):
        found = parse_hex(value, f"`{name}`", "bad-value")
    else:
        raise RttpError(
            "bad-value", f"`{name}` is {_kind(value)}, expected {2 * size} hex digits", "put the digits in quotes"
        )
    if len(found) != size:
        raise RttpError("bad-value", f"`{name}` has {len(found)} bytes, expected {size} ({2 * size} hex digits)")
    return found


def _text(name: str, value: object, size: int) -> str:
    if not isinstance(value, str):
        raise RttpError("bad-value", f"`{name}` is {_kind(value)}, expected text")
    if any(ord(c) > 0xFF for c in value):
        raise RttpError("bad-value", f"`{name}` is `{shown(value)}`, expected one byte a character")
    if len(value) > size:
        raise RttpError("bad-value", f"`{name}` has {len(value)} bytes, expected at most {size}")
    return value


def _kind(value: object) -> str:
    """A document value's type in the document's words."""
    words = {bool: "true or false", float: "a number with a point", list: "a list", dict: "an object", int: "a number"}
    return "null" if value is None else words.get(type(value), type(value).__name__)


def parse_hex(text: str, what: str = "the text", slug: str = "bad-encoding") -> bytes:
    r"""Bytes of hex digits, with or without blanks, colons, commas, dashes, `0x` and `\x` between whole bytes.

    Raises `RttpError` of the given slug; it says where in the text.
    """
    # Marks become as many blanks, so that offsets stay those of the text.
    digits = _MARKS.sub(lambda mark: " " * len(mark[0]), text)
    words = digits.split()
    for word in words:
        at = _HEX.match(word).end()  # type: ignore[union-attr]
        if at != len(word):
            at += digits.index(word)
            raise RttpError(slug, f"{what} is not hex: found `{shown(text[at])}` at character {at}")
    if len(words) == 1 and len(words[0]) % 2:
        raise RttpError(slug, f"{what} has {len(words[0])} hex digits, expected an even number")
    for word in words:
        if len(word) % 2:
            raise RttpError(slug, f"{what} has half a byte: `{shown(word)}` at character {digits.index(word)}")
    return bytes.fromhex("".join(words))


def names_of(row: "FieldRow", value: Value) -> str | list[str] | None:
    """The name of a value (`one-of`, `None` if it has none) or of its bits (`bits`; bits without a name as hex)."""
    if not isinstance(value, int):
        return None
    if row["rule"] == "one-of":
        return next((name for name, number in row["names"].items() if number == value), None)
    if row["rule"] == "bits":
        found = [name for name, bit in row["names"].items() if value & bit]
        rest = value & ~sum(row["names"].values())
        return [*found, *([f"{rest:#x}"] if rest else [])]
    return None


def as_json(pulse: "Pulse") -> dict[str, Any]:
    """A pulse as JSON holds it: numbers as numbers, bytes as hex, names of kinds and flags beside the numbers.

    `rttp header build --fields` reads it back.
    """
    layout = find_layout(pulse.dialect, pulse.byte_order)
    named = {row["name"]: names_of(row, pulse.fields[row["name"]]) for row in layout["fields"] if _has_names(row, pulse)}
    return {
        "dialect": pulse.dialect,
        "byte_order": pulse.byte_order,
        "ground": pulse.ground,
        "length": pulse.length,
        "hex": pulse.emit().hex(),
        "fields": {name: value.hex() if isinstance(value, bytes) else value for name, value in pulse.fields.items()},
        "names": named,
        "payload": pulse.payload.hex(),
        "tag": pulse.tag.hex(),
        "reject": None if pulse.reject is None else reject_json(layout, pulse.reject),
    }


def reject_json(layout: "Layout", reject: "Reject") -> dict[str, Any]:
    """A reject with the field that its offset falls into."""
    row = row_at(layout, reject.offset)
    return {
        "slug": reject.slug,
        "offset": reject.offset,
        "field": None if row is None else row["name"],
        "meaning": reject.meaning,
    }


def _has_names(row: "FieldRow", pulse: "Pulse") -> bool:
    return bool(row["names"]) and row["name"] in pulse.fields
