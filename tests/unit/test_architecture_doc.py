"""ARCHITECTURE.md's code map is the tree: every path in it exists, and every module of the project is in it."""

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
DOC = (TOP / "ARCHITECTURE.md").read_text(encoding="utf-8")


def code_map() -> dict[str, str]:
    """Paths of the map and what it says of each."""
    section = DOC.split("\n## Code map\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", section, re.MULTILINE))


def modules() -> set[str]:
    """Python modules and Rust sources that belong in the map."""
    found = [*(TOP / "rttp_cli").rglob("*.py"), *(TOP / "rttp_cli").rglob("*.pyi")]
    found += (TOP / "rust").glob("*/src/**/*.rs")
    return {path.relative_to(TOP).as_posix() for path in found}


def test_every_module_is_in_the_code_map() -> None:
    missing = modules() - set(code_map())
    assert not missing, f"not in the code map of ARCHITECTURE.md: {sorted(missing)}"


def test_every_path_in_the_code_map_exists() -> None:
    gone = [path for path in code_map() if not (TOP / path).exists()]
    assert not gone, f"in the code map of ARCHITECTURE.md and nowhere else: {gone}"


def test_every_path_in_the_text_exists() -> None:
    paths = set(re.findall(r"`((?:rttp_cli|rust|tests|benches|docs)/[\w./-]+)`", DOC))
    assert len(paths) > len(modules())
    gone = [path for path in paths if not (TOP / path).exists()]
    assert not gone, f"named in ARCHITECTURE.md and not there: {gone}"


def test_every_module_has_a_line_of_its_own_that_says_something() -> None:
    lines = code_map()
    assert all(len(line.split()) >= 3 for line in lines.values()), lines
    assert len(set(lines.values())) == len(lines)


def test_the_map_lists_each_path_once() -> None:
    section = DOC.split("\n## Code map\n")[1].split("\n## ")[0]
    paths = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert len(paths) == len(set(paths)) == len(code_map())


def test_invariants_are_stated() -> None:
    assert len(re.findall(r"^\*\*Invariant:\*\* ", DOC, re.MULTILINE)) >= 5
