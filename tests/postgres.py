"""A PostgreSQL of its own for tests, where one is installed."""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest


class MissingError(Exception):
    """There is none to be had; the text says what is missing."""


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs.

    Raises:
        MissingError: it is not installed.
    """
    places = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))
    if found is None:
        raise MissingError(f"no {name} on PATH or in /usr/lib/postgresql/*/bin")
    return found


class Cluster:
    """A server that listens on a socket in a folder of its own, and on a port if it has a password.

    PostgreSQL refuses to run as root; then it runs as ``postgres``, or else as ``nobody``.
    """

    def __init__(self, password: str = "") -> None:
        """Make and start it.

        Args:
            password: what it asks for; nothing, where there is none.

        Raises:
            MissingError: there is no PostgreSQL, or no driver.
        """
        self.password = password
        self.port = _free_port() if password else 0
        if importlib.util.find_spec("psycopg") is None:
            raise MissingError("no driver: pip install 'psycopg[binary]'")
        self._programs = {name: program(name) for name in ("initdb", "postgres")}
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _unprivileged()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = str(self.folder / "data")
        words = ["-D", data, "-U", "harness", "-A", "trust", "-E", "UTF8", "--no-sync"]
        if password:
            secret = self.folder / "password"
            secret.write_text(password)
            secret.chmod(0o644)  # in a folder that nobody else may enter
            words[4:6] = ["-A", "scram-sha-256", f"--pwfile={secret}"]
        done = subprocess.run(
            [self._programs["initdb"], *words, "--locale=C"], capture_output=True, text=True,
            check=False, cwd=self.folder, **self._as,
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(self.folder)
            raise MissingError(f"initdb failed: {done.stderr.strip()[-300:]}")
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        listen = ["-h", "127.0.0.1", "-p", str(self.port)] if self.port else ["-h", ""]
        words = ["-D", self.folder / "data", "-k", self.folder, *listen, "-F"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs["postgres"], *words], stdout=log, stderr=log, cwd=self.folder,
                **self._as,
            )  # fmt: skip
        import psycopg

        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self._words("postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise MissingError((self.folder / "log").read_text()[-500:]) from None
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: connections are cut (SIGINT), or it dies without a word (SIGQUIT)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.stop()
        shutil.rmtree(self.folder)

    def database(self) -> str:
        """Make an empty database; return its URL."""
        self._count += 1
        name = f"test{self._count}"
        self.ask("postgres", f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://harness:marked-word@/{name}?host={self.folder}"

    @property
    def url(self) -> str:
        """The URL of the database ``postgres`` by the port, with the password."""
        word = quote(self.password, safe="")
        return f"postgresql+psycopg://harness:{word}@127.0.0.1:{self.port}/postgres"

    def ask(self, database: str, query: str) -> list[Any]:
        """Return the rows of a query."""
        import psycopg

        with psycopg.connect(self._words(database), autocommit=True) as connection:
            found = connection.execute(query)
            return found.fetchall() if found.description else []

    def cut(self, url: str) -> int:
        """Cut all connections to a database; return how many there were."""
        name = url.partition("?")[0].rpartition("/")[2]
        query = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_"
            "database() AND pid <> pg_backend_pid()"
        )
        return len(self.ask(name, query))

    def _words(self, database: str) -> str:
        from psycopg.conninfo import make_conninfo

        more = {"port": self.port, "password": self.password} if self.port else {}
        return make_conninfo(host=str(self.folder), user="harness", dbname=database, **more)


@contextmanager
def server(password: str) -> Iterator[str]:
    """Give the URL of a server's empty database; skips, saying why, where there is none."""
    try:
        cluster = Cluster(password)
    except MissingError as error:
        pytest.skip(f"needs a PostgreSQL: {error}")
    try:
        yield cluster.url
    finally:
        cluster.remove()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise MissingError("PostgreSQL does not run as root, and there is no user postgres or nobody")
