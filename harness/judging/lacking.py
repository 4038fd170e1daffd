"""Why a claim on results that others made cannot be assessed: what they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judging.pairing import Pairs, Trials, groups_of
from harness.study.claims import Claim, Sooner
from harness.study.declaration import Declaration
from harness.study.formatting import first_of

MOST = 3
"""Arms that a sentence names."""


def lacking(declaration: Declaration, claim: Claim, trials: Trials, pairs: Pairs) -> str:
    """Say what results lack for a claim; empty where all that they lack is seeds that ended well.

    Args:
        declaration: the study at one scale.
        claim: one of its claims.
        trials: the records that count, by arm name and seed.
        pairs: what the claim looks at in them.
    """
    if isinstance(claim, Sooner):
        return "It needs learning curves, and results that others made have final values alone."
    groups = [[arm.name for arm in group] for group in groups_of(declaration, claim)]
    seeds: dict[str, set[int]] = {name: set() for group in groups for name in group}
    for arm, seed in trials:
        if arm in seeds:
            seeds[arm].add(seed)
    absent = [name for name in seeds if not seeds[name]]
    if absent:
        return f"There are no results of {first_of(absent, MOST)}."
    if not pairs.unshared:
        if set.intersection(*seeds.values()):
            return ""
        return (
            "No seed is there in every arm of the claim, so that nothing can be paired: "
            f"{_spans(seeds, [*seeds])}."
        )
    for group in groups if pairs.sides is not None else ():
        if not set.intersection(*(seeds[name] for name in group)):
            return (
                "The two sides share no seed, and one of them is a mean over arms of which no "
                f"seed is in all: {_spans(seeds, group)}."
            )
    return ""


def _spans(seeds: Mapping[str, set[int]], names: Sequence[str]) -> str:
    told = "; ".join(f"{name} has {_span(seeds[name])}" for name in names[:MOST])
    return told + f"; and {len(names) - MOST} more" * (len(names) > MOST)


def _span(seeds: set[int]) -> str:
    listed = ", ".join(map(str, sorted(seeds)[:6]))
    return f"seeds {listed}{', …' if len(seeds) > 6 else ''}"
