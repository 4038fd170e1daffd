"""Where `harness.reports` and `harness.studies` are, should this be a checkout.

In the repository `reports/` and `studies/` are folders beside `harness/`; a wheel installs them
within it, because packages of these names at the top are other people's own. All code says
`harness.reports` and `harness.studies`, and in a checkout, or an editable install of one, the
package is searched beside itself, too.
"""

from pathlib import Path

PROJECT = 'name = "ablation-harness"'


def beside(package: str) -> list[str]:
    """Return where else the modules of the package are: its checkout, if it lies in one.

    Args:
        package: the folder of ``harness``.
    """
    home = Path(package)
    if (home / "reports").is_dir():  # installed
        return []
    try:
        project = (home.parent / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return []
    return [str(home.parent)] if PROJECT in project else []
