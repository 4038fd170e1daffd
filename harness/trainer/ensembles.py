"""An ensemble: the predictions of its members, averaged, and what they score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch

from harness.engines.evaluate import said_of, score, scoring_key
from harness.engines.network import Learnt, build
from harness.engines.step import Frame
from harness.study.ensemble import Ensemble
from harness.tasks.task import Task
from harness.trainer.failures import DivergedError
from harness.trainer.train import set_up, train_need

Said = tuple[torch.Tensor, torch.Tensor]
"""What a network says of a batch, and the targets."""


def scores_of(
    ensemble: Ensemble,
    seed: int,
    device: torch.device,
    given: Mapping[str, Learnt] | None = None,
    *,
    test: bool = True,
) -> dict[str, float]:
    """Return an ensemble's scores by metric name.

    Args:
        ensemble: what is declared.
        seed: the trial's.
        device: where.
        given: what its members have learnt, by number; one that is missing is trained first.
        test: whether to look at the test examples.

    Raises:
        DivergedError: a member diverged, or its loss is no finite number.
        HarnessError: a member cannot be trained.
    """
    set_up(device)
    known, members = given or {}, []
    for name, need in ensemble.trainings().items():
        own = ensemble.seed_of_need(name, seed)
        learnt = known[name] if name in known else train_need(need, own, device)
        splits = need.data.splits(own).to(device)
        network = build(need, splits, own, device)
        network.take(learnt)
        members.append((network, Frame.of(need, splits, device)))
    splits, task = ensemble.first.data.splits(seed).to(device), ensemble.first.task
    metrics: dict[str, float] = {}
    for part in ("validation", "test") if test else ("validation",):
        said = [  # one network after the other: each leaves its state behind when it is done
            list(said_of(task, network, frame, getattr(splits, part), scoring_key(seed, part)))
            for network, frame in members
        ]
        found = score(task, averaged(task, said), device)
        first = next(iter(found))
        if not math.isfinite(found[first]):
            raise DivergedError(f"diverged: {part} {first} of the ensemble is {found[first]}")
        metrics |= {f"{part}_{n}": value for n, value in found.items() if math.isfinite(value)}
    return metrics


def averaged(task: Task, said: Sequence[Sequence[Said]]) -> Iterator[Said]:
    """Yield the mean of what several networks say, and the targets, batch by batch.

    Args:
        task: what they learnt: of classes probabilities are averaged, and their logarithms are the
            logits of the mean.
        said: what each puts out, with the targets.
    """
    for batches in zip(*said, strict=True):
        outputs = torch.stack([each for each, _ in batches])
        if task.kind in {"classes", "class maps", "tokens"}:
            each = outputs.log_softmax(dim=2)
            mean = each.logsumexp(dim=0) - math.log(len(outputs))
        else:
            mean = outputs.mean(dim=0)
        yield mean, batches[0][1]
