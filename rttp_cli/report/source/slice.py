"""A part of a result as a result of its own: some streams, a band of priorities, a piece of its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.result import CoreStalls, Interval, Part, Result, Stalls
from rttp_cli.report.source.merge import merge
from rttp_cli.report.source.pieces import added
from rttp_cli.units import format_ns


@dataclass(frozen=True)
class Slice:
    """What of a result is wanted; empty: all of it."""

    streams: tuple[str, ...] = ()
    priorities: tuple[int, int] | None = None
    from_ns: int | None = None
    """As times of intervals count."""
    to_ns: int | None = None

    @property
    def of_time(self) -> bool:
        """Whether a piece of the time is wanted."""
        return self.from_ns is not None or self.to_ns is not None


def cut(result: Result, wanted: Slice) -> Result:
    """What is wanted of a result. Raises `RttpError`: usage, unknown-name, bad-option, bad-result."""
    if wanted == Slice():
        return result
    if wanted.priorities is not None and (wanted.streams or wanted.of_time):
        raise RttpError("usage", "bands of priorities are of all streams and all the time: ask for them alone")
    if wanted.priorities is not None:
        return _by_priority(result, *wanted.priorities)
    if wanted.streams:
        _check_streams(result, wanted.streams)
    if wanted.of_time:
        return _by_time(result, wanted)
    return _by_stream(result, wanted.streams)


def _check_streams(result: Result, names: Sequence[str]) -> None:
    known = [stream.name for stream in result.streams]
    for name in names:
        if name not in known:
            raise RttpError("unknown-name", f"{result.source}: no stream `{name}`", result.streams_like(name))


def _by_stream(result: Result, names: Sequence[str]) -> Result:
    streams = tuple(stream for stream in result.streams if stream.name in names)
    # Where intervals have all streams together, they still tell how alike neighbours are.
    told_apart = any(interval.stream for interval in result.intervals)
    return replace(
        result,
        whole=_joined(result, streams),
        streams=streams,
        bands=(),
        intervals=tuple(i for i in result.intervals if i.stream in names) if told_apart else result.intervals,
        timeline=result.timeline and told_apart,
        document=None,
        notes=(*result.notes, f"of {_listed('stream', [stream.name for stream in streams])} alone"),
    )


def _by_priority(result: Result, low: int, high: int) -> Result:
    bands = tuple(b for b in result.bands if b.priorities and low <= b.priorities[0] and b.priorities[1] <= high)
    across = [b.name for b in result.bands if b.priorities and b.priorities[0] <= high and b.priorities[1] >= low]
    if not result.bands:
        raise RttpError("bad-result", f"{result.source}: it does not tell priorities apart")
    if len(bands) < len(across) or not bands:
        there = ", ".join(band.name for band in result.bands)
        raise RttpError(
            "bad-option", f"{result.source}: `--priority {low}..{high}` is not made of its bands, which are {there}"
        )
    return replace(
        result,
        whole=_joined(result, bands),
        streams=(),
        bands=bands,
        timeline=False,
        document=None,
        notes=(*result.notes, f"of priorities {low} … {high} alone"),
    )


def _joined(result: Result, parts: Sequence[Part]) -> Part:
    """Parts of one result as its whole; their sum is that of results with these wholes."""
    return replace(
        merge([Result(f"{result.source} {part.name}", result.kind, part) for part in parts]).whole,
        name="",
        priorities=None,
    )


def _by_time(result: Result, wanted: Slice) -> Result:
    if not result.intervals or not result.timeline:
        raise RttpError("bad-result", f"{result.source}: it has no intervals, so it cannot be cut by time")
    if wanted.streams and not any(interval.stream for interval in result.intervals):
        raise RttpError(
            "bad-result",
            f"{result.source}: its intervals have all streams together",
            "the run's interval log (.hlog) tells them apart",
        )
    low, high = wanted.from_ns, wanted.to_ns
    intervals = tuple(
        interval
        for interval in result.intervals
        if (not wanted.streams or interval.stream in wanted.streams)
        and (low is None or interval.from_ns >= low)
        and (high is None or interval.from_ns + interval.length_ns <= high)
    )
    if not intervals:
        begin, end = _span(result.intervals)
        longest = max(interval.length_ns for interval in result.intervals)
        raise RttpError(
            "bad-option",
            f"{result.source}: no whole interval lies there; they are {format_ns(begin)} … {format_ns(end)},"
            f" at most {format_ns(longest)} long",
        )
    begin, end = _span(intervals)
    by_tag: dict[str, list[Interval]] = {}
    for interval in intervals:
        if interval.stream:
            by_tag.setdefault(interval.stream, []).append(interval)
    return replace(
        result,
        whole=_of_intervals("", intervals, result),
        streams=tuple(_of_intervals(tag, inside, result) for tag, inside in by_tag.items()),
        bands=(),
        intervals=intervals,
        stalls=None if result.stalls is None else _stalls_between(result.stalls, begin, end),
        duration_ns=end - begin,
        sending_ns=end - begin,
        document=None,
        notes=(*result.notes, f"of {format_ns(begin)} … {format_ns(end)} alone, by whole intervals"),
    )


def _span(intervals: Sequence[Interval]) -> tuple[int, int]:
    return min(i.from_ns for i in intervals), max(i.from_ns + i.length_ns for i in intervals)


def _of_intervals(name: str, intervals: Sequence[Interval], result: Result) -> Part:
    """What intervals hold as a part. Lost pulses are put behind every answer, as a run does."""
    answered = added([interval.response for interval in intervals])
    lost = sum(interval.lost for interval in intervals)
    gone = [Histogram.of([(max(_timeout_ns(result), answered.max or 0), lost)])] if lost else []
    histograms = {"response": added([answered, *gone])}
    if result.document is not None and "undisturbed" in result.whole.histograms:
        stalled = added([interval.stalled for interval in intervals if interval.stalled is not None])
        histograms["undisturbed"] = added([answered.minus(stalled), *gone])
    sent = [interval.sent for interval in intervals]
    known = [count for count in sent if count is not None]
    counts = {"sent": sum(known), "answered": answered.samples, "lost": lost} if len(known) == len(sent) else None
    found = {metric: histogram for metric, histogram in histograms.items() if histogram.samples}
    return Part(name, found, lost, counts, scheduled=result.whole.scheduled)


def _timeout_ns(result: Result) -> int:
    return 1 if result.document is None else int(result.document["run"]["timeout_ns"])


def _stalls_between(stalls: Stalls, begin: int, end: int) -> Stalls:
    """Listed stalls that touch a piece of the time."""
    cores = []
    for core in stalls.cores:
        inside = tuple((at, length) for at, length in core.stalls if at < end and at + length > begin)
        lengths = [length for _, length in inside]
        cores.append(CoreStalls(core.core, core.role, len(inside), sum(lengths), max(lengths, default=0), inside))
    return replace(stalls, cores=tuple(cores), watched_ns=end - begin)


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"
