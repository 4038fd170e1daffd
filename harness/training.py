"""A Training: everything that one training run depends on, written out."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

from harness.losses import CrossEntropy, Distillation, Loss
from harness.messages.errors import HarnessError
from harness.messages.foreign import bare_data
from harness.messages.levels import own
from harness.schedules import Constant, Schedule
from harness.stopping import EarlyStopping

if TYPE_CHECKING:
    import torch
    from torch import nn

    from harness.data import Splits
    from harness.randomness.counting import Draws

Precision = Literal["float32", "bfloat16", "float64"]


@runtime_checkable
class Data(Protocol):
    """A data set as declared: a frozen dataclass with these methods (see harness.data)."""

    def splits(self, seed: int) -> Splits:
        """Return train, validation and test tensors of one seed."""


@runtime_checkable
class Model(Protocol):
    """A network as declared: a frozen dataclass with this method (see harness.models)."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for inputs of ``shape`` (without the batch axis).

        Initial weights are drawn from torch's global generator, which the trainer has set from
        the trial's seed.
        """


@runtime_checkable
class Optimizer(Protocol):
    """An optimizer as ``init`` and ``update`` over explicit state (see harness.optim)."""

    @property
    def lr(self) -> float:
        """The learning rate that the schedule's factor multiplies."""

    def init(self, params: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the state before the first step; ``params`` is all parameters as one vector."""

    def update(
        self,
        grads: torch.Tensor,
        state: dict[str, torch.Tensor],
        params: torch.Tensor,
        factor: torch.Tensor | float,
        decays: torch.Tensor | None,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return new parameters and new state.

        Args:
            grads: the loss's gradient, a vector like ``params``.
            state: what ``init`` or the step before returned.
            params: all parameters as one vector.
            factor: multiplies the learning rate.
            decays: 1 where weight decay applies and 0 where it does not, a vector like ``params``;
                ``None`` is everywhere.
        """


@runtime_checkable
class Augmentation(Protocol):
    """What is done to the images of a batch while they are trained on (see harness.augment).

    One that blends images and targets has the class attribute ``mixes = True``, and gets targets
    as probabilities. One that takes only images has ``images_only = True``.
    """

    @property
    def strength(self) -> float:
        """From 0, which is nothing, to 1."""

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, draws: Draws
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return changed images and targets.

        Args:
            images: ``[batch, channels, height, width]``, from 0 to 1 where they were bytes.
            targets: labels, int64 ``[batch]``, or probabilities ``[batch, classes]`` where an
                augmentation of the Training mixes images.
            draws: where everything random comes from.
        """


@runtime_checkable
class Penalty(Protocol):
    """What keeps parameters small (see harness.penalties)."""

    @property
    def touches(self) -> str:
        """``"weights"``, which leaves out biases and normalisation, or ``"all"``."""

    def loss(self, params: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Return what is added to the loss, a scalar; ``None`` if nothing is."""

    def before(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters from which the optimizer steps; gradients are known by then."""

    def after(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return parameters after the optimizer's step; ``rate`` is the step's learning rate."""


@runtime_checkable
class Clip(Protocol):
    """What bounds gradients (see harness.clipping)."""

    def __call__(self, grads: torch.Tensor) -> torch.Tensor:
        """Return a gradient for the vector of all parameters."""


@dataclass(frozen=True)
class Training:
    """One training run, apart from its seed.

    Attributes:
        data: a data set from :mod:`harness.data`.
        model: a network from :mod:`harness.models`, or any frozen dataclass with ``build``.
        optimizer: from :mod:`harness.optim`.
        batch_size: images per step. An epoch is ``train images // batch_size`` steps; the few
            images left over differ from epoch to epoch.
        epochs: passes over the training images.
        schedule: what multiplies the learning rate, step by step.
        loss: what is minimised.
        augment: what is done to each image of a batch, in this order.
        penalty: what keeps parameters small, in addition to the optimizer's weight decay, which
            leaves out biases and normalisation.
        clip: what bounds the gradient of each step, before the optimizer sees it.
        stopping: when to stop before the last epoch.
        precision: ``"bfloat16"`` runs the network under autocast, which keeps parameters, sums
            and losses in float32; ``"float64"`` is for checks.

    Raises:
        HarnessError: a field has the wrong kind, or a number that cannot be trained with.

    Example:
        >>> from harness import Cosine, Training
        >>> from harness.data import digits
        >>> from harness.models import MLP
        >>> from harness.optim import SGD
        >>> model, rule = MLP(hidden=(64,)), SGD(lr=0.1)
        >>> Training(digits(), model, rule, 32, epochs=9, schedule=Cosine()).precision
        'float32'
    """

    data: Data
    model: Model
    optimizer: Optimizer
    batch_size: int
    epochs: int
    schedule: Schedule = field(default_factory=Constant)
    loss: Loss = field(default_factory=CrossEntropy)
    augment: tuple[Augmentation, ...] = ()
    penalty: Penalty | None = None
    clip: Clip | None = None
    stopping: EarlyStopping | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "precision"):
            object.__setattr__(self, name, own(getattr(self, name)))
        for name, kind, example in (
            ("data", Data, "digits() from harness.data"),
            ("model", Model, "ConvNet(depth=20) from harness.models"),
            ("optimizer", Optimizer, "SGD(lr=0.1) from harness.optim"),
            ("schedule", Schedule, "Cosine() from harness.schedules"),
            ("loss", Loss, "CrossEntropy() from harness.losses"),
            ("penalty", Penalty, "L2(1e-4) from harness.penalties"),
            ("clip", Clip, "ClipNorm(1.0) from harness.clipping"),
            ("stopping", EarlyStopping, "EarlyStopping(patience=5) from harness.stopping"),
        ):
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, kind) or isinstance(value, type):
                mend, given = example, repr(value)
                if name == "model" and hasattr(value, "state_dict"):
                    mend = "a frozen dataclass whose build(shape, classes) returns the module"
                elif name == "data" and (found := bare_data(value)):
                    mend, given = (
                        f"{found}, imported from harness.data",
                        f"a {type(value).__name__}",
                    )
                raise HarnessError(
                    f"Training({name}=...) must be a {kind.__name__}",
                    given,
                    f"Write {name}={mend}.",
                )
        for name in ("batch_size", "epochs"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise HarnessError(
                    f"Training({name}=...) must be a whole number of at least 1",
                    repr(value),
                    f"Write {name}=64, say.",
                )
        self._check_augment()
        if self.precision not in get_args(Precision):
            raise HarnessError(
                f"Training(precision=...) must be one of {', '.join(get_args(Precision))}",
                repr(self.precision),
                "Write precision='float32'.",
            )
        self._check_teacher()

    def _check_augment(self) -> None:
        given = self.augment
        if not isinstance(given, tuple) or not all(
            isinstance(each, Augmentation) and not isinstance(each, type) for each in given
        ):
            raise HarnessError(
                "Training(augment=...) must be a tuple of augmentations",
                repr(given),
                "Write augment=(Shift(0.5),) from harness.augment, with the comma.",
            )

    def _check_teacher(self) -> None:
        seen: list[Training] = [self]
        while isinstance(seen[-1].loss, Distillation):
            teacher: Any = seen[-1].loss.teacher
            if not isinstance(teacher, Training):
                raise HarnessError(
                    "Distillation(teacher=...) must be the Training of the teacher",
                    repr(teacher),
                    "Write teacher=Training(data=..., model=..., ...).",
                )
            if any(teacher is each for each in seen):
                raise HarnessError(
                    "a teacher must not be its own student",
                    "a Distillation whose teacher is taught by itself",
                    "Give the teacher a loss of its own, such as CrossEntropy().",
                )
            seen.append(teacher)


_OPTIONAL = frozenset({"penalty", "clip", "stopping"})


def canonical(value: Any) -> Any:
    """Write a declared value as plain JSON types, the same on every machine and in every run.

    A dataclass becomes its class name and the fields that differ from their defaults, so a new
    field with a default changes no old value. Objects that hold data give their own digest by a
    method ``fingerprint``. A whole number in a field of type float is written as a float.

    Raises:
        HarnessError: the value cannot be written down (a lambda, a closure, an open file, NaN).
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise HarnessError("a setting must be finite", repr(value), "Write a finite number.")
        return value
    if isinstance(value, tuple | list):
        return [canonical(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): canonical(each) for key, each in sorted(value.items())}
    if callable(getattr(value, "fingerprint", None)):
        return {"type": type(value).__qualname__, "fingerprint": value.fingerprint()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        _check_class(type(value))
        given = {item.name: (item, _as_declared(item, value)) for item in dataclasses.fields(value)}
        fields = {
            name: canonical(one)
            for name, (item, one) in given.items()
            if not _is_default(item, one)
        }
        return {"type": type(value).__qualname__, **fields}
    _check_named(value)
    return {"name": value.__qualname__}


def _check_named(value: Any) -> None:
    """Check that a name says all about a value: a class, or a function that carries nothing.

    Raises:
        HarnessError: it does not.
    """
    name = getattr(value, "__qualname__", "<lambda>")
    owner = getattr(value, "__self__", None)
    if isinstance(value, functools.partial):
        kept = "a functools.partial"
    elif isinstance(owner, type | ModuleType):  # a class method, or a function written in C
        kept = ""
    elif owner is not None and callable(value):
        kept = "a method of an object"
    elif getattr(value, "__closure__", None) is not None and not _found_by_name(value):
        kept = "a function made within another, from whose variables it takes values"
    else:
        kept = ""
    if kept:
        raise HarnessError(
            "a function in a setting must carry no values of its own, which its name does not tell",
            f"{value!r}, {kept}",
            "Make it a frozen dataclass with __call__, whose fields say what it is.",
        )
    if not callable(value) or "<lambda>" in name:
        raise HarnessError(
            "a setting must be a plain value, a frozen dataclass, or a named function or class",
            repr(value),
            "Make it a frozen dataclass, whose fields say what it is.",
        )


def _check_class(kind: type) -> None:
    """Check that a dataclass takes no values from a function that it is made in.

    Raises:
        HarnessError: a method of it does.
    """
    for each in vars(kind).values():
        code = getattr(each, "__code__", None)
        # what dataclass itself adds was made elsewhere; super() takes the class from around it
        if not isinstance(code, CodeType):
            continue
        own = code.co_qualname.startswith(f"{kind.__qualname__}.")
        if own and set(code.co_freevars) - {"__class__"}:
            raise HarnessError(
                "a class in a Training must take no variables of a function that it stands in",
                f"{kind.__qualname__}, which takes {', '.join(code.co_freevars)}",
                "Make it a frozen dataclass at the top level, whose fields say what it is.",
            )


def _found_by_name(function: Any) -> bool:
    """Whether a function is what its module has under its name, as a decorated one is."""
    return getattr(sys.modules.get(function.__module__), function.__qualname__, None) is function


def _as_declared(item: dataclasses.Field[Any], owner: Any) -> Any:
    """Return a field's value; a whole number as a float where the field is declared as one."""
    value = getattr(owner, item.name)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if item.type in (float, "float") else value
    return value


def _is_default(item: dataclasses.Field[Any], value: Any) -> bool:
    if item.default is not dataclasses.MISSING:
        default = item.default
    elif item.default_factory is not dataclasses.MISSING:
        default = item.default_factory()
    else:
        return False
    return type(default) is type(value) and bool(default == value)


def definitions(value: Any) -> Iterator[type | Any]:
    """Yield every class and function that a declared value is made of, itself first.

    Raises:
        HarnessError: a function's name does not say what it is (a lambda, a closure).
    """
    if isinstance(value, tuple | list):
        for each in value:
            yield from definitions(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from definitions(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _check_class(type(value))
        yield type(value)
        for item in dataclasses.fields(value):
            yield from definitions(getattr(value, item.name))
    elif isinstance(value, type):
        yield value
    elif callable(getattr(value, "fingerprint", None)):
        yield type(value)
    elif callable(value):
        _check_named(value)
        yield value
