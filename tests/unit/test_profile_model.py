"""Profiles that are good: short and full forms, defaults, inheritance, `--set`, and what is shown reads the same."""

import json
from pathlib import Path

import pytest

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.profile import Profile, compile_plan, load, shipped
from rttp_cli.profile.model import json_schema
from rttp_cli.profile.text import effective, summary, template, to_yaml
from rttp_cli.profile.values import write_ns
from rttp_cli.units import parse_duration_ns


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(text: str, name: str = "p.yaml") -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")
    return name


def stream(text: str, *overrides: str) -> dict:
    """One stream of the plan, from the keys of a stream."""
    body = "".join(f"    {line}\n" for line in text.splitlines())
    profile = load(write(f"streams:\n  - name: s\n{body}"), overrides)
    return compile_plan(profile).plan["streams"][0]


NAMES = ["default", "burst-storm", "ci-smoke", "game-60fps", "hft", "kv-sync", "llm-stream", "mixed-priority"]
NAMES += ["robot-1khz", "tensor-bulk", "vr-90fps"]
PLAN_KEYS = {"seed", "warmup_ns", "duration_ns", "cooldown_ns", "count", "streams"}
STREAM_KEYS = {
    "name",
    "arrival",
    "priority",
    "size",
    "fragments",
    "mode",
    "timeout_ns",
    "deadline_ns",
    "class",
    "queue",
}
STREAM_KEYS |= {"overflow", "first_token_ns"}


