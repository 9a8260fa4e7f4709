"""Rows for people: lines of 80 columns, coloured by priority. Only what is shown goes through here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from rttp_cli.units import format_bytes, format_ns

PULSE_FIELDS = (
    "file",
    "packet",
    "time_ns",
    "source",
    "source_port",
    "destination",
    "destination_port",
    "flow",
    "length",
    "captured",
    "dialect",
    "ground",
    "reject",
    "reject_offset",
    "priority",
    "flags",
    "kind",
    "seq_id",
    "sequence",
    "fragment_count",
    "fragment_index",
    "repair",
    "order",
    "missing",
    "envelope",
)
"""What the lines of pulses are made from."""
MESSAGE_FIELDS = (
    "file",
    "time_ns",
    "source",
    "source_port",
    "destination",
    "destination_port",
    "flow",
    "message_id",
    "kind",
    "priority",
    "fragment_count",
    "fragments",
    "repair",
    "repair_announced",
    "state",
    "bytes",
    "whole_after_ns",
)
"""What the lines of messages are made from."""
_CLASSES = ((224, "1;31"), (192, "33"), (128, ""), (0, "90"))
"""Least priority and its style, as bands of reports have them."""
_BOLD, _CYAN, _RED = "1", "36", "31"
_KIND_WIDTH = 8
_SEEN_FOR_WIDTHS = 200


class Lines:
    """Turns JSON lines of rows into lines of text, chunk by chunk.

    `width` is that of the terminal: what is wider is cut. Without one nothing is. `several` names the capture
    wherever another one begins.
    """

    def __init__(
        self,
        fields: Sequence[str] | None = None,
        *,
        messages: bool = False,
        several: bool = False,
        width: int | None = None,
        colour: bool = False,
    ) -> None:
        self.fields = fields
        self.messages = messages
        self.several = several
        self.width = width
        self.colour = colour
        self._start: int | None = None
        self._file: str | None = None
        self._flows: set[int] = set()
        self._widths: list[int] | None = None
        self._right: list[bool] = []

    def render(self, chunk: bytes) -> Iterator[str]:
        """Lines of a chunk of whole JSON lines, with headings where they are due."""
        rows = (json.loads(line) for line in chunk.splitlines())
        if self.fields is not None:
            yield from self._plain(self.fields, rows)
            return
        for row in rows:
            if self._start is None:
                self._start = row["time_ns"]
                yield self._paint(_BOLD, f"time 0 is {_date(self._start)}")
                yield self._paint(_BOLD, _MESSAGE_HEADING if self.messages else _PULSE_HEADING)
            if self.several and row["file"] != self._file:
                self._file = row["file"]
                yield self._paint(_CYAN, f"in {_text(self._file)}")
            yield from self._flow(row)
            yield self._message(row) if self.messages else self._pulse(row)

    def _flow(self, row: dict[str, Any]) -> Iterator[str]:
        """A line for each new flow, so that rows need only its number."""
        flow = row.get("flow")
        if flow is None or flow in self._flows:
            return
        self._flows.add(flow)
        ends = f"{_endpoint(row, 'source')} → {_endpoint(row, 'destination')}"
        dialect = f", {row['dialect']}" if row.get("dialect") not in (None, "rttp1") else ""
        guess = ", a guess" if row.get("ground") == "guess" else ""
        yield self._paint(_CYAN, f"flow {flow}: {ends}{dialect}{guess}")

    def _pulse(self, row: dict[str, Any]) -> str:
        number = row.get("seq_id", row.get("sequence"))
        fragment = ""
        if row.get("fragment_count", 1) != 1 or row.get("repair"):
            fragment = f"{row.get('fragment_index')}/{row.get('fragment_count')}"
        # The line of the flow says in which byte order a struct74 is.
        kind = row.get("kind", row["dialect"].removesuffix("-little"))
        line = (
            f"{row['packet']:>6} {self._time(row):>10} {_text(row.get('flow')):>4} {_clipped(kind):<{_KIND_WIDTH}} "
            f"{_text(row.get('priority')):>3} {_text(number):>10} {fragment:>7} {row['length']:>5} "
        )
        return self._styled(row, line, self._notes(row))

    def _notes(self, row: dict[str, Any]) -> str:
        notes = []
        if "reject" in row:
            notes.append(f"{row['reject']} at {row.get('reject_offset')}")
        elif row["captured"] < row["length"] and "priority" not in row:
            notes.append("cut by the capture")
        if row.get("missing"):
            notes.append(f"{row['missing']} missing")
        if row.get("order") not in (None, "new"):
            notes.append(row["order"])
        if row.get("repair"):
            notes.append("repair")
        if row.get("ground") == "guess":
            notes.append("guess")
        if row.get("flags") not in (None, "0"):
            notes.append(row["flags"])
        if "envelope" in row:
            notes.append("JSON envelope")
        return ", ".join(notes)

    def _message(self, row: dict[str, Any]) -> str:
        parts = f"{row['fragments']}/{row['fragment_count']}"
        if row["repair_announced"]:
            parts += f"+{row['repair']}/{row['repair_announced']}"
        line = (
            f"{self._time(row):>10} {_text(row.get('flow')):>4} {row['message_id']:>10} "
            f"{_clipped(row['kind']):<{_KIND_WIDTH}} {row['priority']:>3} {parts:>13} {format_bytes(row['bytes']):>9} "
        )
        whole = row["state"] == "complete" and "whole_after_ns" in row
        return self._styled(row, line, f"{format_ns(row['whole_after_ns']):>8}" if whole else row["state"])

    def _time(self, row: dict[str, Any]) -> str:
        return f"{(row['time_ns'] - (self._start or 0)) / 1e9:.6f}"

    def _styled(self, row: dict[str, Any], cells: str, notes: str) -> str:
        line = (cells + notes).rstrip()
        if self.width is not None and len(line) > self.width:
            if "reject" in row:
                # The rule matters more than where it shows and what else there is.
                line = cells + str(row["reject"])
            if len(line) > self.width:
                line = line[: self.width - 1] + "…"
        if "reject" in row or row.get("state") == "incomplete":
            return self._paint(_RED, line)
        priority = row.get("priority")
        if priority is None:
            return line
        return self._paint(next(style for least, style in _CLASSES if priority >= least), line)

    def _paint(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.colour and style else text

    def _plain(self, fields: Sequence[str], rows: Iterator[dict[str, Any]]) -> Iterator[str]:
        """Rows of chosen columns, as wide as the first ones need; what is wider further down moves its line."""
        first: list[dict[str, Any]] = []
        if self._widths is None:
            first = list(islice(rows, _SEEN_FOR_WIDTHS))
            shown = [[_text(row.get(field)) for field in fields] for row in first]
            self._widths = [max([len(field), *(len(line[i]) for line in shown)]) for i, field in enumerate(fields)]
            self._right = [any(type(row.get(field)) is int for row in first) for field in fields]
            yield self._paint(_BOLD, self._row(fields))
        for row in chain(first, rows):
            yield self._row([_text(row.get(field)) for field in fields])

    def _row(self, cells: Sequence[str]) -> str:
        across = zip(cells, self._widths or (), self._right, strict=True)
        return "  ".join(f"{cell:>{width}}" if right else f"{cell:<{width}}" for cell, width, right in across).rstrip()


_PULSE_HEADING = (
    f"{'packet':>6} {'time s':>10} {'flow':>4} {'kind':<{_KIND_WIDTH}} {'pri':>3} {'seq':>10} {'frag':>7} {'bytes':>5}"
)
_MESSAGE_HEADING = (
    f"{'time s':>10} {'flow':>4} {'message':>10} {'kind':<{_KIND_WIDTH}} {'pri':>3} {'fragments':>13} {'bytes':>9} "
    f"{'whole in':>8}"
)


def _clipped(kind: str) -> str:
    return kind if len(kind) <= _KIND_WIDTH else kind[: _KIND_WIDTH - 1] + "…"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    text = str(value)
    # A capture decides what is in a text: nothing that a terminal would act on.
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _endpoint(row: dict[str, Any], end: str) -> str:
    address, port = row[end], row[f"{end}_port"]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _date(ns: int) -> str:
    try:
        at = datetime.fromtimestamp(ns // 10**9, UTC)
    except (OverflowError, ValueError):
        return f"{ns} ns"
    return f"{at:%Y-%m-%d %H:%M:%S}.{ns % 10**9:09d} UTC"
