"""The command line: spelling, errors and exit codes. What commands do is in harness.commands.

Exit codes: 0 done; 1 a check failed; 2 the command or the study was wrong; 3 cannot tell;
130 interrupted, and can be resumed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from harness import redact
from harness.errors import ConnectionLostError, HarnessError, near, one_line

if TYPE_CHECKING:
    from harness.place import Place
    from harness.results import Results
    from reports import Written

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
        help="Add seeds to open claims: 5, 10, 20, 40, or as the study says.",
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


@app.callback()
def _common(
    debug: Annotated[  # read by main() wherever it stands
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    del debug


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the studies and their questions, without running them."""
    from harness.load import listed

    found = listed(Path.cwd())
    if as_json:
        print(json.dumps([{"study": each.name, "question": each.summary} for each in found]))
        return
    width = max(len(each.name) for each in found)
    for each in found:
        print(f"{each.name:{width}}  {each.summary}")


@app.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .py file that is not there yet.")],
) -> None:
    """Write a study that runs as it is, with comments, for you to change."""
    from harness.new import write_study

    path = write_study(file)
    print(f"{path}  written; run it with: harness run {shlex.quote(str(file))}")


@app.command()
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
    from harness.place import Place
    from harness.preview import measure_study, plan_study, print_plan

    options = _options(
        study, device, workers, seeds, no_tuning, mode=mode, until_decided=until_decided,
        max_seeds=max_seeds,
    )  # fmt: skip
    with _noticing(Place(out, store)) as place:
        if measure:
            _data(data_dir, download)
            errors = Console(stderr=True)
            measure_study(study, scale, place, options, errors, quiet=quiet or as_json)
        found = plan_study(study, scale, place, options)
        if as_json:
            print(json.dumps(found, indent=2))
        else:
            print_plan(found, _out())


@app.command()
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
    from harness import forks
    from harness.load import built_in

    names = [*(studies or []), *(built_in() if every else [])]
    if not names:
        raise HarnessError(
            "run must be given a STUDY", "none", "`harness list` shows them; --all runs each."
        )
    _data(data_dir, download)
    if not store and not (out / "harness.db").exists():  # all is to be done: begin to load it
        forks.begin(measuring=not no_profile or mode != "plain")
    from harness import commands
    from harness.account import Account, age
    from harness.place import Place

    account = Account(before=age())
    done: list[tuple[Results, Path]] = []
    printing: list[tuple[Path, Written | None]] = []

    def settle() -> None:
        """Wait for PDFs that are still being made."""
        if printing:
            account.begin("PDF")
        while printing:
            folder, written = printing.pop(0)
            if not quiet and not as_json:
                commands.print_pdf(folder, written, _out())
            elif written is not None:
                written.finished()

    with _noticing(Place(out, store)) as place:
        try:
            for name in names:
                options = _options(
                    name, device, workers, seeds, no_tuning,
                    profile=not no_profile, retry=retry_failed, mode=mode,
                    until_decided=until_decided, max_seeds=max_seeds,
                )  # fmt: skip
                results, folder, written = commands.run_study(
                    name, scale, place, replace(options, settle=settle), Console(stderr=True),
                    quiet=quiet or as_json, account=account, gently=name != names[-1],
                )  # fmt: skip
                done.append((results, folder))
                printing.append((folder, written))
                if not quiet and not as_json:
                    alone = len(names) == 1
                    commands.print_results(results, folder, _out(), place.words(OUT), table=alone)
        finally:
            settle()
        if len(names) > 1 and not quiet and not as_json:
            commands.print_together([results for results, _ in done], _out())
        _index(done, out, quiet=quiet or as_json)
        if as_json:
            print(json.dumps([commands.verdicts_json(*each) for each in done], indent=2))
        if not quiet and not as_json:
            print(f"harness: {account.line()}", file=sys.stderr)
        for results, _ in done:
            if not any(r.role == "evaluate" and r.state == "complete" for r in results.records):
                print(f"harness: no trial of {results.study.name} finished", file=sys.stderr)
                raise typer.Exit(3)


