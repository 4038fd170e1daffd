"""Hugging Face's Trainer in a ``train`` of one's own: curves, stopping, and going on after a kill.

from harness.adapters.huggingface import Reporting, last_checkpoint, training_arguments


def train(context, layers, lr):
    arguments = training_arguments(
        context, learning_rate=lr, num_train_epochs=context.scale.epochs, eval_strategy="epoch"
    )
    trainer = Trainer(make(layers), arguments, train_dataset=..., eval_dataset=...,
                      callbacks=[Reporting(context)])
    trainer.train(resume_from_checkpoint=last_checkpoint(context))
    return {"eval_loss": trainer.evaluate()["eval_loss"]}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.adapters.extras import needed
from harness.messages.errors import HarnessError
from harness.own.context import Context
from harness.own.stopping import StoppedError

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainingArguments
else:
    _transformers = needed("huggingface", "transformers")
    TrainerCallback = _transformers.TrainerCallback
    TrainingArguments = _transformers.TrainingArguments

_TIMES = ("_runtime", "_per_second", "_model_preparation_time")
"""How names end of what differs each time that the same is run."""

_STATE = "trainer_state.json"  # what a Trainer writes last of a checkpoint


class Reporting(TrainerCallback):
    """Reports what a Trainer logs, by its global step, and ends it where it is asked to.

    What is logged and what is evaluated after the same step is one point. How long things took is
    left out, as is the summary that a Trainer ends with: a resumed one sums up the rest alone.

    Args:
        context: the trial's.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._step = self._reported = -1
        self._values: dict[str, float] = {}
        self._stopped = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Check that one device is used, and report again what was before a kill.

        Raises:
            HarnessError: more are used.
        """
        if args.world_size > 1 or args.n_gpu > 1:
            raise HarnessError(
                "a trial must use one device",
                f"a Trainer on {max(args.world_size, args.n_gpu)}",
                "Set CUDA_VISIBLE_DEVICES=0, or write training_arguments(context, use_cpu=True).",
            )
        for each in state.log_history:
            self._note(each["step"], each)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Take in what is logged; an evaluation is, too."""
        self._note(state.global_step, logs or {})

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Take in what an evaluation gave."""
        self._note(state.global_step, metrics or {})

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop where it is asked for: all that there is has just been saved."""
        if self._context.stopping:
            control.should_training_stop = self._stopped = True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave an epoch that is not over without a value of it."""
        if self._stopped:
            control.should_log = control.should_evaluate = control.should_save = False

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report the last step; leave ``train`` where it was asked to stop.

        Raises:
            StoppedError: it was: no result comes of half a training.
        """
        if self._stopped:
            raise StoppedError
        self._report()

    def _note(self, step: int, logged: Mapping[str, Any]) -> None:
        if step <= self._reported or "train_runtime" in logged:
            return
        if step > self._step:
            self._report()
            self._step = step
        self._values |= {
            name: float(value)
            for name, value in logged.items()
            if isinstance(value, int | float)
            and name not in {"epoch", "step"}
            and not name.endswith(_TIMES)
        }

    def _report(self) -> None:
        if self._values:
            self._context.report(self._step, **self._values)
            self._reported, self._values = self._step, {}


def training_arguments(context: Context, **more: Any) -> Any:
    """Return the ``TrainingArguments`` of one trial.

    It draws from the trial's seed, saves after every epoch into the trial's folder, and tells
    nobody but the harness. A loss that is no number is logged as it is.

    Args:
        context: the trial's.
        more: other arguments, which come before these.
    """
    cpu = context.device == "cpu"
    steps = "steps" if "save_steps" in more else "epoch"
    return TrainingArguments(
        **{
            "output_dir": str(context.folder),
            "seed": context.seed_for("training"),
            "data_seed": context.seed_for("order"),
            "use_cpu": cpu,
            "dataloader_pin_memory": not cpu,
            "save_strategy": steps,
            "save_total_limit": 2,
            "logging_nan_inf_filter": False,
            "report_to": "none",
            "disable_tqdm": True,
            **more,
        }
    )


def last_checkpoint(context: Context) -> str | None:
    """Return the ``resume_from_checkpoint`` to go on from; ``None`` where nothing was saved.

    A Trainer does not write its checkpoints as a whole: one that a kill has cut off is left out.
    """
    found = [(int(m[1]), folder) for folder in context.folder.iterdir()
             if (m := re.fullmatch(r"checkpoint-(\d+)", folder.name))]  # fmt: skip
    for _, folder in sorted(found, reverse=True):
        try:
            json.loads((folder / _STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return str(folder)
    return None
