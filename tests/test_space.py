"""Spaces: what they refuse, what is in use, and what is given where nothing is said."""

import json

import pytest

from harness import AtMost, Choice, Context, Float, HarnessError, Int, Metric, Scale, Search
from harness.optim import SGD, Adam
from harness.study.converter import from_plain, to_plain
from harness.study.declaration import Declaration
from harness.study.searching import Searching
from harness.study.space import Space

OPTIMIZER = Choice("optimizer", {"sgd": SGD, "adam": Adam})
MOMENTUM = Int("momentum", 0, 9, when={"optimizer": "sgd"})
NESTEROV = Choice("nesterov", (True, False), when={"momentum": (8, 9)})


def train(context: Context, lr: float, width: int) -> dict[str, float]:
    return {"validation_loss": lr * width, "size": float(width), "test_error": 1.0}


def search(**changed: object) -> Search:
    given: dict[str, object] = {
        "name": "rates",
        "question": "Which rate?",
        "space": (Float("lr", 0.001, 1.0, log=True), Int("width", 4, 64, log=True)),
        "train": train,
        "metrics": (
            Metric("validation_loss", better="lower"), Metric("size"), Metric("test_error"),
        ),
        "scales": {"quick": Scale()},
    }  # fmt: skip
    return Search(**{**given, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "must", "came"),
    [
        (lambda: Float("lr", 1.0, 0.1), "low < high", "1.0 to 0.1"),
        (lambda: Float("lr", 0.1, 0.1), "low < high", "0.1 to 0.1"),
        (lambda: Float("lr", 0.0, 0.1, log=True), "above 0 on a log axis", "0.0 to 0.1"),
        (lambda: Float("lr", -1.0, 1.0, log=True), "above 0 on a log axis", "-1.0 to 1.0"),
        (lambda: Float("lr", 0.0, float("inf")), "finite", "inf"),
        (lambda: Float("lr", 0.0, 1.0, default=2.0), "must lie in its space", "2.0"),
        (lambda: Int("n", 1.5, 3), "whole numbers", "1.5 to 3"),  # type: ignore[arg-type]
        (lambda: Int("n", 1, 10, step=4), "must lead from low to high", "1 to 10 by 4"),
        (lambda: Int("n", 1, 9, step=4, default=2), "must be one of its values", "2"),
        (lambda: Int("n", 0, 8, log=True), "above 0", "0 to 8"),
        (lambda: Choice("way", ("a",)), "two options at least", "1"),
        (lambda: Choice("way", ("a", "a")), "must differ", "'a' twice"),
        (lambda: Choice("a", (1, True)), "must differ", "1, True, of which some are equal"),
        (lambda: Choice("a", {"one": 0.0, "two": 0}), "must differ", "0.0, 0"),
        (
            lambda: Space((Float("a", 0.0, 1.0), Int("b", 1, 2, when={"a": 0.5}))),
            "must name a Choice or an Int",
            "'a', a Float",
        ),
        (lambda: Choice("way", ("a", "b"), default="c"), "one of those declared", "'c'"),
        (lambda: Float("seed", 0.0, 1.0), "no column of the records", "'seed'"),
        (lambda: Float("a", 0.0, 1.0, when="sgd"), "must map names", "'sgd'"),  # type: ignore[arg-type]
        (lambda: Space((OPTIMIZER, OPTIMIZER)), "different names", "'optimizer' twice"),
        (lambda: Space((MOMENTUM,)), "another setting of the space", "'optimizer'"),
        (
            lambda: Space((OPTIMIZER, Float("a", 0.0, 1.0, when={"optimizer": "rmsprop"}))),
            "one of those declared",
            "'rmsprop'",
        ),
        (
            lambda: Space(
                (
                    Choice("a", (1, 2), when={"b": 1}),
                    Choice("b", (1, 2), when={"a": 1}),
                )
            ),
            "not go round in a circle",
            "a by b, b by a",
        ),
        (lambda: Space((Int("n", 1, 5),)).completed({"m": 1}), "one of the space", "'m'"),
        (lambda: Space((Int("n", 1, 5),)).completed({"n": 9}), "lie in its space, 1 to 5", "9"),
        (lambda: Space((Int("n", 1, 5),)).completed({"n": 1.5}), "lie in its space", "1.5"),
        (
            lambda: Space((OPTIMIZER, MOMENTUM)).completed({"optimizer": "adam", "momentum": 5}),
            "only where it is in use: optimizer = sgd",
            "momentum = 5",
        ),
    ],
)
def test_what_is_wrong_with_a_space_is_one_clear_line(make, must: str, came: str) -> None:
    with pytest.raises(HarnessError) as raised:
        make()
    assert must in str(raised.value)
    assert came in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_setting_comes_after_those_that_its_condition_names() -> None:
    space = Space((NESTEROV, MOMENTUM, OPTIMIZER))
    assert [each.name for each in space] == ["optimizer", "momentum", "nesterov"]


