"""Processes on one store share its work: real sessions and stores, workers that pretend to train.

See tests/pretend.py. How long it takes is measured by `python -m tests.kills --times`; here the
shares are looked at, which do not depend on what else the machine does.
"""

import random
import signal
import time
from pathlib import Path

import pytest

from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.trials.records import Record
from tests.kills import strike_pretenders
from tests.pretend import Farm, Pretence, figures, study

KINDS = {
    "plain": {},
    "fused": {"models": 8},
    "tuned": {"budget": 4, "seeds": 2},
    "looks": {"looks": (5, 6), "seeds": 6},
}


def place(kind: str, folder: Path) -> str:
    return str(folder / "x.db") if kind == "sqlite" else f"journal:///{folder}/x.log"


@pytest.fixture(
    params=[
        "sqlite",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("journal", "postgresql")),
    ]
)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url = request.getfixturevalue("url")
        assert isinstance(url, str)
        return url
    return place(request.param, tmp_path)


def records(where: str, pretence: Pretence) -> tuple[Record, ...]:
    return Ledger(open_store(where), study(pretence), "quick").records()


def check_whole(where: str, pretence: Pretence, count: int) -> None:
    """All that was to be done is done, once, and is what it must be."""
    found = records(where, pretence)
    assert len(found) == count
    assert len({each.key for each in found}) == count, "a trial was trained twice"
    assert {each.state for each in found} == {"complete"}
    assert all(dict(each.metrics) == figures(each.key) for each in found)


@pytest.mark.parametrize("kind", ["plain", pytest.param("tuned", marks=pytest.mark.slow)])
def test_two_processes_share_the_work(farm: Farm, where: str, kind: str) -> None:
    pretence = Pretence(seconds=0.25, **KINDS[kind])
    one, two = farm.together(where, pretence, pretence)
    assert min(one.trained, two.trained) >= 0.25 * (one.trained + two.trained), (one, two)
    assert one.trained + two.trained == len(records(where, pretence))
    check_whole(where, pretence, 6 * (pretence.budget + pretence.seeds))


@pytest.mark.parametrize("kind", ["fused", pytest.param("looks", marks=pytest.mark.slow)])
def test_a_process_that_comes_later_gets_its_share(farm: Farm, tmp_path: Path, kind: str) -> None:
    pretence = Pretence(seconds=0.3, **KINDS[kind])
    later = Pretence(**{**vars(pretence), "late": 0.7, "workers": 4})
    one, two = farm.together(place("sqlite", tmp_path), pretence, later)
    assert two.trained >= 0.25 * (one.trained + two.trained), (one, two)
    check_whole(place("sqlite", tmp_path), pretence, one.trained + two.trained)


@pytest.mark.slow
def test_sharing_changes_no_setting(farm: Farm, tmp_path: Path) -> None:
    pretence = Pretence(seconds=0.05, workers=1, **KINDS["tuned"])
    (tmp_path / "alone").mkdir()
    (alone,) = farm.together(place("sqlite", tmp_path / "alone"), pretence)
    said = farm.together(place("sqlite", tmp_path), *[pretence] * 3)
    assert [each.chosen for each in said] == [alone.chosen] * 3
    assert len(alone.chosen) == 6
    assert alone.trained == sum(each.trained for each in said)


def test_nothing_is_measured_twice(farm: Farm, where: str) -> None:
    """Both begin at once; one measures, the other waits and then has it, too."""
    pretence = Pretence(seconds=0.15, seeds=2, measured=True)
    said = farm.together(where, pretence, pretence)
    measured = [each for process in said for each in process.measured]
    assert sorted(measured) == ["calibrate"] * 6 + ["profile"] * 6
    check_whole(where, pretence, 12)


def test_who_has_nothing_left_waits_for_the_others_and_ends_with_all(
    farm: Farm, tmp_path: Path
) -> None:
    slow = Pretence(seconds=3.0, workers=6, seeds=1)
    late = Pretence(seconds=3.0, workers=2, seeds=1, late=1.0)
    one, two = farm.together(place("sqlite", tmp_path), slow, late)
    assert (one.trained, two.trained) == (6, 0)
    assert "waiting for other processes on this store" in two.told


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("journal", marks=pytest.mark.slow)])
def test_one_of_two_is_killed_and_the_other_does_the_rest(
    farm: Farm, tmp_path: Path, kind: str
) -> None:
    where = place(kind, tmp_path)
    pretence = Pretence(seconds=0.3, workers=2)
    killed, lives = farm.start(where, pretence, pretence)
    store = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (tmp_path / "x.db").exists() or (tmp_path / "x.log").exists():
            store = store or open_store(where)
            ledgers = Ledger.existing(store, study(pretence), "quick")
            if (
                ledgers and sum(r.state == "complete" for r in ledgers[-1].records()) >= 12
            ):  # by then both have ended some
                break
        time.sleep(0.05)
    time.sleep(random.Random(kind).uniform(0.0, 0.2))
    killed.kill()
    said = lives.end()
    assert said.code == 0, said.errors
    assert killed.end().code == -signal.SIGKILL, "it was over before it was killed"
    assert said.trained < 30
    check_whole(where, pretence, 30)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(farm: Farm, where: str) -> None:
    """`nox -s kills` does the same to real trainings."""
    assert strike_pretenders(farm, where, 20, seed=len(where)).kills == 20