def test_the_shipped_profiles_are_those_of_the_documents() -> None:
    assert list(shipped.shipped()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_profile_is_good_and_has_every_key_of_the_plan(name: str) -> None:
    profile = load(name)
    compiled = compile_plan(profile)
    plan = compiled.plan
    assert json.loads(json.dumps(plan)) == plan, "nothing but JSON values"
    assert plan.keys() == PLAN_KEYS
    assert all(s.keys() == STREAM_KEYS for s in plan["streams"])
    assert all(s["fragments"].keys() >= {"pattern", "order", "interleave", "gap_ns"} for s in plan["streams"])
    assert compiled.traces == [], "shipped profiles need no file"
    assert profile.name == name
    assert profile.description
    assert plan["duration_ns"] + plan["warmup_ns"] + plan["cooldown_ns"] <= 30e9


@pytest.mark.parametrize("name", NAMES)
def test_the_core_takes_the_plan_of_a_shipped_profile(name: str) -> None:
    plan = json.dumps(compile_plan(load(name)).plan)
    assert _core.schedule_digest(plan, []) == _core.schedule_digest(plan, [])


def test_the_core_carries_the_files_of_the_folder() -> None:
    files = {path.stem: path.read_text("utf-8") for path in (Path(__file__).parents[2] / "profiles").glob("*.yaml")}
    assert shipped.shipped() == files, "build the core again after a change in profiles/"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_of_a_profile_loads_to_the_same_profile(name: str) -> None:
    profile = load(name)
    again = load(write(to_yaml(effective(profile)), f"a/{name}.yaml"))
    assert again == load(write(json.dumps(effective(profile)), f"b/{name}.yaml")), "JSON is YAML"
    assert (again.run, again.streams, again.gates) == (profile.run, profile.streams, profile.gates)
    assert compile_plan(again).plan == compile_plan(profile).plan


@pytest.mark.parametrize("name", NAMES)
def test_a_new_profile_is_its_parent_with_comments_and_without(name: str) -> None:
    parent = load(name)
    text = template("mine", "mine.yaml", name, parent)
    assert compile_plan(load(write(text, "a.yaml"))).plan == compile_plan(parent).plan
    head, _, body = text.partition("extends: ")
    assert head.startswith("# yaml-language-server: $schema=")
    uncommented = body.replace("    # ", "    ").replace("\n# Limits", "\n#Limits").replace("\n# ", "\n")
    again = load(write(f"extends: {uncommented}", "b.yaml"))
    assert compile_plan(again).plan == compile_plan(parent).plan


def test_the_twelve_streams_make_about_20k_a_second() -> None:
    profile = load("mixed-priority")
    assert len(profile.streams) == 12
    assert summary(profile) == "12 streams, 19,180/s"


def test_defaults_are_those_of_a_single_echo_stream() -> None:
    profile = load(write("streams: [{name: a, rate: 1k}]"))
    plan = compile_plan(profile).plan
    assert (plan["duration_ns"], plan["warmup_ns"], plan["cooldown_ns"]) == (5_000_000_000, 500_000_000, 0)
    assert (plan["seed"], plan["count"]) == (1, None)
    assert plan["streams"][0] == {
        "name": "a",
        "arrival": {"process": "constant", "rate": 1000.0},
        "priority": {"pattern": "fixed", "value": 128},
        "size": {"pattern": "fixed", "bytes": 74},
        "fragments": {"pattern": "none", "order": "in-order", "interleave": 1, "gap_ns": 0},
        "mode": "echo",
        "timeout_ns": 1_000_000_000,
        "deadline_ns": None,
        "class": "soft",
        "queue": 65_536,
        "overflow": "delay",
        "first_token_ns": 0,
    }


@pytest.mark.parametrize(
    ("text", "arrival"),
    [
        ("rate: 2k\narrival: poisson", {"process": "poisson", "rate": 2000.0}),
        ("rate: 2.5k/s\narrival: {process: poisson}", {"process": "poisson", "rate": 2500.0}),
        (
            "rate: 1k\narrival: {process: bursts, on: 10ms, off: 90ms}",
            {"process": "bursts", "rate": 10_000.0, "on_ns": 10**7, "off_ns": 9 * 10**7, "spacing": "even"},
        ),
        (
            "arrival: {process: bursts, on: 5ms, off: 45ms, rate_while_on: 100k, spacing: poisson}",
            {"process": "bursts", "rate": 1e5, "on_ns": 5 * 10**6, "off_ns": 45 * 10**6, "spacing": "poisson"},
        ),
        (
            "arrival: {process: ramp, from: 100, to: 10k, over: 2s}",
            {"process": "ramp", "from": 100.0, "to": 1e4, "over_ns": 2 * 10**9, "spacing": "even"},
        ),
        (
            "arrival: {process: steps, steps: [{rate: 5, for: 1s}, {rate: 1k, for: 500ms}]}",
            {
                "process": "steps",
                "steps": [{"rate": 5.0, "for_ns": 10**9}, {"rate": 1000.0, "for_ns": 5 * 10**8}],
                "spacing": "even",
            },
        ),
        (
            "rate: 1k\narrival: {process: sine, amplitude: 1k, period: 1s}",
            {"process": "sine", "mean": 1000.0, "amplitude": 1000.0, "period_ns": 10**9, "spacing": "even"},
        ),
        ("arrival: closed", {"process": "closed"}),
        ("arrival: flood\nmode: one-way", {"process": "flood"}),
    ],
)
def test_arrivals_compile_to_the_plan(text: str, arrival: dict) -> None:
    assert stream(text)["arrival"] == arrival


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("0", {"pattern": "fixed", "value": 0}),
        ("{fixed: 255}", {"pattern": "fixed", "value": 255}),
        ("{weighted: {200: 1, 64: 9}}", {"pattern": "weighted", "classes": [[200, 1.0], [64, 9.0]]}),
        ("{uniform: [0, 255]}", {"pattern": "uniform", "from": 0, "to": 255}),
        ("{cycle: [30, 10, 20]}", {"pattern": "cycle", "values": [30, 10, 20]}),
        (
            "{by-size: {8k: 128, 1000: 200, beyond: 64}}",
            {"pattern": "by-size", "steps": [[1000, 200], [8000, 128]], "beyond": 64},
        ),
        ("{by-size: {1000: 200}}", {"pattern": "by-size", "steps": [[1000, 200]], "beyond": 128}),
    ],
)
def test_priorities_compile_to_the_plan(text: str, priority: dict) -> None:
    assert stream(f"rate: 1k\npriority: {text}")["priority"] == priority


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("138B", {"pattern": "fixed", "bytes": 138}),
        ("{fixed: 8k}", {"pattern": "fixed", "bytes": 8000}),
        ("{uniform: [0, 1KiB]}", {"pattern": "uniform", "from": 0, "to": 1024}),
        (
            "{lognormal: {median: 400, sigma: 0.8, max: 1400}}",
            {"pattern": "lognormal", "median": 400.0, "sigma": 0.8, "min": 0, "max": 1400},
        ),
        ("{weighted: {100: 1, 1400: 3}}", {"pattern": "weighted", "sizes": [[100, 1.0], [1400, 3.0]]}),
        ("65443", {"pattern": "fixed", "bytes": 65_443}),
    ],
)
def test_sizes_compile_to_the_plan(text: str, size: dict) -> None:
    assert stream(f"rate: 1k\nsize: {text}")["size"] == size


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("none", {"pattern": "none"}),
        ("8", {"pattern": "fixed", "count": 8}),
        ("{uniform: [1, 16], order: shuffled}", {"pattern": "uniform", "from": 1, "to": 16, "order": "shuffled"}),
        ("{weighted: {1: 0.9, 512: 0.1}}", {"pattern": "weighted", "counts": [[1, 0.9], [512, 0.1]]}),
        (
            "{mtu: 1500, gap: 10us, interleave: 4}",
            {"pattern": "mtu", "payload": 1408, "gap_ns": 10_000, "interleave": 4},
        ),
        (
            "{kv: {tokens: 1000, tokens_per_fragment: 256, layers: 2, heads: 3}, order: token-major}",
            {"pattern": "kv", "token_blocks": 4, "layers": 2, "heads": 3, "order": "token-major"},
        ),
    ],
)
def test_fragments_compile_to_the_plan(text: str, fragments: dict) -> None:
    expected = {"order": "in-order", "interleave": 1, "gap_ns": 0} | fragments
    assert stream(f"rate: 100\nfragments: {text}")["fragments"] == expected


