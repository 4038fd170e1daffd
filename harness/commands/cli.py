"""How commands are spelled. What each does is in a file of its name, what ends one in ending.py."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from harness.commands import ending
from harness.commands.ending import alone_on_output, end_with, noticing
from harness.commands.gating import gate
from harness.commands.on_records import compare, explain, export, import_, judge, report
from harness.commands.options import (
    collect_seldom,
    hand_on_data,
    how_words,
    options_of,
    studies_named,
)
from harness.commands.spelling import (
    OUT,
    AsJson,
    DataDir,
    Device,
    Download,
    Log,
    MaxSeeds,
    NoProfile,
    NoTuning,
    Out,
    Quiet,
    RetryFailed,
    Scale,
    Seeds,
    StoreUrl,
    StudyName,
    UntilDecided,
    Way,
    Workers,
)
from harness.messages.errors import HarnessError
from harness.study.searching import PRUNERS, SAMPLERS
from harness.terminal import screen

app = typer.Typer(
    name="harness",
    help="Ablation studies for PyTorch that end in a verdict one can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def _common(
    debug: Annotated[  # read by main() wherever it stands
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    del debug


@app.command("list")
@alone_on_output
def list_(as_json: AsJson = False) -> None:
    """Show the studies and their questions, without running them."""
    from harness.commands.list import list_studies

    list_studies(Path.cwd(), as_json=as_json)


@app.command()
@alone_on_output
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .py file that is not there yet.")],
    trainer: Annotated[
        bool,
        typer.Option("--trainer", help="One that the harness's own trainer trains."),
    ] = False,
    search: Annotated[
        bool, typer.Option("--search", help="A search of settings in the place of a study.")
    ] = False,
) -> None:
    """Write a study that runs as it is, with comments, for you to change."""
    from harness.commands.new import write_study

    path = write_study(file, trainer=trainer, search=search)
    verb = "search" if search else "run"
    screen.say(f"{path}  written; run it with: harness {verb} {shlex.quote(str(file))}")


@app.command()
@alone_on_output
def plan(
    study: StudyName, scale: Scale = None, seeds: Seeds = None, out: Out = OUT,
    store: StoreUrl = "", device: Device = "auto", workers: Workers = 0, mode: Way = None,
    until_decided: UntilDecided = False, max_seeds: MaxSeeds = None,
    no_tuning: NoTuning = False, as_json: AsJson = False,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Measure steps here first, to tell the time it will take."),
    ] = False,
    data_dir: DataDir = None, download: Download = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Show arms, trials, what is done, what is left and why."""
    collect_seldom()
    hand_on_data(data_dir, download=download and measure)
    from harness.commands.place import Place
    from harness.commands.plan import measure_study, plan_study, print_plan
    from harness.commands.plan_search import print_search

    options = options_of(
        study, device, workers, seeds, no_tuning, mode=mode, until_decided=until_decided,
        max_seeds=max_seeds,
    )  # fmt: skip
    with noticing(Place(out, store, OUT, data_dir)) as place:
        if measure:
            errors = screen.errors()
            measure_study(study, scale, place, options, errors, quiet=quiet or as_json)
        found = plan_study(study, scale, place, options)
        if as_json:
            screen.give(json.dumps(found, indent=2))
        else:
            shown = print_search if "space" in found else print_plan
            shown(found, screen.output())


