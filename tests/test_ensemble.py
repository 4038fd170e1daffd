"""Ensembles: what their members share and what not, and that their mean is what is scored."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes

from harness import Ensemble, HarnessError, Training
from harness.data import arrays, digits
from harness.models import MLP
from harness.optim import SGD
from harness.study.ensemble import OfMember
from harness.tasks import Classification, Regression, SquaredLoss
from harness.trainer.ensembles import averaged, scores_of
from harness.trainer.train import train, train_need
from tests.test_cohorts import table

CPU = torch.device("cpu")
ONE = Training(
    data=digits(train=120, validation=60, test=60),
    model=MLP(hidden=(8,)),
    optimizer=SGD(lr=0.1, momentum=0.9),
    batch_size=20,
    epochs=2,
)


def test_of_classes_probabilities_are_averaged():
    logits = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(5) % 4
    ((mean, same),) = averaged(Classification(), [[(each, targets)] for each in logits])
    assert torch.allclose(mean.softmax(1), logits.softmax(2).mean(0))
    assert torch.allclose(mean.exp().sum(1), torch.ones(5)), "they are log-probabilities already"
    assert same is targets


def test_of_quantities_outputs_are_averaged():
    said = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
    ((mean, _),) = averaged(Regression(), [[(each, torch.zeros(5, 2))] for each in said])
    assert torch.allclose(mean, said.mean(0))


def test_the_squared_error_of_a_mean_is_that_of_its_members_less_their_spread():
    """Krogh & Vedelsby 1995: the error of the mean is the mean error minus the ambiguity."""
    x, y = load_diabetes(return_X_y=True)
    data = arrays(x, y[:, None] / 100, "measured", train=120, validation=60, test=60)
    one = replace(ONE, data=data, task=Regression(), loss=SquaredLoss())
    ensemble = Ensemble(of=one, members=3)
    found = scores_of(ensemble, 4, CPU)["test_squared_error"]
    errors, said = [], []
    for name, each in ensemble.trainings().items():
        seed = ensemble.seed_of_need(name, 4)
        errors.append(train(each, seed, CPU).metrics["test_squared_error"])
        outputs = Member(each, seed).outputs()
        said.append(outputs)
    spread = float(torch.stack(said).var(dim=0, correction=0).mean())
    assert spread > 1e-4
    assert found == pytest.approx(float(np.mean(errors)) - spread, rel=1e-5)


class Member:
    """One member, trained alone, and what it says of the test examples."""

    def __init__(self, training: Training, seed: int) -> None:
        from harness.engines.prepared import make_ready

        self.ready = make_ready(training, seed, CPU)
        self.ready.network.take(train_need(training, seed, CPU))

    def outputs(self) -> torch.Tensor:
        return torch.cat([said for said, _ in self.ready.outputs("test")])


@pytest.mark.parametrize("bootstrap", [False, True])
def test_no_member_trains_on_what_another_is_tested_on(bootstrap: bool):
    ensemble = Ensemble(of=ONE, members=3, bootstrap=bootstrap)
    whole = ONE.data.splits(2)
    for name, each in ensemble.trainings().items():
        splits = each.data.splits(ensemble.seed_of_need(name, 2))
        assert torch.equal(splits.test.inputs, whole.test.inputs)
        assert torch.equal(splits.validation.targets, whole.validation.targets)
        own, all_ = ({bytes(one.numpy()) for one in part.train.inputs} for part in (splits, whole))
        assert own <= all_ if bootstrap else own == all_


def test_each_member_of_a_bagged_ensemble_draws_its_own_rows_with_replacement():
    data = OfMember(digits(train=1000, validation=60, test=60), bootstrap=True)
    rows = [data.splits(seed).train.rows for seed in (5000, 5001)]
    assert all(len(each) == 1000 for each in rows)
    shares = [len(each.unique()) / 1000 for each in rows]
    assert shares == pytest.approx([1 - math.exp(-1)] * 2, abs=0.04)
    assert not torch.equal(*rows)
    assert torch.equal(rows[0], data.splits(5000).train.rows)


def test_a_larger_ensemble_shares_the_members_of_a_smaller_one():
    small, large = Ensemble(of=ONE, members=2), Ensemble(of=ONE, members=4)
    assert list(large.trainings().items())[:2] == list(small.trainings().items())
    assert large.trainings()["0"] == ONE, "and an arm that is one of it alone"
    assert [large.seed_of_need(name, 3) for name in large.needs()] == [3, 4001, 4002, 4003]


def test_several_trainings_have_the_seed_of_the_trial():
    wide = replace(ONE, model=MLP(hidden=(16,)))
    both = Ensemble(of=(ONE, wide))
    assert both.trainings() == {"0": ONE, "1": wide}
    assert [both.seed_of_need(name, 3) for name in both.needs()] == [3, 3]
    assert scores_of(both, 0, CPU, test=False).keys() == {"validation_loss", "validation_accuracy"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"of": ONE}, "Ensemble(members=...) must be a whole number of at least 2; got None"),
        ({"of": ONE, "members": 1}, "Ensemble(members=...) must be a whole number of at least 2"),
        ({"of": ONE, "members": 1001}, "Ensemble(members=...) must be at most 1000; got 1001"),
        ({"of": MLP()}, "Ensemble(of=...) must be a Training, or a tuple of at least two; got MLP"),
        ({"of": (ONE,)}, "Ensemble(of=...) must be a Training, or a tuple of at least two"),
        ({"of": (ONE, ONE), "members": 2}, "must have each of them once"),
        ({"of": (ONE, replace(ONE, data=digits())) }, "must have the same data"),
    ],
)  # fmt: skip
def test_what_is_no_ensemble_is_one_clear_line(given: dict[str, Any], said: str):
    with pytest.raises(HarnessError) as caught:
        Ensemble(**given)
    assert said in str(caught.value)


STUDY = '''
"""Are three better than one?"""
from harness import Ensemble, Factor, Higher, Scale, Study, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD


def build(scale, members):
    one = Training(data=digits(train=150, validation=60, test=200), model=MLP(hidden=(8,)),
                   optimizer=SGD(lr=0.1, momentum=0.9), batch_size=25, epochs=4)
    return one if members == 1 else Ensemble(of=one, members=members)


study = Study(
    name="three", question="Are three better than one?", factors=(Factor("members", (1, 2, 3)),),
    build=build, scales={"quick": Scale(seeds=5)},
    claims=(Higher("Three are right more often.", metric="test_accuracy", by=0.01,
                   higher={"members": 3}, lower={"members": 1}),),
)
'''


@pytest.mark.slow
def test_an_ensemble_is_run_judged_and_replayed(command: Any, here: Path) -> None:
    (here / "three.py").write_text(STUDY)
    command("run", "three.py", "--no-profile", "--mode", "plain", code=None)
    frame = table(command, "three.py")
    assert (frame["state"] == "complete").all()
    shared, own = frame[frame["role"] == "need"], frame[frame["role"] == "evaluate"]
    assert len(own) == 15
    seeds = {seed for seed in shared["seed"] if seed >= 1000}
    assert seeds >= {1000 * (seed + 1) + place for seed in range(5) for place in (1, 2)}
    assert len(shared) <= 15, "the second member is shared by both ensembles"
    three = own[own["arm"] == "members=3"].set_index("seed")
    single = own[own["arm"] == "members=1"].set_index("seed")
    assert len(three) == len(single) == 5
    spent = three["cost_seconds"] - single["cost_seconds"]
    assert (spent > 0).all(), "what members took counts"
    verdicts = json.loads((here / "runs" / "three-quick" / "verdicts.json").read_text())
    assert verdicts
    again = command("run", "three.py", "--no-profile", "--mode", "plain", code=None)
    assert len(table(command, "three.py")) == len(frame)
    assert "nothing was trained" in again.stdout + again.stderr
    assert "bit for bit" in command("replay", three.iloc[0]["key"]).stdout
