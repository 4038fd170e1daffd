"""Standard output and error: the only place that prints.

:mod:`~harness.terminal.outlets` keeps standard output for the command's own results;
:mod:`~harness.terminal.screen` prints; :mod:`~harness.terminal.usage` explains wrong command lines;
:mod:`~harness.terminal.files` writes files, each whole or not at all.
"""
