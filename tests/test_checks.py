"""What a declaration may hold, and what is said of what it may not."""

import math
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
import pytest

from harness.messages import checks
from harness.messages.errors import HarnessError

NO_NUMBERS = [True, "1", None, [1], np.array([1, 2]), math.nan]


@dataclass(frozen=True)
class Owner:
    size: Any


@dataclass(frozen=True)
class Named:
    size: Any

    def _called(self, name: str) -> str:
        return f"the {name} of it"


REFUSED = {
    "a finite number": (checks.number, {}, [math.inf, -math.inf]),
    "be above 0 and finite": (checks.positive, {}, [0, -0.1, math.inf]),
    "be at least 0 and finite": (checks.at_least, {}, [-0.1, math.inf]),
    "be at least 1 and finite": (checks.at_least, {"least": 1}, [0.9, math.inf]),
    "lie in [0, 1)": (checks.share, {}, [-0.1, 1, 1.0, 2]),
    "lie in [0, 1]": (checks.share, {"ends": "[]"}, [-0.1, 1.1]),
    "lie in (0, 1]": (checks.share, {"ends": "(]"}, [0, 1.1]),
    "lie in (0, 1)": (checks.share, {"ends": "()"}, [0, 1, 0.0]),
    "be a whole number of at least 1": (checks.whole, {}, [0, 1.0, 2.5]),
    "be a whole number of at least 2": (checks.whole, {"least": 2}, [1, 2.0]),
    "be a tuple of whole numbers of at least 1": (checks.wholes, {}, [(), (1, 0), [1], (1.0,)]),
    "be True or False": (checks.flag, {}, [0, 1]),
    "be 'a', 'b' or None": (checks.one_of, {}, ["c", 1]),
}
TAKEN = {
    "a finite number": [-1, 0, 2.5],
    "be above 0 and finite": [1e-9, 3],
    "be at least 0 and finite": [0, 0.0, 7],
    "be at least 1 and finite": [1, 1.5],
    "lie in [0, 1)": [0, 0.999],
    "lie in [0, 1]": [0, 1],
    "lie in (0, 1]": [1e-9, 1],
    "lie in (0, 1)": [0.5],
    "be a whole number of at least 1": [1, 10**30],
    "be a whole number of at least 2": [2],
    "be a tuple of whole numbers of at least 1": [(1,), (3, 2)],
    "be True or False": [True, False],
    "be 'a', 'b' or None": ["a", "b", None],
}


def example(must: str) -> Any:
    return ("a", "b", None) if "'a'" in must else True if "True" in must else 7


@pytest.mark.parametrize("must", REFUSED)
def test_checks_refuse_in_three_parts(must: str) -> None:
    check, more, bad = REFUSED[must]
    wrong = [each for each in NO_NUMBERS if not any(each is good for good in TAKEN[must])]
    assert len(bad + wrong) > 5
    for value in bad + wrong:
        with pytest.raises(HarnessError) as caught:
            check(Owner(value), "size", value, example(must), **more)
        text = str(caught.value)
        assert text.startswith("Owner(size=...) must ")
        assert f"{must}; got {value!r}. Write size=" in text


@pytest.mark.parametrize("must", REFUSED)
def test_checks_return_an_accepted_value_as_it_came(must: str) -> None:
    check, more, _ = REFUSED[must]
    for value in TAKEN[must]:
        owner = Owner(value)
        assert check(owner, "size", value, example(must), **more) == value
        assert (owner.size, type(owner.size)) == (value, type(value))


def test_a_name_that_is_nearly_right_is_told() -> None:
    with pytest.raises(HarnessError, match=r"got 'rely'\. Did you mean 'relu'\?$"):
        checks.one_of(Owner("rely"), "size", "rely", ("tanh", "relu"))


def test_the_field_of_a_frozen_object_becomes_pythons() -> None:
    owner = Owner(np.int64(3))
    assert type(checks.whole(owner, "size", owner.size, 1)) is int
    assert type(owner.size) is int
    with pytest.raises(FrozenInstanceError):
        owner.size = 4  # type: ignore[misc]


def test_the_owner_may_be_a_name_or_say_what_its_fields_are_called() -> None:
    assert type(checks.share("Dropout", "p", np.float32(0.1), 0.5)) is float
    with pytest.raises(HarnessError, match=r"^Dropout\(p=\.\.\.\) must lie in"):
        checks.share("Dropout", "p", 1, 0.5)
    with pytest.raises(HarnessError, match=r"^the size of it must be a whole number"):
        checks.whole(Named(0), "size", 0, 5)
