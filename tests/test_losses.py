"""Losses against their formulas, and against torch's own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn
from torch.func import grad_and_value, vmap

from harness.augment import Shift
from harness.data import arrays, digits
from harness.engines import programs
from harness.engines.modes import PLAIN, Mode
from harness.engines.plain import Plain
from harness.engines.prepared import make_ready
from harness.messages.errors import HarnessError
from harness.models import MLP, ConvNet
from harness.optim import SGD
from harness.tasks.losses import Batch, CrossEntropy, Distillation, Loss, Net
from harness.trainer.train import (
    DivergedError,
    Request,
    TrainingResult,
    train,
    train_need,
    train_together,
)
from harness.training import Training

CPU = torch.device("cpu")
BASE = Training(
    data=digits(train=120, validation=60, test=60),
    model=MLP(hidden=(8,)),
    optimizer=SGD(lr=0.1, momentum=0.9),
    batch_size=20,
    epochs=3,
)
TEACHER = replace(BASE, model=MLP(hidden=(16,)), epochs=4)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def batch(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, labels and probabilities of 20 examples of 5 classes."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20, 5, generator=generator, dtype=dtype)
    labels = torch.randint(5, (20,), generator=generator)
    mixed = torch.rand(20, 5, generator=generator, dtype=dtype)
    return logits, labels, mixed / mixed.sum(1, keepdim=True)


def message(call: Callable[[], object]) -> str:
    with pytest.raises(HarnessError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


# ---- cross-entropy


def lost(
    loss: Loss, logits: torch.Tensor, targets: torch.Tensor, taught: torch.Tensor | None = None
) -> torch.Tensor:
    """A loss on a network that gives these logits, as an engine calls it."""
    given = {} if taught is None else {"teacher": taught}
    net: Any = nn.Identity()
    return loss(net, Batch(logits, targets, given))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("probabilities", [False, True])
def test_cross_entropy_is_its_formula_and_torchs(smoothing, probabilities):
    """Szegedy et al. 2015, https://arxiv.org/abs/1512.00567, section 7."""
    logits, labels, mixed = batch()
    targets = mixed if probabilities else labels
    wide = mixed if probabilities else F.one_hot(labels, 5).double()
    target = (1 - smoothing) * wide + smoothing / 5
    wanted = -(target * logits.log_softmax(1)).sum(1).mean()
    loss = CrossEntropy(label_smoothing=smoothing)
    assert isinstance(loss, Loss)
    assert lost(loss, logits, targets).item() == pytest.approx(wanted.item(), rel=1e-12)
    torchs = nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, targets)
    assert lost(loss, logits, targets).item() == pytest.approx(torchs.item(), rel=1e-12)
    own, theirs = (
        torch.func.grad(each)(logits)
        for each in (
            lambda given: lost(loss, given, targets),
            lambda given: F.cross_entropy(given, targets, label_smoothing=smoothing),
        )
    )
    assert torch.allclose(own, theirs, rtol=1e-12, atol=1e-15)
    assert own.abs().max() > 1e-3


def test_without_smoothing_it_is_torchs_to_the_bit():
    logits, labels, mixed = batch(torch.float32)
    for targets in (labels, mixed):
        assert torch.equal(lost(CrossEntropy(), logits, targets), F.cross_entropy(logits, targets))


def test_labels_and_their_probabilities_give_the_same():
    logits, labels, _ = batch()
    wide = F.one_hot(labels, 5).double()
    for loss in (CrossEntropy(), CrossEntropy(0.3)):
        assert lost(loss, logits, wide).item() == pytest.approx(
            lost(loss, logits, labels).item(), rel=1e-12
        )


@pytest.mark.parametrize("value", [-0.1, 1.0, 1, math.nan, math.inf, "0.1", None, True])
def test_bad_smoothing_is_told_in_one_line(value):
    text = message(lambda: CrossEntropy(label_smoothing=value))
    assert text.startswith("CrossEntropy(label_smoothing=...) must lie in [0, 1); got ")
    assert repr(value) in text


# ---- distillation


