"""Results added up and cut: nothing is lost, nothing is made up, what cannot be told is not."""

import json
import sys
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.result_samples import MS, TIMEOUT_NS, US, changed, document, encoded, with_intervals, with_lost

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.result import CoreStalls, Interval, Part, Result, Stalls
from rttp_cli.report.source import Slice, cut, load, merge, of_document, pieces
from rttp_cli.report.source.merge import AT_ONCE

A = {"control": {20 * US: 900, MS: 100}, "bulk": {50 * US: 500}}
B = {"bulk": {60 * US: 300}, "late": {70 * US: 200}}


def foreign(values: dict[int, int], source: str = "x.hlog") -> Result:
    return Result(source, "interval log", Part("", {"response": Histogram.of(list(values.items()))}))


def samples(parts: Sequence[Part], metric: str = "response") -> dict[str, int]:
    return {part.name: part.histograms[metric].samples for part in parts}


def two() -> list[Result]:
    return [
        of_document(document(A, lost=7), "a.json"),
        of_document(changed(document(B, seed=2), "schedule.plan", document(A)["schedule"]["plan"]), "b.json"),
    ]


def test_merged_results_have_the_samples_of_all() -> None:
    merged = merge(two())
    everything = with_lost({20 * US: 900, MS: 100, 50 * US: 500, 60 * US: 300, 70 * US: 200}, 7)
    assert merged.whole.histograms["response"].cells() == Histogram.of(list(everything.items())).cells()
    assert samples(merged.streams) == {"control": 1_007, "bulk": 800, "late": 200}
    assert samples(merged.bands) == {"128 … 159": 2_007}
    assert merged.whole.missing == 7
    assert merged.whole.counts is not None and merged.whole.counts["answered"] == 2_000
    assert (merged.runs, merged.duration_ns, merged.sending_ns) == (2, 2_000 * MS, 2_000 * MS)
    assert merged.kind == "result" and merged.document is None
    assert merged.source == "2 results: a.json, b.json"
    assert len(merged.whole.deadlines) == 4
    assert merged.notes == ()


def test_stalls_are_counted_by_core_and_their_times_are_dropped() -> None:
    merged = merge(two())
    assert merged.stalls == Stalls(
        True, 100 * US, (CoreStalls(1, "sender", 4, 1_400 * US, 500 * US, ()),), watched_ns=2_020 * MS
    )
    unwatched = of_document(changed(document(), "stalls.watched", False), "c.json")
    stalls = merge([*two(), unwatched]).stalls
    assert stalls is not None and not stalls.watched


def test_one_result_is_itself_and_none_is_an_error() -> None:
    (one, _) = two()
    assert merge([one]) is one
    with pytest.raises(RttpError, match="nothing to merge"):
        merge([])


def test_different_resolutions_merge_to_the_finest() -> None:
    fine = Result("fine", "histogram", Part("", {"response": Histogram.of([(123_456, 10)], digits=5)}))
    coarse = Result("coarse", "histogram", Part("", {"response": Histogram.of([(20 * US, 10)], digits=2)}))
    for order in ([fine, coarse], [coarse, fine]):
        merged = merge(order).whole.histograms["response"]
        assert (merged.digits, merged.samples) == (5, 20)
        assert merged.max == fine.whole.histograms["response"].max


def test_a_percentile_table_cannot_be_merged_and_both_files_are_named() -> None:
    table = Result("t.hgrm", "percentile table", foreign({5: 5}).whole, exact=False)
    with pytest.raises(RttpError, match=r"`t\.hgrm` and `a\.json` cannot be merged: a percentile table") as refused:
        merge([two()[0], table])
    assert refused.value.slug == "bad-result"


def test_with_a_log_of_another_program_only_what_both_know_is_left() -> None:
    merged = merge([two()[0], foreign({30 * US: 50})])
    assert set(merged.whole.histograms) == {"response"}
    assert merged.whole.histograms["response"].samples == 1_557
    assert merged.whole.counts is None and merged.stalls is None and merged.duration_ns is None
    assert merged.streams == () and merged.bands == (), "they would not add up to the whole"
    assert merged.notes == ("`x.hlog` has latencies alone: of all together loss and rates are not known",)


