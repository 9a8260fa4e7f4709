"""Threads beside a run keep off its cores (`host.aside`)."""

import os
import threading
from pathlib import Path

import pytest

from rttp_cli.host import aside


@pytest.mark.parametrize(
    ("threads", "sits"),
    [
        ({"rttp-sender": ({1}, os.SCHED_OTHER), "rttp-server": ({0}, os.SCHED_FIFO)}, {2, 3}),
        ({"rttp-sender": ({1, 2, 3}, os.SCHED_OTHER), "rttp-server": ({0}, os.SCHED_FIFO)}, {0}),
        ({"rttp-sender": ({1}, os.SCHED_OTHER), "rttp-server": ({2}, os.SCHED_OTHER)}, {0, 3}),
        ({"rttp-sender": ({1, 2, 3}, os.SCHED_OTHER), "rttp-server": ({0}, os.SCHED_OTHER)}, {0}),
        ({"rttp-sender": ({0, 1, 2, 3}, os.SCHED_OTHER), "rttp-server": ({0}, os.SCHED_OTHER)}, None),
        ({"rttp-collector": ({1}, os.SCHED_IDLE)}, None),
        ({}, None),
    ],
)
def test_it_sits_beside_no_thread_that_may_spin_where_there_is_another_core(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, threads: dict[str, tuple[set[int], int]], sits: set[int] | None
) -> None:
    for number, name in enumerate(threads, 1):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "comm").write_text(f"{name}\n", encoding="ascii")
    (tmp_path / "99").mkdir()
    of = [({0, 1, 2, 3}, os.SCHED_OTHER), *threads.values()]
    chosen: list[set[int]] = []
    monkeypatch.setattr(aside, "_TASKS", tmp_path)
    monkeypatch.setattr(aside._core, "idle_thread", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda number: of[number][0])
    monkeypatch.setattr(os, "sched_getscheduler", lambda number: of[number][1])
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: chosen.append(cores))
    over = threading.Event()
    over.set()
    aside.step_aside("rttp-sender", over)
    assert chosen == ([] if sits is None else [sits])
