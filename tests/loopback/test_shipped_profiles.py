"""Every shipped profile sends what it says, shortened, against a responder in the same process."""

from dataclasses import replace
from typing import Any

import pytest

from rttp_cli.bench import HostOptions, of_profile, run
from rttp_cli.profile import load
from rttp_cli.profile.shipped import shipped
from rttp_cli.report.document import summarise
from rttp_cli.report.judge import judge_gates
from rttp_cli.report.source import of_document
from rttp_cli.report.text import render

MS = 1_000_000
LIMIT_NS = 300_000


@pytest.fixture(scope="module", params=list(shipped()))
def result(request: pytest.FixtureRequest) -> dict[str, Any]:
    profile = load(request.param, ["run.duration=700ms", "run.warmup=50ms", "run.cooldown=0s"])
    # Whatever else this host does, a pulse that is late is late and not lost.
    host = HostOptions(threads=profile.run.threads, segments=profile.run.segments, awake=False)
    asked = of_profile(profile, host)
    for stream in asked.streams:
        stream["timeout_ns"] = 5_000 * MS
    found = summarise(run(replace(asked, host=host)), LIMIT_NS, 0.9999)
    found["gates"] = [vars(verdict) for verdict in judge_gates(of_document(found, request.param), asked.gates)]
    return found


def test_every_stream_sends_and_hears(result: dict[str, Any]) -> None:
    for stream in result["streams"]:
        counts = stream["counts"]
        assert counts["messages"] > 0, stream["name"]
        assert counts["sent"] > 0, stream["name"]
        assert counts["sent"] == counts["answered"] + counts["lost"] + counts["unfinished"] + counts["one_way"]
        assert (counts["duplicates"], counts["unfinished"]) == (0, 0), stream["name"]
        if stream["mode"] == "one-way":
            assert counts["one_way"] == counts["sent"]
        else:
            assert counts["answered"] > 0, stream["name"]


def test_the_far_end_confirms_what_was_sent(result: dict[str, Any]) -> None:
    peer, counts = result["peer"], result["counts"]
    assert peer["rejects"] == {} and counts["rejects"] == {}
    assert peer["received"] + peer["buffer_drops"] == counts["sent_in_all"]
    assert counts["unexpected"] == 0


def test_what_a_stream_is_for_was_measured(result: dict[str, Any]) -> None:
    for stream in result["streams"]:
        measured = set(stream["latency"])
        if stream["mode"] == "token-stream":
            assert {"first_token", "token_gap"} <= measured
        elif stream["mode"] != "one-way":
            assert {"response", "service"} <= measured
        if stream["deadline"]:
            judged = stream["deadline"]["kept"] + stream["deadline"]["missed"]
            assert 0 < judged <= stream["counts"]["messages"]


def test_its_report_can_be_read(result: dict[str, Any]) -> None:
    shown = render(result)
    assert all(stream["name"][:14] in shown for stream in result["streams"] if len(result["streams"]) > 1)
    assert "nan" not in shown and "None" not in shown
