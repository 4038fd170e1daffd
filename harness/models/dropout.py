"""Dropout whose mask is a hash of a key and the position, so that it needs no generator.

Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html, with what is kept divided by
1 - p in training (inverted, as torch does), so that evaluation is the identity. The trainer gives
every layer a key of its own at every step. So trials that train together draw the same masks as
each draws alone (see :mod:`harness.randomness.counting`).
"""

from __future__ import annotations

import torch
from torch import nn

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.randomness.counting import Key, mix, uniform


class Dropout(nn.Module):
    """Dropout of single values.

    ``p`` is float64. A tensor of no dimensions does not change the type of what it is combined
    with: values of any floating type keep theirs, and 1 - p is as exact as with a Python float.

    Attributes:
        p: probability of becoming zero in training: float64 of no dimensions, not saved.
        key: which mask: int32 of no dimensions, not saved; 0 until it is set.
        layer: number of this layer among the network's dropouts (:func:`number_dropouts`).
        calls: calls in training since the network's forward pass began; None if not counted.

    Raises:
        HarnessError: p is not a number in [0, 1).

    Example:
        >>> import torch
        >>> from harness.models import Dropout
        >>> layer = Dropout(0.5)
        >>> layer(torch.ones(100)).unique()
        tensor([0., 2.])
        >>> layer.eval()(torch.ones(100)).unique()
        tensor([1.])
    """

    p: torch.Tensor
    key: torch.Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        p = checks.share(type(self).__name__, "p", p, 0.5)
        self.register_buffer("p", torch.tensor(p, dtype=torch.float64), persistent=False)
        self.register_buffer("key", torch.tensor(0, dtype=torch.int32), persistent=False)
        self.layer = 0
        self.calls: int | None = None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return inputs ``[batch, ...]``, in training some of them zero and the others scaled.

        A layer that a network uses several times in one forward pass has a mask for each use: the
        first is that of the key itself.
        """
        if not self.training:
            return inputs
        key: Key = self.key
        if self.calls is not None:
            key = mix(key, self.calls) if self.calls else key
            self.calls += 1
        # as float32, because a comparison under vmap would turn both sides into float64
        keep = uniform(key, self._shape(inputs)) >= self.p.to(torch.float32)
        # half precision is scaled as float32, as torch does: vmap would round 1 - p to it first
        wide = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        return torch.where(keep, (wide / (1 - self.p)).to(inputs.dtype), 0.0)

    def _shape(self, inputs: torch.Tensor) -> tuple[int, ...]:
        return tuple(inputs.shape)


class ChannelDropout(Dropout):
    """Dropout of whole channels of an input ``[batch, channels, ...]``.

    Tompson et al. 2015, https://arxiv.org/abs/1411.4280, section 3.2; ``torch.nn.Dropout2d``.

    Raises:
        HarnessError: p is not a number in [0, 1), or an input has no axes after its channels.

    Example:
        >>> import torch
        >>> from harness.models import ChannelDropout
        >>> dropped = ChannelDropout(0.5)(torch.ones(10, 4, 3, 3))
        >>> bool((dropped == dropped[:, :, :1, :1]).all())
        True
    """

    def _shape(self, inputs: torch.Tensor) -> tuple[int, ...]:
        if inputs.dim() < 3:
            raise HarnessError(
                "dropout of channels must be given inputs of shape (batch, channels, ...)",
                f"inputs of shape {tuple(inputs.shape)}",
                "Use nn.Dropout for flat features.",
            )
        return (*inputs.shape[:2], *[1] * (inputs.dim() - 2))


def replace_dropout(module: nn.Module) -> None:
    """Replace torch's dropout layers with the harness's, within any module.

    ``nn.Dropout`` becomes :class:`Dropout`, ``nn.Dropout1d``, ``2d`` and ``3d``
    :class:`ChannelDropout`, each with the same p and none of them in place; with p = 0 they become
    ``nn.Identity``. Subclasses, and other kinds such as ``nn.AlphaDropout``, are left alone; so is
    ``torch.nn.functional.dropout``: a call of it in a module's forward cannot be seen.

    Args:
        module: what is changed, in place; it must not be a dropout itself.

    Raises:
        HarnessError: a layer has p = 1, so nothing passes through it.

    Example:
        >>> from torch import nn
        >>> from harness.models import ChannelDropout, Dropout, replace_dropout
        >>> network = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Dropout2d(0.2))
        >>> replace_dropout(network)
        >>> isinstance(network[1], Dropout), isinstance(network[2], ChannelDropout)
        (True, True)
    """
    made: dict[nn.Module, nn.Module] = {}  # one layer may be used in several places
    for path, parent in list(module.named_modules()):
        for name, child in parent._modules.items():
            if child is not None and type(child) in _OURS:
                if child not in made:
                    made[child] = _ours(child, f"{path}.{name}" if path else name)
                parent._modules[name] = made[child]


_OURS: dict[type[nn.Module], type[Dropout]] = {
    nn.Dropout: Dropout,
    nn.Dropout1d: ChannelDropout,
    nn.Dropout2d: ChannelDropout,
    nn.Dropout3d: ChannelDropout,
}


def _ours(torchs: nn.Module, path: str) -> nn.Module:
    p: float = torchs.p  # type: ignore[assignment]
    if p == 1:
        raise HarnessError(
            f"dropout must let something pass, {type(torchs).__name__} at {path!r} too",
            "p=1",
            "Write a p below 1, or take out the layers before it.",
        )
    ours: nn.Module = _OURS[type(torchs)](p) if p else nn.Identity()
    return ours.train(torchs.training)


def number_dropouts(module: nn.Module) -> list[Dropout]:
    """Number all of the harness's dropout layers from 0, in module order, and return them.

    From then on they also count their uses in each forward pass of ``module``.

    Example:
        >>> from torch import nn
        >>> from harness.models import Dropout, number_dropouts
        >>> network = nn.Sequential(Dropout(0.1), nn.Linear(4, 4), Dropout(0.5))
        >>> [layer.layer for layer in number_dropouts(network)]
        [0, 1]
    """
    dropouts = [each for each in module.modules() if isinstance(each, Dropout)]
    for layer, each in enumerate(dropouts):
        each.layer, each.calls = layer, 0
    if dropouts and not any(
        isinstance(hook, _CountAnew) for hook in module._forward_pre_hooks.values()
    ):
        module.register_forward_pre_hook(_CountAnew())
    return dropouts


class _CountAnew:
    """Set the dropouts' counts of uses to 0, before each forward pass of the whole network."""

    def __call__(self, module: nn.Module, inputs: object) -> None:  # noqa: ARG002 - torch's
        for each in module.modules():
            if isinstance(each, Dropout):
                each.calls = 0
