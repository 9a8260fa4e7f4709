"""What a page says in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rttp_cli.report.dispersion import distribution_of
from rttp_cli.report.distribution import Distribution, Percentile
from rttp_cli.report.output.figures import verdict
from rttp_cli.report.percentile import interval, value
from rttp_cli.report.plot.markup import Html, element, facts, join, table
from rttp_cli.report.result import Part, Result
from rttp_cli.units import format_ns, format_share

_NOTHING = Html("")
_SHORT = (0.5, 0.99, 0.9999)
_OTHERS = {
    "lateness": "sender lateness",
    "pacing": "sender lateness outside stalls",
    "wakeup": "kernel to reader",
    "message": "whole messages",
    "first_token": "first token",
    "token_gap": "token gap",
    "one_way_out": "one way, out",
    "one_way_back": "one way, back",
}
_MOST_FACTS = 300
"""Lines about a host at most."""
_MOST_ROWS = 500


def origin(results: Sequence[Result]) -> Html:
    """When, by what and against what, in one line."""
    result = results[0]
    document = result.document
    if len(results) > 1 or document is None:
        runs = sum(r.runs for r in results)
        return element("p", f"{result.kind}, {runs} run{'s' if runs > 1 else ''}", class_="quiet")
    when = _utc(document.get("started_unix_ns"))
    run = document["run"]
    parts = [when, f"{run['mode']} against {run['target']}", f"rttp {document['rttp']['version']}"]
    return element("p", " · ".join(part for part in parts if part), class_="quiet")


def side_by_side(results: Sequence[Result]) -> Html:
    """One line a result."""
    rows = [
        [result.source, _rate_of(result), *_short(distribution_of(result, result.whole, "response", _SHORT)),
         _lost(result.whole), _state_of(result)]
        for result in results[:_MOST_ROWS]
    ]  # fmt: skip
    head = ["result", "sent/s", "P50", "P99", "P99.99", "max", "lost", "gates"]
    return table("Response from the scheduled send, lost pulses at their timeout.", head, rows)


def verdicts(result: Result) -> Html:
    """Gates and what became of them."""
    document = result.document or {}
    gates = document.get("gates") or ()
    if not gates:
        verdict = document.get("verdict") or {}
        state, reason = verdict.get("state"), verdict.get("reason")
        if state not in ("pass", "fail", "inconclusive") or not isinstance(reason, str):
            return _NOTHING
        return element("p", _state(state), f": {reason}")
    rows = [[_state(gate["state"]), gate["stream"] or "all", gate["gate"], gate["reason"]] for gate in gates]
    return table("Gates", ["verdict", "stream", "gate", "why"], rows[:_MOST_ROWS], words=4)


def summary(result: Result) -> Html:
    """What was sent and what came back."""
    counts, document = result.whole.counts, result.document
    said: list[tuple[str, str]] = []
    if counts is not None:
        asked = counts["sent"] - counts.get("one_way", 0)
        answered = f", answered {counts['answered']:,}" if asked else ""
        said.append(("pulses", f"sent {counts['sent']:,}{answered}, lost {_lost(result.whole)}"))
        unsettled = [f"{counts[key]:,} {words}" for key, words in _UNSETTLED.items() if counts.get(key)]
        if unsettled:
            said.append(("not sent", ", ".join(unsettled)))
    rates = (document or {}).get("rates") or {}
    paces = [f"{word} {_rate(rates[key])}/s" for key, word in _RATES.items() if rates.get(key)]
    if paces:
        said.append(("rate", ", ".join(paces)))
    if result.duration_ns is not None:
        runs = f" in {result.runs} runs" if result.runs > 1 else ""
        said.append(("measured", format_ns(result.duration_ns) + runs))
    if (stalls := result.stalls) is not None and stalls.watched:
        told = f"{stalls.count:,} of {format_ns(stalls.from_ns)} or more"
        told += f", longest {format_ns(stalls.longest_ns)}, {format_ns(stalls.total_ns)} in all" if stalls.count else ""
        said.append(("stalls", told))
    return facts(said) if said else _NOTHING


_UNSETTLED = {"unsent": "due and never sent", "dropped": "dropped by full queues"}
_RATES = {"offered_pps": "offered", "sent_pps": "sent", "answered_pps": "answered"}


def percentiles(result: Result) -> Html:
    """The response by percentile with its certainty, and what explains it beside."""
    whole = result.whole
    response = distribution_of(result, whole, "response")
    if not response.samples:
        return element("p", "No pulse asked for an answer, so there is no response.", class_="quiet")
    beside = {"undisturbed": "untouched by stalls", "service": "from actual send"}
    others = {words: distribution_of(result, whole, name) for name, words in beside.items() if name in whole.histograms}
    rows: list[list[str | Html]] = [
        [p.name, _value(p), interval(vars(p)), f"{p.beyond:,}", *(_value(other.at(p.q)) for other in others.values())]
        for p in response.percentiles
    ]
    rows.append(["max", _greatest(response), "", "0", *map(_greatest, others.values())])
    caption = (
        f"Round trip from the scheduled send, {response.samples:,} samples"
        + (f", of which {response.lost:,} lost ones stand at their timeout. " if response.lost else ". ")
        + "In parentheses: too few samples to bound it from above."
    )
    return table(caption, ["percentile", "response", "95 % interval", "samples beyond", *others], rows)


def streams(result: Result) -> Html:
    """One line a stream, with its deadline."""
    if len(result.streams) < 2 and not any(part.deadlines for part in result.streams):
        return _NOTHING
    rows = [
        [part.name, _sent(part), *_short(distribution_of(result, part, "response", _SHORT)), _lost(part), _missed(part)]
        for part in result.streams[:_MOST_ROWS]
    ]
    head = ["stream", "sent", "P50", "P99", "P99.99", "max", "lost", "deadline missed"]
    return join((element("h3", "Streams"), table("Response of each stream.", head, rows)))


def bands(result: Result) -> Html:
    """One line a band of priorities, highest first."""
    if len(result.bands) < 2:
        return _NOTHING
    rows = [
        [part.name, _sent(part), *_short(distribution_of(result, part, "response", _SHORT)), _lost(part)]
        for part in reversed(result.bands)
    ]
    head = ["priority", "sent", "P50", "P99", "P99.99", "max", "lost"]
    return join((element("h3", "Priorities"), table("Response of each band of 32 priorities.", head, rows)))


def other_times(result: Result) -> Html:
    """Distributions beside the response, of all pulses."""
    rows = []
    for name, words in _OTHERS.items():
        if name in result.whole.histograms:
            d = distribution_of(result, result.whole, name, _SHORT)
            if d.samples:
                rows.append([words, f"{d.samples:,}", *_short(d)])
    if not rows:
        return _NOTHING
    head = ["", "samples", "P50", "P99", "P99.99", "max"]
    return join((element("h3", "Other times"), table("Of all streams; docs/RESULT.md says what each is.", head, rows)))


def stalls(result: Result) -> Html:
    """One line a core."""
    if result.stalls is None or not result.stalls.cores:
        return _NOTHING
    rows = [
        ["unpinned" if core.core is None else f"core {core.core}", core.role, f"{core.count:,}",
         format_ns(core.total_ns), format_ns(core.longest_ns) if core.count else "-"]
        for core in result.stalls.cores[:_MOST_ROWS]
    ]  # fmt: skip
    caption = f"Stalls: times of {format_ns(result.stalls.from_ns)} or more in which a core was kept from its work."
    return table(caption, ["where", "role", "stalls", "in all", "longest"], rows, words=2)


def what_ran(result: Result) -> Html:
    """The run, its traffic and its host, so that it can be made again."""
    document = result.document
    if document is None:
        return _NOTHING
    run, host, schedule, rttp = document["run"], document["host"], document["schedule"], document["rttp"]
    size = "varies" if run["size"] is None else f"{run['size']:,} bytes"
    priority = "varies" if run["priority"] is None else str(run["priority"])
    said = [
        ("file", result.source),
        ("target", run["target"] + (" (embedded responder)" if run["embedded"] else "")),
        ("profile", "none" if document["profile"] is None else document["profile"]["name"]),
        ("schedule", f"seed {schedule['seed']}, digest {schedule['digest']}"),
        ("pulses", f"size {size}, priority {priority}, timeout {format_ns(run['timeout_ns'])}"),
        ("time", f"warm-up {format_ns(run['warmup_ns'])}, asked for {format_ns(run['duration_ns'])}"),
        ("sender", f"{'spinning' if run['spin'] else 'blocking'}, {run['threads']} thread(s)"),
        ("rttp", f"{rttp['version']}, {rttp['profile']} build"),
    ]
    faults = ", ".join(f"{k} {v:g}" for k, v in run["faults"].items() if v and k != "seed")
    said += [("faults on purpose", faults)] if faults else []
    said += [("ended", "before its time")] if document["interrupted"] else []
    machine = [
        ("kernel", host["kernel"]),
        ("processor", f"{host['cpu'] or 'unknown'}, {host['cores'] or '?'} cores, {host['machine']}"),
        *((f"{asked['what']}", ("" if asked["granted"] else "refused: ") + asked["detail"]) for asked in host["asked"]),
    ]
    flat = [*_flat(host["environment"])][:_MOST_FACTS]
    details = element("details", element("summary", "Everything recorded of the host"), facts(flat)) if flat else ""
    return join((element("h3", "What ran"), facts(said), element("h3", "Where it ran"), facts(machine), details))


def notes(result: Result) -> Html:
    """What a reader must know of the file."""
    exact = () if result.exact else ("Percentiles are the rows of a table: samples stand at the row above them.",)
    said = [*result.notes, *exact]
    if not said:
        return _NOTHING
    return join((element("h3", "Notes"), element("ul", *(element("li", note) for note in said))))


def _flat(found: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of a document with their paths; lists of plain values on one line."""
    if isinstance(found, Mapping):
        for key, inside in found.items():
            yield from _flat(inside, f"{name}.{key}" if name else str(key))
    elif isinstance(found, list) and any(isinstance(one, Mapping | list) for one in found):
        for i, inside in enumerate(found):
            yield from _flat(inside, f"{name}[{i}]")
    elif isinstance(found, list):
        yield name, ", ".join(map(str, found))[:500]
    elif found is not None:
        yield name[:100], str(found)[:500]


