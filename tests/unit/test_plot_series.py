"""What plots show, before anything is drawn: every point is a sample of its rank, and nothing is made up beyond."""

import math
from dataclasses import replace

import plot_samples as samples
import pytest

from rttp_cli.report.dispersion import distribution_of
from rttp_cli.report.plot import series
from rttp_cli.report.result import Interval, Part
from rttp_cli.report.result import Result as AnyResult


def curve_of(result: AnyResult, **options: bool) -> series.Curve:
    found = series.curve(result, result.whole, "response", "all", **options)
    assert found is not None
    return found


def test_every_point_of_a_curve_is_the_sample_of_its_rank() -> None:
    result = samples.result(lost=0)
    histogram = result.whole.histograms["response"]
    for x, ns in curve_of(result).points[:-1]:
        rank = min(max(math.ceil(1000 * (1 - 10**-x) - 1e-6), 1), 1000)
        assert ns == histogram.at_rank(rank)


def test_a_curve_without_loss_ends_at_the_greatest_sample() -> None:
    result = samples.result(lost=0)
    assert curve_of(result).points[-1] == (pytest.approx(3.0), result.whole.histograms["response"].max)


def test_a_curve_with_loss_ends_where_all_beyond_is_lost_and_never_shows_the_timeout() -> None:
    result = samples.result(lost=10)
    found = curve_of(result)
    assert found.points[-1][0] == pytest.approx(math.log10(1010 / 10))
    assert max(ns for _, ns in found.points) == result.whole.histograms["response"].at_rank(1000) < samples.TIMEOUT_NS


def test_a_curve_rises_and_is_thin_where_no_interval_has_an_upper_end() -> None:
    found = curve_of(samples.result(lost=0))
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(found.points, found.points[1:], strict=False))
    assert 1.0 < found.firm < 3.0, "1,000 samples bound P90 and not the last of them"


def test_a_curve_is_firm_as_far_as_the_table_says() -> None:
    pieces = tuple(replace(piece, from_ns=i * samples.PIECE_NS) for i in range(2) for piece in samples.intervals(6))
    for result in (samples.result(lost=0), samples.result(lost=0, intervals=pieces)):
        found = curve_of(result)
        q = 1 - 10**-found.firm
        (below, above) = distribution_of(
            result, result.whole, "response", (q - (1 - q) / 10, q + (1 - q) / 10)
        ).percentiles
        assert (below.state, above.state) == ("ok", "few")


def test_a_band_lies_on_both_sides_of_its_curve_and_nowhere_below_a_lost_pulse() -> None:
    result = samples.result(lost=10)
    band = curve_of(result, band=True).band
    assert band
    slowest = result.whole.histograms["response"].at_rank(1000)
    assert all(lower <= (slowest if upper is None else upper) <= slowest for _, lower, upper in band)


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_hardly_any_answers_make_a_short_curve_or_none(answers: int) -> None:
    one = samples.part(answers=answers, lost=3)
    found = series.curve(samples.result(), one, "response", "all")
    assert (found is None) == (answers == 0)


def test_no_curve_of_what_was_not_measured() -> None:
    assert series.curve(samples.result(), Part("x", {}), "response", "x") is None


def test_limits_are_those_of_gates_on_all_pulses() -> None:
    assert [(limit.decades, limit.value_ns) for limit in series.limits(samples.result())] == [
        (pytest.approx(2.0), 500_000)
    ]


def test_without_gates_the_limit_asked_for_is_shown() -> None:
    told = samples.document() | {"gates": [], "verdict": {"q": 0.999, "limit_ns": 300_000}}
    (limit,) = series.limits(samples.result(document=told))
    assert (limit.decades, limit.text) == (pytest.approx(3.0), "P99.9 ≤ 300 µs")


def test_shares_of_a_column_add_up_to_one() -> None:
    found = series.timeline(samples.result())
    assert found is not None
    assert [sum(column.shares) for column in found.columns] == [pytest.approx(1.0)] * 4


def test_a_column_tells_rates_and_losses_of_its_time() -> None:
    found = series.timeline(samples.result())
    assert found is not None
    assert [(c.from_s, c.to_s, c.rate_pps, c.lost_pps) for c in found.columns[:2]] == [
        (0.0, 0.5, 502.0, 2.0),
        (0.5, 1.0, 502.0, 2.0),
    ]
    assert (found.sent_known, found.offered_pps) == (True, 510.0)


def test_many_intervals_become_columns_that_lose_no_sample() -> None:
    found = series.timeline(samples.result(intervals=samples.intervals(5000, lost=0)))
    assert found is not None
    assert len(found.columns) <= series.COLUMNS + 1
    sent = sum(column.rate_pps * (column.to_s - column.from_s) for column in found.columns)
    assert sent == pytest.approx(5000 * 250)


def test_tags_of_a_log_share_their_columns() -> None:
    two = [replace(interval, stream=tag, sent=None) for interval in samples.intervals() for tag in ("a", "b")]
    found = series.timeline(samples.result(intervals=tuple(two)))
    assert found is not None
    assert (len(found.columns), found.sent_known) == (4, False)
    assert found.columns[0].rate_pps == 1000.0


def test_a_p99_of_few_samples_is_not_shown() -> None:
    few = Interval(0, 10**9, 50, 0, samples.histogram(50))
    found = series.timeline(samples.result(intervals=(few,)))
    assert found is not None
    assert found.columns[0].p99_ns is None
    assert found.columns[0].p50_ns is not None


@pytest.mark.parametrize(("from_ns", "length_ns"), [(0, 0), (-(1 << 63), 1), (1 << 63, 1 << 63)])
def test_odd_times_of_intervals_are_survived(from_ns: int, length_ns: int) -> None:
    odd = Interval(from_ns, length_ns, 1, 0, samples.histogram(1))
    series.timeline(samples.result(intervals=(odd, *samples.intervals())))


def test_joined_cells_cover_what_single_cells_would_and_leave_pauses_open() -> None:
    a, b = samples.intervals(2)
    found = series.timeline(samples.result(intervals=(a, replace(b, from_ns=5 * samples.PIECE_NS))))
    assert found is not None
    filled = sum(share > 0 for column in found.columns for share in column.shares)
    runs = [run for of_colour in series.runs_of_cells(found).values() for run in of_colour]
    assert sum(behind - first for _, first, behind in runs) == filled
    assert all(behind - first == 1 for _, first, behind in runs)


def test_stalls_of_the_warm_up_are_counted_and_not_drawn() -> None:
    stalled, calm = series.core_lines(samples.result())
    assert (stalled.label, stalled.count, stalled.stems) == ("core 0, sender", 2, ((0.7, 4_200_000),))
    assert (calm.count, calm.stems) == (0, ())


def test_what_is_left_out_is_said() -> None:
    bare = samples.result(intervals=(), stalls=None)
    assert series.left_out(bare) == [
        "No plot over time: the file has no intervals.",
        "No stalls: the file does not say whether cores stalled.",
    ]
    assert series.left_out(samples.result()) == []
    assert series.left_out(samples.result(stalls=samples.stalls(watched=False))) == [
        "No stalls: nobody could watch the cores."
    ]


def test_pieces_that_are_no_time_line_are_not_drawn_over_time() -> None:
    one, many = samples.result(timeline=False), samples.result(timeline=False, runs=2)
    assert series.timeline(one) is None and series.timeline(many) is None
    assert series.left_out(one) == ["No plot over time: intervals have all streams and priorities together."]
    assert series.left_out(many) == ["No plot over time: runs that were merged share no time."]
    assert series.cell_edges([one]) == series.cell_edges([])
