"""Targets as they come: classes, maps of classes, measured quantities, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.intake import as_array
from harness.data.quantities import LEAST_EXAMPLES, quantities
from harness.data.sizes import Targets
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CLASSES = 1_000_000
"""More are no classes: a number that stands for nothing, such as 2**31 - 1, is among them."""

_FLOATS = "Measured quantities are floating point: targets.astype(float)."


def taken(
    what: str,
    given: Any,
    count: int,
    places: tuple[int, ...],
    least: int = LEAST_EXAMPLES,
) -> NDArray[Any]:
    """Return targets as they are kept.

    Args:
        what: what errors call them: "the targets of 'mine'".
        given: what the user gave; ``None`` where there is nothing to be told.
        count: of inputs.
        places: height and width of images, the length of sequences, or nothing: where a class may
            be told for each.
        least: how many examples there must be, where classes do not ask for more.

    Returns:
        Classes, int64 ``[n]`` or ``[n, *places]``; quantities, float32 ``[n, quantities]``; of no
        targets float32 ``[n, 0]``.

    Raises:
        HarnessError: they are nothing of that.
    """
    if given is None:
        _check_enough(what.replace("targets", "inputs", 1), count, least)
        return np.empty((count, 0), dtype=np.float32)
    labels = as_array(what, given)
    measured = labels.dtype.kind == "f" and labels.ndim in (1, 2)
    whole = labels.dtype.kind in "iu"
    if not measured and not (whole and labels.shape[1:] in ((), places) and labels.ndim):
        raise HarnessError(
            f"{what} must be whole numbers, [n]{_of_places(places)}, or measured quantities, "
            "floating point [n] or [n, quantities]",
            f"dtype {labels.dtype}, shape {list(labels.shape)}",
            _mend(labels, places),
        )
    if count != len(labels):
        raise HarnessError(
            f"{what.replace('targets', 'inputs and targets', 1)} must be equally many",
            f"{count} and {len(labels)}",
            "Give one target for each input.",
        )
    if measured:
        return quantities(what, labels, least)
    if labels.ndim > 1:
        _check_enough(what, count, least)
    return _numbered(what, labels)


def _numbered(what: str, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return class numbers as int64."""
    if labels.min() < 0:
        raise HarnessError(
            f"{what} must be 0 to classes - 1", str(labels.min()), "Number the classes from 0."
        )
    if labels.max() >= MOST_CLASSES:
        raise HarnessError(
            f"{what} must be 0 to classes - 1, below {MOST_CLASSES:,}",
            str(labels.max()),
            "Number the classes from 0; numpy.unique(targets, return_inverse=True)[1]"
            f"{'.reshape(targets.shape)' if labels.ndim > 1 else ''} does. {_FLOATS}",
        )
    return labels.astype(np.int64, copy=False)


def _check_enough(what: str, count: int, least: int) -> None:
    if count < least:
        raise HarnessError(
            f"{what} must be those of at least {least} examples", str(count), "Add some."
        )


def told(targets: NDArray[Any], classes: int) -> Targets:
    """Return what there is to be told of each input, of targets as they are kept."""
    if targets.dtype.kind == "f":
        return Targets(quantities=targets.shape[1])
    return Targets(classes, shape=targets.shape[1:])


def kind(targets: NDArray[Any]) -> str:
    """Say what kept targets are, without how many classes there are."""
    return str(told(targets, 2)).removeprefix("2 ")


def count_classes(name: str, labels: NDArray[Any], official: NDArray[Any] | None) -> int:
    """Return how many classes there are; 0 of quantities, and where nothing is told.

    Of those of positions in sequences some may be missing: no text uses all words.

    Args:
        name: of the data set.
        labels: targets as they are kept.
        official: those of the official test set.

    Raises:
        HarnessError: there are too few, gaps between them, or too few examples of one.
    """
    if labels.dtype.kind == "f":
        return 0
    both = [labels] if official is None else [labels, official]
    if labels.ndim == 2:
        classes = max(int(each.max()) for each in both) + 1
        _check_two(name, classes)
        return classes
    _check_classes(name, labels, at_least=3 if official is None else 2)  # one for each split
    classes = int(labels.max()) + 1
    if official is not None and int(official.max()) >= classes:
        raise HarnessError(
            f"the test targets of {name!r} must be classes to train on, 0 to {classes - 1}",
            str(official.max()),
            "Leave those images out, or add the class to the training images.",
        )
    return classes


def _check_two(name: str, classes: int) -> None:
    if classes < 2:
        raise HarnessError(
            f"the targets of {name!r} must name at least 2 classes", "0 alone", "Add a class."
        )


def _check_classes(name: str, targets: NDArray[Any], at_least: int) -> None:
    classes = int(targets.max()) + 1
    _check_two(name, classes)
    counts = np.bincount(targets.reshape(-1), minlength=classes)
    (absent,) = np.nonzero(counts == 0)
    if len(absent):
        more = f" and {len(absent) - 1} others" if len(absent) > 1 else ""
        how = _FLOATS if targets.ndim == 1 else (
            "numpy.unique(masks, return_inverse=True)[1].reshape(masks.shape) does."
        )  # fmt: skip
        raise HarnessError(
            f"the targets of {name!r} must use every class from 0 to {classes - 1}",
            f"none of class {absent[0]}{more}",
            f"Number the classes without gaps. {how}",
        )
    if targets.ndim == 1 and counts.min() < at_least:
        raise HarnessError(
            f"every class of {name!r} must have at least {at_least} members to be split",
            f"{counts.min()} of class {counts.argmin()}",
            "Add some, or leave the class out.",
        )


def _of_places(places: tuple[int, ...]) -> str:
    if not places:
        return ""
    each = "pixel" if len(places) == 2 else "position"
    return f" or, for each {each}, [n, {', '.join(map(str, places))}]"


def _mend(labels: NDArray[Any], places: tuple[int, ...]) -> str:
    """Say what to write in place of targets that cannot be taken."""
    whole = labels.dtype.kind in "iu"
    if places and labels.ndim > 1 and not whole and labels.shape[1:] == places:
        return "Write targets.astype(int), with the classes numbered from 0."
    if len(places) == 2 and labels.ndim == 4 and 1 in (labels.shape[1], labels.shape[3]):
        return f"Write {'targets[:, 0]' if labels.shape[1] == 1 else 'targets[..., 0]'}."
    if len(places) == 2 and labels.ndim == 3:
        return "Bring masks to the size of their images, without mixing class numbers."
    if labels.ndim == 2 and labels.shape[1] == 1 and whole:
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
