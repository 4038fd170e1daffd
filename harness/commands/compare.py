"""``harness compare``: runs set side by side, printed, and left as a page, a PDF and JSON."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from harness.commands.compared_markdown import MOST_ROWS, compared_markdown
from harness.commands.index import home_of, write_index
from harness.commands.place import Place
from harness.commands.references import Found, find_runs
from harness.commands.tables import plain as empty_table
from harness.messages.calm import calm
from harness.messages.errors import HarnessError, one_line
from harness.running.timing import costs_of
from harness.storing.ledger import Ledger
from harness.storing.notes import choices
from harness.storing.store import Store
from harness.study.formatting import DASH, level_text
from harness.terminal import outlets, screen
from harness.terminal.files import TAKE_AWAY, utf8, write_whole
from harness.terminal.screen import line, words

if TYPE_CHECKING:  # what judges imports scipy
    from harness.compared.comparison import Comparison, Pair
    from harness.compared.sides import Side
    from harness.judging.results import Results

ELSEWHERE = "Name another folder with --out."

FILES = ("compare.html", "compare.pdf", "compare.json")
"""What is left in the output folder."""

STYLES = {"good": "green", "bad": "red", "same": "cyan", "open": "yellow", "none": "bright_black"}


def compare_runs(
    named: Sequence[str], out: Path, place: Place, *, shown: bool, as_json: bool
) -> tuple[Comparison, bool]:
    """Compare runs, print what came of it, and leave the files.

    Args:
        named: what names each, the base first.
        out: the output folder.
        place: opens stores.
        shown: whether anything is printed.
        as_json: whether JSON is printed to standard output.

    Returns:
        The comparison, and whether all files could be written.

    Raises:
        HarnessError: fewer than two are named, one is not there, or they have nothing in common.
    """
    from harness.compared.plain import plain

    comparison = compared(named, place)
    text = json.dumps(plain(comparison), indent=2, ensure_ascii=False) + "\n"
    if as_json:
        screen.give(text.rstrip())
    elif shown:
        try:
            print_comparison(comparison, screen.output())
        except OSError as error:  # files are written all the same
            outlets.close_own()
            if not isinstance(error, BrokenPipeError):
                screen.complain(f"harness: the comparison could not be printed: {error}")
    named_again = [each for _, each in comparison.named]
    again = shlex.join(["harness", "compare", *named_again, *place.words()])
    whole = write(comparison, text, out, again, shown=shown)
    return comparison, not write_index(home_of(out, place.usual), again, shown=shown) and whole


# ---- what is compared ---------------------------------------------------------------------------


def compared(named: Sequence[str], place: Place) -> Comparison:
    """Find runs, judge each as it was declared when it was run, and compare them.

    Args:
        named: what names each, the base first.
        place: opens stores.

    Raises:
        HarnessError: as :func:`compare_runs` says.
    """
    from harness.compared.comparison import compare

    if len(named) < 2:
        raise HarnessError(
            "harness compare must be given two runs or more", f"{len(named)}",
            "Write harness compare runs~1 runs, say, which compares the newest run with the one "
            "before; or two stores.",
        )  # fmt: skip
    stores: dict[str, Store] = {}
    places = [
        (label(number), word, find_runs(word, place, stores)) for number, word in enumerate(named)
    ]
    groups, alone = grouped([(letter, found) for letter, _, found in places])
    if not groups:
        listed = "; ".join(
            f"{letter}: {', '.join(':'.join(each.study) for each in found)}"
            for letter, _, found in places
        )
        raise HarnessError(
            "runs must have a study at a scale in common",
            listed,
            "Name one of each, by @STUDY:SCALE, and they are compared whatever they are called.",
        )
    sides = [[side_of(letter, each) for letter, each in group] for group in groups]
    return compare([(letter, found[0].reference.text) for letter, _, found in places], sides, alone)


def label(number: int) -> str:
    """Return the letter of a run, from A on; beyond Z a number, too."""
    letter = chr(ord("A") + number % 26)
    return letter if number < 26 else f"{letter}{number // 26 + 1}"


def grouped(
    places: Sequence[tuple[str, Sequence[Found]]],
) -> tuple[list[list[tuple[str, Found]]], list[tuple[str, str]]]:
    """Return which runs are compared, the base first, and what stands in one place alone.

    Where every place has one run, these are compared, whatever they are. Else those are that have
    the name of their study and of its scale in common with the base.

    Args:
        places: the letter of each place, and its runs.
    """
    if all(len(found) == 1 for _, found in places):
        return [[(letter, found[0]) for letter, found in places]], []
    (base, first), *others = places
    groups = []
    used: set[tuple[str, tuple[str, str]]] = set()
    for each in first:
        fitting = [
            (letter, one) for letter, found in others for one in found if one.study == each.study
        ]
        if fitting:
            groups.append([(base, each), *fitting])
            used |= {(letter, each.study) for letter, _ in groups[-1]}
    alone = [
        (letter, ":".join(each.study))
        for letter, found in places
        for each in found
        if (letter, each.study) not in used
    ]
    return groups, alone


def side_of(letter: str, found: Found) -> Side:
    """Judge a run, and give it its letter."""
    from harness.compared.sides import Side

    return Side(letter, found.reference.text, judged(found))


def judged(found: Found) -> Results:
    """Judge a run as it was declared when it was run; nothing is written, and no file is loaded."""
    from harness.judging.results import assemble

    kept = found.kept
    manifest = kept.manifest
    ledger = Ledger(found.store, kept.declaration, kept.declaration.scale, kept.ledger)
    costs, unmeasured = costs_of(ledger, manifest.programs, manifest.machine)
    return assemble(
        kept.declaration, ledger.records(), manifest, costs, unmeasured, manifest.revision or "",
        choices(ledger),
    )  # fmt: skip


# ---- what is printed ----------------------------------------------------------------------------


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the answer, and for each pair what changed, verdicts and effects."""
    from harness.compared.words import answer, corrected, headline

    for letter, text in comparison.named:
        line(console, f"{letter}: {text}", whole=True)
    line(console, headline(comparison))
    for pair in comparison.pairs:
        _print_pair(pair, console, answer(pair) if len(comparison.pairs) > 1 else "")
    for letter, what in comparison.alone:
        line(console, f"In {letter} alone: {what}.")
    line(console, corrected(comparison))


