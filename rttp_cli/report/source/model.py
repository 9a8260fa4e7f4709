"""The keys of a result document that anybody here reads, as pydantic models; docs/RESULT.md has them all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _printable(text: str) -> str:
    # It goes to terminals: a file must not bring escape sequences there.
    if not text.isprintable():
        raise PydanticCustomError("unprintable", "text without control characters")
    return text


MOST = (1 << 63) - 1
MOST_ITEMS = 4096
"""Of every list: pydantic names what is wrong with each item, however many there are."""
Count = Annotated[int, Field(ge=0, le=MOST)]
Ns = Count
SignedNs = Annotated[int, Field(ge=-MOST, le=MOST)]
Rate = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Quantile = Annotated[float, Field(gt=0, lt=1)]
Text = Annotated[str, Field(max_length=4096), AfterValidator(_printable)]
Priority = Annotated[int, Field(ge=0, le=255)]
Rejects = Annotated[dict[Text, Count], Field(max_length=MOST_ITEMS)]
Span = Annotated[tuple[SignedNs, Ns], Field(strict=False)]
"""JSON has lists where Python has tuples."""
Name = Annotated[str, Field(max_length=256), AfterValidator(_printable)]
Texts = Annotated[dict[Name, str], Field(max_length=MOST_ITEMS)]
"""Encoded histograms by name; those that nobody here knows are left alone."""


METRICS = (
    "response",
    "service",
    "lateness",
    "pacing",
    "wakeup",
    "one_way_out",
    "one_way_back",
    "message",
    "first_token",
    "token_gap",
)
"""Histograms that every document has."""


class _Keys(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, frozen=True)


class Build(_Keys):
    """Of `rttp`."""

    version: Text
    profile: Text


class Run(_Keys):
    """Of `run`."""

    mode: Literal["ping-pong", "open-loop", "flood"]
    target: Text
    embedded: bool
    size: Count | None
    priority: Priority | None
    rate_pps: Rate | None
    duration_ns: Ns
    warmup_ns: Ns
    count: Count | None
    timeout_ns: Ns
    spin: bool
    threads: Count
    sender_core: Count | None
    sender_cores: Annotated[list[Count | None], Field(max_length=MOST_ITEMS)]
    responder_core: Count | None
    faults: Annotated[dict[Text, float], Field(max_length=MOST_ITEMS)]


class Profile(_Keys):
    """Of `profile`."""

    name: Text


class Schedule(_Keys):
    """Of `schedule`."""

    seed: int
    digest: Text
    plan: dict[str, Any]


class Asked(_Keys):
    """Of `host.asked[]`."""

    what: Text
    granted: bool
    detail: Text


class Host(_Keys):
    """Of `host`."""

    kernel: Text
    machine: Text
    cpu: Text | None
    cores: Count | None
    asked: Annotated[list[Asked], Field(max_length=MOST_ITEMS)]
    receive_buffer: Count
    environment: dict[str, Any]


class Counts(_Keys):
    """Of `streams[].counts`."""

    sent: Count
    bytes: Count
    send_refused: Count
    answered: Count
    lost: Count
    one_way: Count
    unfinished: Count
    unsent: Count
    dropped: Count
    messages: Count
    complete: Count
    kept: Count
    missed: Count
    late: Count
    duplicates: Count
    reordered: Count


class WholeCounts(Counts):
    """Of `counts`."""

    sent_in_all: Count
    unexpected: Count
    network_errors: Count
    buffer_drops: Count
    rejects: Rejects


class Rates(_Keys):
    """Of `rates`."""

    offered_pps: Rate | None
    sent_pps: Rate | None
    answered_pps: Rate | None
    sent_bps: Rate | None


class Tally(_Keys):
    """Of `peer`."""

    received: Count
    answered: Count
    buffer_drops: Count
    rejects: Rejects


class Responder(_Keys):
    """Of `responder`."""

    asked: Annotated[list[Asked], Field(max_length=MOST_ITEMS)]


class Clock(_Keys):
    """Of `sessions[].clock`."""

    shared: bool
    offset_ns: float | None
    skew_ppm: float | None
    uncertainty_ns: Rate | None
    points: Count


class Session(_Keys):
    """Of `sessions[]`."""

    target: Text
    local: Text
    clock: Clock


def _all_named(texts: dict[str, str]) -> dict[str, str]:
    if texts.get("unit") != "ns":
        raise PydanticCustomError("says", "`unit` is not `ns`")
    missing = next((name for name in METRICS if name not in texts), None)
    if missing is not None:
        raise PydanticCustomError("says", "`{name}` is missing", {"name": missing})
    return {name: text for name, text in texts.items() if name not in ("unit", "encoding")}


class Deadline(_Keys):
    """Of `streams[].deadline`."""

    limit_ns: Ns
    kind: Text = Field(alias="class")
    kept: Count
    missed: Count


class Stream(_Keys):
    """Of `streams[]`."""

    name: Text
    arrival: Text
    counts: Counts
    rates: Rates
    deadline: Deadline | None
    drift_ppm: float | None
    histograms: Texts


class Band(_Keys):
    """Of `bands[]`."""

    from_priority: Priority
    to_priority: Priority
    sent: Count
    answered: Count
    missing: Count
    response: str


class Interval(_Keys):
    """Of `intervals[]`."""

    from_ns: SignedNs
    length_ns: Ns
    sent: Count | None
    lost: Count
    response: str
    stalled: str | None


class CoreStalls(_Keys):
    """Of `stalls.cores[]`."""

    core: Count | None
    role: Text
    count: Count
    total_ns: Ns
    longest_ns: Ns
    stalls: Annotated[list[Span], Field(max_length=MOST_ITEMS)]


class Stalls(_Keys):
    """Of `stalls`."""

    watched: bool
    from_ns: Ns
    stalled_pulses: Count
    cores: Annotated[list[CoreStalls], Field(max_length=MOST_ITEMS)]


class Usage(_Keys):
    """Of `cpu.sender`."""

    user_ns: Ns
    system_ns: Ns
    involuntary_switches: Count


class Cpu(_Keys):
    """Of `cpu`."""

    sender: Usage
    machine_busy_share: Rate | None


class Verdict(_Keys):
    """Of `verdict`; not there before a run is judged."""

    q: Quantile
    limit_ns: Rate


class Gate(_Keys):
    """Of `gates[]`."""

    stream: Text | None
    gate: Text
    state: Literal["pass", "fail", "inconclusive"]
    reason: Text


class Document(_Keys):
    """A result document."""

    schema_: Literal["rttp.result/1"] = Field(alias="schema")
    rttp: Build
    started_unix_ns: Ns
    interrupted: bool
    run: Run
    profile: Profile | None
    schedule: Schedule
    host: Host
    counts: WholeCounts
    sending_ns: Ns
    lasted_ns: Ns
    rates: Rates
    peer: Tally | None
    responder: Responder | None
    sessions: Annotated[list[Session], Field(max_length=MOST_ITEMS)]
    histograms: Annotated[Texts, AfterValidator(_all_named)]
    streams: Annotated[list[Stream], Field(min_length=1, max_length=MOST_ITEMS)]
    bands: Annotated[list[Band], Field(max_length=MOST_ITEMS)]
    stalls: Stalls
    cpu: Cpu
    verdict: Verdict | None = None
    gates: Annotated[list[Gate], Field(max_length=MOST_ITEMS)] = []
    intervals: Annotated[list[Interval], Field(max_length=MOST_ITEMS)] = []


class Point(_Keys):
    """Of `points[]` of several runs."""

    label: Text
    side: Text | None = None
    pair: Count | None = None
    result: Any


class Runs(_Keys):
    """A document of several runs."""

    kind: Text
    interleaved: bool = False
    points: Annotated[list[Point], Field(max_length=MOST_ITEMS)]
