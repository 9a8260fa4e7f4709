"""Finding rows in the core's dialect tables."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rttp_cli import _core
from rttp_cli.errors import RttpError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rttp_cli._core import FieldRow, Layout


@cache
def layouts() -> list[Layout]:
    """All dialects, the default first."""
    return _core.layouts()


def layout(name: str, byte_order: str = "big") -> Layout:
    """One dialect. Raises `RttpError` unknown-name."""
    for found in layouts():
        if found["name"] == name and found["byte_order"] == byte_order:
            return found
    names = list(dict.fromkeys(d["name"] for d in layouts()))
    if name in names:
        raise RttpError("unknown-name", f"`{name}` is only big-endian", "leave out --byte-order")
    raise unknown("dialect", name, names)


def field(table: Layout, name: str) -> FieldRow:
    """One row. Raises `RttpError` unknown-name."""
    wanted = name.replace("-", "_")
    for row in table["fields"]:
        if row["name"] == wanted:
            return row
    raise unknown(f"field of {table['name']}", name, [row["name"] for row in table["fields"]])


def unknown(what: str, name: str, names: Iterable[str]) -> RttpError:
    """The error for a name that is not in a list, with the nearest one that is."""
    from difflib import get_close_matches

    names = list(names)
    near = get_close_matches(name.upper() if names and names[0].isupper() else name, names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "one of " + ", ".join(names)
    shown = name if len(name) <= 60 else name[:60] + "…"
    return RttpError("unknown-name", f"no {what} is named `{shown}`", hint)
