"""`rttp baseline` and comparing with one: saved, listed, shown, found by its name, pruned."""

import json
from pathlib import Path

import pytest

from .conftest import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of three short runs."""
    return _made(tmp_path_factory)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another three."""
    return _made(tmp_path_factory)


def _made(folders: pytest.TempPathFactory) -> str:
    from rttp_cli.cli import main

    path = str(folders.mktemp("runs") / "runs.json")
    asked = ["bench", "-r", "5k", "-d", "100ms", "-w", "10ms", "--repeat", "3", "--pin", "none", "--no-awake", "-q"]
    with pytest.raises(SystemExit) as end:
        main([*asked, "-o", path])
    assert not end.value.code
    return path


@pytest.fixture
def kept(rttp: Run, runs: str, tmp_path: Path) -> Path:
    """A folder in which these runs are kept."""
    folder = tmp_path / "baselines"
    assert rttp("baseline", "save", runs, "--dir", str(folder)).code == 0
    return folder


def test_runs_are_saved_once(rttp: Run, runs: str, kept: Path) -> None:
    files = sorted(kept.glob("main/*/*.json"))
    assert len(files) == 3
    done = rttp("baseline", "save", runs, "--dir", str(kept))
    assert done.out.count("(kept already)") == 3
    assert sorted(kept.glob("main/*/*.json")) == files


def test_what_is_kept_is_listed_and_damaged_files_are_named(rttp: Run, kept: Path) -> None:
    done = rttp("baseline", "list", "--dir", str(kept), "--json")
    (row,) = json.loads(done.out)
    assert (row["name"], row["runs"], done.err) == ("main", 3, "")
    damaged = next(kept.glob("main/*/*.json"))
    damaged.write_text("{", encoding="utf-8")
    done = rttp("baseline", "list", "--dir", str(kept))
    assert done.code == 0
    assert "main: 2 runs" in done.out
    assert "warning: damaged: " in done.err and damaged.name in done.err


def test_a_baseline_is_shown_run_by_run(rttp: Run, kept: Path) -> None:
    done = rttp("baseline", "show", "main", "--dir", str(kept))
    assert done.code == 0
    assert all(path.stem in done.out for path in kept.glob("main/*/*.json"))
    assert all(len(line) <= 80 for line in done.out.splitlines())
    assert len(json.loads(rttp("baseline", "show", "@main", "--dir", str(kept), "--json").out)) == 3
    assert rttp("baseline", "show", "none", "--dir", str(kept)).code == 3


def test_runs_are_compared_with_a_baseline_by_its_name(
    rttp: Run, later: str, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("compare", "@main", later, "--at", "50", "--tolerance", "1000", "--json")
    found = json.loads(rttp(*asked, "--dir", str(kept)).out)
    assert (found["base"]["runs"], found["new"]["runs"]) == (3, 3)
    monkeypatch.setenv("RTTP_BASELINES", str(kept))
    assert json.loads(rttp(*asked).out)["base"] == found["base"]
    assert json.loads(rttp("compare", later, "@main", *asked[3:]).out)["new"]["runs"] == 3
    missing = rttp("compare", "@release", later)
    assert (missing.code, missing.out) == (3, "")
    assert "error[no-baseline]" in missing.err and "there are main" in missing.err
    assert rttp("compare", "@main", "@main").code == 2


def test_runs_that_are_in_the_baseline_are_not_compared_with_themselves(
    rttp: Run, runs: str, later: str, kept: Path
) -> None:
    itself = rttp("compare", "@main", runs, "--dir", str(kept))
    assert (itself.code, itself.out) == (3, "")
    assert "error[no-baseline]" in itself.err and "no other runs" in itself.err
    assert rttp("baseline", "save", later, "--dir", str(kept)).code == 0
    found = json.loads(rttp("compare", "@main", later, "--dir", str(kept), "--json").out)
    assert (found["base"]["runs"], found["new"]["runs"]) == (3, 3)
    assert "3 of the runs of `@main` are those compared with it, and left out" in found["notes"]


def test_names_of_folders_bring_no_terminal_controls(rttp: Run, kept: Path) -> None:
    (group,) = kept.glob("main/*")
    evil = group.rename(group.with_name(f"\x1b[2J{group.name}"))
    (kept / "main").rename(kept / "\x1b[31mmain")
    evil = kept / "\x1b[31mmain" / evil.name
    next(evil.iterdir()).write_text("{", encoding="utf-8")
    for command in (("list",), ("prune", "--keep", "0", "--dry-run")):
        done = rttp("baseline", *command, "--dir", str(kept))
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
        assert "\\x1b[2J" in done.out


def test_a_baseline_of_another_machine_needs_force(rttp: Run, later: str, kept: Path) -> None:
    (group,) = kept.glob("main/*")
    for path in group.iterdir():
        document = json.loads(path.read_text(encoding="utf-8"))
        document["host"]["cpu"] = "Another processor"
        path.write_text(json.dumps(document), encoding="utf-8")
    group.rename(group.with_name(group.name[:-8] + "00000000"))
    asked = ("compare", "@main", later, "--dir", str(kept), "--at", "50")
    refused = rttp(*asked)
    assert (refused.code, refused.out) == (3, "")
    assert "error[other-machine]" in refused.err and "Another processor" in refused.err
    forced = rttp(*asked, "--force")
    assert forced.code in (0, 1, 6)
    assert "not the same kind of machine" in forced.out


def test_pruning_says_what_goes_before_it_goes(rttp: Run, kept: Path) -> None:
    done = rttp("baseline", "prune", "--keep", "1", "--dry-run", "--dir", str(kept))
    assert done.out.count("would remove") == 2
    assert len(list(kept.glob("main/*/*.json"))) == 3
    assert rttp("baseline", "prune", "--keep", "1", "--dir", str(kept)).out.count("removed") == 2
    assert len(list(kept.glob("main/*/*.json"))) == 1
    assert rttp("baseline", "prune", "--older-than", "30d", "--dir", str(kept)).out == ""
    assert rttp("baseline", "prune", "--dir", str(kept)).code == 2
    assert rttp("baseline", "prune", "--older-than", "soon", "--dir", str(kept)).code == 2
