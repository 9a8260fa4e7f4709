"""Prometheus's own tool takes what we serve, our alert rules and their tests; these ask only for what is served."""

import re
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
from loopback.ends import PATIENCE, Program

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
METRICS = ("--metrics", "127.0.0.1:0")
COMMANDS = (
    ("recv", "--echo", "-l", "127.0.0.1:0", *METRICS),
    ("bench", "mixed-priority", "-d", "60s", "-w", "0s", "--rate", "2k", "--interval", "100ms", *METRICS),
)


def promtool(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is not installed: docs/METRICS.md says how to get it"
    return subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, cwd=MONITORING, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def scrapes() -> list[str]:
    """What each command serves once it has something to tell."""
    return [scrape(command) for command in COMMANDS]


def scrape(command: tuple[str, ...]) -> str:
    with Program(*command) as program:
        lines = iter(program.process.stderr or ())
        url = next(line.split()[2] for line in lines if line.startswith("metrics on "))
        while True:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                text: str = answer.read().decode()
            # Percentiles come with the first interval that has answers.
            if command[0] == "recv" or 'quantile="1"' in text:
                program.stop(signal.SIGINT)
                return text


def test_promtool_finds_nothing_to_complain_of_in_a_scrape(scrapes: list[str]) -> None:
    for text in scrapes:
        done = promtool("check", "metrics", text=text)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), text


def test_promtool_takes_the_rules_and_their_tests_pass() -> None:
    for arguments in (("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr


def test_every_alert_has_a_test() -> None:
    alerts = re.findall(r"- alert: (\w+)", (MONITORING / "rules.yml").read_text(encoding="utf-8"))
    tested = (MONITORING / "rules_test.yml").read_text(encoding="utf-8")
    for alert in alerts:
        assert re.search(rf"alertname: {alert}\n\s+exp_alerts:\n", tested), f"{alert} never fires in a test"


@pytest.mark.parametrize("file", ["rules.yml", "dashboard.json"])
def test_what_is_asked_for_is_there_in_a_scrape(scrapes: list[str], file: str) -> None:
    asked = set(re.findall(r"\brttp_[a-z0-9_]+", (MONITORING / file).read_text(encoding="utf-8")))
    there = {name for text in scrapes for name in re.findall(r"^(rttp_\w+)[{ ]", text, re.MULTILINE)}
    assert asked and asked <= there
