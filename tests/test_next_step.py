"""The command that the terminal names where claims are open."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.looks import Looks
from harness.next_step import next_step
from harness.place import Place
from harness.results import Provenance, Results
from harness.verdicts import judge
from tests.test_verdicts import RAMP, claim, records, study

COMMAND = "harness run study.py --scale quick --seeds 10 --mode plain"


def results(differences, looks=None, seeds=None, command=COMMAND):
    n = len(differences)
    old = np.linspace(1, 2, n)
    made = study(claim()).declaration("quick")
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


def test_an_open_claim_names_looks_far_enough():
    said = next_step(results(0.25 + RAMP))
    assert said == (
        "1 claim open. To go on until they are decided: harness run study.py --scale quick "
        "--mode plain --until-decided --max-seeds 40"
    )
    assert "--max-seeds 110" in next_step(results(0.25 + 2 * RAMP))  # about 100 more, at most


def test_looks_that_are_over_name_another_store():
    command = "harness run study.py --scale quick --until-decided --max-seeds 10"
    mixed = 0.25 + RAMP[[0, 9, 1, 8, 2, 7, 3, 6, 4, 5]]
    said = next_step(results(mixed, Looks((5, 10)), command=command))
    assert said.endswith(
        "harness run study.py --scale quick --until-decided --max-seeds 40 --store OTHER.db"
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


def test_the_command_names_the_place_and_no_secret():
    open_ = results(0.25 + RAMP)
    here = Place(Path("my runs"), "../other.db").words(Path("runs"))
    assert next_step(open_, here).endswith(
        "--until-decided --max-seeds 40 --out 'my runs' --store ../other.db"
    )
    assert Place(Path("runs"), "postgresql://me:SECRETPW@host/db").words(Path("runs")) == []
    assert Place(Path("runs")).words(Path("runs")) == []
