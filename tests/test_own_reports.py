"""What reports say of results that are not of the harness's trainer, and what they must not say.

For each source the same numbers, made up, are put together as a run would put them together.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from harness import Context, Equivalent, Factor, Higher, Metric, Scale, Study, Tuned
from harness.judging.results import Results, assemble, undeclared
from harness.judging.rounds import Costs
from harness.judging.verdicts import judge
from harness.reports.entry import entry_of
from harness.reports.figures.curve_values import curve_names
from harness.reports.page import Page, page_of
from harness.reports.render import render_html
from harness.reports.sections.cost import cost_section
from harness.reports.sections.curves import curves_section
from harness.reports.sections.factors import FactorsSection, factors_section
from harness.reports.sections.fixed import held_fixed
from harness.reports.sections.ledger import ledger_section
from harness.reports.sections.procedures import recorded
from harness.reports.sections.runs import whole_runs
from harness.reports.sections.tuning import untuned
from harness.study.declaration import Declaration
from harness.study.formatting import (
    effect_text,
    format_difference,
    format_interval,
    interval_text,
    level_text,
    margin_text,
)
from harness.study.metrics import METRICS, Source
from harness.trials.manifest import Manifest, Planned
from harness.trials.profiles import Profile
from harness.trials.records import Record
from harness.trials.tuning import ArmTuning

from .example_results import example_results

SEEDS = 6
KINDS = {"train": "Function", "command": "Filled", "results": ""}
OWN: tuple[Source, ...] = ("train", "command", "results")


def train(context: Context, width: int, lr: float) -> dict[str, float]:
    raise AssertionError("a report must not train")


def study() -> Study:
    """In per cent from 0 to 100, under the name of a metric of ours from 0 to 1."""
    return Study(
        name="own",
        question="Does width help?",
        train=train,
        factors=(Factor("width", (2, 64)),),
        tuned=(Tuned("lr", 0.001, 0.1, log=True, trials=2),),
        objective="fit",
        metrics=(
            Metric("fit", unit="°C", better="lower"),
            Metric("test_accuracy", unit="%", better="higher"),
            Metric("price", unit="$/1k tokens", meaning="What it costs.", better="lower"),
        ),
        scales={"quick": Scale(rounds=7, seeds=SEEDS)},
        claims=(
            Higher("Wide is better.", metric="test_accuracy", by=1.0, higher={"width": 64},
                   lower={"width": 2}),
            Equivalent("It costs the same.", metric="price", by=0.5, first={"width": 64},
                       second={"width": 2}),
        ),
    )  # fmt: skip


def made(
    source: Source, *, curves: bool = False, same: bool = False, profiles: bool = False,
    extra: bool = True, tuned: bool = True,
) -> Results:  # fmt: skip
    """Put made-up records together; with ``same``, both arms give the same numbers."""
    declared = replace(study().declaration("quick"), source=source)
    if not tuned:
        declared = replace(declared, tuned=(), budget=0)
    records = [
        _record(declared, arm.name, seed, curves=curves, same=same, extra=extra)
        for arm in declared.arms
        for seed in range(SEEDS)
    ]
    tuning = [
        ArmTuning(arm.name, "lr", 0.001, 0.1, True, ((0.01, 2.0), (0.02, 1.0)), 0.02, "tuned", "")
        for arm in declared.arms
        if tuned and source != "results"
    ]
    manifest = Manifest(
        seeds=tuple(range(SEEDS)), asked=(), looks=None, evaluations=len(records),
        tuned=bool(tuning), command="harness run own.py",
        trials=tuple(Planned(each.arm, each.seed, each.key, each.role) for each in records),
        tuning=tuple(tuning), programs={}, machine="", data=(), modes={},
    )  # fmt: skip
    costs = Costs({arm.name: _profile() for arm in declared.arms} if profiles else {})
    return assemble(declared, records, manifest, costs, [], "")


def _record(
    declared: Declaration, arm: str, seed: int, *, curves: bool, same: bool, extra: bool
) -> Record:
    wide = arm == "width=64" and not same
    accuracy = 80.0 + seed * 0.37 + wide * (3 + 0.1 * (seed % 3))
    metrics = {"fit": 12.5 - wide, "test_accuracy": accuracy, "price": 3.0 + 0.01 * seed}
    trained = declared.source != "results"
    given: dict[str, Any] = {"lr": 0.02, "width": 64 if arm == "width=64" else 2}
    return Record(
        declared.name, declared.scale, arm, {"width": given["width"]}, seed, "evaluate",
        {"lr": 0.02} if declared.tuned else {}, f"{arm}{seed}", "complete",
        metrics={**metrics, "grad_norm": 0.5} if extra else metrics,
        curves={
            "fit": tuple(20.0 - k - wide - seed / 8 for k in range(3 + seed % 2)),
            "entropy": tuple(1.0 / (k + 1) for k in range(3 + seed % 2)),
            "train_loss": tuple(9.0 / (k + 1) for k in range(3 + seed % 2)),
        } if curves else {},
        cost={"seconds": 61.0 + seed, "process_cpu_seconds": 50.0, "process_peak_bytes": 2.0**30,
              "load_seconds": 0.25} if trained else {},
        env={"device": "cpu", "mode": "plain"} if trained else {},
        training={"type": KINDS[declared.source], "arguments": given} if trained else {},
        finished="2026-11-27T02:29:00+00:00" if trained else "",
    )  # fmt: skip


def _profile() -> Profile:
    """A step of the user's own: of its parameters, samples and steps nothing is known."""
    return Profile(
        step_seconds=0.01, step_low=0.009, step_high=0.011, blocks=9, samples_per_second=0.0,
        peak_bytes=4096, memory={}, flops_per_step=1000, parameters=0, steps=0, samples=0,
        device="cpu", hardware="", threads=1,
    )  # fmt: skip


