"""Measures against mathematics, references and examples by hand; and that they leave no trace."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn
from torch.nn.utils import prune

from harness import measures
from harness.data import arrays, digits
from harness.engines.evaluate import evaluate
from harness.engines.plain import Plain, make_step
from harness.engines.prepared import Member, make_ready
from harness.engines.step import Rows
from harness.identity.code import code_of
from harness.measures import (
    ALWAYS,
    ActivationVariance,
    Calibration,
    DeadUnits,
    FirstBlockGradient,
    GradientNoise,
    GradientNorms,
    Noisy,
    Occluded,
    PrunedAccuracy,
    Sharpness,
    TeacherAgreement,
    VarianceShift,
    WeightNorm,
    calibration_error,
    default_measures,
    measured,
)
from harness.measures.gradient_noise import noise_scale
from harness.measures.kept import some_training
from harness.measures.pruning import pruned
from harness.messages.errors import HarnessError
from harness.models import MLP, ConvNet, HeNormal, Normal
from harness.optim import SGD
from harness.randomness.counting import Draws
from harness.study.chosen import RECORDED, check_measures
from harness.study.declaration import find_metric
from harness.study.metrics import BY_LAYER, GIVEN_BY, METRICS, Metric, defined
from harness.tasks import Classification
from harness.tasks.losses import CrossEntropy, Distillation
from harness.trained import Measure, Trained, Values
from harness.training import Training

CPU = torch.device("cpu")
torch.set_num_threads(1)

EVERY: tuple[Measure, ...] = (
    *ALWAYS, ActivationVariance(), DeadUnits(), DeadUnits(when="start"), GradientNorms(),
    GradientNoise(batches=6), Sharpness(steps=2, samples=2, images=50), Occluded(), Noisy(),
    VarianceShift(images=50), PrunedAccuracy(),
)  # fmt: skip


def training(model: object = MLP(hidden=(16,)), **changes: object) -> Training:
    given: dict[str, object] = {
        "data": digits(train=120, validation=40, test=100), "model": model,
        "optimizer": SGD(lr=0.1, momentum=0.9), "batch_size": 20, "epochs": 8, **changes,
    }  # fmt: skip
    return Training(**given)  # type: ignore[arg-type]


def fresh(model: object = MLP(hidden=(16,)), seed: int = 0, **changes: object) -> Trained:
    return Trained(make_ready(training(model, **changes), seed, CPU))


def accuracy_of(trained: Trained) -> float:
    member = trained.member
    scores = evaluate(trained.network, member.frame, member.splits.test, Classification(), 0)
    return scores["accuracy"]


def after(epochs: int, trained: Trained) -> Trained:
    plain = Plain([trained.member])
    plain.start()
    for epoch in range(epochs):
        plain.epoch(epoch)
    plain.stop()
    return Trained(trained.member)


BUSY = MLP(hidden=(16, 16), normalisation="batch", dropout=0.3, order="dropout, norm")


@dataclass(frozen=True)
class Linear:
    """Softmax regression; its weights are what a test puts into them."""

    bias: bool = True

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes, bias=self.bias))


# --- calibration ---


def logits_for(confidences: list[float]) -> torch.Tensor:
    """Two classes, of which the second is predicted with these probabilities."""
    p = torch.tensor(confidences, dtype=torch.float64).clamp(max=1 - 1e-15)
    return torch.stack([(1 - p).log(), p.log()], dim=1)


def test_calibration_error_by_hand() -> None:
    # bins 9 (0.5333 to 0.6), 12 (0.7333 to 0.8), 14 (0.8667 to 0.9333) and 15, numbered from 1
    logits = logits_for([0.55, 0.59, 0.75, 0.9, 0.91, 0.92, 0.93, 0.87, 0.94, 1.0])
    targets = torch.tensor([1, 0, 0, 1, 1, 1, 0, 1, 1, 1])
    bins = [
        2 / 10 * abs(1 / 2 - (0.55 + 0.59) / 2),
        1 / 10 * abs(0 - 0.75),
        5 / 10 * abs(4 / 5 - (0.9 + 0.91 + 0.92 + 0.93 + 0.87) / 5),  # too sure
        2 / 10 * abs(2 / 2 - (0.94 + 1) / 2),  # not sure enough
    ]
    assert calibration_error(logits, targets) == pytest.approx(sum(bins), abs=1e-12)


def test_calibration_error_is_that_of_the_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(500, 7, generator=generator)
    targets = torch.randint(7, (500,), generator=generator)
    probabilities = np.asarray(logits.double().softmax(1))
    confidence, right = probabilities.max(1), probabilities.argmax(1) == targets.numpy()
    error = 0.0
    for index in range(15):
        inside = (confidence > index / 15) & (confidence <= (index + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert error > 0.2
    assert calibration_error(logits, targets) == pytest.approx(error, abs=1e-12)


def test_labels_drawn_from_the_predictions_are_calibrated() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(100_000, 5, generator=generator)
    targets = logits.softmax(1).multinomial(1, generator=generator)[:, 0]
    assert 0 < calibration_error(logits, targets) < 0.006  # 15 bins' noise is about 0.003
    assert calibration_error(3 * logits, targets) > 0.1  # the same predictions, too sure
    assert calibration_error(logits, targets) < calibration_error(logits / 3, targets)


def test_calibration_where_a_logit_is_not_finite_is_nan() -> None:
    logits = torch.tensor([[math.nan, 1.0], [0.0, 1.0]])
    assert math.isnan(calibration_error(logits, torch.tensor([0, 1])))


def test_calibration_is_measured_on_test_examples() -> None:
    trained = after(3, fresh())
    test = trained.member.splits.test
    (value,) = Calibration()(trained).values()
    assert value == calibration_error(trained.logits(test.inputs), test.targets)
    assert 0.01 < value < 1  # type: ignore[operator]


# --- weights ---


def test_weight_norm_leaves_out_biases_and_normalisation() -> None:
    trained = fresh(ConvNet(depth=8, width=4))
    module = trained.network.module
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.fill_(100)
            if isinstance(part, nn.Linear):
                part.bias.fill_(100)
                part.weight[:3] = 0
    weights = [p.detach() for p in module.parameters() if p.ndim > 1]
    count = sum(p.numel() for p in weights)
    found = WeightNorm()(trained)
    assert found["weight_norm"] == pytest.approx(
        math.sqrt(sum(float(p.double().square().sum()) for p in weights))
    )
    assert found["zero_weights"] == 3 * 16 / count


# --- gradients ---


@pytest.mark.parametrize("model", [BUSY, ConvNet(depth=8, width=4, dropout=0.2)])
def test_first_gradient_is_that_of_the_first_step(model: object) -> None:
    """With plain SGD and learning rate 1 the first step is the gradient."""
    trained = fresh(model, optimizer=SGD(lr=1.0), loss=CrossEntropy(label_smoothing=0.1))
    norms, block = GradientNorms()(trained), FirstBlockGradient()(trained)
    network, splits = trained.network, trained.member.splits
    before, rows = network.vector.clone(), trained.member.order(0)[0]
    network.module.train()
    step = make_step(trained.member)
    step(Rows(splits.train.inputs[rows], splits.train.targets[rows]), 1.0, 0)
    grads = torch.split(before - network.vector, [p.numel() for p in network.params])
    first = torch.cat([grads[each] for each in network.first_block()])
    assert block["gradient_norm_first_block"] == pytest.approx(float(first.norm()), rel=1e-4)
    of_weights = [
        float(grad.norm())
        for grad, param in zip(grads, network.params, strict=True)
        if param.ndim > 1
    ]
    assert norms["gradient_norm"] == pytest.approx(of_weights, rel=1e-4)
    ratio = of_weights[0] / of_weights[-1]
    assert norms["gradient_norm_ratio"] == pytest.approx(ratio, rel=1e-4)


def test_gradients_vanish_in_deep_sigmoid_networks() -> None:
    def ratio(depth: int) -> float:
        model = MLP(hidden=(32,) * depth, activation="sigmoid")
        value = GradientNorms()(fresh(model))["gradient_norm_ratio"]
        assert isinstance(value, float)
        return value

    # each sigmoid scales what comes back by at most a quarter
    assert ratio(6) < 0.25**3 < ratio(1)


@dataclass(frozen=True)
class Zeroed:
    """A network whose last layer is 0, so that nothing comes back to the first."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        module = MLP(hidden=(8,)).build(shape, classes)
        nn.init.zeros_(module.get_parameter("3.weight"))
        return module


