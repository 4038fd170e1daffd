"""Which edits change a key: those that change what a Training does, and no others."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import io
import json
import linecache
import os
import shutil
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.identity.canonical import canonical, definitions
from harness.identity.code import VERSION, code_of, normalised
from harness.identity.words import without_words
from harness.messages.errors import HarnessError
from harness.optim import SGD
from harness.trials.trial import make_trial

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "harness").rglob("*.py"))

# ---- normalised ---------------------------------------------------------------------------------

SAME = [
    ("x = 1\n", "x=1\n"),
    ("x = 1\n", "x = 1  # why\n"),
    ("x = 1\n", "\n\n# why\nx = 1\n\n"),
    ("x = 1\n", "x = 1"),
    ("x = 1\n", "x = 1\r\n"),
    ("x = 1\n", '"""What it is."""\n\nx = 1\n'),
    ("x = 1\n", "r'''What\nit is.'''\nx = 1\n"),
    ("x: int = 1\n", "x: int = 1\n'What x is.'\n"),
    ("def f():\n    return 1\n", "def f():\n  'One.'\n\n  # why\n  return 1\n"),
    ("f(a, b)\n", "f(\n    a,  # first\n    b)\n"),
    ("x = 1 + 2\n", "x = 1 + \\\n    2\n"),
    ("@a\ndef f(): pass\n", "@a\n\n# why\ndef f(): pass\n"),
    ("if x:\n    a\n    b\n", "if x:\n  a\n\n  b\n"),
    ("x = '1' if y else '2'\n", "x = '1'if y else'2'\n"),
    (
        "class A:\n    def g(self):\n        def h():\n            return 'kept'\n",
        (
            'class A:\n  """A.\n\n  Long.\n  """\n  def g(self):\n    def h():\n      "H."\n'
            "      return 'kept'\n"
        ),
    ),
    ("x = f'{a} b'\n", "x  =  f'{a} b'  # why\n"),
]
OTHER = [
    ("x = 1\n", "x = 2\n"),
    ("x = 1\n", "y = 1\n"),
    ("x = 1\n", "x = 1.0\n"),
    ("x = -1\n", "x = 1\n"),
    ("x = 'a'\n", "x = 'b'\n"),
    ("x = 'a b'\n", "x = 'a  b'\n"),
    ("x = 'a # b'\n", "x = 'a # c'\n"),
    ("x = 'ab'\n", "x = 'a' 'c'\n"),
    ("x = 'a'\n", "x = b'a'\n"),
    ("x = f'{a} b'\n", "x = f'{a} c'\n"),
    ("x = f'{a} b'\n", "x = f'{b} b'\n"),
    ("x = f'{a:.2f}'\n", "x = f'{a:.3f}'\n"),
    ("x = f'{a!r}'\n", "x = f'{a!s}'\n"),
    ("x = f'{a}'\n", "x = f'{{a}}'\n"),
    ("x = f'{a}'\n", "x = '{a}'\n"),
    ("x = f'{f\"{a}\"}'\n", "x = f'{f\"{{a}}\"}'\n"),
    ("x = f'''{a}\n  b'''\n", "x = f'''{a}\n b'''\n"),
    ("x = f'é{a}', b\n", "x = f'é{a}', c\n"),
    ("x = f'{a  }  b'\n", "x = f'{a  } b'\n"),
    ("if x:\n    a\nb\n", "if x:\n    a\n    b\n"),
    ("if x:\n if y:\n  a\n else:\n  b\n", "if x:\n if y:\n  a\nelse:\n b\n"),
    ("return not x\n", "return notx\n"),
    ("x = 1 if y else 2\n", "x = 2 if y else 1\n"),
    ("f(a, b)\n", "f(b, a)\n"),
    ("x = (1)\n", "x = (1,)\n"),
    ("a\nb\n", "a, b\n"),
    ("a\nb\n", "a b\n"),
    ("def f():\n    'One.'\n    return 1\n", "def f():\n    'One.'\n    return 'One.'\n"),
    ("x = [\n    'a',\n    'b',\n]\n", "x = [\n    'a',\n]\n"),
    ("x = (\n    'a'\n    'b'\n)\n", "x = (\n    'b'\n)\n"),
    ("f(\n'a'\n)\n", "f(\n)\n"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_comments_docstrings_and_layout_do_not_count(one, other):
    assert one != other
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_everything_else_counts(one, other):
    assert normalised(one) != normalised(other)


def without_docstrings(source: str) -> str:
    """Python's own reading of a program, for comparison."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                each for each in body
                if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
                        and isinstance(each.value.value, str))
            ]  # fmt: skip
    return ast.dump(tree)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_packages_own_files_commented_all_over(file):
    """After each token that may end a line, a comment and blank lines."""
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    open_lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.start[0] != token.end[0]
        for line in range(token.start[0], token.end[0])
    }  # those that end within a string
    commented = "".join(
        line
        if number in open_lines or line.rstrip().endswith("\\")
        else line.rstrip("\n") + "  # why\n\n    # indeed\n"
        for number, line in enumerate(lines, 1)
    )
    assert commented != source or not source
    assert without_docstrings(commented) == without_docstrings(source)
    assert normalised(commented) == normalised(source)


