"""Reports: judged results as one HTML page that stands alone, and as PDF; no statistic is computed.

``write_report`` writes the report of one study, ``write_index`` the page that links several.
``render_gate`` returns the page of a gate, ``render_history`` that of all gates over time;
``write_comparison`` writes that of runs compared.
"""

from .compared import write_comparison
from .gate import render_gate
from .gate_history import render_history
from .printing import Printing
from .render import Written, write_index, write_report

__all__ = [
    "Printing",
    "Written",
    "render_gate",
    "render_history",
    "write_comparison",
    "write_index",
    "write_report",
]
