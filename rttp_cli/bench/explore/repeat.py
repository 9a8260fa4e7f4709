"""The same run several times, and two things in turns: what differs between runs of one machine is its drift."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rttp_cli.bench.explore.points import SCHEMA, VERDICT, Series, Told
from rttp_cli.bench.request import Request
from rttp_cli.errors import RttpError

Side = str
"""`A`: the base. `B`: new."""
Check = Callable[[list[dict[str, Any]]], None]
"""Sees the points so far after each run. An `RttpError` of it ends the runs."""


@dataclass(frozen=True)
class Made:
    """Runs as a document, and what ended them before their time."""

    document: dict[str, Any]
    error: RttpError | None
    """Of a run that could not be made, or of the check; to be raised once the document is out of harm's way."""


def order(times: int, *, interleave: bool) -> list[tuple[int, Side]]:
    """Pair and side of each run. In turns: A B, B A, …, so that a drift that lasts meets both alike."""
    if not interleave:
        return [(pair, side) for side in "AB" for pair in range(1, times + 1)]
    return [(pair, side) for pair in range(1, times + 1) for side in ("AB" if pair % 2 else "BA")]


def repeat(request: Request, times: int, *, verdict: tuple[int, float] = VERDICT, told: Told | None = None) -> Made:
    """Makes the same run several times. Raises `RttpError`: the first could not be made."""
    runs = [(request, f"run {number}", dict[str, Any]()) for number in range(1, times + 1)]
    return _made({"kind": "repeat"}, runs, verdict, told, None)


def against(
    base: Request | None,
    new: Request,
    times: int,
    *,
    interleave: bool = True,
    verdict: tuple[int, float] = VERDICT,
    told: Told | None = None,
    check: Check | None = None,
) -> Made:
    """Makes runs of two requests, as many of each; without a `base`, which was recorded, of the new one alone.

    Raises `RttpError`: the first could not be made.
    """
    runs: list[tuple[Request, str, dict[str, Any]]]
    if base is None:
        runs = [(new, f"run {number}", {"side": "B"}) for number in range(1, times + 1)]
    else:
        requests = {"A": base, "B": new}
        turns = order(times, interleave=interleave)
        runs = [(requests[side], f"{side} {pair}", {"side": side, "pair": pair}) for pair, side in turns]
    about = {"kind": "against", "interleaved": interleave and base is not None}
    return _made(about, runs, verdict, told, check)


def _made(
    about: dict[str, Any],
    runs: Iterable[tuple[Request, str, dict[str, Any]]],
    verdict: tuple[int, float],
    told: Told | None,
    check: Check | None,
) -> Made:
    points: list[dict[str, Any]] = []
    error = None
    with Series(verdict=verdict) as series:
        try:
            for request, label, more in runs:
                point = series.measure(request, label)
                # Kept first: whatever is made of it may fail, or be stopped.
                points.append(point.document() | more)
                if told is not None:
                    told(point)
                if check is not None:
                    check(points)
        except RttpError as failure:
            if not points:
                raise
            error = failure
    stopped = series.stopped or error is not None
    return Made({"schema": SCHEMA, "interrupted": stopped, **about, "points": points}, error)
