"""Targets of any shape, declared scaling and token ids: what is kept, drawn, told and refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.augment import Brightness, Flip, Mixup, Noise, Shift
from harness.data import Arrays, Declared, Part, arrays, digits
from harness.data.draw import Whole
from harness.data.sizes import Targets
from harness.engines.network import build
from harness.engines.prepared import check_declared, make_ready
from harness.identity.canonical import canonical
from harness.measures import Noisy
from harness.messages.errors import HarnessError
from harness.models import MLP
from harness.optim import SGD
from harness.planning.datasets import told
from harness.trainer.train import train
from harness.training import Training

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (40, 3, 6, 8), dtype=np.uint8)
MASKS = RANDOM.integers(0, 4, (40, 6, 8))
MASKS[:, 0, 0] = np.arange(40)  # so that rows can be told apart, and no class is missing
MASKS %= 5
SEQUENCES = RANDOM.normal(size=(40, 2, 12)).astype(np.float32)
TAGS = RANDOM.integers(0, 3, (40, 12))
TOKENS = RANDOM.integers(0, 30, (40, 9))
TOKENS[17, 3] = 29
LABELS = np.arange(40) % 2


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(HarnessError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


# ---- a class at each place


@pytest.mark.parametrize(
    ("inputs", "targets", "wanted", "said"),
    [
        (IMAGES, MASKS, Targets(5, shape=(6, 8)), "5 classes for each of 6 × 8 pixels"),
        (SEQUENCES, TAGS, Targets(3, shape=(12,)), "3 classes for each of 12 positions"),
    ],
)
def test_a_class_at_each_place_is_kept_as_it_is(
    inputs: np.ndarray, targets: np.ndarray, wanted: Targets, said: str
) -> None:
    data = arrays(inputs, targets.astype(np.uint8), "maps", test=10, channels="first")
    splits, facts = data.splits(3), data.facts()
    assert splits.targets == facts.targets == data.targets() == wanted
    assert said in told(facts)
    assert facts.plain_values()["target_shape"] == list(wanted.shape)
    assert splits.classes == wanted.classes
    assert splits.train.targets.dtype == torch.int64
    rows = [getattr(splits, name).rows for name in ("train", "validation", "test")]
    assert [len(each) for each in rows] == [24, 6, 10]
    assert sorted(torch.cat(rows).tolist()) == list(range(40))
    for name, each in zip(("train", "validation", "test"), rows, strict=True):
        assert np.array_equal(getattr(splits, name).targets.numpy(), targets[each.numpy()])
        assert np.array_equal(getattr(splits, name).inputs.numpy(), inputs[each.numpy()])


def test_examples_with_a_class_at_each_place_are_drawn_at_random_alone() -> None:
    """As quantities are: the same rows, whatever the targets."""
    maps = arrays(IMAGES, MASKS, "maps", train=11).splits(1)
    values = arrays(IMAGES, MASKS[:, 0, 0] / 2, "values", train=11).splits(1)
    none = arrays(IMAGES, None, "none", train=11).splits(1)
    for name in ("train", "validation", "test"):
        rows = getattr(maps, name).rows.tolist()
        assert rows == getattr(values, name).rows.tolist() == getattr(none, name).rows.tolist()


def test_an_official_test_set_may_have_words_that_training_has_not() -> None:
    words = TOKENS.copy()
    words[3, 3] = 40
    data = arrays(TOKENS, TOKENS, "text", test=(words, words), scaling="as they are", validation=10)
    assert data.targets() == Targets(41, shape=(9,))
    assert data.splits(0).tokens == data.tokens() == data.facts().tokens == 41
    assert "classes to train on, 0 to 4; got 5" in refused(
        lambda: arrays(IMAGES, MASKS, "maps", test=(IMAGES, MASKS + 1))
    )


def one_pixel(value: int) -> np.ndarray:
    masks = MASKS.copy()
    masks[1, 2, 3] = value
    return masks


@pytest.mark.parametrize(
    ("inputs", "targets", "parts"),
    [
        (IMAGES, MASKS[:, :5], ("for each pixel, [n, 6, 8]", "shape [40, 5, 8]", "size of their")),
        (IMAGES, MASKS[:, None], ("shape [40, 1, 6, 8]", "Write targets[:, 0].")),
        (IMAGES, MASKS[..., None], ("Write targets[..., 0].",)),
        (IMAGES, MASKS / 2, ("dtype float64", "Write targets.astype(int)")),
        (IMAGES, MASKS > 2, ("dtype bool", "Write targets.astype(int)")),
        (IMAGES, MASKS.astype(str), ("dtype <U", "Write targets.astype(int)")),
        (IMAGES, MASKS[:39], ("equally many; got 40 and 39",)),
        (IMAGES, one_pixel(-1), ("must be 0 to classes - 1; got -1",)),
        (IMAGES, one_pixel(255), ("every class from 0 to 255; got none of class 5 and 249 others",
                                  "return_inverse=True)[1].reshape(masks.shape)")),
        (IMAGES, one_pixel(2**31 - 1), ("below 1,000,000; got 2147483647", "reshape")),
        (IMAGES, MASKS * 0, ("at least 2 classes; got 0 alone",)),
        (IMAGES[:4], MASKS[:4], ("at least 5 examples; got 4",)),
        (SEQUENCES, TAGS[:, :11], ("for each position, [n, 12]", "shape [40, 11]")),
        (SEQUENCES, TAGS * 0, ("at least 2 classes; got 0 alone",)),
        (IMAGES, IMAGES, ("must be whole numbers", "shape [40, 3, 6, 8]")),
    ],
)  # fmt: skip
def test_maps_that_cannot_be_learnt_are_told(
    inputs: np.ndarray, targets: np.ndarray, parts: tuple[str, ...]
) -> None:
    text = refused(lambda: arrays(inputs, targets, "bad", channels="first"))
    for part in parts:
        assert part in text


def test_a_test_set_of_another_kind_is_told() -> None:
    assert "got classes for testing and classes for each of 6 × 8 pixels for training" in refused(
        lambda: arrays(IMAGES, MASKS, "maps", test=(IMAGES, LABELS))
    )
    assert "got no targets for testing and classes for training" in refused(
        lambda: arrays(IMAGES, LABELS, "maps", test=(IMAGES, None))
    )


@pytest.mark.parametrize("augmentation", [Flip(0.5), Shift(0.5), Mixup(0.5)])
def test_what_would_move_pixels_away_from_their_classes_is_refused(augmentation: Any) -> None:
    training = BASE | {"data": arrays(IMAGES, MASKS, "maps"), "augment": (augmentation,)}
    text = refused(lambda: make_ready(Training(**training), 0, CPU))
    assert f"{type(augmentation).__name__} must be given inputs without a class" in text
    assert "5 classes for each of 6 × 8 pixels" in text


# ---- nothing to be told


def test_inputs_alone_are_a_data_set() -> None:
    data = arrays(IMAGES, name="alone", test=9)
    splits = data.splits(0)
    assert splits.targets == data.facts().targets == Targets()
    assert str(splits.targets) == "no targets"
    assert "40 images of 3 × 6 × 8 (uint8), no targets; 25 for" in told(data.facts())
    assert splits.train.targets.shape == (25, 0)
    assert data != arrays(IMAGES, LABELS, "alone", test=9)
    assert data == arrays(IMAGES, None, "other name", test=9)
    official = arrays(IMAGES, None, "alone", test=(IMAGES[:7], None)).splits(0)
    assert len(official.test) == 7
    assert "at least 5 examples; got 4" in refused(lambda: arrays(IMAGES[:4], name="few"))
    task = refused(lambda: make_ready(Training(**BASE, data=data), 0, CPU))
    assert "must have classes as targets, whole numbers; got no targets" in task


# ---- scaling


def test_scaling_is_as_declared() -> None:
    as_bytes = arrays(IMAGES, LABELS, "b", scaling="0 to 1").splits(0)
    given = as_bytes.train.inputs
    assert torch.equal(as_bytes.standardize(given), given.float() / 255)
    floats = SEQUENCES * 3 + 7
    kept = arrays(floats, LABELS, "f", scaling="as they are", channels="first").splits(0)
    assert torch.equal(kept.standardize(kept.train.inputs), kept.train.inputs)
    assert kept.mean.tolist() == [0, 0]
    assert kept.std.tolist() == [1, 1]
    within = arrays(IMAGES / 255, LABELS, "u", scaling="0 to 1").splits(0)
    assert torch.equal(within.standardize(within.train.inputs), within.train.inputs)
    plain = digits(scaling="0 to 1").splits(0)
    assert plain.standardize(plain.train.inputs).max() == 1
    assert torch.equal(plain.train.rows, digits().splits(0).train.rows)


def test_scaling_is_part_of_what_data_is_and_its_default_changes_no_key() -> None:
    assert canonical(digits(train=60)) == {"type": "Digits", "train": 60}
    assert canonical(digits(scaling="0 to 1")) == {"type": "Digits", "scaling": "0 to 1"}
    marks = {
        arrays(IMAGES / 255, LABELS, "n", scaling=each).fingerprint()
        for each in ("standardised", "0 to 1", "as they are")
    }
    assert len(marks) == 3
    # what it was before data had a scaling
    assert arrays(np.arange(12.0).reshape(6, 2), [0, 1] * 3, "old").fingerprint() == OLD


OLD = "05384b93075e9fecd436fc9730fb4dc604f0e9d4d184a749a485176584828470"


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: arrays(IMAGES, LABELS, "b", scaling="as they are"),
         ("the inputs of 'b' must be floating point or token ids", "Write scaling='0 to 1'")),
        (lambda: arrays(SEQUENCES, LABELS, "b", scaling="0 to 1", channels="first"),
         ("bytes, or floats from 0 to 1", "values from -", "(inputs - low) / (high - low)")),
        (lambda: arrays(SEQUENCES, LABELS, "b", scaling="none", channels="first"),
         ("scaling=...) must be 'standardised', '0 to 1' or 'as they are'; got 'none'",)),
        (lambda: digits(scaling="standardized"), ("Did you mean 'standardised'?",)),
        (lambda: arrays(1e9 + np.arange(80.0).reshape(40, 2), LABELS, "b", scaling="as they are"),
         ("must keep their differences as float32; got columns 0, 1",)),
        (lambda: arrays(TOKENS, LABELS, "b"),
         ("must be uint8 or floating point; got dtype int64", "scaling='as they are'")),
        (lambda: arrays(TOKENS - 1, LABELS, "b", scaling="as they are"),
         ("token ids from 0 to 999,999; got -1 to 28",)),
        (lambda: arrays(TOKENS + 10**6, LABELS, "b", scaling="as they are"), ("999,999; got 1",)),
        (lambda: arrays(TOKENS[:, None], LABELS, "b", scaling="as they are"),
         ("must be uint8 or floating point; got dtype int64",)),
    ],
)  # fmt: skip
def test_scaling_that_does_not_fit_is_told(
    call: Callable[[], object], parts: tuple[str, ...]
) -> None:
    text = refused(call)
    for part in parts:
        assert part in text


@dataclass(frozen=True, kw_only=True)
class Mine(Declared):
    """A data set of a user's own kind, with whole numbers as inputs."""

    def load(self) -> Whole:
        return Whole(Part(torch.tensor(TOKENS), torch.tensor(LABELS)), None, 2)


