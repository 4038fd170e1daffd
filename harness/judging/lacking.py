"""Why a claim on results that others made cannot be assessed: what they lack."""

from __future__ import annotations

from harness.judging.pairing import Trials, groups_of
from harness.study.claims import Claim, Sooner
from harness.study.declaration import Declaration

MOST = 3
"""Arms that a sentence names."""


def lacking(
    declaration: Declaration, claim: Claim, trials: Trials, *, unpaired: bool = False
) -> str:
    """Say what results lack for a claim; empty where all that they lack is seeds.

    Args:
        declaration: the study at one scale.
        claim: one of its claims.
        trials: the records that count, by arm name and seed.
        unpaired: whether its sides are compared without pairs.
    """
    if isinstance(claim, Sooner):
        return "It needs learning curves, and results that others made have final values alone."
    names = [arm.name for group in groups_of(declaration, claim) for arm in group]
    seeds = {name: {seed for arm, seed in trials if arm == name} for name in names}
    absent = [name for name in names if not seeds[name]]
    if absent:
        return f"There are no results of {_listed(absent)}."
    if not unpaired and not set.intersection(*seeds.values()):
        return (
            "No seed is there in every arm of the claim, so that nothing can be paired: "
            f"{'; '.join(f'{name} has {_span(seeds[name])}' for name in names[:MOST])}."
        )
    return ""


def _span(seeds: set[int]) -> str:
    listed = ", ".join(map(str, sorted(seeds)[:6]))
    return f"seeds {listed}{', …' if len(seeds) > 6 else ''}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
