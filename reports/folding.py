"""What folds away on the screen and stands in an appendix on paper: kept while a page is made."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase


@dataclass(frozen=True)
class Item:
    """One thing that was folded away.

    Attributes:
        label: its part's letter and its number there, such as ``B3``.
        title: what it is.
        anchor: where links lead.
        body: its HTML.
    """

    label: str
    title: str
    anchor: str
    body: str


@dataclass(frozen=True)
class Part:
    """A lettered part of the appendix: all that was folded away in one section of the page."""

    letter: str
    title: str
    items: tuple[Item, ...]


class Appendix:
    """The appendix of one page; templates fill it from top to bottom, and print it at the end."""

    def __init__(self) -> None:
        self._items: dict[str, list[Item]] = {}

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is in it, in the order in which its parts began."""
        return tuple(
            Part(lettered(place), title, tuple(items))
            for place, (title, items) in enumerate(self._items.items())
        )

    def add(self, part: str, title: str, anchor: str, body: str) -> str:
        """Put one thing into a part, which begins with its first; return its label.

        Args:
            part: the title of the part.
            title: what it is.
            anchor: where links to it lead; no other may have the same.
            body: its HTML, escaped.
        """
        items = self._items.setdefault(part, [])
        label = f"{lettered(list(self._items).index(part))}{len(items) + 1}"
        items.append(Item(label, title, anchor, body))
        return label


def lettered(place: int) -> str:
    """Name a part by its place from 0: A to Z, then AA, AB and so on."""
    more, last = divmod(place, len(ascii_uppercase))
    return (lettered(more - 1) if more else "") + ascii_uppercase[last]
