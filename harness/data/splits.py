"""What a data set is once loaded: tensors, in a training, a validation and a test part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from harness.data.scaling import Scaling
from harness.data.sizes import Targets
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Pool:
    """A whole data set, held once in a process; the parts of every seed are rows of it.

    Attributes:
        inputs: as those of a :class:`Part`.
        targets: as those of a :class:`Part`.
        lengths: as those of a :class:`Part`.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    lengths: torch.Tensor | None = None

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Pool:
        """Return the pool with each of its tensors changed."""
        lengths = None if self.lengths is None else change(self.lengths)
        return Pool(change(self.inputs), change(self.targets), lengths)


class Part:
    """Inputs and the target of each.

    Attributes:
        inputs: ``[n, channels, height, width]``, ``[n, channels, length]`` or ``[n, features]``;
            uint8, which counts as 0 to 1 in steps of 1/255 and takes a quarter of the memory, or
            float32; or token ids, int64 ``[n, length]``.
        targets: int64 ``[n]``, from 0 to ``classes - 1``; a class for each pixel, int64
            ``[n, height, width]``, or for each position of a sequence, int64 ``[n, length]``;
            quantities, float32 ``[n, quantities]``; or nothing, float32 ``[n, 0]``. Where a
            sequence is padded, its class is -100, which torch's losses leave out.
        lengths: what of each sequence is no padding, int64 ``[n]``; ``None`` where all are of one
            length.
        pool: the data set that it is a selection of.
        rows: int64 ``[n]``, which of the pool; ``None`` is all of it.
    """

    def __init__(
        self, inputs: torch.Tensor, targets: torch.Tensor, lengths: torch.Tensor | None = None
    ) -> None:
        self.pool = Pool(inputs, targets, lengths)
        self.rows: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.pool.targets if self.rows is None else self.rows)

    @property
    def inputs(self) -> torch.Tensor:
        """All inputs, copied from the pool at each access: see :meth:`pick`."""
        return self.pool.inputs if self.rows is None else self.pool.inputs[self.rows]

    @property
    def targets(self) -> torch.Tensor:
        """All targets, copied from the pool at each access."""
        return self.pool.targets if self.rows is None else self.pool.targets[self.rows]

    def pick(self, rows: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs and targets of some rows, in that order."""
        where = rows if self.rows is None else self.rows[rows]
        return self.pool.inputs[where], self.pool.targets[where]

    def lengths_at(self, rows: torch.Tensor | slice) -> torch.Tensor | None:
        """Return the lengths of some rows, in that order; ``None`` where all are of one length."""
        if self.pool.lengths is None:
            return None
        return self.pool.lengths[rows if self.rows is None else self.rows[rows]]

    def at(self, rows: torch.Tensor) -> Part:
        """Return some rows, in that order; ``rows`` is int64 ``[k]``."""
        return self._of(self.pool, rows if self.rows is None else self.rows[rows])

    def to(self, device: torch.device | str) -> Part:
        """Return the same part on another device; the whole pool is copied there, once."""
        if self.pool.inputs.device.type == str(device).partition(":")[0]:
            return self
        rows = None if self.rows is None else self.rows.to(device)
        return self._of(_resident(self.pool, str(device)), rows)

    @staticmethod
    def _of(pool: Pool, rows: torch.Tensor | None) -> Part:
        part = Part(pool.inputs, pool.targets)
        part.pool, part.rows = pool, rows
        return part


class HiddenPart(Part):
    """In the place of test examples, where settings are tried, so that none of them is chosen by.

    Whatever asks for any of them, or how many there are, raises a HarnessError.
    """

    def __init__(self) -> None:
        """Hold nothing."""

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse the pool and the rows, from which all else comes.

        Raises:
            HarnessError: always.
        """
        raise HarnessError(
            "settings must be tried without a look at the test examples",
            "a measure that asks for them",
            "Let it use trained.outputs('validation'), or search by another metric.",
        )


@lru_cache(maxsize=4)  # parts of every seed share their pools: of three splits, and unlabelled
def _resident(pool: Pool, device: str) -> Pool:
    return pool.mapped(lambda each: each.to(device))


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set split for one seed.

    Attributes:
        train: what is learned from.
        validation: what settings are chosen on.
        test: what claims are judged on.
        mean: what is taken off inputs, float32: ``[channels]`` for images and sequences, else
            ``[features]``; the mean of the training part, or 0 where inputs are not standardised.
        std: what they are divided by, in the same shape: the standard deviation, 1 where nothing
            varies; or 1 where inputs are not standardised.
        classes: how many classes there are; 0 where there are none.
        tokens: how many token ids there are, from 0 on; 0 where inputs are no token ids.
        unlabelled: inputs without targets, beside those of the splits; ``None`` without any.
    """

    train: Part
    validation: Part
    test: Part
    mean: torch.Tensor
    std: torch.Tensor
    classes: int
    tokens: int = 0
    unlabelled: Part | None = None

    @classmethod
    def of(
        cls,
        train: Part,
        validation: Part,
        test: Part,
        classes: int,
        scaling: Scaling = "standardised",
        tokens: int = 0,
        unlabelled: Part | None = None,
    ) -> Splits:
        """Make splits, with mean and standard deviation from the training part alone."""
        if scaling == "standardised":
            mean, std = mean_and_std(train.inputs, train.lengths_at(slice(None)))
        else:
            mean, std = _unscaled(train.pool.inputs.shape[1])
        return cls(train, validation, test, mean, std, classes, tokens, unlabelled)

    @property
    def targets(self) -> Targets:
        """What there is to be told of each input."""
        return targets_of(self.train.pool, self.classes)

    @property
    def padded(self) -> bool:
        """Whether inputs are sequences of unequal length, padded at the end."""
        return self.train.pool.lengths is not None

    @property
    def without_test(self) -> Splits:
        """The same, of which the test examples cannot be looked at."""
        return replace(self, test=HiddenPart())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch axis."""
        # the pool's, because a part's own inputs would be copied to be asked
        return tuple(self.train.pool.inputs.shape[1:])

    def standardize(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return ``(inputs - mean) / std`` as float32; token ids as they are.

        Args:
            inputs: ``[..., *shape]``; uint8 is divided by 255 first, floats are taken as they are.
        """
        return standardize(inputs, self.mean, self.std, len(self.shape))

    def to(self, device: torch.device | str) -> Splits:
        """Return the same splits on another device."""
        names = ("train", "validation", "test", "mean", "std")
        unlabelled = None if self.unlabelled is None else self.unlabelled.to(device)
        moved = {name: getattr(self, name).to(device) for name in names}
        return replace(self, **moved, unlabelled=unlabelled)


def targets_of(pool: Pool, classes: int) -> Targets:
    """Return what there is to be told of each input of a pool."""
    targets = pool.targets
    if targets.is_floating_point():
        return Targets(quantities=targets.shape[1])
    return Targets(classes, shape=tuple(targets.shape[1:]))


def standardize(
    inputs: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, dimensions: int
) -> torch.Tensor:
    """Return ``(inputs - mean) / std``, in the type of ``mean`` where the inputs are bytes.

    Args:
        inputs: ``[..., *shape]``; uint8 is divided by 255 first, floats are taken as they are;
            whole numbers of 64 bits are token ids, which stay what they are.
        mean: ``[channels]`` or ``[features]``.
        std: in the same shape.
        dimensions: of one input.
    """
    import torch

    if inputs.dtype == torch.int64:
        return inputs
    ones = (1,) * (dimensions - 1)
    mean, std = mean.view(-1, *ones), std.view(-1, *ones)
    if not inputs.is_floating_point():
        mean, std = 255 * mean, 255 * std  # scales a few channels instead of every pixel
        inputs = inputs.to(mean.dtype)
    return (inputs - mean) / std


def _unscaled(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and the deviation, ``[count]``, that change nothing."""
    import torch

    return torch.zeros(count), torch.ones(count)


def real(lengths: torch.Tensor, longest: int) -> torch.Tensor:
    """Return where sequences have not ended, bool ``[n, longest]``.

    Args:
        lengths: int64 ``[n]``.
        longest: to which length they are padded.
    """
    import torch

    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def mean_and_std(
    inputs: torch.Tensor, lengths: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and population standard deviation of axis 1, float32 ``[inputs.shape[1]]``.

    uint8 is in units of 255. Where nothing varies the standard deviation is 1, so that dividing
    by it is harmless. Padding does not count.

    Args:
        inputs: ``[n, channels, ...]`` or ``[n, features]``.
        lengths: of sequences that are padded, int64 ``[n]``.
    """
    import torch

    if lengths is not None:
        # of unequal sequences one after another, each position counts as an example
        inputs = inputs.transpose(1, 2)[real(lengths, inputs.shape[2])]
    if inputs.dtype == torch.uint8:
        # Counting the 256 values is exact, and needs no copy of the images as floats.
        counts = torch.stack(
            [
                torch.bincount(inputs[:, each].flatten(), minlength=256)
                for each in range(inputs.shape[1])
            ]
        ).double()
        values = torch.arange(256, dtype=torch.float64, device=inputs.device) / 255
        share = counts / counts.sum(1, keepdim=True)
        mean = (share * values).sum(1)
        std = (share * (values - mean[:, None]) ** 2).sum(1).sqrt()
        constant = (counts > 0).sum(1) == 1
    else:
        columns = inputs.transpose(0, 1).flatten(1).double()
        mean, std = columns.mean(1), columns.std(1, correction=0)
        # Rounding leaves a constant 0.1 with a spread of 1e-17, which must not be divided by.
        constant = columns.amin(1) == columns.amax(1)
    return mean.float(), torch.where(constant, 1.0, std).float()
