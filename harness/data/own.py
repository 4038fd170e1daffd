"""Tensors or arrays of the user's own."""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.declared import Declared
from harness.data.draw import Whole
from harness.data.intake import (
    Channels,
    as_array,
    channels_first,
    check_inputs,
    check_paired,
)
from harness.data.narrow import narrowed
from harness.data.quantities import quantities
from harness.data.sizes import Counts, Targets, no_folds
from harness.data.splits import Part
from harness.messages.errors import HarnessError
from harness.messages.foreign import torch_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_COLUMNS = 5
"""Columns that an error names."""


@dataclass(frozen=True, eq=False)
class Contents:
    """Checked copies of what the user gave.

    Attributes:
        inputs: uint8 or float32, ``[n, channels, height, width]``, ``[n, channels, length]`` or
            ``[n, features]``.
        targets: classes, int64 ``[n]``, or quantities, float32 ``[n, quantities]``.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    @property
    def classes(self) -> int:
        """How many classes there are: one more than the largest label; 0 of quantities."""
        return int(self.targets.max()) + 1 if self.targets.ndim == 1 else 0

    def members(self, classes: int) -> tuple[int, ...]:
        """Return how many examples each class has; of quantities, how many there are."""
        if self.targets.ndim == 2:
            return (len(self.targets),)
        return tuple(np.bincount(self.targets, minlength=classes).tolist())

    def part(self) -> Part:
        """Return the same as tensors."""
        import torch

        return Part(torch.from_numpy(self.inputs), torch.from_numpy(self.targets))


@dataclass(frozen=True, eq=False)
class Arrays(Declared):
    """A data set of the user's own; made by :func:`arrays`, which checks it.

    Two are equal if their contents and options are; names do not count.

    Attributes:
        name: what tables and errors call it.
    """

    # The contents are no field: printing and comparing fields must not touch megabytes.
    name: str
    rest: InitVar[Contents]
    official: InitVar[Contents | None] = None
    said: InitVar[tuple[str, ...]] = ()

    def __post_init__(
        self, rest: Contents, official: Contents | None, said: tuple[str, ...]
    ) -> None:
        super().__post_init__()
        vars(self)["contents"] = (rest, official)
        vars(self)["said"] = said

    def fingerprint(self) -> str:
        """Return a digest of every byte, their types and shapes, and the options."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        options: tuple[object, ...] = (self.train, self.validation, self.test)
        if self.folds is not None:
            options = (*options, f"folds {self.folds}")
        digest = hashlib.sha256(repr(options).encode())
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

    @property
    def title(self) -> str:
        """Its name in messages and reports."""
        return self.name

    @property
    def dtype(self) -> str:
        """What inputs are kept as."""
        return str(vars(self)["contents"][0].inputs.dtype.name)

    def counts(self) -> Counts:
        """Return how many examples of each class there are."""
        rest, official = vars(self)["contents"]
        test = None if official is None else official.members(rest.classes)
        return Counts(rest.members(rest.classes), None, test)

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return tuple(vars(self)["contents"][0].inputs.shape[1:])

    def quantities(self) -> int:
        """Return how many quantities are measured of each example; 0 where there are classes."""
        targets = vars(self)["contents"][0].targets
        return int(targets.shape[1]) if targets.ndim == 2 else 0

    def notes(self) -> tuple[str, ...]:
        """Return sentences on what was done to the inputs."""
        said: tuple[str, ...] = vars(self)["said"]
        return said

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
    targets: Any = None,
    name: str | None = None,
    test: tuple[Any, Any] | int | None = None,
    *,
    train: int | None = None,
    validation: int | None = None,
    channels: Channels | None = None,
    folds: int | None = None,
) -> Arrays:
    """Declare a data set of numpy arrays, tensors or pandas tables; they are copied.

    Args:
        inputs: ``[n, features]``, ``[n, channels, length]`` or ``[n, channels, height, width]``;
            uint8, which counts as 0 to 1 in steps of 1/255, or floating point, which becomes
            float32. A column of features, or a channel of sequences, that float32 would spoil (a
            unix time, say) is standardised in its own precision first.
        targets: classes, whole numbers ``[n]`` from 0 to classes - 1; or measured quantities,
            floating point ``[n]`` or ``[n, quantities]``, which become float32: then the Training
            has a task for them, such as ``Regression()``.
        name: what tables and errors call it.
        test: an official test set, as a pair of inputs and targets; or how many images to draw
            for one, anew for every seed; a fifth by default.
        train: images in the training split; all that is left by default.
        validation: images in the validation split; a fifth of what the test split leaves
            by default.
        channels: ``"last"`` for ``[n, height, width, channels]`` and ``[n, length, channels]``,
            ``"first"`` if the shape alone leaves doubt.
        folds: k, for k-fold cross-validation in the place of test sets drawn by themselves; see
            :class:`harness.data.Declared`.

    Raises:
        HarnessError: a shape, length, type, value or label cannot be trained with, or something
            would be lost on the way.

    Example:
        >>> import numpy
        >>> from harness.data import arrays
        >>> inputs = numpy.random.default_rng(0).normal(size=(100, 3))
        >>> data = arrays(inputs, numpy.arange(100) % 2, "mine")
        >>> splits = data.splits(seed=0)
        >>> len(splits.train), len(splits.validation), len(splits.test)
        (64, 16, 20)
        >>> splits.shape, splits.classes
        ((3,), 2)
    """
    if found := torch_data(inputs):
        raise HarnessError(
            "arrays(inputs, targets, name) must be given arrays or tensors",
            f"a {type(inputs).__name__}",
            f"Write {found}.",
        )
    if not isinstance(name, str) or not name.strip():
        raise HarnessError("arrays(name=...) must be a name", repr(name), "Write name='mine', say.")
    rest, labels = _checked(name, "", inputs, targets, channels)
    measured = labels.ndim == 2
    if not isinstance(test, tuple | list):
        if not measured:
            _check_classes(name, labels, at_least=3)  # one for each split
        made, _, said = _contents(name, rest, labels, None)
        return Arrays(
            name, made, None, said, train=train, validation=validation, test=test, folds=folds
        )
    if folds is not None:
        raise no_folds(f"arrays({name!r}, test=..., folds={folds!r})")
    if len(test) != 2:
        raise HarnessError(
            f"arrays({name!r}, test=...) must be a pair of inputs and targets",
            f"{len(test)} values",
            "Write test=(test_inputs, test_targets).",
        )
    if not measured:
        _check_classes(name, labels, at_least=2)
    official, answers = _checked(name, "test ", *test, channels)
    same = {np.dtype(np.uint8)} & {official.dtype, rest.dtype}
    for what, own, other in (
        ("shape", official.shape[1:], rest.shape[1:]),
        ("dtype", official.dtype if same else rest.dtype, rest.dtype),
    ):
        if own != other:
            raise HarnessError(
                f"the test inputs of {name!r} must have the {what} of the others, {other}",
                str(own),
                "Prepare both in the same way.",
            )
    if answers.shape[1:] != labels.shape[1:]:
        raise HarnessError(
            f"the test targets of {name!r} must be of the kind of the others",
            f"{_kind(answers)} for testing and {_kind(labels)} for training",
            "Prepare both in the same way: measured quantities are floating point, "
            "targets.astype(float).",
        )
    classes = 0 if measured else int(labels.max()) + 1
    if not measured and int(answers.max()) >= classes:
        raise HarnessError(
            f"the test targets of {name!r} must be classes to train on, 0 to {classes - 1}",
            str(answers.max()),
            "Leave those images out, or add the class to the training images.",
        )
    made, theirs, said = _contents(name, rest, labels, (official, answers))
    return Arrays(name, made, theirs, said, train=train, validation=validation)


