"""Make the fonts of the PDF from those of the npm package ``inter-ui``: a program, run by hand.

    npm pack inter-ui@4.1.1 && tar xzf inter-ui-4.1.1.tgz
    python reports/fonts/subset.py package/web

The same version gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
WEIGHTS = ("Regular", "Bold")
RANGES = (
    (0x20, 0x7E), (0xA0, 0x17F),  # Latin, with the letters of most of Europe
    (0x218, 0x21B), (0x300, 0x30C), (0x384, 0x3CE),  # Romanian, accents, Greek
    (0x2010, 0x2027), (0x202F, 0x205F), (0x2070, 0x209C), (0x20AC, 0x20AC),  # punctuation, powers
    (0x2113, 0x2122), (0x2190, 0x21D4), (0x2200, 0x22A5),  # arrows, signs of mathematics
    (0x25A0, 0x25FF), (0x2605, 0x2606), (0x2690, 0x26A0), (0x2713, 0x2717),  # marks of verdicts
)  # fmt: skip
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "tnum"]
"""No others: some draw ``->`` as an arrow, or an x between digits as a multiplication sign."""


def make(folder: Path) -> None:
    """Write a subset of each weight beside this file, unhinted, as TrueType."""
    options = subset.Options(
        layout_features=FEATURES, hinting=False, desubroutinize=True, notdef_outline=True,
        recalc_timestamp=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14],
    )  # fmt: skip
    for weight in WEIGHTS:
        font = TTFont(folder / f"Inter-{weight}.woff2", recalcTimestamp=False)
        font.flavor = None
        work = subset.Subsetter(options)
        work.populate(unicodes=[each for low, high in RANGES for each in range(low, high + 1)])
        work.subset(font)
        font.save(HERE / f"Inter-{weight}.ttf")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
