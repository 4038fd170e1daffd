"""Many trials of one program at a time: the plain loop's step under ``torch.func.vmap``.

The step is that of :mod:`harness.engines.step`; what differs between trials (floats, parameters,
buffers, data, random keys) is stacked along a first axis. Nothing of a trial depends on its
neighbours but how sums are rounded.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn
from torch.func import functional_call, grad_and_value, vmap
from torch.utils import _pytree as pytree

from harness.engines.called import Called
from harness.engines.evaluate import batch_to_score, evaluation_batch
from harness.engines.fusable import check_same, check_same_asked, watching
from harness.engines.network import Network, Snapshot
from harness.engines.prepared import Member
from harness.engines.programs import Path, bind, paths, values
from harness.engines.spans import Spans
from harness.engines.stacked import StackedRows, Tensors, rows_of, single, stack
from harness.engines.step import (
    Frame,
    Rows,
    States,
    advance,
    dropout_keys,
    initial_states,
    loss_of,
)
from harness.randomness.counting import Draws, Key, mix, signed
from harness.tasks.losses import Batch
from harness.training import Precision, Training


@functools.cache
def load_functorch() -> float:
    """Load what torch itself loads at the first step under vmap; return the seconds that took.

    That is a compiler's front end, a second or several in each process.
    """
    started = time.perf_counter()
    one = torch.ones(2, 3)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(x[None], torch.zeros(1, dtype=torch.int64))

    vmap(grad_and_value(loss), in_dims=(0,), randomness="error")(one)
    return time.perf_counter() - started


@dataclass(frozen=True, eq=False)
class _Slot:
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
    def of(first: Member, where: Sequence[Path], tensors: Tensors) -> _Slot:
        training = bind(first.training, where, list(tensors["values"].unbind()))
        frame = _frame(first, tensors)
        return _Slot(first, training, frame, tensors)

    @property
    def vector(self) -> torch.Tensor:
        vector: torch.Tensor = self.tensors["vector"]
        return vector

    @property
    def weights(self) -> torch.Tensor:
        return self.first.network.weights

    @property
    def spans(self) -> tuple[Spans, ...]:
        return self.first.spans

    @property
    def states(self) -> States:
        states: States = self.tensors["states"]
        return states

    def draws(self, number: Key) -> Draws:
        return self._drawn("augmentation", number)

    def loss_draws(self, turn: Key) -> Draws:
        return self._drawn("loss", turn)

    def at(self, vector: torch.Tensor) -> _Slot:
        return replace(self, tensors={**self.tensors, "vector": vector})

    def _drawn(self, purpose: str, number: Key) -> Draws:
        key = mix(self.tensors[purpose], number)
        return Draws(key, self.first.device, self.frame.mean.dtype)

    def ask(
        self, inputs: torch.Tensor, known: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        theirs = self.tensors["asked"]
        return {
            name: known[name] if name in known else each.says_with(theirs[name], inputs, self.frame)
            for name, each in self.first.asked.items()
        }

    def gradients(
        self, position: int, turn: Key, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        network, training = self.first.network, self.training
        spans = self.spans[position]
        held = {**self.tensors["held"]}
        layers = len(network.dropouts)
        keys = dropout_keys(self.tensors["dropout"], turn, layers) if layers else []
        for (name, _), key in zip(_dropout_names(network.module), keys, strict=True):
            held[f"{name}.key"] = key
        params = _params(network, self.vector)
        moved = {network.names[at]: params.pop(network.names[at]) for at in spans.params}

        def objective(moved: dict[str, torch.Tensor]) -> torch.Tensor:
            net = _called(training.precision, network, {**params, **moved, **held})
            return loss_of(training.every_update[position].loss, net, batch)

        grads, loss = grad_and_value(objective)(moved)
        return torch.cat([grads[name].reshape(-1) for name in moved]), loss


def _called(precision: Precision, network: Network, tensors: Mapping[str, torch.Tensor]) -> Called:
    """Return a network with one trial's tensors in the place of its own, as a loss calls it."""

    def find(name: str) -> Callable[..., torch.Tensor]:
        part, names = network.part(name)
        own = {n: tensors[known] for n, known in names.items() if known in tensors}
        return functools.partial(_call, part, own)

    whole = functools.partial(_call, network.module, tensors)
    return Called(precision, network.vector.device, whole, find)


def _call(
    module: nn.Module, tensors: Mapping[str, torch.Tensor], *inputs: torch.Tensor
) -> torch.Tensor:
    outputs: torch.Tensor = functional_call(module, dict(tensors), inputs)
    return outputs


