"""The command line: spelling, errors and exit codes. What commands do is in files beside this.

Exit codes: 0 done; 1 a check failed, or a report could not be written; 2 the command or the study
was wrong; 3 cannot tell; 130 interrupted, and can be resumed.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from harness.messages import redact
from harness.messages.calm import calm
from harness.messages.errors import ConnectionLostError, HarnessError, near, one_line
from harness.terminal import outlets, screen
from harness.terminal.usage import misread

if TYPE_CHECKING:
    from harness.commands.commands import Files
    from harness.commands.place import Place
    from harness.judging.results import Results

app = typer.Typer(
    name="harness",
    help="Ablation studies for PyTorch that end in a verdict one can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="A name that `list` shows, a module, or a .py file.")
]
Scale = Annotated[str | None, typer.Option("--scale", help="Which scale; the study's first.")]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Evaluation seeds per arm.", min=1)]
Out = Annotated[Path, typer.Option("--out", help="The output folder.", file_okay=False)]
StoreUrl = Annotated[
    str,
    typer.Option(
        "--store",
        help="An SQLite file, journal:///FILE or any database URL of Optuna's; OUT/harness.db.",
        envvar="HARNESS_STORE",
        show_default=False,
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.", show_default=True)
]
Workers = Annotated[
    int,
    typer.Option("--workers", help="Worker processes; one per core on a CPU.", min=0,
                 show_default=False),
]  # fmt: skip
Way = Annotated[
    str | None,
    typer.Option("--mode", help="plain, fused or compiled; by default what measures fastest.",
                 show_default=False),
]  # fmt: skip
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided",
        help="Add seeds to undecided claims: 5, 10, 20, 40, or as the study says.",
    ),
]
MaxSeeds = Annotated[
    int | None,
    typer.Option("--max-seeds", help="Seeds at the last look of --until-decided; 40.", min=1,
                 show_default=False),
]  # fmt: skip
NoTuning = Annotated[
    bool, typer.Option("--no-tuning", help="Use the declared defaults of tuned settings.")
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where data sets lie; HARNESS_DATA, or ./data.")
]
Download = Annotated[bool, typer.Option("--download", help="Download data sets that are missing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")]

OUT = Path("runs")

P = ParamSpec("P")


def _command(function: Callable[P, None]) -> Callable[P, None]:
    """Return a command during which only the command itself writes to standard output.

    What studies print goes to standard error, and warnings of libraries are no errors.
    """

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> None:
        with outlets.aside(), calm():
            function(*args, **kwargs)

    return command


@app.callback()
def _common(
    debug: Annotated[  # read by main() wherever it stands
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    del debug


@app.command("list")
@_command
def list_(as_json: AsJson = False) -> None:
    """Show the studies and their questions, without running them."""
    from harness.running.find import listed

    found = listed(Path.cwd())
    if as_json:
        screen.give(json.dumps([{"study": each.name, "question": each.summary} for each in found]))
        return
    width = max(len(each.name) for each in found)
    for each in found:
        screen.say(f"{each.name:{width}}  {each.summary}")


@app.command()
@_command
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .py file that is not there yet.")],
) -> None:
    """Write a study that runs as it is, with comments, for you to change."""
    from harness.commands.new import write_study

    path = write_study(file)
    screen.say(f"{path}  written; run it with: harness run {shlex.quote(str(file))}")


@app.command()
@_command
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
    _collect_seldom()
    _data(data_dir, download=download and measure)
    from harness.commands.place import Place
    from harness.commands.plan import measure_study, plan_study, print_plan

    options = _options(
        study, device, workers, seeds, no_tuning, mode=mode, until_decided=until_decided,
        max_seeds=max_seeds,
    )  # fmt: skip
    with _noticing(Place(out, store, OUT, data_dir)) as place:
        if measure:
            errors = screen.errors()
            measure_study(study, scale, place, options, errors, quiet=quiet or as_json)
        found = plan_study(study, scale, place, options)
        if as_json:
            screen.give(json.dumps(found, indent=2))
        else:
            print_plan(found, screen.output())


@app.command()
@_command
def run(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="STUDY...", help="Names, modules or .py files.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every study that ships with it.")] = False,
    scale: Scale = None, seeds: Seeds = None, out: Out = OUT, store: StoreUrl = "",
    device: Device = "auto", workers: Workers = 0, mode: Way = None,
    until_decided: UntilDecided = False, max_seeds: MaxSeeds = None,
    no_tuning: NoTuning = False,
    no_profile: Annotated[
        bool, typer.Option("--no-profile", help="Do not measure time and memory.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed trials again.")
    ] = False,
    data_dir: DataDir = None, download: Download = False, quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Run what is missing, judge, write the report, print the verdicts."""
    names = _named("run", studies, every=every)
    from harness.running import forks

    _data(data_dir, download)
    if not store and not (out / "harness.db").exists():  # all is to be done: begin to load it
        forks.begin(measuring=not no_profile or mode != "plain")
    from harness.commands import commands
    from harness.commands.place import Place
    from harness.running.account import Account, age

    shown = not quiet and not as_json
    account = Account(before=age())
    done: list[tuple[Results, Path]] = []
    how = _how(device, workers, no_profile=no_profile)
    wrong: list[str] = []
    pending: list[commands.Files] = []

    def settle() -> None:
        """Wait for PDFs that are still being made."""
        if pending:
            account.begin("PDF")
        while pending:
            wrong.extend(_settled(pending.pop(0), shown=shown))

    with _noticing(Place(out, store, OUT, data_dir)) as place:
        try:
            for name in names:
                options = _options(
                    name, device, workers, seeds, no_tuning,
                    profile=not no_profile, retry=retry_failed, mode=mode,
                    until_decided=until_decided, max_seeds=max_seeds,
                )  # fmt: skip
                results, folder = commands.run_study(
                    name, scale, place, replace(options, settle=settle), screen.errors(),
                    quiet=not shown, account=account,
                )  # fmt: skip
                done.append((results, folder))
                files = _finish(
                    name, results, folder, place, how,
                    shown=shown, force=False, gently=name != names[-1], table=len(names) == 1,
                )  # fmt: skip
                wrong += files.wrong
                pending.append(files)
        finally:  # also where a later study is wrong, what was judged is told
            settle()
            if len(done) > 1 and shown:
                commands.print_together([results for results, _ in done], screen.output())
            if done and as_json:
                given = [commands.verdicts_json(*each) for each in done]
                screen.give(json.dumps(given, indent=2))
        wrong += _index(done, names, scale, place, shown=shown)
        if shown:
            screen.complain(f"harness: {account.line()}")
        for results, _ in done:
            if not any(r.role == "evaluate" and r.state == "complete" for r in results.records):
                screen.complain(f"harness: no trial of {results.declaration.name} finished")
                raise typer.Exit(3)
    if wrong:
        raise typer.Exit(1)


