"""What is printed: names are text, no stream is too poor for them, and data stand alone."""

import functools
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from torch import nn

from harness.commands import finish, folder
from harness.commands import run as run_command
from harness.commands.cli import execute
from harness.commands.doctor import Examined, print_examined
from harness.commands.files import verdict_rows
from harness.commands.plan import print_plan
from harness.commands.replay import Replayed, print_replay
from harness.commands.tables import explained, plain, verdict_table
from harness.engines.modes import PLAIN, Choice
from harness.judging.words import MARKS
from harness.messages.blame import reason_of
from harness.messages.errors import HarnessError
from harness.messages.printable import is_printable, visible
from harness.planning.datasets import check_trials
from harness.running import forks
from harness.running.progress import RunStatus, display
from harness.study.converter import to_plain
from harness.terminal import outlets, screen
from harness.training import Training
from harness.trials.records import Record
from harness.trials.trial import make_trial
from tests.declaring import higher, opened, report, run, study
from tests.example_results import example_results, residual_study
from tests.tiny_study import study as tiny

HOSTILE = (
    "[relu]", "[/docs/x]", "[bold red]no[/]", ":smile:", "$x$", "a_b^2", "<b>&amp;</b>", "{{ x }}",
    "[link=x]y", "\\[z]", "100 %", "“q” − → δ", "123.4567",
)  # fmt: skip
"""Names that are markup, a picture, mathematics or a template to some library."""


def shown(print_to: Callable[[Console], object]) -> list[str]:
    """What is printed on a console of ours, and on one that takes markup and pictures for such."""
    out = []
    for make in (
        lambda file: screen._console(file, width=900),
        lambda file: Console(file=file, width=900, emoji=True, markup=True),
    ):
        file = io.StringIO()
        print_to(make(file))
        out.append(file.getvalue())
    return out


def of_results(name: str, console: Console) -> None:
    results = example_results(
        residual_study(question=f"Is {name} better?"), warnings=(f"About {name}: beware.",)
    )
    finish.print_results(results, console, ["--out", name])
    console.print(verdict_table([results, results]))


def of_plan(name: str, console: Console) -> None:
    choice = Choice(PLAIN, (), f"not fused: {name}")
    row = {
        "scale": "quick", "arms": [{"arm": f"act={name}", "trials": 5, "done": 0, "mode": ""}],
        "tuning": 0, "seeds": 5, "looks": None, "trials": 5, "done": 0, "failed": 0,
        "seconds_left": None, "modes": [{"arms": [name], **to_plain(choice)}],
        "again": [f"code {name}"], "newest": [],
    }  # fmt: skip
    plan = {"study": "s", "question": name, "source": "build"}
    print_plan(plan | {"scales": [row]}, console)
    print_plan(plan | {"scales": [row | {"again": [], "newest": [name]}]}, console)


def of_replay(name: str, console: Console) -> None:
    record = Record("s", "quick", name, {}, 0, "evaluate", "key", "failed", name, {}, {}, {})
    print_replay(Replayed(False, record, (), None, (name,), name), console)
    print_replay(Replayed(False, record, ((name, 1.0, 2.0),), 1.0, (), ""), console)
    print_replay(Replayed(True, record, (), 0.0, (), ""), console)


def of_doctor(name: str, console: Console) -> None:
    print_examined([Examined(name, "wrong", name, name), Examined("b", "right", name)], console)


def of_table(name: str, console: Console) -> None:
    table = plain(name, [(name, False), (name, True)])
    table.add_row(name, name)
    console.print(table)


PRINTERS = {
    each.__name__: each
    for each in (of_results, of_plan, of_replay, of_doctor, of_table)
}  # fmt: skip


@pytest.mark.parametrize("printer", PRINTERS)
def test_names_are_printed_as_they_are_written(printer: str) -> None:
    for name in HOSTILE:
        for text in shown(lambda console, name=name: PRINTERS[printer](name, console)):
            assert name in text, (name, text)


