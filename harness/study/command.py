"""A command line of the user's own as what one trial does."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar

from harness.identity.canonical import canonical
from harness.identity.files import check_pattern
from harness.messages import checks
from harness.messages.errors import HarnessError, near
from harness.study.designs import Arm
from harness.study.placeholders import (
    GIVEN,
    SEED_FOR,
    check_unquoted,
    fill,
    is_given,
    names_in,
    pieces,
    shell_words,
    text_of,
    text_of_level,
)
from harness.study.scales import Scale
from harness.study.work import Work

SHELL = ("/bin/sh", "-c")
"""What runs a line that is meant for a shell."""


@dataclass(frozen=True)
class Command:
    r"""A command that trains, in any language, and writes or prints its metrics.

    It runs in the folder of the study's file, with nothing to read from, and what it prints is
    kept. Beside the environment that there is, it is given ``HARNESS_SEED``, ``HARNESS_FOLDER``,
    ``HARNESS_DEVICE``, ``HARNESS_CHOOSING`` and one CPU thread (``OMP_NUM_THREADS``).

    In ``{braces}`` stand names, and ``{{`` or ``}}`` is a brace. A name is a factor, a tuned
    setting, a setting of the scale, or one of these:

    - ``{seed}``: the trial's seed, the same in all arms; ``{seed_for_weights}``, with any word in
      the place of weights: a seed below 2³¹ for one purpose.
    - ``{folder}``: the trial's own folder, the same after a kill: what the command finds there, it
      may go on from.
    - ``{device}``: torch's name of the device. ``{choosing}``: 1 while settings are being chosen,
      when the test set is to be left alone, otherwise 0.
    - ``{python}``: the Python that the harness runs in.

    Numbers are written as Python writes them: the same bits arrive. ``True`` and ``False`` become
    ``true`` and ``false``, as JSON, YAML, Hydra and click read them (in argparse
    ``type=json.loads`` does). Paths are written as they are, and other objects by the name of
    their level.

    Attributes:
        line: the command line; a text is split into words as a shell does, a tuple is words. No
            shell sees it, so that ``;``, ``*`` and ``$`` are signs like others.
        reads: the file in ``{folder}`` that it writes its metrics to: one JSON object from names
            to numbers; ``metrics.json`` where nothing is said.
        code: patterns of files whose contents make the trial's key, from the folder of the
            study's file on: ``"src/**"``, ``"**/*.py"``. A folder is all that lies in it. Files
            whose names begin with a dot and ``__pycache__`` do not count. Files that the line
            names count anyway, such as ``train.py``.
        curve: a file in ``{folder}`` with one JSON object per line, each with ``epoch`` or
            ``step`` and numbers. An epoch that comes again replaces what followed it.
        prints: for a script that writes its metrics nowhere: by metric, a pattern that is looked
            for in each line that it prints. Its first group is the value; a group called ``epoch``
            or ``step`` says where it lies: ``r"step (?P<step>\d+) test loss: (\S+)"``. The last
            value counts, and all are its curve.
        environment: variables that are set beside those that there are; their values may hold
            names in braces.
        shell: whether the line is given to ``/bin/sh``. Values are then quoted for it.

    Raises:
        HarnessError: a part of it is wrong.

    Example:
        >>> from harness import Command
        >>> line = "python train.py --lr {lr} --seed {seed} --out {folder}"
        >>> Command(line, reads="metrics.json", code=("src/**",)).names
        ('lr', 'seed', 'folder')
    """

    line: str | Sequence[str]
    reads: str = ""
    code: Sequence[str] = ()
    curve: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    shell: bool = False
    prints: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prints", _checked_prints(self.prints))
        if self.reads == "" and not self.prints:
            object.__setattr__(self, "reads", "metrics.json")
        checks.flag(self, "shell", self.shell)
        words = _words(self.line, shell=self.shell)
        object.__setattr__(self, "line", words[0] if self.shell else words)
        for text in words:
            pieces("the line of a Command", text)
        if self.shell:
            check_unquoted(words[0])
        if self.reads != "":
            _check_file("reads", self.reads)
        if self.curve != "":
            _check_file("curve", self.curve)
        if self.reads and PurePosixPath(self.reads) == PurePosixPath(self.curve):
            raise HarnessError(
                "Command(reads=...) and Command(curve=...) must be two files",
                repr(self.reads),
                "Write curve='curve.jsonl', say.",
            )
        if isinstance(self.code, str) or not isinstance(self.code, Sequence):
            raise HarnessError(
                "Command(code=...) must be a tuple of patterns",
                repr(self.code),
                "Write code=('src/**',), with the comma.",
            )
        for pattern in self.code:
            check_pattern(pattern)
        object.__setattr__(self, "code", tuple(self.code))
        object.__setattr__(self, "environment", _checked_environment(self.environment))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that stand in braces, in the line and in the environment, each once."""
        texts = [*([self.line] if isinstance(self.line, str) else self.line)]
        found = [name for text in [*texts, *self.environment.values()] for name in names_in(text)]
        return tuple(dict.fromkeys(found))

    def check_names(self, names: Sequence[str], scales: Mapping[str, Scale]) -> None:
        """Check that each factor and tuned setting is taken, and nothing that there is not.

        Args:
            names: those of the factors and tuned settings.
            scales: by name; their settings may be taken, too.

        Raises:
            HarnessError: it is not so.
        """
        for name in filter(is_given, names):
            raise HarnessError(
                "a factor or tuned setting of a Command must have a name of its own",
                f"{name!r}, which stands for something else in a line",
                f"Rename it. Taken: {', '.join(GIVEN)}, and what begins with {SEED_FOR}.",
            )
        missing = [name for name in names if name not in self.names]
        if missing:
            raise HarnessError(
                "the line of a Command, or its environment, must take every factor and tuned "
                "setting",
                f"none with {' or '.join(f'{{{name}}}' for name in missing)}",
                f"Write --{missing[0]} {{{missing[0]}}}, say.",
            )
        for scale, size in scales.items():
            settings = getattr(size, "settings", {})
            for name in self.names:
                if is_given(name) and name in settings:
                    raise HarnessError(
                        f"a setting of scale {scale!r} must have a name of its own",
                        f"{name!r}, which stands for something else in the line of a Command",
                        f"Rename it, as in Scale({name}_of_mine=...).",
                    )
                if not is_given(name) and name not in names and name not in settings:
                    known = [*names, *settings, *GIVEN, f"{SEED_FOR}weights"]
                    raise HarnessError(
                        "a name in braces must be a factor, a tuned setting, a setting of the "
                        "scale, or given",
                        f"{{{name}}}, which is nothing at scale {scale!r}",
                        f"{near(name, known)} A brace itself is written twice: {{{{ or }}}}.",
                    )

    def filled(self, settings: Mapping[str, Any], arm: Arm, tuned: Mapping[str, Any]) -> Filled:
        """Return the command with the values of one arm, of which those count that it takes.

        Args:
            settings: those of the scale.
            arm: the arm.
            tuned: values of the tuned settings.

        Raises:
            HarnessError: a value cannot be written as text.
        """
        plain = {**settings, **tuned}
        values = {
            name: text_of_level(name, arm.levels[name])
            if name in arm.levels
            else text_of(name, plain[name])
            for name in self.names
            if not is_given(name)
        }
        return Filled(self.line, self.reads, values, self.curve, self.environment, self.prints)


