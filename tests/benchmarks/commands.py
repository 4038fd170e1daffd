"""What ``harness plan``, ``export`` and ``report`` take, as a user runs them, with no training.

Studies have many arms or many seeds; their stores are filled by the harness's own words for a
trial, with numbers that are drawn and not trained. Each command is a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from saving import about, number, parser, save, table

HOME = Path(__file__).parents[2]
EPOCHS = 15
FAILS = 0.01
"""Share of the trials that failed."""

CAPTION = f"""\
A row is one command in a process of its own, as a user types it, or a part of what `report` does,
measured within another process. *Load* is a Python that loads the study, which imports torch, and
ends. Every record has eleven metrics, three curves of {EPOCHS} epochs and its Training; 1 % failed.
The study has ten claims, of nine kinds. CPU seconds are those of the process, which others on the
machine change less than wall time. *Growth* is the exponent with which CPU seconds beyond those of
*load* grow with the size: 1 is linear, 2 quadratic."""

STUDY = '''\
"""A study of many arms, which nobody trains."""

from harness import (
    Best, Equivalent, Factor, Higher, NotWorse, Scale, Some, Sooner, Study, Training, Trend, Tuned,
)
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD

RATES = tuple(round(0.001 * 1.5**step, 6) for step in range({rates}))
WIDTHS = tuple(8 + 8 * step for step in range({widths}))
DECAYS = tuple(round(0.0001 * step, 6) for step in range({decays}))


def build(scale, rate, width, decay{given}):
    return Training(
        data=digits(train=500, validation=200, test=500),
        model=MLP(hidden=(width,)),
        optimizer=SGD(lr=rate, momentum={momentum}, weight_decay=decay),
        batch_size=50,
        epochs=scale.epochs,
    )


LOW, HIGH = {{"rate": RATES[0]}}, {{"rate": RATES[-1]}}
ONE, OTHER = ({{"rate": rate, "width": 8, "decay": 0.0}} for rate in (RATES[0], RATES[-1]))

study = Study(
    name="many",
    question="Do rate, width and decay matter, of which nothing is trained?",
    factors=(Factor("rate", RATES), Factor("width", WIDTHS), Factor("decay", DECAYS)),
    build=build,
    tuned=({tuned}),
    scales={{
        name: Scale(epochs=epochs, seeds={seeds})
        for name, epochs in (("quick", {epochs}), ("standard", 100))[:{scales}]
    }},
    claims=(
        Higher("Rate raises accuracy.", metric="test_accuracy", higher=HIGH, lower=LOW, by=0.01),
        Higher("Rate raises loss.", metric="test_loss", higher=HIGH, lower=LOW, by=0.05),
        Higher("One arm beats another.", metric="test_accuracy", higher=OTHER, lower=ONE, by=0.02),
        NotWorse("Rate does no harm.", metric="test_accuracy", arm=HIGH, than=LOW, by=0.01),
        Equivalent("Gaps are alike.", metric="generalisation_gap", first=LOW, second=HIGH, by=0.02),
        Equivalent("As many fail.", metric="failed", first=LOW, second=HIGH, by=0.1),
        Trend("Accuracy rises.", metric="test_accuracy", over="rate", by=0.02),
        Best("The last rate is best.", metric="test_accuracy", best=HIGH, by=0.01),
        Some("Some rate beats the first.", metric="test_accuracy", over="rate", than=LOW, by=0.01),
        Sooner("It is sooner there.", metric="validation_accuracy", reaches=0.8,
               sooner=OTHER, later=ONE, by=0.2),
    ),
)
'''


@dataclass(frozen=True)
class Size:
    """How big a study is.

    Attributes:
        arms: its arms; a multiple of ten from 20 on.
        seeds: of each arm.
        records: whether they are in its store.
        tuned: whether a setting is tuned in each arm, at two scales.
    """

    arms: int
    seeds: int
    records: bool
    tuned: bool = False

    @property
    def count(self) -> int:
        """What its size is counted in: records, or arms where there are none."""
        return self.arms * self.seeds if self.records else self.arms

    @property
    def shape(self) -> str:
        """What grows where several sizes are measured."""
        if not self.records:
            return "arms, tuned, two scales" if self.tuned else "arms"
        return "records, 20 arms" if self.arms == 20 else f"records, {self.seeds} seeds"

    def text(self) -> str:
        """Return the study's file."""
        rates = 10 if self.arms >= 20 else 2
        decays = 10 if self.arms >= 200 else 1
        widths = self.arms // (rates * decays)
        assert rates * decays * widths == self.arms, self
        return STUDY.format(
            rates=rates, widths=widths, decays=decays, epochs=EPOCHS, seeds=self.seeds,
            given=", momentum" if self.tuned else "",
            momentum="momentum" if self.tuned else "0.9",
            tuned='Tuned("momentum", 0.1, 0.99, trials=8),' if self.tuned else "",
            scales=1 + self.tuned,
        )  # fmt: skip


