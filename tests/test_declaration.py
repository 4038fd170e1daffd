"""A study is judged as it was declared when it was run: without its file, and without torch."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from harness import Factor, Scale, Study, Tuned
from harness.commands.cli import execute
from harness.measures import Occluded, measured
from harness.messages.errors import HarnessError
from harness.running.find import load
from harness.storing.kept import declaration_of, manifest_of
from harness.storing.ledger import Ledger
from harness.storing.notes import DECLARATION, note_wrong
from harness.storing.store import open_store
from harness.study.claims import (
    KINDS,
    Best,
    Claim,
    Equivalent,
    Higher,
    Interaction,
    NotWorse,
    Peak,
    Some,
    Sooner,
    Trend,
)
from harness.study.converter import LATER, UnreadableError, from_plain, to_plain
from harness.study.declaration import Declaration
from harness.study.designs import Arms, Design, Factorial, OneAtATime
from harness.study.looks import Looks
from harness.study.metrics import Metric
from harness.trials.manifest import VERSION, Manifest, NewerError, Planned
from harness.trials.tuning import ArmTuning
from tests.alone import said
from tests.declaring import as_before, run

# ---- a declaration in plain values ---------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A level that is an object."""

    strength: float = 0.5


def wide() -> None:
    """A level that is a function."""


def narrow() -> None:
    """Another."""


def margin(trained: Any) -> float:
    return 0.0


@dataclass(frozen=True)
class Own:
    """A measure of a kind of its own, in a unit of its own."""

    when: str = "start"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (Metric("latency", "Latency", "ms", "lower", "Time."),)  # type: ignore[arg-type]

    def __call__(self, trained: Any) -> Mapping[str, float]:
        raise AssertionError


FACTORS = (
    Factor("width", (4, 16, 64, 256)),
    Factor("rate", (0.1, 1.0, math.pi)),
    Factor("bias", (False, True)),
    Factor("rule", (None, Rule(), Rule(2.0))),
    Factor("size", ((3, 3), (5, 5))),
    Factor("shape", {"broad": wide, "slim": narrow}),
    Factor("kind", ("a", "b")),
)

CLAIMS: tuple[Claim, ...] = (
    Higher("One.", metric="test_accuracy", by=1e-2, higher={"rule": Rule()}, lower={"rule": None}),
    Equivalent("Two.", metric="margin", by=1, first={"shape": wide}, second={"shape": "slim"}),
    NotWorse("Three.", metric="step_seconds", by=0.05, arm={"size": (3, 3)}, than={"size": (5, 5)}),
    Sooner(
        "Four.", metric="validation_accuracy", by=0.2, reaches=0.9, clock="epochs",
        sooner=dict(zip(
            [each.name for each in FACTORS], (4, 0.1, False, None, (3, 3), "broad", "a"),
            strict=True)),
        later=dict(zip(
            [each.name for each in FACTORS], (16, 0.1, False, None, (3, 3), "broad", "a"),
            strict=True)),
    ),
    Interaction(
        "Five.", metric="train_loss", by=2, source="me 2026", primary=False,
        of=({"width": 16}, {"width": 4}), at=({"bias": True}, {"bias": False}),
    ),
    Best("Six.", metric="test_loss", by=0.1, best={"rule": Rule(2.0)}, where={"bias": True},
         among=[None, Rule(2.0)], lowest=True),
    Some("Seven.", metric="test_loss", by=0.1, over="rate", than={"rate": 0.1}, among=(1.0,)),
    Trend("Eight.", metric="latency", by=0.1, over="width", among=(4, 16, 64), axis="log"),
    Peak("Nine.", metric="failed_twice", by=0.1, over="width", at=16, lowest=True),
)  # fmt: skip

MEASURES = (
    Occluded(0.3), Own(), measured("margin", margin, meaning="How far.", better="higher"),
    measured("failed_twice", margin, meaning="How often.", unit="fraction"),
)  # fmt: skip


