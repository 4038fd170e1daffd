"""Two revisions of a repository, each in a folder of its own: what git is asked for.

Nothing of the user's own folder changes: not its files, its index, its branches or its stash.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.gate.bounded import bounded
from harness.messages.errors import HarnessError

FETCH = "Run `git fetch --unshallow`, or write `fetch-depth: 0` at actions/checkout."

SECONDS = 300.0
"""How long one command of git may take: checking out a large repository takes a minute or two."""

BEHIND = (
    "The head is older than the base, as after a push by force: it is compared with the base "
    "itself, not with their last commit in common."
)

_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "harness gate"), ("EMAIL", "gate@localhost"))
}


@dataclass(frozen=True)
class Tree:
    """The files of one side.

    Attributes:
        folder: where they lie.
        commit: the commit's full name; empty where they are no commit of the user's.
        told: what they are, in words, such as ``1a2b3c4 Faster loader``.
    """

    folder: Path
    commit: str
    told: str


@dataclass(frozen=True)
class Trees:
    """The files of both sides.

    Attributes:
        base: the one that is measured against.
        head: the one that is judged.
        notes: sentences on what a reader should know of them.
    """

    base: Tree
    head: Tree
    notes: tuple[str, ...] = ()


class _GitError(Exception):
    """Git ended with an error; its last line."""


def top(folder: Path) -> Path:
    """Return the top folder of the repository that a folder is in.

    Raises:
        HarnessError: git is not installed, or the folder is in no repository.
    """
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel"))
    except _GitError as error:
        raise HarnessError(
            f"{folder} must be in a git repository",
            str(error),
            "Give two folders, two environments or two commands in the place of revisions.",
        ) from None


def resolve(repo: Path, revision: str) -> str:
    """Return the full name of a commit.

    Raises:
        HarnessError: there is no such revision here.
    """
    try:
        return _git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options",
                    f"{revision}^{{commit}}")  # fmt: skip
    except _GitError:
        raise HarnessError(
            "a revision must be one that git knows here",
            repr(revision),
            f"This clone is shallow. {FETCH}"
            if _shallow(repo)
            else "`git fetch` it, or see `git branch --all`.",
        ) from None


def merge_base(repo: Path, base: str, head: str) -> str:
    """Return the full name of the last commit that two revisions have in common.

    Raises:
        HarnessError: there is none here, or no such revision.
    """
    ends = resolve(repo, base), resolve(repo, head)
    try:
        return _git(repo, "merge-base", *ends)
    except _GitError:
        raise HarnessError(
            f"{base} and {head} must have a commit in common",
            "none in this clone, which is shallow" if _shallow(repo) else "none",
            FETCH if _shallow(repo) else "Give a base that head was made from.",
        ) from None


def changed_files(repo: Path, base: str, head: str) -> tuple[str, ...]:
    """Return the paths that differ between two commits, from the top folder."""
    told = _git(repo, "diff", "--name-only", "--no-renames", "-z", base, head)
    return tuple(filter(None, told.split("\0")))


def changes(repo: Path, own: Sequence[Path] = ()) -> tuple[str, ...]:
    """Return what the working tree has changed since its commit, untracked files with it.

    Args:
        repo: its top folder.
        own: files that gates write, which are no changes where git does not track them.
    """
    told = _git(repo, "status", "--porcelain", "--no-renames", "-z", "--untracked-files=all")
    found = tuple(line[3:] for line in told.split("\0") if line)
    passed = _untracked(repo, own) if found else ()
    return tuple(each for each in found if each not in passed)


def _untracked(repo: Path, own: Sequence[Path]) -> tuple[str, ...]:
    """Return those of a gate's own files in a repository that git does not track, from its top."""
    top_folder = repo.resolve()
    inside = [
        place.relative_to(top_folder).as_posix()
        for place in (each.resolve() for each in own)
        if place.is_relative_to(top_folder)
    ]
    return tuple(
        each for each in inside if not _git(repo, "ls-files", "-z", "--", f":(literal){each}")
    )


@contextlib.contextmanager
def trees(
    repo: Path, base: str, head: str | None, folder: Path, own: Sequence[Path] = ()
) -> Iterator[Trees]:
    """Give the merge base and the head in two folders whose paths are of equal length.

    They are removed at the end, whatever happened.

    Args:
        repo: a folder of the repository.
        base: the revision to measure against; of it and head the merge base is taken.
        head: the revision that is judged; ``None`` is the working tree with its changes.
        folder: an empty folder to put both in.
        own: files that gates write: see :func:`changes`.

    Raises:
        HarnessError: no git, no repository, no such revision, no commit in common.
    """
    repo = top(repo)
    dirty = changes(repo, own)
    last = resolve(repo, head or "HEAD")
    commit = _snapshot(repo, last, own) if dirty and head is None else last
    start = merge_base(repo, base, last)
    behind = start == last == commit and start != resolve(repo, base)
    if behind:
        start = resolve(repo, base)
    sides = {"base": start, "head": commit}
    try:
        for name, each in sides.items():
            _checkout(repo, folder / name, each)
        same = not changed_files(repo, start, commit)
        notes = _notes(folder, dirty, same=same, of_tree=head is None)
        if behind:
            notes += (BEHIND,)
        told = f"the working tree ({subject(repo, last)}, and {files(len(dirty))} changed since)"
        yield Trees(
            Tree(folder / "base", start, subject(repo, start)),
            Tree(folder / "head", last, subject(repo, last))
            if commit == last
            else Tree(folder / "head", "", told),
            notes,
        )
    finally:
        for name in sides:
            _remove(repo, folder / name)


