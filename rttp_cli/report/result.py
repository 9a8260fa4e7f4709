"""A result as it was read: what a file says of latency, loss and the host, whoever wrote it. All times are ns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rttp_cli._core import Histogram

Kind = Literal["result", "interval log", "histogram", "percentile table"]

WITH_LOSSES = ("response", "service", "undisturbed")
"""Histograms in which lost and unfinished pulses stand behind every answer."""


@dataclass(frozen=True)
class Deadline:
    """How messages kept their deadline."""

    limit_ns: int
    kind: str
    """`soft`, `firm` or `hard`."""
    kept: int
    missed: int


@dataclass(frozen=True)
class Part:
    """All pulses of a result, or those of one stream, or of one band of priorities."""

    name: str
    """Of the stream, or `32 … 63` of a band; empty for all pulses."""
    histograms: Mapping[str, Histogram]
    """By the names of docs/RESULT.md (`response`, `service`, `undisturbed`, `lateness` …), those with samples."""
    missing: int = 0
    """Lost and unfinished pulses: samples of the histograms `WITH_LOSSES`."""
    counts: Mapping[str, int] | None = None
    """`counts` of docs/RESULT.md; `None` where the file has latencies alone. A band has sent, answered and missing."""
    deadlines: tuple[Deadline, ...] = ()
    """Of all its streams that have one."""
    scheduled: bool = False
    """Pulses were due at times of a schedule, so that some may not have been sent."""
    priorities: tuple[int, int] | None = None
    """Of a band: from and to."""

    def missing_in(self, metric: str) -> int:
        """Lost pulses among the samples of a histogram."""
        return self.missing if metric in WITH_LOSSES else 0


@dataclass(frozen=True)
class Interval:
    """A piece of the measured time; all streams, except in an interval log, which has one a tag."""

    from_ns: int
    """From the first measured due time, or from the log's start."""
    length_ns: int
    sent: int | None
    """`None`: the file does not say."""
    lost: int
    """Given up in this piece. An interval log has them in `response`."""
    response: Histogram
    """Of the pulses answered in this piece."""
    stalled: Histogram | None = None
    """Of these, the ones that a stall touched; `None` where none did."""
    stream: str = ""
    """The tag of an interval log; empty for all streams."""


@dataclass(frozen=True)
class CoreStalls:
    """Stalls of one core."""

    core: int | None
    role: str
    count: int
    total_ns: int
    longest_ns: int
    stalls: tuple[tuple[int, int], ...]
    """Start from the first measured due time (negative: in the warm-up) and length; the first 4,096."""


@dataclass(frozen=True)
class Stalls:
    """What the stall meter saw."""

    watched: bool
    from_ns: int
    """Shorter ones do not count."""
    cores: tuple[CoreStalls, ...]
    watched_ns: int | None = None
    """How long anybody looked, the warm-up too; of merged runs, all together. `None`: not known."""

    @property
    def count(self) -> int:
        """Of all cores."""
        return sum(core.count for core in self.cores)

    @property
    def total_ns(self) -> int:
        """Of all cores."""
        return sum(core.total_ns for core in self.cores)

    @property
    def longest_ns(self) -> int:
        """Of all cores; 0 without any."""
        return max((core.longest_ns for core in self.cores), default=0)


@dataclass(frozen=True)
class Among:
    """What a run was one of: a document of several runs (`rttp.runs/1`)."""

    kind: str
    """`repeat`, `against`, `sweep` …"""
    side: str | None = None
    """Of `against`: `A`, the base, or `B`."""
    pair: int | None = None
    """Runs of both sides that were made beside each other have one number."""
    interleaved: bool = False


@dataclass(frozen=True, eq=False)
class Result:
    """One run, several merged ones, or a foreign histogram. Each is equal to itself alone."""

    source: str
    """The file it was read from, or what it was merged from, for people."""
    kind: Kind
    whole: Part
    streams: tuple[Part, ...] = ()
    bands: tuple[Part, ...] = ()
    intervals: tuple[Interval, ...] = ()
    """In time order, if `timeline`; empty where the file has none."""
    timeline: bool = True
    """Its intervals follow one another and are of what it shows. Of merged runs and of single streams they only tell
    how alike neighbouring samples are."""
    stalls: Stalls | None = None
    """`None` where the file does not say."""
    duration_ns: int | None = None
    """Measured time; of merged runs, all together."""
    sending_ns: int | None = None
    document: Mapping[str, Any] | None = None
    """The checked document (docs/RESULT.md) of a single run of ours."""
    among: Among | None = None
    """`None` for a run that stands alone, and for merged ones."""
    runs: int = 1
    exact: bool = True
    """False for a percentile table: its samples stand at the row above them."""
    notes: tuple[str, ...] = ()
    """What a reader must know: assumed units, runs of different profiles …"""

    def streams_like(self, name: str) -> str:
        """A hint for whoever asked for a stream that it does not have."""
        from difflib import get_close_matches

        names = [stream.name for stream in self.streams]
        if near := get_close_matches(name, names, n=1):
            return f"did you mean `{near[0]}`?"
        return f"its streams are {', '.join(names[:20])}" if names else "it tells no streams apart"
