"""When claims were declared: each declaration is kept, and what was moved after results told."""

from __future__ import annotations

import dataclasses
import html
import io
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness import Factor, Scale
from harness.commands.files import write_verdicts
from harness.commands.finish import print_results
from harness.commands.place import Place
from harness.commands.plan import plan_study
from harness.judging.history import History, history
from harness.judging.registrations import Registration, content, declared
from harness.judging.results import Results
from harness.messages.errors import HarnessError
from harness.reports.render import render_html
from harness.running.registering import declare
from harness.storing import notes
from harness.storing.ledger import Ledger
from harness.study.claims import Best, Claim, Equivalent, NotWorse
from harness.study.formatting import day
from harness.study.looks import Looks
from harness.study.study import Study
from harness.trials.profiles import Profile
from tests.declaring import higher, opened, report, run, study

TODAY = day(datetime.now(UTC).isoformat())
SMALL = higher(0.05, "16 beats 4.", higher={"width": 16})
LEAD = higher(0.05, "64 beats 16.", lower={"width": 16}, primary=False)


def told(results: Results, place: int = 0) -> str:
    return results.history.of(place).sentence()


def status(results: Results, place: int = 0) -> str:
    return results.history.of(place).status


def cautions(results: Results) -> list[str]:
    return [line for line in results.warnings if line.startswith("After results were seen")]


def terminal(results: Results, folder: Path) -> str:
    out = io.StringIO()
    print_results(results, Console(width=400, file=out), [])
    return out.getvalue()


def page(results: Results) -> str:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", render_html(results), flags=re.DOTALL)
    return " ".join(html.unescape(text).replace("\u00a0", " ").split())


def rows(results: Results, folder: Path) -> list[dict[str, Any]]:
    write_verdicts(results, folder / "verdicts.json")
    found: list[dict[str, Any]] = json.loads((folder / "verdicts.json").read_text())
    return found


# -- in a store ----------------------------------------------------------------------------


def test_a_claim_declared_before_any_result_is_told_so_everywhere(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(), SMALL))
    results = report(store, study(higher(), SMALL))
    assert told(results) == f"declared before any result of its arms, on {TODAY}"
    assert cautions(results) == []
    assert f"All 2 claims: {told(results)}." in terminal(results, tmp_path)
    row = rows(results, tmp_path)[1]
    assert row["declared"]["status"] == "before any result"
    assert row["declared"]["since"].startswith(f"{datetime.now(UTC):%Y-%m-%d}")
    assert [each["event"] for each in row["declared"]["history"]] == ["declared"]
    text = page(results)
    assert text.count(f"Declared before any result of its arms, on {TODAY}.") == 2
    assert "declared beforehand" not in text
    assert "after results" not in text.partition("Methods To do it again")[0]
    kept = Ledger.existing(store, study(), "quick")[0].notes(notes.DECLARED)
    assert len(kept) == 1, "judging the same claims again keeps nothing new"


def test_a_margin_moved_after_results_is_told_with_what_it_was(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(0.2), SMALL))
    results = report(store, study(higher(0.3), SMALL))
    said = f"changed after 10 results of its arms, on {TODAY}: margin from 20.0 pp to 30.0 pp"
    assert told(results) == said
    assert told(results, 1) == f"declared before any result of its arms, on {TODAY}"
    (caution,) = cautions(results)
    assert caution == (
        "After results were seen, claim 1 was changed: the error rates stated hold for claims that "
        "were declared before."
    )
    shown = terminal(results, tmp_path)
    assert f"Claim 1: {said}." in shown
    assert f"! {cautions(results)[0]}" in shown
    row = rows(results, tmp_path)[0]["declared"]
    assert row["status"] == "changed"
    assert row["history"][1]["results"] == 10
    assert row["history"][1]["changes"] == [{"what": "margin", "from": "20.0 pp", "to": "30.0 pp"}]
    text = page(results)
    assert f"⚠ C{said[1:]}." in text
    assert "⚠ changed after 10 results" in text
    assert cautions(results)[0] in text


