"""What runs trials: worker processes, the loop that keeps them busy, progress, measuring costs.

In reading order: :mod:`~harness.running.run`, the whole; :mod:`~harness.running.session`, trials
out and outcomes in; :mod:`~harness.running.executors`, how to run and where workers come from;
:mod:`~harness.running.workers`, the processes; :mod:`~harness.running.jobs`, what they are asked to
do (:mod:`~harness.running.workplace`, where; :mod:`~harness.running.named`, trials by name);
:mod:`~harness.running.kinds`, who does it: :mod:`~harness.running.trainings`,
:mod:`~harness.running.ensembles`,
:mod:`~harness.running.functions` or :mod:`~harness.running.command_lines`;
:mod:`~harness.running.wire`, how jobs are written; :mod:`~harness.running.telling`, how far they
are; :mod:`~harness.running.forks`, what they are forked from (with
:mod:`~harness.running.loaded` and :mod:`~harness.running.loaded_measuring`);
:mod:`~harness.running.costs` and :mod:`~harness.running.timing`, what is measured before training;
:mod:`~harness.running.measured`, which arms have a step to measure, and
:mod:`~harness.running.gated`, what a gate reads of them; :mod:`~harness.running.graded`, what
trainings end with, which a gate compares, too;
:mod:`~harness.running.find` and :mod:`~harness.running.neighbours`, a study's file and what lies
beside it; :mod:`~harness.running.registering`, which keeps what is claimed, with the time;
:mod:`~harness.running.searches`, a search as the command line asks for it, and
:mod:`~harness.running.search_command`, that line written again;
:mod:`~harness.running.versions`, which trials belong together; :mod:`~harness.running.progress` and
:mod:`~harness.running.account`, what is told; :mod:`~harness.running.revision` and
:mod:`~harness.running.checkout`, what lies around it. :mod:`~harness.running.checking` trains a
little to see whether trials can be relied on, with :mod:`~harness.running.importing`, what the
file does when it is imported, :mod:`~harness.running.comparing`, numbers compared bit for bit, and
:mod:`~harness.running.findings`, the sentences.
"""
