"""Peak memory of a warm training step, in parts.

torch counts no peak on a CPU, and a step's growth of the resident set is noise, so there the peak
is the cumulative maximum of torch's allocation events, and VmHWM stands beside it.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from .counts import Around

Step = Callable[[], None]
"""Takes one training step."""

Peak = tuple[int, dict[str, int], str]
"""Peak bytes, figures by name as ``Profile.memory`` describes them, and a note."""

_MARK = "harness: the step measured"


def reset_high_water() -> None:
    """Let VmHWM, this process's peak resident set, be what is resident now (proc(5)).

    Raises:
        OSError: this system does not let it.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def cpu_peak(
    start: Callable[[], Step],
    held: Mapping[str, int],
    gradients: int,
    reset: Callable[[], None] = reset_high_water,
) -> Peak:
    """Return the peak on a CPU: torch's allocations in one step, and what is held before it.

    oneDNN's own memory is in neither; ``vm_hwm``, the peak resident set of the whole process during
    another step, has everything.

    Args:
        start: makes a step with optimizer state of its own.
        held: bytes that stay from step to step, by part.
        gradients: bytes of the gradients.
        reset: resets the high-water mark that ``vm_hwm`` is read from.
    """
    _, growth = cpu_growth(start)
    parts = {**held, "gradients": gradients, "activations": growth - gradients}
    peak = sum(parts.values())
    if not _high_water_resets(reset):
        return peak, parts, "no vm_hwm: this system cannot reset a process's high-water mark"
    once = start()
    once()
    reset()
    once()
    return peak, parts | {"vm_hwm": _status("VmHWM")}, ""


def cuda_peak(start: Callable[[], Step], held: Mapping[str, int], gradients: int) -> Peak:
    """Return the caching allocator's peak on the current CUDA device, over two warm steps.

    Arguments are those of :func:`cpu_peak`. ``workspace`` is what is held between steps beyond
    ``held``: the workspaces of cuBLAS, and the rounding of every block to 512 bytes.
    """
    before, after = cuda_stats(start)
    before_step = before["allocated_bytes.all.current"]
    peak = after["allocated_bytes.all.peak"]
    parts = {
        **held,
        "gradients": gradients,
        "activations": peak - before_step - gradients,
        "workspace": before_step - sum(held.values()),
        "reserved": after["reserved_bytes.all.peak"],
        "inactive_split": after["inactive_split_bytes.all.peak"],
    }
    retries, failures = (after[name] - before[name] for name in ("num_alloc_retries", "num_ooms"))
    if not retries and not failures:
        return peak, parts, ""
    return peak, parts, f"memory was short: {retries} allocation retries and {failures} failures"


