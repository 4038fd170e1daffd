"""Every study that ships with the harness: declared in full, and every arm trains in every mode."""

from __future__ import annotations

import ast
import importlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from harness.commands.cli import execute
from harness.engines.modes import Mode
from harness.identity.canonical import canonical
from harness.judging.pairing import evaluations, groups_of, pair
from harness.judging.results import assemble
from harness.judging.rounds import Costs
from harness.measures import measured
from harness.models import Start
from harness.planning.planner import StudyPlanner
from harness.reports.render import render_html
from harness.running.find import built_in
from harness.study.claims import Interaction, Peak, Trend
from harness.study.designs import Arm
from harness.study.metrics import COSTS, FAILED
from harness.study.study import Study
from harness.tasks.losses import Distillation
from harness.trainer.train import Request, TrainingResult, train_together
from harness.training import Training
from harness.trials.manifest import Manifest
from harness.trials.records import Record
from harness.trials.trial import defaults, make_trial

CPU = torch.device("cpu")
NAMES = built_in()
TRAINED = {
    "optimizer_batch_size", "init_activation", "dropout_bn_order", "weight_penalties",
    "augmentation_strength", "residual_depth", "distillation_temperature", "autoencoders",
    "recurrent_clipping", "gan_modes", "transfer_learning", "segmentation_skips",
}  # fmt: skip
"""Those whose networks the harness itself trains."""

OTHERS = {"search_strategies"}
"""Those with a function of their own: tests/test_strategies.py."""

EACH = pytest.mark.parametrize("name", NAMES)
EACH_TRAINED = pytest.mark.parametrize("name", sorted(TRAINED))


@cache
def load(name: str) -> Study:
    study: Study = importlib.import_module(f"harness.studies.{name}").study
    return study


def trainings(study: Study, scale: str) -> Iterator[tuple[Arm, Training]]:
    for arm in study.arms(scale):
        trial = make_trial(study, scale, arm, 0, "evaluate", defaults(study))
        yield arm, trial.training


def test_all_are_there() -> None:
    assert set(NAMES) == TRAINED | OTHERS
    assert {name for name in NAMES if load(name).source == "build"} == TRAINED


@EACH
def test_a_study_is_declared_in_full(name: str) -> None:
    study = load(name)
    assert study.name == name
    assert list(study.scales)[:2] == ["quick", "standard"]
    assert "full" in study.scales
    assert study.question.endswith("?")
    text = Path(importlib.import_module(f"harness.studies.{name}").__file__ or "").read_text()
    about = ast.get_docstring(ast.parse(text)) or ""
    assert about.partition("\n")[0].endswith("?")
    assert "http" in about, "the question comes from a paper"
    assert "quick" in about, "why this regime"
    primary = [claim for claim in study.claims if claim.primary]
    assert 1 <= len(primary) <= 10
    assert all(claim.source for claim in primary)
    assert len({claim.text for claim in study.claims}) == len(study.claims)
    assert all(claim.text.endswith(".") for claim in study.claims)
    assert study.tuned or name in OTHERS, "no arm is favoured by a learning rate"


@EACH
def test_every_factor_and_level_is_run_at_full_scale(name: str) -> None:
    study = load(name)
    everywhere = {
        (factor, level.name)
        for scale in study.scales
        for arm in study.arms(scale)
        for factor, level in arm.levels.items()
    }
    for factor in study.factors:
        assert {(factor.name, level.name) for level in factor.named} <= everywhere


@EACH_TRAINED
def test_every_arm_trains_something_else(name: str) -> None:
    study = load(name)
    for scale in study.scales:
        written = {arm.name: json.dumps(canonical(one), sort_keys=True)
                   for arm, one in trainings(study, scale)}  # fmt: skip
        assert len(written) == len(study.arms(scale)) > 1
        assert len(set(written.values())) == len(written)


