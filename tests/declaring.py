"""Studies with made-up results, for tests of what is declared and of what belongs together.

Nothing is trained: trials are leased and finished with numbers, as a run would record them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import Factor, Scale, Study, Training
from harness.commands.judged import gather
from harness.commands.subject import Subject
from harness.data import digits
from harness.judging.results import Results
from harness.models import MLP
from harness.optim import SGD
from harness.planning.planner import StudyPlanner
from harness.running.executors import Options
from harness.running.registering import declare
from harness.running.session import write_plan
from harness.storing.ledger import Ledger
from harness.storing.notes import MANIFEST
from harness.storing.store import Store, open_store
from harness.study.claims import Claim, Higher
from harness.trials.outcome import Outcome
from harness.trials.trial import Trial

FILE = str(Path(__file__).resolve())
ENV = {"python": "3", "device": "cpu"}


def higher(by: float = 0.2, text: str = "64 beats 4.", **changes: Any) -> Higher:
    given: dict[str, Any] = {
        "metric": "test_accuracy", "by": by, "higher": {"width": 64}, "lower": {"width": 4},
    }  # fmt: skip
    return Higher(text, **given | changes)


def study(
    *claims: Claim, lr: float = 0.1, epochs: Callable[[int], int] = lambda width: 2, **changes: Any
) -> Study:
    """Three arms; ``lr`` and ``epochs`` stand for what somebody changes in the study's file."""

    def build(scale: Scale, width: int) -> Training:
        return Training(
            data=digits(train=100),
            model=MLP(hidden=(width,)),
            optimizer=SGD(lr=lr),
            batch_size=20,
            epochs=epochs(width),
        )

    given: dict[str, Any] = {
        "name": "wide",
        "question": "Does width help?",
        "factors": (Factor("width", (4, 16, 64)),),
        "build": build,
        "scales": {"quick": Scale(seeds=5)},
        "claims": claims or (higher(),),
    }
    return Study(**given | changes)


def opened(folder: Path) -> Store:
    return open_store(str(folder / "x.db"))


def accuracy(trial: Trial) -> float:
    """0.1 for each factor of four in width, a little by seed; more at another learning rate."""
    width = int(trial.arm.levels["width"].value)
    lr = float(trial.written["optimizer"]["lr"])
    wide = 0.1 * (width > 4) + 0.1 * (width > 16) + 0.01 * (trial.seed % 3) * width / 64
    return 0.3 + wide + lr / 2


def run(
    store: Store,
    declared: Study,
    *,
    seeds: int | None = None,
    arms: Sequence[str] = (),
    declares: bool = True,
    tune: bool = False,
) -> Ledger:
    """Record what a run would: a declaration, the trials of all arms, or of some, and a plan."""
    ledger = Ledger(store, declared, "quick")
    planner = StudyPlanner(declared, "quick", seeds, tune=tune)
    while count := ledger.adopt(planner.outlook(ledger.done(frozenset())).ready):
        assert count
    if declares:
        declare(ledger, dict)
    while ready := [
        trial
        for trial in planner.outlook(ledger.done(frozenset())).ready
        if not arms or trial.arm.name in arms
    ]:
        for lease in ledger.lease(ready, len(ready)):
            good = accuracy(lease.trial)
            numbers = {"test_accuracy": good, "validation_loss": 1 - good, "train_loss": 1 - good}
            ledger.finish(lease, Outcome(numbers, {}, {"seconds": 1.0}, ENV))
    write_plan(ledger, planner, planner.outlook(ledger.done(frozenset())), Options(reference="x"))
    return ledger


def as_before(ledger: Ledger) -> None:
    """Leave the plan that a version before this one wrote, which kept no declaration."""
    plan = dict(ledger.note(MANIFEST))
    for name in ("version", "time", "revision", "declaration"):
        del plan[name]
    rows = [[arm, seed, key] for arm, seed, key, _ in plan["trials"]]
    ledger.write_note(MANIFEST, {**plan, "trials": rows})


def report(store: Store, declared: Study) -> Results:
    """Judge as ``harness report`` does."""
    return gather(Ledger.existing(store, declared, "quick")[-1], Subject.of(declared, FILE))