def soft_part(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T² KL(teacher ‖ student), example by example in plain numbers."""
    total = 0.0
    for row, wanted in zip(student / temperature, teacher / temperature, strict=True):
        p = wanted.exp() / wanted.exp().sum()
        q = row.exp() / row.exp().sum()
        total = total + sum(p * (p.log() - q.log()))
    return total / len(student) * temperature**2


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("probabilities", [False, True])
def test_distillation_is_its_formula_and_torchs(temperature, weight, probabilities):
    """Hinton, Vinyals & Dean 2015, https://arxiv.org/abs/1503.02531, section 2."""
    logits, labels, mixed = batch()
    targets = mixed if probabilities else labels
    taught = logits.flip(0) * 1.3
    loss = Distillation(TEACHER, temperature, weight)
    assert isinstance(loss, Loss)
    hard = F.cross_entropy(logits, targets)
    wanted = weight * soft_part(logits, taught, temperature) + (1 - weight) * hard
    seen = lost(loss, logits, targets, taught)
    assert seen.item() == pytest.approx(wanted.item(), rel=1e-12)
    torchs = F.kl_div(
        (logits / temperature).log_softmax(1), (taught / temperature).log_softmax(1),
        reduction="batchmean", log_target=True,
    )  # fmt: skip
    mixture = weight * temperature**2 * torchs + (1 - weight) * hard
    assert seen.item() == pytest.approx(mixture.item(), rel=1e-12)


def test_weight_1_looks_at_no_label_and_weight_0_at_no_teacher():
    logits, labels, _ = batch()
    taught = logits.flip(0)
    soft, hard = (Distillation(TEACHER, 2.0, weight) for weight in (1.0, 0.0))
    others = (labels + 1) % 5
    assert torch.equal(lost(soft, logits, labels, taught), lost(soft, logits, others, taught))
    assert not torch.equal(lost(hard, logits, labels, taught), lost(hard, logits, others, taught))
    for teacher in (taught, 3 * taught, taught * math.inf):  # off is bit for bit as without
        assert torch.equal(lost(hard, logits, labels, teacher), F.cross_entropy(logits, labels))
    assert not torch.equal(
        lost(soft, logits, labels, taught), lost(soft, logits, labels, 3 * taught)
    )


def test_nothing_is_left_to_learn_from_a_teacher_that_is_matched():
    logits, labels, _ = batch()
    loss = Distillation(TEACHER, 3.0, 1.0)
    shifted = logits + torch.arange(20, dtype=torch.float64)[:, None]  # the same predictions
    gradient, value = grad_and_value(lambda given: lost(loss, given, labels, shifted))(logits)
    assert value.item() == pytest.approx(0, abs=1e-14)
    assert gradient.abs().max() < 1e-14
    assert lost(loss, logits, labels, logits.flip(0)).item() > 0.1


def soft_gradient(temperature: float) -> torch.Tensor:
    logits, labels, _ = batch()
    taught = logits.flip(0)
    loss = Distillation(TEACHER, temperature, 1.0)
    return torch.func.grad(lambda given: lost(loss, given, labels, taught))(logits)


def test_gradients_keep_their_size_at_any_temperature():
    """T (q - p) / batch, which for large T is the centred difference of logits over classes.

    Hinton et al. 2015, equations 2 to 4; without T² it would shrink as 1/T².
    """
    logits, _, _ = batch()
    taught = logits.flip(0)
    for temperature in (1.0, 2.0, 10.0):
        p, q = ((each / temperature).softmax(1) for each in (taught, logits))
        assert torch.allclose(soft_gradient(temperature), temperature * (q - p) / 20, rtol=1e-10)
    apart = (logits - logits.mean(1, keepdim=True)) - (taught - taught.mean(1, keepdim=True))
    limit = apart / 5 / 20
    error = [(soft_gradient(t) - limit).norm() / limit.norm() for t in (10.0, 100.0, 1000.0)]
    assert error[2] < 0.005
    assert error[1] / error[2] == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("augment", [(), (Shift(0.5),)])
def test_a_teacher_does_not_learn(augment):
    training = replace(BASE, loss=Distillation(TEACHER), augment=augment)
    learnt = train_need(TEACHER, 0, CPU)
    member = make_ready(training, 0, CPU, {"teacher": learnt})
    teacher = member.asked["teacher"]
    engine = Plain([member])
    (first,), (last,) = engine.epoch(0), engine.epoch(1)
    assert last < first
    assert (teacher.outputs is None) == bool(augment)
    assert all(torch.equal(each, learnt[name]) for name, each in teacher.network.learnt().items())
    assert not teacher.network.module.training


# ---- numbers, tensors, many at a time


@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("kind", ["smoothing", "distillation"])
def test_numbers_and_tensors_give_the_same(kind, probabilities):
    """To rounding: a mean, of no dimensions, becomes float64 beside a tensor that is."""
    logits, labels, mixed = batch(torch.float32)
    targets, taught = (mixed if probabilities else labels), logits.flip(0)
    losses: list[CrossEntropy | Distillation] = [
        CrossEntropy(value) if kind == "smoothing" else Distillation(TEACHER, 10 * value, value)
        for value in (0.1, 0.35, 0.9)
    ]
    trials = [replace(BASE, loss=loss) for loss in losses]
    where = [path for path in programs.paths(trials[0]) if "loss" in path]
    table = torch.tensor([programs.values(each, where) for each in trials], dtype=torch.float64)

    def single(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        bound = programs.bind(trials[0], where, list(values.unbind()))
        return grad_and_value(
            lambda given: lost(bound.every_update[0].loss, given, targets, taught)
        )(logits)

    together = vmap(single)(table)
    for index, loss in enumerate(losses):
        gradient, value = grad_and_value(lambda given, one=loss: lost(one, given, targets, taught))(
            logits
        )
        alone = single(table[index])
        for each in (alone, (together[0][index], together[1][index])):
            assert each[0].dtype == torch.float32
            assert torch.allclose(each[0], gradient, rtol=1e-5, atol=1e-8)
            assert float(each[1]) == pytest.approx(float(value), rel=1e-6)
    assert len({float(value) for value in together[1]}) == 3


# ---- bad input


@pytest.mark.parametrize("value", [0, 0.0, -1.0, math.nan, math.inf, "4", None, True])
def test_bad_temperatures(value):
    text = message(lambda: Distillation(TEACHER, temperature=value))
    assert text.startswith("Distillation(temperature=...) must be above 0 and finite; got ")


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, "0.5", None, False])
def test_bad_weights(value):
    text = message(lambda: Distillation(TEACHER, weight=value))
    assert text.startswith("Distillation(weight=...) must lie in [0, 1]; got ")


