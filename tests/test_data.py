"""Data sets: known facts of real ones, properties of splits, errors that a user can meet."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import pickle
import shutil
import subprocess
import sys
import tarfile
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from sklearn.model_selection import train_test_split

from harness.data import (
    CIFAR10,
    CIFAR100,
    MNIST,
    Part,
    Splits,
    arrays,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    folders,
    images,
    mnist,
    survey,
)
from harness.data.embedded import table
from harness.data.folder import data_folder, may_download
from harness.data.splits import standardize
from harness.data.stratified import cut
from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.messages.levels import level_name
from harness.training import Data

SHARED = Path(__file__).parents[1].parent / "shared/data"
MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    """No test reads the caller's data folder or downloads."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    monkeypatch.delenv("HARNESS_DOWNLOAD", raising=False)


@pytest.fixture
def real_mnist(monkeypatch):
    if not (SHARED / "MNIST/raw").is_dir():
        pytest.skip(f"no MNIST/raw in {SHARED}")
    monkeypatch.setenv("HARNESS_DATA", str(SHARED))


def counts(part: Part, classes: int = 10) -> np.ndarray:
    return np.bincount(part.targets.numpy(), minlength=classes)


def numbered(n: int, classes: int, name: str = "numbered", **options):
    """A data set whose inputs are the row numbers, so that rows can be told apart."""
    rows = np.arange(n, dtype=np.float32)
    return arrays(rows[:, None], np.arange(n) % classes, name, **options)


def ids(part: Part) -> set[int]:
    return {int(each) for each in part.inputs.flatten()}


