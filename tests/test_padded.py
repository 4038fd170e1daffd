"""Sequences of unequal length, unlabelled inputs, and data sets of torch: held and trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from harness.data import arrays, from_dataset
from harness.data.sizes import Targets
from harness.data.splits import mean_and_std, real
from harness.messages.errors import HarnessError
from harness.planning.datasets import told

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(0)
LENGTHS = RANDOM.integers(1, 9, 60)
LENGTHS[:2] = 1, 8
TEXTS = [RANDOM.integers(0, 20, length) for length in LENGTHS]
WAVES = [RANDOM.normal(size=(2, length)) * [[3], [1]] + [[50], [0]] for length in LENGTHS]
LABELS = np.arange(60) % 3


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(HarnessError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


# ---- sequences of unequal length


def test_token_ids_are_padded_at_the_end_with_the_length_of_each() -> None:
    data = arrays(TEXTS, LABELS, "texts", scaling="as they are")
    part = data.load().rest
    assert part.inputs.shape == (60, 8)
    assert part.pool.lengths is not None
    assert part.pool.lengths.tolist() == LENGTHS.tolist()
    for row, text in zip(part.inputs, TEXTS, strict=True):
        assert row[: len(text)].tolist() == text.tolist()
        assert not row[len(text) :].any()
    splits = data.splits(0)
    assert splits.padded
    assert data.facts().padded
    lengths = splits.test.lengths_at(torch.tensor([2, 0]))
    assert lengths is not None
    assert splits.test.rows is not None
    assert lengths.tolist() == LENGTHS[splits.test.rows[[2, 0]].numpy()].tolist()
    assert "60 sequences of 8 token ids from 0 to 19 (int64), 3 classes" in told(data.facts())
    assert "Sequences are 1 to 8 long; shorter ones are padded at the end." in told(data.facts())


def test_a_class_for_each_position_is_padded_with_what_losses_leave_out() -> None:
    tags = [each % 4 for each in TEXTS]
    data = arrays(TEXTS, tags, "tags", scaling="as they are")
    assert data.targets() == Targets(4, shape=(8,))
    targets = data.load().rest.targets
    for row, each in zip(targets, tags, strict=True):
        assert row[: len(each)].tolist() == each.tolist()
        assert (row[len(each) :] == -100).all()
    logits = torch.randn(60, 4, 8)
    picked = torch.cat([logits[n, :, : len(tags[n])].T for n in range(60)])
    wanted = torch.nn.functional.cross_entropy(picked, torch.from_numpy(np.concatenate(tags)))
    assert torch.nn.functional.cross_entropy(logits, targets).item() == pytest.approx(wanted.item())


def test_padding_counts_in_no_mean_and_is_zero() -> None:
    data = arrays(WAVES, LABELS, "waves", train=20)
    splits = data.splits(0)
    assert splits.train.rows is not None
    whole = np.concatenate([WAVES[row] for row in splits.train.rows.tolist()], axis=1)
    assert splits.mean.numpy() == pytest.approx(whole.mean(axis=1), rel=1e-5)
    assert splits.std.numpy() == pytest.approx(whole.std(axis=1), rel=1e-5)
    assert splits.train.inputs[:, 0].amin() == 0  # channel 0 is about 50


def test_the_form_of_sequences_makes_no_difference() -> None:
    wanted = arrays(WAVES, LABELS, "waves")
    turned = [each.T for each in WAVES]
    assert arrays(turned, LABELS, "waves", channels="last") == wanted
    assert arrays([torch.tensor(each) for each in WAVES], LABELS, "waves") == wanted
    assert arrays(tuple(WAVES), LABELS, "waves", channels="first") == wanted
    one = [each[0] for each in WAVES]
    assert arrays(one, LABELS, "w").shape() == (1, 8)
    assert arrays(one, LABELS, "w") == arrays([each[None] for each in one], LABELS, "w")


def test_lengths_are_part_of_what_data_is() -> None:
    text = [np.append(each, 0) if len(each) == 3 else each for each in TEXTS]
    one, other = (arrays(each, LABELS, "t", scaling="as they are") for each in (TEXTS, text))
    assert torch.equal(one.load().rest.inputs, other.load().rest.inputs)
    assert one != other


def test_an_official_test_set_is_padded_to_the_same_length() -> None:
    longer = [RANDOM.integers(0, 25, 12), *TEXTS[:9]]
    data = arrays(TEXTS, LABELS, "t", test=(longer, LABELS[:10]), scaling="as they are")
    splits = data.splits(0)
    assert splits.train.inputs.shape[1] == splits.test.inputs.shape[1] == 12
    assert splits.tokens == data.tokens() == 25
    even = arrays(
        np.stack(TEXTS[:1] * 60), LABELS, "e", test=(TEXTS, LABELS), scaling="as they are"
    )
    assert even.load().rest.pool.lengths is not None


def test_what_is_equally_long_has_no_lengths() -> None:
    data = arrays([np.arange(5) + n for n in range(9)], [0, 1, 2] * 3, "e", scaling="as they are")
    assert not data.splits(0).padded


@pytest.mark.parametrize(
    ("inputs", "targets", "parts"),
    [
        ([*TEXTS[:-1], np.zeros(0, dtype=int)], LABELS,
         ("must each have a length of at least 1; got a length of 0 at place 59",)),
        ([*TEXTS[:-1], np.zeros((2, 3), dtype=int)], LABELS,
         ("must be alike but for their length", "shapes [1], [8]")),
        ([np.zeros((3, 4 + n % 2, 4)) for n in range(60)], LABELS, ("crop images to one size",)),
        ([each.T for each in WAVES], LABELS, ("alike but for their length", "channels='last'")),
        (TEXTS, [each[:-1] for each in TEXTS],
         ("the targets of 'bad' must each be as long as their sequence", "got 0 for a sequence",
          "of 1, at place 0")),
        (TEXTS, LABELS[:-1], ("equally many; got 60 and 59",)),
        ([each - 1 for each in TEXTS], LABELS, ("token ids from 0 to 999,999; got -1",)),
        ([list(each) for each in TEXTS], LABELS, ("[numpy.asarray(each) for each in inputs]",)),
    ],
)  # fmt: skip
def test_sequences_that_cannot_be_taken_are_told(
    inputs: Any, targets: Any, parts: tuple[str, ...]
) -> None:
    text = refused(lambda: arrays(inputs, targets, "bad", scaling="as they are"))
    for part in parts:
        assert part in text


def test_padding_does_not_hide_what_float32_would_spoil() -> None:
    far = [1e9 + RANDOM.normal(size=(1, length)) for length in LENGTHS]
    data = arrays(far, LABELS, "far")
    part = data.load().rest
    assert "Column 0 is standardised" in data.notes()[0]
    mean, std = mean_and_std(part.inputs, part.pool.lengths)
    assert mean.item() == pytest.approx(0, abs=0.2)
    assert std.item() == pytest.approx(1, abs=0.2)
    lengths = part.pool.lengths
    assert lengths is not None
    assert not part.inputs[:, 0][~real(lengths, 8)].any()


# ---- inputs without targets


def test_unlabelled_inputs_are_beside_the_splits() -> None:
    rows, more = RANDOM.normal(size=(60, 3)), RANDOM.normal(size=(25, 3)) + 7
    data, plain = arrays(rows, LABELS, "rows", unlabelled=more), arrays(rows, LABELS, "rows")
    splits, without = data.splits(1), plain.splits(1)
    assert splits.unlabelled is not None
    assert without.unlabelled is None
    assert np.allclose(splits.unlabelled.inputs.numpy(), more)
    assert torch.equal(splits.train.inputs, without.train.inputs)
    assert torch.equal(splits.mean, without.mean)
    assert data != plain
    assert data != arrays(rows, LABELS, "rows", unlabelled=more + 1)
    assert data != arrays(rows, None, "rows", test=(more, None))


@pytest.mark.parametrize(
    ("unlabelled", "said"),
    [
        (np.zeros((25, 2)), "unlabelled inputs of 'rows' must have the shape of the others, (3,)"),
        (np.zeros((25, 3), dtype=np.uint8), "must have the dtype of the others"),
        (np.full((25, 3), np.nan), "the unlabelled inputs of 'rows' must be finite"),
        (np.zeros((2, 3)), "unlabelled inputs of 'rows' must be those of at least 5 examples"),
    ],
)
def test_unlabelled_inputs_that_do_not_fit_are_told(unlabelled: Any, said: str) -> None:
    rows = RANDOM.normal(size=(60, 3))
    assert said in refused(lambda: arrays(rows, LABELS, "rows", unlabelled=unlabelled))


def test_unlabelled_sequences_of_unequal_length_are_refused() -> None:
    text = refused(lambda: arrays(TEXTS, LABELS, "t", scaling="as they are", unlabelled=TEXTS))
    assert "unlabelled=...) must be left out where sequences are of unequal length" in text


# ---- data sets of torch


class Items(Dataset[Any]):
    """Items by number, from a list."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        return self.items[place]


