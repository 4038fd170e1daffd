"""A loop as anybody writes it, on the harness's splits, orders and initial weights."""

from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional

from harness.data import Part, digits
from harness.models import MLP
from harness.randomness.streams import torch_seed


def trained(
    seed: int, epochs: int, width: int, lr: float, tell: Callable[[int, dict[str, float]], None]
) -> dict[str, float]:
    """Train one network; return its metrics."""
    splits = digits(train=300, validation=200, test=400).splits(seed)
    mean, std = splits.mean.view(1, -1, 1, 1), splits.std.view(1, -1, 1, 1)
    torch.manual_seed(torch_seed(seed, "weights"))
    model = MLP(hidden=(width,)).build(splits.shape, splits.classes)

    def measure(part: Part) -> tuple[float, float]:
        model.eval()
        with torch.no_grad():
            logits = model((part.inputs - mean) / std)
        loss = functional.cross_entropy(logits, part.targets, reduction="sum").item()
        right = int((logits.argmax(1) == part.targets).sum())
        return loss / len(part), right / len(part)

    for epoch in range(epochs):
        model.train()
        for rows in _batches(seed, epoch, len(splits.train), 20):
            model.zero_grad()
            inputs = (splits.train.inputs[rows] - mean) / std
            functional.cross_entropy(model(inputs), splits.train.targets[rows]).backward()
            _step(model, lr)
        tell(epoch, {"validation_loss": measure(splits.validation)[0]})
    loss, accuracy = measure(splits.test)
    return {
        "validation_loss": measure(splits.validation)[0],
        "test_loss": loss,
        "test_accuracy": accuracy,
    }


def _batches(seed: int, epoch: int, count: int, size: int) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(torch_seed(seed, "order", epoch))
    yield from torch.randperm(count, generator=generator)[: count // size * size].split(size)


@torch.no_grad()
def _step(model: nn.Module, lr: float) -> None:
    """Take a step of SGD that rounds after the product, as the harness's does."""
    for param in model.parameters():
        assert param.grad is not None
        param.copy_(param - lr * param.grad)
