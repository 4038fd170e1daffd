"""A function of the user's own as a trial: what it is given, what comes of it, and kills."""

from __future__ import annotations

import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness import Context, Factor, HarnessError, Higher, Metric, Scale, Sooner, Study, Tuned
from harness.own import apart
from harness.own.processes import thread_names
from harness.own.saves import TrialFolder
from harness.own.seeds import seed_for, seeded
from harness.own.states import random_states, set_random_states, set_state, state_of
from harness.own.stopping import Stopping
from harness.running import functions
from harness.running.executors import Options, Processes
from harness.running.jobs import ProfileJob, TimeJob, TrainJob, WarmJob, do
from harness.running.named import Named
from harness.running.telling import Told
from harness.running.workplace import Workplace
from harness.stopping import Bound
from harness.storing.artifacts import FolderOfArtifacts
from harness.study.metrics import STEP
from harness.trials.outcome import Outcome
from harness.trials.records import Role
from harness.trials.trial import TUNING_SEED, make_trial
from tests import own_study, own_ways

FORKS = pytest.mark.skipif(not apart.possible, reason="needs processes that end with their parent")


def context(folder: Path, seed: int = 0, **more: Any) -> Context:
    more = {"choosing": False, "folder": TrialFolder(folder, "key"), **more}
    return Context(seed, "cpu", {"epochs": 4}, **more)


def at(folder: Path, study: Study, *, forked: bool = True, tell: Any = None) -> Workplace:
    artifacts = FolderOfArtifacts(folder / "networks")
    return Workplace(study, torch.device("cpu"), artifacts, folder, tell, apart=forked)


def named(study: Study, arm: str, role: Role = "evaluate", seed: int = 0) -> Named:
    found = next(each for each in study.arms("quick") if each.name == arm)
    settings = {each.name: each.start for each in study.tuned}
    return Named.of(make_trial(study, "quick", found, seed, role, settings), "quick")


def outcome(place: Workplace, name: Named) -> Outcome:
    answer = do(TrainJob((name,)), place)
    assert not answer.reason
    (found,) = answer.outcomes
    return found


# ---- what a study may declare -------------------------------------------------------------------


def declare(**changes: Any) -> Study:
    given: dict[str, Any] = {
        "name": "own",
        "question": "Does it?",
        "factors": (Factor("width", (2, 8)),),
        "tuned": (Tuned("lr", 0.001, 0.1, log=True),),
        "train": own_study.train,
        "metrics": own_study.METRICS,
        "objective": "validation_loss",
        "scales": {"quick": Scale(epochs=2, seeds=5)},
    }
    return Study(**{**given, **changes})


def other_parameters(context: Context, width: int) -> dict[str, float]:
    return {"loss": float(width + context.seed)}


def closure() -> Callable[..., Any]:
    value = 3.0

    def train(context: Context, width: int, lr: float) -> dict[str, float]:
        return {"test_error": value * width * lr + context.seed}

    return train