SOURCE = (ROOT / "harness/trainer/train.py").read_text(encoding="utf-8")
TOKENS = [
    token
    for token in tokenize.generate_tokens(io.StringIO(SOURCE).readline)
    if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING)
]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TOKENS) - 1), st.sampled_from(["7", "other", "", "'text'", ","]))
def test_replacing_a_token_counts_if_python_reads_another_program(index, word):
    token = TOKENS[index]
    lines = SOURCE.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    begin = starts[token.start[0] - 1] + token.start[1]
    end = starts[token.end[0] - 1] + token.end[1]
    changed = f"{SOURCE[:begin]} {word} {SOURCE[end:]}"
    try:
        differs = without_docstrings(changed) != without_docstrings(SOURCE)
    except SyntaxError:
        return
    if differs:
        assert normalised(changed) != normalised(SOURCE)


# ---- the package's own code ---------------------------------------------------------------------

KEYS_AFTER_EDITS = """
import json, sys
from pathlib import Path
import harness
from harness import Factor, Scale, Study, Training
from harness.data import digits
from harness.models import MLP, ConvNet
from harness.optim import SGD
from harness.trials import trial

root = Path(sys.argv[1])
assert Path(harness.__file__).is_relative_to(root), harness.__file__


def build(scale, model):
    return Training(digits(), model, SGD(0.1), batch_size=20, epochs=1)


study = Study(
    name="one", question="Which key?", build=build, scales={"quick": Scale(seeds=1)},
    factors=(Factor("model", {"conv": ConvNet(8), "mlp": MLP()}),),
)


def keys():
    trial.code_by_definitions.cache_clear()
    return [trial.make_trial(study, "quick", a, 0, "evaluate", {}).key for a in study.arms("quick")]


answers = {"": keys()}
for name, (file, old, new) in json.loads(sys.stdin.read()).items():
    source = (root / "harness" / file).read_text(encoding="utf-8")
    assert old in source, (file, old)
    assert old != new
    (root / "harness" / file).write_text(source.replace(old, new, 1), encoding="utf-8")
    answers[name] = keys()
    (root / "harness" / file).write_text(source, encoding="utf-8")
answers["again"] = keys()
print(json.dumps(answers))
"""