def test_token_ids_of_ones_own_declaration_are_checked_and_counted() -> None:
    data = Mine(scaling="as they are")
    assert data.splits(0).tokens == data.facts().tokens == 30
    for call in (lambda: Mine().splits(0), lambda: Mine().facts()):
        assert "token ids [n, length] with scaling='as they are'; got whole numbers" in refused(
            call
        )


# ---- token ids


@dataclass(frozen=True)
class Words:
    """A small network of token ids."""

    tokens: int = 30

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(
            nn.Embedding(self.tokens, 4), nn.Flatten(), nn.Linear(4 * shape[0], classes)
        )


BASE: dict[str, Any] = {
    "model": MLP(hidden=(4,)), "optimizer": SGD(lr=0.1), "batch_size": 8, "epochs": 2,
}  # fmt: skip
TEXT = arrays(TOKENS, LABELS, "text", scaling="as they are")


def test_token_ids_reach_the_network_as_they_are() -> None:
    splits = TEXT.splits(0)
    assert splits.train.inputs.dtype == torch.int64
    assert splits.tokens == 30
    assert torch.equal(splits.standardize(splits.train.inputs), splits.train.inputs)
    member = make_ready(Training(**BASE | {"model": Words()}, data=TEXT), 0, CPU)
    batch = member.first_batch()
    rows = member.splits.train.rows[member.order(0)[0]]
    assert np.array_equal(batch.inputs.numpy(), TOKENS[rows.numpy()])
    assert "sequences of 9 token ids from 0 to 29 (int64), 2 classes" in told(TEXT.facts())