WRONG = [
    ({"train": other_parameters}, "'lr' is not a parameter of train"),
    ({"train": own_study.train, "tuned": ()}, "train's 'lr' is no factor and no tuned setting"),
    ({"train": closure()}, "a function made within another"),
    ({"train": lambda context, width, lr: {}}, "<lambda>"),
    ({"train": 3}, "train must be a function; got 3"),
    ({"build": lambda scale, width, lr: None}, "got build= and train="),
    ({"metrics": ()}, "a study must declare the metrics that its trials give"),
    ({"metrics": ("loss",)}, "must be a tuple, each of it a Metric"),
    ({"metrics": (Metric("a-b"), Metric("validation_loss"))}, "must be a Python name"),
    ({"metrics": (Metric("step_seconds"),)}, "that no cost has"),
    ({"metrics": (Metric("x"), Metric("x"))}, "'x' twice"),
    ({"metrics": (Metric("x", better="up"),)}, "Metric('x', better=...) must be 'higher'"),  # type: ignore[arg-type]
    ({"metrics": (Metric("x", unit="\n"),)}, "a metric's unit"),
    ({"metrics": (Metric("x", least=math.nan),)}, "must be the smallest value"),
    ({"metrics": (Metric("validation_loss"),)}, "must have a better direction"),
    ({"objective": "validation_accuracy"}, "Write objective='validation_loss'"),
    ({"objective": "test_error"}, "that is no test metric"),
    ({"measures": (object(),)}, "measures= without build="),
    ({"limit": 0}, "Study(limit=...) must be above 0"),
    ({"step": other_parameters}, "'lr' is not a parameter of step"),
    ({"step": own_study.step, "train": None}, "step= without train="),
    (
        {"claims": (Higher("x", metric="loss", higher={"width": 2}, lower={"width": 8}, by=0.1),)},
        "Or add Metric('loss', better='higher')",
    ),
    (
        {
            "claims": (
                Higher("x", metric="step_seconds", higher={"width": 2}, lower={"width": 8}, by=0.1),
            )
        },
        "'step_seconds', which needs a step to be measured. Add step=step",
    ),
    (
        {
            "step": own_study.step,
            "claims": (
                Higher("x", metric="parameters", higher={"width": 2}, lower={"width": 8}, by=0.1),
            ),
        },
        "Let train return it under another name, such as own_parameters",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_cannot_be_run_is_one_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError) as error:
        declare(**changes)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_curve_of_the_studys_own_may_have_a_target() -> None:
    claim = Sooner("x", metric="validation_loss", reaches=0.1, sooner={"width": 2},
                   later={"width": 8}, by=0.1)  # fmt: skip
    assert declare(claims=(claim,)).metric("validation_loss").better == "lower"


def test_where_nothing_is_chosen_any_metric_stands_for_the_objective() -> None:
    study = declare(train=other_parameters, tuned=(), objective="validation_loss",
                    metrics=(Metric("loss"), Metric("other")))  # fmt: skip
    assert study.objective == "loss"
    assert study.declaration("quick").objective == "loss"


def test_build_takes_no_metrics_and_no_limit() -> None:
    def build(scale: Scale, width: int, lr: float) -> Any: ...

    for more, said in (({"metrics": own_study.METRICS}, "which records its own"),
                       ({"metrics": (), "limit": 3}, "limit= beside build=")):  # fmt: skip
        with pytest.raises(HarnessError, match=said):
            declare(build=build, train=None, objective="validation_loss", **more)


def test_a_study_with_nothing_to_run_is_refused_when_it_is_run() -> None:
    study = declare(train=None)
    assert study.source == "results"
    with pytest.raises(HarnessError, match="none of build=, train= and command="):
        make_trial(study, "quick", study.arms("quick")[0], 0, "evaluate", {"lr": 0.01})


# ---- keys ---------------------------------------------------------------------------------------

FILE = """
from harness import Factor, Metric, Scale, Study

def helper(width):
    return width * 2.0

def train(context, width):
    return {"loss": helper(width)}

def step(context, width):
    return lambda: helper(width)

study = Study(name="keyed", question="Which key?", factors=(Factor("width", (1, 2)),), train=train,
              step=step, metrics=(Metric("loss"),), scales={"quick": Scale(seeds=5, epochs=3)})
"""

EDITS = [
    ("return width * 2.0", "return width * 3.0", True, True),
    ('"loss": helper(width)', '"loss": helper(width) + 1', True, True),
    ("epochs=3", "epochs=4", True, True),
    ("(1, 2)", "(3, 2)", True, True),
    ("lambda: helper(width)", "lambda: helper(width + 1)", False, True),
    ("seeds=5", "seeds=9", False, False),
    ('Metric("loss")', 'Metric("loss", better="lower")', False, False),
    ("def helper(width):", "def helper(width):  # a comment", False, False),
    ("Which key?", "Which of them?", False, False),
]  # fmt: skip


def keys_of(folder: Path, text: str) -> tuple[str, str]:
    from harness.running.find import load

    folder.mkdir()
    file = folder / "keyed.py"
    file.write_text(text, encoding="utf-8")
    study = load(str(file))
    trial = make_trial(study, "quick", study.arms("quick")[0], 0, "evaluate", {})
    del sys.modules[study.module]
    return trial.key, trial.cost_key


@pytest.mark.parametrize("edit", EDITS, ids=[each[0] for each in EDITS])
def test_a_key_changes_with_what_the_function_rests_on(
    tmp_path: Path, edit: tuple[str, str, bool, bool]
) -> None:
    before, after, key, cost = edit
    assert FILE.count(before) == 1
    first = keys_of(tmp_path / "one", FILE)
    second = keys_of(tmp_path / "two", FILE.replace(before, after))
    assert (first[0] != second[0], first[1] != second[1]) == (key, cost)


HARNESS = {
    "harness.seeds:WORD", "harness.seeds:seed_for", "harness.seeds:seeded",
    "harness.streams:stream", "harness.streams:torch_seed",
}  # fmt: skip
"""All of the harness that a function's key rests on."""


def test_a_key_of_a_function_does_not_rest_on_the_trainer() -> None:
    study = own_study.study
    trial = make_trial(study, "quick", study.arms("quick")[0], 0, "evaluate", {"lr": 0.01})
    assert {name for name in trial.code if name.startswith("harness.")} == HARNESS
    assert "own_study:train" in trial.code


NEEDS = """
import torch

from harness import Context, Factor, Higher, Metric, Scale, Study


def pretrain(context: Context):
    torch.save(torch.ones(1), context.folder / "weights.pt")


def train(width, context: Context):
    weights = torch.load(context.given["first"] / "weights.pt")
    return {"test_error": float(weights) * width + context.seed}


study = Study(
    name="needs", question="Which key?", factors=(Factor("width", (1, 2)),), train=train,
    needs={"first": pretrain}, metrics=(Metric("test_error", better="lower"),),
    scales={"quick": Scale(seeds=5)},
    claims=(Higher("c", metric="test_error", higher={"width": 2}, lower={"width": 1}, by=0.1),),
)
"""


@pytest.mark.parametrize(
    "edit", [("Which key?", "Which?"), ("by=0.1", "by=0.2"), ("1, 2", "1, 2, 3")]
)
def test_a_study_keeps_the_functions_that_it_names_and_its_claims_are_in_no_key(
    tmp_path: Path, edit: tuple[str, str]
) -> None:
    """Although pretrain calls something that may change torch, and train does, too."""
    assert NEEDS.count(edit[0]) == 1
    first = keys_of(tmp_path / "one", NEEDS)
    assert keys_of(tmp_path / "two", NEEDS.replace(*edit)) == first
    other = NEEDS.replace("torch.ones(1)", "torch.zeros(1)")
    assert keys_of(tmp_path / "three", other)[0] != first[0]


@FORKS
def test_a_run_makes_what_trials_need_though_it_returns_nothing(tmp_path: Path) -> None:
    from harness.commands.cli import execute

    file = tmp_path / "needs.py"
    file.write_text(NEEDS, encoding="utf-8")
    words = ["run", str(file), "--out", str(tmp_path / "out"), "--no-profile", "--quiet"]
    assert execute([*words, "--workers", "1"]) == 0
    rows = sqlite3.connect(tmp_path / "out" / "harness.db").execute(
        "select count(*) from trials where state = 'COMPLETE'"
    )
    assert rows.fetchone() == (2 * 5 + 5,)
    assert len(list((tmp_path / "out").rglob("weights.pt"))) == 5


def test_a_file_that_uses_the_gpu_when_it_is_imported_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = replace(at(tmp_path, own_study.study), device=torch.device("cuda:0"))
    jobs = [kind((named(own_study.study, "width=2"),)) for kind in (WarmJob, TrainJob)]

    def refused(job: WarmJob | TrainJob, at: Workplace, does: str) -> None:
        answer = do(job, at)
        assert answer.mistake
        assert f"got one that {does} (" in answer.reason

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_initialized", lambda: True)
        for job in jobs:
            refused(job, place, "uses it")
    monkeypatch.setattr(functions, "thread_names", lambda: {"python", "pt_autograd_0"})
    for job in jobs:
        refused(job, replace(place, device=torch.device("cpu")), "computes gradients")
    assert not list(tmp_path.rglob("log.txt"))


def test_threads_have_names() -> None:
    assert thread_names() or sys.platform != "linux"


# ---- what a function is given -------------------------------------------------------------------


def test_seeds_are_the_same_for_a_purpose_and_others_for_another() -> None:
    found = {seed_for(seed, purpose) for seed in range(20) for purpose in ("a", "b", "weights")}
    assert len(found) == 60
    assert all(0 <= each < 2**32 for each in found)
    assert seed_for(3, "weights") == seed_for(3, "weights")
    assert np.std([seed_for(seed, "a") / 2**32 for seed in range(400)]) == pytest.approx(
        12**-0.5, rel=0.1
    ), "they fill the range evenly"


def test_global_generators_begin_at_the_seed_and_are_put_back() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002

    before = random_states()
    with seeded(1):
        first = draw()
    with seeded(1):
        assert draw() == first
    with seeded(2):
        assert all(a != b for a, b in zip(draw(), first, strict=True))
    after = random_states()
    assert before["random"] == after["random"]
    assert torch.equal(before["torch"], after["torch"])


def test_report_says_what_was_wrong(tmp_path: Path) -> None:
    given = context(tmp_path)
    given.report(0, loss=1)
    for wrong, said in (
        (lambda: given.report(0, loss=1), "epoch 0 after epoch 0"),
        (lambda: given.report(-1, loss=1), "got -1"),
        (lambda: given.report(0.5, loss=1), "got 0.5"),  # type: ignore[arg-type]
        (lambda: given.report(1, loss="x"), "loss: 'x'"),  # type: ignore[arg-type]
        (lambda: given.report(1, step=3), "names the epochs"),
    ):
        with pytest.raises(HarnessError, match=said):
            wrong()
    assert given.curves() == {"loss": [1.0]}, "nothing of it is kept"


def test_curves_say_where_they_were_reported(tmp_path: Path) -> None:
    given = context(tmp_path)
    for step in (500, 1000, 2000):
        given.report(step, loss=1 / step, **({"other": 2} if step == 1000 else {}))
    found = given.curves()
    assert found[STEP] == [500, 1000, 2000]
    assert found["loss"] == [1 / 500, 1 / 1000, 1 / 2000]
    assert math.isnan(found["other"][0])
    assert found["other"][1] == 2
    assert given.last() == {"loss": 1 / 2000, "other": 2}
    for first in (0, 1):
        usual = context(tmp_path)
        for epoch in range(first, first + 3):
            usual.report(epoch, loss=epoch)
        assert STEP not in usual.curves()


def test_times_of_a_part_add_up(tmp_path: Path) -> None:
    given = context(tmp_path)
    for _ in range(2):
        with given.timed("training"):
            time.sleep(0.02)
    assert 0.04 <= given.times()["training_seconds"] < 2


def test_the_scale_has_its_settings_and_nothing_else(tmp_path: Path) -> None:
    given = context(tmp_path)
    assert given.scale.epochs == 4
    with pytest.raises(HarnessError, match=r"scale\.seeds"):
        _ = given.scale.seeds
    with pytest.raises(AttributeError):
        given.scale.epochs = 3


# ---- saving -------------------------------------------------------------------------------------


def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=np.float64(0.1))
    return {
        "model": model,
        "optimizer": optimizer,
        "schedule": torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer),
        "drawn": np.random.default_rng(3),
        "old": np.random.Generator(np.random.MT19937(3)),
        "python": random.Random(3),
        "noise": torch.Generator().manual_seed(3),
    }


