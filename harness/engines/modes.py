"""How trials of one program are trained: by which engine, how many at a time, in which layout."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.engines.kinds import ENGINES, EngineKind

Kind = str
"""The name of a kind of engine: one of ``KINDS``."""

KINDS: tuple[Kind, ...] = tuple(ENGINES)
"""The names of all kinds of engines, in the order in which modes are measured."""


@dataclass(frozen=True)
class Mode:
    """One way to train, which changes the rounding of a trial and nothing else.

    Attributes:
        kind: the name of its engine, one of ``KINDS``; ``"plain"`` is the loop that says what a
            trial means.
        models: trials at a time; 1 where the engine trains one alone.
        channels_last: whether images lie in memory with their channels last.
    """

    kind: Kind = "plain"
    models: int = 1
    channels_last: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ENGINES:
            raise ValueError(f"no engine is called {self.kind!r}")

    @property
    def engine(self) -> EngineKind:
        """What there is to know of its kind of engine."""
        return ENGINES[self.kind]

    @property
    def slower(self) -> Mode | None:
        """What is taken where this cannot train a program; ``None`` where there is nothing."""
        if not (name := self.engine.slower):
            return None
        return Mode(name, self.models if ENGINES[name].together else 1)

    def of(self, trials: int) -> Mode:
        """Return this mode as so many trials trained in it, which decides how sums are rounded."""
        return self if self.engine.fills else replace(self, models=trials)

    def __str__(self) -> str:
        many = f", {self.models} at a time" if self.engine.together else ""
        return f"{self.kind}{many}" + (", channels last" if self.channels_last else "")

    @staticmethod
    def parse(text: str) -> Mode:
        """Read what ``str`` wrote."""
        kind, *rest = text.split(", ")
        models = next((int(each.split()[0]) for each in rest if each.endswith("at a time")), 1)
        return Mode(kind, models, "channels last" in rest)


PLAIN = Mode()


@dataclass(frozen=True)
class Timing:
    """How long one mode took.

    Attributes:
        mode: the mode.
        seconds: for one epoch of one trial with its validation.
        preparation: seconds before the first step, for compiling.
        loading: seconds that each process takes once for whatever it trains so.
    """

    mode: Mode
    seconds: float
    preparation: float
    loading: float = 0.0


@dataclass(frozen=True)
class Choice:
    """Which mode a program is trained in, and why.

    Attributes:
        mode: the mode.
        timings: what was measured, the plain loop first.
        note: what was not measured, and why; empty where all was.
        trials: how many were to be trained when it was measured.
        seconds: what measuring took.
    """

    mode: Mode
    timings: tuple[Timing, ...] = ()
    note: str = ""
    trials: int = 0
    seconds: float = 0.0

    @property
    def gain(self) -> float:
        """The time of the chosen mode over that of the plain loop; 1 where nothing was measured."""
        seconds = {each.mode: each.seconds for each in self.timings}
        if self.mode not in seconds or PLAIN not in seconds or not seconds[PLAIN]:
            return 1.0
        return seconds[self.mode] / seconds[PLAIN]

    def at(self, count: int, *, forced: bool = False) -> Mode:
        """Return the mode for so many trials at a time: fused steps hardly cost less for fewer.

        Args:
            count: how many there are.
            forced: whether the kind of mode is to stay, also where the plain loop is faster.
        """
        plain = [each for each in self.timings if each.mode.kind == PLAIN.kind]
        chosen = [each for each in self.timings if each.mode == self.mode]
        if not plain or not chosen or count >= self.mode.models:
            return self.mode
        best = min(plain, key=lambda each: each.seconds)
        together = min(
            (each for each in self.timings
             if each.mode.kind == self.mode.kind and each.mode.models >= count),
            key=lambda each: each.seconds * each.mode.models,
        )  # fmt: skip
        if not forced and count * best.seconds <= together.seconds * together.mode.models:
            return best.mode
        return together.mode

    def seconds_each(self, count: int, *, forced: bool = False) -> float:
        """Return the time of a trial's epoch where so many train at a time.

        Where it was not measured, each counts as 1, but for compiled code, which computes the
        places that stay empty, too.

        Args:
            count: how many there are.
            forced: whether the kind of mode is to stay, also where the plain loop is faster.
        """
        mode = self.at(count, forced=forced)
        known = [each.seconds for each in self.timings if each.mode == mode]
        if not mode.engine.together:
            return known[0] if known else 1.0
        if known or mode.engine.fills:
            return (known[0] if known else 1.0) * max(mode.models / count, 1.0)
        return 1.0
