"""What the study of autoencoders measures, against references and by hand."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from harness.data import arrays
from harness.engines.prepared import make_ready
from harness.models import AutoEncoder
from harness.trained import Trained

CPU = torch.device("cpu")
WIDE = torch.float64
STUDY = importlib.import_module("harness.studies.autoencoders")


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=WIDE, generator=torch.Generator().manual_seed(seed))


def blobs(apart: float) -> Any:
    """Four classes of points about four corners, as far apart as asked."""
    random = np.random.default_rng(0)
    classes = np.arange(400) % 4
    corners = apart * np.array([[1, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]])
    return arrays(corners[classes] + random.normal(size=(400, 3)), classes, "blobs", test=200)


def begun(data: Any, code: int = 3, *, variational: bool = False) -> Trained:
    """An autoencoder of float64, untrained, whose code and output tests may set."""
    _, scale = STUDY.study.scale("quick")
    training = STUDY.build(scale, "plain", 2.0, lr=0.01)
    spec = AutoEncoder(code, hidden=(), variational=variational)
    training = replace(training, data=data, model=spec, precision="float64")
    return Trained(make_ready(training, 0, CPU))


def told(trained: Trained, which: str, weights: torch.Tensor) -> None:
    """Give the one layer of a part these weights, and no biases."""
    part = trained.network.module.get_submodule(which)
    (layer,) = (each for each in part.modules() if isinstance(each, torch.nn.Linear))
    with torch.no_grad():
        layer.weight.copy_(weights)
        layer.bias.zero_()


@pytest.mark.parametrize("strength", [1e-4, 0.1, 10.0])
def test_a_probe_is_the_ridge_regression_of_scikit_learn(strength: float) -> None:
    codes, wanted = 3 * drawn(50, 6) + 2, drawn(50, 4, seed=1)
    weights, bias = STUDY.ridge(codes, wanted, strength)
    alpha = strength * codes.var(dim=0, correction=0).sum().item() * 50 / 6
    reference = Ridge(alpha=alpha).fit(codes.numpy(), wanted.numpy())
    np.testing.assert_allclose(weights.T.numpy(), reference.coef_, atol=1e-10)
    np.testing.assert_allclose(bias.numpy(), reference.intercept_, atol=1e-10)


def test_a_probe_does_not_depend_on_the_unit_of_a_code() -> None:
    codes, wanted = drawn(50, 6), drawn(50, 4, seed=1)
    weights, bias = STUDY.ridge(codes, wanted, 0.01)
    other, same = STUDY.ridge(1000 * codes, wanted, 0.01)
    torch.testing.assert_close(other * 1000, weights)
    torch.testing.assert_close(same, bias)


def test_a_code_that_is_always_the_same_is_probed_as_the_mean() -> None:
    wanted = drawn(20, 3)
    weights, bias = STUDY.ridge(torch.zeros(20, 5, dtype=WIDE), wanted, 0.01)
    assert not weights.any()
    torch.testing.assert_close(bias, wanted.mean(dim=0))


@pytest.mark.parametrize(("apart", "least", "most"), [(6.0, 1.0, 1.0), (0.0, 0.1, 0.4)])
def test_a_probe_tells_classes_apart_where_the_code_does(
    apart: float, least: float, most: float
) -> None:
    trained = begun(blobs(apart))
    told(trained, "encoder", torch.eye(3, dtype=WIDE))
    assert least <= STUDY.probe_accuracy(trained) <= most
    told(trained, "encoder", torch.zeros(3, 3, dtype=WIDE))
    assert STUDY.probe_accuracy(trained) == 0.25, "nothing of the input is left: one class for all"


def test_active_units_are_counted_by_hand() -> None:
    # root mean squares: 4, 4, 0.9 and 0, so that 1 is where a unit becomes active
    codes = torch.tensor([[4.0, -4.0, 0.9, 0.0], [4.0, 4.0, -0.9, 0.0]], dtype=WIDE)
    assert STUDY.share_active(codes) == 4 / 8
    assert STUDY.share_active(1e-6 * codes) == 4 / 8, "whatever the unit of a code"
    codes[0, 0], codes[1, 0] = 0.5, -((32 - 0.25) ** 0.5)  # the same root mean square
    assert STUDY.share_active(codes) == 3 / 8
    assert STUDY.share_active(torch.zeros(2, 3, dtype=WIDE)) == 0


def test_variances_are_no_part_of_a_variational_code() -> None:
    trained = begun(blobs(6.0), variational=True)
    told(trained, "encoder", torch.cat([torch.eye(3, dtype=WIDE)[:, [1, 2, 0]], drawn(3, 3)]))
    codes, classes = STUDY.codes_of(trained, "test")
    test, splits = trained.member.splits.test, trained.member.splits
    torch.testing.assert_close(codes, splits.standardize(test.inputs).double()[:, [2, 0, 1]])
    assert torch.equal(classes, test.targets)


def test_noise_that_is_copied_costs_its_variance() -> None:
    data = arrays(np.random.default_rng(0).normal(size=(3000, 40)), np.arange(3000) % 2, "noise")
    trained = begun(data, code=40)
    for part in ("encoder", "decoder"):
        told(trained, part, torch.eye(40, dtype=WIDE))
    error = STUDY.noisy_error(trained)
    assert error == pytest.approx(STUDY.NOISE**2, rel=0.05)  # 24,000 numbers: five deviations
    assert error == STUDY.noisy_error(trained)
    told(trained, "decoder", torch.zeros(40, 40, dtype=WIDE))
    # nothing is rebuilt: the inputs themselves are the error, whatever the noise
    inputs = trained.member.splits.standardize(trained.member.splits.test.inputs)
    assert STUDY.noisy_error(trained) == pytest.approx(inputs.square().mean().item(), rel=1e-6)


def test_at_every_scale_codes_are_narrower_and_wider_than_inputs() -> None:
    for name in STUDY.study.scales:
        key, scale = STUDY.study.scale(name)
        assert key == name
        widths = sorted(
            {
                STUDY.build(scale, "plain", arm.levels["width"].value, lr=0.01).model.code
                for arm in STUDY.study.arms(name)
            }
        )
        values = np.prod(scale.data.shape())
        assert widths[0] < values < widths[-1]
        assert all(width >= 1 for width in widths)
