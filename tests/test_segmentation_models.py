"""Networks that give a class to each pixel: by their formulas, and what each pixel can see."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness.messages.errors import HarnessError
from harness.models import FCN, HeNormal, Orthogonal, UNet
from harness.models.segmentation_module import padded

WIDE = torch.float64


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def count(module: nn.Module) -> int:
    return sum(param.numel() for param in module.parameters())


def double(before: int, after: int) -> int:
    """Parameters of two convolutions without biases, each with a norm."""
    return 9 * before * after + 2 * after + 9 * after * after + 2 * after


def test_parameters_are_those_of_the_layers() -> None:
    down = double(3, 8) + double(8, 16) + double(16, 32)
    fcn = count(FCN(8, 2).build((3, 8, 8), 5))
    assert fcn == down + 32 * 5 + 5
    enlarged = (4 * 32 * 16 + 16) + (4 * 16 * 8 + 8)
    for skips, times in ((True, 2), (False, 1)):
        up = double(times * 16, 16) + double(times * 8, 8)
        wanted = down + enlarged + up + 8 * 5 + 5
        assert count(UNet(8, 2, skips=skips).build((3, 8, 8), 5)) == wanted


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (9, 13), (1, 3)])
@pytest.mark.parametrize("spec", [FCN(4, 3), UNet(4, 3), UNet(4, 2, skips=False)])
def test_each_pixel_has_a_logit_for_each_class(spec: FCN | UNet, size: tuple[int, int]) -> None:
    network = spec.build((2, *size), 3).double().eval()
    images = torch.randn(2, 2, *size, dtype=WIDE)
    logits = network(images)
    assert logits.shape == (2, 3, *size)
    larger = padded(images, 2**spec.levels)
    assert all(side % 2**spec.levels == 0 for side in larger.shape[2:])
    assert torch.equal(larger[:, :, : size[0], : size[1]], images)
    assert torch.count_nonzero(larger) == images.numel(), "the rest is zeros"
    torch.testing.assert_close(network(larger)[:, :, : size[0], : size[1]], logits)


def convolved(maps: torch.Tensor, block: nn.Module) -> torch.Tensor:
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            maps = F.conv2d(maps, layer.weight, layer.bias, padding=1).tanh()
    return maps


def test_fcn_is_its_formula() -> None:
    network = FCN(4, 1, "tanh", "none").build((2, 6, 8), 3).double()
    images = torch.randn(2, 2, 6, 8, dtype=WIDE)
    first, second = network.blocks
    maps = convolved(F.max_pool2d(convolved(images, first), 2), second)
    scores = torch.einsum("ck,nkhw->nchw", network.head.weight[:, :, 0, 0], maps)
    scores = scores + network.head.bias.view(-1, 1, 1)
    logits = network(images)
    # between four centres bilinear interpolation is a weighted mean: 9, 3, 3 and 1 of 16
    weights = torch.tensor([[9.0, 3.0], [3.0, 1.0]], dtype=WIDE) / 16
    wanted = (scores[:, :, 1:3, 2:4] * weights).sum(dim=(2, 3))
    torch.testing.assert_close(logits[:, :, 3, 5], wanted)
    torch.testing.assert_close(logits[:, :, 0, 0], scores[:, :, 0, 0])


@pytest.mark.parametrize("skips", [True, False])
def test_u_net_is_its_formula(skips: bool) -> None:
    network = UNet(4, 1, "tanh", "none", skips=skips).build((2, 6, 8), 3).double()
    images = torch.randn(2, 2, 6, 8, dtype=WIDE)
    first, second = network.blocks
    same = convolved(images, first)
    small = convolved(F.max_pool2d(same, 2), second)
    (enlarge,), (back,) = network.enlarge, network.back
    # stride 2 and kernel 2: each small pixel becomes a square of 2×2, by the kernel alone
    large = torch.einsum("nihw,iopq->nohpwq", small, enlarge.weight).reshape(2, 4, 6, 8)
    large = large + enlarge.bias.view(-1, 1, 1)
    maps = convolved(torch.cat([same, large], dim=1) if skips else large, back)
    wanted = torch.einsum("ck,nkhw->nchw", network.head.weight[:, :, 0, 0], maps)
    torch.testing.assert_close(network(images), wanted + network.head.bias.view(-1, 1, 1))


def test_only_skips_carry_what_the_small_map_cannot() -> None:
    """With enlarging cut, the image is seen by way of the skips or not at all."""
    images = torch.randn(2, 1, 8, 8)
    for skips in (True, False):
        network = UNet(4, 2, skips=skips).build((1, 8, 8), 2).eval()
        for layer in network.enlarge:
            nn.init.zeros_(layer.weight)
        first, second = network(images)
        assert torch.equal(first, second) == (not skips)


def test_each_phase_of_a_transposed_convolution_is_filled_as_a_layer_of_its_own() -> None:
    network = UNet(64, 1, initialisation=Orthogonal(1.0)).build((1, 4, 4), 2)
    (layer,) = network.enlarge
    assert layer.weight.shape == (128, 64, 2, 2)
    for row in range(2):
        for column in range(2):
            phase = layer.weight[:, :, row, column]
            torch.testing.assert_close(phase.T @ phase, torch.eye(64), rtol=0, atol=1e-5)
    he = UNet(64, 1, initialisation=HeNormal()).build((1, 4, 4), 2).enlarge[0].weight
    # fan-in is the 128 channels that one pixel sees; five standard errors of a variance
    assert abs(he.var().item() * 128 / 2 - 1) < 5 * math.sqrt(2 / he.numel())


@pytest.mark.parametrize("kind", [FCN, UNet])
@pytest.mark.parametrize(
    ("name", "value"),
    [("width", 0), ("levels", 0), ("levels", 2.0), ("activation", "rely"),
     ("normalisation", "bach"), ("initialisation", HeNormal)],
)  # fmt: skip
def test_bad_input_is_told_in_one_line(kind: type, name: str, value: object) -> None:
    with pytest.raises(HarnessError) as caught:
        kind(**{name: value})
    assert str(caught.value).startswith(f"{kind.__name__}({name}=...) must")
    assert "\n" not in str(caught.value)


def test_other_inputs_than_images_are_refused() -> None:
    with pytest.raises(HarnessError, match="skips"):
        UNet(skips=1)  # type: ignore[arg-type]
    for spec in (FCN(), UNet()):
        with pytest.raises(HarnessError, match=r"images of shape \(channels, height, width\)"):
            spec.build((64,), 3)
