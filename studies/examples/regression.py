"""Does dropout help a small network to predict blood sugar from ten measurements?

The data is scikit-learn's ``diabetes``: 442 patients. What is predicted is a number, and the loop
is written out: any task, any loss.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

from harness import Context, Factor, Higher, Metric, Scale, Study, Tuned


def patients(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return inputs and targets of training, validation and test, drawn anew for each seed."""
    inputs, targets = load_diabetes(return_X_y=True)
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
    x = torch.tensor(inputs, dtype=torch.float32)[order] * 20
    y = torch.tensor(targets, dtype=torch.float32)[order, None]
    return [(x[:242], y[:242]), (x[242:342], y[242:342]), (x[342:], y[342:])]


def rmse(model: nn.Module, part: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Return the root of the mean squared error."""
    model.eval()
    with torch.no_grad():
        return float((model(part[0]) - part[1]).square().mean().sqrt())


def train(context: Context, dropout: float, lr: float) -> dict[str, float]:
    """Train one network, and return its error."""
    training, validation, test = patients(context.seed_for("split"))
    torch.manual_seed(context.seed_for("weights"))
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(context.restore(model=model, optimizer=optimizer), context.scale.epochs):
        model.train()
        for rows in torch.randperm(242).reshape(11, 22):
            loss = (model(training[0][rows]) - training[1][rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        context.report(epoch, validation_rmse=rmse(model, validation))
        context.save(epoch + 1, model=model, optimizer=optimizer)
    return {} if context.choosing else {"test_rmse": rmse(model, test)}


study = Study(
    name="regression",
    question="Does dropout help a small network to predict blood sugar?",
    factors=(Factor("dropout", (0.0, 0.5)),),
    tuned=(Tuned("lr", 1e-3, 0.1, log=True, trials=6),),
    train=train,
    objective="validation_rmse",
    metrics=(Metric("validation_rmse", better="lower"), Metric("test_rmse", better="lower")),
    scales={"quick": Scale(epochs=30, seeds=10)},
    claims=(Higher("Without dropout the error is larger.", metric="test_rmse",
                   higher={"dropout": 0.0}, lower={"dropout": 0.5}, by=2),),
)  # fmt: skip
