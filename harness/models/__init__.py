"""The networks studied, each declared as a frozen dataclass with ``build``."""

from harness.models.activations import ACTIVATIONS
from harness.models.cnn import CNN
from harness.models.convnet import ConvNet
from harness.models.dropout import ChannelDropout, Dropout, number_dropouts, replace_dropout
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
from harness.models.layers import ORDERS
from harness.models.mlp import MLP
from harness.models.normalisation import NORMALISATIONS

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "MLP",
    "NORMALISATIONS",
    "ORDERS",
    "ChannelDropout",
    "Constant",
    "ConvNet",
    "Dropout",
    "HeNormal",
    "HeUniform",
    "Initialisation",
    "Normal",
    "Orthogonal",
    "XavierNormal",
    "XavierUniform",
    "number_dropouts",
    "replace_dropout",
]
