"""A result whose every figure is known, for plots: two streams, four intervals, two cores of which one stalled."""

from dataclasses import replace
from typing import Any

from rttp_cli._core import Histogram
from rttp_cli.report.result import CoreStalls, Interval, Part, Result, Stalls

TIMEOUT_NS = 1_000_000_000
PIECE_NS = 500_000_000


def histogram(answers: int = 1000, lost: int = 0, base_ns: int = 20_000) -> Histogram:
    """Answers spread over `base_ns` to ten times that, losses at the timeout."""
    spread = [(base_ns + base_ns * 9 * i // max(answers - 1, 1), 1) for i in range(answers)]
    return Histogram.of([*spread, *([(TIMEOUT_NS, lost)] if lost else [])])


def part(name: str = "", answers: int = 1000, lost: int = 0, base_ns: int = 20_000) -> Part:
    """All pulses, or a stream."""
    found = histogram(answers, lost, base_ns)
    counts = {"sent": answers + lost, "answered": answers, "lost": lost, "unfinished": 0, "one_way": 0}
    return Part(name, {"response": found, "service": found, "undisturbed": found}, lost, counts)


def intervals(count: int = 4, lost: int = 1) -> tuple[Interval, ...]:
    """Pieces of half a second."""
    return tuple(
        Interval(i * PIECE_NS, PIECE_NS, 250 + lost, lost, histogram(250, base_ns=20_000 + 1000 * i))
        for i in range(count)
    )


def stalls(*, watched: bool = True) -> Stalls:
    """Core 0 stalled twice, once in the warm-up; core 1 never."""
    stalled = CoreStalls(0, "sender", 2, 4_500_000, 4_200_000, ((-300_000_000, 300_000), (700_000_000, 4_200_000)))
    return Stalls(watched, 100_000, (stalled, CoreStalls(1, "responder", 0, 0, 0, ())) if watched else ())


def document() -> dict[str, Any]:
    """The keys of docs/RESULT.md that a page reads."""
    return {
        "started_unix_ns": 1_700_000_000_000_000_000,
        "interrupted": False,
        "rttp": {"version": "0.1.0", "profile": "release"},
        "run": {
            "mode": "open-loop", "target": "127.0.0.1:21076", "embedded": True, "size": 138, "priority": 128,
            "timeout_ns": TIMEOUT_NS, "warmup_ns": 0, "duration_ns": 4 * PIECE_NS, "spin": False, "threads": 1,
            "faults": {"loss": 0.01, "seed": 1},
        },
        "profile": {"name": "robots"},
        "schedule": {"seed": 7, "digest": "abc"},
        "host": {
            "kernel": "6.1", "machine": "x86_64", "cpu": "a processor", "cores": 2,
            "asked": [{"what": "fifo", "granted": False, "detail": "not permitted"}],
            "environment": {"load": [0.5, 0.5, 0.5], "processor": {"hypervisor": "kvm"}},
        },
        "rates": {"offered_pps": 510.0, "sent_pps": 502.0, "answered_pps": 500.0},
        "gates": [
            {"stream": None, "gate": "response.p99 <= 500us", "state": "pass", "reason": "P99 198 µs ≤ 500 µs"},
            {"stream": "control", "gate": "loss <= 0.1%", "state": "fail", "reason": "0.40 % lost"},
        ],
    }  # fmt: skip


def result(source: str = "run.json", lost: int = 4, **changes: Any) -> Result:
    """The result; `changes` are of its attributes."""
    found = Result(
        source,
        "result",
        part(lost=lost),
        (part("control", 500, lost), part("video", 500, base_ns=30_000)),
        (part("128 … 159", 500, lost), part("224 … 255", 500)),
        intervals(),
        stalls=stalls(),
        duration_ns=4 * PIECE_NS,
        sending_ns=4 * PIECE_NS,
        document=document(),
    )
    return replace(found, **changes)
