"""One image file: what it holds, and its pixels as 8-bit colours.

Pillow turns almost anything into 8-bit colours without a word: 16 bits are cut off at 255, what is
transparent becomes black, and of several frames the first is taken. Here every such loss is either
avoided or a reason to refuse the file.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

FEWEST_LEVELS = 32
"""Of 256 levels of grey, at least so many must be within reach of 16-bit images."""

_ONE_PICTURE = frozenset({"MPO", "PSD", "ICO", "ICNS"})
"""Formats whose further frames are other views, layers or sizes of the first."""


@dataclass(frozen=True)
class Looked:
    """What an image file holds.

    Attributes:
        size: width and height in pixels, as shown.
        problem: why it can never be used; empty if it can.
        clear: whether some of it is transparent.
        deep: of 16-bit images the largest value as 8 bits, else -1.
    """

    size: tuple[int, int] = (0, 0)
    problem: str = ""
    clear: bool = False
    deep: int = -1


def endings() -> frozenset[str]:
    """Return the endings of files that Pillow can open, in small letters."""
    from PIL import Image

    known = Image.registered_extensions()
    # MPO is opened as the JPEG that it begins with
    return frozenset(ending for ending, kind in known.items() if kind in {*Image.OPEN, "MPO"})


def look(content: bytes) -> Looked:
    """Decode an image file to tell what it holds."""
    try:
        image, deep = _opened(content)
    except Exception as error:  # Pillow says "damaged" in many ways
        return Looked(problem=_problem(error))
    return Looked(image.size, "", _clear(image), deep)


def colours(content: bytes, size: int, background: tuple[int, int, int] | None) -> Image:
    """Return an image in 8-bit colours, squeezed to a square.

    Args:
        content: of the file, in which :func:`look` has found no problem.
        size: pixels on each side.
        background: what shows through where it is transparent.

    Raises:
        ValueError: it cannot be used.
    """
    from PIL import Image

    image, _ = _opened(content)
    if background is not None and _clear(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image)
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # or Pillow warns
    image = image.convert("RGB")
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return image


@contextmanager
def strict() -> Iterator[None]:
    """Let Pillow refuse what is cut off, and say nothing of what it reads all the same.

    These settings are the whole process's: set once, around all threads that read.
    """
    from PIL import ImageFile

    # WeasyPrint, where it is imported, makes Pillow fill what is cut off with grey.
    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _problem(error: Exception) -> str:
    if isinstance(error, _RefusedError):
        return str(error)
    said = re.sub(r"\s*<[^>]* at 0x[0-9a-f]+>", "", str(error))  # Pillow names what it was given
    return f"{type(error).__name__}: {said}"


class _RefusedError(ValueError):
    """Pillow can read it, but what it holds would be lost."""


def _opened(content: bytes) -> tuple[Image, int]:
    """Return an image of 8 bits as it is to be seen, and what :class:`Looked` calls ``deep``."""
    from PIL import Image, ImageOps

    with Image.open(BytesIO(content)) as file:
        frames = getattr(file, "n_frames", 1)
        if frames > 1 and file.format not in _ONE_PICTURE:
            raise _RefusedError(f"{frames} frames in one {file.format} file")
        raw = " ".join(str(each) for tile in file.tile for each in tile)
        deep = ";16" in raw or ";12" in raw
        kind = file.format
        file.load()
        image: Image.Image = ImageOps.exif_transpose(file)
    if image.mode == "F":
        raise _RefusedError("floating point pixels (mode F)")
    if image.mode == "I" and kind not in ("PNG", "PPM"):  # there Pillow puts 16 bits into 32
        raise _RefusedError("32-bit pixels (mode I)")
    if image.mode.startswith("I"):
        if "transparency" in image.info:
            raise _RefusedError("16-bit pixels of which one value is transparent")
        image = _eight_bits(image)
        deep = True
    return image, _largest(image) if deep else -1


def _eight_bits(image: Image) -> Image:
    """Return 16-bit grey as its upper 8 bits."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise _RefusedError(f"pixels outside of 16 bits (mode {image.mode})")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _largest(image: Image) -> int:
    """Return the largest value of any channel but transparency."""
    import numpy as np

    return int(np.asarray(image.convert("RGB")).max())


def _clear(image: Image) -> bool:
    """Whether some of an image is transparent."""
    if not image.has_transparency_data:
        return False
    import numpy as np

    return bool(np.asarray(image.convert("RGBA").getchannel("A")).min() < 255)
