"""Which code gives a Training its meaning, as one short hash for each module or definition.

For the harness's own code it is every module that the trainer, and the modules of what the
Training is made of, import, directly or through others. For a class or function of the user's own
(a network in a study file) it is that definition and every definition it names in turn. Comments,
docstrings and layout do not count. Installed packages do not count either: their versions are
kept with each record.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib.util
import inspect
import io
import re
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

PACKAGE = "harness"
TRAINER = f"{PACKAGE}.train"
_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}


def code_of(definitions: Iterable[Any]) -> dict[str, str]:
    """Return a short hash for each piece of code that the trainer and ``definitions`` rest on.

    Args:
        definitions: the classes and functions that a Training is made of.
    """
    modules = {TRAINER}
    users: list[Any] = []
    for definition in definitions:
        if _ours(definition.__module__):
            modules.add(definition.__module__)
        else:
            users.append(definition)
    own, used = _closure(users)
    return {name: _module_hash(name) for name in sorted(_imported(frozenset(modules | used)))} | own


def _ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


def normalised(source: str) -> str:
    """Return source text without comments, docstrings and layout, the same for equal programs."""
    out: list[str] = []
    new_line = True
    word = False
    pending = list(_tokens(source))
    for index, token in enumerate(pending):
        if token.type == tokenize.INDENT:
            out.append("\x01")
            continue
        if token.type == tokenize.DEDENT:
            out.append("\x02")
            continue
        following = pending[index + 1].type if index + 1 < len(pending) else tokenize.NEWLINE
        if token.type == tokenize.STRING and new_line and following == tokenize.NEWLINE:
            continue  # a docstring: the NEWLINE after it is dropped with the next branch
        if token.type == tokenize.NEWLINE:
            if not new_line:
                out.append("\n")
            new_line, word = True, False
            continue
        is_word = token.type in (tokenize.NAME, tokenize.NUMBER)
        if word and is_word:
            out.append(" ")
        out.append(token.string)
        new_line, word = False, is_word
    return "".join(out)


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens that count; f-strings in one piece, as Python 3.11 has them.

    Newer ones take f-strings apart, where ``{a}`` and ``{{a}}`` have the same middle.
    """
    lines = list(io.StringIO(source))
    depth, begin = 0, (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("FSTRING_START", "TSTRING_START"):
            begin = begin if depth else token.start
            depth += 1
        elif kind in ("FSTRING_END", "TSTRING_END"):
            depth -= 1
            if depth == 0:
                (top, left), (bottom, right) = begin, token.end
                text = "".join(lines[top - 1 : bottom])
                text = text[left : len(text) - len(lines[bottom - 1]) + right]
                yield tokenize.TokenInfo(tokenize.STRING, text, begin, token.end, token.line)
        elif depth == 0 and token.type not in _SKIPPED:
            yield token


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


@cache
def _module_file(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


@cache
def _module_hash(name: str) -> str:
    file = _module_file(name)
    assert file is not None, name
    return _short(normalised(file.read_text(encoding="utf-8")))


@cache
def _imported(modules: frozenset[str]) -> frozenset[str]:
    """Follow imports within the package; type-checking-only imports change no result."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _module_file(name)
        assert file is not None, name
        waiting += _imports_within(file.read_text(encoding="utf-8"))
    return frozenset(seen)


def _imports_within(source: str) -> Iterator[str]:
    for node in _runtime_nodes(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PACKAGE):
            if node.module == PACKAGE:
                yield from (f"{PACKAGE}.{alias.name}" for alias in node.names)
            else:
                yield node.module
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    if _is_module(name):
                        yield name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith(f"{PACKAGE}."):
                    yield alias.name


@cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _runtime_nodes(node)


def _installed(definition: Any) -> bool:
    """Whether a definition belongs to Python or to an installed package, which have versions."""
    name = definition.__module__
    if name.split(".")[0] in sys.stdlib_module_names:
        return True
    try:
        file = inspect.getfile(definition)
    except TypeError:
        return True
    if name.split(".")[0] == "studies":
        return False  # shipped beside the harness, but somebody's study all the same
    roots = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return any(Path(file).resolve().is_relative_to(Path(root).resolve()) for root in roots)


def _closure(definitions: Iterable[Any]) -> tuple[dict[str, str], set[str]]:
    """Return a hash for each of the user's definitions and all that they name in their modules.

    Beside it stand the harness's modules that they use.
    """
    own: dict[str, str] = {}
    modules: set[str] = set()
    seen: set[int] = set()
    waiting = list(definitions)
    while waiting:
        current = inspect.unwrap(waiting.pop())  # what functools.cache wraps, say
        if id(current) in seen:
            continue
        seen.add(id(current))
        if _ours(current.__module__):
            modules.add(current.__module__)
            continue
        if _installed(current):
            continue
        source = inspect.cleandoc("\n" + inspect.getsource(current))
        try:
            names, text = _names(source), normalised(source)
        except (SyntaxError, tokenize.TokenError):  # a lambda's lines, cut out of a statement
            names, text = set(re.findall(r"\w+", source)), " ".join(source.split())
        module = sys.modules[current.__module__]
        constants = {}
        for used in sorted(names):
            value = getattr(module, used, None)
            if isinstance(value, ModuleType):
                if _ours(value.__name__):
                    modules |= {value.__name__} - {PACKAGE}
                elif not _installed_module(value):
                    constants[used] = normalised(inspect.getsource(value))
            elif value is not None:
                constants[used] = _constant(value, waiting)
        name = f"{current.__module__.rsplit('.', 1)[-1]}:{current.__qualname__}"
        # several lambdas go by one name
        own[name] = _short(own.get(name, "") + text + repr(constants))
    return own, modules


def _constant(value: Any, waiting: list[Any]) -> str:
    """Write a module's variable, the same in every process; definitions in it join ``waiting``.

    ``repr`` will not do: it gives addresses, and sets in an order that changes. Of an object that
    is no dataclass only the class counts.
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, tuple | list | set | frozenset):
        each = [_constant(one, waiting) for one in value]
        return repr(sorted(each) if isinstance(value, set | frozenset) else each)
    if isinstance(value, Mapping):
        return repr([(str(key), _constant(one, waiting)) for key, one in value.items()])
    value = inspect.unwrap(value)
    if isinstance(value, type | FunctionType):
        waiting.append(value)
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return str(value.__qualname__)
    waiting.append(type(value))
    held = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    fields = [(item.name, _constant(getattr(value, item.name), waiting)) for item in held]
    return f"{type(value).__qualname__}{fields}"


def _installed_module(module: ModuleType) -> bool:
    if module.__name__.split(".")[0] in sys.stdlib_module_names or not module.__spec__:
        return True
    origin = module.__spec__.origin
    roots = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return origin is None or any(
        Path(origin).resolve().is_relative_to(Path(root).resolve()) for root in roots
    )


def _names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
