"""Claims on cost: exact ratios, and times from rounds beside an arm that is measured twice."""

import json
import math
import sqlite3
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.data import digits
from harness.judging.adaptive import rounds_missing
from harness.judging.rounds import Costs, Round, timed_arms
from harness.judging.verdicts import judge
from harness.messages.errors import HarnessError
from harness.models import MLP
from harness.optim import SGD
from harness.planning.planner import StudyPlanner
from harness.running.costs import machine
from harness.running.executors import Options
from harness.running.progress import Silent
from harness.running.timing import measure_times
from harness.running.workers import Answer, Job
from harness.storing import notes
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.study.claims import Best, Equivalent, Higher, Interaction, NotWorse, Peak, Trend
from harness.study.factors import Factor
from harness.study.formatting import format_difference, format_interval
from harness.study.looks import Looks
from harness.study.metrics import COSTS
from harness.study.scales import Scale
from harness.training import Training
from harness.trials.profiles import Profile
from tests.conftest import TINY
from tests.test_verdicts import records, study

NEW, OLD = {"a": "new"}, {"a": "old"}
LOOKS = Looks().upto(20)
PROFILE = Profile(
    step_seconds=1e-3, step_low=1e-3, step_high=1e-3, blocks=5, samples_per_second=32e3,
    peak_bytes=1000, memory={}, flops_per_step=1000, parameters=1000, steps=100, samples=3200,
    device="cpu", hardware="made up", threads=1,
)  # fmt: skip


def exact(**parameters):
    """Costs of arms ``a=<name>``, by their number of parameters."""
    return Costs({f"a={name}": replace(PROFILE, parameters=n) for name, n in parameters.items()})


def timed(ratios, twins=None, samples=32):
    """Rounds in which a=new takes so many times as long as a=old, which is measured twice."""
    again = np.ones(len(ratios)) if twins is None else twins
    base = 1e-3 * (1 + 0.1 * np.sin(np.arange(len(ratios))))  # what a round shares
    return Costs(
        {},
        tuple(
            Round(
                {"a=old": float(s), "a=new": float(s * ratio)},
                {"a=old": 32, "a=new": samples},
                "a=old",
                float(s * twin),
            )
            for s, ratio, twin in zip(base, ratios, again, strict=True)
        ),
    )


def higher(metric="parameters", by=0.05, **changes):
    return Higher("New costs more.", metric=metric, by=by, higher=NEW, lower=OLD, **changes)


def word(claim, costs, *claims, looks=None):
    return judge(study(claim, *claims).declaration("quick"), [], looks, costs)[0]


# ---- exact costs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [(1100, "supported, material"), (1040, "real but negligible"), (1000, "equivalent"),
     (990, "reversed"), (500, "reversed")],
)  # fmt: skip
def test_an_exact_cost_is_judged_by_its_ratio_alone(parameters, expected):
    found = word(higher(), exact(old=1000, new=parameters))
    assert found.word == expected
    assert found.seen.exact
    assert found.seen.effect == found.seen.low == found.seen.high
    assert math.exp(found.seen.effect) == pytest.approx(parameters / 1000)
    assert math.isnan(found.seen.p)
    assert "×" in found.reason
    assert "seed" not in found.reason


@pytest.mark.parametrize(
    ("parameters", "expected"), [(1100, "refuted"), (1040, "supported"), (600, "supported")]
)
def test_not_worse_of_a_cost_forbids_more_and_not_less(parameters, expected):
    claim = NotWorse("New costs no more.", metric="parameters", by=0.05, arm=NEW, than=OLD)
    assert word(claim, exact(old=1000, new=parameters)).word == expected


@pytest.mark.parametrize(("parameters", "expected"), [(1000, "equivalent"), (1100, "refuted")])
def test_equivalent_costs(parameters, expected):
    claim = Equivalent("The same.", metric="parameters", by=0.05, first=NEW, second=OLD)
    assert word(claim, exact(old=1000, new=parameters)).word == expected


