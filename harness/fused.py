"""Many trials of one program at a time: the plain loop's step under ``torch.func.vmap``.

The step is that of :mod:`harness.step`; what differs between trials (floats, parameters, buffers,
data, random keys) is stacked along a first axis. Nothing of a trial depends on its neighbours but
how sums are rounded.
"""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn
from torch.func import functional_call, grad_and_value, vmap
from torch.utils import _pytree as pytree

from harness import programs
from harness.data.splits import Part
from harness.members import Member, evaluation_batch
from harness.network import Network, Snapshot
from harness.noise import Draws, mix, signed
from harness.plain import restandardize
from harness.step import Frame, dropout_keys, loss_of, prepare, update

Tensors = dict[str, Any]
"""One trial's tensors by name, nested; or those of many, stacked."""


class NotFusableError(RuntimeError):
    """Trials cannot train together; the message says why, in a line."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """The same part of many trials: rows of one pool.

    Attributes:
        inputs: of the pool, which is shared where all trials draw from one data set.
        targets: of the pool.
        rows: int64 ``[trials, n]``.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor

    @staticmethod
    def of(parts: Sequence[Part]) -> _Rows:
        if len({len(part) for part in parts}) > 1:
            raise NotFusableError("their data sets differ in size")
        device = parts[0].pool.inputs.device
        first = parts[0].pool
        if all(part.pool is first for part in parts):
            every = torch.arange(len(first.targets), device=device)
            each = [every if part.rows is None else part.rows for part in parts]
            return _Rows(first.inputs, first.targets, torch.stack(each))
        count = len(parts[0])
        rows = torch.arange(len(parts) * count, device=device).view(len(parts), count)
        inputs = torch.cat([part.inputs for part in parts])
        return _Rows(inputs, torch.cat([part.targets for part in parts]), rows)


