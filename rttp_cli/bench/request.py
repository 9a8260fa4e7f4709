"""What is sent to whom: a plan for the core with what else the result says of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from rttp_cli import _core
from rttp_cli.bench.options import HEADER, BenchOptions, HostOptions
from rttp_cli.errors import RttpError

if TYPE_CHECKING:
    from rttp_cli.profile import Profile

ONLY_STREAM = "pulses"
"""Name of the stream of a run without a profile."""


@dataclass(frozen=True)
class Request:
    """A run before it is started."""

    plan: dict[str, Any]
    """As the core reads it (`rust/rttp-load/src/plan.rs`)."""
    traces: tuple[_core.Trace, ...]
    targets: tuple[str, ...]
    """HOST:PORT; empty: a responder in this process."""
    host: HostOptions
    first_seq: int
    profile: dict[str, Any] | None = None
    """The profile as it took effect, for the result; `None` without one."""
    gates: tuple[tuple[str | None, str], ...] = ()
    """Stream (`None`: all together) and text of each gate."""

    @property
    def streams(self) -> list[dict[str, Any]]:
        """The plan's streams."""
        return cast("list[dict[str, Any]]", self.plan["streams"])

    @property
    def closed(self) -> bool:
        """Whether the next pulse waits for the last one's answer."""
        return bool(self.streams[0]["arrival"]["process"] == "closed")

    @property
    def embedded(self) -> bool:
        """Whether the responder is ours."""
        return not self.targets

    @property
    def workers(self) -> int:
        """Sending threads."""
        return self.host.threads * max(1, len(self.targets))

    @property
    def offered_mps(self) -> float | None:
        """Mean messages per second of the schedule; `None` where a stream sends on demand or by a trace."""
        rates = [mean_rate(stream["arrival"]) for stream in self.streams]
        return None if None in rates else sum(cast("list[float]", rates))

    @property
    def digest(self) -> str:
        """Name of the traffic: the same for the same plan and seed."""
        import json

        return _core.schedule_digest(json.dumps(self.plan), list(self.traces))

    def at_rate(self, rate: float) -> Request:
        """The same traffic, faster or slower: so many messages per second in all.

        A closed loop becomes an even stream. Raises `RttpError` for traffic that has no rate of its own.
        """
        plan = copy.deepcopy(self.plan)
        if self.closed:
            plan["streams"][0]["arrival"] = {"process": "constant", "rate": rate}
            return replace(self, plan=plan)
        offered = self.offered_mps
        if offered is None:
            raise RttpError(
                "bad-option", "a flood or a trace has no rate that could be changed", "leave out --rate, or use --set"
            )
        for stream in plan["streams"]:
            scale(stream["arrival"], rate / offered)
        return replace(self, plan=plan)

    def lasting(self, duration_ns: int, warmup_ns: int) -> Request:
        """The same traffic for another time."""
        return replace(self, plan=self.plan | {"duration_ns": duration_ns, "warmup_ns": warmup_ns, "count": None})


_RATES: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "constant": lambda a: a["rate"],
    "poisson": lambda a: a["rate"],
    "bursts": lambda a: a["rate"] * a["on_ns"] / (a["on_ns"] + a["off_ns"]),
    "ramp": lambda a: (a["from"] + a["to"]) / 2,
    "steps": lambda a: sum(s["rate"] * s["for_ns"] for s in a["steps"]) / sum(s["for_ns"] for s in a["steps"]),
    "sine": lambda a: a["mean"],
}


def mean_rate(arrival: dict[str, Any]) -> float | None:
    """Messages per second over a period; `None` where there is none to tell."""
    rate = _RATES.get(arrival["process"])
    return None if rate is None else rate(arrival)


def scale(arrival: dict[str, Any], factor: float) -> None:
    """Multiplies every rate of an arrival process, in place."""
    for key in ("rate", "from", "to", "mean", "amplitude"):
        if key in arrival:
            arrival[key] *= factor
    for step in arrival.get("steps", ()):
        step["rate"] *= factor


def of_options(options: BenchOptions) -> Request:
    """The run of one stream that options ask for."""
    import time

    mode = "one-way" if options.mode == "flood" else "echo"
    arrival: dict[str, Any] = {"process": "flood" if options.mode == "flood" else "closed"}
    if options.rate is not None:
        arrival = {"process": "constant", "rate": float(options.rate)}
    stream = {
        "name": ONLY_STREAM,
        "arrival": arrival,
        "priority": {"pattern": "fixed", "value": options.priority},
        "size": {"pattern": "fixed", "bytes": options.size - HEADER},
        "fragments": {"pattern": "none", "order": "in-order", "interleave": 1, "gap_ns": 0},
        "mode": mode,
        "timeout_ns": options.timeout_ns,
        "deadline_ns": None,
        "class": "soft",
        "queue": 65_536,
        "overflow": "delay",
        "first_token_ns": 0,
    }
    plan = {
        "seed": options.seed if options.seed is not None else 1,
        "warmup_ns": options.warmup_ns,
        "duration_ns": options.duration_ns,
        "cooldown_ns": 0,
        "count": options.count,
        "streams": [stream],
    }
    first_seq = options.seed if options.seed is not None else time.time_ns() & 0xFFFF_FFFF
    targets = () if options.target is None else (options.target,)
    return Request(plan, (), targets, options, first_seq)


def of_profile(profile: Profile, host: HostOptions, targets: tuple[str, ...] | None = None) -> Request:
    """The run that a checked profile describes; `targets` take the place of its own.

    Raises `RttpError` bad-option: segments without a flood of one size.
    """
    from rttp_cli.profile import compile_plan

    compiled = compile_plan(profile)
    own = profile.run.target
    if targets is None:
        targets = () if own is None else (own,) if isinstance(own, str) else tuple(own)
    traces = tuple(profile.traces[str(path)] for path in compiled.traces)
    gates: list[tuple[str | None, str]] = [(None, text) for text in profile.gates]
    gates += [(stream.name, text) for stream in profile.streams for text in stream.gates]
    effective = profile.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return Request(
        compiled.plan,
        traces,
        targets,
        host,
        compiled.plan["seed"] & 0xFFFF_FFFF,
        {"name": profile.name} | effective,
        tuple(gates),
    )
