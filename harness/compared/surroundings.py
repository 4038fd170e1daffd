"""Settings, code, data and environment of two runs: what differs between their trials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.compared.declared import Area, Compared, Difference, flat
from harness.compared.sides import Side
from harness.identity.code import KEYS
from harness.study.formatting import DASH, first_of, number_text
from harness.trials.records import Record

HARDWARE = ("device", "hardware", "threads", "system", "cpus", "cuda", "cudnn", "driver")
"""What of an environment is the machine's; the rest are versions, and how trials were trained."""

MOST_ARMS = 3
"""Arms that are named."""

Found = dict[tuple[str, str, str], list[str]]
"""The arms in which something differs, by what it is, and what it was before and after."""


def compare_trials(base: Side, other: Side, arms: Sequence[str]) -> list[Compared]:
    """Compare what trials of two runs were made of and where they ran, as far as it is recorded.

    Of each arm the trial of the first seed tells what all are. Of a function or a command of the
    user's own it is recorded what it was given and what its code was, of results of others nothing.

    Args:
        base: one run.
        other: the other one.
        arms: the names of arms that both have.
    """
    pairs = [
        (arm, one, two)
        for arm in arms
        if (one := base.sample(arm)) is not None and (two := other.sample(arm)) is not None
    ]
    chosen = _chosen(base, other, arms)
    settings, data = _trainings(pairs, chosen, _of_scale(base, other))
    count = len(pairs)
    out = []
    recorded = [(arm, *both) for arm, *both in pairs if all(each.training for each in both)]
    if recorded:
        out.append(Compared("settings of trainings", tuple(_listed("settings", settings, count))))
    known = base.results.data or other.results.data or base.declaration.source == "build"
    if known or data:
        out.append(Compared("data", (*_told(base, other), *_listed("data", data, count))))
    if any(one.code and two.code for _, one, two in pairs):
        out.append(Compared("code", tuple(_code(pairs))))
    environment = list(_environment(base, other))
    if any(_places(side) for side in (base, other)):
        for area in ("environment", "hardware"):
            own = tuple(each for each in environment if each.area == area)
            out.append(Compared(area, own))
    if chosen or base.results.tuning or other.results.tuning:
        out.append(
            Compared("settings that tuning chose", tuple(_listed("settings", chosen, count)))
        )
    revisions = [side.results.provenance.revision or DASH for side in (base, other)]
    if set(revisions) != {DASH}:
        own = ()
        if revisions[0] != revisions[1]:
            own = (Difference("revision", "revision of the study's folder", *revisions),)
        out.append(Compared("revision", own))
    return out


def unrecorded(base: Side, other: Side) -> Iterator[str]:
    """Yield sentences on what is not recorded, so that nobody knows whether it changed."""
    sides = (base, other)
    others = [side.label for side in sides if side.declaration.source == "results"]
    own = [side.label for side in sides if side.declaration.source in {"train", "command"}]
    mute = [
        side.label
        for side in sides
        if side.label not in others and not any(one.code for one in side.trials.values())
    ]
    nowhere = [
        side.label
        for side in sides
        if side.label not in others and not side.results.provenance.revision
    ]
    if others:
        yield f"Results of {_and(others)} were made by others: of their code nothing is known."
    if mute:
        yield f"It is not recorded what code the trials of {_and(mute)} rest on."
    if own:
        yield (
            f"It is not recorded what data the trials of {_and(own)} read: of a user's own code "
            "only what it is given is known, and its text."
        )
    if nowhere:
        yield f"{_and(nowhere)} ran outside of a folder that git knows, so without a revision."


def _and(labels: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(labels))


def _listed(area: Area, found: Found, arms: int) -> Iterator[Difference]:
    for (what, before, after), names in found.items():
        where = "" if len(names) == arms else first_of(names, MOST_ARMS, "; ")
        yield Difference(area, what, before, after, where)


# ---- settings and data --------------------------------------------------------------------------


