"""A figure as SVG inside a page: colours become names of the style sheet, and what a page does not need goes away."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from rttp_cli.report.plot.palette import MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = {colour: name for name, colour in MARKERS.named().items()}
_COLOUR = re.compile("|".join(_NAMES))
_NUMBER = re.compile(r"-?\d+\.\d+")
_SPACE = re.compile(r"\s+")
_FONT = re.compile(r"font: ([^;]*?)([\d.]+)px [^;]*")


def inline(figure: Figure, label: str, prefix: str) -> str:
    """The figure, drawn with `palette.MARKERS`, as an `<svg>` element. Ids begin with `prefix`, unique in the page."""
    buffer = io.BytesIO()
    # No metadata: it names schemas by URL, and a page has none.
    keys = ("Date", "Creator", "Format", "Type")
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(keys), transparent=True)
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            # Its style would be the whole page's.
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    referenced = set(re.findall(r"#([\w-]+)", " ".join(v for e in root.iter() for v in e.attrib.values())))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {
            key.rpartition("}")[2]: _value(key, value, prefix, referenced)
            for key, value in element.attrib.items()
            if key != "id" or value in referenced
        }
        if element.tag != "text":
            element.text = None if not (element.text or "").strip() else element.text
        element.tail = None
    width, height = root.attrib.pop("width"), root.attrib.pop("height")
    root.attrib.pop("version", None)
    root.attrib |= {"viewBox": f"0 0 {width.removesuffix('pt')} {height.removesuffix('pt')}", "role": "img"}
    root.attrib["aria-label"] = label
    return ElementTree.tostring(root, encoding="unicode")


def _value(key: str, value: str, prefix: str, referenced: set[str]) -> str:
    if key == "id":
        return prefix + value
    if key.endswith("href"):
        return f"#{prefix}{value.removeprefix('#')}"
    if key in ("d", "points", "x", "y", "transform"):
        shorter = _NUMBER.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), value)
        return _SPACE.sub(" ", shorter).strip()
    value = re.sub(r"url\(#", f"url(#{prefix}", value)
    value = _COLOUR.sub(lambda m: f"var(--{_NAMES[m[0]]})", value)
    # The page's own font: a reader's system has it.
    return _FONT.sub(r"font: \1\2px var(--font)", value)