def test_gradient_norms_of_a_blocked_network() -> None:
    found = GradientNorms()(fresh(Zeroed()))
    norms = found["gradient_norm"]
    assert isinstance(norms, list)
    assert norms[0] == 0 < norms[1]
    assert found["gradient_norm_ratio"] == 0


# --- activations ---


def test_he_keeps_the_variance_and_small_weights_lose_it() -> None:
    def values(initialisation: object) -> Values:
        model = MLP(hidden=(256,) * 10, initialisation=initialisation)  # type: ignore[arg-type]
        return ActivationVariance()(fresh(model, batch_size=100))

    he, small = values(HeNormal()), values(Normal(0.01))
    variances = he["activation_variance"]
    assert isinstance(variances, list)
    assert len(variances) == 11
    # He et al. 2015, equation 10: Var[y] is the same for every layer, up to sampling
    assert all(0.4 < each / variances[0] < 2.5 for each in variances[:-1])
    assert he["activation_variance_ratio"] == variances[-2] / variances[0]
    # equation 9: each layer multiplies it by width * Var[w] / 2 = 256 * 0.01 ** 2 / 2
    shrinks = (256 * 0.01**2 / 2) ** 9
    ratio = small["activation_variance_ratio"]
    assert isinstance(ratio, float)
    assert 0.3 < ratio / shrinks < 3


def test_activation_variance_is_that_of_the_layers_outputs() -> None:
    trained = fresh(MLP(hidden=(16,), activation="tanh", dropout=0.5))
    member = trained.member
    rows = member.order(0)[0]
    inputs = member.splits.standardize(member.splits.train.inputs[rows]).flatten(1)
    first = trained.network.module.get_submodule("1")
    outputs = (inputs @ first.weight.T + first.bias).detach()  # type: ignore[operator]
    variances = ActivationVariance()(trained)["activation_variance"]
    assert isinstance(variances, list)
    assert variances[0] == pytest.approx(float(outputs.var(correction=0)), rel=1e-5)
    assert len(variances) == 2


def test_activation_variance_needs_a_hidden_layer() -> None:
    with pytest.raises(HarnessError, match="hidden layer"):
        ActivationVariance()(fresh(Linear()))


