"""The metrics a trial records: name, unit and direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Unit = str
Better = Literal["higher", "lower"]
Replicate = Literal["seed", "round", ""]
Source = Literal["build", "train", "command", "results"]
"""Who gives a study's metrics: the harness's trainer, the user's function, a command, or others,
whose results are judged and nothing is run."""


STEP = "step"
"""The name of the curve that says at which steps the others were reported, where not at every."""


@dataclass(frozen=True)
class Metric:
    """One number that a trial gives.

    Attributes:
        name: the key in records and claims.
        title: the name on an axis; made of the name where none is given.
        unit: ``"fraction"`` (0 to 1, printed as per cent), ``"%"`` (0 to 100; differences of both
            are in ``"pp"``), ``"s"``, ``"B"``, or any other as it is to be printed, such as
            ``"nats"``, ``"pp"`` or ``"°C"``.
        better: which direction is good; ``None`` if neither is.
        meaning: one sentence for the glossary.
        least: the smallest value that it can have.
        relative: whether it is compared by ratio: claims then look at logarithms, effects and
            intervals are differences of logarithms, printed as ratios, and a margin of 0.05 is a
            ratio of 1.05, or of 1 / 1.05 the other way.
        replicate: what repeats it: a new ``"seed"``, a new ``"round"`` of timing, or nothing
            (``""``) if measuring again gives the same number to the last digit.

    Example:
        >>> from harness import Metric
        >>> from harness.study.metrics import METRICS
        >>> Metric("test_error", unit="°C", better="lower").title
        'Test error'
        >>> METRICS["test_accuracy"].unit, METRICS["test_accuracy"].better
        ('fraction', 'higher')
    """

    name: str
    title: str = ""
    unit: Unit = ""
    better: Better | None = None
    meaning: str = "As the study's own code gives it."
    least: float = -math.inf
    relative: bool = False
    replicate: Replicate = "seed"

    def __post_init__(self) -> None:
        if not self.title and isinstance(self.name, str):
            words = self.name.replace("_", " ")
            object.__setattr__(self, "title", words[:1].upper() + words[1:])

    def _called(self, field: str) -> str:
        return f"Metric({self.name!r}, {field}=...)"

    def scaled(self, value: float) -> float:
        """Return a value on the scale on which claims compare it; NaN where it has none there."""
        if not self.relative:
            return value
        return math.log(value) if 0 < value < math.inf else math.nan

    def margin(self, by: float) -> float:
        """Return a claim's margin on the scale of effects."""
        return math.log1p(by) if self.relative else by


def _split_metrics() -> list[Metric]:
    splits = {
        "train": "the examples trained on, in evaluation mode, after the last step",
        "validation": "examples held out of training, drawn anew for each seed",
        "test": "test examples, which the training of this seed has not seen",
    }
    out = []
    for split, where in splits.items():
        title = split.capitalize()
        out += [
            Metric(f"{split}_loss", f"{title} loss", "nats", "lower",
                   f"Mean cross-entropy on {where}.", least=0),
            Metric(f"{split}_accuracy", f"{title} accuracy", "fraction", "higher",
                   f"Share classified correctly of {where}.", least=0),
            Metric(f"{split}_squared_error", f"{title} squared error", "", "lower",
                   f"Mean squared error on {where}, in squares of the target's unit; of inputs "
                   "that are rebuilt, standardised.", least=0),
            Metric(f"{split}_absolute_error", f"{title} absolute error", "", "lower",
                   f"Mean absolute error on {where}, in the target's unit; of inputs that are "
                   "rebuilt, standardised.", least=0),
            Metric(f"{split}_r2", f"{title} R²", "", "higher",
                   f"Share of the target's variance that is explained on {where}; 0 is what the "
                   "mean of these examples would give, and less is worse than that."),
            Metric(f"{split}_perplexity", f"{title} perplexity", "", "lower",
                   f"e to the power of the mean cross-entropy in nats on {where}; 1 is certain, "
                   "the number of classes is a guess.", least=1),
            Metric(f"{split}_iou", f"{title} IoU", "fraction", "higher",
                   f"Intersection over union, mean over classes, on {where}.", least=0),
            Metric(f"{split}_border_iou", f"{title} border IoU", "fraction", "higher",
                   f"The same of the pixels within one of a border, on {where}.", least=0),
            Metric(f"{split}_frechet_distance", f"{title} Fréchet distance", "", "lower",
                   f"Fréchet distance between features of what is made and of {where}.", least=0),
        ]  # fmt: skip
    return out


