"""Networks that several test modules train."""

import random
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

RECURRENT = ("GRU", "LSTM")


@dataclass(frozen=True)
class Odd:
    """Networks with which trials cannot train together; ``kind`` says why."""

    kind: str

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return OddModule(self.kind, classes)


class OddModule(nn.Module):
    def __init__(self, kind: str, classes: int) -> None:
        super().__init__()
        self.kind = kind
        self.head = nn.Linear(64, classes)
        if kind in RECURRENT:
            self.layers = nn.ModuleDict({"memory": getattr(nn, kind)(8, 64, batch_first=True)})
        self.mask = torch.rand(64)  # no buffer: invisible to whoever stacks them
        if kind != "hidden tensor":
            self.mask.fill_(1.0)
        self.number = random.random() if kind == "hidden number" else 0.5
        self.own = np.random.default_rng(0) if kind == "its own generator" else None
        factor = float(torch.rand(()))
        self.scale = (lambda x: x * factor) if kind == "closure" else None
        self.count = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = images.flatten(1) * self.mask * self.number
        if self.kind in RECURRENT:
            features = self.layers["memory"](images[:, 0])[0][:, -1]
        if self.kind == "branch" and features.sum() > 0:
            features = features * 2
        if self.kind == "torch's generator":
            features = features + torch.randn_like(features)
        if self.kind == "Python's generator" and self.training:
            features = features * random.random()
        if self.own is not None and self.training:
            features = features * float(self.own.random())
        if self.kind == "array":
            features = features * float(features.detach().numpy().std())
        if self.scale is not None:
            features = self.scale(features)
        if self.kind == "counts" and self.training:
            self.count += 1
            features = features / (1 + 0.1 * self.count)
        if self.kind == "functional dropout":
            features = F.dropout(features, 0.2, self.training)
        return self.head(features)
