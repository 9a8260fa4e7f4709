"""Profiles that are bad: each error stands where it is, says what was found and expected, and none hides another."""

# Messages stand on one line, as they are printed.
# ruff: noqa: E501

from pathlib import Path

import pytest

from rttp_cli.errors import RttpError
from rttp_cli.profile import load
from rttp_cli.profile.source import MAX_BYTES
from rttp_cli.profile.tree import MAX_NODES


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def errors(text: str | bytes, *overrides: str, name: str = "p.yaml") -> list[str]:
    """The error lines of a profile's text."""
    data = text.encode() if isinstance(text, str) else text
    Path(name).write_bytes(data)
    with pytest.raises(RttpError) as refused:
        load(name, overrides)
    assert refused.value.slug == "bad-profile"
    assert refused.value.exit_code == 3
    return list(refused.value.details)


def in_stream(line: str, more: str = "") -> list[str]:
    """Errors of one line of a stream: the line is line 4 and starts in column 5."""
    return errors(f"streams:\n  - name: s\n    timeout: 1s\n    {line}\n{more}")


BAD_VALUES = [
    ("rate: abc", "4:11: streams[0].rate: found `abc`, expected a rate such as 10k"),
    ("rate: 0", "4:11: streams[0].rate: found `0`, expected a rate above 0, at most 1e+08 a second"),
    ("rate: -5", "4:11: streams[0].rate: found `-5`, expected a rate above 0, at most 1e+08 a second"),
    ("rate: 200M", "4:11: streams[0].rate: found `200M`, expected a rate above 0, at most 1e+08 a second"),
    ("rate: .nan", "4:11: streams[0].rate: found `.nan`, expected a rate such as 10k"),
    ("rate: 1e999", "4:11: streams[0].rate: found `1e999`, expected a rate above 0, at most 1e+08 a second"),
    ("rate: inf", "4:11: streams[0].rate: found `inf`, expected a rate such as 10k"),
    ("rate: true", "4:11: streams[0].rate: found `true`, expected a rate such as 10k"),
    ("rate: [1]", "4:11: streams[0].rate: found a list, expected a rate such as 10k"),
    ("deadline: 5", "4:15: streams[0].deadline: found `5`, expected a mapping"),
    (
        "deadline: {limit: 5}",
        "4:23: streams[0].deadline.limit: found `5`, expected a time such as 300us, 10ms or 5s, with its unit",
    ),
    (
        "deadline: {limit: 5ms, class: had}",
        "4:35: streams[0].deadline.class: found `had`, expected one of soft, firm, hard",
    ),
    ("size: 5 apples", "4:11: streams[0].size: found `5 apples`, expected a size such as 1400, 8k or 16MiB"),
    ("size: -1", "4:11: streams[0].size: found `-1`, expected 0 to 4,288,807,005 bytes"),
    ("size: {uniform: [10, 5]}", "4:21: streams[0].size.uniform: found a list, expected [from, to] with from at most to"),
    ("size: {uniform: [10]}", "4:21: streams[0].size.uniform: found a list of 1, expected at least 2 entries"),
    ("size: {uniform: [1, 2, 3]}", "4:21: streams[0].size.uniform: found a list of 3, expected at most 2 entries"),
    (
        "size: {lognormal: {median: 5, sigma: -1}}",
        "4:42: streams[0].size.lognormal.sigma: found `-1`, expected a number above 0, at most 10",
    ),
    (
        "size: {weighted: {100: 0}}",
        "4:28: streams[0].size.weighted.100: found `0`, expected a number above 0, at most 1e+12",
    ),
    (
        "size: {weighted: {100: -1}}",
        "4:28: streams[0].size.weighted.100: found `-1`, expected a number above 0, at most 1e+12",
    ),
    (
        "size: {weighted: {100: .inf}}",
        "4:28: streams[0].size.weighted.100: found `.inf`, expected a number above 0, at most 1e+12",
    ),
    ("size: {weighted: {}}", "4:22: streams[0].size.weighted: found a mapping, expected at least one entry"),
    ("size: {weighted: {1k: 1, 1000: 1}}", "4:30: streams[0].size.weighted.1000: is `1k` once more"),
    (
        "size: {weighted: {x: 1}}",
        "4:23: streams[0].size.weighted.x: found the key `x`, expected a size such as 1400, 8k or 16MiB",
    ),
    ("size: {unifrom: [1, 2]}", "4:12: streams[0].size.unifrom: no pattern is named `unifrom`, did you mean `uniform`?"),
    (
        "size: {fixed: 1, uniform: [1, 2]}",
        "4:22: streams[0].size.uniform: both `fixed` and `uniform`, expected one of them",
    ),
    ("priority: 256", "4:15: streams[0].priority: found `256`, expected a whole number from 0 to 255"),
    ("priority: 1.5", "4:15: streams[0].priority: found `1.5`, expected a whole number from 0 to 255"),
    (
        "priority: {by-size: {x: 1}}",
        "4:26: streams[0].priority.by-size.x: found the key `x`, expected a size such as 1400 or 8k, or `beyond`",
    ),
    ("priority: {cycle: [1, 300]}", "4:27: streams[0].priority.cycle[1]: found `300`, expected a whole number from 0 to 255"),
    ("fragments: 65536", "4:16: streams[0].fragments: found `65536`, expected a whole number from 1 to 65,535"),
    ("fragments: {mtu: 92}", "4:22: streams[0].fragments.mtu: found `92`, expected 93 to 65,535 bytes"),
    ("fragments: {order: reverse}", "4:16: streams[0].fragments: a pattern is missing: one of none, fixed, uniform, weighted, mtu, kv"),
    ("arrival: posson", "4:14: streams[0].arrival: no process is named `posson`, did you mean `poisson`?"),
    ("arrival: {on: 5ms}", "4:14: streams[0].arrival: `process` is missing: constant, poisson, bursts, ramp, steps, sine, trace, flood, closed"),
    (
        "arrival: {process: steps, steps: [{rate: 0, for: 1s}]}",
        "4:38: streams[0].arrival.steps: found a list, expected at least one step with a rate above 0",
    ),
    (
        "arrival: {process: ramp, from: 0, to: 0, over: 1s}",
        "4:43: streams[0].arrival.to: found `0`, expected a rate above 0, at most 1e+08 a second",
    ),
    ("arrival: {process: bursts, on: 5ms}", "4:14: streams[0].arrival: `off` is missing"),
    (
        "arrival: {process: poisson, rte: 5}",
        "4:33: streams[0].arrival.rte: no key of that name, expected process",
    ),
    ("mode: ech", "4:11: streams[0].mode: found `ech`, expected one of echo, one-way, request-response, token-stream"),
    ("priorty: 5", "4:5: streams[0].priorty: no key of that name, did you mean `priority`?"),
    ("remove: 5", "4:13: streams[0].remove: found `5`, expected true or false"),
    ("queue: 5", "4:12: streams[0].queue: found `5`, expected a mapping"),
    ("queue: {limt: 5}", "4:13: streams[0].queue.limt: no key of that name, did you mean `limit`?"),
    ("gates: 5", "4:12: streams[0].gates: found `5`, expected a list"),
    (
        "gates: [loss < 1%, respnse.p99 < 1ms]",
        "4:24: streams[0].gates[1]: at character 0: no metric is named `respnse`, did you mean `response`?",
    ),
    ("size: !!python/name:os.system x", "4:11: streams[0].size: found the tag `!!python/name:os.system`, tags are not allowed"),
    ("size: 1" + "0" * 5000, "4:11: streams[0].size: found `1" + "0" * 39 + "…`, which is not a number or is too long"),
    ("size: *other", "4:11: aliases are not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), BAD_VALUES)
def test_a_bad_value_is_found_where_it_stands(line: str, expected: str) -> None:
    found = in_stream(line, "run: {rate: 1k}\n")
    assert found == [f"p.yaml:{expected}"]


RULES = [
    ("rate: 1k\n    weight: 2", "5:13: streams[0].weight: both `rate` and `weight`, expected one of them"),
    ("weight: 2", "4:13: streams[0].weight: a weight is a share of `run.rate`, which is missing"),
    ("mode: echo", "2:5: streams[0]: `rate` is missing: `constant` needs one, or a `run.rate` to share"),
    ("{c}\n    rate: 5", "5:11: streams[0].rate: a stream has no `rate` here: `closed` sets its own pace"),
    ("{c}\n    mode: one-way", "5:11: streams[0].mode: found `one-way`, `closed` is for mode echo or request-response"),
    ("{c}\n    fragments: 8", "5:16: streams[0].fragments: `closed` sends one pulse at a time: expected none"),
    ("arrival: flood", "2:5: streams[0]: found `echo`, `flood` is for mode one-way only"),
    (
        "rate: 10\n    arrival: {process: sine, amplitude: 11, period: 1s}",
        "5:41: streams[0].arrival.amplitude: found 11, expected at most the mean rate of 10 a second",
    ),
    (
        "rate: 50M\n    mode: one-way\n    arrival: {process: bursts, on: 1ms, off: 9ms}",
        "6:14: streams[0].arrival: 500,000,000 messages a second at its highest, at most 1e+08",
    ),
    ("rate: 0.1", "4:11: streams[0].rate: 0.5 messages in 5s, expected at least 2"),
    ("rate: 5M", "3:14: streams[0].timeout: 5,000,000 pulses may be due within the timeout of 1s, at most 4,194,304"),
    (
        "rate: 10k\n    fragments: 512",
        "3:14: streams[0].timeout: 5,120,000 pulses may be due within the timeout of 1s, at most 4,194,304",
    ),
    ("rate: 10\n    size: 65444", "5:11: streams[0].size: 65,444 bytes in one pulse, at most 65,443"),
    (
        "rate: 10\n    size: 1MiB\n    fragments: {uniform: [2, 16]}",
        "5:11: streams[0].size: 524,288 bytes in each of 2 fragments, at most 65,443",
    ),
    (
        "rate: 10\n    size: 16MiB\n    fragments: {mtu: 93}\n    mode: one-way",
        "5:11: streams[0].size: 16,777,216 bytes in fragments of 1 make 16,777,216 fragments, at most 65,535",
    ),
    (
        "rate: 10\n    size: {lognormal: {median: 5, sigma: 1, min: 9, max: 8}}",
        "5:23: streams[0].size.lognormal: min 9 is above max 8",
    ),
    (
        "rate: 10\n    fragments: {kv: {tokens: 131072, tokens_per_fragment: 1}}",
        "5:21: streams[0].fragments.kv: 131,072 fragments, at most 65,535",
    ),
    (
        "rate: 10\n    fragments: {fixed: 2, order: token-major}",
        "5:34: streams[0].fragments.order: found `token-major`, which is for kv only",
    ),
    ("rate: 10\n    mode: token-stream", "2:5: streams[0]: `tokens` is missing: a token-stream needs it"),
    ("rate: 10\n    tokens: 5", "5:13: streams[0].tokens: `tokens` is for mode token-stream, found mode echo"),
    ("rate: 10\n    deadline: 2s", "5:15: streams[0].deadline: found 2s, which is beyond the timeout of 1s"),
    (
        "rate: 10\n    mode: one-way\n    deadline: 2ms",
        "6:15: streams[0].deadline: a one-way stream has no answers that could be late",
    ),
    ("rate: 10\n    size: trace", "5:11: streams[0].size: `trace` needs an arrival by trace"),
    ("rate: 10\n    priority: trace", "5:15: streams[0].priority: `trace` needs an arrival by trace"),
    (
        "rate: 10\n    gates: [token_gap.p99 < 1ms]",
        "5:13: streams[0].gates[0]: there is no `token_gap` in mode echo",
    ),
    ("rate: 10\n    gates: [misses < 1%]", "5:13: streams[0].gates[0]: `misses` needs a deadline, the stream has none"),
]


@pytest.mark.parametrize(("lines", "expected"), RULES)
def test_sums_that_cannot_be_are_refused(lines: str, expected: str) -> None:
    assert in_stream(lines.replace("{c}", "arrival: closed")) == [f"p.yaml:{expected}"]


RUN = [
    ("duration: 10", "1:17: run.duration: found `10`, expected a time such as 300us, 10ms or 5s, with its unit"),
    ("duration: 1us", "1:17: run.duration: found `1us`, expected a time from 1ms to 8784h"),
    ("duration: -1s", "1:17: run.duration: found `-1s`, expected a time such as 300us, 10ms or 5s"),
    ("durtion: 1s", "1:7: run.durtion: no key of that name, did you mean `duration`?"),
    ("count: 1", "1:14: run.count: found `1`, expected a whole number from 2 to 9,223,372,036,854,775,807"),
    ("spin: yes", "1:13: run.spin: found `yes`, expected true or false"),
    ("cores: 1", "1:14: run.cores: found `1`, expected auto, none or a list of cores"),
    ("cores: [0, x]", "1:18: run.cores[1]: found `x`, expected the number of a core"),
    ("target: 'a:0'", "1:15: run.target: found `a:0`, expected HOST, HOST:PORT or [IPv6]:PORT"),
    ("target: [ok, 'a b']", "1:20: run.target[1]: found `a b`, expected HOST, HOST:PORT or [IPv6]:PORT"),
    ("segments: 4", "1:17: run.segments: found 4, which is for one-way flood streams only"),
    ("rate: 5k", "1:13: run.rate: no stream takes a share of it: each has a rate or a pace of its own"),
    ("seed: 18446744073709551616", "1:13: run.seed: found `18446744073709551616`, expected a whole number from 0 to 18,446,744,073,709,551,615"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "expected"), RUN)
def test_a_bad_run_is_found_where_it_stands(key: str, expected: str) -> None:
    assert errors(f"run: {{{key}}}\nstreams: [{{name: a, rate: 10}}]\n") == [f"p.yaml:{expected}"]


FILES = [
    ("", ["1:1: the file is empty"]),
    ("# nothing\n", ["1:1: the file is empty"]),
    ("- a\n", ["1:1: found a list, expected a mapping"]),
    ("a: b: c\n", ["1:5: mapping values are not allowed here"]),
    ("streams: [\n", ["2:1: expected the node content, but found '<stream end>'"]),
    ("streams: []\n", ["1:10: streams: found a list of 0, expected at least 1 entry"]),
    ("streams: 5\n", ["1:10: streams: found `5`, expected a list"]),
    ("description: a\n", ["1:1: `streams` is missing"]),
    ("a: 1\n---\nb: 2\n", ["2:1: but found another document"]),
    (b"description: \xff\n", ["1:14: not UTF-8: byte 0xff"]),
    (b"\xff\xfea\0:\0", ["1:1: not UTF-8: byte 0xff"]),
    ("description: \x01\n", ["1:14: found the character 0x1, which YAML does not allow"]),
    ("x: " + "[" * 40 + "]" * 40, ["1:35: nested deeper than 32 levels"]),
    ("x: [" + "1," * MAX_NODES + "]", [f"1:{2 * MAX_NODES - 1}: over 50,000 keys and values, a profile has fewer"]),
    ("#" * (MAX_BYTES + 1), ["1:1: over 1 MiB, a profile is smaller"]),
    ("? [a]\n: 1\nstreams: [{name: a, rate: 9}]\n", ["1:3: a key is not text"]),
    (
        "run: {seed: 1, seed: 2}\nstreams: [{name: a, rate: 9}]\n",
        ["1:16: run.seed: the key `seed` twice, first in line 1"],
    ),
    ("streams:\n- {name: a, rate: 9}\n- {name: a, rate: 8}\n",
     ["3:10: streams[1].name: two streams are named `a`, first in line 2"]),
    ("streams:\n- {name: a b, rate: 9}\n",
     ["2:10: streams[0].name: found `a b`, expected a name of letters, digits, `.`, `_` and `-`"]),
    ("streams:\n- {rate: 9}\n- 5\n", ["2:3: streams[0]: `name` is missing", "3:3: streams[1]: found `5`, expected a mapping"]),
    ("streams:\n- {name: a, remove: true}\n- {name: b, rate: 5}\n", ["2:10: streams[0].name: there is no stream `a` to remove"]),
    ("streams:\n- {name: a, arrival: closed}\n- {name: b, rate: 5}\n",
     ["2:22: streams[0].arrival: a closed stream must be the only one, there are 2"]),
    ("streams:\n- {name: a, rate: 9}\ngates: [first_token.p50 < 1ms, misses < 1]\n",
     ["3:9: gates[0]: there is no `first_token` in mode echo", "3:32: gates[1]: `misses` needs a deadline, the stream has none"]),
    ("extends: defualt\n", ["1:10: extends: no profile is named `defualt`, did you mean `default`?"]),
    ("extends: ./gone.yaml\n", ["1:10: extends: `gone.yaml` cannot be read: no such file or directory"]),
    ("extends: p.yaml\n", ["1:10: extends: goes in a circle: p.yaml → p.yaml"]),
    ("extends: 5\n", ["1:10: extends: found `5`, expected text"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_a_bad_file_says_where(text: str | bytes, expected: list[str]) -> None:
    assert errors(text) == [f"p.yaml:{line}" for line in expected]


def test_all_errors_of_a_file_come_at_once_in_the_order_of_its_lines() -> None:
    found = errors(
        "run: {duration: 5, seed: x}\n"
        "streams:\n"
        "  - name: a\n"
        "    rate: abc\n"
        "    arrival: {process: bursts, on: 5, offf: 3s}\n"
        "    deadline: 3s\n"
        "    gates: [token_gap.max < 1ms, loss < 5]\n"
        "  - name: b\n"
        "    rate: 5\n"
        "    size: 70k\n"
        "foo: 1\n"
    )
    lines = [tuple(map(int, line.split(":")[1:3])) for line in found]
    assert lines == sorted(lines)
    where = [line.split(": ")[1] for line in found]
    assert where == [
        "run.duration", "run.seed", "streams[0].rate", "streams[0].arrival", "streams[0].arrival.on",
        "streams[0].arrival.offf", "streams[0].deadline", "streams[0].gates[0]", "streams[0].gates[1]",
        "streams[1].size", "foo",
    ]  # fmt: skip


def test_fifty_errors_are_shown_and_the_others_are_counted() -> None:
    found = errors("streams:\n" + "".join(f"- {{name: s{i}, rate: x}}\n" for i in range(70)))
    assert len(found) == 51
    assert found[-1] == "and 20 more"


def test_more_streams_than_256_are_refused_at_the_first_too_many() -> None:
    found = errors("streams:\n" + "".join(f"- {{name: s{i}, rate: 10}}\n" for i in range(300)))
    assert found == ["p.yaml:258:3: streams[256]: 300 streams, at most 256"]


def test_an_error_in_a_parent_stands_in_the_parents_file() -> None:
    Path("sub").mkdir()
    Path("sub/parent.yaml").write_text("streams:\n  - name: a\n    rate: abc\n")
    found = errors("extends: sub/parent.yaml\nrun: {seed: x}\n")
    assert found == [
        "p.yaml:2:13: run.seed: found `x`, expected a whole number from 0 to 18,446,744,073,709,551,615",
        "sub/parent.yaml:3:11: streams[0].rate: found `abc`, expected a rate such as 10k",
    ]


def test_a_circle_names_its_chain_and_a_long_chain_is_bounded() -> None:
    Path("b.yaml").write_text("extends: c.yaml\n")
    Path("c.yaml").write_text("extends: ./p.yaml\n")
    assert errors("extends: b.yaml\n") == ["c.yaml:1:10: extends: goes in a circle: p.yaml → b.yaml → c.yaml → p.yaml"]
    for i in range(20):
        Path(f"n{i}.yaml").write_text(f"extends: n{i + 1}.yaml\n")
    assert errors("extends: n0.yaml\n") == ["n15.yaml:1:10: extends: more than 16 profiles extend each other"]


SETS = [
    ("streams.a.rate=abc", "streams[0].rate: found `abc`, expected a rate such as 10k"),
    ("streams.0.rate=0", "streams[0].rate: found `0`, expected a rate above 0, at most 1e+08 a second"),
    ("streams.aa.rate=5", "no stream is named `aa`, did you mean `a`?"),
    ("streams.a=5", "expected a key of the stream, such as streams.a.rate"),
    ("streams.a.sise=5", "streams[0].sise: no key of that name, did you mean `size`?"),
    ("streams.a.deadline=2s", "streams[0].deadline: found 2s, which is beyond the timeout of 1s"),
    ("run.duration", "expected PATH=VALUE such as run.duration=3s"),
    ("run..duration=3s", "expected PATH=VALUE such as run.duration=3s"),
    ("run.duration=3", "run.duration: found `3`, expected a time such as 300us, 10ms or 5s, with its unit"),
    ("run=3", "run: found `3`, expected a mapping"),
    ("run.duration.x=3s", "run.duration: found a mapping, expected a time such as 300us, 10ms or 5s"),
    ("extends=default", "`extends` is for files: name the other profile instead"),
    ("run.count=[", "run.count: found `[`, expected a whole number from 2 to 9,223,372,036,854,775,807"),
]


@pytest.mark.parametrize(("override", "expected"), SETS)
def test_an_error_of_an_override_names_the_override(override: str, expected: str) -> None:
    found = errors("run: {seed: 1}\nstreams: [{name: a, rate: 10}]\n", override)
    assert found == [f"--set {override}: {expected}"]


def test_errors_of_the_file_and_of_every_override_come_together() -> None:
    found = errors("streams: [{name: a, rate: x}]\n", "run.seed=y", "streams.b.rate=5")
    assert [line.split(": ")[0] for line in found] == ["p.yaml:1:27", "--set run.seed=y", "--set streams.b.rate=5"]


def test_a_process_of_no_name_is_found_at_its_value() -> None:
    found = in_stream("arrival: {process: burst}", "run: {rate: 1k}\n")
    assert found == ["p.yaml:4:24: streams[0].arrival.process: no process is named `burst`, did you mean `bursts`?"]


def test_a_profile_too_large_is_refused_without_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("p.yaml").open("wb") as file:
        file.truncate(1 << 40)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the file was opened")

    monkeypatch.setattr(Path, "open", never)
    with pytest.raises(RttpError) as refused:
        load("p.yaml")
    assert refused.value.details == ("p.yaml:1:1: over 1 MiB, a profile is smaller",)
