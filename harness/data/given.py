"""Inputs and targets as a user gave them, copied and checked: what :func:`arrays` keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from harness.data.intake import (
    Channels,
    as_array,
    channels_first,
    check_inputs,
    check_paired,
)
from harness.data.narrow import narrowed
from harness.data.padded import IGNORED, blank, evened, lengths_of, unequal
from harness.data.quantities import LEAST_EXAMPLES
from harness.data.scaling import Scaling
from harness.data.sizes import Targets
from harness.data.splits import Part
from harness.data.targets import kind, taken
from harness.messages.errors import HarnessError

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
        lengths: as those of a :class:`harness.data.Part`.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    lengths: NDArray[np.int64] | None = None

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All that there is."""
        found = (self.inputs, self.targets)
        return found if self.lengths is None else (*found, self.lengths)

    def members(self, told: Targets) -> tuple[int, ...]:
        """Return how many examples each class has; how many there are where each has not one."""
        if not told.stratified:
            return (len(self.targets),)
        return tuple(np.bincount(self.targets, minlength=told.classes).tolist())

    def part(self) -> Part:
        """Return the same as tensors."""
        import torch

        return Part(*map(torch.from_numpy, self.arrays))

    def blanked(self) -> Contents:
        """Return the same with padding cleared: inputs 0, classes ``IGNORED``."""
        if self.lengths is None:
            return self
        targets = self.targets
        if targets.ndim == 2 and targets.dtype.kind == "i":
            targets = blank(targets, self.lengths, IGNORED)
        return replace(self, inputs=blank(self.inputs, self.lengths, 0), targets=targets)


@dataclass(frozen=True)
class Given:
    """One part of a data set as the user gave it.

    Attributes:
        name: of the data set.
        role: ``"test"``, ``"unlabelled"``, or nothing: all else.
        inputs: as they came.
        targets: as they came.
    """

    name: str
    role: Literal["", "test", "unlabelled"]
    inputs: Any
    targets: Any = None

    def called(self, what: str) -> str:
        """Return what errors call its inputs or targets: "the test inputs of 'mine'"."""
        return f"the {self.role}{' ' if self.role else ''}{what} of {self.name!r}"


def checked(parts: Sequence[Given], channels: Channels | None, scaling: Scaling) -> list[Contents]:
    """Copy and check the parts of a data set; sequences of unequal length get one length in all.

    Padding is not cleared yet, see :meth:`Contents.blanked`.

    Args:
        parts: of the data set.
        channels: where the channels of inputs are.
        scaling: as declared.

    Raises:
        HarnessError: a part cannot be trained with, or is not like the first.
    """
    if any(unequal(each.inputs) for each in parts):
        longest = max(
            int(lengths_of(each.called("inputs"), each.inputs, channels).max()) for each in parts
        )
        found = []
        for each in parts:
            what = each.called("inputs")
            tokens = scaling == "as they are"
            even = evened(what, each.inputs, each.targets, channels, longest, tokens=tokens)
            where: Channels | None = None
            if even.inputs.ndim > 2:
                where = channels or "first"
            same = replace(each, inputs=even.inputs, targets=even.targets)
            own = _checked(same, where, scaling, even.lengths)
            found.append(replace(own, lengths=even.lengths))
    else:
        found = [_checked(each, channels, scaling) for each in parts]
    for part, one in zip(parts[1:], found[1:], strict=True):
        _check_alike(part, one, found[0])
    return found


