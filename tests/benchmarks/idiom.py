"""The same list of trials in the idiom of Optuna's PyTorch tutorial and by ``harness run``.

``python tests/benchmarks/idiom.py`` runs both, one after the other, each in a process of its own
with a fresh store, and prints how long they took. ``--profile PROGRAM`` instead prints where the
time of a program's plain step goes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import torch
from programs import ASKED, LEARNING_RATES, PROGRAMS, Asked, choose
from saving import about, cores, number, parser, save, table

from harness.engines.modes import PLAIN
from harness.engines.prepared import make_ready
from harness.running.find import load
from harness.storing import notes
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.study.converter import to_plain
from harness.trainer.train import make_engine

HERE = Path(__file__).parent
STUDY = HERE / "bench_study.py"

CAPTION = """\
Both sides train the same networks on as many images for as many steps, with the same optimizer,
batch sizes, learning rates and number of seeds, and look at the validation split after each epoch
and at the test split in the end; no trial is pruned. Splits, initial weights and order come from
other random numbers, so accuracies agree within noise, not to the digit.

- *s/trial, idiom*: from the beginning of the program's first trial to the end of its last, divided
  by its trials, which follow one another in one process.
- *s/trial, harness*: `harness run` trains all programs at the same time in its worker processes, so
  a program has no wall time of its own. The wall time of all training, from the first trial leased
  to the last one written, with everything that happens meanwhile (loading, splitting, writing,
  workers that wait for the last one), is divided among the programs in proportion to the training
  seconds that their trials recorded. So the column times its trials adds up to the wall time of
  training, as the idiom's does; *busy* is the smaller share that the recorded seconds alone would
  give (their sum / workers). What comes before and after training, such as choosing modes, is in
  the commands' times alone. Code compiled in earlier runs is not there to be used.
- The harness does more in that time: loss beside accuracy, metrics of the whole training split,
  calibration error and norms, curves of both losses. Its data is in memory as tensors; the idiom's
  goes image by image through a DataLoader without workers, and MNIST's through PIL, as in the
  tutorial.
- *of peak*: floating-point operations of training steps alone (torch.utils.flop_counter), by the
  trial's seconds, over the best torch.mm of 1024 × 1024 in float32, with one thread or with one
  for each processor."""


@dataclass
class Side:
    """What one side did.

    Attributes:
        command: seconds of the whole command.
        before: of these, until the first trial begins.
        training: from the first trial's beginning to the last one's end.
        after: the rest.
        seconds: per trial, by program.
        accuracy: of the test split, by program, learning rate and seed.
        modes: how many trials were trained how, by program.
        failed: a line for each program with trials that failed.
        more: whatever else is known.
    """

    command: float
    before: float
    training: float
    after: float
    seconds: dict[str, float]
    accuracy: dict[str, dict[tuple[float, int], float]]
    modes: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[Any, Any]:
    """Run a command in a folder; return when it began and when it ended."""
    began = datetime.now()
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr[-3000:]}")
    return began, datetime.now()


def environment_of(asked: Asked) -> dict[str, str]:
    """Return the environment of both sides; the data folder is named from any folder."""
    made = asked.environment()
    if "HARNESS_DATA" in made or Path("data").is_dir():
        made["HARNESS_DATA"] = str(Path(made.get("HARNESS_DATA", "data")).expanduser().resolve())
    return made


def span(trials: Sequence[optuna.trial.FrozenTrial]) -> tuple[datetime, datetime]:
    """Return the first beginning and the last end."""
    begins = [each.datetime_start for each in trials if each.datetime_start]
    return min(begins), max(each.datetime_complete for each in trials if each.datetime_complete)


def phases(
    command: tuple[datetime, datetime], trials: Sequence[optuna.trial.FrozenTrial]
) -> tuple[float, float, float, float]:
    """Return the seconds of a command, and of what is before, in and after its training."""
    (began, ended), (first, last) = command, span(trials)
    parts = (ended - began, first - began, last - first, ended - last)
    command_, before, training, after = (each.total_seconds() for each in parts)
    assert min(before, training, after) > 0
    return command_, before, training, after


def idiom(asked: Asked, folder: Path, threads: int) -> Side:
    """Run the tutorial's way."""
    storage = f"sqlite:///{folder / 'idiom.db'}"
    command = [sys.executable, str(HERE / "idiom_trials.py"), "--storage", storage]
    took = run([*command, "--threads", str(threads)], environment_of(asked), folder)
    studies = {name: optuna.load_study(study_name=name, storage=storage) for name in asked.programs}
    every = [trial for study in studies.values() for trial in study.get_trials(deepcopy=False)]
    side = Side(*phases(took, every), {}, {})
    for name, study in studies.items():
        trials = study.get_trials(deepcopy=False)
        assert len(trials) == asked.trials, (name, len(trials))
        first, last = span(trials)
        side.seconds[name] = (last - first).total_seconds() / len(trials)
        done = [each for each in trials if "test_accuracy" in each.user_attrs]
        if len(done) < len(trials):
            side.failed[name] = f"idiom: {len(trials) - len(done)} trials of {name} failed"
        assert {each.user_attrs["steps"] for each in done} <= {PROGRAMS[name].steps}
        side.accuracy[name] = {
            (each.params["lr"], each.params["seed"]): each.user_attrs["test_accuracy"]
            for each in done
        }
        side.more["threads"] = study.user_attrs["threads"]
    return side


