"""A damaged row is named and left out, every command goes on, and doctor sets it aside."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.commands.cli import execute
from harness.planning.planner import StudyPlanner
from harness.running.executors import Options
from harness.running.session import write_plan
from harness.storing.damage import Unreadable
from harness.storing.ledger import Ledger
from harness.storing.notes import note_wrong
from harness.storing.store import open_store
from harness.trials.outcome import Outcome
from tests.conftest import TINY
from tests.test_ledger import COST, CURVES, ENV, LAYERS
from tests.tiny_study import study

STUDY = str(TINY)
KEEP = ["--seeds", "5", "--no-tuning"]


def finished(where: str, seeds: int = 5) -> None:
    """All trials of a study, as a run without tuning leaves them, apart from training."""
    store = open_store(where)
    ledger = Ledger(store, study, "quick")
    planner = StudyPlanner(study, "quick", seeds, tune=False)
    outlook = planner.outlook({})
    for place, lease in enumerate(ledger.lease(outlook.ready, 99)):
        metrics = {"validation_loss": 0.5, "test_accuracy": 0.5 + place / 100}
        ledger.finish(lease, Outcome(metrics, CURVES, COST, ENV, LAYERS))
    ledger.tally()
    write_plan(ledger, planner, planner.outlook(ledger.done()), Options(reference=STUDY))
    ledger.write_note("reference", STUDY)
    store.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    finished(str(folder / "x.db"))
    finished(f"journal:///{folder}/x.log")
    return folder


@pytest.fixture
def told(here: Path, whole: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple]:
    """Run a command on a copy of the store; return its exit code and what it said."""
    for each in whole.iterdir():
        shutil.copy(each, here)

    def run(*words: str, store: str = "x.db") -> tuple[int, str, str]:
        capfd.readouterr()
        code = execute([*words, "--store", store])
        out, err = capfd.readouterr()
        assert "fault of the harness" not in err, err
        return code, out, err

    return run


def sql(statement: str) -> None:
    connection = sqlite3.connect("x.db")
    with connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(statement).rowcount != 0
    connection.close()


TRIAL = "(SELECT trial_id FROM trials WHERE number = 3)"
USER = (
    f"UPDATE trial_user_attributes SET value_json = {{}} WHERE trial_id = {TRIAL} AND key = '{{}}'"
)


def attribute(key: str, text: str) -> str:
    return USER.format("'" + text.replace("'", "''") + "'", key)


def record(**changes: object) -> str:
    made = {"metrics": {"validation_loss": 0.5}, "curves": {}, "cost": {"seconds": 1}, "env": "x"}
    return json.dumps({**made, **changes})


def without(name: str) -> str:
    made = json.loads(record())
    del made[name]
    return json.dumps(made)


DESCRIPTION = {"key": "k", "arm": "a", "role": "evaluate", "code": "c", "training": {}}

SPOILT = {
    "record: half": (attribute("record", '{"metrics": {"te'), "attribute record"),
    "record: empty": (attribute("record", ""), "attribute record"),
    "record: null": (USER.format("NULL", "record"), "attribute record"),
    "record: a list": (attribute("record", "[1, 2]"), "attribute record"),
    "record: a text": (attribute("record", '"done"'), "attribute record"),
    "record: a number": (attribute("record", "3"), "attribute record"),
    "record: JSON's null": (attribute("record", "null"), "attribute record"),
    "record: nothing in it": (attribute("record", "{}"), "attribute record"),
    "record: no metrics": (attribute("record", without("metrics")), "attribute record"),
    "record: no curves": (attribute("record", without("curves")), "attribute record"),
    "record: no cost": (attribute("record", without("cost")), "attribute record"),
    "record: no env": (attribute("record", without("env")), "attribute record"),
    "record: metrics a list": (attribute("record", record(metrics=[1])), "attribute record"),
    "record: no metric": (attribute("record", record(metrics={})), "attribute record"),
    "record: metric a text": (attribute("record", record(metrics={"a": "b"})), "attribute record"),
    "record: metric null": (attribute("record", record(metrics={"a": None})), "attribute record"),
    "record: metric true": (attribute("record", record(metrics={"a": True})), "attribute record"),
    "record: not a number": (
        attribute("record", record(metrics={"test_accuracy": float("nan")})), "attribute record"),
    "record: out of range": (
        attribute("record", record(metrics={"test_accuracy": 70.0})), "attribute record"),
    "record: below its range": (
        attribute("record", record(metrics={"validation_loss": -4.0})), "attribute record"),
    "record: negative time": (
        attribute("record", record(cost={"seconds": -1})), "attribute record"),
    "record: curve a number": (attribute("record", record(curves={"x": 1})), "attribute record"),
    "record: curve of texts": (
        attribute("record", record(curves={"x": ["1"]})), "attribute record"),
    "record: layers a list": (attribute("record", record(layers=[])), "attribute record"),
    "record: env a list": (attribute("record", record(env=[])), "attribute record"),
    "record: gone": (
        f"DELETE FROM trial_user_attributes WHERE trial_id = {TRIAL} AND key = 'record'",
        "attribute record"),
    "trial: half": (attribute("trial", '{"key'), "attribute trial"),
    "trial: a list": (attribute("trial", "[]"), "attribute trial"),
    "trial: no key": (
        attribute("trial", json.dumps({**DESCRIPTION, "key": None})), "attribute trial"),
    "trial: no arm": (
        attribute("trial", json.dumps({x: y for x, y in DESCRIPTION.items() if x != "arm"})),
        "attribute trial"),
    "trial: no such role": (
        attribute("trial", json.dumps({**DESCRIPTION, "role": "king"})), "attribute trial"),
    "trial: training a text": (
        attribute("trial", json.dumps({**DESCRIPTION, "training": "x"})), "attribute trial"),
    "trial: gone": (
        f"DELETE FROM trial_user_attributes WHERE trial_id = {TRIAL} AND key = 'trial'",
        "attribute trial"),
    "runner: a number": (attribute("runner", "4"), "attribute runner"),
    "state: unknown": (f"UPDATE trials SET state = 'DREAMING' WHERE trial_id = {TRIAL}", "state"),
    "number: none": (f"UPDATE trials SET number = NULL WHERE trial_id = {TRIAL}", "number"),
    "number: a text": (f"UPDATE trials SET number = 'x' WHERE trial_id = {TRIAL}", "number"),
    "parameter: half": (
        (f"UPDATE trial_params SET distribution_json = '{{\"na' WHERE trial_id = {TRIAL} AND "
        "param_name = 'width'"), "parameter width"),
    "parameter: no such level": (
        (f"UPDATE trial_params SET param_value = 7 WHERE trial_id = {TRIAL} AND "
        "param_name = 'width'"), "parameter width"),
    "parameter: none": (
        (f"UPDATE trial_params SET param_value = NULL WHERE trial_id = {TRIAL} AND "
        "param_name = 'lr'"), "parameter"),
    "parameter: out of range": (
        (f"UPDATE trial_params SET param_value = 5 WHERE trial_id = {TRIAL} AND "
        "param_name = 'lr'"), "parameters"),
    "seed: out of range": (
        (f"UPDATE trial_params SET param_value = -5 WHERE trial_id = {TRIAL} AND "
        "param_name = 'seed'"), "parameters"),
    "seed: gone": (
        f"DELETE FROM trial_params WHERE trial_id = {TRIAL} AND param_name = 'seed'", "parameters"),
    "value: none": (f"UPDATE trial_values SET value = NULL WHERE trial_id = {TRIAL}", "value"),
    "value: unknown kind": (
        f"UPDATE trial_values SET value_type = 'ODD' WHERE trial_id = {TRIAL}", "value"),
    "value: a text": (f"UPDATE trial_values SET value = 'x' WHERE trial_id = {TRIAL}", "value"),
    "value: gone": (f"DELETE FROM trial_values WHERE trial_id = {TRIAL}", "value"),
}  # fmt: skip

HARMLESS = {
    "column: half": (attribute("test_accuracy", "0."), "attribute test_accuracy"),
    "of somebody else: half": (
        (f"INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES ({TRIAL}, 'mine', "
        "'{')"), "attribute mine"),
    "system attribute: half": (
        (f"INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES ({TRIAL}, 'mine',"
        " '{')"), "system attribute mine"),
    "point: unknown kind": (
        ("UPDATE trial_intermediate_values SET intermediate_value_type = 'ODD' WHERE step = 1 AND "
        f"trial_id = {TRIAL}"), "point 1 of the curve"),
    "date: no date": (
        f"UPDATE trials SET datetime_complete = 'yesterday' WHERE trial_id = {TRIAL}",
        "date ended"),
}  # fmt: skip


def text_of_store() -> str:
    connection = sqlite3.connect("x.db")
    found = "\n".join(connection.iterdump())
    connection.close()
    return found


@pytest.mark.parametrize("kind", [*SPOILT, *HARMLESS])
def test_a_damaged_trial_is_named_left_out_and_set_aside(kind: str, told) -> None:
    statement, part = {**SPOILT, **HARMLESS}[kind]
    left = 10 - (kind in SPOILT)
    sql(statement)
    code, out, err = told("export", STUDY)
    assert (code, len(out.splitlines())) == (1, 1 + left)
    line, *more = err.splitlines()
    assert not more
    assert line.startswith("harness: damaged, and left out: x.db, study tiny-quick, trial 3, ")
    assert f"trial 3, {part}" in line
    assert "`harness doctor --store x.db --mend` sets it aside" in line
    code, out, _ = told("doctor")
    assert code == 1
    assert out.count(f"x.db, study tiny-quick, trial 3, {part}") == 1
    code, out, _ = told("doctor", "--mend")
    assert code == 0, out
    assert "study tiny-quick, trial 3: " in out
    assert "nothing is damaged" in out
    code, out, err = told("export", STUDY)
    assert (code, err, len(out.splitlines())) == (0, "", 1 + left)


@pytest.mark.parametrize(("kind", "old"), [
    ("record: half", '{\\"metrics\\": {\\"te'), ("trial: half", '{\\"key'),
    ("state: unknown", "DREAMING"), ("parameter: half", '{\\"na'), ("column: half", '"0."'),
    ("value: a text", "x FINITE"),
    ("date: no date", "yesterday"),
])  # fmt: skip
def test_what_is_set_aside_is_kept(kind: str, old: str, told) -> None:
    sql({**SPOILT, **HARMLESS}[kind][0])
    before = text_of_store()
    assert told("doctor", "--mend")[0] == 0
    after = text_of_store()
    assert old in after
    assert "damaged/" in after
    assert "damaged/" not in before


def test_many_damaged_trials_are_named_each(told) -> None:
    sql("UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'record' AND trial_id > 5")
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick")
    assert code == 1
    assert json.loads(out)["scales"][0]["done"] == 5
    assert [f"trial {number}, " in line for number, line in enumerate(err.splitlines(), 5)] == [
        True
    ] * 5


def test_reports_say_that_rows_were_left_out(told, here: Path) -> None:
    sql(SPOILT["record: half"][0])
    code, out, _err = told("report", STUDY)
    assert code == 1
    assert (
        "A damaged row was left out: x.db, study tiny-quick, trial 3, attribute record"
        in " ".join(out.split())
    )
    page = (here / "runs" / "tiny-quick" / "report.html").read_text()
    assert "trial 3, attribute record: it is no JSON" in page
    code, out, _ = told("explain", STUDY)
    assert code == 1


def test_other_studies_damage_does_not_stop_a_replay_and_is_told(told) -> None:
    sql(SPOILT["record: half"][0])
    code, _, err = told("replay", "zzz")
    assert code == 2
    assert "trial 3, attribute record" in err
    assert "KEY must be" in err.splitlines()[-1]


def note(name: str, text: str | None) -> str:
    value = "NULL" if text is None else "'" + text.replace("'", "''") + "'"
    return f"UPDATE study_user_attributes SET value_json = {value} WHERE key LIKE '{name}'"


NOTES = {
    "plan: half": note("plan", '{"seeds'), "plan: null": note("plan", None),
    "plan: a list": note("plan", "[]"), "plan: nothing in it": note("plan", "{}"),
    "env: half": note("env/%", "{"), "env: a list": note("env/%", "[1]"),
    "code: half": note("code/%", "{"), "reference: a number": note("reference", "3"),
    "question: half": note("question", '"a'), "space: half": note("space", '"a'),
    "format: half": note("format", '"'), "format: a text": note("format", '"2"'),
    "harness_study: half": note("harness_study", '"'),
    "harness_scale: half": note("harness_scale", '"'),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOTES)
def test_a_damaged_attribute_of_a_study_is_named_and_set_aside(kind: str, told) -> None:
    sql(NOTES[kind])
    name = kind.partition(":")[0]
    if kind != "format: a text":  # which is another version's, for all that anybody knows
        code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick")
        assert code == 1, err
        assert f"x.db, study tiny-quick, attribute {name}" in err
        assert json.loads(out)["scales"][0]["done"] == 10
        assert told("export", STUDY)[0] == 1
    code, out, _ = told("doctor")
    assert code == 1
    assert f"x.db, study tiny-quick, attribute {name}" in out
    code, out, _ = told("doctor", "--mend")
    assert code == 0, out
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick")
    assert (code, err) == (0, "")
    assert json.loads(out)["scales"][0]["done"] == 10
    assert f"damaged/{name}" in text_of_store()


def test_a_report_without_a_plan_says_why_there_is_none(told) -> None:
    sql(NOTES["plan: half"])
    code, _, err = told("report", STUDY)
    assert code == 2
    first, last = err.splitlines()
    assert "attribute plan: it is no JSON" in first
    assert "there must be records to report on" in last


PROFILE = {
    "step_seconds": 1.0, "step_low": 1.0, "step_high": 1.0, "blocks": 1, "samples_per_second": 1.0,
    "peak_bytes": 1, "memory": {}, "flops_per_step": 1, "parameters": 1, "steps": 1, "samples": 1,
    "device": "cpu", "hardware": "x", "threads": 1, "note": "",
}  # fmt: skip
CHECKED = {"time": "2026", "arm": "a", "seed": 0, "programs": {"a": "k"},
           "findings": [{"check": "c", "state": "wrong", "text": "t", "mend": ""}]}  # fmt: skip
MODE = {"mode": {"kind": "plain"}, "timings": [], "note": "", "trials": 1, "seconds": 1.0}
ROUND = {"arms": {"a": {"key": "k", "seconds": 1.0, "samples": 8}}, "twin": "a", "again": 1.0,
         "busy": False}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [
    ("profile/k/cpu/x", PROFILE), ("profile/k/cpu/x", {"reason": "no memory"}),
    ("mode/p/cpu/x", MODE), ("round/3/cpu/x", ROUND), ("untimed/cpu/x", None),
    ("untimed/cpu/x", {"reason": "r", "keys": {}}),
    ("env/ab", {"python": "3"}), ("runner/a/1/2", 1.5), ("format", 2), ("of somebody else", [1]),
    ("workers/a/1/2", 2), ("checked/ab", CHECKED),
    ("declared/1/ab", {"time": "2026", "looks": {}, "claims": [{}], "results": 0, "before": {},
                       "trials": 0}),
])  # fmt: skip
def test_whole_notes_are_whole_and_parts_of_them_are_not(name: str, value: object) -> None:
    assert note_wrong(name, value) == ""
    if name == "of somebody else":
        return
    for other in (3, [3], "x", {"x": 3}):
        kinds = {type(value), int if isinstance(value, float) else float}
        if type(other) not in kinds or isinstance(other, dict):
            assert note_wrong(name, other), (name, other)
    assert note_wrong(name, Unreadable("{", "it is no JSON")) == "it is no JSON"
    for key in value if isinstance(value, dict) else ():
        if key not in {"note", "reason", "python"}:
            assert note_wrong(name, {x: y for x, y in value.items() if x != key}), key


@pytest.mark.slow
def test_a_run_goes_on_beside_damage_and_trains_what_was_set_aside(told) -> None:
    sql(SPOILT["record: half"][0])
    words = ["run", STUDY, *KEEP, "--no-profile", "--workers", "1", "-q", "--mode", "plain"]
    code, _, err = told(*words)
    assert code == 1
    assert err.count("trial 3, attribute record") == 1
    assert len(told("export", STUDY)[1].splitlines()) == 1 + 10, "trained in place of the damaged"
    sql(SPOILT["state: unknown"][0])
    sql(USER.format("'{'", "trial").replace("= 3", "= 5"))
    sql(note("plan", "{"))
    code, out, _ = told("doctor", "--mend")
    assert code == 0, out
    assert len(told("export", STUDY)[1].splitlines()) == 1 + 9
    assert told(*words)[0] == 0
    assert len(told("export", STUDY)[1].splitlines()) == 1 + 10
    assert told("report", STUDY)[0] == 0


def test_a_plan_that_a_run_writes_anew_is_kept_as_it_was(told) -> None:
    sql(note("plan", '{"seeds'))
    store = open_store("x.db")
    ledger = Ledger(store, study, "quick")
    planner = StudyPlanner(study, "quick", 5, tune=False)
    write_plan(ledger, planner, planner.outlook(ledger.done()), Options(reference=STUDY))
    assert ledger.note("plan")["seeds"] == [0, 1, 2, 3, 4]
    assert ledger.note("damaged/plan") == '{"seeds'
    store.close()


def test_a_row_that_was_deleted_is_noticed_and_its_place_is_filled(told) -> None:
    sql(f"DELETE FROM trials WHERE trial_id = {TRIAL}")
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick")
    assert code == 1
    assert "trial 3, row: there is none" in err
    assert json.loads(out)["scales"][0]["done"] == 9
    assert told("doctor", "--mend")[0] == 0
    assert told("plan", STUDY, *KEEP)[0] == 0
    ledger = Ledger(open_store("x.db"), study, "quick")
    ready = StudyPlanner(study, "quick", 5, tune=False).outlook(ledger.done()).ready
    leases = ledger.lease(ready, 9)
    assert len(leases) == 1
    assert [record.number for record in ledger.records()] == [0, 1, 2, *range(4, 11)]
    ledger.store.close()


# -- files as a whole ----------------------------------------------------------------------


def test_what_is_no_database_is_left_as_it_is(told, here: Path) -> None:
    (here / "notes.txt").write_text("not a database, but long enough to be taken for one" * 30)
    for words in (["doctor"], ["doctor", "--mend"]):
        code, out, _ = told(*words, store="notes.txt")
        assert code == 1
        assert "notes.txt is no SQLite database" in out
    assert (here / "notes.txt").read_text().startswith("not a database")
    with sqlite3.connect(here / "other.db") as connection:
        connection.execute("CREATE TABLE cats (name TEXT)")
    connection.close()
    for words in (["doctor"], ["doctor", "--mend"], ["plan", STUDY]):
        code, _, err = told(*words, store="other.db")
        assert code == 2
        assert "other.db: a database of something else" in err
    code, _, err = told("doctor", store="journal:///notes.txt")
    assert (code, "no line of it is one of a journal" in err) == (2, True)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
def test_a_truncated_file_is_read_as_far_as_it_can_be(told, here: Path, share: float) -> None:
    raw = (here / "x.db").read_bytes()
    (here / "x.db").write_bytes(raw[: int(len(raw) * share)])
    code, out, _ = told("doctor")
    assert code == 1
    assert "x.db: " in out
    code, mended, _ = told("doctor", "--mend")
    assert code == 0, mended
    assert "the old file is kept as" in mended
    assert (here / "x.db.damaged-1").read_bytes() == raw[: int(len(raw) * share)]
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick")
    done = json.loads(out)["scales"][0]["done"]
    assert code == 0
    gone = " of 10 finished trials of tiny-quick are not in x.db any more" in err
    assert (gone or "it counts as never begun" in mended) == (done < 10)


def test_a_page_of_zeros_costs_its_rows_alone(told, here: Path) -> None:
    for each in here.glob("x.*"):
        each.unlink()
    finished(str(here / "x.db"), seeds=20)  # 40 trials: their attributes fill several pages
    raw = bytearray((here / "x.db").read_bytes())
    size = int.from_bytes(raw[16:18], "big")
    connection = sqlite3.connect(here / "x.db")
    pages = [
        page for (page,) in connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'trial_user_attributes' AND pagetype = 'leaf'"
        )
    ] if has_dbstat(connection) else [len(raw) // size - 3]  # fmt: skip
    connection.close()
    assert len(pages) > 2 or pages == [len(raw) // size - 3]
    page = pages[len(pages) // 2]
    raw[(page - 1) * size : page * size] = bytes(size)
    (here / "x.db").write_bytes(raw)
    assert told("doctor")[0] == 1
    code, out, _ = told("doctor", "--mend")
    assert code == 0, out
    code, out, err = told(
        "plan", STUDY, "--seeds", "20", "--no-tuning", "--json", "--scale", "quick"
    )
    assert code == 0, err
    assert 0 < json.loads(out)["scales"][0]["done"] < 40


def has_dbstat(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM dbstat").fetchone()
    except sqlite3.Error:
        return False
    return True


# -- journals ------------------------------------------------------------------------------

LOG = "journal:///x.log"


def lines(here: Path) -> list[str]:
    return (here / "x.log").read_text().splitlines()


def put(here: Path, number: int, text: str) -> str:
    """Put a text in the place of a line; return the line."""
    found = lines(here)
    before, found[number] = found[number], text
    (here / "x.log").write_text("".join(f"{line}\n" for line in found))
    return before


def trials_of(here: Path) -> dict[str, float]:
    """The accuracy of each trial by its key."""
    store = open_store(LOG)
    found = Ledger.existing(store, study, "quick")
    return {r.key: r.metrics["test_accuracy"] for each in found for r in each.records()
            if r.state == "complete"}  # fmt: skip


BREAKS: dict[str, Callable[[str], str]] = {
    "cut in half": lambda line: line[: len(line) // 2],
    "zeros": lambda line: "\0" * len(line),
    "empty": lambda _: "",
    "a list": lambda _: "[1, 2]",
    "a text": lambda _: '"x"',
    "nothing in it": lambda _: "{}",
    "no such operation": lambda line: '{"op_code":77' + line[line.index(",") :],
    "no worker": lambda line: line.replace("worker_id", "w"),
    "the rest of it gone": lambda line: line[: line.index(",")] + "}",
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_line_of_a_journal_costs_itself_alone(how: str, told, here: Path) -> None:
    """Whatever it made: no trial gets the outcome of another."""
    right = trials_of(here)
    original = lines(here)
    assert len(right) == 10
    for number in sorted({*range(0, len(original), 5), 1, 2, 3, 7, 8, 9, len(original) - 1}):
        broken = BREAKS[how](original[number])
        if broken == original[number]:
            continue
        put(here, number, broken)
        store = open_store(LOG)
        found = Ledger.existing(store, study, "quick")
        records = [r for each in found for r in each.records() if r.state == "complete"]
        assert [each for each in store.noticed.damage if each.part == f"line {number + 1}"], number
        assert len(records) >= 9, (number, original[number])
        for each in records:
            assert right[each.key] == each.metrics["test_accuracy"], (number, original[number])
        put(here, number, original[number])


@pytest.mark.parametrize("number", [0, 3, 9, 20, 60, -1])
@pytest.mark.parametrize("how", ["cut in half", "zeros"])
def test_broken_lines_are_named_and_set_aside(number: int, how: str, told, here: Path) -> None:
    number %= len(lines(here))
    old = put(here, number, BREAKS[how](lines(here)[number]))
    broken = (here / "x.log").read_bytes()
    assert old
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick", store=LOG)
    done = json.loads(out)["scales"][0]["done"]
    assert (code, done >= 9) == (1, True)
    assert f"journal:///x.log, line {number + 1}: it is no JSON" in err
    code, out, _ = told("doctor", store=LOG)
    assert (code, f"line {number + 1}: it is no JSON" in out) == (1, True)
    code, out, _ = told("doctor", "--mend", store=LOG)
    assert code == 0, out
    assert (here / "x.log.damaged-1").read_bytes() == broken
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick", store=LOG)
    assert (code, err) == (0, "")
    assert json.loads(out)["scales"][0]["done"] == done
    ledger = Ledger(open_store(LOG), study, "quick")
    ready = StudyPlanner(study, "quick", 5, tune=False).outlook(ledger.done()).ready
    assert len(ledger.lease(ready, 9)) == 10 - done


def test_damaged_values_in_a_journal_are_named_and_set_aside(told, here: Path) -> None:
    found = lines(here)
    at = [number for number, line in enumerate(found) if '"user_attr":{"record"' in line]
    values = json.loads(found[at[3]])
    put(here, at[3], json.dumps({**values, "user_attr": {"record": [1]}}))
    plan = next(number for number, line in enumerate(found) if '"user_attr":{"plan"' in line)
    values = json.loads(found[plan])
    put(here, plan, json.dumps({**values, "user_attr": {"plan": {}}}))
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick", store=LOG)
    assert code == 1
    assert "study tiny-quick, trial 3, attribute record: no mapping, but [1]" in err
    assert "study tiny-quick, attribute plan: it lacks seeds" in err
    assert json.loads(out)["scales"][0]["done"] == 9
    assert told("doctor", store=LOG)[0] == 1
    code, out, _ = told("doctor", "--mend", store=LOG)
    assert code == 0, out
    code, out, err = told("plan", STUDY, *KEEP, "--json", "--scale", "quick", store=LOG)
    assert (code, err, json.loads(out)["scales"][0]["done"]) == (0, "", 9)
    assert '"damaged/plan"' in (here / "x.log").read_text()


def test_a_line_that_was_cut_off_is_seen_by_doctor(told, here: Path) -> None:
    """Commands pass over it: a process that was killed leaves such a line."""
    with (here / "x.log").open("a") as file:
        file.write('{"op_code":4,"wor')
    assert told("plan", STUDY, *KEEP, store=LOG)[0] == 0
    code, out, _ = told("doctor", store=LOG)
    assert (code, "it is cut off, and the last" in out) == (1, True)
    code, out, _ = told("doctor", "--mend", store=LOG)
    assert code == 0, out
    assert told("doctor", store=LOG)[0] == 0


def test_nothing_is_mended_under_a_run_that_is_at_work(told) -> None:
    sql(SPOILT["record: half"][0])
    sql("UPDATE trials SET state = 'RUNNING' WHERE number = 5")
    import os

    from harness.storing.owners import Runner

    ledger = Ledger(open_store("x.db"), study, "quick")
    sql(attribute("runner", json.dumps(str(Runner.here()))).replace("= 3", "= 5"))
    ledger.store.close()
    code, _, err = told("doctor", "--mend")
    assert (code, "nobody may be training on a store" in err) == (2, True)
    assert os.getpid()


def test_mend_needs_a_store(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(["doctor", "--mend"]) == 2
    assert "--mend must stand beside --store" in capfd.readouterr().err