def test_what_some_runs_did_not_tell_apart_is_not_told_of_all() -> None:
    old = document(B)
    del old["histograms"]["undisturbed"]
    merged = merge([two()[0], of_document(old, "old.json")])
    assert "undisturbed" not in merged.whole.histograms
    assert all("undisturbed" not in stream.histograms for stream in merged.streams)
    assert "undisturbed" in merge(two()).whole.histograms


def test_runs_of_different_things_merge_with_a_note() -> None:
    other = changed(changed(document(B, seed=3), "run.embedded", False), "host.cores", 64)
    notes = merge([two()[0], of_document(other | {"profile": {"name": "hft"}}, "b.json")]).notes
    assert notes == (
        "runs of 2 different profiles",
        "runs of 2 different plans",
        "runs of 2 different targets",
        "runs of 2 different machines",
    )


def test_the_same_run_twice_is_noticed_under_any_name() -> None:
    a = two()[0]
    assert merge([a, a]).notes == ("`a.json` is there twice",)
    assert merge([a, of_document(document(A, lost=7), "copy.json")]).notes == (
        "`copy.json` is the same run as `a.json`",
    )


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.integers(1, 10**10), st.integers(1, 1_000), max_size=5), min_size=2, max_size=5))
def test_any_order_and_any_grouping_give_the_same(given_values: list[dict[int, int]]) -> None:
    results = [of_document(document({"a": values}, seed=i), f"{i}.json") for i, values in enumerate(given_values)]
    at_once, backwards = merge(results), merge(results[::-1])
    grouped = merge([merge(results[:2]), *results[2:]])
    for other in (backwards, grouped):
        for metric, histogram in at_once.whole.histograms.items():
            assert other.whole.histograms[metric].cells() == histogram.cells()
        assert (other.whole.counts, other.runs) == (at_once.whole.counts, at_once.runs)
    assert at_once.whole.counts is not None
    assert at_once.whole.counts["sent"] == sum(sum(values.values()) for values in given_values)


def old(made: dict[str, Any], source: str) -> Result:
    """Of a document written before stalls were told apart."""
    for part in (made, *made["streams"]):
        del part["histograms"]["undisturbed"]
    return of_document(made, source)


def of_digits(digits: int) -> Result:
    response = Histogram.of([(123_456, 10), (98_765_432, 1)], digits=digits)
    return replace(foreign({}, f"{digits}.txt"), whole=Part("", {"response": response}))


ANY = {
    "two streams": two()[0],
    "another plan, target, machine": of_document(
        changed(changed(document(B, seed=3), "run.embedded", False), "host.cores", 64), "other.json"
    ),
    "nothing was answered": of_document(document({"control": {}}, seed=4), "none.json"),
    "old": old(document(A, seed=5), "old.json"),
    "unwatched": of_document(changed(document(B, seed=6), "stalls.watched", False), "unwatched.json"),
    "a log": foreign({30 * US: 50}, "a.hlog"),
    "a log with a note": replace(foreign({30 * US: 50}, "b.hlog"), notes=("values read as ns",)),
    "a fine histogram": of_digits(5),
    "a coarse histogram": of_digits(1),
    "merged before": merge(two()),
}


def as_said(results: Sequence[Result], at_once: int) -> dict[str, Any]:
    """All that is in the sum, of results that come one by one."""

    def plain(value: Any) -> Any:
        return value.cells() if isinstance(value, Histogram) else vars(value) if is_dataclass(value) else str(value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["rttp_cli.report.source.merge"], "AT_ONCE", at_once)
        return dict(json.loads(json.dumps(merge(iter(results)), default=plain)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(ANY)), min_size=1, max_size=7), st.integers(1, 6))
def test_however_many_are_held_at_once_the_sum_is_the_same(names: list[str], at_once: int) -> None:
    results = [ANY[name] for name in names]
    assert as_said(results, at_once) == as_said(results, len(results))


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_table_among_many_is_named_however_many_are_held(
    at: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["rttp_cli.report.source.merge"], "AT_ONCE", at_once)
    results = [foreign({5: 5}, f"{i}.hlog") for i in range(5)]
    results[at] = replace(results[at], source="t.hgrm", exact=False)
    with pytest.raises(RttpError, match=rf"`t\.hgrm` and `{0 if at else 1}\.hlog` cannot be merged"):
        merge(iter(results))


