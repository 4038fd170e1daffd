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
from harness.data.scaling import Scaling, check_scaling, count_tokens
from harness.data.sizes import Counts, Targets
from harness.data.splits import Part
from harness.data.targets import count_classes, kind, taken, told
from harness.messages.errors import HarnessError
from harness.messages.foreign import torch_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_TOKENS = 1_000_000
"""More are no token ids: a number that stands for nothing, such as 2**31 - 1, is among them."""

MOST_COLUMNS = 5
"""Columns that an error names."""


@dataclass(frozen=True, eq=False)
class Contents:
    """Checked copies of what the user gave.

    Attributes:
        inputs: as those of a :class:`harness.data.Part`.
        targets: as those of a :class:`harness.data.Part`.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def members(self, told: Targets) -> tuple[int, ...]:
        """Return how many examples each class has; how many there are where each has not one."""
        if not told.stratified:
            return (len(self.targets),)
        return tuple(np.bincount(self.targets, minlength=told.classes).tolist())

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
    official: InitVar[Contents | None]
    classes: InitVar[int]
    said: InitVar[tuple[str, ...]] = ()

    def __post_init__(
        self, rest: Contents, official: Contents | None, classes: int, said: tuple[str, ...]
    ) -> None:
        super().__post_init__()
        vars(self)["contents"] = (rest, official)
        vars(self)["told"] = told(rest.targets, classes)
        vars(self)["said"] = said
        for which, each in (("", rest), ("test ", official)):
            if each is not None:
                what = f"the {which}inputs of {self.name!r}"
                check_scaling(what, self.scaling, each.inputs, each.inputs.ndim)

    def fingerprint(self) -> str:
        """Return a digest of every byte, their types and shapes, and the options."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        options: tuple[object, ...] = (self.train, self.validation, self.test)
        if self.scaling != "standardised":
            options = (*options, self.scaling)
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
        told = self.targets()
        test = None if official is None else official.members(told)
        return Counts(rest.members(told), None, test, told.stratified)

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return tuple(vars(self)["contents"][0].inputs.shape[1:])

    def targets(self) -> Targets:
        """Return what there is to be told of each input."""
        targets: Targets = vars(self)["told"]
        return targets

    def tokens(self) -> int:
        """Return how many token ids there are: one more than the largest; 0 without any."""
        parts = [each for each in vars(self)["contents"] if each is not None]
        return max(count_tokens(each.inputs) for each in parts)

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
    test = None if official is None else official.part()
    return Whole(rest.part(), test, declared.targets().classes)