def message(call) -> str:
    with pytest.raises(HarnessError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def same(one: Splits, two: Splits) -> bool:
    return all(
        torch.equal(getattr(one, name).inputs, getattr(two, name).inputs)
        and torch.equal(getattr(one, name).targets, getattr(two, name).targets)
        for name in ("train", "validation", "test")
    )


# ---- parts of a pool


def test_a_part_is_rows_of_a_pool():
    inputs = torch.arange(12.0).view(6, 2)
    whole = Part(inputs, torch.tensor([0, 1, 2, 0, 1, 2]))
    assert len(whole) == 6
    assert whole.rows is None
    assert whole.inputs is inputs  # all of it is no copy
    some = whole.at(torch.tensor([5, 1, 1, 0]))
    again = some.at(torch.tensor([0, 3]))
    assert some.targets.tolist() == [2, 1, 1, 0]
    assert again.inputs.tolist() == [[10, 11], [0, 1]]
    assert again.rows.tolist() == [5, 0]
    assert (len(some), len(again)) == (4, 2)
    assert whole.pool is some.pool is again.pool


def test_the_parts_of_all_seeds_share_one_pool():
    data = digits(train=50)
    one, other = data.splits(0), data.splits(1)
    parts = [getattr(each, name) for each in (one, other) for name in ("train", "test")]
    assert len({id(part.pool) for part in parts}) == 1
    assert len(parts[0].pool.targets) == 1797
    assert parts[0].rows.tolist() != parts[2].rows.tolist()
    rows = [set(getattr(one, name).rows.tolist()) for name in ("train", "validation", "test")]
    assert sum(map(len, rows)) == len(set.union(*rows)) == 50 + 360 + 400


def test_a_part_keeps_no_copy_of_its_inputs_and_picks_from_the_pool():
    inputs, targets = torch.arange(15.0).view(5, 3), torch.arange(5)
    part = Part(inputs, targets).at(torch.tensor([4, 1, 2]))
    assert len(part) == 3
    assert part.inputs.tolist() == inputs[[4, 1, 2]].tolist()
    assert sum(each.numel() for each in vars(part).values() if torch.is_tensor(each)) == 3
    for rows in (torch.tensor([2, 0]), slice(1, 3)):
        picked, labels = part.pick(rows)
        assert picked.tolist() == part.inputs[rows].tolist()
        assert labels.tolist() == part.targets[rows].tolist()
    whole, _ = Part(inputs, targets).pick(slice(0, 2))
    assert whole.tolist() == inputs[:2].tolist()


def test_another_device_is_given_the_pool_once_and_copies_nothing_to_be_asked_its_shape():
    """ "meta" is a device without memory, which every machine has."""
    data = digits(train=50)
    one, other = data.splits(0).to("meta"), data.splits(1).to("meta")
    assert one.train.pool is one.test.pool is other.train.pool
    assert one.train.pool.inputs.device.type == one.train.rows.device.type == "meta"
    assert len(one.train) == 50
    assert one.shape == (1, 8, 8)
    assert "inputs" not in vars(one.train)
    assert one.train.inputs.shape == (50, 1, 8, 8)
    assert one.to("meta").train is one.train
    assert one.mean.device.type == "meta"


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_standardized_in_float64_as_in_float32(kind):
    whole = arrays((INPUTS * 255).astype(np.uint8) if kind == torch.uint8 else INPUTS, TARGETS, "a")
    splits = whole.splits(0)
    narrow = splits.standardize(splits.train.inputs)
    mean, std = splits.mean.double(), splits.std.double()
    wide = standardize(splits.train.inputs, mean, std, 3)
    assert (narrow.dtype, wide.dtype) == (torch.float32, torch.float64)
    assert torch.allclose(narrow.double(), wide, rtol=1e-5, atol=1e-6)
    # mean 0 and deviation 1, as far as both are known in float32
    assert wide.mean((0, 2, 3)).abs().max() < 1e-6
    assert torch.allclose(wide.std((0, 2, 3), correction=0), torch.ones(2).double(), rtol=1e-6)


# ---- declarations


def test_a_declaration_loads_nothing():
    code = (
        "import sys; from harness.data import *; import numpy as np\n"
        "made = digits(), mnist(), cifar10(), images('none'), "
        "arrays(np.zeros((6, 1)), np.arange(6) % 2, 'a')\n"
        "print(sorted({'torch', 'torchvision', 'sklearn', 'PIL'} & set(sys.modules)), len(made))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 5"


@pytest.mark.parametrize("make", [digits, mnist, fashion_mnist, cifar10, cifar100])
def test_declarations_are_values(make):
    assert make() == make()
    assert hash(make(train=20)) == hash(make(train=20))
    assert make(train=20) != make(train=30)
    assert isinstance(make(), Data)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().train = 3
    assert canonical(make(train=20)) == {"type": type(make()).__name__, "train": 20}
    assert (
        len({str(canonical(make(**{name: 77}))) for name in ("train", "validation", "test")}) == 3
    )


def test_data_sets_of_one_shape_are_different_declarations():
    assert mnist() != fashion_mnist()
    assert canonical(mnist()) != canonical(fashion_mnist())


@pytest.mark.parametrize("name", ["train", "validation", "test"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "10"])
@pytest.mark.parametrize(
    "make",
    [digits, mnist, lambda **options: images("x", **options), lambda **o: numbered(20, 2, **o)],
)
def test_sizes_must_be_whole_numbers(make, name, value):
    text = message(lambda: make(**{name: value}))
    assert f"({name}=...) must be a whole number of at least 1; got {value!r}. Write" in text


# ---- splits


@given(
    members=st.lists(st.integers(6, 40), min_size=2, max_size=6),
    seed=st.integers(0, 2**31),
    share=st.floats(0.2, 0.5),
)
@settings(max_examples=40, deadline=None)
def test_splits_are_disjoint_complete_and_stratified(members, seed, share):
    targets = np.repeat(np.arange(len(members)), members)
    n, classes = len(targets), len(members)
    test = max(classes, int(share * n))
    validation = max(classes, int(share * (n - test)))
    inputs = np.arange(n, dtype=np.float32)[:, None]
    data = arrays(inputs, targets, "made", test, validation=validation)
    splits = data.splits(seed)
    assert (len(splits.test), len(splits.validation)) == (test, validation)
    parts = [ids(part) for part in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == n
    assert set.union(*parts) == set(range(n))
    left = np.array(members)
    for part in (splits.test, splits.validation):
        expected = left * len(part) / left.sum()
        assert np.abs(counts(part, classes) - expected).max() <= 1
        left = left - counts(part, classes)
    for part in (splits.train, splits.validation, splits.test):
        assert np.array_equal(targets[part.inputs.long().flatten()], part.targets)


def test_a_seed_means_the_same_split_and_another_seed_another():
    one, again, other = digits().splits(3), digits().splits(3), digits().splits(4)
    assert same(one, again)
    data = numbered(100, 4)
    assert same(data.splits(3), numbered(100, 4).splits(3))
    for name in ("train", "validation", "test"):
        assert not torch.equal(getattr(one, name).targets, getattr(other, name).targets)
        assert ids(getattr(data.splits(3), name)) != ids(getattr(data.splits(4), name))


def test_other_sizes_leave_the_test_split_alone():
    whole = numbered(200, 4, test=40, validation=30).splits(5)
    small = numbered(200, 4, test=40, validation=30, train=20).splits(5)
    shifted = numbered(200, 4, test=40, validation=60).splits(5)
    assert torch.equal(whole.test.inputs, small.test.inputs)
    assert torch.equal(whole.test.inputs, shifted.test.inputs)
    assert torch.equal(whole.validation.inputs, small.validation.inputs)
    assert len(small.train) == 20
    assert counts(small.train, 4).tolist() == [5, 5, 5, 5]
    assert ids(small.train) < ids(whole.train)


def test_the_size_of_what_is_left_may_be_written_as_a_number():
    everything = numbered(100, 4, test=20, validation=20)
    assert same(everything.splits(1), numbered(100, 4, test=20, validation=20, train=60).splits(1))


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"test": 97}, ("test=...) must be 4 to 96,", "got 97", "Write test=96")),
        ({"test": 3}, ("test=...) must be 4 to 96,", "got 3", "Write test=4")),
        ({"test": 20, "validation": 77}, ("validation=...) must be 4 to 76", "as 80 images")),
        (
            {"test": 20, "validation": 20, "train": 61},
            ("train=...) must be 4 to 56, or all 60", "60 images of 4 classes", "Write train=56"),
        ),
        ({"test": 20, "validation": 20, "train": 58}, ("must be 4 to 56, or all 60", "got 58")),
    ],
)
def test_sizes_that_do_not_fit_are_told_when_loaded(options, parts):
    data = numbered(100, 4, **options)
    text = message(lambda: data.splits(0))
    for part in parts:
        assert part in text


def test_sizes_may_go_up_to_what_errors_say():
    splits = numbered(100, 4, test=20, validation=76).splits(0)
    assert counts(splits.train, 4).tolist() == [1, 1, 1, 1]
    assert len(numbered(100, 4, test=20, validation=20, train=56).splits(0).train) == 56


def test_splits_move_to_a_device_as_one():
    moved = digits().splits(0).to("meta")
    tensors = [moved.mean, moved.std]
    for part in (moved.train, moved.validation, moved.test):
        tensors += [part.inputs, part.targets]
    assert {each.device.type for each in tensors} == {"meta"}
    assert (moved.classes, moved.shape) == (10, (1, 8, 8))


