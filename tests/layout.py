"""The rooms of the harness, and on which floor each stands by what it imports.

A room is a folder or a file right below ``harness/``. Its floor is one above the highest of those
that it imports from, so a reader who goes up never meets a name that was not below.

    python -m tests.layout

prints the picture that ARCHITECTURE.md shows; a test holds the two equal.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "harness"
PACKAGE = "harness"


def files() -> list[Path]:
    """Return the modules of all rooms."""
    doors = {HOUSE / "__init__.py", HOUSE / "__main__.py"}
    return sorted(set(HOUSE.rglob("*.py")) - doors)


def room(file: Path) -> str:
    """Return the room that a module stands in."""
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


def module(file: Path) -> str:
    """Return the dotted name of a module below ``harness``; a folder's own is the folder's."""
    parts = file.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(file: Path) -> frozenset[str]:
    """Return the dotted names that a file imports when it runs, anywhere in it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.ImportFrom) and node.level == 1 and HOUSE in file.parents:
            beside = ".".join([PACKAGE, *file.parent.relative_to(HOUSE).parts])
            inner = f"{beside}.{node.module}" if node.module else beside
            names |= {inner, *(f"{inner}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names)


def imported(file: Path) -> set[str]:
    """Return the modules of the harness, below ``harness``, that a file imports."""
    known = {module(each) for each in files()}
    names = {name.removeprefix(f"{PACKAGE}.") for name in imports(file)}
    return (names & known) - {module(file)}


def arrows() -> dict[str, set[str]]:
    """Return for every room those that it imports from."""
    found: dict[str, set[str]] = {room(file): set() for file in files()}
    for file in files():
        found[room(file)] |= {name.partition(".")[0] for name in imported(file)} - {room(file)}
    return found


def floors(below: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each room, from 0.

    Raises:
        ValueError: rooms import from one another in a circle.
    """
    found: dict[str, int] = {}
    while len(found) < len(below):
        ready = [name for name in below if name not in found and below[name] <= found.keys()]
        if not ready:
            raise ValueError(f"in a circle: {sorted(below.keys() - found.keys())}")
        found |= {
            name: 1 + max((found[each] for each in below[name]), default=-1) for name in ready
        }
    return found


def says(name: str) -> str:
    """Return what a room says of itself: the first line of its docstring."""
    place = HOUSE / name / "__init__.py"
    file = place if place.is_file() else HOUSE / f"{name}.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def picture() -> str:
    """Return the floors, the highest first, and what the rooms on each are for."""
    by_floor = floors(arrows())
    lines = []
    for floor in range(max(by_floor.values()), -1, -1):
        for name in sorted(each for each, where in by_floor.items() if where == floor):
            folder = "/" if (HOUSE / name).is_dir() else ""
            lines.append(f"{floor:>2}  {name + folder:<13}{says(name)}")
    return "\n".join(lines)


if __name__ == "__main__":
    below = arrows()
    print(picture())
    count = sum(map(len, below.values()))
    print(f"\n{len(below)} rooms, {1 + max(floors(below).values())} floors, {count} arrows")
