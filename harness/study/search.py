"""A search: settings to be found, by which metric, and with what budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.messages.errors import HarnessError, near
from harness.messages.levels import own
from harness.study.claims import Higher
from harness.study.command import Command
from harness.study.designs import Arms
from harness.study.factors import Labels
from harness.study.metrics import Metric
from harness.study.scales import Scale
from harness.study.searching import (
    DEFAULT,
    LABEL,
    PLACES,
    AtLeast,
    AtMost,
    Searching,
    check_searching,
)
from harness.study.settings import Choice, Float, Int, Setting, Settings, condition
from harness.study.space import Space
from harness.study.study import Study
from harness.study.work import Work

if TYPE_CHECKING:
    from harness.trained import Measure


@dataclass(frozen=True)
class Search:
    """A question about settings: which are best, and whether they are better than the default.

    What is run is one of three, as in a :class:`~harness.study.study.Study`: ``build``, ``train``
    or ``command``. It takes each setting of the space as a parameter.

    Attributes:
        name: lower-case letters, digits, ``_`` and ``-``; the name of its folder and its store.
        question: one sentence, printed as the report's title.
        space: what is searched.
        build: ``build(scale, <each setting>) -> Training``.
        train: ``train(context, <each setting>) -> dict[str, float]``.
        command: a command line to run in their place.
        objective: the metric that is to be best, or several; the metric says which direction is
            better. It must not be a test metric.
        constraints: what must hold of a setting to be taken: ``AtMost("model_bytes", 1e6)``.
        scales: by name, smallest first; the first is the default. ``Scale(tuning=...)`` is the
            number of trials at that scale.
        trials: the budget: trials in all, those that confirm the best among them.
        sampler: how the next settings are found: ``"tpe"``, ``"gp"``, ``"cmaes"``, ``"random"``,
            ``"qmc"``, ``"grid"``, ``"nsga2"``, ``"auto"``, or ``"module:Class"``.
        pruner: what ends trials early that do badly: ``"none"``, ``"median"``, ``"hyperband"``, or
            ``"wilcoxon"``, over the seeds of one setting.
        rungs: epochs after which ``"hyperband"`` compares; powers of 3 unless given.
        seeds: on how many seeds each setting is tried; its value is their mean.
        batch: how many settings are asked for at a time; an eighth of the budget and at most 16,
            or of a small one a quarter and at most 4, unless given.
        confirm: on how many fresh seeds the best 3 and the default are run again; from 20 trials
            on chosen by the budget unless given; 0 for none.
        patience: the search ends when the best value has not moved for so many settings.
        by: the smallest difference to the default that matters, in the objective's unit. With it
            the report has a verdict on the best setting.
        enqueue: settings that are tried right after the default.
        metrics: what ``train`` or ``command`` gives.
        measures: what is measured on networks in addition to what always is; where settings are
            tried, only the measures that they are chosen by, which see no test examples.
        step: as in a Study.
        limit: seconds after which a trial of ``train`` or ``command`` is ended, and has failed.
        needs: as in a Study.

    Raises:
        HarnessError: a part of it is wrong, or does not fit the others.

    Example:
        >>> from harness import Float, Int, Scale, Search, Training
        >>> from harness.data import digits
        >>> from harness.models import MLP
        >>> from harness.optim import SGD
        >>> def build(scale: Scale, width: int, lr: float) -> Training:
        ...     return Training(
        ...         data=digits(train=300),
        ...         model=MLP(hidden=(width,)),
        ...         optimizer=SGD(lr=lr, momentum=0.9),
        ...         batch_size=32,
        ...         epochs=scale.epochs,
        ...     )
        >>> search = Search(
        ...     name="digits",
        ...     question="Which width and rate are best on digits?",
        ...     space=(Int("width", 16, 256, log=True), Float("lr", 0.001, 1.0, log=True)),
        ...     build=build,
        ...     scales={"quick": Scale(epochs=10)},
        ...     trials=40,
        ... )
        >>> search.defaults
        {'width': 64, 'lr': 0.0316228}
    """

    name: str
    question: str
    space: Sequence[Setting]
    build: Callable[..., Work] | None = None
    train: Callable[..., Mapping[str, float]] | None = None
    command: Command | None = None
    objective: str | Sequence[str] = "validation_loss"
    constraints: Sequence[AtMost | AtLeast] = ()
    scales: Mapping[str, Scale] = field(default_factory=dict)
    trials: int = 64
    sampler: str = "tpe"
    pruner: str = "none"
    rungs: Sequence[int] = ()
    seeds: int = 1
    batch: int | None = None
    confirm: int | None = None
    patience: int | None = None
    by: float | None = None
    enqueue: Sequence[Mapping[str, Any]] = ()
    metrics: Sequence[Metric] = ()
    measures: Sequence[Measure] = ()
    step: Callable[..., Callable[[], object]] | None = None
    limit: float | None = None
    needs: Mapping[str, Callable[..., Mapping[str, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("objective", "trials", "seeds", "batch", "confirm", "patience", "by"):
            object.__setattr__(self, name, own(getattr(self, name)))
        for name, kind, example in (
            ("space", Float | Int | Choice, "Float('lr', 0.001, 1.0, log=True)"),
            ("constraints", AtMost | AtLeast, "AtMost('model_bytes', 1e6)"),
            ("enqueue", Mapping, "{'lr': 0.1}"),
        ):
            value = getattr(self, name)
            if not isinstance(value, tuple | list) or not all(isinstance(x, kind) for x in value):
                raise HarnessError(
                    f"Search({name}=...) must be a tuple",
                    repr(value),
                    f"Write {name}=({example},), with the comma.",
                )
            object.__setattr__(self, name, tuple(value))
        _ = self.study

    @property
    def defaults(self) -> Settings:
        """The settings that it begins with."""
        return Space(self.space).defaults

    @cached_property
    def study(self) -> Study:
        """What runs it: a study of one factor, whose levels are the settings compared at the end.

        Its trials are those of any study: the same keys, records, workers and reports.
        """
        names = (self.objective,) if isinstance(self.objective, str) else tuple(self.objective)
        space = Space(self.space)
        searching = Searching(
            settings=tuple(self.space),
            objectives=names,
            constraints=tuple(self.constraints),
            trials=self.trials,
            sampler=self.sampler,
            pruner=self.pruner,  # type: ignore[arg-type]  # checked below
            rungs=tuple(self.rungs),
            seeds=self.seeds,
            batch=self.batch,
            confirm=self.confirm,
            patience=self.patience,
            enqueue=tuple(space.completed(each) for each in self.enqueue),
        )
        return study_of(
            searching, self.name, self.question, self.scales, self.by,
            build=self.build, train=self.train, command=self.command, metrics=self.metrics,
            measures=self.measures, step=self.step, limit=self.limit, needs=self.needs,
        )  # fmt: skip


def study_of(
    searching: Searching,
    name: str,
    question: str,
    scales: Mapping[str, Scale],
    by: float | None,
    **given: Any,
) -> Study:
    """Return the study that runs a search.

    Args:
        searching: how settings are searched.
        name: of the search.
        question: what it asks.
        scales: how big it can be run.
        by: the smallest difference to the default that matters; ``None`` for no verdict.
        given: what else a Study takes.

    Raises:
        HarnessError: a part of it is wrong, or does not fit the others.
    """
    check_searching(searching)
    if not any(given.get(way) is not None for way in ("build", "train", "command")):
        raise HarnessError(
            "a search must say what is run",
            "none of build=, train= and command=",
            "Add one of them.",
        )
    if given.get("command") is not None and searching.space.conditional:
        raise HarnessError(
            "settings that a command takes must always be in use",
            ", ".join(f"{x.name} if {condition(x)}" for x in searching.space if x.when),
            "Leave out when=, or write a function that calls the command: train=.",
        )
    if searching.pruner in ("median", "hyperband") and given.get("command") is not None:
        raise HarnessError(
            f"pruner={searching.pruner!r} must stand beside build= or train=, whose curves are "
            "known while they train",
            "command=",
            "Write pruner='none'.",
        )
    levels = (DEFAULT, *PLACES)
    study = Study(
        name=name,
        question=question,
        factors=(Labels(LABEL, levels),),
        design=Arms({level: {LABEL: level} for level in levels}),
        scales=scales,
        objective=searching.objectives[0],
        search=searching,
        **given,
    )
    if by is None:
        return study
    claim = Higher(
        "The best setting found beats the default.",
        metric=study.objective,
        **_sides(study.metric(study.objective)),
        by=by,
    )
    return replace(study, claims=(claim,))


def _sides(metric: Metric) -> dict[str, Any]:
    """Return the sides of a claim that the best setting is better than the default."""
    best, control = {LABEL: PLACES[0]}, {LABEL: DEFAULT}
    if metric.better == "lower":
        return {"higher": control, "lower": best}
    return {"higher": best, "lower": control}


def over(study: Study, names: Sequence[str], trials: int | None = None) -> Study:
    """Return the study that searches some of another's factors and tuned settings.

    What is not searched stays at its baseline or default. Each trial is one that the other study
    could have, with the same key.

    Args:
        study: whose settings are searched; it runs something.
        names: of factors, which become choices, and of tuned settings.
        trials: the budget; 64 unless given.

    Raises:
        HarnessError: the study has no such factor or tuned setting.
    """
    if study.search is not None:
        raise HarnessError(
            "--over must stand beside a study, whose settings it names",
            f"{study.name}, which is a Search",
            "Leave it out: the space says what is searched.",
        )
    factors = {each.name: each for each in study.factors}
    tuned = {each.name: each for each in study.tuned}
    for name in names:
        if name not in factors | tuned:
            raise HarnessError(
                f"--over must name factors and tuned settings of study {study.name!r}",
                repr(name),
                near(name, [*factors, *tuned]),
            )
    settings: list[Setting] = []
    for name in dict.fromkeys(names):
        if name in factors:
            options = {level.name: level.value for level in factors[name].named}
            settings.append(Choice(name, options))
        else:
            one = tuned[name]
            settings.append(Float(name, one.low, one.high, one.log, one.start))
    fixed: dict[str, Any] = {
        name: each.named[0].value for name, each in factors.items() if name not in names
    }
    fixed |= {name: each.start for name, each in tuned.items() if name not in names}
    searching = Searching(
        settings=tuple(settings),
        objectives=(study.objective,),
        trials=64 if trials is None else trials,
        fixed=fixed,
    )
    scales = {
        name: Scale(seeds=scale.seeds, **scale.settings) for name, scale in study.scales.items()
    }
    made = study_of(
        searching, f"{study.name}-over-{'-'.join(dict.fromkeys(names))}"[:64],
        f"{study.question} Searched: {', '.join(dict.fromkeys(names))}.", scales, None,
        build=study.build, train=study.train, command=study.command, metrics=study.metrics,
        measures=study.measures, step=study.step, limit=study.limit, needs=study.needs,
    )  # fmt: skip
    made.place_in(study.module)
    return made