def use(held: dict[str, Any]) -> list[float]:
    """Take a step, and return what rests on each part."""
    model, optimizer = held["model"], held["optimizer"]
    loss = model(torch.randn(8, 3, generator=held["noise"])).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    held["schedule"].step(loss.item())
    numbers = held["drawn"].random(), held["old"].random(), held["python"].random()
    drawn = random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002
    return [loss.item(), *map(float, numbers), *map(float, drawn),
            *(p.sum().item() for p in model.parameters()), held["schedule"].best]  # fmt: skip


def test_what_is_restored_goes_on_as_what_was_saved(tmp_path: Path) -> None:
    first, given = parts(), context(tmp_path)
    with seeded(5):
        use(first)
        given.report(0, loss=1.0)
        given.save(1, **first)
        wanted = [use(first) for _ in range(3)]
    again, other = context(tmp_path), parts()
    with seeded(6):
        use(other), use(other)
        assert again.restore(**other) == 1
        assert [use(other) for _ in range(3)] == wanted
    assert again.curves() == {"loss": [1.0]}
    assert wanted[0] != wanted[1], "or nothing was looked at"


def test_a_save_needs_no_code_to_be_read(tmp_path: Path) -> None:
    given, held = context(tmp_path), parts()
    use(held)
    given.save(2, **held)
    (file,) = (tmp_path / "key" / "saved").iterdir()
    assert torch.load(file, weights_only=True)["epoch"] == 2


