"""What was not varied, and what differs between arms beside, as far as records tell.

Of a Training all is written down. Of a function or a command of the user's own, only what it is
given is known; of results of others, only what they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.judging.optimism import how_chosen
from harness.judging.pairing import groups_of
from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.study.designs import Arm
from harness.study.formatting import in_sentence, join, number_text, plural
from harness.study.metrics import Source
from harness.trials.records import Record

Flat = Mapping[str, Any]
"""A Training as it is written: its values by the path that leads to them."""

MOST_PATHS = 8
MOST_ARMS = 3
MOST_VALUES = 4


def held_fixed(results: Results) -> tuple[str, ...]:
    """List what was not varied, or not alone: each line is a caveat on every verdict."""
    lines = []
    settings = results.declaration.settings
    if settings:
        shown = "; ".join(f"{name} = {value}" for name, value in settings.items())
        lines.append(f"Scale “{results.scale}” says {shown}. Other scales may answer otherwise.")
    lines += [*_arms(results), *_tuned(results), *_judged(results)]
    return tuple(lines)


def _arms(results: Results) -> Iterator[str]:
    """Say in what the Trainings of arms differ; nothing where none is recorded."""
    if results.declaration.source == "results":
        yield (
            f"By what the results say, arms differ in {_factors(results)}. What else differs "
            "between them was not seen."
        )
        return
    flat = trainings(results)
    if len(flat) < 2:
        return
    those = "Arms" if len(flat) == len(results.arms) else f"The {len(flat)} arms that were run"
    paths = differing(flat.values())
    if results.declaration.source != "build":
        yield _given(results, those, paths)
        return
    if not paths:
        yield f"{those} differ in nothing that the study's build function writes out."
        return
    named = [_named(results, flat, path) for path in paths[:MOST_PATHS]]
    if len(paths) > MOST_PATHS:
        named.append(plural(len(paths) - MOST_PATHS, "other setting"))
    yield (
        f"{those} differ in {join(named)}, and in nothing else that the study's build function "
        "writes out."
    )
    if results.search is not None:
        return  # settings of a search are meant to differ in several parts
    for factor in results.declaration.factors:
        parts = _parts(_varied(results.arms, flat, factor.name))
        if len(parts) > 1:
            yield (
                f"{factor.name} changes more than one part of a training: {join(parts)}. What it "
                "makes of a metric may come from any of them."
            )


def _factors(results: Results) -> str:
    return join(factor.name for factor in results.declaration.factors)


def _given(results: Results, those: str, paths: Sequence[str]) -> str:
    """Say what the trials of arms are given that differs, and that no more is known of them."""
    # what is run before a function is given some of its arguments, too
    own = [path for path in paths if not path.startswith("given.")]
    names = [path.partition(".")[2] or path for path in own]
    shown = names[:MOST_PATHS]
    if len(names) > MOST_PATHS:
        shown.append(plural(len(names) - MOST_PATHS, "other"))
    if results.declaration.source == "train":
        given, of = "the arguments that the study's function is called with", "a function"
    else:
        given, of = "what is filled into the study's command", "a command"
    what = f"{given}: {join(shown)}" if shown else f"nothing of {given}"
    return (
        f"{those} differ in {what}. Of {of} no more is known than that; what else it does "
        "differently from arm to arm cannot be seen."
    )


def trainings(results: Results, among: Collection[str] | None = None) -> dict[str, Flat]:
    """Return the Training of each arm, or of some, with tuned settings at the same values.

    An arm that was tuned has trials with the settings that tuning begins with in every arm; one in
    which nothing was searched is the same whatever they are.
    """
    tuning = [record for record in results.records if record.role == "tune" and record.training]
    start = tuning[0].tuned if tuning else None
    by_arm: dict[str, Record] = {}
    for record in results.records:
        if record.training and record.role == "evaluate":
            by_arm.setdefault(record.arm, record)
    by_arm |= {record.arm: record for record in reversed(tuning) if record.tuned == start}
    order = [arm.name for arm in results.arms if arm.name in by_arm]
    wanted = [name for name in order if among is None or name in among]
    return {name: dict(_flat(by_arm[name].training)) for name in wanted}


def _flat(written: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield values by their paths; what kind of object stands at a path is the path's own value."""
    for name, value in written.items():
        here = path if name == "type" and path else f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping):
            yield from _flat(value, here)
        else:
            yield here, value


def differing(trainings: Iterable[Flat]) -> list[str]:
    """Return the paths at which Trainings differ; of objects of different kinds, theirs alone."""
    rows = list(trainings)
    names = dict.fromkeys(name for row in rows for name in row)
    paths = [name for name in names if any(row.get(name) != rows[0].get(name) for row in rows)]
    return [
        path
        for path in paths
        if not any(path.startswith(f"{other}.") for other in paths if other != path)
    ]


def _parts(paths: Iterable[str]) -> list[str]:
    """Name the fields of a Training that paths begin with."""
    return list(dict.fromkeys(path.partition(".")[0] for path in paths))


def _varied(arms: Sequence[Arm], flat: Mapping[str, Flat], factor: str) -> list[str]:
    """Return the paths at which arms differ that are alike in all factors but one."""
    alike: dict[tuple[str, ...], list[Flat]] = {}
    for arm in arms:
        if arm.name in flat:
            rest = tuple(level.name for name, level in arm.levels.items() if name != factor)
            alike.setdefault(rest, []).append(flat[arm.name])
    paths = dict.fromkeys(path for group in alike.values() for path in differing(group))
    return list(paths)


