"""The plain loop against a loop written out by hand, bit for bit; and what can go wrong in it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness.clipping import ClipNorm, ClipValue
from harness.data import Part, Splits, digits
from harness.engines.evaluate import evaluate, evaluation_batch
from harness.engines.modes import Mode
from harness.engines.network import Network
from harness.engines.prepared import make_ready
from harness.measures import Calibration, Noisy, Occluded, PrunedAccuracy, measured
from harness.messages.errors import HarnessError
from harness.models import MLP, ConvNet
from harness.optim import SGD, AdamW
from harness.penalties import L1, L2, Decay
from harness.randomness.streams import torch_seed
from harness.schedules import Cosine, OneCycle
from harness.tasks import Classification
from harness.tasks.losses import CrossEntropy, Distillation
from harness.trained import Trained
from harness.trainer.train import DivergedError, Request, TrainingResult, train, train_together
from harness.training import Data, Training

CPU = torch.device("cpu")
SMALL = digits(train=210, validation=100, test=600)  # 210 is not whole batches; 600 is two passes


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Beside other processes, threads that wait for each other make small steps very slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


PERCEPTRON = Training(
    data=SMALL,
    model=MLP(hidden=(16, 12)),
    optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    batch_size=20,
    epochs=3,
    schedule=Cosine(warmup=0.2),
)
CONVOLUTIONAL = Training(
    data=SMALL,
    model=ConvNet(depth=8, width=4),
    optimizer=SGD(lr=0.05, momentum=0.9),
    batch_size=35,
    epochs=2,
    loss=CrossEntropy(label_smoothing=0.1),
)
BOTH = pytest.mark.parametrize(
    "training", [PERCEPTRON, CONVOLUTIONAL], ids=["perceptron", "convolutional"]
)


class HandSGD:
    """SGD one parameter at a time, in operations that round after each product and each sum.

    torch.optim's own step may fuse the last product and sum, which rounds once.
    """

    def __init__(self, rule: SGD, params: list[nn.Parameter]) -> None:
        self.rule, self.params = rule, params
        self.velocity = [torch.zeros_like(param) for param in params]

    @torch.no_grad()
    def step(self, factor: float) -> None:
        for param, velocity in zip(self.params, self.velocity, strict=True):
            grad = param.grad
            if param.ndim > 1:  # neither a bias nor part of a normalisation
                grad = grad + self.rule.weight_decay * param
            velocity.copy_(self.rule.momentum * velocity + grad)
            ahead = grad + self.rule.momentum * velocity if self.rule.nesterov else velocity
            param.copy_(param - (self.rule.lr * factor) * ahead)


class Torchs:
    """torch.optim's class of the same name."""

    def __init__(self, rule: SGD | AdamW, params: list[nn.Parameter]) -> None:
        groups = [
            {"params": [each for each in params if each.ndim > 1]},
            {"params": [each for each in params if each.ndim <= 1], "weight_decay": 0.0},
        ]
        if isinstance(rule, SGD):
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(
                groups,
                lr=rule.lr,
                momentum=rule.momentum,
                nesterov=rule.nesterov,
                weight_decay=rule.weight_decay,
            )
        else:
            self.optimizer = torch.optim.AdamW(
                groups,
                lr=rule.lr,
                betas=(rule.beta1, rule.beta2),
                eps=rule.eps,
                weight_decay=rule.weight_decay,
            )
        self.lr = rule.lr

    def step(self, factor: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * factor
        self.optimizer.step()


@dataclass
class Hand:
    metrics: dict[str, float]
    curves: dict[str, list[float]]
    model: nn.Module


def calibration(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """The expected calibration error, example by example."""
    bins: dict[int, list[float]] = {}
    for row, target in zip(logits.double().softmax(1), targets, strict=True):
        sure, guess = row.max(0)
        bins.setdefault(math.ceil(sure.item() * 15), []).append(int(guess == target) - sure.item())
    return sum(abs(sum(each)) for each in bins.values()) / len(targets)


def criterion_of(training: Training, taught: nn.Module | None) -> Callable:
    """The loss as a function of logits, labels and standardised inputs."""
    loss = training.loss

    def criterion(logits, targets, inputs):
        if taught is not None:
            hot = loss.temperature
            with torch.no_grad():
                wanted = (taught(inputs) / hot).softmax(1)
            soft = F.kl_div((logits / hot).log_softmax(1), wanted, reduction="batchmean")
            return loss.weight * hot**2 * soft + (1 - loss.weight) * F.cross_entropy(
                logits, targets
            )
        value = F.cross_entropy(logits, targets)
        if loss.label_smoothing:  # torch's own rounds in another order
            share = loss.label_smoothing
            value = value * (1 - share) - logits.log_softmax(1).mean() * share
        return value

    return criterion


def penalised(training: Training, loss: torch.Tensor, model: nn.Module) -> torch.Tensor:
    weights = [param for param in model.parameters() if param.ndim > 1]
    if isinstance(training.penalty, L2):
        loss = loss + training.penalty.strength / 2 * sum(each.square().sum() for each in weights)
    if isinstance(training.penalty, L1):
        loss = loss + training.penalty.strength * sum(each.abs().sum() for each in weights)
    return loss


def by_hand(training: Training, seed: int, kind: Callable, first: str) -> Hand:
    """Train as a tutorial would; ``first`` is the name of the network's first block."""
    taught = None
    if isinstance(training.loss, Distillation):
        taught = by_hand(training.loss.teacher, seed, kind, first).model.eval()
    splits = training.data.splits(seed)
    mean, std = splits.mean.view(1, -1, 1, 1), splits.std.view(1, -1, 1, 1)
    torch.manual_seed(torch_seed(seed, "weights"))
    model = training.model.build(splits.shape, splits.classes)
    params = list(model.parameters())
    optimizer = kind(training.optimizer, params)
    criterion = criterion_of(training, taught)
    steps = len(splits.train) // training.batch_size
    factors = training.schedule.factors(steps * training.epochs)

    def measure(part: Part) -> tuple[float, float, torch.Tensor]:
        model.eval()
        losses, right, every = 0.0, 0, []
        with torch.no_grad():
            for inputs, targets in zip(
                part.inputs.split(500), part.targets.split(500), strict=True
            ):
                logits = model((inputs - mean) / std)
                losses += F.cross_entropy(logits, targets, reduction="sum").item()
                right += (logits.argmax(1) == targets).sum().item()
                every.append(logits)
        return losses / len(part), right / len(part), torch.cat(every)

    curves = {"train_loss": [], "validation_loss": [], "validation_accuracy": []}
    hand = Hand({}, curves, model)
    for epoch in range(training.epochs):
        model.train()
        generator = torch.Generator().manual_seed(torch_seed(seed, "order", epoch))
        order = torch.randperm(len(splits.train), generator=generator)
        losses = []
        for step in range(steps):
            batch = order[step * training.batch_size : (step + 1) * training.batch_size]
            model.zero_grad()
            inputs = (splits.train.inputs[batch] - mean) / std
            loss = criterion(model(inputs), splits.train.targets[batch], inputs)
            if epoch == step == 0:
                block = list(model.get_submodule(first).parameters())
                grads = torch.autograd.grad(loss, block, retain_graph=True)
                norm = torch.cat([each.flatten() for each in grads]).norm().item()
                hand.metrics["gradient_norm_first_block"] = norm
            penalised(training, loss, model).backward()
            if isinstance(training.clip, ClipNorm):
                nn.utils.clip_grad_norm_(params, training.clip.limit)
            if isinstance(training.clip, ClipValue):
                nn.utils.clip_grad_value_(params, training.clip.limit)
            factor = float(factors[epoch * steps + step])
            if isinstance(training.penalty, Decay):
                share = 1 - training.optimizer.lr * factor * training.penalty.strength
                for param in params:
                    param.data.mul_(share if param.ndim > 1 else 1.0)
            optimizer.step(factor)
            losses.append(loss.detach())
        total = torch.zeros(())
        for loss in losses:
            total = total + loss
        hand.curves["train_loss"].append(total.item() / steps)
        for name, value in zip(("loss", "accuracy"), measure(splits.validation), strict=False):
            hand.curves[f"validation_{name}"].append(value)
            hand.metrics[f"validation_{name}"] = value
    for split in ("train", "test"):
        found = measure(getattr(splits, split))
        for name, value in zip(("loss", "accuracy"), found, strict=False):
            hand.metrics[f"{split}_{name}"] = value
    hand.metrics["test_calibration_error"] = calibration(found[2], splits.test.targets)
    weights = torch.cat([p.detach().flatten() for p in params if p.ndim > 1])
    hand.metrics["weight_norm"] = weights.double().norm().item()
    hand.metrics["zero_weights"] = (weights == 0).double().mean().item()
    hand.metrics["generalisation_gap"] = hand.metrics["test_loss"] - hand.metrics["train_loss"]
    return hand


FIRST = {PERCEPTRON: "1", CONVOLUTIONAL: "blocks.0"}


@BOTH
@pytest.mark.parametrize("seed", [0, 7])
def test_equal_bit_for_bit_to_a_loop_by_hand(training, seed):
    seen = train(training, seed, CPU)
    wanted = by_hand(training, seed, HandSGD, FIRST[training])
    name = "test_calibration_error"  # which sums the examples in another order
    assert seen.metrics[name] == pytest.approx(wanted.metrics[name], rel=1e-9)
    assert seen.metrics == wanted.metrics | {name: seen.metrics[name]}
    assert seen.curves == wanted.curves
    # it learned something
    assert seen.curves["train_loss"][-1] < seen.curves["train_loss"][0]
    assert seen.metrics["validation_accuracy"] > 0.2
    assert seen.metrics["gradient_norm_first_block"] > 0


@pytest.mark.parametrize(
    "training",
    [
        PERCEPTRON,
        CONVOLUTIONAL,
        replace(PERCEPTRON, optimizer=AdamW(lr=0.01), schedule=OneCycle()),
        replace(CONVOLUTIONAL, optimizer=AdamW(lr=0.01, beta2=0.99, weight_decay=0.1)),
        replace(PERCEPTRON, clip=ClipNorm(0.3), penalty=L2(0.02)),
        replace(PERCEPTRON, clip=ClipValue(0.01)),
        replace(PERCEPTRON, penalty=L1(0.001, proximal=False)),
        replace(CONVOLUTIONAL, optimizer=AdamW(lr=0.01), penalty=Decay(0.5)),
        replace(
            PERCEPTRON,
            loss=Distillation(replace(PERCEPTRON, epochs=2), temperature=3.0, weight=0.6),
        ),
    ],
)
def test_equal_to_torch_optim_but_for_rounding(training):
    first = "1" if isinstance(training.model, MLP) else "blocks.0"
    seen = train(training, 1, CPU)
    wanted = by_hand(training, 1, Torchs, first)
    coarse = ("accuracy", "calibration_error")  # which a single example moves
    losses = [name for name in wanted.metrics if not name.endswith(coarse)]
    assert {name: seen.metrics[name] for name in losses} == pytest.approx(
        {name: wanted.metrics[name] for name in losses}, rel=1e-3
    )
    assert seen.curves["train_loss"] == pytest.approx(wanted.curves["train_loss"], rel=1e-4)


@BOTH
def test_what_an_outcome_holds(training):
    seen = train(training, 0, CPU)
    names = {f"{split}_{what}" for split in ("train", "validation", "test") for what in
             ("loss", "accuracy")}  # fmt: skip
    assert seen.metrics.keys() == names | {
        "gradient_norm_first_block", "test_calibration_error", "weight_norm", "zero_weights",
        "generalisation_gap",
    }  # fmt: skip
    assert seen.layers == {}
    assert seen.learnt is None
    assert seen.note == ""
    assert seen.curves.keys() == {"train_loss", "validation_loss", "validation_accuracy"}
    assert {len(curve) for curve in seen.curves.values()} == {training.epochs}
    assert all(isinstance(value, float) for value in seen.metrics.values())
    assert all(isinstance(value, float) for curve in seen.curves.values() for value in curve)
    assert seen.steps == 210 // training.batch_size * training.epochs
    assert seen.samples == seen.steps * training.batch_size
    assert seen.seconds > 0
    for name in ("validation_loss", "validation_accuracy"):
        assert seen.metrics[name] == seen.curves[name][-1]


def same(one: TrainingResult, other: TrainingResult) -> bool:
    return (one.metrics, one.curves) == (other.metrics, other.curves)


@BOTH
def test_a_seed_fixes_every_bit_and_another_seed_changes_them(training):
    one, again, other = (train(training, seed, CPU) for seed in (3, 3, 4))
    assert same(one, again)
    assert all(one.metrics[name] != other.metrics[name] for name in one.metrics if "loss" in name)
    assert one.metrics["gradient_norm_first_block"] != other.metrics["gradient_norm_first_block"]


@BOTH
def test_without_test_only_validation_is_measured(training):
    whole, part = train(training, 0, CPU), train(training, 0, CPU, test=False)
    assert part.metrics.keys() == {
        "gradient_norm_first_block", "validation_loss", "validation_accuracy",
    }  # fmt: skip
    assert part.curves == whole.curves
    assert part.metrics == {name: whole.metrics[name] for name in part.metrics}


@dataclass(frozen=True)
class Spoilt:
    """Digits, of which the images of one split are not numbers."""

    split: str

    def splits(self, seed: int) -> Splits:
        good = SMALL.splits(seed)
        part = getattr(good, self.split)
        return replace(good, **{self.split: Part(part.inputs * math.nan, part.targets)})


def test_test_images_are_looked_at_last_and_only_when_asked():
    spoilt = replace(PERCEPTRON, data=Spoilt("test"))
    assert isinstance(spoilt.data, Data)
    assert train(spoilt, 0, CPU, test=False).curves == train(PERCEPTRON, 0, CPU).curves
    with pytest.raises(DivergedError, match=r"^diverged: test loss at the end is nan$"):
        train(spoilt, 0, CPU)


def _sure_of_validation(trained: Trained) -> float:
    return float(next(iter(trained.outputs("validation")))[0].softmax(1).amax(1).mean())


def _sure_of_test(trained: Trained) -> float:
    return float(trained.test_logits.softmax(1).amax(1).mean())


def _test_examples(trained: Trained) -> float:
    return float(len(trained.member.splits.test))


@BOTH
def test_without_test_measures_are_taken_and_change_nothing(training):
    sure = measured("sure", _sure_of_validation, meaning="How sure it is.")
    whole = train(training, 0, CPU, measures=(sure,))
    part = train(training, 0, CPU, test=False, measures=(sure,))
    assert part.metrics.keys() == {
        "gradient_norm_first_block", "validation_loss", "validation_accuracy", "sure",
    }  # fmt: skip
    assert part.metrics == {name: whole.metrics[name] for name in part.metrics}


@pytest.mark.parametrize("function", [_sure_of_test, _test_examples])
@pytest.mark.parametrize("when", ["start", "end"])
def test_without_test_a_measure_that_asks_for_test_images_is_refused(function, when):
    looks = measured("looks", function, meaning="How sure it is.", when=when)
    assert train(PERCEPTRON, 0, CPU, measures=(looks,)).metrics["looks"] > 0
    with pytest.raises(HarnessError, match="tried without a look at the test examples") as caught:
        train(PERCEPTRON, 0, CPU, test=False, measures=(looks,))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "measure",
    [Occluded(), Noisy(), PrunedAccuracy(), Calibration()],
    ids=lambda each: type(each).__name__,
)
def test_measures_of_the_harness_that_look_at_test_images_are_refused_without(measure):
    with pytest.raises(HarnessError, match="tried without a look at the test examples"):
        train(CONVOLUTIONAL, 0, CPU, test=False, measures=(measure,))


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        (replace(PERCEPTRON, optimizer=SGD(lr=1e8)), "training loss in epoch 1 is (nan|inf)"),
        # seen in the first batch's gradient, before any step
        (replace(CONVOLUTIONAL, data=Spoilt("train")), "gradient_norm_first_block is nan"),
        # one step an epoch: its loss is that of the initial weights, and fine
        (
            replace(PERCEPTRON, optimizer=SGD(lr=1e30), batch_size=210, schedule=OneCycle()),
            "validation loss after epoch 1 is (nan|inf)",
        ),
        (replace(PERCEPTRON, data=Spoilt("validation")), "validation loss after epoch 1 is nan"),
    ],
)
def test_divergence_is_an_outcome_with_a_reason(training, reason):
    for test in (True, False):
        with pytest.raises(DivergedError, match=f"^diverged: {reason}$") as caught:
            train(training, 0, CPU, test=test)
        assert not isinstance(caught.value, HarnessError)


