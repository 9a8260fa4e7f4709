"""The patterns that a stream is made of: arrivals, priorities, sizes and fragments, in their short and full forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StrictBool, Tag
from pydantic_core import PydanticCustomError

from rttp_cli.profile.values import Bytes, Duration, Filled, Number, Rate, Short, Whole, Words, expected, says

HEADER = 64
MAX_PULSE = 65_507
MAX_PAYLOAD = MAX_PULSE - HEADER
"""Payload bytes of one pulse at most."""
MAX_COUNT = 65_535
"""Fragments of a message, or tokens of a stream, at most."""
MAX_MESSAGE = MAX_PAYLOAD * MAX_COUNT
DATAGRAM_HEADERS = 28
"""IPv4 and UDP: what an MTU holds beside the pulse."""


class Part(BaseModel):
    """A mapping of a profile: unknown keys are errors, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def guess(name: str, names: list[str]) -> str:
    """What to say after a name that is none: the nearest one that is, or all."""
    near = get_close_matches(name, names, n=1)
    return f"did you mean `{near[0]}`?" if near else "expected " + ", ".join(names)


def _ordered(pair: list[Any]) -> list[Any]:
    if pair[0] > pair[1]:
        raise expected("[from, to] with from at most to")
    return pair


Spacing: TypeAlias = Literal["even", "poisson"]
FileName = Words("the path of a file", lambda text: bool(text.strip()) and text.isprintable())
Weight = Number(0, 1e12)

# Arrivals


class Constant(Part):
    """Evenly spaced at the stream's rate."""

    process: Literal["constant"]


class Poisson(Part):
    """Independent arrivals: exponential gaps around the stream's rate."""

    process: Literal["poisson"]


class Bursts(Part):
    """On for a while, off for a while; the stream's rate is the mean over both."""

    process: Literal["bursts"]
    on: Annotated[int, Duration(low=1)] = Field(description="How long it sends.")
    off: Annotated[int, Duration()] = Field(description="How long it is silent.")
    rate_while_on: Annotated[float, Rate()] | None = Field(
        default=None, description="Rate while on, in place of a mean rate of the stream."
    )
    spacing: Spacing = Field(default="even", description="Gaps while it sends.")


class Ramp(Part):
    """From one rate to another, then on at the second."""

    process: Literal["ramp"]
    from_: Annotated[float, Rate(pause=True)] = Field(alias="from", description="Rate at the start.")
    to: Annotated[float, Rate()] = Field(description="Rate at the end, and from then on.")
    over: Annotated[int, Duration(low=1)] = Field(description="How long it takes.")
    spacing: Spacing = Field(default="even", description="Gaps around the rate of the moment.")


class Step(Part):
    """One rate for a while."""

    rate: Annotated[float, Rate(pause=True)] = Field(description="Messages per second; 0 is a pause.")
    for_: Annotated[int, Duration(low=1)] = Field(alias="for", description="How long.")


def _some_rate(steps: list[Step]) -> list[Step]:
    if all(step.rate == 0 for step in steps):
        raise expected("at least one step with a rate above 0")
    return steps


class Steps(Part):
    """One rate after the other, from the start again at the end."""

    process: Literal["steps"]
    steps: Annotated[list[Step], AfterValidator(_some_rate)] = Field(
        min_length=1, max_length=4096, description="Rates and how long each lasts."
    )
    spacing: Spacing = Field(default="even", description="Gaps around the rate of the moment.")


class Sine(Part):
    """A rate that swings around the stream's rate."""

    process: Literal["sine"]
    amplitude: Annotated[float, Rate()] = Field(description="How far from the mean, at most the mean.")
    period: Annotated[int, Duration(low=1)] = Field(description="One swing.")
    spacing: Spacing = Field(default="even", description="Gaps around the rate of the moment.")


class Recorded(Part):
    """When a trace or a capture says."""

    process: Literal["trace"]
    file: Annotated[str, FileName] = Field(description=".csv, .jsonl, .txt, .pcap or .pcapng, beside the profile.")
    speed: Annotated[float, Number(1e-6, 1e6)] = Field(default=1.0, description="2 is twice as fast.")
    repeat: StrictBool = Field(default=False, description="From the start again at the end.")


class Flood(Part):
    """As fast as the host sends; one-way only."""

    process: Literal["flood"]


class Closed(Part):
    """The next when the last is answered (ping-pong); the only stream."""

    process: Literal["closed"]


PROCESSES: dict[str, type[Part]] = {
    "constant": Constant,
    "poisson": Poisson,
    "bursts": Bursts,
    "ramp": Ramp,
    "steps": Steps,
    "sine": Sine,
    "trace": Recorded,
    "flood": Flood,
    "closed": Closed,
}


