"""What to cite of a report, and where it comes from: the text ``CITATION.txt``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import harness
from harness.compared.comparison import Comparison
from harness.compared.words import headline
from harness.gate.outcome import GateResult
from harness.gate.words import headline as outcome_of
from harness.judging.results import Results
from harness.study.formatting import date_text, day, hours_text, plural

from .about import AUTHOR
from .latex import escaped
from .parts import one_line, slug

MOST_ENVIRONMENTS = 3

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Cited:
    """A report, as it is cited.

    Attributes:
        key: what BibTeX names it by.
        title: what it asked, or answers.
        what: what kind of report it is, and of what.
        version: of the harness.
        revision: of the code; empty where it is not known.
        date: of what is reported, ISO 8601; empty where it is not known.
        facts: names and values of where it comes from; empty values are left out.
    """

    key: str
    title: str
    what: str
    version: str
    revision: str
    date: str
    facts: Facts


def citation(cited: Cited, files: Mapping[str, bytes]) -> str:
    """Return the text: a sentence to cite, the same for BibTeX, and where it comes from.

    Args:
        cited: the report.
        files: what it was made from, by name: of these the text gives the hash.
    """
    made = f"Made with {AUTHOR} {cited.version}"
    made += f" from revision {cited.revision}" if cited.revision else ""
    when = _day(cited.date)
    title = one_line(cited.title)
    title += "." * (not title.endswith((".", "?", "!")))
    what = f"{cited.what}{', ' * bool(when)}{when}"
    known = [(name, one_line(value)) for name, value in cited.facts if value]
    known += [
        (f"SHA-256 of {name}", sha256(content).hexdigest()) for name, content in files.items()
    ]
    lines = [
        "To cite this report",
        "",
        f"  {title} {one_line(f'{what}. {made}')}.",
        "",
        f"  @misc{{{slug(cited.key) or 'report'},",
        f"    title = {{{{{_field(title.removesuffix('.'))}}}}},",
        *([f"    year = {{{cited.date[:4]}}},"] if when else []),
        f"    note = {{{_field(f'{what}. {made}')}}},",
        "  }",
        "",
        "Where it comes from",
        "",
        *(f"  {name}: {value}" for name, value in known),
    ]
    return "\n".join(lines) + "\n"


def _day(date: str) -> str:
    try:
        return day(date) if date else ""
    except ValueError:
        return ""


def _field(text: str) -> str:
    r"""Return a text for BibTeX, which counts braces, also those that are written ``\{``."""
    written = escaped(one_line(text))
    return written.replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")


# ---- the kinds of reports -----------------------------------------------------------------------


def cited_study(results: Results, store: str) -> Cited:
    """Return the report of a study, or of a search, as it is cited.

    Args:
        results: what is reported.
        store: where its records are kept, without secrets; empty where in none.
    """
    study, made = results.declaration, results.provenance
    kind = "Ablation report of the study" if results.search is None else "Report of the search"
    states = [record.state for record in {each.key: each for each in results.records}.values()]
    trials = plural(len(states), "trial")
    failed = states.count("failed")
    environments = [
        ", ".join(f"{name} {value}" for name, value in each.items() if value)
        for each in made.environments[:MOST_ENVIRONMENTS]
    ]
    return Cited(
        f"{study.name}-{results.scale}",
        study.question,
        f"{kind} {study.name}, scale {results.scale}",
        made.harness,
        made.revision,
        made.date,
        (
            ("Study", f"{study.name}, scale {results.scale}"),
            ("Harness", f"{AUTHOR} {made.harness}"),
            ("Revision", made.revision),
            ("Store", store),
            ("Newest record", date_text(made.date) if made.date else ""),
            ("Trials", trials + (f", {failed} failed" if failed else "")),
            ("Device time", hours_text(made.hours) if study.source != "results" else ""),
            *(("Environment", each) for each in environments),
            ("To do it again", made.command),
        ),
    )


def cited_comparison(comparison: Comparison, command: str) -> Cited:
    """Return a comparison of runs as it is cited.

    Args:
        comparison: what is reported.
        command: what does it again.
    """
    sides = {
        (side.label, side.study): side for group in comparison.groups for side in group.sides
    }.values()
    dates = [side.results.provenance.date for side in sides]
    runs = []
    for side in sides:
        made = side.results.provenance
        revision = f", revision {made.revision}" if made.revision else ""
        of = f"{side.named}, {side.declaration.name} at {side.declaration.scale}"
        runs.append((f"Run {side.label}", f"{of}{revision}, {AUTHOR} {made.harness}"))
    return Cited(
        "comparison of runs",
        headline(comparison),
        "Comparison of the runs " + " and ".join(named for _, named in comparison.named),
        harness.__version__,
        "",
        max(dates, default=""),
        (*runs, ("To do it again", command)),
    )


def cited_gate(result: GateResult) -> Cited:
    """Return the report of a gate as it is cited."""
    return Cited(
        f"gate {result.head.commit[:7]}",
        outcome_of(result).said,
        f"Gate of {result.head.told} against {result.base.told}",
        harness.__version__,
        result.head.commit,
        result.time,
        (
            ("Head", " ".join(filter(None, (result.head.told, result.head.commit)))),
            ("Base", " ".join(filter(None, (result.base.told, result.base.commit)))),
            ("Ended", date_text(result.time) if result.time else ""),
            ("Machine", result.machine.get("cpu", "") or result.fingerprint),
            ("To do it again", result.repeat),
        ),
    )
