"""From matplotlib's SVG to the page's: half the bytes, and no name that two figures share.

Colours stay as they were drawn, in the light scheme, as attributes: so a figure stands alone, too.
On a page the style sheet replaces each colour of the palette by its variable, which it finds by
these attributes (``palette.figure_rules``).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from harness.messages.printable import visible

FONTS = "'Helvetica Neue', 'Liberation Sans', Arial, 'DejaVu Sans', sans-serif"
"""What the text of figures is shown in."""

PRINTED = "'Report Sans', 'Report Signs', sans-serif"
"""What it is printed in: the fonts of ``printing.py``, the same on every machine."""

Hint = tuple[float, float, str]
"""Where a value stands, in points from the upper left corner, and what it says."""

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_PLAIN = re.compile(r"-?[\d.]+(?:e-?\d+)?")
_STEP = re.compile(r"([MLCQZz])([^MLCQZz]*)")
_LINK = re.compile(r"url\(#(.*?)\)")
_UPRIGHT = re.compile(r"rotate\(-?0 ")
_SHARED = ("clip-path", "fill", "stroke", "stroke-width", "stroke-opacity", "fill-opacity",
           "stroke-linejoin", "stroke-linecap", "stroke-dasharray", "font-size",
           "text-anchor")  # fmt: skip
_USUAL = {"stroke-dashoffset": "0", "stroke-linejoin": "round", "stroke-linecap": "butt",
          "opacity": "1", "stroke-width": "1"}  # fmt: skip


def compact(drawn: str, title: str, description: str, hints: Sequence[Hint] = ()) -> str:
    """Return a figure as it is laid into a page, or saved; the same bytes for the same drawing.

    Args:
        drawn: what matplotlib wrote.
        title: what the figure is, in a few words.
        description: what it shows, in a sentence.
        hints: values to tell of, each at its place.
    """
    old = ElementTree.fromstring(drawn)
    _, _, width, height = old.get("viewBox", "0 0 0 0").split()
    new = Element("svg", xmlns=_SVG, viewBox=f"0 0 {_short(width)} {_short(height)}", role="img")
    for name, points in (("width", width), ("height", height)):
        new.set(name, str(round(float(points) * 96 / 72)))
    new.set("font-family", FONTS)
    new.set("stroke-linejoin", "round")
    symbols = _symbols(old)
    for child in old:
        _copy(child, new, symbols)
    _texts_last(new)
    _gather(new)
    if hints:
        _tell(new, hints)
    title, description = visible(title), visible(description)
    key = _key(ElementTree.tostring(new, encoding="unicode") + title + description)
    _rename(new, key)
    _name(new, key, title, description)
    return ElementTree.tostring(new, encoding="unicode")


def without_hints(svg: str) -> str:
    """Return a figure without what tells values: for paper, and to save."""
    start = svg.find('<g class="hints"')
    return svg if start < 0 else svg[:start] + "</svg>"


def _symbols(old: Element) -> dict[str, Element]:
    """Return the paths that are defined for a single use: they can as well be drawn there."""
    uses = Counter(each.get(_HREF, "").removeprefix("#") for each in old.iter())
    return {
        name: each
        for each in old.iter()
        if (name := each.get("id", "")) and each.get("d") and uses[name] == 1
    }


def _copy(old: Element, into: Element, symbols: Mapping[str, Element]) -> None:
    """Copy an element and all within, less what changes nothing that one sees."""
    name = old.tag.rpartition("}")[2]
    if name in {"metadata", "style", "title"} or (name == "path" and old.get("id") in symbols):
        return
    attributes = _attributes(old, name)
    symbol = symbols.get(attributes.get("href", "").removeprefix("#"))
    if symbol is not None:
        name, attributes = "path", _used(symbol, attributes)
    if _invisible(name, attributes):
        return
    if name == "g" and not attributes:
        for child in old:
            _copy(child, into, symbols)
        return
    new = SubElement(into, name, attributes)
    if name == "text":
        new.text = "".join(old.itertext())
        return
    for child in old:
        _copy(child, new, symbols)
    if name in {"g", "defs"} and not len(new):
        into.remove(new)


def _used(symbol: Element, use: dict[str, str]) -> dict[str, str]:
    """Return a symbol as a path of its own, at the place where it is used."""
    across, up = (float(use.pop(axis, "0")) for axis in "xy")
    moved = _moved(symbol.get("d", ""), across, up)
    own = _attributes(symbol, "path")
    own |= {"d": short_path(moved, 2 if "C" in moved else 1)}  # round marks are small
    del use["href"], own["id"]
    return use | own


def _moved(path: str, across: float, up: float) -> str:
    """Move a path: every second number is of the other axis."""
    return _STEP.sub(
        lambda step: step[1] + " ".join(
            repr(float(each) + (up if place % 2 else across))
            for place, each in enumerate(_PLAIN.findall(step[2]))
        ) + " ",
        path,
    )  # fmt: skip


def _invisible(name: str, attributes: dict[str, str]) -> bool:
    """Whether a path has neither an area nor a line; one that is named is a symbol, used later."""
    return (
        name == "path"
        and "id" not in attributes
        and attributes.get("fill") == "none"
        and "stroke" not in attributes
    )


def _attributes(element: Element, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    symbol = name == "path" and bool(element.get("id"))
    for key, value in element.attrib.items():
        if key == "style":
            found |= _styled(value)
        elif key == "id":
            if name not in {"g", "text"}:
                found["id"] = value
        elif key == _HREF:
            found["href"] = value
        elif key == "d":
            found["d"] = short_path(value, 2 if symbol else 1)
        elif key != "transform" or not _UPRIGHT.match(value):
            found[key] = _NUMBER.sub(lambda one: _short(one[0]), value)
    return found


def _styled(style: str) -> dict[str, str]:
    """Return a style as attributes; what is drawn the same without is left out."""
    pairs = (part.partition(":") for part in style.split(";") if part.strip())
    values = {name.strip(): value.strip() for name, _, value in pairs}
    values.pop("font-family", None)
    values["font-size"] = values.get("font-size", "").removesuffix("px")
    if values.get("text-anchor") == "start":
        del values["text-anchor"]
    return {
        name: _NUMBER.sub(lambda one: _short(one[0]), value)
        for name, value in values.items()
        if value and _USUAL.get(name) != value
    }


def _short(number: str, digits: int = 1) -> str:
    text = f"{float(number):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def short_path(text: str, digits: int) -> str:
    """Write a path with few digits, and a letter only where the kind of step changes."""
    steps: list[str] = []
    following = ""  # what numbers without a letter would mean
    for step in _STEP.finditer(_straight(text, digits)):
        kind = step[1].upper()
        numbers = " ".join(_short(each, digits) for each in _PLAIN.findall(step[2]))
        steps.append(f" {numbers}" if kind == following else kind + numbers)
        following = "L" if kind == "M" else kind
    return "".join(steps)


def _straight(text: str, digits: int) -> str:
    """Leave out the points in the middle of lines that run straight across, or straight up."""
    steps = [(step[1], _PLAIN.findall(step[2]), step[0]) for step in _STEP.finditer(text)]
    kept: list[tuple[str, tuple[float, ...], str]] = []
    for kind, numbers, written in steps:
        point = tuple(round(float(each), digits) for each in numbers)
        if kind == "L" and len(kept) > 1 and kept[-1][0] == "L" and kept[-2][0] in "ML":
            before, middle = kept[-2][1], kept[-1][1]
            if any(
                before[axis] == middle[axis] == point[axis]
                and sorted((before[other], middle[other], point[other]))[1] == middle[other]
                for axis, other in ((0, 1), (1, 0))
            ):
                kept.pop()
        kept.append((kind, point, written))
    return "".join(written for _, _, written in kept)


def _texts_last(root: Element) -> None:
    """Draw texts over all else, and say the size that most of them have once."""
    sizes = Counter(each.attrib["font-size"] for each in root.iter("text"))
    if sizes:
        (usual, _), *_ = sizes.most_common(1)
        root.set("font-size", usual)
        for each in root.iter("text"):
            if each.get("font-size") == usual:
                del each.attrib["font-size"]
    for text in [each for each in root if each.tag == "text"]:
        root.remove(text)
        root.append(text)


def _gather(parent: Element) -> None:
    """Say once, in a group, what several elements in a row say alike."""
    children = list(parent)
    for child in children:
        parent.remove(child)
        _gather(child)
    for alike, run in groupby(children, _alike):
        row = list(run)
        if len(row) < 3 or not alike or row[0].tag in {"defs", "g", "clipPath"}:
            parent.extend(row)
            continue
        group = SubElement(parent, "g", dict(alike))
        for child in row:
            for name, _ in alike:
                del child.attrib[name]
            group.append(child)
    _clip_once(parent)


def _clip_once(parent: Element) -> None:
    """Clip elements in a row once, in a group, where they are clipped alike.

    A clip takes more bytes and more time to print than most of what it clips.
    """
    for clip, run in groupby(list(parent), _clip):
        row = list(run)
        if not clip or len(row) < 2:
            continue
        group = Element("g", {"clip-path": clip})
        parent.insert(list(parent).index(row[0]), group)
        for child in row:
            parent.remove(child)
            del child.attrib["clip-path"]
            if child.tag == "g" and not child.attrib:
                group.extend(child)
            else:
                group.append(child)


def _clip(element: Element) -> str:
    """Return what an element is clipped by; within its own coordinates it is another clip."""
    return "" if "transform" in element.attrib else element.get("clip-path", "")


def _alike(element: Element) -> tuple[tuple[str, str], ...]:
    return tuple((name, element.attrib[name]) for name in _SHARED if name in element.attrib)


def _rename(root: Element, key: str) -> None:
    """Give what is referred to short names, which begin with the figure's own key."""
    names: dict[str, str] = {}
    for element in root.iter():
        if "id" in element.attrib:
            names.setdefault(element.attrib["id"], f"{key}{len(names)}")
    for element in root.iter():
        for attribute, value in element.attrib.items():
            if attribute == "id":
                element.set(attribute, names[value])
            elif attribute == "href":
                element.set(attribute, "#" + names[value.removeprefix("#")])
            elif (link := _LINK.fullmatch(value)) is not None:
                element.set(attribute, f"url(#{names[link[1]]})")


def _tell(root: Element, hints: Sequence[Hint]) -> None:
    group = SubElement(root, "g", {"class": "hints", "fill": "none", "pointer-events": "all"})
    for across, down, text in hints:
        mark = SubElement(group, "circle", cx=f"{across:.1f}", cy=f"{down:.1f}")
        SubElement(mark, "title").text = visible(text)


def _name(root: Element, key: str, title: str, description: str) -> None:
    names = [Element("title", id=f"{key}t"), Element("desc", id=f"{key}d")]
    names[0].text, names[1].text = title, description
    root.set("aria-labelledby", f"{key}t")
    root.set("aria-describedby", f"{key}d")
    for place, each in enumerate(names):
        root.insert(place, each)


def _key(text: str) -> str:
    """Return a name that begins with a letter, and that no other figure of a page has."""
    return "f" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:7]
