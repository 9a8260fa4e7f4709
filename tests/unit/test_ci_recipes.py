"""The action, the template and the recipes of docs/CI.md: YAML, shell, exit codes that mean what they say."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parents[2]
ACTION = yaml.safe_load((TOP / ".github/actions/latency-gate/action.yml").read_text(encoding="utf-8"))
TEMPLATE = yaml.safe_load((TOP / ".gitlab/latency-gate.yml").read_text(encoding="utf-8"))
DOC = (TOP / "docs" / "CI.md").read_text(encoding="utf-8")
JOB = TEMPLATE[".latency-gate"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


def scripts(value: Any) -> Iterator[str]:
    """Every script in a workflow, an action or a pipeline."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("run", "script"):
                yield from [inner] if isinstance(inner, str) else inner
            else:
                yield from scripts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scripts(inner)


RECIPES = [yaml.safe_load(block) for block in blocks("yaml")]
SHELL = [*scripts([ACTION, TEMPLATE, RECIPES]), *blocks("sh"), *re.findall(r"sh '([^']+)'", DOC)]


def test_there_is_a_recipe_for_each() -> None:
    assert len(RECIPES) == 3 and len(SHELL) >= 10


@pytest.mark.parametrize("script", SHELL)
def test_every_script_is_shell(script: str) -> None:
    subprocess.run(["bash", "-n", "-c", script], check=True, timeout=30)


def test_recipes_name_inputs_and_outputs_of_the_action_and_variables_of_the_template() -> None:
    step = RECIPES[0]["jobs"]["latency"]["steps"][1]
    assert TOP.joinpath(step["uses"]).is_dir()
    assert set(step["with"]) <= set(ACTION["inputs"])
    outputs = set(re.findall(r"steps\.latency\.outputs\.(\w+)", DOC))
    assert outputs and outputs <= set(ACTION["outputs"])
    assert TOP.joinpath(RECIPES[2]["include"][0]["local"]).is_file()
    assert RECIPES[2]["latency"]["extends"] in TEMPLATE
    assert set(RECIPES[2]["latency"]["variables"]) <= set(JOB["variables"])


def test_no_input_is_pasted_into_a_script() -> None:
    assert not [script for script in scripts(ACTION) if "${{" in script]


def run(script: str, tmp_path: Path, bench: int, gate: int, **environment: str) -> tuple[int, list[str]]:
    """Exit code of a script, and what it asked of an `rttp` whose commands exit so."""
    stub = tmp_path / "rttp"
    asked = tmp_path / "asked"
    stub.write_text(
        f'#!/bin/sh\necho "$@" >>{asked}\ncase $1 in bench) exit {bench};; gate) exit {gate};; esac\n', encoding="utf-8"
    )
    stub.chmod(0o755)
    output = tmp_path / "output"
    fixed = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(output)}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=tmp_path, env=fixed | environment, check=False, timeout=30, capture_output=True,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.returncode, asked.read_text(encoding="utf-8").splitlines()


MEASURE, JUDGE = (step["run"] for step in ACTION["runs"]["steps"][1:])


@pytest.mark.parametrize(("bench", "code"), [(0, 0), (1, 0), (6, 0), (2, 2), (4, 4), (130, 130)])
def test_the_action_leaves_the_verdict_to_the_gate_and_no_failure_to_measure_unseen(
    tmp_path: Path, bench: int, code: int
) -> None:
    assert run(MEASURE, tmp_path, bench, 0, PROFILE="a b", OPTIONS="--rate=5k\n\n--set=run.seed=7\n") == (
        code,
        [f"bench a b --rate=5k --set=run.seed=7 --quiet --out {tmp_path}/rttp.json"],
    )


@pytest.mark.parametrize("gate", [0, 1, 2, 3, 6])
def test_the_action_ends_as_the_gate_does(tmp_path: Path, gate: int) -> None:
    code, asked = run(JUDGE, tmp_path, 0, gate, RESULTS="a.json\nb.json", GATES="p99 < 1ms", INCONCLUSIVE="pass")
    assert code == gate
    assert asked[0].startswith(f"gate a.json b.json --gates {tmp_path}/rttp.gates --inconclusive pass --github")
    assert (tmp_path / "rttp.gates").read_text(encoding="utf-8") == "p99 < 1ms\n"


@pytest.mark.parametrize(("bench", "gate", "code"), [(0, 0, 0), (1, 1, 1), (6, 6, 6), (1, 0, 0), (4, 0, 4), (0, 3, 3)])
def test_the_template_fails_when_measuring_or_the_gate_does(tmp_path: Path, bench: int, gate: int, code: int) -> None:
    script = "\n".join(JOB["script"])
    ended, asked = run(script, tmp_path, bench, gate, RTTP_PROFILE="ci-smoke", RTTP_GATES="p99 < 1ms")
    assert ended == code
    assert len(asked) == (1 if bench == 4 else 2)
    assert JOB["allow_failure"] == {"exit_codes": 6}
