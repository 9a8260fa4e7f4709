"""The core's dialect tables, looked up by name; a name that is not there gets a suggestion."""

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from rttp_cli import _core
from rttp_cli.errors import RttpError

if TYPE_CHECKING:
    from rttp_cli._core import ByteOrder, FieldRow, Layout

TAG_LENGTH = 16
"""Bytes of the tag that ends a sealed pulse (`RTTP-1.5`)."""

_SHOWN = 40


@cache
def layouts() -> Mapping[tuple[str, str], "Layout"]:
    """Every layout by dialect and byte order, the default first."""
    return {(layout["name"], layout["byte_order"]): layout for layout in _core.layouts()}


def dialect_names() -> list[str]:
    """Each dialect once, the default first."""
    return list(dict.fromkeys(name for name, _ in layouts()))


def byte_orders(dialect: str) -> list["ByteOrder"]:
    """The byte orders that a dialect has."""
    return [layout["byte_order"] for layout in layouts().values() if layout["name"] == dialect]


def find_layout(dialect: str, byte_order: str = "big") -> "Layout":
    """The table of a dialect. Raises `RttpError` unknown-name, or bad-option for a byte order it does not have."""
    if dialect not in dialect_names():
        raise unknown("dialect", dialect, dialect_names())
    if byte_order not in ("big", "little"):
        raise RttpError("bad-option", f"the byte order is `{shown(byte_order)}`, expected big or little")
    if (dialect, byte_order) not in layouts():
        raise RttpError("bad-option", f"`{dialect}` has no {byte_order}-endian form", "leave --byte-order out")
    return layouts()[dialect, byte_order]


def row_of(layout: "Layout", name: str) -> "FieldRow | None":
    """The row of a name."""
    return next((row for row in layout["fields"] if row["name"] == name), None)


def row_at(layout: "Layout", offset: int) -> "FieldRow | None":
    """The row that holds a byte, `None` behind the header."""
    return next((row for row in layout["fields"] if row["offset"] <= offset < row["offset"] + row["size"]), None)


def unknown(what: str, name: str, known: Iterable[str]) -> RttpError:
    """The error for a name that is not there, with the nearest one that is, or else all of them."""
    known = list(known)
    near = difflib.get_close_matches(name.casefold(), [k.casefold() for k in known], n=1, cutoff=0.6)
    best = next((k for k in known if near and k.casefold() == near[0]), None)
    hint = f"did you mean `{best}`?" if best else "one of: " + ", ".join(known)
    return RttpError("unknown-name", f"no {what} `{shown(name)}`", hint)


def shown(text: str) -> str:
    """A text that came from outside, fit for one line of a message: escaped and cut."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
