"""docs/DECODE.md lists every column and every key of a summary, and none that is not there.

`python tests/unit/test_decode_doc.py --write` writes the columns anew.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rttp_cli import _core
from rttp_cli.decode import DecodeOptions, request

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs" / "DECODE.md"
SECTIONS = {"columns of pulses": False, "columns of messages": True}


def table(*, messages: bool) -> str:
    """The columns as the document has them."""
    lines = ["| column | type | holds |", "|---|---|---|"]
    for row in _core.decode_columns(messages):
        lines.append(f"| `{row['name']}` | {row['type']} | {row['doc']} |")
    return "\n".join(lines)


def marks(section: str) -> tuple[str, str]:
    return (
        f"<!-- {section}: written by tests/unit/test_decode_doc.py --write -->\n",
        f"<!-- end of {section} -->",
    )


def written(text: str) -> str:
    for section, messages in SECTIONS.items():
        begin, end = marks(section)
        head, _, rest = text.partition(begin)
        text = head + begin + table(messages=messages) + "\n" + end + rest.partition(end)[2]
    return text


def summary(*captures: str) -> Any:
    decoder = _core.Decode(request(DecodeOptions(tuple(captures)), "summary"))
    while decoder.summarise(60):
        pass
    return json.loads(decoder.summary(1000))


def paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}".removeprefix(".")
            if key not in ("dialects", "kinds", "priorities"):
                yield from paths(inner, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, path + "[]")


@pytest.mark.parametrize("section", SECTIONS)
def test_the_columns_are_those_of_the_core(section: str) -> None:
    text = PATH.read_text(encoding="utf-8")
    begin, end = marks(section)
    assert text.partition(begin)[2].partition(end)[0] == table(messages=SECTIONS[section]) + "\n", (
        "run `python tests/unit/test_decode_doc.py --write`"
    )


def test_every_key_of_a_summary_is_named_and_no_other() -> None:
    folder = ROOT / "captures"
    found = set()
    for capture in ("session.pcap", "two-interfaces.pcapng", "malicious-bad-version.pcap", "truncated.pcap"):
        found |= set(paths(summary(str(folder / capture))))
    section = PATH.read_text(encoding="utf-8").partition("## The summary")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    words = set(re.findall(r"`([a-z_0-9]+)(?:\[\])?`", " ".join(rows)))
    dotted = set(re.findall(r"`([a-z_0-9.\[\]]+)`", " ".join(rows)))
    leaves = {path.replace("[]", "").rpartition(".")[2] for path in found} - {"schema"}
    assert leaves <= words | {name.replace("[]", "").rpartition(".")[2] for name in dotted}
    assert words <= leaves, words - leaves
    assert {name for name in dotted if "." in name} <= found | {path + "[]" for path in found}


if __name__ == "__main__":
    text = written(PATH.read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--write"]:
        PATH.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
