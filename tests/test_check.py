"""`harness check`: what a few trainings tell of a study's trials."""

import json
import math
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness.commands.cli import execute
from harness.messages.levels import Level
from harness.own.effects import Effects, looking, stat
from harness.own.watched import Seen, Watch
from harness.reports.sections.checked import checked_section
from harness.running.comparing import alike, clocks, different, first_difference, numbers
from harness.running.find import load
from harness.running.findings import Compared, Killed, of_function, of_import
from harness.running.importing import imported
from harness.storing import notes
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.study.designs import Arm
from harness.study.metrics import Metric
from harness.trials.checked import Checked, Finding
from harness.trials.outcome import Outcome
from tests.conftest import TINY
from tests.example_results import example_results

Found = dict[str, dict[str, str]]

STUDY = '''"""Does width help?"""
{top}
import multiprocessing, os, random, time
from harness import Context, Factor, Metric, Scale, Study


class Part:
    def __init__(self, value):
        self.value = value

    def state_dict(self):
        return {{"value": self.value}}

    def load_state_dict(self, state):
        self.value = state["value"]


def train(context: Context, width: int) -> dict[str, float]:
{body}


study = Study(
    name="small", question="Does width help?", train=train, factors=(Factor("width", (16, 64)),),
    metrics=(Metric("loss", better="lower"), Metric("test_error", better="lower")),
    objective="loss", scales={{"quick": Scale(epochs=3, seeds=5)}},
)
'''


@pytest.fixture
def checked(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Found]]:
    """Check a study that a function's body makes; return the exit code, and findings by name."""

    def run(body: str, top: str = "") -> tuple[int, Found]:
        lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
        (here / "small.py").write_text(STUDY.format(top=top, body=lines))
        return found(execute(["check", "small.py", "--json", "--workers", "2"]), capsys)

    return run


def found(code: int, capsys: pytest.CaptureFixture[str]) -> tuple[int, Found]:
    printed = capsys.readouterr()
    assert printed.out, printed.err
    return code, {each["check"]: each for each in json.loads(printed.out)["findings"]}


GOOD = """
model = Part(0.0)
start = context.restore(model=model)
for epoch in range(start, context.scale.epochs):
    model.value += random.random() / width
    context.report(epoch, loss=model.value)
    context.save(epoch + 1, model=model)
return {"test_error": model.value, "fit_seconds": time.perf_counter()}
"""


def test_a_good_study_is_found_good_and_no_trial_is_recorded(checked, here: Path, capsys) -> None:
    code, said = checked(GOOD)
    assert code == 0
    assert {name: each["state"] for name, each in said.items()} == {
        "same seed again": "ok", "another seed": "ok", "every arm": "ok",
        "killed and resumed": "ok", "import of the file": "ok", "the function": "ok",
    }  # fmt: skip
    assert said["same seed again"]["text"] == (
        "width=16, seed 0, trained in two processes: all 5 numbers are the same, to the last bit. "
        "Times were left out: fit_seconds."
    )
    assert said["killed and resumed"]["text"] == (
        "Killed (SIGKILL) when it had saved epoch 1, and run again, it went on from there (epoch "
        "1): all 5 numbers are those of the undisturbed, to the last bit."
    )
    assert said["another seed"]["text"] == "width=16, seed 1: 5 of 5 numbers are other than before."
    assert not (here / "runs" / "harness.db.trials").exists(), "no trial of the study's was run"
    assert execute(["export", "small.py"]) == 2
    assert "there must be records to export" in capsys.readouterr().err


UNRELIABLE = """
by_order = random.Random(hash("text"))  # is another in each interpreter, and the same in forks
os.chdir("/")
os.environ["MINE"] = "1"
print("hello")
random.seed(3)
multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,)).start()
for epoch in range(context.scale.epochs):
    context.report(epoch, loss=context.seed + epoch / width + (epoch > 0) * by_order.random())
return {"test_error": width}
"""


