"""What a gate measures: a study, tests of pytest-benchmark, a function, a command."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from harness.messages.errors import HarnessError

KINDS = (
    "Write a file with a study or with tests of pytest-benchmark (bench/study.py, "
    "bench/study.py#ARM, tests/bench_x.py::test_y), a study's name (residual_depth), "
    "module:function, or a command (cmd:python train.py)."
)

COMMAND = "cmd:"
_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"


@dataclass(frozen=True)
class StudyWhat:
    """A study or search of the harness, and one of its arms where one is named.

    Attributes:
        word: as it was typed.
        title: what it is called in what a gate writes.
        reference: the study's file, from the head's top folder, or its name or module.
        arm: the arm; empty for all.
        in_file: whether the reference is a file.
    """

    word: str
    title: str
    reference: str
    arm: str
    in_file: bool


@dataclass(frozen=True)
class PytestWhat:
    """Tests of pytest-benchmark.

    Attributes:
        word: as it was typed.
        title: what it is called in what a gate writes.
        file: the tests' file, from the head's top folder.
        node: what stands behind the file's ``::``; empty for all of its tests.
    """

    word: str
    title: str
    file: str
    node: str


@dataclass(frozen=True)
class FunctionWhat:
    """A function that is called in a loop.

    Attributes:
        word: as it was typed.
        title: what it is called in what a gate writes.
        module: the module's full name.
        function: its name in the module; of a method the class's stands before it, with a dot.
    """

    word: str
    title: str
    module: str
    function: str


@dataclass(frozen=True)
class CommandWhat:
    """A command that is run as a whole.

    Attributes:
        word: as it was typed.
        title: what it is called in what a gate writes.
        words: the program and its arguments.
    """

    word: str
    title: str
    words: tuple[str, ...]


What = StudyWhat | PytestWhat | FunctionWhat | CommandWhat


def parse(word: str, head: Path) -> What:
    """Read what a person asked to have measured.

    Args:
        word: as it was typed.
        head: the head's top folder; files are looked for in it.

    Raises:
        HarnessError: it is none of the four kinds, or its file is not there or holds neither a
            study nor tests.
    """
    file, mark, rest = _split(word)
    in_file = file.endswith(".py") or mark == "::"
    blank = any(letter.isspace() for letter in word.strip())
    if in_file and not word.startswith(COMMAND) and (not blank or (head / file).is_file()):
        return _in_file(word, file, mark, rest, head)
    named = re.fullmatch(rf"({_DOTTED})(?:#(.+))?", word)  # an arm's name may have blanks
    if not named and (word.startswith(COMMAND) or blank):
        return command(word)
    if match := re.fullmatch(rf"({_DOTTED}):({_DOTTED})", word):
        return FunctionWhat(word, word, match[1], match[2])
    if named:
        return StudyWhat(word, word, named[1], named[2] or "", in_file=False)
    raise HarnessError("a benchmark must be something that can be measured", repr(word), KINDS)


def belongs(benchmark: str, what: What) -> bool:
    """Whether a benchmark is one of what a person named."""
    match what:
        case StudyWhat():
            return benchmark == what.title or benchmark.startswith(f"{what.title}#")
        case PytestWhat():
            file, _, node = benchmark.partition("::")
            inner = (
                not what.node
                or node == what.node
                or node.startswith((f"{what.node}[", f"{what.node}::"))
            )
            return file == what.file and inner
        case FunctionWhat() | CommandWhat():
            return benchmark == what.title


def command(word: str) -> CommandWhat:
    """Read a command, with or without ``cmd:`` before it.

    No shell reads it.

    Raises:
        HarnessError: it is empty, or a quotation mark in it has no end.
    """
    line = word.removeprefix(COMMAND).strip()
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise HarnessError(
            "a command must be written as a shell takes it",
            f"{line!r}: {error}",
            "Close the quote.",
        ) from None
    if not words:
        raise HarnessError("a command must name a program", repr(word), KINDS)
    return CommandWhat(word, line, tuple(words))


def _split(word: str) -> tuple[str, str, str]:
    """Return a file, the mark behind it (``::``, ``#`` or nothing) and what stands behind that."""
    match = re.match(r"(.*?\.py)(::|#)(.*)$", word) or re.match(r"([^#]*?)(::)(.*)$", word)
    return (match[1], match[2], match[3]) if match else (word, "", "")


def _in_file(word: str, file: str, mark: str, rest: str, head: Path) -> What:
    place = _inside(word, file, head)
    study, tests = _holds(word, head / place)
    if mark and not rest:
        behind = "an arm" if mark == "#" else "a test"
        raise HarnessError(f"{behind} must stand behind {mark}", repr(word), f"Or write {file}.")
    if (mark == "::" and not tests) or (mark == "#" and not study):
        must = "tests (def test_...)" if mark == "::" else "a study (study = or search =)"
        raise HarnessError(f"{file} must hold {must}", "none at its top level", KINDS)
    if study and mark != "::":
        return StudyWhat(word, f"{place}{mark}{rest}", place, rest, in_file=True)
    if tests:
        return PytestWhat(word, f"{place}{mark}{rest}", place, rest)
    raise HarnessError(
        f"{file} must hold a study (study = or search =) or tests (def test_...)",
        "neither at its top level",
        "A function in it is measured as module:function, all of it as 'cmd:python FILE'.",
    )


def _inside(word: str, file: str, head: Path) -> str:
    """Return a file's path from the head's top folder."""
    whole = (head / file).resolve()
    if not whole.is_file():
        raise HarnessError(
            f"{file} must be a file of the head",
            "no such file there",
            "Write its path from the project's top folder. Files that git ignores are not in it.",
        )
    if not whole.is_relative_to(head.resolve()):
        raise HarnessError(
            "a file to measure must lie in the head", word, "Write its path from the top folder."
        )
    return whole.relative_to(head.resolve()).as_posix()


def _holds(word: str, file: Path) -> tuple[bool, bool]:
    """Whether a file defines a study or search, and whether it defines tests."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise HarnessError(f"{word} must be Python", str(error), "Run it by itself.") from None
    names = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        names |= {each.id for each in targets if isinstance(each, ast.Name)}
    defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return bool(names & {"study", "search"}), any(n.name.startswith("test_") for n in defined)
