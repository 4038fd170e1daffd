"""Which values of a Training make trials one program, and how the others are put into it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import pytest
import torch
from torch import nn
from torch.func import vmap

from harness import floats
from harness.augment import Cutmix, Flip, Mixture, Shift
from harness.clipping import ClipNorm, ClipValue
from harness.data import digits
from harness.engines import programs
from harness.engines.modes import Mode
from harness.models import MLP, ConvNet
from harness.models.initialisation import Normal
from harness.optim import SGD, AdamW
from harness.penalties import L1, L2, ElasticNet
from harness.schedules import Constant, Cosine, Step
from harness.stopping import EarlyStopping
from harness.tasks.losses import CrossEntropy, Distillation
from harness.trainer.train import Request, train_together
from harness.training import Training

STEP = ("every_update", 0)
BASE = Training(
    data=digits(train=100),
    model=MLP(hidden=(8,), dropout=0.2),
    optimizer=SGD(lr=0.1, momentum=0.9),
    batch_size=20,
    epochs=2,
)
FULL = replace(
    BASE,
    augment=(Shift(0.5), Mixture(0.25, operations=3), Cutmix(0.75)),
    loss=CrossEntropy(label_smoothing=0.1),
    penalty=ElasticNet(0.01, ratio=0.4),
    clip=ClipNorm(1.5),
)
TAUGHT = replace(BASE, loss=Distillation(replace(BASE, epochs=5), temperature=3.0, weight=0.5))


@dataclass(frozen=True)
class Own:
    """A network of the user's own, with a float."""

    share: float = 0.5

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Dropout(self.share), nn.Linear(64, classes))


@dataclass(frozen=True)
class OwnFusing(Own):
    """The same, whose floats all end up in weights and buffers."""

    floats_in_buffers: ClassVar[bool] = True


@dataclass(frozen=True)
class OwnLoss:
    """A loss with floats in every place that a dataclass can have them."""

    scale: float = 1.0
    pair: tuple[float, tuple[float, int]] = (0.5, (0.25, 3))
    inner: CrossEntropy = field(default_factory=lambda: CrossEntropy(0.2))
    table: Mapping[str, float] = field(default_factory=lambda: {"a": 0.5})

    def __call__(self, net: Any, batch: Any) -> torch.Tensor:
        return self.inner(net, batch) * self.scale * self.pair[0] + self.pair[1][0]


# ---- what is one program


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": SGD(lr=0.2, momentum=0.5)},
        {"model": MLP(hidden=(8,), dropout=0.7)},  # the harness's own: a buffer
        {"schedule": Cosine(warmup=0.1)},
        {"schedule": Step(every=0.5, factor=0.3)},
        {"stopping": EarlyStopping(patience=3)},
    ],
)
def test_floats_and_what_works_between_steps_leave_a_program_as_it_is(change):
    changed = replace(BASE, **change)
    assert changed != BASE
    assert changed.program() == BASE.program()


@pytest.mark.parametrize(
    "change",
    [
        {"augment": (Shift(0.1), Mixture(0.9, operations=3), Cutmix(0.2))},
        {"loss": CrossEntropy(label_smoothing=0.4)},
        {"penalty": ElasticNet(0.5, ratio=0.9)},
        {"clip": ClipNorm(0.1)},
        {"model": MLP(hidden=(8,), dropout=0.2, initialisation=Normal(0.2))},
    ],
)
def test_floats_of_each_part_leave_a_program_as_it_is(change):
    assert replace(FULL, **change).program() == FULL.program()


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 10},
        {"epochs": 3},
        {"data": digits(train=90)},
        {"precision": "float64"},
        {"model": MLP(hidden=(9,), dropout=0.2)},
        {"model": MLP(hidden=(8,), dropout=0.2, activation="tanh")},
        {"model": ConvNet(depth=8, width=4, dropout=0.2)},
        {"optimizer": AdamW(lr=0.1)},
        {"optimizer": SGD(lr=0.1, momentum=0.9, nesterov=True)},
        {"augment": (Flip(0.5),)},
        {"loss": TAUGHT.loss},
        {"penalty": L2(0.1)},
        {"clip": ClipNorm(1.0)},
    ],
)
def test_anything_else_is_another_program(change):
    assert replace(BASE, **change).program() != BASE.program()


