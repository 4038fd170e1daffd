"""Made-up results for looking at reports and testing them: deterministic, and nothing is trained.

The numbers are drawn so that each kind of verdict has a chance; they are evidence of nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from harness import Factor, Higher, Interaction, Scale, Study, Tuned
from harness.engines.modes import PLAIN, Choice, Mode, Timing
from harness.judging.pairing import evaluations
from harness.judging.results import ArmTuning, Program, Provenance, Results
from harness.judging.rounds import Costs, Round
from harness.judging.summaries import summarise
from harness.judging.targets import targets
from harness.judging.verdicts import judge
from harness.measures import ActivationVariance, GradientNorms, Occluded, measured
from harness.study.claims import Claim, Equivalent, NotWorse, Sooner
from harness.study.designs import Arm
from harness.study.looks import Looks
from harness.trials.profiles import STEP_PARTS, Profile, Spread, Timeline
from harness.trials.records import Record


def residual_claims() -> tuple[Claim, ...]:
    he = "He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2"
    return (
        Higher(
            "Without shortcuts, 56 layers fit the training set worse than 20.",
            metric="train_loss", by=0.1, source=he,
            higher={"shortcut": False, "depth": 56}, lower={"shortcut": False, "depth": 20},
        ),
        Higher(
            "At 56 layers, shortcuts raise test accuracy.",
            metric="test_accuracy", by=0.02, source=he,
            higher={"shortcut": True, "depth": 56}, lower={"shortcut": False, "depth": 56},
        ),
        Higher(
            "With shortcuts, 56 layers classify better than 20.",
            metric="test_accuracy", by=0.01, source=he,
            higher={"shortcut": True, "depth": 56}, lower={"shortcut": True, "depth": 20},
        ),
        Interaction(
            "Going from 20 to 56 layers costs more training loss without shortcuts than with them.",
            metric="train_loss", by=0.1,
            of=({"depth": 56}, {"depth": 20}), at=({"shortcut": False}, {"shortcut": True}),
        ),
        Higher(
            "Whatever the depth, shortcuts leave a larger gradient at the first block.",
            metric="gradient_norm_first_block", by=0.5, source="notes 004",
            higher={"shortcut": True}, lower={"shortcut": False},
        ),
    )  # fmt: skip


def logit_margin(trained: Any) -> float:
    raise AssertionError("a report must not measure")


MEASURES = (
    ActivationVariance(),
    GradientNorms(),
    Occluded(0.3),
    measured("logit_margin", logit_margin, title="Margin", better="higher",
             meaning="Mean distance between the two largest logits on test examples."),
)  # fmt: skip


def _build(scale: Scale, shortcut: bool, depth: int, lr: float) -> Any:
    raise AssertionError("a report must not train")


def residual_study(**changes: Any) -> Study:
    declared: dict[str, Any] = {
        "name": "residual_depth",
        "question": "Does a shortcut around every two layers let added depth help?",
        "factors": (Factor("shortcut", (False, True)), Factor("depth", (8, 20, 56))),
        "tuned": (Tuned("lr", 0.01, 1.0, log=True, trials=8),),
        "build": _build,
        "scales": {"quick": Scale(data="digits", width=8, epochs=15, seeds=10)},
        "claims": residual_claims(),
        "measures": MEASURES,
    }
    return Study(**declared | changes)


def residual_level(arm: Arm) -> float:
    """How badly an arm trains, between 0 and 1: plain networks suffer from depth."""
    depth = float(arm.levels["depth"].value)
    return {8.0: 0.05, 20.0: 0.06, 56.0: 0.06 if arm.levels["shortcut"].value else 1.0}[depth]


def plain_level(arm: Arm) -> float:
    """The same for any study: a little worse with each level away from the baseline."""
    return min(1.0, 0.03 + 0.02 * sum(len(level.name) % 5 for level in arm.levels.values()))


def example_results(
    study: Study | None = None,
    *,
    seeds: int = 10,
    failed: Collection[tuple[int, int]] = ((2, 7),),
    profiles: bool = True,
    tuning: bool = True,
    reason: str = "diverged: the training loss was not finite after epoch 3",
    warnings: tuple[str, ...] = (
        "shortcut=no, depth=20: the chosen lr = 0.786 lies on the upper edge of its space.",
    ),
    copies: int = 1,
    costs: Costs | None = None,
    looks: Looks | None = None,
) -> Results:
    """Make results; ``failed`` holds (place of arm, seed), ``copies`` repeats the records."""
    own = study is None or study.name == "shortcut_cost"
    study = study or residual_study()
    scale = next(iter(study.scales))
    arms = study.arms(scale)
    records = [
        _record(study, scale, arm, place, seed, (place, seed) in failed, own, reason)
        for place, arm in enumerate(arms)
        for seed in range(seeds)
    ]
    tuned = tuple(
        _tuning(arm, place, setting)
        for place, arm in enumerate(arms)
        for setting in study.tuned
        if tuning
    )
    records += [
        _tune_record(study, scale, arm, place, trial)
        for place, arm in enumerate(arms)
        for trial in range(study.budget(scale) if tuning else 0)
    ]
    costs_by_arm = {arm.name: _profile(place, arm) for place, arm in enumerate(arms)}
    declared = study.declaration(scale)
    return Results(
        declared, tuple(range(seeds)), tuple(records) * copies,
        judge(declared, records, looks, costs), summarise(declared, records), tuned,
        costs_by_arm if profiles else {},
        Provenance(
            f"harness run {study.name} --scale {scale} --seeds {seeds}", "0.1.0",
            "3f2c9ab+changes", "2026-03-05T14:02:11+00:00", 0.412,
            (
                {"python": "3.11.9", "torch": "2.11.0", "device": "cpu", "threads": "2",
                 "platform": "Linux-6.8-x86_64", "hardware": "AMD EPYC 7B13"},
            ),
        ),
        warnings,
        _programs(arms),
        looks,
        targets(declared, evaluations(declared, records), costs_by_arm if profiles else {}),
        rounds=costs.rounds if costs is not None else (),
    )  # fmt: skip


def cost_claims() -> tuple[Claim, ...]:
    """Claims on costs, and of the kinds that go with them: quality kept, and time until then."""
    with_them, without = {"shortcut": True, "depth": 56}, {"shortcut": False, "depth": 56}
    short = {"shortcut": True, "depth": 20}
    return (
        NotWorse(
            "20 layers classify no worse than 56, with shortcuts.",
            metric="test_accuracy", by=0.02, arm=short, than=with_them,
        ),
        NotWorse(
            "At 56 layers, shortcuts do no harm to the test loss.",
            metric="test_loss", by=0.1, arm=with_them, than=without,
        ),
        Sooner(
            "At 56 layers, shortcuts come sooner to a validation accuracy of 80 %.",
            metric="validation_accuracy", by=0.2, sooner=with_them, later=without, reaches=0.8,
        ),
        Higher(
            "56 layers take more memory than 20.",
            metric="peak_bytes", by=0.5, higher=with_them, lower=short,
        ),
        Equivalent(
            "Shortcuts cost no parameters.",
            metric="parameters", by=0.01, first={"shortcut": True}, second={"shortcut": False},
        ),
        NotWorse(
            "At 56 layers, shortcuts take no more than 5 % of a step's time.",
            metric="step_seconds", by=0.05, arm=with_them, than=without,
        ),
        Higher(
            "20 layers train more samples a second than 56.",
            metric="samples_per_second", by=0.2, higher=short, lower=with_them,
        ),
        Higher(
            "At 20 layers, shortcuts take time.",
            metric="step_seconds", by=0.01, higher=short, lower={"shortcut": False, "depth": 20},
            primary=False,
        ),
    )  # fmt: skip


def cost_study(**changes: Any) -> Study:
    return residual_study(**{"name": "shortcut_cost", "claims": cost_claims()} | changes)


def cost_results(
    *,
    rounds: int = 10,
    noise: float = 0.01,
    looks: Looks | None = None,
    claims: tuple[Claim, ...] | None = None,
    **changes: Any,
) -> Results:
    """Make results of claims on costs; ``noise`` is the spread of a time from round to round."""
    study = cost_study() if claims is None else cost_study(claims=claims)
    (scale,) = study.scales
    arms = study.arms(scale)
    profiles = {arm.name: _profile(place, arm) for place, arm in enumerate(arms)}
    costs = Costs(profiles, tuple(_round(profiles, noise, place) for place in range(rounds)))
    return example_results(study, costs=costs, looks=looks, **changes)


def _round(profiles: dict[str, Profile], noise: float, place: int) -> Round:
    """One round: all arms are as slow as the machine is just then, and each a little on its own."""
    drawn = np.random.default_rng([place, 6])
    slow = 1 + 3 * noise * drawn.random()
    seconds = {
        name: float(each.step_seconds * slow * math.exp(noise * drawn.normal()))
        for name, each in profiles.items()
    }
    twin = next(iter(profiles))
    samples = dict.fromkeys(profiles, 32)
    again = seconds[twin] * math.exp(noise * float(drawn.normal()))
    return Round(seconds, samples, twin, again)


def _programs(arms: tuple[Arm, ...]) -> tuple[Program, ...]:
    """Programs of some arms each: what is fused, what stays plain, what was never measured."""
    machine = "cpu/AMD EPYC 7B13"
    fused, many = Mode("fused", 8), Mode("fused", 32)
    compiled = Mode("compiled", 32)
    unpaid = "not tried, as measuring it would not pay"
    whole = Choice(
        many,
        (Timing(PLAIN, 0.412, 0.0), Timing(fused, 0.154, 0.0), Timing(many, 0.0937, 0.0),
         Timing(compiled, 0.0701, 31.2)),
        trials=54, seconds=44.0,
    )  # fmt: skip
    short = Choice(
        PLAIN, (Timing(PLAIN, 1.31, 0.0), Timing(fused, 1.38, 0.0)),
        f"{many}: {unpaid}; {compiled}: {unpaid}", trials=36, seconds=12.0,
    )  # fmt: skip
    found = [{machine: whole}, {machine: short}, {}]
    return tuple(
        Program(tuple(arm.name for arm in arms[place::3]), found[place])
        for place in range(min(3, len(arms)))
    )


def _record(
    study: Study, scale: str, arm: Arm, place: int, seed: int, fails: bool, own: bool, reason: str
) -> Record:
    # The seed's own part is shared by all arms: that is what pairing is for.
    shared = np.random.default_rng([seed, 1]).normal()
    noise = np.random.default_rng([seed, place, 2])
    bad = residual_level(arm) if own else plain_level(arm)
    loss = float(bad * 0.62 + 0.006 * shared + 0.05 * bad * noise.normal() + 0.02)
    error = float(np.clip(0.022 + 0.5 * bad + 0.006 * shared + 0.006 * noise.normal(), 0.001, 0.9))
    epochs = np.arange(1, 16)
    start = 2.35 + 0.1 * noise.normal()
    curve = loss + (start - loss) * np.exp(-epochs / (2.2 + 4 * bad)) * (
        1 + 0.06 * noise.normal(size=15)
    )
    levels = {name: level.plain for name, level in arm.levels.items()}
    common: dict[str, Any] = {
        "study": study.name, "scale": scale, "arm": arm.name, "levels": levels, "seed": seed,
        "role": "evaluate", "tuned": {each.name: each.start for each in study.tuned},
        "key": f"{place:02x}{seed:04x}9c1e7744aa0b", "number": place * 100 + seed,
        "env": {"device": "cpu", **_mode(place, seed)},
        "training": {"type": "Training", "epochs": 15},
    }  # fmt: skip
    if fails:
        return Record(**common, state="failed", reason=reason, cost={"seconds": 1.2})
    curves = {
        "train_loss": tuple(map(float, curve)),
        "validation_loss": tuple(map(float, 1.2 * curve + 0.02)),
        "validation_accuracy": tuple(map(float, 1 - np.clip(0.4 * curve, 0.0, 0.9))),
    }
    ends = {each.metric for each in study.claims if isinstance(each, Sooner)}
    return Record(
        **common,
        state="complete",
        metrics={
            "train_loss": loss,
            "train_accuracy": 1 - 0.6 * error,
            "test_loss": 1.3 * loss + 0.03,
            "test_accuracy": 1 - error,
            "gradient_norm_first_block": float(2.0 + 0.4 * shared + noise.normal() * 1.1 + bad),
            "activation_variance_ratio": float(math.exp(-4 * bad + 0.2 * shared)),
            "gradient_norm_ratio": float(math.exp(-6 * bad + 0.2 * shared)),
            "occluded_accuracy": 1 - min(1.0, 1.6 * error),
            "logit_margin": float(4.1 - 3 * bad + 0.3 * shared),
            **{name: values[-1] for name, values in curves.items() if name in ends},
        },
        layers=_layers(arm, bad, shared, seed) if own else {},
        curves=curves,
        cost={"seconds": 3.0 + place + 0.1 * noise.normal(), "steps": 150, "samples": 19200},
    )


def _mode(place: int, seed: int) -> dict[str, str]:
    """How a trial was trained: the last ones of a program have too few beside them to fuse."""
    if place % 3:
        return {"mode": str(PLAIN)}
    if place == 3 and seed == 4:
        return {"mode": str(PLAIN), "mode_note": "not fused: OutOfMemoryError: too large together"}
    return {"mode": str(Mode("fused", 7 if seed > 7 else 24))}


def _layers(arm: Arm, bad: float, shared: float, seed: int) -> dict[str, tuple[float, ...]]:
    """Signals that fade on the way where an arm trains badly."""
    depth = int(arm.levels["depth"].value)
    noise = np.random.default_rng([seed, depth, 4]).normal(size=(2, depth))
    at = np.arange(depth) / depth
    forward = np.exp(-9 * bad * at + 0.2 * shared + 0.15 * noise[0])
    backward = np.exp(-11 * bad * (1 - at) + 0.1 * shared + 0.2 * noise[1])
    return {
        "activation_variance": tuple(map(float, forward)),
        "gradient_norm": tuple(map(float, 0.4 * backward)),
    }


def _tune_record(study: Study, scale: str, arm: Arm, place: int, trial: int) -> Record:
    return Record(
        study.name, scale, arm.name, {name: level.plain for name, level in arm.levels.items()},
        1000 + trial, "tune", {each.name: 0.01 * (trial + 1) for each in study.tuned},
        f"f{place:02x}{trial:03x}55aa90d1c2b3", "complete", metrics={"validation_loss": 0.3},
        env={"device": "cpu", **_mode(place, trial)}, cost={"seconds": 2.5},
        number=5000 + place * 100 + trial,
    )  # fmt: skip


def _tuning(arm: Arm, place: int, setting: Tuned) -> ArmTuning:
    noise = np.random.default_rng([place, 3])
    ends = (math.log(setting.low), math.log(setting.high)) if setting.log else (
        setting.low, setting.high,
    )  # fmt: skip
    at = np.linspace(0.06, 0.94, 8) + 0.04 * noise.uniform(-1, 1, 8)
    values = [ends[0] + float(x) * (ends[1] - ends[0]) for x in at]
    tried = tuple(
        (math.exp(v) if setting.log else v, None if place == 2 and x > 0.9 else float(y))
        for v, x, y in zip(
            values, at, 0.08 + (0.1 + place / 20) * (at - 0.5) ** 2 * 9 + 0.02 * noise.random(8),
            strict=True,
        )
    )  # fmt: skip
    chosen = min((y, x) for x, y in tried if y is not None)[1]
    edge = "upper" if place == 1 else ""
    return ArmTuning(
        arm.name, setting.name, setting.low, setting.high, setting.log, tried,
        tried[-1][0] if edge else chosen, "tuned", edge,
    )  # fmt: skip


def _profile(place: int, arm: Arm) -> Profile:
    depth = 8 + 12 * (place % 3) * (1 + place % 3)
    step = 0.0011 * depth * (1.02 if place > 2 else 1.0)
    parts = {
        "parameters": 4 * 9000 * depth, "gradients": 4 * 9000 * depth,
        "optimizer_state": 4 * 9000 * depth, "activations": 900_000 * depth,
    }  # fmt: skip
    return Profile(
        step, 0.96 * step, 1.07 * step, 12, 128 / step, sum(parts.values()),
        parts | {"vm_hwm": 3 * sum(parts.values())}, 41_000_000 * depth, 9000 * depth, 150, 19200,
        "cpu", "AMD EPYC 7B13", 2, "" if place else "vm_hwm includes the interpreter",
        step_p95=1.1 * step,
        split={
            part: Spread(share * step, 0.96 * share * step, 1.07 * share * step, 1.1 * share * step)
            for part, share in zip(STEP_PARTS, (0.06, 0.31, 0.52, 0.11), strict=True)
        },
        evaluation=Spread(0.2 * step, 0.19 * step, 0.21 * step, 0.22 * step),
        validation_seconds=2 * step,
        peak_flops=98e9,
        operators={"aten::mm": 3 * depth, "aten::add": 20 * depth},
        python_calls=40 * depth,
        timeline=Timeline(
            tuple(
                sum(parts.values()) - round(abs(100 - each) / 100 * parts["activations"])
                for each in range(200)
            ),
            {"data": 0.01, "forward": 0.05, "backward": 0.5, "optimizer": 0.9},
        ),
    )  # fmt: skip
