"""A node that receives and answers, on a thread of the core."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rttp_cli import _core
from rttp_cli.errors import core_failures
from rttp_cli.host import check_fifo, check_receive_buffer
from rttp_cli.wire.address import resolve


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """How a node listens."""

    listen: str = "127.0.0.1:21076"
    """HOST, HOST:PORT or [IPv6]:PORT; port 0 takes a free one."""
    echo: bool = True
    spin: bool = False
    core: int | None = None
    fifo: int | None = None
    awake: bool = True
    lock_memory: bool = False
    receive_buffer: int = 16 << 20
    """Bytes."""

    def __post_init__(self) -> None:
        check_fifo(self.fifo, spin=self.spin)
        check_receive_buffer(self.receive_buffer)


class Node:
    """A running node; as a context manager it ends with the block. Raises `RttpError` when it cannot listen."""

    def __init__(self, options: NodeOptions) -> None:
        with core_failures():
            self._server = _core.Server(
                listen=resolve(options.listen, any_port=True),
                echo=options.echo,
                spin=options.spin,
                core=options.core,
                fifo=options.fifo or None,
                awake=options.awake,
                lock_memory=options.lock_memory,
                receive_buffer=options.receive_buffer,
            )
        self.address = self._server.address
        self._summary: _core.ServerDict | None = None

    def wait(self, seconds: float) -> bool:
        """Waits for Ctrl-C or SIGTERM, at most so long; whether one came. Ctrl-C is `KeyboardInterrupt`."""
        return self._server.wait(seconds)

    def progress(self) -> tuple[int, int, int]:
        """Datagrams received, answered, rejected so far."""
        return self._server.progress()

    def live(self) -> _core.TallyDict:
        """Its counts so far, rejects by slug."""
        return self._server.live()

    def finish(self) -> _core.ServerDict:
        """Stops it and gives its counts; the same again when asked again."""
        if self._summary is None:
            self._summary = self._server.finish()
        return self._summary

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
