"""One trial among many that train together: its tensors, in the network of the first."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.func import functional_call, grad_and_value

from harness.engines.called import Called
from harness.engines.network import Network
from harness.engines.prepared import Member
from harness.engines.programs import Path, bind
from harness.engines.spans import Spans
from harness.engines.stacked import Tensors
from harness.engines.step import Frame, States, dropout_keys, loss_of
from harness.randomness.counting import Draws, Key, mix
from harness.tasks.losses import Batch
from harness.training import Precision, Training


@dataclass(frozen=True, eq=False)
class Slot:
    """One trial of a stack: its tensors, in the network and the Training of the first.

    Attributes:
        first: the first trial of the stack, whose network stands for all.
        training: with this trial's floats.
        frame: with this trial's mean and deviation.
        tensors: this trial's, by name.
    """

    first: Member
    training: Training
    frame: Frame
    tensors: Tensors

    @staticmethod
    def of(first: Member, where: Sequence[Path], tensors: Tensors) -> Slot:
        """Return one with a trial's tensors; ``where`` is where its floats lie."""
        training = bind(first.training, where, list(tensors["values"].unbind()))
        frame = frame_of_slot(first, tensors)
        return Slot(first, training, frame, tensors)

    @property
    def vector(self) -> torch.Tensor:
        """Its parameters, ``[P]``."""
        vector: torch.Tensor = self.tensors["vector"]
        return vector

    @property
    def weights(self) -> torch.Tensor:
        """1 for weights, 0 for biases and normalisation, ``[P]``."""
        return self.first.network.weights

    @property
    def spans(self) -> tuple[Spans, ...]:
        """Where the parameters of each update lie."""
        return self.first.spans

    @property
    def states(self) -> States:
        """What the optimizers of its updates keep."""
        states: States = self.tensors["states"]
        return states

    def draws(self, number: Key) -> Draws:
        """Return the random numbers for augmentation at a step."""
        return self._drawn("augmentation", number)

    def loss_draws(self, turn: Key) -> Draws:
        """Return the random numbers for the loss at a turn."""
        return self._drawn("loss", turn)

    def at(self, vector: torch.Tensor) -> Slot:
        """Return the trial with other parameters, ``[P]``."""
        return replace(self, tensors={**self.tensors, "vector": vector})

    def _drawn(self, purpose: str, number: Key) -> Draws:
        key = mix(self.tensors[purpose], number)
        return Draws(key, self.first.device, self.frame.mean.dtype)

    def ask(
        self, arguments: Sequence[torch.Tensor], known: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        """Return what the networks say that its loss asks, by name."""
        theirs, frame = self.tensors["asked"], self.frame
        return {
            name: known[name] if name in known else each.says_with(theirs[name], arguments, frame)
            for name, each in self.first.asked.items()
        }

    def gradients(
        self, position: int, turn: Key, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradient of an update's loss for its part, ``[p]``, and the loss."""
        network, training = self.first.network, self.training
        spans = self.spans[position]
        held = {**self.tensors["held"]}
        layers = len(network.dropouts)
        keys = dropout_keys(self.tensors["dropout"], turn, layers) if layers else []
        for (name, _), key in zip(_dropout_names(network.module), keys, strict=True):
            held[f"{name}.key"] = key
        params = params_of(network, self.vector)
        moved = {network.names[at]: params.pop(network.names[at]) for at in spans.params}

        def objective(moved: dict[str, torch.Tensor]) -> torch.Tensor:
            net = called_with(training.precision, network, {**params, **moved, **held})
            return loss_of(training.every_update[position].loss, net, batch)

        grads, loss = grad_and_value(objective)(moved)
        return torch.cat([grads[name].reshape(-1) for name in moved]), loss


def called_with(
    precision: Precision, network: Network, tensors: Mapping[str, torch.Tensor]
) -> Called:
    """Return a network with one trial's tensors in the place of its own, as a loss calls it."""

    def find(name: str) -> Callable[..., torch.Tensor]:
        part, names = network.part(name)
        own = {n: tensors[known] for n, known in names.items() if known in tensors}
        return functools.partial(call, part, own)

    whole = functools.partial(call, network.module, tensors)
    return Called(precision, network.vector.device, whole, find)


def call(
    module: nn.Module, tensors: Mapping[str, torch.Tensor], *inputs: torch.Tensor
) -> torch.Tensor:
    """Call a module with other tensors in the place of its own."""
    outputs: torch.Tensor = functional_call(module, dict(tensors), inputs)
    return outputs


def params_of(network: Network, vector: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return views of a vector of all parameters, by name, in the shapes that a network has."""
    shapes = [each.shape for each in network.params]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    named = zip(network.names, parts, shapes, strict=True)
    return {name: part.view(shape) for name, part, shape in named}


def frame_of_slot(first: Member, tensors: Tensors) -> Frame:
    """Return what one trial's inputs and targets are standardised by."""
    names = ("mean", "std", "target_mean", "target_std")
    return replace(first.frame, **{name: tensors[name] for name in names if name in tensors})


def _dropout_names(module: nn.Module) -> list[tuple[str, nn.Module]]:
    from harness.models.dropout import Dropout

    return [(name, each) for name, each in module.named_modules() if isinstance(each, Dropout)]