@EACH
def test_every_claim_has_its_arms_at_every_scale(name: str) -> None:
    study = load(name)
    for scale in study.scales:
        for claim in study.claims:
            groups = groups_of(study.declaration(scale), claim)
            assert all(groups), (scale, claim.text)
            kinds = (Interaction, Trend, Peak)
            assert len(groups) >= (3 if isinstance(claim, kinds) else 2)
            # sides differ in what is claimed, and have as many arms of everything else
            assert len({tuple(arm.name for arm in group) for group in groups}) == len(groups)


def test_teachers_are_counted_before_anything_is_run() -> None:
    study = load("distillation_temperature")
    planner = StudyPlanner(study, "quick", None, tune=True)
    own = len(study.arms("quick")) * (study.budget("quick") + 5)
    assert planner.outlook({}).total == own + 1 + 5  # one for tuning, and one for each seed


def test_a_strength_is_searched_where_there_is_one_to_search() -> None:
    planner = StudyPlanner(load("weight_penalties"), "quick", None, tune=True)
    for arm in planner.arms:
        names = [each.name for each in planner.searched(arm.name)]
        own = arm.levels["penalty"].name != "none" and arm.levels["strength"].name == "tuned"
        assert names == (["lr", "searched"] if own else ["lr"])


def small(training: Training) -> Training:
    """The same training for two steps, with a teacher and a source as small."""
    sizes = {"train": 2 * training.step_size, "validation": 40, "test": 60}
    data = replace(training.data, **sizes)  # type: ignore[type-var]
    loss = training.loss
    if isinstance(loss, Distillation):
        loss = replace(loss, teacher=small(loss.teacher))
    model = training.model
    if isinstance(model, Start):
        model = replace(model, from_=small(model.from_))
    return replace(training, data=data, epochs=1, loss=loss, model=model)


def outcomes(study: Study, training: Training, mode: Mode) -> list[TrainingResult]:
    requests = [Request(small(training), seed, tuple(study.measures)) for seed in (0, 1)]
    found = train_together(requests, CPU, mode)
    for each in found:
        if isinstance(each, Exception):
            raise each
        assert each.steps == 2
    return found


@EACH_TRAINED
def test_two_steps_of_every_arm_alone_and_fused_and_what_is_made_of_them(name: str) -> None:
    study, scale = load(name), "quick"
    records: list[Record] = []
    for place, (arm, training) in enumerate(trainings(study, scale)):
        plain = outcomes(study, training, Mode())
        fused = outcomes(study, training, Mode("fused", 2))
        for seed, (one, other) in enumerate(zip(plain, fused, strict=True)):
            assert other.mode.kind == "fused", other.note
            expected = pytest.approx(one.curves["train_loss"], rel=1e-3, abs=1e-4)
            assert other.curves["train_loss"] == expected
            assert one.metrics.keys() == other.metrics.keys()
            records.append(
                Record(
                    study=name, scale=scale, arm=arm.name, levels={}, seed=seed, role="evaluate",
                    tuned=defaults(study), key=f"{place}/{seed}", state="complete",
                    metrics=one.metrics, layers={k: tuple(v) for k, v in one.layers.items()},
                    curves={k: tuple(v) for k, v in one.curves.items()},
                    cost={"steps": one.steps, "samples": one.samples, "seconds": one.seconds},
                )
            )  # fmt: skip
    trials = evaluations(study.declaration(scale), records)
    for claim in study.claims:
        if claim.metric not in COSTS:
            pairs = pair(study.declaration(scale), claim, trials)
            seeds = pairs.ended if claim.metric == FAILED.name else pairs.seeds
            assert seeds == (0, 1), claim.text
    plan = {
        "seeds": [0, 1], "tuned": True, "command": f"harness run {name}", "tuning": [],
        "programs": {},
        "trials": [[each.arm, each.seed, each.key] for each in records],
    }  # fmt: skip
    results = assemble(study.declaration(scale), records, Manifest.of(plan), Costs(), (), "")
    assert len(results.verdicts) == len(study.claims)
    assert {each.word for each in results.verdicts} == {"not assessable"}
    page = render_html(results).replace("\u00a0", " ")
    # a dash or an apostrophe may be written otherwise in HTML
    assert all(claim.text.split("'")[0][:30] in page for claim in study.claims)


