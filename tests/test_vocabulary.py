"""The vocabulary of a study file: what it means, and what each of its checks says."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import (
    Arms,
    Best,
    Constant,
    Cosine,
    CrossEntropy,
    Factor,
    Factorial,
    HarnessError,
    Higher,
    Interaction,
    OneAtATime,
    Scale,
    Some,
    Study,
    Training,
    Tuned,
)
from harness import measures as all_measures
from harness.data import digits
from harness.identity.canonical import canonical, definitions
from harness.measures import Calibration, GradientNorms, Occluded, TeacherAgreement, measured
from harness.measures.always import default_measures
from harness.messages.levels import Level, level_name
from harness.models import MLP, ConvNet
from harness.models.initialisation import HeNormal
from harness.optim import SGD, AdamW
from harness.study.chosen import RECORDED
from harness.study.claims import Claim
from harness.study.metrics import BY_LAYER, METRICS
from harness.tasks import Classification
from harness.tasks.losses import Distillation
from harness.trials.trial import defaults, evaluation_seeds, make_trial


def build(scale: Scale, shortcut: bool, depth: int) -> Training:
    return Training(digits(), ConvNet(depth, 4, shortcut), SGD(0.1), scale.batch_size, epochs=1)


def build_tuned(scale: Scale, depth: int, lr: float) -> Training:
    return Training(digits(), ConvNet(depth, 4), SGD(lr), 20, epochs=1)


DEPTH, SHORTCUT = Factor("depth", (8, 20, 56)), Factor("shortcut", (False, True))
DEEP, SHALLOW = {"depth": 56}, {"depth": 8}


def study(**changed: Any) -> Study:
    return Study(
        **{
            "name": "depths",
            "question": "Does depth help?",
            "factors": (SHORTCUT, DEPTH),
            "build": build,
            "scales": {"quick": Scale(seeds=5, batch_size=20)},
        }
        | changed
    )


def tuned(**changed: Any) -> Study:
    given = {"factors": (DEPTH,), "tuned": (Tuned("lr", 0.01, 1.0),), "build": build_tuned}
    return study(**given | changed)


def higher(**changed: Any) -> Higher:
    given = {"text": "Depth helps.", "metric": "test_accuracy", "by": 0.01}
    return Higher(**given | {"higher": DEEP, "lower": SHALLOW} | changed)


def interaction(**changed: Any) -> Interaction:
    given = {"text": "More so with shortcuts.", "metric": "test_accuracy", "by": 0.01}
    pairs = {"of": (DEEP, SHALLOW), "at": ({"shortcut": True}, {"shortcut": False})}
    return Interaction(**given | pairs | changed)


def some(**changed: Any) -> Some:
    given = {"text": "Some depth helps.", "metric": "test_accuracy", "by": 0.01}
    return Some(**given | {"over": "depth", "than": SHALLOW} | changed)


def best(**changed: Any) -> Best:
    given = {"text": "Depth is best.", "metric": "test_accuracy", "by": 0.01, "best": DEEP}
    return Best(**given | changed)


def training(**changed: Any) -> Training:
    given = {"data": digits(), "model": MLP(), "optimizer": SGD(0.1), "batch_size": 20, "epochs": 1}
    return Training(**given | changed)


def scaled(**changed: Any) -> dict[str, Scale]:
    return {"quick": Scale(**{"seeds": 5, "batch_size": 20} | changed)}


def arms(named: dict[str, Any], **changed: Any) -> Study:
    return study(design=Arms(named), **changed)


def two_parameters(scale: Scale, deepness: int) -> Training:
    raise NotImplementedError


def returns_none(scale: Scale, depth: int, shortcut: bool) -> Any:
    return None


def wants_width(scale: Scale, depth: int, shortcut: bool) -> Training:
    return Training(digits(), ConvNet(depth, scale.width), SGD(0.1), 20, epochs=1)


def margin(trained: Any) -> float:
    raise AssertionError("declaring must not measure")


MARGIN = measured("margin", margin, unit="fraction", meaning="How sure it is.")


def measuring(*given: Any, metric: str = "test_accuracy", **changed: Any) -> Study:
    return study(measures=given, claims=(higher(metric=metric, **changed),))


def gives(name: str) -> Any:
    """A build that gives its Training a field that there is not."""

    def build(scale: Scale, depth: int, shortcut: bool) -> Training:
        return Training(**{name: 3})  # type: ignore[arg-type]

    return build


def first_trial(made: Study) -> Any:
    return make_trial(made, "quick", made.arms("quick")[0], 0, "evaluate", {})


# What makes the error, and three parts of it: what must hold, what came, what to write instead.
BAD = {
    # factors
    "factor name": (lambda: Factor("a b", (1, 2)),
        "a Factor's name must", "'a b'", "Choose"),
    "factor no name": (lambda: Factor(7, (1, 2)),
        "a Factor's name must", "7", "Choose"),
    "factor column": (lambda: Factor("seed", (1, 2)),
        "no column of the records", "'seed'", "Choose"),
    "factor prefix": (lambda: Factor("metric_x", (1,)),
        "no column", "'metric_x'", "Choose"),
    "no levels": (lambda: Factor("n", ()),
        "factor 'n' must have levels", "none", "Write Factor("),
    "no named levels": (lambda: Factor("n", {}),
        "'n' must have levels", "none", "Write Factor("),
    "one level": (lambda: Factor("n", 7),
        "'n' must be a tuple", "7", "Write Factor('n', (first"),
    "text levels": (lambda: Factor("n", "ab"),
        "'n' must be a tuple", "'ab'", "Write Factor('n'"),
    "same level": (lambda: Factor("n", (1, 2, 1)),
        "'n' must differ", "'1' twice", "Leave one"),
    "same number": (lambda: Factor("n", (1, 1.0)),
        "'n' must differ", "'1' twice", "name them apart"),
    "same name": (lambda: Factor("n", (None, "none")),
        "'n' must differ", "'none' twice", "Leave"),
    "lambda": (lambda: Factor("n", (lambda: 1,)),
        "a level must be a plain", "<lambda>", "Give it"),
    "list level": (lambda: Factor("n", ([1], [2])),
        "a level must be a plain", "[1]", "Give it a"),
    "object": (lambda: Factor("n", (object(),)),
        "a level must be", "<object object", "Give it a"),
    "unknown level": (lambda: DEPTH.level(21),
        "level of factor 'depth' must", "21", "Did you mean"),
    "true is not 1": (lambda: SHORTCUT.level(1),
        "'shortcut' must be one of", "1", "Known: no, yes"),
    # tuned settings
    "tuned name": (lambda: Tuned("a-b", 0, 1),
        "a Tuned's name must", "'a-b'", "Choose another"),
    "tuned order": (lambda: Tuned("lr", 1, 0.1),
        "'lr' must be finite with low <", "1 to 0.1", "Write"),
    "tuned empty": (lambda: Tuned("lr", 1, 1),
        "low < high", "1 to 1", "Write Tuned('lr'"),
    "tuned log": (lambda: Tuned("lr", 0, 1, log=True),
        "above 0 on a log axis", "0 to 1", "Write"),
    "tuned nan": (lambda: Tuned("lr", math.nan, 1),
        "must be finite", "nan to 1", "Write Tuned('lr"),
    "tuned infinite": (lambda: Tuned("lr", 0, math.inf),
        "must be finite", "0 to inf", "Write Tuned"),
    "tuned text": (lambda: Tuned("lr", "0", 1, log=True),
        "be finite", "'0' to 1", "Write Tuned("),
    "no trials": (lambda: Tuned("lr", 0, 1, trials=0),
        "Tuned('lr', trials=...) must", "0", "Write"),
    "half trials": (lambda: Tuned("lr", 0, 1, trials=2.5),
        "trials=...) must be", "2.5", "Write trials=8"),
    "true trials": (lambda: Tuned("lr", 0, 1, trials=True),
        "trials=...) must be", "True", "Write"),
    "default outside": (lambda: Tuned("lr", 0, 1, default=2),
        "lie in its space, 0 to 1", "2", "Move"),
    "default nan": (lambda: Tuned("lr", 0, 1, default=math.nan),
        "lie in its", "nan", "Move the default"),
    "default text": (lambda: Tuned("lr", 0, 1, default="1"),
        "lie in its space", "'1'", "Move the"),
    # scales
    "zero seeds": (lambda: Scale(seeds=0),
        "Scale(seeds=...) must", "0", "Write seeds=5, say."),
    "half seeds": (lambda: Scale(seeds=2.0),
        "Scale(seeds=...) must", "2.0", "Write seeds=5, say."),
    "true seeds": (lambda: Scale(seeds=True),
        "Scale(seeds=...) must", "True", "Write seeds=5, say."),
    "no tuning": (lambda: Scale(seeds=1, tuning=0),
        "Scale(tuning=...) must", "0", "Write tuning=5, say."),
    "scale one level": (lambda: scaled(levels={"depth": 8}),
        "keep at least one", "'depth': 8", "Write levels={'depth': (first, second)}."),
    "scale no level": (lambda: scaled(levels={"depth": ()}),
        "keep at least", "'depth': ()", "Write"),
    "scale text": (lambda: scaled(levels={"depth": "8"}),
        "at least one", "'depth': '8'", "Write"),
    "missing setting": (lambda: Scale(seeds=1, widht=8).width,
        "every Scale gives", "scale.width", "Write Scale(width=..., ...). Did you mean widht?"),
    "missing in build": (lambda: first_trial(study(build=wants_width)),
        "every Scale gives", "scale.width", "Write Scale(width="),
    # studies
    "path": (lambda: study(name="../up"),
        "a study's name must", "'../up'", "Write name="),
    "backslash": (lambda: study(name="a\\b"),
        "a study's name must", "'a\\\\b'", "Write name="),
    "upper case": (lambda: study(name="Depths"),
        "lower-case letters", "'Depths'", "Write name="),
    "empty name": (lambda: study(name=""),
        "a study's name must", "''", "Write name='my_study'"),
    "long name": (lambda: study(name="a" * 65),
        "a study's name must", "a" * 65, "Write name="),
    "new line": (lambda: study(name="a\n"),
        "a study's name must", "'a\\n'", "Write name="),
    "name of int": (lambda: study(name=5),
        "a study's name must", "5", "Write name="),
    "no question": (lambda: study(question=" "),
        "must ask a question", "' '", "Write question="),
    "question none": (lambda: study(question=None),
        "must ask a question", "None", "Write question="),
    "no factors": (lambda: study(factors=()),
        "must vary something", "no factors", "Add a Factor"),
    "no comma": (lambda: study(factors=DEPTH),
        "(factors=...) must be a tuple",
        "Factor(name='dep", "Write factors=(Factor(...),), with the comma"),
    "not a factor": (lambda: study(factors=("depth",)),
        "(factors=...) must", "('depth',)", "Write"),
    "claim no comma": (lambda: study(claims=higher()),
        "(claims=...) must", "Higher(", "Write claims="),
    "claim text": (lambda: study(claims=("A > B",)),
        "(claims=...) must", "('A > B',)", "Write claims="),
    "tuned no comma": (lambda: tuned(tuned=Tuned("lr", 0, 1)),
        "(tuned=...) must", "Tuned(", "Write"),
    "same factor": (lambda: study(factors=(DEPTH, DEPTH)),
        "different names", "'depth' twice", "Rename"),
    "factor and tuned": (lambda: tuned(tuned=(Tuned("depth", 0, 1),)),
        "different names", "'depth' twice", "Rename one"),
    "test objective": (lambda: study(objective="test_loss"),
        "on the validation split", "objective='test_loss'", "Write objective='validation_loss'"),
    "objective": (lambda: study(objective="validation_los"),
        "a metric must be one", "'validation_", "Did you mean validation_loss"),
    # build
    "no function": (lambda: study(build=7),
        "build must be a function", "7", "Write def build(scale"),
    "build too few": (lambda: study(build=lambda scale, depth: None),
        "build's parameters must be",
        "'shortcut' is not a parameter of build", "def build(scale, shortcut, depth"),
    "build too many": (lambda: study(build=lambda scale, shortcut, depth, lr: None),
        "parameters must",
        "build's 'lr' is no factor and no tuned setting", "Write def build(scale, shortcut"),
    "build both": (lambda: study(build=two_parameters),
        "build's parameters must",
        "'depth' is not a parameter of build, build's 'deepness' is no factor",
        "Write def build(scale, shortcut, depth) ->"),
    "no scale": (lambda: study(build=lambda shortcut, depth: None),
        "must be the scale, the factors", "'scale' is not a parameter", "Write def build(scale"),
    "build's steps": (lambda: first_trial(study(build=gives("steps"))),
        "must return a Training", "unexpected keyword argument 'steps'", "Write epochs=..."),
    "build's batch": (lambda: first_trial(study(build=gives("batchsize"))),
        "must return a Training", "'batchsize'", "Did you mean batch_size?"),
    "a metric of nobody's": (lambda: study(claims=(higher(metric="f1_score"),)),
        "must be one that trials record", "'f1_score'", "measured('f1_score', function,"),
    "build's answer": (lambda: first_trial(study(build=returns_none)),
        "must return a Training", "None", "Write return Training("),
    # the scales of a study
    "no scales": (lambda: study(scales={}),
        "must have a scale", "none", "Write scales={'quick'"),
    "scales a tuple": (lambda: study(scales=(Scale(seeds=1),)),
        "must be a mapping", "(Scale(", "Write scales={'quick': Scale(seeds=5, ...)}."),
    "scale a dict": (lambda: study(scales={"quick": {"seeds": 5}}),
        "'quick' must be a Scale", "{'seeds': 5}", "Write Scale(seeds=5"),
    "scale path": (lambda: study(scales={"a/b": Scale(seeds=1)}),
        "a scale's name must", "'a/b'", "Write 'quick'"),
    "scale's factor": (lambda: study(scales=scaled(levels={"dept": (8,)})),
        "must have the factor", "'dept'", "Did you mean depth?"),
    "scale's level": (lambda: study(scales=scaled(levels={"depth": (8, 9)})),
        "'depth' must be one", "9", "Known: 8, 20, 56"),
    "scale's level twice": (lambda: study(scales=scaled(levels={"depth": (8, 8)})),
        "must differ", "shortcut=no, depth=8 twice", "Leave one out"),
    "budgets": (lambda: study(
            tuned=(Tuned("a", 0, 1), Tuned("b", 0, 1, trials=4)),
            build=lambda scale, shortcut, depth, a, b: None,
        ),
        "must have one budget", "a: 8 and b: 4", "Give every Tuned the same trials"),
    "unknown scale": (lambda: study().scale("quikc"),
        "must have the scale asked for", "'quikc'", "Did you mean quick?"),
    "unknown factor": (lambda: study().factor("widht"),
        "must have the factor", "'widht'", "Known"),
    # designs
    "no arms": (lambda: arms({}),
        "must have arms", "none", "Write Arms("),
    "same arms": (lambda: arms({"a": {"depth": 8}, "b": {}}),
        "arms of scale 'quick' must differ", "shortcut=no, depth=8 twice", "Leave one out"),
    "arm's factor": (lambda: arms({"a": {"width": 8}}),
        "must have the factor", "'width'", "Did you"),
    "arm's level": (lambda: arms({"a": {"depth": 9}}),
        "'depth' must be one of", "9", "Known: 8, 20"),
    # claims
    "no sentence": (lambda: higher(text=" "),
        "a claim must be a sentence", "' '", "Write Higher("),
    "text none": (lambda: higher(text=None),
        "must be a sentence", "None", "Write Higher('A beats"),
    "margin zero": (lambda: higher(by=0),
        "margin of the claim 'Depth helps.' must", "0", "Write"),
    "margin below": (lambda: higher(by=-0.1),
        "must be above 0", "-0.1", "Write by=0.01"),
    "margin nan": (lambda: higher(by=math.nan),
        "must be above 0", "nan", "Write by=0.01"),
    "margin inf": (lambda: interaction(by=math.inf),
        "must be above 0", "inf", "Write by=0.01"),
    "margin text": (lambda: higher(by="0.1"),
        "must be above 0", "'0.1'", "Write by=0.01"),
    "margin true": (lambda: higher(by=True),
        "must be above 0", "True", "Write by=0.01"),
    "same arm": (lambda: higher(lower=dict(DEEP)),
        "must compare two different arms",
        "{'depth': 56} and {'depth': 56}", "Name the levels in which they differ"),
    "same arm by name": (lambda: higher(higher={"a": True}, lower={"a": "yes"}),
        "two different arms", "{'a': True} and {'a': 'yes'}", "Name the levels"),
    "arm of text": (lambda: higher(higher="depth=56"),
        "two different arms", "'depth=56'", "Name"),
    "all arms": (lambda: higher(higher={}),
        "two different arms", "{} and", "Name the levels"),
    "of one": (lambda: interaction(of=(DEEP,)),
        "of= in the claim 'More so", "({'depth': 56},)", "Write of=({'depth'"),
    "of twice": (lambda: interaction(of=(DEEP, DEEP)),
        "of= in the claim", "({'depth': 56}, {'depth'", "Write"),
    "of a dict": (lambda: interaction(of={"depth": 8, "a": 1}),
        "of= in the claim", "{'depth': 8,", "Write"),
    "at empty": (lambda: interaction(at=({}, DEEP)),
        "at= in the claim", "({}, {'depth'", "Write at="),
    "of and at": (lambda: interaction(at=({"depth": 8}, {"depth": 20})),
        "must name different factors",
        "at=({'depth': 8}, {'depth': 20})", "Name one factor in each"),
    "claim's metric": (lambda: study(claims=(higher(metric="test_acuracy"),)),
        "a metric must be one", "'test_acuracy'", "Did you mean test_accuracy"),
    "claim's metric far": (lambda: study(claims=(higher(metric="xyz"),)),
        "a metric must be one", "'xyz'", "Known: train_loss, train_accuracy"),
    "claim's metric by layer": (lambda: measuring(GradientNorms(), metric="gradient_norm"),
        "'Depth helps.' must be about a metric that is one number",
        "'gradient_norm', which has a value for each layer", "Write metric='gradient_norm_ratio'."),
    "claim's metric not measured": (lambda: measuring(metric="occluded_accuracy"),
        "'Depth helps.' must be about a metric that the study measures",
        "'occluded_accuracy'", "Add measures=(Occluded(),)"),
    "claim's metric of another measure": (lambda: measuring(Occluded(), metric="dead_units"),
        "a metric that the study measures", "'dead_units'", "Add measures=(DeadUnits(),)"),
    "claim's metric of nothing": (lambda: measuring(metric="margin"),
        "a metric must be one", "'margin'", "Known: train_loss"),
    "claim near its own metric": (lambda: measuring(MARGIN, metric="margins"),
        "a metric must be one", "'margins'", "Did you mean margin?"),
    "margin of its own metric": (lambda: measuring(MARGIN, metric="margin", by=5),
        "a claim on margin must be below 1", "by=5", "Write by=0.05 for 5"),
    # measures
    "measure no comma": (lambda: study(measures=Occluded()),
        "Study(measures=...) must be a tuple", "Occluded(side=0.5)", "Write measures=(Sharpness("),
    "measures none": (lambda: study(measures=None),
        "(measures=...) must be a tuple", "None", "Write measures="),
    "measures a text": (lambda: study(measures="Occluded"),
        "(measures=...) must be a tuple", "'Occluded'", "Write measures="),
    "measure a class": (lambda: study(measures=(Occluded,)),
        "a measure must be a frozen dataclass", "Occluded", "Write Occluded(), with"),
    "measure a function": (lambda: study(measures=(margin,)),
        "a measure must be a frozen dataclass", "function margin", "Take one from"),
    "two of a measure": (lambda: study(measures=(Occluded(0.3), Occluded(0.5))),
        "no two measures may give the same metric", "which both give 'occluded_acc", "Leave one"),
    "measured anyway": (lambda: study(measures=(Occluded(), Calibration())),
        "must give metrics beside those always recorded",
        "Calibration(), which gives 'test_calibration_error'", "Leave it out"),
    "measured where taught": (lambda: study(measures=(TeacherAgreement(),)),
        "beside those always recorded", "which gives 'teacher_agreement'", "Leave it out"),
    "claim's factor": (lambda: study(claims=(higher(higher={"depht": 56}),)),
        "must have the factor", "'depht'", "Did you mean depth?"),
    "claim's level": (lambda: study(claims=(higher(higher={"depth": 57}),)),
        "'depth' must be one of", "57", "Did you mean 56?"),
    "claim not at scale": (lambda: study(claims=(higher(),), scales=scaled(levels={"depth": (8,)})),
        "'Depth helps.' must compare arms that are run",
        "depth=56, which no arm of scale 'quick' has", "Change the claim, the design"),
    "claim not in design": (lambda: study(claims=(interaction(),), design=OneAtATime()),
        "must compare arms that are run",
        "depth=56, shortcut=yes, which no arm", "Change the claim, the design"),
    "claim on one level": (lambda: study(
            factors=(SHORTCUT, Factor("depth", {"big": 56, "low": 8})),
            claims=(higher(lower={"depth": "big"}),),
        ),
        "must compare two different arms", "depth=big and depth=big", "Name the"),
    # trainings
    "data a class": (lambda: training(data=digits),
        "Training(data=...) must be a Data", "Digits", "Write data=digits()"),
    "data a name": (lambda: training(data="digits"),
        "(data=...) must be a Data", "'digits'", "Write"),
    "model a class": (lambda: training(model=MLP),
        "(model=...) must be a Model", "MLP", "Write model=ConvNet"),
    "optimizer a name": (lambda: training(optimizer="sgd"),
        "(optimizer=...) must be a", "'sgd'", "Write optimizer=SGD("),
    "schedule none": (lambda: training(schedule=None),
        "(schedule=...) must be a Schedule", "None", "Write"),
    "loss a name": (lambda: training(loss="cross_entropy"),
        "(loss=...) must be a Loss", "'cross_entropy'", "Write loss=CrossEntropy()"),
    "batch zero": (lambda: training(batch_size=0),
        "(batch_size=...) must be a whole", "0", "Write"),
    "batch text": (lambda: training(batch_size="8"),
        "(batch_size=...) must", "'8'", "Write batch_size=64"),
    "epochs half": (lambda: training(epochs=1.5),
        "(epochs=...) must be a whole", "1.5", "Write epochs=64"),
    "epochs true": (lambda: training(epochs=True),
        "(epochs=...) must be a whole", "True", "Write"),
    "written nan": (lambda: canonical({"a": math.nan}),
        "a setting must be finite", "nan", "Write"),
    "written lambda": (lambda: canonical((lambda: 1,)),
        "must be a plain value", "<lambda>", "Make"),
    "written object": (lambda: canonical([object()]),
        "must be a plain value", "<object", "Make it"),
    # levels of one factor
    "among a level": (lambda: some(among=20),
        "among= in the claim 'Some depth helps.' must be a tuple of", "20", "Write among="),
    "among none": (lambda: some(among=()), "must be a tuple of", "()", "Write among="),
    "among what is not declared": (lambda: study(claims=(some(among=(20, 57)),)),
        "a level of factor 'depth'", "57", "Did you mean 56?"),
    "some than nothing": (lambda: some(than={}), "must name an arm", "{}", "Write than="),
    "among twice": (lambda: some(among=(20, 20)), "must be a tuple of", "(20, 20)", "Write"),
    "best among itself": (lambda: study(claims=(best(among=(56,)),)),
        "must have levels to compare with", "56 alone", "or name another in among="),
    "an arm on two sides": (lambda: study(claims=(higher(lower={"shortcut": True}),)),
        "must have no arm in common", "shortcut=yes, depth=56, which belongs to depth=56 and to",
        "Name levels of the same factor"),
    "a level among its reference": (lambda: study(claims=(some(than={"shortcut": True}),)),
        "must have no arm in common", "shortcut=yes", "Name levels"),
    "some of one": (lambda: study(claims=(some(among=(8,)),)),
        "must have levels to compare with", "8 alone", "Let the scale keep"),
    "some where over": (lambda: some(where={"depth": 8}),
        "must name levels of other factors", "{'depth': 8}", "Write where="),
    # plans
    "no seeds": (lambda: evaluation_seeds(study(), "quick", 0),
        "at least one seed", "0", "Write"),
    "too many seeds": (lambda: evaluation_seeds(study(), "quick", 10**6),
        "seed", "1000000", "Write"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_every_check_says_what_must_hold_what_came_and_what_to_write(case):
    make, must, got, instead = BAD[case]
    with pytest.raises(HarnessError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    held, _, rest = message.partition("; got ")
    assert must in held
    came, found, _ = rest.rpartition(instead)
    assert found
    assert got in came


GOOD = {
    "study": study,
    "tuned": tuned,
    "higher": lambda: study(claims=(higher(),)),
    "interaction": lambda: study(claims=(interaction(),)),
    "some": lambda: study(claims=(some(), some(text="All.", among=(8, 20, 56)))),
    "training": training,
    "arms": lambda: arms({"a": {"depth": 8}, "b": {"depth": 20}}),
    "lists": lambda: study(factors=[SHORTCUT, DEPTH], claims=[higher()]),
    "scale": lambda: study(scales=scaled(levels={"depth": [20, 8]})),
    "one budget by the scale": lambda: study(
        tuned=(Tuned("a", 0, 1), Tuned("b", 0, 1, trials=4)),
        build=lambda scale, shortcut, depth, a, b: None,
        scales=scaled(tuning=3),
    ),
    "longest name": lambda: study(name="a" * 64),
    "measures": lambda: study(measures=[Occluded(0.3), GradientNorms(), MARGIN]),
    "claim on a measure": lambda: measuring(Occluded(), metric="occluded_accuracy"),
    "claim on its own measure": lambda: measuring(MARGIN, metric="margin"),
    "claim on what is measured anyway": lambda: measuring(metric="test_calibration_error"),
}


@pytest.mark.parametrize("case", GOOD)
def test_the_study_that_the_cases_above_change_is_accepted(case):
    GOOD[case]()


def test_a_study_knows_its_own_metrics():
    made = study(measures=[GradientNorms(), MARGIN])
    assert made.measures == (GradientNorms(), MARGIN)
    assert made.metric("margin").title == "Margin"
    assert made.metric("test_loss") is METRICS["test_loss"]
    assert made.metric("gradient_norm") is BY_LAYER["gradient_norm"]
    with pytest.raises(HarnessError, match="Did you mean margin"):
        made.metric("margn")
    with pytest.raises(HarnessError, match="must be one that trials record"):
        study().metric("margin")


def test_metrics_recorded_unasked_are_those_of_the_trainer():
    pupil = training(loss=Distillation(training()))
    always = {metric.name for each in default_measures(pupil) for metric in each.metrics}
    assert len(default_measures(pupil)) > len(default_measures(training()))
    assert always | RECORDED == Training.metrics
    kinds = [getattr(all_measures, name) for name in all_measures.__all__]
    asked = {
        metric.name
        for kind in kinds
        if isinstance(getattr(kind, "metrics", None), tuple)
        for metric in kind().metrics
    }
    # so the line that says which measure to add always finds one, and what it says can be written
    assert set(METRICS) - Training.metrics <= asked
    assert set(BY_LAYER) <= asked


def test_a_study_without_measures_needs_no_torch():
    code = (
        "import sys; from harness import *; import harness.study.metrics\n"
        "def build(scale, depth): ...\n"
        "claim = Higher('It helps.', metric='test_calibration_error', by=0.01, "
        "higher={'depth': 2}, lower={'depth': 1})\n"
        "Study('a', 'b?', (Factor('depth', (1, 2)),), build, {'quick': Scale(seeds=5)}, (claim,))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout == "False\n"


@dataclass(frozen=True)
class Block:
    width: int
    norm: str = "batch"
    rates: tuple[float, ...] = field(default_factory=lambda: (0.1, 0.2))


def named_function() -> None:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "none"),
        (1, "1"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-4, "0.0001"),
        (1e-10, "1e-10"),
        (1_000_000, "1000000"),
        (0.1 + 0.2, "0.3"),
        (math.inf, "inf"),
        ("relu", "relu"),
        (Block(3), "Block(width=3)"),
        (Block(3, norm="group"), "Block(width=3, norm=group)"),
        (Block(3, rates=(0.5,)), "Block(width=3, rates=(0.5))"),
        (Cosine(), "Cosine"),
        (Cosine(warmup=0.25), "Cosine(warmup=0.25)"),
        (SGD(0.1, nesterov=True, momentum=0.9), "SGD(lr=0.1, momentum=0.9, nesterov=yes)"),
        (MLP(hidden=(64, 32)), "MLP(hidden=(64, 32))"),
        ((1, "a", True), "(1, a, yes)"),
        (Block, "Block"),
        (named_function, "named_function"),
        (len, "len"),
    ],
)
def test_names_of_levels(value, name):
    assert level_name(value) == name
    assert Factor("n", (value, "other")).named[0] == Level(name, value)


def test_names_of_a_mapping_are_its_keys():
    made = {"adam": lambda: 1, "sgd": lambda: 2}
    factor = Factor("optimizer", made)
    assert [level.name for level in factor.named] == ["adam", "sgd"]
    assert factor.level("sgd").value is made["sgd"]
    assert factor.level(made["adam"]).name == "adam"
    assert [level.plain for level in factor.named] == ["adam", "sgd"]
    assert [level.plain for level in Factor("n", {"small": 1, "large": 2}).named] == [1, 2]
    assert [level.plain for level in Factor("n", (Cosine(), None)).named] == ["Cosine", "none"]


def test_a_level_is_found_by_value_or_name_and_true_is_not_1():
    mixed = Factor("n", (1, True, 0, False, 2.5))
    assert mixed.level(1) is mixed.named[0]
    assert mixed.level(True) is mixed.named[1]
    assert mixed.level("yes") is mixed.named[1]
    assert mixed.level(0) is mixed.named[2]
    assert mixed.level(False) is mixed.named[3]
    assert mixed.level("2.5") is mixed.named[4]
    assert Factor("rate", (0.5, 1.0)).level(1).value == 1.0
    assert Factor("rate", (1, 2)).level(2.0).name == "2"
    with pytest.raises(HarnessError):
        Factor("rate", (0.5, 1.0)).level(True)


def test_a_claim_may_tell_true_from_1():
    factor = Factor("shortcut", (1, True))
    claim = higher(higher={"shortcut": 1}, lower={"shortcut": True})
    first, second = study(factors=(factor, DEPTH), claims=(claim,)).partials(claim, "quick")
    assert (first["shortcut"].name, second["shortcut"].name) == ("1", "yes")


def names(made: Study, scale: str = "quick") -> list[str]:
    return [arm.name for arm in made.arms(scale)]


def test_factorial_has_every_combination_baseline_first():
    assert names(study()) == [
        "shortcut=no, depth=8", "shortcut=no, depth=20", "shortcut=no, depth=56",
        "shortcut=yes, depth=8", "shortcut=yes, depth=20", "shortcut=yes, depth=56",
    ]  # fmt: skip
    assert names(study(design=Factorial())) == names(study())
    values = [level.value for level in study().arms("quick")[4].levels.values()]
    assert values == [True, 20]


def test_one_at_a_time_changes_one_factor_from_the_baseline():
    assert names(study(design=OneAtATime())) == [
        "shortcut=no, depth=8", "shortcut=yes, depth=8",
        "shortcut=no, depth=20", "shortcut=no, depth=56",
    ]  # fmt: skip


def test_arms_are_those_listed_the_rest_at_its_baseline():
    made = arms({"plain": {}, "ours": {"shortcut": True, "depth": "56"}, "deep": {"depth": 56}})
    assert names(made) == ["plain", "ours", "deep"]
    levels = [tuple(level.value for level in arm.levels.values()) for arm in made.arms("quick")]
    assert levels == [(False, 8), (True, 56), (False, 56)]


@pytest.mark.parametrize(
    ("design", "wanted"),
    [
        (Factorial(), ["no, 56", "no, 8", "yes, 56", "yes, 8"]),
        (OneAtATime(), ["no, 56", "yes, 56", "no, 8"]),
    ],
)
def test_a_scale_keeps_some_levels_and_the_first_is_its_baseline(design, wanted):
    small = Scale(seeds=5, levels={"depth": (56, 8)}, batch_size=20)
    made = study(scales={"quick": Scale(seeds=1, batch_size=20), "small": small}, design=design)
    seen = [", ".join(level.name for level in arm.levels.values()) for arm in made.arms("small")]
    assert seen == wanted
    assert len(made.arms("quick")) > len(seen)


def test_an_arm_matches_what_names_some_of_its_levels():
    made = study()
    deep = {"depth": DEPTH.level(56)}
    assert [arm.name for arm in made.arms("quick") if arm.matches(deep)] == [
        "shortcut=no, depth=56", "shortcut=yes, depth=56",
    ]  # fmt: skip
    assert all(arm.matches({}) for arm in made.arms("quick"))


def test_partial_arms_come_in_the_order_that_their_kind_defines():
    made = study(claims=(higher(), interaction()))
    readable = [
        [{name: level.value for name, level in partial.items()}
         for partial in made.partials(claim, "quick")]
        for claim in made.claims
    ]  # fmt: skip
    assert readable[0] == [{"depth": 56}, {"depth": 8}]
    assert readable[1] == [
        {"depth": 56, "shortcut": True},
        {"depth": 8, "shortcut": True},
        {"depth": 56, "shortcut": False},
        {"depth": 8, "shortcut": False},
    ]


def test_the_kind_and_sides_of_claims():
    assert (higher().kind, interaction().kind) == ("Higher", "Interaction")
    assert higher().sides() == ("depth=56", "depth=8")
    assert interaction().sides() == (
        "(depth=56 − depth=8) at shortcut=yes",
        "the same at shortcut=no",
    )


def test_budgets_and_scales_of_a_study():
    made = tuned(scales={"quick": Scale(seeds=2, tuning=3), "full": Scale(seeds=9)})
    assert (made.budget("quick"), made.budget("full")) == (3, 8)
    assert study().budget("quick") == 0
    assert made.scale(None) == ("quick", made.scales["quick"])
    assert made.scale("full") == ("full", made.scales["full"])
    assert evaluation_seeds(made, "full", None) == tuple(range(9))
    assert evaluation_seeds(made, "full", 2) == (0, 1)
    assert defaults(made) == {"lr": 0.505}


def test_build_may_name_its_parameters_in_any_order():
    def backwards(depth, shortcut, scale):
        return build(scale, shortcut, depth)

    one, other = (first_trial(study(build=each)) for each in (build, backwards))
    assert one.training == other.training
    assert one.key == other.key


@pytest.mark.parametrize(
    ("space", "points"),
    [
        (Tuned("x", 0.01, 1.0, log=True), [0.01, 0.0316228, 0.1, 0.316228, 1.0]),
        (Tuned("x", -1, 3), [-1, 0, 1, 2, 3]),
        (Tuned("x", 0, 1 / 3), [0, 0.0833333, 0.166667, 0.25, 0.333333]),
    ],
)
def test_points_of_a_space(space, points):
    assert [space.at(share / 4) for share in range(5)] == pytest.approx(points, rel=1e-9)
    assert space.start == space.at(0.5)
    assert dataclasses.replace(space, default=space.low).start == space.low


FROZEN = {
    "study": (study, "name"),
    "factor": (lambda: DEPTH, "levels"),
    "tuned": (lambda: Tuned("lr", 0, 1), "low"),
    "scale": (lambda: Scale(seeds=5, width=3), "seeds"),
    "scale's setting": (lambda: Scale(seeds=5, width=3), "width"),
    "scale's new setting": (lambda: Scale(seeds=5, width=3), "height"),
    "claim": (higher, "by"),
    "interaction": (interaction, "of"),
    "training": (training, "epochs"),
    "level": (lambda: Level("a", 1), "value"),
    "arm": (lambda: study().arms("quick")[0], "name"),
    "design": (lambda: Arms({}), "named"),
}


@pytest.mark.parametrize("case", FROZEN)
def test_no_field_of_a_declaration_can_be_assigned(case):
    make, name = FROZEN[case]
    made = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, name, 1)


def test_a_scale_has_its_settings_as_attributes():
    scale = Scale(seeds=5, tuning=3, width=8, levels={"depth": [8]})
    assert (scale.seeds, scale.tuning, scale.width) == (5, 3, 8)
    assert scale.levels == {"depth": (8,)}
    assert repr(scale) == "Scale(seeds=5, width=8)"
    assert not hasattr(scale, "_private")
    for copied in (copy.copy(scale), copy.deepcopy(scale), pickle.loads(pickle.dumps(scale))):
        assert (copied.seeds, copied.tuning, copied.width) == (5, 3, 8)
        assert copied.levels == {"depth": (8,)}


def test_a_kind_of_claim_must_say_what_it_compares():
    claim = Claim("A sentence.", "test_loss", 0.1)
    with pytest.raises(NotImplementedError):
        claim.partials(lambda _: ())
    with pytest.raises(NotImplementedError):
        claim.sides()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("a", "a"),
        ((1, [2, "b"]), [1, [2, "b"]]),
        ({"b": 1, "a": (2,)}, {"a": [2], "b": 1}),
        (SGD(0.1), {"type": "SGD", "lr": 0.1}),
        (SGD(0.1, momentum=0.0), {"type": "SGD", "lr": 0.1}),
        (SGD(0.1, momentum=0.9), {"type": "SGD", "lr": 0.1, "momentum": 0.9}),
        (Block(2, rates=(0.1, 0.2)), {"type": "Block", "width": 2}),
        (Block(2, rates=()), {"type": "Block", "width": 2, "rates": []}),
        (named_function, {"name": "named_function"}),
        (Block, {"name": "Block"}),
        (
            training(schedule=Constant(), loss=CrossEntropy(0.1)),
            {
                "type": "Training",
                "data": {"type": "Digits"},
                "model": {"type": "MLP"},
                "optimizer": {"type": "SGD", "lr": 0.1},
                "batch_size": 20,
                "epochs": 1,
                "loss": {"type": "CrossEntropy", "label_smoothing": 0.1},
            },
        ),
    ],
)
def test_how_a_value_is_written(value, written):
    assert canonical(value) == written
    if isinstance(written, dict):
        assert list(canonical(value).items()) == list(written.items())


def test_an_object_that_holds_data_is_written_by_its_fingerprint():
    class Holder:
        def fingerprint(self) -> str:
            return "abc"

    written = canonical(Holder())
    assert written["fingerprint"] == "abc"
    assert written["type"].endswith("Holder")


def test_definitions_are_every_class_and_function_a_value_is_made_of():
    value = {"a": (AdamW(0.1), named_function), "b": [Block(3), 7, "text", None]}
    assert list(definitions(value)) == [AdamW, named_function, Block]
    found = list(definitions(training(model=ConvNet(8))))
    assert found == [
        Training, digits, ConvNet, HeNormal, SGD, Constant, CrossEntropy, Classification
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            "harness, harness.schedules, harness.running.find, harness.commands.cli",
            "torch numpy pandas optuna scipy",
        ),
        ("harness, harness.data", "torch torchvision pandas optuna scipy sklearn"),
    ],
)
def test_importing_the_vocabulary_imports_nothing_heavy(modules, absent):
    """``harness list`` and ``--help`` must be quick."""
    code = (
        f"import sys, {modules}; print(sorted(set({absent.split()}) & set(sys.modules)));"
        "import numpy; print('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


def test_numpys_numbers_are_pythons():
    factor = Factor("p", (np.float64(0.0), np.float64(0.5), np.int64(3)))
    assert [level.name for level in factor.named] == ["0", "0.5", "3"]
    assert [type(level.value) for level in factor.named] == [float, float, int]
    assert factor.level(0.5).value == 0.5
