"""Result documents as `rttp bench` writes them, of given latencies."""

from __future__ import annotations

import copy
import json
from typing import Any

from rttp_cli._core import Histogram

US, MS = 1_000, 1_000_000
TIMEOUT_NS = 100 * MS
Values = dict[int, int]
"""Counts by latency, ns."""
NAMES = (
    "response", "service", "lateness", "pacing", "wakeup", "one_way_out", "one_way_back", "message", "first_token",
    "token_gap",
)  # fmt: skip


def encoded(values: Values) -> str:
    return Histogram.of(list(values.items())).encode()


def counts(answered: int, lost: int = 0) -> dict[str, int]:
    sent = answered + lost
    return {
        "sent": sent, "bytes": 100 * sent, "send_refused": 0, "answered": answered, "lost": lost, "one_way": 0,
        "unfinished": 0, "unsent": 0, "dropped": 0, "messages": sent, "complete": answered, "kept": answered,
        "missed": lost, "late": 0, "duplicates": 0, "reordered": 0,
    }  # fmt: skip


def with_lost(values: Values, lost: int) -> Values:
    return values | ({TIMEOUT_NS: lost} if lost else {})


def stream(name: str, values: Values, lost: int = 0) -> dict[str, Any]:
    response = encoded(with_lost(values, lost))
    return {
        "name": name, "mode": "echo", "arrival": "constant", "timeout_ns": TIMEOUT_NS, "rate_mps": 1000.0,
        "counts": counts(sum(values.values()), lost),
        "rates": {"offered_pps": None, "sent_pps": 1000.0, "answered_pps": 1000.0, "sent_bps": 1e6},
        "deadline": {"limit_ns": MS, "class": "firm", "kept": sum(values.values()), "missed": lost},
        "drift_ppm": 0.5,
        "histograms": {"response": response, "service": response, "undisturbed": response},
    }  # fmt: skip


def document(streams: dict[str, Values] | None = None, *, lost: int = 0, seed: int = 1) -> dict[str, Any]:
    """`lost` is of the first stream."""
    given = {"pulses": {20 * US: 1_000}} if streams is None else streams
    made = [stream(name, values, 0 if i else lost) for i, (name, values) in enumerate(given.items())]
    everything: Values = {}
    for values in given.values():
        for value, count in values.items():
            everything[value] = everything.get(value, 0) + count
    answered = sum(everything.values())
    response = encoded(with_lost(everything, lost))
    histograms = {name: encoded({}) for name in NAMES} | {
        "response": response, "service": response, "undisturbed": response, "lateness": encoded({US: answered + lost}),
    }  # fmt: skip
    of_sessions = {"sent_in_all": answered + lost, "unexpected": 0, "network_errors": 0, "buffer_drops": 0}
    return {
        "schema": "rttp.result/1",
        "rttp": {"version": "0.1.0", "profile": "release", "commit": "0"},
        "started_unix_ns": 1_790_000_000_000_000_000 + seed,
        "interrupted": False,
        "run": {
            "mode": "open-loop", "target": "127.0.0.1:21076", "local": "127.0.0.1:4000", "embedded": True, "security":
            "open", "size": 138, "priority": 128, "rate_pps": 1000.0, "duration_ns": 1_000 * MS, "warmup_ns": 10 * MS,
            "cooldown_ns": 0, "count": None, "first_seq": 1, "timeout_ns": TIMEOUT_NS, "spin": False, "threads": 1,
            "segments": 1, "sender_core": 1, "sender_cores": [1], "responder_core": 0,
            "faults": {"loss": 0, "duplicate": 0, "corrupt": 0, "reorder": 0, "delay": 0, "seed": 0},
        },
        "profile": None,
        "schedule": {"seed": seed, "digest": "00ff", "plan": {"streams": list(given), "seed": seed}},
        "host": {
            "kernel": "6.1", "machine": "x86_64", "cpu": "some", "cores": 2, "asked": [], "receive_buffer": 1 << 20,
            "environment": {},
        },
        "counts": counts(answered, lost) | of_sessions | {"rejects": {}},
        "sending_ns": 1_000 * MS,
        "lasted_ns": 1_001 * MS,
        "rates": {"offered_pps": 1000.0, "sent_pps": 1000.0, "answered_pps": 1000.0, "sent_bps": 1e6},
        "peer": {"received": answered, "answered": answered, "bytes": 1, "buffer_drops": 0, "rejects": {}},
        "responder": None,
        "sessions": [
            {
                "target": "127.0.0.1:21076", "local": "127.0.0.1:4000",
                "clock": {"shared": True, "offset_ns": 0.0, "skew_ppm": 0.0, "uncertainty_ns": 0.0, "points": 1},
            }
        ],
        "histograms": {"unit": "ns", "encoding": "HdrHistogram V2 compressed base64"} | histograms,
        "streams": made,
        "bands": [
            {
                "from_priority": 128, "to_priority": 159, "sent": answered + lost, "answered": answered,
                "missing": lost, "response": response,
            }
        ],
        "flights": {"slowest": [], "lost": []},
        "stalls": {
            "watched": True, "from_ns": 100 * US, "stalled_pulses": 0, "before": None,
            "cores": [
                {
                    "core": 1, "role": "sender", "count": 2, "total_ns": 700 * US, "longest_ns": 500 * US,
                    "stalls": [[-5 * MS, 200 * US], [600 * MS, 500 * US]],
                }
            ],
        },
        "cpu": {
            "sender": {"user_ns": 1, "system_ns": 1, "voluntary_switches": 1, "involuntary_switches": 1},
            "process_user_s": 0.1, "process_system_s": 0.1, "machine_busy_share": 0.5,
        },
        "verdict": {"state": "pass", "q": 0.99, "limit_ns": 300_000, "reason": "P99 20.0 µs ≤ 300 µs"},
    }  # fmt: skip


def with_intervals(made: dict[str, Any], pieces: list[tuple[Values, int]], length_ns: int = 100 * MS) -> dict[str, Any]:
    """The same with intervals: latencies and lost ones of each."""
    return made | {
        "intervals": [
            {
                "from_ns": i * length_ns, "length_ns": length_ns, "sent": sum(values.values()) + lost, "lost": lost,
                "response": encoded(values), "stalled": None,
            }
            for i, (values, lost) in enumerate(pieces)
        ]
    }  # fmt: skip


def changed(made: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy in which one value is another: `streams.0.counts.lost`."""
    copied = copy.deepcopy(made)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    inner: Any = copied
    for step in way:
        inner = inner[step]
    inner[last] = value
    return copied


def as_bytes(made: Any) -> bytes:
    return json.dumps(made).encode()
