"""Results in every form of output: the same figures in each, lines of 80 columns, nothing of a file that acts."""

import csv as csv_module
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from unit.result_samples import MS, US, changed, document, with_intervals

from rttp_cli._core import Histogram
from rttp_cli.errors import RttpError
from rttp_cli.report.distribution import QUANTILES
from rttp_cli.report.output import csv, figures, hgrm, markdown, text
from rttp_cli.report.result import Part, Result
from rttp_cli.report.source import Slice, cut, load, merge, of_document

DOC = (Path(__file__).parents[2] / "docs" / "REPORT.md").read_text(encoding="utf-8")
MADE = document({"control": {20 * US: 9_000, MS: 100}, "bulk": {50 * US: 500}}, lost=7)
RUN = of_document(MADE, "runs/a.json")
MERGED = merge([RUN, of_document(document({"bulk": {60 * US: 300}}, seed=2), "runs/b.json")])
LOG = Result(
    "x.hlog", "interval log", Part("", {"response": Histogram.of([(30 * US, 50)])}), notes=("values read as ns",)
)
ALL = [
    RUN,
    MERGED,
    LOG,
    cut(RUN, Slice(streams=("bulk",))),
    of_document(with_intervals(MADE, [({US: 5}, 0)]), "i.json"),
]


@pytest.mark.parametrize("result", ALL, ids=lambda result: result.source)
def test_every_form_has_the_same_percentiles(result: Result) -> None:
    document = figures.of_result(result, ["response"], QUANTILES)
    expected = {p["name"]: p for p in document["whole"]["latency"]["response"]["percentiles"]}
    rows = list(csv_module.DictReader(io.StringIO(csv.render([result], ["response"], QUANTILES))))
    whole = [row for row in rows if row["of"] == "whole"]
    assert [float(row["q"]) for row in whole] == list(QUANTILES)
    for row, p in zip(whole, expected.values(), strict=True):
        assert (int(row["value_ns"]), row["state"], int(row["beyond"])) == (p["value_ns"], p["state"], p["beyond"])
        assert row["upper_ns"] == ("" if p["upper_ns"] is None else str(p["upper_ns"]))
    shown = text.render(result, ["response"], QUANTILES)
    table = markdown.render([result], ["response"], QUANTILES)
    for name in expected:
        assert re.search(rf"^{re.escape(name)} ", shown, re.MULTILINE)
        assert f" {name} |" in table


@pytest.mark.parametrize("result", ALL, ids=lambda result: result.source)
def test_text_has_80_columns(result: Result) -> None:
    shown = [text.render(result, ["response", "service"], QUANTILES), text.side_by_side([result, MERGED], "response")]
    for line in "\n".join(shown).splitlines():
        assert len(line) <= 80 or line.startswith("note "), line


def test_side_by_side_each_result_has_a_line_with_its_verdict() -> None:
    failed = changed(MADE, "gates", [{"stream": None, "gate": "p99 < 1us", "state": "fail", "reason": "slow"}])
    few = changed(MADE, "gates", [{"stream": None, "gate": "p99 < 1us", "state": "inconclusive", "reason": "few"}])
    results = [RUN, of_document(failed, "b.json"), of_document(few, "a/very/long/path/to/c.json"), LOG]
    head, *lines = text.side_by_side(results, "response").splitlines()
    assert head.split() == ["sent/s", "P50", "P99", "P99.99", "max", "lost", "gates"]
    assert [line.split()[-1] for line in lines] == ["pass", "fail", "incon.", "-"]
    assert lines[2].startswith("…y/long/path/to/c.json"[-17:]) or lines[2].startswith("…")
    assert lines[0].startswith("runs/a.json ") and " 9,607 " in lines[0] and "0.07 %" in lines[0]
    assert "≥ 100 ms" in lines[0], "a lost pulse is not an answer"


def test_the_text_of_a_single_run_is_that_of_the_bench_by_its_histograms() -> None:
    edited = changed(MADE, "latency", {"response": "forged"})
    shown = text.of_run(of_document(edited, "a.json"))
    assert shown.startswith("rttp bench: ") and "P99.99" in shown and "forged" not in shown


def test_the_text_says_what_a_result_is_made_of() -> None:
    shown = text.render(MERGED, ["response"], QUANTILES)
    assert shown.splitlines()[0] == "rttp report: 2 results: runs/a.json, runs/b.json (result, 2 runs)"
    assert "note       runs of 2 different plans" in shown
    assert "pulses     sent 9,907, answered 9,900, lost 7 (0.07 %)" in shown
    assert "stalls     4 of 100 µs or more, longest 500 µs" in shown
    assert re.search(r"^bulk +400 ", shown, re.MULTILINE), "sent in all the time of all runs"


def test_an_hgrm_is_read_back_to_the_same_counts(tmp_path: Path) -> None:
    (tmp_path / "a.hgrm").write_text(hgrm.render(RUN, "response"), encoding="ascii")
    (back,) = load(tmp_path / "a.hgrm", unit="ns")
    given = RUN.whole.histograms["response"]
    assert back.whole.histograms["response"].samples == given.samples
    for q in (0.5, 0.99, 1.0):
        assert back.whole.histograms["response"].quantile(q) >= given.quantile(q)
    assert back.whole.histograms["response"].max == given.max


def test_an_hgrm_is_that_of_the_library_on_the_same_bytes() -> None:
    file = io.BytesIO()
    HdrHistogram.decode(MADE["histograms"]["response"]).output_percentile_distribution(file, 1.0)
    assert hgrm.render(RUN, "response") == file.getvalue().decode()
    with pytest.raises(RttpError, match="no samples of `wakeup`"):
        hgrm.render(RUN, "wakeup")


def test_nothing_of_a_name_is_markdown_or_html() -> None:
    names = document({"<b>|*x*": {20 * US: 10}, "[a](b)": {30 * US: 10}})
    shown = markdown.render([of_document(names, "a|b.json")], ["response"], (0.5,))
    assert "\\<b\\>\\|\\*x\\*" in shown and "\\[a\\]\\(b\\)" in shown and "a\\|b.json" in shown
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in shown.splitlines()}
    assert cells == {7}, "every row has the same cells"


def paths(value: Any, path: str = "") -> set[str]:
    """Dotted paths of all keys; items of a list are `[]`, keys of counts and names of metrics are left out."""
    if isinstance(value, dict) and not path.endswith("counts"):
        found = set()
        for key, inner in value.items():
            name = f"{path}.{'METRIC' if path.endswith('latency') else key}".removeprefix(".")
            found |= {name} | paths(inner, name)
        return found
    if isinstance(value, list):
        return {found for item in value for found in paths(item, path + "[]")}
    return set()


def test_the_document_has_the_keys_that_are_documented() -> None:
    found = paths(json.loads(json.dumps(figures.report([RUN, MERGED, LOG]), allow_nan=False)))
    same = r"^results\[\]\.(streams|bands)\[\]\."
    of_parts = {re.sub(same, "results[].whole.", path) for path in found}
    documented = set(re.findall(r"^\| `((?:schema|results)[^` ]*)` \|", DOC, re.MULTILINE))
    assert {path for path in of_parts if "_priority" not in path} == documented
    assert "`rttp.report/1`" in DOC and figures.SCHEMA == "rttp.report/1"


def test_the_columns_of_csv_are_documented() -> None:
    assert f"`{','.join(csv.COLUMNS)}`" in DOC
