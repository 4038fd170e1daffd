"""Instructions of a step, counted by valgrind's callgrind, in which this process must run."""

from __future__ import annotations

import ctypes
import gc
import statistics
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .counts import Around

TOLERANCE = 0.005
"""By what share instructions may rise: processes of equal code differ by less, but where a step
hashes by address."""

WARM_STEPS = 10  # Python 3.11 rewrites a function's instructions for their types at its 8th call
COUNTED_STEPS = 5

VARIABLES = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=65535",
}
"""Environment variables under which counts depend little on what lies in memory already.

Python's own allocator does more where a pool has just become full or empty: a loop over a range
counted 7 % more or less by what was made before it.
"""

_BLOCKS = 13
_SIZES = range(1, 480, 16)  # malloc rounds to 16 bytes, and larger blocks are few

COUNTED = "counted"
"""The file, in the folder of the answer, that callgrind's dumps are named after."""

SOURCE = """\
/* Requests to valgrind's callgrind. What a request looks like is valgrind's interface to programs,
   as in valgrind/valgrind.h and valgrind/callgrind.h (Copyright (C) Julian Seward and Josef
   Weidendorfer, under a BSD-style licence); this is a short text of our own.
   Without valgrind the instructions do nothing. */

static volatile unsigned long words[6];

long ask(unsigned long request)
{
    volatile unsigned long answer = 0;
    words[0] = request;
#if defined(__x86_64__)
    __asm__ volatile(
        "rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\\n\\t"
        "xchgq %%rbx, %%rbx"
        : "=d"(answer) : "a"(words), "0"(answer) : "cc", "memory");
#elif defined(__aarch64__)
    __asm__ volatile(
        "mov x3, %1; mov x4, %2\\n\\t"
        "ror x12, x12, #3; ror x12, x12, #13; ror x12, x12, #51; ror x12, x12, #61\\n\\t"
        "orr x10, x10, x10\\n\\t"
        "mov %0, x3"
        : "=r"(answer) : "r"(answer), "r"(words) : "cc", "memory", "x3", "x4");
#else
#error "instructions are counted on x86-64 and on 64-bit ARM"
#endif
    return answer;
}
"""
"""C of a library that asks valgrind for something."""

_RUNNING = 0x1001
_CALLGRIND = ord("C") << 24 | ord("T") << 16
_DUMP, _ZERO, _START, _STOP = _CALLGRIND, _CALLGRIND + 1, _CALLGRIND + 4, _CALLGRIND + 5

Once = Callable[[], object]
"""Takes one step."""


def counted(
    once: Once, asked: Mapping[str, Any], around: Around = nullcontext
) -> list[dict[str, Any]]:
    """Return the one figure, as plain values.

    Args:
        once: takes one step.
        asked: what the process was asked for: ``library`` and ``run``, see :class:`Counter`.
        around: what belongs to each step, and is not counted.

    Raises:
        RuntimeError: nothing was counted.
    """
    value = Counter(Path(asked["library"]), Path(asked["run"])).of(once, around)
    return [{"name": "instructions", "value": value, "unit": "count", "judged": "exact",
             "better": "lower", "tolerance": TOLERANCE}]  # fmt: skip


class Counter:
    """Counts the instructions of steps, all threads of this process together."""

    def __init__(self, library: Path, folder: Path) -> None:
        """Load the library.

        Args:
            library: the file that :data:`SOURCE` was compiled into.
            folder: where callgrind writes files whose names begin with :data:`COUNTED`.

        Raises:
            RuntimeError: this process does not run in valgrind.
        """
        self._folder = folder
        self._ask = ctypes.PyDLL(str(library)).ask
        self._ask.argtypes, self._ask.restype = [ctypes.c_ulong], ctypes.c_long
        if not self._ask(_RUNNING):
            raise RuntimeError("this process does not run in valgrind: nothing would be counted")

    def of(self, once: Once, around: Around = nullcontext) -> float:
        """Return the instructions of a warm step: the median of some.

        What asking costs is taken off. Garbage is not collected meanwhile.

        Args:
            once: takes one step; it is called some times.
            around: what belongs to each step, and is not counted.

        Raises:
            RuntimeError: callgrind has counted nothing.
        """
        enabled = gc.isenabled()
        gc.collect()
        gc.disable()
        try:
            for _ in range(WARM_STEPS):
                with around():
                    once()
            self._ask(_START)
            held: list[object] = []
            steps = []
            for _ in range(COUNTED_STEPS):
                held += _blocks()
                with around():
                    once()  # takes from the system, once, what the blocks took away
                with around():
                    steps.append(self._counted(once))
            asking = [self._counted(None) for _ in range(COUNTED_STEPS)]
        finally:
            self._ask(_STOP)
            if enabled:
                gc.enable()
        return statistics.median(steps) - statistics.median(asking)

    def _counted(self, once: Once | None) -> int:
        """Return the instructions between two requests, with or without a step."""
        ask = self._ask
        ask(_ZERO)
        if once is not None:
            once()
        ask(_DUMP)
        files = list(self._folder.glob(f"{COUNTED}.*"))
        total = sum(map(summary, files))
        for each in files:
            each.unlink()
        if total <= 0:
            raise RuntimeError("callgrind has counted no instruction")
        return total


def _blocks() -> list[object]:
    """Return some blocks of memory of each small size.

    While they are kept, a step has other places for its objects, on which its instructions depend
    a little: a median over several places is steadier.
    """
    few = range(_BLOCKS)
    return [*(object() for _ in few), *(bytes(size) for size in _SIZES for _ in few)]


def summary(file: Path) -> int:
    """Return all instructions of a file of callgrind's; 0 where it names none."""
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(("summary:", "totals:")):
            return int(line.split()[1])
    return 0
