"""A step of the plain loop beside the same step written with torch.optim."""

import pytest
import torch
from torch import nn

from harness.data import digits
from harness.engines.plain import make_step
from harness.engines.prepared import make_ready
from harness.engines.step import Rows
from harness.models import MLP
from harness.optim import SGD
from harness.training import Training

CPU = torch.device("cpu")
TRAINING = Training(
    digits(train=200, validation=100, test=200), MLP(hidden=(32,)), SGD(lr=0.01, momentum=0.9),
    batch_size=20, epochs=3,
)  # fmt: skip


@pytest.mark.parametrize("way", ["harness", "torch.optim"])
def test_a_training_step(benchmark, way: str) -> None:
    """Both begin with bytes or floats as the data set has them, standardised in the step."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    member = make_ready(TRAINING, 0, CPU)
    splits, module = member.splits, member.network.module
    module.train()
    rows = member.order(0)[0]
    inputs, targets = splits.train.inputs[rows], splits.train.targets[rows]
    with torch.no_grad():
        first = float(nn.functional.cross_entropy(module(splits.standardize(inputs)), targets))
    if way == "harness":
        step = make_step(member)
        benchmark(step, Rows(inputs, targets), 1.0, 0)
    else:
        optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)

        def torch_step() -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(splits.standardize(inputs)), targets).backward()
            optimizer.step()

        benchmark(torch_step)
    torch.set_num_threads(before)
    with torch.no_grad():
        last = float(nn.functional.cross_entropy(module(splits.standardize(inputs)), targets))
    assert last < first, "nothing was trained"
