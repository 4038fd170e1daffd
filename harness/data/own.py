"""Tensors or arrays of the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from functools import cached_property, lru_cache
from typing import Any

from harness.data.declared import Declared
from harness.data.draw import Whole
from harness.data.given import Contents, Given, checked, kept
from harness.data.intake import Channels
from harness.data.scaling import Scaling, check_scaling, count_tokens
from harness.data.sizes import Counts, Targets, no_folds
from harness.data.targets import count_classes, told
from harness.messages.errors import HarnessError
from harness.messages.foreign import torch_data


@dataclass(frozen=True, eq=False)
class Arrays(Declared):
    """A data set of the user's own; made by :func:`arrays`, which checks it.

    Two are equal if their contents and options are; names do not count.

    Attributes:
        name: what tables and errors call it.
    """

    # The contents are no field: printing and comparing fields must not touch megabytes.
    # dataclasses.replace(data, train=100) takes what has a default from the object itself.
    name: str
    contents: InitVar[Mapping[str, Contents] | None] = None
    classes: InitVar[int] = 0
    said: InitVar[tuple[str, ...]] = ()

    def __post_init__(
        self, contents: Mapping[str, Contents] | None, classes: int, said: tuple[str, ...]
    ) -> None:
        super().__post_init__()
        if contents is None:
            raise HarnessError(
                "a data set of one's own must have contents",
                "none",
                f"Write arrays(inputs, targets, {self.name!r}).",
            )
        vars(self).update(contents=contents, classes=classes, said=said)
        vars(self)["told"] = told(contents[""].targets, classes)
        for which, each in contents.items():
            what = f"the {which}{' ' if which else ''}inputs of {self.name!r}"
            check_scaling(what, self.scaling, each.inputs, each.inputs.ndim)

    @property
    def _parts(self) -> Mapping[str, Contents]:
        found: Mapping[str, Contents] = vars(self)["contents"]
        return found

    def fingerprint(self) -> str:
        """Return a digest of every byte, their types and shapes, and the options."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        options: tuple[object, ...] = (self.train, self.validation, self.test)
        if self.scaling != "standardised":
            options = (*options, self.scaling)
        if self.folds is not None:
            options = (*options, f"folds {self.folds}")
        digest = hashlib.sha256(repr(options).encode())
        for role, contents in self._parts.items():
            if role == "unlabelled":  # or it could be taken for a test set
                digest.update(b"unlabelled")
            for each in contents.arrays:
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
        return str(self._parts[""].inputs.dtype.name)

    def counts(self) -> Counts:
        """Return how many examples of each class there are."""
        told, official = self.targets(), self._parts.get("test")
        test = None if official is None else official.members(told)
        return Counts(self._parts[""].members(told), None, test, told.stratified)

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return tuple(self._parts[""].inputs.shape[1:])

    def targets(self) -> Targets:
        """Return what there is to be told of each input."""
        targets: Targets = vars(self)["told"]
        return targets

    def tokens(self) -> int:
        """Return how many token ids there are: one more than the largest; 0 without any."""
        return max(count_tokens(each.inputs) for each in self._parts.values())

    @property
    def padded(self) -> bool:
        """Whether inputs are sequences of unequal length."""
        return self._parts[""].lengths is not None

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
    parts = {role: each.part() for role, each in vars(declared)["contents"].items()}
    return Whole(
        parts[""], parts.get("test"), declared.targets().classes,
        unlabelled=parts.get("unlabelled"),
    )  # fmt: skip


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
    unlabelled: Any = None,
    folds: int | None = None,
) -> Arrays:
    """Declare a data set of numpy arrays, tensors or pandas tables; they are copied.

    Args:
        inputs: ``[n, features]``, ``[n, channels, length]`` or ``[n, channels, height, width]``;
            uint8, which counts as 0 to 1 in steps of 1/255, or floating point, which becomes
            float32. A column of features, or a channel of sequences, that float32 would spoil (a
            unix time, say) is standardised in its own precision first. With
            ``scaling="as they are"``, whole numbers ``[n, length]`` are token ids from 0 on.
            Sequences of unequal length are a list of arrays, ``[length]`` or ``[channels, length]``
            each, and are padded at the end: then a network is called with a mask as well. A list
            of floats ``[length]`` that are all of one length is rows of so many features instead;
            write ``[1, length]`` each where they are sequences whatever their lengths.
        targets: classes, whole numbers ``[n]`` from 0 to classes - 1, or one for each pixel of an
            image, ``[n, height, width]``, or for each position of a sequence, ``[n, length]``
            (of unequal ones a list); or measured quantities, floating point ``[n]`` or
            ``[n, quantities]``, which become float32: then the Training has a task for them, such
            as ``Regression()``; ``None`` where there is nothing to be told. Splits are drawn in
            proportion to classes where each input has one, else just at random.
        name: what tables and errors call it.
        test: an official test set, as a pair of inputs and targets; or how many images to draw
            for one, anew for every seed; a fifth by default.
        train: images in the training split; all that is left by default.
        validation: images in the validation split; a fifth of what the test split leaves
            by default.
        channels: ``"last"`` for ``[n, height, width, channels]`` and ``[n, length, channels]``,
            ``"first"`` if the shape alone leaves doubt.
        scaling: what is done to inputs; see :data:`harness.data.scaling.Scaling`.
        unlabelled: more inputs, without targets: a loss is given as many of them as there are
            examples in a batch, as ``batch.unlabelled``. They are in no split, and scaled by what
            the training split is.
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
    parts = [Given(name, "", inputs, targets)]
    size: int | None = None
    if isinstance(test, tuple | list):
        if folds is not None:
            raise no_folds(f"arrays({name!r}, test=..., folds={folds!r})")
        if len(test) != 2:
            raise HarnessError(
                f"arrays({name!r}, test=...) must be a pair of inputs and targets",
                f"{len(test)} values",
                "Write test=(test_inputs, test_targets).",
            )
        parts.append(Given(name, "test", *test))
    else:
        size = test
    if unlabelled is not None:
        parts.append(Given(name, "unlabelled", unlabelled))
    made = checked(parts, channels, scaling)
    if unlabelled is not None and made[0].lengths is not None:
        raise HarnessError(
            f"arrays({name!r}, unlabelled=...) must be left out where sequences are of unequal "
            "length",
            f"{len(made[-1].inputs)} unlabelled sequences",
            "Cut all sequences to one length, or leave them out.",
        )
    official = made[1].targets if size is None and test is not None else None
    classes = count_classes(name, made[0].targets, official)
    contents, said = kept(name, made, scaling)
    return Arrays(
        name,
        {part.role: each for part, each in zip(parts, contents, strict=True)},
        classes,
        said,
        train=train,
        validation=validation,
        test=size,
        folds=folds,
        scaling=scaling,
    )
