"""Which mode trains the trials of a program fastest on this machine: measured, not assumed.

Before a program is run at length the modes that apply train a few steps each, side by side in one
process. What that may cost is bounded by a share of what the program's training is expected to
cost, so a mode that takes long to prepare (compiled code) is tried only where it can pay.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from harness.engines.fusable import NotFusableError
from harness.engines.fused import load_functorch
from harness.engines.kinds import ENGINES, Engine
from harness.engines.modes import KINDS, PLAIN, Choice, Kind, Mode, Timing
from harness.engines.network import global_generators
from harness.engines.prepared import Member, make_ready, untrained
from harness.messages.calm import calm
from harness.probe.memory import free_memory
from harness.randomness.streams import torch_seed
from harness.trainer.train import make_engine, set_up
from harness.training import Training

SHARE = 0.05
"""What calibration may take of the time that training is expected to take."""

COMPILE_SECONDS = 25.0
"""What compiling is expected to take before it has been tried."""

_LOADING_SECONDS = 1.0  # load_functorch, before it has been tried

_COUNTS = {"cpu": (8, 32), "cuda": (8, 32, 64)}
_LEAST_STEPS, _MOST_STEPS = 2, 30
_PLAIN_SECONDS = 0.02  # before anybody knows what training will take
_STEPS = _LEAST_STEPS + 1  # with the first, which warms up

# Of free memory: allocators waste some, and on a CPU others want theirs.
_CUDA_SHARE, _CPU_SHARE = 0.8, 0.5


def _is_loaded() -> bool:
    """Whether what ``vmap`` loads is there: most of it is torch's compiler, which forks have."""
    return bool(load_functorch.cache_info().currsize) or "torch._dynamo" in sys.modules


@dataclass(frozen=True)
class Bench:
    """What modes are measured with.

    Attributes:
        share: what measuring may take of the time that training is expected to take.
        clock: the seconds since some moment.
        engine: makes what trains in a mode.
        load: loads what ``vmap`` needs; returns the seconds that this took when it was first done.
        is_loaded: whether that is there.
    """

    share: float = SHARE
    clock: Callable[[], float] = time.perf_counter
    engine: Callable[[Mode, Sequence[Member]], Engine] = make_engine
    load: Callable[[], float] = load_functorch
    is_loaded: Callable[[], bool] = _is_loaded

    def time(self, mode: Mode, members: Sequence[Member], seconds: float) -> Timing:
        """Time some steps and one validation; what comes before the second step is preparation.

        Args:
            mode: how to train.
            members: whom.
            seconds: how long to go on beyond the two steps that are timed at least.
        """
        device = members[0].device
        members = [each.laid_out(channels_last=mode.channels_last) for each in members]
        started = self.clock()
        engine = self.engine(mode, members)
        engine.start()
        try:
            engine.epoch(0, 1)
            _wait(device)
            preparation = self.clock() - started
            step = self._fastest(engine, device, seconds)
            started = self.clock()
            engine.validate()
            _wait(device)
            validation = self.clock() - started
        finally:
            engine.stop()
        each = (step * members[0].steps + validation) / len(members)
        return Timing(mode, each, preparation if mode.engine.slow_to_prepare else 0.0)

    def _fastest(self, engine: Engine, device: torch.device, seconds: float) -> float:
        """Return the seconds of one step: the least of a few, as others disturb the rest."""
        taken: list[float] = []
        while len(taken) < _LEAST_STEPS or (sum(taken) < seconds and len(taken) < _MOST_STEPS):
            started = self.clock()
            engine.epoch(0, 1)
            _wait(device)
            taken.append(self.clock() - started)
        return min(taken)


BENCH = Bench()
"""How modes are measured, but in tests."""


