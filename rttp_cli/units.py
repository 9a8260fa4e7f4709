"""Quantities as people write them: `300us`, `1.5 s`, `100k`, `16MiB`. One parser in, one formatter out.

And text of others, as a terminal may have it.
"""

import re

_DURATION_NS = {"ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "min": 60e9, "h": 3600e9}
_FACTOR = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}
_BYTES = {"": 1, "b": 1, "k": 1e3, "kb": 1e3, "kib": 1 << 10, "m": 1e6, "mb": 1e6, "mib": 1 << 20, "gib": 1 << 30}
_NUMBER = re.compile(r"\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)?(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-zµμ/]*)\s*")


def _split(text: str, what: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text) if text.isascii() or "µ" in text or "μ" in text else None
    if not match or not any(c.isdigit() for c in match[1]):
        raise ValueError(f"`{text}` is not {what}")
    return float(match[1].replace("_", "").replace(",", "")), match[2]


def parse_duration_ns(text: str) -> int:
    """Nanoseconds of `300us`, `1.5s`, `2min`. A unit is needed. Raises `ValueError`."""
    number, unit = _split(text, "a time such as 300us, 10ms or 5s")
    if unit not in _DURATION_NS:
        raise ValueError(f"`{text}` needs a unit: ns, us, ms, s, min or h")
    ns = number * _DURATION_NS[unit]
    if not 0 <= ns <= 366 * 24 * 3600e9:
        raise ValueError(f"`{text}` is not between 0 and a year")
    return round(ns)


def parse_rate(text: str) -> float:
    """Per second: `100000`, `100k`, `2.5M/s`. Raises `ValueError`."""
    number, unit = _split(text, "a rate such as 100000, 100k or 2.5M/s")
    unit = unit.removesuffix("/s").lower()
    if unit not in _FACTOR:
        raise ValueError(f"`{text}` is not a rate such as 100000, 100k or 2.5M/s")
    return number * _FACTOR[unit]


def parse_bytes(text: str) -> int:
    """Bytes of `1400`, `8k`, `16MiB`. Raises `ValueError`."""
    number, unit = _split(text, "a size such as 1400, 8k or 16MiB")
    if unit.lower() not in _BYTES:
        raise ValueError(f"`{text}` is not a size such as 1400, 8k or 16MiB")
    count = number * _BYTES[unit.lower()]
    if not 0 <= count < 1 << 63:
        raise ValueError(f"`{text}` is not between 0 and 2^63 bytes")
    return round(count)


def format_ns(ns: float) -> str:
    """Three significant digits in the unit that fits: `58.1 µs`, `3.98 ms`."""
    for bound, divisor, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"), (float("inf"), 1e9, "s")):
        # 999.6 µs must become 1.00 ms, not 1000 µs.
        if abs(ns) < bound * 0.9995 or unit == "s":
            value = ns / divisor
            digits = 0 if unit == "ns" or abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
            return f"{value:,.{digits}f} {unit}"
    raise AssertionError("unreachable")


def format_bytes(count: float) -> str:
    """`16 MiB`, `138 B`."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"


def format_share(part: float, whole: float) -> str:
    """`0 %`, `0.02 %`, `0.003 %`, `1e-05 %`: never a rounded zero for something that happened."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return f"{percent:.2f} %" if percent >= 0.01 else f"{percent:.1g} %"


def plain(text: str) -> str:
    """Text from a file or a name on one line: terminal controls, and what no encoding has, are escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
