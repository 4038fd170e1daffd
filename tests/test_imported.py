"""Results that others made: read from every source, checked, judged, and taken into a store."""

from __future__ import annotations

import csv
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import optuna
import pytest

from harness import Equivalent, Factor, Higher, Metric, Scale, Sooner, Study, Training, Tuned
from harness.commands.cli import execute
from harness.commands.place import Place
from harness.commands.report import report_study
from harness.imported.checks import OTHERS
from harness.imported.read import KINDS, read
from harness.imported.sheet import Row
from harness.imported.take import Taken, as_results, take
from harness.imported.values import Levels, Numbers
from harness.judging.next_step import next_step
from harness.judging.results import Results, assemble
from harness.judging.rounds import Costs
from harness.messages.errors import HarnessError
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.study.declaration import Declaration
from harness.trials.manifest import Manifest

STUDY = '''
"""Does width help?"""

from harness import Equivalent, Factor, Higher, Metric, Study

study = Study(
    name="width",
    question="Does width help?",
    factors=(Factor("width", (16, 64)), Factor("rule", ("sgd", "adam"))),
    metrics=(Metric("test_error", unit="pp", better="lower"),),
    claims=(
        Higher("16 errs more.", metric="test_error", higher={"width": 16}, lower={"width": 64}, by=1),
        Equivalent("The rule does not matter.", metric="test_error", first={"rule": "sgd"},
                   second={"rule": "adam"}, by=1),
    ),
)
'''  # noqa: E501 - a study file


def study(**changes: Any) -> Study:
    given: dict[str, Any] = {
        "name": "width",
        "question": "Does width help?",
        "factors": (Factor("width", (16, 64)), Factor("rule", ("sgd", "adam"))),
        "metrics": (Metric("test_error", unit="pp", better="lower"),),
        "claims": (
            Higher("16 errs more.", metric="test_error", higher={"width": 16},
                   lower={"width": 64}, by=1),
            Equivalent("The rule does not matter.", metric="test_error", first={"rule": "sgd"},
                       second={"rule": "adam"}, by=1),
        ),
    }  # fmt: skip
    return Study(**given | changes)


def declared(**changes: Any) -> Declaration:
    own = study(**changes)
    return own.declaration(next(iter(own.scales)))


def rows(seeds: int = 6) -> list[dict[str, Any]]:
    """Return results in which width helps by 3, and the rule does nothing."""
    draw = random.Random(0)
    return [
        {"width": width, "rule": rule, "seed": seed,
         "test_error": 10 - width / 16 + draw.gauss(0, 0.2)}
        for width in (16, 64) for rule in ("sgd", "adam") for seed in range(seeds)
    ]  # fmt: skip


