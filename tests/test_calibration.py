"""Error rates of the verdicts, at few replicates; ``tests/calibration`` has the full table."""

from collections.abc import Callable

import pytest

from harness.study.looks import Looks
from tests.calibration import calibrate_verdicts as calibrate
from tests.calibration.calibrate_verdicts import Row

Case = Callable[[int], list[Row]]


def check(rows: list[Row]) -> None:
    missed = [row.line() for row in rows if not row.ok]
    assert rows
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize(
    "case",
    [calibrate.type_one, calibrate.power, calibrate.stopping],
    ids=lambda case: case.__name__,
)
def test_figures_of_the_t_test_and_of_stopping_rules(case: Case) -> None:
    check(case(2_000))


def test_rates_of_the_words() -> None:
    check(calibrate.words(500))


@pytest.mark.parametrize(
    "case",
    [
        calibrate.same_as_judge,
        calibrate.constant,
        calibrate.missing,
        calibrate.begun,
        calibrate.earlier_sign,
    ],
    ids=lambda case: case.__name__,
)
def test_records_are_judged_as_simulated(case: Case) -> None:
    check(case(100))


def test_no_claim_of_ten_without_effects_names_a_direction_too_often() -> None:
    rng = calibrate.stream(10)
    old, new = calibrate.ten_claims(rng, 300, 0.0)
    found = calibrate.walk((new - old).reshape(-1, 40), Looks().upto(40), claims=calibrate.TEN)
    wrong = calibrate.by_report(found.among(calibrate.DIRECTION))
    assert wrong.any()
    check([calibrate.at_most("ten claims", wrong, calibrate.ALPHA)])


def test_rates_of_two_sides_that_share_no_seed() -> None:
    check(calibrate.unpaired(100))


@pytest.mark.slow
def test_rates_of_claims_on_times_margins_and_targets() -> None:
    for case in (calibrate.autocorrelated, calibrate.bounds, calibrate.sooner):
        check(case(400))


def test_a_figure_that_is_off_is_told() -> None:
    row = calibrate.share_near("a share", [True] * 80 + [False] * 920, ".050")
    assert row.tolerance == pytest.approx(3 * (0.05 * 0.95 * (1 / 1000 + 1 / 4000)) ** 0.5 + 0.0005)
    assert not row.ok
    assert "**MISSED**" in row.line()
    assert calibrate.share_near("a share", [True] * 60 + [False] * 940, ".050").ok
