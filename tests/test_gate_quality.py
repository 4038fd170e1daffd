"""Quality: what is worse fails, what is the same passes, and what cannot be told does neither."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import Claim, Context, Factor, Higher, Metric, NotWorse, Scale, Study
from harness.gate import kept
from harness.gate.asked import Asked, Tiers
from harness.gate.by_seed import Graded, Sides, Trained, Wanted
from harness.gate.ci import junit, metrics
from harness.gate.environments import folders, here
from harness.gate.exact import bits_notes
from harness.gate.figures import Figure, Reading
from harness.gate.not_worse import ALPHA, too_few
from harness.gate.outcome import Row
from harness.gate.printed import print_result
from harness.gate.quality import Judged, Quality, judge_quality, quality
from harness.gate.rounds import Measuring
from harness.gate.run import run_gate
from harness.gate.summary import summary
from harness.gate.waivers import Waiver, apply
from harness.gate.what import FunctionWhat, StudyWhat, parse
from harness.gate.words import headline, pairs_text, waiver_lines, worse
from harness.messages.errors import HarnessError
from harness.reports import render_gate
from harness.running.graded import graded_by_seed, judged_metrics, margin_of
from harness.terminal import screen
from tests import tiny_study
from tests.example_gate import STEP, example

ACCURACY = Wanted("test_accuracy", "fraction", "higher")
LOSS = Wanted("test_loss", "nats", "lower")
RAMP = np.array([-3.0, -2, -1, 0, 0, 0, 1, 2, 3, 0]) / 1000


def graded(
    values: Sequence[float], wanted: Wanted = ACCURACY, bits: str = "", **changes: Any
) -> Graded:
    """One arm; bits are of the values where not given."""
    trials = {
        ("plain", seed): Trained({wanted.name: each}, bits=bits or repr(each))
        for seed, each in enumerate(values)
    }
    return replace(Graded("s.py", ("plain",), (wanted,), trials, len(values)), **changes)


def compared(
    base: Graded | None, head: Graded, asked: Quality | None = None, deps: Graded | None = None
) -> Judged:
    sides = {"head": {head.title: head}, "base": {base.title: base} if base else {}}
    return judge_quality(
        Sides(sides | ({"deps": {deps.title: deps}} if deps else {}), {"s.py": "no such file"}),
        asked or Quality(),
    )


def one(base: Sequence[float], head: Sequence[float], wanted: Wanted = ACCURACY) -> Row:
    judged = compared(graded(base, wanted), graded(head, wanted))
    assert not judged.problems
    (row,) = judged.rows
    return row


BASE = 0.9 + 0.02 * np.sin(np.arange(10))


def test_the_same_bits_pass_and_are_said() -> None:
    row = one(BASE, BASE)
    assert (row.answer, row.low, row.change, row.high, row.pairs) == ("pass", 0, 0, 0, 10)
    assert row.why == "The same to the last bit on 10 seeds, with all else that was recorded."
    assert not row.changed
    few = compared(graded(BASE[:2]), graded(BASE[:2])).rows[0]
    assert few.answer == "pass"
    other = compared(graded(BASE, bits="a"), graded(BASE, bits="b")).rows[0]
    assert (other.answer, "not so all else" in other.why) == ("pass", True)
    few = compared(graded(BASE[:4], bits="a"), graded(BASE[:4], bits="b")).rows[0]
    assert few.answer == "inconclusive", "four equal shares may be chance"


@pytest.mark.parametrize(
    ("shift", "answer", "why"),
    [
        (-0.05, "fail", "Surely worse on 10 seeds, by more than the margin of 1.0 pp"),
        (-0.007, "fail", "by half the margin of 1.0 pp (the default) or more"),
        (-0.0025, "pass", "Surely worse, but by less than half the margin"),
        (0.0005, "pass", "Surely not worse by the margin of 1.0 pp"),
        (0.05, "pass", "Surely better, and not worse by the margin"),
    ],
)
def test_a_shift_beyond_noise_is_told_by_its_size(shift: float, answer: str, why: str) -> None:
    row = one(BASE, BASE + shift + RAMP * (0.5 if shift == -0.0025 else 1))
    assert (row.answer, row.pairs) == (answer, 10)
    assert why in row.why
    assert row.low < row.change < row.high
    assert row.change == pytest.approx(shift)
    mirrored = one(BASE, BASE - shift - RAMP * (0.5 if shift == -0.0025 else 1),
                   replace(ACCURACY, better="lower"))  # fmt: skip
    assert (mirrored.answer, mirrored.why) == (answer, row.why)
    assert worse(mirrored) == pytest.approx(worse(row)) == pytest.approx(-shift)


def test_what_noise_hides_is_inconclusive_and_says_how_many_seeds_would_do() -> None:
    row = one(BASE, BASE - 0.006 + 6 * RAMP)
    assert row.answer == "inconclusive"
    assert "Cannot be told on 10 seeds, for a margin of 1.0 pp" in row.why
    seeds = int(row.why.rpartition("--seeds ")[2].rstrip("."))
    assert 20 < seeds < 100
    far = one(BASE, BASE - 0.006 + 60 * RAMP)
    assert "Not even 100 seeds would do" in far.why
    words = headline(example(rows=(row,)))
    assert "more --seeds" in words.todo


def test_what_no_seed_moves_is_compared_without_chance() -> None:
    base = [2.0] * 5
    worse_by = {0.05: "fail", 0.015: "pass", -1.0: "pass"}  # the margin is 2 % of 2.0
    for more, answer in worse_by.items():
        row = one(base, [2.0 + more] * 5, LOSS)
        assert row.answer == answer, more
        assert row.low == row.high == row.change == pytest.approx(more)
        assert "no chance is in it" in row.why
    assert one(base, [2.05] * 4 + [2.06], LOSS).why.startswith("Surely worse")
    few = one([2.0] * 4, [2.05] * 4, LOSS)
    assert few.answer == "inconclusive", "below five seeds only equal bits decide"


def test_few_seeds_never_decide_and_it_is_said_beforehand() -> None:
    row = one(BASE[:4], BASE[:4] - 0.5 + RAMP[:4])
    assert row.answer == "inconclusive"
    assert "4 seeds can never tell" in row.why
    assert "--seeds 5" in too_few(4)
    assert too_few(5) == ""
    assert one(BASE[:5], BASE[:5] - 0.5 + RAMP[:5]).answer == "fail"


def test_margins_are_the_studys_then_those_asked_for_then_the_usual() -> None:
    head = BASE - 0.007 + RAMP
    own = replace(ACCURACY, margin=0.02)
    row = compared(graded(BASE, own), graded(head, own), Quality(margin=0.001)).rows[0]
    assert (row.answer, "the margin of 2.0 pp (the study's own)" in row.why) == ("pass", True)
    row = compared(graded(BASE), graded(head), Quality(margin=0.002)).rows[0]
    assert (row.answer, "0.2 pp (--margin)" in row.why) == ("fail", True)
    losses = 2.0 + BASE
    row = one(losses, losses + 0.05 + RAMP, LOSS)
    assert (row.answer, "0.0581 nats (the default, 2 % of the base's mean" in row.why) == (
        "fail",
        True,
    )
    row = one(BASE * 0, RAMP, LOSS)
    assert (row.answer, "write --margin" in row.why) == ("inconclusive", True)


def test_a_failure_or_nan_at_head_alone_fails_and_no_waiver_of_a_loss_accepts_it() -> None:
    head = graded(BASE)
    broken = dict(head.trials) | {("plain", 3): Trained(failed="diverged at epoch 2.")}
    row = compared(graded(BASE), replace(head, trials=broken)).rows[0]
    assert row.answer == "fail"
    assert row.why == "Fails at head on seed 3, and not at base: diverged at epoch 2."
    waiver = Waiver("*", "*", "fine", "1", date.max, up_to=0.9)
    assert not apply([row], [waiver], date(2026, 1, 1))[0][0].waiver
    nan = compared(graded(BASE), graded([*BASE[:9], math.nan])).rows[0]
    assert (nan.answer, "test_accuracy is nan" in nan.why) == ("fail", True)
    mended = compared(replace(head, trials=broken), head)
    assert (mended.rows[0].answer, mended.rows[0].pairs) == ("pass", 9)
    assert "seed 3 left out, which failed at base" in mended.notes[0]
    both = compared(replace(head, trials=broken), replace(head, trials=broken))
    assert (both.rows[0].answer, "on both sides" in both.notes[0]) == ("pass", True)
    none = graded([math.nan] * 5)
    assert "fails on every seed on both sides" in compared(none, none).problems[0]
    assert compared(none, graded(BASE[:5])).rows[0].answer == "new"


def test_what_is_missing_or_another_is_a_problem_and_never_a_pass() -> None:
    base, head = graded(BASE), graded(BASE)

    def problem(base: Graded | None, head: Graded) -> str:
        judged = compared(base, head)
        assert not any(each.answer == "pass" for each in judged.rows)
        (said,) = judged.problems
        return said

    bare = {place: Trained({"other": 1.0}, bits="x") for place in head.trials}
    assert "is missing at head" in problem(base, replace(head, trials=bare))
    assert "on seed 9: it was not judged" in problem(base, graded(BASE[:9]))
    assert "missing at base, on seed 9" in problem(graded(BASE[:9]), head)
    flipped = graded(BASE, replace(ACCURACY, better="lower"))
    assert "another metric: lower is better" in problem(flipped, head)
    gone = compared(graded(BASE, LOSS), head)
    assert "s.py: test_loss has vanished: it is judged at base alone." in gone.problems
    assert [each.answer for each in gone.rows] == ["new"]
    other = {("other", 0): Trained({"test_accuracy": 0.5})}
    judged = compared(base, replace(head, arms=("other",), trials=other))
    assert "arm plain has vanished" in judged.problems[0]
    assert [each.answer for each in judged.rows] == ["new"]
    judged = compared(None, head)
    assert [each.answer for each in judged.rows] == ["new"]
    assert "no such file" in judged.rows[0].why
    assert "new, and fails on every seed" in problem(None, graded([math.nan] * 3))


def test_dependencies_are_judged_apart_and_all_rows_share_the_level() -> None:
    wide = 3.2 * RAMP
    alone = one(BASE, BASE + wide)
    judged = compared(graded(BASE), graded(BASE + wide), deps=graded(BASE + 0.1 + RAMP))
    code, others = judged.rows
    assert (code.benchmark, others.benchmark) == ("s.py#plain", "s.py#plain (dependencies)")
    assert others.answer == "fail", "with head's dependencies, base is worse than with its own"
    assert others.change == pytest.approx(-0.1)
    assert code.low < alone.low
    assert code.high > alone.high


def test_false_alarms_are_rarer_than_the_level_and_a_true_loss_is_found() -> None:
    rng = np.random.default_rng(17)
    alarms, found, passed, gates = 0, 0, 0, 40
    for _ in range(gates):
        base = 0.9 + 0.01 * rng.standard_normal(10)
        noise = 0.004 * rng.standard_t(4, 10)  # symmetric, and heavier than normal
        alarms += one(base, base + noise).answer == "fail"
        found += one(base, base + noise - 0.02).answer == "fail"
        passed += one(base, base + noise - 0.01).answer == "pass"
    assert alarms <= ALPHA * gates
    assert passed <= ALPHA * gates
    assert found >= 0.9 * gates


def test_differences_are_printed_in_points_everywhere(tmp_path: Path) -> None:
    row = one(BASE, BASE - 0.05 + RAMP)
    loss = one(2 + BASE, 2.5 + BASE + RAMP, LOSS)
    result = example(rows=(row, loss, STEP))
    out = io.StringIO()
    print_result(result, screen._console(out, width=200))
    for text in (out.getvalue(), summary(result), junit(result), render_gate(result)):
        plain = text.replace("\\", "").replace("\xa0", " ")
        assert "−5.0 pp" in plain
        assert "[−5.2, −4.8] pp" in plain
        assert "+0.5 nats" in plain
        assert "90.4 %" in plain
        assert "85.4 %" in plain
    assert "10 seeds on each side" in pairs_text(result.rows)
    assert 'gate_quality_difference{benchmark="s.py:plain",figure="test_accuracy"' in metrics(
        result
    )
    assert metrics(result).count("gate_change_ratio{") == 1
    assert kept.plain(kept.of(kept.plain(result), tmp_path)) == kept.plain(result)
    assert "up_to = 0.063" in waiver_lines(row, result)
    for up_to, accepted in ((0.06, True), (0.04, False)):
        waiver = Waiver("s.py*", "*", "worth it", "1", date.max, up_to=up_to)
        (judged,), _ = apply([row], [waiver], date(2026, 1, 1))
        assert bool(judged.waiver) == accepted
        assert f"{100 * up_to:.1f} pp" in judged.waiver + judged.why


def test_other_bits_of_the_first_losses_are_a_note() -> None:
    def reading(bits: str, name: str = "a") -> Reading:
        return Reading(name, (Figure("steps", 1, "count", "exact"),), bits=bits)

    (said,) = bits_notes({"base": [reading("1")], "head": [reading("2")]})
    assert said.startswith("The first 20 losses of a differ in bits: numerics changed. ")
    for base, head in (("1", "1"), ("", "2"), ("1", "")):
        assert bits_notes({"base": [reading(base)], "head": [reading(head)]}) == []
    assert bits_notes({"base": [reading("1", "b")], "head": [reading("2")]}) == []


# ---- what is trained ----------------------------------------------------------------------------


def test_a_study_is_trained_seed_by_seed_and_twice_to_the_same_bits(tmp_path: Path) -> None:
    def read(place: str) -> dict[str, Any]:
        file = str(Path(tiny_study.__file__))
        return graded_by_seed(file, "width=4", None, seeds=2, device="cpu", folder=tmp_path / place)

    told = read("a")
    assert told["arms"] == ["width=4"]
    assert told["metrics"] == [
        {"name": "test_accuracy", "unit": "fraction", "better": "higher", "margin": None}
    ]
    first, second = told["trials"]
    assert (first["seed"], second["seed"], first["failed"]) == (0, 1, "")
    assert first["bits"] != second["bits"]
    assert 0 < first["metrics"]["test_accuracy"] < 1
    assert read("b") == told
    assert Graded.of({"title": "t", **told}, "this test").seeds == 2


def constant(context: Context, way: int) -> dict[str, float]:
    return {"a": 1.0}


def test_metrics_are_those_of_claims_or_the_first_with_a_direction() -> None:
    def names(**changes: Any) -> list[str]:
        return [each.name for each in judged_metrics(replace(tiny_study.study, **changes))]

    widths: dict[str, Any] = {"arm": {"width": 32}, "than": {"width": 4}}
    claims: list[Claim] = [
        NotWorse("a", metric=name, by=by, **widths)
        for name, by in (("test_loss", 0.2), ("step_seconds", 0.1), ("test_loss", 0.1),
                         ("test_accuracy", 0.01))
    ]  # fmt: skip
    claims.append(Higher("b", metric="failed", higher={"width": 4}, lower={"width": 32}, by=0.1))
    assert names() == ["test_accuracy"]
    assert names(claims=claims) == ["test_loss", "test_accuracy"]
    assert names(claims=[claims[1], claims[4]]) == names(claims=()) == ["test_loss"]
    assert names(claims=(), objective="validation_accuracy") == ["test_accuracy"]
    study = replace(tiny_study.study, claims=claims)
    assert margin_of(study, study.metric("test_loss")) == 0.1
    assert margin_of(tiny_study.study, study.metric("test_accuracy")) is None, "Higher has another"
    own = Study("own", "Is it?", (Factor("way", (1, 2)),), train=constant,
                metrics=(Metric("a"),), scales={"quick": Scale(seeds=5)})  # fmt: skip
    with pytest.raises(HarnessError, match="own must have a metric with a direction"):
        judged_metrics(own)
    own = replace(own, metrics=(Metric("a"), Metric("b", better="lower")))
    assert [each.name for each in judged_metrics(own)] == ["b"]


def test_a_command_is_refused_and_a_search_has_no_quality(tmp_path: Path) -> None:
    def told(text: str) -> dict[str, Any]:
        file = tmp_path / f"s{len(list(tmp_path.iterdir()))}.py"
        file.write_text(f"from harness import *\n{text}\n", encoding="utf-8")
        return graded_by_seed(str(file), None, None, seeds=1, device="cpu", folder=tmp_path / "t")

    with pytest.raises(HarnessError, match="nobody can tell which code it ran"):
        told("study = Study('c', 'Q?', (Factor('way', (1, 2)),), command=Command("
             "'python t.py {way}', reads='m.json'), metrics=(Metric('a', better='lower'),), "
             "scales={'quick': Scale(seeds=5)})")  # fmt: skip
    search = told("def train(context, lr): return {'a': 1.0}\nsearch = Search('s', 'Q?', space="
                  "(Float('lr', 0.1, 1.0),), train=train, metrics=(Metric('a', better='lower'),), "
                  "objective='a', scales={'quick': Scale(seeds=5, tuning=5)})")  # fmt: skip
    assert search == {"none": "it is a search, which has no arms to train again"}


# ---- trained on both sides ----------------------------------------------------------------------

CODE = """
import random

