"""A whole run in the worst of surroundings: everything is trained, and nothing of it is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

STUDY = '''"""Does it survive?"""
import os
from tests.tiny_study import *
from tests import tiny_study
from harness import Study, Factor, Higher, Scale
print("loading: é")
os.system("echo from a program")


def build(scale, width, lr):
    import beside_it
    os.write(1, b"from C\\n")
    return beside_it.training(scale, width, lr)


study = Study(
    name="odd", question="Is [4, 32] → “better”? See [/docs/x] :smile: $x$",
    factors=(Factor("width", {"[/relu]": 4, "ünï_$y$": 32}),), build=build,
    tuned=tiny_study.study.tuned, scales={"quick": Scale(epochs=1, seeds=5)},
    claims=(Higher("ünï − is [bold]better[/bold]", metric="test_accuracy",
                   higher={"width": "ünï_$y$"}, lower={"width": "[/relu]"}, by=0.01),),
)
'''

SURROUNDINGS = {
    "PYTHONWARNINGS": "error", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}  # fmt: skip

OUT = "what works? #1 %41;'{} é"


@pytest.mark.slow
def test_a_run_in_the_worst_of_surroundings(here: Path) -> None:
    (here / "odd.py").write_text(STUDY, encoding="utf-8")
    (here / "beside_it.py").write_text(
        "print('beside')\nfrom tests.tiny_study import build as training\n"
    )
    (here / "matplotlibrc").write_text("text.usetex: True\nbackend: nonsense\nfont.size: 40\n")

    def command(*words: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words, "--out", OUT], check=False,
            capture_output=True, env={**os.environ, **SURROUNDINGS}, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        assert not {b"loading", b"beside", b"from a program", b"from C"} & {
            each[:14].strip() for each in done.stdout.splitlines()
        }
        return done

    words = ("odd.py", "--no-tuning", "--no-profile", "--mode", "plain", "--workers", "1")
    done = command("run", *words)
    said = done.stdout.decode("ascii")
    assert 'Is [4, 32] -> "better"? See [/docs/x] :smile: $x$' in said
    assert "\\xfcn\\xef - is" in said
    assert "[bold]better[/bold]" in said
    assert done.stderr.count(b"loading: \\xe9") == 2  # by the command, and by its worker
    assert done.stderr.count(b"from C") > 2
    folder = here / OUT / "odd-quick"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "ünï − is [bold]better[/bold]" in page.replace("\u00a0", " ")
    (verdict,) = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert verdict["n"] == 5
    assert sorted(each.name for each in here.iterdir() if each.name[0] not in "_.") == sorted(
        ["beside_it.py", "matplotlibrc", "odd.py", OUT]
    ), "a stray file"
    (plan,) = json.loads(command("plan", "odd.py", "--no-tuning", "--json").stdout)["scales"]
    assert plan["done"] == 10
    (here / "x.csv").write_bytes(command("export", "odd.py").stdout)
    assert set(pd.read_csv(here / "x.csv")["width"]) == {4, 32}