@pytest.mark.parametrize("images", [7, 10_000])
def test_dead_units_are_counted(images: int) -> None:
    trained = fresh(MLP(hidden=(16, 24)))
    module, splits = trained.network.module, trained.member.splits
    with torch.no_grad():
        module.get_parameter("1.bias")[:5] = -1e3
        module.get_parameter("3.bias")[:10] = -1e3
        rows = some_training(trained, images)
        assert len(rows) == min(images, 120)
        first = module[:3](splits.standardize(splits.train.inputs[rows]))  # type: ignore[index]
        second = module[3:5](first)  # type: ignore[index]
    dead = int((first == 0).all(0).sum()) + int((second == 0).all(0).sum())
    assert 15 <= dead < 30
    assert DeadUnits(images=images)(trained)["dead_units"] == pytest.approx(dead / 40)


def test_a_unit_that_one_example_wakes_is_not_dead() -> None:
    # more than go through the network at a time, so that some passes never see the one
    trained = fresh(MLP(hidden=(1,)), data=digits(train=700, validation=40, test=100))
    module, splits = trained.network.module, trained.member.splits
    weight, bias = module.get_parameter("1.weight"), module.get_parameter("1.bias")
    inputs = splits.standardize(splits.train.inputs).flatten(1)
    with torch.no_grad():
        scores = (inputs @ weight.T).flatten().sort().values
        bias.fill_(-float(scores[-1] + scores[-2]) / 2)  # all but the highest lie below 0
    assert DeadUnits(images=700)(trained)["dead_units"] == 0
    with torch.no_grad():
        bias.fill_(-float(scores[-1]) - 1)
    assert DeadUnits(images=700)(trained)["dead_units"] == 1


def test_dead_units_of_channels_and_of_networks_without_activation_modules() -> None:
    trained = fresh(ConvNet(depth=8, width=4, normalisation="none"))
    with torch.no_grad():
        trained.network.module.get_parameter("stem.bias")[:2] = -1e3
    before = DeadUnits()(fresh(ConvNet(depth=8, width=4, normalisation="none")))["dead_units"]
    units = 4 + 2 * (4 + 8 + 16)  # a block has two activations, each with the stage's channels
    assert DeadUnits()(trained)["dead_units"] >= before + 2 / units  # type: ignore[operator]
    assert not DeadUnits()(fresh(Linear()))


# --- sharpness ---


