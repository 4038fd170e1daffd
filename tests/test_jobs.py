"""What travels between processes: jobs, answers, outcomes and artifacts."""

import io
import math
import struct
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, BinaryIO, get_args

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from optuna.artifacts import (
    FileSystemArtifactStore,
    download_artifact,
    get_all_artifact_meta,
)

from harness import Distillation, Factor, Scale, Study, Training
from harness.data import digits
from harness.engines.modes import KINDS, PLAIN, Choice, Mode, Timing
from harness.models import MLP
from harness.optim import SGD
from harness.planning.planner import StudyPlanner
from harness.running import wire
from harness.running.jobs import (
    Answer,
    CalibrateJob,
    Job,
    ProfileJob,
    TimeJob,
    TrainJob,
    WarmJob,
    WatchJob,
    do,
    failed,
)
from harness.running.named import Named
from harness.running.telling import Told
from harness.running.workplace import Workplace
from harness.storing.artifacts import Artifacts, FolderOfArtifacts
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile
from harness.trials.trial import make_trial
from tests.tiny_study import study as tiny

TEXT = st.text(max_size=8)
FLOATS = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1 + 0.2])
NUMBERS = st.dictionaries(TEXT, FLOATS, max_size=3)
CURVES = st.dictionaries(TEXT, st.lists(FLOATS, max_size=4), max_size=3)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=3)
COUNT = st.integers(0, 2**53)
ROLES = st.sampled_from(["evaluate", "tune", "need"])
NAMED = st.builds(
    Named, TEXT, TEXT, COUNT, ROLES, NUMBERS, TEXT, st.tuples(TEXT, TEXT), st.booleans()
)
MODES = st.builds(Mode, st.sampled_from(KINDS), COUNT, st.booleans())
JOBS = st.one_of(
    st.builds(TrainJob, st.lists(NAMED, max_size=2).map(tuple), MODES),
    st.builds(WatchJob, NAMED, TEXT, st.booleans()),
    st.builds(ProfileJob, NAMED),
    st.builds(TimeJob, NAMED),
    st.builds(
        CalibrateJob, NAMED, COUNT, COUNT, st.lists(st.sampled_from(KINDS)).map(tuple), COUNT,
        FLOATS, COUNT,
    ),
    st.builds(WarmJob, st.lists(NAMED, max_size=2).map(tuple), st.booleans()),
)  # fmt: skip
OUTCOMES = st.builds(Outcome, NUMBERS, CURVES, NUMBERS, TEXTS, CURVES, TEXT, TEXT, TEXT, TEXT)
PROFILES = st.builds(
    Profile, FLOATS, FLOATS, FLOATS, COUNT, FLOATS, COUNT, st.dictionaries(TEXT, COUNT), COUNT,
    COUNT, COUNT, COUNT, TEXT, TEXT, COUNT, TEXT,
)  # fmt: skip
TIMINGS = st.builds(Timing, MODES, FLOATS, FLOATS, FLOATS)
CHOICES = st.builds(Choice, MODES, st.lists(TIMINGS, max_size=2).map(tuple), TEXT, COUNT, FLOATS)
ANSWERS = st.builds(
    Answer, TEXT, st.booleans(), TEXT, TEXTS, st.lists(OUTCOMES, max_size=2).map(tuple),
    st.none() | PROFILES, st.none() | CHOICES, FLOATS, FLOATS,
)  # fmt: skip
TOLD = st.builds(Told, TEXT, COUNT, ROLES, COUNT, COUNT, COUNT, FLOATS, FLOATS)