# ---- standardising


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_the_training_part_has_mean_0_and_deviation_1_in_every_channel(kind):
    random = np.random.default_rng(0)
    spread = np.array([10, 40, 70]).reshape(1, 3, 1, 1)
    inputs = (random.random((90, 3, 5, 4)) * spread + spread).astype(kind)
    splits = arrays(inputs, np.arange(90) % 3, "colours").splits(1)
    assert splits.shape == (3, 5, 4)
    assert splits.train.inputs.dtype == torch.from_numpy(inputs).dtype

    unit = splits.train.inputs.double().numpy() / (255 if kind is np.uint8 else 1)
    np.testing.assert_allclose(splits.mean, unit.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(splits.std, unit.std((0, 2, 3)), rtol=1e-6)
    out = splits.standardize(splits.train.inputs)
    assert out.dtype == torch.float32
    assert out.mean((0, 2, 3)).abs().max() < 1e-5
    assert (out.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5
    # The same numbers for the other parts, and for one input as for a batch or a stack of batches.
    unit = splits.test.inputs.double().numpy() / (255 if kind is np.uint8 else 1)
    mean, std = (each.double().numpy().reshape(3, 1, 1) for each in (splits.mean, splits.std))
    np.testing.assert_allclose(
        splits.standardize(splits.test.inputs), (unit - mean) / std, atol=1e-5
    )
    batch = splits.test.inputs[:4]
    assert torch.equal(splits.standardize(batch)[1], splits.standardize(batch[1]))
    assert torch.equal(
        splits.standardize(batch)[2:], splits.standardize(batch.view(2, 2, 3, 5, 4))[1]
    )


def test_bytes_and_the_floats_they_stand_for_are_standardised_alike():
    inputs = np.random.default_rng(0).integers(0, 256, (40, 1, 3, 3), dtype=np.uint8)
    targets = np.arange(40) % 2
    as_bytes = arrays(inputs, targets, "bytes").splits(0)
    as_floats = arrays(inputs / 255, targets, "floats").splits(0)
    torch.testing.assert_close(
        as_bytes.standardize(as_bytes.test.inputs), as_floats.standardize(as_floats.test.inputs)
    )


def test_a_channel_that_never_varies_is_divided_by_1():
    flat = np.stack([np.full(30, 0.1), np.arange(30.0)], axis=1)
    splits = arrays(flat, np.arange(30) % 2, "flat").splits(0)
    assert splits.std[0] == 1
    assert splits.std[1] > 5
    assert splits.standardize(splits.test.inputs)[:, 0].abs().max() < 1e-6

    black = np.zeros((30, 2, 2, 2), dtype=np.uint8)
    black[::3, 1] = 200
    splits = arrays(black, np.arange(30) % 2, "black").splits(0)
    assert splits.std[0] == 1
    assert 0.2 < splits.std[1] < 0.5


# ---- digits


def test_digits():
    splits = digits().splits(0)
    sizes = [len(part) for part in (splits.train, splits.validation, splits.test)]
    assert sizes == [1037, 360, 400]
    assert (splits.shape, splits.classes) == ((1, 8, 8), 10)
    whole = sum(counts(part) for part in (splits.train, splits.validation, splits.test))
    # https://archive.ics.uci.edu/dataset/80: class counts of the test set
    assert whole.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert splits.train.inputs.dtype == torch.float32
    assert (splits.train.inputs.min(), splits.train.inputs.max()) == (0, 1)
    assert abs(float(splits.mean) - 4.884 / 16) < 0.005  # 4.884: mean ink of all 1,797 images
    assert digits().prepare() is None


# ---- MNIST and its like


def test_mnist_is_mnist(real_mnist):
    splits = mnist().splits(0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [
        55_000, 5_000, 10_000,
    ]  # fmt: skip
    assert (splits.shape, splits.classes) == ((1, 28, 28), 10)
    assert splits.train.inputs.dtype == torch.uint8
    assert counts(splits.test).tolist() == MNIST_TEST
    assert splits.test.targets[:5].tolist() == [7, 2, 1, 0, 4]
    assert (counts(splits.train) + counts(splits.validation)).tolist() == MNIST_TRAIN
    share = np.array(MNIST_TRAIN) / 12
    assert np.abs(counts(splits.validation) - share).max() <= 1
    everything = torch.cat([splits.train.inputs, splits.validation.inputs]).float() / 255
    assert abs(float(everything.mean()) - 0.1307) < 5e-5
    assert abs(float(everything.std()) - 0.3081) < 5e-5
    assert abs(float(splits.mean) - 0.1307) < 5e-4
    assert abs(float(splits.std) - 0.3081) < 5e-4


def test_mnist_keeps_its_test_set_and_draws_validation_anew(real_mnist):
    one, two = mnist(train=1000, validation=500).splits(0), mnist(train=1000).splits(1)
    assert torch.equal(one.test.inputs, two.test.inputs)
    assert np.abs(counts(one.train) - np.array(MNIST_TRAIN) / 60).max() <= 1.1  # cut twice
    assert not torch.equal(one.train.targets, two.train.targets)
    assert not torch.equal(one.validation.targets, two.validation.targets[:500])
    some, others = mnist(train=100, test=300).splits(0), mnist(train=200, test=300).splits(0)
    assert torch.equal(some.test.inputs, others.test.inputs)
    assert np.abs(counts(some.test) - np.array(MNIST_TEST) * 0.03).max() <= 1
    drawn_anew = mnist(train=100, test=300).splits(1)
    assert not torch.equal(some.test.targets, drawn_anew.test.targets)
    text = message(lambda: mnist(validation=70_000).splits(0))
    assert "MNIST(validation=...) must be 10 to 59990, as 60000 images" in text


def test_fashion_mnist_is_read_from_its_own_folder(real_mnist, monkeypatch, tmp_path):
    """Its files have MNIST's format, so MNIST's stand in for them."""
    (tmp_path / "FashionMNIST").mkdir()
    (tmp_path / "FashionMNIST/raw").symlink_to(SHARED / "MNIST/raw")
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    splits = fashion_mnist(train=100).splits(0)
    assert counts(splits.test).tolist() == MNIST_TEST
    assert "MNIST must lie" in message(mnist().prepare)


def idx(values: np.ndarray) -> bytes:
    """http://yann.lecun.com/exdb/mnist/: magic number, sizes, bytes; all big-endian."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def small_mnist() -> dict[str, bytes]:
    made = {}
    for name, n in (("train", 60), ("t10k", 40)):
        made[f"{name}-images-idx3-ubyte"] = idx(np.arange(n * 16).reshape(n, 4, 4) % 251)
        made[f"{name}-labels-idx1-ubyte"] = idx(np.arange(n) % 10)
    return made


@pytest.fixture
def made_mnist(monkeypatch, tmp_path):
    """60 + 40 images of 4 x 4 in MNIST's format."""
    monkeypatch.setattr(MNIST, "totals", (60, 40))
    folder = tmp_path / "MNIST/raw"
    folder.mkdir(parents=True)
    for name, content in small_mnist().items():
        (folder / name).write_bytes(content)
    return folder


def test_small_files_in_mnists_format_can_be_read(made_mnist):
    splits = mnist(validation=20).splits(0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [40, 20, 40]
    assert splits.test.inputs[1].flatten().tolist() == list(range(16, 32))
    shares = mnist(validation=20).facts().shares
    assert (shares.train, shares.validation, shares.test) == (40, 20, 40)


@pytest.mark.parametrize(
    "harm",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"",
        lambda raw: b"<html>404</html>" * 20,
        lambda raw: idx(np.zeros((59, 4, 4))),
    ],
)
@pytest.mark.parametrize("which", ["train", "t10k"])
def test_a_damaged_file_is_told(made_mnist, harm, which):
    file = made_mnist / f"{which}-images-idx3-ubyte"
    file.write_bytes(harm(file.read_bytes()))
    data = mnist(validation=20)
    data.prepare()  # the file is there
    assert f"the files in {made_mnist} must be MNIST" in message(data.facts), "as plan says it"
    text = message(lambda: data.splits(0))
    assert f"the files in {made_mnist} must be MNIST as published; got " in text
    assert "Delete that folder and run again with --download" in text


def test_half_of_a_data_set_is_not_the_data_set(made_mnist):
    (made_mnist / "train-images-idx3-ubyte").write_bytes(idx(np.arange(480).reshape(30, 4, 4)))
    (made_mnist / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(30) % 10))
    text = message(lambda: mnist(validation=10).splits(0))
    assert "30 + 40 images in place of 60 + 40" in text


def test_labels_must_be_those_published(made_mnist):
    (made_mnist / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(60) % 9))
    (made_mnist / "t10k-labels-idx1-ubyte").write_bytes(idx(np.arange(40) % 9))
    assert "9 classes in place of 10" in message(lambda: mnist(validation=20).splits(0))


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (mnist, "MNIST/raw"),
        (fashion_mnist, "FashionMNIST/raw"),
        (cifar10, "cifar-10-batches-py"),
        (cifar100, "cifar-100-python"),
    ],
)
def test_missing_data_says_where_it_was_looked_for_and_both_ways_to_get_it(
    make, place, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", "nowhere")
    for call in (make().prepare, lambda: make().splits(0)):
        text = message(call)
        assert f"must lie in the data folder {tmp_path.resolve()}/nowhere; got no {place}/" in text
        assert "--download" in text
        assert "--data-dir DIR (or HARNESS_DATA=DIR)" in text
        assert f"DIR/{place}" in text
    facts = make().facts()  # as published, and it is said that it is not there
    assert (facts.shares.validation, facts.shares.test) == (5000, 10_000)
    assert facts.notes[0].startswith(f"Not there yet (no {place}/")
    assert list(tmp_path.iterdir()) == []


def test_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for value, place in (("", "data"), ("other", "other"), (str(tmp_path / "x"), "x")):
        monkeypatch.setenv("HARNESS_DATA", value)
        assert data_folder() == (tmp_path / place).resolve()
    monkeypatch.delenv("HARNESS_DATA")
    assert data_folder() == (tmp_path / "data").resolve()
    assert not may_download()
    for value, allowed in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("HARNESS_DOWNLOAD", value)
        assert may_download() is allowed


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """A folder and the address at which this machine serves it to itself."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_download_fetches_what_is_missing_once(mirror, monkeypatch, tmp_path):
    (served, address), root = mirror, tmp_path / "data"
    resources = []
    for name, content in small_mnist().items():
        packed = gzip.compress(content)
        (served / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "totals", (60, 40))
    monkeypatch.setenv("HARNESS_DATA", str(root))
    data = mnist(validation=20)
    message(data.prepare)
    assert not root.exists()

    monkeypatch.setenv("HARNESS_DOWNLOAD", "1")
    data.prepare()
    shutil.rmtree(served)
    data.prepare()  # asks the mirror for nothing
    monkeypatch.delenv("HARNESS_DOWNLOAD")
    assert len(data.splits(0).test) == 40


def test_a_download_that_arrives_damaged_is_told(mirror, monkeypatch):
    served, address = mirror
    for name, content in small_mnist().items():
        (served / f"{name}.gz").write_bytes(gzip.compress(content))  # not the published sums
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
    monkeypatch.setenv("HARNESS_DOWNLOAD", "1")
    assert "File not found or corrupted" in message(mnist().prepare)


@pytest.mark.parametrize("make", [mnist, cifar10])
def test_a_failed_download_is_one_line(make, monkeypatch, tmp_path):
    nowhere = "http://127.0.0.1:9"  # the discard port: refused at once, with no name to look up
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{nowhere}/a/", f"{nowhere}/b/"])
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", f"{nowhere}/c.tar.gz")
    monkeypatch.setenv("HARNESS_DOWNLOAD", "1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    text = message(make().prepare)
    assert f"must be downloadable into {tmp_path.resolve()}; got " in text
    assert "Check the network" in text
    assert "--data-dir DIR" in text


class OldPickler(pickle.Pickler):
    """Writes the flag of a dtype as a number, as the numpy did that CIFAR was pickled with.

    Of the two flags it writes the first: numpy 2.4.0 warns of both, later ones of this alone.
    """

    def reducer_override(self, value):
        if isinstance(value, np.dtype):
            return np.dtype, ("u1", 0), (3, "|", None, None, None, -1, -1, 0)
        return NotImplemented


@pytest.fixture(
    params=[(CIFAR10, "labels", "label_names"), (CIFAR100, "fine_labels", "fine_label_names")]
)
def made_cifar(request, monkeypatch, tmp_path):
    """A few images per file, in CIFAR's format: rows of 1,024 red, green, then blue bytes."""
    kind, labels_key, names_key = request.param
    theirs = getattr(torchvision.datasets, kind.__name__)
    random = np.random.default_rng(0)
    folder = tmp_path / kind.place
    folder.mkdir()
    sums, rows, n = {}, {}, 2 * kind.classes

    def write(name: str, content: dict) -> None:
        packed = io.BytesIO()
        OldPickler(packed, protocol=2).dump(content)
        (folder / name).write_bytes(packed.getvalue())
        sums[name] = hashlib.md5(packed.getvalue()).hexdigest()

    *batches, meta = kind.files
    for name in batches:
        rows[name] = random.integers(0, 256, (n, 3072), dtype=np.uint8)
        coarse = {"coarse_labels": [0] * n} if kind is CIFAR100 else {}
        labels = (np.arange(n) % kind.classes).tolist()
        write(name, {"data": rows[name], labels_key: labels, **coarse})
    write(meta, {names_key: [str(each) for each in range(kind.classes)]})
    *train, test = batches
    monkeypatch.setattr(theirs, "train_list", [[name, sums[name]] for name in train])
    monkeypatch.setattr(theirs, "test_list", [[test, sums[test]]])
    monkeypatch.setattr(theirs, "meta", {"filename": meta, "key": names_key, "md5": sums[meta]})
    monkeypatch.setattr(kind, "totals", (n * len(train), n))
    return kind, folder, rows[test]


def test_cifars_format_is_read_without_warnings(made_cifar):
    kind, _, rows = made_cifar
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = kind(validation=kind.classes).splits(0)
    assert (splits.shape, splits.classes) == ((3, 32, 32), kind.classes)
    assert splits.test.inputs.dtype == torch.uint8
    assert np.array_equal(splits.test.inputs.flatten(1), rows)
    assert splits.test.targets[:3].tolist() == [0, 1, 2]
    assert splits.mean.shape == splits.std.shape == (3,)
    assert counts(splits.validation, kind.classes).tolist() == [1] * kind.classes


def test_a_damaged_cifar_is_told(made_cifar):
    kind, folder, _ = made_cifar
    file = folder / kind.files[0]
    file.write_bytes(file.read_bytes()[:-100])
    text = message(lambda: kind(validation=kind.classes).splits(0))
    assert f"the files in {folder.resolve()} must be {kind.__name__} as published" in text


# ---- folders of images


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """60 airplanes and 40 automobiles of CIFAR-10."""
    archive = SHARED / "cifar10-jpeg.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    wanted = {"airplane": 60, "automobile": 40}
    folder = tmp_path_factory.mktemp("photographs")
    with tarfile.open(archive, "r|xz") as stream:
        for member in stream:
            _, _, rest = member.name.partition("/")
            name, _, file = rest.partition("/")
            if file and wanted.get(name, 0):
                (folder / name).mkdir(exist_ok=True)
                (folder / name / file).write_bytes(stream.extractfile(member).read())
                wanted[name] -= 1
            if not any(wanted.values()):
                break
    return folder


def test_photographs_are_what_torchvision_reads(photographs):
    theirs = torchvision.datasets.ImageFolder(photographs)
    expected = {np.asarray(image).tobytes(): label for image, label in theirs}
    assert len(expected) == 100
    splits = images(photographs, validation=16, test=20).splits(0)
    seen = {}
    for part in (splits.train, splits.validation, splits.test):
        for pixels, label in zip(part.inputs, part.targets, strict=True):
            seen[pixels.permute(1, 2, 0).numpy().tobytes()] = int(label)
    assert seen == expected
    assert counts(splits.test, 2).tolist() == [12, 8]
    assert splits.train.inputs.dtype == torch.uint8
    assert (splits.shape, splits.classes) == ((3, 32, 32), 2)
    assert len(images(photographs).splits(0).test) == 20


@pytest.mark.parametrize("name", ["test", "val"])
def test_photographs_with_a_test_folder(photographs, tmp_path, name):
    shutil.copytree(photographs, tmp_path / "p/train")
    for kind in ("airplane", "automobile"):
        (tmp_path / "p" / name / kind).mkdir(parents=True)
        for file in sorted((tmp_path / "p/train" / kind).iterdir())[:6]:
            file.rename(tmp_path / "p" / name / kind / file.name)
    one, two = (images("p", validation=20).splits(seed) for seed in (0, 1))
    assert [len(part) for part in (one.train, one.validation, one.test)] == [68, 20, 12]
    assert one.test.targets.tolist() == [0] * 6 + [1] * 6
    assert torch.equal(one.test.inputs, two.test.inputs)
    assert not torch.equal(one.validation.inputs, two.validation.inputs)


def painted(folder: Path, colours: dict[str, tuple], n: int = 6, mode: str = "RGB") -> Path:
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True)
        for number in range(n):
            Image.new(mode, (10, 6 + number), colour).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def flags(tmp_path):
    return painted(tmp_path / "flags", {"blue": (0, 0, 255), "red": (200, 0, 0)})


