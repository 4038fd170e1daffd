"""What importing a study's file does, seen in a process that has not imported it before."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.own.effects import Effects, looking
from harness.running import forks
from harness.running.workers import die_with_parent
from harness.study.converter import from_plain, to_plain
from harness.terminal import outlets

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


@dataclass(frozen=True)
class Imported:
    """What was seen.

    Attributes:
        seconds: that it took, where torch and the harness are loaded already.
        effects: what it did to the process.
        printed: what it printed.
    """

    seconds: float
    effects: Effects
    printed: str


def imported(reference: str, log: Path) -> Imported:
    """Import a study's file in a process of its own, as each worker does.

    Args:
        reference: the study's file or module.
        log: a file, which need not be there, for what is printed.

    Raises:
        HarnessError: it cannot be imported there.
    """
    forks.begin(measuring=False)
    context = forks.context()
    ours, theirs = context.Pipe(duplex=False)
    wanted = forks.environment(1)
    process = context.Process(
        target=_import, args=(theirs, reference, str(log), wanted), daemon=True
    )
    with forks.surroundings(1, {}):
        process.start()
    theirs.close()
    try:
        said: dict[str, Any] = json.loads(ours.recv_bytes())
    except EOFError:
        process.join()
        said = {"mistake": f"the process that imported it has ended{_last_line(log)}"}
    finally:
        process.join()
        ours.close()
    if said["mistake"]:
        raise HarnessError.relayed("the study's file", said["mistake"])
    printed = log.read_text(encoding="utf-8", errors="replace")
    return Imported(said["seconds"], from_plain(Effects, said["effects"]), printed)


def _last_line(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    lines = text.strip().splitlines()
    return f", after it had printed {lines[-1].strip()[:200]!r}" if lines else ""


@calm()
def _import(connection: Connection, reference: str, log: str, wanted: Mapping[str, str]) -> None:
    forks.settle(wanted)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=die_with_parent, daemon=True).start()
    import torch

    import harness.running.loaded  # noqa: F401 - there already where this process is a fork
    from harness.running.find import load

    torch.set_num_threads(1)
    outlets.into(Path(log))
    mistake, started = "", time.perf_counter()
    with looking() as found:
        try:
            load(reference)
        except HarnessError as error:
            mistake = str(error)
        seconds = time.perf_counter() - started
    outlets.flush()
    said = {"mistake": mistake, "seconds": seconds, "effects": to_plain(found.effects)}
    connection.send_bytes(json.dumps(said).encode())
