"""What people type: one file for each command, and their spelling in one.

In reading order: :mod:`~harness.commands.cli`, spelling, errors and exit codes;
:mod:`~harness.commands.commands`, run, report, explain and export; :mod:`~harness.commands.plan`,
:mod:`~harness.commands.replay`, :mod:`~harness.commands.doctor` and :mod:`~harness.commands.new`;
:mod:`~harness.commands.subject`, what is judged; :mod:`~harness.commands.place`, where things are;
:mod:`~harness.commands.files`, :mod:`~harness.commands.tables` and
:mod:`~harness.commands.markdown`, what is written.
"""
