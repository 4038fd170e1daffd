"""How much the loss rises when parameters are disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.data.splits import Part
from harness.messages import checks
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Sharpness:
    """Rise of the cross-entropy when each parameter is disturbed in proportion to its size.

    Disturbed like this, a network of ReLUs stays as sharp if one layer is made larger and the next
    one smaller (Kwon et al. 2021, https://arxiv.org/abs/2102.11600, section 3). All trained
    parameters w are disturbed, by w + |w| ⊙ u. In the words of Andriushchenko et al. 2023
    (https://arxiv.org/abs/2302.07011, section 3) the two are worst-case and average-case adaptive
    sharpness.

    Gives ``sharpness_worst``, the largest rise found with ‖u‖ at most ``rho``, and
    ``sharpness_random``, the mean rise over ``samples`` draws of normal u with mean 0 and standard
    deviation ``std`` for each parameter; both in nats, in evaluation mode, always with plain
    cross-entropy. A u of ``std`` for each of P parameters has length √P ``std``, so the
    two are on scales of their own.

    The worst u is sought by going, ``steps`` times, to where on the sphere of radius ``rho`` the
    gradient points: in the first step that is Kwon et al.'s perturbation, and for a quadratic loss
    power iteration. What is given is the highest loss on the way, u = 0 included, so at least 0.

    Attributes:
        rho: the largest length of the worst u, above 0.
        std: of random u, above 0.
        steps: of ascent.
        samples: random u.
        images: training examples to look at; all where there are fewer.

    Raises:
        HarnessError: a field is wrong.
    """

    rho: float = 0.5
    std: float = 0.1
    steps: int = 10
    samples: int = 10
    images: int = 500

    made_for: ClassVar[str] = "classes"
    when: ClassVar[When] = "end"
    metrics: ClassVar[tuple[Metric, ...]] = defined("sharpness_worst", "sharpness_random")

    def __post_init__(self) -> None:
        checks.positive(self, "rho", self.rho, 0.5)
        checks.positive(self, "std", self.std, 0.1)
        for name, example in (("steps", 10), ("samples", 10), ("images", 500)):
            checks.whole(self, name, getattr(self, name), example)

    def __call__(self, trained: Trained) -> Values:
        """Return both rises."""
        import torch

        from harness.measures.kept import kept, some_training

        part = trained.member.splits.train.at(some_training(trained, self.images))
        with kept(trained, "sharpness"):
            trained.network.module.eval()
            start = trained.network.vector.clone()
            calm, gradient = loss_and_gradient(trained, part)
            highest = [calm, *self._climb(trained, part, start, gradient)]
            shaken = self._shake(trained, part, start)
        return {
            # as a tensor's, the largest of numbers among which there is a NaN is NaN
            "sharpness_worst": float(torch.stack(highest).max() - calm),
            "sharpness_random": float(torch.stack(shaken).mean() - calm),
        }

    def _climb(
        self, trained: Trained, part: Part, start: torch.Tensor, gradient: torch.Tensor
    ) -> list[torch.Tensor]:
        """Return the loss after each step of ascent."""
        found = []
        for _ in range(self.steps):
            slope = start.double().abs() * gradient
            length = slope.norm()
            if length == 0:  # a loss that is flat to the last bit: there is nowhere to go
                break
            trained.network.vector.copy_(start + start.abs() * (self.rho / length * slope))
            loss, gradient = loss_and_gradient(trained, part)
            found.append(loss)
        return found

    def _shake(self, trained: Trained, part: Part, start: torch.Tensor) -> list[torch.Tensor]:
        """Return the loss under each random disturbance."""
        import torch

        draws, found = trained.draws("sharpness"), []
        for index in range(self.samples):
            noise = draws.normal(f"sample {index}", len(start))
            trained.network.vector.copy_(start + start.abs() * (self.std * noise))
            with torch.no_grad():
                found.append(_loss(trained, part))
        return found


def loss_and_gradient(trained: Trained, part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean cross-entropy on a part, and its gradient ``[P]``; both float64."""
    import torch
    import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

    from harness.measures.kept import batches

    network = trained.network
    total = torch.zeros((), dtype=torch.float64, device=network.vector.device)
    gradient = torch.zeros_like(network.vector, dtype=torch.float64)
    for batch in batches(trained, part):
        logits = network.module(*batch.arguments)
        loss = F.cross_entropy(logits, batch.targets, reduction="sum") / len(part)
        gradient += torch.cat([each.reshape(-1) for each in network.gradients(loss)])
        total += loss.detach()
    return total, gradient


def _loss(trained: Trained, part: Part) -> torch.Tensor:
    """Return the mean cross-entropy on a part, float64."""
    import torch
    import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

    from harness.measures.kept import batches

    total = torch.zeros((), dtype=torch.float64, device=trained.member.device)
    for batch in batches(trained, part):
        logits = trained.network.module(*batch.arguments)
        total += F.cross_entropy(logits, batch.targets, reduction="sum") / len(part)
    return total
