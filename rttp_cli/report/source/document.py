"""Result documents of ours into results: checked key by key, every error with the path to what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.document import SCHEMA
from rttp_cli.report.result import Among, CoreStalls, Deadline, Interval, Part, Result, Stalls
from rttp_cli.report.source import cells

if TYPE_CHECKING:
    from pydantic import ValidationError

    from rttp_cli.report.source import model

RUNS = "rttp.runs/1"
_UNSCHEDULED = ("closed", "flood")
_LARGE = ("histograms", "streams", "bands", "intervals", "latency", "flights", "stalls")
"""Keys of a document that make up most of it."""
_WRITERS = {
    "rttp.doctor": "a document of `rttp doctor`",
    "rttp.summary": "a summary of `rttp decode`",
    "rttp.report": "a report of `rttp report`, which holds no histograms",
    "rttp.compare": "a comparison of `rttp compare`",
    "rttp.gate": "verdicts of `rttp gate`",
}
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of 64 bits",
    "finite_number": "a finite number",
    "unprintable": "text without control characters",
    "literal_error": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "{min_length} or more items",
    "too_long": "at most {max_length} items",
    "string_too_long": "at most {max_length} characters",
}


@dataclass(frozen=True)
class Wanted:
    """What of a document is read."""

    metrics: frozenset[str] | None = None
    """Histograms beside `response`; `None`: all, and only then documents are kept whole."""
    intervals: bool = True

    def has(self, metric: str) -> bool:
        """Whether a histogram is read."""
        return self.metrics is None or metric == "response" or metric in self.metrics


EVERYTHING = Wanted()


@dataclass(frozen=True)
class Checked:
    """A result document whose keys are sound; its histograms are texts still."""

    source: str
    document: Mapping[str, Any]
    keys: model.Document
    texts: Mapping[str, str]
    """Histograms that are wanted, by their paths."""
    among: Among | None = None

    @property
    def cells(self) -> int:
        """Of its histograms, at most."""
        return sum(map(cells.claimed, self.texts.values()))

    def refuse(self, message: str) -> RttpError:
        """The error of something in it."""
        return RttpError("bad-result", f"{self.source}: {message}")


def printable(text: str) -> str:
    """A text for people: control characters, and bytes of file names that are not UTF-8, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def parse(data: bytes, source: str, wanted: Wanted = EVERYTHING) -> list[Checked]:
    """The runs of a document in JSON.

    Raises `RttpError` bad-result: no JSON (line and column), not ours, too new.
    """
    from pydantic_core import from_json

    if wanted.metrics is not None and (sound := _parse_fast(data, source, wanted)) is not None:
        return [sound]
    try:
        document = from_json(data, cache_strings="keys")
    except ValueError as error:
        found = re.fullmatch(r"(?P<what>.*) at line (?P<line>\d+) column (?P<column>\d+)", str(error))
        where = f"line {found['line']}, column {found['column']}: {found['what']}" if found else str(error)
        cut = "; was it cut off?" if "EOF" in where else ""
        raise RttpError("bad-result", f"{source}: not JSON: {where}{cut}") from None
    if not isinstance(document, dict):
        raise RttpError(
            "bad-result", f"{source}: found {_shown(document)}, expected an object with `schema`: `{SCHEMA}`"
        )
    schema = document.get("schema")
    if schema == SCHEMA:
        return [check(document, source, wanted)]
    if schema == RUNS:
        return _runs(document, source, wanted)
    raise RttpError("bad-result", f"{source}: {_foreign(schema)}; this rttp reads {SCHEMA} and {RUNS}")


def check(document: Mapping[str, Any], source: str, wanted: Wanted = EVERYTHING, among: Among | None = None) -> Checked:
    """A result document, its keys checked. Raises `RttpError` bad-result."""
    from pydantic import ValidationError

    from rttp_cli.report.source.model import Document

    try:
        keys = Document.model_validate(document)
    except ValidationError as error:
        raise _located(error, source) from None
    whole = wanted.metrics is None
    kept = document if whole else {key: value for key, value in document.items() if key not in _LARGE}
    checked = Checked(source, kept, keys, dict(_texts(keys, wanted)), among)
    _check_counts(checked)
    return checked


def results(documents: Sequence[Checked]) -> list[Result]:
    """Results of checked documents; all their histograms are decoded at once. Raises `RttpError` bad-result."""
    decoded = iter(_decode(documents))
    return [_result(checked, {at: next(decoded) for at in checked.texts}) for checked in documents]


def _parse_fast(data: bytes, source: str, wanted: Wanted) -> Checked | None:
    """One sound document without Python objects for what nobody asked for; `None` where something has to be said."""
    from pydantic import ValidationError

    from rttp_cli.report.source.model import Document

    try:
        keys = Document.model_validate_json(data)
    except ValidationError:
        return None
    kept = keys.model_dump(by_alias=True, exclude=set(_LARGE))
    checked = Checked(source, kept, keys, dict(_texts(keys, wanted)))
    _check_counts(checked)
    return checked


