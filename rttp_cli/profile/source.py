"""From a name to one tree: reads files within bounds, follows `extends`, applies `--set`."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from rttp_cli.errors import RttpError
from rttp_cli.profile import shipped
from rttp_cli.profile.merge import lay_over_stream, merge, name_of, without_removals
from rttp_cli.profile.tree import (
    Entry,
    Items,
    Node,
    Place,
    Problem,
    Scalar,
    Source,
    Table,
    parse,
    show,
)
from rttp_cli.wire.tables import unknown

MAX_BYTES = 1 << 20
MAX_PARENTS = 16


@dataclass
class Document:
    """A profile as one tree, with what is wrong so far."""

    name: str
    label: str
    root: Table
    problems: list[Problem] = field(default_factory=list)


def read(name: str, overrides: Sequence[str] = ()) -> Document:
    """The tree of a profile, its parents and its overrides; its problems are in it.

    Raises `RttpError` unknown-name for a name that no profile has, unreadable for a file that cannot be read.
    """
    found = shipped.find(name)
    if found is None:
        raise unknown("profile", name, shipped.names())
    reader = _Reader()
    try:
        root = reader.load(found, [])
    except _UnreadableError as error:
        raise RttpError("unreadable", f"`{found.label}`: {error}") from None
    document = Document(found.name, found.label, root, reader.problems)
    # A file that is no mapping has its error; what is changed in it would only add others.
    for text in overrides if root.entries or not reader.problems else ():
        reader.override(document, text)
    _resolve_files(document.root)
    return document


class _UnreadableError(Exception):
    """A file cannot be read; the text says why."""


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.sources = 0

    def load(self, found: shipped.Found, chain: list[shipped.Found]) -> Table:
        """A profile's tree over those of its parents; empty where nothing can be used."""
        folder = found.path.parent if found.path is not None else None
        source = self._source(found.label, folder)
        text = found.text if found.text is not None else self._text(found.path or Path(), source)
        root = parse(text, source, self.problems) if text is not None else Table(Place(source, 1, 1), {})
        start = Place(source, 1, 1)
        if text is not None and not isinstance(root, Table):
            # A syntax error has been reported already; whatever comes after it would be noise.
            if root is not None or not any(problem.at.source is source for problem in self.problems):
                what = f"found {show(root)}, expected a mapping" if root is not None else "the file is empty"
                self._complain(root.at if root is not None else start, "", what)
            root = None
        if not isinstance(root, Table):
            return Table(start, {})
        return self._extend(root, [*chain, found], folder)

    def _extend(self, root: Table, chain: list[shipped.Found], folder: Path | None) -> Table:
        entry = root.entries.get("extends")
        if entry is None or (isinstance(entry.node, Scalar) and entry.node.value is None):
            without_removals(root, self.problems)
            return root
        if not isinstance(entry.node, Scalar) or not isinstance(entry.node.value, str):
            without_removals(root, self.problems)
            return root
        at, name = entry.node.at, entry.node.value
        root.entries.pop("extends")
        parent = self._parent(at, name, chain, folder)
        if parent is None:
            return root
        return merge(parent, root, self.problems)

    def _parent(self, at: Place, name: str, chain: list[shipped.Found], folder: Path | None) -> Table | None:
        found = shipped.find(name, folder)
        if found is None:
            near = get_close_matches(name, shipped.names(), n=1)
            hint = f"did you mean `{near[0]}`?" if near else "see `rttp profile list`"
            self._complain(at, "extends", f"no profile is named `{name[:60]}`, {hint}")
            return None
        identities = [link.identity for link in chain]
        if found.identity in identities:
            links = [*chain[identities.index(found.identity) :], found]
            self._complain(at, "extends", "goes in a circle: " + " → ".join(link.label for link in links))
            return None
        if len(chain) > MAX_PARENTS:
            self._complain(at, "extends", f"more than {MAX_PARENTS} profiles extend each other")
            return None
        try:
            return self.load(found, chain)
        except _UnreadableError as error:
            self._complain(at, "extends", f"`{found.label}` cannot be read: {error}")
            return None

    def _source(self, label: str, folder: Path | None, *, lines: bool = True) -> Source:
        self.sources += 1
        return Source(label, self.sources, folder, lines)

    def _complain(self, at: Place, path: str, message: str) -> None:
        self.problems.append(Problem(at, path, message))

    def _text(self, path: Path, source: Source) -> str | None:
        data = _bytes(path)
        if len(data) > MAX_BYTES:
            self._complain(Place(source, 1, 1), "", f"over {MAX_BYTES >> 20} MiB, a profile is smaller")
            return None
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            before = data[: error.start]
            place = Place(source, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
            self._complain(place, "", f"not UTF-8: byte {data[error.start]:#04x}")
            return None

    def override(self, document: Document, text: str) -> None:
        """Applies one `PATH=VALUE`."""
        source = self._source(f"--set {text if len(text) <= 100 else text[:100] + '…'}", None, lines=False)
        at = Place(source, 1, 1)
        path, equals, value = text.partition("=")
        parts = path.strip().split(".")
        if not equals or not all(parts):
            self._complain(at, "", "expected PATH=VALUE such as run.duration=3s")
            return
        if parts[0] == "extends":
            self._complain(at, "", "`extends` is for files: name the other profile instead")
            return
        found: list[Problem] = []
        node = parse(value, source, found) if len(value) <= MAX_BYTES else None
        if node is None:
            # `run.count=` is how null is written in YAML; what is not YAML, such as `[::1]:5`, is text.
            node = Scalar(at, value if found else None, value)
        else:
            self.problems += found
        if parts[0] == "streams" and len(parts) > 1:
            self._override_stream(document, at, parts[1:], node)
        else:
            changed = merge(document.root, _nested(at, parts, node), self.problems)
            document.root = Table(document.root.at, changed.entries)

    def _override_stream(self, document: Document, at: Place, parts: list[str], node: Node) -> None:
        entry = document.root.entries.get("streams")
        streams = entry.node if entry is not None else None
        if not isinstance(streams, Items):
            self._complain(at, "", "the profile has no list of streams")
            return
        index, rest = _choose(streams, parts)
        if index is None:
            names = [name for name in map(name_of, streams.items) if name]
            near = get_close_matches(parts[0], names, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "there are: " + ", ".join(names[:12])
            self._complain(at, "", f"no stream is named `{parts[0][:63]}`, {hint}")
        elif not rest:
            self._complain(at, "", f"expected a key of the stream, such as {'.'.join(['streams', *parts])}.rate")
        else:
            streams.items[index] = lay_over_stream(streams.items[index], _nested(at, rest, node))


def _choose(streams: Items, parts: list[str]) -> tuple[int | None, list[str]]:
    # Names may have dots: the longest one that fits wins, an index only where no name fits.
    for length in range(len(parts), 0, -1):
        wanted = ".".join(parts[:length])
        for i, stream in enumerate(streams.items):
            if name_of(stream) == wanted:
                return i, parts[length:]
    first = parts[0]
    if first.isascii() and first.isdigit() and len(first) < 6 and int(first) < len(streams.items):
        return int(first), parts[1:]
    return None, []


def _nested(at: Place, parts: list[str], node: Node) -> Table:
    for part in reversed(parts):
        node = Table(at, {part: Entry(at, node)})
    assert isinstance(node, Table)
    return node


def _bytes(path: Path) -> bytes:
    try:
        # Looked at first: opening a pipe that nobody writes to would wait for ever.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _UnreadableError("it is a folder, expected a file")
        if not stat.S_ISREG(mode):
            raise _UnreadableError("it is not an ordinary file")
        if path.stat().st_size > MAX_BYTES:
            return bytes(MAX_BYTES + 1)
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _UnreadableError((error.strerror or str(error)).lower()) from None
    except ValueError as error:
        raise _UnreadableError(str(error)) from None


def _resolve_files(root: Table) -> None:
    """Makes paths of traces absolute, each from the folder of the file that it stands in."""
    entry = root.entries.get("streams")
    for stream in entry.node.items if entry is not None and isinstance(entry.node, Items) else []:
        for outer, inner in (("arrival", "file"), ("size", "empirical")):
            holder = stream.entries.get(outer) if isinstance(stream, Table) else None
            leaf = holder.node.entries.get(inner) if holder and isinstance(holder.node, Table) else None
            node = leaf.node if leaf is not None else None
            if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
                folder = node.at.source.folder or Path()
                # Not `resolve`, which asks the file system and follows links: the name stays what its author calls it.
                node.value = os.path.normpath((folder / node.value).absolute())
