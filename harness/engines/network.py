"""A network as trials hold it: a module whose parameters are views of one vector."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from harness.engines.spans import Spans
from harness.engines.tried import shape_said
from harness.messages.errors import HarnessError, near
from harness.messages.foreign import check_torch
from harness.models.dropout import Dropout, number_dropouts, replace_dropout
from harness.randomness.streams import torch_seed
from harness.training import Training

if TYPE_CHECKING:
    from harness.data import Splits
    from harness.data.facts import Known

_NORMS = (
    nn.modules.batchnorm._NormBase,  # batch and instance normalisation in any dimension
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


Learnt = dict[str, torch.Tensor]
"""What a network has learnt: its parameters and buffers by name (:meth:`Network.learnt`)."""


class Network:
    """A module whose parameters are views of one vector, which the optimizer updates at once.

    Attributes:
        module: the module itself. Its dropout layers are those of :mod:`harness.models.dropout`,
            and its batch normalisation counts no batches, which nothing reads.
        names: names of the trainable parameters.
        params: the trainable parameters.
        vector: all of them, ``[P]``.
        weights: 1 for weights, 0 for biases and the parameters of normalisation, ``[P]``.
        dropouts: the dropout layers, in order.
    """

    def __init__(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        replace_dropout(module)
        _count_no_batches(module)
        # only where asked for: a module may hold some of its values in a type of its own
        self.module = module.to(device) if dtype == torch.float32 else module.to(device, dtype)
        self.dropouts = number_dropouts(module)
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
        weights = _weights(module)
        self._parts: dict[str, tuple[nn.Module, dict[str, str]]] = {}
        self._spans: dict[Sequence[str], Spans] = {}
        self.weights = torch.cat(
            [
                torch.full((p.numel(),), float(name in weights), device=device, dtype=dtype)
                for name, p in named
            ]
        )

    def part(self, name: str) -> tuple[nn.Module, dict[str, str]]:
        """Return a submodule, and what the network calls each of its tensors, by its own names.

        A tensor that two parts share has one name in the network.

        Raises:
            AttributeError: there is no such part.
        """
        if name not in self._parts:
            module = self.module.get_submodule(name)
            whole = {id(each): known for known, each in _tensors(self.module)}
            self._parts[name] = module, {own: whole[id(each)] for own, each in _tensors(module)}
        return self._parts[name]

    def spans(self, names: Sequence[str]) -> Spans:
        """Return where the trainable parameters of some parts lie; ``""`` is all of it.

        Raises:
            HarnessError: there is no such part, or it has no parameters to train.
        """
        if names not in self._spans:
            known = self._known(names)
            sizes = [each.numel() for each in self.params]
            stops = list(itertools.accumulate(sizes))
            runs: list[tuple[int, int]] = []
            chosen = tuple(at for at, name in enumerate(self.names) if name in known)
            for at in chosen:
                start, stop = stops[at] - sizes[at], stops[at]
                if runs and runs[-1][1] == start:
                    start = runs.pop()[0]
                runs.append((start, stop))
            self._spans[names] = Spans(stops[-1], tuple(runs), chosen)
        return self._spans[names]

    def _known(self, names: Sequence[str]) -> set[str]:
        """Return what the network calls the trainable parameters of some parts."""
        found: set[str] = set()
        for name in names:
            try:
                own = set(self.part(name)[1].values()) & set(self.names)
            except AttributeError:
                raise HarnessError(
                    "an update must move a part that the network has",
                    repr(name),
                    near(name, [each for each, _ in self.module.named_modules() if each]),
                ) from None
            if not own:
                raise HarnessError(
                    "an update must move a part with parameters to train",
                    f"{name!r}, which has none",
                    "Leave that update out.",
                )
            if found & own:
                raise HarnessError(
                    "the parts of one update must share no parameters",
                    f"{sorted(found & own)[0]} in {name!r} and in another",
                    "Name one of them.",
                )
            found |= own
        return found

    def gradients(self, loss: torch.Tensor, spans: Spans | None = None) -> tuple[torch.Tensor, ...]:
        """Return the loss's gradient for each parameter, zero where it does not depend on one.

        Args:
            loss: a scalar.
            spans: of which parts; of all by default.
        """
        params = self.params if spans is None else [self.params[at] for at in spans.params]
        return torch.autograd.grad(loss, params, materialize_grads=True)

    def held(self) -> dict[str, torch.Tensor]:
        """Return what is no trainable parameter, by name: buffers and frozen parameters."""
        frozen = {n: p.detach() for n, p in self.module.named_parameters() if not p.requires_grad}
        return {**frozen, **dict(self.module.named_buffers())}

    def learnt(self) -> Learnt:
        """Return copies of its parameters and buffers, by name, for a network like it.

        What a dropout layer keeps is a setting, and no part of it.
        """
        named = (*self.module.named_parameters(), *self.module.named_buffers())
        settings = {
            f"{name}.{own}" if name else own
            for name, each in self.module.named_modules()
            if isinstance(each, Dropout)
            for own, _ in each.named_buffers()
        }
        return {n: each.detach().clone() for n, each in named if n not in settings}

    def take(self, learnt: Learnt) -> None:
        """Take over what :meth:`learnt` returned of a network like this one."""
        mine = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        with torch.no_grad():
            for name, each in learnt.items():
                mine[name].copy_(each)

    def load(self, vector: torch.Tensor, held: dict[str, torch.Tensor]) -> None:
        """Take over parameters and what :meth:`held` returned of a network like this one."""
        self.vector.copy_(vector)
        with torch.no_grad():
            for name, mine in self.held().items():
                mine.copy_(held[name])

    def first_block(self) -> list[int]:
        """Return the positions of the first block's parameters that are trained.

        The block is the submodule that the module names in its attribute ``first_block``, or the
        first with parameters.
        """
        named = getattr(self.module, "first_block", None)
        first = self.names[0].rpartition(".")[0]
        within = [] if named is None else self._within(named)
        return within or self._within(first)  # the block that the module names may be frozen

    def _within(self, prefix: str) -> list[int]:
        return [
            index
            for index, name in enumerate(self.names)
            if not prefix or name.startswith(f"{prefix}.")
        ]


def _tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield parameters and buffers with all their names, of each the one that counts last."""
    for own in (module.named_parameters, module.named_buffers):
        once = dict(own())
        yield from ((n, t) for n, t in own(remove_duplicate=False) if n not in once)
        yield from once.items()


