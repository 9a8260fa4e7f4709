"""HTML in pieces: whatever comes from a file goes through here, and nothing leaves unescaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Html:
    """Markup that is safe to put into a page."""

    text: str


def text(value: str | Html) -> str:
    """A value as markup: text is escaped, and control characters that HTML forbids are replaced."""
    if isinstance(value, Html):
        return value.text
    return escape("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in value))


def element(tag: str, *inside: str | Html, **attributes: str) -> Html:
    """An element; `class_` and `aria_label` are written `class` and `aria-label`."""
    shown = "".join(f' {k.rstrip("_").replace("_", "-")}="{text(v)}"' for k, v in attributes.items())
    return Html(f"<{tag}{shown}>{''.join(map(text, inside))}</{tag}>")


def join(parts: Iterable[str | Html]) -> Html:
    """Parts behind each other."""
    return Html("\n".join(map(text, parts)))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str | Html]], *, words: int = 1) -> Html:
    """A table whose first column heads its rows. The first `words` columns are text, the others figures."""

    def cells(row: Sequence[str | Html]) -> Iterable[Html]:
        for i, cell in enumerate(row):
            tag, attributes = ("th", {"scope": "row"}) if i == 0 else ("td", {})
            yield element(tag, cell, **(attributes if i < words else attributes | {"class_": "n"}))

    heads = [element("th", name, scope="col", **({} if i < words else {"class_": "n"})) for i, name in enumerate(head)]
    body = [element("tr", *cells(row)) for row in rows]
    inside = (element("caption", caption), element("thead", element("tr", *heads)), element("tbody", join(body)))
    return element("div", element("table", *inside), class_="wide")


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and what they are, as a list of definitions."""
    return element("dl", *(join((element("dt", name), element("dd", value))) for name, value in pairs))
