"""One trial, and what is kept of it: its key, its record, its profile, how its arm was tuned.

In reading order: :mod:`~harness.trials.trial`, one arm with one seed, and its key;
:mod:`~harness.trials.mistakes`, what to write instead of what is wrong in it;
:mod:`~harness.trials.outcome`, what became of it; :mod:`~harness.trials.records`, what is kept of
that; :mod:`~harness.trials.profiles`, what its program costs; :mod:`~harness.trials.checked`, what
``harness check`` found;
:mod:`~harness.trials.tuning`, how settings were chosen; :mod:`~harness.trials.searched`, those that
a search tried; :mod:`~harness.trials.manifest`,
what is written down of a run; :mod:`~harness.trials.changed`, what differs between two trials.
"""
