"""Field values: from text as people write it, into JSON, into words. The table says what a field takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rttp_cli.errors import RttpError
from rttp_cli.wire.tables import unknown

if TYPE_CHECKING:
    from rttp_cli._core import FieldRow

Value = int | bytes | str


def parse(row: FieldRow, given: object) -> Value:
    """A field's value from text or from a JSON or YAML scalar (or list of flag names).

    Numbers: decimal, 0x, 0b, 0o, with underscores; names of the field's enumeration, in any case; flags joined by `|`,
    `,` or `+`; `now` for timestamps. Bytes: hex, blanks and colons allowed. Raises `RttpError`.
    """
    name = row["name"]
    if isinstance(given, bool) or given is None:
        raise RttpError("bad-value", f"`{name}` is {given}, expected {wanted(row)}")
    if isinstance(given, int) and abs(given) >= 1 << 130:
        raise RttpError("bad-value", f"`{name}` is a number of over 130 bits, expected {wanted(row)}")
    if isinstance(given, list):
        if not all(isinstance(g, str) or (isinstance(g, int) and 0 <= g < 1 << 130) for g in given):
            raise RttpError("bad-value", f"`{name}` is a list of other than names and numbers, expected {wanted(row)}")
        given = "|".join(str(g) for g in given)
    if row["type"] == "uint":
        number = given if isinstance(given, int) else _number(row, str(given).strip())
        most = (1 << 8 * row["size"]) - 1
        if not 0 <= number <= most:
            shown = f"{number}" if abs(number) < 1 << 130 else "a number of over 130 bits"
            raise RttpError("bad-value", f"`{name}` is {shown}, expected 0 to {most}")
        return number
    if not isinstance(given, str):
        raise RttpError("bad-value", f"`{name}` is {_short(repr(given))}, expected {wanted(row)}")
    return _text(row, given) if row["type"] == "text" else _bytes(row, given)


def wanted(row: FieldRow) -> str:
    """What a field takes, in words."""
    if row["type"] == "text":
        return f"at most {row['size']} characters"
    if row["type"] == "bytes":
        return f"{row['size']} bytes in hex"
    names = f" or {', '.join(row['names'])}" if row["names"] else ""
    return f"0 to {(1 << 8 * row['size']) - 1}{names}"


def _number(row: FieldRow, text: str) -> int:
    if text.lower() == "now" and row["default"] == "now":
        return time.time_ns()
    if row["rule"] == "bits":
        parts = [p.strip() for p in text.replace(",", "|").replace("+", "|").split("|")]
        number = 0
        for part in parts if text else []:
            number |= _one(row, part)
        return number
    return _one(row, text)


def _one(row: FieldRow, text: str) -> int:
    named = row["names"].get(text.upper().replace("-", "_"))
    if named is not None:
        return named
    digits = text[1:] if text[:1] in "+-" else text
    if not digits[:1].isdigit():
        if row["names"]:
            raise unknown(row["name"].removesuffix("s"), text, row["names"])
        raise RttpError("bad-value", f"`{row['name']}` is `{_short(text)}`, expected {wanted(row)}")
    try:
        # A decimal of thousands of digits is refused by Python itself, with a ValueError.
        return int(text, 0 if digits[:2].lower() in ("0x", "0b", "0o") else 10)
    except ValueError:
        raise RttpError("bad-value", f"`{row['name']}` is `{_short(text)}`, expected {wanted(row)}") from None


def _bytes(row: FieldRow, text: str) -> bytes:
    digits = text.strip().removeprefix("0x").replace(" ", "").replace(":", "")
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        raise RttpError("bad-value", f"`{row['name']}` is `{_short(text)}`, expected {wanted(row)}") from None
    if len(value) != row["size"]:
        raise RttpError("bad-value", f"`{row['name']}` has {len(value)} bytes, expected {row['size']}")
    return value


def _text(row: FieldRow, text: str) -> str:
    if len(text) > row["size"] or any(ord(c) > 255 for c in text):
        raise RttpError("bad-value", f"`{row['name']}` is `{_short(text)}`, expected {wanted(row)}")
    return text


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"


def names_of(row: FieldRow, value: Value) -> list[str]:
    """The names of a value: one for an enumeration, one for each set flag, none for what has no name."""
    if not isinstance(value, int) or not row["names"]:
        return []
    if row["rule"] == "bits":
        return [name for name, bit in row["names"].items() if value & bit]
    return [name for name, number in row["names"].items() if number == value]


def to_json(row: FieldRow, value: Value) -> Any:
    """Numbers as numbers, enumerations by name, flags as a list of names, bytes as hex.

    What has no name stays a number; `parse` reads every one of these back.
    """
    if isinstance(value, bytes):
        return value.hex()
    if row["rule"] == "bits" and isinstance(value, int):
        known = sum(row["names"].values())
        rest = [hex(value & ~known)] if value & ~known else []
        return names_of(row, value) + rest
    names = names_of(row, value)
    return names[0] if names else value


def to_text(value: Value) -> str:
    """The value as the wire has it: numbers in decimal, bytes in hex, text as it is."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, int) else ascii(value)[1:-1]


def meaning(row: FieldRow, value: Value) -> str:
    """What a value says to people: names, a date, a repaired reading; else empty."""
    if isinstance(value, int):
        if row["name"] == "timestamp_ns" and 0 < value < 1 << 63:
            seconds, ns = divmod(value, 10**9)
            return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}.{ns:09} UTC"
        names = names_of(row, value)
        if names:
            return " ".join(names)
        if row["size"] in (2, 4) and row["names"] == {} and value > 9:
            return hex(value)
    elif isinstance(value, bytes) and value and not any(value):
        return "all zero"
    return ""