@app.command()
@alone_on_output
def run(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="STUDY...", help="Names, modules or .py files.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every study that ships with it.")] = False,
    scale: Scale = None, seeds: Seeds = None, out: Out = OUT, store: StoreUrl = "",
    device: Device = "auto", workers: Workers = 0, mode: Way = None,
    until_decided: UntilDecided = False, max_seeds: MaxSeeds = None,
    no_tuning: NoTuning = False,
    no_profile: NoProfile = False, retry_failed: RetryFailed = False,
    log: Log = None,
    data_dir: DataDir = None, download: Download = False, quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Run what is missing, judge, write the report, print the verdicts."""
    names = studies_named("run", studies, every=every)
    from harness.engines.modes import PLAIN
    from harness.running import forks

    hand_on_data(data_dir, download)
    if not store and not (out / "harness.db").exists():  # all is to be done: begin to load it
        forks.begin(measuring=not no_profile or mode != PLAIN.kind)
    from harness.commands.place import Place
    from harness.commands.run import run_studies

    options = options_of(
        "", device, workers, seeds, no_tuning, profile=not no_profile, retry=retry_failed,
        mode=mode, until_decided=until_decided, max_seeds=max_seeds, log=log or (),
    )  # fmt: skip
    how = how_words(device, workers, no_profile=no_profile, log=log or ())
    shown = not quiet and not as_json
    with noticing(Place(out, store, OUT, data_dir)) as place:
        end_with(run_studies(names, scale, place, options, how, shown=shown, as_json=as_json))


@app.command()
@alone_on_output
def search(
    study: Annotated[
        str, typer.Argument(metavar="SEARCH", help="A .py file or module; of a study, with --over.")
    ],
    over: Annotated[
        str | None,
        typer.Option("--over", help="Factors and tuned settings of a study: lr,width.",
                     show_default=False),
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", help="Trials in all.", min=1, show_default=False)
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", help="Seconds after which no more settings are tried.", min=0,
                     show_default=False),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option("--sampler", help=f"{', '.join(SAMPLERS)}, or module:Class.",
                     show_default=False),
    ] = None,
    pruner: Annotated[
        str | None, typer.Option("--pruner", help=f"{', '.join(PRUNERS)}.", show_default=False)
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option("--confirm", help="Fresh seeds on which the best are run again; 0 for none.",
                     min=0, show_default=False),
    ] = None,
    enqueue: Annotated[
        list[str] | None,
        typer.Option("--enqueue", help="Settings to try first: lr=0.1,width=32. May be repeated.",
                     show_default=False),
    ] = None,
    warm_start: Annotated[
        str, typer.Option("--warm-start", help="The store of another search to learn from, or "
                          "STORE#SEARCH.", show_default=False),
    ] = "",
    scale: Scale = None, out: Out = OUT, store: StoreUrl = "",
    device: Device = "auto", workers: Workers = 0, mode: Way = None,
    no_profile: NoProfile = False, retry_failed: RetryFailed = False,
    log: Log = None,
    data_dir: DataDir = None, download: Download = False, quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Find the best settings, run them again on fresh seeds, and write the report."""
    hand_on_data(data_dir, download)
    from harness.commands.place import Place
    from harness.commands.run import run_studies
    from harness.commands.search import asked_for, search_named

    name = search_named(study, over)
    options = options_of(
        "", device, workers, None, False, profile=not no_profile, retry=retry_failed,
        mode=mode, log=log or (),
        search=asked_for(trials, timeout, sampler, pruner, confirm, enqueue or (), warm_start),
    )  # fmt: skip
    how = how_words(device, workers, no_profile=no_profile, log=log or ())
    shown = not quiet and not as_json
    with noticing(Place(out, store, OUT, data_dir)) as place:
        end_with(run_studies([name], scale, place, options, how, shown=shown, as_json=as_json))


