"""The networks studied, each declared as a frozen dataclass with ``build``.

Importing this does not import torch. The layers of dropout are torch modules; they are imported at
their first use.

In reading order: ``mlp``, the smallest network; ``cnn`` with ``cnn_module``, and ``convnet`` with
``convnet_module``: what is declared, and the torch modules made of it. For other tasks than one
class for each input: ``autoencoder`` with ``autoencoder_module``, ``segmentation`` with
``segmentation_module``, and ``gan`` with ``gan_module``. Of sequences: ``recurrent`` with
``recurrent_module``, ``transformer`` with ``transformer_module``, and ``sequences``, which both
read by. What all share: ``checks``, the fields that they have; ``activations``, ``normalisation``,
``initialisation`` and ``dropout``, what can be chosen; ``layers``, what follows a layer with
weights. ``start``: the weights of another network to begin with.
"""

from typing import TYPE_CHECKING, Any

from harness.models.activations import ACTIVATIONS
from harness.models.autoencoder import AutoEncoder
from harness.models.checks import ORDERS
from harness.models.cnn import CNN
from harness.models.convnet import ConvNet
from harness.models.gan import DCGAN, GAN
from harness.models.initialisation import (
    Constant,
    HeNormal,
    HeUniform,
    Initialisation,
    Normal,
    Orthogonal,
    XavierNormal,
    XavierUniform,
)
from harness.models.mlp import MLP
from harness.models.normalisation import NORMALISATIONS
from harness.models.recurrent import Recurrent
from harness.models.segmentation import FCN, UNet
from harness.models.start import Start
from harness.models.transformer import Transformer

if TYPE_CHECKING:
    from harness.models.dropout import (
        ChannelDropout,
        Dropout,
        number_dropouts,
        replace_dropout,
    )

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "DCGAN",
    "FCN",
    "GAN",
    "MLP",
    "NORMALISATIONS",
    "ORDERS",
    "AutoEncoder",
    "ChannelDropout",
    "Constant",
    "ConvNet",
    "Dropout",
    "HeNormal",
    "HeUniform",
    "Initialisation",
    "Normal",
    "Orthogonal",
    "Recurrent",
    "Start",
    "Transformer",
    "UNet",
    "XavierNormal",
    "XavierUniform",
    "number_dropouts",
    "replace_dropout",
]


def __getattr__(name: str) -> Any:
    if name in {"ChannelDropout", "Dropout", "number_dropouts", "replace_dropout"}:
        from harness.models import dropout

        return getattr(dropout, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
