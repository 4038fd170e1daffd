"""What a person declares: a study, its factors, claims, scales and metrics.

In reading order: :mod:`~harness.study.study`, the whole; :mod:`~harness.study.work`, all that one
trial does: what ``build`` returns, a Training or an :mod:`~harness.study.ensemble`,
:mod:`~harness.study.function` or :mod:`~harness.study.command`
(with names in braces: :mod:`~harness.study.placeholders`);
:mod:`~harness.study.sources`, which of them, and :mod:`~harness.study.checks`, whether all fits;
:mod:`~harness.study.factors` and :mod:`~harness.study.designs`, what is varied and which
combinations become arms; :mod:`~harness.study.claims`, the sentences that are judged;
:mod:`~harness.study.metrics` and :mod:`~harness.study.formatting`, what they are about and how it
is printed; :mod:`~harness.study.chosen`, measures asked for; :mod:`~harness.study.scales` and
:mod:`~harness.study.looks`, how much is run and when it is looked at;
:mod:`~harness.study.folds`, what data in folds does to intervals;
:mod:`~harness.study.search`, settings to be found, run as a study;
:mod:`~harness.study.space` of :mod:`~harness.study.settings`, what it varies, and
:mod:`~harness.study.searching`, how; :mod:`~harness.study.pasted`, what was found, as code;
:mod:`~harness.study.declaration`, all of a study at one scale as plain data, which
:mod:`~harness.study.converter` writes and reads.
"""