class Moody(Items):
    """Another item at each look."""

    def __getitem__(self, place: int) -> Any:
        return torch.rand(3), self.items[place][1]


class Stream(IterableDataset[Any]):
    """Items one after another."""

    def __iter__(self) -> Iterator[Any]:
        return iter([(torch.zeros(3), 0)])


ROWS = RANDOM.normal(size=(60, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        ([(row, int(n)) for row, n in zip(ROWS, LABELS, strict=True)], (ROWS, LABELS)),
        ([(torch.tensor(row), torch.tensor(n)) for row, n in zip(ROWS, LABELS, strict=True)],
         (ROWS, LABELS)),
        ([(row, float(n)) for row, n in zip(ROWS, LABELS, strict=True)],
         (ROWS, LABELS.astype(float))),
        ([(row, [n, -n]) for row, n in zip(ROWS, LABELS / 2, strict=True)],
         (ROWS, np.stack([LABELS / 2, -(LABELS / 2)], axis=1))),
        (list(ROWS), (ROWS, None)),
    ],
)  # fmt: skip
def test_a_data_set_of_torch_is_what_its_arrays_are(
    items: list[Any], wanted: tuple[Any, Any]
) -> None:
    data = from_dataset(Items(items), "mine", test=12, train=20)
    assert data == arrays(*wanted, "mine", test=12, train=20)
    both = from_dataset(Items(items), "mine", test=Items(items))
    assert both == arrays(*wanted, "mine", test=wanted)


