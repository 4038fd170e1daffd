"""What is run next, from what is done: the same for every process that works on a store.

In reading order: :mod:`~harness.planning.outlook`, what a run asks of a planner;
:mod:`~harness.planning.planner`, a study's: trials of all arms;
:mod:`~harness.planning.tuning`, the settings that are tried;
:mod:`~harness.planning.confirming`, the best of them trained again on fresh seeds;
:mod:`~harness.planning.searching`, that of a search: :mod:`~harness.planning.members`, what became
of settings that were tried, :mod:`~harness.planning.asking`, which are asked for next, of
:mod:`~harness.planning.samplers`, :mod:`~harness.planning.pruning`, what ends trials early;
:mod:`~harness.planning.importance`, which settings tell good from bad;
:mod:`~harness.planning.cohorts`, which trials a worker is given;
:mod:`~harness.planning.datasets`, what can be found out about data before training, and
:mod:`~harness.planning.folding`, how it is folded.
"""