def test_what_is_not_in_use_is_left_out_and_given_as_none() -> None:
    space = Space((OPTIMIZER, MOMENTUM, NESTEROV))
    assert space.defaults == {"optimizer": "sgd", "momentum": 4}
    assert space.completed({"momentum": 9}) == {
        "optimizer": "sgd", "momentum": 9, "nesterov": True,
    }  # fmt: skip
    assert space.completed({"optimizer": "adam"}) == {"optimizer": "adam"}
    assert space.arguments({"optimizer": "adam"}) == {
        "optimizer": Adam, "momentum": None, "nesterov": None,
    }  # fmt: skip


def test_a_value_brings_what_its_condition_names_along() -> None:
    space = Space((Choice("way", ("adam", "sgd")), Float("m", 0.0, 1.0, when={"way": "sgd"})))
    assert space.defaults == {"way": "adam"}
    assert space.with_value("m", 1.0) == {"way": "sgd", "m": 1.0}


def test_a_grid_has_each_combination_that_is_in_use_once() -> None:
    space = Space(
        (
            Choice("way", ("adam", "sgd")),
            Int("steps", 1, 5, step=2, when={"way": "sgd"}),
            Choice("flip", (True, False)),
        )
    )
    points = list(space.grid())
    assert len(points) == space.points == 2 + 3 * 2
    assert {"way": "sgd", "steps": 3, "flip": False} in points
    assert all("steps" not in each for each in points if each["way"] == "adam")
    assert Space((Float("lr", 0.0, 1.0),)).points is None


def test_true_is_not_one_in_a_condition() -> None:
    space = Space((Choice("flag", (True, False)), Int("n", 1, 2, when={"flag": True})))
    assert space.defaults == {"flag": True, "n": 1}
    assert not space.in_use(space["n"], {"flag": 1})


@pytest.mark.parametrize(
    ("changed", "must", "came"),
    [
        ({"space": ()}, "must have a space", "no settings"),
        ({"space": Float("lr", 0.1, 1.0)}, "must be a tuple", "Float"),
        ({"trials": 0}, "at least 1", "0"),
        ({"objective": "loss"}, "an objective must be a metric that every trial", "'loss'"),
        ({"objective": "test_error"}, "no test metric", "'test_error'"),
        ({"objective": "size"}, "better direction", "'size'"),
        ({"objective": ()}, "must name a metric", "()"),
        ({"constraints": (AtMost("bytes", 1.0),)}, "the metric of a constraint", "'bytes'"),
        ({"pruner": "halving"}, "the pruner must be one of", "'halving'"),
        ({"pruner": "wilcoxon"}, "five seeds or more", "seeds=1"),
        ({"pruner": "wilcoxon", "seeds": 4}, "five seeds or more", "seeds=4"),
        ({"pruner": "median", "seeds": 2}, "one seed for each setting", "seeds=2"),
        ({"rungs": (1, 3)}, "beside pruner='hyperband'", "'none'"),
        ({"rungs": (3, 1), "pruner": "hyperband"}, "epochs that rise", "(3, 1)"),
        ({"seeds": 10, "trials": 5}, "one setting at least", "trials=5 with seeds=10"),
        ({"enqueue": ({"lr": 7.0},)}, "lie in its space", "7.0"),
        ({"enqueue": ({"rate": 7.0},)}, "one of the space", "'rate'"),
        ({"space": (Float("lr", 0.1, 1.0),)}, "train's parameters must be", "'width'"),
        ({"train": None}, "must say what is run", "none of build="),
        ({"scales": {}}, "must have a scale", "none"),
    ],
)
def test_what_is_wrong_with_a_search_is_one_clear_line(
    changed: dict[str, object], must: str, came: str
) -> None:
    with pytest.raises(HarnessError) as raised:
        search(**changed)
    assert must in str(raised.value)
    assert came in str(raised.value)


def test_a_search_is_declared_in_plain_values_that_read_back() -> None:
    made = search(
        constraints=(AtMost("size", 32.0),), enqueue=({"lr": 0.5},), by=0.1, pruner="median"
    )
    declared = made.study.declaration("quick")
    text = json.dumps(declared.plain)
    again = Declaration.of(json.loads(text))
    assert again.search == declared.search
    assert again.plain == declared.plain
    assert isinstance(again.search, Searching)
    assert again.search.enqueue == ({"lr": 0.5, "width": 16},)


def test_options_that_are_objects_are_declared_by_name() -> None:
    searching = Searching((OPTIMIZER, MOMENTUM), ("validation_loss",))
    plain = from_plain(Searching, json.loads(json.dumps(to_plain(searching.plain))))
    assert plain.space.defaults == searching.space.defaults
    assert plain.space["optimizer"] == Choice("optimizer", {"sgd": "sgd", "adam": "adam"}, "sgd")


def test_a_claim_on_the_winner_is_made_where_a_margin_is_given() -> None:
    (claim,) = search(by=0.1).study.claims
    assert claim.metric == "validation_loss"
    assert search().study.claims == ()
