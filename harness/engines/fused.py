"""Many trials of one program at a time: the plain loop's step under ``torch.func.vmap``.

The step is that of :mod:`harness.engines.step`; what differs between trials (floats, parameters,
buffers, data, random keys) is stacked along a first axis. Nothing of a trial depends on its
neighbours but how sums are rounded.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch.func import grad_and_value, vmap
from torch.utils import _pytree as pytree

from harness.engines.evaluate import evaluation_batch, scoring_key, standardized, to_score
from harness.engines.fusable import check_same, check_same_asked, watching
from harness.engines.network import Snapshot
from harness.engines.prepared import Member
from harness.engines.programs import paths, values
from harness.engines.slot import Slot, called_with, frame_of_slot, params_of
from harness.engines.stacked import StackedRows, Tensors, rows_of, single, stack
from harness.engines.step import (
    Rows,
    States,
    advance,
    initial_states,
)
from harness.randomness.counting import signed


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
        more = [each.splits.unlabelled for each in filled if each.splits.unlabelled is not None]
        self._unlabelled = StackedRows.of(more) if more else None
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
        self._kept: tuple[int, torch.Tensor, torch.Tensor, torch.Tensor | None] | None = None

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
            "scoring": _key(scoring_key(member.seed, "validation"), device),
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
        names = ("inputs", "targets", "given", "lengths", "unlabelled")
        rows = Rows(**{name: tensors[name] for name in names if name in tensors})
        return advance(Slot.of(self._first, self._paths, tensors), rows, number, tensors["factor"])

    def _evaluate(self, trial: Tensors, number: int) -> Tensors:
        """Return the states of a trial's scores after one more batch."""
        first = self._first
        frame, task = frame_of_slot(first, trial), first.training.task
        tensors = {**params_of(first.network, trial["vector"]), **trial["held"]}
        net = called_with("float32", first.network, tensors)
        batch = standardized(frame, trial["inputs"], trial["targets"], trial.get("lengths"))
        outputs, wanted = task.says(net, to_score(frame, batch, trial["scoring"], number))
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
        order, rows, more = self._batches(number)
        updates, vector = first.training.every_update, self._trials["vector"]
        totals = [torch.zeros_like(vector[:, 0]) for _ in updates]
        for index in range(first.steps if most is None else most):
            step = number * first.steps + index
            which = rows[:, index]
            trials = {
                **self._trials,
                "states": self._states,
                **self._train.at(which),
                "factor": self._factors[:, step],
            }
            if more is not None and self._unlabelled is not None:
                trials["unlabelled"] = self._unlabelled.inputs[more[:, index]]
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

    def _batches(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return each trial's batches of an epoch, as its own rows and as the pool's.

        And those of unlabelled inputs, as the pool's. All are int64 ``[trials, steps, batch]``, and
        kept: steps are timed in the same epoch.
        """
        if self._kept is None or self._kept[0] != number:
            order = torch.stack([each.order(number) for each in self._members])
            rows, more = self._train.of_pool(order), None
            if self._unlabelled is not None:
                orders = [each.unlabelled_order(number) for each in self._members]
                there = torch.stack([each for each in orders if each is not None])
                more = self._unlabelled.of_pool(there)
            self._kept = number, order, rows, more
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
                **part.at(which),
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
        for name in ("_train", "_validation", "_unlabelled"):
            part = getattr(self, name)
            setattr(self, name, part and replace(part, rows=chosen(part.rows)))

    def unload(self, position: int) -> None:
        """Give a trial's state to its own network."""
        (snapshot,) = self.save([position])
        self._members[self._live[position]].network.load(snapshot.vector, snapshot.held)


_EVALUATED = ("vector", "held", "mean", "std", "target_mean", "target_std", "scoring")
"""What of a trial's tensors its scores depend on, where it has them."""


_compiled_last = ""


def _forget_other_programs(program: str) -> None:
    """Drop compiled code of another program: torch compiles a function a few times only."""
    global _compiled_last  # noqa: PLW0603 - as global as torch's own cache
    if program != _compiled_last:
        torch.compiler.reset()
        _compiled_last = program


def _key(key: int, device: torch.device) -> torch.Tensor:
    return torch.tensor(signed(key), dtype=torch.int32, device=device)
