"""Records of one version of a study are judged together, and which version it is, is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import Factor, Scale, Tuned
from harness.commands.export import export_study
from harness.commands.place import Place
from harness.commands.plan import plan_study, print_plan
from harness.judging.results import Results
from harness.running.executors import Options
from harness.storing.ledger import Ledger
from harness.storing.notes import OLDER
from harness.study.designs import Arms
from harness.study.study import Study
from harness.trials.trial import code_by_definitions
from tests.declaring import as_before, opened, report, run, study
from tests.test_declared import page, terminal

NOW = "Judged are the trials of the study's file as it is now, and no others."
THEN = "Judged are the trials of that run, and no others;"


def rates(results: Results) -> set[float]:
    """The learning rates of the trials that were judged."""
    return {
        record.training["optimizer"]["lr"]
        for record in results.records
        if record.role == "evaluate"
    }


def effect(results: Results) -> float:
    return round(results.verdicts[0].seen.effect, 6)


def about_versions(results: Results) -> list[str]:
    return [line for line in results.warnings if "Judged are" in line or "be told" in line]


def test_a_study_that_has_not_changed_is_judged_without_a_word(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study())
    results = report(store, study())
    assert about_versions(results) == []
    assert rates(results) == {0.1}


def test_a_file_changed_and_run_and_changed_back_is_judged_on_its_own_trials(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1, epochs=lambda width: 1))
    first = report(store, study(lr=0.1, epochs=lambda width: 1))
    run(store, study(lr=0.3, epochs=lambda width: 1))
    results = report(store, study(lr=0.1, epochs=lambda width: 1))
    assert rates(results) == {0.1}
    assert results.records == first.records
    assert effect(results) == effect(first)
    (line,) = about_versions(results)
    why = "of other code or settings (optimizer.lr: 0.3 → 0.1)"
    assert line == f"The newest run in this store was {why}. {NOW}"
    assert line in terminal(results, tmp_path)
    assert line in page(results)
    assert "not there yet" not in " ".join(results.warnings)
    # in turn, the newest run is what it was
    other = report(store, study(lr=0.3, epochs=lambda width: 1))
    assert rates(other) == {0.3}
    assert about_versions(other) == []


def test_a_file_changed_and_not_run_is_judged_on_the_newest_run_and_says_so(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1))
    results = report(store, study(lr=0.3))
    assert rates(results) == {0.1}
    (line,) = about_versions(results)
    assert line == (
        "The study's file has changed since these trials were run (optimizer.lr: 0.1 → 0.3). "
        f"{THEN} `harness run x --scale quick --seeds 5` runs what the file says now."
    )


def test_trials_with_keys_of_an_older_harness_are_judged_as_they_were_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    code_by_definitions.cache_clear()
    with monkeypatch.context() as older:
        older.setattr("harness.identity.code.VERSION", "1")
        run(store, study())
        before = report(store, study())
    code_by_definitions.cache_clear()
    (line,) = about_versions(report(store, study(lr=0.3)))
    assert line.startswith(
        "The study's file has changed since these trials were run by another version of the "
        "harness, with keys of version 1; now 2 (optimizer.lr: 0.1 → 0.3)."
    )
    results = report(store, study())
    assert results.records == before.records
    assert effect(results) == effect(before)
    (line,) = about_versions(results)
    assert line == (
        "These trials were run by another version of the harness, with keys of version 1; now 2, "
        "so it cannot be told whether the code has changed since. "
        f"{THEN} `harness run x --scale quick --seeds 5` trains them anew."
    )


def test_versions_are_never_mixed_where_one_is_not_complete(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1), arms=["width=4", "width=16"])
    run(store, study(lr=0.3))
    results = report(store, study(lr=0.1))
    assert rates(results) == {0.3}
    assert about_versions(results)[0].endswith("runs what the file says now.")
    assert "(optimizer.lr: 0.3 → 0.1)" in about_versions(results)[0]


def test_a_run_of_new_code_that_was_broken_off_is_provisional_and_alone(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1))
    run(store, study(lr=0.3), arms=["width=4"])
    results = report(store, study(lr=0.3))
    assert rates(results) == {0.3}
    assert about_versions(results) == []
    assert results.verdicts[0].word == "not assessable"
    assert results.missing == 10
    assert rates(report(store, study(lr=0.1))) == {0.1}


def test_a_store_of_before_has_no_older_plans_and_records_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1))
    run(store, study(lr=0.3))
    notes = Ledger.notes
    monkeypatch.setattr(
        Ledger, "notes", lambda own, prefix: {} if prefix == OLDER else notes(own, prefix)
    )
    results = report(store, study(lr=0.1))
    assert rates(results) == {0.1}
    assert about_versions(results)[0].endswith(NOW)


def test_a_change_in_one_arm_is_named_with_how_many(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study())
    results = report(store, study(epochs=lambda width: 3 if width == 64 else 2))
    assert "(epochs: 2 → 3 in 1 of 3 arms)" in about_versions(results)[0]
    assert {record.training["epochs"] for record in results.records} == {2}


def test_a_change_that_moves_nothing_is_no_change(tmp_path: Path) -> None:
    """What a file says otherwise, but means the same: the keys are the same."""
    store = opened(tmp_path)
    run(store, study())
    assert about_versions(report(store, study(lr=0.2 / 2))) == []


def test_seeds_of_other_code_are_no_seeds_asked_for_of_this(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1), seeds=5)
    run(store, study(lr=0.3), seeds=10)
    said = [line for line in report(store, study(lr=0.3)).warnings if "was run with" in line]
    assert said == [], "five seeds were those of other code"
    older = report(store, study(lr=0.1))
    assert older.seeds == tuple(range(5)), "and it is judged on the seeds that it was run with"
    run(store, study(lr=0.1), seeds=7)
    said = [line for line in report(store, study(lr=0.1)).warnings if "was run with" in line]
    assert said[0].startswith("This study was run with 5 and with 7 seeds")
    assert said[0].endswith("in up to 10 % of cases in place of 5 %.")


def test_seeds_too_few_for_a_verdict_are_no_look(tmp_path: Path) -> None:
    """The terminal itself says then to go on to five."""
    store = opened(tmp_path)
    run(store, study(), seeds=3)
    assert report(store, study()).verdicts[0].word == "not assessable"
    run(store, study(), seeds=5)
    assert not [line for line in report(store, study()).warnings if "was run with" in line]


def listed(width: int) -> Study:
    arms = {"low": {"width": 4}, "high": {"width": 64}, "third": {"width": width}}
    return study(design=Arms(arms), factors=(Factor("width", (4, 16, 32, 64)),))


def test_an_arm_that_stands_for_other_levels_now_is_judged_with_those_of_then(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    run(store, listed(16))
    results = report(store, listed(32))
    third = next(arm for arm in results.arms if arm.name == "third")
    assert third.levels["width"].value == 16
    assert {record.levels["width"] for record in results.records} == {4, 16, 64}
    assert results.missing == 0
    assert "model.hidden: [16] → [32] in 1 of 3 arms" in about_versions(results)[0]


def test_in_a_store_of_before_such_an_arm_is_not_judged(tmp_path: Path) -> None:
    store = opened(tmp_path)
    as_before(run(store, listed(16)))
    results = report(store, listed(32))
    assert {record.arm for record in results.records} == {"low", "high"}
    assert "model.hidden: [16] → [32] in 1 of 3 arms" in about_versions(results)[0]


def tuned(high: float = 1.0, trials: int = 3) -> Study:
    def build(scale: Scale, width: int, lr: float) -> Any:
        return study(lr=lr).build(scale=scale, width=width)

    return study(build=build, tuned=(Tuned("lr", 0.01, high, log=True, trials=trials),))


def test_settings_that_were_searched_otherwise_are_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, tuned(), tune=True)
    assert about_versions(report(store, tuned())) == []
    wider = about_versions(report(store, tuned(high=2.0)))
    assert "space of lr: 0.01 to 1, log → 0.01 to 2, log" in wider[0]
    more = about_versions(report(store, tuned(trials=4)))
    assert "settings tried: 3 → 4" in more[0]


def test_a_setting_that_was_fixed_and_is_tuned_now_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.5))
    results = report(store, tuned())
    assert rates(results) == {0.5}
    assert "optimizer.lr: 0.5 → 0.1" in about_versions(results)[0]


def test_records_whose_code_can_no_longer_be_built_are_reported_all_the_same(
    tmp_path: Path,
) -> None:
    def build(scale: Scale, width: int) -> Any:
        raise RuntimeError("the library is gone")

    store = opened(tmp_path)
    run(store, study())
    results = report(store, study(build=build))
    assert rates(results) == {0.1}
    assert results.verdicts[0].word != "not assessable"
    (line,) = about_versions(results)
    assert line.startswith(
        "It cannot be told whether these trials are of the study's file as it is"
    )
    assert "the library is gone" in line


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let commands find a study that stands in no file."""

    def put(declared: Study) -> None:
        for module, find in (("plan", "find_study"), ("subject", "find")):
            monkeypatch.setattr(f"harness.commands.{module}.{find}", lambda reference: reference)
            monkeypatch.setattr(f"harness.commands.{module}.load", lambda found: declared)

    return put


