"""The study of search strategies: what one of its trials is, at a scale of its own."""

from __future__ import annotations

import importlib
import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness import Context
from harness.own.saves import TrialFolder
from harness.study.searching import Searching
from harness.study.study import Study

strategies = importlib.import_module("harness.studies.search_strategies")
STUDY: Study = strategies.study
SCALE = {
    "train": 96, "validation": 100, "test": 900, "width": 8, "epochs": 2, "batch": 5, "known": 40,
    "grids": {"two": (4, 4), "four": (2, 2, 2, 2)},
}  # fmt: skip


def context_in(folder: Path, **more: Any) -> Context:
    place = TrialFolder(folder, "key")
    return Context(3, "cpu", SCALE, choosing=False, folder=place, **more)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return context_in(tmp_path)


def curve(context: Context) -> list[float]:
    return [values["above_best"] for _, values in context._curve]


def test_every_strategy_spends_the_same_number_of_trainings(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies.long_search(context)
    trained: list[int] = []
    monkeypatch.setattr(strategies, "effects", lambda *_: {})

    class Counted(strategies.Networks):  # type: ignore[misc]
        def __init__(self, settings: Any, width: int, seed: int) -> None:
            trained.append(len(settings))
            super().__init__(settings, width, seed)

    monkeypatch.setattr(strategies, "Networks", Counted)
    counts = {}
    for arm in STUDY.arms("quick"):
        levels = {name: level.value for name, level in arm.levels.items()}
        again = context_in(tmp_path / arm.name, given={"long_search": context.folder})
        trained.clear()
        found = strategies.train(again, **levels)
        assert all(math.isfinite(value) for value in found.values())
        assert found["worst_test_loss"] >= found["test_loss"]
        counts[arm.name] = sum(trained) - strategies.FRESH
        tried = 7 if arm.name == "tpe, confirmed" else 16
        assert len(curve(again)) == tried
        assert curve(again) == sorted(curve(again), reverse=True), "the best by now"
    assert len(counts) == 7
    assert set(counts.values()) == {16}


def test_networks_side_by_side_are_those_that_torch_trains_one_by_one(context: Context) -> None:
    data = strategies.split(context, "search")
    settings = [
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 1e-3, "slope": 0.1},
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-7, "slope": 0.3},
    ]
    together = strategies.Networks(settings, 8, seed=1).trained(*data.train, 10)
    found = [loss for loss, _ in together.measured(data.validation)]
    for each, loss in zip(settings, found, strict=True):
        start = strategies.Networks([each], 8, seed=1)
        model = nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(each["slope"]), nn.Linear(8, 10))
        with torch.no_grad():
            for layer, weights in zip((model[0], model[2]), start.weights, strict=True):
                layer.weight.copy_(weights[0, :-1].T)  # type: ignore[operator]
                layer.bias.copy_(weights[0, -1])  # type: ignore[operator]
        optimizer = torch.optim.SGD(
            model.parameters(), lr=each["lr"], momentum=each["momentum"],
            weight_decay=each["weight_decay"],
        )  # fmt: skip
        for _ in range(10):
            for rows in torch.randperm(96, generator=start.random).split(32):
                value = nn.functional.cross_entropy(model(data.train[0][rows]), data.train[1][rows])
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
        x, y = data.validation
        with torch.no_grad():
            wanted = float(nn.functional.cross_entropy(model(x), y))
        assert loss < strategies.CHANCE
        assert loss == pytest.approx(wanted, rel=1e-4)


def test_a_grid_has_its_sizes_and_lies_within_the_space() -> None:
    space = strategies.SPACES["four"]
    made = strategies.grid(space, (3, 3, 2, 2), 5)
    assert [len(each.named) for each in made] == [3, 3, 2, 2]
    for choice, setting in zip(made, space, strict=True):
        values = [float(each.value) for each in choice.named]
        assert setting.low <= min(values) < max(values) <= setting.high
        apart = [b / a if setting.log else b - a for a, b in itertools.pairwise(values)]
        assert apart == pytest.approx(apart[:1] * len(apart), rel=1e-4)
    assert made != strategies.grid(space, (3, 3, 2, 2), 6), "another seed moves it"


def test_test_images_are_never_trained_on_or_searched_by(context: Context) -> None:
    def rows(images: torch.Tensor) -> set[tuple[float, ...]]:
        return {tuple(each.tolist()) for each in images}

    tests = rows(strategies.split(context, "search").test[0])
    for name in ("search", "fresh 0", "again 1"):
        data = strategies.split(context, name)
        assert rows(data.test[0]) == tests
        assert not tests & (rows(data.train[0]) | rows(data.validation[0]))
        assert not rows(data.train[0]) & rows(data.validation[0])


def test_what_diverges_counts_as_chance(context: Context) -> None:
    wild = {"lr": 1e6, "momentum": 0.99, "weight_decay": 0.0, "slope": 0.1}
    assert strategies.validation_losses(context, strategies.split(context, "search"), [wild]) == [
        strategies.CHANCE
    ]


def test_batches_are_those_that_a_user_gets() -> None:
    for name in STUDY.scales:
        _, scale = STUDY.scale(name)
        trials = math.prod(scale.grids["four"])
        assert scale.batch == Searching((), (), trials=trials).at_a_time