def test_a_data_set_of_unequal_sequences_and_one_without_targets() -> None:
    pairs = list(zip(TEXTS, LABELS, strict=True))
    data = from_dataset(Items(pairs), "t", scaling="as they are")
    assert data == arrays(TEXTS, LABELS, "t", scaling="as they are")
    tensors = TensorDataset(torch.tensor(ROWS), torch.tensor(LABELS))
    more = from_dataset(tensors, "m", unlabelled=tensors)
    assert more == arrays(ROWS, LABELS, "m", unlabelled=ROWS)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (Stream(), ("a Stream, a stream", "Write your own train")),
        (DataLoader(Items(list(ROWS))), ("not what makes batches of it", "loader.dataset")),
        (iter([1]), ("must have a length, and items by number",)),
        (Moody([(0, int(n)) for n in LABELS]), ("the same item each time", "at place 0")),
        (Items([(row, 0, 1) for row in ROWS]), ("pairs of an input and a target", "of 3 values")),
        (Items([(ROWS[0], 0), ROWS[1]]), ("pairs of an input and a target", "pairs and others")),
        (Items([]), ("got shape [0]",)),
        (Items([("a", 0)] * 9), ("must be uint8 or floating point",)),
    ],
)
def test_what_is_no_such_data_set_is_told(given: Any, parts: tuple[str, ...]) -> None:
    text = refused(lambda: from_dataset(given, "bad"))
    for part in parts:
        assert part in text
