"""The parts of a step: what they do is what the trainer does, and what they need is all of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from harness.augment import Shift
from harness.clipping import ClipNorm
from harness.cost.measure import measure
from harness.cost.own_step import measure_own
from harness.cost.peak import measured_peak
from harness.cost.split import make_split
from harness.data import digits
from harness.engines.plain import make_step
from harness.engines.prepared import make_ready, untrained
from harness.engines.step import Rows
from harness.models import CNN, MLP, ConvNet
from harness.optim import SGD, AdamW
from harness.penalties import L2
from harness.probe.clock import END, Mark, part_times
from harness.probe.memory import Allocations
from harness.study.converter import from_plain, to_plain
from harness.tasks.losses import CrossEntropy, Distillation
from harness.training import Training, Update
from harness.trials.profiles import STEP_PARTS, Profile, Spread, Timeline

CPU = torch.device("cpu")
MIB = 2**20
PLAIN = Training(digits(), MLP(hidden=(32,)), SGD(lr=0.1), batch_size=64, epochs=2)
TEACHER = Training(digits(), MLP(hidden=(8,)), SGD(lr=0.1), batch_size=64, epochs=10**6)
FULL = replace(
    PLAIN, model=MLP(hidden=(32,), dropout=0.5), optimizer=AdamW(lr=0.01), augment=(Shift(0.5),),
    penalty=L2(0.1), clip=ClipNorm(1.0),
)  # fmt: skip
CASES = {
    "plain": PLAIN,
    "momentum and batch normalisation": replace(
        PLAIN, model=ConvNet(depth=8, width=8), optimizer=SGD(lr=0.1, momentum=0.9)
    ),
    "augmentation, dropout, penalty, clipping": FULL,
    "a teacher known beforehand": replace(PLAIN, loss=Distillation(TEACHER)),
    "a teacher that is asked": replace(FULL, loss=Distillation(TEACHER)),
    "bfloat16": replace(PLAIN, precision="bfloat16"),
    "several updates": replace(
        FULL,
        model=CNN(channels=(4,)),
        optimizer=None,
        loss=None,
        penalty=None,
        clip=None,
        updates=(
            Update("blocks", CrossEntropy(), SGD(lr=0.1, momentum=0.9), 2),
            Update("head", CrossEntropy(), SGD(lr=0.1)),
        ),
    ),
}


@pytest.mark.parametrize("training", CASES.values(), ids=CASES)
def test_the_parts_together_give_the_trainers_weights_bit_for_bit(training: Training):
    whole, parted = (make_ready(training, 0, CPU, untrained(training, 0)) for _ in range(2))
    begun = whole.network.vector.clone()
    step, split = make_step(whole), make_split(parted)
    said: list[str] = []
    for each in (whole, parted):
        each.network.module.train()
    for number, rows in enumerate(whole.order(0)[:5]):
        losses = step(Rows(*whole.splits.train.pick(rows), whole.known(rows)), 0.7, number)
        for one, other in zip(split(rows, 0.7, number, said.append), losses, strict=True):
            assert torch.equal(one, other)
    assert torch.equal(parted.network.vector, whole.network.vector)
    assert not torch.equal(whole.network.vector, begun)
    for name, held in whole.network.held().items():
        assert torch.equal(parted.network.held()[name], held), name
    turns = len(training.turns)
    teacher = training.augment and whole.asked  # it is asked, in the forward part
    parts = ["data", *(["forward"] if teacher else []), *list(STEP_PARTS[1:]) * turns]
    assert said == [*parts, END] * 5


def test_each_part_is_given_its_own_time():
    now = 0

    def once(mark: Mark) -> None:
        nonlocal now
        for part, milliseconds in (("data", 1), ("forward", 2), ("backward", 4)):
            mark(part)
            now += milliseconds * 10**6
        mark(END)
        now += 10**9  # between steps, which is nobody's

    times = part_times(once, 0.0, lambda: now)
    assert times == {"data": [0.001] * 5, "forward": [0.002] * 5, "backward": [0.004] * 5}


def test_a_profile_has_parts_evaluation_and_a_share_of_the_peak():
    profile = measure(PLAIN, CPU, seconds=0.02)
    assert tuple(profile.split) == STEP_PARTS
    for spread in (*profile.split.values(), profile.evaluation):
        assert spread is not None
        assert 0 < spread.low <= spread.median <= spread.high <= spread.p95
    assert profile.step_high <= profile.step_p95
    assert profile.evaluation is not None
    assert profile.validation_seconds >= profile.evaluation.median  # 260 examples, at most 500
    assert profile.peak_flops == measured_peak(CPU)  # once in a process
    assert profile.peak_share == pytest.approx(
        profile.flops_per_step / profile.step_seconds / profile.peak_flops
    )
    assert profile.joules_per_step is None


def test_operators_of_a_step_are_those_by_hand():
    counts = measure(PLAIN, CPU, seconds=0).operators
    # two layers: forward two products with a bias; backward those of the weights, and of the
    # hidden layer's outputs, as nothing asks for the gradient of the images
    assert counts["aten::addmm"] == 2
    assert counts["aten::mm"] == 3
    assert counts["aten::threshold_backward"] == 1


def test_the_timeline_has_the_peak_and_where_parts_begin():
    for training in (PLAIN, CASES["momentum and batch normalisation"]):
        profile = measure(training, CPU, seconds=0)
        line = profile.timeline
        assert line is not None
        assert len(line.bytes) == 200
        assert max(line.bytes) == profile.peak_bytes
        held = sum(profile.memory[part] for part in ("parameters", "optimizer_state", "buffers"))
        assert min(line.bytes) >= held
        begins = [line.begins[part] for part in STEP_PARTS]
        assert begins == sorted(begins)
        assert 0 <= begins[0] < begins[-1] < 1


def test_a_timeline_keeps_each_stretch_at_its_highest():
    seen = Allocations(10, ((0.1, 5), (0.15, -5), (0.6, 20), (0.9, -20)), {})
    assert seen.growth == 20
    # at the quarters: 10 to 15, then 10 still, then 10 to 30, and 30 until it falls
    assert seen.timeline(4) == (15, 10, 30, 30)


@pytest.mark.parametrize("size", [1, 3])
def test_a_held_tensor_of_the_users_own_shows_as_its_bytes(size: int):
    def start() -> object:
        kept = torch.ones(size * MIB, dtype=torch.uint8)

        def once() -> None:
            assert (kept[:1] + torch.ones(2 * MIB, dtype=torch.uint8))[0] == 2

        return once

    profile = measure_own(start, CPU, seconds=0)
    assert profile.memory["held"] == size * MIB
    assert 4 * MIB <= profile.memory["step"] < 4 * MIB + 1000  # the ones, and the sum
    assert profile.operators["aten::add"] == 1
    assert profile.python_calls >= 1
    assert profile.timeline is not None
    assert max(profile.timeline.bytes) == profile.peak_bytes
    assert not profile.timeline.begins


@pytest.mark.parametrize(
    ("optimizer", "states"), [(SGD(lr=0.1), 0), (SGD(lr=0.1, momentum=0.9), 1), (AdamW(lr=0.1), 2)],
    ids=["sgd", "momentum", "adam"],
)  # fmt: skip
def test_memory_of_a_perceptron_is_arithmetic(optimizer: SGD | AdamW, states: int):
    profile = measure(replace(PLAIN, optimizer=optimizer), CPU, seconds=0)
    count = 64 * 32 + 32 + 32 * 10 + 10
    counters = 8 if states == 2 else 0  # AdamW's number of the step, in float64 or int64
    assert profile.parameters == count
    assert profile.memory["parameters"] == profile.memory["gradients"] == 4 * count
    assert profile.memory["optimizer_state"] == 4 * count * states + counters
    assert profile.memory["batch"] == 64 * (64 * 4 + 8)
    # a mask of the parameters that decay
    assert profile.memory["buffers"] == 4 * count


def test_a_profile_of_an_older_store_still_loads_and_a_new_one_is_kept_whole():
    old = {
        "step_seconds": 0.1, "step_low": 0.09, "step_high": 0.2, "blocks": 5,
        "samples_per_second": 640.0, "peak_bytes": 10, "memory": {"parameters": 10},
        "flops_per_step": 7, "parameters": 3, "steps": 2, "samples": 128, "device": "cpu",
        "hardware": "a processor", "threads": 1, "note": "",
    }  # fmt: skip
    read = from_plain(Profile, old)
    assert (read.split, read.evaluation, read.timeline, read.peak_share) == ({}, None, None, 0.0)
    new = replace(
        read, split={"data": Spread(1.0, 0.5, 1.5, 2.0)}, evaluation=Spread(1.0, 0.5, 1.5, 2.0),
        timeline=Timeline((1, 2), {"data": 0.5}), operators={"aten::mm": 2}, joules_per_step=0.5,
    )  # fmt: skip
    assert from_plain(Profile, json.loads(json.dumps(to_plain(new)))) == new