def test_bytes_of_text_are_token_ids_where_they_stay_as_they_are() -> None:
    text = TOKENS.astype(np.uint8)
    assert arrays(text, LABELS, "bytes", scaling="as they are") == TEXT


def test_a_vocabulary_that_is_too_small_is_told_before_training() -> None:
    training = Training(**BASE | {"model": Words(tokens=29)}, data=TEXT)
    facts = TEXT.facts()
    for call in (
        lambda: build(training, TEXT.splits(0), 0, CPU),
        lambda: check_declared(training, facts, facts.shares.train, 0, {}),
    ):
        text = refused(call)
        assert "must know every token id of its data, 0 to 29" in text
        assert "tokens=30" in text
    check_declared(replace(training, model=Words(tokens=30)), facts, facts.shares.train, 0, {})


@pytest.mark.parametrize("augmentation", [Brightness(0.5), Noise(0.1), Mixup(0.5)])
def test_token_ids_are_not_augmented(augmentation: Any) -> None:
    training = Training(**BASE | {"model": Words()}, data=TEXT, augment=(augmentation,))
    text = refused(lambda: make_ready(training, 0, CPU))
    assert f"{type(augmentation).__name__} must be given images or measured values" in text


def test_token_ids_are_not_disturbed() -> None:
    training = Training(**BASE | {"model": Words()}, data=TEXT)
    text = refused(lambda: train(training, 0, CPU, measures=(Noisy(0.1),)))
    assert "Occluded and Noisy must be given images or measured values; got token ids" in text


def test_a_rule_in_token_ids_is_learnt() -> None:
    """The class is whether word 7 is there."""
    there = np.zeros((200, 6), dtype=int) + RANDOM.integers(8, 20, (200, 6))
    there[::2, 2] = 7
    data: Arrays = arrays(there, np.arange(200) % 2, "rule", scaling="as they are")
    settings = BASE | {"model": Words(tokens=20), "epochs": 30, "optimizer": SGD(lr=0.5)}
    assert train(Training(**settings, data=data), 0, CPU).metrics["test_accuracy"] > 0.95


@pytest.mark.parametrize("targets", [None, np.linspace(0, 1, 20)], ids=["none", "quantities"])
def test_few_unlabelled_or_official_test_examples_are_taken(targets: Any) -> None:
    inputs = np.random.default_rng(0).normal(size=(20, 3))
    few = None if targets is None else targets[:2]
    data = arrays(inputs, targets, "mine", (inputs[:2], few), unlabelled=inputs[:1])
    splits = data.splits(0)
    assert len(splits.test) == 2
    assert splits.unlabelled is not None
    with pytest.raises(HarnessError, match="at least 5 examples"):
        arrays(inputs[:4], None if targets is None else targets[:4], "mine")