def test_a_batch_must_fit_in_the_training_set():
    assert train(replace(PERCEPTRON, batch_size=210, epochs=1), 0, CPU).steps == 1
    with pytest.raises(HarnessError) as caught:
        train(replace(PERCEPTRON, batch_size=211), 0, CPU)
    message = str(caught.value)
    assert message.startswith("batch_size must be at most the 210 training examples; got 211.")
    assert "Write batch_size=210" in message
    assert "\n" not in message


@dataclass(frozen=True)
class Wrong:
    """A network whose output is not one logit per class."""

    kind: str

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        width = {"wide": classes + 1, "narrow": classes - 1, "one": 1}.get(self.kind, classes)
        layers: list[nn.Module] = [nn.Flatten(), nn.Linear(math.prod(shape), width)]
        return nn.Sequential(*layers, *([nn.Unflatten(1, (1, width))] * (self.kind == "deep")))


@pytest.mark.parametrize("kind", ["wide", "narrow", "one", "deep"])
def test_a_network_must_give_one_logit_per_class(kind):
    with pytest.raises(HarnessError) as caught:
        train(replace(PERCEPTRON, model=Wrong(kind)), 0, CPU)
    message = str(caught.value)
    assert "one logit for each of the 10 classes" in message
    assert "got an output of shape (2, " in message
    assert "\n" not in message
    assert math.isfinite(train(replace(PERCEPTRON, model=Wrong("")), 0, CPU).metrics["test_loss"])


