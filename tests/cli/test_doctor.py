"""`rttp doctor` as users type it: what it prints where, with which exit code, and how it is stopped."""

import json
import os
import signal
import time
from typing import Any

import pytest
from loopback.ends import Program, error_of, refused, rttp, threads, wait_until

from rttp_cli.cli import doctor as command
from rttp_cli.doctor import DoctorOptions, Step
from rttp_cli.doctor.checks import ALL, OF_ENVIRONMENT

QUICK = ("doctor", "-d", "200ms")


def document_of(text: str) -> dict[str, Any]:
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def test_it_judges_every_measurement_on_eighty_columns_and_tells_its_progress() -> None:
    done = rttp(*QUICK)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80, done.stdout
    lines = done.stdout.splitlines()
    assert lines[0].startswith("rttp doctor: ")
    assert lines[-1].startswith("summary: ")
    shown = {line.split()[1] for line in lines if line.startswith(("ok ", "warn ", "bad "))}
    assert {"stalls", "clock", "udp-block"} <= shown <= set(ALL)
    told = done.stderr.splitlines()
    assert told[0] == "measuring stalls of all cores: 0.2 s"
    assert all(line.startswith("measuring ") for line in told) and len(told) == 5
    assert "\x1b" not in done.stdout


def test_json_is_all_there_is_on_stdout_and_quiet_leaves_stderr_empty() -> None:
    done = rttp(*QUICK, "--json", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    found = document_of(done.stdout)
    assert found["schema"] == "rttp.doctor/1" and not found["interrupted"]
    judged = [finding["name"] for finding in found["findings"]]
    assert sorted(judged + found["unread"]) == sorted(ALL)
    assert sum(found["summary"].values()) == len(judged)
    for core in found["floors"]["stalls"]["cores"]:
        # Threads of this host start late, never early: less than asked for, and not nothing.
        assert 0 < core["watched_ns"] < 10_000_000_000


def test_without_floors_it_reads_and_measures_nothing() -> None:
    done = rttp("doctor", "--skip-floors", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = document_of(done.stdout)
    assert found["floors"] is None
    assert {finding["name"] for finding in found["findings"]} <= set(OF_ENVIRONMENT)
    assert "skip  all measurements, as asked" in rttp("doctor", "--skip-floors").stdout


def test_a_target_is_looked_up_and_nothing_is_sent_to_it() -> None:
    # Nobody listens on that port of this host: a datagram there would come back as an error.
    done = rttp("doctor", "--skip-floors", "--target", "127.0.0.1:9")
    assert done.returncode == 0 and "to 127.0.0.1 through lo" in " ".join(done.stdout.split())


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_what_was_measured_is_kept(by: signal.Signals) -> None:
    with Program("doctor", "-d", "600s", "--json") as program:
        assert program.first_line() == "measuring stalls of all cores: 600 s\n"
        wait_until("watching", lambda: any("rttp-watch" in name for name in threads(program.process.pid).values()))
        time.sleep(0.1)
        begun = time.monotonic()
        done = program.stop(by)
        assert time.monotonic() - begun < 5
    assert (done.returncode, done.stderr) == (130, "")
    found = document_of(done.stdout)
    assert found["interrupted"] is True
    assert {core["core"] for core in found["floors"]["stalls"]["cores"]} == os.sched_getaffinity(0)
    assert found["floors"]["ring"] is None and "ring" in found["unread"]
    assert "stalls" in {finding["name"] for finding in found["findings"]}


def test_one_core_is_enough_for_a_diagnosis() -> None:
    core = min(os.sched_getaffinity(0))
    done = rttp(*QUICK, "--json", "-q", prefix=("taskset", "-c", str(core)))
    assert done.returncode == 0, done.stderr
    found = document_of(done.stdout)
    assert set(found["floors"]["skipped"]) == {"ring", "udp_spin"}
    cores = next(finding for finding in found["findings"] if finding["name"] == "cores")
    assert cores["state"] == "warn"


@pytest.mark.parametrize(
    ("options", "slug"),
    [
        (("-d", "1ms"), "bad-option"),
        (("-d", "2h"), "bad-option"),
        (("-d", "3"), "bad-option"),
        (("-t", "a b"), "bad-target"),
        (("-t", "127.0.0.1:99999"), "bad-target"),
        (("--no-such-option",), "usage"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], slug: str
) -> None:
    assert refused(capsys, "doctor", *options) == (2, slug)


def test_a_failure_leaves_nothing_on_stdout() -> None:
    assert error_of(rttp("doctor", "-d", "soon")) == (2, "bad-option")


def test_progress_is_shown_only_for_what_takes_over_two_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step("stalls", "stalls of all cores", 1.9)
    monkeypatch.setattr("rttp_cli.doctor.floors.steps", lambda _: [step])
    with command._progress(DoctorOptions(), False) as tell:
        tell(step)
    assert capsys.readouterr().err == ""


def test_the_bar_is_drawn_when_a_measurement_starts_and_not_while_it_lasts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with command._bar(5.0) as tell:
        tell(Step("stalls", "stalls of all cores", 3.0))
        first = capsys.readouterr().err
        time.sleep(0.3)
        assert capsys.readouterr().err == "", "a redraw would be a stall on a core that is watched"
        tell(Step("ring", "core to core", 2.0))
        second = capsys.readouterr().err
    assert "stalls of all cores (3 s)" in first
    assert "core to core (2 s)" in second and "3.0 of 5.0 s" in second