def test_images_are_resized_and_in_colour(flags):
    splits = images("flags", size=4).splits(0)
    assert splits.shape == (3, 4, 4)
    for part in (splits.train, splits.validation, splits.test):
        for pixels, label in zip(part.inputs, part.targets, strict=True):
            colour = [[0, 0, 255], [200, 0, 0]][int(label)]
            assert pixels.flatten(1).unique(dim=1).flatten().tolist() == colour


def test_grey_and_transparent_palettes_become_colour_without_warnings(tmp_path):
    painted(tmp_path / "mixed", {"grey": 90}, mode="L")
    (tmp_path / "mixed/palette").mkdir()
    for number in range(6):
        image = Image.new("P", (8, 8), 0)
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.save(tmp_path / f"mixed/palette/{number}.png", transparency=bytes([0, 128]))
    assert "6 such images of 12" in message(lambda: images("mixed", size=8).splits(0))
    splits = images("mixed", size=8, background="#646e78").splits(0)  # 100, 110, 120
    for pixels, label in zip(splits.train.inputs, splits.train.targets, strict=True):
        assert pixels[:, 0, 0].tolist() == [[90, 90, 90], [100, 110, 120]][int(label)]


def test_images_are_decoded_once_in_a_process(flags, monkeypatch):
    decoded = []
    decode = folders.decode
    monkeypatch.setattr(folders, "decode", lambda *words: decoded.append(words) or decode(*words))
    first = images("flags").splits(0)
    assert same(first, images("flags").splits(0))
    assert not same(first, images("flags", validation=3).splits(1))
    assert len(decoded) == 12
    for file in (flags / "red").iterdir():
        file.write_bytes(b"gone")
    survey._LAST.clear()  # which is asked no more often than pays
    assert "must be an image that Pillow can read" in message(lambda: images("flags").splits(0))


