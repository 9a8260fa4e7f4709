import json
from pathlib import Path

import pytest

from rttp_cli.profile import shipped
from rttp_cli.wire.yaml_loader import PlainLoader

from .conftest import Run

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_the_list_has_every_shipped_profile_with_its_line_and_its_load(rttp: Run) -> None:
    done = rttp("profile", "list", "--json")
    rows = json.loads(done.out)
    assert [row["name"] for row in rows] == list(shipped.shipped())
    assert all(row["from"] == "shipped" and row["description"] and not row["error"] for row in rows)
    assert {row["name"]: row["summary"] for row in rows}["ci-smoke"] == "3 streams, 2,000/s"
    done = rttp("profile", "list")
    assert done.code == 0
    assert "1 stream, closed (shipped)" in done.out
    assert len(done.out.splitlines()) == 2 * len(rows)


def test_the_list_shows_a_users_profiles_the_bad_and_the_hidden_among_them(rttp: Run) -> None:
    Path("profiles").mkdir()
    Path("profiles/mine.yaml").write_text("description: My own.\nstreams: [{name: a, rate: 10}]")
    Path("profiles/bad.yaml").write_text("streams: 5")
    Path("profiles/default.yaml").write_text("streams: [{name: a, rate: 10}]")
    Path("profiles/hft.yaml").write_text(shipped.shipped()["hft"])
    rows = {row["from"]: row for row in json.loads(rttp("profile", "list", "--json").out) if row["from"] != "shipped"}
    assert set(rows) == {"profiles/mine.yaml", "profiles/bad.yaml", "profiles/default.yaml"}, "not the copy of hft"
    assert rows["profiles/mine.yaml"]["summary"] == "1 stream, 10/s"
    assert rows["profiles/bad.yaml"]["error"] == "cannot be used: `profiles/bad.yaml` has 1 error"
    assert [row["hidden"] for row in rows.values()].count(True) == 1
    done = rttp("profile", "list")
    assert done.code == 0
    assert "(profiles/default.yaml, hidden: use the path)" in done.out


def test_show_prints_what_takes_effect_and_it_is_a_profile_again(rttp: Run) -> None:
    done = rttp("profile", "show", "hft", "--set", "run.duration=3s", "--set", "streams.orders.rate=5k")
    assert done.code == 0
    assert "  duration: 3s\n" in done.out
    assert "  rate: 5000\n" in done.out
    Path("again.yaml").write_text(done.out)
    assert rttp("profile", "show", "again.yaml").out == done.out


def test_show_prints_json_and_the_plan(rttp: Run) -> None:
    document = json.loads(rttp("profile", "show", "vr-90fps", "--json").out)
    assert document["streams"][0]["fragments"] == {"mtu": 1500}
    assert document["streams"][1]["deadline"] == {"limit": "11ms", "class": "firm"}
    plan = json.loads(rttp("profile", "show", "vr-90fps", "--plan").out)
    assert plan["streams"][0]["fragments"]["payload"] == 1408
    done = rttp("profile", "show", "--json", "--plan")
    assert (done.code, done.out) == (2, "")


def test_show_of_a_bad_override_prints_nothing_on_stdout(rttp: Run) -> None:
    done = rttp("profile", "show", "--set", "streams.ping.size=x")
    assert (done.code, done.out) == (3, "")
    assert done.err.splitlines() == [
        "error[bad-profile]: `default (shipped)` has 1 error",
        "  --set streams.ping.size=x: streams[0].size: found `x`, expected a size such as 1400, 8k or 16MiB",
        "  hint: see `rttp profile schema` for every key",
    ]


