"""Options that more than one command has, and how their texts become numbers."""

from collections.abc import Callable
from typing import TypeVar

from rttp_cli.errors import RttpError

T = TypeVar("T")


def parsed(option: str, text: str, parse: Callable[[str], T]) -> T:
    """The value of an option's text. Raises `RttpError` that names the option."""
    try:
        return parse(text)
    except ValueError as error:
        raise RttpError("bad-option", f"`--{option}`: {error}") from None
