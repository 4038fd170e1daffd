"""A search on MNIST by ``harness search`` and in the idiom of Optuna's tutorial, in one run.

``python tests/benchmarks/search_mnist.py`` runs ``searches.mnist_cnn`` and ``search_idiom.py``, one
after the other, each in a process of its own with a fresh store and as many trainings. Then it
trains both winners on fresh seeds, which is not timed.
"""

import contextlib
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
import torch
from saving import about, cores, number, parser, save, table

from harness.data.folder import data_folder
from harness.engines.modes import PLAIN
from harness.running.find import find, load
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.trainer.train import Request, TrainingResult, train_together

HERE = Path(__file__).parent
SEARCH = "searches.mnist_cnn"
FRESH = range(1000, 1005)
"""Seeds that neither side has seen."""

CAPTION = """\
- *whole command*: from start to end, with imports, and on the harness's side choosing modes and
  the report. *processors in it*: user and system seconds of all its processes. *training*: from
  the beginning of the first trial to the end of the last.
- Of the harness's trainings some try no setting: they run the best three and the default on fresh
  seeds. The idiom spends all on settings, one after another; each takes the best value that it saw.
- Both look at the validation split after each epoch. The harness also measures loss and accuracy on
  the whole training split, calibration and norms, and on fresh seeds the 10,000 test images.
- *on fresh seeds*: both winners trained by the harness on seeds that neither has seen, mean ± sd.
  Validation images are other ones for each seed."""


@dataclass(frozen=True)
class Side:
    """What one side did.

    Attributes:
        command: seconds of the whole command.
        cpu: seconds of processors that it used, those of its workers among them.
        training: from the beginning of the first trial to the end of the last.
        trainings: how many there were.
        settings: the winner.
        shown: its validation loss as the search saw it.
        tried: how many settings were tried.
    """

    command: float
    cpu: float
    training: float
    trainings: int
    settings: dict[str, Any]
    shown: float
    tried: int


