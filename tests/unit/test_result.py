"""Percentiles from histograms: right values, how sure they are, what loss does to them, and the text that says so."""

import copy
import functools
import json
import math
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st
from unit import result_samples

from rttp_cli import _core
from rttp_cli.report.distribution import QUANTILES, Distribution, Percentile, samples_for
from rttp_cli.report.distribution import distribution as distribution_of
from rttp_cli.report.document import summarise
from rttp_cli.report.judge import Verdict, verdict_of
from rttp_cli.report.result import Part, Result
from rttp_cli.report.text import render

HIGHEST_NS = 3_600_000_000_000
US, MS = 1_000, 1_000_000
few_examples = settings(max_examples=25)
"""The library takes 10 ms for a histogram."""
LIMIT = 300 * US


def histogram(values: dict[int, int] | Sequence[int]) -> HdrHistogram:
    """Values, or values with their counts, in ns."""
    made = HdrHistogram(1, HIGHEST_NS, 3)
    for value, count in values.items() if isinstance(values, dict) else ((v, 1) for v in values):
        assert made.record_value(value, count)
    return made


def encoded(values: dict[int, int] | Sequence[int]) -> str:
    pairs = values.items() if isinstance(values, dict) else ((value, 1) for value in values)
    return _encoded(tuple(pairs))


@functools.cache
def _encoded(pairs: tuple[tuple[int, int], ...]) -> str:
    made = HdrHistogram(1, HIGHEST_NS, 3)
    for value, count in pairs:
        assert made.record_value(value, count)
    return str(made.encode().decode("ascii"))


def distribution(text: str, lost: int, quantiles: tuple[float, ...] = QUANTILES) -> Distribution:
    return distribution_of(_core.Histogram.decode(text), lost, quantiles)


def precise(found: int, exact: int) -> bool:
    """Three digits: a bucket shows its highest value, at most a thousandth above what was recorded."""
    return exact <= found <= exact * 1.001 + 1


_dice = random.Random(7)
LATENCIES = [max(1, round(_dice.lognormvariate(10, 1.5))) for _ in range(50_000)]


@pytest.mark.parametrize("n", [1, 2, 3, 10, 99, 100, 101, 1_000, 50_000])
def test_percentiles_are_those_of_the_sorted_sample(n: int) -> None:
    sample = sorted(LATENCIES[:n])
    d = distribution(encoded(sample), 0)
    assert (d.samples, d.lost) == (n, 0)
    assert [p.q for p in d.percentiles] == list(QUANTILES)
    for p in d.percentiles:
        rank = max(1, math.ceil(n * p.q))
        assert precise(p.value_ns, sample[rank - 1]), p
        assert p.beyond == n - rank
    assert precise(d.max_ns, sample[-1])
    assert sample[0] * 0.999 - 1 <= d.min_ns <= sample[0]
    assert d.mean_ns == pytest.approx(sum(sample) / n, rel=1e-3, abs=1)


@few_examples
@given(st.lists(st.integers(1, HIGHEST_NS), min_size=1, max_size=300))
def test_percentiles_rise_and_stay_inside_the_sample(values: list[int]) -> None:
    d = distribution(encoded(values), 0)
    shown = [p.value_ns for p in d.percentiles]
    assert shown == sorted(shown)
    assert d.min_ns <= shown[0] and shown[-1] == d.max_ns
    for p in d.percentiles:
        assert p.lower_ns <= p.value_ns
        assert p.upper_ns is None or p.value_ns <= p.upper_ns
        assert p.state == ("few" if p.upper_ns is None else "ok")


@pytest.mark.parametrize(("n", "q"), [(1_000, 0.5), (1_000, 0.9), (1_000, 0.99), (400, 0.99), (50, 0.5), (7, 0.5)])
def test_the_interval_covers_the_true_quantile_in_95_of_100_cases(n: int, q: float) -> None:
    # Buckets up to 1 ms are narrower than 1 µs, so the value says the rank.
    p = distribution(encoded([rank * US for rank in range(1, n + 1)]), 0, (q,)).at(q)
    assert p.upper_ns is not None
    lower, upper = p.lower_ns // US, p.upper_ns // US
    covered = sum(math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(lower, upper))
    assert 0.95 <= covered < 0.999


