"""Workers are forks of a process that has loaded torch, and each is a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from harness.running import forks

pytestmark = pytest.mark.skipif(not forks.forks, reason="here every process begins with nothing")

BEGIN = """
from multiprocessing import forkserver
from harness.running import forks
forks.begin(measuring=True)
print(forkserver._forkserver._forkserver_pid, flush=True)
"""


def look(connection: Any, wanted: dict[str, str]) -> None:
    """Say what a fork finds when it begins."""
    loaded = sorted(
        {"torch", "harness.trainer.train", "harness.running.workers"} & set(sys.modules)
    )
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - of this process, as proc(5) says
    forks.settle(wanted)
    import torch

    connection.send(
        {
            "loaded": loaded,
            "threads": threads,
            "device": torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork(),
            "environment": dict(os.environ),
            # 64 MiB, which malloc takes from the system, whatever was freed before
            "address": torch.zeros(2**24).data_ptr(),
        }
    )


def forked() -> dict[str, Any]:
    forks.begin(measuring=False)
    ours, theirs = forks.context().Pipe()
    process = forks.context().Process(target=look, args=(theirs, forks.environment(1)))
    process.start()
    found: dict[str, Any] = ours.recv()
    process.join()
    return found


def test_a_fork_begins_with_torch_loaded_one_thread_and_no_device() -> None:
    found = forked()
    assert found["loaded"] == ["harness.running.workers", "harness.trainer.train", "torch"]
    assert found["threads"] == 1
    assert not found["device"]


def test_what_it_is_forked_from_has_one_thread() -> None:
    forked()
    server = forkserver._forkserver._forkserver_pid
    assert len(list(Path(f"/proc/{server}/task").iterdir())) == 1


def test_a_fork_has_the_environment_of_now_without_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forked()  # by now what it is forked from has an environment
    monkeypatch.setenv("HARNESS_DATA", "/of/now")
    monkeypatch.setenv("HARNESS_STORE", "postgresql://me:secret@server/runs")
    found = forked()["environment"]
    assert found["HARNESS_DATA"] == "/of/now"
    assert found["OMP_NUM_THREADS"] == "1"
    assert not {"HARNESS_STORE", "PYTHONSAFEPATH", forks.ENDS} & set(found)
    assert "secret" not in str(found)
    assert found["PYTORCH_NVML_BASED_CUDA_CHECK"] == "1"  # so that it may be forked from, too


def test_forks_lie_at_other_addresses() -> None:
    assert len({forked()["address"] for _ in range(4)}) > 2


def test_what_it_is_forked_from_ends_with_the_command_while_it_still_loads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN], capture_output=True, text=True, timeout=60, check=True
    )
    server = Path("/proc") / done.stdout.strip()
    for _ in range(100):
        if not server.exists() or " Z " in (server / "stat").read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("it goes on alone")
    assert done.stderr == ""


def test_one_begun_by_a_thread_outlives_it() -> None:
    said = subprocess.run(
        [sys.executable, "-c", BEGIN.replace("forks.begin(measuring=True)", """
import os, threading, time
thread = threading.Thread(target=forks.begin, kwargs={"measuring": False})
thread.start()
thread.join()
time.sleep(0.5)
print(os.waitpid(forkserver._forkserver._forkserver_pid, os.WNOHANG), flush=True)
""")],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert said.splitlines()[0] == "(0, 0)"


def test_where_forks_are_not_safe_each_process_begins_with_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forks, "forks", False)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: pytest.fail("none is wanted"))
    forks.begin(measuring=True)
    assert forks.context().get_start_method() == "spawn"


def test_starting_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STORE", "x.db")
    before = dict(os.environ)
    with forks.surroundings(1, {"PYTHONSAFEPATH": "1", "HOME": None}):
        assert "HARNESS_STORE" not in os.environ
        assert "HOME" not in os.environ
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert dict(os.environ) == before
    assert threading.current_thread() is threading.main_thread()


ASKED = """
import sys
import torch
asked = []
for name in ("is_available", "device_count", "current_device", "init", "_lazy_init",
             "get_device_name", "get_device_properties"):
    def ask(*words, name=name, real=getattr(torch.cuda, name), **more):
        asked.append(name)
        return real(*words, **more)
    setattr(torch.cuda, name, ask)
import harness.running.loaded, harness.running.loaded_measuring
assert "torch._dynamo" in sys.modules
print(asked)
"""


@pytest.mark.slow
def test_nothing_that_is_loaded_asks_for_a_device() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
