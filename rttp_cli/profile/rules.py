"""What no single value shows: sums that cannot be, and keys that do not go together.

A rule names the keys it reads, so that it is left out where one of them is already known to be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from rttp_cli.profile import rates
from rttp_cli.profile.model import Run, Stream
from rttp_cli.profile.patterns import (
    HEADER,
    MAX_COUNT,
    MAX_PAYLOAD,
    MAX_PULSE,
    Bursts,
    Closed,
    EmpiricalSize,
    Flood,
    KvFragments,
    LognormalSize,
    MtuFragments,
    NoFragments,
    Recorded,
    Sine,
    TracePriority,
    TraceSize,
)
from rttp_cli.profile.values import MAX_RATE, write_ns
from rttp_cli.report.gate import OF_THE_RUN, TIMES, Gate, parse_gate

MAX_IN_FLIGHT = 4 << 20
"""Pulses of one stream that may wait for their answers."""
FEWEST_MESSAGES = 2

Path: TypeAlias = tuple[str | int, ...]
Finding: TypeAlias = tuple[Path, str]
"""A path and what is wrong there."""


@dataclass(frozen=True)
class Whole:
    """What the rules look at: the run, the streams that could be read, and what is broken."""

    run: Run
    streams: Sequence[Stream]
    indices: Sequence[int]
    """Where each stream stands in the profile."""
    broken: frozenset[Path]
    """`("run", key)`, `("streams", index, key)`, and `("streams",)` when a stream is missing altogether."""
    gates: Sequence[str]
    traces: rates.Traces


@dataclass(frozen=True)
class One:
    """A stream in its profile."""

    whole: Whole
    stream: Stream
    at: Path
    mean: float | None
    """Messages per second, `None` where nothing says."""


_StreamRule: TypeAlias = Callable[[One], Iterator[Finding]]
_RULES: list[tuple[frozenset[str], frozenset[str], _StreamRule]] = []


def _reads(*keys: str, run: tuple[str, ...] = ()) -> Callable[[_StreamRule], _StreamRule]:
    def register(rule: _StreamRule) -> _StreamRule:
        _RULES.append((frozenset(keys), frozenset(run), rule))
        return rule

    return register


def findings(whole: Whole) -> Iterator[Finding]:
    """Everything that is wrong although each value is good."""
    means = rates.shares(whole.run, whole.streams)
    sharing_known = not any(
        path in (("streams",), ("run", "rate")) or path[-1] in ("rate", "weight", "arrival") for path in whole.broken
    )
    for stream, index, mean in zip(whole.streams, whole.indices, means, strict=True):
        at: Path = ("streams", index)
        bad = {str(path[2]) for path in whole.broken if path[:2] == at and len(path) > 2}
        bad_run = {str(path[1]) for path in whole.broken if path[0] == "run" and len(path) > 1}
        if stream.rate is None and not sharing_known:
            bad_run.add("rate")
        for keys, run_keys, rule in _RULES:
            if not (keys & bad or run_keys & bad_run):
                yield from rule(One(whole, stream, at, mean))
    yield from _of_the_whole(whole, sharing_known)


@_reads("rate", "weight", "arrival", run=("rate",))
def _rate_is_said_once(one: One) -> Iterator[Finding]:
    stream, process = one.stream, one.stream.arrival.process
    if stream.rate is not None and stream.weight is not None:
        yield (*one.at, "weight"), "both `rate` and `weight`, expected one of them"
        return
    if not rates.takes_rate(stream):
        why = "`rate_while_on` says it" if isinstance(stream.arrival, Bursts) else f"`{process}` sets its own pace"
        for key in ("rate", "weight"):
            if getattr(stream, key) is not None:
                yield (*one.at, key), f"a stream has no `{key}` here: {why}"
    elif one.mean is None:
        if stream.weight is not None:
            yield (*one.at, "weight"), "a weight is a share of `run.rate`, which is missing"
        else:
            yield one.at, f"`rate` is missing: `{process}` needs one, or a `run.rate` to share"


@_reads("rate", "weight", "arrival", run=("rate",))
def _rates_are_possible(one: One) -> Iterator[Finding]:
    arrival = one.stream.arrival
    if one.mean is None and rates.takes_rate(one.stream):
        return
    if isinstance(arrival, Sine) and one.mean is not None and arrival.amplitude > one.mean * (1 + 1e-12):
        found = f"found {arrival.amplitude:g}, expected at most the mean rate of {one.mean:g} a second"
        yield (*one.at, "arrival", "amplitude"), found
    highest = rates.peak(one.stream, one.mean)
    if highest is not None and highest > MAX_RATE:
        yield (*one.at, "arrival"), f"{highest:,.0f} messages a second at its highest, at most {MAX_RATE:g}"


@_reads("rate", "weight", "arrival", run=("rate", "duration"))
def _enough_messages(one: One) -> Iterator[Finding]:
    if one.mean is None and rates.takes_rate(one.stream):
        return
    duration = one.whole.run.duration
    expected = rates.messages(one.stream, one.mean, duration, one.whole.traces)
    # Shares and rates are floats: 2 messages may come out as 1.9999999999.
    if expected is not None and expected < FEWEST_MESSAGES * (1 - 1e-9):
        key = "rate" if one.stream.rate is not None else "arrival"
        found = f"{expected:.3g} {'message' if expected == 1 else 'messages'} in {write_ns(duration)}"
        yield (*one.at, key), f"{found}, expected at least {FEWEST_MESSAGES}"


@_reads("rate", "weight", "arrival", "timeout", "fragments", "tokens", "size", "mode", run=("rate",))
def _flight_is_bounded(one: One) -> Iterator[Finding]:
    stream, traces = one.stream, one.whole.traces
    if stream.mode == "one-way" or (one.mean is None and rates.takes_rate(stream)):
        return
    due = rates.most_within(stream, one.mean, stream.timeout, traces)
    pulses = due * rates.mean_fragments(stream, traces)
    if pulses > MAX_IN_FLIGHT:
        text = f"{pulses:,.0f} pulses may be due within the timeout of {write_ns(stream.timeout)}"
        yield (*one.at, "timeout"), f"{text}, at most {MAX_IN_FLIGHT:,}"


@_reads("size", "fragments", "mode", "arrival")
def _sizes_fit(one: One) -> Iterator[Finding]:
    stream, pattern = one.stream, one.stream.fragments
    smallest, largest = rates.size_range(stream, one.whole.traces)
    if smallest > largest:
        yield (*one.at, "size", "lognormal"), f"min {smallest:,} is above max {largest:,}"
        return
    if isinstance(pattern, MtuFragments):
        count = -(-largest // pattern.payload)
        if count > MAX_COUNT:
            text = f"{largest:,} bytes in fragments of {pattern.payload:,} make {count:,} fragments"
            yield (*one.at, "size"), f"{text}, at most {MAX_COUNT:,}"
        return
    fewest = rates.fewest_fragments(stream)
    chunk = -(-largest // fewest)
    if chunk > MAX_PAYLOAD:
        where = "in one pulse" if fewest == 1 else f"in each of {fewest:,} fragments"
        yield (*one.at, "size"), f"{chunk:,} bytes {where}, at most {MAX_PAYLOAD:,}"


@_reads("fragments")
def _kv_fits(one: One) -> Iterator[Finding]:
    pattern = one.stream.fragments
    if isinstance(pattern, KvFragments) and pattern.kv.count > MAX_COUNT:
        yield (*one.at, "fragments", "kv"), f"{pattern.kv.count:,} fragments, at most {MAX_COUNT:,}"
    elif pattern is not None and pattern.order == "token-major" and not isinstance(pattern, KvFragments):
        yield (*one.at, "fragments", "order"), "found `token-major`, which is for kv only"


@_reads("mode", "fragments", "tokens", "token_interval", "first_token")
def _tokens_belong_to_token_streams(one: One) -> Iterator[Finding]:
    stream = one.stream
    if stream.mode == "token-stream":
        if stream.fragments is not None:
            yield (*one.at, "fragments"), "a token-stream has `tokens` in place of fragments"
        if stream.tokens is None:
            yield one.at, "`tokens` is missing: a token-stream needs it"
        return
    for key in ("tokens", "token_interval", "first_token"):
        if getattr(stream, key) is not None:
            yield (*one.at, key), f"`{key}` is for mode token-stream, found mode {stream.mode}"


@_reads("arrival", "mode", "fragments")
def _processes_fit_modes(one: One) -> Iterator[Finding]:
    stream = one.stream
    if isinstance(stream.arrival, Flood) and stream.mode != "one-way":
        yield (*one.at, "mode"), f"found `{stream.mode}`, `flood` is for mode one-way only"
    if not isinstance(stream.arrival, Closed):
        return
    if stream.mode not in ("echo", "request-response"):
        yield (*one.at, "mode"), f"found `{stream.mode}`, `closed` is for mode echo or request-response"
    if stream.fragments is not None and not isinstance(stream.fragments, NoFragments):
        yield (*one.at, "fragments"), "`closed` sends one pulse at a time: expected none"


@_reads("deadline", "timeout", "mode")
def _deadlines_can_be_missed(one: One) -> Iterator[Finding]:
    deadline = one.stream.deadline
    if deadline is None:
        return
    if one.stream.mode == "one-way":
        yield (*one.at, "deadline"), "a one-way stream has no answers that could be late"
    elif deadline.limit > one.stream.timeout:
        text = f"found {write_ns(deadline.limit)}, which is beyond the timeout of {write_ns(one.stream.timeout)}"
        yield (*one.at, "deadline"), text


@_reads("arrival", "size", "priority")
def _traces_have_what_is_asked(one: One) -> Iterator[Finding]:
    stream, traces = one.stream, one.whole.traces
    arrival = stream.arrival
    if isinstance(stream.size, TraceSize):
        if not isinstance(arrival, Recorded):
            yield (*one.at, "size"), "`trace` needs an arrival by trace"
        elif arrival.file in traces and not traces[arrival.file].has_sizes:
            yield (*one.at, "size"), "the trace has no sizes"
    if isinstance(stream.size, EmpiricalSize):
        file = stream.size.empirical
        if file in traces and not traces[file].has_sizes:
            yield (*one.at, "size", "empirical"), "the file has no sizes"
    if isinstance(stream.priority, TracePriority) and not isinstance(arrival, Recorded):
        yield (*one.at, "priority"), "`trace` needs an arrival by trace"


@_reads("gates", "mode", "deadline")
def _stream_gates_can_be_judged(one: One) -> Iterator[Finding]:
    for i, text in enumerate(one.stream.gates):
        gate = parse_gate(text)
        if gate.stream is not None:
            reason: str | None = "a stream's own gate has no `stream[NAME].` before it"
        elif gate.priorities is not None or gate.metric in OF_THE_RUN:
            reason = f"`{gate.metric}` here is of all streams: put the gate at the top of the profile"
        else:
            reason = _unjudged(gate, [one.stream])
        if reason:
            yield (*one.at, "gates", i), reason


def metrics(stream: Stream) -> set[str]:
    """Names of the figures that a stream of its mode can have."""
    found = {"lateness", "loss", "rate", "sent_pps"}
    if stream.mode != "one-way":
        found |= {*TIMES, "samples", "answered_pps"} - {"first_token", "token_gap"}
    if stream.mode == "token-stream":
        found |= {"first_token", "token_gap"}
    if stream.deadline is not None:
        found.add("misses")
    return found


def _unjudged(gate: Gate, streams: Sequence[Stream]) -> str | None:
    if gate.stream is not None:
        named = [stream for stream in streams if stream.name == gate.stream]
        return _unjudged(replace(gate, stream=None), named) if named else f"there is no stream `{gate.stream}`"
    if gate.metric in OF_THE_RUN or any(_has(stream, gate) for stream in streams):
        return None
    which = "the stream" if len(streams) == 1 else "no stream"
    if gate.metric == "misses":
        of = "a deadline" if gate.kind is None else f"a {gate.kind} deadline"
        return f"`misses` needs {of}, {which} has {'none' if len(streams) == 1 else 'one'}"
    modes = ", ".join(sorted({stream.mode for stream in streams}))
    return f"there is no `{gate.metric}` in mode {modes}"


def _has(stream: Stream, gate: Gate) -> bool:
    of_kind = gate.kind is None or (stream.deadline is not None and stream.deadline.class_ == gate.kind)
    return gate.metric in metrics(stream) and of_kind


def _of_the_whole(whole: Whole, sharing_known: bool) -> Iterator[Finding]:
    complete = ("streams",) not in whole.broken
    broken_keys = {path[-1] for path in whole.broken if path[:1] == ("streams",)}
    run = whole.run
    if complete and "arrival" not in broken_keys and len(whole.streams) > 1:
        for stream, index in zip(whole.streams, whole.indices, strict=True):
            if isinstance(stream.arrival, Closed):
                text = f"a closed stream must be the only one, there are {len(whole.streams)}"
                yield ("streams", index, "arrival"), text
    if sharing_known and run.rate is not None:
        sharing = [stream for stream in whole.streams if rates.takes_rate(stream) and stream.rate is None]
        if not sharing:
            yield ("run", "rate"), "no stream takes a share of it: each has a rate or a pace of its own"
    if complete and not broken_keys & {"mode", "deadline"}:
        for i, text in enumerate(whole.gates):
            reason = _unjudged(parse_gate(text), whole.streams)
            if reason:
                yield ("gates", i), reason
    if run.segments > 1 and complete and not broken_keys & {"arrival", "size", "fragments"}:
        yield from _segments(whole)


def _segments(whole: Whole) -> Iterator[Finding]:
    segments = whole.run.segments
    for stream in whole.streams:
        if not isinstance(stream.arrival, Flood):
            yield ("run", "segments"), f"found {segments}, which is for one-way flood streams only"
            return
        if isinstance(stream.size, LognormalSize | TraceSize | EmpiricalSize):
            continue
        largest = rates.size_range(stream, whole.traces)[1] + HEADER
        if largest * segments > MAX_PULSE and isinstance(stream.fragments, NoFragments):
            text = f"{segments} pulses of {largest:,} bytes are over {MAX_PULSE:,} a call"
            yield ("run", "segments"), text
            return
