"""Data in folds: what is drawn, what a plan says of it, how claims are judged, what is refused."""

import csv
import itertools
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness import Ensemble, HarnessError, Scale, Sooner, Study, Training
from harness.commands.cli import execute
from harness.commands.tables import word
from harness.compared.effects import arm_effects, metrics_of, with_interval
from harness.compared.sides import Side, belonging
from harness.data import MNIST, Images, arrays, digits
from harness.data.stratified import deal
from harness.identity.canonical import canonical
from harness.judging.more import more_text
from harness.judging.verdicts import judge
from harness.models import MLP
from harness.optim import SGD
from harness.planning.datasets import facts_of, told
from harness.planning.folding import folds_of
from harness.planning.planner import StudyPlanner
from harness.running.graded import graded_by_seed
from harness.stats import located, more_seeds, paired, t_interval
from harness.study.claims import Claim
from harness.study.folds import Folds
from harness.tasks import Distillation
from tests import declaring
from tests.declaring import higher, opened, report, run
from tests.test_compare_command import Unprinted
from tests.test_imported import rows, table, taken

DRAW = np.random.default_rng(0)
INPUTS = DRAW.normal(size=(103, 4))
CLASSES = np.repeat([0, 1, 2], [60, 30, 13])
MEASURED = DRAW.normal(size=(103, 2))


def folded(folds: int | None, targets: Any = CLASSES, **options: Any) -> Any:
    return arrays(INPUTS, targets, "mine", folds=folds, **options)


def rows_of(part: Any) -> list[int]:
    return [int(row) for row in part.rows]


# ---- what is drawn -------------------------------------------------------------------------------


@pytest.mark.parametrize("folds", [2, 5, 13])
@pytest.mark.parametrize("targets", [CLASSES, MEASURED], ids=["classes", "quantities"])
def test_the_folds_of_a_repetition_share_no_example_and_are_all_of_the_data(
    folds: int, targets: np.ndarray
) -> None:
    data = folded(folds, targets)
    for repetition in range(3):
        seeds = range(repetition * folds, (repetition + 1) * folds)
        splits = [data.splits(seed) for seed in seeds]
        tested = [row for each in splits for row in rows_of(each.test)]
        assert sorted(tested) == list(range(103))
        assert len({len(each.train) for each in splits}) == 1, "all train on as many"
        assert len({len(each.validation) for each in splits}) == 1
        for each in splits:
            parts = [rows_of(part) for part in (each.train, each.validation, each.test)]
            held = [row for part in parts for row in part]
            assert len(set(held)) == len(held), "no example is in two parts"


def test_each_fold_has_every_class_in_proportion_to_within_one() -> None:
    for seed in range(10):
        held = np.bincount(CLASSES[rows_of(folded(5).splits(seed).test)], minlength=3)
        assert (np.abs(held - np.array([60, 30, 13]) / 5) < 1).all()


def test_a_new_repetition_is_a_new_partition_and_a_seed_always_gives_the_same() -> None:
    data = folded(5)
    tested = [frozenset(rows_of(data.splits(seed).test)) for seed in range(15)]
    assert len(set(tested)) == 15
    assert tested[7] == frozenset(rows_of(folded(5, train=20).splits(7).test))
    assert rows_of(data.splits(7).train) == rows_of(folded(5).splits(7).train)


def test_every_example_is_as_likely_to_be_in_a_fold_as_any_other() -> None:
    labels = np.array([0] * 7 + [1] * 5)
    first = np.mean([deal(labels, 4, seed) == 0 for seed in range(4000)], axis=0)
    assert np.abs(first - 1 / 4).max() < 4 * math.sqrt(3 / 16 / 4000)


