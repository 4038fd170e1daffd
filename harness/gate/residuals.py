"""What this machine does to times when nothing changed: pairs of equal processes.

Both processes of a pair are started together, import and warm up, and are then measured one after
the other, in alternating order. Each does the same built-in work, so that all that tells the two
apart is noise.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from harness.messages.errors import HarnessError
from harness.stats import Rule, detectable, operating, spread
from harness.stats.operating import centred

FEWEST = 8
"""Pairs that are measured at least, however long it takes."""

FAR = 3.0
"""How many standard deviations off a pair counts as disturbed."""

_WORK = """
import statistics, sys, time
try:
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    inputs, targets = torch.randn(64, 64), torch.randint(10, (64,))
    def tensors():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
except ImportError:
    try:
        import numpy
        left = numpy.random.default_rng(0).normal(size=(96, 96))
        def tensors():
            (left @ left).sum()
    except ImportError:
        def tensors():
            pass
def work():
    tensors()
    total = 0
    for each in range(4000):
        total += each * each
for _ in range(50):
    work()
print("ready", flush=True)
sys.stdin.readline()
blocks, ends = [], time.perf_counter() + 0.8
while time.perf_counter() < ends:
    started = time.perf_counter()
    for _ in range(50):
        work()
    blocks.append(time.perf_counter() - started)
print(statistics.median(blocks), flush=True)
"""

Measure = Callable[[bool], tuple[float, float]]
"""Measures one pair; given whether the second is measured first, returns both times."""


@dataclass(frozen=True)
class Residuals:
    """Pairs of equal processes, measured on this machine.

    Attributes:
        log_ratios: of each pair, second over first.
        seconds: how long all pairs took.
    """

    log_ratios: tuple[float, ...]
    seconds: float

    @property
    def per_pair(self) -> float:
        """Seconds that one pair takes."""
        return self.seconds / len(self.log_ratios)


@dataclass(frozen=True)
class Reach:
    """What so many pairs detect.

    Attributes:
        pairs: pairs of processes.
        minutes: how long they take here, of one benchmark.
        slowdown: the smallest that fails in nine of ten gates; infinite where none does.
    """

    pairs: int
    minutes: float
    slowdown: float


@dataclass(frozen=True)
class Fitness:
    """Whether this machine is fit for a gate.

    Attributes:
        pairs: pairs measured.
        sd: standard deviation of a pair's log ratio, all pairs counted.
        calm: the same by the median absolute deviation, which disturbed pairs do not move.
        disturbed: share of pairs that lie three of ``calm`` off or further.
        per_pair: seconds that a pair takes.
        reaches: what is detected by how many pairs.
        false_alarms: share of simulated gates that fail though nothing is slower.
        wanted: the slowdown that a gate must detect.
        fit: whether it does, within the last look, with false alarms of at most 1 %.
    """

    pairs: int
    sd: float
    calm: float
    disturbed: float
    per_pair: float
    reaches: tuple[Reach, ...]
    false_alarms: float
    wanted: float
    fit: bool


def measure_pair(second_first: bool) -> tuple[float, float]:
    """Measure one pair of fresh processes.

    Args:
        second_first: whether the second is measured before the first.

    Raises:
        HarnessError: a process did not end well, or gave no time.
    """
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _WORK],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True, encoding="utf-8", errors="replace",
                )
            )
            for _ in range(2)
        ]  # fmt: skip
        for each in both:
            stack.callback(each.kill)
        for each in both:
            if not each.stdout or each.stdout.readline() != "ready\n":
                raise _failed(each)
        times = [0.0, 0.0]
        for place in (1, 0) if second_first else (0, 1):
            said, _ = both[place].communicate("go\n")
            try:
                times[place] = float(said)
            except ValueError:
                raise _failed(both[place]) from None
    return times[0], times[1]


def _failed(process: subprocess.Popen[str]) -> HarnessError:
    process.kill()
    error = process.stderr.read() if process.stderr and not process.stderr.closed else ""
    lines = error.strip().splitlines()
    return HarnessError(
        "the built-in work must give a time",
        lines[-1] if lines else f"nothing, and exit code {process.wait()}",
        "Does `python -c 'import torch'` work here?",
    )


def measured(
    minutes: float,
    measure: Measure = measure_pair,
    clock: Callable[[], float] = time.monotonic,
    told: Callable[[int], None] = lambda _: None,
) -> Residuals:
    """Measure pairs for so many minutes, eight pairs at least.

    Args:
        minutes: how long.
        measure: measures one pair.
        clock: the seconds since some moment.
        told: is called with the number of pairs after each.

    Raises:
        HarnessError: ``minutes`` is no positive number, a process fails, or a time is none.
    """
    if not 0 < minutes < math.inf:
        raise HarnessError("--minutes must be above 0", f"{minutes:g}", "Write --minutes 2, say.")
    started = clock()
    ratios: list[float] = []
    while len(ratios) < FEWEST or (clock() - started) * (1 + 1 / len(ratios)) <= 60 * minutes:
        first, second = measure(len(ratios) % 2 == 1)
        if not (0 < first < math.inf and 0 < second < math.inf):
            raise HarnessError(
                "the built-in work must take some time", f"{first} s and {second} s",
                "Nothing is said of this machine.",
            )  # fmt: skip
        ratios.append(math.log(second / first))
        told(len(ratios))
    return Residuals(tuple(ratios), clock() - started)


def fitness(residuals: Residuals, rule: Rule, *, wanted: float = 0.10, seed: int = 0) -> Fitness:
    """Say what the rule does on this machine, by gates simulated from its own pairs.

    Each residual stands for its opposite, too, as both processes do the same.

    Args:
        residuals: measured here.
        rule: the rule.
        wanted: the slowdown that a gate must detect.
        seed: of the simulation.
    """
    ratios = np.asarray(residuals.log_ratios)
    pool = centred(ratios, symmetric=True)
    calm = spread(pool)
    reaches = tuple(
        Reach(
            look, look * residuals.per_pair / 60, detectable(pool, rule, look, seed=seed)
        )
        for look in rule.looks
    )  # fmt: skip
    alarms = operating(pool, rule, 0.0, seed=seed).fails
    return Fitness(
        ratios.size,
        float(np.sqrt(np.square(ratios).mean())),
        calm,
        float((np.abs(ratios) >= FAR * calm).mean()) if calm else float((ratios != 0).mean()),
        residuals.per_pair,
        reaches,
        alarms,
        wanted,
        reaches[-1].slowdown <= wanted and alarms <= 0.01,
    )
