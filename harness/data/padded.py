"""Sequences of unequal length as one array: padded at the end, with the length of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.intake import Channels, as_array
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from numpy.typing import NDArray

IGNORED = -100
"""The class at places that are padding: torch's own ``ignore_index``, which losses leave out."""


def unequal(value: Any) -> bool:
    """Whether a value is a list of arrays or tensors that differ in shape."""
    if not isinstance(value, tuple | list) or not all(hasattr(each, "shape") for each in value):
        return False
    return len({tuple(each.shape) for each in value}) > 1


def lengths_of(what: str, value: Any, channels: Channels | None) -> NDArray[np.int64]:
    """Return the length of each sequence, int64 ``[n]``.

    Args:
        what: as errors name them.
        value: ``[length]`` for each, or ``[channels, length]``, or ``[length, channels]`` with
            ``channels="last"``.
        channels: where the channels are.

    Raises:
        HarnessError: one has no length, or another number of axes.
    """
    shapes = [np.shape(each) for each in value]
    axis = 0 if channels == "last" else -1
    fixed = {(len(shape), shape[1:] if channels == "last" else shape[:-1]) for shape in shapes}
    if len(fixed) != 1 or len(shapes[0]) not in (1, 2):
        shown = ", ".join(str(list(shape)) for shape in list(dict.fromkeys(shapes))[:3])
        raise HarnessError(
            f"{what} must be alike but for their length: [length] or [channels, length] for each",
            f"shapes {shown}",
            "Write channels='last' for [length, channels], or crop images to one size.",
        )
    lengths = np.array([shape[axis] for shape in shapes], dtype=np.int64)
    if lengths.min() == 0:
        raise HarnessError(
            f"{what} must each have a length of at least 1",
            f"a length of 0 at place {int(lengths.argmin())}",
            "Leave those sequences out, and their targets.",
        )
    return lengths


@dataclass(frozen=True, eq=False)
class Evened:
    """Sequences of one length.

    Attributes:
        inputs: ``[n, length]``, ``[n, channels, length]`` or ``[n, length, channels]``, of which
            the last value of each sequence is repeated: it is no new value, so that checks see what
            was given. :func:`blank` clears it.
        targets: for each position, repeated likewise; others as they came.
        lengths: what is no padding of each, int64 ``[n]``.
    """

    inputs: Any
    targets: Any
    lengths: NDArray[np.int64]


def evened(
    what: str, inputs: Any, targets: Any, channels: Channels | None, longest: int, *, tokens: bool
) -> Evened:
    """Return sequences of one length, and their targets.

    Args:
        what: as errors name the inputs.
        inputs: as for :func:`lengths_of`.
        targets: one for each, or a list of one for each position of each.
        channels: where the channels are.
        longest: the common length.
        tokens: whether whole numbers are token ids, which have no channels.

    Raises:
        HarnessError: a target has another length than its sequence, or holds quantities.
    """
    lengths = lengths_of(what, inputs, channels)
    values = _padded(what, inputs, longest, 0 if channels == "last" else -1)
    if values.ndim == 2 and not (tokens and values.dtype.kind in "iu"):
        values = values[:, None]  # one channel
    answers = what.replace("inputs", "targets", 1)
    if isinstance(targets, tuple | list) and all(np.ndim(each) == 1 for each in targets):
        theirs = [len(each) for each in targets]
        if theirs == lengths.tolist():
            _check_classes(answers, targets)
            targets = _padded(answers, targets, longest, -1)
        elif len(theirs) == len(lengths) and len(set(theirs)) > 1:
            place = int(np.argmax(lengths != np.array(theirs)))
            raise HarnessError(
                f"{answers} must each be as long as their sequence, or one for each sequence",
                f"{theirs[place]} for a sequence of {lengths[place]}, at place {place}",
                "Give a class number for each position.",
            )
    return Evened(values, targets, lengths)


def _check_classes(what: str, targets: Any) -> None:
    kinds = {as_array(what, each).dtype for each in targets}
    if any(kind.kind == "f" for kind in kinds):
        raise HarnessError(
            f"{what} for each position of sequences of unequal length must be class numbers: no "
            "loss of quantities leaves out what is padded",
            ", ".join(sorted(map(str, kinds))),
            "Give quantities for each whole sequence, or cut all sequences to one length.",
        )


def _padded(what: str, value: Any, longest: int, axis: int) -> NDArray[Any]:
    arrays = [as_array(what, each) for each in value]
    kind = np.result_type(*arrays)
    out = []
    for each in arrays:
        missing = [(0, 0)] * each.ndim
        missing[axis] = (0, longest - each.shape[axis])
        out.append(np.pad(each.astype(kind, copy=False), missing, mode="edge"))
    return np.stack(out)


def blank(values: NDArray[Any], lengths: NDArray[np.int64], fill: int) -> NDArray[Any]:
    """Return the same with ``fill`` where sequences have ended.

    Args:
        values: ``[n, ..., length]``.
        lengths: int64 ``[n]``.
        fill: what is written there.
    """
    real = np.arange(values.shape[-1]) < lengths.reshape(-1, *(1,) * (values.ndim - 1))
    kept: NDArray[Any] = np.where(real, values, np.array(fill, dtype=values.dtype))
    return kept
