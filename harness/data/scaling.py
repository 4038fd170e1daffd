"""How inputs are scaled before a network sees them: declared with the data, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Scaling = Literal["standardised", "0 to 1", "as they are"]
"""What is done to inputs.

``"standardised"``: the mean and the standard deviation of the training part are taken off, of each
channel or feature. ``"0 to 1"``: bytes are divided by 255; floats must be from 0 to 1 already.
``"as they are"``: nothing; whole numbers ``[n, length]`` are then token ids.
"""


def check_scaling(
    what: str, scaling: Scaling, inputs: torch.Tensor | NDArray[Any], axes: int
) -> None:
    """Check that inputs can be scaled as declared.

    Args:
        what: as errors name them.
        scaling: as declared.
        inputs: as they are kept, or some of them.
        axes: of all inputs, the one of examples among them.

    Raises:
        HarnessError: they cannot.
    """
    check_type(what, scaling, str(inputs.dtype).removeprefix("torch."), axes)
    if scaling != "0 to 1" or str(inputs.dtype).endswith("uint8"):
        return
    low, high = float(inputs.min()), float(inputs.max())
    if low < 0 or high > 1:
        raise HarnessError(
            f"{what} must be bytes, or floats from 0 to 1, as scaling='0 to 1' says",
            f"values from {low:.6g} to {high:.6g}",
            "Write (inputs - low) / (high - low), with the same numbers for all of them, or leave "
            "scaling= out.",
        )


def check_type(what: str, scaling: Scaling, dtype: str, axes: int) -> None:
    """Check the type of inputs alone, as :func:`check_scaling` does."""
    if dtype == "int64" and (scaling != "as they are" or axes != 2):
        raise HarnessError(
            f"{what} must be uint8 or floating point, or token ids [n, length] with "
            "scaling='as they are'",
            f"whole numbers with {axes} axes and scaling={scaling!r}",
            "Write inputs.astype('float32'), or declare scaling='as they are' for token ids.",
        )
    if dtype == "uint8" and scaling == "as they are":
        raise HarnessError(
            f"{what} must be floating point or token ids where scaling='as they are'",
            "bytes",
            "Write scaling='0 to 1', which divides them by 255.",
        )


def count_tokens(inputs: torch.Tensor | NDArray[Any]) -> int:
    """Return how many token ids there are: one more than the largest; 0 of other inputs."""
    return int(inputs.max()) + 1 if str(inputs.dtype).endswith("int64") else 0
