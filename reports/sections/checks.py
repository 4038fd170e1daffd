"""What stands behind a verdict: tests, assumptions and outcomes, as they apply to its kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.judging.results import Results
from harness.judging.seen import Beside
from harness.judging.verdicts import Verdict
from harness.stats import FEWEST_PERMUTED, LARGE_SKEW, MOST_PERMUTED
from harness.study.claims import Best, Equivalent, Higher, NotWorse, Peak, Some, Sooner
from harness.study.designs import comparable
from harness.study.formatting import (
    DASH,
    effect_text,
    join,
    margin_text,
    number_text,
    p_text,
    percent_text,
    rho_text,
)
from harness.study.metrics import FAILED
from harness.trials.profiles import Profile

from ..intervals import is_counted, is_exact
from ..table import Cell, Column, Table, row
from ..text import replicate_of
from .fixed import also_differ

Row = tuple[Cell, ...]


def checks(results: Results, verdict: Verdict) -> Table:
    """Work out the table; what does not apply to a kind of claim has no row."""
    if is_exact(verdict):
        rows = [_measured(verdict)]
    elif is_counted(verdict):
        rows = [*_counts(verdict), *_lost(verdict)]
    else:
        rows = [*_tests(verdict), *_differences(verdict), *_lost(verdict)]
    rows += [_beside(verdict, each) for each in verdict.seen.beside]
    if math.isfinite(verdict.seen.effect) and verdict.metric.replicate == "round":
        rows.append(_floor(verdict))
    if parts := also_differ(results, verdict):
        mark = Cell(parts, mark="≠", tone="open")
        rows.append(row("Trainings of the sides differ in", mark, "not one part of them alone"))
    if confound := confounds(results, verdict):
        what = "Programs" if results.declaration.source == "build" else "Steps"
        rows.append(
            row(f"{what} of the sides differ in", Cell(confound, mark="≠", tone="open"), "see Cost")
        )
    return Table(
        "Assumptions and outcomes behind the verdict.",
        (Column("Check"), Column("Value", "number"), Column("Reading")),
        tuple(rows),
        stack=True,
    )


def _measured(verdict: Verdict) -> Row:
    if not verdict.seen.n:
        missing = Cell("missing", mark="×", tone="bad")
        return row("Measured", missing, "an arm of the claim has no profile")
    return row("Measured", "once", "exact: the same however often it is measured; no test applies")


def _counts(verdict: Verdict) -> Iterator[Row]:
    test = "Exact McNemar test, p" if verdict.metric.name == FAILED.name else "Exact sign test, p"
    alone = "on the seeds in which one side alone is so; before adjustment"
    yield row(test, p_text(verdict.seen.p), alone)


def _tests(verdict: Verdict) -> Iterator[Row]:
    seen = verdict.seen
    if seen.unpaired:
        yield row("Seeds in common", "0", "differences between seeds are not taken out")
        yield row(
            "The claim's own, p", p_text(seen.p), "what the verdict goes by, before adjustment"
        )
        yield row("Welch's t test, p", p_text(seen.p_t), "assumes roughly normal values")
        return
    yield row("Correlation of the two sides, ρ", rho_text(seen.rho), _pairing(verdict))
    counts = "what the verdict goes by, before adjustment"
    if isinstance(verdict.claim, Best | Peak | Some):
        counts = "of all levels together (see Methods), before adjustment"
    if isinstance(verdict.claim, NotWorse):
        counts = "of no difference; whether it is worse, the interval says"
    yield row("The claim's own, p", p_text(seen.p), counts)
    normal = "logarithms of the ratios" if verdict.metric.relative else "differences"
    widened = ", widened for overlapping training sets" if seen.overlap else ""
    yield row("Paired t test, p", p_text(seen.p_t), f"assumes roughly normal {normal}{widened}")
    yield row("Sign-flip permutation test, p", p_text(seen.p_permutation), _agreement(verdict))


def _compared(verdict: Verdict) -> str:
    return "ratio" if verdict.metric.relative else "difference"


def _pairing(verdict: Verdict) -> str:
    rho, replicate, what = verdict.seen.rho, replicate_of(verdict.metric), _compared(verdict)
    if not math.isfinite(rho):
        return "undefined here"
    if rho > 0:
        return f"above 0: what {replicate}s share cancels in the {what}s"
    return f"not above 0: nothing that {replicate}s share cancels in the {what}s"


def _agreement(verdict: Verdict) -> str:
    seen = verdict.seen
    if seen.overlap:
        return "not computed: folds cannot be exchanged as independent seeds can"
    if seen.n > MOST_PERMUTED:
        return f"not computed above {MOST_PERMUTED:,} {replicate_of(verdict.metric)}s"
    if not math.isfinite(seen.p_permutation):
        return f"needs {FEWEST_PERMUTED} {replicate_of(verdict.metric)}s at least"
    if not math.isfinite(seen.p_t):
        return "makes no assumption of normality"
    both = (seen.p_t < 0.05) == (seen.p_permutation < 0.05)
    return "no normality assumed; " + (
        "agrees with t at 5 %" if both else "disagrees with t at 5 %"
    )


def _differences(verdict: Verdict) -> Iterator[Row]:
    metric, seen = verdict.metric, verdict.seen
    what = _compared(verdict)
    spread = effect_text if metric.relative else margin_text
    yield row(
        f"Standard deviation of the {what}s",
        spread(metric, seen.sd) if math.isfinite(seen.sd) else DASH,
        "of one run on either side"
        if seen.unpaired
        else f"over {replicate_of(metric)}s" + (", as a factor" if metric.relative else ""),
    )
    median = "Difference of the medians" if seen.unpaired else f"Median {what}"
    yield row(median, effect_text(metric, seen.median), _skew(verdict))
    if seen.kind == "varied" and seen.n >= 3:
        large = abs(seen.skew) >= LARGE_SKEW
        shown = f"{seen.skew:+.1f}".replace("-", "−")
        yield row(
            f"Skewness of the {'difference of the means' if seen.unpaired else what + 's'}, in "
            "standard errors",
            Cell(shown, mark="⚠", tone="open") if large else shown,
            "large: the interval is longer on that side" if large else "within what chance makes",
        )
    elif math.isfinite(seen.share):
        yield row(
            f"Seeds that may differ from {'all' if seen.kind == 'constant' else 'most'}, at most",
            percent_text(seen.share),
            f"{'all' if seen.kind == 'constant' else 'most'} "
            f"{'values of a side' if seen.unpaired else what + 's'} are the same",
        )


def _skew(verdict: Verdict) -> str:
    median, effect = verdict.seen.median, verdict.seen.effect
    if not (math.isfinite(median) and math.isfinite(effect)):
        return ""
    same = median * effect >= 0
    if verdict.metric.relative:
        return "same side of ×1 as the mean" if same else "across ×1 from the mean: outliers decide"
    return "same sign as the mean" if same else "of the other sign than the mean: outliers decide"


def _lost(verdict: Verdict) -> Iterator[Row]:
    """Count failed trials, and what they cost; a round of timing has all arms, or is none."""
    if verdict.metric.replicate == "round":
        return
    missing = Cell(str(verdict.missing), mark="×", tone="bad") if verdict.missing else "0"
    yield row(
        "Failed trials in these arms",
        Cell(str(verdict.failed), mark="×", tone="bad") if verdict.failed else "0",
        "an outcome of its own; never turned into a number",
    )
    if verdict.metric.name != FAILED.name:
        yield row("Seeds left out", missing, "because a trial failed or is missing")


def _beside(verdict: Verdict, beside: Beside) -> Row:
    name = beside.what[0].upper() + beside.what[1:]
    reading = "describes, and decides nothing"
    if beside.kind == "p" and verdict.seen.p_margin == beside.value:
        reading = f"against a {_compared(verdict)} as large as δ, before adjustment"
    return row(name, _figure(verdict, beside), reading)


def _figure(verdict: Verdict, beside: Beside) -> str:
    match beside.kind:
        case "p":
            return p_text(beside.value)
        case "share":
            return percent_text(beside.value) if math.isfinite(beside.value) else DASH
        case "effect":
            return effect_text(verdict.metric, beside.value)
    return _time(verdict, beside.value)


def _time(verdict: Verdict, value: float) -> str:
    """Print a plain number; of a time to a target, what the claim counts."""
    claim = verdict.claim
    if not isinstance(claim, Sooner):
        return number_text(value)
    if value == math.inf:
        return "never"
    return f"{number_text(value)} {claim.clock}"


def _floor(verdict: Verdict) -> Row:
    """Say how far apart the machine puts two measurements of one arm."""
    name, floor = "Noise floor of this machine", verdict.seen.floor
    if not math.isfinite(floor):
        return row(name, DASH, "not known: too few rounds measured an arm twice")
    shown = effect_text(verdict.metric, floor)
    if floor <= verdict.by:
        return row(name, shown, "below δ: what matters can be told from noise")
    reading = "above δ: of effects within it, nothing is said"
    return row(name, Cell(shown, mark="⚠", tone="bad"), reading)


def confounds(results: Results, verdict: Verdict) -> str:
    """Name the costs in which the two sides of a comparison differ, where profiles tell."""
    if not isinstance(verdict.claim, Higher | Equivalent | NotWorse | Sooner):
        return ""
    partials = results.declaration.partials(verdict.claim)
    groups = comparable(results.arms, partials)
    if not all(arm.name in results.profiles for group in groups for arm in group):
        return ""
    sides = [[results.profiles[arm.name] for arm in group] for group in groups]
    return join(
        name
        for name, field in (
            ("parameters", "parameters"),
            ("FLOPs per step", "flops_per_step"),
            ("steps", "steps"),
            ("samples", "samples"),
        )
        if field != verdict.metric.name and _values(sides[0], field) != _values(sides[1], field)
    )


def _values(profiles: Sequence[Profile], field: str) -> list[int]:
    return sorted(getattr(profile, field) for profile in profiles)
