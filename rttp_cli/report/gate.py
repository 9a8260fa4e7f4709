"""Gates: limits that a run's result is held to, such as `response.p99 <= 500us`. Here only their syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rttp_cli.units import parse_duration_ns

DURATIONS = ("response", "service", "lateness", "message", "first_token", "token_gap", "one_way_out", "one_way_back")
"""Metrics of time: they need a percentile or `max`."""
SHARES = ("loss", "misses", "rate")
"""Metrics between 0 and 1: lost pulses, pulses after their deadline, achieved of offered rate."""
OPERATORS = ("<=", ">=", "<", ">")
_METRIC = re.compile(r"[A-Za-z0-9_.]*")
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,9})?)")
MAX_GATE = 200
"""Characters of a gate at most."""

Operator = Literal["<=", ">=", "<", ">"]


@dataclass(frozen=True)
class Gate:
    """A limit on one figure of a result."""

    text: str
    metric: str
    quantile: float | None
    """Between 0 and 1; `None` for the maximum and for shares."""
    operator: Operator
    value: float
    """Nanoseconds, or a share between 0 and 1."""

    @property
    def of_time(self) -> bool:
        """Whether `value` is in nanoseconds."""
        return self.metric in DURATIONS


class GateError(ValueError):
    """A text is not a gate; `position` counts characters from 0."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"at character {position}: {message}")
        self.position = position


def parse_gate(text: str) -> Gate:
    """The gate that a text `METRIC OP VALUE` says. Raises `GateError` with the position of what is wrong."""
    if len(text) > MAX_GATE:
        raise GateError(MAX_GATE, f"a gate has at most {MAX_GATE} characters")
    at = _skip(text, 0)
    match = _METRIC.match(text, at)
    metric, quantile = _metric(match[0] if match else "", at)
    at = _skip(text, at + len(match[0] if match else ""))
    operator = next((op for op in OPERATORS if text.startswith(op, at)), None)
    if operator is None:
        raise GateError(at, f"{_found(text[at:])}, expected one of < <= >= >")
    at = _skip(text, at + len(operator))
    value = _duration(text[at:], at) if metric in DURATIONS else _share(text[at:], at)
    return Gate(text.strip(), metric, quantile, operator, value)  # type: ignore[arg-type]


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _found(text: str) -> str:
    word = next(iter(text.split(maxsplit=1)), "")
    return f"found `{word[:40]}`" if word else "the text ends"


def _metric(word: str, at: int) -> tuple[str, float | None]:
    from difflib import get_close_matches

    name, dot, rest = word.partition(".")
    if name in SHARES:
        if dot:
            raise GateError(at + len(name), f"found `.{rest[:40]}`, `{name}` has no percentiles")
        return name, None
    if name not in DURATIONS:
        near = get_close_matches(name, [*DURATIONS, *SHARES], n=1)
        hint = f"did you mean `{near[0]}`?" if near else "expected one of " + ", ".join([*DURATIONS, *SHARES])
        raise GateError(at, (f"no metric is named `{name[:40]}`, " if name else "a metric is missing, ") + hint)
    at += len(name) + 1
    if rest == "max":
        return name, None
    match = _QUANTILE.fullmatch(rest)
    quantile = round(float(match[1]) / 100, 11) if match else 0.0
    if not 0 < quantile < 1:
        found = f"found `{rest[:40]}`" if rest else "the metric ends"
        raise GateError(at if dot else at - 1, f"{found}, expected a percentile such as `{name}.p99`, or `{name}.max`")
    return name, quantile


def _duration(text: str, at: int) -> float:
    try:
        return float(parse_duration_ns(text))
    except (ValueError, OverflowError):
        raise GateError(at, f"{_found(text)}, expected a time such as 500us") from None


def _share(text: str, at: int) -> float:
    number = text.strip()
    share = -1.0
    if re.fullmatch(r"(\d{1,3}(\.\d{1,15})?|\.\d{1,15})([eE]-?\d{1,2})?\s*%?", number):
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    if not 0 <= share <= 1:
        raise GateError(at, f"{_found(text)}, expected a share such as 0.1% or 0.001")
    return share
