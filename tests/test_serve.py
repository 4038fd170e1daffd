"""`harness report --serve`: this machine alone, this folder alone, and how far runs are."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.commands.cli import execute
from harness.commands.place import Place
from harness.commands.progress import Watching
from harness.commands.serve import TYPES, Server, Site, policy_of, port_of, server_of
from harness.messages.errors import HarnessError
from harness.planning.planner import StudyPlanner
from harness.reports import shelf_of, write_entry
from harness.reports.live import live_of
from harness.running.session import manifest as manifest_of_run
from harness.storing import kept
from harness.storing.ledger import Ledger
from harness.storing.notes import MANIFEST
from harness.storing.owners import Runner
from harness.storing.store import open_store
from harness.trials.outcome import Outcome
from tests import example_search
from tests.example_results import example_results
from tests.tiny_study import study


class Clock:
    """Seconds that go on by ten whenever they are asked for: nothing is kept from before."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


class Browser:
    """Asks one server."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, path: str = "/", method: str = "GET", host: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"127.0.0.1:{self.port}")
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content

    def progress(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/progress.json")[2])
        return found


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser of a folder ``runs`` of the test's."""
    place = Place(tmp_path / "runs")
    (tmp_path / "runs").mkdir()
    with server_of(Site(place.out, Watching(place, Clock())), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Browser(server.server_port)
        server.shutdown()
        thread.join()
    place.close()


def put(out: Path, name: str = "residual_depth-quick") -> Path:
    folder = out / name
    write_entry(example_results(), folder)
    (folder / "report.html").write_text("<p>The report.</p>")
    (folder / "records.csv").write_text("a,b\n")
    return folder


# ---- what is served -----------------------------------------------------------------------------


def test_pages_and_files_are_served_with_their_types(browser: Browser, tmp_path: Path) -> None:
    put(tmp_path / "runs")
    taken = tmp_path / "runs" / "residual_depth-quick" / "take-away"
    taken.mkdir()
    (taken / "index.md").write_text("What lies here.", encoding="utf-8")
    for path, kind, held in (
        ("/residual_depth-quick/take-away/", "text/plain", b"What lies here."),
        ("/", "text/html", b"1 study, 5 claims"),
        ("/index.html", "text/html", b"1 study, 5 claims"),
        ("/live", "text/html", b"No run yet"),
        ("/residual_depth-quick/report.html", "text/html", b"The report."),
        ("/residual_depth-quick/report.html?x=1", "text/html", b"The report."),
        ("/residual_depth-quick/records.csv", "text/csv", b"a,b\n"),
        ("/residual_depth-quick/entry.json", "application/json", b"residual_depth"),
        ("/progress.json", "application/json", b'"going": false'),
    ):
        status, headers, content = browser.ask(path)
        assert status == 200, path
        assert headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert held in content
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; img-src data:")
        status, headers, content = browser.ask(path, "HEAD")
        assert (status, content) == (200, b"")
        assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", [
    "/../secret.html", "/%2e%2e/secret.html", "/..%2fsecret.html", "/residual/../../secret.html",
    "//etc/hostname.html", "/%2fetc/hostname.html", "/link.html", "/linked/secret.html",
    "/.hidden.html", "/harness.db", "/residual_depth-quick", "/residual_depth-quick/", "/a%00.html",
    "/..\\secret.html", "/C:/secret.html", "/nothing.html", "/" + "a" * 5000 + ".html", "/%ff.html",
])  # fmt: skip
def test_nothing_else_is_served(path: str, browser: Browser, tmp_path: Path) -> None:
    put(tmp_path / "runs")
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "runs" / "link.html").symlink_to(tmp_path / "secret.html")
    (tmp_path / "runs" / "linked").symlink_to(tmp_path)
    (tmp_path / "runs" / ".hidden.html").write_text("secret")
    (tmp_path / "runs" / "harness.db").write_text("secret")
    status, _, content = browser.ask(path)
    assert status == 404
    assert b"secret" not in content


