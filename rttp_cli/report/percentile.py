"""A percentile as people read it."""

from typing import Any

from rttp_cli.units import format_ns


def value(p: dict[str, Any]) -> str:
    """A percentile; in parentheses where the samples are too few."""
    match p["state"]:
        case "none":
            return "-"
        case "unbounded":
            return "unbounded"
        case "few":
            return f"({format_ns(p['value_ns'])})"
        case _:
            return format_ns(p["value_ns"])


def interval(p: dict[str, Any]) -> str:
    """Where the true quantile lies, or why nobody can say."""
    match p["state"]:
        case "none":
            return "no samples"
        case "unbounded":
            return f"≥ {format_ns(p['value_ns'])}: more lost"
        case "few":
            return f"{format_ns(p['lower_ns'])} …: too few samples"
        case _:
            upper = "unbounded" if p["upper_ns"] is None else format_ns(p["upper_ns"])
            return f"{format_ns(p['lower_ns'])} … {upper}"
