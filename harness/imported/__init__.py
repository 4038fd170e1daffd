"""Results that others made, as records: one reader for each source, and the same checks for all.

In reading order: :mod:`~harness.imported.read` knows what results are by their path, and who reads
them; each reader gives a :mod:`~harness.imported.sheet`: :mod:`~harness.imported.text`, CSV and
JSON; :mod:`~harness.imported.frames`, Parquet; :mod:`~harness.imported.folder`, many of these;
:mod:`~harness.imported.events`, TensorBoard's event files; :mod:`~harness.imported.mlruns`,
MLflow's folder; :mod:`~harness.imported.trials`, an Optuna storage.

:mod:`~harness.imported.take` makes of a table what a run of our own leaves: declaration, manifest
and records. It finds :mod:`~harness.imported.columns` by name; reads
:mod:`~harness.imported.values` as levels, seeds and numbers; makes
:mod:`~harness.imported.entries` of rows; holds them to :mod:`~harness.imported.checks`; and asks
whether they are :mod:`~harness.imported.replicates`.
"""
