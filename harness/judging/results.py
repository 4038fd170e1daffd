"""Everything that a report prints (:class:`Results`): reports themselves compute no statistic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from harness.engines.modes import Choice
from harness.judging.history import History, history
from harness.judging.optimism import Optimism, on_edges, optimism
from harness.judging.pairing import evaluations, groups_of
from harness.judging.provenance import Program, Provenance, programs_of, provenance_of, where
from harness.judging.registrations import Registration
from harness.judging.rounds import Costs, Round
from harness.judging.sameness import other_versions, same_numbers
from harness.judging.searched import SearchResults, searched, with_shares
from harness.judging.summaries import ArmSummary, summarise
from harness.judging.targets import Target, targets
from harness.judging.verdicts import Verdict, judge
from harness.messages.errors import HarnessError
from harness.stats import FEWEST
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.looks import Looks
from harness.study.metrics import Source
from harness.study.searching import SEARCHED
from harness.trials.checked import Checked
from harness.trials.manifest import Manifest
from harness.trials.profiles import Profile
from harness.trials.records import Record
from harness.trials.trial import SHARED
from harness.trials.tuning import ArmTuning

__all__ = ["SHARED", "ArmTuning", "Program", "Provenance", "Results", "assemble"]


@dataclass(frozen=True)
class Results:
    """One study at one scale, judged.

    Attributes:
        declaration: the study at this scale.
        seeds: the evaluation seeds planned.
        records: every record of this study and scale: evaluation and tuning, failures included.
        verdicts: one for each claim, in the order declared.
        summaries: mean and interval for each arm and metric.
        tuning: one for each arm and tuned setting; empty where nothing is tuned.
        profiles: cost by arm name; arms without one were not profiled.
        provenance: command, versions, revision and environments.
        warnings: sentences that a reader must see beside the verdicts.
        programs: which arms train together, and how; empty where it is not recorded.
        looks: when claims were looked at; ``None`` where the number of seeds was fixed.
        targets: how long every arm takes to each target that a claim names.
        history: when each claim was declared, and what was changed since.
        missing: evaluation trials that were planned and are not there.
        data: a sentence on each data set that was trained on.
        checked: what ``harness check`` found of this code; ``None`` where it never looked.
        search: what a search found; ``None`` of a study that is none.
        rounds: of timing, in the order taken.
    """

    declaration: Declaration
    seeds: tuple[int, ...]
    records: tuple[Record, ...]
    verdicts: tuple[Verdict, ...]
    summaries: tuple[ArmSummary, ...]
    tuning: tuple[ArmTuning, ...]
    profiles: Mapping[str, Profile]
    provenance: Provenance
    warnings: tuple[str, ...]
    programs: tuple[Program, ...] = ()
    looks: Looks | None = None
    targets: tuple[Target, ...] = ()
    history: History = field(default_factory=History)
    missing: int = 0
    data: tuple[str, ...] = ()
    checked: Checked | None = None
    search: SearchResults | None = None
    rounds: tuple[Round, ...] = ()

    @property
    def scale(self) -> str:
        """The scale's name."""
        return self.declaration.scale

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms of this scale, baseline first."""
        return self.declaration.arms

    @property
    def alpha(self) -> float:
        """The family-wise error rate of the verdicts."""
        return (self.looks or self.declaration.looks).alpha

    @cached_property
    def optimism(self) -> tuple[Optimism, ...]:
        """What tuning promised and what came, for each arm whose settings it chose."""
        try:
            objective = self.declaration.metric(self.declaration.objective)
        except HarnessError:  # of results of others, or of a version that recorded another one
            return ()
        return optimism(objective, self.tuning, self.summaries)


def assemble(
    declaration: Declaration,
    records: Sequence[Record],
    manifest: Manifest,
    costs: Costs,
    unmeasured: Sequence[str],
    revision: str,
    modes: Mapping[str, Mapping[tuple[str, str], Choice]] | None = None,
    registrations: Sequence[Registration] = (),
    notes: Sequence[str] = (),
    checked: Checked | None = None,
) -> Results:
    """Judge the records of a run, and put together all that its report prints.

    Args:
        declaration: the study at one scale.
        records: every record of this study and scale.
        manifest: which trials make up the run that is judged.
        costs: what was measured of arms apart from training.
        unmeasured: sentences on what could not be.
        revision: git revision of the study's folder.
        modes: how programs are trained, by program, and then by machine and forced mode.
        registrations: of the study's claims, oldest first, that of now last.
        notes: sentences on which trials these are, which come before all others.
        checked: what ``harness check`` found of this code.

    Raises:
        HarnessError: a claim that was declared since cannot be judged on folds.
    """
    if manifest.folds is not None:
        declaration = replace(declaration, folds=manifest.folds)
    arms = {arm.name: arm for arm in declaration.arms}
    known = arms | ({SEARCHED.name: SEARCHED} if declaration.search is not None else {})
    by_key = {record.key: record for record in records if record.state != "running"}
    used = tuple(
        # One trial may stand for several arms which train the same thing, or for what others need.
        replace(
            by_key[trial.key],
            arm=trial.arm,
            role=trial.role,
            levels={name: level.plain for name, level in known[trial.arm].levels.items()},
        )
        for trial in manifest.trials
        if trial.key in by_key and trial.arm in known and trial.role != "need"
    )
    # What others need is no arm's own: it is run once for each seed, whoever needs it.
    used += tuple(
        replace(by_key[trial.key], arm=SHARED, role="need")
        for trial in manifest.trials
        if trial.key in by_key and trial.role == "need"
    )
    tuning = tuple(each for each in manifest.tuning if each.arm in arms)
    planned = manifest.evaluations
    if planned is None:
        planned = len(arms) * len(manifest.seeds)
    missing = planned - sum(record.role == "evaluate" for record in used)
    told = history(registrations, _lowest(declaration, used)) if registrations else History()
    caution = told.caution()
    found = searched(declaration, manifest, records)
    return Results(
        declaration=declaration,
        seeds=manifest.seeds,
        records=used,
        verdicts=judge(
            declaration,
            used,
            manifest.looks,
            costs,
            # what others did not run is never waited for
            None if declaration.source == "results" else len(manifest.seeds),
        ),
        summaries=summarise(declaration, used),
        tuning=tuning,
        profiles=dict(costs.profiles),
        provenance=provenance_of(used, manifest.command, revision),
        warnings=(
            *manifest.notes,
            *notes,
            *([caution] if caution else []),
            *(f"Checked, and wrong: {each.text}" for each in (checked.wrong if checked else ())),
            *_warnings(declaration, used, manifest, tuning, missing),
            *same_numbers(declaration, used),
            *other_versions(used, records),
            *unmeasured,
        ),
        programs=programs_of(manifest.modes, arms, modes or {}),
        looks=manifest.looks,
        targets=targets(declaration, evaluations(declaration, used), costs.profiles),
        history=told,
        missing=max(0, missing),
        data=tuple(str(each["told"]) for each in manifest.data),
        checked=checked,
        search=with_shares(found) if found is not None else None,
        rounds=costs.rounds,
    )


def _lowest(declaration: Declaration, records: Sequence[Record]) -> list[int | None]:
    """Return, for each claim, the lowest number of the trials that it is judged on."""
    lowest: dict[str, int] = {}
    for record in records:
        if record.role == "evaluate":
            lowest[record.arm] = min(record.number, lowest.get(record.arm, record.number))
    out: list[int | None] = []
    for claim in declaration.claims:
        arms = [arm.name for group in groups_of(declaration, claim) for arm in group]
        seeds = declaration.metric(claim.metric).replicate == "seed"
        out.append(
            min((lowest[arm] for arm in arms if arm in lowest), default=None) if seeds else None
        )
    return out


def _warnings(
    declaration: Declaration,
    records: Sequence[Record],
    manifest: Manifest,
    tuning: Sequence[ArmTuning],
    missing: int,
) -> Iterator[str]:
    """Yield what a reader must know before believing a verdict."""
    if missing > 0:
        many = "trials are" if missing > 1 else "trial is"
        yield f"{missing} evaluation {many} not there yet: these verdicts are provisional."
    asked = [count for count in manifest.asked if count >= FEWEST]  # fewer have no verdict
    times = len(asked) + bool(manifest.looks)
    if times > 1 and declaration.claims:
        alpha = (manifest.looks or declaration.looks).alpha
        yield (
            f"This study was run with {' and with '.join(map(str, asked))} seeds"
            f"{', then until decided' if manifest.looks else ''}: adding seeds after seeing a "
            "verdict, outside of declared looks, makes verdicts wrong more often than they say, in "
            f"up to {100 * min(1, times * alpha):g} % of cases in place of {100 * alpha:g} %."
        )
    if declaration.tuned and not manifest.tuned and declaration.source != "results":
        ran = _untuned(declaration, records)
        shown = ", ".join(f"{name} = {value}" for name, value in ran.items())
        yield (
            f"Nothing was tuned: every arm used the default ({shown}), which may favour "
            "one arm over another."
        )
    if extra := undeclared(declaration, records):
        given, it = GIVEN[declaration.source], "it is" if len(extra) == 1 else "they are"
        yield f"Also {given}, and not declared: {', '.join(extra)}; {it} in records.csv."
    yield from on_edges(tuning)
    for arm_tuning in tuning:
        if arm_tuning.how == "declared default" and manifest.tuned:
            again = ", at the latest when it was tried again" if arm_tuning.confirmed else ""
            yield (
                f"{arm_tuning.arm}: every {arm_tuning.setting} tried failed{again}, so the default "
                f"{arm_tuning.chosen:.3g} was used."
            )
    failed = [record for record in records if record.state == "failed"]
    for role, title in (("evaluate", "evaluation"), ("tune", "tuning"), ("need", "shared")):
        count = sum(record.role == role for record in failed)
        if count:
            arms = sorted({record.arm for record in failed if record.role == role})
            first = next(record.reason for record in failed if record.role == role)
            yield (
                f"{count} {title} trial{'s' if count > 1 else ''} failed "
                f"({'; '.join(arms)}), the first by: {first}"
            )
    for factor in declaration.kept:
        if left_out := [level.name for level in declaration.left_out(factor)]:
            yield f"Scale {declaration.scale} leaves out {factor} = {', '.join(left_out)}."
    environments = [where(record) for record in records if record.env]
    differing = sorted(
        {name for each in environments for name in each if each[name] != environments[0].get(name)}
    )
    if differing:
        yield (
            f"Trials ran in different environments ({', '.join(differing)}), which can change "
            "results by itself, mostly in their last digits."
        )


GIVEN: Mapping[Source, str] = {
    "build": "recorded", "train": "returned", "command": "written", "results": "there",
}  # fmt: skip
"""How metrics come, by who gives them."""


def undeclared(declaration: Declaration, records: Iterable[Record]) -> list[str]:
    """Return the names of metrics that trials gave and their study does not declare."""
    if declaration.source == "build":
        return []
    own = (record for record in records if record.role != "need")
    names = dict.fromkeys(name for record in own for name in record.metrics)
    return [name for name in names if name not in {metric.name for metric in declaration.metrics}]


def _untuned(declaration: Declaration, records: Sequence[Record]) -> dict[str, str]:
    """Return the settings that trials were run with, which the file may give otherwise by now."""
    defaults = {each.name: each.start for each in declaration.tuned}
    ran = [record.tuned for record in records if record.role == "evaluate"] or [defaults]
    return {
        name: " or ".join(dict.fromkeys(f"{each[name]:.3g}" for each in ran if name in each))
        for name in dict.fromkeys(name for each in ran for name in each)
    }
