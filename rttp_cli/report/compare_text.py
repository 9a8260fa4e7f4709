"""Comparisons as text of 80 columns and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rttp_cli.report.compare import Comparison, Row, Side
from rttp_cli.units import format_ns, format_share

_COLUMNS = 80
_STYLES = {"pass": "32", "fail": "31", "inconclusive": "33"}
_HEAD = f"{'':<8}{'base':>12}{'new':>12}{'change':>10}   {'interval':<22}"


def render(comparison: Comparison, *, colour: bool = False) -> str:
    """Quantile by quantile, then what decided."""
    state = f"\x1b[{_STYLES[comparison.state]}m{comparison.state}\x1b[0m" if colour else comparison.state
    lines = [*_heading(comparison), "", f"{_HEAD}{'response':>12}".rstrip() if _beside(comparison) else _HEAD.rstrip()]
    lines += [_line(row, beside=_beside(comparison)) for row in comparison.rows]
    lines += ["", *(line for label, text in _below(comparison) for line in _wrapped(label, text))]
    # The colour has no width, so the first line is wrapped without it.
    first, *others = comparison.reasons
    lines += _wrapped("verdict", f"{comparison.state}: {first}")
    lines += [line for reason in others for line in _wrapped("", reason)]
    return "\n".join(lines).replace(f"verdict    {comparison.state}", f"verdict    {state}", 1)


def markdown(comparison: Comparison) -> str:
    """The same as a table, for a pull request."""
    lines = [
        f"**{comparison.state}**: " + "; ".join(comparison.reasons).replace("|", "\\|"),
        "",
        f"| {comparison.metric} | base | new | change | interval |",
        "|---|--:|--:|--:|---|",
    ]
    for row in comparison.rows:
        name = row.name if row.state is None else f"**{row.name}**"
        cells = [name, _ns(row.base_ns), _ns(row.new_ns), _change(row.ratio), _interval(row)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"- {' '.join(line.split())}" for line in _heading(comparison))]
    lines += [f"- {label}: {text}" for label, text in _below(comparison)]
    return "\n".join(lines)


def _heading(comparison: Comparison) -> Iterator[str]:
    how = "made in turns" if comparison.paired else "each on its own"
    of = "all pulses" if comparison.rules.stream is None else f"stream {comparison.rules.stream}"
    yield f"rttp compare: {comparison.metric} of {of}, runs {how}"
    yield _of_side("base", comparison.base)
    yield _of_side("new", comparison.new)


def _of_side(name: str, side: Side) -> str:
    shown = side.sources[0] if side.runs == 1 else f"{side.runs} runs, {side.sources[0]} …"
    touched = "" if side.touched is None else f", stalls touched {format_share(side.touched, 1)}"
    tail = f": {side.samples:,} samples{touched}"
    room = _COLUMNS - 11 - len(tail)
    return f"{name:<11}{shown if len(shown) <= room else shown[: room - 1] + '…'}{tail}"


def _beside(comparison: Comparison) -> bool:
    return comparison.metric == "undisturbed"


def _line(row: Row, *, beside: bool) -> str:
    name = f"{row.name} *" if row.state is not None else row.name
    line = f"{name:<8}{_ns(row.base_ns):>12}{_ns(row.new_ns):>12}{_change(row.ratio):>10}   {_interval(row):<22}"
    if beside and row.response_base_ns and row.response_new_ns:
        line += f"{_change(row.response_new_ns / row.response_base_ns):>12}"
    return line.rstrip()


def _ns(ns: float | None) -> str:
    return "-" if ns is None else format_ns(ns)


def _change(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    percent = 100 * (ratio - 1)
    digits = 1 if abs(percent) < 99.95 else 0
    return f"{percent:+,.{digits}f} %".replace("-", "−")


def _interval(row: Row) -> str:
    if row.ratio is None:
        return "too few samples, or lost"
    upper = "open" if row.upper is None else _change(row.upper)
    return f"{_change(row.lower).removesuffix(' %')} … {upper}"


def _below(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Labels and what there is to say."""
    rules, loss = comparison.rules, comparison.loss
    deciding = [row for row in comparison.rows if row.state is not None]
    names = ", ".join(row.name for row in deciding)
    sure = f"each end of an interval holds with {rules.each * 100:.4g} %"
    yield "decides", f"{names} (*), {rules.tolerance * 100:g} % tolerated; {sure}"
    if loss.base is None or loss.new is None:
        yield "loss", loss.reason.removeprefix("loss is ")
    else:
        yield "loss", f"{format_share(loss.base, 1)} → {format_share(loss.new, 1)}"
    if comparison.slower is not None:
        yield "a pulse", f"of new takes longer than one of base with a probability of {comparison.slower * 100:.1f} %"
    shifts = [f"{row.name} {row.shift:+.1f}".replace("-", "−") for row in deciding if row.shift is not None]
    if shifts:
        yield "shift", f"{', '.join(shifts)} standard deviations between runs of one side"
    for note in comparison.notes:
        yield "note", note


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _COLUMNS, initial_indent=f"{label:<11}", subsequent_indent=" " * 11, break_on_hyphens=False
    )
