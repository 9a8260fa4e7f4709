"""The scapy layers: fields from the table, defaults, answers, one-line summaries, and a real exchange on loopback."""

import ast
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scapy.fields import ConditionalField, FlagsField, XStrFixedLenField
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from scapy.supersocket import SuperSocket

import rttp_cli
from rttp_cli import _core
from rttp_cli.wire.scapy_layer import PORT, RTTP, RTTPPulse128, RTTPRfc64, RTTPStruct74, RTTPStruct74LE

LAYERS = [RTTP, RTTPStruct74, RTTPStruct74LE, RTTPRfc64, RTTPPulse128]


def layout(layer):
    return next(x for x in _core.layouts() if (x["name"], x["byte_order"]) == layer.dialect)


def test_there_is_a_layer_for_every_dialect():
    assert {layer.dialect for layer in LAYERS} == {(x["name"], x["byte_order"]) for x in _core.layouts()}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_has_the_rows_of_the_table_and_its_defaults_make_a_good_pulse(layer):
    rows = layout(layer)["fields"]
    assert [f.name for f in layer.fields_desc] == [row["name"] for row in rows]
    before = time.time_ns()
    built = _core.parse(bytes(layer()), *layer.dialect)
    after = time.time_ns()
    assert built.reject is None
    for row in rows:
        if row["when_flag"] is not None:
            continue
        found = built.fields[row["name"]]
        if row["default"] == "now":
            assert before <= found <= after
        elif row["default"] != "computed":
            assert found == {"uint": row["default"], "bytes": bytes(row["size"]), "text": ""}[row["type"]]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_defaults_are_those_of_the_codec(layer):
    now = layer()
    stamps = {row["name"]: 1700000000000000000 for row in layout(layer)["fields"] if row["default"] == "now"}
    assert bytes(layer(**stamps)) == _core.emit(stamps, *layer.dialect)
    assert len(bytes(now)) == layout(layer)["fixed_length"]


def test_the_time_of_building_is_fresh_for_every_pulse_and_a_given_time_is_kept():
    pulse = RTTP()
    first, second = (RTTP(bytes(pulse)).timestamp_ns for _ in range(2))
    assert first != second
    assert RTTP(bytes(RTTP(timestamp_ns=0))).timestamp_ns == 0


def test_a_given_checksum_and_action_length_are_kept_however_wrong():
    assert RTTPRfc64(bytes(RTTPRfc64(checksum=0x1234))).checksum == 0x1234
    assert _core.parse(bytes(RTTPRfc64(checksum=0x1234)), "rfc64").reject.slug == "bad-checksum"
    assert RTTPPulse128(bytes(RTTPPulse128(spec_rev=1, action="get", action_len=9))).action_len == 9


def test_computed_fields_follow_the_other_fields():
    pulse = RTTPRfc64(bid=7)
    one = RTTPRfc64(bytes(pulse)).checksum
    pulse.bid = 8
    two = RTTPRfc64(bytes(pulse)).checksum
    assert one == (two + 1) & 0xFFFF
    assert RTTPPulse128(bytes(RTTPPulse128(spec_rev=1, action="get-it"))).action_len == 6
    odd = RTTPPulse128(bytes(RTTPPulse128(spec_rev=1, action=b"\xe9\xff")))
    assert (odd.action_len, odd.action.rstrip(b"\0")) == (2, b"\xe9\xff"), "bytes that are no text are kept too"


def test_the_payload_does_not_enter_the_checksum():
    assert bytes(RTTPRfc64() / Raw(b"\xff" * 9))[:64] == bytes(RTTPRfc64())


def test_kinds_flags_and_hashes_are_readable():
    shown = RTTP(kind="REQUEST", flags="SEALED+ECHO", rpki_fingerprint=b"\xab" * 32).show(dump=True)
    assert "kind      = REQUEST" in shown
    assert "ECHO+SEALED" in shown
    assert "ab" * 32 in shown
    kinds = next(row["names"] for row in layout(RTTP)["fields"] if row["name"] == "kind")
    assert {name: bytes(RTTP(kind=name))[3] for name in kinds} == kinds
    flags = next(row["names"] for row in layout(RTTP)["fields"] if row["name"] == "flags")
    assert {name: bytes(RTTP(flags=name))[2] for name in flags} == flags
    fields = {f.name: f for f in RTTP.fields_desc}
    assert isinstance(fields["flags"], FlagsField)
    assert isinstance(fields["semantic_vector"], XStrFixedLenField)


