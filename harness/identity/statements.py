"""What the text of a Python file says: its statements, the names they bind and use, its imports.

It reads the text, not the objects that running it made: a tensor, a compiled pattern or a partial
function cannot be written down faithfully, but the statement that made it can. Nothing is imported
or run here. :mod:`harness.identity.following` says which statements count.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from harness.identity.names import (
    Import,
    alias,
    changed_by,
    effects_of,
    free_names,
    imports_in,
)
from harness.identity.text import begin_of, end_of, normalised

# A block under one of these conditions runs in no worker process, or in no process at all.
_NEVER = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}


@dataclass(frozen=True, eq=False)
class _Piece:
    """One statement of a file's top level, and its text."""

    node: ast.stmt
    text: str

    @cached_property
    def table(self) -> symtable.SymbolTable:
        """What Python says of its names."""
        whole = self.node.col_offset == 0 and not self.text.startswith("elif")
        whole = whole and not _is_partly_run(self.text)
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
        aliases = sorted(alias(each) for name in self.uses for each in self._imported.get(name, ()))
        return "\n".join([normalised(self._piece.text), *aliases])

    @cached_property
    def uses(self) -> frozenset[str]:
        """The names that it takes from its module."""
        return frozenset(free_names(self._piece.table))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """The imports within it."""
        return imports_in(self._piece.node) if "import" in self._piece.text else ()


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
            for each in imports_in(node):
                imported.setdefault(each.bound, []).append(each)
        else:
            pieces.append(_Piece(node, _segment(lines, node)))
    effects = {
        piece.node.name: effects_of(piece.node, piece.table)
        for piece in pieces
        if isinstance(piece.node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    known = {*imported, *(name for piece in pieces for name in piece.bound)}
    statements: list[Statement] = []
    binding: dict[str, list[int]] = {}
    for piece in pieces:
        changed = known & changed_by(piece.node, effects, imported)
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
        each for node in _run_by_import(ast.parse(text).body, text) for each in imports_in(node)
    )


class _Runtime(ast.NodeTransformer):
    """Leaves out what only type checkers read, and what only a script runs."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if ast.unparse(node.test) not in _NEVER:
            return node
        # a block must not become empty
        return node.orelse or ast.copy_location(ast.Pass(), node)


def _run_by_import(body: list[ast.stmt], text: str) -> list[ast.stmt]:
    """Return the statements of a file that run when it is imported, at once or when called."""
    if not _is_partly_run(text):
        return body
    lines = text.split("\n")
    run: list[ast.stmt] = []
    for node in body:
        own = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        left = _Runtime().visit(node) if _is_partly_run(own) else node
        run += left if isinstance(left, list) else [left]
    return run


def _is_partly_run(text: str) -> bool:
    return "TYPE_CHECKING" in text or "__main__" in text


def _segment(lines: Sequence[str], node: ast.stmt) -> str:
    """Return a statement's text, with blanks for what stands before it on its first line."""
    decorators = getattr(node, "decorator_list", [])
    if decorators:  # which Python counts as lying before the definition
        return "\n".join(lines[decorators[0].lineno - 1 : node.end_lineno])
    (top, left), (bottom, right) = begin_of(lines, node), end_of(lines, node)
    before = re.sub(r"[^\t\f]", " ", lines[top][:left])  # so that its block's lines are aligned
    return before + "\n".join([*lines[top:bottom], lines[bottom][:right]])[left:]
