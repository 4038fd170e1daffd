"""What all four ways have in common: what is asked."""

from harness import Equivalent, Factor, Higher, Metric, Scale

FACTORS = (Factor("width", (4, 32)), Factor("lr", (0.02, 0.1)))
QUESTION = "Does width matter more than the rate?"
SCALES = {"quick": Scale(epochs=6, seeds=6)}
CLAIMS = (
    Higher("32 beats 4.", metric="test_accuracy", by=0.05, higher={"width": 32},
           lower={"width": 4}),
    Equivalent("The rate does not matter at width 32.", metric="test_loss", by=0.3,
               first={"width": 32, "lr": 0.02}, second={"width": 32, "lr": 0.1}),
    Higher("At width 4 the lower rate has the higher loss.", metric="validation_loss", by=0.05,
           higher={"width": 4, "lr": 0.02}, lower={"width": 4, "lr": 0.1}),
)  # fmt: skip
METRICS = (
    Metric("validation_loss", "Validation loss", "nats", "lower", least=0),
    Metric("test_loss", "Test loss", "nats", "lower", least=0),
    Metric("test_accuracy", "Test accuracy", "fraction", "higher", least=0),
)
