"""The data sets that torchvision knows, as it lays them out on disk."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data.declared import Declared
from harness.data.draw import Whole
from harness.data.folder import data_folder, may_download
from harness.data.sizes import Counts, no_folds
from harness.data.splits import Part
from harness.messages.errors import HarnessError


@dataclass(frozen=True, kw_only=True)
class Vision(Declared):
    """A data set of :mod:`torchvision.datasets`, named as there, with an official test set."""

    validation: int = 5000

    place: ClassVar[str]
    """Its folder within the data folder."""
    files: ClassVar[tuple[str, ...]]
    """The files that must be there."""
    totals: ClassVar[tuple[int, int]]
    """Official training and test images."""
    classes: ClassVar[int] = 10
    pixels: ClassVar[tuple[int, ...]]
    """The shape of one image."""

    def __post_init__(self) -> None:
        if self.folds is not None:
            raise no_folds(f"{type(self).__name__}(folds={self.folds!r})")
        super().__post_init__()

    def prepare(self) -> None:
        """Make sure that the files are there, downloading them where that is allowed.

        Raises:
            HarnessError: they are missing, or could not be downloaded.
        """
        name, folder = type(self).__name__, data_folder()
        missing = self._missing(folder)
        if missing and may_download():
            _download(name, folder)
            missing = self._missing(folder)
        if missing:
            raise HarnessError(
                f"{name} must lie in the data folder {folder}",
                f"no {missing[0]} there",
                f"Run again with --download, or with --data-dir DIR (or HARNESS_DATA=DIR), where "
                f"DIR/{self.place} holds the files as torchvision lays them out.",
            )

    def counts(self) -> Counts:
        """Return how many images of each class there are, as published, in even shares.

        Raises:
            HarnessError: files are there, and damaged as far as their heads tell.
        """
        folder = data_folder()
        if not self._missing(folder):
            self._check_heads(folder)
        rest, test = (_even(total, self.classes) for total in self.totals)
        return Counts(rest, None, test)

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one image."""
        return self.pixels

    @property
    def dtype(self) -> str:
        """What images are kept as."""
        return "uint8"

    def notes(self) -> tuple[str, ...]:
        """Return a sentence if files are missing: what is said of them is then as published."""
        missing = self._missing(data_folder())
        if not missing:
            return ()
        sentence = (
            f"Not there yet (no {missing[0]} in {data_folder()}): run with --download, or with "
            "--data-dir DIR of the folder that holds it."
        )
        return (sentence,)

    def _check_heads(self, folder: Path) -> None:
        """Check what files say of themselves at their beginning, if they say anything."""

    def _missing(self, folder: Path) -> list[str]:
        files = [f"{self.place}/{file}" for file in self.files]
        return [file for file in files if not (folder / file).is_file()]

    @property
    def source(self) -> str:
        """What it is loaded from."""
        return f"{type(self).__name__} {data_folder()}"

    def load(self) -> Whole:
        """Return everything there is, loaded once per process."""
        return _load(type(self), data_folder())


