"""What is trained in the benchmarks: each program once, for both sides of a comparison."""

import json
import os
from dataclasses import asdict, dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from harness.data import Declared, digits, mnist
from harness.engines.plain import make_step
from harness.engines.prepared import make_ready
from harness.engines.step import Rows
from harness.messages.errors import HarnessError, near
from harness.models import CNN, MLP, ConvNet
from harness.optim import SGD
from harness.training import Model, Training

ASKED = "HARNESS_BENCH"
"""The environment variable by which a list of trials reaches the study file and its workers."""

LEARNING_RATES = (0.01, 0.02, 0.05)
MOMENTUM = 0.9

DIGITS = digits(train=1000, validation=300, test=400)
SOME_MNIST = mnist(train=10_000, validation=2_000, test=2_000)


@dataclass(frozen=True)
class Program:
    """A network, the data it sees, and for how long."""

    name: str
    data: Declared
    model: Model
    batch_size: int
    epochs: int

    def training(self, lr: float) -> Training:
        """Return what the harness trains."""
        optimizer = SGD(lr=lr, momentum=MOMENTUM)
        return Training(self.data, self.model, optimizer, self.batch_size, self.epochs)

    @property
    def steps(self) -> int:
        """Training steps of one trial."""
        assert self.data.train is not None
        return self.data.train // self.batch_size * self.epochs

    def flops(self) -> int:
        """Return the floating-point operations of one training step: products and convolutions."""
        member = make_ready(self.training(LEARNING_RATES[0]), 0, torch.device("cpu"))
        member.network.module.train()
        step, part = make_step(member), member.splits.train
        rows = member.order(0)[0]
        with FlopCounterMode(display=False) as counter:
            step(Rows(part.inputs[rows], part.targets[rows]), 1.0, 0)
        return int(counter.get_total_flops())


CNN_16_32 = CNN(channels=(16, 32), normalisation="batch")

PROGRAMS = {
    each.name: each
    for each in (
        Program("mlp-mnist-32", SOME_MNIST, MLP(hidden=(128,)), 32, 1),
        Program("mlp-mnist-128", SOME_MNIST, MLP(hidden=(128,)), 128, 1),
        Program("cnn-mnist-32", SOME_MNIST, CNN_16_32, 32, 1),
        Program("cnn-mnist-128", SOME_MNIST, CNN_16_32, 128, 1),
        Program("mlp-digits-64", DIGITS, MLP(hidden=(128, 128)), 64, 20),
        Program("cnn-digits-64", DIGITS, CNN_16_32, 64, 10),
        Program("residual20-digits-32", DIGITS, ConvNet(depth=20, width=8), 32, 6),
        Program("residual56-digits-32", DIGITS, ConvNet(depth=56, width=8), 32, 6),
    )
}


@dataclass(frozen=True)
class Asked:
    """A list of trials: every program with every learning rate and every seed from 0."""

    programs: tuple[str, ...]
    learning_rates: tuple[float, ...]
    seeds: int

    @staticmethod
    def of(programs: tuple[str, ...], trials: int) -> "Asked":
        """Ask for so many trials of each program, or a few more: all rates have as many seeds."""
        rates = LEARNING_RATES[:trials]
        return Asked(programs, rates, -(-trials // len(rates)))

    @property
    def trials(self) -> int:
        """Trials of each program."""
        return len(self.learning_rates) * self.seeds

    def environment(self) -> dict[str, str]:
        """Return the environment of this process with the list in it."""
        return {**os.environ, ASKED: json.dumps(asdict(self))}

    @staticmethod
    def here() -> "Asked":
        """Read the list from the environment of this process; all there is where it has none."""
        found = os.environ.get(ASKED)
        if found is None:
            return Asked.of(tuple(PROGRAMS), 12)
        values = json.loads(found)
        return Asked(tuple(values["programs"]), tuple(values["learning_rates"]), values["seeds"])


def choose(names: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the programs that can be trained here, and a line for those whose data is missing."""
    for name in names:
        if name not in PROGRAMS:
            raise SystemExit(f"no program {name!r}. {near(name, PROGRAMS)}")
    there, skipped = [], []
    for name in names:
        try:
            PROGRAMS[name].data.prepare()
        except HarnessError as error:
            skipped.append(f"{name} was skipped: {error}")
        else:
            there.append(name)
    return tuple(there), skipped
