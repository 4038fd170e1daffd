"""Study -> Trials with stable keys; pure: nothing is loaded, trained or written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from harness.identity.canonical import canonical, definitions
from harness.identity.code import code_of
from harness.identity.files import hashes_of
from harness.messages.blame import place
from harness.messages.errors import HarnessError
from harness.stopping import Bound
from harness.study.designs import Arm
from harness.study.function import function_of
from harness.study.searching import SEARCHED
from harness.study.settings import Settings, Value
from harness.study.study import Study
from harness.study.work import Work
from harness.training import Training
from harness.trials.mistakes import mend
from harness.trials.records import Role

if TYPE_CHECKING:
    from harness.trained import Measure

TUNING_SEED = 1_000_000
"""The first of the tuning seeds, the same for all arms: every evaluation seed is below it.

Settings are searched with this one; on those after it the best are confirmed.
"""

SHARED = "shared"
"""Stands where an arm's name would, for a trial that others need: it may be of several arms."""


_CARRIERS = frozenset({"function", "command"})
"""Kinds of Work that only carry code of the user's own."""


@dataclass(frozen=True)
class Unseeded:
    """What one arm trains with some settings: a trial but for its seed.

    A Work says nothing of the seed, so it is built, written down and hashed once for all of them;
    what only few ask for is worked out when it is first asked for.

    Attributes:
        arm: which arm.
        tuned: values of the tuned settings, or of those that are searched and in use.
        work: what ``build`` returned.
        measures: what the study measures beside what is always measured; of what a search tries,
            only what it chooses by.
        needs: what is run before it, by what it is for.
        path: for what others need, how to come from an arm's own to it: names of needs, one within
            the other; empty for an arm's own.
        step: the study's own function that gives a training step to measure.
        files: of a command, short hashes of the files that give it its meaning.
        searched: whether the settings are those of a search.
    """

    arm: Arm
    tuned: Settings
    work: Work
    measures: tuple[Measure, ...] = ()
    needs: Mapping[str, Unseeded] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    step: Callable[..., Any] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    searched: bool = False

    @cached_property
    def written(self) -> Mapping[str, Any]:
        """The Work, and the measures, in plain JSON types."""
        written: dict[str, Any] = canonical(self.work)
        return {**written, "measures": canonical(self.measures)} if self.measures else written

    @cached_property
    def code(self) -> Mapping[str, str]:
        """Short hash per module, definition or file that gives the Training its meaning."""
        found = [*definitions(self.work), *definitions(self.measures)]
        if self.work.kind in _CARRIERS:  # what only carries the user's own code changes nothing
            found = [each for each in found if each is not type(self.work)]
        own = code_by_definitions(self.work.kind, tuple(dict.fromkeys(found)))
        return {**self.files, **own} if self.files else own

    @cached_property
    def cost_key(self) -> str:
        """The name under which its cost is kept: a key with any seed, and the code of its step."""
        if self.step is None:
            return ""
        code = code_by_definitions(self.work.kind, tuple(definitions(self.step)))
        return keys_of({"step of": self.written}, {**self.code, **code})(0)

    @property
    def trains(self) -> bool:
        """Whether the harness's own trainer trains it, step by step and in any mode."""
        return isinstance(self.work, Training)

    @cached_property
    def program(self) -> str:
        """Hash of what trials must have in common to train together."""
        together = json.dumps([self.work.program(), self.code], sort_keys=True)
        return hashlib.sha256(together.encode()).hexdigest()[:16]

    @property
    def training(self) -> Training:
        """What is trained, for whoever trains it: a Training is the one kind of Work."""
        assert isinstance(self.work, Training)
        return self.work

    def all_needs(self) -> Iterator[Unseeded]:
        """Yield what it needs, each after all that this needs in turn."""
        for need in self.needs.values():
            yield from need.all_needs()
            yield need

    @cached_property
    def _key(self) -> Callable[[int], str]:
        return keys_of(self.written, self.code)

    def trial(self, seed: int, role: Role) -> Trial:
        """Return the trial with a seed, and what it needs with those that follow from it."""
        needs = {
            name: need.trial(self.work.seed_of_need(name, seed), "need")
            for name, need in self.needs.items()
        }
        return Trial(self, seed, role, self._key(seed), needs)


