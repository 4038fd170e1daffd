"""The gate's own test: `harness gate` on code that is the same, and on code that was made worse.

    python -m tests.gate_selftest                                      # hours; goes on if stopped
    python -m tests.gate_selftest --cases same,10 --gates 40 --at-once 2

Each gate compares two folders with a package `injected`. Slowdowns are work, not sleep: more
iterations of the same loop. Each gate is one line of a file beside --out, so an interrupted run
goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scipy import stats

ANSWERS = {0: "pass", 1: "fail", 3: "inconclusive"}
WORK = 20_000

PLAIN = '''"""What the gate measures: work in Python alone, so that a process starts at once."""

ITERATIONS = {iterations}


def plain():
    total = 0
    for each in range(ITERATIONS):
        total += each * each
    return total
'''

STEP = '''"""What the gate measures: a training step, and a training."""

import torch
from torch import nn

LR = {lr}
kept = []
held = torch.zeros({held})
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=LR)
inputs, targets = torch.randn(64, 64), torch.randint(10, (64,))


def load():
    {loader}
    return inputs


def step():
    optimizer.zero_grad()
    x = load()
    loss = nn.functional.cross_entropy(model(x), targets)
    loss.backward()
    optimizer.step()
    {after}


def fit(seed):
    torch.manual_seed(seed)
    centres = torch.randn(10, 16)
    labels = torch.randint(10, (1200,))
    data = 0.45 * centres[labels] + torch.randn(1200, 16) * 0.5
    told = labels.clone()
    {noise}
    net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))
    sgd = torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9)
    for _ in range(60):
        sgd.zero_grad()
        nn.functional.cross_entropy(net(data[:800]), told[:800]).backward()
        sgd.step()
    net.{mode}()
    with torch.no_grad():
        scores = net(data[800:])
        loss = nn.functional.cross_entropy(scores, labels[800:]).item()
        right = (scores.argmax(1) == labels[800:]).float().mean().item()
        return {{"test_loss": loss, "test_accuracy": right}}
'''

STUDY = '''"""Is it as good as before?"""

from harness import Context, Factor, Metric, Scale, Study
from injected.step import fit


def train(context: Context, way: str) -> dict[str, float]:
    return fit(context.seed)


study = Study(
    name="quality", question="Is it as good as before?", factors=(Factor("way", ("only", "same")),),
    train=train,
    metrics=(Metric("test_loss", better="lower"), Metric("test_accuracy", better="higher")),
    scales={"quick": Scale(epochs=1, seeds=20)},
)
'''

BASE = {
    "iterations": str(WORK), "lr": "0.1", "held": "1", "loader": "pass", "after": "pass",
    "noise": "pass", "mode": "eval",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One way in which head differs from base.

    Attributes:
        name: as --cases knows it.
        what: what the gate is given.
        changed: parts of the module that differ.
        gates: how many gates.
        wanted: the answer that is right; empty where nothing is promised.
        basis: what must have caught it; empty for any.
        words: further words of the command line.
    """

    name: str
    what: str
    changed: dict[str, str]
    gates: int
    wanted: str
    basis: str = ""
    words: tuple[str, ...] = ()


def slower(percent: int, wanted: str) -> Case:
    work = {"iterations": str(round(WORK * (1 + percent / 100)))}
    return Case(str(percent), "injected:plain", work, 40, wanted, "time", ("--only-time",))


def counted(name: str, changed: dict[str, str]) -> Case:
    """Return a case that is the same in every process, so that few gates say all."""
    return Case(name, "injected.step:step", changed, 3, "fail", "exact", ("--only-exact",))