def declare(design: Design | None = None, **changes: Any) -> Study:
    def own(scale, width, rate, bias, rule, size, shape, kind, lr, decay):  # type: ignore[no-untyped-def]
        raise AssertionError("judging must not build")

    given: dict[str, Any] = {
        "name": "all", "question": "Does all of it come back?", "factors": FACTORS, "build": own,
        "scales": {
            "quick": Scale(seeds=5, width=8, data=Rule(), how=len),
            "full": Scale(seeds=40, tuning=3, levels={"bias": (True, False), "width": (64, 4, 16)}),
        },
        "claims": CLAIMS, "design": design or Factorial(), "measures": MEASURES,
        "tuned": (Tuned("lr", 0.001, 1, log=True), Tuned("decay", 0, 1, default=0.5)),
        "looks": Looks((5, 20), (0.01, 0.04)), "objective": "validation_accuracy",
    }  # fmt: skip
    return Study(**given | changes)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def same(declaration: Declaration) -> Declaration:
    """Write and read it."""
    back = Declaration.of(through_json(declaration.plain))
    assert back == declaration
    assert repr(back) == repr(declaration), "also kinds, and the order of levels"
    assert back.digest == declaration.digest
    return back


def test_all_of_a_study_comes_back() -> None:
    assert {type(claim) for claim in CLAIMS} == set(KINDS)
    study = declare(claims=CLAIMS[:7])
    back = same(study.declaration("quick"))
    assert [arm.name for arm in back.arms] == [arm.name for arm in study.arms("quick")]
    for claim, declared in zip(study.claims, back.claims, strict=True):
        names = [
            {factor: level.name for factor, level in partial.items()}
            for partial in study.partials(claim, "quick")
        ]
        assert [
            {factor: level.name for factor, level in partial.items()}
            for partial in back.partials(declared)
        ] == names
        assert back.metric(claim.metric) == study.metric(claim.metric)
    assert back.settings == {"width": "8", "data": "Rule", "how": "len"}
    assert [each.by for each in back.measures] == [
        "Occluded(side=0.3)", "Own", "the study's function margin", "the study's function margin",
    ]  # fmt: skip
    assert back.scales == ("quick", "full")


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.kind for claim in CLAIMS])
def test_each_kind_of_claim_comes_back(claim: Claim) -> None:
    back = same(declare(claims=(claim,), scales={"quick": Scale(seeds=5)}).declaration("quick"))
    assert type(back.claims[0]) is type(claim)
    assert back.claims[0].text == claim.text
    assert repr(back.claims[0].by) == repr(claim.by), "a whole number stays one"


def test_levels_that_are_objects_stand_by_their_names() -> None:
    best = declare(claims=(CLAIMS[5],)).declaration("quick").claims[0]
    assert isinstance(best, Best)
    assert (best.best, best.among) == ({"rule": "Rule(strength=2)"}, ("none", "Rule(strength=2)"))
    assert best.sides()[1] == "rule=Rule(strength=2) at bias=yes"
    alike = declare(claims=(CLAIMS[1],)).declaration("quick").claims[0]
    assert alike.sides() == ("shape=broad", "shape=slim")


@pytest.mark.parametrize(
    "design",
    [
        Factorial(),
        OneAtATime(),
        Arms({"plain": {}, "other": {"rule": Rule(2.0), "shape": narrow}}),
    ],
    ids=["all", "one at a time", "listed"],
)
def test_arms_of_every_design_come_back(design: Design) -> None:
    study = declare(design, claims=())
    for scale in study.scales:
        back = same(study.declaration(scale))
        ours = study.arms(scale)
        assert [(arm.name, [*arm.levels]) for arm in back.arms] == [
            (arm.name, [*arm.levels]) for arm in ours
        ]
        assert [[level.plain for level in arm.levels.values()] for arm in back.arms] == [
            [level.plain for level in arm.levels.values()] for arm in ours
        ]
        assert back.budget == study.budget(scale)
    full = study.declaration("full")
    assert [level.name for level in full.levels("width")] == ["64", "4", "16"], "in its order"
    assert [level.name for level in full.left_out("width")] == ["256"]


