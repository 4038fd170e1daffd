"""What arrays() is given arrives whole, or is refused with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
import torchvision.datasets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from harness import Training
from harness.augment import Mixup, Noise, Shift
from harness.cost.measure import measure
from harness.data import arrays, digits, from_dataset
from harness.data.narrow import narrowed
from harness.engines.modes import Mode
from harness.engines.network import build
from harness.engines.prepared import check_ready
from harness.messages.errors import HarnessError
from harness.messages.foreign import check_torch
from harness.models import CNN, MLP
from harness.optim import SGD
from harness.planning.datasets import facts_of, told
from harness.trainer.train import Request, TrainingResult, train_together

TARGETS = np.arange(60) % 3
ROWS = np.random.default_rng(0).normal(size=(60, 5))
TABLE = pd.DataFrame(ROWS, columns=list("abcde"))
CPU = torch.device("cpu")


def refused(inputs: Any, targets: Any = TARGETS, **options: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        arrays(inputs, targets, "mine", **options)
    return str(caught.value)


def kept(inputs: Any, **options: Any) -> np.ndarray:
    return arrays(inputs, TARGETS, "mine", **options).load().rest.inputs.numpy()


# -- masks and gaps ------------------------------------------------------------------------------


def test_masked_values_are_refused_wherever_they_come() -> None:
    masked = np.ma.masked_less(ROWS, -1)
    hidden = int(masked.mask.sum())
    assert f"inputs of 'mine' must have no masked values; got {hidden} that are" in refused(masked)
    assert f"got {hidden} that" in refused(list(masked))
    assert "the test inputs" in refused(ROWS, test=(masked, TARGETS))
    assert "the targets of" in refused(ROWS, np.ma.masked_equal(TARGETS, 1))
    with pytest.warns(UserWarning, match="prototype"):
        tensor = torch.masked.MaskedTensor(torch.tensor(ROWS), torch.tensor(~masked.mask))
    assert f"got {hidden} that" in refused(tensor)


def test_a_mask_that_hides_nothing_is_taken() -> None:
    assert np.array_equal(kept(np.ma.masked_less(ROWS, -99)), ROWS.astype(np.float32))


def test_tables_are_read_column_by_column() -> None:
    assert np.array_equal(kept(TABLE), ROWS.astype(np.float32))
    assert np.array_equal(kept(TABLE.convert_dtypes()), ROWS.astype(np.float32))
    wide = TABLE.assign(n=pd.array(range(60), dtype="Int64"))
    assert kept(wide)[:, 5].tolist() == list(range(60))
    targets = pd.Series(TARGETS).astype("Int64")
    assert arrays(TABLE, targets, "mine") == arrays(ROWS, TARGETS, "mine")


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        (pd.Series([1.0, np.nan] * 30), ("missing values; got 30 in column x", "fillna")),
        (pd.array([1, None] * 30, dtype="Int64"), ("missing values; got 30 in column x",)),
        (pd.Series(list("ab") * 30), ("columns of numbers", "get_dummies(frame, columns=['x']")),
        (pd.Categorical(list("ab") * 30), ("category in column x", "get_dummies")),
        (pd.date_range("2020", periods=60), ("in column x", "dt.total_seconds()")),
        (2**60 + np.arange(60), ("exact as float64", "frame['x'] - frame['x'].min()")),
    ],
)
def test_columns_that_would_lose_something_are_named(column: Any, parts: tuple[str, ...]) -> None:
    text = refused(TABLE.assign(x=column))
    assert all(part in text for part in parts), text


def test_rows_and_targets_of_tables_must_be_in_the_same_order() -> None:
    shuffled = TABLE.sample(frac=1, random_state=0)
    assert "Write targets.loc[inputs.index]." in refused(shuffled, pd.Series(TARGETS))
    own = pd.Series(TARGETS).loc[shuffled.index]
    assert arrays(shuffled, own, "mine") == arrays(shuffled.to_numpy(), own.to_numpy(), "mine")


# -- kinds of numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "mend"),
    [
        (ROWS > 0, "Write inputs.astype('float32')."),
        ((ROWS * 10).astype(np.int16), "Write inputs.astype('float32')."),
        ((ROWS * 1e12).astype(np.int64), "Write inputs.astype('float64'), which keeps them"),
        (torch.tensor(ROWS * 1e12).long(), "Write inputs.double(), which keeps them"),
        ((ROWS * 10).astype(int).tolist(), "Write numpy.asarray(inputs).astype('float32')."),
        (np.arange(60)[:, None] + 2**60, "(inputs - inputs.min(axis=0)).astype('float64')"),
        (ROWS + 1j, "numpy.concatenate([inputs.real, inputs.imag], axis=1)"),
        (torch.tensor(ROWS + 1j), "torch.cat([inputs.real, inputs.imag], axis=1)"),
        (ROWS.astype(object), "inputs.astype('float64') where all are numbers"),
        (ROWS.astype(str), "inputs.astype('float64') where all are numbers"),
        (np.full((60, 1), np.datetime64("2020")), "numpy.timedelta64(1, 's')"),
        (np.zeros(60, [("a", "f4"), ("b", "f4")]), "structured_to_unstructured(inputs)"),
        ([[1.0, 2.0], [3.0]] * 30, "rows that are all of one length"),
        (scipy.sparse.csr_matrix(ROWS), "Write inputs.toarray()."),
        (scipy.sparse.coo_array(ROWS), "Write inputs.toarray()."),
        (torch.tensor(ROWS).to_sparse(), "Write inputs.to_dense()."),
        (torch.zeros(60, 2, device="meta"), "Make it on the CPU."),
    ],
)
def test_numbers_that_would_lose_something_are_refused(inputs: Any, mend: str) -> None:
    assert mend in refused(inputs)
    assert "the test inputs of 'mine' must" in refused(ROWS, test=(inputs, TARGETS))


def test_the_advice_of_these_errors_loses_nothing() -> None:
    times = 1_700_000_000_000_000_000 + 20 * np.arange(60)[:, None]
    assert len(np.unique(kept((times - times.min(axis=0)).astype("float64")))) == 60
    both = ROWS + 1j * ROWS[::-1]
    assert kept(np.concatenate([both.real, both.imag], axis=1)).shape == (60, 10)
    sparse = scipy.sparse.csr_matrix(ROWS)
    assert np.array_equal(kept(sparse.toarray()), ROWS.astype(np.float32))


@pytest.mark.parametrize(
    ("targets", "mend"),
    [
        (TARGETS[:, None], "numpy.ravel(targets)"),
        (np.eye(3, dtype=int)[TARGETS], "numpy.argmax(targets, axis=1)"),
        (np.array(list("abc"))[TARGETS], "numpy.unique(targets, return_inverse=True)[1]"),
        (pd.Series(list("abc") * 20).astype("category"), "numpy.unique(targets, return_inverse"),
    ],
)
def test_targets_in_another_form_are_told_how_to_become_class_numbers(
    targets: Any, mend: str
) -> None:
    assert mend in refused(ROWS, targets)


# -- data sets of torch --------------------------------------------------------------------------


class Own(Dataset[Any]):
    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> Any:
        return torch.tensor(ROWS[index]), int(TARGETS[index])


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(Own()[index] for index in range(60))


TENSORS = TensorDataset(torch.tensor(ROWS), torch.tensor(TARGETS))


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        (TENSORS, 'arrays(*dataset.tensors, "mine")'),
        (DataLoader(TENSORS), 'arrays(*loader.dataset.tensors, "mine")'),
        (Own(), 'from_dataset(dataset, "mine")'),
        (DataLoader(Own()), 'from_dataset(loader.dataset, "mine")'),
        (Stream(), 'arrays(*map(torch.cat, zip(*DataLoader(dataset, 100))), "mine")'),
    ],
)
def test_a_data_set_of_torch_is_told_the_line_that_takes_it(given: Any, mend: str) -> None:
    for call in (lambda: arrays(given, "mine"), lambda: arrays(given, TARGETS, "mine")):
        with pytest.raises(HarnessError) as caught:
            call()
        assert f"Write {mend}." in str(caught.value)
    with pytest.raises(HarnessError) as caught:
        training(given)
    assert f"Write data={mend}, imported from harness.data." in str(caught.value)
    # and that line takes it
    names = {"dataset": given, "loader": given, "arrays": arrays, "torch": torch}
    names["from_dataset"] = from_dataset
    made = eval(mend, {**names, "DataLoader": DataLoader, "zip": zip, "map": map})
    assert made == arrays(ROWS, TARGETS, "mine")


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ((ROWS, TARGETS), 'arrays(*data, "mine")'),
        (ROWS, 'arrays(inputs, targets, "mine")'),
        (TABLE, 'arrays(inputs, targets, "mine")'),
        ({"data": ROWS, "target": TARGETS}, 'arrays(bunch.data, bunch.target, "mine")'),
        (torchvision.datasets.FakeData(), "from_dataset(dataset"),
    ],
)
def test_bare_data_in_a_training_is_told_the_line_that_declares_it(given: Any, mend: str) -> None:
    with pytest.raises(HarnessError) as caught:
        training(given)
    assert f"Write data={mend}" in str(caught.value)


# -- large offsets -------------------------------------------------------------------------------

SECONDS = 1.7e9 + 20.0 * TARGETS + np.random.default_rng(1).uniform(0, 5, 60)


def standardised(values: np.ndarray) -> np.ndarray:
    apart = values - values.flat[0]
    return (apart - apart.mean()) / apart.std()


@pytest.mark.parametrize("kind", [np.float64, np.longdouble])
def test_a_unix_time_keeps_what_tells_rows_apart(kind: Any) -> None:
    both = np.column_stack([ROWS, SECONDS]).astype(kind)
    data = arrays(both, TARGETS, "times")
    inputs = data.load().rest.inputs.numpy()
    assert len(np.unique(inputs[:, 5])) == 60
    np.testing.assert_allclose(inputs[:, 5], standardised(SECONDS), rtol=1e-5, atol=1e-6)
    assert np.array_equal(inputs[:, :5], ROWS.astype(np.float32)), "others keep their bytes"
    splits = data.splits(0)
    seen = splits.standardize(splits.train.inputs)[:, 5]
    assert len(seen.unique()) == len(seen)
    assert "Column 5 is standardised" in told(data.facts())


def test_the_official_test_set_is_mapped_alike() -> None:
    later = SECONDS[:, None] + 7
    data = arrays(SECONDS[:, None], TARGETS, "times", test=(later, TARGETS)).load()
    assert data.test is not None
    moved = (data.test.inputs - data.rest.inputs).numpy()
    np.testing.assert_allclose(moved, 7 / SECONDS.std(), rtol=1e-4)


def test_float32_with_a_large_offset_is_standardised_to_mean_0_and_deviation_1() -> None:
    """The values are exact, and their mean is not."""
    inputs = (16_777_216 + 2 * (np.arange(60)[:, None] % 7)).astype(np.float32)
    splits = arrays(inputs, TARGETS, "exact").splits(0)
    seen = splits.standardize(splits.train.inputs)
    assert abs(float(seen.mean())) < 1e-6
    assert abs(float(seen.std(correction=0)) - 1) < 1e-6


@pytest.mark.parametrize("factor", [1e300, 1e-300, 1e-44])
def test_columns_too_large_or_small_for_float32_are_brought_within_it(factor: float) -> None:
    inputs = kept(ROWS * factor)
    np.testing.assert_allclose(inputs[:, 1], standardised(ROWS[:, 1]), rtol=1e-5, atol=1e-6)


def test_a_number_that_means_missing_hides_the_others_and_is_told() -> None:
    times = np.where(np.arange(60) % 10 == 0, 0, SECONDS)
    assert "column 0, in which 55 different values become" in refused(times[:, None])


def test_channels_of_sequences_are_mapped_and_images_refused() -> None:
    offset = np.array([0, 1e9])[:, None]
    sequences = np.random.default_rng(0).normal(size=(60, 2, 40)) + offset
    inputs = kept(sequences)
    assert np.array_equal(inputs[:, 0], sequences[:, 0].astype(np.float32))
    np.testing.assert_allclose(inputs[:, 1], standardised(sequences[:, 1]), rtol=1e-4, atol=1e-5)
    text = refused(sequences.reshape(60, 2, 5, 8))
    assert "channel 1 with values about 1e+09 and a standard deviation of 1" in text


@given(
    offset=st.sampled_from([0.0, 1.0, 1e3, 1e6, 1e9, 1e15]),
    spread=st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_any_column_keeps_its_values_to_a_thousandth_of_their_spread(
    offset: float, spread: float, seed: int
) -> None:
    given_ = offset + spread * np.random.default_rng(seed).normal(size=(50, 1))
    if len(np.unique(given_)) < 25:
        return  # float64 itself has lost them
    found = narrowed("any", given_).rest.astype(np.float64)
    moved = (found - found.mean()) / found.std()
    assert np.abs(moved - standardised(given_)).max() < 3e-3


def test_plain_floats_keep_their_bytes_and_fingerprint() -> None:
    for kind in (np.float16, np.float32, np.float64):
        wide = (ROWS + 100).astype(kind)
        assert np.array_equal(kept(wide), wide.astype(np.float32))
    whole = np.arange(60.0)[:, None] * 1000
    assert arrays(whole, TARGETS, "a") == arrays(whole.astype(np.float32), TARGETS, "a")


# -- axes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(16, 16, 3), (28, 28, 1), (20, 30, 3), (8, 8, 4), (16, 16, 8)])
def test_channels_last_are_not_guessed(shape: tuple[int, ...]) -> None:
    inputs = np.random.default_rng(0).random((60, *shape)).astype(np.float32)
    text = refused(inputs)
    height, width, channels = shape
    assert "which looks like the last" in text
    assert (
        f"channels='last') for images of {height} × {width} pixels with channels: {channels}"
        in text
    )
    last = arrays(inputs, TARGETS, "mine", channels="last")
    assert last.shape() == (channels, height, width)
    assert last == arrays(inputs.transpose(0, 3, 1, 2), TARGETS, "mine", channels="first")
    assert arrays(inputs, TARGETS, "mine", channels="first").shape() == shape


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 28, 28), (3, 4, 5), (2, 9, 1), (3, 3, 3)])
def test_channels_first_are_taken(shape: tuple[int, ...]) -> None:
    assert arrays(np.zeros((60, *shape)), TARGETS, "mine").shape() == shape


def test_sequences_are_taken_where_their_shape_says_so() -> None:
    for shape in ((1, 40), (2, 40), (9, 128)):
        data = arrays(np.zeros((60, *shape), np.float32), TARGETS, "mine")
        assert data.shape() == shape
        assert "60 sequences of" in told(data.facts())
    for shape in ((100, 3), (64, 128), (28, 28)):
        text = refused(np.zeros((60, *shape)))
        for mend in ("channels='first'", "channels='last'", "inputs[:, None]"):
            assert mend in text
    assert "inputs[:, None] for grey" in refused(np.zeros((60, 1, 40), np.uint8))
    turned = arrays(np.zeros((60, 100, 3)), TARGETS, "mine", channels="last")
    assert turned.shape() == (3, 100)


def test_channels_must_be_one_of_two_words_and_there() -> None:
    assert "must be 'first' or 'last'; got 'lsat'" in refused(ROWS[:, None], channels="lsat")
    assert "Leave channels= out" in refused(ROWS, channels="last")
    assert "Write inputs[:, None] for a single feature." in refused(ROWS[:, 0])
    assert "inputs.reshape(len(inputs), -1)" in refused(np.zeros((60, 2, 3, 4, 5)))


# -- sequences are trained on --------------------------------------------------------------------


@dataclass(frozen=True)
class Waves:
    """A network for sequences, as a user would write it."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(shape[0], 4, 5), nn.BatchNorm1d(4), nn.ReLU(), nn.AdaptiveAvgPool1d(3),
            nn.Flatten(), nn.Linear(12, classes),
        )  # fmt: skip


