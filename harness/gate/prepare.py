"""Both sides made ready: their files, their packages, and what is measured on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.gate.asked import Asked
from harness.gate.benchmarks import defined_tests, measured_modules, same_files, uses_own
from harness.gate.environments import (
    Built,
    build,
    commands,
    environments,
    folders,
    here,
    with_own_benchmarks,
)
from harness.gate.needs import HARNESS, TESTS, Wanted
from harness.gate.outcome import Revision
from harness.gate.project import is_package, read
from harness.gate.revisions import Tree, changes, files, resolve, subject, top, trees
from harness.gate.sides import Side, twin, unlike
from harness.gate.what import CommandWhat, PytestWhat, StudyWhat, What, parse
from harness.gate.what import command as read_command
from harness.messages.errors import HarnessError

UNCHECKED = (
    "Whose code a command runs is not checked: it runs in each side's files, with each side's "
    "packages first."
)


@dataclass(frozen=True)
class Prepared:
    """What is compared, ready to be measured.

    Attributes:
        sides: base, head, ``deps`` where dependencies differ, and the twin.
        whats: what is measured.
        base: what base is.
        head: what head is.
        notes: sentences on what a reader should know of them.
        repo: the top folder of the repository; ``None`` where no revisions are compared.
    """

    sides: tuple[Side, ...]
    whats: tuple[What, ...]
    base: Revision
    head: Revision
    notes: tuple[str, ...] = ()
    repo: Path | None = None


@contextlib.contextmanager
def prepared(asked: Asked, folder: Path, work: Path) -> Iterator[Prepared]:
    """Give both sides, ready to be measured; what was made for them is removed at the end.

    Args:
        asked: what a person asks for, of ``kind`` revisions, folders, environments or commands.
        folder: the folder that the command was typed in.
        work: an empty folder of this gate's own.

    Raises:
        HarnessError: there is no such revision, folder or environment, one does not build, or
            nothing of the project would be measured.
    """
    if asked.kind == "revisions":
        repo = top(folder)
        inside = folder.resolve().relative_to(repo.resolve())
        with trees(repo, asked.base, asked.head or None, work / "trees", asked.own) as both:
            place = _project_at(both.head.folder, inside)
            before, after = (_within(tree, place) for tree in (both.base, both.head))
            words = [_from_top(word, folder, repo / place, after.folder) for word in asked.whats]
            whats = _parsed(words, after.folder)
            _check_tests(whats, before.folder, after.folder)
            notes = (*both.notes, *_said_of(place, inside), *_check_commands(whats, repo))
            built, said = _built(asked, before, after, whats, work, (repo,))
            yield _ready(built, whats, before, after, (*notes, *said), repo)
        return
    base, head = Path(asked.base), Path(asked.head)
    if asked.kind == "folders":
        builds = head.is_dir() and not asked.here and _declares(head)
        before, after = folders(base, head, work / "trees", copies=builds)
        whats = _parsed(asked.whats, after.folder)
        _check_tests(whats, before.folder, after.folder)
        built, notes = _built(asked, before, after, whats, work, (base, head))
        yield _ready(built, whats, before, after, notes)
    elif asked.kind == "environments":
        whats = _parsed(asked.whats, folder)
        built = environments(base, head, folder)
        yield _ready(built, whats, *_trees_of(built), ())
    else:
        line = read_command(asked.head)
        built = commands(read_command(asked.base).title, line.title, folder)
        yield _ready(built, (line,), *_trees_of(built), ())


def _project_at(head: Path, inside: Path) -> Path:
    """Return where the project lies, from the repository's top folder.

    It is the nearest folder with a package, from where the command was typed upwards; a repository
    may hold several. Without any it is the nearest that says what it needs, else the top folder.

    Args:
        head: the head's files.
        inside: the folder that the command was typed in, from the top folder.
    """
    above = [inside, *inside.parents]
    packages = (each for each in above if is_package(head / each))
    return next(packages, next((each for each in above if _declares(head / each)), Path()))


def _within(tree: Tree, place: Path) -> Tree:
    """Return a tree as that of the project in it.

    Raises:
        HarnessError: there is none at that place.
    """
    if not (tree.folder / place).is_dir():
        raise HarnessError(
            f"{tree.folder.name} must have the project in {place.as_posix()}",
            f"no such folder at {tree.told}",
            "Name a newer --base: there is nothing to compare with.",
        )
    return replace(tree, folder=tree.folder / place)


def _said_of(place: Path, inside: Path) -> tuple[str, ...]:
    """Say which project it is, where that is not plain from where the command was typed."""
    if place.parts:
        return (f"The project is the one in {place.as_posix()}.",)
    return ("The project is the one in the top folder.",) if inside.parts else ()


def this_code(asked: Asked, folder: Path) -> tuple[Side, tuple[What, ...], Revision, str]:
    """Return the code here as one side, to save its figures or to compare them with saved ones.

    Returns:
        the side, what is measured, which revision it is, where there is a repository, and a note
        on changes of the working tree; empty where there are none.
    """
    whats = _parsed(asked.whats, folder)
    tree, dirty = Tree(folder, "", f"the folder {folder.name}"), 0
    with contextlib.suppress(HarnessError):
        tree, dirty = _checked_out(folder, tree, asked.own)
    other = replace(tree, told="")
    built = here(other, tree, asked.extras, "Compare by --base: both sides are then built.")
    own = measured_modules(_in_process(whats), built.head.modules, folder)
    side = built.head
    if not all(uses_own(what, folder, own) for what in whats):
        side = replace(side, modules=())
    note = f"The working tree has changes ({files(dirty)}): no commit has what is measured here."
    return side, whats, Revision("head", tree.commit, tree.told), note if dirty else ""


def _checked_out(folder: Path, tree: Tree, own: tuple[Path, ...]) -> tuple[Tree, int]:
    """Return a folder as its commit, and how many files have changed since."""
    repo = top(folder)
    commit = resolve(repo, "HEAD")
    dirty = len(changes(repo, own))
    since = f", and {files(dirty)} changed since" if dirty else ""
    return Tree(tree.folder, "" if dirty else commit, subject(repo, commit) + since), dirty


def _parsed(words: tuple[str, ...] | list[str], head: Path) -> tuple[What, ...]:
    return tuple(parse(word, head) for word in words)


def _from_top(word: str, folder: Path, repo: Path, head: Path) -> str:
    """Return a word whose file, if it names one from the folder it was typed in, is from the top.

    A file of that name from the top folder comes first.
    """
    if folder.resolve() == repo.resolve():
        return word
    file = word.partition("::")[0].partition("#")[0]
    inside = folder.resolve().relative_to(repo.resolve()) / file
    if (head / file).is_file() or not (head / inside).is_file():
        return word
    return inside.as_posix() + word[len(file) :]


def _built(
    asked: Asked,
    base: Tree,
    head: Tree,
    whats: tuple[What, ...],
    work: Path,
    apart: tuple[Path, ...],
) -> tuple[Built, tuple[str, ...]]:
    """Return the sides, and notes on how they came about; ``apart`` is where both came from."""
    builds = not asked.here and _declares(head.folder)
    notes: list[str] = []
    if not builds and not asked.here:
        notes.append(
            "No pyproject.toml, setup.py or requirements.txt: there is nothing to build, so both "
            "sides use the packages of this interpreter, as with --here."
        )
    if builds:
        wanted = Wanted(asked.extras, asked.packages, _tools(whats))
        built = build(base, head, work / "sides", wanted, apart=apart)
    else:
        built = here(base, head, asked.extras)
    own = measured_modules(_in_process(whats), built.head.modules, head.folder)
    alone = [what for what in whats if not uses_own(what, head.folder, own)]
    if not alone:
        return built, (*built.notes, *notes)
    named = ", ".join(what.title for what in alone)
    inside = [what for what in whats if isinstance(what, StudyWhat | PytestWhat)]
    if len(alone) < len(_in_process(whats)) or len(inside) < len(alone):
        raise HarnessError(
            "what is measured must be code of the project "
            f"({', '.join(own[:5]) or 'which has no modules'})",
            f"{named}, which imports none of it",
            "Head's benchmarks run on both sides, so nothing would differ. Move what is measured "
            "out of the benchmark's file into the project, or gate that file by itself: then each "
            "side runs its own.",
        )
    notes.append(
        f"{named} imports no module of the project, so each side runs its own copy of that file: "
        "a change of the benchmark itself is measured with it."
    )
    return with_own_benchmarks(built), (*built.notes, *notes)


def _tools(whats: tuple[What, ...]) -> tuple[str, ...]:
    """Return what benchmarks are run by."""
    kinds = {StudyWhat: HARNESS, PytestWhat: TESTS}
    return tuple(sorted({kinds[type(what)] for what in whats if type(what) in kinds}))


def _declares(folder: Path) -> bool:
    """Whether a folder says what it needs."""
    return read(folder).declared or (folder / "requirements.txt").is_file()


def _check_commands(whats: tuple[What, ...], repo: Path) -> tuple[str, ...]:
    """Check that no command names a file of the user's own folder; say what is not checked.

    Raises:
        HarnessError: one does: it would be the same file on both sides.
    """
    commands = [what for what in whats if isinstance(what, CommandWhat)]
    for what in commands:
        for word in what.words:
            if str(repo.resolve()) in word:
                raise HarnessError(
                    "a command must name files from the project's folder: it runs in each side's",
                    word, "Write its path without that of this folder.",
                )  # fmt: skip
    if not commands:
        return ()
    return (UNCHECKED,)


def in_base(title: str, ready: Prepared) -> bool:
    """Whether the base's own files have a benchmark of that name, as far as their text tells."""
    base, head = (next(s for s in ready.sides if s.name == name) for name in ("base", "head"))
    for what in ready.whats:
        if isinstance(what, PytestWhat) and same_files(
            what, base.tree, head.benchmarks, head.modules
        ):
            continue  # the base's file is what was run
        if isinstance(what, PytestWhat) and title.startswith(what.file):
            tests = defined_tests(base.tree / what.file)
            test = title.partition("::")[2].partition("[")[0].rpartition("::")[2]
            return bool(tests) and (not test or test in tests)
        if isinstance(what, StudyWhat) and what.in_file and title == what.title:
            return not what.arm and (base.tree / what.reference).is_file()
    return False


