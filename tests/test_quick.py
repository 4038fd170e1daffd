"""What is done the quick way comes out as the plain way has it, and grows with its size alone."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import FrameType
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from rich.console import Console
from sqlalchemy import event

from harness import Factor, Higher, Scale, Sooner, Study, Training, Tuned
from harness.commands.plan import print_plan
from harness.data import digits
from harness.judging.pairing import evaluations
from harness.judging.summaries import summarise
from harness.judging.targets import targets
from harness.judging.verdicts import judge
from harness.models import MLP
from harness.optim import SGD
from harness.planning.planner import StudyPlanner
from harness.reports import render, written
from harness.reports.figures import canvas
from harness.reports.figures.curve_values import Curves, Group
from harness.reports.figures.curves import draw_curves
from harness.reports.figures.dots import Dots, Row, draw_dots
from harness.reports.page import page_of
from harness.reports.table import Cell, Table, shortened
from harness.stats import t_interval
from harness.storing.database import MANY, Database
from harness.storing.server import ServerStorage
from harness.study.metrics import METRICS
from harness.trials.records import Record
from harness.trials.trial import keys_of
from tests.example_results import example_results

# ---- reading --------------------------------------------------------------------------------


def filled(storage: RDBStorage, count: int) -> int:
    """Make a study of trials of all kinds between those of another; return its identity."""
    studies = [
        storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], name)
        for name in ("a", "b")
    ]
    kinds = {
        "shortcut": CategoricalDistribution([False, True, "none", 1.5, 2]),
        "lr": FloatDistribution(0.001, 1.0, log=True),
        "seed": IntDistribution(0, 1_000_000),
    }
    states = [TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
    for place in range(count):
        state = states[place % 7 % 4]
        made = create_trial(
            state=state,
            value=(0.1 * place, math.inf, -math.inf)[place % 3] if not place % 7 % 4 else None,
            params={"shortcut": (False, True, "none", 1.5, 2)[place % 5], "lr": 0.5, "seed": place},
            distributions=kinds,
            user_attrs={"record": {"metrics": {"a": 1e-300 * place}, "é": [None]}, "runner": "x"},
            system_attrs={"fixed": place},
            intermediate_values={1: math.nan, 2: math.inf, 5: 0.25, 3: -math.inf},
        )
        for study in studies if place % 2 else studies[::-1]:
            storage.create_new_trial(study, made)
    storage.create_new_trial(studies[1])  # with nothing at all
    return studies[1]


def same(one: Any, other: Any) -> bool:
    """Whether two lists of trials are equal, NaN to NaN, and parameters in the same order."""
    return repr(one) == repr(other) and all(
        list(a.params) == list(b.params) == list(b.distributions)
        for a, b in zip(one, other, strict=True)
    )


def sorted_attributes(trials: list[Any]) -> list[Any]:
    """Put user attributes in one order, in which nothing is kept."""
    for trial in trials:
        for name in ("_user_attrs", "_system_attrs", "intermediate_values"):
            setattr(trial, name, dict(sorted(getattr(trial, name).items())))
    return trials


def ways_of_asking(identities: list[int]) -> list[tuple[Any, set[int], int]]:
    third, last = identities[2], identities[-1]
    return [
        (None, set(), -1),
        (None, set(), third),
        (None, {identities[0], identities[1], last}, third),
        (None, {last}, last),
        (None, set(), last),
        ((TrialState.COMPLETE, TrialState.RUNNING), set(), -1),
        (None, {*range(1, MANY + 2), *identities[:3]}, last),
    ]


def check_reads_the_same(storage: RDBStorage, study: int) -> None:
    everything = RDBStorage._get_trials(storage, study, None, set(), -1)
    identities = [trial._trial_id for trial in everything]
    for asked in ways_of_asking(identities):
        wanted = RDBStorage._get_trials(storage, study, *asked)
        found = storage._get_trials(study, *asked)
        assert same(sorted_attributes(found), sorted_attributes(wanted)), asked
    assert len(everything) == 41
    for missing in (Database, RDBStorage):
        with pytest.raises(KeyError):
            missing._get_trials(storage, 999, None, set(), -1)


def test_trials_are_read_from_tables_as_optuna_reads_them(tmp_path: Path) -> None:
    storage = Database(f"sqlite:///{tmp_path}/x.db")
    check_reads_the_same(storage, filled(storage, 40))


def test_trials_are_read_from_a_server_as_optuna_reads_them(url: str) -> None:
    storage = ServerStorage(url)
    assert isinstance(storage, Database)
    check_reads_the_same(storage, filled(storage, 40))


def test_reading_takes_as_many_statements_however_many_trials(tmp_path: Path) -> None:
    counts = []
    for count in (3, 60):
        storage = Database(f"sqlite:///{tmp_path}/{count}.db")
        study = filled(storage, count)
        said: list[str] = []
        event.listen(
            storage.engine, "before_cursor_execute",
            lambda *words, said=said: said.append(words[2]),
        )  # fmt: skip
        assert len(storage._get_trials(study, None, set(), -1)) == count + 1
        counts.append(len(said))
    assert counts == [7, 7]


# ---- planning -------------------------------------------------------------------------------


def study_of(arms: int, *, tuned: bool = False, seeds: int = 5) -> tuple[Study, list[str]]:
    """Return a study of so many arms, and the list of arms that were built so far."""
    built: list[str] = []

    def build(scale: Scale, width: int, rate: float, momentum: float = 0.9) -> Training:
        built.append(f"width={width}, rate={rate:g}")
        rule = SGD(lr=rate, momentum=momentum)
        return Training(digits(train=200), MLP(hidden=(width,)), rule, 20, scale.epochs)

    def untuned(scale: Scale, width: int, rate: float) -> Training:
        return build(scale, width, rate)

    widths, rates = tuple(range(1, arms // 2 + 1)), (0.1, 0.2)
    ends = [{"width": width, "rate": 0.1} for width in (2, 1)]
    made = Study(
        name="many",
        question="Do many arms take long?",
        factors=(Factor("width", widths), Factor("rate", rates)),
        build=build if tuned else untuned,
        tuned=(Tuned("momentum", 0.1, 0.9, trials=6),) if tuned else (),
        scales={"quick": Scale(epochs=2, seeds=seeds)},
        claims=(
            Higher("Rate helps.", metric="test_accuracy", higher={"rate": 0.2},
                   lower={"rate": 0.1}, by=0.01),
            Sooner("Width helps.", metric="validation_accuracy", reaches=0.5, sooner=ends[0],
                   later=ends[1], by=0.2),
        ),
    )  # fmt: skip
    return made, built


def test_a_training_is_built_once_for_all_seeds() -> None:
    study, built = study_of(6, seeds=9)
    planner = StudyPlanner(study, "quick", None, tune=False)
    outlook = planner.outlook({})
    assert len(planner.at_defaults) == 6
    assert len(outlook.planned) == 6 * 9
    assert sorted(built) == sorted(arm.name for arm in study.arms("quick"))
    assert len({trial.key for trial in outlook.planned}) == 6 * 9
    assert {id(trial.training) for trial in outlook.planned if trial.arm == planner.arms[0]} == {
        id(planner.at_defaults[planner.arms[0].name].training)
    }


def test_of_a_tuned_study_each_setting_is_built_once() -> None:
    study, built = study_of(4, tuned=True)
    planner = StudyPlanner(study, "quick", None, tune=True)
    planner.outlook({})
    assert len(planner.at_defaults) == 4
    # the first three settings, the default among them, and both ends of the space
    assert len(built) == 4 * (3 + 2)


names = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(st.dictionaries(names, values), st.integers(0, 10**6), st.dictionaries(names, names))
def test_a_key_is_the_hash_of_all_three_as_json(
    written: dict[str, Any], seed: int, code: dict[str, str]
) -> None:
    text = json.dumps({"training": written, "seed": seed, "code": code}, sort_keys=True)
    wanted = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert keys_of(written, code)(seed) == wanted


def test_names_of_arms_are_printed_as_they_are() -> None:
    row = {
        "scale": "quick", "data": [],
        "arms": [{"arm": "rule=[red], at=:smile:", "trials": 5, "done": 0,
                                    "mode": ""}],
        "seconds_left": None, "looks": None, "tuning": 0, "seeds": 5, "trials": 5, "done": 0,
        "failed": 0, "modes": [], "again": [], "newest": "",
    }  # fmt: skip
    out = io.StringIO()
    plan = {"study": "s", "question": "q?", "source": "build", "scales": [row]}
    print_plan(plan, Console(file=out, width=120))
    assert "rule=[red], at=:smile:" in out.getvalue()


IMPORTS = """
import contextlib, io, sys
from harness.commands.cli import execute
with contextlib.redirect_stdout(io.StringIO()):
    code = execute(sys.argv[1:], debug=True)
