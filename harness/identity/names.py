"""The names of Python code: what an import binds, what code takes from its module and changes."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

PACKAGE = "harness"

STAR = "*"
"""The name for ``from x import *``, which may bind any name."""


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


def alias(each: Import) -> str:
    """Write down what a name means; the place of a module within the harness is left out."""
    if each.level == 0 and each.module.startswith(f"{PACKAGE}."):
        each = replace(each, module=f"{PACKAGE}.{each.module.rpartition('.')[2]}")
    return repr(each)


def imports_in(tree: ast.AST) -> tuple[Import, ...]:
    """Return the imports within a piece of code."""
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


def free_names(table: symtable.SymbolTable) -> set[str]:
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


def effects_of(
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


def _kept(statement: ast.stmt, imported: dict[str, list[Import]]) -> set[ast.AST]:
    """Return the names that a statement hands to calls of what is imported from the harness."""
    kept: set[ast.AST] = set()
    for node in ast.walk(statement):
        if not isinstance(node, ast.Call):
            continue
        called = next(iter(_base(node.func)), "")
        modules = [each.module for each in imported.get(called, ())]
        if modules and all(each.partition(".")[0] == PACKAGE for each in modules):
            given: list[ast.AST] = [*node.args, *(each.value for each in node.keywords)]
            for each in given:  # grows by what collections hold
                if isinstance(each, ast.Dict):
                    given += each.values
                elif isinstance(each, ast.Tuple | ast.List):
                    given += each.elts
            kept |= {*given}
    return kept


def changed_by(
    statement: ast.stmt, effects: dict[str, set[str]], imported: dict[str, list[Import]]
) -> set[str]:
    """Return the names whose objects a statement may change: ``TABLE.update(more)``, say.

    A decorator may enter what it decorates in a table, as ``@register`` and ``@TABLE.add`` do. A
    function that is handed to a class of the harness, as ``train`` is to ``Study(train=train)``, is
    kept there and not called.
    """
    found: set[str] = set()
    kept = _kept(statement, imported)
    for node in _run(statement):
        found |= _written(node)
        if isinstance(node, ast.Expr):
            found |= _loaded(node)
        elif isinstance(node, ast.Name) and node not in kept:
            found |= effects.get(node.id, set())
        for each in getattr(node, "decorator_list", ()):
            if isinstance(each.func if isinstance(each, ast.Call) else each, ast.Attribute):
                found |= _base(each) - set(imported)
    return found
