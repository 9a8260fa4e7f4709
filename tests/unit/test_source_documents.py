"""Result documents of ours, read: what is in a result, and that nothing of a file is believed."""

import copy
import gc
import io
import itertools
import json
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.result_samples import MS, US, as_bytes, changed, document, encoded, with_intervals

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.result import Among, Deadline, Result
from rttp_cli.report.source import cells, expand, load, load_all, load_each, of_document

FULL = with_intervals(
    document({"control": {20 * US: 900, MS: 100}, "bulk": {50 * US: 500}}, lost=7),
    [({20 * US: 300}, 3), ({20 * US: 600, MS: 100, 50 * US: 500}, 4)],
)


def read(tmp_path: Path, data: bytes, **options: Any) -> list[Result]:
    (tmp_path / "run.json").write_bytes(data)
    return load(tmp_path / "run.json", **options)


def refusal(made: dict[str, Any]) -> str:
    with pytest.raises(RttpError) as refused:
        of_document(made, "run.json")
    assert refused.value.slug == "bad-result"
    assert refused.value.message.startswith("run.json: ")
    return refused.value.message.removeprefix("run.json: ")


def test_a_document_becomes_a_result_with_all_that_is_known() -> None:
    result = of_document(FULL, "run.json")
    assert (result.kind, result.source, result.runs, result.exact) == ("result", "run.json", 1, True)
    assert (result.duration_ns, result.sending_ns) == (1_000 * MS, 1_000 * MS)
    assert set(result.whole.histograms) == {"response", "service", "undisturbed", "lateness"}, "those with samples"
    assert result.whole.histograms["response"].samples == 1_507
    assert (result.whole.missing, result.whole.missing_in("lateness")) == (7, 0)
    assert result.whole.counts is not None and result.whole.counts["sent"] == 1_507
    assert "rejects" not in result.whole.counts, "counts are numbers"
    assert result.whole.scheduled
    assert result.whole.deadlines == (Deadline(MS, "firm", 1_000, 7), Deadline(MS, "firm", 500, 0))
    assert [part.name for part in result.streams] == ["control", "bulk"]
    assert [part.missing for part in result.streams] == [7, 0]
    (band,) = result.bands
    assert (band.name, band.priorities) == ("128 … 159", (128, 159))
    assert band.counts == {"sent": 1_507, "answered": 1_500, "missing": 7}
    assert [(i.from_ns, i.sent, i.lost, i.response.samples) for i in result.intervals] == [
        (0, 303, 3, 300),
        (100 * MS, 1_204, 4, 1_200),
    ]
    assert result.stalls is not None
    assert (result.stalls.count, result.stalls.total_ns, result.stalls.longest_ns) == (2, 700 * US, 500 * US)
    assert result.stalls.cores[0].stalls[0] == (-5 * MS, 200 * US)
    assert result.document == FULL


def test_an_old_document_lacks_what_came_later() -> None:
    old = document()
    del old["histograms"]["undisturbed"]
    result = of_document(old, "run.json")
    assert result.intervals == () and "undisturbed" not in result.whole.histograms


def test_what_a_later_version_adds_is_let_be() -> None:
    later = changed(changed(FULL, "news", {"of": 1}), "histograms.jitter", "what nobody here can decode")
    assert "jitter" not in of_document(later, "run.json").whole.histograms