plain_levels = st.one_of(
    st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False),
    st.text("abcdefg ,=µ→'\"\\", min_size=1).filter(str.strip),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    levels=st.lists(plain_levels, min_size=2, max_size=5, unique_by=repr),
    by=st.one_of(st.integers(1, 9), st.floats(1e-9, 0.9)),
    seeds=st.lists(st.integers(5, 99), min_size=1, max_size=4, unique=True),
)
def test_whatever_is_declared_comes_back(levels: list[Any], by: float, seeds: list[int]) -> None:
    def own(scale, f):  # type: ignore[no-untyped-def]
        raise AssertionError

    try:
        study = Study(
            name="any", question="Does it?", factors=(Factor("f", levels),), build=own,
            scales={"quick": Scale(seeds=5, levels={"f": levels[::-1]})},
            claims=(
                Higher("A.", metric="test_loss", by=by, higher={"f": levels[0]},
                       lower={"f": levels[1]}),
                Best("B.", metric="test_loss", by=by, best={"f": levels[0]}, among=levels),
            ),
            looks=Looks(tuple(sorted(seeds))),
        )  # fmt: skip
    except HarnessError:
        reject()  # two levels of one name, or one that stands for another
    back = same(study.declaration("quick"))
    for claim, declared in zip(study.claims, back.claims, strict=True):
        assert back.partials(declared) == study.partials(claim, "quick")
        assert declared.sides() == claim.sides()


PARTS = tuple(item.name for item in fields(Declaration))


def test_a_damaged_declaration_is_named_in_one_line() -> None:
    declaration = declare(claims=CLAIMS[:5]).declaration("quick")
    whole = through_json(declaration.plain)
    name = DECLARATION + declaration.digest
    assert note_wrong(name, whole) == ""
    for part in PARTS:
        rest = {each: value for each, value in whole.items() if each != part}
        if part not in LATER["Declaration"]:
            assert note_wrong(name, rest) == f"it lacks {part}"
        for other in (3.5, "x", [3.5], {"x": 3.5}):
            text = note_wrong(name, {**whole, part: other})
            assert text, (part, other)
            assert "\n" not in text
    assert "more" in note_wrong(name, {**whole, "more": 1})
    assert note_wrong(name, {**whole, "question": "Another?"}) == (
        "it is not what it was when it was written"
    )
    turned = {**whole["factors"][0]["levels"]}
    turned = {each: turned[each] for each in reversed(turned)}  # the baseline is another
    factors = [{**whole["factors"][0], "levels": turned}, *whole["factors"][1:]]
    assert note_wrong(name, {**whole, "factors": factors}) != ""
    for other in (None, 3, [], "x", {}):
        assert note_wrong(name, other)


def test_an_arm_of_levels_that_there_are_not_is_damage() -> None:
    whole = through_json(declare(claims=()).declaration("quick").plain)
    first = next(iter(whole["combinations"]))
    gone = {**whole["combinations"], first: ["5", *whole["combinations"][first][1:]]}
    with pytest.raises(UnreadableError, match="a level of factor 'width' must be one of those"):
        from_plain(Declaration, {**whole, "combinations": gone})
    few = {**whole["combinations"], first: whole["combinations"][first][1:]}
    with pytest.raises(UnreadableError, match="an arm must have a level of every factor"):
        from_plain(Declaration, {**whole, "combinations": few})
    with pytest.raises(UnreadableError, match="must have the factor that is named; got 'nobody'"):
        from_plain(Declaration, {**whole, "kept": {"nobody": ["x"]}})


def test_nothing_is_converted_silently() -> None:
    whole = through_json(to_plain(Tuned("lr", 0.1, 1)))
    assert from_plain(Tuned, whole) == Tuned("lr", 0.1, 1)
    assert type(from_plain(Tuned, whole).high) is int
    for part, other, what in (
        ("low", "0.1", "no number, but '0.1'"), ("log", 1, "no yes or no, but 1"),
        ("trials", 8.0, "no whole number, but 8.0"), ("name", None, "no text, but None"),
        ("low", True, "no number, but True"),
    ):  # fmt: skip
        with pytest.raises(UnreadableError, match=f"^{part}: ") as raised:
            from_plain(Tuned, {**whole, part: other})
        assert str(raised.value).endswith(what)
    with pytest.raises(UnreadableError, match="must be finite with low < high"):
        from_plain(Tuned, {**whole, "low": 9})


# ---- the manifest of a run -----------------------------------------------------------------------

