"""A function that may do anything, for tests: what no training should do, and what it may."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from harness import Context, Factor, Float, Metric, Scale, Search, Study


def misbehave(context: Context, what: str) -> object:
    """Do what a name says, and nothing that a training should."""
    return WAYS[what](context)


def _fork_and_leave(context: Context) -> dict[str, float]:
    left = [
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid,
        subprocess.Popen(["sleep", "60"], start_new_session=True).pid,
    ]
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    (context.folder / "left").write_text(" ".join(map(str, [*left, child])), encoding="utf-8")
    return {"loss": 1.0}


def _exhaust(_context: Context) -> dict[str, float]:
    import resource

    limit = 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return {"loss": float(len(bytearray(2**40)))}


def _change(context: Context) -> dict[str, float]:
    print("a line that is printed")
    os.chdir("/")
    os.environ["OF_A_TRIAL"] = "1"
    torch.set_default_dtype(torch.float64)
    random.seed(1)
    return {"loss": float(os.environ.get("LEFT", "1"))}


def _load(_context: Context) -> dict[str, float]:
    data = torch.utils.data.TensorDataset(torch.arange(8.0))
    loader = torch.utils.data.DataLoader(data, batch_size=2, num_workers=2)
    return {"loss": sum(float(rows.sum()) for (rows,) in loader)}


def _wait(context: Context) -> dict[str, float] | None:
    for epoch in range(1000):
        if context.stopping:
            context.save(epoch + 1)
            return None
        context.report(epoch, loss=1.0)
        time.sleep(0.05)
    return {"loss": 1.0}


WAYS: dict[str, Callable[[Context], object]] = {
    "nothing": lambda context: None,
    "a list": lambda context: [1.0],
    "no metric": lambda context: {},
    "NaN": lambda context: {"loss": float("nan")},
    "text": lambda context: {"loss": "low"},
    "gradient": lambda context: {"loss": torch.ones(1, requires_grad=True).sum()},
    "a vector": lambda context: {"loss": np.ones(3)},
    "a tensor": lambda context: {"loss": torch.tensor(2.0)},
    "more": lambda context: {"loss": 1, "other": np.float32(0.5), "test_other": 3},
    "reported": lambda context: context.report(3, loss=0.25) or {},
    "twice": lambda context: [context.report(0, loss=1.0), context.report(0, loss=1.0)],
    "backwards": lambda context: [context.report(2, loss=1.0), context.report(1, loss=1.0)],
    "an error": lambda context: 1 / 0,
    "exit": lambda context: sys.exit(3),
    "hard exit": lambda context: os._exit(0),
    "SIGKILL": lambda context: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda context: os.kill(os.getpid(), signal.SIGSEGV),
    "sleep": lambda context: time.sleep(60),
    "memory": _exhaust,
    "fork": _fork_and_leave,
    "change": _change,
    "load": _load,
    "wait": _wait,
    "seeds": lambda context: {
        "loss": torch.rand(()).item(), "numpy": np.random.rand(), "random": random.random(),  # noqa: NPY002
        "own": context.seed_for("x"), "choosing": context.choosing,
    },
}  # fmt: skip

ways = Study(
    name="ways",
    question="What may a function do?",
    factors=(Factor("what", tuple(WAYS)),),
    train=misbehave,  # type: ignore[arg-type]
    metrics=(Metric("loss", better="lower"),),
    objective="loss",
    scales={"quick": Scale(seeds=5, epochs=3)},
    limit=5,
)


def careful(context: Context, level: float) -> dict[str, float]:
    """Report a loss that falls, and catch every exception that a training may raise."""
    for epoch in range(4):
        with contextlib.suppress(Exception):
            context.report(epoch, loss=level / (epoch + 1))
    return {}


searched = Search(
    name="careful",
    question="Which level?",
    train=careful,
    space=(Float("level", 0.0, 4.0),),
    objective="loss",
    metrics=(Metric("loss", better="lower"),),
    scales={"quick": Scale()},
)
