"""How each verdict word is shown, and what it means: marker, colour and a sentence.

Which word a claim gets is chosen in :mod:`harness.judging.words`.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.words import Word


@dataclass(frozen=True)
class Appearance:
    """How a verdict word is shown.

    Attributes:
        marker: the word's mark in matplotlib's language.
        filled: whether the marker is filled.
        tone: a text colour of the palette.
        meaning: one sentence for the glossary.
    """

    marker: str
    filled: bool
    tone: str
    meaning: str


APPEARANCES: dict[Word, Appearance] = {
    "supported, material": Appearance(
        "^", True, "good",
        "The whole interval lies above δ: the effect is there, and it is large enough to matter.",
    ),
    "supported": Appearance(
        "^", False, "good",
        "The whole interval lies above 0 but reaches below δ: the effect is there; whether it is "
        "large enough to matter is unclear.",
    ),
    "real but negligible": Appearance(
        "o", False, "same",
        "The interval lies between 0 and δ: the effect is there, and too small to matter.",
    ),
    "equivalent": Appearance(
        "o", True, "same",
        "The interval lies within ±δ: whatever difference there is, it is too small to matter.",
    ),
    "refuted": Appearance(
        "v", False, "bad",
        "The whole interval lies below δ: an effect as large as the one claimed is ruled out.",
    ),
    "reversed": Appearance(
        "v", True, "bad",
        "The whole interval lies below 0: the effect goes the other way.",
    ),
    "identical": Appearance(
        "s", True, "same",
        "In each seed the arms trained the same networks, to the last bit: nothing to estimate.",
    ),
    "direction only": Appearance(
        "D", True, "open",
        "The direction is shown; whether the claim holds, which is about size, or about every step "
        "of a trend, is unclear.",
    ),
    "inconclusive": Appearance(
        "D", False, "open",
        "The interval leaves unclear whether there is an effect that matters.",
    ),
    "suggestive": Appearance(
        "P", False, "open",
        "The claim was declared as exploratory, and stands out among them: a lead, no verdict.",
    ),
    "not suggestive": Appearance(
        ".", False, "none",
        "The claim was declared as exploratory, and does not stand out: no verdict.",
    ),
    "not assessable": Appearance(
        "X", True, "none",
        "Too few pairs of runs finished (at least 5 are needed) for any verdict.",
    ),
}  # fmt: skip
"""The words of verdicts, from yes through no to cannot tell, and two for leads."""