def test_a_network_must_have_parameters():
    with pytest.raises(HarnessError, match=r"must have parameters to train; got Flatten without"):
        Network(nn.Flatten(), CPU, torch.float32)
    with pytest.raises(HarnessError, match="must have parameters to train"):
        Network(nn.Linear(2, 2).requires_grad_(False), CPU, torch.float32)


def test_parameters_are_views_of_one_vector():
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 1))
    before = torch.cat([p.flatten() for p in module.parameters() if p.requires_grad])
    frozen = module[1].weight.clone()
    network = Network(module, CPU, torch.float32)
    assert torch.equal(network.vector, before)
    assert network.names == ["0.weight", "0.bias", "2.weight", "2.bias"]
    with torch.no_grad():
        network.vector += 1
    after = torch.cat([p.flatten() for p in module.parameters() if p.requires_grad])
    assert torch.equal(after, before + 1)
    assert torch.equal(module[1].weight, frozen)


def test_a_parameter_that_the_loss_does_not_use_has_gradient_zero():
    module = nn.ModuleDict({"used": nn.Linear(2, 1), "idle": nn.Linear(2, 1)})
    network = Network(module, CPU, torch.float32)
    grads = network.gradients(module["used"](torch.ones(1, 2)).sum())
    assert [grad.abs().sum().item() for grad in grads] == [2.0, 1.0, 0.0, 0.0]


