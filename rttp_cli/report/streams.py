"""Streams and bands of priorities side by side, as text of 80 columns."""

from collections.abc import Iterator
from typing import Any

from rttp_cli.report.percentile import value
from rttp_cli.units import format_ns, format_share

_NAME = 16
_BAND = 11


def streams(result: dict[str, Any]) -> Iterator[str]:
    """One line a stream, from schedule; a second one where it has a deadline, tokens, messages or drift to tell of."""
    yield f"{'stream':<{_NAME}}{'sent/s':>9}{'P50':>10}{'P99':>10}{'P99.99':>12}{'max':>11}{'lost':>10}"
    for stream in result["streams"]:
        counts, rate = stream["counts"], stream["rates"]["sent_pps"]
        shown = _cut(stream["name"]) + f"{_rate(rate or 0.0):>9}"
        response = stream["latency"].get("response")
        if response is None or not response["samples"]:
            yield f"{shown}   one-way: the target's counts are under `peer`" if counts["one_way"] else shown
        else:
            asked = counts["sent"] - counts["one_way"]
            yield shown + _row(response) + f"{format_share(counts['lost'] + counts['unfinished'], asked):>10}"
        yield from _second(stream)


def _second(stream: dict[str, Any]) -> Iterator[str]:
    latency, deadline, told = stream["latency"], stream["deadline"], []
    if deadline is not None:
        missed, judged = deadline["missed"], deadline["kept"] + deadline["missed"]
        kind, limit = deadline["class"], format_ns(deadline["limit_ns"])
        told.append(f"{kind} deadline {limit}: {format_share(missed, judged)} missed ({missed:,})")
    for name, words in (("message", "message"), ("first_token", "first token"), ("token_gap", "token gap")):
        found = latency.get(name)
        if found is not None:
            told.append(f"{words} P50 {_at(found, 0.5)} P99 {_at(found, 0.99)}")
    if stream["counts"]["dropped"]:
        told.append(f"{stream['counts']['dropped']:,} dropped")
    if deadline is not None and stream["arrival"] == "constant" and stream["drift_ppm"] is not None:
        told.append(f"drift {stream['drift_ppm']:+.1f} ppm")
    line = ""
    for text in told:
        if line and len(line) + len(text) > 74:
            yield f"    {line}"
            line = ""
        line = f"{line}; {text}" if line else text
    if line:
        yield f"    {line}"


def bands(result: dict[str, Any]) -> Iterator[str]:
    """One line a band of 32 priorities, highest first."""
    yield f"{'priority':<{_BAND}}{'sent':>14}{'P50':>10}{'P99':>10}{'P99.99':>12}{'max':>11}{'lost':>10}"
    for band in reversed(result["bands"]):
        shown = f"{band['from_priority']} … {band['to_priority']}"
        response = band["latency"]["response"]
        line = f"{shown:<{_BAND}}{band['sent']:>14,}"
        asked = band["answered"] + band["missing"]
        yield line + (_row(response) + f"{format_share(band['missing'], asked):>10}" if response["samples"] else "")


def _rate(rate: float) -> str:
    """At most seven characters."""
    for bound, divisor, unit in ((99_999.5, 1, ""), (999_950, 1e3, "k")):
        if rate < bound:
            return f"{rate / divisor:,.{4 if unit else 5}g}{unit}"
    return f"{rate / 1e6:,.4g}M"


def _row(response: dict[str, Any]) -> str:
    worst = "-" if response["max_ns"] is None else format_ns(response["max_ns"])
    worst = f"≥ {worst}" if response["lost"] else worst
    return f"{_at(response, 0.5):>10}{_at(response, 0.99):>10}{_at(response, 0.9999):>12}{worst:>11}"


def _at(d: dict[str, Any], q: float) -> str:
    return value(next(p for p in d["percentiles"] if p["q"] == q))


def _cut(name: str) -> str:
    return f"{name if len(name) < _NAME else name[: _NAME - 2] + '…':<{_NAME}}"
