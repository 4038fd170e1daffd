"""Imports run one way, and the house is what ARCHITECTURE.md says."""

import ast
import re
import sys

import pytest

from tests.layout import (
    HOUSE,
    ROOT,
    arrows,
    files,
    floors,
    imported,
    imports,
    module,
    picture,
    room,
)

# Each room may import only from rooms above it, and each module only from modules of its own room
# before it.
ROOMS: dict[str, str] = {
    "floats": "",
    "probe": "clock waiting counts memory energy exact instructions tested work reading __main__",
    "messages": "errors blame calm foreign printable markdown cells levels checks redact",
    "randomness": "streams counting",
    "stats": "changes failures location multiple paired unpaired doses joint best front "
    "sample_size signed_rank slower operating",
    "trained": "",
    "clipping": "",
    "tasks": "losses rebuilding adversarial scores place_scores places task making",
    "penalties": "",
    "schedules": "",
    "stopping": "",
    "data": "folder intake names layout narrow padded pictures quantities scaling shared sizes "
    "targets facts splits stratified draw declared embedded given own datasets survey folders "
    "vision",
    "augment": "fitting base colour erase blend geometry mixture",
    "models": "activations dropout initialisation normalisation checks layers cnn_module cnn "
    "convnet_module convnet mlp autoencoder_module autoencoder "
    "segmentation_module segmentation gan_module gan sequences recurrent_module "
    "recurrent transformer_module transformer start",
    "optim": "base adadelta adagrad adam rmsprop sgd",
    "identity": "canonical needed structure text words names statements following code files",
    "terminal": "outlets screen usage files",
    "training": "parts updates training",
    "study": "metrics formatting factors settings space designs searching pasted claims folds "
    "looks scales chosen converter declaration work ensemble function placeholders command sources "
    "checks study search",
    "own": "seeds states saves cached stopping curves printed processes effects watched context "
    "calling apart written launching",
    "engines": "called tried spans network programs step evaluate asked prepared fusable stacked "
    "slot fused plain kinds modes",
    "measures": "agreement calibration kept activations disturbed gradient_noise gradients "
    "gradient_norms measured pruning sharpness shift weights always",
    "trials": "profiles outcome checked records tuning searched mistakes trial manifest changed",
    "trainer": "failures train ensembles",
    "cost": "machine breaks peak place split calibrate measure own_step",
    "storing": "artifacts damage notes database journal owners rows server faults sqlite store "
    "translation optuna_studies opened leases tally ledger asked dashboard elsewhere kept "
    "presence inspection aside mend_rows mend_journal mend_file mend",
    "judging": "pairing rounds seen metric_range several counts contrasts words looking adaptive "
    "more wording would_change reasons lacking verdicts registrations history summaries optimism "
    "targets sameness provenance best_of confirmed shares tried searched search_words results "
    "leaders fronts answer next_step",
    "imported": "sheet text frames folder events mlruns trials read columns values entries "
    "replicates checks take",
    "compared": "sides effects matched declared surroundings costs curves comparison words plain",
    "planning": "datasets folding outlook confirming tuning samplers importance asking pruning "
    "members planner searching cohorts",
    "adapters": "extras lightning huggingface tensorboard mlflow logs",
    "running": "checkout forks loaded_measuring neighbours find revision named telling workplace "
    "trainings ensembles functions command_lines measured gated kinds jobs graded wire loaded "
    "workers executors progress account costs registering search_command session searches timing "
    "run versions comparing importing findings checking",
    "gate": "figures only outcome words kept printed summary ci written fingerprints exact "
    "locks baseline waivers history pytest_json what bounded revisions project building sides "
    "needs environments benchmarks processes missing rounds vanished instructions pairs by_seed "
    "not_worse quality sampling asked prepare tiers repeat run residuals",
    "commands": "ending files options spelling place list new subject doctor doctor_gate tables "
    "best references markdown folder judged index finish begin run search plan_search plan report "
    "explain export judge compared_markdown compare replay check profile progress serve on_records "
    "gate gating cli",
}
ORDER = list(ROOMS)

# The 34th room compares runs: judging, which it stands on, knows one alone.
MOST_ROOMS, MOST_FLOORS, MOST_LINES = 34, 10, 400


def inner(name: str) -> str:
    """Return which part of its room a module is; empty for the room itself."""
    return name.partition(".")[2].partition(".")[0]


def test_every_module_has_its_place() -> None:
    found: dict[str, set[str]] = {name: set() for name in ROOMS}
    for file in files():
        found[room(file)] |= {inner(module(file))} - {""}
    assert found == {name: set(inside.split()) for name, inside in ROOMS.items()}


def test_imports_run_one_way_from_room_to_room_and_within_each() -> None:
    wrong, count = [], 0
    for file in files():
        own, place = module(file), ORDER.index(room(file))
        inside = ROOMS[room(file)].split()
        for name in imported(file):
            count += 1
            other = ORDER.index(name.partition(".")[0])
            late = other > place
            if other == place and inner(own) and inner(name) and inner(own) != inner(name):
                late = inside.index(inner(name)) > inside.index(inner(own))
            if late:
                wrong.append(f"{own} imports {name}")
    assert not wrong
    assert count > 500, "or nothing was looked at"


