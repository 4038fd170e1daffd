"""Training: from a Training and a seed to metrics and curves, in whatever mode.

Epochs, validation, early stopping, divergence and measures are the same for all modes; how an epoch
is trained is the engine's: :mod:`harness.engines.kinds` lists them, and
:mod:`harness.engines.plain` says what a trial means.
"""

from __future__ import annotations

import gc
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from harness.engines.evaluate import score
from harness.engines.kinds import Engine
from harness.engines.modes import PLAIN, Mode
from harness.engines.network import Learnt, Snapshot, global_generators
from harness.engines.prepared import Member, make_ready
from harness.measures.always import check_measures, default_measures
from harness.messages.calm import calm
from harness.randomness.streams import torch_seed
from harness.stopping import Pruning
from harness.trained import Measure, Trained, When
from harness.trainer.failures import DivergedError, out_of_memory, reason
from harness.training import Training


@dataclass(frozen=True)
class Request:
    """One trial to train.

    Attributes:
        training: what to train.
        seed: what everything random in it is drawn from.
        measures: what to measure on it, beside what always is.
        test: whether to look at training and test images at the end, and take what is always
            measured then; from a trial that only helps to choose a setting test images are hidden.
        given: what the networks have learnt that it needs, by name; one that is missing is
            trained first.
        keep: whether to return what the network has learnt.
        pruning: what ends it early; ``None`` for nothing.
    """

    training: Training
    seed: int
    measures: tuple[Measure, ...] = ()
    test: bool = True
    given: Mapping[str, Learnt] = field(default_factory=dict)
    keep: bool = False
    pruning: Pruning | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What one training gave; its outcome is made of it where it is run (`harness.trials.outcome`).

    Attributes:
        metrics: final values by metric name (see :mod:`harness.study.metrics`).
        curves: a value per epoch: ``train_loss`` is the mean over the epoch's batches while
            they are trained on, of the first update where there are several; the task's scores on
            the validation examples follow the epoch.
        seconds: wall time of training and of measuring the result, without loading the data and
            building the network, shared evenly among the trials that trained together.
        steps: training steps taken.
        samples: training samples seen.
        layers: values by layer, by metric name.
        mode: how it was trained.
        note: why it was not trained as asked; empty where it was.
        learnt: what the network has learnt, where it was asked for.
        pruned: whether it was ended early; its metrics are those of validation after that epoch.
    """

    metrics: dict[str, float]
    curves: dict[str, list[float]]
    seconds: float
    steps: int
    samples: int
    layers: dict[str, list[float]] = field(default_factory=dict)
    mode: Mode = PLAIN
    note: str = ""
    learnt: Learnt | None = None
    pruned: bool = False


Tell = Callable[[Sequence[Request], int, float], None]
"""``(requests, epoch, loss)``, called after each epoch, from 1 on, of trials that train together:
those of them that have not ended, and the mean of their losses."""


def set_up(device: torch.device) -> None:
    """Make torch give the same bits every time on this machine, as far as the device allows."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


def make_engine(mode: Mode, members: Sequence[Member]) -> Engine:
    """Return what trains these trials in a mode; their layout is their own.

    Raises:
        NotFusableError: they cannot train together.
    """
    return mode.engine.make(members, mode.models)


def train(
    training: Training,
    seed: int,
    device: torch.device,
    *,
    test: bool = True,
    measures: tuple[Measure, ...] = (),
) -> TrainingResult:
    """Train once, in the plain loop, and measure the result.

    Args:
        training: what to train.
        seed: what everything random in it is drawn from.
        device: where to train.
        test: see :class:`Request`.
        measures: what to measure beside what always is.

    Raises:
        DivergedError: the loss stopped being finite.
        HarnessError: the Training cannot be trained.
    """
    (result,) = train_together([Request(training, seed, measures, test)], device, PLAIN)
    if isinstance(result, Exception):
        raise result
    return result


