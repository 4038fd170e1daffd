"""Records in and out of Optuna's storage, and what is done where it is damaged or shared.

In reading order: :mod:`~harness.storing.ledger` is what a run sees of a study, on
:mod:`~harness.storing.leases`, who runs what, and :mod:`~harness.storing.opened`, its trials and
notes; :mod:`~harness.storing.notes` knows each kind of note, :mod:`~harness.storing.kept` keeps
manifests and declarations; :mod:`~harness.storing.optuna_studies` and
:mod:`~harness.storing.translation` say it in Optuna's words; :mod:`~harness.storing.owners` and
:mod:`~harness.storing.presence`, which processes are alive. :mod:`~harness.storing.store` opens
one; :mod:`~harness.storing.faults`, what it refuses; :mod:`~harness.storing.sqlite`,
:mod:`~harness.storing.database`, :mod:`~harness.storing.rows`, :mod:`~harness.storing.server` and
:mod:`~harness.storing.journal`, one kind of storage each. :mod:`~harness.storing.damage` says what
is wrong with a trial, :mod:`~harness.storing.inspection` finds it, :mod:`~harness.storing.mend`
sets it aside, by :mod:`~harness.storing.mend_rows`, :mod:`~harness.storing.mend_journal` and
:mod:`~harness.storing.mend_file`, under names from :mod:`~harness.storing.aside`;
:mod:`~harness.storing.artifacts` keeps files that trials leave for others;
:mod:`~harness.storing.asked` keeps what a search has asked for;
:mod:`~harness.storing.elsewhere` reads what another search has tried;
:mod:`~harness.storing.dashboard` leaves the verdicts where optuna-dashboard shows them;
:mod:`~harness.storing.tally` tells what is lost. ``README.md`` says why it is as it is.
"""
