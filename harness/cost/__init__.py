"""What a training step costs, and which mode is fastest: measured, apart from any training.

In reading order: :mod:`~harness.cost.measure`, seconds, bytes and counts of a step, and
:mod:`~harness.cost.own_step`, of one that is the user's own; :mod:`~harness.cost.split`, the step
in parts; :mod:`~harness.cost.breaks`, where ``torch.compile`` would cut it;
:mod:`~harness.cost.place`, how each kind of device is measured, and
:mod:`~harness.cost.peak`, what it reaches at its best; :mod:`~harness.cost.calibrate`, which mode
trains a program fastest; :mod:`~harness.cost.machine`, where all that ran.
"""
