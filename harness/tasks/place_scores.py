"""Scores of a class for each place: each pixel of an image, each position of a sequence.

Outputs are logits ``[batch, classes, *places]``, targets int64 ``[batch, *places]``; a place whose
target is negative does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.tasks.scores import mean_of, no_sum

if TYPE_CHECKING:
    import torch

    from harness.tasks.scores import State


@dataclass(frozen=True)
class PlaceCrossEntropy:
    """Mean cross-entropy in nats over the places that count."""

    name: ClassVar[str] = "loss"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`harness.tasks.scores.Score`."""
        return no_sum(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`harness.tasks.scores.Score`."""
        import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

        places = outputs.movedim(1, -1).flatten(0, -2)
        wanted = targets.where(targets >= 0, -1).flatten()
        total = F.cross_entropy(places, wanted, reduction="sum", ignore_index=-1)
        return _counted(state, total, (targets >= 0).sum())

    def value(self, state: State) -> torch.Tensor:
        """Return the mean; see :class:`harness.tasks.scores.Score`."""
        return mean_of(state)


@dataclass(frozen=True)
class Perplexity(PlaceCrossEntropy):
    """e to the power of the mean cross-entropy: 1 is certain, the number of tokens is a guess.

    Jelinek et al. 1977, Journal of the Acoustical Society of America 62, S63.
    """

    name: ClassVar[str] = "perplexity"

    def value(self, state: State) -> torch.Tensor:
        """Return it; see :class:`harness.tasks.scores.Score`."""
        return mean_of(state).exp()


@dataclass(frozen=True)
class PlaceAccuracy:
    """Share of the places that count whose class has the largest logit."""

    name: ClassVar[str] = "accuracy"

    def init(self, device: torch.device) -> State:
        """Return sums of nothing; see :class:`harness.tasks.scores.Score`."""
        return no_sum(device)

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`harness.tasks.scores.Score`."""
        right = outputs.max(dim=1).indices == targets  # never where a target is negative
        return _counted(state, right.sum(), (targets >= 0).sum())

    def value(self, state: State) -> torch.Tensor:
        """Return the share; see :class:`harness.tasks.scores.Score`."""
        return mean_of(state)


@dataclass(frozen=True)
class IoU:
    """Intersection over union of what was told and what is, mean over classes (Jaccard 1912).

    Pixels of all images are counted together, as in Everingham et al. 2010, section 4.2
    (https://doi.org/10.1007/s11263-009-0275-4). A class that neither was told anywhere nor is
    anywhere has no ratio, and is left out of the mean.
    """

    name: ClassVar[str] = "iou"

    def init(self, device: torch.device) -> State:
        """Return counts of nothing; see :class:`harness.tasks.scores.Score`."""
        import torch

        return {
            name: torch.zeros(1, dtype=torch.float64, device=device)
            for name in ("intersection", "union")
        }

    def update(self, state: State, outputs: torch.Tensor, targets: torch.Tensor) -> State:
        """Add a batch; see :class:`harness.tasks.scores.Score`."""
        told, there = self.regions(outputs, targets)
        both, every = (told & there).sum(dim=1), (told | there).sum(dim=1)
        return {
            "intersection": state["intersection"] + both.double(),
            "union": state["union"] + every.double(),
        }

    def regions(
        self, outputs: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return which places were told to be of each class, and which are.

        Returns:
            bool ``[classes, batch * places]`` both.
        """
        told, there = _maps(outputs, targets)
        return told.transpose(0, 1).flatten(1), there.transpose(0, 1).flatten(1)

    def value(self, state: State) -> torch.Tensor:
        """Return the mean of the ratios; see :class:`harness.tasks.scores.Score`."""
        union = state["union"]
        ratio = state["intersection"] / union.where(union > 0, 1)
        return (ratio * (union > 0)).sum() / (union > 0).sum()


@dataclass(frozen=True)
class BorderIoU(IoU):
    """Intersection over union of what lies near borders, mean over classes.

    Of each class the pixels count that are within ``width`` of one of another class, or of the
    image's edge (Cheng et al. 2021, https://arxiv.org/abs/2103.16562, section 3, where the distance
    is given by the image's size).

    Attributes:
        width: in pixels, diagonal neighbours included.
    """

    name: ClassVar[str] = "border_iou"

    width: int = 1

    def __post_init__(self) -> None:
        checks.whole(self, "width", self.width, 1)

    def regions(
        self, outputs: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return which pixels near a border were told to be of each class, and which are."""
        import torch
        import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

        def border(regions: torch.Tensor) -> torch.Tensor:
            outside = F.pad(1 - regions.float(), (self.width,) * 4, value=1.0)
            near = F.max_pool2d(outside, 2 * self.width + 1, stride=1) > 0
            return (regions & near).transpose(0, 1).flatten(1)

        told, there = (border(each) for each in _maps(outputs, targets))
        counts = (targets >= 0).flatten()
        return torch.logical_and(told, counts), torch.logical_and(there, counts)


def _maps(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a map for each class of what was told and of what is, bool ``[batch, classes, *]``."""
    import torch

    classes = torch.arange(outputs.shape[1], device=outputs.device)
    classes = classes.view(-1, *(1,) * (targets.ndim - 1))
    told = (outputs.max(dim=1).indices[:, None] == classes) & (targets >= 0)[:, None]
    return told, targets[:, None] == classes


def _counted(state: State, total: torch.Tensor, count: torch.Tensor) -> State:
    return {"sum": state["sum"] + total.double(), "count": state["count"] + count}
