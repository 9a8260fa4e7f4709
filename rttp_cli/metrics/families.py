"""Counts of a run and of a node as metric families; docs/METRICS.md lists every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)

from rttp_cli import _core
from rttp_cli.bench.request import mean_rate

if TYPE_CHECKING:
    from rttp_cli.bench import Progress, Request
    from rttp_cli.session import Node

_CELLS_A_BUCKET = 2
_BUCKETS = 47
BOUNDS_S = tuple(float(f"{1e-6 * 2 ** (i / 2):.4g}") for i in range(1, _BUCKETS + 1))
"""Upper ends of the buckets: two an octave from 1 µs to 12 s, which are every second end of `LiveDict.tail`'s cells."""
QUANTILES = ("0.5", "0.99", "0.999", "0.9999", "1")
"""Of `LiveStreamDict.percentiles_ns`; the last is the maximum."""


class RunMetrics:
    """A run as `look` sees it, from before its first interval on."""

    def __init__(self, request: Request, look: Callable[[], Progress]) -> None:
        self._request, self._look = request, look

    def freeze(self) -> None:
        """Stays with what is seen now: after the run there is nothing to look at."""
        last = self._look()
        self._look = lambda: last

    def collect(self) -> Iterator[Metric]:
        """All families, from one look."""
        yield _build()
        yield InfoMetricFamily("rttp_run", "What is sent to whom.", _about(self._request))
        plan, progress = self._request.plan, self._look()
        yield GaugeMetricFamily("rttp_run_duration_seconds", "How long it measures.", plan["duration_ns"] / 1e9)
        yield GaugeMetricFamily(
            "rttp_run_elapsed_seconds", "Since the measured time began; 0 during the warm-up.", progress.elapsed
        )
        yield self._offered()
        seen = progress.live["streams"] if progress.live else []
        # Counters that begin at 0 before anything is sent have no first increase that a rate would miss.
        streams = seen or [_unseen(stream["name"]) for stream in self._request.streams]
        yield from _streams(streams)
        yield _rejects(progress.live["rejects"] if progress.live else {})
        yield from _stalls(progress.live["stalls"] if progress.live else [])
        yield _response(progress.live["tail"] if progress.live else [], sum(stream["lost"] for stream in streams))

    def _offered(self) -> Metric:
        family = GaugeMetricFamily(
            "rttp_offered_messages_per_second", "Mean of a stream's schedule.", labels=["stream"]
        )
        for stream in self._request.streams:
            rate = mean_rate(stream["arrival"])
            if rate is not None:
                family.add_metric([stream["name"]], rate)
        return family


class NodeMetrics:
    """A node that listens (`rttp recv`)."""

    def __init__(self, node: Node, echo: bool) -> None:
        self._about = {"address": node.address or "", "echo": str(echo).lower()}
        self._live = node.live

    def collect(self) -> Iterator[Metric]:
        """All families, from one look."""
        live = self._live()
        yield _build()
        yield InfoMetricFamily("rttp_node", "Who listens.", self._about)
        yield CounterMetricFamily("rttp_node_received_datagrams", "Datagrams that arrived.", live["received"])
        yield CounterMetricFamily("rttp_node_received_bytes", "Of these, UDP payload.", live["bytes"])
        yield CounterMetricFamily("rttp_node_answered_pulses", "Pulses that were answered.", live["answered"])
        yield CounterMetricFamily(
            "rttp_node_buffer_drops",
            "Datagrams that its kernel dropped, its receive buffer being full.",
            live["buffer_drops"],
        )
        yield _rejects(live["rejects"])


def _build() -> Metric:
    version, profile, commit = _core.build_info()
    about = {"version": version, "profile": profile, "commit": commit}
    return InfoMetricFamily("rttp_build", "What measures; only a release build means anything.", about)


def _about(request: Request) -> dict[str, str]:
    return {
        "profile": "" if request.profile is None else str(request.profile["name"]),
        "target": ",".join(request.targets) or "embedded",
        "security": "open",
    }


def _unseen(name: str) -> _core.LiveStreamDict:
    return {"name": name, "sent_pps": 0.0, "sent": 0, "answered": 0, "lost": 0, "percentiles_ns": None}


def _streams(streams: Sequence[_core.LiveStreamDict]) -> Iterator[Metric]:
    sent = CounterMetricFamily("rttp_pulses_sent", "Measured pulses sent.", labels=["stream"])
    answered = CounterMetricFamily("rttp_pulses_answered", "Of these, answered in time.", labels=["stream"])
    lost = CounterMetricFamily("rttp_pulses_lost", "Of these, not answered in time.", labels=["stream"])
    rate = GaugeMetricFamily(
        "rttp_sent_pulses_per_second", "Measured pulses sent in the latest interval.", labels=["stream"]
    )
    latest = SummaryMetricFamily(
        "rttp_interval_response_seconds",
        "From the scheduled send to the answer, of the latest interval's answers.",
        labels=["stream"],
    )
    for stream in streams:
        name = [stream["name"]]
        sent.add_metric(name, stream["sent"])
        answered.add_metric(name, stream["answered"])
        lost.add_metric(name, stream["lost"])
        rate.add_metric(name, stream["sent_pps"])
        for quantile, ns in zip(QUANTILES, stream["percentiles_ns"] or (), strict=False):
            latest.add_sample(latest.name, {"stream": stream["name"], "quantile": quantile}, ns / 1e9)
    yield from (sent, answered, lost, rate, latest)


def _rejects(rejects: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily("rttp_rejects", "Datagrams that broke a rule.", labels=["slug"])
    # All from the start: a counter that appears with its first reject has no increase there.
    for _, slug, _ in _core.slugs():
        family.add_metric([slug], rejects.get(slug, 0))
    return family


def _stalls(stalls: Sequence[_core.LiveStallsDict]) -> Iterator[Metric]:
    labels = ["core", "role"]
    count = CounterMetricFamily(
        "rttp_stalls", "Times at which a core was kept from work that was there.", labels=labels
    )
    seconds = CounterMetricFamily("rttp_stall_seconds", "How long these lasted.", labels=labels)
    for core in stalls:
        where = ["any" if core["core"] is None else str(core["core"]), core["role"]]
        count.add_metric(where, core["count"])
        seconds.add_metric(where, core["total_ns"] / 1e9)
    yield from (count, seconds)


def _response(tail: Sequence[int], lost: int) -> Metric:
    """A lost pulse is slower than every bound: it is in the last bucket alone, so loss shows in every quantile."""
    buckets, below = [], 0
    for i, bound in enumerate(BOUNDS_S):
        below += sum(tail[i * _CELLS_A_BUCKET : (i + 1) * _CELLS_A_BUCKET])
        buckets.append((str(bound), float(below)))
    buckets.append(("+Inf", float(sum(tail) + lost)))
    family = HistogramMetricFamily(
        "rttp_response_seconds", "From the scheduled send to the answer, all streams; lost pulses beyond every bound."
    )
    family.add_metric([], buckets, None)
    return family
