"""Metrics of a run and of a node: what a scrape holds, by the library's own parser, and that documents name it all."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from rttp_cli import _core
from rttp_cli.bench import BenchOptions, HostOptions, Progress, Request, of_options, of_profile
from rttp_cli.metrics import NodeMetrics, RunMetrics
from rttp_cli.metrics.families import BOUNDS_S
from rttp_cli.profile import load

TOP = Path(__file__).parents[2]
MONITORING = TOP / "docs" / "monitoring"
ONE = of_options(BenchOptions(mode="open-loop", rate=5000, duration_ns=2_000_000_000))


LIVE: Any = {
    "intervals": 1,
    "tail": [],
    "streams": [],
    "rejects": {"truncated": 4},
    "stalls": [
        {"core": 1, "role": "sender", "count": 7, "total_ns": 1_500_000},
        {"core": None, "role": "responder", "count": 0, "total_ns": 0},
    ],
}


class Node:
    """As much of a node as metrics look at."""

    address = "127.0.0.1:21076"

    def live(self) -> _core.TallyDict:
        return {"received": 12, "answered": 9, "bytes": 900, "buffer_drops": 5, "rejects": {"bad-version": 3}}


def stream(name: str, **values: Any) -> _core.LiveStreamDict:
    found: Any = {"name": name, "sent_pps": 10.0, "sent": 30, "answered": 28, "lost": 2, "percentiles_ns": None}
    return found | values


def at(*streams: _core.LiveStreamDict, tail: dict[int, int] | None = None) -> Progress:
    cells = [(tail or {}).get(i, 0) for i in range(96)]
    return Progress(0, 0, 0, 1.5, LIVE | {"tail": cells, "streams": list(streams)})


def scraped(progress: Progress, request: Request = ONE) -> dict[str, Metric]:
    """Families by name, after a way through text."""
    text = generate_latest(RunMetrics(request, lambda: progress)).decode()
    return {family.name: family for family in parse_text(text)}


def values(family: Metric, label: str = "stream") -> dict[str, float]:
    return {sample.labels.get(label, ""): sample.value for sample in family.samples}


def test_before_the_first_interval_every_stream_counts_from_zero() -> None:
    request = of_profile(load("mixed-priority", []), HostOptions(), None)
    names = {s["name"] for s in request.streams}
    before = LIVE | {"intervals": 0, "stalls": []}
    for progress in (Progress(0, 0, 0, 0.0), Progress(0, 0, 0, 0.0, before)):
        found = scraped(progress, request)
        for name in ("rttp_pulses_sent", "rttp_pulses_answered", "rttp_pulses_lost"):
            assert values(found[name]) == dict.fromkeys(names, 0.0)
        assert not found["rttp_interval_response_seconds"].samples
        assert {sample.value for sample in found["rttp_response_seconds"].samples} == {0.0}
        assert values(found["rttp_run_info"], "profile") == {"mixed-priority": 1.0}


def test_counts_rates_and_percentiles_are_those_of_the_latest_interval() -> None:
    found = scraped(at(stream("pulses", percentiles_ns=[1_000, 20_000, 300_000, 4_000_000, 50_000_000])))
    assert values(found["rttp_pulses_sent"]) == {"pulses": 30.0}
    assert values(found["rttp_pulses_answered"]) == {"pulses": 28.0}
    assert values(found["rttp_pulses_lost"]) == {"pulses": 2.0}
    assert values(found["rttp_sent_pulses_per_second"]) == {"pulses": 10.0}
    assert values(found["rttp_offered_messages_per_second"]) == {"pulses": 5000.0}
    assert values(found["rttp_run_elapsed_seconds"]) == {"": 1.5}
    assert values(found["rttp_run_duration_seconds"]) == {"": 2.0}
    assert values(found["rttp_interval_response_seconds"], "quantile") == pytest.approx(
        {"0.5": 1e-6, "0.99": 2e-5, "0.999": 3e-4, "0.9999": 4e-3, "1": 5e-2}
    )


def test_a_stream_without_a_schedule_offers_nothing_that_could_be_told() -> None:
    assert not scraped(at(stream("pulses")), of_options(BenchOptions()))["rttp_offered_messages_per_second"].samples


def test_buckets_are_every_second_end_of_the_cells_and_a_lost_pulse_is_beyond_them_all() -> None:
    assert len(BOUNDS_S) == 47
    assert pytest.approx([2e-6 * 2**i for i in range(23)], rel=1e-3) == BOUNDS_S[1::2]
    # 1.0 to 1.4 µs, 1.4 to 2 µs, 1.024 to 1.448 ms, over 16 s.
    buckets = values(
        scraped(at(stream("a"), stream("b"), tail={0: 1, 1: 2, 2: 4, 40: 8, 95: 16}))["rttp_response_seconds"], "le"
    )
    assert buckets["1.414e-06"] == 3
    assert buckets["2e-06"] == buckets["0.001024"] == 7
    assert buckets["0.001448"] == buckets["11.86"] == 15
    assert buckets["+Inf"] == 31 + 2 + 2
    counts = list(buckets.values())
    assert counts == sorted(counts)


def test_names_that_a_profile_may_have_come_through_whole() -> None:
    name = 'a"b\\c\nd{e="f"} 1\n# TYPE x é'
    found = scraped(at(stream(name)))
    assert values(found["rttp_pulses_sent"]) == {name: 30.0}
    assert "x" not in found


def test_rejects_are_told_by_slug_and_stalls_by_core() -> None:
    found = scraped(at(stream("pulses")))
    assert {slug: n for slug, n in values(found["rttp_rejects"], "slug").items() if n} == {"truncated": 4.0}
    assert values(found["rttp_rejects"], "slug").keys() == {slug for _, slug, _ in _core.slugs()}
    assert values(found["rttp_stalls"], "core") == {"1": 7.0, "any": 0.0}
    assert values(found["rttp_stall_seconds"], "role") == {"sender": 0.0015, "responder": 0.0}


def test_after_freeze_nobody_looks_any_more() -> None:
    looks = [at(stream("pulses", sent=7))]
    metrics = RunMetrics(ONE, looks.pop)
    metrics.freeze()
    for _ in range(2):
        assert b'rttp_pulses_sent_total{stream="pulses"} 7.0\n' in generate_latest(metrics)


def test_a_node_tells_what_it_counted_and_who_it_is() -> None:
    text = generate_latest(NodeMetrics(Node(), echo=True)).decode()  # type: ignore[arg-type]
    for line in (
        "rttp_node_received_datagrams_total 12.0",
        "rttp_node_answered_pulses_total 9.0",
        "rttp_node_received_bytes_total 900.0",
        "rttp_node_buffer_drops_total 5.0",
        'rttp_rejects_total{slug="bad-version"} 3.0',
        'rttp_rejects_total{slug="truncated"} 0.0',
        'rttp_node_info{address="127.0.0.1:21076",echo="true"} 1.0',
    ):
        assert f"\n{line}\n" in text, line


def everything() -> dict[str, Metric]:
    """All families by the name of their samples."""
    full = at(stream("pulses", percentiles_ns=[1, 2, 3, 4, 5]))
    ends = {"counter": "_total", "info": "_info"}
    families = [*RunMetrics(ONE, lambda: full).collect(), *NodeMetrics(Node(), echo=True).collect()]  # type: ignore[arg-type]
    return {family.name + ends.get(family.type, ""): family for family in families}


@pytest.mark.parametrize("metrics", [RunMetrics(ONE, lambda: at(stream("a"))), NodeMetrics(Node(), True)])  # type: ignore[arg-type]
def test_openmetrics_is_what_its_strict_parser_takes(metrics: RunMetrics) -> None:
    text = openmetrics.generate_latest(metrics).decode()
    assert text.endswith("# EOF\n")
    assert {f.name for f in parse_openmetrics(text)} == {f.name for f in metrics.collect()}


def test_the_document_lists_every_metric_with_its_labels_and_no_other() -> None:
    text = (TOP / "docs" / "METRICS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(rttp_\w+)` \| (\w+) \| ([^|]*)\|", text, re.MULTILINE)
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    served = {name: (f.type, set().union(*(sample.labels for sample in f.samples))) for name, f in everything().items()}
    assert documented == {name: (kind, labels - {"le"}) for name, (kind, labels) in served.items()}


def names_in(text: str) -> set[str]:
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\brttp_[a-z0-9_]+", text)}


@pytest.mark.parametrize("file", ["rules.yml", "dashboard.json"])
def test_dashboard_and_rules_ask_for_no_metric_that_nobody_serves(file: str) -> None:
    assert names_in((MONITORING / file).read_text(encoding="utf-8")) <= everything().keys()


def test_the_dashboard_takes_any_data_source_and_its_panels_stand_side_by_side() -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    assert dashboard["uid"] and dashboard["schemaVersion"] >= 41 and "id" not in dashboard
    variables = {v["name"]: v for v in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["datasource"]["query"] == "prometheus"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        columns, rows = (range(place[at], place[at] + place[size]) for at, size in (("x", "w"), ("y", "h")))
        cells = set(itertools.product(columns, rows))
        assert not cells & taken and all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert source == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables.keys() | {"__rate_interval"}
