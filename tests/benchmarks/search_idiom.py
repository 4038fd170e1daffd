"""The search of ``searches.mnist_cnn`` in the manner of Optuna's PyTorch tutorial.

After https://github.com/optuna/optuna-examples/blob/main/pytorch/pytorch_simple.py: an objective
that suggests settings, trains with a DataLoader and torch.optim, and reports the validation loss
after each epoch; one SQLite file, one job. Kinder than the tutorial: MNIST is read once, validation
goes 500 images at a time. The network is the harness's own CNN, so that both sides train the same.
"""

import argparse
import functools

import optuna
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import datasets, transforms

from harness.data.folder import data_folder
from harness.models import CNN


@functools.cache
def mnist() -> Dataset:
    # mean and standard deviation as PyTorch's own MNIST example has them
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    )
    return datasets.MNIST(data_folder(), train=True, transform=transform)


def loss_of(model: torch.nn.Module, loader: DataLoader) -> float:
    model.eval()
    total = count = 0
    with torch.no_grad():
        for data, target in loader:
            total += F.cross_entropy(model(data), target, reduction="sum").item()
            count += len(target)
    return total / count


def objective(trial: optuna.Trial, train: int, validation: int, epochs: int) -> float:
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    weight_decay = trial.suggest_float("weight_decay", 1e-5, 1.0, log=True)
    dropout = trial.suggest_float("dropout", 0.0, 0.5)
    width = trial.suggest_categorical("width", [8, 16, 32])
    batch_size = trial.suggest_categorical("batch_size", [32, 64, 128])

    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0)).tolist()
    train_set = Subset(mnist(), order[:train])
    valid_set = Subset(mnist(), order[train : train + validation])
    train_loader = DataLoader(train_set, batch_size, shuffle=True, drop_last=True)
    valid_loader = DataLoader(valid_set, 500)

    torch.manual_seed(0)
    model = CNN((width, 2 * width), dropout=dropout).build((1, 28, 28), 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    loss = float("nan")
    for epoch in range(epochs):
        model.train()
        for data, target in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(data), target).backward()
            optimizer.step()
        loss = loss_of(model, valid_loader)
        trial.report(loss, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--storage", required=True)
    for name in ("trials", "train", "validation", "epochs"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--threads", type=int, default=0, help="torch's own number, if 0")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    study = optuna.create_study(
        storage=asked.storage,
        study_name="mnist_cnn",
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=0),
        # every trial runs to its end, as on the other side
        pruner=optuna.pruners.NopPruner(),
    )
    study.set_user_attr("threads", torch.get_num_threads())
    study.optimize(
        functools.partial(
            objective, train=asked.train, validation=asked.validation, epochs=asked.epochs
        ),
        n_trials=asked.trials,
    )


if __name__ == "__main__":
    main()