def test_the_fingerprint_of_images_is_that_of_their_files(flags, tmp_path, monkeypatch):
    data = images("flags")
    mark = data.fingerprint()
    assert canonical(data) == {"type": "Images", "fingerprint": mark}
    assert len(mark) == 64
    copy = shutil.copytree(flags, tmp_path / "elsewhere/banners")
    assert images(copy).fingerprint() == mark
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "elsewhere"))
    assert images("banners").fingerprint() == mark

    other = shutil.copytree(flags, tmp_path / "elsewhere/other")
    with (other / "red/3.png").open("ab") as file:
        file.write(b"\0")
    renamed = shutil.copytree(flags, tmp_path / "elsewhere/renamed")
    (renamed / "red/3.png").rename(renamed / "red/9.png")
    marks = {mark, images("other").fingerprint(), images("renamed").fingerprint()}
    for option in ("size", "train", "validation", "test"):
        marks.add(images("banners", **{option: 7}).fingerprint())
    assert len(marks) == 7


def test_images_that_are_not_there(tmp_path):
    for call in (
        images("none").prepare,
        images("none").fingerprint,
        lambda: images("none").splits(0),
    ):
        text = message(call)
        assert f"(looked for {tmp_path.resolve()}/none); got none there" in text
        assert "--data-dir DIR (or HARNESS_DATA=DIR)" in text
        assert "--download" in text


