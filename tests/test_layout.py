"""Imports run one way, and the folder is what ARCHITECTURE.md says."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Each module may import only modules above it.
ORDER = [
    "redact", "errors", "levels", "metrics", "streams", "noise", "floats", "losses", "schedules",
    "stopping", "looks", "penalties", "clipping", "training", "programs", "claims", "factors",
    "scales", "designs", "syntax", "source", "code", "modes", "profiles", "records", "data",
    "tuning", "augment", "models", "optim", "network", "step", "members", "plain", "trained",
    "measures", "alike", "fused", "train", "environment", "memory", "profile", "calibrate", "study",
    "plan", "stats", "pairs", "declarations", "history", "rounds", "contrasts", "reasons",
    "verdicts", "summary", "targets", "results", "next_step",
    "runner", "damage", "tally", "database", "rows", "server", "journal", "store",
    "optuna_study", "translate", "ledger", "presence", "search", "shares", "load", "forks",
    "workers", "loaded", "loaded_measuring", "progress", "account", "executors", "costs", "declare",
    "timing", "session", "versions", "run",
    "outputs", "new", "tables", "place", "preview", "replay", "commands", "mend", "doctor", "cli",
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
    for file in (ROOT / "harness").rglob("*.py"):
        tops = {name.split(".")[0] for name in imports(file)}
        assert "studies" not in tops, file
        assert "reports" not in tops or module(file) in {"commands", "cli"}, file
    for file in (ROOT / "reports").rglob("*.py"):
        assert "studies" not in {name.split(".")[0] for name in imports(file)}, file


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
