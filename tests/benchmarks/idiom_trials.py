"""Trials in the manner of Optuna's PyTorch tutorial, for idiom.py to be compared with.

After https://github.com/optuna/optuna-examples/blob/main/pytorch/pytorch_simple.py, as somebody who
knows it well would write it for this list of trials: a loop over a DataLoader, torch.optim,
validation and ``trial.report`` after each epoch, an SQLite file. Three things are kinder to it than
the tutorial: a data set is read once for all trials, validation and test go 500 images at a time
and without shuffling, and random splits copy nothing.

Run it as ``python idiom_trials.py --storage sqlite:///FILE``; HARNESS_BENCH says which trials.
"""

import argparse
import functools

import optuna
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from programs import DIGITS, MOMENTUM, PROGRAMS, Asked, Program
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset
from torchvision import datasets, transforms

from harness.data.folder import data_folder

CLASSES = 10
EVALUATION_BATCH = 500


@functools.cache
def mnist(train: bool) -> Dataset:
    # mean and standard deviation as PyTorch's own MNIST example has them
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    )
    return datasets.MNIST(data_folder(), train=train, transform=transform)


@functools.cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    pixels, targets = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    return images, torch.tensor(targets)


def get_datasets(program: Program, seed: int) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test examples, as many as the harness has."""
    sizes = program.data
    generator = torch.Generator().manual_seed(seed)
    if program.data == DIGITS:
        images, targets = digits()
        order = torch.randperm(len(targets), generator=generator)
        train, valid, test, _ = order.split(
            [sizes.train, sizes.validation, sizes.test,
             len(targets) - sizes.train - sizes.validation - sizes.test]
        )  # fmt: skip
        mean, std = images[train].mean(), images[train].std()
        images = (images - mean) / std
        return tuple(TensorDataset(images[rows], targets[rows]) for rows in (train, valid, test))
    order = torch.randperm(60_000, generator=generator).tolist()
    train = Subset(mnist(True), order[: sizes.train])
    valid = Subset(mnist(True), order[sizes.train : sizes.train + sizes.validation])
    order = torch.randperm(10_000, generator=generator).tolist()
    return train, valid, Subset(mnist(False), order[: sizes.test])


def accuracy_of(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    correct = count = 0
    with torch.no_grad():
        for data, target in loader:
            correct += (model(data).argmax(dim=1) == target).sum().item()
            count += len(target)
    return correct / count


def objective(trial: optuna.Trial, program: Program) -> float:
    lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
    seed = trial.suggest_int("seed", 0, 999_999)
    torch.manual_seed(seed)

    train_set, valid_set, test_set = get_datasets(program, seed)
    # drop_last, so that there are as many steps as on the other side
    train_loader = DataLoader(train_set, program.batch_size, shuffle=True, drop_last=True)
    valid_loader = DataLoader(valid_set, EVALUATION_BATCH)
    test_loader = DataLoader(test_set, EVALUATION_BATCH)

    model = program.model.build(train_set[0][0].shape, CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=MOMENTUM)

    accuracy = 0.0
    steps = 0
    for epoch in range(program.epochs):
        model.train()
        for data, target in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(data), target)
            loss.backward()
            optimizer.step()
            steps += 1
        accuracy = accuracy_of(model, valid_loader)
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    trial.set_user_attr("steps", steps)
    trial.set_user_attr("test_accuracy", accuracy_of(model, test_loader))
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--storage", required=True)
    parser.add_argument("--threads", type=int, default=0, help="torch's own number, if 0")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    asked = Asked.here()
    for name in asked.programs:
        study = optuna.create_study(
            storage=arguments.storage,
            study_name=name,
            direction="maximize",
            sampler=optuna.samplers.GridSampler(
                {"lr": list(asked.learning_rates), "seed": list(range(asked.seeds))}, seed=0
            ),
            # should_prune is asked, as in the tutorial, but every trial runs to its end: both
            # sides are to do the same work
            pruner=optuna.pruners.NopPruner(),
        )
        study.set_user_attr("threads", torch.get_num_threads())
        # as many as the grid has; a trial that fails must not end the run
        study.optimize(
            functools.partial(objective, program=PROGRAMS[name]),
            n_trials=asked.trials,
            catch=(RuntimeError, ValueError),
        )


if __name__ == "__main__":
    main()
