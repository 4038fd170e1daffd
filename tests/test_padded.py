"""Sequences of unequal length, unlabelled inputs, and data sets of torch: held and trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from harness.augment import Mixup, Noise
from harness.cost.measure import measure
from harness.data import arrays, from_dataset
from harness.data.sizes import Targets
from harness.data.splits import mean_and_std, real
from harness.engines.prepared import check_declared, make_ready
from harness.engines.step import of_batch
from harness.measures import ActivationVariance, Sharpness
from harness.messages.errors import HarnessError
from harness.models import MLP
from harness.optim import SGD
from harness.planning.datasets import told
from harness.tasks import Batch, CrossEntropy, Distillation, Net
from harness.trainer.train import train
from harness.training import Training, Update

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


# ---- as trained on


def mean_state(inputs: torch.Tensor, mask: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    real_words = rows[inputs] * mask[..., None]
    return real_words.sum(dim=1) / mask.sum(dim=1, keepdim=True)


class MeanModule(nn.Module):
    """The mean of the words of a text, where it has not ended."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.randn(30, 5))
        self.head = nn.Linear(5, classes)

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.head(mean_state(inputs, mask, self.rows))


@dataclass(frozen=True)
class Mean:
    """A network that takes a mask."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return MeanModule(classes)


@dataclass(frozen=True)
class Sums:
    """A network that takes none."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(nn.Embedding(30, 4), nn.Flatten(), nn.Linear(4 * shape[0], classes))


COUNTED = arrays(TEXTS, LABELS, "texts", scaling="as they are")
BASE = Training(data=COUNTED, model=Mean(), optimizer=SGD(lr=0.3), batch_size=9, epochs=4)


def test_how_far_sequences_are_padded_makes_no_difference_to_what_is_learnt() -> None:
    """A longer test text pads all others further."""
    longer = [np.arange(20), *TEXTS]
    labels = np.append(0, LABELS)
    pad = arrays(TEXTS, LABELS, "p", test=(longer, labels), scaling="as they are")
    less = arrays(TEXTS, LABELS, "l", test=(TEXTS, LABELS), scaling="as they are")
    assert (pad.shape(), less.shape()) == ((20,), (8,))
    one, other = (train(replace(BASE, data=data), 3, CPU) for data in (pad, less))
    assert one.curves["train_loss"] == pytest.approx(other.curves["train_loss"], rel=1e-6)
    assert one.curves["train_loss"][-1] < one.curves["train_loss"][0]


def test_a_network_is_called_with_what_each_sequence_is() -> None:
    member = make_ready(BASE, 0, CPU)
    member.network.module.eval()
    said = torch.cat([outputs for outputs, _ in member.outputs("test")])
    rows = member.splits.test.rows
    assert rows is not None
    module = member.network.module
    for logits, row in zip(said, rows.tolist(), strict=True):
        alone = torch.from_numpy(TEXTS[row])[None]
        wanted = module(alone, torch.ones(1, alone.shape[1], dtype=torch.bool))
        assert torch.allclose(logits, wanted[0], atol=1e-6)


def test_padding_is_0_after_standardising_and_noise() -> None:
    data = arrays(WAVES, LABELS, "waves")
    waves = replace(BASE, data=data, model=Waves(), augment=(Noise(1.0),))
    batch = make_ready(waves, 0, CPU).first_batch()
    assert batch.mask is not None
    assert not batch.inputs.movedim(1, -1)[~batch.mask].any()
    assert batch.inputs.movedim(1, -1)[batch.mask].all()
    assert train(waves, 0, CPU, measures=(Sharpness(images=20), ActivationVariance())).metrics
    text = refused(lambda: make_ready(replace(waves, augment=(Mixup(0.5),)), 0, CPU))
    assert "Mixup must be given inputs of one length, to mix two of them" in text


class WavesModule(nn.Module):
    """A convolution over the places of a sequence."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 4, 3, padding=1)
        self.head = nn.Linear(4, classes)

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = self.first(inputs).relu() * mask[:, None]
        return self.head(states.sum(dim=2) / mask.sum(dim=1, keepdim=True))


@dataclass(frozen=True)
class Waves:
    """A network of sequences that takes a mask."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return WavesModule(classes)


def test_a_network_without_a_mask_is_told_before_training() -> None:
    bare, facts = replace(BASE, model=Sums()), COUNTED.facts()
    for call in (
        lambda: make_ready(bare, 0, CPU),
        lambda: check_declared(bare, facts, facts.shares.train, 0, {}),
    ):
        text = refused(call)
        assert "must take a mask, bool [batch, length]" in text
        assert "got Sequential.forward(input)" in text
    check_declared(BASE, facts, facts.shares.train, 0, {})


def test_a_teacher_is_given_the_mask_as_well() -> None:
    soft = Distillation(teacher=BASE, weight=0.5)
    for pupil in (
        replace(BASE, loss=soft),
        replace(BASE, loss=Distillation(teacher=replace(BASE, data=replace_test()), weight=0.5)),
    ):
        assert "teacher_agreement" in train(pupil, 0, CPU).metrics


def replace_test() -> Any:
    return arrays(TEXTS, LABELS, "texts", scaling="as they are", test=15)