@calm()
def train_together(
    requests: Sequence[Request], device: torch.device, mode: Mode, tell: Tell | None = None
) -> list[TrainingResult | Exception]:
    """Train trials of one program.

    Where they cannot be trained as asked, the next slower mode is taken, and each outcome's note
    says why; where memory does not suffice for all at once, halves follow one another.

    Args:
        requests: the trials.
        device: where to train.
        mode: how; one by one if plain.
        tell: is told how far they are.

    Returns:
        For each request its outcome, or the exception that ended it.
    """
    if len(requests) > 1 and not mode.engine.together:
        return [each for one in requests for each in train_together([one], device, mode, tell)]
    if len(requests) > mode.models:
        parts = [requests[: mode.models], requests[mode.models :]]
        return [each for part in parts for each in train_together(part, device, mode, tell)]
    set_up(device)
    try:
        return _cohort(requests, device, mode, tell)
    except Exception as error:  # whatever a network raises, alone or under vmap
        if mode.slower is None:
            traceback.clear_frames(error.__traceback__)  # or they keep the trial in memory
            return [error]
        why = reason(error)
        short = out_of_memory(error)
    # the traceback is gone by now, and with it what it kept alive
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if short and len(requests) > 1:
        half = replace(mode, models=(min(mode.models, len(requests)) + 1) // 2)
        return _noted(train_together(requests, device, half, tell), f"out of memory with {mode}")
    slower = train_together(requests, device, mode.slower, tell)
    return _noted(slower, f"not {mode.kind}: {why}")


def _noted(
    results: list[TrainingResult | Exception], note: str
) -> list[TrainingResult | Exception]:
    return [
        each if isinstance(each, Exception) else replace(each, note=each.note or note)
        for each in results
    ]


class _Trial:
    """What is known of one trial while it trains."""

    def __init__(self, request: Request, member: Member) -> None:
        self.request = request
        self.member = member
        self.metrics: dict[str, float] = {}
        self.layers: dict[str, list[float]] = {}
        self._validated = [f"validation_{each.name}" for each in member.training.task.scores]
        self.curves: dict[str, list[float]] = {n: [] for n in ("train_loss", *self._validated)}
        self.best: Snapshot | None = None
        self.error: Exception | None = None
        self.pruned = False

    def after_epoch(self, losses: Sequence[float], validation: Mapping[str, float]) -> None:
        """Write down an epoch: each update's mean loss, and scores by name."""
        epoch = len(self.curves["train_loss"]) + 1
        updates = self.member.training.every_update
        told = {f"training loss{each.of} in epoch {epoch}": loss
                for each, loss in zip(updates, losses, strict=True)}  # fmt: skip
        first, said = next(iter(validation.items()))
        for what, value in {**told, f"validation {first} after epoch {epoch}": said}.items():
            if self.error is None and not math.isfinite(value):
                self.error = DivergedError(f"diverged: {what} is {value}")
        self.curves["train_loss"].append(losses[0])
        for name, value in validation.items():
            self.curves[f"validation_{name}"].append(value)

    def has_ended(self) -> bool:
        """Whether it has diverged, or is ended early because it does badly beside others."""
        pruning, epochs = self.request.pruning, self.member.training.epochs
        if self.error is None and pruning is not None:
            curve = self.curves[pruning.metric]
            self.pruned = len(curve) < epochs and pruning.ends(curve)
        return self.error is not None or self.pruned

    def measure(self, when: When, trained: Trained) -> None:
        """Take the measures of one moment, which shares what it computes among them."""
        always = default_measures(self.member.training)
        taken = always if when == "start" or self.request.test else ()
        chosen = [each for each in (*taken, *self.request.measures) if each.when == when]
        if not chosen:
            return
        seed = torch_seed(self.member.seed, f"measures {when}")
        with global_generators(seed, self.member.device):
            for each in chosen:
                for name, value in each(trained).items():
                    if not isinstance(value, int | float):
                        self.layers[name] = [float(one) for one in value]
                    elif each in always or math.isfinite(value):
                        self._take(name, float(value))
                    # else it is missing: a ratio without a denominator, say, is no failure

    def finish(self) -> None:
        """Measure the trained network; of one that was ended early, what is known."""
        stopping = None if self.pruned else self.member.training.stopping
        self._validate(stopping.best(self.curves[stopping.metric]) if stopping else -1)
        if self.pruned:
            return
        trained = Trained(self.member, self.curves)
        for part in ("train", "test") if self.request.test else ():
            # networks may draw from a global generator in evaluation, too
            with global_generators(torch_seed(self.member.seed, part), self.member.device):
                outputs = trained.test_outputs if part == "test" else trained.outputs(part)
                scores = score(self.member.training.task, outputs, self.member.device)
            first, *others = scores
            self._take(f"{part}_{first}", scores[first], f"{part} {first} at the end")
            self.metrics |= {f"{part}_{n}": scores[n] for n in others if math.isfinite(scores[n])}
        if self.request.test and "test_loss" in self.metrics:
            gap = self.metrics["test_loss"] - self.metrics["train_loss"]
            self.metrics["generalisation_gap"] = gap
        self.measure("end", trained)

    def _validate(self, at: int) -> None:
        """Take the scores of one epoch; one that is no number, such as a ratio to 0, is missing."""
        for name in self._validated:
            if math.isfinite(value := self.curves[name][at]):
                self.metrics[name] = value

    def _take(self, name: str, value: float, what: str = "") -> None:
        if not math.isfinite(value):
            raise DivergedError(f"diverged: {what or name} is {value}")
        self.metrics[name] = value


def _cohort(
    requests: Sequence[Request], device: torch.device, mode: Mode, tell: Tell | None
) -> list[TrainingResult | Exception]:
    """Train trials at the same time, in exactly this mode."""
    begun: list[_Trial | Exception] = []
    for request in requests:
        try:
            begun.append(_begin(request, device, mode))
        except Exception as error:  # of this trial; its neighbours go on
            if out_of_memory(error):
                raise
            begun.append(error)
    trials = [each for each in begun if isinstance(each, _Trial)]
    started = time.perf_counter()
    if trials:
        engine = make_engine(mode, [trial.member for trial in trials])
        engine.start()
        try:
            _epochs(engine, trials, tell)
        finally:
            engine.stop()
    for trial in trials:
        if trial.error is None:
            try:
                trial.finish()
            except Exception as error:
                if out_of_memory(error):
                    raise
                trial.error = error
    seconds = (time.perf_counter() - started) / max(len(trials), 1)
    done = mode.of(len(trials))
    return [
        each if isinstance(each, Exception) else _outcome(each, seconds, done) for each in begun
    ]


def _begin(request: Request, device: torch.device, mode: Mode) -> _Trial:
    """Make a trial ready and measure its untrained network."""
    check_measures(request.measures, request.training)
    training, seed, given = request.training, request.seed, dict(request.given)
    for name, need in training.needs().items():
        if name not in given:
            given[name] = train_need(need, training.seed_of_need(name, seed), device)
    member = make_ready(training, seed, device, given)
    if not request.test:
        member = replace(member, splits=member.splits.without_test)
    member = member.laid_out(channels_last=mode.channels_last)
    trial = _Trial(request, member)
    trial.measure("start", Trained(member))
    return trial


def train_need(training: Training, seed: int, device: torch.device) -> Learnt:
    """Train what another one needs, and return what its network has learnt.

    Raises:
        DivergedError: its loss stopped being finite.
        HarnessError: it cannot be trained.
    """
    request = Request(training, seed, test=False, keep=True)
    (result,) = train_together([request], device, PLAIN)
    if isinstance(result, Exception):
        raise result
    assert result.learnt is not None
    return result.learnt


def _epochs(engine: Engine, trials: Sequence[_Trial], tell: Tell | None) -> None:
    """Train until every trial has ended: by the last epoch, by stopping early, by diverging."""
    live = list(trials)
    for epoch in range(trials[0].member.training.epochs):
        losses, validation = engine.epoch(epoch), engine.validate()
        for trial, of_updates, scores in zip(live, losses, validation, strict=True):
            trial.after_epoch(of_updates, scores)
        if tell is not None:
            first = [of_updates[0] for of_updates in losses]
            tell([trial.request for trial in live], epoch + 1, sum(first) / len(first))
        left = []
        for position, trial in enumerate(live):
            if not trial.has_ended() and not _stops(engine, position, trial, epoch):
                left.append(position)
        if len(left) < len(live):
            live = [live[position] for position in left]
            if not live:
                break
            engine.keep(left)
    for position, trial in enumerate(live):
        engine.unload(position)
        _restore(trial)


def _stops(engine: Engine, position: int, trial: _Trial, epoch: int) -> bool:
    """Keep the weights of a best epoch; tell whether a trial stops here."""
    stopping = trial.member.training.stopping
    if stopping is None:
        return False
    best = stopping.best(trial.curves[stopping.metric])
    if best == epoch:
        (trial.best,) = engine.save([position])
    if epoch - best < stopping.patience:
        return False
    _restore(trial)
    return True


def _restore(trial: _Trial) -> None:
    if trial.best is not None:
        trial.member.network.load(trial.best.vector, trial.best.held)


def _outcome(trial: _Trial, seconds: float, mode: Mode) -> TrainingResult | Exception:
    if trial.error is not None:
        return trial.error
    steps = len(trial.curves["train_loss"]) * trial.member.steps
    learnt = trial.member.network.learnt() if trial.request.keep else None
    return TrainingResult(
        trial.metrics,
        trial.curves,
        seconds,
        steps,
        steps * trial.member.training.step_size,
        trial.layers,
        mode,
        learnt=learnt,
        pruned=trial.pruned,
    )