def test_no_more_than_a_batch_is_held() -> None:
    alive: weakref.WeakSet[Result] = weakref.WeakSet()

    def made() -> Iterator[Result]:
        for i in range(4 * AT_ONCE):
            result = foreign({i + 1: 1}, f"{i}.hlog")
            alive.add(result)
            yield result
            del result
            assert len(alive) <= 2 * AT_ONCE

    assert merge(made()).runs == 4 * AT_ONCE


def test_merged_results_keep_the_pieces_of_all_and_have_no_time_line() -> None:
    apart = of_document(with_intervals(document(A, lost=7), [({20 * US: 900}, 7), ({MS: 100, 50 * US: 500}, 0)]), "a")
    merged = merge([apart, *two()])
    assert not merged.timeline
    assert [(piece.response.samples, piece.lost) for piece in merged.intervals] == [
        (900, 7), (600, 0), (1_500, 7), (500, 0),
    ], "one without intervals is a piece by itself, without what it lost"  # fmt: skip
    whole = merged.intervals[2].response
    assert (
        whole.max is not None and whole.max < TIMEOUT_NS and whole.cells()[0] == apart.intervals[0].response.cells()[0]
    )
    assert merge([merged, two()[0]]).intervals[:4] == merged.intervals


def test_what_stalls_touched_is_told_of_runs_without_intervals() -> None:
    touched = changed(
        document(A, lost=7), "histograms.undisturbed", encoded(with_lost({20 * US: 900, 50 * US: 500}, 7))
    )
    (piece, _) = merge([of_document(touched, "a"), two()[1]]).intervals
    assert piece.stalled is not None and piece.stalled.samples == 100
    edited = changed(touched, "histograms.undisturbed", encoded(with_lost({70 * US: 900}, 7)))
    assert merge([of_document(edited, "a"), two()[1]]).intervals[0].stalled is None


def test_runs_one_way_give_no_piece() -> None:
    nothing = of_document(document({"control": {}}), "none.json")
    assert merge([nothing, nothing]).intervals == ()


def test_tags_of_one_time_are_one_piece(tmp_path: Path) -> None:
    (tmp_path / "run.hlog").write_text(
        "".join(f"Tag={tag},{at},1.0,1.0,{encoded({at * MS + MS: 10})}\n" for at in range(4) for tag in ("a", "b")),
        encoding="ascii",
    )
    (log,) = load(tmp_path / "run.hlog")
    merged = merge([log, log])
    assert [(piece.response.samples, piece.length_ns, piece.stream) for piece in merged.intervals] == [
        (20, 1_000 * MS, "")
    ] * 8


def test_of_too_many_pieces_neighbours_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST", 4)
    one = [
        Interval(i, 1, 1, i, Histogram.of([(i + 1, 1)]), Histogram.of([(1, 1)]) if i == 8 else None) for i in range(9)
    ]
    found = pieces.fewer(one)
    assert [(piece.from_ns, piece.length_ns, piece.sent, piece.lost) for piece in found] == [
        (0, 4, 4, 6), (4, 4, 4, 22), (8, 1, 1, 8),
    ]  # fmt: skip
    assert [piece.response.samples for piece in found] == [4, 4, 1]
    assert found[2].stalled is not None


def test_streams_are_cut_out_with_all_that_is_theirs() -> None:
    result = cut(two()[0], Slice(streams=("control",)))
    assert samples([result.whole]) == {"": 1_007} == {"": samples(result.streams)["control"]}
    assert result.whole.missing == 7 and result.whole.histograms["undisturbed"].samples == 1_007
    assert result.whole.counts is not None and result.whole.counts["sent"] == 1_007
    assert not result.bands and not result.intervals and result.document is None
    assert result.source == "a.json"
    assert result.notes == ("of stream control alone",)
    both = cut(two()[0], Slice(streams=("bulk", "control")))
    assert both.whole.histograms["response"].samples == 1_507


