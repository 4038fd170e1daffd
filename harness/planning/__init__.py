"""What is run next, from what is done: the same for every process that works on a store.

In reading order: :mod:`~harness.planning.planner`, trials of all arms, equal tuning included;
:mod:`~harness.planning.shares`, which of them a worker is given;
:mod:`~harness.planning.datasets`, what can be found out about data before training.
"""
