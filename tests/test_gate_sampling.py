"""Rounds until all is decided, on made-up readings: looks, budget, what is left out, control."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from harness.gate.figures import Figure, Reading
from harness.gate.pairs import CODE, CONTROL, DEPENDENCIES, control, finds, judged, row, series_of
from harness.gate.rounds import Measuring, Taken
from harness.gate.sampling import Bounds, Timed, belongs, narrowed, take_all
from harness.gate.sides import Side
from harness.gate.what import CommandWhat, FunctionWhat, PytestWhat, StudyWhat, What
from harness.messages.errors import HarnessError

ONE = FunctionWhat("m:f", "m:f", "m", "f")
TWO = FunctionWhat("m:g", "m:g", "m", "g")


def side(name: str) -> Side:
    return Side(name, name, Path(), Path(), Path(), (), (), Path())


SIDES = [side("base"), side("head"), side("twin")]


class Machine:
    """Takes rounds of a machine with noise, on which some sides of some benchmarks are slower."""

    def __init__(
        self,
        slower: Mapping[tuple[str, str], float] = MappingProxyType({}),
        *,
        noise: float = 0.01,
        seconds: float = 10,
    ) -> None:
        self.slower, self.noise, self.seconds = slower, noise, seconds
        self.now, self.taken, self.timeouts = 0.0, [], []  # type: ignore[var-annotated]
        self.rng = np.random.default_rng(0)

    def take(
        self, sides: list[Side], whats: list[What], number: int, folder: Path, measuring: Measuring
    ) -> Taken:
        del folder
        assert number == len(self.taken)
        self.now += self.seconds
        self.taken.append([what.title for what in whats])
        self.timeouts.append(measuring.timeout)
        return Taken({each.name: tuple(self.read(each, what) for what in whats) for each in sides})

    def read(self, one: Side, what: What) -> Reading:
        value = math.exp(self.rng.normal(0, self.noise))
        value *= 1 + self.slower.get((one.name, what.title), 0.0)
        return Reading(what.title, (Figure("call", value, "s", "time"),))

    def gate(
        self, whats: list[What], minutes: float = 60.0, sides: list[Side] = SIDES, **more: object
    ) -> Timed:
        return take_all(sides, whats, Path(), Measuring(), Bounds(60 * minutes), take=self.take,
                        clock=lambda: self.now, **more)  # type: ignore[arg-type]  # fmt: skip


def answers(timed: Timed) -> dict[str, str]:
    return {key[1]: each.answer for key, each in timed.decisions.items()}


def test_it_ends_at_the_first_look_that_decides() -> None:
    quiet = Machine()
    timed = quiet.gate([ONE])
    assert answers(timed) == {"m:f": "pass"}
    assert len(timed.rounds) == 8
    slow = Machine({("head", "m:f"): 0.2})
    assert answers(slow.gate([ONE])) == {"m:f": "fail"}
    assert len(slow.taken) == 8


def test_what_is_decided_is_measured_no_more() -> None:
    machine = Machine({("head", "m:g"): 0.2})
    timed = machine.gate([ONE, TWO])
    assert answers(timed) == {"m:f": "pass", "m:g": "fail"}
    assert machine.taken == [["m:f", "m:g"]] * 8 + [["m:g"]] * 4  # of two, none fails at 8 pairs
    assert [len(each.over) for each in timed.series.values()] == [8, 12]


def test_the_budget_ends_it_before_a_look_that_it_has_no_room_for() -> None:
    machine = Machine({("head", "m:f"): 0.07}, noise=0.05, seconds=10)
    timed = machine.gate([ONE], minutes=1.6)
    assert timed.ended
    assert answers(timed) == {"m:f": "inconclusive"}
    assert len(timed.rounds) == 8  # 12 rounds would take 2 minutes
    assert timed.room == 9
    decision = next(iter(timed.decisions.values()))
    assert "it ended before the look at 12 pairs" in decision.reason


def test_a_budget_without_room_for_one_look_takes_one_round_alone() -> None:
    machine = Machine(seconds=100)
    timed = machine.gate([ONE], minutes=2)
    assert (timed.ended, len(timed.rounds)) == (True, 1)
    (series,) = timed.series.values()
    (decision,) = timed.decisions.values()
    assert timed.rule is not None
    said = row(series, decision, timed.rule, math.nan)
    assert said.answer == "inconclusive"
    assert math.isnan(said.low)
    assert "it ended before the first look, at 8 pairs" in said.why


def test_no_process_may_take_longer_than_the_budget_or_three_times_the_usual() -> None:
    machine = Machine(seconds=10)
    machine.gate([ONE], minutes=1.5)
    assert machine.timeouts[0] == 90
    assert machine.timeouts[-1] == 30
    long = Machine(seconds=10)
    long.gate([ONE], minutes=60)
    assert max(long.timeouts) == 3600


def test_the_answer_does_not_depend_on_when_it_is_asked_for() -> None:
    (series,) = Machine(noise=0.06).gate([ONE]).series.values()
    rule = Bounds(60).rule(1)
    first = judged(series, rule, last=True)
    assert first.pairs < 30
    later = replace(series, under=(*series.under, *[1.0] * 9), over=(*series.over, *[9.0] * 9))
    assert judged(later, rule, last=True).answer == first.answer


def test_a_round_that_reads_a_benchmark_on_one_side_alone_is_an_error() -> None:
    both = {"base": read(TIME), "head": read(TIME)}
    for lacking in ("base", "head"):
        with pytest.raises(HarnessError, match=f"in each round; got none of {lacking}"):
            series_of([Taken(both), Taken({**both, lacking: ()})], [CODE])


def test_the_clock_is_one_for_both_sides_of_a_pair() -> None:
    steady, wall = replace(TIME, value=4.0, steady=1.0), replace(TIME, value=5.0)
    rounds = [Taken({"base": read(steady), "head": read(each)}) for each in (steady, wall)]
    (series,) = series_of(rounds, [CODE]).values()
    assert (series.under, series.over) == ((1.0, 4.0), (1.0, 5.0))


def test_a_base_that_is_faster_than_itself_is_an_alarm_too() -> None:
    timed = Machine({("base", "m:f"): 0.2, ("head", "m:f"): 0.2}).gate([ONE])
    assert timed.rule is not None
    assert control(*timed.controls.values(), timed.rule).alarm


def test_a_base_slower_than_itself_is_an_alarm() -> None:
    timed = Machine({("twin", "m:f"): 0.2, ("head", "m:f"): 0.2}).gate([ONE])
    assert timed.rule is not None
    (twins,) = timed.controls.values()
    said = control(twins, timed.rule)
    assert said.alarm
    assert said.change == pytest.approx(0.2, abs=0.02)
    calm = Machine({("head", "m:f"): 0.2}).gate([ONE])
    assert not control(*calm.controls.values(), timed.rule).alarm


def test_dependencies_are_a_comparison_of_their_own() -> None:
    sides = [*SIDES, side("deps")]
    machine = Machine({("base", "m:f"): 0.3, ("twin", "m:f"): 0.3, ("head", "m:f"): 0.3})
    timed = machine.gate([ONE], sides=sides)
    assert {key[0]: each.answer for key, each in timed.decisions.items()} == {
        CODE: "pass", DEPENDENCIES: "fail",
    }  # fmt: skip
    assert timed.rule is not None
    assert timed.rule.metrics == 2
    assert {each.benchmark for each in timed.series.values()} == {"m:f", "m:f (dependencies)"}


def test_figures_that_are_not_wanted_share_no_errors() -> None:
    timed = Machine().gate([ONE, TWO], wanted=lambda benchmark, _: benchmark == "m:g")
    assert timed.rule is not None
    assert timed.rule.metrics == 1
    assert answers(timed) == {"m:g": "pass"}
    nothing = Machine().gate([ONE], wanted=lambda *_: False)
    assert (nothing.rule, nothing.decisions, len(nothing.rounds)) == (None, {}, 1)


def read(*figures: Figure) -> tuple[Reading, ...]:
    return (Reading("m:f", figures),)


TIME = Figure("call", 1.0, "s", "time")


def test_a_figure_that_a_later_process_lacks_is_an_error() -> None:
    both = {"base": read(TIME), "head": read(TIME)}
    lacking = {"base": read(TIME), "head": read(Figure("other", 1.0, "s", "time"))}
    with pytest.raises(HarnessError, match="m:f must give call in each process; got none of head"):
        series_of([Taken(both), Taken(lacking)], [CODE])


def test_a_benchmark_that_is_open_and_read_no_more_is_an_error() -> None:
    machine = Machine(noise=0.05)

    def take(sides, whats, number, folder, measuring):  # type: ignore[no-untyped-def]
        return machine.take(sides, whats if number < 3 else [TWO], number, folder, measuring)

    with pytest.raises(HarnessError, match="m:f must give call in each round until it is decided"):
        take_all(SIDES, [ONE, TWO], Path(), Measuring(), Bounds(3600), take=take,
                 clock=lambda: machine.now)  # fmt: skip


def test_figures_of_two_kinds_are_never_paired() -> None:
    rate = Figure("call", 1.0, "per s", "time", better="higher")
    assert series_of([Taken({"base": read(TIME), "head": read(rate)})], [CODE]) == {}
    assert series_of([Taken({"base": (), "head": read(TIME)})], [CODE, CONTROL]) == {}


def test_less_of_a_rate_is_slower() -> None:
    rates = [Figure("rate", value, "per s", "time", better="higher") for value in (90, 75)]
    rounds = [Taken({"base": read(rates[0]), "head": read(rates[1])})] * 8
    (series,) = series_of(rounds, [CODE]).values()
    assert series.log_ratios == pytest.approx([math.log(1.2)] * 8)
    rule = Bounds(60).rule(1)
    said = row(series, judged(series, rule, last=True), rule, math.nan)
    assert said.answer == "fail"
    assert said.change == pytest.approx(1 / 1.2 - 1)
    assert (said.base, said.head) == (90, 75)


def test_what_can_be_found_grows_with_noise_and_shrinks_with_pairs() -> None:
    def found(noise: float, pairs: int) -> float:
        timed = Machine(noise=noise).gate([ONE])
        (series,), (twins,) = timed.series.values(), timed.controls.values()
        assert timed.rule is not None
        return finds(series, twins, timed.rule, pairs)

    assert 0.05 < found(0.01, 30) < 0.07
    assert found(0.01, 30) < found(0.08, 30) < found(0.08, 8)
    assert found(0.01, 7) == math.inf  # no look


STUDY = StudyWhat("s.py", "s.py", "s.py", "", in_file=True)
TESTS = PytestWhat("t.py", "t.py", "t.py", "")


def test_a_study_is_narrowed_to_arms_and_a_file_to_tests() -> None:
    every = ["s.py#a", "s.py#b", "t.py::test_x[1]", "t.py::test_y", "m:f"]
    assert narrowed([STUDY, TESTS, ONE], every, every) == [STUDY, TESTS, ONE]
    left = narrowed([STUDY, TESTS, ONE], ["s.py#b", "t.py::test_x[1]"], every)
    assert [each.title for each in left] == ["s.py#b", "t.py::test_x[1]"]
    assert isinstance(left[0], StudyWhat)
    assert left[0].arm == "b"
    assert isinstance(left[1], PytestWhat)
    assert left[1].node == "test_x[1]"
    assert narrowed([ONE], [], every) == []


def test_each_benchmark_belongs_to_what_was_named() -> None:
    arm = StudyWhat("s.py#a", "s.py#a", "s.py", "a", in_file=True)
    one = PytestWhat("t.py::test_x", "t.py::test_x", "t.py", "test_x")
    command = CommandWhat("cmd:x", "x", ("x",))
    cases: list[tuple[str, What, bool]] = [
        ("s.py#a", arm, True), ("s.py#ab", arm, False), ("s.py#ab", STUDY, True),
        ("s.pyx#a", STUDY, False), ("t.py::test_x[1]", one, True), ("t.py::test_xy", one, False),
        ("t.py::test_x::inner", one, True), ("x", command, True), ("m:f", ONE, True),
        ("m:ff", ONE, False),
    ]  # fmt: skip
    assert [belongs(name, what) for name, what, _ in cases] == [wanted for *_, wanted in cases]