def run(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command in a folder; return its seconds, and those of processors that it used."""
    made = {**os.environ, "HARNESS_DATA": str(data_folder().resolve())}
    before, began = used(), time.perf_counter()
    done = subprocess.run(
        command, env=made, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr[-3000:]}")
    took = time.perf_counter() - began
    with contextlib.suppress(ChildProcessError):  # servers of workers outlive it for a moment
        while True:
            os.waitpid(-1, 0)
    return took, used() - before


def used() -> float:
    """Return the processor seconds of all processes below this one that have ended."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def adopt_orphans() -> None:
    """Let this process wait for what its children leave behind, so that it is counted (Linux)."""
    if sys.platform == "linux":
        set_child_subreaper = 36  # PR_SET_CHILD_SUBREAPER
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def span(study: optuna.Study) -> float:
    """Return the seconds from the first trial's beginning to the last one's end."""
    trials = study.get_trials(deepcopy=False)
    begins = [each.datetime_start for each in trials if each.datetime_start]
    ends = [each.datetime_complete for each in trials if each.datetime_complete]
    return (max(ends) - min(begins)).total_seconds()


def idiom(folder: Path, trials: int, threads: int) -> Side:
    """Run the tutorial's way."""
    scale = load(find(SEARCH)).scales["quick"]
    sizes = {
        "train": scale.data.train, "validation": scale.data.validation, "epochs": scale.epochs,
    }  # fmt: skip
    storage = f"sqlite:///{folder / 'idiom.db'}"
    command = [sys.executable, str(HERE / "search_idiom.py"), "--storage", storage]
    command += ["--trials", str(trials), "--threads", str(threads)]
    command += [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
    took, cpu = run(command, folder)
    study = optuna.load_study(study_name="mnist_cnn", storage=storage)
    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    best = float(study.best_value)
    return Side(took, cpu, span(study), len(done), study.best_params, best, len(done))


def harness(folder: Path, trials: int, confirm: int | None) -> Side:
    """Run the command."""
    command = [sys.executable, "-m", "harness", "search", SEARCH, "--trials", str(trials)]
    command += ["--device", "cpu", "--out", str(folder / "runs"), "--quiet"]
    command += [] if confirm is None else ["--confirm", str(confirm)]
    took, cpu = run(command, folder)
    best = json.loads((folder / "runs" / "mnist_cnn-quick" / "best.json").read_text())
    store = open_store(str(folder / "runs" / "harness.db"), create=False)
    records = Ledger(store, load(find(SEARCH)), "quick").records()
    done = [each for each in records if each.state == "complete"]
    tried = min(each.metrics["validation_loss"] for each in done if each.role == "tune")
    (one,) = optuna.get_all_study_names(store.storage)
    seconds = span(optuna.load_study(study_name=one, storage=store.storage))
    return Side(took, cpu, seconds, len(done), best["settings"], tried, best["tried"])


def fresh(settings: dict[str, Any]) -> dict[str, str]:
    """Train a winner on fresh seeds; return what it is worth there."""
    study = load(find(SEARCH))
    assert study.build is not None
    _, scale = study.scale("quick")
    training = study.build(scale, **settings)
    results = []
    for seed in FRESH:
        (one,) = train_together([Request(training, seed)], torch.device("cpu"), PLAIN)
        assert isinstance(one, TrainingResult), one
        results.append(one.metrics)
    return {name: spread([each[name] for each in results]) for name in SHOWN}


SHOWN = ("validation_loss", "validation_accuracy", "test_loss", "test_accuracy")


def spread(values: list[float]) -> str:
    """Write a mean and its standard deviation."""
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def main() -> None:
    """Run both sides and save the tables."""
    made = parser(__doc__)
    made.add_argument("--trials", type=int, help="of each side (64; 12 where quick)")
    made.add_argument("--idiom-threads", type=int, default=0, help="torch's own number, if 0")
    made.add_argument("--harness-first", action="store_true", help="the other order")
    arguments = made.parse_args()
    trials = arguments.trials or (12 if arguments.quick else 64)
    confirm = 1 if trials < 40 else None
    if not (data_folder() / "MNIST" / "raw").is_dir():
        raise SystemExit("MNIST must lie in the data folder, which HARNESS_DATA names")
    adopt_orphans()
    where = about()
    sides: dict[str, Side] = {}
    with tempfile.TemporaryDirectory() as folder:
        for which in ("harness", "idiom") if arguments.harness_first else ("idiom", "harness"):
            print(f"{which}: {trials} trainings", flush=True)
            sides[which] = (
                idiom(Path(folder), trials, arguments.idiom_threads)
                if which == "idiom"
                else harness(Path(folder), trials, confirm)
            )
    one, other = sides["idiom"], sides["harness"]
    if one.trainings != other.trainings:
        raise SystemExit(f"not as many trainings: {one.trainings} and {other.trainings}")
    torch.set_num_threads(1)  # as in the harness's workers
    where["load_after"] = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    worth = {name: fresh(side.settings) for name, side in sides.items()}
    rows = [
        ("trainings", one.trainings, other.trainings, "–"),
        ("settings tried", one.tried, other.tried, "–"),
        *(
            (f"{what}, s", number(a), number(b), number(a / b))
            for what, a, b in (
                ("whole command", one.command, other.command),
                ("processors in it", one.cpu, other.cpu),
                ("training", one.training, other.training),
            )
        ),
        ("best validation loss as searched", f"{one.shown:.4f}", f"{other.shown:.4f}", "–"),
        *(
            (f"{name.replace('_', ' ')} on fresh seeds", worth["idiom"][name],
             worth["harness"][name], "–")
            for name in SHOWN
        ),
    ]  # fmt: skip
    chosen = [
        f"- {name}: " + ", ".join(f"{key}={value:.3g}" for key, value in side.settings.items())
        for name, side in sides.items()
    ]
    lines = [table(("", "idiom", "harness", "ratio"), rows), *chosen, f"- {cores()} cores", CAPTION]
    data = {"trials": trials, "worth": worth, **{name: asdict(x) for name, x in sides.items()}}
    title = "A search on MNIST: Optuna's tutorial idiom beside `harness search`"
    save(arguments.out, "search_mnist", title, where, data, "\n\n".join(lines))


if __name__ == "__main__":
    main()
