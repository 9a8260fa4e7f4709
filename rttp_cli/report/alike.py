"""Whether two runs can be compared: the same traffic, and the same kind of machine."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rttp_cli.units import plain

_OF_PLAN = ("seed", "duration_ns", "warmup_ns", "cooldown_ns", "count")
"""Keys of a plan that change which pulses are sent and how many, not what traffic it is."""
_OF_RUN = ("mode", "embedded", "security", "threads", "segments", "faults")
_MACHINE = {
    "architecture": "host.machine",
    "processor": "host.cpu",
    "cores": "host.cores",
    "hypervisor": "host.environment.processor.hypervisor",
}


@dataclass(frozen=True)
class Facts:
    """What must agree, by name, and a name for all of it that files can have."""

    values: Mapping[str, Any]
    name: str
    """`llm_stream.3fa9c1d2`: words for people, then a hash of the values. Never holds a `-`."""

    def against(self, other: Facts) -> list[str]:
        """Each difference in words: `pulses.arrival.rate 10000 against 20000`."""
        names = dict.fromkeys([*self.values, *other.values])
        pairs = ((name, self.values.get(name), other.values.get(name)) for name in names)
        return [
            f"{plain(name[:80])} {_shown(ours)} against {_shown(theirs)}"
            for name, ours, theirs in pairs
            if ours != theirs
        ]


def traffic(document: Mapping[str, Any]) -> Facts:
    """What a run sent to what kind of target, whatever its seed and its length."""
    plan = _find(document, "schedule.plan")
    plan = plan if isinstance(plan, dict) else {}
    values = dict(_flat({key: value for key, value in plan.items() if key not in _OF_PLAN}))
    run = {key: _find(document, f"run.{key}") for key in _OF_RUN}
    values |= {key: value for key, value in _flat(run) if key != "faults.seed"}
    return Facts(values, _name([_find(document, "profile.name") or run["mode"]], values))


def machine(document: Mapping[str, Any]) -> Facts:
    """The kind of machine that the sender ran on; not which one of them."""
    values = {name: _find(document, path) for name, path in _MACHINE.items()}
    return Facts(values, _name([values["architecture"], values["cores"], values["hypervisor"]], values))


def _find(value: Any, path: str) -> Any:
    """The value at a dotted path; `None` where there is none."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves by their dotted paths; a stream stands under its name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            at = path if key == "streams" else f"{path}.{key}" if path else str(key)
            yield from _flat(inner, at)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            named = inner.get("name") if isinstance(inner, dict) else None
            at = str(i) if named is None else str(named)
            yield from _flat(inner, f"{path}.{at}" if path else at)
    else:
        yield path, value


def _name(words: list[Any], values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    shown = [re.sub(r"[^A-Za-z0-9]+", "_", str(word))[:32].strip("_") for word in words if word is not None]
    return ".".join([*filter(None, shown), digest])


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return f"`{plain(value[:60])}`"
    return f"{value:.10g}" if isinstance(value, float) else str(value)[:60]