@lru_cache
def regression(*, at_minimum: bool) -> tuple[Trained, torch.Tensor, torch.Tensor]:
    """Softmax regression in float64; the gradient and Hessian in u, for parameters w + |w| u."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(60) % 2
    inputs = torch.randn(60, 3, generator=generator) + targets[:, None]  # not separable
    data = arrays(inputs, targets, "points", train=30, validation=15, test=15)
    trained = fresh(Linear(), data=data, batch_size=30, precision="float64")
    splits = trained.member.splits
    x = splits.standardize(splits.train.inputs).double()

    def loss(vector: torch.Tensor) -> torch.Tensor:
        logits = x @ vector[:6].view(2, 3).T + vector[6:]
        return F.cross_entropy(logits, splits.train.targets)

    vector = torch.linspace(-1, 1, 8, dtype=torch.float64)
    for _ in range(30 if at_minimum else 0):
        # Newton's method; the Hessian is singular where all logits shift alike
        hessian = torch.autograd.functional.hessian(loss, vector)
        vector = vector - torch.linalg.pinv(
            hessian, rtol=1e-10
        ) @ torch.autograd.functional.jacobian(loss, vector)
    with torch.no_grad():
        trained.network.vector.copy_(vector)
    sizes = vector.abs()
    hessian = torch.autograd.functional.hessian(loss, vector)
    return (
        trained,
        sizes * torch.autograd.functional.jacobian(loss, vector),
        sizes[:, None] * hessian * sizes,
    )


def test_random_sharpness_at_a_minimum_is_half_the_trace() -> None:
    trained, slope, curvature = regression(at_minimum=True)
    assert slope.norm() < 1e-10
    std, samples = 1e-2, 500
    found = Sharpness(std=std, samples=samples, steps=1)(trained)["sharpness_random"]
    expected = std**2 / 2 * float(curvature.trace())
    # the variance of u'Au / 2 is |A|² / 2, with Frobenius's norm
    error = std**2 * float(curvature.norm()) / math.sqrt(2 * samples)
    assert abs(found - expected) < 4 * error < expected / 3  # type: ignore[operator]


def test_random_sharpness_is_the_mean_rise_over_its_draws() -> None:
    trained, slope, curvature = regression(at_minimum=False)
    std = 1e-3
    draws = trained.draws("sharpness")
    u = std * torch.stack([draws.normal(f"sample {each}", 8) for each in range(5)]).double()
    assert u.std() == pytest.approx(std, rel=0.4)
    rises = u @ slope + ((u @ curvature) * u).sum(1) / 2
    found = Sharpness(std=std, samples=5, steps=1)(trained)["sharpness_random"]
    assert found == pytest.approx(float(rises.mean()), rel=1e-3)


def test_worst_sharpness_is_the_maximum_in_the_ball() -> None:
    trained, slope, curvature = regression(at_minimum=False)
    rho = 0.02
    # a quadratic's maximum on a sphere: (m - H) u = g, with m such that u has the length rho
    values, vectors = torch.linalg.eigh(curvature)
    parts = vectors.T @ slope
    low, high = float(values[-1]), float(values[-1] + slope.norm() / rho + 1)
    for _ in range(200):
        middle = (low + high) / 2
        longer = float((parts / (middle - values)).norm()) > rho
        low, high = (middle, high) if longer else (low, middle)
    best = parts / (high - values)
    assert float(best.norm()) == pytest.approx(rho)
    expected = float(parts @ best + (values * best**2).sum() / 2)
    found = Sharpness(rho=rho, samples=1)(trained)["sharpness_worst"]
    linear = rho * float(slope.norm())
    assert expected > 1.001 * linear  # so the curvature has a share that can be seen
    assert found == pytest.approx(expected, rel=5e-4)


def test_worst_sharpness_at_a_minimum_is_half_the_largest_eigenvalue() -> None:
    trained, _, curvature = regression(at_minimum=True)
    rho = 1e-2
    found = Sharpness(rho=rho, steps=60, samples=1)(trained)["sharpness_worst"]
    values = torch.linalg.eigvalsh(curvature)
    assert values[-1] > 1.05 * values[-2] > 0
    assert found == pytest.approx(rho**2 / 2 * float(values[-1]), rel=0.02)


def test_more_ascent_finds_no_less() -> None:
    trained = after(3, fresh(MLP(hidden=(16, 16))))
    one, five = (Sharpness(rho=2.0, steps=steps, samples=1)(trained) for steps in (1, 5))
    assert five["sharpness_worst"] > one["sharpness_worst"] > 0  # type: ignore[operator]


def test_sharpness_does_not_change_when_scale_moves_between_layers() -> None:
    trained = after(3, fresh(MLP(hidden=(16,)), precision="float64"))
    module = trained.network.module
    before = Sharpness(samples=3)(trained)
    with torch.no_grad():
        module.get_parameter("1.weight").mul_(8)
        module.get_parameter("1.bias").mul_(8)
        module.get_parameter("3.weight").div_(8)
    after_it = Sharpness(samples=3)(trained)
    assert before["sharpness_worst"] > 1e-3  # type: ignore[operator]
    for name, value in before.items():
        assert after_it[name] == pytest.approx(value, rel=1e-9)


def test_sharpness_of_a_network_that_is_flat_or_broken() -> None:
    trained = fresh(Linear())
    with torch.no_grad():
        trained.network.vector.zero_()  # so nothing is disturbed
    assert Sharpness()(trained) == {"sharpness_worst": 0, "sharpness_random": 0}
    with torch.no_grad():
        trained.network.vector[0] = math.nan
    assert all(math.isnan(each) for each in Sharpness()(trained).values())  # type: ignore[arg-type]


# --- gradient noise ---


def examplewise(trained: Trained) -> torch.Tensor:
    """Gradients of every training example for softmax regression, in closed form: [n, P]."""
    splits = trained.member.splits
    x = splits.standardize(splits.train.inputs).flatten(1).double()
    weight, bias = (p.detach().double() for p in trained.network.module.parameters())
    wrong = (x @ weight.T + bias).softmax(1) - F.one_hot(splits.train.targets, 10)
    return torch.cat([(wrong[:, :, None] * x[:, None, :]).flatten(1), wrong], dim=1)


def exact_scale(trained: Trained) -> float:
    grads = examplewise(trained)
    return float(grads.var(dim=0).sum() / grads.mean(0).square().sum())


@pytest.mark.parametrize("images", [120, 620])
def test_gradient_noise_scale_of_single_examples_is_exact(images: int) -> None:
    trained = fresh(Linear(), data=digits(train=images, validation=40, test=100))
    expected = exact_scale(trained)
    assert expected > 1
    found = GradientNoise(small=1, batches=1000)(trained)["gradient_noise_scale"]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("fields", [{"small": 4}, {"small": 1, "batches": 40}])
def test_gradient_noise_scale_from_batches_is_near_the_exact_one(fields: dict[str, int]) -> None:
    ratios = []
    for seed in range(12):
        trained = fresh(Linear(), seed=seed)
        found = GradientNoise(**fields)(trained)["gradient_noise_scale"]  # type: ignore[arg-type]
        assert isinstance(found, float)
        ratios.append(found / exact_scale(trained))
    assert 0.01 < np.std(ratios) < 0.3
    assert abs(np.mean(ratios) - 1) < 3 * np.std(ratios) / math.sqrt(len(ratios))


def test_the_noise_scale_is_unbiased_whatever_share_the_batches_are() -> None:
    """Gradients of a population of 20 with known mean and covariance, in batches of 8."""
    generator = np.random.default_rng(0)
    population = generator.standard_normal((20, 4)) * [1, 1, 1, 3] + [1, 1, 1, 0]
    mean = population.mean(0)
    expected = population.var(0, ddof=1).sum() / (mean**2).sum()
    orders = generator.permuted(np.tile(np.arange(20), (20_000, 1)), axis=1)
    batches = population[orders[:, :8]].mean(1)
    spread = ((batches - mean) ** 2).sum(1).mean()
    assert noise_scale(spread, (mean**2).sum(), 8, 20) == pytest.approx(expected, rel=0.02)
    assert noise_scale(1.0, 0.0, 8, 20) == math.inf


def test_gradient_noise_needs_two_batches() -> None:
    with pytest.raises(HarnessError, match="at least 160 training examples"):
        GradientNoise(small=80)(fresh())


# --- teacher ---


def taught(like: Trained, seed: int = 0) -> Trained:
    teacher = like.member.training
    student = training(MLP(hidden=(8,)), loss=Distillation(teacher=teacher))
    return Trained(make_ready(student, seed, CPU, {"teacher": like.network.learnt()}))


def test_agreement_and_divergence() -> None:
    teacher = after(3, fresh())
    student = after(1, taught(teacher))
    found = TeacherAgreement()(student)
    test = student.member.splits.test
    given, wanted = student.logits(test.inputs), teacher.logits(test.inputs)
    agreement = float((given.argmax(1) == wanted.argmax(1)).double().mean())
    assert 0.1 < agreement < 1
    assert found["teacher_agreement"] == pytest.approx(agreement)
    divergence = F.kl_div(
        given.log_softmax(1), wanted.log_softmax(1), log_target=True, reduction="batchmean"
    )
    assert found["teacher_divergence"] == pytest.approx(float(divergence), rel=1e-4)


def test_a_network_agrees_with_itself_as_teacher() -> None:
    teacher = after(2, fresh())
    student = training(loss=Distillation(teacher=teacher.member.training))
    trained = Trained(make_ready(student, 0, CPU, {"teacher": teacher.network.learnt()}))
    trained.network.load(teacher.network.vector, teacher.network.held())
    assert TeacherAgreement()(trained) == {"teacher_agreement": 1, "teacher_divergence": 0}


def test_agreement_needs_a_teacher_and_is_recorded_where_there_is_one() -> None:
    with pytest.raises(HarnessError, match=r"learns from a teacher; got .*CrossEntropy"):
        TeacherAgreement()(fresh())
    plain = training()
    assert default_measures(plain) == ALWAYS
    student = training(loss=Distillation(teacher=plain))
    assert default_measures(student) == (*ALWAYS, TeacherAgreement())


def test_noise_and_norms_of_a_student_follow_its_whole_loss() -> None:
    teacher = after(2, fresh())
    student = taught(teacher)
    alone = fresh(MLP(hidden=(8,)))
    assert torch.equal(student.network.vector, alone.network.vector)
    for measure in (FirstBlockGradient(), GradientNoise()):
        assert measure(student) != measure(alone)


# --- disturbed images ---


def test_occlusion_covers_one_square_anywhere() -> None:
    draws = Draws(1, CPU)
    images = torch.ones(3000, 3, 9, 6)
    seen = Occluded(side=0.5).disturb(images, draws)
    assert torch.equal(images, torch.ones_like(images))
    hidden = seen[:, 0] == 0
    assert torch.equal(seen[:, :1].expand_as(seen), seen)  # alike in every channel
    assert set(seen.unique().tolist()) == {0, 1}
    assert bool((hidden.flatten(1).sum(1) == 9).all())
    down, across = hidden.any(2), hidden.any(1)
    assert bool(((down.sum(1) == 3) & (across.sum(1) == 3)).all())  # 9 in 3 × 3: a full square
    places = {
        (int(a), int(b)) for a, b in zip(down.int().argmax(1), across.int().argmax(1), strict=True)
    }
    assert places == {(a, b) for a in range(7) for b in range(4)}


def test_occluded_wholly_all_test_images_are_one_black_image() -> None:
    trained = after(5, fresh())
    test = trained.member.splits.test
    answer = int(trained.logits(torch.zeros(1, 1, 8, 8)).argmax())
    expected = float((test.targets == answer).double().mean())
    assert Occluded(side=1)(trained)["occluded_accuracy"] == pytest.approx(expected)
    half = Occluded(side=0.5)(trained)["occluded_accuracy"]
    # round(0.05 * 8) is no pixel at all, so it is one
    least = Occluded(side=0.05)(trained)["occluded_accuracy"]
    assert expected < half < least  # type: ignore[operator]


def test_noise_has_the_deviation_asked_for_and_lowers_accuracy() -> None:
    draws = Draws(1, CPU)
    images = torch.rand(400, 1, 8, 8)
    noise = Noisy(std=0.3).disturb(images, draws) - images
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    assert abs(float(noise.mean())) < 0.01
    trained = after(5, fresh())
    clean = accuracy_of(trained)
    tiny, much = (Noisy(std=std)(trained)["noisy_accuracy"] for std in (1e-6, 3.0))
    assert tiny == clean > 0.5
    assert 0 < much < 0.5  # type: ignore[operator]


def test_bytes_are_divided_by_255_before_they_are_disturbed() -> None:
    generator = np.random.default_rng(0)
    targets = np.arange(300) % 3
    pixels = generator.integers(0, 256, (300, 1, 6, 6)).astype(np.uint8)
    pixels[:, 0, 0] = (targets * 100)[:, None]
    floats = pixels.astype(np.float32) / 255
    found = []
    for inputs in (pixels, floats):
        data = arrays(inputs, targets, "squares", train=120, validation=60, test=120)
        trained = after(3, fresh(data=data))
        found.append((Occluded(0.5)(trained), Noisy(0.2)(trained)))
    assert found[0] == found[1]
    assert 0.4 < found[0][1]["noisy_accuracy"] < 1  # type: ignore[operator]


def test_arms_of_a_seed_have_the_same_disturbed_images_and_seeds_others() -> None:
    images = torch.rand(5, 1, 8, 8)
    for measure in (Noisy(0.3), Occluded(0.5)):
        one, same, other = (
            measure.disturb(images, fresh(model, seed=seed).draws("x"))
            for model, seed in ((MLP(hidden=(4,)), 0), (MLP(hidden=(9,)), 0), (MLP(), 1))
        )
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    rows = [some_training(fresh(seed=seed), 50) for seed in (0, 0, 1)]
    assert torch.equal(rows[0], rows[1])
    assert not torch.equal(rows[0], rows[2])
    assert len(set(rows[0].tolist())) == 50


def test_occluded_needs_images_and_noisy_does_not() -> None:
    flat = arrays(torch.rand(60, 5), torch.arange(60) % 2, "flat", train=30, validation=15, test=15)
    trained = fresh(data=flat)
    with pytest.raises(HarnessError, match="images"):
        Occluded()(trained)
    assert 0 <= Noisy()(trained)["noisy_accuracy"] <= 1  # type: ignore[operator]


# --- pruning ---


def test_pruning_is_torchs_global_magnitude_pruning() -> None:
    trained = fresh(ConvNet(depth=8, width=4))
    network = trained.network
    found = pruned(network.vector, network.weights, 0.7)
    layers = [
        (each, "weight")
        for each in network.module.modules()
        if isinstance(each, nn.Conv2d | nn.Linear)
    ]
    before = network.vector.clone()
    assert torch.equal(found[network.weights == 0], before[network.weights == 0])
    prune.global_unstructured(layers, prune.L1Unstructured, amount=0.7)
    torchs = torch.cat([each.weight.detach().flatten() for each, _ in layers])  # type: ignore[operator, arg-type]
    assert torch.equal(found[network.weights > 0], torchs)
    share = float((found[network.weights > 0] == 0).double().mean())
    assert share == pytest.approx(0.7, abs=1e-3)


def test_pruned_accuracy_lies_between_the_whole_network_and_none() -> None:
    trained = after(8, fresh())
    member = trained.member
    whole = accuracy_of(trained)
    little, much, all_of_it = (
        PrunedAccuracy(share)(trained)["pruned_accuracy"] for share in (0.05, 0.9, 1)
    )
    assert little == pytest.approx(whole, abs=0.05)
    assert much < whole - 0.05  # type: ignore[operator]
    answer = int(trained.network.params[-1].argmax())  # without weights the last biases decide
    assert all_of_it == pytest.approx(float((member.splits.test.targets == answer).double().mean()))
    assert accuracy_of(trained) == whole


# --- variance shift ---


@dataclass(frozen=True)
class BehindDropout:
    """A linear layer, dropout and batch normalisation."""

    p: float

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        norm = nn.BatchNorm1d(12, momentum=0.02)
        linear = nn.Linear(math.prod(shape), 12)
        return nn.Sequential(nn.Flatten(), linear, nn.Dropout(self.p), norm, nn.Linear(12, classes))


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_variance_shift_is_what_dropout_adds(p: float) -> None:
    """Inverted dropout makes a variance v about a mean m to (v + m²) / (1 - p) - m²."""
    trained = fresh(BehindDropout(p))
    network, splits = trained.network, trained.member.splits
    linear = network.module.get_submodule("1")
    inputs = splits.standardize(splits.train.inputs).flatten(1)
    with torch.no_grad():
        values = linear(inputs)
        network.module.train()
        for index in range(400):  # none of which changes a weight
            for dropout in network.dropouts:
                dropout.key.fill_(index)
            network.module(inputs)
    variance, mean = values.var(dim=0), values.mean(dim=0)
    expected = (((variance + mean**2) / (1 - p) - mean**2) / variance).mean()
    assert float(expected) == (1 if p == 0 else pytest.approx(3, abs=1))
    found = VarianceShift()(trained)
    assert found["variance_shift"] == pytest.approx(float(expected), rel=0.03)
    assert found["variance_shift_by_layer"] == [found["variance_shift"]]


def test_variance_shift_counts_either_way_and_over_all_pixels() -> None:
    trained = fresh(ConvNet(depth=8, width=4))
    module, splits = trained.network.module, trained.member.splits
    stem = module.get_submodule("stem")
    norm = module.get_submodule("norm")
    with torch.no_grad():
        values = stem(splits.standardize(splits.train.inputs))
        variance = values.transpose(0, 1).flatten(1).var(dim=1)
    shifts = []
    for factor in (1.0, 4.0, 0.25):
        norm.running_var.copy_(variance * factor)  # type: ignore[operator, union-attr]
        found = VarianceShift()(trained)["variance_shift_by_layer"]
        assert isinstance(found, list)
        assert len(found) == 7  # a norm after each of the seven convolutions
        shifts.append(found[0])
    assert shifts == pytest.approx([1, 4, 4], rel=1e-3)


def test_without_batch_normalisation_there_is_no_shift_to_measure() -> None:
    assert not VarianceShift()(fresh(MLP(normalisation="layer")))


# --- a study's own ---


def answer_of_two(trained: Trained) -> float:
    return float(trained.test_logits.max())


def harmful(trained: Trained) -> float:
    """What no measure should do."""
    trained.network.vector.zero_()
    trained.network.module.train()(torch.zeros(4, 1, 8, 8))
    random.random()
    np.random.rand()  # noqa: NPY002 - the global generator is what matters here
    return float(torch.rand(()))


def failing(trained: Trained) -> float:
    trained.network.vector.zero_()
    raise RuntimeError("out\nof luck")


def not_a_number(trained: Trained) -> float:
    return math.nan


def a_tensor(trained: Trained) -> float:
    return trained.test_logits.max()  # type: ignore[return-value]


def a_numpy_float(trained: Trained) -> float:
    return np.float32(0.5)  # type: ignore[return-value]


def test_a_function_as_a_measure() -> None:
    made = measured("top_logit", answer_of_two, meaning="The largest test logit.", better="lower")
    assert made == measured(
        "top_logit", answer_of_two, meaning="The largest test logit.", better="lower"
    )
    assert isinstance(made, Measure)
    assert made.metrics == (
        Metric("top_logit", "Top logit", "", "lower", "The largest test logit."),
    )
    assert made.when == "end"
    trained = fresh()
    assert made(trained) == {"top_logit": float(trained.test_logits.max())}
    assert measured("half", a_numpy_float, meaning="A half.")(trained) == {"half": 0.5}


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (failing, "must return a number; got RuntimeError: out of luck"),
        (not_a_number, "must return a finite number; got nan"),
        (a_tensor, "must return a number; got tensor"),
    ],
)
def test_a_function_that_gives_no_number_is_an_error_of_the_trial(
    function: Callable[[Trained], float], says: str
) -> None:
    trained = fresh(seed=7)
    before = trained.network.vector.clone()
    with pytest.raises(HarnessError, match=rf"^measure 'mine', seed 7: .*{says}"):
        measured("mine", function, meaning="Mine.")(trained)
    assert torch.equal(trained.network.vector, before)


def nested() -> Callable[[Trained], float]:
    held = 3.0

    def inner(trained: Trained) -> float:
        return held

    return inner


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Mine", {}), ("1st", {}), ("", {}), ("a-b", {}), (3, {}), ("test_loss", {}),
        ("weight_norm", {}), ("gradient_norm", {}),
        ("mine", {"function": lambda trained: 0.0}), ("mine", {"function": nested()}),
        ("mine", {"function": 3}), ("mine", {"function": float}),
        ("mine", {"function": "answer_of_two"}), ("mine", {"title": 3}), ("mine", {"title": " "}),
        ("mine", {"unit": "m"}), ("mine", {"unit": None}), ("mine", {"unit": ["nats"]}),
        ("mine", {"better": "more"}), ("mine", {"better": ""}), ("mine", {"meaning": ""}),
        ("mine", {"meaning": None}), ("mine", {"when": "middle"}), ("mine", {"when": None}),
    ],
)  # fmt: skip
def test_a_wrong_argument_of_measured_is_refused(name: object, changes: dict[str, object]) -> None:
    given: dict[str, object] = {"function": answer_of_two, "meaning": "Mine.", **changes}
    with pytest.raises(HarnessError) as refused:
        measured(name, given.pop("function"), **given)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


# --- all of them ---


def generators() -> tuple[object, ...]:
    """The states of the global generators."""
    numpys = np.random.get_state()  # noqa: NPY002 - the global generator is what matters here
    return torch.get_rng_state().tolist(), random.getstate(), repr(numpys), numpys[1].tolist()  # type: ignore[index, union-attr]


@pytest.mark.parametrize("model", [BUSY, ConvNet(depth=8, width=4, dropout=0.1)])
@pytest.mark.parametrize("mode", [True, False])
def test_measures_leave_no_trace_and_follow_from_the_seed(model: object, mode: bool) -> None:
    trained = after(1, fresh(model))
    network = trained.network
    network.module.train(mode)
    network.module.get_submodule(next(n for n, _ in network.module.named_children())).eval()
    vector = network.vector.clone()
    held = {name: each.clone() for name, each in network.held().items()}
    assert any(name.endswith("running_var") for name in held)
    modes = [each.training for each in network.module.modules()]
    hooks = sum(
        len(each._forward_hooks) + len(each._forward_pre_hooks) for each in network.module.modules()
    )
    again = fresh(model).member
    again.network.load(vector, held)
    torch.manual_seed(3)
    states = generators()
    own = measured("mine", harmful, meaning="Harm.")
    for measure in (*EVERY, own):
        first = measure(Trained(trained.member))
        assert torch.equal(network.vector, vector)
        assert all(torch.equal(each, held[name]) for name, each in network.held().items())
        if not isinstance(measure, Calibration):  # it shares the logits of the test images
            assert [each.training for each in network.module.modules()] == modes
        network.module.train(mode)
        network.module.get_submodule(next(n for n, _ in network.module.named_children())).eval()
        assert generators() == states
        second = measure(Trained(again))
        assert first == second  # in another process it would be as here: by seed alone
        names = {metric.name for metric in measure.metrics}
        assert set(first) == names
        for name, value in first.items():
            assert isinstance(value, list) == (name in BY_LAYER)
            assert type(value) in (float, int, list)
    assert hooks == sum(
        len(each._forward_hooks) + len(each._forward_pre_hooks) for each in network.module.modules()
    )


def test_bytes_for_every_measure_with_reduced_precision() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 1, 8, 8)).astype(np.uint8)
    data = arrays(pixels, np.arange(200) % 4, "bytes", train=120, validation=30, test=50)
    for precision in ("bfloat16", "float64"):
        trained = after(1, fresh(BUSY, data=data, precision=precision))
        for measure in EVERY:
            for value in measure(trained).values():
                values = value if isinstance(value, list) else [value]
                assert values
                assert all(math.isfinite(each) for each in values)


def test_broken_weights_give_values_and_no_exception() -> None:
    trained = fresh(BUSY)
    with torch.no_grad():
        trained.network.vector.fill_(math.nan)
    for measure in EVERY:
        found = measure(Trained(trained.member))
        assert found
    assert math.isnan(WeightNorm()(trained)["weight_norm"])  # type: ignore[arg-type]
    assert math.isnan(GradientNoise()(trained)["gradient_noise_scale"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (DeadUnits, {"when": "later"}), (DeadUnits, {"images": 0}), (DeadUnits, {"images": 2.0}),
        (GradientNoise, {"when": 3}), (GradientNoise, {"small": 0}),
        (GradientNoise, {"small": True}), (GradientNoise, {"batches": 0}),
        (Sharpness, {"rho": 0}), (Sharpness, {"rho": math.nan}), (Sharpness, {"rho": math.inf}),
        (Sharpness, {"rho": "0.5"}), (Sharpness, {"rho": True}), (Sharpness, {"std": -1}),
        (Sharpness, {"steps": 0}), (Sharpness, {"samples": 1.5}), (Sharpness, {"images": None}),
        (Occluded, {"side": 0}), (Occluded, {"side": 1.1}), (Occluded, {"side": math.nan}),
        (Noisy, {"std": 0}), (Noisy, {"std": math.inf}), (Noisy, {"std": None}),
        (PrunedAccuracy, {"share": 0}), (PrunedAccuracy, {"share": 1.5}),
        (PrunedAccuracy, {"share": False}), (VarianceShift, {"images": 1}),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused(make: type, fields: dict[str, object]) -> None:
    name = list(fields)[-1]
    with pytest.raises(HarnessError, match=rf"^{make.__name__}\({name}=\.\.\.\) must (be|lie)"):
        make(**fields)


# --- together ---


@dataclass(frozen=True)
class TestLoss:
    """A measure that takes a name of the trainer's."""

    __test__: ClassVar[bool] = False
    when: ClassVar[str] = "end"
    metrics: ClassVar[object] = defined("test_loss")

    def __call__(self, trained: Trained) -> Values:
        return {"test_loss": 0.0}