def test_a_link_within_the_folder_is_followed(browser: Browser, tmp_path: Path) -> None:
    folder = put(tmp_path / "runs")
    (tmp_path / "runs" / "newest.html").symlink_to(folder / "report.html")
    assert browser.ask("/newest.html")[2] == b"<p>The report.</p>"


def test_a_linked_folder_is_neither_served_nor_listed(browser: Browser, tmp_path: Path) -> None:
    folder = put(tmp_path / "runs")
    outside = put(tmp_path, "elsewhere-quick")
    (tmp_path / "runs" / "newest").symlink_to(folder)
    (tmp_path / "runs" / "outside").symlink_to(outside)
    assert b"1 study, 5 claims" in browser.ask("/index.html")[2]
    assert [each["folder"] for each in browser.progress()["reports"]] == [folder.name]
    for name in ("newest", "outside"):
        assert browser.ask(f"/{name}/report.html")[0] == 404
    assert browser.ask(f"/{folder.name}/report.html")[0] == 200


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:8350", "127.0.0.1.evil.example", "", "localhost.evil:80",
    "192.168.0.1:8350",
])  # fmt: skip
def test_who_asks_by_another_name_is_refused(host: str, browser: Browser) -> None:
    for path in ("/", "/progress.json", "/live"):
        assert browser.ask(path, host=host or " ")[0] == 403


def test_this_machines_own_names_are_served(browser: Browser) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert browser.ask("/progress.json", host=f"{host}:{browser.port}")[0] == 200
        assert browser.ask("/progress.json", host=host)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_is_taken(method: str, browser: Browser) -> None:
    assert browser.ask("/", method)[0] == 501


def test_it_listens_on_this_machine_alone(tmp_path: Path) -> None:
    with server_of(Site(tmp_path, Watching(Place(tmp_path))), 0) as server:
        assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_page_keeps_its_own_policy_and_others_get_the_strict_one() -> None:
    own = b"""<meta http-equiv="Content-Security-Policy" content="default-src 'none'; a">"""
    page = TYPES[".html"]
    strict = "default-src 'none'; img-src data:; style-src"
    assert policy_of(own, page).startswith("default-src 'none'; a; frame-ancestors 'none'")
    assert policy_of(b"<p>", page).startswith(strict)
    assert "\n" not in policy_of(own.replace(b"; a", b"\r\nSet-Cookie: a"), page)
    for kind in set(TYPES.values()) - {page}:
        assert policy_of(own, kind).startswith(strict), "a drawing or a table is no page"


def test_a_file_that_is_no_page_states_no_policy(browser: Browser, tmp_path: Path) -> None:
    loose = b"""<svg><!-- <meta http-equiv="Content-Security-Policy" content="script-src *"> -->"""
    for name in ("drawing.svg", "page.html"):
        (tmp_path / "runs" / name).write_bytes(loose)
    assert "script-src *" in browser.ask("/page.html")[1]["Content-Security-Policy"]
    assert "script-src" not in browser.ask("/drawing.svg")[1]["Content-Security-Policy"]


# ---- how far runs are ---------------------------------------------------------------------------


def begun(out: Path) -> tuple[Ledger, list[Any]]:
    """A run of a small study whose plan is kept, as another process has begun it."""
    store = open_store(str(out / "harness.db"))
    planner = StudyPlanner(study, "quick", 2, tune=False)
    owner = Runner.of(os.getppid())
    ledger = Ledger(store, planner.declaration, "quick", owner=owner)
    outlook = planner.outlook({})
    kept.keep(ledger, manifest_of_run(planner, outlook, [2], "harness run tiny", "", ""),
              planner.declaration)  # fmt: skip
    ledger.announce(2)
    return ledger, list(outlook.planned)