@calm()
def calibrate(
    training: Training,
    device: torch.device,
    trials: int,
    *,
    workers: int = 1,
    kinds: Sequence[Kind] = KINDS,
    most: int | None = None,
    compiling: float = COMPILE_SECONDS,
    programs: int = 1,
    bench: Bench = BENCH,
) -> Choice:
    """Measure the modes that apply to a program, and choose.

    Args:
        training: one of the program's.
        device: where it will be trained.
        trials: how many trials are to be trained.
        workers: how many processes will share them.
        kinds: the modes to choose from; one alone is taken as it is, and measured all the same.
        most: models at a time that fit into memory, where that is known.
        compiling: seconds that compiling is expected to take.
        programs: how many programs are to be trained in the same processes.
        bench: what to measure with.

    Raises:
        HarnessError: the Training cannot be trained.
    """
    set_up(device)
    started = bench.clock()
    with global_generators(torch_seed(0, "calibration"), device):
        member = _member(training, device, 0)
        members = [member]
        plain = bench.time(PLAIN, [member], _PLAIN_SECONDS)
        expected = plain.seconds * training.epochs * trials / workers
        ends = started + bench.share * expected
        timings, notes = [plain], []
        for mode, cost in candidates(
            member, trials, workers, plain, most, forced=len(kinds) == 1, bench=bench
        ):
            if mode.kind not in (*kinds, PLAIN.kind):
                continue
            forced = tuple(kinds) == (mode.kind,)
            left = ends - bench.clock()
            if left < (compiling if cost is None else cost) and not forced:
                notes.append(f"{mode}: not tried, as measuring it would not pay")
                continue
            try:
                if mode.models > 1 and len(members) == 1:
                    members.append(_member(training, device, 1))
                # two trials show whether any can be fused; copies of them take as long as others
                together = [members[place % len(members)] for place in range(mode.models)]
                seconds = max(ends - bench.clock(), 0.0) / 10
                loading = bench.load() if mode.engine.loads else 0.0
                timings.append(replace(bench.time(mode, together, seconds), loading=loading))
                compiling = timings[-1].preparation or compiling
            except NotFusableError as error:
                notes.append(f"{mode}: {error}")
            except Exception as error:  # whatever torch says about an operation or a compiler
                line = str(error).strip().splitlines() or [""]
                notes.append(f"{mode}: {type(error).__name__}: {line[0]}"[:300])
            if device.type == "cuda":
                gc.collect()
                torch.cuda.empty_cache()
    able = [each for each in timings if each.mode.kind in kinds] or timings[:1]
    fastest = min(
        able, key=lambda each: whole_seconds(each, training.epochs, trials, workers, programs)
    )
    return Choice(
        fastest.mode,
        tuple(timings),
        "; ".join(dict.fromkeys(notes)),
        trials,
        bench.clock() - started,
    )


def most_at_once(
    device: torch.device, peak: int, workers: int, free: Callable[[], int | None] = free_memory
) -> int | None:
    """Return how many models fit into the memory that is free, ``None`` where nobody can tell.

    Args:
        device: where they are trained.
        peak: bytes that one takes at most, as a profile says; 0 where that was not measured.
        workers: processes that share a CPU's memory.
        free: returns the bytes of memory beside a CPU that are free.
    """
    if not peak:
        return None
    if device.type == "cuda":
        there, _ = torch.cuda.mem_get_info(device)
        beside = -(-workers // torch.cuda.device_count())  # processes on the same device
        return max(1, int(_CUDA_SHARE * there / beside / peak))
    left = free()
    return None if left is None else max(1, int(_CPU_SHARE * left / workers / peak))


def whole_seconds(timing: Timing, epochs: int, trials: int, workers: int, programs: int) -> float:
    """Return the seconds of one whole trial, with its share of what each worker prepares."""
    once = timing.preparation + timing.loading / programs
    return timing.seconds * epochs + once * workers / max(trials, 1)


def candidates(
    member: Member,
    trials: int,
    workers: int,
    plain: Timing,
    most: int | None,
    *,
    forced: bool,
    bench: Bench = BENCH,
) -> Iterator[tuple[Mode, float | None]]:
    """Yield the modes to try after the plain one, and what trying each should cost in seconds.

    ``None`` stands for what compiling costs, where an engine is slow to prepare.

    Args:
        member: a trial.
        trials: how many there are.
        workers: processes that share them.
        plain: what the plain loop took.
        most: models at a time that fit into memory.
        forced: whether one mode is tried for few trials, too.
        bench: tells whether what ``vmap`` needs is loaded.
    """
    images = member.frame.dimensions == 3 and any(
        param.ndim == 4 for param in member.network.params
    )
    step = plain.seconds / max(member.steps, 1)
    largest = -(-trials // workers)
    if most is not None:
        largest = min(largest, most)
    counts = [each for each in _COUNTS[member.device.type] if each <= largest]
    if not counts and (largest > 1 or forced):
        counts = [largest]
    # an operation on many costs at most about what it does on each
    loading = 0.0 if bench.is_loaded() else _LOADING_SECONDS
    for name, kind in ENGINES.items():
        for models, channels_last in kind.modes(counts, images, member.device):
            cost = _STEPS * models * step + (loading if kind.loads else 0.0)
            yield Mode(name, models, channels_last), None if kind.slow_to_prepare else cost


def _member(training: Training, device: torch.device, seed: int) -> Member:
    return make_ready(training, seed, device, untrained(training, seed))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
