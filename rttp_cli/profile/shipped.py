"""Where profiles come from: shipped ones by name, a user's from two folders by name, any by path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from rttp_cli import _core

SUFFIXES = (".yaml", ".yml")

Origin = Literal["shipped", "user", "path"]


@dataclass(frozen=True)
class Found:
    """A profile that was asked for: a shipped one has its text, another its path."""

    name: str
    origin: Origin
    text: str | None = None
    path: Path | None = None

    @property
    def label(self) -> str:
        """As errors name it."""
        return f"{self.name} (shipped)" if self.path is None else str(self.path)

    @property
    def identity(self) -> str:
        """The same for the same profile, however it was named."""
        return f"shipped:{self.name}" if self.path is None else os.path.realpath(self.path)


@cache
def shipped() -> dict[str, str]:
    """Texts of the shipped profiles by name, sorted, `default` first."""
    texts = _core.shipped_profiles()
    return {name: texts[name] for name in sorted(texts, key=lambda name: (name != "default", name))}


def user_folders() -> list[Path]:
    """Where a user's profiles are looked for, in this order."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification has relative paths ignored.
    base = Path(home) if Path(home).is_absolute() else Path(os.environ.get("HOME", "/")) / ".config"
    return [Path("profiles"), base / "rttp" / "profiles"]


def is_path(name: str) -> bool:
    """Whether a text names a file rather than a profile: it has a separator or a YAML suffix."""
    return "/" in name or os.sep in name or name.endswith(SUFFIXES)


def find(name: str, folder: Path | None = None) -> Found | None:
    """The profile of a name, or `None`. A path is relative to `folder`; its file may not be there.

    A shipped name always means the shipped profile, so that it means the same on every host.
    """
    if is_path(name):
        path = (folder or Path()) / name
        return Found(path.stem, "path", path=path)
    if name in shipped():
        return Found(name, "shipped", text=shipped()[name])
    for place in user_folders():
        for suffix in SUFFIXES:
            path = place / (name + suffix)
            try:
                if name and path.is_file():
                    return Found(name, "user", path=path)
            except (OSError, ValueError):
                continue
    return None


def names() -> list[str]:
    """Every name that `find` knows."""
    return list(dict.fromkeys([*shipped(), *(found.name for found in user_profiles())]))


def user_profiles() -> list[Found]:
    """The files in the user's folders, by name; not those that are a shipped profile to the letter."""
    found = []
    for folder in user_folders():
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
        except OSError:
            continue
        found += [Found(path.stem, "user", path=path) for path in paths if not _is_shipped(path)]
    return found


def _is_shipped(path: Path) -> bool:
    text = shipped().get(path.stem)
    try:
        return text is not None and path.stat().st_size == len(text.encode()) and path.read_text("utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
