"""Procedures that depend on the study: what was recorded, and how networks were taught."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.judging.optimism import how_chosen
from harness.judging.results import Results, undeclared
from harness.stopping import EarlyStopping
from harness.study.declaration import Measurement
from harness.study.formatting import join, number_text, plural
from harness.study.metrics import Source
from harness.tasks.losses import Distillation

from ..text import metric_of

MOST_NAMES = 4


@dataclass(frozen=True)
class Procedure:
    """One procedure: its name, what it does here, and who says so."""

    name: str
    text: str
    source: str = ""


def recorded(results: Results) -> Iterator[Procedure]:
    """Say what is recorded of every network, and what this study measures beside it."""
    needed = any(record.role == "need" for record in results.records)
    if results.declaration.source != "build":
        yield Procedure("Recorded", _declared(results))
        if needed:
            yield SHARED
        return
    own = results.declaration.metrics
    names = dict.fromkeys(each.metric for each in results.summaries)
    always = [
        metric_of(results.declaration, name).title
        for name in names
        if name not in {metric.name for metric in own}
    ]
    if always:
        yield Procedure("Recorded", f"Of every network: {_titles(always)}.")
    if own:
        said = "; ".join(map(_measure, results.declaration.measures))
        yield Procedure(
            "Measured here",
            f"{said}. What is random in a measure follows from the seed, alike in every arm.",
        )
    if needed:
        yield NEEDED


def folded(results: Results) -> Iterator[Procedure]:
    """Say how the data was folded, and what that does to intervals."""
    folds = results.declaration.folds
    if folds is None:
        return
    ran = {r.seed for r in results.records if r.role == "evaluate" and r.seed in results.seeds}
    whole, more = divmod(len(ran), folds.number)
    times = f"{plural(whole, 'repetition')} of {plural(folds.number, 'fold')}"
    if more:
        times = f"{times} and {plural(more, 'fold')} of another" if whole else plural(more, "fold")
    yield Procedure(
        folds.named[:1].upper() + folds.named[1:],
        f"Seed s is tested on fold s mod {folds.number} of a partition of the data that is drawn "
        f"anew for every {folds.number} seeds: {times}. Training sets of folds overlap, so "
        "differences are not independent, and the usual interval would be too narrow. The variance "
        "of a mean over n seeds is taken to be s² (1/n + n_test/n_train) in the place of s²/n, "
        f"which is the corrected resampled t; here n_test/n_train is {folds.overlap:.3g} (with the "
        "larger of test and validation set as n_test). Where differences hardly vary, "
        "n / (1 + n n_test/n_train) stands for n. Means of arms, and which arm may be the best, "
        "have the same correction. It is an approximation, which supposes "
        "that the correlation of two seeds is n_test / (n_test + n_train). However many "
        "repetitions there are, an interval does not become narrower than that variance allows. "
        "Permutation tests are left out, as folds are not exchangeable; claims that count seeds, "
        "and those on training examples, are refused.",
        "Dietterich 1998, Neural Computation 10; Nadeau & Bengio 2003, Machine Learning 52; "
        "Bouckaert & Frank 2004, PAKDD",
    )


def confirming(results: Results) -> Iterator[Procedure]:
    """Say how one of the best settings was chosen, where these were tried on fresh seeds."""
    if not any(each.confirmed for each in results.tuning):
        return
    again = max(sum(len(own) for _, own in each.confirmed) for each in results.tuning)
    budget = max(len(each.tried) for each in results.tuning) + again
    yield Procedure(
        "Confirming",
        f"Of the {plural(budget, 'trial')} of each arm's tuning, {again} are kept for its best "
        f"settings: {how_chosen(results.tuning)}, by their mean; a setting that failed with one of "
        "them comes after those that failed with fewer. These are no evaluation seeds either. The "
        "best of many values is so in part by luck, which fresh seeds do not repeat.",
        "Smith & Winkler 2006, Management Science 52; Schneider et al. 2025, arXiv:2506.19540",
    )


GIVES: Mapping[Source, str] = {
    "train": "returned or reported by its function",
    "command": "written by its command",
    "results": "read from the results",
}
"""How metrics come that the harness does not measure."""


SHARED = Procedure(
    "Shared",
    "What the study's needs= names is run once for each seed, before the trials that need it, "
    "which are given its folder. Where it fails, they fail.",
)

NEEDED = Procedure(
    "Needed",
    "A training that others need, such as a teacher, or one whose weights they begin with, is "
    "trained once for each seed, before all trials that name it. Where it fails, they fail.",
)


def _declared(results: Results) -> str:
    """Name the metrics that a study declares of its own."""
    titles = _titles(metric.title for metric in results.declaration.metrics)
    extra = undeclared(results.declaration, results.records)
    more = f" {_titles(extra)}, which it does not declare, {'is' if len(extra) == 1 else 'are'} "
    return (
        f"Declared by the study and {GIVES[results.declaration.source]}: {titles}."
        + f"{more}kept with the records." * bool(extra)
    )


def _measure(measure: Measurement) -> str:
    moment = "before the first step" if measure.when == "start" else "after the last step"
    return f"{_titles(metric.title for metric in measure.metrics)} by {measure.by}, {moment}"


def _titles(names: Iterable[str]) -> str:
    """Join names which may hold commas."""
    return join(f"“{name}”" for name in names)


def taught(results: Results) -> Iterator[Procedure]:
    """Say how networks stopped early, at what precision and from whom they learned, if any did."""
    written: dict[str, Mapping[str, Any]] = {}
    for record in results.records:
        if record.role == "evaluate" and record.training:
            written.setdefault(record.arm, record.training)
    for name, field, say in (
        ("Early stopping", "stopping", _stopping),
        ("Precision", "precision", _precision),
        ("Teachers", "loss", _teacher),
    ):
        arms: dict[str, list[str]] = {}
        for arm, training in written.items():
            if text := say(training.get(field)):
                arms.setdefault(text, []).append(arm)
        if arms:
            parts = [f"{_in(of, len(written))}: {text}" for text, of in arms.items()]
            text = " ".join(parts)
            if name == "Teachers":
                text += (
                    " Costs are those of a student's step: what its teacher predicts is worked out "
                    "beforehand."
                )
            if name == "Early stopping":
                text += _stopped(results, {arm for of in arms.values() for arm in of})
            yield Procedure(name, text, _SOURCES.get(name, ""))


_SOURCES = {
    "Early stopping": "Prechelt 1998, in Neural Networks: Tricks of the Trade",
    "Teachers": "Hinton, Vinyals & Dean 2015, arXiv:1503.02531",
}


def _in(arms: list[str], count: int) -> str:
    if len(arms) == count:
        return "In every arm"
    shown = "; ".join(arms[:MOST_NAMES])
    return f"In {shown}" + (f" and {plural(len(arms) - MOST_NAMES, 'more arm')}"
                            if len(arms) > MOST_NAMES else "")  # fmt: skip


def _stopping(written: Any) -> str:
    """Describe early stopping; a Training as it is written leaves out what is at its default."""
    if not isinstance(written, Mapping):
        return ""
    patience = written.get("patience", 0)
    metric = str(written.get("metric", EarlyStopping.metric)).replace("_", " ")
    by = written.get("by", EarlyStopping.by)
    more = f" by more than {number_text(by)}" if by else ""
    return (
        f"training stops once the {metric} has not improved{more} for "
        f"{plural(patience, 'epoch')}, and the weights of its best epoch are those measured."
    )


def _stopped(results: Results, arms: set[str]) -> str:
    """Say how long trials trained."""
    lengths = [
        max((len(curve) for curve in record.curves.values()), default=0)
        for record in results.records
        if record.role == "evaluate" and record.state == "complete" and record.arm in arms
    ]
    planned = {
        int(record.training["epochs"])
        for record in results.records
        if record.arm in arms and "epochs" in record.training
    }
    if not any(lengths) or len(planned) != 1:
        return ""
    low, high = min(lengths), max(lengths)
    span = f"{low} to {high}" if low < high else str(low)
    return f" Trials there trained {span} of {plural(planned.pop(), 'epoch')}."


def _precision(written: Any) -> str:
    return {
        "bfloat16": "networks run under bfloat16 autocast; parameters, sums and losses stay in "
        "float32.",
        "float64": "everything is computed in float64.",
    }.get(str(written), "")


def _teacher(written: Any) -> str:
    if not isinstance(written, Mapping) or written.get("type") != "Distillation":
        return ""  # of a loss of the study's own nobody knows what it does with what it needs
    teacher = written["teacher"]
    temperature = written.get("temperature", Distillation.temperature)
    weight = written.get("weight", Distillation.weight)
    model = teacher.get("model", {})
    name = model.get("type", "network") if isinstance(model, Mapping) else "network"
    return (
        f"each network learns from a teacher of type {name} as well as from labels, at temperature "
        f"{number_text(temperature)}, with weight {number_text(weight)} on the teacher."
    )