def test_steps_of_padded_sequences_and_of_unlabelled_inputs_are_measured() -> None:
    rows = RANDOM.normal(size=(60, 3))
    data = arrays(rows, LABELS, "rows", unlabelled=rows[:7])
    for training in (BASE, replace(BASE, data=data, model=MLP(hidden=(4,)), loss=Steady())):
        profile = measure(training, CPU, seconds=0.05)
        assert profile.memory["batch"] > 0


@dataclass(frozen=True)
class Steady:
    """A loss that keeps what it was given."""

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        assert batch.unlabelled is not None
        assert batch.unlabelled.shape == batch.inputs.shape
        known = nn.functional.cross_entropy(net(batch.inputs), batch.targets)
        return known + net(batch.unlabelled).square().mean()


def test_unlabelled_inputs_come_round_again_when_all_have_been_there() -> None:
    rows = RANDOM.normal(size=(60, 3))
    data = arrays(rows, LABELS, "rows", unlabelled=rows[:7] + 3)
    training = replace(BASE, data=data, model=MLP(hidden=(4,)), loss=Steady())
    member = make_ready(training, 0, CPU)
    orders = [member.unlabelled_order(epoch) for epoch in (0, 0, 1)]
    first = orders[0]
    assert first is not None
    assert first.shape == (member.steps, 9)
    flat = first.flatten().tolist()
    for start in range(0, len(flat) - 6, 7):
        assert sorted(flat[start : start + 7]) == list(range(7))
    assert [each.tolist() for each in orders[1:] if each is not None] != [first.tolist()] * 2
    assert torch.equal(first, orders[1])  # type: ignore[arg-type]
    other = make_ready(training, 1, CPU).unlabelled_order(0)
    assert other is not None
    assert not torch.equal(first, other)
    batch = member.first_batch()
    wanted = (rows[:7] + 3)[first[0].numpy()]
    wanted = (wanted - member.splits.mean.numpy()) / member.splits.std.numpy()
    assert batch.unlabelled is not None
    assert np.allclose(batch.unlabelled.numpy(), wanted, atol=1e-5)
    # and labelled examples are drawn as if there were none
    bare = replace(training, data=arrays(rows, LABELS, "rows"), loss=CrossEntropy())
    assert torch.equal(make_ready(bare, 0, CPU).order(1), member.order(1))


def test_several_batches_of_a_step_have_their_own_mask_and_unlabelled_inputs() -> None:
    member = make_ready(replace(BASE, batch_size=4), 0, CPU)
    rows = member.picked(torch.arange(12))
    whole = member.batch(rows)
    twice = Update("", CrossEntropy(), SGD(lr=0.1), times=3)
    of = Training(data=COUNTED, model=Mean(), batch_size=4, epochs=1, updates=(twice,))
    both = replace(whole, unlabelled=whole.inputs)
    seen = [of_batch(of, time, both) for time in range(3)]
    for name in ("inputs", "targets", "mask", "unlabelled"):
        joined = torch.cat([getattr(each, name) for each in seen])
        assert torch.equal(joined, getattr(whole, name if name != "unlabelled" else "inputs"))


def test_quantities_for_each_position_of_unequal_sequences_are_refused() -> None:
    lengths = [3, 5, 4, 6, 3, 5, 4, 6, 3, 5]
    inputs = [np.linspace(0, place + 1, length) for place, length in enumerate(lengths)]
    with pytest.raises(HarnessError, match="must be class numbers"):
        arrays(inputs, [each * 2 for each in inputs], "mine")


def test_unequal_sequences_of_bytes_have_one_channel() -> None:
    lengths = [3, 5, 4, 6, 3, 5, 4, 6, 3, 5, 4, 6]
    inputs = [np.arange(length, dtype=np.uint8) + place for place, length in enumerate(lengths)]
    data = arrays(inputs, np.arange(12) % 2, "mine")
    assert data.shape() == (1, 6)
    assert data.splits(0).shape == (1, 6)


def items(*given: Any) -> Any:
    """A data set of such items."""

    class Own(Dataset[Any]):
        def __len__(self) -> int:
            return len(given)

        def __getitem__(self, place: int) -> Any:
            return given[place]

    return Own()


def test_what_is_wrong_with_items_is_said_as_it_is() -> None:
    wrong = items(*((torch.tensor([float("nan"), 1.0 * n]), n % 2) for n in range(12)))
    with pytest.raises(HarnessError, match="must be finite"):
        from_dataset(wrong, "mine")
    with pytest.raises(HarnessError, match=r"items that are dicts.*item\['x'\], item\['y'\]"):
        from_dataset(items(*({"x": torch.ones(2) * n, "y": n % 2} for n in range(12))), "mine")


def test_a_data_set_of_torch_has_folds() -> None:
    pairs = TensorDataset(torch.randn(30, 2), torch.arange(30) % 2)
    assert len(from_dataset(pairs, "mine", folds=5).splits(0).test) == 6


def test_what_is_not_finite_is_counted_without_padding() -> None:
    inputs = [np.arange(length) * 1.0 for length in (3, 5, 4, 6, 7, 3, 4, 5)]
    inputs[0][-1] = np.nan
    with pytest.raises(HarnessError, match=r"got 1 values? .*np.isfinite\(each\)"):
        arrays(inputs, np.arange(8) % 2, "mine")
