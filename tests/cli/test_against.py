"""`rttp bench --repeat` and `--against`: short runs, for what they print, leave and exit with."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rttp_cli.bench.run import run as really_run
from rttp_cli.cli import _repeat
from rttp_cli.errors import RttpError

from .conftest import Run

SHORT = ("-d", "60ms", "-w", "10ms", "-q", "--pin", "none", "--no-awake")
ANY = ("--at", "50", "--tolerance", "1000")
"""Whatever this host does meanwhile, it does not change the median elevenfold."""


def test_the_same_run_is_made_again_and_again(rttp: Run, tmp_path: Path) -> None:
    out = tmp_path / "runs.json"
    done = rttp("bench", "-r", "2k", "--repeat", "3", "-o", str(out), *SHORT)
    assert (done.code, done.err) == (0, "")
    document = json.loads(out.read_text(encoding="utf-8"))
    assert (document["schema"], document["kind"], document["interrupted"]) == ("rttp.runs/1", "repeat", False)
    assert [point["label"] for point in document["points"]] == ["run 1", "run 2", "run 3"]
    assert "run to run" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_the_limit_is_that_of_each_runs_verdict(rttp: Run) -> None:
    limit = ("--limit", "1ms", "--limit-at", "90")
    for several in ((), ("--against=--size 500",)):
        done = rttp("bench", "-r", "2k", "--repeat", "1", "--json", *several, *limit, *SHORT)
        verdicts = [point["result"]["verdict"] for point in json.loads(done.out)["points"]]
        assert {(verdict["q"], verdict["limit_ns"]) for verdict in verdicts} == {(0.9, 1_000_000)}


def test_gates_are_judged_on_all_runs_together(rttp: Run, tmp_path: Path) -> None:
    profile = tmp_path / "gated.yaml"
    for gate, code in (("loss <= 100%", 0), ("response.p50 < 1ns", 1), ("response.p99.99 < 1h", 6)):
        text = f"{{run: {{duration: 60ms, warmup: 0s}}, streams: [{{name: a, rate: 1k}}], gates: ['{gate}']}}"
        profile.write_text(text, encoding="utf-8")
        done = rttp("bench", str(profile), "--repeat", "2", "--json", "-q", "--pin", "none", "--no-awake")
        assert done.code == code, gate
        assert [verdict["gate"] for verdict in json.loads(done.out)["gates"]] == [gate]


def test_options_are_compared_in_turns(rttp: Run) -> None:
    done = rttp("bench", "-r", "2k", "--repeat", "4", "--against=--size 1000", "--json", *ANY, *SHORT)
    document = json.loads(done.out)
    assert [(point["side"], point["pair"]) for point in document["points"]] == [
        ("A", 1), ("B", 1), ("B", 2), ("A", 2), ("A", 3), ("B", 3), ("B", 4), ("A", 4),
    ]  # fmt: skip
    sizes = {point["side"]: point["result"]["run"]["size"] for point in document["points"]}
    assert sizes == {"A": 1000, "B": 138}
    comparison = document["comparison"]
    assert (comparison["paired"], comparison["base"]["runs"], comparison["new"]["runs"]) == (True, 4, 4)
    assert done.code == {"pass": 0, "fail": 1, "inconclusive": 6}[comparison["state"]]
    assert any("pulses.size.bytes 936 against 74" in note for note in comparison["notes"])


def test_the_base_can_have_a_default_back_and_keeps_the_rest(rttp: Run) -> None:
    done = rttp("bench", "-r", "1k", "--stamps", "--repeat", "1", "--against=--awake", "--json", *ANY, *SHORT)
    found = {point["side"]: point["result"] for point in json.loads(done.out)["points"]}
    asked = {side: {one["what"] for one in result["host"]["asked"]} for side, result in found.items()}
    assert "cpu-dma-latency" in asked["A"] and "cpu-dma-latency" not in asked["B"]
    assert all(result["clocks"]["wakeup"] for result in found.values()), "what is not named is as in the new runs"


def test_a_profile_and_a_target_are_bases(rttp: Run, tmp_path: Path) -> None:
    for name, size in (("a", 100), ("b", 200)):
        text = f"{{run: {{duration: 60ms, warmup: 0s}}, streams: [{{name: s, rate: 1k, size: {size}}}]}}"
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    quiet = ("-q", "--pin", "none", "--no-awake", "--json", "--repeat", "1")
    done = rttp("bench", str(tmp_path / "b.yaml"), "--against", str(tmp_path / "a.yaml"), *quiet)
    sizes = {p["side"]: p["result"]["run"]["size"] for p in json.loads(done.out)["points"]}
    assert sizes == {"A": 164, "B": 264}
    nobody = rttp("bench", "-r", "1k", "--against", "127.0.0.1:1", *quiet)
    assert nobody.code == 4


def test_recorded_runs_are_a_base_that_is_not_made_again(rttp: Run, tmp_path: Path) -> None:
    out = str(tmp_path / "base.json")
    assert rttp("bench", "-r", "2k", "--repeat", "3", "-o", out, *SHORT).code == 0
    asked = ("bench", "-r", "2k", "--repeat", "3", *ANY, *SHORT)
    done = rttp(*asked, "--against", out, "--json")
    document = json.loads(done.out)
    assert (document["kind"], document["base"], document["interleaved"]) == ("against", out, False)
    assert {point["side"] for point in document["points"]} == {"B"}
    assert document["comparison"]["paired"] is False
    refused = rttp(*asked, "--against", out, "--interleave")
    assert (refused.code, refused.out) == (2, "")
    assert "was recorded" in refused.err


def test_a_baseline_is_a_base(rttp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTTP_BASELINES", str(tmp_path / "baselines"))
    out = str(tmp_path / "base.json")
    assert rttp("bench", "-r", "2k", "--repeat", "3", "-o", out, *SHORT).code == 0
    assert rttp("baseline", "save", out, "--name", "tip").code == 0
    done = rttp("bench", "-r", "2k", "--repeat", "3", "--against", "@tip", "--json", *ANY, *SHORT)
    assert json.loads(done.out)["comparison"]["base"]["runs"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--repeat", "0"), "`--repeat` is 0"),
        (("--repeat", "3", "--explain"), "makes its own runs"),
        (("--repeat", "3", "--pcapng", "x.pcapng"), "`--pcapng` is of one run"),
        (("--against=--nonsense",), "no such option"),
        (("--against=--json",), "`--json` changes no run"),
        (("--against=--size 'x",), "`--against` is"),
        (("--against=--rate 5k --mode ping-pong",), "ping-pong"),
        (("--against=", "--repeat", "1"), "`--against` is empty"),
        (("--against", "a b c"), "is not HOST"),
        (("--repeat", "2", "--tolerance", "much"), "`--tolerance`"),
        (("--repeat", "2", "--interleave"), "`--interleave` says how --against compares"),
        (("--no-interleave",), "`--interleave` says how --against compares"),
        (("--at", "99"), "`--at` says how --against compares"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    rttp: Run, arguments: tuple[str, ...], message: str
) -> None:
    done = rttp("bench", "-r", "1k", *SHORT, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message.lower() in done.err.lower()


def test_results_that_are_not_there_are_said_before_anything_is_sent(rttp: Run) -> None:
    done = rttp("bench", "-r", "1k", "--against", "./nowhere.json", *SHORT)
    assert (done.code, done.out) == (3, "")


def test_a_baseline_that_is_not_there_is_said_before_anything_is_sent(
    rttp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTTP_BASELINES", str(tmp_path))
    done = rttp("bench", "-r", "1k", "--against", "@main", *SHORT)
    assert (done.code, done.out) == (3, "")
    assert "error[no-baseline]" in done.err


@pytest.fixture
def base(rttp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of one run at 2,000/s that is the baseline `main`, too."""
    monkeypatch.setenv("RTTP_BASELINES", str(tmp_path / "baselines"))
    out = str(tmp_path / "base.json")
    assert rttp("bench", "-r", "2k", "-o", out, *SHORT).code == 0
    assert rttp("baseline", "save", out).code == 0
    return out


