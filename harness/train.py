"""The plain loop: one trial at a time. This is what a trial means."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness.errors import HarnessError
from harness.streams import torch_seed
from harness.training import Training

if TYPE_CHECKING:
    from harness.data import Part, Splits

EVALUATION_BATCH = 500
"""Images per forward pass in evaluation: fixed, because sums in another order round otherwise."""


class DivergedError(RuntimeError):
    """The loss stopped being a finite number: an outcome of the trial, not a fault of the code."""


@dataclass(frozen=True)
class Outcome:
    """What one training gave.

    Attributes:
        metrics: final values by metric name (see :mod:`harness.metrics`).
        curves: a value per epoch: ``train_loss`` is the mean over the epoch's batches while
            they are trained on; ``validation_loss`` and ``validation_accuracy`` follow the epoch.
        seconds: wall time of everything but loading the data.
        steps: training steps taken.
        samples: training samples seen.
    """

    metrics: dict[str, float]
    curves: dict[str, list[float]]
    seconds: float
    steps: int
    samples: int


class Network:
    """A module whose parameters are views of one vector, which the optimizer updates at once."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.module = module.to(device)
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        if not named:
            raise HarnessError(
                "a network must have parameters to train",
                f"{type(module).__name__} without any",
                "Add a layer with weights.",
            )
        self.names = [name for name, _ in named]
        self.params = [p for _, p in named]
        self.vector = torch.cat([p.detach().reshape(-1) for p in self.params])
        parts = torch.split(self.vector, [p.numel() for p in self.params])
        for param, part in zip(self.params, parts, strict=True):
            param.data = part.view_as(param)

    def gradients(self, loss: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the loss's gradient for each parameter, zero where it does not depend on one."""
        return torch.autograd.grad(loss, self.params, materialize_grads=True)

    def first_block(self) -> list[int]:
        """Return the positions of the first block's parameters.

        The block is the submodule that the module names in its attribute ``first_block``, or the
        first with parameters.
        """
        prefix = getattr(self.module, "first_block", self.names[0].rpartition(".")[0])
        return [
            index
            for index, name in enumerate(self.names)
            if not prefix or name.startswith(f"{prefix}.")
        ]


def set_up(device: torch.device) -> None:
    """Make torch give the same bits every time on this machine, as far as the device allows."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


@contextmanager
def global_generators(seed: int, device: torch.device) -> Iterator[None]:
    """Set the global generators of torch, numpy and Python, and put them back afterwards."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - what a user's module may draw from
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


def initialise(training: Training, splits: Splits, seed: int, device: torch.device) -> Network:
    """Build the network with the initial weights of this seed.

    Raises:
        HarnessError: its output is not one logit per class.
    """
    with global_generators(torch_seed(seed, "weights"), device):
        module = training.model.build(splits.shape, splits.classes)
    network = Network(module, device)
    module.eval()
    with torch.no_grad():
        shape = tuple(module(splits.standardize(splits.train.inputs[:2])).shape)
    if shape != (2, splits.classes):
        raise HarnessError(
            f"a network must give one logit for each of the {splits.classes} classes, "
            f"(2, {splits.classes}) for two inputs",
            f"an output of shape {shape}",
            "Use the `classes` that build is given as the width of its last layer.",
        )
    return network


def steps_per_epoch(training: Training, splits: Splits) -> int:
    """Return the number of whole batches in an epoch.

    Raises:
        HarnessError: there is not even one.
    """
    count = len(splits.train.targets)
    if training.batch_size > count:
        raise HarnessError(
            f"batch_size must be at most the {count} training examples",
            str(training.batch_size),
            f"Write batch_size={count}, say.",
        )
    return count // training.batch_size


def batches(training: Training, splits: Splits, seed: int, epoch: int) -> Iterator[torch.Tensor]:
    """Yield the indices of each batch of one epoch, in the order of this seed."""
    count = len(splits.train.targets)
    generator = torch.Generator().manual_seed(torch_seed(seed, "order", epoch))
    order = torch.randperm(count, generator=generator).to(splits.train.targets.device)
    for step in range(steps_per_epoch(training, splits)):
        yield order[step * training.batch_size : (step + 1) * training.batch_size]


def make_step(
    training: Training, network: Network
) -> Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, tuple[torch.Tensor, ...]]]:
    """Return the training step: ``(inputs, targets, factor) -> (loss, gradients)``.

    It updates the network and the optimizer's state in place; ``factor`` is the schedule's.
    """
    state = training.optimizer.init(network.vector)

    def step(
        inputs: torch.Tensor, targets: torch.Tensor, factor: float
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        nonlocal state
        loss = training.loss(network.module(inputs), targets)
        grads = network.gradients(loss)
        with torch.no_grad():
            flat = torch.cat([grad.reshape(-1) for grad in grads])
            updated, state = training.optimizer.update(flat, state, network.vector, factor)
            network.vector.copy_(updated)
        return loss.detach(), grads

    return step


def train(training: Training, seed: int, device: torch.device, *, test: bool = True) -> Outcome:
    """Train once and measure the result.

    Args:
        training: what to train.
        seed: what everything random in it is drawn from.
        device: where to train.
        test: whether to measure training and test metrics at the end; a trial that only helps to
            choose a setting looks at the validation split alone.

    Raises:
        DivergedError: the loss stopped being finite.
        HarnessError: the Training cannot be trained.
    """
    splits = training.data.splits(seed).to(device)
    started = time.perf_counter()
    set_up(device)
    steps = steps_per_epoch(training, splits)
    network = initialise(training, splits, seed, device)
    factors = training.schedule.factors(steps * training.epochs).tolist()
    step = make_step(training, network)
    metrics: dict[str, float] = {}
    curves: dict[str, list[float]] = {
        "train_loss": [], "validation_loss": [], "validation_accuracy": [],
    }  # fmt: skip
    # for modules that draw from a global generator while they train
    with global_generators(torch_seed(seed, "noise"), device):
        for epoch in range(training.epochs):
            network.module.train()
            total = torch.zeros((), device=device)
            for index, batch in enumerate(batches(training, splits, seed, epoch)):
                inputs = splits.standardize(splits.train.inputs[batch])
                targets = splits.train.targets[batch]
                loss, grads = step(inputs, targets, factors[epoch * steps + index])
                total += loss
                if epoch == index == 0:
                    block = torch.cat([grads[i].reshape(-1) for i in network.first_block()])
                    metrics["gradient_norm_first_block"] = float(block.norm())
                del grads  # or two steps' gradients would be held at once
            curves["train_loss"].append(float(total) / steps)
            _check_finite(curves["train_loss"][-1], f"training loss in epoch {epoch + 1}")
            loss_now, accuracy = evaluate(network, splits, splits.validation)
            _check_finite(loss_now, f"validation loss after epoch {epoch + 1}")
            curves["validation_loss"].append(loss_now)
            curves["validation_accuracy"].append(accuracy)
    metrics["validation_loss"] = curves["validation_loss"][-1]
    metrics["validation_accuracy"] = curves["validation_accuracy"][-1]
    for name in ("train", "test") if test else ():
        loss_now, accuracy = evaluate(network, splits, getattr(splits, name))
        _check_finite(loss_now, f"{name} loss at the end")
        metrics[f"{name}_loss"], metrics[f"{name}_accuracy"] = loss_now, accuracy
    _check_finite(metrics["gradient_norm_first_block"], "gradient at the start")
    count = steps * training.epochs
    seconds = time.perf_counter() - started
    return Outcome(metrics, curves, seconds, count, count * training.batch_size)


def evaluate(network: Network, splits: Splits, part: Part) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy in [0, 1], in evaluation mode."""
    network.module.eval()
    loss = torch.zeros((), dtype=torch.float64)
    right = 0
    with torch.no_grad():
        for start in range(0, len(part.targets), EVALUATION_BATCH):
            targets = part.targets[start : start + EVALUATION_BATCH]
            inputs = part.inputs[start : start + EVALUATION_BATCH]
            logits = network.module(splits.standardize(inputs))
            loss += F.cross_entropy(logits, targets, reduction="sum").cpu().double()
            right += int((logits.argmax(dim=1) == targets).sum())
    return float(loss) / len(part.targets), right / len(part.targets)


def _check_finite(value: float, what: str) -> None:
    if not math.isfinite(value):
        raise DivergedError(f"diverged: {what} is {value}")
