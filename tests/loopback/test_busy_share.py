"""A share of the machine's time is one, whatever the kernel's counts do in a run of milliseconds."""

from collections.abc import Iterator

import pytest

from rttp_cli.bench import BenchOptions
from rttp_cli.bench import run as bench
from rttp_cli.report.document import summarise

MS = 1_000_000


@pytest.mark.parametrize(("busy", "share"), [(-1e-9, 0.0), (0.5, 0.5), (1.0 + 1e-9, 1.0)])
def test_a_busy_share_lies_between_none_and_all(monkeypatch: pytest.MonkeyPatch, busy: float, share: float) -> None:
    readings: Iterator[tuple[float, float, float, float]] = iter([(0, 0, 10.0, 20.0), (0, 0, 10.0 + busy, 21.0)])
    monkeypatch.setitem(bench.__globals__, "_machine", lambda: next(readings))
    document = bench(BenchOptions(duration_ns=10 * MS, warmup_ns=0, pin="none", awake=False))
    assert document["cpu"]["machine_busy_share"] == pytest.approx(share)
    assert summarise(document, 300_000, 0.99)["verdict"]["state"]