@cache
def page(source: Source) -> Page:
    return page_of(made(source))


def shown(text: str) -> str:
    """Return what a person reads of a page, on one line; what lies in pictures is left out."""
    bare = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", bare)).split()).replace("\u00a0", " ")


@cache
def words(source: Source) -> str:
    return shown(render_html(made(source)))


OURS = (
    "initial weights", "batch size", "network", "epoch", "build", "study's build", "modes", "fused",
    "plain loop", "streams", "optimizer", "nats", "validation split", "training run",
    "trained again", "were trained", "measures no test examples", "not described", "validation",
)  # fmt: skip
"""What is true of Trainings alone."""


@pytest.mark.parametrize("source", OWN)
def test_nothing_is_said_that_is_true_of_our_trainer_alone(source: Source) -> None:
    text = words(source).lower()
    assert "does width help?" in text, "or nothing was looked at"
    assert [each for each in OURS if re.search(rf"\b{re.escape(each)}", text)] == []


OF_TRAININGS = (
    "24.7 min on the device; ",
    "and in nothing else that the study's build function writes out.",
    "all that is drawn at random is drawn anew in each, together.",
    "Where the data has no test set of its own, the test sets of different seeds overlap, so",
    "Thin: each seed in which every arm of a side finished after equally many epochs (10 seeds",
    "The curve is the running mean over an epoch's batches while training; the metric is measured",
    "Test accuracy itself is measured at the end only.",
    "Cost of one training step. Step time: median",
    "differ from it in parameters, FLOPs, steps or samples.",
    "A training run with a seed of its own. Arms share seeds: for one seed, split, order, initial",
    "weights and all other randomness come from the same streams, so that differences are paired.",
    "Arms that trained the same networks to the last bit are called identical instead.",
    "its seed is no evaluation seed, and its trials measure no test examples.",
    "From a profile of each arm's program alone: median over blocks of steps after warm-up;",
    "A trial means what the plain loop says.",
    "In each seed the arms trained the same networks, to the last bit: nothing to estimate.",
)


def test_of_trainings_the_same_is_said_as_before() -> None:
    """And the words that must not occur elsewhere are those that do occur where they are true."""
    results = example_results()
    training = {"type": "Training", "epochs": 15}
    records = tuple(
        replace(each, training={**training, **each.levels}) if each.training else each
        for each in results.records
    )
    text = shown(render_html(replace(results, records=records)))
    assert [each for each in OF_TRAININGS if each not in text] == []
    there = [each for each in OURS if re.search(rf"\b{re.escape(each)}", text.lower())]
    assert {"initial weights", "network", "epoch", "build", "modes", "nats"} <= set(there)
    assert 'id="curves"' not in text
    assert whole_runs(results) is None
    assert curves_section(results) is None


