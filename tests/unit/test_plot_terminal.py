"""Plots in characters: never wider than asked, readable without colour and without Unicode."""

import re

import plot_samples as samples
import pytest

from rttp_cli.report.plot import terminal

ESCAPES = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("lost", [0, 300])
def test_no_line_is_wider_than_asked(width: int, lost: int) -> None:
    for colour in (False, True):
        text = terminal.render(samples.result(lost=lost), width, colour=colour)
        assert max(len(ESCAPES.sub("", line)) for line in text.splitlines()) <= width


def test_colours_change_nothing_else() -> None:
    result = samples.result()
    coloured = terminal.render(result, colour=True)
    assert "\x1b[" in coloured
    plain = [line.rstrip() for line in ESCAPES.sub("", coloured).splitlines()]
    assert plain == terminal.render(result).splitlines()


def test_the_plain_form_is_ascii() -> None:
    assert terminal.render(samples.result(), ascii_only=True).isascii()


def test_loss_is_marked_at_the_end_of_the_curve() -> None:
    assert "▲ all beyond is lost: 0.40 % of the samples" in terminal.render(samples.result(lost=4))
    assert "▲" not in terminal.render(samples.result(lost=0))


def test_what_cannot_be_drawn_is_said_instead() -> None:
    text = terminal.render(samples.result(intervals=(), stalls=None))
    assert "response over time" not in text
    assert "No plot over time: the file has no intervals." in text


def test_a_single_sample_is_drawn() -> None:
    one = samples.result(whole=samples.part(answers=1), intervals=samples.intervals(1))
    assert "•" in terminal.render(one)
