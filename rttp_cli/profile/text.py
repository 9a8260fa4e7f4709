"""Profiles as text: the effective one as YAML or JSON, a line about one, and a new one to fill in."""

from __future__ import annotations

import json
from typing import Any

import yaml

from rttp_cli.profile import rates
from rttp_cli.profile.model import Profile, Stream
from rttp_cli.profile.patterns import Closed, Flood, Ramp, Recorded, Steps
from rttp_cli.wire.yaml_loader import PlainLoader

_TOKEN_KEYS = ("tokens", "token_interval", "first_token")
_PATTERN_KEYS = ("priority", "size", "fragments", "tokens")


class _PlainDumper(yaml.SafeDumper):
    """Quotes what `PlainLoader` would not read as text, and nothing else."""


_PlainDumper.yaml_implicit_resolvers = PlainLoader.yaml_implicit_resolvers


def effective(profile: Profile) -> dict[str, Any]:
    """The profile after inheritance and defaults, as a document that loads to the same."""
    document = profile.model_dump(by_alias=True)
    document["streams"] = [
        _stream(stream, dumped) for stream, dumped in zip(profile.streams, document["streams"], strict=True)
    ]
    return document


def _stream(stream: Stream, dumped: dict[str, Any]) -> dict[str, Any]:
    absent = {"fragments"} if stream.mode == "token-stream" else set(_TOKEN_KEYS)
    absent |= {key for key in ("rate", "weight", "deadline") if dumped[key] is None}
    short = {key: _short(value) if key in _PATTERN_KEYS else value for key, value in dumped.items()}
    if list(short["arrival"]) == ["process"]:
        short["arrival"] = short["arrival"]["process"]
    return {key: value for key, value in short.items() if key not in absent}


def _short(value: Any) -> Any:
    """The short form of a pattern, where it has nothing but one value."""
    if not isinstance(value, dict):
        return value
    defaults = {"order": "in-order", "interleave": 1, "gap": "0s"}
    said = {key: inner for key, inner in value.items() if defaults.get(key) != inner}
    if said.keys() & {"none", "trace"} and len(said) == 1:
        return next(iter(said))
    if said.keys() == {"fixed"}:
        return said["fixed"]
    return said


def to_yaml(document: Any) -> str:
    """A document as YAML that `PlainLoader` reads back."""
    text: str = yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def summary(profile: Profile) -> str:
    """How many streams, how many messages a second: `3 streams, 2,000/s`."""
    count = len(profile.streams)
    means = rates.shares(profile.run, profile.streams)
    paces = [_pace(stream, mean) for stream, mean in zip(profile.streams, means, strict=True)]
    numbers = [pace for pace in paces if isinstance(pace, float)]
    words = list(dict.fromkeys(pace for pace in paces if isinstance(pace, str)))
    parts = [f"{sum(numbers):,.6g}/s" if sum(numbers) < 1e6 else f"{sum(numbers):,.0f}/s"] if numbers else []
    return ", ".join(["1 stream" if count == 1 else f"{count} streams", " + ".join([*parts, *words])])


def _pace(stream: Stream, mean: float | None) -> float | str:
    arrival = stream.arrival
    if isinstance(arrival, Closed | Flood):
        return arrival.process
    if isinstance(arrival, Recorded):
        return "trace"
    if isinstance(arrival, Ramp):
        return f"ramp to {arrival.to:,g}/s"
    if isinstance(arrival, Steps):
        lap = sum(step.for_ for step in arrival.steps)
        return sum(step.rate * step.for_ for step in arrival.steps) / lap
    whole = rates.messages(stream, mean, _lap(stream), {})
    return (whole or 0.0) * rates.SECOND / _lap(stream)


def _lap(stream: Stream) -> int:
    arrival = stream.arrival
    return int(getattr(arrival, "on", 0) + getattr(arrival, "off", 0)) or 10**9


_NEW = """\
# yaml-language-server: $schema=./rttp-profile.schema.json
# (`rttp profile schema -o rttp-profile.schema.json` writes that file; editors then know every key.)
#
# Check it: rttp profile validate {file}      See it whole: rttp profile show {file}
# Every key: docs/PROFILES.md. What is not said here is as in `{parent}`, shown in the comments.
description: {description}
extends: {extends}

"""


def template(name: str, file: str, extends: str, parent: Profile) -> str:
    """A new profile that extends another: it is the same until a comment is taken away."""
    document = effective(parent)
    head = _NEW.format(
        file=file,
        parent=parent.name,
        description=json.dumps(f"{name}: {parent.description or 'like ' + parent.name}", ensure_ascii=False),
        extends=json.dumps(extends, ensure_ascii=False),
    )
    lines = ["# run:", *(f"#   {line}" for line in _lines(document["run"])), "", "streams:"]
    for stream in document["streams"]:
        lines.append(f"  - {to_yaml({'name': stream.pop('name')}).strip()}")
        lines += [f"    # {line}" for line in _lines(stream)]
    lines += [
        "",
        "# Limits on the whole run's figures.",
        *(f"# {line}" for line in _lines({"gates": document["gates"]})),
    ]
    return head + "\n".join(lines) + "\n"


def _lines(document: Any) -> list[str]:
    return to_yaml(document).rstrip("\n").split("\n")