def test_margins_of_ratios_are_symmetric():
    claim = Equivalent("The same.", metric="parameters", by=0.25, first=NEW, second=OLD)
    inside, outside = exact(old=10_000, new=8001), exact(old=10_000, new=7999)
    assert word(claim, inside).word == "equivalent"  # 1 / 1.25 = .8
    assert word(claim, outside).word == "refuted"


@pytest.mark.parametrize("field", ["parameters", "flops_per_step", "peak_bytes"])
def test_each_exact_cost_is_read_from_the_profile(field):
    costs = Costs({"a=old": PROFILE, "a=new": replace(PROFILE, **{field: 3000})})
    for name in ("parameters", "flops_per_step", "peak_bytes"):
        expected = "supported, material" if name == field else "equivalent"
        assert word(higher(name), costs).word == expected


DOSES = (Factor("a", (1, 2, 4)), Factor("b", ("x", "y")))


def doses(**parameters):
    return Costs(
        {
            f"a={a}, b={b}": replace(PROFILE, parameters=n)
            for b, row in parameters.items()
            for a, n in zip((1, 2, 4), row, strict=True)
        }
    )


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (Trend("T.", "parameters", 0.5, over="a", axis="log"), math.log(4)),
        (Trend("T.", "parameters", 0.5, over="a", axis="log", where={"b": "x"}), math.log(4)),
        (Best("B.", "parameters", 0.5, best={"a": 4}), math.log(2)),
        (Best("B.", "parameters", 0.5, best={"a": 1}, lowest=True), math.log(2)),
        (Interaction("I.", "parameters", 0.5, of=({"a": 4}, {"a": 1}),
                     at=({"b": "x"}, {"b": "y"})), 0.0),
        (Higher("H.", "parameters", 0.5, higher={"b": "x"}, lower={"b": "y"}), math.log(10)),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)  # fmt: skip
def test_every_kind_of_claim_can_be_about_a_cost(claim, expected):
    costs = doses(x=(100, 200, 400), y=(10, 20, 40))
    (found,) = judge(study(claim, factors=DOSES).declaration("quick"), [], None, costs)
    assert found.seen.effect == pytest.approx(expected, abs=1e-12)
    assert found.word == ("supported, material" if expected else "equivalent")


def test_a_peak_of_a_cost():
    claim = Peak("P.", "parameters", 0.5, over="a", at=2, where={"b": "x"})
    (found,) = judge(
        study(claim, factors=DOSES).declaration("quick"),
        [],
        None,
        doses(x=(100, 200, 90), y=(1, 1, 1)),
    )
    assert (found.word, found.seen.effect) == ("supported, material", pytest.approx(math.log(2)))


def test_partial_arms_take_the_geometric_mean():
    claim = Higher("H.", "parameters", 0.05, higher={"a": 4}, lower={"a": 1})
    (found,) = judge(
        study(claim, factors=DOSES).declaration("quick"),
        [],
        None,
        doses(x=(100, 1, 400), y=(10, 1, 90)),
    )
    assert math.exp(found.seen.effect) == pytest.approx(math.sqrt(4 * 9))


def test_without_a_profile_nothing_is_assessed():
    for costs in (Costs(), Costs({"a=old": PROFILE}), exact(old=1000, new=0)):
        found = word(higher(), costs)
        assert found.word == "not assessable"
        assert "not measured" in found.reason
        assert "--no-profile" in found.change


def test_exact_costs_take_no_share_of_alpha():
    ramp = np.linspace(0, 1, 10)
    data = records(ramp + 2 + 0.1 * np.sin(9 * ramp), ramp)
    quality = Higher("Q.", "train_loss", 0.5, higher=NEW, lower=OLD)
    alone = judge(study(quality).declaration("quick"), data)[0]
    beside = judge(
        study(quality, higher(), higher("peak_bytes")).declaration("quick"), data, None, exact()
    )
    assert beside[0].seen.level == alone.seen.level == 0.95
    assert beside[0].p_adjusted == alone.p_adjusted
    two = judge(study(quality, higher("step_seconds")).declaration("quick"), data, None, exact())
    assert two[0].seen.level == 0.975