BOTH, CONV, PERCEPTRON, NEITHER = (True, True), (True, False), (False, True), (False, False)
# file below harness/, what stands there, what is put there; which of the two trials' keys change
MUST_CHANGE: dict[str, tuple[str, str, str, tuple[bool, bool]]] = {
    "trainer": ("engines/evaluate.py", "= 100_000, 50", "= 100_000, 51", BOTH),
    "an epoch": ("engines/plain.py", "number * member.steps + index", "number + index", BOTH),
    "a fused step": ("engines/slot.py", "= grad_and_value(objective)", "= vmap(objective)", BOTH),
    "what a step is": ("engines/step.py", "of(vector), factor,", "of(vector), 1,", BOTH),
    "a step": ("engines/step.py", "optimizer.lr * factor", "optimizer.lr * factor * 1", BOTH),
    "streams": ("randomness/streams.py", "np.uint64(1)", "np.uint64(2)", BOTH),
    "a purpose": ("engines/prepared.py", '"order"', '"orders"', BOTH),
    "a purpose in two words": ("measures/gradients.py", '"first batch"', '"first"', BOTH),
    "a text with a name": ("models/checks.py", '= "dropout, norm"', '= "last, norm"', BOTH),
    "a draw": ("randomness/counting.py", "* 2.0**-24", "* 2.0**-25", BOTH),
    "loss": ("tasks/losses.py", "F.cross_entropy(", "1 * F.cross_entropy(", BOTH),
    "optimizer": ("optim/sgd.py", "params - grads * (", "params - 1 * grads * (", BOTH),
    "what optimizers share": ("optim/base.py", "def with_decay(", "def with_decay(*, x=1, ",
                              BOTH),
    "schedule": ("schedules.py", "np.ones(steps)", "np.zeros(steps)", BOTH),
    "data": ("data/embedded.py", "/ 16", "/ 17", BOTH),
    "splits": ("data/splits.py", "torch.where(constant, 1.0", "torch.where(constant, 2.0",
               BOTH),
    "drawing": ("data/sizes.py", "available // 5", "available // 6", BOTH),
    "dropout": ("models/dropout.py", "= uniform(", "= 1 - uniform(", BOTH),
    "training": ("training/training.py", "batch_size * self.batches", "batch_size * 2", BOTH),
    "always measured": ("measures/weights.py", "weights == 0", "weights <= 0", BOTH),
    "convolutional": ("models/convnet_module.py", "mean(dim=(2, 3))", "amax(dim=(2, 3))",
                      CONV),
    "perceptron": ("models/mlp.py", "nn.Flatten()", "nn.Flatten(1)", PERCEPTRON),
}  # fmt: skip
MUST_NOT: dict[str, tuple[str, str, str]] = {
    "comment": ("trainer/train.py", "import time\n", "import time  # for clocks\n"),
    "blank lines": ("trainer/train.py", "\n\n\n@dataclass(frozen=True)\nclass Req",
                    "\n\n\n\n\n@dataclass(frozen=True)\nclass Req"),
    "module docstring": ("trainer/train.py", '"""Training: from', '"""A training: from'),
    "docstring": ("trainer/train.py", "Train once, in the plain", "Train, in the plain"),
    "docstring of a field": ("engines/network.py", "zero where it does not", "0 where it does not"),
    "a title": ("study/metrics.py", '"Failed runs"', '"Failed"'),
    "the glossary": ("study/metrics.py", "Share of weights", "Fraction of weights"),
    "what is meant": ("messages/errors.py", "Did you mean", "Is it"),
    "how errors look": ("messages/errors.py", "class HarnessError(", "_X = 1\nclass HarnessError("),
    "an error of the Training": ("training/training.py", "must be given, or", "must be told, or"),
    "an error with a value": ("training/training.py", "{name}={example}, say", "{name}=8"),
    "an error of a network": ("engines/network.py", "network must give", "network has to give"),
    "an error of a loss": ("messages/checks.py", "be a whole number", "be whole"),
    "an error in the trainer": ("engines/prepared.py", " must be at most the", " is at most the"),
    "the word for a mode": ("engines/modes.py", " at a time", " side by side"),
    "why not fused": ("engines/fusable.py", "their networks differ", "the networks differ"),
    "another loss": ("tasks/losses.py", "\n\n@dataclass", "\n\nX = 1\n@dataclass"),
    "another schedule": ("schedules.py", "_warm(0.5 *", "_warm(0.6 *"),
    "another function": ("trainer/train.py", "\n\n@dataclass(frozen=True)\nclass Req",
                         "\n\nX = 1\n@dataclass(frozen=True)\nclass Req"),
    "an import": ("trainer/train.py", "import gc\n", "import gc\nimport cmath\n"),
    "another optimizer": ("optim/adam.py", "beta2: float = 0.999", "beta2: float = 0.99"),
    "another measure": ("measures/sharpness.py", "def ", "def _"),
    "other data": ("data/vision.py", "import warnings\n", "import warnings\nEXTRA = 1\n"),
    "own data": ("data/targets.py", "if labels.ndim > 1:", "if labels.ndim > 2:"),
    "scales": ("study/scales.py", '"tuning", tuning, 5', '"tuning", tuning, 6'),
    "study": ("study/checks.py", "{0,63}", "{0,62}"),
    "claims": ("study/claims/base.py", "0 < self.by <", "0 <= self.by <"),
    "plan": ("trials/trial.py", "TUNING_SEED = 1_000_000", "TUNING_SEED = 1_000_001"),
    "search": ("planning/tuning.py", "<= 0.05", "<= 0.06"),
    "statistics": ("stats/paired.py", "import math\n", "import math\nEXTRA = 1\n"),
    "package": ("__init__.py", '"0.1.0"', '"0.1.1"'),
    "models": ("models/__init__.py", "__all__", "EXTRA = 1\n__all__"),
    "report": ("../reports/page.py", "import ", "import this_is_not_read\nimport "),
}  # fmt: skip
EDITS = MUST_CHANGE | {name: (*edit, NEITHER) for name, edit in MUST_NOT.items()}


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, list[str]]:
    """Keys of two trials after each edit, from one process that runs a copy of the package."""
    root = tmp_path_factory.mktemp("copy")
    for package in ("harness", "reports"):
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    edits = {name: edit[:3] for name, edit in EDITS.items()}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", KEYS_AFTER_EDITS, str(root)],
        input=json.dumps(edits), capture_output=True, text=True, check=False, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_package_changes_the_keys_of_what_it_means(edit, answers):
    changed = tuple(one != other for one, other in zip(answers[edit], answers[""], strict=True))
    assert changed == EDITS[edit][3]


