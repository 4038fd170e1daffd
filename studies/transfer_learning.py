"""Does a network that learnt other classes help, and should its features stay as they are?

Lecture notes 000 and 002 know two ways to use a network that was trained before. Both give it a new
last layer. One keeps all below it frozen; the other trains that, too, with a smaller learning rate,
here a tenth. The first is said to suit small training sets. Both stand beside a network that begins
from scratch, on three sizes of training set. The source learns one half of the classes, the target
the other half, so no target image or class was seen before.

Two controls tell what helps. One keeps untrained features frozen: is it what was learnt, or is it
that fewer weights are left to learn? The other trains all layers with one rate: does the smaller
rate matter? Yosinski et al. 2014 (https://arxiv.org/abs/1411.1792) compare frozen, fine-tuned and
untrained layers; Kornblith et al. 2019 (https://arxiv.org/abs/1805.08974) compare frozen,
fine-tuned and from scratch, and find that the benefit fades with the size of the training set.

There is one source a seed, with a fixed learning rate. In every arm the rate is tuned anew, on a
validation set of one size, which may be larger than the training set. All arms take as many steps.
At `quick` the source learns scikit-learn's digits 0 to 4, and the target 5 to 9, of which there are
896: 20, 80 or 320 to train on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness import (
    CrossEntropy,
    Factor,
    Higher,
    Interaction,
    NotWorse,
    Scale,
    Sooner,
    Study,
    Training,
    Tuned,
    Update,
)
from harness.data import Declared, cifar10, digits, mnist
from harness.models import CNN, Start
from harness.optim import SGD

if TYPE_CHECKING:
    from harness.data.draw import Whole
    from harness.data.sizes import Counts
    from harness.data.splits import Part


@dataclass(frozen=True, kw_only=True)
class Classes(Declared):
    """Some classes of a data set, numbered anew from 0 in the order given.

    Attributes:
        of: the data set; its own sizes do not count.
        chosen: the numbers that its classes have there.
    """

    of: Declared
    chosen: tuple[int, ...]

    @property
    def title(self) -> str:
        """Its name in messages and reports."""
        return f"{self.of.title}, classes {', '.join(map(str, self.chosen))}"

    @property
    def source(self) -> str:
        """What it is loaded from."""
        return f"{self.of.source} {self.chosen}"

    @property
    def dtype(self) -> str:
        """What inputs are kept as."""
        return self.of.dtype

    def prepare(self) -> None:
        """Make sure that the whole data set is there."""
        self.of.prepare()

    def notes(self) -> tuple[str, ...]:
        """Return what is said of the whole data set."""
        return self.of.notes()

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return self.of.shape()

    def counts(self) -> Counts:
        """Return how many examples there are of each class that was chosen."""
        known = self.of.counts()
        rest, test = (self._of_chosen(each) for each in (known.rest, known.test))
        assert rest is not None
        return replace(known, rest=rest, test=test)

    def _of_chosen(self, counts: Sequence[int] | None) -> tuple[int, ...] | None:
        return None if counts is None else tuple(counts[number] for number in self.chosen)

    def load(self) -> Whole:
        """Return the examples of the chosen classes."""
        whole = self.of.load()
        rest, test = self._part(whole.rest), whole.test
        test = None if test is None else self._part(test)
        return replace(whole, rest=rest, test=test, classes=len(self.chosen))

    def _part(self, part: Part) -> Part:
        """Keep the examples of some classes; targets int64 ``[n]`` from 0 on."""
        chosen = part.targets.new_tensor(self.chosen)
        is_of = part.targets[:, None] == chosen  # [n, chosen classes]
        rows = is_of.any(1)
        return type(part)(part.inputs[rows], is_of[rows].int().argmax(1))


def source(scale: Scale) -> Training:
    return Training(
        data=scale.source,
        model=scale.network,
        optimizer=SGD(lr=scale.source_lr, momentum=0.9),
        batch_size=scale.batch_size,
        epochs=scale.epochs,
    )


def build(scale: Scale, way: str, share: float, lr: float) -> Training:
    loss, rule = CrossEntropy(), SGD(lr=lr, momentum=0.9)
    learnt = Start(from_=source(scale), fresh=("head",))
    head, everything = Update("head", loss, rule), Update("", loss, rule)
    # of one step, the head's follows that of the layers below, on the same batch
    below = Update("blocks", loss, replace(rule, lr=lr / 10))
    model, updates = {
        "from scratch": (scale.network, (everything,)),
        "untrained, frozen": (scale.network, (head,)),
        "frozen": (replace(learnt, freeze=("blocks",)), (head,)),
        "fine-tuned": (learnt, (below, head)),
        "fine-tuned, one rate": (learnt, (everything,)),
    }[way]
    return Training(
        data=replace(scale.target, train=round(share * scale.target.train)),
        model=model,
        updates=updates,
        batch_size=scale.batch_size,
        epochs=round(scale.epochs / share),  # as many steps, whatever the share
    )


WAYS = ("from scratch", "untrained, frozen", "frozen", "fine-tuned", "fine-tuned, one rate")
FEW, SOME, MANY = ({"share": share} for share in (0.0625, 0.25, 1.0))
SCRATCH, UNTRAINED, FROZEN, FINE, ONE_RATE = ({"way": way} for way in WAYS)
LOW, HIGH = tuple(range(5)), tuple(range(5, 10))

study = Study(
    name="transfer_learning",
    question="Does a network that learnt other classes help, and should its features stay?",
    factors=(Factor("way", WAYS), Factor("share", (1.0, 0.25, 0.0625))),
    tuned=(Tuned("lr", 0.001, 0.3, log=True, trials=6),),
    build=build,
    scales={
        "quick": Scale(
            source=Classes(of=digits(), chosen=LOW, train=500, validation=150, test=150),
            target=Classes(of=digits(), chosen=HIGH, train=320, validation=150, test=400),
            network=CNN((8, 16)), source_lr=0.03, batch_size=20, epochs=12, seeds=5, tuning=4,
        ),
        "standard": Scale(
            source=Classes(of=mnist(), chosen=LOW, train=8000, validation=1000, test=4000),
            target=Classes(of=mnist(), chosen=HIGH, train=1600, validation=500, test=4000),
            network=CNN((16, 32)), source_lr=0.03, batch_size=50, epochs=20, seeds=5,
        ),
        "full": Scale(
            source=Classes(of=cifar10(), chosen=LOW, train=20_000, validation=5000),
            target=Classes(of=cifar10(), chosen=HIGH, train=16_000, validation=5000),
            network=CNN((32, 64, 128)), source_lr=0.03, batch_size=100, epochs=40, seeds=10,
        ),
    },
    claims=(
        Higher(
            "With the fewest images, a frozen body is better than beginning from scratch.",
            metric="test_accuracy", higher=FROZEN | FEW, lower=SCRATCH | FEW, by=0.02,
            source="lecture notes 000 and 002",
        ),
        Higher(
            "With the fewest images, fine-tuning is better than beginning from scratch.",
            metric="test_accuracy", higher=FINE | FEW, lower=SCRATCH | FEW, by=0.02,
            source="lecture notes 000 and 001; Kornblith et al. 2019",
        ),
        Interaction(
            "Fine-tuning gains more over beginning from scratch, the fewer images there are.",
            metric="test_accuracy", of=(FINE, SCRATCH), at=(FEW, MANY), by=0.02,
            source="Kornblith et al. 2019; lecture notes 001",
        ),
        NotWorse(
            "With the fewest images, a frozen body is not worse than fine-tuning.",
            metric="test_accuracy", arm=FROZEN | FEW, than=FINE | FEW, by=0.02,
            source="lecture notes 002",
        ),
        Higher(
            "With the most images, fine-tuning is better than a frozen body.",
            metric="test_accuracy", higher=FINE | MANY, lower=FROZEN | MANY, by=0.01,
            source="Yosinski et al. 2014, section 4; Kornblith et al. 2019",
        ),
        NotWorse(
            "With the most images, fine-tuning is not worse than beginning from scratch.",
            metric="test_accuracy", arm=FINE | MANY, than=SCRATCH | MANY, by=0.01,
            source="Yosinski et al. 2014, section 4",
        ),
        Higher(
            "Frozen, learnt features are better than untrained ones.",
            metric="test_accuracy", higher=FROZEN, lower=UNTRAINED, by=0.02,
            source="Yosinski et al. 2014, section 4.3",
        ),
        Higher(
            "With the fewest images, a smaller rate below is better than one rate.",
            metric="test_accuracy", higher=FINE | FEW, lower=ONE_RATE | FEW, by=0.01,
            source="lecture notes 002",
        ),
        Sooner(
            "Fine-tuning reaches 80 % in fewer steps than beginning from scratch.",
            metric="validation_accuracy", reaches=0.8, sooner=FINE | SOME, later=SCRATCH | SOME,
            by=0.2, source="lecture notes 000",
        ),
        Interaction(
            "Fine-tuning gains more over a frozen body, the more images there are.",
            metric="test_accuracy", of=(FINE, FROZEN), at=(MANY, FEW), by=0.02, primary=False,
            source="lecture notes 002",
        ),
    ),
)  # fmt: skip