TESTED = ("test_accuracy", "test_loss", "test_squared_error", "test_frechet_distance")
"""What shows best how well a network does, of each task, where no claim says what matters."""

FAILED = Metric(
    "failed",
    "Failed runs",
    "fraction",
    "lower",
    "Share of runs that diverged or failed otherwise; in a claim on several arms, of seeds in "
    "which one of them did.",
    least=0,
)
"""Counts runs without a trained model; a claim may be about it."""

SOONER = Metric(
    "sooner",
    "Seeds first to the target",
    "fraction",
    "higher",
    "Share of seeds in which an arm comes to a target before another, which may never come to it.",
    least=0,
)
"""The effect of a claim on the time to a target."""

COUNTED: frozenset[str] = frozenset({FAILED.name, SOONER.name})
"""Metrics that are counted over seeds: yes or no in each."""

COSTS: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        Metric(
            "parameters", "Parameters", "", "lower", "Number of trainable parameters.",
            least=0, relative=True, replicate="",
        ),
        Metric(
            "flops_per_step", "FLOPs per step", "", "lower",
            "Floating-point operations of the matrix products and convolutions of a training step.",
            least=0, relative=True, replicate="",
        ),
        Metric(
            "peak_bytes", "Peak memory", "B", "lower",
            "Most memory in use at a time within a warm training step.",
            least=0, relative=True, replicate="",
        ),
        Metric(
            "step_seconds", "Time per step", "s", "lower",
            "Time of a training step, alone on the machine, by rounds in processes of their own.",
            least=0, relative=True, replicate="round",
        ),
        Metric(
            "samples_per_second", "Samples per second", "", "higher",
            "Samples trained on per second, alone on the machine, by rounds in processes of their "
            "own.",
            least=0, relative=True, replicate="round",
        ),
    ]
}  # fmt: skip
"""What an arm costs, apart from any training; how it is timed: :mod:`harness.judging.rounds`."""

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        *_split_metrics(),
        Metric(
            "generalisation_gap",
            "Generalisation gap",
            "nats",
            "lower",
            "Test loss less training loss, both after the last step.",
        ),
        Metric(
            "gradient_norm_first_block",
            "Gradient norm, first block",
            "",
            None,
            "Euclidean norm, at the start, of the first batch's loss gradient with respect to "
            "the parameters of the network's first block.",
            least=0,
        ),
        Metric(
            "test_calibration_error",
            "Test calibration error",
            "fraction",
            "lower",
            "Expected calibration error on test examples: the mean distance between confidence "
            "and accuracy, over 15 bins of confidence of equal width.",
            least=0,
        ),
        Metric(
            "weight_norm",
            "Weight norm",
            "",
            None,
            "Euclidean norm of all weights after the last step, biases and normalisation left out.",
            least=0,
        ),
        Metric(
            "zero_weights",
            "Zero weights",
            "fraction",
            None,
            "Share of weights that are exactly 0 after the last step, biases and normalisation "
            "left out.",
            least=0,
        ),
        Metric(
            "teacher_agreement",
            "Agreement with the teacher",
            "fraction",
            "higher",
            "Share of test examples for which the network and its teacher predict the same class.",
            least=0,
        ),
        Metric(
            "teacher_divergence",
            "Divergence from the teacher",
            "nats",
            "lower",
            "Mean Kullback-Leibler divergence of the network's predictions from its teacher's on "
            "test examples, at temperature 1.",
            least=0,
        ),
        Metric(
            "activation_variance_ratio",
            "Activation variance, last over first layer",
            "",
            None,
            "Variance of the outputs of the last hidden layer over that of the first, before "
            "activations, on the first batch; 1 where signals neither grow nor shrink.",
            least=0,
        ),
        Metric(
            "dead_units",
            "Dead units",
            "fraction",
            "lower",
            "Share of hidden units that are 0 after the activation on every one of a fixed number "
            "of training examples.",
            least=0,
        ),
        Metric(
            "gradient_norm_ratio",
            "Gradient norm, first over last layer",
            "",
            None,
            "Norm of the first batch's loss gradient at the start with respect to the first "
            "layer's weights, over that for the last layer's; towards 0 where gradients vanish.",
            least=0,
        ),
        Metric(
            "sharpness_worst",
            "Sharpness, worst case",
            "nats",
            "lower",
            "Rise of the cross-entropy on a fixed number of training examples under the worst "
            "perturbation of the parameters found within a given length, relative to their size.",
            least=0,
        ),
        Metric(
            "sharpness_random",
            "Sharpness, random",
            "nats",
            "lower",
            "Mean rise of the cross-entropy on a fixed number of training examples under normal "
            "random perturbations of the parameters, relative to their size.",
        ),
        Metric(
            "gradient_noise_scale",
            "Gradient noise scale, in examples",
            "",
            None,
            "Variance of the gradient from example to example over its squared mean: about the "
            "batch size above which larger batches no longer pay.",
            least=0,
        ),
        Metric(
            "variance_shift",
            "Variance shift",
            "",
            "lower",
            "Factor between the variance that batch normalisation divides by in evaluation and "
            "the one that its inputs then have, whichever is larger, mean over its channels and "
            "layers; 1 is none.",
            least=1,
        ),
        Metric(
            "occluded_accuracy",
            "Accuracy, occluded",
            "fraction",
            "higher",
            "Share of test images classified correctly when a black square hides a random place "
            "of each.",
            least=0,
        ),
        Metric(
            "noisy_accuracy",
            "Accuracy, noisy",
            "fraction",
            "higher",
            "Share of test examples classified correctly with normal random noise added.",
            least=0,
        ),
        Metric(
            "pruned_accuracy",
            "Accuracy, pruned",
            "fraction",
            "higher",
            "Share of test examples classified correctly when a given share of the weights, the "
            "smallest ones, is set to 0 after training.",
            least=0,
        ),
    ]
}
"""Every metric of the harness that is one number, by name."""

