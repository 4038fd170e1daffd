"""What a recurrent cell that is written out costs beside torch.nn's, alone and many together.

``python -m tests.benchmarks.recurrent [--device cuda] [--length 64]``: milliseconds of one forward
and backward pass for one trial: torch.nn's, written out alone, and written out with 16 trials
together under ``torch.func.vmap``. Medians of rounds in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from harness.models import Recurrent
from harness.models.recurrent import CELLS

BATCH, WIDTH, TRIALS, ROUNDS = 64, 64, 16, 7


class Torchs(nn.Module):
    """The same network by torch.nn's cell."""

    def __init__(self, cell: str, channels: int) -> None:
        super().__init__()
        self.cell = getattr(nn, cell)(channels, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.cell(inputs.transpose(1, 2))[0][:, -1])


def alone(network: nn.Module, inputs: torch.Tensor) -> Callable[[], object]:
    params = list(network.parameters())
    return lambda: torch.autograd.grad(network(inputs).square().mean(), params)


def together(networks: list[nn.Module], inputs: torch.Tensor) -> Callable[[], object]:
    stacked = {
        name: torch.stack([dict(each.named_parameters())[name].detach() for each in networks])
        for name, _ in networks[0].named_parameters()
    }

    def loss(params: dict[str, torch.Tensor], given: torch.Tensor) -> torch.Tensor:
        return functional_call(networks[0], params, (given,)).square().mean()

    step = vmap(grad(loss))
    many = inputs.expand(len(networks), *inputs.shape).contiguous()
    return lambda: step(stacked, many)


def seconds(run: Callable[[], object], device: torch.device) -> float:
    if device.type != "cuda":  # of one thread, which others on the machine do not lengthen
        began = time.process_time()
        run()
        return time.process_time() - began
    began = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    """Print a line for each cell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--length", type=int, default=64)
    asked = parser.parse_args()
    device = torch.device(asked.device)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    inputs = torch.randn(BATCH, 1, asked.length, device=device)
    for cell in CELLS:
        spec = Recurrent(cell, WIDTH)
        networks = [spec.build((1, asked.length), 10).to(device) for _ in range(TRIALS)]
        runs = {
            "torch.nn": (alone(Torchs(cell, 1).to(device), inputs), 1),
            "written out": (alone(networks[0], inputs), 1),
            f"{TRIALS} together": (together(networks, inputs), TRIALS),
        }
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(ROUNDS + 1):
            for name, (run, trials) in runs.items():
                each = seconds(run, device) / trials
                taken[name] += [each] if number else []  # the first warms up
        said = ", ".join(f"{n} {1e3 * statistics.median(t):.2f} ms" for n, t in taken.items())
        print(f"{cell}, {asked.length} positions, {asked.device}: {said}")


if __name__ == "__main__":
    main()
