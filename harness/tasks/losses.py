"""What training minimises: a loss, made of a network and a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from harness.floats import on
from harness.messages import checks

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws
    from harness.training import Training


class Net(Protocol):
    """A network as a loss calls it: in the precision of its Training, whatever engine trains it."""

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return its outputs; for classes, logits ``[batch, classes]``.

        Args:
            inputs: ``[batch, *shape]``, standardised, such as ``batch.inputs``; where sequences
                are padded, their mask as well. ``*batch.arguments`` is both.
        """

    def part(self, name: str) -> Callable[..., torch.Tensor]:
        """Return a part of the network, called alone.

        Args:
            name: of a submodule, with dots for one within another, such as ``"encoder"`` or
                ``"blocks.0"``.

        Raises:
            HarnessError: the network has no such part.
        """


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of training examples, as a loss sees it.

    Attributes:
        inputs: ``[batch, *shape]``, augmented and standardised.
        targets: for classes int64 ``[batch]``, or probabilities ``[batch, classes]`` where the
            augmentation mixes images; quantities ``[batch, quantities]``.
        given: what other trained networks say of the same inputs, in evaluation mode: of each
            Training that the loss holds in a field the outputs, ``[batch, ...]``, under the field's
            name. Of a :class:`Distillation`, ``"teacher"``, logits ``[batch, classes]``.
        draw: makes the random numbers of this step; they are asked for as ``draws``.
        mask: where sequences of unequal length have not ended, bool ``[batch, length]``; beyond,
            inputs are 0; ``None`` where inputs are of one length.
        unlabelled: more inputs, as many, without targets, standardised and not augmented; ``None``
            where the data has none.

    Example:
        >>> import torch
        >>> from harness import Batch
        >>> batch = Batch(torch.zeros(2, 3), torch.tensor([0, 1]))
        >>> batch.inputs.shape, dict(batch.given)
        (torch.Size([2, 3]), {})
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    given: Mapping[str, torch.Tensor] = field(default_factory=dict)
    draw: Callable[[], Draws] | None = None
    mask: torch.Tensor | None = None
    unlabelled: torch.Tensor | None = None

    @property
    def arguments(self) -> tuple[torch.Tensor, ...]:
        """What a network is called with: the inputs, and their mask where there is one."""
        return (self.inputs,) if self.mask is None else (self.inputs, self.mask)

    @cached_property
    def draws(self) -> Draws:
        """Random numbers for the loss at this step, which follow from the trial's seed alone.

        ``batch.draws.normal("noise", 64, 16)`` gives standard normal numbers ``[64, 16]``; the same
        name gives the same ones.
        """
        assert self.draw is not None, "engines give each batch its random numbers"
        return self.draw()


