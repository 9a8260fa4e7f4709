"""Runs for tests of comparing: results of one stream whose times are known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rttp_cli._core import Histogram
from rttp_cli.report.result import Part, Result

DOCUMENT: dict[str, Any] = {
    "rttp": {"profile": "release"},
    "started_unix_ns": 1_795_000_000_000_000_000,
    "interrupted": False,
    "run": {"mode": "open-loop", "embedded": True, "security": "open", "threads": 1, "segments": 1, "count": None},
    "profile": None,
    "schedule": {
        "digest": "00",
        "plan": {
            "seed": 1,
            "duration_ns": 1_000_000_000,
            "streams": [{"name": "pulses", "arrival": {"rate": 10000.0}}],
        },
    },
    "host": {
        "machine": "x86_64",
        "cpu": "A processor",
        "cores": 2,
        "environment": {"processor": {"hypervisor": "kvm"}},
    },
}
"""What a result document says of its traffic and its machine."""


def run(
    factor: float = 1.0,
    *,
    lost: int = 0,
    samples: int = 1000,
    undisturbed: float | None = None,
    source: str = "run.json",
    document: dict[str, Any] | None = None,
    unsent: int = 0,
) -> Result:
    """A run whose times rise evenly from 1 µs × factor to `samples` µs × factor; its lost pulses stand at 1 s."""
    times = [(round(1_000 * i * factor), 1) for i in range(1, samples + 1)]
    gone = [(1_000_000_000, lost)] if lost else []
    histograms = {"response": Histogram.of([*times, *gone])}
    if undisturbed is not None:
        histograms["undisturbed"] = Histogram.of([(round(value * undisturbed), n) for value, n in times] + gone)
    counts = {"sent": samples + lost, "answered": samples, "lost": lost, "unfinished": 0, "one_way": 0}
    counts |= {"unsent": unsent, "dropped": 0}
    part = Part("", histograms, lost, counts, scheduled=True)
    named = Part("pulses", histograms, lost, counts, scheduled=True)
    time_ns = 1_000_000_000
    return Result(source, "result", part, (named,), duration_ns=time_ns, sending_ns=time_ns, document=document)


def runs(factors: Sequence[float], **others: Any) -> list[Result]:
    """A run for each factor."""
    return apart([run(factor, source=f"run-{i}.json", **others) for i, factor in enumerate(factors)])


def apart(results: Sequence[Result], folder: str = "", after_ns: int = 0) -> list[Result]:
    """The same as runs of their own: of this folder, each begun at another time, from so long after on."""
    return [
        replace(
            result,
            source=f"{folder}{result.source}",
            document=result.document
            and {**result.document, "started_unix_ns": result.document["started_unix_ns"] + after_ns + i},
        )
        for i, result in enumerate(results)
    ]
