"""A result document as text for people: tables of 80 columns, every figure with what stands behind it."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from rttp_cli.report.cost import cost_parts
from rttp_cli.report.percentile import interval, value
from rttp_cli.report.streams import bands, streams
from rttp_cli.units import format_bytes, format_ns, format_share

_COLUMNS = 80
_STYLES = {"pass": "32", "fail": "31", "inconclusive": "33", "dim": "2", "bold": "1"}


def render(result: dict[str, Any], *, colour: bool = False) -> str:
    """The report of a summarised result (`report.result.summarise`)."""

    def paint(text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour else text

    lines = [*_heading(result), *_traffic(result), ""]
    if len(result["streams"]) > 1 or result["streams"][0]["deadline"] or result["run"]["size"] is None:
        lines += [*streams(result), ""]
    if len(result["bands"]) > 1:
        lines += [*bands(result), ""]
    # One way there is nothing to tell; where nothing was sent that is said, as of any run without samples.
    told = result["latency"]["response"]["samples"] or not result["counts"]["one_way"]
    if told:
        lines += [*_latency(result), ""]
    lines += [*_extra(result), *_clock(result), *_stalls(result)]
    judged = [("gate", g["state"], _gate(g)) for g in result.get("gates", ())]
    verdict = result["verdict"]
    if told and not judged:
        judged = [("verdict", verdict["state"], verdict["reason"])]
    for label, state, words in judged:
        first, *rest = wrap(f"{state}: {words}", _COLUMNS - 11)
        lines.append(f"{label:<11}{paint(state, state)}{first.removeprefix(state)}")
        lines += [f"{'':<11}{more}" for more in rest]
    return "\n".join(paint(line, "bold") if i == 0 else line for i, line in enumerate(lines))


def _gate(gate: dict[str, Any]) -> str:
    of = "" if gate["stream"] is None else f" [{gate['stream']}]"
    return f"{gate['gate']}{of}: {gate['reason']}"


def _heading(result: dict[str, Any]) -> Iterator[str]:
    run, rttp, profile = result["run"], result["rttp"], result["profile"]
    if run["mode"] == "ping-pong":
        pace = "ping-pong"
    elif run["rate_pps"] is None:
        pace = run["mode"]
    else:
        pace = f"open loop at {run['rate_pps']:,.10g}/s"
    if profile is not None:
        many = len(result["streams"])
        pace = f"profile {profile['name']}, {pace}, {many} stream{'s' if many > 1 else ''}"
    size = "" if run["size"] is None else f", {run['size']}-byte pulses"
    priority = "" if run["priority"] is None else f", priority {run['priority']}"
    yield f"rttp bench: {pace}{size}{priority}, open (no session, no seal)"
    if profile is not None:
        schedule = result["schedule"]
        yield f"schedule   seed {schedule['seed']}, digest {schedule['digest']}"
    yield f"target     {_target(result)}"
    asked = list(result["host"]["asked"]) + list((result["responder"] or {}).get("asked", []))
    granted = [f"{a['what']} {a['detail']}" for a in asked if a["granted"] and a["what"] in _WORTH_SAYING]
    buffer = format_bytes(result["host"]["receive_buffer"])
    yield f"host       {', '.join([*dict.fromkeys(granted), f'receive buffer {buffer}'])}"
    yield from dict.fromkeys(f"refused    {a['what']}: {a['detail']}" for a in asked if not a["granted"])
    if rttp["profile"] != "release":
        yield f"warning    this is a {rttp['profile']} build: its figures mean nothing"
    threads = run["threads"] + bool(run["embedded"])
    if run["threads"] > 1 and threads > (result["host"]["cores"] or threads):
        yield f"warning    {threads} threads on {result['host']['cores']} cores: they will keep each other waiting"
    faults = {k: v for k, v in run["faults"].items() if v and k != "seed"}
    if faults:
        yield "faults     " + ", ".join(f"{k} {v:g}" for k, v in faults.items()) + f" (seed {run['faults']['seed']})"
    if result["interrupted"]:
        yield f"stopped    after {format_ns(result['sending_ns'])} of {format_ns(run['duration_ns'])}"


_WORTH_SAYING = ("cpu-dma-latency", "fifo", "mlock", "stall-meter")


def _target(result: dict[str, Any]) -> str:
    run = result["run"]
    wait = "spinning" if run["spin"] else "blocking"
    senders = list(dict.fromkeys(run["sender_cores"]))
    many = "s" if len(senders) > 1 else ""
    cores = {*senders, run["responder_core"]} if run["embedded"] else set(senders)
    if None in cores:
        where = "unpinned"
    elif not run["embedded"]:
        where = f"sender on core{many} {', '.join(map(str, senders))}"
    elif len(cores) == 1:
        where = f"both on core {run['sender_core']}"
    else:
        where = f"sender on core{many} {', '.join(map(str, senders))}, responder on {run['responder_core']}"
    targets = list(dict.fromkeys(session["target"] for session in result["sessions"]))
    embedded = " (embedded responder)" if run["embedded"] else ""
    return f"{', '.join(targets)}{embedded}, {wait}, {where}"


def _traffic(result: dict[str, Any]) -> Iterator[str]:
    c, rates = result["counts"], result["rates"]
    asked = c["sent"] - c["one_way"]
    sent = [f"sent {c['sent']:,}"]
    if asked or not c["one_way"]:
        sent += [f"answered {c['answered']:,}", f"lost {c['lost']:,} ({format_share(c['lost'], asked)})"]
    if c["one_way"]:
        sent.append(f"one-way {c['one_way']:,}")
    yield from _line("pulses", sent)
    unsettled = (
        ("unfinished", "on their way when it was stopped"),
        ("unsent", "due and never sent"),
        ("dropped", "dropped by full queues"),
    )
    yield from _line("unsettled", [f"{c[key]:,} {words}" for key, words in unsettled if c[key]])
    if rates["sent_pps"] is not None:
        paces = [f"offered {rates['offered_pps']:,.10g}/s"] if rates["offered_pps"] else []
        paces.append(f"sent {rates['sent_pps']:,.0f}/s")
        if asked:
            paces.append(f"answered {rates['answered_pps']:,.0f}/s")
        yield from _line("rate", [*paces, _bits(rates["sent_bps"])])
    peer = result["peer"]
    if peer is None:
        yield f"peer       sent in all {c['sent_in_all']:,}; the target did not say what it received"
    else:
        yield (
            f"peer       received {peer['received']:,} of {c['sent_in_all']:,} sent in all, answered"
            f" {peer['answered']:,}, buffer drops {peer['buffer_drops']:,}{_rejects(peer['rejects'])}"
        )
    odd = [
        f"{c[key]:,} {word}"
        for key, word in (
            ("reordered", "reordered"),
            ("duplicates", "duplicate"),
            ("late", "after the timeout"),
            ("unexpected", "unexpected"),
            ("send_refused", "refused by the send buffer"),
            ("network_errors", "network errors"),
            ("buffer_drops", "dropped in our receive buffer"),
        )
        if c[key]
    ]
    if odd or c["rejects"]:
        yield "answers    " + ", ".join(odd) + _rejects(c["rejects"])


def _line(label: str, parts: list[str]) -> Iterator[str]:
    """Parts behind a label, gone on with below it where 80 columns are full."""
    line = f"{label:<11}"
    for i, part in enumerate(parts):
        text = part if i == len(parts) - 1 else f"{part},"
        if line.strip() and i and len(line) + 1 + len(text) > _COLUMNS:
            yield line
            line = f"{'':<11}{text}"
        else:
            line += f" {text}" if i else text
    if parts:
        yield line


def _bits(bps: float) -> str:
    return f"{bps / 1e6:,.4g} Mbit/s" if bps < 9.9995e9 else f"{bps / 1e9:,.4g} Gbit/s"


def _rejects(rejects: dict[str, int]) -> str:
    return "".join(f", {slug} {count:,}" for slug, count in rejects.items())


def _latency(result: dict[str, Any]) -> Iterator[str]:
    response, service = result["latency"]["response"], result["latency"]["service"]
    open_loop = result["run"]["mode"] != "ping-pong"
    second = "from send" if open_loop else ""
    title = "round trip from schedule" if open_loop else "round trip"
    yield f"{title:<26}{second:>12}{'beyond':>12}   95 % interval".rstrip()
    for p, s in zip(response["percentiles"], service["percentiles"], strict=True):
        other = value(s) if open_loop else ""
        yield f"{p['name']:<10}{value(p):>16}{other:>12}{p['beyond']:>12,}   {interval(p)}".rstrip()
    if response["max_ns"] is None:
        return
    worst, sent_worst = format_ns(response["max_ns"]), format_ns(service["max_ns"])
    at_least = "≥ " if response["lost"] else ""
    yield f"{'max':<10}{at_least + worst:>16}{at_least + sent_worst if open_loop else '':>12}{0:>12,}".rstrip()


def _extra(result: dict[str, Any]) -> Iterator[str]:
    open_loop = result["run"]["mode"] != "ping-pong"
    for name, words in (
        ("lateness", "sender lateness"),
        ("pacing", "  outside stalls"),
        ("wakeup", "kernel to reader"),
        ("message", "whole messages"),
        ("first_token", "first token"),
        ("token_gap", "token gap"),
    ):
        d = result["latency"][name]
        if d["samples"] and (name != "lateness" or open_loop):
            yield f"{words:<17} {_few(d)}"
    cpu = result["cpu"]
    sender = cpu["sender"]
    sent = max(result["counts"]["sent_in_all"], 1)
    used = (sender["user_ns"] + sender["system_ns"]) / sent
    text = f"processor  sender {format_ns(used)} a pulse, put off its core {sender['involuntary_switches']:,} times"
    if cpu["machine_busy_share"] is not None:
        text += f"; machine {cpu['machine_busy_share']:.0%} busy"
    yield text
    if parts := cost_parts(result):
        yield from _line("cost", [f"a million pulses: {parts[0]}", *parts[1:]])


def _few(d: dict[str, Any]) -> str:
    values = ", ".join(f"{p['name']} {value(p)}" for p in d["percentiles"] if p["q"] in (0.5, 0.99, 0.9999))
    return f"{values}, max {format_ns(d['max_ns'])}"


def _clock(result: dict[str, Any]) -> Iterator[str]:
    """One-way times are only as good as what is known of the two clocks."""
    out, back = result["latency"]["one_way_out"], result["latency"]["one_way_back"]
    if not out["samples"]:
        return
    yield f"one way    out {_few(out)}"
    yield f"           back {_few(back)}"
    clocks = [session["clock"] for session in result["sessions"]]
    if all(clock["shared"] for clock in clocks):
        yield "           by Unix time, both ends read this host's; all other times: monotonic"
        return
    yield "           by Unix time of each end and its fitted offset; all other times: monotonic"
    for session in result["sessions"]:
        clock = session["clock"]
        if clock["offset_ns"] is not None:
            ahead = "ahead" if clock["offset_ns"] >= 0 else "behind"
            yield (
                f"           {session['target']}: clock {format_ns(abs(clock['offset_ns']))} {ahead},"
                f" {clock['skew_ppm']:+.2f} ppm, each way ± {format_ns(clock['uncertainty_ns'])}"
                f" ({clock['points']} points)"
            )


def _stalls(result: dict[str, Any]) -> Iterator[str]:
    stalls = result["stalls"]
    if not stalls["watched"]:
        yield "stalls     not watched: needs a pinned or spinning sender and the stall meter"
    run = result["run"]
    for core in stalls["cores"]:
        where = "unpinned" if core["core"] is None else f"core {core['core']}"
        role = {"both": "both ends"}.get(core["role"], core["role"])
        run_ns = result["lasted_ns"] + run["warmup_ns"]
        share = format_share(core["total_ns"], max(run_ns, core["total_ns"]))
        longest = f", longest {format_ns(core['longest_ns'])}, {share} of the time" if core["count"] else ""
        yield f"stalls     {where} ({role}): {core['count']} of {format_ns(stalls['from_ns'])} or more{longest}"
    late, sent = stalls["stalled_pulses"], result["counts"]["sent"]
    response, undisturbed = result["latency"]["response"], result["latency"].get("undisturbed")
    if late:
        yield f"           made {late:,} pulses late ({format_share(late, sent)})"
    if stalls["watched"] and undisturbed and undisturbed["samples"] < response["samples"]:
        touched = format_share(response["samples"] - undisturbed["samples"], response["samples"])
        yield f"           touched {touched} of round trips"
        if undisturbed["samples"]:
            yield f"  others   {_few(undisturbed)}"
