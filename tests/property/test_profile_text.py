"""Any text either is a profile or has located errors: never another exception, and never without end."""

import json
import re
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.profile import compile_plan, load, shipped
from rttp_cli.profile.source import MAX_BYTES
from rttp_cli.profile.text import effective, to_yaml

LOCATED = re.compile(r"[^\n]*p\.yaml:\d+:\d+: |[^\n]* \(shipped\):\d+:\d+: |--set |and \d+ more$")

WORDS = ["streams", "name", "rate", "run", "duration", "arrival", "process", "poisson", "bursts", "on", "off", "size"]
WORDS += ["fixed", "uniform", "weighted", "priority", "fragments", "mtu", "kv", "gates", "extends", "default", "remove"]
WORDS += ["1k", "10ms", "5", "-1", "0", "1e999", ".nan", "true", "null", "~", "none", "trace", "closed", "loss < 1%"]
MARKS = [": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "&a ", "*a", "!!int ", "!x ", "? ", "|\n", ">\n"]
MARKS += [
    "'",
    '"',
    "#",
    "%YAML 1.1\n",
    "---\n",
    "...\n",
    "<<: ",
    "\t",
    "\\",
    "\ufeff",
    "\x85",
    "\u2028",
    "½",
    "😀",
    "\0",
]

scalars = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)


