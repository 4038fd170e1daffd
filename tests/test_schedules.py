"""The schedules give torch.optim.lr_scheduler's factors, and hand-made ones for the warm-up."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from harness.messages.errors import HarnessError
from harness.schedules import Constant, Cosine, OneCycle, Schedule, Step

LENGTHS = [1, 2, 3, 4, 7, 10, 100, 333]
PEAK = 0.3  # any learning rate but 1


def torchs(make, steps: int) -> np.ndarray:
    """The factors that a torch scheduler gives, in float64."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    schedule = make(optimizer)
    seen = []
    for step in range(steps):
        seen.append(optimizer.param_groups[0]["lr"] / PEAK)
        optimizer.step()
        if step + 1 < steps:
            schedule.step()
    return np.array(seen)


@pytest.mark.parametrize("steps", LENGTHS)
def test_constant_is_one(steps):
    assert Constant().factors(steps).tolist() == [1.0] * steps


@pytest.mark.parametrize("steps", LENGTHS)
def test_cosine_is_torchs(steps):
    seen = Cosine().factors(steps)
    wanted = torchs(lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps), steps)
    np.testing.assert_allclose(seen, wanted, rtol=0, atol=1e-12)
    assert seen[0] == 1.0
    assert steps == 1 or seen[-1] < 0.6


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize(
    "schedule", [OneCycle(), OneCycle(0.5), OneCycle(0.45, start=4, end=50), OneCycle(0.999)]
)
def test_one_cycle_is_torchs(schedule, steps):
    seen = schedule.factors(steps)
    if schedule.warmup * steps != 1:  # there torch divides by zero
        wanted = torchs(
            lambda optimizer: lr_scheduler.OneCycleLR(
                optimizer,
                max_lr=PEAK,
                total_steps=steps,
                pct_start=schedule.warmup,
                div_factor=schedule.start,
                final_div_factor=schedule.end,
                cycle_momentum=False,
            ),
            steps,
        )
        np.testing.assert_allclose(seen, wanted, rtol=1e-12, atol=1e-15)
    assert seen[-1] == pytest.approx(1 / (schedule.start * schedule.end))
    if steps >= 100:
        assert seen[0] == pytest.approx(1 / schedule.start)
        assert seen.max() == pytest.approx(1.0, abs=1e-3)
        assert abs(seen.argmax() - (schedule.warmup * steps - 1)) <= 1


def test_one_cycle_where_torch_divides_by_zero_begins_low_and_falls():
    seen = OneCycle(0.1).factors(10)
    by_hand = 0.5 * (1 + np.cos(np.pi * np.arange(1, 10) / 9))
    assert seen[0] == pytest.approx(1 / 25)
    np.testing.assert_allclose(seen[1:], by_hand + (1 - by_hand) / 25e4, atol=1e-12)


@pytest.mark.parametrize("steps", [10, 40, 333])
@pytest.mark.parametrize("warmup", [0.1, 0.25, 0.5])
def test_warm_up_is_torchs_linear(steps, warmup):
    warm = round(warmup * steps)
    seen = Constant(warmup).factors(steps)
    wanted = torchs(
        lambda optimizer: lr_scheduler.LinearLR(
            optimizer, start_factor=1 / (warm + 1), end_factor=1.0, total_iters=warm
        ),
        steps,
    )
    np.testing.assert_allclose(seen, wanted, rtol=1e-12)
    assert (seen < 1).sum() == warm > 0


@pytest.mark.parametrize("steps", [10, 40, 333])
@pytest.mark.parametrize("warmup", [0.1, 0.25, 0.5])
def test_cosine_after_warm_up_by_hand(steps, warmup):
    warm = round(warmup * steps)
    rising = [(step + 1) / (warm + 1) for step in range(warm)]
    falling = [(1 + math.cos(math.pi * t / (steps - warm))) / 2 for t in range(steps - warm)]
    seen = Cosine(warmup).factors(steps)
    np.testing.assert_allclose(seen, rising + falling, rtol=0, atol=1e-12)
    assert seen.argmax() == warm > 0


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (Constant(0.5), {1: [1], 2: [1 / 2, 1], 3: [1 / 3, 2 / 3, 1], 4: [1 / 3, 2 / 3, 1, 1]}),
        (Constant(0.9), {1: [1 / 2], 2: [1 / 3, 2 / 3]}),
        (Cosine(0.5), {1: [1], 2: [1 / 2, 1], 3: [1 / 3, 2 / 3, 1], 4: [1 / 3, 2 / 3, 1, 1 / 2]}),
        (Cosine(0.9), {1: [1 / 2], 2: [1 / 3, 2 / 3]}),
    ],
)
def test_very_few_steps_by_hand(schedule, wanted):
    """Half a step of warm-up rounds to even, as Python's round does."""
    for steps, factors in wanted.items():
        assert schedule.factors(steps).tolist() == pytest.approx(factors)


