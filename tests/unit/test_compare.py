"""What `compare` decides, on runs whose times are known."""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from compare_samples import DOCUMENT, apart, run, runs

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.compare import Comparison, Rules
from rttp_cli.report.compare import compare as compared
from rttp_cli.report.compare_text import markdown, render
from rttp_cli.report.result import Part, Result

QUIET = (1.00, 1.01, 0.99, 1.005, 0.995)
NOISY = (1.0, 1.3, 0.8, 1.2, 0.7)


def compare(base: Sequence[Result], new: Sequence[Result], *others: Any, **more: Any) -> Comparison:
    """Of runs that are different ones on both sides."""
    return compared(base, apart(new, "new/", 1_000), *others, **more)


def times(factor: float, others: tuple[float, ...] = QUIET) -> list[float]:
    return [factor * other for other in others]


def row(comparison: Comparison, q: float = 0.99) -> Any:
    return next(r for r in comparison.rows if r.q == q)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with one value changed."""
    document = copy.deepcopy(DOCUMENT)
    *folders, last = path.split(".")
    inner = document
    for key in folders:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    inner[last] = value
    return document


@pytest.mark.parametrize("paired", [True, False])
def test_a_fifth_slower_fails_and_says_how_much(paired: bool) -> None:
    comparison = compare(runs(QUIET), runs(times(1.2)), paired=paired)
    assert comparison.state == "fail"
    assert comparison.reasons[0].startswith("P99 slower by 20 % (")
    assert row(comparison).ratio == pytest.approx(1.2, rel=2e-3)
    assert row(comparison).lower < 1.2 < row(comparison).upper
    assert row(comparison).difference_ns == pytest.approx(198_000, rel=0.01)
    assert row(comparison).shift > 10


def test_the_same_passes() -> None:
    comparison = compare(runs(QUIET), runs(times(1.0, QUIET[::-1])))
    assert (comparison.state, len(comparison.reasons)) == ("pass", 1)
    assert "within 10 %" in comparison.reasons[0]
    assert comparison.slower == pytest.approx(0.5, abs=0.01)


def test_faster_passes_and_is_told() -> None:
    comparison = compare(runs(QUIET), runs(times(0.8)))
    assert comparison.state == "pass"
    assert comparison.reasons[0].startswith("P99 faster by 20 % (")


def test_what_lies_on_both_sides_of_the_tolerance_says_how_many_runs_would_tell() -> None:
    comparison = compare(runs(NOISY), runs(times(1.15, NOISY[::-1])))
    assert comparison.state == "inconclusive"
    needed = row(comparison).runs_needed
    assert needed > 5
    assert f"about {needed:,} runs a side" in comparison.reasons[0]


def test_drift_that_both_sides_meet_cancels_in_pairs() -> None:
    drift = [1.0, 1.5, 2.0, 2.5, 3.0]
    base, new = runs(drift), runs([a * b for a, b in zip(drift, times(1.2), strict=True)])
    assert compare(base, new, paired=True).state == "fail"
    assert compare(base, new).state == "inconclusive"


def test_one_run_a_side_decides_only_what_is_beyond_the_drift() -> None:
    little = compare([run()], [run(1.2)])
    assert little.state == "inconclusive"
    assert "--repeat" in little.reasons[0]
    assert row(little).method == "order statistics"
    assert compare([run()], [run(3.0)]).state == "fail"
    assert compare([run()], [run(0.3)]).state == "pass"
    assert compare([run(samples=100_000)], [run(1.2, samples=100_000)], Rules(drift=0.0)).state == "fail"


def test_too_few_samples_are_no_evidence() -> None:
    comparison = compare(runs(QUIET, samples=100), runs(times(2.0), samples=100))
    assert comparison.state == "inconclusive"
    assert comparison.reasons == ("P99 has too few samples in `run-0.json`: run longer",)
    assert row(comparison).ratio is None
    assert row(comparison, 0.5).ratio == pytest.approx(2.0, rel=0.01)


def test_more_loss_than_lies_beyond_a_percentile_leaves_it_open_and_fails_by_loss() -> None:
    comparison = compare(runs(QUIET), runs(QUIET, lost=50))
    assert comparison.state == "fail"
    assert "P99 is unbounded in `new/run-0.json`: 4.76 % lost" in comparison.reasons
    assert comparison.loss.state == "fail"
    assert comparison.loss.new == pytest.approx(50 / 1050)


def test_loss_in_one_run_of_five_is_no_loss_of_all() -> None:
    new = [*runs(QUIET[:4]), run(lost=8)]
    comparison = compare(runs(QUIET), new)
    assert (comparison.loss.state, comparison.state) == ("inconclusive", "inconclusive")
    assert "not in all runs alike" in comparison.reasons[-1]


def test_loss_of_one_run_or_two_a_side_may_be_one_burst() -> None:
    little = compare([run()], [run(lost=9)])
    assert (little.loss.state, little.state) == ("inconclusive", "inconclusive")
    assert "may have met one burst; --repeat 20 can tell" in little.reasons[-1]
    assert compare([run()], [run(lost=200)]).loss.state == "fail"
    assert compare([run(lost=40)], [run(lost=200)]).loss.state == "inconclusive", "not ten times as much"
    assert compare([run()], [run(lost=200)], Rules(loss_tolerance=0.05)).loss.state == "inconclusive"


def test_loss_that_chance_explains_beside_what_is_tolerated_passes() -> None:
    # 10 of 1,000 are tolerated of each: of 25 too many, chance alone has 13 and more far too often.
    new = runs(QUIET, lost=13)
    assert compare(runs(QUIET), new, Rules(loss_tolerance=0.01)).loss.state == "pass"
    assert compare(runs(QUIET), new).loss.state == "fail"
    assert compare(runs(QUIET), runs(QUIET, lost=40), Rules(loss_tolerance=0.01)).loss.state == "fail"


def test_loss_that_nobody_counted_decides_nothing() -> None:
    uncounted = [replace(one, whole=replace(one.whole, counts=None)) for one in runs(QUIET)]
    comparison = compare(runs(QUIET, lost=9), uncounted)
    loss = comparison.loss
    assert (loss.base, loss.new, loss.chance, loss.state) == (None, None, None, None)
    assert loss.reason == "loss is not known: `new/run-0.json` has latencies alone"
    assert (comparison.state, comparison.base.lost, comparison.new.lost) == ("pass", 45, None)
    assert len(comparison.reasons) == 1
    assert "loss       not known: `new/run-0.json` has latencies alone" in render(comparison)
    assert json.loads(json.dumps(comparison.document(), allow_nan=False))["loss"]["state"] is None


def test_loss_of_pulses_that_asked_for_no_answer_is_not_known() -> None:
    def one_way(one: Result) -> Result:
        part = Part("", {"pacing": one.whole.histograms["response"]}, 0, {"sent": 1000, "one_way": 1000})
        return replace(one, whole=part)

    silent = [one_way(one) for one in runs(QUIET)]
    assert (
        compare(silent, silent, Rules(metric="pacing")).loss.reason == "loss is not known: no pulse asked for an answer"
    )


def test_tolerated_loss_and_loss_by_chance_pass() -> None:
    assert compare(runs(QUIET), runs(QUIET, lost=5), Rules(loss_tolerance=0.01)).loss.state == "pass"
    assert compare(runs(QUIET), [*runs(QUIET[:4]), run(lost=1)]).loss.state == "pass"
    assert compare(runs(QUIET, lost=5), runs(QUIET)).loss.state == "pass"


def test_undisturbed_decides_only_where_every_run_has_it() -> None:
    base, new = runs(QUIET, undisturbed=1.0), runs(times(2.0), undisturbed=0.5)
    comparison = compare(base, new)
    assert (comparison.metric, comparison.state) == ("undisturbed", "pass")
    assert row(comparison).response_new_ns / row(comparison).response_base_ns == pytest.approx(2.0, rel=0.01)
    mixed = compare([*base[:4], run()], new)
    assert (mixed.metric, mixed.state) == ("response", "fail")
    assert compare(base, new, Rules(metric="response")).state == "fail"


def test_a_metric_that_a_run_lacks_is_refused() -> None:
    with pytest.raises(RttpError, match=r"`run-0\.json` has no samples of `wakeup`"):
        compare(runs(QUIET), runs(QUIET), Rules(metric="wakeup"))


def test_one_stream_is_compared_alone_and_another_is_asked_for_back() -> None:
    assert compare(runs(QUIET), runs(times(1.2)), Rules(stream="pulses")).state == "fail"
    with pytest.raises(RttpError) as refused:
        compare(runs(QUIET), runs(QUIET), Rules(stream="pluses"))
    assert (refused.value.slug, refused.value.hint) == ("unknown-name", "did you mean `pulses`?")


def test_several_quantiles_share_the_confidence() -> None:
    alone = compare(runs(QUIET), runs(times(1.2)), Rules(at=(0.99,)))
    both = compare(runs(QUIET), runs(times(1.2)), Rules(at=(0.5, 0.99)))
    assert (alone.rules.each, both.rules.each) == pytest.approx((0.955, 0.9775))
    assert alone.rules.each_loss == pytest.approx(0.995), "all errors together are 5 %"
    assert row(both).lower < row(alone).lower
    assert [r.q for r in both.rows if r.state is not None] == [0.5, 0.99]


def test_a_quantile_that_is_asked_for_is_shown_beside_the_usual_ones() -> None:
    comparison = compare(runs(QUIET), runs(QUIET), Rules(at=(0.95,)))
    assert [r.name for r in comparison.rows] == ["P50", "P90", "P95", "P99", "P99.9", "P99.99"]


def test_a_sender_that_could_not_keep_up_decides_nothing() -> None:
    comparison = compare(runs(QUIET), runs(times(2.0), unsent=500))
    assert comparison.state == "inconclusive"
    assert "5 of 5 new runs sent less than 99 %" in comparison.reasons[-1]


def test_a_sender_that_sent_nothing_decides_nothing() -> None:
    part = replace(run(unsent=500).whole, counts={"sent": 0, "one_way": 0, "unsent": 500, "dropped": 0})
    comparison = compare([run()], [replace(run(), whole=part)])
    assert comparison.state == "inconclusive"
    assert "1 of 1 new runs sent less than 99 %" in comparison.reasons[-1]


def test_a_run_that_is_twice_on_a_side_is_refused() -> None:
    first, copy_ = runs((1.0,), document=DOCUMENT)[0], runs((1.0,), document=DOCUMENT)[0]
    renamed = replace(copy_, source="copy.json")
    others = runs(QUIET)
    for twice, said in (
        ((first, renamed), "`copy.json` is the same run as `run-0.json`"),
        ((first, first), "there twice"),
    ):
        for sides in ((twice, others), (others, twice)):
            with pytest.raises(RttpError, match=said) as refused:
                compared(*sides)
            assert refused.value.slug == "bad-result"


def test_a_run_against_itself_says_nothing() -> None:
    one, *others = runs(QUIET, document=DOCUMENT)
    itself = compared([one, *others], [one, *others])
    assert itself.state == "inconclusive"
    assert itself.reasons[-1] == "`run-0.json` and 4 more is on both sides: a run says nothing against itself"
    copied = compared([one, *others], [*runs(times(9.0)), replace(one, source="copy.json")])
    assert copied.state == "inconclusive", "nor that it is slower"
    assert "`copy.json`, the same as `run-0.json`" in copied.reasons[-1]


def test_stopped_runs_and_debug_builds_are_noted() -> None:
    base = runs(QUIET, document=DOCUMENT | {"interrupted": True})
    new = runs(QUIET[:1], document=DOCUMENT | {"rttp": {"profile": "debug"}})
    notes = compare(base, new).notes
    assert "run-0.json and 4 more: the run was stopped before its time" in notes
    assert "new/run-0.json: measured by a debug build: its figures mean nothing" in notes


def test_what_the_caller_knows_is_noted() -> None:
    assert compare(runs(QUIET), runs(QUIET), notes=("said",)).notes[0] == "said"


@pytest.mark.parametrize("paired", [True, False])
def test_runs_that_differ_beyond_all_measure_leave_the_upper_end_open(paired: bool) -> None:
    comparison = compare(runs((1e-3, 1.0, 1e6)), runs((1e6, 1e-3, 1.0)), paired=paired)
    assert (comparison.state, row(comparison).upper) == ("inconclusive", None)
    assert "open)" in comparison.reasons[0]
    assert all(len(line) <= 80 for line in render(comparison).splitlines())
    json.dumps(comparison.document(), allow_nan=False)


@pytest.mark.parametrize("many", [1, 3])
def test_times_of_nothing_are_compared_all_the_same(many: int) -> None:
    def never_late(one: Result) -> Result:
        return replace(one, whole=replace(one.whole, histograms={"lateness": Histogram.of([(0, 1000)])}))

    punctual = [never_late(one) for one in runs(QUIET[:many])]
    comparison = compare(punctual, punctual, Rules(metric="lateness", drift=0.0))
    assert (comparison.state, row(comparison).ratio) == ("pass", 1.0)
    json.dumps(comparison.document(), allow_nan=False)


def test_more_samples_than_can_be_counted_are_refused() -> None:
    def many(one: Result) -> Result:
        return replace(one, whole=replace(one.whole, histograms={"response": Histogram.of([(1000, (1 << 62) + 1)])}))

    with pytest.raises(RttpError, match="cannot be added up"):
        compare([many(one) for one in runs(QUIET)], runs(QUIET))


def test_what_a_file_names_brings_no_terminal_controls() -> None:
    other = changed("host.cpu", "\x1b[2J evil")
    other["schedule"]["plan"]["\x1b[31m"] = 1
    notes = compare(runs(QUIET, document=DOCUMENT), runs(QUIET, document=other), force=True).notes
    assert all(note.isprintable() for note in notes)
    assert any("\\x1b[2J evil" in note for note in notes)


def test_other_traffic_is_refused_unless_forced() -> None:
    other = changed("schedule.plan.streams.0.arrival", {"rate": 20000.0})
    base, new = runs(QUIET, document=DOCUMENT), runs(QUIET, document=other)
    with pytest.raises(RttpError, match=r"not the same traffic: pulses\.arrival\.rate 10000 against 20000"):
        compare(base, new)
    forced = compare(base, new, force=True)
    assert forced.notes[0].startswith("not the same traffic: pulses.arrival.rate")


def test_another_length_and_another_seed_are_the_same_traffic() -> None:
    other = changed("schedule.plan.seed", 7)
    other["schedule"]["plan"]["duration_ns"] = 5
    assert not compare(runs(QUIET, document=DOCUMENT), runs(QUIET, document=other)).notes


def test_another_machine_and_another_day_are_noted() -> None:
    other = changed("host.cpu", "Another")
    other["started_unix_ns"] += 3 * 86_400 * 10**9
    notes = compare(runs(QUIET, document=DOCUMENT), runs(QUIET, document=other)).notes
    assert notes[0] == "not the same kind of machine: processor `A processor` against `Another`"
    assert notes[1].startswith("measured 3 days apart")


def test_files_that_do_not_say_what_was_sent_are_compared_with_a_note() -> None:
    (note,) = compare(runs(QUIET), runs(QUIET)).notes
    assert "whether it was the same traffic is not known" in note


def test_no_run_is_no_comparison() -> None:
    with pytest.raises(RttpError, match="no run on the new side"):
        compare(runs(QUIET), [])


@pytest.mark.parametrize(
    ("base", "new"),
    [
        (runs(QUIET, undisturbed=1.0), runs(times(1.2), undisturbed=1.0)),
        (runs(QUIET, samples=100), runs(QUIET, lost=500)),
        ([run(samples=3)], [run(samples=3, source="a/very/long/path/" * 20)]),
        (runs(NOISY), runs(times(1e4, NOISY))),
    ],
)
def test_every_form_of_output_holds_for_every_outcome(base: Any, new: Any) -> None:
    comparison = compare(base, new)
    assert all(len(line) <= 80 for line in render(comparison).splitlines())
    assert f"verdict    {comparison.state}: " in render(comparison)
    assert "\x1b[" in render(comparison, colour=True) and "\x1b[" not in render(comparison)
    table = [line for line in markdown(comparison).splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(comparison.rows)
    assert all(line.count("|") == 6 for line in table)
    document = json.loads(json.dumps(comparison.document(), allow_nan=False))
    assert document["schema"] == "rttp.compare/1"
    assert [r["name"] for r in document["rows"]] == [r.name for r in comparison.rows]


def test_every_key_of_the_document_is_documented_and_no_other() -> None:
    doc = (Path(__file__).parents[2] / "docs" / "COMPARE.md").read_text(encoding="utf-8")
    section = doc.partition("## The document of a comparison")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    found = compare(runs(QUIET), runs(QUIET)).document()
    keys = set(found)
    for name in ("base", "loss"):
        keys |= {f"{name}.{key}" for key in found[name]}
    keys |= {f"rows[].{key}" for key in found["rows"][0]}
    assert keys == documented
    assert set(found["new"]) == set(found["base"])
    assert all(f"`{key}`" in section for key in found["rules"])
