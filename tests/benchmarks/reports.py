"""What reports take: seconds of CPU and memory, of a quick study and of one of 10,000 trials.

    python -m tests.benchmarks.reports [SEEDS ...] [--quick]

makes up results of a study of 6 arms with 5 seeds, and of one of 40 arms with 250; or of 40 arms
with each number of seeds that is given. For each it prints the seconds of CPU of the page, beyond
imports, of its PDF, and of the folder ``take-away/``, with the memory that each took.
Each is made in a process of its own, twice, and the shorter time counts. `--quick` makes the first
alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

PAGE = """
import json, resource, sys, time
import jinja2, matplotlib.backends.backend_agg, matplotlib.backends.backend_svg, matplotlib.figure
import seaborn
from harness.reports.render import source_of
from harness.reports.taking import contents
from harness.study.factors import Factor
from tests.example_results import example_results, residual_study

arms, seeds = map(int, sys.argv[1:])
depths = (20, 56, 110) if arms == 6 else tuple(range(8, 8 + 3 * arms, 6))
factors = (Factor("shortcut", (False, True)), Factor("depth", depths))
results = example_results(residual_study(factors=factors), seeds=seeds, failed=((0, 1),))
assert len(results.arms) == arms, len(results.arms)
start = time.process_time()
source = source_of(results)
text = source.html()
made = time.process_time()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
printed = source.printed()
before = time.process_time()
contents(source.page, source.name, {})
taken = time.process_time() - before
json.dump([made - start, memory, len(text.encode()), taken, len(results.records)], sys.stderr)
sys.stdout.buffer.write(printed.encode("utf-8", "surrogatepass"))
"""

PDF = """
import gc, json, resource, sys, time
from harness.reports.printing import load, render_pdf
gc.disable()  # as the process does that prints
assert not load()
html = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
start = time.process_time()
content, note = render_pdf(html)
assert content is not None, note
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.process_time() - start, memory, len(content)]))
"""


def measure(arms: int, seeds: int) -> str:
    """Make the report of a study twice; return a line that tells what it took."""
    pages, papers = [], []
    for _ in range(2):
        words = [sys.executable, "-c", PAGE, str(arms), str(seeds)]
        page = subprocess.run(words, check=True, capture_output=True)
        pages.append(json.loads(page.stderr.splitlines()[-1]))
        paper = subprocess.run(
            [sys.executable, "-c", PDF], input=page.stdout, check=True, capture_output=True
        )
        papers.append(json.loads(paper.stdout))
    (made, memory, size, _, trials), (printed, printing, paper_size) = min(pages), min(papers)
    taken = min(each[3] for each in pages)
    return (
        f"{arms} arms, {trials:,} trials: HTML {made:.2f} s, {memory:.0f} MiB, {size:,} bytes; "
        f"PDF {printed:.2f} s, {printing:.0f} MiB, {paper_size:,} bytes; take-away {taken:.2f} s"
    )


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--quick", action="store_true")
    given, _ = parser.parse_known_args()
    asked = [(40, each) for each in given.seeds] or [(6, 5), (40, 250)]
    for arms, seeds in asked[: 1 if given.quick else None]:
        print(measure(arms, seeds), flush=True)


if __name__ == "__main__":
    main()
