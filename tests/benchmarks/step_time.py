"""Does a profile's step time agree with a long run of its own, and with the sum of its parts?

``python -m tests.benchmarks.step_time``: for each of three networks the profile's median and
quartiles, the mean of a long plain loop, and the sum of the medians of its parts, picking included.
"""

from __future__ import annotations

import time

import torch

from harness.cost.measure import measure, prepared
from harness.data import digits
from harness.models import MLP, ConvNet
from harness.optim import SGD, AdamW
from harness.training import Training

SECONDS = 6.0


def main() -> None:
    """Print a line for each network."""
    torch.set_num_threads(1)
    device = torch.device("cpu")
    for name, model, optimizer in (
        ("mlp, sgd", MLP(), SGD(lr=0.1)),
        ("mlp, adamw", MLP(hidden=(512, 512)), AdamW(lr=0.1)),
        ("convnet, momentum", ConvNet(depth=8, width=8), SGD(lr=0.1, momentum=0.9)),
    ):
        training = Training(digits(), model, optimizer, batch_size=64, epochs=5)
        profile = measure(training, device)
        with prepared(training, device, 0) as program:
            once = program.start()
            for _ in range(50):
                once()
            steps, began = 0, time.perf_counter()
            while time.perf_counter() - began < SECONDS:
                once()
                steps += 1
            alone = (time.perf_counter() - began) / steps
        parts = sum(each.median for each in profile.split.values())
        micro = 1e6
        print(
            f"{name}: profile {micro * profile.step_seconds:.0f} µs "
            f"({micro * profile.step_low:.0f} to {micro * profile.step_p95:.0f}), "
            f"long run {micro * alone:.0f} µs over {steps} steps, parts {micro * parts:.0f} µs"
        )


if __name__ == "__main__":
    main()