def _short(d: Distribution) -> list[Html | str]:
    return [*(_value(d.at(q)) for q in _SHORT), _greatest(d)]


def _value(p: Percentile) -> str:
    return value(vars(p))


def _greatest(d: Distribution) -> str:
    if d.max_ns is None:
        return "-"
    return f"≥ {format_ns(d.max_ns)}" if d.lost else format_ns(d.max_ns)


def _sent(part: Part) -> str:
    return "-" if part.counts is None else f"{part.counts['sent']:,}"


def _lost(part: Part) -> str:
    samples = part.histograms["response"].samples if "response" in part.histograms else 0
    return f"{part.missing:,} ({format_share(part.missing, samples)})" if part.missing else "0"


def _missed(part: Part) -> str:
    missed, kept = (sum(getattr(d, name) for d in part.deadlines) for name in ("missed", "kept"))
    return f"{missed:,} ({format_share(missed, missed + kept)})" if part.deadlines else "-"


def _rate(pps: float) -> str:
    return f"{pps:,.0f}" if pps >= 100 else f"{pps:.3g}"


def _rate_of(result: Result) -> str:
    counts, ns = result.whole.counts, result.sending_ns
    return _rate(counts["sent"] * 1e9 / ns) if counts is not None and ns else "-"


def _state_of(result: Result) -> Html | str:
    found = verdict(result)
    return "-" if found is None else _state(found)


def _state(state: str) -> Html:
    marks = {"pass": "✓ pass", "fail": "✗ fail", "inconclusive": "? inconclusive"}
    return element("span", marks[state], class_=f"state {state}")


def _utc(unix_ns: Any) -> str:
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromtimestamp(unix_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError, TypeError):
        return ""
