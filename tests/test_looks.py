"""Seeds are added until claims are decided: which arms get them, and what that does not change."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.commands.cli import execute
from harness.commands.run import check_looks
from harness.judging.adaptive import seeds_needed
from harness.judging.pairing import evaluations
from harness.judging.verdicts import judge
from harness.messages.errors import HarnessError
from harness.planning.planner import StudyPlanner
from harness.running.executors import Options
from harness.stats import FEWEST
from harness.study.checks import FEWEST_SEEDS
from harness.study.claims import Higher
from harness.study.factors import Factor
from harness.study.looks import Looks
from harness.study.scales import Scale
from harness.study.study import Study
from harness.trials.manifest import Manifest
from harness.trials.records import Record
from tests.conftest import TINY

LOOKS = Looks().upto(20)


def build(scale: Scale, a: str) -> None:
    raise AssertionError("nothing is trained here")


def claim(text: str, higher: str, lower: str, **more: object) -> Higher:
    return Higher(
        text, metric="test_accuracy", by=0.1, higher={"a": higher}, lower={"a": lower}, **more
    )


def study(*claims: Higher) -> Study:
    return Study(
        name="made-up",
        question="Which?",
        factors=(Factor("a", ("clear", "base", "noisy", "alone")),),
        build=build,
        scales={"quick": Scale(seeds=5)},
        claims=claims,
    )


CLEAR = claim("Clear beats base.", "clear", "base")
OPEN = claim("Noisy beats base.", "noisy", "base")
LEAD = claim("Noisy beats alone, perhaps.", "noisy", "alone", primary=False)


def accuracy(arm: str, seed: int) -> float:
    noise = random.Random(f"{arm} {seed}").gauss(0, 1)
    mean = {"clear": 0.8, "base": 0.4, "noisy": 0.46, "alone": 0.4}[arm]
    return mean + noise * (0.15 if arm == "noisy" else 0.01)


def record(arm: str, seed: int) -> Record:
    return Record(
        study="made-up", scale="quick", arm=f"a={arm}", levels={"a": arm}, seed=seed,
        role="evaluate", key=f"{arm}{seed}", number=seed, state="complete", reason="", tuned={},
        metrics={"test_accuracy": accuracy(arm, seed)}, curves={}, layers={}, cost={}, env={},
        code={}, training={}, finished="",
    )  # fmt: skip


def records(**seeds: int) -> list[Record]:
    return [record(arm, seed) for arm, count in seeds.items() for seed in range(count)]


def needed(made: Study, found: list[Record]) -> dict[str, int]:
    need = seeds_needed(
        made.declaration("quick"), evaluations(made.declaration("quick"), found), LOOKS
    )
    return {arm.removeprefix("a="): count for arm, count in need.items()}


def test_only_the_arms_of_open_claims_get_more_seeds():
    made = study(CLEAR, OPEN, LEAD)
    at_5 = records(clear=5, base=5, noisy=5, alone=5)
    assert [v.word for v in judge(made.declaration("quick"), at_5, LOOKS)][:2] == [
        "supported, material", "inconclusive",
    ]  # fmt: skip
    assert needed(made, at_5) == {"clear": 5, "base": 10, "noisy": 10, "alone": 5}
    at_10 = records(clear=5, base=10, noisy=10, alone=5)
    assert needed(made, at_10) == {"clear": 5, "base": 20, "noisy": 20, "alone": 5}
    at_20 = records(clear=5, base=20, noisy=20, alone=5)
    assert needed(made, at_20) == {"clear": 5, "base": 20, "noisy": 20, "alone": 5}


def test_a_look_is_not_over_before_all_its_trials_are():
    made = study(OPEN)
    assert needed(made, records(base=5, noisy=4))["noisy"] == 5
    assert needed(made, []) == dict.fromkeys(("clear", "base", "noisy", "alone"), 5)
    half = records(base=10, noisy=8)
    assert needed(made, half)["noisy"] == 10
    assert judge(made.declaration("quick"), half, LOOKS) == judge(
        made.declaration("quick"), records(base=5, noisy=5), LOOKS
    ), "half a look changes nothing"


def test_what_was_decided_stays_whatever_comes_later():
    """A claim that stopped is judged on the seeds of its look, though an arm has got more since."""
    made = study(CLEAR, OPEN)
    early = judge(made.declaration("quick"), records(clear=5, base=5, noisy=5), LOOKS)
    late = judge(made.declaration("quick"), records(clear=5, base=20, noisy=20), LOOKS)
    assert early[0].looks == late[0].looks
    assert (late[0].seen.n, late[0].word) == (5, "supported, material")
    assert late[0].seen.level == 1 - LOOKS.alphas[0] / 2
    assert [look.seeds for look in late[1].looks] == [5, 10, 20]
    assert late[1].seen.n == 20


def test_failed_trials_end_a_look():
    made = study(OPEN)
    found = [
        replace(each, state="failed", metrics={}) if each.arm == "a=noisy" else each
        for each in records(base=5, noisy=5)
    ]
    assert needed(made, found)["noisy"] == 10
    (verdict,) = judge(made.declaration("quick"), found, LOOKS)
    assert verdict.word == "not assessable"


def refusal(refused, *words: str) -> str:
    return refused("run", str(TINY), "--no-tuning", *words)


def test_looks_and_a_fixed_number_of_seeds_exclude_each_other(refused) -> None:
    assert "--max-seeds must stand beside --until-decided" in refusal(refused, "--max-seeds", "9")
    assert "must stand beside" in refusal(refused, "--until-decided", "--seeds", "9")
    assert "--max-seeds" in refusal(refused, "--until-decided", "--max-seeds", "4")


def test_a_planner_asks_for_the_next_look_alone() -> None:
    from tests.tiny_study import study as tiny

    planner = StudyPlanner(tiny, "quick", None, tune=False, looks=LOOKS)
    assert (len(planner.seeds), planner.outlook({}).total) == (20, 10)
    made = {trial.key: trial for trial in planner.outlook({}).planned}

    def done(count: int) -> dict[str, Record]:
        return {
            key: replace(
                record("noisy" if trial.arm.name == "width=32" else "base", trial.seed),
                study="tiny", arm=trial.arm.name,
            )
            for key, trial in list(made.items())[:count]
        }  # fmt: skip

    assert planner.outlook(done(9)).total == 10
    outlook = planner.outlook(done(10))
    assert outlook.total == 20
    assert {trial.seed for trial in outlook.ready} == set(range(5, 10))
    again = StudyPlanner(tiny, "quick", None, tune=False, looks=LOOKS)
    assert [t.key for t in again.outlook(done(10)).ready] == [t.key for t in outlook.ready]


def test_a_plan_shows_the_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["plan", str(TINY), "--scale", "quick", "--until-decided", "--max-seeds", "20"]
    assert execute(words) == 0
    assert "4 + 5 to 20" in capsys.readouterr().out
    assert execute([*words, "--json"]) == 0
    (scale,) = json.loads(capsys.readouterr().out)["scales"]
    assert scale["looks"]["seeds"] == [5, 10, 20]
    assert scale["trials"] == 2 * (4 + 5)


@pytest.mark.slow
def test_a_run_until_decided_goes_on_where_it_was_and_never_past_its_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    text = TINY.read_text().replace("by=0.01", "by=0.001")
    Path("close.py").write_text(
        text.replace("(4, 32)", "(30, 32)").replace('"width": 4', '"width": 30')
    )
    base = ["run", "close.py", "--no-tuning", "--no-profile", "-q", "--until-decided"]
    assert execute([*base, "--max-seeds", "7"]) == 0
    verdicts = Path("runs/tiny-quick/verdicts.json")
    first = json.loads(verdicts.read_text())
    assert [look["seeds"] for look in first[0]["looks"]] == [5, 7]
    assert first[0]["word"] == "inconclusive"
    page = Path("runs/tiny-quick/report.html").read_text()
    for said in ("Each look at its own level", "looked at with 5, 7 seeds until decided", "(2.5"):
        assert said in page
    capsys.readouterr()
    for words in (["--max-seeds", "9"], []):
        assert execute([*base, *words]) == 2
        assert "this study was begun with --until-decided" in capsys.readouterr().err
    assert execute([*base[:-1], "--seeds", "9"]) == 2
    capsys.readouterr()
    assert execute([*base, "--max-seeds", "7"]) == 0
    assert json.loads(verdicts.read_text()) == first
    assert execute(["explain", "close.py", "1"]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert "inconclusive" in said
    assert "only look, with 5 seeds: inconclusive; 7 seeds: inconclusive." in " ".join(said.split())
    assert execute(["explain", "close.py", "2"]) == 2


COMMAND = "harness run close.py --scale quick --until-decided --max-seeds 20"
FIXED = Manifest(
    seeds=(0,), asked=(), looks=None, evaluations=None, tuned=False, command="", trials=(),
    tuning=(), programs={}, machine="", data=(), modes={},
)  # fmt: skip
DECIDING = replace(FIXED, looks=Looks((5, 10, 20), (0.01, 0.02, 0.02)), command=COMMAND)


@pytest.mark.parametrize(
    ("looks", "came"),
    [
        (None, "a run with 5 seeds and one look"),
        (Looks((5, 10)), "looks at 5 and 10 seeds"),
        (Looks((5, 10, 20)), "looks at 5, 10 and 20 seeds with other shares of α, 0.0166667,"),
    ],
)
def test_another_schedule_is_refused_with_the_command_that_goes_on(
    looks: Looks | None, came: str
) -> None:
    with pytest.raises(HarnessError) as caught:
        check_looks(DECIDING, looks, ["--out", "my runs"], 5)
    said = str(caught.value)
    assert said.startswith(
        "this study was begun with --until-decided, and must keep to its looks, at 5, 10 and 20 "
        "seeds: others, chosen after results were seen, would make its verdicts wrong more often "
        f"than they say; got {came}"
    )
    assert said.endswith(f". To go on: {COMMAND} --out 'my runs'")


def test_the_same_schedule_and_a_fixed_number_before_it_are_taken() -> None:
    check_looks(DECIDING, Looks((5, 10, 20), (0.01, 0.02, 0.02)), [], 20)
    check_looks(FIXED, Looks((5, 10)), [], 10)
    check_looks(None, None, [], 5)


def test_a_schedule_has_5_seeds_at_least() -> None:
    assert Looks().upto(5).seeds == (5,)
    with pytest.raises(HarnessError, match="at 5 seeds or more, like the first"):
        Looks().upto(4)


def test_a_study_asks_for_as_many_seeds_as_a_verdict_needs() -> None:
    assert FEWEST_SEEDS == FEWEST
    with pytest.raises(HarnessError, match="5 seeds at least"):
        replace(study(CLEAR), looks=Looks((2, 3)))


BACK_LOADED = Looks((5, 10, 20, 40), (0.001, 0.006, 0.015, 0.028))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Looks((10, 5)), "increase.*10, 5.*Looks"),
        (lambda: Looks((5, 5)), "increase"),
        (lambda: Looks(()), "increase"),
        (lambda: Looks((5, 7.5)), "whole numbers"),  # type: ignore[arg-type]
        (lambda: Looks((5, 10), (0.05,)), "one α for each look; got 1 for 2 looks"),
        (lambda: Looks((5,), (0.0,)), "between 0 and 1"),
        (lambda: Looks((5,), (1.0,)), "between 0 and 1"),
        (lambda: Looks((5,), (float("nan"),)), "between 0 and 1"),
        (lambda: Looks((5,), 0.05), "between 0 and 1"),  # type: ignore[arg-type]
        (lambda: replace(study(CLEAR), looks=Looks((5, 10), (0.6, 0.6))), "less than 1"),
        (lambda: replace(study(CLEAR), looks=(5, 10)), "must be Looks"),  # type: ignore[arg-type]
    ],
)
def test_a_schedule_that_cannot_be_is_refused(made: Callable[[], object], said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        made()


def test_a_shorter_or_longer_schedule_keeps_alpha_and_its_proportions() -> None:
    for most in (5, 7, 10, 20, 40, 80, 100):
        looks = BACK_LOADED.upto(most)
        assert looks.alpha == pytest.approx(0.05)
        assert looks.seeds[-1] == most
    assert BACK_LOADED.upto(40) == BACK_LOADED
    short = BACK_LOADED.upto(20)
    assert short.alphas == pytest.approx(tuple(x * 0.05 / 0.022 for x in (0.001, 0.006, 0.015)))
    assert BACK_LOADED.upto(100).seeds == (5, 10, 20, 40, 80, 100)


def test_a_study_is_looked_at_as_it_says() -> None:
    made = replace(study(CLEAR, OPEN), looks=BACK_LOADED)
    found = records(clear=5, base=5, noisy=5)
    assert Options(until_decided=True).looks(made) == BACK_LOADED
    assert Options(until_decided=True, max_seeds=10).looks(made) == BACK_LOADED.upto(10)
    assert Options().looks(made) is None
    # two claims at .001 each, so each interval is at 1 - .0005
    assert judge(made.declaration("quick"), found, BACK_LOADED)[0].seen.level == 1 - 0.001 / 2
    # where the number of seeds is fixed there is one look, at all of α
    strict = replace(study(CLEAR, OPEN), looks=Looks((5, 10), (0.005, 0.005)))
    assert judge(strict.declaration("quick"), found)[0].seen.level == 1 - 0.01 / 2