@pytest.mark.parametrize("teacher", [None, "TEACHER", MLP(), Training, CrossEntropy()])
def test_a_teacher_must_be_a_training(teacher):
    text = message(lambda: replace(BASE, loss=Distillation(teacher)))
    assert text.startswith("Distillation(teacher=...) must be a Training; got ")


def test_a_training_needs_its_teacher():
    taught = replace(BASE, loss=Distillation(TEACHER))
    assert taught.needs() == taught.asked() == {"teacher": TEACHER}
    assert BASE.needs() == replace(BASE, loss=OwnLoss()).needs() == {}


@dataclass(frozen=True)
class OwnLoss:
    """A user's loss that calls a number of its own "teacher"."""

    teacher: float = 0.5

    def __call__(self, net, batch):
        return F.cross_entropy(net(batch.inputs), batch.targets) * self.teacher


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_teacher_must_not_be_its_own_student(length):
    """Only trickery makes such a circle, of any length; it is told, and not run into."""
    first = replace(BASE)
    last = first
    for _ in range(length - 1):
        last = replace(BASE, loss=Distillation(last))
    object.__setattr__(first, "loss", Distillation(last))
    for call in (
        lambda: replace(first, epochs=9),
        lambda: replace(BASE, loss=Distillation(first)),
        lambda: dataclasses.replace(last, batch_size=5),
    ):
        text = message(call)
        assert "a Training must not need itself" in text


def test_a_chain_of_teachers_is_fine():
    chain = replace(BASE, loss=Distillation(replace(BASE, epochs=1, loss=Distillation(TEACHER))))
    assert math.isfinite(train(chain, 0, CPU).metrics["teacher_divergence"])


def colours(classes: int, side: int) -> object:
    images = np.random.default_rng(0).random((60, 1, side, side), dtype=np.float32)
    return arrays(images, np.arange(60) % classes, f"{classes} of {side}")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (colours(10, 6), "the same shape, (1, 8, 8); got a Training on inputs of shape (1, 6, 6)."),
        (colours(4, 8), "the same targets, 10 classes; got a Training on 4 classes."),
    ],
)
def test_a_teacher_of_other_data_must_fit(data, said):
    teacher = replace(TEACHER, data=data, epochs=1, batch_size=10)
    text = message(lambda: train(replace(BASE, loss=Distillation(teacher)), 0, CPU))
    assert "the teacher of Distillation must know " in text
    assert said in text


# ---- training with a teacher


def test_a_teacher_is_trained_first_and_from_the_same_seed():
    taught = replace(BASE, loss=Distillation(TEACHER))
    learnt = train_need(TEACHER, 5, CPU)
    by_itself = train(taught, 5, CPU)
    (given,) = train_together([Request(taught, 5, given={"teacher": learnt})], CPU, Mode())
    assert isinstance(given, TrainingResult)
    assert (given.metrics, given.curves) == (by_itself.metrics, by_itself.curves)
    another = {"teacher": train_need(TEACHER, 6, CPU)}
    (other,) = train_together([Request(taught, 5, given=another)], CPU, Mode())
    assert isinstance(other, TrainingResult)
    assert other.curves["train_loss"] != given.curves["train_loss"]


def test_a_student_comes_to_agree_with_its_teacher():
    long = replace(BASE, epochs=12)
    copy = train(replace(long, loss=Distillation(TEACHER, 2.0, 1.0)), 0, CPU).metrics
    hardly = train(replace(long, loss=Distillation(TEACHER, 2.0, 0.0)), 0, CPU).metrics
    assert copy["teacher_divergence"] < 0.5 * hardly["teacher_divergence"]
    assert copy["teacher_agreement"] > 0.7