def _contents(
    name: str,
    rest: NDArray[Any],
    labels: NDArray[Any],
    official: tuple[NDArray[Any], NDArray[Any]] | None,
) -> tuple[Contents, Contents | None, tuple[str, ...]]:
    """Return what is kept: bytes as they are, floats as float32; and what was done to them."""
    test = None if official is None else official[0]
    said: tuple[str, ...] = ()
    if rest.dtype != np.uint8:
        if test is not None:
            common = np.promote_types(rest.dtype, test.dtype)
            rest, test = rest.astype(common, copy=False), test.astype(common, copy=False)
        found = narrowed(name, rest, test)
        rest, test = found.rest, found.official
        if found.columns:
            shown = ", ".join(map(str, found.columns[:3]))
            more = f" and {len(found.columns) - 3} more" if len(found.columns) > 3 else ""
            one = len(found.columns) == 1
            sentence = (
                f"Column{'' if one else 's'} {shown}{more} {'is' if one else 'are'} standardised "
                "before becoming float32, which would have rounded away what tells rows apart."
            )
            said = (sentence,)
    made = Contents(rest, labels)
    if official is None or test is None:
        return made, None, said
    return made, Contents(test, official[1]), said


def _checked(
    name: str, which: str, inputs: Any, targets: Any, channels: Channels | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Copy inputs and targets, and check them; ``which`` is "test " or nothing."""
    what = f"the {which}inputs of {name!r}"
    check_paired(what, inputs, targets)
    values = as_array(what, inputs)
    labels = as_array(f"the {which}targets of {name!r}", targets)
    check_inputs(what, values, inputs)
    values = channels_first(what, values, channels)
    measured = labels.dtype.kind == "f" and labels.ndim in (1, 2)
    if not measured and (labels.ndim != 1 or labels.dtype.kind not in "iu"):
        raise HarnessError(
            f"the {which}targets of {name!r} must be whole numbers, [n], or measured quantities, "
            "floating point [n] or [n, quantities]",
            f"dtype {labels.dtype}, shape {list(labels.shape)}",
            _target_mend(labels),
        )
    if len(values) != len(labels):
        raise HarnessError(
            f"the {which}inputs and targets of {name!r} must be equally many",
            f"{len(values)} and {len(labels)}",
            "Give one target for each input.",
        )
    if values.dtype != np.uint8:
        bad = ~np.isfinite(values)
        if bad.any():
            raise HarnessError(
                f"{what} must be finite",
                f"{int(bad.sum())} values that are NaN or infinite{_columns_with(bad)}",
                "Leave those rows out: keep = np.isfinite(inputs).reshape(len(inputs), -1)"
                ".all(axis=1), then arrays(inputs[keep], targets[keep], ...); or replace them, by "
                "np.nan_to_num(inputs), say.",
            )
    if measured:
        return values, quantities(f"the {which}targets of {name!r}", labels)
    labels = labels.astype(np.int64, copy=False)
    if labels.min() < 0:
        raise HarnessError(
            f"the {which}targets of {name!r} must be 0 to classes - 1",
            str(labels.min()),
            "Number the classes from 0.",
        )
    return values, labels


def _kind(targets: NDArray[Any]) -> str:
    return "classes" if targets.ndim == 1 else str(Targets(quantities=targets.shape[1]))


_FLOATS = "Measured quantities are floating point: targets.astype(float)."


def _target_mend(labels: NDArray[Any]) -> str:
    """Say what to write in place of targets that are no whole numbers ``[n]``."""
    if labels.ndim == 2 and labels.shape[1] == 1 and labels.dtype.kind in "iu":
        return f"Write numpy.ravel(targets). {_FLOATS}"
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "iub":
        return (
            "Write numpy.argmax(targets, axis=1) where they are 1 for the class and 0 elsewhere. "
            + _FLOATS
        )
    return (
        "Write a class number for each input; numpy.unique(targets, return_inverse=True)[1] "
        f"makes them of names. {_FLOATS}"
    )


def _check_classes(name: str, targets: NDArray[Any], at_least: int) -> None:
    classes = int(targets.max()) + 1
    if classes < 2:
        raise HarnessError(
            f"the targets of {name!r} must name at least 2 classes", "0 alone", "Add a class."
        )
    present, counts = np.unique(targets, return_counts=True)
    absent = classes - len(present)
    if absent:
        first = int(np.argmax(present != np.arange(len(present))))
        raise HarnessError(
            f"the targets of {name!r} must use every class from 0 to {classes - 1}",
            f"none of class {first}" + (f" and {absent - 1} others" if absent > 1 else ""),
            f"Number the classes without gaps. {_FLOATS}",
        )
    if counts.min() < at_least:
        raise HarnessError(
            f"every class of {name!r} must have at least {at_least} members to be split",
            f"{counts.min()} of class {present[counts.argmin()]}",
            "Add some, or leave the class out.",
        )


def _columns_with(bad: NDArray[np.bool_]) -> str:
    """Say in which columns of rows something is, where those are few; else nothing."""
    if bad.ndim != 2:
        return ""
    columns = np.flatnonzero(bad.any(axis=0))
    if len(columns) > MOST_COLUMNS:
        return ""
    return f" in column{'' if len(columns) == 1 else 's'} {', '.join(map(str, columns))}"