def test_the_mode_of_each_module_is_restored(tmp_path: Path) -> None:
    """After the last epoch, and its evaluation, there is nothing left that would set it."""

    def made() -> nn.Sequential:
        return nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5), nn.BatchNorm1d(1))

    model = made().train()
    model[2].eval()
    context(tmp_path).save(1, model=model)
    again = made().eval()
    context(tmp_path).restore(model=again)
    assert [each.training for each in again.modules()] == [True, True, True, False]


def test_what_cannot_be_read_does_not_keep_later_states_from_being_kept(tmp_path: Path) -> None:
    folder = tmp_path / "key" / "saved"
    folder.mkdir(parents=True)
    for epoch in (7, 8):
        (folder / f"epoch-{epoch}.pt").write_bytes(b"damaged")
    given = context(tmp_path)
    assert given.restore() == 0
    given.save(1)
    given.save(2)
    assert sorted(each.name for each in folder.iterdir()) == ["epoch-1.pt", "epoch-2.pt"]
    assert context(tmp_path).restore() == 2


def test_arrays_of_any_shape_come_back_as_they_were(tmp_path: Path) -> None:
    class Holder:
        state: dict[str, Any]

        def state_dict(self) -> dict[str, Any]:
            return {"number": np.array(3.0), "empty": np.zeros((0, 2)), "row": np.arange(3)}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.state = state

    context(tmp_path).save(1, part=Holder())
    again = Holder()
    context(tmp_path).restore(part=again)
    assert {name: each.shape for name, each in again.state.items()} == {
        "number": (), "empty": (0, 2), "row": (3,),
    }  # fmt: skip