heavy = {"scipy", "statsmodels", "pandas", "matplotlib", "weasyprint", "jinja2", "sklearn"}
heavy |= set() if sys.argv[1] == "plan" else {"torch"}  # plan asks which devices there are
print(code, *sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [(("plan",), "0"), (("plan", "--json"), "0"), (("export",), "2"), (("report",), "2")],
)
def test_commands_import_what_they_need(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """Export and report end with code 2, for want of a store, before they need any of these."""
    tiny = str(Path(__file__).with_name("tiny_study.py"))
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *words, tiny], cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == said, done.stdout + done.stderr


VOCABULARY = """
import sys
import harness, harness.augment, harness.data, harness.measures, harness.models, harness.optim
from harness.running.find import built_in, load
own = {"weight_penalties", "search_strategies"}  # which have networks of torch's own
for name in set(built_in()) - own:
    load(f"studies.{name}")
print(*sorted({"torch", "sklearn", "pandas", "scipy"} & set(sys.modules)))
"""


def test_a_study_that_names_parts_of_the_harness_imports_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", VOCABULARY], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == ""


# ---- growth ---------------------------------------------------------------------------------


def records_of(study: Study, seeds: int) -> list[Record]:
    out = []
    for place, (arm, seed) in enumerate(product(study.arms("quick"), range(seeds))):
        failed = place % 17 == 5
        accuracy = 0.5 + 0.3 * math.sin(place)
        metrics = {"test_accuracy": accuracy, "validation_accuracy": accuracy, "test_loss": 1.0}
        out.append(
            Record(
                study="many", scale="quick", arm=arm.name,
                levels={name: level.plain for name, level in arm.levels.items()}, seed=seed,
                role="evaluate", tuned={}, key=f"{place}", state="failed" if failed else "complete",
                metrics={} if failed else metrics,
                curves={} if failed else {"validation_accuracy": (0.2, 0.4, accuracy)},
                cost={"steps": 30}, number=place,
            )
        )  # fmt: skip
    return out


