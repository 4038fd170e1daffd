"""What lies in a folder of images, by contents: read once, and known again at a glance.

What was found of each file is kept in the user's cache folder, by its path, size, times and inode.
A file that was changed so recently that a further change might leave its times the same is not
kept (the difficulty git has with its index, and its answer:
https://git-scm.com/docs/racy-git). Where the cache folder cannot be made or written, one below the
system's folder for temporary files is used; where neither can, every process reads all
files again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.data.layout import Found, Layout, understand
from harness.data.pictures import Looked, endings, look, strict
from harness.messages.errors import HarnessError

VERSION = 1
"""Of what is kept: raised when :func:`harness.data.pictures.look` finds something else."""

SETTLED_NS = 2_000_000_000
"""How long ago a file must have changed, in ns: more than the coarsest clock of a file system."""

REST = 20
"""Looking again takes at most one part of time in this many."""

_QUICK_SECONDS = 1e-3
"""Looking that takes less than this is done whenever it is asked for."""


@dataclass(frozen=True)
class Known:
    """What was found of a file.

    Attributes:
        signature: size, times and inode when it was read.
        sha256: of its contents.
        looked: what it holds.
        settled: whether another change would show in the signature.
    """

    signature: tuple[int, ...]
    sha256: str
    looked: Looked
    settled: bool = True


@dataclass(frozen=True)
class Survey:
    """A folder of images, and what was found of each file.

    Attributes:
        layout: what is what.
        known: by path.
    """

    layout: Layout
    known: Mapping[str, Known]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and contents of all images, wherever their folder lies."""
        digest = hashlib.sha256()
        for part in self.layout.parts:
            for image in part.images:
                name = f"{part.folder}/{image.name}" if part.folder else image.name
                digest.update(f"{name}\0{self.known[image.path].sha256}\0".encode(*_AS_GIVEN))
        return digest.hexdigest()

    def images(self) -> Iterable[Found]:
        """Yield all images, part by part."""
        for part in self.layout.parts:
            yield from part.images


_AS_GIVEN = ("utf-8", "surrogateescape")
"""How names of files are written down, which need not be text."""


@dataclass
class _Last:
    """The newest survey of a folder in this process."""

    survey: Survey
    until: float


_LAST: dict[Path, _Last] = {}


def survey(root: Path) -> Survey:
    """Tell what lies in a folder of images, reading what is not known yet.

    Args:
        root: the folder, absolute.

    Raises:
        HarnessError: it is not clear what something is, or a file cannot be read.
    """
    last = _LAST.get(root)
    if last is not None and time.monotonic() < last.until:
        return last.survey
    started = time.monotonic()
    layout = understand(root, endings())
    took = time.monotonic() - started
    found = _known(root, layout, last.survey.known if last is not None else None)
    if last is not None and found == last.survey.known and layout == last.survey.layout:
        made = last.survey  # with its digest
    else:
        made = Survey(layout, found)
    pause = REST * took if took > _QUICK_SECONDS else 0.0
    _LAST[root] = _Last(made, time.monotonic() + pause)
    return made


def _known(root: Path, layout: Layout, before: Mapping[str, Known] | None) -> dict[str, Known]:
    images = [image for part in layout.parts for image in part.images]
    kept = _kept(root) if before is None else before
    found = {}
    for image in images:
        known = kept.get(image.path)
        if known is not None and known.settled and known.signature == image.signature:
            found[image.path] = known
    missing = [image.path for image in images if image.path not in found]
    if not missing:
        return found
    with strict(), ThreadPoolExecutor(threads()) as pool:
        new = dict(zip(missing, pool.map(_read, missing), strict=True))
    found |= new
    if any(each.settled for each in new.values()):
        _keep(root, found)
    return {image.path: found[image.path] for image in images}


