"""What the text of a Python file says: its statements, the names they bind and use, its imports.

It reads the text, not the objects that running it made: a tensor, a compiled pattern or a partial
function cannot be written down faithfully, but the statement that made it can. Nothing is imported
or run here. :mod:`harness.identity.following` says which statements count.
"""

from __future__ import annotations

import ast
import io
import symtable
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

PACKAGE = "harness"

STAR = "*"
"""The name for ``from x import *``, which may bind any name."""

_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
# A block under one of these conditions runs in no worker process, or in no process at all.
_NEVER = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}

_TALK = frozenset({"HarnessError", "near", "warn"})
"""Calls that only hold words for people. The arguments of a raised error are such words, too."""

_NAMING = frozenset(
    {
        "draws",
        "kept",
        "named",
        "normal",
        "permutation",
        "stream",
        "torch_seed",
        "trial_key",
        "uniform",
        "within",
    }
)
"""Calls whose arguments name random numbers; those names are not words for people."""


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
        module: the name after ``from`` or ``import``, without leading dots.
        level: how many leading dots.
        name: what is taken from the module; ``None`` is the module itself.
        bound: the name that it gets.
    """

    module: str
    level: int
    name: str | None
    bound: str


@dataclass(frozen=True, eq=False)
class _Piece:
    """One statement of a file's top level, and its text."""

    node: ast.stmt
    text: str

    @cached_property
    def table(self) -> symtable.SymbolTable:
        """What Python says of its names."""
        whole = self.node.col_offset == 0 and not _is_partly_run(self.text)
        return symtable.symtable(self.text if whole else ast.unparse(self.node), "", "exec")

    @cached_property
    def bound(self) -> list[str]:
        """The names that it binds, its own first."""
        own = getattr(self.node, "name", None)  # of a definition
        names = [
            each.get_name()
            for each in self.table.get_symbols()
            if each.is_assigned() or each.is_imported() or each.is_declared_global()
        ]
        return list(dict.fromkeys([own, *names] if isinstance(own, str) else names))


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a file's top level, blocks such as ``if`` and ``try`` in one piece.

    Attributes:
        label: the first name that it binds or changes.
    """

    label: str
    _piece: _Piece
    _imported: Mapping[str, list[Import]]

    @cached_property
    def text(self) -> str:
        """Itself without comments, docstrings and layout; with the imports of names it uses."""
        aliases = sorted(
            _alias(each) for name in self.uses for each in self._imported.get(name, ())
        )
        return "\n".join([normalised(self._piece.text), *aliases])

    @cached_property
    def uses(self) -> frozenset[str]:
        """The names that it takes from its module."""
        return frozenset(_free(self._piece.table))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """The imports within it."""
        return _imports(self._piece.node)


@dataclass(frozen=True)
class Source:
    """A file's top level.

    Attributes:
        statements: all but plain imports and what binds and changes nothing.
        binding: for each name, the positions of the statements that bind it or change its object.
        imported: for each name that a plain import of the top level binds, those imports.
    """

    statements: tuple[Statement, ...]
    binding: dict[str, list[int]]
    imported: dict[str, list[Import]]

    @property
    def imports(self) -> Iterator[Import]:
        """All of the file's imports, within functions, too."""
        for found in (*self.imported.values(), *(each.imports for each in self.statements)):
            yield from found


