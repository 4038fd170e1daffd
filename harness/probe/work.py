"""Built-in work: a small training step, by which a machine's noise is measured."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[], object]


def work() -> Step:
    """Return a step: of torch where it is installed, else of NumPy, and a loop of Python."""
    tensors = _of_torch() or _of_numpy() or (lambda: None)

    def step() -> int:
        tensors()
        total = 0
        for each in range(4000):
            total += each * each
        return total

    return step


def _of_torch() -> Step | None:
    try:
        import torch
    except ImportError:
        return None
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    inputs, targets = torch.randn(64, 64), torch.randint(10, (64,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _of_numpy() -> Step | None:
    try:
        import numpy as np
    except ImportError:
        return None
    left = np.random.default_rng(0).normal(size=(96, 96))

    def step() -> None:
        (left @ left).sum()

    return step
