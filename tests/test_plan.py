"""Keys of trials: the same for the same trial, in every process, and another for any other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from harness import (
    Constant,
    Cosine,
    CrossEntropy,
    Distillation,
    EarlyStopping,
    Factor,
    OneCycle,
    Scale,
    Study,
    Training,
    Tuned,
    Update,
)
from harness.augment import Flip, Shift
from harness.clipping import ClipNorm, ClipValue
from harness.data import digits, mnist
from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.models import MLP, ConvNet, Orthogonal
from harness.optim import SGD, AdamW
from harness.penalties import L1, L2
from harness.study.work import Work, with_needs
from harness.tasks import Classification
from harness.trials.changed import changes
from harness.trials.trial import keys_of, make_trial

ROOT = Path(__file__).parents[1]

BASE = Training(
    data=digits(train=100),
    model=ConvNet(depth=8),
    optimizer=SGD(lr=0.1, momentum=0.9),
    batch_size=20,
    epochs=3,
    schedule=Cosine(warmup=0.1),
    loss=CrossEntropy(label_smoothing=0.1),
)


def test_a_work_says_what_it_needs_and_a_class_is_none():
    student = replace(BASE, loss=Distillation(BASE))
    pupil = replace(BASE, loss=Distillation(student))
    assert isinstance(BASE, Work)
    assert BASE.needs() == {}
    assert with_needs([pupil, BASE]) == [pupil, BASE, student, BASE]
    assert pupil.data_sets() == (BASE.data,)
    for wrong in (Training, BASE.model):
        made = study(wrong)
        with pytest.raises(HarnessError, match="must return a Training"):
            make_trial(made, "quick", made.arms("quick")[0], 0, "tune", {})


def study(training: Training, name: str = "one", **changed: Any) -> Study:
    given: dict[str, Any] = {
        "name": name,
        "question": "Which key?",
        "factors": (Factor("case", ("this",)),),
        "build": lambda scale, case: training,
        "scales": {"quick": Scale(seeds=1)},
    }
    return Study(**given | changed)


def key(training: Training, seed: int = 0, role: Any = "evaluate") -> str:
    made = study(training)
    return make_trial(made, "quick", made.arms("quick")[0], seed, role, {}).key


TEACHER = Training(digits(), MLP(), SGD(0.1), 20, 3)


@dataclass(frozen=True)
class OtherTask(Classification):
    """A task of the user's own."""


CHANGED = {
    "task": [OtherTask()],
    "data": [digits(train=101), digits(train=100, test=300), mnist(train=100)],
    "model": [
        ConvNet(14), ConvNet(8, width=8), ConvNet(8, shortcut=False), MLP(),
        ConvNet(8, activation="gelu"), ConvNet(8, normalisation="group"), ConvNet(8, dropout=0.1),
        ConvNet(8, order="dropout, norm"), ConvNet(8, initialisation=Orthogonal()),
    ],
    "optimizer": [
        SGD(0.2, 0.9), SGD(0.1), SGD(0.1, 0.9, nesterov=True), SGD(0.1, 0.9, weight_decay=1e-4),
        SGD(0.1, 0.9, dampening=0.5), AdamW(0.1, amsgrad=True),
        AdamW(0.1), AdamW(0.2), AdamW(0.1, beta1=0.8), AdamW(0.1, beta2=0.99), AdamW(0.1, eps=1e-6),
        AdamW(0.1, weight_decay=0.1),
    ],
    "batch_size": [21],
    "epochs": [4],
    "schedule": [Cosine(), Cosine(0.2), Constant(), Constant(0.1), OneCycle(0.1),
                 OneCycle(0.2), OneCycle(0.1, start=10), OneCycle(0.1, end=10)],
    "loss": [
        CrossEntropy(), CrossEntropy(0.2), Distillation(TEACHER), Distillation(TEACHER, 2.0),
        Distillation(TEACHER, weight=0.5), Distillation(replace(TEACHER, epochs=2)),
    ],
    "augment": [(Shift(0.5),), (Shift(0.4),), (Flip(0.5),), (Shift(0.5), Flip(0.5))],
    "penalty": [L2(0.1), L2(0.2), L2(0.1, touches="all"), L1(0.1), L1(0.1, proximal=False)],
    "clip": [ClipNorm(1.0), ClipNorm(2.0), ClipValue(1.0)],
    "stopping": [EarlyStopping(1), EarlyStopping(2), EarlyStopping(1, "validation_accuracy"),
                 EarlyStopping(1, by=0.1)],
    "precision": ["bfloat16", "float64"],
    "updates": [
        (Update("layers", CrossEntropy(), SGD(0.1)),),
        (Update("layers", CrossEntropy(), SGD(0.1), 2),),
        (Update("layers", CrossEntropy(), SGD(0.1), clip=ClipNorm(1.0)),),
        (Update("layers.0", CrossEntropy(), SGD(0.1)),),
        (Update("layers.0", CrossEntropy(), SGD(0.1)), Update("head", CrossEntropy(), SGD(0.1))),
    ],
}  # fmt: skip