@dataclass(frozen=True)
class Odd:
    """A measure with a wrong moment, or without metrics."""

    when: str
    metrics: object

    def __call__(self, trained: Trained) -> Values:
        return {}


def test_measures_are_checked_together() -> None:
    check_measures(())
    one_of_each = {type(each): each for each in EVERY}
    own = measured("mine", answer_of_two, meaning="Mine.")
    check_measures((*one_of_each.values(), TeacherAgreement(), own, Odd("end", ())))
    other = measured("mine", a_numpy_float, meaning="Mine.")
    for several, says in (
        ((Occluded(0.3), Occluded(0.5)), r"both give 'occluded_accuracy'"),
        ((Calibration(), *ALWAYS), r"both give 'test_calibration_error'"),
        ((own, other), "both give 'mine'"),
        ((Sharpness,), r"Write Sharpness\(\)"),
        ((answer_of_two,), r"measured\(\.\.\.\)"),
        (("sharpness",), "must be a frozen dataclass"),
        ("sharpness", "must be a tuple"),
        (Sharpness(), "must be a tuple"),
        (None, "must be a tuple"),
        ((TestLoss(),), "'test_loss'"),
        ((Odd("middle", ()),), r"Odd\(when=\.\.\.\)"),
        ((Odd("end", ("mine",)),), "tuple of harness.study.metrics.Metric"),
    ):
        with pytest.raises(HarnessError, match=says):
            check_measures(several)  # type: ignore[arg-type]