WAVES = np.random.default_rng(2).normal(size=(60, 2, 40)).astype(np.float32)
WAVES[:, 0] += np.sin(np.arange(40) * (1 + TARGETS[:, None]) / 3)


def training(data: Any = None, **options: Any) -> Training:
    data = arrays(WAVES, TARGETS, "waves") if data is None else data
    given: dict[str, Any] = {"model": Waves(), "optimizer": SGD(lr=0.05), "batch_size": 8}
    return Training(data, **{**given, **options}, epochs=2)


@pytest.mark.parametrize("model", [Waves(), MLP(hidden=(8,))], ids=["own", "mlp"])
def test_sequences_train_alike_alone_and_together(model: Any) -> None:
    one = training(model=model, precision="float64", augment=(Mixup(0.3), Noise(0.1)))
    requests = [Request(one, seed) for seed in range(2)]
    plain = [train_together([each], CPU, Mode("plain"))[0] for each in requests]
    fused = train_together(requests, CPU, Mode("fused", 2))
    for alone, together in zip(plain, fused, strict=True):
        assert isinstance(alone, TrainingResult)
        assert isinstance(together, TrainingResult)
        assert not together.note
        for name, curve in alone.curves.items():
            assert together.curves[name] == pytest.approx(curve, rel=1e-9)
        assert together.metrics == pytest.approx(alone.metrics, rel=1e-8)