def test_the_rest_of_an_interval_lies_in_equal_parts_on_both_sides() -> None:
    n, q = 1_000, 0.9
    p = distribution(encoded([rank * US for rank in range(1, n + 1)]), 0, (q,)).at(q)
    assert p.upper_ns is not None
    probability = [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]
    assert sum(probability[: p.lower_ns // US]) <= 0.025
    assert sum(probability[p.upper_ns // US :]) <= 0.025


@pytest.mark.parametrize(
    ("q", "least"), [(0.5, 6), (0.9, 36), (0.99, 368), (0.999, 3_688), (0.9999, 36_887), (0.99999, 368_887)]
)
def test_a_percentile_needs_so_many_samples_and_not_one_less(q: float, least: int) -> None:
    # The sample's maximum bounds the quantile unless all of it lies below: q^n ≤ 0.025.
    assert samples_for(q) == least == math.ceil(math.log(0.025) / math.log(q))
    assert distribution(encoded({20 * US: least}), 0, (q,)).at(q).state == "ok"
    p = distribution(encoded({20 * US: least - 1}), 0, (q,)).at(q)
    assert (p.state, p.upper_ns) == ("few", None)


def test_p9999_needs_about_36888_samples() -> None:
    assert abs(samples_for(0.9999) - 36_888) <= 1


def test_no_samples_are_no_percentiles() -> None:
    d = distribution(encoded([]), 0)
    assert (d.samples, d.min_ns, d.mean_ns, d.max_ns) == (0, None, None, None)
    assert {p.state for p in d.percentiles} == {"none"}


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("lost", [0, 1, 9, 10, 11, 99, 100, 101, 499, 500, 501, 999, 1000])
def test_a_percentile_is_unbounded_when_more_pulses_were_lost_than_lie_beyond(q: float, lost: int) -> None:
    n, timeout = 1_000, 1_000 * MS
    p = distribution(encoded({20 * US: n - lost, timeout: lost} if lost < n else {timeout: n}), lost, (q,)).at(q)
    beyond = n - math.ceil(n * q)
    assert p.beyond == beyond
    assert (p.state == "unbounded") == (lost > beyond)
    if p.state == "unbounded":
        assert precise(p.value_ns, timeout), "all that is known: it is not below the timeout"
        assert p.upper_ns is None
    else:
        assert precise(p.value_ns, 20 * US)


def test_loss_opens_the_upper_end_before_it_reaches_the_percentile() -> None:
    n, q = 1_000, 0.9
    at, _, upper = _core.quantile_ranks(n, q, 0.95) or (0, 0, 0)
    assert upper is not None and at < upper < n
    for lost, bounded in ((n - upper, True), (n - upper + 1, False), (n - at, False)):
        p = distribution(encoded({20 * US: n - lost, 1_000 * MS: lost}), lost, (q,)).at(q)
        assert (p.state, p.upper_ns is not None) == ("ok", bounded)


def test_percentiles_have_the_names_people_use() -> None:
    names = [Percentile(q, "ok", 1, 1, 1, 0).name for q in (*QUANTILES, 0.25, 0.1, 0.123456)]
    assert names == ["P50", "P90", "P99", "P99.9", "P99.99", "P99.999", "P25", "P10", "P12.3456"]


GOOD = encoded([1, 20, 300])
GARBAGE = ["", " ", "x", "!!!!", "AAAA", "A" * 1_000, "é" * 8, "\x00", "HISTFAAA", GOOD[:-4], GOOD[4:], GOOD[::-1]]
GARBAGE += [GOOD[: len(GOOD) // 2], "HISTFA" + "A" * 50, json.dumps({"a": 1}), "HISTEwAA" + GOOD[8:]]


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: ascii(text[:12]))
def test_what_is_no_histogram_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^byte \d+ of the (text|encoded histogram): .*, expected .+"):
        distribution(text, 0)


@few_examples
@given(st.integers(0, len(GOOD) - 1), st.sampled_from("ABZaz09+/=-_ \n"))
def test_a_damaged_histogram_is_a_distribution_or_a_value_error(at: int, character: str) -> None:
    try:
        d = distribution(GOOD[:at] + character + GOOD[at + 1 :], 0)
    except ValueError:
        return
    assert len(d.percentiles) == len(QUANTILES)


def judge(values: dict[int, int], lost: int, q: float, limit: int) -> Verdict:
    whole = Part("", {"response": _core.Histogram.decode(encoded(values))}, missing=lost)
    return verdict_of(Result("a run", "result", whole), q, limit)


def verdict(values: dict[int, int], lost: int = 0, q: float = 0.9999, limit: int = LIMIT) -> tuple[str, str]:
    found = judge(values, lost, q, limit)
    assert (found.q, found.limit_ns) == (q, limit)
    return found.state, found.reason


def test_enough_fast_samples_pass() -> None:
    assert verdict({20 * US: 40_000}) == ("pass", "P99.99 20.0 µs ≤ 300 µs")


def test_slow_samples_fail_and_few_are_enough_for_that() -> None:
    unknown = "whether stalls explain it is not known: the result does not say"
    assert verdict({400 * US: 40_000}) == ("fail", f"P99.99 400 µs > 300 µs; {unknown}")
    assert verdict({20 * US: 39_000, 400 * US: 1_000})[0] == "fail"
    assert verdict({400 * US: 2_000})[0] == "fail", "the lower end alone breaks the limit"


def test_too_few_samples_are_inconclusive_and_the_reason_says_how_many_are_needed() -> None:
    assert verdict({20 * US: 36_886}) == ("inconclusive", "P99.99 needs 36,887 samples, there are 36,886")
    assert verdict({20 * US: 36_887})[0] == "pass"


def test_a_limit_inside_the_interval_is_inconclusive() -> None:
    # Of 1,000 samples P90 has rank 900; its interval reaches to about 20 ranks on both sides.
    for fast in (895, 905):
        state, reason = verdict({20 * US: fast, 400 * US: 1_000 - fast}, q=0.9)
        assert (state, reason) == ("inconclusive", "P90 lies in 20.0 µs … 400 µs, and so does the limit 300 µs")


def test_loss_beyond_a_percentile_fails_it_however_fast_the_rest_was() -> None:
    values = {20 * US: 39_990, 1_000 * MS: 10}
    assert verdict(values, lost=10) == ("fail", "P99.99 is unbounded, 0.03 % lost")
    assert verdict(values, lost=10, limit=3_600_000 * MS)[0] == "fail", "no limit is long enough for a lost pulse"
    assert verdict({1_000 * MS: 10}, lost=10) == ("fail", "P99.99 is unbounded, 100.00 % lost")


def test_loss_within_the_interval_is_inconclusive() -> None:
    state, reason = verdict({20 * US: 39_997, 1_000 * MS: 3}, lost=3)
    assert (state, reason) == ("inconclusive", "P99.99 20.0 µs, loss leaves it open above")


def test_no_samples_are_inconclusive() -> None:
    assert verdict({}) == ("inconclusive", "no samples")


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99, 0.999, 0.9999])
def test_a_limit_that_is_kept_to_the_nanosecond_is_kept(q: float) -> None:
    top = histogram({20 * US: 1}).get_max_value()
    assert verdict({20 * US: 40_000}, q=q, limit=top)[0] == "pass"
    assert verdict({20 * US: 40_000}, q=q, limit=top - 1)[0] == "fail"


@few_examples
@given(
    st.dictionaries(st.integers(1, 2_000 * US), st.integers(1, 30_000), min_size=1, max_size=6),
    st.integers(0, 2_000),
    st.sampled_from(QUANTILES),
    st.integers(1, 2_000 * US),
)
def test_a_verdict_never_turns_worse_when_the_limit_grows(
    values: dict[int, int], lost: int, q: float, limit: int
) -> None:
    values |= {10_000 * MS: lost} if lost else {}
    order = ["fail", "inconclusive", "pass"]
    found = [order.index(judge(values, lost, q, at).state) for at in (limit // 2, limit, limit * 2, limit * 1000)]
    assert found == sorted(found)


EMPTY = ("wakeup", "pacing", "message", "first_token", "token_gap", "one_way_out", "one_way_back", "undisturbed")


def document(
    response: dict[int, int], *, lost: int = 0, rate: float | None = None, embedded: bool = True, **counts: Any
) -> dict[str, Any]:
    """A result as `bench.run` gives it."""
    n = sum(response.values())
    asked = [
        {"what": "cpu-dma-latency", "granted": True, "detail": "0 µs"},
        {"what": "timer-slack", "granted": True, "detail": "1 ns"},
    ]
    answered = n - lost - counts.get("unfinished", 0)
    usage = {"user_ns": n * US, "system_ns": n * 4 * US, "voluntary_switches": 5, "involuntary_switches": 12}
    tally = {"received": n, "answered": answered, "bytes": n * 138, "buffer_drops": 0, "rejects": {}}
    made = result_samples.document()
    totals = made["counts"] | {"sent_in_all": n, "sent": n, "answered": answered, "lost": lost} | counts
    of_stream = {"arrival": "constant" if rate else "closed", "deadline": None, "counts": totals}
    run = {"mode": "open-loop" if rate else "ping-pong", "embedded": embedded, "rate_pps": rate}
    times = {"duration_ns": 5_000 * MS, "warmup_ns": 500 * MS, "timeout_ns": 1_000 * MS}
    clock = {"shared": embedded, "offset_ns": None, "skew_ppm": None, "uncertainty_ns": None, "points": 0}
    responder = tally | {"answers_dropped": 0, "receive_buffer": 16 << 20, "usage": usage, "asked": asked}
    return made | {
        "run": made["run"] | run | times | {"responder_core": 1 if embedded else None},
        "host": made["host"] | {"asked": [*asked], "receive_buffer": 16 << 20},
        "counts": totals,
        "sending_ns": 5_000 * MS,
        "lasted_ns": 5_000 * MS,
        "rates": {
            "offered_pps": rate,
            "sent_pps": n / 5,
            "answered_pps": answered / 5,
            "sent_bps": n * 138 * 8 / 5,
        },
        "peer": tally if embedded else None,
        "responder": responder if embedded else None,
        "histograms": {
            "unit": "ns",
            "encoding": "HdrHistogram V2 compressed base64",
            "response": encoded(response),
            "service": encoded(response),
            "lateness": encoded({100: n} if n else {}),
            **dict.fromkeys(EMPTY, encoded({})),
        },
        "sessions": [made["sessions"][0] | {"clock": clock}],
        "streams": [made["streams"][0] | of_stream | {"histograms": {"response": encoded(response)}}],
        "bands": [],
        "stalls": {"watched": True, "from_ns": 100_000, "stalled_pulses": 0, "before": None, "cores": []},
        "cpu": made["cpu"] | {"sender": usage},
    }


def text(made: dict[str, Any], *, q: float = 0.9999, colour: bool = False) -> str:
    return render(summarise(made, LIMIT, q), colour=colour)


def line(shown: str, first: str) -> str:
    found = [each for each in shown.splitlines() if each.split(" ", 1)[0] == first]
    assert len(found) == 1, shown
    return found[0]


def test_a_summary_has_all_latencies_a_verdict_and_the_document_and_is_json() -> None:
    made = document({20 * US: 40_000})
    before = copy.deepcopy(made)
    result = summarise(made, LIMIT, 0.9999)
    assert made == before, "the document itself stays as it was"
    assert json.loads(json.dumps(result, allow_nan=False)).keys() == made.keys() | {"latency"}
    assert result["latency"].keys() == {"response", "service", "lateness", *EMPTY}
    assert result["verdict"]["state"] == "pass"
    assert [p["name"] for p in result["latency"]["response"]["percentiles"]] == [
        "P50",
        "P90",
        "P99",
        "P99.9",
        "P99.99",
        "P99.999",
    ]


def test_a_limit_at_another_percentile_adds_that_percentile_in_its_place() -> None:
    result = summarise(document({20 * US: 40_000}), LIMIT, 0.95)
    names = [p["name"] for p in result["latency"]["response"]["percentiles"]]
    assert names == ["P50", "P90", "P95", "P99", "P99.9", "P99.99", "P99.999"]
    assert result["verdict"]["reason"].startswith("P95 ")


def test_loss_counts_in_the_round_trips_and_not_in_the_lateness() -> None:
    result = summarise(document({20 * US: 900, 1_000 * MS: 100}, lost=100, rate=200.0), LIMIT, 0.99)
    states = {name: d["percentiles"][2]["state"] for name, d in result["latency"].items()}
    round_trips = {"response": "unbounded", "service": "unbounded"}
    assert states == round_trips | {"lateness": "ok"} | dict.fromkeys(EMPTY, "none")


def test_the_text_says_unbounded_where_a_percentile_is_and_shows_no_number_as_if_it_were_one() -> None:
    shown = text(document({20 * US: 900, 1_000 * MS: 100}, lost=100))
    assert re.fullmatch(r"P99 +unbounded +10 +≥ 1\.00 s: more lost", line(shown, "P99"))
    assert "20.0 µs" in line(shown, "P50")
    assert "≥ 1.00 s" in line(shown, "max")
    assert "lost 100 (10.00 %)" in line(shown, "pulses")
    assert line(shown, "verdict") == "verdict    fail: P99.99 is unbounded, 10.00 % lost"


def test_the_text_says_too_few_samples_and_puts_such_a_number_in_brackets() -> None:
    shown = text(document({20 * US: 1_000}))
    assert "(20.0 µs)" in line(shown, "P99.99")
    assert line(shown, "P99.99").endswith("20.0 µs …: too few samples")
    assert "(" not in line(shown, "P99")
    assert line(shown, "verdict") == "verdict    inconclusive: P99.99 needs 36,887 samples, there are 1,000; a run of"
    assert shown.endswith("           about 184 s would tell (now 5.00 s)")


def test_the_text_of_a_run_without_samples_has_no_numbers_for_percentiles() -> None:
    shown = text(document({}))
    for name in ("P50", "P99.999"):
        assert re.fullmatch(name + r" +- +0 +no samples", line(shown, name)), shown
    assert line(shown, "verdict") == "verdict    inconclusive: no samples"


def test_an_open_loop_has_two_columns_and_a_ping_pong_one() -> None:
    assert "round trip from schedule" in text(document({20 * US: 40_000}, rate=8_000.0))
    assert line(text(document({20 * US: 40_000}, rate=8_000.0)), "P50").count("20.0 µs") == 4
    assert line(text(document({20 * US: 40_000})), "P50").count("20.0 µs") == 3


def test_what_is_odd_is_said_and_what_is_not_is_left_out() -> None:
    assert "answers" not in [each.split(" ")[0] for each in text(document({20 * US: 10})).splitlines()]
    shown = text(document({20 * US: 10}, reordered=1, duplicates=2, late=3, rejects={"bad-version": 4}))
    assert line(shown, "answers") == ("answers    1 reordered, 2 duplicate, 3 after the timeout, bad-version 4")


def test_a_target_that_did_not_tell_its_counts_is_said() -> None:
    shown = text(document({20 * US: 10}, embedded=False))
    assert line(shown, "peer") == "peer       sent in all 10; the target did not say what it received"


def test_an_interrupted_run_a_debug_build_and_faults_are_said_before_any_figure() -> None:
    made = document({20 * US: 10})
    made["interrupted"], made["sending_ns"] = True, 1_200 * MS
    made["rttp"]["profile"] = "debug"
    made["run"]["faults"] |= {"loss": 0.1, "seed": 7}
    shown = text(made)
    assert line(shown, "stopped") == "stopped    after 1.20 s of 5.00 s"
    assert "its figures mean nothing" in line(shown, "warning")
    assert line(shown, "faults") == "faults     loss 0.1 (seed 7)"
    assert shown.index("warning") < shown.index("P50")


def test_what_the_host_refused_is_said() -> None:
    made = document({20 * US: 10})
    made["host"]["asked"].append({"what": "mlock", "granted": False, "detail": "all memory: denied"})
    assert line(text(made), "refused") == "refused    mlock: all memory: denied"


ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def crowded(*, loss: bool, rate: float, latency: int) -> dict[str, Any]:
    """Twelve streams of four bands with long names, deadlines, messages, tokens and drift."""
    lost, unfinished, one_way = 1_000 if loss else 0, round(rate), round(rate)

    def round_trips(answered: int, missing: int) -> str:
        at_end = answered if latency == HIGHEST_NS else 0
        return encoded({latency: answered} | ({HIGHEST_NS: at_end + missing} if missing else {}))

    made = document({latency: 40_000}, rate=rate)
    made["run"] |= {"size": None, "priority": None}
    made["rates"] |= {"offered_pps": rate, "sent_pps": rate, "answered_pps": rate, "sent_bps": rate * 65_507 * 8}
    made["profile"] = {"name": "crowded"}
    settled = {"sent": 40_000 + lost, "answered": 40_000, "lost": lost, "dropped": round(rate)}
    counts = made["streams"][0]["counts"] | settled
    times = encoded({latency: 100})
    made["streams"] = [
        made["streams"][0]
        | {
            "name": f"stream-{i}-" + "x" * (4 * i),
            "counts": counts,
            "rates": made["streams"][0]["rates"] | {"sent_pps": rate / 12},
            "deadline": {"limit_ns": 999_500, "class": "firm", "kept": 0, "missed": round(rate)},
            "drift_ppm": -123_456.7,
            "arrival": "constant",
            "histograms": {"response": round_trips(40_000, lost)}
            | ({"message": times} if i % 2 else {"first_token": times, "token_gap": times}),
        }
        for i in range(11)
    ]
    ways = counts | {"sent": one_way, "one_way": one_way, "answered": 0, "lost": 0, "messages": 0}
    made["streams"].append(made["streams"][0] | {"name": "one-way", "counts": ways, "histograms": {}})
    # One stream has all that was on its way at the end: the others' columns show what was answered, too.
    cut = made["streams"][0]
    cut["counts"] = counts | {"sent": counts["sent"] + unfinished, "unfinished": unfinished}
    cut["histograms"] |= {"response": round_trips(40_000, lost + unfinished)}
    made["counts"] |= {"unsent": round(rate), "dropped": round(rate)} | {
        key: sum(stream["counts"][key] for stream in made["streams"])
        for key in ("sent", "answered", "lost", "unfinished", "one_way")
    }
    made["counts"]["sent_in_all"] = made["counts"]["sent"]
    made["bands"] = [
        {
            "from_priority": low,
            "to_priority": low + 31,
            "sent": round(rate) * 60,
            "answered": 40_000,
            "missing": lost,
            "response": round_trips(40_000, lost),
        }
        for low in (0, 96, 192, 224)
    ]
    missing = 11 * lost + unfinished
    whole = round_trips(11 * 40_000, missing)
    made["histograms"] |= dict.fromkeys(EMPTY, times) | {"response": whole, "service": whole}
    made["histograms"]["undisturbed"] = round_trips(100, missing)
    made["stalls"]["stalled_pulses"] = round(rate)
    return made


CROWDED = [
    crowded(loss=loss, rate=rate, latency=latency)
    for loss in (False, True)
    for rate in (1.0, 99_999.7, 123_456.7, 1e8)
    for latency in (9, 999_400, 3_600_000 * MS)
]
RUNS = [
    document({20 * US: 40_000}),
    document({20 * US: 40_000}, rate=8_000.0),
    document({20 * US: 900, 1_000 * MS: 100}, lost=100),
    document({20 * US: 900, 1_000 * MS: 100}, lost=100, rate=200.0),
    document({999 * MS: 12}),
    document({}),
    document({20 * US: 10}, embedded=False, rate=1e8),
    *CROWDED,
]


@pytest.fixture(scope="module", params=RUNS)
def result(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A summary of every kind."""
    return summarise(request.param, LIMIT, 0.9999)


def test_without_colour_there_is_no_escape_and_with_it_the_words_are_the_same(result: dict[str, Any]) -> None:
    plain, coloured = render(result), render(result, colour=True)
    assert "\x1b" not in plain
    assert ESCAPE.search(coloured)
    assert ESCAPE.sub("", coloured) == plain


# These hold addresses, counts and reasons of any length; all other lines keep to a terminal of 80 columns.
LONG = ("rttp bench:", "target ", "host ", "peer ", "answers ", "processor ", "stalls ", "refused ")


def test_the_table_fits_80_columns(result: dict[str, Any]) -> None:
    shown = render(result).splitlines()
    assert sum(each.startswith("P") for each in shown) == len(QUANTILES)
    for each in shown:
        assert each == each.rstrip()
        if not each.startswith(LONG):
            assert len(each) <= 80, each


def column(shown: str, heading: str) -> list[str]:
    """The lines of the table under a heading, up to the empty line."""
    lines = shown.splitlines()
    start = next(i for i, each in enumerate(lines) if each.startswith(heading))
    return lines[start : lines.index("", start)]


@pytest.mark.parametrize("rate", [1.0, 99_999.7, 123_456.7, 1e8])
@pytest.mark.parametrize("loss", [False, True])
def test_streams_stand_in_columns_whatever_their_names_and_rates(loss: bool, rate: float) -> None:
    table = column(render(summarise(crowded(loss=loss, rate=rate, latency=20 * US), LIMIT, 0.9999)), "stream  ")
    heading, rows = table[0], [each for each in table[1:] if not each.startswith("    ")]
    assert len(rows) == 12, "one row a stream, however long its name"
    ends = [match.end() for match in re.finditer(r"\S+", heading)]
    for row in rows[:-1]:
        for end in ends[1:]:
            assert row[end - 1] != " " and row[end : end + 1] in ("", " "), (heading, row)
    if loss:
        assert all("unbounded" in row and "≥ " in row for row in rows[:-1])
    assert rows[-1].endswith("one-way: the target's counts are under `peer`")
    assert sum("100.00 % missed" in each for each in table) == 12


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0.5, "0.5"),
        (99_999.0, "99,999"),
        (99_999.7, "100k"),
        (123_456.7, "123.5k"),
        (999_960.0, "1M"),
        (12_345_678.0, "12.35M"),
        (1e8, "100M"),
    ],
)
def test_a_rate_takes_at_most_seven_characters(rate: float, shown: str) -> None:
    made = crowded(loss=False, rate=rate * 12, latency=20 * US)
    table = column(render(summarise(made, LIMIT, 0.9999)), "stream  ")
    assert table[1].split()[1] == shown
    assert len(shown) <= 7


def test_bands_stand_highest_first_in_columns() -> None:
    table = column(render(summarise(crowded(loss=True, rate=1e8, latency=20 * US), LIMIT, 0.9999)), "priority  ")
    assert [row[:11].strip() for row in table[1:]] == ["224 … 255", "192 … 223", "96 … 127", "0 … 31"]
    assert {row.split()[3] for row in table[1:]} == {"6,000,000,000"}
    assert {len(row) for row in table} == {len(table[0])}


def test_what_does_not_fit_a_line_goes_on_below_its_label() -> None:
    shown = render(summarise(crowded(loss=True, rate=1e8, latency=20 * US), LIMIT, 0.9999))
    at = shown.index("\nrate       offered 100,000,000/s, sent 100,000,000/s, answered 100,000,000/s")
    assert shown[at:].splitlines()[2] == " " * 11 + "5.241e+04 Gbit/s"
    one = line(text(document({20 * US: 40_000}, rate=8_000.0)), "rate")
    assert one == "rate       offered 8,000/s, sent 8,000/s, answered 8,000/s, 8.832 Mbit/s"


def test_only_what_was_left_unsettled_is_said() -> None:
    shown = text(document({20 * US: 1_000}, unsent=5))
    assert line(shown, "unsettled") == "unsettled  5 due and never sent"
    assert "unsettled" not in text(document({20 * US: 1_000}))


def test_a_run_one_way_has_no_round_trips_and_no_verdict_on_them() -> None:
    made = document({}, one_way=500, sent=500)
    shown = text(made)
    assert line(shown, "pulses") == "pulses     sent 500, one-way 500"
    assert "P50" not in shown and "verdict" not in shown


def test_what_was_still_on_its_way_when_a_run_stopped_leaves_percentiles_open() -> None:
    shown = text(document({20 * US: 900, 1_000 * MS: 100}, unfinished=100))
    assert "unbounded" in shown
    assert "100 on their way when it was stopped" in shown


def test_a_run_that_did_not_send_all_that_was_due_never_passes() -> None:
    result = summarise(document({20 * US: 1_000_000}, unsent=5), 300 * US, 0.99)
    assert result["verdict"]["state"] == "inconclusive"
    assert "5 pulses that were due were never sent" in result["verdict"]["reason"]
