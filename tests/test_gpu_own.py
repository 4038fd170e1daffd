"""A study's own function on a CUDA device: a fork for each trial; skipped where there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.running.find import load
from harness.storing import notes
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.trials.profiles import Profile
from harness.trials.records import Record
from tests.gpu import GPU

pytestmark = GPU

STUDY = '''
"""Does width help on the GPU?"""

import time

import torch
from torch import nn

from harness import Context, Factor, Higher, Metric, Scale, Study, Tuned

THERE = torch.cuda.is_available() and torch.cuda.device_count()
{top}


def made(context, width, lr):
    device = context.device
    layers = nn.Linear(8, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1)
    model = nn.Sequential(*layers).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    order = torch.Generator(device).manual_seed(context.seed_for("order"))
    return model, optimizer, order


def train(context: Context, width: int, lr: float) -> dict[str, float]:
    assert context.device == "cuda:0", context.device
    {body}
    model, optimizer, order = made(context, width, lr)
    start = context.restore(model=model, optimizer=optimizer, order=order)
    with (context.folder / "starts").open("a") as file:
        file.write(f"{{start}}\\n")
    x = torch.linspace(-1, 1, 8 * 64, device=context.device).reshape(64, 8)
    y = torch.sin(3 * x.sum(1, keepdim=True))
    for epoch in range(start, context.scale.epochs):
        for rows in torch.randperm(64, generator=order, device=context.device).split(16):
            noise = 0.01 * torch.randn(1, device=context.device)  # of the global generator there
            loss = (model.train()(x[rows]) - y[rows] + noise).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        time.sleep(context.scale.pause)
        context.report(epoch, validation_loss=loss.item())
        context.save(epoch + 1, model=model, optimizer=optimizer, order=order)
    with torch.no_grad():
        return {{"test_error": (model.eval()(x) - y).square().mean().item()}}


def step(context, width, lr):
    model, optimizer, _ = made(context, width, lr)
    x = torch.ones(64, 8, device=context.device)

    def once():
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return once


study = Study(
    name="card", question="Does width help on the GPU?", train=train, step=step,
    factors=(Factor("width", (4, 64)),), tuned=(Tuned("lr", 1e-3, 1e-1, log=True, trials=2),),
    objective="validation_loss",
    metrics=(Metric("test_error", better="lower"), Metric("validation_loss", better="lower")),
    scales={{"quick": Scale(epochs=4, seeds=5, pause=0.0),
            "slow": Scale(epochs=4, seeds=5, pause=0.1)}},
    claims=(
        Higher("Narrow is worse.", metric="test_error", higher={{"width": 4}},
               lower={{"width": 64}}, by=0.01),
    ),
)
'''

NEEDS = '''
"""Does pretraining a wider network help?"""

import torch
from torch import nn

from harness import Context, Factor, Metric, Scale, Study


def gradients(width):
    nn.Linear(3, width)(torch.ones(2, 3)).sum().backward()


def pretrain(width, context: Context):
    gradients(width)
    (context.folder / "done").touch()


def train(width, context: Context):
    assert (context.given["first"] / "done").exists()
    gradients(width)
    return {"error": width * torch.rand(()).item()}


def step(width, context):
    assert (context.given["first"] / "done").exists()
    return lambda: gradients(width)


study = Study(
    name="needs", question="Does it help?", factors=(Factor("width", (1, 2)),), train=train,
    step=step, needs={"first": pretrain}, metrics=(Metric("error", better="lower"),),
    scales={"quick": Scale(seeds=5)},
)
'''

Command = Callable[..., subprocess.CompletedProcess[str]]
TRIALS = 2 * 2 + 2 * 5


def write(folder: Path, top: str = "", body: str = "pass") -> None:
    (folder / "card.py").write_text(STUDY.format(top=top, body=body), encoding="utf-8")


def ledger(folder: Path, out: str, scale: str = "quick", file: str = "card.py") -> Ledger:
    study = load(str(folder / file))
    del sys.modules[study.module]
    return Ledger(open_store(str(folder / out / "harness.db")), study, scale)


def records(folder: Path, out: str, scale: str = "quick") -> list[Record]:
    return list(ledger(folder, out, scale).done().values())


def numbers(found: list[Record]) -> dict[str, Any]:
    return {each.key: (dict(each.metrics), dict(each.curves)) for each in found}


def test_trials_compute_on_the_card_and_more_workers_give_the_same_bits(
    tmp_path: Path, command: Command
) -> None:
    """Although the file asks for devices when it is imported, as many do."""
    write(tmp_path)
    command("run", "card.py", "--device", "cuda:0", "--workers", "1", "--out", "one")
    command("run", "card.py", "--device", "cuda", "--workers", "3", "--out", "three")
    found = records(tmp_path, "one")
    assert len(found) == TRIALS
    for each in found:
        assert each.state == "complete", each.reason
        assert each.env["hardware"] == torch.cuda.get_device_name(0)
        assert each.env["device"] == "cuda:0"
    (profiles,) = notes.profiles(ledger(tmp_path, "one")).values()
    assert {each.device for each in profiles.values()} == {"cuda:0"}
    assert all(each.step_seconds > 0 and each.peak_bytes > 0 for each in profiles.values())
    assert numbers(found) == numbers(records(tmp_path, "three"))
    assert len({each.metrics["test_error"] for each in found if each.role == "evaluate"}) == 10


def test_check_finds_nothing_wrong_a_kill_included(tmp_path: Path, command: Command) -> None:
    write(tmp_path)
    said = command("check", "card.py", "--json", "--workers", "2", "--device", "cuda:0")
    found = {each["check"]: each for each in json.loads(said.stdout)["findings"]}
    assert {name: each["state"] for name, each in found.items()} == {
        "same seed again": "ok", "another seed": "ok", "every arm": "ok",
        "killed and resumed": "ok", "import of the file": "ok", "the function": "ok",
    }, found  # fmt: skip


def test_a_run_that_is_killed_goes_on_with_the_same_bits(tmp_path: Path, command: Command) -> None:
    write(tmp_path)
    words = ["run", "card.py", "--scale", "slow", "--device", "cuda:0", "--workers", "2",
             "--no-profile"]  # fmt: skip
    going = subprocess.Popen(
        [sys.executable, "-m", "harness", *words, "--out", "killed", "--quiet"], cwd=tmp_path
    )
    end = time.monotonic() + 120
    while time.monotonic() < end and len(list(tmp_path.glob("killed/**/starts"))) < 3:
        time.sleep(0.05)
    time.sleep(0.25)
    os.kill(going.pid, signal.SIGKILL)
    going.wait()
    command(*words, "--out", "killed")
    command(*words, "--out", "whole")
    starts = [each.read_text().split() for each in tmp_path.glob("killed/**/starts")]
    assert any(len(each) > 1 for each in starts), starts
    found = records(tmp_path, "killed", "slow")
    assert len(found) == TRIALS
    assert numbers(found) == numbers(records(tmp_path, "whole", "slow"))


def test_a_trial_that_wants_too_much_memory_fails_alone(tmp_path: Path, command: Command) -> None:
    write(tmp_path, body="context.seed == 3 and torch.empty(2**50, device='cuda')")
    command("run", "card.py", "--device", "cuda:0", "--workers", "1", "--no-profile", code=None)
    found = [each for each in records(tmp_path, "runs") if each.role == "evaluate"]
    states = {(each.seed, each.state) for each in found}
    assert states == {(seed, "failed" if seed == 3 else "complete") for seed in range(5)}
    assert all("out of memory" in each.reason for each in found if each.state == "failed")


USES = "ONES = torch.ones(3, device='cuda')", "uses it"
GRADIENTS = "torch.ones(3, requires_grad=True).sum().backward()", "computes gradients"


@pytest.mark.parametrize(
    ("verb", "device", "wrong"),
    [("run", "cuda:0", USES), ("check", "cuda:0", USES), ("run", "cpu", GRADIENTS)],
)
def test_a_file_that_uses_the_card_when_imported_is_one_line(
    tmp_path: Path, command: Command, verb: str, device: str, wrong: tuple[str, str]
) -> None:
    """Gradients, too: where there is a card, threads of its own compute those of the CPU."""
    top, does = wrong
    write(tmp_path, top=top)
    said = command(verb, "card.py", "--device", device, "--workers", "1", code=2).stderr
    assert "a study's file must neither use it nor compute gradients" in said
    assert f"got one that {does} (" in said
    assert "Traceback" not in said


def test_gradients_in_a_process_that_measures_leave_what_a_trial_needs(
    tmp_path: Path, command: Command
) -> None:
    """On the CPU of a machine with a card: the second arm's pretraining follows a measurement."""
    (tmp_path / "needs.py").write_text(NEEDS, encoding="utf-8")
    command("run", "needs.py", "--device", "cpu", "--workers", "1")
    profiles = notes.profiles(ledger(tmp_path, "runs", file="needs.py"))
    assert all(isinstance(each, Profile) for each in next(iter(profiles.values())).values())
