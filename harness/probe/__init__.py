"""What one process can measure of a step: time, memory, counts; it knows nothing of the harness.

It imports nothing of the other rooms, and its modules name one another by relative imports: the
gate copies this folder to where a measured process runs, whatever is installed there.

In reading order: :mod:`~harness.probe.clock`, seconds of a step; :mod:`~harness.probe.waiting`,
without those of waiting for a processor; :mod:`~harness.probe.counts`,
operators, FLOPs and calls of Python; :mod:`~harness.probe.memory`, peak memory in parts;
:mod:`~harness.probe.energy`, joules where a GPU counts them;
:mod:`~harness.probe.exact`, all that is counted of a call;
:mod:`~harness.probe.instructions`, instructions where valgrind counts them;
:mod:`~harness.probe.tested`, tests of pytest-benchmark;
:mod:`~harness.probe.work`, built-in work, to measure noise by;
:mod:`~harness.probe.reading`, a process that measures, which ``__main__`` starts.
"""
