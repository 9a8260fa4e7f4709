"""Files of /proc and /sys: what cannot be read, or does not hold what it should, is `None` and never an exception."""

import os
from pathlib import Path

LONGEST = 64 * 1024
"""Bytes read of one file; the kernel makes the text while it is read, so that the rest costs nothing."""
SHOWN = 400
"""Characters kept of one value."""
MOST_CORES = 4096
"""Cores named by one list; a longer one is no list of cores."""


class Files:
    """A tree with /proc and /sys in it: this host's, or one that a test made."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = os.fspath(root)

    def path(self, name: str) -> str:
        """Where a file of the tree lies; `name` starts without a slash."""
        return os.path.join(self._root, name)  # noqa: PTH118 - a record opens hundreds, and Path costs as much as open

    def text(self, name: str) -> str | None:
        """The whole text of a file, at most 64 KiB of it."""
        try:
            # Without O_NONBLOCK a pipe in place of a file would wait for its writer.
            handle = os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError):
            return None
        try:
            parts, size = [], 0
            while size < LONGEST and (part := os.read(handle, LONGEST - size)):
                parts.append(part)
                size += len(part)
        except OSError:
            return None
        finally:
            os.close(handle)
        return b"".join(parts).decode("utf-8", "replace")

    def line(self, name: str) -> str | None:
        """A file of one value, without blanks round it or controls in it; `None` when it is empty."""
        text = self.text(name)
        return (clean(text) or None) if text is not None else None

    def number(self, name: str) -> int | None:
        """A file of one decimal number."""
        return integer(self.line(name))

    def flag(self, name: str) -> bool | None:
        """A file of 0 or 1."""
        return {"0": False, "1": True}.get(self.line(name) or "")

    def names(self, name: str) -> list[str] | None:
        """What is in a folder, sorted."""
        try:
            return sorted(os.listdir(self.path(name)))  # noqa: PTH208 - names are wanted, not paths
        except OSError:
            return None

    def link_name(self, name: str) -> str | None:
        """The last part of where a link points to."""
        try:
            return clean(os.path.basename(os.readlink(self.path(name)))) or None  # noqa: PTH115, PTH119 - as above
        except OSError:
            return None

    def exists(self, name: str) -> bool:
        """Whether there is something of that name that we may see."""
        return os.path.exists(self.path(name))  # noqa: PTH110 - as above


def clean(text: str) -> str:
    """Text as one printable line of bounded length."""
    words = "".join(c if c.isprintable() else " " for c in text[:LONGEST]).split()
    return " ".join(words)[:SHOWN]


def integer(text: str | None) -> int | None:
    """A decimal number that fits 64 bits."""
    digits = (text or "").removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        return None
    return int(text or "")


def core_list(text: str | None) -> list[int] | None:
    """Cores of the kernel's lists such as `0-3,8`; an empty list is one, too."""
    if text is None:
        return None
    cores: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, dash, last = part.partition("-")
        low, high = integer(first), integer(last) if dash else integer(first)
        if low is None or high is None or not 0 <= low <= high < low + MOST_CORES:
            return None
        cores.update(range(low, high + 1))
        if len(cores) > MOST_CORES:
            return None
    return sorted(cores)