def test_an_exploratory_cost_is_a_lead():
    assert word(higher(primary=False), exact(old=1000, new=2000)).word == "suggestive"
    assert word(higher(primary=False), exact(old=1000, new=900)).word == "not suggestive"
    same = Equivalent("S.", "parameters", 0.05, first=NEW, second=OLD, primary=False)
    assert word(same, exact(old=1000, new=1000)).word == "suggestive"
    assert word(same, exact(old=1000, new=2000)).word == "not suggestive"


# ---- times --------------------------------------------------------------------------------------

RATIOS = np.array([1.21, 1.19, 1.2, 1.22, 1.18, 1.2])
TWINS = np.array([1.01, 0.99, 1.0, 1.005, 0.995, 1.0])


def test_times_are_compared_by_the_t_test_on_log_ratios():
    found = word(higher("step_seconds"), timed(RATIOS, TWINS))
    test = scipy_stats.ttest_1samp(np.log(RATIOS), 0)
    interval = test.confidence_interval(0.95)
    assert (found.seen.n, found.word) == (6, "supported, material")
    assert found.seen.effect == pytest.approx(np.log(RATIOS).mean())
    assert found.seen.p == pytest.approx(test.pvalue)
    assert (found.seen.low, found.seen.high) == pytest.approx((interval.low, interval.high))
    assert "Over 6 rounds the mean ratio is ×1.20" in found.reason
    same = scipy_stats.ttest_1samp(np.log(TWINS), 0).confidence_interval(0.95)
    assert found.seen.floor == pytest.approx(max(abs(same.low), abs(same.high)))


def test_samples_per_second_are_the_batch_over_the_time():
    """Twice the batch in 1.2 times the time: 1 / .6 times the samples in a second."""
    found = word(higher("samples_per_second"), timed(RATIOS, TWINS, samples=64))
    assert found.seen.effect == pytest.approx(math.log(2) - np.log(RATIOS).mean())
    assert found.seen.first[0] == pytest.approx(math.log(64 / (1e-3 * RATIOS[0])))


NOISY = np.array([1.2, 0.8, 1.1, 0.85, 1.3, 1.0])


@pytest.mark.parametrize(
    "claim",
    [
        higher("step_seconds"),
        Equivalent("S.", "step_seconds", 0.05, first=NEW, second=OLD),
        NotWorse("N.", "step_seconds", 0.05, arm=NEW, than=OLD),
    ],
    ids=lambda claim: claim.kind,
)
def test_below_what_the_machine_can_tell_nothing_is_decided(claim):
    """With steady twins the words differ; with twins as unsteady as these there is none."""
    ratios = 1.02 * TWINS
    assert word(claim, timed(ratios, TWINS)).word not in {"inconclusive", "not assessable"}
    found = word(claim, timed(ratios, NOISY))
    assert found.word == "inconclusive"
    assert found.seen.floor > 0.2
    assert "cannot tell such times apart" in found.reason
    assert found.more_seeds is None, "more rounds do not make a machine quieter"
    assert "quieter machine" in found.change


def test_beyond_what_the_machine_can_tell_the_word_stands():
    found = word(higher("step_seconds"), timed(3 * TWINS, NOISY))
    assert found.word == "supported, material"
    assert word(higher("step_seconds"), timed(TWINS / 3, NOISY)).word == "reversed"


def test_twins_that_differ_steadily_raise_the_floor_by_what_they_differ():
    found = word(higher("step_seconds"), timed(1.1 * TWINS, 1.1 * TWINS))
    assert found.seen.floor > math.log(1.1)
    assert found.word == "inconclusive"


def test_four_rounds_are_too_few_and_none_is_nothing():
    found = word(higher("step_seconds"), timed(RATIOS[:4]))
    assert (found.word, found.seen.n) == ("not assessable", 4)
    assert "Only 4 rounds of timing" in found.reason
    nothing = word(higher("step_seconds"), Costs())
    assert (nothing.word, nothing.seen.n) == ("not assessable", 0)
    assert "No round of timing" in nothing.reason


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.5, 2.0), min_size=5, max_size=12), st.floats(0.01, 100))
def test_the_unit_of_time_does_not_matter(ratios, factor):
    costs = timed(np.array(ratios), np.linspace(0.99, 1.01, len(ratios)))
    other = Costs(
        costs.profiles,
        tuple(
            replace(
                each,
                seconds={a: s * factor for a, s in each.seconds.items()},
                again=each.again * factor,
            )
            for each in costs.rounds
        ),
    )
    one, two = word(higher("step_seconds"), costs), word(higher("step_seconds"), other)
    assert two.seen.effect == pytest.approx(one.seen.effect, abs=1e-9)
    assert two.seen.floor == pytest.approx(one.seen.floor, abs=1e-9)


