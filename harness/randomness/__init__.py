"""Random numbers, all from a trial's seed: streams by purpose, and numbers by counting.

:mod:`~harness.randomness.streams` seeds generators, one for each purpose;
:mod:`~harness.randomness.counting` makes numbers that are hashes of a key and a position, the same
alone, beside other trials and compiled.
"""
