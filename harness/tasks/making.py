"""Making more inputs like those of the data: the task, and how far what is made is from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.messages.levels import own
from harness.tasks.losses import Batch, Loss, Net
from harness.tasks.scores import Score
from harness.tasks.task import check_not_padded

if TYPE_CHECKING:
    import torch

    from harness.data.facts import Known
    from harness.tasks.scores import State
    from harness.tasks.task import Kind


@dataclass(frozen=True)
class FrechetDistance:
    """Fréchet distance between what was made and what is, as normal distributions of features.

    ``|m - n|² + tr(C + D - 2 (C D)^(1/2))`` of means ``m``, ``n`` and covariances ``C``, ``D``
    (Dowson & Landau 1982, https://doi.org/10.1016/0047-259X(82)90077-X; for images Heusel et al.
    2017, https://arxiv.org/abs/1706.08500, section 4). 0 where means and covariances are equal.

    Inputs of at most ``features`` numbers are features themselves. Of larger ones features are
    those of a fixed layer of random weights with ReLU, the same in every trial: no network that was
    trained on other images is asked, so distances are not those of the literature, and compare only
    with one another (Naeem et al. 2020, https://arxiv.org/abs/2002.09797, section 4, on random
    features).

    Attributes:
        features: how many there are at most.
    """

    name: ClassVar[str] = "frechet_distance"

    features: int = 64

    def __post_init__(self) -> None:
        checks.whole(self, "features", self.features, 64)

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`harness.tasks.scores.Score`."""
        import torch

        one = torch.zeros(1, dtype=torch.float64, device=device)
        names = ("made", "there")
        sums = {f"{name} {what}": one for name in names for what in ("count", "sum")}
        return sums | {f"{name} products": one[None] for name in names}

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`harness.tasks.scores.Score`."""
        after = {}
        for name, inputs in (("made", outputs), ("there", targets)):
            seen = self.seen(inputs)
            after[f"{name} count"] = state[f"{name} count"] + len(seen)
            after[f"{name} sum"] = state[f"{name} sum"] + seen.sum(dim=0)
            after[f"{name} products"] = state[f"{name} products"] + seen.T @ seen
        return after

    def seen(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the features of inputs, float64 ``[batch, features]``."""
        flat = inputs.flatten(1).double()
        if flat.shape[1] <= self.features:
            return flat
        from harness.randomness.counting import Draws

        draws = Draws(_WEIGHTS, flat.device, flat.dtype)
        weights = draws.normal("weights", flat.shape[1], self.features) / flat.shape[1] ** 0.5
        features: torch.Tensor = (flat @ weights).relu()
        return features

    def value(self, state: State) -> torch.Tensor:
        """Return the distance; see :class:`harness.tasks.scores.Score`."""
        (mean, spread), (other_mean, other_spread) = (
            _moments(state[f"{name} count"], state[f"{name} sum"], state[f"{name} products"])
            for name in ("made", "there")
        )
        whole = (spread.sum() + other_spread.sum()).isfinite()
        # of what is no number no eigenvalue can be found: the distance is none either
        one, other = (each.where(whole, 0) for each in (spread, other_spread))
        root = _root(one)
        shared = _roots(root @ other @ root).sum()
        apart = (mean - other_mean).square().sum()
        distance: torch.Tensor = apart + one.trace() + other.trace() - 2 * shared
        return distance.where(whole, math.nan)


_WEIGHTS = 0x5EED
"""The key of the random weights."""


def _moments(
    count: torch.Tensor, total: torch.Tensor, products: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean ``[k]`` and the covariance ``[k, k]``, by one fewer than the examples."""
    mean = total / count
    return mean, (products - count * mean[:, None] * mean) / (count - 1)


def _roots(matrix: torch.Tensor) -> torch.Tensor:
    """Return the square roots of the eigenvalues, those below 0 by rounding taken as 0."""
    import torch

    values: torch.Tensor = torch.linalg.eigvalsh((matrix + matrix.T) / 2)
    return values.clamp(min=0).sqrt()


def _root(matrix: torch.Tensor) -> torch.Tensor:
    """Return the square root of a symmetric matrix without negative eigenvalues."""
    import torch

    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    root: torch.Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


@dataclass(frozen=True)
class Generation:
    """Making more inputs like those of the data: a part of the network makes them of noise.

    There is no loss of its own: a Training names updates, or a loss. After each epoch as many
    inputs are made as a part of the data has, of the same noise each time, and scored beside them,
    standardised.

    Attributes:
        latent: how many standard normal numbers the part is given for each.
        part: that makes them, such as ``"generator"``, or the ``"decoder"`` of an autoencoder.
        conditional: whether it is also given a class, as its second argument: that of the input
            that stands beside.
        scores: ``frechet_distance``.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> from harness.tasks import Generation
        >>> [score.name for score in Generation(latent=8).scores]
        ['frechet_distance']
    """

    latent: int
    part: str = "generator"
    conditional: bool = False
    scores: tuple[Score, ...] = (FrechetDistance(),)

    kind: ClassVar[Kind] = "samples"
    loss: ClassVar[Loss | None] = None
    standardised: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checks.whole(self, "latent", self.latent, 8)
        checks.flag(self, "conditional", self.conditional)
        object.__setattr__(self, "part", own(self.part))
        if not isinstance(self.part, str):
            raise HarnessError(
                "Generation(part=...) must be the name of a submodule",
                repr(self.part),
                "Write part='generator', say.",
            )
        scores = self.scores
        if (
            not isinstance(scores, tuple)
            or not scores
            or not all(isinstance(each, Score) and not isinstance(each, type) for each in scores)
        ):
            raise HarnessError(
                "Generation(scores=...) must be a tuple of scores",
                repr(scores),
                "Write scores=(FrechetDistance(features=64),), with the comma.",
            )

    def outputs(self, known: Known) -> int:
        """Return the number of classes, 0 where there are none; see ``Task``."""
        check_not_padded(self, known)
        if self.conditional and not known.targets.stratified:
            raise HarnessError(
                "Generation(conditional=True) must have a class for each input as targets",
                str(known.targets),
                "Give the data classes, or write conditional=False.",
            )
        return known.targets.classes

    def shape(self, known: Known) -> tuple[int, ...]:
        """Return the shape of one input; see :class:`harness.tasks.task.Task`."""
        return known.shape

    def gives(self, known: Known) -> str:
        """Return it in words; see :class:`harness.tasks.task.Task`."""
        del known
        return f"an input for each {self.latent} numbers that its {self.part} is given"

    def says(self, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is made, and the inputs; see :class:`harness.tasks.task.Task`."""
        noise = batch.draws.normal("latent", len(batch.inputs), self.latent)
        made = net.part(self.part)
        return made(noise, batch.targets) if self.conditional else made(noise), batch.inputs
