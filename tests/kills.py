"""Kill processes that share a store, many times, and see that nothing is lost or done twice.

Two `harness run` train a study together. At random moments one of them is killed by SIGKILL and
started again, until so many were killed; then both come to their end. At the end every trial must
be there once, finished, and with the record of an undisturbed run, bit for bit.

    python -m tests.kills                       # twenty kills on an SQLite file
    python -m tests.kills --store journal       # or postgresql, where one is installed
    python -m tests.kills --own                 # trials are a function that saves after each epoch
    python -m tests.kills --search              # a search, with a pruner: the same settings, too
    python -m tests.kills --pretend             # much sooner: nothing is trained
    python -m tests.kills --times               # how much sooner several processes end
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from optuna.storages import RDBStorage

from harness.storing.ledger import Ledger
from harness.storing.owners import Runner
from harness.storing.store import open_store
from tests.postgres import Cluster
from tests.pretend import Farm, Pretence, study, wall
from tests.pretend import figures as figures_of

STUDY = '''
"""Does it survive?"""

from harness import Factor, Higher, Scale, Study, Training, Tuned
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD


def build(scale: Scale, width: int, decay: float, lr: float) -> Training:
    return Training(
        data=digits(train=300, validation=100, test=200), model=MLP(hidden=(width,)),
        optimizer=SGD(lr=lr, momentum=0.9, weight_decay=decay), batch_size=10,
        epochs=scale.epochs,
    )


study = Study(
    name="survivor", question="Does it survive?",
    factors=(Factor("width", (4, 16)), Factor("decay", (0.0, 0.001))),
    tuned=(Tuned("lr", 0.001, 1.0, log=True, trials=4),), build=build,
    scales={"quick": Scale(epochs=40, seeds=10)},
    claims=(
        Higher("16 is better than 4.", metric="test_accuracy", higher={"width": 16},
               lower={"width": 4}, by=0.01),
    ),
)
'''
OWN = '''
"""Does it survive?"""

import time

import torch

from harness import Context, Factor, Higher, Metric, Scale, Study, Tuned


def train(context: Context, width: int, decay: float, lr: float) -> dict[str, float]:
    torch.manual_seed(context.seed_for("weights"))
    nn = torch.nn
    model = nn.Sequential(nn.Linear(8, width), nn.Tanh(), nn.Linear(width, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    start = context.restore(model=model, optimizer=optimizer)
    with (context.folder / "starts").open("a") as file:
        print(start, file=file)
    for epoch in range(start, context.scale.epochs):
        for _ in range(20):
            inputs = torch.randn(16, 8)  # from the global generator, whose state is saved
            loss = (model(inputs) - inputs.prod(1, keepdim=True)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        time.sleep(0.05)
        context.report(epoch, validation_loss=loss.item())
        context.save(epoch + 1, model=model, optimizer=optimizer)
    return {"test_loss": loss.item()}


study = Study(
    name="survivor", question="Does it survive?",
    factors=(Factor("width", (4, 16)), Factor("decay", (0.0, 0.001))),
    tuned=(Tuned("lr", 0.001, 0.1, log=True, trials=4),), train=train,
    metrics=(Metric("test_loss", better="lower"), Metric("validation_loss", better="lower")),
    scales={"quick": Scale(epochs=30, seeds=10)},
    claims=(
        Higher("16 is better than 4.", metric="test_loss", higher={"width": 4},
               lower={"width": 16}, by=0.01),
    ),
)
'''
SEARCH = '''
"""Does it survive?"""

from harness import Choice, Float, Int, Scale, Search, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD, Adam


def build(
    scale: Scale, way: str, lr: float, width: int, momentum: float | None
) -> Training:
    return Training(
        data=digits(train=300, validation=100, test=200), model=MLP(hidden=(width,)),
        optimizer=Adam(lr=lr) if momentum is None else SGD(lr=lr, momentum=momentum),
        batch_size=10, epochs=scale.epochs,
    )


search = Search(
    name="survivor", question="Does it survive?",
    space=(
        Choice("way", ("adam", "sgd")), Float("lr", 0.001, 1.0, log=True),
        Int("width", 4, 64, log=True), Float("momentum", 0.0, 0.95, when={"way": "sgd"}),
    ),
    build=build, scales={"quick": Scale(epochs=200)}, trials=56, pruner="median", batch=6,
)
'''
TRIALS = 4 * (4 + 10)
"""Of each of the three."""

VERBS = {SEARCH: "search"}

FIXED = ["arm", "role", "seed", "key", "state", "tuned_lr"]


@dataclass
class Figures:
    """What became of it.

    Attributes:
        kills: processes that were alive when they were killed.
        training: how many of them had trials of their own then.
        done: numbers of finished trials at each kill.
        trials: records at the end.
        resumed: how often a trial went on from what it had saved.
        seconds: from the first start to the last end.
    """

    kills: int = 0
    training: int = 0
    done: list[int] = field(default_factory=list)
    trials: int = 0
    resumed: int = 0
    seconds: float = 0.0


def harness(folder: Path, *words: str) -> None:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words], cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(f"{words} ended with {done.returncode}: {done.stderr}")


def start(folder: Path, name: str, store: str, verb: str) -> subprocess.Popen[bytes]:
    """Start one of the processes; its own reports go to a folder of its own."""
    words = [verb, "survivor.py", "--store", store, "--out", name, "--workers", "1"]
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *words, "--no-profile", "--mode", "plain"],
            cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def table(folder: Path, store: str, file: str) -> pd.DataFrame:
    """Return all records, but for what depends on when and how fast they were made."""
    harness(folder, "export", "survivor.py", "--store", store, "--to", file)
    frame = pd.read_csv(folder / file)
    metrics = [name for name in frame.columns if name.startswith("metric_")]
    return frame[FIXED + metrics].sort_values(["key", "state"], ignore_index=True)


def progress(store: str) -> Callable[[], tuple[int, set[int]]]:
    """Return what counts finished trials, and names the processes with trials of their own."""
    opened = open_store(store)

    def count() -> tuple[int, set[int]]:
        done, busy = 0, set()
        for each in opened.storage.get_all_studies():
            identity = opened.storage.get_study_id_from_name(each.study_name)
            for trial in opened.storage.get_all_trials(identity, deepcopy=False):
                done += trial.state.name in {"COMPLETE", "PRUNED"}
                runner = trial.user_attrs.get("runner")
                if trial.state.name == "RUNNING" and runner:
                    busy.add(Runner.parse(runner).pid)
        return done, busy

    return count


def strike(folder: Path, store: str, kills: int, seed: int, text: str = STUDY) -> Figures:
    """Kill and start again, then let both end; check what is left.

    Args:
        folder: where all of it is.
        store: the store's URL or path.
        kills: how many.
        seed: of when they come.
        text: the study's file.

    Raises:
        AssertionError: something was lost, done twice, or differs from an undisturbed run.
    """
    (folder / "survivor.py").write_text(text)
    whole, verb = f"{folder}/whole.db", VERBS.get(text, "run")
    harness(folder, verb, "survivor.py", "--store", whole, "--out", "whole", "--no-profile",
            "--mode", "plain")  # fmt: skip
    draw, figures, begun = random.Random(seed), Figures(), time.monotonic()
    running = {name: start(folder, name, store, verb) for name in ("one", "two")}
    look = progress(store)
    known = 0
    while figures.kills < kills:
        name = draw.choice(sorted(running))
        if figures.kills % 3:  # a little after one more trial was finished
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and any(p.poll() is None for p in running.values()):
                done, busy = look()
                name = next((each for each, p in running.items() if p.pid in busy), name)
                if done > known and running[name].pid in busy:
                    break
                time.sleep(0.1)
            if text is OWN and figures.kills % 3 == 1:  # or all kills may come before a first save
                while time.monotonic() < deadline and not list(
                    folder.glob("x.db.trials/*/*/saved")
                ):
                    time.sleep(0.05)
                name = next((each for each, p in running.items() if p.pid in look()[1]), name)
            time.sleep(draw.uniform(0.0, 2.0))
        else:  # anywhere, start-up included
            time.sleep(draw.uniform(0.5, 10.0))
        victim = running[name]
        done, busy = look()
        assert done >= known, f"finished trials were lost: {known}, then {done}"
        known = done
        if all(each.poll() is not None for each in running.values()):
            break
        if victim.poll() is None:
            os.kill(victim.pid, signal.SIGKILL)
            figures.kills += 1
            figures.training += victim.pid in busy
            figures.done.append(done)
        victim.wait()
        running[name] = start(folder, name, store, verb)
    codes = {name: each.wait(600) for name, each in running.items()}
    figures.seconds = time.monotonic() - begun
    assert set(codes.values()) == {0}, {
        name: (folder / f"{name}.log").read_text() for name in codes
    }
    mine, theirs = table(folder, store, "struck.csv"), table(folder, whole, "whole.csv")
    figures.trials = len(mine)
    starts = [each.read_text().split() for each in folder.glob("x.db.trials/*/*/files/starts")]
    figures.resumed = sum(start != "0" for trial in starts for start in trial)
    assert len(theirs) == TRIALS
    assert mine["key"].is_unique, "a trial has two records"
    assert set(mine["state"]) == ({"complete", "pruned"} if text is SEARCH else {"complete"})
    pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
    shown = "metric_validation_loss" if text is SEARCH else "metric_test_loss"
    assert theirs[shown].nunique() > TRIALS / 2, "all the same shows nothing"
    return figures


def strike_pretenders(farm: Farm, store: str, kills: int, seed: int) -> Figures:
    """Do the same to processes that only pretend to train, which start much sooner.

    Raises:
        AssertionError: something was lost, done twice, or is not what it must be.
    """
    draw, figures, begun = random.Random(seed), Figures(), time.monotonic()
    pretence = Pretence(seconds=0.2, seeds=20, budget=4)
    total = 6 * (pretence.seeds + pretence.budget)
    running = [farm.start(store, pretence)[0] for _ in range(2)]
    while figures.kills < kills:
        time.sleep(draw.uniform(0.0, 1.0))
        place = draw.randrange(2)
        if all(each.code is not None for each in running):
            break
        if running[place].code is None:
            running[place].kill()
            figures.kills += 1
        running[place].end()
        running[place] = farm.start(store, pretence)[0]
    said = [each.end() for each in running]
    figures.seconds = time.monotonic() - begun
    assert [each.code for each in said] == [0, 0], said
    opened = open_store(store)
    found = Ledger(opened, study(pretence), "quick").records()
    figures.trials = len(found)
    assert len(found) == len({each.key for each in found}) == total
    assert {each.state for each in found} == {"complete"}
    assert all(dict(each.metrics) == figures_of(each.key) for each in found)
    # by one process, undisturbed, the same trials: tuning too came to the same
    (alone,) = farm.together(f"{farm.folder}/{seed}.db", replace(pretence, seconds=0.0))
    assert alone.trained == total
    whole = Ledger(open_store(f"{farm.folder}/{seed}.db"), study(pretence), "quick").records()
    assert {each.key for each in whole} == {each.key for each in found}
    if isinstance(opened.storage, RDBStorage):
        opened.storage.engine.dispose()
    return figures


def times(seconds: float) -> None:
    """Print how long several processes take, beside one."""
    with tempfile.TemporaryDirectory() as name:
        farm, count, alone = Farm(Path(name)), 0, 0.0
        for kind, more in (("plain", {}), ("fused", {"models": 8}), ("tuned", {"budget": 4})):
            for confs in (
                [(2, 0.0)], [(2, 0.0), (2, 0.0)], [(2, 0.0), (2, 1.0)], [(2, 0.0), (4, 1.0)],
                [(1, 0.0)], [(1, 0.0), (1, 0.3), (1, 0.6), (1, 0.9)],
            ):  # fmt: skip
                count += 1
                said = farm.together(
                    f"{name}/{count}.db",
                    *[Pretence(workers=w, seconds=seconds, late=late, **more) for w, late in confs],
                )
                took = wall(said)
                alone = took if len(confs) == 1 else alone
                shown = " + ".join(f"{w} workers after {late:g} s" for w, late in confs)
                shares = ", ".join(str(each.trained) for each in said)
                print(
                    f"{kind}: {shown}: {took:.1f} s, {took / alone:.0%}; trials {shares}",
                    flush=True,
                )
        farm.stop()


def main() -> None:
    """Do it, and print what became of it."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--store", choices=("sqlite", "journal", "postgresql"), default="sqlite")
    made.add_argument("--kills", type=int, default=20)
    made.add_argument("--seed", type=int, default=20261126)
    made.add_argument("--own", action="store_true", help="trials are a function that saves")
    made.add_argument("--search", action="store_true", help="they search settings")
    made.add_argument("--pretend", action="store_true", help="workers only pretend to train")
    made.add_argument("--times", action="store_true", help="measure how work is shared instead")
    made.add_argument("--seconds", type=float, default=0.5, help="of a trial, with --times")
    words = made.parse_args()
    if words.times:
        times(words.seconds)
        return
    cluster = Cluster() if words.store == "postgresql" else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = f"journal:///{folder}/x.log" if words.store == "journal" else f"{folder}/x.db"
        try:
            url = store if cluster is None else cluster.database()
            if words.pretend:
                farm = Farm(folder)
                figures = strike_pretenders(farm, url, words.kills, words.seed)
                farm.stop()
            else:
                text = OWN if words.own else SEARCH if words.search else STUDY
                figures = strike(folder, url, words.kills, words.seed, text)
        finally:
            if cluster is not None:
                cluster.remove()
    of = f", {figures.training} of processes that had begun a trial" if figures.done else ""
    print(
        f"{words.store}: {figures.kills} kills in {figures.seconds:.0f} s{of}; at the end all "
        f"{figures.trials} trials, none twice, the same bits as undisturbed"
    )
    if words.own:
        print(f"{figures.resumed} times a trial went on from what it had saved")
        assert figures.resumed, "or saving was never tried"
    if figures.done:
        print(f"trials finished at each kill: {figures.done}")
    if figures.kills < words.kills:
        sys.exit(f"only {figures.kills} of {words.kills} kills came before the end")


if __name__ == "__main__":
    main()
