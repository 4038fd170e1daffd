"""Choosing a mode: what is tried, what it may cost, and what is chosen from what was measured."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
import torch

from harness.cost.calibrate import (
    SHARE,
    Bench,
    calibrate,
    candidates,
    most_at_once,
    whole_seconds,
)
from harness.data import digits
from harness.engines.fused import load_functorch
from harness.engines.kinds import ENGINES
from harness.engines.modes import PLAIN, Choice, Mode, Timing
from harness.engines.prepared import Member, make_ready
from harness.messages.errors import HarnessError
from harness.models import MLP, ConvNet
from harness.optim import SGD
from harness.probe.memory import free_memory
from harness.running.costs import compiling_seconds
from harness.study.converter import from_plain, to_plain
from harness.tasks.losses import Distillation
from harness.training import Training
from tests.networks import Odd

CPU = torch.device("cpu")
BASE = Training(
    data=digits(train=120, validation=60, test=60),
    model=MLP(hidden=(8,)),
    optimizer=SGD(lr=0.1),
    batch_size=20,
    epochs=4,
)
EAGER = ("plain", "fused")
FUSED8, FUSED32 = Mode("fused", 8), Mode("fused", 32)
COMPILED, COMPILED32 = Mode("compiled", 1), Mode("compiled", 32)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def there() -> float:
    """What torch loads for vmap is there already."""
    return 0.0


QUIET = Bench(load=there, is_loaded=lambda: True)
GENEROUS = replace(QUIET, share=1e9)
"""All that applies is measured."""


class Times:
    """Modes that take the times they are given, on a clock of its own."""

    def __init__(self, seconds: dict[Mode, float], preparation: float = 25.0) -> None:
        self.seconds, self.preparation = seconds, preparation
        self.now = 100.0
        self.spends: dict[Mode, float] = {}
        self.tried: list[Mode] = []
        self.members: list[int] = []

    def timed(self, mode: Mode, members: list) -> Timing:
        self.tried.append(mode)
        self.members.append(len(members))
        self.now += self.spends.get(mode, 0.0)
        preparation = self.preparation if mode.kind == "compiled" else 0.0
        return Timing(mode, self.seconds[mode], preparation)

    def bench(self, share: float = SHARE) -> Bench:
        return Timed(share, lambda: self.now, load=there, is_loaded=lambda: True, times=self)


@dataclass(frozen=True)
class Timed(Bench):
    """Measures nothing, but says what :class:`Times` does."""

    times: Times | None = None

    def time(self, mode: Mode, members: Sequence[Member], seconds: float) -> Timing:
        assert self.times is not None
        return self.times.timed(mode, list(members))


def made_up(**seconds: float) -> Times:
    names = {"plain": PLAIN, "fused8": FUSED8, "fused32": FUSED32, "compiled": COMPILED,
             "compiled32": COMPILED32}  # fmt: skip
    return Times({names[name]: value for name, value in seconds.items()})


# ---- measured in earnest


def test_it_chooses_something_that_it_measured():
    choice = calibrate(BASE, CPU, 40, kinds=EAGER, bench=Bench(share=1e9))
    modes = [each.mode for each in choice.timings]
    assert modes == [PLAIN, FUSED8, FUSED32]
    assert all(each.seconds > 0 for each in choice.timings)
    # torch loads something the first time, which counts against all that need it
    assert [each.loading > 0 for each in choice.timings] == [False, True, True]
    assert all(each.preparation == 0 for each in choice.timings)
    assert compiling_seconds([choice]) == 0, "nothing was compiled"
    fastest = min(choice.timings, key=lambda each: whole_seconds(each, BASE.epochs, 40, 1, 1))
    assert choice.mode == fastest.mode
    assert choice.note == ""
    assert choice.trials == 40
    assert choice.seconds > 0


class Engine:
    """One whose first step takes 10 s, every other one 0.5 s or more, and validation 2 s."""

    def __init__(self, made: Times) -> None:
        self.made, self.calls = made, 0
        self.started = self.stopped = False

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.stopped = True

    def epoch(self, number: int, most: int) -> None:
        self.calls += 1
        slower = 1.5 if self.calls % 2 else 1.0  # what else runs on the machine
        self.made.now += 10.0 if self.calls == 1 else 0.5 * slower * most

    def validate(self) -> None:
        self.made.now += 2.0


@pytest.mark.parametrize(("mode", "preparation"), [(FUSED8, 0.0), (COMPILED32, 10.0)])
def test_a_timing_is_of_one_trials_epoch_without_the_first_step(mode, preparation):
    made, members = Times({}), [make_ready(BASE, 0, CPU)] * 4
    engine = Engine(made)
    bench = Bench(clock=lambda: made.now, engine=lambda *_: engine)
    timing = bench.time(mode, members, 3.0)
    assert timing == Timing(mode, pytest.approx((6 * 0.5 + 2.0) / 4), pytest.approx(preparation))
    assert engine.started
    assert engine.stopped


def test_images_are_also_tried_with_their_channels_last():
    convolutional = replace(BASE, model=ConvNet(depth=8, width=4))
    choice = calibrate(convolutional, CPU, 1, kinds=("plain",), bench=GENEROUS)
    assert [each.mode for each in choice.timings] == [PLAIN, Mode(channels_last=True)]
    assert choice.mode in [each.mode for each in choice.timings]


def test_what_costs_least_is_tried_first():
    """With little time, images are tried with their channels last, and nothing is loaded."""
    convolutional = replace(BASE, model=ConvNet(depth=8, width=4))
    member = make_ready(convolutional, 0, CPU)
    unloaded = Bench(is_loaded=lambda: False)
    plain = Timing(PLAIN, 0.01 * member.steps, 0.0)
    tried = list(candidates(member, 80, 2, plain, None, forced=False, bench=unloaded))
    assert [str(mode) for mode, _ in tried] == [
        "plain, channels last", "fused, 8 at a time", "fused, 32 at a time",
        "compiled, 1 at a time, channels last", "compiled, 32 at a time",
    ]  # fmt: skip
    assert [cost for _, cost in tried] == [
        pytest.approx(0.03), pytest.approx(1.24), pytest.approx(1.96), None, None,
    ]  # fmt: skip
    load_functorch()
    tried = list(candidates(member, 80, 2, plain, None, forced=False))
    assert tried[1][1] == pytest.approx(0.24)


def test_an_engine_says_on_which_device_it_applies(monkeypatch):
    """So one for GPUs alone is not proposed on a CPU, where it would have to fail first."""
    asked = []

    def modes(counts, images, device):
        asked.append(device.type)
        return [(count, False) for count in counts] if device.type == "cuda" else []

    own = replace(ENGINES["fused"], modes=modes)
    monkeypatch.setattr("harness.cost.calibrate.ENGINES", {"plain": ENGINES["plain"], "own": own})
    monkeypatch.setattr("harness.engines.modes.ENGINES", {**ENGINES, "own": own})
    member = make_ready(BASE, 0, CPU)
    plain = Timing(PLAIN, 0.01, 0.0)
    assert list(candidates(member, 80, 2, plain, None, forced=False)) == []
    elsewhere = replace(member, device=torch.device("cuda"))
    found = [mode for mode, _ in candidates(elsewhere, 80, 2, plain, None, forced=False)]
    assert found == [Mode("own", 8), Mode("own", 32)]
    assert asked == ["cpu", "cuda"]


def test_the_free_memory_of_a_container_is_what_its_limit_leaves(tmp_path):
    def write(name, text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert free_memory(tmp_path) is None
    write("proc/meminfo", "MemTotal: 4000 kB\nMemAvailable:    3000 kB\n")
    assert free_memory(tmp_path) == 3_072_000
    write("sys/fs/cgroup/memory.max", "max\n")
    write("sys/fs/cgroup/memory.current", "900\n")
    write("sys/fs/cgroup/memory.stat", "anon 500\ninactive_file 400\nactive_file 7\n")
    assert free_memory(tmp_path) == 3_072_000
    write("sys/fs/cgroup/memory.max", "2000\n")
    assert free_memory(tmp_path) == 1500
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n")
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", "2000\n")
    write("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 300\n")
    assert free_memory(tmp_path) == 0
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1200\n")
    assert free_memory(tmp_path) == 100


def test_where_no_memory_is_left_one_is_trained_at_a_time():
    for free, most in ((0, 1), (8_000, 2), (None, None)):
        assert most_at_once(CPU, 1_000, 2, lambda free=free: free) == most


def test_what_each_process_loads_once_is_shared_by_its_programs():
    timing = Timing(FUSED8, 0.1, 0.0, loading=2.0)
    assert whole_seconds(timing, 3, 8, 2, 1) == pytest.approx(0.3 + 0.5)
    assert whole_seconds(timing, 3, 8, 2, 5) == pytest.approx(0.3 + 0.1)


@pytest.mark.slow
def test_compiled_code_is_measured_with_its_preparation():
    choice = calibrate(BASE, CPU, 3, bench=GENEROUS)
    modes = [each.mode for each in choice.timings]
    assert modes == [PLAIN, Mode("fused", 3), COMPILED, Mode("compiled", 3)], choice.note
    for each in choice.timings:
        assert (each.preparation > 0) == (each.mode.kind == "compiled")


@pytest.mark.slow
def test_compiled_code_that_is_asked_for_is_measured_whatever_it_costs():
    choice = calibrate(BASE, CPU, 1, kinds=("compiled",))
    assert choice.mode == COMPILED
    assert [each.mode for each in choice.timings] == [PLAIN, COMPILED]


def test_a_kind_that_is_asked_for_is_taken_even_if_it_is_slower():
    for kinds in (("fused",), ["fused"]):
        choice = calibrate(BASE, CPU, 8, kinds=kinds, bench=replace(QUIET, share=0.0))
        assert choice.mode == FUSED8
        assert [each.mode for each in choice.timings] == [PLAIN, FUSED8]
    slow = made_up(plain=1.0, fused8=9.0)
    assert calibrate(BASE, CPU, 8, kinds=("fused",), bench=slow.bench()).mode == FUSED8
    assert slow.tried == [PLAIN, FUSED8]
    assert calibrate(BASE, CPU, 8, kinds=("plain",), bench=slow.bench()).mode == PLAIN


def test_fused_that_is_asked_for_of_one_trial_is_plain():
    assert calibrate(BASE, CPU, 1, kinds=("fused",), bench=made_up(plain=1.0).bench()).mode == PLAIN


def test_the_global_generators_are_left_as_they_were():
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate()
    calibrate(replace(BASE, model=Odd("torch's generator")), CPU, 2, kinds=("fused",))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_a_student_is_calibrated_without_training_its_teacher(monkeypatch):
    monkeypatch.setattr("harness.trainer.train.train_need", None)
    taught = replace(BASE, loss=Distillation(replace(BASE, epochs=10**6)))
    choice = calibrate(taught, CPU, 8, kinds=EAGER, bench=GENEROUS)
    assert [each.mode for each in choice.timings] == [PLAIN, FUSED8]


def test_what_cannot_be_trained_is_an_error():
    with pytest.raises(HarnessError, match="batch_size must be at most the 120"):
        calibrate(replace(BASE, batch_size=121), CPU, 8)


# ---- what cannot be fused


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("hidden tensor", "fused, 2 at a time: their networks differ in mask"),
        ("branch", "fused, 2 at a time: RuntimeError: vmap: "),
        ("torch's generator", "fused, 2 at a time: RuntimeError: vmap: "),
        ("Python's generator", "its network draws from a global random generator"),
        ("array", "fused, 2 at a time: "),
        ("GRU", "layers.memory is an nn.GRU: networks with recurrent layers train one at a time"),
        ("LSTM", "layers.memory is an nn.LSTM: networks with recurrent layers train one at a time"),
    ],
)
def test_a_network_that_cannot_be_fused_gives_plain_and_why(kind, why):
    for kinds in (EAGER, ("fused",)):
        choice = calibrate(replace(BASE, model=Odd(kind)), CPU, 2, kinds=kinds, bench=GENEROUS)
        assert choice.mode == PLAIN
        assert [each.mode for each in choice.timings] == [PLAIN]
        assert why in choice.note
        assert "\n" not in choice.note


# ---- what is tried, and what it may cost


@pytest.mark.parametrize(
    ("trials", "options", "wanted"),
    [
        (1, {}, [PLAIN, COMPILED]),
        (3, {}, [PLAIN, Mode("fused", 3), COMPILED, Mode("compiled", 3)]),
        (8, {}, [PLAIN, FUSED8, COMPILED, Mode("compiled", 8)]),
        (31, {}, [PLAIN, FUSED8, COMPILED, Mode("compiled", 8)]),
        (500, {}, [PLAIN, FUSED8, FUSED32, COMPILED, COMPILED32]),
        # each worker has its share of them
        (62, {"workers": 2}, [PLAIN, FUSED8, COMPILED, Mode("compiled", 8)]),
        (64, {"workers": 2}, [PLAIN, FUSED8, FUSED32, COMPILED, COMPILED32]),
        (2, {"workers": 4}, [PLAIN, COMPILED]),
        # no more than fit
        (500, {"most": 10}, [PLAIN, FUSED8, COMPILED, Mode("compiled", 8)]),
        (500, {"most": 5}, [PLAIN, Mode("fused", 5), COMPILED, Mode("compiled", 5)]),
        (500, {"most": 1}, [PLAIN, COMPILED]),
        (500, {"kinds": ("plain", "compiled")}, [PLAIN, COMPILED, COMPILED32]),
        (500, {"kinds": ("plain",)}, [PLAIN]),
    ],
)
def test_which_modes_are_tried(trials, options, wanted):
    made = Times(dict.fromkeys(wanted, 1.0))
    choice = calibrate(BASE, CPU, trials, **options, bench=made.bench(1e9))
    assert made.tried == wanted
    assert made.members == [mode.models for mode in wanted]
    assert choice.mode == PLAIN  # of equals the first, which says what a trial means


def test_nothing_is_tried_beyond_the_plain_loop_where_it_cannot_pay():
    choice = calibrate(BASE, CPU, 500, bench=replace(QUIET, share=0.0))
    assert choice.mode == PLAIN
    assert [each.mode for each in choice.timings] == [PLAIN]
    said = choice.note.split("; ")
    assert len(said) == 4
    assert all(each.endswith(": not tried, as measuring it would not pay") for each in said)
    assert said[0].startswith("fused, 8 at a time")
    assert said[3].startswith("compiled, 32 at a time")


@pytest.mark.parametrize(("trials", "compiles"), [(124, False), (126, True)])
def test_compiling_is_tried_where_its_time_is_a_twentieth_of_the_training(
    monkeypatch, trials, compiles
):
    """25 s are 5 % of 500 s, which 125 trials of 4 epochs of a second take."""
    made = made_up(plain=1.0, fused8=0.9, fused32=0.8, compiled=0.7, compiled32=0.6)
    choice = calibrate(BASE, CPU, trials, bench=made.bench())
    assert (COMPILED in made.tried) == compiles
    assert ("compiled, 1 at a time: not tried" in choice.note) != compiles


def test_workers_share_the_training_and_so_what_measuring_may_take():
    times = {"plain": 1.0, "fused8": 0.9, "fused32": 0.8, "compiled": 0.7, "compiled32": 0.6}
    for workers, compiles in ((1, True), (2, False)):
        made = made_up(**times)
        calibrate(BASE, CPU, 200, workers=workers, bench=made.bench())
        assert (COMPILED in made.tried) == compiles


def test_once_the_time_is_spent_nothing_more_is_tried():
    """400 trials of 4 epochs of a second: 80 s to spend, of which the first mode takes 79."""
    made = made_up(plain=1.0, fused8=0.5, fused32=0.1, compiled=0.1, compiled32=0.1)
    made.spends = {FUSED8: 79.0}
    choice = calibrate(BASE, CPU, 400, bench=made.bench())
    assert made.tried == [PLAIN, FUSED8]
    assert choice.mode == FUSED8
    assert choice.seconds == pytest.approx(79.0)
    assert choice.note.count("not tried") == 3


def test_compiling_twice_must_fit_twice():
    times = {"plain": 1.0, "fused8": 0.5, "fused32": 0.1, "compiled": 0.1, "compiled32": 0.05}
    for spends, twice in ((60.0, False), (50.0, True)):
        made = made_up(**times)
        made.spends = {COMPILED: spends}
        choice = calibrate(BASE, CPU, 400, bench=made.bench())
        assert (COMPILED32 in made.tried) == twice
        assert ("compiled, 32 at a time: not tried" in choice.note) != twice


@pytest.mark.parametrize(
    ("trials", "epochs", "workers", "wanted"),
    [
        (10, 1, 1, PLAIN),  # 25 s over 10 trials are more than the 0.9 s that each saves
        (10, 4, 1, COMPILED),  # but less than 4 times that
        (40, 4, 4, COMPILED),
        (10, 4, 2, PLAIN),  # each worker compiles for itself
        (1000, 1, 1, COMPILED),
    ],
)
def test_preparation_is_shared_by_all_epochs_of_a_workers_trials(
    monkeypatch, trials, epochs, workers, wanted
):
    times = {"plain": 1.0, "compiled": 0.1, "compiled32": 1.0}
    made = made_up(**times)
    made.seconds |= {Mode("compiled", count): 1.0 for count in (5, 8, 10)}
    training = replace(BASE, epochs=epochs)
    kinds = ("plain", "compiled")
    choice = calibrate(training, CPU, trials, workers=workers, kinds=kinds, bench=made.bench(1e9))
    assert COMPILED in made.tried
    assert choice.mode == wanted


def test_a_mode_that_breaks_is_noted_and_the_others_are_tried():
    made = made_up(plain=1.0, fused8=0.5, fused32=0.2, compiled=0.9, compiled32=0.8)

    class Breaking(Timed):
        def time(self, mode: Mode, members: Sequence[Member], seconds: float) -> Timing:
            if mode == FUSED32:
                raise torch.OutOfMemoryError("no memory\nfor this")
            if mode.kind == "compiled":
                raise TypeError
            return super().time(mode, members, seconds)

    bench = Breaking(1e9, load=there, is_loaded=lambda: True, times=made)
    choice = calibrate(BASE, CPU, 500, bench=bench)
    assert choice.mode == FUSED8
    assert "fused, 32 at a time: OutOfMemoryError: no memory" in choice.note
    assert "compiled, 1 at a time: TypeError: " in choice.note
    assert "\n" not in choice.note


# ---- what a choice says


def choice(mode: Mode, **seconds: float) -> Choice:
    return Choice(mode, tuple(Timing(m, s, 0.0) for m, s in made_up(**seconds).seconds.items()))


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (32, FUSED32),
        (100, FUSED32),  # the trainer takes them in portions
        (31, FUSED32),  # a step of 32 takes 3.2 s, and one of 8 only 4
        (9, FUSED32),
        (8, FUSED32),  # 8 alone would take 8 s, together 3.2
        (4, FUSED32),
        (3, PLAIN),  # 3 s alone
        (1, PLAIN),
    ],
)
def test_the_mode_for_fewer_trials_than_it_is_made_for(count, wanted):
    assert choice(FUSED32, plain=1.0, fused8=0.5, fused32=0.1).at(count) == wanted


@pytest.mark.parametrize(
    ("count", "wanted"), [(32, FUSED32), (9, FUSED32), (8, FUSED8), (3, FUSED8), (2, PLAIN)]
)
def test_a_smaller_cohort_is_taken_where_it_is_enough(count, wanted):
    """Of 8 a step takes 2 s, of 32 it takes 6.4."""
    assert choice(FUSED32, plain=1.0, fused8=0.25, fused32=0.2).at(count) == wanted


def test_the_plain_mode_for_a_few_is_the_faster_of_the_plain_ones():
    last = Mode(channels_last=True)
    timings = (Timing(PLAIN, 1.0, 0.0), Timing(last, 0.9, 0.0), Timing(FUSED8, 0.5, 0.0))
    assert Choice(FUSED8, timings).at(4) == last  # 3.6 s against 4
    assert Choice(FUSED8, timings).at(5) == FUSED8


def test_kinds_are_not_mixed():
    """Compiled code for 32 is not run as a fused step of 8, which was measured as well."""
    made = choice(COMPILED32, plain=1.0, fused8=0.01, compiled32=0.1)
    assert made.at(8) == COMPILED32
    assert made.at(2) == PLAIN


@pytest.mark.parametrize("mode", [PLAIN, Mode(channels_last=True), COMPILED])
def test_modes_of_one_at_a_time_are_for_any_number(mode):
    for made in (Choice(mode), Choice(mode, (Timing(PLAIN, 0.001, 0), Timing(mode, 1.0, 0)))):
        assert [made.at(count) for count in (1, 2, 50)] == [mode] * 3


def test_what_nobody_measured_is_taken_as_it_is():
    assert Choice(FUSED32).at(2) == FUSED32
    assert Choice(FUSED32, (Timing(PLAIN, 0.001, 0.0),)).at(2) == FUSED32


def test_a_choice_survives_being_written_down():
    timings = (Timing(PLAIN, 1.5, 0.0), Timing(Mode("compiled", 8, True), 0.1, 20.25))
    made = Choice(timings[1].mode, timings, "fused: no", 40, 31.5)
    written = json.loads(json.dumps(to_plain(made)))
    assert from_plain(Choice, written) == made
    assert from_plain(Choice, to_plain(made)) == made
    assert from_plain(Choice, json.loads(json.dumps(to_plain(Choice(PLAIN))))) == Choice(PLAIN)


def test_modes_in_words():
    assert str(PLAIN) == "plain"
    assert str(Mode(channels_last=True)) == "plain, channels last"
    assert str(FUSED8) == "fused, 8 at a time"
    assert str(Mode("compiled", 1, True)) == "compiled, 1 at a time, channels last"
