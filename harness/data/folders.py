"""Any folder of images with a subfolder for each class."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.declared import Declared, check_count
from harness.data.draw import Whole
from harness.data.folder import data_folder
from harness.data.splits import Part
from harness.errors import HarnessError

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image


@dataclass(frozen=True)
class Images(Declared):
    """Images in one subfolder per class, as :class:`torchvision.datasets.ImageFolder` reads them.

    ``FOLDER/train/CLASS/*`` with ``FOLDER/test/CLASS/*`` (or ``val`` for ``test``, where there is
    no ``test``) has an official test set; ``FOLDER/CLASS/*`` has none. Images come as uint8
    ``[3, size, size]``, squeezed to a square where they are not one.

    Attributes:
        folder: absolute, or relative to the data folder (``--data-dir``).
        size: pixels on each side.

    Raises:
        HarnessError: an option cannot be used.
    """

    folder: str
    size: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.folder, str | os.PathLike) or not os.fspath(self.folder):
            raise HarnessError(
                "Images(folder=...) must be the path of a folder",
                repr(self.folder),
                "Write images('flowers'), say.",
            )
        object.__setattr__(self, "folder", os.fspath(self.folder))
        check_count(self, "size", self.size)

    def prepare(self) -> None:
        """Make sure that the folder is there and has classes.

        Raises:
            HarnessError: it is missing, or has fewer than two classes.
        """
        root = self._root()
        if not root.is_dir():
            raise HarnessError(
                f"images({self.folder!r}) must be a folder (looked for {root})",
                "none there",
                "Put the images there (--download cannot fetch your own), or give --data-dir DIR "
                "(or HARNESS_DATA=DIR) of the folder that holds it.",
            )
        for part in _parts(root):
            classes = [each for each in part.iterdir() if each.is_dir()]
            if len(classes) < 2:
                raise HarnessError(
                    f"{part} must hold a subfolder for each of at least 2 classes",
                    f"{len(classes)} subfolders",
                    "Sort the images into CLASS/*, or train/CLASS/* and test/CLASS/*.",
                )

    def fingerprint(self) -> str:
        """Return a digest of file names, file sizes and options; moving the folder changes nothing.

        Raises:
            HarnessError: the folder is missing or has no images.
        """
        self.prepare()
        options = repr((self.size, self.train, self.validation, self.test))
        return hashlib.sha256((options + _listing_digest(self._root())).encode()).hexdigest()

    def _root(self) -> Path:
        return (data_folder() / Path(self.folder).expanduser()).resolve()

    @property
    def source(self) -> str:
        """What it is loaded from."""
        return f"images {self._root()} {self.size}"

    def load(self) -> Whole:
        """Return everything there is, loaded once per process."""
        return _load(self._root(), self.size)


def _parts(root: Path) -> tuple[Path, ...]:
    """Return the folders of classes: one, or the training and the test folder."""
    for test in ("test", "val"):
        if (root / "train").is_dir() and (root / test).is_dir():
            return root / "train", root / test
    return (root,)


def _listing(folder: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Return class names, and the path and class of every image, both sorted."""
    from torchvision.datasets import ImageFolder

    try:
        listed = ImageFolder(folder)
    except FileNotFoundError as error:  # a class without images
        raise HarnessError(
            f"every subfolder of {folder} must hold images of one class",
            str(error),
            "Remove the empty subfolder, or put images there.",
        ) from error
    return listed.classes, listed.samples


@lru_cache(maxsize=8)
def _listing_digest(root: Path) -> str:
    digest = hashlib.sha256()
    for folder in _parts(root):
        for path, _ in _listing(folder)[1]:
            name = Path(path).relative_to(root).as_posix()
            digest.update(f"{name}\0{Path(path).stat().st_size}\0".encode())
    return digest.hexdigest()


@lru_cache(maxsize=4)
def _load(root: Path, size: int) -> Whole:
    import torch

    parts, classes = [], []
    for folder in _parts(root):
        names, samples = _listing(folder)
        inputs = torch.empty((len(samples), 3, size, size), dtype=torch.uint8)
        for row, (path, _) in enumerate(samples):
            inputs[row] = _decode(path, size)
        parts.append(Part(inputs, torch.tensor([label for _, label in samples])))
        classes.append(names)
    if classes[0] != classes[-1]:
        odd = sorted(set(classes[0]) ^ set(classes[-1]))
        raise HarnessError(
            f"the training and test folders of {root} must have the same classes",
            f"{', '.join(odd)} in one alone",
            "Rename or remove the odd ones.",
        )
    return Whole(parts[0], parts[1] if len(parts) == 2 else None, len(classes[0]))


def _decode(path: str, size: int) -> torch.Tensor:
    """Return one image as uint8 [3, size, size]."""
    import numpy as np
    import torch
    from PIL import Image, ImageFile

    # WeasyPrint, where it is imported, makes Pillow fill what is cut off with grey.
    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(path) as image:
            colours = _colours(image)
    except Exception as error:  # PIL says "damaged" in many ways
        raise HarnessError(
            f"{path} must be an image that Pillow can read",
            f"{type(error).__name__}: {error}",
            "Replace the file, or remove it.",
        ) from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient
    if colours.size != (size, size):
        colours = colours.resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(colours)).permute(2, 0, 1)


def _colours(image: Image) -> Image:
    # Pillow warns when a palette with transparency goes to RGB without a stop at RGBA.
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")
