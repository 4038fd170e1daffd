"""Whether batch normalisation sees the same variance in evaluation as in training."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class VarianceShift:
    """The factor by which running variances miss the variance that evaluation gives.

    Batch normalisation divides by a running variance in evaluation, which it took down in training
    while dropout was on; where dropout comes before it, its inputs vary less in evaluation. For
    each channel it is max(a / b, b / a), with the running variance as a and as b the variance of
    the layer's inputs in evaluation mode on training examples without augmentation (Li et al. 2018,
    https://arxiv.org/abs/1801.05134, section 4), each with the layer's small constant added, as
    the layer itself does. 1 is no shift. Running variances also lag behind the weights, and
    augmentation has a share in them: compare with an arm without dropout.

    Gives ``variance_shift_by_layer``, the mean over the channels of each layer of batch
    normalisation with running statistics, in module order, and ``variance_shift``, the mean over
    layers; nothing without such layers.

    Attributes:
        images: training examples to look at; all where there are fewer.

    Raises:
        HarnessError: ``images`` is no whole number of at least 2.
    """

    images: int = 1000

    when: ClassVar[When] = "end"
    metrics: ClassVar[tuple[Metric, ...]] = defined("variance_shift_by_layer", "variance_shift")

    def __post_init__(self) -> None:
        checks.whole(self, "images", self.images, 1000, least=2)

    def __call__(self, trained: Trained) -> Values:
        """Return the factors."""
        import torch
        from torch import nn

        from harness.measures.kept import batches, kept, some_training

        module = trained.network.module
        layers = [
            each
            for each in module.modules()
            if isinstance(each, nn.modules.batchnorm._BatchNorm) and each.running_var is not None
        ]
        seen = {layer: _Moments() for layer in layers}

        def hook(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            seen[layer].add(inputs[0])  # type: ignore[index]

        part = trained.member.splits.train.at(some_training(trained, self.images))
        with kept(trained, "variance shift"), torch.no_grad(), contextlib.ExitStack() as stack:
            for layer in layers:
                stack.callback(layer.register_forward_pre_hook(hook).remove)
            module.eval()
            for batch in batches(trained, part):
                module(*batch.arguments)
        shifts = []
        for layer in layers:
            if seen[layer].count:  # a layer may be unused
                assert layer.running_var is not None
                ratio = (seen[layer].variance() + layer.eps) / (layer.running_var + layer.eps)
                shifts.append(float(torch.maximum(ratio, ratio.reciprocal()).mean()))
        if not shifts:
            return {}
        return {"variance_shift_by_layer": shifts, "variance_shift": sum(shifts) / len(shifts)}


class _Moments:
    """Counts, sums and sums of squares of each channel of batches ``[n, channels, ...]``."""

    def __init__(self) -> None:
        import torch

        self.count = 0
        self.sum = self.squares = torch.zeros(())

    def add(self, inputs: torch.Tensor) -> None:
        """Take a batch into account."""
        columns = inputs.double().transpose(0, 1).flatten(1)
        self.count += columns.shape[1]
        self.sum = self.sum.to(columns) + columns.sum(dim=1)
        self.squares = self.squares.to(columns) + columns.square().sum(dim=1)

    def variance(self) -> torch.Tensor:
        """Return each channel's variance, divided by one less than the count, as running ones."""
        return (self.squares - self.sum.square() / self.count).clamp(min=0) / (self.count - 1)
