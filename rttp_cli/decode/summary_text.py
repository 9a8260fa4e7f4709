"""A summary (`rttp.summary/1`) as text for people, 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

from rttp_cli.units import format_bytes, format_ns, format_share

_LABEL = 11
_INDENT = " " * _LABEL
_FLOWS = 10
_CAPTURES = 8
_WARNINGS = 5
_EVENTS = 10
_BARS = "▁▂▃▄▅▆▇█"
_HUGE_NS = 1_000_000_000
"""A delay from which on two clocks that disagree are likelier than a slow path."""
_STYLES = {"bold": "1", "warn": "33", "bad": "31"}
_SKIPPED = {
    "link_type": "of a link type that is not read",
    "not_ip": "not IP",
    "not_udp": "not UDP",
    "damaged": "damaged",
    "ip_fragments": "IP fragments, put together",
    "ip_fragments_lost": "IP datagrams with fragments missing",
    "other_port": "UDP of other ports or no pulse",
    "outside": "outside the time asked for",
}

Paint = Callable[[str, str], str]


def render_summary(document: dict[str, Any], *, width: int = 80, colour: bool = False) -> str:
    """The report of a summary: what was read, what of it were pulses, what is missing, what broke a rule."""

    def paint(text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour else text

    page = _Page(max(width, 40), paint)
    _captures(document, page)
    pulses = document["pulses"]
    if _datagrams(pulses):
        _traffic(document, page)
        _rate(document, page)
        _flows(document, page)
        _delays(document, page)
        _rejects(document, page)
        _events(document, page)
    else:
        _nothing(document, page)
    _warnings(document, page)
    return "\n".join(page.lines)


class _Page:
    """Lines of a width: a label at the left, text behind it, gone on with below it."""

    def __init__(self, width: int, paint: Paint) -> None:
        self.width = width
        self.paint = paint
        self.lines: list[str] = []

    def say(self, label: str, text: str, style: str | None = None) -> None:
        first = f"{label:<{_LABEL}}"
        lines = textwrap.wrap(
            _plain(text),
            self.width,
            initial_indent=first,
            subsequent_indent=_INDENT,
            break_on_hyphens=False,
            break_long_words=True,
        ) or [first.rstrip()]
        if style is not None:
            lines[0] = self.paint(lines[0][: len(label)], style) + lines[0][len(label) :]
        self.lines += lines

    def parts(self, label: str, parts: list[str]) -> None:
        """Parts that are not torn apart as long as each fits a line."""
        line = f"{label:<{_LABEL}}"
        empty = True
        for i, part in enumerate(map(_plain, parts)):
            text = part if i == len(parts) - 1 else f"{part},"
            if not empty and len(line) + 1 + len(text) > self.width:
                self.lines.append(line)
                line, empty = _INDENT, True
            if len(line) + len(text) > self.width:
                self.say(line.strip(), text)
                line, empty = _INDENT, True
                continue
            line, empty = (line + text if empty else f"{line} {text}"), False
        if not empty:
            self.lines.append(line)


def _captures(document: dict[str, Any], page: _Page) -> None:
    captures, packets = document["captures"], document["packets"]
    for i, capture in enumerate(captures[:_CAPTURES]):
        kind = capture["format"] or "neither pcap nor pcapng"
        if capture["compression"]:
            kind += f" ({capture['compression']})"
        read = [f"{_count(capture['packets'], 'packet')}", f"{format_bytes(capture['bytes'])} read"]
        page.say("capture", f"{capture['name']}: {', '.join([kind, *read])}", None if i else "bold")
        for interface in capture["interfaces"][:4]:
            page.say("", "interface " + _interface(interface))
        if len(capture["interfaces"]) > 4:
            page.say("", f"and {_count(len(capture['interfaces']) - 4, 'more interface')}")
    if len(captures) > _CAPTURES:
        rest = captures[_CAPTURES:]
        more = f"{_count(len(rest), 'more capture')}: {_count(sum(c['packets'] for c in rest), 'packet')}"
        page.say("", f"and {more}, {format_bytes(sum(c['bytes'] for c in rest))} read")
    if not captures:
        page.say("capture", "none", "bold")
    first_ns, last_ns = packets["first_ns"], packets["last_ns"]
    lasted = "" if first_ns is None else f", {format_ns(last_ns - first_ns)} from the first to the last"
    page.say("packets", f"{packets['total']:,}, {format_bytes(packets['bytes'])}{lasted}")
    if first_ns is not None:
        page.parts("", [f"from {_moment(first_ns)}", f"to {_moment(last_ns)}"])
    skipped = packets["skipped"]
    page.parts("skipped", [f"{skipped[key]:,} {words}" for key, words in _SKIPPED.items() if skipped.get(key)])


def _interface(interface: dict[str, Any]) -> str:
    parts = [interface["link"]]
    if interface["snap_length"]:
        parts.append(f"cut at {interface['snap_length']:,} B")
    ticks = interface["ticks_per_s"]
    parts.append(f"clock in steps of {format_ns(1e9 / ticks)}" if ticks else "clock of unknown resolution")
    named = f"`{interface['name']}`: " if interface["name"] else ""
    return named + ", ".join(parts)


def _nothing(document: dict[str, Any], page: _Page) -> None:
    packets = document["packets"]
    if not packets["total"]:
        page.say("pulses", "none: there is no packet", "warn")
        return
    skipped = packets["skipped"]
    if skipped["other_port"]:
        page.say("pulses", f"none: {_count(skipped['other_port'], 'UDP datagram')} had other ports", "warn")
        page.say("hint", "--port N for the port of the pulses, --any-port to look at every port")
        return
    reasons = [(n, key) for key, n in skipped.items() if n and key != "ip_fragments"]
    if not reasons:
        page.say("pulses", "none: no row passes the filter, or no datagram is a pulse", "warn")
        return
    count, key = max(reasons)
    page.say("pulses", f"none: no UDP datagram to look at, most packets ({count:,}) are {_SKIPPED[key]}", "warn")


def _traffic(document: dict[str, Any], page: _Page) -> None:
    pulses = document["pulses"]
    every = _datagrams(pulses)
    parts = [f"accepted {pulses['accepted']:,}"]
    parts.append(f"rejected {pulses['rejected']:,} ({format_share(pulses['rejected'], every)})")
    if pulses["cut"]:
        parts.append(f"cut {pulses['cut']:,} by the snap length, so not judged")
    parts.append(format_bytes(pulses["bytes"]))
    page.parts("pulses", parts)
    if pulses["guessed"]:
        page.say("guess", f"the dialect of {pulses['guessed']:,} is a guess: say it by --dialect", "warn")
    page.parts("dialects", [f"{name} {n:,}" for name, n in _most(pulses["dialects"])])
    page.parts("kinds", [f"{name} {n:,}" for name, n in _most(pulses["kinds"])])
    priorities = sorted(((int(p), n) for p, n in pulses["priorities"].items()), reverse=True)
    if len(priorities) <= 12:
        page.parts("priorities", [f"{p}: {n:,}" for p, n in priorities])
    else:
        often = ", ".join(f"{p}: {n:,}" for p, n in _most(pulses["priorities"])[:5])
        page.say("priorities", f"{len(priorities)} of {priorities[-1][0]} to {priorities[0][0]}, most often {often}")
    if pulses["envelopes"]:
        page.say("envelopes", f"{pulses['envelopes']:,} JSON envelopes")
    length = pulses["length"]
    if length is not None:
        page.say(
            "length",
            f"{length['min']:,} to {length['max']:,} B, mean {length['mean']:,.4g}, P50 {length['p50']:,},"
            f" P99 {length['p99']:,}",
        )
    _numbers(document, page)


def _numbers(document: dict[str, Any], page: _Page) -> None:
    sequence, messages = document["sequence"], document["messages"]
    if sequence["received"]:
        sent = sequence["received"] + sequence["lost"]
        parts = [f"lost {sequence['lost']:,} of {sent:,} ({format_share(sequence['lost'], sent)})"]
        if sequence["lost"] and document["pulses"]["rejected"]:
            # What is rejected has no number to go by, so its place stays empty.
            parts.append("rejected ones among them")
        parts += [f"reordered {sequence['reordered']:,}", f"duplicates {sequence['duplicates']:,}"]
        if sequence["restarts"]:
            parts.append(f"sender started anew {_times(sequence['restarts'])}")
        page.parts("sequence", parts)
    if any(messages[state] for state in ("complete", "recoverable", "incomplete")):
        parts = [f"complete {messages['complete']:,}"]
        parts += [f"recoverable {messages['recoverable']:,}", f"incomplete {messages['incomplete']:,}"]
        if messages["fragmented"]:
            parts.append(f"of several fragments {messages['fragmented']:,}")
        if messages["repair_symbols"]:
            parts.append(f"repair symbols {messages['repair_symbols']:,}")
        page.parts("messages", parts)


def _rate(document: dict[str, Any], page: _Page) -> None:
    rates = document["rates"]
    steps, width_ns = rates["pulses"], rates["width_ns"]
    if len(steps) < 2:
        return
    room = page.width - _LABEL
    together = -(-len(steps) // room)
    joined = [sum(steps[i : i + together]) for i in range(0, len(steps), together)]
    step_ns = width_ns * together
    peak = max(joined)
    # A step with anything in it is never drawn as one with nothing.
    bars = "".join(" " if not n else _BARS[min(len(_BARS) - 1, n * len(_BARS) // (peak + 1))] for n in joined)
    page.lines.append(f"{'rate':<{_LABEL}}{bars}".rstrip())
    pulses = document["pulses"]
    lasted_ns = pulses["last_ns"] - pulses["first_ns"]
    mean = f", mean {_pace(sum(steps), lasted_ns)}" if lasted_ns > 0 else ""
    page.say("", f"a step is {format_ns(step_ns)}, peak {_pace(peak, step_ns)}{mean}")


def _flows(document: dict[str, Any], page: _Page) -> None:
    flows, in_all = document["flows"], document["flows_in_all"]
    if not flows:
        return
    shown = flows[:_FLOWS]
    page.lines.append("")
    page.say(
        "flows", f"{in_all:,}" + (f", the {len(shown)} with most datagrams:" if in_all > len(shown) else ""), "bold"
    )
    for flow in shown:
        guess = ", a guess" if flow["ground"] == "guess" else ""
        dialect = f" ({flow['dialect']}{guess})" if flow["dialect"] else ""
        page.say(f"  {flow['flow']}", f"{flow['source']} → {flow['destination']}{dialect}")
        page.parts("", _flow(flow))
        timing = _timing(flow)
        if timing:
            page.parts("", timing)
    if in_all > len(shown):
        page.say("", f"and {_count(in_all - len(shown), 'more flow')}")


def _flow(flow: dict[str, Any]) -> list[str]:
    sequence, messages = flow["sequence"], flow["messages"]
    parts = [_count(flow["accepted"], "pulse")]
    parts += [f"{flow[key]:,} {key}" for key in ("rejected", "cut") if flow[key]]
    if sequence["received"]:
        parts.append(f"lost {format_share(sequence['lost'], sequence['received'] + sequence['lost'])}")
        parts += [f"{key} {sequence[key]:,}" for key in ("reordered", "duplicates", "restarts") if sequence[key]]
    if messages["incomplete"] or messages["recoverable"]:
        whole = sum(messages.values())
        parts.append(f"messages {messages['complete']:,} of {whole:,} complete")
    return parts


def _timing(flow: dict[str, Any]) -> list[str]:
    delay, interval, parts = flow["delay"], flow["interval"], []
    if delay is not None:
        spread = delay["spread"]
        if spread is not None:
            parts.append(f"delay P50 {format_ns(spread['p50_ns'])}, P99 {format_ns(spread['p99_ns'])}")
        else:
            parts.append(f"delay {format_ns(delay['min_ns'])} to {format_ns(delay['max_ns'])}")
        if delay["negative"]:
            parts.append(f"{delay['negative']:,} negative")
    if flow["jitter_ns"] is not None:
        parts.append(f"jitter {format_ns(flow['jitter_ns'])}")
    if interval is not None:
        parts.append(f"interval P50 {format_ns(interval['p50_ns'])}")
    return parts


def _delays(document: dict[str, Any], page: _Page) -> None:
    delays = [flow["delay"] for flow in document["flows"] if flow["delay"] is not None]
    if not delays:
        return
    page.say(
        "delay",
        "one way: time of capture less the sender's timestamp, so by two clocks. Unless both are one or kept"
        " together, only its changes (jitter) say something about the path.",
    )
    if any(delay["negative"] for delay in delays):
        least = min(delay["min_ns"] for delay in delays)
        page.say(
            "",
            f"negative (down to {format_ns(least)}): the sender's clock is ahead of the capture's, by that much"
            " or more; percentiles are of the others.",
        )
    if any(delay["min_ns"] >= _HUGE_NS for delay in delays):
        huge = max(delay["min_ns"] for delay in delays)
        page.say(
            "",
            f"never below {format_ns(huge)} in a flow: no path is so slow; the clocks disagree, the capture is"
            " a replay, or its timestamps do not count from 1970.",
        )


def _rejects(document: dict[str, Any], page: _Page) -> None:
    if not document["rejects"]:
        return
    page.lines.append("")
    for i, reject in enumerate(sorted(document["rejects"], key=lambda r: -r["count"])):
        page.say(
            "" if i else "rejects", f"{reject['slug']} {reject['count']:,}: {reject['meaning']}", None if i else "bad"
        )
        if reject["first"] is not None:
            page.say("", f"  first {_where(reject['first'])}")


def _events(document: dict[str, Any], page: _Page) -> None:
    events, untold = document["events"], document["events_untold"]
    if not events:
        return
    page.lines.append("")
    page.say(
        "quarantine",
        "who broke rules that a correct sender keeps; a source address can be forged, and a damaged packet looks the"
        " same:",
        "bad",
    )
    for event in events[:_EVENTS]:
        page.say("", f"{event['source']}: {event['slug']} {_times(event['count'])}, first {_place(event['first'])}")
    if len(events) > _EVENTS:
        more = events[_EVENTS:]
        page.say(
            "", f"and {_count(len(more), 'more pair')} of source and rule, {_times(sum(e['count'] for e in more))}"
        )
    if untold:
        page.say("", f"and {_count(untold, 'datagram')} of sources that there was no room to tell apart")


def _warnings(document: dict[str, Any], page: _Page) -> None:
    warnings = document["warnings"]
    if not warnings["count"]:
        return
    page.lines.append("")
    for i, warning in enumerate(warnings["list"][:_WARNINGS]):
        page.say("" if i else "warnings", f"{warning['capture']}: {warning['text']}", None if i else "warn")
    more = warnings["count"] - min(len(warnings["list"]), _WARNINGS)
    if more > 0:
        page.say("", f"and {more:,} more: --json lists the first {len(warnings['list']):,}")


def _where(seen: dict[str, Any]) -> str:
    return f"{_place(seen)}, from {seen['source']}"


def _place(seen: dict[str, Any]) -> str:
    return f"in {seen['capture']}, packet {seen['packet']:,}, offset {seen['offset']:,}"


def _datagrams(pulses: dict[str, Any]) -> int:
    return int(pulses["accepted"] + pulses["rejected"] + pulses["cut"])


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _pace(pulses: int, ns: int) -> str:
    per_second = pulses * 1e9 / ns
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.2g}/s"


def _moment(time_ns: int) -> str:
    """Unix ns as people read it, UTC; as a number where no calendar reaches."""
    from datetime import UTC, datetime

    seconds, ns = divmod(time_ns, 1_000_000_000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{ns:09d} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{time_ns:,} ns since 1970"


def _plain(text: str) -> str:
    """Without terminal controls: names and texts come from captures."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
