"""How often a gate is wrong: the rule on pairs at 20,000 simulated gates a cell, against targets.

    python -m tests.calibration.calibrate_gate --out tests/calibration/GATE.md

Two rules are simulated. The first is the plain one that the harness began with: Wilcoxon's ranks,
and the same levels to fail and to pass, divided among the figures. Its table was known beforehand,
so it shows that the simulation is right. The second is the harness's own. Then follows what was
tried, so that what each part of the rule brings can be read off.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.stats import Operating, Rule, decide_many, operating
from harness.stats.operating import GATES, Noise
from tests.calibration.figures import Row, at_least, at_most, near, told

Floats = npt.NDArray[np.float64]

SPREADS = (2, 4, 6, 8, 10)
"""Standard deviations of a pair's log ratio, in per cent."""

HIT = 0.15
"""Share of pairs in which one of both processes is slowed by 5 to 40 %, in the lower rows."""

BEFORE = Rule((8, 12, 20, 30), (0.004, 0.002, 0.002, 0.002), (0.004, 0.002, 0.002, 0.002), cap=1.0)
"""The plain rule."""

BEFORE_SIX = Rule(
    (12, 16, 24, 36), tuple(level / 6 for level in BEFORE.levels),
    tuple(level / 6 for level in BEFORE.levels), metrics=6, cap=1.0,
)  # fmt: skip

KNOWN = {
    (2, False): ("0.00", "100", "8", "0.0", "100", "8", "100"),
    (4, False): ("0.01", "100", "8", "1.0", "99.9", "8", "100"),
    (6, False): ("0.16", "100", "10", "2.9", "99.7", "10", "100"),
    (8, False): ("0.37", "100", "14", "4.2", "99.3", "14", "100"),
    (10, False): ("0.53", "97", "18", "4.1", "96.6", "17", "100"),
    (2, True): ("0.03", "97", "14", "0.6", "96.4", "14", "99.5"),
    (4, True): ("0.07", "97", "14", "2.0", "96.3", "14", "99.5"),
    (6, True): ("0.34", "96", "16", "3.6", "95.4", "16", "99.6"),
    (8, True): ("0.56", "91", "19", "4.2", "91.1", "19", "99.4"),
    (10, True): ("0.61", "81", "21", "3.6", "81.6", "21", "98.5"),
}
"""What the plain rule was known to do, by the noise: false alarms, passes and pairs where nothing
is slower, failures at 2 %, failures and pairs at 10 %, failures at 15 %."""

COLUMNS = ("false alarms", "passes", "pairs", "2 % fails", "10 % fails", "pairs", "15 % fails")


def noise(percent: float, hit: bool) -> Noise:
    """Return pairs' log ratios: normal, and where ``hit``, disturbed on either side."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        drawn = rng.normal(0, percent / 100, shape)
        if hit:
            by = rng.uniform(0.05, 0.4, shape) * rng.choice([-1, 1], shape)
            drawn = drawn + np.where(rng.random(shape) < HIT, by, 0)
        return drawn

    return draw


def named(percent: float, hit: bool) -> str:
    return f"{percent} %" + (f" + {100 * HIT:g} % of pairs hit" if hit else "")


@dataclass(frozen=True)
class Line:
    """One noise and what the rule does there, at 0, 2, 10 and 15 %."""

    name: str
    cells: tuple[Operating, ...]

    @property
    def figures(self) -> tuple[float, ...]:
        """In per cent, and pairs, in the order of COLUMNS."""
        none, small, ten, large = self.cells
        return (
            100 * none.fails, 100 * none.passes, none.pairs, 100 * small.fails, 100 * ten.fails,
            ten.pairs, 100 * large.fails,
        )  # fmt: skip


def line(rule: Rule, percent: float, hit: bool, gates: int) -> Line:
    seed = 1_000 * int(percent) + hit
    return Line(
        named(percent, hit),
        tuple(
            operating(noise(percent, hit), rule, slowdown, gates, seed=seed + int(1e5 * slowdown))
            for slowdown in (0.0, 0.02, 0.10, 0.15)
        ),
    )


def lines(rule: Rule, gates: int) -> dict[tuple[int, bool], Line]:
    return {
        (percent, hit): line(rule, percent, hit, gates)
        for hit in (False, True)
        for percent in SPREADS
    }


def as_known(found: dict[tuple[int, bool], Line], gates: int) -> list[Row]:
    """Hold the plain rule to what it was known to do."""
    rows = []
    for place, one in found.items():
        for column, figure, target in zip(COLUMNS, one.figures, KNOWN[place], strict=True):
            of_share = max(deviation(figure), deviation(float(target)))
            sd = 9.0 if column == "pairs" else of_share  # a gate takes 8 to 30 pairs
            case = f"the plain rule, {one.name}: {column}"
            rows.append(near(case, figure, target, sd, gates, GATES))
    return rows


def deviation(percent: float) -> float:
    """Return the standard deviation of one gate's contribution to a share, all in per cent."""
    return math.sqrt(percent * (100 - percent))


