"""A small Transformer of sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.models.checks import SAYS, check_filled, check_sequences
from harness.models.initialisation import Initialisation, XavierUniform

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Transformer:
    """Layers of self-attention and of two linear layers, each around which its input goes.

    The encoder of Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, sections 3.1 to 3.5, with
    layer normalisation before each part and once at the end (pre-norm; Xiong et al. 2020,
    https://arxiv.org/abs/2002.04745), which trains without warm-up. Positions are told by the sines
    and cosines of section 3.5. With ``causal=True`` no position sees a later one: a decoder alone,
    as for next tokens.

    Inputs are ``[batch, channels, length]``, brought to ``width`` numbers by a linear layer;
    features ``[batch, n]`` are a sequence of one channel, and images are read pixel by pixel, row
    after row. Token ids are int64 ``[batch, length]``, each of which gets a vector. Called with a
    second argument, a mask bool ``[batch, length]`` that is True where a sequence goes on, no
    position sees the rest, nor does the output for the whole.

    Attributes:
        width: numbers at each position; even, and a multiple of ``heads``.
        heads: of attention, in each layer.
        layers: how many.
        hidden: width between the two linear layers.
        causal: whether a position sees itself and earlier ones alone.
        says: ``"once"``: one output for each sequence, ``[batch, outputs]``, of the mean over its
            positions; ``"at each position"``: ``[batch, outputs, length]``.
        tokens: how many token ids there are; 0 where inputs are no token ids.
        activation: between the two linear layers: one of ``harness.models.ACTIVATIONS``.
        dropout: probability with which a value becomes zero in training, of the inputs and of what
            each part adds (section 5.4); 0 is off.
        initialisation: a rule of :mod:`harness.models.initialisation`, used with gain 1 for all
            linear layers, and for queries, keys and values each by itself. Biases begin at zero;
            vectors of tokens are standard normal.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> import torch
        >>> from harness.models import Transformer
        >>> network = Transformer(
        ...     width=16, causal=True, tokens=90, says="at each position"
        ... ).build((30,), 90)
        >>> network(torch.zeros(4, 30, dtype=torch.int64)).shape
        torch.Size([4, 90, 30])
    """

    width: int = 64
    heads: int = 4
    layers: int = 2
    hidden: int = 256
    causal: bool = False
    says: str = SAYS[0]
    tokens: int = 0
    activation: str = "relu"
    dropout: float = 0.0
    initialisation: Initialisation = field(default_factory=XavierUniform)

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.whole(self, "width", self.width, 64)
        checks.whole(self, "heads", self.heads, 4)
        if self.width % self.heads or self.width % 2:
            raise HarnessError(
                f"Transformer(width=...) must be even, and a multiple of heads={self.heads}",
                repr(self.width),
                f"Write width={2 * self.heads * max(self.width // (2 * self.heads), 1)}, say.",
            )
        checks.whole(self, "layers", self.layers, 2)
        checks.whole(self, "hidden", self.hidden, 256)
        checks.flag(self, "causal", self.causal)
        checks.one_of(self, "says", self.says, SAYS)
        checks.whole(self, "tokens", self.tokens, 0, least=0)
        checks.share(self, "dropout", self.dropout, 0.1)
        check_filled(self)

    def build(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Make the module for inputs of ``shape``.

        Raises:
            HarnessError: token ids have more than one axis.
        """
        check_sequences(self, shape, self.tokens)
        from harness.models.transformer_module import Network

        return Network(self, shape, outputs)
