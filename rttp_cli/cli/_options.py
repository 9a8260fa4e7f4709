"""Options that more than one command has, and how their texts become numbers."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rttp_cli.errors import RttpError

T = TypeVar("T")


def parsed(option: str, text: str, parse: Callable[[str], T]) -> T:
    """The value of an option's text. Raises `RttpError` that names the option."""
    try:
        return parse(text)
    except ValueError as error:
        raise RttpError("bad-option", f"`--{option}`: {error}") from None


def check_writable(file: Path) -> None:
    """Refuses a file that could not be written at the end of a run, before the run. Raises `RttpError` unwritable."""
    try:
        if file.is_dir():
            raise RttpError("unwritable", f"`{file}` is a folder, expected a file")
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            raise RttpError("unwritable", f"`{file}` cannot be written")
    except OSError as error:
        raise RttpError("unwritable", f"`{file}`: {error.strerror}") from None


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths name one file: what is read must not be written over."""
    try:
        return one.resolve() == other.resolve() or (one.is_file() and other.is_file() and one.samefile(other))
    except OSError:
        return False