def as_promised(found: dict[tuple[int, bool], Line]) -> list[Row]:
    """Hold the harness's rule to its targets."""
    rows = []
    for (percent, _), one in found.items():
        none, _, ten, large = one.cells
        rows.append(share_at_most(f"{one.name}: false alarms", none.fails, 0.01, none.gates))
        rows.append(share_at_most(f"{one.name}: 10 % passes", ten.passes, 0.032, ten.gates))
        bound = 0.9 if percent <= 8 else 0.8
        rows.append(at_least(f"{one.name}: 10 % fails", ten.fails, bound, ten.gates))
        rows.append(at_least(f"{one.name}: 15 % fails", large.fails, 0.98, large.gates))
        rows.append(at_least(f"{one.name}: passes, nothing slower", none.passes, 0.9, none.gates))
    return rows


def share_at_most(case: str, share: float, bound: float, gates: int) -> Row:
    return at_most(case, np.arange(gates) < round(share * gates), bound)


# Six figures in a run.


@dataclass(frozen=True)
class Six:
    """Six figures with noise of their own: what comes of the run, and of one that is slower."""

    name: str
    false_alarms: float
    passes: float
    pairs: float
    ten: Operating

    def line(self) -> str:
        cells = (
            f"{100 * self.false_alarms:.2f}", f"{100 * self.passes:.1f}", f"{self.pairs:.1f}",
            f"{100 * self.ten.fails:.1f}", f"{100 * self.ten.passes:.2f}", f"{self.ten.pairs:.1f}",
        )  # fmt: skip
        return f"| {self.name} | " + " | ".join(cells) + " |"


def six(rule: Rule, percent: float, hit: bool, gates: int) -> Six:
    rng = np.random.default_rng([6, int(percent), hit])
    failed, passed = np.zeros(gates, dtype=bool), np.ones(gates, dtype=bool)
    longest = np.zeros(gates)
    for _ in range(6):
        answers, pairs = decide_many(noise(percent, hit)(rng, (gates, rule.most)), rule)
        failed |= answers == 1
        passed &= answers == 2
        longest = np.maximum(longest, pairs)
    ten = operating(noise(percent, hit), rule, 0.1, gates, seed=7 + int(percent))
    return Six(
        named(percent, hit), float(failed.mean()), float(passed.mean()), float(longest.mean()), ten
    )


def sixes(rule: Rule, gates: int) -> list[Six]:
    return [six(rule, percent, hit, gates) for hit in (False, True) for percent in SPREADS]


