"""Figures that can be had by hand are compared with the hand's; times are only compared with
themselves, or told by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import pytest
import torch
from torch import nn

from harness.augment import Shift
from harness.clipping import ClipNorm
from harness.cost.measure import measure
from harness.data import digits
from harness.models import MLP, ConvNet
from harness.optim import SGD, AdamW
from harness.penalties import L2
from harness.probe.clock import bottleneck, cpu_times
from harness.probe.memory import cpu_peak
from harness.tasks.losses import Distillation
from harness.training import Model, Optimizer, Training
from harness.trials.profiles import Profile
from tests.gpu import GPU

CPU = torch.device("cpu")
MIB = 2**20
MOMENTUM = SGD(lr=0.1, momentum=0.9)
PARTS = {"parameters", "gradients", "optimizer_state", "buffers", "batch", "activations"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Beside other processes, threads that wait for each other make small steps very slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Holding:
    """A linear network that holds ``size`` bytes during its forward pass."""

    size: int

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return _Holding(self.size, classes)


class _Holding(nn.Module):
    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.size = size
        self.linear = nn.Linear(64, classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        block = torch.ones(self.size, dtype=torch.uint8, device=inputs.device)
        return self.linear(inputs.flatten(1)) * block[0]


@dataclass(frozen=True)
class Noisy:
    """A linear network that draws from torch's global generator, with half its weights frozen."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        frozen = nn.Linear(64, 64, bias=False).requires_grad_(False)
        return nn.Sequential(nn.Flatten(), frozen, nn.Dropout(), nn.Linear(64, classes))


def training(model: Model, optimizer: Optimizer = MOMENTUM, batch_size: int = 64) -> Training:
    return Training(digits(), model, optimizer, batch_size=batch_size, epochs=15)


@lru_cache
def profiled(
    model: Model, optimizer: Optimizer = MOMENTUM, batch_size: int = 64, device: str = "cpu"
) -> Profile:
    what = training(model, optimizer, batch_size)
    return measure(what, torch.device(device), seconds=0.05)


def deterministic(profile: Profile) -> Profile:
    memory = {name: size for name, size in profile.memory.items() if name in PARTS}
    return replace(
        profile, step_seconds=0, step_low=0, step_high=0, blocks=0, samples_per_second=0,
        memory=memory, step_p95=0, split={}, evaluation=None, validation_seconds=0, timeline=None,
    )  # fmt: skip


def test_flops_of_a_perceptron_are_those_by_hand():
    # 64 images; 64 -> 128 -> 10. Nothing asks for the gradient of the images.
    first, second = 2 * 64 * 64 * 128, 2 * 64 * 128 * 10
    assert profiled(MLP()).flops_per_step == 2 * first + 3 * second == 2_588_672


def test_flops_of_a_convolutional_network_are_those_by_hand():
    # Two for each of 9 taps, per output pixel, and per input channel, output channel and image:
    def conv(before: int, after: int, side: int) -> int:
        return 2 * 9 * side * side * before * after * 64

    stem = conv(1, 8, 8)
    rest = 2 * conv(8, 8, 8) + conv(8, 16, 4) + conv(16, 16, 4) + conv(16, 32, 2) + conv(32, 32, 2)
    head = 2 * 64 * 32 * 10
    by_hand = 2 * stem + 3 * rest + 3 * head
    assert profiled(ConvNet(depth=8, width=8)).flops_per_step == by_hand == 72_081_408


TEACHER = Training(digits(), MLP(hidden=(32,)), MOMENTUM, batch_size=64, epochs=10**6)


@pytest.mark.parametrize(
    ("augment", "asked"), [((), 0), ((Shift(0.5),), 2 * 64 * (64 * 32 + 32 * 10))]
)
def test_a_teacher_is_asked_at_every_step_where_images_are_augmented(augment, asked):
    """It is not trained for this, and costs one forward pass or, known beforehand, nothing."""
    alone = replace(training(MLP()), augment=augment)
    taught = replace(alone, loss=Distillation(TEACHER))
    flops = [measure(each, CPU, seconds=0).flops_per_step for each in (alone, taught)]
    assert flops[0] == profiled(MLP()).flops_per_step
    assert flops[1] - flops[0] == asked


def test_a_teacher_is_shown_images_of_its_own_data_too():
    """Its inputs are standardised by what it was trained on."""
    other = replace(TEACHER, data=digits(train=200))
    taught = replace(training(MLP()), augment=(Shift(0.5),), loss=Distillation(other))
    assert measure(taught, CPU, seconds=0).parameters == profiled(MLP()).parameters


def test_augmentation_dropout_penalty_and_clip_are_part_of_the_step():
    """None has a matrix product; images that are moved are held once more at least."""
    plain = training(MLP(hidden=(32,)))
    full = replace(
        plain, model=MLP(hidden=(32,), dropout=0.5), augment=(Shift(0.5),), penalty=L2(0.1),
        clip=ClipNorm(1.0),
    )  # fmt: skip
    one, other = (measure(each, CPU, seconds=0) for each in (plain, full))
    assert one.flops_per_step == other.flops_per_step
    assert other.peak_bytes - one.peak_bytes >= 64 * 64 * 4
    # two buffers for dropout: its share and its key
    assert other.memory["buffers"] - one.memory["buffers"] == 8 + 4