@runtime_checkable
class Loss(Protocol):
    """A loss as declared: a frozen dataclass that is called on a network and a batch."""

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss of a batch, a scalar.

        It may call the network as often as it likes, or parts of it, and ask the batch for random
        numbers. Engines call it on one trial's tensors, fused ones under ``torch.func.vmap``: it
        must not look into values (``.item()``, ``if loss > 1``).

        Args:
            net: the network.
            batch: inputs, targets, what teachers gave, and random numbers.
        """


def _cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, smoothing: float | torch.Tensor
) -> torch.Tensor:
    """Return the mean cross-entropy against labels or probabilities, smoothed."""
    import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

    loss = F.cross_entropy(logits, targets)
    if on(smoothing):  # torch's own argument must be a number
        loss = loss * (1 - smoothing) - logits.log_softmax(dim=1).mean() * smoothing
    return loss


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy in nats, averaged over the batch.

    Attributes:
        label_smoothing: share of the target spread evenly over all classes, in [0, 1)
            (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567, section 7).

    Example:
        >>> import torch
        >>> from harness import Batch, CrossEntropy
        >>> net = torch.nn.Identity()
        >>> batch = Batch(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]))
        >>> round(CrossEntropy()(net, batch).item(), 3)
        0.22
        >>> round(CrossEntropy(label_smoothing=0.1)(net, batch).item(), 3)
        0.295
    """

    made_for: ClassVar[str] = "classes"

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        checks.share(self, "label_smoothing", self.label_smoothing, 0.1)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`Loss`."""
        return _cross_entropy(net(*batch.arguments), batch.targets, self.label_smoothing)


@dataclass(frozen=True)
class Distillation:
    """Learning from a teacher's soft predictions as well as from labels.

    ``weight T² KL(teacher_T ‖ student_T) + (1 - weight) cross-entropy``, where a subscript T says
    that logits are divided by the temperature T before the softmax; T² keeps the gradients of the
    soft part in proportion (Hinton, Vinyals & Dean 2015, https://arxiv.org/abs/1503.02531,
    section 2).

    Attributes:
        teacher: the Training of the teacher. It is trained once for each seed, for all trials that
            name it. It sees what the student sees, in evaluation mode.
        temperature: T, above 0.
        weight: share of the soft part, in [0, 1].
        same_targets: what it needs must have learnt the same targets, of the same kind and number;
            a loss of one's own that does not say so may need a Training of any task.

    Example:
        >>> from dataclasses import replace
        >>> from harness import Distillation, Training
        >>> from harness.data import digits
        >>> from harness.models import MLP
        >>> from harness.optim import SGD
        >>> teacher = Training(
        ...     data=digits(),
        ...     model=MLP(hidden=(256, 256)),
        ...     optimizer=SGD(lr=0.1),
        ...     batch_size=32,
        ...     epochs=20,
        ... )
        >>> soft = Distillation(teacher, temperature=4.0, weight=0.9)
        >>> student = replace(teacher, model=MLP(hidden=(16,)), loss=soft)
        >>> student.loss.teacher.model.hidden
        (256, 256)
    """

    made_for: ClassVar[str] = "classes"
    same_targets: ClassVar[bool] = True

    teacher: Training
    temperature: float = 4.0
    weight: float = 0.9

    def __post_init__(self) -> None:
        checks.positive(self, "temperature", self.temperature, 4.0)
        checks.share(self, "weight", self.weight, 0.9, ends="[]")

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`Loss`."""
        logits = net(*batch.arguments)
        if not on(self.weight):
            return _cross_entropy(logits, batch.targets, 0.0)
        wanted = (batch.given["teacher"] / self.temperature).log_softmax(dim=1)
        given = (logits / self.temperature).log_softmax(dim=1)
        soft = (wanted.exp() * (wanted - given)).sum(dim=1).mean()
        soft = soft * (self.temperature * self.temperature)
        hard = _cross_entropy(logits, batch.targets, 0.0)
        return soft * self.weight + hard * (1 - self.weight)


@dataclass(frozen=True)
class SquaredLoss:
    """Mean squared error, over examples and quantities.

    Where the task standardises targets, it is of standardised ones.

    Example:
        >>> import torch
        >>> from harness.tasks import Batch, SquaredLoss
        >>> batch = Batch(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
        >>> SquaredLoss()(torch.nn.Identity(), batch).item()
        2.0
    """

    made_for: ClassVar[str] = "quantities"

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`Loss`."""
        return (net(*batch.arguments) - batch.targets).square().mean()


@dataclass(frozen=True)
class AbsoluteLoss:
    """Mean absolute error, over examples and quantities; otherwise as :class:`SquaredLoss`.

    Example:
        >>> import torch
        >>> from harness.tasks import AbsoluteLoss, Batch
        >>> batch = Batch(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
        >>> AbsoluteLoss()(torch.nn.Identity(), batch).item()
        1.0
    """

    made_for: ClassVar[str] = "quantities"

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`Loss`."""
        return (net(*batch.arguments) - batch.targets).abs().mean()


@dataclass(frozen=True)
class Huber:
    """Half the squared error where it is small, and straight lines beyond.

    ``e² / 2`` where ``|e| <= delta``, else ``delta (|e| - delta / 2)``, mean over examples and
    quantities (Huber 1964, Annals of Mathematical Statistics 35, section 2).

    Attributes:
        delta: where the lines begin, above 0; in standard deviations where targets are
            standardised.

    Example:
        >>> import torch
        >>> from harness.tasks import Batch, Huber
        >>> batch = Batch(torch.tensor([[1.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
        >>> Huber(delta=1.0)(torch.nn.Identity(), batch).item()
        0.75
    """

    made_for: ClassVar[str] = "quantities"

    delta: float = 1.0

    def __post_init__(self) -> None:
        checks.positive(self, "delta", self.delta, 1.0)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`Loss`."""
        error = (net(*batch.arguments) - batch.targets).abs()
        near = error.clamp(max=self.delta)
        return (near * (error - near / 2)).mean()