def planned(folder: Path) -> dict[str, Any]:
    found = plan_study("x", "quick", Place(folder, str(folder / "x.db")), Options(mode="plain"))
    (row,) = found["scales"]
    return {**row, "printed": _printed(found)}


def _printed(found: dict[str, Any]) -> str:
    import io

    from rich.console import Console

    out = io.StringIO()
    print_plan(found, Console(width=200, file=out))
    return out.getvalue()


def test_plan_says_of_which_code_the_newest_run_was_and_what_is_run_again(
    tmp_path: Path, named: Any
) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1))
    run(store, study(lr=0.3))
    named(study(lr=0.1))
    row = planned(tmp_path)
    assert row["again"] == [], "all of it is there"
    assert row["newest"] == ["optimizer.lr: 0.3 → 0.1"]
    assert "The newest run of scale quick was of other code or settings:" in row["printed"]
    assert "to be run again" not in row["printed"]
    assert "not chosen yet" not in row["printed"], "the mode was asked for"
    named(study(lr=0.2))
    row = planned(tmp_path)
    assert row["again"] == ["optimizer.lr: 0.3 → 0.2"]
    assert "Trials of scale quick are to be run again, because:" in row["printed"]
    named(study(lr=0.3))
    row = planned(tmp_path)
    assert (row["again"], row["newest"]) == ([], [])


def test_export_says_how_many_trials_are_of_other_code(tmp_path: Path, named: Any) -> None:
    store = opened(tmp_path)
    run(store, study(lr=0.1))
    named(study(lr=0.1))
    place = Place(tmp_path, str(tmp_path / "x.db"))
    assert export_study("x", None, place, "csv", None)[1] == ""
    run(store, study(lr=0.3))
    text, note = export_study("x", None, place, "csv", None)
    assert str(text).count("\n") == 31
    assert note == (
        "15 evaluation trials are of other code or settings than the study's file has now "
        "(optimizer.lr: 0.3 → 0.1); keys tell them apart."
    )
