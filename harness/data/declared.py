"""What every declaration of a data set has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.data.draw import Sizes, draw
from harness.data.shared import shared
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.data.draw import Whole
    from harness.data.splits import Splits


@dataclass(frozen=True, kw_only=True)
class Declared(ABC):
    """A data set as declared: what it is and how it is split, without its contents.

    Attributes:
        train: images in the training split, a stratified subset; ``None`` is all that is left.
        validation: images in the validation split, drawn anew for every seed; ``None`` is a
            fifth of what the test split leaves.
        test: images in the test split, drawn anew for every seed; ``None`` is the official test
            set, as it is, or a fifth of the data set where it has none.

    Raises:
        HarnessError: a size is not a whole number of at least 1.
    """

    train: int | None = None
    validation: int | None = None
    test: int | None = None

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            check_count(self, name, getattr(self, name), optional=True)

    def prepare(self) -> None:  # noqa: B027 - what needs no file has nothing to prepare
        """Make sure that the data is there, downloading it where that is allowed; loads nothing.

        Raises:
            HarnessError: the data is missing, or could not be downloaded.
        """

    def splits(self, seed: int) -> Splits:
        """Return the training, validation and test tensors of one seed, on the CPU.

        The same declaration and seed give the same splits in every process, and declarations that
        differ in ``train`` or ``validation`` alone share their test split.

        Raises:
            HarnessError: the data is missing or damaged, or a size does not fit it.
        """
        whole = shared(self.source)
        if whole is None:
            self.prepare()
            whole = self.load()
        sizes = Sizes(type(self).__name__, self.train, self.validation, self.test)
        return draw(whole, sizes, seed)

    @property
    def source(self) -> str:
        """What it is loaded from, where processes can share it; otherwise empty."""
        return ""

    @abstractmethod
    def load(self) -> Whole:
        """Return everything there is, loaded once per process.

        Raises:
            HarnessError: it is missing or damaged.
        """


def check_count(owner: Any, name: str, value: Any, *, optional: bool = False) -> None:
    """Check an option that counts something.

    Raises:
        HarnessError: ``value`` is not a whole number of at least 1 (nor None, where ``optional``).
    """
    if optional and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise HarnessError(
            f"{type(owner).__name__}({name}=...) must be a whole number of at least 1",
            repr(value),
            f"Write {name}=500, say.",
        )