def test_a_margin_moved_there_and_back_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(0.2)))
    report(store, study(higher(0.3)))
    results = report(store, study(higher(0.2)))
    assert told(results) == (
        f"changed after 10 results of its arms, on {TODAY}: margin from 20.0 pp to 30.0 pp; "
        f"changed back after 10 results of its arms, on {TODAY}: margin from 30.0 pp to 20.0 pp"
    )
    assert status(results) == "changed"
    assert len(cautions(results)) == 1


def test_margins_that_print_alike_are_told_apart(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(0.2)))
    assert "margin from 0.2 to 0.2001" in told(report(store, study(higher(0.2001))))


def test_what_is_changed_before_any_result_was_declared_then(tmp_path: Path) -> None:
    store = opened(tmp_path)
    ledger = Ledger(store, study(higher(0.2)), "quick")
    declare(ledger, dict)
    run(store, study(higher(0.3)))
    results = report(store, study(higher(0.3)))
    assert status(results) == "before any result"
    assert [event.what for event in results.history.claims[0].events] == ["declared", "changed"]
    assert cautions(results) == []


def test_a_claim_removed_after_results_is_listed_everywhere(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(), SMALL))
    results = report(store, study(higher()))
    (gone,) = results.history.removed
    assert gone.sentence() == f"removed after 10 results of its arms, on {TODAY}"
    assert "1 primary claim was removed" in cautions(results)[0]
    assert f"No claim any more: “16 beats 4.”, {gone.sentence()}." in terminal(results, tmp_path)
    row = rows(results, tmp_path)[-1]
    assert (row["claim"], row["word"], row["margin"]) == ("16 beats 4.", "removed", 0.05)
    assert row["declared"]["status"] == "removed"
    assert row["effect"] is None
    assert row.keys() == rows(results, tmp_path)[0].keys()
    text = page(results)
    assert "Claims removed after results" in text
    assert f"“16 beats 4.” (primary): {gone.sentence()}." in text


def test_a_study_whose_last_claim_was_removed_lists_it_still(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study())
    results = report(store, study(claims=()))
    assert len(results.history.removed) == 1
    assert "“64 beats 4.” (primary): removed after 10 results" in page(results)
    assert [row["word"] for row in rows(results, tmp_path)] == ["removed"]


def test_a_claim_removed_and_put_back_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(), SMALL))
    report(store, study(higher()))
    results = report(store, study(SMALL, higher()))
    assert told(results, 0) == (
        f"removed after 10 results of its arms, on {TODAY}; put back after 10 results of its arms, "
        f"on {TODAY}"
    )
    assert status(results, 0) == "changed"
    assert status(results, 1) == "before any result"
    assert results.history.removed == ()


def test_a_claim_dropped_before_any_result_is_not_listed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    declare(Ledger(store, study(higher(), SMALL), "quick"), dict)
    run(store, study(higher()))
    assert report(store, study(higher())).history.removed == ()


def test_a_claim_added_after_results_of_its_arms_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher()))
    results = report(store, study(SMALL, higher()))
    assert told(results, 0) == f"added after 10 results of its arms, on {TODAY}"
    assert status(results, 1) == "before any result"
    assert "claim 1 was added" in cautions(results)[0]


def test_a_claim_added_when_its_own_arms_have_no_result_was_declared_before(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher()), arms=["width=4"])
    pair = higher(0.05, "64 beats 16.", lower={"width": 16})
    results = report(store, study(higher(), pair))
    assert status(results, 1) == "before any result"


def test_another_sentence_for_the_same_is_noted_and_is_no_new_claim(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher()))
    results = report(store, study(higher(text="Wide beats narrow.", source="notes")))
    assert told(results) == (
        f"declared before any result of its arms, on {TODAY}; reworded after 10 results, on "
        f"{TODAY}: sentence from “64 beats 4.” to “Wide beats narrow.”, source from “” to “notes”"
    )
    assert status(results) == "before any result"
    assert cautions(results) == []
    assert results.history.removed == ()


