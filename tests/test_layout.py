"""Imports run one way, and the folder is what ARCHITECTURE.md says."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Each module may import only modules above it.
ORDER = [
    "checkout", "redact", "errors", "calm", "blame", "printable", "levels", "checks", "metrics",
    "streams", "noise", "floats", "losses", "schedules",
    "stopping", "looks", "penalties", "clipping", "foreign", "training", "programs", "claims",
    "factors", "scales", "designs", "syntax", "source", "code", "modes", "profiles", "records",
    "data", "tuning", "augment", "models", "optim", "trained", "network", "step", "evaluate",
    "members", "plain",
    "measures", "alike", "fused", "train", "environment", "memory", "profile", "calibrate",
    "formatting", "chosen", "converter", "declaration", "study",
    "plan", "manifest", "datasets", "stats", "pairs", "declarations", "history", "rounds",
    "contrasts", "reasons", "verdicts", "summary", "targets", "results", "next_step",
    "runner", "damage", "tally", "database", "rows", "server", "journal", "store",
    "optuna_study", "translate", "ledger", "kept", "revision", "presence", "search", "shares",
    "outlets", "terminal", "neighbours", "load", "forks",
    "workers", "loaded", "loaded_measuring", "progress", "account", "executors", "costs", "declare",
    "timing", "session", "versions", "run",
    "outputs", "new", "tables", "markdown", "place", "subject", "preview", "replay", "commands",
    "mend",
    "doctor", "usage", "cli",
]  # fmt: skip


def imports(file: Path) -> set[str]:
    """The dotted names that a file imports when it runs, anywhere in it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "harness":
                found |= {f"harness.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def module(file: Path) -> str:
    return file.relative_to(ROOT / "harness").parts[0].removesuffix(".py")


def test_every_module_has_its_place_in_the_order() -> None:
    there = {module(file) for file in (ROOT / "harness").rglob("*.py")}
    assert there - {"__init__", "__main__"} == set(ORDER)


def test_imports_run_one_way() -> None:
    wrong = []
    count = 0
    for file in (ROOT / "harness").rglob("*.py"):
        if module(file) not in ORDER:
            continue
        place = ORDER.index(module(file))
        for name in imports(file):
            parts = name.split(".")
            if parts[0] == "harness" and len(parts) > 1 and parts[1] in ORDER:
                count += 1
                if ORDER.index(parts[1]) > place:
                    wrong.append(f"{module(file)} imports {name}")
    assert not wrong
    assert count > 200


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
            assert not reports or module(file) in {"commands", "cli"}, file
    assert known == 2


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
    # cli gives a pipe that nobody reads to nobody; printing.py is a process that answers by a pipe
    assert seen == {"outlets", "terminal", "cli", str(ROOT / "reports" / "printing.py")}


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


def test_only_the_ledger_side_imports_optuna() -> None:
    allowed = {
        "database", "rows", "server", "journal", "store", "optuna_study", "translate", "ledger",
        "search", "mend",
    }  # fmt: skip
    users = {
        module(file)
        for file in (ROOT / "harness").rglob("*.py")
        if "optuna" in {name.split(".")[0] for name in imports(file)}
    }
    assert users == allowed


def test_training_needs_torch_alone() -> None:
    """What travels to a machine with little installed: no Optuna, no pandas, no report."""
    allowed = {"torch", "numpy", "torchvision", "sklearn", "PIL", "harness"}
    light = ORDER[: ORDER.index("calibrate") + 1]
    import sys

    for file in (ROOT / "harness").rglob("*.py"):
        if module(file) in light:
            tops = {name.split(".")[0] for name in imports(file)}
            assert tops <= allowed | sys.stdlib_module_names | {"pandas"}, file
            assert "pandas" not in tops or module(file) == "records", file