def test_the_fec_tail_is_there_only_with_its_flag():
    conditional = [f.name for f in RTTP.fields_desc if isinstance(f, ConditionalField)]
    assert conditional == [row["name"] for row in layout(RTTP)["fields"] if row["when_flag"] == "FEC"]
    assert (len(bytes(RTTP())), len(bytes(RTTP(flags="FEC")))) == (64, 74)
    found = RTTP(bytes(RTTP(flags="FEC", fec_repair=4, fragment_index=3) / Raw(b"abc")))
    assert (found.fec_repair, found.load) == (4, b"abc")
    assert "fec_repair" not in RTTP(bytes(64)).fields


@pytest.mark.parametrize("layer", LAYERS)
def test_what_ends_inside_its_header_is_raw(layer):
    whole = bytes(layer())
    for length in range(1, len(whole)):
        assert isinstance(layer(whole[:length]), Raw), length
    assert isinstance(layer(whole), layer)


def test_what_ends_inside_its_fec_tail_is_raw():
    whole = bytes(RTTP(flags="FEC"))
    assert all(isinstance(RTTP(whole[:length]), Raw) for length in range(64, 74))


def test_the_tag_of_a_sealed_pulse_stays_at_the_end_of_the_payload():
    assert RTTP(bytes(RTTP(flags="SEALED") / Raw(b"abc" + b"\x5a" * 16))).load == b"abc" + b"\x5a" * 16


@pytest.mark.parametrize(("sport", "dport"), [(PORT, 5), (5, PORT)])
def test_the_port_names_the_layer_both_ways(sport, dport):
    packet = IP(bytes(IP() / UDP(sport=sport, dport=dport) / bytes(RTTP(seq_id=9))))
    assert packet[RTTP].seq_id == 9
    assert RTTP not in IP(bytes(IP() / UDP(sport=5, dport=6) / bytes(RTTP())))


def test_the_port_is_filled_in():
    assert (UDP() / RTTP()).dport == 21076


def test_a_summary_is_one_line_with_kind_sequence_priority_fragment_and_flags():
    assert RTTP(kind="PONG", seq_id=7).mysummary() == "RTTP PONG seq 7 priority 128 fragment 0/1"
    summary = (IP() / UDP() / RTTP(kind="DATA", flags="FEC+ECHO", fragment_index=2, fragment_count=8)).summary()
    assert "RTTP DATA seq 0 priority 128 fragment 2/8 [ECHO+FEC]" in summary
    assert "\n" not in summary
    assert RTTPRfc64(priority=3).mysummary() == "RTTP rfc64 priority 3"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"kind": "PING"}, {"kind": "PONG"}),
        ({"kind": "PING", "flags": "ECHO"}, {"kind": "PONG"}),
        ({"kind": "REQUEST", "flags": "ECHO"}, {"kind": "RESPONSE"}),
        ({"kind": "DATA", "flags": "ECHO+METERED"}, {"kind": "DATA", "flags": "METERED"}),
        ({"kind": "CLOSE", "flags": "ECHO"}, {"kind": "CLOSE"}),
    ],
)
def test_an_answer_is_known_by_sequence_number_and_kind(asked, answer):
    question, reply = RTTP(seq_id=5, **asked), RTTP(seq_id=5, **answer)
    assert reply.answers(question)
    assert reply.hashret() == question.hashret()
    assert not question.answers(reply), "an answer is not a question"
    assert not RTTP(seq_id=6, **answer).answers(question)
    assert RTTP(seq_id=6, **answer).hashret() != question.hashret()


def test_what_is_no_answer_is_not_taken_for_one():
    assert not RTTP(kind="DATA").answers(RTTP(kind="DATA")), "nobody asked"
    assert not RTTP(kind="DATA").answers(RTTP(kind="PING"))
    assert not RTTP(kind="PING").answers(RTTP(kind="PING"))
    assert not RTTP(kind="CLOSE").answers(RTTP(kind="CLOSE"))
    assert not RTTP(kind="PONG", flags="ECHO").answers(RTTP(kind="PING")), "no answer asks back"
    assert not RTTP(kind="PONG").answers(Raw(b"x"))


