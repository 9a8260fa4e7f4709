"""YAML as a tree in which every key and every value knows where it stands; bounded before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from rttp_cli.errors import RttpError
from rttp_cli.wire.yaml_loader import PlainLoader

MAX_DEPTH = 32
MAX_NODES = 50_000
"""Keys and values of one file: the parser is pure Python, and this holds the largest file to seconds."""
MAX_SHOWN = 50
_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "map", "null", "seq", "str")}


@dataclass(frozen=True)
class Source:
    """A text that a profile is made of."""

    label: str
    """As errors name it."""
    rank: int
    """The order in which sources were read: errors are sorted by it."""
    folder: Path | None = None
    """What paths in it are relative to; `None`: the working directory."""
    lines: bool = True
    """Whether lines and columns mean something in it."""


@dataclass(frozen=True)
class Place:
    """A line and a column of a source, both from 1."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.label}:{self.line}:{self.column}" if self.source.lines else self.source.label

    @property
    def key(self) -> tuple[int, int, int]:
        """What errors are sorted by."""
        return self.source.rank, self.line, self.column


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a profile, and where."""

    at: Place
    path: str
    """Of the value: `streams[0].rate`; empty for the file as a whole."""
    message: str

    def __str__(self) -> str:
        return f"{self.at}: {self.path}: {self.message}" if self.path else f"{self.at}: {self.message}"


@dataclass
class Scalar:
    """A text, a number, true, false or null."""

    at: Place
    value: str | int | float | bool | None
    text: str


@dataclass
class Items:
    """A list."""

    at: Place
    items: list[Node]


@dataclass
class Table:
    """A mapping."""

    at: Place
    entries: dict[str, Entry]


@dataclass
class Broken:
    """What stands where something was wrong that has already been reported."""

    at: Place


Node: TypeAlias = Scalar | Items | Table | Broken


@dataclass
class Entry:
    """A key of a mapping and its value."""

    at: Place
    node: Node


def refuse(name: str, problems: Sequence[Problem]) -> RttpError:
    """The error with all problems, by source, line and column."""
    # The same thing may be seen by two rules: it is one error.
    found = sorted(dict.fromkeys(problems), key=lambda problem: problem.at.key)
    details = [str(problem) for problem in found[:MAX_SHOWN]]
    if len(found) > MAX_SHOWN:
        details.append(f"and {len(found) - MAX_SHOWN} more")
    count = "1 error" if len(found) == 1 else f"{len(found):,} errors"
    return RttpError("bad-profile", f"`{name}` has {count}", details=tuple(details))


class _Loader(PlainLoader):
    """Composes nodes only, within bounds; aliases are reported and left out rather than followed."""

    def __init__(self, text: str, source: Source, problems: list[Problem]) -> None:
        super().__init__(text)
        self.source, self.problems, self.depth, self.nodes = source, problems, 0, 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node, or `None` in place of an alias."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self.problems.append(Problem(_place(self.source, event.start_mark), "", "aliases are not allowed"))
            return yaml.ScalarNode("alias", "", event.start_mark)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise yaml.composer.ComposerError(
                None, None, f"over {MAX_NODES:,} keys and values, a profile has fewer", event.start_mark
            )
        if self.depth == MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _place(source: Source, mark: yaml.Mark | None) -> Place:
    return Place(source, mark.line + 1, mark.column + 1) if mark else Place(source, 1, 1)


def parse(text: str, source: Source, problems: list[Problem]) -> Node | None:
    """The tree of a YAML text; what is wrong with it goes to `problems`. `None`: nothing in it can be used."""
    try:
        loader = _Loader(text, source, problems)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        reason = str(error.problem or error.context or "not YAML")
        problems.append(Problem(_place(source, error.problem_mark or error.context_mark), "", reason))
        return None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(source, before.count("\n") + 1, len(before) - before.rfind("\n"))
        problems.append(Problem(place, "", f"found the character {error.character:#x}, which YAML does not allow"))
        return None
    except (yaml.YAMLError, RecursionError, ValueError, IndexError, OverflowError) as error:
        # PyYAML fails in its own code on some input, such as `%YAML 9999…9` or a `\U` escape beyond Unicode.
        problems.append(Problem(Place(source, 1, 1), "", f"not YAML: {(str(error).splitlines() or ['?'])[0][:80]}"))
        return None
    return _Builder(source, problems, loader).build(root, "") if root is not None else None


class _Builder:
    def __init__(self, source: Source, problems: list[Problem], loader: PlainLoader) -> None:
        self.source, self.problems, self.loader = source, problems, loader

    def build(self, node: yaml.Node, path: str) -> Node:
        at = _place(self.source, node.start_mark)
        if node.tag == "alias":
            return Broken(at)
        if node.tag not in _CORE_TAGS:
            return self._tagged(node, at, path)
        if isinstance(node, yaml.SequenceNode):
            return Items(at, [self.build(item, f"{path}[{i}]") for i, item in enumerate(node.value)])
        if isinstance(node, yaml.MappingNode):
            return self._table(node, at, path)
        return self._scalar(node, at, path)

    def _scalar(self, node: yaml.Node, at: Place, path: str) -> Node:
        try:
            value = self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, KeyError, IndexError):
            return self._broken(at, path, f"found `{_cut(node.value)}`, which is not a number or is too long")
        if not isinstance(value, str | int | float | bool | None):
            return self._tagged(node, at, path)
        return Scalar(at, value, str(node.value))

    def _tagged(self, node: yaml.Node, at: Place, path: str) -> Broken:
        return self._broken(
            at, path, f"found the tag `{_cut(node.tag.replace('tag:yaml.org,2002:', '!!'))}`, tags are not allowed"
        )

    def _table(self, node: yaml.MappingNode, at: Place, path: str) -> Node:
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key_at = _place(self.source, key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "alias":
                if key_node.tag != "alias":
                    self._broken(key_at, path, "a key is not text")
                continue
            # `200: 1` has the key `200`: which keys are numbers is the schema's business.
            key = str(key_node.value)
            inner = dotted(path, key)
            if key in entries:
                first = entries[key].at
                self._broken(key_at, inner, f"the key `{_cut(key)}` twice, first in line {first.line}")
                continue
            entries[key] = Entry(key_at, self.build(value_node, inner))
        return Table(at, entries)

    def _broken(self, at: Place, path: str, message: str) -> Broken:
        self.problems.append(Problem(at, path, message))
        return Broken(at)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def dotted(path: str, key: str | int) -> str:
    """The path of what a key or an index leads to."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{_cut(key)}" if path else _cut(key)


