"""docs/PROTOCOL.md says what the dialect tables say, and every requirement number that is cited exists once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rttp_cli import _core

TOP = Path(__file__).parents[2]
DOC = (TOP / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
LAYOUTS = {layout["name"]: layout for layout in reversed(_core.layouts())}
HOME = {"rttp1": "1.1", "struct74": "1.7", "rfc64": "1.8", "pulse128": "1.9"}
"""The requirement whose table lists the rows of a dialect."""

DEFINED = re.findall(r"^\*\*RTTP-(\d+\.\d+)\*\*", DOC, re.MULTILINE)
SECTIONS = re.findall(r"^## (\d+)\. ", DOC, re.MULTILINE)


def requirement(number: str) -> str:
    """The text of a requirement, up to the next one or the next heading."""
    found = re.search(rf"^\*\*RTTP-{re.escape(number)}\*\*(.*?)(?=^\*\*RTTP-|^## |\Z)", DOC, re.MULTILINE | re.DOTALL)
    assert found, f"RTTP-{number} is not defined"
    return found[1]


def table(text: str) -> list[list[str]]:
    """Cells of the table rows in a text, without the heading and its rule."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    return [row for row in cells[1:] if set("".join(row)) - set("-: ")]


def diagram(layout: _core.Layout) -> str:
    """The fixed header as RFCs draw it: four bytes a line, one tick a bit."""
    rule, edge = "+" + "-+" * 32, "|" + " " * 63 + "|"
    lines = [" " + (" " * 19).join("0123"), " " + " ".join("0123456789" * 3 + "01"), rule]
    shared: list[str] = []
    for field in layout["fields"]:
        if field["offset"] >= layout["fixed_length"]:
            break
        if field["size"] < 4:
            shared.append(field["name"].center(16 * field["size"] - 1))
            if sum(len(cell) + 1 for cell in shared) == 64:
                lines += ["|" + "|".join(shared) + "|", rule]
                shared = []
        else:
            body = [edge if i % 2 == 0 else "+" + edge[1:-1] + "+" for i in range(field["size"] // 2 - 1)]
            middle = len(body) // 2
            body[middle] = body[middle][0] + field["name"].center(63) + body[middle][-1]
            lines += [*body, rule]
    return "\n".join(lines)


@pytest.mark.parametrize("name", HOME)
def test_the_table_of_a_dialect_is_the_one_in_the_code(name: str) -> None:
    rows = [(int(r[0]), int(r[1]), r[2].strip("`")) for r in table(requirement(HOME[name]))]
    assert rows == [(f["offset"], f["size"], f["name"]) for f in LAYOUTS[name]["fields"]]


@pytest.mark.parametrize("name", HOME)
def test_the_rule_and_slug_of_a_row_stand_beside_it(name: str) -> None:
    for row, field in zip(table(requirement(HOME[name])), LAYOUTS[name]["fields"], strict=True):
        words = row[3]
        assert (f"`{field['slug']}`" in words) == (field["slug"] is not None), f"{name}.{field['name']}: {words}"
        if field["rule"] == "sent-zero":
            assert "ignored when received" in words
        if field["bound"] is not None:
            bounds = {str(field["bound"]), f"0x{field['bound']:04x}", f"0x{field['bound']:08x}"}
            assert bounds & set(re.findall(r"\w+", words)), f"{name}.{field['name']}: {words}"


def test_every_dialect_of_the_code_has_a_home_in_the_document() -> None:
    assert set(HOME) == set(LAYOUTS)


def test_the_diagram_is_drawn_from_the_table() -> None:
    drawn = diagram(LAYOUTS["rttp1"])
    assert f"```text\n{drawn}\n```" in requirement("1.1"), f"paste this into RTTP-1.1:\n{drawn}"


@pytest.mark.parametrize(("field", "number"), [("flags", "1.3"), ("kind", "1.4")])
def test_flags_and_kinds_are_listed_with_their_values(field: str, number: str) -> None:
    names = next(f for f in LAYOUTS["rttp1"]["fields"] if f["name"] == field)["names"]
    assert {r[1].strip("`"): int(r[0].strip("`"), 16) for r in table(requirement(number))} == names
    assert all(len(r[2]) > 10 for r in table(requirement(number))), "each has its meaning"


def test_every_reject_slug_is_listed_with_its_code_and_meaning() -> None:
    rows = [(int(r[0]), r[1].strip("`"), r[2]) for r in table(requirement("3.3"))]
    assert rows == _core.slugs()


def test_the_tally_has_a_word_for_every_slug() -> None:
    slugs = len(_core.slugs())
    assert f"at least {8 * (6 + slugs)} bytes" in requirement("6.3")
    assert f"{slugs} today" in requirement("6.3")


def test_a_requirement_is_defined_once_and_in_its_own_section() -> None:
    assert sorted(set(DEFINED)) == sorted(DEFINED)
    assert [str(n) for n in range(1, len(SECTIONS) + 1)] == SECTIONS
    for section, body in zip(SECTIONS, re.split(r"^## \d+\. ", DOC, flags=re.MULTILINE)[1:], strict=True):
        numbers = re.findall(r"^\*\*RTTP-(\d+)\.(\d+)\*\*", body, re.MULTILINE)
        assert numbers == [(section, str(n)) for n in range(1, len(numbers) + 1)], "numbered from 1 without a gap"


def test_every_requirement_that_is_cited_exists() -> None:
    known = set(DEFINED) | set(SECTIONS)
    sources = [p for top in ("rust", "rttp_cli", "tests", "docs") for p in (TOP / top).rglob("*")]
    sources = [p for p in sources if p.suffix in {".rs", ".py", ".pyi", ".md", ".toml"} and "target" not in p.parts]
    cited = {
        (number, str(path.relative_to(TOP)))
        for path in sources
        for number in re.findall(r"\bRTTP-(\d+(?:\.\d+)?)", path.read_text(encoding="utf-8"))
    }
    assert len({path for _, path in cited if path.startswith("rust")}) > 5, "the search looks in the right place"
    assert {(number, path) for number, path in cited if number not in known} == set()