def test_undoing_the_edits_gives_the_old_keys(answers):
    assert answers["again"] == answers[""]
    assert answers[""][0] != answers[""][1]


def test_the_trainer_alone():
    """No study, no command, no statistics, no report: those may change between two runs."""
    found = code_of([])
    assert found.pop("keys") == VERSION
    modules = {name.partition(":")[0].removeprefix("harness.") for name in found}
    assert all(":" in name and len(text) == 10 for name, text in found.items())
    assert modules == TRAINER
    assert {
        "harness.train:train",
        "harness.streams:torch_seed",
        "harness.training:Training",
    } <= set(found)


TRAINER = {
    "agreement", "always", "asked", "calibration", "called", "canonical", "counting", "dropout",
    "evaluate", "failures", "fitting", "floats", "fusable", "fused", "gradients", "kept",
    "kinds", "losses", "modes", "needed", "network", "parts", "plain", "prepared", "programs",
    "scaling", "schedules", "scores", "sizes", "slot", "spans", "splits", "stacked", "step",
    "stopping", "streams", "structure", "task", "train", "trained", "training", "tried",
    "updates", "weights",
}  # fmt: skip
"""Modules of which something counts for every trial: short, and known by name."""


def test_texts_that_numbers_are_drawn_by_count():
    """Although some have a blank, as words for people have."""
    drawn_by = {
        "draws", "kept", "named", "normal", "permutation", "stream", "torch_seed", "trial_key",
        "uniform", "within",
    }  # fmt: skip
    seen = 0
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            if getattr(node.func, "attr", getattr(node.func, "id", "")) in drawn_by:
                text = ast.unparse(node)
                seen += "'" in text
                assert without_words(f"x = [{text}]") == f"x = [{text}]", file
    assert seen > 15


@pytest.mark.parametrize("text", [
    "raise ValueError('no')", "raise HarnessError('a', f'{x}', near(x, y))",
    "return_('two words')", "f(f'{a} b' 'c')", "warnings.warn('so')",
    "def f():\n    x = (\n    'one '\n    'two'\n)",
    "def f():\n    raise E(\n        'é', x\n    )\n", "f('é ' + near(1, 2), 'b c')",
])  # fmt: skip
def test_words_for_people_are_left_out_and_what_remains_is_python(text):
    ast.parse(without_words(text))
    for word in ("no", "two", "words", "near", "so", "c", "é", "x)"):
        assert word not in without_words(text).replace("raise", "").replace("Harness", "")