def bits(value: Any) -> Any:
    """Return a value with each number as its bits, any NaN as one, so that all can be compared."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, dict):
        return {name: bits(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [bits(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        return type(value), [bits(getattr(value, field.name)) for field in fields(value)]
    return value


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(JOBS)
def test_a_job_is_the_same_after_it_was_written_and_read(job: Job) -> None:
    assert bits(wire.read_job(wire.job_text(job))) == bits(job)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(ANSWERS | TOLD)
@example(Told("width=4", 0, "evaluate", 1, 1, 2, math.nan, math.inf))
@example(Answer(outcomes=(Outcome(curves={"train_loss": [0.1, math.nan, -math.inf]}),)))
def test_an_answer_is_the_same_after_it_was_written_and_read(message: wire.Message) -> None:
    assert bits(wire.read_message(wire.message_text(message))) == bits(message)


def test_bits_tells_numbers_apart_and_has_one_nan() -> None:
    assert bits(0.0) != bits(-0.0)
    assert bits([math.nan]) == bits([-math.nan])
    assert bits(Answer(took=1.0)) != bits(Answer(took=math.nextafter(1.0, 2.0)))
    assert bits(Answer(took=1.0)) != bits(Outcome())


def test_every_job_is_among_those_that_are_tried() -> None:
    assert {type(job) for job in EXAMPLES} == set(get_args(Job))


NAME = Named("quick", "width=4", 0, "evaluate", {"lr": 0.1})
EXAMPLES: list[Job] = [
    TrainJob((NAME,)), WatchJob(NAME, "notes"), ProfileJob(NAME), TimeJob(NAME),
    CalibrateJob(NAME, 3), WarmJob((NAME,)),
]  # fmt: skip


@pytest.mark.parametrize("job", EXAMPLES, ids=lambda job: type(job).__name__)
def test_what_travels_is_json_text_that_names_its_kind(job: Job) -> None:
    text = wire.job_text(job).decode()
    assert text.startswith("{")
    assert f'"kind":"{type(job).__name__}"' in text


@pytest.mark.parametrize(("text", "wrong"), [
    (b"", "Expecting value"),
    (b"[]", "cannot be interpreted"),
    (b'{"kind": "Evil"}', "Evil"),
    (b'{"trials": []}', "kind"),
    (b'{"kind": "WarmJob", "trials": [], "measuring": 1}', "measuring: no yes or no, but 1"),
    (b'{"kind": "WarmJob", "trials": [], "measuring": true, "more": 1}', "it has more"),
    (b'{"kind": "WarmJob", "trials": []}', "it lacks measuring"),
])  # fmt: skip
def test_what_is_no_job_is_refused(text: bytes, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        wire.read_job(text)


def test_a_curve_with_something_else_in_it_is_refused() -> None:
    text = wire.message_text(Answer(outcomes=(Outcome(curves={"loss": [0.25]}),)))
    assert b"0.25" in text
    with pytest.raises(ValueError, match=r"outcomes.*no list of numbers, but \['a'\]"):
        wire.read_message(text.replace(b"0.25", b'"a"'))


# ---- outcomes -----------------------------------------------------------------------------------


WHOLE = Outcome(
    {"validation_loss": 0.5, "test_accuracy": 0.9},
    {"validation_loss": [0.75, 0.5], "train_loss": [0.1 + 0.2, 5e-324]},
    {"seconds": 1.5, "steps": 30, "samples": 600},
    {"python": "3.11"},
    {"norms": [1.0, 2.0]},
    mode="fused, 4 at a time",
    note="out of memory with fused, 8 at a time",
)


def recorded(folder: Path, outcome: Outcome) -> tuple[Ledger, Any]:
    ledger = Ledger(open_store(str(folder / "x.db")), tiny, "quick")
    trial = make_trial(tiny, "quick", tiny.arms("quick")[0], 0, "evaluate", {"lr": 0.1})
    (lease,) = ledger.lease([trial], 1)
    ledger.finish(lease, outcome)
    (record,) = ledger.records()
    return ledger, record


def test_a_record_has_all_of_its_outcome(tmp_path: Path) -> None:
    _, record = recorded(tmp_path, WHOLE)
    assert record.state == "complete"
    assert record.metrics == WHOLE.metrics
    assert record.curves == {name: tuple(values) for name, values in WHOLE.curves.items()}
    assert record.layers == {"norms": (1.0, 2.0)}
    assert record.cost == WHOLE.cost
    assert record.env == {"python": "3.11", "mode": WHOLE.mode, "mode_note": WHOLE.note}


def test_a_failed_outcome_is_a_failed_record_without_figures(tmp_path: Path) -> None:
    _, record = recorded(tmp_path, replace(WHOLE, reason="no luck", mode="", note=""))
    assert (record.state, record.reason, record.metrics) == ("failed", "no luck", {})
    assert record.env == {"python": "3.11"}


def test_a_job_of_which_nothing_came_fails_each_of_its_trials() -> None:
    answer = Answer("RuntimeError: no", env={"python": "3"})
    assert failed(answer, [1, 2]) == 2 * (Outcome(reason="RuntimeError: no", env={"python": "3"}),)


# ---- artifacts ----------------------------------------------------------------------------------


def test_a_file_is_found_by_its_name_and_replaced_whole(tmp_path: Path) -> None:
    artifacts = FolderOfArtifacts(tmp_path / "not there yet")
    assert artifacts.get("one") is None
    for content in (b"first", b"second"):
        artifacts.put("one", io.BytesIO(content))
        found = artifacts.get("one")
        assert found is not None
        with found:
            assert found.read() == content
    assert [file.name for file in artifacts.folder.iterdir()] == ["one"]


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise OSError("disk full")

    artifacts = FolderOfArtifacts(tmp_path)
    artifacts.put("one", io.BytesIO(b"whole"))
    with pytest.raises(OSError, match="disk full"):
        artifacts.put("one", Broken())
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"whole"]


def test_optuna_lists_and_gives_out_the_network_of_a_trial(tmp_path: Path) -> None:
    artifacts = open_store(str(tmp_path / "x.db")).artifacts
    artifacts.put("a key", io.BytesIO(b"a network"))
    ledger, _ = recorded(tmp_path, replace(WHOLE, network="a key"))
    (trial,) = ledger.store.storage.get_all_trials(0 + 1)
    (about,) = get_all_artifact_meta(trial, storage=ledger.store.storage)
    assert about.artifact_id == about.filename == "a key"
    download_artifact(
        artifact_store=FileSystemArtifactStore(artifacts.folder), artifact_id=about.artifact_id,
        file_path=str(tmp_path / "copy"),
    )  # fmt: skip
    assert (tmp_path / "copy").read_bytes() == b"a network"


class InMemory:
    """Artifacts of a machine that has no folder in common with others."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asked: list[str] = []

    def put(self, name: str, content: BinaryIO) -> None:
        self.kept[name] = content.read()

    def get(self, name: str) -> BinaryIO | None:
        self.asked.append(name)
        return io.BytesIO(self.kept[name]) if name in self.kept else None


