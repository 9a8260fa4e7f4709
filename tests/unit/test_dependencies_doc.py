"""docs/DEPENDENCIES.md lists every direct dependency, and nothing that is none."""

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]
DOC = (TOP / "docs" / "DEPENDENCIES.md").read_text(encoding="utf-8")
OURS = {"rttp-proto", "rttp-capture", "rttp-decode", "rttp-load", "rttp-stats", "rttp-io", "rttp-py"}


def crates() -> set[str]:
    found: set[str] = set()
    for manifest in (TOP / "rust").glob("*/Cargo.toml"):
        data = tomllib.loads(manifest.read_text(encoding="utf-8"))
        for part in (data, *data.get("target", {}).values()):
            for table in ("dependencies", "dev-dependencies", "build-dependencies"):
                found |= set(part.get(table, {}))
    return found - OURS


def packages() -> set[str]:
    data = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    project = data["project"]
    wanted = [*data["build-system"]["requires"], *project["dependencies"]]
    wanted += [line for extra in project.get("optional-dependencies", {}).values() for line in extra]
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted} - {"rttp-cli"}


def listed(*headings: str) -> set[str]:
    sections = re.split(r"^## ", DOC, flags=re.MULTILINE)
    text = "".join(s for s in sections if s.startswith(headings))
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_crate_is_listed_and_every_listed_crate_is_used() -> None:
    assert listed("Rust") == crates()


def test_every_package_is_listed_and_every_listed_package_is_used() -> None:
    assert listed("Python", "Building") == packages()


def test_every_row_says_what_for_and_why() -> None:
    rows = [line.strip("|").split("|") for line in DOC.splitlines() if line.startswith("| `")]
    assert len(rows) == len(listed("Rust")) + len(listed("Python", "Building")), "one row each"
    assert all(len(cell.strip()) > 3 for row in rows for cell in row[1:])
