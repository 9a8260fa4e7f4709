"""Laying one tree over another: what a child profile, or `--set`, changes in its parent."""

from __future__ import annotations

from difflib import get_close_matches

from rttp_cli.profile.patterns import COUNTS, FRAGMENTS, PRIORITIES, SIZES
from rttp_cli.profile.tree import Entry, Items, Node, Problem, Scalar, Table, dotted

_PATTERNS = {"priority": PRIORITIES, "size": SIZES, "fragments": FRAGMENTS, "tokens": COUNTS}
_LONG_FORMS = {"arrival": "process", "deadline": "limit"}
"""The key of the full form that a short form's value belongs to."""
_WHOLE = {"weighted", "by-size"}
"""Tables that are one value: half of a distribution means nothing."""
_EITHER = {"rate": "weight", "weight": "rate"}


def merge(parent: Table, child: Table, problems: list[Problem]) -> Table:
    """A profile laid over its parent. Streams meet by their names."""
    merged = _laid_over(parent, child, skip="streams")
    over = child.entries.get("streams")
    if over is None:
        return merged
    below = parent.entries.get("streams")
    if isinstance(over.node, Items) and below is not None and isinstance(below.node, Items):
        merged.entries["streams"] = Entry(over.at, _streams(below.node, over.node, problems))
    else:
        merged.entries["streams"] = over
    return merged


def without_removals(root: Table, problems: list[Problem]) -> None:
    """Takes `remove: true` out of a profile that has no parent: there is nothing to remove."""
    entry = root.entries.get("streams")
    if entry is not None and isinstance(entry.node, Items):
        entry.node = _streams(Items(entry.node.at, []), entry.node, problems)


def name_of(node: Node) -> str | None:
    """The name of a stream, if it has one that is text."""
    entry = node.entries.get("name") if isinstance(node, Table) else None
    return entry.node.value if entry and isinstance(entry.node, Scalar) and isinstance(entry.node.value, str) else None


def _streams(parent: Items, child: Items, problems: list[Problem]) -> Items:
    # Removed ones leave a hole, so that the others keep their places.
    streams: list[Node | None] = list(parent.items)
    places = {name: i for i, stream in enumerate(parent.items) if (name := name_of(stream)) is not None}
    given: set[str] = set()
    for i, stream in enumerate(child.items):
        name = name_of(stream)
        if not isinstance(stream, Table) or name is None:
            streams.append(stream)
            continue
        name_node = stream.entries["name"].node
        path = dotted(dotted("streams", i), "name")
        at = places.get(name)
        if _removes(stream):
            if at is None:
                near = get_close_matches(name, list(places), n=1) if len(name) < 64 else []
                hint = f", did you mean `{near[0]}`?" if near else ""
                problems.append(Problem(name_node.at, path, f"there is no stream `{name[:63]}` to remove{hint}"))
            else:
                streams[at] = None
                del places[name]
        elif at is None:
            places[name] = len(streams)
            streams.append(stream)
        elif name in given:
            first = streams[at]
            line = first.entries["name"].node.at.line if isinstance(first, Table) else 0
            text = f"two streams are named `{name[:63]}`, first in line {line}"
            problems.append(Problem(name_node.at, path, text))
        else:
            below = streams[at]
            streams[at] = _stream(below, stream) if isinstance(below, Table) else stream
        given.add(name)
    return Items(child.at, [stream for stream in streams if stream is not None])


def _removes(stream: Table) -> bool:
    entry = stream.entries.get("remove")
    return entry is not None and isinstance(entry.node, Scalar) and entry.node.value is True


def _stream(parent: Table, child: Table) -> Table:
    merged = _laid_over(parent, child)
    for key, other in _EITHER.items():
        given = child.entries.get(key)
        takes_over = given is not None and not (isinstance(given.node, Scalar) and given.node.value is None)
        if takes_over and other not in child.entries:
            merged.entries.pop(other, None)
    return merged


def lay_over_stream(parent: Node, child: Table) -> Node:
    """A change laid over one stream."""
    return _stream(parent, child) if isinstance(parent, Table) else child


def _laid_over(parent: Table, child: Table, skip: str = "") -> Table:
    entries = dict(parent.entries)
    for key, over in child.entries.items():
        if key != skip:
            below = entries.get(key)
            entries[key] = over if below is None else Entry(over.at, _value(key, below.node, over.node))
    return Table(child.at, entries)


def _value(key: str, parent: Node, child: Node) -> Node:
    if not isinstance(child, Table) or key in _WHOLE:
        return child
    if isinstance(parent, Scalar) and parent.value is not None and key in _LONG_FORMS:
        parent = Table(parent.at, {_LONG_FORMS[key]: Entry(parent.at, parent)})
    if not isinstance(parent, Table) or _another_kind(key, parent, child):
        return child
    return _laid_over(parent, child)


def _another_kind(key: str, parent: Table, child: Table) -> bool:
    # A pattern replaces another one whole: keys of both together would be neither.
    if key == "arrival":
        over, below = child.entries.get("process"), parent.entries.get("process")
        return over is not None and below is not None and _text(over.node) != _text(below.node)
    if key in _PATTERNS:
        chosen = child.entries.keys() & _PATTERNS[key].keys()
        return bool(chosen) and chosen != parent.entries.keys() & _PATTERNS[key].keys()
    return False


def _text(node: Node) -> str | None:
    return node.text if isinstance(node, Scalar) else None
