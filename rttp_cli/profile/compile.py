"""From a profile to the plan that the core runs: JSON with every key, times in ns, and the traces beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rttp_cli.profile import rates
from rttp_cli.profile.model import Profile, Stream
from rttp_cli.profile.patterns import (
    AnyCount,
    AnyFragments,
    Bursts,
    BySizePriority,
    CyclePriority,
    EmpiricalSize,
    FixedCount,
    FixedPriority,
    FixedSize,
    KvFragments,
    LognormalSize,
    MtuFragments,
    NoFragments,
    Ramp,
    Recorded,
    Sending,
    Sine,
    SizeKey,
    Steps,
    TracePriority,
    TraceSize,
    UniformCount,
    UniformPriority,
    UniformSize,
    WeightedPriority,
    WeightedSize,
)

BEYOND = 128
"""Priority of messages larger than every step, where the profile names none."""


@dataclass(frozen=True)
class Compiled:
    """What the core takes: the plan as JSON values, and the traces that it names by index."""

    plan: dict[str, Any]
    traces: list[Path]


def compile_plan(profile: Profile) -> Compiled:
    """The plan of a profile that `load` has found good."""
    traces: list[Path] = []
    means = rates.shares(profile.run, profile.streams)
    run = profile.run
    plan = {
        "seed": run.seed,
        "warmup_ns": run.warmup,
        "duration_ns": run.duration,
        "cooldown_ns": run.cooldown,
        "count": run.count,
        "streams": [
            _stream(profile, stream, mean, traces) for stream, mean in zip(profile.streams, means, strict=True)
        ],
    }
    return Compiled(plan, traces)


def _stream(profile: Profile, stream: Stream, mean: float | None, traces: list[Path]) -> dict[str, Any]:
    deadline = stream.deadline
    return {
        "name": stream.name,
        "arrival": _arrival(stream, mean, traces),
        "priority": _priority(stream),
        "size": _size(profile, stream),
        "fragments": _fragments(stream),
        "mode": stream.mode,
        "timeout_ns": stream.timeout,
        "deadline_ns": deadline.limit if deadline is not None else None,
        "class": deadline.class_ if deadline is not None else "soft",
        "queue": stream.queue.limit,
        "overflow": stream.queue.when_full,
        "first_token_ns": stream.first_token or 0,
    }


def _arrival(stream: Stream, mean: float | None, traces: list[Path]) -> dict[str, Any]:
    arrival = stream.arrival
    head: dict[str, Any] = {"process": arrival.process}
    if isinstance(arrival, Bursts):
        rate = rates.rate_while_on(arrival, mean or 0.0)
        return head | {"rate": rate, "on_ns": arrival.on, "off_ns": arrival.off, "spacing": arrival.spacing}
    if isinstance(arrival, Ramp):
        return head | {
            "from": arrival.from_,
            "to": arrival.to,
            "over_ns": arrival.over,
            "spacing": arrival.spacing,
        }
    if isinstance(arrival, Steps):
        steps = [{"rate": step.rate, "for_ns": step.for_} for step in arrival.steps]
        return head | {"steps": steps, "spacing": arrival.spacing}
    if isinstance(arrival, Sine):
        return head | {
            "mean": mean,
            # A share may come out a rounding below the amplitude that it equals.
            "amplitude": min(arrival.amplitude, mean or 0.0),
            "period_ns": arrival.period,
            "spacing": arrival.spacing,
        }
    if isinstance(arrival, Recorded):
        path = Path(arrival.file)
        if path not in traces:
            traces.append(path)
        return head | {"trace": traces.index(path), "speed": arrival.speed, "repeat": arrival.repeat}
    return head | {"rate": mean} if rates.takes_rate(stream) else head


def _priority(stream: Stream) -> dict[str, Any]:
    priority = stream.priority
    if isinstance(priority, FixedPriority):
        return {"pattern": "fixed", "value": priority.fixed}
    if isinstance(priority, WeightedPriority):
        return {"pattern": "weighted", "classes": [[value, weight] for value, weight in priority.weighted.items()]}
    if isinstance(priority, UniformPriority):
        return {"pattern": "uniform", "from": priority.uniform[0], "to": priority.uniform[1]}
    if isinstance(priority, CyclePriority):
        return {"pattern": "cycle", "values": list(priority.cycle)}
    if isinstance(priority, BySizePriority):
        table = dict(priority.by_size)
        beyond = table.pop("beyond", BEYOND)
        steps = sorted((SizeKey.read(key), value) for key, value in table.items())
        return {"pattern": "by-size", "steps": [list(step) for step in steps], "beyond": beyond}
    assert isinstance(priority, TracePriority)
    return {"pattern": "trace"}


def _size(profile: Profile, stream: Stream) -> dict[str, Any]:
    size = stream.size
    if isinstance(size, FixedSize):
        return {"pattern": "fixed", "bytes": size.fixed}
    if isinstance(size, UniformSize):
        return {"pattern": "uniform", "from": size.uniform[0], "to": size.uniform[1]}
    if isinstance(size, LognormalSize):
        drawn = size.lognormal
        return {
            "pattern": "lognormal",
            "median": float(drawn.median),
            "sigma": drawn.sigma,
            "min": drawn.min,
            "max": drawn.max,
        }
    if isinstance(size, WeightedSize):
        return {"pattern": "weighted", "sizes": [[count, weight] for count, weight in size.weighted.items()]}
    if isinstance(size, EmpiricalSize):
        rows = profile.traces[size.empirical].sizes()
        return {"pattern": "weighted", "sizes": [[count, float(often)] for count, often in rows]}
    assert isinstance(size, TraceSize)
    return {"pattern": "trace"}


def _fragments(stream: Stream) -> dict[str, Any]:
    if stream.mode == "token-stream":
        sending = {"order": "in-order", "interleave": 1, "gap_ns": stream.token_interval or 0}
        assert stream.tokens is not None
        return _counts(stream.tokens) | sending
    pattern = stream.fragments
    assert isinstance(pattern, Sending)
    sending = {"order": pattern.order, "interleave": pattern.interleave, "gap_ns": pattern.gap}
    return _counts(pattern) | sending


def _counts(pattern: AnyCount | AnyFragments) -> dict[str, Any]:
    if isinstance(pattern, NoFragments):
        return {"pattern": "none"}
    if isinstance(pattern, FixedCount):
        return {"pattern": "fixed", "count": pattern.fixed}
    if isinstance(pattern, UniformCount):
        return {"pattern": "uniform", "from": pattern.uniform[0], "to": pattern.uniform[1]}
    if isinstance(pattern, MtuFragments):
        return {"pattern": "mtu", "payload": pattern.payload}
    if isinstance(pattern, KvFragments):
        kv = pattern.kv
        return {"pattern": "kv", "token_blocks": kv.token_blocks, "layers": kv.layers, "heads": kv.heads}
    return {"pattern": "weighted", "counts": [[count, weight] for count, weight in pattern.weighted.items()]}
