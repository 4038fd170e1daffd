"""A class for each place of an input: each pixel of an image, each position of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from harness.floats import on
from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.tasks.losses import Batch, Loss, Net
from harness.tasks.place_scores import (
    BorderIoU,
    IoU,
    Perplexity,
    PlaceAccuracy,
    PlaceCrossEntropy,
)
from harness.tasks.scores import Score

if TYPE_CHECKING:
    import torch

    from harness.data.facts import Known
    from harness.tasks.task import Kind

Predicts = Literal["next token", "each position"]


@dataclass(frozen=True)
class SegmentationLoss:
    """Cross-entropy in nats of the class of each pixel, mean over pixels and images.

    Attributes:
        label_smoothing: as that of :class:`harness.tasks.losses.CrossEntropy`.

    Example:
        >>> import torch
        >>> from harness.tasks import Batch, SegmentationLoss
        >>> logits = torch.tensor([[[[0.0, 9.0]], [[0.0, 0.0]]]])  # two classes, a 1×2 image
        >>> batch = Batch(logits, torch.tensor([[[0, 0]]]))
        >>> round(SegmentationLoss()(torch.nn.Identity(), batch).item(), 3)  # log(2) / 2
        0.347
    """

    made_for: ClassVar[str] = "class maps"

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        checks.share(self, "label_smoothing", self.label_smoothing, 0.1)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`harness.tasks.losses.Loss`."""
        return _mean_loss(net(*batch.arguments), batch.targets, self.label_smoothing)


@dataclass(frozen=True)
class SequenceLoss:
    """Cross-entropy in nats of a class for each position, mean over the positions that there are.

    Attributes:
        predicts: as that of :class:`Sequence`, whose loss it is.
        label_smoothing: as that of :class:`harness.tasks.losses.CrossEntropy`.

    Example:
        >>> from harness.tasks import Sequence, SequenceLoss
        >>> Sequence().loss == SequenceLoss("next token")
        True
    """

    made_for: ClassVar[str] = "tokens"

    predicts: Predicts = "next token"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        checks.one_of(self, "predicts", self.predicts, ("next token", "each position"))
        checks.share(self, "label_smoothing", self.label_smoothing, 0.1)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`harness.tasks.losses.Loss`."""
        return _mean_loss(*_positions(self.predicts, net, batch), self.label_smoothing)


def _mean_loss(
    logits: torch.Tensor, wanted: torch.Tensor, smoothing: float | torch.Tensor
) -> torch.Tensor:
    """Return the mean cross-entropy over the places that count.

    Args:
        logits: ``[batch, classes, *places]``.
        wanted: int64 ``[batch, *places]``, -1 where a place does not count.
        smoothing: share of the target that is spread over all classes.
    """
    log = logits.log_softmax(dim=1)
    counts = wanted >= 0
    chosen = log.gather(1, wanted.clamp(min=0)[:, None])[:, 0]
    if on(smoothing):
        chosen = chosen * (1 - smoothing) + log.mean(dim=1) * smoothing
    return -(chosen * counts).sum() / counts.sum().clamp(min=1)


def _positions(predicts: Predicts, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits ``[batch, classes, n]``, and classes int64 ``[batch, n]``, -1 for none."""
    logits, wanted = net(*batch.arguments), batch.targets
    if predicts == "next token":
        logits, wanted = logits[:, :, :-1], batch.inputs[:, 1:]
    if batch.mask is not None:
        wanted = wanted.where(batch.mask[:, batch.mask.shape[1] - wanted.shape[1] :], -1)
    return logits, wanted


