"""The networks studied, each declared as a frozen dataclass with ``build``."""

from harness.models.convnet import ConvNet
from harness.models.mlp import MLP

__all__ = ["MLP", "ConvNet"]
