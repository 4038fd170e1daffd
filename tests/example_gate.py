"""A gate's result with everything in it, for tests of what is written and shown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from harness.gate.outcome import Control, GateResult, Revision, Row

STEP = Row(
    "bench:train", "step", "s", "time", "lower", "fail", base=0.0101, head=0.0114, change=0.128,
    low=0.091, high=0.166, pairs=12, why="Head is slower, by 5 % or more.", detectable=0.08,
)  # fmt: skip
FLOPS = Row(
    "bench:train", "flops", "count", "exact", "lower", "pass", base=541_065_216.0,
    head=541_065_216.0, change=0.0, why="The same.",
)  # fmt: skip
CLONE = Row(
    "bench:train", "operators/aten::clone", "count", "exact", "lower", "fail", base=0.0, head=2.0,
    change=math.inf, why="The base never calls this operator; head calls it 2 times.",
)  # fmt: skip
RATE = Row(
    "study.py#plain", "throughput", "per s", "time", "higher", "inconclusive", base=5120.0,
    head=4890.0, change=-0.045, low=-0.12, high=0.03, pairs=30,
    why="30 pairs could not tell.", detectable=0.11,
)  # fmt: skip
PEAK = Row(
    "bench:train", "peak", "bytes", "exact", "lower", "pass", base=1_048_576.0, head=1_048_575.0,
    change=-1e-6, why="Better.",
)  # fmt: skip
NEW = Row("bench:load", "step", "s", "time", "lower", "new", head=0.002, why="No base.")
CONTROL = Control("bench:train", "step", 0.004, -0.012, 0.021, 0.031, alarm=False)


def example(**changes: Any) -> GateResult:
    """A gate that failed."""
    result = GateResult(
        Revision("base", "1a2b3c4d5e6f7890", "1a2b3c4 Loader | pinned"),
        Revision("head", "9f8e7d6c5b4a3210", "9f8e7d6 A faster *loader*"),
        (FLOPS, STEP, CLONE, RATE, PEAK, NEW),
        controls=(CONTROL,),
        notes=("numpy differs: 2.0 and 2.1.",),
        repeat="harness gate --base 1a2b3c4 bench:train",
        machine={"cpu": "A processor", "flags": "avx avx2 fma", "cpus": "2", "torch": "2.15.0"},
        fingerprint="0123456789ab",
        seconds=212.4,
        time="2026-11-27T09:00:00+00:00",
    )
    return replace(result, **changes)