CASES = {
    case.name: case
    for case in (
        Case("same", "injected:plain", {}, 100, "pass", words=("--only-time",)),
        Case("same-step", "injected.step:step", {}, 10, "pass"),
        slower(2, ""), slower(5, ""), slower(10, "fail"), slower(20, "fail"), slower(50, "fail"),
        counted("sync", {"after": "loss.item()"}),
        counted("copy", {"loader": "inputs.clone()"}),
        counted("held", {"loader": "global held; held = torch.ones(2_000_000)"}),
        counted("leak", {"after": "kept.append(torch.ones(50_000))"}),
        Case("loader", "injected.step:step", {"loader": "sum(range(50_000))"}, 3, "fail", "time",
             ("--only-time",)),
        Case("rate", "study.py", {"lr": "0.001"}, 3, "fail", "quality", ("--only-quality",)),
        Case("labels", "study.py",
             {"noise": "told[:16] = (told[:16] + 1) % 10"}, 3, "fail", "quality",
             ("--only-quality",)),
        Case("mode", "study.py", {"mode": "train"}, 3, "fail", "quality", ("--only-quality",)),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Gate:
    """What one gate said.

    Attributes:
        case: the case's name.
        answer: in all; ``error`` for exit code 2 or another.
        bases: by what a figure failed.
        pairs: the most pairs that a figure took.
        seconds: how long it took.
        note: of an error, its last line.
    """

    case: str
    answer: str
    bases: tuple[str, ...]
    pairs: int
    seconds: float
    note: str = ""


def write_side(folder: Path, changed: dict[str, str]) -> Path:
    """Write the package, and a study that uses it, into a folder."""
    package = folder / "injected"
    package.mkdir(parents=True)
    parts = {**BASE, **changed}
    (package / "__init__.py").write_text(PLAIN.format(**parts), encoding="utf-8")
    (package / "step.py").write_text(STEP.format(**parts), encoding="utf-8")
    (folder / "study.py").write_text(STUDY, encoding="utf-8")
    return folder


def call_gate(out: Path, base: Path, head: Path, case: Case) -> tuple[int, dict[str, Any], str]:
    """Run one gate: the only place that knows how its command is spelled.

    Returns:
        exit code, what gate.json holds (nothing if there is none), and the last line of errors.
    """
    done = subprocess.run(
        [sys.executable, "-m", "harness", "gate", "--json", "--out", str(out), *case.words,
         str(base), str(head), case.what],
        capture_output=True, text=True, check=False, cwd=out.parent,
    )  # fmt: skip
    file = out / "gate.json"
    said = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return done.returncode, said, (done.stderr.strip().splitlines() or [""])[-1]


def one_gate(case: Case) -> Gate:
    """Run one gate in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        base = write_side(place / "base", {})
        head = write_side(place / "head", case.changed)
        start = time.monotonic()
        code, said, note = call_gate(place / "out", base, head, case)
        return read(case.name, code, said, note, time.monotonic() - start)


def read(name: str, code: int, said: dict[str, Any], note: str, seconds: float) -> Gate:
    """Return what a gate said; what does not fit together is an error, never a pass."""
    rows = said.get("rows") or []
    answer = ANSWERS.get(code, "error")
    if not rows or said.get("answer") != answer:
        told = note or f"exit code {code}, and gate.json says {said.get('answer')}"
        return Gate(name, "error", (), 0, seconds, told)
    bases = sorted({row["basis"] for row in rows if row["answer"] == "fail"})
    return Gate(name, answer, tuple(bases), max(row["pairs"] for row in rows), seconds)


def wilson(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of Wilson's interval of a share; all of [0, 1] where nothing ran."""
    if not n:
        return 0.0, 1.0
    found = stats.binomtest(count, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def missed(case: Case, gates: Sequence[Gate]) -> str:
    """Return what a case misses of its target; nothing where it meets it."""
    if any(gate.answer == "error" for gate in gates):
        return "a gate ended in an error"
    if len(gates) < case.gates:
        return f"{len(gates)} of {case.gates} gates"
    right = sum(
        gate.answer == case.wanted and (not case.basis or case.basis in gate.bases)
        for gate in gates
    )
    if case.wanted == "pass":
        alarms = sum(gate.answer == "fail" for gate in gates)
        return f"{alarms} false alarms" if alarms > math.floor(0.01 * len(gates)) else ""
    if case.wanted == "fail" and right < 0.9 * len(gates):
        return f"{right} of {len(gates)} caught" + (f" by {case.basis}" if case.basis else "")
    return ""


def summary(gates: Iterable[Gate], cases: Iterable[Case]) -> tuple[str, bool]:
    """Return the table, and whether every case meets its target."""
    done = list(gates)
    head = (
        "| case | gates | fail | 95 % interval | pass | inconclusive | error | pairs | minutes "
        "| target |"
    )
    rows = [head, "|---|---:|---:|---|---:|---:|---:|---:|---:|---|"]
    right = bool(done)
    for case in cases:
        own = [gate for gate in done if gate.case == case.name]
        count = {
            word: sum(gate.answer == word for gate in own) for word in (*ANSWERS.values(), "error")
        }
        low, high = wilson(count["fail"], len(own))
        wrong = missed(case, own)
        right &= not wrong
        n = max(1, len(own))
        pairs, minutes = sum(g.pairs for g in own) / n, sum(g.seconds for g in own) / n / 60
        met = f"**{wrong}**" if wrong else ("met" if case.wanted else "told")
        rows.append(
            f"| {case.name} | {len(own)} | {count['fail']} | {100 * low:.1f} to {100 * high:.1f} % "
            f"| {count['pass']} | {count['inconclusive']} | {count['error']} | {pairs:.1f} "
            f"| {minutes:.1f} | {met} |"
        )
    return "\n".join(rows), right


def kept(file: Path) -> list[Gate]:
    """Read the gates of an earlier run; a last line that was cut off is none."""
    found = []
    for text in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        try:
            plain = json.loads(text)
        except ValueError:
            continue
        found.append(Gate(**{**plain, "bases": tuple(plain["bases"])}))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gates that are missing; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Test the gate on code that was made worse.")
    parser.add_argument("--cases", default=",".join(CASES), help="names, with commas between")
    parser.add_argument("--gates", type=int, help="gates of each case, in place of its own number")
    parser.add_argument("--at-once", type=int, default=1, help="gates that run at the same time")
    parser.add_argument("--out", type=Path, default=Path("tests/GATE_SELFTEST.md"))
    options = parser.parse_args(arguments)
    unknown = set(options.cases.split(",")) - CASES.keys()
    if unknown:
        parser.error(f"no such cases: {', '.join(sorted(unknown))}; known: {', '.join(CASES)}")
    cases = [CASES[name] for name in options.cases.split(",")]
    if options.gates:
        cases = [Case(**{**vars(case), "gates": options.gates}) for case in cases]
    file = options.out.with_suffix(".jsonl")
    done = kept(file)
    missing = [
        case
        for turn in range(max(case.gates for case in cases))  # in turn: moods of the machine are
        for case in cases  # shared by all cases
        if sum(gate.case == case.name for gate in done) <= turn < case.gates
    ]
    with ThreadPoolExecutor(options.at_once) as pool:
        for gate in pool.map(one_gate, missing):
            done.append(gate)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(gate)) + "\n")
            print(gate, file=sys.stderr)
    table, right = summary(done, cases)
    print(table)
    options.out.write_text(
        f"# The gate's own test\n\n{head(options.at_once)}\n\n{table}\n", "utf-8"
    )
    return int(not right)


def head(at_once: int) -> str:
    """Return what the table was made with."""
    beside = f", {at_once} gates at once" if at_once > 1 else ""
    return (
        f"`python -m tests.gate_selftest`, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores of a shared machine{beside}. A case's target is told in "
        "tests/gate_selftest.py; minutes are those of a whole gate, with its report."
    )


if __name__ == "__main__":
    sys.exit(main())