def harness(asked: Asked, folder: Path, workers: int, mode: str | None) -> Side:
    """Run the command."""
    command = [sys.executable, "-m", "harness", "run", str(STUDY), "--no-profile"]
    command += ["--device", "cpu", "--workers", str(workers), "--out", str(folder / "runs")]
    command += ["--mode", mode] if mode else []
    # a cache of its own, or what an earlier run compiled would make this one's compiling quick
    cold = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
    took = run(command, environment_of(asked) | cold, folder)
    store = open_store(str(folder / "runs" / "harness.db"), create=False)
    os.environ[ASKED] = asked.environment()[ASKED]
    ledger = Ledger(store, load(str(STUDY)), "bench")
    records = ledger.records()
    assert len(records) == asked.trials * len(asked.programs), len(records)
    (one,) = optuna.get_all_study_names(store.storage)
    every = optuna.load_study(study_name=one, storage=store.storage).get_trials(deepcopy=False)
    busy = dict.fromkeys(asked.programs, 0.0)
    side = Side(*phases(took, every), {}, {name: {} for name in asked.programs})
    modes: dict[str, Counter[str]] = {name: Counter() for name in asked.programs}
    for record in records:
        name = str(record.levels["program"])
        if record.state != "complete":
            side.failed[name] = f"harness: a trial of {name} failed: {record.reason}"
            continue
        assert record.cost["steps"] == PROGRAMS[name].steps
        busy[name] += record.cost["seconds"]
        modes[name][record.env["mode"]] += 1
        at = (float(record.levels["lr"]), record.seed)
        side.accuracy[name][at] = record.metrics["test_accuracy"]
    total = sum(busy.values())
    choices = notes.choices(ledger)
    chosen = [choice for modes in choices.values() for choice in modes.values()]
    side.seconds = {
        name: side.training * busy[name] / total / asked.trials for name in asked.programs
    }
    side.modes = {
        name: "; ".join(f"{how} ({count})" for how, count in found.most_common())
        for name, found in modes.items()
    }
    side.more = {
        "workers": workers,
        "choosing_modes": sum(each.seconds for each in chosen),
        "busy_share": total / workers / side.training,
        "busy": {name: busy[name] / workers / asked.trials for name in asked.programs},
        "choices": {
            program: to_plain(choice)
            for program, modes in choices.items()
            for choice in modes.values()
        },
    }
    return side


def peak(threads: int) -> float:
    """Return the floating-point operations per second of the best of many matrix products."""
    size = 1024
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    one, other, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    best, ends = float("inf"), time.perf_counter() + 0.5
    while time.perf_counter() < ends:
        started = time.perf_counter()
        torch.mm(one, other, out=out)
        best = min(best, time.perf_counter() - started)
    torch.set_num_threads(before)
    return 2 * size**3 / best