class _Rooted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.layer = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (MLP(hidden=(3, 3)).build((4,), 2), [0, 1]),  # the first layer with weights
        (nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))), [0, 1]),
        (nn.Sequential(*[nn.Linear(1, 1) for _ in range(11)]), [0, 1]),  # "1." is not "10."
        (_Rooted(), [0, 1, 2]),  # a parameter of the network itself: all of it
        (ConvNet(8, 2).build((1, 8, 8), 10), [3, 4, 5, 6, 7, 8]),  # after the stem and its norm
    ],
)
def test_which_parameters_are_the_first_block(module, wanted):
    assert Network(module, CPU, torch.float32).first_block() == wanted


@pytest.mark.parametrize("seed", [0, 5])
def test_each_epoch_has_an_order_of_its_own(seed):
    member = make_ready(PERCEPTRON, seed, CPU)
    assert member.order(0).shape == (10, 20)
    epochs = [member.order(epoch).flatten() for epoch in range(4)]
    for order in epochs:
        assert len(order) == len(order.unique()) == 200
        assert order.min() >= 0
        assert order.max() < 210
    assert not torch.equal(epochs[0], epochs[1])
    assert len(torch.cat(epochs).unique()) == 210  # who is left over changes
    assert torch.equal(make_ready(PERCEPTRON, seed, CPU).order(2).flatten(), epochs[2])
    other = make_ready(PERCEPTRON, seed + 1, CPU).order(0).flatten()
    assert not torch.equal(other, epochs[0])


