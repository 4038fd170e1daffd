"""The networks studied, each declared as a frozen dataclass with ``build``.

Importing this does not import torch. The layers of dropout are torch modules; they are imported at
their first use.

In reading order: ``mlp``, the smallest network; ``cnn`` with ``cnn_module``, and ``convnet`` with
``convnet_module``: what is declared, and the torch modules made of it. What they share: ``checks``,
the fields that all have; ``activations``, ``normalisation``, ``initialisation`` and ``dropout``,
what can be chosen; ``layers``, what follows a layer with weights. ``start``: the weights of
another network to begin with.
"""

from typing import TYPE_CHECKING, Any

from harness.models.activations import ACTIVATIONS
from harness.models.checks import ORDERS
from harness.models.cnn import CNN
from harness.models.convnet import ConvNet
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
from harness.models.start import Start

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
    "Start",
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
