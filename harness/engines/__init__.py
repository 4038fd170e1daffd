"""What a trial is: one step, and the engines that drive it: plain, fused and compiled.

In reading order: :mod:`~harness.engines.step`, one step; :mod:`~harness.engines.called`, a network
as losses and tasks call it; :mod:`~harness.engines.network` and :mod:`~harness.engines.prepared`, a
trial made ready, with :mod:`~harness.engines.spans`, where the parts of a network lie,
:mod:`~harness.engines.tried`, what it says of two inputs, and :mod:`~harness.engines.asked`, the
networks that its loss asks; :mod:`~harness.engines.plain`, which says what a trial means;
:mod:`~harness.engines.programs`, which trials can train together; :mod:`~harness.engines.fusable`,
:mod:`~harness.engines.stacked`, :mod:`~harness.engines.slot` and :mod:`~harness.engines.fused`,
many at a time; :mod:`~harness.engines.evaluate`; :mod:`~harness.engines.kinds`, the table of
engines; :mod:`~harness.engines.modes`, an engine with its settings, and which was chosen.

To add an engine, write its class and give it one entry in ``kinds.ENGINES``.
"""