def _stack(tensors: Sequence[Tensors]) -> Tensors:
    stacked: Tensors = pytree.tree_map(lambda *each: torch.stack(each), *tensors)
    return stacked


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
            _check_same(members[0].network, each.network)
            _check_same_teacher(members[0], each)
        first = members[0]
        self._first = first
        self._members = filled
        self._live = list(range(len(members)))
        self._compiled = compiled
        self._paths = programs.paths(first.training)
        self._names = first.network.names
        self._shapes = [p.shape for p in first.network.params]
        self._trials = _stack([self._tensors(each) for each in filled])
        self._state = _stack([m.training.optimizer.init(m.network.vector) for m in filled])
        self._train = _Rows.of([each.splits.train for each in filled])
        self._validation = _Rows.of([each.splits.validation for each in filled])
        self._factors = torch.stack([each.factors for each in filled]).to(first.device)
        step: Callable[..., Any] = functools.partial(_single, self._one)
        if len(filled) > 1:
            step = vmap(self._one, in_dims=(0, None), randomness="error")
        if compiled:
            _forget_other_programs(programs.program(first.training))
        self._step = torch.compile(step, dynamic=False) if compiled else step
        evaluate: Callable[..., Any] = functools.partial(_single, self._evaluate)
        if len(filled) > 1:
            evaluate = vmap(self._evaluate, in_dims=(0, None))
        self._score = evaluate
        self._checked = self._scored = False
        self._kept: tuple[int, torch.Tensor, torch.Tensor] | None = None

    def _tensors(self, member: Member) -> Tensors:
        """Return what a trial has of its own, apart from optimizer state and batches."""
        device = member.device
        values = programs.values(member.training, self._paths)
        own: Tensors = {
            "values": torch.tensor(values, dtype=torch.float64, device=device),
            "vector": member.network.vector,
            "held": {name: each.detach() for name, each in member.network.held().items()},
            "mean": member.frame.mean,
            "std": member.frame.std,
            "augmentation": _key(member.augmentation_key, device),
            "dropout": _key(member.dropout_key, device),
        }
        if member.teacher is not None:
            teacher = member.teacher
            if teacher.logits is not None:
                own["table"] = teacher.logits
            else:
                own["teacher"] = {
                    "params": {n: p.detach() for n, p in _named(teacher.network)},
                    "held": {n: each.detach() for n, each in teacher.network.held().items()},
                    "mean": teacher.frame.mean,
                    "std": teacher.frame.std,
                }
        return own

    # -- one trial, as vmap sees it --------------------------------------------------------

    def _params(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        parts = torch.split(vector, [shape.numel() for shape in self._shapes])
        return {
            name: part.view(shape)
            for name, part, shape in zip(self._names, parts, self._shapes, strict=True)
        }

    def _one(
        self, trial: Tensors, number: torch.Tensor
    ) -> tuple[torch.Tensor, Tensors, torch.Tensor]:
        """Return a trial's parameters, optimizer state and loss after one step."""
        first = self._first
        training = programs.bind(first.training, self._paths, list(trial["values"].unbind()))
        frame = replace(first.frame, mean=trial["mean"], std=trial["std"])

        def draws() -> Draws:
            key = mix(trial["augmentation"], number)
            return Draws(key, first.device, frame.mean.dtype)

        inputs, targets = prepare(training, frame, trial["inputs"], trial["targets"], draws)
        taught = self._taught(trial, frame, inputs)
        held = {**trial["held"]}
        layers = first.network.dropouts
        keys = dropout_keys(trial["dropout"], number, len(layers)) if layers else []
        for (name, _), key in zip(_dropout_names(first.network.module), keys, strict=True):
            held[f"{name}.key"] = key

        def objective(params: dict[str, torch.Tensor]) -> torch.Tensor:
            def apply(given: torch.Tensor) -> torch.Tensor:
                logits: torch.Tensor = functional_call(
                    first.network.module, {**params, **held}, (given,)
                )
                return logits

            return loss_of(training, apply, inputs, targets, taught)

        grads, loss = grad_and_value(objective)(self._params(trial["vector"]))
        flat = torch.cat([grads[name].reshape(-1) for name in self._names])
        vector, state = update(
            training, flat, trial["state"], trial["vector"], trial["factor"], first.network.weights
        )
        return vector, state, loss

    def _taught(self, trial: Tensors, frame: Frame, inputs: torch.Tensor) -> torch.Tensor | None:
        teacher = self._first.teacher
        if teacher is None:
            return None
        if "taught" in trial:
            table: torch.Tensor = trial["taught"]
            return table
        theirs = trial["teacher"]
        if not teacher.same_frame:
            inputs = restandardize(inputs, frame, theirs["mean"], theirs["std"])
        module = teacher.network.module
        logits: torch.Tensor = functional_call(
            module, {**theirs["params"], **theirs["held"]}, (inputs,)
        )
        return logits.detach()

    def _evaluate(self, trial: Tensors, _: None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a trial's summed loss and number of right answers on a batch."""
        frame = replace(self._first.frame, mean=trial["mean"], std=trial["std"])
        inputs = frame.standardize(trial["inputs"])
        tensors = {**self._params(trial["vector"]), **trial["held"]}
        logits = functional_call(self._first.network.module, tensors, (inputs,))
        loss = F.cross_entropy(logits, trial["targets"], reduction="sum")
        return loss, (logits.argmax(dim=1) == trial["targets"]).sum()

    # -- all trials ------------------------------------------------------------------------

    def start(self) -> None:
        """Nothing to set: networks that draw from global generators cannot be fused."""

    def stop(self) -> None:
        """Nothing to put back."""

    def epoch(self, number: int, most: int | None = None) -> list[float]:
        """Train for one epoch, ``most`` steps of it; return each trial's mean loss."""
        first = self._first
        first.network.module.train()
        order, rows = self._batches(number)
        total = torch.zeros_like(self._trials["vector"][:, 0])
        for index in range(first.steps if most is None else most):
            step = number * first.steps + index
            which = rows[:, index]
            trials = {
                **self._trials,
                "state": self._state,
                "inputs": self._train.inputs[which],
                "targets": self._train.targets[which],
                "factor": self._factors[:, step],
            }
            table = trials.pop("table", None)
            if table is not None:
                wanted = order[:, index, :, None].expand(-1, -1, table.shape[2])
                trials["taught"] = table.gather(1, wanted)
            # filled on the device: a copy would wait for it
            count = torch.full((), step, dtype=torch.int32, device=first.device)
            with _watching(first.network.module, active=not self._checked):
                vector, self._state, loss = self._step(trials, count)
            self._checked = True
            self._trials["vector"] = vector
            total += loss
        means = (total / first.steps).tolist() if first.steps else []
        return [means[place] for place in self._live]

    def _batches(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each trial's batches of an epoch, as its own rows and as the pool's.

        Both are int64 ``[trials, steps, batch]``, and kept: steps are timed in the same epoch.
        """
        if self._kept is None or self._kept[0] != number:
            order = torch.stack([each.order(number) for each in self._members])
            rows = self._train.rows.gather(1, order.flatten(1)).view(order.shape)
            self._kept = number, order, rows
        return self._kept[1:]

    def validate(self) -> list[tuple[float, float]]:
        """Return validation loss and accuracy of each trial."""
        self._first.network.module.eval()
        part = self._validation
        count, size = part.rows.shape[1], evaluation_batch(part.inputs)
        loss = torch.zeros(len(self._members), dtype=torch.float64, device=self._first.device)
        right = torch.zeros(len(self._members), dtype=torch.int64, device=self._first.device)
        for begin in range(0, count, size):
            which = part.rows[:, begin : begin + size]
            trials = {name: self._trials[name] for name in ("vector", "held", "mean", "std")} | {
                "inputs": part.inputs[which],
                "targets": part.targets[which],
            }
            with _watching(self._first.network.module, active=not self._scored):
                losses, rights = self._score(trials, None)
            self._scored = True
            loss += losses.double()
            right += rights
        losses, rights = (loss / count).tolist(), right.tolist()
        return [(losses[place], rights[place] / count) for place in self._live]

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
        self._state = pytree.tree_map(chosen, self._state)
        self._factors = chosen(self._factors)
        self._members = [self._members[position] for position in positions]
        self._live = list(range(len(positions)))
        self._kept = None
        for name in ("_train", "_validation"):
            part = getattr(self, name)
            setattr(self, name, _Rows(part.inputs, part.targets, chosen(part.rows)))

    def unload(self, position: int) -> None:
        """Give a trial's state to its own network."""
        (snapshot,) = self.save([position])
        self._members[self._live[position]].network.load(snapshot.vector, snapshot.held)


_compiled_last = ""


def _forget_other_programs(program: str) -> None:
    """Drop compiled code of another program: torch compiles a function a few times only."""
    global _compiled_last  # noqa: PLW0603 - as global as torch's own cache
    if program != _compiled_last:
        torch.compiler.reset()
        _compiled_last = program


def _single(function: Callable[..., Any], trials: Tensors, shared: Any) -> Any:
    """Call a function of one trial on stacks of one, without vmap."""
    alone = function(pytree.tree_map(lambda each: each[0], trials), shared)
    return pytree.tree_map(lambda each: each[None], alone)


def _key(key: int, device: torch.device) -> torch.Tensor:
    return torch.tensor(signed(key), dtype=torch.int32, device=device)


def _named(network: Network) -> list[tuple[str, nn.Parameter]]:
    return list(zip(network.names, network.params, strict=True))


def _dropout_names(module: nn.Module) -> list[tuple[str, nn.Module]]:
    from harness.models.dropout import Dropout

    return [(name, each) for name, each in module.named_modules() if isinstance(each, Dropout)]


class _watching:  # noqa: N801 - a context manager
    """Refuses what changes more than tensors: once for all trials, or in another order.

    That is a network that draws from a global generator (vmap itself refuses some of torch's random
    operations, and not all), or that changes its own attributes.
    """

    def __init__(self, module: nn.Module, *, active: bool) -> None:
        self._module = module
        self._active = active

    def __enter__(self) -> None:
        if self._active:
            self._before = _states(), _beside(self._module)

    def __exit__(self, kind: object, *_: object) -> None:
        if not self._active or kind is not None:
            return
        states, kept = self._before
        if _states() != states:
            raise NotFusableError("its network draws from a global random generator")
        for name, value in _beside(self._module).items():
            if name not in kept or not _alike(kept[name], value):
                raise NotFusableError(f"its network changes its own {name}")


def _states() -> tuple[object, ...]:
    numbers = np.random.get_state()  # noqa: NPY002
    torchs = [torch.get_rng_state()]
    if torch.cuda.is_available():
        torchs += torch.cuda.get_rng_state_all()
    return (
        random.getstate(),
        numbers[1].tobytes(),  # type: ignore[index]
        numbers[2],  # type: ignore[index]
        *(each.numpy().tobytes() for each in torchs),
    )


# ---- are two networks one program? ---------------------------------------------------------------


def _check_same(one: Network, other: Network) -> None:
    """Check that two networks differ in parameters and buffers alone.

    Raises:
        NotFusableError: they do not.
    """
    shapes = [[(n, p.shape) for n, p in _named(each)] for each in (one, other)]
    held = [{n: (t.shape, t.dtype) for n, t in each.held().items()} for each in (one, other)]
    if shapes[0] != shapes[1] or held[0] != held[1]:
        raise NotFusableError("their networks differ in shape")
    if not torch.equal(one.weights, other.weights):
        raise NotFusableError("their networks differ in which parameters are weights")
    pairs = zip(one.module.named_modules(), other.module.named_modules(), strict=True)
    for (name, mine), (_, theirs) in pairs:
        if type(mine) is not type(theirs):
            raise NotFusableError(f"their networks differ in the kind of {name or 'module'}")
        # what a module keeps beside parameters and buffers would be the first one's for all
        for key in vars(mine).keys() | vars(theirs).keys():
            if key in _TORCHS_OWN or key == "calls":
                continue
            if not _alike(vars(mine).get(key), vars(theirs).get(key)):
                where = f"{name}.{key}" if name else key
                raise NotFusableError(f"their networks differ in {where}")


def _check_same_teacher(one: Member, other: Member) -> None:
    """Check as :func:`_check_same` does the teachers that are asked at every step."""
    if one.teacher is not None and other.teacher is not None and one.teacher.logits is None:
        _check_same(one.teacher.network, other.teacher.network)


_TORCHS_OWN = frozenset(vars(nn.Module())) - {"training"}


def _alike(one: Any, other: Any, depth: int = 0) -> bool:
    """Whether two values are known to be the same; what cannot be looked into is not."""
    if one is other:
        # nothing is shared by accident but what is constant; a generator would be drawn from twice
        return not isinstance(one, torch.Generator | np.random.Generator | random.Random)
    if type(one) is not type(other) or depth > _DEEPEST:
        return False
    if isinstance(one, torch.Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, list | tuple):
        same = len(one) == len(other)
        return same and all(_alike(x, y, depth + 1) for x, y in zip(one, other, strict=True))
    if isinstance(one, dict):
        same = one.keys() == other.keys()
        return same and all(_alike(each, other[key], depth + 1) for key, each in one.items())
    if isinstance(one, nn.Module):
        return True  # a part of the network, compared by itself
    if isinstance(one, FunctionType):
        cells = [[c.cell_contents for c in f.__closure__ or ()] for f in (one, other)]
        return one.__code__ is other.__code__ and _alike(
            [one.__defaults__, one.__kwdefaults__, cells[0]],
            [other.__defaults__, other.__kwdefaults__, cells[1]],
            depth + 1,
        )
    if type(one).__eq__ is not _IDENTITY:
        try:
            return bool(one == other)
        except Exception:
            return False
    plain = getattr(one, "__dict__", None)
    return plain is not None and _alike(plain, vars(other), depth + 1)


_IDENTITY: object = object.__eq__
_DEEPEST = 8


def _beside(module: nn.Module) -> dict[str, Any]:
    """Return what a network keeps beside parameters and buffers, copied."""
    kept: dict[str, Any] = {}
    for name, part in module.named_modules():
        for key, value in vars(part).items():
            if key not in _TORCHS_OWN and key != "calls" and not isinstance(value, nn.Module):
                kept[f"{name}.{key}" if name else key] = value
    try:
        return copy.deepcopy(kept)
    except Exception as error:
        raise NotFusableError(f"its network keeps what cannot be copied: {error}") from error
