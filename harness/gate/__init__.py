"""Whether a change made the code slower, larger or worse: an experiment with an answer for CI.

In reading order: :mod:`~harness.gate.figures`, what one process reads of a benchmark;
:mod:`~harness.gate.only`, which of that is judged;
:mod:`~harness.gate.outcome`, what a gate answers; :mod:`~harness.gate.what`, what is measured;
:mod:`~harness.gate.bounded`, commands that end in time;
:mod:`~harness.gate.revisions`, both sides' files; :mod:`~harness.gate.project`, what these declare;
:mod:`~harness.gate.building`, commands of uv and pip; :mod:`~harness.gate.sides`, code and what
runs it, checked; :mod:`~harness.gate.needs`, what an environment holds;
:mod:`~harness.gate.environments`, sides from revisions, folders, environments or commands;
:mod:`~harness.gate.benchmarks`, the head's, in a neutral folder;
:mod:`~harness.gate.processes`, one that measures; :mod:`~harness.gate.missing`, what one side
lacks; :mod:`~harness.gate.rounds`, one of every side; :mod:`~harness.gate.vanished`, what only the
base's own files have;
:mod:`~harness.gate.instructions`, one of every side under valgrind;
:mod:`~harness.gate.by_seed`, studies trained on every side, and :mod:`~harness.gate.quality`,
whether they end with something worse (:mod:`~harness.gate.not_worse`, of one metric);
:mod:`~harness.gate.pairs`, times as pairs, and the rule's rows; :mod:`~harness.gate.sampling`,
rounds until all is decided; :mod:`~harness.gate.asked`, what a person asks for;
:mod:`~harness.gate.prepare`, both sides made ready; :mod:`~harness.gate.tiers`,
what is judged; :mod:`~harness.gate.run`, one gate from its sides to its result;
:mod:`~harness.gate.repeat`, the command that does it again;
:mod:`~harness.gate.residuals`, what this machine does to times when nothing changed;
:mod:`~harness.gate.words`, a gate's answer in words and
numbers. What it writes: :mod:`~harness.gate.written`, all files; of these
:mod:`~harness.gate.kept`, gate.json; :mod:`~harness.gate.summary`, Markdown;
:mod:`~harness.gate.ci`, what CI systems read; and :mod:`~harness.gate.printed`, the terminal. What
it keeps: :mod:`~harness.gate.fingerprints`, kinds of machines; :mod:`~harness.gate.exact`,
figures that are the same in every process; :mod:`~harness.gate.locks`, of files that stay;
:mod:`~harness.gate.baseline`, these figures, stored;
:mod:`~harness.gate.waivers`, failures accepted beforehand; :mod:`~harness.gate.history`, all gates
over time; :mod:`~harness.gate.pytest_json`, files of pytest-benchmark.
"""
