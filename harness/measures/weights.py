"""How large the weights are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When


@dataclass(frozen=True)
class WeightNorm:
    """Euclidean norm of all weights, and the share of them that is exactly 0.

    Biases, the parameters of normalisation, and what is not trained are left out. Gives
    ``weight_norm`` and ``zero_weights``, which is from 0 to 1; both 0 where there are no weights.
    """

    when: ClassVar[When] = "end"
    metrics: ClassVar[tuple[Metric, ...]] = defined("weight_norm", "zero_weights")

    def __call__(self, trained: Trained) -> Values:
        """Return both."""
        network = trained.network
        weights = network.vector[network.weights > 0].double()
        zeros = int((weights == 0).sum())
        return {
            "weight_norm": float(weights.norm()),
            "zero_weights": zeros / max(len(weights), 1),
        }
