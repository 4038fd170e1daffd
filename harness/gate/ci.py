"""What CI systems read: GitHub's annotations, JUnit's XML and GitLab's metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal
from xml.etree import ElementTree

from harness.gate.outcome import GateResult, Row
from harness.gate.words import (
    change_and_interval,
    headline,
    ordered,
    told,
    values_text,
)
from harness.messages.printable import visible

MOST_ANNOTATIONS = 10
"""GitHub shows so many errors of a step, and as many warnings."""


def sentence(row: Row) -> str:
    """Say of a row what was measured, in one line."""
    base, head = values_text(row)
    said = f"{row.figure} of {row.benchmark}: {base} → {head}, {change_and_interval(row)}."
    return f"{said} {row.why}".rstrip()


# ---- GitHub -------------------------------------------------------------------------------------


def github_lines(result: GateResult) -> list[str]:
    """Return the lines that GitHub shows beside a change, ``::error`` and ``::warning``.

    The first one is the verdict. In the shadow all are warnings. A failure that a waiver accepts
    is none, and a pass needs none.
    """
    serious: Literal["error", "warning"] = "warning" if result.shadow else "error"
    head = headline(result)
    out = []
    if head.answer != "pass":
        # what could not be measured is told in the shadow, too: the exit code is 2 there as well
        kind = "error" if head.answer == "error" else serious
        kind = "warning" if head.answer == "inconclusive" else kind
        out.append(_annotation(kind, "harness gate", head.line))
    out += [_annotation("error", "harness gate", each) for each in result.problems]
    for row in ordered(result.rows):
        if row.answer == "fail" and not row.waiver:
            out.append(_annotation(serious, f"{row.benchmark} {row.figure}", sentence(row)))
        elif row.answer == "inconclusive":
            out.append(_annotation("warning", f"{row.benchmark} {row.figure}", sentence(row)))
    return _few(out)


def _few(lines: Sequence[str]) -> list[str]:
    """Keep so many of a kind as GitHub shows; the verdict, which comes first, says how many."""
    out: list[str] = []
    for each in lines:
        kind = each.split(" ", 1)[0]
        if sum(one.startswith(f"{kind} ") for one in out) < MOST_ANNOTATIONS:
            out.append(each)
    return out


def _annotation(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# ---- JUnit --------------------------------------------------------------------------------------

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: GateResult) -> str:
    """Return JUnit's XML: a case for each figure, and one for each thing not measured.

    A failure is a failure, in the shadow a skipped case that says so. What is inconclusive, or
    accepted by a waiver, is a skipped case with the reason. A problem is an error.
    """
    cases = [*map(_problem_case, result.problems), *(_case(each, result) for each in result.rows)]
    if not cases:
        cases = [_problem_case("Nothing was measured.")]
    counts: dict[str, Any] = {
        name: str(sum(case.find(tag) is not None for case in cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    suite = ElementTree.Element(
        "testsuite", name="harness gate", tests=str(len(cases)), **counts,
        time=f"{result.seconds:.3f}", timestamp=_xml(result.time),
    )  # fmt: skip
    suite.extend(cases)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    body = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _case(row: Row, result: GateResult) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname=_xml(row.benchmark), name=_xml(row.figure), time="0"
    )
    said = _xml(sentence(row))
    if row.answer == "fail" and row.waiver:
        ElementTree.SubElement(case, "skipped", message=_xml(f"accepted: {row.waiver}. {said}"))
    elif row.answer == "fail" and result.shadow:
        ElementTree.SubElement(case, "skipped", message=f"would fail, in shadow mode: {said}")
    elif row.answer == "fail":
        failure = ElementTree.SubElement(case, "failure", message=said, type="regression")
        failure.text = said
    elif row.answer == "inconclusive":
        ElementTree.SubElement(case, "skipped", message=f"inconclusive: {said}")
    else:
        ElementTree.SubElement(case, "system-out").text = f"{_xml(told(row))}. {said}"
    return case


def _problem_case(problem: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname="harness gate", name=_xml(problem), time="0")
    ElementTree.SubElement(case, "error", message=_xml(problem), type="not measured")
    return case


def _xml(text: str) -> str:
    """Return a text that XML can hold, in one line."""
    return _NO_XML.sub("�", visible(text, line=True))


# ---- GitLab -------------------------------------------------------------------------------------


def metrics(result: GateResult) -> str:
    """Return the figures as OpenMetrics: what a merge request of GitLab shows as a table.

    GitLab reads a line as words of a shell and takes ``#`` for the beginning of a comment, also
    within quotes, so that ``study.py#arm`` is written ``study.py:arm``.
    """
    return "".join(f"{each}\n" for each in (*_metric_lines(result), "# EOF"))


def _metric_lines(result: GateResult) -> Iterator[str]:
    yield "# TYPE gate_exit_code gauge"
    yield f"gate_exit_code {replace(result, shadow=False).exit_code}"
    yield "# TYPE gate_shadow gauge"
    yield f"gate_shadow {int(result.shadow)}"
    quality = [row for row in result.rows if row.basis == "quality"]
    others = [row for row in result.rows if row.basis != "quality"]
    for name, unit, help_, rows in (
        ("gate_figure", "head", "What head measured.", result.rows),
        ("gate_change_ratio", "change", "Head over base, less one.", others),
        ("gate_quality_difference", "change", "Head less base, in the unit.", quality),
    ):
        values = [(row, getattr(row, unit)) for row in rows]
        finite = [(row, value) for row, value in values if math.isfinite(value)]
        if finite:
            yield f"# TYPE {name} gauge"
            yield f"# HELP {name} {help_}"
        for row, value in finite:
            labels = f'benchmark="{_label(row.benchmark)}",figure="{_label(row.figure)}"'
            shown = row.unit and name != "gate_change_ratio"
            measure = f',unit="{_label(row.unit)}"' if shown else ""
            yield f"{name}{{{labels}{measure}}} {value:.17g}"


def _label(text: str) -> str:
    shown = visible(text, line=True).replace("#", ":")
    return shown.replace("\\", "\\\\").replace('"', '\\"')