def _count_no_batches(module: nn.Module) -> None:
    """Take off the counters of batches, which change nothing where momentum is a number."""
    for each in module.modules():
        if isinstance(each, nn.modules.batchnorm._NormBase) and each.momentum is not None:
            each.num_batches_tracked = None


def _weights(module: nn.Module) -> set[str]:
    """Return the names of all parameters that are neither biases nor part of normalisation."""
    out = set()
    for prefix, part in module.named_modules():
        if isinstance(part, _NORMS):
            continue
        for name, param in part.named_parameters(prefix=prefix, recurse=False):
            if param.ndim > 1:
                out.add(name)
    return out


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


DTYPES = {"float32": torch.float32, "bfloat16": torch.float32, "float64": torch.float64}
"""The type of parameters by ``Training.precision``: autocast leaves them in float32."""


def build(
    training: Training,
    splits: Splits,
    seed: int,
    device: torch.device,
    given: Mapping[str, Learnt] | None = None,
) -> Network:
    """Build the network with the initial weights of this seed.

    Args:
        training: whose network it is.
        splits: its data.
        seed: what initial weights are drawn from.
        device: where.
        given: what the networks have learnt that it needs, of which those that its model holds say
            how it begins; ``None`` where its weights will be replaced.

    Raises:
        HarnessError: its output is not what the task asks for, or the data has other targets.
    """
    two = splits.train.at(torch.arange(2, device=splits.train.pool.inputs.device))
    inputs = splits.standardize(two.inputs)
    if splits.tokens:
        inputs = torch.full_like(inputs, splits.tokens - 1)
    return build_for(training, splits, inputs, seed, device, given)


def build_for(
    training: Training,
    known: Known,
    two: torch.Tensor,
    seed: int,
    device: torch.device,
    given: Mapping[str, Learnt] | None = None,
) -> Network:
    """Do as :func:`build`, of what is known of the data.

    Args:
        training: whose network it is.
        known: of its data.
        two: inputs, standardised, ``[2, *shape]``; of token ids the largest, which a network must
            know.
        seed: what initial weights are drawn from.
        device: where to.
        given: as for :func:`build`.
    """
    task = training.task
    outputs = task.outputs(known)
    with global_generators(torch_seed(seed, "weights"), device):
        module = training.model.build(known.shape, outputs)
    check_torch()
    network = Network(module, device, DTYPES[training.precision])
    spans_of(training, network)
    sources = training.started_from()
    if sources and given is not None:
        with global_generators(torch_seed(seed, "start"), device), torch.no_grad():
            training.model.start(module, {name: given[name] for name in sources})  # type: ignore[attr-defined]
    for each in training.every_update:
        if (check := getattr(each.loss, "check", None)) is not None:
            check(module)
    module.eval()
    two = two.to(device, network.vector.dtype if two.is_floating_point() else None)
    with torch.no_grad():
        shape = shape_said(training.task, module, two, known, network.vector.dtype)
    wanted = (2, *task.shape(known))
    if shape != wanted:
        last = "Use the second argument that build is given as the width of its last layer."
        raise HarnessError(
            f"a network must give {task.gives(known)}, {wanted} for two inputs",
            f"an output of shape {shape}",
            last if len(wanted) == 2 else f"Let it return outputs of shape {wanted}.",
        )
    return network


def spans_of(training: Training, network: Network) -> tuple[Spans, ...]:
    """Return where the parameters of each update of a Training lie.

    Raises:
        HarnessError: there is no such part, or two updates move the same parameters.
    """
    found = tuple(network.spans(each.names) for each in training.every_update)
    moved = [at for each in found for at in each.params]
    for at in moved:
        if moved.count(at) > 1:
            raise HarnessError(
                "the updates of a Training must move parts that do not overlap",
                f"parts that share {network.names[at]}",
                "Move shared weights by one update alone.",
            )
    return found


def check_network(
    training: Training, known: Known, seed: int, given: Mapping[str, Learnt] | None = None
) -> Learnt:
    """Check that a network can be built and given two inputs: zeros, or the largest token id.

    Returns what it has before its first step.

    Args:
        training: whose network it is.
        known: of its data.
        seed: what initial weights are drawn from.
        given: as for :func:`build`.

    Raises:
        HarnessError: its output is not what the task asks for, or the data has other targets.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for so little, more would only wait for each other
    try:
        shape, last = (2, *known.shape), known.tokens - 1
        two = torch.full(shape, last) if known.tokens else torch.zeros(shape)
        return build_for(training, known, two, seed, torch.device("cpu"), given).learnt()
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Snapshot:
    """The state of a network at one moment, such as after its best epoch.

    Attributes:
        vector: all trainable parameters, ``[P]``.
        held: what :meth:`Network.held` returns, copied.
    """

    vector: torch.Tensor
    held: dict[str, torch.Tensor]

    @staticmethod
    def of(network: Network) -> Snapshot:
        """Copy the state of a network."""
        held = {name: each.detach().clone() for name, each in network.held().items()}
        return Snapshot(network.vector.clone(), held)
