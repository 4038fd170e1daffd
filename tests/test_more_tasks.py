"""Segmentation, sequences and making: scores against hand counts and other libraries' figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.metrics import jaccard_score
from torch import nn

from harness import Generation, HarnessError, Reconstruction, Segmentation, Sequence, Training
from harness.data import arrays
from harness.engines.prepared import check_ready, make_ready
from harness.models import DCGAN
from harness.optim import SGD, Adam
from harness.penalties import Clamp
from harness.randomness.counting import Draws
from harness.tasks import (
    Batch,
    FrechetDistance,
    GANLoss,
    SegmentationLoss,
    SequenceLoss,
    WassersteinLoss,
)
from harness.tasks.place_scores import (
    BorderIoU,
    IoU,
    Perplexity,
    PlaceAccuracy,
    PlaceCrossEntropy,
)
from harness.tasks.scores import Score
from harness.trainer.train import train
from harness.training import Update

CPU = torch.device("cpu")


def scored(score: Score, outputs: torch.Tensor, targets: torch.Tensor, size: int = 3) -> float:
    """A score of batches of some size."""
    state = score.init(CPU)
    for start in range(0, len(outputs), size):
        rows = slice(start, start + size)
        state = score.update(state, outputs[rows], targets[rows])
    return float(score.value(state))


def drawn(classes: int = 4, count: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(count, classes, 6, 5, generator=generator)
    targets = torch.randint(classes, (count, 6, 5), generator=generator)
    # mostly right, so that no ratio is that of chance
    right = torch.nn.functional.one_hot(targets, classes).movedim(-1, 1)
    return logits + 2 * right, targets


# ---- a class for each place -----------------------------------------------------------------


def test_iou_is_that_of_scikit_learn() -> None:
    logits, targets = drawn()
    told = logits.argmax(dim=1)
    wanted = jaccard_score(targets.flatten(), told.flatten(), average="macro")
    assert scored(IoU(), logits, targets) == pytest.approx(wanted, abs=1e-12)
    assert 0.5 < wanted < 0.95


def test_iou_leaves_out_a_class_that_is_nowhere() -> None:
    """By hand: class 0 has 2 of 3, class 1 1 of 2, class 2 is neither told nor there."""
    told = torch.tensor([[[0, 0, 0, 1]]])
    targets = torch.tensor([[[0, 0, 1, 1]]])
    logits = torch.nn.functional.one_hot(told, 3).movedim(-1, 1).float()
    assert scored(IoU(), logits, targets) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_places_that_do_not_count_are_left_out() -> None:
    logits, targets = drawn()
    some = targets.clone()
    some[:, 3:] = -1
    for score in (IoU(), PlaceAccuracy(), PlaceCrossEntropy(), Perplexity()):
        alone = scored(score, logits[:, :, :3], targets[:, :3])
        assert scored(score, logits, some) == pytest.approx(alone, abs=1e-6), score.name
        assert scored(score, logits, targets) != pytest.approx(alone, abs=1e-3), score.name


def test_border_iou_by_hand() -> None:
    """Two squares of 3×3 in 7×7, one pixel apart; borders are the 8 pixels around each middle.

    Class 1: 8 pixels each; both have 4 of them: of the 3×2 that both squares share, 2 are the
    middles of one or the other. Union 12.
    """
    targets, told = torch.zeros(1, 7, 7, dtype=torch.int64), torch.zeros(1, 7, 7, dtype=torch.int64)
    targets[0, 2:5, 1:4] = 1
    told[0, 2:5, 2:5] = 1
    logits = torch.nn.functional.one_hot(told, 2).movedim(-1, 1).float()
    state = BorderIoU().update(BorderIoU().init(CPU), logits, targets)
    assert state["intersection"][1] == 4
    assert state["union"][1] == 12
    # class 0 touches the square, or the edge of the image: its 5×5 ring without the square's
    # place, and the frame
    own, other = (_near_by_hand(each[0] == 0) for each in (targets, told))
    assert state["intersection"][0] == (own & other).sum()
    assert state["union"][0] == (own | other).sum()
    assert scored(BorderIoU(), logits, targets) == pytest.approx(
        (4 / 12 + float((own & other).sum() / (own | other).sum())) / 2
    )
    assert scored(BorderIoU(), logits, targets) < scored(IoU(), logits, targets)


def _near_by_hand(region: torch.Tensor) -> torch.Tensor:
    """Pixels of a region with a neighbour that is none of it, or is outside, one by one."""
    found = torch.zeros_like(region)
    height, width = region.shape
    for y in range(height):
        for x in range(width):
            around = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            outside = any(
                not (0 <= i < height and 0 <= j < width) or not region[i, j] for i, j in around
            )
            found[y, x] = region[y, x] and outside
    return found


def test_perplexity_of_a_guess_is_the_number_of_tokens() -> None:
    targets = torch.randint(9, (5, 4), generator=torch.Generator().manual_seed(0))
    assert scored(Perplexity(), torch.zeros(5, 9, 4), targets) == pytest.approx(9)
    logits = torch.randn(5, 9, 4, generator=torch.Generator().manual_seed(1))
    by_hand = math.exp(
        -np.mean([float(logits[i, :, j].log_softmax(0)[targets[i, j]])
                  for i in range(5) for j in range(4)])
    )  # fmt: skip
    assert scored(Perplexity(), logits, targets) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_of_places_is_torchs(smoothing: float) -> None:
    logits, targets = drawn()
    loss = SegmentationLoss(smoothing)(nn.Identity(), Batch(logits, targets))
    wanted = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    ids = torch.randint(4, (7, 30), generator=torch.Generator().manual_seed(1))
    net = lambda *_: logits.flatten(2)  # noqa: E731
    lengths = torch.tensor([30, 2, 9, 1, 30, 17, 5])
    mask = torch.arange(30) < lengths[:, None]
    loss = SequenceLoss("next token", smoothing)(net, Batch(ids, ids, mask=mask))
    following = ids[:, 1:].where(mask[:, 1:], -100)
    wanted = torch.nn.functional.cross_entropy(
        logits.flatten(2)[:, :, :-1], following, label_smoothing=smoothing
    )
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)


@dataclass(frozen=True)
class Bigram:
    """A network that knows the token before, or, ``ahead``, the token itself."""

    ahead: bool = False

    def build(self, shape: tuple[int, ...], tokens: int) -> nn.Module:
        return BigramModule(tokens, self.ahead)


class BigramModule(nn.Module):
    def __init__(self, tokens: int, ahead: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(tokens, tokens)
        self.ahead = ahead

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        seen = ids.roll(-1, dims=1) if self.ahead else ids
        return self.table(seen).transpose(1, 2)


def chain(count: int = 4000, length: int = 12) -> np.ndarray[Any, Any]:
    """Sequences of three tokens, each followed by the next with chance .8, else by any."""
    random = np.random.default_rng(0)
    ids = np.empty((count, length), dtype=np.int64)
    ids[:, 0] = random.integers(3, size=count)
    for place in range(1, length):
        jump = random.random(count) < 0.2
        after = (ids[:, place - 1] + 1) % 3
        ids[:, place] = np.where(jump, random.integers(3, size=count), after)
    return ids


WORDS = arrays(chain(), None, "chain", scaling="as they are", train=2400, validation=800, test=800)
TOLD = Training(
    data=WORDS, model=Bigram(), task=Sequence(), optimizer=Adam(lr=0.05), batch_size=100, epochs=6
)


def test_next_tokens_are_learnt_to_the_entropy_of_the_chain() -> None:
    """The rate of the chain: each token is followed with chance .8 + .2 / 3, and .2 / 3 twice."""
    found = train(TOLD, 0, CPU)
    likely, other = 0.8 + 0.2 / 3, 0.2 / 3
    entropy = -(likely * math.log(likely) + 2 * other * math.log(other))
    assert found.metrics["test_loss"] == pytest.approx(entropy, abs=0.03)
    assert found.metrics["test_perplexity"] == pytest.approx(math.exp(entropy), abs=0.05)
    assert found.metrics["test_accuracy"] == pytest.approx(likely, abs=0.03)
    assert found.metrics["test_perplexity"] == pytest.approx(math.exp(found.metrics["test_loss"]))
    assert found.curves["train_loss"][0] > 1.05 * entropy
    gap = found.metrics["test_loss"] - found.metrics["train_loss"]
    assert found.metrics["generalisation_gap"] == pytest.approx(gap)
    assert "test_calibration_error" not in found.metrics


def test_a_network_that_looks_ahead_is_told() -> None:
    check_ready(TOLD, 0)
    with pytest.raises(HarnessError, match="must not look ahead"):
        check_ready(replace(TOLD, model=Bigram(ahead=True)), 0)


# ---- making -----------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [3, 200])
def test_frechet_distance_is_that_of_scipys_root(numbers: int) -> None:
    random = np.random.default_rng(1)
    made = torch.from_numpy(random.normal(size=(300, numbers)) @ random.normal(size=(numbers,) * 2))
    there = torch.from_numpy(random.normal(size=(200, numbers)) + 0.5)
    score = FrechetDistance(features=16)
    state = score.init(CPU)
    for start in range(0, 300, 100):
        rows = slice(start, start + 100)
        kept = there[rows] if start < 200 else there[:0]
        state = score.update(state, made[rows], kept)
    one, other = (score.seen(each).numpy() for each in (made, there))
    mixed, *_ = sqrtm(np.cov(one.T) @ np.cov(other.T)), 0
    wanted = ((one.mean(0) - other.mean(0)) ** 2).sum()
    wanted += np.trace(np.cov(one.T) + np.cov(other.T) - 2 * mixed.real)
    assert float(score.value(state)) == pytest.approx(wanted, rel=1e-6)
    assert one.shape[1] == min(numbers, 16)


def test_frechet_distance_of_normal_points_in_closed_form() -> None:
    """Of points about 0 and about m with deviations 1 and s: |m|² + k (1 - s)²."""
    random = np.random.default_rng(2)
    there = torch.from_numpy(random.normal(size=(200_000, 2)))
    made = torch.from_numpy(random.normal(size=(200_000, 2)) * 0.5 + np.array([1.0, 2.0]))
    score = FrechetDistance()
    assert scored(score, made, there, 50_000) == pytest.approx(5 + 2 * 0.25, rel=0.01)
    assert scored(score, there, there, 50_000) == pytest.approx(0, abs=1e-6)


def test_a_generator_that_makes_no_numbers_has_no_distance() -> None:
    made = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    there = made + 1
    assert math.isfinite(scored(FrechetDistance(), made, there))
    for broken in (math.nan, math.inf):
        bad = made.clone()
        bad[2, 3] = broken
        assert math.isnan(scored(FrechetDistance(), bad, there))


RING = np.random.default_rng(4).normal(size=(600, 2)) * 0.3 + np.array([2.0, -1.0])
POINTS = arrays(RING, None, "points", scaling="as they are", train=400, validation=100, test=100)


@dataclass(frozen=True)
class Two:
    """A generator and a discriminator, linear and small."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return TwoModule(shape[0])


