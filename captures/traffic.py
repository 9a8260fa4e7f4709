"""Scenes of traffic as it should be, and as networks and capturing change it."""

from __future__ import annotations

import json
import random
import struct
from dataclasses import replace
from typing import Any

from frames import LOOP, NULL, RAW, SLL, SLL2, Endpoint, foreign, frame, in_fragments, quoted, tagged, with_options
from ledger import Put, Scene
from sender import MS, START_NS, US, Sender

PORT = 21_076
HOST, NODE = "192.0.2.10", "198.51.100.20"
HOST6, NODE6 = "2001:db8::10", "2001:db8:1::20"
SERVICE = (NODE, PORT)


def session() -> Scene:
    """A session, and beside it pings that an open node answers."""
    scene = Scene(
        "session.pcap",
        "scenes of traffic, written by scapy as pcap with ns",
        "A session: sealed HELLO and WELCOME, eight prompts as REQUEST, each with a RESPONSE of three fragments and "
        "then tokens as STREAM, CLOSE. From another socket 40 PING with their PONG and a CLOSE that asks for the "
        "tally. Both directions, nothing lost.",
        "session.pcap --summary",
    )
    client = Sender(scene, (HOST, 50_100), SERVICE, first=1)
    server = Sender(scene, SERVICE, (HOST, 50_100), first=7_000, delay_ns=210 * US)
    now = START_NS
    client.send(now, client.dice.randbytes(96), kind="HELLO", priority=200, flags="SEALED")
    server.send(now + MS, server.dice.randbytes(48), kind="WELCOME", priority=200, flags="SEALED")
    now += 2 * MS
    context = 0x5EED0001
    for turn in range(8):
        prompt = f"prompt {turn}: what does the plant report?".encode()
        client.send(now, prompt, kind="REQUEST", priority=192, flags="ECHO", context_hash=context)
        now += 3 * MS
        answer = [f"answer {turn}, part {part}. ".encode() * 20 for part in range(3)]
        now = server.message(now, answer, kind="RESPONSE", priority=192, context_hash=context)
        for token in range(40):
            server.send(
                now, f" token{turn:02}{token:02}".encode(), kind="STREAM", flags="METERED", context_hash=context
            )
            now += 800 * US + server.dice.randrange(400 * US)
        context += 1
    client.send(now, kind="CLOSE", priority=200)
    server.send(now + MS, kind="CLOSE", priority=200)
    _pings(scene)
    scene.sort()
    return scene


def _pings(scene: Scene) -> None:
    """An open node's answers are the questions with another kind, so they have the same numbers (RTTP-6.2)."""
    asking = Sender(scene, (HOST, 50_101), SERVICE, first=0)
    open_node = Sender(scene, SERVICE, (HOST, 50_101), first=0, delay_ns=190 * US)
    now, octets = START_NS + 500 * US, 0
    for _ in range(40):
        payload = asking.dice.randbytes(32)
        octets += 64 + len(payload)
        asking.send(now, payload, kind="PING", priority=255)
        open_node.send(now + MS, payload, kind="PONG", priority=255)
        now += 9 * MS
    tally = struct.pack("!18Q", 1, 40, 40, octets, 0, 12, *[0] * 12)
    asking.send(now, bytes(len(tally)), kind="CLOSE", flags="ECHO")
    open_node.send(now + MS, tally, kind="CLOSE")


