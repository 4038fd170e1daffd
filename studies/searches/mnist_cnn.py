"""Which settings are best for a small CNN on MNIST?

Run it by ``harness search searches.mnist_cnn --data-dir FOLDER``, where ``FOLDER/MNIST`` is; add
``--download`` where it is not. Of 64 trials, 44 try settings, and 20 run the best three and the
default again on five fresh seeds: the best of many values is in part luck.
"""

from harness import Choice, Float, Scale, Search, Training
from harness.data import mnist
from harness.models import CNN
from harness.optim import AdamW


def build(
    scale: Scale, lr: float, weight_decay: float, dropout: float, width: int, batch_size: int
) -> Training:
    """Return one training; what is fixed stands here, what is searched comes in."""
    return Training(
        data=scale.data,
        model=CNN((width, 2 * width), dropout=dropout),
        optimizer=AdamW(lr=lr, weight_decay=weight_decay),
        batch_size=batch_size,
        epochs=scale.epochs,
    )


search = Search(
    name="mnist_cnn",
    question="Which settings are best for a small CNN on MNIST?",
    space=(
        # The default is what you would have taken without a search: it is tried first, and it is
        # what the winner is compared with.
        Float("lr", 1e-4, 1e-1, log=True, default=1e-3),
        Float("weight_decay", 1e-5, 1.0, log=True, default=1e-2),
        Float("dropout", 0.0, 0.5, default=0.0),
        # Few values, because settings that differ in floats alone train together, as one batch.
        Choice("width", (8, 16, 32), default=16),
        Choice("batch_size", (32, 64, 128), default=64),
    ),
    build=build,
    # On the validation split. A search that looked at test images would leave nothing to test by.
    objective="validation_loss",
    scales={
        "quick": Scale(data=mnist(train=2000, validation=2000), epochs=3),
        "standard": Scale(data=mnist(), epochs=10),
    },
    trials=64,
    by=0.01,  # nats: a smaller gain than this would not change which settings you take
)
