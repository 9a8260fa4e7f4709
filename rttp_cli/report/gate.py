"""Gates: limits that a result is held to, such as `stream[control].p99 <= 1ms`. Here only their syntax."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from rttp_cli.units import parse_duration_ns, parse_rate

Operator = Literal["<=", ">=", "<", ">"]
Unit = Literal["ns", "share", "count", "pps"]
Statistic = float | Literal["max", "mean"]
"""A quantile between 0 and 1, or another way to make one figure of many times."""

TIMES = (
    "response",
    "service",
    "undisturbed",
    "lateness",
    "pacing",
    "message",
    "first_token",
    "token_gap",
    "one_way_out",
    "one_way_back",
    "wakeup",
)
"""Distributions of docs/RESULT.md: they need a percentile, `max` or `mean`."""
FIGURES: dict[str, Unit] = {
    "loss": "share",
    "misses": "share",
    "rate": "share",
    "samples": "count",
    "sent_pps": "pps",
    "answered_pps": "pps",
    "stalls.count": "count",
    "stalls.max": "ns",
    "stalls.share": "share",
}
"""Metrics that are one figure each."""
OF_THE_RUN = ("pacing", "stalls.count", "stalls.max", "stalls.share")
"""Metrics of no single stream."""
OF_BANDS = ("response", "loss", "samples")
"""All that is kept of priorities."""
OPERATORS: tuple[Operator, ...] = ("<=", ">=", "<", ">")
CLASSES = ("soft", "firm", "hard")
MAX_GATE = 200
"""Characters of a gate at most."""

_PREFIX = re.compile(r"(stream|priority)\[([^\]]*)(\]\.)?")
_METRIC = re.compile(r"[A-Za-z0-9_.]*")
_CLASS = re.compile(r"\[([^\]]*)\]?")
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,9})?)")
_BAND = 32
_SHARE = re.compile(r"((?:\d{1,7}(?:\.\d{1,15})?|\.\d{1,15})(?:[eE]-?\d{1,2})?)\s*(%|ppm|)")
_PARTS = {"": 1.0, "%": 1e2, "ppm": 1e6}


@dataclass(frozen=True)
class Gate:
    """A limit on one figure of a result. Gates that say the same are equal, however they are written."""

    metric: str
    statistic: Statistic | None
    """Of a metric of `TIMES`; `None` of one of `FIGURES`."""
    operator: Operator
    value: float
    """In the metric's unit: ns, a share between 0 and 1, a count, pulses per second."""
    stream: str | None = None
    """`None`: all streams together."""
    priorities: tuple[int, int] | None = None
    """From and to, both within; whole bands."""
    kind: str | None = None
    """Of deadlines, for `misses`."""
    text: str = field(default="", compare=False)
    """As written."""
    body: str = field(default="", compare=False)
    """The text without its `stream[NAME].`."""

    @property
    def unit(self) -> Unit:
        """Of `value`."""
        return FIGURES.get(self.metric, "ns")

    @property
    def of_time(self) -> bool:
        """Whether the metric is a distribution of times."""
        return self.metric in TIMES

    @property
    def from_above(self) -> bool:
        """Whether it limits its figure from above."""
        return self.operator in ("<", "<=")

    def __str__(self) -> str:
        return self.body if self.stream is None else f"stream[{self.stream}].{self.body}"


