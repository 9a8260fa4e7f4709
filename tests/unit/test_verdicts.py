"""Verdicts for CI servers: each form valid by its own rules, and none that a name or a reason can break out of."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from rttp_cli.report.judge import GateVerdict
from rttp_cli.report.verdicts import Row, Sheet, document, github, gitlab, junit, lines, tap

MS = 1_000_000
SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).with_name("junit.xsd"))))
HOSTILE = "a]]><b>&\"'|`# SKIP\x1b[31m\x00\ud800\r\n::error::x %0A ok 9 \\"

PASS = GateVerdict(
    "control", "p99 <= 1ms", "pass", "P99 212 µs ≤ 1.00 ms", "ns", 212_000, MS, (198_000, 230_000), samples=48_211
)
FAIL = GateVerdict(None, "loss <= 1%", "fail", "20.00 % lost", "share", 0.2, 0.01, (0.2, 0.2))
UNKNOWN = GateVerdict(
    None, "p99.99 < 1s", "inconclusive", "P99.99 needs 36,887 samples", "ns", 9e5, 1e9, (0, None), 100, 36_887
)
SHEET = Sheet("run.json", 13_500 * MS, (Row(PASS, "gates.txt", 3), Row(FAIL, "gates.txt", 7), Row(UNKNOWN, "run.json")))
BAD = Sheet(
    HOSTILE,
    None,
    tuple(Row(GateVerdict(HOSTILE, HOSTILE, s, HOSTILE), HOSTILE) for s in ("pass", "fail", "inconclusive")),
)


def test_a_line_says_state_gate_figure_interval_and_samples() -> None:
    assert list(lines.render([SHEET])) == [
        "pass          control: p99 <= 1ms   P99 212 µs ≤ 1.00 ms (198 µs … 230 µs, 48,211 samples)",
        "fail          loss <= 1%            20.00 % lost",
        "inconclusive  p99.99 < 1s           P99.99 needs 36,887 samples",
    ]


def test_colour_is_the_state_s_and_several_results_have_their_names() -> None:
    shown = list(lines.render([SHEET, SHEET], colour=True))
    assert shown[0] == "run.json:" == shown[4]
    assert shown[1].startswith("\x1b[32mpass ") and shown[2].startswith("\x1b[31mfail ")
    assert len(shown) == 8


def test_lines_hold_no_control_characters() -> None:
    for line in lines.render([BAD, BAD]):
        assert line.isprintable(), ascii(line)


def checked_junit(sheets: list[Sheet]) -> ET.Element:
    text = junit.render(sheets).encode("utf-8", "strict")
    SCHEMA.assertValid(etree.fromstring(text))
    return ET.fromstring(text)


def test_junit_has_a_suite_a_result_and_counts_that_add_up() -> None:
    root = checked_junit([SHEET, SHEET])
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "2", "0")
    suite = root[0]
    assert suite.attrib == {
        "name": "run.json", "tests": "3", "failures": "1", "errors": "0", "skipped": "1", "time": "13.500",
    }  # fmt: skip
    assert [case.get("name") for case in suite] == ["control: p99 <= 1ms", "loss <= 1%", "p99.99 < 1s"]
    assert [child.tag for case in suite for child in case] == ["system-out", "failure", "skipped"]
    assert suite[1][0].get("message") == "20.00 % lost"
    assert (suite[2][0].get("message") or "").startswith("inconclusive: P99.99 needs 36,887 samples")


@given(st.text(max_size=60), st.sampled_from(["pass", "fail", "inconclusive"]))
def test_any_text_makes_valid_junit(text: str, state: str) -> None:
    root = checked_junit([Sheet(text, None, (Row(GateVerdict(text, text, state, text), text),))])  # type: ignore[arg-type]
    assert len(root[0]) == 1


def test_no_gates_and_hostile_ones_are_valid_junit_too() -> None:
    assert len(checked_junit([Sheet("a", 0, ())])[0]) == 0
    assert len(checked_junit([BAD])[0]) == 3


def test_tap_numbers_its_points_and_skips_what_nobody_can_tell() -> None:
    shown = list(tap.render([SHEET]))
    assert shown[:2] == ["TAP version 14", "1..3"]
    points = [line for line in shown if re.match(r"(not )?ok ", line)]
    assert points == [
        "ok 1 - control: p99 <= 1ms",
        "not ok 2 - loss <= 1%",
        "ok 3 - p99.99 < 1s # SKIP inconclusive: P99.99 needs 36,887 samples",
    ]
    blocks = "\n".join(shown).split("  ---\n")[1:]
    assert [yaml.safe_load(block.split("  ...")[0])["message"] for block in blocks] == [
        "P99 212 µs ≤ 1.00 ms (198 µs … 230 µs, 48,211 samples)",
        "20.00 % lost",
    ]


def test_no_name_makes_a_tap_directive_or_a_point_of_its_own() -> None:
    shown = "\n".join(tap.render([BAD, SHEET]))
    points = [line for line in shown.splitlines() if re.match(r"(not )?ok\b", line)]
    assert len(points) == 6 and shown.splitlines()[1] == "1..6"
    assert [bool(re.search(r"(?<!\\)# *SKIP", point)) for point in points] == [False, False, True, False, False, True]


def test_github_is_told_of_what_does_not_pass_where_the_gate_is_written() -> None:
    assert list(github.commands([SHEET])) == [
        "::error file=gates.txt,line=7,title=rttp gate fail::loss <= 1%25: 20.00 %25 lost",
        "::warning file=run.json,line=1,title=rttp gate inconclusive::p99.99 < 1s: P99.99 needs 36,887 samples",
    ]


def test_an_annotation_is_one_command_on_one_line() -> None:
    for line in github.commands([BAD]):
        assert not re.search(r"[\r\n]", line)
        where, _, _ = line.removeprefix("::").partition("::")
        properties = where.split(" ", 1)[1].split(",")
        assert [p.partition("=")[0] for p in properties] == ["file", "line", "title"]


def test_the_summary_is_a_table_whatever_the_names_are() -> None:
    shown = list(github.summary([SHEET]))
    assert shown[0] == "### ❌ Latency gates: fail"
    assert "| ✅ pass | control: p99 &lt;= 1ms | P99 212 µs ≤ 1.00 ms (198 µs … 230 µs, 48,211 samples) |" in shown
    for line in github.summary([BAD]):
        assert not re.search(r"[\r\n]", line) and "<" not in line
        assert len(re.findall(r"(?<!\\)\|", line)) in (0, 4)


def test_gitlab_has_a_finding_for_each_gate_that_does_not_pass() -> None:
    found = json.loads(gitlab.render([SHEET]))
    assert [(one["severity"], one["location"]) for one in found] == [
        ("major", {"path": "gates.txt", "lines": {"begin": 7}}),
        ("info", {"path": "run.json", "lines": {"begin": 1}}),
    ]
    assert found[0]["description"] == "loss <= 1%: fail: 20.00 % lost"
    assert {one["check_name"] for one in found} == {"rttp gate"}
    assert json.loads(gitlab.render([Sheet("a", 0, (Row(PASS, "a"),))])) == []


def test_a_fingerprint_names_the_gate_and_not_its_figures() -> None:
    def fingerprints(*verdicts: GateVerdict) -> list[str]:
        sheet = Sheet("run.json", 0, tuple(Row(verdict, "run.json") for verdict in verdicts))
        return [one["fingerprint"] for one in json.loads(gitlab.render([sheet]))]

    (before,) = fingerprints(FAIL)
    worse = GateVerdict(FAIL.stream, FAIL.gate, "fail", "30.00 % lost")
    assert fingerprints(worse) == [before]
    assert len({before, *fingerprints(UNKNOWN)}) == 2
    assert len({one["fingerprint"] for one in json.loads(gitlab.render([BAD, BAD]))}) == 2, "a result each"


def test_the_document_has_the_worst_state_the_exit_code_and_every_figure() -> None:
    found = json.loads(json.dumps(document([SHEET], 1), allow_nan=False))
    assert (found["schema"], found["state"], found["exit_code"]) == ("rttp.gate/1", "fail", 1)
    (result,) = found["results"]
    assert result["source"] == "run.json"
    first, _, last = result["gates"]
    assert (first["observed"], first["limit"], first["interval"]) == (212_000, MS, [198_000, 230_000])
    assert (last["interval"], last["samples_needed"]) == ([0, None], 36_887)


def test_the_document_s_keys_are_in_the_docs() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "GATES.md").read_text(encoding="utf-8")
    found = document([SHEET], 1)
    keys = {*found, *found["results"][0], *found["results"][0]["gates"][0]}
    keys |= {"touched_share", "stalls", "total_ns", "longest_ns"}
    missing = {key for key in keys if not re.search(rf"^\| `(?:[a-z_.\[\]]+\.)?{key}` \|", docs, re.MULTILINE)}
    assert not missing
