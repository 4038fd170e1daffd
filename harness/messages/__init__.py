"""Words for people: errors in three parts, checks of what is declared, text that can be shown.

In reading order: :mod:`~harness.messages.errors`, what a user can correct;
:mod:`~harness.messages.checks`, which raise them; :mod:`~harness.messages.printable`, what a name
may hold; :mod:`~harness.messages.levels`, names of values, and numbers as Python's;
:mod:`~harness.messages.markdown`, text as Markdown shows it; :mod:`~harness.messages.cells`, text
in a CSV file; :mod:`~harness.messages.redact`, URLs without secrets;
:mod:`~harness.messages.blame`, whose line an error came from; :mod:`~harness.messages.foreign`,
torch's own data sets and settings in a study; :mod:`~harness.messages.calm`, warnings that are no
failures. Nothing in here changes a result.
"""
