"""What the folders and files below a folder of images are: splits, classes, examples, or nothing.

Nothing is guessed. Names of training, validation and test parts are known in any spelling. Hidden
files, and those that a system puts there, are ignored. Texts are left out, and the user is told.
Anything else that is no image in its class is refused by name, because it may be an example.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data.names import Role, ending_of, is_hidden, is_text, role_of
from harness.messages.errors import HarnessError


@dataclass(frozen=True)
class Found:
    """An image file.

    Attributes:
        path: where it is.
        name: its path within the part's folder: ``cat/1.png``.
        label: number of its class.
        signature: what tells whether it is the same file as before: size, times, inode.
    """

    path: str
    name: str
    label: int
    signature: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """One folder of classes.

    Attributes:
        role: what it is for.
        folder: its path within the data set's folder; empty where it is that folder itself.
        images: sorted by class and name.
    """

    role: Role
    folder: str
    images: tuple[Found, ...]

    def members(self, classes: int) -> tuple[int, ...]:
        """Return how many images each class has."""
        counts = Counter(image.label for image in self.images)
        return tuple(counts[label] for label in range(classes))


@dataclass(frozen=True)
class Layout:
    """A folder of images, understood.

    Attributes:
        classes: names of the classes, sorted.
        parts: the training part first.
        left_out: texts and other files that are no images, by path.
        notes: sentences on how folders were understood.
    """

    classes: tuple[str, ...]
    parts: tuple[Part, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    def part(self, role: Role) -> Part | None:
        """Return the part for a purpose, if there is one."""
        return next((part for part in self.parts if part.role == role), None)


@dataclass(frozen=True)
class _Folder:
    """What lies in a folder, without hidden files.

    Attributes:
        path: where it is.
        folders: the folders in it, sorted by name.
        images: names and signatures of the images in it.
        others: names of the other files in it.
    """

    path: Path
    folders: tuple[_Folder, ...]
    images: tuple[tuple[str, tuple[int, ...]], ...]
    others: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def any_images(self) -> bool:
        return bool(self.images) or any(each.any_images for each in self.folders)


def understand(root: Path, endings: frozenset[str]) -> Layout:
    """Tell what lies in a folder of images.

    Args:
        root: the folder, which exists.
        endings: of the files that are images, in small letters: ``".png"``.

    Raises:
        HarnessError: it is not clear what something is, or there are no two classes.
    """
    top = _look(root, endings, ())
    splits, notes = _splits(top)
    left_out = list(top.others)
    parts, names = [], []
    for role, folder in splits:
        classes = _classes(folder)
        where = "" if folder is top else folder.name
        left_out += [f"{where}/{name}" for name in folder.others] if where else []
        images: list[Found] = []
        for label, each in enumerate(classes):
            own = list(_images(each, each.name))
            if not own:
                raise HarnessError(
                    f"every folder in {folder.path} must hold images of one class",
                    f"no image in {each.name}",
                    "Remove the empty folder, or put images there.",
                )
            left_out += _texts(each, f"{where}/{each.name}" if where else each.name)
            images += [
                Found(f"{folder.path}/{name}", name, label, signature) for name, signature in own
            ]
        parts.append(Part(role, where, tuple(images)))
        names.append(tuple(each.name for each in classes))
    for part, others in zip(parts[1:], names[1:], strict=True):
        if others != names[0]:
            odd = sorted(set(names[0]) ^ set(others))
            raise HarnessError(
                f"{parts[0].folder} and {part.folder} in {root} must have the same classes",
                f"{', '.join(odd)} in one alone",
                "Rename or remove the odd ones.",
            )
    return Layout(names[0], tuple(parts), tuple(sorted(left_out)), notes)


def _look(path: Path, endings: frozenset[str], above: tuple[tuple[int, int], ...]) -> _Folder:
    """Read a folder and those in it."""
    folders, images, others = [], [], []
    try:
        own = path.stat()
        here = (*above, (own.st_dev, own.st_ino))
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    inside = entry.stat()
                    if (inside.st_dev, inside.st_ino) in here:
                        raise HarnessError(
                            f"a folder of images must not hold itself ({entry.path})",
                            "a link to a folder above",
                            "Remove the link.",
                        )
                    folders.append(_look(path / entry.name, endings, here))
                elif ending_of(entry.name) in endings:
                    images.append((entry.name, _signature(entry)))
                else:
                    others.append(entry.name)
    except OSError as error:
        raise HarnessError(
            f"{path} must be readable",
            f"{type(error).__name__}: {error}",
            "Give yourself the rights to it, or move it away.",
        ) from error
    return _Folder(path, tuple(folders), tuple(images), tuple(others))


def _signature(entry: os.DirEntry[str]) -> tuple[int, ...]:
    """Return size, times and inode of a file; of a link, those of what it leads to."""
    try:
        found = entry.stat()
    except OSError:  # a link that leads nowhere, which reading the image will tell
        return ()
    if not stat.S_ISREG(found.st_mode):
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _splits(top: _Folder) -> tuple[list[tuple[Role, _Folder]], tuple[str, ...]]:
    """Return the folders of classes by their purpose, and sentences on how that was found."""
    roles = _roles(top.folders)
    split = {folder.name: role for folder, role in roles.items() if _is_split(folder)}
    if not split:
        _check_flat(top, list(roles))
        return [("train", top)], ()
    neither = [folder for folder in top.folders if folder.name not in split]
    if neither or top.images:
        known = " and ".join(split)
        odd = neither[0].name if neither else top.images[0][0]
        what = "an image"
        if neither and neither[0].images:
            what = f"a folder with images right in it, such as {neither[0].images[0][0]}"
        elif neither:
            what = "no folder of classes" if neither[0] in roles else "no part with a known name"
        raise HarnessError(
            f"beside {known} in {top.path} there must be parts alone, with a folder for each class",
            f"{odd}, which is {what}",
            f"Sort what is in {odd} into PART/CLASS/*, or move it out of that folder.",
        )
    by_role: dict[Role, _Folder] = {}
    for folder in top.folders:
        role = split[folder.name]
        if role in by_role:
            raise HarnessError(
                f"{top.path} must hold one folder for each of training, validation and test",
                f"{by_role[role].name} and {folder.name}, both for {_WORDY[role]}",
                "Put them together, or move one away.",
            )
        by_role[role] = folder
    if "train" not in by_role:
        raise HarnessError(
            f"{top.path} must hold a folder of training images",
            f"{', '.join(split)} alone",
            "Name it train, or give the folder of classes itself.",
        )
    notes: tuple[str, ...] = ()
    if "validation" in by_role and "test" not in by_role:
        folder = by_role.pop("validation")
        by_role["test"] = folder
        notes = (f"{folder.name} is the official test set, as there is no other.",)
    order: tuple[Role, ...] = ("train", "validation", "test")
    return [(role, by_role[role]) for role in order if role in by_role], notes


_WORDY = {"train": "training", "validation": "validation", "test": "testing"}


def _roles(folders: Sequence[_Folder]) -> dict[_Folder, Role]:
    """Return the folders with the name of a part: train, or seg_train if there is seg_test."""
    roles = {folder: role for folder in folders if (role := role_of(folder.name)) is not None}
    if roles:
        return roles
    alike: dict[tuple[str, ...], dict[_Folder, Role]] = {}
    for folder in folders:
        first, *rest = re.split(r"[\W_]+", folder.name.casefold())
        for place, word, others in (
            ("first", first, rest),
            ("last", rest[-1:], [first, *rest[:-1]]),
        ):
            role = role_of("".join(word))
            if role is not None and others:
                alike.setdefault((place, *others), {})[folder] = role
    most = max(alike.values(), key=len, default={})
    return most if "train" in most.values() and len(most) > 1 else {}


def _is_split(folder: _Folder) -> bool:
    """Whether a folder holds folders of classes, and no images itself."""
    return not folder.images and any(each.any_images for each in folder.folders)


def _check_flat(top: _Folder, named: Sequence[_Folder]) -> None:
    """Check that a folder with the name of a part and with images in it is one class of several."""
    if named and len(named) == len([each for each in top.folders if each.any_images]):
        raise HarnessError(
            f"{top.path} must hold a folder for each class, or for each part with a folder for "
            "each class in it",
            f"images in {named[0].name} itself",
            f"Sort them into {named[0].name}/CLASS/*.",
        )


def _classes(folder: _Folder) -> list[_Folder]:
    """Return the folders of classes in a folder.

    Raises:
        HarnessError: there are fewer than two, or something that is no class.
    """
    if folder.images:
        raise HarnessError(
            f"images must lie in a folder of their class, in {folder.path}",
            f"{folder.images[0][0]} beside the folders"
            + (f" and {len(folder.images) - 1} more" if len(folder.images) > 1 else ""),
            "Sort them into CLASS/*, or move them out of that folder.",
        )
    classes = list(folder.folders)
    if len(classes) < 2:
        inside = [each.name for each in classes[0].folders] if classes else []
        raise HarnessError(
            f"{folder.path} must hold a subfolder for each of at least 2 classes",
            f"{len(classes)} subfolders",
            f"Give the folder {classes[0].name} in it, if that holds the classes."
            if len(inside) > 1
            else "Sort the images into CLASS/*, or train/CLASS/* and test/CLASS/*.",
        )
    _check_nested(folder, classes)
    alike: dict[str, str] = {}
    for each in classes:
        plain = unicodedata.normalize("NFKC", each.name).strip()
        plain = plain.casefold() if len(plain) > 1 else plain  # a and A may be letters to be read
        if plain in alike:
            raise HarnessError(
                f"classes in {folder.path} must differ in more than capitals and blanks",
                f"{alike[plain]!r} and {each.name!r}",
                "Put them together, or rename one.",
            )
        alike[plain] = each.name
        inner = {role for inside in each.folders if (role := role_of(inside.name)) is not None}
        if len(inner) > 1:
            raise HarnessError(
                f"parts of a data set must hold its classes, in {folder.path}",
                f"{' and '.join(inside.name for inside in each.folders)} within {each.name}",
                "Sort the images into train/CLASS/* and test/CLASS/*.",
            )
    return classes


def _check_nested(folder: _Folder, classes: Sequence[_Folder]) -> None:
    """Check that folders which hold the same folders, and no image, do not count as classes."""
    same = [inner.name for inner in classes[0].folders]
    alike = all([inner.name for inner in each.folders] == same for each in classes)
    if alike and len(same) > 1 and not any(each.images for each in classes):
        raise HarnessError(
            f"folders in {folder.path} must hold the images of a class, or be parts of a data set",
            f"{classes[0].name} and {classes[1].name}, which hold the same folders: "
            f"{', '.join(same[:3])}{', ...' if len(same) > 3 else ''}",
            "Name them train, validation and test if they are parts; put the images right into "
            "them if they are classes.",
        )


def _images(folder: _Folder, name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield path and signature of each image in a class, at any depth."""
    for file, signature in folder.images:
        yield f"{name}/{file}", signature
    for each in folder.folders:
        yield from _images(each, f"{name}/{each.name}")


def _texts(folder: _Folder, name: str) -> list[str]:
    """Return the texts in a class, at any depth.

    Raises:
        HarnessError: another file lies there.
    """
    for file in folder.others:
        if not is_text(file):
            raise HarnessError(
                f"files in the folder of a class must be images that Pillow can read, or texts "
                f"({folder.path})",
                file,
                "Convert it to PNG, or move it out of that folder.",
            )
    own = [f"{name}/{file}" for file in folder.others]
    return own + [text for each in folder.folders for text in _texts(each, f"{name}/{each.name}")]
