"""Colours of plots, by what they stand for: on white, on a dark page, and as names that a style sheet fills in.

Lines are those of Okabe and Ito (2008), which the colour-blind tell apart; heat is cividis, from few to many.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours as `#rrggbb`."""

    paper: str
    ink: str
    quiet: str
    """Of axes and remarks."""
    grid: str
    loss: str
    lines: tuple[str, ...]
    heat: tuple[str, ...]
    """From the smallest share to the greatest, one a level of `series.LEVELS` and one more."""

    def named(self) -> dict[str, str]:
        """Every colour by its name in a style sheet."""
        single = {name: getattr(self, name) for name in ("paper", "ink", "quiet", "grid", "loss")}
        lines = {f"line-{i}": colour for i, colour in enumerate(self.lines)}
        return single | lines | {f"heat-{i}": colour for i, colour in enumerate(self.heat)}


LIGHT = Palette(
    paper="#ffffff",
    ink="#1a1c1e",
    quiet="#5f666d",
    grid="#e3e6e8",
    loss="#d55e00",
    lines=("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#1a1c1e"),
    heat=("#e5cf52", "#c1b26a", "#9f9775", "#7f7e78", "#636670", "#444f6c", "#1a386f", "#00224e"),
)
DARK = Palette(
    paper="#14171a",
    ink="#e8eaec",
    quiet="#9aa3ab",
    grid="#2b3137",
    loss="#ff8a3d",
    lines=("#4aa8e0", "#f0b429", "#2cc79a", "#e39cc4", "#8fd3f5", "#ff8a3d", "#e8eaec"),
    heat=("#3b496c", "#565c6d", "#707173", "#898578", "#a59c74", "#c2b369", "#e1cc55", "#fee838"),
)


def _markers() -> Palette:
    # Colours that no plot has by chance: an SVG drawn with them has its names put in their place.
    def marks(first: int, count: int) -> tuple[str, ...]:
        return tuple(f"#fe{first + i:02x}01" for i in range(count))

    paper, ink, quiet, grid, loss = marks(0, 5)
    return Palette(paper, ink, quiet, grid, loss, marks(16, len(LIGHT.lines)), marks(32, len(LIGHT.heat)))


MARKERS = _markers()
"""Stands for `var(--NAME)` of each colour while a plot is drawn."""