def _print_pair(pair: Pair, console: Console, said: str) -> None:
    from harness.compared.words import alone_lines, changes_line, same_line

    title = f"{pair.other.label} against {pair.base.label}: {':'.join(pair.base.study)}"
    if pair.other.study != pair.base.study:
        title += f" and {':'.join(pair.other.study)}"
    if said:
        line(console, f"{title}. {said}")
    line(console, changes_line(pair))
    if pair.claims.matched:
        _print_verdicts(pair, title, console)
    if pair.effects:
        _print_effects(pair, title, console)
    for each in (*alone_lines(pair), same_line(pair), *pair.unknown, *pair.costs.notes):
        if each:
            line(console, each)


def _print_verdicts(pair: Pair, title: str, console: Console) -> None:
    from harness.compared.words import difference_of, effect_of, interval_of

    base, other = pair.base.label, pair.other.label
    table = empty_table(f"Verdicts, {title}", [
        ("", False), ("claim", False), (f"in {base}", False), (f"in {other}", False),
        (f"{other} − {base}", True),
    ])  # fmt: skip
    for each in pair.claims.matched:
        metric = each.base.metric
        mark = ("worse" if each.step < 0 else "better" if each.step > 0 else "changed") * (
            each.changed
        )
        style = {"worse": "red", "better": "green", "changed": "yellow"}.get(mark, "")
        told = "".join(f"\n{one.what}: {one.before} → {one.after}" for one in each.changes)
        effect = difference_of(each)
        interval = interval_of(metric, each.seen)
        table.add_row(
            words(mark, style),
            words(each.base.claim.text + told),
            *(
                words(f"{one.word}\n{effect_of(one.metric, one.seen)}")
                for one in (each.base, each.other)
            ),
            words(f"{effect}\n{interval}" if interval else effect),
        )
    console.print(table)


