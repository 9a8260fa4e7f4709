"""Several runs that answer one question, from the command line: small ones, for what they print and leave."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rttp_cli.cli import main
from rttp_cli.report.runs import render_runs

SHORT = ("--point", "60ms", "--quiet", "--pin", "none", "--no-awake")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["bench", *arguments])
    shown = capsys.readouterr()
    return int(end.value.code or 0), shown.out, shown.err


def test_a_sweep_has_a_point_for_each_rate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "sweep.json"
    code, text, _ = run(capsys, "--sweep", "500,1k,2k", "--out", str(out), *SHORT)
    assert code == 0
    document = json.loads(out.read_text(encoding="utf-8"))
    assert (document["schema"], document["kind"], document["interrupted"]) == ("rttp.runs/1", "sweep", False)
    assert [point["rate_mps"] for point in document["points"]] == [500, 1_000, 2_000]
    assert all(point["result"]["counts"]["answered"] > 0 for point in document["points"])
    assert text.strip() == render_runs(document)
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_range_of_rates_rises_by_a_factor(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "--sweep", "500..2k:3", "--json", *SHORT)
    assert code == 0
    assert [round(p["rate_mps"]) for p in json.loads(text)["points"]] == [500, 1_000, 2_000]


def test_a_search_finds_a_rate_that_holds_and_the_curve_up_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    # The limit is the rate's own: whatever this host does, at most 4,000 a second are let through.
    code, text, _ = run(
        capsys, "--rate", "2k", "--search", "lateness.p50 <= 10s", "--tolerance", "100", "--json", *SHORT
    )
    assert code == 0
    document = json.loads(text)
    assert document["limit_mps"] >= 2_000
    assert {point["state"] for point in document["points"]} <= {"pass", "inconclusive"}
    assert [point["label"] for point in document["points"]] == [f"{n}% of the limit" for n in (10, 50, 90, 100)]
    held = [p["rate_mps"] for p in document["searched"] if p["state"] == "pass"]
    assert held.count(document["limit_mps"]) >= 2, "it held when it was found and again"


def test_a_gate_that_never_holds_has_no_limit(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "--rate", "200", "--search", "response.p50 <= 1ns", "--point", "50ms", *SHORT[2:])
    assert code == 0
    assert "limit      none: the gates do not hold at any rate" in text


def test_a_matrix_measures_each_class_alone_and_under_each(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "--matrix", "32,224", "--json", *SHORT)
    assert code == 0
    document = json.loads(text)
    assert document["capacity_pps"] > 0
    pairs = [(point["priority"], point["flooding"]) for point in document["points"]]
    assert pairs == [(32, None), (32, 32), (32, 224), (224, None), (224, 32), (224, 224)]
    for point in document["points"]:
        names = [stream["name"] for stream in point["result"]["streams"]]
        assert names == ["probe"] if point["flooding"] is None else ["probe", "flood"]
    assert all(len(line) <= 80 for line in render_runs(document).splitlines())


def test_an_explanation_tries_the_ways_to_wait(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "--explain", "--point", "60ms", "--quiet", "--json")
    assert code == 0
    document = json.loads(text)
    waits = [(p["result"]["run"]["spin"], p["result"]["run"]["mode"]) for p in document["points"]]
    assert (False, "ping-pong") in waits and len(waits) >= 2
    assert all(point["adds"] for point in document["points"])
    assert all(len(line) <= 80 for line in render_runs(document).splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--search", "response.p99 < 1ms", "--explain"), "two questions"),
        (("--search", "respnse.p99 < 1ms"), "did you mean `response`?"),
        (("--sweep", "fast"), "`fast` is not a rate"),
        (("--sweep", "2k..1k:3"), "is not FROM..TO:COUNT"),
        (("--sweep", "0"), "expected 1 to 100 rates"),
        (("--matrix", "1,300"), "expected different priorities"),
        (("--matrix", "5,5"), "expected different priorities"),
        (("--matrix", "1", "--rate", "5"), "makes its own traffic"),
        (("hft", "--explain"), "makes its own traffic"),
        (("--sweep", "1k", "--point", "1ms"), "`--point` is too short"),
        (("--sweep", "1", "--point", "100ms"), "less than two messages in a point"),
        (("--mode", "flood", "--sweep", "1k"), "no rate that could be changed"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(capsys, *arguments, "--quiet")
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.9, 1.13, 1.41])
def test_a_signal_at_any_moment_ends_a_search_and_keeps_what_was_found(by: signal.Signals, after: float) -> None:
    command = [
        sys.executable,
        "-c",
        "from rttp_cli.cli import main; main()",
        "bench",
        "--rate",
        "100",
        "--point",
        "60ms",
    ]
    command += ["--search", "lateness.p50 <= 10s", "--json", "--pin", "none"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        program.stderr.readline()
        time.sleep(after)
        program.send_signal(by)
        out, _ = program.communicate(timeout=20)
    assert program.returncode == 130
    document = json.loads(out)
    assert document["interrupted"] and document["searched"]
