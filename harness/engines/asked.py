"""Trained networks that a loss is given the outputs of: those of the Trainings that it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch.func import functional_call

from harness.engines.evaluate import batches
from harness.engines.network import DTYPES, Learnt, Network, build
from harness.engines.step import Frame, restandardize
from harness.identity.canonical import canonical
from harness.identity.needed import held_in
from harness.messages.errors import HarnessError
from harness.training import Training

if TYPE_CHECKING:
    from harness.data import Part, Splits
    from harness.data.facts import Known


@dataclass(frozen=True, eq=False)
class Asked:
    """A trained network that says something of another one's inputs.

    Attributes:
        network: the network, in evaluation mode.
        frame: what its inputs are standardised by.
        same_frame: whether that is what the asking trial's are standardised by.
        outputs: of every training example of that trial, ``[n, ...]``; ``None`` where examples are
            augmented, so that the network itself is asked at every step.
    """

    network: Network
    frame: Frame
    same_frame: bool
    outputs: torch.Tensor | None

    def tensors(self) -> dict[str, Any]:
        """Return what it has of its own, for :meth:`says_with`."""
        network = self.network
        params = zip(network.names, network.params, strict=True)
        held = network.held()
        return {
            "values": {n: each.detach() for n, each in (*params, *held.items())},
            "mean": self.frame.mean,
            "std": self.frame.std,
        }

    def says(self, arguments: Sequence[torch.Tensor], frame: Frame) -> torch.Tensor:
        """Return its outputs for inputs that are standardised by another trial's frame.

        Args:
            arguments: what a network is called with: inputs, and their mask where there is one.
            frame: the other trial's.
        """
        if not self.same_frame:
            arguments = restandardize(arguments, frame, self.frame.mean, self.frame.std)
        with torch.no_grad():
            outputs: torch.Tensor = self.network.module(*arguments)
        return outputs

    def says_with(
        self, tensors: Mapping[str, Any], arguments: Sequence[torch.Tensor], frame: Frame
    ) -> torch.Tensor:
        """Do as :meth:`says` with the tensors of another one like it."""
        if not self.same_frame:
            arguments = restandardize(arguments, frame, tensors["mean"], tensors["std"])
        given, module = tuple(arguments), self.network.module
        outputs: torch.Tensor = functional_call(module, tensors["values"], given)
        return outputs.detach()


def asked_of(
    training: Training, seed: int, splits: Splits, frame: Frame, given: Mapping[str, Learnt]
) -> dict[str, Asked]:
    """Put together again the networks that a loss asks; they look at the training examples.

    Args:
        training: whose loss it is.
        seed: the trial's.
        splits: the trial's data, on its device.
        frame: what its inputs are standardised by.
        given: what the networks have learnt, by name; one that is missing is left out.

    Raises:
        HarnessError: a network does not know such inputs, or such targets.
    """
    return {
        name: _asked(training, name, need, seed, splits, frame, given[name])
        for name, need in training.asked().items()
        if name in given
    }


def _asked(
    training: Training,
    name: str,
    need: Training,
    seed: int,
    splits: Splits,
    frame: Frame,
    learnt: Learnt,
) -> Asked:
    device = frame.mean.device
    same = canonical(need.data) == canonical(training.data)
    theirs = splits if same else need.data.splits(seed).to(device)
    check_asked(training, name, theirs, splits)
    need = replace(need, precision=training.precision)
    network = build(need, theirs, seed, device)
    network.take(learnt)
    network.module.eval()
    own = Frame.of(need, theirs, device)
    outputs = None
    if not training.augment:
        outputs = _outputs(network, own, splits.train).to(DTYPES[training.precision])
    return Asked(network, own, same, outputs)


def _outputs(network: Network, frame: Frame, part: Part) -> torch.Tensor:
    with torch.no_grad():
        said = [network.module(*batch.arguments) for _, batch in batches(network, frame, part)]
    return torch.cat(said)


def check_asked(training: Training, name: str, theirs: Known, own: Known) -> None:
    """Check that a network whose outputs a loss is given can be asked of its inputs.

    Args:
        training: whose loss it is.
        name: the network's, among what the Training needs.
        theirs: its data.
        own: the Training's.

    Raises:
        HarnessError: its inputs have another shape; or the loss wants it to know the same targets,
            and it does not.
    """
    losses = [each.loss for each in training.every_update]
    asking = [each for each in losses if name in dict(held_in(each, Training))]
    loss = type(asking[0]).__name__
    if theirs.tokens < own.tokens or theirs.padded != own.padded:
        raise HarnessError(
            f"the {name} of {loss} must know such inputs: {own.tokens} token ids, "
            f"{'with' if own.padded else 'without'} a mask",
            f"a Training on {theirs.tokens} of them, {'with' if theirs.padded else 'without'} one",
            "Train it on data of the same kind.",
        )
    if theirs.shape != own.shape:
        raise HarnessError(
            f"the {name} of {loss} must know inputs of the same shape, {own.shape}",
            f"a Training on inputs of shape {theirs.shape}",
            "Train it on data of the same kind.",
        )
    if (
        any(getattr(each, "same_targets", False) for each in asking)
        and theirs.targets != own.targets
    ):
        raise HarnessError(
            f"the {name} of {loss} must know the same targets, {own.targets}",
            f"a Training on {theirs.targets}",
            "Train it on data of the same kind.",
        )