@dataclass(frozen=True)
class Filled:
    """A command with the values of one arm: its fields are what counts in a trial's key.

    Attributes:
        line: the line with names in braces: words, or a text for a shell.
        reads: the file with its metrics.
        values: the values of names that the study declares, as they are written.
        curve: the file with its curves; empty for none.
        environment: variables with names in braces.
        prints: patterns in what it prints, by metric.
    """

    kind: ClassVar[str] = "command"

    line: str | Sequence[str]
    reads: str
    values: Mapping[str, str]
    curve: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    prints: Mapping[str, str] = field(default_factory=dict)

    def needs(self) -> Mapping[str, Work]:
        """Return nothing: it runs without other trials."""
        return {}

    def seed_of_need(self, name: str, seed: int) -> int:  # noqa: ARG002 - as others do
        """Return the seed of what is run before it: its own."""
        return seed

    def data_sets(self) -> tuple[Any, ...]:
        """Return nothing: which data it reads is its own business."""
        return ()

    def program(self) -> str:
        """Return, as text, all of it: two commands are never run as one."""
        return json.dumps(canonical(self), sort_keys=True)

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes that it wants a seed for."""
        texts = [*self._texts, *self.environment.values()]
        found = [name for text in texts for name in names_in(text) if name.startswith(SEED_FOR)]
        return tuple(dict.fromkeys(name.removeprefix(SEED_FOR) for name in found))

    @property
    def _texts(self) -> tuple[str, ...]:
        return (self.line,) if isinstance(self.line, str) else tuple(self.line)

    def words(self, given: Mapping[str, str]) -> list[str]:
        """Return the words that are run.

        Args:
            given: what a trial has a value for, beside what the study declares.
        """
        values = {**self.values, **given}
        if isinstance(self.line, str):
            quoted = {name: shlex.quote(value) for name, value in values.items()}
            return [*SHELL, fill(self.line, quoted)]
        return [fill(word, values) for word in self.line]

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that are set beside those that there are."""
        return {
            name: fill(text, {**self.values, **given}) for name, text in self.environment.items()
        }

    def shown(self) -> str:
        """Return the line as one would type it, with SEED for the seed, and so on."""
        given = {name: name.upper() for text in self._texts for name in names_in(text)}
        given |= {"python": "python"} | dict(self.values)
        words = self.words(given)
        return words[-1] if isinstance(self.line, str) else shlex.join(words)

    def may_be_files(self) -> Iterator[str]:
        """Yield what may be the name of a file in the line, as far as all trials share it."""
        before = ""
        for text in self._texts:
            names = names_in(text)
            if isinstance(self.line, str):
                given = dict.fromkeys(names, "\x00") | dict(self.values)
                words = [word for word in shell_words(fill(text, given)) if "\0" not in word]
            else:
                words = [fill(text, self.values)] if set(names) <= self.values.keys() else [""]
            for word in words:
                if before == "-m":  # python -m package.module
                    module = word.replace(".", "/")
                    yield from (f"{module}.py", f"{module}/__main__.py")
                yield from dict.fromkeys((word, word.rpartition("=")[2]))
                before = word


