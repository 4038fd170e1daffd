"""What a step does, counted: held to counts by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from harness.probe.counts import by_name, flops, operators, python_calls
from harness.probe.energy import joules, nvml_reader
from harness.probe.memory import cpu_growth

LEFT, RIGHT = torch.ones(64, 128), torch.ones(128, 10)


def test_operators_of_a_known_step_are_those_by_hand():
    weights = torch.ones(128, 10, requires_grad=True)

    def once() -> None:
        torch.autograd.grad((LEFT @ weights).sum(), weights)

    counts = operators(once)
    # forward a product and a sum; backward the sum's gradient spread out, and a product with the
    # transposed inputs. Detaching is how autograd keeps what it saves.
    assert counts["aten::mm [64,128]x[128,10]"] == 1
    assert counts["aten::sum [64,10]"] == 1
    assert counts["aten::mm [128,64]x[64,10]"] == 1
    assert counts["aten::expand []"] == 1
    assert by_name(counts)["aten::mm"] == 2


def test_one_more_operation_counts_one_more():
    plain = operators(lambda: LEFT @ RIGHT)
    more = operators(lambda: (LEFT @ RIGHT) + 0)
    assert plain == {"aten::mm [64,128]x[128,10]": 1}
    assert more == plain | {"aten::add [64,10]": 1}


def test_tensors_in_lists_are_shapes_too():
    assert operators(lambda: torch.cat([LEFT, LEFT])) == {"aten::cat [64,128]x[64,128]": 1}


def test_flops_are_those_by_hand():
    assert flops(lambda: LEFT @ RIGHT) == 2 * 64 * 128 * 10


def calling(times: int) -> Callable[[], None]:
    def called() -> None: ...

    def once() -> None:
        for _ in range(times):
            called()

    return once


def test_calls_of_python_are_those_by_hand_and_the_same_each_time():
    assert python_calls(calling(0)) == 1
    assert [python_calls(calling(7)) for _ in range(3)] == [8] * 3


def test_calls_of_a_step_of_torch_are_the_same_each_time():
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())

    def once() -> None:
        network(torch.ones(2, 4)).sum().backward()

    counts = {python_calls(once) for _ in range(5)}
    assert len(counts) == 1
    assert counts.pop() > 5


def test_what_watches_python_already_is_put_back():
    seen: list[str] = []

    def watch(frame: object, event: str, argument: object) -> None:
        seen.append(event)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        python_calls(calling(1))
        assert sys.getprofile() is watch
    finally:
        sys.setprofile(before)


def test_a_step_without_torch_has_no_operation_and_does_not_load_it():
    code = (
        "import sys; from harness.probe.counts import operators, flops, python_calls\n"
        "once = lambda: None\n"
        "print(operators(once), flops(once), python_calls(once), 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[0] == "{} 0 1 False"
    assert operators(lambda: None) == {}
    assert cpu_growth(lambda: lambda: None) == (0, 0)


def test_energy_is_that_of_a_window_by_its_steps():
    now = 0.0
    steps = 0

    def once() -> None:
        nonlocal now, steps
        now += 0.5
        steps += 1

    # 100 W: four steps of half a second in the window of two, after one to warm up
    used = joules(once, lambda: 100 * now, lambda: None, 0.0, lambda: now)
    assert used == pytest.approx(50)
    assert steps == 5


def test_energy_is_not_known_without_nvml(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvml_reader(0) is None
