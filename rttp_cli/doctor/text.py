"""A doctor's document as text for people, 80 columns wide."""

import shlex
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

WIDTH = 80
_NAME = 16
_INDENT = " " * 6
_STYLES = {"ok": "32", "warn": "33", "bad": "31", "bold": "1"}


def render(document: dict[str, Any], *, colour: bool = False) -> str:
    """The report: what was measured and read, why it matters where it is not well, and what to type."""

    def paint(text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour else text

    lines = [paint(line, "bold") for line in _wrapped(_heading(document))]
    if document["rttp"]["profile"] != "release":
        lines += _wrapped(f"warning: this is a {document['rttp']['profile']} build: what it measures means nothing")
    for finding in document["findings"]:
        lines += _finding(finding, paint)
    lines += _rest(document)
    return "\n".join(lines)


def _heading(document: dict[str, Any]) -> str:
    environment = document["environment"]
    processor, kernel, interface = environment["processor"], environment["kernel"], environment["interface"]
    parts = [
        processor["model"] or "an unknown processor",
        f"{processor['logical_cores'] or '?'} cores",
        f"kernel {kernel['release'] or '?'}",
    ]
    if document["target"] is not None:
        parts.append(f"to {document['target']} through {interface['name'] if interface else 'no interface'}")
    return "rttp doctor: " + ", ".join(parts)


def _finding(finding: dict[str, Any], paint: Callable[[str, str], str]) -> Iterator[str]:
    state = finding["state"]
    first = f"{state:<5} {finding['name']:<{_NAME}}"
    lines = textwrap.wrap(finding["found"], WIDTH, initial_indent=first, subsequent_indent=" " * len(first))
    yield paint(state, state) + (lines[0] if lines else first)[len(state) :]
    yield from lines[1:]
    if state != "ok":
        yield from _wrapped(f"why   {finding['why']}", _INDENT)
        if finding["command"] is not None:
            yield from _command(finding["command"])
        if finding["advice"] is not None:
            yield from _wrapped(f"{'or    ' if finding['command'] else 'do    '}{_advice(finding)}", _INDENT)


def _advice(finding: dict[str, Any]) -> str:
    advice: str = finding["advice"]
    return advice.removeprefix("or ") if finding["command"] else advice


def _wrapped(text: str, indent: str = "") -> list[str]:
    deeper = indent + " " * 6
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=deeper, break_on_hyphens=False)


def _command(command: str) -> Iterator[str]:
    """A command that can be copied: what is too long goes on in the next line behind the shell's backslash."""
    line = f"{_INDENT}run   "
    room = WIDTH - len(" \\")
    empty = True
    for whole in command.split(" "):
        word = whole
        if not empty and len(line) + 1 + len(word) > room:
            yield line + " \\"
            line, empty = _INDENT * 2, True
        while len(line) + len(word) > room and shlex.quote(whole) == whole:
            # Without a blank on either side the shell puts the word together again.
            yield line + word[: room - len(line)] + "\\"
            word, line = word[room - len(line) :], ""
        line, empty = (line + word if empty else f"{line} {word}"), False
    yield line


def _rest(document: dict[str, Any]) -> Iterator[str]:
    floors = document["floors"]
    for name, reason in (floors["skipped"] if floors else {}).items():
        yield from _wrapped(f"skip  {name.replace('_', '-')}: {reason}")
    skipped = {name.replace("_", "-") for name in (floors["skipped"] if floors else {})}
    left = [name for name in document["unread"] if name not in skipped]
    if left:
        yield from _wrapped(f"n/a   {', '.join(left)}: not there, or not told by this host" + _stopped_too(document))
    if floors is None:
        yield "skip  all measurements, as asked"
    if document["interrupted"]:
        yield "stopped before all was measured"
    counts = document["summary"]
    yield f"summary: {counts['ok']} ok, {counts['warn']} warn, {counts['bad']} bad"


def _stopped_too(document: dict[str, Any]) -> str:
    return ", or not measured before the stop" if document["interrupted"] else ""
