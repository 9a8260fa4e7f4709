"""Pulses and layouts as text of 80 columns."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rttp_cli.wire import values
from rttp_cli.wire.pulse import Pulse, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rttp_cli._core import FieldRow, Layout

WIDTH = 80
_VALUE_AT = 31
_BYTES_A_LINE = 16


def colours() -> bool:
    """Whether stdout takes colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(text: str, code: str) -> str:
    """Text in an ANSI style, if stdout takes colours."""
    return f"\x1b[{code}m{text}\x1b[0m" if colours() else text


def heading(pulse: Pulse) -> Iterator[str]:
    """Dialect, how it was found, lengths, and what is wrong."""
    order = ", little-endian" if pulse.byte_order == "little" else ""
    ground = {"asked": "as asked", "magic": "by its magic", "rules": "by its rules", "guess": "A GUESS"}
    why = ground.get(pulse.ground, "the default: nothing fits")
    sizes = f"{len(pulse.data)} bytes: header {pulse.header_length}, payload {len(pulse.payload)}"
    if pulse.tag_length:
        sizes += f", tag {pulse.tag_length}"
    yield paint(f"{pulse.dialect}{order} ({why}), {sizes}", "1")
    if pulse.as_rttp1:
        yield paint(f"as rttp1: {pulse.as_rttp1.slug} at offset {pulse.as_rttp1.offset}", "33")
    if pulse.reject:
        yield paint(f"rejected: {describe(pulse)}", "31")


def table(pulse: Pulse) -> str:
    """Field, offset, size, value, meaning; then payload and tag."""
    lines = [*heading(pulse), paint(f"{'field':<17}{'offset':>6}{'size':>5}   value", "2")]
    rejected_at = pulse.reject.offset if pulse.reject else None
    for row, value in pulse.rows():
        mark = " " if rejected_at is None or not row["offset"] <= rejected_at < row["offset"] + row["size"] else "!"
        lines += _row(row["name"], row["offset"], row["size"], values.to_text(value), values.meaning(row, value), mark)
    for name, at, data in (
        ("payload", pulse.header_length, pulse.payload),
        ("tag", len(pulse.data) - pulse.tag_length, pulse.tag),
    ):
        if data:
            shown = data[:64].hex() + ("…" if len(data) > 64 else "")
            lines += _row(name, at, len(data), shown, _printable(data), " ")
    return "\n".join(lines)


def _row(name: str, offset: int, size: int, value: str, words: str, mark: str) -> Iterator[str]:
    room = WIDTH - _VALUE_AT
    chunks = [value[i : i + room] for i in range(0, len(value), room)] or [""]
    if words and words != value:
        joined = f"{chunks[-1]}  {words}"
        if len(joined) <= room:
            chunks[-1] = joined
        else:
            chunks.append(words[:room])
    yield f"{name:<17}{offset:>6}{size:>5} {mark} {chunks[0]}".rstrip()
    yield from (" " * _VALUE_AT + chunk for chunk in chunks[1:])


def _printable(data: bytes) -> str:
    text = data[:40].decode("ascii", "replace")
    return f'"{text}"' if len(data) <= 40 and text.isprintable() and "�" not in text else ""


def hexdump(pulse: Pulse) -> str:
    """Every byte with its offset and the field it belongs to."""
    lines = list(heading(pulse))
    for row, value in pulse.rows():
        shown = "" if isinstance(value, bytes) else values.meaning(row, value) or values.to_text(value)
        note = f"{row['name']} {shown}".rstrip()
        lines += _dump(row["offset"], pulse.data[row["offset"] : row["offset"] + row["size"]], note)
    end = max((r["offset"] + r["size"] for r, _ in pulse.rows()), default=0)
    if pulse.reject:
        lines += _dump(end, pulse.data[end:], "not read" if end < len(pulse.data) else "")
    else:
        lines += _dump(pulse.header_length, pulse.payload, "payload")
        lines += _dump(len(pulse.data) - pulse.tag_length, pulse.tag, "tag")
    return "\n".join(lines)


def _dump(at: int, data: bytes, note: str) -> Iterator[str]:
    for i in range(0, len(data), _BYTES_A_LINE):
        part = data[i : i + _BYTES_A_LINE].hex(" ")
        # A short field leaves room for its meaning, a line full of bytes for its name only.
        width = 23 if len(data) <= 8 else _BYTES_A_LINE * 3 - 1
        line = f"{at + i:>5}  {part:<{width}}  {note if i == 0 else ''}"
        yield line.rstrip()[:WIDTH]