@pytest.mark.parametrize("before", [True, False])
def test_a_claim_that_changes_its_standing_is_told_both_ways(tmp_path: Path, before: bool) -> None:
    store = opened(tmp_path)
    run(store, study(higher(primary=before)))
    results = report(store, study(higher(primary=not before)))
    names = ("primary", "exploratory") if before else ("exploratory", "primary")
    assert told(results).endswith(f"standing from {names[0]} to {names[1]}")
    assert len(cautions(results)) == 1


def test_what_becomes_of_an_exploratory_claim_is_told_without_a_caution(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(), LEAD))
    results = report(store, study(higher(), dataclasses.replace(LEAD, by=0.01)))
    assert status(results, 1) == "changed"
    assert cautions(results) == []
    assert report(store, study(higher())).history.removed[0].primary is False


def test_looks_and_alpha_that_are_moved_after_results_are_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study())
    results = report(store, study(looks=Looks((5, 10), (0.1, 0.1))))
    (event,) = results.history.looks
    assert [str(change) for change in event.changes] == [
        "α from 5 % to 20 %", "looks from 5, 10, 20, 40 seeds to 5, 10 seeds",
    ]  # fmt: skip
    assert event.results == 15
    assert "α changed from 5 % to 20 %" in cautions(results)[0]
    assert f"α from 5 % to 20 % after 15 results, on {TODAY}." in terminal(results, tmp_path)
    text = page(results)
    assert "Looks changed after results" in text
    assert f"α from 5 % to 20 %, after 15 results, on {TODAY}." in text


def test_a_store_of_before_says_that_it_is_not_known_when(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(), declares=False)
    results = report(store, study())
    assert status(results) == "not known"
    assert told(results) == (
        "not known when it was declared: 10 results of its arms were there when it was first kept, "
        f"on {TODAY}"
    )
    assert "before" not in told(results)
    assert rows(results, tmp_path)[0]["declared"]["since"] is None
    assert "Not known when it was declared: 10 results" in page(results)
    later = report(store, study(higher(0.3)))
    assert status(later) == "changed"


def test_results_of_another_study_that_are_taken_over_count(tmp_path: Path) -> None:
    """Somebody who renames a study has seen its results."""
    store = opened(tmp_path)
    run(store, study(higher(0.2)))
    renamed = study(higher(0.3), name="wider")
    run(store, renamed)
    assert status(report(store, renamed)) == "not known"


def test_results_of_other_code_count_and_it_is_said_that_none_is_judged(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, study(higher(0.2)))
    run(store, study(higher(0.3), lr=0.3))
    results = report(store, study(higher(0.3), lr=0.3))
    assert told(results) == (
        f"changed after 10 results of its arms, of which none is judged here, on {TODAY}: margin "
        "from 20.0 pp to 30.0 pp"
    )
    assert "(of those results, none is judged here)" in cautions(results)[0]
    # judged on the older trials, they are the ones that were seen
    back = report(store, study(higher(0.3)))
    assert told(back).startswith("changed after 10 results of its arms, on")


def test_levels_that_change_take_the_declarations_along(tmp_path: Path) -> None:
    """A factor with another level begins an Optuna study of its own."""
    store = opened(tmp_path)
    run(store, study(higher(0.2)))
    wider = study(higher(0.3), factors=(Factor("width", (4, 16, 64, 256)),))
    run(store, wider)
    results = report(store, wider)
    assert told(results).startswith(f"changed after 10 results of its arms, on {TODAY}: margin")


