"""Weights to begin with: those of another network, trained before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from harness.messages import checks
from harness.messages.errors import HarnessError, near

if TYPE_CHECKING:
    import torch
    from torch import nn

    from harness.training import Model, Training

SHOWN = 3
"""So many of the parameters that do not fit are named."""


@dataclass(frozen=True)
class Start:
    """A network that begins with what another one has learnt: transfer learning.

    The other Training is trained first, once for each seed, for all trials that name it. Then the
    new network is built and takes over every parameter and buffer of the trained one that has the
    same name and shape; the parts in ``fresh`` begin with initial weights of their own instead, the
    same as without a Start. Both networks standardise inputs by their own training examples.
    Yosinski et al. 2014, https://arxiv.org/abs/1411.1792, compare frozen and fine-tuned parts.

    A frozen part works in training as in evaluation: its parameters get no gradient, its dropout
    is off, and its batch normalisation neither uses nor collects the statistics of batches, but
    keeps those of the trained network.

    The same inputs with other targets, such as none or coarser classes, are split otherwise, as
    splits and folds are drawn in proportion to classes. So a network trained on these may have seen
    inputs that the new one is tested on. Declare the same targets, or give both an official test
    set.

    Attributes:
        from_: the Training whose weights are taken over. Its classes may be others, its task, too.
        freeze: parts that are not trained, by the names of submodules, with dots for one within
            another: ``"blocks"``, ``"blocks.0"``.
        fresh: parts that take over nothing, such as a head for other classes.
        model: the new network; left out, the same as that of ``from_``, with as many outputs as are
            now asked for.
        only_initial: fields that say nothing but which weights it begins with, so networks that
            differ in these may train together.

    Raises:
        HarnessError: a part is no name, or is both frozen and fresh.

    Example:
        >>> from harness import Training
        >>> from harness.data import digits
        >>> from harness.models import CNN, Start
        >>> from harness.optim import SGD
        >>> first = Training(digits(), CNN(), SGD(lr=0.1), batch_size=32, epochs=9)
        >>> model = Start(from_=first, freeze=("blocks",), fresh=("head",))
        >>> model.model == first.model
        True
    """

    from_: Training
    freeze: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    model: Model | None = None

    only_initial: ClassVar[tuple[str, ...]] = ("from_",)

    def __post_init__(self) -> None:
        for name in ("freeze", "fresh"):
            checks.names(self, name, getattr(self, name), ("head",))
        for part in self.freeze:
            for other in self.fresh:
                if f"{part}.".startswith(f"{other}.") or f"{other}.".startswith(f"{part}."):
                    raise HarnessError(
                        "a part of a Start must not be both frozen and fresh",
                        part if part == other else f"{part} and {other}",
                        "Take it out of one of them.",
                    )
        if isinstance(self.model, Start):
            raise HarnessError(
                "Start(model=...) must be a network that begins with weights of its own",
                "a Start",
                "Write its model=, or leave model= out.",
            )
        if self.model is None:
            object.__setattr__(self, "model", _without_start(getattr(self.from_, "model", None)))

    @property
    def floats_in_buffers(self) -> bool:
        """Whether networks that differ in floats alone may share one program."""
        return bool(getattr(self.model, "floats_in_buffers", False))

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module, with initial weights, and freeze parts of it.

        Raises:
            HarnessError: there is no such part.
        """
        assert self.model is not None
        module = self.model.build(shape, classes)
        for name in (*self.freeze, *self.fresh):
            if name not in dict(module.named_modules()):
                field = "freeze" if name in self.freeze else "fresh"
                raise HarnessError(
                    f"Start({field}=...) must name parts that {type(self.model).__name__} has",
                    repr(name),
                    near(name, [part for part, _ in module.named_modules() if part]),
                )
        for name in self.freeze:
            _freeze(module.get_submodule(name))
        return module

    def start(self, module: nn.Module, given: Mapping[str, dict[str, torch.Tensor]]) -> None:
        """Let a module that ``build`` made take over what the other network has learnt.

        Args:
            module: changed in place.
            given: under ``"from_"``, the trained network's parameters and buffers by name.

        Raises:
            HarnessError: a part that is not fresh does not fit.
        """
        learnt, kept = given["from_"], module.state_dict()
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        taken = {
            name: each
            for name, each in own.items()
            # what is not saved with a module is a setting of its own, such as a dropout's share
            if name in kept and not any(name.startswith(f"{part}.") for part in self.fresh)
        }
        wrong = [
            f"{name} of {tuple(each.shape)}, there "
            + (f"of {tuple(learnt[name].shape)}" if name in learnt else "none")
            for name, each in taken.items()
            if name not in learnt or learnt[name].shape != each.shape
        ]
        if wrong:
            more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
            names = dict.fromkeys(each.partition(" ")[0].rpartition(".")[0] for each in wrong)
            raise HarnessError(
                "every part of a network with Start must fit that of the Training it begins from, "
                "but for those in fresh",
                "; ".join(wrong[:SHOWN]) + more,
                f"Write fresh={(*self.fresh, *names)}, or build the parts alike.",
            )
        if not taken:
            raise HarnessError(
                "a network with Start must take over something",
                f"fresh={self.fresh}, which is all of it",
                "Name fewer parts in fresh=, or leave the Start out.",
            )
        for name, each in taken.items():
            each.detach().copy_(learnt[name])


def _without_start(model: Any) -> Any:
    """Return the declaration of a network, without the weights that it begins with."""
    return _without_start(model.model) if isinstance(model, Start) else model


def _freeze(part: nn.Module) -> None:
    part.requires_grad_(requires_grad=False)
    kind: Any = type(part)
    part.__class__ = _as_in_evaluation(kind)
    part.eval()


@cache
def _as_in_evaluation(kind: Any) -> type[nn.Module]:
    """Return the same class of modules, whose ``train`` leaves them in evaluation mode."""

    def train(self: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001
        kind.train(self, False)
        return self

    names = {"train": train, "__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return cast("type[nn.Module]", type(kind.__name__, (kind,), names))