def test_every_kind_with_echo_has_exactly_one_kind_of_answer():
    kinds = next(row["names"] for row in layout(RTTP)["fields"] if row["name"] == "kind")
    for kind in kinds:
        want = {"PING": "PONG", "REQUEST": "RESPONSE"}.get(kind, kind)
        for other in kinds:
            assert bool(RTTP(kind=other).answers(RTTP(kind=kind, flags="ECHO"))) == (other == want), (kind, other)


class Node(threading.Thread):
    """Answers on loopback as docs/PROTOCOL.md RTTP-6 says, in plain Python; first with a pulse nobody asked for."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.seen = []

    def run(self):
        with self.socket:
            while True:
                data, sender = self.socket.recvfrom(2048)
                if not data:
                    return
                self.seen.append(data)
                stray = bytearray(data)
                stray[15] ^= 1
                answer = bytearray(data)
                answer[2] &= 0xDF
                answer[3] = {0x04: 0x05, 0x11: 0x12}.get(data[3], data[3])
                self.socket.sendto(stray[:3] + b"\x05" + stray[4:], sender)
                self.socket.sendto(answer, sender)


class Pulses(SuperSocket):
    """A connected UDP socket as scapy sees it: one datagram, one RTTP packet."""

    def __init__(self, port):
        self.ins = self.outs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ins.connect(("127.0.0.1", port))

    def recv_raw(self, x=65535):
        return RTTP, self.ins.recv(x), time.time()


@pytest.fixture
def node():
    node = Node()
    node.start()
    yield node.socket.getsockname()[1], node
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
        stop.sendto(b"", node.socket.getsockname())
    node.join(10)
    assert not node.is_alive()


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (RTTP(kind="PING", seq_id=41), "PONG"),
        (RTTP(kind="REQUEST", flags="ECHO", seq_id=42) / Raw(b"what"), "RESPONSE"),
        (RTTP(kind="DATA", flags="ECHO+METERED", seq_id=43) / Raw(b"data"), "DATA"),
    ],
)
def test_sr1_gets_the_answer_over_a_real_socket_and_leaves_the_stray_pulse(node, question, kind):
    port, thread = node
    pulses = Pulses(port)
    try:
        answer = pulses.sr1(question, timeout=10, verbose=False)
    finally:
        pulses.close()
    assert answer is not None
    assert answer.sprintf("%kind%") == kind
    assert (answer.seq_id, bytes(answer.payload)) == (question.seq_id, bytes(question.payload))
    assert len(thread.seen) == 1
    assert _core.parse(thread.seen[0]).reject is None


def test_sr1_gives_up_when_only_a_stray_pulse_comes_back(node):
    port, thread = node
    pulses = Pulses(port)
    try:
        # DATA without ECHO asks for nothing: what comes back is not its answer.
        assert pulses.sr1(RTTP(kind="DATA", seq_id=1), timeout=0.5, verbose=False) is None
    finally:
        pulses.close()
    assert len(thread.seen) == 1


def test_the_layer_does_not_load_all_of_scapy():
    code = "import sys, rttp_cli.wire.scapy_layer; print('scapy.all' in sys.modules, 'scapy.packet' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "True"]


def test_no_other_module_imports_the_gpl_file_or_scapy_at_module_level():
    package = Path(rttp_cli.__file__).parent
    files = [path for path in package.rglob("*.py") if path.name != "scapy_layer.py"]
    assert len(files) >= 3
    for path in files:
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any("scapy" in name for name in names), f"{path}: {ast.unparse(node)}"


def test_the_gpl_file_says_so_and_its_licence_is_here():
    package = Path(rttp_cli.__file__).parent
    head = (package / "wire" / "scapy_layer.py").read_text().splitlines()[0]
    assert head == "# SPDX-License-Identifier: GPL-2.0-only"
    assert "Version 2, June 1991" in (package.parent / "LICENSES" / "GPL-2.0-only.txt").read_text()
