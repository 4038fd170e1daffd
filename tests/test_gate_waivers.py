"""Waivers: read strictly, hold within their bound and until their day, and are told."""

import re
import tomllib
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from harness.gate.outcome import Row
from harness.gate.revisions import resolve
from harness.gate.waivers import Waiver, apply, load, unknown
from harness.gate.words import LASTS, PLACEHOLDER, to_accept, waiver_lines
from harness.messages.errors import HarnessError
from tests.example_gate import CLONE, FLOPS, RATE, STEP, example
from tests.test_gate_sides import commit, git

WHOLE = """
[[waiver]]
benchmark = "bench:*"
figure = "step"
up_to = 0.2
reason = "A wider layer."
revision = "9f8e7d6"
expires = 2027-01-31
"""
TODAY = date(2026, 11, 27)


def read(tmp_path: Path, text: str) -> tuple[Waiver, ...]:
    file = tmp_path / "gate-waivers.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def judged(
    tmp_path: Path, text: str, *rows: Row, today: date = TODAY
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    return apply(rows, read(tmp_path, text), today)


def test_a_failure_within_the_bound_is_accepted_with_its_reason(tmp_path: Path) -> None:
    (step, flops), notes = judged(tmp_path, WHOLE, STEP, FLOPS)
    assert step.waiver.startswith("A wider layer.")
    assert flops.waiver == ""
    assert notes == ()
    assert example(rows=(step, flops)).exit_code == 0


def test_beyond_the_bound_it_stays_a_failure_and_says_so(tmp_path: Path) -> None:
    (step,), notes = judged(tmp_path, WHOLE, replace(STEP, change=0.21))
    assert step.waiver == ""
    assert "A waiver accepts up to +20.0 %: this is beyond." in step.why
    assert example(rows=(step,)).exit_code == 1
    assert notes == ()


def test_a_sum_of_operators_is_accepted_with_its_parts(tmp_path: Path) -> None:
    text = WHOLE.replace('"step"', f'"{CLONE.figure}"').replace("up_to = 0.2", "to = 1")
    part = replace(CLONE, benchmark="bench:train", answer="fail", base=0.0, head=1.0, waiver="")
    whole = replace(part, figure="operators", base=60.0, head=61.0)
    (accepted, total), _ = judged(tmp_path, text, part, whole)
    assert accepted.waiver.startswith("A wider layer.")
    assert total.waiver == "all that it has more is accepted, operator by operator"
    assert example(rows=(accepted, total)).exit_code == 0
    assert to_accept([part, whole]) == [part], "a waiver is offered for the part alone"
    more = replace(whole, head=62.0)
    (_, total), _ = judged(tmp_path, text, part, more)
    assert total.waiver == "", "one more than the parts"
    assert to_accept([part, more]) == [part, more]
    own = text + WHOLE.replace('"step"', '"operators"').replace("0.2", "0.001")
    (_, total), _ = judged(tmp_path, own, part, whole)
    assert total.waiver == "", "it has a bound of its own, and is beyond"
    (_, total), _ = judged(tmp_path, text, part, replace(whole, benchmark="other"))
    assert total.waiver == ""


def test_expired_and_unused_ones_are_told(tmp_path: Path) -> None:
    (step,), notes = judged(tmp_path, WHOLE, STEP, today=date(2027, 2, 1))
    assert step.waiver == ""
    assert notes[0].startswith("Expired on 2027-01-31")
    assert judged(tmp_path, WHOLE, STEP, today=date(2027, 1, 31))[0][0].waiver
    _, notes = judged(tmp_path, WHOLE, replace(STEP, answer="pass"))
    assert notes[0].startswith("Unused")
    _, notes = judged(tmp_path, WHOLE, replace(STEP, answer="inconclusive"))
    assert notes == (), "it may be needed still"


def test_a_revision_that_git_does_not_know_is_a_note(tmp_path: Path) -> None:
    (repo := tmp_path / "repo").mkdir()
    git(repo, "init", "-q")
    known = commit(repo, {"a": ""})
    last = commit(repo, {"a": "2"})
    given = read(tmp_path, WHOLE.replace("9f8e7d6", known[:9]) + WHOLE)
    (note,) = unknown(given, partial(resolve, repo))
    assert note.startswith("Unknown revision in the waiver of step of bench:* (A wider layer.)")
    assert "got '9f8e7d6'. `git fetch` it" in note
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", str(shallow))
    assert last == git(shallow, "rev-parse", "HEAD")
    notes = unknown(given, partial(resolve, shallow))
    assert len(notes) == 2
    assert f"got '{known[:9]}'. This clone is shallow." in notes[0]


