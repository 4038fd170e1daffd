"""How much of the variance a setting explains: exactly on a grid, with intervals at random."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest

from harness import Choice, Float, Int
from harness.judging.searched import with_shares
from harness.judging.shares import Shares, at_random, on_grid
from harness.study.space import Space
from tests.example_search import example_results, search

SQUARE = Space((Float("a", 0.0, 1.0), Float("b", 0.0, 1.0)))


def square(settings: Mapping[str, Any]) -> float:
    """Of exact shares .96 and .04, where PED-ANOVA says that b matters as much as a."""
    return (float(settings["a"]) - 0.3) ** 2 + 0.1 * float(settings["b"])


def exact() -> tuple[float, float]:
    of_a = float(np.var((np.linspace(0, 1, 100_001) - 0.3) ** 2))
    of_b = 0.01 / 12
    return of_a / (of_a + of_b), of_b / (of_a + of_b)


def test_shares_on_a_complete_grid_are_exact() -> None:
    settings = [{"a": a, "b": b, "c": c} for a, b, c in product(range(4), (1, 2, 4), "xyz")]
    values = [a + 0.5 * a * b + {"x": 0, "y": 1, "z": 3}[c] * 2.0 for a, b, c in
              (each.values() for each in settings)]  # fmt: skip
    shares = on_grid(settings, values)
    assert shares is not None
    assert shares.exact
    assert shares.count == 36
    table = np.array(values).reshape(4, 3, 3)
    total = table.var()
    assert shares.main["a"].value == pytest.approx(table.mean(axis=(1, 2)).var() / total)
    assert shares.pairs["a", "b"].value > 0.01
    assert shares.pairs["a", "c"].value == pytest.approx(0, abs=1e-12)
    assert shares.pairs["b", "c"].value == pytest.approx(0, abs=1e-12)
    assert shares.rest == pytest.approx(0, abs=1e-12)
    every = [each.value for each in (*shares.main.values(), *shares.pairs.values())]
    assert sum(every) == pytest.approx(1)


def test_a_grid_must_be_complete() -> None:
    settings = [{"a": a, "b": b} for a, b in product(range(3), range(3))]
    assert on_grid(settings[:-1], [1.0] * 8) is None
    assert on_grid([], []) is None
    assert on_grid([{"a": a} for a in range(3)], [1.0, 2.0, 3.0]) is None
    flat = on_grid(settings, [2.0] * 9)
    assert flat is not None
    assert flat.why == "all settings gave the same value"
    two = on_grid(settings, [float(a["a"] * a["b"]) for a in settings])
    assert two is not None
    assert two.pairs == {}, "of two settings the pair is not told from chance"
    assert two.rest > 0.1


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_intervals_at_random_hold_the_exact_shares(noise: float) -> None:
    truth = [share * 0.0196 / (0.0196 + noise**2) for share in exact()]
    hits, found = np.zeros(2), []
    for number in range(25):
        rng = np.random.default_rng([number, 7])
        settings = [{"a": a, "b": b} for a, b in rng.uniform(size=(60, 2)).tolist()]
        values = [square(each) + noise * rng.normal() for each in settings]
        shares = at_random(SQUARE, settings, values)
        own = list(shares.main.values())
        hits += [each.low <= one <= each.high for each, one in zip(own, truth, strict=True)]
        found.append([each.value for each in own])
    assert (hits / 25 >= 0.84).all()
    assert np.mean(found, axis=0) == pytest.approx(truth, abs=0.05)


def test_options_and_interactions_are_told_apart() -> None:
    space = Space((Float("a", 0.01, 1.0, log=True), Choice("c", ("x", "y", "z"))))
    rng = np.random.default_rng(3)
    settings = [
        {"a": math.exp(rng.uniform(math.log(0.01), 0)), "c": "xyz"[int(rng.integers(3))]}
        for _ in range(300)
    ]
    values = [{"x": 0.0, "y": 1.0, "z": 2.0}[str(each["c"])] for each in settings]
    shares = at_random(space, settings, values)
    assert shares.main["c"].value == pytest.approx(1, abs=0.01)
    assert shares.main["a"].value < 0.02
    assert shares.rest < 0.02


def test_too_few_settings_tell_nothing() -> None:
    settings = [{"a": 0.1 * place, "b": 0.5} for place in range(10)]
    few = at_random(SQUARE, settings, [float(place) for place in range(10)])
    assert few.why.startswith("10 settings drawn at random are too few: about 24")
    assert at_random(SQUARE, [], []).why


def shares_of(**how: Any) -> Shares:
    results = example_results(confirm=0, **how)
    assert results.search is not None
    return with_shares(results.search).shares


SPACE = (Float("lr", 0.01, 1.0, log=True), Int("width", 16, 256, log=True))


def two(context: Any, lr: float, width: int) -> Any:
    raise AssertionError("a report must not train")


def named(context: Any, a: int, b: int) -> Any:
    raise AssertionError("a report must not train")


def trained(place: int, settings: Mapping[str, Any], seed: int) -> dict[str, float]:
    return {"validation_error": float(0.1 + 0.02 * math.log10(settings["lr"]) ** 2)}


def test_each_design_says_what_it_tells() -> None:
    drawn_at_random = search(space=SPACE, train=two, sampler="random")
    told = shares_of(declared=drawn_at_random, trained=trained)
    assert told.why == ""
    assert told.count == 47, "the default was not drawn"
    assert told.main["lr"].value > 0.95
    assert "goes to where values are good" in shares_of(
        declared=search(space=SPACE, train=two, sampler="tpe"), trained=trained
    ).why  # fmt: skip
    assert "under a condition" in shares_of().why
    assert "gave no value" in shares_of(
        declared=drawn_at_random, trained=trained, pruned=(3,)
    ).why  # fmt: skip
    grid = search(space=(Choice("a", (1, 2, 3)), Choice("b", (1, 2))), train=named, sampler="grid")
    settings = [{"a": a, "b": b} for a, b in product((1, 2, 3), (1, 2))]

    def on(place: int, own: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": own["a"] / 10}

    whole = shares_of(declared=grid, settings=settings, trained=on)
    assert whole.exact
    assert whole.main["a"].value == pytest.approx(1)
