"""Scalars of a profile: each reads what YAML gives, says what it expected, writes itself, and knows its JSON Schema."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rttp_cli.units import parse_bytes, parse_duration_ns, parse_rate

MIN_RATE, MAX_RATE = 1e-6, 1e8
"""Messages per second: one in twelve days, and more than any host sends."""
YEAR_NS = 366 * 24 * 3600 * 10**9
_UNITS = ((3600 * 10**9, "h"), (60 * 10**9, "min"), (10**9, "s"), (10**6, "ms"), (10**3, "us"), (1, "ns"))


def expected(text: str, *at: str | int) -> PydanticCustomError:
    """The error for a value that is something else; `at` leads on from the field to the value at fault."""
    return PydanticCustomError("expected", "expected {text}", {"text": text, "at": at})


def says(text: str, *at: str | int, of_value: bool = False) -> PydanticCustomError:
    """The error whose text says it all. It stands at the key that `at` leads to, or at its value."""
    return PydanticCustomError("says", "{text}", {"text": text, "at": at, "of_value": of_value})


def write_ns(ns: int) -> str:
    """A time as a profile has it, exactly: `16.6ms`."""
    for size, unit in _UNITS:
        # Hours and minutes only where they are whole: nobody reads `0.0333min`.
        if ns >= size and (size <= 10**9 or ns % size == 0):
            return f"{(Decimal(ns) / size).normalize():f}{unit}"
    return "0s"


def write_number(value: float) -> int | float:
    """A number without a fraction that says nothing."""
    return int(value) if value == int(value) else value


class _Scalar(ABC):
    """What pydantic asks of an annotation, by one reader and one schema."""

    write: ClassVar[Callable[[Any], Any] | None] = None

    @abstractmethod
    def read(self, value: object) -> Any:
        """The value, or `PydanticCustomError`."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """JSON Schema of what `read` takes."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        write = type(self).write
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(write) if write else None,
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return self.schema()