SAID: dict[Source, tuple[str, ...]] = {
    "train": (
        "in the study's function; 12 trials",
        "Arms differ in the arguments that the study's function is called with: width.",
        "what else it does differently from arm to arm cannot be seen",
        "Which examples are tested on is the function's own business",
        "the function is given the same seed in every arm",
        "global generators of random numbers are seeded with it before the call",
        "metrics named test_... are dropped; whether it looked at test examples cannot be seen",
        "Also returned, and not declared: grad_norm; it is in records.csv.",
        "returned or reported by its function: “Fit”, “Test accuracy” and “Price”.",
        "As the study's own function gives it.",
        "What it costs.",
        "The cost of a step was not measured apart",
        "Whole runs: median over the evaluation trials",
        "Other trials may have run beside them",
    ),
    "command": (
        "in the study's command; 12 trials",
        "Arms differ in what is filled into the study's command: width.",
        "Which examples are tested on is the command's own business",
        "the command is given the same seed in every arm",
        "As the study's command gives it.",
        "Also written, and not declared: grad_norm",
        "Of a command the cost of a step cannot be measured apart.",
        "Whole runs: median over the evaluation trials",
    ),
    "results": (
        "12 results; of others: tuning, splits and code not seen",
        "By what the results say, arms differ in width. What else differs between them was not",
        "lr: as others chose; how, and with what budget in which arm, was not seen.",
        "over the seeds that the results name",
        "Which examples were tested on was not seen",
        "how their settings were chosen was not seen",
        "what they cost was not measured",
        "As the results give it.",
        "12 results; 0 failed.",
        "Also there, and not declared: grad_norm",
        "Nothing was kept of when these claims were declared",
    ),
}


@pytest.mark.parametrize("source", OWN)
def test_what_is_known_of_each_source_is_said(source: Source) -> None:
    text = words(source)
    assert [each for each in SAID[source] if each not in text] == []


def test_of_results_of_others_there_is_neither_machine_nor_time_nor_default() -> None:
    facts = dict(page("results").title.facts)
    assert set(facts) == {"Design", "Results", "Harness"}
    assert facts["Design"] == "2 arms, 6 seeds in all"
    ledger = page("results").ledger.table
    assert ledger is not None
    titles = [column.title for column in ledger.columns]
    assert titles == ["Arm", "Seed", "Settings", "Key", "State, and why"]
    assert {len(cells) for cells in ledger.rows} == {len(titles)}
    assert page("results").runs is None
    assert "Nothing was tuned" not in words("results")
    assert entry_of(made("results")).hours is None


def drawn(section: FactorsSection) -> list[str]:
    """Return what the means that are drawn are of."""
    return [each.caption.partition(" by ")[0] for each in section.figures]


@pytest.mark.parametrize("source", OWN)
def test_metrics_are_read_as_the_study_declares_them(source: Source) -> None:
    """An accuracy of 80 that is in per cent is 80 %, and its differences are points."""
    first, second = page(source).verdicts.rows  # type: ignore[union-attr]
    assert first[2].text == "+3.1 pp"
    assert first[3].text == "1 pp"
    assert second[3].text == "0.5 $/1k tokens"
    means = page(source).factors.means
    assert means is not None
    titles = [column.title for column in means.columns]
    assert titles == ["Arm", "Test accuracy", "Price", "Fit", "n", "failed"]
    assert means.rows[0][1].text == "80.9 %"
    assert means.rows[0][3].text == "12.5 °C"
    assert drawn(page(source).factors) == ["Test accuracy", "Price"]
    units = {cells[0].text: cells[2].text for cells in page(source).methods.metrics.rows}
    assert units["Test accuracy"].startswith("per cent; differences in percentage points")
    assert "Grad norm" not in units


def test_without_claims_the_first_metric_declared_is_drawn() -> None:
    results = made("train")
    bare = replace(results, declaration=replace(results.declaration, claims=()), verdicts=())
    assert drawn(factors_section(bare)) == ["Fit"]


def test_whole_runs_stand_in_a_table_with_what_was_timed() -> None:
    runs = page("train").runs
    assert runs is not None
    titles = [column.title for column in runs.columns]
    assert titles == [
        "Arm", "Whole run", "Processor time", "Peak memory of the process", "Load", "n",
    ]  # fmt: skip
    assert "Timed by the study's function: Load." in runs.caption
    name, whole, cpu, peak, load, n = runs.rows[0]
    assert (name.text, whole.text, whole.note) == ("1. width=2", "63.5 s", "61 s to 66 s")
    assert (cpu.text, cpu.note, peak.text, load.text, n.text) == (
        "50 s", "", "1 GiB", "250 ms", "6",
    )  # fmt: skip


def test_a_step_of_ones_own_has_no_columns_without_values() -> None:
    section = cost_section(made("train", profiles=True))
    assert section is not None
    titles = [column.title for column in section.table.columns]
    assert titles == ["Arm", "Step time", "Peak memory", "FLOPs/step"]
    assert {len(cells) for cells in section.table.rows} == {len(titles)}
    assert section.confounds is not None
    assert [column.title for column in section.confounds.columns] == ["Arm", "FLOPs/step"]
    assert section.flagged == "No arm differs from the baseline in FLOPs."
    assert section.table.caption.startswith("Cost of one step, as the study's own function gives")