class TwoModule(nn.Module):
    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.generator = nn.Linear(3, numbers)
        self.discriminator = nn.Sequential(nn.Linear(numbers, 16), nn.ReLU(), nn.Linear(16, 1))


@pytest.mark.parametrize("kind", ["GAN", "clamped critic", "critic with penalty"])
def test_a_linear_generator_comes_to_normal_points(kind: str) -> None:
    losses = {
        "GAN": [GANLoss(of, latent=3) for of in ("discriminator", "generator")],
        "clamped critic": [WassersteinLoss(of, latent=3) for of in ("discriminator", "generator")],
        "critic with penalty": [
            WassersteinLoss("discriminator", latent=3, penalty=1.0),
            WassersteinLoss("generator", latent=3),
        ],
    }[kind]
    clamp = Clamp(0.2) if kind == "clamped critic" else None
    first, second = losses
    training = Training(
        data=POINTS, model=Two(), task=Generation(latent=3), batch_size=20, epochs=60,
        updates=(
            Update("discriminator", first, Adam(lr=0.01, beta1=0.5), 2, clamp),
            Update("generator", second, Adam(lr=0.01, beta1=0.5)),
        ),
    )  # fmt: skip
    found = train(training, 0, CPU)
    curve = found.curves["validation_frechet_distance"]
    assert curve[0] > 1.0
    assert min(curve[-10:]) < 0.15
    assert "test_frechet_distance" in found.metrics
    if clamp:
        member = make_ready(training, 0, CPU)
        assert member.network.vector.abs().max() > 0.2, "or the clamp would be idle"