def _runs(document: dict[str, Any], source: str, wanted: Wanted) -> list[Checked]:
    from pydantic import ValidationError

    from rttp_cli.report.source.model import Runs

    try:
        runs = Runs.model_validate(document)
    except ValidationError as error:
        raise _located(error, source) from None
    if not runs.points:
        raise RttpError("bad-result", f"{source}: it holds no runs: `points` is empty")
    checked = []
    for i, point in enumerate(runs.points):
        if not isinstance(point.result, dict) or point.result.get("schema") != SCHEMA:
            raise RttpError("bad-result", f"{source}: points[{i}].result: expected a document of {SCHEMA}")
        among = Among(runs.kind, point.side, point.pair, runs.interleaved)
        checked.append(check(point.result, f"{source}[{point.label}]", wanted, among))
    return checked


def _foreign(schema: Any) -> str:
    if not isinstance(schema, str):
        return "JSON of another program: it has no `schema`" if schema is None else f"schema: found {_shown(schema)}"
    name, _, version = schema.partition("/")
    if name in (SCHEMA.partition("/")[0], RUNS.partition("/")[0]) and version.isdigit():
        return f"it has `{schema}`: written by a newer rttp?"
    return f"it is {_WRITERS.get(name, f'of the schema {_shown(schema)}')}, not a result"


def _located(error: ValidationError, source: str) -> RttpError:
    problems = error.errors(include_url=False)
    found = problems[0]
    # Where a key may be of several types, pydantic names the type behind the key.
    path = _path(found["loc"])
    if found["type"] == "missing":
        said = f"`{path}` is missing"
    elif found["type"] == "says":
        said = f"{path}: {found['msg']}"
    else:
        expected = _EXPECTED.get(found["type"], found["msg"]).format(**found.get("ctx", {}))
        said = f"{path}: found {_shown(found['input'])}, expected {expected}"
    more = f" ({len(problems) - 1} more like it)" if len(problems) > 1 else ""
    return RttpError("bad-result", f"{source}: {said}{more}")


def _path(loc: Sequence[str | int]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step[:80])}" for step in loc)
    return path.removeprefix(".").removesuffix(".[key]") or "the document"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return printable(text if len(text) <= 40 else f"{text[:40]}…")


def _check_counts(checked: Checked) -> None:
    keys = checked.keys
    names: dict[str, int] = {}
    for i, stream in enumerate(keys.streams):
        if names.setdefault(stream.name, i) != i:
            raise checked.refuse(
                f"streams[{i}].name: `{stream.name}` is the name of streams[{names[stream.name]}], too"
            )
    for path, counts in (("", keys.counts), *((f"streams[{i}].", s.counts) for i, s in enumerate(keys.streams))):
        parts = counts.answered + counts.lost + counts.unfinished + counts.one_way
        if counts.sent != parts:
            raise checked.refuse(
                f"{path}counts.sent: found {counts.sent:,}, expected answered + lost + unfinished + one_way = {parts:,}"
            )
    for key in ("sent", "answered", "lost", "unfinished", "one_way"):
        whole = getattr(keys.counts, key)
        in_streams = sum(getattr(stream.counts, key) for stream in keys.streams)
        if whole != in_streams:
            raise checked.refuse(f"counts.{key}: found {whole:,}, expected the sum of all streams, {in_streams:,}")
    _together(checked, "rates", keys.rates, ("sent_pps", "answered_pps", "sent_bps"))
    for i, session in enumerate(keys.sessions):
        _together(checked, f"sessions[{i}].clock", session.clock, ("offset_ns", "skew_ppm", "uncertainty_ns"))


def _together(checked: Checked, path: str, keys: object, names: tuple[str, ...]) -> None:
    """What is known or unknown together."""
    known = [name for name in names if getattr(keys, name) is not None]
    if known and len(known) < len(names):
        missing = next(name for name in names if name not in known)
        raise checked.refuse(f"{path}.{missing}: found null, expected a number as in {path}.{known[0]}")


def _texts(keys: model.Document, wanted: Wanted) -> Iterator[tuple[str, str]]:
    """Every histogram that is to be decoded, by its path. Those with names that nobody knows are not."""
    from rttp_cli.report.source.model import METRICS

    known = {name for name in (*METRICS, "undisturbed") if wanted.has(name)}
    for path, texts in (
        ("", keys.histograms),
        *((f"streams[{i}].", stream.histograms) for i, stream in enumerate(keys.streams)),
    ):
        for name, text in texts.items():
            if name in known:
                yield f"{path}histograms.{name}", text
    for i, band in enumerate(keys.bands):
        yield f"bands[{i}].response", band.response
    for i, interval in enumerate(keys.intervals if wanted.intervals else ()):
        yield f"intervals[{i}].response", interval.response
        if interval.stalled is not None:
            yield f"intervals[{i}].stalled", interval.stalled