MANIFEST = Manifest(
    seeds=(0, 1), asked=(2,), looks=Looks((5, 10)), evaluations=4, tuned=True,
    command="harness run",
    trials=(
        Planned("teacher", 0, "k0", "need"), Planned("a=1", 1_000_000, "k1", "tune"),
        Planned("a=1", 0, "k2", "evaluate"),
    ),
    tuning=(ArmTuning("a=1", "lr", 0, 1.0, False, ((0.5, 0.1), (0.1, None)), 0.5, "tuned", ""),),
    programs={"a=1": "k1"}, machine="cpu/x", data=({"told": "Digits.", "counts": {"total": 3}},),
    modes={"p": ("a=1",)}, declaration="ab", revision="3f2c+changes",
    time="2026-01-02T03:04:05+00:00",
)  # fmt: skip


def test_a_manifest_comes_back() -> None:
    plain = through_json(MANIFEST.plain())
    assert plain["version"] == VERSION
    assert Manifest.of(plain) == MANIFEST
    assert note_wrong("plan", plain) == ""
    assert MANIFEST.says(replace(MANIFEST, time=""))
    assert not MANIFEST.says(replace(MANIFEST, revision=""))
    assert not MANIFEST.says(None)


def test_a_plan_of_before_is_read_with_the_roles_of_its_trials() -> None:
    new = {"version", "declaration", "revision", "time"}
    plan = {name: each for name, each in through_json(MANIFEST.plain()).items() if name not in new}
    plan["trials"] = [row[:3] for row in plan["trials"]]
    assert note_wrong("plan", plan) == ""
    assert Manifest.of(plan) == replace(MANIFEST, declaration="", revision=None, time="")
    first = {"asked", "looks", "evaluations", "machine", "data", "modes"}
    oldest = Manifest.of({name: each for name, each in plan.items() if name not in first})
    assert (oldest.evaluations, oldest.looks, oldest.data) == (None, None, ())
    assert [trial.role for trial in oldest.trials] == ["need", "tune", "evaluate"]


def test_a_manifest_that_says_teach_is_read_as_one_of_today() -> None:
    plan = through_json(MANIFEST.plain())
    assert plan["trials"][0][3] == "need"
    plan["trials"][0][3] = "teach"
    assert note_wrong("plan", plan) == ""
    assert Manifest.of(plan) == MANIFEST


def test_a_damaged_manifest_is_named_in_one_line() -> None:
    whole = through_json(MANIFEST.plain())
    for part in ("seeds", "trials", "tuning", "programs", "command", "tuned", "data", "modes"):
        assert (
            note_wrong("plan", {n: v for n, v in whole.items() if n != part}) == f"it lacks {part}"
        )
    for part, other in (
        ("trials", [["a=1", 0, "k"]]), ("trials", [["a=1", 0, "k", "rest"]]), ("seeds", ["0"]),
        ("trials", [["a=1", True, "k", "tune"]]), ("looks", {"seeds": [5]}), ("tuned", 1),
        ("tuning", [3]), ("modes", {"p": "a=1"}), ("programs", []), ("declaration", 3),
        ("version", "1"), ("looks", 3), ("tuning", [{**whole["tuning"][0], "tried": [[1]]}]),
    ):  # fmt: skip
        text = note_wrong("plan", {**whole, part: other})
        assert text.startswith(part), (part, other, text)
        assert "\n" not in text
    with pytest.raises(NewerError, match=r"form 2, by a newer version of the harness"):
        note_wrong("plan", {**whole, "version": VERSION + 1, "place": "a field to come"})


# ---- a store alone -------------------------------------------------------------------------------

FILE = '''"""Does width help?

A paragraph that the report begins with.
"""

from harness import Factor, Higher, Scale, Study, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD

WIDTHS = {"small": 4, "middle": 16, "large": 64}


def build(scale: Scale, width: str) -> Training:
    return Training(
        data=digits(train=100), model=MLP(hidden=(WIDTHS[width],)), optimizer=SGD(lr=0.1),
        batch_size=20, epochs=2,
    )


study = Study(
    name="wide", question="Does width help?", build=build,
    factors=(Factor("width", tuple(WIDTHS)),),
    scales={"quick": Scale(seeds=5), "full": Scale(seeds=10)},
    claims=(
        Higher(
            "Large beats small.", metric="test_accuracy", by=0.2, higher={"width": "large"},
            lower={"width": "small"},
        ),
    ),
)
'''


