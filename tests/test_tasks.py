"""What is learnt: quantities beside classes, their scores, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from torch import nn

from harness.commands.cli import execute
from harness.data import arrays, digits
from harness.engines.evaluate import score
from harness.engines.modes import PLAIN
from harness.measures import Calibration, Sharpness
from harness.messages.errors import HarnessError
from harness.models import MLP
from harness.optim import SGD
from harness.stopping import EarlyStopping
from harness.study.metrics import METRICS
from harness.tasks import (
    AbsoluteLoss,
    Batch,
    Classification,
    CrossEntropy,
    Generation,
    Huber,
    Regression,
    Segmentation,
    Sequence,
    SquaredLoss,
)
from harness.tasks.scores import BETTER, PARTS
from harness.trainer.train import Request, train, train_together
from harness.training import Training

CPU = torch.device("cpu")
X, Y = load_diabetes(return_X_y=True)
DIABETES = arrays(X, Y, "diabetes")


@dataclass(frozen=True)
class Linear:
    """A network without a hidden layer: what it can learn at best is known."""

    def build(self, shape: tuple[int, ...], quantities: int) -> nn.Module:
        return nn.Linear(shape[0], quantities)


LEAST_SQUARES = Training(
    data=DIABETES,
    model=Linear(),
    optimizer=SGD(lr=0.1, momentum=0.9),
    batch_size=len(DIABETES.splits(0).train),
    epochs=1500,
    loss=SquaredLoss(),
    task=Regression(),
    precision="float64",
)


@pytest.mark.parametrize("targets", ["standardised", "as they are"])
def test_a_linear_network_comes_to_least_squares(targets: Any) -> None:
    training = replace(LEAST_SQUARES, task=Regression(targets))
    splits = DIABETES.splits(0)
    parts = {
        name: (part.inputs.double().numpy(), part.targets.double().numpy())
        for name, part in (("train", splits.train), ("test", splits.test))
    }
    wanted = LinearRegression().fit(*parts["train"])
    metrics = train(training, 0, CPU).metrics
    for name, (inputs, truth) in parts.items():
        said = wanted.predict(inputs)
        assert metrics[f"{name}_squared_error"] == pytest.approx(
            mean_squared_error(truth, said), rel=1e-3
        )
        assert metrics[f"{name}_r2"] == pytest.approx(r2_score(truth, said), rel=1e-3)
        assert metrics[f"{name}_absolute_error"] == pytest.approx(
            mean_absolute_error(truth, said), rel=1e-3
        )
    assert 0.3 < metrics["test_r2"] < 0.6, "as on this data set it must be"
    assert not {"test_accuracy", "test_loss", "test_calibration_error"} & set(metrics)


@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_scores_are_those_of_scikit_learn_batch_by_batch(offset: float) -> None:
    drawn = np.random.default_rng(3)
    truth = drawn.normal(size=(103, 2)) * (1, 5) + offset
    said = truth + drawn.normal(size=truth.shape)
    pairs = [
        (torch.from_numpy(said[at : at + 20]), torch.from_numpy(truth[at : at + 20]))
        for at in range(0, 103, 20)
    ]
    found = score(Regression(), pairs, CPU)
    assert found["squared_error"] == pytest.approx(mean_squared_error(truth, said), rel=1e-12)
    assert found["absolute_error"] == pytest.approx(mean_absolute_error(truth, said), rel=1e-12)
    assert found["r2"] == pytest.approx(r2_score(truth, said), rel=1e-9)


def test_each_score_has_metrics_with_its_direction() -> None:
    tasks = (Classification(), Regression(), Segmentation(), Sequence(), Generation(latent=2))
    named = {each.name for task in tasks for each in task.scores}
    assert named == set(BETTER)
    for name, better in BETTER.items():
        assert {METRICS[f"{part}_{name}"].better for part in PARTS} == {better}


def test_losses_of_quantities_are_torchs() -> None:
    drawn = torch.Generator().manual_seed(0)
    said, truth = (torch.randn(40, 3, generator=drawn, dtype=torch.float64) for _ in range(2))
    net: Any = nn.Identity()
    for own, theirs in (
        (SquaredLoss(), nn.MSELoss()),
        (AbsoluteLoss(), nn.L1Loss()),
        (Huber(0.4), nn.HuberLoss(delta=0.4)),
    ):
        assert own(net, Batch(said, truth)).item() == pytest.approx(
            theirs(said, truth).item(), rel=1e-12
        )


def test_where_a_quantity_never_varies_r2_is_missing_and_the_rest_is_there() -> None:
    data = arrays(X, np.full(len(X), 7.0), "constant")
    training = replace(LEAST_SQUARES, data=data, epochs=2)
    metrics = train(training, 0, CPU).metrics
    assert not {"test_r2", "validation_r2", "train_r2"} & set(metrics)
    assert metrics["test_squared_error"] < 1


def test_stopping_by_a_score_that_is_never_a_number_keeps_a_later_one() -> None:
    stopping = EarlyStopping(patience=2, metric="validation_r2")
    assert stopping.best([float("nan"), 0.1, 0.3, float("nan")]) == 2


def test_several_quantities_of_different_size_are_learnt_alike() -> None:
    both = np.stack([Y, 1000 - Y / 500], axis=1)
    training = replace(LEAST_SQUARES, data=arrays(X, both, "two"))
    metrics = train(training, 0, CPU).metrics
    one = train(LEAST_SQUARES, 0, CPU).metrics
    assert metrics["test_r2"] == pytest.approx(one["test_r2"], rel=1e-3)


def test_stopping_by_a_score_of_the_task() -> None:
    stopping = EarlyStopping(patience=3, metric="validation_r2")
    training = replace(LEAST_SQUARES, stopping=stopping, epochs=400)
    result = train(training, 0, CPU)
    curve = result.curves["validation_r2"]
    assert len(curve) < 400
    assert result.metrics["validation_r2"] == max(curve)


# ---- what is refused


def refused(make: Any) -> str:
    with pytest.raises(HarnessError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def outcome(training: Training, **more: Any) -> str:
    (error,) = train_together([Request(training, 0, **more)], CPU, PLAIN)
    assert isinstance(error, HarnessError)
    return str(error)


def test_targets_that_do_not_fit_the_task_are_told() -> None:
    classes = replace(LEAST_SQUARES, task=Classification(), loss=CrossEntropy())
    assert "must have classes as targets, whole numbers; got 1 measured quantity" in outcome(
        classes
    )
    quantities = Training(
        digits(), MLP(hidden=(4,)), SGD(lr=0.1), 32, 1, loss=SquaredLoss(), task=Regression()
    )
    assert "must have measured quantities as targets, floating point; got 10 classes" in outcome(
        quantities
    )


def test_a_loss_made_for_other_targets_is_told() -> None:
    text = refused(lambda: replace(LEAST_SQUARES, loss=CrossEntropy()))
    assert (
        "must be made for its task, Regression; got CrossEntropy, which is made for classes" in text
    )
    text = refused(lambda: replace(LEAST_SQUARES, task=Classification()))
    assert "got SquaredLoss, which is made for quantities" in text


def test_stopping_by_a_score_of_another_task_is_told() -> None:
    text = refused(lambda: replace(LEAST_SQUARES, stopping=EarlyStopping(patience=2)))
    assert "must be a score of Regression: validation_squared_error" in text


@pytest.mark.parametrize("measure", [Calibration(), Sharpness()])
def test_a_measure_of_classes_is_refused_where_there_are_none(measure: Any) -> None:
    text = outcome(replace(LEAST_SQUARES, epochs=1), measures=(measure,))
    assert f"{type(measure).__name__} must be asked of a Training that learns classes" in text


@dataclass(frozen=True)
class Wide:
    """A network that puts out one number too many."""

    def build(self, shape: tuple[int, ...], quantities: int) -> nn.Module:
        return nn.Linear(shape[0], quantities + 1)


def test_a_network_of_the_wrong_width_is_told() -> None:
    text = outcome(replace(LEAST_SQUARES, model=Wide()))
    assert "must give one number for the one measured quantity, (2, 1) for two inputs" in text


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (np.where(np.arange(442) == 3, np.nan, Y), "must be finite; got 1 values"),
        (np.ones((442, 0)), "must have a quantity at least"),
        (1e9 + Y / 1000, "must be numbers that float32 can tell apart"),
        (1e6 + Y / 1000, "must be numbers that float32 can tell apart"),
        (np.where(Y > 100, 3e38, -3e38), "must be numbers that float32 can tell apart"),
        (Y.astype(int) + 7, "Measured quantities are floating point: targets.astype(float)."),
        (np.ones((442, 2, 2)), "must be whole numbers, [n], or measured quantities"),
        (Y[:100], "must be equally many"),
    ],
)
def test_quantities_that_cannot_be_learnt_are_told(targets: Any, said: str) -> None:
    assert said in refused(lambda: arrays(X, targets, "bad"))


def test_too_few_examples_to_split_are_told() -> None:
    assert "must be those of at least 5 examples; got 3" in refused(
        lambda: arrays(X[:3], Y[:3], "n")
    )
    data = arrays(X[:8], Y[:8], "few", test=8)
    assert "Arrays(test=...) must be 1 to 7, as 8 examples are there" in refused(
        lambda: data.splits(0)
    )


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (nn.MSELoss(), "got MSELoss of torch.nn.modules.loss"),
        (nn.functional.mse_loss, "got mse_loss of torch.nn.functional"),
        (SquaredLoss, "Write loss=SquaredLoss(), with the parentheses"),
    ],
)
def test_what_is_no_loss_of_the_harness_is_told(loss: Any, said: str) -> None:
    assert said in refused(lambda: replace(LEAST_SQUARES, loss=loss))


@dataclass(frozen=True)
class ByExample:
    """A loss that forgets to take the mean."""

    def __call__(self, net: Any, batch: Batch) -> torch.Tensor:
        return (net(batch.inputs) - batch.targets).square().mean(dim=1)


def test_a_loss_that_gives_no_single_number_is_told() -> None:
    text = outcome(replace(LEAST_SQUARES, loss=ByExample(), epochs=1))
    assert "ByExample must return one number, a tensor of no dimensions; got shape (" in text


def test_test_targets_of_another_kind_are_told() -> None:
    text = refused(lambda: arrays(X, Y, "mixed", test=(X, (Y > 100).astype(int))))
    assert "got classes for testing and 1 measured quantity for training" in text


# ---- in a study

STUDY = '''
"""Does a hidden layer help on diabetes?"""
from sklearn.datasets import load_diabetes
from harness import Factor, Higher, Regression, Scale, SquaredLoss, Study, Training
from harness.data import arrays
from harness.models import MLP
from harness.optim import AdamW

DATA = arrays(*load_diabetes(return_X_y=True), "diabetes")

def build(scale, width):
    return Training(
        data=DATA, model=MLP(hidden=(width,)), optimizer=AdamW(lr=0.01), batch_size=32,
        epochs=scale.epochs, task=Regression(), loss=SquaredLoss(),
    )

study = Study(
    name="diabetes", question="Does a wide layer help?", build=build,
    factors=(Factor("width", (2, 32)),), objective="OBJECTIVE",
    scales={"quick": Scale(epochs=3, seeds=3)},
    claims=(Higher("A narrow one errs more.", metric="METRIC", by=50.0,
                   higher={"width": 2}, lower={"width": 32}),),
)
'''


def written(folder: Path, metric: str, objective: str = "validation_squared_error") -> Path:
    file = folder / "diabetes.py"
    file.write_text(STUDY.replace("METRIC", metric).replace("OBJECTIVE", objective))
    return file


def test_a_score_that_is_no_number_ends_no_study(tmp_path: Path) -> None:
    file = written(tmp_path, "test_squared_error")
    rare = "(lambda x, y: (x, (y > 340) * 1.0))"
    text = file.read_text().replace("*load", f"*{rare}(*load").replace('=True), "d', '=True)), "d')
    file.write_text(text)
    assert execute(["run", str(file), "--no-profile", "--out", str(tmp_path / "runs")]) == 0
    records = (tmp_path / "runs/diabetes-quick/records.csv").read_text()
    assert "inf" not in records


def test_a_study_of_a_regression_runs_is_judged_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "test_squared_error")
    assert execute(["run", str(file), "--no-profile", "--out", str(tmp_path / "runs")]) == 0
    html = (tmp_path / "runs" / "diabetes-quick" / "report.html").read_text(encoding="utf-8")
    assert "Test squared error" in html
    assert "Test accuracy" not in html
    assert "accuracy" not in (tmp_path / "runs/diabetes-quick/records.csv").read_text()
    capsys.readouterr()
    assert execute(["plan", str(file), "--out", str(tmp_path / "runs")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "442 rows of 10 features (float32), 1 measured quantity" in told


@pytest.mark.parametrize(
    ("metric", "objective", "named"),
    [
        ("test_accuracy", "validation_squared_error", "test_accuracy"),
        ("test_r2", "validation_loss", "validation_loss"),
        ("generalisation_gap", "validation_squared_error", "generalisation_gap"),
        ("train_loss", "validation_squared_error", "train_loss"),
    ],
)
def test_a_metric_that_the_task_does_not_give_is_told_before_training(
    tmp_path: Path, metric: str, objective: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, metric, objective)
    file.write_text(file.read_text().replace("by=50.0", "by=0.5"))
    assert execute(["run", str(file), "--no-profile", "--out", str(tmp_path / "runs")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "learns Regression, whose scores are squared_error, absolute_error, r2" in said
    assert repr(named) in said
