"""How ``harness gate`` is spelled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.ending import alone_on_output, end_with
from harness.commands.spelling import AsJson, Quiet
from harness.messages.errors import StoppedError

OUT = Path("runs/gate")
"""The output folder where none is named."""

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[OLD NEW] WHAT...", show_default=False,
        help="What is measured: a study (bench/study.py, bench/study.py#ARM), tests of "
        "pytest-benchmark (tests/bench_x.py::test_y), module:function, or a command (cmd:python "
        "train.py). Without --base, before it both sides: two folders, environments, commands, or "
        "files of pytest-benchmark.",
    ),
]  # fmt: skip


def _option(name: str, text: str) -> typer.models.OptionInfo:
    return typer.Option(name, help=text, show_default=False)  # type: ignore[no-any-return]


@alone_on_output
def gate(
    words: Words = None,
    base: Annotated[
        str, _option("--base", "The revision to compare with: its merge base with head.")
    ] = "",
    head: Annotated[
        str, _option("--head", "The revision that is judged; the working tree as it is.")
    ] = "",
    here: Annotated[
        bool, _option("--here", "Use this interpreter's packages; build nothing.")
    ] = False,
    extra: Annotated[
        list[str] | None, _option("--extra", "An extra of the project's. May be repeated.")
    ] = None,
    packages: Annotated[
        list[str] | None, _option("--with", "A further package. May be repeated.")
    ] = None,
    only: Annotated[
        list[str] | None,
        _option("--only", "Judge these alone: a benchmark, a figure, or BENCHMARK/FIGURE, with * "
                "and ?. May be repeated."),
    ] = None,
    only_exact: Annotated[
        bool, _option("--only-exact", "Count, and measure no time.")
    ] = False,
    only_time: Annotated[bool, _option("--only-time", "Measure time, and count nothing.")] = False,
    only_quality: Annotated[
        bool, _option("--only-quality", "Judge what training ends with, and nothing else.")
    ] = False,
    quality: Annotated[
        bool, _option("--quality", "Train on both sides, and judge what training ends with.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option("--seeds", help="Seeds of --quality; those of the scale.", min=2,
                                 show_default=False)
    ] = None,
    margin: Annotated[
        float | None, typer.Option("--margin", help="How much worse quality may be, in the metric's"
                                   " own unit; the study's margin.", min=0, show_default=False)
    ] = None,
    instructions: Annotated[
        bool, _option("--instructions", "Count instructions under valgrind, too.")
    ] = False,
    baseline: Annotated[
        Path | None, _option("--baseline", "Compare the code here with exact figures of a file.")
    ] = None,
    save: Annotated[
        Path | None, _option("--save", "Write exact figures of the code here to a file.")
    ] = None,
    waivers: Annotated[
        Path | None, _option("--waivers", "Accepted failures; gate-waivers.toml, if it is there.")
    ] = None,
    history: Annotated[
        Path | None, _option("--history", "Add this gate to a file of JSON lines, and draw them.")
    ] = None,
    shadow: Annotated[
        bool, _option("--shadow", "Answer, and end with exit code 0, but for errors.")
    ] = False,
    scale: Annotated[str, _option("--scale", "The scale of studies; their first.")] = "",
    device: Annotated[str, typer.Option("--device", help="Where studies train.")] = "cpu",
    threads: Annotated[
        int, typer.Option("--threads", help="Threads of a process; 0 for as many as it likes.",
                          min=0)
    ] = 1,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Seconds that a process times each benchmark.")
    ] = 0.5,
    budget: Annotated[
        float, typer.Option("--budget", help="Minutes for times at most; builds not counted.")
    ] = 15.0,
    fails_from: Annotated[
        float, typer.Option("--fails-from", help="Per cent slower, as estimated, that fail.")
    ] = 5.0,
    passes_below: Annotated[
        float, typer.Option("--passes-below", help="Per cent slower at most, for certain, that "
                            "pass.")
    ] = 10.0,
    out: Annotated[Path, typer.Option("--out", help="The output folder.", file_okay=False)] = OUT,
    quiet: Quiet = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Tell whether a change made code slower, larger or worse; exit code 0, 1, 3, or 2 for errors.

    0: nothing became worse. 1: something did. 3: it cannot be told. 2: it could not be measured.
    """
    from harness.commands.gate import clear, gate_sides
    from harness.commands.index import NAME, home_of
    from harness.gate.asked import Asked, sides_in, tiers_of
    from harness.gate.rounds import Measuring
    from harness.gate.sampling import Bounds

    clear(out)  # no error below may leave an earlier result behind
    kind, first, second, whats = sides_in(words or (), base, head, baseline, save)
    tiers = tiers_of(
        only_exact=only_exact, only_time=only_time, only_quality=only_quality, quality=quality,
        instructions=instructions,
    )  # fmt: skip
    asked = Asked(
        kind, first, second, whats, here=here, extras=tuple(extra or ()),
        packages=tuple(packages or ()),
        measuring=Measuring(seconds=seconds, threads=threads, device=device, scale=scale),
        bounds=Bounds(60 * budget, fails_from / 100, passes_below / 100),
        tiers=tiers,
        only=tuple(only or ()), seeds=seeds, margin=margin, file=baseline or save, shadow=shadow,
        waivers=waivers, history=history, out=None if out == OUT else out,
        index=home_of(out, OUT) / NAME,
    )  # fmt: skip
    try:
        result = gate_sides(asked, out, quiet=quiet, as_json=as_json)
    except KeyboardInterrupt:
        said = "nothing was judged, and what was made is removed; the same command begins anew"
        raise StoppedError.relayed("interrupted", said) from None
    end_with(result.exit_code)
