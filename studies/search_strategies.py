"""Which way to search settings finds the best ones at equal cost?

Lecture notes say that random settings beat a grid of as many, because few settings matter and a
grid tries few values of each (Bergstra & Bengio 2012, https://jmlr.org/papers/v13/bergstra12a.html),
and that a search which learns from what it saw beats both: by TPE (Bergstra et al. 2011,
https://papers.nips.cc/paper/4443) or a Gaussian process (Snoek et al. 2012,
https://arxiv.org/abs/1206.2944). The more a search looks at validation examples, the better its
best value looks beside the truth (Cawley & Talbot 2010, https://jmlr.org/papers/v11/cawley10a.html).

One trial here is one whole search by the harness's own `Asking`, in batches as a user gets them: an
eighth of the budget, 16 at most. Its seed decides the split of scikit-learn's digits, the initial
weights and what the sampler draws; a grid is moved by a random part of its spacing, so that a
verdict is about grids and not about one that happened to lie well. What it found is then trained
on five fresh seeds, and judged on test images: by the middle one, and by the worst, for a setting
that did well once may diverge the next time. One arm has the best three settings of three quarters
of the budget tried again with the rest, as `harness search` does (Schneider et al. 2025,
https://arxiv.org/abs/2506.19540, say how often a search chooses wrongly).

Two spaces tell why a grid loses, if it does: one has learning rate (over Bergstra & Bengio's range)
and momentum alone, the other weight decay and the slope of the activation as well, over ranges in
which they should hardly matter; how far each moves the loss is measured around the setting found.
At `quick` a network of 64-32-10 has 300 images, so that a search takes a second.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import mean, median
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from harness import (
    Arms,
    Choice,
    Context,
    Factor,
    Float,
    Higher,
    Interaction,
    Metric,
    NotWorse,
    Scale,
    Sooner,
    Study,
)
from harness.planning.asking import Asking, Told
from harness.study.metrics import Better
from harness.study.searching import Searching

MATTER = (Float("lr", 0.001, 10.0, log=True), Float("momentum", 0.0, 0.99))
HARDLY = (Float("weight_decay", 1e-7, 1e-3, log=True), Float("slope", 0.0, 0.3))
SPACES = {"two": MATTER, "four": (*MATTER, *HARDLY)}
CHANCE = math.log(10)  # nats: the loss of a network that knows nothing
FRESH = 5  # seeds on which what was found is trained
AGAIN = 3  # the best settings that are tried again, on as many seeds

Settings = Mapping[str, float]


@dataclass(frozen=True)
class Digits:
    """Images and classes of one split."""

    train: tuple[torch.Tensor, torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]


def split(context: Context, name: str) -> Digits:
    """Draw training and validation images; the test images of a trial are always the same."""
    scale = context.scale
    images, classes = map(torch.as_tensor, load_digits(return_X_y=True))
    tests = torch.Generator().manual_seed(context.seed_for("test images"))
    order = torch.randperm(len(images), generator=tests)
    rest = order[scale.test :]
    drawn = torch.Generator().manual_seed(context.seed_for(f"split, {name}"))
    rest = rest[torch.randperm(len(rest), generator=drawn)]
    parts = (rest[: scale.train], rest[scale.train :][: scale.validation], order[: scale.test])
    return Digits(*((images[rows].float() / 16, classes[rows]) for rows in parts))


class Networks:
    """Networks of one hidden layer, one for each setting, trained side by side from one start."""

    def __init__(self, settings: Sequence[Settings], width: int, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.shape = (len(settings), 1, 1)
        self.lr, self.momentum, self.decay, self.slope = (
            torch.tensor([each[name] for each in settings]).reshape(self.shape)
            for name in ("lr", "momentum", "weight_decay", "slope")
        )
        self.weights = [self._layer(64, width), self._layer(width, 10)]
        self.moving = [torch.zeros_like(each) for each in self.weights]

    def _layer(self, inputs: int, outputs: int) -> torch.Tensor:
        """Return He's weights, and a last row of biases."""
        weights = torch.randn(inputs, outputs, generator=self.random) * math.sqrt(2 / inputs)
        layer = torch.cat((weights, torch.zeros(1, outputs)))
        return layer.repeat(self.shape).requires_grad_()

    def losses(self, images: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the mean loss of each network, and the share that it classifies wrongly."""
        one, two = self.weights
        hidden = images @ one[:, :-1] + one[:, -1:]
        hidden = torch.where(hidden > 0, hidden, self.slope * hidden)
        logits = (hidden @ two[:, :-1] + two[:, -1:]).transpose(1, 2)
        targets = classes.expand(len(logits), -1)
        loss = functional.cross_entropy(logits, targets, reduction="none").mean(1)
        return loss, (logits.argmax(1) != targets).float().mean(1)

    def trained(self, images: torch.Tensor, classes: torch.Tensor, epochs: int) -> "Networks":
        """Train all of them by SGD on the same batches, and return them."""
        for _ in range(epochs):
            order = torch.randperm(len(images), generator=self.random)
            for first in range(0, len(images), 32):
                rows = order[first : first + 32]
                loss, _ = self.losses(images[rows], classes[rows])
                gradients = torch.autograd.grad(loss.sum(), self.weights)
                with torch.no_grad():
                    for layer, moved, gradient in zip(
                        self.weights, self.moving, gradients, strict=True
                    ):
                        moved.mul_(self.momentum).add_(gradient + self.decay * layer)
                        layer.sub_(self.lr * moved)
        return self

    def measured(self, part: tuple[torch.Tensor, torch.Tensor]) -> list[tuple[float, float]]:
        """Return loss, no worse than chance, and share of errors for each network."""
        with torch.no_grad():
            losses, errors = self.losses(*part)
        pairs = zip(losses.tolist(), errors.tolist(), strict=True)
        return [(loss if loss < CHANCE else CHANCE, error) for loss, error in pairs]


def validation_losses(context: Context, data: Digits, settings: Sequence[Settings]) -> list[float]:
    """Train each setting as a search does, all from one start, and return its loss."""
    networks = Networks(settings, context.scale.width, context.seed_for("weights"))
    networks.trained(*data.train, context.scale.epochs)
    return [loss for loss, _ in networks.measured(data.validation)]


def whole(settings: Mapping[str, Any]) -> Settings:
    """Return settings with the middle of the space for those that are not searched."""
    return {each.name: each.start for each in SPACES["four"]} | dict(settings)


def at(setting: Float, place: float) -> float:
    """Return the value at a place of a setting's space, from 0 to 1."""
    if setting.log:
        return setting.rounded(setting.low * (setting.high / setting.low) ** place)
    return setting.rounded(setting.low + (setting.high - setting.low) * place)


def grid(space: Sequence[Float], sizes: Sequence[int], seed: int) -> tuple[Choice, ...]:
    """Return a grid of so many values for each setting, moved by a random part of its spacing."""
    moved = torch.rand(len(sizes), generator=torch.Generator().manual_seed(seed)).tolist()
    return tuple(
        Choice(each.name, tuple(at(each, (place + part) / size) for place in range(size)))
        for each, size, part in zip(space, sizes, moved, strict=True)
    )


def long_search(context: Context) -> dict[str, float]:
    """Try many random settings on one split; the best of them is the best known."""
    random = torch.Generator().manual_seed(context.seed_for("long search"))
    names, data = SPACES["four"], split(context, "search")
    places = torch.rand(context.scale.known, len(names), generator=random).tolist()
    settings = [
        {each.name: at(each, place) for each, place in zip(names, row, strict=True)}
        for row in places
    ]
    best = min(
        min(validation_losses(context, data, settings[first : first + 32]))
        for first in range(0, len(settings), 32)
    )
    (context.folder / "best").write_text(repr(best))
    return {"best": best}


def train(context: Context, strategy: str, space: str) -> dict[str, float]:
    """Search once, and find out what it found is worth."""
    scale, data = context.scale, split(context, "search")
    best_known = float((context.given["long_search"] / "best").read_text())
    sampler, _, confirmed = strategy.partition(", ")
    settings: Sequence[Float | Choice] = SPACES[space]
    if sampler == "grid":
        settings = grid(SPACES[space], scale.grids[space], context.seed_for("grid"))
    trials = math.prod(scale.grids["four"])
    wanted = trials - AGAIN * AGAIN if confirmed else trials
    searching = Searching(
        tuple(settings), ("loss",), trials=trials, sampler=sampler, batch=scale.batch
    )
    asking = Asking(searching, ("minimize",), f"{context.seed_for('sampler')}")
    told: list[Told] = []
    notes: Mapping[str, object] = {}
    for batch in count():
        if len(told) == wanted:
            break
        size = min(searching.at_a_time, wanted - len(told))
        asked, notes = asking.batch(told, size, batch, notes)
        tried = [whole(each.settings) for each in asked]
        for each, loss in zip(asked, validation_losses(context, data, tried), strict=True):
            told.append(Told(each.settings, (loss,), notes=each.notes))
            best = min(one.values[0] for one in told)
            context.report(len(told) - 1, above_best=best - best_known)
    ranked = sorted(told, key=lambda one: one.values)
    found, seen = whole(ranked[0].settings), ranked[0].values[0]
    if confirmed:
        best_few = [whole(each.settings) for each in ranked[:AGAIN]]
        found, seen = min(
            (
                (each, mean(on_seeds(context, each, "again", AGAIN, test=False)[0]))
                for each in best_few
            ),
            key=lambda pair: pair[1],
        )
    losses, errors = on_seeds(context, found, "fresh", FRESH, test=True)
    return {
        "test_loss": median(losses),
        "worst_test_loss": max(losses),
        "test_error": median(errors),
        "validation_loss": seen,
        "optimism": median(losses) - seen,
        **effects(context, data, found),
    }


def on_seeds(
    context: Context, found: Settings, name: str, seeds: int, *, test: bool
) -> tuple[list[float], list[float]]:
    """Train a setting from other weights on other images; return losses and errors."""
    pairs = []
    for place in range(seeds):
        data = split(context, f"{name} {place}")
        networks = Networks([found], context.scale.width, context.seed_for(f"{name} {place}"))
        networks.trained(*data.train, context.scale.epochs)
        pairs += networks.measured(data.test if test else data.validation)
    return [loss for loss, _ in pairs], [error for _, error in pairs]


def effects(context: Context, data: Digits, found: Settings) -> dict[str, float]:
    """Return how far each setting alone moves the loss when it goes through its space."""
    names, steps = [each.name for each in SPACES["four"]], range(7)
    moved = [
        {**found, each.name: at(each, step / steps[-1])}
        for each in SPACES["four"]
        for step in steps
    ]
    losses = iter(validation_losses(context, data, moved))
    rows = {name: [next(losses) for _ in steps] for name in names}
    return {f"effect_of_{name}": max(row) - min(row) for name, row in rows.items()}


def metric(name: str, meaning: str, unit: str = "nats", better: Better = "lower") -> Metric:
    return Metric(name, unit=unit, better=better, meaning=meaning)


STRATEGIES = ("random", "grid", "tpe", "gp", "tpe, confirmed")
RANDOM, GRID, TPE, GP, CONFIRMED = ({"strategy": name, "space": "four"} for name in STRATEGIES)
study = Study(
    name="search_strategies",
    question="Which way to search settings finds the best ones at equal cost?",
    factors=(Factor("strategy", STRATEGIES), Factor("space", ("four", "two"))),
    design=Arms({
        **{name: {"strategy": name, "space": "four"} for name in STRATEGIES},
        "random of two": {"strategy": "random", "space": "two"},
        "grid of two": {"strategy": "grid", "space": "two"},
    }),
    train=train,
    needs={"long_search": long_search},
    objective="validation_loss",
    metrics=(
        metric("test_loss", f"On test images, by what was found: the middle of {FRESH} seeds."),
        metric("worst_test_loss", f"The same, the worst of {FRESH} seeds."),
        metric("test_error", f"The same in errors, the middle of {FRESH} seeds.", "fraction"),
        metric("validation_loss", "The best that the search has seen; where confirmed, the mean."),
        metric("optimism", "By how much test loss is worse than what the search has seen."),
        metric("above_best", "The best by now, less the best of a long random search."),
        *(
            Metric(f"effect_of_{each.name}", unit="nats",
                   meaning="How far it moves the loss around the setting that was found.")
            for each in SPACES["four"]
        ),
    ),
    scales={
        "quick": Scale(
            train=300, validation=200, test=1000, width=32, epochs=15, batch=4, known=256, seeds=10,
            grids={"two": (6, 6), "four": (3, 3, 2, 2)},
        ),
        "standard": Scale(
            train=600, validation=200, test=900, width=64, epochs=20, batch=10, known=1024,
            seeds=20, grids={"two": (9, 9), "four": (3, 3, 3, 3)},
        ),
        "full": Scale(
            train=600, validation=200, test=900, width=128, epochs=40, batch=16, known=4096,
            seeds=20, grids={"two": (16, 16), "four": (4, 4, 4, 4)},
        ),
    },
    claims=(
        Higher(
            "Where two of four settings hardly matter, random ones beat a grid of as many.",
            metric="test_loss", higher=GRID, lower=RANDOM, by=0.02,
            source="Bergstra & Bengio 2012, section 1",
        ),
        Interaction(
            "A grid loses more on random settings there than where only two that matter are tried.",
            metric="test_loss", by=0.02, of=({"strategy": "grid"}, {"strategy": "random"}),
            at=({"space": "four"}, {"space": "two"}),
            source="Bergstra & Bengio 2012, figure 1",
        ),
        Higher(
            "TPE finds better settings than random ones are.",
            metric="test_loss", higher=RANDOM, lower=TPE, by=0.02,
            source="Bergstra et al. 2011, section 6",
        ),
        Higher(
            "A Gaussian process finds better settings than random ones are.",
            metric="test_loss", higher=RANDOM, lower=GP, by=0.02,
            source="Snoek et al. 2012, section 4",
        ),
        NotWorse(
            "A Gaussian process finds no worse settings than TPE.",
            metric="test_loss", arm=GP, than=TPE, by=0.02, source="Snoek et al. 2012, section 4.1",
        ),
        Sooner(
            "TPE comes within 0.02 nats of the best known after fewer settings than random search.",
            metric="above_best", reaches=0.02, sooner=TPE, later=RANDOM, by=0.2,
            source="Bergstra et al. 2011, section 6",
        ),
        Sooner(
            "A Gaussian process comes within 0.02 nats of it after fewer than random search.",
            metric="above_best", reaches=0.02, sooner=GP, later=RANDOM, by=0.2,
            source="Snoek et al. 2012, section 4",
        ),
        Higher(
            "With a quarter of the budget on trying the best again, the worst seed is better.",
            metric="worst_test_loss", higher=TPE, lower=CONFIRMED, by=0.1,
            source="Schneider et al. 2025, abstract",
        ),
        Higher(
            "What the search itself has seen is better by TPE than by random settings.",
            metric="validation_loss", higher=RANDOM, lower=TPE, by=0.02, primary=False,
        ),
        Higher(
            "What TPE finds looks better beside the truth than what random search finds.",
            metric="optimism", higher=TPE, lower=RANDOM, by=0.02, primary=False,
            source="Cawley & Talbot 2010",
        ),
        Higher(
            "Tried again, the best looks no longer so much better than it is.",
            metric="optimism", higher=TPE, lower=CONFIRMED, by=0.02, primary=False,
            source="Schneider et al. 2025",
        ),
        Higher(
            "What TPE finds errs less on test images than what random search finds.",
            metric="test_error", higher=RANDOM, lower=TPE, by=0.01, primary=False,
        ),
    ),
)  # fmt: skip