def test_what_does_not_repeat_is_told_with_the_first_number_that_differs(
    checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    code, said = checked(UNRELIABLE, "import random\nfirst = random.random()\nprint('imported')")
    assert code == 1
    same = said["same seed again"]
    assert same["state"] == "wrong"
    assert same["text"].startswith(
        "width=16, seed 0, trained twice, gave other numbers: loss after epoch 2 was "
    )
    assert "context.seed_for" in same["mend"]
    assert said["another seed"]["state"] == "told"
    assert "with the same seed there are others, too" in said["another seed"]["text"]
    assert said["killed and resumed"]["text"] == (
        "The function saves nothing: a killed trial begins anew."
    )
    assert said["import of the file"]["state"] == "told"
    text = said["import of the file"]["text"]
    assert "It draws random numbers (random), which are others in each run." in text
    assert "It prints 1 line, the first “imported”." in text
    assert said["the function"]["state"] == "told"
    assert said["the function"]["text"] == (
        "It prints 1 line, the first “hello”. It changes the working folder to /. It changes the "
        "environment: MINE. It seeds the global generator of random itself. It leaves 1 process "
        "behind. That is allowed: each trial has a process of its own."
    )


FORGETFUL = """
model, momentum = Part(1.0), Part(0.0)
start = context.restore(model=model)
for epoch in range(start, context.scale.epochs):
    momentum.value = 0.5 * momentum.value + model.value
    model.value -= 0.5 * momentum.value
    context.report(epoch, loss=model.value)
    context.save(epoch + 1, model=model)
return {"test_error": model.value}
"""


@pytest.mark.slow
def test_a_seed_and_a_factor_that_change_nothing_and_momentum_that_is_not_saved(
    checked, here: Path, capsys
) -> None:
    code, said = checked(FORGETFUL)
    assert code == 1
    assert said["same seed again"]["state"] == "ok"
    assert said["another seed"]["state"] == "wrong"
    assert said["another seed"]["text"] == (
        "width=16, seed 1: all 5 numbers are as with the seed before. The seed changes nothing."
    )
    assert said["every arm"]["state"] == "wrong"
    assert said["every arm"]["text"] == (
        "width=16 and width=64 gave the same numbers to the last bit: this factor changes nothing "
        "here."
    )
    assert said["killed and resumed"]["state"] == "wrong"
    # 1 − 0.5 · 1 = 0.5; then 0.5 − 0.5 · (0.5 · 1 + 0.5) = 0, and without momentum 0.5 − 0.25
    assert said["killed and resumed"]["text"] == (
        "Killed (SIGKILL) when it had saved epoch 1, and run again, it went on from there (epoch "
        "1). The first number that differs from the undisturbed: loss after epoch 2 was 0.0 and "
        "then 0.25 (+0.25)."
    )
    assert "optimizer" in said["killed and resumed"]["mend"]
    # the findings stand beside the verdicts of a run of this code, and of no other
    words = ["--no-profile", "--quiet", "--seeds", "1"]
    assert execute(["run", "small.py", *words]) == 0
    assert execute(["report", "small.py", "--format", "md"]) == 0
    assert "- ⚠ Checked, and wrong: width=16, seed 1: all 5" in capsys.readouterr().out
    page = (here / "runs" / "small-quick" / "report.html").read_text(encoding="utf-8")
    assert "Whether they can be relied on" in page
    assert "loss after epoch 2 was 0.0 and then 0.25" in page


def test_a_training_of_build_repeats_and_is_trained_anew_after_a_kill(here: Path, capsys) -> None:
    words = ["check", str(TINY), "--json", "--arm", "width=32", "--seed", "3", "--workers", "2"]
    code, said = found(execute(words), capsys)
    assert code == 0, said
    assert set(said) == {
        "same seed again", "another seed", "every arm", "killed and resumed", "import of the file",
    }  # fmt: skip
    assert said["same seed again"]["text"].startswith("width=32, seed 3, trained in two processes:")
    assert said["killed and resumed"]["state"] == "ok"
    assert said["killed and resumed"]["text"].startswith(
        "Killed (SIGKILL) after its first epoch, and run again, it began anew: all "
    )


def test_an_arm_that_is_not_there_is_refused_and_no_store_is_made(refused, here: Path) -> None:
    line = refused("check", str(TINY), "--arm", "width=31")
    assert "--arm must be an arm of tiny at scale quick; got 'width=31'" in line
    assert not (here / "runs").exists()
    assert "must be" in refused("check", "nothing.py")


# -- the import -----------------------------------------------------------------------------


def test_a_slow_import_is_told_with_its_time(tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    body = "    return {}"
    top = "import time, torch, numpy, os\ntime.sleep(0.6)\nnumpy.random.seed(1)\nos.chdir('/')"
    file.write_text(STUDY.format(top=top, body=body))
    seen = imported(str(file), tmp_path / "log.txt")
    assert 0.6 <= seen.seconds < 60
    assert seen.effects == Effects(seeded=("numpy",), folder="/")
    told = of_import(seen, trial_seconds=0.01)
    assert told.state == "told"
    assert "Each worker process imports it: it takes longer than a trial." in told.text
    assert "It changes the working folder to /." in told.text
    assert "longer" not in of_import(seen, trial_seconds=100).text
    unknown = of_import(seen, trial_seconds=None).text
    assert "trial" not in unknown


def test_what_code_does_to_its_process_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "")
    monkeypatch.delenv("MINE")
    state = torch.random.get_rng_state()
    seed = random.seed
    try:
        with looking() as nothing:
            pass
        with looking() as something:
            torch.rand(1)
            random.seed(1)
            monkeypatch.setenv("MINE", "1")
    finally:
        torch.random.set_rng_state(state)
    assert nothing.effects == Effects()
    assert something.effects == Effects(seeded=("random",), drew=("torch",), environment=("MINE",))
    assert random.seed == seed
    assert of_function(Effects(), "").state == "ok"


def test_notes_of_a_trial_are_read_as_they_were_written(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "notes.jsonl")
    assert watch.seen() == Seen()
    watch.restored(2)
    watch.saved(3)
    assert watch.over(lambda value: value + 1)(1) == 2
    assert watch.seen() == Seen(saved=(3,), restored=(2,), effects=Effects())


ALONE = """
import subprocess, sys, time
from pathlib import Path
from harness.own.watched import Watch

folder = Path(sys.argv[1])
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Watch(folder / "notes.jsonl", kill=True).end_at_first_file(folder / "files")
print(child.pid, flush=True)
time.sleep(0.2)
(folder / "files" / "deep").mkdir(parents=True)
(folder / "files" / "deep" / "state").write_text("1", encoding="utf-8")
child.wait()
time.sleep(60)
"""


def test_a_command_is_killed_with_its_worker_when_its_folder_has_a_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "files" / "deep" / "state").is_file()
    assert Watch(tmp_path / "notes.jsonl").seen() == Seen(killed=True)
    assert stat(int(done.stdout))[:1] in ([], ["Z"]), "what it had started is killed, too"


