"""What names of folders and files mean in a folder of images: a part, a text, nothing at all."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Role = Literal["train", "validation", "test"]

_SYSTEM = frozenset(
    {
        "__macosx", "__pycache__", "@eadir", "lost+found", "$recycle.bin", "recycler", "#recycle",
        "@recycle", "system volume information", "network trash folder", "temporary items",
        "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r",
    }
)  # fmt: skip
"""Names, in small letters, of files and folders that operating systems and servers add."""

_TEXTS = frozenset(
    {
        ".txt", ".md", ".rst", ".json", ".jsonl", ".xml", ".csv", ".tsv", ".yaml", ".yml",
        ".html", ".htm", ".log", ".toml", ".ini", ".cfg", ".py", ".ipynb", ".sh", ".url", ".lst",
        ".bib", ".md5", ".sha1", ".sha256",
    }
)  # fmt: skip
"""Endings of files that say something about images and are no images."""

_PAPERS = frozenset(
    {"readme", "license", "licence", "notice", "authors", "copying", "citation", "changelog"}
)
"""Names of such files that have no ending."""

_WORDS: dict[str, Role] = {
    **dict.fromkeys(("train", "training", "trainings", "trn"), "train"),
    **dict.fromkeys(
        ("validation", "validate", "validating", "valid", "val", "vali", "dev", "development",
         "eval", "evaluation", "evaluate"), "validation",
    ),
    **dict.fromkeys(("test", "testing", "tests", "tst", "holdout", "heldout"), "test"),
}  # fmt: skip
_AROUND = (
    r"(?:the|my|data|dataset|datasets|sets?|images?|imgs?|pictures?|pics?|photos?|splits?|samples?"
    r"|examples?|files?|folders?|parts?|\d+)*"
)
_KNOWN = re.compile(f"{_AROUND}({'|'.join(sorted(_WORDS, key=len, reverse=True))}){_AROUND}")


def is_hidden(name: str) -> bool:
    """Whether a name is one that hides, or that a system puts there."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def role_of(name: str) -> Role | None:
    """Return which part of a data set a folder's name means, in any spelling."""
    found = _KNOWN.fullmatch(_letters(name))
    return _WORDS[found[1]] if found else None


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


def ending_of(name: str) -> str:
    """Return a name's last part from the point on, in small letters: Path would take its time."""
    place = name.rfind(".")
    return name[place:].lower() if place > 0 else ""


def is_text(name: str) -> bool:
    """Whether a file's name is one of files that say something about images and are none."""
    return ending_of(name) in _TEXTS or name.casefold() in _PAPERS
