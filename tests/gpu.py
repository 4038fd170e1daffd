"""The marks of tests that need a CUDA device."""

import pytest
import torch

GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(),
        reason="torch finds no CUDA device; where there is one, `nox -s gpu` runs this",
    ),
]