def _process(value: Any) -> Any:
    # Only the process is judged here; its keys are pydantic's.
    if isinstance(value, str):
        value = {"process": value}
    if not isinstance(value, dict):
        raise expected("a process such as poisson, or a mapping with `process`")
    if "process" not in value:
        raise says("`process` is missing: " + ", ".join(PROCESSES))
    name = value["process"]
    if not isinstance(name, str):
        raise expected("one of " + ", ".join(PROCESSES), "process")
    if name not in PROCESSES:
        raise says(f"no process is named `{name[:40]}`, {guess(name, list(PROCESSES))}", "process", of_value=True)
    return value


# Priorities

Priority = Whole(0, 255)


class FixedPriority(Part):
    """All the same."""

    fixed: Annotated[int, Priority] = Field(description="0 to 255, higher goes first.")


class WeightedPriority(Part):
    """Drawn by weight."""

    weighted: Annotated[
        dict[Annotated[int, Whole(0, 255, key=True)], Annotated[float, Weight]], Filled(Whole(0, 255, key=True))
    ] = Field(description="Priority: weight.")


class UniformPriority(Part):
    """Drawn evenly, both ends included."""

    uniform: Annotated[list[Annotated[int, Priority]], AfterValidator(_ordered)] = Field(
        min_length=2, max_length=2, description="[from, to]"
    )


class CyclePriority(Part):
    """One after the other."""

    cycle: list[Annotated[int, Priority]] = Field(min_length=1, max_length=65_536, description="In this order.")


SizeKey = Bytes(0, MAX_MESSAGE, key=True)


def _size_steps(value: Any) -> Any:
    if isinstance(value, dict):
        Filled(SizeKey).check({key: item for key, item in value.items() if key != "beyond"})
        for key in value:
            try:
                SizeKey.read(0 if key == "beyond" else key)
            except PydanticCustomError:
                raise says(
                    f"found the key `{key[:40]}`, expected a size such as 1400 or 8k, or `beyond`", key
                ) from None
    return value


class BySizePriority(Part):
    """By the message's payload: each size is the largest that has the priority."""

    by_size: Annotated[dict[str, Annotated[int, Priority]], BeforeValidator(_size_steps)] = Field(
        alias="by-size", description="Payload bytes up to and including: priority; `beyond`: all larger ones."
    )


class TracePriority(Part):
    """What the trace says, 128 where it says nothing."""

    trace: Literal[True]


# Sizes

Size = Bytes(0, MAX_MESSAGE)


class FixedSize(Part):
    """All the same."""

    fixed: Annotated[int, Size] = Field(description="Payload bytes.")


class UniformSize(Part):
    """Drawn evenly, both ends included."""

    uniform: Annotated[list[Annotated[int, Size]], AfterValidator(_ordered)] = Field(
        min_length=2, max_length=2, description="[from, to]"
    )


class Lognormal(Part):
    """Parameters of a lognormal size; what is drawn outside is clamped."""

    median: Annotated[int, Bytes(1, MAX_MESSAGE)] = Field(description="Half are smaller, bytes.")
    sigma: Annotated[float, Number(0, 10)] = Field(description="Standard deviation of the logarithm.")
    min: Annotated[int, Size] = Field(default=0, description="None is smaller.")
    max: Annotated[int, Size] = Field(default=MAX_PAYLOAD, description="None is larger.")


class LognormalSize(Part):
    """Many small, few large."""

    lognormal: Lognormal


class WeightedSize(Part):
    """Drawn by weight."""

    weighted: Annotated[dict[Annotated[int, SizeKey], Annotated[float, Weight]], Filled(SizeKey)] = Field(
        description="Payload bytes: weight."
    )


class EmpiricalSize(Part):
    """Drawn from the sizes of a trace or a capture, as often as they are in it."""

    empirical: Annotated[str, FileName] = Field(description="File, beside the profile.")


class TraceSize(Part):
    """What the trace says, message by message."""

    trace: Literal[True]


# Fragments, and numbers of tokens

Count = Whole(1, MAX_COUNT)


class FixedCount(Part):
    """Always so many."""

    fixed: Annotated[int, Count] = Field(description="How many.")


class UniformCount(Part):
    """Drawn evenly, both ends included."""

    uniform: Annotated[list[Annotated[int, Count]], AfterValidator(_ordered)] = Field(
        min_length=2, max_length=2, description="[from, to]"
    )


class WeightedCount(Part):
    """Drawn by weight."""

    weighted: Annotated[
        dict[Annotated[int, Whole(1, MAX_COUNT, key=True)], Annotated[float, Weight]],
        Filled(Whole(1, MAX_COUNT, key=True)),
    ] = Field(description="Count: weight.")


