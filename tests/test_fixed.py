"""Sentences that a report prints of its own accord are true where they are printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import Factor, Scale
from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.reports.sections.checks import checks
from harness.reports.sections.cost import cost_section
from harness.reports.sections.fixed import differing, held_fixed, trainings
from harness.reports.sections.ledger import ledger_section
from harness.reports.sections.methods import methods_section
from harness.reports.sections.opening import hardware, title
from harness.reports.sections.tuning import tuning_section, untuned
from harness.trials.profiles import Profile
from tests.declaring import higher, opened, report, run, study
from tests.example_results import example_results
from tests.test_declared import page
from tests.test_versions import tuned


def made(tmp_path: Path, declared: Any = None, **options: Any) -> Results:
    store = opened(tmp_path)
    declared = declared or study()
    run(store, declared, **options)
    return report(store, declared)


def about_arms(results: Results) -> list[str]:
    return [line for line in held_fixed(results) if "differ in" in line or "changes more" in line]


def rows(results: Results, place: int = 0) -> dict[str, str]:
    verdict: Verdict = results.verdicts[place]
    return {cells[0].text: cells[1].text for cells in checks(results, verdict).rows}


def test_arms_that_differ_in_the_factor_alone_are_said_to(tmp_path: Path) -> None:
    results = made(tmp_path)
    (line,) = about_arms(results)
    assert line == (
        "Arms differ in model.hidden, and in nothing else that the study's build function writes "
        "out."
    )
    assert "Trainings of the sides differ in" not in rows(results)


def test_an_arm_that_has_other_epochs_is_named_with_them(tmp_path: Path) -> None:
    declared = study(
        higher(), higher(text="16 beats 4.", higher={"width": 16}),
        epochs=lambda width: 3 if width == 64 else 2,
    )  # fmt: skip
    results = made(tmp_path, declared)
    first, second = about_arms(results)
    assert first == (
        "Arms differ in model.hidden and epochs (3 in width=64, 2 in the others), and in nothing "
        "else that the study's build function writes out."
    )
    assert second == (
        "width changes more than one part of a training: model and epochs. What it makes of a "
        "metric may come from any of them."
    )
    named = "Trainings of the sides differ in"
    assert rows(results)[named] == "model.hidden and epochs (3 in width=64, 2 in the others)"
    assert named not in rows(results, 1), "in both of its arms the epochs are the same"
    text = page(results)
    assert "same in every arm" not in text
    assert first in text


def test_arms_that_are_all_alike_are_said_to_be(tmp_path: Path) -> None:
    def build(scale: Scale, width: int) -> Any:
        return study().build(scale=scale, width=8)

    results = made(tmp_path, study(build=build))
    assert about_arms(results) == [
        "Arms differ in nothing that the study's build function writes out."
    ]
    lead = ledger_section(results).lead
    assert lead.startswith("15 trials: 15 to evaluate")
    assert "Arms that are alike share some: 5 were trained." in lead
    assert dict(title(results).facts)["Cost"].endswith("; 5 trials")
    assert results.provenance.hours == pytest.approx(5 / 3600)


def test_settings_that_were_tuned_are_no_difference_between_arms(tmp_path: Path) -> None:
    results = made(tmp_path, tuned(), tune=True)
    chosen = {each.chosen for each in results.tuning}
    assert {flat["optimizer.lr"] for flat in trainings(results).values()} == {0.1}
    assert about_arms(results)[0].startswith("Arms differ in model.hidden, and in nothing else")
    assert len(chosen) >= 1
    (line,) = [line for line in held_fixed(results) if line.startswith("lr:")]
    assert "by one search per arm, with one space and budget for all" in line
    section = tuning_section(results)
    assert section is not None
    assert section.lead == "Chosen by validation loss, on a seed that no verdict uses."
    assert "Tuning" in {each.name for each in methods_section(results).procedures}


def test_what_was_not_tuned_is_not_said_to_have_been(tmp_path: Path) -> None:
    results = made(tmp_path, tuned(), tune=False)
    section = tuning_section(results)
    assert section is not None
    assert section.lead == "Nothing was tuned: every arm used what the study declares as default."
    assert "best of several" not in section.table.caption
    assert "Tuning" not in {each.name for each in methods_section(results).procedures}
    (line,) = [line for line in held_fixed(results) if line.startswith("lr:")]
    assert line.startswith("lr: at the declared default in every arm, not tuned;")
    assert "every arm used the default (lr = 0.1)" in " ".join(results.warnings)


def test_the_default_that_trials_used_is_named_and_not_that_of_the_file(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, tuned(), tune=False)
    moved = tuned(high=100.0)  # its middle, and so its default, is another
    assert moved.tuned[0].start != 0.1
    said = [line for line in report(store, moved).warnings if line.startswith("Nothing was tuned")]
    assert "lr = 0.1)" in said[0]


def test_arms_that_do_not_depend_on_a_setting_are_not_said_to_be_tuned(tmp_path: Path) -> None:
    def build(scale: Scale, width: int, lr: float) -> Any:
        return study(lr=lr if width > 4 else 0.1).build(scale=scale, width=width)

    results = made(tmp_path, dataclasses.replace(tuned(), build=build), tune=True)
    (line,) = [line for line in held_fixed(results) if line.startswith("lr:")]
    assert "by one search in each of the 2 of 3 arms that depend on it" in line


def test_tuning_that_has_not_ended_is_not_said_to_be_none() -> None:
    results = example_results(tuning=False)
    assert tuning_section(results) is None
    assert untuned(results).startswith("No setting has been chosen")
    declared = dataclasses.replace(results.declaration, tuned=())
    plain = dataclasses.replace(results, declaration=declared)
    assert untuned(plain) == "Nothing is tuned in this study."


def test_trials_that_looks_never_asked_for_are_not_missing(tmp_path: Path) -> None:
    results = made(tmp_path)
    assert "planned" not in ledger_section(results).lead
    later = dataclasses.replace(results, seeds=tuple(range(40)))
    assert "planned" not in ledger_section(later).lead, "seeds of looks that were not needed"
    broken = dataclasses.replace(results, missing=2)
    assert ledger_section(broken).lead.endswith("2 trials planned to evaluate have not been run.")


def test_where_trials_ran_is_named_beside_where_arms_were_profiled() -> None:
    results = example_results()
    assert hardware(results) == "AMD EPYC 7B13"
    source = dataclasses.replace(results.provenance, environments=({"hardware": "Xeon"},))
    assert hardware(dataclasses.replace(results, provenance=source)) == "AMD EPYC 7B13 and Xeon"


def test_a_profile_taken_beside_a_training_is_not_said_to_be_apart() -> None:
    results = example_results()
    busy = "another process was training meanwhile, so times may be too long"
    profiles: Mapping[str, Profile] = {
        name: dataclasses.replace(each, note=busy) for name, each in results.profiles.items()
    }
    section = cost_section(dataclasses.replace(results, profiles=profiles))
    assert section is not None
    assert "apart from all training" not in section.lead
    assert busy in section.notes[0]


def test_an_older_record_without_its_training_makes_no_sentence() -> None:
    results = example_results()
    bare = [dataclasses.replace(each, training={}) for each in results.records]
    assert about_arms(dataclasses.replace(results, records=tuple(bare))) == []


def test_objects_of_different_kinds_differ_as_wholes() -> None:
    one = {"optimizer": "SGD", "optimizer.lr": 0.1, "optimizer.momentum": 0.9, "epochs": 2}
    other = {"optimizer": "Adam", "optimizer.lr": 0.01, "epochs": 2}
    assert differing([one, other]) == ["optimizer"]
    assert differing([one, {**one, "optimizer.lr": 0.2}]) == ["optimizer.lr"]
    assert differing([one, one]) == []


def test_several_factors_are_told_apart(tmp_path: Path) -> None:
    def build(scale: Scale, width: int, rate: float) -> Any:
        made = study(lr=rate).build(scale=scale, width=width)
        return dataclasses.replace(made, batch_size=10 if rate == 0.2 else 20)

    declared = study(build=build, factors=(Factor("width", (4, 64)), Factor("rate", (0.1, 0.2))))
    lines = about_arms(made(tmp_path, declared))
    assert lines[0].startswith("Arms differ in model.hidden, optimizer.lr and batch_size (10 in")
    assert [line.partition(" changes")[0] for line in lines[1:]] == ["rate"]
