"""What a person asks a gate for, read from the words of its command line."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.gate.building import python_of
from harness.gate.rounds import Measuring
from harness.gate.sampling import Bounds
from harness.gate.what import COMMAND
from harness.messages.errors import HarnessError

Kind = Literal["revisions", "folders", "environments", "commands", "files", "baseline", "save"]

USES = (
    "Write harness gate --base origin/main WHAT, or two folders, environments, commands (cmd:...) "
    "or .json files in the place of --base."
)


USUAL = Bounds(900.0)


@dataclass(frozen=True)
class Tiers:
    """What is judged.

    Attributes:
        exact: figures that are the same in every process.
        time: times.
        quality: what training ends with.
        instructions: instructions under valgrind.
    """

    exact: bool = True
    time: bool = True
    quality: bool = False
    instructions: bool = False


@dataclass(frozen=True)
class Asked:
    """What a gate is to do.

    Attributes:
        kind: what is compared.
        base: one side, as it was typed; empty where the code here is compared with a file.
        head: the other; empty for the working tree.
        whats: what is measured, as it was typed.
        here: whether this interpreter's packages are used.
        extras: the project's optional dependencies.
        packages: further packages.
        measuring: how benchmarks are measured.
        bounds: the budget, and the rule's two lines.
        tiers: what is judged.
        only: patterns of benchmarks and figures that are judged; empty for all.
        seeds: seeds of quality; ``None`` for those of the study's scale.
        margin: how much worse quality may be; ``None`` for the study's own margin.
        file: of a baseline.
        shadow: whether it answers without blocking.
        waivers: the file of waivers; ``None`` where none was named.
        history: the history's file; ``None`` for none.
        out: the output folder; ``None`` for the usual one.
        index: that of all reports, which is written anew; ``None`` for none.
    """

    kind: Kind
    base: str = ""
    head: str = ""
    whats: tuple[str, ...] = ()
    here: bool = False
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    measuring: Measuring = field(default_factory=Measuring)
    bounds: Bounds = USUAL
    tiers: Tiers = Tiers()
    only: tuple[str, ...] = ()
    seeds: int | None = None
    margin: float | None = None
    file: Path | None = None
    shadow: bool = False
    waivers: Path | None = None
    history: Path | None = None
    out: Path | None = None
    index: Path | None = None

    @property
    def own(self) -> tuple[Path, ...]:
        """Files that gates write: no change of what is measured."""
        return tuple(each for each in (self.history, self.file, self.index) if each is not None)


def sides_in(
    words: Sequence[str], base: str, head: str, baseline: Path | None, save: Path | None
) -> tuple[Kind, str, str, tuple[str, ...]]:
    """Tell what is compared from what is measured.

    Args:
        words: the arguments, as they were typed.
        base: ``--base``; empty where it was not given.
        head: ``--head``; the same.
        baseline: ``--baseline``.
        save: ``--save``.

    Returns:
        The kind, both sides, and what is measured.

    Raises:
        HarnessError: it names nothing to compare or to measure, or two ways at once.
    """
    given = {"--base": bool(base), "--baseline": baseline is not None, "--save": save is not None}
    ways = [name for name, there in given.items() if there]
    if len(ways) > 1:
        raise HarnessError("a gate must compare in one way", " and ".join(ways), "Leave one out.")
    if head and not base:
        raise HarnessError("--head must stand beside --base", f"--head {head} alone", USES)
    if ways:
        if not words:
            raise HarnessError("a gate must be told what to measure", "nothing", _WHAT)
        if len(words) > 2 and all(_one(word) in {"folders", "environments"} for word in words[:2]):
            raise HarnessError(
                f"{ways[0]} must stand without folders or environments to compare",
                shlex.join(words[:2]),
                f"{_INSTEAD[ways[0]]} Behind it comes what is measured.",
            )
        kinds: dict[str, Kind] = {"--base": "revisions", "--baseline": "baseline", "--save": "save"}
        return kinds[ways[0]], base, head, tuple(words)
    if len(words) < 2:
        raise HarnessError(
            "a gate must be told what to compare", shlex.join(words) or "nothing", USES
        )
    first, second, *rest = words
    kind = _kind(first, second)
    if kind in {"commands", "files"} and rest:
        raise HarnessError(f"two {kind} must stand alone", shlex.join(rest), "Leave it out.")
    if kind not in {"commands", "files"} and not rest:
        raise HarnessError("a gate must be told what to measure", f"two {kind} alone", _WHAT)
    return kind, first, second, tuple(rest)


_INSTEAD = {
    "--base": "It names one revision, and the other is the working tree, or --head.",
    "--baseline": "It compares the code of the folder that you are in with a file.",
    "--save": "It saves figures of the code of the folder that you are in.",
}

_WHAT = (
    "Name a study (bench/study.py), tests of pytest-benchmark (tests/bench_x.py::test_y), "
    "module:function, or a command (cmd:python train.py)."
)


def _kind(first: str, second: str) -> Kind:
    """Tell what two words are.

    Raises:
        HarnessError: they are of different kinds, or not two sides at all.
    """
    kinds = [_one(each) for each in (first, second)]
    if {*kinds} == {"folders", "files"}:
        kinds = ["files", "files"]  # a folder of files beside one file
    if kinds[0] != kinds[1] or not kinds[0]:
        told = [f"{word} ({kind or 'none of these'})"
                for word, kind in zip((first, second), kinds, strict=True)]  # fmt: skip
        raise HarnessError(
            "without --base the first two words must be both sides: two folders, two "
            "environments, two commands, or files of pytest-benchmark",
            " and ".join(told),
            USES,
        )
    return kinds[0]


def _one(word: str) -> Kind | Literal[""]:
    place = Path(word)
    if word.startswith(COMMAND):
        return "commands"
    if word.endswith(".json") or ("," in word and not place.exists()):
        return "files"
    if python_of(place).is_file() or (place.is_file() and place.name.startswith("python")):
        return "environments"
    if place.is_dir():
        holds = next(place.glob("*.json"), None) is not None
        code = next(place.rglob("*.py"), None) is not None
        return "files" if holds and not code else "folders"
    return ""


def tiers_of(
    *, only_exact: bool, only_time: bool, only_quality: bool, quality: bool, instructions: bool
) -> Tiers:
    """Return what is judged.

    Raises:
        HarnessError: two of the options exclude each other.
    """
    given = {"--only-exact": only_exact, "--only-time": only_time, "--only-quality": only_quality,
             "--quality": quality, "--instructions": instructions}  # fmt: skip
    alone = [name for name, there in given.items() if there and name.startswith("--only")]
    beside = {"--only-exact": {"--quality"}, "--only-time": {"--quality", "--instructions"},
              "--only-quality": {"--instructions"}}  # fmt: skip
    others = [name for name, there in given.items() if alone and there and name in beside[alone[0]]]
    if len(alone) > 1 or others:
        raise HarnessError("--only-exact, --only-time and --only-quality stand for themselves",
                           " and ".join([*alone, *others]), "Leave one out.")  # fmt: skip
    return Tiers(
        not (only_time or only_quality), not (only_exact or only_quality), quality or only_quality,
        instructions,
    )  # fmt: skip


def check(asked: Asked) -> None:
    """Check options against each other.

    Raises:
        HarnessError: one is out of its range, or two of them exclude each other.
    """
    bounds, tiers, measuring = asked.bounds, asked.tiers, asked.measuring
    if not 0 < bounds.budget < math.inf:
        raise HarnessError("--budget must be minutes above 0", f"{bounds.budget / 60:g}",
                           "Write --budget 15.")  # fmt: skip
    if not 0 <= bounds.fails_from < bounds.passes_below < math.inf:
        raise HarnessError(
            "--fails-from must be below --passes-below",
            f"{100 * bounds.fails_from:g} and {100 * bounds.passes_below:g}",
            "5 and 10 are what stated error rates are for.",
        )
    if not 0.3 <= measuring.seconds < math.inf:
        raise HarnessError("--seconds must be 0.3 or more", f"{measuring.seconds:g}",
                           "Shorter blocks are mostly noise.")  # fmt: skip
    if asked.here and asked.kind not in {"revisions", "folders"}:
        raise HarnessError("--here must stand beside revisions or folders", asked.kind,
                           "Leave it out.")  # fmt: skip
    if (asked.seeds is not None or asked.margin is not None) and not tiers.quality:
        raise HarnessError("--seeds and --margin must stand beside --quality", "without",
                           "Add --quality.")  # fmt: skip
    if asked.kind == "files" and (tiers != Tiers() or bounds != USUAL or measuring != Measuring()):
        raise HarnessError(
            "files of pytest-benchmark are judged as they are", "options for measuring",
            "Leave --only-..., --quality, --instructions, --budget and the lines of the rule out.",
        )  # fmt: skip
    exact_alone = asked.kind in {"baseline", "save"}
    if exact_alone and (tiers.quality or not tiers.exact):
        raise HarnessError(
            "a stored baseline holds exact figures alone", "another --only, or --quality",
            "Times and quality are compared by --base, on one machine in one run.",
        )  # fmt: skip
