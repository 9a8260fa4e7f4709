"""Results added up, losslessly: histograms cell by cell, counts, stalls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from rttp_cli.errors import RttpError
from rttp_cli.report.result import CoreStalls, Part, Result, Stalls
from rttp_cli.report.source import pieces
from rttp_cli.report.source.pieces import added

AT_ONCE = 32
"""Results that are added up together: with more the sum so far is copied less often, with fewer less is held."""
_NAMED = 3
"""Sources that a merged result names; of more, the first and the last."""


def merge(results: Iterable[Result]) -> Result:
    """One result of all samples. Streams meet by name, bands by their priorities. One result is itself.

    Of many no more than `AT_ONCE` are held at a time. Raises `RttpError` bad-result for what cannot be added.
    """
    rest, origin, total = iter(results), _Origin(), None
    while batch := list(islice(rest, AT_ONCE)):
        for result in batch:
            origin.add(result)
        total = _joined(batch if total is None else [total, *batch])
    if total is None:
        raise RttpError("bad-result", "nothing to merge")
    if len(origin.sources) == 1:
        return total
    return replace(total, source=origin.source(), notes=tuple(dict.fromkeys(origin.notes())))


def _joined(results: Sequence[Result]) -> Result:
    """Their sum, under the name of the first and without notes. It may be joined with others like any result."""
    if len(results) == 1:
        return results[0]
    _check_exact(results)
    metrics = _common_metrics(results)
    return Result(
        source=results[0].source,
        kind="result" if all(result.kind == "result" for result in results) else "histogram",
        whole=_sum([result.whole for result in results], metrics),
        streams=_by_key(results, lambda result: result.streams, lambda part: part.name, metrics),
        bands=_by_key(results, lambda result: result.bands, lambda part: part.priorities or (0, 0), metrics),
        intervals=pieces.fewer([piece for result in results for piece in pieces.of_result(result)]),
        timeline=False,
        stalls=_stalls([result.stalls for result in results]),
        duration_ns=_total([result.duration_ns for result in results]),
        sending_ns=_total([result.sending_ns for result in results]),
        runs=sum(result.runs for result in results),
    )


def _check_exact(results: Sequence[Result]) -> None:
    table = next((result for result in results if not result.exact), None)
    if table is not None:
        other = next(result for result in results if result is not table)
        raise RttpError(
            "bad-result",
            f"`{table.source}` and `{other.source}` cannot be merged:"
            " a percentile table holds no counts between its rows",
            "merge the histograms that tables were made from: .hlog, or V2 in base64",
        )


def _common_metrics(results: Sequence[Result]) -> Callable[[str], bool]:
    """Which histograms tell the same of all results: a sum that lacks some runs would be taken for one of all."""
    if any(result.kind != "result" for result in results):
        return lambda metric: metric == "response"
    with_samples = [result.whole for result in results if "response" in result.whole.histograms]
    # Written since stalls are told apart; the others are in every document.
    told_apart = all("undisturbed" in whole.histograms for whole in with_samples)
    return lambda metric: told_apart or metric != "undisturbed"


def _by_key(
    results: Sequence[Result],
    parts_of: Callable[[Result], Sequence[Part]],
    key: Callable[[Part], Any],
    metrics: Callable[[str], bool],
) -> tuple[Part, ...]:
    """Parts that meet; none where a result does not tell them apart: then they would not add up to the whole."""
    if not all(parts_of(result) for result in results):
        return ()
    groups: dict[Any, list[Part]] = {}
    for result in results:
        for part in parts_of(result):
            groups.setdefault(key(part), []).append(part)
    parts = [_sum(group, metrics) for group in groups.values()]
    return tuple(sorted(parts, key=lambda part: part.priorities or (0, 0)))


def _sum(parts: Sequence[Part], metrics: Callable[[str], bool]) -> Part:
    names = dict.fromkeys(name for part in parts for name in part.histograms if metrics(name))
    return Part(
        parts[0].name,
        {name: added([p.histograms[name] for p in parts if name in p.histograms]) for name in names},
        sum(part.missing for part in parts),
        _counts([part.counts for part in parts]),
        tuple(deadline for part in parts for deadline in part.deadlines),
        any(part.scheduled for part in parts),
        parts[0].priorities,
    )


def _counts(counts: Sequence[Mapping[str, int] | None]) -> dict[str, int] | None:
    total: Counter[str] = Counter()
    for one in counts:
        if one is None:
            return None
        # Not `+=`: that drops zeros.
        total.update(one)
    return dict(total)


def _stalls(stalls: Sequence[Stalls | None]) -> Stalls | None:
    """Counts and totals; single stalls are of different times."""
    known = [one for one in stalls if one is not None]
    if len(known) < len(stalls):
        return None
    cores: dict[tuple[int | None, str], list[CoreStalls]] = {}
    for one in known:
        for core in one.cores:
            cores.setdefault((core.core, core.role), []).append(core)
    return Stalls(
        all(one.watched for one in known),
        max(one.from_ns for one in known),
        tuple(
            CoreStalls(
                core,
                role,
                sum(one.count for one in group),
                sum(one.total_ns for one in group),
                max(one.longest_ns for one in group),
                (),
            )
            for (core, role), group in cores.items()
        ),
        _total([one.watched_ns for one in known]),
    )


def _total(times: Sequence[int | None]) -> int | None:
    known = [time for time in times if time is not None]
    return sum(known) if len(known) == len(times) else None


@dataclass
class _Origin:
    """What is remembered of merged results: their names, and what a reader of the sum must know."""

    sources: list[str] = field(default_factory=list)
    said: dict[str, None] = field(default_factory=dict)
    """Their own notes, each once and in order."""
    runs: dict[Any, str] = field(default_factory=dict)
    """The first source of each run."""
    repeated: list[str] = field(default_factory=list)
    uncounted: str | None = None
    """The first source without counts."""
    of_ours: bool = False
    latest: dict[str, Any] = field(default_factory=dict)
    """By trait, that of the latest document."""
    traits: dict[str, set[str]] = field(default_factory=lambda: {what: set() for what in _TRAITS})
    """By trait, all that there are, as JSON."""

    def add(self, result: Result) -> None:
        self.sources.append(result.source)
        self.said |= dict.fromkeys(result.notes)
        run = identity(result)
        if run in self.runs:
            same = self.runs[run]
            twice = "is there twice" if same == result.source else f"is the same run as `{same}`"
            self.repeated.append(f"`{result.source}` {twice}")
        self.runs.setdefault(run, result.source)
        if result.whole.counts is None and self.uncounted is None:
            self.uncounted = result.source
        self.of_ours |= result.kind == "result"
        if result.document is not None:
            for what, of in _TRAITS.items():
                found = of(result.document)
                # Most are as the one before, and to compare a plan takes a tenth of writing it.
                if not self.traits[what] or found != self.latest[what]:
                    self.latest[what] = found
                    self.traits[what].add(json.dumps(found, sort_keys=True))

    def source(self) -> str:
        names = self.sources
        shown = ", ".join(names) if len(names) <= _NAMED else f"{names[0]} … {names[-1]}"
        return f"{len(names):,} results: {shown}"

    def notes(self) -> Iterator[str]:
        yield from self.said
        yield from self.repeated
        if self.uncounted is not None and self.of_ours:
            yield f"`{self.uncounted}` has latencies alone: of all together loss and rates are not known"
        for what, different in self.traits.items():
            if len(different) > 1:
                yield f"runs of {len(different):,} different {what}"


def identity(result: Result) -> Any:
    """What is the same of the same run, whatever file it is in."""
    if result.document is None:
        return result.source
    return (
        result.document["started_unix_ns"],
        result.document["schedule"]["digest"],
        result.whole.counts is not None and (tuple(result.whole.counts.values())),
    )


_TRAITS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "profiles": lambda document: (document["profile"] or {}).get("name"),
    "plans": lambda document: document["schedule"]["plan"] | {"seed": None},
    "targets": lambda document: "itself" if document["run"]["embedded"] else document["run"]["target"],
    "machines": lambda document: (document["host"]["machine"], document["host"]["cpu"], document["host"]["cores"]),
}
"""What must be the same for runs to be of the same thing."""