@dataclass(frozen=True)
class Trial:
    """One arm with one seed.

    Attributes:
        what: all of it but the seed.
        seed: the seed of everything random in it.
        role: whether it evaluates the arm, helps to choose the arm's settings, or is needed by
            others.
        key: hash of the Training, the measures, the seed and the code: two trials with the same
            key are the same trial, whatever study they stand in.
        needs: the trials that are run before it, by what they are for.
        bounds: what ends it early; its key says nothing of them, and what is ended early is no
            result of that key.
    """

    what: Unseeded
    seed: int
    role: Role
    key: str
    needs: Mapping[str, Trial] = field(default_factory=dict)
    bounds: tuple[Bound, ...] = ()

    @property
    def arm(self) -> Arm:
        """Which arm."""
        return self.what.arm

    @property
    def tuned(self) -> Settings:
        """Values of the tuned settings."""
        return self.what.tuned

    @property
    def work(self) -> Work:
        """What ``build`` returned."""
        return self.what.work

    @property
    def training(self) -> Training:
        """What is trained, for whoever trains it."""
        return self.what.training

    @property
    def written(self) -> Mapping[str, Any]:
        """The Training, and the measures, in plain JSON types."""
        return self.what.written

    @property
    def code(self) -> Mapping[str, str]:
        """Short hash per module or definition that gives the Training its meaning."""
        return self.what.code

    @property
    def program(self) -> str:
        """Hash of what trials must have in common to train together."""
        return self.what.program

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured beside what always is.

        A trial that helps to choose an arm's settings takes no measures of the study; one of a
        search takes those by which it chooses.
        """
        return self.what.measures if self.searched or self.role != "tune" else ()

    @property
    def searched(self) -> bool:
        """Whether its settings are those of a search."""
        return self.what.searched

    @property
    def trains(self) -> bool:
        """Whether the harness's own trainer trains it, step by step and in any mode."""
        return self.what.trains

    @property
    def cost_key(self) -> str:
        """The name under which the cost of its program is kept; its key where that is the same."""
        return self.what.cost_key or self.key

    @property
    def measurable(self) -> bool:
        """Whether it has a training step, whose cost can be measured."""
        return self.trains or self.what.step is not None

    @property
    def path(self) -> tuple[str, ...]:
        """How to come from an arm's own trial to it: names of needs, one within the other."""
        return self.what.path

    @property
    def owner(self) -> str:
        """The arm's name; what others need, which many arms may share, belongs to none."""
        return SHARED if self.role == "need" else self.arm.name

    def waits(self, done: Container[str]) -> bool:
        """Whether something that it needs has not ended.

        Args:
            done: keys of the trials that have ended.
        """
        return any(need.key not in done for need in self.needs.values())

    def all_needs(self) -> Iterator[Trial]:
        """Yield what it needs, each after all that this needs in turn."""
        for need in self.needs.values():
            yield from need.all_needs()
            yield need


def make_trial(study: Study, scale: str, arm: Arm, seed: int, role: Role, tuned: Settings) -> Trial:
    """Build one trial's Training and key.

    Raises:
        HarnessError: ``build`` returned something else than a Training, or a value in it cannot
            be written down.
    """
    return unseeded(study, scale, arm, tuned).trial(seed, role)


def unseeded(study: Study, scale: str, arm: Arm, tuned: Settings) -> Unseeded:
    """Build the Training of an arm with some settings, which is that of all its seeds.

    What a search tries is measured by what it chooses by alone.

    Raises:
        HarnessError: ``build`` returned something else than a Training.
    """
    made = _made(study, scale, arm, tuned)
    if study.search is None:
        return made
    measures = made.measures
    if arm.name == SEARCHED.name:
        wanted = study.search.wanted
        measures = tuple(
            each for each in measures if any(metric.name in wanted for metric in each.metrics)
        )
    return replace(made, searched=True, measures=measures)


