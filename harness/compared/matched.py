"""Claims of two runs: which is which, what was changed in it, and its verdicts side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.compared.effects import Samples
from harness.compared.sides import Belonging, Side
from harness.judging.pairing import groups_of
from harness.judging.registrations import Change, changes, content, declared, reworded
from harness.judging.seen import Seen
from harness.judging.verdicts import Verdict
from harness.judging.words import Word
from harness.stats import FEWEST
from harness.study.claims import Claim, Equivalent, Higher, Interaction, NotWorse, Trend
from harness.study.metrics import COUNTED

Standing = Literal["holds", "open", "does not hold"]
"""What a verdict says of a claim, more coarsely than by its word."""

_RANK: Mapping[Standing, int] = {"does not hold": 0, "open": 1, "holds": 2}
_HOLDS: frozenset[Word] = frozenset({"supported, material", "supported", "suggestive"})
_OPEN: frozenset[Word] = frozenset(
    {"inconclusive", "direction only", "not assessable", "not suggestive"}
)


def standing(claim: Claim, word: Word) -> Standing:
    """Return whether a claim holds, by its verdict.

    That two sides are equivalent, or trained the same, is what some claims say, and others deny.
    """
    if word in _OPEN:
        return "open"
    alike = word in {"equivalent", "identical"} and isinstance(claim, Equivalent | NotWorse)
    return "holds" if alike or word in _HOLDS else "does not hold"


@dataclass(frozen=True)
class Matched:
    """One claim in two runs.

    Attributes:
        numbers: its number in either, from 1.
        base: its verdict in the base.
        other: its verdict in the other run.
        changes: what it tests that was changed, its margin for example.
        reworded: what it says that was changed.
        samples: the effect in each seed, of which the difference is judged; ``None`` where there
            is nothing to judge.
        seen: the other run's effect less the base's, with its interval; ``None`` where there is
            none.
        why: how both effects are compared, or why they are not.
        same: whether both are the same by definition: the same trials were judged, or trials that
            came out the same to the last bit.
    """

    numbers: tuple[int, int]
    base: Verdict
    other: Verdict
    changes: tuple[Change, ...] = ()
    reworded: tuple[Change, ...] = ()
    samples: Samples | None = None
    seen: Seen | None = None
    why: str = ""
    same: bool = False

    @property
    def changed(self) -> bool:
        """Whether the verdict is another word."""
        return self.base.word != self.other.word

    @property
    def step(self) -> int:
        """How the verdict moved: below 0 for the worse, above 0 for the better.

        For the worse: it held, and is open or does not hold now; or it was open, and does not hold.
        """
        before, now = (_RANK[standing(each.claim, each.word)] for each in (self.base, self.other))
        return now - before

    @property
    def told(self) -> bool:
        """Whether both effects can be told apart."""
        return self.tested and self.seen is not None and self.seen.clear

    @property
    def tested(self) -> bool:
        """Whether the difference of its effects has an interval that chance can turn."""
        return self.samples is not None and self.samples.enough


@dataclass(frozen=True)
class Claims:
    """The claims of two runs.

    Attributes:
        matched: those that both have: first those whose verdict changed.
        gone: verdicts on those of the base alone.
        new: verdicts on those of the other run alone.
    """

    matched: tuple[Matched, ...]
    gone: tuple[Verdict, ...]
    new: tuple[Verdict, ...]


def match(base: Side, other: Side, belongings: Mapping[str, Belonging]) -> Claims:
    """Find each claim of one run in the other.

    It is found by what it tests and says; then by what it tests alone; by what it says; and at last
    by what it tests but for its margin. So a claim that was reworded, and one whose margin was
    changed, are found, and it is told how they differ.

    Args:
        base: one run.
        other: the other one.
        belongings: how the trials of each arm belong together, by its name.
    """
    before, after = (declared(side.declaration)["claims"] for side in (base, other))
    found: dict[int, int] = {}
    for same in (_wholly, _tests, _says, _but_for_the_margin):
        keys: dict[str, list[int]] = {}
        for place, plain in enumerate(after):
            if place not in found.values():
                keys.setdefault(same(plain), []).append(place)
        for place, plain in enumerate(before):
            if place not in found and keys.get(same(plain)):
                found[place] = keys[same(plain)].pop(0)
    verdicts = base.results.verdicts, other.results.verdicts
    matched = [
        _compared(
            Matched(
                (place + 1, there + 1),
                verdicts[0][place],
                verdicts[1][there],
                changes(before[place], after[there]),
                reworded(before[place], after[there]),
            ),
            base,
            belongings,
        )
        for place, there in sorted(found.items())
    ]
    return Claims(
        tuple(sorted(matched, key=_first)),
        tuple(each for place, each in enumerate(verdicts[0]) if place not in found),
        tuple(each for place, each in enumerate(verdicts[1]) if place not in found.values()),
    )


def _wholly(claim: Mapping[str, Any]) -> str:
    return repr((content(claim), claim["text"]))


def _tests(claim: Mapping[str, Any]) -> str:
    return content(claim)


def _says(claim: Mapping[str, Any]) -> str:
    return str(claim["text"])


def _but_for_the_margin(claim: Mapping[str, Any]) -> str:
    return content({**claim, "by": 0.0, "primary": True})


def _first(each: Matched) -> tuple[int, int]:
    """Return by what claims are sorted: changed for the worse, for the better, else; the rest."""
    if each.changed:
        return (0 if each.step < 0 else 1 if each.step > 0 else 2), each.numbers[0]
    return (3 if each.changes else 4), each.numbers[0]


def _compared(found: Matched, base: Side, belongings: Mapping[str, Belonging]) -> Matched:
    """Add what is compared of both effects, or why nothing is."""
    why = _incomparable(found)
    if why:
        return replace(found, why=why)
    groups = groups_of(base.declaration, found.base.claim)
    arms = dict.fromkeys(arm.name for group in groups for arm in group)
    own = [belongings.get(arm) for arm in arms]
    ways = {each.way if each is not None else "apart" for each in own}
    if "apart" in ways:
        lacks = any(each is None or not each.first or not each.second for each in own)
        folded = next((each.why for each in own if each is not None and each.way == "apart"), "")
        why = "an arm of it has trials in one run alone" if lacks else folded
        return replace(found, why=why)
    first, second = (_by_seed(verdict) for verdict in (found.base, found.other))
    both = [seed for seed in first if seed in second]
    if ways <= {"same", "identical"}:
        if first.keys() == second.keys():
            return replace(found, why="the same trials, or the same results", same=True)
        counts = f"{len(first)} and {len(second)}"
        return replace(found, why=f"the same trials where both have them; judged on {counts}")
    paired = "unpaired" not in ways
    if paired and not both:
        return replace(found, why="no seed in common")
    times = 4.0 if isinstance(found.base.claim, Interaction | Trend) else 2.0
    one, two = (first, second)
    if paired:
        one, two = ({seed: side[seed] for seed in both} for side in (first, second))
    parts = tuple(
        part
        for verdict in (found.base, found.other)
        for part in (*verdict.seen.first, *verdict.seen.second)
    )
    samples = Samples(found.base.metric, tuple(one.values()), tuple(two.values()), parts, paired,
                      times, max(each.overlap for each in own if each is not None))  # fmt: skip
    why = "by seed" if paired else "unpaired"
    if paired and not len(first) == len(second) == len(both):
        why += f", on the {len(both)} that both were judged on"
    if not samples.enough:
        why += f"; fewer than {FEWEST}, so without an interval"
    return replace(found, samples=samples, why=why)


def _incomparable(found: Matched) -> str:
    """Say why the difference of a claim's two effects is not taken; empty where it is."""
    base, other = found.base, found.other
    if any(each.what not in {"margin", "standing"} for each in found.changes):
        return "it tests something else now"
    if base.metric.name in COUNTED or base.metric.replicate != "seed":
        return "counted or measured once: no values by seed"
    if (base.metric.unit, base.metric.better) != (other.metric.unit, other.metric.better):
        return "its metric has another unit or direction now"
    if not isinstance(base.claim, Higher | Equivalent | NotWorse | Interaction | Trend):
        return "on several levels: which of them counts may differ"
    if base.seen.unpaired or other.seen.unpaired:
        return "its sides share no seed"
    if not base.seen.first or not other.seen.first:
        return "no seed finished"
    return ""


def _by_seed(verdict: Verdict) -> dict[int, float]:
    """Return the effect of a claim in each seed that it was judged on."""
    pairs = zip(verdict.seeds, verdict.seen.first, verdict.seen.second, strict=False)
    return {seed: first - second for seed, first, second in pairs}


def with_difference(found: Matched, level: float) -> Matched:
    """Return a claim with the difference of its effects and its interval at a confidence level."""
    if found.samples is None:
        return found
    seen = found.samples.seen(level)
    if not found.samples.enough:
        seen = replace(seen, low=math.nan, high=math.nan)
    return replace(found, seen=seen)