# ---- a store that nobody trained ------------------------------------------------------------


def results_of(arms: int, seeds: int) -> Iterator[dict[str, Any] | None]:
    """Yield metrics, curves and cost of each seed of each arm; ``None`` where it failed."""
    rng = np.random.default_rng(12)
    for arm in range(arms):
        lift = 0.02 * rng.normal() + 0.01 * (arm % 10)
        for _ in range(seeds):
            if rng.random() < FAILS:
                yield None
                continue
            test = min(0.8 + lift + 0.03 * rng.normal(), 1.0)
            train = min(test + abs(0.05 * rng.normal()), 1.0)
            validation = min(test + 0.02 * rng.normal(), 1.0)
            named = {"train": train, "validation": validation, "test": test}
            metrics = {f"{split}_accuracy": float(value) for split, value in named.items()}
            metrics |= {f"{split}_loss": float(1.1 - value) for split, value in named.items()}
            metrics |= {
                "generalisation_gap": metrics["test_loss"] - metrics["train_loss"],
                "gradient_norm_first_block": float(np.exp(rng.normal())),
                "test_calibration_error": float(abs(0.1 * rng.normal())),
                "weight_norm": float(10 + rng.normal()),
                "zero_weights": 0.0,
            }
            rise = 1 - np.exp(-np.arange(1, EPOCHS + 1) / (2 + rng.random()))
            curves = {
                "train_loss": list(2.3 - (2.3 - metrics["train_loss"]) * rise),
                "validation_loss": list(2.3 - (2.3 - metrics["validation_loss"]) * rise),
                "validation_accuracy": list(metrics["validation_accuracy"] * rise),
            }
            cost = {"seconds": float(1 + rng.random()), "steps": 150, "samples": 7500}
            yield {"metrics": metrics, "curves": curves, "cost": cost}


ENV = {"harness": "0.1.0", "python": "3", "device": "cpu", "threads": "1", "mode": "plain"}