@app.command()
@_command
def report(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="STUDY...", help="What to report on.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every study that is shipped.")] = False,
    scale: Scale = None, out: Out = OUT, store: StoreUrl = "", data_dir: DataDir = None,
    quiet: Quiet = False, as_json: AsJson = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print verdicts as Markdown, and nothing else.")
    ] = False,
) -> None:  # fmt: skip
    """Judge and print again from the records; trains nothing."""
    names = _named("report", studies, every=every)
    if as_json and as_markdown:
        raise HarnessError(
            "standard output must be one thing", "--json and --markdown", "Drop one."
        )
    _collect_seldom()
    _data(data_dir, download=False)
    from harness.commands import commands
    from harness.commands.place import Place

    alone = as_json or as_markdown
    shown = not quiet and not alone
    done, wrong = [], []
    with _noticing(Place(out, store, OUT, data_dir)) as place:
        for name in names:
            for results, folder in commands.report_study(name, scale, place):
                done.append((results, folder))
                files = _finish(name, results, folder, place, shown=shown, force=True)
                wrong += [*files.wrong, *_settled(files, shown=shown)]
        wrong += _index(done, names, scale, place, shown=shown)
        if as_json:
            screen.give(json.dumps([commands.verdicts_json(*each) for each in done], indent=2))
        if as_markdown:
            from harness.commands.markdown import markdown

            screen.give(markdown([results for results, _ in done]))
    if wrong:
        raise typer.Exit(1)


