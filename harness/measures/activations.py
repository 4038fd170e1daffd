"""How signals fare on their way through a network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias, get_args

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch
    from torch import nn

ACTIVATIONS = (
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish",
    "Softplus", "Hardswish", "Hardtanh", "Hardsigmoid", "Tanh", "Sigmoid",
)  # fmt: skip
"""What counts as an activation, of torch.nn."""

Watch: TypeAlias = "Callable[[nn.Module, torch.Tensor], None]"


@contextlib.contextmanager
def watched(module: nn.Module, kinds: tuple[type[nn.Module], ...], watch: Watch) -> Iterator[None]:
    """Call ``watch`` with each submodule of some kinds and its output, whenever one is used."""
    import torch

    def hook(part: nn.Module, inputs: object, output: object) -> None:
        del inputs
        if isinstance(output, torch.Tensor):
            watch(part, output.detach())

    with contextlib.ExitStack() as stack:
        for part in module.modules():
            if isinstance(part, kinds):
                stack.callback(part.register_forward_hook(hook).remove)
        yield


@dataclass(frozen=True)
class ActivationVariance:
    """Variance of the outputs of each layer with weights, before activations, on the first batch.

    One population variance over examples, units and positions together: He et al.'s Var[y] of
    layer l (2015, https://arxiv.org/abs/1502.01852, section 2.2), which their initialisation keeps
    from layer to layer, and which vanishes or explodes where weights are too small or too large.
    The network is in training mode, as at the first step. Layers are linear ones and convolutions.

    Gives ``activation_variance``, a value for each use of a layer in the order in which they are
    used, and ``activation_variance_ratio``, that of the last hidden layer over that of the first;
    the last layer of all, which gives the logits, is no hidden one. The ratio is infinite or NaN
    where the first has no variance.
    """

    when: ClassVar[When] = "start"
    metrics: ClassVar[tuple[Metric, ...]] = defined(
        "activation_variance", "activation_variance_ratio"
    )

    def __call__(self, trained: Trained) -> Values:
        """Return variances and ratio.

        Raises:
            HarnessError: the network has no hidden layer.
        """
        import torch
        from torch import nn

        from harness.engines.called import autocast
        from harness.measures.kept import kept

        layers = (nn.Linear, nn.modules.conv._ConvNd)  # what has weights
        found: list[torch.Tensor] = []

        def watch(layer: nn.Module, output: torch.Tensor) -> None:
            del layer
            found.append(output.double().var(correction=0))  # float32 cannot hold squares of 1e-23

        module, training = trained.network.module, trained.member.training
        with kept(trained, "first batch"), torch.no_grad(), watched(module, layers, watch):
            module.train()
            batch = trained.first_batch()
            with autocast(training.precision, batch.inputs.device):
                module(*batch.arguments)
        if len(found) < 2:
            raise HarnessError(
                "ActivationVariance must be given a network with a hidden layer, an nn.Linear or a "
                "convolution before the last one",
                f"{type(module).__name__} with {len(found)} in all",
                "Leave the measure out.",
            )
        return {
            "activation_variance": [float(each) for each in found],
            "activation_variance_ratio": float(found[-2] / found[0]),
        }


@dataclass(frozen=True)
class DeadUnits:
    """The share of hidden units that are 0 for every one of some training examples.

    A unit is a feature, or a channel at all its positions, after an activation module; in
    evaluation mode, without augmentation. With ReLU such a unit has no gradient and, unless other
    layers change what it sees, stays dead (Lu et al. 2019, https://arxiv.org/abs/1903.06733,
    section 1). Gives ``dead_units``, from 0 to 1; nothing where no activation is a module of
    ``torch.nn``.

    Attributes:
        when: "start" or "end".
        images: training examples to look at; all where there are fewer.

    Raises:
        HarnessError: a field is wrong.
    """

    when: When = "end"
    images: int = 500

    metrics: ClassVar[tuple[Metric, ...]] = defined("dead_units")

    def __post_init__(self) -> None:
        checks.one_of(self, "when", self.when, get_args(When))
        checks.whole(self, "images", self.images, 500)

    def __call__(self, trained: Trained) -> Values:
        """Return the share."""
        import torch
        from torch import nn

        from harness.measures.kept import batches, kept, some_training

        kinds = tuple(getattr(nn, name) for name in ACTIVATIONS)
        alive: dict[tuple[nn.Module, int], torch.Tensor] = {}
        uses: dict[nn.Module, int] = {}

        def watch(activation: nn.Module, output: torch.Tensor) -> None:
            # one module may be the activation of several layers, each a set of units
            key = activation, uses.get(activation, 0)
            uses[activation] = key[1] + 1
            seen = (output != 0).transpose(0, 1).flatten(1).any(dim=1)
            alive[key] = alive[key] | seen if key in alive else seen

        module = trained.network.module
        part = trained.member.splits.train.at(some_training(trained, self.images))
        with kept(trained, "dead units"), torch.no_grad(), watched(module, kinds, watch):
            module.eval()
            for batch in batches(trained, part):
                uses.clear()
                module(*batch.arguments)
        if not alive:
            return {}
        return {"dead_units": float((~torch.cat(list(alive.values()))).double().mean())}
