"""The command that does a gate again holds every option that the gate was given."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.commands import gate as command
from harness.commands.cli import app, execute
from harness.gate.asked import Asked
from harness.gate.outcome import GateResult, Revision
from harness.gate.repeat import repeated
from tests.example_gate import example

COMMIT = "0123456789ab"
WHAT = "pack.code:work"
PLAIN = ["--base", COMMIT, WHAT]

GIVEN: dict[str, list[str]] = {
    "--base": [*PLAIN],
    "--head": ["--head", COMMIT, *PLAIN],
    "--here": ["--here", *PLAIN],
    "--extra": ["--extra", "one", "--extra", "two words", *PLAIN],
    "--with": ["--with", "numpy<3", "--with", "rich", *PLAIN],
    "--only": ["--only", "a/*", "--only", "call", *PLAIN],
    "--only-exact": ["--only-exact", *PLAIN],
    "--only-time": ["--only-time", *PLAIN],
    "--only-quality": ["--only-quality", *PLAIN],
    "--quality": ["--quality", *PLAIN],
    "--seeds": ["--quality", "--seeds", "7", *PLAIN],
    "--margin": ["--quality", "--margin", "0.0125", *PLAIN],
    "--instructions": ["--instructions", *PLAIN],
    "--baseline": ["--baseline", "base line.json", WHAT],
    "--save": ["--save", "base.json", WHAT],
    "--waivers": ["--waivers", "other.toml", *PLAIN],
    "--history": ["--history", "all gates.jsonl", *PLAIN],
    "--shadow": ["--shadow", *PLAIN],
    "--scale": ["--scale", "full", *PLAIN],
    "--device": ["--device", "cuda:1", *PLAIN],
    "--threads": ["--threads", "0", *PLAIN],
    "--seconds": ["--seconds", "0.7", *PLAIN],
    "--budget": ["--budget", "0.123456789", *PLAIN],
    "--fails-from": ["--fails-from", "7.1", *PLAIN],
    "--passes-below": ["--passes-below", "12.3", *PLAIN],
    "--out": ["--out", "else where", *PLAIN],
}
"""Words of a command in which the option differs from what it is by itself."""

HOW_IT_IS_TOLD = {"--quiet", "--json"}
"""What these change is only what is printed."""


def options() -> set[str]:
    gate: Any = typer.main.get_command(app)
    return {each.opts[0] for each in gate.commands["gate"].params if each.opts[0].startswith("-")}


def test_no_option_is_forgotten_here() -> None:
    assert len(options()) > 20, "or the command was not found"
    assert options() - {"--help"} == set(GIVEN) | HOW_IT_IS_TOLD


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what reads a command's words as ``harness gate`` does, and measures nothing."""
    found: list[Asked] = []

    def gate_sides(asked: Asked, out: Path, **_: bool) -> GateResult:
        assert out == (asked.out or Path("runs/gate"))
        found.append(asked)
        return example(shadow=True)

    monkeypatch.setattr(command, "gate_sides", gate_sides)
    monkeypatch.chdir(tmp_path)

    def read(words: list[str]) -> Asked:
        assert execute(words) == 0
        return found.pop()

    return read


@pytest.mark.parametrize("option", sorted(GIVEN))
def test_each_option_is_repeated(option: str, typed: Any) -> None:
    words = GIVEN[option]
    asked = typed(["gate", *words])
    without = typed(["gate", *PLAIN])
    assert (asked == without) is (option == "--base"), "or it is not seen whether it is repeated"
    head = Revision("head", COMMIT if asked.head else "", "")
    again = repeated(asked, Revision("base", COMMIT, ""), head)
    assert again.startswith("harness gate ")
    assert typed(shlex.split(again)[1:]) == asked


def test_several_options_are_repeated_together(typed: Any) -> None:
    words = [
        *["--only-exact", "--instructions", "--history", "past.jsonl", "--out", "there"],
        *["--threads", "2", "--head", COMMIT, *PLAIN, "cmd:python 'a b.py'"],
    ]
    asked = typed(["gate", *words])
    sides = [Revision(name, COMMIT + "cdef", "") for name in ("base", "head")]
    assert typed(shlex.split(repeated(asked, *sides))[1:]) == asked