@app.command()
@alone_on_output
def check(
    study: StudyName, scale: Scale = None,
    arm: Annotated[
        str | None, typer.Option("--arm", help="The arm to train several times; the first.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The seed to train it with.", min=0)] = 0,
    out: Out = OUT, store: StoreUrl = "", device: Device = "auto", workers: Workers = 0,
    data_dir: DataDir = None, download: Download = False, quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train a little, to see whether trials repeat, resume, and differ; exit code 1 if not."""
    hand_on_data(data_dir, download)
    from harness.commands.check import check_study, found_json, print_found
    from harness.commands.place import Place

    options = options_of(study, device, workers, None, True)
    errors = screen.errors()
    with noticing(Place(out, store, OUT, data_dir)) as place:
        found = check_study(study, scale, arm, seed, place, options, errors, quiet=quiet or as_json)
        if as_json:
            screen.give(json.dumps(found_json(found), indent=2))
        elif not quiet:
            print_found(found, screen.output())
        if found.unkept:
            screen.complain(f"harness: what was found could not be kept: {found.unkept}")
        end_with(0 if found.right else 1)


@app.command()
@alone_on_output
def profile(
    study: StudyName,
    arm: Annotated[
        str | None, typer.Argument(metavar="[ARM]", help="One arm; all.", show_default=False)
    ] = None,
    scale: Scale = None, device: Device = "auto", data_dir: DataDir = None,
    download: Download = False, quiet: Quiet = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Measure a training step of each arm: time in parts, memory in parts, and counts."""
    hand_on_data(data_dir, download)
    from harness.commands.profile import print_profiled, profile_study, profiled_json

    options = options_of(study, device, 1, None, True)
    errors = screen.errors()
    measured = profile_study(study, arm, scale, options, errors, quiet=quiet or as_json)
    if as_json:
        screen.give(json.dumps(profiled_json(measured), indent=2))
    elif not quiet:
        print_profiled(measured, screen.output())


for name, command in (
    ("report", report), ("compare", compare), ("judge", judge), ("import", import_),
    ("explain", explain), ("export", export), ("gate", gate),
):  # fmt: skip
    app.command(name)(command)


@app.command()
@alone_on_output
def replay(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A trial's key, or its beginning.")],
    study: Annotated[
        str | None, typer.Option("--study", help="Where the study is, should it have moved.")
    ] = None,
    out: Out = OUT, store: StoreUrl = "", device: Device = "auto", data_dir: DataDir = None,
) -> None:  # fmt: skip
    """Train one recorded trial again; exit code 1 where the result differs."""
    hand_on_data(data_dir, download=False)
    from harness.commands.place import Place
    from harness.commands.replay import print_replay, train_again

    options = options_of("", device, 1, None, False)
    with noticing(Place(out, store, OUT, data_dir)) as place:
        replayed = train_again(key, study, place, options)
        print_replay(replayed, screen.output())
        end_with(0 if replayed.identical else 1)


@app.command()
@alone_on_output
def doctor(
    store: StoreUrl = "",
    mend: Annotated[
        bool, typer.Option("--mend", help="Set damaged rows of --store aside; nothing is deleted.")
    ] = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="Measure what a gate would detect on this machine.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="How long --gate measures; 2.",
                                   show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show what is installed and which devices there are; of a --store, what is damaged."""
    if (minutes is not None or as_json) and not gate:
        raise HarnessError(
            "--minutes and --json must stand beside --gate",
            "--json" if as_json else "--minutes",
            "Add --gate.",
        )
    if gate:
        if mend or (store and store != os.environ.get("HARNESS_STORE")):
            raise HarnessError(
                "--gate must stand without --store and --mend", "both", "Leave them out."
            )
        from harness.commands.doctor_gate import examine_gate, fitness_json, print_fitness

        fit = examine_gate(2.0 if minutes is None else minutes, screen.errors(), quiet=as_json)
        if as_json:
            screen.give(json.dumps(fitness_json(fit), indent=2))
        else:
            print_fitness(fit, screen.output())
        end_with(0 if fit.fit else 1)
        return
    from harness.commands.doctor import examine, examine_store, print_examined

    if mend and not store:
        raise HarnessError("--mend must stand beside --store", "--mend", "Add --store FILE.")
    named = store and (mend or store != os.environ.get("HARNESS_STORE"))
    found = [] if named else examine()
    found += examine_store(store, mend=mend) if store else []
    print_examined(found, screen.output())
    end_with(1 if any(each.state == "wrong" for each in found) else 0)


def main() -> None:
    """Run the command line; the entry point of ``harness``."""
    ending.main(app)


def execute(words: list[str], *, debug: bool = False) -> int:
    """Run one command in this process; return its exit code.

    Args:
        words: the command line, without ``harness``.
        debug: whether the traceback of an error is shown.
    """
    return ending.execute(app, words, debug=debug)
