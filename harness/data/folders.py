"""Any folder of images with a subfolder for each class."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.declared import Declared
from harness.data.draw import Whole
from harness.data.folder import data_folder
from harness.data.layout import Found
from harness.data.names import Role
from harness.data.pictures import FEWEST_LEVELS, colours, strict
from harness.data.sizes import Counts
from harness.data.splits import Part
from harness.data.survey import Survey, contents, survey, threads
from harness.messages import checks
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    import torch

_NAMED = {"white": "#ffffff", "black": "#000000"}

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Images(Declared):
    """Images that Pillow can read, in one subfolder per class; deeper folders count as well.

    ``FOLDER/CLASS/*`` has no official test set. ``FOLDER/train/CLASS/*`` with
    ``FOLDER/test/CLASS/*``, ``FOLDER/validation/CLASS/*`` or both has those parts, in any spelling
    (``Training``, ``val``, ``dev``, ``test_set``...). A validation part without a test part is the
    test set. Hidden and system folders are ignored. Texts are left out. Anything else that is no
    image is refused by name.

    Images become uint8 ``[3, size, size]``: squeezed to a square if they are not one, and turned as
    their EXIF says. Of 16-bit images the upper 8 bits are used.

    Attributes:
        folder: absolute, or relative to the data folder (``--data-dir``).
        size: pixels on each side.
        background: the colour behind transparent parts: ``"white"``, ``"black"`` or
            ``"#808080"``, say. Without it, images with transparent parts are refused.

    Raises:
        HarnessError: an option cannot be used.

    Example:
        >>> from harness.data import images
        >>> data = images("flowers", size=64, test=200)
        >>> data.folder, data.size, data.test
        ('flowers', 64, 200)
    """

    folder: str
    size: int = 32
    background: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.folder, str | os.PathLike) or not os.fspath(self.folder):
            raise HarnessError(
                "Images(folder=...) must be the path of a folder",
                repr(self.folder),
                "Write images('flowers'), say.",
            )
        object.__setattr__(self, "folder", os.fspath(self.folder))
        checks.whole(self, "size", self.size, 32)
        if self.background is not None and not (
            isinstance(self.background, str)
            and re.fullmatch("#[0-9a-fA-F]{6}", _NAMED.get(self.background, self.background))
        ):
            raise HarnessError(
                "Images(background=...) must be 'white', 'black' or a colour such as '#808080'",
                repr(self.background),
                "Write background='white', say.",
            )

    def prepare(self) -> None:
        """Make sure that the folder is there, that it is clear what is what, and that files serve.

        Raises:
            HarnessError: something is missing, unclear, or would lose something.
        """
        found = self._survey()
        _check_files(found, list(found.images()), self._colour())

    def fingerprint(self) -> str:
        """Return a digest of names and contents of files, and options; not of where they lie.

        Raises:
            HarnessError: the folder is missing or unclear.
        """
        options: tuple[object, ...] = (self.size, self.train, self.validation, self.test)
        if self.background is not None:
            options = (*options, self._colour())
        if self.scaling != "standardised":
            options = (*options, self.scaling)
        if self.folds is not None:
            options = (*options, f"folds {self.folds}")
        return hashlib.sha256((repr(options) + self._survey().digest).encode()).hexdigest()

    @property
    def title(self) -> str:
        """Its name in messages and reports."""
        return self.folder

    @property
    def dtype(self) -> str:
        """What images are kept as."""
        return "uint8"

    def counts(self) -> Counts:
        """Return how many images of each class there are.

        Raises:
            HarnessError: as :meth:`prepare` does.
        """
        self.prepare()
        layout = self._survey().layout
        roles: tuple[Role, ...] = ("train", "validation", "test")
        rest, validation, test = (
            None if part is None else part.members(len(layout.classes))
            for part in map(layout.part, roles)
        )
        assert rest is not None
        return Counts(rest, validation, test)

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one image."""
        return 3, self.size, self.size

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes' folders."""
        return self._survey().layout.classes

    def file_count(self) -> int:
        """Return how many files there are, one for each image."""
        return sum(1 for _ in self._survey().images())

    def notes(self) -> tuple[str, ...]:
        """Return how folders were understood, what was done to images and what was left out."""
        return tuple(_notes(self._survey(), self.size, self.background))

    def _root(self) -> Path:
        return (data_folder() / Path(self.folder).expanduser()).resolve()

    def _survey(self) -> Survey:
        root = self._root()
        if not root.is_dir():
            raise HarnessError(
                f"images({self.folder!r}) must be a folder (looked for {root})",
                "none there",
                "Put the images there (--download cannot fetch your own), or give --data-dir DIR "
                "(or HARNESS_DATA=DIR) of the folder that holds it.",
            )
        return survey(root)

    def _colour(self) -> Colour | None:
        if self.background is None:
            return None
        written = _NAMED.get(self.background, self.background)
        red, green, blue = bytes.fromhex(written[1:])
        return red, green, blue

    @property
    def source(self) -> str:
        """What it is loaded from."""
        return f"images {self._root()} {self.size} {self._colour()} {self._survey().digest}"

    def load(self) -> Whole:
        """Return everything there is, loaded once per process."""
        self.prepare()
        return _load(self._root(), self.size, self._colour(), self._survey().digest)


def _check_files(found: Survey, images: list[Found], background: Colour | None) -> None:
    """Check that all images can be used, and that none would lose what it shows.

    Raises:
        HarnessError: one cannot, or would.
    """
    looked = [(image.path, found.known[image.path].looked) for image in images]
    bad = [(path, each.problem) for path, each in looked if each.problem]
    if bad:
        path, problem = bad[0]
        more = f" (and {len(bad) - 1} more like it)" if len(bad) > 1 else ""
        must, mend = "an image that Pillow can read", "Replace the file, or remove it."
        if "frames" in problem:
            must, mend = "a single picture", "Save the frame that is meant as a file of its own."
        elif "pixels" in problem:
            must = "an image of 8 or 16 bits"
            mend = (
                "Scale all files alike to 0 to 255 and save them as 8 bits, or give their values "
                "to arrays()."
            )
        raise HarnessError(f"{path} must be {must}", f"{problem}{more}", mend)
    clear = [path for path, each in looked if each.clear]
    if clear and background is None:
        raise HarnessError(
            "images with transparent parts must be given a background",
            f"{len(clear)} such images of {len(looked)}, the first {clear[0]}",
            "Write images(..., background='white'), say, or 'black' or '#808080'.",
        )
    deep = [(path, each.deep) for path, each in looked if each.deep >= 0]
    largest = max((value for _, value in deep), default=FEWEST_LEVELS)
    if largest + 1 < FEWEST_LEVELS:
        raise HarnessError(
            "16-bit images must use their range, because only their upper 8 bits are kept",
            f"{len(deep)} files whose largest value of all is below {(largest + 1) << 8} of 65536, "
            f"such as {deep[0][0]}",
            "Scale all of them by the same factor, so that the largest comes near 65535.",
        )


def _notes(found: Survey, size: int, background: str | None) -> Iterator[str]:
    layout = found.layout
    yield from layout.notes
    looked = [found.known[image.path].looked for image in found.images()]
    sizes = Counter(each.size for each in looked)
    (width, height), _ = sizes.most_common(1)[0]
    if set(sizes) != {(size, size)}:
        others = f" and {len(sizes) - 1} other sizes" if len(sizes) > 1 else ""
        yield f"Images of {width} × {height}{others} are made {size} × {size} pixels."
    deep, clear = sum(each.deep >= 0 for each in looked), sum(each.clear for each in looked)
    if deep:
        yield f"Of 16-bit images ({deep}) the upper 8 bits are taken."
    if clear:
        yield f"Behind images with transparent parts ({clear}) is {background}."
    if layout.left_out:
        shown = ", ".join(layout.left_out[:3])
        more = f" and {len(layout.left_out) - 3} more" if len(layout.left_out) > 3 else ""
        yield f"Left out: {shown}{more}."


@lru_cache(maxsize=4)
def _load(root: Path, size: int, background: Colour | None, digest: str) -> Whole:
    import torch

    found = survey(root)
    parts: dict[str, Part] = {}
    for part in found.layout.parts:
        inputs = torch.empty((len(part.images), 3, size, size), dtype=torch.uint8)

        def fill(row: int, image: Found, inputs: torch.Tensor = inputs) -> None:
            inputs[row] = decode(image.path, found.known[image.path].sha256, size, background)

        with strict(), ThreadPoolExecutor(threads()) as pool:
            list(pool.map(fill, range(len(part.images)), part.images))
        parts[part.role] = Part(inputs, torch.tensor([image.label for image in part.images]))
    if found.digest != digest:
        raise _changed(root)
    return Whole(
        parts["train"], parts.get("test"), len(found.layout.classes), parts.get("validation")
    )


def _changed(path: Path | str) -> HarnessError:
    return HarnessError(
        f"{path} must stay as it is while it is read",
        "other contents than a moment ago",
        "Start the same command again.",
    )


def decode(path: str, sha256: str, size: int, background: Colour | None) -> torch.Tensor:
    """Return one image as uint8 [3, size, size]."""
    import numpy as np
    import torch

    content, _, _ = contents(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _changed(path)
    pixels = np.array(colours(content, size, background))
    return torch.from_numpy(pixels).permute(2, 0, 1)