def test_without_folds_a_data_set_is_written_and_drawn_as_before() -> None:
    assert canonical(digits()) == {"type": "Digits"}
    assert canonical(digits(train=300)) == {"type": "Digits", "train": 300}
    assert canonical(MNIST()) == {"type": "MNIST"}
    inputs, targets = np.arange(24.0).reshape(12, 2), np.arange(12) % 3
    # worked out before there were folds
    assert arrays(inputs, targets, "m").fingerprint()[:16] == "377ba511c2df8f7c"
    assert rows_of(digits().splits(3).test)[:5] == [40, 598, 1650, 129, 10]
    assert canonical(folded(5)) != canonical(folded(None)) != canonical(folded(4))


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: folded(1), r"folds=\.\.\.\) must be a whole number of at least 2; got 1\."),
        (lambda: folded(2.5), r"at least 2; got 2\.5\."),
        (lambda: digits(folds=True), r"at least 2; got True\."),
        (lambda: digits(folds=5, test=100), r"folds= or test=, not both.*folds=5, test=100"),
        (lambda: folded(5, test=20), "not both"),
        (lambda: Images(folder="x", folds=3, test=4), "not both"),
        (lambda: MNIST(folds=5), r"official test set.*got MNIST\(folds=5\)"),
        (lambda: folded(5, test=(INPUTS, CLASSES)), "official test set"),
        (lambda: folded(14).splits(0), r"14 folds, and 13 examples of class 2\. Write folds=13"),
        (lambda: folded(14).facts(), "14 folds, and 13 examples of class 2"),
        (lambda: folded(104, MEASURED).splits(0), "104 folds, and 103 examples"),
        (lambda: folded(103, MEASURED, train=102).facts(), r"train=\.\.\.\) must be"),
    ],
)
def test_folds_that_cannot_be_are_told_in_one_line(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(HarnessError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def test_a_folder_with_a_test_part_is_not_folded(tmp_path: Path) -> None:
    from PIL import Image

    for part, name, count in itertools.product(("train", "test"), "ab", range(3)):
        at = tmp_path / part / name
        at.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (count, 0, 0)).save(at / f"{count}.png")
    with pytest.raises(HarnessError, match="official test set"):
        Images(folder=str(tmp_path), folds=2).facts()
    whole = Images(folder=str(tmp_path / "train"), folds=3, validation=2)
    assert len(whole.splits(0).test) == 2
    assert whole.fingerprint() != replace(whole, folds=2).fingerprint()


# ---- what is said of it --------------------------------------------------------------------------


def test_a_plan_names_the_folds() -> None:
    facts = facts_of(folded(5))
    assert facts is not None
    assert facts.plain_values()["folds"] == 5
    assert "folds" not in folded(None).facts().plain_values()
    assert (
        "66 for training, 16 for validation, 20 or 21 for testing; 5-fold cross-validation: every "
        "5 seeds take the folds of a new partition as test sets" in told(facts)
    )


# ---- statistics ----------------------------------------------------------------------------------

VALUES = np.array([0.3, 0.1, 0.5, 0.2, 0.45, 0.0, 0.25, 0.35, 0.15, 0.4])


def test_an_interval_of_overlapping_values_is_the_corrected_resampled_t() -> None:
    n, overlap, nothing = len(VALUES), 0.125, np.zeros(10)
    error = VALUES.std(ddof=1) * math.sqrt(1 / n + overlap)
    reach = stats.t.ppf(0.975, n - 1) * error
    p = 2 * stats.t.sf(VALUES.mean() / error, n - 1)
    place = located(VALUES, nothing, overlap=overlap)
    assert place.kind == "varied"
    assert place.ends(0.95) == pytest.approx((VALUES.mean() - reach, VALUES.mean() + reach))
    assert place.p() == pytest.approx(p)
    found = paired(VALUES, nothing, 0.95, place=place)
    assert (found.low, found.high, found.p, found.p_t) == pytest.approx((*place.ends(0.95), p, p))
    described = t_interval(VALUES, 0.95, overlap)
    assert (float(described.low), float(described.high)) == pytest.approx(place.ends(0.95))
    assert float(described.p) == pytest.approx(p)


@pytest.mark.parametrize("values", [VALUES, [0.2] * 10, [0.2] * 8 + [0.3, 0.1]],
                         ids=["varied", "constant", "tied"])  # fmt: skip
def test_overlap_only_widens_and_more_seeds_help_only_so_far(values: Any) -> None:
    nothing = np.zeros(10)
    free = located(values, nothing, reach=1.0)
    same = located(values, nothing, reach=1.0, overlap=0.0)
    folds = located(values, nothing, reach=1.0, overlap=0.125)
    assert same == free
    assert same.ends(0.95) == free.ends(0.95)
    assert max(folds.reaches(0.05)) > max(free.reaches(0.05))
    assert folds.p() > free.p()
    assert folds.p() == pytest.approx(2 * folds.p_above(0.0))
    assert folds.ends(1 - folds.p())[0] == pytest.approx(0, abs=1e-9), "p is where the end is at 0"
    assert max(free.reaches(0.05, 10**8)) < 1e-3
    assert max(folds.reaches(0.05, 10**8)) > 1e-2
    assert not more_seeds([folds], 0.001, 0.05, 100).within(10)


def test_constant_differences_on_folds_count_as_so_many_independent_ones() -> None:
    """(1 - share)^n' = α, with n' = n / (1 + n overlap)."""
    share = located([0.0] * 10, [0.0] * 10, reach=1.0, overlap=0.125).share(0.05)
    assert (1 - share) ** (10 / (1 + 10 * 0.125)) == pytest.approx(0.05)


def test_the_overlap_is_of_the_sizes_that_are_trained_and_held_out() -> None:
    assert Folds(10, train=80, validation=5, test=10).overlap == 0.125
    assert Folds(10, train=80, validation=20, test=10).overlap == 0.25


# ---- studies -------------------------------------------------------------------------------------


def study(*claims: Claim, data: Any = None, lr: float = 0.1, **changes: Any) -> Study:
    def build(scale: Scale, width: int) -> Training:
        own = data(width) if callable(data) else data or digits(folds=5)
        return Training(
            data=own, model=MLP(hidden=(width,)), optimizer=SGD(lr=lr), batch_size=20, epochs=2
        )

    return declaring.study(*claims, build=build, **changes)


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let made-up results differ by chance, too."""
    plain = declaring.accuracy
    monkeypatch.setattr(
        "tests.declaring.accuracy",
        lambda trial: plain(trial) + int(trial.key[:4], 16) / 65536 / 20,
    )


def test_a_verdict_on_folds_has_the_wider_interval_and_no_permutation_test(
    tmp_path: Path, noisy: None
) -> None:
    declared = study(higher(), scales={"quick": Scale(seeds=10)})
    results = report(opened(tmp_path), declared) if run(opened(tmp_path), declared) else None
    assert results is not None
    folds = results.declaration.folds
    assert folds == Folds(5, train=1077, validation=360, test=360)
    (verdict,) = results.verdicts
    (usual,) = judge(replace(results.declaration, folds=None), results.records, seeds=10)
    assert verdict.seen.effect == usual.seen.effect
    width, narrow = (each.seen.high - each.seen.low for each in (verdict, usual))
    assert width / narrow == pytest.approx(math.sqrt(1 + 10 * folds.overlap))
    assert math.isnan(verdict.seen.p_permutation)
    assert not math.isnan(usual.seen.p_permutation)
    assert verdict.seen.p > usual.seen.p
    own = {each.group: each for each in results.summaries if each.metric == "test_accuracy"}
    values = [each.metrics["test_accuracy"] for each in results.records if each.arm == "width=4"]
    assert own["width=4"].high == pytest.approx(float(t_interval(values, 0.95, folds.overlap).high))


def test_what_is_kept_of_a_study_without_folds_says_nothing_of_them() -> None:
    planner = StudyPlanner(declaring.study(), "quick", None, tune=False)
    assert planner.declaration.folds is None
    assert "folds" not in planner.declaration.plain
    assert planner.declaration == declaring.study().declaration("quick")
    kept = StudyPlanner(study(), "quick", None, tune=False).declaration
    assert kept.of(json.loads(json.dumps(kept.plain))) == kept
    assert kept.folds is not None


def test_of_arms_with_other_sizes_the_widest_interval_counts() -> None:
    sizes = study(data=lambda width: digits(folds=5, train=10 * width))
    declared = StudyPlanner(sizes, "quick", None, tune=False).declaration
    assert declared.folds == Folds(5, train=40, validation=360, test=360)


REFUSED = {
    "failed": (higher(metric="failed"), "must compare means"),
    "sooner": (
        Sooner("64 is sooner.", metric="validation_accuracy", reaches=0.9, by=0.2,
               sooner={"width": 64}, later={"width": 4}),
        "must compare means",
    ),
    "train": (higher(metric="train_loss"), "taken on test or validation examples"),
    "weights": (higher(metric="weight_norm"), "'64 beats 4.' on weight_norm"),
    "exploratory": (higher(metric="generalisation_gap", primary=False), "generalisation_gap"),
}  # fmt: skip


@pytest.mark.parametrize(("claim", "said"), REFUSED.values(), ids=REFUSED)
def test_claims_that_have_no_correction_are_refused_before_anything_is_trained(
    claim: Claim, said: str
) -> None:
    planner = StudyPlanner(study(claim), "quick", None, tune=False)
    with pytest.raises(HarnessError, match=said) as error:
        planner.outlook({})
    assert "5-fold cross-validation" in str(error.value)
    assert StudyPlanner(declaring.study(claim), "quick", None, tune=False).outlook({}).planned


def test_a_claim_that_was_added_after_the_run_is_refused_when_it_is_judged(
    tmp_path: Path,
) -> None:
    run(opened(tmp_path), study(higher()))
    with pytest.raises(HarnessError, match="must compare means"):
        report(opened(tmp_path), study(higher(metric="failed")))


def test_claims_on_costs_know_no_folds() -> None:
    planner = StudyPlanner(study(higher(metric="parameters")), "quick", None, tune=False)
    assert planner.outlook({}).planned


def test_arms_and_teachers_must_have_the_same_folds() -> None:
    mixed = study(data=lambda width: digits(folds=5 if width > 4 else None))
    with pytest.raises(HarnessError, match="folds=5 and no folds"):
        StudyPlanner(mixed, "quick", None, tune=False).outlook({})

    def build(scale: Scale, width: int) -> Training:
        teacher = Training(data=digits(folds=4), model=MLP(hidden=(4,)), optimizer=SGD(lr=0.1),
                           batch_size=20, epochs=1)  # fmt: skip
        return replace(teacher, data=digits(folds=5), loss=Distillation(teacher))

    taught = declaring.study(build=build)
    with pytest.raises(HarnessError, match="folds=4 and folds=5"):
        StudyPlanner(taught, "quick", None, tune=False).outlook({})


def sides(folder: Path, *studies: Study) -> list[Side]:
    out = []
    for place, each in enumerate(studies):
        store = opened(folder / str(place)) if (folder / str(place)).mkdir() is None else None
        assert store is not None
        run(store, each)
        out.append(Side("AB"[place], str(place), report(store, each)))
    return out


def test_two_runs_on_the_same_folds_are_compared_by_seed_with_the_wider_interval(
    tmp_path: Path, noisy: None
) -> None:
    base, other = sides(tmp_path, study(), study(lr=0.3))
    mine = belonging("width=4", base, other)
    assert (mine.way, mine.why) == ("paired", "by seed, on the same data")
    metrics, _ = metrics_of(base, other)
    effects = [with_interval(each, 0.95) for each in arm_effects([mine], metrics)]
    usual = [with_interval(each, 0.95)
             for each in arm_effects([replace(mine, overlap=0.0)], metrics)]  # fmt: skip
    for wide, narrow in zip(effects, usual, strict=True):
        assert wide.seen is not None
        assert narrow.seen is not None
        ratio = (wide.seen.high - wide.seen.low) / (narrow.seen.high - narrow.seen.low)
        assert ratio == pytest.approx(math.sqrt(1 + 5 * 360 / 1077))


def test_two_runs_on_other_folds_are_not_compared_as_independent_samples(tmp_path: Path) -> None:
    base, other = sides(tmp_path, study(), study(data=digits(folds=4)))
    mine = belonging("width=4", base, other)
    assert mine.way == "apart"
    assert mine.why == "folds of data are no independent samples, and the data differ"
    metrics, _ = metrics_of(base, other)
    for each in arm_effects([mine], metrics):
        assert (each.samples, each.finding, each.why) == (None, "not compared", mine.why)


def test_results_of_others_by_fold_are_refused(tmp_path: Path) -> None:
    found = rows()
    for name in ("fold", "cv_fold", "config.fold_id", "Fold"):
        by_fold = [{**row, name: row["seed"] % 3} for row in found]
        with pytest.raises(HarnessError, match=rf"a column {re.escape(name)} with 3 values"):
            taken(table(tmp_path / "r.csv", by_fold))
    renamed = [{**row, "fold": row["seed"]} for row in found]
    for row in renamed:
        del row["seed"]
    with pytest.raises(HarnessError, match="folds of one data set share most"):
        taken(table(tmp_path / "r.csv", renamed), seed="fold")
    # a number of folds that is the same in all runs is a setting, and a manifold is no fold
    assert taken(table(tmp_path / "r.csv", [{**row, "config.folds": 10, "manifold": row["seed"]}
                                            for row in found])).records  # fmt: skip
    assert taken(table(tmp_path / "r.csv", [{**row, "fold": 1} for row in found])).records


FILE = '''"""Does width matter?"""
import numpy
from harness import Factor, Higher, Scale, Study, Training
from harness.data import arrays
from harness.models import MLP
from harness.optim import SGD

TARGETS = numpy.arange(60) % 2
INPUTS = numpy.random.default_rng(0).normal(size=(60, 6)) + numpy.eye(6)[TARGETS] * 2


def build(scale: Scale, width: int) -> Training:
    return Training(
        data=arrays(INPUTS, TARGETS, "blobs", folds=5), model=MLP(hidden=(width,)),
        optimizer=SGD(lr=0.1), batch_size=16, epochs=3,
    )


study = Study(
    name="folded", question="Does width matter?", build=build, factors=(Factor("width", (1, 16)),),
    scales={"quick": Scale(seeds=5)},
    claims=(Higher("16 beats 1.", metric="test_loss", higher={"width": 1}, lower={"width": 16},
                   by=0.05),),
)
'''


def test_a_gate_refuses_folds(here: Path) -> None:
    (here / "own.py").write_text(FILE, encoding="utf-8")
    with pytest.raises(HarnessError, match="--quality must have independent seeds"):
        graded_by_seed("own.py", None, None, seeds=1, device="cpu", folder=here / "t")


def test_a_study_on_folds_is_run_to_a_verdict_and_its_report_says_how_it_was_judged(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.reports.Printing", lambda **_: Unprinted())
    (here / "own.py").write_text(FILE, encoding="utf-8")
    assert execute(["run", "own.py", "--no-profile", "--workers", "1", "--quiet"]) == 0
    folder = here / "runs" / "folded-quick"
    (said,) = json.loads((folder / "verdicts.json").read_text("utf-8"))
    overlap = 12 / 39  # of 60 examples 12 are tested on and 9 validated on
    by_seed: dict[str, list[float]] = {}
    with (folder / "records.csv").open(encoding="utf-8") as file:
        for record in csv.DictReader(file):
            by_seed.setdefault(record["width"], []).append(float(record["metric_test_loss"]))
    found = np.subtract(by_seed["1"], by_seed["16"])
    assert said["n"] == 5
    assert said["effect"] == pytest.approx(found.mean())
    least = stats.t.ppf(0.975, 4) * found.std(ddof=1) * math.sqrt(1 / 5 + overlap)
    assert said["effect"] - said["low"] >= least * (1 - 1e-6)  # more where they are skewed
    assert any("folds of one data set" in each for each in said["cautions"])
    page = re.sub("<[^>]+>", " ", (folder / "report.html").read_text("utf-8"))
    text = re.sub(r"\s+", " ", page)
    assert "5-fold cross-validation: every 5 seeds take the folds of a new partition" in text
    assert "1 repetition of 5 folds" in text
    assert f"corrected resampled t; here n_test/n_train is {overlap:.3g}" in text
    assert "not computed: folds cannot be exchanged" in text
    # judged again from what is kept, without the file
    (here / "own.py").unlink()
    assert execute(["report", "folded", "--quiet"]) == 0
    assert json.loads((folder / "verdicts.json").read_text("utf-8"))[0]["low"] == said["low"]


# ---- data of one's own kind, and what else folds meet --------------------------------------------


@dataclass(frozen=True)
class Around:
    """A data set of one's own around a declared one."""

    data: Any

    def splits(self, seed: int) -> Any:
        return self.data.splits(seed)


def test_folds_within_data_of_ones_own_kind_are_found() -> None:
    inside = StudyPlanner(study(data=Around(digits(folds=5))), "quick", None, tune=False)
    plain = StudyPlanner(study(), "quick", None, tune=False)
    assert inside.declaration.folds == plain.declaration.folds
    assert plain.declaration.folds is not None


def test_an_ensemble_of_a_training_on_folds_has_its_folds() -> None:
    one = Training(data=digits(folds=5), model=MLP(hidden=(4,)), optimizer=SGD(lr=0.1),
                   batch_size=20, epochs=1)  # fmt: skip
    for bootstrap in (False, True):
        assert folds_of([Ensemble(of=one, members=3, bootstrap=bootstrap)]) == folds_of([one])
    assert folds_of([one]) is not None


def test_a_verdict_on_folds_is_not_called_skewed_unless_it_is(tmp_path: Path, noisy: None) -> None:
    declared = study(higher(), scales={"quick": Scale(seeds=10)})
    run(opened(tmp_path), declared)
    (verdict,) = report(opened(tmp_path), declared).verdicts
    assert any("folds of one data set" in each for each in verdict.cautions)
    assert not verdict.skewed
    assert "skewed" not in word(verdict)
    far = replace(verdict, seen=replace(verdict.seen, kind="varied", skew=9.0))
    assert "⚠ skewed" in word(far)


def test_where_the_hardest_case_is_never_told_no_number_is_given() -> None:
    place = located(np.random.default_rng(0).normal(size=10) * 0.1 + 0.02, np.zeros(10),
                    overlap=0.125)  # fmt: skip
    more = more_seeds([place], 0.05, 0.05, 100)
    assert more.within(10)
    assert more.high is None
    assert more_text(more) == f"{more.low} (in the hardest case no number is enough)"
    assert more_seeds([replace(place, overlap=0.0)], 0.05, 0.05, 100).high is not None


def test_a_pruner_that_compares_over_seeds_is_refused_on_folds() -> None:
    folds = Folds(5, train=80, validation=10, test=20)
    folds.check_pruner("median")
    with pytest.raises(HarnessError, match="pruner='wilcoxon' with 5-fold"):
        folds.check_pruner("wilcoxon")


def test_digits_have_folds_or_a_test_size_and_not_both() -> None:
    with pytest.raises(HarnessError, match="not both"):
        digits(folds=5, test=400)
    assert replace(digits(), folds=5) == digits(folds=5)
    assert canonical(digits(test=400)) == canonical(digits())


def test_means_on_folds_have_intervals_only_of_what_is_held_out(
    tmp_path: Path, noisy: None
) -> None:
    run(opened(tmp_path), study(higher()))
    found = report(opened(tmp_path), study(higher())).summaries
    known = {each.metric for each in found if math.isfinite(each.low)}
    assert "test_accuracy" in known
    assert all(name.startswith(("test_", "validation_")) or name in COSTS for name in known)


COSTS = {"parameters", "flops", "macs", "steps", "samples"}
