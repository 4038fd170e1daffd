"""What a search costs beside training and beside its sampler, for each trial.

    python -m tests.benchmarks.search_overhead                  # 5,000 trials, random, SQLite
    python -m tests.benchmarks.search_overhead --sampler tpe --trials 1000
    python -m tests.benchmarks.search_overhead --store journal

Nothing is trained: every trial that is asked for ends at once with a made-up value. All else is
done as in a run: settings are asked for and kept, trials leased, written down and read.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import Choice, Context, Float, Int, Metric, Scale, Search
from harness.planning.asking import Asking
from harness.running.executors import SearchOptions
from harness.running.searches import as_asked, planner_of_search
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.trials.outcome import Outcome
from harness.trials.trial import Trial


def train(context: Context, way: str, lr: float, momentum: float | None, width: int) -> Any:
    return {}


SEARCH = Search(
    name="many",
    question="What does asking and telling cost?",
    space=(
        Choice("way", ("adam", "sgd")),
        Float("lr", 0.0001, 1.0, log=True),
        Float("momentum", 0.0, 0.99, when={"way": "sgd"}),
        Int("width", 16, 1024, log=True),
    ),
    train=train,
    metrics=(Metric("validation_loss", better="lower"),),
    scales={"quick": Scale()},
    trials=5000,
    confirm=0,
)


class _Timed:
    """Adds up how long a sampler takes."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._real = Asking._suggested

    def __enter__(self) -> _Timed:
        timed = self

        def suggested(self: Asking, trial: Any) -> Any:
            started = time.perf_counter()
            try:
                return timed._real(self, trial)
            finally:
                timed.seconds += time.perf_counter() - started

        Asking._suggested = suggested  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Asking._suggested = self._real  # type: ignore[method-assign]


def outcome(trial: Trial) -> Outcome:
    """Return a made-up outcome."""
    lr, width = float(trial.tuned["lr"]), float(trial.tuned["width"])
    loss = abs(math.log10(lr / 0.05)) + abs(math.log2(width / 64)) / 4
    curve = [loss + 1 / epoch for epoch in range(1, 11)]
    return Outcome(
        {"validation_loss": loss}, {"validation_loss": curve}, {"seconds": 1.0}, {"device": "cpu"}
    )


def main() -> None:
    """Do it, and print the figures."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--trials", type=int, default=5000)
    made.add_argument("--sampler", default="random")
    made.add_argument("--store", choices=("sqlite", "journal"), default="sqlite")
    made.add_argument("--pruner", default="none")
    words = made.parse_args()
    asked = SearchOptions(trials=words.trials, sampler=words.sampler, pruner=words.pruner)
    study = as_asked(SEARCH.study, asked)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.db"
        store = open_store(str(path) if words.store == "sqlite" else f"journal:///{path}")
        ledger = Ledger(store, study, "quick")
        planner = planner_of_search(study, "quick", ledger, None)
        began, cpu, done = time.perf_counter(), time.process_time(), 0
        with _Timed() as sampler:
            while (outlook := planner.outlook(ledger.done())).ready:
                with store.lock():
                    leases = ledger.lease(outlook.ready, len(outlook.ready))
                with store.together():
                    for lease in leases:
                        ledger.finish(lease, outcome(lease.trial))
                done += len(leases)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert done > 0.9 * words.trials, f"{done} of {words.trials}: the same settings came again"
    beside = wall - sampler.seconds
    print(
        f"{done} trials, {words.sampler}, pruner {words.pruner}, {words.store}: "
        f"{1e3 * wall / done:.1f} ms each "
        f"({1e3 * cpu / done:.1f} ms of one core), the sampler {1e3 * sampler.seconds / done:.1f}; "
        f"all else {1e3 * beside / done:.1f} ms"
    )


if __name__ == "__main__":
    main()
