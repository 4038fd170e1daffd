"""Warnings of libraries are no failures, and decide nothing: here every warning is an error."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from harness import Training
from harness.cost.calibrate import calibrate
from harness.cost.measure import measure, step_seconds
from harness.data import digits
from harness.engines.modes import PLAIN, Mode
from harness.messages.calm import calm
from harness.models import MLP
from harness.optim import SGD
from harness.running.jobs import TrainJob
from harness.running.named import Named
from harness.running.workers import InProcess
from harness.storing.artifacts import FolderOfArtifacts
from harness.trainer.train import Request, TrainingResult, train_together
from tests import tiny_study

CPU = torch.device("cpu")
TRAINING = Training(digits(train=60, validation=30, test=30), MLP(hidden=(4,)), SGD(lr=0.1), 30, 1)


@pytest.fixture(autouse=True)
def _errors() -> Iterator[None]:
    """Make every warning an error, and print none that is not."""
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("error")
        yield


def warning(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that says first that it will change one day."""

    def warned(*words: Any, **more: Any) -> Any:
        warnings.warn("this will change", DeprecationWarning, stacklevel=2)
        warnings.warn("and that, too", UserWarning, stacklevel=1)
        return function(*words, **more)

    return warned


def test_these_tests_would_notice() -> None:
    with pytest.raises(DeprecationWarning):
        warning(int)()
    with calm():
        assert warning(int)() == 0
    with pytest.raises(DeprecationWarning):
        warning(int)()


def test_warnings_that_are_no_errors_are_left_alone() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore")
        with calm():
            warning(int)()
        with calm(silent=True):
            warning(int)()
    assert not seen


def test_a_warning_while_compiling_leaves_the_mode(monkeypatch) -> None:
    monkeypatch.setattr(torch, "compile", warning(lambda step, **_: step))
    (outcome,) = train_together([Request(TRAINING, 0)], CPU, Mode("compiled", 1))
    assert isinstance(outcome, TrainingResult)
    assert (outcome.mode.kind, outcome.note) == ("compiled", "")


def test_a_warning_of_an_operation_leaves_the_mode(monkeypatch) -> None:
    from harness.engines.called import Called

    monkeypatch.setattr(Called, "__call__", warning(Called.__call__))
    outcomes = train_together([Request(TRAINING, 0), Request(TRAINING, 1)], CPU, Mode("fused", 2))
    assert [(each.mode.kind, each.note) for each in outcomes] == [("fused", "")] * 2
    (plain,) = train_together([Request(TRAINING, 0)], CPU, PLAIN)
    assert isinstance(plain, TrainingResult)


def test_a_warning_while_modes_are_measured_rules_none_out(monkeypatch) -> None:
    monkeypatch.setattr(torch, "compile", warning(lambda step, **_: step))
    choice = calibrate(TRAINING, CPU, 2, kinds=("compiled",))
    assert choice.mode.kind == "compiled"
    assert choice.note == ""


def test_a_warning_of_the_profiler_loses_no_profile(monkeypatch) -> None:
    monkeypatch.setattr(torch.profiler, "profile", warning(torch.profiler.profile))
    for _ in range(2):  # torch 2.11 warns at its second use
        assert measure(TRAINING, CPU, seconds=0.01).peak_bytes > 0
    assert step_seconds(TRAINING, CPU, seconds=0.01) > 0


def test_a_warning_in_a_worker_is_no_failure_of_a_trial(monkeypatch, tmp_path) -> None:
    import harness.engines.prepared

    monkeypatch.setattr(
        harness.engines.prepared, "make_ready", warning(harness.engines.prepared.make_ready)
    )
    monkeypatch.setattr("harness.trainer.train.make_ready", harness.engines.prepared.make_ready)
    named = Named("quick", "width=4", 0, "evaluate", {"lr": 0.1})
    worker = InProcess(tiny_study.study, "cpu", FolderOfArtifacts(tmp_path), tmp_path)
    (result,) = worker.submit(TrainJob((named,))).result().outcomes
    assert result.reason == ""
    assert result.metrics["test_accuracy"] > 0


def test_warnings_of_what_draws_and_prints_spoil_no_report(monkeypatch) -> None:
    from matplotlib.figure import Figure

    from harness.reports import printing
    from harness.reports.figures.canvas import paint

    monkeypatch.setattr(Figure, "savefig", warning(Figure.savefig))
    assert paint((2, 1), lambda figure: None, alt="a", caption="b", title="c").svg
    weasyprint = pytest.importorskip("weasyprint", exc_type=(ImportError, OSError))

    monkeypatch.setattr(weasyprint.HTML, "render", warning(weasyprint.HTML.render))
    content, note = printing.render_pdf("<p>Text.</p>")
    assert note == ""
    assert content is not None
    assert content.startswith(b"%PDF")


def test_a_study_that_ends_the_program_while_it_trains_fails_its_trial_alone(
    monkeypatch, tmp_path
) -> None:
    def end(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("harness.trainer.train.make_ready", end)
    named = Named("quick", "width=4", 0, "evaluate", {"lr": 0.1})
    answer = (
        InProcess(tiny_study.study, "cpu", FolderOfArtifacts(tmp_path), tmp_path)
        .submit(TrainJob((named,)))
        .result()
    )
    assert answer.reason.startswith("SystemExit: 0 (test_calm.py:")