def test_names_in_lines_and_bars_of_progress_are_printed_as_they_are_written(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in HOSTILE:
        for terminal_or_log in (True, False):
            file = io.StringIO()
            console = screen._Plain(
                file=file, width=300, force_terminal=terminal_or_log, color_system=None,
                markup=False, emoji=False, highlight=False,
            )  # fmt: skip
            with display(console, name, quiet=False) as progress:
                progress.show(RunStatus(name, 1, 2, 3.0))
            assert file.getvalue().count(name) >= 2


def test_names_in_explanations_notices_and_lists_are_printed_as_they_are_written(
    here: Path, capsys
) -> None:
    claims = [
        higher(0.01 + place / 1000, f"{name} is better.") for place, name in enumerate(HOSTILE)
    ]
    store, declared = opened(here), study(*claims)
    run(store, declared)
    results = report(store, declared)
    for place, name in enumerate(HOSTILE):
        lines = explained(1, results.verdicts[place], results.history.of(place))
        assert any(name in each for each in lines)
        assert verdict_rows(results)[place]["claim"] == f"{name} is better."
        (here / "mine.py").write_text(f'r"""Is {name} better?"""\nstudy = 1\n', encoding="utf-8")
        assert execute(["list"]) == 0
        assert f"Is {name} better?" in capsys.readouterr().out


# ---- streams ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_stream_that_cannot_show_a_character_gets_a_plain_mark(encoding: str) -> None:
    raw = io.BytesIO()
    stream = outlets.fit(io.TextIOWrapper(raw, encoding=encoding, errors="strict"))
    console = screen._console(stream, width=300)
    finish.print_results(example_results(), console, [])
    screen.line(console, "Does it − the shortcut → help “much”? 漢é")
    print_examined([Examined("a", "right", "…"), Examined("b", "absent", "é")], console)
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert "supported, material" in text
    if encoding == "utf-8":
        assert "漢é" in text
        assert "✔" in text
    else:
        assert "\\u6f22" in text
        assert "^ supported, material" in text
        assert ("é" if encoding != "ascii" else "\\xe9") in text
        assert "- the shortcut -> help" in text


def test_every_mark_of_a_verdict_has_a_plain_one() -> None:
    text = "".join(MARKS.values())
    assert "\\" not in text.encode("ascii", "harness.plain_marks").decode()


def test_half_a_character_and_signs_that_steer_a_terminal_are_shown_as_written() -> None:
    raw = io.BytesIO()
    stream = outlets.fit(io.TextIOWrapper(raw, encoding="utf-8", errors="strict"))
    console = screen._console(stream, width=200)
    name = "caf\udce9 \x1b[31mred\x07\x00 \u202eback"
    of_table(name, console)
    console.print(name)
    stream.flush()
    text = raw.getvalue().decode()
    assert text.count("caf\\udce9 \\x1b[31mred\\x07\\x00 \\u202eback") >= 3
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as it is\n\tof two lines", "as it is\n\tof two lines"),
        ("\r", "\\r"),
        ("a\u2028b", "a\\u2028b"),
        ("\x00\x7f\x85", "\\x00\\x7f\\x85"),
        ("ü 漢 😀 \u00a0", "ü 漢 😀 \u00a0"),
        ("\ud800", "\\ud800"),
    ],
)
def test_signs_that_cannot_be_shown_are_written_as_python_does(text: str, expected: str) -> None:
    assert visible(text) == expected
    assert visible(visible(text)) == expected
    assert is_printable(visible(text, line=True))


APART = """
import os, subprocess, sys
from harness.terminal import outlets, screen
print("before")
with outlets.kept_apart():
    with outlets.aside():
        print("a study")
        os.write(1, b"a library\\n")
        subprocess.run(["echo", "a program"])
        subprocess.run([sys.executable, "-c", "print('a worker')"])
        screen.give('{"only": "this"}')
        screen.say("−")
        screen.complain("an error → é")
print("after")
"""


