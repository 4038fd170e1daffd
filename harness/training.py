"""A Training: everything that one training run depends on, written out."""

from __future__ import annotations

import dataclasses
import inspect
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

from harness.identity.canonical import canonical
from harness.identity.needed import held_in
from harness.identity.structure import structure_of
from harness.messages.errors import HarnessError
from harness.messages.foreign import bare_data
from harness.messages.levels import own
from harness.schedules import Constant, Schedule
from harness.stopping import EarlyStopping
from harness.tasks.losses import CrossEntropy, Loss
from harness.tasks.scores import BETTER, PARTS
from harness.tasks.task import Classification, Task

if TYPE_CHECKING:
    import torch
    from torch import nn

    from harness.data import Splits
    from harness.randomness.counting import Draws

Precision = Literal["float32", "bfloat16", "float64"]

STEP_FIELDS = ("optimizer", "loss", "augment", "penalty", "clip")
"""The fields of a Training whose floats reach the training step."""

OUTSIDE_FIELDS = ("schedule", "stopping")
"""Those that work between steps, on each trial for itself: no part of the program."""

NEEDING_FIELDS = ("loss", "model")
"""The fields that may hold other Trainings, which are trained before."""


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

        It puts out ``[batch, classes]``, and where quantities are learnt, that many numbers.

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
                augmentation of the Training mixes images; quantities ``[batch, quantities]``, as
                the network learns them.
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


METRICS = frozenset({
    *(f"{part}_{score}" for part in PARTS for score in BETTER),
    "generalisation_gap", "gradient_norm_first_block", "test_calibration_error",
    "weight_norm", "zero_weights", "teacher_agreement", "teacher_divergence",
})  # fmt: skip
"""Metrics recorded without being asked for: of its task's scores alone, and not all where there
are no classes or no teacher.

They stand here by name, so that whoever lists studies does not wait for harness.measures; a test
holds them to what the trainer does.
"""