def _notes(folder: Path, dirty: Sequence[str], *, same: bool, of_tree: bool) -> tuple[str, ...]:
    said = []
    if dirty and of_tree:
        said.append(
            f"The working tree has changes ({files(len(dirty))}; untracked files count): "
            "they are the head."
        )
    elif dirty:
        said.append(
            f"The working tree has changes ({files(len(dirty))}): they are not measured, because "
            "--head names a revision."
        )
    if same:
        said.append("Base and head have the same files: nothing changed, measured all the same.")
    if (folder / "head" / ".gitmodules").is_file():
        said.append("Submodules are not checked out: their folders are empty on both sides.")
    if _keeps_large_files(folder / "head"):
        said.append("Files that Git LFS keeps are not fetched: on both sides they are pointers.")
    return tuple(said)


def _keeps_large_files(folder: Path) -> bool:
    file = folder / ".gitattributes"
    return file.is_file() and "filter=lfs" in file.read_text(encoding="utf-8", errors="replace")


def files(count: int) -> str:
    """Say how many files."""
    return f"{count} file" if count == 1 else f"{count} files"


def subject(repo: Path, commit: str) -> str:
    """Return a commit's short name and first line."""
    return _git(repo, "log", "-1", "--format=%h %s", commit)


def _shallow(repo: Path) -> bool:
    return _git(repo, "rev-parse", "--is-shallow-repository") == "true"


def _snapshot(repo: Path, last: str, own: Sequence[Path]) -> str:
    """Return a commit of the working tree as it is, on top of its last one; nothing refers to it.

    Files that git ignores, and files that gates write, are not in it. Git removes the commit some
    weeks later by itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        kept = Path(_git(repo, "rev-parse", "--git-path", "index"))
        if (repo / kept).is_file():  # so that git need not read again what has not changed
            shutil.copyfile(repo / kept, index)
        apart = {"GIT_INDEX_FILE": str(index)}
        _git(repo, "add", "--all", "--", ".", variables=apart)
        for each in _untracked(repo, own):
            _git(repo, "update-index", "--force-remove", "--", each, variables=apart)
        tree = _git(repo, "write-tree", variables=apart)
    return _git(repo, "commit-tree", tree, "-p", last, "-m", "the working tree", variables=_WHO)


def _checkout(repo: Path, place: Path, commit: str) -> None:
    try:
        _git(repo, "worktree", "add", "--detach", "--force", str(place), commit)
    except _GitError as error:
        raise HarnessError(
            f"commit {commit[:12]} must be one that git can check out",
            str(error),
            "`git fsck` tells what is missing; a partial clone needs its remote.",
        ) from None


def _remove(repo: Path, place: Path) -> None:
    with contextlib.suppress(_GitError):
        _git(repo, "worktree", "remove", "--force", "--force", str(place))
    shutil.rmtree(place, ignore_errors=True)


_KEPT = ("GIT_CONFIG", "GIT_SSH", "GIT_ASKPASS", "GIT_SSL")
"""How names of git's variables begin that count: settings, and how it reaches a remote."""

_NEVER_ASK = {
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
}
"""Keeps git, ssh and Git Credential Manager from opening a window that asks for a password."""


def _variables() -> dict[str, str]:
    """Return the environment variables of git: none of a hook's that this may run in."""
    own = {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("GIT_") or name.startswith(_KEPT)) and name != "SSH_ASKPASS"
    }
    return {**own, "LC_ALL": "C", "GIT_LFS_SKIP_SMUDGE": "1", **_NEVER_ASK}


def _git(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> str:
    """Return what git prints, without the line's end.

    Hooks are not run, and files that Git LFS keeps are not fetched. It never asks for a password:
    it has no terminal. ``GIT_SSH_COMMAND`` stays as it is, as it would undo ``core.sshCommand``,
    where a checkout in CI has its key.

    Raises:
        HarnessError: git is not installed, or took too long.
        _GitError: it ended with an error.
    """
    try:
        done = bounded(
            ["git", "-c", f"core.hooksPath={os.devnull}", *words], folder,
            {**_variables(), **(variables or {})}, SECONDS, errors="surrogateescape",
        )  # fmt: skip
    except (FileNotFoundError, NotADirectoryError):
        if not folder.is_dir():
            raise _GitError(f"there is no folder {folder}") from None
        raise HarnessError(
            "git must be installed to compare revisions",
            "no program `git` on the PATH",
            "Install it, or give two folders, two environments or two commands.",
        ) from None
    if done.code:
        lines = done.error.strip().splitlines()
        raise _GitError(lines[-1] if lines else f"git {words[0]} ended with {done.code}")
    return done.out.rstrip("\n")