def cuda_stats(start: Callable[[], Step]) -> tuple[dict[str, int], dict[str, int]]:
    """Return what the caching allocator counts before and after two warm steps on this device."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()  # what an earlier arm left in the pool is not this one's
    once = start()
    once()
    once()
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_stats()
    once()
    once()
    torch.cuda.synchronize()
    return before, torch.cuda.memory_stats()


def cpu_growth(start: Callable[[], Step], around: Around = nullcontext) -> tuple[int, int]:
    """Return what is held before a warm step, and by how much the step exceeds it at its peak.

    Both are bytes that torch has allocated since ``start`` was called. Arguments are those of
    :func:`cpu_allocations`.
    """
    seen = cpu_allocations(start, around)
    return seen.held, seen.growth


@dataclass(frozen=True)
class Allocations:
    """What torch allocates and frees in one warm step.

    Attributes:
        held: bytes before it.
        changes: when, from 0 for the step's start to 1 for its end, and by how many bytes, in
            order.
        begins: when each marked part begins for the first time, by its name.
    """

    held: int
    changes: tuple[tuple[float, int], ...]
    begins: Mapping[str, float]

    @property
    def growth(self) -> int:
        """By how many bytes the step exceeds what is held before it, at its peak."""
        return max(accumulate(size for _, size in self.changes), default=0)

    def timeline(self, most: int = 200) -> tuple[int, ...]:
        """Return the bytes at ``most`` even distances, each the most since the one before."""
        places: list[list[int]] = [[] for _ in range(most)]
        total = self.held
        last = self.held
        for at, size in self.changes:
            total += size
            places[min(int(at * most), most - 1)].append(total)
        out = []
        for totals in places:
            out.append(max((last, *totals)))
            last = totals[-1] if totals else last
        return tuple(out)


def mark(part: str) -> None:
    """Say within a step that :func:`cpu_allocations` looks at that a part of it begins."""
    from torch.profiler import record_function

    with record_function(f"{_MARK}: {part}"):
        pass


def cpu_allocations(start: Callable[[], Step], around: Around = nullcontext) -> Allocations:
    """Return what a warm step allocates, as the profiler tells.

    Args:
        start: makes a step with optimizer state of its own; it may call :func:`mark`.
        around: what belongs to each step, and happens before and after it.
    """
    from torch.profiler import ProfilerActivity, profile, record_function

    # without acc_events torch 2.11 warns that events of earlier cycles are lost; there is one cycle
    with (
        _quiet(),
        profile(
            activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True
        ) as profiler,
    ):
        # The profiler passes over the freeing of blocks that it did not see come, such as state
        # of an earlier step; so state begins in here, and the first step is not looked at.
        once = start()
        with around():
            once()
        with around(), record_function(_MARK):
            once()
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    whole = next(each for each in events if each["name"] == _MARK and each["ph"] == "X")
    began, took = whole["ts"], whole["dur"] or 1.0
    changes = sorted(
        (
            ((each["ts"] - began) / took, int(each["args"]["Bytes"]))
            for each in events
            if each["name"] == "[memory]" and each["ts"] - began <= took
        ),
        key=lambda change: change[0],
    )
    begins = {
        each["name"].removeprefix(f"{_MARK}: "): (each["ts"] - began) / took
        for each in sorted(events, key=lambda event: -event.get("ts", 0))
        if each["name"].startswith(f"{_MARK}: ") and each["ph"] == "X" and each["ts"] >= began
    }
    return Allocations(
        sum(size for at, size in changes if at < 0),
        tuple((at, size) for at, size in changes if at >= 0),
        begins,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the profiler's library from writing to standard error that there is no GPU."""
    name = "KINETO_LOG_LEVEL"
    before = os.environ.get(name)
    os.environ[name] = before or "99"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that this machine or container still has, ``None`` where nobody can tell.

    Linux says what can be had without swapping (proc(5), "meminfo"), and what a container may use
    and does (cgroups(7); in version 2 a container sees its own limit at the top). What it has read
    of files and can drop again counts as free.

    Args:
        root: where /proc and /sys are.
    """
    try:
        lines = (root / "proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    free = next((1024 * int(x.split()[1]) for x in lines if x.startswith("MemAvailable:")), None)
    if free is None:
        return None
    for folder, limit, used, droppable in (
        ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        (
            "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ):  # fmt: skip
        try:
            texts = [
                (root / folder / each).read_text(encoding="ascii")
                for each in (limit, used, "memory.stat")
            ]
            most, taken, stat = int(texts[0]), int(texts[1]), texts[2].splitlines()
        except (OSError, ValueError):  # not there, or "max"
            continue
        taken -= sum(int(line.split()[1]) for line in stat if line.split()[0] == droppable)
        free = min(free, max(most - taken, 0))
    return free


def _status(name: str) -> int:
    """Return one of this process's sizes in bytes (proc(5), "status")."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


@lru_cache(maxsize=1)
def _high_water_resets(reset: Callable[[], None]) -> bool:
    """Tell whether VmHWM rises with a block of 64 MiB and falls when told to (proc(5))."""
    size = 2**26
    try:
        reset()
        before = _status("VmHWM")
        block = b"\1" * size  # written to, so that it is resident
        risen = _status("VmHWM") - before
        del block
        reset()
        left = _status("VmHWM") - before
    except (OSError, StopIteration):
        return False
    return left < size / 2 < risen
