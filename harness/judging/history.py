"""When each claim was declared, and how it was changed since: as values, and in sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.judging.registrations import (
    Change,
    Registration,
    changes,
    content,
    looks_changed,
    reworded,
)
from harness.study.formatting import day, plural

What = Literal["declared", "changed", "reworded", "added", "removed", "restored"]
Status = Literal["before any result", "changed", "added", "removed", "not known"]

AFTERWARDS: Mapping[What, Status] = {
    "changed": "changed", "restored": "changed", "added": "added", "removed": "removed",
}  # fmt: skip
"""What a claim is called where one of these came when there were results."""


@dataclass(frozen=True)
class Event:
    """One change of a claim: declared, changed, reworded, added, removed or put back.

    Attributes:
        what: ``"declared"`` by the first declaration that was kept, ``"added"`` by a later one.
        time: when, ISO 8601, UTC.
        results: how many results of its arms, as they were or as they became, there were.
        changes: what it said before, and says since.
        back: whether all of it had been so once before.
        fresh: whether nothing that is judged now had begun by then.
    """

    what: What
    time: str
    results: int
    changes: tuple[Change, ...] = ()
    back: bool = False
    fresh: bool = False

    @property
    def late(self) -> bool:
        """Whether it came after results, and changed more than words."""
        return self.results > 0 and self.what in AFTERWARDS


@dataclass(frozen=True)
class Declared:
    """The history of one claim.

    Attributes:
        text: its sentence, as it was last.
        kind: its kind.
        metric: its metric's name.
        by: its margin.
        primary: whether it was ever primary.
        of: what is counted of its arms: ``"result"``, ``"round of timing"`` or ``"profile"``.
        events: what became of it, in order; empty where nothing was kept.
    """

    text: str
    kind: str = ""
    metric: str = ""
    by: float = 0.0
    primary: bool = True
    of: str = "result"
    events: tuple[Event, ...] = ()

    @property
    def late(self) -> tuple[Event, ...]:
        """The changes that came after results."""
        return tuple(event for event in self.events if event.late)

    @property
    def status(self) -> Status:
        """What a report calls it: the gravest of what came after results, where anything did."""
        late = {AFTERWARDS[event.what] for event in self.late}
        for status in ("removed", "added", "changed"):
            if status in late and (status != "removed" or self.events[-1].what == "removed"):
                return status
        if late:
            return "changed"  # removed, and put back
        return "not known" if not self.events or self.events[0].results else "before any result"

    @property
    def since(self) -> str:
        """When it became what it is, ISO 8601, UTC; empty where that is not known."""
        told = [event for event in self.events if event.what != "reworded"]
        return told[-1].time if told and self.status != "not known" else ""

    def sentence(self) -> str:
        """Say when it was declared, and what became of it since."""
        late, status = self.late, self.status
        if not self.events:
            said = "not known when it was declared: no declaration was kept"
        elif status == "not known":
            first = self.events[0]
            said = (
                f"not known when it was declared: {self._count(first.results)} of its arms "
                f"{'was' if first.results == 1 else 'were'} there when it was first kept, on "
                f"{day(first.time)}"
            )
        elif not late:
            said = f"declared before any {self.of} of its arms, on {day(self.since)}"
        else:
            said = "; ".join(self._late(event) for event in late)
        words = [event for event in self.events if event.what == "reworded" and event.results]
        for event in words:
            said += f"; reworded after {self._count(event.results)}, on {day(event.time)}: " + (
                ", ".join(map(str, event.changes))
            )
        return said

    def short(self) -> str:
        """Say the same in a few words, without the date and what was changed."""
        if self.status == "before any result":
            return f"declared before any {self.of}"
        if self.status == "not known":
            return "not known when declared"
        return f"{self.status} after {self._count(self.late[-1].results)}"

    def _late(self, event: Event) -> str:
        what = {"restored": "put back"}.get(event.what, event.what)
        if event.what == "changed" and event.back:
            what = "changed back"
        none = ", of which none is judged here" if event.fresh else ""
        said = f"{what} after {self._count(event.results)} of its arms{none}, on {day(event.time)}"
        return said + (": " + ", ".join(map(str, event.changes)) if event.changes else "")

    def _count(self, number: int) -> str:
        noun, _, rest = self.of.partition(" ")
        return plural(number, noun) + " " * bool(rest) + rest


@dataclass(frozen=True)
class History:
    """The history of all claims of a study at one scale.

    Attributes:
        claims: one for each claim that is declared now, in order.
        removed: those that are declared no more, and of which there were results when they went.
        looks: what was changed of the study's looks, or of its error rate α.
    """

    claims: tuple[Declared, ...] = ()
    removed: tuple[Declared, ...] = ()
    looks: tuple[Event, ...] = ()

    def of(self, place: int) -> Declared:
        """Return the history of a claim by its place; one without events where none is kept."""
        return self.claims[place] if place < len(self.claims) else Declared("")

    def caution(self) -> str:
        """Say, in one sentence, what of the primary claims was settled when results were there."""
        late = [event for each in (*self.claims, *self.removed) for event in each.late]
        parts = []
        for status in ("changed", "added"):
            places = [
                place
                for place, claim in enumerate(self.claims, 1)
                if claim.primary and claim.status == status
            ]
            if places:
                many = len(places) > 1
                numbers = " and ".join(
                    [", ".join(map(str, places[:-1])), str(places[-1])]
                    if many
                    else [str(places[0])]
                )
                parts.append(f"claim{'s' * many} {numbers} {'were' if many else 'was'} {status}")
        gone = sum(each.primary for each in self.removed)
        if gone:
            parts.append(f"{gone} primary claim{'s were' if gone > 1 else ' was'} removed")
        looks = [event for event in self.looks if event.late]
        parts += [
            f"{change.what} changed from {change.before} to {change.after}"
            for event in looks
            for change in event.changes
        ]
        if not parts:
            return ""
        said = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
        if all(event.fresh for event in (*late, *looks)):
            said += " (of those results, none is judged here)"
        return (
            f"After results were seen, {said}: the error rates stated hold for claims that were "
            "declared before."
        )


@dataclass
class _Thread:
    """One claim, followed from declaration to declaration.

    Attributes:
        last: how it was declared last.
        place: its position then.
        primary: whether it ever was primary.
        alive: whether it is declared still.
        events: what became of it, each with how many trials there were in the store's study.
        contents: what it has said.
    """

    last: Mapping[str, Any]
    place: int
    primary: bool
    alive: bool
    events: list[tuple[Event, int | None]]
    contents: set[str]


def history(registrations: Sequence[Registration], judged: Sequence[int | None] = ()) -> History:
    """Follow every claim through all declarations, oldest first; the last is that of now.

    Claims are the same where they say the same; where none does, that of the same sentence; else
    one on the same metric and sides, or, in the same position, on one of both. What is left was
    added or removed.

    Args:
        registrations: in order.
        judged: for each claim of now, the lowest number of the trials that it is judged on.
    """
    threads: list[_Thread] = []
    looks: list[Event] = []
    own: list[_Thread] = []
    for number, registration in enumerate(registrations):
        own = _follow(threads, registration, first=number == 0)
        changed = looks_changed(registrations[max(number - 1, 0)].looks, registration.looks)
        if changed:
            looks.append(Event("changed", registration.time, registration.results, changed))
    lowest = [judged[place] if place < len(judged) else None for place in range(len(own))]
    claims = [_closed(thread, first) for thread, first in zip(own, lowest, strict=True)]
    gone = [_closed(thread, None) for thread in threads if not thread.alive]
    return History(
        tuple(claims), tuple(thread for thread in gone if thread.events[-1].late), tuple(looks)
    )


def _closed(thread: _Thread, lowest: int | None) -> Declared:
    def fresh(trials: int | None) -> bool:
        return lowest is not None and trials is not None and lowest >= trials

    last = thread.last
    return Declared(
        text=last["text"],
        kind=last["kind"],
        metric=last["metric"],
        by=last["by"],
        primary=thread.primary,
        of=last["of"],
        events=tuple(
            dataclasses.replace(event, fresh=fresh(trials)) for event, trials in thread.events
        ),
    )


def _follow(threads: list[_Thread], registration: Registration, *, first: bool) -> list[_Thread]:
    """Take in one declaration; return the thread of each of its claims."""
    matched = _matched(threads, registration.claims)
    time, trials = registration.time, registration.trials if registration.here else None
    own: list[_Thread] = []
    for place, claim in enumerate(registration.claims):
        if place not in matched:
            what: What = "declared" if first else "added"
            event = Event(what, time, claim["results"])
            thread = _Thread(
                claim, place, claim["primary"], True, [(event, trials)], {content(claim)}
            )
            threads.append(thread)
        else:
            thread = matched[place]
            # of the arms that it was about, or those that it is about since
            results = max(claim["results"], registration.before.get(content(thread.last), 0))
            changed = changes(thread.last, claim)
            back = content(claim) in thread.contents
            if changed or not thread.alive:
                what = "changed" if thread.alive else "restored"
                thread.events.append((Event(what, time, results, changed, back), trials))
            if words := reworded(thread.last, claim):
                thread.events.append((Event("reworded", time, results, words), trials))
            thread.last, thread.place, thread.alive = claim, place, True
            thread.primary = thread.primary or claim["primary"]
            thread.contents.add(content(claim))
        own.append(thread)
    for thread in threads:
        if thread.alive and not any(thread is each for each in own):
            results = registration.before.get(content(thread.last), thread.last["results"])
            thread.events.append((Event("removed", time, results), trials))
            thread.alive = False
    return own


def _matched(threads: Sequence[_Thread], claims: Sequence[Mapping[str, Any]]) -> dict[int, _Thread]:
    """Return the threads of claims by their place, where there is one: the nearest that fits best.

    Those that are declared still are tried before those that were removed.
    """

    def same(old: _Thread, claim: Mapping[str, Any], *names: str) -> bool:
        return all(old.last[name] == claim[name] for name in names)

    def says(old: _Thread, claim: Mapping[str, Any]) -> bool:
        return content(old.last) == content(claim)

    def replaced(old: _Thread, place: int, claim: Mapping[str, Any]) -> bool:
        alike = same(old, claim, "metric") or same(old, claim, "sides")
        return old.alive and old.place == place and alike

    fits: tuple[Callable[[_Thread, int, Mapping[str, Any]], bool], ...] = (
        lambda old, _, claim: says(old, claim) and same(old, claim, "text"),
        lambda old, _, claim: says(old, claim),
        lambda old, _, claim: same(old, claim, "text"),
        lambda old, _, claim: same(old, claim, "metric", "sides"),
        replaced,
    )
    out: dict[int, _Thread] = {}
    for fit in fits:
        for alive in (True, False):
            for place, claim in enumerate(claims):
                taken = {id(thread) for thread in out.values()}
                fitting = [
                    old
                    for old in threads
                    if old.alive is alive and id(old) not in taken and fit(old, place, claim)
                ]
                if place not in out and fitting:
                    out[place] = min(fitting, key=lambda old: abs(old.place - place))
    return out
