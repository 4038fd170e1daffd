"""A search: which settings to take, how far that can be trusted, and how they were found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.judging.confirmed import Confirmed, Estimate
from harness.judging.results import Results
from harness.judging.search_words import (
    ENDED,
    edge_text,
    name_of,
    sentences,
    settings_text,
    value_text,
    what_is_known,
)
from harness.judging.searched import SearchResults
from harness.judging.shares import Share
from harness.judging.tried import Tried
from harness.study.declaration import Declaration
from harness.study.formatting import (
    DASH,
    effect_text,
    in_sentence,
    interval_text,
    level_text,
    percent_text,
    plural,
    spread_text,
)
from harness.study.pasted import as_code
from harness.study.searching import DEFAULT

from ..figures.canvas import Picture
from ..figures.search_confirmed import draw_confirmed
from ..figures.search_front import draw_fronts
from ..figures.search_history import draw_best_of_k, draw_history
from ..figures.search_parallel import draw_pairs, draw_parallel
from ..figures.search_slices import draw_slices
from ..table import Cell, Column, Table, row
from ..text import metric_of
from .procedures import Procedure

MOST_ROWS = 10
"""Settings in the table of the best."""

MOST_COLUMNS = 6
"""Settings that have a column of their own; more stand in one."""


@dataclass(frozen=True)
class SearchSection:
    """Sentences first, then what was confirmed, how it was found, and what settings do."""

    said: tuple[str, ...]
    edges: tuple[str, ...]
    code: str
    where: str
    confirmed: Table | None
    history: Picture | None
    found: tuple[Picture, ...]
    fronts: tuple[Picture, ...]
    best: Table | None
    slices: tuple[Picture, ...]
    together: tuple[Picture, ...]
    matters: Table | None
    shares: str
    spent: str


def search_section(results: Results) -> SearchSection | None:
    """Work out the section; ``None`` of a study that is no search."""
    search = results.search
    if search is None:
        return None
    edges = tuple(edge_text(search, edge) for edge in search.edges)
    pictures = (draw_confirmed(search), draw_best_of_k(search))
    together = (draw_parallel(search), draw_pairs(search))
    taken = search.tried[search.taken] if search.taken is not None else None
    return SearchSection(
        tuple(each for each in sentences(search) if each not in edges),
        edges,
        as_code(search.searching, taken.settings) if taken else "",
        "Also in best.json, with the key of a trial to replay; all settings are in settings.csv.",
        _confirmed(search),
        draw_history(search),
        tuple(each for each in pictures if each is not None),
        draw_fronts(search),
        _best(search, results.declaration),
        draw_slices(search),
        tuple(each for each in together if each is not None),
        _matters(search),
        _no_shares(search),
        _spent(search),
    )


def _spent(search: SearchResults) -> str:
    """Say how settings were found, and why no more are asked for."""
    counts = search.counts
    many = [f"{counts['complete']:,} finished"]
    many += [f"{counts['failed']:,} failed"] * bool(counts["failed"])
    many += [f"{counts['pruned']:,} stopped early"] * bool(counts["pruned"])
    many += [f"{counts['running']:,} not ended"] * bool(counts["running"])
    batches = 1 + max((each.batch for each in search.tried), default=0)
    text = (
        f"{plural(len(search.tried), 'setting')} were asked for by sampler {search.sampler!r} in "
        f"{plural(batches, 'batch', 'batches')}, the default first: {', '.join(many)}."
    )
    if search.why:
        text += f" The sampler was chosen because {search.why}."
    if search.earlier:
        text += f" It has learnt from {plural(search.earlier, 'setting')} of another search, too."
    if search.ended:
        text += f" No more are asked for: {ENDED.get(search.ended, search.ended)}."
    if search.seeds and search.arms:
        text += (
            f" The best {len(search.top)} and the default were then run on "
            f"{plural(search.seeds, 'seed')} that the search never saw."
        )
    return text


# ---- tables --------------------------------------------------------------------------------------


def _confirmed(search: SearchResults) -> Table | None:
    if not any(arm.values or arm.failed for arm in search.arms):
        return None
    metric = search.metric
    several = sum(bool(arm.values) for arm in search.arms)
    caption = (
        f"{metric.title} on fresh seeds: the mean with its t interval. Intervals are so wide that "
        f"all {several} hold at once with {percent_text(search.level)} (Bonferroni). Optimism: how "
        "much better the search had shown the settings to be. Better than default: the "
        "difference, seed by seed. Against the best other: the difference to the best of the "
        "others, with Hsu's interval; settings whose interval reaches above 0 may be the best."
    )
    return Table(
        caption,
        (
            Column("Settings"),
            Column("Known"),
            Column("In the search", "number"),
            Column("Fresh seeds", "number"),
            Column("n", "number"),
            Column("Optimism", "number"),
            Column("Better than default", "number"),
            Column("Against the best other", "number"),
        ),
        tuple(_confirmed_row(search, arm) for arm in search.by_mean),
        stack=True,
    )


def _confirmed_row(search: SearchResults, arm: Confirmed) -> tuple[Cell, ...]:
    metric = search.metric
    mean = Cell(DASH)
    if arm.values:
        mean = Cell(
            level_text(metric, arm.mean.value),
            note=spread_text(metric, arm.mean.low, arm.mean.high) if arm.mean.wide else "",
        )
    lost = [f"{arm.failed} failed"] * bool(arm.failed) + [f"{arm.missing} to come"] * bool(
        arm.missing
    )
    taken = arm.place == search.taken and search.confirmed
    known = what_is_known(search, arm.place).removesuffix(f", {DEFAULT}")
    return row(
        Cell(
            name_of(arm.place).capitalize(),
            note=settings_text(search.tried[arm.place].settings)
            if len(search.searching.settings) <= MOST_COLUMNS
            else "",  # the table of the best has them
        ),
        Cell(known, mark="✓", tone="good") if taken else known,
        level_text(metric, arm.searched) if math.isfinite(arm.searched) else DASH,
        mean,
        Cell(str(len(arm.values)), note=", ".join(lost)),
        _difference(search, arm.optimism),
        _difference(search, arm.gain),
        _difference(search, arm.behind),
    )


def _difference(search: SearchResults, estimate: Estimate) -> Cell:
    if not math.isfinite(estimate.value):
        return Cell(DASH)
    return Cell(
        effect_text(search.metric, estimate.value),
        note=interval_text(search.metric, estimate.low, estimate.high, unit=False)
        if estimate.wide
        else "",
    )


def _best(search: SearchResults, declaration: Declaration) -> Table | None:
    """List the best settings by their value in the search, and the default."""
    ranked = search.rank(each for each in search.tried if each.fits)
    shown = ranked[:MOST_ROWS]
    default = search.tried[0] if search.tried else None
    if default is not None and default not in shown:
        shown = [*shown, default]
    if not ranked:
        return None
    names = [each.name for each in search.searching.settings]
    apart = len(names) <= MOST_COLUMNS
    limits = [
        metric_of(declaration, each.metric)
        for each in search.searching.constraints
        if each.metric not in search.searching.objectives
    ]
    more = f" of {len(ranked):,} that can be taken" if len(ranked) > MOST_ROWS else ""
    return Table(
        f"The best {min(MOST_ROWS, len(ranked))} settings{more} by "
        f"{in_sentence(search.metric.title)}, as the search saw them, and the default. These "
        "values chose the settings, so the best of them are too good.",
        (
            Column("Setting"),
            *((Column(name, "number") for name in names) if apart else (Column("Settings"),)),
            *(Column(metric.title, "number") for metric in search.objectives),
            *(Column(metric.title, "number") for metric in limits),
            Column("Known"),
        ),
        tuple(
            row(
                str(each.number),
                *(_settings(each, names) if apart else [settings_text(each.settings)]),
                *(
                    level_text(metric, value) if math.isfinite(value) else DASH
                    for metric, value in zip(search.objectives, each.values, strict=True)
                ),
                *(level_text(metric, each.metrics[metric.name]) for metric in limits),
                what_is_known(search, each.place),
            )
            for each in shown
        ),
    )


def _settings(each: Tried, names: list[str]) -> list[str]:
    return [value_text(each.settings[name]) if name in each.settings else DASH for name in names]


# ---- what matters --------------------------------------------------------------------------------


def _matters(search: SearchResults) -> Table | None:
    """Show what tells good from bad, and shares of variance where the design has them."""
    shares = search.shares
    if not search.separating and not shares.main:
        return None
    names = list(search.separating) or [each.name for each in search.searching.settings]
    columns = [Column("Setting")]
    if search.separating:
        columns.append(Column("Tells the best tenth from the rest", "number"))
    if shares.main:
        columns.append(Column("Share of variance", "number"))
    rows = []
    for name in names:
        cells: list[str | Cell] = [name]
        if search.separating:
            cells.append(percent_text(round(search.separating[name], 3)))
        if shares.main:
            cells.append(_share(shares.main[name], exact=shares.exact))
        rows.append(row(*cells))
    for (one, other), share in shares.pairs.items():
        blank = [DASH] if search.separating else []
        rows.append(row(f"{one} and {other} together", *blank, _share(share, exact=True)))
    if shares.main:
        blank = [DASH] if search.separating else []
        rows.append(row("All else, chance included", *blank, _percent(shares.rest)))
    return Table(_matters_caption(search), tuple(columns), tuple(rows))


def _matters_caption(search: SearchResults) -> str:
    said = []
    if search.separating:
        said.append(
            "“Tells the best tenth from the rest” is PED-ANOVA: how far values of a setting among "
            f"the best tenth by {in_sentence(search.metric.title)} lie from those of all tried, "
            "to a sum of 100 %. It is no share of variance: a setting that hardly changes the "
            "objective can have much of it."
        )
    shares = search.shares
    if shares.exact:
        said.append(
            f"“Share of variance” is exact: an analysis of variance of the {shares.count} values "
            "on a complete grid, each combination with the same weight."
        )
    elif shares.main:
        said.append(
            f"“Share of variance” is the main effect of each setting over the space, by a curve of "
            f"degree {shares.degree} through {shares.count} settings drawn at random, with 95 % "
            "bootstrap intervals."
        )
    return " ".join(said)


def _share(share: Share, *, exact: bool) -> Cell:
    return Cell(
        _percent(share.value),
        note="" if exact else f"{_percent(share.low)} to {_percent(share.high)}",
    )


def _percent(share: float) -> str:
    return f"{100 * max(0.0, share):.1f} %"


def _no_shares(search: SearchResults) -> str:
    """Say why no shares of variance are shown."""
    if search.shares.main or not search.shares.why:
        return ""
    return f"Shares of variance are not shown, since {search.shares.why}."


# ---- methods -------------------------------------------------------------------------------------


def search_procedures(search: SearchResults) -> list[Procedure]:
    """Name the procedures that the section used."""
    used = []
    if search.arms:
        used.append(
            Procedure(
                "Confirming",
                "The best value of a search is biased: it is the best of many that vary by chance. "
                "So the best 3 settings and the default are run again on seeds that the search did "
                "not use, and judged by these alone. Intervals of a kind (means; differences from "
                "the default) hold for all settings at once, and so for whichever is chosen.",
                "Bonferroni's inequality",
            )
        )
        used.append(
            Procedure(
                "The best of those confirmed",
                "Multiple comparisons with the best: a setting is left out only where a one-sided "
                "comparison by seed, at α/(m − 1) for m settings, shows that another is better. "
                "The truly best stays in with a probability of 1 − α. Settings that were not "
                "confirmed are not compared.",
                "Hsu 1984, Annals of Statistics 12; Gupta 1965, Technometrics 7",
            )
        )
    if len(search.of_k.ks) > 1:
        used.append(
            Procedure(
                "Best of k",
                "Of n settings tried, the i-th best is the best of k drawn without order in "
                "C(n − i, k − 1) of C(n, k) draws. Settings that gave no value are drawn, too, and "
                "are never the best. It describes the settings tried, in random order.",
                "Dodge et al. 2019, arXiv:1909.03004",
            )
        )
    if search.separating:
        used.append(
            Procedure(
                "Telling good from bad",
                "PED-ANOVA of Optuna, of the best tenth against all: it tells settings by which "
                "the best stand out, and says nothing of how much they change the objective.",
                "Watanabe, Bansal & Hutter 2023, arXiv:2304.10255",
            )
        )
    if search.shares.main and not search.shares.exact:
        used.append(
            Procedure(
                "Shares of variance",
                "First-order Sobol shares by least squares on Legendre polynomials of each number "
                "and means of each option; what chance adds to a curve's variance is taken off.",
                "Sudret 2008, Reliability Engineering & System Safety 93",
            )
        )
    return used
