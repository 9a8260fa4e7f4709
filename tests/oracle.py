"""A second codec with `struct` and nothing of this project, to hold the first one to; it says what the docs say.

Slow and plain on purpose: offsets and rules are spelled out, not looked up. Keep it that way. It shares no code with
the core, but its author had read the core: the order of the rules (RTTP-3.2), the bounds of a guess (RTTP-1.6) and the
largest datagram were taken from there, so a misreading of those points may be in both.
"""

import struct

Fields = dict[str, int | bytes]
Refusal = tuple[str, int]
"""Slug and offset."""

KINDS = {
    "HELLO": 0x01,
    "WELCOME": 0x02,
    "CLOSE": 0x03,
    "PING": 0x04,
    "PONG": 0x05,
    "DATA": 0x10,
    "REQUEST": 0x11,
    "RESPONSE": 0x12,
    "STREAM": 0x13,
    "SNAPSHOT": 0x20,
    "DELTA": 0x21,
    "EXPECT": 0x22,
    "SYNC_ACK": 0x23,
    "ANNOUNCE": 0x40,
    "GRAFT": 0x41,
    "PRUNE": 0x42,
    "RECEIPT": 0x50,
    "QUARANTINE_NOTICE": 0x60,
}
FEC, SEALED, ECHO, METERED = 0x80, 0x40, 0x20, 0x10
MAX_DATAGRAM = 65507
DIALECTS = [("rttp1", "big"), ("struct74", "big"), ("struct74", "little"), ("rfc64", "big"), ("pulse128", "big")]

_RTTP1 = "!BBBBQII32s8sHH"
_RTTP1_NAMES = [
    "version",
    "priority",
    "flags",
    "kind",
    "timestamp_ns",
    "seq_id",
    "context_hash",
    "rpki_fingerprint",
    "semantic_vector",
    "fragment_count",
    "fragment_index",
]
_TAIL = "!BBH6s"
_TAIL_NAMES = ["fec_scheme", "fec_repair", "fec_last_length", "reserved"]
_STRUCT74 = "BBHQII32s8sHH4s6s"
_STRUCT74_NAMES = [
    "version",
    "priority",
    "type",
    "timestamp_ns",
    "seq_id",
    "context_hash",
    "rpki_fingerprint",
    "semantic_vector",
    "fragment_count",
    "fragment_index",
    "fec_data",
    "reserved",
]
_RFC64 = "!IHH32sQQBBIH"
_RFC64_NAMES = [
    "magic",
    "version",
    "flags",
    "fingerprint",
    "bid",
    "semantic_hash",
    "priority",
    "ttl",
    "timestamp",
    "checksum",
]
# 128-bit numbers as two halves.
_PULSE128 = "!IQQQQQQBB16s32sBBB16s7s"


def fixed_length(dialect: str) -> int:
    """Bytes that every header has."""
    return {"rttp1": 64, "struct74": 74, "rfc64": 64, "pulse128": 128}[dialect]


def judge(data: bytes, dialect: str, byte_order: str = "big") -> Fields | Refusal:
    """The header's fields, or the first broken rule and its offset."""
    if len(data) < fixed_length(dialect):
        return "truncated", len(data)
    if dialect == "rttp1":
        return _judge_rttp1(data)
    if dialect == "struct74":
        return _judge_struct74(data, byte_order)
    if dialect == "rfc64":
        return _judge_rfc64(data)
    return _judge_pulse128(data)


def extent(data: bytes, dialect: str) -> tuple[int, int]:
    """Of a good datagram: where its payload starts, and the length of the tag after it."""
    if dialect != "rttp1":
        return fixed_length(dialect), 0
    return 74 if data[2] & FEC else 64, 16 if data[2] & SEALED else 0


def _judge_rttp1(data: bytes) -> Fields | Refusal:
    fields: Fields = dict(zip(_RTTP1_NAMES, struct.unpack(_RTTP1, data[:64]), strict=True))
    flags, count, index = data[2], 256 * data[60] + data[61], 256 * data[62] + data[63]
    if data[0] != 1:
        return "bad-version", 0
    if flags & 0x0F:
        return "unknown-flag", 2
    if data[3] not in KINDS.values():
        return "unknown-kind", 3
    if count == 0:
        return "fragment-count-zero", 60
    symbols, length = count, 64
    if flags & FEC:
        length = 74
        if len(data) < 74:
            return "truncated", len(data)
        if data[64] != 1:
            return "fec-inconsistent", 64
        symbols += data[65]
        if data[65] == 0 or symbols > 65535:
            return "fec-inconsistent", 65
        fields.update(zip(_TAIL_NAMES, struct.unpack(_TAIL, data[64:74]), strict=True))
    if index >= symbols:
        return "fragment-range", 62
    if flags & SEALED:
        length += 16
    if len(data) < length:
        return "truncated", len(data)
    if len(data) > MAX_DATAGRAM:
        return "oversized", MAX_DATAGRAM
    return fields


