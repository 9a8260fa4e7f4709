"""Baselines: what is kept where, what is found again, what is refused, what goes."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from compare_samples import DOCUMENT, run

from rttp_cli.errors import RttpError
from rttp_cli.report import alike, baseline
from rttp_cli.report.result import Result

SECOND = 1_000_000_000


def document(seconds: int = 0, **changes: Any) -> dict[str, Any]:
    """A document that began so many seconds later; changes are of the host (`cpu=…`) or of the rate (`rate=…`)."""
    made = copy.deepcopy(DOCUMENT)
    made["started_unix_ns"] += seconds * SECOND
    if "rate" in changes:
        made["schedule"]["plan"]["streams"][0]["arrival"]["rate"] = changes.pop("rate")
    made["host"] |= changes
    return made


def result(seconds: int = 0, **changes: Any) -> Result:
    return run(document=document(seconds, **changes))


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files hold just enough of a document for these tests; what a whole one must hold is `report.source`'s affair."""

    def load_all(paths: Any) -> list[Result]:
        return [run(source=str(p), document=json.loads(Path(p).read_text(encoding="utf-8"))) for p in paths]

    monkeypatch.setattr(baseline, "load_all", load_all)


def test_a_run_is_kept_under_its_name_traffic_machine_and_moment(tmp_path: Path) -> None:
    ((path, new),) = baseline.save(tmp_path, "main", [result()])
    assert new
    group = path.parent.name
    traffic, dash, machine = group.partition("-")
    assert dash and traffic.startswith("open_loop.") and machine.startswith("x86_64.2.kvm.")
    assert (path.parents[1].name, path.name) == ("main", "2026-11-18T11-06-40.json")
    assert json.loads(path.read_text(encoding="utf-8")) == document()
    assert [p.name for p in path.parent.iterdir()] == [path.name], "nothing else is left there"


def test_the_same_run_is_kept_once_and_another_of_the_same_second_beside_it(tmp_path: Path) -> None:
    (first,) = baseline.save(tmp_path, "main", [result()])
    assert baseline.save(tmp_path, "main", [result()]) == [(first[0], False)]
    other = document()
    other["started_unix_ns"] += 1
    ((path, new),) = baseline.save(tmp_path, "main", [run(document=other)])
    assert (path.name, new) == ("2026-11-18T11-06-40-2.json", True)
    (kept,) = baseline.kept(tmp_path)
    assert [p.name for p in kept.runs] == ["2026-11-18T11-06-40.json", "2026-11-18T11-06-40-2.json"]


def test_nothing_is_kept_when_one_of_several_cannot_be(tmp_path: Path) -> None:
    stopped = document(1) | {"interrupted": True}
    with pytest.raises(RttpError, match="stopped before its end"):
        baseline.save(tmp_path, "main", [result(), run(document=stopped)])
    with pytest.raises(RttpError, match="does not say what was sent"):
        baseline.save(tmp_path, "main", [run(document=None)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "x" * 64, "-x"])
def test_a_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(RttpError, match="no name of a baseline"):
        baseline.save(tmp_path, name, [result()])


@pytest.mark.usefixtures("readable")
def test_the_runs_of_the_same_traffic_on_the_same_kind_of_machine_are_found(tmp_path: Path) -> None:
    baseline.save(tmp_path, "main", [result(), result(5), result(7, rate=20000.0), result(9, cpu="Another")])
    found, notes = baseline.find(tmp_path, "main", [result(99)])
    assert notes == ()
    assert [Path(one.source).name for one in found] == ["2026-11-18T11-06-40.json", "2026-11-18T11-06-45.json"]


@pytest.mark.usefixtures("readable")
def test_another_machine_is_refused_unless_forced(tmp_path: Path) -> None:
    baseline.save(tmp_path, "main", [result(cpu="Another", cores=64)])
    with pytest.raises(RttpError) as refused:
        baseline.find(tmp_path, "main", [result(9)])
    assert refused.value.slug == "other-machine"
    assert "processor `A processor` against `Another`; cores 2 against 64" in refused.value.message
    found, _ = baseline.find(tmp_path, "main", [result(9)], force=True)
    assert len(found) == 1


@pytest.mark.usefixtures("readable")
def test_what_a_file_says_of_its_machine_counts_and_not_its_folder(tmp_path: Path) -> None:
    ((path, _),) = baseline.save(tmp_path, "main", [result()])
    path.write_text(json.dumps(document(cpu="Another")), encoding="utf-8")
    with pytest.raises(RttpError) as refused:
        baseline.find(tmp_path, "main", [result(9)])
    assert refused.value.slug == "other-machine"
    assert path.name in refused.value.message and "`Another`" in refused.value.message
    assert len(baseline.find(tmp_path, "main", [result(9)], force=True)[0]) == 1