def test_a_base_of_other_traffic_is_said_after_the_first_run(rttp: Run, base: str, tmp_path: Path) -> None:
    out = tmp_path / "new.json"
    for name, slug in ((base, "bad-result"), ("@main", "no-baseline")):
        done = rttp("bench", "-r", "1k", "--repeat", "50", "--against", name, "--json", "-o", str(out), *SHORT)
        assert done.code == 3
        assert f"error[{slug}]" in done.err and "traffic" in done.err
        document = json.loads(done.out)
        assert (len(document["points"]), document["interrupted"], document["comparison"]) == (1, True, None)
        assert json.loads(out.read_text(encoding="utf-8")) == document


def test_runs_are_delivered_though_comparing_them_fails(
    rttp: Run, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first run and the last somebody removed the baseline, or pressed Ctrl-C."""
    out = tmp_path / "new.json"
    for end, code in ((RttpError("bad-result", "it is gone"), 3), (KeyboardInterrupt(), 130)):

        def gone(*_: object, end: BaseException = end, **__: object) -> None:
            raise end

        monkeypatch.setattr(_repeat._Sides, "check", lambda *_: None)
        monkeypatch.setattr(_repeat._Sides, "compared", gone)
        done = rttp("bench", "-r", "2k", "--repeat", "2", "--against", base, "--json", "-o", str(out), *SHORT)
        assert done.code == code
        document = json.loads(done.out)
        assert (len(document["points"]), document["interrupted"], document["comparison"]) == (2, False, None)
        assert json.loads(out.read_text(encoding="utf-8")) == document


@pytest.mark.parametrize("several", [("--repeat", "3"), ("--repeat", "3", "--against=--size 500")])
def test_runs_are_delivered_though_a_later_one_cannot_be_made(
    rttp: Run, monkeypatch: pytest.MonkeyPatch, several: tuple[str, ...]
) -> None:
    left = [2]

    def run(*given: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise RttpError("unreachable", "there is no route to the target")
        return really_run(*given)

    monkeypatch.setattr("rttp_cli.bench.explore.points.run", run)
    done = rttp("bench", "-r", "2k", *several, "--json", *SHORT)
    assert done.code == 4
    document = json.loads(done.out)
    assert (len(document["points"]), document["interrupted"]) == (2, True)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_runs_that_were_made(by: signal.Signals) -> None:
    command = [sys.executable, "-c", "from rttp_cli.cli import main; main()", "bench", "-r", "1k", "-d", "100ms"]
    command += ["--repeat", "500", "--against=--size 500", "--json", "--pin", "none", "--no-awake"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        for _ in range(3):
            program.stderr.readline()
        program.send_signal(by)
        out, _ = program.communicate(timeout=30)
    assert program.returncode == 130
    document = json.loads(out)
    assert document["interrupted"] and document["comparison"] is None
    assert len(document["points"]) >= 3


def test_the_gates_that_decide_over_several_runs_are_told(rttp: Run) -> None:
    gates = "gates=[response.p50 <= 1ns, response.p50 <= 1h]"
    done = rttp("bench", "ci-smoke", "--set", gates, "--repeat", "2", *SHORT)
    told = [line for line in done.out.splitlines() if line.startswith("gate ")]
    assert any("response.p50 <= 1ns" in line for line in told)
    assert any(line.startswith("gate       pass: response.p50 <= 1h") for line in told)
    assert done.code in (1, 6), "a stalled machine may excuse it, and nothing else can"
    assert all(len(line) <= 80 for line in done.out.splitlines())
