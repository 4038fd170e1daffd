"""What a function of the user's own is given beside its arm."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from harness.messages.errors import HarnessError
from harness.messages.levels import own
from harness.own.curves import by_name, last_values
from harness.own.saves import TrialFolder
from harness.own.seeds import seed_for
from harness.own.stopping import PrunedError, Stopping
from harness.own.watched import Watch
from harness.stopping import Pruning
from harness.study.metrics import STEP
from harness.study.scales import Settings

_Value = TypeVar("_Value")


class Context:
    """The seed, device and scale of one trial, its folder, and what saves and watches it.

    ``Study(train=...)`` is called with one; ``Study(step=...)``, too. Before that the global
    generators of random, numpy and torch are seeded.

    Attributes:
        seed: the trial's seed, the same in all arms: 0, 1, 2...
        device: torch's name of the device, such as ``"cpu"`` or ``"cuda:0"``.
        scale: the settings of the study's Scale, such as ``context.scale.epochs``.
        choosing: whether settings are being chosen: leave the test set alone.
        given: folders of what it needs of other trials, by name.

    Example:
        >>> from harness import Context, Metric
        >>> def train(context: Context, width: int) -> dict[str, float]:
        ...     weights_seed = context.seed_for("weights")
        ...     for epoch in range(context.scale.epochs):
        ...         context.report(epoch, loss=1 / (width + epoch))
        ...     return {"test_error": 1 / width}
        >>> Metric("test_error", better="lower").title
        'Test error'
    """

    def __init__(
        self,
        seed: int,
        device: str,
        scale: Mapping[str, Any],
        *,
        choosing: bool,
        folder: TrialFolder,
        given: Mapping[str, Path] | None = None,
        stopping: Stopping | None = None,
        told: Callable[[int, Mapping[str, float]], None] | None = None,
        watch: Watch | None = None,
        pruning: Pruning | None = None,
    ) -> None:
        self.seed = seed
        self.device = device
        self.scale = Settings(scale)
        self.choosing = choosing
        self.given: Mapping[str, Path] = MappingProxyType(dict(given or {}))
        self._folder = folder
        self._stopping = stopping or Stopping()
        self._told = told
        self._watch = watch
        self._pruning = pruning
        self._curve: list[tuple[int, dict[str, float]]] = []
        self._saved = -1
        self._times: dict[str, float] = {}
        self._began = time.perf_counter()
        self._seconds_before = 0.0

    def seed_for(self, purpose: str) -> int:
        """Return a seed for one purpose, below 2³², the same in all arms.

        With a seed for each purpose, one more draw in one arm's augmentation does not shift the
        other arm's initial weights: arms stay paired beyond their first draw.

        Args:
            purpose: any name, such as ``"weights"`` or ``"order"``.
        """
        return seed_for(self.seed, purpose)

    @property
    def folder(self) -> Path:
        """The trial's own folder, the same after a kill; kept for evaluations."""
        return self._folder.made()

    @property
    def stopping(self) -> bool:
        """Whether the run is being stopped: save, and return ``None``; the next run goes on."""
        return self._stopping.asked

    # ---- what it tells -------------------------------------------------------------------

    def report(self, epoch: int, **values: float) -> None:
        """Report values after an epoch, or after any step that is counted: points of curves.

        A metric that is reported and not returned counts with its last value. In a search with a
        pruner, a trial that does badly is ended here: an exception leaves the function that no
        ``except Exception`` takes.

        Args:
            epoch: a whole number, higher with each call.
            values: by name; those that the study does not declare are kept as well.

        Raises:
            HarnessError: the epoch does not rise, or a value is no number.
        """
        number = own(epoch)
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise HarnessError(
                "context.report must be given the epoch as a whole number of at least 0",
                repr(epoch),
                "Write context.report(epoch, loss=...), say.",
            )
        if self._curve and number <= self._curve[-1][0]:
            raise HarnessError(
                "context.report must be called once for each epoch, in their order",
                f"epoch {number} after epoch {self._curve[-1][0]}",
                "Report all values of an epoch in one call; begin at what context.restore returns.",
            )
        if STEP in values:
            raise HarnessError(
                f"context.report must give values other than {STEP!r}, which names the epochs",
                f"{STEP}={values[STEP]!r}",
                "Leave it out: the first argument says it.",
            )
        point = {name: number_of(name, value) for name, value in values.items()}
        self._curve.append((number, point))
        if self._told is not None:
            self._told(number, point)
        pruning = self._pruning
        if pruning is not None and pruning.metric in point and pruning.looks_at(len(self._curve)):
            curve = [values.get(pruning.metric, math.nan) for _, values in self._curve]
            if pruning.ends(curve):
                raise PrunedError

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Within this, time counts: it is kept among the trial's costs as ``<name>_seconds``.

        The device has done all that it was given, before and after. Times of parts with the same
        name add up. Other trials may run beside this one.
        """
        self._wait()
        started = time.perf_counter()
        try:
            yield
        finally:
            self._wait()
            took = time.perf_counter() - started
            self._times[name] = self._times.get(name, 0.0) + took

    def _wait(self) -> None:
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.synchronize(self.device)

    # ---- what it keeps -------------------------------------------------------------------

    def save(self, epoch: int, **parts: Any) -> None:
        """Save the state of parts, the curve, and the global generators of random numbers.

        A trial that is killed goes on from here (:meth:`restore`). At the border of two epochs that
        is exact: what comes after is the same, to the last bit, if all that is drawn at random is
        drawn from the global generators, from generators among the parts, or from seeds that
        depend on the epoch. In the middle of an epoch it is not, because the order of the
        examples left is not saved; nor with ``persistent_workers`` of a DataLoader.
        ``harness check`` tries it. It is written as a whole or not at all.

        Args:
            epoch: how many epochs are over: the one to go on from.
            parts: by name, each with ``state_dict`` and ``load_state_dict``, or a generator of
                torch, numpy or random.

        Raises:
            HarnessError: a part cannot be saved, the epoch does not rise, or the disk is full.
        """
        from harness.own.states import modes_of, random_states, state_of

        number = own(epoch)
        if not isinstance(number, int) or isinstance(number, bool) or number <= self._saved:
            raise HarnessError(
                "context.save must be given the number of epochs that are over, higher each time",
                f"{epoch!r}" + (f" after {self._saved}" if self._saved >= 0 else ""),
                "Write context.save(epoch + 1, model=model, optimizer=optimizer), say.",
            )
        state = {
            "epoch": number,
            "parts": {name: state_of(name, part) for name, part in parts.items()},
            "modes": {name: modes_of(part) for name, part in parts.items()},
            "curve": [[at, point] for at, point in self._curve],
            "times": dict(self._times),
            "random": random_states(self.device),
            "seconds": self.seconds(),
        }
        self._folder.write(number, state)
        self._saved = number
        if self._watch is not None:
            self._watch.saved(number)

    def restore(self, **parts: Any) -> int:
        """Put parts, curve and global generators into the state last saved.

        Args:
            parts: those that are saved, by the same names.

        Returns:
            The epoch to go on from; 0, with nothing changed, where nothing was saved.

        Raises:
            HarnessError: other parts were saved.
        """
        from harness.own.states import set_modes, set_random_states, set_state

        state = self._folder.newest()
        if state is None:
            return 0
        if set(parts) != set(state["parts"]):
            raise HarnessError(
                "context.restore must be given the parts that context.save was given",
                f"{', '.join(sorted(parts)) or 'none'}, where "
                f"{', '.join(sorted(state['parts'])) or 'none'} were saved",
                "Write the same names in both calls.",
            )
        for name, part in parts.items():
            set_state(part, state["parts"][name])
            set_modes(part, state["modes"][name])
        self._curve = [(at, dict(point)) for at, point in state["curve"]]
        self._times = dict(state["times"])
        self._saved = state["epoch"]
        set_random_states(state["random"], self.device)
        self._seconds_before = state["seconds"]
        self._began = time.perf_counter()
        if self._watch is not None:
            self._watch.restored(self._saved)
        return self._saved

    def cached(self, name: str, make: Callable[..., _Value], **arguments: Any) -> _Value:
        """Return what a function makes, once on each machine for all trials of a scale.

        It is made anew where the function, what it rests on, or an argument has changed. While one
        process makes it, others wait. It draws its random numbers apart: whether it is made or
        found changes nothing in the trial. Arrays and tensors are mapped into memory, which all
        trials share; what a trial writes into them, no other sees.

        Args:
            name: letters, digits, ``_`` and ``-``.
            make: a function at the top level of a file.
            arguments: plain values that it is called with.

        Raises:
            HarnessError: the function carries values of its own, or an argument is not plain.
        """
        from harness.own.cached import Cached

        value: _Value = Cached(self._folder.root).value(name, make, arguments)
        return value

    # ---- what came of it -----------------------------------------------------------------

    def curves(self) -> dict[str, list[float]]:
        """Return what was reported, by name (:func:`harness.own.curves.by_name`)."""
        return by_name(self._curve)

    def last(self) -> dict[str, float]:
        """Return the last value reported of each name."""
        return last_values(self._curve)

    def seconds(self) -> float:
        """Return how long it has taken, with attempts before up to what they saved."""
        return self._seconds_before + time.perf_counter() - self._began

    def times(self) -> dict[str, float]:
        """Return the seconds of parts that were timed, as costs."""
        return {f"{name}_seconds": seconds for name, seconds in self._times.items()}


def number_of(
    name: str,
    value: Any,
    instead: str = "Return a float; of an array or a tensor with one value, take .item().",
) -> float:
    """Return a metric's value as Python's number.

    Args:
        name: the metric's.
        value: anything.
        instead: what to write where it is no number.

    Raises:
        HarnessError: it is no number.
    """
    if getattr(value, "requires_grad", False):
        raise HarnessError(
            "a metric must be a plain number",
            f"{name}: a tensor with a gradient",
            f"Write {name}={name}.item(), say.",
        )
    found = own(value)
    if not isinstance(found, int | float):
        raise HarnessError(
            "a metric must be a plain number",
            f"{name}: {_shown(value)}",
            instead,
        )
    return float(found)


def _shown(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"a {type(value).__name__} of shape {tuple(shape)}"
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"