def _named(command: str, studies: list[str] | None, *, every: bool) -> list[str]:
    """Return the studies that a command is given, and those that are shipped if it says so.

    Raises:
        HarnessError: there are none.
    """
    from harness.running.find import built_in

    names = [*(studies or []), *(built_in() if every else [])]
    if not names:
        raise HarnessError(
            f"{command} must be given a STUDY", "none",
            "`harness list` shows them; --all takes each that is shipped.",
        )  # fmt: skip
    return names


@app.command()
@_command
def explain(
    study: StudyName,
    claim: Annotated[
        int | None, typer.Argument(metavar="[CLAIM]", help="Its number, from 1; all of them.")
    ] = None,
    scale: Scale = None, out: Out = OUT, store: StoreUrl = "", data_dir: DataDir = None,
) -> None:  # fmt: skip
    """Say in words what was compared, what was seen, why this verdict, and what would change it."""
    _collect_seldom()
    _data(data_dir, download=False)
    from harness.commands import commands
    from harness.commands.place import Place

    with _noticing(Place(out, store, OUT, data_dir)) as place:
        commands.explain_study(study, claim, scale, place, screen.output())


@app.command()
@_command
def export(
    study: StudyName, scale: Scale = None, out: Out = OUT, store: StoreUrl = "",
    data_dir: DataDir = None,
    kind: Annotated[str, typer.Option("--format", help="csv, parquet or json.")] = "csv",
    to: Annotated[Path | None, typer.Option("--to", help="A file; standard output.")] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="A row for each epoch of each trial, not each trial.")
    ] = False,
) -> None:  # fmt: skip
    """Write every record of a study, old attempts included; or, with --curves, every epoch."""
    _collect_seldom()
    _data(data_dir, download=False)
    from harness.commands import commands
    from harness.commands.place import Place

    with _noticing(Place(out, store, OUT, data_dir)) as place:
        found, note = commands.export_study(study, scale, place, kind, to, curves=curves)
        if note:
            screen.complain(f"harness: {note}")
        if isinstance(found, Path):
            screen.say(str(found.resolve()))
        else:
            screen.give(found)


@app.command()
@_command
def replay(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A trial's key, or its beginning.")],
    study: Annotated[
        str | None, typer.Option("--study", help="Where the study is, should it have moved.")
    ] = None,
    out: Out = OUT, store: StoreUrl = "", device: Device = "auto", data_dir: DataDir = None,
) -> None:  # fmt: skip
    """Train one recorded trial again; exit code 1 where the result differs."""
    _data(data_dir, download=False)
    from harness.commands.place import Place
    from harness.commands.replay import print_replay, train_again

    options = _options("", device, 1, None, False)
    with _noticing(Place(out, store, OUT, data_dir)) as place:
        replayed = train_again(key, study, place, options)
        print_replay(replayed, screen.output())
        if not replayed.identical:
            raise typer.Exit(1)


@app.command()
@_command
def doctor(
    store: StoreUrl = "",
    mend: Annotated[
        bool, typer.Option("--mend", help="Set damaged rows of --store aside; nothing is deleted.")
    ] = False,
) -> None:
    """Show what is installed and which devices there are; of a --store, what is damaged."""
    from harness.commands.doctor import examine, examine_store, print_examined

    if mend and not store:
        raise HarnessError("--mend must stand beside --store", "--mend", "Add --store FILE.")
    named = store and (mend or store != os.environ.get("HARNESS_STORE"))
    found = [] if named else examine()
    found += examine_store(store, mend=mend) if store else []
    print_examined(found, screen.output())
    if any(each.state == "wrong" for each in found):
        raise typer.Exit(1)


