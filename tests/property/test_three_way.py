"""Three codecs, one truth: the core, the oracle and the scapy layers say the same of every datagram."""

import itertools
import struct
from collections import Counter

import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.packet import Raw

from rttp_cli import _core
from rttp_cli.wire import scapy_layer

LAYERS = {
    ("rttp1", "big"): scapy_layer.RTTP,
    ("struct74", "big"): scapy_layer.RTTPStruct74,
    ("struct74", "little"): scapy_layer.RTTPStruct74LE,
    ("rfc64", "big"): scapy_layer.RTTPRfc64,
    ("pulse128", "big"): scapy_layer.RTTPPulse128,
}
dialects = pytest.mark.parametrize(("dialect", "byte_order"), oracle.DIALECTS)


def _number(size):
    top = (1 << 8 * size) - 1
    # The ends of the range break more than its middle.
    return st.one_of(st.integers(0, top), st.sampled_from([0, 1, 2, top, top - 1, top // 2 + 1]))


def _bytes(size):
    return st.one_of(st.binary(min_size=size, max_size=size), st.just(bytes(size)), st.just(b"\xa5" * size))


_PAYLOAD = st.one_of(st.binary(max_size=48), st.just(b"\xa5" * 1200))


@st.composite
def rttp1(draw):
    flags = draw(st.sampled_from([a | b | c for a in (0, 0x80) for b in (0, 0x40) for c in (0, 0x10, 0x20, 0x30)]))
    repair = draw(st.integers(1, 255)) if flags & oracle.FEC else 0
    count = draw(st.one_of(st.integers(1, 65535 - repair), st.sampled_from([1, 2, 65535 - repair])))
    index = draw(st.one_of(st.integers(0, count + repair - 1), st.sampled_from([0, count - 1, count + repair - 1])))
    fields = {
        "version": 1,
        "priority": draw(_number(1)),
        "flags": flags,
        "kind": draw(st.sampled_from(sorted(oracle.KINDS.values()))),
        "timestamp_ns": draw(_number(8)),
        "seq_id": draw(_number(4)),
        "context_hash": draw(_number(4)),
        "rpki_fingerprint": draw(_bytes(32)),
        "semantic_vector": draw(_bytes(8)),
        "fragment_count": count,
        "fragment_index": index,
    }
    if flags & oracle.FEC:
        fields |= {
            "fec_scheme": 1,
            "fec_repair": repair,
            "fec_last_length": draw(_number(2)),
            "reserved": draw(_bytes(6)),
        }
    tag = draw(_bytes(16)) if flags & oracle.SEALED else b""
    return fields, draw(_PAYLOAD) + tag


@st.composite
def struct74(draw):
    sizes = {"priority": 1, "type": 2, "timestamp_ns": 8, "seq_id": 4, "context_hash": 4}
    fields = {"version": 1} | {name: draw(_number(size)) for name, size in sizes.items()}
    fields |= {"rpki_fingerprint": draw(_bytes(32)), "semantic_vector": draw(_bytes(8))}
    fields |= {"fragment_count": draw(_number(2)), "fragment_index": draw(_number(2))}
    # A clock of our times in half of the cases, so that detect() has something to guess.
    if draw(st.booleans()):
        fields["timestamp_ns"] = draw(st.integers(10**18 - 1, 4 * 10**18))
    return fields | {"fec_data": draw(_bytes(4)), "reserved": draw(_bytes(6))}, draw(_PAYLOAD)


@st.composite
def rfc64(draw):
    sizes = {"bid": 8, "semantic_hash": 8, "priority": 1, "ttl": 1, "timestamp": 4}
    fields = {"magic": 0x52545450, "version": 0x0100, "flags": draw(_number(2)), "fingerprint": draw(_bytes(32))}
    fields |= {name: draw(_number(size)) for name, size in sizes.items()} | {"checksum": 0}
    fields["checksum"] = oracle.internet_checksum(oracle.encode(fields, "rfc64"))
    return fields, draw(_PAYLOAD)


@st.composite
def pulse128(draw):
    fields = {"magic": 0x52545450, "version": 130, "sequence": draw(_number(16)), "timestamp_ns": draw(_number(16))}
    fields |= {"ttl": draw(_number(1)), "priority": draw(_number(1))}
    fields |= {"route_shard": draw(_bytes(16)), "aid_origin": draw(_bytes(32))}
    revision = draw(st.integers(0, 1))
    text = draw(st.from_regex(r"\A([a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?)?\Z")) if revision else ""
    flags = draw(st.integers(0, 1)) if revision else 0
    fields |= {"spec_rev": revision, "flags": flags, "action_len": len(text), "action": text.encode()}
    return fields | {"reserved": bytes(7)}, draw(_PAYLOAD)


GOOD = {"rttp1": rttp1(), "struct74": struct74(), "rfc64": rfc64(), "pulse128": pulse128()}


@st.composite
def datagrams(draw, dialect, byte_order):
    """Good ones, and the same with flipped bits, cut short, with junk behind or with a byte replaced."""
    fields, rest = draw(GOOD[dialect])
    data = bytearray(oracle.encode(fields, dialect, byte_order) + rest)
    for how in draw(st.lists(st.sampled_from(["flip", "byte", "cut", "junk"]), max_size=4)):
        if how == "junk":
            data += draw(st.binary(max_size=24))
        elif how == "cut":
            del data[draw(st.integers(0, len(data))) :]
        elif data:
            # Nearly all rules look at the header.
            at = draw(st.integers(0, min(len(data), 130) - 1))
            data[at] = data[at] ^ 1 << draw(st.integers(0, 7)) if how == "flip" else draw(st.integers(0, 255))
    return bytes(data)


def _plain(fields):
    """Text as the bytes on the wire, flags as a number: what the three codecs can be compared in."""
    return {k: v.encode("latin-1") if isinstance(v, str) else v for k, v in fields.items()}


def _scapy_fields(data, dialect, byte_order):
    """What scapy reads, `None` where it finds no whole header."""
    packet = LAYERS[dialect, byte_order](data)
    if isinstance(packet, Raw):
        return None
    found = {name: int(v) if name == "flags" else v for name, v in packet.fields.items()}
    if "action" in found:
        found["action"] = found["action"].rstrip(b"\0")
    return found


def _agree(data, dialect, byte_order):
    parsed = _core.parse(data, dialect, byte_order)
    verdict = oracle.judge(data, dialect, byte_order)
    if isinstance(verdict, tuple):
        assert parsed.reject is not None, f"the core accepts what the oracle refuses: {verdict}"
        assert (parsed.reject.slug, parsed.reject.offset) == verdict
    else:
        assert parsed.reject is None, f"the core refuses what the oracle accepts: {parsed.reject}"
        assert _plain(parsed.fields) == verdict
        assert (parsed.header_length, parsed.tag_length) == oracle.extent(data, dialect)
    needed = oracle.fixed_length(dialect)
    if dialect == "rttp1" and len(data) >= needed and data[2] & oracle.FEC:
        needed = 74
    assert _scapy_fields(data, dialect, byte_order) == (_plain(parsed.fields) if len(data) >= needed else None)


@dialects
def test_what_the_oracle_writes_all_three_read(dialect, byte_order):
    @given(GOOD[dialect])
    def check(pulse):
        fields, rest = pulse
        data = oracle.encode(fields, dialect, byte_order) + rest
        assert oracle.judge(data, dialect, byte_order) == fields, "the generator makes good pulses"
        _agree(data, dialect, byte_order)
        packet = LAYERS[dialect, byte_order](data)
        assert bytes(packet.payload) == rest

    check()


@dialects
def test_what_any_of_the_three_writes_is_the_same_bytes(dialect, byte_order):
    @given(GOOD[dialect])
    def check(pulse):
        fields, rest = pulse
        data = oracle.encode(fields, dialect, byte_order)
        assert _core.emit(fields, dialect, byte_order) == data
        assert bytes(LAYERS[dialect, byte_order](**fields) / Raw(rest)) == data + rest
        again = LAYERS[dialect, byte_order](data)
        # Without its cache scapy has to build the bytes from the fields.
        again.clear_cache()
        assert bytes(again) == data

    check()


@dialects
def test_computed_fields_come_out_the_same_when_left_out(dialect, byte_order):
    computed = {"rfc64": ["checksum"], "pulse128": ["action_len"]}.get(dialect, [])

    @given(GOOD[dialect])
    def check(pulse):
        fields, _ = pulse
        given_fields = {k: v for k, v in fields.items() if k not in computed}
        data = oracle.encode(fields, dialect, byte_order)
        assert _core.emit(given_fields, dialect, byte_order) == data
        assert bytes(LAYERS[dialect, byte_order](**given_fields)) == data

    check()


@dialects
def test_all_three_say_the_same_of_mutated_pulses(dialect, byte_order):
    @given(datagrams(dialect, byte_order))
    def check(data):
        _agree(data, dialect, byte_order)

    check()


@dialects
def test_any_bytes_parse_or_are_refused(dialect, byte_order):
    magic = b"RTTP" + (b"\x01\x00" if dialect == "rfc64" else bytes(15) + b"\x82")
    start = st.just(magic if dialect in ("rfc64", "pulse128") else b"\x01")

    @given(st.one_of(st.binary(max_size=200), st.builds(lambda a, b: a + b, start, st.binary(max_size=200))))
    def check(data):
        _agree(data, dialect, byte_order)

    check()


@dialects
def test_every_truncation_is_judged_alike(dialect, byte_order):
    @given(GOOD[dialect])
    def check(pulse):
        fields, rest = pulse
        data = oracle.encode(fields, dialect, byte_order) + rest[:40]
        header, tag = oracle.extent(data, dialect)
        for length in range(len(data) + 1):
            _agree(data[:length], dialect, byte_order)
            reject = _core.parse(data[:length], dialect, byte_order).reject
            found = reject and (reject.slug, reject.offset)
            assert found == (("truncated", length) if length < header + tag else None)

    check()


@dialects
def test_the_header_of_a_parsed_datagram_is_emitted_back(dialect, byte_order):
    @given(datagrams(dialect, byte_order))
    def check(data):
        parsed = _core.parse(data, dialect, byte_order)
        if parsed.reject is None:
            assert _core.emit(parsed.fields, dialect, byte_order) == data[: parsed.header_length]

    check()


def test_an_oversized_datagram_is_refused_by_all():
    data = oracle.encode(
        {"version": 1, "priority": 0, "flags": 0, "kind": 16, "timestamp_ns": 0, "seq_id": 0, "context_hash": 0}
        | {"rpki_fingerprint": bytes(32), "semantic_vector": bytes(8), "fragment_count": 1, "fragment_index": 0},
        "rttp1",
    )
    _agree(data + bytes(65507 - 64), "rttp1", "big")
    _agree(data + bytes(65508 - 64), "rttp1", "big")
    reject = _core.parse(data + bytes(65508 - 64)).reject
    assert reject is not None and reject.slug == "oversized"


def _with(data, *changes):
    """The bytes with others laid over them: offset, width, number."""
    data = bytearray(data)
    for at, width, number in changes:
        data[at : at + width] = number.to_bytes(width, "big")
    return bytes(data)


def test_the_edges_of_the_rules_over_fragments_are_judged_alike():
    for flags, count, repair in itertools.product(
        (0, 0x80, 0x40, 0xC0), (0, 1, 65279, 65280, 65281, 65534, 65535), (0, 1, 254, 255)
    ):
        for index in {0, 1, max(count - 1, 0), count, count + repair - 1, count + repair} & set(range(65536)):
            head = _with(bytes(64), (0, 1, 1), (2, 1, flags), (3, 1, 16), (60, 2, count), (62, 2, index))
            for rest in (bytes([1, repair]) + bytes(8), bytes([2, repair]) + bytes(24), bytes([1, repair]) + bytes(24)):
                _agree(head + rest, "rttp1", "big")


@dialects
def test_every_value_of_every_byte_with_a_rule_is_judged_alike(dialect, byte_order):
    good = {
        "rttp1": _with(bytes(74), (0, 1, 1), (2, 2, 0x8010), (60, 2, 1), (64, 2, 0x0101)),
        "struct74": _with(bytes(74), (0, 1, 1)),
        "rfc64": _with(bytes(64), (0, 6, 0x525454500100), (62, 2, 0x585B)),
        "pulse128": _with(bytes(128), (0, 4, 0x52545450), (19, 1, 130), (102, 3, 0x010103), (105, 3, 0x612D62)),
    }[dialect]
    assert isinstance(oracle.judge(good, dialect, byte_order), dict)
    bytes_with_a_rule = {
        "rttp1": [0, 2, 3, 60, 61, 62, 63, 64, 65],
        "struct74": [0],
        "rfc64": [0, 1, 2, 3, 4, 5, 62, 63],
        "pulse128": [*range(20), *range(102, 128)],
    }[dialect]
    for at, value in itertools.product(bytes_with_a_rule, range(256)):
        _agree(_with(good, (at, 1, value)), dialect, byte_order)
    for value in range(256):
        # Revision 0 has rules of its own for the rest of the block.
        if dialect == "pulse128":
            _agree(_with(good, (102, 1, 0), (103, 1, value)), dialect, byte_order)
            _agree(_with(good, (102, 1, 0), (103, 1, 0), (104, 1, value)), dialect, byte_order)


def test_detect_guesses_at_the_same_edges():
    for order, clock, count, index, strict in itertools.product(
        ("big", "little"),
        (0, 10**18 - 1, 10**18, 4 * 10**18 - 1, 4 * 10**18, 2**64 - 1),
        (0, 1, 2, 65535),
        (0, 1, 2, 65534, 65535),
        (False, True),
    ):
        fields = {"version": 1, "priority": 0, "type": 0, "timestamp_ns": clock, "seq_id": 0, "context_hash": 0}
        fields |= {"rpki_fingerprint": bytes(32), "semantic_vector": bytes(8)}
        fields |= {"fragment_count": count, "fragment_index": index, "fec_data": bytes(4), "reserved": bytes(6)}
        data = oracle.encode(fields, "struct74", order)
        found = _core.detect(data, strict)
        assert (found if isinstance(found, tuple) else (found.slug, found.offset)) == oracle.detect(data, strict)


@given(st.one_of(*(datagrams(d, o) for d, o in oracle.DIALECTS), st.binary(max_size=160)), st.booleans())
def test_detect_agrees(data, strict):
    found = _core.detect(data, strict)
    wanted = oracle.detect(data, strict)
    assert (found if isinstance(found, tuple) else (found.slug, found.offset)) == wanted


def _cells(columns, i):
    """Row i of every column as numbers and bytes."""
    cells = {}
    for name in columns.names:
        view = memoryview(columns[name])
        cells[name] = view[i] if view.ndim == 1 else bytes(view[i : i + 1])
    return cells


def _wanted_cells(data, dialect, byte_order):
    """What the columns of one datagram must hold: the oracle's reading of its bytes, zeros behind them."""
    padded = data[: oracle.fixed_length(dialect)].ljust(oracle.fixed_length(dialect), b"\0")
    mark = "<" if byte_order == "little" else ">"
    formats = {
        "rttp1": "BBBBQII32s8sHH",
        "struct74": "BBHQII32s8sHH4s6s",
        "rfc64": "IHH32sQQBBIH",
        "pulse128": "I16s16s16sBB16s32sBBB16s7s",
    }
    return struct.unpack(mark + formats[dialect], padded)


def _check_row(columns, i, data, dialect, byte_order):
    verdict = oracle.judge(data, dialect, byte_order)
    code = {slug: code for code, slug, _ in _core.slugs()}
    status, offset = memoryview(columns.status)[i], memoryview(columns.reject_offset)[i]
    assert (status, offset) == ((0, 0) if isinstance(verdict, dict) else (code[verdict[0]], verdict[1]))
    assert tuple(_cells(columns, i).values()) == _wanted_cells(data, dialect, byte_order)


@dialects
def test_a_row_of_columns_is_the_datagram_parsed_alone(dialect, byte_order):
    # Blocks of the core are 128 rows: repeat a few datagrams over more than one block.
    @given(st.lists(datagrams(dialect, byte_order), min_size=1, max_size=5), st.sampled_from([1, 1, 1, 60]))
    def check(few, times):
        batch = few * times
        buffer = b"".join(batch)
        starts = [sum(map(len, batch[:i])) for i in range(len(batch))]
        columns = _core.Columns.parse(
            buffer,
            dialect,
            byte_order,
            starts=memoryview(struct.pack(f"={len(batch)}Q", *starts)).cast("Q"),
            lengths=memoryview(struct.pack(f"={len(batch)}I", *map(len, batch))).cast("I"),
        )
        assert len(columns) == len(batch)
        for i, data in enumerate(batch):
            _check_row(columns, i, data, dialect, byte_order)
        verdicts = [oracle.judge(data, dialect, byte_order) for data in batch]
        assert dict(columns.rejects()) == Counter(v[0] for v in verdicts if isinstance(v, tuple))

    check()


@dialects
def test_a_stride_cuts_the_buffer_into_rows(dialect, byte_order):
    @given(st.lists(datagrams(dialect, byte_order), min_size=1, max_size=4), st.integers(1, 200))
    def check(few, stride):
        buffer = b"".join(few)
        columns = _core.Columns.parse(buffer, dialect, byte_order, stride=stride)
        rows = [buffer[i : i + stride] for i in range(0, len(buffer), stride)]
        assert len(columns) == len(rows)
        for i, data in enumerate(rows):
            _check_row(columns, i, data, dialect, byte_order)

    check()


@dialects
def test_spans_outside_the_buffer_count_as_truncated(dialect, byte_order):
    @given(
        datagrams(dialect, byte_order),
        st.lists(st.tuples(_number(8), _number(4)) | st.tuples(st.integers(0, 140), st.integers(0, 200)), max_size=8),
    )
    def check(buffer, spans):
        columns = _core.Columns.parse(
            buffer,
            dialect,
            byte_order,
            starts=memoryview(struct.pack(f"={len(spans)}Q", *(s for s, _ in spans))).cast("Q"),
            lengths=memoryview(struct.pack(f"={len(spans)}I", *(n for _, n in spans))).cast("I"),
        )
        for i, (start, length) in enumerate(spans):
            _check_row(columns, i, buffer[start : start + length], dialect, byte_order)

    check()