def test_the_house_has_few_rooms_and_floors() -> None:
    below = arrows()
    assert len(below) <= MOST_ROOMS
    assert 1 + max(floors(below).values()) <= MOST_FLOORS
    assert sum(map(len, below.values())) > 50, "or nothing was looked at"


def test_no_module_is_long() -> None:
    """Those of reports included; what is longer holds two subjects."""
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in [*files(), *(ROOT / "reports").rglob("*.py")]
    }
    assert len(lengths) > 200
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_rooms_in_a_circle_are_found() -> None:
    with pytest.raises(ValueError, match="in a circle"):
        floors({"one": {"two"}, "two": {"one"}, "three": set()})
    assert floors({"one": {"two"}, "two": {"three"}, "three": set()})["one"] == 2


def test_architecture_shows_the_picture_that_the_script_prints() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"```text\n{picture()}\n```" in text, "print it by `python -m tests.layout`"


def test_every_room_lists_its_modules() -> None:
    for name, inside in ROOMS.items():
        text = (HOUSE / name / "__init__.py").read_text(encoding="utf-8") if inside else ""
        missing = [each for each in inside.split() if not re.search(rf"\b{each}\b", text)]
        assert not missing, f"{name}/__init__.py does not name {missing}"


COMPOSING = {
    "commands.folder", "commands.index", "commands.gate", "commands.compare", "commands.serve",
}  # fmt: skip


def test_only_the_composition_root_knows_reports_and_nothing_knows_studies() -> None:
    known = 0
    for file in [*(ROOT / "harness").rglob("*.py"), *(ROOT / "reports").rglob("*.py")]:
        found = imports(file)
        assert not any(name.startswith("harness.studies") for name in found), file
        reports = any(name.startswith("harness.reports") for name in found)
        known += reports
        if file.is_relative_to(ROOT / "reports"):
            assert not reports, f"{file} names itself; where it lies is not its business"
        else:
            assert not reports or module(file) in COMPOSING, file
    assert known == len(COMPOSING)


def test_what_runs_asks_judging_how_many_seeds_and_sees_no_verdict() -> None:
    verdicts = {
        f"judging.{name}" for name in ("words", "looking", "verdicts", "reasons", "results")
    }
    asking = set()
    for file in files():
        if room(file) in {"planning", "running"}:
            assert not imported(file) & verdicts, file
            asking |= {module(file)} if "judging.adaptive" in imported(file) else set()
    assert asking == {"planning.planner", "running.timing"}


def test_nothing_imports_the_folders_by_the_names_they_have_in_the_repository() -> None:
    """Installed there are no such packages, or they are somebody else's."""
    files = [file for top in ("harness", "reports", "studies", "tests") for file in
             (ROOT / top).rglob("*.py")]  # fmt: skip
    assert len(files) > 250
    for file in files:
        assert not {name.split(".")[0] for name in imports(file)} & {"reports", "studies"}, file


def test_one_module_prints() -> None:
    """What is printed is text, is fit for the stream, and does not mix with data."""
    seen = set()
    for file in [*(ROOT / "harness").rglob("*.py"), *(ROOT / "reports").rglob("*.py")]:
        own = file.is_relative_to(ROOT / "harness")
        made = {"print", "Console", "Text.from_markup"} | ({"Text", "Table"} if own else set())
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            read = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if called in made or read in {"sys.stdout", "sys.__stdout__", "sys.__stderr__"}:
                seen.add(module(file) if own else str(file))
    # ending gives a pipe that nobody reads to nobody; printing.py is a process, and answers by one
    assert seen == {
        "terminal.outlets",
        "terminal.screen",
        "commands.ending",
        str(ROOT / "reports" / "printing.py"),
    }


def test_every_text_file_is_read_and_written_as_utf_8() -> None:
    """Whatever the locale is."""
    others = {"Image.open", "tokenize.open", "place.open", "os.open"}
    count = 0
    for file in [file for top in ("harness", "reports") for file in (ROOT / top).rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) in others:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in {"read_text", "write_text", "open", "fdopen"}:
                values = [*node.args, *(keyword.value for keyword in node.keywords)]
                binary = any(re.fullmatch(r"'[rwa]\+?b\+?'", ast.unparse(each)) for each in values)
                given = {keyword.arg for keyword in node.keywords}
                assert binary or given & {"encoding", "create"}, f"{file}:{node.lineno}"
                count += 1
    assert count > 10


def test_only_what_stores_and_plans_imports_optuna() -> None:
    users = {room(f) for f in files() if "optuna" in {n.split(".")[0] for n in imports(f)}}
    assert users == {"storing", "planning"}


LIGHT = ORDER[: ORDER.index("cost") + 1]
"""Rooms that travel to a machine with little installed: no Optuna, no pandas, no report."""


def test_training_needs_torch_alone() -> None:
    allowed = {"torch", "numpy", "torchvision", "sklearn", "PIL", "harness"}
    beside = {"stats": {"scipy", "statsmodels"}, "study": {"cattrs"}, "terminal": {"rich"},
              "trials": {"pandas"}, "own": {"filelock"}}  # fmt: skip
    for file in files():
        if room(file) in LIGHT:
            tops = {name.split(".")[0] for name in imports(file)}
            more = beside.get(room(file), set())
            assert tops <= allowed | sys.stdlib_module_names | more, file
