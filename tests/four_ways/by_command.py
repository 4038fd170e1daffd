"""A command."""

import sys

from harness import Command, Study
from tests.four_ways.question import CLAIMS, FACTORS, METRICS, QUESTION, SCALES

LINE = (
    f"{sys.executable} -m tests.four_ways.script --width {{width}} --lr {{lr}} --epochs {{epochs}} "
    "--seed {seed} --out {folder}"
)

study = Study(
    name="by_command", question=QUESTION, factors=FACTORS, metrics=METRICS, scales=SCALES,
    claims=CLAIMS,
    command=Command(LINE, reads="metrics.json", curve="curve.jsonl", code=("*.py",)),
)  # fmt: skip
