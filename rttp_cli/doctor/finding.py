"""One judgement about the host."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found, what it means for a measurement, and what changes it."""

    name: str
    """Stable; docs/DOCTOR.md has a row for it."""
    state: State
    found: str
    why: str
    """Why it matters for latency, whatever the state."""
    command: str | None = None
    """Exactly what to type; `None` when all is well, or no command can do it."""
    advice: str | None = None
    """What to do where no command alone does it."""


def judged(
    name: str, state: State, found: str, why: str, *, command: str | None = None, advice: str | None = None
) -> Finding:
    """A finding; one that is ok needs no change, so that it drops command and advice."""
    if state == "ok":
        command = advice = None
    return Finding(name=name, state=state, found=found, why=why, command=command, advice=advice)
