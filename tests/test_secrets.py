"""No password of --store is ever written: every command, every failure, every file and row."""

import os
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

import pytest

from harness.commands.cli import execute
from harness.messages import redact
from harness.messages.errors import HarnessError
from harness.storing.store import open_store
from tests.conftest import TINY
from tests.postgres import server

PLAIN = "SECRETPW"
SPECIAL = "SEC@RET:P/W %40'{x}\\"
MARKS = {PLAIN: ["SECRETPW"], SPECIAL: ["RET:P/W", "SEC@RET", "SEC%40RET", "sec%40ret", "RET%3AP"]}
STUDY = str(TINY)


def spellings(password: str) -> list[str]:
    """However a password may be written, and parts of it that nothing else would hold."""
    ways = {password, unquote(password), quote(password), quote(password, safe=""),
            quote_plus(password), repr(password)[1:-1], *MARKS.get(password, [])}  # fmt: skip
    return [each.lower() for each in ways]


def leaks(text: str, password: str) -> list[str]:
    return [each for each in spellings(password) if each in text.lower()]


COMMANDS = [
    ("plan", STUDY), ("run", STUDY, "-q"), ("report", STUDY), ("export", STUDY),
    ("explain", STUDY), ("replay", "3f9c"), ("doctor",), ("doctor", "--mend"),
    ("plan", STUDY, "--measure"),
]  # fmt: skip

URLS = {
    "refused connection": "postgresql+psycopg://u:{}@127.0.0.1:1/h",
    "refused, in a parameter": "postgresql+psycopg://127.0.0.1:1/h?user=u&password={}",
    "unknown parameter": "postgresql+psycopg://u:{}@127.0.0.1:1/h?nonsense=1",
    "missing driver": "mysql+mysqldb://u:{}@127.0.0.1/h",
    "unknown driver": "postgresql+nonsense://u:{}@127.0.0.1/h",
    "unknown dialect": "nonsense://u:{}@127.0.0.1/h",
    "redis": "redis://:{}@127.0.0.1/0",
    "bad port": "postgresql+psycopg://u:{}@127.0.0.1:port/h",
    "no host": "postgresql+psycopg://u:{}/h",
    "a slash too few": "postgresql:/u:{}@127.0.0.1/h",
    "no slashes": "postgresql:u:{}@127.0.0.1/h",
    "no scheme": "u:{}@127.0.0.1/h",
    "no colon": "postgresql//u:{}@127.0.0.1/h",
    "a slash too many": "postgresql+psycopg:///u:{}@127.0.0.1/h",
    "bad host": "postgresql+psycopg://u:{}@[::/h",
    "braces": "postgresql+psycopg://u:{}{{x}}@127.0.0.1:1/h",
}


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redact, "_known", {})
    return


