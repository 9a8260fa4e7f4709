"""`rttp bench` with gates: each one's verdict, and an exit code that a build can act on."""

import json
from pathlib import Path
from typing import Any

import pytest
from loopback.ends import rttp

PROFILE = """
run: {{duration: 200ms, warmup: 20ms, rate: 2k}}
streams:
  - name: probe
    weight: 3
    timeout: 100ms
    deadline: 50ms
    gates: [{stream}]
  - {{name: parts, weight: 1, size: 400, fragments: 4, timeout: 100ms}}
gates: [{whole}]
"""


def bench(tmp_path: Path, whole: str, stream: str = "", *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, text and document of a run with these gates."""
    (tmp_path / "gated.yaml").write_text(PROFILE.format(whole=whole, stream=stream), encoding="utf-8")
    out = tmp_path / "run.json"
    done = rttp("bench", str(tmp_path / "gated.yaml"), "-q", "--out", str(out), *arguments)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout, json.loads(out.read_text(encoding="utf-8"))


def states(document: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    return [(gate["stream"], gate["gate"], gate["state"]) for gate in document["gates"]]


def test_gates_that_hold_exit_0(tmp_path: Path) -> None:
    code, shown, document = bench(tmp_path, "loss <= 100%, rate >= 1%", "misses <= 100%, lateness.max >= 0ns")
    assert code == 0
    assert states(document) == [
        (None, "loss <= 100%", "pass"),
        (None, "rate >= 1%", "pass"),
        ("probe", "misses <= 100%", "pass"),
        ("probe", "lateness.max >= 0ns", "pass"),
    ]
    assert "\ngate       pass: misses <= 100% [probe]: " in shown
    assert "\nverdict" not in shown, "gates take the place of --limit"


@pytest.mark.parametrize("of", ["whole", "stream"])
def test_a_gate_that_fails_exits_1(tmp_path: Path, of: str) -> None:
    gates = {"whole": "loss <= 100%", "stream": "loss <= 100%"} | {of: "service.p50 <= 1ns"}
    code, shown, document = bench(tmp_path, **gates)
    assert code == 1
    assert sorted(gate["state"] for gate in document["gates"]) == ["fail", "pass"]
    assert "\ngate       fail: service.p50 <= 1ns" in shown


def test_lost_pulses_fail_a_gate_on_loss_and_on_the_maximum(tmp_path: Path) -> None:
    code, _, document = bench(tmp_path, "loss <= 1%", "response.max <= 1h", "--fault", "loss=50%")
    assert code == 1
    assert {state for _, _, state in states(document)} == {"fail"}


def test_too_few_samples_exit_6(tmp_path: Path) -> None:
    code, shown, document = bench(tmp_path, "loss <= 100%", "service.p99.99 <= 1h")
    assert code == 6
    assert states(document) == [(None, "loss <= 100%", "pass"), ("probe", "service.p99.99 <= 1h", "inconclusive")]
    assert "P99.99 needs 36,887 samples" in " ".join(shown.split())


def test_a_failure_beside_something_inconclusive_exits_1(tmp_path: Path) -> None:
    code, _, _ = bench(tmp_path, "service.p50 <= 1ns", "service.p99.99 <= 1h")
    assert code == 1


def test_a_message_is_held_to_its_gate(tmp_path: Path) -> None:
    code, _, document = bench(tmp_path, "message.max <= 1h, message.max >= 1ns")
    assert code == 0
    assert [state for _, _, state in states(document)] == ["pass", "pass"]


def test_the_document_on_stdout_has_the_gates_and_the_exit_code_is_theirs(tmp_path: Path) -> None:
    code, shown, document = bench(tmp_path, "service.p50 <= 1ns", "", "--json")
    assert code == 1
    assert json.loads(shown) == document


def test_without_gates_there_is_no_such_key_and_the_verdict_does_not_exit(tmp_path: Path) -> None:
    code, shown, document = bench(tmp_path, "", "", "--limit", "1ns", "--limit-at", "50")
    assert code == 0
    assert "gates" not in document
    assert document["verdict"]["state"] == "fail"
    assert "\nverdict    fail: P50 " in shown