def test_a_rival_that_is_dropped_after_results_changes_the_claim(tmp_path: Path) -> None:
    best = Best("64 is best.", metric="test_accuracy", by=0.01, best={"width": 64})
    store = opened(tmp_path)
    run(store, study(best))
    results = report(store, study(dataclasses.replace(best, among=(4, 64))))
    assert told(results).endswith(
        "arms from (width=64 against width=16; width=4) to (width=64 against width=4)"
    )
    assert "after 15 results" in told(results), "of the arms that it was about, too"


def test_what_is_averaged_over_is_part_of_a_claim(tmp_path: Path) -> None:
    two = (Factor("width", (4, 64)), Factor("depth", (1, 2, 3)))

    def build(scale: Scale, width: int, depth: int) -> Any:
        return study().build(scale=scale, width=width + depth)

    store = opened(tmp_path)
    whole = study(factors=two, build=build)
    run(store, whole)
    part = study(
        factors=two, build=build, scales={"quick": Scale(seeds=5, levels={"depth": (1, 2)})}
    )
    results = report(store, part)
    assert told(results).endswith("arms averaged over from 3 and 3 to 2 and 2")
    assert "after 30 results" in told(results)


def test_trials_that_several_arms_share_are_results_of_each(tmp_path: Path) -> None:
    def build(scale: Scale, width: int) -> Any:
        return study().build(scale=scale, width=min(width, 16))

    store = opened(tmp_path)
    alike = study(SMALL, build=build)
    run(store, alike)
    assert len(Ledger.existing(store, alike, "quick")[0].records()) == 10
    pair = higher(0.05, "64 is as good as 16.", lower={"width": 16})
    results = report(store, study(SMALL, pair, build=build))
    assert told(results, 1).startswith("added after 5 results of its arms")


def test_claims_on_costs_count_rounds_and_profiles(tmp_path: Path) -> None:
    store = opened(tmp_path)
    timed = NotWorse("64 takes no longer.", metric="step_seconds", by=0.05, arm={"width": 64},
                     than={"width": 4})  # fmt: skip
    sized = dataclasses.replace(timed, text="64 is as small.", metric="parameters")
    first = Ledger(store, study(timed, sized), "quick")
    declare(first, dict)
    for number, arms in enumerate((("width=4", "width=64"), ("width=4",))):
        timed_arms = {arm: notes.TimedArm("k", 0.1, 10) for arm in arms}
        taken = notes.TimedRound(timed_arms, busy=False, twin=arms[0], again=0.1)
        notes.write_round(first, number, "cpu", taken)
    notes.write_profile(first, "k", "cpu", notes.Unprofiled("none"))
    profile = dict.fromkeys(
        ("step_seconds", "step_low", "step_high", "blocks", "samples_per_second", "peak_bytes",
         "flops_per_step", "parameters", "steps", "samples", "device", "hardware", "threads"), 1,
    )  # fmt: skip
    measured = {**profile, "memory": {}, "device": "cpu", "hardware": "a processor"}
    notes.write_profile(first, "k", "cpu", Profile(**measured))
    moved = study(dataclasses.replace(timed, by=0.1), dataclasses.replace(sized, by=0.1))
    kept, _ = declare(
        Ledger(store, moved, "quick"), lambda: dict.fromkeys(("width=4", "width=64"), "k")
    )
    times, sizes = history(kept).claims
    assert times.sentence().startswith("changed after 1 round of timing of its arms")
    assert sizes.sentence().startswith("changed after 2 profiles of its arms")
    assert "margin from ×1.05 to ×1.1" in times.sentence()


def test_plan_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    run(store, study())
    moved = study(higher(0.3))
    monkeypatch.setattr("harness.commands.plan.find_study", lambda reference: reference)
    monkeypatch.setattr("harness.commands.plan.load", lambda found: moved)
    ledger = Ledger.existing(store, moved, "quick")[0]
    before = ledger.notes("")
    from harness.running.executors import Options

    plan_study("x", "quick", Place(tmp_path, str(tmp_path / "x.db")), Options())
    assert ledger.notes("") == before


