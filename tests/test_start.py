"""Weights of another network to begin with: what is taken over, what is frozen, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness.clipping import ClipNorm
from harness.data import arrays, digits
from harness.engines.network import Learnt, Network
from harness.engines.plain import Plain
from harness.engines.prepared import Member, check_ready, make_ready, untrained
from harness.messages.errors import HarnessError
from harness.models import CNN, MLP, Start
from harness.optim import SGD
from harness.trainer.train import train, train_need
from harness.training import Training

CPU = torch.device("cpu")
SOURCE = Training(
    data=digits(train=120, validation=60, test=60),
    model=CNN(channels=(4, 6), normalisation="batch", dropout=0.2),
    optimizer=SGD(lr=0.1, momentum=0.9),
    batch_size=20,
    epochs=2,
)
SPLITS = SOURCE.data.splits(0)
FEW = SPLITS.train.targets < 5
OTHERS = arrays(
    SPLITS.train.inputs[FEW].numpy(),
    SPLITS.train.targets[FEW].numpy(),
    "few",
    validation=10,
    test=10,
)
"""Five of the ten classes, so that the head must have another width."""
TARGET = Training(
    data=OTHERS,
    model=Start(from_=SOURCE, freeze=("blocks",), fresh=("head",)),
    optimizer=SGD(lr=0.1),
    batch_size=10,
    epochs=3,
)


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return train_need(SOURCE, 0, CPU)


def begun(training: Training, learnt: Learnt) -> Member:
    return make_ready(training, 0, CPU, {"from_": learnt})


def after(member: Member, epochs: int = 3) -> Network:
    engine = Plain([member])
    for epoch in range(epochs):
        engine.epoch(epoch)
    return member.network


def test_every_part_is_taken_over_but_the_fresh_ones_which_begin_as_from_scratch(learnt: Learnt):
    started = begun(TARGET, learnt).network.learnt()
    scratch = make_ready(replace(TARGET, model=SOURCE.model), 0, CPU).network.learnt()
    assert started.keys() == scratch.keys()
    assert sum("running_mean" in name for name in started) == 2
    for name, each in started.items():
        assert torch.equal(each, (scratch if name.startswith("head") else learnt)[name]), name
        other = learnt if name.startswith("head") else scratch
        assert other[name].shape != each.shape or name.startswith("blocks")


def test_a_frozen_part_stays_bit_for_bit_with_its_statistics_and_the_rest_learns(learnt: Learnt):
    trained = after(begun(TARGET, learnt))
    for name, each in trained.learnt().items():
        if name.startswith("blocks"):
            assert torch.equal(each, learnt[name]), name
    start = begun(TARGET, learnt).network
    assert trained.names == ["head.weight", "head.bias"]
    assert all(not torch.equal(a, b) for a, b in zip(trained.params, start.params, strict=True))


def test_what_is_not_frozen_goes_on_learning(learnt: Learnt):
    fine = replace(TARGET, model=replace(TARGET.model, freeze=()))
    trained = after(begun(fine, learnt)).learnt()
    moved = [name for name in trained if name in learnt and name.startswith("blocks")]
    assert all(not torch.equal(trained[name], learnt[name]) for name in moved)


def test_frozen_features_with_a_new_head_are_a_linear_classifier_on_them(learnt: Learnt):
    """Softmax regression by torch itself, on what the source's features are in evaluation."""
    training = replace(TARGET, clip=ClipNorm(0.5))
    trained = after(begun(training, learnt))
    member = begun(training, learnt)
    module = member.network.module.eval()
    head = nn.Linear(24, 5)
    head.load_state_dict(module.head.state_dict())
    rule = torch.optim.SGD(head.parameters(), lr=0.1)
    for epoch in range(3):
        for rows in member.order(epoch):
            inputs, labels = member.splits.train.pick(rows)
            with torch.no_grad():
                features = module.blocks(member.frame.standardize(inputs)).flatten(1)
            rule.zero_grad()
            F.cross_entropy(head(features), labels).backward()
            nn.utils.clip_grad_norm_(head.parameters(), 0.5)
            rule.step()
    assert torch.allclose(trained.module.head.weight, head.weight, atol=1e-6)
    assert torch.allclose(trained.module.head.bias, head.bias, atol=1e-6)


