"""The same traffic at several rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rttp_cli.bench.explore.points import SCHEMA, Series, Told, at
from rttp_cli.bench.request import Request
from rttp_cli.errors import RttpError
from rttp_cli.units import parse_rate

MOST = 100


def parse_rates(text: str) -> list[float]:
    """Rates of `1k,10k,100k`, or of `1k..100k:5` (five of them, each the same factor above the last).

    Raises `RttpError` bad-option.
    """
    try:
        if ".." not in text:
            rates = [parse_rate(part) for part in text.split(",")]
        else:
            ends, _, count = text.partition(":")
            first, last = (parse_rate(part) for part in ends.split(".."))
            steps = int(count) if count else 5
            if not 2 <= steps <= MOST or not 0 < first < last:
                raise ValueError(f"`{text}` is not FROM..TO:COUNT with FROM below TO and 2 to {MOST} rates")
            rates = [first * (last / first) ** (i / (steps - 1)) for i in range(steps)]
    except ValueError as error:
        raise RttpError("bad-option", f"`--sweep`: {error}", "such as 1k,10k,100k or 1k..100k:5") from None
    if not 1 <= len(rates) <= MOST or not all(1e-3 <= rate <= 1e8 for rate in rates):
        raise RttpError("bad-option", f"`--sweep` is `{text[:60]}`, expected 1 to {MOST} rates up to 100M")
    return rates


def sweep(
    request: Request, rates: Sequence[float], *, duration_ns: int, gates: Sequence[str] = (), told: Told | None = None
) -> dict[str, Any]:
    """Measures a request's traffic at each rate (messages per second). Raises `RttpError`: it has no rate."""
    points = []
    with Series(told) as series:
        for rate in rates:
            points.append(series.measure(at(request, rate, duration_ns), f"{rate:,.5g}/s", gates))
    return {
        "schema": SCHEMA,
        "kind": "sweep",
        "gates": list(gates),
        "interrupted": series.stopped,
        "points": [point.document() for point in points],
    }
