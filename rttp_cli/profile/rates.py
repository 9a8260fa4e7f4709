"""What streams offer: rates after sharing, messages in a time, fragments and bytes of a message."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rttp_cli import _core
from rttp_cli.profile.model import Run, Stream
from rttp_cli.profile.patterns import (
    Bursts,
    Closed,
    Constant,
    EmpiricalSize,
    FixedCount,
    FixedSize,
    KvFragments,
    LognormalSize,
    MtuFragments,
    Poisson,
    Ramp,
    Recorded,
    Sine,
    Steps,
    TraceSize,
    UniformCount,
    UniformSize,
    WeightedCount,
    WeightedSize,
)

SECOND = 1e9
Traces = Mapping[str, _core.Trace]


def takes_rate(stream: Stream) -> bool:
    """Whether the stream's `rate` or `weight` says how much it sends."""
    arrival = stream.arrival
    return isinstance(arrival, Constant | Poisson | Sine) or (
        isinstance(arrival, Bursts) and arrival.rate_while_on is None
    )


def shares(run: Run, streams: Sequence[Stream]) -> list[float | None]:
    """Mean messages per second of each stream: its own rate, or its share of the run's; `None` where neither is."""
    weights = [
        (1.0 if stream.weight is None else stream.weight) if takes_rate(stream) and stream.rate is None else 0.0
        for stream in streams
    ]
    total = math.fsum(weights)
    return [
        stream.rate
        if stream.rate is not None
        else (run.rate * weight / total if run.rate is not None and weight else None)
        for stream, weight in zip(streams, weights, strict=True)
    ]


def rate_while_on(arrival: Bursts, mean: float) -> float:
    """Messages per second while a bursty stream sends."""
    if arrival.rate_while_on is not None:
        return arrival.rate_while_on
    return mean * (arrival.on + arrival.off) / arrival.on


def peak(stream: Stream, mean: float | None) -> float | None:
    """The highest rate of the schedule; `None` where nothing sets one (closed, flood, traces)."""
    arrival = stream.arrival
    if isinstance(arrival, Ramp):
        return max(arrival.from_, arrival.to)
    if isinstance(arrival, Steps):
        return max(step.rate for step in arrival.steps)
    if isinstance(arrival, Bursts):
        return rate_while_on(arrival, mean or 0.0)
    return (mean or 0.0) + arrival.amplitude if isinstance(arrival, Sine) else mean


def messages(stream: Stream, mean: float | None, ns: int, traces: Traces) -> float | None:
    """Messages expected in a run of so many ns from its start; `None` where nobody can say."""
    arrival = stream.arrival
    seconds = ns / SECOND
    if isinstance(arrival, Ramp):
        rising = min(ns, arrival.over) / SECOND
        end = arrival.from_ + (arrival.to - arrival.from_) * min(1.0, ns / arrival.over)
        return rising * (arrival.from_ + end) / 2 + (seconds - rising) * arrival.to
    if isinstance(arrival, Steps):
        lap = sum(step.for_ for step in arrival.steps)
        laps, rest = divmod(ns, lap)
        total = laps * math.fsum(step.rate * step.for_ for step in arrival.steps)
        for step in arrival.steps:
            total += step.rate * max(0, min(rest, step.for_))
            rest -= step.for_
        return total / SECOND
    if isinstance(arrival, Bursts):
        cycles, rest = divmod(ns, arrival.on + arrival.off)
        return rate_while_on(arrival, mean or 0.0) * (cycles * arrival.on + min(rest, arrival.on)) / SECOND
    if isinstance(arrival, Recorded):
        trace = traces.get(arrival.file)
        return float(trace.entries) if trace is not None and not arrival.repeat else None
    return None if mean is None else mean * seconds


def most_within(stream: Stream, mean: float | None, ns: int, traces: Traces) -> float:
    """Messages that may be due within so many ns, wherever in the run those lie; 0 where nothing schedules them."""
    arrival = stream.arrival
    if isinstance(arrival, Closed):
        return 1.0
    if isinstance(arrival, Bursts):
        # The worst window starts with a burst.
        return messages(stream, mean, ns, traces) or 0.0
    if isinstance(arrival, Recorded):
        trace = traces.get(arrival.file)
        lap = max(trace.duration_ns / arrival.speed, 1.0) if trace is not None else 1.0
        return trace.entries * (max(1.0, ns / lap) if arrival.repeat else min(1.0, ns / lap)) if trace else 0.0
    return (peak(stream, mean) or 0.0) * ns / SECOND


def size_range(stream: Stream, traces: Traces) -> tuple[int, int]:
    """Smallest and largest payload of a message, bytes."""
    size = stream.size
    if isinstance(size, FixedSize):
        return size.fixed, size.fixed
    if isinstance(size, UniformSize):
        return size.uniform[0], size.uniform[1]
    if isinstance(size, LognormalSize):
        return size.lognormal.min, size.lognormal.max
    if isinstance(size, WeightedSize):
        return min(size.weighted), max(size.weighted)
    rows = _recorded_sizes(stream, traces)
    return (min(row[0] for row in rows), max(row[0] for row in rows)) if rows else (0, 0)


def _recorded_sizes(stream: Stream, traces: Traces) -> list[tuple[int, int]]:
    size, arrival = stream.size, stream.arrival
    if isinstance(size, EmpiricalSize):
        file = size.empirical
    elif isinstance(size, TraceSize) and isinstance(arrival, Recorded):
        file = arrival.file
    else:
        return []
    trace = traces.get(file)
    return trace.sizes() if trace is not None and trace.has_sizes else []


def mean_size(stream: Stream, traces: Traces) -> float:
    """Expected payload of a message, bytes; of a lognormal size as if nothing were clamped below."""
    size = stream.size
    if isinstance(size, LognormalSize):
        drawn = size.lognormal
        return min(max(drawn.median * math.exp(drawn.sigma**2 / 2), drawn.min), drawn.max)
    if isinstance(size, WeightedSize):
        return _mean(list(size.weighted.items()))
    rows = _recorded_sizes(stream, traces)
    return _mean([(row, float(often)) for row, often in rows]) if rows else sum(size_range(stream, traces)) / 2


def _mean(rows: list[tuple[int, float]]) -> float:
    return math.fsum(value * weight for value, weight in rows) / math.fsum(weight for _, weight in rows)


def fewest_fragments(stream: Stream) -> int:
    """Fragments of a message at least; where an MTU decides, 1."""
    pattern = stream.fragments
    if isinstance(pattern, FixedCount):
        return pattern.fixed
    if isinstance(pattern, UniformCount):
        return pattern.uniform[0]
    if isinstance(pattern, WeightedCount):
        return min(pattern.weighted)
    return pattern.kv.count if isinstance(pattern, KvFragments) else 1


def mean_fragments(stream: Stream, traces: Traces) -> float:
    """Expected pulses of a message; of a token stream, tokens."""
    pattern = stream.tokens if stream.mode == "token-stream" else stream.fragments
    if isinstance(pattern, FixedCount):
        return float(pattern.fixed)
    if isinstance(pattern, UniformCount):
        return sum(pattern.uniform) / 2
    if isinstance(pattern, WeightedCount):
        return _mean(list(pattern.weighted.items()))
    if isinstance(pattern, MtuFragments):
        return max(1.0, math.ceil(mean_size(stream, traces) / pattern.payload))
    return float(pattern.kv.count) if isinstance(pattern, KvFragments) else 1.0
