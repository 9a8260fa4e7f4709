"""Rows for people: lines of 80 columns, coloured by priority. Only what is shown goes through here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rttp_cli.units import format_bytes, format_ns

if TYPE_CHECKING:
    from rich.console import Console

PULSE_FIELDS = (
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
_CLASSES = ((224, "bold red"), (192, "yellow"), (128, "default"), (0, "bright_black"))
"""Least priority and its style, as bands of reports have them."""
_KIND_WIDTH = 10


class Lines:
    """Turns JSON lines of rows into lines of text, chunk by chunk."""

    def __init__(self, console: Console, fields: Sequence[str] | None, *, messages: bool) -> None:
        self.console = console
        self.fields = fields
        self.messages = messages
        self._start: int | None = None
        self._flows: set[int] = set()
        self._widths: list[int] | None = None

    def render(self, chunk: bytes) -> Iterator[str]:
        """Lines of a chunk of whole JSON lines, with headings where they are due."""
        rows = [json.loads(line) for line in chunk.splitlines()]
        if self.fields is not None:
            yield from self._plain(rows)
            return
        for row in rows:
            if self._start is None:
                self._start = row["time_ns"]
                yield self._paint("bold", f"time 0 is {_date(self._start)}")
                yield self._paint("bold", _MESSAGE_HEADING if self.messages else _PULSE_HEADING)
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
        yield self._paint("cyan", f"flow {flow}: {ends}{dialect}{guess}")

    def _pulse(self, row: dict[str, Any]) -> str:
        number = row.get("seq_id", row.get("sequence"))
        fragment = ""
        if row.get("fragment_count", 1) != 1 or row.get("repair"):
            fragment = f"{row.get('fragment_index')}/{row.get('fragment_count')}"
        kind = "json" if row["dialect"] == "json" else row.get("kind", row["dialect"])
        if len(kind) > _KIND_WIDTH:
            kind = kind[: _KIND_WIDTH - 1] + "…"
        line = (
            f"{row['packet']:>7} {self._time(row):>11} {_flow_number(row):>4} {kind:<{_KIND_WIDTH}} "
            f"{_text(row.get('priority')):>3} {_text(number):>10} {fragment:>7} {row['length']:>5} "
        )
        return self._styled(row, line + self._notes(row))

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
        if row.get("flags"):
            notes.append(row["flags"])
        if "envelope" in row:
            notes.append("JSON envelope")
        return ", ".join(notes)

    def _message(self, row: dict[str, Any]) -> str:
        parts = f"{row['fragments']}/{row['fragment_count']}"
        if row["repair_announced"]:
            parts += f"+{row['repair']}/{row['repair_announced']}"
        whole = format_ns(row["whole_after_ns"]) if "whole_after_ns" in row else "-"
        kind = row["kind"] if len(row["kind"]) <= _KIND_WIDTH else row["kind"][: _KIND_WIDTH - 1] + "…"
        line = (
            f"{self._time(row):>11} {_flow_number(row):>4} {row['message_id']:>10} {kind:<{_KIND_WIDTH}} "
            f"{row['priority']:>3} {parts:>11} {format_bytes(row['bytes']):>9} {whole:>8}  "
        )
        return self._styled(row, line + ("" if row["state"] == "complete" else row["state"]))

    def _time(self, row: dict[str, Any]) -> str:
        return f"{(row['time_ns'] - (self._start or 0)) / 1e9:.6f}"

    def _styled(self, row: dict[str, Any], line: str) -> str:
        line = line.rstrip()
        if self.console.width >= 40 and len(line) > self.console.width:
            line = line[: self.console.width - 1] + "…"
        if "reject" in row or row.get("state") == "incomplete":
            return self._paint("red", line)
        priority = row.get("priority")
        if priority is None:
            return line
        return self._paint(next(style for least, style in _CLASSES if priority >= least), line)

    def _paint(self, style: str, text: str) -> str:
        if self.console.color_system is None:
            return text
        return self.console.get_style(style).render(text, color_system=self.console._color_system)

    def _plain(self, rows: list[dict[str, Any]]) -> Iterator[str]:
        """Rows of chosen columns, as wide as the first chunk needs."""
        fields = self.fields or ()
        if self._widths is None:
            shown = [[_text(row.get(field)) for field in fields] for row in rows]
            self._widths = [max(len(field), *(len(line[i]) for line in shown)) for i, field in enumerate(fields)]
            yield self._paint("bold", self._row(fields))
        for row in rows:
            yield self._row([_text(row.get(field)) for field in fields])

    def _row(self, cells: Sequence[str]) -> str:
        widths = self._widths or [0] * len(cells)
        return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


_PULSE_HEADING = (
    f"{'packet':>7} {'time s':>11} {'flow':>4} {'kind':<{_KIND_WIDTH}} {'pri':>3} {'seq':>10} {'frag':>7} {'bytes':>5}"
)
_MESSAGE_HEADING = (
    f"{'time s':>11} {'flow':>4} {'message':>10} {'kind':<{_KIND_WIDTH}} {'pri':>3} {'fragments':>11} {'bytes':>9} "
    f"{'whole in':>8}"
)


def _flow_number(row: dict[str, Any]) -> str:
    return _text(row.get("flow"))


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