@dataclass(frozen=True)
class Whole(_Scalar):
    """A whole number from `low` to `high`; `key`: as the text of a mapping's key."""

    low: int
    high: int
    key: bool = False

    def read(self, value: object) -> int:
        """The number. Texts are numbers only as keys."""
        if self.key and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise expected(f"a whole number from {self.low:,} to {self.high:,}")
        return value

    def schema(self) -> dict[str, Any]:
        """An integer with bounds; keys are texts of digits."""
        if self.key:
            return {"type": "string", "pattern": "^[0-9]+$"}
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Number(_Scalar):
    """A finite number above `low`, up to `high`."""

    low: float
    high: float
    write: ClassVar[Callable[[Any], Any] | None] = write_number

    def read(self, value: object) -> float:
        """The number as a float."""
        if isinstance(value, int | float) and not isinstance(value, bool) and self.low < value <= self.high:
            return float(value)
        raise expected(f"a number above {self.low:g}, at most {self.high:g}")

    def schema(self) -> dict[str, Any]:
        """A number with bounds."""
        return {"type": "number", "exclusiveMinimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Duration(_Scalar):
    """A time with its unit, in ns from `low` to `high`."""

    low: int = 0
    high: int = YEAR_NS
    write: ClassVar[Callable[[Any], Any] | None] = write_ns

    def read(self, value: object) -> int:
        """Nanoseconds."""
        what = "a time such as 300us, 10ms or 5s"
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise expected(f"{what}, with its unit")
        if not isinstance(value, str):
            raise expected(what)
        try:
            ns = parse_duration_ns(value)
        except (ValueError, OverflowError):
            raise expected(what) from None
        if not self.low <= ns <= self.high:
            raise expected(f"a time from {write_ns(self.low)} to {write_ns(self.high)}")
        return ns

    def schema(self) -> dict[str, Any]:
        """A text with a unit."""
        pattern = r"^\s*\+?[0-9.,_]+([eE][+-]?[0-9]+)?\s*(ns|us|µs|μs|ms|s|m|min|h)\s*$"
        return {"type": "string", "pattern": pattern, "examples": ["300us", "10ms", "5s"]}


@dataclass(frozen=True)
class Rate(_Scalar):
    """Messages per second, above 0 and at most `MAX_RATE`; with `pause` also 0."""

    pause: bool = False
    write: ClassVar[Callable[[Any], Any] | None] = write_number

    def read(self, value: object) -> float:
        """Per second."""
        if isinstance(value, str):
            try:
                rate = parse_rate(value)
            except (ValueError, OverflowError):
                raise expected("a rate such as 10k") from None
        elif isinstance(value, int | float) and not isinstance(value, bool):
            # Compared before the conversion: an int may be larger than any float.
            rate = float(value) if -MAX_RATE <= value <= MAX_RATE else math.inf
        else:
            raise expected("a rate such as 10k")
        if not MIN_RATE <= rate <= MAX_RATE and not (self.pause and rate == 0):
            raise expected(f"a rate {'from' if self.pause else 'above'} 0, at most {MAX_RATE:g} a second")
        return rate

    def schema(self) -> dict[str, Any]:
        """A number, or a text with a factor."""
        text = {"type": "string", "pattern": r"^\s*\+?[0-9.,_]+([eE][+-]?[0-9]+)?\s*[kKmMgG]?(/s)?\s*$"}
        least = {"minimum": 0} if self.pause else {"exclusiveMinimum": 0}
        return {"anyOf": [{"type": "number", **least, "maximum": MAX_RATE}, text]}


@dataclass(frozen=True)
class Bytes(_Scalar):
    """A count of bytes from `low` to `high`, as a number or a text such as `8k` and `16MiB`."""

    low: int
    high: int
    key: bool = False

    def read(self, value: object) -> int:
        """Bytes."""
        count = -1
        if isinstance(value, str):
            try:
                count = parse_bytes(value)
            except (ValueError, OverflowError):
                raise expected("a size such as 1400, 8k or 16MiB") from None
        elif isinstance(value, int) and not isinstance(value, bool):
            count = value
        else:
            raise expected("a size such as 1400, 8k or 16MiB")
        if not self.low <= count <= self.high:
            raise expected(f"{self.low:,} to {self.high:,} bytes")
        return count

    def schema(self) -> dict[str, Any]:
        """An integer, or a text with a unit."""
        text = {
            "type": "string",
            "pattern": r"^\s*\+?[0-9.,_]+([eE][+-]?[0-9]+)?\s*([kKmM]?[bB]?|[kKmMgG][iI][bB])\s*$",
        }
        return text if self.key else {"anyOf": [{"type": "integer", "minimum": self.low, "maximum": self.high}, text]}


@dataclass(frozen=True)
class Words(_Scalar):
    """A text that `accept` likes; `what` says which texts those are."""

    what: str
    accept: Callable[[str], bool]
    pattern: str | None = None

    def read(self, value: object) -> str:
        """The text."""
        if not isinstance(value, str) or not self.accept(value):
            raise expected(self.what)
        return value

    def schema(self) -> dict[str, Any]:
        """A text, with a pattern if one says it."""
        return {"type": "string"} | ({"pattern": self.pattern} if self.pattern else {})


@dataclass(frozen=True)
class Short:
    """A short form beside a full one: `expand` turns it into the full one, `schema` describes the short one."""

    expand: Callable[[Any], Any]
    short: Callable[[], dict[str, Any]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"anyOf": [self.short(), handler(schema)]}


@dataclass(frozen=True)
class Filled:
    """A mapping with at least one entry, and no key twice in two spellings (`1k` and `1000`)."""

    key: _Scalar

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "minProperties": 1}

    def check(self, value: Any) -> Any:
        """The mapping as it is."""
        if not isinstance(value, dict):
            return value
        if not value:
            raise expected("at least one entry")
        seen: dict[Any, str] = {}
        for text in value:
            try:
                key = self.key.read(text)
            except PydanticCustomError:
                continue
            if key in seen:
                raise says(f"is `{seen[key]}` once more", text)
            seen[key] = text
        return value