def test_a_token_stream_has_its_tokens_as_fragments_and_its_interval_as_their_gap() -> None:
    found = stream("mode: token-stream\nrate: 5\ntokens: {uniform: [5, 9]}\ntoken_interval: 30ms\nfirst_token: 150ms")
    assert found["fragments"] == {
        "pattern": "uniform", "from": 5, "to": 9, "order": "in-order", "interleave": 1, "gap_ns": 30_000_000
    }  # fmt: skip
    assert found["first_token_ns"] == 150_000_000
    assert stream("mode: token-stream\nrate: 5\ntokens: 7")["fragments"]["gap_ns"] == 20_000_000


def test_the_runs_rate_is_shared_by_weight_among_streams_without_a_rate() -> None:
    profile = load(
        write(
            "run: {rate: 10k}\nstreams:\n"
            "  - {name: own, rate: 500}\n  - {name: one}\n  - {name: three, weight: 3}\n"
            "  - {name: ramp, arrival: {process: ramp, from: 1, to: 2, over: 1s}}\n"
        )
    )
    rates = [s["arrival"].get("rate") for s in compile_plan(profile).plan["streams"]]
    assert rates == [500.0, 2500.0, 7500.0, None]


def test_deadlines_and_queues_have_their_short_and_long_forms() -> None:
    found = stream("rate: 1k\ndeadline: 10ms\nqueue: {limit: 16, when_full: drop}")
    assert (found["deadline_ns"], found["class"], found["queue"], found["overflow"]) == (10**7, "soft", 16, "drop")
    found = stream("rate: 1k\ndeadline: {limit: 1ms, class: hard}")
    assert (found["deadline_ns"], found["class"]) == (10**6, "hard")


