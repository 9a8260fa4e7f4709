"""The page of `--html`: one file, nothing to load, nothing to run, whatever names a file brings."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import plot_samples as samples
import pytest

from rttp_cli.errors import RttpError
from rttp_cli.report.plot import html
from rttp_cli.report.result import Result

VOID = {"meta", "link", "br", "img", "hr", "input"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</svg><img src=x onerror=alert(1)>",
    "</style>",
    "' onload='x",
    "&lt;\x00\u202e",
]


class Page(HTMLParser):
    """Elements with their attributes, and whether every one is closed where it has to be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(*results: Result) -> Page:
    return Page(html.render(results))


def hostile(name: str) -> Result:
    told = samples.document()
    told["profile"] = {"name": name}
    told["run"]["target"] = name
    told["host"]["environment"] = {name: {name: [name]}}
    told["gates"][0]["reason"] = name
    streams = (samples.part(name), samples.part("other"))
    return samples.result(name, document=told, streams=streams, notes=(name,))


def test_a_page_is_well_formed_and_says_its_language() -> None:
    page = page_of(samples.result())
    assert page.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.all("meta")
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1


@pytest.mark.parametrize("several", [False, True])
def test_a_page_loads_nothing_and_runs_nothing(several: bool) -> None:
    results = [samples.result("a.json"), samples.result("b.json")][: 1 + several]
    text = html.render(results)
    page = Page(text)
    assert not re.search(r"https?:|//|@import|<script|javascript:", text, re.IGNORECASE)
    assert not {"script", "iframe", "img", "object", "embed", "image", "foreignobject"} & {n for n, _ in page.elements}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_files_are_words(name: str) -> None:
    page, tame = page_of(hostile(name)), page_of(hostile("tame"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in tame.elements]
    assert [list(a) for _, a in page.elements] == [list(a) for _, a in tame.elements]
    assert name.replace("\x00", "\ufffd").replace("\u202e", "\ufffd") in page.text


def test_ids_are_unique_and_every_reference_has_its_target() -> None:
    text = html.render([samples.result("a.json"), samples.result("b.json", lost=0)])
    ids = re.findall(r' id="([^"]+)"', text)
    used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', text))
    assert len(ids) == len(set(ids))
    assert used <= set(ids)


def test_every_colour_of_a_plot_is_a_variable_of_the_style_sheet() -> None:
    text = html.render([samples.result()])
    style, _, body = text.partition("</style>")
    assert not re.search(r"(fill|stroke): ?#", body)
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) <= set(re.findall(r"--([\w-]+):", style))
    assert "prefers-color-scheme:dark" in style
    assert "@media print" in style


def test_plots_are_named_for_those_who_cannot_see_them_and_tables_have_headings() -> None:
    page = page_of(samples.result())
    assert len(page.all("svg")) == 3
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.all("svg"))
    assert {heading["scope"] for heading in page.all("th")} == {"row", "col"}
    assert len(page.all("caption")) == len(page.all("table"))


def test_a_page_has_what_was_measured_where_and_how_sure_it_is() -> None:
    text = page_of(samples.result(notes=("values read as ns",))).text
    for words in (
        "sent 1,004", "95 % interval", "samples beyond", "untouched by stalls", "control", "224 … 255",
        "response.p99 <= 500us", "0.40 % lost", "seed 7, digest abc", "robots", "refused: not permitted",
        "processor.hypervisor", "longest 4.20 ms", "values read as ns", "loss 0.01",
    ):  # fmt: skip
        assert words in text, words


def test_a_verdict_is_readable_without_colour() -> None:
    text = page_of(samples.result()).text
    assert "✓ pass" in text
    assert "✗ fail" in text


def test_a_result_without_document_intervals_and_stalls_says_what_is_missing() -> None:
    bare = samples.result(document=None, intervals=(), stalls=None, streams=(), bands=(), kind="percentile table")
    bare = replace(bare, whole=replace(bare.whole, counts=None), duration_ns=None, sending_ns=None, exact=False)
    page = page_of(bare)
    assert "No plot over time: the file has no intervals." in page.text
    assert "No stalls: the file does not say whether cores stalled." in page.text
    assert "Percentiles are the rows of a table" in page.text


def test_a_result_without_an_answer_is_a_page_too() -> None:
    empty = samples.result(whole=samples.part(answers=0), streams=(), bands=(), intervals=())
    assert "there is no response" in page_of(empty).text


def test_many_results_have_a_line_each_and_some_are_shown_in_full() -> None:
    count = html.MOST_IN_FULL + 2
    page = page_of(*(samples.result(f"run-{i}.json", streams=()) for i in range(count)))
    assert all(f"run-{i}.json" in page.text for i in range(count))
    assert f"The first {html.MOST_IN_FULL} of {count} results are shown in full." in page.text


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    old = tmp_path / "page.html"
    old.write_text("old")
    with pytest.raises(RttpError) as error:
        html.write([samples.result()], tmp_path / "none" / "page.html")
    assert error.value.slug == "unwritable"
    html.write([samples.result()], old, title="Tuesday")
    assert "<title>Tuesday · rttp report</title>" in old.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