def test_two_states_are_kept_and_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    given = context(tmp_path)
    for epoch in range(1, 5):
        given.report(epoch - 1, loss=epoch)
        given.save(epoch)
    folder = tmp_path / "key" / "saved"
    assert sorted(each.name for each in folder.iterdir()) == ["epoch-3.pt", "epoch-4.pt"]
    whole = (folder / "epoch-4.pt").read_bytes()
    (folder / "epoch-4.pt").write_bytes(whole[: len(whole) // 2])
    again = context(tmp_path)
    assert again.restore() == 3
    assert again.curves() == {"loss": [1, 2, 3]}
    again.report(3, loss=9)  # what came after the save is told anew
    assert again.curves()["loss"] == [1, 2, 3, 9]


def test_parts_that_cannot_be_saved_are_named(tmp_path: Path) -> None:
    given = context(tmp_path)

    class Odd:
        def state_dict(self) -> dict[str, Any]:
            return {"function": print}

        def load_state_dict(self, state: dict[str, Any]) -> None: ...

    for part, said in ((3, "part, a int"), (Odd(), "a builtin_function_or_method in the state")):
        with pytest.raises(HarnessError, match=said):
            given.save(1, part=part)
    given.save(1, model=nn.Linear(1, 1))
    with pytest.raises(HarnessError, match="1 after 1"):
        given.save(1, model=nn.Linear(1, 1))
    with pytest.raises(HarnessError, match="got net, where model were saved"):
        context(tmp_path).restore(net=nn.Linear(1, 1))


def test_a_full_folder_is_one_line_and_leaves_what_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = context(tmp_path)
    given.save(1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(HarnessError, match="No space left on device"):
            given.save(2)
    assert context(tmp_path).restore() == 1
    assert not list(tmp_path.rglob("draft"))


def test_states_of_generators_come_back() -> None:
    for made in (random.Random(1), np.random.default_rng(1), torch.Generator().manual_seed(1)):
        state = state_of("made", made)
        draw = (
            (lambda made=made: torch.rand((), generator=made).item())
            if isinstance(made, torch.Generator)
            else made.random
        )
        first = draw()
        assert draw() != first
        set_state(made, state)
        assert draw() == first
    before = random_states()
    first = torch.rand(()).item(), random.random()
    set_random_states(before)
    assert (torch.rand(()).item(), random.random()) == first


# ---- made once ----------------------------------------------------------------------------------

MADE: list[str] = []


def make_table(rows: int = 3) -> dict[str, Any]:
    MADE.append(f"{rows}")
    return {"table": np.arange(rows) + random.random() * 0, "tensor": torch.ones(rows), "n": rows}


def test_what_is_cached_is_made_once_and_found_by_its_arguments(tmp_path: Path) -> None:
    MADE.clear()
    before = random.getstate()
    first = context(tmp_path).cached("table", make_table, rows=4)
    second = context(tmp_path).cached("table", make_table, rows=4)
    assert MADE == ["4"]
    assert random.getstate() == before, "whether it is made or found changes nothing"
    assert first["n"] == second["n"] == 4
    assert np.array_equal(first["table"], second["table"])
    second["tensor"][0] = 7  # what one writes, no other sees
    assert context(tmp_path).cached("table", make_table, rows=4)["tensor"][0] == 1
    context(tmp_path).cached("table", make_table, rows=5)
    assert MADE == ["4", "5"]
    for name, make, said in (("a/b", make_table, "letters, digits"), ("x", closure(), "no values")):
        with pytest.raises(HarnessError, match=said):
            context(tmp_path).cached(name, make)


def test_two_that_want_the_same_at_a_time_make_it_once(tmp_path: Path) -> None:
    MADE.clear()
    threads = [
        threading.Thread(target=lambda: context(tmp_path).cached("slow", make_slowly))
        for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert MADE == ["slowly"]


def make_slowly() -> int:
    MADE.append("slowly")
    time.sleep(0.2)
    return 3


# ---- what comes of a call -----------------------------------------------------------------------

REASONS = {
    "nothing": "train must return its metrics as a dictionary from names to numbers; got nothing",
    "a list": "got a list",
    "no metric": "got no loss, but nothing",
    "NaN": "every metric must be a finite number; got loss = nan",
    "text": "a metric must be a plain number; got loss: 'low'",
    "gradient": "got loss: a tensor with a gradient. Write loss=loss.item(), say.",
    "a vector": "got loss: a ndarray of shape (3,)",
    "twice": "got epoch 0 after epoch 0",
    "backwards": "got epoch 1 after epoch 2",
    "an error": "ZeroDivisionError: division by zero at ",
    "exit": "SystemExit: 3 at ",
    "hard exit": "its process ended with exit status 0 before it had returned anything",
    "SIGKILL": "its process was ended by SIGKILL, as it is where memory runs out",
    "SIGSEGV": "its process was ended by SIGSEGV",
    "memory": "MemoryError at ",
}


@FORKS
@pytest.mark.parametrize("what", REASONS)
def test_what_a_trial_fails_of_is_its_reason(tmp_path: Path, what: str) -> None:
    found = outcome(at(tmp_path, own_ways.ways), named(own_ways.ways, f"what={what}"))
    assert REASONS[what] in found.reason
    assert "\n" not in found.reason
    assert found.metrics == {}
    assert found.env["device"] == "cpu"


@FORKS
def test_a_trial_that_does_badly_is_ended_where_it_reports(tmp_path: Path) -> None:
    place = at(tmp_path, own_ways.searched.study)
    found = place.study.arm("search", "quick")
    assert found is not None
    settings = {"level": 2.0}
    name = Named.of(make_trial(place.study, "quick", found, TUNING_SEED, "tune", settings), "quick")
    whole = outcome(place, name)
    assert not whole.pruned
    assert whole.curves["loss"] == [2.0, 1.0, 2 / 3, 0.5]
    bounds = (Bound(1, 9.0), Bound(2, 0.9), Bound(3, 0.0))
    ended = outcome(place, replace(name, bounds=bounds))
    assert ended.pruned
    assert not ended.reason
    assert ended.curves["loss"] == [2.0, 1.0]
    assert ended.metrics == {"loss": 1.0}
    assert ended.cost["seconds"] >= 0


@FORKS
def test_the_limit_ends_a_trial_and_the_next_starts_clean(tmp_path: Path) -> None:
    study = Study(**{**vars_of(own_ways.ways), "limit": 0.5})
    place = at(tmp_path, study)
    started = time.monotonic()
    found = outcome(place, named(study, "what=sleep"))
    assert found.reason == "it took longer than its limit of 0.5 s"
    assert time.monotonic() - started < 10
    clean = at(tmp_path, own_ways.ways)
    assert outcome(clean, named(own_ways.ways, "what=a tensor")).metrics == {"loss": 2.0}


def vars_of(study: Study) -> dict[str, Any]:
    return {name: value for name, value in vars(study).items()
            if name in Study.__dataclass_fields__ and name != "module"}  # fmt: skip


@FORKS
def test_what_a_trial_changes_ends_with_its_process(tmp_path: Path) -> None:
    place, here = at(tmp_path, own_ways.ways), Path.cwd()
    state = random.getstate()
    found = outcome(place, named(own_ways.ways, "what=change"))
    assert found.metrics == {"loss": 1.0}
    assert (Path.cwd(), random.getstate(), torch.get_default_dtype()) == (
        here, state, torch.float32,
    )  # fmt: skip
    assert "OF_A_TRIAL" not in os.environ
    key = named(own_ways.ways, "what=change").key
    assert (tmp_path / key / "log.txt").read_text(encoding="utf-8") == "a line that is printed\n"


@FORKS
def test_a_process_that_is_left_behind_is_ended(tmp_path: Path) -> None:
    started = time.monotonic()
    found = outcome(at(tmp_path, own_ways.ways), named(own_ways.ways, "what=fork"))
    assert found.metrics == {"loss": 1.0}
    assert time.monotonic() - started < 10, "what it leaves is not waited for"
    (file,) = tmp_path.glob("*/files/left")
    left = file.read_text(encoding="utf-8").split()
    assert len(left) == 3
    assert not any(Path(f"/proc/{each}").exists() for each in left)


@FORKS
def test_a_trial_may_load_its_data_by_workers(tmp_path: Path) -> None:
    found = outcome(at(tmp_path, own_ways.ways), named(own_ways.ways, "what=load"))
    assert found.metrics == {"loss": 28.0}


@pytest.mark.parametrize("forked", [pytest.param(True, marks=FORKS), False])
def test_what_is_returned_reported_and_more_is_kept(tmp_path: Path, *, forked: bool) -> None:
    place = at(tmp_path, own_ways.ways, forked=forked)
    more = named(own_ways.ways, "what=more")
    assert outcome(place, more).metrics == {"loss": 1.0, "other": 0.5, "test_other": 3.0}
    found = outcome(place, named(own_ways.ways, "what=reported"))
    assert found.metrics == {"loss": 0.25}
    assert found.curves == {"loss": [0.25], STEP: [3.0]}
    choosing = outcome(place, named(own_ways.ways, "what=more", "tune"))
    assert choosing.metrics == {"loss": 1.0, "other": 0.5}, "test values do not choose"
    assert outcome(place, named(own_ways.ways, "what=seeds", "tune")).metrics["choosing"] == 1
    assert found.cost["seconds"] > 0
    assert ("process_peak_bytes" in found.cost) is forked


@pytest.mark.parametrize("forked", [pytest.param(True, marks=FORKS), False])
def test_seeds_are_those_of_the_trial_and_the_same_in_all_arms(
    tmp_path: Path, *, forked: bool
) -> None:
    place = at(tmp_path, own_ways.ways, forked=forked)
    first = outcome(place, named(own_ways.ways, "what=seeds"))
    assert outcome(place, named(own_ways.ways, "what=seeds")).metrics == first.metrics
    other = outcome(place, named(own_ways.ways, "what=seeds", seed=1))
    assert all(other.metrics[name] != first.metrics[name] for name in ("loss", "numpy", "random"))
    assert first.metrics["own"] == seed_for(0, "x")


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[Told] = []
    place = at(tmp_path, own_study.study, forked=False, tell=told.append)
    outcome(place, named(own_study.study, "width=2"))
    assert (told[0].epoch, told[0].epochs, told[0].shown) == (1, 6, "validation_loss")
    assert told[0].loss > 0


# ---- signals and kills --------------------------------------------------------------------------


@FORKS
def test_a_trial_that_asks_is_given_time_to_save(tmp_path: Path) -> None:
    """In a process of its own, because the worker ends with it."""
    script = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[1])!r}]
from pathlib import Path
from tests.test_own import at, named, outcome
from tests import own_study, own_ways
folder = Path({str(tmp_path)!r})
print("begun", flush=True)
outcome(at(folder, own_ways.ways), named(own_ways.ways, "what=wait"))
"""
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"begun\n"
    log = tmp_path / named(own_ways.ways, "what=wait").key / "log.txt"
    while not log.exists():
        time.sleep(0.02)
    time.sleep(0.5)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 75
    worker.stdout.close()
    (saved,) = tmp_path.rglob("epoch-*.pt")
    state = torch.load(saved, weights_only=True)
    assert state["epoch"] == len(state["curve"]) + 1 > 1


def test_a_trial_that_never_asks_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    stopping = Stopping()
    stopping._take(signal.SIGTERM, None)
    assert ends == [75]
    asking = Stopping()
    assert not asking.asked
    asking._take(signal.SIGTERM, None)
    assert ends == [75]
    assert asking.asked


@FORKS
def test_killed_after_any_save_a_trial_ends_as_undisturbed(tmp_path: Path) -> None:
    name = named(own_study.study, "width=8")
    whole = outcome(at(tmp_path / "whole", own_study.study), name)
    for epoch in range(1, own_study.EPOCHS + 1):
        folder = tmp_path / f"{epoch}"
        place = at(folder, own_study.study)
        kill_after(place, name, epoch)
        again = outcome(place, name)
        assert again.metrics == whole.metrics
        assert again.curves == whole.curves
        assert not list(folder.rglob("*.pt")), "nothing is left of what was saved"
    assert len(set(whole.curves["validation_loss"])) == own_study.EPOCHS


def kill_after(place: Workplace, name: Named, epoch: int) -> None:
    """Train a trial in a process that is killed once it has saved so many epochs."""
    saved = place.folder / name.key / "saved" / f"epoch-{epoch}.pt"
    real = TrialFolder.write

    def write(self: TrialFolder, number: int, state: Any) -> None:
        real(self, number, state)
        if number == epoch:
            os.kill(os.getpid(), signal.SIGKILL)

    TrialFolder.write = write  # type: ignore[method-assign]
    try:
        assert "SIGKILL" in outcome(place, name).reason
    finally:
        TrialFolder.write = real  # type: ignore[method-assign]
    assert saved.exists()


# ---- what is run before ------------------------------------------------------------------------


def pretrain(context: Context, width: int) -> dict[str, float]:
    with (context.folder / "weights").open("a", encoding="utf-8") as file:
        file.write(f"{width} {context.seed}\n")
    return {"loss": 1.0}


def finetune(context: Context, width: int, lr: float) -> dict[str, float]:
    text = (context.given["first"] / "weights").read_text(encoding="utf-8")
    assert text == f"{width} {context.seed}\n", "it ran once"
    return {"test_error": lr, "validation_loss": float(text.split()[0])}


def fails(context: Context) -> dict[str, float]:
    raise ValueError(f"not with seed {context.seed}")


def test_what_a_trial_needs_is_run_once_and_shared_by_arms_that_do_not_change_it(
    tmp_path: Path,
) -> None:
    study = declare(train=finetune, needs={"first": pretrain})
    place = at(tmp_path, study, forked=False)
    trials = {
        (arm.name, lr, seed): make_trial(study, "quick", arm, seed, "evaluate", {"lr": lr})
        for arm in study.arms("quick")
        for lr in (0.01, 0.02)
        for seed in (0, 1)
    }
    needed = {need.key for trial in trials.values() for need in trial.needs.values()}
    assert len(trials) == 8
    assert len(needed) == 4, "one for each width and seed, whatever the rate is"
    for trial in trials.values():
        found = outcome(place, Named.of(trial, "quick"))  # which makes what is not there
        assert found.metrics["validation_loss"] == trial.arm.levels["width"].value, found.reason
    assert len(list(tmp_path.glob("*/files/weights"))) == 4


def test_what_fails_before_a_trial_is_its_reason(tmp_path: Path) -> None:
    study = declare(train=finetune, needs={"first": fails})
    found = outcome(at(tmp_path, study, forked=False), named(study, "width=2", seed=3))
    assert found.reason.startswith("what it needs failed: ValueError: not with seed 3 at ")


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"a": pretrain, "b": pretrain}, "name one function"),
        ({"a": other_parameters, "b": 3}, "name one function"),
        ({"a": lambda context: {}}, "needs must be a function at the top level"),
        ({"a": own_study.network}, "must take the context"),
        ({"a b": pretrain}, "have a Python name"),
        ([pretrain], "name one function"),
    ],
)
def test_what_cannot_be_run_before_is_one_line(needs: Any, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        declare(needs=needs)


# ---- costs --------------------------------------------------------------------------------------


def test_the_cost_of_a_step_is_measured_and_is_what_arithmetic_says(tmp_path: Path) -> None:
    place = at(tmp_path, own_study.study)
    found = {}
    for width in (2, 8):
        name = named(own_study.study, f"width={width}")
        answer = do(ProfileJob(name), place)
        profile = answer.profile
        assert profile is not None, answer.reason
        found[width] = profile
        # forward 2·16·w·w; backward for the weights the same, none for the inputs
        assert profile.flops_per_step == 2 * (2 * 16 * width * width)
        weights, inputs = 4 * width * width, 4 * 16 * width
        assert profile.memory["held"] == 2 * weights + inputs, "weights, gradient and inputs"
        assert profile.peak_bytes == sum(profile.memory.values())
        assert profile.step_low <= profile.step_seconds <= profile.step_high
        timed = do(TimeJob(name), place)
        assert timed.seconds == pytest.approx(profile.step_seconds, rel=9)
    assert found[8].memory["step"] > found[2].memory["step"] > 0


def test_a_step_must_return_a_function(tmp_path: Path) -> None:
    study = declare(step=returns_nothing)
    answer = do(ProfileJob(named(study, "width=2")), at(tmp_path, study))
    assert answer.mistake
    assert "step must return a function of no arguments" in answer.reason


def returns_nothing(context: Context, width: int, lr: float) -> Any:
    return None


# ---- a run --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from harness.commands.cli import execute

    folder = tmp_path_factory.mktemp("ran")
    file = Path(own_study.__file__)
    words = ["run", str(file), "--out", str(folder), "--no-profile", "--workers", "2", "--quiet"]
    assert execute(words) == 0
    return folder


@FORKS
def test_a_run_tunes_judges_and_reports(ran: Path) -> None:
    rows = sqlite3.connect(ran / "harness.db").execute(
        "select count(*) from trials where state = 'COMPLETE'"
    )
    assert rows.fetchone() == (2 * 3 + 2 * 5,)
    assert (ran / "own-quick" / "report.html").stat().st_size > 10_000


def test_workers_end_their_trials(tmp_path: Path) -> None:
    """What is asked to stop and has nothing to save ends at once."""
    study, file = own_ways.ways, own_ways.__file__
    pool = Processes(study, file, Options(workers=1), FolderOfArtifacts(tmp_path), tmp_path)
    executor = pool.executor()
    started = time.monotonic()
    pool.stop()
    assert time.monotonic() - started < 20
    del executor
    assert functions.wanted(study, make_trial(study, "quick", study.arms("quick")[0], 0, "tune", {})
                            ) == ("loss",)  # fmt: skip
