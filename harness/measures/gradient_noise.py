"""How much the gradient differs from example to example."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, get_args

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class GradientNoise:
    """The simple gradient noise scale tr(Σ) / ‖G‖², in examples.

    G is the mean over the training examples of the gradient of the Training's loss, in all trained
    parameters, and Σ its covariance from example to example. Batches much smaller than the scale
    give gradients that are mostly noise, and larger ones hardly better steps (McCandlish et al.
    2018, https://arxiv.org/abs/1812.06162, section 2.2).

    As in their appendix A.1, gradients of two batch sizes are compared. Here the large batch is the
    whole training split, so that G is exact and the scale finite; a mean over some small batches,
    which share no example, gives tr(Σ) without bias. In evaluation mode and without augmentation:
    the noise is that of drawing examples alone. Where batch normalisation has not been trained yet,
    that is another network than the one trained, so prefer the end.

    Gives ``gradient_noise_scale``, infinite where the gradient is exactly 0.

    Attributes:
        when: "start" or "end".
        small: examples in a small batch.
        batches: how many of them, or as many as the training split has.

    Raises:
        HarnessError: a field is wrong.
    """

    when: When = "end"
    small: int = 10
    batches: int = 100

    metrics: ClassVar[tuple[Metric, ...]] = defined("gradient_noise_scale")

    def __post_init__(self) -> None:
        checks.one_of(self, "when", self.when, get_args(When))
        checks.whole(self, "small", self.small, 10)
        checks.whole(self, "batches", self.batches, 100)

    def __call__(self, trained: Trained) -> Values:
        """Return the scale.

        Raises:
            HarnessError: the training examples are not twice as many as a small batch has.
        """
        import torch

        from harness.engines.evaluate import evaluation_batch
        from harness.measures.kept import kept, some_training

        population = len(trained.member.splits.train)
        if population < 2 * self.small:
            raise HarnessError(
                f"GradientNoise(small={self.small}) must be given at least {2 * self.small} "
                "training examples, so that there are two small batches",
                str(population),
                f"Write small={max(population // 10, 1)}, or train on more.",
            )
        rows = some_training(trained, population)
        count = min(self.batches, population // self.small)
        with kept(trained, "gradient noise"):
            trained.network.module.eval()
            mean = torch.zeros_like(trained.network.vector, dtype=torch.float64)
            for batch in torch.split(
                rows, evaluation_batch(trained.member.splits.train.pool.inputs)
            ):
                mean += _gradient(trained, batch) * (len(batch) / population)
            spread = torch.zeros_like(mean[0])
            for batch in torch.split(rows[: count * self.small], self.small):
                spread += (_gradient(trained, batch) - mean).square().sum() / count
        squared = float(mean.square().sum())
        return {"gradient_noise_scale": noise_scale(float(spread), squared, self.small, population)}


def _gradient(trained: Trained, rows: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the mean loss on some training examples, float64 ``[P]``."""
    import torch

    from harness.measures.kept import loss_on

    grads = trained.network.gradients(loss_on(trained, rows))
    return torch.cat([each.reshape(-1) for each in grads]).double()


def noise_scale(spread: float, squared: float, size: int, population: int) -> float:
    """Return tr(Σ) / ‖G‖²; infinite where the gradient is 0.

    Args:
        spread: mean squared distance of the gradients of batches from that of the population.
        squared: squared norm of the population's.
        size: examples in each batch, drawn without replacement.
        population: examples in all.
    """
    # a batch's mean varies by Σ / size, and less where it is a good part of the population
    trace = spread * size / (1 - size / population)
    return math.inf if squared == 0 else trace / squared