BY_LAYER: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        Metric(
            "activation_variance",
            "Activation variance",
            "",
            None,
            "Variance of the outputs of each layer with weights, before activations, on the first "
            "batch.",
            least=0,
        ),
        Metric(
            "gradient_norm",
            "Gradient norm",
            "",
            None,
            "Euclidean norm of the first batch's loss gradient at the start with respect to each "
            "layer's weights.",
            least=0,
        ),
        Metric(
            "variance_shift_by_layer",
            "Variance shift by layer",
            "",
            "lower",
            "The variance shift of each layer of batch normalisation, mean over its channels.",
            least=1,
        ),
    ]
}
"""Every metric of the harness that is a number for each layer, by name; no claim is about them."""


def defined(*names: str) -> tuple[Metric, ...]:
    """Return the harness's metrics of these names, those by layer among them."""
    return tuple(BY_LAYER[name] if name in BY_LAYER else METRICS[name] for name in names)


GIVEN_BY: dict[str, str] = {
    "activation_variance": "ActivationVariance",
    "activation_variance_ratio": "ActivationVariance",
    "test_calibration_error": "Calibration",
    "dead_units": "DeadUnits",
    "gradient_norm_first_block": "FirstBlockGradient",
    "gradient_noise_scale": "GradientNoise",
    "gradient_norm": "GradientNorms",
    "gradient_norm_ratio": "GradientNorms",
    "noisy_accuracy": "Noisy",
    "occluded_accuracy": "Occluded",
    "pruned_accuracy": "PrunedAccuracy",
    "sharpness_worst": "Sharpness",
    "sharpness_random": "Sharpness",
    "teacher_agreement": "TeacherAgreement",
    "teacher_divergence": "TeacherAgreement",
    "variance_shift_by_layer": "VarianceShift",
    "variance_shift": "VarianceShift",
    "weight_norm": "WeightNorm",
    "zero_weights": "WeightNorm",
}
"""The measure that gives a metric, by the names of both; a test holds them to harness.measures."""
