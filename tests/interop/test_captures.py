"""The captures of captures/ are what its generator makes, and `rttp decode` counts in each what was put into it."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rttp_cli import _core

CAPTURES = Path(__file__).parents[2] / "captures"
SIDECARS = {path.name.removesuffix(".json"): json.loads(path.read_text()) for path in sorted(CAPTURES.glob("*.json"))}
TALLIES = {"dialects", "kinds", "priorities"}
"""Counts by name: one too many is as wrong as one missing."""

captures = pytest.mark.parametrize("name", SIDECARS)


class Done(NamedTuple):
    code: int
    out: str
    err: str

    def document(self) -> Any:
        return json.loads(self.out)


def decode(name: str, *options: str) -> Done:
    command = [sys.executable, "-c", "from rttp_cli.cli import main; main()", "decode", str(CAPTURES / name), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def summary(name: str, *options: str) -> Done:
    return decode(name, "--summary", "--json", *options)


def differences(wanted: Any, found: Any, at: str = "") -> Iterator[str]:
    """Where a document lacks, or says otherwise, what is expected of it; lists have the same length."""
    if isinstance(wanted, dict) and isinstance(found, dict) and at.rpartition(".")[2] not in TALLIES:
        for key, value in wanted.items():
            if key in found:
                yield from differences(value, found[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}: expected {value}, not there"
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for i, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{at}[{i}]")
    elif wanted != found:
        yield f"{at}: expected {wanted}, found {found}"


def test_the_generator_makes_what_is_in_the_folder() -> None:
    command = [sys.executable, str(CAPTURES / "make.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_capture_has_its_sidecar_and_they_are_small() -> None:
    files = [path for path in CAPTURES.iterdir() if path.is_file() and path.suffix not in (".py", ".json", ".md")]
    assert {path.name for path in files} == SIDECARS.keys()
    assert all(sidecar["capture"] == name and sidecar["made"] for name, sidecar in SIDECARS.items())
    assert sum(path.stat().st_size for path in files) < 1_500_000
    assert max(path.stat().st_size for path in files) < 200_000


def test_every_slug_that_a_datagram_can_show_has_a_capture() -> None:
    # The last one is the verdict of a node that would answer.
    slugs = {slug for _, slug, _ in _core.slugs()} - {"amplification"}
    shown = {name: [entry["slug"] for entry in sidecar["expected"]["rejects"]] for name, sidecar in SIDECARS.items()}
    assert {name: slugs for name, slugs in shown.items() if slugs} == {f"malicious-{s}.pcap": [s] for s in slugs}


@captures
def test_a_summary_counts_what_was_put_in(name: str) -> None:
    sidecar = SIDECARS[name]
    done = summary(name, *sidecar["options"])
    assert list(differences(sidecar["expected"], done.document())) == []
    assert done.code == sidecar["exit_code"]
    assert len(done.err.splitlines()) == sidecar["expected"]["warnings"]["count"]


@captures
def test_every_reject_is_a_row_with_its_slug_and_offset(name: str) -> None:
    sidecar = SIDECARS[name]
    rows = [json.loads(line) for line in decode(name, "--jsonl", *sidecar["options"]).out.splitlines()]
    pulses = sidecar["expected"]["pulses"]
    assert len(rows) == pulses["accepted"] + pulses["rejected"] + pulses["cut"]
    for entry in sidecar["expected"]["rejects"]:
        mine = [row for row in rows if row.get("reject") == entry["slug"]]
        assert len(mine) == entry["count"]
        assert {"packet": mine[0]["packet"], "offset": mine[0]["reject_offset"]} == entry["first"]


@pytest.mark.parametrize("name", ["truncated.pcap", "bit-flipped.pcap"])
def test_warnings_name_the_packet_and_the_offset_of_the_damage(name: str) -> None:
    listed = SIDECARS[name]["expected"]["warnings"]["list"]
    done = summary(name)
    assert done.code == 3
    places = [f"packet {warning['packet']} at byte {warning['offset']}: " for warning in listed]
    assert [place in line for place, line in zip(places, done.err.splitlines(), strict=True)] == [True] * len(places)


@pytest.mark.parametrize("port", [(), ("--any-port",), ("--port", "9999")])
def test_where_no_pulse_is_none_is_found(port: tuple[str, ...]) -> None:
    done = summary("foreign.pcap", *port)
    found = done.document()["pulses"]
    assert (done.code, done.err, found["accepted"]) == (0, "", 0)
    # On port 9999 everything should be a pulse, and what is there is refused.
    assert found["rejected"] == (2 if "9999" in port else 0)
    assert decode("foreign.pcap").err == ""


@pytest.mark.parametrize("name", ["other-port.pcap", "mixed.pcap", "session.pcap", "link-sll2.pcap"])
def test_on_any_port_the_same_pulses_are_found(name: str) -> None:
    wanted = SIDECARS[name]["expected"]
    found = summary(name, "--any-port").document()
    assert list(differences(wanted, found)) == []


def test_pulses_on_another_port_are_other_traffic() -> None:
    found = summary("other-port.pcap").document()
    assert (found["pulses"]["accepted"], found["packets"]["skipped"]["other_port"]) == (0, found["packets"]["total"])


@pytest.mark.parametrize("name", ["session.pcap.gz", "session.pcapng.zst"])
def test_a_compressed_session_is_the_session(name: str) -> None:
    def rows(capture: str) -> list[Any]:
        return [{**json.loads(line), "file": ""} for line in decode(capture, "--jsonl", "--payload").out.splitlines()]

    assert rows(name) == rows("session.pcap")


def test_messages_of_the_snapshot_are_whole_or_not_as_they_were_sent() -> None:
    rows = [json.loads(line) for line in decode("snapshot.pcapng", "--messages", "--jsonl").out.splitlines()]
    told = [
        (row["kind"], row["fragment_count"], row["fragments"], row["repair_announced"], row["repair"], row["state"])
        for row in rows
        if row["kind"] != "EXPECT"
    ]
    assert sorted(told) == [
        ("DELTA", 8, 8, 4, 4, "complete"),
        ("DELTA", 64, 55, 4, 4, "incomplete"),
        ("SNAPSHOT", 512, 492, 32, 32, "recoverable"),
    ]
    assert len(rows) - len(told) == 60


COMMANDS = re.findall(r"^\| `(\S+)` \|.*\| `rttp decode captures/(.+)` \|$", (CAPTURES / "README.md").read_text(), re.M)


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_the_command_that_the_readme_names_shows_something(name: str, command: str) -> None:
    capture, *options = shlex.split(command.replace("\\|", "|"))
    done = decode(capture, *options)
    assert (capture, done.code) == (name, SIDECARS[name]["exit_code"])
    assert done.out.strip()


def test_the_readme_names_every_capture() -> None:
    assert sorted(name for name, _ in COMMANDS) == sorted(SIDECARS)