class GateError(ValueError):
    """A text is not a gate; `position` counts characters from 0."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"at character {position}: {message}")
        self.position = position


def parse_gate(text: str) -> Gate:
    """The gate that `[stream[NAME].|priority[FROM..TO].]METRIC OP VALUE` says. Raises `GateError`."""
    if len(text) > MAX_GATE:
        raise GateError(MAX_GATE, f"a gate has at most {MAX_GATE} characters")
    body_at = at = _skip(text, 0)
    stream = priorities = None
    if prefix := _PREFIX.match(text, at):
        at = prefix.end()
        if not prefix[3]:
            raise GateError(at, f"{_found(text[at:])}, expected `].`")
        if prefix[1] == "priority":
            priorities = _priorities(prefix[2], prefix.start(2))
        else:
            stream, body_at = _stream(prefix[2], prefix.start(2)), at
    word = _METRIC.match(text, at)
    assert word is not None, "it matches nothing, too"
    metric, statistic = _metric(word[0], at)
    if stream is not None and metric in OF_THE_RUN:
        raise GateError(at, f"`{metric}` is of the whole run, not of a stream")
    if priorities is not None and metric not in OF_BANDS:
        raise GateError(at, f"of priorities there are {', '.join(OF_BANDS)} alone, not `{metric}`")
    at = word.end()
    kind = None
    if metric == "misses" and (of := _CLASS.match(text, at)):
        kind, at = _kind(of[1], of.start(1)), of.end()
    at = _skip(text, at)
    operator = next((op for op in OPERATORS if text.startswith(op, at)), None)
    if operator is None:
        raise GateError(at, f"{_found(text[at:])}, expected one of < <= >= >")
    at = _skip(text, at + len(operator))
    value = _value(text[at:], at, FIGURES.get(metric, "ns"))
    body = text[body_at:].strip()
    return Gate(metric, statistic, operator, value, stream, priorities, kind, text.strip(), body)


def contradiction(gates: Sequence[Gate]) -> tuple[Gate, Gate] | None:
    """Two gates that no result can both pass, if there are such."""
    for lower, upper in product(gates, gates):
        if lower.from_above or not upper.from_above or not _never_above(lower, upper):
            continue
        strict = upper.operator == "<" or lower.operator == ">"
        if lower.value > upper.value or (strict and lower.value == upper.value):
            return lower, upper
    return None


def _never_above(a: Gate, b: Gate) -> bool:
    """Whether the figure of `a` is at most that of `b` in any result: the same, or a lower percentile of the same."""
    if (a.metric, a.stream, a.priorities, a.kind) != (b.metric, b.stream, b.priorities, b.kind):
        return False
    if isinstance(a.statistic, float) and isinstance(b.statistic, float):
        return a.statistic <= b.statistic
    return b.statistic in (a.statistic, "max")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _found(text: str) -> str:
    word = next(iter(text.split(maxsplit=1)), "")
    return f"found `{word[:40]}`" if word else "the text ends"


def _stream(name: str, at: int) -> str:
    if not name.strip():
        raise GateError(at, "the name of a stream is missing")
    return name


def _priorities(text: str, at: int) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,3})\s*\.\.\s*(\d{1,3})\s*", text, re.ASCII)
    low, high = (int(match[1]), int(match[2])) if match else (1, 0)
    if low % _BAND or (high + 1) % _BAND or not low < high <= 255:
        expected = f"bands of {_BAND} priorities, such as 128..255 or 224..255"
        raise GateError(at, f"found `{text[:40]}`, expected {expected}")
    return low, high


def _kind(text: str, at: int) -> str:
    if text not in CLASSES:
        raise GateError(at, f"found `{text[:40]}`, expected one of {', '.join(CLASSES)}")
    return text


def _metric(word: str, at: int) -> tuple[str, Statistic | None]:
    """Name and statistic; a statistic alone is of `response`."""
    if word in FIGURES:
        return word, None
    if word in ("max", "mean") or re.match(r"p\d", word):
        return "response", _statistic(word, at, "response")
    name, dot, rest = word.partition(".")
    if name in FIGURES:
        raise GateError(at + len(name), f"found `.{rest[:40]}`, `{name}` has no percentiles")
    if name not in TIMES:
        raise GateError(at, _unknown(word, name))
    if not rest:
        at += len(name) + len(dot)
        raise GateError(at, f"the metric ends, expected a percentile such as `{name}.p99`, or `{name}.max`")
    return name, _statistic(rest, at + len(name) + 1, name)


def _unknown(word: str, name: str) -> str:
    from difflib import get_close_matches

    known = [*TIMES, *FIGURES]
    near = get_close_matches(word, known, n=1) or get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "expected one of " + ", ".join(known)
    return (f"no metric is named `{name[:40]}`, " if name else "a metric is missing, ") + hint


def _statistic(text: str, at: int, metric: str) -> Statistic:
    if text == "max":
        return "max"
    if text == "mean":
        return "mean"
    match = _QUANTILE.fullmatch(text)
    quantile = round(float(match[1]) / 100, 11) if match else 0.0
    if not 0 < quantile < 1:
        expected = f"expected a percentile such as `{metric}.p99`, or `{metric}.max`, or `{metric}.mean`"
        raise GateError(at, f"found `{text[:40]}`, {expected}")
    return quantile


def _value(text: str, at: int, unit: Unit) -> float:
    expected = {
        "ns": "a time such as 500us",
        "share": "a share such as 0.1%, 50ppm or 0.001",
        "count": "a count such as 50000 or 50k",
        "pps": "a rate such as 100k/s",
    }[unit]
    try:
        if unit == "ns":
            return float(parse_duration_ns(text))
        value = _share(text) if unit == "share" else parse_rate(text)
        if 0 <= value <= (1 if unit == "share" else 1e15) and not (unit == "count" and "/" in text):
            return value
    except (ValueError, OverflowError):
        pass
    raise GateError(at, f"{_found(text)}, expected {expected}")


def _share(text: str) -> float:
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise ValueError
    return float(match[1]) / _PARTS[match[2]]
