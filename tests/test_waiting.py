"""The clock that stands still while a process waits for a processor."""

import os
import statistics
import subprocess
import sys
import time

import pytest

from harness.probe import waiting
from harness.probe.clock import cpu_times
from harness.probe.waiting import has_children, steady_times


def work() -> None:
    sum(range(20_000))


def told() -> bool:
    with waiting._Waited() as waited:
        return waited.told


needs_linux = pytest.mark.skipif(not told(), reason="the system does not tell how long it waits")


@needs_linux
def test_what_others_take_of_the_processor_is_left_out() -> None:
    here = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, here[:1])  # inherited, so that all compete for one processor
    try:
        busy = [subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(2)]
        try:
            time.sleep(0.3)
            wall, steady = cpu_times(work, 0.4), cpu_times(work, 0.4, clock())
        finally:
            for each in busy:
                each.kill()
                each.wait()
    finally:
        os.sched_setaffinity(0, here)
    assert statistics.fmean(steady) < 0.7 * statistics.fmean(wall)  # a third, if shared fairly


def clock():  # type: ignore[no-untyped-def]
    return waiting._Waited().__enter__().now


@needs_linux
def test_sleep_is_no_waiting_for_a_processor() -> None:
    assert statistics.median(steady_times(lambda: time.sleep(0.002), 0.1)) > 0.002


def test_where_children_may_keep_it_busy_it_is_the_clock_on_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = []

    def cpu_times(once, seconds, clock=time.perf_counter_ns):  # type: ignore[no-untyped-def]
        del once, seconds
        clocks.append(clock)
        return [1.0]

    monkeypatch.setattr(waiting, "cpu_times", cpu_times)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert has_children()
        assert steady_times(work, 0.1) == [1.0]
        assert clocks[-1] is time.perf_counter_ns
    finally:
        child.communicate(b"\n")


def test_a_system_that_does_not_tell_gives_the_clock_on_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(waiting.os, "open", refused)
    assert not told()
    assert len(steady_times(work, 0.05)) >= 5
