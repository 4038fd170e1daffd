"""The report of a search: first what to take, then how it was found, then what settings do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from itertools import product
from typing import Any

import pytest

from harness import AtMost, Choice, Float, Int
from harness.commands.judged import with_importance
from harness.judging.results import Results
from harness.reports.entry import entry_of
from harness.reports.figures.search_axes import objective_axis
from harness.reports.figures.search_front import draw_fronts
from harness.reports.figures.search_history import draw_best_of_k, draw_history
from harness.reports.figures.search_parallel import (
    MOST_PAIRED,
    draw_pairs,
    draw_parallel,
    most_telling,
    ranked,
)
from harness.reports.figures.search_slices import draw_slices
from harness.reports.printing import render_pdf
from harness.reports.render import render_html
from harness.reports.sections.ledger import ledger_section
from harness.reports.sections.methods import methods_section
from harness.reports.sections.searched import SearchSection, search_section
from tests.example_results import example_results as study_results
from tests.example_search import example_results, noisy, search


@pytest.fixture(scope="module")
def results() -> Results:
    return with_importance(example_results(pruned=(5, 6), ended="trials"))


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return render_html(results)


def section(results: Results) -> SearchSection:
    made = search_section(results)
    assert made is not None
    return made


def headings(html: str) -> list[str]:
    main = html[html.index('<main id="main">') :]
    return [unescape(each).strip() for each in re.findall(r"<h2[^>]*>(.*?)</h2>", main)]


def test_the_search_comes_first_and_what_says_nothing_stays_away(html: str) -> None:
    assert headings(html) == [
        "Search", "Read with this in mind", "What was run", "Curves", "Means", "Cost", "Ledger",
        "Methods",
    ]  # fmt: skip
    assert 'href="#tuning"' not in html
    assert 'href="#verdicts"' not in html
    for anchor in re.findall(r'href="#([a-z]+)"', html):
        assert f'id="{anchor}"' in html


def test_a_search_with_a_margin_has_its_verdict_below() -> None:
    made = render_html(example_results(declared=search(by=0.01), confirm=5))
    assert headings(made)[:4] == ["Search", "Verdicts", "Read with this in mind", "What was run"]
    assert "The best setting found beats the default." in made


def test_a_study_has_no_such_section() -> None:
    plain = study_results()
    assert search_section(plain) is None
    made = render_html(plain)
    assert 'id="search"' not in made
    assert 'id="tuning"' in made


def test_what_to_take_is_said_first_and_can_be_pasted(results: Results, html: str) -> None:
    made = section(results)
    assert made.said[0].startswith("Best: lr = 0.00491")
    text = unescape(html)
    assert text.index(made.said[0]) < text.index(made.code)
    assert "momentum=None,  # not in use" in text
    assert made.spent.startswith(
        "48 settings were asked for by sampler 'tpe' in 3 batches, the default first: 45 "
        "finished, 1 failed, 2 stopped early. No more are asked for: the budget is used up. The "
        "best 3 and the default were then run on 3 seeds"
    )


def test_what_was_confirmed_stands_in_a_table(results: Results) -> None:
    table = section(results).confirmed
    assert table is not None
    rows = [[cell.text for cell in each] for each in table.rows]
    assert [each[0] for each in rows] == ["Setting 27", "Setting 43", "Setting 42", "The default"]
    assert rows[3][1] == "worse than the best"
    assert rows[0][1] == "take"
    assert rows[3][6] == "–", "the default is no better than itself"
    assert rows[0][6] == "+3.5 pp"
    assert table.rows[0][3].note == "[0.6, 4.5]"


def test_the_best_of_the_search_are_listed_with_the_default(results: Results) -> None:
    table = section(results).best
    assert table is not None
    assert len(table.rows) == 11
    assert table.rows[-1][0].text == "1"
    assert [column.title for column in table.columns] == [
        "Setting", "lr", "width", "optimizer", "momentum", "Validation error",
        "Size of the network", "Known",
    ]  # fmt: skip
    assert "too good" in table.caption


def test_many_settings_stand_in_one_column() -> None:
    space = tuple(Float(f"a{place}", 0.0, 1.0) for place in range(8))
    declared = search(space=space, train=eight)

    def trained(place: int, settings: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": sum(settings.values()) / 10}

    found = with_importance(example_results(declared=declared, trained=trained))
    table = section(found).best
    assert table is not None
    assert [column.title for column in table.columns] == [
        "Setting", "Settings", "Validation error", "Known",
    ]  # fmt: skip
    assert found.search is not None
    assert len(most_telling(found.search, MOST_PAIRED)) == MOST_PAIRED
    pairs = draw_pairs(found.search)
    assert pairs is not None
    assert "Of 8 settings the 4 that tell most." in pairs.caption


def eight(context: Any, a0: float, a1: float, a2: float, a3: float, a4: float, a5: float,
          a6: float, a7: float) -> Any:  # fmt: skip
    raise AssertionError("a report must not train")


def test_importance_is_named_for_what_it_is(results: Results) -> None:
    made = section(results)
    assert made.matters is not None
    assert "It is no share of variance" in made.matters.caption
    assert [column.title for column in made.matters.columns] == [
        "Setting", "Tells the best tenth from the rest",
    ]  # fmt: skip
    assert made.shares == (
        "Shares of variance are not shown, since some settings are in use under a condition only."
    )


def test_a_grid_has_exact_shares_beside_it() -> None:
    settings = [{"a": a, "b": b, "c": c} for a, b, c in product((1, 2, 3), (1, 2), (1, 2, 3, 4))]
    declared = search(
        space=(Choice("a", (1, 2, 3)), Choice("b", (1, 2)), Int("c", 1, 4)), train=three,
        sampler="grid",
    )  # fmt: skip

    def trained(place: int, own: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": 0.1 * own["a"] + 0.02 * own["a"] * own["c"]}

    made = section(with_importance(
        example_results(declared=declared, settings=settings, trained=trained)
    ))  # fmt: skip
    assert made.matters is not None
    assert made.shares == ""
    assert "is exact" in made.matters.caption
    rows = {each[0].text: each[-1].text for each in made.matters.rows}
    assert list(rows)[-1] == "All else, chance included"
    assert rows["All else, chance included"] == "0.0 %"
    assert rows["a and c together"] != "0.0 %"
    assert rows["b"] == "0.0 %"


def three(context: Any, a: int, b: int, c: int) -> Any:
    raise AssertionError("a report must not train")


def two(context: Any, lr: float, width: int) -> Any:
    raise AssertionError("a report must not train")


def test_settings_at_random_have_shares_with_intervals() -> None:
    declared = search(
        space=(Float("lr", 0.01, 1.0, log=True), Int("width", 16, 256, log=True)), train=two,
        sampler="random",
    )  # fmt: skip

    def trained(place: int, own: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": own["width"] / 1000}

    found = with_importance(example_results(declared=declared, trained=trained))
    made = section(found)
    assert made.matters is not None
    assert "bootstrap" in made.matters.caption
    cells = {each[0].text: each[-1] for each in made.matters.rows}
    assert cells["width"].note.endswith("%")
    names = [each.name for each in methods_section(found).procedures]
    assert "Shares of variance" in names


def test_procedures_are_named_with_their_sources(results: Results) -> None:
    made = {each.name: each for each in methods_section(results).procedures}
    assert "Hsu 1984" in made["The best of those confirmed"].source
    assert "arXiv:2304.10255" in made["Telling good from bad"].source
    assert {"Confirming", "Best of k"} <= set(made)
    assert "Confirming" not in {
        each.name for each in methods_section(example_results(confirm=0)).procedures
    }


# ---- figures -------------------------------------------------------------------------------------


def test_figures_say_what_marks_mean(results: Results) -> None:
    assert results.search is not None
    history = draw_history(results.search)
    assert history is not None
    assert "Open squares break a constraint" in history.caption
    assert "crosses at the top failed" in history.caption
    assert "stopped early" in history.caption
    (slices,) = draw_slices(results.search)
    assert "momentum is in use where optimizer = sgd" in slices.caption
    curve = draw_best_of_k(results.search)
    assert curve is not None
    assert "tried better ones later" in curve.caption
    parallel = draw_parallel(results.search)
    assert parallel is not None
    assert "the best tenth: lr" in parallel.alt


def test_of_very_many_settings_some_are_drawn_as_lines() -> None:
    found = example_results(count=900, confirm=0).search
    assert found is not None
    parallel = draw_parallel(found)
    assert parallel is not None
    assert "are drawn, every so many by rank." in parallel.caption
    assert len(parallel.svg) < 150_000


def test_ranks_split_what_can_be_taken(results: Results) -> None:
    assert results.search is not None
    groups = ranked(results.search)
    fits = [each for each in results.search.tried if each.fits]
    assert sum(map(len, groups.values())) == len(fits)
    assert groups["best"][0].place == results.search.top[0]
    worst_of_best = max(each.value for each in groups["best"])
    assert all(each.value >= worst_of_best for each in (*groups["half"], *groups["rest"]))


def test_a_value_far_away_does_not_squeeze_the_others() -> None:
    def explodes(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        given = noisy(place, settings, seed)
        return (
            given if isinstance(given, str) or place != 7 else {**given, "validation_error": 90.0}
        )

    found = example_results(trained=explodes).search
    assert found is not None
    axis = objective_axis(found)
    assert axis.beyond >= 1
    assert axis.high < 200
    assert axis.at(90.0) == axis.high
    history = draw_history(found)
    assert history is not None
    assert "beyond the axis" in history.caption


def test_a_loss_over_decades_has_a_log_axis() -> None:
    metric = replace(search().metrics[0], unit="nats")

    def trained(place: int, settings: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": 10.0 ** (place % 7), "model_bytes": 1.0}

    declared = search(metrics=(metric, *search().metrics[1:]))
    found = with_importance(example_results(declared=declared, trained=trained))
    assert found.search is not None
    assert objective_axis(found.search).log


def test_the_front_is_drawn_of_several_objectives() -> None:
    declared = search(
        objective=("validation_error", "model_bytes"), constraints=(AtMost("model_bytes", 1e5),)
    )
    found = with_importance(example_results(declared=declared))
    assert found.search is not None
    (picture,) = draw_fronts(found.search)
    assert "no other dominates" in picture.caption
    assert "Dotted: model_bytes ≤ 100000." in picture.caption
    assert draw_best_of_k(found.search) is None
    made = section(found)
    assert "there is no one best" in made.said[1]
    assert "KiB" in unescape(render_html(found))


@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize("confirm", [0, 1])
def test_a_search_that_has_just_begun_has_a_report(count: int, confirm: int) -> None:
    made = render_html(with_importance(example_results(count=count, confirm=confirm)))
    assert "Best" in made or "Keep the default" in made


def test_a_search_in_which_all_failed_has_a_report() -> None:
    def fails(place: int, settings: Mapping[str, Any], seed: int) -> str:
        return "<b>diverged</b>"

    found = with_importance(example_results(trained=fails, count=5, confirm=2))
    made = render_html(found)
    assert "No setting can be taken" in made
    assert "<b>diverged" not in made
    made_section = section(found)
    assert made_section.history is None
    assert made_section.code == ""


def test_the_same_results_give_the_same_report(results: Results, html: str) -> None:
    assert render_html(results) == html


def test_names_are_escaped() -> None:
    options = {"<i>a</i>": 1, "b": 2}
    declared = search(space=(Choice("a", options), Float("b", 0.0, 1.0)), train=odd)

    def trained(place: int, own: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": 0.1 * own["a"] + 0.1 * own["b"]}

    made = render_html(with_importance(example_results(declared=declared, trained=trained)))
    assert "<i>a" not in made


def odd(context: Any, a: int, b: float) -> Any:
    raise AssertionError("a report must not train")


def test_the_ledger_has_options_and_states(results: Results) -> None:
    made = ledger_section(results)
    assert made.table is not None
    cells = [[cell.text for cell in each] for each in made.table.rows]
    assert cells[0][-1] == "failed"
    assert any("optimizer=adam" in each[2] for each in cells)
    assert sum(each[-1] == "pruned" for each in cells) == 2


def test_the_index_names_the_settings_to_take(results: Results) -> None:
    entry = entry_of(results)
    assert (entry.kind, entry.name, entry.scale) == ("search", "digits_search", "quick")
    assert entry.said[0].startswith("Best: lr = 0.00491")
    assert entry_of(study_results()).kind == "study"


def test_it_is_printed() -> None:
    content, note = render_pdf(render_html(example_results(count=10, confirm=2)))
    assert content is not None, note
    assert content[:4] == b"%PDF"