@pytest.mark.parametrize(
    ("steps", "size"),
    [(10, 1), (10, 3), (10, 9), (30, 3), (40, 10), (100, 1), (333, 111), (333, 77)],
)
@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0])
def test_step_is_torchs(steps, size, factor):
    """Every whole number of steps, whose share of all steps is seldom a number of few digits."""
    seen = Step(size / steps, factor).factors(steps)
    wanted = torchs(lambda optimizer: lr_scheduler.StepLR(optimizer, size, factor), steps)
    np.testing.assert_allclose(seen, wanted, rtol=1e-12)
    assert len(set(seen.tolist())) == (1 if factor == 1 else -(-steps // size))


@pytest.mark.parametrize("steps", [40, 333])
@pytest.mark.parametrize("warmup", [0.1, 0.25, 0.5])
def test_step_after_warm_up_is_torchs_product(steps, warmup):
    warm, size = round(warmup * steps), steps // 4
    seen = Step(size / steps, 0.3, warmup).factors(steps)
    wanted = torchs(
        lambda optimizer: lr_scheduler.ChainedScheduler(
            [
                lr_scheduler.LinearLR(optimizer, 1 / (warm + 1), 1.0, total_iters=warm),
                lr_scheduler.StepLR(optimizer, size, 0.3),
            ]
        ),
        steps,
    )
    np.testing.assert_allclose(seen, wanted, rtol=1e-12)
    assert seen[0] == pytest.approx(1 / (warm + 1))


@pytest.mark.parametrize(
    ("schedule", "steps", "wanted"),
    [
        # a share that is no whole number of steps: drops at the nearest ones, without drift
        (Step(1 / 3, 0.5), 10, [1, 1, 1, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4]),
        (Step(0.3, 0.5), 7, [1, 1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 8]),
        (Step(0.9, 0.5), 3, [1, 1, 1]),
        # less than a step: one drop at each
        (Step(0.1, 0.5), 4, [1, 1 / 2, 1 / 4, 1 / 8]),
        (Step(1e-300, 0.5), 3, [1, 1 / 2, 1 / 4]),
        (Step(0.5), 1, [1]),
    ],
)
def test_steps_by_hand(schedule, steps, wanted):
    assert schedule.factors(steps).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("count", range(2, 12))
def test_a_share_of_one_in_n_gives_n_levels_and_no_drop_at_the_end(count):
    for steps in range(count, 200):
        seen = Step(1 / count, 0.5).factors(steps)
        assert len(set(seen.tolist())) == count
        lengths = np.unique(seen, return_counts=True)[1]
        assert lengths.max() - lengths.min() <= 1


SHARES = st.floats(0, 1, exclude_max=True)


@given(
    schedule=st.one_of(
        st.builds(Constant, SHARES),
        st.builds(Cosine, SHARES),
        st.builds(
            OneCycle,
            st.floats(0, 1, exclude_min=True, exclude_max=True),
            st.floats(1, 1e6),
            st.floats(1, 1e6),
        ),
        st.builds(
            Step,
            st.floats(0, 1, exclude_min=True, exclude_max=True),
            st.floats(0, 1, exclude_min=True),
            SHARES,
        ),
    ),
    steps=st.integers(1, 60),
)
def test_factors_are_finite_and_at_most_one(schedule, steps):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = schedule.factors(steps)
    assert isinstance(schedule, Schedule)
    assert seen.shape == (steps,)
    assert seen.dtype == np.float64
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    assert seen.max() <= 1 + 1e-12
    assert seen.max() > 0


BAD = [
    *[(Constant, {"warmup": value}) for value in (-0.1, 1.0, math.nan, "0.1", None, False)],
    *[(Cosine, {"warmup": value}) for value in (-0.1, 1.0, 10, math.nan, "0.1", None)],
    *[(OneCycle, {"warmup": value}) for value in (0.0, -0.1, 1.0, math.nan, None)],
    *[(OneCycle, {"start": value}) for value in (0.5, -1, math.nan, math.inf, "25")],
    *[(OneCycle, {"end": value}) for value in (0, 0.99, math.nan, math.inf, None, True)],
    *[(Step, {"every": value}) for value in (0, 1.0, 30, -0.1, math.nan, "0.3", None, True)],
    *[
        (Step, {"factor": value, "every": 0.3})
        for value in (0, -0.1, 1.1, math.nan, math.inf, "0.1", None, True)
    ],
    *[(Step, {"warmup": value, "every": 0.3}) for value in (-0.1, 1.0, math.nan, None, True)],
]


@pytest.mark.parametrize(("kind", "options"), BAD, ids=lambda each: getattr(each, "__name__", each))
def test_bad_input_is_told_in_one_line(kind, options):
    with pytest.raises(HarnessError) as caught:
        kind(**options)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{kind.__name__}({next(iter(options))}=...) must" in message
    assert f"got {next(iter(options.values()))!r}." in message
