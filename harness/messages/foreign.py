"""Finds what cannot be used in a study although it works elsewhere, and says what to write instead.

That is data without a declaration (data sets of torch, loaders, bare arrays), and settings of torch
itself such as a default type, which would change every network without being in any Training.
Nothing is imported for this.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from harness.messages.errors import HarnessError

_KNOWN = {
    "MNIST": "mnist()",
    "FashionMNIST": "fashion_mnist()",
    "CIFAR10": "cifar10()",
    "CIFAR100": "cifar100()",
}
"""Data sets of torchvision, and their declarations here."""


def torch_data(value: Any) -> str:
    """Return what to write in place of one of torch's data sets or loaders; empty for all else.

    Args:
        value: anything.
    """
    kinds = {
        kind.__name__
        for kind in type(value).__mro__
        if kind.__module__.startswith(("torch.utils.data", "torchvision.datasets"))
    }
    if "DataLoader" in kinds:
        return re.sub(r"\bdataset\b", "loader.dataset", torch_data(value.dataset))
    if "Dataset" not in kinds:
        return ""
    if "TensorDataset" in kinds and len(getattr(value, "tensors", ())) == 2:
        return 'arrays(*dataset.tensors, "mine")'
    if type(value).__module__.startswith("torchvision.datasets"):
        if type(value).__name__ in _KNOWN:
            return _KNOWN[type(value).__name__]
        if "ImageFolder" in kinds:
            return f"images({str(value.root)!r})"
    if "IterableDataset" in kinds:
        return 'arrays(*map(torch.cat, zip(*DataLoader(dataset, 100))), "mine")'
    return 'from_dataset(dataset, "mine")'


def is_stream(value: Any) -> bool:
    """Whether a value is one of torch's data sets that are read from the beginning to the end."""
    return any(
        kind.__name__ == "IterableDataset" and kind.__module__.startswith("torch.utils.data")
        for kind in type(value).__mro__
    )


def bare_data(value: Any) -> str:
    """Return what to write instead of data that is no declaration; empty if it is no data.

    Args:
        value: anything.
    """
    if found := torch_data(value):
        return found
    if isinstance(value, tuple | list) and len(value) == 2:
        return 'arrays(*data, "mine")'
    if isinstance(value, dict) and {"data", "target"} <= value.keys():  # of scikit-learn
        return 'arrays(bunch.data, bunch.target, "mine")'
    if hasattr(value, "__array__") or hasattr(value, "toarray") or isinstance(value, tuple | list):
        return 'arrays(inputs, targets, "mine")'
    return ""


def check_torch() -> None:
    """Check that nothing has changed torch's own defaults, and restore them.

    Raises:
        HarnessError: one was changed.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    kind = torch.get_default_dtype()
    if kind != torch.float32:
        torch.set_default_dtype(torch.float32)
        name = str(kind).removeprefix("torch.")
        mend = "Write Training(precision='float64') in place of torch.set_default_dtype."
        other = "Leave torch.set_default_dtype out; Training(precision=...) says it."
        raise HarnessError(
            "torch's default type must stay float32, because Training(precision=...) sets it",
            name,
            mend if name == "float64" else other,
        )
    device = torch.get_default_device()
    if device.type != "cpu":
        torch.set_default_device(None)
        raise HarnessError(
            "torch's default device must stay the CPU, because --device sets it for a run",
            str(device),
            f"Leave torch.set_default_device out, and run with --device {device.type}.",
        )
    if not torch.is_grad_enabled():
        torch.set_grad_enabled(True)
        raise HarnessError(
            "torch must compute gradients",
            "torch.set_grad_enabled(False)",
            "Leave that out of the study's file.",
        )