def _named(results: Results, flat: Mapping[str, Flat], path: str) -> str:
    """Name a path, with its values where they are few numbers or names, and not the levels."""
    values = {arm: each.get(path) for arm, each in flat.items()}
    if _is_factor(results, values) or any(isinstance(each, list) for each in values.values()):
        return path
    texts = {arm: _value(value) for arm, value in values.items()}
    counts = Counter(texts.values()).most_common()
    if len(counts) > MOST_VALUES:
        return path
    (most, _), *others = counts
    said = []
    for text, count in others:
        arms = [arm for arm in texts if texts[arm] == text]
        where = "; ".join(arms) if count <= MOST_ARMS else plural(count, "arm")
        said.append(f"{text} in {where}")
    return f"{path} ({', '.join(said)}, {most} in the others)"


def _is_factor(results: Results, values: Mapping[str, Any]) -> bool:
    """Whether values are those of a factor's levels; a default is not written out."""
    arms = {arm.name: arm for arm in results.arms}
    return any(
        all(
            value is None or value == arms[arm].levels[factor.name].plain
            for arm, value in values.items()
        )
        for factor in results.declaration.factors
    )


def _value(value: Any) -> str:
    if value is None:
        return "the default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number_text(value) if isinstance(value, int | float) else str(value)


def also_differ(results: Results, verdict: Verdict) -> str:
    """Name the parts of a Training in which the sides of a claim differ, where they are several."""
    groups = groups_of(results.declaration, verdict.claim)
    partials = results.declaration.partials(verdict.claim)
    named = {factor for partial in partials for factor in partial}
    flat = trainings(results, {arm.name for group in groups for arm in group})
    alike: dict[tuple[str, ...], list[Flat]] = {}
    for group in groups:
        for arm in group:
            if arm.name in flat:
                rest = tuple(level.name for name, level in arm.levels.items() if name not in named)
                alike.setdefault(rest, []).append(flat[arm.name])
    paths = list(dict.fromkeys(path for rows in alike.values() for path in differing(rows)))
    if len(_parts(paths)) < 2:
        return ""
    return join(_named(results, flat, path) for path in paths)


def _tuned(results: Results) -> Iterator[str]:
    """Say how tuned settings were chosen, in which arms."""
    names = join(each.name for each in results.declaration.tuned)
    if not names:
        return
    if results.declaration.source == "results":
        yield f"{names}: as others chose; how, and with what budget in which arm, was not seen."
        return
    searched = {each.arm for each in results.tuning if each.tried}
    chosen = {each.arm for each in results.tuning if each.how == "tuned"}
    if not searched:
        yield (
            f"{names}: at the declared default in every arm, not tuned; another value may favour "
            "another arm."
        )
        return
    where = "per arm" if len(searched) == len(results.arms) else (
        f"in each of the {len(searched)} of {plural(len(results.arms), 'arm')} that depend on it"
        if len(searched) > 1
        else "in the one arm that depends on it"
    )  # fmt: skip
    yield (
        f"{names}: chosen by one search {where}, with one space and budget for all: "
        f"{how_chosen(results.tuning)}; verdicts hold given these settings."
    )
    if failed := sorted(searched - chosen):
        yield (
            f"{names}: at the declared default in {join(failed)}, where every value tried failed; "
            "another may favour another arm."
        )


def _judged(results: Results) -> Iterator[str]:
    """Say what verdicts are read from, and what of it was not varied."""
    metrics = dict.fromkeys(verdict.metric for verdict in results.verdicts)
    trained = [in_sentence(metric.title) for metric in metrics if metric.replicate == "seed"]
    if trained:
        yield f"Judged on {join(trained)} alone, {DRAWN[results.declaration.source]}"
    # Parameters and FLOPs are the same on any machine.
    costs = [
        in_sentence(metric.title)
        for metric in metrics
        if metric.replicate == "round" or metric.unit == "B"
    ]
    if costs:
        yield f"Compared in {join(costs)} on one machine; another may answer otherwise."
    if trained:
        yield FOLDED if results.declaration.folds else OVERLAP[results.declaration.source]


DRAWN: Mapping[Source, str] = {
    "build": "over the seeds of this run: all that is drawn at random is drawn anew in each, "
    "together.",
    "train": "over the seeds of this run: what the function draws from its seed, or from the "
    "global generators, is drawn anew in each, together. Whatever else it draws cannot be seen.",
    "command": "over the seeds of this run: what the command draws from its seed is drawn anew in "
    "each, together. Whatever else it draws cannot be seen.",
    "results": "over the seeds that the results name; what was drawn anew in each was not seen.",
}
"""What the seeds of a study stand for."""

_OWN = "so seeds are not fully independent where test sets of different seeds overlap."
FOLDED = (
    "The folds of one repetition share no test example, but their training sets overlap; those of "
    "different repetitions share examples of both, so seeds are not fully independent."
)
"""What makes seeds depend on each other where data is folded."""
OVERLAP: Mapping[Source, str] = {
    "build": "Where the data has no test set of its own, the test sets of different seeds overlap, "
    "so seeds are not fully independent. Training sets overlap, too: in a simulation with 100 rows "
    "and 15 seeds, intervals at 95 % left out the truth in 19 % of data sets.",
    "train": f"Which examples are tested on is the function's own business, {_OWN}",
    "command": f"Which examples are tested on is the command's own business, {_OWN}",
    "results": f"Which examples were tested on was not seen, {_OWN}",
}
"""What may make seeds depend on each other."""