@contextlib.contextmanager
def _noticing(place: Place) -> Iterator[Place]:
    """Say at the end what was noticed of a store; exit code 1 where rows of it were damaged."""
    try:
        yield place
    finally:
        place.tell(screen.errors())
        place.close()
    if place.noticed.damage:
        raise typer.Exit(1)


def _collect_seldom() -> None:
    """Look for garbage less often, in a command that reads and ends.

    What it imports and reads are some hundred thousand objects, nearly all of which stay; looking
    through them again and again took a sixth of its time.
    """
    gc.set_threshold(100_000, 50, 100)


def _options(
    study: str, device: str, workers: int, seeds: int | None, no_tuning: bool,
    *, profile: bool = True, retry: bool = False, mode: str | None = None,
    until_decided: bool = False, max_seeds: int | None = None,
) -> Any:  # fmt: skip
    from harness.cost.machine import choose_device
    from harness.engines.modes import KINDS
    from harness.running.executors import Options

    _check_looks(seeds, until_decided, max_seeds)
    if mode is not None and mode not in KINDS:
        raise HarnessError(
            f"--mode must be one of {', '.join(KINDS)}",
            repr(mode),
            near(mode, KINDS) + " Without it, what measures fastest is taken.",
        )
    return Options(
        device=str(choose_device(device)),
        workers=workers,
        seeds=seeds,
        tune=not no_tuning,
        profile=profile,
        retry_failed=retry,
        reference=study,
        mode=mode,
        until_decided=until_decided,
        max_seeds=max_seeds,
    )


def _check_looks(seeds: int | None, until_decided: bool, most: int | None) -> None:
    if (until_decided or most is not None) and (not until_decided or seeds is not None):
        raise HarnessError(
            "--max-seeds must stand beside --until-decided, and --seeds without both",
            " ".join(
                word
                for word, given in (
                    ("--seeds", seeds is not None),
                    ("--until-decided", until_decided),
                    ("--max-seeds", most is not None),
                )
                if given
            ),
            "Write --until-decided --max-seeds 20, say, or --seeds 5.",
        )


def _how(device: str, workers: int, *, no_profile: bool) -> list[str]:
    """Return how to run, as the command line has it, for commands that go on.

    What the records themselves tell (seeds, mode, tuning) is not among it, nor what is done once
    (a download, failed trials run again).
    """
    return [
        *([] if device == "auto" else ["--device", device]),
        *(["--workers", str(workers)] if workers else []),
        *(["--no-profile"] if no_profile else []),
    ]


def _data(folder: Path | None, download: bool) -> None:
    """Hand the folder on by the environment, which worker processes inherit."""
    if folder is not None:
        os.environ["HARNESS_DATA"] = str(folder.resolve())
    if download:
        os.environ["HARNESS_DOWNLOAD"] = "1"


def _finish(
    name: str, results: Results, folder: Path, place: Place, how: list[str] | None = None, *,
    shown: bool, force: bool, gently: bool = False, table: bool = True,
) -> Files:  # fmt: skip
    """Print a study's verdicts, then write its files, of which the PDF is still to come."""
    from harness.commands import commands

    words = place.words()
    again = commands.again(name, results.scale, words)
    unprinted: tuple[str, ...] = ()
    if shown:
        try:
            commands.print_results(results, screen.output(), words, how or [], table=table)
        except OSError as error:  # files are written all the same
            outlets.close_own()
            if not isinstance(error, BrokenPipeError):  # nobody wants to read on, as with `| head`
                unprinted = (f"the verdicts could not be printed: {error}. To try again: {again}",)
    files = commands.write(results, folder, again, force=force, gently=gently)
    return _told(replace(files, wrong=(*unprinted, *files.wrong)), shown=shown)