def test_progress_changes_with_each_trial_and_the_page_with_it(
    browser: Browser, tmp_path: Path
) -> None:
    assert browser.progress()["note"] == "No run has begun: there is no store yet."
    out = tmp_path / "runs"
    ledger, planned = begun(out)
    total = len(planned)
    (now,) = browser.progress()["studies"]
    assert (now["study"], now["scale"]) == (study.name, "quick")
    assert (now["done"], now["running"], now["left"]) == (0, [], total)
    assert now["going"]
    assert now["workers"] == 2
    assert now["seconds_left"] is None
    first, second = ledger.lease(planned, 2)
    (now,) = browser.progress()["studies"]
    assert [each["arm"] for each in now["running"]] == [first.trial.owner, second.trial.owner]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", now["running"][0]["since"])
    assert (now["done"], now["left"]) == (0, total - 2)
    metrics = dict.fromkeys(ledger.declaration.objectives, 0.5)
    ledger.finish(first, Outcome(metrics=metrics, cost={"seconds": 3.0}))
    ledger.finish(second, Outcome(reason="diverged"))
    (now,) = browser.progress()["studies"]
    assert (now["done"], now["failed"], now["running"]) == (2, 1, [])
    assert now["seconds_left"] == pytest.approx((total - 2) * 3.0 / 2)
    text = browser.ask("/")[2].decode()  # while a run goes on, this is what is shown first
    assert f"Running {study.name}: 2 of {total} trials done" in text
    assert f"2 of {total} done (1 failed), 0 running, {total - 2} left; about " in text
    assert "There is no report yet." in text
    put(out)
    assert "residual_depth, quick" in browser.ask("/")[2].decode()
    assert [each["name"] for each in browser.progress()["reports"]] == ["residual_depth"]
    index = browser.ask("/index.html")[2].decode()
    assert f"Running {study.name}: 2 of {total} trials done" in index
    ledger.announce(0)
    assert not browser.progress()["going"]
    assert browser.progress()["studies"][0]["seconds_left"] is None, "nobody is at work on it"
    assert "1 study, 5 claims" in browser.ask("/")[2].decode()
    assert "stopped" in browser.ask("/live")[2].decode()


