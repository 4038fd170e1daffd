"""Numpy's and torch's numbers are taken wherever Python's are, and mean the same."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from harness import (
    Arms,
    Best,
    Equivalent,
    Factor,
    Higher,
    Interaction,
    Looks,
    NotWorse,
    Peak,
    Scale,
    Some,
    Sooner,
    Study,
    Training,
    Trend,
    Tuned,
    augment,
    clipping,
    measures,
    optim,
    penalties,
    schedules,
    tasks,
)  # fmt: skip
from harness.data import digits, images
from harness.identity.canonical import canonical
from harness.judging.registrations import declared
from harness.messages.errors import HarnessError
from harness.messages.levels import own
from harness.models import (
    CNN,
    DCGAN,
    FCN,
    GAN,
    MLP,
    AutoEncoder,
    ConvNet,
    Recurrent,
    Transformer,
    UNet,
    initialisation,
)
from harness.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop
from harness.stopping import EarlyStopping
from harness.tasks import losses, rebuilding
from harness.tasks.place_scores import BorderIoU
from harness.training import Update
from harness.trials.trial import make_trial

ALIKE = {
    "int64": np.int64, "int32": np.int32, "uint8": np.uint8, "array": np.array,
    "tensor": torch.tensor, "python": lambda value: value,
}  # fmt: skip
REAL = {
    "float64": np.float64, "float32": np.float32, "float16": np.float16,
    "longdouble": np.longdouble, "array": np.array, "tensor": torch.tensor,
    "array32": lambda value: np.array(value, dtype="f4"),
    "parameter": lambda value: torch.nn.Parameter(torch.tensor(value)),
}  # fmt: skip


def build(scale: Scale, width: int, rate: float, norm: bool, kind: str, lr: float) -> Training:
    for value, plain in ((width, int), (rate, float), (norm, bool), (kind, str)):
        assert type(value) is plain
    assert type(scale.epochs) is int
    return Training(
        data=digits(train=60),
        model=MLP(hidden=(width,), dropout=rate),
        optimizer=SGD(lr=lr),
        batch_size=32,
        epochs=scale.epochs,
    )


def study(
    whole: Any = lambda value: value, real: Any = lambda value: value,
    truth: Any = lambda value: value, text: Any = lambda value: value,
) -> Study:  # fmt: skip
    """A study in which each number stands wherever one may."""
    given: dict[str, Any] = {"metric": "test_accuracy", "by": real(0.125)}
    wide, small = {"width": whole(16)}, {"width": whole(4)}
    return Study(
        name="n",
        question="Q?",
        factors=(
            Factor("width", (whole(4), whole(16), whole(64))),
            Factor("rate", (real(0.0), real(0.1))),
            Factor("norm", (truth(False), truth(True))),
            Factor("kind", (text("a"), text("b"))),
        ),
        tuned=(Tuned("lr", real(0.5), real(1.0), trials=whole(2), default=real(0.75)),),
        build=build,
        scales={
            "quick": Scale(
                seeds=whole(5), tuning=whole(2), epochs=whole(3),
                levels={"width": [whole(4), whole(16), whole(64)], "rate": (real(0.1),)},
            )
        },
        looks=Looks((whole(5), whole(10)), (real(0.0125), real(0.0125))),
        claims=(
            Higher("1.", higher=wide | {"rate": real(0.1)}, lower=small, **given),
            NotWorse("2.", arm=wide, than={"width": whole(64)}, **given),
            Equivalent("3.", first={"norm": truth(True)}, second={"norm": truth(False)}, **given),
            Best("4.", best=wide, where={"kind": text("a")}, among=(whole(4), whole(16)), **given),
            Some("5.", over="width", than=small, where={"norm": truth(True)}, **given),
            Trend("6.", over="width", among=[whole(4), whole(16), whole(64)], **given),
            Peak("7.", over="width", at=whole(16), **given),
            Interaction("8.", of=(wide, small), at=({"norm": truth(True)}, {"norm": truth(False)}),
                        **given),
            Sooner("9.", sooner={"width": whole(4), "rate": real(0.1), "norm": truth(True),
                                 "kind": text("a")},
                   later={"width": whole(16), "rate": real(0.1), "norm": truth(True),
                          "kind": text("a")},
                   metric="validation_accuracy", reaches=real(0.5), by=real(0.125)),
        ),
    )  # fmt: skip


def said(one: Study) -> tuple[Any, ...]:
    """All that a study says, down to the keys of its trials."""
    keys = [
        make_trial(one, "quick", arm, 0, "evaluate", {"lr": one.tuned[0].start}).key
        for arm in one.arms("quick")[:3]
    ]
    levels = [[(each.name, each.plain, type(each.plain)) for each in f.named] for f in one.factors]
    claims = [repr(dataclasses.astuple(claim)) for claim in one.claims]
    tuned = repr(one.tuned)
    return (
        keys,
        levels,
        claims,
        tuned,
        declared(one.declaration("quick")),
        repr(one.looks),
        one.budget("quick"),
    )


@pytest.fixture(scope="module")
def plain() -> tuple[Any, ...]:
    return said(study())


@pytest.mark.parametrize("name", ALIKE)
def test_whole_numbers_of_any_kind_mean_the_same(name: str, plain: tuple[Any, ...]) -> None:
    assert said(study(whole=ALIKE[name])) == plain


@pytest.mark.parametrize("name", REAL)
def test_numbers_of_any_precision_mean_what_they_print_as(
    name: str, plain: tuple[Any, ...]
) -> None:
    assert said(study(real=REAL[name])) == plain


def test_truths_and_texts_mean_the_same(plain: tuple[Any, ...]) -> None:
    assert said(study(truth=np.bool_, text=np.str_)) == plain
    assert said(study(truth=torch.tensor)) == plain


def test_names_of_levels_and_arms_may_come_from_arrays() -> None:
    factor = Factor("width", {str(each): each for each in np.array([4, 16])})
    assert [(each.name, type(each.value)) for each in factor.named] == [("4", int), ("16", int)]
    design = Arms({"small": {"width": np.int64(4)}, "wide": {"width": torch.tensor(16)}})
    assert design.named == {"small": {"width": 4}, "wide": {"width": 16}}
    assert {type(level) for levels in design.named.values() for level in levels.values()} == {int}


def test_numbers_within_tuples_are_looked_at() -> None:
    factor = Factor("hidden", ((np.int64(4), np.int64(8)), (16, 32)))
    assert [each.name for each in factor.named] == ["(4, 8)", "(16, 32)"]
    assert factor.level((4, 8)) is factor.level(tuple(np.array([4, 8])))


def training(batch_size: Any, epochs: Any, precision: Any = "float32") -> Training:
    return Training(
        data=digits(train=60), model=MLP(hidden=(4,)), optimizer=SGD(lr=0.1),
        batch_size=batch_size, epochs=epochs, precision=precision,
    )  # fmt: skip


@pytest.mark.parametrize("name", ALIKE)
def test_a_training_takes_whole_numbers_of_any_kind(name: str) -> None:
    whole = ALIKE[name]
    made = training(whole(32), whole(3), np.str_("float32"))
    assert made == training(32, 3)
    assert repr(made) == repr(training(32, 3)), "and keeps Python's"
    assert {type(made.batch_size), type(made.epochs)} == {int}


@pytest.mark.parametrize("wrong", [np.float64(32), np.int64(0), np.bool_(True), np.ma.masked])
def test_a_training_refuses_what_it_refuses_of_python(wrong: Any) -> None:
    for given in ((wrong, 3), (32, wrong)):
        with pytest.raises(HarnessError, match="must be a whole number of at least 1"):
            training(*given)


def test_values_that_are_no_single_number_are_left_as_they_are() -> None:
    masked, many = np.ma.masked, np.arange(3)
    assert own(masked) is masked  # which .item() would turn into 0
    assert own(many) is many
    with pytest.raises(HarnessError):
        Factor("width", (masked, 4))


F, W, B, T = np.float32, np.int64, np.bool_, np.str_

FIELDS: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "SGD": (SGD, {"lr": F(0.1), "momentum": F(0.9), "nesterov": B(1), "weight_decay": F(0.0005)}),
    "dampening": (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": F(0.1)}),
    "Adam": (Adam, {"lr": F(0.1), "beta1": F(0.8), "beta2": F(0.9), "eps": F(1e-6),
                    "amsgrad": B(1), "weight_decay": F(0.1)}),
    "AdamW": (AdamW, {"lr": F(0.1), "amsgrad": B(1), "weight_decay": F(0.1)}),
    "RMSprop": (RMSprop, {"lr": F(0.1), "alpha": F(0.9), "centered": B(1)}),
    "Adagrad": (Adagrad, {"lr": F(0.1), "lr_decay": F(0.1), "initial": F(0.1)}),
    "Adadelta": (Adadelta, {"lr": F(0.1), "rho": F(0.8)}),
    "Constant": (schedules.Constant, {"warmup": F(0.1)}),
    "Cosine": (schedules.Cosine, {"warmup": F(0.1)}),
    "Step": (schedules.Step, {"every": F(0.3), "factor": F(0.2), "warmup": F(0.1)}),
    "OneCycle": (schedules.OneCycle, {"warmup": F(0.1), "start": W(20), "end": F(1000.5)}),
    "CrossEntropy": (losses.CrossEntropy, {"label_smoothing": F(0.1)}),
    "Distillation": (losses.Distillation, {"teacher": None, "temperature": F(2.5),
                                           "weight": F(0.3)}),
    "RebuildingLoss": (rebuilding.RebuildingLoss, {"noise": F(0.3), "sparsity": F(0.1)}),
    "EvidenceBound": (rebuilding.EvidenceBound, {"beta": F(0.1)}),
    "Huber": (losses.Huber, {"delta": F(0.5)}),
    "SegmentationLoss": (tasks.SegmentationLoss, {"label_smoothing": F(0.1)}),
    "SequenceLoss": (tasks.SequenceLoss, {"predicts": T("each position"),
                                          "label_smoothing": F(0.1)}),
    "Sequence": (tasks.Sequence, {"predicts": T("each position")}),
    "GANLoss": (tasks.GANLoss, {"of": T("generator"), "latent": W(3), "conditional": B(1)}),
    "WassersteinLoss": (tasks.WassersteinLoss, {"of": T("generator"), "latent": W(3),
                                                "conditional": B(1), "penalty": F(10.5)}),
    "Generation": (tasks.Generation, {"latent": W(3), "part": T("decoder"), "conditional": B(1)}),
    "FrechetDistance": (tasks.FrechetDistance, {"features": W(9)}),
    "BorderIoU": (BorderIoU, {"width": W(2)}),
    "Update": (Update, {"part": T("head"), "loss": losses.CrossEntropy(),
                        "optimizer": SGD(lr=0.1), "times": W(3)}),
    "Clamp": (penalties.Clamp, {"limit": F(0.1), "touches": T("weights")}),
    "ClipNorm": (clipping.ClipNorm, {"limit": F(0.1)}),
    "ClipValue": (clipping.ClipValue, {"limit": F(0.1)}),
    "L1": (penalties.L1, {"strength": F(0.1), "proximal": B(0), "touches": T("all")}),
    "L2": (penalties.L2, {"strength": F(0.1)}),
    "ElasticNet": (penalties.ElasticNet, {"strength": F(0.1), "ratio": F(0.3)}),
    "Decay": (penalties.Decay, {"strength": F(0.1), "touches": T("all")}),
    "EarlyStopping": (EarlyStopping, {"patience": W(3), "metric": T("validation_accuracy"),
                                      "by": F(0.1)}),
    "MLP": (MLP, {"hidden": (W(8), W(4)), "dropout": F(0.1), "activation": T("tanh")}),
    "CNN": (CNN, {"channels": (W(8), W(4)), "kernel": W(5), "normalisation": T("layer")}),
    "ConvNet": (ConvNet, {"depth": W(8), "width": W(4), "shortcut": B(0),
                          "order": T("dropout, norm")}),
    "AutoEncoder": (AutoEncoder, {"code": W(4), "hidden": (W(8),), "variational": B(1),
                                  "activation": T("tanh")}),
    "FCN": (FCN, {"width": W(4), "levels": W(3), "normalisation": T("layer")}),
    "UNet": (UNet, {"width": W(4), "levels": W(1), "skips": B(0)}),
    "GAN": (GAN, {"hidden": (W(8), W(4)), "latent": W(3), "conditional": B(1)}),
    "DCGAN": (DCGAN, {"width": W(4), "levels": W(1), "latent": W(3), "conditional": B(1)}),
    "Recurrent": (Recurrent, {"cell": T("GRU"), "width": W(4), "layers": W(2), "tokens": W(9)}),
    "Transformer": (Transformer, {"width": W(4), "heads": W(2), "layers": W(1), "hidden": W(8),
                                  "causal": B(1), "dropout": F(0.1)}),
    "rule": (initialisation.Constant, {"value": F(0.1)}),
    "Normal": (initialisation.Normal, {"std": F(0.1)}),
    "HeNormal": (initialisation.HeNormal, {"gain": F(0.1)}),
    "Shift": (augment.Shift, {"strength": F(0.1)}),
    "Mixture": (augment.Mixture, {"strength": F(0.1), "operations": W(3)}),
    "Mixup": (augment.Mixup, {"strength": F(0.1)}),
    "digits": (digits, {"train": W(60), "validation": W(20), "test": W(20)}),
    "images": (images, {"folder": ".", "size": W(16)}),
    "Sharpness": (measures.Sharpness, {"rho": F(0.1), "std": F(0.2), "steps": W(2),
                                       "samples": W(3), "images": W(40)}),
    "Occluded": (measures.Occluded, {"side": F(0.1)}),
    "Noisy": (measures.Noisy, {"std": F(0.1)}),
    "PrunedAccuracy": (measures.PrunedAccuracy, {"share": F(0.1)}),
    "VarianceShift": (measures.VarianceShift, {"images": W(40)}),
    "GradientNoise": (measures.GradientNoise, {"when": T("start"), "small": W(4),
                                               "batches": W(8)}),
    "DeadUnits": (measures.DeadUnits, {"when": T("start"), "images": W(40)}),
    "Looks": (Looks, {"seeds": (W(5), W(10)), "alphas": (F(0.01), F(0.02))}),
    "Tuned": (Tuned, {"name": "lr", "low": F(0.1), "high": F(0.9), "log": B(1), "trials": W(3),
                      "default": F(0.2)}),
    "Higher": (Higher, {"text": "A.", "metric": T("test_loss"), "by": F(0.1), "primary": B(0),
                        "higher": {"a": W(1)}, "lower": {"a": W(2)}}),
    "Scale": (Scale, {"seeds": W(5), "tuning": W(3), "width": W(4)}),
}  # fmt: skip
"""What has fields of numbers, truths and names; and numpy's in each of those fields."""