@dataclass(frozen=True)
class Dropping:
    """A network with dropout: a layer, or what draws from torch's global generator."""

    share: float
    layer: bool = True

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        drop = nn.Dropout(self.share) if self.layer else _Functional(self.share)
        layers = [nn.Linear(math.prod(shape), 32), nn.ReLU(), drop]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(32, classes))


class _Functional(nn.Module):
    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.dropout(inputs, self.share, self.training)


@pytest.mark.parametrize("layer", [True, False])
def test_what_a_module_draws_comes_from_the_seed_alone(layer):
    dropping = replace(PERCEPTRON, model=Dropping(0.5, layer))
    seen = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.random.get_rng_state()
        seen.append(train(dropping, 0, CPU))
        assert torch.equal(torch.random.get_rng_state(), before)
    assert same(*seen)
    other = train(replace(PERCEPTRON, model=Dropping(0.0, layer)), 0, CPU)
    assert other.curves["train_loss"] != seen[0].curves["train_loss"]
    masks = train(replace(dropping, batch_size=10), 0, CPU)
    assert masks.curves["train_loss"] != seen[0].curves["train_loss"]


def test_a_trial_that_fails_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    with pytest.raises(DivergedError):
        train(replace(PERCEPTRON, model=Dropping(0.5, False), optimizer=SGD(lr=1e8)), 0, CPU)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_initial_weights_depend_on_the_seed_alone():
    """Two arms that differ in anything but the network begin alike."""
    first = make_ready(PERCEPTRON, 0, CPU).network.vector
    changed = replace(PERCEPTRON, optimizer=AdamW(lr=1.0), batch_size=7, epochs=9)
    torch.manual_seed(123)
    assert torch.equal(make_ready(changed, 0, CPU).network.vector, first)
    assert not torch.equal(make_ready(PERCEPTRON, 1, CPU).network.vector, first)


