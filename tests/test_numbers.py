"""Numpy's and torch's numbers are taken wherever Python's are, and mean the same."""

import dataclasses
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
)  # fmt: skip
from harness.data import digits
from harness.declarations import declared
from harness.errors import HarnessError
from harness.levels import own
from harness.models import MLP
from harness.optim import SGD
from harness.plan import make_trial

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


def test_what_is_no_single_number_is_left_as_it_is() -> None:
    masked, many = np.ma.masked, np.arange(3)
    assert own(masked) is masked  # which .item() would turn into 0
    assert own(many) is many
    with pytest.raises(HarnessError):
        Factor("width", (masked, 4))


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