def _made(study: Study, scale: str, arm: Arm, tuned: Settings) -> Unseeded:
    arguments = study.arguments(arm, tuned)
    size = study.scales[scale]
    if study.train is not None:
        function = function_of(study, arguments, size.settings)
        return _unseeded(arm, dict(tuned), function, (), step=study.step)
    if study.command is not None:
        command = study.command.filled(size.settings, arm, study.written(tuned))
        files = hashes_of(study.folder, study.command.code, command.may_be_files())
        return Unseeded(arm, dict(tuned), command, files=files)
    if study.build is None:
        raise HarnessError(
            f"study {study.name!r} must say what is run",
            "none of build=, train= and command=",
            "Add one of them; or judge results that there are: `harness judge RESULTS STUDY`.",
        )
    try:
        work = study.build(scale=size, **arguments)
    except HarnessError:
        raise
    except RecursionError as error:
        raise HarnessError(
            f"build of study {study.name!r} must not call itself without end",
            f"a call within a call, for {arm.name}",
            "Give what a Training needs a function of its own, which needs nothing in turn.",
        ) from error
    except (Exception, SystemExit) as error:
        raise HarnessError(
            f"build of study {study.name!r} must return a Training for every arm",
            f"{type(error).__name__}: {error} at {place(error)}, for {arm.name}",
            mend(error),
        ) from error
    if not isinstance(work, Work) or isinstance(work, type):
        raise HarnessError(
            f"build of study {study.name!r} must return a Training",
            repr(work),
            "Write return Training(data=..., model=..., optimizer=..., ...).",
        )
    return _unseeded(arm, dict(tuned), work, tuple(study.measures))


def _unseeded(
    arm: Arm,
    tuned: dict[str, Value],
    work: Work,
    measures: tuple[Measure, ...] = (),
    path: tuple[str, ...] = (),
    step: Callable[..., Any] | None = None,
) -> Unseeded:
    needs = {
        name: _unseeded(arm, tuned, need, path=(*path, name)) for name, need in work.needs().items()
    }
    return Unseeded(arm, tuned, work, measures, needs, path, step)


@cache
def code_by_definitions(kind: str, found: tuple[Any, ...]) -> dict[str, str]:
    """Return :func:`harness.identity.code.code_of`, worked out once for the same definitions."""
    return code_of(found, kind)


def keys_of(written: Mapping[str, Any], code: Mapping[str, str]) -> Callable[[int], str]:
    """Return what gives the key of a trial, by its seed: only that part is hashed anew.

    The text hashed is that of ``{"training": written, "seed": seed, "code": code}`` as JSON with
    sorted names, in which the code comes first and the Training last.
    """
    before = json.dumps({"code": dict(code)}, sort_keys=True)[:-1]
    begun = hashlib.sha256(before.encode())
    after = json.dumps({"training": written}, sort_keys=True)[1:]

    def key(seed: int) -> str:
        text = begun.copy()
        text.update(f', "seed": {json.dumps(seed)}, {after}'.encode())
        return text.hexdigest()[:16]

    return key


def evaluation_seeds(study: Study, scale: str, seeds: int | None) -> tuple[int, ...]:
    """Return the evaluation seeds, 0 to n - 1; ``seeds`` overrides what the scale says.

    Raises:
        HarnessError: fewer than one, or so many that they reach the tuning seed.
    """
    count = study.scales[scale].seeds if seeds is None else seeds
    if not 1 <= count < TUNING_SEED:
        raise HarnessError("a run must have at least one seed", str(count), "Write --seeds 5, say.")
    return tuple(range(count))


def defaults(study: Study) -> dict[str, float]:
    """Return the declared default of every tuned setting."""
    return {each.name: each.start for each in study.tuned}
