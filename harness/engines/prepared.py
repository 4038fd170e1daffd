"""One trial, made ready to train: its data, its network, and what follows from its seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import torch

from harness.data.sizes import Targets
from harness.data.splits import Part, mean_and_std
from harness.engines.evaluate import logits_of
from harness.engines.network import DTYPES, Network, Snapshot, build, check_network
from harness.engines.step import Frame, batch_of, dropout_keys, prepare, restandardize
from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.randomness.counting import Draws, Key, mix, signed, trial_key
from harness.randomness.streams import torch_seed
from harness.tasks.losses import Batch, teacher_of
from harness.training import Training

if TYPE_CHECKING:
    from harness.data import Splits


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained network that another learns from.

    Attributes:
        network: the network, in evaluation mode.
        frame: what its inputs are standardised by.
        same_frame: whether that is what the student's are standardised by.
        logits: of every training example of the student, ``[n, classes]``; ``None`` where
            examples are augmented, so that the network itself is asked at every step.
    """

    network: Network
    frame: Frame
    same_frame: bool
    logits: torch.Tensor | None


@dataclass(frozen=True, eq=False)
class Member:
    """One trial, made ready to train on a device.

    Attributes:
        training: what is trained.
        seed: what everything random in it is drawn from.
        splits: its data, on the device.
        network: with its initial weights, on the device.
        frame: what its inputs are standardised by, on the device.
        factors: the schedule's factor for every step, float64 ``[steps]``.
        steps: steps in an epoch.
        teacher: whom it learns from.
        device: where it is trained.
    """

    training: Training
    seed: int
    splits: Splits
    network: Network
    frame: Frame
    factors: torch.Tensor
    steps: int
    teacher: Teacher | None
    device: torch.device

    def laid_out(self, *, channels_last: bool) -> Member:
        """Return the same trial with its images' channels last in memory, or first.

        Inputs that are no images stay as they are.
        """
        last = channels_last and self.frame.dimensions == 3
        return replace(self, frame=replace(self.frame, channels_last=last))

    @cached_property
    def augmentation_key(self) -> int:
        """The key of all that augmentation draws."""
        return trial_key(self.seed, "augmentation")

    @cached_property
    def dropout_key(self) -> int:
        """The key of all dropout masks."""
        return trial_key(self.seed, "dropout")

    def draws(self, step: Key) -> Draws:
        """Return the random numbers for augmentation at one step."""
        return Draws(mix(self.augmentation_key, step), self.device, self.frame.mean.dtype)

    @cached_property
    def loss_key(self) -> int:
        """The key of all that a loss draws."""
        return trial_key(self.seed, "loss")

    def loss_draws(self, step: Key) -> Draws:
        """Return the random numbers for the loss at one step."""
        return Draws(mix(self.loss_key, step), self.device, self.frame.mean.dtype)

    def order(self, epoch: int) -> torch.Tensor:
        """Return which training examples each batch of an epoch has, int64 ``[steps, batch]``.

        The few examples left over when the batches are full differ from epoch to epoch.
        """
        count, size = len(self.splits.train), self.training.batch_size
        generator = torch.Generator().manual_seed(torch_seed(self.seed, "order", epoch))
        order = torch.randperm(count, generator=generator).to(self.device)
        return order[: self.steps * size].view(self.steps, size)

    def set_dropout(self, step: Key) -> None:
        """Give each dropout layer the key of a step."""
        layers = self.network.dropouts
        if not layers:
            return
        keys = dropout_keys(self.dropout_key, step, len(layers))
        for layer, key in zip(layers, keys, strict=True):
            assert isinstance(key, int)
            layer.key.fill_(signed(key))

    def ask(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the teacher's logits for inputs that are standardised as the student's are."""
        teacher = self.teacher
        assert teacher is not None
        if not teacher.same_frame:
            inputs = restandardize(inputs, self.frame, teacher.frame.mean, teacher.frame.std)
        with torch.no_grad():
            logits: torch.Tensor = teacher.network.module(inputs)
        return logits

    def first_batch(self) -> Batch:
        """Return the first step's batch, as the loss sees it.

        Dropout layers are given that step's keys.
        """
        rows = self.order(0)[0]
        inputs, targets = self.splits.train.pick(rows)
        inputs, targets = prepare(self.training, self.frame, inputs, targets, lambda: self.draws(0))
        self.set_dropout(0)
        return self.batch(inputs, targets, 0, rows)

    def batch(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        step: Key,
        rows: torch.Tensor | None = None,
    ) -> Batch:
        """Return a batch that ``prepare`` gave, with what a teacher says of it.

        Args:
            inputs: ``[batch, *shape]``.
            targets: ``[batch]``, or ``[batch, classes]`` where images are mixed.
            step: which step's random numbers the loss has.
            rows: which training examples they are, int64 ``[batch]``, so that a teacher who has
                seen them all is not asked again.
        """
        taught = None
        if self.teacher is not None:
            known = None if rows is None else self.teacher.logits
            taught = self.ask(inputs) if known is None else known[rows]
        return batch_of(inputs, targets, taught, lambda: self.loss_draws(step))

    def outputs(self, name: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield logits and targets of ``"train"``, ``"validation"`` or ``"test"``, in batches."""
        return logits_of(self.network, self.frame, getattr(self.splits, name))

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits ``[n, classes]`` in evaluation mode.

        Args:
            inputs: ``[n, *shape]``, as the data set has them: not standardised.
        """
        nothing = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
        part = Part(inputs, nothing)
        return torch.cat([each for each, _ in logits_of(self.network, self.frame, part)])

    def draws_for(self, measure: str) -> Draws:
        """Return random numbers for a measure, independent of all other purposes."""
        return Draws(trial_key(self.seed, f"measure {measure}"), self.device)


def steps_per_epoch(training: Training, splits: Splits) -> int:
    """Return the number of whole batches in an epoch.

    Raises:
        HarnessError: there is not even one.
    """
    return _steps(training, len(splits.train))


def _steps(training: Training, count: int) -> int:
    if training.batch_size > count:
        raise HarnessError(
            f"batch_size must be at most the {count} training examples",
            str(training.batch_size),
            f"Write batch_size={count}, say.",
        )
    return count // training.batch_size


def check_ready(training: Training, seed: int) -> None:
    """Check that a Training can be begun, and its teacher, and that one's own teacher.

    Raises:
        HarnessError: it cannot.
    """
    splits = training.data.splits(seed)
    ready_with(training, seed, splits, torch.device("cpu"))
    teacher = teacher_of(training)
    if teacher is not None:
        check_teacher(teacher.data.splits(seed), splits)
        check_ready(teacher, seed)


def check_declared(training: Training, known: Known, examples: int, seed: int) -> None:
    """Check of a Training what can be checked without its data: not of its teacher.

    Args:
        training: what is to be trained.
        known: what is known of its data.
        examples: in the training split.
        seed: what initial weights are drawn from.

    Raises:
        HarnessError: it cannot be begun.
    """
    steps = _steps(training, examples)
    _check_augmentation(training, known)
    check_network(training, known.shape, known.targets, seed, known.tokens)
    training.schedule.factors(steps * training.epochs)


def untrained_teacher(training: Training, seed: int) -> Snapshot | None:
    """Return a teacher as it begins, where there is one: it costs what a trained one does."""
    teacher = teacher_of(training)
    if teacher is None:
        return None
    return Snapshot.of(build(teacher, teacher.data.splits(seed), seed, torch.device("cpu")))


def make_ready(
    training: Training, seed: int, device: torch.device, taught_by: Snapshot | None = None
) -> Member:
    """Load a trial's data and build its network.

    Args:
        training: what is trained.
        seed: what everything random in it is drawn from.
        device: where.
        taught_by: its teacher, trained.

    Raises:
        HarnessError: the Training cannot be trained.
    """
    splits = training.data.splits(seed)
    return ready_with(training, seed, splits, device, taught_by)


def ready_with(
    training: Training,
    seed: int,
    splits: Splits,
    device: torch.device,
    taught_by: Snapshot | None = None,
) -> Member:
    """Do as :func:`make_ready`, with data that is loaded already."""
    steps = steps_per_epoch(training, splits)
    _check_augmentation(training, splits)
    splits = splits.to(device)
    network = build(training, splits, seed, device)
    teacher = None
    if taught_by is not None:
        teacher = _teacher(training, seed, splits, device, taught_by)
    factors = torch.from_numpy(training.schedule.factors(steps * training.epochs)).double()
    frame = frame_of(training, splits, device)
    return Member(training, seed, splits, network, frame, factors, steps, teacher, device)


def frame_of(training: Training, splits: Splits, device: torch.device) -> Frame:
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


class Known(Protocol):
    """Splits, or what is known of them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""

    @property
    def targets(self) -> Targets:
        """What there is to be told of each input."""

    @property
    def tokens(self) -> int:
        """How many token ids there are; 0 where inputs are no token ids."""


def _check_augmentation(training: Training, known: Known) -> None:
    for each in training.augment:
        name = type(each).__name__
        if known.tokens:
            raise HarnessError(
                f"{name} must be given images or measured values",
                "token ids, between which there is nothing",
                "Leave augment= out.",
            )
        if getattr(each, "images_only", False) and len(known.shape) != 3:
            raise HarnessError(
                f"{name} must be given images of shape (channels, height, width)",
                f"inputs of shape {known.shape}",
                "Reshape the data, or leave that augmentation out.",
            )
        moves = getattr(each, "moves", False) or getattr(each, "mixes", False)
        if known.targets.shape and moves:
            raise HarnessError(
                f"{name} must be given inputs without a class at each place, which it would move",
                str(known.targets),
                "Leave it out, or take one that changes values alone, such as Brightness.",
            )


def check_teacher(theirs: Known, own: Known) -> None:
    """Check that a teacher's data is of the same kind as the student's.

    Raises:
        HarnessError: it is not.
    """
    if (theirs.shape, theirs.targets) != (own.shape, own.targets):
        raise HarnessError(
            f"a teacher must know the student's inputs and targets, {own.shape} and {own.targets}",
            f"a teacher of {theirs.shape} and {theirs.targets}",
            "Train the teacher on data of the same kind.",
        )


def _teacher(
    training: Training, seed: int, splits: Splits, device: torch.device, taught_by: Snapshot
) -> Teacher:
    """Put a teacher together again, and let it look at the training examples where it can."""
    declared = teacher_of(training)
    assert declared is not None
    same = canonical(declared.data) == canonical(training.data)
    theirs = splits if same else declared.data.splits(seed).to(device)
    check_teacher(theirs, splits)
    declared = replace(declared, precision=training.precision)
    network = build(declared, theirs, seed, device)
    network.load(taught_by.vector.to(device), {n: t.to(device) for n, t in taught_by.held.items()})
    network.module.eval()
    frame = frame_of(declared, theirs, device)
    logits = None
    if not training.augment:
        logits = torch.cat([each for each, _ in logits_of(network, frame, splits.train)])
        logits = logits.to(DTYPES[training.precision])
    return Teacher(network, frame, same, logits)
