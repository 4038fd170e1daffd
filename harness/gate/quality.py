"""Quality: whether what is trained became worse, by paired seeds.

Head and base train the same arms on the same seeds, so that each seed gives a pair. Each metric of
each arm is a row, which is judged by the differences head less base:

- **Fail**: surely worse, by half the margin or more (:mod:`harness.gate.not_worse`); or a training
  fails, or ends with no number, at head alone.
- **Pass**: surely not worse by the margin; or the metric is the same to the last bit on all seeds.
- **Inconclusive**: all else. What cannot be compared at all is a problem, and no row.

Each row's interval has the level 1 − .01 / m, of m quality rows in the gate. What that promises:

- Where the code does the same, bits are the same, and it passes: there is no false alarm at all.
- Where bits differ and nothing became worse (sums in another order, say), the sides are
  exchangeable in each seed, so that differences are symmetric about 0. A row fails with a
  probability of about .005 / m, as only one end of its interval can be at fault, and any row of a
  gate in less than 1 %. Half the margin makes that rarer still.
- A true loss of the margin passes with about .005 / m. One of half the margin is a coin toss where
  seeds suffice, as it is with times.
- N seeds that are all the same cannot show a loss that comes in fewer than one of N of them. There
  a report's claim stays open until there are hundreds; a gate passes, and says on how many.

Which metrics are judged: :func:`harness.running.graded.judged_metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.floats import mean_of
from harness.gate.by_seed import Graded, Sides, Trained, Wanted, train
from harness.gate.not_worse import ALPHA, margin_of, not_worse, too_few
from harness.gate.outcome import Row
from harness.gate.pairs import CODE, DEPENDENCIES, Comparison
from harness.gate.rounds import Measuring
from harness.gate.sides import Side
from harness.gate.what import StudyWhat, What
from harness.messages.errors import HarnessError
from harness.stats import FEWEST
from harness.study.formatting import first_of, plural
from harness.study.metrics import Metric


@dataclass(frozen=True)
class Quality:
    """What a person asks of quality.

    Attributes:
        seeds: seeds of each arm; ``None`` for what the study's scale says.
        margin: by how much a metric may become worse, in its own unit, where the study has no claim
            ``NotWorse`` or ``Equivalent`` on it; ``None`` for a percentage point of shares, and 2 %
            of the base's mean of others.
        timeout: seconds that one side may train; a day.
    """

    seeds: int | None = None
    margin: float | None = None
    timeout: float = 86_400.0


@dataclass(frozen=True)
class Judged:
    """What came of comparing quality.

    Attributes:
        rows: of each arm and metric; ``change``, ``low`` and ``high`` are differences head − base
            in the metric's unit, ``pairs`` are seeds.
        problems: what could not be compared: then a gate does not pass.
        notes: what a reader should know.
    """

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


_SIDES = {
    CODE: ("at head", "at base"),
    DEPENDENCIES: ("with head's dependencies", "with base's own"),
}
"""What is judged, and what it is judged against, in sentences."""


def quality(
    sides: Sequence[Side],
    whats: Sequence[What],
    folder: Path,
    measuring: Measuring,
    asked: Quality = Quality(),
) -> Judged:
    """Train studies on every side, and judge whether what they end with became worse.

    Args:
        sides: base and head, and ``deps`` where there is one; a twin is passed over.
        whats: what a gate measures; only studies have a quality.
        folder: a folder of this gate's own.
        measuring: on which device, at which scale, with how many threads.
        asked: seeds and margin.

    Raises:
        HarnessError: nothing of it is a study, the margin is no number above 0, or the studies
            could not be trained on both sides (see :func:`harness.gate.by_seed.train`).
    """
    studies = [what for what in whats if isinstance(what, StudyWhat)]
    if not studies:
        raise HarnessError(
            "--quality needs a study", first_of([what.title for what in whats], 3) or "nothing",
            "Name one (bench/study.py), or leave --quality out.",
        )  # fmt: skip
    if asked.margin is not None and not 0 < asked.margin < math.inf:
        raise HarnessError("--margin must be above 0", f"{asked.margin:g}", "Write --margin 0.01.")
    others = [what.title for what in whats if not isinstance(what, StudyWhat)]
    notes = [f"Only studies have a quality: {first_of(others, 3)} has none."] if others else []
    if asked.seeds is not None and (said := too_few(asked.seeds)):
        notes.append(said)
    own = [side for side in sides if side.name in {"base", "head", "deps"}]
    trained = train(own, studies, folder, measuring, asked.seeds, asked.timeout)
    judged = judge_quality(trained, asked)
    return replace(judged, notes=(*notes, *trained.notes, *judged.notes))


# ---- judging ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Case:
    """One metric of one arm, on two sides.

    Attributes:
        benchmark: the name of the row's benchmark.
        wanted: the metric.
        over: what is judged, by seed.
        under: what it is judged against.
        versus: which sides those are.
        new: why there is nothing to judge it against; empty where there is.
    """

    benchmark: str
    wanted: Wanted
    over: Mapping[int, Trained]
    under: Mapping[int, Trained]
    versus: Comparison
    new: str = ""

    @property
    def here(self) -> str:
        return _SIDES[self.versus][0]

    @property
    def there(self) -> str:
        return _SIDES[self.versus][1]

    @property
    def named(self) -> str:
        return f"{self.wanted.name} of {self.benchmark}"

    def values(self, trials: Mapping[int, Trained], seeds: Sequence[int]) -> dict[int, float]:
        """Return the metric of the seeds that have one."""
        found = {seed: _value(trials.get(seed), self.wanted) for seed in seeds}
        return {seed: each for seed, each in found.items() if each is not None}

    def row(
        self,
        answer: Literal["pass", "fail", "inconclusive", "new"],
        why: str,
        seeds: Sequence[int] = (),
    ) -> Row:
        """Return a row with the means over some seeds, and no interval."""
        head = mean_of(self.values(self.over, seeds).values())
        base = mean_of(self.values(self.under, seeds).values())
        return Row(
            self.benchmark, self.wanted.name, self.wanted.unit, "quality", self.wanted.better,
            answer, base=base, head=head, change=head - base, pairs=0 if self.new else len(seeds),
            why=why,
        )  # fmt: skip


def judge_quality(sides: Sides, asked: Quality = Quality()) -> Judged:
    """Judge what all sides ended with; it trains nothing.

    Args:
        sides: what they ended with.
        asked: the margin.

    Raises:
        HarnessError: no study has a quality.
    """
    notes: list[str] = []
    problems: list[str] = []
    cases: list[_Case] = []
    for versus in _SIDES:
        before = sides.graded.get(versus.under, {})
        for title, over in sides.graded.get(versus.over, {}).items():
            if over.none and not (before.get(title) or over).none:
                problems.append(
                    f"{title} has no quality {_SIDES[versus][0]}, and has one "
                    f"{_SIDES[versus][1]}: {over.none}."
                )
                continue
            if over.none:
                notes += [f"{title} has no quality: {over.none}."] if versus is CODE else []
                continue
            under = before.get(title)
            if under is None and versus is not CODE:
                continue
            problems += _apart(over, under, versus)
            cases += _cases(over, under, versus, sides.lacking.get(title, ""))
    if not cases and not problems:
        raise HarnessError("--quality needs a study", "; ".join(notes) or "none", "Name one.")
    rows = []
    for case in cases:
        said = _judged(case, ALPHA / len(cases), asked.margin)
        if isinstance(said, Row):
            rows.append(said)
            notes += _left_out(case)
        else:
            problems.append(said)
    return Judged(tuple(rows), tuple(problems), tuple(dict.fromkeys(notes)))


def _apart(over: Graded, under: Graded | None, versus: Comparison) -> list[str]:
    """Say what keeps a study on two sides from being compared."""
    if under is None:
        return []
    here, there = _SIDES[versus]
    out = [
        f"{over.title}: arm {arm} has vanished: it is {there}, and not {here}."
        for arm in under.arms
        if arm not in over.arms
    ]
    now = {each.name: each for each in over.metrics}
    for old in under.metrics:
        new = now.get(old.name)
        if new is None:
            out.append(f"{over.title}: {old.name} has vanished: it is judged {there} alone.")
        elif not _alike(new, old):
            out.append(
                f"{over.title}: {old.name} is another metric: {old.better} is better, in "
                f"{old.unit or 'no unit'} {there}; {new.better}, in "
                f"{new.unit or 'no unit'} {here}."
            )
    return out


def _cases(over: Graded, under: Graded | None, versus: Comparison, lacking: str) -> list[_Case]:
    """Return every metric of every arm that is judged, each once."""
    whole = len(over.arms) == 1 and over.title.endswith(f"#{over.arms[0]}")
    before = {each.name: each for each in under.metrics} if under else {}
    out = []
    for arm in over.arms:
        name = (over.title if whole else f"{over.title}#{arm}") + versus.label
        new = f"The base has no such study: {lacking or 'it is not there'}." if not under else ""
        if under and arm not in under.arms:
            new = "The base has no such arm: it is compared from the next change on."
        out += [
            _Case(
                name,
                _strictest(each, before.get(each.name)),
                _of_arm(over, arm),
                _of_arm(under, arm),
                versus,
                new,
            )
            for each in over.metrics
            if _alike(each, before.get(each.name, each))  # others are told as problems
        ]
    return out


def _strictest(new: Wanted, old: Wanted | None) -> Wanted:
    """Return a metric with the smaller margin of both sides: no change allows itself a loss."""
    margins = [each.margin for each in (new, old) if each and each.margin is not None]
    return replace(new, margin=min(margins, default=None))


def _alike(new: Wanted, old: Wanted) -> bool:
    return (new.better, new.unit) == (old.better, old.unit)


def _of_arm(graded: Graded | None, arm: str) -> dict[int, Trained]:
    if graded is None:
        return {}
    return {seed: each for (name, seed), each in sorted(graded.trials.items()) if name == arm}


def _judged(case: _Case, alpha: float, margin: float | None) -> Row | str:
    """Judge one metric of one arm; return a sentence where it cannot be judged at all.

    Args:
        case: what is judged.
        alpha: the level of its interval, of both sides.
        margin: what was asked for.
    """
    wanted = case.wanted
    good = [seed for seed, each in case.over.items() if _value(each, wanted) is not None]
    lacking = [s for s, x in case.over.items() if not x.failed and wanted.name not in x.metrics]
    lacking += [seed for seed in case.under if seed not in case.over]
    if lacking or not case.over:
        return f"{case.named} is missing {case.here}, on {_seeds(lacking)}: it was not judged."
    if case.new:
        if good:
            return case.row("new", case.new, good)
        return f"{case.named} is new, and fails on every seed: {_reason(case.over, wanted)}."
    if unlike := [seed for seed in case.over if seed not in case.under]:
        return f"{case.named} is missing {case.there}, on {_seeds(unlike)}: it was not judged."
    if all(not x.failed and wanted.name not in x.metrics for x in case.under.values()):
        why = f"There is no {wanted.name} {case.there}: it is compared from the next change on."
        return case.row("new", why, good)
    pairs = [seed for seed in good if _value(case.under[seed], wanted) is not None]
    worse = [
        seed for seed, each in case.under.items()
        if _value(each, wanted) is not None and seed not in good
    ]  # fmt: skip
    if worse:
        what = _reason({seed: case.over[seed] for seed in worse}, wanted)
        why = f"Fails {case.here} on {_seeds(worse)}, and not {case.there}: {what}."
        # without numbers: no waiver of a loss accepts a failure
        return replace(case.row("fail", why), pairs=len(case.over))
    if not pairs and not good:
        return f"{case.named} fails on every seed on both sides: {_reason(case.over, wanted)}."
    if not pairs:
        why = f"Every seed fails {case.there}: it is compared from the next change on."
        return case.row("new", why, good)
    if same := _same(case, pairs):
        return replace(case.row("pass", same, pairs), change=0.0, low=0.0, high=0.0)
    plain = case.row("inconclusive", "", pairs)
    metric = Metric(wanted.name, unit=wanted.unit, better=wanted.better)
    said = not_worse(
        metric, case.values(case.under, pairs), case.values(case.over, pairs), alpha,
        margin_of(metric, wanted.margin, margin, plain.base),
    )  # fmt: skip
    return replace(plain, **vars(said))


def _same(case: _Case, seeds: Sequence[int]) -> str:
    """Say that a metric is the same to the last bit on all seeds; nothing where it is not.

    Few seeds suffice only where all else that was recorded is the same, too: two networks may
    agree by chance in the share that they classify correctly.
    """
    pairs = [(case.over[seed], case.under[seed]) for seed in seeds]
    if any(_value(one, case.wanted) != _value(other, case.wanted) for one, other in pairs):
        return ""
    count = plural(len(seeds), "seed")
    if all(one.bits == other.bits for one, other in pairs):
        return f"The same to the last bit on {count}, with all else that was recorded."
    if len(seeds) < FEWEST:
        return ""
    return f"The same to the last bit on {count}; not so all else that was recorded."


def _left_out(case: _Case) -> list[str]:
    """Say which seeds were left out, as they fail at base, or on both sides."""
    if case.new:
        return []
    out = [seed for seed, each in case.under.items() if _value(each, case.wanted) is None]
    if not out:
        return []
    both = [seed for seed in out if _value(case.over.get(seed), case.wanted) is None]
    what = "on both sides" if both == out else case.there
    return [f"{case.named}: {_seeds(out)} left out, which failed {what}."]


def _value(trained: Trained | None, wanted: Wanted) -> float | None:
    """Return the metric of a training; ``None`` where it failed, or it is no finite number."""
    if trained is None or trained.failed:
        return None
    value = trained.metrics.get(wanted.name, math.nan)
    return value if math.isfinite(value) else None


def _reason(trials: Mapping[int, Trained], wanted: Wanted) -> str:
    """Say why trainings failed, by the first of them."""
    first = next(each for each in trials.values() if _value(each, wanted) is None)
    said = first.failed or f"{wanted.name} is {first.metrics.get(wanted.name, 'missing')}"
    return said.rstrip(".")


def _seeds(seeds: Sequence[int]) -> str:
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"{word} {first_of(list(map(str, seeds)), 5)}" if seeds else "every seed"
