"""docs/DOCTOR.md names every key of a real document and every check, and none that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.doctor_samples import environment
from unit.doctor_samples import floors as sample_floors

from rttp_cli.doctor import SCHEMA, DoctorOptions, examine, floors
from rttp_cli.doctor.checks import ALL

DOC = (Path(__file__).parents[2] / "docs" / "DOCTOR.md").read_text(encoding="utf-8")
MS = 1_000_000
OPAQUE = re.compile(
    r"rttp|summary|environment\.(processor\.(governors|mitigations)|interface\.(offloads|coalescing))|floors\.skipped"
    r"|floors\.(ring|udp_spin|udp_block)|floors\.stalls\.cores\[\]\.stalls"
)
"""Described in one row as a whole."""


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of all keys; the items of a list are `[]`."""
    if OPAQUE.fullmatch(path):
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            found = f"{path}.{key}" if path else key
            yield found
            yield from paths(inner, found)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, path + "[]")


def documented() -> set[str]:
    sections = re.findall(r"^\| key \|.*?(?=\n\n)", DOC, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([^`]+)` \|", "\n".join(sections), re.MULTILINE))


@pytest.fixture(scope="module")
def document() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("RING_NS", 5 * MS), ("UDP_NS", 10 * MS), ("UDP_WARMUP_NS", MS)):
            patch.setattr(floors, name, value)
        found = examine(DoctorOptions(duration_ns=10 * MS))
    # Hosts without idle states have no row of them, so that the sample's stand for this host's.
    found["environment"]["processor"]["idle"]["states"] += environment()["processor"]["idle"]["states"]
    yield found


def keys(document: dict[str, Any]) -> set[str]:
    """Keys of rows; the list that only holds rows needs no row of its own."""
    return {path for path in paths(document) if path not in ("floors.stalls.cores", "floors.stalls.cores[].levels")}


def test_every_key_of_a_document_is_documented(document: dict[str, Any]) -> None:
    missing = keys(document) - documented()
    assert not missing, f"not in docs/DOCTOR.md: {sorted(missing)}"


def test_every_documented_key_is_in_a_document(document: dict[str, Any]) -> None:
    left_over = documented() - keys(document)
    assert not left_over, f"in docs/DOCTOR.md and in no document: {sorted(left_over)}"


def test_the_sample_that_other_tests_judge_has_the_keys_of_a_real_record(document: dict[str, Any]) -> None:
    real, sample = {"environment": document["environment"]}, {"environment": environment()}
    assert set(paths(sample)) == set(paths(real))
    assert sample_floors().keys() == document["floors"].keys()


def test_every_check_has_its_row_in_order() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", DOC.split("## Checks")[1], re.MULTILINE)
    assert rows == list(ALL)


def test_the_page_names_the_schema_and_stays_short(document: dict[str, Any]) -> None:
    assert document["schema"] == SCHEMA and f"`{SCHEMA}`" in DOC
    assert len(DOC.splitlines()) <= 150
