"""URLs are written without secrets, and others' words lose them."""

import io
import logging
import traceback

import pytest

from harness.messages import redact

SPECIAL = "p@ss:w/r d%40'x"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_known", {})


@pytest.mark.parametrize(("url", "expected"), [
    ("postgresql+psycopg://u:SECRETPW@127.0.0.1:1/h", "postgresql+psycopg://u:***@127.0.0.1:1/h"),
    ("postgresql://u:SECRETPW@h/d?sslmode=require", "postgresql://u:***@h/d?sslmode=require"),
    ("postgresql://u:p%40ss%3Aw%2Frd@h/d", "postgresql://u:***@h/d"),
    ("postgresql://u:p@ss:w/rd@h/d", "postgresql://u:***@h/d"),
    ("postgresql://u:p w@h/d", "postgresql://u:***@h/d"),
    ("me@corp:SECRETPW@h/d", "me@corp:***@h/d"),
    ("redis://:SECRETPW@h", "redis://:***@h"),
    ("postgresql://u:SECRET@PW:x/y", "postgresql://u:***"),  # what follows the @ is no port
    ("postgresql://u:SECRETPW@h/d?x=SECRETPW", "postgresql://u:***@h/d?x=***"),
    ("postgresql://u:SECRETPW/d", "postgresql://u:***/d"),  # its @host was forgotten
    ("postgresql:/u:SECRETPW@h/d", "postgresql:/u:***@h/d"),
    ("postgresql///u:SECRETPW@h/d", "postgresql///u:***@h/d"),
    ("postgresql:///u:SECRETPW@h/d", "postgresql:///u:***@h/d"),
    ("u:SECRETPW@h/d", "u:***@h/d"),
    ("postgresql://h/d?user=u&password=SECRETPW&x=1", "postgresql://h/d?user=u&password=***&x=1"),
    ("postgresql://h/d?sslkey=/k&sslpassword=SECRETPW", "postgresql://h/d?sslkey=***&sslpassword=***"),
    ("https://h/d?access_token=SECRETPW", "https://h/d?access_token=***"),
])  # fmt: skip
def test_a_url_is_shown_without_its_secrets(url: str, expected: str) -> None:
    assert redact.shown(url) == expected
    assert redact.shown(expected) == expected


@pytest.mark.parametrize("where", [
    "postgresql://h/d", "postgresql://u@h:5432/d", "postgresql://[::1]:5432/d",
    "sqlite:///a:b@c?password=x/y.db", "journal:////tmp/a:b@c.log", "runs/a@b?c=d.db",
    "runs/12:30@home.db", "C:/x@y.db", "runs/key=3/harness.db", "x.db",
])  # fmt: skip
def test_text_without_a_secret_is_left_as_it_is(where: str) -> None:
    assert redact.shown(where) == where
    redact.learn(where)
    assert redact._known == {}


def test_a_secret_is_found_however_it_is_written() -> None:
    from urllib.parse import quote, quote_plus

    redact.learn(f"postgresql://u:{quote(SPECIAL, safe='')}@h/d")
    for spelled in (SPECIAL, quote(SPECIAL), quote(SPECIAL, safe=""), quote_plus(SPECIAL),
                    quote(SPECIAL, safe="").lower(), repr(SPECIAL)[1:-1]):  # fmt: skip
        assert redact.clean(f"it said {spelled} and went") == "it said *** and went", spelled


def test_a_password_that_is_part_of_other_words_leaves_them_alone() -> None:
    redact.learn("postgresql://u:test@h/d")
    assert redact.clean("the latest test's tests") == "the latest ***'s tests"
    redact.learn("postgresql://postgres:postgres@h/postgres")
    said = "postgresql: no database of postgres, password='postgres'"
    assert redact.clean(said) == "postgresql: no database of postgres, password=***"
    redact.learn("postgresql://u:a@h/d")
    assert redact.clean("a file, x:a@h") == "a file, x:***@h"
    redact.learn("postgresql://u:harness@h/d")
    assert redact.clean("harness: a harness") == "harness: a harness"


def test_settings_of_a_study_are_no_secrets() -> None:
    said = "arm key_dim=64, tokens=128: auth=none at file.py:3, 10:30, http://localhost:8080/x"
    assert redact.clean(said) == said


def test_an_error_loses_secrets_with_all_it_came_from() -> None:
    redact.learn("postgresql://u:SECRETPW@h/d")
    try:
        try:
            try:
                raise OSError(2, "no SECRETPW", "file-SECRETPW")
            except OSError as error:
                raise ValueError("at postgresql://u:OTHERPW@h/d") from error
        except ValueError:
            raise RuntimeError("password SECRETPW was wrong")  # noqa: B904
    except RuntimeError as error:
        redact.scrub(error)
        told = "".join(traceback.format_exception(error)).replace("raise", "")
        said = [line for line in told.splitlines() if "Error: " in line]
        assert len(said) == 3
        assert not [line for line in said if "PW" in line]


def test_streams_and_logs_are_cleaned() -> None:
    redact.learn("postgresql://u:SECRETPW@h/d")
    under = io.StringIO()
    stream = redact.Clean(under)
    print("so SECRETPW it is", file=stream)
    logger = logging.getLogger("of another library")
    handler = logging.StreamHandler(under)
    logger.addHandler(handler)
    redact.guard(logger.name)
    redact.guard(logger.name)
    assert len(handler.filters) == 1
    logger.error("no %s at %d", "SECRETPW", 3)
    assert under.getvalue() == "so *** it is\nno *** at 3\n"
    assert stream.isatty() is False