def fill(file: Path, where: str) -> None:
    """Fill the store of a study with all its trials: as rows, or it would take minutes."""
    import sqlalchemy
    from optuna.distributions import distribution_to_json
    from optuna.storages._rdb import models
    from optuna.trial import TrialState
    from sqlalchemy import insert

    from harness.planning.planner import StudyPlanner
    from harness.running.executors import Options
    from harness.running.find import load
    from harness.running.session import write_plan
    from harness.storing import notes
    from harness.storing import translation as translate
    from harness.storing.ledger import Ledger
    from harness.storing.store import open_store
    from harness.trials.outcome import Outcome

    study = load(str(file))
    planner = StudyPlanner(study, "quick", None, tune=False)
    ledger = Ledger(open_store(where), study, "quick")
    trials = planner.outlook({}).planned
    code, env = "made up", "made up"
    ledger.write_note(f"{notes.CODE}{code}", dict(trials[0].code))
    ledger.write_note(f"{notes.ENV}{env}", dict(ENV))
    identity = ledger.store.storage.get_study_id_from_name(ledger.name)
    started = datetime(2026, 11, 26, 12, tzinfo=UTC).replace(tzinfo=None)
    rows: dict[Any, list[dict[str, Any]]] = {
        kind: []
        for kind in (
            models.TrialModel, models.TrialParamModel, models.TrialValueModel,
            models.TrialUserAttributeModel, models.TrialIntermediateValueModel,
        )
    }  # fmt: skip
    made = results_of(len(planner.arms), len(planner.seeds))
    for place, (trial, result) in enumerate(zip(trials, made, strict=True)):
        found = result or {"metrics": {}, "curves": {}, "cost": {}}
        own = {"trial_id": place + 1}
        rows[models.TrialModel].append({
            **own, "number": place, "study_id": identity,
            "state": TrialState.COMPLETE if result else TrialState.FAIL,
            "datetime_start": started + timedelta(seconds=place),
            "datetime_complete": started + timedelta(seconds=place + 1),
        })  # fmt: skip
        params, kinds = translate.parameters(study.declaration("quick"), trial)
        rows[models.TrialParamModel] += (
            {
                **own, "param_name": name, "param_value": kinds[name].to_internal_repr(value),
                "distribution_json": distribution_to_json(kinds[name]),
            }
            for name, value in params.items()
        )  # fmt: skip
        attributes = {
            "trial": translate.description(trial, code),
            "runner": "nobody/1/1",
            "record": translate.written(Outcome(**found), env),
            **translate.columns(study.declaration("quick"), found["metrics"]),
            **({} if result else {"reason": "diverged: validation_loss is nan"}),
        }
        rows[models.TrialUserAttributeModel] += (
            {**own, "key": name, "value_json": json.dumps(value)}
            for name, value in attributes.items()
        )
        if not result:
            continue
        rows[models.TrialValueModel].append({
            **own, "objective": 0, "value": found["metrics"][study.objective],
            "value_type": models.TrialValueModel.TrialValueType.FINITE,
        })  # fmt: skip
        kind = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE
        rows[models.TrialIntermediateValueModel] += (
            {
                **own, "step": step, "intermediate_value": value, "intermediate_value_type": kind,
            }
            for step, value in translate.curve_points(found["curves"], study.objective).items()
        )  # fmt: skip
    with sqlalchemy.create_engine(f"sqlite:///{where}").begin() as connection:
        for table, each in rows.items():
            connection.execute(insert(table), each)
    ledger = Ledger(open_store(where), study, "quick")
    notes.write_reference(ledger, str(file))
    outlook = planner.outlook(ledger.done())
    assert not outlook.ready
    write_plan(ledger, planner, outlook, Options(tune=False, reference=str(file)))


SIZES = (
    Size(200, 5, False), Size(2000, 5, False),
    Size(200, 5, False, tuned=True), Size(2000, 5, False, tuned=True),
    Size(20, 50, True), Size(20, 500, True),
    Size(200, 5, True), Size(2000, 5, True),
)  # fmt: skip
QUICK = (Size(20, 5, False), Size(40, 5, False, tuned=True), Size(20, 5, True))


# ---- measuring ------------------------------------------------------------------------------


def timed(words: Sequence[str], folder: Path, code: Path) -> tuple[float, float, bytes]:
    """Run a command; return its wall seconds, its CPU seconds and what it printed.

    Args:
        words: after ``python``.
        folder: where it is run.
        code: the checkout whose code it runs.
    """
    environment = {**os.environ, "PYTHONPATH": str(code)}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=environment, stdout=out
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, words
        out.seek(0)
        return wall, used.ru_utime + used.ru_stime, out.read()


