"""Claims judged on records: from values by seed to verdicts, with reasons in words.

In reading order: :mod:`~harness.judging.pairing`, values of both sides in each seed;
:mod:`~harness.judging.contrasts`, one effect with interval and test;
:mod:`~harness.judging.verdicts`, which word it gets; :mod:`~harness.judging.reasons`, why, in
words; :mod:`~harness.judging.rounds`, the same for costs; :mod:`~harness.judging.declarations` and
:mod:`~harness.judging.history`, what became of claims that were changed;
:mod:`~harness.judging.summaries` and :mod:`~harness.judging.targets`, for description alone;
:mod:`~harness.judging.results`, everything that a report prints; :mod:`~harness.judging.next_step`,
what to type next.
"""
