"""Whether a change made the code slower, larger or worse: an experiment with an answer for CI.

In reading order: :mod:`~harness.gate.figures`, what one process reads of a benchmark;
:mod:`~harness.gate.outcome`, what a gate answers; :mod:`~harness.gate.residuals`, what this
machine does to times when nothing changed.
"""
