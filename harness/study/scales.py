"""How big to run a study."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from harness.messages import checks
from harness.messages.errors import HarnessError, near
from harness.messages.levels import own


class Scale:
    """How big to run a study; other settings that ``build`` needs can have any name.

    ``Scale(data=digits(), width=8, epochs=15, seeds=5)`` also has the attributes ``data``,
    ``width`` and ``epochs``.

    Attributes:
        seeds: evaluation seeds per arm: 5, the fewest for a verdict, unless given.
        levels: which levels of a factor to keep at this scale; by default all.
        tuning: trials of each arm's tuning at this scale; by default what ``Tuned`` says. Of a
            Search, trials in all.
        settings: all other settings.

    Example:
        >>> from harness import Scale
        >>> quick = Scale(epochs=10, seeds=5, levels={"depth": (8, 20)}, tuning=4)
        >>> quick.epochs
        10
        >>> quick.levels
        {'depth': (8, 20)}
    """

    __slots__ = ("levels", "seeds", "settings", "tuning")

    seeds: int
    levels: Mapping[str, tuple[Any, ...]]
    tuning: int | None
    settings: Mapping[str, Any]

    def __init__(
        self,
        *,
        seeds: int = 5,
        levels: Mapping[str, Sequence[Any]] | None = None,
        tuning: int | None = None,
        **settings: Any,
    ) -> None:
        seeds = checks.whole("Scale", "seeds", seeds, 5)
        if tuning is not None:
            tuning = checks.whole("Scale", "tuning", tuning, 5)
        for name, values in (levels or {}).items():
            if not isinstance(values, tuple | list) or not values:
                raise HarnessError(
                    "Scale(levels=...) must keep at least one level of each factor that it names",
                    f"{name!r}: {values!r}",
                    f"Write levels={{{name!r}: (first, second)}}.",
                )
        kept = {name: tuple(own(list(values))) for name, values in (levels or {}).items()}
        for name, value in (
            ("seeds", seeds), ("levels", kept), ("tuning", tuning), ("settings", own(settings)),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to {name!r} of a Scale")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in Scale.__slots__:
            raise AttributeError(name)
        return _setting(self.settings, name, "build")

    @property
    def only_settings(self) -> Settings:
        """Its settings alone, for a function whose result must not depend on the rest."""
        return Settings(self.settings)

    @property
    def without_tuning(self) -> Scale:
        """The same, but that it says nothing of how many settings are tried."""
        return Scale(seeds=self.seeds, levels=self.levels, **self.settings)

    def __reduce__(self) -> tuple[Any, tuple[()]]:  # copies and pickles are made, not assigned to
        given: dict[str, Any] = {"seeds": self.seeds, "levels": self.levels, "tuning": self.tuning}
        return functools.partial(Scale, **(given | dict(self.settings))), ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"Scale(seeds={self.seeds}, {shown})"


class Settings:
    """The settings of a :class:`Scale` as attributes, without its seeds, levels and tuning.

    Args:
        settings: values by name.
    """

    __slots__ = ("_values",)

    def __init__(self, settings: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(settings))

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to {name!r} of a Scale")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _setting(self._values, name, "train")

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def _setting(settings: Mapping[str, Any], name: str, function: str) -> Any:
    if name not in settings:
        raise HarnessError(
            f"{function} must use settings that every Scale gives",
            f"scale.{name}",
            f"Write Scale({name}=..., ...). " + near(name, settings),
        )
    return settings[name]
