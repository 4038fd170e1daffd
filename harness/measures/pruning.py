"""What is left of a network without its smallest weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PrunedAccuracy:
    """Test accuracy with the weights of smallest size set to 0, and put back afterwards.

    All layers together have one threshold, and nothing is trained again: global magnitude pruning
    in one shot (Blalock et al. 2020, https://arxiv.org/abs/2003.03033, section 2). Biases and the
    parameters of normalisation stay. Gives ``pruned_accuracy``, from 0 to 1.

    Attributes:
        share: of the weights that are set to 0, in (0, 1]; rounded to a whole number of them.

    Raises:
        HarnessError: the share is outside its range.
    """

    share: float = 0.8

    made_for: ClassVar[str] = "classes"
    when: ClassVar[When] = "end"
    metrics: ClassVar[tuple[Metric, ...]] = defined("pruned_accuracy")

    def __post_init__(self) -> None:
        checks.share(self, "share", self.share, 0.8, ends="(]")

    def __call__(self, trained: Trained) -> Values:
        """Return the accuracy."""
        from harness.engines.evaluate import evaluate
        from harness.measures.kept import kept
        from harness.tasks.task import Classification

        member = trained.member
        with kept(trained, "pruning"):
            member.network.vector.copy_(
                pruned(member.network.vector, member.network.weights, self.share)
            )
            scores = evaluate(member.network, member.frame, member.splits.test, Classification(), 0)
            accuracy = scores["accuracy"]
        return {"pruned_accuracy": accuracy}


def pruned(vector: torch.Tensor, weights: torch.Tensor, share: float) -> torch.Tensor:
    """Return parameters ``[P]`` with the smallest weights at 0.

    Args:
        vector: parameters, ``[P]``.
        weights: 1 for weights and 0 for what is kept, ``[P]``.
        share: of the weights that become 0; of equal ones the first.
    """
    places = weights.nonzero().flatten()
    order = vector[places].abs().argsort(stable=True)
    return vector.index_fill(0, places[order[: round(share * len(places))]], 0)