def test_a_trial_trains_what_it_begins_from_with_its_own_seed(learnt: Learnt):
    by_itself = train(TARGET, 0, CPU)
    given = Plain([begun(TARGET, learnt)])
    assert [given.epoch(epoch)[0][0] for epoch in range(3)] == by_itself.curves["train_loss"]
    assert by_itself.metrics["gradient_norm_first_block"] > 0, "of the first block that is trained"


def test_a_start_may_follow_a_start(learnt: Learnt):
    again = replace(TARGET, model=Start(from_=TARGET, freeze=("head",)))
    assert again.model.model == SOURCE.model
    second = train_need(TARGET, 0, CPU)
    started = begun(again, second).network
    assert "head.weight" not in started.names
    assert all(torch.equal(each, second[name]) for name, each in started.learnt().items())
    assert again.needs() == {"from_": TARGET}
    check_ready(again, 0)


def test_trials_that_begin_from_other_rates_train_together():
    other = replace(SOURCE, optimizer=SGD(lr=0.03))
    assert TARGET.program() == replace(TARGET, model=replace(TARGET.model, from_=other)).program()
    assert TARGET.program() != replace(TARGET, model=replace(TARGET.model, freeze=())).program()


def message(training: Training) -> str:
    with pytest.raises(HarnessError) as caught:
        make_ready(training, 0, CPU, untrained(training, 0))
    return str(caught.value)


def test_a_part_that_does_not_fit_is_named_with_both_shapes():
    text = message(replace(TARGET, model=Start(from_=SOURCE)))
    assert (
        "got head.weight of (5, 24), there of (10, 24); head.bias of (5,), there of (10,)" in text
    )
    assert text.endswith("Write fresh=('head',), or build the parts alike.")


def test_a_part_that_the_source_lacks_is_named():
    deeper = replace(SOURCE.model, channels=(4, 6, 8))
    text = message(replace(TARGET, model=Start(from_=SOURCE, model=deeper, fresh=("head",))))
    assert "blocks.2.0.weight of (8, 6, 3, 3), there none" in text
    assert "Write fresh=('head', 'blocks.2.0', 'blocks.2.1')" in text


@pytest.mark.parametrize("field", ["freeze", "fresh"])
def test_a_part_that_does_not_exist_is_refused_with_near_names(field: str):
    text = message(replace(TARGET, model=Start(from_=SOURCE, **{field: ("hed",)})))
    assert f"Start({field}=...) must name parts that CNN has; got 'hed'. Did you mean head?" in text


def test_a_start_that_takes_over_nothing_is_refused():
    text = message(replace(TARGET, model=Start(from_=SOURCE, fresh=("head", "blocks"))))
    assert "must take over something" in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"freeze": "blocks"}, "Start(freeze=...) must be a tuple of names; got 'blocks'"),
        ({"fresh": ("",)}, "Start(fresh=...) must be a tuple of names"),
        ({"freeze": ("blocks.0",), "fresh": ("blocks",)}, "must not be both frozen and fresh"),
        ({"model": Start(from_=SOURCE)}, "a network that begins with weights of its own"),
    ],
)
def test_a_start_that_makes_no_sense_is_one_clear_line(given: dict[str, object], said: str):
    with pytest.raises(HarnessError) as caught:
        Start(**{"from_": SOURCE, **given})
    assert said in str(caught.value)


def test_what_a_start_begins_from_must_be_a_training():
    with pytest.raises(HarnessError) as caught:
        replace(TARGET, model=Start(from_=MLP()))
    assert "Start(from_=...) must be a Training; got MLP(" in str(caught.value)