BARE = dict.fromkeys(("optimizer", "loss", "penalty", "clip"))
"""What updates stand in the place of."""


def test_every_field_and_the_seed_change_the_key():
    assert CHANGED.keys() == {item.name for item in fields(Training)}
    keys = [key(BASE), key(BASE, seed=1)]
    for name, values in CHANGED.items():
        beside = BARE if name == "updates" else {}
        keys += [key(replace(BASE, **{**beside, name: value})) for value in values]
    assert len(set(keys)) == len(keys) == 2 + sum(map(len, CHANGED.values()))
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in keys)


def test_every_field_of_a_part_changes_the_key():
    """The cases above leave no option of theirs out."""
    for name in ("model", "optimizer", "schedule", "loss"):
        kinds = {type(value) for value in CHANGED[name]}
        for kind in kinds - {MLP}:
            values = [value for value in [*CHANGED[name], getattr(BASE, name)]
                      if type(value) is kind]  # fmt: skip
            for item in fields(kind):
                assert len({getattr(value, item.name) for value in values}) > 1, (kind, item.name)


@pytest.mark.parametrize(
    ("left", "written"),
    [
        ({"optimizer": SGD(0.1)}, {"optimizer": SGD(0.1, 0.0, nesterov=False, weight_decay=0.0)}),
        ({"model": ConvNet()}, {"model": ConvNet(depth=20, width=16, shortcut=True)}),
        ({"model": MLP()}, {"model": MLP(hidden=(128,))}),
        ({"optimizer": AdamW(0.1)}, {"optimizer": AdamW(0.1, beta1=0.9, beta2=0.999)}),
        ({"data": digits()}, {"data": digits(validation=360, test=400, train=None)}),
    ],
)
def test_a_default_written_out_gives_the_same_key(left, written):
    assert key(replace(BASE, **left)) == key(replace(BASE, **written))


def test_the_fields_of_a_training_may_be_left_out_too():
    short = Training(digits(), MLP(), SGD(0.1), 20, 3)
    long = replace(short, schedule=Constant(warmup=0.0), loss=CrossEntropy(label_smoothing=0.0))
    assert key(short) == key(long)


def test_the_same_trial_has_the_same_key_in_whatever_study_it_stands():
    made = study(
        BASE,
        name="another",
        factors=(Factor("depth", (8, 14)),),
        tuned=(Tuned("lr", 0.01, 1.0),),
        build=lambda scale, depth, lr: replace(BASE, model=ConvNet(depth), optimizer=SGD(lr, 0.9)),
        scales={"large": Scale(seeds=3)},
        question="Other?",
    )
    arm, deeper = made.arms("large")
    trial = make_trial(made, "large", arm, 0, "tune", {"lr": 0.1})
    assert trial.key == key(BASE)
    assert make_trial(made, "large", deeper, 0, "tune", {"lr": 0.1}).key != key(BASE)
    assert make_trial(made, "large", arm, 0, "tune", {"lr": 0.2}).key != key(BASE)
    assert trial.written == canonical(BASE)
    assert (trial.arm, trial.seed, trial.role, trial.tuned) == (arm, 0, "tune", {"lr": 0.1})