def table(path: Path, found: Sequence[Mapping[str, Any]], delimiter: str = ",") -> Path:
    names = list(dict.fromkeys(name for row in found for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(found)
    return path


def taken(path: Path, declaration: Declaration | None = None, **how: Any) -> Taken:
    return take(read(str(path)), declaration or declared(), "harness judge", **how)


def judged(found: Taken) -> Results:
    return assemble(found.declaration, found.records, found.manifest, Costs(), (), "")


def words(found: Taken) -> list[str]:
    return [verdict.word for verdict in judged(found).verdicts]


def renamed(found: Sequence[Mapping[str, Any]], **names: str) -> list[dict[str, Any]]:
    return [{names.get(name, name): value for name, value in row.items()} for row in found]


EXPECTED = ["supported, material", "equivalent"]


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[..., str]:
    """Take rows that must be refused; return the one line."""

    def run(found: Sequence[Mapping[str, Any]], own: Declaration | None = None, **how: Any) -> str:
        with pytest.raises(HarnessError) as caught:
            taken(table(tmp_path / "refused.csv", found), own, **how)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return run


@pytest.fixture
def warned(tmp_path: Path) -> Callable[..., str]:
    """Return what is told of rows as one text, without what is told of all results of others."""

    def run(found: Sequence[Mapping[str, Any]], own: Declaration | None = None, **how: Any) -> str:
        results = judged(taken(table(tmp_path / "warned.csv", found), own, **how))
        first, *rest = results.warnings
        assert first == OTHERS
        return " ".join(rest)

    return run


# ---- a study of results --------------------------------------------------------------------------


def test_a_study_of_results_needs_no_scale_and_a_study_that_runs_does() -> None:
    assert list(study().scales) == ["results"]
    assert list(study(scales={"paper": Scale(seeds=5)}).scales) == ["paper"]
    with pytest.raises(HarnessError, match="a study must have a scale"):
        study(metrics=(), claims=(), build=lambda scale, width, rule: None)


def test_others_have_chosen_their_settings_so_that_no_objective_is_asked_for() -> None:
    own = study(tuned=(Tuned("lr", 0.001, 1.0, log=True),))
    assert own.declaration("results").objective == "test_error"


def test_a_study_with_build_is_judged_by_the_metrics_of_its_claims(tmp_path: Path) -> None:
    def build(scale: Scale, width: int) -> Training:
        raise AssertionError("nothing is trained")

    claim = Higher("64 beats 16.", metric="test_accuracy", higher={"width": 64},
                   lower={"width": 16}, by=0.01)  # fmt: skip
    own = Study(
        name="width", question="Does width help?", factors=(Factor("width", (16, 64)),),
        build=build, scales={"quick": Scale(seeds=5)}, claims=(claim,),
    )  # fmt: skip
    found = [
        {"width": width, "seed": seed, "test_accuracy": 0.5 + width / 200 + width * seed**2 / 1e5,
         "test_loss": 1 - width / 100}
        for width in (16, 64) for seed in range(5)
    ]  # fmt: skip
    made = taken(table(tmp_path / "r.csv", found), own.declaration("quick"))
    assert made.declaration.source == "results"
    assert [metric.name for metric in made.declaration.own] == ["test_accuracy", "test_loss"]
    assert words(made) == ["supported, material"]


# ---- sources -------------------------------------------------------------------------------------


def test_a_csv_file_is_judged(tmp_path: Path) -> None:
    made = taken(table(tmp_path / "r.csv", rows()))
    assert len(made.records) == 24
    assert {record.role for record in made.records} == {"evaluate"}
    assert words(made) == EXPECTED
    assert judged(made).warnings == (OTHERS,)


def test_a_csv_file_of_a_spreadsheet_is_judged(tmp_path: Path) -> None:
    """With a mark of the byte order, semicolons, commas in numbers, and an empty line."""
    own = [{**row, "test_error": f"{row['test_error']:.4f}".replace(".", ",")} for row in rows()]
    path = table(tmp_path / "r.csv", own, ";")
    path.write_text("\ufeff" + path.read_text(encoding="utf-8") + ";;;\n", encoding="utf-8")
    made = taken(path)
    assert words(made) == EXPECTED
    assert "a comma was read as the decimal point: '9," in " ".join(made.manifest.notes)


def test_notes_before_the_names_count_as_lines(tmp_path: Path) -> None:
    path = table(tmp_path / "r.csv", rows())
    path.write_text("# ours\n# of May\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert words(taken(path)) == EXPECTED
    path.write_text(path.read_text(encoding="utf-8") + "16,sgd\n", encoding="utf-8")
    with pytest.raises(HarnessError, match=r"must have 4 cells.*got 2 in line 28"):
        read(str(path))


def test_json_lines_with_nested_settings_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = [
        {"config": {"width": str(row["width"]), "rule": row["rule"]}, "seed": row["seed"],
         "summary": {"test_error": row["test_error"]}}
        for row in rows()
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert words(taken(path)) == EXPECTED
    path.write_text(json.dumps(lines), encoding="utf-8")
    assert words(taken(path)) == EXPECTED
    path.write_text('{"seed": 1}\n{"seed": \n', encoding="utf-8")
    with pytest.raises(HarnessError, match=r"must hold JSON.* in line 2"):
        read(str(path))


def test_a_parquet_file_is_judged_and_text_in_it_is_told(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "r.parquet"
    own = [{**row, "test_error": f"{row['test_error']:.3e}"} for row in rows()]
    pd.DataFrame(own).set_index("seed").reset_index().to_parquet(path)
    made = taken(path)
    assert words(made) == EXPECTED
    assert "numbers written as text were read as numbers, such as '9." in made.manifest.notes[1]


def test_without_pyarrow_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(HarnessError, match=r"needs pyarrow.*ablation-harness\[parquet\]"):
        read(str(tmp_path / "r.parquet"))


def storage(path: Path, seeds: Sequence[int] = range(6), *, journal: bool = False) -> Path:
    """Fill an Optuna storage as a grid over settings and seeds does."""
    if journal:
        from optuna.storages.journal import JournalFileBackend

        made: Any = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    else:
        made = f"sqlite:///{path}"
    own = optuna.create_study(study_name="grid", storage=made, direction="minimize")
    for row in rows(max(seeds) + 1):
        if row["seed"] in seeds:
            own.enqueue_trial({name: row[name] for name in ("width", "rule", "seed")},
                              user_attrs={"test": {"error": row["test_error"]}})  # fmt: skip

    def objective(trial: optuna.Trial) -> float:
        width = trial.suggest_categorical("width", [16, 64])
        rule = trial.suggest_categorical("rule", ["sgd", "adam"])
        seed = trial.suggest_int("seed", 0, 100)
        if (width, rule, seed) == (64, "adam", 5):
            trial.report(3.0, 7)
            raise optuna.TrialPruned
        if (width, rule, seed) == (64, "adam", 4):
            raise RuntimeError("out of memory")
        return float(trial.user_attrs["test"]["error"])

    count = 4 * len(seeds)
    own.optimize(objective, n_trials=count, catch=RuntimeError)
    return path


@pytest.mark.parametrize("journal", [False, True])
def test_an_optuna_storage_is_judged_and_left_as_it_is(tmp_path: Path, journal: bool) -> None:
    path = storage(tmp_path / ("grid.log" if journal else "grid.db"), range(7), journal=journal)
    before = path.read_bytes()
    made = taken(path)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == before
    failed = {(r.seed, r.reason) for r in made.records if r.state == "failed"}
    assert failed == {(5, "it was pruned, after step 7"), (4, "its state is 'fail'")}
    assert words(made) == EXPECTED
    assert "test_error from user_attrs_test.error" in made.manifest.data[0]["told"]


def test_the_study_of_an_optuna_storage_is_named(tmp_path: Path) -> None:
    path = storage(tmp_path / "grid.db", range(2))
    optuna.create_study(study_name="other", storage=f"sqlite:///{path}")
    with pytest.raises(HarnessError, match="which study of an Optuna storage is meant"):
        read(str(path))
    assert len(read(str(path), optuna_study="grid").rows) == 8
    with pytest.raises(HarnessError, match=r"'grip'\. Did you mean grid\?"):
        read(str(path), optuna_study="grip")
    with pytest.raises(HarnessError, match="an Optuna storage that can be read; got no file"):
        read(f"sqlite:///{tmp_path / 'none.db'}")
    (tmp_path / "no.db").write_text("width,seed\n", encoding="utf-8")
    with pytest.raises(HarnessError, match=r"can be read; got .*no\.db: no line of it is one"):
        read(str(tmp_path / "no.db"))


@pytest.mark.parametrize("tensors", [False, True])
def test_tensorboards_event_files_are_judged(tmp_path: Path, tensors: bool) -> None:
    """The last of fifty values counts, of scalars and of tensors, as newer writers have them."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.metadata import create_summary_metadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    for row in rows():
        folder = (
            tmp_path / "runs" / f"width={row['width']},rule={row['rule']}" / f"seed_{row['seed']}"
        )
        writer = EventFileWriter(str(folder))
        for step in [*range(48), 40, 49]:  # begun again after a crash
            value = row["test_error"] if step == 49 else 50.0
            if tensors:
                one = Summary.Value(tag="test/error", tensor=make_tensor_proto(value, "float32"),
                                    metadata=create_summary_metadata("", ""))  # fmt: skip
            else:
                one = Summary.Value(tag="test/error", simple_value=value)
            writer.add_event(Event(step=step, wall_time=step, summary=Summary(value=[one])))
        writer.close()
    made = taken(tmp_path / "runs")
    assert words(made) == EXPECTED
    assert made.manifest.notes[1] == "Of each scalar the last value counts, and not the best."


def test_hyperparameters_that_torch_writes_are_read(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from torch.utils.tensorboard import SummaryWriter

    for number, row in enumerate(rows(2)):
        with SummaryWriter(str(tmp_path / f"run{number}")) as writer:
            writer.add_scalar("train/loss", 1.0, 0)
            settings = {name: row[name] for name in ("width", "rule", "seed")}
            writer.add_hparams(settings, {"test_error": row["test_error"]})
    made = taken(tmp_path)
    assert len(made.records) == 8
    errors = sorted(row["test_error"] for row in rows(2))
    assert sorted(r.metrics["test_error"] for r in made.records) == pytest.approx(errors)


def test_mlflows_folder_and_its_table_of_runs_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.entities import Metric as Value
    from mlflow.entities import Param
    from mlflow.store.tracking.file_store import FileStore

    store = FileStore(str(tmp_path / "mlruns"))
    for row in rows():
        run = store.create_run("0", "me", 0, [], "a run")
        for name in ("width", "rule", "seed"):
            store.log_param(run.info.run_id, Param(name, str(row[name])))
        for step, value in enumerate((50.0, row["test_error"])):
            store.log_metric(run.info.run_id, Value("test_error", value, step, step))
        ended = "FAILED" if row["seed"] == 5 else "FINISHED"
        store.update_run_info(run.info.run_id, _status(ended), 1, "a run")
    made = taken(tmp_path / "mlruns")
    assert words(made) == EXPECTED
    assert sum(record.state == "failed" for record in made.records) == 4
    exported = [
        {"run_id": "x", "status": "FINISHED", "params.width": str(row["width"]),
         "params.rule": row["rule"], "params.seed": row["seed"],
         "metrics.test_error": row["test_error"]}
        for row in rows()
    ]  # fmt: skip
    assert words(taken(table(tmp_path / "runs.csv", exported))) == EXPECTED


def test_mlflows_files_are_read_as_they_lie(tmp_path: Path) -> None:
    """By hand, as MLflow 1 to 3 write them: also where MLflow is not installed."""
    for place, row in enumerate(rows()):
        run = tmp_path / "mlruns" / "0" / f"run{place}"
        for name in ("params", "metrics/test", "tags"):
            (run / name).mkdir(parents=True)
        for name in ("width", "rule", "seed"):
            (run / "params" / name).write_text(str(row[name]), encoding="utf-8")
        value = f"1 50.0 0\n2 {row['test_error']} 2\n3 40.0 1\n"
        (run / "metrics" / "test" / "error").write_text(value, encoding="utf-8")
        stage = "deleted" if place == 23 else "active"
        meta = f"lifecycle_stage: {stage}\nstatus: {4 if place == 0 else 3}\n"
        (run / "meta.yaml").write_text(meta, encoding="utf-8")
    made = taken(tmp_path / "mlruns")
    assert [(r.seed, r.reason) for r in made.records if r.reason] == [(0, "its state is 'failed'")]
    assert len(made.records) == 23
    assert made.records[1].metrics["test_error"] == rows()[1]["test_error"]
    path = tmp_path / "mlruns" / "0" / "run1" / "metrics" / "test" / "error"
    path.write_text("1 much\n", encoding="utf-8")
    with pytest.raises(
        HarnessError, match=r"must have lines of time, value and step; got '1 much'"
    ):
        taken(tmp_path / "mlruns")


def _status(name: str) -> int:
    from mlflow.entities import RunStatus

    return int(RunStatus.from_string(name))


def test_wandbs_table_of_runs_is_judged(tmp_path: Path) -> None:
    """As its page exports it: state and name of a run, then settings and summary by their names."""
    found = [
        {"Name": f"run-{place}", "State": "finished", "Notes": "-", "User": "me", "Tags": "",
         "Created": "2025-01-01T00:00:00.000Z", "Runtime": "12", "Sweep": "", "rule": row["rule"],
         "seed": row["seed"], "width": row["width"], "test/error": row["test_error"]}
        for place, row in enumerate(rows())
    ]  # fmt: skip
    found[0] |= {"State": "crashed"}
    found[7] |= {"State": "running", "test/error": ""}
    made = taken(table(tmp_path / "wandb_export.csv", found))
    assert words(made) == ["not assessable"] * 2  # of six seeds, four are whole
    assert [r.reason for r in made.records if r.reason] == ["its state is 'crashed'"]
    assert "1 of 24 rows left out: these runs had not ended." in made.manifest.notes


def test_wandbs_runs_as_json_lines_are_judged(tmp_path: Path) -> None:
    """As its API gives them: config as text or with a value and a description, summary apart."""
    lines = []
    for row in rows():
        config = {name: {"value": row[name], "desc": None} for name in ("width", "rule", "seed")}
        lines.append({"name": "a", "state": "finished", "config": json.dumps(config),
                      "summaryMetrics": {"test_error": row["test_error"], "_step": 9}})  # fmt: skip
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert words(taken(path)) == EXPECTED
    lines[0] |= {"sweep": "abc"}
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert words(taken(path)) == EXPECTED  # every setting has six seeds


def test_a_folder_of_tables_is_judged_by_what_their_paths_tell(tmp_path: Path) -> None:
    for width in (16, 64):
        for rule in ("sgd", "adam"):
            own = [row for row in rows() if (row["width"], row["rule"]) == (width, rule)]
            folder = tmp_path / "all" / rule
            folder.mkdir(parents=True, exist_ok=True)
            bare = [{"seed": row["seed"], "test_error": row["test_error"]} for row in own]
            table(folder / f"width={width}.csv", bare)
    with pytest.raises(HarnessError, match=r"none for rule\. Levels of it stand in part1"):
        taken(tmp_path / "all")
    made = taken(tmp_path / "all", by_hand={"rule": "part1"})
    assert words(made) == EXPECTED
    assert "all (4 files, CSV): 24 rows; rule from part1." in made.manifest.data[0]["told"]


def test_of_points_of_a_curve_the_last_counts(tmp_path: Path, refusal, warned) -> None:
    points = [{**row, "step": step, "test_error": row["test_error"] + (9 - step)}
              for row in rows() for step in range(10)]  # fmt: skip
    assert "write --last STEP" in refusal(points)
    told = warned(points[:-1], last="step")
    assert "Of each run the row with the highest step counts: 24 of 239 rows." in told
    assert "Runs end at different places: step 8 to 9." in told
    assert words(taken(table(tmp_path / "r.csv", points), last="step")) == EXPECTED
    assert "different places" not in warned(points, last="step")
    assert "a number in every row" in refusal([{**row, "step": "end"} for row in rows()],
                                              last="step")  # fmt: skip


def test_help_names_every_kind_of_results(capsys) -> None:
    assert execute(["judge", "--help"]) == 0
    text = capsys.readouterr().out
    assert [kind for kind in KINDS if kind not in text] == []


def test_what_results_are_is_told_by_their_name_or_by_hand(tmp_path: Path) -> None:
    path = table(tmp_path / "results.of.mine", rows())
    with pytest.raises(HarnessError, match=r"of a kind that is known by its name.*--format csv"):
        read(str(path))
    assert len(read(str(path), "csv").rows) == 24
    with pytest.raises(HarnessError, match=rf"must be one of {', '.join(KINDS)}"):
        read(str(path), "excel")
    with pytest.raises(HarnessError, match="which is not there"):
        read("none.csv")
    with pytest.raises(HarnessError, match="must hold tables"):
        read(str(tmp_path.joinpath("empty").mkdir() or tmp_path / "empty"))
    with pytest.raises(HarnessError, match="beside an Optuna storage"):
        read(str(path), "csv", "grid")


# ---- columns and cells ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        {"width": "params.width", "test_error": "metrics.test_error", "seed": "params.seed"},
        {"width": "config/width", "test_error": "summary/test_error", "seed": "config/seed"},
        {"width": "params_width", "test_error": "values_test_error", "seed": "Seed"},
        {"width": "Width", "test_error": "Test Error"},
    ],
)
def test_columns_are_found_as_tools_write_them(tmp_path: Path, names: dict[str, str]) -> None:
    made = taken(table(tmp_path / "r.csv", renamed(rows(), **names)))
    assert words(made) == EXPECTED
    for name, column in names.items():
        assert f"{name} from {column}" in made.manifest.data[0]["told"]


def test_columns_are_mapped_by_hand(tmp_path: Path, refusal) -> None:
    own = renamed(rows(), width="n_hidden", seed="replicate")
    path = table(tmp_path / "r.csv", own)
    assert words(taken(path, by_hand={"width": "n_hidden"}, seed="replicate")) == EXPECTED
    for mapped, said in (
        ({"width": "hidden"}, "Did you mean n_hidden?"),
        ({"widht": "n_hidden"}, "Did you mean width?"),
    ):
        assert said in refusal(own, by_hand=mapped, seed="replicate")


def test_rows_are_chosen_by_the_value_of_a_column(tmp_path: Path, refusal, warned) -> None:
    own = [{**row, "split": split, "epoch": 10 * (split == "test"),
            "test_error": row["test_error"] + (split != "test")}
           for row in rows() for split in ("test", "validation")]  # fmt: skip
    assert "they differ in split (test, validation), epoch (10, 0), too" in refusal(own)
    for where in ({"split": "test"}, {"epoch": "10.0"}):
        told = warned(own, where=where)
        assert "Of 48 rows the 24 with " in told
    assert "Did you mean split?" in refusal(own, where={"spilt": "test"})
    assert (
        "must choose rows that there are; got Of 48 rows the 0 with split=train were taken. Wr"
        in refusal(own, where={"split": "train"})
    )


def test_two_columns_of_one_name_are_refused(refusal) -> None:
    own = [{**row, "config.seed": 0, "params.seed": 0} for row in renamed(rows(), seed="s")]
    assert "one column must hold seed; got config.seed and params.seed" in refusal(own)


def test_a_metric_in_no_column_is_refused_with_names_that_are_near(refusal) -> None:
    said = refusal(renamed(rows(), test_error="test_eror"))
    assert "a column for every metric that is declared; got none for test_error" in said
    assert "Did you mean test_eror? Write --column test_error=COLUMN." in said


@pytest.mark.parametrize(
    ("level", "cells"),
    [
        (16, ["16", 16, 16.0, "16.0", " 16 ", "1.6e1"]),
        (0.001, ["1e-3", "0.001", 0.001, "0.0010000000474974513"]),
        (True, ["True", "yes", True, "true"]),
        (False, ["False", "no", False]),
        (None, ["none", "None", "", None]),
        ("16 layers", ["16 layers", " 16 layers"]),
    ],
)
def test_levels_are_matched_by_value_and_by_name(level: Any, cells: list[Any]) -> None:
    levels = Levels(Factor("f", (level, "other")))
    for cell in cells:
        found = levels.level(cell)
        assert found is not None, cell
        assert found.value is level or found.value == level
    for cell in ("17", 17, 0.0011, "true!", "16 Layers", [16]):
        assert levels.level(cell) is None, cell


def test_one_is_not_yes_and_text_is_told_from_numbers_by_the_levels() -> None:
    assert Levels(Factor("f", (True, False))).level(1) is None
    assert Levels(Factor("f", (1, 0))).level(True) is None
    found = Levels(Factor("f", ("1", "2"))).level(1)
    assert found is not None
    assert found.value == "1"
    named = Levels(Factor("f", {"small": 16, "large": 64}))
    assert [named.level(cell).name for cell in ("small", 64, "16")] == ["small", "large", "small"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("cell", "unit", "number", "told"),
    [
        ("1e-3", "pp", 0.001, ""),
        ("12%", "fraction", 0.12, "per cent were understood: '12%' is 0.12"),
        ("12 %", "pp", 12.0, "per cent were understood: '12 %' is 12"),
        ("12%", "nats", None, ""),
        ("1,5", "pp", None, ""),
        ("1_000", "pp", None, ""),
        ("oom", "pp", None, ""),
        ("0.91 ± 0.02", "pp", None, ""),
        ("True", "", 1.0, "yes and no were read as 1 and 0"),
        ("inf", "pp", math.inf, ""),
    ],
)
def test_numbers_are_understood_or_refused(cell: str, unit: str, number: float, told: str) -> None:
    reader = Numbers(Metric("m", unit=unit), "column", typed=False)
    row = Row("line 2", {"column": cell})
    if number is None:
        with pytest.raises(HarnessError, match=r"m must be a number in every row; got .*, line 2"):
            reader.read(row)
    else:
        assert reader.read(row) == number
        assert [*reader.understood] == ([f"m: {told}."] if told else [])


def test_a_share_above_one_is_refused_as_per_cent(refusal) -> None:
    own = declared(metrics=(Metric("test_error", unit="fraction", better="lower"),), claims=())
    said = refusal(rows(), own)
    assert "test_error must lie between 0 and 1, since its unit is a fraction; got " in said
    assert "Divide by 100" in said


def test_a_tuned_setting_becomes_the_records(tmp_path: Path, refusal) -> None:
    own = declared(tuned=(Tuned("lr", 0.001, 1.0, log=True),))
    with_rates = [{**row, "params.lr": "1e-2" if row["seed"] else ""} for row in rows()]
    made = taken(table(tmp_path / "r.csv", with_rates), own)
    assert [dict(r.tuned) for r in made.records[:2]] == [{}, {"lr": 0.01}]
    assert not any("tuned" in each for each in judged(made).warnings[1:])
    assert dict(taken(table(tmp_path / "r.csv", rows()), own).records[0].tuned) == {}
    assert "lr must be a number; got 'high'" in refusal([{**row, "lr": "high"} for row in rows()],
                                                        own)  # fmt: skip


# ---- checks --------------------------------------------------------------------------------------


def test_without_a_column_of_seeds_nothing_is_judged(refusal) -> None:
    said = refusal(renamed(rows(), seed="random_seed"))
    assert "results must have a column with the seed of each run" in said
    assert "Write --seed-column random_seed" in said
    assert "Write --seed-column NAME" in refusal(renamed(rows(), seed="number"))


@pytest.mark.parametrize("seed", ["a", "", "1.5", "-1", "nan", "1e300"])
def test_a_seed_is_a_whole_number(refusal, seed: str) -> None:
    own = rows()
    own[3]["seed"] = seed
    said = refusal(own)
    assert f"a whole number from 0 to 9007199254740992; got {seed!r} in column seed, line 5" in said


def test_seeds_that_some_arms_lack_are_told_and_only_pairs_are_compared(
    tmp_path: Path, warned
) -> None:
    own = [row for row in rows() if (row["width"], row["rule"], row["seed"]) != (64, "sgd", 2)]
    told = warned(own)
    assert "Pairs are not complete: width=64, rule=sgd lacks seed 2." in told
    verdict, _ = judged(taken(table(tmp_path / "r.csv", own))).verdicts
    assert verdict.seeds == (0, 1, 3, 4, 5)
    assert verdict.word == "supported, material"
    assert "not complete" not in warned(rows())


def test_arms_without_a_common_seed_are_compared_unpaired_or_not_at_all(tmp_path: Path) -> None:
    own = [{**row, "seed": row["seed"] + 100 * (row["width"] == 64)} for row in rows()]
    first, second = judged(taken(table(tmp_path / "r.csv", own))).verdicts
    assert (first.word, first.seen.unpaired) == ("supported, material", True)
    assert second.word == "not assessable"  # its sides hold both widths, which share no seed
    assert "No seed is there in every arm of the claim" in second.reason
    assert "width=16, rule=sgd has seeds 0, 1, 2, 3, 4, 5" in second.reason


def test_what_is_left_undecided_names_no_command_that_would_run_anything(tmp_path: Path) -> None:
    few = judged(taken(table(tmp_path / "r.csv", rows(4))))
    assert next_step(few) == (
        "2 claims undecided: a verdict needs 5 seeds that ended well in every arm of its claim, "
        "or as many on each side where no seed is on both."
    )
    draw = random.Random(1)
    noisy = [{**row, "test_error": row["test_error"] + draw.gauss(0, 2)} for row in rows()]
    said = next_step(judged(taken(table(tmp_path / "r.csv", noisy))))
    assert "undecided. About" in said
    assert "harness" not in said
    assert next_step(judged(taken(table(tmp_path / "r.csv", rows())))) == ""


def test_advice_fits_what_results_lack(tmp_path: Path) -> None:
    """All failed; curves are needed; a side without a seed of its own: each is told by itself."""
    failed = judged(taken(table(tmp_path / "r.csv", [{**r, "test_error": ""} for r in rows()])))
    assert "5 seeds that ended well in every arm of its claim" in next_step(failed)
    assert failed.verdicts[0].reason.endswith("24 of 24 trials failed.")
    claim = Sooner("64 is sooner.", metric="test_error", sooner={"width": 64, "rule": "sgd"},
                   later={"width": 16, "rule": "sgd"}, reaches=5, by=0.2)  # fmt: skip
    apart = [{**row, "seed": row["seed"] + 100 * (row["width"] == 64)} for row in rows()]
    for found in (rows(), apart):
        results = judged(taken(table(tmp_path / "r.csv", found), declared(claims=(claim,))))
        (verdict,) = results.verdicts
        assert verdict.reason.startswith("It needs learning curves")
        assert "keep curves" in verdict.change
        assert next_step(results) == (
            "1 claim cannot be judged on results of others: learning curves are needed."
        )
    both = judged(taken(table(tmp_path / "r.csv", rows(4)), declared(
        claims=(*study().claims, claim))))  # fmt: skip
    assert next_step(both).endswith("on both. Claim 3 needs learning curves as well.")


def test_a_side_whose_arms_share_no_seed_has_no_mean(tmp_path: Path) -> None:
    start = {(16, "sgd"): 5, (16, "adam"): 15, (64, "sgd"): 30, (64, "adam"): 30}
    found = [{**row, "seed": row["seed"] + start[row["width"], row["rule"]]} for row in rows()]
    verdict, _ = judged(taken(table(tmp_path / "r.csv", found))).verdicts
    assert verdict.reason == (
        "The two sides share no seed, and one of them is a mean over arms of which no seed is in "
        "all: width=16, rule=sgd has seeds 5, 6, 7, 8, 9, 10; width=16, rule=adam has seeds 15, "
        "16, 17, 18, 19, 20."
    )
    assert "5 seeds on each side, which all arms of that side have; there" in verdict.change


def test_a_test_that_only_describes_is_left_out_of_thousands_of_seeds() -> None:
    from harness.judging.contrasts import _described
    from harness.reports.sections.checks import _agreement
    from tests.test_verdicts import claim, one

    few = one(list(range(8)), claim())
    assert math.isfinite(few.seen.p_permutation)
    many = replace(few.seen, n=1001)
    assert math.isnan(_described(many, claim(), many.first).p_permutation)
    assert _agreement(replace(few, seen=many)) == "not computed above 1,000 seeds"


def test_a_claim_on_curves_says_that_there_are_none(tmp_path: Path) -> None:
    claim = Sooner("64 is sooner.", metric="test_error", sooner={"width": 64, "rule": "sgd"},
                   later={"width": 16, "rule": "sgd"}, reaches=5, by=0.2)  # fmt: skip
    (verdict,) = judged(
        taken(table(tmp_path / "r.csv", rows()), declared(claims=(claim,)))
    ).verdicts
    assert verdict.word == "not assessable"
    assert verdict.reason.startswith("It needs learning curves")


def test_a_row_that_stands_there_twice_is_counted_once(tmp_path: Path, warned) -> None:
    own = rows()
    told = warned([*own, own[0]])
    assert "1 row stands there a second time with the same values" in told
    assert "line 2 and line 26" in told
    assert len(taken(table(tmp_path / "r.csv", [*own, own[0]])).records) == 24
    assert "second time" not in warned(own)


def test_two_values_for_one_arm_and_seed_are_refused(refusal) -> None:
    own = [{**row, "task": "a"} for row in rows()]
    said = refusal([*own, {**own[0], "task": "b", "test_error": 3.0}])
    assert "line 2 and line 26, both width=16, rule=sgd with seed 0, and test_error 9." in said
    assert "they differ in task (a, b), too" in said
    assert "a failed" not in said
    crashed = refusal([*own, {**own[0], "test_error": ""}])
    assert "and one ended well, the other test_error is empty" in crashed


def test_a_level_in_no_row_is_told_and_its_claims_say_why(tmp_path: Path) -> None:
    own = declared(factors=(Factor("width", (16, 64, 256)), Factor("rule", ("sgd", "adam"))),
                   claims=(Higher("16 errs more.", metric="test_error", higher={"width": 16},
                                  lower={"width": 256}, by=1),
                           Higher("16 errs more.", metric="test_error", higher={"width": 16},
                                  lower={"width": 64}, by=1)))  # fmt: skip
    results = judged(taken(table(tmp_path / "r.csv", rows()), own))
    assert any("width=256 is declared and in no row" in each for each in results.warnings)
    first, second = results.verdicts
    assert (first.word, second.word) == ("not assessable", "supported, material")
    assert first.reason == "There are no results of width=256, rule=sgd, width=256, rule=adam."


def test_an_arm_in_no_row_is_told(warned) -> None:
    told = warned([row for row in rows() if (row["width"], row["rule"]) != (64, "sgd")])
    assert "1 arm is in no row: width=64, rule=sgd." in told
    assert "in no row" not in warned(rows())


def test_rows_of_other_levels_are_told_and_left_out(tmp_path: Path, warned, refusal) -> None:
    other = [{**row, "width": 32} for row in rows()][:5]
    told = warned([*rows(), *other])
    assert "5 of 29 rows left out: their width is no level that is declared (32 (5); " in told
    assert len(taken(table(tmp_path / "r.csv", [*rows(), *other])).records) == 24
    assert "left out" not in warned(rows())
    assert "results must have rows of the study's arms; got none: 5 of 5 rows" in refusal(other)


def test_a_metric_that_never_changes_says_nothing(warned) -> None:
    own = declared(metrics=(Metric("test_error"), Metric("epochs")), claims=())
    told = warned([{**row, "epochs": 10} for row in rows()], own)
    assert "epochs is 10 in every row: it says nothing." in told
    assert "says nothing" not in warned([{**row, "epochs": row["seed"]} for row in rows()], own)


def test_two_arms_that_are_equal_to_the_last_bit_are_told(warned) -> None:
    own = rows()
    twin = [{**row, "rule": "adam"} if row["rule"] == "sgd" else None for row in own]
    told = warned([row for row in [*own[:6], *own[12:], *twin[:6]] if row])
    assert "width=16, rule=sgd and width=16, rule=adam have the same values to the last bit" in told
    assert "all 6 common seeds: were the same results entered twice?" in told
    assert "last bit" not in warned(own)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("nan", "test_error is nan"), ("", "test_error is empty"), ("inf", "test_error is inf"),
     ("None", "test_error is empty")],
)  # fmt: skip
def test_what_is_no_finite_number_is_a_failure_and_never_dropped(
    tmp_path: Path, cell: str, reason: str
) -> None:
    own = rows()
    own[0]["test_error"] = cell
    made = taken(table(tmp_path / "r.csv", own))
    assert len(made.records) == 24
    assert [(r.seed, r.state, r.metrics) for r in made.records if r.reason == reason] == [
        (0, "failed", {})
    ]
    verdict, _ = judged(made).verdicts
    assert (verdict.failed, verdict.seeds) == (1, (1, 2, 3, 4, 5))
    assert any(reason in each for each in judged(made).warnings)


def test_a_samplers_history_is_no_set_of_replicates(tmp_path: Path) -> None:
    def objective(trial: optuna.Trial) -> float:
        width = trial.suggest_categorical("width", [16, 64])
        trial.set_user_attr("rule", "sgd")
        trial.set_user_attr("seed", trial.number)
        rate = trial.suggest_float("lr", 0.01, 1.0)
        return width * rate

    path = tmp_path / "search.db"
    own = optuna.create_study(study_name="s", storage=f"sqlite:///{path}")
    own.optimize(objective, n_trials=10)
    with pytest.raises(HarnessError, match="a sampler's history is no set of replicates"):
        taken(path, by_hand={"test_error": "value"})
    exported = tmp_path / "trials.csv"
    own.trials_dataframe().to_csv(exported, index=False)
    with pytest.raises(HarnessError, match="a sampler's history is no set of replicates"):
        taken(exported, by_hand={"test_error": "value"})
    swept = [{**row, "Sweep": "abc", "lr": place} for place, row in enumerate(rows())]
    with pytest.raises(HarnessError, match="a sampler's history is no set of replicates"):
        taken(table(tmp_path / "sweep.csv", swept), declared(tuned=(Tuned("lr", 0.1, 99.0),)))


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    for content, said in (
        (b"\xff\xfe\x00", "must be text in UTF-8"),
        (b"", "must have a first line with the names"),
        (b"seed,seed\n1,2\n", "must have different names; got seed twice"),
        (b'seed,a\n"1,2\n', "must be a CSV file"),
        (b"width,rule,seed,test_error\n", "must have a row for each run"),
    ):
        (tmp_path / "r.csv").write_bytes(content)
        with pytest.raises(HarnessError, match=said):
            taken(tmp_path / "r.csv")


def test_a_word_that_is_not_known_is_refused_and_switches_no_other_off(
    tmp_path: Path, refusal
) -> None:
    """Slurm's words, and others beside words that are known; alone, they may mean anything."""
    ends = {0: "FAILED", 7: "RUNNING", 8: "OUT_OF_MEMORY", 14: "CANCELLED by 1001", 20: "NODE_FAIL"}
    own = [{**row, "State": ends.get(place, "COMPLETED")} for place, row in enumerate(rows())]
    made = taken(table(tmp_path / "r.csv", own))
    assert "1 of 24 rows left out: these runs had not ended." in made.manifest.notes
    assert sorted(r.reason for r in made.records if r.reason) == [
        "its state is 'cancelled'", "its state is 'failed'", "its state is 'node_fail'",
        "its state is 'out_of_memory'",
    ]  # fmt: skip
    own[3]["State"] = "exploded"
    said = refusal(own)
    assert "words that are known, such as finished and failed; got 'exploded' in line 5" in said
    assert "exploded" in refusal(own, where={"State": "exploded"})
    others = [{**row, "status": "reviewed"} for row in rows()]
    assert words(taken(table(tmp_path / "r.csv", others))) == EXPECTED


def test_a_run_that_is_over_failed_only_where_it_gave_nothing(tmp_path: Path) -> None:
    """Ray Tune says TERMINATED of a trial that ended well."""
    own = [{**row, "status": "TERMINATED"} for row in rows(7)]
    own[0] |= {"status": "ERROR"}
    own[8] |= {"test_error": ""}
    made = taken(table(tmp_path / "r.csv", own))
    assert words(made) == EXPECTED
    assert [r.reason for r in made.records if r.reason] == [
        "its state is 'error'", "test_error is empty",
    ]  # fmt: skip
    assert "26 rows with the state 'terminated' and all metrics" in " ".join(made.manifest.notes)


def test_per_cent_that_look_like_fractions_are_told(warned) -> None:
    own = [{**row, "test_error": row["test_error"] / 100} for row in rows()]
    told = warned(own)
    assert "test_error is declared in pp, and every value lies between 0 and 1" in told
    assert "declared in pp" not in warned([{**row, "test_error": row["seed"] % 2} for row in own])
    assert "declared in pp" not in warned(rows())


def test_a_share_below_zero_is_refused(refusal) -> None:
    own = declared(metrics=(Metric("test_error", unit="fraction", better="lower"),), claims=())
    found = [{**row, "test_error": row["test_error"] / 100} for row in rows()]
    found[2]["test_error"] = -0.3
    said = refusal(found, own)
    assert "test_error must lie between 0 and 1, since its unit is a fraction; got -0.3" in said
    assert "without unit='fraction'" in said


def test_whole_numbers_are_levels_exactly_and_others_the_nearest() -> None:
    days = Levels(Factor("day", (20240101, 20240102, 2**53 + 1)))
    for cell in (20240102, "20240102", 20240102.0, "2.0240102e7"):
        assert days.level(cell).value == 20240102, cell
    assert days.level(20240103) is None
    assert days.level(str(2**53 + 1)).value == 2**53 + 1
    assert days.level(str(2**53)) is None
    near = Levels(Factor("lr", {"low": 0.1, "high": 0.1000000149, "huge": 10**400}))
    assert near.level(0.10000001490116).value == 0.1000000149


def test_decimal_commas_are_read_in_every_column(tmp_path: Path) -> None:
    own = declared(factors=(Factor("width", (0.5, 64)), Factor("rule", ("sgd", "adam"))),
                   claims=(), tuned=(Tuned("lr", 0.001, 1.0, log=True),))  # fmt: skip
    shown = {16: "0,5", 64: "64,0"}
    german = [{**row, "width": shown[row["width"]], "lr": "0,01",
               "test_error": f"{row['test_error']:.3f}".replace(".", ",")}
              for row in rows()]  # fmt: skip
    made = taken(table(tmp_path / "r.csv", german, ";"), own)
    assert len(made.records) == 24
    assert {dict(r.tuned)["lr"] for r in made.records} == {0.01}
    assert len(taken(tmp_path / "r.csv", own, where={"lr": "0,010"}).records) == 24


def test_a_comma_is_the_decimal_point_only_in_files_that_are_of_that_kind(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    half = [[{**row, "test_error": "1,234"} for row in rows() if row["width"] == width]
            for width in (16, 64)]  # fmt: skip
    table(folder / "german.csv", half[0], ";")
    assert {r.metrics["test_error"] for r in taken(folder).records} == {1.234}
    table(folder / "english.csv", half[1])
    with pytest.raises(HarnessError, match=r"a number in every row; got '1,234' .* of english"):
        taken(folder)


def sampled(settings: Sequence[Any], column: str = "params_lr") -> list[dict[str, Any]]:
    """Return results as Optuna's table of trials has them, with a setting for each of six seeds."""
    return [{"number": place, "state": "COMPLETE", **row, column: settings[row["seed"]]}
            for place, row in enumerate(rows())]  # fmt: skip


def test_one_setting_that_is_repeated_makes_a_history_no_set_of_replicates(
    tmp_path: Path, refusal
) -> None:
    said = refusal(sampled([0.1, 0.1, 0.2, 0.3, 0.4, 0.5]))
    assert "each arm must have one setting in all its seeds: a sampler's history is no set" in said
    assert "width=16, rule=sgd 5, width=16, rule=adam 5, width=64, rule=sgd 5 and 1 more" in said
    assert words(taken(table(tmp_path / "r.csv", sampled([0.1] * 6)))) == EXPECTED


@pytest.mark.parametrize("column", ["config.lr", "params/lr", "lr"])
def test_settings_that_nobody_declared_and_that_differ_in_each_run_are_told(
    warned, column: str
) -> None:
    """Of a sweep in any column, and of other tables in those that hold settings by their name."""
    sweep = {"Sweep": "abc"} if column == "lr" else {}

    def told(lrs: Sequence[float]) -> str:
        found = sampled(lrs, column)
        return warned([{name: value for name, value in (row | sweep).items() if name != "number"}
                       for row in found])  # fmt: skip

    assert f"Between runs of one arm {column} differs, and not only the seed" in told(
        [0.11, 0.12, 0.23, 0.34, 0.45, 0.56]
    )
    assert "differs" not in told([0.1] * 6)
    assert "differs" not in told([7, 8, 9, 10, 11, 12])  # as the seeds are, in every arm


def test_a_tuned_setting_that_differs_within_an_arm_is_told(warned) -> None:
    own = declared(tuned=(Tuned("lr", 0.001, 1.0, log=True),))
    found = [{**row, "lr": 0.1 if row["seed"] else 0.2} for row in rows()]
    assert "Between runs of one arm lr differs" in warned(found, own)


def test_of_a_run_whose_last_row_lacks_the_metric_the_last_that_has_it_counts(
    tmp_path: Path, warned
) -> None:
    """As of a history in which metrics are logged at different times; a NaN at the end stays."""
    points: list[dict[str, Any]] = []
    for row in rows():
        for step in range(4):
            value = row["test_error"] + (2 - step) if step % 2 == 0 else ""
            points.append({**row, "step": step, "test_error": value})
    assert words(taken(table(tmp_path / "r.csv", points), last="step")) == EXPECTED
    told = warned(points, last="step")
    assert "Of 24 runs that row has no value of a metric: the last row that has all of" in told
    assert "step 2" not in told
    points[2]["test_error"] = "nan"
    made = taken(table(tmp_path / "r.csv", points), last="step")
    assert [r.reason for r in made.records if r.reason] == ["test_error is nan"]
    assert "no value of a metric" not in warned([{**row, "step": 3} for row in rows()], last="step")


def test_odd_files_are_one_line(tmp_path: Path) -> None:
    """Each of these ended as an internal error."""
    path = tmp_path / "r.jsonl"
    record = {"study": "width", "scale": "results", "arm": "a", "key": "k", "state": "complete"}
    lines = [{**row, **record, "role": "evaluate"} for row in rows()]
    del lines[3]["role"]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.raises(HarnessError, match="must have a role; got none in line 4"):
        taken(path)
    huge = 10**399
    for name, said in (("width", "left out"), ("seed", "a seed must be a whole number"),
                       ("test_error", "test_error is inf")):  # fmt: skip
        found = [*rows()]
        found[0] = {**found[0], name: huge}
        path.write_text("\n".join(map(json.dumps, found)), encoding="utf-8")
        try:
            told = " ".join([*judged(taken(path)).warnings])
        except HarnessError as error:
            told = str(error)
        assert said in told, name
    deep = "[" * 100_000 + "]" * 100_000
    for text in (deep, '{"a": ' * 5_000 + "1" + "}" * 5_000, f'{{"seed": 1}}\n{{"a": {deep}}}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(HarnessError, match="nested hundreds deep"):
            taken(path)


def test_a_json_line_may_hold_the_line_ends_of_other_alphabets(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = [json.dumps({**row, "note": "a\u2028b"}, ensure_ascii=False) for row in rows()]
    path.write_bytes("\r\n".join(lines).encode())
    assert words(taken(path)) == EXPECTED


def test_decimals_of_parquet_are_numbers(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    found = [{**row, "test_error": Decimal(f"{row['test_error']:.4f}"),
              "seed": Decimal(row["seed"])} for row in rows()]  # fmt: skip
    parquet.write_table(pa.Table.from_pylist(found), tmp_path / "r.parquet")
    assert words(taken(tmp_path / "r.parquet")) == EXPECTED


def test_a_line_end_in_a_cell_makes_no_second_line(tmp_path: Path, refusal) -> None:
    path = tmp_path / "r.jsonl"
    odd = [{**row, "rule": "s\ngd"} for row in rows(1)] + [{**rows()[0], "seed": 9,
            "state": "failed", "reason": "out\nof memory"}]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, [*rows(), *odd])), encoding="utf-8")
    made = judged(taken(path))
    assert any("s gd" in each for each in made.warnings)
    assert any("out of memory" in each for each in made.warnings)
    assert not [each for each in made.warnings if "\n" in each]


def test_one_more_arm_is_one(warned) -> None:
    every = [(row["width"], row["rule"]) for row in rows()[::6]]
    drop = {place: seed for seed, place in enumerate(every)}
    own = [row for row in rows() if drop[row["width"], row["rule"]] != row["seed"]]
    assert "lacks seed 2 and 1 more arm. " in warned(own)


def test_many_arms_that_are_alike_are_told_apart_in_no_time() -> None:
    """With arms compared two by two, 3,000 would take minutes."""
    from harness.imported.checks import _equal

    own = declared(factors=(Factor("width", tuple(range(3000))),), claims=())
    values = {(arm.name, seed): {"test_error": place + seed / 7}
              for place, arm in enumerate(own.arms) for seed in range(3)}  # fmt: skip
    first, second, third = (arm.name for arm in own.arms[:3])
    for seed in (0, 1):
        values[second, seed] = values[third, seed] = values[first, seed]
    del values[second, 2]
    del values[third, 2]
    told = [*_equal(own, values)]
    assert [each.partition(" have")[0] for each in told] == [
        f"{second} and {third}", f"{first} and {second}",
    ]  # fmt: skip


# ---- the commands --------------------------------------------------------------------------------


@pytest.fixture
def files(here: Path) -> Path:
    (here / "width.py").write_text(STUDY, encoding="utf-8")
    table(here / "r.csv", rows())
    return here


def test_judge_prints_and_writes_what_report_does_without_torch_or_a_store(files: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.commands.cli import execute; "
        "assert execute(['judge', 'r.csv', 'width.py']) == 0; "
        "assert not [*Path().rglob('*.db')], 'a store was made'; "
        "assert execute(['import', 'r.csv', 'width.py']) == 0; "
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, cwd=files, text=True
    )
    assert f"! {OTHERS}" in done.stdout
    assert "supported, material" in done.stdout
    folder = files / "runs" / "width-results-judged"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert OTHERS in page
    assert "harness judge r.csv width.py --scale results" in page
    told = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert [each["word"] for each in told] == EXPECTED
    assert [each["cautions"] for each in told] == [[OTHERS], [OTHERS]]
    assert len((folder / "records.csv").read_text(encoding="utf-8").splitlines()) == 25


def test_imported_results_are_explained_and_exported_as_they_are_judged(
    files: Path, capsys
) -> None:
    assert execute(["import", "r.csv", "width.py"]) == 0
    assert "24 results read, 24 new" in capsys.readouterr().out
    ((reported, _),) = report_study("width.py", None, Place(Path("runs")))
    alone = judged(taken(files / "r.csv"))
    assert reported.warnings == alone.warnings == (OTHERS,)
    assert reported.verdicts == alone.verdicts
    assert reported.summaries == alone.summaries
    assert {each.status for each in reported.history.claims} == {"not known"}
    assert execute(["explain", "width.py", "1"]) == 0
    assert OTHERS in capsys.readouterr().out
    assert execute(["export", "width.py", "--to", "again.csv"]) == 0
    assert not capsys.readouterr().err
    assert words(taken(files / "again.csv")) == EXPECTED  # the harness's records are results, too
    (files / "width.py").unlink()
    ((reported, _),) = report_study("width.py", None, Place(Path("runs")))
    assert "judged as it was declared when it was run" in reported.warnings[1]
    assert reported.verdicts == alone.verdicts


def test_the_same_file_adds_nothing_and_a_changed_one_is_the_newest_run(
    files: Path, capsys
) -> None:
    for new in (24, 0):
        assert execute(["import", "r.csv", "width.py"]) == 0
        assert f"24 results read, {new} new" in capsys.readouterr().out
    changed = rows()
    changed[0]["test_error"] = "nan"
    table(files / "r.csv", changed[:-1])
    assert execute(["import", "r.csv", "width.py"]) == 0
    assert "23 results read, 1 new" in capsys.readouterr().out
    ((reported, _),) = report_study("width.py", None, Place(Path("runs")))
    told = " ".join(reported.warnings)
    assert "lacks seed 5" in told
    assert "1 evaluation trial failed (width=16, rule=sgd), the first by: test_error is nan" in told


def test_units_of_others_and_tuned_settings_come_back_from_a_store(here: Path) -> None:
    """A metric may have the name of one of the harness's, and another unit: no row is damaged."""
    own = declared(
        metrics=(Metric("test_accuracy", unit="%", better="higher"),), claims=(),
        tuned=(Tuned("lr", 0.001, 1.0),),
    )  # fmt: skip
    found = [{**row, "test_accuracy": 90 + row["seed"], "lr": 7.5} for row in rows(2)]
    made = taken(table(here / "r.csv", found), own)
    store = open_store("s.db")
    ledger = Ledger(store, made.declaration, "results")
    assert [ledger.enter(made.records) for _ in range(2)] == [8, 0]
    read_again = Ledger(store, made.declaration, "results").records()
    assert [(r.key, r.levels, r.seed, r.tuned, r.metrics) for r in read_again] == [
        (r.key, r.levels, r.seed, r.tuned, r.metrics) for r in made.records
    ]
    assert not store.noticed.untold()
    store.close()


def test_a_metric_that_is_declared_no_more_is_told(files: Path) -> None:
    extra = STUDY.replace('better="lower"),)', 'better="lower"), Metric("extra"))')
    (files / "width.py").write_text(extra, encoding="utf-8")
    table(files / "r.csv", [{**row, "extra": row["seed"]} for row in rows()])
    assert execute(["import", "r.csv", "width.py"]) == 0
    (files / "width.py").write_text(STUDY, encoding="utf-8")
    sys.modules.pop("width", None)  # a process loads a file once
    ((reported, _),) = report_study("width.py", None, Place(Path("runs")))
    said = "Also there, and not declared: extra; it is in records.csv."
    assert said in reported.warnings


def test_levels_that_changed_after_an_import_are_told(files: Path) -> None:
    assert execute(["import", "r.csv", "width.py"]) == 0
    (files / "width.py").write_text(STUDY.replace("(16, 64)", "(16, 64, 256)"), encoding="utf-8")
    ((reported, _),) = report_study("width.py", None, Place(Path("runs")))
    told = " ".join(reported.warnings)
    assert "Levels or their names have changed in the study's file since these results were" in told


def test_seeds_as_large_as_people_draw_them_come_back(files: Path, capsys) -> None:
    own = [{**row, "seed": row["seed"] + 2**31} for row in rows()]
    table(files / "r.csv", own)
    assert execute(["import", "r.csv", "width.py"]) == 0
    place = Place(Path("runs"))
    ((reported, _),) = report_study("width.py", None, place)
    assert reported.verdicts[0].seeds == tuple(range(2**31, 2**31 + 6))
    assert not place.noticed.untold()


def test_results_stay_apart_from_runs_of_the_studys_own(
    refused, here: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.declaring import run
    from tests.declaring import study as small

    run(open_store(str(here / "runs" / "harness.db")), small())
    monkeypatch.setattr("harness.commands.judge.find", lambda name: name)
    monkeypatch.setattr("harness.commands.judge.load", lambda name: small())
    found = [{"width": width, "seed": seed, "test_accuracy": 0.5 + width / 200}
             for width in (4, 16, 64) for seed in range(5)]  # fmt: skip
    table(here / "r.csv", found)
    assert "must hold no runs of " in refused("import", "r.csv", "small.py")


OWN = """
from harness import Factor, Metric, Scale, Study


def train(context, width):
    return {"test_error": width / 100 + context.seed % 7}


study = Study(name="width", question="Does width help?", factors=(Factor("width", (16, 64)),),
              metrics=(Metric("test_error", unit="pp", better="lower"),), train=train,
              scales={"quick": Scale(seeds=2)})
"""


def test_a_study_is_not_run_into_a_store_of_results_of_others(refused, files: Path) -> None:
    """Each arm and seed would be there twice; what others made cannot be replayed, either."""
    (files / "own.py").write_text(OWN, encoding="utf-8")
    found = [row for row in rows() if row["rule"] == "sgd"]
    table(files / "r.csv", found)
    assert execute(["import", "r.csv", "own.py"]) == 0
    assert "must hold no results of others for it" in (said := refused("run", "own.py"))
    assert "Write --store own.db, say." in said
    store = open_store(str(files / "runs" / "harness.db"))
    records = Ledger(store, taken(files / "r.csv", _own(files)).declaration, "quick").records()
    store.close()
    assert len(records) == 12
    said = refused("replay", records[0].key)
    assert "must be that of a trial that was run here; got" in said
    assert f"{records[0].key}, a result of others, of width (quick), seed 0" in said


def _own(files: Path) -> Declaration:
    from harness.running.find import find, load

    return load(find(str(files / "own.py"))).declaration("quick")


def test_judging_a_file_leaves_the_report_of_a_run_as_it_is(files: Path, capsys) -> None:
    (files / "own.py").write_text(OWN, encoding="utf-8")
    table(files / "r.csv", [row for row in rows() if row["rule"] == "sgd"])
    report = files / "runs" / "width-quick"
    report.mkdir(parents=True)
    (report / "report.html").write_text("of the run", encoding="utf-8")
    assert execute(["judge", "r.csv", "own.py"]) == 0
    assert "width-quick-judged" in capsys.readouterr().out
    assert [each.name for each in report.iterdir()] == ["report.html"]
    assert (report / "report.html").read_text(encoding="utf-8") == "of the run"
    assert (files / "runs" / "width-quick-judged" / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("judge", "r.csv", "width.py", "--column", "width"), "--column must be a name, = and"),
        (("judge", "r.csv", "width.py", "--column", "width=a", "--column", "width=b"),
         "--column must name width once; got a and b"),
        (("judge", "none.csv", "width.py"), "none.csv, which is not there"),
        (("judge", "r.csv", "width.py", "--seed-column", "sed"), "Did you mean seed?"),
        (("run", "width.py"), "harness judge RESULTS STUDY"),
        (("import", "r.csv", "width.py", "--scale", "paper"), "must have the scale asked for"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_line(
    refused, files: Path, words: tuple[str, ...], said: str
) -> None:
    assert said in refused(*words)


# ---- what is kept --------------------------------------------------------------------------------


def test_notes_are_kept_with_a_run_and_are_not_written_of_others() -> None:
    manifest = Manifest(
        (0,), (), None, 1, False, "x", (), (), {}, "", (), {}, notes=("Mind the gap.",)
    )
    assert Manifest.of(manifest.plain()) == manifest
    assert "notes" not in replace(manifest, notes=()).plain()


def test_a_study_of_a_function_is_judged_on_a_file_by_its_own_metrics() -> None:
    own = replace(declared(), source="train")
    made = as_results(own)
    assert (made.source, made.own) == ("results", own.own)
