"""What the text of a Python file says: its statements, the names they bind and use, its imports.

Text, and not the objects that running it made: a tensor, a compiled pattern or a partial function
cannot be written down faithfully, but the statement that made it can. Nothing is imported or run
here; which statements count is for :mod:`harness.source` to say.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

STAR = "*"
"""The name under which ``from x import *`` stands, which may bind any."""

_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
# What stands under these runs in no worker process, or in none at all.
_NEVER = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


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


@dataclass(frozen=True)
class Import:
    """One name that an import binds.

    Attributes:
        module: what stands after ``from`` or ``import``, without leading dots.
        level: how many leading dots.
        name: what is taken from the module; ``None`` is the module itself.
        bound: the name that it gets.
    """

    module: str
    level: int
    name: str | None
    bound: str


@dataclass(frozen=True)
class Statement:
    """One statement of a file's top level, blocks such as ``if`` and ``try`` in one piece.

    Attributes:
        label: the first name that it binds or changes.
        text: without comments, docstrings and layout; with the imports of the names it uses.
        uses: the names that it takes from its module.
        imports: those within it.
    """

    label: str
    text: str
    uses: frozenset[str]
    imports: tuple[Import, ...]


@dataclass(frozen=True)
class Source:
    """A file's top level.

    Attributes:
        statements: all but plain imports and what binds and changes nothing.
        binding: for each name, the positions of the statements that bind it or change its object.
        imported: for each name that a plain import of the top level binds, those imports.
        imports: all of the file's imports, wherever they stand.
    """

    statements: tuple[Statement, ...]
    binding: dict[str, list[int]]
    imported: dict[str, list[Import]]
    imports: tuple[Import, ...]


@cache
def parsed(text: str) -> Source:
    """Read a file's text, once in each process.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = _Runtime().visit(ast.parse(text))
    imported: dict[str, list[Import]] = {}
    blocks: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for each in _imports(node):
                imported.setdefault(each.bound, []).append(each)
        else:
            blocks.append(node)
    effects = {
        node.name: _effects(node)
        for node in blocks
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    known = {*imported, *(name for node in blocks for name in _bound(_run(node)))}
    statements: list[Statement] = []
    binding: dict[str, list[int]] = {}
    for node in blocks:
        changed = known & _changed(node, effects, imported)
        names = dict.fromkeys([*_bound(_run(node)), *sorted(changed)])
        if not names:
            continue
        for name in names:
            binding.setdefault(name, []).append(len(statements))
        uses = _free(node)
        aliases = sorted(repr(each) for name in uses for each in imported.get(name, ()))
        whole = "\n".join([normalised(_segment(text, node)), *aliases])
        statements.append(Statement(next(iter(names)), whole, frozenset(uses), _imports(node)))
    return Source(tuple(statements), binding, imported, _imports(tree))


def imports_of(text: str) -> tuple[Import, ...]:
    """Return the imports of a file, wherever they stand: ``parsed(text).imports``, much sooner.

    Raises:
        SyntaxError: it is not Python.
    """
    return _imports(_Runtime().visit(ast.parse(text)))


class _Runtime(ast.NodeTransformer):
    """Leaves out what only type checkers read, and what only a script runs."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return node.orelse if ast.unparse(node.test) in _NEVER else node


def _segment(text: str, node: ast.stmt) -> str:
    decorators = getattr(node, "decorator_list", [])
    if decorators:  # which Python counts as lying before the definition
        return "\n".join(text.split("\n")[decorators[0].lineno - 1 : node.end_lineno])
    return ast.get_source_segment(text, node, padded=True) or ""


def _imports(tree: ast.AST) -> tuple[Import, ...]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [
                Import(node.module or "", node.level, each.name, each.asname or each.name)
                for each in node.names
            ]
        elif isinstance(node, ast.Import):
            found += [
                Import(each.name, 0, None, each.asname or each.name.partition(".")[0])
                for each in node.names
            ]
    return tuple(found)


def _body(node: ast.AST) -> Sequence[ast.AST]:
    """Return what runs in a scope of its own."""
    if isinstance(node, ast.Lambda):
        return [node.body]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.body
    return ()


def _run(node: ast.AST, *, classes: bool = False) -> Iterator[ast.AST]:
    """Yield the nodes that run when ``node`` does, in its scope; with ``classes``, in theirs."""
    yield node
    inner = () if classes and isinstance(node, ast.ClassDef) else _body(node)
    for child in ast.iter_child_nodes(node):
        if not any(child is each for each in inner):
            yield from _run(child, classes=classes)


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.MatchMapping(rest=str(name)):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.MatchStar(name=str(name)):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]


def _local(function: _Function) -> set[str]:
    given = function.args
    nodes = [node for each in _body(function) for node in _run(each)]
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    outer = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    return ({each.arg for each in named if each is not None} | set(_bound(nodes))) - outer


def _free(node: ast.AST) -> set[str]:
    """Return the names that a piece of code takes from the module around it."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, ast.Global):
        return set(node.names)
    inner, within, around = _body(node), set(), set()
    for child in ast.iter_child_nodes(node):
        if any(child is each for each in inner):
            within |= _free(child)
        else:
            around |= _free(child)
    return around | (within - _local(node) if isinstance(node, _Function) else within)


def _base(node: ast.AST) -> set[str]:
    """Return the name that an expression such as ``name.part[0].call()`` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _written(node: ast.AST) -> set[str]:
    """Return whose parts an assignment to ``name.part`` or ``name[0]`` changes."""
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _base(node)
    return set()


def _effects(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the module's names whose objects calling a function may change."""
    found: set[str] = set()
    for node in ast.walk(function):
        found |= _written(node)
        if isinstance(node, ast.Expr):  # called for what it does, not for what it returns
            found |= _base(node.value)
        elif isinstance(node, ast.Global):
            found |= set(node.names)
    return found - _local(function)


def _changed(
    statement: ast.stmt, effects: dict[str, set[str]], imported: dict[str, list[Import]]
) -> set[str]:
    """Return the names whose objects a statement may change: ``TABLE.update(more)``, say.

    A decorator may enter what it decorates in a table, as ``@register`` and ``@TABLE.add`` do.
    """
    found: set[str] = set()
    for node in _run(statement, classes=True):
        found |= _written(node)
        if isinstance(node, ast.Expr):
            found |= _free(node)
        elif isinstance(node, ast.Name):
            found |= effects.get(node.id, set())
        for each in getattr(node, "decorator_list", ()):
            if isinstance(each.func if isinstance(each, ast.Call) else each, ast.Attribute):
                found |= _base(each) - set(imported)
    return found
