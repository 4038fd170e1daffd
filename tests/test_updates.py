"""Several updates of a step, each of a part of its own, against loops written out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness import CrossEntropy, HarnessError, Reconstruction, SquaredLoss, Training, Update
from harness.clipping import ClipNorm
from harness.data import digits
from harness.engines.modes import Mode
from harness.engines.plain import make_step
from harness.engines.prepared import Member, check_ready, make_ready
from harness.engines.step import Rows
from harness.optim import SGD, Adam
from harness.penalties import L2
from harness.tasks import Batch, Net
from harness.trainer.train import DivergedError, Request, train, train_together
from tests.test_modes import BASE, CASES, Forge, Judge, Parts

CPU = torch.device("cpu")
ADAM = Adam(lr=0.01)
GAN = replace(CASES["two updates, one of them three times a step"], precision="float64")
TUNED = replace(CASES["body and head by rates of their own"], augment=(), precision="float64")


def taken(member: Member, steps: int) -> None:
    """Take some steps of the first epoch."""
    step = make_step(member)
    member.network.module.train()
    for number, rows in enumerate(member.order(0)[:steps]):
        step(Rows(*member.splits.train.pick(rows)), 1.0, number)


def test_a_gan_is_trained_as_a_loop_written_out_trains_it() -> None:
    """Dropout off; the noise is the trainer's, by the turn: 0, 1, 2, 3, then 4 in the next step."""
    trained, by_hand = (make_ready(GAN, 0, CPU) for _ in range(2))
    for each in (trained, by_hand):
        each.network.module.discriminator[1].p.fill_(0.0)
    taken(trained, 2)

    module = by_hand.network.module.train()
    generator, judge = module.generator, module.discriminator
    first = torch.optim.Adam(judge.parameters(), lr=0.01, betas=(0.5, 0.999))
    second = torch.optim.RMSprop(generator.parameters(), lr=0.005)
    weights = [each for name, each in judge.named_parameters() if name.endswith("weight")]
    turn = 0
    for rows in by_hand.order(0)[:2]:
        images, _ = by_hand.splits.train.pick(rows)
        inputs = by_hand.frame.standardize(images).flatten(1)
        for time in range(3):
            made = generator(by_hand.loss_draws(turn).normal("z", 20, 4) * 0.8).detach()
            loss = F.softplus(-judge(inputs[20 * time : 20 * (time + 1)])).mean()
            loss = loss + F.softplus(judge(made)).mean()
            first.zero_grad()
            (loss + 0.01 / 2 * sum(each.square().sum() for each in weights)).backward()
            torch.nn.utils.clip_grad_norm_(judge.parameters(), 2.0)
            first.step()
            turn += 1
        made = generator(by_hand.loss_draws(turn).normal("z", 20, 4))
        second.zero_grad()
        F.softplus(-judge(made)).mean().backward()
        torch.nn.utils.clip_grad_value_(generator.parameters(), 0.1)
        second.step()
        turn += 1

    hand = dict(module.named_parameters())
    begun = dict(make_ready(GAN, 0, CPU).network.module.named_parameters())
    for name, each in trained.network.module.named_parameters():
        assert (each - hand[name]).abs().max() < 1e-10, name
        moved = not torch.equal(each, begun[name])
        assert moved == (not name.startswith("idle")), name


def test_each_update_sees_what_those_before_it_have_done() -> None:
    trained, by_hand = (make_ready(TUNED, 0, CPU) for _ in range(2))
    for each in (trained, by_hand):
        each.network.module.mirror[1].p.fill_(0.0)
    taken(trained, 3)
    module = by_hand.network.module.train()
    head = torch.optim.SGD(module.head.parameters(), lr=0.2)
    body = torch.optim.Adam(module.encoder.parameters(), lr=0.01)
    for rows in by_hand.order(0)[:3]:
        images, labels = by_hand.splits.train.pick(rows)
        inputs = by_hand.frame.standardize(images)
        for optimizer, smoothing in ((head, 0.1), (body, 0.0)):
            optimizer.zero_grad()
            F.cross_entropy(module(inputs), labels, label_smoothing=smoothing).backward()
            optimizer.step()
    assert (trained.network.vector - vector_of(by_hand)).abs().max() < 1e-10
    begun = make_ready(TUNED, 0, CPU).network.vector
    assert (trained.network.vector - begun).abs().max() > 1e-2


def vector_of(member: Member) -> torch.Tensor:
    return torch.cat([each.detach().reshape(-1) for each in member.network.params])


def test_one_update_of_everything_is_a_training_without_updates() -> None:
    alone = replace(BASE, penalty=L2(0.01), clip=ClipNorm(0.5))
    whole = Update("", CrossEntropy(), BASE.optimizer, 1, L2(0.01), ClipNorm(0.5))
    declared = replace(alone, loss=None, optimizer=None, penalty=None, clip=None, updates=(whole,))
    one, other = train(alone, 0, CPU), train(declared, 0, CPU)
    assert one.curves == other.curves
    assert one.metrics == other.metrics


def test_updates_of_all_parts_together_are_an_update_of_the_whole() -> None:
    parts = Update(("encoder", "head", "mirror.1"), CrossEntropy(), SGD(lr=0.1))
    with pytest.raises(HarnessError, match=r"'mirror\.1', which has none"):
        check_ready(replace(BASE, model=Parts(), loss=None, optimizer=None, updates=(parts,)), 0)
    both = replace(parts, part=("head", "encoder", "mirror.0.bias"))
    with pytest.raises(HarnessError, match="a part that the network has"):
        check_ready(replace(BASE, model=Parts(), loss=None, optimizer=None, updates=(both,)), 0)
    both = replace(parts, part=("head", "encoder"))
    declared = replace(BASE, model=Parts(), loss=None, optimizer=None, updates=(both,))
    whole = replace(declared, updates=(replace(both, part=""),))
    # nothing of `mirror` is in the loss, so that its bias stays in both
    assert train(declared, 0, CPU).curves == train(whole, 0, CPU).curves