def _checked(
    given: Given,
    channels: Channels | None,
    scaling: Scaling,
    lengths: NDArray[np.int64] | None = None,
) -> Contents:
    """Copy inputs and targets, and check them."""
    what = given.called("inputs")
    check_paired(what, given.inputs, given.targets)
    values = as_array(what, given.inputs)
    tokens = scaling == "as they are" and values.ndim == 2 and values.dtype.kind in "iu"
    if tokens:
        values = _token_ids(what, values)
    else:
        check_inputs(what, values, given.inputs)
    values = channels_first(what, values, channels)
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        if bad.any() and lengths is not None:
            real = np.arange(values.shape[-1]) < lengths.reshape(-1, *(1,) * (values.ndim - 1))
            raise HarnessError(
                f"{what} must be finite",
                f"{int((bad & real).sum())} values that are NaN or infinite",
                "Leave those sequences out: keep = [bool(np.isfinite(each).all()) for each in "
                "inputs].",
            )
        if bad.any():
            raise HarnessError(
                f"{what} must be finite",
                f"{int(bad.sum())} values that are NaN or infinite{_columns_with(bad)}",
                "Leave those rows out: keep = np.isfinite(inputs).reshape(len(inputs), -1)"
                ".all(axis=1), then arrays(inputs[keep], targets[keep], ...); or replace them, by "
                "np.nan_to_num(inputs), say.",
            )
    places = values.shape[1:] if tokens else values.shape[2:]
    least = 1 if given.role else LEAST_EXAMPLES  # only the examples that are split must be several
    targets = taken(given.called("targets"), given.targets, len(values), places, least)
    return Contents(values, targets)


def _check_alike(part: Given, own: Contents, rest: Contents) -> None:
    """Check that inputs and targets of another part are of the kind of the first."""
    same = {np.dtype(np.uint8)} & {own.inputs.dtype, rest.inputs.dtype}
    for name, theirs, other in (
        ("shape", own.inputs.shape[1:], rest.inputs.shape[1:]),
        ("dtype", own.inputs.dtype if same else rest.inputs.dtype, rest.inputs.dtype),
    ):
        if theirs != other:
            raise HarnessError(
                f"{part.called('inputs')} must have the {name} of the others, {other}",
                str(theirs),
                "Prepare both in the same way.",
            )
    answers, labels = own.targets, rest.targets
    alike = (answers.dtype, answers.shape[1:]) == (labels.dtype, labels.shape[1:])
    if part.role == "test" and not alike:
        raise HarnessError(
            f"{part.called('targets')} must be of the kind of the others",
            f"{kind(answers)} for testing and {kind(labels)} for training",
            "Prepare both in the same way: measured quantities are floating point, "
            "targets.astype(float).",
        )


def kept(
    name: str, parts: Sequence[Contents], scaling: Scaling
) -> tuple[list[Contents], tuple[str, ...]]:
    """Return what is kept: bytes as they are, floats as float32; and what was done to them.

    Args:
        name: of the data set.
        parts: of it, checked; what is done to inputs follows from the first.
        scaling: as declared.

    Raises:
        HarnessError: float32 would lose what tells inputs apart.
    """
    said: list[str] = []
    parts = list(parts)
    if parts[0].inputs.dtype.kind == "f":
        parts, columns = _narrowed(name, parts)
        if columns:
            shown = ", ".join(map(str, columns[:3]))
            more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
            one = len(columns) == 1
            if scaling != "standardised":
                raise HarnessError(
                    f"the inputs of {name!r} must keep their differences as float32",
                    f"column{'' if one else 's'} {shown}{more}, which float32 would round, with "
                    f"scaling={scaling!r}",
                    "Take off an offset, use a larger unit, or leave scaling= out.",
                )
            said.append(
                f"Column{'' if one else 's'} {shown}{more} {'is' if one else 'are'} standardised "
                "before becoming float32, which would have rounded away what tells rows apart."
            )
    lengths = [each.lengths for each in parts if each.lengths is not None]
    if lengths:
        least, most = (int(f(np.concatenate(lengths))) for f in (np.min, np.max))
        said.append(f"Sequences are {least} to {most} long; shorter ones are padded at the end.")
    return [each.blanked() for each in parts], tuple(said)


def _narrowed(name: str, parts: list[Contents]) -> tuple[list[Contents], tuple[int, ...]]:
    """Return floats as float32, and which columns were standardised first."""
    common = np.result_type(*(each.inputs.dtype for each in parts))
    rest, *others = (each.inputs.astype(common, copy=False) for each in parts)
    found = narrowed(name, rest, np.concatenate(others) if others else None)
    made = [found.rest]
    if found.official is not None:
        stops = np.cumsum([len(each) for each in others])
        made += np.split(found.official, stops[:-1])
    pairs = zip(parts, made, strict=True)
    return [replace(part, inputs=inputs) for part, inputs in pairs], found.columns


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