def _settled(files: Files, *, shown: bool) -> tuple[str, ...]:
    """Wait for the PDF; return what could not be written."""
    return _told(files.finished(), shown=shown).wrong


def _told(files: Files, *, shown: bool) -> Files:
    """Say what was written, and what could not be."""
    from harness.commands import commands

    if shown:
        commands.print_files(files, screen.output())
    for each in files.wrong:
        screen.complain(f"harness: {each}")
    return files


def _index(
    done: list[Any], names: list[str], scale: str | None, place: Place, *, shown: bool
) -> list[str]:
    """Write the index of several studies; return what could not be written.

    Args:
        done: results and folders.
        names: of the studies, as the command line has them.
        scale: the scale, where the command line has one.
        place: where they lie.
        shown: whether to say where the index is.
    """
    if len(done) < 2:
        return []
    from harness.reports import write_index

    try:
        page = write_index(done, place.out)
    except Exception as error:  # the reports are there; a fault in their index must not hide it
        said = f"the index could not be written: {type(error).__name__}: {error}. To try again: "
        chosen = ["--scale", scale] if scale else []
        said += shlex.join(["harness", "report", *names, *chosen, *place.words()])
        screen.complain(f"harness: {one_line(said)}")
        return [said]
    if shown:
        screen.say(f"index.html  {page.resolve()}")
    return []


def main() -> None:
    """Run the command line; the entry point of ``harness``."""
    words = [word for word in sys.argv[1:] if word != "--debug"]
    debug = len(words) < len(sys.argv) - 1
    sys.argv[1:] = [redact.shown(word) for word in words]  # worker processes are handed a copy
    outlets.all_there()
    with outlets.kept_apart():
        code = _main(words, debug=debug)
    sys.exit(code)


def _check_places(words: list[str]) -> None:
    """Refuse a URL with a password that stands anywhere but after ``--store``.

    Folders would be made of it, and files be named after it.

    Raises:
        HarnessError: there is one.
    """
    for before, word in zip(["", *words], words, strict=False):
        value = word.partition("=")[2] if word.startswith("-") else word
        if redact.holds_secret(value) and "--store" not in {before, word.partition("=")[0]}:
            raise HarnessError(
                "a URL with a password may stand after --store, and nowhere else",
                redact.shown(value),
                "Write --store URL, or set HARNESS_STORE to it.",
            )


def _main(words: list[str], *, debug: bool) -> int:
    try:
        _check_places(words)
        with contextlib.redirect_stderr(redact.Clean(outlets.fit(sys.stderr))):
            code = app(words, standalone_mode=False)
    except HarnessError as error:
        code = 130 if isinstance(error, ConnectionLostError) else 2
        return _failed(redact.urls(str(error)), code, debug=debug)
    except typer.TyperException as error:
        if not error.format_message():  # no command given: the help is printed already
            return error.exit_code
        commands = [
            each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands
        ]
        return _failed(redact.urls(str(misread(error, words, commands))), 2, debug=debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if type(error).__name__ == "InterruptedRunError":
            said = f"interrupted: {error}; the same command goes on from there"
            return _failed(said, 130, debug=debug)
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = (
            f"internal error: {type(error).__name__}: {redact.clean(str(error))} "
            f"({Path(where.filename).name}:"
            f"{where.lineno}); this is a fault of the harness, and --debug shows the traceback"
        )
        return _failed(said, 3, debug=debug)
    if code == 130:  # typer's own answer to Ctrl-C
        return _failed("interrupted; the same command goes on where it was", 130, debug=debug)
    return code if isinstance(code, int) else 0


def _failed(said: str, code: int, *, debug: bool) -> int:
    if debug:
        screen.complain_at_length(redact.clean(traceback.format_exc()))
    screen.complain(f"harness: {one_line(said)}")
    return code
