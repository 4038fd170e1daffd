"""Early stopping: which epoch was best, when training ends, and what weights are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from harness.augment import Shift
from harness.data import digits
from harness.engines.modes import Mode
from harness.messages.errors import HarnessError
from harness.models import MLP, ConvNet
from harness.optim import SGD, Adam
from harness.stopping import Bound, EarlyStopping, Pruning
from harness.trainer.train import DivergedError, Request, TrainingResult, train, train_together
from harness.training import Training

CPU = torch.device("cpu")
# Few examples and a high rate: the validation loss soon rises again.
BASE = Training(
    data=digits(train=60, validation=60, test=60),
    model=MLP(hidden=(32,), dropout=0.2),
    optimizer=SGD(lr=0.5),
    batch_size=10,
    epochs=30,
)
# batch normalisation has buffers to be put back, Adam a state that is not
BUFFERED = replace(
    BASE, model=ConvNet(depth=8, width=4), optimizer=Adam(lr=0.03), augment=(Shift(0.2),), epochs=30
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def best_of(curve: list[float], stopping: EarlyStopping) -> int:
    sign = -1 if stopping.metric == "validation_loss" else 1
    return max(range(len(curve)), key=lambda epoch: (sign * curve[epoch], -epoch))


# ---- which epoch is best


@pytest.mark.parametrize(
    ("curve", "by", "wanted"),
    [
        ([1.0], 0.0, 0),
        ([3.0, 2.0, 1.0], 0.0, 2),
        ([1.0, 2.0, 3.0], 0.0, 0),
        ([2.0, 1.0, 1.0], 0.0, 1),  # as good is not better
        ([2.0, 1.0, 3.0, 0.5], 0.0, 3),
        ([2.0, 1.9, 1.8, 1.4], 0.5, 3),  # against the last that counted, not the one before
        ([2.0, 1.75, 1.5], 0.5, 0),  # by 0.5 is not more than 0.5
        ([2.0, 1.0, 0.8, 0.3], 0.5, 3),
        ([2.0, 1.0, 0.8, 0.6], 0.5, 1),
    ],
)
def test_best_by_hand(curve, by, wanted):
    assert EarlyStopping(2, by=by).best(curve) == wanted
    upside_down = [4 - each for each in curve]
    assert EarlyStopping(2, "validation_accuracy", by).best(upside_down) == wanted


def test_losses_fall_and_accuracies_rise():
    assert EarlyStopping(1).best([0.1, 0.2]) == 0
    assert EarlyStopping(1, metric="validation_accuracy").best([0.1, 0.2]) == 1


# ---- training


@pytest.mark.parametrize(
    ("training", "stopping"),
    [
        (BASE, EarlyStopping(patience=2)),
        (BASE, EarlyStopping(patience=5)),
        (BASE, EarlyStopping(patience=3, metric="validation_accuracy")),
        (BUFFERED, EarlyStopping(patience=2)),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_result_is_that_of_a_run_of_just_the_best_number_of_epochs(training, stopping, seed):
    """With a constant rate: a schedule is laid over the epochs that were planned."""
    seen = train(replace(training, stopping=stopping), seed, CPU)
    curve = seen.curves[stopping.metric]
    best = best_of(curve, stopping)
    assert 0 < best < len(curve) - 1 < training.epochs - 1
    assert len(curve) - 1 - best == stopping.patience
    short = train(replace(training, epochs=best + 1), seed, CPU)
    assert seen.metrics == short.metrics
    assert seen.curves != short.curves
    assert {name: values[: best + 1] for name, values in seen.curves.items()} == short.curves
    assert seen.metrics["validation_loss"] == seen.curves["validation_loss"][best]
    assert seen.metrics["validation_accuracy"] == seen.curves["validation_accuracy"][best]
    # what was computed counts, not what was kept
    assert seen.steps == len(curve) * (60 // training.batch_size)
    assert seen.samples == seen.steps * training.batch_size


def test_all_curves_end_together_and_follow_the_run_that_goes_on():
    whole = train(BASE, 0, CPU)
    seen = train(replace(BASE, stopping=EarlyStopping(patience=4)), 0, CPU)
    length = len(seen.curves["train_loss"])
    assert {len(curve) for curve in seen.curves.values()} == {length}
    assert length < BASE.epochs
    assert seen.curves == {name: curve[:length] for name, curve in whole.curves.items()}
    assert seen.metrics != whole.metrics


def test_more_patience_trains_longer_and_finds_nothing_worse():
    outcomes = [
        train(replace(BASE, stopping=EarlyStopping(patience=patience)), 0, CPU)
        for patience in (1, 2, 4, 8)
    ]
    lengths = [len(each.curves["train_loss"]) for each in outcomes]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]
    losses = [each.metrics["validation_loss"] for each in outcomes]
    assert losses == sorted(losses, reverse=True)


def test_the_best_weights_are_kept_where_the_last_epoch_is_reached_too():
    patient = replace(BASE, stopping=EarlyStopping(patience=BASE.epochs))
    seen = train(patient, 0, CPU)
    curve = seen.curves["validation_loss"]
    assert len(curve) == BASE.epochs
    best = best_of(curve, patient.stopping)
    assert best < BASE.epochs - 1
    assert seen.metrics == train(replace(BASE, epochs=best + 1), 0, CPU).metrics


def test_a_trial_that_improves_to_the_end_ends_as_without_stopping():
    slow = replace(BASE, optimizer=SGD(lr=0.01), epochs=5)
    stopping = train(replace(slow, stopping=EarlyStopping(patience=1)), 0, CPU)
    assert (stopping.metrics, stopping.curves) == (
        train(slow, 0, CPU).metrics,
        train(slow, 0, CPU).curves,
    )


def test_an_improvement_must_be_as_large_as_asked():
    fine, coarse = (
        train(replace(BASE, stopping=EarlyStopping(patience=2, by=by)), 0, CPU) for by in (0.0, 0.2)
    )
    assert len(coarse.curves["train_loss"]) < len(fine.curves["train_loss"])
    # nothing improves by so much: the first epoch is kept, after `patience` more of them
    none = train(replace(BASE, stopping=EarlyStopping(patience=2, by=100.0)), 0, CPU)
    assert len(none.curves["train_loss"]) == 3
    assert none.metrics == train(replace(BASE, epochs=1), 0, CPU).metrics


def test_tuning_stops_at_the_same_epoch():
    training = replace(BASE, stopping=EarlyStopping(patience=2))
    whole, part = train(training, 0, CPU), train(training, 0, CPU, test=False)
    assert part.curves == whole.curves
    assert part.metrics.items() <= whole.metrics.items()


def test_the_network_that_is_returned_is_the_best_one():
    stopping = EarlyStopping(patience=2)
    request = Request(replace(BUFFERED, stopping=stopping), 0, keep=True)
    (seen,) = train_together([request], CPU, Mode())
    assert isinstance(seen, TrainingResult)
    epochs = best_of(seen.curves["validation_loss"], stopping) + 1
    again = Request(replace(BUFFERED, epochs=epochs), 0, keep=True)
    (short,) = train_together([again], CPU, Mode())
    assert isinstance(short, TrainingResult)
    assert seen.learnt is not None
    assert short.learnt is not None
    # the keys of dropout and augmentation are those of a step, and no state of the network
    assert len([name for name in seen.learnt if "running" in name]) == 2 * 7
    assert seen.learnt.keys() == short.learnt.keys()
    for name, each in seen.learnt.items():
        assert torch.equal(each, short.learnt[name]), name


def test_divergence_is_no_reason_to_fall_back_on_an_earlier_epoch():
    wild = replace(BASE, optimizer=SGD(lr=1e30), stopping=EarlyStopping(patience=10))
    with pytest.raises(DivergedError, match="loss"):
        train(wild, 0, CPU)


# ---- bad input


@pytest.mark.parametrize("patience", [0, -1, 1.5, math.nan, "3", None, True])
def test_bad_patience(patience):
    with pytest.raises(HarnessError) as caught:
        EarlyStopping(patience)
    text = str(caught.value)
    assert text.startswith("EarlyStopping(patience=...) must be a whole number of at least 1; got")
    assert repr(patience) in text
    assert "\n" not in text


@pytest.mark.parametrize("metric", ["train_loss", "test_loss", "", None, 3])
def test_bad_metrics(metric):
    with pytest.raises(
        HarnessError, match=r"must be 'validation_loss', 'validation_accuracy', .*; got"
    ):
        EarlyStopping(3, metric=metric)


@pytest.mark.parametrize("by", [-0.1, math.nan, math.inf, "0.1", None, True])
def test_bad_improvements(by):
    with pytest.raises(HarnessError, match=r"EarlyStopping\(by=...\) must be at least 0"):
        EarlyStopping(3, by=by)


def test_a_training_wants_the_real_thing():
    with pytest.raises(HarnessError, match=r"Training\(stopping=...\) must be an EarlyStopping"):
        replace(BASE, stopping=3)


# ---- ended early beside others


def _always(point: int) -> Pruning:
    """Return what ends every trial at a point of its curve: no loss is below 0."""
    return Pruning("validation_loss", "lower", (Bound(point, 0.0),))


@pytest.mark.parametrize("mode", ["plain", "fused"])
def test_what_is_ended_early_leaves_and_the_others_stay_as_they_were(mode):
    how = Mode(mode, 4 if mode == "fused" else 1)
    trainings = [replace(BASE, optimizer=SGD(lr=lr), epochs=6) for lr in (0.01, 0.05, 0.1, 0.2)]
    whole = train_together([Request(each, 0) for each in trainings], CPU, how)
    requests = [
        Request(each, 0, pruning=_always(2) if place % 2 else None)
        for place, each in enumerate(trainings)
    ]
    pruned = train_together(requests, CPU, how)
    for place, (one, other) in enumerate(zip(whole, pruned, strict=True)):
        assert isinstance(one, TrainingResult)
        assert isinstance(other, TrainingResult)
        assert one.mode.kind == other.mode.kind == mode
        if place % 2:
            assert other.pruned
            assert other.curves["validation_loss"] == one.curves["validation_loss"][:2]
            for name in ("validation_loss", "validation_accuracy"):
                assert other.metrics[name] == one.curves[name][1]
            assert "test_loss" not in other.metrics
            assert other.steps == one.steps // 3
        else:
            assert not other.pruned
            assert other.curves == one.curves
            assert other.metrics == one.metrics


def test_what_has_come_to_its_end_is_not_ended_early():
    (result,) = train_together(
        [Request(replace(BASE, epochs=3), 0, pruning=_always(3))], CPU, Mode()
    )
    assert isinstance(result, TrainingResult)
    assert not result.pruned
    assert "test_loss" in result.metrics


def test_what_diverges_has_failed_and_was_not_ended_early():
    hot = replace(BASE, optimizer=SGD(lr=1e18), epochs=6)
    (result,) = train_together([Request(hot, 0, pruning=_always(1))], CPU, Mode())
    assert isinstance(result, DivergedError)