def test_an_unknown_stream_is_answered_with_what_is_near() -> None:
    for name, hint in (("contrl", "did you mean `control`?"), ("zzz", "its streams are control, bulk")):
        with pytest.raises(RttpError, match=f"a.json: no stream `{name}`") as refused:
            cut(two()[0], Slice(streams=(name,)))
        assert (refused.value.slug, refused.value.hint) == ("unknown-name", hint)
    with pytest.raises(RttpError) as refused:
        cut(foreign({5: 5}), Slice(streams=("a",)))
    assert refused.value.hint == "it tells no streams apart"


def test_priorities_are_cut_by_whole_bands() -> None:
    result = cut(two()[0], Slice(priorities=(128, 255)))
    assert samples([result.whole]) == {"": 1_507} and result.streams == ()
    assert result.whole.counts == {"sent": 1_507, "answered": 1_500, "missing": 7}
    for low, high in ((130, 255), (0, 140), (0, 127)):
        with pytest.raises(RttpError, match="is not made of its bands, which are 128 … 159") as refused:
            cut(two()[0], Slice(priorities=(low, high)))
        assert refused.value.slug == "bad-option"
    with pytest.raises(RttpError, match="it does not tell priorities apart"):
        cut(foreign({5: 5}), Slice(priorities=(0, 255)))


PIECES = with_intervals(document(A, lost=7), [({20 * US: 300}, 3), ({20 * US: 600, MS: 100, 50 * US: 500}, 4)])


def test_a_stream_or_a_priority_keeps_the_pieces_of_all_and_has_no_time_line() -> None:
    result = of_document(PIECES, "a.json")
    for wanted in (Slice(streams=("control",)), Slice(priorities=(128, 159))):
        found = cut(result, wanted)
        assert found.intervals == result.intervals and not found.timeline
        with pytest.raises(RttpError, match="it has no intervals"):
            cut(found, Slice(from_ns=0))


def test_time_is_cut_by_whole_intervals_and_lost_pulses_stay_behind_every_answer() -> None:
    stalled = changed(PIECES, "intervals.1.stalled", encoded({MS: 60}))
    result = cut(of_document(stalled, "a.json"), Slice(from_ns=50 * MS))
    assert result.notes == ("of 100 ms … 200 ms alone, by whole intervals",)
    assert (result.duration_ns, len(result.intervals)) == (100 * MS, 1)
    response, undisturbed = result.whole.histograms["response"], result.whole.histograms["undisturbed"]
    assert (response.samples, undisturbed.samples, result.whole.missing) == (1_204, 1_144, 4)
    assert response.max is not None and response.max >= TIMEOUT_NS
    assert result.whole.counts == {"sent": 1_204, "answered": 1_200, "lost": 4}
    assert result.stalls is not None and result.stalls.count == 0


def test_stalls_are_cut_with_the_time() -> None:
    result = cut(of_document(PIECES, "a.json"), Slice(to_ns=150 * MS))
    assert result.whole.histograms["response"].samples == 303
    assert result.stalls is not None and result.stalls.count == 0, "one was before, one after"


def test_a_time_without_a_whole_interval_says_where_they_are() -> None:
    with pytest.raises(RttpError, match="no whole interval lies there; they are 0 ns … 200 ms, at most 100 ms long"):
        cut(of_document(PIECES, "a.json"), Slice(from_ns=120 * MS, to_ns=190 * MS))
    with pytest.raises(RttpError, match="it has no intervals"):
        cut(two()[0], Slice(from_ns=0))
    with pytest.raises(RttpError, match="its intervals have all streams together"):
        cut(of_document(PIECES, "a.json"), Slice(streams=("bulk",), from_ns=0))


def test_a_log_is_cut_by_stream_and_time_at_once(tmp_path: Path) -> None:
    (tmp_path / "run.hlog").write_text(
        "".join(f"Tag={tag},{at},1.0,1.0,{encoded({at * MS + MS: 10})}\n" for at in range(4) for tag in ("a", "b")),
        encoding="ascii",
    )
    (log,) = load(tmp_path / "run.hlog")
    result = cut(log, Slice(streams=("a",), from_ns=1_000 * MS, to_ns=3_000 * MS))
    assert (result.whole.histograms["response"].samples, samples(result.streams)) == (20, {"a": 20})
    assert result.whole.counts is None


def test_bands_are_asked_for_alone() -> None:
    with pytest.raises(RttpError, match="ask for them alone"):
        cut(two()[0], Slice(streams=("bulk",), priorities=(0, 255)))
