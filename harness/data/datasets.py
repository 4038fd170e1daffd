"""A torch data set of the user's own, loaded once into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.data.intake import Channels
from harness.data.own import Arrays, arrays
from harness.data.scaling import Scaling
from harness.messages.errors import HarnessError
from harness.messages.foreign import is_stream

_TWICE = 3
"""Items that are asked for twice, to see whether they stay the same."""


def from_dataset(
    dataset: Any,
    name: str,
    test: Any = None,
    *,
    train: int | None = None,
    validation: int | None = None,
    channels: Channels | None = None,
    scaling: Scaling = "standardised",
    unlabelled: Any = None,
    folds: int | None = None,
) -> Arrays:
    """Declare a ``torch.utils.data.Dataset``: its items are loaded at once and kept in memory.

    It is then what :func:`arrays` makes of the same inputs and targets, with the same checks, and
    two are equal if their contents are.

    Args:
        dataset: with ``len(dataset)`` items ``dataset[i]``: pairs of an input and its target, or
            inputs alone. Inputs are arrays or tensors; targets are as those of :func:`arrays`.
        name: what tables and errors call it.
        test: a data set of official test examples; or how many examples to draw for one.
        train: as for :func:`arrays`.
        validation: as for :func:`arrays`.
        channels: as for :func:`arrays`.
        scaling: as for :func:`arrays`.
        unlabelled: a data set of inputs alone, or of pairs, whose targets are left out.
        folds: as for :func:`arrays`.

    Raises:
        HarnessError: it is a stream, its items are no such pairs or differ from one look to the
            next, or :func:`arrays` could not take what it holds.

    Example:
        >>> import torch
        >>> from torch.utils.data import TensorDataset
        >>> from harness.data import from_dataset
        >>> pairs = TensorDataset(torch.randn(60, 5), torch.arange(60) % 3)
        >>> splits = from_dataset(pairs, "mine", test=12).splits(seed=0)
        >>> len(splits.train), len(splits.validation), len(splits.test), splits.classes
        (39, 9, 12, 3)
    """
    inputs, targets = _loaded("dataset", dataset)
    official: Any = test
    if test is not None and not isinstance(test, int | np.integer):
        official = _loaded("test", test)
    more = None if unlabelled is None else _loaded("unlabelled", unlabelled)[0]
    return arrays(
        inputs, targets, name, official, train=train, validation=validation, channels=channels,
        scaling=scaling, unlabelled=more, folds=folds,
    )  # fmt: skip


def _loaded(role: str, dataset: Any) -> tuple[Any, Any]:
    """Return all inputs and targets of a data set; targets are ``None`` where items have none."""
    items = _items(role, dataset)
    if any(isinstance(each, Mapping) for each in items):
        raise HarnessError(
            f"from_dataset({role}=...) must have pairs of an input and a target as items, or "
            "inputs alone",
            "items that are dicts",
            "Return (item['x'], item['y']) from __getitem__, with your own names for x and y.",
        )
    paired = [isinstance(each, tuple | list) for each in items]
    sizes = {len(each) for each, pair in zip(items, paired, strict=True) if pair}
    if len(set(paired)) > 1 or not sizes <= {2}:
        given = f"items of {min(sizes)} values" if all(paired) else "pairs and others"
        raise HarnessError(
            f"from_dataset({role}=...) must have pairs of an input and a target as items, or "
            "inputs alone",
            given,
            "Return input, target from __getitem__.",
        )
    if not sizes:
        return _together(items), None
    return _together([one for one, _ in items]), _together([answer for _, answer in items])


def _items(role: str, dataset: Any) -> list[Any]:
    """Return the items of a data set."""
    if is_stream(dataset):
        raise HarnessError(
            f"from_dataset({role}=...) must be a data set with a length, whose items have numbers",
            f"a {type(dataset).__name__}, a stream",
            "Write your own train, which may read streams: Study(train=...); or, where it fits "
            "into memory, arrays(*map(torch.cat, zip(*DataLoader(dataset, 100))), 'mine').",
        )
    if hasattr(dataset, "dataset") and hasattr(dataset, "batch_size"):  # a DataLoader
        raise HarnessError(
            f"from_dataset({role}=...) must be a data set, not what makes batches of it",
            f"a {type(dataset).__name__}",
            "Write from_dataset(loader.dataset, 'mine').",
        )
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise HarnessError(
            f"from_dataset({role}=...) must have a length, and items by number",
            f"a {type(dataset).__name__}",
            "Write a torch.utils.data.Dataset with __len__ and __getitem__.",
        )
    items = [dataset[place] for place in range(len(dataset))]
    for place, item in enumerate(items[:_TWICE]):
        if not _same(item, dataset[place]):
            raise HarnessError(
                f"from_dataset({role}=...) must give the same item each time, as it is loaded once",
                f"two different items at place {place}",
                "Leave random transforms out of it, and write Training(augment=...).",
            )
    return items


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple | list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_same(*each) for each in pairs)
    if isinstance(one, Mapping):
        return True  # which is refused next, in words of its own
    first, second = np.asarray(one), np.asarray(other)
    floats = first.dtype.kind == second.dtype.kind == "f"  # of which NaN is no other than NaN
    return bool(np.array_equal(first, second, equal_nan=floats))


def _together(values: Sequence[Any]) -> Any:
    """Return values as one array where their shapes are the same, else as a list."""
    if not values:
        return np.empty((0,))
    made = [_plain(each) for each in values]
    same = len({(each.shape, each.dtype.kind) for each in made}) == 1
    return np.stack(made) if same else made


def _plain(value: Any) -> Any:
    if hasattr(value, "getbands"):
        raise HarnessError(
            "the inputs of a data set must be arrays or tensors",
            "an image of Pillow",
            "Write transform=torchvision.transforms.PILToTensor(), or images(folder).",
        )
    return value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
