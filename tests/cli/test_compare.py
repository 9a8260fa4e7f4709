"""`rttp compare`: what it prints and how it exits, on runs of this host that were made longer by a known factor."""

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from rttp_cli._core import Histogram
from rttp_cli.bench import BenchOptions, run
from rttp_cli.report.document import summarise

from .conftest import Run

FACTORS = (1.00, 1.01, 0.99, 1.005, 0.995)
_STARTS = itertools.count(1)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """A short run that answered everything."""
    options = BenchOptions(rate=5000.0, duration_ns=200_000_000, warmup_ns=10_000_000, pin="none", awake=False)
    return summarise(run(options), 300_000, 0.9999)


def slower(document: dict[str, Any], factor: float) -> dict[str, Any]:
    """A run of its own with times that are known, and so many times as long."""
    made = copy.deepcopy(document)
    made["started_unix_ns"] += next(_STARTS)
    sent = made["counts"]["sent"]
    text = Histogram.of([(round(1000 * i * factor), 1) for i in range(1, sent + 1)]).encode()
    for part in (made, *made["streams"]):
        part["histograms"] = {name: value for name, value in part["histograms"].items() if name != "undisturbed"}
        part["histograms"] |= {"response": text, "service": text}
        part["counts"] |= {"answered": sent, "lost": 0, "unfinished": 0, "sent": sent, "unsent": 0}
    made["bands"], made["intervals"] = [], []
    return made


@pytest.fixture
def write(tmp_path: Path, document: dict[str, Any]) -> Any:
    """Writes runs of the given factors into a folder."""

    def folder(name: str, factors: tuple[float, ...], **changes: Any) -> str:
        (tmp_path / name).mkdir()
        for i, factor in enumerate(factors):
            made = slower(document, factor) | changes
            (tmp_path / name / f"{i}.json").write_text(json.dumps(made), encoding="utf-8")
        return str(tmp_path / name)

    return folder


def test_the_same_passes(rttp: Run, write: Any) -> None:
    done = rttp("compare", write("base", FACTORS), write("new", FACTORS[::-1]))
    assert (done.code, done.err) == (0, "")
    assert "verdict    pass: P99 changed by" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_a_fifth_slower_fails(rttp: Run, write: Any) -> None:
    base, new = write("base", FACTORS), write("new", tuple(1.2 * f for f in FACTORS))
    done = rttp("compare", base, new)
    assert done.code == 1
    assert "verdict    fail: P99 slower by 20 %" in done.out
    assert rttp("compare", base, new, "--tolerance", "40%").code == 0
    assert rttp("compare", base, new, "--at", "50,90", "--json").code == 1


def test_one_run_a_side_is_inconclusive(rttp: Run, write: Any) -> None:
    done = rttp("compare", write("base", (1.0,)), write("new", (1.1,)))
    assert done.code == 6
    assert "inconclusive" in done.out and "--repeat" in done.out


def test_the_document_says_what_the_text_says(rttp: Run, write: Any) -> None:
    done = rttp("compare", write("base", FACTORS), write("new", FACTORS), "--json")
    found = json.loads(done.out)
    assert (found["schema"], found["state"], found["paired"]) == ("rttp.compare/1", "pass", False)
    assert [row["name"] for row in found["rows"]] == ["P50", "P90", "P99", "P99.9", "P99.99"]
    assert found["base"]["runs"] == found["new"]["runs"] == 5


def test_markdown_is_a_table(rttp: Run, write: Any) -> None:
    done = rttp("compare", write("base", FACTORS), write("new", FACTORS), "--markdown")
    assert done.out.startswith("**pass**: ")
    assert "\n| **P99** | " in done.out


@pytest.fixture
def several(tmp_path: Path, document: dict[str, Any]) -> Any:
    """Writes a document of several runs, of these sides in turns, B a fifth slower; gives the name of its file."""

    def write(name: str, kind: str, sides: str, factors: tuple[float, ...] = FACTORS) -> str:
        longer = {"A": 1.0, "B": 1.2}
        points = [
            {"label": f"{side} {i}", "side": side, "pair": i, "result": slower(document, factor * longer[side])}
            for i, factor in enumerate(factors)
            for side in sides
        ]
        text = json.dumps({"schema": "rttp.runs/1", "kind": kind, "interleaved": True, "points": points})
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def test_a_file_of_several_runs_is_a_set(rttp: Run, several: Any) -> None:
    assert rttp("compare", several("a.json", "repeat", "A"), several("b.json", "repeat", "A")).code == 0
    assert rttp("compare", several("a.json", "repeat", "A"), several("b.json", "against", "B")).code == 1, "one side"


