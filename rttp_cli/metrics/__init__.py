"""The metrics room: what a run or a node has counted so far, for Prometheus over HTTP.

It reads counts that others make; it never measures, never decides and never prints.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rttp_cli.metrics.exporter import Exporter
from rttp_cli.metrics.families import NodeMetrics, RunMetrics

if TYPE_CHECKING:
    from rttp_cli.bench import Request
    from rttp_cli.bench.run import Look, Watcher

__all__ = ["Exporter", "NodeMetrics", "RunMetrics", "watcher"]


def watcher(exporter: Exporter, request: Request) -> Watcher:
    """For `bench.run`: exposes the run's figures while it lasts, and its last ones until the exporter is closed."""

    @contextlib.contextmanager
    def watch(look: Look) -> Iterator[None]:
        figures = RunMetrics(request, look)
        try:
            with exporter.exposing(figures):
                yield
        finally:
            figures.freeze()

    return watch