def test_the_penalty_of_a_slope_is_that_by_hand() -> None:
    """Of a linear critic the slope is its weights' length, wherever it is taken."""
    weights = torch.tensor([[3.0, 4.0]], requires_grad=True)
    net = _Linear(weights)
    inputs = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    batch = Batch(inputs, torch.zeros(6), draw=lambda: Draws(1, CPU))
    free = WassersteinLoss("discriminator", latent=2)(net, batch)
    held = WassersteinLoss("discriminator", latent=2, penalty=10.0)(net, batch)
    assert (held - free).item() == pytest.approx(10 * (5 - 1) ** 2, rel=1e-5)
    (slope,) = torch.autograd.grad(held - free, weights)
    assert slope.tolist() == [pytest.approx([10 * 2 * 4 * 3 / 5, 10 * 2 * 4 * 4 / 5], rel=1e-4)]


class _Linear:
    def __init__(self, weights: torch.Tensor) -> None:
        self._weights = weights

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.part("discriminator")(*inputs)

    def part(self, name: str) -> Any:
        if name == "generator":
            return lambda noise: noise
        return lambda points: points @ self._weights.T


# ---- what is refused ----------------------------------------------------------------------------

IMAGES = np.random.default_rng(0).random((60, 1, 6, 5))
MASKS = np.random.default_rng(1).integers(3, size=(60, 6, 5))
LABELS = np.arange(60) % 3