def test_a_deeper_network_has_more_of_everything():
    shallow, deep = profiled(ConvNet(depth=8, width=8)), profiled(ConvNet(depth=14, width=8))
    # Six more layers: two in each stage, each 2 * 9 * 64 FLOPs per pixel and pair of channels
    layers = 2 * (8 * 8 * 64 + 16 * 16 * 16 + 32 * 32 * 4)
    assert deep.flops_per_step - shallow.flops_per_step == 3 * 2 * 9 * 64 * layers
    weights = 2 * 9 * (8 * 8 + 16 * 16 + 32 * 32) + 2 * 2 * (8 + 16 + 32)
    assert deep.parameters - shallow.parameters == weights
    assert deep.memory["activations"] > shallow.memory["activations"]


def test_counts_of_a_trial():
    profile = profiled(MLP())
    assert profile.parameters == 64 * 128 + 128 + 128 * 10 + 10
    assert profile.steps == 15 * (1037 // 64)
    assert profile.samples == profile.steps * 64
    assert profile.device == "cpu"
    assert profile.threads == torch.get_num_threads() == 1
    assert profile.hardware


def test_memory_held_between_steps_is_that_by_hand():
    memory = profiled(ConvNet(depth=8, width=8)).memory
    weights = 9 * (8 + 2 * 64 + 128 + 256 + 512 + 1024) + 32 * 10 + 10
    channels = 3 * 8 + 2 * 16 + 2 * 32  # of seven batch normalisations
    assert memory["parameters"] == 4 * (weights + 2 * channels)
    assert memory["gradients"] == memory["optimizer_state"] == memory["parameters"]
    mask = memory["parameters"]  # which parameters weight decay applies to
    assert memory["buffers"] == 2 * 4 * channels + mask
    assert memory["batch"] == 64 * (64 * 4 + 8)


@pytest.mark.parametrize(
    ("optimizer", "per_parameter", "more"),
    [(SGD(lr=0.1), 0, 0), (MOMENTUM, 4, 0), (AdamW(lr=0.1), 8, 8)],
    ids=["sgd", "momentum", "adamw"],
)
def test_optimizer_state_is_that_by_hand(optimizer: Optimizer, per_parameter: int, more: int):
    profile = profiled(MLP(), optimizer)
    assert profile.memory["optimizer_state"] == per_parameter * profile.parameters + more


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [(MLP(), AdamW(lr=0.1)), (ConvNet(depth=8, width=8), MOMENTUM), (Holding(MIB), MOMENTUM)],
    ids=["mlp", "convnet", "holding"],
)
def test_parts_add_up_to_the_peak(model: Model, optimizer: Optimizer):
    profile = profiled(model, optimizer)
    assert sum(profile.memory[name] for name in PARTS) == profile.peak_bytes
    assert set(profile.memory) - PARTS <= {"vm_hwm"}
    assert min(profile.memory[name] for name in PARTS - {"buffers"}) > 0


def test_the_peak_grows_by_just_what_a_network_holds():
    small, large = profiled(Holding(MIB)), profiled(Holding(9 * MIB))
    assert large.peak_bytes - small.peak_bytes == 8 * MIB
    assert large.memory["activations"] - small.memory["activations"] == 8 * MIB


def test_activations_grow_with_the_batch():
    model = ConvNet(depth=8, width=8)
    one, two, three = (profiled(model, batch_size=size).memory for size in (64, 128, 192))
    growth = two["activations"] - one["activations"]
    assert three["activations"] - two["activations"] == pytest.approx(growth, rel=0.01)
    # Backward needs at least the input and the output of each batch normalisation and ReLU: two
    # tensors for each of three, two and two layers of 512, 256 and 128 numbers per image.
    floats = 2 * (3 * 512 + 2 * 256 + 2 * 128)
    assert 64 * 4 * floats <= growth <= 2 * 64 * 4 * floats
    assert two["parameters"] == one["parameters"]
    assert two["batch"] == 2 * one["batch"]


def test_frozen_weights_take_memory_and_are_not_trained():
    profile = profiled(Noisy())
    assert profile.parameters == 64 * 10 + 10
    assert profile.memory["parameters"] == 4 * (profile.parameters + 64 * 64)
    assert profile.memory["gradients"] == 4 * profile.parameters


def test_a_batch_of_one_is_measured():
    profile = profiled(MLP(), batch_size=1)
    assert profile.memory["batch"] == 64 * 4 + 8
    assert profile.steps == 15 * 1037


def test_an_earlier_arm_changes_no_deterministic_figure():
    what = training(MLP())
    first = measure(what, CPU, seconds=0)
    measure(training(ConvNet(depth=8, width=8), AdamW(lr=0.1)), CPU, seconds=0)
    assert deterministic(measure(what, CPU, seconds=0)) == deterministic(first)


