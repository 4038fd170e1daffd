"""What people type: one file for each command, and their spelling in one.

In reading order: :mod:`~harness.commands.cli`, spelling, with
:mod:`~harness.commands.on_records`, of those that train nothing;
:mod:`~harness.commands.spelling`, that of options that several have;
:mod:`~harness.commands.options`, what options mean; :mod:`~harness.commands.ending`, exit codes,
and what is told at the end.

Each command is in the file of its name: :mod:`~harness.commands.list`,
:mod:`~harness.commands.new`, :mod:`~harness.commands.plan` (:mod:`~harness.commands.plan_search`,
of a search), :mod:`~harness.commands.run`, :mod:`~harness.commands.search`,
:mod:`~harness.commands.report` (:mod:`~harness.commands.serve`, its server, and
:mod:`~harness.commands.progress`, how far runs are), :mod:`~harness.commands.compare`
(:mod:`~harness.commands.references`, what its words name, and
:mod:`~harness.commands.compared_markdown`), :mod:`~harness.commands.explain`,
:mod:`~harness.commands.export`,
:mod:`~harness.commands.judge` (with ``import``), :mod:`~harness.commands.replay`,
:mod:`~harness.commands.check`, :mod:`~harness.commands.profile` and :mod:`~harness.commands.doctor`
(:mod:`~harness.commands.doctor_gate`, of a machine that is to gate), and
:mod:`~harness.commands.gate` (:mod:`~harness.commands.gating`, its spelling).

What several of them do: :mod:`~harness.commands.place`, where things are;
:mod:`~harness.commands.begin`, a study found, planned and its store opened;
:mod:`~harness.commands.subject`, what a store holds of a study; :mod:`~harness.commands.judged`,
that judged; :mod:`~harness.commands.finish`, results printed and written;
:mod:`~harness.commands.folder`, a study's folder; :mod:`~harness.commands.index`, the page of all;
:mod:`~harness.commands.files`,
:mod:`~harness.commands.tables` and :mod:`~harness.commands.markdown`, what is written;
:mod:`~harness.commands.best`, what is taken away from a search.
"""