def layout_table(layout: Layout) -> str:
    """The rows of a dialect."""
    order = "" if layout["byte_order"] == "big" else ", little-endian"
    lines = [
        paint(f"{layout['name']}{order}: {layout['doc']}", "1"),
        paint(f"{'field':<17}{'offset':>6}{'size':>5}   rule and meaning", "2"),
    ]
    for row in layout["fields"]:
        words = _wrap(f"{_rule(row)}{row['doc']}", WIDTH - _VALUE_AT)
        lines.append(f"{row['name']:<17}{row['offset']:>6}{row['size']:>5}   {words[0]}")
        lines += [" " * _VALUE_AT + more for more in words[1:]]
    for row in layout["fields"]:
        if row["names"]:
            listed = ", ".join(f"{name}={number:#04x}" for name, number in row["names"].items())
            lines += ["", *_wrap(f"{row['name']}: {listed}", WIDTH)]
    return "\n".join(lines)


def _rule(row: FieldRow) -> str:
    bound = row["bound"]
    rule = {
        "exactly": f"= {bound:#x}; " if bound is not None and bound > 255 else f"= {bound}; ",
        "at-most": f"≤ {bound}; ",
        "non-zero": "not 0; ",
        "one-of": "named values; ",
        "bits": "named bits; ",
    }.get(row["rule"], "")
    return (f"with {row['when_flag']}; " if row["when_flag"] else "") + rule


def _wrap(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]


def layout_diagram(layout: Layout) -> str:
    """Bits as in an RFC: four bytes a row, a name where its field starts."""
    cell = 16
    lines = [
        "offset  0               1               2               3",
        "        " + "".join("0 1 2 3 4 5 6 7 " for _ in range(4)).rstrip(),
    ]
    owner: dict[int, FieldRow] = {}
    for row in layout["fields"]:
        for at in range(row["offset"], row["offset"] + row["size"]):
            owner[at] = row
    end = max(owner) + 1
    above: list[FieldRow | None] = [None] * 4
    for start in range(0, end, 4):
        here = [owner.get(start + i) for i in range(4)]
        lines.append("       " + _rule_line(above, here, cell))
        lines.append(f"{start:>6} " + _cells(here, start, cell))
        above = here
    lines.append("       " + _rule_line(above, [None] * 4, cell))
    optional = sorted({str(r["when_flag"]) for r in layout["fields"] if r["when_flag"]})
    lines += [f"Rows from {layout['fixed_length']} on only with the flag {flag}." for flag in optional]
    return "\n".join(line.rstrip() for line in lines)


def _rule_line(above: list[FieldRow | None], here: list[FieldRow | None], cell: int) -> str:
    # A line is drawn wherever a field ends above or begins below; inside a field only its edges are.
    between = [a is not b for a, b in zip(above, here, strict=True)]
    used = sum(a is not None or b is not None for a, b in zip(above, here, strict=True))
    line = "+"
    for i in range(used):
        edge = i == used - 1 or between[i + 1] or here[i] is not here[i + 1]
        line += "-+" * (cell // 2) if between[i] else " " * (cell - 1) + ("+" if edge else " ")
    return line


def _cells(here: list[FieldRow | None], start: int, cell: int) -> str:
    line, i = "|", 0
    while i < 4 and (row := here[i]) is not None:
        j = i
        while j < 4 and here[j] is row:
            j += 1
        first = row["offset"] >= start
        line += (row["name"] if first else "").center((j - i) * cell - 1)[: (j - i) * cell - 1] + "|"
        i = j
    return line


def columns(rows: Iterable[tuple[str, ...]], widths: tuple[int, ...]) -> list[str]:
    """Cells side by side; a cell too wide for its column goes on below."""
    lines = []
    for row in rows:
        parts = [[c[i : i + w] for i in range(0, len(c), w)] or [""] for c, w in zip(row, widths, strict=True)]
        for k in range(max(map(len, parts))):
            cells = [(p[k] if k < len(p) else "").ljust(w) for p, w in zip(parts, widths, strict=True)]
            lines.append("  ".join(cells).rstrip())
    return lines