def _judge_struct74(data: bytes, byte_order: str) -> Fields | Refusal:
    if data[0] != 1:
        return "bad-version", 0
    mark = "<" if byte_order == "little" else ">"
    return dict(zip(_STRUCT74_NAMES, struct.unpack(mark + _STRUCT74, data[:74]), strict=True))


def internet_checksum(data: bytes) -> int:
    """RFC 1071 over an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _judge_rfc64(data: bytes) -> Fields | Refusal:
    if data[:4] != b"RTTP":
        return "bad-magic", 0
    if data[4:6] != b"\x01\x00":
        return "bad-version", 4
    if internet_checksum(data[:62] + b"\0\0") != struct.unpack("!H", data[62:64])[0]:
        return "bad-checksum", 62
    return dict(zip(_RFC64_NAMES, struct.unpack(_RFC64, data[:64]), strict=True))


_ACTION = b"abcdefghijklmnopqrstuvwxyz0123456789-"


def _judge_pulse128(data: bytes) -> Fields | Refusal:
    if data[:4] != b"RTTP":
        return "bad-magic", 0
    if int.from_bytes(data[4:20], "big") != 130:
        return "bad-version", 4
    if data[102] > 1:
        return "bad-block", 102
    if data[103] & 0xFE:
        return "unknown-flag", 103
    if data[104] > 16:
        return "bad-block", 104
    if data[102] == 0:
        for i in range(103, 128):
            if data[i]:
                return "bad-block", i
    size = data[104]
    action = data[105 : 105 + size]
    if size and (any(c not in _ACTION for c in action) or action[:1] == b"-" or action[-1:] == b"-"):
        return "bad-block", 105
    for i in range(105 + size, 128):
        if data[i]:
            return "bad-block", i
    (magic, v1, v0, s1, s0, t1, t0, ttl, priority, shard, aid, rev, flags, _, text, reserved) = struct.unpack(
        _PULSE128, data[:128]
    )
    return {
        "magic": magic,
        "version": v1 << 64 | v0,
        "sequence": s1 << 64 | s0,
        "timestamp_ns": t1 << 64 | t0,
        "ttl": ttl,
        "priority": priority,
        "route_shard": shard,
        "aid_origin": aid,
        "spec_rev": rev,
        "flags": flags,
        "action_len": size,
        "action": text[:size],
        "reserved": reserved,
    }


def encode(fields: Fields, dialect: str, byte_order: str = "big") -> bytes:
    """The header of complete fields; not judged."""
    if dialect == "rttp1":
        head = struct.pack(_RTTP1, *(fields[n] for n in _RTTP1_NAMES))
        if int(fields["flags"]) & FEC:  # type: ignore[arg-type]
            head += struct.pack(_TAIL, *(fields[n] for n in _TAIL_NAMES))
        return head
    if dialect == "struct74":
        mark = "<" if byte_order == "little" else ">"
        return struct.pack(mark + _STRUCT74, *(fields[n] for n in _STRUCT74_NAMES))
    if dialect == "rfc64":
        return struct.pack(_RFC64, *(fields[n] for n in _RFC64_NAMES))
    wide = (int(fields[n]).to_bytes(16, "big") for n in ("version", "sequence", "timestamp_ns"))  # type: ignore[arg-type]
    names = ["ttl", "priority", "route_shard", "aid_origin", "spec_rev", "flags", "action_len", "action", "reserved"]
    return (
        struct.pack("!I", fields["magic"])
        + b"".join(wide)
        + struct.pack("!BB16s32sBBB16s7s", *(fields[n] for n in names))
    )


def detect(data: bytes, strict: bool) -> tuple[str, str, str] | Refusal:
    """Dialect, byte order and ground; or what `rttp1` says of the datagram."""
    if data[:4] == b"RTTP":
        return "pulse128" if data[4:6] == b"\0\0" else "rfc64", "big", "magic"
    verdict = judge(data, "rttp1")
    if isinstance(verdict, dict):
        return "rttp1", "big", "rules"
    if not strict:
        found = []
        for order in ("big", "little"):
            guess = judge(data, "struct74", order)
            if (
                isinstance(guess, dict)
                and len(data) <= 65_507
                and 10**18 <= int(guess["timestamp_ns"]) < 4 * 10**18
                and guess["fragment_index"] < guess["fragment_count"]  # type: ignore[operator]
            ):
                found.append((int(guess["fragment_count"]), order))
        if found:
            return "struct74", min(found)[1], "guess"
    return verdict
