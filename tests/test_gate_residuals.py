"""What is measured of a machine before it gates, and what it means for a gate."""

import io
import math
from pathlib import Path

import numpy as np
import pytest

from harness.commands.doctor_gate import fitness_json, print_fitness
from harness.gate.figures import Figure, Reading
from harness.gate.residuals import Residuals, Take, fitness, measured, rounds_in
from harness.gate.rounds import Measuring, Taken, order
from harness.messages.errors import HarnessError
from harness.probe.work import work
from harness.stats import Rule, operating
from harness.stats.operating import centred
from harness.terminal import screen


def of_noise(sd: float, pairs: int = 40) -> Residuals:
    return Residuals(tuple(np.random.default_rng(0).normal(0, sd, pairs)), 6.0 * pairs)


def reading(seconds: float) -> Reading:
    return Reading("built-in work", (Figure("call", seconds, "s", "time"),))


def pretended(numbers: list[int], now: list[float]) -> Take:
    """Return what takes rounds of five seconds, in which head takes twice as long as base."""

    def take(number: int) -> Taken:
        numbers.append(number)
        now[0] += 5.0
        return Taken({"base": (reading(1.0),), "head": (reading(2.0),), "twin": (reading(9.0),)})

    return take


def test_a_quiet_machine_is_fit_and_a_noisy_one_is_not() -> None:
    rule = Rule.for_metrics(1)
    quiet, noisy = fitness(of_noise(0.03), rule), fitness(of_noise(0.3), rule)
    assert quiet.fit
    assert quiet.false_alarms <= 0.01
    assert quiet.sd == pytest.approx(0.03, rel=0.4)
    assert [each.pairs for each in quiet.reaches] == [8, 12, 20, 30]
    assert quiet.reaches[0].minutes == pytest.approx(0.8)
    assert not noisy.fit
    assert (quiet.same, noisy.same) == ("", "")
    assert fitness_json(noisy)["reaches"][0]["slowdown"] is None or noisy.reaches[0].slowdown > 0.3


def test_it_is_said_why_more_pairs_detect_no_less_where_noise_is_small() -> None:
    rule = Rule.for_metrics(1)
    residuals = of_noise(0.01)
    calm = fitness(residuals, rule)
    detected = [each.slowdown for each in calm.reaches]
    assert max(detected) - min(detected) < 0.002
    stream = io.StringIO()
    print_fitness(calm, screen._console(stream, width=400))
    assert "nearly every gate ends at its first look, after 8 pairs" in stream.getvalue()
    # as it says: at what is detected, the first look decides
    pool = centred(residuals.log_ratios, symmetric=True)
    assert operating(pool, rule, detected[0], seed=1).pairs < 8.2


def test_rounds_are_taken_until_time_is_up() -> None:
    numbers: list[int] = []
    now, told = [0.0], list[int]()
    found = measured(1.0, pretended(numbers, now), lambda: now[0], told.append)
    assert numbers == [*range(12)]
    assert told == [*range(1, 13)]
    assert (found.seconds, found.per_pair) == (60, 5)
    assert found.log_ratios == (math.log(2),) * 12
    assert len(measured(0.01, pretended(numbers, now), lambda: now[0]).log_ratios) == 8


@pytest.mark.slow
def test_a_round_of_built_in_work_is_one_of_a_gate(tmp_path: Path) -> None:
    taken = rounds_in(tmp_path, Measuring(seconds=0.3))(1)
    assert set(taken.readings) == {"base", "head", "twin"}
    for (read,) in taken.readings.values():
        assert read.benchmark == "built-in work"
        assert [(one.name, one.judged) for one in read.figures] == [("call", "time")]
        assert 1e-6 < read.figures[0].value < 1
    # the folder of the side that was measured first is as old as or older than the last one's
    answers = [tmp_path / name / "run/answer.json" for name in order(["base", "head", "twin"], 1)]
    ends = [each.stat().st_mtime_ns for each in answers]
    assert ends == sorted(ends)


def test_built_in_work_works_without_torch_and_without_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    total = sum(each * each for each in range(4000))
    for missing in ("none", "torch", "numpy"):
        monkeypatch.setitem(__import__("sys").modules, missing, None)
        assert work()() == total


@pytest.mark.parametrize("minutes", [0, -1, math.nan, math.inf])
def test_no_time_is_an_error(minutes: float) -> None:
    numbers: list[int] = []
    with pytest.raises(HarnessError, match="--minutes must be above 0"):
        measured(minutes, pretended(numbers, [0.0]))
    assert not numbers


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_a_time_that_is_none_is_an_error(wrong: float) -> None:
    """As every answer of a process that measures is read."""
    with pytest.raises(HarnessError, match=r"must give a whole reading; got .* (is|took) "):
        Reading.of(reading(wrong).plain(), "base's process")
    assert Reading.of(reading(1.0).plain(), "base's process") == reading(1.0)
