"""Does dropout help a small network on digits?

A LightningModule, trained by Lightning's own Trainer. The harness chooses the learning rate, pairs
the seeds, and judges.
"""

import torch
from lightning.pytorch import LightningModule, Trainer
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from harness import Context, Factor, Metric, NotWorse, Scale, Study, Tuned
from harness.adapters.lightning import last_checkpoint, trainer_arguments


class Net(LightningModule):
    def __init__(self, dropout: float, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.layers = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 10)
        )

    def training_step(self, batch: list[torch.Tensor], _index: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def validation_step(self, batch: list[torch.Tensor], _index: int) -> None:
        logits = self.layers(batch[0])
        self.log("validation_loss", nn.functional.cross_entropy(logits, batch[1]))
        self.log("validation_error", (logits.argmax(1) != batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def train(context: Context, dropout: float, lr: float) -> dict[str, float]:
    inputs, targets = (torch.tensor(each) for each in load_digits(return_X_y=True))
    splitting = torch.Generator().manual_seed(context.seed_for("split"))
    order = torch.randperm(len(inputs), generator=splitting)
    parts = order[:600], order[600:1200], order[1200:]
    data = [TensorDataset(inputs[rows].float() / 16, targets[rows]) for rows in parts]
    module = Net(dropout, lr)
    trainer = Trainer(**trainer_arguments(context, max_epochs=context.scale.epochs))
    training = DataLoader(data[0], batch_size=50, shuffle=True)
    trainer.fit(module, training, DataLoader(data[1], 600), ckpt_path=last_checkpoint(context))
    wrong = module.eval().layers(data[2].tensors[0]).argmax(1) != data[2].tensors[1]
    return {"test_error": wrong.float().mean().item()}


error = Metric("test_error", unit="fraction", better="lower")
loss = Metric("validation_loss", unit="nats", better="lower")
text = "With dropout the error is not higher by a point."
claim = NotWorse(text, metric="test_error", arm={"dropout": 0.3}, than={"dropout": 0.0}, by=0.01)
study = Study(
    name="lightning_module", question="Does dropout help a small network on digits?", train=train,
    factors=(Factor("dropout", (0.0, 0.3)),), tuned=(Tuned("lr", 1e-3, 3e-2, log=True, trials=4),),
    objective="validation_loss", metrics=(error, loss), claims=(claim,),
    scales={"quick": Scale(epochs=10, seeds=5), "full": Scale(epochs=40, seeds=20, tuning=12)},
)  # fmt: skip
