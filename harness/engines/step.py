"""One training step, written once for every engine: :func:`advance`, of one trial's tensors.

:mod:`harness.engines.plain` drives it with numbers, :mod:`harness.engines.fused` with tensors under
``torch.func.vmap``; whatever records it and plays it again gives it tensors, too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch

from harness.data.splits import Splits, mean_and_std, real, standardize
from harness.engines.network import DTYPES, Network
from harness.engines.spans import Spans
from harness.messages.errors import HarnessError
from harness.randomness.counting import Draws, Key, mix
from harness.tasks.losses import Batch, Loss, Net
from harness.training import Training, Update

State = dict[str, torch.Tensor]
"""What an optimizer keeps from step to step, by name."""

States = tuple[State, ...]
"""That of the optimizer of each update."""


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

    def given(
        self, inputs: torch.Tensor, lengths: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return inputs as the network is given them, and where sequences have not ended.

        Args:
            inputs: ``[batch, *shape]``, as the data set has them.
            lengths: of sequences that are padded, int64 ``[batch]``.
        """
        return ended(self.standardize(inputs), lengths)

    def learnt(self, targets: torch.Tensor) -> torch.Tensor:
        """Return targets as the network learns them."""
        if self.target_mean is None or self.target_std is None:
            return targets.to(self.mean.dtype) if targets.is_floating_point() else targets
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
    """The training examples of one step: those of as many batches as it takes, one after another.

    Attributes:
        inputs: ``[examples, *shape]``, as the data set has them.
        targets: as those of :class:`harness.data.Part`.
        given: what the networks that the loss asks say of them, by name, where it is known
            beforehand.
        lengths: of sequences that are padded, int64 ``[examples]``.
        unlabelled: more inputs, as the data set has them, ``[examples, *shape]``.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    given: Mapping[str, torch.Tensor] = field(default_factory=dict)
    lengths: torch.Tensor | None = None
    unlabelled: torch.Tensor | None = None


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
    def spans(self) -> tuple[Spans, ...]:
        """Where the parameters of each update lie."""

    @property
    def states(self) -> States:
        """What the optimizers of its updates keep."""

    def draws(self, number: Key) -> Draws:
        """Return the random numbers for augmentation at a step."""

    def loss_draws(self, turn: Key) -> Draws:
        """Return the random numbers for the loss at a turn."""

    def ask(
        self, arguments: Sequence[torch.Tensor], known: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        """Return what the networks that its loss asks say of standardised inputs, by name.

        Args:
            arguments: what a network is called with: inputs, and their mask where there is one.
            known: what is known of them already, by name.
        """

    def at(self, vector: torch.Tensor) -> Trial:
        """Return the trial with other parameters, ``[P]``."""

    def gradients(
        self, position: int, turn: Key, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradient of an update's loss for its part, ``[p]``, and the loss."""


def advance(
    trial: Trial, rows: Rows, number: Key, factor: torch.Tensor | float
) -> tuple[torch.Tensor, States, tuple[torch.Tensor, ...]]:
    """Return a trial's parameters ``[P]``, optimizer states and mean losses after one step.

    A step is one turn for each time of each update: random numbers follow from the number of the
    turn, counted through all steps.

    Args:
        trial: before it.
        rows: the examples that it trains on.
        number: of the step, from 0: what random numbers follow from.
        factor: the schedule's.
    """
    training = trial.training
    whole = batch_of(training, trial.frame, rows, lambda: trial.draws(number), trial.ask)
    updates, turns = training.every_update, training.turns
    vector, weights, states = trial.vector, trial.weights, list(trial.states)
    losses: list[torch.Tensor] = []
    for index, (position, time) in enumerate(turns):
        turn = number * len(turns) + index
        batch = replace(
            of_batch(training, time, whole), draw=functools.partial(trial.loss_draws, turn)
        )
        trial = trial.at(vector) if index else trial
        grads, loss = trial.gradients(position, turn, batch)
        losses = [*losses, loss] if time == 0 else [*losses[:-1], losses[-1] + loss]
        spans = trial.spans[position]
        with torch.no_grad():
            part, states[position] = update(
                updates[position], grads, states[position], spans.of(vector), factor,
                spans.of(weights),
            )  # fmt: skip
            vector = spans.put(vector, part)
    means = tuple(
        loss if each.times == 1 else loss / each.times
        for loss, each in zip(losses, updates, strict=True)
    )
    return vector, tuple(states), means


