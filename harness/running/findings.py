"""From what was seen of a study's trainings to findings: sentences, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.own.effects import Effects
from harness.own.watched import Seen
from harness.running.comparing import (
    Difference,
    alike,
    clocks,
    different,
    first_difference,
    numbers,
)
from harness.running.importing import Imported
from harness.study.designs import Arm
from harness.study.formatting import duration, join, plural
from harness.study.metrics import Metric
from harness.trials.checked import Finding
from harness.trials.outcome import Outcome

MOST_NAMED = 4
"""So many arms or names are named at most."""

SLOW_SECONDS = 0.5
"""An import that takes less is never told of."""

SAME, SEED, ARMS, RESUMED = "same seed again", "another seed", "every arm", "killed and resumed"
IMPORT, FUNCTION = "import of the file", "the function"

RANDOM = {
    "function": "Draw all that is random from context.seed_for(purpose), from generators that are "
    "given such a seed, or from the global ones, which are seeded before each call.",
    "command": "Write {seed} in the command line, and let the script draw all that is random from "
    "generators that are given it.",
    "Training": "The harness's own parts repeat on a CPU: look at networks and measures of your "
    "own.",
}
"""What to do where the same seed gives other numbers, by the kind of work."""

ELSE = (
    " Let no result rest on the clock or on the order of a set; on a GPU, ask for deterministic "
    "algorithms. Seeds stay replicates and verdicts valid, but no trial can be made again."
)
UNUSED = {
    "function": "Let the split, the initial weights and the order of examples depend on "
    "context.seed",
    "command": "Write {seed} in the command line, and let the script use it",
    "Training": "Let a network of your own draw its initial weights",
}
"""What to do where another seed gives the same numbers, by the kind of work."""

COPIES = ": else replicates are copies, and no interval means anything."
UNUSED_ARMS = (
    "Is the factor used, under this name? If it is to change nothing here, leave these arms out, "
    "or list the others with Arms(...)."
)
SAVED = {
    "function": "Save and restore all that training goes on with: model, optimizer, schedule, "
    "generators of your own, the best value so far; and begin the loop at what context.restore "
    "returns.",
    "command": "Let the script keep all that it goes on with in {folder}, generators of random "
    "numbers, too; or let it begin anew, whatever lies there.",
    "Training": RANDOM["Training"] + ELSE,
}
"""What to do where a kill changes numbers, by the kind of work."""


@dataclass(frozen=True)
class Compared:
    """How trainings of one study are compared.

    Attributes:
        kind: the kind of work.
        declared: the study's own metrics; empty where the harness's trainer gives them.
    """

    kind: str
    declared: Sequence[Metric] = ()

    def left_out(self, *outcomes: Outcome) -> tuple[str, ...]:
        """Return the names of times: those are no two times the same."""
        names = [name for each in outcomes for name in (*each.metrics, *each.curves)]
        return clocks(names, self.declared)

    def numbers(self, outcome: Outcome) -> dict[str, float]:
        """Return the numbers of a training, without times."""
        return numbers(outcome.metrics, outcome.curves, self.left_out(outcome))

    def difference(self, one: Outcome, other: Outcome) -> Difference | None:
        """Return the first number that differs."""
        return first_difference(self.numbers(one), self.numbers(other))

    # ---- findings ------------------------------------------------------------------------

    def same_seed(self, what: str, first: Outcome, again: Outcome) -> Finding:
        """Say whether a trial that was trained twice gave the same numbers.

        Args:
            what: the arm and the seed.
            first: of the one process.
            again: of the other.
        """
        if failed := _failed(SAME, what, first) or _failed(SAME, f"{what}, again", again):
            return failed
        if difference := self.difference(first, again):
            text = f"{what}, trained twice, gave other numbers: {difference}."
            return Finding(SAME, "wrong", text, RANDOM[self.kind] + ELSE)
        count = len(self.numbers(first))
        if not count:
            return Finding(SAME, "told", f"{what}: it gives times alone, and nothing to compare.")
        text = f"{what}, trained in two processes: {_all(count)} the same, to the last bit."
        if times := self.left_out(first):
            text += f" Times were left out: {_named(times)}."
        return Finding(SAME, "ok", text)

    def other_seed(self, what: str, first: Outcome, other: Outcome, *, repeats: bool) -> Finding:
        """Say whether another seed gave other numbers.

        Args:
            what: the arm and the other seed.
            first: with the seed that was trained twice.
            other: with another one.
            repeats: whether the same seed gives the same numbers.
        """
        if failed := _failed(SEED, what, other):
            return failed
        one, two = self.numbers(first), self.numbers(other)
        count, total = different(one, two), len({*one, *two})
        if not total:
            return Finding(SEED, "told", f"{what}: it gives times alone, and nothing to compare.")
        if not count:
            text = f"{what}: {_all(total)} as with the seed before. The seed changes nothing."
            return Finding(SEED, "wrong", text, UNUSED[self.kind] + COPIES)
        text = f"{what}: {count} of {plural(total, 'number')} {_are(count)} other than before."
        if not repeats:
            text += " That says nothing, because with the same seed there are others, too."
            return Finding(SEED, "told", text)
        return Finding(SEED, "ok", text)

    def arms(self, seed: int, arms: Sequence[Arm], outcomes: Mapping[str, Outcome]) -> Finding:
        """Say which arms gave the same numbers.

        Args:
            seed: with which all were trained.
            arms: all of them.
            outcomes: by arm name.
        """
        failed = [name for name, outcome in outcomes.items() if outcome.reason]
        found = {name: self.numbers(each) for name, each in outcomes.items() if not each.reason}
        same = alike({name: own for name, own in found.items() if own})
        by_name = {arm.name: arm for arm in arms}
        told = [_same([by_name[name] for name in group], len(arms)) for group in same]
        if failed:
            told.append(f"{_named(failed)} failed: {outcomes[failed[0]].reason}")
        if told:
            return Finding(ARMS, "wrong", " ".join(told), UNUSED_ARMS if same else "")
        if len(arms) == 1:
            return Finding(ARMS, "told", "There is one arm: nothing is compared.")
        text = f"{len(arms)} arms with seed {seed}: no two gave the same numbers."
        return Finding(ARMS, "ok", text)

    def resumed(
        self, first: Outcome, killed: Killed | None, *, repeats: bool, epochs: int = 0
    ) -> Finding:
        """Say whether a trial that was killed and run again gave the numbers of the undisturbed.

        Args:
            first: the undisturbed.
            killed: what became of the other; ``None`` where it saves nothing.
            repeats: whether the same seed gives the same numbers without a kill.
            epochs: of the scale; 0 where that has none.
        """
        if killed is None:
            text = "The function saves nothing: a killed trial begins anew."
            return Finding(RESUMED, "told", text)
        if not killed.killed:
            text = f"The trial was over before it could be killed{_unless(self.kind)}."
            return Finding(RESUMED, "told", text)
        kind = self.kind
        told = f"{_how(kind, killed)}, and run again"
        if kind == "command":
            told += " in the same folder"
        if failed := _failed(RESUMED, told, killed.outcome):
            return failed
        if kind == "function" and not killed.restored:
            told += ", it began anew, because context.restore was not called"
        elif kind == "function":
            told += f", it went on from there (epoch {killed.restored[0]})"
        elif kind == "Training":
            told += ", it began anew"
        if kind == "function" and killed.restored and killed.restored[0] >= epochs > 0:
            text = f"{told}. No epoch was left to be trained: a scale with more epochs would tell."
            return Finding(RESUMED, "told", text)
        difference = self.difference(first, killed.outcome)
        if difference and not repeats:
            text = f"{told}. Other numbers say nothing: there are others without a kill, too."
            return Finding(RESUMED, "told", text)
        if difference:
            text = f"{told}. The first number that differs from the undisturbed: {difference}."
            return Finding(RESUMED, "wrong", text, SAVED[kind])
        count = _all(len(self.numbers(first)))
        text = f"{told}: {count} those of the undisturbed, to the last bit."
        if kind == "function" and not killed.restored:
            mend = "Call context.restore before the loop, or leave out context.save."
            return Finding(RESUMED, "told", text, mend)
        return Finding(RESUMED, "ok", text)


@dataclass(frozen=True)
class Killed:
    """What became of a trial that was to be killed, and was run again.

    Attributes:
        first: what was noted until the kill.
        again: what was noted afterwards.
        outcome: of the second time.
    """

    first: Seen
    again: Seen
    outcome: Outcome

    @property
    def killed(self) -> bool:
        """Whether it was killed."""
        return self.first.killed

    @property
    def restored(self) -> tuple[int, ...]:
        """The epochs that it went on from."""
        return self.again.restored


def of_import(seen: Imported, trial_seconds: float | None) -> Finding:
    """Say what importing the study's file does.

    Args:
        seen: what was seen.
        trial_seconds: how long a trial takes; ``None`` where that is not known.
    """
    text = f"It takes {_seconds(seen.seconds)}"
    text += "." if trial_seconds is None else f", a trial {_seconds(trial_seconds)}."
    told, mends = [], []
    if trial_seconds is not None and seen.seconds > max(trial_seconds, SLOW_SECONDS):
        told.append("Each worker process imports it: it takes longer than a trial.")
        mends.append("Read data within the function, by context.cached.")
    if seen.effects.drew:
        told.append(
            f"It draws random numbers ({join(seen.effects.drew)}), which are others in each run."
        )
        mends.append("Draw within the function, where the seed is known.")
    told += _told(seen.effects, seen.printed)
    return Finding(IMPORT, "told" if told else "ok", " ".join((text, *told)), " ".join(mends))


def of_function(effects: Effects, log: str) -> Finding:
    """Say what a trial's function does to its process.

    Args:
        effects: what was seen at its end.
        log: what it printed.
    """
    told = list(_told(effects, log))
    if not told:
        text = "It prints nothing, and leaves its process as it found it."
        return Finding(FUNCTION, "ok", text)
    text = " ".join((*told, "That is allowed: each trial has a process of its own."))
    return Finding(FUNCTION, "told", text)


# ---- words ----------------------------------------------------------------------------------


def _told(effects: Effects, printed: str) -> Iterator[str]:
    if lines := [line for line in printed.splitlines() if line.strip()]:
        yield f"It prints {plural(len(lines), 'line')}, the first “{lines[0].strip()[:60]}”."
    if effects.folder:
        yield f"It changes the working folder to {effects.folder}."
    if effects.environment:
        yield f"It changes the environment: {_named(effects.environment)}."
    if effects.seeded:
        yield f"It seeds the global generator of {join(effects.seeded)} itself."
    if effects.processes:
        yield f"It leaves {plural(effects.processes, 'process', 'processes')} behind."


def _failed(check: str, what: str, outcome: Outcome) -> Finding | None:
    if not outcome.reason:
        return None
    return Finding(check, "wrong", f"{what}: it failed. {outcome.reason}")


def _same(group: Sequence[Arm], total: int) -> str:
    """Say of arms that gave the same numbers which factors change nothing."""
    names = sorted({name for arm in group for name in arm.levels})
    varied = [name for name in names if len({arm.levels[name].name for arm in group}) > 1]
    which = _named([arm.name for arm in group])
    if len(group) == total > 2:
        which = f"All {total} arms"
    what = "this factor changes" if len(varied) == 1 else f"{join(varied)} change"
    return f"{which} gave the same numbers to the last bit: {what} nothing here."


def _how(kind: str, killed: Killed) -> str:
    if kind == "function":
        return f"Killed (SIGKILL) when it had saved epoch {killed.first.saved[0]}"
    if kind == "command":
        return "Killed (SIGKILL) when its folder had its first file"
    return "Killed (SIGKILL) after its first epoch"


def _unless(kind: str) -> str:
    return ", because it writes no file on its way" if kind == "command" else ""


def _all(count: int) -> str:
    return f"all {count} numbers are" if count > 1 else "the one number is"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else duration(seconds)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _named(names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMED:
        return join(names)
    return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"
