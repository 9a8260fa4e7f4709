"""The numbers behind a comparison, against figures worked out by hand and against brute force."""

import math
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.report.effect import (
    MOST_RUNS,
    _expanded,
    more_lost,
    over_runs,
    runs_needed,
    slower_probability,
)

FIVE = [0.10, 0.12, 0.08, 0.11, 0.09]
TWELVE = [0.1 + 0.01 * math.sin(i) for i in range(12)]
CELLS = st.dictionaries(st.integers(0, 30), st.integers(1, 5), max_size=8).map(lambda d: sorted(d.items()))


def test_few_pairs_have_students_interval() -> None:
    effect = over_runs([0.0] * 5, FIVE, paired=True, confidence=0.99, seed=1)
    # t of 0.99 with four degrees of freedom, from any table.
    reach = 3.7469 * stdev(FIVE) / math.sqrt(5)
    assert effect.method == "student"
    assert effect.centre == pytest.approx(0.1)
    assert (effect.lower, effect.upper) == pytest.approx((0.1 - reach, 0.1 + reach), rel=1e-4)


def test_two_sets_have_welchs_interval() -> None:
    base, new = [0.0, 0.02, -0.02], FIVE
    effect = over_runs(base, new, paired=False, confidence=0.975, seed=1)
    error = math.sqrt(stdev(base) ** 2 / 3 + stdev(new) ** 2 / 5)
    # Welch and Satterthwaite give 3.53 degrees of freedom; t of 0.975 is 3.18 at 3 and 2.78 at 4 of them.
    assert effect.method == "student"
    assert (effect.upper - effect.centre) / error == pytest.approx(2.927, abs=0.001)


def test_runs_that_do_not_differ_have_an_interval_of_no_width() -> None:
    for paired in (True, False):
        effect = over_runs([0.0] * 4, [0.5] * 4, paired=paired, confidence=0.99, seed=1)
        assert (effect.lower, effect.centre, effect.upper) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("paired", [True, False])
def test_many_runs_are_resampled_and_the_seed_decides(paired: bool) -> None:
    base = [0.01 * math.cos(i) for i in range(12)]
    first, again, other = (over_runs(base, TWELVE, paired=paired, confidence=0.95, seed=seed) for seed in (1, 1, 2))
    assert first.method == "bootstrap"
    assert first == again
    assert (first.lower, first.upper) == pytest.approx((other.lower, other.upper), abs=1e-3)
    assert first.lower < first.centre < first.upper
    assert first.centre == pytest.approx(fmean(TWELVE) - fmean(base))


def test_the_bootstrap_is_as_wide_as_students_interval_for_tame_runs() -> None:
    effect = over_runs([0.0] * 12, TWELVE, paired=True, confidence=0.975, seed=1)
    reach = 2.201 * stdev(TWELVE) / math.sqrt(12)
    assert effect.method == "bootstrap"
    assert effect.upper - effect.lower == pytest.approx(2 * reach, rel=0.06)


def test_fewer_runs_are_expanded_more() -> None:
    assert 0 < _expanded(0.025, 5) < _expanded(0.025, 10) < _expanded(0.025, 100) < 0.025
    # t of 0.975 is 2.776 at 4 and 2.093 at 19 degrees of freedom; times the root of 5/4 and of 20/19, then Φ.
    assert _expanded(0.025, 5) == pytest.approx(0.0010, abs=1e-4)
    assert _expanded(0.025, 20) == pytest.approx(0.0159, abs=1e-4)


def test_more_runs_are_needed_for_less() -> None:
    needed = [runs_needed(distance, 0.1, 0.99) for distance in (0.5, 0.1, 0.05, 0.02)]
    assert needed == sorted(needed)
    assert runs_needed(0.0, 0.1, 0.99) == MOST_RUNS


@given(base=CELLS, new=CELLS)
def test_the_probability_of_slower_is_that_of_all_pairs(
    base: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    pairs = [(b, n) for b, many in base for n, more in new for _ in range(many * more)]
    expected = fmean((n > b) + (n == b) / 2 for b, n in pairs) if pairs else None
    assert slower_probability(base, new) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("base", "new", "chance"),
    [
        ((0, 1000), (0, 1000), 1.0),
        ((0, 1000), (1, 1000), 0.5),
        ((0, 1000), (10, 1000), 2**-10),
        ((5, 1000), (5, 1000), 1.0),
        ((0, 3000), (2, 1000), 1 / 16),
        ((0, 0), (3, 1000), 1.0),
    ],
)
def test_losses_fall_on_a_side_as_its_pulses_do(base: tuple[int, int], new: tuple[int, int], chance: float) -> None:
    assert more_lost(base, new) == pytest.approx(chance)


def test_a_million_losses_are_summed_in_no_time() -> None:
    assert more_lost((1_000_000, 10**9), (1_010_000, 10**9)) == pytest.approx(0, abs=1e-10)
    assert 0 < more_lost((1_000_000, 10**9), (1_001_000, 10**9)) < 0.5


def test_terms_are_bounded_however_many_are_lost() -> None:
    assert more_lost((10**9, 10**12), (10**9, 10)) == 0.0, "every term is 0, and none of a milliard is looked at"
    # Of a million million losses half are of new, and half a standard deviation more.
    assert more_lost((5 * 10**11, 10**13), (5 * 10**11 + 500_000, 10**13)) == pytest.approx(0.3085, abs=1e-4)
    assert 0 <= more_lost((10, 1 << 62), (1 << 60, 1 << 61)) <= 1


def test_the_normal_law_takes_over_without_a_step() -> None:
    just_below, just_above = (more_lost((n, 10**9), (n + 1_400, 10**9)) for n in (1_999_000, 2_001_000))
    assert just_below == pytest.approx(just_above, rel=1e-2)
