"""Procedures that depend on where results come from: each says no more than is known of it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judging.results import Results
from harness.study.metrics import Metric, Source

from .procedures import Procedure

_PAIRED = "Bouthillier et al. 2021, arXiv:2103.03098"

REPLICATE: Mapping[Source, Procedure] = {
    "build": Procedure(
        "Replicate",
        "A training run with a seed of its own. Arms share seeds: for one seed, split, order, "
        "initial weights and all other randomness come from the same streams, so that "
        "differences are paired.",
        _PAIRED,
    ),
    "train": Procedure(
        "Replicate",
        "A call of the study's function with a seed of its own. Arms share seeds: for one seed, "
        "the function is given the same seed in every arm, and the global generators of random "
        "numbers are seeded with it before the call, so that differences can be paired. What is "
        "drawn from these, and in which order, is the function's own business.",
        _PAIRED,
    ),
    "command": Procedure(
        "Replicate",
        "A run of the study's command with a seed of its own. Arms share seeds: for one seed, the "
        "command is given the same seed in every arm, so that differences can be paired. What it "
        "draws from its seed is its own business.",
        _PAIRED,
    ),
    "results": Procedure(
        "Replicate",
        "A result with a seed of its own. Those of different arms that have the same seed are "
        "taken as pairs; what they have in common beyond that number was not seen.",
        _PAIRED,
    ),
}

_ALIKE: Mapping[Source, str] = {
    "build": "Arms that trained the same networks to the last bit are called identical instead.",
    "train": "Arms whose curves and metrics are the same to the last bit are called identical "
    "instead.",
    "command": "Arms whose curves and metrics are the same to the last bit are called identical "
    "instead.",
    "results": "",
}


def hardly_vary(source: Source) -> Procedure:
    """Say what is done with differences that are all or mostly the same."""
    return Procedure(
        "Differences that hardly vary",
        "Where all n differences are the same, a share of up to 1 − α^(1/n) of other seeds may "
        "still differ: by as much as a share of examples can, and of other metrics by as much as "
        "the largest value seen; the interval reaches as far as those could move the mean. Where "
        "more than half are the same, the standard deviation is at least that of as large a share "
        "of others as may exist (Clopper & Pearson), as far "
        f"away as one was seen, as one step of the metric, or as its noise on so many examples. "
        f"{_ALIKE[source]}".rstrip(),
        "Clopper & Pearson 1934",
    )


IDENTICAL: Mapping[Source, str] = {
    "build": "In each seed the arms trained the same networks, to the last bit: nothing to "
    "estimate.",
    **dict.fromkeys(
        ("train", "command"),
        "In each seed the arms gave the same curves and metrics, to the last bit: nothing to "
        "estimate.",
    ),
}
"""What the verdict word of arms that do not differ means; without curves nothing tells it."""

_CHOSEN = "The best trial's value is never a result: the chosen setting is {again} on fresh seeds."
_CHOI = "Choi et al. 2019, arXiv:1910.05446"

TUNING: Mapping[Source, Procedure] = {
    "build": Procedure(
        "Tuning",
        "One search in every arm that depends on a setting, with the same space and budget, by the "
        "objective on a validation split; its seed is no evaluation seed, and its trials measure "
        f"no test examples. {_CHOSEN.format(again='trained again')} Where the data has no test set "
        "of its own, every seed draws one from "
        "the same examples, so an evaluation's test examples may have been among those tuned on.",
        _CHOI,
    ),
    "train": Procedure(
        "Tuning",
        "One search in every arm, with the same space and budget, by the objective that the study "
        "names; its seed is no evaluation seed. The function is told when settings are chosen, "
        "and of what it returns then, metrics named test_... are dropped; whether it looked at "
        f"test examples cannot be seen. {_CHOSEN.format(again='run again')}",
        _CHOI,
    ),
    "command": Procedure(
        "Tuning",
        "One search in every arm, with the same space and budget, by the objective that the study "
        "names; its seed is no evaluation seed. Of what the command writes then, metrics named "
        "test_... are dropped; whether it looked at test examples cannot be seen. "
        f"{_CHOSEN.format(again='run again')}",
        _CHOI,
    ),
}
"""How settings were searched; of results of others nothing is known."""

_COLUMNS = (
    "Quartiles and p95 are over blocks of steps; they say how steady the machine was, and decide "
    "nothing. Of peak: FLOPs a second, as a share of what a large matrix product reached on the "
    "same machine. Operators: calls of torch's operators, backward included."
)

COST: Mapping[Source, Procedure] = {
    "build": Procedure(
        "Cost",
        "From a profile of each arm's program alone: median over blocks of steps after warm-up; "
        f"FLOPs counted on the eager program; memory from a warm step. {_COLUMNS}",
    ),
    "train": Procedure(
        "Cost",
        "From a profile of the step that the study's own function gives for each arm, alone: "
        "median over blocks of steps after warm-up; FLOPs as they are counted while it runs; "
        f"memory from a warm step. {_COLUMNS}",
    ),
}
"""How costs were measured, where they are."""


def exact(source: Source) -> Procedure:
    """Say how costs are compared that come out the same however often they are measured."""
    what = "Parameters, FLOPs and peak memory" if source == "build" else "FLOPs and peak memory"
    return Procedure(
        "Exact costs",
        f"{what} come out the same however often they are measured: their "
        "ratio is compared with the margin as it is, without interval or test, and it does not "
        "count among the claims that intervals and p values are corrected for.",
    )


_UNDESCRIBED: Mapping[Source, str] = {
    "build": Metric.meaning,
    "train": "As the study's own function gives it.",
    "command": "As the study's command gives it.",
    "results": "As the results give it.",
}


def meaning(results: Results, metric: Metric) -> str:
    """Say what a metric means; of one that the study does not describe, who gives it."""
    if metric.meaning != Metric.meaning:
        return metric.meaning
    return _UNDESCRIBED[results.declaration.source]


def until(source: Source) -> Procedure:
    """Say how the time to a target is judged."""
    point = "epoch" if source == "build" else "report"
    return Procedure(
        "Time to a target",
        "Which arm comes first, in the share of seeds in which the one does less that in which the "
        f"other does; the first {point} counts whose value is at least as good as the target. A "
        "target that is not reached has an infinite time, so there are no means; arms that never "
        "come, or come at once, are a tie. The direction comes from the exact sign test on the "
        "seeds in which one is first, the size from an interval that joins two exact binomial "
        "ones, which is wider.",
        "Clopper & Pearson 1934",
    )
