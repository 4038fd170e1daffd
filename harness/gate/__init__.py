"""Whether a change made the code slower, larger or worse: an experiment with an answer for CI.

In reading order: :mod:`~harness.gate.figures`, what one process reads of a benchmark;
:mod:`~harness.gate.outcome`, what a gate answers; :mod:`~harness.gate.what`, what is measured;
:mod:`~harness.gate.revisions`, both sides' files; :mod:`~harness.gate.project`, what these declare;
:mod:`~harness.gate.building`, commands of uv and pip; :mod:`~harness.gate.sides`, code and what
runs it, checked; :mod:`~harness.gate.environments`, sides from revisions, folders, environments or
commands; :mod:`~harness.gate.benchmarks`, the head's, in a neutral folder;
:mod:`~harness.gate.processes`, one that measures; :mod:`~harness.gate.rounds`, one of every side;
:mod:`~harness.gate.residuals`, what this machine does to times when nothing changed.
"""