def as_python(value: Any) -> Any:
    """The same by numpy's own conversion, which prints a float32 with the digits that it has."""
    if isinstance(value, tuple):
        return tuple(map(as_python, value))
    if isinstance(value, dict):
        return {key: as_python(each) for key, each in value.items()}
    return float(str(value)) if isinstance(value, F) else getattr(value, "item", lambda: value)()


@pytest.mark.parametrize("name", FIELDS)
def test_numpy_numbers_in_a_declaration_are_pythons(name: str) -> None:
    make, fields = FIELDS[name]
    made, wanted = make(**fields), make(**as_python(fields))
    assert repr(made) == repr(wanted)
    assert "np." not in repr(made)
    if name not in {"Scale", "images"}:  # which are told by their repr, or by their files
        assert made == wanted
        assert canonical(made) == canonical(wanted)


@pytest.mark.parametrize("name", FIELDS)
def test_torch_numbers_in_a_declaration_are_pythons(name: str) -> None:
    def as_torch(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(as_torch, value))
        return torch.tensor(value.item()) if isinstance(value, F | W | B) else value

    make, fields = FIELDS[name]
    made = make(**{field: as_torch(value) for field, value in fields.items()})
    assert repr(made) == repr(make(**as_python(fields)))


def test_every_declaration_with_numbers_is_in_the_table() -> None:
    there = {type(make(**fields)) for make, fields in FIELDS.values()}
    for parts in (optim, schedules, clipping, penalties, losses, rebuilding):
        kinds = [kind for kind in vars(parts).values() if dataclasses.is_dataclass(kind)]
        kinds = [kind for kind in kinds if not kind.__name__.startswith("_")]  # type: ignore[union-attr]
        kinds = [kind for kind in kinds if dataclasses.fields(kind) and kind is not losses.Batch]
        assert kinds
        assert there.issuperset(kinds)  # type: ignore[arg-type]