RATE = {rate}


def fit(seed, strict):
    rng = random.Random(seed)
    weight, inputs = 0.0, [rng.uniform(-1, 1) for _ in range(60)]
    for each in inputs:
        error = weight * each - (0.5 * each + rng.gauss(0, 0.02))
        weight -= RATE * error * each
    {end}
    return abs(weight - 0.5)
"""

STUDY = """
from harness import Context, Factor, Metric, NotWorse, Scale, Study
from injected import fit


def train(context: Context, way: str) -> dict[str, float]:
    return {"test_error": fit(context.seed, way == "strict")}


study = Study(
    name="ways", question="Is it as good as before?", factors=(Factor("way", ("loose", "strict")),),
    train=train, metrics=(Metric("test_error", better="lower"),),
    scales={"quick": Scale(epochs=1, seeds=8)},
    claims=(NotWorse("Same.", metric="test_error", arm={"way": "strict"}, than={"way": "loose"},
                     by=0.05),),
)
"""


def side(folder: Path, rate: float = 0.3, end: str = "pass") -> Path:
    (folder / "injected").mkdir(parents=True)
    text = CODE.format(rate=rate, end=end)
    (folder / "injected" / "__init__.py").write_text(text, encoding="utf-8")
    (folder / "study.py").write_text(STUDY, encoding="utf-8")
    return folder


def gated(base: Path, head: Path, out: Path, what: str = "study.py", **changes: Any) -> Judged:
    trees = folders(base, head, out.with_name(f"{out.name}-sides"))
    built = here(*trees)
    whats = [parse(what, trees[1].folder)]
    return quality(built.sides, whats, out, Measuring(timeout=120), Quality(**changes))


def test_another_learning_rate_and_a_seed_that_fails_are_caught(tmp_path: Path) -> None:
    base = side(tmp_path / "base")
    head = side(tmp_path / "head", 0.03, "assert not strict or seed != 2, 'out of range'")
    asked = Asked("folders", str(base), str(head), ("study.py",), here=True,
                  tiers=Tiers(exact=False, time=False, quality=True))  # fmt: skip
    (work := tmp_path / "work").mkdir()
    result = run_gate(asked, tmp_path, work).result
    assert (result.answer, result.problems) == ("fail", ())
    loose, strict = result.rows
    assert (loose.benchmark, loose.figure, loose.pairs) == ("study.py#way=loose", "test_error", 8)
    assert loose.answer == strict.answer == "fail"
    assert "by more than the margin of 0.05 (the study's own)" in loose.why
    assert "at head on seed 2, and not at base: AssertionError: out of range" in strict.why


def test_the_same_code_has_the_same_bits_and_passes(tmp_path: Path) -> None:
    base, head = side(tmp_path / "base"), side(tmp_path / "head")
    judged = gated(base, head, tmp_path / "out", "study.py#way=loose", seeds=3)
    (row,) = judged.rows
    assert (row.benchmark, row.answer) == ("study.py#way=loose", "pass")
    assert "to the last bit on 3 seeds, with all else" in row.why
    assert "3 seeds can never tell" in judged.notes[0]
    assert not judged.problems


def test_code_of_the_wrong_tree_is_an_error(tmp_path: Path) -> None:
    base, head = side(tmp_path / "base"), side(tmp_path / "head")
    leads = f"import sys; sys.path.insert(0, {str(base)!r})\n"
    (head / "study.py").write_text(leads + STUDY, encoding="utf-8")
    with pytest.raises(HarnessError, match=r"head must import injected from .* the wrong tree"):
        gated(base, head, tmp_path / "out", seeds=1)


def test_without_a_study_there_is_no_quality(tmp_path: Path) -> None:
    whats = [FunctionWhat("a:b", "a:b", "a", "b")]
    with pytest.raises(HarnessError, match="--quality needs a study; got a:b"):
        quality([], whats, tmp_path, Measuring())
    study = StudyWhat("s.py", "s.py", "s.py", "", in_file=True)
    with pytest.raises(HarnessError, match="--margin must be above 0"):
        quality([], [study], tmp_path, Measuring(), Quality(margin=0.0))
    search: Mapping[str, Any] = {"title": "s.py", "none": "it is a search"}
    with pytest.raises(HarnessError, match=r"s\.py has no quality: it is a search"):
        compared(None, Graded.of(search, "head"))
    with pytest.raises(HarnessError, match="must tell of quality in whole"):
        Graded.of({"title": "s.py", "none": ""}, "head")
