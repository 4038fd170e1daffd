"""The colours of a report, in a light and a dark scheme that say the same.

A figure is drawn once, in the light scheme; a rule of the page's style sheet exchanges every colour
for its variable. So every light colour used in a figure must occur in this table, and no two names
may share one. Text reaches a contrast of 4.5:1 and graphics 3:1 against the
surfaces that they are drawn on; a test computes it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """One role, in both schemes, as ``#rrggbb``."""

    light: str
    dark: str


SURFACES: dict[str, Colour] = {
    "page": Colour("#fdfdfc", "#101317"),
    "card": Colour("#fffffe", "#161a20"),
    "wash": Colour("#f3f4f2", "#1c2129"),
}
"""What text and figures are drawn on."""

TEXT: dict[str, Colour] = {
    "ink": Colour("#171a1f", "#e9ebee"),
    "muted": Colour("#555c66", "#a3abb6"),
    "link": Colour("#1a4f8b", "#8cb8f2"),
    "good": Colour("#00604f", "#5fd3b8"),
    "bad": Colour("#a8320a", "#ff9d76"),
    "same": Colour("#2a4f9e", "#9db7ff"),
    "open": Colour("#7a5200", "#e9bd5b"),
    "none": Colour("#5a6069", "#a9b0bb"),
}
"""Words: ink, links, and the tones of verdicts."""

GRAPHICS: dict[str, Colour] = {
    "series1": Colour("#1f5fa9", "#6fabf0"),
    "series2": Colour("#c8460f", "#f58b59"),
    "series3": Colour("#0b7a68", "#3fc0a6"),
    "series4": Colour("#8a3f97", "#cf8fdb"),
    "series5": Colour("#8f6a00", "#d8ac35"),
    "series6": Colour("#5b6673", "#9ba8b7"),
    "axis": Colour("#6b727c", "#8a93a0"),
}
"""Lines and marks; the first six tell series apart, together with a marker and a dash."""

QUIET: dict[str, Colour] = {
    "rule": Colour("#dcdfe1", "#2b323c"),
    "grid": Colour("#e6e8e9", "#272e37"),
    "band": Colour("#e3e8ef", "#26303d"),
}
"""Rules, grid lines and bands: decoration, which may be faint, as edges are marked otherwise."""

SHADES: dict[str, Colour] = {
    "heat1": Colour("#e4edf7", "#1d2a3a"),
    "heat2": Colour("#bcd3ec", "#23405f"),
    "heat3": Colour("#8fb4de", "#2d5a8a"),
    "heat4": Colour("#2f6fb5", "#7fb4ee"),
    "heat5": Colour("#174a7c", "#b5d6fa"),
}
"""Cells of a table of means, from the worst to the best: ink is read on the first three, the colour
of the card on the others."""

ALL: dict[str, Colour] = SURFACES | TEXT | GRAPHICS | QUIET | SHADES


def light(name: str) -> str:
    """Return the light colour of a role: what figures are drawn with."""
    return ALL[name].light


def figure_rules() -> str:
    """Return CSS that gives the colours of figures, which are attributes, to the page's scheme.

    A style sheet's rule goes before an attribute, so a figure taken from the page stays light. No
    rule names what the colour lies in: a mark that is drawn by ``<use>`` would not be found.
    """
    return "\n".join(
        f'[{what}="{colour.light}"] {{ {what}: var(--{name}); }}'
        for name, colour in ALL.items()
        for what in ("fill", "stroke")
    )


def variables(scheme: str) -> str:
    """Return the declarations of CSS variables for ``"light"`` or ``"dark"``."""
    return " ".join(f"--{name}: {getattr(colour, scheme)};" for name, colour in ALL.items())
