"""Words for a command line that cannot be read: what must hold, what came, what to write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from harness.messages.errors import HarnessError, near

_EXAMPLES = {"seeds": "5", "max_seeds": "20", "workers": "2", "claim": "1"}
"""Examples of numbers, by the name of the option."""


def misread(error: Any, words: Sequence[str], commands: Iterable[str]) -> HarnessError:
    """Return the error to show when typer refuses a command line.

    Args:
        error: typer's; it is known by its fields, as typer has no public names for the kinds.
        words: the command line, without ``harness``.
        commands: the commands that there are.
    """
    known = list(commands)
    path = f"harness {words[0]}" if words and words[0] in known else "harness"
    see = f"`{path} --help` shows what there is."
    context: Any = getattr(error, "ctx", None)
    parameter: Any = getattr(error, "param", None)
    option, kind = getattr(error, "option_name", ""), type(error).__name__
    if option and context is not None:
        options = [each for one in context.command.params for each in one.opts if each[:2] == "--"]
        must = f"an option of `{path}` must be one that it has"
        return HarnessError(must, option, near(option, [*options, "--help"]))
    if option:
        return _of_option(option, words, see)
    if parameter is not None and kind == "MissingParameter":
        name = parameter.metavar or parameter.name.upper()
        return HarnessError(f"`{path}` must be given {name}", "none", f"Write `{path} {name}`.")
    if parameter is not None:
        return _of_value(error, parameter, see)
    said = error.format_message()
    if extra := re.search(r"extra arguments?(?:\(s\))? \((.*)\)", said):
        places = [one.metavar for one in context.command.params if getattr(one, "metavar", None)]
        takes = f"nothing but {' and '.join(places)}" if places else "nothing but options"
        return HarnessError(f"`{path}` must be given {takes}", f"{extra[1]}, too", see)
    if path == "harness" and words:
        wrong = next((each for each in words if not each.startswith("-")), words[0])
        instead = f"{near(wrong, known)} A study is run by `harness run STUDY`."
        return HarnessError("after harness must come a command", repr(wrong), instead)
    return HarnessError(f"`{path}` must be written as its help says", said.rstrip("."), see)


def _of_option(option: str, words: Sequence[str], see: str) -> HarnessError:
    given = next((each for each in words if each.startswith(f"{option}=")), None)
    if given is not None:
        return HarnessError(f"{option} must be given without a value", given, f"Write {option}.")
    return HarnessError(f"{option} must be followed by a value", "none", see)


def _of_value(error: Any, parameter: Any, see: str) -> HarnessError:
    """Tell of a value that does not do."""
    option = next((each for each in parameter.opts if each.startswith("--")), "")
    name = option or str(parameter.metavar).strip("[]")
    example = _EXAMPLES.get(parameter.name)
    instead = f"Write {option} {example}, say.".replace("  ", " ") if example else see
    found = getattr(error.__cause__, "errors", None)
    if path := re.search(r"('.*' is a (file|directory))\.?$", error.message):
        must = "a folder" if path[2] == "file" else "a file"
        return HarnessError(f"{name} must be {must}", path[1], instead)
    if found is None:
        return HarnessError(f"{name} must be what its help says", error.message, instead)
    (first, *_) = found()
    least = first.get("ctx", {}).get("ge")
    must = "a whole number" if least is None else f"at least {least}"
    return HarnessError(f"{name} must be {must}", repr(first["input"]), instead)