def accuracy(values: Mapping[tuple[float, int], float]) -> str:
    """Write the mean over trials, and their standard deviation."""
    if not values:
        return "–"
    found = list(values.values())
    spread = f" ± {100 * statistics.stdev(found):.1f}" if len(found) > 1 else ""
    return f"{100 * statistics.mean(found):.1f}{spread}"


def difference(
    one: Mapping[tuple[float, int], float], other: Mapping[tuple[float, int], float]
) -> dict[str, float | None]:
    """Return the mean difference of accuracy at the same rate and seed, and its standard error."""
    found = [other[at] - one[at] for at in one if at in other]
    error = statistics.stdev(found) / len(found) ** 0.5 if len(found) > 1 else None
    return {"mean": statistics.mean(found) if found else None, "standard_error": error}


def compared(asked: Asked, tutorial: Side, own: Side, peaks: Mapping[str, float]) -> list[Any]:
    """Return a row of figures for each program."""
    rows = []
    for name in asked.programs:
        program = PROGRAMS[name]
        flops = program.flops()
        fair = name not in tutorial.failed and name not in own.failed
        work = flops * program.steps / max(peaks.values())
        rows.append(
            {
                "program": name,
                "trials": asked.trials,
                "steps": program.steps,
                "flops_per_step": flops,
                "idiom_seconds": tutorial.seconds[name],
                "harness_seconds": own.seconds[name],
                "harness_busy_seconds": own.more["busy"][name],
                "ratio": tutorial.seconds[name] / own.seconds[name] if fair else None,
                "idiom_of_peak": work / tutorial.seconds[name],
                "harness_of_peak": work / own.seconds[name] if fair else None,
                "idiom_accuracy": list(tutorial.accuracy[name].values()),
                "harness_accuracy": list(own.accuracy[name].values()),
                "idiom_accuracy_shown": accuracy(tutorial.accuracy[name]),
                "harness_accuracy_shown": accuracy(own.accuracy[name]),
                "difference": difference(tutorial.accuracy[name], own.accuracy[name]),
                "mode": own.modes[name],
            }
        )
    return rows


def written(rows: Sequence[Any], tutorial: Side, own: Side, notes: Sequence[str]) -> str:
    """Return the tables and what they mean."""

    def points(row: Any) -> str:
        mean, error = row["difference"]["mean"], row["difference"]["standard_error"]
        if mean is None:
            return "–"
        return f"{100 * mean:+.2f}" + (f" ± {100 * error:.2f}" if error is not None else "")

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.2g} %"

    head = (
        "program", "trials", "s/trial, idiom", "s/trial, harness", "busy", "ratio",
        "test accuracy, idiom, % (sd)", "harness", "difference, pp (se)", "of peak, idiom",
        "harness", "mode (trials)",
    )  # fmt: skip
    body = [
        (row["program"], row["trials"], number(row["idiom_seconds"]),
         number(row["harness_seconds"]), number(row["harness_busy_seconds"]),
         number(row["ratio"]), row["idiom_accuracy_shown"], row["harness_accuracy_shown"],
         points(row), percent(row["idiom_of_peak"]), percent(row["harness_of_peak"]), row["mode"])
        for row in rows
    ]  # fmt: skip
    spent = [
        (what, number(one), number(other), number(one / other) if shown else "–")
        for what, one, other, shown in (
            ("whole command", tutorial.command, own.command, True),
            ("before training", tutorial.before, own.before, False),
            ("of it choosing modes", None, own.more["choosing_modes"], False),
            ("training", tutorial.training, own.training, True),
            ("after training", tutorial.after, own.after, False),
        )
    ]
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    parts = [table(head, body)]
    if ratios:
        mean = statistics.geometric_mean(ratios)
        parts.append(
            f"Ratios of {len(ratios)} programs: geometric mean {number(mean)}, "
            f"minimum {number(min(ratios))}."
        )
    parts.append(table(("seconds", "idiom", "harness", "ratio"), spent))
    parts.append(
        f"The idiom's process had torch's {tutorial.more['threads']} threads; the harness "
        f"{own.more['workers']} worker processes of one thread, which were training "
        f"{100 * own.more['busy_share']:.0f} % of the training phase."
    )
    return "\n\n".join([*parts, *notes, CAPTION])