@dataclass(frozen=True)
class Segmentation:
    """A class for each pixel: a network gives logits ``[batch, classes, height, width]``.

    Its scores are ``loss``, the mean cross-entropy in nats; ``accuracy``, the share of pixels whose
    class has the largest logit; ``iou``, intersection over union, mean over classes; and
    ``border_iou``, the same of what lies within a pixel of a border.

    Example:
        >>> from harness.tasks import Segmentation
        >>> [score.name for score in Segmentation().scores]
        ['loss', 'accuracy', 'iou', 'border_iou']
    """

    kind: ClassVar[Kind] = "class maps"
    loss: ClassVar[Loss] = SegmentationLoss()
    scores: ClassVar[tuple[Score, ...]] = (
        PlaceCrossEntropy(), PlaceAccuracy(), IoU(), BorderIoU(),
    )  # fmt: skip
    standardised: ClassVar[bool] = False

    def outputs(self, known: Known) -> int:
        """Return the number of classes; see :class:`harness.tasks.task.Task`."""
        if len(known.targets.shape) != 2:
            raise HarnessError(
                "Segmentation must have a class for each pixel as targets, whole numbers "
                "[n, height, width]",
                str(known.targets),
                "Write arrays(images, masks, ...), or leave task= out to learn one class for each "
                "image.",
            )
        return known.targets.classes

    def shape(self, known: Known) -> tuple[int, ...]:
        """Return one number for each class and pixel; see :class:`harness.tasks.task.Task`."""
        return (self.outputs(known), *known.targets.shape)

    def gives(self, known: Known) -> str:
        """Return it in words; see :class:`harness.tasks.task.Task`."""
        return f"one logit for each of {known.targets}"

    def says(self, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits and classes; see :class:`harness.tasks.task.Task`."""
        return net(*batch.arguments), batch.targets


@dataclass(frozen=True)
class Sequence:
    """A class for each position of a sequence: logits ``[batch, classes, length]``.

    Its scores are ``loss``, the mean cross-entropy in nats; ``perplexity``, e to that power; and
    ``accuracy``. They are over all positions of all sequences; what pads a shorter one does not
    count. To learn one class, or one quantity, of a whole sequence is :class:`Classification` or
    :class:`Regression`.

    Attributes:
        predicts: ``"next token"``: inputs are token ids, and the output at each position is to tell
            the next; the network must not look ahead, which is checked. ``"each position"``:
            targets are whole numbers ``[n, length]``.

    Raises:
        HarnessError: the field is neither.

    Example:
        >>> from harness.tasks import Sequence
        >>> [score.name for score in Sequence("next token").scores]
        ['loss', 'perplexity', 'accuracy']
    """

    predicts: Predicts = "next token"

    kind: ClassVar[Kind] = "tokens"
    scores: ClassVar[tuple[Score, ...]] = (PlaceCrossEntropy(), Perplexity(), PlaceAccuracy())
    standardised: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checks.one_of(self, "predicts", self.predicts, ("next token", "each position"))

    @property
    def loss(self) -> Loss:
        """What a Training minimises that names no loss."""
        return SequenceLoss(self.predicts)

    def outputs(self, known: Known) -> int:
        """Return the number of classes, or of token ids; see :class:`harness.tasks.task.Task`."""
        if self.predicts == "next token":
            if not known.tokens:
                raise HarnessError(
                    "Sequence('next token') must have token ids as inputs, whole numbers "
                    "[n, length]",
                    f"inputs of shape {known.shape}, which are no token ids",
                    "Write arrays(ids, scaling='as they are', ...), or Sequence('each position').",
                )
            if known.shape[-1] < 2:
                raise HarnessError(
                    "Sequence('next token') must have sequences of at least two tokens",
                    "sequences of one",
                    "Give it longer ones.",
                )
            return known.tokens
        if len(known.targets.shape) != 1:
            raise HarnessError(
                "Sequence('each position') must have a class for each position as targets, whole "
                "numbers [n, length]",
                str(known.targets),
                "Write task=Classification() to learn one class for each sequence.",
            )
        return known.targets.classes

    def shape(self, known: Known) -> tuple[int, ...]:
        """Return a number for each class and position; see :class:`harness.tasks.task.Task`."""
        ahead = self.predicts == "next token"
        return (self.outputs(known), known.shape[-1] - ahead)

    def gives(self, known: Known) -> str:
        """Return it in words; see :class:`harness.tasks.task.Task`."""
        if self.predicts == "next token":
            return f"one logit for each of {known.tokens} token ids at each position but the last"
        return f"one logit for each of {known.targets}"

    def says(self, net: Net, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits and classes; see :class:`harness.tasks.task.Task`."""
        return _positions(self.predicts, net, batch)

    def check(self, net: Net, batch: Batch) -> None:
        """Check that what a network tells of the next token does not depend on it.

        Raises:
            HarnessError: it does.
        """
        if self.predicts != "next token":
            return
        last = batch.inputs[:, -1:]
        other = batch.inputs[:, :-1], (last == 0).to(last.dtype)
        changed = Batch(_joined(other), batch.targets, batch.given, batch.draw, batch.mask)
        before, after = (self.says(net, each)[0] for each in (batch, changed))
        apart = (before != after) & before.isfinite() & after.isfinite()
        if bool(apart.any()):
            raise HarnessError(
                "a network that tells the next token must not look ahead",
                "one whose outputs change with a later token",
                "Write Transformer(causal=True), or read from the first position to the last.",
            )


def _joined(parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
    import torch

    return torch.cat(parts, dim=1)