def test_sequences_are_profiled() -> None:
    found = measure(training(), CPU)
    assert found.parameters == 2 * 5 * 4 + 4 + 8 + 12 * 3 + 3
    assert found.flops_per_step > 0


def test_networks_and_augmentations_of_images_refuse_sequences() -> None:
    for options, said in (({"augment": (Shift(0.5),)}, "Shift"), ({"model": CNN()}, "CNN")):
        with pytest.raises(HarnessError, match=f"{said} must be given images of shape"):
            check_ready(training(**options), 0)


# -- torch's own settings ------------------------------------------------------------------------


def test_torchs_defaults_must_stay_and_are_put_back() -> None:
    torch.set_default_dtype(torch.float64)
    with pytest.raises(HarnessError, match=r"Write Training\(precision='float64'\)"):
        check_torch()
    assert torch.get_default_dtype() == torch.float32
    torch.set_default_device("meta")
    with pytest.raises(HarnessError, match="run with --device meta"):
        check_torch()
    torch.set_grad_enabled(False)
    with pytest.raises(HarnessError, match="must compute gradients"):
        check_torch()
    check_torch()


@dataclass(frozen=True)
class Changing(Waves):
    """A network that changes torch's default type while it is built."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        torch.set_default_dtype(torch.float64)
        return super().build(shape, classes)


def test_a_network_that_changes_a_default_is_told_before_it_trains() -> None:
    one = training(model=Changing())
    with pytest.raises(HarnessError, match="torch's default type must stay float32"):
        build(one, one.data.splits(0), 0, CPU)


# -- what is told --------------------------------------------------------------------------------


def test_one_line_says_what_was_read() -> None:
    facts = facts_of(digits(train=200))
    assert facts is not None
    assert told(facts) == (
        "Digits: 1,797 images of 1 × 8 × 8 (float32), 10 classes; 200 for training, 360 for "
        "validation, 400 for testing; validation and test drawn anew for every seed from all of it."
    )
    given_ = arrays(ROWS, TARGETS, "mine", test=(ROWS, TARGETS)).facts()
    assert told(given_) == (
        "mine: 120 rows of 5 features (float32), 3 classes; 48 for training, 12 for validation, 60 "
        "for testing; validation drawn anew for every seed from the training data; test as given."
    )


def test_facts_give_the_sizes_that_are_drawn() -> None:
    for options in ({}, {"train": 12}, {"validation": 9}, {"test": 9}, {"test": (ROWS, TARGETS)}):
        data = arrays(ROWS, TARGETS, "mine", **options)
        shares, splits = data.facts().shares, data.splits(3)
        drawn = len(splits.train), len(splits.validation), len(splits.test)
        assert (shares.train, shares.validation, shares.test) == drawn
