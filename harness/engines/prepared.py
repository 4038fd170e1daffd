"""One trial, made ready to train: its data, its network, and what follows from its seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from harness.augment.fitting import check_fits
from harness.data.splits import Part
from harness.engines.asked import Asked, asked_of, check_asked
from harness.engines.evaluate import logits_of, said_of, scoring_key
from harness.engines.network import Learnt, Network, build, check_network, spans_of
from harness.engines.spans import Spans
from harness.engines.step import Frame, Rows, batch_of, dropout_keys
from harness.messages.errors import HarnessError
from harness.randomness.counting import Draws, Key, mix, signed, trial_key
from harness.randomness.streams import torch_seed
from harness.tasks.losses import Batch
from harness.training import Training

if TYPE_CHECKING:
    from harness.data import Splits
    from harness.data.facts import Known

EMPTY: Mapping[str, Learnt] = MappingProxyType({})


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
        asked: the networks that its loss is given the outputs of, by name.
        device: where it is trained.
    """

    training: Training
    seed: int
    splits: Splits
    network: Network
    frame: Frame
    factors: torch.Tensor
    steps: int
    asked: Mapping[str, Asked]
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
        """Return training examples, as the data set has them, with what networks said of them.

        Args:
            rows: which, int64 ``[examples]``.
            more: which unlabelled inputs, int64 ``[examples]``.
        """
        part, unlabelled = self.splits.train, None
        if more is not None and self.splits.unlabelled is not None:
            unlabelled, _ = self.splits.unlabelled.pick(more)
        return Rows(*part.pick(rows), self.known(rows), part.lengths_at(rows), unlabelled)

    def set_dropout(self, step: Key) -> None:
        """Give each dropout layer the key of a step."""
        layers = self.network.dropouts
        if not layers:
            return
        keys = dropout_keys(self.dropout_key, step, len(layers))
        for layer, key in zip(layers, keys, strict=True):
            assert isinstance(key, int)
            layer.key.fill_(signed(key))

    def known(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what the networks that its loss asks say of training examples, where it is known.

        Args:
            rows: which examples, int64 ``[batch]``.
        """
        return {n: each.outputs[rows] for n, each in self.asked.items() if each.outputs is not None}

    def ask(
        self, arguments: Sequence[torch.Tensor], known: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return what these networks say of inputs that are standardised as its own.

        Args:
            arguments: what a network is called with: inputs, and their mask where there is one.
            known: what is known of them already, by name.
        """
        return {
            name: known[name] if name in known else each.says(arguments, self.frame)
            for name, each in self.asked.items()
        }

    def first_batch(self) -> Batch:
        """Return the first batch of the first step, as the loss of the first update sees it.

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

    def outputs(self, name: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield what the task compares of ``"train"``, ``"validation"`` or ``"test"``, in batches.

        For classes that is logits and targets.
        """
        part: Part = getattr(self.splits, name)
        key = scoring_key(self.seed, name)
        return said_of(self.training.task, self.network, self.frame, part, key)

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
    """Check that a Training can be begun, and what it needs, and what that needs in turn.

    Raises:
        HarnessError: it cannot.
    """
    splits = training.data.splits(seed)
    ready_with(training, seed, splits, torch.device("cpu"), untrained(training, seed, ask=False))
    for name, need in training.needs().items():
        if name in training.asked():
            check_asked(training, name, need.data.splits(seed), splits)
        check_ready(need, seed)


def check_declared(
    training: Training,
    known: Known,
    examples: int,
    seed: int,
    given: Mapping[str, Learnt] | None,
) -> Learnt:
    """Check of a Training what can be checked without its data: not of what it needs.

    Returns what its network has before its first step.

    Args:
        training: what is to be trained.
        known: what is known of its data.
        examples: in the training split.
        seed: what initial weights are drawn from.
        given: what the networks that it needs have learnt; ``None`` where nobody can tell.

    Raises:
        HarnessError: it cannot be begun.
    """
    steps = _steps(training, examples)
    check_fits(training.augment, known)
    begun = check_network(training, known, seed, given)
    training.schedule.factors(steps * training.epochs)
    return begun


def untrained(training: Training, seed: int, *, ask: bool = True) -> dict[str, Learnt]:
    """Return what a Training needs as it begins, by name: it costs what a trained one does.

    Args:
        training: what needs them.
        seed: its own.
        ask: whether those are among them that its loss asks.
    """
    needs = training.needs() if ask else training.started_from()
    return {
        name: _untrained(need, training.seed_of_need(name, seed)) for name, need in needs.items()
    }


def _untrained(training: Training, seed: int) -> Learnt:
    begun = untrained(training, seed, ask=False)
    splits = training.data.splits(seed)
    return build(training, splits, seed, torch.device("cpu"), begun).learnt()


def make_ready(
    training: Training, seed: int, device: torch.device, given: Mapping[str, Learnt] = EMPTY
) -> Member:
    """Load a trial's data and build its network.

    Args:
        training: what is trained.
        seed: what everything random in it is drawn from.
        device: where.
        given: what the networks that it needs have learnt, by name.

    Raises:
        HarnessError: the Training cannot be trained.
    """
    splits = training.data.splits(seed)
    return ready_with(training, seed, splits, device, given)


def ready_with(
    training: Training,
    seed: int,
    splits: Splits,
    device: torch.device,
    given: Mapping[str, Learnt] = EMPTY,
) -> Member:
    """Do as :func:`make_ready`, with data that is loaded already."""
    steps = steps_per_epoch(training, splits)
    check_fits(training.augment, splits)
    splits = splits.to(device)
    network = build(training, splits, seed, device, given)
    frame = Frame.of(training, splits, device)
    asked = asked_of(training, seed, splits, frame, given)
    factors = torch.from_numpy(training.schedule.factors(steps * training.epochs)).double()
    return Member(training, seed, splits, network, frame, factors, steps, asked, device)