def missing(claim, costs, looks=LOOKS, fixed=5):
    return rounds_missing(study(claim).declaration("quick"), costs, looks, fixed)


def test_rounds_are_added_until_claims_on_time_are_decided():
    claim = higher("step_seconds")
    assert missing(claim, Costs()) == 5
    assert missing(claim, timed(np.resize(RATIOS, 5), np.resize(TWINS, 5))) <= 0
    unclear = timed(np.resize(NOISY, 5), np.resize(TWINS, 5))
    assert missing(claim, unclear) == 5
    assert missing(claim, timed(np.resize(NOISY, 20))) <= 0
    assert missing(higher("step_seconds", primary=False), unclear) <= 0
    assert missing(higher("parameters"), Costs()) <= 0
    assert missing(claim, unclear, looks=None, fixed=12) == 7


def test_rounds_that_lack_an_arm_are_none_of_a_claim_that_needs_it():
    """Ten rounds of two arms, then five with a third: the claim on it has five, the other 15."""
    factors = (Factor("a", ("old", "new", "other")),)
    old = timed(np.resize(RATIOS, 10), np.resize(TWINS, 10))
    more = tuple(
        replace(
            each, seconds={**each.seconds, "a=other": 1.2 * each.seconds["a=new"]},
            samples={**each.samples, "a=other": 32},
        )
        for each in timed(np.resize(RATIOS, 5), np.resize(TWINS, 5)).rounds
    )  # fmt: skip
    late = Higher("L.", "step_seconds", 0.05, higher={"a": "other"}, lower=OLD)
    made = study(higher("step_seconds"), late, factors=factors)
    assert rounds_missing(made.declaration("quick"), old, None, 5) == 5
    costs = Costs({}, old.rounds + more)
    assert rounds_missing(made.declaration("quick"), costs, None, 5) <= 0
    first, second = judge(made.declaration("quick"), [], None, costs)
    assert (first.seen.n, second.seen.n) == (15, 5)
    assert second.word == "supported, material"
    looked = judge(made.declaration("quick"), [], LOOKS, costs)
    assert [each.seen.n for each in looked] == [5, 5]


@pytest.mark.parametrize("by", [0.05, 0.25, 1.0])
def test_an_exact_cost_at_the_margin_is_at_it_whatever_the_size(by):
    """Logarithms of whole numbers round either way; a doubling is a doubling."""
    costs_of_sizes = [exact(old=20 * n, new=round(20 * n * (1 + by))) for n in range(1, 400)]
    assert {word(higher(by=by), each).word for each in costs_of_sizes} == {"supported"}
    fine = NotWorse("N.", "parameters", by, arm=NEW, than=OLD)
    assert {word(fine, each).word for each in costs_of_sizes} == {"direction only"}


def test_a_step_that_falls_is_told_of_an_exact_trend():
    claim = Trend("T.", "parameters", 0.05, over="a", axis="log", where={"b": "x"})
    (found,) = judge(
        study(claim, factors=DOSES).declaration("quick"),
        [],
        None,
        doses(x=(100, 50, 400), y=(1, 1, 1)),
    )
    assert found.word == "refuted"
    assert "From one dose to the next it falls" in found.reason


def test_an_interaction_of_times_may_be_off_by_both_twins():
    factors = (Factor("a", ("old", "new")), Factor("b", ("x", "y")))
    names = [arm.name for arm in study(higher("parameters"), factors=factors).arms("quick")]
    rounds = tuple(
        Round(dict.fromkeys(names, 1.0), dict.fromkeys(names, 1), names[0], float(twin))
        for twin in TWINS
    )
    crossed = Interaction("I.", "step_seconds", 0.05, of=(NEW, OLD), at=({"b": "x"}, {"b": "y"}))
    plain = Higher("H.", "step_seconds", 0.05, higher=NEW, lower=OLD)
    one, two = judge(
        study(crossed, plain, factors=factors).declaration("quick"), [], None, Costs({}, rounds)
    )
    assert one.seen.floor == pytest.approx(2 * two.seen.floor)


