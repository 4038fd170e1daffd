"""What a process adds to the time of a step: is a fork as good a replicate as a process of its own?

A round of timing takes one number of each arm, each from a process of its own. Forks of one process
share much of its memory's layout. Were a step's time to depend on that, all rounds of a run would
err alike, and no number of rounds would show it. So the ratio of two arms is taken in rounds, as
a run does, within groups: the forks of one process are a group, and a new process is started for
the next. What groups have in common beyond what rounds scatter is the part that rounds cannot
show. The same is done with processes that begin with nothing, whose groups have nothing in common
but the moment at which they were measured.
"""

import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from saving import about, number, parser, save, table
from scipy import stats

HOME = Path(__file__).parents[2]
KINDS = ("forked", "spawned")
CAPTION = """\
A pair is the logarithm of the time of a step of one arm over that of the other, or of itself (A/A),
in per cent. *Scatter* is the standard deviation of pairs within a group, *shared* that of what a
group's pairs have in common (0 where groups lie closer than chance has them), and p is that of an F
test of no such part. *Mean* is over all pairs, which is 0 where an arm is paired with itself."""


def measure(kind: str, rounds: int) -> list[list[float]]:
    """Return, for each round, the seconds of a step of one arm, of the other, and of the first."""
    from harness.running import forks
    from harness.running.jobs import TimeJob, WarmJob
    from harness.running.named import Named
    from harness.running.workers import Worker
    from harness.storing.artifacts import FolderOfArtifacts
    from harness.studies.residual_depth import study
    from harness.trials.trial import make_trial

    forks.forks = kind == "forked"
    arms = [arm for arm in study.arms("quick") if arm.name.endswith("depth=20")]
    trials = [make_trial(study, "quick", arm, 0, "evaluate", {"lr": 0.1}) for arm in arms]
    found = []
    for place in range(rounds):
        order = [0, 1, 2] if place % 2 == 0 else [2, 1, 0]
        started = {
            each: Worker("studies.residual_depth", "cpu", 1, FolderOfArtifacts(HOME), HOME, {})
            for each in order
        }
        for each in order:
            job = WarmJob((Named.of(trials[each % 2], "quick"),))
            assert not started[each].submit(job).result().reason
        seconds = [0.0, 0.0, 0.0]
        for each in order:
            job = TimeJob(Named.of(trials[each % 2], "quick"))
            seconds[each] = started[each].submit(job).result().seconds
            started[each].stop()
        found.append(seconds)
    return found


def group(kind: str, rounds: int) -> list[list[float]]:
    """Measure in a process of its own, from which others are forked or started."""
    words = [sys.executable, __file__, "--group", kind, "--rounds", str(rounds)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    )  # fmt: skip
    found: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def parts(groups: list[list[float]]) -> dict[str, float]:
    """Split the scatter of pairs into that within groups and that between them."""
    count = len(groups[0])
    within = statistics.fmean(statistics.variance(each) for each in groups)
    between = count * statistics.variance(statistics.fmean(each) for each in groups)
    few = len(groups) - 1, len(groups) * (count - 1)
    return {
        "mean": statistics.fmean(value for each in groups for value in each),
        "scatter": math.sqrt(within),
        "shared": math.sqrt(max(between - within, 0.0) / count),
        "p": float(stats.f.sf(between / within, *few)),
    }


def main() -> None:
    """Measure groups of both kinds in turn, and save what they have in common."""
    words = parser(__doc__)
    words.add_argument("--groups", type=int, default=8)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--group", default="")
    asked = words.parse_args()
    if asked.group:
        print(json.dumps(measure(asked.group, asked.rounds)))
        return
    where = about()
    groups = 3 if asked.quick else asked.groups
    rounds = 3 if asked.quick else asked.rounds
    found: dict[str, list[list[list[float]]]] = {kind: [] for kind in KINDS}
    for place in range(groups):
        for kind in KINDS if place % 2 == 0 else KINDS[::-1]:
            found[kind].append(group(kind, rounds))
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        for name, first, second in (("two arms", 1, 0), ("A/A", 2, 0)):
            pairs = [
                [100 * math.log(each[first] / each[second]) for each in one] for one in found[kind]
            ]
            rows.append({"processes": kind, "pair": name, **parts(pairs)})
    heads = ["processes", "pair", "mean, %", "scatter, %", "shared, %", "p"]
    names = ("mean", "scatter", "shared", "p")
    cells = [
        [row["processes"], row["pair"], *(number(row[name]) for name in names)] for row in rows
    ]
    text = f"{CAPTION}\n\n{groups} groups of {rounds} rounds.\n\n{table(heads, cells)}"
    data = {"rows": rows, "seconds": found}
    save(asked.out, "replicates", "Forks as replicates", where, data, text)


if __name__ == "__main__":
    main()