@pytest.mark.parametrize("model", [ConvNet(8, 4), Dropping(0.5), Dropping(0.5, False)])
def test_evaluation_is_the_same_whatever_mode_the_network_was_in(model):
    member = make_ready(replace(PERCEPTRON, model=model), 0, CPU)
    network, frame, splits = member.network, member.frame, member.splits
    network.module.train()
    inputs = splits.standardize(splits.train.inputs[:64])
    training_mode = network.module(inputs)  # also moves the running statistics off 0 and 1
    network.module.train()
    buffers = [buffer.clone() for buffer in network.module.buffers()]
    one = evaluate(network, frame, splits.test, Classification(), 0)
    network.module.eval()
    other = evaluate(network, frame, splits.test, Classification(), 0)
    assert one == other
    left = list(network.module.buffers())
    assert all(torch.equal(*pair) for pair in zip(buffers, left, strict=True))
    with torch.no_grad():
        assert not torch.allclose(network.module(inputs), training_mode, atol=1e-2)


def test_evaluation_by_formula():
    member = make_ready(PERCEPTRON, 2, CPU)
    network, splits = member.network, member.splits
    loss, accuracy = evaluate(network, member.frame, splits.test, Classification(), 0).values()
    with torch.no_grad():
        logits = network.module(splits.standardize(splits.test.inputs)).double()
    chosen = logits.gather(1, splits.test.targets[:, None])[:, 0]
    assert loss == pytest.approx((logits.exp().sum(1).log() - chosen).mean().item(), rel=1e-5)
    assert accuracy == (chosen == logits.max(1).values).double().mean().item()
    assert 0 < accuracy < 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_really_work_with_the_channels_last(channels):
    """torch goes on with the channels first where an image has one and its strides do not say."""
    frame = make_ready(replace(PERCEPTRON, model=ConvNet(8, 4)), 0, CPU).frame
    images = torch.rand(2, channels, 8, 8)
    kernel = torch.rand(5, channels, 3, 3)
    for last in (False, True):
        laid = replace(frame, channels_last=last).laid_out(images)
        assert torch.equal(laid, images)
        out = torch.nn.functional.conv2d(laid, kernel)
        assert out.is_contiguous(memory_format=torch.channels_last) is last


