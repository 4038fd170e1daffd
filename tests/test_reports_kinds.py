"""Reports of claims on costs, of “not worse” and of times to a target say what is true of them."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.commands.tables import verdict_table as terminal_table
from harness.judging.results import Results
from harness.judging.rounds import Costs
from harness.judging.targets import Reached
from harness.reports import write_entry, write_index
from harness.reports.figures.canvas import Picture, paint
from harness.reports.figures.curve_values import curves_of
from harness.reports.figures.curves import draw_curves
from harness.reports.figures.dots import arm_dots
from harness.reports.figures.forest import draw_forest, forest
from harness.reports.figures.forest import place as place_of
from harness.reports.figures.looks import MOST_WORDS, draw_looks, looked
from harness.reports.figures.margins import margin_of
from harness.reports.figures.paired import draw_paired, paired, short_sides
from harness.reports.figures.scales import round_ratios
from harness.reports.intervals import family_name, interval_name, is_exact
from harness.reports.render import render_html
from harness.reports.sections.claims import ClaimSection, claim_sections
from harness.reports.sections.fixed import held_fixed
from harness.reports.sections.methods import methods_section
from harness.reports.sections.opening import verdict_table
from harness.reports.sections.targets import target_tables
from harness.reports.table import Table
from harness.reports.text import axis_title, replicate_of, unit_of
from harness.study.claims import Best, Higher, Interaction, Trend
from harness.study.factors import Factor
from harness.study.formatting import (
    effect_text,
    in_sentence,
    in_units,
    interval_text,
    level_text,
    levels_text,
    margin_text,
    unscaled,
)
from harness.study.looks import Looks
from harness.study.metrics import COSTS, METRICS
from tests.example_results import cost_results, cost_study, example_results, residual_study
from tests.test_reports import Reader, broken, descriptions, empty, svgs

TIME, RATE = COSTS["step_seconds"], COSTS["samples_per_second"]
ACCURACY, LOSS, SOONER, MEMORY, SAME, SLOWER, FASTER, LEAD = range(8)
"""Places of the claims of :func:`tests.example_results.cost_claims`."""


@pytest.fixture(scope="module")
def results() -> Results:
    return cost_results()


@pytest.fixture(scope="module")
def looks() -> Results:
    return cost_results(looks=Looks((5, 8, 10)))


@pytest.fixture(scope="module")
def noisy() -> Results:
    return cost_results(rounds=6, noise=0.08)


@pytest.fixture(scope="module")
def sections(results: Results) -> tuple[ClaimSection, ...]:
    return claim_sections(results)


@pytest.fixture(scope="module")
def page(results: Results) -> Reader:
    return Reader(render_html(results))


def svg_of(picture: Picture) -> str:
    return picture.svg


def drawn(picture: Picture) -> list[str]:
    """Return the texts of a figure."""
    root = ElementTree.fromstring(svg_of(picture))
    return [each.text for each in root.iter("{http://www.w3.org/2000/svg}text") if each.text]


def column(table: Table | None, place: int) -> dict[str, str]:
    assert table is not None
    return {row[0].text: row[place].text for row in table.rows}


def test_ratios_as_text() -> None:
    assert effect_text(TIME, math.log(1.0712)) == "×1.071"
    assert effect_text(TIME, math.log(0.5)) == "×0.50"
    assert effect_text(TIME, 0.0) == "×1"
    assert effect_text(TIME, math.log(2.5e6)) == "×2.50e6"
    assert effect_text(TIME, math.log(2e-5)) == "×2.00e−5"
    assert effect_text(TIME, math.nan) == "–"
    assert effect_text(TIME, math.inf) == "×∞"
    assert effect_text(TIME, -math.inf) == "×0"
    assert interval_text(TIME, math.log(1.04), math.log(1.1)) == "[×1.040, ×1.100]"
    assert interval_text(TIME, math.nan, 0.1) == "–"
    assert margin_text(TIME, TIME.margin(0.05)) == "×1.05"
    assert margin_text(TIME, TIME.margin(0.125)) == "×1.125"
    assert margin_text(TIME, TIME.margin(9)) == "×10"


def test_costs_as_text() -> None:
    assert level_text(TIME, 0.0421) == "42.1 ms"
    assert level_text(COSTS["peak_bytes"], 3 * 2**20) == "3 MiB"
    assert level_text(COSTS["peak_bytes"], math.inf) == "∞"
    assert level_text(COSTS["parameters"], 246237.4) == "246,237"
    assert level_text(COSTS["flops_per_step"], 1.31e9) == "1.31 G"
    assert level_text(RATE, 1426.2) == "1,426"
    assert unscaled(TIME, math.log(0.02)) == pytest.approx(0.02)
    assert unscaled(METRICS["test_loss"], 0.3) == 0.3
    assert in_units(TIME, [0.03, 0.04, 0.05]) == (1e-3, "ms")
    assert in_units(RATE, [1400.0]) == (1.0, "")
    assert levels_text(TIME, [0.093, 0.0921]) == ["93.0 ms", "92.1 ms"]
    assert levels_text(TIME, []) == []
    assert axis_title(TIME, difference=True) == "Ratio of time per step"
    assert axis_title(TIME) == "Time per step (s)"
    assert unit_of(TIME, difference=True) == ""
    assert in_sentence(COSTS["flops_per_step"].title) == "FLOPs per step"
    assert [replicate_of(metric) for metric in (TIME, METRICS["test_loss"])] == ["round", "seed"]


@pytest.mark.parametrize(
    ("ends", "count", "found"),
    [
        ((0.94, 1.06), 5, [0.95, 1.0, 1.05]),
        ((0.89, 1.12), 5, [0.9, 0.95, 1.0, 1.05, 1.1]),
        ((88.3, 93.2), 5, [89, 90, 91, 92, 93]),
        ((0.65, 2.9), 5, [1.0, 1.5, 2.0, 2.5]),
        ((0.15, 12), 6, [0.2, 0.5, 1.0, 2.0, 5.0, 10.0]),
        ((1e-6, 1e6), 5, [1e-6, 1e-3, 1.0, 1e3, 1e6]),
    ],
)
def test_ratios_on_an_axis_are_round(
    ends: tuple[float, float], count: int, found: list[float]
) -> None:
    low, high = map(math.log, ends)
    assert round_ratios(low - 1e-9, high + 1e-9, count) == pytest.approx(found)


def test_names_of_intervals(results: Results) -> None:
    verdicts = results.verdicts
    assert interval_name([verdicts[ACCURACY]]) == "99 % t interval over 10 seeds"
    assert interval_name([verdicts[SLOWER]]) == "99 % t interval over 10 rounds"
    assert interval_name([verdicts[SOONER]]) == "99 % binomial interval over 9 seeds"
    assert interval_name([verdicts[MEMORY]]) == ""
    assert interval_name(verdicts[:2]) == "99 % t interval over 9 to 10 seeds"
    assert interval_name([*verdicts[:2], verdicts[LEAD]]) == (
        "95 % and 99 % t interval over 9 to 10 seeds or 10 rounds"
    )
    # exact claims and exploratory ones are none that chance can turn
    assert family_name(verdicts) == ", Bonferroni over 5 claims"
    assert family_name(verdicts, whole=True) == (
        ", Bonferroni over 5 claims (1 exploratory and 2 exact not counted)"
    )
    five = [verdict for verdict in verdicts if verdict.claim.primary and not is_exact(verdict)]
    assert family_name(five, whole=True) == ", Bonferroni over 5 claims"
    assert family_name([verdicts[MEMORY], verdicts[LOSS]]) == ""


def test_the_table_of_verdicts_counts_rounds_and_nothing_where_exact(results: Results) -> None:
    table = verdict_table(results)
    assert table is not None
    cells = [row[2:] for row in table.rows]
    assert [effect.text for effect, *_ in (cells[MEMORY], cells[SAME])] == ["×2.50", "×1"]
    for effect, _, n, p, margin, *_ in (cells[MEMORY], cells[SAME]):
        assert (effect.note, n.text, p.text, margin.text) == ("exact", "–", "–", "–")
    # the p value against δ has a column of its own, of claims that are within one
    assert cells[SLOWER][4].text != "–" == cells[SOONER][4].text
    assert (cells[SLOWER][1].text, cells[MEMORY][1].text) == ("×1.05", "×1.5")
    assert (cells[SLOWER][2].text, cells[SLOWER][2].note) == ("10", "rounds")
    assert (cells[ACCURACY][2].text, cells[ACCURACY][2].note) == ("10", "")
    assert re.fullmatch(r"\[×[\d.]+, ×[\d.]+\]", cells[SLOWER][0].note)
    for part in (
        "mean difference, for costs the ratio (a geometric mean)",
        "for claims about time, rounds of timing",
        "– where measuring again gives the same number",
        "99 % binomial interval over 9 seeds, Bonferroni over 5 claims",
    ):
        assert part in table.caption
    plain = verdict_table(example_results())
    assert plain is not None
    assert "ratio" not in plain.caption
    assert "rounds" not in plain.caption


def test_the_index_counts_rounds(results: Results, tmp_path: Path) -> None:
    write_entry(results, tmp_path / "one")
    text = Reader(write_index(tmp_path).path.read_text(encoding="utf-8")).text
    assert "×1.05 10 rounds" in text
    assert "×2.50 exact ×1.5 – –" in text
    assert "for claims about time, rounds of timing" in text


def facts(section: ClaimSection) -> dict[str, tuple[str, str]]:
    return {name: (value, note) for name, value, note in section.facts}


def test_facts_are_true_of_each_kind(sections: tuple[ClaimSection, ...]) -> None:
    exact = facts(sections[MEMORY])
    assert list(exact) == ["Effect", "Margin δ", "First side", "Second side"]
    assert exact["Effect"] == ("×2.50", "exact: the same however often it is measured")
    assert exact["First side"] == ("76.9 MiB", "depth=56")
    assert exact["Second side"] == ("30.8 MiB", "depth=20")
    time = facts(sections[SLOWER])
    assert time["Effect"][1] == "geometric mean over rounds"
    assert time["Interval"][1] == "99 % t interval over 10 rounds, Bonferroni over 5 claims"
    assert time["Wins"][1] == "rounds with a ratio above ×1"
    assert time["p, adjusted"][1] == "against no difference"
    assert time["p of δ, adjusted"][1] == "against a difference of δ"
    assert "p of δ, adjusted" not in facts(sections[SOONER])
    assert facts(sections[LEAD])["Interval"][1] == "95 % t interval over 10 rounds"
    first = facts(sections[SOONER])
    assert first["Wins"] == ("9 of 9", "seeds with the first side first")
    assert first["Effect"] == ("+100.0 pp", "difference of two shares of seeds")
    assert facts(sections[ACCURACY])["Effect"][1] == "mean over seeds"
    assert [each.between for each in sections] == [*["minus"] * 3, *["over"] * 5]
    assert sections[SOONER].metric == (
        "Seeds first to the target, validation accuracy of at least 80.0 %, counted in steps"
    )


def test_checks_fit_the_kind(results: Results, sections: tuple[ClaimSection, ...]) -> None:
    exact = column(sections[MEMORY].checks, 1)
    assert exact == {
        "Measured": "once", "Programs of the sides differ in": "parameters and FLOPs per step",
    }  # fmt: skip
    # what the claim is about is no confound of it
    assert column(sections[SAME].checks, 1) == {"Measured": "once"}
    first = column(sections[SOONER].checks, 1)
    assert not [name for name in first if "t test" in name or "permutation" in name or "ρ" in name]
    assert first["Exact sign test, p"] == "0.004"
    assert first["Seeds left out"] == "1"
    assert first["First side reaches the target, share of seeds"] == "100 %"
    assert first["First side, median until then"] == "40 steps"
    assert first["Second side, median until then"] == "never"
    time = column(sections[SLOWER].checks, 1)
    assert {"Paired t test, p", "Median ratio", "A/A, upper end"} <= set(time)
    assert not {"Failed trials in these arms", "Seeds left out", "Median difference"} & set(time)
    for name in ("Standard deviation of the ratios", "The same arm measured twice (A/A), mean"):
        assert time[name].startswith("×")
    floor = results.verdicts[SLOWER].seen.floor
    assert time["Noise floor of this machine"] == effect_text(TIME, floor)
    readings = column(sections[SLOWER].checks, 2)
    assert readings["Noise floor of this machine"].startswith("below δ")
    assert readings["Non-inferiority, one-sided test"] == (
        "against a ratio as large as δ, before adjustment"
    )
    assert column(sections[ACCURACY].checks, 2)["The claim's own, p"] == (
        "of no difference; whether it is worse, the interval says"
    )


def test_a_noisy_machine_is_told(noisy: Results) -> None:
    verdict = noisy.verdicts[SLOWER]
    assert verdict.seen.floor > verdict.by
    row = next(r for r in claim_sections(noisy)[SLOWER].checks.rows if "floor" in r[0].text)
    assert row[1].mark == "⚠"
    assert row[2].text == "above δ: of effects within it, nothing is said"
    without = dataclasses.replace(verdict, seen=dataclasses.replace(verdict.seen, floor=math.inf))
    table = claim_sections(dataclasses.replace(noisy, verdicts=(without,)))[0].checks
    assert column(table, 1)["Noise floor of this machine"] == "–"
    assert column(table, 2)["Noise floor of this machine"].startswith("not known")


def test_numbers_by_round_in_the_unit_of_the_metric(
    results: Results, sections: tuple[ClaimSection, ...]
) -> None:
    table, seen = sections[SLOWER].numbers, results.verdicts[SLOWER].seen
    assert table is not None
    assert [each.title for each in table.columns][::3] == ["Round", "ratio"]
    assert table.caption == "Time per step in each of 10 rounds."
    assert len(table.rows) == 11
    assert table.rows[0][1].text == f"{1e3 * math.exp(seen.first[0]):.1f} ms"
    assert table.rows[0][3].text == effect_text(TIME, seen.first[0] - seen.second[0])
    assert table.rows[-1][3].text == effect_text(TIME, seen.effect)
    assert sections[SLOWER].replicate == "round"
    assert sections[MEMORY].numbers is None
    first = sections[SOONER].numbers
    assert first is not None
    assert [cell.text for cell in first.rows[0][1:]] == ["yes", "no", "+1"]
    assert first.rows[-1][3].text == "+100.0 pp"


def test_page_says_rounds_where_they_are(page: Reader, results: Results) -> None:
    assert "The numbers, round by round" in page.text
    assert "The numbers, seed by seed" in page.text
    assert "depth=56 over shortcut=yes, depth=20" in page.text
    assert "No pair of runs finished" not in page.text
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b|e[+]0", page.text)
    (line,) = [each for each in held_fixed(results) if "machine" in each]
    assert line.startswith("Compared in peak memory, time per step and samples per second on one")
    for svg in svgs(page):
        ElementTree.fromstring(svg)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_edges_that_count(results: Results) -> None:
    found = [margin_of(verdict) for verdict in results.verdicts]
    # worse is lower accuracy, but higher loss and longer steps
    assert found[ACCURACY].edges == (-1,)
    assert found[LOSS].edges == found[SLOWER].edges == (1,)
    assert found[SAME].edges == (1, -1)
    assert found[FASTER].edges == (1,)
    assert found[ACCURACY].by == pytest.approx(2)  # percentage points
    assert found[SLOWER].by == pytest.approx(math.log(1.05))
    assert found[ACCURACY].is_solid(-2)
    assert not found[ACCURACY].is_solid(2)


def test_all_claims_share_one_axis_in_margins(results: Results) -> None:
    found = forest(results.verdicts)
    assert found is not None
    rows = {row.number - 1: row for row in found.rows}
    assert set(rows) == {ACCURACY, LOSS, SOONER, MEMORY, SAME, SLOWER, FASTER, LEAD}
    for at, verdict in enumerate(results.verdicts):
        turned = at in {LOSS, SLOWER}  # "not worse" of what is better lower
        assert rows[at].effect == pytest.approx((-1) ** turned * verdict.seen.effect / verdict.by)
        assert not rows[at].low > rows[at].high
    assert (rows[ACCURACY].edges, rows[LOSS].edges, rows[SLOWER].edges) == ((-1,), (-1,), (-1,))
    assert (rows[SAME].edges, rows[FASTER].edges) == ((1, -1), (1,))
    assert [row.exact for row in (rows[MEMORY], rows[SAME], rows[SLOWER])] == [True, True, False]
    picture = draw_forest(found)
    assert {"0", "+1", "−1", "Effect ÷ δ"} <= set(drawn(picture))
    assert "claim 5, equivalent, ×1 exact" in picture.alt
    assert "a mark alone is exact" in picture.caption
    alone = forest([results.verdicts[MEMORY]])
    assert alone is not None
    assert "interval over" not in draw_forest(alone).caption
    gone = dataclasses.replace(
        results.verdicts[MEMORY],
        seen=dataclasses.replace(results.verdicts[MEMORY].seen, effect=math.nan),
    )
    lost = forest([gone, results.verdicts[MEMORY]])
    assert lost is not None
    assert forest([gone]) is None
    assert "not measured" in drawn(draw_forest(lost))
    assert forest([]) is None


def test_the_axis_is_even_within_the_margin_and_by_ratios_beyond() -> None:
    assert [place_of(each) for each in (-1, -0.5, 0, 0.5, 1)] == [-1, -0.5, 0, 0.5, 1]
    assert place_of(4) - place_of(1) == pytest.approx(1)
    assert place_of(-16) == pytest.approx(-3)


def test_pairs_of_times_stand_on_a_logarithmic_axis(results: Results) -> None:
    verdict = results.verdicts[SLOWER]
    values = paired(verdict, "an interval")
    assert values is not None
    assert values.axis == "Time per step (ms)"
    assert values.first == pytest.approx([1e3 * math.exp(each) for each in verdict.seen.first])
    assert values.differences == pytest.approx(
        [a - b for a, b in zip(verdict.seen.first, verdict.seen.second, strict=True)]
    )
    assert (values.effect, values.low) == (verdict.seen.effect, verdict.seen.low)
    picture = draw_paired(values, "an interval", 1)
    assert {"×0.95", "×1.00", "×1.05", "rounds", "mean", "Ratio", "shortcut=no"} <= set(
        drawn(picture)
    )
    assert "shortcut=yes over shortcut=no: mean ratio ×" in picture.alt
    assert "margin ×1.05; above ×1 in " in picture.alt
    assert "of 10 rounds" in picture.alt
    assert "a line for each round (10 pairs), heavy: their geometric mean" in picture.caption
    assert "with its edge on the worse side solid, where lower is better" in picture.caption
    for place in (SOONER, MEMORY, SAME):
        assert paired(results.verdicts[place], "") is None
    assert short_sides(results.verdicts[SOONER]) == ("shortcut=yes", "shortcut=no")


def test_curves_show_the_target(results: Results) -> None:
    curves = curves_of(results, results.verdicts[SOONER])
    assert curves is not None
    assert (curves.metric.name, curves.target) == ("validation_accuracy", 0.8)
    assert "Dashed: the target, 80.0 %." in draw_curves(curves).caption
    other = curves_of(results, results.verdicts[ACCURACY])
    assert other is not None
    assert other.target is None


def test_times_to_the_target_of_every_arm_stand_in_a_table(results: Results) -> None:
    (table,) = target_tables(results)
    assert table.caption.startswith("Time until validation accuracy is at least 80.0 %")
    texts = [[cell.text for cell in one] for one in table.rows]
    assert [one[0] for one in texts] == [arm.name for arm in results.arms]
    (target,) = results.targets
    for one, arm in zip(texts, target.arms, strict=True):
        assert one[1] == f"{round(arm.share * arm.seeds)} of {arm.seeds} seeds"
        never = math.isinf(arm.epochs)
        assert (one[2] == one[3] == one[4] == "∞") == never
        assert never or float(one[2]) == arm.epochs
    assert {"∞"} < {one[4] for one in texts}
    assert target_tables(example_results(residual_study())) == ()


def test_many_arms_are_drawn_in_parts_on_one_axis() -> None:
    factors = (Factor("shortcut", (False, True)), Factor("depth", tuple(range(8, 200, 6))))
    made = example_results(residual_study(factors=factors), seeds=2, tuning=False)
    first, second = arm_dots(made, METRICS["test_accuracy"])
    rows = [
        (heading.removesuffix(" (more)"), row.label)
        for part in (first, second)
        for heading, own in part.groups
        for row in own
    ]
    assert len(rows) == len(set(rows)) == 64
    assert {heading for heading, _ in rows} == {"shortcut=no", "shortcut=yes"}
    assert {label for _, label in rows} == {f"depth={depth}" for depth in range(8, 200, 6)}
    assert first.span == second.span is not None
    (alone,) = arm_dots(example_results(residual_study()), METRICS["test_accuracy"])
    assert sum(len(own) for _, own in alone.groups) == 6


def test_an_arm_without_a_seed_or_without_a_profile_has_no_time(results: Results) -> None:
    (target,) = results.targets
    nothing = Reached("a", 0, 2, math.nan, math.nan, math.nan, math.nan)
    unprofiled = dataclasses.replace(target.arms[0], epochs=2.0, steps=8.0, seconds=math.nan)
    changed = dataclasses.replace(target, arms=(nothing, unprofiled))
    (table,) = target_tables(dataclasses.replace(results, targets=(changed,)))
    texts = [[cell.text for cell in one][1:] for one in table.rows]
    assert texts[0] == ["no seed finished", "–", "–", "–"]
    assert table.rows[0][1].note == "2 failed"
    assert texts[1][1:] == ["2", "8", "–"]


def test_looks_are_drawn_where_there_are_several(looks: Results) -> None:
    verdict = looks.verdicts[SLOWER]
    values = looked(verdict)
    assert values is not None
    assert [each.n for each in values.looks] == [5, 8]
    assert [each.low for each in values.looks] == [each.low for each in verdict.looks]
    picture = draw_looks(values, SLOWER + 1)
    texts = drawn(picture)
    assert {"5", "8", "Rounds", "Ratio", "×1.00", "×1.05", "inconclusive", "supported"} <= set(
        texts
    )
    assert "5 rounds ×" in picture.alt
    assert "], inconclusive; 8 rounds ×" in picture.alt
    assert "with its edge on the worse side solid" in picture.caption
    percent = looked(looks.verdicts[ACCURACY])
    assert percent is not None
    assert percent.looks[0].low == pytest.approx(100 * looks.verdicts[ACCURACY].looks[0].low)
    assert {"Seeds", "Difference (pp)"} <= set(drawn(draw_looks(percent, 1)))
    # a bar of three seeds would leave nothing to see of the others
    wide = dataclasses.replace(values.looks[0], n=3, word="not assessable", low=-9, high=9)
    few = draw_looks(dataclasses.replace(values, looks=(wide, *values.looks)), 1)
    assert "may run off the axis" in few.caption
    assert "off the axis" not in picture.caption
    assert {"×1.00", "×1.05"} <= set(drawn(few))
    alone = draw_looks(dataclasses.replace(values, looks=(wide, wide)), 1)
    assert "off the axis" not in alone.caption
    assert "×1" in drawn(alone)
    many = dataclasses.replace(values, looks=values.looks * MOST_WORDS)
    assert "inconclusive" not in drawn(draw_looks(many, 1))
    for verdict in looks.verdicts:
        assert (looked(verdict) is None) == (len(verdict.looks) < 2)
    section = claim_sections(looks)[SLOWER]
    assert column(section.looks, 3) == {"5 rounds": "inconclusive", "8 rounds": "supported"}
    assert section.looked == picture
    page = Reader(render_html(looks))
    assert sum("look by look" in each for each in descriptions(page)) == sum(
        len(verdict.looks) > 1 for verdict in looks.verdicts
    )


def test_methods_explain_what_the_study_claims(results: Results) -> None:
    found = {each.name: each for each in methods_section(results).procedures}
    assert found["Non-inferiority"].source.endswith("doi.org/10.1001/jama.2012.87802")
    assert "infinite time" in found["Time to a target"].text
    assert "without interval or test" in found["Exact costs"].text
    for part in ("fresh process", "opposite order", "logarithms", "A/A"):
        assert part in found["Times"].text
    meanings = {row[0].text: row for row in methods_section(results).metrics.rows}
    for name in ("step_seconds", "peak_bytes", "parameters", "samples_per_second"):
        row = meanings[COSTS[name].title]
        assert row[1].text == COSTS[name].meaning
        assert row[2].text.endswith("; compared by ratio")
    assert {"Seeds first to the target", "Validation accuracy"} <= set(meanings)
    assert "stands above" in methods_section(results).words.caption
    assert "stands above" not in methods_section(example_results()).words.caption
    plain = {each.name for each in methods_section(example_results()).procedures}
    assert not {"Non-inferiority", "Time to a target", "Exact costs", "Times"} & plain


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_does_not_break_a_report(looks: Results, value: float) -> None:
    page = Reader(render_html(broken(looks, value)))
    assert not re.search(r"\bnan\b|\binf\b", page.text)


def test_costs_that_were_not_measured() -> None:
    bare = example_results(cost_study(), profiles=False, costs=Costs())
    sections = claim_sections(bare)
    assert {bare.verdicts[place].word for place in (MEMORY, SLOWER)} == {"not assessable"}
    assert facts(sections[MEMORY])["Effect"] == ("–", "not measured")
    assert column(sections[MEMORY].checks, 1) == {"Measured": "missing"}
    assert sections[MEMORY].nothing == ""
    assert sections[SLOWER].nothing.startswith("No round of timing")
    assert "Noise floor of this machine" not in column(sections[SLOWER].checks, 1)
    page = Reader(render_html(bare))
    assert "No round of timing has every arm of the claim" in page.text
    assert not re.search(r"\bnan\b|\binf\b", page.text)
    assert Reader(render_html(empty())).text


def test_claims_of_other_kinds_on_costs() -> None:
    claims = (
        Interaction(
            "Shortcuts cost more time the deeper the network.", metric="step_seconds", by=0.05,
            of=({"shortcut": True}, {"shortcut": False}), at=({"depth": 56}, {"depth": 20}),
        ),
        Best(
            "8 layers are the fastest.", metric="samples_per_second", by=0.1, best={"depth": 8},
        ),
        Trend("Time grows with depth.", metric="step_seconds", by=0.5, over="depth"),
        Trend("FLOPs grow with depth.", metric="flops_per_step", by=0.5, over="depth"),
    )  # fmt: skip
    results = cost_results(claims=claims)
    twice, best, trend, exact = results.verdicts
    section = claim_sections(results)[0]
    assert section.numbers is not None
    assert section.numbers.rows[0][1].text == effect_text(TIME, twice.seen.first[0])
    values = paired(twice, "")
    assert values is not None
    assert values.axis == "Ratio of time per step"
    assert values.first[0] == pytest.approx(math.exp(twice.seen.first[0]))
    assert best.word == trend.word == exact.word == "supported, material"
    assert facts(claim_sections(results)[3])["Effect"][0].startswith("×")
    page = Reader(render_html(results))
    assert not re.search(r"\bnan\b|\binf\b", page.text)
    for svg in svgs(page):
        ElementTree.fromstring(svg)


def test_failed_runs_are_counted() -> None:
    claim = Higher(
        "Without shortcuts, more runs fail.", metric="failed", by=0.1,
        higher={"shortcut": False, "depth": 56}, lower={"shortcut": True, "depth": 56},
    )  # fmt: skip
    study = residual_study(claims=(claim,))
    results = example_results(study, failed=[(2, seed) for seed in range(8)])
    (section,) = claim_sections(results)
    found = column(section.checks, 1)
    assert {"Exact McNemar test, p", "Failed trials in these arms", "First side fails, share"} <= (
        set(found)
    )
    assert not {"Paired t test, p", "Seeds left out", "Median difference"} & set(found)
    assert found["First side fails, share"] == "80 %"
    assert facts(section)["Wins"] == ("8 of 10", "seeds with a failure on the first side alone")
    assert section.figures == ()
    assert section.nothing == ""
    assert section.numbers is not None
    assert [cell.text for cell in section.numbers.rows[0][1:]] == ["yes", "no", "+1"]


def test_texts_of_figures_keep_their_digits() -> None:
    def draw(figure: Any) -> None:
        figure.text(0.123456, 0.5, "1.025 and ×2.0625")

    picture = paint((2, 1), draw, alt="", caption="", title="")
    assert drawn(picture) == ["1.025 and ×2.0625"]
    assert not re.search(r"[1-9]\d*\.\d{3,}", "".join(re.findall(r"<[^>]*>", svg_of(picture))))


def test_several_studies_stand_in_one_table_of_the_terminal():
    several = [example_results(), cost_results()]
    table = terminal_table(several)
    assert table.row_count == sum(len(each.verdicts) for each in several)
    names = [str(cell) for cell in table.columns[0].cells if cell]
    assert names == [each.declaration.name for each in several]
    alone = terminal_table(several[:1])
    assert len(alone.columns) == len(table.columns) - 1
    assert several[0].declaration.question in str(alone.title)
