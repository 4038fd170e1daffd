"""One training step, written once for every engine: :func:`advance`, of one trial's tensors.

:mod:`harness.engines.plain` drives it with numbers, :mod:`harness.engines.fused` with tensors under
``torch.func.vmap``; whatever records it and plays it again gives it tensors, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch.utils import _pytree as pytree

from harness.data.splits import Splits, mean_and_std, standardize
from harness.engines.network import DTYPES, Network
from harness.messages.errors import HarnessError
from harness.randomness.counting import Draws, Key, mix
from harness.tasks.losses import Batch, Net
from harness.training import Training

State = dict[str, torch.Tensor]
"""What an optimizer keeps from step to step, by name."""

Apply = Callable[[torch.Tensor], torch.Tensor]
"""A network: standardised inputs ``[batch, *shape]`` to logits, or quantities, ``[batch, n]``."""


@dataclass(frozen=True)
class Frame:
    """What a trial's inputs are standardised by.

    Attributes:
        mean: ``[channels]`` or ``[features]``.
        std: in the same shape.
        dimensions: of one input.
        classes: how many there are; 0 where targets are quantities.
        target_mean: what standardised targets have taken off, ``[quantities]``; ``None`` where
            targets stay as they are.
        target_std: what they are divided by, in the same shape.
        channels_last: whether images lie in memory with their channels last: [batch, height,
            width, channels], by strides alone. The shape stays the same.
    """

    mean: torch.Tensor
    std: torch.Tensor
    dimensions: int
    classes: int
    target_mean: torch.Tensor | None = None
    target_std: torch.Tensor | None = None
    channels_last: bool = False

    @staticmethod
    def of(training: Training, splits: Splits, device: torch.device) -> Frame:
        """Return what a trial's inputs are standardised by, on a device."""
        dtype = DTYPES[training.precision]
        mean, std = None, None
        if training.task.standardised:
            mean, std = (each.to(device, dtype) for each in mean_and_std(splits.train.targets))
        return Frame(
            splits.mean.to(device, dtype),
            splits.std.to(device, dtype),
            len(splits.shape),
            splits.classes,
            mean,
            std,
        )

    def standardize(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return inputs as the network is given them.

        Args:
            inputs: ``[batch, *shape]``, as the data set has them.
        """
        return self.laid_out(standardize(inputs, self.mean, self.std, self.dimensions))

    def learnt(self, targets: torch.Tensor) -> torch.Tensor:
        """Return targets as the network learns them."""
        if self.target_mean is None or self.target_std is None:
            return targets if targets.ndim == 1 else targets.to(self.mean.dtype)
        return (targets.to(self.mean.dtype) - self.target_mean) / self.target_std

    def told(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return what a network puts out, in the units of the data's targets."""
        if self.target_mean is None or self.target_std is None:
            return outputs
        return outputs * self.target_std + self.target_mean

    def laid_out(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the same inputs in the layout that the network works in.

        Not under ``vmap``, where strides cannot be seen; trials that train together have theirs
        with the channels first.
        """
        if not self.channels_last:
            return inputs
        _, channels, height, width = inputs.shape
        # with one channel torch holds both layouts for the same and goes on with the channels
        # first, unless the strides themselves say which is meant
        strides = (channels * height * width, 1, channels * width, channels)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs.as_strided(inputs.shape, strides)


@dataclass(frozen=True)
class Rows:
    """The training examples of one step.

    Attributes:
        inputs: ``[batch, *shape]``, as the data set has them.
        targets: int64 ``[batch]``, or quantities ``[batch, quantities]``.
        given: what the networks that the loss asks say of them, by name, where it is known
            beforehand.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    given: Mapping[str, torch.Tensor] = field(default_factory=dict)


class Trial(Protocol):
    """One trial as an engine holds it at one step: its tensors, and how they are applied."""

    @property
    def training(self) -> Training:
        """What is trained."""

    @property
    def frame(self) -> Frame:
        """What its inputs are standardised by."""

    @property
    def vector(self) -> torch.Tensor:
        """Its parameters, ``[P]``."""

    @property
    def weights(self) -> torch.Tensor:
        """1 for weights, 0 for biases and normalisation, ``[P]``."""

    @property
    def state(self) -> State:
        """Its optimizer's."""

    def draws(self, number: Key) -> Draws:
        """Return the random numbers for augmentation at a step."""

    def loss_draws(self, number: Key) -> Draws:
        """Return the random numbers for the loss at a step."""

    def ask(
        self, inputs: torch.Tensor, known: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        """Return what the networks that its loss asks say of standardised inputs, by name.

        Args:
            inputs: ``[batch, *shape]``.
            known: what is known of them already, by name.
        """

    def gradients(self, number: Key, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradient of the loss of a prepared batch, ``[P]``, and the loss."""


def advance(
    trial: Trial, rows: Rows, number: Key, factor: torch.Tensor | float
) -> tuple[torch.Tensor, State, torch.Tensor]:
    """Return a trial's parameters ``[P]``, optimizer state and mean loss after one step.

    Args:
        trial: before it.
        rows: the examples that it trains on.
        number: of the step, from 0: what random numbers follow from.
        factor: the schedule's.
    """
    training = trial.training
    inputs, targets = prepare(
        training, trial.frame, rows.inputs, rows.targets, lambda: trial.draws(number)
    )
    given = trial.ask(inputs, rows.given)
    batch = batch_of(inputs, targets, given, lambda: trial.loss_draws(number))
    grads, loss = trial.gradients(number, batch)
    with torch.no_grad():
        vector, state = update(training, grads, trial.state, trial.vector, factor, trial.weights)
    return vector, state, loss


def prepare(
    training: Training,
    frame: Frame,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    draws: Callable[[], Draws],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return augmented and standardised inputs, and targets: probabilities where images are mixed.

    Args:
        training: what is trained.
        frame: what inputs are standardised by.
        inputs: ``[batch, *shape]``, as the data set has them.
        targets: int64 ``[batch]``, or quantities ``[batch, quantities]``.
        draws: gives this step's random numbers.
    """
    targets = frame.learnt(targets)
    if training.augment:
        bytes_ = not inputs.is_floating_point()
        inputs = inputs.to(frame.mean.dtype)
        inputs = inputs / 255 if bytes_ else inputs
        mixes = any(getattr(each, "mixes", False) for each in training.augment)
        if mixes and frame.classes:
            targets = torch.nn.functional.one_hot(targets, frame.classes).to(frame.mean.dtype)
        source = draws()
        for position, each in enumerate(training.augment):
            inputs, targets = each(inputs, targets, source.within(str(position)))
    return frame.standardize(inputs), targets


def batch_of(
    inputs: torch.Tensor,
    targets: torch.Tensor,
    given: Mapping[str, torch.Tensor],
    draw: Callable[[], Draws],
) -> Batch:
    """Return a batch that :func:`prepare` gave, with what other networks say of it."""
    return Batch(inputs, targets, given, draw)


@dataclass(frozen=True, eq=False)
class Called:
    """A network as a loss calls it: its precision is the Training's.

    Attributes:
        training: whose network it is.
        device: where it is.
        apply: the network.
        find: gives a part of it by name; raises ``AttributeError`` where there is none.
    """

    training: Training
    device: torch.device
    apply: Apply
    find: Callable[[str], Callable[..., torch.Tensor]]

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return its outputs, float32 where the network computes in bfloat16."""
        return self._precisely(self.apply, inputs)

    def part(self, name: str) -> Callable[..., torch.Tensor]:
        """Return a part of the network, called alone; see :class:`harness.tasks.losses.Net`."""
        try:
            found = self.find(name)
        except AttributeError:
            raise HarnessError(
                "a loss must ask for parts that the network has",
                repr(name),
                "Write the name of a submodule, as module.named_modules() gives it.",
            ) from None
        return lambda *inputs: self._precisely(found, *inputs)

    def _precisely(self, apply: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> torch.Tensor:
        with autocast(self.training, self.device):
            outputs = apply(*inputs)
        if self.training.precision != "bfloat16":
            return outputs
        whole: torch.Tensor = pytree.tree_map_only(torch.Tensor, _widened, outputs)
        return whole


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def called(training: Training, network: Network) -> Net:
    """Return a network whose parameters are its own, as a loss calls it."""
    module = network.module
    return Called(training, network.vector.device, module, module.get_submodule)


def loss_of(training: Training, net: Net, batch: Batch) -> torch.Tensor:
    """Return the mean loss of a batch, without penalties.

    Raises:
        HarnessError: the loss returned something else than a scalar.
    """
    loss = training.loss(net, batch)
    if not isinstance(loss, torch.Tensor) or loss.ndim:
        given = f"shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
        raise HarnessError(
            f"{type(training.loss).__name__} must return one number, a tensor of no dimensions",
            given,
            "Write .mean() at the end, say.",
        )
    return loss


def autocast(training: Training, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context that a network runs in."""
    if training.precision != "bfloat16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def update(
    training: Training,
    grads: torch.Tensor,
    state: State,
    vector: torch.Tensor,
    factor: torch.Tensor | float,
    weights: torch.Tensor,
) -> tuple[torch.Tensor, State]:
    """Return parameters and optimizer state after a step: penalty, clipping, optimizer, in turn.

    Args:
        training: what is trained.
        grads: gradient of the loss, ``[P]``.
        state: the optimizer's.
        vector: the parameters, ``[P]``.
        factor: the schedule's.
        weights: 1 for weights, 0 for biases and normalisation, ``[P]``.
    """
    penalty = training.penalty
    mask = weights if penalty is not None and penalty.touches == "weights" else None
    if penalty is not None and penalty.loss(vector, mask) is not None:
        grads = grads + torch.func.grad(lambda params: penalty.loss(params, mask))(vector)
    if training.clip is not None:
        grads = training.clip(grads)
    if penalty is None:
        return training.optimizer.update(grads, state, vector, factor, weights)
    rate = training.optimizer.lr * factor
    vector = penalty.before(vector, rate, mask)
    vector, state = training.optimizer.update(grads, state, vector, factor, weights)
    return penalty.after(vector, rate, mask), state


def dropout_keys(key: Key, step: int | torch.Tensor, layers: int) -> list[Key]:
    """Return the key of each dropout layer at one step."""
    of_step = mix(key, step)
    if isinstance(of_step, int):
        return [mix(of_step, layer) for layer in range(layers)]
    labels = torch.arange(layers, dtype=torch.int32, device=of_step.device)
    mixed = mix(of_step, labels)
    assert isinstance(mixed, torch.Tensor)
    return list(mixed.unbind())


def restandardize(
    inputs: torch.Tensor, frame: Frame, mean: torch.Tensor, std: torch.Tensor
) -> torch.Tensor:
    """Return inputs, standardised by a frame, as another mean and deviation standardise them."""
    mean, std = (mean - frame.mean) / frame.std, std / frame.std
    return frame.laid_out(standardize(inputs, mean, std, frame.dimensions))
