"""Neighbouring samples that are alike: how much they widen an interval (`report.dispersion`)."""

import random
from dataclasses import replace

import pytest

from rttp_cli._core import Histogram
from rttp_cli.report.dispersion import FEWEST, distribution_of, inflation
from rttp_cli.report.result import Interval, Part, Result
from rttp_cli.report.source import Slice, cut

SLOW, FAST = 1_000_000, 10_000


def run(pieces: list[list[int]], stalled: list[list[int]] | None = None, lost: list[int] | None = None) -> Result:
    """A result of pieces of 50 ms; `stalled` are samples of `pieces` that a stall touched."""
    stalled, lost = stalled or [[] for _ in pieces], lost or [0 for _ in pieces]
    intervals = tuple(
        Interval(
            from_ns=50_000_000 * i,
            length_ns=50_000_000,
            sent=len(samples) + gone,
            lost=gone,
            response=_histogram(samples),
            stalled=_histogram(touched) if touched else None,
        )
        for i, (samples, touched, gone) in enumerate(zip(pieces, stalled, lost, strict=True))
    )
    missing = sum(lost)
    response = _histogram([s for piece in pieces for s in piece] + [1_000_000_000] * missing)
    undisturbed = response.minus(_histogram([s for piece in stalled for s in piece]))
    whole = Part("", {"response": response, "undisturbed": undisturbed, "lateness": response}, missing=missing)
    return Result("a run", "result", whole, intervals=intervals)


def _histogram(samples: list[int]) -> Histogram:
    return Histogram.of([(value, 1) for value in samples])


def found(result: Result, metric: str = "response", q: float = 0.99) -> float:
    return inflation(result, result.whole, metric, result.whole.histograms[metric].quantile(q))


def independent(seed: int, pieces: int = 100, each: int = 1_000) -> list[list[int]]:
    dice = random.Random(seed)
    return [[FAST + dice.randrange(FAST) for _ in range(each)] for _ in range(pieces)]


@pytest.mark.parametrize("seed", range(10))
def test_independent_samples_are_worth_what_they_count(seed: int) -> None:
    assert 1.0 <= found(run(independent(seed))) < 2.0


@pytest.mark.parametrize("cluster", [10, 100])
def test_samples_that_come_in_clusters_are_worth_as_many_as_there_are_clusters(cluster: int) -> None:
    pieces = independent(1)
    for i in random.Random(2).sample(range(100), 1_000 // cluster if cluster == 100 else 60):
        pieces[i][:cluster] = [SLOW] * cluster
    assert cluster / 3 < found(run(pieces), q=0.995) < cluster * 3


def test_a_slow_spell_of_many_pieces_shows_when_they_are_taken_together() -> None:
    spell = independent(3)
    for piece in spell[20:40]:
        piece[:20] = [SLOW] * 20
    scattered = independent(3)
    for piece in random.Random(4).sample(scattered, 20):
        piece[:20] = [SLOW] * 20
    assert found(run(spell), q=0.997) > 3 * found(run(scattered), q=0.997)


def test_what_a_stall_touched_counts_for_the_response_and_not_for_the_undisturbed() -> None:
    pieces = independent(5)
    stalled: list[list[int]] = [[] for _ in range(100)]
    for i in (10, 50, 90):
        pieces[i][:300] = stalled[i][:] = [SLOW] * 300
    result = run(pieces, stalled)
    assert found(result) > 50
    assert found(result, "undisturbed") < 2.0


def test_lost_pulses_lie_beyond_every_quantile_that_they_reach() -> None:
    lost = [0] * 100
    lost[7] = 2_000
    assert found(run(independent(6), lost=lost)) > 100


def test_without_pieces_nothing_is_known() -> None:
    few = run(independent(7, pieces=FEWEST - 1))
    assert found(few) == 1.0
    nobody = Result("none", "result", Part("", {"response": _histogram([])}))
    assert inflation(nobody, nobody.whole, "response", 5) == 1.0
    assert inflation(nobody, nobody.whole, "message", 5) == 1.0


def test_an_interval_holds_the_true_quantile_of_clustered_samples_as_often_as_it_says() -> None:
    """Each piece is fast or slow as a whole: 50 pieces are 50 samples of a coin that falls on slow one time in ten."""
    covered, narrow, runs = 0, 0, 120
    for seed in range(runs):
        dice = random.Random(seed)
        pieces = []
        for _ in range(100):
            level = FAST * (1 + dice.random())
            pieces.append([round(level + dice.randrange(100)) for _ in range(100)])
        result = run(pieces)
        true = FAST * 1.9
        (p,) = distribution_of(result, result.whole, "response", (0.9,)).percentiles
        covered += p.lower_ns <= true * 1.01 and (p.upper_ns is None or p.upper_ns >= true * 0.99)
        (p,) = distribution_of(run(pieces[:1]), run(pieces[:1]).whole, "response", (0.9,)).percentiles
        narrow += p.lower_ns <= true <= (p.upper_ns or true)
    assert covered >= 0.9 * runs
    assert narrow < 0.5 * runs, "as if each pulse were an event of its own"


def test_other_times_are_taken_for_independent() -> None:
    pieces = independent(8)
    stalled: list[list[int]] = [[] for _ in range(100)]
    pieces[10][:300] = [SLOW] * 300
    result = run(pieces, stalled)
    (p,) = distribution_of(result, result.whole, "lateness", (0.99,)).percentiles
    assert p.inflation == 1.0


def tagged(own: dict[str, list[list[int]]]) -> Result:
    """As an interval log has it."""
    intervals = [
        Interval(50_000_000 * i, 50_000_000, None, 0, _histogram(samples), stream=tag)
        for tag, pieces in own.items()
        for i, samples in enumerate(pieces)
    ]
    parts = [Part(tag, {"response": _histogram([s for piece in pieces for s in piece])}) for tag, pieces in own.items()]
    whole = Part("", {"response": Histogram.sum([part.histograms["response"] for part in parts])})
    return Result("a log", "interval log", whole, tuple(parts), intervals=tuple(intervals))


def test_tags_of_one_time_are_taken_together_and_each_by_itself() -> None:
    slow = independent(9)
    slow[10][:300] = [SLOW] * 300
    log = tagged({"slow": slow, "calm": independent(10)})
    by_hand = run([one + other for one, other in zip(slow, independent(10), strict=True)])
    assert found(log, q=0.999) == pytest.approx(found(by_hand, q=0.999)) and found(log, q=0.999) > 50
    worse, calm = (
        inflation(log, part, "response", part.histograms["response"].quantile(0.999)) for part in log.streams
    )
    assert worse > 50 and calm < 2


@pytest.mark.parametrize("log", [True, False])
def test_a_stream_alone_is_as_sure_as_beside_the_others(log: bool) -> None:
    slow = independent(11)
    slow[10][:300] = [SLOW] * 300
    result = tagged({"slow": slow, "calm": independent(12)})
    if not log:
        together = run([one + other for one, other in zip(slow, independent(12), strict=True)])
        result = replace(result, kind="result", intervals=together.intervals)
    for part in result.streams:
        alone = cut(result, Slice(streams=(part.name,)))
        assert distribution_of(alone, alone.whole, "response") == distribution_of(result, part, "response")
        assert (alone.timeline, distribution_of(alone, alone.streams[0], "response")) == (
            log, distribution_of(result, part, "response"),
        )  # fmt: skip
