"""How far a run is: within trials, in a terminal and in a log; and where its time went."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from shutil import which
from typing import Any

import pandas as pd
import pytest
import torch
from rich.console import Console

from harness import Training
from harness.data import digits
from harness.engines.modes import PLAIN, Mode
from harness.models import MLP
from harness.optim import SGD
from harness.running.account import Account, Accounting, age
from harness.running.named import Named
from harness.running.progress import SHOWN, PlainLines, RunStatus, Silent, best_line, display
from harness.running.telling import TELL_SECONDS, Telling, Told
from harness.trainer.train import Request, train_together
from harness.trials.searched import EarlierSettings
from tests.conftest import TINY

TRAINING = Training(
    data=digits(train=100, validation=50, test=100), model=MLP(hidden=(8,)), optimizer=SGD(lr=0.1),
    batch_size=50, epochs=3,
)  # fmt: skip
TOLD = Told("rate=[red]", 3, "evaluate", 1, 4, 12, 1.8345, 95.0)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("time.monotonic", made)
    return made


@pytest.mark.parametrize("mode", [PLAIN, Mode("fused", 2)], ids=str)
def test_each_epoch_of_each_trial_is_told(mode: Mode) -> None:
    requests = [Request(TRAINING, seed) for seed in range(2)]
    told: list[tuple[list[int], int, float]] = []
    outcomes = train_together(
        requests, torch.device("cpu"), mode,
        lambda those, epoch, loss: told.append(([each.seed for each in those], epoch, loss)),
    )  # fmt: skip
    together = mode.kind != "plain"
    epochs = [1, 2, 3] if together else [1, 2, 3, 1, 2, 3]
    assert [epoch for _, epoch, _ in told] == epochs
    assert told[0][0] == ([0, 1] if together else [0])
    curves = [each.curves["train_loss"] for each in outcomes]  # type: ignore[union-attr]
    last = sum(curve[2] for curve in curves) / 2 if together else curves[0][2]
    assert told[2][2] == pytest.approx(last)


@pytest.mark.slow
@pytest.mark.skipif(not (which("c++") or which("g++") or which("clang++")), reason="no compiler")
def test_each_epoch_of_compiled_trials_is_told() -> None:
    requests = [Request(TRAINING, seed) for seed in range(2)]
    told: list[tuple[list[int], int]] = []
    outcomes = train_together(
        requests, torch.device("cpu"), Mode("compiled", 2),
        lambda those, epoch, loss: told.append(([each.seed for each in those], epoch)),
    )  # fmt: skip
    assert told == [([0, 1], epoch) for epoch in (1, 2, 3)]
    assert all(len(each.curves["train_loss"]) == 3 for each in outcomes)  # type: ignore[union-attr]


def test_telling_changes_no_result() -> None:
    quiet, loud = (
        train_together([Request(TRAINING, 0)], torch.device("cpu"), PLAIN, tell)
        for tell in (None, lambda *_: None)
    )
    assert quiet[0].metrics == loud[0].metrics  # type: ignore[union-attr]


def test_a_worker_tells_seldom_and_how_long_it_will_take(clock: Clock) -> None:
    said: list[Told] = []
    requests = [Request(TRAINING, 0), Request(TRAINING, 1)]
    named = {
        id(each): Named("quick", "width=8", each.seed, "evaluate", {}, f"key {each.seed}")
        for each in requests
    }
    telling = Telling(named, said.append)
    for epoch in range(1, 4):
        clock.now += 10.0 if epoch == 1 else 2.0  # the first one compiles
        telling(requests, epoch, 0.5)
    assert [(each.epoch, each.seconds_left) for each in said] == [(1, 20.0), (2, 2.0), (3, 0.0)]
    assert said[0].trials == 2
    assert (said[0].arm, said[0].seed, said[0].epochs) == ("width=8", 0, 3)
    for _ in range(100):
        clock.now += TELL_SECONDS / 50
        telling(requests[1:], 1, 0.5)
    assert len(said) <= 3 + 2
    assert (said[-1].seed, said[-1].trials) == (1, 1)


def test_the_next_trial_of_a_worker_is_not_taken_for_one_long_epoch(clock: Clock) -> None:
    said: list[Told] = []
    requests = [Request(TRAINING, 0), Request(TRAINING, 1)]
    named = {
        id(each): Named("quick", "a", each.seed, "evaluate", {}, f"{each.seed}")
        for each in requests
    }
    telling = Telling(named, said.append)
    for request in requests:
        for epoch in range(1, 4):
            clock.now += 2.0
            telling([request], epoch, 0.5)
    assert [each.seconds_left for each in said] == [4.0, 2.0, 0.0] * 2


def test_a_log_has_a_line_on_trials_each_minute(clock: Clock) -> None:
    out = io.StringIO()
    plain = PlainLines(Console(file=out, width=60), "s (quick)")
    for second in range(130):
        plain.show(RunStatus("training", 2, 8, 40.0, [TOLD]))
        clock.now += 1.0
        del second
    lines = [each for each in out.getvalue().splitlines() if "epoch" in each]
    assert lines == 2 * [
        "s (quick): rate=[red], seed 3: epoch 4 of 12, loss 1.83, about 1 min 35 s left"
    ]


def test_a_terminal_shows_what_each_worker_trains() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=150, color_system=None)
    many = [Told("b", 0, "tune", 8, 1, 2, math.nan, 0.0), TOLD, *(SHOWN + 2) * [TOLD]]
    with display(console, "s (quick)", quiet=False) as shown:
        shown.show(RunStatus("training", 2, 8, None, many[:2]))
        shown.live.refresh()  # type: ignore[attr-defined]
        two = out.getvalue()
        shown.show(RunStatus("training", 2, 8, None, many))
        shown.live.refresh()  # type: ignore[attr-defined]
        more = out.getvalue()[len(two) :]
        shown.show(RunStatus("training", 8, 8))
        shown.live.refresh()  # type: ignore[attr-defined]
        none = out.getvalue()[len(two) + len(more) :]
    assert "rate=[red], seed 3" in two
    assert "4/12" in two
    assert "loss 1.83" in two
    assert "1 min 35 s left" in two
    assert "tuning b and 7 more" in two
    assert more.split("2/8")[-1].count("rate=[red]") == SHOWN
    assert "rate=[red]" not in none.split("8/8")[-1]


def test_the_best_settings_of_a_search_are_shown_while_it_runs() -> None:
    best = [best_line(EarlierSettings({"lr": 0.0316, "way": "sgd"}, (0.1234567,))), "0.2: lr=[1]"]
    status = RunStatus("searching", 2, 8, None, [], best)
    out = io.StringIO()
    with display(Console(file=out, width=100), "s (quick)", quiet=False) as lines:
        lines.show(status)
    assert "searching, 2 of 8; best so far 0.1235: lr=0.0316, way=sgd" in out.getvalue()
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=100, color_system=None)
    with display(terminal, "s (quick)", quiet=False) as bars:
        bars.show(status)
        bars.live.refresh()  # type: ignore[attr-defined]
    assert "1. 0.1235: lr=0.0316, way=sgd" in out.getvalue()
    assert "2. 0.2: lr=[1]" in out.getvalue()


# ---- where the time went --------------------------------------------------------------------


def test_every_moment_is_in_one_part() -> None:
    clock = Clock()
    account = Account(clock, before=2.0)
    clock.now += 1.0
    shown = Accounting(Silent(), account)
    for stage, seconds in (
        ("starting", 4.0), ("measuring cost", 9.0), ("choosing modes", 3.0),
        ("waiting for another process, which may be measuring", 1.0),
        ("timing arms side by side", 10.0), ("tuning and training", 40.0), ("training", 20.0),
        ("writing the report", 5.0),
    ):  # fmt: skip
        for _ in range(2):
            shown.show(RunStatus(stage, 0, 1))
            clock.now += seconds / 2
    account.begin("PDF")
    clock.now += 5.0
    account.trained(2, 110.0)
    assert account.line() == (
        "1 min 40 s in all: start 7.0 s, waiting 1.0 s, profiles 9.0 s, modes 3.0 s, timing 10 s, "
        "training 1 min, report 5.0 s, PDF 5.0 s; 2 workers trained for 55 % of it"
    )
    assert sum(account.parts.values()) == pytest.approx(100.0)
    assert account.share == pytest.approx(0.55)


def test_where_nothing_is_trained_it_says_so() -> None:
    clock = Clock()
    account = Account(clock)
    clock.now += 3.0
    assert account.line() == "3.0 s in all: start 3.0 s; nothing was trained"


def test_a_process_knows_its_age() -> None:
    first, then = age(), age()
    assert 0.1 < first <= then < 24 * 3600


def seconds(text: str) -> float:
    """Read what ``duration`` wrote."""
    units = {"s": 1.0, "min": 60.0}
    words = text.split()
    return sum(
        float(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True)
    )


@pytest.mark.slow
def test_a_run_says_where_its_time_went(command: Any, tmp_path: Path) -> None:
    words = ("run", str(TINY), "--no-tuning", "--workers", "2", "--mode", "plain")
    line = command(*words).stderr.strip().splitlines()[-1]
    found = re.fullmatch(r"harness: (.*) in all: (.*); 2 workers trained for (\d+) % of it", line)
    assert found, line
    whole = seconds(found[1])
    parts = dict(each.split(" ", 1) for each in found[2].split(", "))
    assert set(parts) >= {"start", "profiles", "training", "report"}
    assert sum(map(seconds, parts.values())) == pytest.approx(whole, abs=3.5)  # each is rounded
    assert whole >= seconds(parts["training"]) > 0
    records = pd.read_csv(tmp_path / "runs" / "tiny-quick" / "records.csv")
    trained = records["cost_seconds"].sum()
    assert (
        trained < whole * 2 * (int(found[3]) + 1) / 100 < trained + 2 * seconds(parts["training"])
    )
    assert command(*words).stderr.strip().endswith("nothing was trained")