# -- numbers --------------------------------------------------------------------------------


def test_the_first_difference_is_that_of_the_earliest_epoch() -> None:
    one = numbers({"test": 1.0}, {"loss": [0.5, 0.25, 0.125], "accuracy": [0.1, 0.2, 0.3]})
    assert list(one) == [
        "loss after epoch 1", "accuracy after epoch 1", "loss after epoch 2",
        "accuracy after epoch 2", "loss after epoch 3", "accuracy after epoch 3", "test",
    ]  # fmt: skip
    assert first_difference(one, dict(one)) is None
    other = one | {"test": 2.0, "loss after epoch 3": 1.0, "accuracy after epoch 2": 0.5}
    assert str(first_difference(one, other)) == (
        "accuracy after epoch 2 was 0.2 and then 0.5 (+0.3)"
    )
    assert different(one, other) == 3
    short = {name: value for name, value in one.items() if "3" not in name}
    assert str(first_difference(one, short)) == "loss after epoch 3 was 0.125 and then not there"
    assert str(first_difference(short, one)) == "loss after epoch 3 was not there and then 0.125"


def test_bits_count_and_nan_is_nan() -> None:
    assert first_difference({"a": math.nan}, {"a": -math.nan}) is None
    assert first_difference({"a": 0.0}, {"a": -0.0}) is not None
    assert first_difference({"a": 0.1}, {"a": math.nextafter(0.1, 1)}) is not None
    assert alike({"x": {"a": 1.0}, "y": {"a": 2.0}, "z": {"a": 1.0}}) == [("x", "z")]
    assert alike({"x": {"a": 1.0}, "y": {"b": 1.0}}) == []


def test_steps_are_named_and_times_left_out() -> None:
    found = numbers({}, {"loss": [1.0, 2.0], "step": [100.0, 200.0]})
    assert found == {"loss at step 100": 1.0, "loss at step 200": 2.0}
    names = ["fit_seconds", "time", "timely", "latency", "times_won", "loss", "fit_seconds"]
    declared = [Metric("latency", unit="ms"), Metric("times_won", unit="")]
    assert clocks(names, declared) == ("fit_seconds", "time", "latency")
    assert list(numbers({"a": 1.0, "time": 2.0}, {"time": [1.0]}, ("time",))) == ["a"]


# -- kept and reported ----------------------------------------------------------------------

KEPT = Checked(
    "2026-03-05T14:02:00+00:00", "width=4", 0, {"width=4": "k1", "width=32": "k2"},
    (Finding("same seed again", "ok", "All the same."),
     Finding("another seed", "wrong", "The seed changes nothing.", "Use it.")),
)  # fmt: skip


