"""Runs with made-up numbers, for tests of comparisons: nothing is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harness import Factor, Metric, Scale, Study
from harness.compared.sides import Side
from harness.judging.results import assemble
from harness.judging.rounds import Costs
from harness.study.claims import Claim, Higher
from harness.trials.manifest import Manifest, Planned
from harness.trials.profiles import Profile
from harness.trials.records import Record

ENV = {"python": "3.11", "torch": "2.11", "device": "cpu", "hardware": "EPYC", "threads": "2"}
SPREAD = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Five numbers without skew, so that intervals are the plain ones of textbooks."""


def higher(by: float = 0.5, text: str = "64 beats 4.", **changes: Any) -> Higher:
    given: dict[str, Any] = {
        "metric": "score", "by": by, "higher": {"width": 64}, "lower": {"width": 4},
    }  # fmt: skip
    return Higher(text, **given | changes)


def build(scale: Scale, width: int) -> Any:
    raise AssertionError("a comparison must not train")


def train(context: Any, width: int) -> Any:
    raise AssertionError("a comparison must not train")


def study(*claims: Claim, **changes: Any) -> Study:
    given: dict[str, Any] = {
        "name": "wide",
        "question": "Does width help?",
        "factors": (Factor("width", (4, 64)),),
        "train": train,
        "objective": "score",
        "metrics": (Metric("score", unit="points", better="higher"),),
        "scales": {"quick": Scale(seeds=5)},
        "claims": claims or (higher(),),
    }
    return Study(**given | changes)


def side(
    label: str,
    values: Mapping[str, Sequence[float]],
    declared: Study | None = None,
    *,
    keys: str = "",
    first: int = 0,
    failed: Collection[tuple[str, int]] = (),
    curves: Mapping[str, Sequence[Sequence[float]]] | None = None,
    training: Mapping[str, Any] | None = None,
    code: Mapping[str, str] | None = None,
    env: Mapping[str, str] = ENV,
    profiles: Mapping[str, Profile] | None = None,
    metric: str = "score",
    revision: str = "abc",
) -> Side:
    """Make a run of which each arm has these values, one for each seed from ``first`` on.

    ``keys`` begins the keys of its trials: runs that share it share their trials.
    """
    declared = declared or study()
    scale = next(iter(declared.scales))
    declaration = declared.declaration(scale)
    records = [
        Record(
            declared.name, scale, arm.name, {n: level.plain for n, level in arm.levels.items()},
            seed, "evaluate", {}, f"{keys or label}-{arm.name}-{seed}",
            "failed" if (arm.name, seed) in failed else "complete",
            "out of memory" if (arm.name, seed) in failed else "",
            {} if (arm.name, seed) in failed else {metric: value},
            {metric: tuple(curves[arm.name][seed - first])} if curves else {},
            {"seconds": 1.0}, dict(env), dict(code or {"keys": "2", "study:train": "aa"}),
            dict(training or {"arguments": {"width": arm.name}}), number,
        )
        for number, arm in enumerate(declaration.arms)
        for seed, value in enumerate(values.get(arm.name, ()), first)
    ]  # fmt: skip
    manifest = Manifest(
        tuple(sorted({record.seed for record in records})), (5,), None, len(records), False,
        "harness run wide.py", tuple(Planned(r.arm, r.seed, r.key, "evaluate") for r in records),
        (), {}, "", (), {},
    )  # fmt: skip
    costs = Costs(dict(profiles or {}))
    return Side(label, f"{label}.db", assemble(declaration, records, manifest, costs, (), revision))


def profile(step: float = 0.01, hardware: str = "EPYC", **changes: Any) -> Profile:
    given: dict[str, Any] = {
        "step_seconds": step, "step_low": step, "step_high": step, "blocks": 5,
        "samples_per_second": 100.0, "peak_bytes": 4096, "memory": {}, "flops_per_step": 1000,
        "parameters": 64, "steps": 10, "samples": 100, "device": "cpu", "hardware": hardware,
        "threads": 2,
    }  # fmt: skip
    return Profile(**given | changes)


def around(mean: float, spread: float = 1.0) -> tuple[float, ...]:
    """Return five numbers about a mean."""
    return tuple(mean + spread * each for each in SPREAD)
