"""Claims judged on records: from values by seed to verdicts, with reasons in words.

In reading order. Values: :mod:`~harness.judging.pairing`, both sides of a claim in each seed, and
:mod:`~harness.judging.rounds`, the same of costs.

Effects: :mod:`~harness.judging.seen`, what is seen of a claim;
:mod:`~harness.judging.metric_range`,
how far apart two values of a metric can lie; :mod:`~harness.judging.several`, claims on several
levels; :mod:`~harness.judging.counts`, claims that count seeds; :mod:`~harness.judging.contrasts`,
every kind of claim.

Verdicts: :mod:`~harness.judging.words`, which word a claim gets; :mod:`~harness.judging.looking`,
when it is looked at; :mod:`~harness.judging.adaptive`, how many seeds a run is to add;
:mod:`~harness.judging.more`, how many would decide; :mod:`~harness.judging.wording`,
:mod:`~harness.judging.would_change` and :mod:`~harness.judging.reasons`, the sentences,
of results that others made also :mod:`~harness.judging.lacking`;
:mod:`~harness.judging.verdicts`, every claim judged.

Beside them: :mod:`~harness.judging.registrations` and :mod:`~harness.judging.history`, what became
of claims that were changed; :mod:`~harness.judging.summaries`, :mod:`~harness.judging.optimism`,
what tuning promised and what came, and :mod:`~harness.judging.targets`, for description alone;
:mod:`~harness.judging.sameness`, numbers that are the same, and versions that were tried;
:mod:`~harness.judging.provenance`, where results come from.

Of a search: :mod:`~harness.judging.best_of`, the best of k settings;
:mod:`~harness.judging.confirmed`, the best run again on fresh seeds;
:mod:`~harness.judging.shares`, how much of the variance a setting explains;
:mod:`~harness.judging.tried`, what became of each setting;
:mod:`~harness.judging.searched`, all that a search found, and :mod:`~harness.judging.search_words`,
what is said of it.

At the end: :mod:`~harness.judging.results`, everything that a report prints;
:mod:`~harness.judging.leaders`, arms in order, with those that may be the best;
:mod:`~harness.judging.fronts`, quality against cost;
:mod:`~harness.judging.answer`, the answer in a few sentences;
:mod:`~harness.judging.next_step`, what to type next.

How verdicts are made, what was compared and what was dropped: README.md in this folder.
"""
