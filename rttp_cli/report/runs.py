"""Several runs side by side as text of 80 columns (documents of schema `rttp.runs/1`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rttp_cli.report.percentile import value
from rttp_cli.units import format_ns, format_share

_HEAD = f"{'':<24}{'sent/s':>10}{'P50':>9}{'P99':>10}{'P99.99':>12}{'lost':>9}"


def render_runs(document: dict[str, Any]) -> str:
    """The table that answers the question the runs were made for."""
    kind = {"search": _search, "sweep": _sweep, "matrix": _matrix, "explain": _explain}[document["kind"]]
    lines = list(kind(document))
    if document["interrupted"]:
        lines.append("stopped    before the end: what stands here was measured")
    return "\n".join(lines)


def point_line(point: dict[str, Any], label: str | None = None) -> str:
    """One run as one line."""
    result = point["result"]
    counts, response = result["counts"], result["latency"]["response"]
    sent = result["rates"]["sent_pps"] or 0
    shown = f"{(point['label'] if label is None else label)[:23]:<24}{sent:>10,.0f}"
    if not response["samples"]:
        return f"{shown}   one-way"
    asked = counts["sent"] - counts["one_way"]
    lost = format_share(counts["lost"] + counts["unfinished"], asked)
    row = f"{at(response, 0.5):>9}{at(response, 0.99):>10}{at(response, 0.9999):>12}{lost:>9}"
    return shown + row


def at(latency: dict[str, Any], q: float) -> str:
    """A percentile of a distribution in numbers."""
    return value(next(p for p in latency["percentiles"] if p["q"] == q))


def _search(document: dict[str, Any]) -> Iterator[str]:
    limit = document["limit_mps"]
    yield f"rttp bench: search for the limit under {', '.join(document['gates'])}"
    if limit is None:
        yield "limit      not found yet"
    elif not limit:
        yield "limit      none: the gates do not hold at any rate that was tried"
    else:
        tolerance = format_share(document["tolerance"], 1)
        yield f"limit      {limit:,.0f} messages a second, held {len(_held(document))} times, within {tolerance}"
    yield ""
    if document["points"]:
        yield _HEAD
        for point in document["points"]:
            yield point_line(point)
            yield from (f"    {point['state']}: {reason}" for reason in point["reasons"])
    yield ""
    yield "tried      " + ", ".join(f"{p['label']} {p['state']}" for p in document["searched"])


def _held(document: dict[str, Any]) -> list[dict[str, Any]]:
    limit = document["limit_mps"]
    return [p for p in document["searched"] if p["state"] == "pass" and abs(p["rate_mps"] - limit) < 1e-6 * limit]


def _sweep(document: dict[str, Any]) -> Iterator[str]:
    yield "rttp bench: sweep of rates"
    yield _HEAD
    for point in document["points"]:
        yield point_line(point)
        if point["reasons"]:
            yield f"    {point['state']}: " + "; ".join(point["reasons"])


def _matrix(document: dict[str, Any]) -> Iterator[str]:
    capacity = document["capacity_pps"]
    yield "rttp bench: each class of priority while another floods, from schedule"
    if capacity is not None:
        yield f"flood      one-way, 5 ms of 20, at twice the {capacity:,.0f}/s that this host sends"
    columns: list[int | None] = [None, *document["classes"]]
    few = False
    for q, name in ((0.99, "P99"), (0.9999, "P99.99")):
        yield ""
        yield f"{name:<10}" + "".join(f"{'alone' if c is None else f'{c} floods':>14}" for c in columns)
        for measured in document["classes"]:
            cells = []
            for flooding in columns:
                found = [p for p in document["points"] if (p["priority"], p["flooding"]) == (measured, flooding)]
                cells.append(_cell(found[0], q) if found else "-")
            few |= any(cell.startswith("(") for cell in cells)
            yield f"{measured:<10}" + "".join(f"{cell:>14}" for cell in cells)
    yield ""
    yield "A class waits for higher ones and for its own. For lower ones it waits no longer"
    yield "than for the pulse under way, and at the target, which takes them as they come."
    if few:
        yield "In parentheses: too few samples to bound it; --point 8s has enough."


def _cell(point: dict[str, Any], q: float) -> str:
    probe = next(s for s in point["result"]["streams"] if s["name"] == "probe")
    response = probe["latency"].get("response")
    return "no answer" if response is None else at(response, q)


def _explain(document: dict[str, Any]) -> Iterator[str]:
    yield "rttp bench: the same ping-pong in the ways to wait for it"
    yield f"{'':<32}{'P50':>10}{'P99':>10}{'P99.99':>12}{'P50 more':>12}"
    floor = None
    for point in document["points"]:
        response = point["result"]["latency"]["response"]
        half = next(p for p in response["percentiles"] if p["q"] == 0.5)["value_ns"]
        floor = half if floor is None else floor
        more = "" if half == floor else f"{'+' if half >= floor else '-'}{format_ns(abs(half - floor))}"
        cells = f"{at(response, 0.5):>10}{at(response, 0.99):>10}{at(response, 0.9999):>12}{more:>12}"
        yield f"{point['label']:<32}{cells}"
        yield f"    pays for {point['adds']}"