def test_validate_says_ok_for_each_good_file_and_shows_all_errors_of_all_bad_ones(rttp: Run) -> None:
    Path("good.yaml").write_text("streams: [{name: a, rate: 1k}]")
    Path("one.yaml").write_text("streams: [{name: a, rate: x}]")
    Path("two.yaml").write_text("run: {seed: x}\nstreams: [{name: a, size: x}]")
    done = rttp("profile", "validate", "one.yaml", "good.yaml", "two.yaml", "gone.yaml", "hft")
    assert done.code == 3
    assert done.out.splitlines() == ["good.yaml: ok, 1 stream, 1,000/s", "hft: ok, 1 stream, 20,000/s"]
    lines = done.err.splitlines()
    assert [line for line in lines if line.startswith("error")] == [
        "error[bad-profile]: `one.yaml` has 1 error",
        "error[bad-profile]: `two.yaml` has 3 errors",
        "error[unreadable]: `gone.yaml`: no such file or directory",
    ]
    located = [line.split(": ")[0].strip() for line in lines if ".yaml:" in line]
    assert located == ["one.yaml:1:27", "two.yaml:1:13", "two.yaml:2:11", "two.yaml:2:27"]
    assert rttp("profile", "validate", "good.yaml").code == 0


def test_every_shipped_file_is_valid_as_a_file(rttp: Run) -> None:
    files = sorted(str(path) for path in (CHECKOUT / "profiles").glob("*.yaml"))
    done = rttp("profile", "validate", *files)
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == len(files) == 11


def test_errors_show_hostile_text_on_one_line_without_its_controls(rttp: Run) -> None:
    Path("p.yaml").write_text('streams: [{name: "\\e[31m\\n\\ud800", rate: 5}]')
    done = rttp("profile", "validate", "p.yaml")
    assert done.code == 3
    assert "\x1b" not in done.err
    assert len(done.err.splitlines()) == 3


def test_the_schema_goes_to_stdout_or_a_file(rttp: Run) -> None:
    done = rttp("profile", "schema")
    schema = json.loads(done.out)
    assert schema["$id"] == "urn:rttp:profile:1"
    assert rttp("profile", "schema", "-o", "s.json").code == 0
    assert json.loads(Path("s.json").read_text()) == schema
    done = rttp("profile", "schema", "-o", "no/such/folder.json")
    assert (done.code, done.out) == (5, "")
    assert "error[unwritable]" in done.err


def test_a_new_profile_is_valid_and_never_written_over_another_unless_forced(rttp: Run) -> None:
    done = rttp("profile", "new", "mine", "--from", "kv-sync")
    assert done.code == 0
    assert done.out == "wrote mine.yaml; `rttp profile validate mine.yaml` checks it\n"
    assert rttp("profile", "validate", "mine.yaml").code == 0
    before = Path("mine.yaml").read_text()
    assert before.startswith("# yaml-language-server: $schema=")
    done = rttp("profile", "new", "mine")
    assert (done.code, done.out) == (5, "")
    assert "`mine.yaml` is there already" in done.err
    assert Path("mine.yaml").read_text() == before
    assert rttp("profile", "new", "mine", "--from", "hft", "--force").code == 0
    assert 'extends: "hft"' in Path("mine.yaml").read_text()


def test_a_new_profile_may_start_from_a_file_and_works_from_elsewhere(
    rttp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("base.yaml").write_text("streams: [{name: a, rate: 10}]")
    assert rttp("profile", "new", "child", "--from", "base.yaml").code == 0
    Path("away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    assert rttp("profile", "validate", "../child.yaml").code == 0


@pytest.mark.parametrize("name", ["a/b", "../x", "x.yaml", "default", "", "a b", "ä", "x" * 64])
def test_a_new_profiles_name_is_a_plain_word_and_not_a_shipped_one(rttp: Run, name: str) -> None:
    done = rttp("profile", "new", name)
    assert (done.code, done.out) == (2, "")
    assert list(Path().iterdir()) == []


def test_an_unknown_name_is_a_usage_error_with_a_suggestion(rttp: Run) -> None:
    done = rttp("profile", "show", "hfd")
    assert done.code == 2
    assert done.err == "error[unknown-name]: no profile is named `hfd`\n  hint: did you mean `hft`?\n"


def test_shipped_profiles_are_yaml_that_any_reader_reads() -> None:
    import yaml

    for name, text in shipped.shipped().items():
        document = yaml.safe_load(text)
        assert next(iter(document)) == "description", name
        # Stricter than other readers in keys alone: they are texts here.
        assert yaml.compose(text, Loader=PlainLoader) is not None
        assert all(len(line) <= 180 for line in text.splitlines()), name