@cache
def parsed(text: str) -> Source:
    """Read a file's text, once in each process.

    Raises:
        SyntaxError: it is not Python.
    """
    lines = text.split("\n")
    imported: dict[str, list[Import]] = {}
    pieces: list[_Piece] = []
    for node in _run_by_import(ast.parse(text).body, text):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for each in _imports(node):
                imported.setdefault(each.bound, []).append(each)
        else:
            pieces.append(_Piece(node, _segment(lines, node)))
    effects = {
        piece.node.name: _effects(piece.node, piece.table)
        for piece in pieces
        if isinstance(piece.node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    known = {*imported, *(name for piece in pieces for name in piece.bound)}
    statements: list[Statement] = []
    binding: dict[str, list[int]] = {}
    for piece in pieces:
        changed = known & _changed(piece.node, effects, imported)
        names = dict.fromkeys([*piece.bound, *sorted(changed)])
        if not names:
            continue
        for name in names:
            binding.setdefault(name, []).append(len(statements))
        statements.append(Statement(next(iter(names)), piece, imported))
    return Source(tuple(statements), binding, imported)


def imports_of(text: str) -> tuple[Import, ...]:
    """Return all imports of a file, like ``parsed(text).imports``, and much sooner.

    Raises:
        SyntaxError: it is not Python.
    """
    return tuple(
        each for node in _run_by_import(ast.parse(text).body, text) for each in _imports(node)
    )


class _Runtime(ast.NodeTransformer):
    """Leaves out what only type checkers read, and what only a script runs."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return node.orelse if ast.unparse(node.test) in _NEVER else node


def _run_by_import(body: list[ast.stmt], text: str) -> list[ast.stmt]:
    """Return the statements of a file that run when it is imported, at once or when called."""
    if not _is_partly_run(text):
        return body
    transformed: ast.Module = _Runtime().visit(ast.Module(body, []))
    return transformed.body


def _is_partly_run(text: str) -> bool:
    return "TYPE_CHECKING" in text or "__main__" in text


def _segment(lines: Sequence[str], node: ast.stmt) -> str:
    """Return a statement's text, its first line from its own column on."""
    decorators = getattr(node, "decorator_list", [])
    if decorators:  # which Python counts as lying before the definition
        return "\n".join(lines[decorators[0].lineno - 1 : node.end_lineno])
    (top, left), (bottom, right) = _begin(lines, node), _end(lines, node)
    return "\n".join([*lines[top:bottom], lines[bottom][:right]])[left:]


def _begin(lines: Sequence[str], node: ast.stmt | ast.expr) -> tuple[int, int]:
    """Return the line, from 0, and the column, in characters, where a piece of code begins."""
    row = node.lineno - 1
    return row, len(lines[row].encode()[: node.col_offset].decode())


def _end(lines: Sequence[str], node: ast.stmt | ast.expr) -> tuple[int, int]:
    """Return the line, from 0, and the column, in characters, where a piece of code ends."""
    row = (node.end_lineno or 0) - 1
    return row, len(lines[row].encode()[: node.end_col_offset].decode())


# ---- words for people ---------------------------------------------------------------------------


@cache
def without_words(text: str) -> str:
    """Return a file's text with words for people replaced by an empty text.

    Those are texts with a letter and a blank in them, the arguments of a raised error, and calls
    that only say something. A text that has a name of its own at the top level, and names that
    random numbers are drawn by, are values, with or without a blank.

    Raises:
        SyntaxError: it is not Python.
    """
    lines = text.split("\n")
    body = ast.parse(text).body
    found = [words for node in body if not _names_a_text(node) for words in _words(node)]
    places = [(_begin(lines, words[0]), _end(lines, words[-1])) for words in found]
    for (top, left), (bottom, right) in sorted(places, reverse=True):
        lines[top : bottom + 1] = [f"{lines[top][:left]}''{lines[bottom][right:]}"]
    return "\n".join(lines)


def _words(node: ast.AST) -> Iterator[list[ast.expr]]:
    """Yield the expressions that are words for people, those of one call together."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) and _called(child) in _NAMING:
            continue
        if isinstance(child, ast.expr) and (_has_blank(child) or _called(child) in _TALK):
            yield [child]
        elif isinstance(child, ast.Call) and isinstance(node, ast.Raise):
            words = [*child.args, *(each.value for each in child.keywords)]
            yield from [words] if words else []
        elif not isinstance(child, ast.JoinedStr):  # within which Python 3.11 tells no places
            yield from _words(child)


def _names_a_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)


def _called(node: ast.expr) -> str:
    """Return the name of what an expression calls; empty where it calls nothing."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)


def _has_blank(node: ast.expr) -> bool:
    if not isinstance(node, ast.JoinedStr | ast.Constant):
        return False
    texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    together = "".join(text for text in texts if isinstance(text, str))
    return " " in together and any(map(str.isalpha, together))


# ---- imports and names --------------------------------------------------------------------------


def _alias(each: Import) -> str:
    """Write down what a name means; the place of a module within the harness is left out."""
    if each.level == 0 and each.module.startswith(f"{PACKAGE}."):
        each = replace(each, module=f"{PACKAGE}.{each.module.rpartition('.')[2]}")
    return repr(each)


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


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when ``node`` does: all but the bodies of functions."""
    yield node
    later: Sequence[ast.AST] = ()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        later = node.body
    elif isinstance(node, ast.Lambda):
        later = [node.body]
    for child in ast.iter_child_nodes(node):
        if not any(child is each for each in later):
            yield from _run(child)


def _local(table: symtable.SymbolTable, name: str) -> set[str]:
    """Return the names that are a function's own, of its statement's table."""
    inner = next(each for each in table.get_children() if each.get_name() == name)
    return {each.get_name() for each in inner.get_symbols() if each.is_local()}


def _free(table: symtable.SymbolTable) -> set[str]:
    """Return the names that a piece of code takes from the module around it."""
    waiting, found = [table], set()
    while waiting:
        scope = waiting.pop()
        # a class's body reads the module's name until it has bound its own
        around = scope.get_type() in ("module", "class")
        for each in scope.get_symbols():
            if each.is_declared_global() or (
                each.is_referenced() and (each.is_global() or (around and not each.is_free()))
            ):
                found.add(each.get_name())
        waiting += scope.get_children()
    return found


def _base(node: ast.AST) -> set[str]:
    """Return the name that an expression such as ``name.part[0].call()`` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _loaded(node: ast.AST) -> set[str]:
    names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    return {each.id for each in names if isinstance(each.ctx, ast.Load)}


def _written(node: ast.AST) -> set[str]:
    """Return whose parts an assignment to ``name.part`` or ``name[0]`` changes."""
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _base(node)
    return set()


def _effects(
    function: ast.FunctionDef | ast.AsyncFunctionDef, table: symtable.SymbolTable
) -> set[str]:
    """Return the module's names whose objects calling a function may change."""
    found: set[str] = set()
    for node in ast.walk(function):
        found |= _written(node)
        if isinstance(node, ast.Expr):  # called for what it does, not for what it returns
            found |= _base(node.value)
        elif isinstance(node, ast.Global):
            found |= set(node.names)
    return found - _local(table, function.name) if found else found


def _changed(
    statement: ast.stmt, effects: dict[str, set[str]], imported: dict[str, list[Import]]
) -> set[str]:
    """Return the names whose objects a statement may change: ``TABLE.update(more)``, say.

    A decorator may enter what it decorates in a table, as ``@register`` and ``@TABLE.add`` do.
    """
    found: set[str] = set()
    for node in _run(statement):
        found |= _written(node)
        if isinstance(node, ast.Expr):
            found |= _loaded(node)
        elif isinstance(node, ast.Name):
            found |= effects.get(node.id, set())
        for each in getattr(node, "decorator_list", ()):
            if isinstance(each.func if isinstance(each, ast.Call) else each, ast.Attribute):
                found |= _base(each) - set(imported)
    return found
