"""The data sets that torchvision knows, as it lays them out on disk."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data.declared import Declared
from harness.data.draw import Whole
from harness.data.folder import data_folder, may_download
from harness.data.sizes import Counts
from harness.data.splits import Part
from harness.errors import HarnessError


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
        """Return how many images of each class there are, as published, in even shares."""
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
        """Return where the files are missing, as what is told of them is then as published."""
        missing = self._missing(data_folder())
        if not missing:
            return ()
        sentence = (
            f"Not there yet (no {missing[0]} in {data_folder()}): run with --download, or with "
            "--data-dir DIR of the folder that holds it."
        )
        return (sentence,)

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
class MNIST(Vision):
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
class FashionMNIST(Vision):
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
            # The files of CIFAR were pickled by a numpy that wrote flags as 0 and 1, of which
            # numpy 2.4.0 warns: https://github.com/pytorch/vision/issues/9340
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
        raise HarnessError(
            f"the files in {folder / kind.place} must be {kind.__name__} as published",
            f"{type(error).__name__}: {error}",
            "Delete that folder and run again with --download, or give --data-dir DIR of another.",
        ) from error
    return Whole(rest, test, kind.classes)


def _part(data: Any, targets: Any) -> Part:
    """Bring [n, h, w] or [n, h, w, channels] bytes to [n, channels, h, w]."""
    import torch

    images = np.asarray(data)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    labels = torch.as_tensor(targets, dtype=torch.int64)
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels")
    return Part(torch.from_numpy(np.ascontiguousarray(images)), labels)