def test_inputs_that_are_no_images_have_one_layout():
    images = make_ready(PERCEPTRON, 0, CPU)
    rows = replace(images, frame=replace(images.frame, dimensions=1))
    assert images.laid_out(channels_last=True).frame.channels_last
    assert not rows.laid_out(channels_last=True).frame.channels_last


@pytest.mark.parametrize(
    ("shape", "count"), [((64,), 500), ((1, 8, 8), 500), ((1, 28, 28), 127), ((3, 224, 224), 50)]
)
def test_large_inputs_are_evaluated_fewer_at_a_time_on_a_cpu(shape, count):
    assert evaluation_batch(torch.empty(1, *shape)) == count
    assert evaluation_batch(torch.empty(1, *shape, device="meta")) == 500


def test_smoothing_is_in_the_loss_trained_on_and_not_in_what_is_measured():
    """With a rate of nearly 0 the network stays as it began, and both losses can be compared."""
    still = replace(PERCEPTRON, optimizer=SGD(lr=1e-12), epochs=1, batch_size=210)
    plain, smooth = (
        train(replace(still, loss=CrossEntropy(share)), 0, CPU) for share in (0.0, 0.5)
    )
    assert plain.curves["train_loss"][0] == pytest.approx(plain.metrics["train_loss"], rel=1e-5)
    assert smooth.metrics["train_loss"] == pytest.approx(plain.metrics["train_loss"], rel=1e-5)
    assert smooth.curves["train_loss"][0] != pytest.approx(plain.metrics["train_loss"], rel=1e-2)


@dataclass(frozen=True)
class Failing:
    """A network of a user's own that raises what users' networks raise."""

    where: str

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Failing(self.where, classes)