@pytest.mark.parametrize(
    "change",
    [
        {"augment": FULL.augment[::-1]},
        {"augment": FULL.augment[:2]},
        {"augment": (Shift(0.5), Mixture(0.25, operations=2), Cutmix(0.75))},
        {"penalty": ElasticNet(0.01, ratio=0.4, proximal=False)},
        {"penalty": ElasticNet(0.01, ratio=0.4, touches="all")},
        {"penalty": None},
        {"clip": ClipValue(1.5)},
    ],
)
def test_the_structure_of_each_part_counts(change):
    assert replace(FULL, **change).program() != FULL.program()


@pytest.mark.parametrize(
    ("training", "change"),
    [
        (BASE, {"optimizer": SGD(lr=0.1)}),  # no momentum
        (BASE, {"model": MLP(hidden=(8,))}),  # no dropout
        (FULL, {"augment": (Shift(0.0), *FULL.augment[1:])}),
        (FULL, {"loss": CrossEntropy()}),
        (FULL, {"penalty": ElasticNet(0.01, ratio=0.0)}),
        (FULL, {"penalty": ElasticNet(0.0, ratio=0.4)}),
        (TAUGHT, {"loss": replace(TAUGHT.loss, weight=0.0)}),
    ],
)
def test_zero_is_structure(training, change):
    zero = replace(training, **change)
    assert zero.program() != training.program()
    if "model" not in change:
        assert len(programs.paths(zero)) == len(programs.paths(training)) - 1


@pytest.mark.parametrize("off", [0, 0.0, -0.0])
def test_off_is_zero_alone(off):
    assert not floats.on(off)


@pytest.mark.parametrize("value", [1, 0.5, 1e-300, torch.tensor(0.5), torch.tensor(0.0)])
def test_everything_else_is_on(value):
    assert floats.on(value)


def test_on_asks_nothing_of_a_tensor():
    seen = vmap(lambda value: value * 2 if floats.on(value) else value)(torch.tensor([0.0, 1.0]))
    assert seen.tolist() == [0.0, 2.0]


def test_whole_numbers_in_fields_of_floats_are_floats():
    whole = replace(BASE, optimizer=SGD(lr=1, momentum=0))
    assert whole.program() == replace(BASE, optimizer=SGD(lr=0.3)).program()
    assert programs.paths(whole) == ((*STEP, "optimizer", "lr"),)
    assert programs.values(whole, programs.paths(whole)) == [1.0]


def test_floats_of_a_users_network_are_structure():
    one, other = (replace(BASE, model=Own(share)) for share in (0.2, 0.4))
    assert one.program() != other.program()
    one, other, off = (replace(BASE, model=OwnFusing(share)) for share in (0.2, 0.4, 0.0))
    assert one.program() == other.program()
    assert one.program() != off.program()
    assert one.program() != replace(BASE, model=Own(0.2)).program()


def test_of_a_teacher_only_network_and_data_count():
    teacher = TAUGHT.loss.teacher

    def taught_by(**change: Any) -> str:
        loss = replace(TAUGHT.loss, teacher=replace(teacher, **change))
        return replace(TAUGHT, loss=loss).program()

    same = TAUGHT.program()
    for change in ({"epochs": 9}, {"optimizer": AdamW(lr=0.1)}, {"batch_size": 5},
                   {"schedule": Cosine()}, {"model": MLP(hidden=(8,), dropout=0.9)}):  # fmt: skip
        assert taught_by(**change) == same
    for change in ({"model": MLP(hidden=(9,))}, {"data": digits(train=90)}):
        assert taught_by(**change) != same
    # its floats reach no step of the student
    assert programs.paths(TAUGHT) == (
        (*STEP, "loss", "temperature"), (*STEP, "loss", "weight"),
        (*STEP, "optimizer", "lr"), (*STEP, "optimizer", "momentum"),
    )  # fmt: skip


def test_a_program_is_plain_text_and_classes_of_one_name_are_told_apart():
    assert json.loads(FULL.program())["optimizer"]["type"] == "harness.optim.sgd.SGD"

    @dataclass(frozen=True)
    class Shift:
        strength: float = 0.5

        def __call__(self, images: Any, targets: Any, draws: Any) -> Any:
            return images, targets

    Shift.__qualname__ = "Shift"
    own = replace(FULL, augment=(Shift(0.5), *FULL.augment[1:]))
    assert own.program() != FULL.program()