@dataclass(frozen=True)
class Pixels:
    """Logits for each pixel, of so many classes more or fewer."""

    more: int = 0

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Conv2d(shape[0], classes + self.more, 1)


SEGMENTS = Training(
    data=arrays(IMAGES, MASKS, "masks"), model=Pixels(), task=Segmentation(),
    optimizer=SGD(lr=0.1), batch_size=10, epochs=2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": Pixels(1)}, "one logit for each of 3 classes for each of 6 × 5 pixels"),
        ({"data": arrays(IMAGES, LABELS, "labels")}, "Segmentation must have a class for each"),
        ({"task": Sequence()}, "Sequence('next token') must have token ids"),
        ({"task": Sequence("each position")}, "a class for each position"),
        ({"data": arrays(IMAGES, None, "none")}, "no targets"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_does_not_fit_the_task_is_told(change: dict[str, Any], said: str) -> None:
    if "task" in change:
        change = {**change, "loss": None}
    with pytest.raises(HarnessError) as told:
        check_ready(replace(SEGMENTS, **change), 0)
    assert said in str(told.value)


def test_segmentation_is_trained_and_scored() -> None:
    found = train(SEGMENTS, 0, CPU)
    for name in ("loss", "accuracy", "iou", "border_iou"):
        assert math.isfinite(found.metrics[f"test_{name}"])
        assert len(found.curves[f"validation_{name}"]) == 2


def test_making_needs_updates_or_a_loss() -> None:
    with pytest.raises(HarnessError, match=r"Training\(loss=...\) must be given, or updates="):
        Training(
            data=POINTS, model=Two(), task=Generation(latent=3), optimizer=SGD(lr=0.1),
            batch_size=10, epochs=1,
        )  # fmt: skip


def test_a_part_that_makes_another_shape_is_told() -> None:
    with pytest.raises(HarnessError, match="an input for each 2 numbers that its discriminator"):
        check_ready(
            Training(
                data=POINTS, model=Two(), task=Generation(latent=2, part="discriminator"),
                batch_size=10, epochs=1,
                updates=(Update("generator", GANLoss("generator", latent=3), SGD(lr=0.1)),),
            ),
            0,
        )  # fmt: skip


def test_a_critic_with_a_penalty_and_batch_normalisation_is_told() -> None:
    images = arrays(IMAGES, None, "images", channels="first")
    of = ("discriminator", "generator")
    penalised = [WassersteinLoss(each, latent=4, penalty=5.0) for each in of]
    training = Training(
        data=images, model=DCGAN(width=2, levels=2, latent=4), task=Generation(latent=4),
        batch_size=10, epochs=1,
        updates=tuple(
            Update(part, loss, SGD(lr=0.1)) for part, loss in zip(of, penalised, strict=True)
        ),
    )  # fmt: skip
    with pytest.raises(HarnessError, match="must not normalise across the batch"):
        check_ready(training, 0)
    check_ready(replace(training, model=replace(training.model, normalisation="layer")), 0)


def test_each_part_is_scored_on_noise_of_its_own() -> None:
    training = Training(
        data=POINTS, model=Two(), task=Generation(latent=3), batch_size=20, epochs=1,
        updates=(Update("generator", GANLoss("generator", latent=3), SGD(lr=0.1)),),
    )  # fmt: skip
    member = make_ready(training, 0, CPU)
    first = {part: next(iter(member.outputs(part)))[0][0] for part in ("validation", "test")}
    assert not torch.equal(first["validation"], first["test"])
    again = next(iter(member.outputs("test")))[0][0]
    assert torch.equal(first["test"], again)


def test_padded_inputs_are_not_rebuilt() -> None:
    unequal = arrays([np.zeros((2, 3 + place % 4)) + place for place in range(40)], None, "unequal")
    with pytest.raises(HarnessError, match="Reconstruction must have inputs of one length"):
        check_ready(
            Training(
                data=unequal, model=Two(), task=Reconstruction(), optimizer=SGD(lr=0.1),
                batch_size=5, epochs=1,
            ),
            0,
        )  # fmt: skip