def test_exact_figures_have_a_value_as_bound(tmp_path: Path) -> None:
    text = WHOLE.replace("up_to = 0.2", "to = 2").replace('"step"', '"operators/*"')
    assert judged(tmp_path, text, CLONE)[0][0].waiver
    assert not judged(tmp_path, text, replace(CLONE, head=3.0))[0][0].waiver
    share = text.replace("to = 2", "up_to = 9")
    assert not judged(tmp_path, share, CLONE)[0][0].waiver, "no share of 0 is a bound"
    own = replace(FLOPS, figure="parameters", answer="fail", base=10.0, head=8.0, change=-0.2)
    text = text.replace("operators/*", "parameters")
    assert not judged(tmp_path, text, own)[0][0].waiver
    assert judged(tmp_path, text.replace("to = 2", "to = 8"), own)[0][0].waiver
    assert judged(tmp_path, text.replace("to = 2", "up_to = 0.2"), own)[0][0].waiver
    assert not judged(tmp_path, text.replace("to = 2", "up_to = 0.1"), own)[0][0].waiver


def test_a_rate_is_worse_where_it_falls(tmp_path: Path) -> None:
    text = WHOLE.replace("bench:*", "*").replace('"step"', '"throughput"')
    row = replace(RATE, answer="fail", change=-0.15)
    assert judged(tmp_path, text, row)[0][0].waiver, "0.15 less is 0.176 more time"
    assert not judged(tmp_path, text, replace(row, change=-0.18))[0][0].waiver


def test_parameters_of_a_test_are_no_pattern(tmp_path: Path) -> None:
    row = replace(STEP, benchmark="test_x[a]")
    assert judged(tmp_path, WHOLE.replace("bench:*", "test_x[a]"), row)[0][0].waiver
    row = replace(STEP, benchmark="test_xa")
    assert not judged(tmp_path, WHOLE.replace("bench:*", "test_x[a]"), row)[0][0].waiver


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("up_to = 0.2", "upto = 0.2", "'upto'. Did you mean up_to"),
        ('reason = "A wider layer."', "", "must have a reason; got none"),
        ('"A wider layer."', '"  "', "must have a reason"),
        ('revision = "9f8e7d6"', "", "must have a revision"),
        ("2027-01-31", '"2027-01-31"', "on which day it expires"),
        ("expires = 2027-01-31", "", "on which day it expires; got none"),
        ("2027-01-31", "2027-02-31", "must be TOML"),
        ("up_to = 0.2", "", "must have one bound, up_to or to; got none"),
        ("up_to = 0.2", "up_to = 0.2\nto = 3", "got two"),
        ("up_to = 0.2", "up_to = 0.0", "a share above 0"),
        ("up_to = 0.2", "up_to = nan", "a share above 0"),
        ("up_to = 0.2", "up_to = inf", "a share above 0"),
        ("up_to = 0.2", "up_to = true", "a share above 0"),
        ("[[waiver]]", "[waiver]", "[[waiver]] alone"),
        ("[[waiver]]", "[[waivers]]", "[[waiver]] alone"),
    ],
)
def test_what_is_not_whole_is_refused_in_one_line(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in WHOLE
    with pytest.raises(HarnessError, match=re.escape(said)) as caught:
        read(tmp_path, WHOLE.replace(before, after))
    assert "\n" not in str(caught.value)


def test_the_lines_offered_for_pasting_accept_what_failed(tmp_path: Path) -> None:
    odd = replace(STEP, benchmark='a "b" \\ [x] é\x7f')
    for row in (STEP, CLONE, odd, replace(RATE, answer="fail")):
        text = "\n".join(waiver_lines(row, example()))
        with pytest.raises(HarnessError, match="must have a reason of your own"):
            judged(tmp_path, text, row)
        text = text.replace(PLACEHOLDER, "clearer")
        assert tomllib.loads(text)["waiver"][0]["benchmark"] == row.benchmark
        assert judged(tmp_path, text, row)[0][0].waiver


def test_lines_for_pasting_hold_from_the_gates_day_or_from_today() -> None:
    assert f"expires = {TODAY + LASTS}" in waiver_lines(STEP, example(time=f"{TODAY}T12:00:00"))
    before = date.today()
    (line,) = waiver_lines(STEP, example(time=""))[-1:]
    assert line in {f"expires = {day + LASTS}" for day in (before, date.today())}


def test_an_empty_file_has_none_and_a_missing_one_is_told(tmp_path: Path) -> None:
    assert read(tmp_path, "# none\n") == ()
    with pytest.raises(HarnessError, match="can be read"):
        load(tmp_path / "none.toml")