def test_metrics_are_registered_under_their_names() -> None:
    assert not set(METRICS) & set(BY_LAYER)
    for name, metric in (METRICS | BY_LAYER).items():
        assert metric.name == name
        assert metric.meaning.endswith(".")
        assert metric.unit != "fraction" or metric.least == 0
    assert find_metric("sharpness_worst", (), "build").unit == "nats"
    with pytest.raises(HarnessError, match="one that trials record"):
        find_metric("nothing_of_the_kind", (), "build")
    given = {m.name for each in (*EVERY, TeacherAgreement()) for m in each.metrics}
    assert given == (set(METRICS) | set(BY_LAYER)) - RECORDED


def test_the_measure_of_a_metric_is_known_without_loading_measures() -> None:
    kinds = {name: getattr(measures, name) for name in measures.__all__}
    given = {
        metric.name: name
        for name, kind in kinds.items()
        if isinstance(getattr(kind, "metrics", None), tuple)
        for metric in kind.metrics
    }
    assert given == GIVEN_BY
    assert len(given) > 15


def test_trials_rest_on_no_measure_that_is_not_always_taken() -> None:
    modules = {name.partition(":")[0] for name in code_of([])}
    assert "harness.calibration" in modules
    for name in ("sharpness", "disturbed", "shift", "pruning", "measured"):
        assert f"harness.{name}" not in modules


def test_measures_take_a_member_of_any_kind() -> None:
    member: Member = fresh(Linear(bias=False)).member
    assert set(WeightNorm()(Trained(member))) == {"weight_norm", "zero_weights"}
    assert FirstBlockGradient()(Trained(member))["gradient_norm_first_block"] > 0  # type: ignore[operator]
