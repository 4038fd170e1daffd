"""What the README files and ARCHITECTURE.md point to is there."""

import re
from pathlib import Path

import pytest

from tests.layout import ROOT

TEXTS = sorted(
    [*ROOT.glob("*.md"), *(each for top in ("harness", "reports", "studies", "tests") for each in
     (ROOT / top).rglob("README.md"))]
)  # fmt: skip
EXAMPLES = {
    "my_study.py",
    "width.py",
    "sugar.py",
    "wine.py",
    "NAME.py",
    "optuna.py",
    "x.py",
    "mine.py",
    "rates.py",
}
"""Files of the reader's, which the texts speak of."""


def sections(file: Path) -> set[str]:
    """Return the names by which links find a text's headings."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


def test_there_are_texts() -> None:
    assert len(TEXTS) > 12


@pytest.mark.parametrize("text", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(text: Path) -> None:
    found = re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text.read_text(encoding="utf-8"))
    lost = []
    for link, section in found:
        if link.startswith("http"):
            continue
        file = text.parent / link if link else text
        if not file.exists() or (section and section not in sections(file)):
            lost.append(f"{link}#{section}")
    assert not lost


@pytest.mark.parametrize("text", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_modules_that_a_text_names_are_there(text: Path) -> None:
    """By a path within the repository, the harness or the text's own folder."""
    if text.name == "CHANGELOG.md":  # which tells of what was, too
        return
    words = re.findall(r"`((?:\w+/)*\w+\.py)`", text.read_text(encoding="utf-8"))
    known = [each.relative_to(ROOT).as_posix() for top in ("harness", "reports", "studies", "tests")
             for each in (ROOT / top).rglob("*.py")]  # fmt: skip
    lost = [
        word
        for word in words
        if Path(word).name not in EXAMPLES
        and not any(f"/{each}".endswith(f"/{word}") for each in known)
        and not (ROOT / word).exists()
    ]
    assert not lost


def test_the_modules_of_the_flow_are_there() -> None:
    """ARCHITECTURE.md names them as `room/module`, in the blocks that are no picture of rooms."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    flow = re.findall(r"```text\n(.*?)```", text, re.DOTALL)[-1]
    named = set(re.findall(r"\b[a-z]+/[a-z_]+\b", flow))
    assert len(named) > 20
    assert not [
        each
        for each in named
        if not any((top / f"{each}.py").is_file() for top in (ROOT / "harness", ROOT))
    ]
