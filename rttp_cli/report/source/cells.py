"""How much memory encoded histograms will take, before they are decoded: a full one of 5 MB is 2.6 kB of base64."""

from __future__ import annotations

import zlib
from binascii import a2b_base64

from rttp_cli.errors import RttpError

MOST = 1 << 24
"""Cells of all histograms of a file; each takes 16 bytes."""
AT_ONCE = 1 << 21
"""Cells that are decoded together, where there are more than one file or line."""
_PLAIN, _COMPRESSED = 0x1C849303, 0x1C849304
_WIDTH = 0xF0
"""Bits of a cookie that do not tell what it is of."""
_HEAD = 684
"""Characters in which the tables of a compressed block end."""


def check(cells: int, source: str) -> None:
    """Raises `RttpError` bad-result for more cells than a file may have."""
    if cells > MOST:
        raise RttpError(
            "bad-result", f"{source}: its histograms claim {cells:,} bytes of counts, expected at most {MOST:,}"
        )


def claimed(text: str) -> int:
    """Cells of an encoded histogram at most: as many as its header says that bytes of counts follow.

    Decoding refuses another number of them. 0 for what is no histogram, which decoding says better.
    """
    text = text.strip()
    return _length(text[:_HEAD]) or (_length(text) if len(text) > _HEAD else 0)


def _length(text: str) -> int:
    try:
        # Padding may be left out.
        head = a2b_base64(text + "==")
        if _cookie(head) == _COMPRESSED:
            head = zlib.decompressobj().decompress(head[8:], 8)
    except (ValueError, zlib.error):
        return 0
    return int.from_bytes(head[4:8], "big") if _cookie(head) == _PLAIN else 0


def _cookie(head: bytes) -> int:
    return int.from_bytes(head[:4], "big") & ~_WIDTH
