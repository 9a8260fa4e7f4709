"""Profiles that name traces and captures: found beside the file that names them, read before anything is sent."""

import json
from pathlib import Path

import pytest

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.profile import check, compile_plan, load
from rttp_cli.profile.text import effective, to_yaml


class FakeTrace:
    """What `_core.Trace` gives."""

    def __init__(self, rows: list[tuple[int, int]], entries: int = 1000, duration_ns: int = 10**9) -> None:
        self.rows, self.entries, self.duration_ns = rows, entries, duration_ns
        self.has_sizes, self.has_priorities = bool(rows), False

    def sizes(self) -> list[tuple[int, int]]:
        return self.rows


@pytest.fixture
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeTrace]:
    """Traces by file name; what is not in it does not load. Loaded paths are collected under `asked`."""
    known: dict[str, FakeTrace] = {}

    def load_trace(path: Path) -> FakeTrace:
        asked.append(path)
        if path.name not in known:
            raise _core.CoreError("unreadable", f"{path}: no such file")
        return known[path.name]

    asked: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "load_trace", load_trace)
    return known


def write(name: str, text: str) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return name


def test_a_trace_stands_in_the_plan_by_its_index_and_its_path_is_of_the_file_that_names_it(
    traces: dict[str, FakeTrace], tmp_path: Path
) -> None:
    traces["t.csv"] = FakeTrace([(100, 1)])
    write("sub/parent.yaml", "streams:\n  - {name: a, arrival: {process: trace, file: t.csv}, size: trace}\n")
    path = write(
        "child.yaml",
        "extends: sub/parent.yaml\nstreams:\n"
        "  - {name: b, priority: trace, arrival: {process: trace, file: ./sub/../sub/t.csv, speed: 2, repeat: true}}\n",
    )
    compiled = compile_plan(load(path))
    assert compiled.traces == [tmp_path / "sub" / "t.csv"]
    a, b = compiled.plan["streams"]
    assert a["arrival"] == {"process": "trace", "trace": 0, "speed": 1.0, "repeat": False}
    assert b["arrival"] == {"process": "trace", "trace": 0, "speed": 2.0, "repeat": True}
    assert (a["size"], b["priority"]) == ({"pattern": "trace"}, {"pattern": "trace"})


def test_empirical_sizes_become_a_table_by_weight(traces: dict[str, FakeTrace]) -> None:
    traces["c.pcap"] = FakeTrace([(64, 9), (1400, 1)])
    path = write("p.yaml", "streams: [{name: a, rate: 10, size: {empirical: c.pcap}}]")
    compiled = compile_plan(load(path))
    assert compiled.plan["streams"][0]["size"] == {"pattern": "weighted", "sizes": [[64, 9.0], [1400, 1.0]]}
    assert compiled.traces == [], "only arrivals need the trace itself"


def test_what_is_shown_has_paths_that_hold_everywhere(traces: dict[str, FakeTrace]) -> None:
    traces["t.csv"] = FakeTrace([(100, 1)])
    profile = load(write("sub/p.yaml", "streams: [{name: a, arrival: {process: trace, file: t.csv}}]"))
    again = load(write("elsewhere/p.yaml", to_yaml(effective(profile))))
    assert compile_plan(again) == compile_plan(profile)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("arrival: {process: trace, file: gone.csv}", "1:53: streams[0].arrival.file: {cwd}/gone.csv: no such file"),
        (
            "rate: 5, size: {empirical: gone.csv}",
            "1:48: streams[0].size.empirical: {cwd}/gone.csv: no such file",
        ),
        ("arrival: {process: trace, file: bare.csv}, size: trace", "1:70: streams[0].size: the trace has no sizes"),
        ("rate: 5, size: {empirical: bare.csv}", "1:48: streams[0].size.empirical: the file has no sizes"),
        ("rate: 5, size: {empirical: big.csv}", "1:36: streams[0].size: 70,000 bytes in one pulse, at most 65,443"),
        (
            "arrival: {process: trace, file: one.csv}",
            "1:30: streams[0].arrival: 1 message in 5s, expected at least 2",
        ),
        (
            "rate: 5, arrival: {process: trace, file: bare.csv}",
            "1:27: streams[0].rate: a stream has no `rate` here: `trace` sets its own pace",
        ),
        (
            "arrival: {process: trace, file: bare.csv, speed: 100000}, timeout: 10s, fragments: 5000",
            "1:88: streams[0].timeout: 5,000,000 pulses may be due within the timeout of 10s, at most 4,194,304",
        ),
        (
            "arrival: {process: trace, file: ''}",
            "1:53: streams[0].arrival.file: found ``, expected the path of a file",
        ),
    ],
)
def test_what_is_wrong_with_a_trace_stands_where_it_is_named(
    traces: dict[str, FakeTrace], stream: str, expected: str
) -> None:
    traces["bare.csv"], traces["big.csv"], traces["one.csv"] = FakeTrace([]), FakeTrace([(70_000, 1)]), FakeTrace([], 1)
    path = write("p.yaml", f"streams: [{{name: a, {stream}}}]\n")
    with pytest.raises(RttpError) as refused:
        load(path)
    assert list(refused.value.details) == [f"p.yaml:{expected.replace('{cwd}', str(Path.cwd()))}"]


def test_a_trace_in_a_file_is_read_by_the_core_and_its_plan_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("t.csv", "time,size,priority\n0,100,7\n0.5,200,8\n1.25,100,9\n")
    stream = "arrival: {process: trace, file: t.csv, repeat: true}, priority: trace"
    path = write(
        "p.yaml", f"streams: [{{name: a, {stream}, size: trace}}, {{name: b, {stream}, size: {{empirical: t.csv}}}}]"
    )
    profile = load(path)
    compiled = compile_plan(profile)
    assert [(trace.entries, trace.duration_ns) for trace in profile.traces.values()] == [(3, 1_250_000_000)]
    assert compiled.plan["streams"][1]["size"] == {"pattern": "weighted", "sizes": [[100, 2.0], [200, 1.0]]}
    traces = [_core.Trace.load(str(path)) for path in compiled.traces]
    assert len(_core.schedule_digest(json.dumps(compiled.plan), traces)) == 32


@pytest.mark.parametrize(("text", "expected"), [(None, "gone.csv"), ("0,5\nx,5\n", "line 2"), ("", "t.csv")])
def test_a_trace_that_the_core_refuses_is_an_error_of_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "gone.csv" if text is None else write("t.csv", text)
    with pytest.raises(RttpError) as refused:
        load(write("p.yaml", f"streams: [{{name: a, arrival: {{process: trace, file: {name}}}}}]"))
    assert refused.value.slug == "bad-profile"
    assert len(refused.value.details) == 1
    assert refused.value.details[0].startswith("p.yaml:1:53: streams[0].arrival.file: ")
    assert expected in refused.value.details[0]
