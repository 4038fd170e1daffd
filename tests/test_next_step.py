"""What the terminal says to do next where claims are undecided."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.commands.cli import execute
from harness.commands.place import Place
from harness.judging.more import out_of_reach, unreachable
from harness.judging.next_step import next_step
from harness.judging.results import Provenance, Results
from harness.judging.verdicts import judge
from harness.storing.store import open_store
from harness.study.looks import Looks
from tests.conftest import TINY
from tests.test_verdicts import RAMP, claim, records, study

COMMAND = "harness run study.py --scale quick --seeds 10 --mode plain"


def results(differences, looks=None, seeds=None, command=COMMAND, by=0.5):
    n = len(differences)
    old = np.linspace(1, 2, n)
    made = study(claim(by=by)).declaration("quick")
    return Results(
        declaration=made, seeds=tuple(range(seeds or n)), records=(),
        verdicts=judge(made, records(old + differences, old), looks, seeds=seeds or n),
        summaries=(), tuning=(), profiles={},
        provenance=Provenance(command, "0", "", "", 0.0, ()), warnings=(), looks=looks,
    )  # fmt: skip


def test_nothing_is_named_where_every_claim_is_decided():
    assert next_step(results(3 + RAMP)) == ""


def test_below_five_seeds_five_are_named():
    assert next_step(results(RAMP[:3])).endswith(
        "To go on: harness run study.py --scale quick --mode plain --seeds 5"
    )


def test_a_command_that_adds_seeds_after_a_verdict_was_seen_says_what_that_does():
    said = next_step(results(0.25 + RAMP), ["--store", "x.db"])
    assert said == (
        "1 claim undecided after 10 seeds, as many as were asked for. About 1 to 20 more would "
        "tell. But seeds that are added after looking make verdicts wrong in up to 10 % of cases, "
        "not 5 %: next time, write --until-decided at the first run. To add them all the same, "
        "which the report then says: harness run study.py --scale quick --mode plain "
        "--until-decided --max-seeds 40 --store x.db"
    )
    assert "About 9 to 100 more would tell." in next_step(results(0.25 + 2 * RAMP))


def test_no_command_looks_again_after_the_last_look():
    """Neither here nor in another store, where the same seeds would be looked at once more."""
    command = "harness run study.py --scale quick --until-decided --max-seeds 10"
    mixed = 0.25 + RAMP[[0, 9, 1, 8, 2, 7, 3, 6, 4, 5]]
    said = next_step(results(mixed, Looks((5, 10)), command=command))
    assert said.startswith("1 claim undecided after the last look, at 10 seeds.")
    assert "harness run" not in said
    assert "another store" not in said


def test_it_is_said_why_more_seeds_are_no_help_and_what_is_within_reach():
    same = results(np.zeros(5), by=0.01)
    assert next_step(same) == (
        "1 claim undecided, since all 5 differences are the same, which tells little of seeds not "
        "yet run; within reach, with 50 seeds, is a margin of about 0.116 nats."
    )
    spread = next_step(results(0.25 + 30 * RAMP))
    assert (
        "since the differences vary too much from one to the next for so small a margin" in spread
    )
    assert "within reach, with 100 seeds, is a margin of about" in spread
    (verdict,) = same.verdicts
    two = next_step(replace(same, verdicts=(verdict, verdict)))
    assert two.startswith("2 claims undecided: claim 1: all 5 differences are the same")
    many = next_step(replace(same, verdicts=5 * (verdict,)))
    assert many.endswith("; the report says it of 2 more.")


def test_of_differences_near_the_largest_float_it_is_not_said_that_they_were_0():
    same = results(np.full(5, 1e308), by=0.01)
    (verdict,) = same.verdicts
    assert verdict.seen.effect == 1e308
    for said in (next_step(same), verdict.change):
        assert "a metric that varies, or one with a known range (an accuracy, 0 to 1)" in said
        assert "was 0" not in said


def test_of_a_metric_that_was_0_in_every_run_another_one_is_named():
    (verdict,) = results(np.zeros(5), by=0.01).verdicts
    never = replace(verdict.more_seeds, tells=np.inf)
    said = unreachable(verdict.seen, never, verdict.metric)
    assert said.endswith(
        "; only a metric that varies, or one with a known range (an accuracy, 0 to 1), can tell "
        "more"
    )
    assert out_of_reach(never, verdict.metric, "seeds") == (
        "The values of this metric do not vary, or hardly do, so nothing says how much other seeds "
        "may differ. Use a metric that varies, or one with a known range (an accuracy, 0 to 1)."
    )


@pytest.mark.parametrize("looks", [None, Looks((10, 20))])
def test_what_was_broken_off_goes_on_by_the_same_command(looks):
    made = results(RAMP[:7], looks, seeds=10)
    assert next_step(made) == f"1 claim not judged yet. To go on: {COMMAND}"


def test_claims_on_costs_and_exploratory_ones_want_no_more_seeds():
    made = results(0.25 + RAMP)
    (verdict,) = made.verdicts
    lead = replace(verdict, claim=claim(primary=False))
    assert next_step(replace(made, verdicts=(lead,))) == ""


def test_the_command_says_again_where_things_are_and_how_to_run():
    few = results(RAMP[:3])
    here = Place(Path("my runs"), "../other.db", data=Path("../data"))
    assert next_step(few, here.words(), ["--device", "cpu"]).endswith(
        "--seeds 5 --out 'my runs' --store ../other.db --data-dir ../data --device cpu"
    )
    assert Place(Path("runs")).words() == []


def test_no_secret_is_said_again(monkeypatch):
    url = "postgresql://me:SECRETPW@host/db"
    monkeypatch.delenv("HARNESS_STORE", raising=False)
    typed = Place(Path("runs"), url).words()
    assert typed == ["--store", "postgresql://me:***@host/db"], "to be typed again"
    monkeypatch.setenv("HARNESS_STORE", url)
    assert Place(Path("runs"), url).words() == [], "which the environment goes on to name"


def printed(monkeypatch, capsys, words, done):
    """What a command prints that has come to these results, and could write no report."""

    def cannot(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr("harness.commands.run.run_study", lambda *_, **__: (done, Path("runs/x")))
    monkeypatch.setattr("harness.commands.report.report_study", lambda *_: [(done, Path("runs/x"))])
    monkeypatch.setattr("harness.reports.write_report", cannot)
    monkeypatch.setattr("harness.commands.folder.write_whole", lambda *_: None)
    monkeypatch.setattr("harness.commands.folder.write_verdicts", lambda *_: None)
    execute(words)
    out, err = capsys.readouterr()
    next_line = next(line for line in out.splitlines() if line.startswith("→"))
    again = next(line for line in err.splitlines() if "To try again: " in line)
    return next_line.partition("To go on: ")[2], again.partition("To try again: ")[2]


@pytest.mark.parametrize("command", ["run", "report"])
def test_every_command_that_is_printed_can_be_pasted(command, here, monkeypatch, capsys):
    place = ["--out", "my runs", "--store", "x.db", "--data-dir", "my data"]
    how = ["--device", "cpu", "--workers", "1", "--no-profile"] if command == "run" else []
    words = [command, "study.py", "--scale", "quick", *place, *how]
    goes_on, again = printed(monkeypatch, capsys, words, results(RAMP[:3]))
    quick = ["study.py", "--scale", "quick"]
    assert shlex.split(again) == ["harness", "report", *quick, *place]
    assert shlex.split(goes_on) == [
        "harness", "run", *quick, "--mode", "plain", "--seeds", "5", *place, *how
    ]  # fmt: skip


def test_a_command_without_them_names_none(here, monkeypatch, capsys):
    monkeypatch.setenv("HARNESS_DATA", "elsewhere")  # which goes on to be what it is
    words = ["report", "study.py"]
    goes_on, again = printed(monkeypatch, capsys, words, results(RAMP[:3]))
    assert again == "harness report study.py --scale quick"
    assert goes_on == "harness run study.py --scale quick --mode plain --seeds 5"


def test_what_has_no_records_names_the_run_that_makes_some(refused):
    place = ["--out", "my runs", "--data-dir", "elsewhere"]
    refused("report", str(TINY), *place)
    open_store("my runs/harness.db", create=True).close()
    for command in ("report", "explain", "export"):
        line = refused(command, str(TINY), *place)
        assert line.endswith("--out 'my runs' --data-dir elsewhere` makes some.")
