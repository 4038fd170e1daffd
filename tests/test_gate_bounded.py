"""Commands of a gate end in time, and leave nothing behind."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.gate import building, revisions
from harness.gate.bounded import Done, bounded
from harness.messages.errors import HarnessError
from tests.test_gate_sides import commit, git

# Starts a child that sleeps, says both numbers, and sleeps.
SLEEPS = "sleep 60 & echo $$ $! >pids.draft; mv pids.draft pids; {then}"


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return state[0] != "Z"


def gone(folder: Path) -> bool:
    """Whether the program and its child end; they are looked at for five seconds."""
    both = [int(each) for each in (folder / "pids").read_text(encoding="utf-8").split()]
    assert len(both) == 2
    end = time.monotonic() + 5
    while any(map(alive, both)) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(map(alive, both))


def sleeping(folder: Path, seconds: float, then: str = "sleep 60") -> Done:
    return bounded(["sh", "-c", SLEEPS.format(then=then)], folder, os.environ, seconds)


def test_a_command_that_takes_too_long_is_ended_with_its_child(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"sleep 60'` in .* must end within 0.5 s; got no end"):
        sleeping(tmp_path, 0.5)
    assert gone(tmp_path)


def test_an_interruption_ends_a_command_with_its_child(tmp_path: Path) -> None:
    def interrupt() -> None:
        while not (tmp_path / "pids").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        sleeping(tmp_path, 60)
    assert gone(tmp_path)


def test_what_a_command_leaves_is_ended_and_not_waited_for(tmp_path: Path) -> None:
    assert sleeping(tmp_path, 60, "echo out; echo oh >&2; exit 3") == Done(3, "out\n", "oh\n")
    assert gone(tmp_path)


def test_a_build_and_git_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "SECONDS", 0.2)
    with pytest.raises(HarnessError, match=r"`sleep 60` in .* must end within 0.2 s"):
        building.must(building.run, ["sleep", "60"], tmp_path, "head must build")
    assert building.run(["no-such-program"], tmp_path).code == 127
    git(tmp_path, "init", "-q")
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nsleep 60\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(revisions, "SECONDS", 0.2)
    with pytest.raises(HarnessError, match=r"`git .*rev-parse.* must end within 0.2 s"):
        revisions.resolve(tmp_path, "HEAD")


def test_git_cannot_ask_for_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git runs a program in the place of ssh, which says what ssh would ask by."""
    asks = tmp_path / "asks.py"
    asks.write_text(
        "import os, sys\n"
        "names = ('SSH_ASKPASS', 'SSH_ASKPASS_REQUIRE', 'GIT_TERMINAL_PROMPT')\n"
        "try:\n    tty = os.open('/dev/tty', os.O_RDWR)\n"
        "except OSError:\n    tty = None\n"
        f"with open({str(tmp_path / 'said')!r}, 'w') as file:\n"
        "    print(tty, *map(os.environ.get, names), file=file)\n",
        encoding="utf-8",
    )
    git(tmp_path, "init", "-q")
    commit(tmp_path, {"a": ""})
    git(tmp_path, "config", "core.sshCommand", shlex.join([sys.executable, str(asks)]))
    monkeypatch.setenv("SSH_ASKPASS", "window")
    # within a terminal of its own, as a person has
    program = (
        "import pathlib\nfrom harness.gate import revisions\n"
        "try:\n    revisions._git(pathlib.Path.cwd(), 'ls-remote', 'ssh://host.invalid/a')\n"
        "except revisions._GitError:\n    pass\n"
    )
    words = [sys.executable, "-c", f"import pty; pty.spawn({[sys.executable, '-c', program]!r})"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert said == "None None never 0\n"