def test_findings_are_those_of_the_code_that_they_were_made_of(tmp_path: Path) -> None:
    study = load(str(TINY))
    ledger = Ledger(open_store(str(tmp_path / "a.db"), create=True), study, "quick")
    notes.write_checked(ledger, KEPT)
    ledger = Ledger(open_store(str(tmp_path / "a.db"), create=False), study, "quick")
    assert notes.checked(ledger, {"width=32": "k2", "width=4": "k1"}) == KEPT
    assert notes.checked(ledger, {"width=32": "k2", "width=4": "k3"}) is None
    newer = replace(KEPT, seed=1)
    notes.write_checked(ledger, newer)
    assert notes.checked(ledger, KEPT.programs) == newer


def test_the_report_shows_findings_and_of_own_code_that_there_are_none() -> None:
    results = example_results()
    assert checked_section(results) is None
    section = checked_section(replace(results, checked=KEPT))
    assert section is not None
    assert section.lead == (
        "By a few trainings with settings at their defaults, on 5 March 2026, 14:02 UTC; width=4 "
        "with seed 0 was trained several times:"
    )
    assert section.table is not None
    cell = section.table.rows[1][1]
    assert (cell.text, cell.note, cell.tone) == ("The seed changes nothing.", "Use it.", "bad")
    own = replace(results, declaration=replace(results.declaration, source="train"))
    unchecked = checked_section(own)
    assert unchecked is not None
    assert unchecked.table is None
    assert "was not checked" in unchecked.lead


# -- findings -------------------------------------------------------------------------------

COMPARED = Compared("function")


def outcome(value: float = 1.0, **more: float) -> Outcome:
    return Outcome({"test_error": value, **more}, {"loss": [3.0, 2.0, value]})


def arm(width: int, depth: int = 1) -> Arm:
    levels = {"width": Level(str(width), width), "depth": Level(str(depth), depth)}
    return Arm(f"width={width}, depth={depth}", levels)


def test_failed_trainings_pass_no_check() -> None:
    broken = Outcome(reason="it fell over")
    for finding in (
        COMPARED.same_seed("a, seed 0", broken, outcome()),
        COMPARED.same_seed("a, seed 0", outcome(), broken),
        COMPARED.other_seed("a, seed 1", outcome(), broken, repeats=True),
        COMPARED.arms(0, [arm(1), arm(2)], {arm(1).name: outcome(), arm(2).name: broken}),
        COMPARED.resumed(
            outcome(), Killed(Seen((1,), killed=True), Seen(restored=(1,)), broken), repeats=True
        ),
    ):
        assert finding.state == "wrong"
        assert "it fell over" in finding.text


def test_trials_of_times_alone_pass_no_check() -> None:
    clock = Outcome({"fit_seconds": 1.0})
    assert COMPARED.same_seed("a, seed 0", clock, clock).state == "told"
    assert COMPARED.other_seed("a, seed 1", clock, clock, repeats=True).state == "told"


def test_factors_that_change_nothing_are_named() -> None:
    arms = [arm(1), arm(2), arm(1, depth=2)]
    values = {arms[0].name: outcome(), arms[1].name: outcome(2.0), arms[2].name: outcome()}
    said = COMPARED.arms(0, arms, values)
    assert said.text == (
        "width=1, depth=1 and width=1, depth=2 gave the same numbers to the last bit: this factor "
        "changes nothing here."
    )
    said = COMPARED.arms(0, arms, {each.name: outcome() for each in arms})
    assert said.text == (
        "All 3 arms gave the same numbers to the last bit: depth and width change nothing here."
    )
    assert COMPARED.arms(0, arms[:1], {arms[0].name: outcome()}).state == "told"


def test_what_a_kill_cannot_tell_is_said() -> None:
    saved = Seen((1,), killed=True)
    alone = COMPARED.resumed(outcome(), Killed(saved, Seen(), outcome()), repeats=True)
    assert alone.state == "told"
    assert "it began anew, because context.restore was not called" in alone.text
    over = COMPARED.resumed(outcome(), Killed(Seen(), Seen(), outcome()), repeats=True)
    assert over.text == "The trial was over before it could be killed."
    late = Killed(Seen((3,), killed=True), Seen(restored=(3,)), outcome())
    said = COMPARED.resumed(outcome(), late, repeats=True, epochs=3)
    assert said.state == "told"
    assert "No epoch was left to be trained" in said.text
    other = Killed(saved, Seen(restored=(1,)), outcome(2.0))
    assert COMPARED.resumed(outcome(), other, repeats=False).state == "told"
    assert COMPARED.resumed(outcome(), other, repeats=True).state == "wrong"
    of_command = Compared("command").resumed(outcome(), other, repeats=True)
    assert of_command.text.startswith(
        "Killed (SIGKILL) when its folder had its first file, and run again in the same folder. "
        "The first number that differs from the undisturbed: loss after epoch 3 was 1.0 and then"
    )
    assert "{folder}" in of_command.mend
