"""What judging 10,000 rows of others takes: seconds of CPU, with the report, and without torch.

    python -m tests.benchmarks.judged [ROWS]

writes a CSV file of made-up results of 50 arms in a folder of its own, judges it in a process of
its own, and prints the seconds of CPU of that process (verdicts, tables and the HTML), and of the
one that it starts for the PDF.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ARMS = 50

STUDY = f'''
"""Does width help?"""

from harness import Equivalent, Factor, Higher, Metric, Study

study = Study(
    name="made_up",
    question="Does width help?",
    factors=(Factor("width", tuple(range(1, {ARMS // 2 + 1}))), Factor("rule", ("sgd", "adam"))),
    metrics=(Metric("test_error", unit="pp", better="lower"), Metric("test_loss", unit="nats")),
    claims=(
        Higher("1 errs more.", metric="test_error", higher={{"width": 1}}, lower={{"width": 25}},
               by=1),
        Equivalent("The rule does not matter.", metric="test_error", first={{"rule": "sgd"}},
                   second={{"rule": "adam"}}, by=1),
    ),
)
'''

JUDGE = """
import sys
import time
from harness.commands.cli import execute
code = execute(["judge", "results.csv", "study.py", "--quiet"])
assert "torch" not in sys.modules, "judging must not need torch"
print(time.process_time())
sys.exit(code)
"""


def write(folder: Path, rows: int) -> None:
    """Write a study and its results."""
    draw = random.Random(0)
    (folder / "study.py").write_text(STUDY, encoding="utf-8")
    lines = ["width,rule,seed,test_error,test_loss"]
    for number in range(rows):
        seed, arm = divmod(number, ARMS)
        width, rule = arm // 2 + 1, ("sgd", "adam")[arm % 2]
        error = 20 - width / 5 + draw.gauss(0, 1)
        lines.append(f"{width},{rule},{seed},{error:.6f},{error / 20 + draw.gauss(0, 0.1):.6f}")
    (folder / "results.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(rows: int) -> tuple[float, float]:
    """Return the seconds of CPU that judging so many rows takes, and those of the PDF."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rows)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", JUDGE], cwd=folder, check=True, capture_output=True, text=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    own = float(done.stdout)
    return own, whole - own


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    judged, printed = measure(count)
    print(f"{count:,} rows: {judged:.1f} s of CPU, and {printed:.1f} s for the PDF")