@dataclass
class Home:
    """A study's file, and a store with made-up results of it."""

    folder: Path
    store: str

    @property
    def file(self) -> Path:
        return self.folder / "wide_study.py"

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")
        sys.modules.pop("wide_study", None)

    def ledger(self) -> Ledger:
        return Ledger(open_store(self.store), load(str(self.file)), "quick")

    def notes(self) -> dict[str, Any]:
        store = open_store(self.store)
        identity = store.storage.get_study_id_from_name("wide-quick")
        return dict(store.storage.get_study_user_attrs(identity))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a store of made-up results."""
    made = Home(folder := tmp_path_factory.mktemp("recorded"), str(folder / "x.db"))
    made.write(FILE)

    def accuracy(trial: Any) -> float:
        (width,) = trial.training.model.hidden
        return 0.3 + 0.1 * (width > 4) + 0.1 * (width > 16) + 0.01 * (trial.seed % 3) * width / 64

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.declaring.accuracy", accuracy)
        store = open_store(made.store)
        run(store, load(str(made.file)))
        store.close()
    yield folder
    sys.modules.pop("wide_study", None)


@pytest.fixture
def home(here: Path, recorded: Path) -> Iterator[Home]:
    """A copy of it, in a folder of its own."""
    shutil.copytree(recorded, here, dirs_exist_ok=True)
    made = Home(here, str(here / "x.db"))
    sys.modules.pop("wide_study", None)
    made.ledger().write_note("reference", str(made.file))
    yield made
    sys.modules.pop("wide_study", None)


FILES = ("report.html", "results", "records.csv", "verdicts.json", "explain", "export", "curves")


def compare(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The files that differ."""
    return [name for name in FILES if one[name] != other[name]]


def gone(home: Home) -> None:
    home.file.rename(home.folder / "renamed.py")


def torch_is_missing(home: Home) -> None:
    home.write("import torch_that_nobody_has\n" + FILE)


def not_python(home: Home) -> None:
    home.write("study = Study(\n")


def no_study(home: Home) -> None:
    home.write("study = 3\n")


@pytest.mark.parametrize(
    ("change", "reference", "why"),
    [
        (gone, "wide_study.py", "is not there any more"),
        (gone, "wide", "is not there any more"),
        (torch_is_missing, "wide", "cannot be loaded here (ModuleNotFoundError: No module named "),
        (not_python, "wide_study.py", "cannot be loaded here ('(' was never closed at"),
        (no_study, "wide", "cannot be loaded here (3)"),
    ],
    ids=["gone", "gone, by name", "imports", "syntax", "none"],
)
def test_a_store_alone_says_the_same_to_the_last_byte(
    home: Home, change: Callable[[Home], None], reference: str, why: str
) -> None:
    page = change is gone and reference == "wide"
    first = said("wide_study.py", home.store, page=page)
    assert json.loads(first["warnings"]) == []
    assert not page or "A paragraph that the report begins with." in first["report.html"]
    assert not page or "drawn anew for every seed" in first["report.html"]
    before = home.notes()
    change(home)
    alone = said(reference, home.store, page=page)
    assert compare(first, alone) == []
    (warning,) = json.loads(alone["warnings"])
    assert warning.startswith(f"The study's file wide_study.py {why}"), warning
    assert "judged as it was declared when it was run on" in warning
    assert alone["note"].startswith(f"The study's file wide_study.py {why}")
    assert home.notes() == before, "judging a store alone writes nothing"


def test_a_study_named_as_the_store_calls_it_is_judged_by_its_file(home: Home) -> None:
    first = said("wide_study.py", home.store)
    assert said("wide", home.store) == first


def test_a_file_that_declares_another_study_now_is_not_that_of_the_name(home: Home) -> None:
    first = said("wide_study.py", home.store)
    home.write(FILE.replace('name="wide"', 'name="wider"'))
    alone = said("wide", home.store)
    assert compare(first, alone) == []
    assert "(it declares wider now): judged as it was declared" in alone["warnings"]