def _chosen(base: Side, other: Side, arms: Sequence[str]) -> Found:
    """Return what tuning chose otherwise."""
    before, after = (
        {(each.arm, each.setting): number_text(each.chosen) for each in side.results.tuning}
        for side in (base, other)
    )
    out: Found = {}
    for arm, setting in dict.fromkeys((*before, *after)):
        old, new = before.get((arm, setting), DASH), after.get((arm, setting), DASH)
        if arm in arms and old != new:
            out.setdefault((f"{setting} chosen by tuning", old, new), []).append(arm)
    return out


def _trainings(
    pairs: Iterable[tuple[str, Record, Record]],
    chosen: Found,
    of_scale: frozenset[tuple[str, str, str]],
) -> tuple[Found, Found]:
    """Return what differs in the Trainings of each arm: settings, and data.

    What tuning chose otherwise is told by its own name already, and so is what the scale sets.
    """
    tuned = {(arm, old, new) for (_, old, new), arms in chosen.items() for arm in arms}
    settings: Found = {}
    data: Found = {}
    for arm, one, two in pairs:
        before, after = flat(one.training), flat(two.training)
        for path in dict.fromkeys((*before, *after)):
            old, new = before.get(path, DASH), after.get(path, DASH)
            if old == new or (arm, _short(old), _short(new)) in tuned:
                continue
            if (path.rpartition(".")[2], old, new) in of_scale:
                continue
            of_data = path == "data" or path.startswith("data.")
            found = data if of_data else settings
            found.setdefault((path, old, new), []).append(arm)
    return settings, data


def _of_scale(base: Side, other: Side) -> frozenset[tuple[str, str, str]]:
    """Return the settings of both scales that differ, each with what it is in either."""
    before, after = (side.declaration.settings for side in (base, other))
    return frozenset(
        (name, before.get(name, DASH), after.get(name, DASH)) for name in (*before, *after)
    )


def _short(text: str) -> str:
    try:
        return number_text(float(text))
    except ValueError:
        return text


def _told(base: Side, other: Side) -> Iterator[Difference]:
    before, after = base.results.data, other.results.data
    gone = [each for each in before if each not in after]
    new = [each for each in after if each not in before]
    if gone or new:
        yield Difference("data", "what was read", " ".join(gone) or DASH, " ".join(new) or DASH)


# ---- code ---------------------------------------------------------------------------------------


def _code(pairs: Sequence[tuple[str, Record, Record]]) -> Iterator[Difference]:
    versions = {(one.code.get(KEYS, "1"), two.code.get(KEYS, "1")) for _, one, two in pairs}
    for before, after in sorted(versions):
        if before != after:  # they rest on code in different ways: nothing more can be said
            yield Difference("code", "version of keys", before, after)
            return
    found: Found = {}
    for arm, one, two in pairs:
        for name in sorted({*one.code, *two.code} - {KEYS}):
            old, new = one.code.get(name, DASH), two.code.get(name, DASH)
            if old != new:
                found.setdefault((name, old, new), []).append(arm)
    yield from _listed("code", found, len(pairs))


# ---- where they ran -----------------------------------------------------------------------------


def _places(side: Side) -> list[Mapping[str, str]]:
    return [record.env for record in side.trials.values() if record.env]


def _environment(base: Side, other: Side) -> Iterator[Difference]:
    before, after = _places(base), _places(other)
    if not before or not after:
        return
    names = dict.fromkeys(name for env in (*before, *after) for name in env)
    for name in names:
        if name == "mode_note":
            continue
        old, new = (_values(side, name) for side in (before, after))
        if old != new:
            area: Area = "hardware" if name in HARDWARE else "environment"
            yield Difference(area, TITLES.get(name, name), old, new)


TITLES = {"mode": "how trials were trained", "hardware": "processor", "cpus": "processors",
          "harness": "ablation-harness"}  # fmt: skip
"""What is not called by its own name."""


def _values(places: Iterable[Mapping[str, str]], name: str) -> str:
    """Return what an environment says in all trials; several where they differ."""
    return " or ".join(sorted({env.get(name, DASH) for env in places}))