CURVES = frozenset({"train_loss", *(f"validation_{score}" for score in BETTER)})
"""Metrics of which there is a value after each epoch, those of other tasks among them."""


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
        task: what is learnt, and which scores are kept, from :mod:`harness.tasks`.
        precision: ``"bfloat16"`` runs the network under autocast, which keeps parameters, sums
            and losses in float32; ``"float64"`` is for checks.

    It is a :class:`harness.study.work.Work`, whose words are at the end.

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

    kind: ClassVar[str] = "Training"
    metrics: ClassVar[frozenset[str]] = METRICS
    curves: ClassVar[frozenset[str]] = CURVES

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
    task: Task = field(default_factory=Classification)

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "precision"):
            object.__setattr__(self, name, own(getattr(self, name)))
        for name, kind, example in (
            ("data", Data, "digits() from harness.data"),
            ("model", Model, "ConvNet(depth=20) from harness.models"),
            ("optimizer", Optimizer, "SGD(lr=0.1) from harness.optim"),
            ("schedule", Schedule, "Cosine() from harness.schedules"),
            ("loss", Loss, "CrossEntropy() from harness.tasks"),
            ("penalty", Penalty, "L2(1e-4) from harness.penalties"),
            ("clip", Clip, "ClipNorm(1.0) from harness.clipping"),
            ("task", Task, "Classification() from harness.tasks"),
            ("stopping", EarlyStopping, "EarlyStopping(patience=5) from harness.stopping"),
        ):
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, kind) or isinstance(value, type):
                mend, given = example, repr(value)
                if isinstance(value, type) and name in {"task", "loss"}:
                    mend = f"{value.__name__}(), with the parentheses"
                elif name == "model" and hasattr(value, "state_dict"):
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
        self._check_loss()
        self._check_task()
        self._check_augment()
        if self.precision not in get_args(Precision):
            raise HarnessError(
                f"Training(precision=...) must be one of {', '.join(get_args(Precision))}",
                repr(self.precision),
                "Write precision='float32'.",
            )
        self._check_needs()

    def _check_loss(self) -> None:
        name = getattr(self.loss, "__name__", type(self.loss).__name__)
        theirs = getattr(self.loss, "__module__", None) or ""
        if theirs.partition(".")[0] in {"torch", "torchvision"}:
            given = f"{name} of {theirs}"
        else:
            called = inspect.signature(self.loss)
            try:
                called.bind("net", "batch")
            except TypeError:
                given = f"{name}, called as {called}"
            else:
                return
        raise HarnessError(
            "Training(loss=...) must be called as loss(net, batch)",
            given,
            "Write a frozen dataclass with def __call__(self, net, batch), which is given "
            "batch.inputs and batch.targets, and calls the network: net(batch.inputs).",
        )

    def _check_task(self) -> None:
        made_for = getattr(self.loss, "made_for", self.task.kind)
        if made_for != self.task.kind:
            instead = "SquaredLoss()" if self.task.kind == "quantities" else "CrossEntropy()"
            raise HarnessError(
                f"the loss of a Training must be made for its task, {type(self.task).__name__}",
                f"{type(self.loss).__name__}, which is made for {made_for}"
                + (", the default" if self.loss == CrossEntropy() else ""),
                f"Write loss={instead} from harness.tasks, or another task=.",
            )
        names = [f"validation_{score.name}" for score in self.task.scores]
        if self.stopping is not None and self.stopping.metric not in names:
            raise HarnessError(
                f"EarlyStopping(metric=...) must be a score of {type(self.task).__name__}: "
                f"{', '.join(names)}",
                repr(self.stopping.metric),
                f"Write metric={names[0]!r}.",
            )

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

    def _check_needs(self) -> None:
        for value in (self.loss, self.model):
            for name in _declared_as_training(value):
                held = getattr(value, name)
                if not isinstance(held, Training):
                    raise HarnessError(
                        f"{type(value).__name__}({name}=...) must be a Training",
                        repr(held),
                        f"Write {name}=Training(data=..., model=..., ...).",
                    )
        for item in dataclasses.fields(self):
            if item.name in NEEDING_FIELDS:
                continue
            for where, _ in held_in(getattr(self, item.name), Training):
                raise HarnessError(
                    "a Training must be held by the loss or the model of the one that needs it",
                    f"one in {item.name}.{where}".rstrip("."),
                    "Make it a field of the loss, which is given what it says of each batch, or of "
                    "the model, which is given its weights.",
                )
        if self._of_the("model") and not callable(getattr(self.model, "start", None)):
            raise HarnessError(
                "a model that holds a Training must have start(module, given)",
                type(self.model).__name__,
                "Write model=Start(from_=Training(...)) from harness.models, or define start, "
                "which is given the module that build made, and by name the weights of what the "
                "model holds.",
            )
        self._check_circle((self,))

    def _check_circle(self, chain: tuple[Training, ...]) -> None:
        for name, need in self.needs().items():
            if any(need is each for each in chain):
                raise HarnessError(
                    "a Training must not need itself",
                    f"{name}, which needs the Training that needs it",
                    "Give what it needs a loss and a model of their own, such as CrossEntropy().",
                )
            need._check_circle((*chain, need))

    # ---- what it is as a Work ------------------------------------------------------------

    def needs(self) -> dict[str, Training]:
        """Return what is trained before it: the Trainings that its loss and its model hold.

        The name of each is the field's, after those that lead to it: ``teacher``,
        ``members.0``.

        Raises:
            HarnessError: two of them have one name.

        Example:
            >>> from harness import Distillation, Training
            >>> from harness.data import digits
            >>> from harness.models import MLP
            >>> from harness.optim import SGD
            >>> large = Training(digits(), MLP(hidden=(256,)), SGD(lr=0.1), 32, epochs=9)
            >>> small = Training(
            ...     digits(), MLP(), SGD(lr=0.1), 32, epochs=9, loss=Distillation(teacher=large)
            ... )
            >>> list(small.needs())
            ['teacher']
        """
        found: dict[str, Training] = {}
        for field_name in NEEDING_FIELDS:
            for name, need in self._of_the(field_name).items():
                if name in found and found[name] != need:
                    raise HarnessError(
                        "what a Training needs must have a name each, that of its field",
                        f"two Trainings named {name}",
                        "Give one of the two fields another name.",
                    )
                found[name] = need
        return found

    def asked(self) -> dict[str, Training]:
        """Return those of its needs whose outputs its loss is given, as ``batch.given``."""
        return self._of_the("loss")

    def started_from(self) -> dict[str, Training]:
        """Return those of its needs whose weights its model is given before the first step."""
        return self._of_the("model")

    def _of_the(self, name: str) -> dict[str, Training]:
        return dict(held_in(getattr(self, name), Training))

    def seed_of_need(self, name: str, seed: int) -> int:  # noqa: ARG002 - as others do
        """Return the seed of what it needs: its own."""
        return seed

    def lacks(self, metric: str) -> bool:
        """Whether a metric is one of another task, which such a training never records."""
        own = {score.name for score in self.task.scores}
        part, _, score = metric.partition("_")
        if metric in _OF_CLASSES:
            return self.task.kind != "classes"
        return part in PARTS and score in BETTER and score not in own

    def data_sets(self) -> tuple[Data, ...]:
        """Return the data sets that it reads."""
        return (self.data,)

    def program(self) -> str:
        """Return, as text, what trials must have in common to train together.

        Floats that reach the training step are no part of it, nor what works between steps, on
        each trial for itself.
        """
        return json.dumps(self._structure(), sort_keys=True)

    def structure_when_needed(self) -> dict[str, Any]:
        """Return what trainings that need it have in common: its weights are data."""
        return {"model": self._structure()["model"], "data": canonical(self.data)}

    def _structure(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name in STEP_FIELDS:
                found[item.name] = structure_of(value)
            elif item.name == "model":
                # a user's module may have done anything with a float while it was built
                fused = getattr(value, "floats_in_buffers", False)
                found[item.name] = structure_of(value) if fused else canonical(value)
                for name in getattr(value, "only_initial", ()):
                    found[item.name].pop(name)
            elif item.name not in OUTSIDE_FIELDS:
                found[item.name] = canonical(value)
        return found


def _declared_as_training(value: Any) -> list[str]:
    """Return the names of the fields that a declaration has for a Training."""
    if not dataclasses.is_dataclass(value):
        return []
    return [item.name for item in dataclasses.fields(value) if item.type in ("Training", Training)]


_OF_CLASSES = frozenset({
    "generalisation_gap", "test_calibration_error", "teacher_agreement", "teacher_divergence",
})  # fmt: skip
"""Metrics of trainings that learn classes, beside their scores."""

_OPTIONAL = frozenset({"penalty", "clip", "stopping"})
