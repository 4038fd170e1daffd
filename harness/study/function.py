"""A function of the user's own as what one trial does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.identity.canonical import canonical
from harness.study.work import Work


@dataclass(frozen=True)
class Function:
    """What ``Study(train=...)`` makes of an arm: the function, and what it is called with.

    Attributes:
        function: takes a :class:`harness.own.context.Context` and the arguments, and returns its
            metrics by name.
        arguments: the levels of one arm and its tuned settings, by the name of the parameter.
        scale: the scale's own settings, all of which the function may read.
    """

    kind: ClassVar[str] = "function"

    function: Callable[..., Mapping[str, float]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    scale: Mapping[str, Any] = field(default_factory=dict)

    def needs(self) -> Mapping[str, Work]:
        """Return nothing: it runs without other trials."""
        return {}

    def data_sets(self) -> tuple[Any, ...]:
        """Return nothing: which data it reads is its own business."""
        return ()

    def program(self) -> str:
        """Return, as text, all of it: two functions are never run as one."""
        return json.dumps(canonical(self), sort_keys=True)