def six_as_promised(before: list[Six], now: list[Six], gates: int) -> list[Row]:
    """Hold six figures to the bounds, and up to 8 % the plain rule to what it was known to do."""
    upto = [one for one in before if not one.name.startswith("10 ")]
    least = min(one.ten.fails for one in upto)
    most = max(one.ten.pairs for one in upto)
    worst = max(one.false_alarms for one in upto)
    rows = [
        share_at_most("six, the plain rule, to 8 %: false alarms a run", worst, 0.0051, gates),
        near("six, the plain rule, to 8 %: 10 % fails, least", 100 * least, "88", 33, gates, GATES),
        near("six, the plain rule, to 8 %: pairs at 10 %, most", most, "25", 9, gates, GATES),
    ]
    for one in now:
        rows.append(share_at_most(f"six, {one.name}: false alarms", one.false_alarms, 0.01, gates))
        rows.append(share_at_most(f"six, {one.name}: 10 % passes", one.ten.passes, 0.04, gates))
        if not one.name.startswith("10 "):
            rows.append(at_least(f"six, {one.name}: 10 % fails", one.ten.fails, 0.9, gates))
    return rows


# What was tried.

NOW = Rule.for_metrics(1)

VARIANTS: dict[str, Rule] = {
    "the plain rule": BEFORE,
    "ranks capped at 2/3": replace(BEFORE, cap=2 / 3),
    "ranks capped at 1/2": replace(BEFORE, cap=1 / 2),
    "levels to pass of .008": replace(BEFORE, pass_levels=NOW.pass_levels),
    "more of the levels to fail at the end": replace(BEFORE, levels=NOW.levels),
    "eight looks: 8, 10, 12, 15, 18, 22, 26, 30": replace(
        NOW, looks=(8, 10, 12, 15, 18, 22, 26, 30), pass_levels=(0.004,) * 8,
        levels=(0.004, 0.001, 0.0005, 0.0005, 0.0005, 0.0005, 0.001, 0.002),
    ),
    "no bound on the estimate": replace(NOW, fails_from=0.0),
    "the rule": NOW,
}  # fmt: skip


def tried(gates: int) -> str:
    """Return what each change does, in three noises."""
    head = "| | " + " | ".join(f"{named(*place)}" for place in ((6, False), (4, True), (8, True)))
    rows = [head + " |", "|---|---:|---:|---:|"]
    for name, rule in VARIANTS.items():
        cells = []
        for place in ((6, False), (4, True), (8, True)):
            none, small, ten, _ = line(rule, *place, gates).cells
            cells.append(
                f"{100 * none.fails:.2f} / {100 * none.passes:.1f} / {none.pairs:.1f} / "
                f"{100 * small.fails:.1f} / {100 * ten.fails:.1f} / {ten.pairs:.1f}"
            )
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def rounds(percent: float, use: Callable[[Floats, Floats, Floats], Floats]) -> Noise:
    """Return log ratios from rounds of three processes, two of them base's.

    A process is slowed by 5 to 40 % with half the chance of a pair.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        def process() -> Floats:
            drawn = rng.normal(0, percent / 100 / math.sqrt(2), shape)
            slowed = rng.random(shape) < HIT / 2
            return drawn + np.where(slowed, rng.uniform(0.05, 0.4, shape), 0)

        return use(process(), process(), process())

    return draw


TWINS: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "head against one base": lambda base, _, head: head - base,
    "head against the mean of the twins": lambda base, twin, head: head - (base + twin) / 2,
    "head against the faster twin": lambda base, twin, head: head - np.minimum(base, twin),
}
"""What could be made of a base that is measured twice in each round."""


def twins(gates: int) -> str:
    """Return what the base's second copy does for the rule."""
    rows = ["| | noise of a process | false alarms | passes | 10 % fails | processes at 0 % |",
            "|---|---|---:|---:|---:|---:|"]  # fmt: skip
    for percent in (4, 8):
        for name, use in TWINS.items():
            of = rounds(percent, use)
            none = operating(of, NOW, 0.0, gates, seed=91)
            ten = operating(of, NOW, 0.1, gates, seed=92)
            processes = none.pairs * (2 if "one base" in name else 3)
            rows.append(
                f"| {name} | {percent / math.sqrt(2):.1f} %, some slowed | "
                f"{100 * none.fails:.2f} | {100 * none.passes:.1f} | {100 * ten.fails:.1f} | "
                f"{processes:.0f} |"
            )
    return "\n".join(rows)


