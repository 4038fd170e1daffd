"""Results that there are: nothing is run."""

from harness import Study
from tests.four_ways.question import CLAIMS, FACTORS, METRICS, QUESTION, SCALES

study = Study(
    name="by_results", question=QUESTION, factors=FACTORS, metrics=METRICS, scales=SCALES,
    claims=CLAIMS,
)  # fmt: skip