def test_texts_that_are_no_words_for_people_stay():
    text = "x = 'one' + f'{a}' + g(two, 'b')\nORDER = 'norm, dropout'\nraise StopIteration\n"
    assert without_words(text) == text


# ---- a user's own code --------------------------------------------------------------------------

OWN = '''
"""A study with a network of its own."""

import functools
import math
from dataclasses import dataclass

import torch
from torch import nn

import harness.models.mlp as perceptrons
import own_helpers
from harness import Factor, Higher, Scale, Study, Training
from harness.data import digits
from harness.models import ConvNet
from harness.optim import SGD
from own_helpers import imported

WIDTH = 32
UNUSED = 1
KINDS = {"relu": nn.ReLU, "own": lambda: Activation()}
TABLE = {
    "double": lambda value: 2 * value,
}


class Activation(nn.Module):
    """Clamps."""

    def forward(self, values):
        return limit(values)


def limit(values):
    """Return values of at most 1."""
    return values.clamp(max=math.sqrt(1.0))


@functools.cache
def layers():
    return 2


def unused():
    return 1


@dataclass(frozen=True)
class Options:
    bias: bool = True


class Base:
    def last(self, classes):
        return nn.Linear(WIDTH, classes, bias=OPTIONS.bias)


OPTIONS = Options()


@dataclass(frozen=True)
class Net(Base):
    """A network."""

    kind: str = "own"

    def build(self, shape, classes):
        width = TABLE["double"](WIDTH) // layers()  # of the hidden layer
        first = nn.Linear(imported(math.prod(shape)), width)
        inner = [KINDS[self.kind](), own_helpers.by_module(), perceptrons.MLP]
        return nn.Sequential(nn.Flatten(), first, *inner[:1], self.last(classes))


def build(scale, net):
    model = Net() if net == "own" else ConvNet(8)
    return Training(digits(), model, SGD(0.1), batch_size=20, epochs=1)


study = Study(
    name="own",
    question="Does it help?",
    factors=(Factor("net", ("own", "theirs")),),
    build=build,
    scales={"quick": Scale(seeds=2)},
    claims=(Higher("It does.", "test_loss", 0.1, higher={"net": "own"}, lower={"net": "theirs"}),),
)
'''

HELPERS = """
from torch import nn


def imported(size):
    return size


def by_module():
    return nn.Identity()
"""


def trials(folder: Path, monkeypatch, own: str = OWN, helpers: str = HELPERS) -> list[Any]:
    """The trials of the study as these two files have it."""
    folder.mkdir()
    for name, source in (("own_helpers", helpers), ("own", own)):
        file = folder / f"{name}.py"
        file.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    study = module.study
    return [make_trial(study, "quick", arm, 0, "evaluate", {}) for arm in study.arms("quick")]


OWN_EDITS = {
    "its statement": ("width)\n", "width, bias=False)\n", True),
    "its default": ('kind: str = "own"', 'kind: str = "relu"', True),
    "its docstring": ('"""A network."""', '"""A net."""', False),
    "its comment": ("# of the hidden layer", "# hidden", False),
    "its layout": ("imported(math.prod(shape)), width)", "imported(\n  math.prod(shape)), width)",
                   False),
    "its base class": ("bias=OPTIONS.bias)", "bias=not OPTIONS.bias)", True),
    "a class it names": ("return limit(values)", "return -limit(values)", True),
    "a helper's helper": ("clamp(max=", "clamp(min=", True),
    "a helper's docstring": ("at most 1", "1 at most", False),
    "a cached helper": ("return 2", "return 3", True),
    "a lambda": ("2 * value", "3 * value", True),
    "a constant": ("WIDTH = 32", "WIDTH = 64", True),
    "a class in a table": ("nn.ReLU", "nn.Tanh", True),
    "an object it names": ("OPTIONS = Options()", "OPTIONS = Options(bias=False)", True),
    "an object's class": ("bias: bool = True", "bias: bool = 1 > 0", True),
    "what nobody names": ("def unused():\n    return 1", "def unused():\n    return 7", False),
    "a constant nobody names": ("UNUSED = 1", "UNUSED = 2", False),
    "a claim's text": ("It does.", "It does help.", False),
    "a claim's margin": ("0.1, higher", "0.2, higher", False),
    "the question": ("Does it help?", "Does it?", False),
    "the seeds": ("seeds=2", "seeds=3", False),
    "how build is written": ('Net() if net == "own" else ConvNet(8)',
                             'ConvNet(8) if net != "own" else Net()', False),
}  # fmt: skip


