"""What a million pulses cost, from a result document."""

from typing import Any

import pytest

from rttp_cli.report.cost import cost, cost_parts


def usage(user_s: float, system_s: float) -> dict[str, int]:
    return {"user_ns": round(user_s * 1e9), "system_ns": round(system_s * 1e9)}


def document(**changes: Any) -> dict[str, Any]:
    """2 million pulses in all, 1.6 million of them measured; keys with dots lead into it."""
    found: dict[str, Any] = {
        "counts": {"sent_in_all": 2_000_000, "sent": 1_600_000, "bytes": 1_600_000 * 138},
        "cpu": {"sender": usage(1.4, 1.0)},
        "sessions": [{"syscalls": 6_000_000}, {"syscalls": 200_000}],
        "responder": {
            "received": 2_000_000,
            "bytes": 2_000_000 * 138,
            "usage": usage(1.0, 1.2),
            "syscalls": 4_000_000,
        },
    }
    return found | changes


def test_each_end_is_charged_for_the_whole_run_and_its_own_pulses() -> None:
    found = cost(document())
    assert found["sender"] == pytest.approx({"cpu_s": 1.2, "bytes": 138e6, "syscalls": 3.1e6})
    assert found["responder"] == pytest.approx({"cpu_s": 1.1, "bytes": 138e6, "syscalls": 2e6})


def test_a_line_says_it_all() -> None:
    assert cost_parts(document()) == [
        "2.3 CPU s (sender 1.2, responder 1.1)",
        "138 MB",
        "5.1 M system calls (sender 3.1, responder 2)",
    ]


def test_of_a_target_elsewhere_only_our_end_is_known() -> None:
    far = document(responder=None)
    assert cost(far)["responder"] is None
    assert cost_parts(far) == ["1.2 CPU s (sender)", "138 MB", "3.1 M system calls (sender)"]


def test_an_older_document_has_no_system_calls() -> None:
    old = document(sessions=[{}])
    del old["responder"]["syscalls"]
    found = cost(old)
    assert found["sender"] is not None and found["responder"] is not None
    assert found["sender"]["syscalls"] is None and found["responder"]["syscalls"] is None
    assert cost_parts(old) == ["2.3 CPU s (sender 1.2, responder 1.1)", "138 MB"]


def test_nothing_sent_costs_nothing_that_could_be_told() -> None:
    nothing = document(
        counts={"sent_in_all": 0, "sent": 0, "bytes": 0}, responder={"received": 0, "bytes": 0, "usage": usage(0, 0)}
    )
    assert cost(nothing)["sender"] == dict.fromkeys(("cpu_s", "bytes", "syscalls"))
    assert cost_parts(nothing) == []


def test_a_run_stopped_in_its_warm_up_has_no_bytes_to_tell() -> None:
    parts = cost_parts(document(counts={"sent_in_all": 2_000_000, "sent": 0, "bytes": 0}))
    assert parts and "MB" not in " ".join(parts)
