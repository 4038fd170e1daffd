"""The command that does a gate again."""

from __future__ import annotations

import shlex

from harness.gate.asked import USUAL, Asked
from harness.gate.outcome import Revision
from harness.gate.rounds import Measuring


def repeated(asked: Asked, base: Revision, head: Revision) -> str:
    """Return the command that does a gate again, with the commits that were compared.

    A working tree with changes is no commit: it is the head again, as it is then.
    """
    words = ["harness", "gate"]
    match asked.kind:
        case "revisions":
            words += ["--base", base.commit[:12]]
            words += ["--head", head.commit[:12]] if asked.head or head.commit else []
        case "baseline" | "save":
            words += [f"--{asked.kind}", str(asked.file)]
        case _:
            words += [asked.base, asked.head]
    words += asked.whats
    return shlex.join([*words, *_options(asked)])


def _options(asked: Asked) -> list[str]:
    usual, bounds = Measuring(), USUAL
    mine, tiers = asked.measuring, asked.tiers
    out = ["--here"] if asked.here else []
    for option, values in (("--extra", asked.extras), ("--with", asked.packages),
                           ("--only", asked.only)):  # fmt: skip
        out += [word for each in values for word in (option, each)]
    told: tuple[tuple[str, object, object], ...] = (
        ("--scale", mine.scale, usual.scale),
        ("--device", mine.device, usual.device),
        ("--threads", mine.threads, usual.threads),
        ("--seconds", _number(mine.seconds), _number(usual.seconds)),
        ("--budget", _number(asked.bounds.budget / 60), _number(bounds.budget / 60)),
        ("--fails-from", _number(100 * asked.bounds.fails_from), _number(100 * bounds.fails_from)),
        ("--passes-below", _number(100 * asked.bounds.passes_below),
         _number(100 * bounds.passes_below)),
        ("--seeds", asked.seeds, None),
        ("--margin", asked.margin, None),
        ("--waivers", asked.waivers, None),
        ("--history", asked.history, None),
        ("--out", asked.out, None),
    )  # fmt: skip
    out += [word for name, value, plain in told if value != plain for word in (name, str(value))]
    for name, there in (
        ("--only-exact", tiers.exact and not tiers.time),
        ("--only-time", tiers.time and not tiers.exact),
        ("--only-quality", not tiers.exact and not tiers.time),
        ("--quality", tiers.quality and (tiers.exact or tiers.time)),
        ("--instructions", tiers.instructions), ("--shadow", asked.shadow),
    ):  # fmt: skip
        out += [name] if there else []
    return out


def _number(value: float) -> str:
    """Print a number as it was typed: what multiplying it has done to its last digit is gone."""
    return f"{value:.12g}"
