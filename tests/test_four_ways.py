"""The same study in all four ways to a trial: the same numbers, and the same verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.commands.cli import execute
from harness.own import apart

HERE = Path(__file__).parent / "four_ways"
WAYS = ("by_build", "by_train", "by_command", "by_results")
NUMBERS = ["metric_validation_loss", "metric_test_loss", "metric_test_accuracy"]


def verdicts(folder: Path, name: str) -> list[dict[str, Any]]:
    found = json.loads((folder / name).read_text(encoding="utf-8"))
    names = ("claim", "word", "effect", "low", "high", "n", "p", "margin")
    return [{key: row[key] for key in names} for row in found]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ways")
    for way in WAYS[:3]:
        words = ["run", f"tests.four_ways.{way}", "--out", str(folder), "--no-profile", "--quiet"]
        assert execute(words) == 0
    table = folder / "by_build-quick" / "records.csv"
    words = ["judge", str(table), "tests.four_ways.by_results", "--out", str(folder), "--quiet"]
    assert execute(words) == 0
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not apart.possible, reason="needs processes that end with their parent")
def test_four_ways_come_to_the_same(out: Path) -> None:
    tables = {}
    for way in WAYS:
        (folder,) = out.glob(f"{way}-*")
        frame = pd.read_csv(folder / "records.csv")
        assert len(frame) == 4 * 6
        tables[way] = frame.sort_values(["width", "lr", "seed"], ignore_index=True)[NUMBERS]
        assert verdicts(folder, "verdicts.json") == verdicts(
            out / "by_build-quick", "verdicts.json"
        ), way
    for way in WAYS[1:]:
        pd.testing.assert_frame_equal(tables[way], tables["by_build"], check_exact=True)
    assert tables["by_build"]["metric_test_loss"].nunique() > 20, "all the same shows nothing"
    words = [row["word"] for row in verdicts(out / "by_build-quick", "verdicts.json")]
    assert len(set(words)) > 1, words
