"""A profile as a value. These models are the schema: `rttp profile schema` is made from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, StrictBool, StrictStr, model_validator

from rttp_cli import _core
from rttp_cli.profile.patterns import (
    AnyArrival,
    AnyCount,
    AnyFragments,
    AnyPriority,
    AnySize,
    Constant,
    FixedPriority,
    FixedSize,
    NoFragments,
    Part,
)
from rttp_cli.profile.values import MAX_RATE, Duration, Number, Rate, Short, Whole, Words, expected, says
from rttp_cli.report.gate import GateError, parse_gate

MAX_STREAMS = 256
SCHEMA_ID = "urn:rttp:profile:1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_TARGET = re.compile(r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]*]+)(?::(\d{1,5}))?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*")


def _is_target(text: str) -> bool:
    match = _TARGET.fullmatch(text) if text.isprintable() and len(text) <= 300 else None
    return bool(match) and (match[1] is None or 1 <= int(match[1]) <= 65_535) if match else False


def _is_gate(text: Any) -> Any:
    if not isinstance(text, str):
        raise expected("a gate such as response.p99 <= 500us")
    try:
        return parse_gate(text).text
    except GateError as error:
        raise says(str(error)) from None


def _cores(value: Any) -> Any:
    if isinstance(value, list):
        for i, core in enumerate(value):
            if isinstance(core, bool) or not isinstance(core, int) or not 0 <= core < 4096:
                raise expected("the number of a core", i)
            if core in value[:i] and i < len(value) - 1:
                raise says(f"two senders on core {core}", i)
        if value:
            return value
    elif value in ("auto", "none") and isinstance(value, str):
        return value
    raise expected("auto, none or a list of cores")


def _targets(value: Any) -> Any:
    one = [value] if isinstance(value, str) else value
    if one is None:
        return None
    if not isinstance(one, list) or not 1 <= len(one) <= 64:
        raise expected("HOST, HOST:PORT, [IPv6]:PORT, or a list of up to 64 of them")
    for i, text in enumerate(one):
        if not isinstance(text, str) or not _is_target(text):
            raise expected("HOST, HOST:PORT or [IPv6]:PORT", *(() if isinstance(value, str) else (i,)))
    return value


def _limit(value: Any) -> Any:
    return {"limit": value} if isinstance(value, str) else value


GateText = Annotated[
    str, Short(_is_gate, lambda: {"type": "string", "examples": ["response.p99 <= 500us", "loss <= 0.1%"]})
]


class Run(Part):
    """How long, how much, and where."""

    duration: Annotated[int, Duration(low=10**6)] = Field(default=5 * 10**9, description="How long to measure.")
    count: Annotated[int, Whole(2, (1 << 63) - 1)] | None = Field(
        default=None, description="Measure at most so many pulses."
    )
    warmup: Annotated[int, Duration()] = Field(default=500 * 10**6, description="Sent before, not measured.")
    cooldown: Annotated[int, Duration()] = Field(default=0, description="Sent after, not measured.")
    seed: Annotated[int, Whole(0, (1 << 64) - 1)] = Field(default=1, description="All randomness follows from it.")
    rate: Annotated[float, Rate()] | None = Field(
        default=None, description="Messages per second of all streams without a rate of their own, shared by weight."
    )
    threads: Annotated[int, Whole(1, 64)] = Field(default=1, description="Sending threads per target.")
    cores: Annotated[Literal["auto", "none"] | list[int], Short(_cores, lambda: {"enum": ["auto", "none"]})] = Field(
        default="auto", description="auto, none, or cores of the senders and then of the responder."
    )
    spin: StrictBool = Field(default=False, description="Look at the socket all the time rather than sleep.")
    segments: Annotated[int, Whole(1, 64)] = Field(
        default=1, description="Pulses a call by UDP segmentation offload; one-way flood streams only."
    )
    target: Annotated[str | list[str] | None, Short(_targets, lambda: {"type": "string"})] = Field(
        default=None, description="HOST[:PORT] or a list of them; null: a responder in this process."
    )


class Deadline(Part):
    """When an answer is too late."""

    limit: Annotated[int, Duration(low=1)] = Field(description="From the schedule to the last answer.")
    class_: Literal["soft", "firm", "hard"] = Field(default="soft", alias="class", description="What missing it means.")


class Queue(Part):
    """Pulses that are due and wait to be sent."""

    limit: Annotated[int, Whole(1, 1 << 20)] = Field(default=65_536, description="How many may wait.")
    when_full: Literal["delay", "drop"] = Field(default="delay", description="What happens to one more.")


class Stream(Part):
    """One stream of messages."""

    name: Annotated[str, Words("a name of letters, digits, `.`, `_` and `-`", _NAME.fullmatch, _NAME.pattern)] = Field(
        description="Unique in the profile; a stream of this name in the parent is changed."
    )
    remove: StrictBool = Field(default=False, exclude=True, description="Takes the parent's stream of this name away.")
    mode: Literal["echo", "one-way", "request-response", "token-stream"] = Field(
        default="echo", description="What comes back."
    )
    rate: Annotated[float, Rate()] | None = Field(default=None, description="Messages per second; or `weight`.")
    weight: Annotated[float, Number(0, MAX_RATE)] | None = Field(default=None, description="Share of `run.rate`.")
    arrival: AnyArrival = Field(default=Constant(process="constant"), description="When messages are due.")
    priority: AnyPriority = Field(default=FixedPriority(fixed=128), description="0 to 255, higher goes first.")
    size: AnySize = Field(
        default=FixedSize(fixed=74), description="Payload bytes of a message; token-stream: of each token."
    )
    fragments: AnyFragments | None = Field(default=None, description="Pulses of a message; none by default.")
    tokens: AnyCount | None = Field(default=None, description="token-stream: tokens of an answer.")
    token_interval: Annotated[int, Duration()] | None = Field(
        default=None, description="token-stream: from token to token, 20ms by default."
    )
    first_token: Annotated[int, Duration()] | None = Field(
        default=None, description="token-stream: from the request to the first token, 0s by default."
    )
    deadline: Annotated[Deadline, Short(_limit, lambda: Duration().schema())] | None = Field(
        default=None, description="When an answer is too late; a time alone is soft."
    )
    timeout: Annotated[int, Duration(low=10_000)] = Field(
        default=10**9, description="A pulse not answered by then is lost."
    )
    queue: Queue = Field(default=Queue(limit=65_536), description="Pulses that are due and wait to be sent.")
    gates: list[GateText] = Field(default_factory=list, max_length=256, description="Limits on this stream's figures.")

    @model_validator(mode="after")
    def _fill(self) -> Self:
        # What a mode does not have stays None, so that the rules can tell what was given.
        if self.mode == "token-stream":
            filled: dict[str, Any] = {"token_interval": 20 * 10**6, "first_token": 0}
        else:
            filled = {"fragments": NoFragments(none=True)}
        for name, value in filled.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        return self


class Profile(Part):
    """What load to send: streams of messages, and what their result is held to."""

    description: Annotated[
        str, Words("one line of text", lambda text: "\n" not in text.strip() and len(text) <= 300)
    ] = Field(default="", description="One line.")
    extends: StrictStr | None = Field(
        default=None, exclude=True, description="Name of a profile, or a path from this file, that this one changes."
    )
    run: Run = Field(default=Run(), description="How long, how much, and where.")
    streams: list[Stream] = Field(min_length=1, max_length=MAX_STREAMS, description="What is sent, side by side.")
    gates: list[GateText] = Field(default_factory=list, max_length=256, description="Limits on the whole's figures.")

    _name: str = PrivateAttr("")
    _traces: dict[str, _core.Trace] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name without its suffix, or the shipped profile's."""
        return self._name

    @property
    def traces(self) -> Mapping[str, _core.Trace]:
        """Traces and captures that the profile names, as they were when it was validated, by path."""
        return self._traces

    def bind(self, name: str, traces: Mapping[str, _core.Trace]) -> Self:
        """Itself, once it has its name and its traces."""
        self._name = name
        self._traces.update(traces)
        return self


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a profile file, for editors."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, "title": "rttp profile"}
    schema = {**Profile.model_json_schema(by_alias=True, mode="validation"), **head}
    # A file that extends another may have no streams, and a stream that changes another needs only its name.
    schema.pop("required", None)
    return {**head, **{key: value for key, value in schema.items() if key not in head}}
