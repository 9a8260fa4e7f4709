"""The doctor's text: 80 columns whatever it says, and commands that a shell puts together again."""

import json
import subprocess
from typing import Any

import pytest
from unit.doctor_samples import core, environment, floors

from rttp_cli.doctor.checks import findings, unread
from rttp_cli.doctor.text import WIDTH, render

LONG_FILE = "/sys/fs/cgroup/" + "/".join(f"kubepods-{n:08x}.slice" for n in range(9)) + "/cpu.max"
ILL = environment(
    processor__model="A processor with a name that does not stop before the end of any line " * 2,
    processor__governors={str(n): "schedutil" for n in range(8)},
    processor__hypervisor="kvm",
    processor__smt_active=True,
    clock_source__current="hpet",
    kernel__preemption="voluntary or none",
    kernel__isolcpus="",
    kernel__nohz_full="",
    container__cpu_quota_cores=0.5,
    container__cpu_quota_file=LONG_FILE,
    load=[9.0, 1.0, 1.0],
    sysctl__rmem_max=4096,
    sysctl__busy_poll=0,
    interface__coalescing={"rx_us": 90, "adaptive_rx": True},
)


def document(host: dict[str, Any], measured: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    found = findings(host, measured)
    counts = {state: sum(row["state"] == state for row in found) for state in ("ok", "warn", "bad")}
    made = {
        "rttp": {"version": "1", "profile": "release", "commit": "c"},
        "interrupted": False,
        "target": None,
        "environment": host,
        "floors": measured,
        "findings": found,
        "unread": unread(found, measured),
        "summary": counts,
    }
    return json.loads(json.dumps(made | changes))


def commands(text: str) -> list[str]:
    """What stands behind `run`, with its continued lines."""
    found, going_on = [], False
    for line in text.splitlines():
        if going_on:
            found[-1] += "\n" + line
        elif line.startswith("      run   "):
            found.append(line[12:])
        else:
            continue
        going_on = line.endswith("\\")
    return found


@pytest.mark.parametrize(
    "shown",
    [
        document(environment(), floors()),
        document(environment(), None),
        document(ILL, floors(stalls={"cores": [core(0, 90_000_000, 400_000)]}, skipped={"ring": "one core " * 20})),
        document(ILL, None, interrupted=True, target="fe80::1%eth0", rttp={"profile": "debug"}),
    ],
)
def test_no_line_is_wider_than_the_terminal(shown: dict[str, Any]) -> None:
    text = render(shown)
    assert max(map(len, text.splitlines())) <= WIDTH, text
    assert text.isprintable() or set(text) - {"\n"} == {c for c in text if c.isprintable()}


def test_every_command_that_is_shown_is_to_the_shell_the_one_of_the_finding() -> None:
    shown = document(ILL, None)
    wanted = [row["command"] for row in shown["findings"] if row["command"]]
    texts = commands(render(shown))
    for command in wanted:
        assert any(words(text) == words(command) for text in texts), command
    assert len(wanted) >= 8 and any("\\\n" in text for text in texts)


def words(command: str) -> list[bytes]:
    """The words that a shell makes of a command, pipes among them, without running it or opening a pattern."""
    quiet = command.replace("|", "'|'").replace("$USER", "user")
    done = subprocess.run(["bash", "-fc", f"printf '%s\\0' {quiet}"], capture_output=True, check=True)
    return done.stdout.split(b"\0")


def test_what_is_well_takes_a_line_and_what_is_not_says_why() -> None:
    text = render(document(environment(), floors()))
    assert "why " not in text and text.endswith("summary: 25 ok, 0 warn, 0 bad")
    assert "warn  smt             on\n      why   two threads" in render(document(ILL, None))


def test_what_is_missing_is_said() -> None:
    text = render(document(environment(irqbalance=None), floors(ring=None, skipped={"ring": "needs two cores"})))
    assert "skip  ring: needs two cores\n" in text
    assert "n/a   irqbalance: not there, or not told by this host\n" in text
    assert "skip  all measurements, as asked" in render(document(environment(), None))
    assert "stopped before all was measured" in render(document(environment(), floors(), interrupted=True))
    assert "debug build" in render(document(environment(), None, rttp={"profile": "debug"}))


def test_a_target_is_named_with_its_interface() -> None:
    assert "to 192.0.2.1 through eth0" in render(document(environment(), None, target="192.0.2.1"))
    lost = document(environment(interface=None), None, target="192.0.2.1")
    assert "to 192.0.2.1 through no interface" in " ".join(render(lost).split())


def test_colour_adds_nothing_but_colour() -> None:
    shown = document(ILL, floors())
    coloured = render(shown, colour=True)
    assert "\x1b[31mbad\x1b[0m" in coloured
    plain = coloured
    for code in ("0", "1", "31", "32", "33"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render(shown)
