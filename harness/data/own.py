"""Tensors or arrays of the user's own."""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.declared import Declared
from harness.data.draw import Whole
from harness.data.splits import Part
from harness.errors import HarnessError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Contents:
    """Checked copies of what the user gave.

    Attributes:
        inputs: uint8 or float32, ``[n, channels, height, width]`` or ``[n, features]``.
        targets: int64 ``[n]``.
    """

    inputs: NDArray[Any]
    targets: NDArray[np.int64]

    @property
    def classes(self) -> int:
        """How many classes there are: one more than the largest label."""
        return int(self.targets.max()) + 1

    def part(self) -> Part:
        """Return the same as tensors."""
        import torch

        return Part(torch.from_numpy(self.inputs), torch.from_numpy(self.targets))


@dataclass(frozen=True, eq=False)
class Arrays(Declared):
    """A data set of the user's own; made by :func:`arrays`, which checks it.

    Two are equal if their contents and options are, whatever they are named.

    Attributes:
        name: what tables and errors call it.
    """

    # The contents are no field: what prints or compares fields must not meet megabytes.
    name: str
    rest: InitVar[Contents]
    official: InitVar[Contents | None] = None

    def __post_init__(self, rest: Contents, official: Contents | None) -> None:
        super().__post_init__()
        vars(self)["contents"] = (rest, official)

    def fingerprint(self) -> str:
        """Return a digest of every byte, their types and shapes, and the options."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(repr((self.train, self.validation, self.test)).encode())
        for contents in vars(self)["contents"]:
            if contents is None:
                continue
            for each in (contents.inputs, contents.targets):
                digest.update(f"{each.dtype.name}{each.shape}".encode())
                digest.update(each.data)
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Arrays):
            return NotImplemented
        return self.fingerprint() == other.fingerprint()

    def __hash__(self) -> int:
        return hash(self.fingerprint())

    def load(self) -> Whole:
        """Return everything there is, loaded once per process."""
        return _whole(self)


@lru_cache(maxsize=4)
def _whole(declared: Arrays) -> Whole:
    """Return the contents as tensors: one pool for all seeds, however often it is declared."""
    rest, official = vars(declared)["contents"]
    return Whole(rest.part(), None if official is None else official.part(), rest.classes)


def arrays(
    inputs: Any,
    targets: Any,
    name: str,
    test: tuple[Any, Any] | int | None = None,
    *,
    train: int | None = None,
    validation: int | None = None,
) -> Arrays:
    """Declare a data set of numpy arrays or tensors; they are copied.

    Args:
        inputs: ``[n, channels, height, width]`` or ``[n, features]``; uint8, which counts as 0 to
            1 in steps of 1/255, or floating point, which becomes float32.
        targets: whole numbers ``[n]``, from 0 to classes - 1.
        name: what tables and errors call it.
        test: an official test set, as a pair of inputs and targets; or how many images to draw
            for one, anew for every seed; a fifth where not given.
        train: images in the training split; all that is left where not given.
        validation: images in the validation split; a fifth of what the test split leaves where
            not given.

    Raises:
        HarnessError: a shape, length, type, value or label that cannot be trained with.
    """
    if not isinstance(name, str) or not name.strip():
        raise HarnessError("arrays(name=...) must be a name", repr(name), "Write name='mine', say.")
    rest = _checked(name, "", inputs, targets)
    if not isinstance(test, tuple | list):
        _check_classes(name, rest, at_least=3)  # one for each split
        return Arrays(name, rest, train=train, validation=validation, test=test)
    if len(test) != 2:
        raise HarnessError(
            f"arrays({name!r}, test=...) must be a pair of inputs and targets",
            f"{len(test)} values",
            "Write test=(test_inputs, test_targets).",
        )
    _check_classes(name, rest, at_least=2)
    official = _checked(name, "test ", *test)
    for what, own, other in (
        ("shape", official.inputs.shape[1:], rest.inputs.shape[1:]),
        ("dtype", official.inputs.dtype, rest.inputs.dtype),
    ):
        if own != other:
            raise HarnessError(
                f"the test inputs of {name!r} must have the {what} of the others, {other}",
                str(own),
                "Prepare both in the same way.",
            )
    if official.classes > rest.classes:
        raise HarnessError(
            f"the test targets of {name!r} must be classes to train on, 0 to {rest.classes - 1}",
            str(official.classes - 1),
            "Leave those images out, or add the class to the training images.",
        )
    return Arrays(name, rest, official, train=train, validation=validation)


def _checked(name: str, which: str, inputs: Any, targets: Any) -> Contents:
    """Copy inputs and targets, and check them; ``which`` is "test " or nothing."""
    values, labels = _array(inputs), _array(targets)
    if values.ndim not in (2, 4) or 0 in values.shape:
        raise HarnessError(
            f"the {which}inputs of {name!r} must be [n, features] or [n, channels, height, width]",
            f"shape {list(values.shape)}",
            "Write inputs[:, None] for images without an axis of channels."
            if values.ndim == 3
            else "Reshape the inputs.",
        )
    if values.dtype != np.uint8 and values.dtype.kind != "f":
        raise HarnessError(
            f"the {which}inputs of {name!r} must be uint8 or floating point",
            f"dtype {values.dtype}",
            "Write inputs.astype('float32').",
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise HarnessError(
            f"the {which}targets of {name!r} must be whole numbers, [n]",
            f"dtype {labels.dtype}, shape {list(labels.shape)}",
            "Write a class number for each input; numpy.unique(targets, return_inverse=True)[1] "
            "makes them of names. Only classes can be learnt, no measured quantities.",
        )
    if len(values) != len(labels):
        raise HarnessError(
            f"the {which}inputs and targets of {name!r} must be equally many",
            f"{len(values)} and {len(labels)}",
            "Give one target for each input.",
        )
    if values.dtype != np.uint8:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told below
            values = values.astype(np.float32, copy=False)
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise HarnessError(
                f"the {which}inputs of {name!r} must be finite as float32",
                f"{bad} values that are NaN, infinite or too large",
                "Remove or replace them.",
            )
    labels = labels.astype(np.int64, copy=False)
    if labels.min() < 0:
        raise HarnessError(
            f"the {which}targets of {name!r} must be 0 to classes - 1",
            str(labels.min()),
            "Number the classes from 0.",
        )
    return Contents(values, labels)


def _check_classes(name: str, rest: Contents, at_least: int) -> None:
    if rest.classes < 2:
        raise HarnessError(
            f"the targets of {name!r} must name at least 2 classes", "0 alone", "Add a class."
        )
    present, counts = np.unique(rest.targets, return_counts=True)
    absent = rest.classes - len(present)
    if absent:
        first = int(np.argmax(present != np.arange(len(present))))
        raise HarnessError(
            f"the targets of {name!r} must use every class from 0 to {rest.classes - 1}",
            f"none of class {first}" + (f" and {absent - 1} others" if absent > 1 else ""),
            "Number the classes without gaps.",
        )
    if counts.min() < at_least:
        raise HarnessError(
            f"every class of {name!r} must have at least {at_least} members to be split",
            f"{counts.min()} of class {present[counts.argmin()]}",
            "Add some, or leave the class out.",
        )


def _array(value: Any) -> NDArray[Any]:
    """Copy an array or a tensor, from any device, as a C-ordered array of native byte order."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16; every bfloat16 is a float32.
        value = (value.float() if value.is_floating_point() else value).numpy()
    copy = np.array(value, order="C")
    return copy.astype(copy.dtype.newbyteorder("="), copy=False)
