"""Made-up searches for looking at reports and testing them: deterministic, nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness import AtMost, Choice, Float, Int, Metric, Scale, Search
from harness.judging.results import Results, assemble
from harness.judging.rounds import Costs
from harness.study.declaration import Declaration
from harness.study.searching import DEFAULT, LABEL, PLACES, SEARCHED
from harness.study.space import Space
from harness.trials.manifest import Manifest, Planned
from harness.trials.records import Record
from harness.trials.searched import SearchKept, TriedSettings

ENV = {"device": "cpu", "hardware": "AMD EPYC 7B13", "python": "3.11.9", "torch": "2.15.0"}


def _train(context: Any, **settings: Any) -> Mapping[str, float]:
    raise AssertionError("a report must not train")


def train(context: Any, lr: float, width: int, optimizer: str, momentum: float | None) -> Any:
    return _train(context)


METRICS = (
    Metric("validation_error", "Validation error", "fraction", "lower", "Share that is wrong."),
    Metric("model_bytes", "Size of the network", "B", "lower", "Bytes of its parameters."),
    Metric("test_error", "Test error", "fraction", "lower", "Share that is wrong."),
)


def search(**changes: Any) -> Search:
    declared: dict[str, Any] = {
        "name": "digits_search",
        "question": "Which optimizer, rate and width are best on digits?",
        "space": (
            Float("lr", 0.0001, 1.0, log=True),
            Int("width", 16, 512, log=True),
            Choice("optimizer", ("sgd", "adam", "rmsprop")),
            Float("momentum", 0.0, 0.99, when={"optimizer": "sgd"}),
        ),
        "train": train,
        "objective": "validation_error",
        "scales": {"quick": Scale(epochs=10, seeds=3)},
        "trials": 64,
        "metrics": METRICS,
    }
    return Search(**declared | changes)


def error_of(settings: Mapping[str, Any]) -> float:
    """What settings are truly worth."""
    best = {"sgd": -1.0, "adam": -2.5, "rmsprop": -2.5}[settings["optimizer"]]
    rate = (math.log10(settings["lr"]) - best) ** 2
    width = (math.log2(settings["width"]) - 7.5) ** 2
    slow = (settings.get("momentum", 0.9) - 0.9) ** 2
    return 0.03 + 0.02 * rate + 0.003 * width + 0.05 * slow


def drawn(space: Space, count: int, seed: int = 1) -> list[dict[str, Any]]:
    """The default, then settings at random."""
    rng = np.random.default_rng(seed)
    out: list[dict[str, Any]] = [dict(space.defaults)]
    while len(out) < count:
        given: dict[str, Any] = {}
        for each in space:
            if not space.in_use(each, given):
                continue
            if isinstance(each, Choice):
                given[each.name] = each.plain[int(rng.integers(len(each.plain)))]
            elif each.log:
                low, high = math.log(each.low), math.log(each.high)
                given[each.name] = each.rounded(math.exp(rng.uniform(low, high)))
            else:
                given[each.name] = each.rounded(float(rng.uniform(each.low, each.high)))
        out.append(given)
    return out


Values = Mapping[str, float]
"""What a trial gave: metrics by name."""


def made(
    declaration: Declaration,
    settings: Sequence[Mapping[str, Any]],
    trained: Callable[[int, Mapping[str, Any], int], Values | str],
    *,
    confirm: int = 3,
    confirmed: Sequence[int] | None = None,
    pruned: Sequence[int] = (),
    batch: int = 16,
    tuning_seeds: int = 1,
    **kept: Any,
) -> tuple[Manifest, list[Record]]:
    """Make the manifest and records of a search.

    Args:
        declaration: of the search.
        settings: in the order tried.
        trained: called with the place of settings, themselves and a seed; a text is why it failed.
        confirm: on how many fresh seeds the best are run again.
        confirmed: places of the best, unless those with the best first objective.
        pruned: places of settings that were stopped early.
        batch: how many are asked for at a time.
        tuning_seeds: on how many seeds each is tried.
        kept: what else is kept of the search.
    """
    searching = declaration.search
    assert searching is not None
    records: list[Record] = []
    planned: list[Planned] = []

    def run(arm: str, place: int, seed: int, role: Any) -> str:
        key = f"{'e' if role == 'evaluate' else 'a'}{place:04x}{seed % 1000:04x}7744aa0b"
        planned.append(Planned(arm, seed, key, role))
        given = trained(place, settings[place], seed)
        if key not in {record.key for record in records}:
            early = role == "tune" and place in pruned
            number = len(records)
            records.append(
                _record(
                    declaration, arm, settings[place], seed, role, key, given, number, early=early
                )
            )
        return key

    keys = [
        tuple(run(SEARCHED.name, place, 1_000_000 + seed, "tune") for seed in range(tuning_seeds))
        for place in range(len(settings))
    ]
    if confirmed is None:
        sign = 1.0 if declaration.metric(searching.objectives[0]).better == "lower" else -1.0
        value = {
            place: [record.metrics.get(searching.objectives[0]) for record in records
                    if record.key in own and record.state == "complete"]
            for place, own in enumerate(keys)
        }  # fmt: skip
        done = {place: sum(own) / len(own) for place, own in value.items() if own}
        confirmed = sorted(done, key=lambda place: (sign * done[place], place))[: len(PLACES)]
    if confirm:
        for arm, place in zip((DEFAULT, *PLACES), (0, *confirmed), strict=False):
            for seed in range(confirm):
                run(arm, place, seed, "evaluate")
    sizes = [len(settings[at : at + batch]) for at in range(0, len(settings), batch)]
    manifest = Manifest(
        seeds=tuple(range(confirm)), asked=(confirm,), looks=None,
        evaluations=sum(each.role == "evaluate" for each in planned), tuned=False,
        command="harness search digits_search", trials=tuple(planned), tuning=(), programs={},
        machine="", data=(), modes={},
        search=SearchKept(
            tuple(TriedSettings(each, own) for each, own in zip(settings, keys, strict=True)),
            tuple(sizes), tuple(confirmed) if confirm else (), **kept,
        ),
    )  # fmt: skip
    return manifest, records


def _record(
    declaration: Declaration,
    arm: str,
    settings: Mapping[str, Any],
    seed: int,
    role: Any,
    key: str,
    given: Values | str,
    number: int,
    *,
    early: bool,
) -> Record:
    common: dict[str, Any] = {
        "study": declaration.name, "scale": declaration.scale, "arm": arm,
        "levels": {} if arm == SEARCHED.name else {LABEL: arm}, "seed": seed, "role": role,
        "tuned": dict(settings), "key": key, "number": number, "env": ENV,
        "finished": "2026-03-05T14:02:11+00:00",
    }  # fmt: skip
    if isinstance(given, str):
        return Record(**common, state="failed", reason=given, cost={"seconds": 1.0})
    last = next(iter(given.values()))
    curve = tuple(last * (1 + 2 / epoch) for epoch in range(1, 4 if early else 11))
    metrics = {next(iter(given)): curve[-1]} if early else dict(given)
    return Record(
        **common, state="pruned" if early else "complete", metrics=metrics,
        curves={next(iter(given)): curve}, cost={"seconds": 12.0},
    )  # fmt: skip


def noisy(place: int, settings: Mapping[str, Any], seed: int) -> Values | str:
    """What a trial of the example gives; one of them fails."""
    if place == 11:
        return "diverged: the loss was not finite after epoch 3"
    noise = np.random.default_rng([place, seed]).normal(size=2)
    error = error_of(settings) + 0.004 * noise[0]
    return {
        "validation_error": float(min(error, 0.9)),
        "model_bytes": 4.0 * 74 * settings["width"],
        "test_error": float(min(error + 0.01 + 0.002 * noise[1], 0.9)),
    }


def example_results(
    declared: Search | None = None,
    count: int = 48,
    trained: Callable[[int, Mapping[str, Any], int], Values | str] = noisy,
    settings: Sequence[Mapping[str, Any]] | None = None,
    **how: Any,
) -> Results:
    """Make results of a search, as the store's are made."""
    declared = declared or search(constraints=(AtMost("model_bytes", 1e5),))
    declaration = declared.study.declaration("quick")
    assert declaration.search is not None
    tried = settings or drawn(declaration.search.space, count)
    manifest, records = made(declaration, tried, trained, **how)
    return assemble(declaration, records, manifest, Costs(), (), "3f2c9ab")
