"""Each public name has an example in its docstring, and what the example shows is what comes."""

import ast
import doctest
import inspect
from types import ModuleType

import pytest

import harness
import harness.augment
import harness.clipping
import harness.data
import harness.models
import harness.optim
import harness.penalties
import harness.schedules
from harness.data.sizes import Targets
from harness.identity.needed import held_in
from harness.measures import measured
from harness.stopping import Pruning
from harness.study.metrics import Metric
from harness.study.space import Space
from harness.tasks import SegmentationLoss, SequenceLoss
from tests.layout import files


def defined_in(module: ModuleType) -> dict[str, object]:
    """Return the public classes and functions that a module defines, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (harness, harness.models, harness.optim, harness.augment)
    for name in module.__all__
    if callable(getattr(module, name))
} | {
    f"harness.data.{name}": getattr(harness.data, name)
    for name in ("arrays", "from_dataset", "images", "digits")
} | {
    f"{value.__module__}.{value.__name__}": value
    for value in (
        measured, Metric, Pruning, Space, held_in, Targets, SegmentationLoss, SequenceLoss,
    )
} | {
    f"{module.__name__}.{name}": value
    for module in (harness.penalties, harness.clipping, harness.schedules)
    for name, value in defined_in(module).items()
}  # fmt: skip
"""What a user's file imports by name; constants have no docstring of their own."""


def examples_of(value: object, name: str) -> doctest.DocTest:
    """Return the examples of one docstring, without any name given, as somebody copies them."""
    text = inspect.cleandoc(value.__doc__ or "")
    return doctest.DocTestParser().get_doctest(text, {}, name, None, 0)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_of_a_public_name_is_true(name: str) -> None:
    test = examples_of(PUBLIC[name], name)
    last = name.rpartition(".")[2]
    assert any(last in example.source for example in test.examples), "it has no example"
    said: list[str] = []
    failed, run = doctest.DocTestRunner().run(test, out=said.append)
    assert not failed, "".join(said)
    assert run == len(test.examples)
    assert any(example.want for example in test.examples), "it shows no result"


def test_an_example_that_is_not_true_is_found() -> None:
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 1
    assert "Expected:\n    3" in "".join(said)


def test_no_example_goes_unread() -> None:
    """An example in another docstring would be run by nobody."""
    known = {value.__qualname__ for value in PUBLIC.values()}
    found = {
        getattr(node, "name", file.stem)
        for file in files()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and ">>>" in (ast.get_docstring(node) or "")
    }
    assert found == known
