"""Trainings of the user's own: what a function or a command is given, and how it is run.

In reading order: :mod:`~harness.own.context`, what a function is given;
:mod:`~harness.own.calling`, from there to metrics and curves; :mod:`~harness.own.seeds`, all that a
result may rest on here; :mod:`~harness.own.states` and :mod:`~harness.own.saves`, what is saved and
where; :mod:`~harness.own.cached`, what is made once for all trials; :mod:`~harness.own.apart`, a
process for each trial, and :mod:`~harness.own.processes`, those that it starts;
:mod:`~harness.own.stopping`, whether it has been asked to end; :mod:`~harness.own.watched` and
:mod:`~harness.own.effects`, what is noted of one that is checked. A command is run by
:mod:`~harness.own.launching`; :mod:`~harness.own.written` reads what it has written and
:mod:`~harness.own.printed` what it has printed; :mod:`~harness.own.curves`: points and curves.
"""
