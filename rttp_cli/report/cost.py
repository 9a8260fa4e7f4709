"""What a million pulses cost: processor time, bytes and system calls, of each end by itself."""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
Cost = dict[str, float | None]


def cost(document: Document) -> dict[str, Cost | None]:
    """`cpu_s`, `bytes` (UDP payload) and `syscalls` per million pulses of a result: `sender`, and `responder`.

    The sender's are per pulse sent, the responder's per datagram received, both over the whole run, warm-up and waiting
    among it. `None`: not known, as all of a responder that is not ours.
    """
    counts, cpu, responder = document["counts"], document["cpu"], document["responder"]
    # Older documents have no count of system calls.
    calls = [session.get("syscalls") for session in document["sessions"]]
    return {
        "sender": {
            "cpu_s": _per_million(_cpu_s(cpu["sender"]), counts["sent_in_all"]),
            "bytes": _per_million(counts["bytes"], counts["sent"]),
            "syscalls": _per_million(None if None in calls else sum(calls), counts["sent_in_all"]),
        },
        "responder": responder
        and {
            "cpu_s": _per_million(_cpu_s(responder["usage"]), responder["received"]),
            "bytes": _per_million(responder["bytes"], responder["received"]),
            "syscalls": _per_million(responder.get("syscalls"), responder["received"]),
        },
    }


def cost_parts(document: Document) -> list[str]:
    """`6.41 CPU s (sender 3.9, responder 2.51)`, `138 MB`, … per million pulses; none where nothing was sent."""
    found = cost(document)
    sender, responder = found["sender"], found["responder"]
    if sender is None or sender["cpu_s"] is None:
        return []
    parts = [_both("CPU s", sender["cpu_s"], responder["cpu_s"] if responder else None)]
    if sender["bytes"] is not None:
        parts.append(f"{_short(sender['bytes'] / 1e6)} MB")
    if sender["syscalls"] is not None:
        theirs = responder["syscalls"] if responder else None
        parts.append(_both("M system calls", sender["syscalls"] / 1e6, None if theirs is None else theirs / 1e6))
    return parts


def _both(unit: str, sender: float, responder: float | None) -> str:
    if responder is None:
        return f"{_short(sender)} {unit} (sender)"
    return f"{_short(sender + responder)} {unit} (sender {_short(sender)}, responder {_short(responder)})"


def _short(value: float) -> str:
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _cpu_s(usage: Mapping[str, int]) -> float:
    return (usage["user_ns"] + usage["system_ns"]) / 1e9


def _per_million(amount: float | None, pulses: int) -> float | None:
    return None if amount is None or not pulses else 1e6 * amount / pulses