def test_reading_progress_writes_nothing(browser: Browser, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    ledger, _ = begun(out)
    ledger.store.close()

    def rows() -> bytes:
        with sqlite3.connect(out / "harness.db") as connection:
            return "\n".join(connection.iterdump()).encode()

    before = rows()
    for path in ("/", "/live", "/progress.json", "/index.html"):
        assert browser.ask(path)[0] == 200
    assert rows() == before
    assert not (out / "index.html").exists()


def test_a_store_that_is_replaced_is_read_anew(browser: Browser, tmp_path: Path) -> None:
    out, other = tmp_path / "runs", tmp_path / "other"
    ledger, planned = begun(out)
    metrics = dict.fromkeys(ledger.declaration.objectives, 0.5)
    ledger.finish(*ledger.lease(planned, 1), Outcome(metrics=metrics))
    ledger.store.close()
    assert browser.progress()["studies"][0]["done"] == 1
    for each in list(out.glob("harness.db*")):
        each.unlink()
    assert browser.progress()["note"] == "No run has begun: there is no store yet."
    begun(out)[0].store.close()
    assert browser.progress()["studies"][0]["done"] == 0
    other.mkdir()
    ledger, planned = begun(other)
    ledger.finish(*ledger.lease(planned, 1), Outcome(metrics=metrics))
    ledger.store.close()
    for each in list(out.glob("harness.db*")):
        each.unlink()
    for each in list(other.glob("harness.db*")):
        each.replace(out / each.name)  # between two requests: it was never gone
    assert browser.progress()["studies"][0]["done"] == 1


@pytest.mark.parametrize(("ended", "total"), [("patience", 3), ("", 64)])
def test_a_search_that_ended_has_no_more_to_come(
    ended: str, total: int, browser: Browser, tmp_path: Path
) -> None:
    declaration = example_search.search().study.declaration("quick")
    assert declaration.search is not None
    tried = example_search.drawn(declaration.search.space, 3)
    manifest, _ = example_search.made(
        declaration, tried, example_search.noisy, confirm=0, ended=ended
    )
    store = open_store(str(tmp_path / "runs" / "harness.db"))
    kept.keep(Ledger(store, declaration, "quick"), manifest, declaration)
    store.close()
    (now,) = browser.progress()["studies"]
    assert (now["total"], now["left"], now["seconds_left"]) == (total, total, None)


def test_a_store_that_cannot_be_read_is_said_so(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "runs" / "harness.db").write_text("no store at all, but long enough to be one")
    assert "harness.db" in browser.progress()["note"]
    assert browser.ask("/live")[0] == 200


@pytest.mark.parametrize(("done", "total", "state"), [
    (0, 0, "stopped"), (2, 3, "stopped"), (3, 3, "done"),
])  # fmt: skip
def test_only_a_study_with_trials_can_be_done(done: int, total: int, state: str) -> None:
    study = {
        "study": "tiny", "scale": "quick", "question": "", "going": False, "running": [],
        "total": total, "done": done, "failed": 0, "left": total - done, "seconds_left": None,
    }  # fmt: skip
    live = live_of({"studies": [study], "note": "", "going": False}, shelf_of({}))
    assert [part.state for part in live.parts] == [state]


def test_the_live_page_allows_its_own_script_alone(browser: Browser) -> None:
    _, headers, content = browser.ask("/live")
    text = content.decode()
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; connect-src 'self'" in headers["Content-Security-Policy"]
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


# ---- the command --------------------------------------------------------------------------------


def test_the_command_prints_its_address_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    put(tmp_path / "runs")
    command = subprocess.Popen(
        [sys.executable, "-m", "harness", "report", "--serve", "0"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    try:
        assert command.stdout is not None
        line = command.stdout.readline()
        port = re.match(r"http://127\.0\.0\.1:(\d+)/  serves .*runs", line)
        assert port is not None, line
        assert Browser(int(port[1])).ask("/")[0] == 200
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=60)
    finally:
        command.kill()
    assert command.returncode == 0
    assert said == "harness: ended\n"


def test_quietly_it_prints_nothing_but_what_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A browser looks at progress, then Ctrl-C comes: what was noticed is told, as elsewhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    ledger, _ = begun(tmp_path / "runs")
    ledger.store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "runs" / "harness.db")) as connection:
        change = "UPDATE study_user_attributes SET value_json = '3' WHERE key = ?"
        assert connection.execute(change, (MANIFEST,)).rowcount == 1
        connection.commit()

    def once(server: Server) -> None:
        with contextlib.closing(socket.create_connection(server.server_address)) as client:
            client.sendall(b"GET /progress.json HTTP/1.0\r\nHost: localhost\r\n\r\n")
            server.handle_request()
            while client.recv(65536):
                pass
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", once)
    assert execute(["report", "--serve", "0", "--quiet"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("harness: damaged, and left out: ")
    assert said.err.count("\n") == 1


def test_a_port_that_is_taken_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert execute(["report", "--serve", port, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"harness: --serve must be given a port that is free; got {port}: another program has it. "
        "Write --serve 0, which takes any that is.\n"
    )


@pytest.mark.parametrize("words", [["a_study"], ["80", "81"], ["99999"], ["-1"]])
def test_what_is_no_port_is_refused(words: list[str]) -> None:
    with pytest.raises(HarnessError, match="may come a port, and no study"):
        port_of(words)


def test_a_port_need_not_be_named() -> None:
    assert (port_of([]), port_of(["8080"]), port_of(["0"])) == (8350, 8080, 0)


def test_serving_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--all"], ["--scale", "quick"], ["--format", "md"], ["--data-dir", "data"]):
        assert execute(["report", "--serve", *words]) == 2
        said = capsys.readouterr().err
        assert "--serve must stand without --all, --scale, --format and --data-dir" in said