def test_only_the_command_writes_to_standard_output() -> None:
    done = subprocess.run(
        [sys.executable, "-c", APART], capture_output=True, check=True,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert done.stdout.decode() == 'before\n{"only": "this"}\n-\nafter\n'
    said = done.stderr.decode()
    assert sorted(said.split("\n")) == sorted(
        ["a study", "a library", "a program", "a worker", "an error -> \\xe9", ""]
    )


def test_without_standard_output_and_error_nothing_breaks() -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = (
            f'{sys.executable} -c "from harness.commands.cli import main; main()" list {closed}'
        )
        done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


PRINTING = '''"""Does it print?"""
import os
print("loading data ...")
os.system("echo from a program")
from tests.tiny_study import build as quiet
from tests.tiny_study import study as tiny
import dataclasses


def build(scale, width, lr):
    print("building", width)
    return quiet(scale, width, lr)


study = dataclasses.replace(tiny, build=build)
'''


def test_prints_of_a_study_are_not_among_the_data(here: Path, capsys) -> None:
    (here / "loud.py").write_text(PRINTING)
    assert execute(["plan", "loud.py", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["study"] == "tiny"
    assert "loading data ..." in captured.err
    assert "building 4" in captured.err


# ---- the last step ------------------------------------------------------------------------------


@functools.cache
def page() -> object:
    from harness.reports.page import page_of

    return page_of(example_results())


@pytest.fixture
def finished(here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command that has trained everything, and is left with its last step."""
    from harness.reports import render

    results = example_results()
    monkeypatch.setattr(render, "page_of", lambda results: page())
    names = iter(["one", "two"])

    def run_study(*words: object, **more: object) -> tuple[object, Path]:
        return results, here / "runs" / f"{next(names)}-quick"

    def report_study(*words: object) -> list[tuple[object, Path]]:
        return [(results, here / "runs" / "one-quick")]

    monkeypatch.setattr(forks, "begin", lambda **more: None)
    monkeypatch.setattr(run_command, "run_study", run_study)
    monkeypatch.setattr("harness.commands.report.report_study", report_study)
    return lambda *words: execute(list(words))


def no_process(*words: object, **more: object) -> object:
    raise OSError(11, "Resource temporarily unavailable")


def break_it(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    from harness.reports import printing, render, written

    def fail(*words: object, **more: object) -> object:
        raise error

    # PDFs are made in this process, where they can be broken
    monkeypatch.setattr(printing, "subprocess", SimpleNamespace(Popen=no_process, PIPE=-1))
    error: Exception = MemoryError()
    if what == "pdf":
        weasyprint = pytest.importorskip("weasyprint", exc_type=(ImportError, OSError))
        monkeypatch.setattr(weasyprint, "HTML", fail)
    elif what == "pango":
        monkeypatch.setattr(printing, "load", lambda: printing.NO_PANGO)
    elif what == "figure":
        error = ValueError("[/x] is no figure")
        monkeypatch.setattr(render, "page_of", fail)
    else:
        error = OSError(28, "No space left on device")
        write = written.write_whole

        def full(path: Path, content: bytes, *instead: str) -> Path:
            return fail() if path.name == what else write(path, content, *instead)

        monkeypatch.setattr(written, "write_whole", full)
        monkeypatch.setattr(printing, "render_pdf", lambda html: (b"%PDF", ""))


@pytest.mark.parametrize("missing", ["pango-1.0", "pangoft2-1.0", ""])
def test_a_pdf_is_tried_again_only_where_all_that_makes_it_is_there(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished run whose machine lacks one library would else try it each time."""
    for name in ("report.html", "verdicts.json", "records.csv", "entry.json"):
        (tmp_path / name).write_text("")
    (tmp_path / ".made-from").write_text("digest")
    monkeypatch.setattr(folder, "find_library", lambda name: name if name != missing else None)
    monkeypatch.setattr(folder, "find_spec", lambda name: name)
    assert folder.is_made_from(tmp_path, "digest") is bool(missing)
    (tmp_path / "report.pdf").write_text("")
    assert folder.is_made_from(tmp_path, "digest")
    assert not folder.is_made_from(tmp_path, "of other results")


def pdf_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PDFs be made in this process, at once."""
    from harness.reports import printing

    monkeypatch.setattr(printing, "render_pdf", lambda html: (b"%PDF", ""))
    monkeypatch.setattr(printing, "subprocess", SimpleNamespace(Popen=no_process, PIPE=-1))


ALWAYS = {"records.csv", "verdicts.json", "entry.json"}


@pytest.mark.parametrize(("words", "files"), [
    ([], {"report.html", "report.pdf", "take-away", ".made-from"}),
    (["--format", "html"], {"report.html"}),
    (["--format", "pdf"], {"report.pdf"}),
])  # fmt: skip
def test_a_format_is_the_only_report_that_is_written(
    words: list[str], files: set[str], finished, here: Path, monkeypatch, capsys
) -> None:
    pdf_here(monkeypatch)
    folder = here / "runs" / "one-quick"
    folder.mkdir(parents=True)
    for each in ("report.html", "report.pdf"):
        (folder / each).write_text("of other results")
    assert finished("report", "residual_depth", *words) == 0
    assert {each.name for each in folder.iterdir()} == ALWAYS | files
    printed = capsys.readouterr().out
    for each in ("report.html", "report.pdf"):
        assert (f"{each}  {folder / each}" in printed) == (each in files)
    index = (here / "runs" / "index.html").read_text(encoding="utf-8")
    for each in ("report.html", "report.pdf"):
        assert (f'href="./one-quick/{each}"' in index) == (each in files)


def test_files_of_the_same_results_stay_beside_a_page_or_a_pdf_made_alone(
    finished, here: Path, monkeypatch
) -> None:
    pdf_here(monkeypatch)
    folder = here / "runs" / "one-quick"
    assert finished("report", "residual_depth") == 0

    def left() -> dict[str, bytes]:
        files = (each for each in folder.rglob("*") if each.is_file())
        return {str(each.relative_to(folder)): each.read_bytes() for each in files}

    before = left()
    assert {"report.html", "report.pdf", ".made-from", "take-away/index.md"} < before.keys()
    for form in ("pdf", "html"):
        assert finished("report", "residual_depth", "--format", form) == 0
        assert left() == before


@pytest.mark.parametrize(("form", "begins"), [("md", "## `residual_depth`"), ("json", "[\n  {")])
def test_text_goes_to_standard_output_and_no_file_is_written(
    form: str, begins: str, finished, here: Path, capsys
) -> None:
    assert finished("report", "residual_depth", "--format", form) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(begins)
    assert captured.err == ""
    assert not (here / "runs").exists()
    if form == "json":
        assert json.loads(captured.out)[0]["study"] == "residual_depth"


@pytest.mark.parametrize(("words", "said"), [
    (["--json"], "must be told its format by --format; got --json. Write --format json."),
    (["--markdown"], "must be told its format by --format; got --markdown. Write --format md."),
    (["--format", "htm"], "must be one of html, pdf, md, json; got 'htm'. Did you mean html?"),
])  # fmt: skip
def test_another_format_is_one_clear_line(words: list[str], said: str, finished, capsys) -> None:
    assert finished("report", "residual_depth", *words) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1


FAILURES = {
    "pdf": "MemoryError",
    "figure": "ValueError: [/x] is no figure",
    "report.html": "No space left on device",
    "report.pdf": "No space left on device",
}


@pytest.mark.parametrize("command", ["run", "report"])
def test_a_machine_without_pango_has_no_pdf_and_that_is_no_failure(
    command: str, finished, here: Path, monkeypatch, capsys
) -> None:
    break_it(monkeypatch, "pango")
    folder = here / "runs" / "one-quick"
    folder.mkdir(parents=True)
    (folder / "report.pdf").write_bytes(b"of before")
    assert finished(command, "residual_depth") == 0
    assert "apt-get install libpango" in capsys.readouterr().out
    assert (folder / "report.html").exists()
    assert not (folder / "report.pdf").exists()


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("command", ["run", "report"])
def test_verdicts_are_printed_and_saved_whatever_becomes_of_the_report(
    what: str, command: str, finished, here: Path, monkeypatch, capsys
) -> None:
    folder = here / "runs" / "one-quick"
    folder.mkdir(parents=True)
    (folder / "report.pdf").write_bytes(b"of before")
    (folder / "report.html").write_bytes(b"of before")
    break_it(monkeypatch, what)
    assert finished(command, "residual_depth") == 1
    captured = capsys.readouterr()
    assert "supported, material" in captured.out
    assert json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert (folder / "records.csv").stat().st_size > 1000
    (line,) = (each for each in captured.err.splitlines() if "try again" in each)
    assert FAILURES[what] in line
    assert line.endswith("To try again: harness report residual_depth --scale quick")
    new = (folder / "report.html").read_bytes() != b"of before"
    assert new == (what in {"pdf", "report.pdf"})
    if new:
        assert not (folder / "report.pdf").exists(), "an old PDF stands beside a new page"
    assert not (folder / ".made-from").exists(), "it would not be tried again"
    assert "report.pdf" not in captured.out


def test_where_nothing_can_be_written_verdicts_are_printed_all_the_same(
    finished, here: Path, capsys
) -> None:
    (here / "runs").mkdir()
    (here / "runs" / "one-quick").write_text("a file stands where the folder should\n")
    assert finished("run", "residual_depth") == 1
    captured = capsys.readouterr()
    assert "supported, material" in captured.out
    lines = captured.err.strip().splitlines()
    assert all(each.startswith("harness: ") for each in lines)
    assert any(each.startswith("harness: the verdicts of residual_depth") for each in lines)


def test_the_other_studies_go_on_and_their_index_is_written(
    finished, here: Path, monkeypatch, capsys
) -> None:
    from harness.reports import printing, render

    first: list[object] = []

    def once(results: object) -> object:
        if not first:
            first.append(results)
            raise RuntimeError("a fault")
        return page()

    monkeypatch.setattr(render, "page_of", once)
    monkeypatch.setattr(printing, "render_pdf", lambda html: (b"%PDF", ""))
    monkeypatch.setattr(printing, "subprocess", SimpleNamespace(Popen=no_process, PIPE=-1))
    assert finished("run", "residual_depth", "init_activation", "--json") == 1
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 2
    assert "RuntimeError: a fault (test_terminal.py:" in captured.err
    assert (here / "runs" / "two-quick" / "report.pdf").read_bytes() == b"%PDF"
    assert (here / "runs" / "index.html").exists()


@pytest.mark.parametrize(("error", "code"), [
    (BrokenPipeError(32, "Broken pipe"), 0),  # as with `| head -1`
    (OSError(28, "No space left on device"), 1),
])  # fmt: skip
def test_files_are_written_though_nobody_can_read_the_verdicts(
    error: OSError, code: int, finished, here: Path, monkeypatch, capsys
) -> None:
    from harness.reports import printing

    def fail(*words: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(printing, "render_pdf", lambda html: (b"%PDF", ""))
    monkeypatch.setattr(printing, "subprocess", SimpleNamespace(Popen=no_process, PIPE=-1))
    monkeypatch.setattr(finish, "print_results", fail)
    monkeypatch.setattr(outlets, "close_own", lambda: None)  # it is the test's own
    assert finished("run", "residual_depth") == code
    folder = here / "runs" / "one-quick"
    for name in ("report.html", "report.pdf", "verdicts.json", "records.csv"):
        assert (folder / name).exists(), name
    said = capsys.readouterr().err
    assert ("could not be printed: [Errno 28] No space left on device" in said) == (code == 1)


def test_a_pipe_that_is_closed_leaves_standard_error_as_it_is(tmp_path: Path) -> None:
    words = (
        "import sys; from harness.terminal import outlets, screen\n"
        "with outlets.kept_apart(), outlets.aside():\n"
        "    try:\n"
        "        [screen.output().print('x' * 9999) for _ in range(99)]\n"
        "    except BrokenPipeError:\n"
        "        print('told', file=sys.stderr)\n"
    )
    (tmp_path / "pipe.py").write_text(words)
    command = f"set -o pipefail; {sys.executable} {tmp_path / 'pipe.py'} | true"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert done.stderr == "told\n"


def test_an_earlier_study_is_told_though_a_later_one_is_wrong(
    finished, here: Path, monkeypatch, capsys
) -> None:
    from harness.reports import printing

    study_of = run_command.run_study
    names = iter(["one", "two"])

    def run_study(*words: object, **more: object) -> object:
        if next(names) == "two":
            raise HarnessError("a study must be right", "this one", "Mend it.")
        return study_of(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(run_command, "run_study", run_study)
    monkeypatch.setattr(printing, "render_pdf", lambda html: (b"%PDF", ""))
    monkeypatch.setattr(printing, "subprocess", SimpleNamespace(Popen=no_process, PIPE=-1))
    assert finished("run", "residual_depth", "init_activation", "--json") == 2
    assert len(json.loads(capsys.readouterr().out)) == 1


class Leaving(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        sys.exit(0)


@dataclass(frozen=True)
class Leaves:
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return Leaving()


def test_a_network_that_ends_the_program_is_a_mistake_when_planning() -> None:
    def build(scale: object, width: int, lr: float) -> Training:
        return replace(tiny.build(scale=scale, width=width, lr=lr), model=Leaves())

    made = replace(tiny, build=build)
    arm = made.arms("quick")[0]
    trial = make_trial(made, "quick", arm, 0, "evaluate", {"lr": 0.1})
    with pytest.raises(HarnessError, match=r"its network cannot be built.*SystemExit"):
        check_trials({arm.name: trial}, reason_of)
