"""The server of metrics: what it answers, whom it does not wait for, where its thread sits, and that it ends."""

import errno
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from rttp_cli.errors import RttpError
from rttp_cli.host import aside
from rttp_cli.metrics import Exporter, exporter

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0"


class Collector:
    """A counter, and the class of the thread that asked for it."""

    def __init__(self) -> None:
        self.policy: int | None = None

    def collect(self) -> Iterator[Metric]:
        self.policy = os.sched_getscheduler(0)
        yield CounterMetricFamily("rttp_test", "A test.", 1)


class Answer(NamedTuple):
    status: int
    kind: str
    text: str


def ask(url: str, method: str = "GET", accept: str | None = None) -> Answer:
    request = urllib.request.Request(url, method=method, headers={} if accept is None else {"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, answer.headers["Content-Type"], answer.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, "", "")


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(aside, "_LOOKS", 1)
    with Exporter("127.0.0.1:0") as server, server.exposing(Collector()):
        yield server.url


def connected(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").removesuffix("/metrics").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, PLAIN),
        ("text/html", PLAIN),
        (
            "application/openmetrics-text; version=1.0.0, text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0",
        ),
        ("application/openmetrics-text; version=none", PLAIN),
        ("text/plain; version=;;=,=;q", PLAIN),
    ],
)
def test_a_scrape_gets_the_format_that_it_accepts(url: str, accept: str | None, kind: str) -> None:
    answer = ask(url, accept=accept)
    assert answer.status == 200 and answer.kind.startswith(kind), answer
    assert "rttp_test_total 1.0\n" in answer.text


def test_there_is_nothing_else_to_get(url: str) -> None:
    top = url.removesuffix("/metrics")
    assert "/metrics" in ask(top + "/").text
    assert ask(url + "?name[]=other").status == 200
    assert [ask(top + path).status for path in ("/metrics/", "/../etc/passwd", "/%6detrics")] == [404] * 3
    assert [ask(url, method).status for method in ("POST", "PUT", "DELETE", "HEAD")] == [501] * 4


@pytest.mark.parametrize(
    "bytes_",
    [
        b"",
        b"\0" * 10_000,
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200,
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_a_request_that_is_none_is_not_the_end(url: str, bytes_: bytes) -> None:
    with connected(url) as own:
        own.sendall(bytes_)
        own.shutdown(socket.SHUT_WR)
        while own.recv(65_536):
            pass
    assert ask(url).status == 200


def test_a_client_that_is_slow_to_ask_is_left_after_a_while_however_it_drips(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "PATIENCE_S", 0.2)
    over = threading.Event()
    with connected(url) as own:

        def drip() -> None:
            own.sendall(b"GET /metrics HTTP/1.0\r\nx: ")
            while not over.wait(0.02):
                try:
                    own.sendall(b"y")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            assert ask(url).status == 200
        finally:
            over.set()
            thread.join(30)


def test_a_client_that_goes_away_is_no_event(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        with connected(url) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            own.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert ask(url).status == 200
    assert capfd.readouterr() == ("", "")


def test_its_thread_takes_idle_time_while_the_run_lasts_and_ordinary_time_after_it() -> None:
    collector = Collector()
    with Exporter("127.0.0.1:0") as server:
        with server.exposing(collector, after="nobody"):
            ask(server.url)
            during = collector.policy
        ask(server.url)
    assert (during, collector.policy) == (os.SCHED_IDLE, os.SCHED_OTHER)


def test_closing_ends_the_thread_at_once_and_frees_the_port() -> None:
    with Exporter("127.0.0.1:0") as server, server.exposing(Collector(), after="nobody"):
        url, began = server.url, time.monotonic()
    assert time.monotonic() - began < 30
    assert not any(thread.name == "metrics" for thread in threading.enumerate())
    with Exporter(url.removeprefix("http://").removesuffix("/metrics")) as again:
        assert again.url == url


def test_ctrl_c_ends_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> bool:
        raise KeyboardInterrupt

    with Exporter("127.0.0.1:0") as server:
        monkeypatch.setattr(server._done, "wait", interrupted)
        server.linger(3600.0)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:0", r"metrics on http://127\.0\.0\.1:\d+/metrics"),
        ("[::1]:0", r"metrics on http://\[::1\]:\d+/metrics"),
        ("0.0.0.0:0", r"metrics on http://0\.0\.0\.0:\d+/metrics, for everybody who can reach that address"),
        ("[::]:0", r"metrics on http://\[::\]:\d+/metrics, for everybody who can reach that address"),
    ],
)
def test_it_says_where_it_listens_and_who_else_can_read(address: str, said: str) -> None:
    with Exporter(address) as server:
        assert re.fullmatch(said, server.announcement)
        assert not server.url.endswith(":0/metrics")


def test_an_address_that_cannot_be_had_says_why() -> None:
    with Exporter("127.0.0.1:0") as taken:
        address = taken.url.removeprefix("http://").removesuffix("/metrics")
        with pytest.raises(RttpError) as refused:
            Exporter(address)
    assert refused.value.slug == "address-in-use" and address in refused.value.message
    with pytest.raises(RttpError) as refused:
        Exporter("192.0.2.1:0")
    assert refused.value.slug == "no-such-address"
    with pytest.raises(RttpError) as refused:
        Exporter("9464:x")
    assert refused.value.slug == "bad-target"


SENDER, ANY = "rttp-sender", os.SCHED_OTHER


def test_where_the_kernel_refuses_it_serves_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(aside._core, "idle_thread", refuse)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with Exporter("127.0.0.1:0") as server, server.exposing(Collector(), after="nobody"):
        assert ask(server.url).status == 200
