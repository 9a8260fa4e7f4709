"""`--metrics` of `rttp bench` and `rttp recv`: what a scrape of the running command holds, and how it ends."""

import json
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback.ends import PATIENCE, Program, error_of, pulse, refused, rttp, wait_until
from prometheus_client.parser import text_string_to_metric_families as parse

RECV = ("recv", "--echo", "-l", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
BENCH = ("bench", "--rate", "500", "-w", "0s", "--interval", "100ms", "--metrics", "127.0.0.1:0")


def scrape(url: str) -> dict[str, float]:
    """Values by name, with the labels behind it."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        text = answer.read().decode()
    return {
        s.name + "".join(f"|{v}" for v in s.labels.values()): s.value for family in parse(text) for s in family.samples
    }


def announced(program: Program) -> str:
    """The URL that the next line on stderr tells."""
    assert program.process.stderr is not None
    line = program.process.stderr.readline()
    found = re.fullmatch(r"metrics on (http://127\.0\.0\.1:\d+/metrics)\n", line)
    assert found, line
    return found[1]


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as own:
        yield f"127.0.0.1:{own.getsockname()[1]}"


def test_recv_serves_what_it_counts() -> None:
    with Program(*RECV) as program:
        address = program.first_line().removeprefix("listening on ").partition(",")[0]
        url = announced(program)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.connect(("127.0.0.1", int(address.rpartition(":")[2])))
            for datagram in (pulse("PING"), pulse("PING"), pulse("PING", version=2), pulse("DATA")):
                own.send(datagram)
        wait_until("four datagrams", lambda: scrape(url)["rttp_node_received_datagrams_total"] == 4)
        found = scrape(url)
        assert found["rttp_node_answered_pulses_total"] == 2
        assert found["rttp_rejects_total|bad-version"] == 1
        assert found["rttp_node_received_bytes_total"] == 4 * 64
        assert found[f"rttp_node_info|{address}|true"] == 1
        done = program.stop(signal.SIGTERM)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("received   4 datagrams")


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_client_that_never_asks_does_not_keep_recv_from_ending(by: signal.Signals, code: int) -> None:
    with Program(*RECV) as program:
        program.first_line()
        url = announced(program)
        scrape(url)
        port = int(url.removesuffix("/metrics").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
            done = program.stop(by)
    assert (done.returncode, done.stderr) == (code, "")


def test_bench_serves_while_it_runs_and_its_last_figures_are_those_of_the_document(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    with Program(*BENCH, "-d", "1s", "--metrics-linger", "60s", "-o", str(out)) as program:
        url = announced(program)
        during = scrape(url)
        # The result is there before the lingering ends.
        wait_until("a result", lambda: out.exists() and out.read_text(encoding="utf-8").endswith("}\n"))
        document = json.loads(out.read_text(encoding="utf-8"))
        last = scrape(url)
        began = time.monotonic()
        done = program.stop(signal.SIGINT)
    assert time.monotonic() - began < 30 and done.returncode == 0, done.stderr
    assert "pulses     sent 500" in done.stdout
    for name in ("sent", "answered", "lost"):
        assert last[f"rttp_pulses_{name}_total|pulses"] == document["counts"][name]
        assert during[f"rttp_pulses_{name}_total|pulses"] <= document["counts"][name]
    assert last["rttp_response_seconds_bucket|+Inf"] == document["latency"]["response"]["samples"] == 500
    # Cells of both are some percent wide: the median stands between two bounds.
    median_s = next(p for p in document["latency"]["response"]["percentiles"] if p["q"] == 0.5)["value_ns"] / 1e9
    below = [float(n.partition("|")[2]) for n, v in last.items() if n.startswith("rttp_response_seconds_b") and v < 250]
    assert max(below, default=0.0) <= 1.1 * median_s <= 1.1 * 1.1 * 1.5 * max(below, default=2e-6)


def test_ctrl_c_ends_a_bench_without_lingering() -> None:
    with Program(*BENCH, "-d", "60s", "--metrics-linger", "60s") as program:
        url = announced(program)
        wait_until("some pulses", lambda: scrape(url)["rttp_pulses_sent_total|pulses"] > 0)
        done = program.stop(signal.SIGINT)
    assert done.returncode == 130


def test_a_busy_port_is_told_before_anything_is_sent(taken: str) -> None:
    for command in (("recv", "-l", "127.0.0.1:0"), ("bench", "-d", "60s")):
        done = rttp(*command, "--metrics", taken)
        assert error_of(done) == (5, "address-in-use")
        assert taken in done.stderr and "--metrics" in done.stderr


@pytest.mark.parametrize("command", [("recv", "-l", "127.0.0.1:0"), ("bench", "-d", "60s")])
@pytest.mark.parametrize(
    ("address", "error"), [("127.0.0.1:x", (2, "bad-target")), ("192.0.2.1:0", (5, "no-such-address"))]
)
def test_what_is_no_address_of_this_host_is_refused(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], address: str, error: tuple[int, str]
) -> None:
    assert refused(capsys, *command, "--metrics", address) == error


def test_several_runs_have_no_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--sweep", "1k,2k", "--metrics", "127.0.0.1:0")
    assert refused(capsys, "bench", *options) == (2, "bad-option")


def test_where_they_are_is_said_even_to_whoever_wants_it_quiet() -> None:
    done = rttp("bench", "-q", "-d", "10ms", "-w", "0s", "--metrics", "127.0.0.1:0")
    assert done.returncode == 0
    assert re.fullmatch(r"metrics on http://127\.0\.0\.1:\d+/metrics\n", done.stderr)
