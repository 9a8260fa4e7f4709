"""docs/RESULT.md names every key of a real result document, and none that no document has; its examples work."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rttp_cli.bench import BenchOptions, HostOptions, of_profile, run
from rttp_cli.bench.options import Faults
from rttp_cli.profile import load
from rttp_cli.report.document import SCHEMA, summarise
from rttp_cli.report.judge import judge_gates
from rttp_cli.report.source import of_document

DOC = (Path(__file__).parents[2] / "docs" / "RESULT.md").read_text(encoding="utf-8")
MS = 1_000_000
LIMIT_NS, LIMIT_AT = 300_000, 0.9999

PROFILE = """
run: {duration: 400ms, warmup: 20ms, cooldown: 40ms}
streams:
  - {name: echo, rate: 1k, priority: 250, timeout: 20ms, deadline: {limit: 10ms, class: firm}, gates: [misses <= 100%]}
  - {name: telemetry, mode: one-way, rate: 500, priority: 10, size: 200}
  - {name: parts, rate: 50, size: 4000, fragments: 3, priority: {uniform: [0, 255]}, timeout: 20ms}
  - {name: tokens, mode: token-stream, rate: 40, tokens: 3, token_interval: 2ms, first_token: 3ms, timeout: 20ms}
gates: [loss <= 100%, response.p99.99 <= 1h]
"""

OPAQUE = (".rejects", "schedule.plan", "host.environment")
"""Ends of paths whose keys stand elsewhere; so do those of `profile`."""


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of all keys; the items of a list are `[]`."""
    if isinstance(value, dict) and path != "profile" and not path.endswith(OPAQUE):
        for key, inner in value.items():
            found = f"{path}.{key}" if path else key
            yield found
            yield from paths(inner, found)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, path + "[]")


SAID_ELSEWHERE = (
    (r"^bands\[\]\.latency\.response\b", "latency.NAME"),
    (r"^streams\[\]\.(latency|histograms|counts|rates)\.", r"\1."),
    (r"^sessions\[\]\.tally\.", "peer."),
    (r"^sessions\[\]\.usage\.", "cpu.sender."),
    (r"^flights\.lost\[\]\.", "flights.slowest[]."),
)
"""Keys that are documented as those of another object."""


def names() -> list[str]:
    """The distributions, as the list above their table has them."""
    return re.findall(r"^- `([a-z_]+)`: ", DOC, re.MULTILINE)


def as_documented(path: str) -> str:
    """The distributions are described once, and so is what several objects share."""
    for pattern, replacement in SAID_ELSEWHERE:
        path = re.sub(pattern, replacement, path)
    return re.sub(rf"^(latency|histograms)\.({'|'.join(names())})(?=\.|$)", r"\1.NAME", path)


