"""One pulse as a value: what a datagram holds, good or not, and the way back to its bytes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.wire.layout import TAG_LENGTH, byte_orders, dialect_names, find_layout, row_at, row_of
from rttp_cli.wire.values import Value

if TYPE_CHECKING:
    from rttp_cli._core import ByteOrder, Layout, Reject

Ground = Literal["asked", "magic", "rules", "guess", "none"]
"""Why a pulse was read as its dialect (`RTTP-1.6`); `none`: it fits no dialect and is shown as the default one."""

MAX_DATAGRAM = 65_507
"""Largest UDP payload, bytes (`RTTP-1.10`)."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A datagram read by a dialect's table.

    `fields` has the rows that are there, in table order. What follows the last of them is the payload (of a truncated
    datagram also the piece of a field that was cut), without the tag of a good sealed pulse.
    """

    dialect: str
    byte_order: "ByteOrder"
    fields: Mapping[str, Value]
    payload: bytes
    tag: bytes
    reject: "Reject | None"
    ground: Ground

    @staticmethod
    def parse(data: bytes, dialect: str | None = None, byte_order: str = "big", strict: bool = False) -> "Pulse":
        """Reads a datagram; a bad one is a value with its `reject`, not an exception.

        Without a dialect it is detected (`RTTP-1.6`), where `strict` never guesses; little-endian order alone asks for
        the dialect that has it. Raises `RttpError` for an unknown dialect or byte order.
        """
        ground: Ground = "asked"
        if dialect is None and byte_order != "big":
            dialect = next((d for d in dialect_names() if byte_order in byte_orders(d)), dialect_names()[0])
        if dialect is None:
            found = _core.detect(data, strict)
            if isinstance(found, tuple):
                dialect, byte_order, ground = found
            else:
                dialect, ground = dialect_names()[0], "none"
        layout = find_layout(dialect, byte_order)
        parsed = _core.parse(data, dialect, byte_order)
        start = _end_of_rows(layout, parsed.fields)
        end = len(data) - parsed.tag_length
        return Pulse(
            dialect=dialect,
            byte_order=layout["byte_order"],
            fields=MappingProxyType(parsed.fields),
            payload=data[start:end],
            tag=data[end:],
            reject=parsed.reject,
            ground=ground,
        )

    @property
    def header_length(self) -> int:
        """Bytes before the payload."""
        return _end_of_rows(find_layout(self.dialect, self.byte_order), self.fields)

    @property
    def length(self) -> int:
        """The whole datagram, bytes."""
        return self.header_length + len(self.payload) + len(self.tag)

    def emit(self) -> bytes:
        """The datagram; `emit(parse(x)) == x` for any bytes, also for those that are cut off."""
        header = _core.emit(_for_core(self.fields), self.dialect, self.byte_order)
        return header[: self.header_length] + self.payload + self.tag

    def objection(self) -> str | None:
        """Why a receiver would refuse it, or why it is not what its builder means; `None` for a good pulse."""
        if self.reject is not None:
            return f"{self.reject.slug} at offset {self.reject.offset}{self._field()}: {self.reject.meaning}"
        if self.length > MAX_DATAGRAM:
            return f"oversized at offset {MAX_DATAGRAM}: it has {self.length} bytes, expected at most {MAX_DATAGRAM}"
        sealed = "SEALED" in self._flags()
        if sealed and not self.tag:
            return f"the flag SEALED is set, but there is no tag of {TAG_LENGTH} bytes"
        if self.tag and not sealed:
            return "there is a tag, but the flag SEALED is not set: receivers take the tag for payload"
        if self.tag and len(self.tag) != TAG_LENGTH:
            return f"the tag has {len(self.tag)} bytes, expected {TAG_LENGTH}"
        return None

    def _flags(self) -> list[str]:
        row = row_of(find_layout(self.dialect, self.byte_order), "flags")
        value = self.fields.get("flags")
        return [n for n, bit in row["names"].items() if isinstance(value, int) and value & bit] if row else []

    def _field(self) -> str:
        row = row_at(find_layout(self.dialect, self.byte_order), self.reject.offset) if self.reject else None
        return f", field `{row['name']}`" if row else ""


def build(
    values: Mapping[str, Value],
    payload: bytes = b"",
    dialect: str = "rttp1",
    byte_order: str = "big",
    *,
    tag: bytes = b"",
    now_ns: int | None = None,
) -> Pulse:
    """A pulse of the given values, the table's defaults for the rest, and judged (see `objection`), not refused.

    `now_ns` (Unix time, by default the clock's) fills fields whose default is the time of building.
    Raises `RttpError` unknown-name, bad-option, bad-value.
    """
    layout = find_layout(dialect, byte_order)
    now_ns = time.time_ns() if now_ns is None else now_ns
    try:
        header = _core.emit(_for_core(values), dialect, byte_order, now_ns=now_ns)
    except _core.EmitError as error:
        raise RttpError("bad-value", str(error)) from None
    parsed = _core.parse(header + payload + tag, dialect, byte_order)
    return Pulse(
        dialect=dialect,
        byte_order=layout["byte_order"],
        fields=MappingProxyType(parsed.fields),
        payload=payload,
        tag=tag,
        reject=parsed.reject,
        ground="asked",
    )


def _end_of_rows(layout: "Layout", fields: Mapping[str, Value]) -> int:
    return max((row["offset"] + row["size"] for row in layout["fields"] if row["name"] in fields), default=0)


def _for_core(values: Mapping[str, Value]) -> dict[str, Value]:
    """Text fields hold one byte a character; the core would write them as UTF-8."""
    return {name: value.encode("latin-1") if isinstance(value, str) else value for name, value in values.items()}