# ---- paths, values, bind


def test_where_the_floats_lie():
    wanted = {
        (*STEP, "optimizer", "lr"): 0.1,
        (*STEP, "optimizer", "momentum"): 0.9,  # dampening and weight decay are off
        (*STEP, "loss", "label_smoothing"): 0.1,
        ("augment", 0, "strength"): 0.5,
        ("augment", 1, "strength"): 0.25,
        ("augment", 2, "strength"): 0.75,
        (*STEP, "penalty", "strength"): 0.01,
        (*STEP, "penalty", "ratio"): 0.4,
        (*STEP, "clip", "limit"): 1.5,
    }
    found = programs.paths(FULL)
    assert dict(zip(found, programs.values(FULL, found), strict=True)) == wanted


@pytest.mark.parametrize("training", [BASE, FULL, TAUGHT, replace(BASE, loss=OwnLoss())])
def test_bind_puts_each_value_in_its_place_and_leaves_the_original(training):
    where = programs.paths(training)
    before = repr(training)
    own = programs.values(training, where)
    given = [torch.tensor(10.0 + index, dtype=torch.float64) for index in range(len(where))]
    bound = programs.bind(training, where, given)
    assert repr(training) == before
    assert programs.values(bound, where) == [10.0 + index for index in range(len(where))]
    back = programs.bind(bound, where, list(own))  # type: ignore[arg-type]
    assert back == training
    assert type(back) is type(training)


def test_bind_copies_what_it_changes_and_shares_the_rest():
    where = programs.paths(FULL)
    tensors = [torch.tensor(value) for value in programs.values(FULL, where)]
    bound = programs.bind(FULL, where, tensors)
    optimizer = bound.every_update[0].optimizer
    assert optimizer is not FULL.optimizer
    assert optimizer.lr is tensors[where.index((*STEP, "optimizer", "lr"))]
    assert optimizer.nesterov is False
    assert optimizer.weight_decay == 0.0
    assert isinstance(bound.augment, tuple)
    assert [type(each) for each in bound.augment] == [Shift, Mixture, Cutmix]
    assert bound.augment[1].operations == 3
    assert bound.data is FULL.data
    assert bound.model is FULL.model
    part = programs.bind(FULL, where[:1], tensors[:1])
    assert part.augment is FULL.augment
    assert part.every_update[0].optimizer.momentum == 0.9


def test_nothing_to_bind_is_the_same_training():
    assert programs.bind(BASE, (), []) == BASE
    with pytest.raises(ValueError, match="shorter"):
        programs.bind(BASE, programs.paths(BASE), [])


def test_bind_does_not_check_again():
    """Under vmap a tensor has no truth value, and every check would need one."""
    where = programs.paths(FULL)
    huge = [torch.tensor(1e9) for _ in where]
    bound = programs.bind(FULL, where, huge)
    assert bound.every_update[0].loss.label_smoothing == 1e9
    with pytest.raises(ValueError, match="label_smoothing"):
        dataclasses.replace(bound.every_update[0].loss, label_smoothing=1e9)


def test_floats_in_tuples_and_in_dataclasses_of_a_users_own():
    training = replace(BASE, loss=OwnLoss())
    where = programs.paths(training)
    assert [path for path in where if path[2:3] == ("loss",)] == [
        (*STEP, "loss", "scale"),
        (*STEP, "loss", "pair", 0),
        (*STEP, "loss", "pair", 1, 0),
        (*STEP, "loss", "inner", "label_smoothing"),
    ]
    bound = programs.bind(training, where, [torch.tensor(value) for value in range(len(where))])
    assert bound.every_update[0].loss.pair == (1, (2, 3))
    assert isinstance(bound.every_update[0].loss.pair[1][1], int)


def test_floats_in_a_mapping_are_structure_as_nothing_can_be_bound_there():
    one, other = (replace(BASE, loss=OwnLoss(table={"a": value})) for value in (0.5, 0.6))
    assert programs.paths(one) == programs.paths(replace(BASE, loss=OwnLoss(table={})))
    assert one.program() != other.program()


