"""One trial, made ready to train: its data, its network, and what follows from its seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from harness.augment.fitting import check_fits
from harness.data.splits import Part, mean_and_std
from harness.engines.evaluate import logits_of, said_of
from harness.engines.network import (
    DTYPES,
    Network,
    Snapshot,
    Spans,
    build,
    check_network,
    spans_of,
)
from harness.engines.step import Frame, Rows, batch_of, dropout_keys, restandardize
from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.randomness.counting import Draws, Key, mix, signed, trial_key
from harness.randomness.streams import torch_seed
from harness.tasks.losses import Batch, teacher_of
from harness.training import Training

if TYPE_CHECKING:
    from harness.data import Splits
    from harness.data.facts import Known


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

    @cached_property
    def spans(self) -> tuple[Spans, ...]:
        """Where the parameters of each update lie."""
        return spans_of(self.training, self.network)

    def order(self, epoch: int) -> torch.Tensor:
        """Return which training examples each step of an epoch takes, int64 ``[steps, examples]``.

        The few examples left over when the batches are full differ from epoch to epoch.
        """
        count, size = len(self.splits.train), self.training.step_size
        generator = torch.Generator().manual_seed(torch_seed(self.seed, "order", epoch))
        order = torch.randperm(count, generator=generator).to(self.device)
        return order[: self.steps * size].view(self.steps, size)

    def unlabelled_order(self, epoch: int) -> torch.Tensor | None:
        """Return which unlabelled inputs each step of an epoch takes, int64 ``[steps, examples]``.

        As many as it takes examples: where there are fewer, each comes round again only when all
        have. ``None`` where the data has none.
        """
        if self.splits.unlabelled is None:
            return None
        count, size = len(self.splits.unlabelled), self.training.step_size
        generator = torch.Generator().manual_seed(torch_seed(self.seed, "unlabelled", epoch))
        rounds = [
            torch.randperm(count, generator=generator)
            for _ in range(math.ceil(self.steps * size / count))
        ]
        order = torch.cat(rounds).to(self.device)
        return order[: self.steps * size].view(self.steps, size)

    def picked(self, rows: torch.Tensor, more: torch.Tensor | None = None) -> Rows:
        """Return training examples, as the data set has them, with what a teacher said of them.

        Args:
            rows: which, int64 ``[examples]``.
            more: which unlabelled inputs, int64 ``[examples]``.
        """
        part, taught, unlabelled = self.splits.train, None, None
        if self.teacher is not None and self.teacher.logits is not None:
            taught = self.teacher.logits[rows]
        if more is not None and self.splits.unlabelled is not None:
            unlabelled, _ = self.splits.unlabelled.pick(more)
        return Rows(*part.pick(rows), taught, part.lengths_at(rows), unlabelled)

    def set_dropout(self, step: Key) -> None:
        """Give each dropout layer the key of a step."""
        layers = self.network.dropouts
        if not layers:
            return
        keys = dropout_keys(self.dropout_key, step, len(layers))
        for layer, key in zip(layers, keys, strict=True):
            assert isinstance(key, int)
            layer.key.fill_(signed(key))

    def ask(self, *arguments: torch.Tensor) -> torch.Tensor | None:
        """Return the teacher's logits for inputs that are standardised as the student's are.

        Args:
            arguments: what a network is called with: inputs, and their mask where there is one.
        """
        teacher = self.teacher
        if teacher is None:
            return None
        if not teacher.same_frame:
            theirs = teacher.frame
            arguments = restandardize(arguments, self.frame, theirs.mean, theirs.std)
        with torch.no_grad():
            logits: torch.Tensor = teacher.network.module(*arguments)
        return logits

    def first_batch(self) -> Batch:
        """Return the first batch of the first step, as the loss sees it.

        Dropout layers are given that step's keys.
        """
        size, more = self.training.batch_size, self.unlabelled_order(0)
        rows = self.picked(self.order(0)[0][:size], None if more is None else more[0][:size])
        self.set_dropout(0)
        return self.batch(rows)

    def batch(self, rows: Rows, *, augmented: bool = True) -> Batch:
        """Return examples as the loss sees them at the first step.

        Args:
            rows: the examples.
            augmented: whether they are augmented.
        """
        training = self.training if augmented else replace(self.training, augment=())
        batch = batch_of(training, self.frame, rows, lambda: self.draws(0), self.ask)
        return replace(batch, draw=lambda: self.loss_draws(0))

    @cached_property
    def scoring_key(self) -> int:
        """The key of all that scores draw."""
        return trial_key(self.seed, "scores")

    def outputs(self, name: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield what the task compares of ``"train"``, ``"validation"`` or ``"test"``, in batches.

        For classes that is logits and targets.
        """
        part: Part = getattr(self.splits, name)
        return said_of(self.training.task, self.network, self.frame, part, self.scoring_key)

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
    if training.step_size > count:
        many = training.batches
        of_step = f", {many} times a step," if many > 1 else ""
        raise HarnessError(
            f"batch_size{of_step} must be at most the {count} training examples",
            str(training.batch_size),
            f"Write batch_size={max(count // many, 1)}, say.",
        )
    return count // training.step_size


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
    check_fits(training.augment, known)
    check_network(training, known, seed)
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
    check_fits(training.augment, splits)
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
