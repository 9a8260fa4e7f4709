"""PNG and SVG files of plots: the right kind by suffix, whole or not at all, the same bytes again."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import plot_samples as samples
import pytest

from rttp_cli.errors import RttpError
from rttp_cli.report.plot import image


def test_the_suffix_decides_the_kind(tmp_path: Path) -> None:
    image.write([samples.result()], tmp_path / "a.png")
    image.write([samples.result()], tmp_path / "a.svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert ElementTree.fromstring((tmp_path / "a.svg").read_bytes()).tag.endswith("}svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]


def test_another_suffix_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(RttpError, match=r"expected \.png or \.svg"):
        image.write([samples.result()], tmp_path / "a.jpeg")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RttpError) as error:
        image.write([samples.result()], tmp_path / "none" / "a.png")
    assert error.value.slug == "unwritable"
    assert list(tmp_path.iterdir()) == []


def test_the_same_result_gives_the_same_bytes() -> None:
    drawn = [image.render([samples.result()], "all", "svg") for _ in range(2)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("which", ["heat", "rate"])
def test_a_plot_that_the_file_has_nothing_for_is_refused_with_the_reason(which: image.Which) -> None:
    with pytest.raises(RttpError, match="the file has no intervals") as error:
        image.render([samples.result(intervals=())], which, "png")
    assert error.value.slug == "bad-result"


def test_without_a_sample_there_is_nothing_to_plot() -> None:
    empty = samples.result(whole=samples.part(answers=0), streams=(), intervals=(), stalls=None)
    with pytest.raises(RttpError) as error:
        image.render([empty], "curve", "png")
    assert error.value.slug == "bad-result"


@pytest.mark.parametrize("which", ["curve", "heat", "rate", "stalls", "all"])
def test_each_plot_can_be_had_alone_and_of_several_results(which: image.Which) -> None:
    pair = [samples.result("a.json"), samples.result("b.json", lost=0)]
    assert image.render(pair, which, "svg")


@pytest.mark.parametrize("name", ["$\\frac{", "_hidden", "a\nb\x00", "\u202e日本 😀", "x" * 5000, ""])
def test_names_are_words_and_never_formulas_or_commands(name: str) -> None:
    named = samples.result(name, streams=(samples.part(name), samples.part("other")))
    assert image.render([named], "all", "svg")


def test_drawing_needs_no_settings_no_display_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: no such colour\n")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import plot_samples as samples\n"
        "from rttp_cli.report.plot import image\n"
        "import rttp_cli.report.plot.html\n"
        "assert 'matplotlib' not in sys.modules\n"
        "image.render([samples.result('😀')], 'all', 'png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path), "DISPLAY": ":99"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment, cwd="/")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
