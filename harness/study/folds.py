"""Data in folds: what that does to intervals, and which claims cannot be judged then.

Two trainings on folds of the same data share most of their training examples, so what they end with
is correlated, and the variance of the mean over n of them is larger than sd²/n. Each claim on means
gets the correction of Nadeau & Bengio 2003 (:mod:`harness.stats.location` has it): an interval on
n seeds is wider by the root of 1 + n * n_test / n_train. It is an approximation, which supposes
that the correlation is n_test / (n_test + n_train). How it does in simulations:
tests/test_folds_level.py.

What needs more than a variance is refused, since no correction of it is known:

- Claims on failed runs, and on which arm is first (``Sooner``), count seeds as independent tosses.
- Claims on numbers that are not taken on held-out examples: of what is seen of training examples,
  most are shared by two folds, and the correlation is larger than supposed.
- The pruner ``wilcoxon``, which compares settings over seeds by ranks.
- Permutation tests, which describe: folds cannot be exchanged as independent seeds can. They are
  left out of the report.
- Gates (``harness gate --quality``), whose promise is one error in a hundred, exactly.
- Results of others by fold (``harness judge``): nothing says what sizes the folds had.
- Two runs with other seeds or other data side by side (``harness compare``): as two independent
  samples they are not.

Looks at growing numbers of seeds are kept: the union bound over looks asks of each that its own
interval holds, and not that looks or seeds be independent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.messages.errors import HarnessError
from harness.study.claims import Claim, Sooner
from harness.study.metrics import FAILED, Metric

HELD_OUT = frozenset({
    "teacher_agreement", "teacher_divergence", "occluded_accuracy", "noisy_accuracy",
    "pruned_accuracy",
})  # fmt: skip
"""Metrics that are taken on test examples, without saying so at the beginning of their name."""


@dataclass(frozen=True)
class Folds:
    """How the data of a study is folded; of arms with other sizes, the widest intervals' sizes.

    Attributes:
        number: k: how many folds there are.
        train: examples in a training set.
        validation: examples in a validation set.
        test: examples in the largest test set.
    """

    number: int
    train: int
    validation: int
    test: int

    @property
    def overlap(self) -> float:
        """What is added to 1/n in the variance of a mean over n seeds: n_test / n_train.

        With the validation set in the place of the test set where that is larger, so that it holds
        for numbers of either; without validation examples in n_train, which makes it no smaller.
        """
        return max(self.test, self.validation) / self.train

    @property
    def named(self) -> str:
        """Its name in sentences."""
        return f"{self.number}-fold cross-validation"

    def check(
        self,
        claims: Iterable[Claim],
        objectives: Iterable[str],
        metric: Callable[[str], Metric],
    ) -> None:
        """Check that claims, and what a search chooses by, can be judged on folds.

        Args:
            claims: of the study.
            objectives: metrics by which a search chooses; none of a study that is no search.
            metric: finds a metric by name.

        Raises:
            HarnessError: one cannot.
        """
        for claim in claims:
            if isinstance(claim, Sooner) or claim.metric == FAILED.name:
                raise HarnessError(
                    "a claim on folds of data must compare means: whoever counts the seeds in "
                    "which something happens must have independent ones",
                    f"{claim.text!r} with {self.named}",
                    "Claim a difference of means (Higher, on a test_ metric), or leave folds= out "
                    "of the data.",
                )
            _check_held_out(metric(claim.metric), f"{claim.text!r} on {claim.metric}", self)
        for name in objectives:
            _check_held_out(metric(name), f"the objective {name}", self)

    def check_pruner(self, pruner: str) -> None:
        """Check that what ends trials of a search early takes no folds for independent seeds.

        Args:
            pruner: its name.

        Raises:
            HarnessError: it does.
        """
        if pruner == "wilcoxon":
            raise HarnessError(
                "a pruner must not compare settings over folds of data, which are no independent "
                "seeds",
                f"pruner='wilcoxon' with {self.named}",
                "Write pruner='none', or leave folds= out of the data.",
            )


def is_held_out(metric: Metric) -> bool:
    """Whether a metric is taken on test or validation examples, or does not vary with seeds."""
    named = metric.name.startswith(("test_", "validation_")) or metric.name in HELD_OUT
    return named or metric.replicate != "seed"


def _check_held_out(metric: Metric, what: str, folds: Folds) -> None:
    if not is_held_out(metric):
        raise HarnessError(
            "what is judged on folds of data must be taken on test or validation examples, as two "
            "folds share most of their training examples",
            f"{what} with {folds.named}",
            "Take a metric such as test_loss, or leave folds= out of the data; begin the name of a "
            "measure of your own with test_ where it is taken on test examples.",
        )