@app.command()
def report(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY...", help="What to report on.")],
    scale: Scale = None, out: Out = OUT, store: StoreUrl = "", quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Judge and print again from the records; trains nothing."""
    _collect_seldom()
    from harness import commands
    from harness.place import Place

    done = []
    with _noticing(Place(out, store)) as place:
        for name in studies:
            for results, folder, written in commands.report_study(name, scale, place):
                done.append((results, folder))
                if not quiet and not as_json:
                    commands.print_results(results, folder, _out(), place.words(OUT))
                    commands.print_pdf(folder, written, _out())
                else:
                    written.finished()
        _index(done, out, quiet=quiet or as_json)
        if as_json:
            print(json.dumps([commands.verdicts_json(*each) for each in done], indent=2))


@app.command()
def explain(
    study: StudyName,
    claim: Annotated[
        int | None, typer.Argument(metavar="[CLAIM]", help="Its number, from 1; all of them.")
    ] = None,
    scale: Scale = None, out: Out = OUT, store: StoreUrl = "",
) -> None:  # fmt: skip
    """Say in words what was compared, what was seen, why this verdict, and what would change it."""
    _collect_seldom()
    from harness import commands
    from harness.place import Place

    with _noticing(Place(out, store)) as place:
        commands.explain_study(study, claim, scale, place, _out())


@app.command()
def export(
    study: StudyName, scale: Scale = None, out: Out = OUT, store: StoreUrl = "",
    kind: Annotated[str, typer.Option("--format", help="csv, parquet or json.")] = "csv",
    to: Annotated[Path | None, typer.Option("--to", help="A file; standard output.")] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="A row for each epoch of each trial, not each trial.")
    ] = False,
) -> None:  # fmt: skip
    """Write every record of a study, old attempts included; or, with --curves, every epoch."""
    _collect_seldom()
    from harness import commands
    from harness.place import Place

    with _noticing(Place(out, store)) as place:
        found, note = commands.export_study(study, scale, place, kind, to, curves=curves)
        if note:
            print(f"harness: {note}", file=sys.stderr)
        if isinstance(found, Path):
            print(found.resolve())
        else:
            sys.stdout.write(found if found.endswith("\n") else found + "\n")


@app.command()
def replay(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A trial's key, or its beginning.")],
    study: Annotated[
        str | None, typer.Option("--study", help="Where the study is, should it have moved.")
    ] = None,
    out: Out = OUT, store: StoreUrl = "", device: Device = "auto", data_dir: DataDir = None,
) -> None:  # fmt: skip
    """Train one recorded trial again; exit code 1 where the result differs."""
    _data(data_dir, download=False)
    from harness.place import Place
    from harness.replay import print_replay, train_again

    options = _options("", device, 1, None, False)
    with _noticing(Place(out, store)) as place:
        replayed = train_again(key, study, place, options)
        print_replay(replayed, _out())
        if not replayed.identical:
            raise typer.Exit(1)


@app.command()
def doctor(
    store: StoreUrl = "",
    mend: Annotated[
        bool, typer.Option("--mend", help="Set damaged rows of --store aside; nothing is deleted.")
    ] = False,
) -> None:
    """Show what is installed and which devices there are; of a --store, what is damaged."""
    from harness.doctor import examine, examine_store, print_examined

    if mend and not store:
        raise HarnessError("--mend must stand beside --store", "--mend", "Add --store FILE.")
    named = store and (mend or store != os.environ.get("HARNESS_STORE"))
    found = [] if named else examine()
    found += examine_store(store, mend=mend) if store else []
    print_examined(found, _out())
    if any(each.state == "wrong" for each in found):
        raise typer.Exit(1)


@contextlib.contextmanager
def _noticing(place: Place) -> Iterator[Place]:
    """Say at the end what was noticed of a store; exit code 1 where rows of it were damaged."""
    try:
        yield place
    finally:
        place.tell(Console(stderr=True))
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
    from harness.environment import choose_device
    from harness.executors import Options
    from harness.modes import KINDS

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


def _out() -> Console:
    """Return standard output; where it is no terminal, wide enough for a table to be read."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, 110))


def _data(folder: Path | None, download: bool) -> None:
    """Hand the folder on by the environment, which worker processes inherit."""
    if folder is not None:
        os.environ["HARNESS_DATA"] = str(folder.resolve())
    if download:
        os.environ["HARNESS_DOWNLOAD"] = "1"


def _index(done: list[Any], out: Path, *, quiet: bool) -> None:
    if len(done) < 2:
        return
    from reports import write_index

    page = write_index(done, out)
    if not quiet:
        print(f"index.html  {page.resolve()}")


def main() -> None:
    """Run the command line; the entry point of ``harness``."""
    words = [word for word in sys.argv[1:] if word != "--debug"]
    debug = len(words) < len(sys.argv) - 1
    sys.argv[1:] = [redact.shown(word) for word in words]  # worker processes are handed a copy
    sys.exit(_main(words, debug=debug))


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
        with contextlib.redirect_stderr(redact.Clean(sys.stderr)):
            code = app(words, standalone_mode=False)
    except HarnessError as error:
        code = 130 if isinstance(error, ConnectionLostError) else 2
        return _failed(redact.urls(str(error)), code, debug=debug)
    except typer.TyperException as error:
        if not error.format_message():  # no command given: the help is printed already
            return error.exit_code
        command = redact.urls(shlex.join(["harness", *words[:1]]))
        said = redact.urls(error.format_message())
        return _failed(f"{said.rstrip('.')}. See `{command} --help`.", 2, debug=debug)
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
        print(redact.clean(traceback.format_exc()), end="", file=sys.stderr)
    print(f"harness: {one_line(said)}", file=sys.stderr)
    return code
