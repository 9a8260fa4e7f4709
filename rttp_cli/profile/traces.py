"""Traces and captures that a profile names, through the core's reader."""

from pathlib import Path

from rttp_cli import _core


def load_trace(path: Path) -> _core.Trace:
    """The trace or capture in a file. Raises `_core.CoreError` (slug, text) for one that cannot be used."""
    return _core.Trace.load(str(path))
