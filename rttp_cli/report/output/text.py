"""Results as text of 80 columns: one in full, or several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rttp_cli.report.output.figures import of_result
from rttp_cli.report.percentile import interval, value
from rttp_cli.report.result import Result
from rttp_cli.units import format_ns, format_share

_WIDTH = 80
_NAME = 16
BESIDE = (0.5, 0.99, 0.9999)
"""Quantiles of lines that stand side by side."""
_LIMIT_NS, _LIMIT_AT = 300_000, 0.9999
"""Of a document that was never judged; as `rttp bench` has them."""
_SHORT = {"pass": "pass", "fail": "fail", "inconclusive": "incon.", None: "-"}


def render(result: Result, metrics: Sequence[str], quantiles: tuple[float, ...], *, colour: bool = False) -> str:
    """One result: what it is made of, streams and bands side by side, then each metric's percentiles."""
    figures = of_result(result, metrics, quantiles)
    lines = [*_heading(figures), *_parts(result, metrics[0])]
    for name in metrics:
        if name in figures["whole"]["latency"]:
            lines += ["", *_metric(name, figures["whole"]["latency"][name])]
    if colour:
        lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
    return "\n".join(lines)


def of_run(result: Result, *, colour: bool = False) -> str:
    """The text of `rttp bench`, of a single run of ours. Its figures are read from its histograms anew."""
    from rttp_cli.report import text
    from rttp_cli.report.document import summarise

    document = dict(result.document or {})
    limit = document.get("verdict") or {"limit_ns": _LIMIT_NS, "q": _LIMIT_AT}
    return text.render(summarise(document, limit["limit_ns"], limit["q"]), colour=colour)


def side_by_side(results: Sequence[Result], metric: str) -> str:
    """One line a result."""
    head = f"{'':<18}{'sent/s':>8}{'P50':>9}{'P99':>10}{'P99.99':>11}{'max':>10}{'lost':>8} {'gates':<6}"
    return "\n".join([head.rstrip(), *(_line(of_result(result, [metric], BESIDE), metric) for result in results)])


def _line(figures: Mapping[str, Any], metric: str) -> str:
    shown = f"{_end_of(figures['source'], 17):<18}{_cells(figures['whole'], metric, (8, 9, 10, 11, 10, 8))}"
    return f"{shown} {_SHORT[figures['verdict']]}"


def _cells(part: Mapping[str, Any], metric: str, widths: Sequence[int]) -> str:
    rate, latency = part["sent_pps"], part["latency"].get(metric)
    cells = ["-" if rate is None else _rate(rate)]
    if latency is None:
        cells += ["-"] * 4
    else:
        cells += [value(next(p for p in latency["percentiles"] if p["q"] == q)) for q in BESIDE]
        cells.append(("≥ " if latency["lost"] else "") + format_ns(latency["max_ns"]))
    cells.append(_lost(part))
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _lost(part: Mapping[str, Any]) -> str:
    counts = part["counts"]
    if counts is None:
        return "-"
    asked = counts["answered"] + part["missing"]
    return format_share(part["missing"], asked) if asked else "-"


def _rate(rate: float) -> str:
    """At most seven characters."""
    for bound, divisor, unit in ((99_999.5, 1, ""), (999_950, 1e3, "k")):
        if rate < bound:
            return f"{rate / divisor:,.{4 if unit else 5}g}{unit}"
    return f"{rate / 1e6:,.4g}M"


def _heading(figures: Mapping[str, Any]) -> Iterator[str]:
    runs = f", {figures['runs']:,} runs" if figures["runs"] > 1 else ""
    yield f"rttp report: {figures['source']} ({figures['kind']}{runs})"
    for note in figures["notes"]:
        yield f"note       {note}"
    counts = figures["whole"]["counts"]
    if counts is not None:
        missing = figures["whole"]["missing"]
        lost = f"lost {missing:,} ({_lost(figures['whole'])})"
        yield f"pulses     sent {counts['sent']:,}, answered {counts['answered']:,}, {lost}"
    if figures["duration_ns"] is not None:
        yield f"measured   {format_ns(figures['duration_ns'])}"
    stalls = figures["stalls"]
    if stalls is not None and stalls["watched"]:
        longest = f", longest {format_ns(stalls['longest_ns'])}" if stalls["count"] else ""
        yield f"stalls     {stalls['count']:,} of {format_ns(stalls['from_ns'])} or more{longest}"


def _parts(result: Result, metric: str) -> Iterator[str]:
    """Streams and bands, where there are several."""
    figures = of_result(result, [metric], BESIDE)
    for what, parts in (("stream", figures["streams"]), ("priority", figures["bands"][::-1])):
        if len(parts) > 1:
            yield ""
            yield f"{what:<{_NAME}}{'sent/s':>9}{'P50':>10}{'P99':>10}{'P99.99':>12}{'max':>11}{'lost':>10}"
            for part in parts:
                name = part["name"] if len(part["name"]) < _NAME else f"{part['name'][: _NAME - 2]}…"
                yield f"{name:<{_NAME}}{_cells(part, metric, (9, 10, 10, 12, 11, 10))}"


def _metric(name: str, latency: Mapping[str, Any]) -> Iterator[str]:
    yield f"{name:<16}{'':>12}{'beyond':>14}   95 % interval"
    for p in latency["percentiles"]:
        yield f"{p['name']:<10}{value(p):>18}{p['beyond']:>14,}   {interval(p)}"
    at_least = "≥ " if latency["lost"] else ""
    for word, figure in (("min", "min_ns"), ("mean", "mean_ns"), ("stdev", "stdev_ns")):
        yield f"{word:<10}{format_ns(latency[figure]):>18}"
    yield f"{'max':<10}{at_least + format_ns(latency['max_ns']):>18}{latency['samples']:>14,} samples"


def _end_of(name: str, width: int) -> str:
    """What tells files apart stands at the end of their paths."""
    return name if len(name) <= width else f"…{name[1 - width :]}"
