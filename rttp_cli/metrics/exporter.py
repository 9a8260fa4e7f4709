"""A small HTTP server for `GET /metrics`: one connection at a time, each with a deadline, on a thread of idle class."""

from __future__ import annotations

import contextlib
import errno
import io
import ipaddress
import os
import re
import selectors
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import Buffer

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.host.aside import step_aside, step_back
from rttp_cli.wire.address import resolve

PATH = "/metrics"
PATIENCE_S = 2.0
"""A request that has not come by then, and an answer that is not taken in as long, ends its connection."""
NOTICED_WITHIN_S = 0.2
"""A signal, while nothing but that is waited for."""
WAITING = 4
"""Connections that wait while one is answered; the kernel has others try again."""


class Exporter:
    """A socket that listens for scrapes; they are answered from `exposing` on until the exporter is closed.

    A scrape reads what the collector sees at that moment and touches nothing else. Raises `RttpError`: the address is
    none, or cannot be had.
    """

    def __init__(self, address: str) -> None:
        self._server = _listen(address)
        self._over, self._wake = socket.socketpair()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where to scrape, with the port that was free if 0 was asked for."""
        host, port = self._where
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"

    @property
    def announcement(self) -> str:
        """A line for people: where it listens, and who can read it if that is not this host alone."""
        loopback = ipaddress.ip_address(self._where[0].partition("%")[0]).is_loopback
        return f"metrics on {self.url}" + ("" if loopback else ", for everybody who can reach that address")

    @property
    def _where(self) -> tuple[str, int]:
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    @contextlib.contextmanager
    def exposing(self, collector: Collector, after: str = "rttp-sender") -> Iterator[None]:
        """Answers scrapes from a thread that keeps out of the way of a run, which the block lasts.

        `after` is the thread of the core whose seat shows where the way is. Scrapes are answered after the block, too.
        """
        self._server.collector = collector
        self._thread = threading.Thread(target=self._answer, args=(after,), name="metrics", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            step_back(self._thread)

    def linger(self, seconds: float) -> None:
        """Keeps answering for so long; Ctrl-C and SIGTERM end it."""
        signals, until = _core.StopSignals(), time.monotonic() + seconds
        with contextlib.suppress(KeyboardInterrupt):
            while not signals.seen and (left := until - time.monotonic()) > 0:
                self._done.wait(min(left, NOTICED_WITHIN_S))

    def close(self) -> None:
        """Ends the thread and frees the port."""
        self._done.set()
        self._wake.close()
        if self._thread is not None:
            self._thread.join(PATIENCE_S / 4)
        self._server.server_close()
        self._over.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, after: str) -> None:
        step_aside(after, self._done)
        with selectors.DefaultSelector() as selector:
            selector.register(self._over, selectors.EVENT_READ)
            selector.register(self._server, selectors.EVENT_READ)
            while not self._done.is_set():
                selector.select()
                self._server.handle_request()


class _Server(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = WAITING
    # `handle_request` looks once: the thread sleeps in its own selector, where the end wakes it too.
    timeout = 0
    collector: Collector

    def server_bind(self) -> None:
        super().server_bind()
        # A connection that is gone before it is accepted must not stop the thread.
        self.socket.setblocking(False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away concerns nobody here."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "rttp", ""

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(PATIENCE_S)
        self.rfile = io.BufferedReader(_Impatient(self.connection))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == PATH:
            encode, kind = _encoder(self.headers.get("Accept", ""))
            self._reply(HTTPStatus.OK, kind, encode(self.server.collector))
        elif path == "/":
            self._reply(HTTPStatus.OK, "text/plain; charset=utf-8", f"rttp: see {PATH}\n".encode())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _reply(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: scrapes are no news."""


class _Impatient(io.RawIOBase):
    """A connection's bytes until a moment: a timeout of the socket alone begins anew with every byte."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._until = connection, time.monotonic() + PATIENCE_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(PATIENCE_S)


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # The library compares versions that are no numbers. Whoever asks for one may take the oldest format.
        return choose_encoder("")


def _listen(address: str) -> _Server:
    """Raises `RttpError`."""
    if not re.search(r":\d+$", address) or (address.count(":") > 1 and "]" not in address):
        raise RttpError("bad-target", f"metrics on `{address}`: a port is missing", "such as 127.0.0.1:9464")
    found = resolve(address, any_port=True)
    host, _, port = found.rpartition(":")
    kind = _Server6 if host.startswith("[") else _Server
    try:
        return kind((host.strip("[]"), int(port)), _Handler)
    except OSError as error:
        slug = {
            errno.EADDRINUSE: "address-in-use",
            errno.EADDRNOTAVAIL: "no-such-address",
            errno.EACCES: "forbidden",
        }.get(error.errno or 0, "socket")
        hint = "choose another with --metrics HOST:PORT; port 0 takes a free one"
        raise RttpError(slug, f"metrics on {found}: {os.strerror(error.errno or 0).lower()}", hint) from error