def test_a_child_changes_streams_by_name_appends_others_and_removes() -> None:
    write(
        "run: {duration: 3s, seed: 9}\nstreams:\n  - {name: a, rate: 10, size: 5}\n  - {name: b, rate: 20}\n",
        "base.yaml",
    )
    child = write(
        "extends: ../base.yaml\nrun: {seed: 2}\nstreams:\n"
        "  - {name: c, rate: 30}\n  - {name: b, remove: true}\n  - {name: a, rate: 11}\n",
        "sub/child.yaml",
    )
    plan = compile_plan(load(child)).plan
    assert (plan["duration_ns"], plan["seed"]) == (3 * 10**9, 2)
    assert [(s["name"], s["arrival"]["rate"], s["size"]["bytes"]) for s in plan["streams"]] == [
        ("a", 11, 5),
        ("c", 30, 74),
    ]


@pytest.mark.parametrize(
    ("parent", "child", "key", "expected"),
    [
        ("size: {fixed: 74}", "size: {uniform: [0, 10]}", "size", {"pattern": "uniform", "from": 0, "to": 10}),
        ("size: {weighted: {5: 1}}", "size: {weighted: {6: 1}}", "size", {"pattern": "weighted", "sizes": [[6, 1.0]]}),
        (
            "size: {lognormal: {median: 5, sigma: 1}}",
            "size: {lognormal: {max: 9}}",
            "size",
            {"pattern": "lognormal", "median": 5.0, "sigma": 1.0, "min": 0, "max": 9},
        ),
        ("arrival: poisson", "arrival: constant", "arrival", {"process": "constant", "rate": 1000.0}),
        (
            "arrival: {process: bursts, on: 1ms, off: 1ms}",
            "arrival: {off: 3ms}",
            "arrival",
            {"process": "bursts", "rate": 4000.0, "on_ns": 10**6, "off_ns": 3 * 10**6, "spacing": "even"},
        ),
        ("arrival: {process: bursts, on: 1ms, off: 1ms}", "arrival: {process: poisson}", "arrival",
         {"process": "poisson", "rate": 1000.0}),
        ("deadline: 5ms", "deadline: {class: hard}", "class", "hard"),
        ("deadline: 5ms", "deadline: null", "deadline_ns", None),
    ],
)  # fmt: skip
def test_mappings_merge_and_another_pattern_replaces(parent: str, child: str, key: str, expected: object) -> None:
    write(f"streams:\n  - name: s\n    rate: 1k\n    {parent}\n", "parent.yaml")
    path = write(f"extends: parent.yaml\nstreams:\n  - name: s\n    {child}\n", "child.yaml")
    assert compile_plan(load(path)).plan["streams"][0][key] == expected


def test_a_weight_takes_the_place_of_an_inherited_rate_and_the_other_way_round() -> None:
    write("run: {rate: 8k}\nstreams: [{name: a, rate: 1k}, {name: b, weight: 3}]", "parent.yaml")
    path = write("extends: parent.yaml\nstreams: [{name: a, weight: 1}]", "child.yaml")
    assert [s["arrival"]["rate"] for s in compile_plan(load(path)).plan["streams"]] == [2000.0, 6000.0]
    path = write("extends: parent.yaml\nrun: {rate: null}\nstreams: [{name: b, rate: 5}]", "child.yaml")
    assert [s["arrival"]["rate"] for s in compile_plan(load(path)).plan["streams"]] == [1000.0, 5.0]


