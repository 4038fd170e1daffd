"""Curves reported at steps of one's own, not after each epoch; and who is told of trials."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest

from harness import Context, Factor, HarnessError, Metric, Scale, Sooner, Study
from harness.commands.judged import gather
from harness.commands.subject import Subject
from harness.judging.pairing import until
from harness.judging.results import Results
from harness.planning.planner import StudyPlanner
from harness.reports.figures.curve_values import curves_of
from harness.reports.figures.curves import draw_curves
from harness.reports.sections.targets import target_tables
from harness.running.executors import Options, Processes
from harness.running.progress import Silent
from harness.running.run import run
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.storing.translation import curve_points
from harness.trials.records import Record

NAN = math.nan
LOSS = Metric("loss", better="lower", unit="nats")


def train(context: Context, speed: int) -> dict[str, float]:
    """Report a loss that falls, every 500 steps; something else more often; once, nothing."""
    for step in range(250, 2001, 250):
        loss = {"loss": 2000 / (step * speed)} if step % 500 == 0 else {}
        gap = {"loss": NAN} if (step, context.seed) == (1000, 0) else {}
        context.report(step, noise=float(context.seed), **loss | gap)
    if speed == 2 and context.seed == 4:
        raise ValueError("not this one")
    return {}


study = Study(
    name="steps",
    question="Is twice as fast sooner?",
    factors=(Factor("speed", (1, 2)),),
    train=train,
    metrics=(LOSS,),
    objective="loss",
    scales={"quick": Scale(seeds=6)},
    claims=(
        Sooner("Twice as fast is sooner.", metric="loss", reaches=2.0, by=0.2, sooner={"speed": 2},
               later={"speed": 1}),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, list[list[Record]], Ledger]:
    """The study run in this process, with what whoever logs was told, and the ledger then."""
    told: list[list[Record]] = []

    def log(records: Iterable[Record]) -> None:
        told.append(list(records))
        assert {each.key for each in told[-1]} <= set(ledger.done()), "it is in the store by now"

    ledger = Ledger(open_store(str(tmp_path_factory.mktemp("steps") / "x.db")), study, "quick")
    options = Options(mode="plain", profile=False, reference="x", log=log)
    pool = Processes(
        study, None, options, ledger.store.artifacts, ledger.store.trials("steps", "quick")
    )
    run(ledger, StudyPlanner(study, "quick", None, tune=False), pool, options, Silent())
    return gather(ledger, Subject.of(study, __file__)), told, ledger


def test_whoever_logs_is_told_of_each_trial_once_when_it_is_written(
    ran: tuple[Results, list[list[Record]], Ledger],
) -> None:
    _, told, ledger = ran
    assert len(told) > 2, "not only at the end"
    flat = [each for some in told for each in some]
    assert sorted(each.key for each in flat) == sorted(each.key for each in ledger.records())
    assert [each.state for each in flat].count("failed") == 1
    assert {each.key: each for each in flat} == {each.key: each for each in ledger.records()}


def test_exported_rows_have_steps_and_no_epochs(
    ran: tuple[Results, list[list[Record]], Ledger],
) -> None:
    record = next(each for each in ran[0].records if each.state == "complete" and each.seed == 1)
    rows = record.curve_rows()
    assert [row["step"] for row in rows] == list(range(250, 2001, 250))
    assert "epoch" not in rows[0]
    assert "metric_step" not in rows[0]
    assert math.isnan(rows[0]["metric_loss"])
    assert rows[1]["metric_loss"] == 2000 / (500 * record.levels["speed"])
    usual = replace(record, curves={"loss": (3.0, 2.0)})
    assert [(row["epoch"], row["metric_loss"]) for row in usual.curve_rows()] == [(1, 3), (2, 2)]
    assert "step" not in usual.curve_rows()[0]


def test_figures_stand_at_steps_and_only_what_is_missing_is_a_gap(
    ran: tuple[Results, list[list[Record]], Ledger],
) -> None:
    curves = curves_of(ran[0], ran[0].verdicts[0])
    assert curves is not None
    assert curves.counted == "step"
    slow, fast = curves.groups
    assert [group.name for group in (slow, fast)] == ["speed=2", "speed=1"]
    assert {tuple(at for at, _ in curve) for group in (slow, fast) for curve in group.curves} == {
        (500, 1000, 1500, 2000)  # at 250 nobody has a loss, which is no gap
    }
    assert len(slow.curves) == 5, "one of them failed"
    assert math.isnan(slow.curves[0][1][1])
    assert slow.curves[1] == tuple((at, 1000 / at) for at in (500, 1000, 1500, 2000))
    picture = draw_curves(curves)
    assert "by the steps reported" in picture.caption
    assert "epoch" not in picture.caption
    assert "by step" in picture.alt
    assert f"speed=1 ends at {1:g}" in picture.alt


def test_a_target_is_reached_at_a_step(ran: tuple[Results, list[list[Record]], Ledger]) -> None:
    results = ran[0]
    (verdict,) = results.verdicts
    assert (verdict.seen.n, verdict.seen.effect) == (5, 1.0)
    (table,) = target_tables(results)
    assert [column.title for column in table.columns] == [
        "Arm", "Reached in", "Epochs or steps, as reported"
    ]  # fmt: skip
    assert "looked at whenever it was reported" in table.caption
    assert "Seconds" not in table.caption
    times = {row[0].text: row[2].text for row in table.rows}
    assert times == {"speed=1": "1,000", "speed=2": "500"}
    record = next(each for each in results.records if each.arm == "speed=1" and each.seed == 0)
    assert until(record, LOSS, 2.0) == (1500, 1500), "the loss of step 1000 is missing"
    assert until(record, LOSS, 0.1) == (math.inf, math.inf)


def test_the_dashboard_has_points_of_the_curve_at_their_steps() -> None:
    curves = {"loss": [NAN, 5, 4, 3, 2, 1], "step": [1.0, 10.0, 20.0, 30.0, 40.0, 50.0]}
    assert curve_points(curves, "loss") == {10: 5, 20: 4, 30: 3, 50: 1}
    assert curve_points({"loss": [2.0, 1.0]}, "loss") == {1: 2, 2: 1}
    assert curve_points({}, "loss") == {}


def test_nothing_else_is_called_step() -> None:
    with pytest.raises(HarnessError, match="'step'"):
        Factor("step", (1, 2))
    with pytest.raises(HarnessError, match="'step'"):
        replace(study, metrics=(LOSS, Metric("step")))
