"""`rttp gate`: each verdict, its exit code and its forms, on documents whose figures are known."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cli.conftest import Done, Run
from rttp_cli._core import Histogram
from rttp_cli.bench import BenchOptions, run
from rttp_cli.report.document import summarise

US, MS = 1_000, 1_000_000
QUIET = {20 * US: 9_800}
SLOW = {20 * US: 9_800, 5 * MS: 200}


@pytest.fixture(scope="module")
def base() -> dict[str, Any]:
    """A real run, of which all keys but the figures below stay."""
    return summarise(run(BenchOptions(rate=2_000, duration_ns=200 * MS, warmup_ns=MS)), 300 * US, 0.99)


@pytest.fixture
def write(base: dict[str, Any], tmp_path: Path) -> Any:
    """Writes a result with these figures and gives its path."""

    def written(
        response: Mapping[int, int] = SLOW,
        undisturbed: Mapping[int, int] | None = None,
        *,
        name: str = "run.json",
        gates: list[tuple[str | None, str]] | None = None,
        lost: int = 0,
        **changes: Any,
    ) -> str:
        found = copy.deepcopy(base)
        n = sum(response.values())
        counts = {"sent": n, "answered": n - lost, "lost": lost, "unfinished": 0, "one_way": 0, "unsent": 0}
        texts = {"response": encoded(response), "service": encoded(response), "undisturbed": encoded(undisturbed or {})}
        (stream,) = found["streams"]
        for part in (found, stream):
            part["counts"] |= counts
            part["histograms"] |= texts
        band = found["bands"][0]
        band |= {"sent": n, "answered": n - lost, "missing": lost, "response": encoded(response)}
        found["bands"] = [band]
        core = {"core": 1, "role": "sender", "count": 14, "total_ns": 40 * MS, "longest_ns": 4_200 * US, "stalls": []}
        found["stalls"] |= {"watched": undisturbed is not None, "cores": [] if undisturbed is None else [core]}
        found |= {"intervals": [], "sending_ns": found["run"]["duration_ns"]} | changes
        if gates is not None:
            found["gates"] = [{"stream": s, "gate": g, "state": "pass", "reason": ""} for s, g in gates]
        path = tmp_path / name
        path.write_text(json.dumps(found), encoding="utf-8")
        return str(path)

    return written


def encoded(values: Mapping[int, int]) -> str:
    return Histogram.of(list(values.items())).encode()


def error(done: Done) -> tuple[int, str, str]:
    """Exit code, slug, message; nothing may be on stdout."""
    assert done.out == ""
    slug, _, message = done.err.splitlines()[0].removeprefix("error[").partition("]: ")
    return done.code, slug, message


def test_a_gate_that_holds_exits_0_and_says_by_how_much(rttp: Run, write: Any) -> None:
    done = rttp("gate", write(), "--expr", "stream[pulses].p50 < 1ms")
    assert (done.code, done.err) == (0, "")
    assert done.out == "pass          pulses: p50 < 1ms   P50 20.0 µs < 1.00 ms (10,000 samples)\n"


def test_a_slow_target_exits_1(rttp: Run, write: Any) -> None:
    done = rttp("gate", write(SLOW, SLOW), "-e", "p99 < 1ms")
    assert done.code == 1
    assert done.out.startswith("fail          p99 < 1ms   P99 5.00 ms ≥ 1.00 ms; no stall touched a pulse")


def test_a_stalled_machine_exits_6_and_says_what_it_would_be_without_stalls(rttp: Run, write: Any) -> None:
    done = rttp("gate", write(SLOW, QUIET), "-e", "p99 < 1ms")
    assert done.code == 6
    assert (
        "the machine's own stalls explain it: without the 2.00 % of pulses that stalls touched"
        " (14 stalls, longest 4.20 ms): P99 20.0 µs < 1.00 ms" in done.out
    )


def test_too_few_samples_exit_6_and_say_how_long_to_run(rttp: Run, write: Any) -> None:
    done = rttp("gate", write(QUIET, QUIET), "-e", "p99.99 < 1ms")
    assert done.code == 6
    assert "P99.99 needs 36,887 samples, there are 9,800; a run of about 753 ms would tell (now 200 ms)" in done.out


@pytest.mark.parametrize(("taken", "code"), [("pass", 0), ("fail", 1)])
def test_inconclusive_can_be_taken_for_another_and_that_is_said(rttp: Run, write: Any, taken: str, code: int) -> None:
    done = rttp("gate", write(SLOW, QUIET), "-e", "p99 < 1ms", "--inconclusive", taken)
    assert (done.code, done.err) == (code, f"note: inconclusive counts as {taken} (--inconclusive)\n")
    assert done.out.startswith("inconclusive ")
    failing = rttp("gate", write(SLOW, SLOW), "-e", "p99 < 1ms", "--inconclusive", taken)
    assert (failing.code, failing.err) == (1, "")


def test_a_failure_beside_something_inconclusive_exits_1(rttp: Run, write: Any) -> None:
    assert rttp("gate", write(SLOW, QUIET), "-e", "p99 < 1ms", "-e", "p50 < 1us").code == 1


def test_gates_of_files_and_of_the_profile_are_judged_once_each(rttp: Run, write: Any, tmp_path: Path) -> None:
    file = tmp_path / "limits.txt"
    file.write_text("# what we promise\n\np50 < 1ms  # half\nloss <= 1%\n", encoding="utf-8")
    result = write(gates=[("pulses", "p50 < 2ms"), (None, "response.p50 < 1000us")])
    done = rttp("gate", result, "--gates", str(file), "-e", "loss<=1%", "--json")
    assert done.code == 0
    (judged,) = json.loads(done.out)["results"]
    assert [(gate["stream"], gate["gate"]) for gate in judged["gates"]] == [
        (None, "loss<=1%"),
        (None, "p50 < 1ms"),
        ("pulses", "p50 < 2ms"),
    ]
    alone = rttp("gate", result, "--gates", str(file), "--no-profile-gates", "--json")
    assert len(json.loads(alone.out)["results"][0]["gates"]) == 2


def test_several_results_are_judged_together_or_each(rttp: Run, write: Any) -> None:
    fast, slow = write(QUIET, name="a.json"), write({5 * MS: 100}, name="b.json", started_unix_ns=1)
    together = rttp("gate", fast, slow, "-e", "p90 < 1ms", "-e", "samples >= 9900", "--json")
    found = json.loads(together.out)
    assert (together.code, found["state"], len(found["results"])) == (0, "pass", 1)
    each = rttp("gate", fast, slow, "-e", "p90 < 1ms", "--each")
    assert each.code == 1
    assert [line.split()[0] for line in each.out.splitlines()] == [f"{fast}:", "pass", f"{slow}:", "fail"]


def test_a_run_that_was_stopped_or_built_for_debugging_is_told(rttp: Run, write: Any, base: dict[str, Any]) -> None:
    result = write(interrupted=True, rttp=base["rttp"] | {"profile": "debug"})
    done = rttp("gate", result, "-e", "p50 < 1ms")
    assert done.code == 0
    assert done.err == (
        f"note: {result}: the run was stopped before its time\n"
        f"note: {result}: measured by a debug build: its figures mean nothing\n"
    )
    assert rttp("gate", result, "-e", "p50 < 1ms", "-q").err == ""


def test_every_form_has_every_verdict(rttp: Run, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    gates = ["-e", "p50 < 1ms", "-e", "p50 < 1us", "-e", "p99 < 1ms"]
    files = {form: tmp_path / f"gate.{form}" for form in ("junit", "tap", "gitlab")}
    options = [option for form, file in files.items() for option in (f"--{form}", str(file))]
    done = rttp("gate", write(SLOW, QUIET), *gates, *options, "--github")
    assert done.code == 1
    shown = done.out.splitlines()
    assert [line.split()[0] for line in shown] == ["pass", "fail", "inconclusive", "::error", "::warning"]
    suite = ET.parse(files["junit"]).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert files["tap"].read_text(encoding="utf-8").count("ok ") == 3
    assert [one["severity"] for one in json.loads(files["gitlab"].read_text(encoding="utf-8"))] == ["major", "info"]
    table = summary.read_text(encoding="utf-8")
    assert table.startswith("before\n### ❌ Latency gates: fail\n") and table.count("\n| ") == 4


def test_a_form_on_stdout_is_alone_there(rttp: Run, write: Any) -> None:
    result = write(SLOW, SLOW)
    done = rttp("gate", result, "-e", "p99 < 1ms", "--junit", "-", "--github")
    assert ET.fromstring(done.out)[0].get("failures") == "1"
    assert done.err.startswith("::error ")
    twice = rttp("gate", result, "-e", "p99 < 1ms", "--junit", "-", "--json")
    assert error(twice) == (2, "usage", "`--json` and `--junit` both go to stdout")


def test_no_form_overwrites_a_result_or_is_half_written(rttp: Run, write: Any, tmp_path: Path) -> None:
    result = write()
    assert error(rttp("gate", result, "-e", "p50 < 1ms", "--tap", result))[:2] == (2, "bad-option")
    assert error(rttp("gate", result, "-e", "p50 < 1ms", "--tap", str(tmp_path / "no" / "t")))[:2] == (5, "unwritable")


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (["p99 < 5"], "`--expr`: `p99 < 5`: at character 6: found `5`, expected a time such as 500us"),
        (["p99 < nanms"], "`--expr`: `p99 < nanms`: at character 6: found `nanms`, expected a time such as 500us"),
        (["p99 < 1ms", "p99 > 2ms"], "`p99 > 2ms` and `p99 < 1ms` cannot both hold"),
        (["p50 > 2ms", "p99 < 1ms"], "`p50 > 2ms` and `p99 < 1ms` cannot both hold"),
    ],
)
def test_gates_that_cannot_be_understood_or_kept_exit_2(rttp: Run, write: Any, gates: list[str], message: str) -> None:
    options = [option for gate in gates for option in ("-e", gate)]
    assert error(rttp("gate", write(), *options)) == (2, "bad-gate", message)


def test_a_stream_that_is_not_there_exits_2_and_the_hint_has_the_name(rttp: Run, write: Any) -> None:
    done = rttp("gate", write(), "-e", "stream[pulse].p99 < 1ms")
    assert error(done)[:2] == (2, "bad-gate")
    assert done.err.endswith("hint: did you mean `pulses`?\n")


def test_no_gate_at_all_is_no_pass(rttp: Run, write: Any, tmp_path: Path) -> None:
    nothing = tmp_path / "none.txt"
    nothing.write_text("# nothing yet\n", encoding="utf-8")
    result = write()
    for options in ([], ["--gates", str(nothing)]):
        assert error(rttp("gate", result, *options)) == (2, "usage", "there is no gate to judge by")


def test_a_file_of_gates_names_the_line_that_is_none(rttp: Run, write: Any, tmp_path: Path) -> None:
    file = tmp_path / "limits.txt"
    file.write_text("p99 < 1ms\nlos < 1%\n", encoding="utf-8")
    _, slug, message = error(rttp("gate", write(), "--gates", str(file)))
    assert (slug, message.startswith(f"`{file}` line 2: `los < 1%`: at character 0: ")) == ("bad-gate", True)
    file.write_bytes(b"p99 < 1\xff")
    assert error(rttp("gate", write(), "-g", str(file))) == (2, "bad-gate", f"`{file}`: byte 7 is not UTF-8")
    assert error(rttp("gate", write(), "-g", str(tmp_path)))[:2] == (3, "unreadable")


def test_what_was_edited_or_is_empty_exits_3(rttp: Run, write: Any, tmp_path: Path) -> None:
    edited = write(gates=[(None, "p99 < soon")])
    code, slug, message = error(rttp("gate", edited))
    assert (code, slug) == (3, "bad-result")
    assert message.startswith(f"{edited}: gates[0].gate: `p99 < soon`: at character 6")
    nothing = write({})
    assert error(rttp("gate", nothing, "-e", "p99 < 1ms"))[:2] == (3, "bad-result")
    void = tmp_path / "void.json"
    void.write_bytes(b"")
    assert error(rttp("gate", str(void), "-e", "p99 < 1ms"))[:2] == (3, "bad-result")
    assert error(rttp("gate", str(tmp_path / "gone.json"), "-e", "p99 < 1ms"))[:2] == (3, "unreadable")


def test_a_histogram_of_another_program_is_judged_by_its_latencies_alone(rttp: Run, tmp_path: Path) -> None:
    file = tmp_path / "other.txt"
    file.write_text(encoded({20: 9_800, 5_000: 200}), encoding="utf-8")
    done = rttp("gate", str(file), "--unit", "us", "-e", "p50 < 1ms", "-e", "p99 < 1ms", "-e", "loss < 1%", "-q")
    assert done.code == 1
    assert [line.split()[0] for line in done.out.splitlines()] == ["pass", "fail", "inconclusive"]
    assert "whether stalls explain it is not known: the result does not say" in done.out