class _Failing(nn.Module):
    def __init__(self, where: str, classes: int) -> None:
        super().__init__()
        self.where = where
        self.head = nn.Linear(64, classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.where == "training" and self.training:
            raise AttributeError("no such thing")
        if self.where == "vmap" and torch._C._functorch.is_batchedtensor(inputs):
            raise TypeError("no batches of batches,\nplease")
        return self.head(inputs.flatten(1))


def test_one_trial_that_fails_takes_no_other_with_it():
    good = Request(replace(PERCEPTRON, epochs=1), 0)
    bad = Request(replace(good.training, model=Failing("training")), 0)
    for mode in (Mode(), Mode("fused", 1)):
        seen = train_together([bad, good, bad], CPU, mode) if mode == Mode() else [
            train_together([each], CPU, mode)[0] for each in (bad, good, bad)
        ]  # fmt: skip
        assert isinstance(seen[0], AttributeError)
        assert isinstance(seen[1], TrainingResult)
        assert isinstance(seen[2], AttributeError)
    with pytest.raises(AttributeError, match="no such thing"):
        train(bad.training, 0, CPU)


def test_whatever_a_network_raises_under_vmap_it_is_trained_alone():
    training = replace(PERCEPTRON, model=Failing("vmap"), epochs=1)
    requests = [Request(training, seed) for seed in range(2)]
    for each, request in zip(
        train_together(requests, CPU, Mode("fused", 2)), requests, strict=True
    ):
        assert isinstance(each, TrainingResult)
        assert each.mode == Mode()
        assert each.note == "not fused: TypeError: no batches of batches,"
        assert same(each, train(training, request.seed, CPU))


def test_a_network_is_kept_where_asked_for():
    training = replace(CONVOLUTIONAL, epochs=1)
    (seen,) = train_together([Request(training, 0, keep=True)], CPU, Mode())
    assert isinstance(seen, TrainingResult)
    model = by_hand(training, 0, HandSGD, "blocks.0").model
    assert seen.learnt is not None
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, each in seen.learnt.items():
        assert torch.equal(each, named[name]), name
    assert seen.learnt.keys() >= {"norm.running_mean", *dict(model.named_parameters())}


def test_precision_is_that_of_parameters_and_sums():
    trainings = [
        replace(PERCEPTRON, epochs=1, precision=name) for name in ("float32", "float64", "bfloat16")
    ]
    types = [make_ready(each, 0, CPU).network.vector.dtype for each in trainings]
    assert types == [torch.float32, torch.float64, torch.float32]
    loss = [train(each, 0, CPU).curves["train_loss"][0] for each in trainings]
    assert loss[1] == pytest.approx(loss[0], rel=1e-5)
    assert loss[2] == pytest.approx(loss[0], rel=0.05)
    assert len(set(loss)) == 3


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (nn.Linear(3, 2), [1] * 6 + [0] * 2),
        (nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)), [1, 1, 0, 0, 0, 0, 0, 0]),
        (nn.LayerNorm((2, 3)), [0] * 12),  # of two axes, and none of them weights
        (nn.Sequential(nn.GroupNorm(1, 2), nn.Linear(2, 1, bias=False)), [0] * 4 + [1] * 2),
        (nn.Sequential(nn.RMSNorm((2, 2)), nn.PReLU(3)), [0] * 7),
        (nn.Embedding(2, 2), [1] * 4),
        (nn.ModuleDict({"frozen": nn.Linear(2, 2).requires_grad_(False),
                        "free": nn.Linear(1, 1)}), [1, 0]),
    ],
)  # fmt: skip
def test_which_parameters_are_weights(module, wanted):
    for dtype in (torch.float32, torch.float64):
        network = Network(module, CPU, dtype)
        assert network.weights.tolist() == wanted
        assert network.weights.dtype == network.vector.dtype == dtype


def test_batch_normalisation_counts_no_batches_and_keeps_its_statistics():
    one, other = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    network = Network(nn.Sequential(one, nn.Linear(4, 1)), CPU, torch.float32)
    inputs = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        assert torch.equal(one(inputs), other(inputs))
    assert network.held().keys() == {"0.running_mean", "0.running_var"}
    assert torch.equal(one.running_var, other.running_var)
    assert not torch.equal(one.running_var, torch.ones(4))
    averaging = nn.BatchNorm1d(4, momentum=None)  # whose average needs the count
    Network(averaging, CPU, torch.float32)
    averaging(inputs)
    assert averaging.num_batches_tracked.item() == 1


def test_a_module_that_draws_from_numpy_and_python_is_reproducible():
    class Noisy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(64, 10)

        def forward(self, inputs):
            noise = random.random() + float(np.random.rand()) if self.training else 1.0  # noqa: NPY002
            return self.layer(inputs.flatten(1)) * noise

    @dataclass(frozen=True)
    class Spec:
        def build(self, shape, classes):
            return Noisy()

    spec = Spec()
    made = Training(
        data=digits(train=100, validation=50, test=100),
        model=spec, optimizer=SGD(lr=0.1), batch_size=20, epochs=2,
    )  # fmt: skip
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    first = train(made, 0, torch.device("cpu"))
    state = random.random(), np.random.rand()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert state == (random.random(), np.random.rand())  # noqa: NPY002
    second = train(made, 0, torch.device("cpu"))
    assert first.curves == second.curves
    assert first.curves != train(made, 1, torch.device("cpu")).curves
