"""The study of transfer learning: which examples its classes are, and what moves in each way."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest
import torch

from harness.data import Declared, digits
from harness.engines.network import Learnt
from harness.engines.plain import Plain
from harness.engines.prepared import make_ready, untrained
from harness.training import Training

transfer = importlib.import_module("harness.studies.transfer_learning")
CPU = torch.device("cpu")
ODD = transfer.Classes(of=digits(), chosen=(7, 1, 3), train=90, validation=60, test=60)


def rows_of(data: Declared, seed: int) -> dict[tuple[float, ...], int]:
    """Return the class of each example of all parts, by its pixels."""
    splits = data.splits(seed)
    return {
        tuple(pixels.flatten().tolist()): int(target)
        for part in (splits.train, splits.validation, splits.test)
        for pixels, target in zip(part.inputs, part.targets, strict=True)
    }


def test_classes_are_those_of_the_data_set_numbered_anew_in_the_order_given() -> None:
    everything = {
        tuple(pixels.flatten().tolist()): int(target)
        for part in digits().load().parts
        for pixels, target in zip(part.inputs, part.targets, strict=True)
    }
    found = rows_of(ODD, 0)
    assert len(found) == 90 + 60 + 60
    assert {everything[pixels] for pixels in found} == {7, 1, 3}
    assert all((7, 1, 3)[number] == everything[pixels] for pixels, number in found.items())


def test_what_is_known_of_chosen_classes_beforehand_is_what_is_loaded() -> None:
    assert ODD.counts() == ODD.load().counts()
    assert (ODD.shape(), ODD.dtype) == ((1, 8, 8), "float32")
    assert ODD.facts().counts.total == 179 + 182 + 183
    assert ODD.splits(0).classes == 3


@pytest.mark.parametrize("scale", ["quick", "standard", "full"])
def test_source_and_target_have_no_class_in_common_and_are_all_ten(scale: str) -> None:
    _, settings = transfer.study.scale(scale)
    source, target = settings.source, settings.target
    assert source.of == target.of
    assert sorted(source.chosen + target.chosen) == list(range(10))


def test_source_and_target_have_no_image_in_common() -> None:
    _, scale = transfer.study.scale("quick")
    assert not rows_of(scale.source, 3).keys() & rows_of(scale.target, 3).keys()


def two_steps(way: str) -> tuple[Learnt, Learnt, Learnt]:
    """Return the source's weights, and the network's own before and after two steps."""
    _, scale = transfer.study.scale("quick")
    built: Training = transfer.build(scale, way, 0.0625, lr=0.1)
    training = replace(built, data=replace(built.data, train=40), epochs=1)
    given = untrained(training, 0)
    member = make_ready(training, 0, CPU, given)
    before = {name: each.clone() for name, each in member.network.learnt().items()}
    Plain([member]).epoch(0)
    return given.get("from_", {}), before, member.network.learnt()


BODY = [f"blocks.{block}.0.{name}" for block in (0, 1) for name in ("weight", "bias")]


@pytest.mark.parametrize(
    ("way", "learnt", "moves"),
    [
        ("from scratch", False, True),
        ("untrained, frozen", False, False),
        ("frozen", True, False),
        ("fine-tuned", True, True),
        ("fine-tuned, one rate", True, True),
    ],
)
def test_what_each_way_begins_with_and_what_it_moves(way: str, learnt: bool, moves: bool) -> None:
    source, before, after = two_steps(way)
    assert [name for name in before if name.startswith("blocks")] == BODY
    assert bool(source) == learnt
    assert all(torch.equal(before[name], after[name]) != moves for name in BODY)
    assert not learnt or all(torch.equal(before[name], source[name]) for name in BODY)
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_the_first_step_below_is_a_tenth_of_that_at_one_rate() -> None:
    """Of the first step alone: the second one's gradient is another."""
    _, scale = transfer.study.scale("quick")
    moved = {}
    for way in ("fine-tuned", "fine-tuned, one rate"):
        built = transfer.build(scale, way, 0.0625, lr=0.1)
        training = replace(built, epochs=1, precision="float64")
        assert training.data.train == training.batch_size
        member = make_ready(training, 0, CPU, untrained(training, 0))
        before = {name: each.clone() for name, each in member.network.learnt().items()}
        Plain([member]).epoch(0)
        after = member.network.learnt()
        moved[way] = {name: after[name] - before[name] for name in BODY}
    for name in BODY:
        small, whole = (each[name] for each in moved.values())
        assert torch.allclose(10 * small, whole, rtol=1e-9, atol=1e-12), name


def test_all_arms_take_as_many_steps() -> None:
    _, scale = transfer.study.scale("quick")
    steps = {
        training.epochs * (training.data.train // training.batch_size)
        for share in (1.0, 0.25, 0.0625)
        for training in [transfer.build(scale, "fine-tuned", share, lr=0.1)]
    }
    assert steps == {12 * 16}
