"""Worker processes: each loads the study itself and does one job at a time."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.own import apart
from harness.own.processes import kill_started
from harness.own.stopping import STOPPED
from harness.running import forks, wire
from harness.running.jobs import Answer, Job, do
from harness.running.telling import Told
from harness.running.workplace import Workplace
from harness.storing.artifacts import Artifacts
from harness.study.study import Study
from harness.terminal.outlets import in_worker

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from harness.data.draw import Whole


LOOK_SECONDS = 1.0
"""How often it is looked at whether a worker that says nothing still runs."""


class Executor(Protocol):
    """Takes jobs and gives futures.

    Attributes:
        told: how far the job was when that was last told; ``None`` where nobody has told.
    """

    told: Told | None

    def submit(self, job: Job) -> Future[Answer]:
        """Take one job; the one before it must be over."""

    def stop(self) -> None:
        """End at once."""


class WorkerDiedError(RuntimeError):
    """The worker's process ended in the middle of a job."""


class InProcess:
    """Does jobs in this process: for a study that no file holds.

    Args:
        study: the study.
        device: torch's name of the device.
        artifacts: where networks are kept that others learn from.
        folder: where each trial of the user's own code has a folder.
    """

    def __init__(self, study: Study, device: str, artifacts: Artifacts, folder: Path) -> None:
        import torch

        self._at = Workplace(study, torch.device(device), artifacts, folder)
        self.told: Told | None = None

    def submit(self, job: Job) -> Future[Answer]:
        """Do the job before returning."""
        future: Future[Answer] = Future()
        future.set_result(do(job, self._at))
        return future

    def stop(self) -> None:
        """Nothing goes on in the background."""


class Worker:
    """One process, started with each ``Worker``; what is said over its pipe is JSON text.

    The standard library's executors do not do: none of them can kill one process of several.

    Args:
        reference: the study's module name or file, which the process loads.
        device: torch's name of the device.
        threads: CPU threads it uses.
        artifacts: where networks are kept that others learn from.
        folder: where each trial of the user's own code has a folder.
        shared: data sets in shared memory, by the name of their source.
        anew: whether it begins with nothing, and is no fork.
    """

    def __init__(
        self,
        reference: str,
        device: str,
        threads: int,
        artifacts: Artifacts,
        folder: Path,
        shared: Mapping[str, Whole],
        *,
        anew: bool = False,
    ) -> None:
        import torch.multiprocessing  # noqa: F401 - teaches processes to hand on shared memory

        forks.begin(measuring=False)
        context = forks.context(anew=anew)
        self._connection, theirs = context.Pipe()
        wanted = forks.environment(threads)
        self._process = context.Process(
            target=_serve,
            args=(theirs, reference, device, threads, artifacts, folder, dict(shared), wanted),
            daemon=True,
        )
        with forks.surroundings(threads, {}):
            try:
                self._process.start()
            except (OSError, EOFError) as error:
                self._connection.close()
                theirs.close()
                raise HarnessError(
                    "worker processes must start",
                    f"{type(error).__name__}: {error}",
                    "Is there memory left? The same command goes on; --workers 1 needs least.",
                ) from error
        theirs.close()
        self.told: Told | None = None
        self._waiting: threading.Thread | None = None

    def submit(self, job: Job) -> Future[Answer]:
        """Send the job; the future raises WorkerDiedError should the process end."""
        self.told = None
        future: Future[Answer] = Future()
        self._waiting = threading.Thread(target=self._wait, args=(job, future), daemon=True)
        self._waiting.start()
        return future

    def _wait(self, job: Job, future: Future[Answer]) -> None:
        try:
            self._connection.send_bytes(wire.job_text(job))
            while isinstance(said := wire.read_message(self._receive()), Told):
                self.told = said
            future.set_result(said)
        except (EOFError, OSError):
            self._join(5)
            code = self._process.exitcode
            how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit {code}"
            future.set_exception(WorkerDiedError(f"the worker process died ({how})"))
        except Exception as error:  # what cannot be written, or read
            future.set_exception(WorkerDiedError(f"the worker was not understood ({error})"))

    def _receive(self) -> bytes:
        """Return what the process says next.

        What a trial has started and left behind may hold the process's end of the pipe open, so
        that nobody tells of its end.

        Raises:
            EOFError: it has ended.
        """
        while not self._connection.poll(LOOK_SECONDS):
            if not self.runs() and not self._connection.poll():
                raise EOFError
        return self._connection.recv_bytes()

    def runs(self) -> bool:
        """Whether the process has not ended."""
        if not self._process.is_alive() or self._process.pid is None:
            return False
        try:
            os.kill(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _join(self, seconds: float) -> None:
        """Wait for the end of the process, but so many seconds at most."""
        end = time.monotonic() + seconds
        while self.runs() and time.monotonic() < end:
            self._process.join(0.05)

    def ask_to_stop(self) -> None:
        """Ask the process to end: at once, unless a trial of the user's own code wants to save."""
        self._process.terminate()

    def stop(self) -> None:
        """End the process: its unfinished trials are run again by the next process."""
        self.ask_to_stop()
        try:
            self._join(apart.GRACE_SECONDS)
        finally:  # also where somebody has no patience
            self._process.kill()
        self._join(5)
        if self._waiting is not None and self._waiting is not threading.current_thread():
            self._waiting.join(5)  # what it has said last is read
        self._connection.close()


@calm()
def _serve(
    connection: Connection,
    reference: str,
    device: str,
    threads: int,
    artifacts: Artifacts,
    folder: Path,
    shared: Mapping[str, Whole],
    wanted: Mapping[str, str],
) -> None:
    """Answer jobs until the parent closes its end, or dies."""
    forks.settle(wanted)
    in_worker()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=die_with_parent, daemon=True).start()
    import torch

    from harness.data.shared import install
    from harness.running.find import load

    torch.set_num_threads(threads)
    install(shared)
    try:
        study = load(reference)
        mistake = ""
    except HarnessError as error:
        mistake = str(error)

    def tell(told: Told) -> None:
        connection.send_bytes(wire.message_text(told))

    if not mistake:
        at = Workplace(study, torch.device(device), artifacts, folder, tell, apart=apart.possible)
    while True:
        try:
            job = wire.read_job(connection.recv_bytes())
        except EOFError:
            return
        answer = Answer(reason=mistake, mistake=True) if mistake else do(job, at)
        lost = any("AcceleratorError" in outcome.reason for outcome in answer.outcomes)
        if lost and study.build is not None:  # else it was in a process that has ended
            os._exit(1)  # whatever is done on the device from now on fails: a new process is needed
        connection.send_bytes(wire.message_text(answer))
        if apart.leaving:
            os._exit(STOPPED)


def die_with_parent() -> None:
    """Wait for the end of the parent, even by SIGKILL, and end: a run started again is alone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    kill_started()
    os._exit(1)