def _params(network: Network, vector: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return views of a vector of all parameters, by name, in the shapes that a network has."""
    shapes = [each.shape for each in network.params]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    named = zip(network.names, parts, shapes, strict=True)
    return {name: part.view(shape) for name, part, shape in named}


class Fused:
    """Trains trials of one program together, epoch by epoch.

    Args:
        members: the trials.
        compiled: whether the step is compiled. A trial that has ended then stays as ballast: to
            compile anew for one fewer would take longer.
        models: at least as many as there are trials; compiled code is made for this number, and
            copies of the first trial fill the places that are left.

    Raises:
        NotFusableError: they cannot be trained together.
    """

    def __init__(self, members: Sequence[Member], *, compiled: bool, models: int) -> None:
        ballast = models - len(members) if compiled else 0
        filled = [*members, *[members[0]] * ballast]
        for each in members[1:]:
            check_same(members[0].network, each.network)
            check_same_asked(members[0], each)
        first = members[0]
        self._first = first
        self._members = filled
        self._live = list(range(len(members)))
        self._compiled = compiled
        self._paths = paths(first.training)
        self._trials = stack([self._tensors(each) for each in filled])
        self._states = stack([initial_states(m.training, m.network) for m in filled])
        self._train = StackedRows.of([each.splits.train for each in filled])
        self._validation = StackedRows.of([each.splits.validation for each in filled])
        self._factors = torch.stack([each.factors for each in filled]).to(first.device)
        step: Callable[..., Any] = functools.partial(single, self._one)
        if len(filled) > 1:
            step = vmap(self._one, in_dims=(0, None), randomness="error")
        if compiled:
            _forget_other_programs(first.training.program())
        self._step = torch.compile(step, dynamic=False) if compiled else step
        evaluate: Callable[..., Any] = functools.partial(single, self._evaluate)
        if len(filled) > 1:
            evaluate = vmap(self._evaluate, in_dims=(0, None))
        self._score = evaluate
        self._checked = self._scored = False
        self._kept: tuple[int, torch.Tensor, torch.Tensor] | None = None

    def _tensors(self, member: Member) -> Tensors:
        """Return what a trial has of its own, apart from optimizer state and batches."""
        device = member.device
        floats = values(member.training, self._paths)
        own: Tensors = {
            "values": torch.tensor(floats, dtype=torch.float64, device=device),
            "vector": member.network.vector,
            "held": {name: each.detach() for name, each in member.network.held().items()},
            "mean": member.frame.mean,
            "std": member.frame.std,
            "target_mean": member.frame.target_mean,
            "target_std": member.frame.target_std,
            "augmentation": _key(member.augmentation_key, device),
            "loss": _key(member.loss_key, device),
            "dropout": _key(member.dropout_key, device),
            "scoring": _key(member.scoring_key, device),
        }
        own = {name: each for name, each in own.items() if each is not None}
        own["known"] = {n: a.outputs for n, a in member.asked.items() if a.outputs is not None}
        own["asked"] = {n: a.tensors() for n, a in member.asked.items() if a.outputs is None}
        return own

    # -- one trial, as vmap sees it --------------------------------------------------------

    def _one(
        self, tensors: Tensors, number: torch.Tensor
    ) -> tuple[torch.Tensor, States, tuple[torch.Tensor, ...]]:
        """Return a trial's parameters, optimizer states and losses after one step."""
        rows = Rows(tensors["inputs"], tensors["targets"], tensors["given"])
        return advance(_Slot.of(self._first, self._paths, tensors), rows, number, tensors["factor"])

    def _evaluate(self, trial: Tensors, number: int) -> Tensors:
        """Return the states of a trial's scores after one more batch."""
        first = self._first
        frame, task = _frame(first, trial), first.training.task
        tensors = {**_params(first.network, trial["vector"]), **trial["held"]}
        net = _called("float32", first.network, tensors)
        inputs = frame.standardize(trial["inputs"])
        batch = batch_to_score(frame, inputs, trial["targets"], trial["scoring"], number)
        outputs, wanted = task.says(net, batch)
        outputs = frame.told(outputs)
        return {
            score.name: score.update(trial["scores"][score.name], outputs, wanted)
            for score in task.scores
        }

    # -- all trials ------------------------------------------------------------------------

    def start(self) -> None:
        """Nothing to set: networks that draw from global generators cannot be fused."""

    def stop(self) -> None:
        """Nothing to put back."""

    def epoch(self, number: int, most: int | None = None) -> list[tuple[float, ...]]:
        """Train for one epoch, ``most`` steps of it; return each trial's mean losses."""
        first = self._first
        first.network.module.train()
        order, rows = self._batches(number)
        updates, vector = first.training.every_update, self._trials["vector"]
        totals = [torch.zeros_like(vector[:, 0]) for _ in updates]
        for index in range(first.steps if most is None else most):
            step = number * first.steps + index
            which = rows[:, index]
            trials = {
                **self._trials,
                "states": self._states,
                "inputs": self._train.inputs[which],
                "targets": self._train.targets[which],
                "factor": self._factors[:, step],
            }
            trials["given"] = {
                name: rows_of(table, order[:, index]) for name, table in trials.pop("known").items()
            }
            # filled on the device: a copy would wait for it
            count = torch.full((), step, dtype=torch.int32, device=first.device)
            with watching(first.network.module, active=not self._checked):
                vector, self._states, losses = self._step(trials, count)
            self._checked = True
            self._trials["vector"] = vector
            for total, loss in zip(totals, losses, strict=True):
                total.add_(loss)  # in its own type
        means = (torch.stack(totals, dim=1) / first.steps).tolist()
        return [tuple(means[place]) for place in self._live]

    def _batches(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each trial's batches of an epoch, as its own rows and as the pool's.

        Both are int64 ``[trials, steps, batch]``, and kept: steps are timed in the same epoch.
        """
        if self._kept is None or self._kept[0] != number:
            order = torch.stack([each.order(number) for each in self._members])
            rows = self._train.rows.gather(1, order.flatten(1)).view(order.shape)
            self._kept = number, order, rows
        return self._kept[1:]

    def validate(self) -> list[dict[str, float]]:
        """Return the scores of each trial on its validation examples."""
        first = self._first
        first.network.module.eval()
        part, scores = self._validation, first.training.task.scores
        count, size = part.rows.shape[1], evaluation_batch(part.inputs)
        states = stack([{s.name: s.init(first.device) for s in scores} for _ in self._members])
        for number, begin in enumerate(range(0, count, size)):
            which = part.rows[:, begin : begin + size]
            trials = {name: self._trials[name] for name in _EVALUATED if name in self._trials} | {
                "inputs": part.inputs[which],
                "targets": part.targets[which],
                "scores": states,
            }
            with watching(first.network.module, active=not self._scored):
                states = self._score(trials, number)
            self._scored = True
        return [
            {
                s.name: float(s.value({name: each[place] for name, each in states[s.name].items()}))
                for s in scores
            }
            for place in self._live
        ]

    def save(self, positions: Sequence[int]) -> list[Snapshot]:
        """Copy the state of some trials, by their position among those still training."""
        return [
            Snapshot(
                self._trials["vector"][place].clone(),
                {name: each[place].clone() for name, each in self._trials["held"].items()},
            )
            for place in (self._live[position] for position in positions)
        ]

    def keep(self, positions: Sequence[int]) -> None:
        """Go on with some of the trials alone."""
        if self._compiled:
            self._live = [self._live[position] for position in positions]
            return
        where = torch.tensor(positions, dtype=torch.int64, device=self._first.device)

        def chosen(each: torch.Tensor) -> torch.Tensor:
            return each[where]

        self._trials = pytree.tree_map(chosen, self._trials)
        self._states = pytree.tree_map(chosen, self._states)
        self._factors = chosen(self._factors)
        self._members = [self._members[position] for position in positions]
        self._live = list(range(len(positions)))
        self._kept = None
        for name in ("_train", "_validation"):
            part = getattr(self, name)
            setattr(self, name, StackedRows(part.inputs, part.targets, chosen(part.rows)))

    def unload(self, position: int) -> None:
        """Give a trial's state to its own network."""
        (snapshot,) = self.save([position])
        self._members[self._live[position]].network.load(snapshot.vector, snapshot.held)


_EVALUATED = ("vector", "held", "mean", "std", "target_mean", "target_std", "scoring")
"""What of a trial's tensors its scores depend on, where it has them."""


def _frame(first: Member, tensors: Tensors) -> Frame:
    """Return what one trial's inputs and targets are standardised by."""
    names = ("mean", "std", "target_mean", "target_std")
    return replace(first.frame, **{name: tensors[name] for name in names if name in tensors})


_compiled_last = ""


def _forget_other_programs(program: str) -> None:
    """Drop compiled code of another program: torch compiles a function a few times only."""
    global _compiled_last  # noqa: PLW0603 - as global as torch's own cache
    if program != _compiled_last:
        torch.compiler.reset()
        _compiled_last = program


def _key(key: int, device: torch.device) -> torch.Tensor:
    return torch.tensor(signed(key), dtype=torch.int32, device=device)


def _dropout_names(module: nn.Module) -> list[tuple[str, nn.Module]]:
    from harness.models.dropout import Dropout

    return [(name, each) for name, each in module.named_modules() if isinstance(each, Dropout)]
