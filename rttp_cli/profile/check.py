"""From a tree to a profile: every error of the file at once, each where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rttp_cli import _core
from rttp_cli.profile.model import MAX_STREAMS, Deadline, Profile, Queue, Run, Stream
from rttp_cli.profile.patterns import (
    MODELS,
    EmpiricalSize,
    Kv,
    Lognormal,
    Part,
    Recorded,
    Step,
    guess,
)
from rttp_cli.profile.rules import Whole, findings
from rttp_cli.profile.source import Document, read
from rttp_cli.profile.traces import load_trace
from rttp_cli.profile.tree import Broken, Items, Problem, Table, follow, plain, refuse, show

_PARTS: dict[str, type[Part]] = MODELS | {
    "run": Run,
    "streams": Stream,
    "deadline": Deadline,
    "queue": Queue,
    "lognormal": Lognormal,
    "kv": Kv,
    "steps": Step,
}
"""The model of a mapping, by the last name on the way to it."""
_KINDS = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
}


def load(name_or_path: str, overrides: Sequence[str] = ()) -> Profile:
    """The profile of a name or a path (one with a separator or a YAML suffix), with `PATH=VALUE` overrides applied.

    Raises `RttpError`: bad-profile with all errors in `details`, unknown-name, unreadable. Nothing is sent, no name is
    resolved; traces and captures that it names are read.
    """
    return check(read(name_or_path, overrides))


def check(document: Document) -> Profile:
    """The profile of a tree. Raises `RttpError` bad-profile with all errors."""
    checker = _Checker(document)
    profile = checker.run()
    if checker.problems or profile is None:
        raise refuse(document.label, checker.problems)
    return profile.bind(document.name, checker.traces)


class _Checker:
    def __init__(self, document: Document) -> None:
        self.root: Table = document.root
        self.problems = list(document.problems)
        self.broken: set[tuple[str | int, ...]] = set()
        self.traces: dict[str, _core.Trace] = {}

    def run(self) -> Profile | None:
        if self.problems and not self.root.entries:
            return None
        data = plain(self.root)
        self._leave_out_broken(data)
        profile, indices = self._validate(data)
        if profile is not None:
            self._load_traces(profile, indices)
            whole = Whole(profile.run, profile.streams, indices, frozenset(self.broken), profile.gates, self.traces)
            for path, message in findings(whole):
                self._add(follow(self.root, path).problem(message))
        return profile

    def _add(self, problem: Problem) -> None:
        self.problems.append(problem)

    def _leave_out_broken(self, data: dict[str, Any]) -> None:
        for path in list(_broken_nodes(self.root, ())):
            self._prune(data, path)

    def _validate(self, data: dict[str, Any]) -> tuple[Profile | None, list[int]]:
        """The profile without what is wrong, so that the rest of it can be looked at too, and where its streams are."""
        streams = data.get("streams")
        if isinstance(streams, list):
            if len(streams) > MAX_STREAMS:
                spot = follow(self.root, ("streams", MAX_STREAMS))
                self._add(spot.problem(f"{len(streams):,} streams, at most {MAX_STREAMS}"))
                del streams[MAX_STREAMS:]
            # `None` marks a stream that was left out for what stands in it.
            data["streams"] = streams = [None if self._lost(i) else stream for i, stream in enumerate(streams)]
        indices = list(range(len(streams))) if isinstance(streams, list) else []
        # More than once: leaving out a key may let pydantic see one that it had not come to.
        for _ in range(3):
            if isinstance(streams, list):
                indices = [i for i in range(len(streams)) if not self._lost(i)]
            given = {**data, "streams": [streams[i] for i in indices]} if isinstance(streams, list) else data
            if isinstance(streams, list) and streams and not indices:
                return None, []
            try:
                return Profile.model_validate(given), indices
            except ValidationError as error:
                for found in error.errors(include_url=False, include_input=False):
                    loc = found["loc"]
                    if len(loc) > 1 and loc[0] == "streams" and isinstance(loc[1], int):
                        loc = ("streams", indices[loc[1]], *loc[2:])
                    self._report(loc, found)
                    self._prune(data, loc)
        return None, []

    def _streams_lost(self, kind: str) -> bool:
        """Whether streams are missing only because of something that has been reported."""
        rank = self.root.at.source.rank
        parent_lost = any(p.path == "extends" or p.at.source.rank > rank for p in self.problems)
        lost = ("streams",) in self.broken or parent_lost
        return kind == "missing" and lost

    def _lost(self, index: int) -> bool:
        return ("streams", index) in self.broken

    def _report(self, loc: tuple[str | int, ...], found: Any) -> None:
        context = found.get("ctx", {})
        kind = found["type"]
        key_at_fault = loc[-1:] == ("[key]",)
        steps = [step for step in loc if step not in MODELS and step != "[key]"]
        spot = follow(self.root, [*steps, *context.get("at", ())])
        if isinstance(spot.node, Broken) or (loc == ("streams",) and self._streams_lost(kind)):
            return
        if kind == "missing":
            self._add(spot.problem(f"`{loc[-1]}` is missing"))
        elif kind == "extra_forbidden":
            self._add(spot.problem(_unknown_key(loc), at_key=True))
        elif kind == "says":
            at_key = bool(context["at"]) and spot.complete and not context["of_value"]
            self._add(spot.problem(context["text"], at_key=at_key))
        elif key_at_fault:
            self._add(spot.problem(f"found the key `{spot.keys[-1]}`, expected {context.get('text')}", at_key=True))
        elif kind in ("too_short", "too_long"):
            self._add(spot.problem(_length(kind, context)))
        else:
            what = _expected(kind, context) or f"something else: {found['msg'].lower()}"
            self._add(spot.problem(f"found {show(spot.node)}, expected {what}"))

    def _prune(self, data: dict[str, Any], loc: tuple[str | int, ...]) -> None:
        """Takes away what an error is about: a key of the top, of `run` or of a stream, or a whole stream."""
        if not loc:
            return
        top = loc[0]
        if self._replace_gate(data, loc):
            return
        if top == "run" and isinstance(data.get("run"), dict) and len(loc) > 1:
            data["run"].pop(loc[1], None)
            self.broken.add(("run", loc[1]))
        elif top == "streams" and isinstance(data.get("streams"), list) and len(loc) > 1:
            index = int(loc[1])
            stream = data["streams"][index] if index < len(data["streams"]) else None
            # Gone already where one key has several errors.
            gone = ("streams", index, *loc[2:3]) in self.broken
            if isinstance(stream, dict) and len(loc) > 2 and loc[2] != "name" and (loc[2] in stream or gone):
                stream.pop(loc[2], None)
                self.broken.add(("streams", index, loc[2]))
            else:
                self.broken |= {("streams", index), ("streams",)}
        else:
            data.pop(str(top), None)
            self.broken.add((top,))
            if top == "run":
                self.broken |= {("run", key) for key in Run.model_fields}

    def _replace_gate(self, data: dict[str, Any], loc: tuple[str | int, ...]) -> bool:
        """A bad gate gives way to one that suits every mode, so that the gates beside it keep their places."""
        holder: Any = data
        for step in loc[:-1]:
            inside = (
                step in holder if isinstance(holder, dict) else isinstance(holder, list) and step in range(len(holder))
            )
            if not inside:
                return False
            holder = holder[step]
        if loc[-2:-1] != ("gates",) or not isinstance(holder, list) or loc[-1] not in range(len(holder)):
            return False
        holder[int(loc[-1])] = "rate >= 0"
        return True

    def _load_traces(self, profile: Profile, indices: list[int]) -> None:
        for stream, index in zip(profile.streams, indices, strict=True):
            wanted = []
            if isinstance(stream.arrival, Recorded):
                wanted.append((stream.arrival.file, "arrival", "file"))
            if isinstance(stream.size, EmpiricalSize):
                wanted.append((stream.size.empirical, "size", "empirical"))
            for file, outer, inner in wanted:
                try:
                    if file not in self.traces:
                        self.traces[file] = load_trace(Path(file))
                except _core.CoreError as error:
                    spot = follow(self.root, ("streams", index, outer, inner))
                    self._add(spot.problem(str(error.args[-1])))
                    self.broken.add(("streams", index, outer))


def _broken_nodes(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, Broken):
        yield path
    elif isinstance(node, Table):
        for key, entry in node.entries.items():
            yield from _broken_nodes(entry.node, (*path, key))
    elif isinstance(node, Items):
        for i, item in enumerate(node.items):
            yield from _broken_nodes(item, (*path, i))


def _unknown_key(loc: tuple[str | int, ...]) -> str:
    holder = next((str(step) for step in reversed(loc[:-1]) if isinstance(step, str)), "")
    model = _PARTS.get(holder, Profile)
    names = [field.alias or name for name, field in model.model_fields.items()]
    return f"no key of that name, {guess(str(loc[-1]), names)}"


def _length(kind: str, context: dict[str, Any]) -> str:
    least = kind == "too_short"
    bound = context["min_length" if least else "max_length"]
    words = f"at {'least' if least else 'most'} {bound:,} {'entry' if bound == 1 else 'entries'}"
    return f"found a list of {context['actual_length']:,}, expected {words}"


def _expected(kind: str, context: dict[str, Any]) -> str | None:
    if kind == "expected":
        return str(context["text"])
    if kind == "literal_error":
        return "one of " + str(context["expected"]).replace("'", "").replace(" or ", ", ")
    return _KINDS.get(kind)