@pytest.mark.parametrize("edit", OWN_EDITS)
def test_an_edit_of_the_users_own_network(edit, tmp_path, monkeypatch):
    old, new, counts = OWN_EDITS[edit]
    assert OWN.count(old) == 1
    before = trials(tmp_path / "before", monkeypatch)
    after = trials(tmp_path / "after", monkeypatch, OWN.replace(old, new))
    assert (before[0].key != after[0].key) == counts
    assert before[1].key == after[1].key  # the arm without it
    assert before[0].written == after[0].written


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("return size", "return size + 0", True),
        ("nn.Identity()", "nn.Dropout()", True),
        ("def imported(size):", "# why\ndef imported(size):\n    'Same.'", False),
    ],
)
def test_an_edit_of_a_file_beside_the_study(old, new, counts, tmp_path, monkeypatch):
    before = trials(tmp_path / "before", monkeypatch)
    after = trials(tmp_path / "after", monkeypatch, helpers=HELPERS.replace(old, new))
    assert (before[0].key != after[0].key) == counts
    assert before[1].key == after[1].key


def test_the_code_that_a_users_network_rests_on(tmp_path, monkeypatch):
    own, theirs = trials(tmp_path / "study", monkeypatch)
    mine = {name for name in own.code if not name.startswith("harness.")}
    assert {"own:Net", "own:Base", "own:Activation", "own:limit", "own:layers", "own:Options",
            "own_helpers:imported"} <= mine  # fmt: skip
    assert not {"own:unused", "own:build"} & mine
    assert {name for name in theirs.code if not name.startswith("harness.")} == {"keys"}
    # what it takes from the package counts, although the Training names it nowhere
    assert "harness.mlp" in own.code  # by `import harness.models.mlp`, which is the whole file
    assert "harness.mlp" not in theirs.code
    assert "harness.convnet:ConvNet" in theirs.code
    assert "harness.convnet:ConvNet" not in own.code
    assert own.key != theirs.key


def test_moving_the_study_changes_no_key(tmp_path, monkeypatch):
    here = trials(tmp_path / "here", monkeypatch)
    there = trials(tmp_path / "there", monkeypatch)
    assert [trial.key for trial in here] == [trial.key for trial in there]


# ---- what a user's definition rests on, form by form --------------------------------------------

NET = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Net:
    def build(self, shape, classes):
        return {}
"""
HELPERS_TWO = {"rest_helper": "import rest_other\ndef f():\n    return rest_other.g()\n",
               "rest_other": "def g():\n    return 1\ndef h():\n    return 2\n"}  # fmt: skip
PARTIAL = "from functools import partial\ndef leaky(x, by): ...\nACT = partial(leaky, by=0.1)\n"
TYPED = """
from typing import TYPE_CHECKING
class A:
    if TYPE_CHECKING:
        size: int = 5
class B:
    def f(self):
        if TYPE_CHECKING:
            size: int = 5
if 1:
    if TYPE_CHECKING:
        import rest_other
SIZE = 1
"""
BRANCHES = """
import sys
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    SIZE = 0
elif sys.version_info >= (3, 0):
    SIZE = 1
else:
    SIZE = 2
if TYPE_CHECKING:
    OTHER = 0
else:
    try:
        import rest_none
        OTHER = 2
    except ImportError:
        OTHER = 1
"""
NESTED = """
SIZE = 1
def f():
    SIZE = 2
    def g():
        nonlocal SIZE
        SIZE = 4
    return g
"""
REGISTRY = """
TABLE = {}
def register(name):
    def enter(kind):
        TABLE[name] = kind
        return kind
    return enter
@register("own")
def own():
    return 1
