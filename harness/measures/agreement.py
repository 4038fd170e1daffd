"""How much a network has learned from its teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.messages.errors import HarnessError
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When


@dataclass(frozen=True)
class TeacherAgreement:
    """How near the network's predictions on test examples are to its teacher's.

    Gives ``teacher_agreement``, the share of examples with the same predicted class (Stanton
    et al. 2021, https://arxiv.org/abs/2106.05945, section 3), and ``teacher_divergence``, the mean
    of KL(teacher ‖ student) in nats, always at temperature 1.
    """

    made_for: ClassVar[str] = "classes"
    when: ClassVar[When] = "end"
    metrics: ClassVar[tuple[Metric, ...]] = defined("teacher_agreement", "teacher_divergence")

    def __call__(self, trained: Trained) -> Values:
        """Return both.

        Raises:
            HarnessError: the network has no teacher.
        """
        import torch

        from harness.engines.evaluate import logits_of

        teacher = trained.member.asked.get("teacher")
        if teacher is None:
            raise HarnessError(
                "TeacherAgreement must be given a network that learns from a teacher",
                f"a Training with {type(trained.member.training.loss).__name__} as its loss",
                "Leave it out: it is recorded by itself wherever there is a teacher.",
            )
        test = trained.member.splits.test
        theirs = torch.cat([each for each, _ in logits_of(teacher.network, teacher.frame, test)])
        given, wanted = (each.double().log_softmax(dim=1) for each in (trained.test_logits, theirs))
        same = trained.test_logits.argmax(dim=1) == theirs.argmax(dim=1)
        return {
            "teacher_agreement": int(same.sum()) / len(test),
            "teacher_divergence": float((wanted.exp() * (wanted - given)).sum(dim=1).mean()),
        }