def envelope(turn: int, time_ns: int) -> bytes:
    """A JSON envelope (RTTP-13.1)."""
    document = {
        "header": {"version": 1, "priority": 160, "timestamp": time_ns // MS},
        "meta": {"task_id": f"task-{turn}", "from": "planner", "to": "worker", "agent_role": "executor"},
        "payload": {"type": "text", "content": f"step {turn}: grüße"},
        "context": {"memory_hash": "5eed0001", "context_state": "warm"},
    }
    return json.dumps(document, ensure_ascii=False).encode()


def dialects() -> Scene:
    """One flow for each dialect."""
    scene = Scene(
        "dialects.pcap",
        "scenes of traffic, written by scapy as pcap with ns",
        "One flow of 12 datagrams for each dialect: rttp1, struct74 in either byte order (both are guesses), rfc64, "
        "pulse128, JSON envelopes, and REQUEST pulses whose payload is an envelope.",
        "dialects.pcap --fields packet,dialect,ground,priority,seq_id,sequence,envelope",
    )
    senders = [Sender(scene, (HOST, 50_200), SERVICE, first=10)]
    senders += [Sender(scene, (HOST, 50_201), SERVICE, "struct74", "big", first=20)]
    senders += [Sender(scene, (HOST, 50_202), SERVICE, "struct74", "little", first=30)]
    senders += [Sender(scene, (HOST, 50_203), SERVICE, "rfc64")]
    senders += [Sender(scene, (HOST, 50_204), SERVICE, "pulse128", first=2**70)]
    for turn in range(12):
        now = START_NS + turn * 10 * MS
        senders[0].send(now, b"rttp1 payload", flags="METERED", context_hash=turn)
        # No kind of rttp1 has this low octet, or it would be one.
        for sender in senders[1:3]:
            sender.send(now + MS, b"struct74 payload", type=0x0907, fec_data=bytes([turn, 1, 2, 3]))
        senders[3].send(now + 2 * MS, b"rfc64 payload", flags=3, bid=10**12 + turn, semantic_hash=2**63 + turn, ttl=9)
        anchored: dict[str, Any] = {"spec_rev": 1, "flags": 1, "action": b"say-hello"} if turn % 2 else {}
        senders[4].send(now + 3 * MS, b"pulse128 payload", priority=90 + turn, **anchored)
        _envelopes(scene, turn, now + 4 * MS)
    scene.sort()
    return scene


def _envelopes(scene: Scene, turn: int, now: int) -> None:
    source: Endpoint = (HOST, 50_205)
    text = envelope(turn, now)
    scene.add(now + 200 * US, frame(source, SERVICE, text), Put(source, SERVICE, "json", len(text), envelope=True))
    carrier = Sender(scene, (HOST, 50_206), SERVICE, first=40 + turn)
    put, data = carrier.pulse(now + MS, text, kind="REQUEST", flags="ECHO", priority=160)
    carrier.arrive(now + MS + 200 * US, data, replace(put, envelope=True))


def snapshot() -> Scene:
    """A context of 512 fragments with repair symbols, and control pulses beside it."""
    scene = Scene(
        "snapshot.pcapng",
        "scenes of traffic, written by hand as pcapng: scapy writes no clock of ns",
        "A context snapshot of 512 fragments and 32 repair symbols of which 20 fragments are lost (recoverable), a "
        "delta of 64 and 4 of which 9 are lost (incomplete), one of 8 and 4 that is whole, and 60 EXPECT pulses of "
        "priority 250 in between. Repair symbols are noise of the right length.",
        "snapshot.pcapng --messages",
    )
    sender = Sender(scene, (NODE, PORT), (HOST, 50_300), first=90_000)
    control = Sender(scene, (NODE, PORT), (HOST, 50_301), first=5)
    dice = random.Random("snapshot")
    fragments = [dice.randbytes(96) for _ in range(511)] + [dice.randbytes(40)]
    lost = frozenset(dice.sample(range(512), 20))
    now = sender.message(
        START_NS, fragments, repair=32, lost=lost, kind="SNAPSHOT", priority=100, context_hash=0xC0FFEE01
    )
    delta = [dice.randbytes(96) for _ in range(64)]
    lost = frozenset([0, *dice.sample(range(1, 64), 8)])
    now = sender.message(now + MS, delta, repair=4, lost=lost, kind="DELTA", priority=110, context_hash=0xC0FFEE02)
    whole = [dice.randbytes(96) for _ in range(8)]
    now = sender.message(now + MS, whole, repair=4, kind="DELTA", priority=110, context_hash=0xC0FFEE03)
    for turn in range(60):
        at = START_NS + turn * (now - START_NS) // 60
        control.send(at, struct.pack("!IQ", 90_000 + 10 * turn, at + 3 * MS), kind="EXPECT", priority=250)
    scene.sort()
    return scene


def loss_and_reorder() -> Scene:
    """What a network and a restart do to numbers."""
    scene = Scene(
        "loss-and-reorder.pcap",
        "scenes of traffic, written by scapy as pcap with ns",
        "A flow of 240 pulses whose numbers wrap after 100, of which 9 are lost, 6 come late and 5 twice; a flow of "
        "120 whose sender starts anew after 60 with another number, 2 and 3 of each half being lost.",
        "loss-and-reorder.pcap --filter 'order != new or missing > 0'",
    )
    sender = Sender(scene, (HOST, 50_400), SERVICE, first=2**32 - 100)
    lost, late, twice = {7, 8, 9, 50, 99, 100, 140, 141, 230}, {20, 21, 98, 101, 160, 200}, {30, 31, 102, 161, 200}
    for turn in range(240):
        now = START_NS + turn * MS
        put, data = sender.pulse(now, b"tick")
        sender.send(now, b"tick", lost=turn in lost, late_ns=3_500 * US if turn in late else 0)
        if turn in twice:
            sender.arrive(now + 5 * MS, data, put)
    other = Sender(scene, (HOST, 50_401), SERVICE, first=900_000_000)
    for turn in range(120):
        if turn == 60:
            other.restart(17)
        other.send(START_NS + turn * 2 * MS, b"tock", lost=turn in {10, 40, 70, 71, 90})
    scene.sort()
    return scene


def other_port() -> Scene:
    """Pulses where nobody looks for them."""
    scene = Scene(
        "other-port.pcap",
        "scenes of traffic, written by scapy as pcap with ns",
        "40 pulses to UDP port 4433 and their answers.",
        "other-port.pcap --any-port",
        options=["--port", "4433"],
    )
    there = Sender(scene, (HOST, 50_500), (NODE, 4433), first=1)
    back = Sender(scene, (NODE, 4433), (HOST, 50_500), first=1)
    for turn in range(40):
        there.send(START_NS + turn * 5 * MS, b"question", kind="REQUEST", flags="ECHO")
        back.send(START_NS + turn * 5 * MS + MS, b"question", kind="RESPONSE")
    scene.sort()
    return scene


def on_links() -> list[Scene]:
    """A capture for each link type but Ethernet."""
    return [_on_link(*row) for row in (("null", NULL), ("loop", LOOP), ("raw", RAW), ("sll", SLL), ("sll2", SLL2))]


def _on_link(name: str, link: int) -> Scene:
    scene = Scene(
        f"link-{name}.pcap",
        "scenes of traffic, written by scapy as pcap with ns",
        f"20 pulses over IPv4 and 20 over IPv6 with link type {link}.",
        f"link-{name}.pcap",
        link=link,
    )
    four = Sender(scene, (HOST, 50_600), SERVICE, first=100)
    six = Sender(scene, (HOST6, 50_601), (NODE6, PORT), first=200)
    for turn in range(20):
        four.send(START_NS + turn * MS, b"over IPv4", priority=100 + turn)
        six.send(START_NS + turn * MS + 500 * US, b"over IPv6", priority=10 + turn)
    scene.sort()
    return scene


def mixed() -> Scene:
    """Pulses among everything else, in every wrapping."""
    scene = Scene(
        "mixed.pcap",
        "scenes of traffic, written by scapy as pcap with ns",
        "All packets of foreign.pcap, and pulses among them: plain, with a VLAN tag, with two (QinQ), with IPv4 "
        "options, behind IPv6 extension headers; one of 4,000 bytes in IPv4 fragments that come out of order and one "
        "in IPv6 fragments; one of which a fragment is lost. An ICMP error quotes a pulse, which is none for that.",
        "mixed.pcap --fields packet,source,source_port,vlan,length,kind,seq_id",
    )
    foreigners = foreign()
    plain = Sender(scene, (HOST, 50_700), SERVICE, first=1)
    single = Sender(scene, (HOST, 50_701), SERVICE, first=1, make_frame=lambda a, b, d: tagged(a, b, d, 21))
    double = Sender(scene, (HOST, 50_702), SERVICE, first=1, make_frame=lambda a, b, d: tagged(a, b, d, 21, 100))
    optional = Sender(scene, (HOST, 50_703), SERVICE, first=1, make_frame=with_options)
    extended = Sender(scene, (HOST6, 50_704), (NODE6, PORT), first=1, make_frame=with_options)
    for turn in range(30):
        now = START_NS + turn * 10 * MS
        for at, sender in enumerate((plain, single, double, optional, extended)):
            sender.send(now + at * MS, f"turn {turn}".encode(), priority=120 + at)
        if turn < len(foreigners):
            reason, data = foreigners[turn]
            scene.add(now + 6 * MS, data, reason)
    now = START_NS + 300 * MS
    put, data = plain.pulse(now, bytes(range(100)) * 40)
    _fragmented(scene, plain, put, in_fragments(put.source, put.destination, data, 0x2107), (0, 2, 1), now)
    plain.number += 1
    put, data = extended.pulse(now + MS, bytes(range(100)) * 40)
    _fragmented(scene, extended, put, in_fragments(put.source, put.destination, data, 0x2108), (0, 1, 2), now + MS)
    put, data = plain.pulse(now + 2 * MS, bytes(range(100)) * 40)
    first, _, last = in_fragments(put.source, put.destination, data, 0x2109)
    for part in (first, last):
        scene.add(now + 2 * MS + 200 * US, part, "ip_fragments_lost")
    put, data = plain.pulse(now + 3 * MS, b"nobody is there")
    scene.add(now + 3 * MS, quoted(put.source, put.destination, data), "not_udp")
    scene.sort()
    return scene


def _fragmented(scene: Scene, sender: Sender, put: Put, parts: list[bytes], way: tuple[int, ...], now: int) -> None:
    """The last fragment to come stands for its datagram."""
    if len(parts) != len(way):
        raise ValueError(f"{len(parts)} fragments, expected {len(way)}")
    for place, part in enumerate(way):
        last = place == len(way) - 1
        scene.add(now + sender.delay_ns + place * 20 * US, parts[part], put if last else "ip_fragments")


def only_foreign() -> Scene:
    """No pulse."""
    scene = Scene(
        "foreign.pcap",
        "packets of other protocols, written by scapy as pcap with ns",
        "DNS, DHCP, QUIC-looking UDP, mDNS, SSDP, text that begins with the magic, ICMP, TCP (to port 21076 too), "
        "ARP, spanning tree, LLDP, and IP and UDP headers that are cut off or lie. No pulse.",
        "foreign.pcap --any-port --summary",
    )
    for at, (reason, data) in enumerate(foreign()):
        scene.add(START_NS + at * 3 * MS, data, reason)
    return scene


def snapped() -> Scene:
    """What a snap length of 128 leaves."""
    scene = Scene(
        "snapped.pcap",
        "scenes of traffic, written by scapy as pcap with ns and snap length 128",
        "15 pulses of each of nine flows, of which 128 bytes of packet are kept. rttp1, struct74 and rfc64 over IPv4 "
        "lose payload, sealed ones their tag; rttp1 over IPv6 with the tail for FEC keeps the first two bytes of it, "
        "which is what its rules need. The rest cannot be judged: pulse128, struct74 over IPv6, and the tail for FEC "
        "where only 126 bytes of packet are kept (in the last flow every second pulse has one).",
        "snapped.pcap --fields packet,dialect,length,captured,payload_length,reject",
    )
    six, node6 = HOST6, (NODE6, PORT)
    plain = Sender(scene, (HOST, 50_800), SERVICE, first=1, keep=128)
    sealed = Sender(scene, (HOST, 50_801), SERVICE, first=1, keep=128)
    struct = Sender(scene, (HOST, 50_802), SERVICE, "struct74", first=1, keep=128)
    rfc = Sender(scene, (HOST, 50_803), SERVICE, "rfc64", keep=128)
    tailed = Sender(scene, (six, 50_804), node6, first=1, keep=128)
    unjudged = [Sender(scene, (HOST, 50_805), SERVICE, "pulse128", first=1, keep=128)]
    unjudged += [Sender(scene, (six, 50_806), node6, "struct74", first=1, keep=128)]
    unjudged += [Sender(scene, (six, 50_807), node6, first=1, keep=126)]
    either = Sender(scene, (six, 50_808), node6, first=1, keep=126)
    fec: dict[str, Any] = {"flags": "FEC", "fec_repair": 2, "fec_last_length": 50}
    values_of: list[dict[str, Any]] = [{}, {"type": 0x0907}, fec]
    for turn in range(15):
        now = START_NS + turn * 10 * MS
        plain.send(now, bytes(200 + turn), kind="STREAM")
        sealed.send(now + MS, bytes(200), kind="HELLO", flags="SEALED")
        struct.send(now + 2 * MS, bytes(200), type=0x0907)
        rfc.send(now + 3 * MS, bytes(200))
        tailed.send(now + 4 * MS, bytes(50), **fec)
        for at, (sender, values) in enumerate(zip(unjudged, values_of, strict=True)):
            put, data = sender.pulse(now + (5 + at) * MS, bytes(50), **values)
            sender.number += 1
            sender.arrive(sender.arrival(now + (5 + at) * MS), data, replace(put, cut=True))
        # That its flow is rttp1 is known here, and the tail is missing all the same.
        put, data = either.pulse(now + 8 * MS, bytes(50), **(fec if turn % 2 else {}))
        either.number += 1
        either.arrive(either.arrival(now + 8 * MS), data, replace(put, cut=turn % 2 == 1))
    scene.sort()
    return scene
