"""Seeds of the `histogram` target: encodings and interval logs that show each rule. `seed.py` writes them."""

import base64
import struct
import zlib

HOUR = 3_600_000_000_000
PLAIN, COMPRESSED = 0x1C849313, 0x1C849314


def number(value: int) -> bytes:
    """ZigZag, then seven bits a byte, the ninth byte whole."""
    bits = (value << 1 ^ value >> 63) & (1 << 64) - 1
    out = bytearray()
    while bits >= 0x80 and len(out) < 8:
        out.append(bits & 0x7F | 0x80)
        bits >>= 7
    return bytes([*out, bits])


def plain(
    *counts: int, digits: int = 3, low: int = 1, high: int = HOUR, shift: int = 0, ratio: float = 1.0, more: int = 0
) -> bytes:
    """Negative counts are runs of empty cells; `more` bytes are claimed and not there."""
    body = b"".join(map(number, counts))
    return struct.pack(">IIIIQQd", PLAIN, len(body) + more, shift, digits, low, high, ratio) + body


def compressed(inner: bytes, behind: bytes = b"") -> bytes:
    """With its length; `behind` lies after the zlib stream and counts."""
    deflated = zlib.compress(inner) + behind
    return struct.pack(">II", COMPRESSED, len(deflated)) + deflated


def text(encoded: bytes) -> bytes:
    """As logs have it."""
    return base64.b64encode(encoded)


USUAL = plain(-100, 3, 0, 7, -2_000, 1)
ENCODINGS = [
    USUAL,
    plain(),
    plain(-1, 2),
    plain(5, digits=0, high=2),
    plain(-30, 5, digits=1, low=1_000, high=1 << 63),
    plain(-3_000_000, 1 << 40, digits=5),
    plain(2**63 - 1),
    plain(2**62, 2**62),
    plain(-40_000),
    plain(-(2**63)),
    plain(1, digits=6),
    plain(1, low=0),
    plain(1, low=8, high=15),
    plain(1, low=1 << 62, high=1 << 63),
    plain(1, shift=1),
    plain(1, ratio=0.5),
    plain(1, ratio=float("nan")),
    plain(1, more=1),
    plain(1, more=1 << 31),
    USUAL + b"\0",
    USUAL[:39],
    USUAL[:-1] + b"\xff",
    struct.pack(">I", 0x1C849308) + USUAL[4:],
    struct.pack(">I", 0x0C72124E) + USUAL[4:],
]
LINE = b"0.127,1.007,2.769," + text(compressed(USUAL))
LOGS = [
    b"#[Histogram log format version 1.3]\n"
    b"#[StartTime: 1441812279.474 (seconds since epoch), Wed Sep 09 08:24:39 PDT 2015]\n"
    b'"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n' + LINE + b"\n",
    b"#[BaseTime: 1441812279.474 (seconds since epoch)]\r\nTag=a b," + LINE + b"\r\n\r\n" + LINE,
    b"1441812279.9,1,2," + text(USUAL),
    b"0,1",
    b"nan,1,2," + text(USUAL),
    b"1e300,1,2," + text(USUAL),
    b"0,-1,2," + text(USUAL),
    b"0,1,2,3," + text(USUAL),
    b"Tag=x",
    b"\xff,1,2,3",
    b"#\xff\n#[StartTime: soon]",
    LINE[:-9],
]
SEEDS = [
    *(b"\0" + encoded for encoded in ENCODINGS),
    *(b"\0" + compressed(encoded) for encoded in ENCODINGS[:6]),
    b"\0" + compressed(USUAL, b"behind"),
    b"\0" + compressed(USUAL)[:-3],
    b"\0" + compressed(compressed(USUAL)),
    b"\0" + compressed(plain(more=1 << 20) + bytes(1 << 20)),
    b"\0 " + text(compressed(USUAL)) + b"\n",
    b"\0" + text(compressed(plain(1))).rstrip(b"="),
    b"\0" + text(USUAL)[:-2] + b"?=",
    *(b"\1" + log for log in LOGS),
]