def trained(width: int, **more: Any) -> Training:
    return Training(digits(train=60), MLP((width,)), SGD(lr=0.1), batch_size=30, epochs=1, **more)


PUPILS = Study(
    name="pupils",
    question="Does a teacher help?",
    factors=(Factor("temperature", (1.0, 4.0)),),
    build=lambda scale, temperature: trained(
        4, loss=Distillation(teacher=trained(8), temperature=temperature)
    ),
    scales={"quick": Scale(seeds=1)},
)


def here(artifacts: Artifacts) -> Workplace:
    return Workplace(PUPILS, torch.device("cpu"), artifacts, Path("nowhere"))


def test_a_pupil_learns_from_the_network_that_its_teachers_key_names() -> None:
    pupil = make_trial(PUPILS, "quick", PUPILS.arms("quick")[0], 0, "evaluate", {})
    teacher = pupil.needs["teacher"]
    artifacts = InMemory()

    def run(named: Named) -> Outcome:
        answer = do(TrainJob((named,), PLAIN), here(artifacts))
        assert not answer.reason
        (outcome,) = answer.outcomes
        assert not outcome.reason
        return outcome

    alone = run(Named.of(pupil, "quick"))  # its teacher is trained on the way
    assert (artifacts.asked, list(artifacts.kept)) == ([teacher.key], [teacher.key])
    artifacts.kept.clear()
    assert run(Named.of(teacher, "quick", keep=True)).network == teacher.key
    assert list(artifacts.kept) == [teacher.key]
    assert run(Named.of(pupil, "quick")).metrics == alone.metrics
    kept = torch.load(io.BytesIO(artifacts.kept[teacher.key]), weights_only=True)
    content = io.BytesIO()
    zeros = {name: torch.zeros_like(each) for name, each in kept["learnt"].items()}
    torch.save({**kept, "learnt": zeros}, content)
    artifacts.kept[teacher.key] = content.getvalue()
    other = run(Named.of(pupil, "quick"))
    assert other.metrics["test_loss"] != alone.metrics["test_loss"], "or it was never looked at"
    artifacts.kept[teacher.key] = b"damaged"
    assert run(Named.of(pupil, "quick")).metrics == alone.metrics


@pytest.mark.parametrize(
    "other", [{"arm": "gone"}, {"scale": "gone"}, {"path": ("gone",)}, {"key": "of other code"}]
)
def test_a_trial_that_the_study_no_longer_has_ends_the_run_and_fails_no_trial(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    trial = next(iter(StudyPlanner(PUPILS, "quick", 1, tune=False).at_defaults.values()))
    named = replace(Named.of(trial, "quick"), **other)
    answer = do(TrainJob((named,)), here(FolderOfArtifacts(tmp_path)))
    assert answer.mistake
    assert answer.reason.startswith("a study must stay as it is while it runs; got other code")
    assert answer.outcomes == ()


def test_a_network_that_cannot_be_kept_fails_its_trial() -> None:
    class Full(InMemory):
        def put(self, name: str, content: BinaryIO) -> None:
            raise OSError("disk full")

    trial = make_trial(PUPILS, "quick", PUPILS.arms("quick")[0], 0, "evaluate", {}).needs["teacher"]
    assert trial is not None
    answer = do(TrainJob((Named.of(trial, "quick", keep=True),)), here(Full()))
    assert answer.outcomes[0].reason.startswith("OSError: disk full")
