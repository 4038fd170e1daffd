"""What the parts of a Training are: protocols, so that a user's own fit as well as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import nn

    from harness.data import Splits
    from harness.randomness.counting import Draws


@runtime_checkable
class Data(Protocol):
    """A data set as declared: a frozen dataclass with these methods (see harness.data)."""

    def splits(self, seed: int) -> Splits:
        """Return train, validation and test tensors of one seed."""


@runtime_checkable
class Model(Protocol):
    """A network as declared: a frozen dataclass with this method (see harness.models)."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for inputs of ``shape`` (without the batch axis).

        It puts out ``[batch, classes]``, and where quantities are learnt, that many numbers.

        Initial weights are drawn from torch's global generator, which the trainer has set from
        the trial's seed.
        """


@runtime_checkable
class Optimizer(Protocol):
    """An optimizer as ``init`` and ``update`` over explicit state (see harness.optim)."""

    @property
    def lr(self) -> float:
        """The learning rate that the schedule's factor multiplies."""

    def init(self, params: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the state before the first step; ``params`` is all parameters as one vector."""

    def update(
        self,
        grads: torch.Tensor,
        state: dict[str, torch.Tensor],
        params: torch.Tensor,
        factor: torch.Tensor | float,
        decays: torch.Tensor | None,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return new parameters and new state.

        Args:
            grads: the loss's gradient, a vector like ``params``.
            state: what ``init`` or the step before returned.
            params: all parameters as one vector.
            factor: multiplies the learning rate.
            decays: 1 where weight decay applies and 0 where it does not, a vector like ``params``;
                ``None`` is everywhere.
        """


@runtime_checkable
class Augmentation(Protocol):
    """What is done to the images of a batch while they are trained on (see harness.augment).

    One that blends images and targets has the class attribute ``mixes = True``, and gets targets
    as probabilities. One that takes only images has ``images_only = True``.
    """

    @property
    def strength(self) -> float:
        """From 0, which is nothing, to 1."""

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, draws: Draws
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return changed images and targets.

        Args:
            images: ``[batch, channels, height, width]``, from 0 to 1 where they were bytes.
            targets: labels, int64 ``[batch]``, or probabilities ``[batch, classes]`` where an
                augmentation of the Training mixes images; quantities ``[batch, quantities]``, as
                the network learns them.
            draws: where everything random comes from.
        """


@runtime_checkable
class Penalty(Protocol):
    """What keeps parameters small (see harness.penalties)."""

    @property
    def touches(self) -> str:
        """``"weights"``, which leaves out biases and normalisation, or ``"all"``."""

    def loss(self, params: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Return what is added to the loss, a scalar; ``None`` if nothing is."""

    def before(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters from which the optimizer steps; gradients are known by then."""

    def after(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return parameters after the optimizer's step; ``rate`` is the step's learning rate."""


@runtime_checkable
class Clip(Protocol):
    """What bounds gradients (see harness.clipping)."""

    def __call__(self, grads: torch.Tensor) -> torch.Tensor:
        """Return a gradient for the vector of all parameters."""
