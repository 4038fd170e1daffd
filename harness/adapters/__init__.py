"""Other people's tools, each beside the harness: imported only where it is used.

In reading order: :mod:`~harness.adapters.extras`, a package that may not be installed;
:mod:`~harness.adapters.lightning` and :mod:`~harness.adapters.huggingface`, for a ``train`` that
calls their trainers; :mod:`~harness.adapters.tensorboard` and :mod:`~harness.adapters.mlflow`, to
which records are written; :mod:`~harness.adapters.logs`, who writes to which (``--log``).
"""
