"""What a step does, counted: operators of torch, floating-point operations, calls of Python.

The counts depend on the code and on the shapes, not on the machine's speed. Each function takes one
step first, as the first step makes what is made once.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

Once = Callable[[], object]
"""Takes one step."""

Around = Callable[[], AbstractContextManager[object]]
"""Makes what is entered before a step, and left after it: what happens there is not counted."""


def operators(once: Once, around: Around = nullcontext) -> dict[str, int]:
    """Return how often a warm step calls each operator of torch, by name and shapes.

    A key is such as ``aten::mm [64,128]x[128,10]``: the operator, and the shapes of the tensors
    that it is given. Operators are those that torch's dispatcher sees below autograd, backward
    included; views count, as they cost time, too.

    Args:
        once: takes one step; it is called twice.
        around: what belongs to each step, and is not counted.
    """
    with around():
        once()
    if "torch" not in sys.modules:  # the step has not used it, and importing it takes seconds
        return {}
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    found: Counter[str] = Counter()

    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(  # type: ignore[no-untyped-def]
            self, func, types, args=(), kwargs=None
        ):
            name = getattr(getattr(func, "_schema", None), "name", str(func))
            shapes = (
                "[" + ",".join(map(str, each.shape)) + "]"
                for each in _flat((args, kwargs or {}))
                if isinstance(each, torch.Tensor)
            )
            found[f"{name} {'x'.join(shapes)}".rstrip()] += 1
            return func(*args, **(kwargs or {}))

    with around(), Counting():  # type: ignore[no-untyped-call]
        once()
    return dict(sorted(found.items()))


def by_name(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of :func:`operators` without the shapes: added up by operator."""
    found: Counter[str] = Counter()
    for key, count in counts.items():
        found[key.partition(" ")[0]] += count
    return dict(sorted(found.items()))


def flops(once: Once, around: Around = nullcontext) -> int:
    """Return the floating-point operations of a warm step's matrix products and convolutions.

    A multiplication and an addition count as two (``torch.utils.flop_counter``). Operators of the
    user's own and compiled code are not seen.

    Args:
        once: takes one step; it is called twice.
        around: what belongs to each step, and is not counted.
    """
    with around():
        once()
    if "torch" not in sys.modules:
        return 0
    from torch.utils.flop_counter import FlopCounterMode

    with around(), FlopCounterMode(display=False) as counter:
        once()
    return int(counter.get_total_flops())


def python_calls(once: Once, around: Around = nullcontext) -> int:
    """Return how many calls of Python functions a warm step makes in this thread.

    Going on with a generator counts as a call. The number differs between versions of Python:
    since 3.12 a comprehension is none. Garbage is not collected meanwhile, so that finalizers do
    not count at random.

    Args:
        once: takes one step; it is called twice.
        around: what belongs to each step, and is not counted.

    Raises:
        RuntimeError: every place for a tool that watches Python is taken (Python 3.12 and later).
    """
    with around():
        once()
    with around(), _no_collection():
        return _monitored(once) if sys.version_info >= (3, 12) else _profiled(once)


@contextmanager
def _no_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _profiled(once: Once) -> int:
    """Count by ``sys.setprofile``, putting back what was set before."""
    count = 0

    def watch(frame: object, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        once()
    finally:
        sys.setprofile(before)
    return count


if sys.version_info >= (3, 12):

    def _monitored(once: Once) -> int:
        """Count by ``sys.monitoring``, which sees every thread; those of others do not count."""
        import threading

        watching = sys.monitoring
        tool = next((place for place in (2, 3, 4, 0, 5) if not watching.get_tool(place)), None)
        if tool is None:
            raise RuntimeError("no place is free for a tool that watches Python (sys.monitoring)")
        count = 0
        mine = threading.get_ident()

        def watch(*_: object) -> None:
            nonlocal count
            count += threading.get_ident() == mine

        events = (
            watching.events.PY_START, watching.events.PY_RESUME, watching.events.PY_THROW,
        )  # fmt: skip
        watching.use_tool_id(tool, "harness")
        try:
            for event in events:
                watching.register_callback(tool, event, watch)
            watching.set_events(tool, events[0] | events[1] | events[2])
            once()
            watching.set_events(tool, 0)
        finally:
            watching.set_events(tool, 0)
            for event in events:
                watching.register_callback(tool, event, None)
            watching.free_tool_id(tool)
        return count

else:
    _monitored = _profiled


def _flat(value: object) -> Iterator[object]:
    """Yield what lies in lists, tuples and dictionaries, in order."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _flat(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _flat(each)
    else:
        yield value