def stages() -> None:
    """Do what ``harness report`` does, part by part; print each one's wall and CPU seconds."""
    from harness.commands.judged import gather
    from harness.commands.place import Place
    from harness.commands.subject import Subject
    from harness.reports import render
    from harness.running.find import find, load
    from harness.storing.ledger import Ledger

    found: dict[str, tuple[float, float]] = {}

    def part(name: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        value = work()
        found[name] = time.perf_counter() - wall, time.process_time() - cpu
        return value

    reference = find("many.py")
    study = load(reference)
    (ledger,) = Ledger.existing(Place(Path("runs")).open(create=False), study, "quick")
    part("reading", ledger.records)
    results = part("judging", lambda: gather(ledger, Subject.of(study, reference)))
    part("page", lambda: render.render_html(results))
    whole = part("page and PDF", lambda: render.write_report(results, Path("stages")))
    assert whole.pdf, whole.note
    wall, cpu = found.pop("page and PDF")
    found["PDF"] = wall - found["page"][0], cpu - found["page"][1]
    print(json.dumps(found))


def measured(size: Size, folder: Path, code: Path) -> Iterator[dict[str, Any]]:
    """Measure every command on one study."""

    def row(what: str, wall: float, cpu: float) -> dict[str, Any]:
        return {
            "shape": size.shape, "arms": size.arms, "size": size.count, "what": what,
            "wall": wall, "cpu": cpu,
        }  # fmt: skip

    loads = "import sys; from harness.running.find import load; load(sys.argv[1])"
    yield row("load", *timed(["-c", loads, str(folder / "many.py")], folder, code)[:2])
    for words in COMMANDS if size.records else COMMANDS[:1]:
        wall, cpu, _ = timed(["-m", "harness", words[0], "many.py", *words[1:]], folder, code)
        yield row(words[0], wall, cpu)
    if size.records:
        _, _, printed = timed([__file__, "--stages"], folder, code)
        for name, (wall, cpu) in json.loads(printed.splitlines()[-1]).items():
            yield row(f"report: {name}", wall, cpu)


COMMANDS = (("plan", "--json"), ("export",), ("report", "--quiet"))


def growth(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the exponent with which CPU seconds grow, by command, between two sizes.

    What a study of no size takes, its imports, is taken off first.
    """
    small, large = (
        {each["what"]: each for each in rows if each["size"] == size}
        for size in (min(each["size"] for each in rows), max(each["size"] for each in rows))
    )
    found = {}
    for what in small:
        base = min(small["load"]["cpu"], small[what]["cpu"]) if ":" not in what else 0.0
        less, more = small[what]["cpu"] - base, large[what]["cpu"] - base
        ratio = large[what]["size"] / small[what]["size"]
        if less > 0.05 and more > 0 and ratio > 1 and what != "load":
            found[what] = float(np.log(more / less) / np.log(ratio))
    return found


def main() -> None:
    """Measure all commands at all sizes, and save the table."""
    made = parser(__doc__)
    made.add_argument("--against", type=Path, help="a checkout to measure beside this one")
    made.add_argument("--sizes", type=int, nargs="+", help="which of the sizes, by place from 0")
    made.add_argument("--stages", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    arguments = made.parse_args()
    if arguments.stages:
        stages()
        return
    if arguments.fill:
        fill(arguments.fill, str(arguments.fill.parent / "runs" / "harness.db"))
        return
    where = about()
    # Some images set it; then each process compiles the Python of all it imports anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sizes = QUICK if arguments.quick else SIZES
    checkouts = {"here": HOME}
    if arguments.against:
        checkouts = {"before": arguments.against.resolve(), "here": HOME}
    rows: list[dict[str, Any]] = []
    for size in [sizes[each] for each in arguments.sizes] if arguments.sizes else sizes:
        for name, code in checkouts.items():
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                (folder / "many.py").write_text(size.text(), encoding="utf-8")
                if size.records:  # by the checkout's own code: keys and formats are its own
                    (folder / "runs").mkdir()
                    timed([__file__, "--fill", str(folder / "many.py")], folder, code)
                for row in measured(size, folder, code):
                    rows.append({**row, "checkout": name})
                    print(name, *row.values(), flush=True)
    text = f"{summed(rows, list(checkouts))}\n\n{CAPTION}"
    save(
        arguments.out, "commands", "What plan, export and report take", where, {"rows": rows}, text
    )


def summed(rows: Sequence[dict[str, Any]], checkouts: Sequence[str]) -> str:
    """Return the table: a line for each command and size, checkouts side by side."""
    head = ["of", "size", "what"]
    for name in checkouts:
        head += [f"{name}: wall, s", "CPU, s", "growth"]
    head += ["ratio of CPU"] if len(checkouts) == 2 else []
    found = {(row["checkout"], row["shape"], row["size"], row["what"]): row for row in rows}
    grown = {
        (name, shape): growth([r for r in rows if (r["checkout"], r["shape"]) == (name, shape)])
        for name in checkouts
        for shape in {row["shape"] for row in rows}
    }
    body = []
    for name, shape, size, what in found:
        if name != checkouts[0]:
            continue
        own = [found[each, shape, size, what] for each in checkouts]
        line = [shape, f"{size:,}", what]
        for each, row in zip(checkouts, own, strict=True):
            line += [number(row["wall"]), number(row["cpu"])]
            line.append(number(grown[each, shape].get(what), 2))
        line += [number(own[1]["cpu"] / own[0]["cpu"])] if len(own) == 2 else []
        body.append(line)
    return table(head, body)


if __name__ == "__main__":
    main()
