"""What networks of sequences have in common: how inputs are read, and what is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class Reader(nn.Module):
    """Inputs, or token ids, to vectors ``[batch, length, width]``.

    Args:
        shape: of one input.
        tokens: how many token ids there are; 0 where inputs are none.
        width: of each token's vector.
    """

    def __init__(self, shape: tuple[int, ...], tokens: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width) if tokens else None
        self.width = width if tokens else (shape[0] if len(shape) > 1 else 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return one vector for each position."""
        if self.embedding is not None:
            if inputs.is_floating_point():
                raise HarnessError(
                    "a network with tokens= must be given token ids, whole numbers",
                    str(inputs.dtype).removeprefix("torch."),
                    "Leave tokens= out, or declare the data with scaling='as they are'.",
                )
            vectors: Tensor = self.embedding(inputs)
            return vectors
        sequences = inputs[:, None] if inputs.ndim == 2 else inputs.flatten(2)
        return sequences.transpose(1, 2)


def check_mask(mask: Tensor | None, length: int) -> None:
    """Check that a mask is of the sequences' length.

    Raises:
        HarnessError: it is not.
    """
    if mask is not None and (mask.ndim != 2 or mask.shape[1] != length):
        raise HarnessError(
            f"a mask must have one value for each position, (batch, {length})",
            f"shape {tuple(mask.shape)}",
            "Write True where a sequence goes on, and False where it has ended.",
        )


def at_each(head: Callable[[Tensor], Tensor], states: Tensor) -> Tensor:
    """Return outputs ``[batch, outputs, length]`` of states ``[batch, length, width]``."""
    return head(states).transpose(1, 2)
