"""Traces and captures that a profile names, through the core's reader."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from rttp_cli import _core


class TraceFile(Protocol):
    """What a profile asks of a trace (`_core.Trace`)."""

    @property
    def entries(self) -> int:
        """Messages in it."""

    @property
    def duration_ns(self) -> int:
        """From the first message to the last."""

    @property
    def has_sizes(self) -> bool:
        """Whether its messages have sizes."""

    @property
    def has_priorities(self) -> bool:
        """Whether its messages have priorities."""

    def sizes(self) -> list[tuple[int, int]]:
        """Payload bytes and how often, ascending; at most 65,536 rows."""


def load_trace(path: Path) -> TraceFile:
    """The trace or capture in a file. Raises `_core.CoreError` (slug, text) for one that cannot be used."""
    return _core.Trace.load(str(path))
