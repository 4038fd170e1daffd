"""Importance of settings, named for what it is."""

import numpy as np
import pytest

from harness import Choice, Float
from harness.planning.importance import separating
from harness.study.space import Space
from tests.example_search import drawn, error_of, search

SPACE = Space((Float("a", 0.0, 1.0), Float("b", 0.0, 1.0)))


def test_it_is_no_share_of_variance() -> None:
    """Of exact shares .96 and .04 it gives the smaller .27 to .64: so it is called otherwise."""
    for seed in range(3):
        drawn_here = np.random.default_rng(seed).uniform(size=(200, 2)).tolist()
        tried = [({"a": a, "b": b}, (a - 0.3) ** 2 + 0.1 * b) for a, b in drawn_here]
        found = separating(SPACE, tried, lower=True)
        assert sum(found.values()) == pytest.approx(1)
        assert list(found.values()) == sorted(found.values(), reverse=True)
        assert 0.2 < found["b"] < 0.7
        turned = separating(SPACE, [(each, -value) for each, value in tried], lower=False)
        assert turned == found


def test_conditional_settings_and_options_have_theirs() -> None:
    declared = search()
    space = Space(declared.space)
    tried = [(each, error_of(each)) for each in drawn(space, 120)]
    found = separating(space, tried, lower=True)
    assert list(found) != []
    assert set(found) == {"lr", "width", "optimizer", "momentum"}
    assert max(found, key=found.__getitem__) in {"lr", "optimizer"}


def test_too_few_settings_tell_nothing() -> None:
    tried = [({"a": 0.1 * place, "b": 0.5}, float(place)) for place in range(10)]
    assert separating(SPACE, tried, lower=True) == {}
    assert separating(SPACE, [*tried, *tried], lower=True) != {}
    assert separating(SPACE, [(each, 1.0) for each, _ in [*tried, *tried]], lower=True) == {}
    one = Space((Choice("a", (1, 2)),))
    assert separating(one, [({"a": 1 + place % 2}, float(place)) for place in range(30)],
                      lower=True) == {}  # fmt: skip
