"""What is told of numbers that are the same, and of versions that were tried."""

from __future__ import annotations

from dataclasses import replace

from harness.judging.sameness import other_versions, same_numbers
from harness.trials.records import Record
from tests import own_study


def record(arm: str, seed: int, loss: float, version: str = "one") -> Record:
    return Record(
        study="own", scale="quick", arm=arm, levels={}, seed=seed, role="evaluate", tuned={},
        key=f"{arm} {seed} {version}", state="complete",
        metrics={"loss": loss, "fit_seconds": seed},
        code={"own:train": version, "harness.seeds:seeded": version + "!", "keys": "2"},
    )  # fmt: skip


def told(*records: Record) -> list[str]:
    return list(same_numbers(own_study.study.declaration("quick"), records))


def test_a_seed_or_a_factor_that_changes_nothing_is_told() -> None:
    assert (
        told(*[record("x", s, s) for s in range(5)], *[record("y", s, -s) for s in range(5)]) == []
    )
    (line,) = told(*[record("x", s, 1.0) for s in range(3)], *[record("y", s, s) for s in range(3)])
    assert line.startswith("Every seed gave the same numbers in x. If the seed changes nothing")
    (line,) = told(*[record(arm, s, s) for arm in ("x", "y") for s in range(3)])
    assert line.startswith("x; y gave the same numbers in every seed, to the last bit.")
    assert told(*[record(arm, s, s) for arm in ("x", "y") for s in range(2)]) == [], "few"
    build = replace(own_study.study.declaration("quick"), source="build")
    assert not [*same_numbers(build, [record("x", s, 1.0) for s in range(5)])]


def test_results_of_other_versions_are_told_and_those_of_more_seeds_are_not() -> None:
    used = [record("x", seed, seed) for seed in range(3)]
    more = [record("x", seed, seed) for seed in range(5)]
    assert not [*other_versions(used, more)]
    other = [record("x", seed, seed, version) for seed in range(3) for version in ("two", "three")]
    (line,) = other_versions(used, [*more, *other])
    assert "2 other versions of what is run (6 evaluation trials)" in line
    upgraded = [replace(each, key=each.key + "?", code={**each.code, "harness.seeds:seeded": "?"})
                for each in used]  # fmt: skip
    assert not [*other_versions(used, upgraded)], "the harness's own code is not the user's"
