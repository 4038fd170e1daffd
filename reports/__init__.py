"""Reports: judged results as one HTML page that stands alone, and as PDF; no statistic is computed.

``write_report`` writes the report of one study, ``write_index`` the page that links several.
"""

from .printing import Printing
from .render import Written, write_index, write_report

__all__ = ["Printing", "Written", "write_index", "write_report"]
