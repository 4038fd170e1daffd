"""What the harness itself costs for each trial, with no training in it."""

from pathlib import Path

import pytest
import torch

from harness.ledger import Ledger
from harness.plan import make_trial
from harness.search import Planner
from harness.store import open_store
from harness.train import batches, initialise, make_step
from tests.tiny_study import study

METRICS = {
    f"{split}_{what}": 0.5
    for split in ("train", "validation", "test")
    for what in ("loss", "accuracy")
}
CURVES = {
    "validation_loss": [0.5] * 15,
    "train_loss": [0.5] * 15,
    "validation_accuracy": [0.5] * 15,
}


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
@pytest.mark.parametrize("before", [0, 1000])
def test_claim_and_finish_a_trial(benchmark, tmp_path: Path, kind: str, before: int) -> None:
    """One trial through the ledger: claimed, 15 epochs of curve and all metrics written."""
    where = str(tmp_path / "x.db") if kind == "sqlite" else f"journal:///{tmp_path}/x.log"
    ledger = Ledger(open_store(where), study, "quick")
    arm = study.arms("quick")[0]
    seeds = iter(range(10**6))

    def one() -> None:
        trial = make_trial(study, "quick", arm, next(seeds), "evaluate", {"lr": 0.1})
        (claimed,) = ledger.claim([trial], 1)
        ledger.finish(claimed, METRICS, CURVES, {"seconds": 1.0}, {"python": "3"})

    for _ in range(before):
        one()
    benchmark.pedantic(one, rounds=30, warmup_rounds=2)


def test_what_is_next_of_1000_trials(benchmark) -> None:
    """Working out what is to be run, which happens each time a trial ends."""
    planner = Planner(study, "quick", 500, tune=False)
    assert len(planner.outlook({}).ready) == 1000
    benchmark(planner.outlook, {})


@pytest.mark.parametrize("way", ["harness", "torch.optim"])
def test_a_training_step(benchmark, way: str) -> None:
    """The plain loop's step beside the same step written with torch.optim."""
    torch.set_num_threads(1)
    arm = study.arms("quick")[1]
    training = make_trial(study, "quick", arm, 0, "evaluate", {"lr": 0.01}).training
    splits = training.data.splits(0)
    network = initialise(training, splits, 0, torch.device("cpu"))
    network.module.train()
    index = next(batches(training, splits, 0, 0))
    inputs, targets = splits.standardize(splits.train.inputs[index]), splits.train.targets[index]
    if way == "harness":
        step = make_step(training, network)
        benchmark(step, inputs, targets, 1.0)
        return
    optimizer = torch.optim.SGD(network.module.parameters(), lr=0.01, momentum=0.9)

    def torch_step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network.module(inputs), targets).backward()
        optimizer.step()

    benchmark(torch_step)
