"""A function of the user's own as what one trial does."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from harness.identity.canonical import canonical
from harness.study.work import Work

if TYPE_CHECKING:
    from harness.study.study import Study


@dataclass(frozen=True)
class Function:
    """What ``Study(train=...)`` makes of an arm: the function, and what it is called with.

    Attributes:
        function: takes a :class:`harness.own.context.Context` and the arguments, and returns its
            metrics by name.
        arguments: the levels of one arm and its tuned settings, by the name of the parameter.
        scale: the scale's own settings, all of which the function may read.
        given: what is run before it with the same seed, and whose folder it is given, by name.
    """

    kind: ClassVar[str] = "function"

    function: Callable[..., Mapping[str, float]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scale: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Function] = field(default_factory=dict)

    def needs(self) -> Mapping[str, Work]:
        """Return what is run before it with the same seed, by name."""
        return self.given

    def seed_of_need(self, name: str, seed: int) -> int:  # noqa: ARG002 - as others do
        """Return the seed of what is run before it: its own."""
        return seed

    def data_sets(self) -> tuple[Any, ...]:
        """Return nothing: which data it reads is its own business."""
        return ()

    def program(self) -> str:
        """Return, as text, all of it: two functions are never run as one."""
        return json.dumps(canonical(self), sort_keys=True)


def function_of(study: Study, arguments: Mapping[str, Any], scale: Mapping[str, Any]) -> Function:
    """Return what a study's ``train`` is called with, and what is run before it.

    A function in ``needs`` is called with those of the arguments that are its parameters, so that
    arms which differ in others alone share what it makes.

    Args:
        study: the study, which has ``train``.
        arguments: the levels of one arm and its tuned settings.
        scale: the scale's own settings.
    """
    assert study.train is not None
    before = {
        name: Function(
            needed,
            {each: arguments[each] for each in inspect.signature(needed).parameters
             if each in arguments},
            scale,
        )
        for name, needed in study.needs.items()
    }  # fmt: skip
    return Function(study.train, arguments, scale, before)