def bytecodes(work: Callable[[], object]) -> int:
    """Count the instructions of Python that something takes: the same on every machine."""
    count = 0

    def trace(frame: FrameType, what: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += what == "opcode"
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # else Python 3.12 tells of none the first time
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def judged(arms: int) -> Callable[[], object]:
    study, _ = study_of(arms)
    records = records_of(study, 5)
    return lambda: judge(study.declaration("quick"), records)


def summarised(arms: int) -> Callable[[], object]:
    study, _ = study_of(arms)
    records = records_of(study, 5)
    return lambda: summarise(study.declaration("quick"), records)


def timed(arms: int) -> Callable[[], object]:
    study, _ = study_of(arms)
    trials = evaluations(study.declaration("quick"), records_of(study, 5))
    return lambda: targets(study.declaration("quick"), trials, {})


def planned(arms: int) -> Callable[[], object]:
    study, _ = study_of(arms, tuned=True)
    return lambda: StudyPlanner(study, "quick", None, tune=True).outlook({})


def declared(arms: int) -> Callable[[], object]:
    return lambda: study_of(arms)


@pytest.mark.parametrize("part", [declared, planned, judged, summarised, timed])
def test_work_grows_with_arms_and_not_with_their_square(
    part: Callable[[int], Callable[[], object]],
) -> None:
    part(20)()  # what the first one imports and keeps
    few, many = (bytecodes(part(arms)) for arms in (40, 160))
    assert many < 4.6 * few


def test_summaries_are_those_of_each_group_alone() -> None:
    study, _ = study_of(30)
    records = records_of(study, 40)
    summaries = [each for each in summarise(study.declaration("quick"), records) if not each.factor]
    assert {each.n for each in summaries} == {37, 38}
    assert {each.metric for each in summaries} < {*METRICS}
    for each in summaries:
        values = [
            record.metrics[each.metric]
            for record in records
            if record.arm == each.group and record.state == "complete"
        ]
        alone = t_interval(values, level=0.95)
        wanted = (float(alone.mean), float(alone.sd), float(alone.low), float(alone.high))
        assert repr((each.mean, each.sd, each.low, each.high)) == repr(wanted)
        assert (each.n, each.n + each.failed) == (len(values), 40)


# ---- reports --------------------------------------------------------------------------------


def svg(picture: canvas.Picture) -> str:
    return picture.svg


def elements(text: str) -> int:
    return len(re.findall(r"<(?:path|use)\b", text))


def marks(text: str) -> int:
    """Count the beginnings of strokes within all paths."""
    return sum(d.count("M") for d in re.findall(r'<path [^>]*\bd="([^"]*)"', text))


@pytest.mark.parametrize("kind", ["dots", "curves"])
def test_many_marks_are_drawn_in_few_paths_and_none_is_lost(kind: str) -> None:
    def draw(count: int) -> str:
        values = [0.5 + 0.4 * math.sin(place) for place in range(count)]
        metric = METRICS["test_accuracy"]
        if kind == "dots":
            row = Row("1. a", 50.0, 45.0, 55.0, count, tuple(100 * each for each in values))
            return svg(draw_dots(Dots(metric, (("", (row,)),), "arm")))
        curves = tuple((each / 2, each, math.nan, each / 3, each / 4) for each in values)
        placed = [tuple(enumerate(each, 1)) for each in (*curves, (0.2, 0.4, math.nan, 0.3, 0.2))]
        group = Group("a", tuple(placed[:-1]), placed[-1])
        return svg(draw_curves(Curves(metric, None, (group,), count, None)))

    bare, most, more = (draw(count) for count in (1, canvas.MANY, 5 * canvas.MANY))
    assert elements(most) >= elements(bare) + canvas.MANY - 5
    assert elements(more) <= elements(bare) + 10
    each = 1 if kind == "dots" else 2  # a curve with a gap is two strokes
    assert marks(more) - marks(bare) >= each * 5 * canvas.MANY - 5


def test_a_long_table_is_printed_in_part_and_shown_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = example_results()
    page = page_of(results)
    table = page.verdicts
    assert table is not None
    assert shortened(table) is table
    most = table.printed
    rows = tuple((Cell(f"row {place}"), *table.rows[0][1:]) for place in range(most + 30))
    long = replace(page, verdicts=replace(table, rows=rows))
    short = shortened(long).verdicts
    assert short.rows == (*rows[:most], rows[-1])
    assert f"first {most} of {most + 30} rows" in short.caption
    assert replace(shortened(long), verdicts=None) == replace(shortened(page), verdicts=None)
    one_more = Table("t", table.columns, rows[: most + 1])
    assert shortened(one_more) is one_more  # leaving out nothing says nothing
    given: list[str] = []
    monkeypatch.setattr(render, "page_of", lambda _: long)
    monkeypatch.setattr(written, "render_pdf", lambda html: (given.append(html), (b"%PDF", ""))[1])
    written.write_report(results, tmp_path)
    shown = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (f"row {most + 3}<" in shown, f"row {most + 3}<" in given[0]) == (True, False)
    monkeypatch.setattr(render, "page_of", lambda _: page)
    written.write_report(results, tmp_path)
    shown = (tmp_path / "report.html").read_text(encoding="utf-8")
    ledger = page.ledger.table
    assert ledger is not None
    left_out = len(ledger.rows) - len(shortened(ledger).rows)
    assert given[1].count("<tr>") + left_out == shown.count("<tr>")