def test_weight_0_trains_as_without_a_teacher():
    alone = train(BASE, 0, CPU)
    taught = train(replace(BASE, loss=Distillation(TEACHER, weight=0.0)), 0, CPU)
    assert taught.curves == alone.curves
    assert alone.metrics.items() <= taught.metrics.items()


def test_a_teacher_that_diverges_is_its_students_end():
    wild = replace(TEACHER, optimizer=SGD(lr=1e30))
    with pytest.raises(DivergedError, match="training loss in epoch 1 is"):
        train(replace(BASE, loss=Distillation(wild)), 0, CPU)


@dataclass(frozen=True)
class Hiding:
    """A network that keeps what it drew at birth where nobody stacks it."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Hiding(classes)


class _Hiding(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.mask = torch.rand(64)  # no buffer
        self.head = nn.Linear(64, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.flatten(1) * self.mask)


@pytest.mark.parametrize("augment", [(), (Shift(0.5),)])
def test_a_teacher_that_cannot_be_stacked_is_asked_alone(augment):
    """Without augmentation its answers are known beforehand, and nothing hinders."""
    loss = Distillation(replace(TEACHER, model=Hiding(), epochs=1), 2.0, 0.9)
    training = replace(BASE, loss=loss, augment=augment, precision="float64")
    requests = [Request(training, seed) for seed in range(2)]
    plain, fused = (train_together(requests, CPU, mode) for mode in (Mode(), Mode("fused", 2)))
    for one, other in zip(plain, fused, strict=True):
        assert isinstance(one, TrainingResult)
        assert isinstance(other, TrainingResult)
        assert other.curves["train_loss"] == pytest.approx(one.curves["train_loss"], abs=1e-9)
        assert other.mode.kind == ("plain" if augment else "fused")
        assert ("differ in mask" in other.note) == bool(augment)


def test_a_convolutional_student_of_a_perceptron():
    """Teacher and student share data alone."""
    student = replace(BASE, model=ConvNet(depth=8, width=4), epochs=1, loss=Distillation(TEACHER))
    assert math.isfinite(train(student, 0, CPU).metrics["teacher_divergence"])


# ---- a loss sees the network, its parts and random numbers


@dataclass(frozen=True)
class Seeing:
    """Keeps what it is given, for a look."""

    part: str = "1"
    seen: ClassVar[list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]] = []

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        whole = net(batch.inputs)
        by_parts = batch.inputs
        for name in ("0", self.part, "2", "3"):
            by_parts = net.part(name)(by_parts)
        self.seen.append((whole, by_parts, batch.draws.uniform("numbers", 4)))
        return F.cross_entropy(whole, batch.targets)


@dataclass(frozen=True)
class InParts:
    """A network whose parts have the names 0 to 3."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(math.prod(shape), 5), nn.Tanh(), nn.Linear(5, classes)
        )


def losses_seen(seed: int) -> list[tuple[torch.Tensor, ...]]:
    Seeing.seen.clear()
    training = replace(BASE, model=InParts(), loss=Seeing(), epochs=2)
    (outcome,) = train_together([Request(training, seed)], CPU, PLAIN)
    assert isinstance(outcome, TrainingResult)
    assert outcome.note == ""
    return list(Seeing.seen)


def test_parts_one_after_another_are_the_whole_network():
    seen = losses_seen(0)
    assert len(seen) > 4
    for whole, by_parts, _ in seen:
        assert whole.shape[1] == 10
        assert torch.equal(whole, by_parts)


def test_random_numbers_of_a_loss_follow_from_seed_and_step():
    drawn = [draws for *_, draws in losses_seen(0)]
    again = [draws for *_, draws in losses_seen(0)]
    other = [draws for *_, draws in losses_seen(1)]
    assert all(map(torch.equal, drawn, again))
    assert not any(map(torch.equal, drawn, other))
    steps = {tuple(each.tolist()) for each in drawn}
    assert len(steps) > len(drawn) // 2, "each step has its own"


def test_a_part_that_is_not_there_is_told_in_one_line():
    training = replace(BASE, model=InParts(), loss=Seeing(part="middle"))
    (error,) = train_together([Request(training, 0)], CPU, PLAIN)
    assert isinstance(error, HarnessError)
    assert "parts that the network has; got 'middle'" in str(error)
    assert "\n" not in str(error)


@dataclass(frozen=True)
class OnLogits:
    """A loss as they were called before."""

    def __call__(self, logits: Any, targets: Any, taught: Any) -> torch.Tensor:
        return F.cross_entropy(logits, targets)


def test_a_loss_with_other_arguments_is_told_what_it_is_given():
    text = message(lambda: replace(BASE, loss=OnLogits()))
    assert text.startswith("Training(loss=...) must be called as loss(net, batch); got OnLogits")
