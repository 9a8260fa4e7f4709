"""What a verdict can be, of a gate or of a comparison."""

from collections.abc import Iterable
from typing import Literal

State = Literal["pass", "fail", "inconclusive"]


def worst(states: Iterable[State]) -> State:
    """`fail` if one is, else `inconclusive` if one is, else `pass`."""
    found = set(states)
    return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"
