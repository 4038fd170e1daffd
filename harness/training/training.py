"""A Training: everything that one training run depends on, written out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

from harness.identity.canonical import canonical
from harness.identity.needed import held_in
from harness.identity.structure import structure_of
from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.messages.foreign import bare_data
from harness.messages.levels import own
from harness.schedules import Constant, Schedule
from harness.stopping import EarlyStopping
from harness.tasks.losses import Loss
from harness.tasks.scores import BETTER, PARTS
from harness.tasks.task import Classification, Task
from harness.training.parts import Augmentation, Clip, Data, Model, Optimizer, Penalty
from harness.training.updates import Update, check_kinds, check_loss, check_made_for, updates_of

Precision = Literal["float32", "bfloat16", "float64"]

STEP_FIELDS = ("optimizer", "loss", "augment", "penalty", "clip", "updates")
"""The fields of a Training whose floats reach the training step."""

OUTSIDE_FIELDS = ("schedule", "stopping")
"""Those that work between steps, on each trial for itself: no part of the program."""

NEEDING_FIELDS = ("loss", "updates", "model")
"""The fields that may hold other Trainings, which are trained before."""


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
        batch_size: examples per step. An epoch is ``training examples // batch_size`` steps; the
            few left over differ from epoch to epoch.
        epochs: passes over the training images.
        schedule: what multiplies the learning rate, step by step.
        loss: what is minimised; that of the task, such as cross-entropy, where none is given.
        augment: what is done to each image of a batch, in this order.
        penalty: what keeps parameters small, in addition to the optimizer's weight decay, which
            leaves out biases and normalisation.
        clip: what bounds the gradient of each step, before the optimizer sees it.
        stopping: when to stop before the last epoch.
        task: what is learnt, and which scores are kept, from :mod:`harness.tasks`.
        updates: several optimizers, each with a loss and a part of the network of its own; in the
            place of ``optimizer``, ``loss``, ``penalty`` and ``clip``.
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
    optimizer: Optimizer | None = None
    batch_size: int = 0  # no default: what stands here is refused
    epochs: int = 0
    schedule: Schedule = field(default_factory=Constant)
    loss: Loss | None = None
    augment: tuple[Augmentation, ...] = ()
    penalty: Penalty | None = None
    clip: Clip | None = None
    stopping: EarlyStopping | None = None
    precision: Precision = "float32"
    task: Task = field(default_factory=Classification)
    updates: tuple[Update, ...] = ()

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "precision"):
            object.__setattr__(self, name, own(getattr(self, name)))
        self._check_bare()
        check_kinds(
            self,
            ("data", Data, "digits() from harness.data"),
            ("model", Model, "ConvNet(depth=20) from harness.models"),
            ("schedule", Schedule, "Cosine() from harness.schedules"),
            ("task", Task, "Classification() or Regression() from harness"),
        )
        check_kinds(
            self,
            ("optimizer", Optimizer, "SGD(lr=0.1) from harness.optim"),
            ("loss", Loss, "CrossEntropy() or SquaredLoss() from harness"),
            ("penalty", Penalty, "L2(1e-4) from harness.penalties"),
            ("clip", Clip, "ClipNorm(1.0) from harness.clipping"),
            ("stopping", EarlyStopping, "EarlyStopping(patience=5) from harness.stopping"),
            optional=True,
        )
        for name in ("batch_size", "epochs"):
            checks.whole(self, name, getattr(self, name), 64)
        self._check_updates()
        self._check_stopping()
        self._check_augment()
        if self.precision not in get_args(Precision):
            raise HarnessError(
                f"Training(precision=...) must be one of {', '.join(get_args(Precision))}",
                repr(self.precision),
                "Write precision='float32'.",
            )
        self._check_needs()

    def _check_bare(self) -> None:
        """Check that model and data are declarations, where they are often something else."""
        model: object = self.model
        data: object = self.data
        if not isinstance(model, Model) and hasattr(model, "state_dict"):
            instead = "model=a frozen dataclass whose build(shape, classes) returns the module"
            wanted, given = "Training(model=...) must be a Model", repr(model)
        elif not isinstance(data, Data) and (found := bare_data(data)):
            instead = f"data={found}, imported from harness.data"
            wanted, given = "Training(data=...) must be a Data", f"a {type(data).__name__}"
        else:
            return
        raise HarnessError(wanted, given, f"Write {instead}.")

    def _check_updates(self) -> None:
        if self.updates == ():
            if self.loss is None:
                object.__setattr__(self, "loss", self.task.loss)
            for name, example in (("loss", "MyLoss()"), ("optimizer", "SGD(lr=0.1)")):
                if getattr(self, name) is None:
                    raise HarnessError(
                        f"Training({name}=...) must be given, or updates=",
                        "neither",
                        f"Write {name}={example}, say.",
                    )
            assert self.loss is not None
            check_loss("Training", self.loss)
        for each in self.every_update:
            check_made_for(each.loss, self.task)

    @cached_property
    def every_update(self) -> tuple[Update, ...]:
        """What a step does, in turn: ``updates``, or the one that the other fields make."""
        return updates_of(self.updates, self.loss, self.optimizer, self.penalty, self.clip)

    @property
    def turns(self) -> list[tuple[int, int]]:
        """The turns of a step: which update, and which of its times."""
        updates = enumerate(self.every_update)
        return [(position, time) for position, each in updates for time in range(each.times)]

    @property
    def step_size(self) -> int:
        """How many examples a step takes: those of all its batches."""
        return self.batch_size * self.batches

    @property
    def batches(self) -> int:
        """How many batches a step takes."""
        return max(each.times for each in self.every_update)

    def _check_stopping(self) -> None:
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
        for value in (self.model, *self._losses()):
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
                    "a Training must be held by a loss or the model of the one that needs it",
                    f"one in {item.name}.{where}".rstrip("."),
                    "Make it a field of the loss, which is given what it says of each batch, or of "
                    "the model, which is given its weights.",
                )
        if self.started_from() and not callable(getattr(self.model, "start", None)):
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
        """
        return _held([self.model, *self._losses()])

    def _losses(self) -> list[Any]:
        return [each.loss for each in self.updates] or [self.loss]

    def asked(self) -> dict[str, Training]:
        """Return those of its needs whose outputs its losses are given, as ``batch.given``."""
        return _held(self._losses())

    def started_from(self) -> dict[str, Training]:
        """Return those of its needs whose weights its model is given before the first step."""
        return _held([self.model])

    def seed_of_need(self, name: str, seed: int) -> int:  # noqa: ARG002 - as others do
        """Return the seed of what it needs: its own."""
        return seed

    def lacks(self, metric: str) -> bool:
        """Whether a metric is one of another task, which such a training never records."""
        own = {score.name for score in self.task.scores}
        part, _, score = metric.partition("_")
        if metric in _OF_CLASSES:
            return self.task.kind != "classes"
        if metric == "generalisation_gap":
            return "loss" not in own
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


def _held(values: Iterable[Any]) -> dict[str, Training]:
    """Return the Trainings that some values hold, by the names of the fields that lead to them."""
    found: dict[str, Training] = {}
    for name, need in (each for value in values for each in held_in(value, Training)):
        if found.setdefault(name, need) != need:
            raise HarnessError(
                "what a Training needs must have a name each, that of its field",
                f"two Trainings named {name}",
                "Give one of the two fields another name.",
            )
    return found


def _declared_as_training(value: Any) -> list[str]:
    """Return the names of the fields that a declaration has for a Training."""
    if not dataclasses.is_dataclass(value):
        return []
    return [item.name for item in dataclasses.fields(value) if item.type in ("Training", Training)]


_OF_CLASSES = frozenset({
    "test_calibration_error", "teacher_agreement", "teacher_divergence",
})  # fmt: skip
"""Metrics of trainings that learn classes, beside their scores."""
