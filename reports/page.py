"""A report as plain values: strings, tables and pictures, ready for the template."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.results import Results

from .figures.canvas import Picture
from .figures.forest import draw_forest, forest
from .sections.checked import CheckedSection, checked_section
from .sections.claims import ClaimSection, claim_sections
from .sections.cost import CostSection, cost_section
from .sections.curves import CurvesSection, curves_section
from .sections.factors import FactorsSection, factors_section
from .sections.fixed import held_fixed
from .sections.leaders import LeadersSection, leaders_section
from .sections.ledger import LedgerSection, ledger_section
from .sections.methods import MethodsSection, methods_section
from .sections.opening import (
    Title,
    Unclaimed,
    title,
    unclaimed,
    verdict_table,
)
from .sections.runs import unmeasured, whole_runs
from .sections.searched import SearchSection, search_section
from .sections.targets import target_tables
from .sections.trained import TrainedSection, trained_section
from .sections.tuning import TuningSection, tuning_section, untuned
from .table import Table


@dataclass(frozen=True)
class Page:
    """Everything that the template prints, in the order printed."""

    title: Title
    search: SearchSection | None
    verdicts: Table | None
    unclaimed: Unclaimed | None
    fixed: tuple[str, ...]
    warnings: tuple[str, ...]
    forest: Picture | None
    leaders: LeadersSection | None
    claims: tuple[ClaimSection, ...]
    curves: CurvesSection | None
    factors: FactorsSection
    targets: tuple[Table, ...]
    tuning: TuningSection | None
    untuned: str
    cost: CostSection | None
    runs: Table | None
    unmeasured: str
    ledger: LedgerSection
    trained: TrainedSection | None
    checked: CheckedSection | None
    methods: MethodsSection


def page_of(results: Results) -> Page:
    """Work a report out; pure: the same results give the same page."""
    return Page(
        title(results),
        search_section(results),
        verdict_table(results),
        unclaimed(results),
        held_fixed(results),
        results.warnings,
        draw_forest(found) if (found := forest(results.verdicts)) else None,
        leaders_section(results),
        claim_sections(results),
        curves_section(results),
        factors_section(results),
        target_tables(results),
        tuning_section(results),
        untuned(results),
        cost_section(results),
        whole_runs(results),
        unmeasured(results),
        ledger_section(results),
        trained_section(results),
        checked_section(results),
        methods_section(results),
    )