def test_a_time_is_judged_at_the_look_that_decided_it():
    ratios = np.concatenate([np.resize(RATIOS, 5), np.resize(1 / RATIOS, 15)])
    found = word(higher("step_seconds"), timed(ratios), looks=LOOKS)
    assert (found.word, found.seen.n, len(found.looks)) == ("supported, material", 5, 1)


def test_only_arms_of_claims_on_time_are_timed():
    factors = (Factor("a", ("old", "new", "other")), Factor("b", (1, 2)))
    made = study(
        Higher("H.", "step_seconds", 0.05, higher={"a": "new", "b": 1}, lower={"a": "old", "b": 1}),
        Higher("P.", "parameters", 0.05, higher={"a": "other"}, lower={"a": "old"}),
        factors=factors,
    )
    assert [arm.name for arm in timed_arms(made.declaration("quick"))] == [
        "a=old, b=1",
        "a=new, b=1",
    ]


# ---- how rounds are taken -----------------------------------------------------------------------


class Clock:
    """Processes that take a step as long as it is the how manieth to be asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def start(self) -> "Clocked":
        return Clocked(self)

    def answer(self, job: Job) -> Answer:
        if job.kind != "time":
            return Answer()
        self.asked.append(job.trials[0].arm.removeprefix("a="))
        return Answer(seconds=float(len(self.asked)))


class Clocked:
    """One of these processes."""

    told = None

    def __init__(self, clock: Clock) -> None:
        self.clock, self.jobs = clock, 0

    def submit(self, job: Job) -> Future[Answer]:
        future: Future[Answer] = Future()
        self.jobs += job.kind == "time"
        assert self.jobs <= 1, "a process gives one number"
        future.set_result(self.clock.answer(job))
        return future

    def stop(self) -> None:
        """Nothing goes on in the background."""


def trained(scale, a):
    return Training(digits(), MLP(), SGD(lr=0.1), batch_size=32, epochs=1)


def take(folder, clock, *arms):
    """Take rounds of so many arms, five of each; return the ledger that they are kept in."""
    claims = [
        Higher(f"{arm}.", "step_seconds", 0.05, higher={"a": arm}, lower={"a": arms[0]})
        for arm in arms[1:]
    ]
    made = replace(
        study(*claims, factors=(Factor("a", arms),)), build=trained,
        scales={"quick": Scale(seeds=5)},
    )  # fmt: skip
    ledger = Ledger(open_store(str(folder / "x.db")), made, "quick")
    planner = StudyPlanner(made, "quick", None, tune=False)
    measure_times(ledger, planner, clock.start, Options(), Silent())
    return ledger


def test_rounds_go_through_the_arms_back_and_forth(tmp_path):
    clock = Clock()
    ledger = take(tmp_path, clock, "one", "two")
    assert clock.asked == 5 * ["one", "two", "one"]
    where = machine(Options())
    assert list(notes.rounds(ledger)) == [where]
    kept = notes.rounds(ledger)[where]
    assert list(kept) == [*range(5)]
    seconds = [
        [taken.arms[f"a={arm}"].seconds for arm in ("one", "two")] for taken in kept.values()
    ]
    # A B (A) and (A) B A: beside each other, and the other way round
    assert seconds[:2] == [[1, 2], [6, 5]]
    assert {taken.twin for taken in kept.values()} == {"a=one"}
    assert [taken.again for taken in kept.values()][:2] == [3, 4]
    samples = {arm.samples for taken in kept.values() for arm in taken.arms.values()}
    assert samples == {32}


def test_rounds_of_three_arms_go_there_and_back(tmp_path):
    clock = Clock()
    take(tmp_path, clock, "one", "two", "three")
    there = ["one", "two", "three", "one"]
    assert clock.asked == 2 * (there + there[::-1]) + there


def test_a_step_that_cannot_be_timed_says_why(tmp_path):
    class Lame(Clock):
        def answer(self, job):
            return Answer(reason="no clock here" if job.kind == "time" else "")

    ledger = take(tmp_path, Lame(), "one", "two")
    assert notes.rounds(ledger) == {}
    kept = notes.untimed(ledger, machine(Options()))
    assert kept is not None
    assert kept.reason == "arm a=one: no clock here"


def test_a_mistake_in_an_arm_is_told(tmp_path):
    class Wrong(Clock):
        def answer(self, job):
            return Answer(reason="lr must be above 0", mistake=True, place="arm one")

    with pytest.raises(HarnessError, match="lr must be above 0"):
        take(tmp_path, Wrong(), "one", "two")


@pytest.mark.parametrize(("ratio", "shown"), [
    (1.07, "×1.070"), (1.5, "×1.50"), (0.5, "×0.50"), (1, "×1"), (123.4, "×123"),
    (1e-4, "×1.00e-04"), (0.0149, "×0.015"), (0.9999, "×0.999900"), (2e6, "×2.00e+06"),
])  # fmt: skip
def test_ratios_are_printed_as_ratios(ratio, shown):
    assert format_difference(COSTS["step_seconds"], math.log(ratio)) == shown


def test_both_ends_of_an_interval_of_ratios_have_the_same_decimals():
    metric = COSTS["step_seconds"]
    assert format_interval(metric, math.log(1.04), math.log(1.3)) == "[×1.040, ×1.300]"
    assert format_interval(metric, math.log(0.5), math.log(1.3)) == "[×0.50, ×1.30]"


# ---- as a whole ---------------------------------------------------------------------------------


WIDE = """
        Higher(
            "1024 hidden units take longer than 4.",
            metric="step_seconds", higher={"width": 1024}, lower={"width": 4}, by=0.05,
        ),
        Higher(
            "1024 hidden units have more parameters than 4.",
            metric="parameters", higher={"width": 1024}, lower={"width": 4}, by=0.05,
        ),
    ),
)
"""


def texts(store, prefix):
    with sqlite3.connect(store) as connection:
        query = "SELECT key, value_json FROM study_user_attributes WHERE key LIKE ?"
        return dict(connection.execute(query, (f"{prefix}%",)))


@pytest.mark.slow
def test_a_study_times_its_arms_side_by_side_and_only_once(command, tmp_path):
    text = TINY.read_text().replace("(4, 32)", "(4, 1024)").replace('"width": 32', '"width": 1024')
    text = text[: text.rindex("    ),\n)")] + WIDE.lstrip("\n")
    (tmp_path / "wide.py").write_text(text)
    words = ("run", "wide.py", "--no-tuning", "--seeds", "2", "-q")
    command(*words)
    store = tmp_path / "runs" / "harness.db"
    taken = texts(store, notes.ROUND)
    assert len(taken) == 5, "as many rounds as seeds, and five at least"
    folder = tmp_path / "runs" / "tiny-quick"
    accuracy, time, size = json.loads((folder / "verdicts.json").read_text())
    assert accuracy["word"] == "not assessable"
    assert (time["n"], time["unit"]) == (5, "ratio")
    assert time["effect"] > 1
    assert (size["word"], size["n"]) == ("supported, material", 1)
    # 64 inputs and 10 classes, each with a bias a unit
    assert size["effect"] == pytest.approx((64 * 1024 + 1024 + 10250) / (64 * 4 + 4 + 50))
    command(*words)
    assert texts(store, notes.ROUND) == taken
    page = (folder / "report.html").read_text()
    assert "rounds" in page
    said = command("explain", "wide.py", "2").stdout
    assert "Over 5 rounds the mean ratio is ×" in " ".join(said.split())
    # what the arms train has changed: earlier rounds tell nothing of it
    (tmp_path / "wide.py").write_text(text.replace("batch_size=20", "batch_size=25"))
    command(*words)
    assert len(texts(store, notes.ROUND)) == 10
    assert json.loads((folder / "verdicts.json").read_text())[1]["n"] == 5
