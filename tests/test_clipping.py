"""Clipping is torch's, on one vector of all parameters, for one trial and for many at once."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.func import vmap

from harness.clipping import ClipNorm, ClipValue
from harness.messages.errors import HarnessError
from harness.training import Clip

SIZES = (40, 7, 300, 1)


def gradients(dtype: torch.dtype = torch.float64, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(sum(SIZES), generator=generator, dtype=torch.float64).to(dtype) * scale


def torchs(clip: ClipNorm | ClipValue, grads: torch.Tensor) -> torch.Tensor:
    parts = [torch.nn.Parameter(torch.zeros_like(part)) for part in grads.split(SIZES)]
    for part, grad in zip(parts, grads.split(SIZES), strict=True):
        part.grad = grad.clone()
    if isinstance(clip, ClipNorm):
        torch.nn.utils.clip_grad_norm_(parts, clip.limit)
    else:
        torch.nn.utils.clip_grad_value_(parts, clip.limit)
    return torch.cat([part.grad for part in parts])


LIMITS = [1e-9, 1e-3, 0.5, 2, 18.0, 1e6]


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e4])
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_the_norm_is_clipped_as_torch_does(limit, scale, dtype, tolerance):
    grads = gradients(dtype, scale)
    seen = ClipNorm(limit)(grads)
    assert seen.dtype == dtype
    torch.testing.assert_close(seen, torchs(ClipNorm(limit), grads), rtol=tolerance, atol=0)
    longer = float(grads.norm()) > limit
    assert torch.equal(seen, grads) != longer
    # 1e-6 is added to the norm, so what is cut is shorter than the limit by that share
    wanted = limit / (1 + 1e-6 / float(grads.norm())) if longer else float(grads.norm())
    assert float(seen.norm()) == pytest.approx(wanted, rel=10 * tolerance)


def test_the_limits_above_cut_some_gradients_and_not_others():
    assert 0.5 < float(gradients().norm()) / 18 < 2
    assert 2 < float(gradients().abs().max()) < 18


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_values_are_clipped_as_torch_does_to_the_bit(limit, dtype):
    grads = gradients(dtype)
    seen = ClipValue(limit)(grads)
    assert seen.dtype == dtype
    assert torch.equal(seen, torchs(ClipValue(limit), grads))
    assert torch.equal(seen, grads) == (float(grads.abs().max()) <= limit)


def test_a_zero_gradient_stays_zero():
    zeros = torch.zeros(5)
    assert torch.equal(ClipNorm(1.0)(zeros), zeros)
    assert torch.equal(ClipValue(1.0)(zeros), zeros)


@pytest.mark.parametrize("clip", [ClipNorm(1.0), ClipValue(1.0)])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_gradients_that_are_not_finite_are_clipped_as_in_torch(clip, bad):
    """Clipping does not hide a divergence, save that a value of infinity is cut to the limit."""
    grads = gradients()
    grads[3] = bad
    seen, wanted = clip(grads), torchs(clip, grads)
    assert torch.equal(seen.isnan(), wanted.isnan())
    torch.testing.assert_close(seen, wanted, equal_nan=True)
    assert bool(seen.isnan()[3]) == (isinstance(clip, ClipNorm) or math.isnan(bad))


# ---- many trials at once ------------------------------------------------------------------------

SHARED = (0.3, 3.1, 40.7)  # no numbers of float32


def with_limit(clip: Clip, limit: torch.Tensor) -> Clip:
    """A copy with a tensor for its limit, past the checks, as where trials train together."""
    copied = copy.copy(clip)
    vars(copied)["limit"] = limit
    return copied


@pytest.mark.parametrize("kind", [ClipNorm, ClipValue])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_three_trials_at_once_are_three_trials(kind, dtype):
    grads = torch.stack([gradients(dtype, scale) for scale in (1.0, 2.0, 3.0)])
    limits = torch.tensor(SHARED, dtype=torch.float64)
    together = vmap(lambda grads, limit: with_limit(kind(1.0), limit)(grads))(grads, limits)
    assert together.dtype == dtype
    for grad, limit, seen in zip(grads, SHARED, together, strict=True):
        alone = kind(limit)(grad)
        tensor = with_limit(kind(1.0), torch.tensor(limit, dtype=torch.float64))(grad)
        assert tensor.dtype == dtype
        assert torch.equal(tensor, alone)
        assert torch.equal(seen, alone)
    changed = [not torch.equal(seen, grad) for seen, grad in zip(together, grads, strict=True)]
    assert changed == [True, True, kind is ClipNorm]  # the norm of the third is about 55


@pytest.mark.parametrize("kind", [ClipNorm, ClipValue])
def test_the_gradient_that_was_given_is_left_alone(kind):
    grads = gradients()
    before = grads.clone()
    assert not torch.equal(kind(0.1)(grads), before)
    assert torch.equal(grads, before)


@pytest.mark.parametrize("kind", [ClipNorm, ClipValue])
@pytest.mark.parametrize("limit", [0, 0.0, -1.0, math.nan, math.inf, "1", None, True, (1.0,)])
def test_bad_input_is_told_in_one_line(kind, limit):
    with pytest.raises(HarnessError) as caught:
        kind(limit)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{kind.__name__}(limit=...) must be above 0 and finite; got {limit!r}. Write" in message


def test_both_are_what_a_training_takes():
    assert isinstance(ClipNorm(1.0), Clip)
    assert isinstance(ClipValue(1.0), Clip)