def test_curves_of_ones_own_are_drawn_by_their_names_and_nowhere_else_without_any() -> None:
    assert page("train").curves is None
    results = made("train", curves=True)
    assert curve_names(results) == ["fit", "entropy", "train_loss"]
    section = curves_section(results)
    assert section is not None
    captions = [figure.caption for figure in section.figures]
    assert [caption.split(" after ")[0] for caption in captions] == [
        "Fit", "Entropy", "Train loss",
    ]  # fmt: skip
    assert all("where all are as long" in caption for caption in captions)
    assert all("running mean" not in caption and "nats" not in caption for caption in captions)
    assert "Fit by epoch" in section.figures[0].alt


def test_arms_that_are_alike_to_the_last_bit_are_told_so_without_a_network() -> None:
    results = made("train", curves=True, same=True)
    assert [verdict.word for verdict in results.verdicts] == ["identical", "identical"]
    verdict = results.verdicts[0]
    assert verdict.reason.startswith("In each of 6 seeds the arms gave the same: every value")
    assert verdict.change.startswith("Arms that differ in what they do:")
    meaning = {cells[0].text: cells[1].text for cells in page("train").methods.words.rows}
    assert meaning["identical"].startswith("In each seed the arms gave the same curves and metrics")
    assert "identical" not in {cells[0].text for cells in page("results").methods.words.rows}


def test_a_curve_that_is_not_declared_tells_no_likeness() -> None:
    """Of a curve by the name of one of ours, but not declared, it is not known what it counts."""
    results = made("train", curves=True, same=True)
    coarse = [replace(each, curves={"train_loss": (1.0, 0.5)}) for each in results.records]
    assert "identical" not in {each.word for each in judge(results.declaration, coarse)}


def test_what_others_need_is_no_teacher() -> None:
    results = made("train")
    needed = replace(results.records[0], role="need", arm="shared", metrics={"rows": 3.0},
                     key="needed")  # fmt: skip
    records = tuple(
        replace(each, training={**each.training, "given": {"features": each.training}})
        for each in results.records
    )
    with_needed = replace(results, records=(*records, needed))
    lead = ledger_section(with_needed).lead
    assert lead.startswith("13 trials: 12 to evaluate, 0 to tune, 1 that others need; 0 failed.")
    assert "arguments that the study's function is called with: width." in " ".join(
        held_fixed(with_needed)
    )
    names = [each.name for each in recorded(with_needed)]
    assert names == ["Recorded", "Shared"]
    assert undeclared(results.declaration, with_needed.records) == ["grad_norm"]


def test_nothing_is_said_of_metrics_that_are_all_declared() -> None:
    assert not [each for each in made("train", extra=False).warnings if "not declared" in each]
    assert untuned(made("train", tuned=False)) == "Nothing is tuned in this study."


PERCENT, POINTS = Metric("accuracy", unit="%"), Metric("gap", unit="pp")
PRICE, DEGREES = Metric("price", unit="$/1k tokens"), Metric("heat", unit="°C")


def test_levels_and_differences_have_the_unit_that_is_declared() -> None:
    assert level_text(PERCENT, 93.21) == "93.2 %"
    assert effect_text(PERCENT, 1.234) == "+1.23 pp"
    assert margin_text(PERCENT, 0.5) == "0.5 pp"
    assert interval_text(PERCENT, -0.5, 1.25) == "[−0.50, +1.25] pp"
    assert (level_text(POINTS, 4.2), effect_text(POINTS, -4.2)) == ("4.2 pp", "−4.2 pp")
    assert level_text(DEGREES, -3.0) == "−3 °C"
    assert effect_text(PRICE, 0.25) == "+0.25 $/1k tokens"
    assert level_text(METRICS["test_accuracy"], 0.932) == "93.2 %"


def test_thousands_are_written_out_where_sentences_name_them() -> None:
    reward = Metric("reward")
    assert format_difference(reward, 1234.4) == "+1,234"
    assert format_difference(reward, -999.6) == "−1,000"
    assert format_difference(reward, 123.4) == "+123"
    assert format_difference(reward, 2e6) == "+2e+06"
    assert format_interval(reward, -1.0, 1234.0) == "[−1, +1,234]"


def test_a_negative_time_keeps_its_unit() -> None:
    assert level_text(Metric("delay", unit="s"), -2.5) == "−2.5 s"
