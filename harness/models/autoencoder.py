"""An autoencoder of linear layers, also a variational one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.models.activations import ACTIVATIONS
from harness.models.checks import check_filled
from harness.models.initialisation import HeNormal, Initialisation

if TYPE_CHECKING:
    from torch import nn

LINEAR = "none"


@dataclass(frozen=True)
class AutoEncoder:
    """Linear layers down to a code, and the same widths back up to the inputs' own shape.

    Its parts are ``encoder``, inputs ``[batch, *shape]`` to codes ``[batch, code]``, and
    ``decoder``, codes to ``[batch, *shape]``; the network is one after the other. Hinton &
    Salakhutdinov 2006, https://doi.org/10.1126/science.1127647. Without hidden layers it is linear:
    the best such one is principal component analysis (Baldi & Hornik 1989,
    https://doi.org/10.1016/0893-6080(89)90014-2).

    A variational one (Kingma & Welling 2014, https://arxiv.org/abs/1312.6114) gives a normal
    distribution for each code: ``encoder`` gives ``[batch, 2 * code]``, first the means, then the
    logarithms of the variances. The network itself decodes the means; :class:`EvidenceBound` of
    :mod:`harness.tasks` draws codes.

    Attributes:
        code: how many numbers a code has.
        hidden: width of each hidden layer of the encoder; the decoder's are the same in reverse.
            ``()`` is none.
        variational: whether the encoder gives a distribution.
        activation: of the hidden layers: one of ``harness.models.ACTIVATIONS``.
        code_activation: of the code, one of them, too, or ``"none"``, which a variational one
            needs. With ``"relu"`` a unit of the code can be exactly zero, which a sparse code
            needs.
        initialisation: a rule of :mod:`harness.models.initialisation`, used for all layers with the
            activation's gain. Biases begin at zero.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> import torch
        >>> from harness.models import AutoEncoder
        >>> network = AutoEncoder(code=2, hidden=(32,), variational=True).build((1, 8, 8), 10)
        >>> images = torch.zeros(5, 1, 8, 8)
        >>> network(images).shape, network.encoder(images).shape
        (torch.Size([5, 1, 8, 8]), torch.Size([5, 4]))
    """

    code: int = 8
    hidden: tuple[int, ...] = (128,)
    variational: bool = False
    activation: str = "relu"
    code_activation: str = LINEAR
    initialisation: Initialisation = field(default_factory=HeNormal)

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.whole(self, "code", self.code, 8)
        checks.wholes(self, "hidden", self.hidden, (128,), empty=True)
        checks.flag(self, "variational", self.variational)
        check_filled(self)
        checks.one_of(self, "code_activation", self.code_activation, (LINEAR, *ACTIVATIONS))
        if self.variational and self.code_activation != LINEAR:
            raise HarnessError(
                "AutoEncoder(code_activation=...) must be 'none' where it is variational, because "
                "means and variances may be any number",
                repr(self.code_activation),
                "Leave it out, or write variational=False.",
            )

    def build(self, shape: tuple[int, ...], outputs: int) -> nn.Module:  # noqa: ARG002 - of models
        """Make the module for inputs of ``shape``, which is also its outputs'."""
        from harness.models.autoencoder_module import Network

        return Network(self, shape)
