"""Functions of a user's own, for tests: they stand in a file, as a user's do."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from harness import Context, Factor, Higher, Metric, Scale, Study, Tuned

EPOCHS = 6


def network(width: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, width), nn.Dropout(0.1), nn.Linear(width, 1))


def train(context: Context, width: int, lr: float) -> dict[str, float]:
    """Train by four kinds of generators, and save after each epoch."""
    model = network(width, context.seed_for("weights"))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    order = np.random.default_rng(context.seed_for("order"))
    noise = torch.Generator().manual_seed(context.seed_for("noise"))
    parts = {
        "model": model, "optimizer": optimizer, "schedule": schedule, "order": order,
        "noise": noise,
    }  # fmt: skip
    torch.manual_seed(context.seed_for("dropout"))
    for epoch in range(context.restore(**parts), context.scale.epochs):
        rows = torch.as_tensor(order.permutation(32), dtype=torch.float32).reshape(8, 4) / 32
        rows += 0.1 * torch.randn(8, 4, generator=noise)
        loss = (model(rows) - random.random() - np.random.rand()).square().mean()  # noqa: NPY002
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        context.report(epoch, validation_loss=loss.item(), order=float(rows.sum()))
        context.save(epoch + 1, **parts)
    with torch.no_grad():
        return {"test_error": float(model(torch.ones(1, 4)).abs())}


def step(context: Context, width: int, lr: float) -> Callable[[], object]:
    """Return what takes one step of SGD, whose memory is known by arithmetic."""
    model = nn.Linear(width, width, bias=False)
    inputs = torch.randn(16, width)

    def once() -> None:
        model.zero_grad(set_to_none=False)
        model(inputs).square().mean().backward()
        with torch.no_grad():
            for param in model.parameters():
                assert param.grad is not None
                param.sub_(lr * param.grad)

    return once


METRICS = (
    Metric("test_error", unit="°C", better="lower"),
    Metric("validation_loss", better="lower"),
)

study = Study(
    name="own",
    question="Does width help?",
    factors=(Factor("width", (2, 8)),),
    tuned=(Tuned("lr", 0.001, 0.1, log=True, trials=3),),
    train=train,
    step=step,
    metrics=METRICS,
    objective="validation_loss",
    scales={"quick": Scale(epochs=EPOCHS, seeds=5)},
    claims=(
        Higher("Wide is better.", metric="test_error", higher={"width": 2}, lower={"width": 8},
               by=0.1),
        Higher("Wide is slower.", metric="step_seconds", higher={"width": 8}, lower={"width": 2},
               by=0.1),
    ),
)  # fmt: skip
