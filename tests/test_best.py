"""What people take away from a search: sentences, a table, JSON, CSV and code."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from harness import AtLeast, AtMost, Choice, Float, Metric
from harness.commands.best import (
    FILES,
    best_places,
    best_row,
    best_table,
    settings_rows,
    write_search,
)
from harness.commands.files import verdict_rows
from harness.commands.finish import print_results, verdicts_json
from harness.commands.folder import is_made_from
from harness.commands.judged import with_importance
from harness.commands.markdown import markdown
from harness.judging.results import Results
from harness.judging.search_words import sentences, what_is_known
from harness.optim import SGD, AdamW
from harness.study.converter import from_plain, to_plain
from harness.study.pasted import as_code
from harness.study.searching import Searching
from tests.example_results import example_results as study_results
from tests.example_search import METRICS, error_of, example_results, noisy, search


@pytest.fixture(scope="module")
def results() -> Results:
    return example_results(pruned=(5, 6))


def printed(results: Results, width: int = 140) -> str:
    out = io.StringIO()
    print_results(results, Console(file=out, width=width), ())
    return out.getvalue()


def said(**how: Any) -> list[str]:
    found = example_results(**how).search
    assert found is not None
    return list(sentences(found))


def test_the_first_sentences_say_what_to_take_and_how_far_to_trust_it(results: Results) -> None:
    assert results.search is not None
    expected = (
        "Best: lr = 0.00491, width = 123, optimizer = rmsprop (setting 27 of 48). "
        "On 3 fresh seeds the validation error of setting 27 is 2.6 % [0.6, 4.5], 3.5 [2.1, 4.9] "
        "pp better than the default's. "
        "The search itself had shown 2.7 % for setting 27, the best in it: no better than on fresh "
        "seeds (0.2 [−1.8, +2.1] pp worse). "
        "Setting 27 cannot be told from setting 42 and setting 43, which may be as good or better."
    )
    assert " ".join(sentences(results.search)) == expected


def test_without_confirming_it_is_said_to_be_biased() -> None:
    lines = said(confirm=0, ended="trials")
    assert "That is biased: the best of 41 settings looks better than it is" in lines[1]
    assert "Search(confirm=3)" in lines[1]
    assert len(lines) == 2


def test_a_search_that_has_not_ended_is_not_told_to_confirm() -> None:
    lines = said(confirm=0)
    assert lines[1].endswith(
        "nothing has confirmed it. The search has not ended: the same command goes on."
    )
    assert not any("Search(confirm=3)" in line for line in lines)


@pytest.mark.parametrize("broken", [False, True])
def test_where_all_that_were_confirmed_are_lost_the_best_of_the_others_is_named(
    broken: bool,
) -> None:
    def loses(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        given = noisy(place, settings, seed)
        if seed >= 1_000_000:
            return given
        return {**dict(given), "model_bytes": 1e9} if broken and place else "diverged"

    results = example_results(trained=loses, ended="trials")
    assert results.search is not None
    lines = sentences(results.search)
    what = "failed or broke a constraint" if broken else "failed"
    assert lines[0].startswith(
        f"All that were confirmed {what} on fresh seeds; the best of the others is lr = "
    )
    assert "nothing has confirmed it." in lines[1]
    assert "Search(confirm=3)" not in " ".join(lines)
    row = best_row(results)
    assert row is not None
    assert row["confirmed"] is None
    taken = results.search.taken
    assert taken is not None
    assert row["number"] == taken + 1
    assert results.search.arm(taken) is None
    assert what_is_known(results.search, taken) == "best of the others, not confirmed"


def test_where_no_other_is_left_that_is_said() -> None:
    def loses(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return noisy(place, settings, seed) if seed >= 1_000_000 else "diverged"

    results = example_results(trained=loses, count=3, ended="trials")
    assert results.search is not None
    lines = sentences(results.search)
    assert lines[0] == (
        "No setting can be taken: all that were confirmed failed on fresh seeds, and no other "
        "finished within the constraints."
    )
    assert "Setting 2 failed on 3 fresh seeds, and is not taken." in lines
    assert best_row(results)["settings"] is None  # type: ignore[index]
    assert "No setting can be taken" in printed(results)


def test_optimism_is_told() -> None:
    def lucky(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        given = noisy(place, settings, seed)
        if isinstance(given, str) or seed < 1_000_000 or place != 26:
            return given
        return {**given, "validation_error": 0.001}

    lines = said(trained=lucky)
    assert lines[2] == (
        "The search itself had shown 0.1 % for setting 27, the best in it: 2.5 [0.5, 4.4] pp "
        "better than on fresh seeds. The best of many looks better than it is."
    )


WITH_MISSED = (*METRICS[:2], Metric("missed", unit="fraction", better="lower"))


def missing(share: float) -> Callable[[int, Mapping[str, Any], int], Any]:
    """What trials give where setting 27 misses so much on fresh seeds."""

    def trained(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        given = noisy(place, settings, seed)
        if isinstance(given, str):
            return given
        missed = share if place == 26 and seed < 1_000_000 else 0.05
        return {**given, "missed": missed, "model_bytes": 2048.0 if place == 3 else 4096.0}

    return trained


def test_what_breaks_a_constraint_is_told_with_what_it_gave_and_what_it_must_be() -> None:
    limits = (AtMost("missed", 0.1), AtLeast("model_bytes", 2500))
    declared = search(constraints=limits, metrics=WITH_MISSED)
    found = example_results(declared=declared, trained=missing(0.142)).search
    assert found is not None
    assert (
        "Setting 27 is not taken: on fresh seeds missed is 14.2 %, and must be at most 10.0 %."
    ) in sentences(found)
    assert what_is_known(found, 3) == "size of the network below 2.44 KiB"


@pytest.mark.parametrize("value", [0.10001, 0.1 + 1e-14])
def test_a_value_that_prints_like_its_limit_is_said_to_be_just_beyond_it(value: float) -> None:
    declared = search(constraints=(AtMost("missed", 0.1),), metrics=WITH_MISSED)
    assert (
        "Setting 27 is not taken: on fresh seeds missed is just above 10.0 %, and must be at most "
        "10.0 %."
    ) in said(declared=declared, trained=missing(value))


def test_a_size_that_prints_like_its_limit_keeps_its_unit() -> None:
    declared = search(constraints=(AtLeast("model_bytes", 2049),), metrics=WITH_MISSED)
    found = example_results(declared=declared, trained=missing(0.05)).search
    assert found is not None
    assert what_is_known(found, 3) == "size of the network just below 2 KiB"


def test_a_constraint_of_which_no_value_is_known_is_said_to_have_none() -> None:
    declared = search(constraints=(AtMost("missed", 0.1),), metrics=WITH_MISSED)
    found = example_results(declared=declared, trained=missing(0.142)).search
    assert found is not None
    arms = tuple(
        replace(arm, metrics={**arm.metrics, "missed": math.nan}) if arm.broken else arm
        for arm in found.arms
    )
    told = " ".join(sentences(replace(found, arms=arms)))
    assert "on fresh seeds no finite value of missed was given." in told


def test_the_default_may_be_the_best_and_nothing_may_be_there() -> None:
    def worse(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return {"validation_error": 0.1 + 0.01 * place, "model_bytes": 1.0}

    lines = said(trained=worse)
    assert lines[0].startswith("Keep the default: lr = 0.01,")
    assert lines[0].endswith(". Nothing that was found is shown to be better.")
    both = search(objective=("validation_error", "model_bytes"))
    (first, *_) = said(declared=both, trained=worse)
    assert first.endswith(". Nothing that was found is shown to be better by validation error.")
    assert not any("than the default" in line for line in lines)

    def fails(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return "diverged"

    assert said(trained=fails, count=3) == [
        "No setting can be taken: of 3 settings none finished within the constraints."
    ]
    empty = example_results(trained=fails, count=3)
    assert best_row(empty)["settings"] is None  # type: ignore[index]
    assert "No setting can be taken" in printed(empty)


def test_one_fresh_seed_has_no_interval() -> None:
    lines = said(confirm=1)
    assert lines[1].endswith("one seed has no interval.")
    assert "none of those confirmed can be told from another" in lines[3]


def test_two_fresh_seeds_are_said_to_tell_little() -> None:
    assert said(confirm=2)[1].endswith("; from two seeds, intervals are very wide.")


def test_where_chance_plays_no_part_that_is_said() -> None:
    def same(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return {"validation_error": error_of(settings)}

    metric = replace(search().metrics[0], unit="")
    declared = search(metrics=(metric, *search().metrics[1:]))
    lines = said(declared=declared, trained=same)
    assert "chance plays no part" in lines[1]
    assert "[" not in lines[1]
    assert lines[2] == "Setting 27 is better than all others that were confirmed."


@pytest.mark.parametrize("objective", ["validation_error", ("validation_error", "model_bytes")])
def test_the_table_fits_where_there_is_no_terminal(objective: Any) -> None:
    metric = replace(search().metrics[0], unit="nats")
    metrics = (metric, *search().metrics[1:])
    found = example_results(declared=search(objective=objective, metrics=metrics)).search
    assert found is not None
    out = io.StringIO()
    Console(file=out, width=110).print(best_table(found))
    assert "not confirmed" in out.getvalue()
    assert "…" not in out.getvalue()


def test_an_edge_is_said() -> None:
    declared = search(space=(Float("lr", 0.001, 1.0, log=True),), train=one)

    def falling(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return {"validation_error": 1 - settings["lr"]}

    tried = [{"lr": 0.03}, {"lr": 0.1}, {"lr": 0.9}]
    lines = said(declared=declared, settings=tried, trained=falling, confirm=0)
    assert lines[-1] == (
        "lr = 0.9 is the largest value tried and lies at the edge of its space, 0.001 to 1: a "
        "wider space may hold better ones."
    )
    tried[-1]["lr"] = 0.3
    lines = said(declared=declared, settings=tried, trained=falling, confirm=0)
    assert lines[-1] == "lr = 0.3 is the largest value tried, though its space goes on to 1."


def test_where_the_default_was_best_in_the_search_no_other_is_called_its_best() -> None:
    declared = search(space=(Float("lr", 0.001, 1.0, log=True, default=0.9),), train=one)

    def falling(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return {"validation_error": 1 - settings["lr"]}

    tried = [{"lr": 0.9}, {"lr": 0.1}, {"lr": 0.3}, {"lr": 0.2}]
    lines = said(declared=declared, settings=tried, trained=falling, confirm=5)
    (shown,) = [line for line in lines if line.startswith("The search itself")]
    assert shown.startswith("The search itself had shown 10.0 % for the default, the best in it")


def one(context: Any, lr: float) -> Any:
    raise AssertionError("a report must not train")


def test_the_table_has_the_confirmed_first_and_the_default(results: Results) -> None:
    assert results.search is not None
    assert best_places(results.search) == [26, 42, 41, 36, 24, 0]
    assert best_places(results.search, 1) == [26, 0]
    out = io.StringIO()
    Console(file=out, width=150).print(best_table(results.search))
    rows = out.getvalue()
    assert "Best of 48 settings by validation error, 1 failed, 2 stopped early" in rows
    assert "lr=0.00491, width=123, optimizer=rmsprop" in rows
    assert "+3.5" in rows
    assert "[+2.1, +4.9] pp" in rows
    metric = replace(search().metrics[0], unit="nats")
    declared = search(metrics=(metric, *search().metrics[1:]))
    in_nats = example_results(declared=declared).search
    assert in_nats is not None
    out = io.StringIO()
    Console(file=out, width=150).print(best_table(in_nats))
    assert "by validation error in nats" in out.getvalue()
    assert out.getvalue().count("nats") == 1, "the unit stands above"
    assert "worse than the best, default" in rows


def test_a_search_that_runs_has_a_table_too() -> None:
    found = example_results(confirm=0, count=4)
    assert found.search is not None
    out = io.StringIO()
    Console(file=out, width=150).print(best_table(found.search))
    assert "best value, not confirmed" in out.getvalue()
    assert "confirmed  " not in out.getvalue().splitlines()[2]


def test_all_is_printed_at_the_end(results: Results) -> None:
    text = printed(results)
    assert "Best: lr" in text
    assert "To paste into a study:\n    lr=0.00490758,\n" in text
    assert "    momentum=None,  # not in use\n" in text
    assert "has no claims to judge" not in text


def test_markdown_has_the_sentences_and_the_code(results: Results) -> None:
    text = markdown([results])
    assert "**Best: lr = 0.00491, width = 123, optimizer = rmsprop (setting 27 of 48).**" in text
    assert "\n```python\nlr=0.00490758,\nwidth=123,\n" in text
    assert "no claims" not in text


def test_best_json_says_what_is_taken(results: Results, tmp_path: Path) -> None:
    write_search(results, tmp_path)
    told = json.loads((tmp_path / "best.json").read_text(encoding="utf-8"))
    assert told["settings"] == {"lr": 0.00490758, "width": 123, "optimizer": "rmsprop"}
    confirmed = [record for record in results.records if record.arm == "1st"]
    assert told["confirmed"]["values"] == {
        str(record.seed): record.metrics["validation_error"] for record in confirmed
    }
    assert told["trial"] == confirmed[0].key
    assert told["confirmed"]["low"] < told["confirmed"]["value"] < told["confirmed"]["high"]
    assert told["better_than_default"]["low"] > 0
    assert [each["number"] for each in told["not_told_from_it"]] == [42, 43]
    assert told["optimism_of_the_search"]["value"] == pytest.approx(
        told["confirmed"]["value"] - told["in_the_search"]
    )
    assert verdicts_json(results, tmp_path)["search"] == told
    assert verdict_rows(results) == []


def test_settings_csv_has_every_setting(results: Results, tmp_path: Path) -> None:
    write_search(results, tmp_path)
    frame = pd.read_csv(tmp_path / "settings.csv")
    assert list(frame["number"]) == list(range(1, 49))
    assert dict(frame["state"].value_counts()) == {"complete": 45, "failed": 1, "pruned": 2}
    assert frame["confirmed"].notna().sum() == 4
    assert list(frame[frame["taken"]]["number"]) == [27]
    assert frame["setting_momentum"].isna().sum() > 10
    assert frame["breaks"].fillna("").str.contains("model_bytes").any()
    assert results.search is not None
    assert len(settings_rows(results.search)) == 48


def test_a_study_that_is_no_search_has_neither(tmp_path: Path) -> None:
    plain = study_results()
    write_search(plain, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert best_row(plain) is None
    assert with_importance(plain) is plain


def test_the_front_of_several_objectives_is_in_best_json() -> None:
    declared = search(objective=("validation_error", "model_bytes"))
    found = example_results(declared=declared)
    row = best_row(found)
    assert row is not None
    assert found.search is not None
    assert [each["number"] - 1 for each in row["front"]] == list(found.search.front)
    assert set(row["front"][0]) == {"number", "settings", "validation_error", "model_bytes"}


def test_importance_is_added(results: Results) -> None:
    found = with_importance(results).search
    assert found is not None
    assert sum(found.separating.values()) == pytest.approx(1)


# ---- code ----------------------------------------------------------------------------------------


def test_settings_become_code_that_can_be_pasted() -> None:
    declared = search(
        space=(
            Float("lr", 0.0001, 1.0, log=True),
            Choice("optimizer", {"sgd": SGD, "adamw": AdamW, "odd one": SGD}),
            Choice("flag", (True, False)),
            Float("momentum", 0.0, 0.99, when={"optimizer": "sgd"}),
        ),
        train=two,
    )
    searching = declared.study.declaration("quick").search
    assert searching is not None
    assert searching.objects == {"optimizer": ("sgd", "adamw", "odd one")}
    code = as_code(searching, {"lr": 0.0316228, "optimizer": "adamw", "flag": True})
    assert code.splitlines() == [
        "lr=0.0316228,",
        "optimizer=adamw,  # the option named 'adamw'",
        "flag=True,",
        "momentum=None,  # not in use",
    ]
    assert eval(f"dict({code}\n)", {"adamw": AdamW})["optimizer"] is AdamW
    odd = as_code(searching, {"lr": 0.1, "optimizer": "odd one", "flag": False})
    assert "optimizer=...,  # the option named 'odd one'" in odd


def two(context: Any, lr: float, optimizer: Any, flag: bool, momentum: float | None) -> Any:
    raise AssertionError("a report must not train")


def test_code_of_many_plain_settings_has_a_line_each() -> None:
    space = tuple(Float(f"a_long_name_{place}", 0.0, 1.0) for place in range(6))
    settings = {each.name: 0.5 for each in space}
    lines = as_code(Searching(space, ("loss",)), settings).splitlines()
    assert lines == [f"a_long_name_{place}=0.5," for place in range(6)]
    short = as_code(Searching(space[:2], ("loss",)), settings)
    assert short == "a_long_name_0=0.5, a_long_name_1=0.5"


def test_code_gives_what_the_function_was_given() -> None:
    """Plain values and None as Python writes them; the names of objects alone are no values."""
    given = {
        "way": "sgd", "bn": True, "norm": None, "depth": 20, "rate": 0.5, "most": math.inf,
        "model": SGD,
    }  # fmt: skip
    space = (
        Choice("act", (None, "relu")),
        Choice("none", ("none", "some")),
        Choice("mixed", {"a name": SGD, "plain": "plain", "off": None}),
    )
    plain = Searching(space, ("loss",), fixed=given).plain
    assert plain.objects == {"mixed": ("a name",), "model": ("SGD",)}
    assert plain.plain == plain
    assert from_plain(Searching, json.loads(json.dumps(to_plain(plain)))) == plain
    lines = as_code(plain, {"act": "none", "none": "none", "mixed": "off"}).splitlines()
    assert lines == [
        "act=None,", "none='none',", "mixed=None,", "way='sgd',  # not searched",
        "bn=True,  # not searched", "norm=None,  # not searched", "depth=20,  # not searched",
        "rate=0.5,  # not searched", "most=float('inf'),  # not searched",
        "model=SGD,  # not searched: the option named 'SGD'",
    ]  # fmt: skip
    got = eval("dict({}\n)".format("\n".join(lines)), {"SGD": SGD})
    assert got == {"act": None, "none": "none", "mixed": None, **given}
    other = as_code(plain, {"act": "relu", "none": "some", "mixed": "plain"})
    assert "act='relu'," in other
    assert "mixed='plain'," in other
    odd = as_code(plain, {"act": "relu", "none": "some", "mixed": "a name"})
    assert "mixed=...,  # the option named 'a name'" in odd


def test_the_folder_is_made_anew_where_a_file_of_the_search_is_gone(tmp_path: Path) -> None:
    found = example_results(count=12)
    for name in ("report.html", "report.pdf", "verdicts.json", "records.csv", "entry.json"):
        (tmp_path / name).touch()
    (tmp_path / ".made-from").write_text("digest", encoding="utf-8")
    write_search(found, tmp_path)
    assert is_made_from(tmp_path, "digest", FILES)
    (tmp_path / "settings.csv").unlink()
    assert not is_made_from(tmp_path, "digest", FILES)
    assert is_made_from(tmp_path, "digest"), "a study has no such file"
