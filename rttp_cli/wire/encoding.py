"""Texts to datagrams: hex, hex dumps, base64 and raw bytes, one pulse or many."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Literal

from rttp_cli.errors import RttpError
from rttp_cli.wire.layout import layouts, shown
from rttp_cli.wire.values import parse_hex

Encoding = Literal["auto", "hex", "base64", "raw"]

_DUMP_WITH_COLON = re.compile(r"\s*(?:0x)?([0-9a-fA-F]{4,8}):\s*([0-9a-fA-F].*)?")
_DUMP = re.compile(r"\s*([0-9a-fA-F]{4,8})(?:\s+((?:[0-9a-fA-F]{2}(?:\s|$)).*))?")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_HEX_DIGITS = re.compile(r"[0-9a-fA-F]+")
_LARGEST_DUMP = 1 << 17
"""Bytes of one pulse in a dump: twice what UDP carries, so that `*` cannot ask for all memory."""


def decode_bytes(data: bytes, encoding: Encoding = "auto", stride: int | None = None) -> list[bytes]:
    """The datagrams that a file or a stream holds.

    Bytes that are no text are raw. Raw bytes are one datagram, or one every `stride` bytes, the last one shorter.
    Raises `RttpError` bad-encoding.
    """
    text = None if encoding == "raw" else _as_text(data)
    if text is None and encoding not in ("auto", "raw"):
        raise RttpError("bad-encoding", f"the input is not text, expected {encoding}", "say --from raw")
    if text is not None:
        if stride is not None:
            raise RttpError("bad-option", "`--stride` cuts raw bytes, but the input is text", "say --from raw")
        return decode_text(text, encoding)
    if not data:
        raise RttpError("bad-encoding", "the input is empty, expected a pulse")
    if stride is None:
        return [data]
    return [data[at : at + stride] for at in range(0, len(data), stride)]


def decode_text(text: str, encoding: Encoding = "auto") -> list[bytes]:
    """The datagrams of a text: a hex dump, or one a line, or one over several lines.

    Lines that are all shorter than the shortest header are pieces of one datagram; an empty line ends it. In a dump a
    new datagram starts where the offset is 0. Raises `RttpError` bad-encoding, with the line.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise RttpError("bad-encoding", "the input is empty, expected a pulse")
    if encoding != "base64" and _dump_line(filled[0][1], 0):
        return _decode_dump(filled)
    found: list[bytes] = []
    for paragraph in _paragraphs(lines):
        found += _decode_paragraph(paragraph, encoding, named=len(filled) > 1)
    return found


def _as_text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # Every dialect starts with a byte or has one soon that no text has, so this is never wrong about a whole pulse.
    return None if any(c < " " and c not in "\t\n\r\f\v" for c in text) else text


def _paragraphs(lines: list[str]) -> Iterator[list[tuple[int, str]]]:
    paragraph: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            paragraph.append((number, line))
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph


def _decode_paragraph(lines: list[tuple[int, str]], encoding: Encoding, named: bool) -> list[bytes]:
    how = _guess(lines[0][1]) if encoding == "auto" else encoding
    shortest = min(layout["fixed_length"] for layout in layouts().values())
    if how == "base64":
        # Wrapped base64 has its padding at the end only, so its lines are joined before they are decoded.
        if len(lines) > 1 and all(len(line.strip()) * 3 // 4 < shortest for _, line in lines):
            lines = [(lines[0][0], "".join(line.strip() for _, line in lines))]
        return [_decode_base64(line, _what(number, named)) for number, line in lines]
    pieces = [parse_hex(line, _what(number, named)) for number, line in lines]
    return [b"".join(pieces)] if all(len(piece) < shortest for piece in pieces) else pieces


def _what(line: int, named: bool) -> str:
    return f"line {line}" if named else "the text"


def _guess(line: str) -> Literal["hex", "base64"]:
    """Hex if it can be; a text that starts as a dialect does in hex is hex with a mistake, not base64."""
    word = line.strip()
    starts = {row["default"].to_bytes(row["size"], "big")[:1].hex() for row in _first_rows()}
    if _HEX_DIGITS.fullmatch(word) or not _BASE64.fullmatch(word):
        return "hex"
    return "hex" if word[:2] in starts or word[:2].lower() == "0x" else "base64"


def _first_rows() -> Iterator[dict[str, int]]:
    for layout in layouts().values():
        row = layout["fields"][0]
        if isinstance(row["default"], int):
            yield {"default": row["default"], "size": row["size"]}


def _decode_base64(text: str, what: str) -> bytes:
    word = "".join(text.split())
    strange = re.search(r"[^A-Za-z0-9+/_=-]", word)
    if strange:
        raise RttpError("bad-encoding", f"{what} is not base64: found `{shown(strange[0])}` at character {strange.start()}")
    if len(word) % 4:
        raise RttpError("bad-encoding", f"{what} has {len(word)} base64 characters, expected a multiple of 4")
    try:
        return binascii.a2b_base64(word.replace("-", "+").replace("_", "/"), strict_mode=True)
    except binascii.Error as error:
        raise RttpError("bad-encoding", f"{what} is not base64: {str(error).lower()}") from None


def encode_base64(data: bytes) -> str:
    """Base64 in one line."""
    return base64.b64encode(data).decode("ascii")


def _dump_line(line: str, expected: int) -> tuple[int, bytes] | None:
    """Offset and bytes of a line of `xxd`, `hexdump -C`, `od -Ax -tx1`, tcpdump or Wireshark."""
    found = _DUMP_WITH_COLON.fullmatch(line)
    if found:
        # Two blanks end the digits; what follows is the text column.
        digits = (found[2] or "").split("  ", 1)[0]
    else:
        found = _DUMP.fullmatch(line)
        if not found:
            return None
        digits = re.split(r"\s{3,}|\s+\|", found[2] or "", maxsplit=1)[0]
    offset = int(found[1], 16)
    if offset not in (0, expected):
        return None
    words = digits.split()
    if not all(_HEX_DIGITS.fullmatch(word) and len(word) % 2 == 0 for word in words):
        return None
    return offset, bytes.fromhex("".join(words))


def _decode_dump(lines: list[tuple[int, str]]) -> list[bytes]:
    found: list[bytearray] = []
    row = b""
    repeat = False
    for number, line in lines:
        if line.strip() == "*" and row:
            repeat = True
            continue
        if repeat:
            found[-1] += _repeated(found[-1], row, line)
            repeat = False
        here = _dump_line(line, len(found[-1]) if found else 0)
        if here is None:
            expected = f"{len(found[-1]):#x}" if found else "0"
            raise RttpError("bad-encoding", f"line {number} is not a line of a hex dump at offset {expected} or 0")
        offset, row = here
        if offset == 0 and row:
            found.append(bytearray())
        if found:
            found[-1] += row
    return [bytes(pulse) for pulse in found]


def _repeated(before: bytearray, row: bytes, line: str) -> bytes:
    """What `*` stands for: the row before it, up to the offset of the line behind it."""
    word = line.split(maxsplit=1)[0].rstrip(":")
    end = int(word, 16) if _HEX_DIGITS.fullmatch(word) and len(word) <= 8 else 0
    gap = min(end, _LARGEST_DUMP) - len(before)
    return row * (gap // len(row)) if gap > 0 else b""
