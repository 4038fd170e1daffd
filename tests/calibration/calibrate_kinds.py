"""Error rates of claims on times, margins, times to a target, and the best of several levels."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.judging.rounds import Costs, Round
from harness.judging.verdicts import judge
from harness.stats import t_interval
from harness.study.claims import Claim, Equivalent, Higher, NotWorse, Some, Sooner
from harness.study.factors import Factor
from harness.study.scales import Scale
from harness.study.study import Study
from harness.trials.profiles import Profile
from harness.trials.records import Record
from tests.calibration.figures import Row, at_most, share_near, stream

Floats = npt.NDArray[np.float64]

ALPHA = 0.05
DENIED = frozenset({"real but negligible", "equivalent", "refuted", "reversed"})
DIRECTION = frozenset({"supported, material", "supported", "real but negligible", "reversed"})
NEW, OLD = {"a": "new"}, {"a": "old"}
PROFILE = Profile(
    step_seconds=1e-3, step_low=1e-3, step_high=1e-3, blocks=5, samples_per_second=32e3,
    peak_bytes=1000, memory={}, flops_per_step=1000, parameters=1000, steps=100, samples=3200,
    device="cpu", hardware="simulated", threads=1,
)  # fmt: skip


def study(claim: Claim, levels: Sequence[str] = ("old", "new")) -> Study:
    """Return a study of one factor with one claim."""

    def build(*_: Any) -> Any:
        raise AssertionError("nothing is trained here")

    build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("scale", "a")
    )
    factors = (Factor("a", tuple(levels)),)
    return Study("simulated", "?", factors, build, {"quick": Scale(seeds=5)}, (claim,))


def words_of(
    claim: Claim,
    given: Sequence[tuple[Sequence[Record], Costs | None]],
    levels: Sequence[str] = ("old", "new"),
) -> list[str]:
    """Return the word on each of several sets of records and costs."""
    made = study(claim, levels)
    return [
        judge(made.declaration("quick"), records, None, costs)[0].word for records, costs in given
    ]


def share_of(case: str, found: Sequence[str], wrong: Collection[str], bound: float = ALPHA) -> Row:
    """Check that wrong words are not more frequent than a bound."""
    return at_most(case, [word in wrong for word in found], bound)


# Times.


def autocorrelated(replicates: int) -> list[Row]:
    """Return how often 30 autocorrelated iterations, taken for replicates, reject a true null."""
    rng = stream(20)
    rows = []
    for rho, target in ((0.3, ".15"), (0.6, ".35"), (0.9, ".69")):
        noise = rng.normal(size=(replicates, 30))
        noise[:, 1:] *= np.sqrt(1 - rho**2)  # so that every iteration has the same variance
        for k in range(1, 30):
            noise[:, k] += rho * noise[:, k - 1]
        found = t_interval(noise, 1 - ALPHA).p < ALPHA
        case = f"30 iterations correlated {rho} as replicates (wrong)"
        rows.append(share_near(case, found, target))
    return rows


def rounds(rng: np.random.Generator, count: int, ratio: float, noise: float) -> Costs:
    """Simulate rounds A B A, then A B A backwards, on a machine that slows down by 1 % a process.

    Args:
        rng: the random numbers.
        count: how many rounds.
        ratio: true time of a step of B over A's.
        noise: standard deviation of the logarithm of one process's time.
    """
    logs = rng.normal(0, noise, (count, 3)) + 0.01 * np.arange(3 * count).reshape(count, 3)
    logs[1::2] = logs[1::2, ::-1]  # in the order of the arms: A, B, A again
    logs[:, 1] += np.log(ratio)
    seconds = 1e-3 * np.exp(logs)
    return Costs(
        {"a=old": PROFILE, "a=new": PROFILE},
        tuple(
            Round(
                {"a=old": float(a), "a=new": float(b)},
                {"a=old": 32, "a=new": 32},
                "a=old",
                float(again),
            )
            for a, b, again in seconds
        ),
    )


def times(replicates: int) -> list[Row]:
    """Return how often claims on times are wrong, by the noise of the machine."""
    rng, by = stream(21), 0.05
    higher = Higher("H.", "step_seconds", by, higher=NEW, lower=OLD)
    same = Equivalent("E.", "step_seconds", by, first=NEW, second=OLD)
    fine = NotWorse("N.", "step_seconds", by, arm=NEW, than=OLD)
    few = max(100, replicates // 8)
    rows = []
    for noise in (0.02, 0.08):
        for n in (5, 10):
            case = f"times, {100 * noise:g} % noise, {n} rounds"
            null = [((), rounds(rng, n, 1.0, noise)) for _ in range(few)]
            edge = [((), rounds(rng, n, 1 + by, noise)) for _ in range(few)]
            found = words_of(higher, edge)
            rows += [
                share_of(f"{case}, no difference: a direction", words_of(higher, null), DIRECTION),
                share_of(f"{case}, ×1.05: material", found, {"supported, material"}, ALPHA / 2),
                share_of(f"{case}, ×1.05: denied", found, DENIED, ALPHA / 2),
                share_of(
                    f"{case}, ×1.05: equivalent", words_of(same, edge), {"equivalent"}, ALPHA / 2
                ),
                share_of(
                    f"{case}, ×1.05: not worse", words_of(fine, edge), {"supported"}, ALPHA / 2
                ),
            ]
    return rows


# Margins and targets.


def record(arm: str, seed: int, **changes: Any) -> Record:
    """Return a finished trial."""
    given = {"metrics": {}, **changes}
    return Record(
        study="simulated", scale="quick", arm=arm, levels={}, seed=seed, role="evaluate", tuned={},
        key=f"{arm}/{seed}", state="complete", number=seed, **given,
    )  # fmt: skip


def bounds(replicates: int) -> list[Row]:
    """Return how often an arm that is worse by just the margin is called not worse, or worse."""
    rng, by = stream(22), 0.5
    claim = NotWorse("N.", "train_loss", by, arm=NEW, than=OLD)
    few = max(100, replicates // 8)
    rows = []
    for n in (5, 10, 20):
        given = []
        for _ in range(few):
            old = rng.normal(size=n)
            new = old + rng.normal(by, 1, n)
            records = [
                record(arm, seed, metrics={"train_loss": float(value)})
                for arm, values in (("a=old", old), ("a=new", new))
                for seed, value in enumerate(values)
            ]
            given.append((records, None))
        found = words_of(claim, given)
        rows += [
            share_of(f"not worse, at the margin, n={n}: {word}", found, {word}, ALPHA / 2)
            for word in ("supported", "refuted")
        ]
    return rows


def sooner(replicates: int) -> list[Row]:
    """Return how often one of two arms with the same times to a target is called the sooner."""
    rng = stream(23)
    claim = Sooner("S.", "validation_accuracy", 0.2, sooner=NEW, later=OLD, reaches=0.9,
                   clock="epochs")  # fmt: skip
    few = max(100, replicates // 8)
    rows = []
    for n in (5, 10, 20):
        given = []
        for _ in range(few):
            records = []
            for arm in ("a=old", "a=new"):
                # geometric times up to 20 epochs: one in eight never comes there
                for seed, epochs in enumerate(rng.geometric(0.1, n)):
                    curve = tuple(0.95 if k >= epochs else 0.1 for k in range(1, 21))
                    metrics = {"validation_accuracy": curve[-1]}
                    records.append(
                        record(arm, seed, metrics=metrics, curves={"validation_accuracy": curve})
                    )
            given.append((records, None))
        case = f"times to a target alike, n={n}: a direction"
        rows.append(share_of(case, words_of(claim, given), DIRECTION))
    return rows


def some(replicates: int) -> list[Row]:
    """Return how often "some of four levels beats the reference" is wrong, at its two limits.

    Of a false success most where all four stand at the limit, of a false denial where only one
    does and the others are far below.
    """
    rng, by = stream(24), 0.5
    claim = Some("S.", "train_loss", by, over="a", than=OLD)
    names = ("old", "one", "two", "three", "four")
    few = max(100, replicates // 20)  # slow: each level has its permutation tests
    cases = (
        ("none differs: a direction", (0.0,) * 4, DIRECTION, ALPHA),
        ("all at the margin: material", (by,) * 4, frozenset({"supported, material"}), ALPHA / 2),
        ("one at the margin: denied", (by, -3.0, -3.0, -3.0), DENIED, ALPHA / 2),
    )
    rows = []
    for n in (5, 10, 20):
        for case, truths, wrong, bound in cases:
            given = []
            for _ in range(few):
                values = rng.normal((0.0, *truths), 1, (n, 5))
                records = [
                    record(f"a={name}", seed, metrics={"train_loss": float(value)})
                    for name, column in zip(names, values.T, strict=True)
                    for seed, value in enumerate(column)
                ]
                given.append((records, None))
            found = words_of(claim, given, names)
            rows.append(share_of(f"some of four levels, n={n}, {case}", found, wrong, bound))
    return rows