"""
# what stands above the network, what its build names, an edit (file, old, new), whether it counts
FORMS: dict[str, tuple[str, str, tuple[str, str, str], bool]] = {
    "tensor": ("import torch\nSCALE = torch.tensor([1.0])\n", "SCALE",
               ("", "[1.0]", "[2.0]"), True),
    "enum": ("import enum\nclass Mode(enum.Enum):\n    ONE = 1\n", "Mode.ONE",
             ("", "ONE = 1", "ONE = 2"), True),
    "partial": (PARTIAL, "ACT(1)", ("", "by=0.1", "by=0.9"), True),
    "pattern": ("import re\nWORD = re.compile('a')\n", "WORD", ("", "'a'", "'b'"), True),
    "instance": ("class Plain:\n    def __init__(self, x): ...\nPLAIN = Plain(1)\n", "PLAIN",
                 ("", "Plain(1)", "Plain(2)"), True),
    "changed later": ("TABLE = {}\nTABLE['a'] = 1\n", "TABLE", ("", "= 1", "= 2"), True),
    "call": ("TABLE = {}\nTABLE.update(a=1)\n", "TABLE", ("", "a=1", "a=2"), True),
    "block": ("if True:\n    SIZE = 1\nelse:\n    SIZE = 2\n", "SIZE", ("", "= 2", "= 3"), True),
    "with": ("import torch\nwith torch.no_grad():\n    SIZE = 1\n", "SIZE",
             ("", "= 1", "= 2"), True),
    "global": ("SIZE = 1\ndef grow():\n    global SIZE\n    SIZE = 2\ngrow()\n", "SIZE",
               ("", "= 2", "= 3"), True),
    "registry": (REGISTRY, "TABLE['own']", ("", "return 1", "return 2"), True),
    "alias": ("from torch.nn import ReLU as Act\n", "Act()", ("", "ReLU", "Tanh"), True),
    "import in build": ("", "__import__; from rest_other import g; g()",
                        ("rest_other", "return 1", "return 3"), True),
    "another name there": ("", "0; from rest_other import g; g()",
                           ("rest_other", "return 2", "return 3"), False),
    "helper's helper": ("import rest_helper\n", "rest_helper.f()",
                        ("rest_other", "return 1", "return 3"), True),
    "from helper": ("from rest_helper import f\n", "f()",
                    ("rest_other", "return 1", "return 3"), True),
    "star": ("from rest_other import *\n", "g()", ("rest_other", "return 1", "return 3"), True),
    "unused import": ("import rest_helper\n", "1", ("rest_other", "return 1", "return 3"), False),
    "type checking": ("import typing\nif typing.TYPE_CHECKING:\n    import rest_other\n",
                      "rest_other", ("rest_other", "return 1", "return 3"), False),
    "local name": ("SIZE = 1\n", "[SIZE := 2, SIZE]", ("", "SIZE = 1", "SIZE = 3"), False),
    "beside a comprehension's own name": ("SIZE = 1\n", "[SIZE for SIZE in (2,)], SIZE",
                                          ("", "SIZE = 1", "SIZE = 3"), True),
    "within a class that has one of that name": (
        "SIZE = 1\nclass A:\n    SIZE = 5\n    def f(self):\n        return SIZE\n", "A().f()",
        ("", "SIZE = 1\n", "SIZE = 3\n"), True),
    "nonlocal": (NESTED, "f()", ("", "SIZE = 1\n", "SIZE = 3\n"), False),
    "typed mixin": (TYPED, "A, B, SIZE", ("", "SIZE = 1", "SIZE = 2"), True),
    "elif beside type checking": (BRANCHES, "SIZE", ("", "SIZE = 1", "SIZE = 3"), True),
    "try beside type checking": (BRANCHES, "OTHER", ("", "OTHER = 1", "OTHER = 3"), True),
    "semicolons": ("ONE = 1; TWO = 'é'; THREE = 3\n", "TWO", ("", "'é'", "'è'"), True),
    "script": ("SIZE = 1\nif __name__ == '__main__':\n    print(SIZE, 1)\n", "SIZE",
               ("", "print(SIZE, 1)", "print(SIZE, 2)"), False),
}  # fmt: skip


def code_of_net(folder: Path, monkeypatch, above: str, named: str, edit: tuple[str, str, str]):
    """What the code of the network in a study of this text is."""
    folder.mkdir()
    files = {**HELPERS_TWO, "rest_net": above + NET.replace("return {}", f"return {named}")}
    where, old, new = edit
    where = where or "rest_net"
    assert old in files[where]
    files[where] = files[where].replace(old, new)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location("rest_net", folder / "rest_net.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "rest_net", module)
    spec.loader.exec_module(module)
    return code_of([module.Net])


@pytest.mark.parametrize("form", FORMS)
def test_code_that_a_network_rests_on_counts_in_any_form(form, tmp_path, monkeypatch):
    above, named, edit, counts = FORMS[form]
    before = code_of_net(tmp_path / "one", monkeypatch, above, named, (edit[0], edit[1], edit[1]))
    after = code_of_net(tmp_path / "two", monkeypatch, above, named, edit)
    assert (before != after) == counts
    assert "rest_net:Net" in before


def test_an_installed_package_counts_by_its_version(tmp_path, monkeypatch):
    given = ("import sklearn.svm as svm\nimport torch\n", "svm.SVC, torch.nn", ("", "svm", "svm"))
    one = code_of_net(tmp_path / "one", monkeypatch, *given)
    version = importlib.metadata.version("scikit-learn")
    packages = {name: each for name, each in one.items() if name.startswith("package ")}
    assert packages == {"package scikit-learn": version}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99")
    two = code_of_net(tmp_path / "two", monkeypatch, *given)
    assert {name for name in one if one[name] != two[name]} == {"package scikit-learn"}


def test_a_class_without_source_text_is_refused():
    space: dict[str, Any] = {"__name__": "typed_in"}
    exec("class Net:\n    def build(self): ...\n", space)
    with pytest.raises(HarnessError, match="must be written in a file") as caught:
        code_of([space["Net"]])
    assert "typed_in.Net" in str(caught.value)
    bare: dict[str, Any] = {}
    exec("class Net:\n    def build(self): ...\n", bare)  # says that it is of builtins
    with pytest.raises(HarnessError, match="must be written in a file"):
        code_of([bare["Net"]])


def leaky(slope):
    def act(values):
        return values * slope

    return act


def wide(width):
    @dataclass(frozen=True)
    class Net:
        depth: int = 1

        def build(self, shape, classes):
            return width

    return Net()


def decorated(function):
    @functools.wraps(function)
    def outer(*given):
        return function(*given)

    return outer


@decorated
def doubled(values):
    return 2 * values


@pytest.mark.parametrize(
    "value", [leaky(0.1), functools.partial(max, 1), [3].append, SGD(0.1).update, wide(1)]
)
def test_a_function_that_carries_values_is_refused(value):
    for write in (canonical, lambda given: list(definitions(given))):
        with pytest.raises(HarnessError, match="frozen dataclass") as caught:
            write([value])
        assert "\n" not in str(caught.value)


def test_a_function_that_its_name_finds_is_written_by_its_name():
    assert canonical(doubled) == {"name": "doubled"}
    assert canonical(len) == {"name": "len"}
    assert canonical(dict.fromkeys) == {"name": "dict.fromkeys"}


def test_a_whole_number_is_the_float_that_its_field_declares():
    assert json.dumps(canonical(SGD(lr=1))) == json.dumps(canonical(SGD(lr=1.0)))
    assert canonical(SGD(lr=0.1, momentum=0)) == canonical(SGD(lr=0.1))


def test_a_notebooks_cell_counts_as_a_file(monkeypatch):
    """IPython, and Python's prompt from 3.13 on, keep the lines of what is typed in."""
    found = []
    for number, size in enumerate((1, 1, 2)):
        text = f"SIZE = {size}\nclass Net:\n    def build(self):\n        return SIZE\n"
        name = f"<cell {number}>"
        lines = (len(text), None, text.splitlines(keepends=True), name)
        monkeypatch.setitem(linecache.cache, name, lines)
        space: dict[str, Any] = {"__name__": "a_notebook"}
        exec(compile(text, name, "exec"), space)
        found.append(code_of([space["Net"]]))
    assert {"__main__:Net", "__main__:SIZE"} <= set(found[0])
    assert found[0] == found[1] != found[2]