def arrays(
    inputs: Any,
    targets: Any = None,
    name: str | None = None,
    test: tuple[Any, Any] | int | None = None,
    *,
    train: int | None = None,
    validation: int | None = None,
    channels: Channels | None = None,
    scaling: Scaling = "standardised",
) -> Arrays:
    """Declare a data set of numpy arrays, tensors or pandas tables; they are copied.

    Args:
        inputs: ``[n, features]``, ``[n, channels, length]`` or ``[n, channels, height, width]``;
            uint8, which counts as 0 to 1 in steps of 1/255, or floating point, which becomes
            float32. A column of features, or a channel of sequences, that float32 would spoil (a
            unix time, say) is standardised in its own precision first. With
            ``scaling="as they are"``, whole numbers ``[n, length]`` are token ids from 0 on.
        targets: classes, whole numbers ``[n]`` from 0 to classes - 1, or one for each pixel of an
            image, ``[n, height, width]``, or for each position of a sequence, ``[n, length]``;
            or measured quantities, floating point ``[n]`` or ``[n, quantities]``, which become
            float32: then the Training has a task for them, such as ``Regression()``; ``None``
            where there is nothing to be told. Splits are drawn in proportion to classes where
            each input has one, else just at random.
        name: what tables and errors call it.
        test: an official test set, as a pair of inputs and targets; or how many images to draw
            for one, anew for every seed; a fifth by default.
        train: images in the training split; all that is left by default.
        validation: images in the validation split; a fifth of what the test split leaves
            by default.
        channels: ``"last"`` for ``[n, height, width, channels]`` and ``[n, length, channels]``,
            ``"first"`` if the shape alone leaves doubt.
        scaling: what is done to inputs; see :data:`harness.data.scaling.Scaling`.

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
    rest, labels = _checked(name, "", inputs, targets, channels, scaling)
    official: tuple[NDArray[Any], NDArray[Any]] | None = None
    size: int | None = None
    if isinstance(test, tuple | list):
        if len(test) != 2:
            raise HarnessError(
                f"arrays({name!r}, test=...) must be a pair of inputs and targets",
                f"{len(test)} values",
                "Write test=(test_inputs, test_targets).",
            )
        official = _checked(name, "test ", *test, channels, scaling)
        _check_alike(name, (rest, labels), official)
    else:
        size = test
    positions = labels.ndim == 2
    classes = count_classes(name, labels, None if official is None else official[1], positions)
    made, theirs, said = _contents(name, rest, labels, official, scaling)
    return Arrays(
        name, made, theirs, classes, said,
        train=train, validation=validation, test=size, scaling=scaling,
    )  # fmt: skip


def _check_alike(
    name: str,
    rest: tuple[NDArray[Any], NDArray[Any]],
    official: tuple[NDArray[Any], NDArray[Any]],
) -> None:
    """Check that inputs and targets of an official test set are of the kind of the others."""
    (inputs, labels), (theirs, answers) = rest, official
    same = {np.dtype(np.uint8)} & {theirs.dtype, inputs.dtype}
    for what, own, other in (
        ("shape", theirs.shape[1:], inputs.shape[1:]),
        ("dtype", theirs.dtype if same else inputs.dtype, inputs.dtype),
    ):
        if own != other:
            raise HarnessError(
                f"the test inputs of {name!r} must have the {what} of the others, {other}",
                str(own),
                "Prepare both in the same way.",
            )
    if (answers.dtype, answers.shape[1:]) != (labels.dtype, labels.shape[1:]):
        raise HarnessError(
            f"the test targets of {name!r} must be of the kind of the others",
            f"{kind(answers)} for testing and {kind(labels)} for training",
            "Prepare both in the same way: measured quantities are floating point, "
            "targets.astype(float).",
        )


def _contents(
    name: str,
    rest: NDArray[Any],
    labels: NDArray[Any],
    official: tuple[NDArray[Any], NDArray[Any]] | None,
    scaling: Scaling,
) -> tuple[Contents, Contents | None, tuple[str, ...]]:
    """Return what is kept: bytes as they are, floats as float32; and what was done to them."""
    test = None if official is None else official[0]
    said: tuple[str, ...] = ()
    if rest.dtype.kind == "f":
        if test is not None:
            common = np.promote_types(rest.dtype, test.dtype)
            rest, test = rest.astype(common, copy=False), test.astype(common, copy=False)
        found = narrowed(name, rest, test)
        rest, test = found.rest, found.official
        if found.columns:
            shown = ", ".join(map(str, found.columns[:3]))
            more = f" and {len(found.columns) - 3} more" if len(found.columns) > 3 else ""
            one = len(found.columns) == 1
            if scaling != "standardised":
                raise HarnessError(
                    f"the inputs of {name!r} must keep their differences as float32",
                    f"column{'' if one else 's'} {shown}{more}, which float32 would round, with "
                    f"scaling={scaling!r}",
                    "Take off an offset, use a larger unit, or leave scaling= out.",
                )
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
    name: str, which: str, inputs: Any, targets: Any, channels: Channels | None, scaling: Scaling
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Copy inputs and targets, and check them; ``which`` is "test " or nothing."""
    what = f"the {which}inputs of {name!r}"
    check_paired(what, inputs, targets)
    values = as_array(what, inputs)
    tokens = scaling == "as they are" and values.ndim == 2 and values.dtype.kind in "iu"
    if tokens:
        values = _token_ids(what, values)
    else:
        check_inputs(what, values, inputs)
    values = channels_first(what, values, channels)
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        if bad.any():
            raise HarnessError(
                f"{what} must be finite",
                f"{int(bad.sum())} values that are NaN or infinite{_columns_with(bad)}",
                "Leave those rows out: keep = np.isfinite(inputs).reshape(len(inputs), -1)"
                ".all(axis=1), then arrays(inputs[keep], targets[keep], ...); or replace them, by "
                "np.nan_to_num(inputs), say.",
            )
    places = values.shape[1:] if tokens else values.shape[2:]
    return values, taken(f"the {which}targets of {name!r}", targets, len(values), places)


def _token_ids(what: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Return token ids as int64."""
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < MOST_TOKENS:
        raise HarnessError(
            f"{what} must be token ids from 0 to {MOST_TOKENS - 1:,}",
            f"{values.min()} to {values.max()}",
            "Number the tokens from 0; inputs of unequal length are given as a list of arrays.",
        )
    return values.astype(np.int64)


def _columns_with(bad: NDArray[np.bool_]) -> str:
    """Say in which columns of rows something is, where those are few; else nothing."""
    if bad.ndim != 2:
        return ""
    columns = np.flatnonzero(bad.any(axis=0))
    if len(columns) > MOST_COLUMNS:
        return ""
    return f" in column{'' if len(columns) == 1 else 's'} {', '.join(map(str, columns))}"
