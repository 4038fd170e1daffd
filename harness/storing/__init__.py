"""Records in and out of Optuna's storage, and what is done where it is damaged or shared.

In reading order: :mod:`~harness.storing.store` opens one; :mod:`~harness.storing.ledger` is what a
run sees of it; :mod:`~harness.storing.optuna_studies` and :mod:`~harness.storing.translation` say
it in Optuna's words; :mod:`~harness.storing.owners` and :mod:`~harness.storing.presence`, who works
on what; :mod:`~harness.storing.kept`, manifests; :mod:`~harness.storing.artifacts`, files that
trials leave for others; :mod:`~harness.storing.database`, :mod:`~harness.storing.rows`,
:mod:`~harness.storing.server` and :mod:`~harness.storing.journal`, one kind of storage each;
:mod:`~harness.storing.damage`, :mod:`~harness.storing.mend` and
:mod:`~harness.storing.tally`, what is wrong with it, and what is lost.
"""