class Sending(Part):
    """How the fragments of a message are sent."""

    order: Literal["in-order", "reverse", "shuffled", "token-major"] = Field(
        default="in-order", description="token-major: kv only."
    )
    interleave: Annotated[int, Whole(1, 1024)] = Field(
        default=1, description="Messages started together, their fragments in turn."
    )
    gap: Annotated[int, Duration()] = Field(default=0, description="From fragment to fragment.")


class NoFragments(Sending):
    """One message is one pulse."""

    none: Literal[True]


class FixedFragments(Sending, FixedCount):
    """Always so many fragments."""


class UniformFragments(Sending, UniformCount):
    """A number of fragments drawn evenly."""


class WeightedFragments(Sending, WeightedCount):
    """A number of fragments drawn by weight."""


class MtuFragments(Sending):
    """As many fragments as it takes to stay within an MTU."""

    mtu: Annotated[int, Bytes(DATAGRAM_HEADERS + HEADER + 1, 65_535)] = Field(
        description="Bytes of an IPv4 packet: 28 of IP and UDP, 64 of the pulse's header, the rest payload."
    )

    @property
    def payload(self) -> int:
        """Payload bytes of a full fragment."""
        return self.mtu - DATAGRAM_HEADERS - HEADER


class Kv(Part):
    """A snapshot of a key-value cache: a fragment for each block of tokens, layer and head."""

    tokens: Annotated[int, Whole(1, 1 << 40)] = Field(description="Tokens in the cache.")
    tokens_per_fragment: Annotated[int, Whole(1, 1 << 40)] = Field(description="Tokens in a block.")
    layers: Annotated[int, Whole(1, MAX_COUNT)] = Field(
        default=1, description="Layers, each with fragments of its own."
    )
    heads: Annotated[int, Whole(1, MAX_COUNT)] = Field(default=1, description="Heads, each with fragments of its own.")

    @property
    def token_blocks(self) -> int:
        """Blocks of tokens, the last one perhaps not full."""
        return -(-self.tokens // self.tokens_per_fragment)

    @property
    def count(self) -> int:
        """Fragments of a snapshot."""
        return self.token_blocks * self.layers * self.heads


class KvFragments(Sending):
    """The fragments of a key-value cache."""

    kv: Kv


PRIORITIES: dict[str, type[Part]] = {
    "fixed": FixedPriority,
    "weighted": WeightedPriority,
    "uniform": UniformPriority,
    "cycle": CyclePriority,
    "by-size": BySizePriority,
    "trace": TracePriority,
}
SIZES: dict[str, type[Part]] = {
    "fixed": FixedSize,
    "uniform": UniformSize,
    "lognormal": LognormalSize,
    "weighted": WeightedSize,
    "empirical": EmpiricalSize,
    "trace": TraceSize,
}
COUNTS: dict[str, type[Part]] = {"fixed": FixedCount, "uniform": UniformCount, "weighted": WeightedCount}
FRAGMENTS: dict[str, type[Part]] = {
    "none": NoFragments,
    "fixed": FixedFragments,
    "uniform": UniformFragments,
    "weighted": WeightedFragments,
    "mtu": MtuFragments,
    "kv": KvFragments,
}


def tag(place: str, name: str) -> str:
    """A union's name for one of its members: no key of a profile looks like it."""
    return f"<{place} {name}>"


def _by(place: str, names: Mapping[str, object]) -> Discriminator:
    def find(value: Any) -> str | None:
        if isinstance(value, dict):
            found: Any = value.get("process") if place == "arrival" else next((k for k in value if k in names), None)
        else:
            found = next((name for name, model in names.items() if type(value) is model), None)
        return tag(place, found) if found else None

    return Discriminator(find)


def _pattern(names: Mapping[str, object], words: set[str], scalar: str) -> Callable[[Any], Any]:
    """Turns a short form (a plain value, or a word such as `trace`) into the mapping with one pattern's key."""
    beside = set(Sending.model_fields) if "mtu" in names else set()

    def expand(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return {value: True}
        if not isinstance(value, dict):
            if value is None or isinstance(value, list):
                raise expected(scalar)
            return {"fixed": value}
        patterns = [key for key in value if key in names]
        if not patterns:
            other = next((key for key in value if key not in beside), None)
            if other is None:
                raise says("a pattern is missing: one of " + ", ".join(names))
            raise says(f"no pattern is named `{other[:40]}`, {guess(other, list(names))}", other)
        if len(patterns) > 1:
            raise says(f"both `{patterns[0]}` and `{patterns[1]}`, expected one of them", patterns[1])
        if patterns[0] in words and value[patterns[0]] is not True:
            raise expected("true", patterns[0])
        return value

    return expand


def _words(*names: str) -> dict[str, Any]:
    return {"enum": list(names)}


def _scalar_or_words(scalar: Bytes | Whole, *names: str) -> Callable[[], dict[str, Any]]:
    return lambda: {"anyOf": [scalar.schema(), _words(*names)]} if names else scalar.schema()


_PRIORITY = "a priority from 0 to 255, or a mapping with one of " + ", ".join(PRIORITIES)
_SIZE = "a size such as 1400, 8k or 16MiB, or a mapping with one of " + ", ".join(SIZES)
_COUNT = "a count, or a mapping with one of " + ", ".join(COUNTS)
_FRAGMENTS = "none, a count, or a mapping with one of " + ", ".join(FRAGMENTS)

AnyArrival: TypeAlias = Annotated[
    Annotated[Constant, Tag(tag("arrival", "constant"))]
    | Annotated[Poisson, Tag(tag("arrival", "poisson"))]
    | Annotated[Bursts, Tag(tag("arrival", "bursts"))]
    | Annotated[Ramp, Tag(tag("arrival", "ramp"))]
    | Annotated[Steps, Tag(tag("arrival", "steps"))]
    | Annotated[Sine, Tag(tag("arrival", "sine"))]
    | Annotated[Recorded, Tag(tag("arrival", "trace"))]
    | Annotated[Flood, Tag(tag("arrival", "flood"))]
    | Annotated[Closed, Tag(tag("arrival", "closed"))],
    _by("arrival", PROCESSES),
    Short(_process, lambda: _words("constant", "poisson", "flood", "closed")),
]
AnyPriority: TypeAlias = Annotated[
    Annotated[FixedPriority, Tag(tag("priority", "fixed"))]
    | Annotated[WeightedPriority, Tag(tag("priority", "weighted"))]
    | Annotated[UniformPriority, Tag(tag("priority", "uniform"))]
    | Annotated[CyclePriority, Tag(tag("priority", "cycle"))]
    | Annotated[BySizePriority, Tag(tag("priority", "by-size"))]
    | Annotated[TracePriority, Tag(tag("priority", "trace"))],
    _by("priority", PRIORITIES),
    Short(_pattern(PRIORITIES, {"trace"}, _PRIORITY), _scalar_or_words(Priority, "trace")),
]
AnySize: TypeAlias = Annotated[
    Annotated[FixedSize, Tag(tag("size", "fixed"))]
    | Annotated[UniformSize, Tag(tag("size", "uniform"))]
    | Annotated[LognormalSize, Tag(tag("size", "lognormal"))]
    | Annotated[WeightedSize, Tag(tag("size", "weighted"))]
    | Annotated[EmpiricalSize, Tag(tag("size", "empirical"))]
    | Annotated[TraceSize, Tag(tag("size", "trace"))],
    _by("size", SIZES),
    Short(_pattern(SIZES, {"trace"}, _SIZE), _scalar_or_words(Size, "trace")),
]
AnyCount: TypeAlias = Annotated[
    Annotated[FixedCount, Tag(tag("tokens", "fixed"))]
    | Annotated[UniformCount, Tag(tag("tokens", "uniform"))]
    | Annotated[WeightedCount, Tag(tag("tokens", "weighted"))],
    _by("tokens", COUNTS),
    Short(_pattern(COUNTS, set(), _COUNT), _scalar_or_words(Count)),
]
AnyFragments: TypeAlias = Annotated[
    Annotated[NoFragments, Tag(tag("fragments", "none"))]
    | Annotated[FixedFragments, Tag(tag("fragments", "fixed"))]
    | Annotated[UniformFragments, Tag(tag("fragments", "uniform"))]
    | Annotated[WeightedFragments, Tag(tag("fragments", "weighted"))]
    | Annotated[MtuFragments, Tag(tag("fragments", "mtu"))]
    | Annotated[KvFragments, Tag(tag("fragments", "kv"))],
    _by("fragments", FRAGMENTS),
    Short(_pattern(FRAGMENTS, {"none"}, _FRAGMENTS), _scalar_or_words(Count, "none")),
]
MODELS: dict[str, type[Part]] = {
    tag(place, name): model
    for place, names in (
        ("arrival", PROCESSES),
        ("priority", PRIORITIES),
        ("size", SIZES),
        ("tokens", COUNTS),
        ("fragments", FRAGMENTS),
    )
    for name, model in names.items()
}
"""The model of each union member, by its tag."""
