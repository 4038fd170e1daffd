"""A package that the harness does not need, and an adapter does."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from harness.messages.errors import HarnessError

EXTRAS: Mapping[str, str] = {
    "accelerate": "huggingface",
    "lightning": "lightning",
    "mlflow": "mlflow",
    "optuna_dashboard": "dashboard",
    "pyarrow": "parquet",
    "pytorch_lightning": "lightning",
    "tensorboard": "tensorboard",
    "transformers": "huggingface",
}
"""The extra of this project that brings a package, by the name that is imported."""


def installing(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'ablation-harness[{extra}]'"


def needed(extra: str, *names: str) -> Any:
    """Import a package of others; of several names, the first that is installed.

    Args:
        extra: the extra of this project that brings it.
        names: modules.

    Raises:
        HarnessError: none of them is installed.
    """
    missing: ModuleNotFoundError | None = None
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # it is there, and lacks something itself
            missing = missing or error
    raise HarnessError(
        f"harness.adapters.{extra} needs the package {names[0].partition('.')[0]}",
        "a Python without it",
        installing(extra),
    ) from missing
