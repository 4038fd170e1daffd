"""How many more seeds, or rounds of timing, are to be run: all that a run asks of judging.

A run sees no verdict: it is told numbers of seeds, and of rounds.
"""

from __future__ import annotations

from harness.judging.looking import Evidence, look_at
from harness.judging.pairing import Trials, groups_of
from harness.judging.rounds import Costs, timed_claims
from harness.judging.words import UNDECIDED
from harness.study.claims import Claim
from harness.study.declaration import Declaration
from harness.study.looks import Looks


def seeds_needed(declaration: Declaration, trials: Trials, looks: Looks) -> dict[str, int]:
    """Return how many seeds each arm is to be run with, by the arm's name.

    An arm in a primary claim that its last complete look left undecided gets those of the next
    look; others stay where they are. Exploratory claims get no more than the first look.

    Args:
        declaration: the study at one scale.
        trials: the record that counts, by arm name and seed.
        looks: when claims are looked at.
    """
    evidence = Evidence(declaration, trials, Costs())
    need = {arm.name: looks.seeds[0] for arm in declaration.arms}
    for claim in declaration.claims:
        if claim.primary and declaration.metric(claim.metric).replicate == "seed":
            seeds = _needed(evidence, claim, looks)
            for group in groups_of(declaration, claim):
                for arm in group:
                    need[arm.name] = max(need[arm.name], seeds)
    return need


def rounds_missing(declaration: Declaration, costs: Costs, looks: Looks | None, fixed: int) -> int:
    """Return how many more rounds of timing are wanted.

    Args:
        declaration: the study at one scale.
        costs: what was measured so far.
        looks: when claims are looked at; then those of the next look of claims that are undecided.
        fixed: how many are wanted without looks.
    """
    evidence = Evidence(declaration, {}, costs)
    missing = [0]
    for claim in timed_claims(declaration):
        taken = len(evidence.replicates(claim, declaration.metric(claim.metric)))
        wanted = fixed
        if looks is not None:
            wanted = _needed(evidence, claim, looks) if claim.primary else looks.seeds[0]
        missing.append(wanted - taken)
    return max(missing)


def _needed(evidence: Evidence, claim: Claim, looks: Looks) -> int:
    """Return how many seeds, or rounds, a claim is to have: the next look's, if it goes on."""
    standing = look_at(evidence, claim, looks, evidence.family())
    last, taken = standing.looks[-1], len(standing.looks)
    over = last.word in UNDECIDED and len(standing.pairs.ended) == last.seeds
    return looks.seeds[taken] if over and taken < len(looks.seeds) else last.seeds
