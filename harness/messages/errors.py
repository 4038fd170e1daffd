"""Errors that a user can correct: what must hold, what came, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HarnessError(ValueError):
    """The command or the study is wrong (exit code 2); the message is one line.

    Args:
        must: what must hold.
        got: what was given.
        instead: what to write instead.

    Attributes:
        got: what was given; the whole message if that part is not known.
        code: the exit code of a command that ends with it.

    Example:
        >>> from harness import HarnessError
        >>> from harness.optim import SGD
        >>> try:
        ...     SGD(lr=-1)
        ... except HarnessError as error:
        ...     print(error)
        SGD(lr=...) must be above 0 and finite; got -1. Write lr=0.1, say.
    """

    got: str = ""
    code: int = 2

    def __init__(self, must: str, got: str, instead: str) -> None:
        super().__init__(one_line(f"{must}; got {got}. {instead}"))
        self.got = one_line(got)

    @classmethod
    def relayed(cls, where: str, said: str) -> HarnessError:
        """Return an error from the words of a worker process, with the place where it arose."""
        error = cls.__new__(cls)
        ValueError.__init__(error, one_line(f"{where}: {said}"))
        error.got = str(error)
        return error

    def and_(self, said: str) -> HarnessError:
        """Return the same error with a further sentence."""
        error = type(self).__new__(type(self))
        ValueError.__init__(error, one_line(f"{self} {said}"))
        error.got = self.got
        return error


class ConnectionLostError(HarnessError):
    """A store's server went away and did not come back in time (exit code 130).

    What was recorded is kept, and the same command continues from there.
    """

    code = 130


class StoppedError(HarnessError):
    """The person at the keyboard, or a signal, ended a command that keeps nothing."""

    code = 130


def one_line(text: str) -> str:
    """Replace all white space by single blanks, so that an error is always one line."""
    return " ".join(text.split())


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Return the names, three at most, that are written much as one that is not known."""
    return difflib.get_close_matches(str(name), [str(each) for each in known], n=3, cutoff=0.5)


def meant(names: Iterable[str]) -> str:
    """Ask whether one of these names was meant: the last part of an error message."""
    return "Did you mean " + " or ".join(names) + "?"


def near(name: str, known: Iterable[str]) -> str:
    """Name the closest of ``known``, or all of them: the last part of an error message."""
    names = [str(each) for each in known]
    if close := closest(name, names):
        return meant(close)
    return "Known: " + ", ".join(names) + "." if names else "None are known."