def _decode(documents: Sequence[Checked]) -> list[Histogram]:
    try:
        return Histogram.decode_all([text for checked in documents for text in checked.texts.values()])
    except ValueError as refused:
        # One by one, to say which it is.
        for checked in documents:
            for path, text in checked.texts.items():
                try:
                    Histogram.decode(text)
                except ValueError as error:
                    raise checked.refuse(f"{path}: {error}") from None
        raise documents[0].refuse(str(refused)) from None


def _result(checked: Checked, decoded: Mapping[str, Histogram]) -> Result:
    keys = checked.keys
    whole = _part(checked, "", "", keys.histograms, keys.streams, keys.counts, decoded)
    streams = tuple(
        _part(checked, f"streams[{i}].", stream.name, stream.histograms, [stream], stream.counts, decoded)
        for i, stream in enumerate(keys.streams)
    )
    return Result(
        source=checked.source,
        kind="result",
        whole=whole,
        streams=streams,
        bands=tuple(_band(checked, i, band, decoded) for i, band in enumerate(keys.bands)),
        intervals=tuple(_intervals(checked, decoded)),
        stalls=Stalls(
            keys.stalls.watched,
            keys.stalls.from_ns,
            tuple(
                CoreStalls(c.core, c.role, c.count, c.total_ns, c.longest_ns, tuple(c.stalls))
                for c in keys.stalls.cores
            ),
            # Stalls are counted from the warm-up on.
            keys.sending_ns + keys.run.warmup_ns,
        ),
        duration_ns=keys.run.duration_ns,
        sending_ns=keys.sending_ns,
        document=checked.document,
        among=checked.among,
    )


def _part(
    checked: Checked,
    path: str,
    name: str,
    texts: Mapping[str, str],
    streams: Sequence[model.Stream],
    counts: model.Counts,
    decoded: Mapping[str, Histogram],
) -> Part:
    found = {metric: decoded.get(f"{path}histograms.{metric}") for metric in texts}
    histograms = {
        metric: histogram for metric, histogram in found.items() if histogram is not None and histogram.samples
    }
    missing = counts.lost + counts.unfinished
    _check_samples(checked, f"{path}histograms.response", histograms.get("response"), counts.answered, missing)
    for one, other in (("service", "response"), ("one_way_back", "one_way_out")):
        found_samples, expected = (histograms[m].samples if m in histograms else 0 for m in (one, other))
        if decoded.get(f"{path}histograms.{one}") is not None and found_samples != expected:
            raise checked.refuse(
                f"{path}histograms.{one}: found {found_samples:,} samples, expected {expected:,} as in {other}"
            )
    told_apart = checked.keys.stalls.watched and "histograms.undisturbed" in decoded
    if told_apart and "response" in histograms and not missing:
        # Where a stall touched every pulse there are none that it did not.
        histograms.setdefault("undisturbed", Histogram.of([]))
    undisturbed = histograms.get("undisturbed")
    if undisturbed is not None and not missing <= undisturbed.samples <= counts.answered + missing:
        raise checked.refuse(
            f"{path}histograms.undisturbed: found {undisturbed.samples:,} samples, expected all {missing:,} missing"
            f" and at most {counts.answered:,} answered"
        )
    return Part(
        name,
        histograms,
        missing,
        {key: count for key, count in vars(counts).items() if key != "rejects"},
        tuple(Deadline(d.limit_ns, d.kind, d.kept, d.missed) for d in (s.deadline for s in streams) if d is not None),
        any(stream.arrival not in _UNSCHEDULED for stream in streams),
    )


def _band(checked: Checked, i: int, band: model.Band, decoded: Mapping[str, Histogram]) -> Part:
    response = decoded[f"bands[{i}].response"]
    _check_samples(checked, f"bands[{i}].response", response, band.answered, band.missing)
    return Part(
        f"{band.from_priority} … {band.to_priority}",
        {"response": response} if response.samples else {},
        band.missing,
        {"sent": band.sent, "answered": band.answered, "missing": band.missing},
        priorities=(band.from_priority, band.to_priority),
    )


def _check_samples(checked: Checked, path: str, response: Histogram | None, answered: int, missing: int) -> None:
    samples = 0 if response is None else response.samples
    if samples != answered + missing:
        raise checked.refuse(
            f"{path}: found {samples:,} samples, expected {answered:,} answered and {missing:,} missing as counted"
        )


def _intervals(checked: Checked, decoded: Mapping[str, Histogram]) -> Iterator[Interval]:
    for i, interval in enumerate(checked.keys.intervals):
        response = decoded.get(f"intervals[{i}].response")
        if response is None:
            return
        stalled = decoded.get(f"intervals[{i}].stalled")
        if stalled is not None:
            try:
                response.minus(stalled)
            except ValueError as error:
                raise checked.refuse(f"intervals[{i}].stalled: it is no part of the response: {error}") from None
        yield Interval(
            interval.from_ns,
            interval.length_ns,
            interval.sent,
            interval.lost,
            response,
            stalled if stalled is not None and stalled.samples else None,
        )
