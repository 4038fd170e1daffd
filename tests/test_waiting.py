"""The clock that stands still while a process waits for a processor."""

import hashlib
import json
import subprocess
import sys
import threading

import pytest

from harness.probe import waiting
from harness.probe.waiting import both_times
from tests.layout import ROOT


def work() -> None:
    sum(range(20_000))


def told() -> bool:
    with waiting._Waited() as waited:
        return waited.told


needs_linux = pytest.mark.skipif(not told(), reason="the system does not tell how long it waits")


FRESH = """
import json, os, signal, statistics, subprocess, sys, time
from harness.probe.waiting import both_times

def work():
    sum(range(20_000))

def told(once, seconds):
    times = both_times(once, seconds)
    print(json.dumps([statistics.fmean(times.wall), statistics.fmean(times.steady)]))
"""


def fresh(code: str) -> tuple[float, float]:
    """Run code in a process that has nothing else; return the means by both clocks."""
    done = subprocess.run(
        [sys.executable, "-c", f"{FRESH}\n{code}"], capture_output=True, text=True, check=True,
        cwd=ROOT,
    )  # fmt: skip
    wall, steady = json.loads(done.stdout)
    return wall, steady


@needs_linux
def test_what_others_take_of_the_processor_is_left_out() -> None:
    wall, steady = fresh("""
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # inherited: all compete for one
busy = "import time; end = time.time() + 20\\nwhile time.time() < end: pass"
words = f"[sys.executable, '-c', {busy!r}]"
starter = f"import subprocess, sys\\nfor _ in range(2): subprocess.Popen({words})"
group = subprocess.Popen([sys.executable, "-c", starter], start_new_session=True)
group.wait()  # so that the busy ones are no children of this process
try:
    time.sleep(0.5)
    told(work, 0.5)
finally:
    os.killpg(group.pid, signal.SIGKILL)
""")
    assert steady < 0.7 * wall  # a third is this process's part, if it is shared fairly


@needs_linux
def test_sleep_is_no_waiting_for_a_processor() -> None:
    _, steady = fresh("told(lambda: time.sleep(0.002), 0.1)")
    assert steady > 0.0019


@needs_linux
def test_what_the_process_itself_computes_beside_is_never_left_out() -> None:
    ended = threading.Event()

    def busy() -> None:
        while not ended.is_set():
            hashlib.sha256(bytes(1_000_000)).digest()  # without the lock of the interpreter

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        assert both_times(work, 0.2).steady == ()
    finally:
        ended.set()
        thread.join()
    child = [sys.executable, "-c", "sum(range(3_000_000))"]
    assert both_times(lambda: subprocess.run(child, check=True) and None, 0.2).steady == ()
    waits = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert both_times(work, 0.1).steady == ()
    finally:
        waits.communicate(b"\n")


def test_a_system_that_does_not_tell_gives_the_clock_on_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(waiting.os, "open", refused)
    assert not told()
    times = both_times(work, 0.05)
    assert len(times.wall) >= 5
    assert times.steady == ()