def test_the_two_sides_of_a_file_are_compared_whatever_it_is_called(rttp: Run, several: Any) -> None:
    turns = several("turns", "against", "AB", tuple(1.5**i for i in range(5)))
    done = rttp("compare", turns, "--json")
    assert done.code == 1, "in pairs the drift cancels"
    found = json.loads(done.out)
    assert (found["paired"], found["base"]["runs"], found["new"]["runs"]) == (True, 5, 5)
    piped = rttp("compare", "-", "--json", stdin=Path(turns).read_bytes())
    again = json.loads(piped.out)
    assert (piped.code, again["paired"], again["reasons"]) == (1, True, found["reasons"])
    assert "has not the two sides" in rttp("compare", several("a.json", "repeat", "A")).err
    assert "has not the two sides" in rttp("compare", several("b.json", "against", "B")).err


def test_a_run_whose_partner_was_not_made_is_left_out(rttp: Run, several: Any) -> None:
    turns = Path(several("turns.json", "against", "AB"))
    document = json.loads(turns.read_text(encoding="utf-8"))
    del document["points"][-1]
    turns.write_text(json.dumps(document), encoding="utf-8")
    done = rttp("compare", str(turns))
    assert (done.code, done.out.count("4 runs")) == (1, 2)
    assert "note       1 of the runs of" in done.out
    document["interleaved"] = False
    turns.write_text(json.dumps(document), encoding="utf-8")
    assert "5 runs" in rttp("compare", str(turns)).out


def test_runs_of_different_things_are_no_side(rttp: Run, several: Any) -> None:
    base = several("base.json", "repeat", "A")
    for kind, sides, said in (
        ("against", "AB", "are the two sides of --against"),
        ("sweep", "A", "is a run of `sweep`: they differ because they were asked to"),
    ):
        for name in ("mixed.json", "mixed"):
            mixed = several(name, kind, sides)
            done = rttp("compare", mixed, base)
            assert (done.code, done.out) == (3, "")
            assert said in done.err
            piped = rttp("compare", base, "-", stdin=Path(mixed).read_bytes())
            assert (piped.code, piped.out) == (3, "")
            assert said in piped.err


def test_the_same_run_is_counted_once(rttp: Run, write: Any, several: Any, tmp_path: Path) -> None:
    base, new = write("base", FACTORS), write("new", FACTORS)
    (tmp_path / "new" / "copy.json").write_bytes((tmp_path / "new" / "0.json").read_bytes())
    done = rttp("compare", base, new)
    assert (done.code, done.out) == (3, "")
    assert "new/copy.json` is the same run as" in done.err and "new/0.json`" in done.err
    itself = rttp("compare", base, base)
    assert itself.code == 6
    assert "on both sides" in itself.out


def test_loss_that_is_not_known_is_said(rttp: Run, write: Any, tmp_path: Path) -> None:
    text = Histogram.of([(1000 * i, 1) for i in range(1, 1001)]).encode()
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = rttp("compare", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"), "--drift", "0", "--json")
    assert json.loads(done.out)["loss"]["state"] is None
    shown = rttp("compare", write("base", FACTORS), str(tmp_path / "b.txt")).out
    assert "loss       not known: `" in shown


def test_two_names_of_what_can_be_one_only_are_a_usage_error(rttp: Run) -> None:
    for names, said in (
        (("-", "-"), "read once"),
        (("@main", "@main"), "two baselines"),
        (("@main",), "is a baseline"),
    ):
        done = rttp("compare", *names)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_other_traffic_needs_force(rttp: Run, write: Any, document: dict[str, Any]) -> None:
    other = copy.deepcopy(document["schedule"])
    other["plan"]["streams"][0]["arrival"]["rate"] = 7000.0
    base, new = write("base", FACTORS), write("new", FACTORS, schedule=other)
    done = rttp("compare", base, new)
    assert (done.code, done.out) == (3, "")
    assert "not the same traffic: pulses.arrival.rate 5000 against 7000" in done.err
    assert "note       not the same traffic" in rttp("compare", base, new, "--force").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--at", "0"), "`--at` is `0`"),
        (("--at", "99,99"), "different percentiles"),
        (("--at", "nan"), "`--at` is `nan`"),
        (("--tolerance", "much"), "`--tolerance` is `much`"),
        (("--tolerance", "-5"), "expected 0 to 1000 percent"),
        (("--confidence", "100"), "expected 0 to 99.99 percent"),
        (("--confidence", "30"), "expected 50 to 99.99"),
        (("--metric", "respnse"), "did you mean `response`?"),
        (("--stream", "pluses"), "did you mean `pulses`?"),
        (("--json", "--markdown"), "one form of output"),
        (("--paired",), "5 runs against 1"),
    ],
)
def test_what_cannot_be_asked_is_refused(rttp: Run, write: Any, options: tuple[str, ...], message: str) -> None:
    done = rttp("compare", write("base", FACTORS), write("new", (1.0,)), *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_damaged_file_is_named(rttp: Run, write: Any, tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"schema": "rttp.result/1", "counts": {', encoding="utf-8")
    done = rttp("compare", write("base", FACTORS), str(tmp_path / "cut.json"))
    assert (done.code, done.out) == (3, "")
    assert "cut.json" in done.err
    assert rttp("compare", "nowhere.json", "nowhere.json").code == 3
