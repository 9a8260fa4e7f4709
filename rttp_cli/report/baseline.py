"""Baselines: runs kept in a plain folder, `NAME/TRAFFIC-MACHINE/MOMENT.json`. The folder is all there is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rttp_cli.errors import RttpError
from rttp_cli.files import write_whole
from rttp_cli.report import alike
from rttp_cli.report.result import Result
from rttp_cli.report.source import load_all
from rttp_cli.report.source.merge import identity
from rttp_cli.units import plain

FOLDER = Path(".rttp/baselines")
NAME = "main"
"""Of a baseline that nobody named."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MOMENT = "%Y-%m-%dT%H-%M-%S"
_RUN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(-\d+)?\.json")


@dataclass(frozen=True)
class Kept:
    """Runs of one traffic on one kind of machine."""

    name: str
    traffic: str
    """`Facts.name` of report.alike, as the next."""
    machine: str
    runs: tuple[Path, ...]
    """Oldest first."""


def folder() -> Path:
    """Where baselines are kept, unless an option says otherwise."""
    return Path(os.environ.get("RTTP_BASELINES") or FOLDER)


def save(folder: Path, name: str, results: Sequence[Result]) -> list[tuple[Path, bool]]:
    """Keeps runs; each with where it is and whether it is new there. All are checked before the first is written.

    Raises `RttpError`: bad-option (name), bad-result (no document of one whole run), unwritable.
    """
    _check_name(name)
    for result in results:
        if result.document is None:
            raise RttpError("bad-result", f"`{result.source}` is no run of rttp bench: it does not say what was sent")
        if result.document["interrupted"]:
            raise RttpError("bad-result", f"`{result.source}` was stopped before its end", "keep whole runs")
    return [_save(folder / name, result.document or {}) for result in results]


def kept(folder: Path, name: str | None = None) -> list[Kept]:
    """What is kept under a name, or under all. What is not named like a run is not looked at. Raises unreadable."""
    if name is not None:
        _check_name(name)
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        return [one for found in names if name in (None, found) for one in _kept(folder / found)]
    except OSError as error:
        raise RttpError("unreadable", f"`{error.filename}`: {error.strerror}") from None


def named(folder: Path, name: str) -> list[Kept]:
    """What is kept under a name. Raises `RttpError`: no-baseline, bad-option (name), unreadable."""
    found = kept(folder, name)
    if not found:
        names = list(dict.fromkeys(one.name for one in kept(folder)))
        hint = f"there are {', '.join(names)}" if names else None
        raise RttpError("no-baseline", f"there is no baseline `{name}` in `{folder}`", hint)
    return found


def find(
    folder: Path, name: str, beside: Sequence[Result], *, force: bool = False
) -> tuple[list[Result], tuple[str, ...]]:
    """The kept runs of the same traffic and kind of machine as the first run `beside`, without these runs themselves.

    With `force` of another machine, too. Second is what must be noted. Raises `RttpError`: no-baseline, other-machine,
    bad-result (a file that was damaged, or the run does not say).
    """
    like = beside[0]
    if like.document is None:
        raise RttpError("bad-result", f"`{like.source}` does not say what was sent, so no baseline belongs to it")
    traffic, machine = alike.traffic(like.document), alike.machine(like.document)
    found = named(folder, name)
    same = [one for one in found if _digest(one.traffic) == _digest(traffic.name)]
    if not same:
        kinds = ", ".join(dict.fromkeys(plain(one.traffic) for one in found))
        raise RttpError("no-baseline", f"baseline `{name}` has none of this traffic, {traffic.name}; it has {kinds}")
    chosen = [one for one in same if _digest(one.machine) == _digest(machine.name)]
    if not chosen:
        # What is said to be of another machine; with `force` that of the newest run.
        chosen = [max(same, key=lambda one: one.runs[-1].name)]
    results = load_all([run for one in chosen for run in one.runs])
    for result in results:
        # A name is where to look, and no proof.
        differences = machine.against(alike.machine(result.document or {}))
        if differences and not force:
            said = f"`{result.source}` of baseline `{name}` was measured on another kind of machine"
            raise RttpError("other-machine", f"{said}: {'; '.join(differences)}")
    own = {identity(one) for one in beside}
    others = [result for result in results if identity(result) not in own]
    if not others:
        raise RttpError(
            "no-baseline", f"baseline `{name}` has no other runs than those compared with it", "keep runs of before"
        )
    left_out = len(results) - len(others)
    note = f"{left_out:,} of the runs of `@{name}` are those compared with it, and left out"
    return others, (note,) if left_out else ()


def moment(run: Path) -> datetime:
    """When a kept run began, by its name."""
    found = _RUN.fullmatch(run.name)
    return datetime.strptime(found[1] if found else "", _MOMENT).replace(tzinfo=UTC)


def surplus(all_kept: Sequence[Kept], *, keep: int | None, before: datetime | None) -> Iterator[Path]:
    """Runs that are too many (`keep` of each traffic and machine, the newest) or too old."""
    for one in all_kept:
        spared = one.runs if keep is None else one.runs[len(one.runs) - keep :] if keep else ()
        for run in one.runs:
            if run not in spared or (before is not None and moment(run) < before):
                yield run


def remove(run: Path) -> None:
    """Removes a kept run, and its folders once they are empty. Raises `RttpError` unwritable."""
    try:
        run.unlink()
        for folder in (run.parent, run.parent.parent):
            if any(folder.iterdir()):
                return
            folder.rmdir()
    except OSError as error:
        raise RttpError("unwritable", f"`{run}`: {error.strerror}") from None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RttpError("bad-option", f"`{name[:80]}` is no name of a baseline: letters and digits, then also . _ -")


def _digest(name: str) -> str:
    return name.rpartition(".")[2]


def _kept(folder: Path) -> Iterator[Kept]:
    for group in sorted(folder.iterdir()):
        traffic, dash, machine = group.name.partition("-")
        if not dash or not group.is_dir():
            continue
        runs = sorted((path for path in group.iterdir() if _is_run(path)), key=_order)
        if runs:
            yield Kept(folder.name, traffic, machine, tuple(runs))


def _is_run(path: Path) -> bool:
    try:
        moment(path)
    except ValueError:
        return False
    return path.is_file()


def _order(path: Path) -> tuple[str, int]:
    found = _RUN.fullmatch(path.name)
    return (found[1], -int(found[2] or 0)) if found else ("", 0)


def _save(folder: Path, document: Mapping[str, Any]) -> tuple[Path, bool]:
    group = folder / f"{alike.traffic(document).name}-{alike.machine(document).name}"
    text = json.dumps(document, indent=1) + "\n"
    began = datetime.fromtimestamp(document["started_unix_ns"] // 1_000_000_000, UTC).strftime(_MOMENT)
    path, number = group / f"{began}.json", 1
    try:
        group.mkdir(parents=True, exist_ok=True)
        while path.exists():
            if path.read_text(encoding="utf-8", errors="replace") == text:
                return path, False
            number += 1
            path = group / f"{began}-{number}.json"
        write_whole(path, text.encode())
    except OSError as error:
        raise RttpError("unwritable", f"`{path}`: {error.strerror}") from None
    return path, True