@pytest.mark.usefixtures("readable")
def test_runs_are_not_compared_with_themselves(tmp_path: Path) -> None:
    baseline.save(tmp_path, "main", [result(i) for i in range(3)])
    found, notes = baseline.find(tmp_path, "main", [result(2), result(9)])
    assert [Path(one.source).name for one in found] == ["2026-11-18T11-06-40.json", "2026-11-18T11-06-41.json"]
    assert notes == ("1 of the runs of `@main` are those compared with it, and left out",)
    with pytest.raises(RttpError) as refused:
        baseline.find(tmp_path, "main", [result(i) for i in range(3)])
    assert refused.value.slug == "no-baseline"
    assert "no other runs than those compared with it" in refused.value.message


@pytest.mark.usefixtures("readable")
def test_what_is_not_there_is_said_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(RttpError, match="no baseline `main`"):
        baseline.find(tmp_path / "nowhere", "main", [result()])
    baseline.save(tmp_path, "release", [result(rate=5.0)])
    with pytest.raises(RttpError) as missing:
        baseline.find(tmp_path, "main", [result()])
    assert (missing.value.slug, missing.value.hint) == ("no-baseline", "there are release")
    with pytest.raises(RttpError, match="has none of this traffic"):
        baseline.find(tmp_path, "release", [result()])


def test_what_is_not_named_like_a_run_is_left_alone(tmp_path: Path) -> None:
    ((path, _),) = baseline.save(tmp_path, "main", [result()])
    for name in ("notes.txt", "2026-99-99T00-00-00.json", "2026-11-18T11-06-40.json.bak"):
        (path.parent / name).write_text("mine", encoding="utf-8")
    (tmp_path / "main" / "plain").mkdir()
    (kept,) = baseline.kept(tmp_path)
    assert kept.runs == (path,)
    assert list(baseline.surplus([kept], keep=0, before=None)) == [path]


def test_the_newest_runs_of_each_group_are_spared(tmp_path: Path) -> None:
    baseline.save(tmp_path, "main", [result(i) for i in range(4)] + [result(9, rate=1.0)])
    gone = list(baseline.surplus(baseline.kept(tmp_path), keep=2, before=None))
    assert [path.name for path in gone] == ["2026-11-18T11-06-40.json", "2026-11-18T11-06-41.json"]


def test_runs_before_a_moment_go_however_few_they_are(tmp_path: Path) -> None:
    baseline.save(tmp_path, "main", [result(), result(60)])
    before = datetime(2026, 11, 18, 11, 7, tzinfo=UTC)
    gone = list(baseline.surplus(baseline.kept(tmp_path), keep=None, before=before))
    assert [path.name for path in gone] == ["2026-11-18T11-06-40.json"]
    assert gone == list(baseline.surplus(baseline.kept(tmp_path), keep=10, before=before))


def test_folders_go_with_their_last_run(tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    saved = baseline.save(folder, "main", [result(), result(1)])
    baseline.remove(saved[0][0])
    assert saved[1][0].exists()
    baseline.remove(saved[1][0])
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "main").write_text("a file", encoding="utf-8")
    with pytest.raises(RttpError) as refused:
        baseline.save(tmp_path, "main", [result()])
    assert refused.value.slug == "unwritable"


@pytest.mark.parametrize("junk", [{}, {"run": 3, "schedule": []}, {"schedule": {"plan": [1]}, "host": None}])
def test_documents_with_holes_have_facts_all_the_same(junk: dict[str, Any]) -> None:
    assert "-" not in alike.traffic(junk).name + alike.machine(junk).name
    assert alike.traffic(junk).against(alike.traffic(junk)) == []


def test_facts_are_named_by_what_they_hold_and_not_by_seed_or_length() -> None:
    one, other = document(), document(rate=10001.0)
    assert alike.traffic(one).name != alike.traffic(other).name
    again = document(5)
    again["schedule"]["plan"] |= {"seed": 9, "duration_ns": 1}
    again["run"]["faults"] = {"seed": 3}
    one["run"]["faults"] = {"seed": 4}
    assert alike.traffic(one) == alike.traffic(again)
    assert alike.traffic(one | {"profile": {"name": "llm-stream"}}).name.startswith("llm_stream.")
