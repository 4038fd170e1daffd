"""Runs set side by side: what changed in what was declared and run, and in what came of it.

In reading order: :mod:`~harness.compared.sides`, one run, and how its trials belong to another's;
:mod:`~harness.compared.effects`, an arm in both, as a difference with an interval;
:mod:`~harness.compared.matched`, which claim is which, and both verdicts;
:mod:`~harness.compared.declared` and :mod:`~harness.compared.surroundings`, what differs in what
was declared, and in settings, code, data and environment; :mod:`~harness.compared.costs`;
:mod:`~harness.compared.curves`; :mod:`~harness.compared.comparison`, all of it;
:mod:`~harness.compared.words`, the answer in a sentence, and :mod:`~harness.compared.plain`, JSON.
"""
