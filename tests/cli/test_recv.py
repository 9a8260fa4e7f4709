"""`rttp recv`: it says where it listens, answers what asks for it, counts the rest by rule, and ends as it is told."""

import json
import signal
import socket

import pytest
from loopback.ends import (
    ECHO,
    HEADER,
    KIND,
    Program,
    Receiver,
    asking,
    error_of,
    pulse,
    refused,
    rttp,
    wait_until,
    wait_until_it_waits,
)

from rttp_cli import _core
from rttp_cli.session.node import NodeOptions

QUESTION = pulse("CLOSE", bytes(512), flags=ECHO)
"""Asks for the counters; answered with and without --echo."""


def kind_of(datagram: bytes) -> object:
    return _core.parse(datagram).fields["kind"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_answers_a_ping_with_the_same_bytes_as_a_pong(host: str) -> None:
    with Receiver("--echo", host=host) as receiver, asking(receiver.socket_address) as ask:
        ping = pulse("PING", b"\xa5" * 36, seq_id=7, priority=200)
        pong = ask(ping)
        assert len(pong) == len(ping)
        assert pong[HEADER:] == ping[HEADER:]
        fields = _core.parse(pong).fields
        assert (fields["kind"], fields["seq_id"], fields["priority"]) == (KIND["PONG"], 7, 200)
        summary = receiver.summary()
    assert (summary["received"], summary["answered"], summary["bytes"], summary["rejects"]) == (1, 1, 100, {})


def test_it_says_where_it_listens_and_that_nothing_is_sealed() -> None:
    with Receiver("--echo") as receiver:
        assert receiver.socket_address[1] != 0, "port 0 is replaced by the one it got"
        assert receiver.greeting == f"listening on {receiver.address}, answering, open (no session, no seal)\n"
    with Receiver() as receiver:
        assert receiver.greeting == f"listening on {receiver.address}, counting, open (no session, no seal)\n"


def test_without_echo_it_counts_and_does_not_answer() -> None:
    with Receiver() as receiver, asking(receiver.socket_address) as ask:
        # Answers come in order: the first one is to the question, so the pulses before it got none.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.connect(receiver.socket_address)
            other.send(pulse("PING", bytes(10)))
            other.send(pulse("REQUEST", bytes(10), flags=ECHO))
            other.send(pulse("DATA", bytes(10), flags=ECHO))
            other.send(QUESTION)
            other.settimeout(30)
            assert kind_of(other.recv(65_536)) == KIND["CLOSE"]
        assert kind_of(ask(QUESTION)) == KIND["CLOSE"]
        summary = receiver.summary()
    assert (summary["received"], summary["answered"], summary["bytes"]) == (3, 0, 3 * 74)


def test_rejected_datagrams_are_counted_by_their_rule_and_never_answered() -> None:
    bad = [
        (b"", "truncated"),
        (b"\x01", "truncated"),
        (pulse("PING")[:63], "truncated"),
        (pulse("PING", version=2), "bad-version"),
        (b"\xff" * 1_200, "bad-version"),
        (pulse(0x7F), "unknown-kind"),
        (pulse(0), "unknown-kind"),
        (pulse("PING", flags=0x01), "unknown-flag"),
        (pulse("PING", fragment_count=0), "fragment-count-zero"),
        (pulse("CLOSE", bytes(8), flags=ECHO), "amplification"),
    ]
    with Receiver("--echo") as receiver, asking(receiver.socket_address) as ask:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.connect(receiver.socket_address)
            for datagram, _ in bad:
                other.send(datagram)
            other.send(pulse("PING", seq_id=99))
            other.settimeout(30)
            answer = _core.parse(other.recv(65_536)).fields
            assert (answer["kind"], answer["seq_id"]) == (KIND["PONG"], 99), "nothing before it was answered"
        ask(QUESTION)
        summary = receiver.summary()
    slugs = [slug for _, slug in bad]
    assert summary["rejects"] == {slug: slugs.count(slug) for slug in slugs}
    # Questions for the counters are not counted, the refused one among them.
    assert (summary["received"], summary["answered"]) == (len(bad), 1)


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_a_summary_on_stdout(by: signal.Signals, code: int) -> None:
    with Program("recv", "--echo", "-l", "127.0.0.1:0") as program:
        address = program.first_line().removeprefix("listening on ").partition(",")[0]
        with asking(("127.0.0.1", int(address.rpartition(":")[2]))) as ask:
            ask(pulse("PING", bytes(36)))
            ask(pulse("PING", bytes(36)))
        wait_until_it_waits(program.process)
        done = program.stop(by)
    assert done.returncode == code, done.stderr
    first, second, third, fourth = done.stdout.splitlines()[:4]
    assert first == "received   2 datagrams, 200 B"
    assert second == "answered   2"
    assert third == "rejected   0"
    assert fourth.startswith("dropped    0 in the receive buffer (")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_summary_as_json_is_all_there_is_on_stdout(by: signal.Signals, code: int) -> None:
    with Receiver("--echo") as receiver, asking(receiver.socket_address) as ask:
        ask(pulse("PING"))
        wait_until_it_waits(receiver.process)
        done = receiver.stop(by)
    assert done.returncode == code, done.stderr
    summary = json.loads(done.stdout)
    assert summary.keys() == {
        "received",
        "answered",
        "bytes",
        "buffer_drops",
        "rejects",
        "answers_dropped",
        "receive_buffer",
        "syscalls",
        "usage",
        "asked",
    }
    assert (summary["received"], summary["answered"], summary["bytes"]) == (1, 1, 64)


def test_quiet_says_nothing_but_the_summary() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with Program("recv", "--echo", "--quiet", "--json", "-l", f"127.0.0.1:{port}") as program:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.connect(("127.0.0.1", port))
            own.settimeout(0.1)

            def answered() -> bool:
                try:
                    own.send(pulse("PING"))
                    return bool(own.recv(65_536))
                except (TimeoutError, ConnectionRefusedError):
                    return False

            # It does not say when it listens: ask until it answers.
            wait_until("an answer", answered)
        wait_until_it_waits(program.process)
        done = program.stop(signal.SIGTERM)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["answered"] >= 1


def test_a_busy_port_is_the_hosts_fault_and_named() -> None:
    with Receiver() as receiver:
        done = rttp("recv", "-l", receiver.address)
        assert error_of(done) == (5, "address-in-use")
        assert receiver.address in done.stderr


def test_an_address_of_another_host_cannot_be_listened_on() -> None:
    assert error_of(rttp("recv", "-l", "192.0.2.1:0")) == (5, "no-such-address")
    assert error_of(rttp("recv", "-l", "[2001:db8::1]:0")) == (5, "no-such-address")


@pytest.mark.parametrize("listen", ["", ":::", "[::1", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:-1", "a..b:1"])
def test_what_is_no_address_cannot_be_listened_on(capsys: pytest.CaptureFixture[str], listen: str) -> None:
    assert refused(capsys, "recv", "-l", listen) == (2, "bad-target")


@pytest.mark.parametrize(
    "options",
    [
        ("--fifo", "100"),
        ("--fifo", "-1"),
        ("--fifo", "50", "--spin"),
        ("--pin", "99999"),
        ("--pin", "0,1"),
        ("--pin", "auto"),
        ("--receive-buffer", "lots"),
    ],
)
def test_options_beside_their_range_are_refused(capsys: pytest.CaptureFixture[str], options: tuple[str, ...]) -> None:
    assert refused(capsys, "recv", "-l", "127.0.0.1:0", *options) == (2, "bad-option")


@pytest.mark.parametrize("options", [("--nonsense",), ("--fifo", "x"), ("stray",)])
def test_what_cannot_be_understood_is_refused(capsys: pytest.CaptureFixture[str], options: tuple[str, ...]) -> None:
    assert refused(capsys, "recv", *options) == (2, "usage")


def test_by_default_it_listens_to_this_host_alone() -> None:
    assert NodeOptions().listen == "127.0.0.1:21076"
    # The port may be taken by somebody else's node; then the refusal names it.
    with Program("recv") as program:
        assert "127.0.0.1:21076" in program.first_line()