def test_pulses_that_nobody_scheduled_are_not_missed() -> None:
    assert not of_document(changed(document(), "streams.0.arrival", "closed"), "run.json").whole.scheduled


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("counts.lost", -1, "counts.lost: found -1, expected 0 or more"),
        ("counts.lost", 1.5, "counts.lost: found 1.5, expected a whole number"),
        ("counts.lost", True, "counts.lost: found true, expected a whole number"),
        ("counts.lost", 1 << 80, "counts.lost: found 1208925819614629174706176, expected at most 9223372036854775807"),
        ("streams.1.counts.lost", "x", 'streams[1].counts.lost: found "x", expected a whole number'),
        ("rates.sent_pps", float("nan"), "rates.sent_pps: found NaN, expected a finite number"),
        ("rates.sent_pps", float("inf"), "rates.sent_pps: found Infinity, expected a finite number"),
        ("run.mode", "walk", "run.mode: found \"walk\", expected 'ping-pong', 'open-loop' or 'flood'"),
        ("run.embedded", 1, "run.embedded: found 1, expected true or false"),
        ("streams", [], "streams: found [], expected 1 or more items"),
        ("streams", {}, "streams: found {}, expected a list"),
        ("host", None, "host: found null, expected an object"),
        ("histograms.service", 3, "histograms.service: found 3, expected text"),
        ("histograms.unit", "us", "histograms: `unit` is not `ns`"),
        ("stalls.cores.0.stalls.1", [1, -1], "stalls.cores[0].stalls[1][1]: found -1, expected 0 or more"),
        (
            "streams.0.name",
            "a\x1b[2J",
            'streams[0].name: found "a\\u001b[2J", expected text without control characters',
        ),
        ("streams.1.name", "control", "streams[1].name: `control` is the name of streams[0], too"),
        ("verdict.q", 1, "verdict.q: found 1, expected less than 1.0"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_its_path(path: str, value: Any, said: str) -> None:
    assert refusal(changed(FULL, path, value)) == said


def test_a_missing_key_is_named_and_others_are_counted() -> None:
    made = copy.deepcopy(FULL)
    del made["run"]["spin"], made["streams"][1]["counts"]
    assert refusal(made) == "`run.spin` is missing (1 more like it)"
    del made["histograms"]["pacing"]
    assert refusal(made | {"run": FULL["run"], "streams": FULL["streams"]}) == "histograms: `pacing` is missing"


def test_counts_that_do_not_add_up_were_edited() -> None:
    said = "found 1,507, expected answered + lost + unfinished + one_way = 1,506"
    assert refusal(changed(FULL, "counts.lost", 6)) == f"counts.sent: {said}"
    one = changed(changed(FULL, "streams.1.counts.sent", 501), "streams.1.counts.answered", 501)
    assert refusal(one) == "counts.sent: found 1,507, expected the sum of all streams, 1,508"


def test_a_histogram_whose_samples_are_not_those_counted_is_refused() -> None:
    less = encoded({20 * US: 1_000})
    said = "response: found 1,000 samples, expected"
    assert refusal(changed(FULL, "histograms.response", less)).startswith(
        f"histograms.{said} 1,500 answered and 7 missing"
    )
    assert refusal(changed(FULL, "streams.1.histograms.response", less)).startswith(f"streams[1].histograms.{said} 500")
    assert refusal(changed(FULL, "bands.0.response", less)).startswith(f"bands[0].{said} 1,500")
    more = encoded({20 * US: 2_000})
    assert refusal(changed(FULL, "histograms.undisturbed", more)).startswith(
        "histograms.undisturbed: found 2,000 samples"
    )
    assert refusal(changed(FULL, "intervals.1.stalled", more)).startswith("intervals[1].stalled: it is no part")


@pytest.mark.parametrize("path", ["histograms.service", "streams.1.histograms.response", "intervals.0.response"])
@pytest.mark.parametrize("text", ["", "HISTFAAA", "not base64!", "HISTFAAAAA" + "A" * 400])
def test_a_broken_histogram_is_named_by_its_path(path: str, text: str) -> None:
    assert refusal(changed(FULL, path, text)).startswith(re.sub(r"\.(\d+)", r"[\1]", path) + ": ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b" \n ", "it is empty"),
        (b"{", "not JSON: line 1, column 1: EOF while parsing an object; was it cut off?"),
        (as_bytes(FULL)[:-40], "was it cut off?"),
        (b'{\n "schema": rttp}', "not JSON: line 2, column 12: expected value"),
        (b"[1, 2]", "found [1, 2], expected an object with `schema`"),
        (b"[" * 100_000, "not JSON: line 1, column"),
        (b"{}", "JSON of another program: it has no `schema`"),
        (b'{"schema": 7}', "schema: found 7"),
        (b'{"schema": "rttp.result/2"}', "it has `rttp.result/2`: written by a newer rttp?; this rttp reads"),
        (b'{"schema": "rttp.doctor/1"}', "it is a document of `rttp doctor`, not a result"),
        (b'{"schema": "rttp.summary/1"}', "it is a summary of `rttp decode`, not a result"),
        (b'{"schema": "other"}', 'it is of the schema "other", not a result'),
        (b'{"schema": "rttp.runs/1", "kind": "sweep", "points": []}', "it holds no runs"),
        (b"\x00\xff\x00", "it begins with"),
        (b"a,b,c\n1,2,3\n", "it begins with `a,b,c`, expected a result of rttp in JSON"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_result_says_what_it_is(data: bytes, said: str, tmp_path: Path) -> None:
    for metrics in (None, ()):
        with pytest.raises(RttpError, match=r"run\.json: ") as refused:
            read(tmp_path, data, metrics=metrics)
        assert refused.value.slug == "bad-result"
        assert said in refused.value.message


def test_what_the_system_refuses_is_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path, Path("a\0b")):
        with pytest.raises(RttpError) as refused:
            load(path)
        assert refused.value.slug == "unreadable"


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rttp_cli.report.source.files.MAX_BYTES", 1 << 20)
    with pytest.raises(RttpError, match="it has more than 1 MiB"):
        load(Path("/dev/zero"))


def test_several_runs_of_one_file_are_several_results(tmp_path: Path) -> None:
    points = [{"label": f"{rate}/s", "result": document({"a": {rate: 10}})} for rate in (1_000, 2_000)]
    runs = {"schema": "rttp.runs/1", "kind": "sweep", "points": points}
    found = read(tmp_path, as_bytes(runs))
    assert [result.source.partition("[")[2] for result in found] == ["1000/s]", "2000/s]"]
    broken = changed(runs, "points.1.result.counts.lost", -1)
    with pytest.raises(RttpError, match=r"run.json\[2000/s\]: counts.lost: found -1"):
        read(tmp_path, as_bytes(broken))
    with pytest.raises(RttpError, match=r"points\[0\].result: expected"):
        read(tmp_path, as_bytes(changed(runs, "points.0.result", {"schema": "rttp.result/2"})))


def against(**changes: Any) -> bytes:
    points = [
        {"label": f"{side} {pair}", "side": side, "pair": pair, "result": document({"a": {20 * US: 10}})}
        for pair in range(2)
        for side in "AB"
    ]
    runs = {"schema": "rttp.runs/1", "kind": "against", "interleaved": True, "points": points}
    for path, value in changes.items():
        runs = changed(runs, path.replace("__", "."), value)
    return as_bytes(runs)


def test_a_run_among_several_says_what_it_was_one_of(tmp_path: Path) -> None:
    found = [result.among for result in read(tmp_path, against())]
    assert found == [Among("against", side, pair, interleaved=True) for pair in range(2) for side in "AB"]
    alone = read(tmp_path, against(points__0__side=None, points__0__pair=None, kind="repeat", interleaved=False))
    assert alone[0].among == Among("repeat")
    assert of_document(FULL, "run.json").among is None


@pytest.mark.parametrize(
    ("path", "junk", "said"),
    [
        ("points__1__side", 5, "points[1].side: found 5, expected text"),
        ("points__1__side", "\x1b[2J", "points[1].side: found"),
        ("points__1__pair", "1", 'points[1].pair: found "1", expected a whole number'),
        ("points__1__pair", -1, "points[1].pair: found -1, expected 0 or more"),
        ("points__1__pair", [], "points[1].pair: found [], expected a whole number"),
        ("interleaved", "yes", 'interleaved: found "yes", expected true or false'),
    ],
)
def test_what_a_run_was_one_of_is_checked(tmp_path: Path, path: str, junk: Any, said: str) -> None:
    with pytest.raises(RttpError) as refused:
        read(tmp_path, against(**{path: junk}))
    assert refused.value.slug == "bad-result" and said in refused.value.message


def test_names_of_histograms_with_control_characters_are_refused() -> None:
    for where in ("histograms", "streams.0.histograms"):
        made = copy.deepcopy(FULL)
        inner = made["histograms"] if where == "histograms" else made["streams"][0]["histograms"]
        inner["a\x1b[2J"] = encoded({})
        said = refusal(made)
        assert said.startswith(f"{where.replace('.0', '[0]')}") and "expected text without control characters" in said
        assert said.isprintable()


def test_the_cells_of_a_text_are_known_before_it_is_decoded() -> None:
    for values in ({}, {5: 1}, {20 * US: 900, MS: 100}, {i * i: i for i in range(1, 3_000)}):
        histogram = Histogram.of(list(values.items()))
        text = histogram.encode()
        for written in (text, f" {text}\n", text.rstrip("=")):
            assert len(histogram.cells()) <= cells.claimed(written) <= 9 * len(histogram.cells()) + 1 + len(values) * 9
    for junk in ("", "a", "HIST", "é", "AAAA", encoded({5: 1})[:20], "=" * 99, "HdrHistogram V2 compressed base64"):
        assert cells.claimed(junk) == 0


def test_a_file_that_would_fill_the_memory_is_refused_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST", sum(cells.claimed(text) for text in FULL["histograms"].values()))
    with pytest.raises(RttpError, match=r"run.json: its histograms claim .* bytes of counts, expected at most"):
        read(tmp_path, as_bytes(FULL))
    points = [{"label": str(i), "result": document({"a": {20 * US: 10}})} for i in range(50)]
    with pytest.raises(RttpError, match=r"run.json: its histograms claim"):
        read(tmp_path, as_bytes({"schema": "rttp.runs/1", "kind": "repeat", "points": points}))
    with pytest.raises(RttpError, match=r"run.json: its histograms claim"):
        of_document(FULL, "run.json")
    (tmp_path / "run.txt").write_text("\n".join([encoded({5: 5, MS: 1})] * 200), encoding="ascii")
    with pytest.raises(RttpError, match=r"run.txt: its histograms claim"):
        load(tmp_path / "run.txt")


def test_few_cells_are_decoded_at_once_whatever_the_files_weigh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "AT_ONCE", 1)
    (tmp_path / "a.json").write_bytes(as_bytes(document()))
    asked: list[int] = []
    each = load_each(tmp_path / "a.json" for i in range(100) if asked.append(i) is None)  # type: ignore[func-returns-value]
    next(each)
    assert len(asked) <= 3


def test_a_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff\x1b.json"))
    path.write_bytes(as_bytes(document()))
    (result,) = load(path)
    assert result.source.endswith("/a\\udcff\\x1b.json")
    path.write_bytes(b"{")
    for call in (lambda: load(path), lambda: load(path.with_name("b\udcff")), lambda: expand([str(path) + "x" * 300])):
        with pytest.raises(RttpError) as refused:
            call()
        assert "\\udcff" in refused.value.message and refused.value.message.isprintable()


def test_many_files_are_read_as_one_by_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.json" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(as_bytes(document({"a": {(i + 1) * 10 * US: 100 + i}}, lost=i)))
    fast = load_all(paths, metrics=(), intervals=False)
    slow = [result for path in paths for result in load(path)]
    for one, other in zip(fast, slow, strict=True):
        assert set(one.whole.histograms) == {"response"}
        assert one.whole.histograms["response"].cells() == other.whole.histograms["response"].cells()
        assert (one.source, one.whole.counts, one.stalls) == (other.source, other.whole.counts, other.stalls)
        assert one.document is not None and other.document is not None
        assert "streams" not in one.document
        assert one.document["schedule"] == other.document["schedule"]


def test_a_bad_file_among_many_is_named_as_alone(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(as_bytes(document()))
    bad.write_bytes(as_bytes(changed(document(), "streams.0.histograms.response", "AAAA")))
    with pytest.raises(RttpError, match=r"bad.json: streams\[0\].histograms.response: "):
        load_all([good, bad, good], metrics=())
    bad.write_bytes(as_bytes(changed(document(), "counts.lost", -1)))
    with pytest.raises(RttpError, match=r"bad.json: counts.lost: found -1"):
        load_all([good, bad, good], metrics=())


@pytest.mark.parametrize("at_once", [1, 20_000, 4 << 20])
def test_the_first_bad_file_is_the_one_that_is_named(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rttp_cli.report.source.files.AT_ONCE", at_once)
    good, undecoded, miscounted, absent = (tmp_path / f"{name}.json" for name in ("good", "bytes", "counts", "absent"))
    good.write_bytes(as_bytes(document()))
    undecoded.write_bytes(as_bytes(changed(document(), "streams.0.histograms.response", "AAAA")))
    miscounted.write_bytes(as_bytes(changed(document(), "counts.lost", -1)))
    for bad in itertools.permutations([undecoded, miscounted, absent]):
        with pytest.raises(RttpError, match=bad[0].name):
            load_all([good, good, *bad, good], metrics=())


@pytest.mark.parametrize("at_once", [1, 10_000, 4 << 20])
def test_files_come_in_their_order_whatever_they_are(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rttp_cli.report.source.files.AT_ONCE", at_once)
    paths = [tmp_path / f"{i}.{'txt' if i % 3 else 'json'}" for i in range(12)]
    for i, path in enumerate(paths):
        made = as_bytes(document({"a": {US: i + 1}})) if path.suffix == ".json" else encoded({US: i + 1}).encode()
        path.write_bytes(made)
    found = list(load_each(iter(paths), metrics=()))
    assert [result.source for result in found] == [str(path) for path in paths]
    assert [result.whole.histograms["response"].samples for result in found] == list(range(1, 13))
    assert list(load_each([])) == []


def test_whoever_stops_early_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rttp_cli.report.source.files.AT_ONCE", 1)
    path = tmp_path / "a.json"
    path.write_bytes(as_bytes(document()))
    threads, asked = threading.active_count(), []
    each = load_each(path for i in range(1_000) if asked.append(i) is None)  # type: ignore[func-returns-value]
    next(each)
    assert len(asked) <= 3, "one batch is handed out, one decoded, one parsed"
    del each
    assert (threading.active_count(), gc.isenabled()) == (threads, True)
    with pytest.raises(RttpError, match="absent"):
        load_all([path, path, tmp_path / "absent.json"])
    assert (threading.active_count(), gc.isenabled()) == (threads, True)


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(as_bytes(FULL))))
    (result,) = load(Path("-"))
    assert result.source == "stdin" and result.whole.missing == 7


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(value, dict) and value:
        return [found for key, inner in value.items() for found in leaves(inner, (*path, str(key)))]
    if isinstance(value, list) and value:
        return [found for i, inner in enumerate(value) for found in leaves(inner, (*path, str(i)))]
    return [".".join(path)]


PATHS = [path for path in leaves(FULL) if "HdrHistogram V2" not in path]
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([encoded({}), encoded({9: 9})]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), st.integers(0, 3), JUNK)
def test_any_value_may_be_junk(tmp_path: Path, path: str, up: int, junk: Any) -> None:
    steps = path.split(".")
    made = changed(FULL, ".".join(steps[: max(1, len(steps) - up)]), junk)
    data = json.dumps(made).encode("utf-8", "surrogatepass")
    for metrics in (None, ()):
        try:
            (result,) = read(tmp_path, data, metrics=metrics)
        except RttpError as refused:
            assert refused.slug == "bad-result"
        else:
            assert result.whole.histograms["response"].samples == 1_507


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.tuples(
        st.sampled_from([b"#[x]\n", b"HIST", b"Value Percentile\n", b"Tag=a,0,1,2,HIST", b"{", as_bytes(FULL)[:900]]),
        st.binary(max_size=80),
    ).map(b"".join)
)
def test_any_bytes_are_a_result_or_an_error(tmp_path: Path, data: bytes) -> None:
    try:
        read(tmp_path, data)
    except RttpError as refused:
        assert refused.slug == "bad-result"
