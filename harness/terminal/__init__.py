"""Standard output and error: the only place that prints.

:mod:`~harness.terminal.outlets` says what is whose; :mod:`~harness.terminal.screen` prints;
:mod:`~harness.terminal.usage` words what cannot be read of a command line.
"""
