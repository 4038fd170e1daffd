"""Do more trees help a random forest on digits, and is it the trees or the bootstrap?

No torch: any function that returns numbers is a trial.
"""

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from harness import Context, Equivalent, Factor, Higher, Metric, Scale, Study, Tuned


def train(context: Context, trees: int, bootstrap: bool, features: float) -> dict[str, float]:
    """Grow one forest, and return how much of each part it classifies correctly."""
    x, y = load_digits(return_X_y=True)
    split = context.seed_for("split")
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.3, random_state=split)
    x, x_held, y, y_held = train_test_split(x, y, test_size=0.25, random_state=split)
    forest = RandomForestClassifier(
        trees, bootstrap=bootstrap, max_features=features, random_state=context.seed_for("trees")
    )
    with context.timed("fit"):
        forest.fit(x[: context.scale.images], y[: context.scale.images])
    accuracy = forest.score(x_held, y_held)
    if context.choosing:
        return {"validation_accuracy": accuracy}
    return {"validation_accuracy": accuracy, "test_accuracy": forest.score(x_test, y_test)}


study = Study(
    name="forest",
    question="Do more trees help a random forest on digits?",
    factors=(Factor("trees", (5, 60)), Factor("bootstrap", (True, False))),
    tuned=(Tuned("features", 0.05, 1.0, log=True, trials=5),),
    train=train,
    objective="validation_accuracy",
    metrics=(
        Metric("validation_accuracy", unit="fraction", better="higher", least=0),
        Metric("test_accuracy", unit="fraction", better="higher", least=0),
    ),
    scales={"quick": Scale(images=300, seeds=10)},
    claims=(
        Higher("60 trees classify better than 5.", metric="test_accuracy", by=0.02,
               higher={"trees": 60}, lower={"trees": 5}),
        Equivalent("With 60 trees the bootstrap changes nothing.", metric="test_accuracy", by=0.01,
                   first={"trees": 60, "bootstrap": True},
                   second={"trees": 60, "bootstrap": False}),
    ),
)  # fmt: skip