# The report.


def table(found: dict[tuple[int, bool], Line]) -> str:
    decimals = (2, 1, 1, 1, 1, 1, 1)
    head = "| noise of a pair | " + " | ".join(COLUMNS) + " |\n|---|" + "---:|" * 7
    return "\n".join(
        [head]
        + [
            f"| {one.name} | "
            + " | ".join(f"{x:.{d}f}" for x, d in zip(one.figures, decimals, strict=True))
            + " |"
            for one in found.values()
        ]
    )


SIX_HEAD = (
    "| noise of a pair | false alarms a run | all pass | pairs of the longest | 10 % fails | "
    "10 % passes | pairs at 10 % |\n|---|" + "---:|" * 6
)


def simulate(gates: int) -> tuple[str, list[Row]]:
    """Return the report, and each figure beside its target."""
    start = time.perf_counter()
    before, now = lines(BEFORE, gates), lines(NOW, gates)
    before_six = sixes(BEFORE_SIX, gates)
    now_six = sixes(Rule.for_metrics(6), gates)
    rows = [
        *as_known(before, gates),
        *as_promised(now),
        *six_as_promised(before_six, now_six, gates),
        told("10 % + hit, 10 % fails", [now[10, True].cells[2].fails]),
    ]
    texts = tried(gates), twins(gates)
    missed = [row for row in rows if not row.ok]
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy",))
    parts = [
        "# Calibration of the gate's rule",
        (
            f"`python -m tests.calibration.calibrate_gate --gates {gates}`, "
            f"{time.perf_counter() - start:.0f} s; Python {platform.python_version()}, {packages}. "
            f"{len(rows)} figures, {len(missed)} missed."
        ),
        (
            "Figures are per cent of gates, and mean pairs. Noise is the standard deviation of "
            "one pair's log ratio; where pairs are hit, one of both sides is slowed by 5 to 40 % "
            "(of the log ratio). Tolerance: three Monte-Carlo standard errors."
        ),
        "## The rule",
        (
            f"Looks at {', '.join(map(str, NOW.looks))} pairs; levels to fail "
            f"{', '.join(f'{level:g}' for level in NOW.levels)}, to pass {NOW.pass_levels[0]:g} "
            "each; ranks capped at two thirds."
        ),
        table(now),
        "## The plain rule, as it was known",
        table(before),
        "## Six figures in a run",
        (
            f"Looks at {', '.join(map(str, Rule.for_metrics(6).looks))}; at the first a figure can "
            "only pass."
        ),
        "\n".join([SIX_HEAD, *(one.line() for one in now_six)]),
        f"The plain rule, looks at {', '.join(map(str, BEFORE_SIX.looks))}:",
        "\n".join([SIX_HEAD, *(one.line() for one in before_six)]),
        "## What each part does",
        (
            "False alarms / passes / pairs where nothing is slower / failures at 2 % / at 10 % / "
            "pairs at 10 %."
        ),
        texts[0],
        "## A base that is measured twice in each round",
        texts[1],
        "## Figures and targets",
        "| case | figure | target | tolerance | |\n|---|---:|---:|---:|---|\n"
        + "\n".join(row.line() for row in rows),
    ]
    return "\n\n".join(parts) + "\n", rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cells; return the exit code."""
    parser = argparse.ArgumentParser(description="Simulate how often a gate is wrong.")
    parser.add_argument("--gates", type=int, default=GATES, help="simulated gates a cell")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args(arguments)
    text, rows = simulate(options.gates)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    missed = [row for row in rows if not row.ok]
    for row in missed:
        print(row.line(), file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