# ---- names --------------------------------------------------------------------------------------

UNSHOWN = ("caf\udce9", "a\nb", "a\rb", "nul\x00", "\x1b[31m", "a\u2028b", "\u202eback", "a\tb")


@pytest.mark.parametrize("name", UNSHOWN, ids=ascii)
def test_names_that_cannot_be_shown_are_refused_where_they_are_declared(name: str) -> None:
    from harness.measures import measured

    given: dict[str, Any] = {"metric": "test_accuracy", "by": 0.1, "higher": {"w": 1},
                             "lower": {"w": 2}}  # fmt: skip
    for make in (
        lambda: Factor("folder", (name, "tea")),
        lambda: Factor("folder", {name: 1, "tea": 2}),
        lambda: Higher(name, **given),
        lambda: Higher("A.", source=name, **given),
        lambda: Arms({name: {}}),
        lambda: dataclasses.replace(study(), question=name),
        lambda: dataclasses.replace(study(), name=name),
        lambda: dataclasses.replace(
            study(), measures=(measured("margin", own, title=name, meaning="It."),)
        ),
        lambda: dataclasses.replace(study(), measures=(measured("margin", own, meaning=name),)),
    ):
        with pytest.raises(HarnessError) as caught:
            make()
        line = str(caught.value)
        line.encode("ascii" if "…" not in line else "utf-8")  # can be shown anywhere itself
        assert line.isprintable()
        assert "must be" in line


def test_a_level_that_cannot_be_shown_may_have_a_name_that_can() -> None:
    factor = Factor("folder", {"cafe": "caf\udce9", "tea": "tea"})
    assert [each.plain for each in factor.named] == ["cafe", "tea"]
    assert factor.named[0].value == "caf\udce9"
