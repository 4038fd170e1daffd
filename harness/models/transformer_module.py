"""The module of :class:`harness.models.transformer.Transformer`, apart from its declaration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from harness.floats import on
from harness.models.activations import activation
from harness.models.dropout import Dropout
from harness.models.sequences import Reader, at_each, check_mask

if TYPE_CHECKING:
    from harness.models.initialisation import Initialisation
    from harness.models.transformer import Transformer


class Network(nn.Module):
    """Made by ``build`` of the declaration."""

    positions: Tensor

    def __init__(self, spec: Transformer, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.reader = Reader(shape, spec.tokens, spec.width)
        self.enter = None if spec.tokens else nn.Linear(self.reader.width, spec.width)
        length = math.prod(shape[1:]) if len(shape) > 1 else shape[0]
        self.register_buffer("positions", waves(length, spec.width), persistent=False)
        self.dropout = _dropout(spec)
        self.layers = nn.ModuleList(Layer(spec) for _ in range(spec.layers))
        self.norm = nn.LayerNorm(spec.width)
        self.head = nn.Linear(spec.width, outputs)
        self.causal = spec.causal
        self.once = spec.says == "once"
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Linear):
                _fill(layer, spec.initialisation, 3 if name.endswith("projections") else 1)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return outputs of sequences, ``[batch, outputs]`` or ``[batch, outputs, length]``."""
        read = self.reader(inputs)
        length = read.shape[1]
        check_mask(mask, length)
        values = read if self.enter is None else self.enter(read)
        values = self.dropout(values + self.positions[:length])
        seen = self._seen(mask, length, values.device)
        for layer in self.layers:
            values = layer(values, seen)
        values = self.norm(values)
        if not self.once:
            return at_each(self.head, values)
        if mask is None:
            mean = values.mean(dim=1)
        else:
            there = mask[:, :, None].to(values.dtype)
            mean = (values * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
        outputs: Tensor = self.head(mean)
        return outputs

    def _seen(self, mask: Tensor | None, length: int, device: torch.device) -> Tensor | None:
        """Return which positions see which, ``[length, length]`` or ``[batch, 1, ...]``."""
        seen = None if mask is None else mask[:, None, None, :]
        if self.causal:
            order = torch.arange(length, device=device)
            earlier = order[:, None] >= order
            seen = earlier if seen is None else seen & earlier
        return seen


class Layer(nn.Module):
    """Attention, then two linear layers; each is given its normalised input, and adds to it."""

    def __init__(self, spec: Transformer) -> None:
        super().__init__()
        self.heads = spec.heads
        self.norm1 = nn.LayerNorm(spec.width)
        self.projections = nn.Linear(spec.width, 3 * spec.width)
        self.out = nn.Linear(spec.width, spec.width)
        self.dropout1 = _dropout(spec)
        self.norm2 = nn.LayerNorm(spec.width)
        self.linear1 = nn.Linear(spec.width, spec.hidden)
        self.activation = activation(spec.activation)
        self.linear2 = nn.Linear(spec.hidden, spec.width)
        self.dropout2 = _dropout(spec)

    def forward(self, values: Tensor, seen: Tensor | None) -> Tensor:
        """Return ``[batch, length, width]`` of values of that shape."""
        values = values + self.dropout1(self.out(self._attended(self.norm1(values), seen)))
        inner = self.activation(self.linear1(self.norm2(values)))
        added: Tensor = values + self.dropout2(self.linear2(inner))
        return added

    def _attended(self, values: Tensor, seen: Tensor | None) -> Tensor:
        """Return each position's mean of values, weighed by its query and their keys.

        Written out: torch's own attention has no rule for trials that train together.
        """
        batch, length, width = values.shape
        split = self.projections(values).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, carried = split.permute(2, 0, 3, 1, 4).unbind(0)
        products = queries @ keys.transpose(2, 3) / math.sqrt(width // self.heads)
        if seen is not None:
            products = products.masked_fill(~seen, torch.finfo(products.dtype).min)
        # under autocast softmax gives float32
        weights = products.softmax(dim=3).to(carried.dtype)
        attended: Tensor = (weights @ carried).transpose(1, 2).reshape(batch, length, width)
        return attended


def _dropout(spec: Transformer) -> nn.Module:
    return Dropout(spec.dropout) if on(spec.dropout) else nn.Identity()


def _fill(layer: nn.Linear, rule: Initialisation, parts: int) -> None:
    """Fill a weight, each of its parts by itself; biases are zero."""
    with torch.no_grad():
        for part in layer.weight.chunk(parts):
            rule(part, 1.0)
        layer.bias.zero_()


def waves(length: int, width: int) -> Tensor:
    """Return the sines and cosines of positions, ``[length, width]``: Vaswani et al., 3.5."""
    position = torch.arange(length, dtype=torch.float64)[:, None]
    rate: Tensor = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    both = torch.stack([(position * rate).sin(), (position * rate).cos()], dim=2)
    return both.flatten(1).float()
