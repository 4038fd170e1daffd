"""Tests of pytest-benchmark, run for their times, or for what the function they time does."""

from __future__ import annotations

import ast
import importlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from .counts import Around
from .exact import Json, exact_figures, figure, reading
from .instructions import counted as instructions

_QUICKLY = (
    "--benchmark-min-rounds=1", "--benchmark-max-time=0.000001", "--benchmark-min-time=0.000001",
    "--benchmark-calibration-precision=1", "--benchmark-warmup=off",
)  # fmt: skip
"""Options for tests whose times are not read."""

_REPEATED = {
    "exact": "To count what it does, its function is called about ten times; --only-time leaves "
    "that out",
    "instructions": "To count its instructions, its function is called about twenty times; without "
    "--instructions it is not",
}


def prepared(each: Json, asked: Json) -> Callable[[], list[Json]]:
    """Import what tests need; return what runs them, once, and reads their benchmarks.

    Args:
        each: ``file`` and ``node`` of the tests.
        asked: the request, as ``reading.py`` takes it. Of ``part`` ``exact`` and ``instructions``,
            the function that a test gives to its fixture ``benchmark`` is counted, with the
            arguments given there; of ``names``, only the names of benchmarks are kept.

    Raises:
        ImportError: pytest or pytest-benchmark is not installed.
    """
    pytest = importlib.import_module("pytest")
    importlib.import_module("pytest_benchmark")
    file = Path(asked["folder"], each["file"])
    for name in _imports(file):  # now, beside other processes, not while this one measures
        with suppress(Exception):
            importlib.import_module(name)
    node = f"{file}::{each['node']}" if each["node"] else str(file)
    words = [node, "--benchmark-only", "-p", "no:cacheprovider", f"--rootdir={asked['folder']}",
             "-q", "-o", "addopts="]  # fmt: skip

    def run(*options: str, said: str = "", failing: bool = False) -> None:
        watch = _Watch(asked)
        code = pytest.main([*words, *options], plugins=[watch])
        asked["skipped"] |= watch.skipped
        if code in {2, 4, 5} and watch.error is not None:
            raise watch.error  # the tests could not be read: the side may lack what they import
        if code == 1 and watch.lacking and watch.error is None:
            asked["lacking"] |= watch.lacking  # and the other tests are measured
            return
        if code == 5 and watch.skipped:
            return  # all of the file was skipped
        if code and not (code == 1 and failing):
            why = watch.why or "see what it says"
            raise RuntimeError(f"pytest ended with {int(code)}: {why}{said and f'. {said}'}")

    def timed(*options: str, failing: bool = False) -> list[Json]:
        written = Path.cwd() / "pytest-benchmark.json"
        written.unlink(missing_ok=True)
        run(f"--benchmark-json={written}", *options, failing=failing)
        return _some(_medians(written), asked)

    def times() -> list[Json]:
        return timed(f"--benchmark-max-time={asked['seconds']}")

    def names() -> list[Json]:
        # of one that fails by itself nothing is known; the others are there all the same
        asked["names"] += (one["benchmark"] for one in timed(*_QUICKLY, failing=True))
        return []

    def counts() -> list[Json]:
        found: list[Json] = []
        with _counting(found, asked):
            run(*_QUICKLY, said=_REPEATED[asked["part"]])
        return _some(found, asked)

    if asked["part"] in _REPEATED:
        return counts
    return names if asked["part"] == "names" else times


class _Watch:
    """A plugin of pytest that keeps the first error, and what this side cannot run, or skips."""

    def __init__(self, asked: Json) -> None:
        self.error: BaseException | None = None
        self.why = ""
        self.lacking: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self._own = asked["own"]
        self._doing = Path(asked["run"], "doing")
        self._benchmarks: set[str] = set()

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        """Keep what was raised, of an error of collecting what it came from.

        A test that needs something of the project that this side has not is lacking.
        """
        found = call.excinfo.value
        found = found.__cause__ or found
        why = lacks(found, self._own) if call.when == "call" else ""
        if why:
            self.lacking[node.nodeid] = why
        elif self.error is None:
            self.error = found
            self.why = f"{node.nodeid}: {type(found).__name__}: {found}"

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which test is in work, for the case that it ends the process."""
        self._doing.write_text(nodeid, encoding="utf-8")

    def pytest_itemcollected(self, item: Any) -> None:
        """Keep which tests are benchmarks: all others are skipped in any case."""
        if "benchmark" in getattr(item, "fixturenames", ()):
            self._benchmarks.add(item.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """Keep that a whole file is skipped."""
        if report.skipped:
            self.skipped[report.nodeid] = _reason(report)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep that a benchmark is skipped, or is expected to fail and does."""
        if report.skipped and report.nodeid in self._benchmarks:
            self.skipped[report.nodeid] = _reason(report)


