"""A comparison as plain JSON values: what ``compare.json`` holds, and ``--json`` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.compared.comparison import Comparison, Pair
from harness.compared.declared import Difference
from harness.compared.effects import ALPHA, ArmEffect
from harness.compared.matched import Matched, standing
from harness.compared.sides import Side
from harness.compared.words import answer, headline
from harness.judging.seen import Seen
from harness.judging.verdicts import Verdict

FORMAT = 1
"""Of what is written here, raised when what is there changes its meaning."""


def plain(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain JSON values; what cannot be told is null.

    Effects are the other run's less the base's, in the metric's own unit.
    """
    return {
        "format": FORMAT,
        "answer": headline(comparison),
        "worse": comparison.worse,
        "places": dict(comparison.named),
        "level_together": 1 - ALPHA,
        "intervals": comparison.tested,
        "level_of_each": comparison.level,
        "comparisons": [_pair(pair) for group in comparison.groups for pair in group.pairs],
        "runs": [_side(side) for group in comparison.groups for side in group.sides],
        "alone": [{"run": label, "what": what} for label, what in comparison.alone],
    }


def _side(side: Side) -> dict[str, Any]:
    made = side.results.provenance
    return {
        "run": side.label,
        "named": side.named,
        "study": side.declaration.name,
        "scale": side.declaration.scale,
        "question": side.declaration.question,
        "arms": [arm.name for arm in side.results.arms],
        "seeds": len(side.results.seeds),
        "missing_trials": side.results.missing,
        "date": made.date or None,
        "revision": made.revision or None,
        "command": made.command,
        "warnings": list(side.results.warnings),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "base": pair.base.label,
        "run": pair.other.label,
        "study": list(dict.fromkeys(side.declaration.name for side in (pair.base, pair.other))),
        "scale": list(dict.fromkeys(side.declaration.scale for side in (pair.base, pair.other))),
        "answer": answer(pair),
        "worse": [_worse(each) for each in pair.worse],
        "changed": [_difference(each) for each in pair.differences],
        "same": list(pair.same),
        "not_recorded": list(pair.unknown),
        "claims": [_claim(each) for each in pair.claims.matched],
        "effects": [_effect(each) for each in pair.effects],
        "costs": [
            {
                "arm": each.arm,
                **{
                    ratio.metric.name: {
                        "base": ratio.base or None,
                        "run": ratio.other or None,
                        "ratio": _number(ratio.ratio),
                    }
                    for ratio in each.ratios
                },
            }
            for each in pair.costs.arms
        ],
        "costs_not_compared": list(pair.costs.notes),
        "base_alone": {
            "arms": list(pair.arms_gone),
            "claims": [_alone(each) for each in pair.claims.gone],
        },
        "run_alone": {
            "arms": list(pair.arms_new),
            "claims": [_alone(each) for each in pair.claims.new],
        },
        "metrics_not_compared": list(pair.skipped),
    }


def _worse(each: Matched | ArmEffect) -> dict[str, Any]:
    if isinstance(each, Matched):
        return {"claim": each.base.claim.text, "from": each.base.word, "to": each.other.word}
    return {"arm": each.arm, "metric": each.metric.name,
            "finding": "all failed" if each.vanished else each.finding}  # fmt: skip


def _difference(each: Difference) -> dict[str, Any]:
    return {"area": each.area, "what": each.what, "base": each.base, "run": each.other,
            "arms": each.where or None}  # fmt: skip


def _alone(verdict: Verdict) -> dict[str, Any]:
    return {"claim": verdict.claim.text, "word": verdict.word}


def _claim(each: Matched) -> dict[str, Any]:
    return {
        "claim": each.base.claim.text,
        "metric": each.base.claim.metric,
        "numbers": list(each.numbers),
        "base": _verdict(each.base),
        "run": _verdict(each.other),
        "changed": each.changed,
        "step": each.step,
        "test_changed": [
            {"what": one.what, "base": one.before, "run": one.after}
            for one in (*each.changes, *each.reworded)
        ],
        "difference": _none(each.base.seen.n) if each.same else _seen(each.seen),
        "compared": each.why,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    relative = verdict.metric.relative
    return {
        "word": verdict.word,
        "standing": standing(verdict.claim, verdict.word),
        "margin": verdict.claim.by,
        "n": verdict.seen.n,
        **{
            name: _number(_natural(getattr(verdict.seen, name), relative=relative))
            for name in ("effect", "low", "high")
        },
    }


def _effect(each: ArmEffect) -> dict[str, Any]:
    return {
        "arm": each.arm,
        "metric": each.metric.name,
        "unit": each.metric.unit,
        "better": each.metric.better,
        "base_mean": _number(each.means[0]),
        "run_mean": _number(each.means[1]),
        "n": list(each.counts),
        "failed": list(each.failed),
        "difference": _none(min(each.counts)) if each.finding == "same" else _seen(each.seen),
        "way": each.way,
        "compared": each.why,
        "finding": each.finding,
    }


def _none(n: int) -> dict[str, Any]:
    """Return the difference of what is the same by definition."""
    return {"effect": 0.0, "low": 0.0, "high": 0.0, "p": None, "n": n}


def _seen(seen: Seen | None) -> Mapping[str, Any] | None:
    if seen is None:
        return None
    names = ("effect", "low", "high", "p")
    return {**{name: _number(getattr(seen, name)) for name in names}, "n": seen.n}


def _natural(value: float, *, relative: bool) -> float:
    """Return a ratio for its logarithm, by which costs are compared."""
    return math.exp(value) if relative and value < 700 else value


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
