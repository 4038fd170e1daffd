"""Optimizers as ``init`` and ``update`` over explicit state.

All parameters of a network are one vector, and every rule here is elementwise, so one call updates
the whole network. The rules and the order of their operations are torch.optim's; tests hold the two
equal. No rule branches on a rate or a moment, only on whether it is off (exactly 0). So many trials
that differ in them can take a step together, under ``torch.func.vmap``.

Each rule is a frozen dataclass with a field ``lr``, and has these two methods::

    init(params) -> state
    update(grads, state, params, factor, decays) -> (params, state)

where ``params`` and ``grads`` are vectors of all ``P`` parameters, ``state`` is a dictionary of
tensors by name, ``factor`` multiplies the learning rate, and ``decays`` is a vector that is 1 where
weight decay applies and 0 where it does not, or None where it applies everywhere.

In reading order: ``base``, what they share; ``sgd``, the shortest; ``adam``, with AdamW;
``rmsprop``, ``adagrad`` and ``adadelta``.
"""

from harness.optim.adadelta import Adadelta
from harness.optim.adagrad import Adagrad
from harness.optim.adam import Adam, AdamW
from harness.optim.rmsprop import RMSprop
from harness.optim.sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "RMSprop"]