def _reason(report: Any) -> str:
    """Say why a test was skipped, in its own words."""
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return f"xfail: {expected or 'no reason is given'}"
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(said).removeprefix("Skipped: ").strip()


def lacks(error: BaseException | None, own: Sequence[str]) -> str:
    """Say what of the side's own modules is not there, where that is why something failed.

    Args:
        error: what was raised.
        own: names of the side's own modules, at the top.

    Returns:
        The error in words; empty where it is another one.
    """
    if isinstance(error, ImportError):
        name = error.name or ""
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        name = error.obj.__name__
    else:
        return ""
    return f"{type(error).__name__}: {error}" if name.partition(".")[0] in own else ""


@contextmanager
def _counting(found: list[Json], asked: Json) -> Iterator[None]:
    """Let the fixture ``benchmark`` count what it is given, before it times it as always.

    Args:
        found: to which a reading of each benchmark is added.
        asked: the request: ``part`` says what is counted.
    """
    fixture: Any = importlib.import_module("pytest_benchmark.fixture").BenchmarkFixture
    timed, timed_pedantic = fixture.__call__, fixture.pedantic

    def count(self: Any, once: Callable[[], object], around: Around = nullcontext) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the counters, where the tests make them errors
            figures = (
                instructions(once, asked, around)
                if asked["part"] == "instructions"
                else exact_figures(once, around)
            )
            found.append(reading(self.fullname, figures))

    @wraps(timed)
    def counted(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        count(self, lambda: function(*args, **kwargs))
        return timed(self, function, *args, **kwargs)

    @wraps(timed_pedantic)
    def counted_pedantic(
        self: Any, target: Any, args: Any = (), kwargs: Any = None, setup: Any = None,
        teardown: Any = None, rounds: int = 1, warmup_rounds: int = 0, iterations: int = 1,
    ) -> Any:  # fmt: skip
        del rounds, warmup_rounds, iterations  # it is called as often as counting needs
        given = [args, kwargs or {}]
        now: list[Any] = []

        @contextmanager
        def around() -> Iterator[None]:
            now[:] = (setup and setup()) or given
            yield
            if teardown is not None:
                teardown(*now[0], **now[1])
            now.clear()  # what was set up is not held until the next call

        count(self, lambda: target(*now[0], **now[1]), around)
        ends = {"teardown": teardown} if teardown is not None else {}  # new in pytest-benchmark 5
        return timed_pedantic(self, target, args=args, kwargs=kwargs, setup=setup, **ends)

    fixture.__call__, fixture.pedantic = counted, counted_pedantic
    try:
        yield
    finally:
        fixture.__call__, fixture.pedantic = timed, timed_pedantic


def _medians(written: Path) -> list[Json]:
    text = written.read_text(encoding="utf-8") if written.is_file() else ""
    return [
        reading(
            one["fullname"],
            [
                figure("median", one["stats"]["median"], "s", "time"),
                figure("rounds", one["stats"]["rounds"], "count", "shown", better="higher"),
            ],
        )
        for one in (json.loads(text)["benchmarks"] if text.strip() else [])
    ]


def _some(found: list[Json], asked: Json) -> list[Json]:
    for one in found:  # one that is expected to fail may have been measured before it failed
        asked["skipped"].pop(one["benchmark"], None)
    if not (found or asked["lacking"] or asked["skipped"]):
        raise RuntimeError("no benchmark was run: no test there uses the fixture `benchmark`")
    return found


def _imports(file: Path) -> list[str]:
    """Return the modules that a file imports at its top level."""
    names: list[str] = []
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return names
