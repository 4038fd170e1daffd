"""Training, in whatever mode: from a Training and a seed to metrics and curves.

:mod:`~harness.trainer.train` has epochs, validation, early stopping, divergence and measures.
:mod:`~harness.trainer.failures`, what it fails of; :mod:`~harness.trainer.ensembles`, the mean of
what several networks say.
"""
