"""docs/RESULT.md names every key of a real result document, and none that no document has; its examples work."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rttp_cli.bench import BenchOptions, run
from rttp_cli.bench.options import Faults
from rttp_cli.report.result import SCHEMA, summarise

DOC = (Path(__file__).parents[2] / "docs" / "RESULT.md").read_text(encoding="utf-8")
MS = 1_000_000
LIMIT_NS, LIMIT_AT = 300_000, 0.9999


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of all keys; the items of a list are `[]`, reject slugs are not keys of the schema."""
    if isinstance(value, dict) and not path.endswith(".rejects"):
        for key, inner in value.items():
            found = f"{path}.{key}" if path else key
            yield found
            yield from paths(inner, found)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, path + "[]")


def as_documented(path: str) -> str:
    """The four distributions are described once."""
    return re.sub(r"^(latency|histograms)\.(response|service|lateness|wakeup)\b", r"\1.NAME", path)


def documented() -> set[str]:
    """First cells of the tables of keys."""
    sections = re.findall(r"^\| key \|.*?(?=\n\n)", DOC, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([^`]+)` \|", "\n".join(sections), re.MULTILINE))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """A short open loop with kernel stamps, in which some pulses are damaged."""
    options = BenchOptions(
        rate=5_000,
        stamps=True,
        duration_ns=100 * MS,
        warmup_ns=10 * MS,
        timeout_ns=20 * MS,
        faults=Faults(corrupt=0.2, seed=1),
    )
    return summarise(run(options), LIMIT_NS, LIMIT_AT)


def test_every_key_of_a_run_is_documented(document: dict[str, Any]) -> None:
    missing = {as_documented(path) for path in paths(document)} - documented()
    assert not missing, f"not in docs/RESULT.md: {sorted(missing)}"


def test_every_documented_key_is_in_a_run(document: dict[str, Any]) -> None:
    left_over = documented() - {as_documented(path) for path in paths(document)}
    assert not left_over, f"in docs/RESULT.md and in no document: {sorted(left_over)}"


def test_a_ping_pong_has_the_same_keys(document: dict[str, Any]) -> None:
    options = BenchOptions(count=100, duration_ns=1_000 * MS, warmup_ns=MS)
    other = summarise(run(options), LIMIT_NS, LIMIT_AT)
    assert set(paths(other)) == set(paths(document))


def test_the_document_names_the_schema(document: dict[str, Any]) -> None:
    assert document["schema"] == SCHEMA
    assert f"`{SCHEMA}`" in DOC


def test_the_counts_add_up_as_documented(document: dict[str, Any]) -> None:
    counts = document["counts"]
    assert "`sent = answered + lost + unfinished`" in DOC
    assert counts["sent"] == counts["answered"] + counts["lost"] + counts["unfinished"] == 500
    assert counts["lost"] > 0, "every fifth pulse was damaged"
    assert document["latency"]["response"]["samples"] == counts["sent"]


def test_the_python_example_prints_the_percentile_of_the_report(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    example = DOC.split("```python\n")[1].split("```")[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "docs/RESULT.md", "exec"), {})
    tail = document["latency"]["response"]["percentiles"][4]
    assert tail["name"] == "P99.99"
    samples = 2 * document["counts"]["sent"]
    assert printed.getvalue() == f"{tail['value_ns']} ns\n{samples} samples\n"


def test_the_jq_examples_name_documented_keys() -> None:
    lines = [line for line in DOC.split("```sh\n")[1].split("```")[0].splitlines() if line.startswith("jq")]
    assert len(lines) >= 4
    names = {path.rpartition(".")[2] for path in documented()} | {"response"}
    for line in lines:
        for path in re.findall(r"(?<![\w.])\.([a-z_.]+)", line.split("'")[1]):
            assert set(path.split(".")) <= names, line