def plain(node: Node) -> Any:
    """The tree without places, as pydantic reads it. What is broken is null."""
    if isinstance(node, Table):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None


def show(node: Node | None) -> str:
    """What was found, for an error."""
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Scalar) and node.value is not None:
        return f"`{_cut(node.text)}`"
    return "nothing"


@dataclass(frozen=True)
class Spot:
    """What a path leads to: the last node on the way, and how far that is."""

    path: str
    node: Node
    keys: tuple[str | int, ...]
    key_at: Place
    """Where the last key stands, or the node itself if it has none."""
    complete: bool = field(default=True)
    """Whether every step was there."""

    def problem(self, message: str, *, at_key: bool = False) -> Problem:
        """A problem with what was found."""
        return Problem(self.key_at if at_key else self.node.at, self.path, message)


def follow(root: Node, steps: Sequence[str | int]) -> Spot:
    """Goes down as far as there is something; steps that lead nowhere (a union's tags, missing keys) are left out."""
    spot = Spot("", root, (), root.at)
    for step in steps:
        node = spot.node
        if isinstance(node, Table) and str(step) in node.entries:
            entry = node.entries[str(step)]
            spot = Spot(dotted(spot.path, str(step)), entry.node, (*spot.keys, str(step)), entry.at, spot.complete)
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            item = node.items[step]
            spot = Spot(dotted(spot.path, step), item, (*spot.keys, step), item.at, spot.complete)
        else:
            spot = replace(spot, complete=False)
    return spot
