"""Verdicts on trainings whose truth is known: twins, a planted defect, labels that mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binom
from sklearn.datasets import load_digits

from harness.data import Arrays, arrays
from harness.engines.modes import Mode
from harness.judging.verdicts import Verdict, judge
from harness.models import MLP
from harness.optim import SGD
from harness.study.claims import Equivalent, Higher
from harness.study.factors import Factor
from harness.study.looks import Looks
from harness.study.scales import Scale
from harness.study.study import Study
from harness.trainer.train import Request, TrainingResult, train_together
from harness.training import Training
from harness.trials.records import Record

pytestmark = pytest.mark.slow

DIRECTION = {"supported, material", "supported", "real but negligible", "reversed"}
STUDIES, SEEDS = 40, 10
BY = 0.01


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(name: str, wrong: float = 0.0) -> Arrays:
    """Digits of which a share has wrong labels; those that are tested on are right."""
    pixels, targets = load_digits(return_X_y=True)
    images = (pixels / 16).astype("float32")
    rng = np.random.default_rng(0)
    train, rest = slice(0, 900), slice(900, None)
    labels = targets[train].copy()
    chosen = rng.permutation(900)[: round(900 * wrong)]
    labels[chosen] = (labels[chosen] + rng.integers(1, 10, len(chosen))) % 10
    test = (images[rest], targets[rest])
    return arrays(images[train], labels, name, test=test, train=400, validation=200)


def accuracies(training: Training, seeds: range) -> list[float]:
    requests = [Request(training, seed) for seed in seeds]
    outcomes = train_together(requests, torch.device("cpu"), Mode("fused", 60))
    assert all(isinstance(each, TrainingResult) for each in outcomes)
    return [each.metrics["test_accuracy"] for each in outcomes if isinstance(each, TrainingResult)]


CLEAN = Training(data("clean"), MLP(hidden=(32,)), SGD(lr=0.1, momentum=0.9), 50, 2)
NOISY = replace(CLEAN, data=data("noisy", wrong=0.1))


def build(scale: Scale, side: str) -> Training:
    raise AssertionError("trained already")


STUDY = Study(
    name="twins",
    question="Do they differ?",
    factors=(Factor("side", ("one", "other")),),
    build=build,
    scales={"quick": Scale(seeds=SEEDS)},
    claims=(
        Higher("One is better.", metric="test_accuracy", by=BY,
               higher={"side": "one"}, lower={"side": "other"}),
    ),
)  # fmt: skip


def records(one: list[float], other: list[float]) -> list[Record]:
    return [
        Record(
            study="twins", scale="quick", arm=f"side={arm}", levels={"side": arm}, seed=seed,
            role="evaluate", tuned={}, key=f"{arm}{seed}", state="complete",
            metrics={"test_accuracy": value},
        )
        for arm, values in (("one", one), ("other", other))
        for seed, value in enumerate(values)
    ]  # fmt: skip


def judged(one: list[float], other: list[float]) -> Verdict:
    (verdict,) = judge(STUDY.declaration("quick"), records(one, other))
    return verdict


def most(cases: int, share: float = 0.05) -> int:
    """What a rate of ``share`` exceeds once in a thousand times."""
    return int(binom.ppf(0.999, cases, share))


@pytest.fixture(scope="module")
def twins() -> np.ndarray:
    """Accuracies of two arms that are the same but for their seeds, by study."""
    values = accuracies(CLEAN, range(2 * STUDIES * SEEDS))
    return np.array(values).reshape(STUDIES, 2, SEEDS)


def test_twins_are_told_apart_no_more_often_than_declared(twins):
    assert twins.std() > 0.005, "the case is not degenerate"
    words = [judged(*study.tolist()).word for study in twins]
    assert sum(word in DIRECTION for word in words) <= most(STUDIES)
    assert len(set(words)) > 1


def test_twins_looked_at_again_and_again_are_not_told_apart_more_often(twins):
    """With looks at 5, 10 and 20 seeds, of twice as many."""
    wide = twins.reshape(STUDIES // 2, 2, 2, SEEDS).transpose(0, 2, 1, 3)
    wrong = 0
    for one, other in wide.reshape(STUDIES // 2, 2, 2 * SEEDS).tolist():
        (verdict,) = judge(STUDY.declaration("quick"), records(one, other), Looks().upto(20))
        wrong += verdict.word in DIRECTION
    assert wrong <= most(STUDIES // 2)


def test_twins_are_never_found_to_differ_by_more_than_a_margin_that_is_wide(twins):
    claim = Equivalent(
        "They are the same.", metric="test_accuracy", by=0.05,
        first={"side": "one"}, second={"side": "other"},
    )  # fmt: skip
    study = replace(STUDY, claims=(claim,))
    words = [judge(study.declaration("quick"), records(*each.tolist()))[0].word for each in twins]
    assert "refuted" not in words
    assert words.count("equivalent") > STUDIES / 2


@pytest.fixture(scope="module")
def defect() -> tuple[list[float], list[float]]:
    return accuracies(CLEAN, range(SEEDS)), accuracies(NOISY, range(SEEDS))


def test_wrong_labels_in_one_arm_are_found(defect):
    verdict = judged(*defect)
    assert verdict.word in {"supported, material", "supported"}
    assert judged(*defect[::-1]).word == "reversed"


def test_labels_of_arms_that_mean_nothing_give_no_verdicts(defect):
    """The defect's own values, with the arms swapped at random within each seed."""
    pairs = np.array(defect)
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(200):
        swap = rng.random(SEEDS) < 0.5
        one, other = np.where(swap, pairs[::-1], pairs).tolist()
        wrong += judged(one, other).word in DIRECTION
    assert wrong <= most(200)