@pytest.mark.slow
@EACH_TRAINED
def test_two_steps_compiled(name: str) -> None:
    """The first program alone: compiling one takes many seconds, and there are more than 60."""
    study = load(name)
    _, training = next(trainings(study, "quick"))
    plain = outcomes(study, training, Mode())
    compiled = outcomes(study, training, Mode("compiled", 2))
    for one, other in zip(plain, compiled, strict=True):
        assert other.mode.kind == "compiled", other.note
        expected = pytest.approx(one.curves["train_loss"], rel=1e-3, abs=1e-4)
        assert other.curves["train_loss"] == expected


# ---- what mathematics settles -------------------------------------------------------------------


def test_constant_weights_keep_the_units_of_a_layer_equal() -> None:
    study = load("init_activation")
    spread = {}
    for arm, training in trainings(study, "quick"):
        if arm.levels["init"].name in {"constant", "he"}:
            (outcome, _) = outcomes(study, replace(training, precision="float64"), Mode())
            spread[arm.name] = outcome.metrics["unit_spread"]
    constant = [value for arm, value in spread.items() if "constant" in arm]
    assert len(constant) == 5
    assert max(constant) < 1e-12
    assert min(value for arm, value in spread.items() if "constant" not in arm) > 0.1


def largest_weight(trained) -> float:  # type: ignore[no-untyped-def]
    return float(trained.network.vector.double().norm())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_l2_is_decay_under_sgd_and_is_not_under_adam(optimizer: str) -> None:
    """Decay shrinks by rate × strength, as L2's gradient does where nothing rescales it."""
    module = importlib.import_module("harness.studies.weight_penalties")
    study, norm = load("weight_penalties"), measured("norm", largest_weight, meaning="Its length.")
    _, scale = study.scale("quick")
    found = []
    for penalty in ("l2", "decay"):
        training = module.build(scale, penalty, 0.05, "few", optimizer, lr=0.1, searched=math.nan)
        wanted = replace(small(training), precision="float64")
        (outcome,) = train_together([Request(wanted, 0, (norm,))], CPU, Mode())
        assert isinstance(outcome, TrainingResult)
        found.append(outcome.metrics["norm"])
    same = found[0] == pytest.approx(found[1], rel=1e-12)
    assert same == (optimizer == "sgd")


# ---- a study of one's own -----------------------------------------------------------------------


@pytest.mark.parametrize("how", [(), ("--trainer",), ("--search",)])
def test_a_new_study_can_be_planned_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["new", "my_study.py", *how]) == 0
    verb = "search" if "--search" in how else "run"
    assert f"harness {verb} my_study.py" in capsys.readouterr().out
    before = Path("my_study.py").read_text()
    assert execute(["plan", "my_study.py"]) == 0
    assert "my_study" in capsys.readouterr().out
    for wrong in ("my_study.py", "My Study.py", "mine.txt", "class.py"):
        assert execute(["new", wrong]) == 2
        assert "harness new my_study.py" in (said := capsys.readouterr().err) or "replace" in said
    assert Path("my_study.py").read_text() == before
    assert [each.name for each in tmp_path.glob("*.*")] == ["my_study.py"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "said"), [((), "Half dropped is better"), (("--trainer",), "64 units classify")]
)
def test_a_new_study_runs_as_it_is(command, how: tuple[str, ...], said: str) -> None:  # type: ignore[no-untyped-def]
    command("new", "my_study.py", *how)
    done = command("run", "my_study.py", "--no-profile", "--no-tuning", "--mode", "plain")
    assert said in " ".join(done.stdout.split()), "the table breaks the sentence"


@pytest.mark.slow
def test_a_new_search_runs_as_it_is(command) -> None:  # type: ignore[no-untyped-def]
    command("new", "my_search.py", "--search")
    done = command("search", "my_search.py", "--no-profile", "--trials", "24")
    assert "To paste into a study" in done.stdout
    assert "not assessable" in done.stdout, "two fresh seeds are too few for a verdict"
