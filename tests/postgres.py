"""A real PostgreSQL for tests, where there is one on this machine."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

USER = "tester"


def missing() -> str:
    """Why there is no PostgreSQL to test with; empty where there is one."""
    absent = [name for name in ("initdb", "postgres") if not shutil.which(name)]
    if absent:
        return f"no {' and no '.join(absent)} on PATH"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "no psycopg: pip install 'psycopg[binary]'"
    return ""


def unprivileged() -> str | None:
    """Whom to run the server as, which refuses root; None for whoever runs the tests."""
    if os.geteuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)


@contextlib.contextmanager
def server(password: str) -> Iterator[str]:
    """Give the URL of a server's empty database, without its driver; skips where there is none."""
    if why := missing():
        pytest.skip(f"needs a PostgreSQL: {why}")
    user = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = folder / "password"
    secret.write_text(password)
    if user:
        for each in (folder, secret):
            shutil.chown(each, user)
    data = str(folder / "data")
    log = folder / "log"
    log.touch()
    words = ["initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-N"]
    with log.open("ab") as out:
        quiet = {"stdout": out, "stderr": out, "cwd": folder, "user": user}
        made = subprocess.run(words, check=False, **quiet)
        assert made.returncode == 0, log.read_text()
        process = subprocess.Popen(
            ["postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"],
            **quiet,
        )
    try:
        wait_for(port, process, log)
        yield f"postgresql+psycopg://{USER}:{quote(password, safe='')}@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    """Wait until the server answers."""
    import time

    for _ in range(300):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError("the server never answered")
