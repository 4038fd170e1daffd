"""A search by measures: what it may choose by, and what its trials measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness import AtMost, Factor, Float, HarnessError, Scale, Search, Study, Training, Tuned
from harness.data import digits
from harness.engines.modes import PLAIN
from harness.measures import measured
from harness.models import MLP
from harness.optim import SGD
from harness.running import trainings
from harness.running.named import Named
from harness.running.workplace import Workplace
from harness.storing.artifacts import FolderOfArtifacts
from harness.study.searching import DEFAULT, PLACES, SEARCHED
from harness.trained import Trained
from harness.trials.outcome import Outcome
from harness.trials.trial import TUNING_SEED, Trial, make_trial


def sure(trained: Trained) -> float:
    return float(next(iter(trained.outputs("validation")))[0].softmax(1).amax(1).mean())


def of_test(trained: Trained) -> float:
    return float(trained.test_logits.softmax(1).amax(1).mean())


SURE = measured("sure", sure, meaning="How sure it is.", better="higher")
UNUSED = measured("unused", sure, meaning="The same, chosen by nowhere.", better="higher")
OF_TEST = measured("test_sure", of_test, meaning="How sure it is.", better="higher")


def build(scale: Scale, lr: float) -> Training:
    return Training(
        data=digits(train=200, validation=100, test=100),
        model=MLP(hidden=(8,)),
        optimizer=SGD(lr=lr),
        batch_size=50,
        epochs=1,
    )


def search(**changed: Any) -> Search:
    given: dict[str, Any] = {
        "name": "by_measures",
        "question": "Which rate?",
        "space": (Float("lr", 0.001, 1.0, log=True),),
        "build": build,
        "scales": {"quick": Scale()},
        "measures": (SURE, UNUSED, OF_TEST),
        "objective": "sure",
        "trials": 5,
    }
    return Search(**given | changed)


@pytest.mark.parametrize(
    "changed", [{"objective": "test_sure"}, {"constraints": (AtMost("test_sure", 0.9),)}]
)
def test_no_measure_on_test_examples_chooses(changed: dict[str, Any]) -> None:
    with pytest.raises(HarnessError, match="no test metric; got 'test_sure'"):
        search(**changed)


def trial(study: Study, arm: str, seed: int) -> Trial:
    found = study.arm(arm, "quick")
    assert found is not None
    role: Any = "tune" if seed >= TUNING_SEED else "evaluate"
    return make_trial(study, "quick", found, seed, role, {"lr": 0.1})


def test_what_is_tried_is_measured_by_what_is_chosen_by_alone() -> None:
    study = search().study
    assert trial(study, SEARCHED.name, TUNING_SEED).measures == (SURE,)
    for arm in (DEFAULT, *PLACES):
        assert trial(study, arm, 0).measures == (SURE, UNUSED, OF_TEST)
    by_loss = search(objective="validation_loss").study
    assert trial(by_loss, SEARCHED.name, TUNING_SEED).measures == ()
    limited = search(objective="validation_loss", constraints=(AtMost("unused", 0.9),)).study
    assert trial(limited, SEARCHED.name, TUNING_SEED).measures == (UNUSED,)


def test_another_measure_to_choose_by_is_another_trial() -> None:
    keys = {
        trial(search(objective=name).study, SEARCHED.name, TUNING_SEED).key
        for name in ("sure", "unused", "validation_loss")
    }
    assert len(keys) == 3, "or what was tried by one would lack what the other chooses by"


def build_width(scale: Scale, width: int, lr: float) -> Training:
    return replace(build(scale, lr), model=MLP(hidden=(width,)))


def test_tuning_the_arms_of_a_study_takes_no_measures() -> None:
    study = Study(
        name="tuned",
        question="Which width?",
        factors=(Factor("width", (4, 8)),),
        tuned=(Tuned("lr", 0.001, 1.0, log=True),),
        build=build_width,
        scales={"quick": Scale(tuning=2)},
        measures=(SURE, OF_TEST),
    )
    arm = study.arms("quick")[0]
    for seed, role, taken in ((TUNING_SEED, "tune", ()), (0, "evaluate", (SURE, OF_TEST))):
        made = make_trial(study, "quick", arm, seed, role, {"lr": 0.1})  # type: ignore[arg-type]
        assert made.measures == taken


LOOKS = measured("looks", of_test, meaning="How sure it is, of test images.", better="higher")


def test_trials_that_are_chosen_by_look_at_no_test_images(tmp_path: Path) -> None:
    def outcome(objective: str, arm: str, seed: int) -> Outcome:
        study = search(measures=(SURE, LOOKS), objective=objective).study
        made = trial(study, arm, seed)
        at = Workplace(study, torch.device("cpu"), FolderOfArtifacts(tmp_path), tmp_path)
        (given,) = trainings.train((made,), (Named.of(made, "quick"),), PLAIN, at)
        return given

    chosen_by = outcome("sure", SEARCHED.name, TUNING_SEED)
    names = {"gradient_norm_first_block", "validation_loss", "validation_accuracy"}
    assert set(chosen_by.metrics) == names | {"sure"}
    refused = outcome("looks", SEARCHED.name, TUNING_SEED)
    assert refused.reason.startswith("settings must be tried without a look at the test examples")
    again = outcome("looks", DEFAULT, 0)
    assert {"sure", "looks", "test_loss"} < set(again.metrics)
