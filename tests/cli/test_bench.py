"""`rttp bench` as users type it: what it prints where, with which exit code, and that its counts add up.

No latency is held to a bound: limits are a nanosecond or an hour.
"""

import io
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from loopback.ends import (
    KIND,
    PATIENCE,
    RTTP,
    Program,
    error_of,
    peer,
    pulse,
    refused,
    rttp,
    threads,
    turned,
    wait_until,
    wait_until_it_waits,
)

from rttp_cli import _core
from rttp_cli.bench import Progress
from rttp_cli.cli import _progress

SHORT = ("-d", "100ms", "-w", "20ms")
OPEN_LOOP = ("--rate", "2k")


def result_of(*arguments: str) -> dict[str, Any]:
    """The document of a run that ends well."""
    done = rttp("bench", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def samples(document: dict[str, Any], name: str) -> int:
    return int(HdrHistogram.decode(document["histograms"][name]).get_total_count())


def shape(value: Any) -> Any:
    """The keys of a document without its values."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items() if key not in {"rejects", "stalls"}}
    return [shape(value[0])] if isinstance(value, list) and value else None


@pytest.mark.parametrize("pace", [(), ("--mode", "open-loop", *OPEN_LOOP)])
def test_a_run_is_told_on_stdout_and_nothing_on_stderr(pace: tuple[str, ...]) -> None:
    done = rttp("bench", *SHORT, *pace)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("rttp bench: open loop at 2,000/s" if "--rate" in pace else "rttp bench: ping-pong")
    assert "open (no session, no seal)" in lines[0], "every report says that nothing is sealed"
    names = [line.split(" ")[0] for line in lines]
    for name in ("target", "host", "pulses", "rate", "peer", "round", "P50", "P99.99", "max", "processor", "verdict"):
        assert name in names, done.stdout
    assert "\x1b" not in done.stdout


def test_json_and_file_hold_the_same_document(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    printed = result_of(*SHORT, "--out", str(out))
    assert json.loads(out.read_text(encoding="utf-8")) == printed
    assert printed["schema"] == "rttp.result/1"


@pytest.mark.parametrize("pace", [(), OPEN_LOOP])
def test_the_file_of_a_run_shown_as_text_has_the_keys_of_the_json(tmp_path: Path, pace: tuple[str, ...]) -> None:
    out = tmp_path / "result.json"
    done = rttp("bench", *SHORT, *pace, "-o", str(out))
    assert done.returncode == 0, done.stderr
    kept = json.loads(out.read_text(encoding="utf-8"))
    assert shape(kept) == shape(result_of(*SHORT, *pace))
    counts = kept["counts"]
    assert f"sent {counts['sent']:,}, answered {counts['answered']:,}, lost {counts['lost']:,}" in done.stdout
    assert kept["verdict"]["reason"] in " ".join(done.stdout.split())


@pytest.mark.parametrize("pace", [(), OPEN_LOOP])
def test_every_pulse_is_a_sample_and_both_ends_agree(pace: tuple[str, ...]) -> None:
    document = result_of(*SHORT, *pace, "--timeout", "5s")
    counts, told = document["counts"], document["peer"]
    assert counts["sent"] > 0
    assert counts["answered"] + counts["lost"] == counts["sent"]
    for name in ("response", "service", "lateness"):
        assert samples(document, name) == counts["sent"], name
    assert samples(document, "wakeup") == 0
    assert told["received"] == counts["sent_in_all"] >= counts["sent"]
    assert told["received"] == document["responder"]["received"]
    assert told["bytes"] == 138 * told["received"]
    assert (told["answered"], told["rejects"], counts["rejects"]) == (told["received"], {}, {})
    for name, latency in document["latency"].items():
        assert latency["samples"] == samples(document, name)


def test_an_open_loop_sends_every_pulse_of_its_schedule() -> None:
    document = result_of("-d", "200ms", "-w", "100ms", "--rate", "1k")
    assert document["counts"]["sent"] == 200
    assert document["run"] | {"rate_pps": 1000.0, "mode": "open-loop"} == document["run"]


@pytest.mark.parametrize("pace", [(), OPEN_LOOP])
def test_a_count_ends_a_run_early(pace: tuple[str, ...]) -> None:
    document = result_of("-d", "60s", "-w", "0s", "-n", "17", *pace)
    assert document["counts"]["sent"] == 17
    assert document["interrupted"] is False


def test_kernel_stamps_show_the_wake_up_of_every_answer() -> None:
    document = result_of(*SHORT, "--stamps", "-n", "50", "--timeout", "5s")
    assert samples(document, "wakeup") == document["counts"]["answered"] == 50


@pytest.mark.parametrize("size", [64, 65_507])
def test_the_smallest_and_the_largest_pulse_go_through(size: int) -> None:
    document = result_of("-d", "60s", "-w", "0s", "-n", "20", "--size", str(size), "--timeout", "5s")
    assert document["counts"]["answered"] == 20
    assert document["peer"]["bytes"] == size * document["peer"]["received"]


def test_pulses_on_the_wire_are_what_was_asked_for() -> None:
    taken: list[dict[str, Any]] = []

    def look(datagram: bytes) -> bytes | None:
        taken.append(dict(_core.parse(datagram).fields) | {"length": len(datagram)})
        return turned(datagram)

    arguments = ("-w", "0s", "-n", "3", "-s", "100", "-p", "7", "--seed", "4294967295", "--timeout", "20s")
    with peer(look) as (target, _):
        document = result_of("-t", target, *arguments)
    assert document["counts"]["answered"] == 3
    pings = [pulse for pulse in taken if pulse["kind"] == KIND["PING"]]
    assert {(pulse["version"], pulse["priority"], pulse["length"], pulse["flags"]) for pulse in pings} == {
        (1, 7, 100, 0)
    }
    seqs = [pulse["seq_id"] for pulse in pings]
    assert seqs[-3:] == [0xFFFF_FFFF, 0, 1], "the sequence starts at the seed and wraps"
    assert set(seqs[:-3]) <= {0xFFFF_FFFE, 0xFFFF_FFFD, 0xFFFF_FFFC}, "before it come those that look for the target"
    stamps = [pulse["timestamp_ns"] for pulse in pings]
    assert stamps == sorted(stamps)


def test_a_limit_decides_the_verdict_and_not_the_exit_code() -> None:
    assert result_of(*SHORT, "--limit", "1ns", "--limit-at", "50")["verdict"]["state"] == "fail"
    verdict = result_of(*SHORT, "--limit", "1h", "--limit-at", "50")["verdict"]
    assert (verdict["state"], verdict["q"], verdict["limit_ns"]) == ("pass", 0.5, 3_600_000_000_000)
    few = result_of("-w", "0s", "-n", "5", "--limit", "1h")["verdict"]
    assert few["state"] == "inconclusive"
    assert few["reason"] == "P99.99 needs 36,887 samples, there are 5"


# Faults are of what we send, drawn from a seed: with a count they are the same in every run.
LOSSY = ("-d", "60s", "-w", "0s", "-n", "200", "--timeout", "20ms", "--fault", "loss=10%")


def test_a_tenth_lost_makes_p99_unbounded_in_the_text(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = rttp("bench", *LOSSY, "--out", str(out))
    assert done.returncode == 0, done.stderr
    document = json.loads(out.read_text(encoding="utf-8"))
    counts = document["counts"]
    assert 5 < counts["lost"] < 100
    assert counts["answered"] + counts["lost"] == counts["sent"] == 200
    assert samples(document, "response") == 200, "a lost pulse is a sample, too"
    assert document["verdict"]["state"] == "fail"
    assert re.search(r"^P99 +unbounded +2 +≥ .*: more lost$", done.stdout, re.MULTILINE)
    assert re.search(r"^P50 +[\d.]+ [nµm]?s ", done.stdout, re.MULTILINE)
    assert re.search(r"^verdict +fail: P99\.99 is unbounded, ", done.stdout, re.MULTILINE)
    assert "faults     loss 0.1 (seed 1)" in done.stdout


def test_faults_show_in_the_counts() -> None:
    start = ("-d", "60s", "-w", "0s", "-n", "300", "--rate", "2k")
    twice = result_of(*start, "--fault", "duplicate=1", "--timeout", "5s")
    assert twice["counts"]["duplicates"] > 0
    assert twice["peer"]["received"] > twice["counts"]["sent_in_all"]
    broken = result_of(*start, "--size", "64", "--fault", "corrupt=0.5,seed=3", "--timeout", "200ms")
    assert broken["peer"]["rejects"].keys() & {"bad-version", "unknown-kind", "unknown-flag"}
    assert broken["counts"]["answered"] + broken["counts"]["lost"] == broken["counts"]["sent"] == 300
    swapped = result_of(*start, "--fault", "reorder=20%", "--fault", "seed=3")
    assert swapped["counts"]["reordered"] > 0


def test_nothing_delivered_is_no_answer() -> None:
    assert error_of(rttp("bench", *SHORT, "--timeout", "200ms", "--fault", "loss=100%")) == (4, "no-answer")


def test_a_silent_target_is_no_answer() -> None:
    with peer(lambda _: None) as (target, seen):
        done = rttp("bench", *SHORT, "--timeout", "200ms", "-t", target)
        assert seen[0] >= 1
    assert error_of(done) == (4, "no-answer")
    assert target in done.stderr


def test_a_target_that_falls_silent_is_no_answer() -> None:
    answered = iter([True])
    with peer(lambda datagram: turned(datagram) if next(answered, False) else None) as (target, _):
        done = rttp("bench", *SHORT, "--timeout", "100ms", "-t", target)
    assert done.returncode == 4
    assert done.stderr.startswith("error[no-answer]: none of ")


def test_a_closed_port_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{found.getsockname()[1]}"
    done = rttp("bench", *SHORT, "-t", target)
    assert error_of(done) == (4, "refused")
    assert target in done.stderr


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", pulse("DATA")],
    ids=["text", "no-pong"],
)
def test_a_target_that_talks_something_else_is_not_rttp(garbage: bytes) -> None:
    with peer(lambda _: garbage) as (target, _):
        done = rttp("bench", *SHORT, "--timeout", "200ms", "-t", target)
    assert error_of(done) == (4, "not-rttp")
    assert f"answered {len(garbage)} bytes" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "0"),
        ("--rate", "-1"),
        ("--rate=-1",),
        ("--rate", "1e12"),
        ("--rate", "1e400"),
        ("--rate", "nan"),
        ("--rate", "inf"),
        ("--rate", "fast"),
        ("--rate", "100s"),
        ("--rate", ""),
        ("--rate", "1", "-d", "1s"),
        ("--size", "63"),
        ("--size", "65508"),
        ("--size", "1GiB"),
        ("--size", "-64"),
        ("--size", "nan"),
        ("--priority", "256"),
        ("--priority", "-1"),
        ("--duration", "5"),
        ("--duration", "0s"),
        ("--duration", "-1s"),
        ("--duration", "9000h"),
        ("--warmup", "-1s"),
        ("--warmup", "soon"),
        ("--timeout", "0s"),
        ("--count", "0"),
        ("--limit", "300"),
        ("--limit-at", "0"),
        ("--limit-at", "100"),
        ("--limit-at", "-1"),
        ("--limit-at", "nan"),
        ("--mode", "open-loop"),
        ("--mode", "ping-pong", "--rate", "1k"),
        ("--fifo", "100"),
        ("--fifo", "50", "--spin"),
        ("--fifo", "50", "--target", "127.0.0.1"),
        ("--pin", "99999"),
        ("--pin", "all"),
        ("--receive-buffer", "1"),
        ("--fault", "loss"),
        ("--fault", "loss=2"),
        ("--fault", "loss=-1%"),
        ("--fault", "loss=nan"),
        ("--fault", "loss=most"),
        ("--fault", "fire=1"),
        ("--fault", "=1"),
        ("--fault", ""),
        ("--fault", "delay=5"),
        ("--fault", "seed=x"),
        ("--fault", "seed=18446744073709551616"),
    ],
    ids="_".join,
)
def test_options_beside_their_range_are_refused_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert refused(capsys, "bench", *arguments) == (2, "bad-option")


def test_a_refusal_is_the_programs_exit_code() -> None:
    assert error_of(rttp("bench", "--rate", "0")) == (2, "bad-option")


@pytest.mark.parametrize("target", ["", "127.0.0.1:0", "127.0.0.1:65536", "[::1", ":::", "a..b", "127.0.0.1:\u0663"])
def test_a_target_that_is_no_address_is_refused(capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert refused(capsys, "bench", "-t", target) == (2, "bad-target")


@pytest.mark.parametrize(
    "arguments",
    [("--nonsense",), ("default", "stray"), ("--mode", "sideways"), ("--count", "x"), ("--limit-at", "x"), ("--rate",)],
)
def test_what_cannot_be_understood_is_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert refused(capsys, "bench", *arguments) == (2, "usage")


def test_more_pulses_on_their_way_than_can_be_held_is_the_hosts_limit() -> None:
    assert error_of(rttp("bench", *SHORT, "--rate", "1M", "--timeout", "1h")) == (5, "host-limit")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such" / "result.json"
    done = rttp("bench", "-d", "60s", "--out", str(missing))
    assert error_of(done) == (5, "unwritable"), "before the run, not after a minute"
    assert error_of(rttp("bench", *SHORT, "--out", str(tmp_path))) == (5, "unwritable")


def without_privileges() -> list[str]:
    """A program that starts another without the right to real-time priorities."""
    program = shutil.which("setpriv")
    limit = shutil.which("prlimit")
    assert program and limit, "setpriv and prlimit are missing: apt-get install util-linux"
    capless = [program, "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", "--"] if os.geteuid() == 0 else []
    return [limit, "--rtprio=0:0", "--", *capless]


def test_a_priority_on_request_that_the_kernel_refuses_is_forbidden() -> None:
    done = rttp("bench", *SHORT, *OPEN_LOOP, "--fifo", "50", prefix=without_privileges())
    assert error_of(done) == (5, "forbidden")


def test_a_priority_of_our_own_choice_that_the_kernel_refuses_is_said_and_done_without() -> None:
    done = rttp("bench", *SHORT, *OPEN_LOOP, "--json", prefix=without_privileges())
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    asked = [a for a in document["responder"]["asked"] if a["what"] == "fifo"]
    one_core = document["run"]["sender_core"] == document["run"]["responder_core"]
    assert [a["granted"] for a in asked] == ([] if one_core else [False])


@pytest.fixture
def long_run() -> Iterator[tuple[Program, list[int]]]:
    """A run of a minute that has measured a little."""
    with (
        peer(turned) as (target, seen),
        Program("bench", "-t", target, "-d", "60s", "-w", "0s", "--rate", "200", "--json", "--quiet") as program,
    ):
        wait_until("pulses", lambda: seen[0] > 20)
        wait_until_it_waits(program.process)
        yield program, seen


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_and_what_was_measured_is_kept(
    long_run: tuple[Program, list[int]], by: signal.Signals
) -> None:
    begun = time.monotonic()
    done = long_run[0].stop(by)
    assert time.monotonic() - begun < 2
    # SIGTERM as well: the run is not what was asked for, so it is not 0.
    assert (done.returncode, done.stderr) == (130, "")
    document = json.loads(done.stdout)
    counts = document["counts"]
    assert document["interrupted"] is True
    assert counts["answered"] > 10
    assert 0 < document["sending_ns"] < 60_000_000_000
    assert samples(document, "response") == counts["answered"] + counts["lost"] <= counts["sent"]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_in_its_text_that_it_was_stopped(by: signal.Signals) -> None:
    with Program("bench", "-d", "60s", "-w", "0s") as program:
        wait_until("a responder", lambda: "rttp-server" in threads(program.process.pid).values())
        wait_until_it_waits(program.process)
        begun = time.monotonic()
        done = program.stop(by)
        assert time.monotonic() - begun < 2
    assert done.returncode == 130, done.stderr
    assert re.search(r"^stopped    after .* of 60\.0 s$", done.stdout, re.MULTILINE), done.stdout
    assert "verdict    " in done.stdout
    assert "Traceback" not in done.stderr


def test_looking_for_a_silent_target_can_be_interrupted() -> None:
    with (
        peer(lambda _: None) as (target, seen),
        Program("bench", "-t", target, "-d", "60s", "--timeout", "1h") as program,
    ):
        wait_until("a pulse", lambda: seen[0] > 0)
        wait_until_it_waits(program.process)
        done = program.stop(signal.SIGINT)
    assert done.returncode == 130, done.stderr
    assert "sent 0, answered 0, lost 0" in done.stdout


def on_terminal(*arguments: str, stdout: bool, stderr: bool, **environment: str) -> tuple[int, str, str]:
    """Runs a command with one or both of its outputs on a terminal; exit code, stdout and stderr."""
    ends: list[tuple[int, int]] = [pty.openpty() if terminal else os.pipe() for terminal in (stdout, stderr)]
    texts = [b"", b""]

    def drain(which: int) -> None:
        # A terminal whose program has ended gives an error rather than an end of file.
        try:
            while part := os.read(ends[which][0], 65_536):
                texts[which] += part
        except OSError:
            pass

    kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    process = subprocess.Popen(
        [RTTP, *arguments], stdout=ends[0][1], stderr=ends[1][1], env=kept | {"TERM": "xterm"} | environment
    )
    threads = [threading.Thread(target=drain, args=(which,), daemon=True) for which in (0, 1)]
    for _, writing in ends:
        os.close(writing)
    for thread in threads:
        thread.start()
    try:
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        for thread in threads:
            thread.join(PATIENCE)
        for reading, _ in ends:
            os.close(reading)
    out, err = (text.decode("utf-8") for text in texts)
    return code, out, err


# Runs that are meant to last longer than 1.5 s show their progress.
SHOWN = ("-d", "60s", "-w", "0s", "--rate", "200", "-n", "120")


def test_progress_leaves_the_json_whole() -> None:
    code, out, err = on_terminal("bench", "--json", *SHOWN, stdout=False, stderr=True)
    assert code == 0, err
    assert json.loads(out)["counts"]["sent"] == 120


@pytest.mark.parametrize(
    ("terminal", "shown"), [(True, "10 answered, 2 lost"), (False, "3 of 5 s: sent 12, answered 10, lost 2\n")]
)
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere_always_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool, shown: str
) -> None:
    class Stderr(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    def refuse() -> None:
        raise PermissionError

    stderr = Stderr()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(_progress, "PLAIN_EVERY", 0.01)
    # Progress takes idle time only, and a busy machine has none; where the kernel refuses, it is drawn all the same.
    monkeypatch.setattr(_core, "idle_thread", refuse)
    with _progress.show(lambda: Progress(12, 10, 2, 3.0), 5.0, 0.0):
        wait_until("progress", lambda: shown in stderr.getvalue())
    assert ("\x1b" in stderr.getvalue()) == terminal
    assert capsys.readouterr().out == ""


def test_quiet_shows_no_progress() -> None:
    code, out, err = on_terminal("bench", "--quiet", *SHOWN, stdout=False, stderr=True)
    assert (code, err) == (0, "")
    assert "verdict" in out


def test_a_terminal_gets_colours_unless_it_wants_none() -> None:
    code, coloured, _ = on_terminal("bench", *SHORT, stdout=True, stderr=False)
    assert code == 0
    assert "\x1b[1m" in coloured
    code, plain, _ = on_terminal("bench", *SHORT, stdout=True, stderr=False, NO_COLOR="1")
    assert (code, "\x1b" in plain) == (0, False)
    assert "verdict" in plain
    code, out, _ = on_terminal("bench", "--json", *SHORT, stdout=True, stderr=False)
    assert (code, "\x1b" in out) == (0, False)
    json.loads(out)
