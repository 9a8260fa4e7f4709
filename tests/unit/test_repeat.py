"""Which run comes when, and how runs are summed up."""

import pytest

from rttp_cli.bench.explore.repeat import order
from rttp_cli.report.repeat_text import render_repeat


def test_in_turns_each_side_goes_first_as_often() -> None:
    assert order(4, interleave=True) == [(1, "A"), (1, "B"), (2, "B"), (2, "A"), (3, "A"), (3, "B"), (4, "B"), (4, "A")]


def test_not_in_turns_all_of_a_side_come_together() -> None:
    assert "".join(side for _, side in order(3, interleave=False)) == "AAABBB"


@pytest.mark.parametrize("states", [("ok", "ok", "few"), ("ok", "none", "ok"), ("unbounded",) * 3, ("ok",)])
def test_runs_are_summed_up_whatever_they_found(states: tuple[str, ...]) -> None:
    def point(number: int, state: str) -> dict[str, object]:
        percentiles = [
            {"q": q, "name": "P", "state": state, "value_ns": 10**number, "lower_ns": 1, "upper_ns": None, "beyond": 0}
            for q in (0.5, 0.99, 0.9999)
        ]
        samples = 0 if state == "none" else 10
        response = {"samples": samples, "lost": samples // 5, "percentiles": percentiles}
        counts = {"sent": samples, "lost": samples // 5, "unfinished": 0, "one_way": 0}
        result = {"counts": counts, "rates": {"sent_pps": 10.0}, "latency": {"response": response}}
        return {"label": f"run {number}", "result": result}

    points = [point(number, state) for number, state in enumerate(states, 1)]
    text = render_repeat({"kind": "repeat", "interrupted": True, "points": points})
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.count("run ") >= len(states)
    assert text.endswith("what stands here was measured")
    assert ("median" in text) == (len(states) > 1)
