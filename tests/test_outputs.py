"""Cells of CSV files are text where they are text, whatever a spreadsheet makes of them."""

import dataclasses
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.commands.files import rows_text, write_rows
from harness.messages.cells import as_cell
from harness.trials.records import Record

RULE = re.compile(r"^'(?='*[=+\-@＝＋－＠\t\r\n])")
"""What README gives to take the apostrophe off again."""

HOSTILE = [
    '=HYPERLINK("http://x","y")', "+1+cmd|'/c calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1",
    "＝1+1", "'=1", "''=1", "=", "-", "--", "-x",
]  # fmt: skip
PLAIN = ["a=b", "width=4, lr=-1", "x", "", "'quoted'", "1", "a\n=b", " =1"]
NUMBERS = ["-0.5", "+3", "-1e-5", "-.5", "-7."]

RECORD = Record(
    study="s", scale="quick", arm="a=1", levels={"lr": -0.5, "kind": "x"}, seed=3, role="evaluate",
    tuned={"wd": -1e-5}, key="k", state="failed", metrics={"loss": -2.0},
)  # fmt: skip


def back(cell: object) -> object:
    return RULE.sub("", cell) if isinstance(cell, str) else cell


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_spreadsheet_would_run_has_an_apostrophe(text: str) -> None:
    assert as_cell(text) == f"'{text}"
    assert back(as_cell(text)) == text


@pytest.mark.parametrize("text", [*PLAIN, *NUMBERS])
def test_what_it_would_not_is_left_as_it_is(text: str) -> None:
    assert as_cell(text) == text
    assert back(text) == text


@given(st.one_of(st.text(), st.text(alphabet="'=+-@\t\r\n.1e")))
def test_every_text_comes_back(text: str) -> None:
    cell = as_cell(text)
    assert back(cell) == text
    assert not re.match(r"[=+\-@\t\r\n]", cell) or re.fullmatch(r"[-+][\d.]+(e[-+]?\d+)?", cell)


@pytest.mark.parametrize("value", [-0.5, 3, True, float("-inf"), None])
def test_numbers_are_numbers(value: object) -> None:
    assert as_cell(value) is value


@pytest.mark.parametrize("text", [each for each in HOSTILE if not each.startswith(("\r", "\n"))])
def test_records_with_hostile_names_are_text_and_read_back_the_same(
    text: str, tmp_path: Path
) -> None:
    hostile = dataclasses.replace(
        RECORD, arm=text, levels={"lr": -0.5, "kind": text}, reason=f"{text} failed",
        env={"device": text}, metrics={"loss": -2.0, text: 1.0},
    )  # fmt: skip
    raw = rows_text([hostile.row(), RECORD.row()], "csv")
    cells = pd.read_csv(io.StringIO(raw), dtype=str, keep_default_na=False, header=None)
    found = {cell for row in cells.to_numpy().tolist() for cell in row}
    assert {each for each in found if each[:1] in "=+-@\t"} <= {"-0.5", "-2.0", "-1e-05", ""}
    frame = pd.read_csv(io.StringIO(raw)).map(back).rename(columns=back)
    first = frame.iloc[0]
    assert (first["arm"], first["kind"], first["reason"]) == (text, text, f"{text} failed")
    assert (first["lr"], first["metric_loss"], first["tuned_wd"]) == (-0.5, -2.0, -1e-5)
    assert first["env_device"] == text
    assert first[f"metric_{text}"] == 1.0
    write_rows([hostile.row()], tmp_path / "records.csv")
    assert (tmp_path / "records.csv").read_text().startswith("study,scale,arm,")
    assert json.loads(rows_text([hostile.row()], "json"))[0]["arm"] == text


def test_records_without_such_cells_are_as_pandas_writes_them() -> None:
    assert rows_text([RECORD.row()], "csv") == pd.DataFrame([RECORD.row()]).to_csv(index=False)


CURVES = dataclasses.replace(
    RECORD, state="complete", arm="=1+1", levels={"lr": -0.5, "kind": "@x"},
    curves={"train_loss": (2.0, 1.5, 1.25), "validation_accuracy": (0.1, 0.5)},
)  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_learning_curves_are_a_row_for_each_epoch(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"curves.{kind}"
    rows = [row for record in (CURVES, RECORD) for row in record.curve_rows()]
    write_rows(rows, path, kind)
    if kind == "csv":
        assert "'=1+1" in path.read_text()
        assert "'@x" in path.read_text()
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[kind]
    frame = read(path).map(back)
    assert list(frame.columns) == [
        "study", "scale", "arm", "lr", "kind", "seed", "role", "tuned_wd", "key", "epoch",
        "metric_train_loss", "metric_validation_accuracy",
    ]  # fmt: skip
    assert frame["epoch"].tolist() == [1, 2, 3]  # one that failed has no curve
    assert frame["metric_train_loss"].tolist() == [2.0, 1.5, 1.25]
    assert frame["metric_validation_accuracy"].tolist()[:2] == [0.1, 0.5]
    assert frame["metric_validation_accuracy"].isna().tolist() == [False, False, True]
    assert set(frame["arm"]) == {"=1+1"}


ANY = (
    st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=6)
)
SAME = [st.booleans(), st.integers(-(2**60), 2**60), st.floats(), st.just("a,b"), ANY]


@st.composite
def columns(draw: st.DrawFn) -> list[dict[str, object]]:
    """Rows whose columns hold one kind of value, or several, and lack some."""
    kinds = {f"c{place}": draw(st.sampled_from(SAME)) for place in range(3)}
    rows = [{"key": "k"} for _ in range(draw(st.integers(1, 5)))]
    for row in rows:
        row |= {name: draw(kind) for name, kind in kinds.items() if draw(st.booleans())}
    return rows


@given(columns())
def test_a_csv_file_is_the_one_that_pandas_would_write(rows: list[dict[str, object]]) -> None:
    cells = [{name: as_cell(value) for name, value in row.items()} for row in rows]
    assert rows_text(rows, "csv") == pd.DataFrame(cells).to_csv(index=False)
