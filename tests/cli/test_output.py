"""Standard output that is full, closed, without a reader, or without the letters."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from unit.result_samples import document

RTTP = (sys.executable, "-c", "from rttp_cli.cli import main; main()")
FAILING = ("-e", "p99 < 1us")


@pytest.fixture
def result(tmp_path: Path) -> str:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document()), encoding="utf-8")
    return str(path)


def rttp(*arguments: str, **how: object) -> subprocess.CompletedProcess[str]:
    command = [*RTTP, *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False, **how)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("form", [(), ("--json",), ("--tap", "-")])
def test_a_verdict_keeps_its_exit_code_when_nobody_reads_it(result: str, form: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = rttp("gate", result, *FAILING, *form, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    "command", [("gate", *FAILING), ("gate", *FAILING, "--json"), ("report",), ("report", "--csv")]
)
def test_a_full_disk_is_named(result: str, command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = rttp(command[0], result, *command[1:], stdout=full)
    assert done.returncode == 5
    assert done.stderr.startswith("error[unwritable]: ")
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_stdout_is_an_error_and_not_a_bug(result: str) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *RTTP, "gate", result, *FAILING],
        stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 5
    assert done.stderr.startswith("error[unwritable]: standard output is closed\n")


def test_letters_that_an_encoding_lacks_are_escaped(result: str) -> None:
    done = rttp(
        "gate", result, *FAILING, stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )  # fmt: skip
    assert done.returncode == 1
    assert "\\xb5s" in done.stdout