def judge(data: bytes, overrides: list[str]) -> None:
    """Loads a file with these bytes; what it becomes is good, or every error of it has a place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.yaml"
        path.write_bytes(data)
        try:
            profile = load(str(path), overrides)
        except RttpError as error:
            assert error.slug == "bad-profile"
            assert error.details
            assert len(error.details) <= 51
            for line in error.details:
                assert LOCATED.match(line), line
            return
        plan = compile_plan(profile).plan
        # What is good here is good to the core, which judges plans by rules of its own.
        assert len(_core.schedule_digest(json.dumps(plan), [])) == 32
        path.write_text(to_yaml(effective(profile)), encoding="utf-8")
        assert compile_plan(load(str(path))).plan == plan


@given(st.one_of(st.lists(st.sampled_from(WORDS + MARKS), max_size=40).map("".join), st.text(max_size=60)))
@example("a: '\\ud800'")
@example('streams: [{name: a, arrival: {process: trace, file: "\\ud800"}}]')
@example('"\\ud800": 1')
@example('extends: "\\ud800"')
@example('run: {"\\ud800": 1}')
@example("%YAML 99999999999999999999.1\n---\na: 1")
@example('"\\U99999999"')
@example("a: !!int x\nb: !!float y\nc: !!timestamp z\nd: !!binary w\ne: !!bool q")
@example("a: !!map x\nb: !!seq {c: d}\n!!str {e: f}: g")
@example("*a")
@example("*a : 1")
@example("streams: &a [*a]")
@example("streams: [*a, {name: *a}, {name: a, rate: *a}]")
@example("streams: {a: {rate: 5}}")
@example("extends: default\nstreams: {a: 1}")
@example("extends: default\nstreams: [1, null, [], {name: ping, arrival: null}]")
@example("run: null")
@example("streams: [{name: a, rate: 0b_, size: 0x_}]")
def test_any_text_is_a_profile_or_has_located_errors(text: str) -> None:
    judge(text.encode("utf-8", "surrogatepass"), [])


@given(st.binary(max_size=80))
def test_any_bytes_are_a_profile_or_have_located_errors(data: bytes) -> None:
    judge(data, [])


@given(documents)
def test_any_document_is_a_profile_or_has_located_errors(document: object) -> None:
    judge(to_yaml({"streams": document, "run": document}).encode("utf-8", "surrogatepass"), [])


@given(st.lists(documents, min_size=1, max_size=4), documents)
def test_any_values_of_the_right_keys_give_located_errors(values: list[object], run: object) -> None:
    keys = [
        "rate",
        "weight",
        "arrival",
        "priority",
        "size",
        "fragments",
        "tokens",
        "deadline",
        "queue",
        "gates",
        "mode",
    ]
    streams = [{"name": f"s{i}", keys[i % len(keys)]: value, keys[-1 - i]: value} for i, value in enumerate(values)]
    judge(to_yaml({"streams": streams, "run": {"rate": run, "target": run, "cores": run}, "gates": run}).encode(), [])


CHOICES = {
    "arrival": [
        "poisson",
        "constant",
        "{process: bursts, on: 1ms, off: 3ms}",
        "{process: ramp, from: 0, to: 9k, over: 1s}",
        "{process: steps, steps: [{rate: 0, for: 1s}, {rate: 50, for: 1s}]}",
        "{process: sine, amplitude: 9, period: 1s}",
        "closed",
        "flood",
        "{process: steps, steps: [{rate: 0, for: 1s}]}",
        "{process: bursts, on: 1ns, off: 1s}",
    ],
    "rate": ["1k", "20", "0.4", "100M", "1e-6", "null"],
    "weight": ["3", "1e-9", "null"],
    "mode": ["echo", "one-way", "request-response", "token-stream"],
    "size": [
        "0",
        "65443",
        "65444",
        "1MiB",
        "{uniform: [0, 70k]}",
        "{lognormal: {median: 1, sigma: 10, max: 9k}}",
        "{weighted: {0: 1e-9, 4GB: 1e9}}",
    ],
    "fragments": [
        "none",
        "65535",
        "{mtu: 93}",
        "{mtu: 65535}",
        "{kv: {tokens: 9, tokens_per_fragment: 2, heads: 7}}",
        "{uniform: [1, 65535], order: shuffled, interleave: 1024, gap: 1ns}",
        "{weighted: {1: 1, 9: 2}}",
    ],
    "tokens": ["1", "65535", "{uniform: [1, 65535]}"],
    "priority": ["0", "{cycle: [1]}", "{uniform: [5, 5]}", "{by-size: {0: 1, 4GB: 2}}", "{weighted: {0: 1e-300}}"],
    "deadline": ["1ns", "1s", "{limit: 10us, class: hard}"],
    "timeout": ["10us", "1s", "1h"],
    "queue": ["{limit: 1}", "{when_full: drop}"],
}
one_stream = st.fixed_dictionaries({}, optional={key: st.sampled_from(texts) for key, texts in CHOICES.items()})


@given(
    st.lists(one_stream, min_size=1, max_size=3), st.sampled_from(["", "run: {rate: 5k}\n", "run: {duration: 1h}\n"])
)
def test_any_choice_of_good_values_is_a_plan_to_the_core_or_has_located_errors(
    streams: list[dict[str, str]], run: str
) -> None:
    lines = [f"- {{name: s{i}{''.join(f', {key}: {text}' for key, text in s.items())}}}" for i, s in enumerate(streams)]
    judge((run + "streams:\n" + "\n".join(lines)).encode(), [])


@given(
    st.sampled_from(sorted(shipped.shipped())),
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([*WORDS, "0", "ping", "1"]), min_size=1, max_size=4).map(".".join),
            st.sampled_from(["=", ""]),
            st.one_of(st.sampled_from([*WORDS, *MARKS, "{fixed: 5}", "[1, 2]"]), st.text(max_size=12)),
        ).map("".join),
        max_size=3,
    ),
)
def test_any_override_of_a_shipped_profile_applies_or_has_located_errors(name: str, overrides: list[str]) -> None:
    judge(f"extends: {name}\n".encode(), overrides)


LARGE = {
    "flow": "[" + "a," * (MAX_BYTES // 2),
    "keys": "a: 1\n" * (MAX_BYTES // 5),
    "braces": "{" * MAX_BYTES,
    "dashes": "- " * (MAX_BYTES // 2),
    "quoted": 'a: "' + "\\n" * (MAX_BYTES // 2 - 4) + '"',
    "folded": "a: >\n" + " x\n\n" * (MAX_BYTES // 4 - 2),
    "comment": "#" * MAX_BYTES,
    "digits": "run: {duration: '" + "1" * (MAX_BYTES - 32) + "x'}",
    "groups": "run: {duration: '" + "1,111" * (MAX_BYTES // 5 - 8) + "'}",
    "number": "run: {seed: " + "1" * (MAX_BYTES - 32) + "}",
    "gate": "gates: ['" + "p" * (MAX_BYTES - 32) + "']",
    "name": "streams: [{name: '" + "a." * (MAX_BYTES // 2 - 32) + "'}]",
    "streams": "streams:\n" + "- {name: a}\n" * 16_000,
    "same": "streams:\n" + "".join(f"- {{name: s{i}}}\n" for i in range(16_000)),
    "unknown": "\n".join(f"kez{i}: 1" for i in range(20_000)),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_files_are_judged_in_bounded_time(name: str) -> None:
    started = time.process_time()
    judge(LARGE[name].encode()[:MAX_BYTES], [])
    # Processor time, not the clock: a guard against quadratic growth, ten times what the slowest of these took here.
    assert time.process_time() - started < 20
