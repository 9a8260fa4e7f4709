"""The Lua dissector has all that the dialect tables have, and is put where Wireshark looks, whole or not at all.

What it makes of datagrams is in tests/interop/test_wireshark.py.
"""

import os
import re
import stat
from pathlib import Path

import pytest

from rttp_cli import _core
from rttp_cli.decode import wireshark
from rttp_cli.decode.wireshark import dissector, install, plugin_folder
from rttp_cli.errors import RttpError
from rttp_cli.wire.address import DEFAULT_PORT

LAYOUTS = _core.layouts()
LUA = dissector()
TABLES, _, FIXED = LUA.partition("-- Fixed part")


def section(layout: "_core.Layout") -> str:
    """The dialect's part of the tables."""
    start = TABLES.index(
        f'name = "{layout["name"]}", order = "{layout["byte_order"]}", fixed = {layout["fixed_length"]}'
    )
    return TABLES[start : TABLES.index("\n  },\n", start)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout['name']}-{layout['byte_order']}")
def test_every_row_stands_in_its_dialect_with_its_place_rule_and_words(layout: "_core.Layout") -> None:
    rows = re.split(r"\n      (?=\{)", section(layout))[1:]
    assert len(rows) == len(layout["fields"])
    for text, row in zip(rows, layout["fields"], strict=True):
        assert text.startswith(f'{{ name = "{row["name"]}", at = {row["offset"]}, size = {row["size"]}, ')
        assert f'type = "{row["type"]}", rule = "{row["rule"]}"' in text
        assert f"doc = {wireshark._text(row['doc'])} }}" in text
        for key, value in (("slug", row["slug"]), ("flag", row["when_flag"])):
            assert re.findall(rf' {key} = "(.*?)"', text) == ([] if value is None else [value])
        assert re.findall(r" bound = (\d+)", text) == ([] if row["bound"] is None else [str(row["bound"])])
        assert re.findall(r'\[(0x[0-9a-f]+)\] = "(\w+)"', text) == [
            (f"{value:#0{2 + 2 * row['size']}x}", name) for name, value in row["names"].items()
        ]


def test_every_slug_stands_with_its_meaning() -> None:
    for _, name, meaning in _core.slugs():
        assert f'{{ name = "{name}", meaning = "{meaning}" }}' in TABLES


def test_the_fixed_part_names_only_slugs_and_rows_of_the_tables() -> None:
    slugs = set(re.findall(r'return "([a-z-]+)", ', FIXED))
    assert slugs <= {name for _, name, _ in _core.slugs()}
    assert len(slugs) == 6, "rules over several rows: four of rttp1, one of rfc64, one of pulse128"
    rows = {row["name"] for layout in LAYOUTS for row in layout["fields"]}
    keys = {"name", "at", "size", "type", "rule", "slug", "bound", "flag", "hex", "names", "doc"}
    made = {"field", "decimal", "bits", "unknown"}
    assert set(re.findall(r"\brow\.(\w+)", FIXED)) - keys - made <= rows


def test_what_is_derived_takes_no_row_s_name() -> None:
    derived = re.findall(r'register\("rttp\.(\w+)"', FIXED)
    assert len(derived) == len(set(derived)) == 11
    taken = {row["name"] for row in LAYOUTS[0]["fields"]} | {layout["name"] for layout in LAYOUTS[1:]}
    assert not taken & set(derived)


def test_it_says_which_version_made_it_and_how() -> None:
    first, second, *_ = LUA.splitlines()
    assert f"made by rttp {_core.build_info()[0]} " in first
    assert "rttp decode --wireshark" in second
    assert f"PORT, MAX_DATAGRAM, TAG = {DEFAULT_PORT}, 65507, 16" in LUA
    assert "@" not in LUA, "a place for text is still empty"
    assert dissector() == LUA


def test_lines_are_short_enough_to_read() -> None:
    assert max(map(len, LUA.splitlines())) <= 140
    assert max(map(len, FIXED.splitlines())) <= 120


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", '"plain"'),
        ('a "word"', '"a \\"word\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("line\nend\0", '"line\\010end\\000"'),
        ("Reed–Solomon", '"Reed–Solomon"'),
        ("\u2028", '"\\226\\128\\168"'),
    ],
)
def test_a_text_becomes_a_literal_that_lua_reads_back(text: str, literal: str) -> None:
    assert wireshark._text(text) == literal


def test_it_is_installed_readable_for_all_in_a_folder_made_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    before = os.umask(0o077)
    try:
        path = install(folder)
    finally:
        os.umask(before)
    assert path == folder / "rttp.lua"
    assert path.read_text(encoding="utf-8") == LUA
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in folder.iterdir()] == ["rttp.lua"]


def test_an_old_file_is_replaced_by_a_whole_one_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "rttp.lua"
    old.write_text("old", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RttpError, match="No space left on device") as caught:
            install(tmp_path)
    assert caught.value.slug == "unwritable"
    assert [(entry.name, entry.read_text(encoding="utf-8")) for entry in tmp_path.iterdir()] == [("rttp.lua", "old")]
    inode = old.stat().st_ino
    assert install(tmp_path).read_text(encoding="utf-8") == LUA
    assert old.stat().st_ino != inode, "written over the old one, which may be read meanwhile"
    assert [entry.name for entry in tmp_path.iterdir()] == ["rttp.lua"]


def full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    taken = tmp_path / "taken"
    (taken / "rttp.lua").mkdir(parents=True)
    # /proc refuses root too, whom permissions do not stop.
    for folder in (file, file / "below", Path("/proc"), Path("/proc/none"), taken):
        with pytest.raises(RttpError, match=re.escape(f"`{folder / 'rttp.lua'}`: ")) as caught:
            install(folder)
        assert caught.value.slug == "unwritable"
    assert list(taken.iterdir()) == [taken / "rttp.lua"]


def tshark_that(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    """Puts a program named tshark, or none, on a path of its own."""
    if script is not None:
        program = folder / "tshark"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", "/home/nobody")


@pytest.mark.parametrize(
    ("script", "folder"),
    [
        (None, "/home/nobody/.local/lib/wireshark/plugins"),
        ("exit 1", "/home/nobody/.local/lib/wireshark/plugins"),
        ("echo 'Temp:  /tmp'", "/home/nobody/.local/lib/wireshark/plugins"),
        ("echo 'Personal Lua Plugins: relative'", "/home/nobody/.local/lib/wireshark/plugins"),
        (
            "printf 'Personal Plugins:\\t/a/4.6\\nPersonal Lua Plugins:\\t/a b/plugins\\nExtcap path:\\t/c\\n'",
            "/a b/plugins",
        ),
        ("printf 'Personal Lua Plugins:\\t/caf\\351\\n'", os.fsdecode(b"/caf\xe9")),
    ],
)
def test_the_folder_is_what_tshark_says_or_else_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, folder: str
) -> None:
    tshark_that(tmp_path, monkeypatch, script)
    assert plugin_folder() == Path(folder)


def test_without_a_folder_it_goes_where_wireshark_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tshark_that(tmp_path, monkeypatch, None)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert install() == tmp_path / ".local/lib/wireshark/plugins/rttp.lua"
