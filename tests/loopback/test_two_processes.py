"""A load and a node as two processes on this host: what one has sent is what the other has received."""

import json
from typing import Any

import pytest
from loopback.ends import Receiver, rttp

HOSTS = ("127.0.0.1", "::1")
OPEN_LOOP = ("--rate", "2k")


def load(receiver: Receiver, *arguments: str) -> dict[str, Any]:
    """The result of a load on a receiver; nothing is lost if there is time enough."""
    done = rttp("bench", "--json", "-t", receiver.address, "-w", "20ms", "--timeout", "10s", *arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("pace", [(), OPEN_LOOP])
def test_both_ends_count_the_same_pulses(host: str, pace: tuple[str, ...]) -> None:
    with Receiver("--echo", host=host) as receiver:
        result = load(receiver, "-d", "100ms", *pace)
        summary = receiver.summary()
    counts, told = result["counts"], result["peer"]
    assert result["run"]["target"] == receiver.address
    assert (result["run"]["embedded"], result["responder"]) == (False, None)
    assert counts["answered"] == counts["sent"] > 0
    assert (counts["lost"], counts["unexpected"], counts["rejects"]) == (0, 0, {})
    assert counts["sent_in_all"] == told["received"] == summary["received"]
    assert told["answered"] == summary["answered"] == summary["received"]
    assert told["bytes"] == summary["bytes"] == 138 * summary["received"]
    assert (summary["rejects"], summary["buffer_drops"], summary["answers_dropped"]) == ({}, 0, 0)


def test_every_load_is_told_its_own_counts_and_the_node_has_their_sum() -> None:
    with Receiver("--echo") as receiver:
        results = [load(receiver, "-d", "60s", "-n", str(count)) for count in (10, 20)]
        summary = receiver.summary()
    sent = [result["counts"]["sent_in_all"] for result in results]
    assert [result["counts"]["answered"] for result in results] == [10, 20]
    assert [result["peer"]["received"] for result in results] == sent
    assert summary["received"] == sum(sent)


def test_a_node_that_only_counts_is_no_target() -> None:
    with Receiver() as receiver:
        done = rttp("bench", "-t", receiver.address, "-d", "100ms", "--timeout", "100ms")
        summary = receiver.summary()
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error[no-answer]: ")
    assert summary["received"] > 0
    assert summary["answered"] == 0


@pytest.mark.parametrize("options", [("--spin",), ("--no-awake",), ("--pin", "0")])
def test_a_node_answers_however_it_waits(options: tuple[str, ...]) -> None:
    with Receiver("--echo", *options) as receiver:
        result = load(receiver, "-d", "60s", "-n", "50")
        summary = receiver.summary()
    assert result["counts"]["answered"] == 50
    assert summary["received"] == result["counts"]["sent_in_all"]