@pytest.mark.parametrize("password", [PLAIN, SPECIAL], ids=["plain", "special"])
@pytest.mark.parametrize("kind", URLS)
def test_no_failure_without_a_server_tells_the_password(
    kind: str, password: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Encoded as it must be, and as it stands, which makes URLs that cannot be read."""
    for written in {quote(password, safe=""), password}:
        url = URLS[kind].replace("{}", written).replace("{{", "{").replace("}}", "}")
        for command in COMMANDS if written == PLAIN else COMMANDS[:1]:
            for words, debug in ((command, False), (command, True)):
                code = execute([*words, "--store", url], debug=debug)
                out, err = capfd.readouterr()
                assert code == 2, (words, err)
                assert not leaks(out + err, password), (words, out + err)
                last = err.strip().splitlines()[-1]
                assert last.startswith("harness: "), err
                if not debug:
                    assert len(err.strip().splitlines()) == 1, err
    assert not [each for each in here.rglob("*") if leaks(str(each.relative_to(here)), password)]


@pytest.mark.parametrize("kind", URLS)
def test_nor_do_exceptions_that_a_program_catches(kind: str) -> None:
    url = URLS[kind].replace("{}", PLAIN).replace("{{", "{").replace("}}", "}")
    with pytest.raises(HarnessError) as caught:
        open_store(url)
    told = "".join(traceback.format_exception(caught.value))
    assert not leaks(told, PLAIN)
    each: BaseException | None = caught.value
    while each is not None:
        assert not leaks(f"{each!s} {each!r} {vars(each)}", PLAIN)
        each = each.__cause__ or each.__context__


RESULTS_STUDY = """
from harness import Factor, Metric, Study

study = Study(name="width", question="?", factors=(Factor("width", (16, 64)),),
              metrics=(Metric("test_error"),))
"""

URL = f"postgresql+psycopg://u:{PLAIN}@127.0.0.1:1/h"


@pytest.mark.parametrize("words", [
    ("run", URL), ("plan", STUDY, URL), ("plan", STUDY, "--stroe", URL), (URL,),
    ("plan", STUDY, "--scale", URL), ("plan", STUDY, "--device", URL), ("new", URL),
    ("plan", STUDY, "--mode", URL), ("replay", URL), ("explain", STUDY, URL),
    ("plan", STUDY, f"--stroe={URL}"), ("plan", STUDY, "--seeds", URL),
    ("judge", STUDY, STUDY, "--where", URL), ("import", STUDY, STUDY, f"--out={URL}"),
    ("run", STUDY, "--out", URL), ("export", STUDY, "--to", URL), ("run", STUDY, "--data-dir", URL),
])  # fmt: skip
def test_nor_where_a_url_stands_in_a_wrong_place(
    words: tuple[str, ...], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = execute(list(words))
    out, err = capfd.readouterr()
    assert code == 2
    assert not leaks(out + err, PLAIN), out + err
    assert "a URL with a password may stand after --store, or as RESULTS of judge and" in err
    assert [*here.iterdir()] == []


@pytest.mark.parametrize("verb", ["judge", "import"])
def test_results_may_be_a_url_with_a_password_which_is_never_shown(
    verb: str, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "width.py").write_text(RESULTS_STUDY, encoding="utf-8")
    assert execute([verb, "--optuna-study", "grid", URL, "width.py"]) == 2
    out, err = capfd.readouterr()
    assert "RESULTS must be an Optuna storage that can be read" in err
    assert not leaks(out + err, PLAIN), out + err


def test_a_password_with_an_at_sign_is_told_how_to_write_it(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql+psycopg://u:SEC@RET@127.0.0.1:1/h"
    assert execute(["plan", STUDY, "--store", url]) == 2
    err = capfd.readouterr().err
    assert "postgresql+psycopg://u:***@127.0.0.1:1/h" in err
    assert "%40" in err


def test_paths_with_signs_of_urls_are_paths(here: Path) -> None:
    for name in ("a@b/c?d=e.db", "x%40y.db", "pass=word.db", "{x}.db"):
        store = open_store(name)
        assert store.url == name
        assert (here / name).exists()


def test_the_environment_names_the_store_and_workers_do_not_see_it(command, tmp_path: Path) -> None:
    """The one way in which `ps` shows no password; what a study prints shows what workers have."""
    study = tmp_path / "nosy.py"
    study.write_text(
        TINY.read_text() + "\nimport os, sys\nwith open('seen.txt', 'a') as file:\n"
        "    words = sys.orig_argv, sys.argv\n"
        "    print(os.getpid(), words, os.environ.get('HARNESS_STORE'), file=file)\n"
    )
    store = "runs?password=SECRETPW.db"  # a path, so that it works without a server
    environment = {**os.environ, "HARNESS_STORE": store}
    words = (
        "run",
        "nosy.py",
        "--seeds",
        "1",
        "--no-profile",
        "--no-tuning",
        "-q",
        "--workers",
        "1",
    )
    command(*words, code=0, env=environment)
    assert (tmp_path / store).exists()
    pids = {line.split()[0]: line for line in (tmp_path / "seen.txt").read_text().splitlines()}
    mine, *workers = pids.values()
    assert store in mine
    assert workers
    assert not [line for line in workers if "SECRETPW" in line]


def test_arguments_are_not_handed_on_to_workers(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['harness', 'plan', 'nowhere.py', '--store', sys.argv[1]]\n"
    code += "from harness.commands.cli import main\ntry:\n    main()\nfinally:\n    print(sys.argv)"
    done = subprocess.run(
        [sys.executable, "-c", code, URL], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert "'postgresql+psycopg://u:***@127.0.0.1:1/h'" in done.stdout
    assert not leaks(done.stdout + done.stderr, PLAIN)


# -- with a server -------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[PLAIN, SPECIAL], ids=["plain", "special"])
def postgres(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    with server(request.param) as url:
        yield url, request.param


def rows(url: str) -> str:
    """All that a database holds, as text."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    tables = sqlalchemy.inspect(engine).get_table_names()
    with engine.connect() as connection:
        found = [
            str(row)
            for table in tables
            for row in connection.execute(sqlalchemy.text(f'SELECT * FROM "{table}"'))
        ]
    engine.dispose()
    return "\n".join([*tables, *found])


@pytest.mark.slow
def test_nothing_that_a_run_on_a_server_writes_holds_its_password(
    postgres: tuple[str, str], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url, password = postgres
    assert execute(["plan", STUDY, "--store", url]) == 0
    assert rows(url) == "", "planning makes no tables"
    for words in (["report", STUDY], ["export", STUDY], ["doctor"], ["replay", "ab"]):
        assert execute([*words, "--store", url]) == 2
        assert rows(url) == "", words
    quick = ["--seeds", "1", "--no-tuning", "--workers", "1"]
    assert execute(["run", STUDY, *quick, "--store", url]) == 0
    for words in (["plan"], ["report"], ["explain"], ["export", "--to", "all.csv"], ["export"]):
        assert execute([words[0], STUDY, *words[1:], "--store", url]) == 0
    assert execute(["run", STUDY, *quick, "--store", url, "--json"]) == 0
    key = (here / "all.csv").read_text().splitlines()[1].split(",")
    key = next(each for each in key if len(each) == 16)
    assert execute(["replay", key, "--store", url]) in {0, 1}
    assert execute(["doctor", "--store", url]) == 0
    assert execute(["run", STUDY, *quick, "--until-decided", "--store", url]) == 2
    damage(url)
    for words in (["plan", STUDY], ["report", STUDY], ["export", STUDY], ["doctor"]):
        assert execute([*words, "--store", url]) == 1, words
    assert execute(["doctor", "--mend", "--store", url]) == 0
    assert execute(["plan", STUDY, "--store", url]) == 0
    for wrong in (url.replace("/postgres", "/nowhere"), url.replace("harness:", "nobody:")):
        for words in (["plan", STUDY], ["run", STUDY]):
            assert execute([*words, "--store", wrong], debug=True) == 2
    out, err = capfd.readouterr()
    assert not leaks(out + err, password), out + err
    assert "kept as attributes damaged/record" in out
    assert not leaks(rows(url), password)
    written = [each for each in here.rglob("*") if each.is_file()]
    assert {"report.html", "verdicts.json", "records.csv", "all.csv"} <= {x.name for x in written}
    for each in written:
        raw = each.read_bytes()
        for spelled in spellings(password):
            assert spelled.encode() not in raw.lower(), each
        if each.suffix == ".pdf":
            assert not leaks(text_of(raw), password)


def text_of(pdf: bytes) -> str:
    """The streams of a PDF, unpacked."""
    import re
    import zlib

    out = []
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S):
        try:
            out.append(zlib.decompress(packed).decode("latin-1"))
        except zlib.error:
            out.append(packed.decode("latin-1"))
    return "".join(out)


def damage(url: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(
            "UPDATE trial_user_attributes SET value_json = '{\"metr' WHERE key = 'record' AND "
            "trial_id = (SELECT min(trial_id) FROM trials)"
        ))  # fmt: skip
    engine.dispose()


def test_planning_and_reading_make_no_file_and_no_table(here: Path) -> None:
    (here / "empty.db").touch()
    for store in ("none.db", "empty.db", "sqlite:///none.db", "journal:///none.log"):
        assert execute(["plan", STUDY, "--store", store]) == 0
        for words in (["report", STUDY], ["export", STUDY], ["explain", STUDY], ["doctor"]):
            assert execute([*words, "--store", store]) == 2
        assert execute(["plan", STUDY, "--out", "runs"]) == 0
    assert [(each.name, each.stat().st_size) for each in here.iterdir()] == [("empty.db", 0)]
    import optuna

    optuna.create_study(storage="sqlite:///other.db", study_name="of somebody else")
    before = (here / "other.db").read_bytes()
    assert execute(["plan", STUDY, "--store", "other.db"]) == 0
    assert execute(["report", STUDY, "--store", "other.db"]) == 2
    assert execute(["doctor", "--store", "other.db"]) == 0
    assert (here / "other.db").read_bytes() == before
    with sqlite3.connect(here / "other.db") as connection:
        assert connection.execute("SELECT count(*) FROM studies").fetchone() == (1,)
    connection.close()
