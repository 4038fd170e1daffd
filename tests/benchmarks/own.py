"""What it costs to be a trial: a function of the user's own, called by the harness and called bare.

The function trains for about so many seconds, by a fixed number of steps, and notes when each call
began and ended. In the harness one worker makes all calls, each in a process of its own, and each
is recorded. Bare, a process like a worker makes the same calls in a loop. Both are done in turns.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from saving import about, number, parser, save, table

STUDY = '''
"""What does a trial cost?"""

import json
import time
from pathlib import Path

import torch

from harness import Context, Factor, Metric, Scale, Study


def work(seed: int, steps: int, device: str) -> float:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        inputs = torch.randn(64, 64, device=device)
        loss = torch.nn.functional.cross_entropy(model(inputs), inputs[:, :10].argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def train(context: Context, width: int) -> dict[str, float]:
    began = time.time()
    loss = work(context.seed, context.scale.steps, context.device)
    for epoch in range(10):
        context.report(epoch, loss=loss)
    return {"loss": loss, "began": began, "ended": time.time()}


study = Study(
    name="cost", question="What does a trial cost?", train=train, factors=(Factor("width", (1,)),),
    metrics=(Metric("loss"), Metric("began"), Metric("ended")),
    scales={"quick": Scale(seeds=SEEDS, steps=STEPS)},
)
'''

BARE = """
import json, sys, time
import torch
torch.set_num_threads(1)
from cost import work
work(0, 10, sys.argv[3])
times = []
for seed in range(int(sys.argv[1])):
    began = time.time()
    work(seed, int(sys.argv[2]), sys.argv[3])
    times.append((began, time.time()))
print(json.dumps(times))
"""


def bare(folder: Path, calls: int, steps: int, device: str) -> list[tuple[float, float]]:
    """Return when each call began and ended."""
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(calls), str(steps), device], cwd=folder, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return [(began, ended) for began, ended in json.loads(done.stdout)]


def harnessed(folder: Path, name: str, device: str) -> list[tuple[float, float]]:
    """Return when each call began and ended within `harness run`."""
    words = ["run", "cost.py", "--workers", "1", "--no-profile", "--out", name, "--quiet"]
    words += ["--device", device]
    subprocess.run(
        [sys.executable, "-m", "harness", *words], cwd=folder, check=True, capture_output=True
    )
    export = ["export", "cost.py", "--out", name, "--to", f"{name}.csv"]
    subprocess.run(
        [sys.executable, "-m", "harness", *export], cwd=folder, check=True, capture_output=True
    )
    import pandas as pd

    frame = pd.read_csv(folder / f"{name}.csv")
    return sorted(zip(frame["metric_began"], frame["metric_ended"], strict=True))


def main() -> None:
    """Do both in turns, and save the table."""
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=2.0, help="of a call")
    made.add_argument("--calls", type=int, help="in a round (20; 5 where quick)")
    made.add_argument("--rounds", type=int, help="of both (3; 1 where quick)")
    made.add_argument("--device", default="cpu", help="cpu, or cuda:0")
    words = made.parse_args()
    calls = words.calls or (5 if words.quick else 20)
    rounds = words.rounds or (1 if words.quick else 3)
    where = about(words.device)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "cost.py"
        file.write_text(STUDY.replace("SEEDS", "5").replace("STEPS", "1"))
        ((began, ended),) = bare(folder, 1, 500, words.device)
        steps = max(1, round(500 * words.seconds / (ended - began)))
        file.write_text(STUDY.replace("SEEDS", str(calls)).replace("STEPS", str(steps)))
        for turn in range(rounds):
            plain = bare(folder, calls, steps, words.device)
            ours = harnessed(folder, f"out{turn}", words.device)
            alone = [end - start for start, end in plain]
            within = [end - start for start, end in ours]
            between = [start - end for (_, end), (start, _) in itertools.pairwise(ours)]
            assert len(within) == calls
            rows.append({
                "bare": statistics.median(alone), "called": statistics.median(within),
                "between": statistics.median(between),
                "whole": (ours[-1][1] - ours[0][0]) / (plain[-1][1] - plain[0][0]),
            })  # fmt: skip
            print(f"round {turn + 1} of {rounds}: {rows[-1]['whole']:.3f}", flush=True)
    head = ("round", "bare call, s", "called, s", "between calls, ms", "all calls, ratio")
    body = [
        (turn + 1, number(row["bare"]), number(row["called"]), number(1e3 * row["between"]),
         f"{row['whole']:.3f}")
        for turn, row in enumerate(rows)
    ]  # fmt: skip
    caption = (
        f"{calls} calls of {steps} steps each. *Ratio*: from the first beginning to the last end, "
        "by the harness over bare."
    )
    text = f"{table(head, body)}\n\n{caption}"
    save(words.out, "own", "What it costs to be a trial", where, {"rows": rows}, text)


if __name__ == "__main__":
    main()
