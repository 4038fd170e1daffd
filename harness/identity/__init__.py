"""What a trial's key rests on: its Training as plain values, and the code that gives it meaning.

In reading order: :mod:`~harness.identity.canonical`, declared values as plain ones;
:mod:`~harness.identity.structure`, the same without floats, for trials that train together;
:mod:`~harness.identity.needed`, what a value holds that must be run before;
:mod:`~harness.identity.code`, a hash for each statement that counts;
:mod:`~harness.identity.following`, from a class to all that it rests on;
:mod:`~harness.identity.statements`, what a file consists of, with :mod:`~harness.identity.names`,
which it binds and uses, :mod:`~harness.identity.words`, which are for people and do not count, and
:mod:`~harness.identity.text`, without comments and layout; :mod:`~harness.identity.files`, a hash
for each file that a command rests on.
"""
