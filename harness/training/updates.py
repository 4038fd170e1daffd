"""Which optimizer moves which part of a network, by which loss."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.messages.levels import own
from harness.tasks.losses import Loss
from harness.tasks.task import Task
from harness.training.parts import Clip, Optimizer, Penalty


@dataclass(frozen=True)
class Update:
    """One of several updates of a training step: an optimizer that moves one part by one loss.

    The updates of a step follow one another: each sees what those before it have done. A part of
    the network that none of them moves keeps its parameters; its batch normalisation and dropout
    work as in training, other than in a part that ``Start`` freezes.

    Attributes:
        part: of the network, by the name of a submodule, as ``module.named_modules()`` gives it;
            several names for several parts, ``""`` for all of it. Parts of one Training must not
            overlap.
        loss: what is minimised; gradients go to this part alone.
        optimizer: from :mod:`harness.optim`. The schedule's factor multiplies its learning rate.
        times: how often in a step. Each time has a batch of its own, as in algorithm 1 of Arjovsky,
            Chintala & Bottou 2017 (https://arxiv.org/abs/1701.07875); so a step takes the largest
            ``times`` of its updates times ``batch_size`` examples. Those with a smaller ``times``
            are given the first of these batches.
        penalty: what keeps the part's parameters small, as in a :class:`Training`.
        clip: what bounds the part's gradient.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> from harness import CrossEntropy, Training, Update
        >>> from harness.data import digits
        >>> from harness.models import CNN
        >>> from harness.optim import SGD
        >>> body = Update("blocks", CrossEntropy(), SGD(lr=0.01))
        >>> head = Update("head", CrossEntropy(), SGD(lr=0.1))
        >>> fine = Training(
        ...     data=digits(), model=CNN(), updates=(body, head), batch_size=32, epochs=9
        ... )
        >>> [each.part for each in fine.every_update]
        ['blocks', 'head']
    """

    part: str | tuple[str, ...]
    loss: Loss
    optimizer: Optimizer
    times: int = 1
    penalty: Penalty | None = None
    clip: Clip | None = None

    def __post_init__(self) -> None:
        part = own(self.part)
        if isinstance(part, tuple) and all(isinstance(each, str) for each in part):
            part = part[0] if len(part) == 1 else tuple(sorted(part))  # one way to write each
        object.__setattr__(self, "part", part)
        if not self.names or not all(isinstance(each, str) for each in self.names):
            raise HarnessError(
                "Update(part=...) must be the name of a submodule, or a tuple of names",
                repr(self.part),
                "Write Update('generator', ...), say.",
            )
        checks.whole(self, "times", self.times, 5)
        check_kinds(
            self,
            ("loss", Loss, "CrossEntropy() or SquaredLoss() from harness"),
            ("optimizer", Optimizer, "Adam(lr=1e-3) from harness.optim"),
        )
        check_kinds(
            self,
            ("penalty", Penalty, "L2(1e-4) from harness.penalties"),
            ("clip", Clip, "ClipNorm(1.0) from harness.clipping"),
            optional=True,
        )
        check_loss("Update", self.loss)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parts."""
        return self.part if isinstance(self.part, tuple) else (self.part,)

    @property
    def of(self) -> str:
        """Whose loss it is, as a message says it; nothing where it is that of all."""
        return f" of {' and '.join(self.names)}" if self.names != ("",) else ""


def check_kinds(owner: object, *kinds: tuple[str, type, str], optional: bool = False) -> None:
    """Check that fields hold objects of some protocols, and no classes.

    Args:
        owner: the object with the fields.
        kinds: name of a field, its protocol, and what could be written.
        optional: whether ``None`` is allowed.

    Raises:
        HarnessError: one does not.
    """
    for name, kind, example in kinds:
        value = getattr(owner, name)
        if optional and value is None:
            continue
        if not isinstance(value, kind) or isinstance(value, type):
            mend = example
            if isinstance(value, type) and name in {"task", "loss"}:
                mend = f"{value.__name__}(), with the parentheses"
            raise HarnessError(
                f"{type(owner).__name__}({name}=...) must be {_a(kind.__name__)}",
                repr(value),
                f"Write {name}={mend}.",
            )


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"


def check_loss(owner: str, loss: Loss) -> None:
    """Check that a loss can be called on a network and a batch.

    Raises:
        HarnessError: it cannot.
    """
    name = getattr(loss, "__name__", type(loss).__name__)
    theirs = getattr(loss, "__module__", None) or ""
    if theirs.partition(".")[0] in {"torch", "torchvision"}:
        given = f"{name} of {theirs}"
    else:
        called = inspect.signature(loss)
        try:
            called.bind("net", "batch")
        except TypeError:
            given = f"{name}, called as {called}"
        else:
            return
    raise HarnessError(
        f"{owner}(loss=...) must be called as loss(net, batch)",
        given,
        "Write a frozen dataclass with def __call__(self, net, batch), which is given "
        "batch.inputs and batch.targets, and calls the network: net(batch.inputs).",
    )


def check_made_for(loss: Loss, task: Task) -> None:
    """Check that a loss is made for what a task learns.

    Raises:
        HarnessError: it is made for something else.
    """
    made_for = getattr(loss, "made_for", task.kind)
    if made_for == task.kind:
        return
    default = type(task.loss).__name__
    instead = f"Leave loss= out, which is {default}()" if task.loss else "Write a loss of its kind"
    raise HarnessError(
        f"the loss of a Training must be made for its task, {type(task).__name__}",
        f"{type(loss).__name__}, which is made for {made_for}",
        f"{instead}, or write another task=.",
    )


def updates_of(
    given: Any,
    loss: Loss | None,
    optimizer: Optimizer | None,
    penalty: Penalty | None,
    clip: Clip | None,
) -> tuple[Update, ...]:
    """Return the updates of a Training: those declared, or the one that its fields make.

    Raises:
        HarnessError: neither, both, or what is no tuple of updates with parts of their own.
    """
    if given == ():
        assert loss is not None
        assert optimizer is not None
        return (Update("", loss, optimizer, 1, penalty, clip),)
    if not isinstance(given, tuple) or not all(isinstance(each, Update) for each in given):
        raise HarnessError(
            "Training(updates=...) must be a tuple of Update",
            repr(given),
            "Write updates=(Update('generator', ...), Update('discriminator', ...)).",
        )
    beside = {"optimizer": optimizer, "loss": loss, "penalty": penalty, "clip": clip}
    both = [name for name, value in beside.items() if value is not None]
    if both:
        raise HarnessError(
            "Training(updates=...) must stand in the place of optimizer, loss, penalty and clip",
            f"{' and '.join(f'{name}=' for name in both)} beside it",
            "Give each Update its own, and leave those out.",
        )
    _check_apart([name for each in given for name in each.names])
    return given


def _check_apart(names: Sequence[str]) -> None:
    for position, name in enumerate(names):
        for other in names[:position]:
            if name == other or not name or not other:
                given = f"{name!r} twice" if name == other else "'', all of it, beside a part"
            elif f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}."):
                given = f"{other!r} and {name!r}, one within the other"
            else:
                continue
            raise HarnessError(
                "the updates of a Training must move parts that do not overlap",
                given,
                "Move each part by one update alone, whose loss may be a sum.",
            )
