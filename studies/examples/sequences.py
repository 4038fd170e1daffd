"""Does a GRU add up numbers better than a plain recurrent network?

The adding problem (Hochreiter & Schmidhuber 1997): of a sequence of numbers two are marked, and
their sum is asked for at the end. Whoever always says 1 has a mean squared error of 1/6.
"""

import torch
from torch import nn

from harness import Context, Factor, Higher, Metric, Scale, Study, Tuned

CELLS = {"rnn": nn.RNN, "gru": nn.GRU}
Pair = tuple[torch.Tensor, torch.Tensor]


def sequences(count: int, length: int, draw: torch.Generator) -> Pair:
    """Return numbers with marks, ``[count, length, 2]``, and the sums of those marked."""
    numbers = torch.rand(count, length, generator=draw)
    marked = torch.rand(count, length, generator=draw).topk(2).indices
    marks = torch.zeros(count, length).scatter(1, marked, 1.0)
    return torch.stack([numbers, marks], -1), (numbers * marks).sum(1, keepdim=True)


def train(context: Context, cell: str, lr: float) -> dict[str, float]:
    """Train one network, and return its mean squared error."""
    draw = torch.Generator().manual_seed(context.seed_for("numbers"))
    held, test = (sequences(500, context.scale.length, draw) for _ in range(2))
    torch.manual_seed(context.seed_for("weights"))
    model = nn.ModuleList([CELLS[cell](2, 32, batch_first=True), nn.Linear(32, 1)])
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def error(pair: Pair) -> torch.Tensor:
        sums: torch.Tensor = model[1](model[0](pair[0])[0][:, -1])
        return (sums - pair[1]).square().mean()

    for epoch in range(context.restore(model=model, draw=draw, optimizer=optimizer), 10):
        for _ in range(context.scale.steps // 10):
            optimizer.zero_grad()
            error(sequences(32, context.scale.length, draw)).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        context.report(epoch, validation_mse=error(held).item())
        context.save(epoch + 1, model=model, draw=draw, optimizer=optimizer)
    return {"test_mse": error(test).item()}


study = Study(
    name="sequences",
    question="Does a GRU add up numbers better than a plain recurrent network?",
    factors=(Factor("cell", tuple(CELLS)),),
    tuned=(Tuned("lr", 1e-3, 3e-2, log=True, trials=5),),
    train=train,
    objective="validation_mse",
    metrics=(Metric("validation_mse", better="lower"), Metric("test_mse", better="lower")),
    scales={"quick": Scale(length=20, steps=400, seeds=8)},
    claims=(Higher("The plain network errs more.", metric="test_mse", by=0.02,
                   higher={"cell": "rnn"}, lower={"cell": "gru"}),),
)  # fmt: skip