def _check_tests(whats: tuple[What, ...], base: Path, head: Path) -> None:
    """Check that head's files have the tests that the base's have.

    Raises:
        HarnessError: one has vanished, so nobody would see that it became slower.
    """
    for what in whats:
        if not isinstance(what, PytestWhat) or what.node:
            continue
        gone = defined_tests(base / what.file) - defined_tests(head / what.file)
        if gone:
            raise HarnessError(
                f"{what.file} must have the tests that it has at base",
                f"none called {', '.join(sorted(gone))}: vanished, or renamed",
                f"Name the tests that are left ({what.file}::test_x), if that is meant.",
            )


def _in_process(whats: tuple[What, ...]) -> list[What]:
    """Return what is measured within Python, and not as a command."""
    return [what for what in whats if not isinstance(what, CommandWhat)]


def _trees_of(built: Built) -> tuple[Tree, Tree]:
    base, head = (Tree(each.tree, "", each.told) for each in (built.base, built.head))
    return base, head


def _ready(
    built: Built, whats: tuple[What, ...], base: Tree, head: Tree, notes: tuple[str, ...],
    repo: Path | None = None,
) -> Prepared:  # fmt: skip
    sides = (*built.sides, twin(built.base))
    if not any(uses_own(what, built.head.benchmarks, built.head.modules) for what in whats):
        # of two environments the packages may be all that differs
        sides = tuple(replace(side, modules=()) for side in sides)
    return Prepared(
        sides,
        whats,
        Revision("base", base.commit, base.told),
        Revision("head", head.commit, head.told),
        (*notes, *unlike(sides)),
        repo,
    )