def documented() -> set[str]:
    """First cells of the tables of keys."""
    sections = re.findall(r"^\| key \|.*?(?=\n\n)", DOC, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([^`]+)` \|", "\n".join(sections), re.MULTILINE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run leaves its log."""
    return tmp_path_factory.mktemp("result")


@pytest.fixture(scope="module")
def document(folder: Path) -> dict[str, Any]:
    """A short run of a stream of each kind with kernel stamps and gates, in which some pulses are lost or damaged."""
    (folder / "run.yaml").write_text(PROFILE, encoding="utf-8")
    faults = Faults(loss=0.1, corrupt=0.1, seed=1)
    host = HostOptions(stamps=True, faults=faults, interval_ns=100 * MS, interval_log=folder / "run.hlog")
    request = of_profile(load(str(folder / "run.yaml")), host)
    result = summarise(run(request), LIMIT_NS, LIMIT_AT)
    return result | {"gates": [vars(verdict) for verdict in judge_gates(of_document(result, "a run"), request.gates)]}


def example(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a Python example prints."""
    monkeypatch.chdir(folder)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(DOC.split("```python\n")[number].split("```")[0], "docs/RESULT.md", "exec"), {})
    return printed.getvalue()


def test_every_key_of_a_run_is_documented(document: dict[str, Any]) -> None:
    missing = {as_documented(path) for path in paths(document)} - documented()
    assert not missing, f"not in docs/RESULT.md: {sorted(missing)}"


def test_every_documented_key_is_in_a_run(document: dict[str, Any]) -> None:
    left_over = documented() - {as_documented(path) for path in paths(document)}
    assert not left_over, f"in docs/RESULT.md and in no document: {sorted(left_over)}"


def test_the_names_of_distributions_are_those_of_a_run(document: dict[str, Any]) -> None:
    assert sorted(names()) == sorted(document["latency"])
    assert set(names()) | {"unit", "encoding"} == set(document["histograms"])
    assert all(document["latency"][name]["samples"] for name in names()), "the run has samples of each"
    in_streams = {name for stream in document["streams"] for name in stream["histograms"]}
    assert in_streams == set(names()) - {"pacing"}


def test_a_ping_pong_has_the_same_keys(document: dict[str, Any]) -> None:
    options = BenchOptions(count=100, duration_ns=1_000 * MS, warmup_ns=MS)
    other = summarise(run(options), LIMIT_NS, LIMIT_AT)
    only_here = re.compile(r"gates\b|streams\[\]\.deadline\.")
    expected = {as_documented(path) for path in paths(document)}
    assert {as_documented(path) for path in paths(other)} == {path for path in expected if not only_here.match(path)}
    assert other["profile"] is None and document["profile"]["name"]


def test_what_is_said_to_be_the_same_has_the_same_keys(document: dict[str, Any]) -> None:
    of_sessions = {"sent_in_all", "unexpected", "network_errors", "buffer_drops", "rejects"}
    assert all(f"`{key}`" in DOC for key in of_sessions)
    for stream in document["streams"]:
        assert stream["counts"].keys() == document["counts"].keys() - of_sessions
        assert stream["rates"].keys() == document["rates"].keys()
        assert stream["latency"].keys() == stream["histograms"].keys()
    (session,) = document["sessions"]
    assert session["tally"] == document["peer"]
    assert session["usage"] == document["cpu"]["sender"]
    slowest, lost = document["flights"]["slowest"], document["flights"]["lost"]
    assert slowest and lost
    assert {frozenset(flight) for flight in slowest} == {frozenset(flight) for flight in lost}


def test_what_is_documented_as_null_for_several_streams_is(document: dict[str, Any]) -> None:
    assert (document["run"]["size"], document["run"]["priority"]) == (None, None)
    assert all(flight["landed_ns"] is None and flight["answer"] is None for flight in document["flights"]["lost"])
    assert all(len(flight["pulse"]) == 128 for flight in document["flights"]["slowest"])


def test_the_document_names_the_schema(document: dict[str, Any]) -> None:
    assert document["schema"] == SCHEMA
    assert f"`{SCHEMA}`" in DOC


def test_the_counts_add_up_as_documented(document: dict[str, Any]) -> None:
    assert "`sent = answered + lost + unfinished + one_way`" in DOC
    for counts in (document["counts"], *(stream["counts"] for stream in document["streams"])):
        assert counts["sent"] == counts["answered"] + counts["lost"] + counts["unfinished"] + counts["one_way"]
        assert counts["complete"] <= counts["messages"]
        assert counts["kept"] + counts["missed"] <= counts["messages"]
    counts = document["counts"]
    assert counts["lost"] > 0, "every fifth pulse was lost or damaged"
    assert document["streams"][1]["counts"]["one_way"] == 200 == counts["one_way"]
    assert document["latency"]["response"]["samples"] == counts["sent"] - counts["one_way"]
    for key in document["streams"][0]["counts"]:
        assert counts[key] == sum(stream["counts"][key] for stream in document["streams"]), key
    bands = document["bands"]
    assert sum(band["sent"] for band in bands) == counts["sent"]
    assert sum(band["answered"] for band in bands) == counts["answered"]
    assert sum(band["missing"] for band in bands) == counts["lost"]
    samples = document["latency"]["pacing"]["samples"] + document["stalls"]["stalled_pulses"]
    assert samples == document["latency"]["lateness"]["samples"] == counts["sent"]


def test_the_python_example_prints_the_percentile_of_the_report(
    document: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "run.json").write_text(json.dumps(document), encoding="utf-8")
    tail = document["latency"]["response"]["percentiles"][4]
    assert tail["name"] == "P99.99"
    samples = 2 * document["latency"]["response"]["samples"]
    assert example(1, folder, monkeypatch) == f"{tail['value_ns']} ns\n{samples} samples\n"


def test_the_log_example_prints_every_interval_of_every_stream(
    document: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.split() for line in example(2, folder, monkeypatch).splitlines()]
    streams = [stream["name"] for stream in document["streams"]]
    assert {tag for _, tag, _, _ in lines} == set(streams)
    assert len(lines) >= 2 * len(streams) and len(lines) % len(streams) == 0
    for stream in document["streams"]:
        counts = stream["counts"]
        logged = sum(int(count) for _, tag, count, _ in lines if tag == stream["name"])
        assert logged == counts["answered"] + counts["lost"], stream["name"]
    starts = [float(start) for start, _, _, _ in lines]
    assert starts == sorted(starts) and 0 < starts[0] < starts[-1]


def test_the_jq_examples_name_documented_keys() -> None:
    lines = [line for line in DOC.split("```sh\n")[1].split("```")[0].splitlines() if line.startswith("jq")]
    assert len(lines) >= 4
    names = {path.rpartition(".")[2] for path in documented()} | {"response"}
    for line in lines:
        for path in re.findall(r"(?<![\w.])\.([a-z_.]+)", line.split("'")[1]):
            assert set(path.split(".")) <= names, line