def test_a_store_that_cannot_be_written_to_is_reported_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    run(store, study(higher(0.2)))

    def refuse(*_: Any) -> None:
        raise HarnessError("the store must be readable and writable", "read-only", "Mend it.")

    monkeypatch.setattr(Ledger, "write_note", refuse)
    results = report(store, study(higher(0.3)))
    assert status(results) == "changed"
    assert results.warnings[0].startswith("That these claims were declared is not kept: ")
    with pytest.raises(HarnessError):
        declare(Ledger.existing(store, study(higher(0.3)), "quick")[0], dict)


def test_a_journal_keeps_declarations_too(tmp_path: Path) -> None:
    from harness.storing.store import open_store

    store = open_store(f"journal:///{tmp_path}/x.log")
    run(store, study(higher(0.2)))
    report(store, study(higher(0.3)))
    again = open_store(f"journal:///{tmp_path}/x.log")
    assert status(report(again, study(higher(0.3)))) == "changed"


def test_a_declaration_that_comes_in_between_is_kept_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process declares after this one has read, and before it writes."""
    store = opened(tmp_path)
    run(store, study(higher(0.2)))
    write = Ledger.write_note

    def slowly(ledger: Ledger, name: str, value: Any) -> None:
        monkeypatch.setattr(Ledger, "write_note", write)
        declare(Ledger(opened(tmp_path), study(higher(0.4)), "quick"), dict)
        write(ledger, name, value)

    monkeypatch.setattr(Ledger, "write_note", slowly)
    report(store, study(higher(0.3)))
    results = report(store, study(higher(0.3)))
    margins = [change.after for event in results.history.claims[0].late for change in event.changes]
    assert sorted({"40.0 pp", "30.0 pp"}) == sorted(set(margins))
    kept = Ledger.existing(store, study(), "quick")[0].notes(notes.DECLARED)
    assert {value["claims"][0]["by"] for value in kept.values()} == {0.2, 0.3, 0.4}


AT_ONCE = """
import sys, time
from harness.running.registering import declare
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from tests.declaring import higher, study

where, first = sys.argv[1], int(sys.argv[2])
ledger = Ledger(open_store(where), study(), "quick")
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, first + 10):
    declare(Ledger(open_store(where), study(higher(number / 100)), "quick"), dict)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_two_processes_that_declare_at_once_lose_nothing(tmp_path: Path, kind: str) -> None:
    where = str(tmp_path / "x.db") if kind == "sqlite" else f"journal:///{tmp_path}/x.log"
    root = Path(__file__).parents[1]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(AT_ONCE), where, str(first)], cwd=root,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for first in (1, 51)
    ]  # fmt: skip
    for each in both:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in both:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in both:
        each.communicate(timeout=120)
        assert each.returncode == 0
    from harness.storing.store import open_store

    ledger = Ledger(open_store(where), study(), "quick")
    margins = {value["claims"][0]["by"] for value in ledger.notes(notes.DECLARED).values()}
    assert margins == {number / 100 for number in (*range(1, 11), *range(51, 61))}


# -- the history alone ---------------------------------------------------------------------


def declaration(
    study: Study, results: int, number: int, earlier: Sequence[Registration]
) -> Registration:
    said = json.loads(json.dumps(declared(study.declaration("quick"))))
    return Registration(
        time=f"2026-03-{number + 1:02d}T12:00:00+00:00",
        claims=tuple({**claim, "results": results} for claim in said["claims"]),
        looks=said["looks"],
        results=results,
        before={content(claim): results for each in earlier for claim in each.claims},
        trials=0,
    )


def followed(*steps: tuple[tuple[Claim, ...], int]) -> History:
    kept: list[Registration] = []
    for number, (claims, seen) in enumerate(steps):
        kept.append(declaration(study(claims=claims), seen, number, kept))
    return history(kept)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.integers(0, 3)), min_size=1))