def test_a_key_follows_from_what_is_recorded():
    made = study(BASE)
    trial = make_trial(made, "quick", made.arms("quick")[0], 5, "evaluate", {})
    recorded = json.loads(json.dumps([trial.written, trial.code]))
    assert keys_of(*recorded)(5) == trial.key
    backwards = dict(reversed(trial.code.items()))
    assert keys_of(trial.written, backwards)(5) == trial.key
    assert keys_of(trial.written, dict(list(trial.code.items())[1:]))(5) != trial.key


USER_STUDY = '''
"""A study with a network of its own, which rests on what has no stable repr."""

from dataclasses import dataclass
from functools import cache

from torch import exp, nn
from torch.nn.functional import conv2d

from harness import Factor, Scale, Study, Training
from harness.data import digits
from harness.models import ConvNet
from harness.optim import SGD


def swish(values):
    return values / (1 + exp(-values))


@cache
def widths(name):
    return {"narrow": 8, "wide": 16}[name]


WORDS = {"alpha", "beta", "gamma", "delta", "epsilon"}
PARTS = {"own": swish, "theirs": nn.ReLU, "raw": conv2d, "nested": [swish, ("a", 1)]}
SCALES = (lambda values: values, lambda values: 2 * values)


@dataclass(frozen=True)
class Net:
    act: str = "own"

    def build(self, shape, classes):
        assert self.act in PARTS or self.act in WORDS or SCALES
        return nn.Sequential(nn.Flatten(), nn.Linear(64, widths("wide")), nn.Linear(16, classes))


def build(scale, width):
    model = Net() if width == "own" else ConvNet(8)
    return Training(digits(train=500), model, SGD(0.1), batch_size=20, epochs=1)


study = Study(
    name="own",
    question="Is the key the same?",
    factors=(Factor("width", ("own", "theirs")),),
    build=build,
    scales={"quick": Scale(seeds=2)},
)
'''

PRINT_KEYS = """
import json, sys
from harness.running.find import find, load
from harness.trials.trial import make_trial

study = load(find(sys.argv[1]))
keys = [
    make_trial(study, "quick", arm, seed, "evaluate", {}).key
    for arm in study.arms("quick") for seed in (0, 1)
]
print(json.dumps(keys))
"""


def test_keys_are_the_same_in_every_process(tmp_path):
    file = tmp_path / "own_study.py"
    file.write_text(USER_STUDY, encoding="utf-8")
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PRINT_KEYS, str(file)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for seed in ("0", "1")
    ]  # fmt: skip
    answers = [process.communicate(timeout=120) for process in processes]
    assert [error for _, error in answers] == ["", ""]
    keys = [json.loads(answer) for answer, _ in answers]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 4


A: Mapping[str, Any] = {"optimizer": {"type": "SGD", "lr": 0.1}, "epochs": 3}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (A, A, []),
        ({}, {}, []),
        (A, {**A, "epochs": 4}, ["epochs: 3 → 4"]),
        (A, {"optimizer": {"type": "SGD", "lr": 0.2}, "epochs": 3}, ["optimizer.lr: 0.1 → 0.2"]),
        (A, {"optimizer": {**A["optimizer"], "momentum": 0.9}, "epochs": 3},
         ["optimizer.momentum: default → 0.9"]),
        ({"b": 1, "a": 1}, {"a": 2, "c": 3}, ["a: 1 → 2", "b: 1 → default", "c: default → 3"]),
        ({"model": {"hidden": [8]}}, {"model": {"hidden": [8, 8]}}, ["model.hidden: [8] → [8, 8]"]),
        ({"x": {"y": 1}}, {"x": 2}, ["x: {'y': 1} → 2"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ["a.b.c: 1 → 2"]),
    ],
)  # fmt: skip
def test_changes_name_what_differs(before, after, wanted):
    assert changes(before, after) == wanted
    assert len(changes(after, before)) == len(wanted)


def test_changes_tell_what_differs_between_two_trainings():
    other = replace(BASE, optimizer=SGD(0.2, 0.9), schedule=Cosine(), epochs=4)
    assert changes(canonical(BASE), canonical(other)) == [
        "epochs: 3 → 4", "optimizer.lr: 0.1 → 0.2", "schedule.warmup: 0.1 → default",
    ]  # fmt: skip
    assert changes({"v": 1}, {"v": 2}, "code") == ["code.v: 1 → 2"]
