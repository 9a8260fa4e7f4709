"""One pulse as a value."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.wire import tables, values

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PULSE = 65_507
TAG = 16
"""Bytes of the authentication tag of a sealed `rttp1` pulse."""


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """A datagram read by a dialect's table.

    `data` is the whole datagram; `fields` the rows that are in it, in table order, numbers as `int`, the rest as
    `bytes` or `str`. A bad datagram is a pulse with a `reject`: what is there is still in `fields`.
    """

    dialect: str
    byte_order: str
    ground: str
    """Why this dialect: `asked`, `magic`, `rules` or `guess`."""
    data: bytes
    fields: Mapping[str, values.Value]
    reject: _core.Reject | None
    header_length: int
    tag_length: int
    layout: _core.Layout = field(repr=False)
    as_rttp1: _core.Reject | None = None
    """What the default dialect says of a datagram whose dialect is a guess."""

    @classmethod
    def parse(cls, data: bytes, dialect: str | None = None, byte_order: str = "big", *, strict: bool = False) -> Pulse:
        """Reads a datagram; without `dialect` it is found (`RTTP-1.6`), and guessed only if not `strict`.

        `byte_order` little alone means the one dialect that has it, `struct74`. Raises `RttpError` unknown-name for a
        dialect that is none.
        """
        ground = "asked"
        if dialect is None and byte_order == "little":
            dialect = "struct74"
        if dialect is None:
            found = _core.detect(data, strict)
            if isinstance(found, _core.Reject):
                dialect, byte_order, ground = "rttp1", "big", "default"
            else:
                dialect, byte_order, ground = found
        table = tables.layout(dialect, byte_order)
        parsed = _core.parse(data, dialect, byte_order)
        return cls(
            dialect=dialect,
            byte_order=byte_order,
            ground=ground,
            data=data,
            fields=parsed.fields,
            reject=parsed.reject,
            header_length=parsed.header_length,
            tag_length=parsed.tag_length,
            layout=table,
            as_rttp1=_core.parse(data).reject if ground == "guess" else None,
        )

    @property
    def payload(self) -> bytes:
        """Everything between header and tag."""
        return self.data[self.header_length : len(self.data) - self.tag_length]

    @property
    def tag(self) -> bytes:
        """The authentication tag, empty when there is none."""
        return self.data[len(self.data) - self.tag_length :]

    def rows(self) -> list[tuple[_core.FieldRow, values.Value]]:
        """Rows with their values, in table order."""
        return [(row, self.fields[row["name"]]) for row in self.layout["fields"] if row["name"] in self.fields]

    def to_json(self) -> dict[str, Any]:
        """The pulse as a JSON-able object; `fields` reads back with `build`."""
        document: dict[str, Any] = {
            "dialect": self.dialect,
            "byte_order": self.byte_order,
            "ground": self.ground,
            "length": len(self.data),
            "fields": {row["name"]: values.to_json(row, value) for row, value in self.rows()},
            "payload": self.payload.hex(),
        }
        if self.dialect == "rttp1" and {"seq_id", "fragment_index"} <= self.fields.keys():
            # RTTP-2.3: the message's id needs no field.
            document["message_id"] = (int(self.fields["seq_id"]) - int(self.fields["fragment_index"])) & 0xFFFF_FFFF
        if self.tag:
            document["tag"] = self.tag.hex()
        document["reject"] = self.reject and {"slug": self.reject.slug, "offset": self.reject.offset}
        if self.as_rttp1:
            document["as_rttp1"] = {"slug": self.as_rttp1.slug, "offset": self.as_rttp1.offset}
        return document


def build(
    given: Mapping[str, object],
    payload: bytes = b"",
    tag: bytes = b"",
    *,
    dialect: str = "rttp1",
    byte_order: str = "big",
    now_ns: int | None = None,
    unchecked: bool = False,
) -> Pulse:
    """A pulse from field values (see `values.parse`), with the table's defaults for the rest.

    For `rttp1`, `type` sets `flags` and `kind` together. Unless `unchecked`, a pulse that breaks a rule of its dialect
    is refused. Raises `RttpError`.
    """
    table = tables.layout(dialect, byte_order)
    numbers: dict[str, values.Value] = {}
    for name, value in given.items():
        if name == "type" and dialect == "rttp1":
            both = values.parse({**tables.field(table, "seq_id"), "name": "type", "size": 2}, value)
            numbers["flags"], numbers["kind"] = divmod(int(both), 256)
        else:
            numbers[tables.field(table, name)["name"]] = values.parse(tables.field(table, name), value)
    try:
        header = _core.emit(numbers, dialect, byte_order, now_ns=time.time_ns() if now_ns is None else now_ns)
    except _core.EmitError as error:
        raise RttpError("bad-value", str(error)) from None
    pulse = Pulse.parse(header + payload + tag, dialect, byte_order)
    if unchecked:
        return pulse
    if pulse.reject:
        raise RttpError("bad-pulse", describe(pulse), "use --unchecked to build it all the same")
    if len(tag) != pulse.tag_length:
        expected = f"{pulse.tag_length} bytes, as the flag SEALED says" if pulse.tag_length else "no tag without SEALED"
        raise RttpError("bad-value", f"the tag has {len(tag)} bytes, expected {expected}")
    return pulse


def describe(pulse: Pulse) -> str:
    """Where a pulse breaks which rule, in one line."""
    reject = pulse.reject
    if reject is None:
        return "the pulse is good"
    row = next(
        (r for r in pulse.layout["fields"] if r["offset"] <= reject.offset < r["offset"] + r["size"]),
        None,
    )
    where = f" (`{row['name']}`)" if row and reject.slug not in ("truncated", "oversized", "amplification") else ""
    return f"{reject.slug} at offset {reject.offset}{where} of {len(pulse.data)} bytes: {reject.meaning}"
