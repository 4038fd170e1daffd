"""What a search varies: its settings, some of them in use only under conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from harness.messages import checks
from harness.messages.errors import HarnessError, near
from harness.messages.levels import own
from harness.study.settings import (
    Choice,
    Float,
    Int,
    Setting,
    Settings,
    Value,
    condition,
    same,
    several,
    values_of,
)


class Space:
    """The settings of a search, checked together, those that others depend on first.

    Args:
        settings: as declared.

    Attributes:
        settings: in an order in which each comes after those that its condition names.

    Raises:
        HarnessError: names are not unique, a condition names no other setting or none of its
            values, or conditions go round in a circle.

    Example:
        >>> from harness import Choice, Float
        >>> from harness.study.space import Space
        >>> space = Space(
        ...     (Float("momentum", 0.0, 0.9, when={"way": "sgd"}), Choice("way", ("adam", "sgd")))
        ... )
        >>> space.defaults
        {'way': 'adam'}
        >>> space.arguments({"way": "adam"})
        {'way': 'adam', 'momentum': None}
        >>> space.completed({"way": "sgd"})
        {'way': 'sgd', 'momentum': 0.45}
    """

    def __init__(self, settings: Sequence[Setting]) -> None:
        names = [each.name for each in settings]
        for name in names:
            if names.count(name) > 1:
                raise HarnessError(
                    "the settings of a space must have different names",
                    f"{name!r} twice",
                    "Rename one of them.",
                )
        self._declared = {each.name: each for each in settings}
        for each in settings:
            self._check(each)
        self.settings = tuple(self._ordered())

    def _check(self, setting: Setting) -> None:
        for name, wanted in setting.when.items():
            if name not in self._declared or name == setting.name:
                raise HarnessError(
                    f"the condition of {setting.name!r} must name another setting of the space",
                    repr(name),
                    near(name, [one for one in self._declared if one != setting.name]),
                )
            if isinstance(self._declared[name], Float):
                raise HarnessError(
                    f"the condition of {setting.name!r} must name a Choice or an Int",
                    f"{name!r}, a Float, which has hardly ever just that value",
                    "Write when={'optimizer': 'sgd'}, say.",
                )
            for value in several(wanted):
                self.taken(name, value)

    def _ordered(self) -> Iterator[Setting]:
        left = dict(self._declared)
        while left:
            free = [each for each in left.values() if not left.keys() & each.when.keys()]
            if not free:
                raise HarnessError(
                    "conditions of settings must not go round in a circle",
                    ", ".join(
                        f"{each.name} by {' and '.join(each.when)}" for each in left.values()
                    ),
                    "Leave out one of these when=.",
                )
            for each in free:
                yield left.pop(each.name)

    def __iter__(self) -> Iterator[Setting]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def __getitem__(self, name: str) -> Setting:
        """Find a setting by name.

        Raises:
            HarnessError: there is none of that name.
        """
        if name not in self._declared:
            raise HarnessError(
                "a setting must be one of the space", repr(name), near(name, self._declared)
            )
        return self._declared[name]

    @property
    def conditional(self) -> bool:
        """Whether a setting is in use only under a condition."""
        return any(each.when for each in self.settings)

    @property
    def points(self) -> int | None:
        """How many settings it has in all; ``None`` where a number can be any between two ends."""
        if any(isinstance(each, Float) for each in self.settings):
            return None
        return sum(1 for _ in self.grid())

    def grid(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of values, each once; a space of Ints and Choices has one."""
        yield from self._grid({}, self.settings)

    def _grid(self, begun: dict[str, Value], left: Sequence[Setting]) -> Iterator[dict[str, Value]]:
        if not left:
            yield begun
            return
        first, *rest = left
        if not self.in_use(first, begun):
            yield from self._grid(begun, rest)
            return
        for value in values_of(first):
            yield from self._grid({**begun, first.name: value}, rest)

    def in_use(self, setting: Setting, values: Settings) -> bool:
        """Whether a setting is in use beside the values of those that its condition names."""
        return all(
            name in values
            and any(same(values[name], self.taken(name, one)) for one in several(wanted))
            for name, wanted in setting.when.items()
        )

    @cached_property
    def defaults(self) -> dict[str, Value]:
        """The default of each setting that is in use beside the others' defaults."""
        return self.completed({})

    def completed(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Return settings with the defaults of those that are not given, in the space's order.

        Args:
            given: values by name, of options by value or name.

        Raises:
            HarnessError: a name or a value is not in the space, or a setting is not in use.
        """
        for name in given:
            _ = self[name]
        out: dict[str, Value] = {}
        for each in self.settings:
            if self.in_use(each, out):
                out[each.name] = (
                    self.taken(each.name, given[each.name]) if each.name in given else each.start
                )
            elif given.get(each.name) is not None:
                raise HarnessError(
                    f"{each.name!r} must be given only where it is in use: {condition(each)}",
                    f"{each.name} = {given[each.name]!r}",
                    "Leave it out.",
                )
        return out

    def with_value(self, name: str, value: Value) -> dict[str, Value]:
        """Return the defaults but for one setting, with values of others that bring it into use."""
        given: dict[str, Value] = {name: value}
        for child in reversed(self.settings):  # those that others depend on come first in the space
            if child.name in given:
                for parent, wanted in child.when.items():
                    given.setdefault(parent, self.taken(parent, several(wanted)[0]))
        return self.completed(given)

    def taken(self, name: str, value: Any) -> Value:
        """Return a value of a setting as it is kept.

        Raises:
            HarnessError: it is none of its values.
        """
        setting = self[name]
        if isinstance(setting, Choice):
            return setting.option(value)
        found = own(value)
        right = checks.is_number(found) and setting.low <= found <= setting.high
        if right and isinstance(setting, Int):
            right = float(found).is_integer() and (int(found) - setting.low) % setting.step == 0
            found = int(found) if right else found
        if not right:
            raise HarnessError(
                f"a value of {name!r} must lie in its space, {setting.low} to {setting.high}"
                + (f" by {setting.step}" if isinstance(setting, Int) and setting.step > 1 else ""),
                repr(value),
                "Take another value, or widen the space.",
            )
        kept: Value = float(found) if isinstance(setting, Float) else found
        return kept

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """Return what the user's function is called with: options themselves, else ``None``."""
        out: dict[str, Any] = {}
        for each in self.settings:
            value: Any = settings.get(each.name)
            if isinstance(each, Choice) and each.name in settings:
                value = each.value(settings[each.name])
            out[each.name] = value
        return out