@dataclass(frozen=True, kw_only=True)
class _Idx(Vision):
    """A data set in MNIST's format, whose files begin with their own sizes."""

    def _check_heads(self, folder: Path) -> None:
        for number, name in enumerate(self.files):
            count = self.totals[number // 2]  # images and labels to train on, then those to test
            path = folder / self.place / name
            try:
                with path.open("rb") as file:
                    magic = file.read(4)
                    axes = [int.from_bytes(file.read(4), "big") for _ in range(magic[3])]
                size = path.stat().st_size
                if magic[:3] != b"\0\0\x08" or size != 4 + 4 * len(axes) + math.prod(axes):
                    raise ValueError(f"{size} bytes of {name}, which is cut off or no such file")
                if axes[0] != count:
                    raise ValueError(f"{axes[0]} in place of {count} in {name}")
            except (OSError, ValueError, IndexError) as error:
                raise _damaged(type(self), folder, error) from error


@dataclass(frozen=True, kw_only=True)
class MNIST(_Idx):
    """60,000 + 10,000 handwritten digits, uint8 ``[1, 28, 28]``, 10 classes.

    LeCun, Bottou, Bengio and Haffner 1998, http://yann.lecun.com/exdb/mnist/.
    """

    place = "MNIST/raw"
    files = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    totals = (60_000, 10_000)
    pixels = (1, 28, 28)


@dataclass(frozen=True, kw_only=True)
class FashionMNIST(_Idx):
    """60,000 + 10,000 pictures of clothes, uint8 ``[1, 28, 28]``, 10 classes.

    Xiao, Rasul and Vollgraf 2017, https://arxiv.org/abs/1708.07747.
    """

    place = "FashionMNIST/raw"
    files = MNIST.files
    totals = (60_000, 10_000)
    pixels = (1, 28, 28)


@dataclass(frozen=True, kw_only=True)
class CIFAR10(Vision):
    """50,000 + 10,000 photographs, uint8 ``[3, 32, 32]``, 10 classes.

    Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
    """

    place = "cifar-10-batches-py"
    files = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
    totals = (50_000, 10_000)
    pixels = (3, 32, 32)


@dataclass(frozen=True, kw_only=True)
class CIFAR100(Vision):
    """50,000 + 10,000 photographs, uint8 ``[3, 32, 32]``, 100 classes (the fine labels).

    Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
    """

    place = "cifar-100-python"
    files = ("train", "test", "meta")
    totals = (50_000, 10_000)
    pixels = (3, 32, 32)
    classes = 100


def _even(total: int, classes: int) -> tuple[int, ...]:
    return tuple(total // classes + (number < total % classes) for number in range(classes))


def _download(name: str, folder: Path) -> None:
    import torchvision.datasets

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # MNIST reads what it has downloaded, so damaged archives are found here as well.
        getattr(torchvision.datasets, name)(folder, download=True)
    except Exception as error:  # no network, a full disk, a damaged archive: one line for each
        raise HarnessError(
            f"{name} must be downloadable into {folder}",
            f"{type(error).__name__}: {error}",
            "Check the network and the disk, or give --data-dir DIR (or HARNESS_DATA=DIR) of a "
            "folder that holds it.",
        ) from error


@lru_cache(maxsize=4)
def _load(kind: type[Vision], folder: Path) -> Whole:
    import torchvision.datasets

    try:
        with warnings.catch_warnings():
            # The files of CIFAR were pickled by a numpy that wrote flags as 0 and 1, and
            # numpy 2.4.0 warns of that: https://github.com/pytorch/vision/issues/9340
            warnings.filterwarnings("ignore", message=r".*align should be passed as")
            loaded = [
                getattr(torchvision.datasets, kind.__name__)(folder, train=train, download=False)
                for train in (True, False)
            ]
        rest, test = (_part(each.data, each.targets) for each in loaded)
        if (len(rest), len(test)) != kind.totals:
            raise ValueError(
                f"{len(rest)} + {len(test)} images in place of " + " + ".join(map(str, kind.totals))
            )
        labels = {*rest.targets.tolist(), *test.targets.tolist()}
        if labels != set(range(kind.classes)):
            raise ValueError(f"{len(labels)} classes in place of {kind.classes}")
    except Exception as error:  # torchvision says "damaged" in many ways
        raise _damaged(kind, folder, error) from error
    return Whole(rest, test, kind.classes)


def _damaged(kind: type[Vision], folder: Path, error: Exception) -> HarnessError:
    return HarnessError(
        f"the files in {folder / kind.place} must be {kind.__name__} as published",
        f"{type(error).__name__}: {error}",
        "Delete that folder and run again with --download, or give --data-dir DIR of another.",
    )


def _part(data: Any, targets: Any) -> Part:
    """Bring [n, h, w] or [n, h, w, channels] bytes to [n, channels, h, w]."""
    import torch

    images = np.asarray(data)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    labels = torch.as_tensor(targets, dtype=torch.int64)
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels")
    return Part(torch.from_numpy(np.ascontiguousarray(images)), labels)
