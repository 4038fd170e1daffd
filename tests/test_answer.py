"""The answer of a study in sentences, and arms in order: which may be the best, how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from harness.judging.answer import answer, both_means, holds
from harness.judging.leaders import Leaders, leaders
from harness.judging.results import Results
from harness.judging.summaries import summarise
from harness.reports.figures.leaders import draw_leaders, span, status
from harness.reports.sections.leaders import leaders_section
from harness.stats import More
from harness.study.formatting import effect_text
from harness.trials.records import Record
from tests.example_results import example_results

ALPHA = 0.05


def with_values(results: Results, values: npt.NDArray[np.float64], better: str) -> Results:
    """Return results whose arms have these values of the metric they are ordered by."""
    name = "test_accuracy" if better == "higher" else "test_loss"
    arms = [arm.name for arm in results.arms]
    seeds = sorted({record.seed for record in results.records if record.role == "evaluate"})
    first = next(record for record in results.records if record.role == "evaluate")
    records = tuple(
        replace(first, arm=arm, seed=seed, key=f"{arm} {seed}", state="complete",
                metrics={name: float(values[place, at])})
        for place, arm in enumerate(arms) for at, seed in enumerate(seeds)
    )  # fmt: skip
    return replace(
        results, records=records, summaries=summarise(results.declaration, records), verdicts=()
    )


def ranked(results: Results) -> Leaders:
    found = leaders(results)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def results() -> Results:
    return example_results()


def test_arms_with_fewer_seeds_are_compared_on_those_that_all_have(results: Results) -> None:
    """The best arm was asked for five seeds, the others for ten: none of them is the best."""
    names = [arm.name for arm in results.arms]
    values = np.random.default_rng(0).normal(0.5, 0.01, (len(names), 10))
    values[1] += 0.3
    found = with_values(results, values, "higher")
    few = tuple(each for each in found.records if each.arm != names[1] or each.seed < 5)
    fewer = replace(found, records=few, summaries=summarise(found.declaration, few))
    order = ranked(fewer)
    assert order.rows[0].summary.group == names[1]
    assert [row.summary.group for row in order.best] == [names[1]]
    assert order.seeds == 5
    assert all(row.compared for row in order.rows)
    assert ranked(found).seeds == 10


def test_the_sentences_are_made_of_the_verdicts(results: Results) -> None:
    said = answer(results)
    held = [each for each in results.verdicts if holds(each)]
    assert said.found.startswith(f"Of {len(results.verdicts)} claims {len(held)} hold and")
    (clearest,) = [each for each in held if each.claim.text.rstrip(".") in said.found]
    assert both_means(clearest) in said.found
    assert said.take.startswith("Take shortcut=yes, depth=8: test accuracy 95.6 %.")
    assert said.sure.startswith(
        "All intervals together are right with 95 % confidence, on 10 seeds."
    )
    undecided = [each for each in results.verdicts if each.word == "inconclusive"]
    assert undecided
    assert undecided[0].claim.text.rstrip(".") in said.sure


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["supported"], "The claim holds."),
        (["refuted"], "The claim does not hold."),
        (["inconclusive"], "The claim is open."),
        (["supported", "supported, material"], "Both claims hold."),
        (["inconclusive"] * 2, "Both claims are open."),
        (["inconclusive"] * 3, "All 3 claims are open."),
        (["refuted"] * 3, "None of 3 claims holds."),
        (["reversed", "refuted"], "Neither claim holds."),
        (["supported", "refuted", "inconclusive"],
         "Of 3 claims 1 holds, 1 does not hold and 1 is open."),
        (["suggestive", "not suggestive"], "1 of 2 exploratory claims stand out"),
    ],
)  # fmt: skip
def test_counts_are_said_as_a_person_would(
    results: Results, words: Sequence[str], said: str
) -> None:
    verdicts = tuple(
        replace(results.verdicts[0], word=word,  # type: ignore[arg-type]
                claim=replace(results.verdicts[0].claim, primary="suggestive" not in word))
        for word in words
    )  # fmt: skip
    assert answer(replace(results, verdicts=verdicts)).found.startswith(said)


def test_what_is_denied_is_told_as_not_so(results: Results) -> None:
    denied = replace(results.verdicts[0], word="reversed")
    said = answer(replace(results, verdicts=(denied,))).found
    assert f"Not so: {denied.claim.text.rstrip('.')}" in said


def test_where_every_trial_failed_the_answer_is_why(results: Results) -> None:
    failed = tuple(
        replace(each, state="failed", reason="no such file.") for each in results.records
    )
    count = sum(each.role == "evaluate" for each in failed)
    assert answer(replace(results, records=failed)).sentences == (
        f"Nothing can be judged: {count} evaluation trials failed, the first by: no such file.",
    )
    place = next(at for at, each in enumerate(failed) if each.role == "evaluate")
    one_done = (*failed[:place], results.records[place], *failed[place + 1 :])
    assert results.records[place].state == "complete"
    assert "Nothing can be judged" not in answer(replace(results, records=one_done)).found


def test_a_best_arm_beside_an_open_claim_says_why_both_can_be(results: Results) -> None:
    steps = np.linspace(1, 2, len(results.arms))[:, None] + 0.001 * np.random.default_rng(0).random(
        (len(results.arms), 10)
    )
    best = with_values(results, steps, "higher")
    claim = replace(results.verdicts[0], word="inconclusive")
    taken = answer(replace(best, verdicts=(claim,))).take
    assert "surely better than all other arms. Arms are compared by themselves" in taken
    shown = replace(claim, word="supported")
    assert answer(replace(best, verdicts=(shown,))).take.endswith("than all other arms.")


def test_an_open_claim_of_which_the_direction_is_shown_says_which(results: Results) -> None:
    clear = next(each for each in results.verdicts if each.seen.clear and not each.seen.exact)
    side, _, size = clear.told.partition("; ")
    verdict = replace(clear, word="direction only")
    said = answer(replace(results, verdicts=(verdict,))).sure
    shown = effect_text(clear.metric, clear.seen.effect).removesuffix(" nats")
    assert f"({side}, {shown} [" in said
    assert said.count(" nats;") == 1, "the unit stands behind the interval"
    assert f"; {size})" in said


def test_seeds_that_settle_some_claims_are_not_said_to_settle_all(results: Results) -> None:
    near = replace(results.verdicts[0], word="inconclusive", more_seeds=More(6, 40, 60, 0.1))
    far = replace(near, more_seeds=None)
    both = answer(replace(results, verdicts=(near, near))).sure
    assert both.endswith("About 6 to 40 more seeds would settle them.")
    one = answer(replace(results, verdicts=(near, far))).sure
    assert one.endswith("About 6 to 40 more seeds would settle 1 of them.")


def test_few_seeds_answer_nothing(results: Results) -> None:
    few = replace(results, seeds=(0, 1, 2))
    assert answer(few).sure == "With 3 seeds nothing can be judged: 5 are needed."


def test_arms_come_best_first_whichever_direction_is_better(results: Results) -> None:
    k, n = len(results.arms), 10
    steps = np.linspace(1, 2, k)[:, None] + 0.001 * np.random.default_rng(0).random((k, n))
    for better, order in (("higher", range(k - 1, -1, -1)), ("lower", range(k))):
        found = ranked(with_values(results, steps, better))
        assert found.metric.better == better
        assert [row.summary.group for row in found.rows] == [results.arms[at].name for at in order]
        assert [row.may_be_best for row in found.rows] == [True] + [False] * (k - 1)
        best, second = found.rows[:2]
        assert math.isnan(best.low)
        assert second.low < second.behind < second.high
        assert (second.behind < 0) == (better == "higher")


def test_alike_arms_may_all_be_the_best(results: Results) -> None:
    same = np.full((len(results.arms), 10), 0.5)
    found = ranked(with_values(results, same, "higher"))
    assert all(row.may_be_best for row in found.rows)
    said = answer(with_values(results, same, "higher")).take
    assert said.startswith("No arm is shown to be the best by test accuracy")


def test_the_truly_best_is_left_out_as_rarely_as_stated(results: Results) -> None:
    rng = np.random.default_rng(18)
    k, n, runs = len(results.arms), 10, 120
    lost = kept = 0
    for _ in range(runs):
        shared = rng.standard_normal((1, n))  # seeds have something in common
        values = 0.5 + 0.01 * (shared + rng.standard_normal((k, n)))
        values[0] += 0.002  # the truly best, by little
        values[1] -= 0.05  # far behind
        found = {r.summary.group: r for r in ranked(with_values(results, values, "higher")).rows}
        lost += not found[results.arms[0].name].may_be_best
        kept += found[results.arms[1].name].may_be_best
    assert lost <= ALPHA * runs
    assert kept == 0, "five standard deviations"


def test_an_arm_that_failed_once_is_listed_and_not_compared(results: Results) -> None:
    found = ranked(results)
    failed = [row for row in found.rows if row.summary.failed]
    assert [row.summary.group for row in failed] == ["shortcut=no, depth=56"]
    assert not failed[0].compared
    assert status(found, failed[0]) == "not compared"
    assert found.rows[-1] is failed[0]


def test_figure_and_table_say_the_same(results: Results) -> None:
    found, section = ranked(results), leaders_section(results)
    assert section is not None
    assert [cells[0].text for cells in section.table.rows] == [
        row.summary.group for row in found.rows
    ]
    assert [cells[3].text for cells in section.table.rows] == [
        status(found, row) for row in found.rows
    ]
    picture = draw_leaders(found)
    assert "A triangle at the edge: it lies beyond." in picture.caption, "one arm is far behind"
    low, high = span(found.rows)
    assert not low <= found.rows[-1].summary.mean <= high
    assert all(low <= row.summary.mean <= high for row in found.rows[:-1])


def test_without_means_there_is_no_order(results: Results) -> None:
    assert leaders(replace(results, summaries=())) is None
    nothing: tuple[Record, ...] = ()
    assert leaders_section(replace(results, records=nothing, summaries=())) is None
