"""What ``harness plan``, ``export`` and ``report`` take, as a user runs them, with no training.

Studies have many arms or many seeds; their stores are filled by the harness's own words for a
trial, with numbers that are drawn and not trained. Each command is a process of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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
measured within a process that did nothing else before. *Imports* is a Python that loads the study
and what the command needs, and ends. Every record has eleven metrics, three curves of {EPOCHS}
epochs and its Training; 1 % failed. The study has ten claims, one of each kind or more. CPU seconds
are those of the process and its children, which a machine that others use changes less than wall
time. *Growth* is the exponent of CPU seconds by size, beyond imports: 1 is linear, 2 quadratic."""

STUDY = '''\
"""A study of many arms, which nobody trains."""

from harness import (
    Best, Equivalent, Factor, Higher, NotWorse, Scale, Some, Sooner, Study, Training, Trend,
)
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD

RATES = tuple(round(0.001 * 1.5**step, 6) for step in range({rates}))
WIDTHS = tuple(8 + 8 * step for step in range({widths}))
DECAYS = tuple(round(0.0001 * step, 6) for step in range({decays}))


def build(scale, rate, width, decay):
    return Training(
        data=digits(train=500, validation=200, test=500),
        model=MLP(hidden=(width,)),
        optimizer=SGD(lr=rate, momentum=0.9, weight_decay=decay),
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
    scales={{"quick": Scale(epochs={epochs}, seeds={seeds})}},
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
    """

    arms: int
    seeds: int
    records: bool

    @property
    def count(self) -> int:
        """What its size is counted in: records, or arms where there are none."""
        return self.arms * self.seeds if self.records else self.arms

    @property
    def shape(self) -> str:
        """What grows where several sizes are measured."""
        if not self.records:
            return "arms, no store"
        return "records, 20 arms" if self.arms == 20 else f"records, {self.seeds} seeds"

    def text(self) -> str:
        """Return the study's file."""
        rates = 10 if self.arms >= 20 else 2
        decays = 10 if self.arms >= 200 else 1
        widths = self.arms // (rates * decays)
        assert rates * decays * widths == self.arms, self
        return STUDY.format(
            rates=rates, widths=widths, decays=decays, epochs=EPOCHS, seeds=self.seeds
        )


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
    """Fill the store of a study with all its trials, each as one finished Optuna trial."""
    from optuna.trial import TrialState, create_trial

    from harness import translate
    from harness.executors import Options
    from harness.ledger import Ledger
    from harness.load import load
    from harness.run import write_plan
    from harness.search import Planner
    from harness.store import open_store

    study = load(str(file))
    planner = Planner(study, "quick", None, tune=False)
    ledger = Ledger(open_store(where), study, "quick")
    trials = planner.outlook({}).planned
    code, env = ledger._note_once("code", trials[0].code), ledger._note_once("env", ENV)
    started = datetime(2026, 11, 26, 12, tzinfo=UTC).replace(tzinfo=None)
    made = results_of(len(planner.arms), len(planner.seeds))
    with ledger.store.together():
        for number, (trial, result) in enumerate(zip(trials, made, strict=True)):
            params, distributions = translate.parameters(study, trial)
            found = result or {"metrics": {}, "curves": {}, "cost": {}}
            attributes = {
                "trial": translate.description(trial, code),
                "runner": "nobody/1/1",
                "record": translate.outcome(**found, layers={}, env=env),
                **translate.columns(study, found["metrics"]),
                **({} if result else {"reason": "diverged: validation_loss is nan"}),
            }
            curve = found["curves"].get(study.objective, ())
            frozen = create_trial(
                state=TrialState.COMPLETE if result else TrialState.FAIL,
                value=found["metrics"].get(study.objective),
                params=params,
                distributions=distributions,
                user_attrs=attributes,
                intermediate_values=translate.curve_points(curve),
            )
            frozen.datetime_start = started + timedelta(seconds=number)
            frozen.datetime_complete = started + timedelta(seconds=number + 1)
            ledger.store.storage.create_new_trial(ledger._id, frozen)
    ledger.write_note("reference", str(file))
    outlook = planner.outlook(ledger.done())
    assert not outlook.ready
    write_plan(ledger, planner, outlook, Options(tune=False, reference=str(file)))


# ---- measuring ------------------------------------------------------------------------------


def timed(words: Sequence[str], folder: Path, code: Path) -> tuple[float, float, bytes]:
    """Run a command; return its wall seconds, its CPU seconds and what it printed.

    Args:
        words: after ``python``.
        folder: where it is run.
        code: the checkout whose code it runs.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (code, HOME / "tests")))}
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


def stages(scale: str = "quick") -> None:
    """Do what ``harness report`` does, part by part; print each one's CPU and wall seconds."""
    from harness import commands
    from harness.ledger import Ledger
    from harness.load import find, load
    from harness.place import Place
    from reports import render

    found: dict[str, tuple[float, float]] = {}

    def part(name: str, work: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        value = work()
        found[name] = time.perf_counter() - wall, time.process_time() - cpu
        return value

    reference = find("many.py")
    study = part("loading", lambda: load(reference))
    store = Place(Path("runs")).open(create=False)
    (ledger,) = Ledger.existing(store, study, scale)
    part("reading", ledger.records)
    results = part("judging", lambda: commands.gather(ledger, reference))
    page = part("page", lambda: render.render_html(results))
    part("PDF", lambda: render.render_pdf(page))
    print(json.dumps(found))


IMPORTS = {
    "plan": "harness.preview",
    "export": "harness.commands",
    "report": "harness.commands, reports.render, weasyprint",
}


def measured(size: Size, folder: Path, code: Path, commands: Sequence[str]) -> list[dict[str, Any]]:
    """Measure every command on one study."""
    rows = []

    def row(what: str, wall: float, cpu: float, content: bytes = b"") -> None:
        rows.append({
            "shape": size.shape, "arms": size.arms, "size": size.count, "what": what,
            "wall": wall, "cpu": cpu, "output": content,
        })  # fmt: skip

    loads = "from harness.load import load; load({!r})".format(str(folder / "many.py"))
    wall, cpu, _ = timed(["-c", loads], folder, code)
    row("load", wall, cpu)
    for command in commands:
        words = {"plan": ["--json"], "export": [], "report": ["--quiet"]}[command]
        wall, cpu, out = timed(["-m", "harness", command, "many.py", *words], folder, code)
        if command == "report":
            out = b"\0".join(
                (folder / "runs" / "many-quick" / name).read_bytes()
                for name in ("verdicts.json", "records.csv", "report.html")
            )
        row(command, wall, cpu, out)
    if "report" in commands:
        _, _, printed = timed([__file__, "--stages"], folder, code)
        for name, (wall, cpu) in json.loads(printed).items():
            row(f"report: {name}", wall, cpu)
    return rows


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
        if less > 0.05 and more > 0 and what != "load":
            ratio = large[what]["size"] / small[what]["size"]
            found[what] = float(np.log(more / less) / np.log(ratio))
    return found


def main() -> None:
    """Measure all commands at all sizes, and save the table."""
    made = parser(__doc__)
    made.add_argument("--against", type=Path, help="a checkout to measure beside this one")
    made.add_argument("--stages", action="store_true", help="used by the script itself")
    made.add_argument("--repeat", type=int, default=1, help="runs of each; the least counts")
    made.add_argument("--keep", type=Path, help="a folder for the stores, which are made once")
    arguments = made.parse_args()
    if arguments.stages:
        stages()
        return
    where = about()
    # Some images set it; then each process compiles the Python of all it imports anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sizes = [Size(200, 5, False), Size(2000, 5, False), Size(20, 50, True), Size(20, 500, True)]
    sizes += [Size(200, 5, True), Size(2000, 5, True)]
    if arguments.quick:
        sizes = [Size(20, 2, False), Size(200, 2, False), Size(20, 5, True), Size(20, 10, True)]
    checkouts = {"here": HOME}
    if arguments.against:
        checkouts = {"against": arguments.against.resolve(), **checkouts}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for size in sizes:
            kept = arguments.keep or Path(temporary)
            folder = kept.resolve() / f"{size.arms}-{size.seeds}-{size.records}"
            file, store = folder / "many.py", folder / "runs" / "harness.db"
            if not file.exists():
                (folder / "runs").mkdir(parents=True)
                if size.records:
                    (folder / "many.py").write_text(size.text(), encoding="utf-8")
                    fill(file, str(store))
                file.write_text(size.text(), encoding="utf-8")
            commands = ["plan", "export", "report"] if size.records else ["plan"]
            for name, code in checkouts.items():
                runs = [measured(size, folder, code, commands) for _ in range(arguments.repeat)]
                for same in zip(*runs, strict=True):
                    best = min(same, key=lambda each: each["cpu"])
                    rows.append({**best, "checkout": name})
                    shown = {key: best[key] for key in ("shape", "size", "what", "wall", "cpu")}
                    print(name, *shown.values(), flush=True)
    found = summed(rows, list(checkouts))
    text = f"{found}\n\n{CAPTION}"
    data = [{key: each for key, each in row.items() if key != "output"} for row in rows]
    title = "What plan, export and report take"
    save(arguments.out, "commands", title, where, {"rows": data}, text)


def summed(rows: Sequence[dict[str, Any]], checkouts: Sequence[str]) -> str:
    """Return the table: a line for each command and size, checkouts side by side."""
    head = ["shape", "size", "what"]
    for name in checkouts:
        head += [f"{name}: wall, s", "CPU, s", "growth"]
    head += ["ratio of CPU", "same output"] if len(checkouts) == 2 else []
    grown = {
        (name, shape): growth(
            [row for row in rows if row["checkout"] == name and row["shape"] == shape]
        )
        for name in checkouts
        for shape in {row["shape"] for row in rows}
    }
    body = []
    for row in (each for each in rows if each["checkout"] == checkouts[0]):
        place = tuple(row[key] for key in ("shape", "size", "what"))
        line = [row["shape"], f"{row['size']:,}", row["what"]]
        found = [
            next(
                each
                for each in rows
                if each["checkout"] == name
                and tuple(each[key] for key in ("shape", "size", "what")) == place
            )
            for name in checkouts
        ]
        for name, one in zip(checkouts, found, strict=True):
            exponent = grown[name, row["shape"]].get(row["what"])
            line += [number(one["wall"]), number(one["cpu"]), number(exponent, 2)]
        if len(found) == 2:
            line.append(number(found[1]["cpu"] / found[0]["cpu"]))
            same = found[0]["output"] == found[1]["output"]
            line.append(("yes" if same else "NO") if found[0]["output"] else "")
        body.append(line)
    return table(head, body)


if __name__ == "__main__":
    main()