def test_the_global_generator_is_left_as_it_was():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    measure(training(Noisy()), CPU, seconds=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_prints_nothing(capfd: pytest.CaptureFixture[str]):
    measure(training(MLP()), CPU, seconds=0)
    assert capfd.readouterr() == ("", "")


def test_the_high_water_mark_has_what_a_network_holds():
    small, large = (measure(training(Holding(n * MIB)), CPU, seconds=0) for n in (1, 65))
    if small.note:
        pytest.skip(small.note)
    growth = large.memory["vm_hwm"] - small.memory["vm_hwm"]
    assert growth == pytest.approx(64 * MIB, rel=0.2)


def test_a_high_water_mark_that_cannot_be_reset_is_left_out():
    def refuse() -> None:
        raise PermissionError("read-only")

    def start() -> Callable[[], None]:
        return lambda: torch.ones(MIB, dtype=torch.uint8).zero_()

    peak, parts, note = cpu_peak(start, {"parameters": 8}, 100, refuse)
    assert peak == 8 + MIB
    assert parts == {"parameters": 8, "gradients": 100, "activations": MIB - 100}
    assert "vm_hwm" in note


def test_times_fit_together():
    profile = profiled(ConvNet(depth=8, width=8))
    assert 0 < profile.step_low <= profile.step_seconds <= profile.step_high
    assert profile.samples_per_second == 64 / profile.step_seconds
    assert profile.blocks >= 5


class Clock:
    """Time that passes by steps alone: the first takes ten times as long as the others."""

    def __init__(self, step: float) -> None:
        self.now, self.step, self.steps = 0, round(step * 1e9), 0

    def once(self) -> None:
        self.steps += 1
        self.now += self.step * (10 if self.steps == 1 else 1)


@pytest.mark.parametrize(("step", "blocks", "size"), [(0.001, 20, 50), (0.034, 30, 1), (0.5, 5, 1)])
def test_blocks_share_the_time_there_is(step: float, blocks: int, size: int):
    clock = Clock(step)
    times = cpu_times(clock.once, 1.0, lambda: clock.now)
    assert times == pytest.approx([step] * blocks, rel=1e-12)  # none of them has the first step
    assert clock.steps - blocks * size >= 3  # warm-up


def test_a_cpu_that_holds_the_device_up_is_told():
    assert bottleneck(step=0.010, wall=0.0101, wait=0.008) == ""
    between_steps = bottleneck(step=0.010, wall=0.012, wait=0.008)
    within_steps = bottleneck(step=0.010, wall=0.0101, wait=0.0001)
    for note in (between_steps, within_steps):
        assert note.startswith("the CPU is the bottleneck: 10 ms a step on the device, 1")


def test_other_devices_are_refused():
    with pytest.raises(NotImplementedError, match="meta"):
        measure(training(MLP()), torch.device("meta"))


class TestCuda:
    pytestmark = GPU

    def test_parts_add_up_to_the_allocators_peak(self):
        profile = profiled(MLP(hidden=(1024, 1024)), AdamW(lr=0.1), 512, "cuda:0")
        memory = profile.memory
        assert set(memory) == PARTS | {"workspace", "reserved", "inactive_split"}
        assert sum(memory[name] for name in PARTS | {"workspace"}) == profile.peak_bytes
        assert profile.peak_bytes <= memory["reserved"]
        weights = 64 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10
        assert memory["parameters"] == memory["gradients"] == 4 * weights
        assert memory["optimizer_state"] == 8 * weights + 8
        assert memory["batch"] == 512 * (64 * 4 + 8)
        assert memory["workspace"] >= 0
        assert memory["activations"] >= 4 * weights  # the gradients once more, as one vector

    def test_the_peak_grows_by_just_what_a_network_holds(self):
        small = profiled(Holding(64 * MIB), device="cuda:0")
        large = profiled(Holding(192 * MIB), device="cuda:0")
        growth = large.peak_bytes - small.peak_bytes
        assert growth == pytest.approx(128 * MIB, abs=2 * MIB)

    def test_an_earlier_arm_changes_no_deterministic_figure(self):
        device = torch.device("cuda:0")
        first = measure(training(MLP()), device, seconds=0.05)
        measure(training(Holding(64 * MIB)), device, seconds=0.05)
        again = measure(training(MLP()), device, seconds=0.05)
        assert deterministic(again).memory == deterministic(first).memory
        assert again.memory["reserved"] == first.memory["reserved"]

    def test_flops_do_not_depend_on_the_device(self):
        model = ConvNet(depth=8, width=8)
        assert profiled(model, device="cuda:0").flops_per_step == profiled(model).flops_per_step

    def test_times_fit_together(self):
        profile = profiled(ConvNet(depth=8, width=8), device="cuda:0")
        assert 0 < profile.step_low <= profile.step_seconds <= profile.step_high
        assert profile.samples_per_second == 64 / profile.step_seconds
        assert profile.hardware == torch.cuda.get_device_name(0)
