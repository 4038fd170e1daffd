"""Which arms of a study or search have a step whose cost can be measured."""

from __future__ import annotations

from harness.messages.errors import HarnessError
from harness.study.searching import DEFAULT
from harness.study.study import Study
from harness.trials.trial import Trial, defaults, make_trial


def measured_trials(study: Study, scale: str, arm: str | None) -> dict[str, Trial]:
    """Return a trial for each arm to measure, by arm name, with tuned settings at their defaults.

    Of arms that share a program, which cost the same, it is the first. Of a search it is the arm
    with the default settings.

    Args:
        study: the study, or that of a search.
        scale: the scale's name.
        arm: the arm's name; ``None`` is all of them.

    Raises:
        HarnessError: there is no such arm, or the study has no step that can be measured.
    """
    _check_step(study)
    searching = study.searching(scale)
    settings = defaults(study) if searching is None else searching.space.defaults
    arms = [each for each in study.arms(scale) if searching is None or each.name == DEFAULT]
    if arm is not None and arm not in {each.name for each in arms}:
        raise HarnessError(
            f"ARM must be an arm of {study.name} at scale {scale}",
            repr(arm),
            f"Arms are: {'; '.join(each.name for each in arms)}.",
        )
    found: dict[str, Trial] = {}
    programs: set[str] = set()
    for each in arms:
        if arm is not None and each.name != arm:
            continue
        trial = make_trial(study, scale, each, 0, "evaluate", settings)
        program = trial.what.cost_key or trial.program
        if program not in programs:
            programs.add(program)
            found[each.name] = trial
    return found


def _check_step(study: Study) -> None:
    """Check that a step can be measured.

    Raises:
        HarnessError: it cannot.
    """
    if study.build is not None or study.step is not None:
        return
    what = "train= without step=" if study.train is not None else "a command"
    if study.train is None and study.command is None:
        what = "none: it judges results of others"
    raise HarnessError(
        f"{study.name} must have a training step, for its cost to be measured",
        what,
        "`harness run` records seconds, processor time and peak memory of its whole runs"
        + (", and step= gives a step." if study.train is not None else ".")
        + " A gate judges its quality alone (--only-quality), or times it as a command or as "
        "module:function.",
    )
