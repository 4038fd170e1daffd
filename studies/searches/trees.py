"""Which trees tell cancer from harmless lumps, with few errors and few nodes?

The data is scikit-learn's ``breast_cancer``: 569 patients, 30 measurements of each. There are two
objectives, so there may be no one best: several settings of which none is better in both.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import cross_val_predict, train_test_split

from harness import AtMost, Choice, Context, Float, Int, Metric, Scale, Search


def train(
    context: Context, method: str, trees: int, depth: int, rate: float | None, share: float | None
) -> dict[str, float]:
    """Grow trees, and return how often they are wrong and how many nodes they have."""
    x, y = load_breast_cancer(return_X_y=True)
    split = context.seed_for("split")
    x, x_test, sick, sick_test = train_test_split(x, y == 0, test_size=0.3, random_state=split)
    # What is not in use is None: a forest has no rate, and boosting no share.
    if method == "boosting":
        model = GradientBoostingClassifier(n_estimators=trees, max_depth=depth, learning_rate=rate)
    else:
        model = RandomForestClassifier(trees, max_depth=depth, max_features=share)
    model.set_params(random_state=context.seed_for("trees"))
    # Each patient is judged by trees that have not seen them.
    found = cross_val_predict(model, x, sick, cv=context.scale.folds)
    model.fit(x, sick)
    nodes = sum(each.tree_.node_count for each in np.ravel(model.estimators_))
    values = {"error": np.mean(found != sick), "missed": np.mean(~found[sick]), "nodes": nodes}
    if not context.choosing:  # while settings are chosen, the test patients stay unseen
        values["test_error"] = np.mean(model.predict(x_test) != sick_test)
    return {name: float(value) for name, value in values.items()}


search = Search(
    name="trees",
    question="Which trees tell cancer from harmless lumps, with few errors and few nodes?",
    space=(
        Choice("method", ("forest", "boosting")),
        Int("trees", 5, 100, log=True),
        Int("depth", 1, 6),
        # In use under a condition: so no trial is spent on what would change nothing.
        Float("rate", 0.01, 1.0, log=True, when={"method": "boosting"}),
        Float("share", 0.05, 1.0, log=True, when={"method": "forest"}),
    ),
    train=train,
    objective=("error", "nodes"),  # the number of nodes stands for size and time, and is exact
    constraints=(AtMost("missed", 0.1),),  # what misses more cancers is not taken
    metrics=(
        Metric("error", unit="fraction", better="lower", meaning="Share of patients misjudged."),
        Metric("missed", unit="fraction", better="lower", meaning="Share of cancers not seen."),
        Metric("nodes", better="lower", meaning="Nodes of all its trees."),
        Metric("test_error", unit="fraction", better="lower", meaning="Error on other patients."),
    ),
    scales={"quick": Scale(folds=5)},
    trials=60,
)  # fmt: skip