def _words(line: Any, *, shell: bool) -> tuple[str, ...]:
    """Return the words of a line; of one for a shell, the line as it is.

    Raises:
        HarnessError: it is none.
    """
    if isinstance(line, str):
        try:
            words = [line] if shell else shlex.split(line)
        except ValueError as error:
            raise HarnessError(
                "quotes in the line of a Command must come in pairs",
                f"{line!r} ({error})",
                "Close them, or give the words as a tuple.",
            ) from error
    elif shell or not isinstance(line, Sequence) or not all(isinstance(x, str) for x in line):
        raise HarnessError(
            "the line of a Command must be a text" + ("" if shell else ", or a tuple of words"),
            repr(line),
            "Write Command('python train.py --lr {lr} --seed {seed} --out {folder}').",
        )
    else:
        words = list(line)
    if not words or not words[0].strip():
        raise HarnessError(
            "the line of a Command must begin with a program",
            repr(line),
            "Write Command('python train.py --lr {lr} --seed {seed} --out {folder}').",
        )
    _check_text("line", *words)
    return tuple(words)


def _check_text(name: str, *texts: str) -> None:
    for text in texts:
        if "\0" in text:
            raise HarnessError(
                f"Command({name}=...) must be text that a program can be given",
                repr(text),
                "Leave out the zero byte.",
            )


def _check_file(name: str, file: Any) -> None:
    """Check that a file lies in the trial's folder.

    Raises:
        HarnessError: it does not.
    """
    path = PurePosixPath(file) if isinstance(file, str) else PurePosixPath()
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in str(file):
        raise HarnessError(
            f"Command({name}=...) must be the name of a file in the trial's own folder",
            repr(file),
            f"Write {name}={'metrics.json' if name == 'reads' else 'curve.jsonl'!r}, and let the "
            "command write it into {folder}.",
        )


def _checked_prints(prints: Any) -> dict[str, str]:
    """Check patterns, and return them.

    Raises:
        HarnessError: one is none, or has no group for the value.
    """
    must = "Command(prints=...) must be a mapping from metrics to patterns with a group"
    instead = r"Write prints={'test_loss': r'test loss: (\S+)'}, say."
    if not isinstance(prints, Mapping):
        raise HarnessError(must, repr(prints), instead)
    for name, pattern in prints.items():
        try:
            made = re.compile(pattern)
        except (re.error, TypeError) as error:
            raise HarnessError(must, f"{name!r}: {pattern!r} ({error})", instead) from error
        if not isinstance(pattern, str) or not made.groups - len(
            {"epoch", "step"} & made.groupindex.keys()
        ):
            raise HarnessError(must, f"{name!r}: {pattern!r}", instead)
    places = {each for text in prints.values() for each in re.compile(text).groupindex}
    if places >= {"epoch", "step"}:
        raise HarnessError(
            "the patterns of Command(prints=...) must count either epochs or steps",
            "both",
            "Leave the group epoch or the group step out of those that say less.",
        )
    return dict(prints)


def _checked_environment(environment: Any) -> dict[str, str]:
    """Check variables, and return them.

    Raises:
        HarnessError: they are no variables.
    """
    must = "Command(environment=...) must be a mapping from names of variables to texts"
    instead = "Write environment={'WANDB_MODE': 'offline'}, say."
    if not isinstance(environment, Mapping):
        raise HarnessError(must, repr(environment), instead)
    for name, text in environment.items():
        named = isinstance(name, str) and name and "=" not in name
        if not named or not isinstance(text, str):
            raise HarnessError(must, f"{name!r}: {text!r}", instead)
        _check_text("environment", name, text)
        pieces(f"the variable {name} of a Command", text)
    return dict(environment)