@dataclass(frozen=True)
class Deriving:
    """A loss that works out a number when it is made, or when it is first asked."""

    scale: float = 1.0
    early: bool = False

    def __post_init__(self) -> None:
        if self.early:
            object.__setattr__(self, "twice", 2 * self.scale)

    @cached_property
    def thrice(self) -> float:
        return 3 * self.scale

    def __call__(self, net: Any, batch: Any) -> torch.Tensor:
        return net(batch.inputs).sum() * (self.twice if self.early else self.thrice)


def test_what_an_object_works_out_of_its_floats_makes_them_structure():
    """A copy with another float would keep what was worked out of the first one."""
    one, other = (replace(BASE, loss=Deriving(value, early=True)) for value in (0.5, 0.6))
    assert programs.paths(one) == programs.paths(BASE)
    assert one.program() != other.program()


def test_cached_properties_are_worked_out_anew():
    one, other = (replace(BASE, loss=Deriving(value)) for value in (0.5, 0.6))
    before = one.program()
    assert one.loss.thrice == 1.5
    assert one.program() == before == other.program()
    bound = programs.bind(one, [(*STEP, "loss", "scale")], [torch.tensor(7.0)])
    assert bound.every_update[0].loss.thrice == 21.0
    assert one.loss.thrice == 1.5


def test_trials_with_a_cached_property_train_together_each_with_its_own():
    requests = [Request(replace(BASE, loss=Deriving(v)), 0) for v in (0.001, 0.0001)]
    for request in requests:
        assert request.training.loss.thrice > 0
    plain, fused = (train_together(requests, torch.device("cpu"), m) for m in
                    (Mode(), Mode("fused", 2)))  # fmt: skip
    for one, two in zip(plain, fused, strict=True):
        assert two.note == ""
        assert two.curves["train_loss"] == pytest.approx(one.curves["train_loss"], rel=1e-3)
    assert plain[0].curves["train_loss"] != plain[1].curves["train_loss"]


def _sgd(training: Training, grads: torch.Tensor) -> torch.Tensor:
    optimizer = training.every_update[0].optimizer
    state = optimizer.init(grads)
    return optimizer.update(grads, state, grads + 1, 1.0, None)[0]


def _penalised(training: Training, grads: torch.Tensor) -> torch.Tensor:
    (update,) = training.every_update
    return update.penalty.after(grads, update.optimizer.lr, None)


def _clipped(training: Training, grads: torch.Tensor) -> torch.Tensor:
    return training.every_update[0].clip(grads)


@pytest.mark.parametrize("step", [_sgd, _penalised, _clipped])
def test_a_bound_training_computes_what_the_numbers_do(step: Callable):
    """To the bit: 0-dim float64 lends its type to nothing."""
    rates = (0.1, 0.037, 1.5)
    trials = [
        replace(BASE, optimizer=SGD(lr=rate), clip=ClipNorm(rate), penalty=L1(rate))
        for rate in rates
    ]
    where = programs.paths(trials[0])
    grads = torch.randn(50, generator=torch.Generator().manual_seed(0))
    table = torch.tensor([programs.values(each, where) for each in trials], dtype=torch.float64)
    assert len(where) == 3

    def single(values: torch.Tensor) -> torch.Tensor:
        return step(programs.bind(trials[0], where, list(values.unbind())), grads)

    together = vmap(single)(table)
    for row, values, trial in zip(together, table, trials, strict=True):
        wanted = step(trial, grads)
        assert wanted.dtype == torch.float32
        assert torch.equal(single(values), wanted)
        assert torch.equal(row, wanted)
    assert not torch.equal(together[0], together[1])


def test_the_schedule_is_bound_nowhere():
    warm = replace(BASE, schedule=Constant(warmup=0.3), stopping=EarlyStopping(2, by=0.5))
    assert programs.paths(warm) == programs.paths(BASE)


def test_the_sum_of_a_mean_is_exact_and_knows_no_overflow() -> None:
    values = [0.1] * 10 + [1e16, 1.0, -1e16]
    assert floats.mean_of(values) == 2 / 13
    assert floats.mean_of(reversed(values)) == 2 / 13
    assert sum(values) / 13 != 2 / 13, "an easy case"
    assert floats.mean_of([1.7e308, 1.5e308]) == pytest.approx(1.6e308)
    assert math.isnan(floats.mean_of([]))