def test_a_store_that_was_copied_to_another_machine_knows_the_file_by_its_name(
    home: Home, tmp_path: Path
) -> None:
    first = said("wide_study.py", home.store)
    home.ledger().write_note("reference", "/somewhere/else/wide_study.py")
    gone(home)
    alone = said("wide_study.py", home.store)
    assert compare(first, alone) == []
    with pytest.raises(HarnessError, match="file that exists"):
        said("other.py", home.store)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (FILE.replace('"small"', '"tiny"'), "takes up the new names"),
        (
            FILE.replace('"small": 4', '"tiny": 8').replace('"small"', '"tiny"'),
            "runs what the file",
        ),
    ],
    ids=["named otherwise", "and other"],
)
def test_where_a_level_is_renamed_the_run_is_judged_as_it_was_declared(
    home: Home, text: str, command: str
) -> None:
    first = said("wide_study.py", home.store)
    before = home.notes()
    home.write(text)
    renamed = said("wide_study.py", home.store)
    assert compare(first, renamed) == []
    (warning,) = json.loads(renamed["warnings"])
    assert "arm width=tiny is new, arm width=small is gone" in warning
    assert command in warning
    assert "provisional" not in warning
    assert home.notes() == before


def test_claims_that_were_changed_since_are_not_those_of_the_run(home: Home) -> None:
    first = said("wide_study.py", home.store)
    home.write(FILE.replace("by=0.2", "by=0.1"))
    changed = said("wide_study.py", home.store)  # which keeps that it was declared
    assert "changed after 10 results" in changed["explain"]
    gone(home)
    assert compare(first, said("wide", home.store)) == []


def test_a_store_of_before_is_judged_with_the_file_as_ever_and_not_without(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    first = said("wide_study.py", home.store)
    as_before(home.ledger())
    assert said("wide_study.py", home.store) == first
    gone(home)
    for command in ("report", "explain", "export"):
        for reference in ("wide_study.py", "wide"):
            capsys.readouterr()
            assert execute([command, reference, "--store", home.store]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line == (
                "harness: a study that was run before declarations were kept in the store must "
                f"have its file; got no wide_study.py. Put it back where it was, {home.file}."
            )


def test_a_damaged_declaration_is_told_and_the_file_still_judged(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    first = said("wide_study.py", home.store)
    ledger = home.ledger()
    manifest = manifest_of(ledger)
    assert manifest is not None
    declaration = declaration_of(ledger, manifest)
    assert declaration == load(str(home.file)).declaration("quick")
    name = DECLARATION + manifest.declaration
    ledger.write_note(name, {**declaration.plain, "question": "Does it not?"})
    assert compare(first, said("wide_study.py", home.store)) == []
    gone(home)
    capsys.readouterr()
    assert execute(["explain", "wide", "--store", home.store]) == 2
    err = capsys.readouterr().err
    assert f"attribute {name}: it is not what it was when it was written" in err
    assert "must have its file" in err.splitlines()[-1]
    assert execute(["doctor", "--store", home.store, "--mend"]) == 0
    assert f"damaged/{name}" in home.notes()


def test_what_nobody_ran_is_refused_as_ever(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    gone(home)
    for words in (["report", "nobody"], ["report", "nobody.py"], ["explain", "nobody"]):
        capsys.readouterr()
        assert execute([*words, "--store", home.store]) == 2
        assert "STUDY must be a name" in capsys.readouterr().err
    capsys.readouterr()
    assert execute(["explain", "wide", "--scale", "full", "--store", home.store]) == 2
    assert "there must be records to explain; got none of wide at scale full" in (
        capsys.readouterr().err
    )
    assert execute(["explain", "wide", "--scale", "huge", "--store", home.store]) == 2
    assert "study 'wide' must have the scale asked for" in capsys.readouterr().err


def test_without_torch_all_is_the_same(home: Home) -> None:
    """In a process of its own, in which nobody can import torch."""
    first = said("wide_study.py", home.store, page=True)
    gone(home)
    done = subprocess.run(
        [sys.executable, "-m", "tests.alone", "wide", home.store],
        capture_output=True, text=True, check=False, timeout=120, cwd=home.folder,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert compare(first, json.loads(done.stdout)) == []