def _print_effects(pair: Pair, title: str, console: Console) -> None:
    from harness.compared.words import MARKS, TONES, effect_of, interval_of, rank

    base, other = pair.base.label, pair.other.label
    table = empty_table(f"Arms, {title}", [
        ("", False), ("arm", False), ("metric", False), (f"in {base}", True), (f"in {other}", True),
        (f"{other} − {base}", True), ("compared", False),
    ])  # fmt: skip
    rows = sorted(pair.effects, key=lambda each: rank(each.finding))
    for each in rows[:MOST_ROWS]:
        effect = "the same" if each.finding == "same" else effect_of(each.metric, each.seen)
        interval = interval_of(each.metric, each.seen) if each.finding != "same" else ""
        table.add_row(
            words(f"{MARKS[each.finding]} {each.finding}", STYLES[TONES[each.finding]]),
            words(each.arm),
            words(each.metric.title),
            *(words(level_text(each.metric, mean) if math.isfinite(mean) else DASH)
              for mean in each.means),
            words(f"{effect}\n{interval}" if interval else effect),
            words(each.why),
        )  # fmt: skip
    console.print(table)
    if len(rows) > MOST_ROWS:
        line(console, f"{len(rows) - MOST_ROWS} more effects are in compare.html.")


# ---- what is written ----------------------------------------------------------------------------


def write(comparison: Comparison, text: str, out: Path, again: str, *, shown: bool) -> bool:
    """Write JSON, page and PDF, each whole or not at all; return whether all could be.

    Args:
        comparison: what is written.
        text: the same as JSON.
        out: the folder.
        again: the command that tries again.
        shown: whether to say where they are.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    from harness import reports  # the composition root: they import harness

    _clear(out)
    content = utf8(text)
    done = [write_whole(out / "compare.json", content, ELSEWHERE)]
    printing = reports.Printing()
    try:
        with calm():
            cited = reports.cited_comparison(comparison, again)
            made = {"compare.json": text}
            texts = {
                "summary.md": compared_markdown(comparison),
                "CITATION.txt": reports.citation(cited, {"compare.json": content}),
            }
            written = reports.write_comparison(
                comparison, out, printing, texts=texts, attached=made
            )
            finished = written.finished()
    except HarnessError:
        raise
    except Exception as error:  # the comparison is printed, and stands in compare.json
        said = f"the page could not be written: {type(error).__name__}: {error}. To try again: "
        screen.complain(f"harness: {one_line(said + again)}")
        return False
    finally:
        printing.cancel()  # where it came to nothing
    done += [each for each in (finished.html, finished.pdf) if each is not None]
    done += [out / TAKE_AWAY] * bool(finished.taken)
    if shown:
        for path in done:
            line(screen.output(), f"{path.name}  {path.resolve()}", whole=True)
    for said in filter(None, (finished.untaken, finished.unlinked, finished.note)):
        screen.complain(f"harness: {said}")
    whole = not finished.untaken and not finished.unlinked
    return whole and (finished.pdf is not None or finished.lacking)


def _clear(out: Path) -> None:
    """Remove the files of a comparison before: nobody can take them for this one's.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    from harness.reports import remove_taken

    try:
        for name in FILES:
            (out / name).unlink(missing_ok=True)
        remove_taken(out)
    except OSError as error:
        raise HarnessError("--out must be a folder that can be written to",
                           f"{out}: {error.strerror}", ELSEWHERE) from error  # fmt: skip
