"""Recurrent networks of sequences, written out so that many train together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.models.checks import SAYS, check_sequences
from harness.models.initialisation import Initialisation, Orthogonal, check_initialisation

if TYPE_CHECKING:
    from torch import nn

CELLS = ("RNN", "LSTM", "GRU")


@dataclass(frozen=True)
class Recurrent:
    """Layers of recurrent cells, read from the first position to the last, then a linear layer.

    ``"RNN"`` is Elman's (1990) with tanh, ``"LSTM"`` Hochreiter & Schmidhuber's (1997) with the
    forget gate of Gers et al. (2000), ``"GRU"`` Cho et al.'s (2014,
    https://arxiv.org/abs/1406.1078), in which the reset gate acts after the product, as cuDNN has
    it. They have the parameters of ``torch.nn.RNN``, ``LSTM`` and ``GRU``, two biases included, and
    give the same, but are written out: torch's cannot train together under ``torch.func.vmap``.

    Inputs are ``[batch, channels, length]``; features ``[batch, n]`` are a sequence of one channel,
    and images are read pixel by pixel, row after row. Token ids are int64 ``[batch, length]``, each
    of which gets a vector of ``width`` numbers. Called with a second argument, a mask bool
    ``[batch, length]`` that is True where a sequence goes on, the network passes over the rest: its
    state stays.

    Attributes:
        cell: ``"RNN"``, ``"LSTM"`` or ``"GRU"``.
        width: numbers in the state of each layer.
        layers: how many; each reads the states of the one before.
        says: ``"once"``: one output for each sequence, ``[batch, outputs]``, of the last state;
            ``"at each position"``: ``[batch, outputs, length]``, of the state there.
        tokens: how many token ids there are; 0 where inputs are no token ids.
        initialisation: a rule of :mod:`harness.models.initialisation`, used with gain 1 for each
            gate's matrix by itself, of inputs and of states, and for the last layer. Orthogonal
            ones neither stretch nor shrink a state (Saxe et al. 2013,
            https://arxiv.org/abs/1312.6120; Arjovsky et al. 2015,
            https://arxiv.org/abs/1511.06464). Biases begin at zero; vectors of tokens are standard
            normal.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> import torch
        >>> from harness.models import Recurrent
        >>> network = Recurrent("GRU", width=16).build((2, 30), 5)
        >>> network(torch.zeros(4, 2, 30)).shape
        torch.Size([4, 5])
        >>> network = Recurrent(tokens=90, says="at each position").build((30,), 90)
        >>> network(torch.zeros(4, 30, dtype=torch.int64)).shape
        torch.Size([4, 90, 30])
    """

    cell: str = "LSTM"
    width: int = 64
    layers: int = 1
    says: str = SAYS[0]
    tokens: int = 0
    initialisation: Initialisation = field(default_factory=Orthogonal)

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.one_of(self, "cell", self.cell, CELLS)
        checks.whole(self, "width", self.width, 64)
        checks.whole(self, "layers", self.layers, 1)
        checks.one_of(self, "says", self.says, SAYS)
        checks.whole(self, "tokens", self.tokens, 0, least=0)
        check_initialisation("Recurrent", self.initialisation)

    def build(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        """Make the module for inputs of ``shape``.

        Raises:
            HarnessError: token ids have more than one axis.
        """
        check_sequences(self, shape, self.tokens)
        from harness.models.recurrent_module import Network

        return Network(self, shape, outputs)
