"""A Wireshark dissector in Lua, made from the core's dialect tables, and where to put it.

The fixed part is `rttp.lua` beside this file: a walker over tables, the rules over several fields, registration. The
tables, and so every field, kind, flag and slug, are written into it here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from rttp_cli import _core
from rttp_cli.errors import RttpError
from rttp_cli.files import write_whole
from rttp_cli.wire.address import DEFAULT_PORT
from rttp_cli.wire.pulse import MAX_PULSE, TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rttp_cli._core import FieldRow, Layout

FILE_NAME = "rttp.lua"


def dissector() -> str:
    """The dissector as one Lua file, for Wireshark and tshark 4.0 to 4.6."""
    header = [
        f"RTTP dissector for Wireshark and tshark, made by rttp {_core.build_info()[0]} from its dialect tables:",
        "  rttp decode --wireshark",
        "Make it again instead of editing it. MIT licence.",
    ]
    fixed = files("rttp_cli.decode").joinpath(FILE_NAME).read_text(encoding="utf-8")
    fixed = fixed.replace("-- @HEADER@\n", "".join(f"-- {line}\n" for line in header))
    return fixed.replace("-- @TABLES@\n", "\n".join(_tables()) + "\n")


def plugin_folder() -> Path:
    """This user's folder for Lua plugins: the one tshark names if it is installed, else Wireshark's default.

    The default is ~/.local/lib/wireshark/plugins on Linux and macOS alike; the XDG variables do not move it, but
    whatever tshark answers is taken.
    """
    return _folder_of_tshark() or Path.home() / ".local" / "lib" / "wireshark" / "plugins"


def install(path: Path | None = None) -> Path:
    """Writes the dissector into a folder, by default `plugin_folder()`, whole or not at all; where it is now.

    The folder is made if it is not there, the file is readable for all. Raises `RttpError` unwritable.
    """
    folder = plugin_folder() if path is None else path
    target = folder / FILE_NAME
    text = dissector()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RttpError("unwritable", f"`{target}`: {error.strerror or error}") from error
    # Its name on the way does not end in .lua, so that Wireshark, started meanwhile, does not load half of it.
    write_whole(target, text.encode(), 0o644)
    return target


def _folder_of_tshark() -> Path | None:
    """What `tshark -G folders` says; `None` without tshark or without that line."""
    program = shutil.which("tshark")
    if program is None:
        return None
    try:
        # Seconds pass when extcap programs are slow to answer.
        done = subprocess.run([program, "-G", "folders"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"^Personal Lua Plugins:[ \t]*(\S.*?)\s*$", os.fsdecode(done.stdout), re.MULTILINE)
    return Path(found[1]) if found and Path(found[1]).is_absolute() else None


def _tables() -> Iterator[str]:
    """The tables as Lua, line by line."""
    yield f"local PORT, MAX_DATAGRAM, TAG = {DEFAULT_PORT}, {MAX_PULSE}, {TAG}"
    yield ""
    yield "-- Every broken rule has a name (RTTP-3.3)."
    yield "local SLUGS = {"
    for _, name, meaning in _core.slugs():
        yield f"  {{ name = {_text(name)}, meaning = {_text(meaning)} }},"
    yield "}"
    yield ""
    yield "-- Offsets and sizes in bytes; `flag` is the flag that a row needs to be there."
    yield "local DIALECTS = {"
    for layout in _core.layouts():
        yield from _dialect(layout)
    yield "}"


def _dialect(layout: Layout) -> Iterator[str]:
    # The default dialect's fields are `rttp.seq_id`, those of the others `rttp.rfc64.bid`.
    prefix = "rttp" if layout["name"] == "rttp1" else f"rttp.{layout['name']}"
    yield "  {"
    yield f"    -- {layout['doc']}"
    yield (
        f"    name = {_text(layout['name'])}, order = {_text(layout['byte_order'])}, "
        f"fixed = {layout['fixed_length']}, prefix = {_text(prefix)},"
    )
    yield "    rows = {"
    for row in layout["fields"]:
        yield from _row(row)
    yield "    },"
    yield "  },"


def _row(row: FieldRow) -> Iterator[str]:
    parts = [
        f"name = {_text(row['name'])}",
        f"at = {row['offset']}",
        f"size = {row['size']}",
        f"type = {_text(row['type'])}",
        f"rule = {_text(row['rule'])}",
    ]
    if row["slug"] is not None:
        parts.append(f"slug = {_text(row['slug'])}")
    if row["bound"] is not None:
        parts.append(f"bound = {row['bound']}")
    if row["when_flag"] is not None:
        parts.append(f"flag = {_text(row['when_flag'])}")
    if _in_hex(row):
        parts.append("hex = true")
    yield f"      {{ {', '.join(parts)},"
    if row["names"]:
        yield "        names = {"
        width = 2 + 2 * row["size"]
        for name, value in row["names"].items():
            yield f"          [{value:#0{width}x}] = {_text(name)},"
        yield "        },"
    yield f"        doc = {_text(row['doc'])} }},"


def _in_hex(row: FieldRow) -> bool:
    """Numbers that people know by their hex form: names, bits, magics, hashes, checksums, the struct's `type`."""
    wide_constant = row["size"] > 1 and (row["rule"] == "exactly" or row["default"] == "computed")
    named = row["rule"] in ("bits", "one-of") or row["name"] in ("flags", "type") or row["name"].endswith("_hash")
    return row["type"] == "uint" and (wide_constant or named)


def _text(text: str) -> str:
    """A Lua string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    # Lua 5.2 knows bytes only, by their decimal numbers.
    return '"' + "".join(c if c.isprintable() else "".join(f"\\{b:03}" for b in c.encode()) for c in escaped) + '"'