def test_set_changes_runs_and_streams_by_name_and_by_index() -> None:
    overrides = [
        "run.duration=3s",
        "streams.echo.weight=2",
        "streams.1.size={uniform: [0, 5]}",
        "streams.echo.size=100",
    ]
    overrides += ["run.target=[::1]:5000", "run.count=", "gates=[loss < 2%]", "streams.messages.fragments.gap=1us"]
    profile = load("ci-smoke", overrides)
    plan = compile_plan(profile).plan
    assert plan["duration_ns"] == 3 * 10**9
    assert plan["streams"][0]["arrival"]["rate"] == pytest.approx(2000 * 2 / 6)
    assert plan["streams"][0]["size"] == {"pattern": "fixed", "bytes": 100}
    assert plan["streams"][1]["size"] == {"pattern": "uniform", "from": 0, "to": 5}
    assert plan["streams"][2]["fragments"]["gap_ns"] == 1000
    assert plan["streams"][2]["fragments"]["payload"] == 1408, "what is not set stays"
    assert profile.run.target == "[::1]:5000"
    assert profile.gates == ["loss < 2%"]


def test_set_finds_a_stream_whose_name_has_dots_or_is_a_number() -> None:
    path = write("streams: [{name: a.b, rate: 10}, {name: '0', rate: 20}]")
    plan = compile_plan(load(path, ["streams.a.b.rate=11", "streams.0.rate=21"])).plan
    assert [s["arrival"]["rate"] for s in plan["streams"]] == [11.0, 21.0]


def test_names_are_found_in_the_users_folders_and_a_shipped_name_always_means_the_shipped_one(tmp_path: Path) -> None:
    write("streams: [{name: here, rate: 10}]", "profiles/mine.yaml")
    write("streams: [{name: there, rate: 10}]", "config/rttp/profiles/mine.yml")
    write("streams: [{name: there, rate: 10}]", "config/rttp/profiles/other.yml")
    write("streams: [{name: hidden, rate: 10}]", "profiles/default.yaml")
    assert load("mine").streams[0].name == "here"
    assert load("other").streams[0].name == "there"
    assert load("default").streams[0].name == "ping"
    assert load("profiles/default.yaml").streams[0].name == "hidden"
    with pytest.raises(RttpError) as refused:
        load("othre")
    assert (refused.value.slug, refused.value.hint) == ("unknown-name", "did you mean `other`?")


@pytest.mark.parametrize("what", ["missing.yaml", ".", "a/b.yaml", "pipe.yaml", "nul\0.yaml"])
def test_what_cannot_be_read_is_said_to_be_unreadable_and_nothing_waits(what: str) -> None:
    import os

    os.mkfifo("pipe.yaml")
    with pytest.raises(RttpError) as refused:
        load(what if what != "." else "./")
    assert refused.value.slug == "unreadable"


@pytest.mark.parametrize("ns", [0, 1, 999, 1000, 1500, 16_600_000, 10**9, 90 * 10**9, 3600 * 10**9, 123_456_789_012])
def test_a_time_is_written_so_that_it_reads_the_same(ns: int) -> None:
    assert parse_duration_ns(write_ns(ns)) == ns


def test_the_schema_knows_every_key_and_describes_it() -> None:
    schema = json_schema()
    assert schema["$id"] == "urn:rttp:profile:1"
    assert set(schema["properties"]) == {"description", "extends", "run", "streams", "gates"}
    stream_schema = schema["$defs"]["Stream"]
    assert stream_schema["required"] == ["name"]
    for name, definition in {"": schema, **schema["$defs"]}.items():
        assert definition.get("additionalProperties") is False, name
        for key, value in definition["properties"].items():
            described = "description" in value or "$ref" in value or "const" in value
            assert described, f"{name}.{key} says nothing to an editor"

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(inner) for inner in node.values()))
        return set().union(*(references(inner) for inner in node)) if isinstance(node, list) else set()

    assert references(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}, "none dangles, none is left over"


def test_a_profile_is_a_value_that_does_not_change() -> None:
    profile = load("default")
    assert isinstance(profile, Profile)
    with pytest.raises(ValueError, match="frozen"):
        profile.run.duration = 5  # type: ignore[misc]