def test_a_step_with_several_batches_has_fewer_steps_in_an_epoch() -> None:
    result = train(GAN, 0, CPU)
    assert GAN.step_size == 60
    assert result.steps == 3 * (120 // 60)
    assert result.samples == 3 * 120


@dataclass(frozen=True)
class Broken:
    """A loss that is no number, and whose gradient is one."""

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        return net.part("generator")(batch.draws.normal("z", 20, 4)).mean() + torch.tensor(
            float("nan")
        )


@pytest.mark.parametrize("mode", [Mode(), Mode("fused", 2)], ids=str)
def test_any_update_may_diverge(mode: Mode) -> None:
    first, second = GAN.updates
    broken = replace(GAN, updates=(first, replace(second, loss=Broken())))
    for found in train_together([Request(broken, 0), Request(broken, 1)], CPU, mode):
        assert isinstance(found, DivergedError)
        assert "training loss of generator in epoch 1 is nan" in str(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"updates": (Update("a", Judge(), ADAM), Update("a", Forge(), ADAM))},
            "'a' twice",
        ),
        (
            {
                "updates": (
                    Update("a", Judge(), ADAM),
                    Update("a.b", Forge(), ADAM),
                )
            },
            "within",
        ),
        (
            {"updates": (Update("", Judge(), ADAM), Update("a", Forge(), ADAM))},
            "all of it",
        ),
        ({"updates": [Update("a", Judge(), ADAM)]}, "must be a tuple of Update"),
        ({"updates": (Judge(),)}, "must be a tuple of Update"),
        ({"optimizer": Adam(lr=0.01)}, "optimizer= beside it"),
        ({"clip": ClipNorm(1.0), "loss": Judge()}, "loss= and clip= beside it"),
        ({"updates": ()}, "optimizer=...) must be given, or updates="),
        ({"updates": (Update("generator", SquaredLoss(), Adam(lr=0.01)),)}, "made for quantities"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_updates_that_cannot_be_are_told(change: Mapping[str, Any], said: str) -> None:
    with pytest.raises(HarnessError) as told:
        replace(GAN, **change)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((3, Judge(), ADAM), "the name of a submodule"),
        (((), Judge(), ADAM), "the name of a submodule"),
        (("a", nn.MSELoss(), ADAM), "loss(net, batch)"),
        (("a", Judge, ADAM), "with the parentheses"),
        (("a", Judge(), torch.optim.Adam), "must be an Optimizer"),
        (("a", Judge(), ADAM, 0), "a whole number of at least 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_update_that_cannot_be_is_told(arguments: Any, said: str) -> None:
    with pytest.raises(HarnessError) as told:
        Update(*arguments)
    assert said in str(told.value)


def test_parts_are_written_in_one_way() -> None:
    one = Update("a", Judge(), ADAM)
    assert Update(("a",), Judge(), ADAM) == one
    assert Update(("b", "a"), Judge(), ADAM) == Update(("a", "b"), Judge(), ADAM)


def test_a_part_that_is_not_there_is_told_before_training() -> None:
    wrong = replace(GAN, updates=(Update("generater", Forge(), ADAM),))
    with pytest.raises(HarnessError, match="Did you mean generator") as told:
        check_ready(wrong, 0)
    assert "an update must move a part that the network has" in str(told.value)


def test_two_updates_of_shared_weights_are_told() -> None:
    pair = (
        Update("mirror", CrossEntropy(), SGD(lr=0.1)),
        Update("head", CrossEntropy(), SGD(lr=0.1)),
    )
    shared = replace(BASE, model=Parts(), loss=None, optimizer=None, updates=pair)
    with pytest.raises(HarnessError, match="parts that share"):
        check_ready(shared, 0)


def test_more_batches_than_examples_are_told() -> None:
    many = replace(GAN, updates=(replace(GAN.updates[0], times=7),))
    with pytest.raises(HarnessError, match="batch_size, 7 times a step, must be at most the 120"):
        check_ready(many, 0)


def test_rebuilding_is_scored_by_what_was_rebuilt() -> None:
    """The network gives back its inputs times a number: the error is that of the number."""
    data = digits(train=120, validation=60, test=60)
    training = Training(
        data=data, model=Scaled(), optimizer=SGD(lr=0.0001), batch_size=20, epochs=1,
        task=Reconstruction(),
    )  # fmt: skip
    member = make_ready(training, 0, CPU)
    scale = float(member.network.vector)
    inputs = member.frame.standardize(member.splits.validation.inputs)
    found = train(training, 0, CPU)
    # one epoch of a small rate leaves the number where it was, to within the rate
    wanted = float(((1 - scale) * inputs).double().square().mean())
    assert found.curves["validation_squared_error"][0] == pytest.approx(wanted, rel=1e-2)
    assert wanted > 0.1
    assert set(found.metrics) >= {"test_squared_error", "train_absolute_error"}
    assert "test_accuracy" not in found.metrics


@dataclass(frozen=True)
class Scaled:
    """A network of one number."""

    def build(self, shape: tuple[int, ...], values: int) -> nn.Module:
        return ScaledModule()


class ScaledModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor([0.5]))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.factor


def test_a_network_that_rebuilds_another_shape_is_told() -> None:
    with pytest.raises(HarnessError, match=r"each input again, in its own shape, \(2, 1, 8, 8\)"):
        check_ready(replace(BASE, task=Reconstruction(), loss=None), 0)
