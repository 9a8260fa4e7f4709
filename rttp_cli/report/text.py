"""A result document as text for people: tables of 80 columns, every figure with what stands behind it."""

from collections.abc import Iterator
from typing import Any

from rttp_cli.units import format_bytes, format_ns, format_share

_STYLES = {"pass": "32", "fail": "31", "inconclusive": "33", "dim": "2", "bold": "1"}


def render(result: dict[str, Any], *, colour: bool = False) -> str:
    """The report of a summarised result (`report.result.summarise`)."""

    def paint(text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour else text

    lines = [*_heading(result), *_traffic(result), "", *_latency(result), ""]
    lines += [*_extra(result), *_stalls(result)]
    verdict = result["verdict"]
    lines.append(f"verdict    {paint(verdict['state'], verdict['state'])}: {verdict['reason']}")
    return "\n".join(paint(line, "bold") if i == 0 else line for i, line in enumerate(lines))


def _heading(result: dict[str, Any]) -> Iterator[str]:
    run, rttp = result["run"], result["rttp"]
    pace = f"open loop at {run['rate_pps']:,.10g}/s" if run["rate_pps"] else "ping-pong"
    yield f"rttp bench: {pace}, {run['size']}-byte pulses, priority {run['priority']}, open (no session, no seal)"
    wait = "spinning" if run["spin"] else "blocking"
    cores = {run["sender_core"], run["responder_core"]} if run["embedded"] else {run["sender_core"]}
    if None in cores:
        where = "unpinned"
    elif not run["embedded"]:
        where = f"sender on core {run['sender_core']}"
    elif len(cores) == 1:
        where = f"both on core {run['sender_core']}"
    else:
        where = f"sender on core {run['sender_core']}, responder on {run['responder_core']}"
    yield f"target     {run['target']}{' (embedded responder)' if run['embedded'] else ''}, {wait}, {where}"
    asked = list(result["host"]["asked"]) + list((result["responder"] or {}).get("asked", []))
    granted = [f"{a['what']} {a['detail']}" for a in asked if a["granted"] and a["what"] in _WORTH_SAYING]
    buffer = format_bytes(result["host"]["receive_buffer"])
    yield f"host       {', '.join([*dict.fromkeys(granted), f'receive buffer {buffer}'])}"
    yield from dict.fromkeys(f"refused    {a['what']}: {a['detail']}" for a in asked if not a["granted"])
    if rttp["profile"] != "release":
        yield f"warning    this is a {rttp['profile']} build: its figures mean nothing"
    faults = {k: v for k, v in run["faults"].items() if v and k != "seed"}
    if faults:
        yield "faults     " + ", ".join(f"{k} {v:g}" for k, v in faults.items()) + f" (seed {run['faults']['seed']})"
    if result["interrupted"]:
        yield f"stopped    after {format_ns(result['sending_ns'])} of {format_ns(run['duration_ns'])}"


_WORTH_SAYING = ("cpu-dma-latency", "fifo", "mlock", "stall-meter")


def _traffic(result: dict[str, Any]) -> Iterator[str]:
    c, rates = result["counts"], result["rates"]
    offered = f"offered {rates['offered_pps']:,.10g}/s, " if rates["offered_pps"] else ""
    yield (
        f"pulses     sent {c['sent']:,}, answered {c['answered']:,},"
        f" lost {c['lost']:,} ({format_share(c['lost'], c['sent'])})"
    )
    if c["unfinished"] or c["unsent"]:
        yield f"unsettled  {c['unfinished']:,} on their way when it was stopped, {c['unsent']:,} due and never sent"
    if rates["sent_pps"] is not None:
        yield f"rate       {offered}sent {rates['sent_pps']:,.0f}/s, answered {rates['answered_pps']:,.0f}/s"
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


def _rejects(rejects: dict[str, int]) -> str:
    return "".join(f", {slug} {count:,}" for slug, count in rejects.items())


def _latency(result: dict[str, Any]) -> Iterator[str]:
    response, service = result["latency"]["response"], result["latency"]["service"]
    open_loop = bool(result["run"]["rate_pps"])
    second = "from send" if open_loop else ""
    title = "round trip from schedule" if open_loop else "round trip"
    yield f"{title:<26}{second:>12}{'beyond':>12}   95 % interval".rstrip()
    for p, s in zip(response["percentiles"], service["percentiles"], strict=True):
        other = _value(s, service) if open_loop else ""
        yield f"{p['name']:<10}{_value(p, response):>16}{other:>12}{p['beyond']:>12,}   {_interval(p)}".rstrip()
    if response["max_ns"] is None:
        return
    worst, sent_worst = format_ns(response["max_ns"]), format_ns(service["max_ns"])
    at_least = "≥ " if response["lost"] else ""
    yield f"{'max':<10}{at_least + worst:>16}{at_least + sent_worst if open_loop else '':>12}{0:>12,}".rstrip()


def _value(p: dict[str, Any], d: dict[str, Any]) -> str:
    match p["state"]:
        case "none":
            return "-"
        case "unbounded":
            return "unbounded"
        case "few":
            return f"({format_ns(p['value_ns'])})"
        case _:
            return format_ns(p["value_ns"])


def _interval(p: dict[str, Any]) -> str:
    match p["state"]:
        case "none":
            return "no samples"
        case "unbounded":
            return f"≥ {format_ns(p['value_ns'])}: more lost"
        case "few":
            return f"{format_ns(p['lower_ns'])} …: too few samples"
        case _:
            upper = "unbounded" if p["upper_ns"] is None else format_ns(p["upper_ns"])
            return f"{format_ns(p['lower_ns'])} … {upper}"


def _extra(result: dict[str, Any]) -> Iterator[str]:
    for name, words in (("lateness", "sender lateness"), ("wakeup", "kernel to reader")):
        d = result["latency"][name]
        if d["samples"] and (name != "lateness" or result["run"]["rate_pps"]):
            values = ", ".join(f"{p['name']} {_value(p, d)}" for p in d["percentiles"] if p["q"] in (0.5, 0.99, 0.9999))
            yield f"{words:<17} {values}, max {format_ns(d['max_ns'])}"
    cpu = result["cpu"]
    sender = cpu["sender"]
    sent = max(result["counts"]["sent_in_all"], 1)
    used = (sender["user_ns"] + sender["system_ns"]) / sent
    text = f"processor  sender {format_ns(used)} a pulse, put off its core {sender['involuntary_switches']:,} times"
    if cpu["machine_busy_share"] is not None:
        text += f"; machine {cpu['machine_busy_share']:.0%} busy"
    yield text


def _stalls(result: dict[str, Any]) -> Iterator[str]:
    stalls = result["stalls"]
    if not stalls["watched"]:
        yield "stalls     not watched: needs a pinned or spinning sender and the stall meter"
    for core in stalls["cores"]:
        where = "unpinned" if core["core"] is None else f"core {core['core']}"
        role = {"both": "both ends"}.get(core["role"], core["role"])
        run_ns = result["lasted_ns"] + result["run"]["warmup_ns"]
        share = format_share(core["total_ns"], max(run_ns, core["total_ns"]))
        longest = f", longest {format_ns(core['longest_ns'])}, {share} of the time" if core["count"] else ""
        yield f"stalls     {where} ({role}): {core['count']} of {format_ns(stalls['from_ns'])} or more{longest}"
