"""Lightning in a ``train`` of one's own: curves, stopping, and going on after a kill.

    from harness.adapters.lightning import last_checkpoint, trainer_arguments


    def train(context, width, lr):
        module = Net(width, lr)
        trainer = Trainer(**trainer_arguments(context, max_epochs=context.scale.epochs))
        trainer.fit(module, loaders, ckpt_path=last_checkpoint(context))
        return {"test_error": ...}

It works with ``lightning`` and with ``pytorch_lightning``: where both are installed, with the one
that the study has imported.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from harness.adapters.extras import needed
from harness.messages.errors import HarnessError
from harness.own.context import Context
from harness.own.states import random_states, set_random_states
from harness.own.stopping import StoppedError

_NAMES = ["lightning.pytorch", "pytorch_lightning"]
_NAMES.sort(key=lambda name: name not in sys.modules)

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback, ModelCheckpoint
else:
    _callbacks = needed("lightning", *(f"{name}.callbacks" for name in _NAMES))
    Callback, ModelCheckpoint = _callbacks.Callback, _callbacks.ModelCheckpoint

LAST = "last.ckpt"
"""The file that Lightning keeps of a training in the trial's folder."""

BEFORE = "before.ckpt"
"""What that file is called while the next one is written."""


class Reporting(Callback):
    """Reports what a module logs, once for each epoch, and ends the training where it is asked to.

    It must stand beside a :class:`Saving`, which has it report at the end of an epoch, when values
    of the epoch's training and validation are both known; those of a validation that an epoch did
    without are left out. Every checkpoint holds the curve, and the global generators of random
    numbers, which Lightning itself does not save.

    Args:
        context: the trial's.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._points: list[tuple[int, dict[str, float]]] = []
        self._before: set[str] = set()
        self._validating: set[str] = set()
        self._validated = self._stopped = False
        self._random: Mapping[str, Any] | None = None

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Check that one device is used, as a trial is one process, and that epochs are reported.

        Raises:
            HarnessError: more are, or they are not.
        """
        if trainer.world_size > 1:
            raise HarnessError(
                "a trial must use one device",
                f"a Trainer on {trainer.world_size}",
                "Write Trainer(**trainer_arguments(context, ...)), or devices=1.",
            )
        if not any(isinstance(each, Saving) for each in trainer.callbacks):
            raise HarnessError(
                "Reporting must stand beside the callback that saves, which has it report",
                "a Trainer without that",
                "Write Trainer(**trainer_arguments(context, ...)).",
            )

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Draw random numbers from where the last epoch before a kill has left them."""
        if self._random is not None:
            set_random_states(self._random)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Do so again where Lightning is yet to ask for the epoch's batches.

        An iterator over a DataLoader draws a number when it is made. From 2.5.5 or so on, Lightning
        goes on with the one that it made before the first epoch; older ones make another.
        """
        self._validated = False
        if self._random is not None and not getattr(trainer.fit_loop, "is_resuming", False):
            set_random_states(self._random)
        self._random = None

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Note what was logged before, to tell apart what a validation logs."""
        self._before = {*trainer.callback_metrics} - self._validating

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Note what a validation logs; the one that Lightning begins with is a test of itself."""
        if not trainer.sanity_checking:
            self._validated = True
            self._validating |= {*trainer.callback_metrics} - self._before

    def report(self, trainer: Any) -> None:
        """Report the epoch that ends."""
        left_out = set() if self._validated else self._validating
        values = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name not in left_out
        }
        self._points.append((trainer.current_epoch, values))
        self._context.report(trainer.current_epoch, **values)
        if self._context.stopping:
            trainer.should_stop = self._stopped = True  # when this epoch is saved

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Leave ``train`` where it was asked to stop: no result comes of half a training.

        Raises:
            StoppedError: it was.
        """
        if self._stopped:
            raise StoppedError

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Do so, too, where Lightning itself was told by the signal, and ends by its own error.

        Raises:
            StoppedError: it was; the epochs before this one are saved.
        """
        if isinstance(exception, SystemExit) and self._context.stopping:
            raise StoppedError from exception

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of this."""
        return {"points": [[*point] for point in self._points], "random": random_states()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Report again what was reported before a kill, and go on from there."""
        self._points = [(epoch, dict(values)) for epoch, values in state_dict["points"]]
        for epoch, values in self._points:
            self._context.report(epoch, **values)
        self._random = state_dict["random"]


class Saving(ModelCheckpoint):
    """Has each epoch reported, and then saved into one file.

    Lightning calls callbacks that save after the module's own ``on_train_epoch_end``, and all
    others before it. So this has everything that the module logs in the epoch.

    Lightning writes a file as a whole only where that is on one file system with the folder of
    temporary files. So the one before is kept until the next is written.

    Args:
        folder: the trial's.
        reporting: what reports.
    """

    def __init__(self, folder: Path, reporting: Reporting) -> None:
        # With save_last=True there would be two of the same, or one at the very end alone.
        super().__init__(
            dirpath=folder, filename=Path(LAST).stem, save_on_train_epoch_end=True,
            enable_version_counter=False,
        )  # fmt: skip
        self._last, self._before = folder / LAST, folder / BEFORE
        self._reporting = reporting

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Report, then save: a checkpoint holds the curve."""
        self._reporting.report(trainer)
        if self._last.is_file():
            self._last.replace(self._before)
        super().on_train_epoch_end(trainer, pl_module)
        if self._last.is_file():
            self._before.unlink(missing_ok=True)
        elif self._before.is_file():  # there was nothing to save: the epoch took no step
            self._before.replace(self._last)


def trainer_arguments(context: Context, **more: Any) -> dict[str, Any]:
    """Return the arguments of a ``Trainer`` for one trial.

    It reports (:class:`Reporting`), saves after every epoch into the trial's folder, uses the
    trial's device, and shows and logs nothing.

    Args:
        context: the trial's.
        more: other arguments, which come before these; of ``callbacks`` both are taken.
    """
    kind, _, number = context.device.partition(":")
    reporting = Reporting(context)
    return {
        "accelerator": "gpu" if kind == "cuda" else kind,
        "devices": [int(number)] if number else 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": context.folder,
        **more,
        "callbacks": [
            reporting,
            *more.get("callbacks", ()),
            Saving(context.folder, reporting),
        ],
    }


def last_checkpoint(context: Context) -> str | None:
    """Return the ``ckpt_path`` to go on from; ``None`` where nothing was saved.

    What cannot be read, as a kill while it was written leaves it, is not gone on from: the one
    before is, or the trial begins anew.
    """
    last, before = context.folder / LAST, context.folder / BEFORE
    if not _can_be_read(last):
        if not _can_be_read(before):
            return None
        before.replace(last)
    return str(last)


def _can_be_read(file: Path) -> bool:
    """Whether a file is a whole checkpoint; of large ones, tensors are not read."""
    try:
        # Lightning says itself where it reads less than all that was saved.
        torch.load(file, map_location="cpu", mmap=True, weights_only=False)
    except Exception:
        return False
    return True
