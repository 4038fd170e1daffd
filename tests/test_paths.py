"""Stores and folders of any name: no sign in it means something to a URL, a shell or a template."""

import shlex
from pathlib import Path

import pytest

from harness.commands.doctor import examine_store
from harness.commands.place import Place
from harness.messages.errors import HarnessError
from harness.messages.printable import quoted
from harness.storing.damage import Damage, Noticed
from harness.storing.sqlite import sqlite_path
from harness.storing.store import open_store
from tests.declaring import report, run, study

ODD = (
    'what works? #1 100%41;&  it\'s "so" {SCHEMA_VERSION} é漢 a$b`c` [x] * ~ \\d',
    "-dash caf\udce9?",
)


@pytest.mark.parametrize("name", ODD, ids=ascii)
@pytest.mark.parametrize(
    "form", ["{}/harness.db", "{}.db", "sqlite:///{}.db", "sqlite+pysqlite:///{}"]
)
def test_a_store_is_the_file_that_was_named_and_no_other(form: str, name: str, here: Path) -> None:
    where = form.format(name)
    store = open_store(where)
    assert store.path == sqlite_path(where)
    assert store.path is not None
    store.close()
    files = [each.relative_to(here) for each in here.rglob("*") if each.is_file()]
    assert {str(each).removesuffix(".lock").removesuffix("-wal").removesuffix("-shm")
            for each in files} == {str(store.path)}  # fmt: skip
    open_store(where, create=False).close()
    (found,) = examine_store(where, mend=False)
    assert found.state == "right"


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_the_command_that_goes_on_can_be_typed_as_it_is_printed(name: str, here: Path) -> None:
    place = Place(here / name, f"{name}.db")
    words = ["harness", "report", *place.words()]
    assert shlex.split(shlex.join(words)) == words
    noticed = Noticed()
    noticed.damage[Damage(f"{name}.db", "s", None, "part", "wrong")] = None
    (sentence,) = noticed.untold()
    begin = sentence.rindex("`harness doctor")
    command = sentence[begin + 1 : sentence.rindex("`")]
    assert shlex.split(command) == ["harness", "doctor", "--store", f"{name}.db", "--mend"]


def test_a_password_stays_hidden_in_a_command() -> None:
    assert quoted("postgresql://me:***@host/x") == "postgresql://me:***@host/x"
    assert quoted("my store.db") == "'my store.db'"


def test_a_journal_of_any_name_is_a_store_and_goes_on(here: Path) -> None:
    for name in ODD:
        store = open_store(f"journal:///{name}.log")
        run(store, study())
        assert report(store, study()).verdicts[0].seen.n == 5
        store.close()
        assert (here / f"{name}.log").stat().st_size > 1000


def test_no_stray_file_is_left_where_a_store_cannot_be(here: Path) -> None:
    (here / "what").write_text("a file\n")
    with pytest.raises(HarnessError, match="what/is it"):
        open_store("what/is it?.db")
    assert [each.name for each in here.iterdir()] == ["what"]