def print_profile(name: str) -> None:
    """Print where the time of a program's plain step goes, on one thread."""
    torch.set_num_threads(1)
    program = PROGRAMS[name]
    member = make_ready(program.training(LEARNING_RATES[0]), 0, torch.device("cpu"))
    engine = make_engine(PLAIN, [member])
    engine.start()
    steps = min(50, member.steps)
    engine.epoch(0, steps)
    times = []
    for _ in range(10):
        started = time.perf_counter()
        engine.epoch(0, steps)
        times.append((time.perf_counter() - started) / steps)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        engine.epoch(0, steps)
    engine.stop()
    best, flops, most = min(times), program.flops(), peak(1)
    print(profiled.key_averages().table(sort_by="self_cpu_time_total", row_limit=15))
    print(
        f"{name}: {1e6 * best:,.0f} µs a step without the profiler (best of 10 blocks of {steps}), "
        f"{flops / 1e6:,.2f} MFLOP: {100 * flops / best / most:.2g} % of the {most / 1e9:.3g} "
        f"GFLOP/s that one thread reaches in a matrix product"
    )


def main() -> None:
    """Run both sides and save the tables."""
    made = parser(__doc__)
    made.add_argument("--programs", nargs="+", default=list(PROGRAMS), metavar="PROGRAM")
    made.add_argument("--trials", type=int, help="of each program (12; 3 where quick)")
    made.add_argument("--workers", type=int, default=cores(), help="of the harness")
    made.add_argument("--mode", help="plain, fused or compiled, where it is not to choose")
    made.add_argument("--idiom-threads", type=int, default=0, help="torch's own number, if 0")
    made.add_argument("--harness-first", action="store_true", help="the other order")
    made.add_argument("--profile", choices=list(PROGRAMS), help="where a step's time goes, instead")
    arguments = made.parse_args()
    if arguments.profile:
        print_profile(arguments.profile)
        return
    trials = arguments.trials or (3 if arguments.quick else 12)
    programs, notes = choose(arguments.programs)
    for line in notes:
        print(line, flush=True)
    if not programs:
        raise SystemExit("no program is left to be trained")
    where = about()
    asked = Asked.of(programs, trials)
    peaks = {"one thread": peak(1), "all processors": peak(cores())}
    sides: dict[str, Side] = {}
    with tempfile.TemporaryDirectory() as folder:
        order = ("harness", "idiom") if arguments.harness_first else ("idiom", "harness")
        for which in order:
            print(f"{which}: {asked.trials} trials of each of {len(programs)} programs", flush=True)
            if which == "idiom":
                sides[which] = idiom(asked, Path(folder), arguments.idiom_threads)
            else:
                sides[which] = harness(asked, Path(folder), arguments.workers, arguments.mode)
    tutorial, own = sides["idiom"], sides["harness"]
    rows = compared(asked, tutorial, own, peaks)
    notes += [*tutorial.failed.values(), *own.failed.values()]
    data = {
        "asked": asdict(asked),
        "order": order,
        "peak_flops_per_second": peaks,
        "programs": rows,
        "idiom": _plain(tutorial),
        "harness": _plain(own),
        "notes": notes,
    }
    lines = [f"- {each}" for each in notes]
    lines.append(
        f"Peak: {peaks['one thread'] / 1e9:.3g} GFLOP/s with one thread, "
        f"{peaks['all processors'] / 1e9:.3g} with {cores()}."
    )
    title = "Optuna's tutorial idiom beside `harness run`"
    save(arguments.out, "idiom", title, where, data, written(rows, tutorial, own, lines))


def _plain(side: Side) -> dict[str, Any]:
    """Return a side as plain values; accuracies stand in the rows."""
    values = asdict(side)
    del values["accuracy"]
    return values


if __name__ == "__main__":
    main()