def batch_of(
    training: Training,
    frame: Frame,
    rows: Rows,
    draws: Callable[[], Draws],
    ask: Callable[[Sequence[torch.Tensor], Mapping[str, torch.Tensor]], Mapping[str, torch.Tensor]],
) -> Batch:
    """Return examples as a loss sees them, but for the random numbers that it may draw.

    Args:
        training: what is trained.
        frame: what inputs are standardised by.
        rows: the examples.
        draws: gives this step's random numbers for augmentation.
        ask: gives what the networks say that the loss asks; see :meth:`Trial.ask`.
    """
    inputs, targets = prepare(training, frame, rows.inputs, rows.targets, draws)
    inputs, mask = ended(inputs, rows.lengths)
    more = None if rows.unlabelled is None else frame.standardize(rows.unlabelled)
    whole = Batch(inputs, targets, mask=mask, unlabelled=more)
    return replace(whole, given=ask(whole.arguments, rows.given))


def of_batch(training: Training, time: int, whole: Batch) -> Batch:
    """Return one of a step's batches."""
    if training.batches == 1:
        return whole
    part = slice(time * training.batch_size, (time + 1) * training.batch_size)
    return Batch(
        whole.inputs[part],
        whole.targets[part],
        {name: each[part] for name, each in whole.given.items()},
        mask=None if whole.mask is None else whole.mask[part],
        unlabelled=None if whole.unlabelled is None else whole.unlabelled[part],
    )


def ended(
    inputs: torch.Tensor, lengths: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return inputs that are 0 where sequences have ended, and where they have not.

    Args:
        inputs: ``[batch, ..., length]``, standardised.
        lengths: int64 ``[batch]``; ``None`` where nothing is padded.
    """
    if lengths is None:
        return inputs, None
    mask = real(lengths, inputs.shape[-1])
    return _cleared(inputs, mask), mask


def _cleared(inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return inputs.masked_fill(~mask if inputs.ndim == 2 else ~mask[:, None], 0)


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


def loss_of(loss: Loss, net: Net, batch: Batch) -> torch.Tensor:
    """Return the mean loss of a batch, without penalties.

    Raises:
        HarnessError: the loss returned something else than a scalar.
    """
    value = loss(net, batch)
    if not isinstance(value, torch.Tensor) or value.ndim:
        given = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)
        raise HarnessError(
            f"{type(loss).__name__} must return one number, a tensor of no dimensions",
            given,
            "Write .mean() at the end, say.",
        )
    return value


def update(
    declared: Update,
    grads: torch.Tensor,
    state: State,
    vector: torch.Tensor,
    factor: torch.Tensor | float,
    weights: torch.Tensor,
) -> tuple[torch.Tensor, State]:
    """Return parameters and optimizer state after an update: penalty, clipping, optimizer, in turn.

    Args:
        declared: the update.
        grads: gradient of the loss for its part, ``[p]``.
        state: the optimizer's.
        vector: the part's parameters, ``[p]``.
        factor: the schedule's.
        weights: 1 for weights, 0 for biases and normalisation, ``[p]``.
    """
    penalty, optimizer = declared.penalty, declared.optimizer
    mask = weights if penalty is not None and penalty.touches == "weights" else None
    if penalty is not None and penalty.loss(vector, mask) is not None:
        grads = grads + torch.func.grad(lambda params: penalty.loss(params, mask))(vector)
    if declared.clip is not None:
        grads = declared.clip(grads)
    if penalty is None:
        return optimizer.update(grads, state, vector, factor, weights)
    rate = optimizer.lr * factor
    vector = penalty.before(vector, rate, mask)
    vector, state = optimizer.update(grads, state, vector, factor, weights)
    return penalty.after(vector, rate, mask), state


def initial_states(training: Training, network: Network) -> States:
    """Return what the optimizers of a Training's updates keep before the first step."""
    return tuple(
        each.optimizer.init(network.spans(each.names).of(network.vector))
        for each in training.every_update
    )


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
    arguments: Sequence[torch.Tensor], frame: Frame, mean: torch.Tensor, std: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Return inputs, standardised by a frame, as another mean and deviation standardise them.

    Args:
        arguments: what a network is called with: inputs, and their mask where there is one.
        frame: what they are standardised by.
        mean: the other.
        std: the other.
    """
    inputs, *mask = arguments
    mean, std = (mean - frame.mean) / frame.std, std / frame.std
    inputs = frame.laid_out(standardize(inputs, mean, std, frame.dimensions))
    return (inputs, *mask) if not mask else (_cleared(inputs, mask[0]), *mask)