def test_a_claim_counts_as_declared_before_only_if_nothing_moved_it_later(
    steps: list[tuple[float, int]],
) -> None:
    seen, counts = 0, []
    for _, more in steps:
        counts.append(seen)
        seen += more
    found = followed(
        *(((higher(by),), count) for (by, _), count in zip(steps, counts, strict=True))
    )
    moved = [
        count
        for (one, _), (other, _), count in zip(steps, steps[1:], counts[1:], strict=False)
        if one != other
    ]
    (claim,) = found.claims
    assert (claim.status == "before any result") == (not any(moved))
    assert len(claim.late) == sum(count > 0 for count in moved)
    assert found.removed == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (higher(), higher(metric="train_accuracy"), "metric from test_accuracy to train_accuracy"),
        (higher(), higher(higher={"width": 4}, lower={"width": 64}),
         "arms from (width=64 against width=4) to (width=4 against width=64)"),
        (higher(), NotWorse("64 beats 4.", metric="test_accuracy", by=0.2, arm={"width": 64},
                            than={"width": 4}), "kind from Higher to NotWorse"),
        (Best("b", metric="test_loss", by=0.1, best={"width": 4}),
         Best("b", metric="test_loss", by=0.1, best={"width": 4}, lowest=True),
         "lowest from no to yes"),
    ],
)  # fmt: skip
def test_everything_that_a_claim_says_counts(before: Claim, after: Claim, said: str) -> None:
    found = followed(((before,), 0), ((after,), 7))
    assert (
        found.claims[0].sentence()
        == f"changed after 7 results of its arms, on 2 March 2026: {said}"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Equivalent("e", metric="test_loss", by=0.1, first={"width": 4}, second={"width": 16}),
         Equivalent("e", metric="test_loss", by=0.1, first={"width": 16}, second={"width": 4})),
        (Best("b", metric="test_loss", by=1, best={"width": 4}),
         Best("b", metric="test_loss", by=1.0, best={"width": 4}, among=(64, 4, 16))),
        (higher(), higher(by=0.2, source="page 3")),
    ],
)  # fmt: skip
def test_the_same_in_another_spelling_is_no_change(before: Claim, after: Claim) -> None:
    assert followed(((before,), 0), ((after,), 7)).claims[0].status == "before any result"


def test_claims_in_another_order_are_the_same_claims() -> None:
    found = followed(((higher(), SMALL, LEAD), 0), ((LEAD, higher(), SMALL), 9))
    assert [each.status for each in found.claims] == ["before any result"] * 3
    assert [each.text for each in found.claims] == ["64 beats 16.", "64 beats 4.", "16 beats 4."]


def test_a_claim_that_is_moved_and_reworded_at_once_is_the_same_claim() -> None:
    found = followed(((SMALL, higher()), 0), ((higher(0.5, "Wide is far better."), SMALL), 9))
    assert found.claims[0].sentence() == (
        "changed after 9 results of its arms, on 2 March 2026: margin from 20.0 pp to 50.0 pp; "
        "reworded after 9 results, on 2 March 2026: sentence from “64 beats 4.” to “Wide is far "
        "better.”"
    )
    assert found.claims[1].status == "before any result"


def test_a_claim_that_has_nothing_of_another_is_new_and_the_other_is_gone() -> None:
    other = higher(0.1, "16 loses less.", metric="test_loss", higher={"width": 16})
    found = followed(((higher(),), 0), ((other,), 9))
    assert found.claims[0].status == "added"
    assert [each.text for each in found.removed] == ["64 beats 4."]
    assert found.caution() == (
        "After results were seen, claim 1 was added and 1 primary claim was removed: the error "
        "rates stated hold for claims that were declared before."
    )


def test_no_declaration_at_all_says_so() -> None:
    nothing = History()
    assert nothing.of(3).status == "not known"
    assert nothing.of(3).sentence() == "not known when it was declared: no declaration was kept"
    assert nothing.caution() == ""
