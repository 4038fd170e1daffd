"""Why verdicts may still change: what a report and the index warn of."""

from __future__ import annotations

from harness.judging.results import Results
from harness.stats import FEWEST
from harness.study.formatting import join, plural


def provisional(results: Results) -> tuple[str, ...]:
    """Say why verdicts may change when more is run; nothing where they stand."""
    declared, search = results.declaration, results.search
    if declared.source == "results":
        return ()
    why = []
    if results.missing > 0:
        why.append(f"{plural(results.missing, 'evaluation trial')} not there yet")
    if running := sum(record.state == "running" for record in results.records):
        why.append(f"{plural(running, 'trial')} unfinished")
    if search is not None and declared.search is not None:
        left = declared.search.trials - len(search.tried)
        if left > 0 and not search.ended:
            why.append(f"{len(search.tried)} of {declared.search.trials} settings tried")
    seeds = len(results.seeds)
    if search is None and results.looks is None and seeds < declared.seeds:
        why.append(f"{seeds} of {plural(declared.seeds, 'seed')}")
    if search is None and declared.claims and seeds < FEWEST:
        why.append(f"{plural(seeds, 'seed')}, where a verdict needs {FEWEST}")
    larger = [name for name in declared.scales if name != "quick"]
    if declared.scale == "quick" and larger:
        why.append(f"scale quick; {join(larger)} may answer otherwise")
    elif declared.scale == "quick" and search is not None:
        # A study asks its question at the scales that it has. Settings are taken elsewhere.
        why.append("scale quick; other settings may be best at a larger one")
    return tuple(why)