def test_folders_that_are_no_image_folders(flags, tmp_path):
    (tmp_path / "empty").mkdir()
    painted(tmp_path / "single", {"red": (1, 2, 3)})
    for name, n in (("empty", 0), ("single", 1)):
        text = message(images(name).prepare)
        assert f"{name} must hold a subfolder for each of at least 2 classes; got {n}" in text

    (flags / "green").mkdir()
    assert "got no image in green" in message(lambda: images("flags").splits(0))
    assert "green" in message(images("flags").fingerprint)

    painted(tmp_path / "odd/train", {"a": (0, 0, 0), "b": (1, 1, 1)})
    painted(tmp_path / "odd/test", {"a": (0, 0, 0), "c": (1, 1, 1)})
    assert "same classes; got b, c in one alone" in message(lambda: images("odd").splits(0))


@pytest.mark.parametrize("lenient", [False, True])  # as WeasyPrint leaves Pillow
def test_an_image_that_cannot_be_read_is_named(tmp_path, lenient, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    painted(tmp_path / "cut", {"a": (0, 0, 0), "b": (1, 1, 1)})
    file = tmp_path / "cut/b/4.png"
    random = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(random).save(file)
    file.write_bytes(file.read_bytes()[:2000])
    text = message(lambda: images("cut").splits(0))
    assert f"{file.resolve()} must be an image that Pillow can read; got " in text


@pytest.mark.parametrize("folder", ["", None, 3])
def test_a_folder_must_be_a_path(folder):
    assert "Images(folder=...) must be the path of a folder" in message(lambda: images(folder))


@pytest.mark.parametrize("size", [0, 2.5, None])
def test_a_side_must_be_whole(size):
    assert "Images(size=...) must be a whole number" in message(lambda: images("x", size=size))


# ---- the user's own


def test_arrays_of_ones_own_have_fifths_by_default():
    splits = numbered(100, 4).splits(0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [64, 16, 20]
    assert (splits.shape, splits.classes) == ((1,), 4)
    assert splits.train.targets.dtype == torch.int64


def test_arrays_with_a_test_set_keep_it():
    test_inputs, test_targets = np.arange(100, 110)[:, None] / 1.0, np.arange(10) % 2
    one, two = (
        numbered(50, 3, test=(test_inputs, test_targets), validation=9).splits(s) for s in (0, 1)
    )
    assert [len(part) for part in (one.train, one.validation, one.test)] == [41, 9, 10]
    assert one.test.inputs.flatten().tolist() == list(range(100, 110))
    assert one.test.targets.tolist() == test_targets.tolist()
    assert ids(one.train) | ids(one.validation) == set(range(50))
    assert ids(one.validation) != ids(two.validation)
    assert torch.equal(one.test.inputs, two.test.inputs)


INPUTS = np.random.default_rng(0).random((30, 2, 3, 3)).astype(np.float32)
TARGETS = np.arange(30) % 3


@pytest.mark.parametrize(
    "inputs",
    [
        torch.from_numpy(INPUTS),
        torch.from_numpy(INPUTS).requires_grad_(),
        INPUTS.astype(np.float64),
        INPUTS.astype(">f4"),
        np.asfortranarray(INPUTS),
        INPUTS[::-1][::-1],
        INPUTS.tolist(),
    ],
)
def test_the_form_in_which_arrays_come_makes_no_difference(inputs):
    plain = arrays(INPUTS, TARGETS, "plain")
    made = arrays(inputs, torch.from_numpy(TARGETS).int(), "made")
    assert made == plain
    assert hash(made) == hash(plain)
    assert same(made.splits(0), plain.splits(0))
    assert made.splits(0).train.inputs.dtype == torch.float32


def test_half_precision_tensors_become_float32():
    half = torch.from_numpy(INPUTS).bfloat16()
    splits = arrays(half, TARGETS, "half", test=(half, TARGETS)).splits(0)
    assert torch.equal(splits.test.inputs, half.float())


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_arrays_are_copied_and_named_shortly(kind):
    inputs = (INPUTS * 255).astype(kind)
    inputs.flags.writeable = False
    mine = arrays(inputs, TARGETS, "mine")
    mark, before = mine.fingerprint(), mine.splits(0)
    inputs.flags.writeable = True
    inputs[:] = 0
    assert mine.fingerprint() == mark
    assert same(mine.splits(0), before)
    assert mine.prepare() is None
    assert level_name(mine) == "Arrays(name=mine)"
    assert len(repr(mine)) < 100
    assert isinstance(mine, Data)


def test_arrays_are_declared_in_other_sizes_by_replace():
    inputs, targets = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    data = arrays(inputs, targets, "mine")
    smaller = dataclasses.replace(data, train=10, test=20)
    assert smaller == arrays(inputs, targets, "mine", train=10, test=20)
    splits = smaller.splits(0)
    assert (len(splits.train), len(splits.test), splits.classes) == (10, 20, 2)
    assert data == arrays(inputs, targets, "mine"), "the first is as it was"
    with pytest.raises(HarnessError, match=r"must have contents; got none"):
        type(data)("mine")


def test_arrays_travel_to_worker_processes():
    mine = arrays(INPUTS, TARGETS, "mine", test=(INPUTS, TARGETS), train=9, validation=6)
    theirs = pickle.loads(pickle.dumps(mine))
    assert theirs == mine
    assert same(theirs.splits(2), mine.splits(2))


def test_the_fingerprint_of_arrays_sees_every_byte_and_option():
    mine = arrays(INPUTS, TARGETS, "mine")
    assert canonical(mine) == {"type": "Arrays", "fingerprint": mine.fingerprint()}
    assert arrays(INPUTS, TARGETS, "another name") == mine
    assert mine != "mine"
    inputs = INPUTS.copy()
    inputs.view(np.uint8)[17, 1, 2, 3] ^= 1
    targets = TARGETS.copy()
    targets[29] = 0
    test = (INPUTS, TARGETS)
    others = [
        arrays(inputs, TARGETS, "mine"),
        arrays(INPUTS, targets, "mine"),
        arrays(INPUTS.reshape(30, 2, 9, 1), TARGETS, "mine"),
        arrays(INPUTS, TARGETS, "mine", test=test),
        arrays(INPUTS, TARGETS, "mine", test=(inputs, TARGETS)),
        arrays(INPUTS, TARGETS, "mine", test=(INPUTS, targets)),
        arrays(INPUTS, TARGETS, "mine", test=9),
        arrays(INPUTS, TARGETS, "mine", train=9),
        arrays(INPUTS, TARGETS, "mine", validation=9),
    ]
    assert len({each.fingerprint() for each in [mine, *others]}) == 10
    assert len({mine, *others, mine}) == 10


def with_nan(count: int) -> np.ndarray:
    inputs = INPUTS.copy()
    inputs.flat[:count] = np.nan
    return inputs


@pytest.mark.parametrize(
    ("inputs", "targets", "parts"),
    [
        (INPUTS[:, 0], TARGETS, ("must say what their axes", "[30, 3, 3]", "inputs[:, None]")),
        (INPUTS[0, 0, 0], TARGETS, ("must be [n, features], [n, ch", "got shape [3]", "[:, None]")),
        (INPUTS[:0], TARGETS[:0], ("must be [n, features], [n, ch", "got shape [0, 2, 3, 3]")),
        (INPUTS.astype(int), TARGETS, ("uint8 or floating point; got dtype int64", "astype")),
        (INPUTS.astype(str), TARGETS, ("uint8 or floating point; got dtype <U",)),
        (INPUTS, TARGETS > 1, ("targets of 'bad' must be whole numbers", "bool")),
        (INPUTS, np.eye(3, dtype=int)[TARGETS], ("must be whole numbers, [n]", "shape [30, 3]")),
        (INPUTS, TARGETS[:-1], ("equally many; got 30 and 29",)),
        (with_nan(2), TARGETS, ("must be finite; got 2 values", "inputs[keep], targets[keep]")),
        (INPUTS.astype(float) * 1e300, TARGETS, ("must keep their differences as float32", "e+29")),
        (INPUTS, TARGETS - 1, ("0 to classes - 1; got -1", "Number the classes from 0")),
        (INPUTS, TARGETS.astype(np.uint64) + 2**63, ("0 to classes - 1, below 1,000,000; got 92",)),
        (INPUTS, TARGETS * 0, ("at least 2 classes; got 0 alone",)),
        (INPUTS, TARGETS * 2, ("every class from 0 to 4", "none of class 1 and 1 others")),
        (INPUTS, TARGETS + 1, ("every class from 0 to 3", "got none of class 0.")),
        (INPUTS, np.repeat([0, 1], [28, 2]), ("at least 3 members", "got 2 of class 1")),
    ],
)
def test_arrays_that_cannot_be_trained_on(inputs, targets, parts):
    text = message(lambda: arrays(inputs, targets, "bad"))
    for part in parts:
        assert part in text


@pytest.mark.parametrize(
    ("test", "parts"),
    [
        ((INPUTS,), ("must be a pair of inputs and targets; got 1 values",)),
        (
            (INPUTS[:, :1], TARGETS),
            ("must have the shape of the others, (2, 3, 3); got (1, 3, 3)",),
        ),
        (((INPUTS * 255).astype(np.uint8), TARGETS), ("dtype of the others, float32; got uint8",)),
        ((INPUTS, TARGETS + 1), ("classes to train on, 0 to 2; got 3",)),
        ((INPUTS, TARGETS[:5]), ("test inputs and targets of 'bad' must be equally many",)),
        ((with_nan(1), TARGETS), ("the test inputs of 'bad' must be finite",)),
    ],
)
def test_test_sets_that_do_not_fit(test, parts):
    text = message(lambda: arrays(INPUTS, TARGETS, "bad", test=test))
    for part in parts:
        assert part in text


def test_a_class_of_two_will_do_beside_a_test_set_and_one_will_not():
    two = np.repeat([0, 1], [28, 2])
    splits = arrays(INPUTS, two, "two", test=(INPUTS, two), validation=15).splits(0)
    assert counts(splits.train, 2).tolist() == [14, 1]
    one = np.repeat([0, 1], [29, 1])
    text = message(lambda: arrays(INPUTS, one, "one", test=(INPUTS, one)))
    assert "at least 2 members to be split; got 1 of class 1" in text


def test_a_class_used_up_by_one_split_is_told():
    """Three of class 1: the test split takes two of them, and one cannot be shared by the rest."""
    few = arrays(INPUTS, np.repeat([0, 1], [27, 3]), "few", test=20)
    text = message(lambda: few.splits(0))
    assert "every class must have enough images to draw Arrays(validation=...) from" in text
    assert "got 1 left of class 1, 10 in all" in text


@pytest.mark.parametrize("name", ["", " ", None])
def test_arrays_need_a_name(name):
    assert "arrays(name=...) must be a name" in message(lambda: arrays(INPUTS, TARGETS, name))


@settings(deadline=None)
@given(st.integers(2, 9), st.data())
def test_splits_are_those_of_scikit_learn(classes: int, data: st.DataObject) -> None:
    more = data.draw(st.lists(st.integers(0, classes - 1), max_size=60))
    labels = np.array([*range(classes)] * 2 + more)
    size = data.draw(st.integers(classes, len(labels) - classes))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rows = np.arange(len(labels)) * 7
    theirs = train_test_split(
        rows, train_size=size, test_size=len(rows) - size, stratify=labels, random_state=seed
    )
    for ours, wanted in zip(cut(labels, size, seed), theirs, strict=True):
        assert rows[ours].tolist() == wanted.tolist()


def test_digits_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_digits

    for ours, wanted in zip(table(), load_digits(return_X_y=True), strict=True):
        assert ours.dtype == wanted.dtype
        assert (ours == wanted).all()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert table()[0].shape == (1797, 64)  # with its files elsewhere it is asked itself


def test_columns_with_missing_values_are_named() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 12))
    rows[3, 7] = rows[5, 7] = rows[5, 2] = np.nan
    with pytest.raises(HarnessError, match=r"3 values that are NaN or infinite in columns 2, 7"):
        arrays(rows, np.arange(40) % 2, "rows")
    keep = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)  # as the message says
    assert arrays(rows[keep], (np.arange(40) % 2)[keep], "rows").name == "rows"
