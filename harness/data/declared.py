"""What every declaration of a data set has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from harness.data.draw import draw
from harness.data.facts import Facts
from harness.data.scaling import Scaling, check_scaling, check_type
from harness.data.shared import shared
from harness.data.sizes import Counts, Sizes, Targets, shares_of
from harness.messages import checks
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from harness.data.draw import Whole
    from harness.data.splits import Splits


@dataclass(frozen=True, kw_only=True)
class Declared(ABC):
    """A data set as declared: what it is and how it is split, without its contents.

    Attributes:
        train: images in the training split, a stratified subset; ``None`` is all that is left.
        validation: images in the validation split, drawn anew for every seed; ``None`` is the
            validation set that the data comes with, or a fifth of what the test split leaves.
        test: images in the test split, drawn anew for every seed; ``None`` is the official test
            set, as it is, or a fifth of the data set where it has none.
        scaling: what is done to inputs before a network sees them: ``"standardised"`` takes off
            the mean and the standard deviation of the training part, of each channel or feature;
            ``"0 to 1"`` divides bytes by 255, and takes floats that are from 0 to 1; ``"as they
            are"`` does nothing.
        folds: k, for k-fold cross-validation, of data without an official test set: seed s is
            tested on fold s mod k of repetition s // k. The k folds of a repetition share no
            example and are all of the data, with every class in proportion; the next repetition
            has others. Validation and training images are drawn from the rest. Training sets of
            folds overlap, so claims are judged with wider intervals
            (:class:`harness.study.folds.Folds`). ``None`` draws test sets by themselves.

    Raises:
        HarnessError: a size is not a whole number of at least 1, there are fewer than 2 folds, or
            folds as well as a test split, or no such scaling.
    """

    train: int | None = None
    validation: int | None = None
    test: int | None = None
    scaling: Scaling = "standardised"
    folds: int | None = None

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            size = getattr(self, name)
            if size is not None:
                checks.whole(self, name, size, 500)
        checks.one_of(self, "scaling", self.scaling, get_args(Scaling))
        if self.folds is None:
            return
        owner = type(self).__name__
        if not checks.is_whole(self.folds, 2):
            raise HarnessError(
                f"{owner}(folds=...) must be a whole number of at least 2",
                repr(self.folds),
                "Write folds=10, say.",
            )
        if self.test is not None:
            raise HarnessError(
                f"{owner}(...) must have folds= or test=, not both: a fold is the test set",
                f"folds={self.folds}, test={self.test}",
                "Leave one of them out.",
            )

    def prepare(self) -> None:  # noqa: B027 - without files there is nothing to prepare
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
        whole = self._whole()
        what, inputs = f"the inputs of {self.title}", whole.rest.pool.inputs
        check_scaling(what, self.scaling, inputs, inputs.ndim)
        return draw(whole, self._sizes(), seed, self.scaling)

    def _whole(self) -> Whole:
        """Return everything there is: another process's copy, or loaded here."""
        whole = shared(self.source)
        if whole is None:
            self.prepare()
            whole = self.load()
        return whole

    def facts(self) -> Facts:
        """Return what is known of it before training; images are checked, not kept.

        Raises:
            HarnessError: the data is not there or cannot be used, or a size does not fit it.
        """
        counts, shape = self.counts(), self.shape()
        check_type(f"the inputs of {self.title}", self.scaling, self.dtype, len(shape) + 1)
        return Facts(
            self.title,
            counts,
            shares_of(counts, self._sizes()),
            shape,
            self.targets(),
            self.dtype,
            validation_drawn=counts.validation is None or self.validation is not None,
            test_drawn=counts.test is None or self.test is not None,
            names=self.class_names(),
            files=self.file_count(),
            notes=self.notes(),
            tokens=self.tokens(),
            padded=self.padded,
            folds=self.folds or 0,
        )

    def _sizes(self) -> Sizes:
        return Sizes(type(self).__name__, self.train, self.validation, self.test, self.folds)

    @property
    def title(self) -> str:
        """Its name in messages and reports."""
        return type(self).__name__

    @property
    def dtype(self) -> str:
        """What inputs are kept as: ``"uint8"``, ``"float32"``, or ``"int64"``, token ids."""
        return str(self._whole().rest.pool.inputs.dtype).removeprefix("torch.")

    def counts(self) -> Counts:
        """Return how many examples of each class there are; loads them if nothing else says it.

        Raises:
            HarnessError: the data is not there, or cannot be used.
        """
        return self._whole().counts()

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input; loads the data if nothing else says it."""
        return tuple(self._whole().rest.pool.inputs.shape[1:])

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes; nothing where they are only numbered."""
        return ()

    def targets(self) -> Targets:
        """Return what there is to be told of each input: classes, unless a kind says otherwise."""
        counts = self.counts()
        return Targets(len(counts.rest)) if counts.stratified else self._whole().targets

    def tokens(self) -> int:
        """Return how many token ids there are; 0 where inputs are no token ids."""
        return self._whole().tokens if self.dtype == "int64" else 0

    @property
    def padded(self) -> bool:
        """Whether inputs are sequences of unequal length; of one's own kind, if it says so."""
        return False

    def file_count(self) -> int:
        """Return how many files hold the examples; 0 without files."""
        return 0

    def notes(self) -> tuple[str, ...]:
        """Return sentences on what was done to the data, and what was left out."""
        return ()

    @property
    def source(self) -> str:
        """What it is loaded from, if processes can share it; otherwise empty."""
        return ""

    @abstractmethod
    def load(self) -> Whole:
        """Return everything there is, loaded once per process.

        Raises:
            HarnessError: it is missing or damaged.
        """
