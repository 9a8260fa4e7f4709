"""Datagrams as text: hex in any common dress, base64, raw bytes. Bounded, and exact about what is wrong."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal

from rttp_cli.errors import RttpError

Encoding = Literal["auto", "hex", "base64", "raw"]
MAX_INPUT = 16 << 20
"""Bytes of text or raw data read at most."""
MAX_PULSES = 100_000
"""Datagrams taken from one input at most: this is for looking at pulses, not for captures."""

_HEX_DRESS = re.compile(r"0x|[\s:,_-]", re.IGNORECASE)
# An offset of 4 to 8 digits, then bytes in groups of one or two; characters stand behind two blanks or a bar.
_DUMP_LINE = re.compile(
    r"\s*((?:0x)?[0-9a-fA-F]{4,8}):?(?:\s+((?:[0-9a-fA-F]{2}){1,2}(?:\s{1,2}(?:[0-9a-fA-F]{2}){1,2})*))?(?:\s.*)?"
)


def decode(text: str, encoding: Encoding = "auto") -> bytes:
    """The bytes of one datagram. `auto` takes hex if it can be hex, else base64. Raises `RttpError` bad-encoding."""
    stripped = text.strip()
    if not stripped:
        raise RttpError("bad-encoding", "there is no text to decode", "give hex, base64 or --file")
    if encoding in ("auto", "hex"):
        bare = _HEX_DRESS.sub("", stripped)
        odd = next((c for c in bare if c not in "0123456789abcdefABCDEF"), None)
        if odd is None and len(bare) % 2 == 0 and bare:
            return bytes.fromhex(bare)
        if encoding == "hex" or odd is None:
            raise RttpError("bad-encoding", _bad_hex(stripped, bare, odd))
    try:
        return base64.b64decode("".join(stripped.split()), validate=True, altchars=_altchars(stripped))
    except (binascii.Error, ValueError) as error:
        what = "base64" if encoding == "base64" else "hex or base64"
        shown = stripped if len(stripped) <= 40 else stripped[:40] + "…"
        raise RttpError("bad-encoding", f"`{shown}` is not {what}: {str(error).lower()}") from None


def _altchars(text: str) -> bytes | None:
    return b"-_" if "-" in text or "_" in text else None


def _bad_hex(text: str, bare: str, odd: str | None) -> str:
    if odd is not None:
        return f"{odd!r} at character {text.index(odd)} is not a hex digit"
    return f"{len(bare)} hex digits, expected an even number: the last byte is cut in half"


def split(data: bytes, encoding: Encoding = "auto", stride: int | None = None) -> list[bytes]:
    """The datagrams of a file: raw bytes (one, or one every `stride` bytes), a hex dump, or one in each line of text.

    Raises `RttpError`: nothing there, or a line (named) that is neither hex nor base64.
    """
    if len(data) > MAX_INPUT:
        raise RttpError("bad-encoding", f"the input is over {MAX_INPUT >> 20} MiB", "give one pulse, or fewer")
    if not data:
        raise RttpError("bad-encoding", "the input is empty", "give hex, base64 or raw bytes")
    text = None
    if encoding != "raw":
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError:
            if encoding != "auto":
                raise RttpError("bad-encoding", f"the input is not {encoding}: it has bytes beyond ASCII") from None
    if text is None or (encoding == "auto" and not text.isprintable() and "\0" in text):
        step = stride or len(data)
        if len(data) > step * MAX_PULSES:
            raise RttpError("bad-encoding", f"the input holds over {MAX_PULSES:,} pulses")
        return [data[i : i + step] for i in range(0, len(data), step)]
    if stride is not None:
        raise RttpError("bad-option", "`--stride` is for raw bytes, the input is text", "add --from raw")
    return _lines(text, encoding)


def _lines(text: str, encoding: Encoding) -> list[bytes]:
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    dump = _dump([line for _, line in lines]) if encoding in ("auto", "hex") else None
    if dump is not None:
        return [dump]
    if len(lines) > MAX_PULSES:
        raise RttpError("bad-encoding", f"the input holds over {MAX_PULSES:,} pulses")
    datagrams = []
    for number, line in lines:
        try:
            datagrams.append(decode(line, encoding))
        except RttpError as error:
            raise RttpError(error.slug, f"line {number}: {error.message}", error.hint) from None
    if not datagrams:
        raise RttpError("bad-encoding", "the input holds only blanks and comments")
    return datagrams


def _dump(lines: list[str]) -> bytes | None:
    """The bytes of a hex dump (xxd, hexdump -C, od -Ax -tx1, tcpdump -x), or `None` if the lines are not one.

    The offset of each line must be the number of bytes before it: nothing else tells a dump from hex. A line `*` stands
    for repeated ones, as far as the next offset.
    """
    data, repeated = bytearray(), False
    for i, line in enumerate(lines):
        if line.strip() == "*":
            repeated = True
            continue
        match = _DUMP_LINE.fullmatch(line.rstrip())
        if match is None:
            return None
        offset = int(match[1].removeprefix("0x"), 16)
        if repeated and len(data) >= 16 and len(data) <= offset <= MAX_INPUT:
            data += data[-16:] * ((offset - len(data)) // 16)
        repeated = False
        if offset != len(data) or (match[2] is None and i < len(lines) - 1):
            return None
        data += _dump_bytes(match[2] or "")
    return bytes(data) if data and len(lines) > 1 else None


def _dump_bytes(groups: str) -> bytes:
    # Sixteen bytes a line at the most: what looks like more hex behind them are the characters.
    return bytes.fromhex(groups)[:16]