def threads() -> int:
    """Return how many files to read at a time."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _read(path: str) -> Known:
    content, signature, settled = contents(path)
    return Known(signature, hashlib.sha256(content).hexdigest(), look(content), settled)


def contents(path: str) -> tuple[bytes, tuple[int, ...], bool]:
    """Read a file: its bytes, its signature, and whether another change would show in that.

    Raises:
        HarnessError: it cannot be read.
    """
    now = time.time_ns()
    try:
        with Path(path).open("rb") as file:
            before = os.fstat(file.fileno())
            content = file.read()
            after = os.fstat(file.fileno())
    except OSError as error:
        raise HarnessError(
            f"{path} must be an image that Pillow can read",
            f"{type(error).__name__}: {error}",
            "Replace the file, or remove it.",
        ) from error
    one, other = (
        (each.st_size, each.st_mtime_ns, each.st_ctime_ns, each.st_ino) for each in (before, after)
    )
    # st_ctime is the last change of anything, by the system's own clock; on Windows the creation
    changed = before.st_ctime_ns if os.name == "posix" else before.st_mtime_ns
    return content, one, one == other and changed < now - SETTLED_NS


# -- the cache -----------------------------------------------------------------------------------


def cache_file(root: Path) -> Path | None:
    """Return where what was found in a folder is kept; ``None`` where no folder will do."""
    folder = _cache_folder()
    name = hashlib.sha256(str(root).encode(*_AS_GIVEN)).hexdigest()[:32]
    return None if folder is None else folder / f"{name}.json"


def _cache_folder() -> Path | None:
    """Return the first folder that can be written: the user's own cache, or a temporary one."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        place = Path(base) if Path(base).is_absolute() else Path("~/.cache").expanduser()
        folder = place / "harness" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        if _can_be_written(folder):
            return folder
    with contextlib.suppress(OSError):
        return _temporary_folder()
    return None


def _temporary_folder() -> Path | None:
    """Return a folder for temporary files that is this user's alone; ``None`` where it is not.

    Every user may write to the system's folder for temporary files. So another user may have made
    this one first, or a link of its name that leads elsewhere. Then it is not used.
    """
    owner = os.getuid() if hasattr(os, "getuid") else 0  # Windows: that folder is the user's own
    folder = Path(tempfile.gettempdir()) / f"harness-images-{owner}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == owner
    private = os.name != "posix" or not found.st_mode & 0o077
    return folder if own and private and _can_be_written(folder) else None


def _can_be_written(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _stamp() -> list[Any]:
    import PIL

    return [VERSION, PIL.__version__]


def _kept(root: Path) -> dict[str, Known]:
    """Return what is kept of a folder; nothing where it cannot be read."""
    path = cache_file(root)
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        kept = json.loads(text)
        if kept["stamp"] != _stamp():
            return {}
        # names are put together as text, as Path would take longer than all the rest
        return {f"{root}/{name}": _entry(*values) for name, values in kept["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # none, or damaged


def _entry(
    signature: list[int], sha256: str, size: list[int], problem: str, clear: bool, deep: int
) -> Known:
    width, height = size
    if len(sha256) != 64:
        raise ValueError(sha256)
    return Known(
        tuple(map(int, signature)), sha256,
        Looked((int(width), int(height)), str(problem), bool(clear), int(deep)),
    )  # fmt: skip


def _keep(root: Path, found: Mapping[str, Known]) -> None:
    """Write what was found, all of it or nothing."""
    path = cache_file(root)
    if path is None:
        return
    files = {
        image.removeprefix(f"{root}/"): [
            each.signature, each.sha256, each.looked.size, each.looked.problem, each.looked.clear,
            each.looked.deep,
        ]
        for image, each in found.items()
        if each.settled and not each.looked.problem  # which may pass: short memory, a codec
    }  # fmt: skip
    part = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False
        ) as file:
            part = Path(file.name)
            json.dump({"stamp": _stamp(), "files": files}, file)
        part.replace(path)
    except (OSError, ValueError):  # a full disk, names that are no text
        if part is not None:
            with contextlib.suppress(OSError):
                part.unlink()
